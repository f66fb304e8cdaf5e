//! One singular mode of a deep linear network under L2 regularisation: wells, barrier, spinodal and equal depth. Closed forms only; the delay law of escape uses them.
//!
//! With the L layers balanced, a mode of strength λ with target s costs ℓ(λ) = ½(λ − s)² + (Lβ/2)·λ^{2/L}. From three layers on, λ = 0 is always a minimum, and below the
//! spinodal β_c a second one lies at λ > 0, behind a barrier: a first-order transition. With two layers the transition is continuous (λ = s − β).
//! Barriers here are those of ℓ, in units of the loss. They are rates of escape only where noise is additive: exact zeros of a mode's weights are never left by SGD.
//!
//! Source: card `arrhenius-escape` (arXiv:2606.17120), in its consistent form: the paper's equation (1) lacks the factor L that its (2) and (10) need.

/// A mode: depth, target and regularisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mode {
    /// Layers L, 2 at least.
    pub depth: usize,
    /// The target's singular value s > 0.
    pub target: f64,
    /// L2 strength β ≥ 0.
    pub beta: f64,
}

/// The finite stationary points of a mode below the spinodal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wells {
    /// λ of the barrier's top.
    pub saddle: f64,
    /// λ of the well away from 0.
    pub well: f64,
}

impl Mode {
    fn power(&self) -> f64 {
        2.0 / self.depth as f64
    }

    /// ℓ(λ) = ½(λ − s)² + (Lβ/2)·λ^{2/L} for λ ≥ 0, the consistent form.
    pub fn loss(&self, lambda: f64) -> f64 {
        0.5 * (lambda - self.target) * (lambda - self.target) + self.beta / self.power() * libm::pow(lambda, self.power())
    }

    /// ℓ(λ) with the paper's equation (1), which lacks the factor L: ½(λ − s)² + (β/2)·λ^{2/L}.
    pub fn loss_printed(&self, lambda: f64) -> f64 {
        0.5 * (lambda - self.target) * (lambda - self.target) + 0.5 * self.beta * libm::pow(lambda, self.power())
    }

    /// ℓ′(λ) = λ − s + β·λ^{2/L − 1} for λ > 0.
    pub fn slope(&self, lambda: f64) -> f64 {
        lambda - self.target + self.beta * libm::pow(lambda, self.power() - 1.0)
    }

    /// λ at which barrier and well merge at the spinodal: s(1 − k)/(2 − k), k = 2/L. 0 for two layers.
    pub fn merging(&self) -> f64 {
        self.target * (1.0 - self.power()) / (2.0 - self.power())
    }

    /// β_c, above which 0 is the only minimum: (1/(1 − k))·(s(1 − k)/(2 − k))^{2 − k}, k = 2/L; s for two layers, its limit.
    pub fn spinodal(&self) -> f64 {
        if self.depth == 2 { self.target } else { libm::pow(self.merging(), 2.0 - self.power()) / (1.0 - self.power()) }
    }

    /// β*, at which both wells are equally deep: there λ is twice [`Mode::merging`], and β* = (s − λ)·λ^{1 − k}. Above it 0 is the global minimum. s for two layers.
    pub fn equal_depth(&self) -> f64 {
        let lambda = 2.0 * self.merging();
        (self.target - lambda) * libm::pow(lambda, 1.0 - self.power())
    }

    /// Barrier and well; `None` where there is no well away from 0. Two layers have no barrier: its top is at 0.
    pub fn wells(&self) -> Option<Wells> {
        if self.beta >= self.spinodal() {
            return None;
        }
        // ℓ′·λ^{1−k} has one sign change on each side of the merging point.
        let root = |mut low: f64, mut high: f64, rising: bool| {
            for _ in 0..200 {
                let middle = 0.5 * (low + high);
                if (self.slope(middle) < 0.0) == rising { low = middle } else { high = middle }
            }
            0.5 * (low + high)
        };
        let merging = self.merging();
        let saddle = if self.depth == 2 || self.beta == 0.0 { 0.0 } else { root(0.0, merging, false) };
        let well = if self.beta == 0.0 { self.target } else { root(merging, self.target, true) };
        Some(Wells { saddle, well })
    }

    /// Height of the barrier for a mode that leaves 0: ℓ(saddle) − ℓ(0).
    pub fn barrier(&self) -> Option<f64> {
        self.wells().map(|w| self.loss(w.saddle) - self.loss(0.0))
    }

    /// Height of the barrier for a mode that falls back to 0: ℓ(saddle) − ℓ(well).
    pub fn reverse_barrier(&self) -> Option<f64> {
        self.wells().map(|w| self.loss(w.saddle) - self.loss(w.well))
    }

    /// ℓ(well) − ℓ(0): positive where 0 is the global minimum.
    pub fn tilt(&self) -> Option<f64> {
        self.wells().map(|w| self.loss(w.well) - self.loss(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn mode(depth: usize, target: f64, beta: f64) -> Mode {
        Mode { depth, target, beta }
    }

    fn near(a: f64, b: f64, digits: i32) -> bool {
        (a - b).abs() <= 0.51 * 10f64.powi(-digits)
    }

    #[test]
    fn three_layers_have_the_cards_numbers() {
        assert!(near(mode(3, 0.9, 0.0).spinodal(), 0.4105, 4) && near(mode(3, 0.8, 0.0).spinodal(), 0.3509, 4) && near(mode(3, 0.8, 0.0).merging(), 0.2, 12));
        assert!(near(mode(3, 0.8, 0.0).equal_depth(), 0.2947, 4) && near(mode(3, 0.9, 0.0).equal_depth(), 0.3448, 4));
        let m = mode(3, 0.8, 0.32);
        let w = m.wells().unwrap();
        assert!(near(w.saddle, 0.0925, 4) && near(w.well, 0.343, 3), "{w:?}");
        let found = (m.barrier().unwrap(), m.reverse_barrier().unwrap(), m.tilt().unwrap());
        assert!(near(found.0, 0.0285, 4) && near(found.1, 0.0088, 4) && near(found.2, 0.0196, 4), "{found:?}");
        let lower = mode(3, 0.8, 0.28);
        assert!(near(lower.barrier().unwrap(), 0.0183, 4) && near(lower.tilt().unwrap(), -0.0123, 4));
        // The card's simulated rank-2 state at β = .32 has σ = (.494, .343); its 512 inputs are white up to a few thousandths.
        assert!((mode(3, 0.9, 0.32).wells().unwrap().well - 0.494).abs() < 0.003);
    }

    #[test]
    fn wells_are_stationary_and_vanish_at_the_spinodal() {
        for depth in [3, 4, 7] {
            let edge = mode(depth, 0.8, 0.0).spinodal();
            assert!(mode(depth, 0.8, 1.000_001 * edge).wells().is_none());
            let m = mode(depth, 0.8, 0.9 * edge);
            let w = m.wells().unwrap();
            assert!(m.slope(w.saddle).abs() < 1e-9 && m.slope(w.well).abs() < 1e-9 && w.saddle < m.merging() && m.merging() < w.well);
            let even = mode(depth, 0.8, m.equal_depth());
            assert!(even.tilt().unwrap().abs() < 1e-12, "{depth} {:?}", even.tilt());
            // The slope is the loss's derivative in the consistent form, and not in the printed one.
            let by = |f: &dyn Fn(f64) -> f64| (f(w.well + 1e-6) - f(w.well - 1e-6)) / 2e-6;
            assert!(by(&|x| m.loss(x)).abs() < 1e-8 && by(&|x| m.loss_printed(x)).abs() > 1e-2);
        }
    }

    #[test]
    fn two_layers_are_a_soft_threshold() {
        let w = mode(2, 0.8, 0.3).wells().unwrap();
        assert!((w.well - 0.5).abs() < 1e-12 && w.saddle == 0.0 && mode(2, 0.8, 0.3).barrier() == Some(0.0));
        assert!(mode(2, 0.8, 0.8).wells().is_none() && mode(2, 0.8, 0.0).equal_depth() == 0.8);
    }
}
