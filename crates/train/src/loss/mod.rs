//! What is minimised. A loss is one file and one row: [`cross_entropy`], [`mse`], [`hinge`], [`bits`].
//!
//! Each gives one number an example, the mean over the scored positions; the run takes the mean over examples through a run-time scalar, and adds the
//! penalties `l2`·Σw² + `l1`·Σ|w| over the tensors that `penalty_on` names, which also are run-time scalars.

pub mod bits;
pub mod cross_entropy;
pub mod hinge;
pub mod mse;

use pennydrop_graph::ir::Op;
use pennydrop_graph::{Graph, Id};
use pennydrop_models::{Model, Target};
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError};
use pennydrop_tasks::Task;

/// What a loss reads of a network's outputs, and compares them with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// One number a class, against the class.
    Classes,
    /// One signed number, against one of two classes.
    Signed,
    /// One signed number a bit of the answer ([`pennydrop_tasks::Answers`]), against the bits.
    Bits,
}

impl Head {
    /// Numbers that a network must give for `task`, which has passed the loss's check.
    pub fn outputs(self, task: &Task) -> usize {
        match self {
            Head::Classes => task.classes,
            Head::Signed => 1,
            Head::Bits => task.answers.as_ref().map_or(0, |a| a.width),
        }
    }
}

/// One loss that can be named in a spec.
#[derive(Debug, Clone, Copy)]
pub struct LossRow {
    /// Name, summary, source and parameters.
    pub row: Row,
    /// What it reads.
    pub head: Head,
    /// Whether the loss fits the task.
    pub check: fn(&Task) -> Result<(), SpecError>,
    /// The sum over scored positions, per example: shape [], any domain. The last argument: the targets, one a scored position.
    pub per_example: fn(&mut Graph, &Args, &Model, &[Id]) -> Id,
}

static ROWS: [LossRow; 4] = [cross_entropy::ROW, mse::ROW, hinge::ROW, bits::ROW];

/// Every loss, in the order in which it is listed.
pub fn loss_rows() -> &'static [LossRow] {
    &ROWS
}

/// The row of the loss called `name`.
///
/// # Errors
/// No such loss; the message names the nearest.
pub fn find(name: &str) -> Result<&'static LossRow, SpecError> {
    ROWS.iter().find(|r| r.row.name == name).ok_or_else(|| SpecError::unknown("loss.name", "loss", name, ROWS.iter().map(|r| r.row.name)))
}

pub(crate) const L1: Param =
    Param { key: "l1", kind: Kind::Float { min: 0.0, max: f64::MAX }, default: Default::Float(0.0), doc: "adds l1·Σ|w| over penalty_on to the loss" };
pub(crate) const L2: Param =
    Param { key: "l2", kind: Kind::Float { min: 0.0, max: f64::MAX }, default: Default::Float(0.0), doc: "adds l2·Σw² over penalty_on to the loss" };
pub(crate) const PENALTY_ON: Param = Param {
    key: "penalty_on",
    kind: Kind::Strs,
    default: Default::Strs(&["all"]),
    doc: "what is penalised: all, weights (no biases or gains), roles (embedding, position, matrix, bias, gain, unembedding) or tensors by name",
};

/// Name of the dense input that holds an answer's bits.
pub(crate) const BITS: &str = "bits";

/// For every scored position, the node of its target. Declares the inputs: `label`, and `target{t}` for a special token `t`, which are indices; for a
/// head of bits one dense input, `[bits]`.
pub(crate) fn targets(g: &mut Graph, model: &Model, head: Head) -> Vec<Id> {
    if head == Head::Bits {
        let bits = g.feature(BITS, model.metric_range);
        return vec![bits; model.scored.len()];
    }
    let mut known: Vec<(Target, Id)> = Vec::new();
    model
        .scored
        .iter()
        .map(|s| match known.iter().find(|(t, _)| *t == s.target) {
            Some((_, id)) => *id,
            None => {
                let id = g.index(match s.target {
                    Target::Answer => "label".to_string(),
                    Target::Special(t) => format!("target{t}"),
                });
                known.push((s.target, id));
                id
            }
        })
        .collect()
}

/// y = ±1 from a label of two classes (1 is +1), shape [].
pub(crate) fn sign(g: &mut Graph, label: Id) -> Id {
    debug_assert!(matches!(g.node(label).op, Op::Index(_)));
    let hot = g.one_hot(2, label);
    let signs = g.constant(&[-1.0, 1.0], &[2]);
    let y = g.mul(hot, signs);
    g.sum_all(y)
}
