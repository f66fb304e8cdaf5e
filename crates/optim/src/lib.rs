//! Update rules as graphs, schedules as plain functions.
//!
//! A family is one file and its registry row: [`sgd`], [`adam`], [`adamw`]. A row's `build` appends the update to the graph that holds parameters
//! and gradients, so that the whole training step is one program. **Every numeric hyper-parameter is a run-time scalar of the graph**
//! (`optim.lr`, `optim.weight_decay`, …), never folded into it: [`scalars`] computes their values for a step, in double precision. So one program
//! serves every rate, decay and schedule; only words, and zeros that switch a part off (`momentum`, `clip`, `noise_grad`, `noise_update`), change
//! the program.
//!
//! Conventions are PyTorch's. In one step, counted from t = 0:
//! 1. the gradients are clipped to a global norm, as `clip_grad_norm_` (factor min(1, clip / (norm + 1e-6)));
//! 2. noise is added to them;
//! 3. coupled decay adds λ·p to them; or decay `before` the step multiplies p by 1 − lr·λ (decoupled, PyTorch's AdamW);
//! 4. p moves by −lr times a direction (see each row), with the rate of [`factor`];
//! 5. or decay `after` the step multiplies the moved p by 1 − lr·λ.
//!
//! ```
//! use pennydrop_graph::Graph;
//! use pennydrop_optim::{ParamIn, build, find, scalars};
//! use pennydrop_registry::{Args, Value};
//! let args = Args::check("optim", find("adamw")?, [("weight_decay".to_string(), Value::Float(1.0))])?;
//! let mut g = Graph::new(vec![]);
//! let node = g.state("w", &[3]);
//! let grad = g.scale(node, 2.0);
//! let built = build(&mut g, &args, &[ParamIn { name: "w".into(), state: 0, node, grad, decays: true, initial: None }])?;
//! assert_eq!((built.updates.len(), built.moments.len()), (3, 2)); // w, and its two moments
//! let mut values = vec![0.0; g.scalars.len()];
//! scalars(&args, &g.scalars, 0, 1000, &mut values);
//! # Ok::<(), pennydrop_registry::SpecError>(())
//! ```

pub mod adam;
pub mod adamw;
mod common;
mod schedule;
pub mod sgd;

pub use schedule::{factor, scalars};

use pennydrop_graph::{Graph, Id};
use pennydrop_registry::{Args, Row, SpecError};

/// A trained tensor and its gradient, in one graph.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamIn {
    /// Documented name; moments are called `optim.m.NAME` and so on.
    pub name: String,
    /// Index in [`Graph::states`].
    pub state: usize,
    /// Its node.
    pub node: Id,
    /// Gradient of the objective: same shape, unit domain.
    pub grad: Id,
    /// Whether weight decay applies to it (the caller resolves `decay_on`).
    pub decays: bool,
    /// A node with its first value, where decay goes toward that ([`toward_init`]).
    pub initial: Option<Id>,
}

/// An update in a graph.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Built {
    /// For each state that changes (parameters, then moments), the node with its new value.
    pub updates: Vec<(usize, Id)>,
    /// States that the rule declared; all start at zero.
    pub moments: Vec<usize>,
}

/// One optimizer that can be named in a spec.
#[derive(Debug, Clone, Copy)]
pub struct OptimRow {
    /// Name, summary, source and parameters.
    pub row: Row,
    /// Appends the update of all parameters to the graph.
    pub build: fn(&mut Graph, &Args, &[ParamIn]) -> Result<Built, SpecError>,
}

static ROWS: [OptimRow; 3] = [sgd::ROW, adam::ROW, adamw::ROW];

/// Every optimizer, in the order in which it is listed.
pub fn rows() -> &'static [OptimRow] {
    &ROWS
}

/// The row of the optimizer called `name`.
///
/// # Errors
/// No such optimizer; the message names the nearest.
pub fn find(name: &str) -> Result<&'static Row, SpecError> {
    rows().iter().map(|r| &r.row).find(|r| r.name == name).ok_or_else(|| SpecError::unknown("optim.name", "optimizer", name, rows().iter().map(|r| r.row.name)))
}

/// Appends the update by the optimizer whose row `args` was checked against.
///
/// # Errors
/// Decay toward first values that are not given; also a row that is none of [`rows`].
pub fn build(g: &mut Graph, args: &Args, params: &[ParamIn]) -> Result<Built, SpecError> {
    match rows().iter().find(|r| r.row.name == args.name()) {
        Some(row) => (row.build)(g, args, params),
        None => Err(SpecError::unknown("optim.name", "optimizer", args.name(), rows().iter().map(|r| r.row.name))),
    }
}

/// Whether decay goes toward the first values, so that [`ParamIn::initial`] must be given.
pub fn toward_init(args: &Args) -> bool {
    args.row.params.iter().any(|p| p.key == "toward") && args.str("toward") == "init"
}
