//! Architectures, as functions that build a graph from parameters and inputs.
//!
//! A family is one file and its registry row: [`transformer`], [`mlp`] and [`mps`]. [`rows`] lists them; a row's `build` appends the network to a graph
//! *for one example*; batches, runs and devices are unknown here. Every position of a sequence is its own chain of tensors, so that each tensor is
//! tabulated over no more operands than it depends on (see [`pennydrop_graph::domain`]).
//!
//! ```
//! use pennydrop_graph::{Graph, ir::Coordinate};
//! use pennydrop_models::{Inputs, Options, build, find};
//! use pennydrop_registry::{Args, Value};
//! let args = Args::check("model", find("transformer")?, [("d_model".to_string(), Value::Int(128))])?;
//! let mut g = Graph::new(["a", "b"].map(|name| Coordinate { name: name.into(), range: 113 }).into());
//! let model = build(&mut g, &args, &Inputs { operands: 2, range: 113, features: None, classes: 113 }, Options::default())?;
//! assert_eq!(model.size(), 226_816);
//! # Ok::<(), pennydrop_registry::SpecError>(())
//! ```

mod builder;
pub mod init;
pub mod mlp;
pub mod mps;
pub mod parts;
pub mod template;
pub mod transformer;

pub use init::Init;

use pennydrop_graph::{Graph, Id};
use pennydrop_registry::{Args, Row, SpecError};

/// What the task gives to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inputs {
    /// Number of discrete operands; operand `k` is coordinate `k` of the graph. 0 for dense tasks.
    pub operands: usize,
    /// Operands are tokens `0..range`, one range for all.
    pub range: usize,
    /// Width of the dense input; `None` for discrete tasks.
    pub features: Option<usize>,
    /// Numbers that the loss needs: the classes, 1 for a loss that takes one signed output (hinge), or the bits of an answer for a loss that takes one output
    /// a bit (`bits`).
    pub classes: usize,
}

/// How a network is traced. The default is evaluation of the positions that are scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// With dropout and weight noise (where the arguments ask for them). Evaluation has neither.
    pub training: bool,
    /// Also the positions whose outputs nobody reads ([`Model::unread`]).
    pub all_positions: bool,
}

/// What a parameter is for: the groups of weight decay and of penalties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Token embedding.
    Embedding,
    /// Learned positions.
    Position,
    /// Weight matrix inside the network (also an MLP's last layer).
    Matrix,
    /// Bias, also a norm's.
    Bias,
    /// Gain of a norm.
    Gain,
    /// Map from the residual stream to the logits.
    Unembedding,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 6] = [Role::Embedding, Role::Position, Role::Matrix, Role::Bias, Role::Gain, Role::Unembedding];

    /// The word used in specs.
    pub fn name(self) -> &'static str {
        match self {
            Role::Embedding => "embedding",
            Role::Position => "position",
            Role::Matrix => "matrix",
            Role::Bias => "bias",
            Role::Gain => "gain",
            Role::Unembedding => "unembedding",
        }
    }
}

/// A trained tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// Documented name, such as `block0.attn.W_Q`.
    pub name: String,
    /// Row-major shape.
    pub shape: Vec<usize>,
    /// Distribution of the first value.
    pub init: Init,
    /// Group.
    pub role: Role,
    /// Its node: what derivatives are taken by.
    pub node: Id,
    /// Its index in [`Graph::states`].
    pub state: usize,
}

impl Param {
    /// Number of entries.
    pub fn size(&self) -> usize {
        self.shape.iter().product()
    }
}

/// What an output is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The example's label.
    Answer,
    /// This token, for every example (such as the closing `eos`).
    Special(usize),
}

/// An output that the loss reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scored {
    /// Shape `[outputs]`, any domain.
    pub logits: Id,
    /// What it should say.
    pub target: Target,
}

/// A network in a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Trained tensors in their documented order; a parameter's place in this list keys its initial values.
    pub params: Vec<Param>,
    /// Outputs in the order of their positions; the first is the answer. The loss is their mean.
    pub scored: Vec<Scored>,
    /// Inner tensors by name (`block0.mlp.hidden@2` is that of position 2), in order of computation.
    pub activations: Vec<(String, Id)>,
    /// Logits of the positions that are not scored; empty unless [`Options::all_positions`].
    pub unread: Vec<Id>,
    /// Width of every logits tensor.
    pub outputs: usize,
    /// Accuracies look at logits `0..metric_range`, the label classes.
    pub metric_range: usize,
    /// The graph has one coordinate more than there are operands, called `answer`: it holds the label, which the network is fed.
    pub reads_answer: bool,
}

impl Model {
    /// Number of trained numbers.
    pub fn size(&self) -> usize {
        self.params.iter().map(Param::size).sum()
    }
}

/// One architecture that can be named in a spec.
#[derive(Debug, Clone, Copy)]
pub struct ModelRow {
    /// Name, summary, source and parameters.
    pub row: Row,
    /// The words that `model.init` knows, the default first; any other value must be a file ([`init::is_file`]).
    pub inits: &'static [&'static str],
    /// It gives one number a site of its input, which only a loss of one output a bit can use.
    pub per_site: bool,
    /// Appends the network to a graph whose first coordinates are the operands (and adds the coordinate `answer` where it is fed).
    pub build: fn(&mut Graph, &Args, &Inputs, Options) -> Result<Model, SpecError>,
}

static ROWS: [ModelRow; 3] = [transformer::ROW, mlp::ROW, mps::ROW];

/// Every architecture, in the order in which it is listed.
pub fn rows() -> &'static [ModelRow] {
    &ROWS
}

/// Whether the architecture called `name` gives one number a site ([`ModelRow::per_site`]).
pub fn per_site(name: &str) -> bool {
    rows().iter().any(|r| r.row.name == name && r.per_site)
}

/// The row of the architecture called `name`.
///
/// # Errors
/// No such model; the message names the nearest.
pub fn find(name: &str) -> Result<&'static Row, SpecError> {
    rows().iter().map(|r| &r.row).find(|r| r.name == name).ok_or_else(|| SpecError::unknown("model.name", "model", name, rows().iter().map(|r| r.row.name)))
}

/// Appends the network whose row `args` was checked against.
///
/// # Errors
/// What the architecture's own file says; also a row that is none of [`rows`].
pub fn build(g: &mut Graph, args: &Args, inputs: &Inputs, options: Options) -> Result<Model, SpecError> {
    match rows().iter().find(|r| r.row.name == args.name()) {
        Some(row) => (row.build)(g, args, inputs, options),
        None => Err(SpecError::unknown("model.name", "model", args.name(), rows().iter().map(|r| r.row.name))),
    }
}

/// Which of `params` a list of words at `key` means: `all`, `weights` (everything but biases and gains), a [`Role`]'s name, or a tensor's name.
///
/// # Errors
/// A word that is none of these; the message names the nearest.
pub fn select(key: &str, words: &[&str], params: &[Param]) -> Result<Vec<bool>, SpecError> {
    let mut chosen = vec![false; params.len()];
    for word in words {
        let known = *word == "all" || *word == "weights" || Role::ALL.iter().any(|r| r.name() == *word) || params.iter().any(|p| p.name == *word);
        if !known {
            let valid = ["all", "weights"].into_iter().chain(Role::ALL.map(Role::name)).chain(params.iter().map(|p| p.name.as_str()));
            return Err(SpecError::unknown(key, "group or tensor", word, valid));
        }
        for (c, p) in chosen.iter_mut().zip(params) {
            *c |= *word == "all" || (*word == "weights" && !matches!(p.role, Role::Bias | Role::Gain)) || p.role.name() == *word || p.name == *word;
        }
    }
    Ok(chosen)
}
