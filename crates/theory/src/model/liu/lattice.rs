//! Parallelograms: which pairs of sums are equal, what a training set makes of them, and what the integers' line owes to them.

use pennydrop_graph::linalg::eigh;

/// All pairs of samples i + j = m + n of addition of 0 … p − 1 without modulus, i ≤ j.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lattice {
    /// Number of symbols.
    pub p: usize,
    /// The samples (i, j), i ≤ j: p(p + 1)/2 of them.
    pub samples: Vec<(usize, usize)>,
    /// P₀: pairs of indices into `samples` with equal sums.
    pub pairs: Vec<(usize, usize)>,
}

impl Lattice {
    /// The lattice of `p` symbols.
    pub fn new(p: usize) -> Lattice {
        let samples: Vec<(usize, usize)> = (0..p).flat_map(|i| (i..p).map(move |j| (i, j))).collect();
        let sum = |k: usize| samples[k].0 + samples[k].1;
        let pairs = (0..samples.len()).flat_map(|a| (a + 1..samples.len()).map(move |b| (a, b))).filter(|(a, b)| sum(*a) == sum(*b)).collect();
        Lattice { p, samples, pairs }
    }

    /// i + j of a sample.
    pub fn sum(&self, sample: usize) -> usize {
        self.samples[sample].0 + self.samples[sample].1
    }

    /// P₀(D): the pairs both of whose samples are in the training set.
    pub fn within(&self, trained: &[bool]) -> Vec<(usize, usize)> {
        self.pairs.iter().copied().filter(|(a, b)| trained[*a] && trained[*b]).collect()
    }

    /// The row of a pair: +1 at i and j of the one, −1 at those of the other.
    pub fn row(&self, (a, b): (usize, usize)) -> Vec<i64> {
        let mut row = vec![0; self.p];
        for (sample, sign) in [(a, 1), (b, -1)] {
            row[self.samples[sample].0] += sign;
            row[self.samples[sample].1] += sign;
        }
        row
    }

    /// AᵀA of pairs, p × p.
    pub fn gram(&self, pairs: &[(usize, usize)]) -> Vec<f64> {
        let mut out = vec![0.0; self.p * self.p];
        for pair in pairs {
            let row = self.row(*pair);
            for (i, x) in row.iter().enumerate().filter(|x| *x.1 != 0) {
                for (j, y) in row.iter().enumerate() {
                    out[i * self.p + j] += (x * y) as f64;
                }
            }
        }
        out
    }

    /// Third-smallest eigenvalue λ₃ of AᵀA: 0 where the linear representation is not unique.
    pub fn third_eigenvalue(&self, pairs: &[(usize, usize)]) -> f64 {
        eigh(&self.gram(pairs), self.p).get(2).map_or(0.0, |x| if *x < 1e-9 { 0.0 } else { *x })
    }

    /// The space that the rows of pairs span.
    pub fn span(&self, pairs: &[(usize, usize)]) -> Span {
        let mut span = Span { rows: Vec::new() };
        for pair in pairs {
            // Translation and scale are always free: there is no more than this.
            if span.rows.len() + 2 >= self.p {
                break;
            }
            span.add(&self.row(*pair));
        }
        span
    }

    /// nullity(AᵀA): 2 (translation and scale) where the representation is unique; the released code's `dof`.
    pub fn freedom(&self, pairs: &[(usize, usize)]) -> usize {
        self.p - self.span(pairs).rows.len()
    }

    /// Accuracy on the samples that are not trained if the representation has every parallelogram that the trained ones imply: a test sample is right where a trained one
    /// of the same sum makes an implied parallelogram with it. `None` without test samples.
    pub fn ideal_accuracy(&self, trained: &[bool]) -> Option<f64> {
        let span = self.span(&self.within(trained));
        self.accuracy(trained, |a, b| span.holds(&self.row((a, b))))
    }

    /// The same where only the parallelograms count that an embedding has (`realised`).
    pub fn predicted_accuracy(&self, trained: &[bool], embedding: &[f64]) -> Option<f64> {
        let e = standard(embedding, self.p);
        self.accuracy(trained, |a, b| realised(&e, self.p, self.samples[a], self.samples[b]))
    }

    fn accuracy(&self, trained: &[bool], parallel: impl Fn(usize, usize) -> bool) -> Option<f64> {
        let tests: Vec<usize> = (0..self.samples.len()).filter(|k| !trained[*k]).collect();
        let right = |k: &&usize| (0..self.samples.len()).any(|t| trained[t] && self.sum(t) == self.sum(**k) && parallel(**k, t));
        if tests.is_empty() { None } else { Some(tests.iter().filter(right).count() as f64 / tests.len() as f64) }
    }

    /// Representation-quality index: the share of parallelograms i < j ≤ m < n, i + n = j + m, that an embedding (p × d, row-major) has.
    pub fn quality(&self, embedding: &[f64]) -> f64 {
        let e = standard(embedding, self.p);
        let (mut ideal, mut there) = (0usize, 0usize);
        for i in 0..self.p {
            for j in i + 1..self.p {
                for m in j..self.p {
                    let n = j + m - i;
                    if n > m && n < self.p {
                        ideal += 1;
                        there += usize::from(realised(&e, self.p, (i, n), (j, m)));
                    }
                }
            }
        }
        there as f64 / ideal.max(1) as f64
    }
}

/// Each coordinate of an embedding with mean 0 and standard deviation 1 over symbols.
fn standard(embedding: &[f64], p: usize) -> Vec<f64> {
    let d = embedding.len() / p;
    let mut out = embedding.to_vec();
    for c in 0..d {
        let column = || (0..p).map(|k| embedding[k * d + c]);
        let mean = column().sum::<f64>() / p as f64;
        let deviation = libm::sqrt(column().map(|x| (x - mean) * (x - mean)).sum::<f64>() / p as f64).max(1e-300);
        (0..p).for_each(|k| out[k * d + c] = (embedding[k * d + c] - mean) / deviation);
    }
    out
}

/// Whether a standardised embedding has a parallelogram: the mean over coordinates of (E_i + E_j − E_m − E_n)² is below 0.01.
fn realised(e: &[f64], p: usize, (i, j): (usize, usize), (m, n): (usize, usize)) -> bool {
    let d = e.len() / p;
    let gap = |c: usize| e[i * d + c] + e[j * d + c] - e[m * d + c] - e[n * d + c];
    (0..d).map(|c| gap(c) * gap(c)).sum::<f64>() / (d as f64) < 0.01
}

/// A space of integer vectors in reduced form, modulo the prime 2⁶¹ − 1. Exact: minors of rows of norm √6 stay below it up to p = 48.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Rows with a leading 1, by pivot.
    rows: Vec<(usize, Vec<u64>)>,
}

const PRIME: u64 = (1 << 61) - 1;

fn times(a: u64, b: u64) -> u64 {
    ((u128::from(a) * u128::from(b)) % u128::from(PRIME)) as u64
}

fn inverse(a: u64) -> u64 {
    let (mut base, mut power, mut out) = (a, PRIME - 2, 1);
    while power > 0 {
        if power & 1 == 1 {
            out = times(out, base);
        }
        base = times(base, base);
        power >>= 1;
    }
    out
}

impl Span {
    fn reduced(&self, row: &[i64]) -> Vec<u64> {
        let mut v: Vec<u64> = row.iter().map(|x| x.rem_euclid(PRIME as i64) as u64).collect();
        for (pivot, basis) in &self.rows {
            let factor = PRIME - v[*pivot];
            if v[*pivot] != 0 {
                for (x, b) in v.iter_mut().zip(basis) {
                    *x = (*x + times(factor, *b)) % PRIME;
                }
            }
        }
        v
    }

    fn add(&mut self, row: &[i64]) {
        let v = self.reduced(row);
        if let Some(pivot) = v.iter().position(|x| *x != 0) {
            let scale = inverse(v[pivot]);
            self.rows.push((pivot, v.into_iter().map(|x| times(x, scale)).collect()));
        }
    }

    /// Whether a vector lies in the space.
    pub fn holds(&self, row: &[i64]) -> bool {
        self.reduced(row).iter().all(|x| *x == 0)
    }
}
