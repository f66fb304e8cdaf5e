//! Gaussian-process classification of a parity among spurious bits, with one lengthscale an input, by Laplace's approximation.
//!
//! Logistic likelihood, labels ±1, kernel s² exp(−½ Σ_j Δ_j²/ℓ_j²) with Δ_j ∈ {0, 1}. For given θ = (ln ℓ_1, …, ln ℓ_d, ln s²) the mode f̂ of the posterior is found by Newton's method and ln p(y|θ) is approximated by
//! −½ f̂ᵀK⁻¹f̂ + Σ ln σ(y f̂) − ½ ln|B|, B = 1 + W^½ K W^½; Adam climbs it with the exact gradient (Rasmussen and Williams 2006, algorithms 3.1 and 5.1, with the implicit terms).

use super::regression::Adam;
use crate::model::TheoryError;
use crate::model::zunkovic_tn::separable::{cholesky, cholesky_solve};
use crate::numeric::Draws;

/// Added to the diagonal of K: equal inputs would make it singular.
const JITTER: f64 = 1e-6;

/// Examples: bits and the parity of the first three.
#[derive(Debug, Clone, PartialEq)]
pub struct Bits {
    /// Number of bits d.
    pub width: usize,
    /// Bits of every example.
    pub x: Vec<Vec<u8>>,
    /// ±1: the product of the first three bits as spins.
    pub y: Vec<f64>,
}

/// The approximate ln p(y|θ) with what is needed to predict and to descend.
#[derive(Debug, Clone)]
pub struct Laplace {
    /// ln q(y|θ).
    pub value: f64,
    /// ½ ln|B|: the complexity term.
    pub complexity: f64,
    /// By (ln ℓ_1, …, ln ℓ_d, ln s²).
    pub gradient: Vec<f64>,
    /// ∇ ln p(y|f̂): the weights of the predictive mean.
    pub weights: Vec<f64>,
    /// The mode.
    pub mode: Vec<f64>,
}

/// Epoch by epoch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Path {
    /// Training accuracy.
    pub train: Vec<f64>,
    /// Validation accuracy.
    pub validation: Vec<f64>,
    /// −ln q(y|θ).
    pub loss: Vec<f64>,
    /// ½ ln|B|.
    pub complexity: Vec<f64>,
    /// Mean 1/ℓ of the three bits that decide.
    pub relevant: Vec<f64>,
    /// Mean 1/ℓ of the spurious ones; not a number if there is none.
    pub spurious: Vec<f64>,
}

impl Bits {
    /// `n` uniformly random strings of `width` ≥ 3 bits.
    pub fn draw(n: usize, width: usize, draws: &mut Draws) -> Bits {
        let x: Vec<Vec<u8>> = (0..n).map(|_| (0..width).map(|_| draws.below(2) as u8).collect()).collect();
        let y = x.iter().map(|b| if b[..3].iter().map(|b| *b as usize).sum::<usize>() % 2 == 1 { 1.0 } else { -1.0 }).collect();
        Bits { width, x, y }
    }
}

/// The kernel with 1/ℓ² computed once.
struct Kernel {
    inverse_squares: Vec<f64>,
    ln_scale: f64,
}

impl Kernel {
    fn new(theta: &[f64]) -> Kernel {
        let d = theta.len() - 1;
        Kernel { inverse_squares: theta[..d].iter().map(|x| libm::exp(-2.0 * x)).collect(), ln_scale: theta[d] }
    }

    fn at(&self, a: &[u8], b: &[u8]) -> f64 {
        let exponent: f64 = a.iter().zip(b).zip(&self.inverse_squares).map(|((x, y), q)| if x == y { 0.0 } else { *q }).sum();
        libm::exp(self.ln_scale - 0.5 * exponent)
    }
}

/// Laplace's approximation at θ; the search for the mode starts from `guess` (zeros if it is empty).
///
/// # Errors
/// A matrix that is not positive definite to rounding, or a mode that is not found in a hundred Newton steps.
pub fn laplace(data: &Bits, theta: &[f64], guess: &[f64]) -> Result<Laplace, TheoryError> {
    let (n, d) = (data.x.len(), data.width);
    let kernel = Kernel::new(theta);
    let mut k = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..i {
            let value = kernel.at(&data.x[i], &data.x[j]);
            k[i * n + j] = value;
            k[j * n + i] = value;
        }
        k[i * n + i] = libm::exp(theta[d]) * (1.0 + JITTER);
    }
    let mut f = if guess.len() == n { guess.to_vec() } else { vec![0.0; n] };
    let mut b = vec![0.0; n * n];
    let sigmoid = |x: f64| 1.0 / (1.0 + libm::exp(-x));
    let mut a = vec![0.0; n];
    let mut root = vec![0.0; n];
    let mut found = false;
    for _ in 0..100 {
        for i in 0..n {
            let p = sigmoid(f[i]);
            root[i] = libm::sqrt(p * (1.0 - p));
        }
        for i in 0..n {
            for j in 0..=i {
                b[i * n + j] = root[i] * k[i * n + j] * root[j] + if i == j { 1.0 } else { 0.0 };
            }
        }
        if !cholesky(&mut b, n) {
            return Err(TheoryError::numeric("Laplace's approximation", "1 + W^½ K W^½ is not positive definite to rounding"));
        }
        // a = b − W^½ B⁻¹ W^½ K b, f = K a.
        let right: Vec<f64> = (0..n).map(|i| root[i] * root[i] * f[i] + (data.y[i] + 1.0) * 0.5 - sigmoid(f[i])).collect();
        let mut c: Vec<f64> = times(&k, &right).iter().zip(&root).map(|(x, r)| x * r).collect();
        cholesky_solve(&b, n, &mut c);
        a = (0..n).map(|i| right[i] - root[i] * c[i]).collect();
        let next = times(&k, &a);
        let moved = next.iter().zip(&f).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
        f = next;
        if moved < 1e-9 * (1.0 + f.iter().map(|x| x.abs()).fold(0.0, f64::max)) {
            found = true;
            break;
        }
    }
    if !found {
        return Err(TheoryError::numeric("Laplace's approximation", "the mode of the posterior was not found in 100 Newton steps"));
    }
    let complexity: f64 = (0..n).map(|i| libm::log(b[i * n + i])).sum();
    let likelihood: f64 = (0..n).map(|i| -libm::log1p(libm::exp(-data.y[i] * f[i]))).sum();
    let value = -0.5 * a.iter().zip(&f).map(|(x, y)| x * y).sum::<f64>() + likelihood - complexity;
    let weights: Vec<f64> = (0..n).map(|i| (data.y[i] + 1.0) * 0.5 - sigmoid(f[i])).collect();
    let gradient = gradient(data, theta, &k, &b, &root, &a, &f, &weights);
    Ok(Laplace { value, complexity, gradient, weights, mode: f })
}

fn times(k: &[f64], v: &[f64]) -> Vec<f64> {
    k.chunks_exact(v.len()).map(|row| row.iter().zip(v).map(|(x, y)| x * y).sum()).collect()
}

/// Rasmussen and Williams, algorithm 5.1. `b` holds the Cholesky factor of B.
fn gradient(data: &Bits, theta: &[f64], k: &[f64], b: &[f64], root: &[f64], a: &[f64], f: &[f64], weights: &[f64]) -> Vec<f64> {
    let (n, d) = (data.x.len(), data.width);
    // R = W^½ B⁻¹ W^½ and the diagonal of the posterior covariance K − K R K, through V = L⁻¹ W^½ K.
    let mut inverse = vec![0.0; n * n];
    for j in 0..n {
        for i in j..n {
            let unit = if i == j { 1.0 } else { 0.0 };
            let sum: f64 = unit - (j..i).map(|m| b[i * n + m] * inverse[m * n + j]).sum::<f64>();
            inverse[i * n + j] = sum / b[i * n + i];
        }
    }
    let mut r = vec![0.0; n * n];
    for m in 0..n {
        let row = &inverse[m * n..m * n + m + 1];
        for i in 0..=m {
            let x = row[i] * root[i];
            for j in 0..=m {
                r[i * n + j] += x * row[j] * root[j];
            }
        }
    }
    let mut variance = vec![0.0; n];
    let mut rk = vec![0.0; n];
    for i in 0..n {
        // Row i of K is its column: (K R K)_ii.
        rk.fill(0.0);
        for m in 0..n {
            let x = k[i * n + m];
            for (t, y) in rk.iter_mut().zip(&r[m * n..(m + 1) * n]) {
                *t += x * y;
            }
        }
        variance[i] = k[i * n + i] - rk.iter().zip(&k[i * n..(i + 1) * n]).map(|(x, y)| x * y).sum::<f64>();
    }
    // ∂W/∂f = −∇³ ln p: s2 = −½ diag(variance) ∂W/∂f.
    let s2: Vec<f64> = (0..n)
        .map(|i| {
            let p = 1.0 / (1.0 + libm::exp(-f[i]));
            -0.5 * variance[i] * p * (1.0 - p) * (1.0 - 2.0 * p)
        })
        .collect();
    // s3 = (1 − K R) C ∇ln p for each derivative C; s2ᵀ s3 = tᵀ C ∇ln p with t = (1 − R K) s2.
    let ks = times(k, &s2);
    let rks = times(&r, &ks);
    let t: Vec<f64> = (0..n).map(|i| s2[i] - rks[i]).collect();
    let mut out = vec![0.0; d + 1];
    let inverse_squares = Kernel::new(theta).inverse_squares;
    for i in 0..n {
        for j in 0..n {
            let weight = (0.5 * (a[i] * a[j] - r[i * n + j]) + t[i] * weights[j]) * k[i * n + j];
            out[d] += weight;
            for c in 0..d {
                if data.x[i][c] != data.x[j][c] {
                    out[c] += weight * inverse_squares[c];
                }
            }
        }
    }
    out
}

/// Share of `at` whose sign the predictive mean gets right.
pub fn accuracy(data: &Bits, theta: &[f64], weights: &[f64], at: &Bits) -> f64 {
    let kernel = Kernel::new(theta);
    let mean = |x: &[u8]| data.x.iter().zip(weights).map(|(xi, w)| w * kernel.at(x, xi)).sum::<f64>();
    let right = at.x.iter().zip(&at.y).filter(|(x, y)| mean(x) * **y > 0.0).count();
    right as f64 / at.x.len() as f64
}

/// Adam on −ln q(y|θ)/n from ℓ_j = s² = ln 2 (the official code's start).
///
/// # Errors
/// As [`laplace`].
pub fn climb(train: &Bits, validation: &Bits, rate: f64, epochs: usize) -> Result<Path, TheoryError> {
    let (n, d) = (train.x.len() as f64, train.width);
    let mut theta = vec![libm::log(std::f64::consts::LN_2); d + 1];
    let mut adam = Adam::new(d + 1, rate);
    let (mut path, mut mode) = (Path::default(), Vec::new());
    for _ in 0..=epochs {
        let fit = laplace(train, &theta, &mode)?;
        path.train.push(accuracy(train, &theta, &fit.weights, train));
        path.validation.push(accuracy(train, &theta, &fit.weights, validation));
        path.loss.push(-fit.value);
        path.complexity.push(fit.complexity);
        let inverse = |range: std::ops::Range<usize>| theta[range.clone()].iter().map(|x| libm::exp(-x)).sum::<f64>() / range.len() as f64;
        path.relevant.push(inverse(0..3));
        path.spurious.push(inverse(3..d));
        mode = fit.mode;
        adam.step(&mut theta, &fit.gradient.iter().map(|g| -g / n).collect::<Vec<f64>>());
    }
    Ok(path)
}
