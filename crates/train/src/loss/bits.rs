//! One yes-or-no question an output, for tasks whose answers are strings of bits.
//!
//! With f the output of a bit and t = 0 or 1 the bit itself: `form=mse` is (σ(f) − t)², the sigmoid of the output against the bit (Žunkovič and Ilievski 2024,
//! arXiv 2210.15435); `form=cross-entropy` is ln(1 + eᶠ) − t·f, the negative log-likelihood of the bit (PyTorch's `BCEWithLogitsLoss`), computed as
//! max(f, 0) − t·f + ln(1 + e^−|f|). A bit is answered rightly when f has its sign; f = 0 and NaN are wrong. Accuracies are shares of bits.

use super::{Head, L1, L2, LossRow, PENALTY_ON};
use pennydrop_graph::ir::Unary;
use pennydrop_graph::{Graph, Id};
use pennydrop_models::Model;
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError};

/// The row.
pub const ROW: LossRow = LossRow {
    row: Row {
        name: "bits",
        summary: "one output a bit of the answer, each against its bit, for tasks whose answers are strings of bits",
        source: "Žunkovič and Ilievski 2024 (arXiv 2210.15435); PyTorch, nn.BCEWithLogitsLoss",
        params: &[
            Param {
                key: "form",
                kind: Kind::Choice(&["mse", "cross-entropy"]),
                default: Default::Str("mse"),
                doc: "mse: squared error of the output's sigmoid (arXiv 2210.15435); cross-entropy: negative log-likelihood of the bits",
            },
            Param {
                key: "scaling",
                kind: Kind::Choice(&["mean", "sum"]),
                default: Default::Str("mean"),
                doc: "mean over the bits of an answer, or their sum; the mean over examples either way",
            },
            L1,
            L2,
            PENALTY_ON,
        ],
    },
    head: Head::Bits,
    check: |task| match task.answers {
        Some(_) => Ok(()),
        None => Err(SpecError::new(
            "loss.name",
            format!("`bits` compares outputs with bits, and the answers of task `{}` are not strings of bits", task.name),
            "cross-entropy, mse; or a task such as cellular-automaton",
        )),
    },
    per_example,
};

fn per_example(g: &mut Graph, args: &Args, model: &Model, targets: &[Id]) -> Id {
    let terms: Vec<Id> = model
        .scored
        .iter()
        .zip(targets)
        .map(|(s, bits)| {
            let f = g.slice(0, 0, model.metric_range, s.logits);
            let each = if args.str("form") == "mse" { squared(g, f, *bits) } else { likelihood(g, f, *bits) };
            let sum = g.sum_all(each);
            if args.str("scaling") == "mean" { g.scale(sum, 1.0 / model.metric_range as f64) } else { sum }
        })
        .collect();
    terms[1..].iter().fold(terms[0], |sum, t| g.add(sum, *t))
}

/// (σ(f) − t)²
fn squared(g: &mut Graph, f: Id, t: Id) -> Id {
    let p = g.unary(Unary::Sigmoid, f);
    let gap = g.sub(p, t);
    g.mul(gap, gap)
}

/// max(f, 0) − t·f + ln(1 + e^−|f|)
fn likelihood(g: &mut Graph, f: Id, t: Id) -> Id {
    let above = g.unary(Unary::Relu, f);
    let told = g.mul(t, f);
    let size = g.unary(Unary::Abs, f);
    let size = g.unary(Unary::Neg, size);
    let small = g.unary(Unary::Exp, size);
    let one = g.number(1.0);
    let sum = g.add(one, small);
    let rest = g.unary(Unary::Ln, sum);
    let linear = g.sub(above, told);
    g.add(linear, rest)
}
