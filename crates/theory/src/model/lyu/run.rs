//! One data set followed to the end, and the time of the switch over α and λ.

use super::convex::{Optimum, cosine};
use super::data::{self, Loss, Problem};
use super::flow::{self, Hyper, Kkt};
use super::{LANES, Part, Setting, accuracy_of_margin_data, convex};
use crate::answer::Simulated;
use crate::model::{Context, TheoryError};
use crate::numeric::{Draws, fraction};

/// What is seen at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Snapshot {
    /// Flow time.
    pub time: f64,
    /// λt/ln α.
    pub normalised: f64,
    /// Cosine with the early predictor (L2), with the late one (L1).
    pub kernel: f64,
    pub sparse: f64,
    /// Share of training examples that are right (logistic), or mean squared error.
    pub train: f64,
    /// Accuracy on the test examples; for regression the exact test loss.
    pub test: Simulated,
    /// Exact test accuracy of Gaussian data.
    pub exact: Option<f64>,
    pub kkt: Kkt,
}

/// One data set.
pub(super) struct Path {
    pub snapshots: Vec<Snapshot>,
    pub kernel: Optimum,
    pub sparse: Optimum,
}

/// λ·t/ln α of the looks: some in the first instants, then evenly spaced.
fn grid(h: Hyper, horizon: f64, places: usize) -> Vec<f64> {
    let unit = libm::log(h.alpha) / h.lambda;
    let step = horizon / places as f64;
    let mut at = vec![0.0];
    // From a thousandth of a time unit on, two a decade.
    let mut t = 1e-3;
    while t < 0.5 * step * unit {
        at.push(t);
        t *= 10f64.sqrt();
    }
    at.extend((1..=places).map(|i| i as f64 * step * unit));
    at
}

pub(super) fn problem(s: &Setting, draws: &mut Draws) -> Problem {
    match s.part {
        Part::Misgrokking => data::margin(s.n, s.gamma, &data::direction(s.d, draws), draws),
        Part::Regression => data::sparse(s.n, s.d, s.k, Loss::Squared, draws),
        Part::Classification | Part::Matrix => data::sparse(s.n, s.d, s.k, Loss::Logistic, draws),
    }
}

fn tests(s: &Setting, p: &Problem, draws: &mut Draws) -> Problem {
    match s.part {
        Part::Misgrokking => data::margin(s.tests, s.gamma, &p.teacher, draws),
        _ => data::more_sparse(p, s.tests, draws),
    }
}

/// Share of examples on the right side; half of those on the plane.
fn right(p: &Problem, w: &[f64]) -> usize {
    let mut f = vec![0.0; p.n()];
    p.outputs(w, &mut f);
    let right = f.iter().zip(&p.y).filter(|(f, y)| *f * *y > 0.0).count();
    right + f.iter().filter(|f| **f == 0.0).count() / 2
}

fn squared_error(p: &Problem, w: &[f64]) -> f64 {
    let mut f = vec![0.0; p.n()];
    p.outputs(w, &mut f);
    f.iter().zip(&p.y).map(|(f, y)| (f - y) * (f - y)).sum::<f64>() / p.n() as f64
}

/// Follows the first data set, with both predictors of the convex solver beside it.
pub(super) fn follow(s: &Setting, context: &Context) -> Result<Path, TheoryError> {
    let p = problem(s, &mut context.draws(LANES[0], 0));
    let held = tests(s, &p, &mut context.draws(LANES[1], 0));
    let (kernel, sparse) = (convex::kernel(&p)?, convex::sparse(&p)?);
    let times = grid(s.hyper, s.horizon, 80);
    let states = flow::solve(&p, s.hyper, &times, context.stop)?;
    let mut snapshots = Vec::new();
    for (time, a) in times.iter().zip(&states) {
        let w = flow::weights(&p, s.hyper, a, *time);
        let logistic = p.loss == Loss::Logistic;
        snapshots.push(Snapshot {
            time: *time,
            normalised: s.hyper.lambda * time / libm::log(s.hyper.alpha),
            kernel: cosine(&w, &kernel.w),
            sparse: cosine(&w, &sparse.w),
            train: if logistic { right(&p, &w) as f64 / p.n() as f64 } else { squared_error(&p, &w) },
            // Coordinates of random signs are uncorrelated and of variance 1: the test loss is exact.
            test: if logistic {
                fraction(right(&held, &w), held.n())
            } else {
                Simulated::exact(w.iter().zip(&p.teacher).map(|(a, b)| (a - b) * (a - b)).sum())
            },
            exact: if s.part == Part::Misgrokking { Some(accuracy_of_margin_data(&w, &p.teacher, s.gamma)?) } else { None },
            kkt: flow::kkt(&p, s.hyper, a, *time),
        });
    }
    Ok(Path { snapshots, kernel, sparse })
}

/// First time at which `y` goes through `level` (upwards, or downwards where `up` is false) and is on the other side of it at the look before; linear in between.
pub(super) fn crossing(points: impl Iterator<Item = (f64, f64)>, level: f64, up: bool) -> Option<f64> {
    let mut before: Option<(f64, f64)> = None;
    for (x, y) in points.filter(|p| p.1.is_finite()) {
        let past = if up { y >= level } else { y <= level };
        match before {
            Some((x0, y0)) if past => return Some(if y == y0 { x } else { x0 + (x - x0) * (level - y0) / (y - y0) }),
            _ if past => {}
            _ => before = Some((x, y)),
        }
    }
    None
}

/// Time (as λ·t) at which the network is as near to the late as to the early predictor.
pub(super) fn switch(snapshots: impl Iterator<Item = (f64, f64, f64)>) -> Option<f64> {
    crossing(snapshots.map(|(x, kernel, sparse)| (x, sparse - kernel)), 0.0, true)
}

/// λt of the switch of one data set at one α and λ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Switch {
    pub hyper: Hyper,
    pub seed: usize,
    pub at: Option<f64>,
}

/// The sweep: over α at the setting's λ, and over λ at its α.
pub(super) struct Swept {
    pub over_alpha: Vec<Switch>,
    pub over_lambda: Vec<Switch>,
    pub d: usize,
    pub n: usize,
}

/// Sizes of the start, and factors of the weight decay.
pub(super) const ALPHAS: [f64; 5] = [10.0, 30.0, 100.0, 300.0, 1000.0];
const FACTORS: [f64; 3] = [0.1, 0.316_227_766, 1.0];

pub(super) fn sweep(s: &Setting, seeds: usize, context: &Context) -> Result<Swept, TheoryError> {
    // A fifth of the cost of the setting itself; what is asked is a slope, and the same data sets serve every α and λ.
    let small =
        Setting { d: s.d.min(if s.part == Part::Misgrokking { 2_000 } else { 300 }), n: s.n.min(if s.part == Part::Misgrokking { 16 } else { 48 }), ..*s };
    let small = Setting { n: small.n.min(small.d), k: small.k.min(small.d), ..small };
    let found = context.map(seeds, |seed| {
        let p = problem(&small, &mut context.draws(LANES[2], seed));
        let (kernel, sparse) = (convex::kernel(&p)?, convex::sparse(&p)?);
        let one = |hyper: Hyper| -> Result<Switch, TheoryError> {
            // Long enough for a small start too, where the switch is late in units of ln α.
            let end = (libm::log(hyper.alpha) + 3.0) / hyper.lambda;
            let times: Vec<f64> = (0..=60).map(|i| end * f64::from(i) / 60.0).collect();
            let states = flow::solve(&p, hyper, &times, context.stop)?;
            let seen = times.iter().zip(&states).skip(1).map(|(t, a)| {
                let w = flow::weights(&p, hyper, a, *t);
                (hyper.lambda * t, cosine(&w, &kernel.w), cosine(&w, &sparse.w))
            });
            Ok(Switch { hyper, seed, at: switch(seen) })
        };
        let over_alpha = ALPHAS.iter().map(|alpha| one(Hyper { alpha: *alpha, ..s.hyper })).collect::<Result<Vec<_>, _>>()?;
        let over_lambda = FACTORS.iter().map(|f| one(Hyper { lambda: s.hyper.lambda * f, ..s.hyper })).collect::<Result<Vec<_>, _>>()?;
        Ok((over_alpha, over_lambda))
    })?;
    let (over_alpha, over_lambda): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    Ok(Swept { over_alpha: over_alpha.concat(), over_lambda: over_lambda.concat(), d: small.d, n: small.n })
}

/// Slope and intercept of y on x by least squares; `None` for fewer than two distinct x.
pub(super) fn line(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let n = points.len() as f64;
    let (mx, my) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let (mut xx, mut xy) = (0.0, 0.0);
    for (x, y) in points {
        xx += (x - mx) * (x - mx);
        xy += (x - mx) * (y - my);
    }
    (xx > 1e-12).then(|| (xy / xx, my - xy / xx * mx))
}
