//! Lazy, then rich: a network that first fits its training set as the kernel machine of its start, and later moves its features and generalises, without weight decay.
//!
//! f(x) = (α/N)Σ_i φ(w_i·x/√D) with φ(h) = h + ½εh² and fixed readouts learns y = (β·x/√D)²/2 from P standard normal inputs by full-batch gradient descent on the mean of
//! (f − y)²/α² with learning rate `rate`·N. The output scale α sets laziness; ε how much of the initial kernel is quadratic, as the target is.
//!
//! Source: card `lazy-to-rich` (arXiv:2310.06110). *Exact:* the test loss from sufficient statistics ([`Quadratic::test_loss`](network::Quadratic::test_loss)), beside a sample of
//! test inputs; training through one affine map for all neurons ([`network`]); gradient descent on the linearised model and its limit, kernel regression ([`lazy`]), beside the same
//! model trained through the engine's Jacobian–vector product ([`engine`]). *Reconstructed:* when a loss counts as low (a share of the target's variance); the default sizes are
//! reduced from D = 100, P = 550, N = 500.

pub mod engine;
pub mod lazy;
pub mod network;
mod report;

use super::{Claim, Context, Model, TheoryError};
use crate::answer::{Answer, Simulated};
use crate::numeric::mean;
use engine::Seen;
use network::{Data, Hyper, Look, Quadratic};
use pennydrop_registry::{Args, Default as Usual, Kind, Param, Row};

/// The row and the answer.
pub static MODEL: Model = Model {
    row: Row {
        name: "kumar",
        summary: "lazy to rich: polynomial regression by a network that leaves its initial kernel (a sample is a data set of the sweeps)",
        source: "Kumar, Bordelon, Gershman, Pehlevan 2023, arXiv:2310.06110 (lazy-to-rich)",
        params: &[
            Param { key: "d", kind: Kind::Int { min: 2, max: 500 }, default: Usual::Int(24), doc: "dimension D of the inputs (paper: 100)" },
            Param { key: "p", kind: Kind::Int { min: 2, max: 4_000 }, default: Usual::Int(100), doc: "training examples P (paper: 550)" },
            Param { key: "width", kind: Kind::Int { min: 1, max: 100_000 }, default: Usual::Int(120), doc: "neurons N (paper: 500)" },
            Param { key: "alpha", kind: Kind::Float { min: 1e-3, max: 1e3 }, default: Usual::Float(1.0), doc: "output scale (paper: 1/32 to 32)" },
            Param {
                key: "epsilon",
                kind: Kind::Float { min: 1e-3, max: 10.0 },
                default: Usual::Float(0.25),
                doc: "curvature ε of the activation (paper: .25, .02)",
            },
            Param { key: "rate", kind: Kind::Float { min: 1e-6, max: 100.0 }, default: Usual::Float(0.5), doc: "learning rate over N" },
            Param { key: "steps", kind: Kind::Int { min: 1, max: 1_000_000 }, default: Usual::Int(10_000), doc: "steps (paper: 60,000)" },
            Param {
                key: "level",
                kind: Kind::Float { min: 1e-6, max: 1.0 },
                default: Usual::Float(0.2),
                doc: "a loss is low below this share of the target's variance",
            },
            Param { key: "tests", kind: Kind::Int { min: 10, max: 100_000 }, default: Usual::Int(1_000), doc: "test inputs of the sampled test loss" },
            Param {
                key: "engine_steps",
                kind: Kind::Int { min: 0, max: 100_000 },
                default: Usual::Int(300),
                doc: "steps that the engine trains network and linearised model too",
            },
            Param { key: "scan", kind: Kind::Bool, default: Usual::Bool(true), doc: "whether the delay is followed over α, ε and P too" },
        ],
    },
    claims: &[
        Claim { card: "lazy-to-rich", number: "1", text: "The delay grows with the output scale α and shrinks with ε" },
        Claim {
            card: "lazy-to-rich",
            number: "2",
            text: "Early, the test loss is that of kernel regression with the initial kernel; late, feature learning beats it",
        },
        Claim {
            card: "lazy-to-rich",
            number: "3",
            text: "Grokking needs an intermediate number of examples: too few never generalise, many generalise without delay",
        },
        Claim { card: "lazy-to-rich", number: "4", text: "Weight decay is not necessary" },
    ],
    samples: 2,
    answer,
};

/// Draws of the teacher, the training inputs, the weights and the test inputs.
const LANES: [u32; 4] = [0xC10, 0xC11, 0xC12, 0xC13];

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Setting {
    pub(crate) d: usize,
    pub(crate) p: usize,
    pub(crate) h: Hyper,
    pub(crate) steps: usize,
    pub(crate) level: f64,
    pub(crate) tests: usize,
}

/// What is seen at one step.
pub(crate) struct Moment {
    pub(crate) step: usize,
    pub(crate) train: f64,
    pub(crate) test: f64,
    pub(crate) sampled: Simulated,
    pub(crate) lazy_train: f64,
    pub(crate) lazy_test: f64,
    pub(crate) drift: f64,
    pub(crate) alignment: f64,
    /// ‖θ − θ₀‖²/‖θ₀‖².
    pub(crate) motion: f64,
}

/// One data set, followed to the end.
pub(crate) struct Path {
    pub(crate) rows: Vec<Moment>,
    /// Test loss of kernel regression with K₀.
    pub(crate) plateau: f64,
    /// Of the best constant.
    pub(crate) variance: f64,
    pub(crate) engine: Vec<Seen>,
    /// Largest relative difference of the engine's losses from the sufficient statistics and from the kernel's closed form.
    pub(crate) differences: Option<(f64, f64)>,
}

/// Steps at which the losses first are low; `None` where they never are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Times {
    pub(crate) train: Option<f64>,
    pub(crate) test: Option<f64>,
}

impl Times {
    /// Test over training time.
    pub(crate) fn ratio(&self) -> Option<f64> {
        Some(self.test? / self.train?)
    }
}

/// 0, and `per_decade` steps a decade up to and with `last`.
pub(crate) fn grid(last: usize, per_decade: usize) -> Vec<usize> {
    let mut at = vec![0];
    let mut i = 0;
    loop {
        let step = libm::round(libm::pow(10.0, i as f64 / per_decade as f64)) as usize;
        if step >= last {
            break;
        }
        at.push(step);
        i += 1;
    }
    at.push(last);
    at.dedup();
    at
}

/// Where a loss first falls below `level`, linear in the logarithms of loss and step.
pub(crate) fn low_at(points: &[(usize, f64)], level: f64) -> Option<f64> {
    let i = points.iter().position(|p| p.1 <= level)?;
    let (x1, y1) = points[i];
    let Some(&(x0, y0)) = i.checked_sub(1).and_then(|k| points.get(k)) else { return Some(x1 as f64) };
    if x0 == 0 || y1 <= 0.0 {
        return Some(x1 as f64);
    }
    let share = libm::log(y0 / level) / libm::log(y0 / y1);
    Some(x0 as f64 * libm::pow(x1 as f64 / x0 as f64, share))
}

struct Drawn {
    data: Data,
    weights: Vec<f64>,
}

fn draw(s: &Setting, context: &Context, seed: usize) -> Drawn {
    let beta = context.draws(LANES[0], seed).normals(s.d);
    Drawn { data: Data::draw(s.p, &beta, &mut context.draws(LANES[1], seed)), weights: context.draws(LANES[2], seed).normals(s.h.width * s.d) }
}

/// Variance of the target: q²/2 with q = ‖β‖²/D.
pub fn variance(beta: &[f64]) -> f64 {
    let q = network::dot(beta, beta) / beta.len() as f64;
    0.5 * q * q
}

fn follow(s: &Setting, engine_steps: usize, context: &Context) -> Result<Path, TheoryError> {
    let Drawn { data, weights } = draw(s, context, 0);
    let looks = network::train(&data, s.h, &weights, &grid(s.steps, 10), context.stop, |_, _| false)?;
    let start = &looks[0].network.now;
    let lazy = lazy::Lazy::new(&data, s.h, start)?;
    let held = Data::draw(s.tests, &data.beta, &mut context.draws(LANES[3], 0));
    // The kernel on a hundred inputs is enough for its drift and alignment.
    let few = data.p().min(100);
    let (x, y) = (&data.x[..few * s.d], &data.y[..few]);
    let initial = start.kernel(s.h, x);
    let size = network::dot(&weights, &weights);
    let row = |look: &Look| {
        let lazy_function = lazy::function(&data, s.h, start, &lazy.at(look.step));
        let kernel = look.network.now.kernel(s.h, x);
        let moved = look.network.weights(&weights);
        let errors: Vec<f64> = network::outputs(s.h, &moved, &held.x, s.d).iter().zip(&held.y).map(|(f, y)| (f - y) * (f - y)).collect();
        Moment {
            step: look.step,
            train: look.train,
            test: look.test,
            sampled: mean(&errors),
            lazy_train: lazy.train_loss(look.step),
            lazy_test: lazy_function.test_loss(&data.beta),
            drift: lazy::drift(&kernel, &initial),
            alignment: lazy::alignment(&kernel, y),
            motion: moved.iter().zip(&weights).map(|(a, b)| (a - b) * (a - b)).sum::<f64>() / size,
        }
    };
    let rows = context.map(looks.len(), |i| Ok(row(&looks[i])))?;
    let plateau = lazy::function(&data, s.h, start, &lazy.limit()).test_loss(&data.beta);
    let mut engine = Vec::new();
    let mut differences = None;
    if engine_steps > 0 {
        let steps: Vec<usize> = grid(s.steps, 10).into_iter().filter(|k| *k <= engine_steps).collect();
        engine = engine::train(&data, &held, s.h, &weights, &steps, context.stop)?.0;
        let apart = |a: f64, b: f64| ((a - b) / b).abs();
        let both = engine.iter().zip(&rows).map(|(e, r)| (apart(e.train.0, r.train), apart(e.train.1, r.lazy_train)));
        differences = Some(both.fold((0.0, 0.0), |m: (f64, f64), x| (m.0.max(x.0), m.1.max(x.1))));
    }
    Ok(Path { rows, plateau, variance: variance(&data.beta), engine, differences })
}

fn times(s: &Setting, context: &Context, seed: usize) -> Result<Times, TheoryError> {
    let Drawn { data, weights } = draw(s, context, seed);
    let level = s.level * variance(&data.beta);
    // Done when both are low, or when the training loss is negligible and the kernel has nothing left to learn from.
    let looks =
        network::train(&data, s.h, &weights, &grid(s.steps, 10), context.stop, |train, test| (train <= level && test <= level) || train < 1e-9 * level)?;
    let of = |f: fn(&Look) -> f64| low_at(&looks.iter().map(|l| (l.step, f(l))).collect::<Vec<_>>(), level);
    Ok(Times { train: of(|l| l.train), test: of(|l| l.test) })
}

/// What is varied in the sweeps, by which factors.
pub(crate) const FACTORS: [(&str, [f64; 4]); 3] = [("α", [0.25, 0.5, 1.0, 2.0]), ("ε", [0.5, 1.0, 2.0, 4.0]), ("P", [0.25, 0.5, 1.0, 3.0])];

/// For each of [`FACTORS`] and each factor: its value and the times of each data set.
pub(crate) type Swept = Vec<Vec<(f64, Vec<Times>)>>;

fn sweep(s: &Setting, seeds: usize, context: &Context) -> Result<Swept, TheoryError> {
    let varied = |which: usize, factor: f64| -> (f64, Setting) {
        let mut v = *s;
        let value = match which {
            0 => {
                v.h.alpha *= factor;
                v.h.alpha
            }
            1 => {
                v.h.epsilon *= factor;
                v.h.epsilon
            }
            _ => {
                v.p = ((s.p as f64 * factor) as usize).max(2);
                v.p as f64
            }
        };
        (value, v)
    };
    let points: Vec<(usize, f64)> = FACTORS.iter().enumerate().flat_map(|(i, (_, factors))| factors.iter().map(move |f| (i, *f))).collect();
    let found = context.map(points.len() * seeds, |k| {
        let (which, factor) = points[k / seeds];
        times(&varied(which, factor).1, context, k % seeds)
    })?;
    let mut swept: Swept = vec![Vec::new(); FACTORS.len()];
    for ((which, factor), times) in points.iter().zip(found.chunks(seeds)) {
        swept[*which].push((varied(*which, *factor).0, times.to_vec()));
    }
    Ok(swept)
}

fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    let s = Setting {
        d: args.size("d"),
        p: args.size("p"),
        h: Hyper { alpha: args.float("alpha"), epsilon: args.float("epsilon"), width: args.size("width"), rate: args.float("rate") },
        steps: args.size("steps"),
        level: args.float("level"),
        tests: args.size("tests"),
    };
    if s.h.width * s.d > 5_000_000 || s.tests * s.d > 5_000_000 || s.tests * s.h.width > 50_000_000 {
        return Err(TheoryError::parameter(args, "width", format!("N·D = {}", s.h.width * s.d), "N·D and tests·D of 5e6, tests·N of 5e7 at most"));
    }
    let engine_steps = args.size("engine_steps").min(s.steps);
    if engine_steps as f64 * (s.p * s.d * s.h.width) as f64 > 2e12 {
        return Err(TheoryError::parameter(args, "engine_steps", format!("{engine_steps} steps of every weight"), "engine_steps·P·D·N of 2e12 at most"));
    }
    // The largest eigenvalue of the kernel at the start, from below: that of its linear part. A rate above 2 over it diverges.
    let path = follow(&s, engine_steps, context).map_err(|e| match e {
        TheoryError::Numeric { why, .. } if why.contains("learning rate") => {
            TheoryError::parameter(args, "rate", format!("{}: {why}", s.h.rate), "a smaller rate, or a smaller epsilon·alpha")
        }
        other => other,
    })?;
    let swept = if args.bool("scan") { Some(sweep(&s, context.samples_or(MODEL.samples).max(1), context)?) } else { None };
    Ok(report::report(&s, &path, swept.as_ref()))
}

/// The function of a network whose readout sees `w` (`N × D`).
pub fn function_of(h: Hyper, weights: &[f64], d: usize) -> Quadratic {
    network::Moments::of(weights, d).function(h)
}

#[cfg(test)]
mod tests;
