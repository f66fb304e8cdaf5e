//! Opaque sequential decompositions, in f64 (faer). Signs are fixed, so that results do not depend on the algorithm's path.

use faer::{Mat, Side};

/// Makes the entry of largest magnitude of a column positive (the first, at ties); returns the sign applied.
fn sign(column: impl Iterator<Item = f64>) -> f64 {
    let mut best = 0.0f64;
    for x in column {
        if x.abs() > best.abs() * (1.0 + 1e-9) {
            best = x;
        }
    }
    if best < 0.0 { -1.0 } else { 1.0 }
}

/// Eigendecomposition of the symmetric part of `a` (`n × n`, row-major), packed `[n+1, n]`: values ascending, then vectors, one a
/// column. Not-a-number everywhere when the input is not finite or the iteration fails.
pub fn eigh(a: &[f64], n: usize) -> Vec<f64> {
    let nan = || vec![f64::NAN; (n + 1) * n];
    if a.iter().any(|x| !x.is_finite()) {
        return nan();
    }
    let m = Mat::from_fn(n, n, |i, j| 0.5 * (a[i * n + j] + a[j * n + i]));
    let Ok(e) = m.self_adjoint_eigen(Side::Lower) else { return nan() };
    let mut out = vec![0.0; (n + 1) * n];
    for j in 0..n {
        out[j] = e.S()[j];
        let s = sign((0..n).map(|i| e.U()[(i, j)]));
        for i in 0..n {
            out[(i + 1) * n + j] = s * e.U()[(i, j)];
        }
    }
    out
}

/// Thin singular value decomposition of `a` (`m × n`, row-major), packed U `[m, r]`, s `[r]` descending, V `[n, r]`. Not-a-number
/// everywhere when the input is not finite or the iteration fails.
pub fn svd(a: &[f64], m: usize, n: usize) -> Vec<f64> {
    let r = m.min(n);
    let nan = || vec![f64::NAN; m * r + r + n * r];
    if a.iter().any(|x| !x.is_finite()) {
        return nan();
    }
    let mat = Mat::from_fn(m, n, |i, j| a[i * n + j]);
    let Ok(d) = mat.thin_svd() else { return nan() };
    let mut out = vec![0.0; m * r + r + n * r];
    for j in 0..r {
        let s = sign((0..m).map(|i| d.U()[(i, j)]));
        for i in 0..m {
            out[i * r + j] = s * d.U()[(i, j)];
        }
        out[m * r + j] = d.S()[j];
        for i in 0..n {
            out[m * r + r + i * r + j] = s * d.V()[(i, j)];
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Stream};

    #[test]
    fn decompositions_multiply_back() {
        let s = Stream::new(3, Purpose::Test, 0, 0);
        let (m, n) = (5, 3);
        let a: Vec<f64> = (0..m * n).map(|i| s.normal(i as u64)).collect();
        let d = svd(&a, m, n);
        for i in 0..m {
            for j in 0..n {
                let x: f64 = (0..3).map(|k| d[i * 3 + k] * d[15 + k] * d[18 + j * 3 + k]).sum();
                assert!((x - a[i * n + j]).abs() < 1e-12);
            }
        }
        let b: Vec<f64> = (0..9).map(|i| a[i % 3 * 3 + i / 3] + a[i / 3 * 3 + i % 3]).collect();
        let e = eigh(&b, 3);
        assert!(e[0] <= e[1] && e[1] <= e[2]);
        for i in 0..3 {
            for j in 0..3 {
                let x: f64 = (0..3).map(|k| e[3 + i * 3 + k] * e[k] * e[3 + j * 3 + k]).sum();
                assert!((x - b[i * 3 + j]).abs() < 1e-12);
            }
        }
        assert!(eigh(&[f64::NAN], 1)[0].is_nan());
    }
}
