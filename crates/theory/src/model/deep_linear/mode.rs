//! Closed forms: the flow of a singular mode (its wells are in [`deep_linear_mode`](crate::model::deep_linear_mode)), the energy of layers, clocks of scalar
//! examples.

use crate::model::deep_linear_mode::Mode;

/// Velocity of a balanced mode under the flow of squared loss with decay: σ̇ = −Lσ^(2−2/L)(σ − s) − Lλσ. Card, derived: σ = w^L, ẇ = −w^(L−1)∂ℓ/∂σ − λw.
pub fn velocity(sigma: f64, s: f64, lambda: f64, layers: usize) -> f64 {
    let l = layers as f64;
    -l * libm::pow(sigma, 2.0 - 2.0 / l) * (sigma - s) - l * lambda * sigma
}

/// Where a mode of target `s` rests under decay `lambda`, if it starts beyond the barrier: the well of [`Mode::wells`], or 0 where there is none.
pub fn resting(s: f64, lambda: f64, layers: usize) -> f64 {
    Mode { depth: layers, target: s, beta: lambda }.wells().map_or(0.0, |w| w.well)
}

/// L·Σσ^(2/L): the least Σ‖W_ℓ‖² of L layers that multiply to a matrix of these singular values; reached when the layers are balanced.
pub fn least_energy(singular: &[f64], layers: usize) -> f64 {
    let l = layers as f64;
    l * singular.iter().map(|s| libm::pow(*s, 2.0 / l)).sum::<f64>()
}

/// Exponent of T_rep(η) ∝ η^−x as printed, for η a *distance* to the limit: 2θ − 1.
pub fn exponent_printed(theta: f64) -> f64 {
    2.0 * theta - 1.0
}

/// The same where η is a distance, corrected: (2θ − 1)/(1 − θ). The printed one is that of the *loss gap*.
pub fn exponent_corrected(theta: f64) -> f64 {
    (2.0 * theta - 1.0) / (1.0 - theta)
}

/// When the flow of f = |x|^p/p from 1 has |x| = η, p = 1/(1 − θ) > 2: (η^(2−p) − 1)/(p − 2). Its Kurdyka–Łojasiewicz exponent is θ = 1 − 1/p.
pub fn distance_clock(eta: f64, theta: f64) -> f64 {
    let p = 1.0 / (1.0 - theta);
    (libm::pow(eta, 2.0 - p) - 1.0) / (p - 2.0)
}

/// When f = |x|^p/p has fallen to η.
pub fn gap_clock(eta: f64, theta: f64) -> f64 {
    let p = 1.0 / (1.0 - theta);
    distance_clock(libm::pow(p * eta, 1.0 / p), theta)
}

/// When the logistic loss ln(1 + e^−u) of one example with |x| = `margin`, started at u = 0, is ε under gradient flow: u̇ = γ²/(1 + e^u), so that
/// u + e^u = 1 + γ²t. It is 1/(γ²ε) for small ε.
pub fn logistic_clock(epsilon: f64, margin: f64) -> f64 {
    let e = 1.0 / libm::expm1(epsilon);
    (libm::log(e) + e - 1.0) / (margin * margin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_velocity_descends_the_loss() {
        for layers in 2..=4 {
            let mode = Mode { depth: layers, target: 0.8, beta: 0.1 };
            for sigma in [0.05, 0.3, 1.2] {
                let h = 1e-6;
                let slope = (mode.loss(sigma + h) - mode.loss(sigma - h)) / (2.0 * h);
                let l = layers as f64;
                let want = -l * libm::pow(sigma, 2.0 - 2.0 / l) * slope;
                assert!((velocity(sigma, 0.8, 0.1, layers) - want).abs() < 1e-8, "{layers} {sigma}");
            }
        }
    }

    #[test]
    fn a_mode_rests_where_its_velocity_is_0() {
        for layers in 2..=4 {
            let sigma = resting(1.1, 0.05, layers);
            assert!(sigma > 0.9 && velocity(sigma, 1.1, 0.05, layers).abs() < 1e-12);
        }
        assert_eq!((resting(0.8, 0.9, 2), resting(0.8, 0.36, 3), resting(0.5, 0.0, 4)), (0.0, 0.0, 0.5));
    }

    #[test]
    fn clocks_of_scalar_examples() {
        // θ = 3/4: f = x⁴/4, x = (1 + 2t)^−½, f = (1 + 2t)^−2/4.
        assert!((distance_clock(0.1, 0.75) - 49.5).abs() < 1e-10 && (gap_clock(0.0025, 0.75) - 4.5).abs() < 1e-10);
        assert_eq!((exponent_printed(0.75), exponent_corrected(0.75)), (0.5, 2.0));
        let small = 1e-7;
        assert!((logistic_clock(small, 0.5) * 0.25 * small - 1.0).abs() < 1e-5 && logistic_clock(core::f64::consts::LN_2, 1.0).abs() < 1e-12);
    }
}
