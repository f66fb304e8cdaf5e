//! The uniform-MPS attention map: from a string to one latent point a site.

use super::automaton::Teacher;
use crate::numeric::Draws;

/// What is beyond the ends of a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    /// −1 for ever: vectors v_L and v_R, the leading eigenvectors of A₀.
    Open,
    /// The other end: G = 1, and the automaton on a ring.
    Closed,
}

/// Frozen matrices A₀, A₁ (d × d, row-major) with their boundary.
#[derive(Debug, Clone, PartialEq)]
pub struct Attention {
    /// Bond dimension d.
    pub d: usize,
    /// A₀ and A₁.
    pub a: [Vec<f64>; 2],
    /// What is beyond the ends.
    pub boundary: Boundary,
    left: Vec<f64>,
    right: Vec<f64>,
}

/// Latent points with their labels: `signed[i·D..]` is s_i z_i with s_i = ±1, so that a perceptron w is right about point i where w · signed_i > 0.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Points {
    /// D = 2d².
    pub dimension: usize,
    /// s_i z_i, one after the other.
    pub signed: Vec<f64>,
    /// 0 or 1.
    pub labels: Vec<u8>,
}

/// Buffers of [`Attention::latent`].
#[derive(Debug, Clone, Default)]
pub struct Contexts {
    left: Vec<f64>,
    right: Vec<f64>,
    product: Vec<f64>,
}

/// The paper's three frozen examples at d = 2: (A₀, A₁), row-major.
pub const FROZEN: [([f64; 4], [f64; 4]); 3] = [
    ([0.782735, 0.225481, -0.21562, 0.290028], [1.17554, -0.275503, 1.18283, -0.157563]),
    ([1.6749, -1.29059, 0.285324, -0.708621], [0.0462428, -0.0797724, -0.509457, 0.922777]),
    ([1.37336, -0.465853, -1.10382, 0.720113], [0.128517, 0.166033, 0.634426, 1.13816]),
];

/// The exact 1-local attention at d = 4: its context is the pair of neighbours and nothing else.
pub const EXACT: ([f64; 16], [f64; 16]) =
    ([1., 1., 0., 0., 0., 0., 0., 0., 1., 1., 0., 0., 0., 0., 0., 0.], [0., 0., 0., 0., 0., 0., 1., 1., 0., 0., 0., 0., 0., 0., 1., 1.]);

/// Draws of A after which a search for a real leading eigenvector is given up; at d = 2 each succeeds with probability 1/√2.
const MOST_DRAWS: usize = 1000;

impl Attention {
    /// The map of given matrices. `None` if the boundary is open and A₀ has no leading eigenvector: its largest eigenvalues are a complex pair (or tie in magnitude),
    /// so that the context of an endless row of −1 has no limit.
    pub fn new(d: usize, a0: &[f64], a1: &[f64], boundary: Boundary) -> Option<Attention> {
        let (left, right) = match boundary {
            Boundary::Open => leading(a0, d)?,
            Boundary::Closed => (Vec::new(), Vec::new()),
        };
        Some(Attention { d, a: [a0.to_vec(), a1.to_vec()], boundary, left, right })
    }

    /// A₀ and A₁ of independent standard normals, drawn again until the boundary exists.
    pub fn random(d: usize, boundary: Boundary, draws: &mut Draws) -> Option<Attention> {
        (0..MOST_DRAWS).find_map(|_| {
            let a0 = draws.normals(d * d);
            Attention::new(d, &a0, &draws.normals(d * d), boundary)
        })
    }

    /// D = 2d².
    pub fn dimension(&self) -> usize {
        2 * self.d * self.d
    }

    /// Appends the latent points of a string, D numbers a site, each of unit length: φ(x_i) ⊗ (v_L H_L) ⊗ (H_R v_R) if open, φ(x_i) ⊗ H_R H_L if closed.
    /// A context of zero length stays zero.
    pub fn latent(&self, bits: &[u8], buffers: &mut Contexts, out: &mut Vec<f64>) {
        let (d, n) = (self.d, bits.len());
        // Rows of left contexts, columns of right contexts: 1 if open, d if closed.
        let rows = if self.boundary == Boundary::Open { 1 } else { d };
        let block = rows * d;
        buffers.left.clear();
        buffers.left.resize(n * block, 0.0);
        buffers.right.clear();
        buffers.right.resize(n * block, 0.0);
        if n == 0 {
            return;
        }
        let (first, last) = (0, (n - 1) * block);
        if self.boundary == Boundary::Open {
            buffers.left[first..block].copy_from_slice(&self.left);
            buffers.right[last..].copy_from_slice(&self.right);
        } else {
            for i in 0..d {
                buffers.left[first + i * d + i] = 1.0;
                buffers.right[last + i * d + i] = 1.0;
            }
        }
        normalise(&mut buffers.left[..block]);
        normalise(&mut buffers.right[last..]);
        for i in 1..n {
            let (before, now) = buffers.left.split_at_mut(i * block);
            let now = &mut now[..block];
            multiply(&before[(i - 1) * block..], &self.a[bits[i - 1] as usize], rows, d, d, now);
            normalise(now);
        }
        for i in (0..n - 1).rev() {
            let (now, after) = buffers.right.split_at_mut((i + 1) * block);
            let now = &mut now[i * block..];
            multiply(&self.a[bits[i + 1] as usize], &after[..block], d, d, rows, now);
            normalise(now);
        }
        buffers.product.resize(d * d, 0.0);
        for (i, &bit) in bits.iter().enumerate() {
            let (l, r) = (&buffers.left[i * block..(i + 1) * block], &buffers.right[i * block..(i + 1) * block]);
            // Open: the outer product of right and left context, which is the same as the product of the column H_R and the row H_L.
            multiply(r, l, d, rows, d, &mut buffers.product);
            normalise(&mut buffers.product);
            let start = out.len();
            out.resize(start + 2 * d * d, 0.0);
            let place = start + bit as usize * d * d;
            out[place..place + d * d].copy_from_slice(&buffers.product);
        }
    }

    /// The left contexts of every site of a string: v_L H_L, d numbers of unit length a site (open), or the d rows of H_L, each of unit length (closed).
    pub fn left_contexts(&self, bits: &[u8], buffers: &mut Contexts) -> Vec<f64> {
        self.latent(bits, buffers, &mut Vec::new());
        contexts(&buffers.left, self.d)
    }

    /// The right contexts, as [`Attention::left_contexts`].
    pub fn right_contexts(&self, bits: &[u8], buffers: &mut Contexts) -> Vec<f64> {
        self.latent(bits, buffers, &mut Vec::new());
        contexts(&buffers.right, self.d)
    }

    /// Latent points of the sites `skip..length − skip` of all `strings`, with the labels that `teacher` gives.
    pub fn points(&self, strings: &[Vec<u8>], teacher: &Teacher, skip: usize) -> Points {
        let mut points = Points { dimension: self.dimension(), ..Points::default() };
        let (mut buffers, mut z) = (Contexts::default(), Vec::new());
        for bits in strings {
            z.clear();
            self.latent(bits, &mut buffers, &mut z);
            points.append(&z, &teacher.label(bits), skip);
        }
        points
    }
}

impl Points {
    /// Number of points.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Adds the points of one string but for `skip` sites at each end.
    pub fn append(&mut self, z: &[f64], labels: &[u8], skip: usize) {
        for i in skip..labels.len().saturating_sub(skip) {
            let s = if labels[i] == 1 { 1.0 } else { -1.0 };
            self.signed.extend(z[i * self.dimension..(i + 1) * self.dimension].iter().map(|x| s * x));
            self.labels.push(labels[i]);
        }
    }

    /// The points (not signed) of one class.
    pub fn class(&self, label: u8) -> Vec<f64> {
        let s = if label == 1 { 1.0 } else { -1.0 };
        let of = self.signed.chunks(self.dimension.max(1)).zip(&self.labels);
        of.filter(|(_, l)| **l == label).flat_map(|(z, _)| z.iter().map(move |x| s * x)).collect()
    }

    /// The share of points of which `w` is wrong (a tie is wrong).
    pub fn error(&self, w: &[f64]) -> f64 {
        let wrong = self.signed.chunks_exact(self.dimension.max(1)).filter(|z| dot(z, w) <= 0.0).count();
        wrong as f64 / self.len() as f64
    }
}

/// The inner product.
pub fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(a, b)| a * b).sum()
}

fn contexts(blocks: &[f64], d: usize) -> Vec<f64> {
    blocks
        .chunks_exact(d)
        .flat_map(|v| {
            let length = libm::sqrt(dot(v, v));
            v.iter().map(move |x| if length > 0.0 { x / length } else { 0.0 }).collect::<Vec<_>>()
        })
        .collect()
}

fn normalise(v: &mut [f64]) {
    let length = libm::sqrt(dot(v, v));
    if length > 0.0 {
        v.iter_mut().for_each(|x| *x /= length);
    }
}

/// out = x y for x of m × k and y of k × n, all row-major.
fn multiply(x: &[f64], y: &[f64], m: usize, k: usize, n: usize, out: &mut [f64]) {
    for i in 0..m {
        for j in 0..n {
            let mut sum = 0.0;
            for l in 0..k {
                sum += x[i * k + l] * y[l * n + j];
            }
            out[i * n + j] = sum;
        }
    }
}

/// The left and right eigenvector of the eigenvalue of largest magnitude, by repeated squaring: A^(2^m)/‖·‖ tends to v_R v_Lᵀ.
fn leading(a: &[f64], d: usize) -> Option<(Vec<f64>, Vec<f64>)> {
    let (mut p, mut q) = (a.to_vec(), vec![0.0; d * d]);
    normalise(&mut p);
    for _ in 0..45 {
        multiply(&p, &p, d, d, d, &mut q);
        normalise(&mut q);
        std::mem::swap(&mut p, &mut q);
    }
    let best = (0..d * d).max_by(|&i, &j| p[i].abs().total_cmp(&p[j].abs()))?;
    let (row, column) = (best / d, best % d);
    let left: Vec<f64> = p[row * d..(row + 1) * d].to_vec();
    let right: Vec<f64> = (0..d).map(|i| p[i * d + column]).collect();
    // A v = λ v to a part in 10⁹, or there was no limit.
    let mut image = vec![0.0; d];
    multiply(a, &right, d, d, 1, &mut image);
    let lambda = dot(&image, &right) / dot(&right, &right);
    let off = image.iter().zip(&right).map(|(x, v)| (x - lambda * v).abs()).fold(0.0, f64::max);
    let size = libm::sqrt(dot(&right, &right));
    (lambda.abs() > 0.0 && off <= 1e-9 * lambda.abs() * size).then_some((left, right))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::zunkovic_tn::automaton::{Kind, all_strings};

    #[test]
    fn leading_vectors_are_eigenvectors_and_a_rotation_has_none() {
        for (a0, _) in &FROZEN {
            let (left, right) = leading(a0, 2).unwrap();
            let mut image = [0.0; 2];
            multiply(a0, &right, 2, 2, 1, &mut image);
            assert!((image[0] * right[1] - image[1] * right[0]).abs() < 1e-9 * dot(&right, &right));
            multiply(&left, a0, 1, 2, 2, &mut image);
            assert!((image[0] * left[1] - image[1] * left[0]).abs() < 1e-9 * dot(&left, &left));
        }
        assert!(leading(&[0.6, -0.8, 0.8, 0.6], 2).is_none());
    }

    #[test]
    fn the_latent_point_gives_the_trace_of_the_definition() {
        // ŷ_i = Σ_j φ_j Tr(H_L B_j H_R) with contexts built site by site from their definition, up to the length of H_R H_L.
        let (a0, a1) = &FROZEN[1];
        let map = Attention::new(2, a0, a1, Boundary::Closed).unwrap();
        let bits = [1u8, 0, 0, 1];
        let b: Vec<f64> = Draws::new(3, 0, 0).normals(8);
        let (mut z, mut m) = (Vec::new(), [0.0; 4]);
        map.latent(&bits, &mut Contexts::default(), &mut z);
        for i in 0..4 {
            let product = |range: std::ops::Range<usize>| {
                let mut h = [1.0, 0.0, 0.0, 1.0];
                for j in range {
                    multiply(&h.clone(), &map.a[bits[j] as usize], 2, 2, 2, &mut h);
                }
                h
            };
            let (l, r) = (product(0..i), product(i + 1..4));
            // B as a matrix of which vec(Bᵀ) meets vec(H_R H_L).
            let matrix = &b[bits[i] as usize * 4..][..4];
            multiply(&r, &l, 2, 2, 2, &mut m);
            let trace = m[0] * matrix[0] + m[1] * matrix[1] + m[2] * matrix[2] + m[3] * matrix[3];
            assert!((dot(&z[i * 8..i * 8 + 8], &b) - trace / libm::sqrt(dot(&m, &m))).abs() < 1e-12);
        }
    }

    #[test]
    fn the_exact_map_has_eight_points() {
        let map = Attention::new(4, &EXACT.0, &EXACT.1, Boundary::Open).unwrap();
        let teacher = Teacher::new(Kind::Local, 30, 1, Boundary::Open, 6, &mut Draws::new(0, 0, 0));
        let points = map.points(&all_strings(6), &teacher, 0);
        let mut seen: Vec<Vec<i64>> = points.signed.chunks(32).map(|z| z.iter().map(|x| libm::round(1e9 * x) as i64).collect()).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 8);
        for i in 0..8 {
            for j in 0..i {
                assert_eq!(seen[i].iter().zip(&seen[j]).map(|(x, y)| x * y).sum::<i64>(), 0);
            }
        }
    }
}
