//! Cross-entropy, with its own precision and a declared derivative.
//!
//! −log softmax(z)_y, every intermediate of the head rounded to `precision`. `gradient=textbook` is p_y − 1, as the field's frameworks compute it, which
//! cancels to exactly 0 once the softmax has collapsed; `exact` is minus the sum of the other probabilities, without cancellation (Prieto et al. 2025,
//! arXiv 2501.04697, on what collapse does). `smoothing` s spreads s over all classes, the true one included (PyTorch's `label_smoothing`).

use super::{Head, L1, L2, LossRow, PENALTY_ON};
use pennydrop_graph::ir::{CeGradient, CeRule};
use pennydrop_graph::precision::Precision;
use pennydrop_graph::{Graph, Id};
use pennydrop_models::Model;
use pennydrop_registry::{Args, Default, Kind, Param, Row};

/// The row.
pub const ROW: LossRow = LossRow {
    row: Row {
        name: "cross-entropy",
        summary: "negative log-likelihood of the softmax, in a precision of its own",
        source: "PyTorch, nn.CrossEntropyLoss; softmax collapse: Prieto et al. 2025 (arXiv 2501.04697)",
        params: &[
            Param {
                key: "precision",
                kind: Kind::Choice(&["f16", "bf16", "f32", "f64"]),
                default: Default::Str("f32"),
                doc: "precision of every intermediate of the loss head (emulated by rounding)",
            },
            Param {
                key: "gradient",
                kind: Kind::Choice(&["textbook", "exact"]),
                default: Default::Str("textbook"),
                doc: "textbook: p_y − 1, as frameworks compute it; exact: minus the sum of the other probabilities",
            },
            Param { key: "smoothing", kind: Kind::Float { min: 0.0, max: 0.999 }, default: Default::Float(0.0), doc: "label smoothing, over all classes" },
            L1,
            L2,
            PENALTY_ON,
        ],
    },
    head: Head::Classes,
    check: |_| Ok(()),
    per_example,
};

/// The declared arithmetic.
pub(crate) fn rule(args: &Args) -> CeRule {
    CeRule {
        gradient: if args.str("gradient") == "exact" { CeGradient::Exact } else { CeGradient::Textbook },
        precision: Precision::parse(args.str("precision")).unwrap_or(Precision::F32),
        smoothing: args.float("smoothing"),
    }
}

fn per_example(g: &mut Graph, args: &Args, model: &Model, targets: &[Id]) -> Id {
    let rule = rule(args);
    let terms: Vec<Id> = model.scored.iter().zip(targets).map(|(s, t)| g.cross_entropy(rule, s.logits, *t)).collect();
    terms[1..].iter().fold(terms[0], |sum, t| g.add(sum, *t))
}
