//! The deep linear network itself: full matrices, full-batch gradient descent with layer-wise decay. No singular mode is used here.

use crate::numeric::Draws;
use crate::numeric::matrix::Matrix;

/// Layers W_1 … W_L, the first read first.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// The layers.
    pub layers: Vec<Matrix>,
}

/// What is learned: the squared loss ½tr((A − A*)C(A − A*)ᵀ).
#[derive(Debug, Clone)]
pub struct Problem {
    /// A*.
    pub target: Matrix,
    /// C, the covariance of the training inputs; `None` for white inputs (C = 1).
    pub inputs: Option<Matrix>,
    /// λ: ½λΣ‖W_ℓ‖² is added.
    pub lambda: f64,
}

impl Network {
    /// Independent normal entries of standard deviation `scale`/√d.
    pub fn normal(d: usize, layers: usize, scale: f64, draws: &mut Draws) -> Network {
        Network { layers: (0..layers).map(|_| Matrix::normal(d, d, scale / libm::sqrt(d as f64), draws)).collect() }
    }

    /// Balanced layers that multiply to U diag(σ) Vᵀ, with random bases between them.
    pub fn balanced(sigma: &[f64], u: &Matrix, v: &Matrix, layers: usize, draws: &mut Draws) -> Network {
        let d = sigma.len();
        let root = Matrix::diagonal(&sigma.iter().map(|s| libm::pow(*s, 1.0 / layers as f64)).collect::<Vec<_>>());
        let mut bases = vec![v.clone()];
        bases.extend((1..layers).map(|_| Matrix::orthogonal(d, draws)));
        bases.push(u.clone());
        Network { layers: (0..layers).map(|l| bases[l + 1].mul(&root).mul_transposed(&bases[l])).collect() }
    }

    /// A = W_L … W_1.
    pub fn product(&self) -> Matrix {
        self.layers[1..].iter().fold(self.layers[0].clone(), |a, w| w.mul(&a))
    }

    /// Σ‖W_ℓ‖².
    pub fn energy(&self) -> f64 {
        self.layers.iter().map(Matrix::squares).sum()
    }

    /// Root of Σ_ℓ ‖W_{ℓ+1}ᵀW_{ℓ+1} − W_ℓW_ℓᵀ‖²: 0 where the layers are balanced.
    pub fn imbalance(&self) -> f64 {
        libm::sqrt(self.layers.windows(2).map(|w| w[1].transposed_mul(&w[1]).minus(&w[0].mul_transposed(&w[0])).squares()).sum())
    }

    /// One step of gradient descent; gives the data loss before it.
    pub fn step(&mut self, problem: &Problem, eta: f64) -> f64 {
        let n = self.layers.len();
        // below[l] = W_l … W_1.
        let mut below = vec![self.layers[0].clone()];
        for l in 1..n {
            let next = self.layers[l].mul(&below[l - 1]);
            below.push(next);
        }
        let residual = below[n - 1].minus(&problem.target);
        let slope = problem.inputs.as_ref().map_or_else(|| residual.clone(), |c| residual.mul(c));
        let loss = 0.5 * residual.inner(&slope);
        let mut back = slope;
        for l in (0..n).rev() {
            let grad = if l == 0 { back.clone() } else { back.mul_transposed(&below[l - 1]) };
            if l > 0 {
                back = self.layers[l].transposed_mul(&back);
            }
            let w = &mut self.layers[l];
            if problem.lambda > 0.0 {
                *w = w.times(1.0 - eta * problem.lambda);
            }
            w.add(-eta, &grad);
        }
        loss
    }
}

impl Problem {
    /// The data loss of a product.
    pub fn loss(&self, product: &Matrix) -> f64 {
        let residual = product.minus(&self.target);
        0.5 * self.inputs.as_ref().map_or_else(|| residual.squares(), |c| residual.mul(c).inner(&residual))
    }
}

/// Stable rank ‖A‖_F²/‖A‖₂² from singular values.
pub fn stable_rank(singular: &[f64]) -> f64 {
    singular.iter().map(|s| s * s).sum::<f64>() / (singular[0] * singular[0])
}
