//! Gaussian-process regression of a sine: exact marginal likelihood climbed by Adam.
//!
//! y = sin 2x + noise (the paper's frequency 1/π in sin 2πfx), kernel s² exp(−r²/2ℓ²) + σ², constant mean c. −ln p(y) = ½ (y−c)ᵀK⁻¹(y−c) + ½ ln|K| + (n/2) ln 2π: the first term is the fit, the second the
//! complexity. Parameters are θ = (ln ℓ, ln s², ln σ², c); the official code has ln ℓ and ln s² too, and a softplus for σ².

use crate::model::TheoryError;
use crate::model::zunkovic_tn::separable::{cholesky, cholesky_solve};
use crate::numeric::Draws;

/// Inputs and targets.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    /// Inputs.
    pub x: Vec<f64>,
    /// Targets.
    pub y: Vec<f64>,
}

/// −ln p(y) divided by n, with its parts and its gradient by θ.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// Fit + complexity + (n/2) ln 2π.
    pub value: f64,
    /// ½ rᵀK⁻¹r.
    pub fit: f64,
    /// ½ ln|K|.
    pub complexity: f64,
    /// By (ln ℓ, ln s², ln σ², c).
    pub gradient: [f64; 4],
    /// K⁻¹ r.
    pub alpha: Vec<f64>,
}

/// What an optimisation has seen, epoch by epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// Mean squared error on the training inputs (posterior mean).
    pub train: Vec<f64>,
    /// Mean squared error on the validation inputs.
    pub validation: Vec<f64>,
    /// ½ ln|K|.
    pub complexity: Vec<f64>,
    /// ½ rᵀK⁻¹r.
    pub fit: Vec<f64>,
    /// ℓ.
    pub lengthscale: Vec<f64>,
}

impl Data {
    /// `n` points: x uniform on (−1.5, 1.5), noise of standard deviation .1 on y.
    pub fn draw(n: usize, draws: &mut Draws) -> Data {
        let x: Vec<f64> = (0..n).map(|_| 3.0 * draws.uniform() - 1.5).collect();
        let y = x.iter().map(|x| libm::sin(2.0 * x) + 0.1 * draws.normal()).collect();
        Data { x, y }
    }
}

/// The evidence at θ.
///
/// # Errors
/// A covariance that is not positive definite to rounding.
pub fn evidence(data: &Data, theta: &[f64; 4]) -> Result<Evidence, TheoryError> {
    let n = data.x.len();
    let [length, scale, noise] = [libm::exp(theta[0]), libm::exp(theta[1]), libm::exp(theta[2])];
    let mut k = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            k[i * n + j] = kernel(data.x[i] - data.x[j], length, scale) + if i == j { noise } else { 0.0 };
        }
    }
    if !cholesky(&mut k, n) {
        return Err(TheoryError::numeric(
            "Gaussian process",
            format!("the covariance is not positive definite at ℓ = {length:.3e}, s² = {scale:.3e}, σ² = {noise:.3e}"),
        ));
    }
    let r: Vec<f64> = data.y.iter().map(|y| y - theta[3]).collect();
    let mut alpha = r.clone();
    cholesky_solve(&k, n, &mut alpha);
    let fit = 0.5 * r.iter().zip(&alpha).map(|(a, b)| a * b).sum::<f64>();
    let complexity = (0..n).map(|i| libm::log(k[i * n + i])).sum::<f64>();
    // ∂ = ½ tr((K⁻¹ − ααᵀ) ∂K), from the columns of K⁻¹.
    let mut gradient = [0.0; 4];
    let mut column = vec![0.0; n];
    for j in 0..n {
        column.fill(0.0);
        column[j] = 1.0;
        cholesky_solve(&k, n, &mut column);
        for i in 0..n {
            let weight = 0.5 * (column[i] - alpha[i] * alpha[j]);
            let difference = data.x[i] - data.x[j];
            let value = kernel(difference, length, scale);
            gradient[0] += weight * value * difference * difference / (length * length);
            gradient[1] += weight * value;
            if i == j {
                gradient[2] += weight * noise;
            }
        }
    }
    gradient[3] = -alpha.iter().sum::<f64>();
    let value = fit + complexity + 0.5 * n as f64 * libm::log(2.0 * std::f64::consts::PI);
    Ok(Evidence { value, fit, complexity, gradient, alpha })
}

fn kernel(difference: f64, length: f64, scale: f64) -> f64 {
    scale * libm::exp(-0.5 * difference * difference / (length * length))
}

/// Mean squared error of the posterior mean at `at`.
pub fn error(data: &Data, theta: &[f64; 4], alpha: &[f64], at: &Data) -> f64 {
    let (length, scale) = (libm::exp(theta[0]), libm::exp(theta[1]));
    let squares = at.x.iter().zip(&at.y).map(|(x, y)| {
        let mean = theta[3] + data.x.iter().zip(alpha).map(|(xi, a)| a * kernel(x - xi, length, scale)).sum::<f64>();
        (mean - y) * (mean - y)
    });
    squares.sum::<f64>() / at.x.len() as f64
}

/// Adam (β .9, .999) on −ln p(y)/n from a lengthscale, s² = 1, σ² = ln 2 (the official code's start) and c = 0.
///
/// # Errors
/// As [`evidence`].
pub fn climb(train: &Data, validation: &Data, lengthscale: f64, rate: f64, epochs: usize) -> Result<Path, TheoryError> {
    let mut theta = [libm::log(lengthscale), 0.0, libm::log(std::f64::consts::LN_2), 0.0];
    let mut adam = Adam::new(4, rate);
    let mut path = Path { train: Vec::new(), validation: Vec::new(), complexity: Vec::new(), fit: Vec::new(), lengthscale: Vec::new() };
    for _ in 0..=epochs {
        let e = evidence(train, &theta)?;
        path.train.push(error(train, &theta, &e.alpha, train));
        path.validation.push(error(train, &theta, &e.alpha, validation));
        path.complexity.push(e.complexity);
        path.fit.push(e.fit);
        path.lengthscale.push(libm::exp(theta[0]));
        let n = train.x.len() as f64;
        adam.step(&mut theta, &e.gradient.map(|g| g / n));
        // The official likelihood has a noise floor of 1e-4.
        theta[2] = theta[2].max(libm::log(1e-4));
    }
    Ok(path)
}

/// Adam with its usual constants.
#[derive(Debug, Clone)]
pub struct Adam {
    rate: f64,
    steps: i32,
    first: Vec<f64>,
    second: Vec<f64>,
}

impl Adam {
    /// For `n` parameters.
    pub fn new(n: usize, rate: f64) -> Adam {
        Adam { rate, steps: 0, first: vec![0.0; n], second: vec![0.0; n] }
    }

    /// One step down the gradient.
    pub fn step(&mut self, theta: &mut [f64], gradient: &[f64]) {
        self.steps += 1;
        let (b1, b2) = (1.0 - 0.9f64.powi(self.steps), 1.0 - 0.999f64.powi(self.steps));
        for i in 0..theta.len() {
            self.first[i] = 0.9 * self.first[i] + 0.1 * gradient[i];
            self.second[i] = 0.999 * self.second[i] + 0.001 * gradient[i] * gradient[i];
            theta[i] -= self.rate * (self.first[i] / b1) / (libm::sqrt(self.second[i] / b2) + 1e-8);
        }
    }
}
