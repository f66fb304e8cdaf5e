//! n features in n − 1 dimensions: losses of the four candidates, boundaries between them, and the expected loss of any weights by enumeration.

use crate::numeric::matrix::Matrix;

/// What a model of n features in n − 1 dimensions can do: every feature but one or two is kept in a dimension of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Candidate {
    /// The last feature (of weight r) is not represented.
    DropLast,
    /// The last feature and one other (of weight 1) share a dimension, with opposite signs.
    PairLast,
    /// Another feature is not represented.
    DropFirst,
    /// Two features of weight 1 share a dimension; needs n ≥ 3.
    PairFirst,
}

impl Candidate {
    /// All, in the order of the classes in charts.
    pub const ALL: [Candidate; 4] = [Candidate::DropLast, Candidate::PairLast, Candidate::DropFirst, Candidate::PairFirst];

    /// Words for charts.
    pub fn name(self) -> &'static str {
        match self {
            Candidate::DropLast => "last dropped",
            Candidate::PairLast => "last in a pair",
            Candidate::DropFirst => "another dropped",
            Candidate::PairFirst => "others in a pair",
        }
    }

    /// Expected loss, summed over features, at density `s` (the chance that a feature is not 0) and weight `r` of the last feature; infinite where n is too
    /// small for it. A dropped feature costs its variance s/3 − s²/4 (its bias is its mean s/2); a pair costs (weights)·s²/6, without bias.
    pub fn loss(self, s: f64, r: f64, n: usize) -> f64 {
        let dropped = s / 3.0 - 0.25 * s * s;
        match self {
            Candidate::DropLast => r * dropped,
            Candidate::DropFirst => dropped,
            Candidate::PairLast => (1.0 + r) * s * s / 6.0,
            Candidate::PairFirst if n >= 3 => s * s / 3.0,
            Candidate::PairFirst => f64::INFINITY,
        }
    }

    /// The candidate's weights (m × n) and biases.
    pub fn weights(self, s: f64, n: usize) -> (Matrix, Vec<f64>) {
        // `lost` has no dimension, or shares that of `shared` with opposite sign.
        let (lost, shared) = match self {
            Candidate::DropLast => (n - 1, None),
            Candidate::DropFirst => (0, None),
            Candidate::PairLast => (n - 1, Some(0)),
            Candidate::PairFirst => (1, Some(0)),
        };
        let mut w = Matrix::zeros(n - 1, n);
        for (row, i) in (0..n).filter(|i| *i != lost).enumerate() {
            w[(row, i)] = 1.0;
            if shared == Some(i) {
                w[(row, lost)] = -1.0;
            }
        }
        let mut b = vec![0.0; n];
        if shared.is_none() {
            b[lost] = 0.5 * s;
        }
        (w, b)
    }
}

/// The candidate of the least loss.
pub fn best(s: f64, r: f64, n: usize) -> Candidate {
    // The first of equals, in the order of `ALL`.
    Candidate::ALL.into_iter().min_by(|x, y| x.loss(s, r, n).total_cmp(&y.loss(s, r, n))).unwrap_or(Candidate::DropLast)
}

/// Weight r of the last feature at which dropping it costs as much as pairing it: 2s/(4 − 5s), for r < 1 (s < 4/7). Derived on the card.
pub fn boundary_last(s: f64) -> f64 {
    2.0 * s / (4.0 - 5.0 * s)
}

/// The same for dropping another feature where n = 2, r > 1: (4 − 5s)/(2s), the inverse. For n ≥ 3 the boundary is s = 4/7 whatever r is.
pub fn boundary_first(s: f64) -> f64 {
    (4.0 - 5.0 * s) / (2.0 * s)
}

/// The point (s, r) at which all candidates cost the same.
pub const TRIPLE: (f64, f64) = (4.0 / 7.0, 1.0);

/// Midpoints of supports: every set of active features, `q` midpoints in each of them; for n features, rows of n values, with the density's weight as a
/// function of s.
#[derive(Debug, Clone)]
pub struct Nodes {
    /// Values, n a row.
    pub values: Vec<f64>,
    /// Number of active features of every row, and its share of the volume of its support.
    rows: Vec<(usize, f64)>,
    n: usize,
}

impl Nodes {
    /// Midpoints for `n` features.
    pub fn new(n: usize, q: usize) -> Nodes {
        let mut out = Nodes { values: Vec::new(), rows: Vec::new(), n };
        for support in 0..1usize << n {
            let active: Vec<usize> = (0..n).filter(|i| support >> i & 1 == 1).collect();
            let count = q.pow(active.len() as u32);
            for k in 0..count {
                let mut row = vec![0.0; n];
                let mut rest = k;
                for i in &active {
                    row[*i] = ((rest % q) as f64 + 0.5) / q as f64;
                    rest /= q;
                }
                out.values.extend(row);
                out.rows.push((active.len(), 1.0 / count as f64));
            }
        }
        out
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Probability of every row at density `s`; they sum to 1.
    pub fn weights(&self, s: f64) -> Vec<f64> {
        let n = self.n as i32;
        self.rows.iter().map(|(k, share)| s.powi(*k as i32) * (1.0 - s).powi(n - *k as i32) * share).collect()
    }

    /// Expected loss Σ I_i E(x_i − out_i)², out = ReLU(WᵀWx + b), of any weights (m × n) and biases.
    pub fn loss(&self, w: &Matrix, b: &[f64], importance: &[f64], s: f64) -> f64 {
        let gram = w.transposed_mul(w);
        let error = |x: &[f64]| -> f64 {
            (0..self.n)
                .map(|i| {
                    let u: f64 = (0..self.n).map(|j| gram[(i, j)] * x[j]).sum::<f64>() + b[i];
                    importance[i] * (x[i] - u.max(0.0)) * (x[i] - u.max(0.0))
                })
                .sum()
        };
        self.weights(s).iter().zip(self.values.chunks(self.n)).map(|(p, x)| p * error(x)).sum()
    }
}
