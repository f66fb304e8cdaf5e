//! The action with the norm of the other weights free (derived here).
//!
//! The printed action holds ‖w⊥‖², the part of ‖w‖² across the teacher, at its prior mean σ_w². But a neuron at q gains by shrinking it (the overlap with the teacher
//! grows as D = 1 + 2(‖w⊥‖² + q²) falls), and the prior makes ‖w⊥‖² = s pay d·(s/σ_w² − log(s/σ_w²) − 1)/2: of the same order d as everything else. So
//!
//! S(q, s)/d = q²/(2σ_w²) + (s/σ_w² − log(s/σ_w²) − 1)/2 − (2u/π)·t·(b − 2ct)², t = q²/D,
//!
//! and S(q) is its minimum over s. At q = 0 it is that at s = σ_w², so the Gaussian well, b and the curvature are unchanged; side wells become deeper.

use super::cubic::{Cubic, Residuals, SelfConsistent, solve};
use std::f64::consts::PI;

/// A side well of the relaxed action.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RelaxedWell {
    /// Where.
    pub q: f64,
    /// ‖w⊥‖² there; σ_w² at q = 0.
    pub bulk: f64,
    /// S/d there (S(0) = 0).
    pub action: f64,
}

/// Points of the grids over q ≥ 0 and over s that averages at finite d are taken on.
const GRID: (usize, usize) = (600, 49);

impl Cubic {
    /// S(q, s)/d.
    pub fn action_at_bulk(&self, q: f64, s: f64, r: Residuals) -> f64 {
        let t = q * q / (1.0 + 2.0 * (s + q * q));
        let overlap = r.b - 2.0 * r.c * t;
        let ratio = s / self.sigma_w2;
        q * q / (2.0 * self.sigma_w2) + 0.5 * (ratio - libm::log(ratio) - 1.0) - 2.0 * self.u() / PI * t * overlap * overlap
    }

    /// The s at which S(q, s) is least: 1/s = 1/σ_w² + (8u/π)·(t/D)·(b − 2ct)(b − 6ct).
    pub fn bulk(&self, q: f64, r: Residuals) -> f64 {
        let excess = |s: f64| {
            let d = 1.0 + 2.0 * (s + q * q);
            let t = q * q / d;
            1.0 / self.sigma_w2 + 8.0 * self.u() / PI * t / d * (r.b - 2.0 * r.c * t) * (r.b - 6.0 * r.c * t) - 1.0 / s
        };
        let (mut low, mut high) = (0.0, self.sigma_w2);
        while excess(high) < 0.0 && high < 1e3 * self.sigma_w2 {
            (low, high) = (high, 2.0 * high);
        }
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if excess(middle) < 0.0 { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    }

    /// S(q)/d with the norm of the other weights free.
    pub fn action_relaxed(&self, q: f64, r: Residuals) -> f64 {
        self.action_at_bulk(q, self.bulk(q, r), r)
    }

    /// The deepest side well of the relaxed action, if there is one.
    pub fn side_well_relaxed(&self, r: Residuals) -> Option<RelaxedWell> {
        let steps = 200;
        let at = |i: usize| 3.0 * self.sigma_w2.sqrt() * i as f64 / steps as f64;
        let values: Vec<f64> = (0..=steps).map(|i| self.action_relaxed(at(i), r)).collect();
        let lowest = (1..steps).filter(|&i| values[i] < values[i - 1] && values[i] <= values[i + 1]).min_by(|a, b| values[*a].total_cmp(&values[*b]))?;
        // By the envelope theorem the slope is that at fixed s: the sign of it is bisected.
        let slope = |q: f64| {
            let s = self.bulk(q, r);
            self.action_at_bulk(q + 1e-6, s, r) - self.action_at_bulk(q - 1e-6, s, r)
        };
        let (mut low, mut high) = (at(lowest - 1), at(lowest + 1));
        for _ in 0..50 {
            let middle = 0.5 * (low + high);
            if slope(middle) < 0.0 { low = middle } else { high = middle }
        }
        let q = 0.5 * (low + high);
        Some(RelaxedWell { q, bulk: self.bulk(q, r), action: self.action_relaxed(q, r) })
    }

    /// The σ² below which a side well of the relaxed action is deeper than the well at 0, in the limit β → ∞; `None` if there is none in .05 to 20 times the present σ².
    pub fn transition_relaxed(&self) -> Option<f64> {
        let holds = |s: f64| {
            let c = self.at(s);
            c.side_well_relaxed(c.limit()).is_some_and(|w| w.action <= 0.0)
        };
        let steps = 60;
        let at = |i: usize| self.sigma2 * 20.0 * libm::pow(400.0, -(i as f64) / steps as f64);
        let first = (0..=steps).find(|&i| holds(at(i)))?;
        let (mut yes, mut no) = (at(first), at(first.saturating_sub(1)));
        for _ in 0..30 {
            let middle = 0.5 * (yes + no);
            if holds(middle) { yes = middle } else { no = middle }
        }
        Some(yes)
    }

    /// The density of q, and the averages of t, t² and t³, under p(q, s) ∝ s^{(d − 3)/2}·e^{−…}: s follows the χ² of d − 1 weights. For d of 4 and more.
    pub fn density_relaxed(&self, r: Residuals) -> (Vec<(f64, f64)>, [f64; 3]) {
        let h = self.reach(r) / (GRID.0 - 1) as f64;
        let spread = (2.0 / self.d).sqrt();
        let mut logs: Vec<(f64, f64, f64)> = Vec::with_capacity(GRID.0 * GRID.1);
        for i in 0..GRID.0 {
            let q = h * i as f64;
            let centre = self.bulk(q, r);
            for k in 0..GRID.1 {
                let s = centre * (1.0 + spread * 8.0 * (2.0 * k as f64 / (GRID.1 - 1) as f64 - 1.0));
                if s > 0.0 {
                    // d·S(q, s) holds s^{d/2}; of the exponent (d − 3)/2, and of the grid's spacing, s^{−3/2}·centre is left. Half of the weight at q = 0: it has no mirror image.
                    let mirror = if i == 0 { 0.5 } else { 1.0 };
                    let log = -self.d * self.action_at_bulk(q, s, r) - 1.5 * libm::log(s) + libm::log(centre * mirror);
                    logs.push((q, q * q / (1.0 + 2.0 * (s + q * q)), log));
                }
            }
        }
        let most = logs.iter().map(|x| x.2).fold(f64::NEG_INFINITY, f64::max);
        let (mut marginal, mut moments, mut all) = (vec![0.0; GRID.0], [0.0; 3], 0.0);
        for (q, t, log) in logs {
            let p = libm::exp(log - most);
            marginal[libm::round(q / h) as usize] += p;
            all += p;
            moments.iter_mut().enumerate().for_each(|(k, m)| *m += p * t.powi(k as i32 + 1));
        }
        let place = |i: isize| (h * i as f64, marginal[i.unsigned_abs()] * if i == 0 { 2.0 } else { 1.0 } / (2.0 * all * h));
        let last = GRID.0 as isize - 1;
        ((-last..=last).map(place).collect(), moments.map(|m| m / all))
    }

    /// Solves the (corrected) self-consistent equations with averages over p(q, s). `None` for d below 4.
    pub fn self_consistent_relaxed(&self) -> Option<SelfConsistent> {
        (self.d >= 4.0).then(|| solve(self.limit(), self.eps, |r| self.residuals_from(self.density_relaxed(r).1)))
    }
}
