//! The limit N → ∞ of the flow: w₁ relaxes at q = ε² + λ_D to ε/q, every other component decays at λ_D. Integrated numerically, with the two conditions
//! read off the path; no formula of a branch is used.

use crate::model::TheoryError;
use crate::numeric::ode;

/// Rates of the two relaxations: λ_D and q.
fn rates(d: usize, eps: f64, lambda2: f64) -> (f64, f64) {
    let slow = lambda2 + 1.0 / (d as f64 + 2.0);
    (slow, eps * eps + slow)
}

/// A ‖w_⊥(0)‖ so large that w₁ has come to rest (to e⁻⁴⁰) before ‖w_⊥‖ is of order 1.
pub fn distant(d: usize, eps: f64, lambda2: f64) -> f64 {
    let (slow, fast) = rates(d, eps, lambda2);
    libm::exp(40.0 * slow / fast)
}

/// First times without training error (ε w₁ ≥ ‖w_⊥‖) and without test error ((ε² − 1)w₁² ≥ ‖w_⊥‖²) from `w1` and `perp` = ‖w_⊥(0)‖.
///
/// # Errors
/// The integration fails, or an error is left after 100 times the slow relaxation.
pub fn times(d: usize, eps: f64, lambda2: f64, w1: f64, perp: f64) -> Result<(f64, f64), TheoryError> {
    let (slow, fast) = rates(d, eps, lambda2);
    let advance = |from: &[f64], length: f64| {
        let flow = |_: f64, w: &[f64], dw: &mut [f64]| {
            dw[0] = eps - fast * w[0];
            dw[1] = -slow * w[1];
        };
        Ok::<_, TheoryError>(ode::solve(flow, from, &[0.0, length], 1e-11, 1e-14)?.swap_remove(1))
    };
    let train = |w: &[f64]| eps * w[0] >= w[1];
    let test = |w: &[f64]| w[0] > 0.0 && (eps * eps - 1.0) * w[0] * w[0] >= w[1] * w[1];
    let within = |good: &dyn Fn(&[f64]) -> bool, from: &[f64], length: f64| {
        let (mut low, mut high) = (0.0, length);
        while high - low > 1e-12 * length {
            let middle = 0.5 * (low + high);
            if good(&advance(from, middle)?) { high = middle } else { low = middle }
        }
        Ok::<_, TheoryError>(high)
    };
    let (mut w, mut t) = (vec![w1, perp], 0.0);
    let mut fits = train(&w).then_some(0.0);
    if test(&w) {
        return Ok((0.0, 0.0));
    }
    while t * slow < 100.0 {
        // Short against the fast relaxation at first, a twentieth of the time passed later.
        let length = (0.05 * t).max(0.01 / fast);
        let next = advance(&w, length)?;
        if fits.is_none() && train(&next) {
            fits = Some(t + within(&train, &w, length)?);
        }
        if test(&next) {
            let end = t + within(&test, &w, length)?;
            return Ok((fits.unwrap_or(end), end));
        }
        w = next;
        t += length;
    }
    Err(TheoryError::numeric("limit equations", format!("from w₁ = {w1}, ‖w_⊥‖ = {perp}: an error is left at t = {t}")))
}

#[cfg(test)]
mod tests {
    use super::super::closed::{fast_time, slow_time_corrected, slow_time_printed};
    use super::*;

    #[test]
    fn the_corrected_slow_time_is_exact_and_the_printed_one_is_not() {
        // The card's simulated column.
        for (d, eps, want) in [(5, 2.0, 0.9410), (5, 1.5, 1.9227), (6, 2.0, 1.0655)] {
            // So far out that w₁ rests long before the first crossing.
            let (train, test) = times(d, eps, 0.01, 0.0, distant(d, eps, 0.01)).unwrap();
            let found = test - train;
            assert!((found - want).abs() < 6e-5, "D = {d}: {found}");
            assert!((found - slow_time_corrected(d, eps, 0.01)).abs() < 1e-8, "D = {d}: {found}");
            assert!((found / slow_time_printed(d, eps, 0.01) - 1.0).abs() > 1.0);
        }
    }

    #[test]
    fn the_fast_time_is_the_limit_of_strong_separation() {
        // w_⊥ rests only if λ_D ≪ ε²: the error falls with D and ε.
        let error = |d, eps: f64| {
            let (train, test) = times(d, eps, 0.0, 0.0, libm::sqrt(0.3)).unwrap();
            ((test - train) / fast_time(eps, 0.3) - 1.0).abs()
        };
        let (near, far) = (error(5, 2.0), error(2000, 2.0));
        assert!(far < 1e-3 && near > 5.0 * far, "{near} {far}");
    }
}
