//! The toy fitted to a measured pair of curves, beside plain sigmoids: least squares by Levenberg and Marquardt (SIAM J. Appl. Math. 11, 1963) from many starts.
//!
//! Nine parameters fit much: a small residual says little. Akaike's criterion sets the parameters against it, under equal and independent Gaussian errors; curves of
//! one run are not independent from step to step, so its differences overstate how much the data say.

use super::{Pattern, test, train};
use crate::numeric::Draws;
use faer::Mat;
use faer::linalg::solvers::Solve;

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Step (or any monotone function of it: the toy is logistic along this axis).
    pub t: f64,
    /// Training accuracy.
    pub train: f64,
    /// Test accuracy.
    pub test: f64,
}

/// A fitted curve pair.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// The patterns (γ, α, b fitted; g given), or the training and the test sigmoid as two patterns whose g says nothing.
    pub patterns: Vec<Pattern>,
    /// Sum of squared residuals over both curves.
    pub rss: f64,
    /// Numbers fitted to: twice the number of measurements.
    pub n: usize,
    /// Parameters.
    pub parameters: usize,
    /// Akaike's information criterion n·ln(rss/n) + 2(parameters + 1); one more for the variance.
    pub aic: f64,
}

impl Fit {
    fn new(patterns: Vec<Pattern>, rss: f64, n: usize) -> Fit {
        let parameters = 3 * patterns.len();
        // A fit that is perfect up to rounding has no finite likelihood: its variance is held at that of rounding.
        let aic = n as f64 * libm::log((rss / n as f64).max(1e-30)) + 2.0 * (parameters as f64 + 1.0);
        Fit { patterns, rss, n, parameters, aic }
    }

    /// Root mean squared residual.
    pub fn residual(&self) -> f64 {
        (self.rss / self.n as f64).sqrt()
    }
}

/// γ by its logit, α by its logarithm, b as it is: the ranges hold by themselves.
fn patterns_of(x: &[f64], g: &[f64], span: f64) -> Vec<Pattern> {
    let pattern = |(i, g): (usize, &f64)| Pattern {
        gamma: 1.0 / (1.0 + libm::exp(-x[3 * i])),
        alpha: libm::exp(x[3 * i + 1].clamp(-30.0, 30.0)) / span,
        b: x[3 * i + 2] * span,
        g: *g,
    };
    g.iter().enumerate().map(pattern).collect()
}

/// Fits ceilings, speeds and inflection points of patterns that generalise by `g` to measured curves; `None` with fewer numbers than parameters or a value that is not finite.
pub fn toy(data: &[Measured], g: &[f64], preferred: Option<usize>, starts: usize, draws: &mut Draws) -> Option<Fit> {
    let model = |patterns: &[Pattern], t: f64| (train(patterns, t), test(patterns, preferred, t));
    fit(data, g, model, starts, draws)
}

/// Fits one sigmoid γ/(1 + e^{−α(t − b)}) to the training and one to the test curve: six parameters.
pub fn sigmoids(data: &[Measured], starts: usize, draws: &mut Draws) -> Option<Fit> {
    fit(data, &[1.0, 1.0], |p, t| (p[0].predictiveness(t), p[1].predictiveness(t)), starts, draws)
}

fn fit(data: &[Measured], g: &[f64], model: impl Fn(&[Pattern], f64) -> (f64, f64), starts: usize, draws: &mut Draws) -> Option<Fit> {
    let span = data.iter().map(|m| m.t.abs()).fold(0.0, f64::max);
    let is_finite = |m: &Measured| m.t.is_finite() && m.train.is_finite() && m.test.is_finite();
    if 2 * data.len() <= 3 * g.len() + 1 || span == 0.0 || !data.iter().all(is_finite) {
        return None;
    }
    let residuals = |x: &[f64]| -> Vec<f64> {
        let patterns = patterns_of(x, g, span);
        data.iter()
            .flat_map(|m| {
                let (train, test) = model(&patterns, m.t);
                [train - m.train, test - m.test]
            })
            .collect()
    };
    let mut best: Option<(Vec<f64>, f64)> = None;
    for _ in 0..starts.max(1) {
        // Ceilings from .05 to .95, widths from a hundredth to the whole of the span, places anywhere on it.
        let start: Vec<f64> = g.iter().flat_map(|_| [6.0 * draws.uniform() - 3.0, 4.6 * draws.uniform() + 1.0, draws.uniform()]).collect();
        let (x, rss) = levenberg_marquardt(&residuals, start, 200);
        if best.as_ref().is_none_or(|b| rss < b.1) {
            best = Some((x, rss));
        }
    }
    best.map(|(x, rss)| Fit::new(patterns_of(&x, g, span), rss, 2 * data.len()))
}

fn sum_of_squares(r: &[f64]) -> f64 {
    r.iter().map(|x| x * x).sum()
}

/// Minimises the sum of squares of `residuals` from `x`; the Jacobian by forward differences. Gives the best point and its sum.
fn levenberg_marquardt(residuals: &impl Fn(&[f64]) -> Vec<f64>, mut x: Vec<f64>, iterations: usize) -> (Vec<f64>, f64) {
    let k = x.len();
    let mut r = residuals(&x);
    let mut rss = sum_of_squares(&r);
    let mut damping = 1e-2;
    for _ in 0..iterations {
        let columns: Vec<Vec<f64>> = (0..k)
            .map(|j| {
                let mut y = x.clone();
                let h = 1e-6 * (1.0 + x[j].abs());
                y[j] += h;
                residuals(&y).iter().zip(&r).map(|(a, b)| (a - b) / h).collect()
            })
            .collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let normal = Mat::from_fn(k, k, |i, j| dot(&columns[i], &columns[j]));
        let gradient = Mat::from_fn(k, 1, |i, _| -dot(&columns[i], &r));
        let mut gained = 0.0;
        while damping < 1e12 {
            let damped = Mat::from_fn(k, k, |i, j| normal[(i, j)] + if i == j { damping * (normal[(i, i)] + 1e-9) } else { 0.0 });
            let step = damped.partial_piv_lu().solve(&gradient);
            let next: Vec<f64> = (0..k).map(|i| (x[i] + step[(i, 0)]).clamp(-40.0, 40.0)).collect();
            let there = residuals(&next);
            let sum = sum_of_squares(&there);
            if sum < rss {
                gained = (rss - sum) / rss;
                (x, r, rss) = (next, there, sum);
                damping = (damping * 0.3).max(1e-12);
                break;
            }
            damping *= 4.0;
        }
        if gained < 1e-9 {
            break;
        }
    }
    (x, rss)
}
