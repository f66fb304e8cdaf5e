//! Geometry of the columns of W: dimensions per feature, clusters and the polytopes that they form.

use crate::numeric::matrix::Matrix;
use pennydrop_graph::linalg;

/// Features of a smaller norm are not represented.
pub const REPRESENTED: f64 = 0.5;
/// Columns belong together where the square of their cosine is above this: far from both the 1/16 of the loosest polytope listed and training noise.
const TOGETHER: f64 = 0.03;

/// Norms of the columns.
pub fn norms(w: &Matrix) -> Vec<f64> {
    (0..w.cols()).map(|i| libm::sqrt((0..w.rows()).map(|k| w[(k, i)] * w[(k, i)]).sum())).collect()
}

/// Σ_{j≠i} (Ŵ_i·W_j)²: 0 where nothing overlaps with feature i; 0 for a feature of norm 0.
pub fn superposition(w: &Matrix) -> Vec<f64> {
    let (gram, norms) = (w.transposed_mul(w), norms(w));
    (0..w.cols())
        .map(
            |i| if norms[i] > 1e-9 { (0..w.cols()).filter(|j| *j != i).map(|j| gram[(i, j)] * gram[(i, j)]).sum::<f64>() / (norms[i] * norms[i]) } else { 0.0 },
        )
        .collect()
}

/// Dimensionality D_i = |W_i|²/Σ_j(Ŵ_i·W_j)², in 0..=1; 0 for a feature of norm 0.
pub fn dimensionality(w: &Matrix) -> Vec<f64> {
    let norms = norms(w);
    superposition(w).iter().zip(&norms).map(|(o, n)| if *n > 1e-9 { n * n / (n * n + o) } else { 0.0 }).collect()
}

/// Dimensions per feature D* = m/‖W‖²; infinite for W = 0.
pub fn dimensions_per_feature(w: &Matrix) -> f64 {
    w.rows() as f64 / w.squares()
}

/// Features whose norm is above one half.
pub fn represented(w: &Matrix) -> usize {
    norms(w).iter().filter(|n| **n > REPRESENTED).count()
}

/// Features that overlap, directly or through others.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// The features.
    pub features: Vec<usize>,
    /// Dimensions that they span: eigenvalues of the Gram matrix of their directions above a tenth of the largest.
    pub dimensions: usize,
}

impl Cluster {
    /// Name of the polytope with so many corners in so many dimensions, and the dimensionality of its features, for those that the paper names.
    pub fn polytope(&self) -> Option<(&'static str, f64)> {
        match (self.features.len(), self.dimensions) {
            (1, 1) => Some(("dedicated", 1.0)),
            (2, 1) => Some(("antipodal pair", 1.0 / 2.0)),
            (3, 2) => Some(("triangle", 2.0 / 3.0)),
            (4, 3) => Some(("tetrahedron", 3.0 / 4.0)),
            (5, 2) => Some(("pentagon", 2.0 / 5.0)),
            (8, 3) => Some(("square antiprism", 3.0 / 8.0)),
            _ => None,
        }
    }
}

/// Clusters of the represented features, the largest first, in order of their first feature.
pub fn clusters(w: &Matrix) -> Vec<Cluster> {
    let (gram, norms) = (w.transposed_mul(w), norms(w));
    let cosine = |i: usize, j: usize| gram[(i, j)] / (norms[i] * norms[j]);
    let mut left: Vec<usize> = (0..w.cols()).filter(|i| norms[*i] > REPRESENTED).collect();
    let mut out = Vec::new();
    while let Some(first) = left.first().copied() {
        let mut features = vec![first];
        left.retain(|i| *i != first);
        let mut k = 0;
        while k < features.len() {
            let i = features[k];
            let (near, far): (Vec<usize>, Vec<usize>) = left.iter().partition(|j| cosine(i, **j) * cosine(i, **j) > TOGETHER);
            features.extend(near);
            left = far;
            k += 1;
        }
        features.sort_unstable();
        let n = features.len();
        let directions = Matrix::from_fn(n, n, |a, b| cosine(features[a], features[b]));
        let values = linalg::eigh(directions.data(), n);
        let dimensions = values[..n].iter().filter(|v| **v > 0.1 * values[n - 1]).count();
        out.push(Cluster { features, dimensions });
    }
    out.sort_by_key(|c| std::cmp::Reverse(c.features.len()));
    out
}
