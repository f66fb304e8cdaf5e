//! The perceptron's gradient flow, solved exactly between the moments at which a weight meets zero.
//!
//! ẇ = a − G w − λ₁ sgn(w), G = (1/n) Σ z zᵀ + λ₂, a = (1/n) Σ s z. With λ₁ > 0 a weight that meets zero stays there while |(a − G w)_i| ≤ λ₁ (the subgradient that stands still), and leaves
//! with the sign of the force when that fails. Between such events the flow is linear and is solved in the eigenvectors of the block of G that moves.

use super::map::{Points, dot};
use crate::model::TheoryError;
use pennydrop_graph::linalg::eigh;

/// Events after which a flow is given up.
const MOST_EVENTS: usize = 1000;

/// The quadratic loss ½ wᵀ G w − a · w of a set of points.
#[derive(Debug, Clone, PartialEq)]
pub struct Quadratic {
    /// Dimension D.
    pub n: usize,
    /// G with λ₂ on its diagonal, D × D.
    pub g: Vec<f64>,
    /// a.
    pub a: Vec<f64>,
}

/// A flow from one initial vector, in pieces.
#[derive(Debug, Clone)]
pub struct Path {
    n: usize,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
struct Piece {
    start: f64,
    /// Weights that move.
    moving: Vec<usize>,
    basis: Basis,
    /// Coordinates at the start, and the constant force, in the eigenvectors.
    from: Vec<f64>,
    force: Vec<f64>,
}

#[derive(Debug, Clone)]
struct Basis {
    values: Vec<f64>,
    /// Column j is eigenvector j.
    vectors: Vec<f64>,
}

impl Quadratic {
    /// Of `points`, with λ₂.
    pub fn new(points: &Points, lambda2: f64) -> Quadratic {
        let (n, count) = (points.dimension, points.len() as f64);
        let (mut g, mut a) = (vec![0.0; n * n], vec![0.0; n]);
        for z in points.signed.chunks_exact(n) {
            for i in 0..n {
                if z[i] != 0.0 {
                    a[i] += z[i];
                    for j in 0..n {
                        g[i * n + j] += z[i] * z[j];
                    }
                }
            }
        }
        g.iter_mut().chain(&mut a).for_each(|x| *x /= count);
        for i in 0..n {
            g[i * n + i] += lambda2;
        }
        Quadratic { n, g, a }
    }

    /// Eigenvalues of G, ascending.
    ///
    /// # Errors
    /// An iteration that does not converge.
    pub fn rates(&self) -> Result<Vec<f64>, TheoryError> {
        Ok(Basis::new(&self.g, self.n, &(0..self.n).collect::<Vec<_>>())?.values)
    }

    /// a − G w.
    fn force(&self, w: &[f64], i: usize) -> f64 {
        self.a[i] - dot(&self.g[i * self.n..(i + 1) * self.n], w)
    }

    /// The flow from `w0` up to time `end`.
    ///
    /// # Errors
    /// An eigendecomposition that fails, or more events than a flow has.
    pub fn flow(&self, lambda1: f64, w0: &[f64], end: f64) -> Result<Path, TheoryError> {
        let mut signs: Vec<f64> = w0
            .iter()
            .map(|x| {
                if *x > 0.0 {
                    1.0
                } else if *x < 0.0 {
                    -1.0
                } else {
                    0.0
                }
            })
            .collect();
        if lambda1 == 0.0 {
            signs.fill(1.0);
        }
        let mut w = w0.to_vec();
        let mut path = Path { n: self.n, pieces: Vec::new() };
        let mut start = 0.0;
        for _ in 0..MOST_EVENTS {
            // A weight at rest at zero leaves when the force on it is larger than the threshold.
            for i in 0..self.n {
                let force = self.force(&w, i);
                if signs[i] == 0.0 && force.abs() > lambda1 {
                    signs[i] = force.signum();
                }
            }
            let moving: Vec<usize> = (0..self.n).filter(|&i| signs[i] != 0.0).collect();
            let basis = Basis::new(&self.g, self.n, &moving)?;
            let at_start: Vec<f64> = moving.iter().map(|&i| w[i]).collect();
            let constant: Vec<f64> = moving.iter().map(|&i| self.a[i] - lambda1 * signs[i]).collect();
            let (from, force) = (basis.turn(&at_start), basis.turn(&constant));
            path.pieces.push(Piece { start, moving, basis, from, force });
            if lambda1 == 0.0 {
                return Ok(path);
            }
            let Some(time) = self.next_event(&path, &signs, lambda1, start, end) else { return Ok(path) };
            path.at(time, &mut w);
            for i in 0..self.n {
                // The event is bracketed to rounding: whatever is past zero is at zero.
                if signs[i] != 0.0 && w[i] * signs[i] <= 0.0 {
                    w[i] = 0.0;
                    let force = self.force(&w, i);
                    signs[i] = if force.abs() > lambda1 { force.signum() } else { 0.0 };
                }
            }
            start = time;
        }
        Err(TheoryError::numeric("perceptron flow", format!("more than {MOST_EVENTS} weights met zero before t = {end}")))
    }

    /// The first time after `start` at which a moving weight has passed zero, or the force on a resting one is over the threshold.
    fn next_event(&self, path: &Path, signs: &[f64], lambda1: f64, start: f64, end: f64) -> Option<f64> {
        let mut w = vec![0.0; self.n];
        let mut happened = |t: f64| {
            path.at(t, &mut w);
            (0..self.n).any(|i| if signs[i] == 0.0 { self.force(&w, i).abs() > lambda1 * (1.0 + 1e-12) } else { w[i] * signs[i] < 0.0 })
        };
        let fastest = path.pieces.last().and_then(|p| p.basis.values.last().copied()).unwrap_or(1.0).max(1e-6);
        let (mut low, mut step) = (start, 0.01 / fastest);
        loop {
            let high = (low + step).min(end);
            if happened(high) {
                let (mut a, mut b) = (low, high);
                for _ in 0..60 {
                    let middle = 0.5 * (a + b);
                    if happened(middle) { b = middle } else { a = middle }
                }
                return Some(b);
            }
            if high >= end {
                return None;
            }
            (low, step) = (high, step * 1.1);
        }
    }

    /// The minimum of the loss with λ₁: where the flow ends. From zero by coordinate descent, so that directions without curvature keep the value zero (the flow from B(0) = 0).
    /// For λ₁ = 0 an eigendecomposition would do; this one method serves both and allocates nothing but its result.
    pub fn minimum(&self, lambda1: f64) -> Vec<f64> {
        let mut w = vec![0.0; self.n];
        for _ in 0..100_000 {
            let mut moved: f64 = 0.0;
            for i in 0..self.n {
                let curvature = self.g[i * self.n + i];
                if curvature <= 1e-14 {
                    continue;
                }
                let pull = self.force(&w, i) + curvature * w[i];
                let next = if pull > lambda1 {
                    (pull - lambda1) / curvature
                } else if pull < -lambda1 {
                    (pull + lambda1) / curvature
                } else {
                    0.0
                };
                moved = moved.max((next - w[i]).abs());
                w[i] = next;
            }
            if moved < 1e-10 {
                break;
            }
        }
        w
    }
}

impl Basis {
    fn new(g: &[f64], n: usize, moving: &[usize]) -> Result<Basis, TheoryError> {
        let m = moving.len();
        let block: Vec<f64> = moving.iter().flat_map(|&i| moving.iter().map(move |&j| g[i * n + j])).collect();
        let packed = eigh(&block, m);
        if packed.iter().any(|x| !x.is_finite()) {
            return Err(TheoryError::numeric("perceptron flow", "the eigendecomposition of G did not converge".to_string()));
        }
        Ok(Basis { values: packed[..m].to_vec(), vectors: packed[m..].to_vec() })
    }

    /// Coordinates in the eigenvectors.
    fn turn(&self, v: &[f64]) -> Vec<f64> {
        let m = self.values.len();
        (0..m).map(|j| (0..m).map(|i| self.vectors[i * m + j] * v[i]).sum()).collect()
    }
}

impl Path {
    /// w(t).
    pub fn at(&self, t: f64, w: &mut [f64]) {
        w[..self.n].fill(0.0);
        let place = self.pieces.partition_point(|p| p.start <= t).max(1) - 1;
        let Some(piece) = self.pieces.get(place) else { return };
        let (m, s) = (piece.moving.len(), t - piece.start);
        for j in 0..m {
            let rate = piece.basis.values[j];
            // Decay from the start, and what the force has built up: (1 − e^{−gs})/g, s where g is zero.
            let decay = libm::exp(-rate * s);
            let built = if (rate * s).abs() > 1e-12 { -libm::expm1(-rate * s) / rate } else { s };
            let c = piece.from[j] * decay + piece.force[j] * built;
            for (i, &place) in piece.moving.iter().enumerate() {
                w[place] += piece.basis.vectors[i * m + j] * c;
            }
        }
    }
}

/// What one initial vector does.
#[derive(Debug, Clone)]
pub struct Run {
    /// The flow.
    pub path: Path,
    /// When the training error is first 0; infinite if never.
    pub train_zero: f64,
    /// When the test error is first 0; infinite if never.
    pub test_zero: f64,
    /// Test error at the end.
    pub final_test: f64,
    /// (training error, test error) at every time of the grid.
    pub errors: Vec<(f64, f64)>,
}

/// Follows the flow from `w0` over the ascending `times`; zero errors are located between two of them by bisection.
///
/// # Errors
/// As [`Quadratic::flow`].
pub fn run(loss: &Quadratic, lambda1: f64, w0: &[f64], train: &Points, test: &Points, times: &[f64]) -> Result<Run, TheoryError> {
    let end = times.last().copied().unwrap_or(0.0);
    let path = loss.flow(lambda1, w0, end)?;
    let mut w = vec![0.0; loss.n];
    let mut errors = Vec::with_capacity(times.len());
    for &t in times {
        path.at(t, &mut w);
        errors.push((train.error(&w), test.error(&w)));
    }
    let mut first = |points: &Points, pick: fn(&(f64, f64)) -> f64| match errors.iter().position(|e| pick(e) == 0.0) {
        None => f64::INFINITY,
        Some(0) => 0.0,
        Some(k) => {
            let (mut low, mut high) = (times[k - 1], times[k]);
            for _ in 0..40 {
                let middle = 0.5 * (low + high);
                path.at(middle, &mut w);
                if points.error(&w) == 0.0 { high = middle } else { low = middle }
            }
            high
        }
    };
    let (train_zero, test_zero) = (first(train, |e| e.0), first(test, |e| e.1));
    let final_test = errors.last().map_or(f64::NAN, |e| e.1);
    Ok(Run { path, train_zero, test_zero, final_test, errors })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::{Draws, ode};

    fn points(n: usize, dimension: usize) -> Points {
        let mut draws = Draws::new(11, 0, 0);
        Points { dimension, signed: draws.normals(n * dimension), labels: (0..n).map(|_| draws.below(2) as u8).collect() }
    }

    #[test]
    fn the_flow_is_that_of_the_differential_equation() {
        let loss = Quadratic::new(&points(20, 5), 0.03);
        let w0 = Draws::new(2, 0, 0).normals(5);
        let times = [0.0, 0.3, 2.0, 9.0];
        let slow = ode::solve(|_, w, d| (0..5).for_each(|i| d[i] = loss.force(w, i)), &w0, &times, 1e-10, 1e-12).unwrap();
        let path = loss.flow(0.0, &w0, 9.0).unwrap();
        let mut w = [0.0; 5];
        for (t, want) in times.iter().zip(&slow) {
            path.at(*t, &mut w);
            assert!(w.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-8), "{t}: {w:?} for {want:?}");
        }
    }

    #[test]
    fn weights_that_meet_zero_rest_there_and_the_flow_ends_at_the_minimum() {
        // Beside proximal gradient steps so small that their error is below the tolerance.
        let loss = Quadratic::new(&points(20, 5), 0.03);
        let (lambda1, step) = (0.12, 1e-4);
        let w0 = Draws::new(2, 0, 0).normals(5);
        let path = loss.flow(lambda1, &w0, 60.0).unwrap();
        assert!(path.pieces.len() > 2, "no weight met zero");
        let (mut slow, mut w) = (w0.clone(), [0.0; 5]);
        for k in 1..=80_000 {
            let force: Vec<f64> = (0..5).map(|i| loss.force(&slow, i)).collect();
            for i in 0..5 {
                let x = slow[i] + step * force[i];
                slow[i] = x.signum() * (x.abs() - step * lambda1).max(0.0);
            }
            if k % 20_000 == 0 {
                path.at(k as f64 * step, &mut w);
                assert!(w.iter().zip(&slow).all(|(a, b)| (a - b).abs() < 1e-3), "{k}: {w:?} for {slow:?}");
            }
        }
        path.at(60.0, &mut w);
        let least = loss.minimum(lambda1);
        assert!(least.contains(&0.0) && least.iter().any(|x| *x != 0.0));
        assert!(w.iter().zip(&least).all(|(a, b)| (a - b).abs() < 1e-6), "{w:?} for {least:?}");
    }
}
