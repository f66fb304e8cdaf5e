//! The hinge loss max(0, 1 − y·f) of one output f, y = ±1.
//!
//! Label 1 is y = +1. Merrill et al. 2023 (arXiv 2303.11873) and Barak et al. 2022 (arXiv 2207.08799) use it for parities.

use super::{Head, L1, L2, LossRow, PENALTY_ON, sign};
use pennydrop_graph::ir::Unary;
use pennydrop_graph::{Graph, Id};
use pennydrop_models::Model;
use pennydrop_registry::{Args, Row, SpecError};

/// The row.
pub const ROW: LossRow = LossRow {
    row: Row {
        name: "hinge",
        summary: "max(0, 1 − y·f) of one signed output, for tasks of two answers",
        source: "Merrill et al. 2023 (arXiv 2303.11873); Barak et al. 2022 (arXiv 2207.08799)",
        params: &[L1, L2, PENALTY_ON],
    },
    head: Head::Signed,
    check: |task| {
        if task.classes == 2 {
            Ok(())
        } else {
            Err(SpecError::new(
                "loss.name",
                format!("`hinge` compares one output with ±1, and task `{}` has {} answers", task.name, task.classes),
                "cross-entropy, mse",
            ))
        }
    },
    per_example,
};

fn per_example(g: &mut Graph, _: &Args, model: &Model, targets: &[Id]) -> Id {
    let terms: Vec<Id> = model
        .scored
        .iter()
        .zip(targets)
        .map(|(s, t)| {
            let y = sign(g, *t);
            let margin = g.mul(s.logits, y);
            let one = g.number(1.0);
            let gap = g.sub(one, margin);
            let gap = g.unary(Unary::Relu, gap);
            g.sum_all(gap)
        })
        .collect();
    terms[1..].iter().fold(terms[0], |sum, t| g.add(sum, *t))
}
