//! Linear regression on the features x, x², x³, sin 100x of y = 0.3x, judged by the sign.
//!
//! Loss Σ(err)²/(ε₀n) + ρ Σw²/n, ρ = 1/0.5, by full-batch gradient descent from w(0) = (5e-4, .9, .9, .9). The gradient is linear: with H = 2ΦᵀΦ/(ε₀n) + 2ρ/n and b = 2Φᵀy/(ε₀n),
//! w_k = w* + (1 − ηH)^k (w₀ − w*), w* = H⁻¹b. Two points see two of the four directions; in the other two the start is forgotten at the rate 2ρη/n alone, and without ρ never.

use crate::model::TheoryError;
use crate::numeric::Draws;
use pennydrop_graph::linalg::eigh;

/// w(0) of the paper.
pub const START: [f64; 4] = [5e-4, 0.9, 0.9, 0.9];

/// Data, loss and learning rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Features and target of the training points.
    pub train: Vec<([f64; 4], f64)>,
    /// Features and target of the validation points.
    pub validation: Vec<([f64; 4], f64)>,
    /// ε₀.
    pub epsilon: f64,
    /// ρ.
    pub penalty: f64,
    /// η.
    pub rate: f64,
}

/// The iteration in the eigenvectors of H.
#[derive(Debug, Clone)]
pub struct Solution {
    values: [f64; 4],
    /// `vectors[j]` is eigenvector j.
    vectors: [[f64; 4]; 4],
    start: [f64; 4],
    force: [f64; 4],
    rate: f64,
}

/// The features of x.
pub fn features(x: f64) -> [f64; 4] {
    [x, x * x, x * x * x, libm::sin(100.0 * x)]
}

impl Problem {
    /// Uniform x on (−½, ½), the first `train` points for training.
    pub fn draw(train: usize, validation: usize, epsilon: f64, penalty: f64, rate: f64, draws: &mut Draws) -> Problem {
        let mut points = |n: usize| -> Vec<([f64; 4], f64)> {
            (0..n)
                .map(|_| {
                    let x = draws.uniform() - 0.5;
                    (features(x), 0.3 * x)
                })
                .collect()
        };
        Problem { train: points(train), validation: points(validation), epsilon, penalty, rate }
    }

    /// H and b.
    fn quadratic(&self) -> ([[f64; 4]; 4], [f64; 4]) {
        let n = self.train.len() as f64;
        let (mut h, mut b) = ([[0.0; 4]; 4], [0.0; 4]);
        for (phi, y) in &self.train {
            for i in 0..4 {
                b[i] += 2.0 * phi[i] * y / (self.epsilon * n);
                for j in 0..4 {
                    h[i][j] += 2.0 * phi[i] * phi[j] / (self.epsilon * n);
                }
            }
        }
        for i in 0..4 {
            h[i][i] += 2.0 * self.penalty / n;
        }
        (h, b)
    }

    /// The exact iteration.
    ///
    /// # Errors
    /// An eigendecomposition that fails; a learning rate at which gradient descent diverges.
    pub fn solve(&self) -> Result<Solution, TheoryError> {
        let (h, b) = self.quadratic();
        let packed = eigh(&h.concat(), 4);
        if packed.iter().any(|x| !x.is_finite()) {
            return Err(TheoryError::numeric("linear regression", "the eigendecomposition did not converge"));
        }
        let vectors: [[f64; 4]; 4] = std::array::from_fn(|j| std::array::from_fn(|i| packed[4 + i * 4 + j]));
        let into = |v: &[f64; 4]| std::array::from_fn(|j| (0..4).map(|i| vectors[j][i] * v[i]).sum());
        Ok(Solution { values: std::array::from_fn(|j| packed[j].max(0.0)), vectors, start: into(&START), force: into(&b), rate: self.rate })
    }

    /// Gradient descent, a step at a time: calls `see` with the weights of every epoch 0, 1, …, `epochs`, until it says that it has seen enough.
    pub fn descend(&self, epochs: usize, mut see: impl FnMut(usize, &[f64; 4]) -> bool) {
        let n = self.train.len() as f64;
        let mut w = START;
        for epoch in 0..=epochs {
            if see(epoch, &w) {
                return;
            }
            let mut gradient: [f64; 4] = std::array::from_fn(|i| 2.0 * self.penalty / n * w[i]);
            for (phi, y) in &self.train {
                let error = predict(&w, phi) - y;
                for i in 0..4 {
                    gradient[i] += 2.0 * error * phi[i] / (self.epsilon * n);
                }
            }
            for i in 0..4 {
                w[i] -= self.rate * gradient[i];
            }
        }
    }

    /// The data term and the penalty at `w`.
    pub fn terms(&self, w: &[f64; 4]) -> (f64, f64) {
        let n = self.train.len() as f64;
        let fit = self.train.iter().map(|(phi, y)| (predict(w, phi) - y) * (predict(w, phi) - y)).sum::<f64>();
        (fit / (self.epsilon * n), self.penalty * w.iter().map(|x| x * x).sum::<f64>() / n)
    }
}

impl Solution {
    /// w after `epoch` steps of gradient descent.
    pub fn descent(&self, epoch: f64) -> [f64; 4] {
        // (1 − ηh)^k; the base may be negative where a step overshoots.
        self.at(|h| {
            let base = 1.0 - self.rate * h;
            let sign = if base >= 0.0 || (epoch as u64).is_multiple_of(2) { 1.0 } else { -1.0 };
            sign * libm::pow(base.abs(), epoch)
        })
    }

    /// w of the gradient flow at time η · `epoch`.
    pub fn flow(&self, epoch: f64) -> [f64; 4] {
        self.at(|h| libm::exp(-h * self.rate * epoch))
    }

    fn at(&self, decay: impl Fn(f64) -> f64) -> [f64; 4] {
        let mut w = [0.0; 4];
        for j in 0..4 {
            let h = self.values[j];
            // A direction that neither data nor penalty sees keeps its start; the force along it is rounding.
            let kept = decay(h);
            let c = if h > 1e-9 { self.start[j] * kept + self.force[j] * (1.0 - kept) / h } else { self.start[j] };
            for i in 0..4 {
                w[i] += self.vectors[j][i] * c;
            }
        }
        w
    }

    /// Whether gradient descent at this rate converges: ηh < 2 for all eigenvalues.
    pub fn converges(&self) -> bool {
        self.values.iter().all(|h| self.rate * h < 2.0)
    }
}

fn predict(w: &[f64; 4], phi: &[f64; 4]) -> f64 {
    (0..4).map(|i| w[i] * phi[i]).sum()
}

/// The share of points whose sign is right.
pub fn accuracy(w: &[f64; 4], points: &[([f64; 4], f64)]) -> f64 {
    points.iter().filter(|(phi, y)| predict(w, phi) * y > 0.0).count() as f64 / points.len() as f64
}

/// Epochs at which training and validation accuracy first reach `threshold`; `None` if not by `epochs`.
pub type Crossings = (Option<usize>, Option<usize>);

/// From weights as a function of the epoch (the closed form), epoch after epoch.
pub fn crossings(problem: &Problem, threshold: f64, epochs: usize, weights: impl Fn(usize) -> [f64; 4]) -> Crossings {
    let mut found = (None, None);
    for epoch in 0..=epochs {
        let w = weights(epoch);
        if note(problem, threshold, epoch, &w, &mut found) {
            break;
        }
    }
    found
}

/// From gradient descent itself.
pub fn crossings_by_descent(problem: &Problem, threshold: f64, epochs: usize) -> Crossings {
    let mut found = (None, None);
    problem.descend(epochs, |epoch, w| note(problem, threshold, epoch, w, &mut found));
    found
}

fn note(problem: &Problem, threshold: f64, epoch: usize, w: &[f64; 4], found: &mut Crossings) -> bool {
    if found.0.is_none() && accuracy(w, &problem.train) >= threshold {
        found.0 = Some(epoch);
    }
    if found.1.is_none() && accuracy(w, &problem.validation) >= threshold {
        found.1 = Some(epoch);
    }
    found.0.is_some() && found.1.is_some()
}
