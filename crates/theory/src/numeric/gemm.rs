//! Products of dense matrices in f64, row-major, on one thread (faer's kernels): parallel work is over samples.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// `values` as a matrix of `rows` rows; the length is a multiple of `rows`, which is positive.
pub(crate) fn matrix(values: &[f64], rows: usize) -> MatRef<'_, f64> {
    MatRef::from_row_major_slice(values, rows, values.len() / rows)
}

/// `out = left · right`, or `out += left · right` where `add`; `out` is row-major.
pub(crate) fn multiply(out: &mut [f64], add: bool, left: MatRef<'_, f64>, right: MatRef<'_, f64>) {
    let out = MatMut::from_row_major_slice_mut(out, left.nrows(), right.ncols());
    matmul(out, if add { Accum::Add } else { Accum::Replace }, left, right, 1.0, Par::Seq);
}

/// `left · right`, row-major.
pub(crate) fn product(left: MatRef<'_, f64>, right: MatRef<'_, f64>) -> Vec<f64> {
    let mut out = vec![0.0; left.nrows() * right.ncols()];
    multiply(&mut out, false, left, right);
    out
}
