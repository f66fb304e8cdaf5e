//! The lazy prediction: gradient descent on the model linearised at its start, in closed form through the eigenvectors of K₀, and its limit, kernel regression.

use super::network::{Data, Hyper, Moments, Quadratic, dot};
use crate::model::TheoryError;
use crate::numeric::gemm;
use faer::{Mat, Side};

/// K₀ = QΛQᵀ on the training set, with the residuals at the start.
#[derive(Debug, Clone)]
pub struct Lazy {
    values: Vec<f64>,
    vectors: Mat<f64>,
    /// Qᵀ(f₀ − y).
    residual: Vec<f64>,
    kappa: f64,
}

impl Lazy {
    /// Decomposes the kernel of `start` on `data`.
    ///
    /// # Errors
    /// A decomposition that fails; a step size under which gradient descent on the linearised model diverges (κ times the largest eigenvalue is 2 or more).
    pub fn new(data: &Data, h: Hyper, start: &Moments) -> Result<Lazy, TheoryError> {
        let p = data.p();
        let kernel = start.kernel(h, &data.x);
        let matrix = Mat::from_fn(p, p, |i, j| 0.5 * (kernel[i * p + j] + kernel[j * p + i]));
        let e = matrix.self_adjoint_eigen(Side::Lower).map_err(|_| TheoryError::numeric("kernel at the start", "its eigenvectors were not found"))?;
        let values: Vec<f64> = (0..p).map(|i| e.S()[i].max(0.0)).collect();
        let kappa = h.kappa(p);
        let largest = values.iter().copied().fold(0.0, f64::max);
        if kappa * largest >= 2.0 {
            return Err(TheoryError::numeric(
                "linearised model",
                format!("gradient descent diverges: learning rate times curvature is {:.3}, above 2", kappa * largest),
            ));
        }
        let vectors = e.U().to_owned();
        let misfit: Vec<f64> = start.function(h).on(&data.x).iter().zip(&data.y).map(|(f, y)| f - y).collect();
        let residual = (0..p).map(|k| (0..p).map(|i| vectors[(i, k)] * misfit[i]).sum()).collect();
        Ok(Lazy { values, vectors, residual, kappa })
    }

    /// Coefficients c of f = f₀ + Σ_p c_p K₀(·, x_p) with weight `of(λ_k)` on each eigenvector.
    fn coefficients(&self, of: impl Fn(f64) -> f64) -> Vec<f64> {
        let p = self.values.len();
        let scaled: Vec<f64> = (0..p).map(|k| -of(self.values[k]) * self.residual[k]).collect();
        (0..p).map(|i| (0..p).map(|k| self.vectors[(i, k)] * scaled[k]).sum()).collect()
    }

    /// After `steps` steps of gradient descent.
    pub fn at(&self, steps: usize) -> Vec<f64> {
        let t = steps as f64;
        self.coefficients(|k| {
            let z = self.kappa * k;
            if z * t < 1e-12 {
                self.kappa * t
            } else if z < 1.0 {
                -libm::expm1(t * libm::log1p(-z)) / k
            } else {
                // 1 − z is negative: its power alternates.
                let power = libm::pow(z - 1.0, t) * if steps.is_multiple_of(2) { 1.0 } else { -1.0 };
                (1.0 - power) / k
            }
        })
    }

    /// Kernel regression without ridge: the limit of infinitely many steps, on eigenvectors whose value is above rounding.
    pub fn limit(&self) -> Vec<f64> {
        let floor = 1e-12 * self.values.iter().copied().fold(0.0, f64::max);
        self.coefficients(|k| if k > floor { 1.0 / k } else { 0.0 })
    }

    /// Training loss mean (f − y)² after `steps` steps.
    pub fn train_loss(&self, steps: usize) -> f64 {
        let of = |(k, r): (&f64, &f64)| {
            let left = libm::pow((1.0 - self.kappa * k).abs(), steps as f64) * r;
            left * left
        };
        self.values.iter().zip(&self.residual).map(of).sum::<f64>() / self.values.len() as f64
    }
}

/// f₀ + Σ_p c_p K₀(·, x_p) as a quadratic function: l = l₀ + (α²/(N·D))Σ c_p(1 + εw̄·x_p/√D)x_p, Q = Q₀ + C + Cᵀ with C = (α²/(N·D))(ε/√D · w̄·(Σ c_p x_p)ᵀ + ε²/D · M·Σ c_p x_p x_pᵀ).
pub fn function(data: &Data, h: Hyper, start: &Moments, c: &[f64]) -> Quadratic {
    let (d, p) = (data.d(), data.p());
    let scale = h.alpha * h.alpha / (h.width as f64 * d as f64);
    let root = (d as f64).sqrt();
    let mut f = start.function(h);
    let mut plain = vec![0.0; d];
    let mut weighted = data.x.clone();
    for (k, row) in data.x.chunks_exact(d).enumerate() {
        let first = 1.0 + h.epsilon * dot(row, &start.mean) / root;
        for j in 0..d {
            plain[j] += c[k] * row[j];
            f.linear[j] += scale * c[k] * first * row[j];
            weighted[k * d + j] *= c[k];
        }
    }
    let s = gemm::product(gemm::matrix(&data.x, p).transpose(), gemm::matrix(&weighted, p));
    let ms = gemm::product(gemm::matrix(&start.second, d), gemm::matrix(&s, d));
    let half = |i: usize, j: usize| scale * (h.epsilon / root * start.mean[i] * plain[j] + h.epsilon * h.epsilon / d as f64 * ms[i * d + j]);
    for i in 0..d {
        for j in 0..d {
            f.form[i * d + j] += half(i, j) + half(j, i);
        }
    }
    f
}

/// yᵀKy/(‖K‖_F‖y‖²) of a `P × P` kernel, both centred.
pub fn alignment(kernel: &[f64], y: &[f64]) -> f64 {
    let p = y.len();
    let mean = y.iter().sum::<f64>() / p as f64;
    let y: Vec<f64> = y.iter().map(|y| y - mean).collect();
    let rows: Vec<f64> = kernel.chunks_exact(p).map(|row| row.iter().sum::<f64>() / p as f64).collect();
    let all = rows.iter().sum::<f64>() / p as f64;
    let (mut form, mut squares) = (0.0, 0.0);
    for i in 0..p {
        for j in 0..p {
            let k = kernel[i * p + j] - rows[i] - rows[j] + all;
            form += y[i] * k * y[j];
            squares += k * k;
        }
    }
    form / (squares.sqrt() * dot(&y, &y))
}

/// ‖K − K₀‖_F/‖K₀‖_F.
pub fn drift(kernel: &[f64], start: &[f64]) -> f64 {
    let (mut moved, mut size) = (0.0, 0.0);
    for (k, k0) in kernel.iter().zip(start) {
        moved += (k - k0) * (k - k0);
        size += k0 * k0;
    }
    (moved / size).sqrt()
}
