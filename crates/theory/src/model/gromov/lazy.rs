//! The lazy control: a ridge readout on random quadratic features of both operands, beside its limit of infinitely many features.
//!
//! A feature is (u_n + v_m)² with independent normals. Its kernel has a limit that counts what two pairs share: E[(w·x)²(w·y)²] = |x|²|y|² + 2(x·y)² = 4 + 2s² for s
//! operands in common. So all that the readout can say of a pair is what its row and its column said in training — and there its own class never occurs, because
//! n + m fixes m given n. Its class therefore scores lowest, and the test accuracy stays *below* chance.

use super::TheoryError;
use crate::numeric::Draws;
use crate::numeric::gemm::{matrix, multiply};
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};

/// Kernel of all pairs (n, m), row n·p + m, from `features` random features, each divided by √features.
pub fn random_gram(p: usize, features: usize, draws: &mut Draws) -> Vec<f64> {
    let pairs = p * p;
    let mut gram = vec![0.0; pairs * pairs];
    let scale = 1.0 / libm::sqrt(features as f64);
    // In blocks, so that the features themselves are never held at once.
    let mut left = features;
    while left > 0 {
        let block = left.min(500);
        left -= block;
        let (u, v) = (draws.normals(p * block), draws.normals(p * block));
        let mut h = vec![0.0; pairs * block];
        for (pair, row) in h.chunks_mut(block).enumerate() {
            let (n, m) = (pair / p, pair % p);
            for (k, x) in row.iter_mut().enumerate() {
                let sum = u[n * block + k] + v[m * block + k];
                *x = scale * sum * sum;
            }
        }
        let h = matrix(&h, pairs);
        multiply(&mut gram, true, h, h.transpose());
    }
    gram
}

/// Its limit: 4 + 2s².
pub fn limit_gram(p: usize) -> Vec<f64> {
    let pairs = p * p;
    let shared = |a: usize, b: usize| f64::from(u8::from(a / p == b / p)) + f64::from(u8::from(a % p == b % p));
    (0..pairs * pairs).map(|k| 4.0 + 2.0 * shared(k / pairs, k % pairs) * shared(k / pairs, k % pairs)).collect()
}

/// What the readout does on a split.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Trial {
    /// Training pairs and how many of them are right.
    pub train: (usize, usize),
    /// Test pairs and how many of them are right.
    pub test: (usize, usize),
    /// The same in the limit of infinitely many features.
    pub limit_train: (usize, usize),
    /// The same in the limit of infinitely many features.
    pub limit_test: (usize, usize),
}

impl Trial {
    /// Both together.
    pub fn and(self, other: Trial) -> Trial {
        let add = |a: (usize, usize), b: (usize, usize)| (a.0 + b.0, a.1 + b.1);
        Trial {
            train: add(self.train, other.train),
            test: add(self.test, other.test),
            limit_train: add(self.limit_train, other.limit_train),
            limit_test: add(self.limit_test, other.limit_test),
        }
    }
}

/// Trains on the first `n` of the pairs in `order` and tests on the others, with the kernel given and its limit.
///
/// # Errors
/// A kernel matrix that is not positive definite.
pub fn trial(p: usize, gram: &[f64], limit: &[f64], order: &[usize], n: usize, ridge: f64) -> Result<Trial, TheoryError> {
    let (train, test) = readout(p, gram, order, n, ridge)?;
    let (limit_train, limit_test) = readout(p, limit, order, n, ridge)?;
    Ok(Trial { train, test, limit_train, limit_test })
}

type Counts = ((usize, usize), (usize, usize));

fn readout(p: usize, gram: &[f64], order: &[usize], n: usize, ridge: f64) -> Result<Counts, TheoryError> {
    let pairs = p * p;
    let class = |pair: usize| (pair / p + pair % p) % p;
    let trained = &order[..n];
    let kernel = Mat::from_fn(n, n, |i, j| gram[trained[i] * pairs + trained[j]] + if i == j { ridge } else { 0.0 });
    let targets = Mat::from_fn(n, p, |i, q| f64::from(u8::from(class(trained[i]) == q)));
    let factor =
        kernel.llt(Side::Lower).map_err(|e| TheoryError::numeric("ridge readout", format!("{e:?}: the kernel needs a larger ridge than {ridge:e}")))?;
    let weights = factor.solve(&targets);
    let rows = Mat::from_fn(pairs, n, |i, j| gram[order[i] * pairs + trained[j]]);
    let scores = &rows * &weights;
    let right = |i: usize| {
        let best = (0..p).fold(0, |b, q| if scores[(i, q)] > scores[(i, b)] { q } else { b });
        best == class(order[i])
    };
    Ok(((n, (0..n).filter(|i| right(*i)).count()), (pairs - n, (n..pairs).filter(|i| right(*i)).count())))
}
