//! The simulator for λ₁ = 0: sampled balls, and the flow on them in the eigenbasis of G. No closed form is used.

use crate::model::TheoryError;
use crate::numeric::Draws;
use pennydrop_graph::linalg::eigh;

/// Samples of both classes, each times its label: row i of `rows` is y_i x_i = ε e₁ + u_i. The flow and the errors depend on these alone.
#[derive(Debug, Clone)]
pub struct Data {
    /// 2N.
    pub count: usize,
    /// D.
    pub d: usize,
    /// `[2N, D]`, row-major.
    pub rows: Vec<f64>,
}

/// A point of the unit ball whose distance δ from the boundary has density ∝ δ^{−ξ}(1 − δ)^{D−1} (ξ = 0: uniform), written to `out`.
pub fn point(draws: &mut Draws, xi: f64, out: &mut [f64]) {
    out.iter_mut().for_each(|x| *x = draws.normal());
    let d = out.len() as f64;
    let radius = if xi == 0.0 {
        libm::pow(draws.uniform(), 1.0 / d)
    } else {
        let inner = draws.gamma(d);
        inner / (inner + draws.gamma(1.0 - xi))
    };
    let scale = radius / libm::sqrt(out.iter().map(|x| x * x).sum());
    out.iter_mut().for_each(|x| *x *= scale);
}

/// N samples of each class.
pub fn data(draws: &mut Draws, n: usize, d: usize, eps: f64, xi: f64) -> Data {
    let mut rows = vec![0.0; 2 * n * d];
    for row in rows.chunks_mut(d) {
        point(draws, xi, row);
        row[0] += eps;
    }
    Data { count: 2 * n, d, rows }
}

impl Data {
    /// (1/2N) Σ x xᵀ, `[D, D]`.
    pub fn covariance(&self) -> Vec<f64> {
        let (d, mut g) = (self.d, vec![0.0; self.d * self.d]);
        for row in self.rows.chunks(d) {
            for (i, x) in row.iter().enumerate() {
                for (out, y) in g[i * d..=i * d + i].iter_mut().zip(row) {
                    *out += x * y;
                }
            }
        }
        for i in 0..d {
            for j in 0..=i {
                g[i * d + j] /= self.count as f64;
                g[j * d + i] = g[i * d + j];
            }
        }
        g
    }

    /// (1/2N) Σ y x.
    pub fn mean(&self) -> Vec<f64> {
        let mut a = vec![0.0; self.d];
        for row in self.rows.chunks(self.d) {
            a.iter_mut().zip(row).for_each(|(a, x)| *a += x / self.count as f64);
        }
        a
    }

    /// Smallest y x·w: positive without training error.
    pub fn margin(&self, w: &[f64]) -> f64 {
        self.rows.chunks(self.d).map(|row| dot(row, w)).fold(f64::INFINITY, f64::min)
    }
}

/// ε w₁ − ‖w‖: not negative without test error, since h = ε w₁/‖w‖ is then at least 1.
pub fn test_margin(eps: f64, w: &[f64]) -> f64 {
    eps * w[0] - libm::sqrt(dot(w, w))
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// The flow ẇ = −Gw + a in the eigenbasis of G; at most 2N directions are in the span of the samples, all others decay with λ₂ together.
#[derive(Debug, Clone)]
pub struct Modes {
    eps: f64,
    lambda2: f64,
    /// Eigenvalues of G in the span of the samples.
    rates: Vec<f64>,
    /// Components of the fixed point.
    targets: Vec<f64>,
    /// First components of the eigenvectors.
    first: Vec<f64>,
    /// Eigenvectors, one a row, `[modes, D]`.
    vectors: Vec<f64>,
    /// y_i x_i in the eigenbasis, `[2N, modes]`.
    samples: Vec<f64>,
}

impl Modes {
    /// From the D × D matrix G, or from the 2N × 2N matrix of inner products where that is smaller.
    ///
    /// # Errors
    /// The eigenvalue iteration fails.
    pub fn new(data: &Data, eps: f64, lambda2: f64) -> Result<Modes, TheoryError> {
        let (d, count) = (data.d, data.count);
        let (mut rates, mut vectors) = (Vec::new(), Vec::new());
        if d <= count {
            let e = eigh(&data.covariance(), d);
            for k in 0..d {
                rates.push(e[k].max(0.0) + lambda2);
                vectors.extend((0..d).map(|i| e[(i + 1) * d + k]));
            }
        } else {
            let mut inner = vec![0.0; count * count];
            for i in 0..count {
                for j in 0..=i {
                    let x = dot(&data.rows[i * d..(i + 1) * d], &data.rows[j * d..(j + 1) * d]) / count as f64;
                    (inner[i * count + j], inner[j * count + i]) = (x, x);
                }
            }
            let e = eigh(&inner, count);
            let floor = 1e-12 * e[count - 1];
            for k in (0..count).filter(|k| e[*k] > floor) {
                rates.push(e[k] + lambda2);
                let mut v = vec![0.0; d];
                for (i, row) in data.rows.chunks(d).enumerate() {
                    v.iter_mut().zip(row).for_each(|(v, x)| *v += e[(i + 1) * count + k] * x);
                }
                let scale = 1.0 / libm::sqrt(count as f64 * e[k]);
                vectors.extend(v.iter().map(|x| x * scale));
            }
        }
        if rates.is_empty() || rates.iter().any(|r| !r.is_finite()) {
            return Err(TheoryError::numeric("eigenvalues of the samples' matrix", format!("D = {d}, {count} samples")));
        }
        let a = data.mean();
        let targets = vectors.chunks(d).zip(&rates).map(|(v, r)| dot(v, &a) / r).collect();
        let first = vectors.chunks(d).map(|v| v[0]).collect();
        let samples = data.rows.chunks(d).flat_map(|x| vectors.chunks(d).map(|v| dot(x, v)).collect::<Vec<_>>()).collect();
        Ok(Modes { eps, lambda2, rates, targets, first, vectors, samples })
    }

    /// The flow from `w0`.
    pub fn from(&self, w0: &[f64]) -> Path<'_> {
        let start: Vec<f64> = self.vectors.chunks(w0.len()).map(|v| dot(v, w0)).collect();
        let mut rest = w0.to_vec();
        for (v, c) in self.vectors.chunks(w0.len()).zip(&start) {
            rest.iter_mut().zip(v).for_each(|(r, v)| *r -= c * v);
        }
        Path { modes: self, rest_first: rest[0], rest_square: if self.rates.len() < w0.len() { dot(&rest, &rest) } else { 0.0 }, start }
    }
}

/// The path of the weights from one initialisation.
#[derive(Debug, Clone)]
pub struct Path<'a> {
    modes: &'a Modes,
    start: Vec<f64>,
    /// First component and squared length of what lies outside the span of the samples.
    rest_first: f64,
    rest_square: f64,
}

impl Path<'_> {
    fn components(&self, t: f64) -> Vec<f64> {
        let m = self.modes;
        m.rates.iter().zip(&m.targets).zip(&self.start).map(|((r, to), from)| to + (from - to) * libm::exp(-r * t)).collect()
    }

    /// h = ε w₁/‖w‖ at time `t` (infinite: the end).
    pub fn distance(&self, t: f64) -> f64 {
        let m = self.modes;
        let c = self.components(t);
        let decay = if m.lambda2 > 0.0 { libm::exp(-m.lambda2 * t) } else { 1.0 };
        let has_rest = f64::from(u8::from(self.rest_square > 0.0));
        let w1 = dot(&c, &m.first) + has_rest * decay * self.rest_first;
        m.eps * w1 / libm::sqrt(dot(&c, &c) + decay * decay * self.rest_square)
    }

    /// Smallest y x·w at time `t`.
    pub fn margin(&self, t: f64) -> f64 {
        let c = self.components(t);
        self.modes.samples.chunks(c.len()).map(|x| dot(x, &c)).fold(f64::INFINITY, f64::min)
    }

    /// Whether the flow ends without test error.
    pub fn groks(&self) -> bool {
        self.distance(f64::INFINITY) >= 1.0
    }

    /// First times without training and without test error: on a grid of 30 times a decade over all relaxation times, then by halving. `None` where the
    /// grid's end, 60 times the slowest relaxation, does not reach it.
    pub fn times(&self) -> (Option<f64>, Option<f64>) {
        let m = self.modes;
        let fastest = m.rates.iter().copied().fold(0.0, f64::max);
        let slowest = m.rates.iter().copied().chain((self.rest_square > 0.0 && m.lambda2 > 0.0).then_some(m.lambda2)).fold(f64::INFINITY, f64::min);
        let decades = libm::log10(60.0 * fastest / slowest / 1e-4);
        let steps = libm::ceil(30.0 * decades).min(1e4) as usize;
        let first = |good: &dyn Fn(f64) -> bool| {
            let mut before = 0.0;
            if good(0.0) {
                return Some(0.0);
            }
            for i in 0..=steps {
                let t = 1e-4 / fastest * libm::pow(10.0, decades * i as f64 / steps as f64);
                if good(t) {
                    return Some(first_time(good, before, t));
                }
                before = t;
            }
            None
        };
        (first(&|t| self.margin(t) > 0.0), first(&|t| self.distance(t) >= 1.0))
    }
}

/// The time in (low, high] from which on `good` holds, by halving.
pub(super) fn first_time(good: &dyn Fn(f64) -> bool, mut low: f64, mut high: f64) -> f64 {
    while high - low > 1e-10 * high {
        let middle = 0.5 * (low + high);
        if good(middle) { high = middle } else { low = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::super::closed::test_error;
    use super::*;
    use crate::numeric::{fraction, ode};

    #[test]
    fn the_path_solves_the_equation_on_both_sides_of_d() {
        for (n, d) in [(3, 4), (2, 9)] {
            let mut draws = Draws::new(1, 0, n as u64);
            let set = data(&mut draws, n, d, 1.2, 0.0);
            let (g, a) = (set.covariance(), set.mean());
            let w0 = draws.normals(d);
            let modes = Modes::new(&set, 1.2, 0.05).unwrap();
            let path = modes.from(&w0);
            let times = [0.0, 0.3, 2.0, 20.0];
            let flow = |_: f64, w: &[f64], dw: &mut [f64]| {
                for i in 0..d {
                    dw[i] = a[i] - dot(&g[i * d..(i + 1) * d], w) - 0.05 * w[i];
                }
            };
            for (t, w) in times.iter().zip(ode::solve(flow, &w0, &times, 1e-10, 1e-12).unwrap()) {
                let h = 1.2 * w[0] / libm::sqrt(dot(&w, &w));
                assert!((path.distance(*t) - h).abs() < 1e-7 && (path.margin(*t) - set.margin(&w)).abs() < 1e-7, "D = {d}, t = {t}");
            }
        }
    }

    #[test]
    fn the_distance_gives_the_share_of_wrong_points() {
        let (d, eps) = (4, 1.1);
        let w = [0.9, 0.4, -0.2, 0.3];
        let mut x = [0.0; 4];
        let wrong = (0..100_000)
            .filter(|i| {
                point(&mut Draws::new(2, 0, *i), 0.0, &mut x);
                x[0] += eps;
                dot(&x, &w) < 0.0
            })
            .count();
        let share = fraction(wrong, 100_000);
        let closed = test_error(d, eps * w[0] / libm::sqrt(dot(&w, &w)));
        assert!((share.estimate - closed).abs() < 4.0 * libm::sqrt(closed / 1e5), "{share:?} against {closed}");
    }

    #[test]
    fn training_error_vanishes_first_and_stays_a_matter_of_signs() {
        for i in 0..50 {
            let mut draws = Draws::new(3, 0, i);
            let set = data(&mut draws, 10, 6, 1.5, 0.4);
            let modes = Modes::new(&set, 1.5, 0.1).unwrap();
            let w0 = draws.normals(6);
            let path = modes.from(&w0);
            if let (Some(train), Some(test)) = path.times() {
                assert!(train <= test);
                assert!(test == 0.0 || (path.distance(test) - 1.0).abs() < 1e-6, "{}", path.distance(test));
                assert!(train == 0.0 || path.margin(train).abs() < 1e-6);
            }
        }
    }
}
