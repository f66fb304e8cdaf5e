//! The network of polynomial regression, followed through its sufficient statistics.
//!
//! f(x) = (α/N)Σ_i φ(w_i·x/√D), φ(h) = h + ½εh². Since φ′ is linear, a step of gradient descent is *one affine map for all neurons*: with residuals r_p,
//! g = Σ r_p x_p/√D and S = Σ r_p x_p x_pᵀ/D,  w_i ← (1 − cεS)w_i − c·g.  So w_i(t) = B w_i(0) + b, the function depends on w̄ = mean w and M = N⁻¹Σ w wᵀ alone, and a step costs
//! 2PD² + 3D³ multiply–adds, whatever N is. Nothing is approximated; the tests compare with gradient descent on every weight.

use crate::model::TheoryError;
use crate::numeric::{Draws, gemm};

/// Inputs, targets and the teacher.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    /// `P × D`, row-major.
    pub x: Vec<f64>,
    /// (β·x/√D)²/2.
    pub y: Vec<f64>,
    /// β, `D`.
    pub beta: Vec<f64>,
}

impl Data {
    /// `p` standard normal inputs with the target of `beta`.
    pub fn draw(p: usize, beta: &[f64], draws: &mut Draws) -> Data {
        let x = draws.normals(p * beta.len());
        Data { y: targets(&x, beta), x, beta: beta.to_vec() }
    }

    /// D.
    pub fn d(&self) -> usize {
        self.beta.len()
    }

    /// P.
    pub fn p(&self) -> usize {
        self.y.len()
    }
}

/// (β·x/√D)²/2 of each row.
pub fn targets(x: &[f64], beta: &[f64]) -> Vec<f64> {
    let d = beta.len();
    x.chunks_exact(d).map(|row| dot(row, beta)).map(|h| 0.5 * h * h / d as f64).collect()
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// How the network is scaled and trained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hyper {
    /// Output scale: the larger, the lazier.
    pub alpha: f64,
    /// Curvature ε of the activation.
    pub epsilon: f64,
    /// Neurons N.
    pub width: usize,
    /// The learning rate is `rate`·N, the loss mean (f − y)²/α².
    pub rate: f64,
}

impl Hyper {
    /// κ of the update of outputs under a fixed kernel: f ← f − κ·K(f − y).
    pub fn kappa(&self, p: usize) -> f64 {
        2.0 * self.rate * self.width as f64 / (p as f64 * self.alpha * self.alpha)
    }
}

/// A function l·x + ½xᵀQx.
#[derive(Debug, Clone, PartialEq)]
pub struct Quadratic {
    /// l, `D`.
    pub linear: Vec<f64>,
    /// Q, symmetric, `D × D`.
    pub form: Vec<f64>,
}

impl Quadratic {
    /// Values on the rows of `x`.
    pub fn on(&self, x: &[f64]) -> Vec<f64> {
        let d = self.linear.len();
        let through = gemm::product(gemm::matrix(x, x.len() / d), gemm::matrix(&self.form, d));
        x.chunks_exact(d).zip(through.chunks_exact(d)).map(|(x, q)| dot(x, &self.linear) + 0.5 * dot(x, q)).collect()
    }

    /// E(f(x) − y(x))² over standard normal x, exactly: ‖l‖² + ¼(2‖A‖_F² + (tr A)²) with A = Q − ββᵀ/D.
    pub fn test_loss(&self, beta: &[f64]) -> f64 {
        let d = beta.len();
        let (mut squares, mut trace) = (0.0, 0.0);
        for i in 0..d {
            for j in 0..d {
                let a = self.form[i * d + j] - beta[i] * beta[j] / d as f64;
                squares += a * a;
                if i == j {
                    trace += a;
                }
            }
        }
        dot(&self.linear, &self.linear) + 0.25 * (2.0 * squares + trace * trace)
    }
}

/// Mean and second moment of the neurons.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// w̄, `D`.
    pub mean: Vec<f64>,
    /// M = N⁻¹Σ w wᵀ, `D × D`.
    pub second: Vec<f64>,
}

impl Moments {
    /// Of weights `N × D`.
    pub fn of(weights: &[f64], d: usize) -> Moments {
        let n = (weights.len() / d) as f64;
        let mut mean = vec![0.0; d];
        weights.chunks_exact(d).for_each(|w| mean.iter_mut().zip(w).for_each(|(m, w)| *m += w / n));
        let w = gemm::matrix(weights, weights.len() / d);
        let second = gemm::product(w.transpose(), w).iter().map(|x| x / n).collect();
        Moments { mean, second }
    }

    /// The network's function: l = αw̄/√D, Q = αεM/D.
    pub fn function(&self, h: Hyper) -> Quadratic {
        let d = self.mean.len() as f64;
        Quadratic {
            linear: self.mean.iter().map(|m| h.alpha * m / d.sqrt()).collect(),
            form: self.second.iter().map(|m| h.alpha * h.epsilon * m / d).collect(),
        }
    }

    /// The tangent kernel on the rows of `x`, `P × P`: (α²/N)(x·x′/D)(1 + ε(w̄·x + w̄·x′)/√D + ε²xᵀMx′/D).
    pub fn kernel(&self, h: Hyper, x: &[f64]) -> Vec<f64> {
        let d = self.mean.len();
        let p = x.len() / d;
        let rows = gemm::matrix(x, p);
        let gram = gemm::product(rows, rows.transpose());
        let through = gemm::product(rows, gemm::matrix(&self.second, d));
        let second = gemm::product(gemm::matrix(&through, p), rows.transpose());
        let first: Vec<f64> = x.chunks_exact(d).map(|row| h.epsilon * dot(row, &self.mean) / (d as f64).sqrt()).collect();
        let scale = h.alpha * h.alpha / (h.width as f64 * d as f64);
        (0..p * p).map(|k| scale * gram[k] * (1.0 + first[k / p] + first[k % p] + h.epsilon * h.epsilon * second[k] / d as f64)).collect()
    }
}

/// The network in the middle of its training.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    h: Hyper,
    start: Moments,
    /// Moments now.
    pub now: Moments,
    /// B, `D × D`, and b, `D`: w_i = B·w_i(0) + b.
    pub matrix: Vec<f64>,
    /// b.
    pub shift: Vec<f64>,
}

/// What a step writes to and nothing reads after it.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    buffers: [Vec<f64>; 4],
}

impl Network {
    /// A network at its start, with weights `N × D`.
    pub fn new(h: Hyper, weights: &[f64], d: usize) -> Network {
        let start = Moments::of(weights, d);
        let identity = (0..d * d).map(|k| f64::from(u8::from(k / d == k % d))).collect();
        Network { h, now: start.clone(), start, matrix: identity, shift: vec![0.0; d] }
    }

    /// Takes a step on all of `data`; gives the training loss mean (f − y)² *before* it.
    pub fn step(&mut self, data: &Data, scratch: &mut Scratch) -> f64 {
        let (d, p) = (data.d(), data.p());
        let x = gemm::matrix(&data.x, p);
        let f = self.now.function(self.h);
        let [through, weighted, moved, half] = &mut scratch.buffers;
        through.resize(p * d, 0.0);
        weighted.resize(p * d, 0.0);
        moved.resize(d * d, 0.0);
        half.resize(d * d, 0.0);
        gemm::multiply(through, false, x, gemm::matrix(&f.form, d));
        let mut gradient = vec![0.0; d];
        let mut loss = 0.0;
        let root = (d as f64).sqrt();
        for k in 0..p {
            let row = &data.x[k * d..(k + 1) * d];
            let r = dot(row, &f.linear) + 0.5 * dot(row, &through[k * d..(k + 1) * d]) - data.y[k];
            loss += r * r / p as f64;
            for j in 0..d {
                gradient[j] += r * row[j] / root;
                weighted[k * d + j] = r * row[j] / d as f64;
            }
        }
        // c = 2·rate/(Pα); moved = 1 − cεS.
        let c = 2.0 * self.h.rate / (p as f64 * self.h.alpha);
        gemm::multiply(moved, false, x.transpose(), gemm::matrix(weighted, p));
        moved.iter_mut().for_each(|s| *s *= -c * self.h.epsilon);
        (0..d).for_each(|i| moved[i * d + i] += 1.0);
        gemm::multiply(half, false, gemm::matrix(moved, d), gemm::matrix(&self.matrix, d));
        std::mem::swap(&mut self.matrix, half);
        self.shift = (0..d).map(|i| dot(&moved[i * d..(i + 1) * d], &self.shift) - c * gradient[i]).collect();
        // M = B·M₀·Bᵀ + B·w̄₀·bᵀ + (B·w̄₀·bᵀ)ᵀ + b·bᵀ.
        let carried: Vec<f64> = (0..d).map(|i| dot(&self.matrix[i * d..(i + 1) * d], &self.start.mean)).collect();
        let b = gemm::matrix(&self.matrix, d);
        gemm::multiply(half, false, b, gemm::matrix(&self.start.second, d));
        gemm::multiply(&mut self.now.second, false, gemm::matrix(half, d), b.transpose());
        for i in 0..d {
            for j in 0..d {
                self.now.second[i * d + j] += carried[i] * self.shift[j] + self.shift[i] * carried[j] + self.shift[i] * self.shift[j];
            }
            self.now.mean[i] = carried[i] + self.shift[i];
        }
        loss
    }

    /// Weights now, `N × D`, from those at the start.
    pub fn weights(&self, start: &[f64]) -> Vec<f64> {
        let d = self.shift.len();
        let mut w = gemm::product(gemm::matrix(start, start.len() / d), gemm::matrix(&self.matrix, d).transpose());
        w.chunks_exact_mut(d).for_each(|w| w.iter_mut().zip(&self.shift).for_each(|(w, b)| *w += b));
        w
    }
}

/// Outputs of a network neuron by neuron, on the rows of `x`.
pub fn outputs(h: Hyper, weights: &[f64], x: &[f64], d: usize) -> Vec<f64> {
    let (n, p) = (weights.len() / d, x.len() / d);
    let fields = gemm::product(gemm::matrix(x, p), gemm::matrix(weights, n).transpose());
    let root = (d as f64).sqrt();
    fields.chunks_exact(n).map(|row| h.alpha / n as f64 * row.iter().map(|h0| h0 / root).map(|z| z + 0.5 * h.epsilon * z * z).sum::<f64>()).collect()
}

/// What is seen of a training run.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// Step.
    pub step: usize,
    /// Mean (f − y)² on the training set.
    pub train: f64,
    /// The same over all inputs, exactly.
    pub test: f64,
    /// The network.
    pub network: Network,
}

/// Trains from `weights` (`N × D`) and looks at `steps` (ascending); ends early where `enough(train, test)` says so.
///
/// # Errors
/// A loss that is not finite (the learning rate is too large); the stop callback.
pub fn train(
    data: &Data,
    h: Hyper,
    weights: &[f64],
    steps: &[usize],
    stop: &(dyn Fn() -> bool + Sync),
    enough: impl Fn(f64, f64) -> bool,
) -> Result<Vec<Look>, TheoryError> {
    let mut network = Network::new(h, weights, data.d());
    let mut scratch = Scratch::default();
    let mut looks: Vec<Look> = Vec::new();
    for step in 0..=steps.last().copied().unwrap_or(0) {
        let before = (steps.get(looks.len()) == Some(&step)).then(|| network.clone());
        let train = network.step(data, &mut scratch);
        if !train.is_finite() || train > 1e12 {
            return Err(TheoryError::numeric("training", format!("loss {train:e} at step {step}: the learning rate is too large for these sizes")));
        }
        if let Some(network) = before {
            if stop() {
                return Err(TheoryError::Stopped);
            }
            let test = network.now.function(h).test_loss(&data.beta);
            looks.push(Look { step, train, test, network });
            if enough(train, test) {
                break;
            }
        }
    }
    Ok(looks)
}
