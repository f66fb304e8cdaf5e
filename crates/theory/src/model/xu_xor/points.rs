//! Training and test points, their labels, and the initial weights' products with them.
//!
//! The points enter the training of a network through inner products alone. Rotate ℝᵖ so that the first two axes are μ₁/‖μ‖ and μ₂/‖μ‖, and the next ones come from
//! the points by Gram–Schmidt: the first two coordinates are the means plus standard normals, the rest is the factor of Bartlett's decomposition of a Wishart matrix
//! with p − 2 degrees of freedom (χ on the diagonal, standard normals below). An isotropic Gaussian W₀ stays one under the rotation, and what lies outside
//! the span of the points is seen by a neuron's norm alone, as a χ². So p = 40,000 costs no more than the number of points, and the law is exact.

use super::Setting;
use crate::numeric::Draws;
use crate::numeric::gemm::{matrix, product};

/// How the points are sampled. Both have the same law.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// In coordinates adapted to the points.
    Bartlett,
    /// All p coordinates of every point.
    Direct,
}

/// A drawn problem: `n` training points, then the test points.
#[derive(Debug, Clone)]
pub struct Points {
    /// Number of training points.
    pub n: usize,
    /// Number of all points.
    pub all: usize,
    /// Coordinates of a point: `all × dimension`, row-major; the first two lie along μ₁ and μ₂.
    pub x: Vec<f64>,
    /// Coordinates that are kept; `outside` more are orthogonal to every point.
    pub dimension: usize,
    /// p − dimension.
    pub outside: usize,
    /// Clean labels ±1 of all points.
    pub clean: Vec<f64>,
    /// Labels ±1 of the training points, some flipped.
    pub labels: Vec<f64>,
    /// Inner products of all points with the training points: `all × n`.
    pub gram: Vec<f64>,
}

/// Draws a problem.
pub fn draw(s: &Setting, sampling: Sampling, d: &mut Draws) -> Points {
    let (n, all) = (s.n, s.n + s.tests);
    let free = s.p - 2;
    let dimension = match sampling {
        Sampling::Bartlett => 2 + free.min(all),
        Sampling::Direct => s.p,
    };
    let mut x = vec![0.0; all * dimension];
    let mut clean = Vec::with_capacity(all);
    for i in 0..all {
        let cluster = d.below(4);
        let row = &mut x[i * dimension..(i + 1) * dimension];
        clean.push(if cluster < 2 { 1.0 } else { -1.0 });
        row[0] = d.normal();
        row[1] = d.normal();
        row[cluster / 2] += if cluster.is_multiple_of(2) { s.mu } else { -s.mu };
        let normals = match sampling {
            Sampling::Bartlett => i.min(free),
            Sampling::Direct => free,
        };
        for value in &mut row[2..2 + normals] {
            *value = d.normal();
        }
        if sampling == Sampling::Bartlett && i < free {
            row[2 + i] = d.chi_squared((free - i) as f64).sqrt();
        }
    }
    let labels = clean[..n].iter().map(|y| if d.uniform() < s.eta { -y } else { *y }).collect();
    let points = matrix(&x, all);
    let gram = product(points, points.subrows(0, n).transpose());
    Points { n, all, outside: s.p - dimension, x, dimension, clean, labels, gram }
}

/// The initial weights in units of ω, with their products.
#[derive(Debug, Clone)]
pub struct Start {
    /// Signs of the readout: a_j = sign/√m.
    pub signs: Vec<f64>,
    /// `m × dimension`: coordinates of the weights where the points are.
    pub weights: Vec<f64>,
    /// `m × n`: products with the training points.
    pub train: Vec<f64>,
    /// `m × (all − n)`: products with the test points.
    pub test: Vec<f64>,
    /// Squared norms in all p dimensions.
    pub squares: Vec<f64>,
}

/// Draws the initial weights of `width` neurons: standard normals, in units of ω.
pub fn start(width: usize, points: &Points, d: &mut Draws) -> Start {
    let signs = (0..width).map(|_| d.sign()).collect();
    let weights = d.normals(width * points.dimension);
    let square = |row: &[f64]| row.iter().map(|w| w * w).sum::<f64>();
    let squares = weights.chunks_exact(points.dimension).map(|row| square(row) + d.chi_squared(points.outside as f64)).collect();
    let (w, x) = (matrix(&weights, width), matrix(&points.x, points.all));
    // In adapted coordinates a training point has no component beyond the first 2 + n.
    let kept = if points.outside > 0 { points.dimension.min(2 + points.n) } else { points.dimension };
    let train = product(w.subcols(0, kept), x.submatrix(0, 0, points.n, kept).transpose());
    let test = product(w, x.subrows(points.n, points.all - points.n).transpose());
    Start { signs, weights, train, test, squares }
}
