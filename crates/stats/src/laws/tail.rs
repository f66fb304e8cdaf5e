//! Logarithms of the normal density and upper tail, which a censored likelihood needs far out.

use std::f64::consts::FRAC_1_SQRT_2;

/// ln √(2π).
const LOG_SQRT_TAU: f64 = 0.918_938_533_204_672_8;

/// ln φ(z).
pub(crate) fn log_density(z: f64) -> f64 {
    -0.5 * z * z - LOG_SQRT_TAU
}

/// ln(1 − Φ(z)) and the hazard φ(z) / (1 − Φ(z)) (the inverse of Mills' ratio), both to about 14 digits for every z.
///
/// Beyond 6 by Laplace's continued fraction 1 / (z + 1 / (z + 2 / (z + …))) (Abramowitz & Stegun 26.2.14), which needs no cancelling of small numbers.
pub(crate) fn log_survival_and_hazard(z: f64) -> (f64, f64) {
    if z > 6.0 {
        let hazard = (1..=80).rev().fold(z, |below, k| z + f64::from(k) / below);
        return (log_density(z) - libm::log(hazard), hazard);
    }
    let log = if z < 0.0 { libm::log1p(-0.5 * libm::erfc(-z * FRAC_1_SQRT_2)) } else { libm::log(0.5 * libm::erfc(z * FRAC_1_SQRT_2)) };
    (log, libm::exp(log_density(z) - log))
}
