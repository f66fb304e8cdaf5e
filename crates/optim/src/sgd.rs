//! Stochastic gradient descent, PyTorch's `SGD` without dampening.
//!
//! buf ← μ·buf + g (buf starts at 0, so the first is g); the direction is buf, or g + μ·buf with Nesterov's rule; p ← p − lr·direction. Without
//! momentum the direction is g and nothing is kept.

use crate::common::*;
use crate::{Built, OptimRow, ParamIn};
use pennydrop_graph::Graph;
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError};

/// The row.
pub const ROW: OptimRow = OptimRow {
    row: Row {
        name: "sgd",
        summary: "gradient descent, with momentum and Nesterov's rule",
        source: "PyTorch, torch.optim.SGD",
        params: &[
            LR,
            Param { key: "momentum", kind: Kind::Float { min: 0.0, max: 0.999_999_999 }, default: Default::Float(0.0), doc: "μ; 0: none" },
            Param { key: "nesterov", kind: Kind::Bool, default: Default::Bool(false), doc: "Nesterov's rule; needs momentum" },
            Param { key: "weight_decay", kind: Kind::Float { min: 0.0, max: f64::MAX }, default: Default::Float(0.0), doc: "λ" },
            Param {
                key: "decay",
                kind: Kind::Choice(&["coupled", "before", "after"]),
                default: Default::Str("coupled"),
                doc: "coupled: λp joins the gradient (PyTorch); before or after the step: p times 1 − lr·λ",
            },
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
    let (momentum, nesterov) = (args.float("momentum") > 0.0, args.bool("nesterov"));
    if nesterov && !momentum {
        return Err(SpecError::new("optim.nesterov", "true without momentum", "true with optim.momentum above 0, or false"));
    }
    let grads = gradients(g, args, params);
    let (mut built, mut buffers) = (Built::default(), Vec::new());
    for (i, (p, grad)) in params.iter().zip(grads).enumerate() {
        let grad = if args.str("decay") == "coupled" { coupled(g, p, grad) } else { grad };
        let mut step = grad;
        if momentum {
            let shape = g.shape(p.node).to_vec();
            let buffer = g.state(format!("optim.momentum.{}", p.name), &shape);
            let state = g.states.len() - 1;
            let mu = scalar(g, "momentum");
            let kept = g.mul(buffer, mu);
            step = g.add(kept, grad);
            built.moments.push(state);
            buffers.push((state, step));
            if nesterov {
                let ahead = g.mul(step, mu);
                step = g.add(grad, ahead);
            }
        }
        let step = direction(g, args, i, step);
        let lr = scalar(g, "lr");
        let moved = g.mul(step, lr);
        let start = if args.str("decay") == "before" { decoupled(g, p, p.node, false)? } else { p.node };
        let end = g.sub(start, moved);
        let end = if args.str("decay") == "after" { decoupled(g, p, end, false)? } else { end };
        built.updates.push((p.state, end));
    }
    built.updates.extend(buffers);
    Ok(built)
}
