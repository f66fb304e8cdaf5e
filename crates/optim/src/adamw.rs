//! AdamW, PyTorch's `AdamW`: Adam's step, and decoupled decay before or after it, toward zero or toward the first values.
//!
//! `before` (PyTorch, Power et al.): p ← p(1 − lr·λ), then p moves by Adam's step. `after` (the code of logit-scale mediation): Adam's step, then
//! p ← p(1 − lr·λ). `toward=init` replaces p(1 − lr·λ) by p − lr·λ(p − p₀) (Power et al.'s code). The scheduled rate multiplies λ in both.

use crate::common::*;
use crate::{Built, OptimRow, ParamIn, adam, toward_init};
use pennydrop_graph::Graph;
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError};

/// The row.
pub const ROW: OptimRow = OptimRow {
    row: Row {
        name: "adamw",
        summary: "Adam with decoupled weight decay",
        source: "Loshchilov and Hutter 2019 (arXiv 1711.05101); PyTorch, torch.optim.AdamW; Power et al. 2022 (arXiv 2201.02177)",
        params: &[
            LR,
            BETA1,
            BETA2,
            EPS,
            Param {
                key: "weight_decay",
                kind: Kind::Float { min: 0.0, max: f64::MAX },
                default: Default::Float(0.01),
                doc: "λ (PyTorch: 0.01; Power, Nanda: 1)",
            },
            Param {
                key: "decay",
                kind: Kind::Choice(&["before", "after"]),
                default: Default::Str("before"),
                doc: "decay before Adam's step (PyTorch) or after it",
            },
            Param { key: "toward", kind: Kind::Choice(&["zero", "init"]), default: Default::Str("zero"), doc: "decay toward zero, or toward the first values" },
            DECAY_ON,
            SCHEDULE,
            SCHEDULE_STEPS,
            LR_MIN,
            STEP_EVERY,
            STEP_GAMMA,
            WARMUP,
            WARMUP_FROM,
            CLIP,
            NOISE_GRAD,
            NOISE_UPDATE,
        ],
    },
    build,
};

fn build(g: &mut Graph, args: &Args, params: &[ParamIn]) -> Result<Built, SpecError> {
    let (before, toward_init) = (args.str("decay") == "before", toward_init(args));
    let grads = gradients(g, args, params);
    let (mut built, mut moments) = (Built::default(), Vec::new());
    for (i, (p, grad)) in params.iter().zip(grads).enumerate() {
        let moved = adam::step(g, args, i, p, grad, &mut built, &mut moments);
        let start = if before { decoupled(g, p, p.node, toward_init)? } else { p.node };
        let end = g.sub(start, moved);
        let end = if before { end } else { decoupled(g, p, end, toward_init)? };
        built.updates.push((p.state, end));
    }
    built.updates.extend(moments);
    Ok(built)
}
