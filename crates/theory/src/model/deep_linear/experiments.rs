//! Trainings, measured: modes beside the flow, two clocks of one run, a flat minimum, cross-entropy.

use super::fit;
use super::mode;
use super::network::{Network, Problem, stable_rank};
use crate::model::{Context, TheoryError};
use crate::numeric::matrix::Matrix;
use crate::numeric::{Draws, ode};
use pennydrop_graph::linalg;

/// A teacher of singular values `singular` in random bases: (U, A*, V).
pub fn teacher(d: usize, singular: &[f64], draws: &mut Draws) -> (Matrix, Matrix, Matrix) {
    let (u, v) = (Matrix::orthogonal(d, draws), Matrix::orthogonal(d, draws));
    let target = u.mul(&Matrix::diagonal(&padded(singular, d))).mul_transposed(&v);
    (u, target, v)
}

fn padded(singular: &[f64], d: usize) -> Vec<f64> {
    (0..d).map(|i| singular.get(i).copied().unwrap_or(0.0)).collect()
}

/// Singular values of a balanced network beside the flow of its modes, at the same times.
#[derive(Debug, Clone)]
pub struct Modes {
    /// Times η·step.
    pub times: Vec<f64>,
    /// For each time, the network's singular values, descending.
    pub network: Vec<Vec<f64>>,
    /// The same from the flow.
    pub flow: Vec<Vec<f64>>,
    /// Largest difference.
    pub gap: f64,
}

/// A balanced aligned network of `layers` layers, all modes started at `first`, under white inputs.
///
/// # Errors
/// The flow blows up.
pub fn modes(d: usize, layers: usize, singular: &[f64], lambda: f64, first: f64, eta: f64, end: f64, draws: &mut Draws) -> Result<Modes, TheoryError> {
    let (u, target, v) = teacher(d, singular, draws);
    let problem = Problem { target, inputs: None, lambda };
    let mut net = Network::balanced(&vec![first; d], &u, &v, layers, draws);
    let records = 50;
    let every = ((end / eta) / f64::from(records)).ceil().max(1.0) as usize;
    let times: Vec<f64> = (0..=records).map(|k| k as f64 * every as f64 * eta).collect();
    let mut network = vec![net.product().singular_values()];
    for _ in 0..records {
        for _ in 0..every {
            net.step(&problem, eta);
        }
        network.push(net.product().singular_values());
    }
    let targets = padded(singular, d);
    let path = ode::solve(
        |_, y, dy| {
            for i in 0..d {
                dy[i] = mode::velocity(y[i], targets[i], lambda, layers);
            }
        },
        &vec![first; d],
        &times,
        1e-9,
        1e-13,
    )?;
    let flow: Vec<Vec<f64>> = path
        .into_iter()
        .map(|mut y| {
            y.sort_by(|a, b| b.total_cmp(a));
            y
        })
        .collect();
    let gap = network.iter().zip(&flow).flat_map(|(n, f)| n.iter().zip(f).map(|(x, y)| (x - y).abs())).fold(0.0, f64::max);
    Ok(Modes { times, network, flow, gap })
}

/// Energy and balance of a network that starts off balance, under white inputs.
#[derive(Debug, Clone)]
pub struct Balance {
    /// Times η·step.
    pub times: Vec<f64>,
    /// Σ‖W_ℓ‖² over its least for the same product, minus 1.
    pub excess: Vec<f64>,
    /// Imbalance over its first value.
    pub imbalance: Vec<f64>,
}

/// Trains a normal network and records its energy.
pub fn balance(d: usize, layers: usize, singular: &[f64], lambda: f64, scale: f64, eta: f64, end: f64, draws: &mut Draws) -> Balance {
    let (_, target, _) = teacher(d, singular, draws);
    let problem = Problem { target, inputs: None, lambda };
    let mut net = Network::normal(d, layers, scale, draws);
    let every = ((end / eta) / 80.0).ceil().max(1.0) as usize;
    let first = net.imbalance();
    let mut out = Balance { times: Vec::new(), excess: Vec::new(), imbalance: Vec::new() };
    for k in 0..=80 {
        out.times.push((k * every) as f64 * eta);
        out.excess.push(net.energy() / mode::least_energy(&net.product().singular_values(), layers) - 1.0);
        out.imbalance.push(net.imbalance() / first);
        for _ in 0..every {
            net.step(&problem, eta);
        }
    }
    out
}

/// One run whose inputs span only some directions: fitting is fast, the rest is left to decay.
#[derive(Debug, Clone)]
pub struct Clocks {
    /// Times η·step of the records.
    pub times: Vec<f64>,
    /// Data loss over its first value.
    pub loss: Vec<f64>,
    /// ‖A − A∞‖ over its first value.
    pub distance: Vec<f64>,
    /// Objective minus its limit, over its first value.
    pub gap: Vec<f64>,
    /// Stable rank of A.
    pub rank: Vec<f64>,
    /// ‖(1 − P)A‖²/‖A‖², P onto the teacher's outputs.
    pub rule: Vec<f64>,
    /// Closed forms: loss floor over the first loss, stable rank of A∞.
    pub floor: f64,
    /// Stable rank of the limit.
    pub limit_rank: f64,
    /// Modes of the limit that are above 0.
    pub alive: usize,
}

/// Sizes of [`clocks`].
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// d.
    pub width: usize,
    /// L.
    pub layers: usize,
    /// Directions that the inputs span; white among these.
    pub seen: usize,
    /// Standard deviation of first weights times √d.
    pub scale: f64,
    /// η.
    pub eta: f64,
}

/// Trains a normal network on inputs that are white in `seen` of the directions.
pub fn clocks(sizes: &Sizes, singular: &[f64], lambda: f64, end: f64, draws: &mut Draws) -> Clocks {
    let d = sizes.width;
    let (u, target, _) = teacher(d, singular, draws);
    let span = Matrix::orthogonal(d, draws);
    let span = Matrix::from_fn(sizes.seen, d, |i, j| span[(i, j)]);
    let seen = span.transposed_mul(&span);
    // The limit: the teacher as the inputs show it, each singular value moved to its minimum.
    let shown = target.mul(&seen);
    let packed = linalg::svd(shown.data(), d, d);
    let shown_values = &packed[d * d..d * d + d];
    let limit_values: Vec<f64> = shown_values.iter().map(|s| mode::resting(*s, lambda, sizes.layers)).collect();
    let limit = Matrix::from_fn(d, d, |i, j| (0..d).map(|k| packed[i * d + k] * limit_values[k] * packed[d * d + d + j * d + k]).sum());
    let floor: f64 = shown_values.iter().zip(&limit_values).map(|(s, x)| 0.5 * (s - x) * (s - x)).sum();
    let lowest = floor + 0.5 * lambda * mode::least_energy(&limit_values, sizes.layers);
    let problem = Problem { target, inputs: Some(seen), lambda };
    let mut net = Network::normal(d, sizes.layers, sizes.scale, draws);
    let steps = (end / sizes.eta) as usize;
    let outputs = Matrix::from_fn(d, singular.len(), |i, j| u[(i, j)]);
    let mut out = Clocks {
        times: Vec::new(),
        loss: Vec::new(),
        distance: Vec::new(),
        gap: Vec::new(),
        rank: Vec::new(),
        rule: Vec::new(),
        floor,
        limit_rank: if limit_values[0] > 0.0 { stable_rank(&limit_values) } else { f64::NAN },
        alive: limit_values.iter().filter(|x| **x > 1e-9).count(),
    };
    let mut next = 0;
    for step in 0..=steps {
        if step == next || step == steps {
            let a = net.product();
            let loss = problem.loss(&a);
            out.times.push(step as f64 * sizes.eta);
            out.loss.push(loss);
            out.distance.push(libm::sqrt(a.minus(&limit).squares()));
            out.gap.push(loss + 0.5 * lambda * net.energy() - lowest);
            out.rank.push(stable_rank(&a.singular_values()));
            out.rule.push(1.0 - outputs.transposed_mul(&a).squares() / a.squares());
            // Records three per cent apart.
            next = step + 1 + step / 33;
        }
        net.step(&problem, sizes.eta);
    }
    out.floor /= out.loss[0];
    for values in [&mut out.loss, &mut out.distance, &mut out.gap] {
        let first = values[0];
        for v in values.iter_mut() {
            *v /= first;
        }
    }
    out
}

/// Exponents of T ∝ η^−x, read off a simulated flow.
#[derive(Debug, Clone)]
pub struct Flat {
    /// (η, T) for distances of weights.
    pub distance: Vec<(f64, f64)>,
    /// (η, T) for gaps of the loss.
    pub gap: Vec<(f64, f64)>,
    /// (η, T) for distances of the product of layers, where there are layers.
    pub product: Vec<(f64, f64)>,
}

/// The flow of |x|^p/p, p = 1/(1 − θ), from 1, integrated numerically.
///
/// # Errors
/// The integration does not come to its end.
pub fn flat(theta: f64) -> Result<Flat, TheoryError> {
    let p = 1.0 / (1.0 - theta);
    let times: Vec<f64> = std::iter::once(0.0).chain((-20..=320).map(|k| libm::pow(10.0, f64::from(k) / 40.0))).collect();
    let path = ode::solve(|_, x, dx| dx[0] = -libm::pow(x[0], p - 1.0), &[1.0], &times, 1e-10, 1e-14)?;
    let distance: Vec<f64> = path.iter().map(|x| x[0]).collect();
    let gap: Vec<f64> = distance.iter().map(|x| libm::pow(*x, p) / p).collect();
    Ok(Flat { distance: clock(&times, &distance, 0.2), gap: clock(&times, &gap, 0.2), product: Vec::new() })
}

/// Two layers of one unit whose teacher equals the decay, s = λ = 1: the minimum at 0 has no curvature left (θ = 3/4). Gradient descent, no closed form.
pub fn threshold(end: f64) -> Flat {
    let eta = 0.05;
    let one = |x: f64| Matrix::diagonal(&[x]);
    let problem = Problem { target: one(1.0), inputs: None, lambda: 1.0 };
    let mut net = Network { layers: vec![one(0.8), one(0.8)] };
    let (mut times, mut weights, mut products, mut gaps) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (steps, mut next) = ((end / eta) as usize, 0);
    for step in 0..=steps {
        if step == next {
            let sigma = net.product().data()[0];
            times.push(step as f64 * eta);
            weights.push(libm::sqrt(net.energy()));
            products.push(sigma);
            // ½(σ − 1)² + ½Σw² − ½, without the cancellation: ½σ² + ½(w₁ − w₂)².
            let apart = net.layers[0].minus(&net.layers[1]).squares();
            gaps.push(0.5 * sigma * sigma + 0.5 * apart);
            next = step + 1 + step / 33;
        }
        net.step(&problem, eta);
    }
    Flat { distance: clock(&times, &weights, 0.3), gap: clock(&times, &gaps, 0.01), product: clock(&times, &products, 0.05) }
}

/// Crossings of `from` and of levels sixteen a decade below it, as far as `values` reach.
fn clock(times: &[f64], values: &[f64], from: f64) -> Vec<(f64, f64)> {
    let levels = (0..200).map(|k| from * libm::pow(10.0, -f64::from(k) / 16.0));
    levels.map_while(|e| fit::first_below(times, values, e).map(|t| (e, t))).collect()
}

/// Slope of ln T against ln 1/η over the second half of a clock, where first values no longer count.
pub fn exponent(clock: &[(f64, f64)]) -> Option<f64> {
    fit::fits(&clock[clock.len() / 2..]).map(|f| f.power.1)
}

/// Clocks of a separable linear classifier.
#[derive(Debug, Clone)]
pub struct Separable {
    /// (ε, T) of the logistic loss under its gradient flow.
    pub loss: Vec<(f64, f64)>,
    /// (ε, T) of the share of points still wrong under the same flow, until none is.
    pub wrong: Vec<(f64, f64)>,
    /// (ε, T) of the loss under the flow of its logarithm (speed ∇L/L), whose margins grow like t.
    pub normalised: Vec<(f64, f64)>,
}

/// `n` points in five dimensions with labels by the first and a margin of 0.1, learned from a random first direction.
///
/// # Errors
/// The integration does not come to its end.
pub fn separable(n: usize, context: &Context, lane: u32) -> Result<Separable, TheoryError> {
    const DIM: usize = 5;
    let points: Vec<[f64; DIM]> = (0..n)
        .map(|i| {
            let mut draws = context.draws(lane, i + 1);
            let mut z: [f64; DIM] = std::array::from_fn(|_| draws.normal());
            // Label times point: on the right side by at least the margin.
            z[0] = 0.1 + z[0].abs();
            z
        })
        .collect();
    let mut draws = context.draws(lane, 0);
    let mut first: Vec<f64> = draws.normals(DIM);
    // Started on the wrong side, so that there is something to learn.
    first[0] = -first[0].abs();
    let margin = |w: &[f64], z: &[f64; DIM]| -> f64 { w.iter().zip(z).map(|(a, b)| a * b).sum() };
    let loss = |w: &[f64]| points.iter().map(|z| softplus(-margin(w, z))).sum::<f64>() / n as f64;
    let wrong = |w: &[f64]| points.iter().filter(|z| margin(w, z) <= 0.0).count() as f64 / n as f64;
    let slope = |w: &[f64], dw: &mut [f64]| {
        dw.fill(0.0);
        for z in &points {
            let pull = 1.0 / (1.0 + libm::exp(margin(w, z))) / n as f64;
            for (d, x) in dw.iter_mut().zip(z) {
                *d += pull * x;
            }
        }
    };
    let times: Vec<f64> = std::iter::once(0.0).chain((-40..=340).map(|k| libm::pow(10.0, f64::from(k) / 40.0))).collect();
    let plain = ode::solve(|_, w, dw| slope(w, dw), &first, &times, 1e-6, 1e-8)?;
    let short: Vec<f64> = (0..=400).map(|k| 2.5 * f64::from(k)).collect();
    let fast = ode::solve(
        |_, w, dw| {
            slope(w, dw);
            let l = loss(w);
            for d in dw.iter_mut() {
                *d /= l;
            }
        },
        &first,
        &short,
        1e-6,
        1e-8,
    )?;
    let along = |path: &[Vec<f64>], f: &dyn Fn(&[f64]) -> f64| path.iter().map(|w| f(w)).collect::<Vec<f64>>();
    let clock_to = |times: &[f64], values: &[f64], last: f64| clock(times, values, 0.1).into_iter().take_while(|(e, _)| *e >= last).collect::<Vec<_>>();
    Ok(Separable {
        loss: clock_to(&times, &along(&plain, &loss), 0.99e-6),
        wrong: clock_to(&times, &along(&plain, &wrong), 1.0 / n as f64),
        normalised: clock_to(&short, &along(&fast, &loss), 0.99e-6),
    })
}

/// ln(1 + eˣ) without overflow or cancellation.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + libm::log1p(libm::exp(-x.abs()))
}
