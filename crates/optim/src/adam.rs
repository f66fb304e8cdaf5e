//! Adam, PyTorch's `Adam`: decay, if any, is coupled.
//!
//! With t from 1: m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g²; the direction is m / (√v/√(1 − β₂ᵗ) + ε), ε outside the root;
//! p ← p − lr/(1 − β₁ᵗ)·direction. Both bias corrections are computed in double precision outside the program.

use crate::common::*;
use crate::{Built, OptimRow, ParamIn};
use pennydrop_graph::ir::Unary;
use pennydrop_graph::{Graph, Id};
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError};

/// The row.
pub const ROW: OptimRow = OptimRow {
    row: Row {
        name: "adam",
        summary: "Adam, its decay (if any) coupled: part of the gradient",
        source: "Kingma and Ba 2015 (arXiv 1412.6980); PyTorch, torch.optim.Adam",
        params: &[
            LR,
            BETA1,
            BETA2,
            EPS,
            Param { key: "weight_decay", kind: Kind::Float { min: 0.0, max: f64::MAX }, default: Default::Float(0.0), doc: "λ; λp joins the gradient" },
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
    let grads = gradients(g, args, params);
    let (mut built, mut moments) = (Built::default(), Vec::new());
    for (i, (p, grad)) in params.iter().zip(grads).enumerate() {
        let grad = coupled(g, p, grad);
        let moved = step(g, args, i, p, grad, &mut built, &mut moments);
        let end = g.sub(p.node, moved);
        built.updates.push((p.state, end));
    }
    built.updates.extend(moments);
    Ok(built)
}

/// What is subtracted from parameter `i`; declares its moments and their updates.
pub(crate) fn step(g: &mut Graph, args: &Args, i: usize, p: &ParamIn, grad: Id, built: &mut Built, moments: &mut Vec<(usize, Id)>) -> Id {
    let shape = g.shape(p.node).to_vec();
    let mut moment = |g: &mut Graph, name: &str, beta: &str, x: Id| {
        let old = g.state(format!("optim.{name}.{}", p.name), &shape);
        let state = g.states.len() - 1;
        let keep = scalar(g, beta);
        // 1 − β is a scalar of its own: in single precision it would lose digits.
        let take = scalar(g, &format!("one_minus_{beta}"));
        let kept = g.mul(old, keep);
        let taken = g.mul(x, take);
        let new = g.add(kept, taken);
        built.moments.push(state);
        moments.push((state, new));
        new
    };
    let m = moment(g, "m", "beta1", grad);
    let square = g.mul(grad, grad);
    let v = moment(g, "v", "beta2", square);
    let root = g.unary(Unary::Sqrt, v);
    let correction = scalar(g, "root_correction");
    let root = g.mul(root, correction);
    let eps = scalar(g, "eps");
    let root = g.add(root, eps);
    let ratio = g.div(m, root);
    let ratio = direction(g, args, i, ratio);
    let lr = scalar(g, "lr_corrected");
    g.mul(ratio, lr)
}
