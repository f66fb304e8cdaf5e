//! The exact 1-local map in closed form.
//!
//! Its latent points are eight orthonormal vectors, one a neighbourhood, so that the flow decouples: with γ_c the share of neighbourhood c in the training set, y_c ŷ_c(t) = m_c + (u_c − m_c) e^{−g_c t},
//! g_c = γ_c + λ₂, m_c = γ_c/g_c, u_c ~ N(0, 1). It is positive where u_c > −m_c(e^{g_c t} − 1). Derived here; the paper has no formula for it. λ₁ = 0.

use super::automaton::all_strings;
use super::map::Boundary;

/// Shares of the eight neighbourhoods 4l + 2c + r among all sites of all strings of a length.
pub fn shares(length: usize, boundary: Boundary) -> [f64; 8] {
    let mut counts = [0.0; 8];
    let strings = all_strings(length);
    for bits in &strings {
        for i in 0..length {
            let beyond = |at: usize| if boundary == Boundary::Closed { bits[at % length] } else { 0 };
            let left = if i > 0 { bits[i - 1] } else { beyond(length - 1) };
            let right = if i + 1 < length { bits[i + 1] } else { beyond(i + 1) };
            counts[(4 * left + 2 * bits[i] + right) as usize] += 1.0;
        }
    }
    counts.map(|c| c / (length * strings.len()) as f64)
}

/// Probability that neighbourhood `c` is right at time `t`.
fn right(share: f64, lambda2: f64, t: f64) -> f64 {
    if share <= 0.0 {
        return 0.5;
    }
    let rate = share + lambda2;
    0.5 * libm::erfc(-(share / rate) * libm::expm1(rate * t) / std::f64::consts::SQRT_2)
}

/// The error of the mean initial vector at time `t` where all neighbourhoods are tested equally often.
pub fn mean_error(shares: &[f64; 8], lambda2: f64, t: f64) -> f64 {
    shares.iter().map(|s| 1.0 - right(*s, lambda2, t)).sum::<f64>() / 8.0
}

/// P(t_ε ≤ t): all eight are right.
pub fn zero_time_cdf(shares: &[f64; 8], lambda2: f64, t: f64) -> f64 {
    shares.iter().map(|s| right(*s, lambda2, t)).product()
}

/// Mean t_ε = ∫ (1 − P) dt; infinite where a neighbourhood is missing from the training set.
pub fn mean_zero_time(shares: &[f64; 8], lambda2: f64) -> f64 {
    let slowest = shares.iter().copied().fold(f64::INFINITY, f64::min);
    if slowest <= 0.0 {
        return f64::INFINITY;
    }
    // Past ln(1 + 10/m)/g the last factor is 1 to rounding. Simpson's rule.
    let rate = slowest + lambda2;
    let end = libm::log1p(10.0 * rate / slowest) / rate;
    let n = 2000;
    let h = end / n as f64;
    let weight = |i: usize| {
        if i == 0 || i == n {
            1.0
        } else if i % 2 == 1 {
            4.0
        } else {
            2.0
        }
    };
    (0..=n).map(|i| weight(i) * (1.0 - zero_time_cdf(shares, lambda2, i as f64 * h))).sum::<f64>() * h / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_neighbourhoods() {
        // Three sites with −1 beyond: the end sites see only half of the neighbourhoods.
        assert_eq!(shares(3, Boundary::Open).map(|s| libm::round(24.0 * s) as i64), [5, 3, 5, 3, 3, 1, 3, 1]);
        assert_eq!(shares(5, Boundary::Closed), [0.125; 8]);
    }

    #[test]
    fn the_mean_zero_time_is_that_of_the_last_of_eight() {
        // With m = 1 and all rates g = 1/8: t = 8 ln(1 + max(0, −min u)), sampled.
        let shares = [0.125; 8];
        let mut draws = crate::numeric::Draws::new(3, 0, 0);
        let times: Vec<f64> = (0..40_000).map(|_| 8.0 * libm::log1p((0..8).map(|_| -draws.normal()).fold(0.0, f64::max))).collect();
        let mean = crate::numeric::mean(&times);
        assert!((mean.estimate - mean_zero_time(&shares, 0.0)).abs() < 2.0 * (mean.high - mean.low), "{mean:?}");
        assert_eq!(mean_zero_time(&[0.25, 0.25, 0.25, 0.25, 0.0, 0.0, 0.0, 0.0], 0.0), f64::INFINITY);
    }
}
