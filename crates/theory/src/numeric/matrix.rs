//! Small dense matrices, row by row: products, powers, singular values, random orthogonal matrices.
//!
//! Written here because at the sizes of the models (1 to 50) a call of a tuned product costs more than its arithmetic. Decompositions are faer's.

use super::Draws;
use pennydrop_graph::linalg;
use std::ops::{Index, IndexMut};

/// A dense matrix.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matrix {
    rows: usize,
    cols: usize,
    data: Vec<f64>,
}

impl Matrix {
    /// Entry (i, j) is `f(i, j)`.
    pub fn from_fn(rows: usize, cols: usize, mut f: impl FnMut(usize, usize) -> f64) -> Matrix {
        let mut data = Vec::with_capacity(rows * cols);
        for i in 0..rows {
            data.extend((0..cols).map(|j| f(i, j)));
        }
        Matrix { rows, cols, data }
    }

    /// Zeros.
    pub fn zeros(rows: usize, cols: usize) -> Matrix {
        Matrix { rows, cols, data: vec![0.0; rows * cols] }
    }

    /// Zeros but for `values` on the diagonal.
    pub fn diagonal(values: &[f64]) -> Matrix {
        Matrix::from_fn(values.len(), values.len(), |i, j| if i == j { values[i] } else { 0.0 })
    }

    /// Independent normal entries of mean 0 and standard deviation `scale`.
    pub fn normal(rows: usize, cols: usize, scale: f64, draws: &mut Draws) -> Matrix {
        Matrix::from_fn(rows, cols, |_, _| scale * draws.normal())
    }

    /// A random orthogonal matrix, of Haar's distribution: the rows of a normal matrix made orthonormal one after the other (twice, against rounding).
    pub fn orthogonal(n: usize, draws: &mut Draws) -> Matrix {
        let mut q = Matrix::normal(n, n, 1.0, draws);
        for i in 0..n {
            for _ in 0..2 {
                for j in 0..i {
                    let overlap: f64 = (0..n).map(|k| q[(i, k)] * q[(j, k)]).sum();
                    for k in 0..n {
                        q[(i, k)] -= overlap * q[(j, k)];
                    }
                }
            }
            let norm = libm::sqrt((0..n).map(|k| q[(i, k)] * q[(i, k)]).sum());
            for k in 0..n {
                q[(i, k)] /= norm;
            }
        }
        q
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Entries, row by row.
    pub fn data(&self) -> &[f64] {
        &self.data
    }

    /// Self · other.
    ///
    /// # Panics
    /// The inner sizes differ, here and in the other products.
    pub fn mul(&self, other: &Matrix) -> Matrix {
        assert_eq!(self.cols, other.rows, "inner sizes of a product");
        let n = other.cols;
        let mut out = Matrix::zeros(self.rows, n);
        for i in 0..self.rows {
            let row = &mut out.data[i * n..(i + 1) * n];
            for k in 0..self.cols {
                let x = self.data[i * self.cols + k];
                for (y, z) in row.iter_mut().zip(&other.data[k * n..(k + 1) * n]) {
                    *y += x * z;
                }
            }
        }
        out
    }

    /// Selfᵀ · other.
    pub fn transposed_mul(&self, other: &Matrix) -> Matrix {
        assert_eq!(self.rows, other.rows, "inner sizes of a product");
        let n = other.cols;
        let mut out = Matrix::zeros(self.cols, n);
        for k in 0..self.rows {
            let right = &other.data[k * n..(k + 1) * n];
            for i in 0..self.cols {
                let x = self.data[k * self.cols + i];
                for (y, z) in out.data[i * n..(i + 1) * n].iter_mut().zip(right) {
                    *y += x * z;
                }
            }
        }
        out
    }

    /// Self · otherᵀ.
    pub fn mul_transposed(&self, other: &Matrix) -> Matrix {
        self.mul(&other.transposed())
    }

    /// Selfᵀ.
    pub fn transposed(&self) -> Matrix {
        Matrix::from_fn(self.cols, self.rows, |i, j| self[(j, i)])
    }

    /// Adds `c` · other in place.
    pub fn add(&mut self, c: f64, other: &Matrix) {
        assert_eq!((self.rows, self.cols), (other.rows, other.cols), "shapes of a sum");
        for (x, y) in self.data.iter_mut().zip(&other.data) {
            *x += c * y;
        }
    }

    /// Self − other.
    pub fn minus(&self, other: &Matrix) -> Matrix {
        let mut out = self.clone();
        out.add(-1.0, other);
        out
    }

    /// `c` · self.
    pub fn times(&self, c: f64) -> Matrix {
        Matrix { data: self.data.iter().map(|x| c * x).collect(), ..*self }
    }

    /// Σ of squares (squared Frobenius norm).
    pub fn squares(&self) -> f64 {
        self.data.iter().map(|x| x * x).sum()
    }

    /// Σ of products of entries (Frobenius product), which is tr(selfᵀ other).
    pub fn inner(&self, other: &Matrix) -> f64 {
        self.data.iter().zip(&other.data).map(|(x, y)| x * y).sum()
    }

    /// Whether every entry is finite.
    pub fn is_finite(&self) -> bool {
        self.data.iter().all(|x| x.is_finite())
    }

    /// Singular values, descending; not-a-number where an entry is not finite.
    pub fn singular_values(&self) -> Vec<f64> {
        let r = self.rows.min(self.cols);
        let packed = linalg::svd(&self.data, self.rows, self.cols);
        packed[self.rows * r..self.rows * r + r].to_vec()
    }
}

impl Index<(usize, usize)> for Matrix {
    type Output = f64;

    fn index(&self, (i, j): (usize, usize)) -> &f64 {
        &self.data[i * self.cols + j]
    }
}

impl IndexMut<(usize, usize)> for Matrix {
    fn index_mut(&mut self, (i, j): (usize, usize)) -> &mut f64 {
        &mut self.data[i * self.cols + j]
    }
}

/// Number of singular values (descending) above `tolerance` times the first.
pub fn numerical_rank(singular: &[f64], tolerance: f64) -> usize {
    singular.iter().filter(|s| **s > tolerance * singular[0]).count()
}

/// (Σσ)² / Σσ²: the participation ratio of singular values, a rank without a threshold; 0 where all are 0.
pub fn participation(singular: &[f64]) -> f64 {
    let (sum, squares) = singular.iter().fold((0.0, 0.0), |(a, b), s| (a + s, b + s * s));
    if squares > 0.0 { sum * sum / squares } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_agree_with_their_definition() {
        let mut d = Draws::new(1, 0, 0);
        let (a, b, c) = (Matrix::normal(3, 4, 1.0, &mut d), Matrix::normal(4, 2, 1.0, &mut d), Matrix::normal(3, 2, 1.0, &mut d));
        let ab = Matrix::from_fn(3, 2, |i, j| (0..4).map(|k| a[(i, k)] * b[(k, j)]).sum());
        let near = |x: &Matrix, y: &Matrix| x.minus(y).squares() < 1e-28;
        assert!(near(&a.mul(&b), &ab) && near(&a.transposed().transposed_mul(&b), &ab) && near(&a.mul_transposed(&b.transposed()), &ab));
        assert!((ab.inner(&c) - ab.transposed().mul(&c).data()[0] - ab.transposed().mul(&c).data()[3]).abs() < 1e-13);
    }

    #[test]
    fn orthogonal_matrices_and_ranks() {
        let q = Matrix::orthogonal(6, &mut Draws::new(2, 0, 0));
        assert!(q.mul_transposed(&q).minus(&Matrix::diagonal(&[1.0; 6])).squares() < 1e-26);
        let singular = q.mul(&Matrix::diagonal(&[3.0, 1.0, 0.5, 0.0, 0.0, 0.0])).singular_values();
        assert!((singular[0] - 3.0).abs() < 1e-12 && numerical_rank(&singular, 1e-6) == 3);
        assert!((participation(&singular) - 4.5 * 4.5 / 10.25).abs() < 1e-10);
    }
}
