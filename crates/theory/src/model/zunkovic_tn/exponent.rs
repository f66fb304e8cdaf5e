//! The exponent ν of the averaged test error before its transition, E ~ (t_ε − t)^ν, with its window and its uncertainty.

use super::map::Points;
use super::perceptron::Run;
use super::shape::slope;
use crate::numeric::{Draws, quantile};

/// Errors of several runs, aligned at their own t_ε.
#[derive(Debug, Clone)]
pub struct Aligned {
    /// Distances t_ε − t, ascending.
    pub before: Vec<f64>,
    /// `errors[run][i]`: test error at t_ε − `before[i]`; not a number before the start of the run.
    pub errors: Vec<Vec<f64>>,
}

/// A fit in a window of the averaged error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// ν.
    pub nu: f64,
    /// 95 % interval from the bootstrap over initial vectors.
    pub interval: (f64, f64),
    /// ln of the prefactor.
    pub intercept: f64,
    /// Distances in the window.
    pub points: usize,
}

/// Aligns the runs that reach zero test error after the start, at `count` distances in geometric progression between `least` and `most`.
pub fn align(runs: &[Run], test: &Points, least: f64, most: f64, count: usize) -> Aligned {
    let before: Vec<f64> = (0..count).map(|i| least * libm::pow(most / least, i as f64 / (count - 1).max(1) as f64)).collect();
    let mut w = vec![0.0; test.dimension];
    let reach = runs.iter().filter(|r| r.test_zero.is_finite() && r.test_zero > 0.0);
    let errors = reach
        .map(|run| {
            let error = |tau: &f64| {
                if *tau > run.test_zero {
                    return f64::NAN;
                }
                run.path.at(run.test_zero - tau, &mut w);
                test.error(&w)
            };
            before.iter().map(error).collect()
        })
        .collect();
    Aligned { before, errors }
}

impl Aligned {
    /// The mean error at each distance over `runs` (indices, repeats allowed) that have started by then; not a number where fewer than half have.
    pub fn mean(&self, runs: &[usize]) -> Vec<f64> {
        (0..self.before.len())
            .map(|i| {
                let (sum, count) = runs.iter().map(|&r| self.errors[r][i]).filter(|e| e.is_finite()).fold((0.0, 0usize), |(s, n), e| (s + e, n + 1));
                if 2 * count >= runs.len() && count > 0 { sum / count as f64 } else { f64::NAN }
            })
            .collect()
    }

    /// ν from the distances at which the averaged error is within `low..=high`, with a bootstrap of `resamples` over runs. `None` where the window holds fewer than three.
    pub fn fit(&self, low: f64, high: f64, resamples: usize, draws: &mut Draws) -> Option<Fit> {
        let all: Vec<usize> = (0..self.errors.len()).collect();
        let window = |mean: &[f64]| -> Vec<(f64, f64)> {
            let inside = self.before.iter().zip(mean).filter(|(_, e)| **e >= low && **e <= high);
            inside.map(|(t, e)| (libm::log(*t), libm::log(*e))).collect()
        };
        let points = window(&self.mean(&all));
        if points.len() < 3 {
            return None;
        }
        let (nu, intercept) = slope(&points)?;
        let mut found: Vec<f64> = (0..resamples)
            .filter_map(|_| {
                let again: Vec<usize> = all.iter().map(|_| draws.below(all.len())).collect();
                slope(&window(&self.mean(&again))).map(|s| s.0)
            })
            .collect();
        found.sort_by(f64::total_cmp);
        Some(Fit { nu, interval: (quantile(&found, 0.025), quantile(&found, 0.975)), intercept, points: points.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_law_gives_its_exponent_and_noise_an_interval_that_holds_it() {
        let before: Vec<f64> = (0..30).map(|i| 0.01 * libm::pow(1.3, i as f64)).collect();
        let mut draws = Draws::new(8, 0, 0);
        let errors = (0..80)
            .map(|_| {
                let size = libm::exp(0.5 * draws.normal());
                before.iter().map(|t| (0.1 * size * libm::pow(*t, 0.8)).min(0.5)).collect()
            })
            .collect();
        let aligned = Aligned { before, errors };
        let fit = aligned.fit(0.003, 0.1, 100, &mut Draws::new(9, 0, 0)).unwrap();
        assert!((fit.nu - 0.8).abs() < 0.01 && fit.interval.0 <= fit.nu + 1e-6 && fit.nu <= fit.interval.1 + 1e-6, "{fit:?}");
        assert_eq!(aligned.fit(0.9, 1.0, 10, &mut Draws::new(9, 0, 0)), None);
    }
}
