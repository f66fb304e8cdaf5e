//! What every rule does besides its direction: clipping, noise, decay; and the parameters that all rows share.

use crate::ParamIn;
use pennydrop_graph::ir::{Binary, Draw, Unary};
use pennydrop_graph::{Domain, Graph, Id};
use pennydrop_registry::{Args, Default, Kind, Param, SpecError};

/// First lane of the optimizer's noise; a model's own lanes lie below.
const LANES: u32 = 0x8_0000;

const RATE: Kind = Kind::Float { min: 0.0, max: f64::MAX };

pub(crate) const LR: Param = Param { key: "lr", kind: RATE, default: Default::Float(1e-3), doc: "learning rate η (PyTorch's default: 1e-3)" };
pub(crate) const SCHEDULE: Param =
    Param { key: "schedule", kind: Kind::Choice(&["constant", "cosine", "step"]), default: Default::Str("constant"), doc: "course of the rate after warm-up" };
pub(crate) const SCHEDULE_STEPS: Param = Param {
    key: "schedule_steps",
    kind: Kind::Int { min: 0, max: i64::MAX },
    default: Default::Int(0),
    doc: "cosine: the step at which the rate reaches its end; 0: the run's last",
};
pub(crate) const LR_MIN: Param =
    Param { key: "lr_min", kind: Kind::Float { min: 0.0, max: 1.0 }, default: Default::Float(0.0), doc: "cosine: the last rate, as a share of lr" };
pub(crate) const STEP_EVERY: Param =
    Param { key: "step_every", kind: Kind::Int { min: 1, max: i64::MAX }, default: Default::Int(10_000), doc: "step: steps from one drop to the next" };
pub(crate) const STEP_GAMMA: Param =
    Param { key: "step_gamma", kind: Kind::Float { min: 0.0, max: 1.0 }, default: Default::Float(0.1), doc: "step: factor of each drop" };
pub(crate) const WARMUP: Param =
    Param { key: "warmup", kind: Kind::Int { min: 0, max: 1 << 53 }, default: Default::Int(0), doc: "steps of linear warm-up (Power, Nanda: 10)" };
pub(crate) const WARMUP_FROM: Param = Param {
    key: "warmup_from",
    kind: Kind::Int { min: 0, max: 1 },
    default: Default::Int(0),
    doc: "0: the first step has rate 0 (Power, Nanda); 1: it has lr/warmup",
};
pub(crate) const CLIP: Param = Param { key: "clip", kind: RATE, default: Default::Float(0.0), doc: "largest global norm of the gradients; 0: no clipping" };
pub(crate) const NOISE_GRAD: Param =
    Param { key: "noise_grad", kind: RATE, default: Default::Float(0.0), doc: "standard deviation of the noise added to every clipped gradient" };
pub(crate) const NOISE_UPDATE: Param = Param {
    key: "noise_update",
    kind: RATE,
    default: Default::Float(0.0),
    doc: "standard deviation of the noise added to the direction before the rate multiplies it (Power's update noise)",
};
pub(crate) const DECAY_ON: Param = Param {
    key: "decay_on",
    kind: Kind::Strs,
    default: Default::Strs(&["all"]),
    doc: "what decays: all, weights (no biases or gains), roles (embedding, position, matrix, bias, gain, unembedding) or tensors by name",
};
pub(crate) const BETA1: Param =
    Param { key: "beta1", kind: Kind::Float { min: 0.0, max: 0.999_999_999 }, default: Default::Float(0.9), doc: "decay of the first moment (PyTorch: 0.9)" };
pub(crate) const BETA2: Param = Param {
    key: "beta2",
    kind: Kind::Float { min: 0.0, max: 0.999_999_999 },
    default: Default::Float(0.999),
    doc: "decay of the second moment (PyTorch: 0.999; Power, Nanda: 0.98)",
};
pub(crate) const EPS: Param = Param {
    key: "eps",
    kind: Kind::Float { min: 0.0, max: f64::MAX },
    default: Default::Float(1e-8),
    doc: "added to the root of the corrected second moment (PyTorch: 1e-8; Prieto: 1e-25)",
};

/// The scalar of a hyper-parameter.
pub(crate) fn scalar(g: &mut Graph, key: &str) -> Id {
    g.scalar(format!("optim.{key}"))
}

fn noisy(g: &mut Graph, x: Id, key: &str, lane: u32) -> Id {
    let shape = g.shape(x).to_vec();
    let n = g.random(Draw::Normal, lane, &shape, Domain::UNIT);
    let std = scalar(g, key);
    let n = g.mul(n, std);
    g.add(x, n)
}

/// The gradients after clipping and noise.
pub(crate) fn gradients(g: &mut Graph, args: &Args, params: &[ParamIn]) -> Vec<Id> {
    let mut grads: Vec<Id> = params.iter().map(|p| p.grad).collect();
    if args.float("clip") > 0.0 {
        let squares: Vec<Id> = grads
            .iter()
            .map(|d| {
                let s = g.mul(*d, *d);
                g.sum_all(s)
            })
            .collect();
        let sum = squares.into_iter().reduce(|a, b| g.add(a, b)).unwrap_or_else(|| g.number(0.0));
        let norm = g.unary(Unary::Sqrt, sum);
        let small = g.number(1e-6);
        let norm = g.add(norm, small);
        let clip = scalar(g, "clip");
        let share = g.div(clip, norm);
        let one = g.number(1.0);
        let share = g.binary(Binary::Min, share, one);
        grads = grads.into_iter().map(|d| g.mul(d, share)).collect();
    }
    if args.float("noise_grad") > 0.0 {
        grads = grads.into_iter().enumerate().map(|(i, d)| noisy(g, d, "noise_grad", LANES + 2 * i as u32)).collect();
    }
    grads
}

/// `direction` of parameter `i`, with the noise of updates.
pub(crate) fn direction(g: &mut Graph, args: &Args, i: usize, direction: Id) -> Id {
    if args.float("noise_update") > 0.0 { noisy(g, direction, "noise_update", LANES + 2 * i as u32 + 1) } else { direction }
}

/// g + λ·p, where `p` decays.
pub(crate) fn coupled(g: &mut Graph, p: &ParamIn, grad: Id) -> Id {
    if !p.decays {
        return grad;
    }
    let lambda = scalar(g, "weight_decay");
    let pull = g.mul(p.node, lambda);
    g.add(grad, pull)
}

/// Decoupled decay of the value `x` of `p`, toward zero (x·(1 − lr·λ)) or toward its first value (x − lr·λ·(x − x₀)).
pub(crate) fn decoupled(g: &mut Graph, p: &ParamIn, x: Id, toward_init: bool) -> Result<Id, SpecError> {
    if !p.decays {
        return Ok(x);
    }
    if !toward_init {
        let keep = scalar(g, "keep");
        return Ok(g.mul(x, keep));
    }
    let Some(initial) = p.initial else {
        return Err(SpecError::new(
            "optim.toward",
            format!("`init` needs the first value of `{}`, which is not kept", p.name),
            "zero, or a run that keeps its first values",
        ));
    };
    let shrink = scalar(g, "shrink");
    let away = g.sub(x, initial);
    let pull = g.mul(away, shrink);
    Ok(g.sub(x, pull))
}
