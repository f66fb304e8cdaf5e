//! Closed forms: one singular mode, the energy of layers, clocks of scalar examples.

/// Loss of one mode: ½(σ − s)² + ½λL·σ^(2/L), the second term being the least layer-wise decay that makes σ.
pub fn loss(sigma: f64, s: f64, lambda: f64, layers: usize) -> f64 {
    let l = layers as f64;
    0.5 * (sigma - s) * (sigma - s) + 0.5 * lambda * l * libm::pow(sigma, 2.0 / l)
}

/// Velocity of a balanced mode under the flow of squared loss with decay: σ̇ = −Lσ^(2−2/L)(σ − s) − Lλσ. Card, derived: σ = w^L, ẇ = −w^(L−1)∂ℓ/∂σ − λw.
pub fn velocity(sigma: f64, s: f64, lambda: f64, layers: usize) -> f64 {
    let l = layers as f64;
    -l * libm::pow(sigma, 2.0 - 2.0 / l) * (sigma - s) - l * lambda * sigma
}

/// Stationary points above 0 of a mode: (the barrier's top, the minimum). For two layers the barrier is at 0 and the minimum at s − λ; for more, roots of
/// σ − s + λσ^(2/L−1) = 0. `None` where only 0 is left.
pub fn stationary(s: f64, lambda: f64, layers: usize) -> Option<(f64, f64)> {
    if s <= 0.0 {
        return None;
    }
    if lambda == 0.0 {
        return Some((0.0, s));
    }
    if layers <= 2 {
        // One layer shrinks, two threshold.
        let sigma = if layers == 1 { s / (1.0 + lambda) } else { s - lambda };
        return (sigma > 0.0).then_some((0.0, sigma));
    }
    let k = 2.0 / layers as f64;
    let slope = |x: f64| x - s + lambda * libm::pow(x, k - 1.0);
    let middle = libm::pow(lambda * (1.0 - k), 1.0 / (2.0 - k));
    if slope(middle) > 0.0 {
        return None;
    }
    let root = |mut low: f64, mut high: f64| {
        let rising = slope(high) > 0.0;
        for _ in 0..200 {
            let x = 0.5 * (low + high);
            if (slope(x) > 0.0) == rising {
                high = x;
            } else {
                low = x;
            }
        }
        0.5 * (low + high)
    };
    Some((root(0.0, middle), root(middle, s)))
}

/// Decay above which a mode of a network of three or more layers has no minimum but 0: (1/(1−k))·(s(1−k)/(2−k))^(2−k), k = 2/L. For two layers it is s.
pub fn spinodal(s: f64, layers: usize) -> f64 {
    if layers == 2 {
        return s;
    }
    let k = 2.0 / layers as f64;
    libm::pow(s * (1.0 - k) / (2.0 - k), 2.0 - k) / (1.0 - k)
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

    /// Card arrhenius-escape (recomputed there, four digits).
    #[test]
    fn golden_barriers() {
        assert!((spinodal(0.9, 3) - 0.4105).abs() < 5e-5 && (spinodal(0.8, 3) - 0.3509).abs() < 5e-5);
        let (top, low) = stationary(0.8, 0.32, 3).unwrap();
        assert!((top - 0.0925).abs() < 5e-5 && (low - 0.343).abs() < 5e-4, "{top} {low}");
        let at = |x| loss(x, 0.8, 0.32, 3) - loss(0.0, 0.8, 0.32, 3);
        assert!((at(top) - 0.0285).abs() < 5e-5 && (at(low) - 0.0196).abs() < 1e-4 && (at(top) - at(low) - 0.0088).abs() < 1e-4);
        assert_eq!((stationary(0.8, 0.36, 3), stationary(0.8, 0.9, 2), stationary(0.0, 0.1, 3)), (None, None, None));
        assert_eq!(stationary(1.0, 0.25, 2), Some((0.0, 0.75)));
        // Depths are equal at β* = .2947.
        let (_, low) = stationary(0.8, 0.2947, 3).unwrap();
        assert!((loss(low, 0.8, 0.2947, 3) - loss(0.0, 0.8, 0.2947, 3)).abs() < 5e-5);
    }

    #[test]
    fn the_velocity_descends_the_loss() {
        for layers in 1..=4 {
            for sigma in [0.05, 0.3, 1.2] {
                let h = 1e-6;
                let slope = (loss(sigma + h, 0.8, 0.1, layers) - loss(sigma - h, 0.8, 0.1, layers)) / (2.0 * h);
                let l = layers as f64;
                let want = -l * libm::pow(sigma, 2.0 - 2.0 / l) * slope;
                assert!((velocity(sigma, 0.8, 0.1, layers) - want).abs() < 1e-8, "{layers} {sigma}");
            }
        }
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
