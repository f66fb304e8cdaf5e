//! Squared error against the one-hot answer.
//!
//! `scaling=mean`: mean over examples and outputs (PyTorch's `MSELoss`; Gromov 2023, arXiv 2301.02679); `sum`: summed over outputs, mean over examples.

use super::{Head, L1, L2, LossRow, PENALTY_ON};
use pennydrop_graph::{Graph, Id};
use pennydrop_models::Model;
use pennydrop_registry::{Args, Default, Kind, Param, Row};

/// The row.
pub const ROW: LossRow = LossRow {
    row: Row {
        name: "mse",
        summary: "squared error against the one-hot answer",
        source: "Gromov 2023 (arXiv 2301.02679); PyTorch, nn.MSELoss",
        params: &[
            Param {
                key: "scaling",
                kind: Kind::Choice(&["mean", "sum"]),
                default: Default::Str("mean"),
                doc: "mean over outputs, or their sum; the mean over examples either way",
            },
            L1,
            L2,
            PENALTY_ON,
        ],
    },
    head: Head::Classes,
    check: |_| Ok(()),
    per_example,
};

fn per_example(g: &mut Graph, args: &Args, model: &Model, targets: &[Id]) -> Id {
    let terms: Vec<Id> = model
        .scored
        .iter()
        .zip(targets)
        .map(|(s, t)| {
            let hot = g.one_hot(model.outputs, *t);
            let gap = g.sub(s.logits, hot);
            let squares = g.mul(gap, gap);
            let sum = g.sum_all(squares);
            if args.str("scaling") == "mean" { g.scale(sum, 1.0 / model.outputs as f64) } else { sum }
        })
        .collect();
    terms[1..].iter().fold(terms[0], |sum, t| g.add(sum, *t))
}
