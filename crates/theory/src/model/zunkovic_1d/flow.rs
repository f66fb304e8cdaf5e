//! The simulator: gradient flow of the threshold on sampled data. Errors are read off the samples along the trajectory; no closed form is used.

use super::closed::test_error;
use crate::model::{Context, TheoryError};
use crate::numeric::Draws;

/// Draws of the training sets of direct runs.
pub const DATA: u32 = 1;
/// Draws of [`exact_time`].
pub const EXACT: u32 = 2;

/// ḃ = x̄ − λ₁ sgn b − (1 + λ₂)b from `b0` > 0: smooth on either side of 0, where it passes, or sticks for good if |x̄| ≤ λ₁.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trajectory {
    b0: f64,
    rate: f64,
    /// Where the flow on the positive side leads.
    above: f64,
    /// Where the flow on the negative side leads; 0 if the threshold sticks.
    below: f64,
    /// When the threshold reaches 0; infinite if it never does.
    at_zero: f64,
}

impl Trajectory {
    /// From `b0` > 0 with mean input `mean`.
    pub fn new(lambda1: f64, lambda2: f64, b0: f64, mean: f64) -> Trajectory {
        let rate = 1.0 + lambda2;
        let above = (mean - lambda1) / rate;
        let at_zero = if above < 0.0 { libm::log1p(-b0 / above) / rate } else { f64::INFINITY };
        Trajectory { b0, rate, above, below: (mean + lambda1).min(0.0) / rate, at_zero }
    }

    /// b(t).
    pub fn at(&self, t: f64) -> f64 {
        if t < self.at_zero {
            self.above + (self.b0 - self.above) * libm::exp(-self.rate * t)
        } else {
            -self.below * libm::expm1(-self.rate * (t - self.at_zero))
        }
    }

    /// b(∞).
    pub fn end(&self) -> f64 {
        if self.at_zero.is_finite() { self.below } else { self.above }
    }

    /// First time at which b ≤ `level`, by bracketing and halving; b falls, or rises from below `level`. `None` if that never comes.
    fn first_below(&self, level: f64) -> Option<f64> {
        if self.b0 <= level {
            return Some(0.0);
        }
        if self.end() > level {
            return None;
        }
        let (mut low, mut high) = (0.0, 0.5 / self.rate);
        while self.at(high) > level {
            low = high;
            high *= 2.0;
            if high > 1e6 {
                return None;
            }
        }
        while high - low > 1e-12 * high {
            let middle = 0.5 * (low + high);
            if self.at(middle) <= level { high = middle } else { low = middle }
        }
        Some(high)
    }
}

/// One training run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// The threshold's path.
    pub path: Trajectory,
    /// Mean of all inputs.
    pub mean: f64,
    /// Smallest positive sample.
    pub lowest_positive: f64,
    /// Largest negative sample.
    pub highest_negative: f64,
    /// First time without training error.
    pub train_zero: Option<f64>,
    /// First time without test error.
    pub test_zero: Option<f64>,
    /// Whether the final test error is 0.
    pub groks: bool,
}

impl Run {
    /// t_G of a run that groks.
    pub fn grokking_time(&self) -> Option<f64> {
        if self.groks { Some(self.test_zero? - self.train_zero?) } else { None }
    }
}

/// `n` samples of each class, and the flow on them.
pub fn run(draws: &mut Draws, n: usize, eps: f64, lambda1: f64, lambda2: f64, b0: f64) -> Run {
    let (mut sum, mut lowest, mut highest) = (0.0, f64::INFINITY, f64::NEG_INFINITY);
    for _ in 0..n {
        let x = eps + draws.exponential();
        sum += x;
        lowest = x.min(lowest);
    }
    for _ in 0..n {
        let x = -eps - draws.exponential();
        sum += x;
        highest = x.max(highest);
    }
    let mean = sum / (2 * n) as f64;
    let path = Trajectory::new(lambda1, lambda2, b0, mean);
    // A sample is right if x − b has its sign. On the way down the positive class is learnt last; the negative one is right while b is above its largest sample.
    let inside = |low: f64, t: Option<f64>| t.filter(|t| path.at(*t) >= low);
    let train_zero = inside(highest, path.first_below(lowest));
    let test_zero = inside(-eps, path.first_below(eps));
    Run { path, mean, lowest_positive: lowest, highest_negative: highest, train_zero, test_zero, groks: test_error(eps, path.end()) == 0.0 }
}

/// `runs` training runs.
///
/// # Errors
/// The context's stop callback.
pub fn runs(context: &Context, lane: u32, runs: usize, n: usize, eps: f64, lambda1: f64, lambda2: f64, b0: f64) -> Result<Vec<Run>, TheoryError> {
    context.blocks(runs, 1024, |range| Ok(range.map(|i| run(&mut context.draws(lane, i), n, eps, lambda1, lambda2, b0)).collect()))
}

/// Grokking time of one random training set, from the joint law of (x_min, x̄), with three draws instead of 2N: the smallest of N exponentials is Exp(1)/N, and
/// the rest of its class exceeds it by a sum of N − 1 further ones. `None` if the run does not grok. From an infinitely distant start.
pub fn exact_time(draws: &mut Draws, n: usize, gap: f64, lambda2: f64) -> Option<f64> {
    let big = n as f64;
    let smallest = draws.exponential() / big;
    let mean = 0.5 * (smallest + (draws.gamma(big - 1.0) - draws.gamma(big)) / big);
    (mean.abs() < gap).then(|| libm::log1p((1.0 + lambda2) * smallest / (gap - mean)) / (1.0 + lambda2))
}

#[cfg(test)]
mod tests {
    use super::super::closed::{GrokkingTime, effective_gap, grokking_probability};
    use super::*;
    use crate::numeric::{fraction, mean, ode, quantile};

    #[test]
    fn the_path_solves_the_equation_and_sticks() {
        let times: Vec<f64> = (0..40).map(|i| 0.2 * i as f64).collect();
        for (l1, l2, average) in [(0.0, 0.0, 0.7), (0.3, 0.5, 0.9), (0.3, 0.5, -0.9), (0.0, 2.0, -0.4)] {
            let path = Trajectory::new(l1, l2, 3.0, average);
            let numeric = ode::solve(|_, y, d| d[0] = average - l1 * y[0].signum() - (1.0 + l2) * y[0], &[3.0], &times, 1e-9, 1e-10).unwrap();
            for (t, y) in times.iter().zip(numeric) {
                assert!((path.at(*t) - y[0]).abs() < 2e-6, "λ₁ = {l1}, x̄ = {average}, t = {t}: {} against {}", path.at(*t), y[0]);
            }
        }
        // |x̄| < λ₁: at 0 the force cannot overcome the L1 term on either side.
        let stuck = Trajectory::new(0.5, 0.0, 3.0, -0.2);
        assert_eq!((stuck.end(), stuck.at(50.0)), (0.0, 0.0));
        assert!(stuck.at(1.0) > 0.0 && stuck.at_zero.is_finite());
    }

    #[test]
    fn runs_and_the_exact_sampler_agree_with_the_closed_forms() {
        let context = Context::default();
        for (n, eps, l1, l2) in [(2, 0.4, 0.0, 0.0), (10, 0.2, 0.05, 0.5), (5, 0.0, 0.04, 0.0)] {
            let gap = effective_gap(eps, l1, l2);
            let runs = runs(&context, DATA, 20_000, n, eps, l1, l2, 30.0).unwrap();
            let share = fraction(runs.iter().filter(|r| r.groks).count(), runs.len());
            let closed = grokking_probability(n, gap);
            let error = libm::sqrt(closed * (1.0 - closed) / 20_000.0);
            assert!((share.estimate - closed).abs() < 4.0 * error, "N = {n}: {share:?} against {closed}");
            let law = GrokkingTime::new(n, gap, l2);
            let exact: Vec<f64> = (0..40_000).filter_map(|i| exact_time(&mut context.draws(EXACT, i), n, gap, l2)).collect();
            for times in [runs.iter().filter_map(Run::grokking_time).collect::<Vec<_>>(), exact] {
                let got = mean(&times);
                let (want, error) = (law.mean().unwrap(), (got.high - got.estimate) / 1.96);
                assert!((got.estimate - want).abs() < 4.0 * error, "N = {n}: {got:?} against {want}");
                // The whole law: the share below each of its deciles.
                let mut sorted = times.clone();
                sorted.sort_by(f64::total_cmp);
                for q in [0.1, 0.5, 0.9] {
                    let below = law.cdf(quantile(&sorted, q)).unwrap();
                    assert!((below - q).abs() < 4.0 * libm::sqrt(q * (1.0 - q) / times.len() as f64), "N = {n}: {below} at {q}");
                }
            }
        }
    }

    #[test]
    fn train_error_vanishes_before_test_error() {
        let runs = runs(&Context::default(), DATA, 2000, 4, 0.5, 0.0, 0.2, 9.0).unwrap();
        assert!(runs.iter().filter_map(Run::grokking_time).all(|t| t >= 0.0));
        // A path that leaves the gap on its far side passes through it, and does not grok.
        assert!(runs.iter().any(|r| !r.groks && r.test_zero.is_some()));
    }
}
