//! Gradient descent on the whole network, through inner products: the weights stay W = ω(W₀ + ρ·C·X), so that only the coefficients C (one a neuron and training
//! point), the Gram matrix and W₀Xᵀ are needed. ρ = α/(ω·n·√m) is the step in units of the initial weights; with it neither α nor ω occurs alone but in the
//! output's scale ω/√m.

use super::Setting;
use super::points::{Points, Start};
use crate::model::TheoryError;
use crate::numeric::gemm::{matrix, multiply, product};

/// The logistic derivatives are taken anew once one of them has moved by this much, relative to itself. With the paper's tiny steps they stay near ½ and move slowly, and
/// then only the neurons whose pattern changed need work.
const DERIVATIVE_TOLERANCE: f64 = 1e-11;
/// Steps after which the accumulated directions are computed anew, so that rounding does not pile up.
const REFRESH: usize = 200;

/// The network at one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Snapshot {
    /// Steps taken.
    pub step: usize,
    /// Share of training points whose noisy label is fitted.
    pub train: f64,
    /// Share of flipped training points whose (wrong) label is fitted; NaN where none is flipped.
    pub flipped: f64,
    /// Share of test points with the right clean label.
    pub test: f64,
    /// Mean over neurons of |cos| with the mean direction that the readout's sign asks for: μ₁ where a_j > 0, μ₂ where a_j < 0.
    pub own: f64,
    /// The same with the other mean direction.
    pub other: f64,
}

/// What one seed gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// At the steps asked for.
    pub snapshots: Vec<Snapshot>,
    /// First step with every training label fitted, flipped ones too.
    pub interpolates: Option<usize>,
    /// Whether every flipped label stays fitted from then on, at every step.
    pub stays: bool,
    /// First of the steps asked for at which the test accuracy is at least .95.
    pub generalises: Option<usize>,
    /// At each test point x the network's output after one step, and Σ y_i x·x_i.
    pub first: Vec<(f64, f64)>,
    /// Shares of training and test points that the linear classifier Σ y_i x_i has right.
    pub linear: (f64, f64),
}

/// The state of a training.
pub(super) struct Training<'a> {
    s: &'a Setting,
    points: &'a Points,
    start: &'a Start,
    rho: f64,
    /// w_j·x_i in units of ω.
    pre: Vec<f64>,
    /// C.
    coefficients: Vec<f64>,
    /// The last step's increments of C, and of the products (C·K).
    increment: Vec<f64>,
    direction: Vec<f64>,
    derivative: Vec<f64>,
    age: usize,
}

impl<'a> Training<'a> {
    pub(super) fn new(s: &'a Setting, points: &'a Points, start: &'a Start) -> Training<'a> {
        let cells = s.width * s.n;
        let rho = s.alpha / (s.omega * s.n as f64 * (s.width as f64).sqrt());
        Training {
            s,
            points,
            start,
            rho,
            pre: start.train.clone(),
            coefficients: vec![0.0; cells],
            increment: vec![0.0; cells],
            direction: vec![0.0; cells],
            derivative: vec![0.0; s.n],
            age: REFRESH,
        }
    }

    /// Outputs f at the training points.
    pub(super) fn train_outputs(&self) -> Vec<f64> {
        outputs(self.s, &self.start.signs, &self.pre, self.s.n)
    }

    /// Outputs f at the test points.
    pub(super) fn test_outputs(&self) -> Vec<f64> {
        let tests = self.points.all - self.s.n;
        let moved: Vec<f64> = self.coefficients.iter().map(|c| self.rho * c).collect();
        let mut pre = self.start.test.clone();
        let gram = matrix(&self.points.gram, self.points.all).subrows(self.s.n, tests);
        multiply(&mut pre, true, matrix(&moved, self.s.width), gram.transpose());
        outputs(self.s, &self.start.signs, &pre, tests)
    }

    /// One step of gradient descent on the mean logistic loss, given the outputs `f` at the training points.
    pub(super) fn step(&mut self, f: &[f64]) {
        let n = self.s.n;
        // y_i times minus the loss's derivative with respect to the margin.
        let now: Vec<f64> = self.points.labels.iter().zip(f).map(|(y, f)| y / (1.0 + libm::exp(y * f))).collect();
        let moved = now.iter().zip(&self.derivative).any(|(a, b)| (a - b).abs() > DERIVATIVE_TOLERANCE * a.abs());
        self.age += 1;
        let mut changed: Vec<usize> = Vec::new();
        if !moved && self.age < REFRESH {
            changed = (0..self.pre.len()).filter(|&k| (self.pre[k] > 0.0) != (self.increment[k] != 0.0)).collect();
        }
        if moved || self.age >= REFRESH || changed.len() * 6 > self.pre.len() {
            self.derivative = now;
            self.age = 0;
            for (j, row) in self.increment.chunks_exact_mut(n).enumerate() {
                for (i, b) in row.iter_mut().enumerate() {
                    *b = if self.pre[j * n + i] > 0.0 { self.start.signs[j] * self.derivative[i] } else { 0.0 };
                }
            }
            let gram = matrix(&self.points.gram, self.points.all).subrows(0, n);
            multiply(&mut self.direction, false, matrix(&self.increment, self.s.width), gram);
        } else {
            for k in changed {
                let (j, i) = (k / n, k % n);
                let next = if self.pre[k] > 0.0 { self.start.signs[j] * self.derivative[i] } else { 0.0 };
                let by = next - self.increment[k];
                self.increment[k] = next;
                let gram = &self.points.gram[i * n..(i + 1) * n];
                self.direction[j * n..(j + 1) * n].iter_mut().zip(gram).for_each(|(v, g)| *v += by * g);
            }
        }
        for k in 0..self.pre.len() {
            self.pre[k] += self.rho * self.direction[k];
            self.coefficients[k] += self.increment[k];
        }
    }

    fn snapshot(&self, step: usize, f: &[f64], test: &[f64]) -> Snapshot {
        let (n, points) = (self.s.n, self.points);
        let fits = |i: usize| f[i] * points.labels[i] > 0.0;
        let flipped: Vec<usize> = (0..n).filter(|&i| points.labels[i] != points.clean[i]).collect();
        let (own, other) = self.cosines();
        Snapshot {
            step,
            train: share(n, fits),
            flipped: share(flipped.len(), |k| fits(flipped[k])),
            test: share(test.len(), |i| test[i] * points.clean[n + i] > 0.0),
            own,
            other,
        }
    }

    fn cosines(&self) -> (f64, f64) {
        let (n, dimension, m) = (self.s.n, self.points.dimension, self.s.width);
        let means: Vec<f64> = (0..n).flat_map(|i| [self.points.x[i * dimension], self.points.x[i * dimension + 1]]).collect();
        let moved = product(matrix(&self.coefficients, m), matrix(&means, n));
        let (mut own, mut other) = (0.0, 0.0);
        for j in 0..m {
            let along = |k: usize| self.start.weights[j * dimension + k] + self.rho * moved[2 * j + k];
            // ‖w₀ + ρ c X‖² = ‖w₀‖² + ρ c·(X w₀) + ρ c·(X w).
            let cross: f64 = (j * n..(j + 1) * n).map(|k| self.coefficients[k] * (self.start.train[k] + self.pre[k])).sum();
            let norm = (self.start.squares[j] + self.rho * cross).sqrt();
            let (first, second) = (along(0).abs() / norm, along(1).abs() / norm);
            let (a, b) = if self.start.signs[j] > 0.0 { (first, second) } else { (second, first) };
            own += a / m as f64;
            other += b / m as f64;
        }
        (own, other)
    }
}

fn outputs(s: &Setting, signs: &[f64], pre: &[f64], points: usize) -> Vec<f64> {
    let mut f = vec![0.0; points];
    for (row, sign) in pre.chunks_exact(points).zip(signs) {
        f.iter_mut().zip(row).for_each(|(f, h)| *f += sign * h.max(0.0));
    }
    let scale = s.omega / (s.width as f64).sqrt();
    f.iter_mut().for_each(|f| *f *= scale);
    f
}

fn share(n: usize, hit: impl Fn(usize) -> bool) -> f64 {
    (0..n).filter(|&i| hit(i)).count() as f64 / n as f64
}

/// Trains for as many steps as the last of `at` (ascending, from 0 or more) and looks at the network there; ends early once the test accuracy is .95 where `early`.
///
/// # Errors
/// A stop that was asked for.
pub fn run(s: &Setting, points: &Points, start: &Start, at: &[usize], early: bool, stop: &dyn Fn() -> bool) -> Result<Run, TheoryError> {
    let n = s.n;
    let mut training = Training::new(s, points, start);
    let linear: Vec<f64> = points.gram.chunks_exact(n).map(|row| row.iter().zip(&points.labels).map(|(k, y)| k * y).sum()).collect();
    let mut out = Run {
        snapshots: Vec::with_capacity(at.len()),
        interpolates: None,
        stays: true,
        generalises: None,
        first: Vec::new(),
        linear: (share(n, |i| linear[i] * points.labels[i] > 0.0), share(points.all - n, |i| linear[n + i] * points.clean[n + i] > 0.0)),
    };
    for step in 0..=at.last().copied().unwrap_or(0) {
        if stop() {
            return Err(TheoryError::Stopped);
        }
        let f = training.train_outputs();
        let misses = (0..n).filter(|&i| f[i] * points.labels[i] <= 0.0);
        let missed_flipped = misses.clone().any(|i| points.labels[i] != points.clean[i]);
        if out.interpolates.is_none() && misses.count() == 0 {
            out.interpolates = Some(step);
        }
        out.stays &= out.interpolates.is_none() || !missed_flipped;
        if at.contains(&step) || step == 1 {
            let test = training.test_outputs();
            if step == 1 {
                out.first = test.iter().copied().zip(linear[n..].iter().copied()).collect();
            }
            if at.contains(&step) {
                let snapshot = training.snapshot(step, &f, &test);
                if out.generalises.is_none() && snapshot.test >= 0.95 {
                    out.generalises = Some(step);
                }
                out.snapshots.push(snapshot);
            }
        }
        if early && out.generalises.is_some() && out.interpolates.is_some() {
            break;
        }
        training.step(&f);
    }
    Ok(out)
}
