//! The simulator for λ₁ > 0: ẇ = −Gw + a − λ₁ sgn w, whose components stick at 0 while the force on them is weaker than λ₁.

use super::flow::{Data, dot, test_margin};
use crate::model::TheoryError;

/// Steps of [`Sliding::times`] after which it gives up.
const MOST_STEPS: usize = 300_000;

/// The flow on one training set.
#[derive(Debug, Clone)]
pub struct Sliding<'a> {
    data: &'a Data,
    eps: f64,
    lambda1: f64,
    /// G + λ₂, `[D, D]`.
    g: Vec<f64>,
    a: Vec<f64>,
}

impl<'a> Sliding<'a> {
    /// Of `data`, with λ₁ and λ₂ positive.
    pub fn new(data: &'a Data, eps: f64, lambda1: f64, lambda2: f64) -> Sliding<'a> {
        let mut g = data.covariance();
        for i in 0..data.d {
            g[i * data.d + i] += lambda2;
        }
        Sliding { data, eps, lambda1, g, a: data.mean() }
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.g[i * self.data.d..(i + 1) * self.data.d]
    }

    /// Where the flow ends: the minimum of the strictly convex loss, by descent along one coordinate after the other.
    ///
    /// # Errors
    /// It does not converge.
    pub fn end(&self) -> Result<Vec<f64>, TheoryError> {
        let d = self.data.d;
        let mut w = vec![0.0; d];
        for _ in 0..100_000 {
            let mut moved: f64 = 0.0;
            for i in 0..d {
                let row = self.row(i);
                let force = self.a[i] - dot(row, &w) + row[i] * w[i];
                let new = (force.abs() - self.lambda1).max(0.0) * force.signum() / row[i];
                moved = moved.max((new - w[i]).abs());
                w[i] = new;
            }
            if moved < 1e-13 {
                return Ok(w);
            }
        }
        Err(TheoryError::numeric("end of the flow with L1", format!("no convergence in 100,000 rounds at D = {d}")))
    }

    /// Whether the flow ends without test error.
    ///
    /// # Errors
    /// As [`Sliding::end`].
    pub fn groks(&self) -> Result<bool, TheoryError> {
        let w = self.end()?;
        // No weight at all is no classifier: L1 has won.
        Ok(w[0] > 0.0 && test_margin(self.eps, &w) >= 0.0)
    }

    /// Signs of the components; 0 for those that stick. A component at 0 leaves it if the force exceeds λ₁.
    fn signs(&self, w: &[f64]) -> Vec<f64> {
        let sign = |i: usize| {
            if w[i] != 0.0 {
                return w[i].signum();
            }
            let force = self.a[i] - dot(self.row(i), w);
            if force.abs() > self.lambda1 { force.signum() } else { 0.0 }
        };
        (0..w.len()).map(sign).collect()
    }

    /// One Runge–Kutta step of fourth order with fixed signs.
    fn step(&self, w: &[f64], signs: &[f64], h: f64) -> Vec<f64> {
        let speed = |w: &[f64]| -> Vec<f64> {
            (0..w.len()).map(|i| if signs[i] == 0.0 { 0.0 } else { self.a[i] - dot(self.row(i), w) - self.lambda1 * signs[i] }).collect()
        };
        let ahead = |k: &[f64], h: f64| -> Vec<f64> { w.iter().zip(k).map(|(w, k)| w + h * k).collect() };
        let k1 = speed(w);
        let k2 = speed(&ahead(&k1, 0.5 * h));
        let k3 = speed(&ahead(&k2, 0.5 * h));
        let k4 = speed(&ahead(&k3, h));
        (0..w.len()).map(|i| w[i] + h / 6.0 * (k1[i] + 2.0 * (k2[i] + k3[i]) + k4[i])).collect()
    }

    /// First times without training and without test error, from `w0`. Steps end where a component reaches 0, where it passes or sticks.
    ///
    /// # Errors
    /// The end is not reached in 300,000 steps. Call it for flows that grok only.
    pub fn times(&self, w0: &[f64]) -> Result<(f64, f64), TheoryError> {
        let d = self.data.d;
        let norm = (0..d).map(|i| self.row(i).iter().map(|x| x.abs()).sum::<f64>()).fold(0.0, f64::max);
        let h = 0.1 / norm;
        let fits = |w: &[f64]| self.data.margin(w) > 0.0;
        let generalises = |w: &[f64]| w[0] > 0.0 && test_margin(self.eps, w) >= 0.0;
        let (mut w, mut t) = (w0.to_vec(), 0.0);
        let mut train = fits(&w).then_some(0.0);
        if generalises(&w) {
            return Ok((0.0, 0.0));
        }
        let mut signs = self.signs(&w);
        for _ in 0..MOST_STEPS {
            let mut length = h;
            let mut next = self.step(&w, &signs, length);
            let crosses = |next: &[f64]| (0..d).any(|i| signs[i] * next[i] < 0.0);
            if crosses(&next) {
                let (mut low, mut high) = (0.0, h);
                for _ in 0..40 {
                    let middle = 0.5 * (low + high);
                    if crosses(&self.step(&w, &signs, middle)) { high = middle } else { low = middle }
                }
                length = high;
                next = self.step(&w, &signs, length);
                next.iter_mut().zip(&signs).filter(|(x, s)| **x * **s < 0.0).for_each(|(x, _)| *x = 0.0);
            }
            let within = |good: &dyn Fn(&[f64]) -> bool| t + super::flow::first_time(&|s| good(&self.step(&w, &signs, s)), 0.0, length);
            if train.is_none() && fits(&next) {
                train = Some(within(&fits));
            }
            if generalises(&next) {
                let test = within(&generalises);
                return Ok((train.unwrap_or(test).min(test), test));
            }
            t += length;
            w = next;
            signs = self.signs(&w);
        }
        Err(TheoryError::numeric("flow with L1", format!("test error is left after {MOST_STEPS} steps, at t = {t}")))
    }
}

#[cfg(test)]
mod tests {
    use super::super::flow::{Modes, data};
    use super::*;
    use crate::numeric::Draws;

    #[test]
    fn the_flow_ends_at_the_minimum_and_sticks_at_zero() {
        let mut draws = Draws::new(4, 0, 1);
        let set = data(&mut draws, 8, 5, 1.2, 0.0);
        let flow = Sliding::new(&set, 1.2, 0.1, 0.2);
        let end = flow.end().unwrap();
        assert!(end.contains(&0.0) && end[0] > 0.0, "{end:?}");
        let (mut w, h) = (draws.normals(5), 0.02);
        for _ in 0..5000 {
            let signs = flow.signs(&w);
            let mut next = flow.step(&w, &signs, h);
            next.iter_mut().zip(&signs).filter(|(x, s)| **x * **s < 0.0).for_each(|(x, _)| *x = 0.0);
            w = next;
        }
        assert!(w.iter().zip(&end).all(|(a, b)| (a - b).abs() < 1e-6), "{w:?} against {end:?}");
    }

    #[test]
    fn a_vanishing_l1_term_gives_the_times_of_the_linear_flow() {
        let mut seen = 0;
        for i in 0..30 {
            let mut draws = Draws::new(5, 0, i);
            let set = data(&mut draws, 10, 4, 1.5, 0.0);
            let w0 = draws.normals(4);
            let modes = Modes::new(&set, 1.5, 0.3).unwrap();
            let path = modes.from(&w0);
            let flow = Sliding::new(&set, 1.5, 1e-9, 0.3);
            assert_eq!(path.groks(), flow.groks().unwrap());
            if let (true, (Some(train), Some(test))) = (path.groks(), path.times()) {
                let (a, b) = flow.times(&w0).unwrap();
                assert!((a - train).abs() < 1e-4 && (b - test).abs() < 1e-4, "{a} {b} against {train} {test}");
                seen += 1;
            }
        }
        assert!(seen > 10);
    }
}
