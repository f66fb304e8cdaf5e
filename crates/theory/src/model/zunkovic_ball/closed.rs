//! Closed forms of the ball model, as printed and corrected.

use crate::model::TheoryError;
use crate::numeric::quadrature::{integrate, integrate_pieces};
use crate::numeric::special::{beta_regularised, chi_squared_cdf, erf, gamma_lower, ln_gamma};
use std::f64::consts::{LN_2, PI};

/// E_D(h): share of a unit ball of `d` dimensions beyond a plane at distance `h` from its centre (negative: the centre is on the wrong side). Equal to Eq 22.
pub fn test_error(d: usize, h: f64) -> f64 {
    if h >= 1.0 {
        0.0
    } else if h < 0.0 {
        1.0 - test_error(d, -h)
    } else {
        0.5 * beta_regularised(0.5 * (d as f64 + 1.0), 0.5, 1.0 - h * h)
    }
}

/// As [`test_error`], at the distance `gap` = 1 − h from the point where the error vanishes (0 ≤ `gap` ≤ 1), for points whose distance δ from the boundary of the
/// ball has density ∝ δ^{−ξ}(1 − δ)^{D−1}; ξ = 0 is the uniform ball. Digits do not get lost as `gap` goes to 0.
///
/// # Errors
/// The integral does not converge.
pub fn test_error_radial(d: usize, xi: f64, gap: f64) -> Result<f64, TheoryError> {
    if gap <= 0.0 {
        return Ok(0.0);
    }
    let big = d as f64;
    // δ = gap·v^{1/(1−ξ)} takes the singularity away; ½ I is the share of directions beyond the plane.
    let p = 1.0 / (1.0 - xi);
    let norm = libm::exp(ln_gamma(big + 1.0 - xi) - ln_gamma(big) - ln_gamma(1.0 - xi));
    let inner = |v: f64| {
        let left = -gap * libm::expm1(p * libm::log(v));
        let radius = 1.0 - gap + left;
        // 1 − (h/radius)², with the difference taken before the squares.
        let x = (left * (radius + 1.0 - gap) / (radius * radius)).clamp(0.0, 1.0);
        libm::pow(radius, big - 1.0) * 0.5 * beta_regularised(0.5 * (big - 1.0), 0.5, x)
    };
    Ok(norm * p * libm::pow(gap, 1.0 - xi) * integrate(inner, 0.0, 1.0, 1e-9, 0.0)?.value)
}

/// Factor of (1 − h)^{(D+1)/2} in E_D near h = 1 (Eq 23).
pub fn prefactor_corrected(d: usize) -> f64 {
    let big = d as f64;
    libm::exp(libm::log(big) + 0.5 * (big - 3.0) * LN_2 + ln_gamma(0.5 * big) - 0.5 * libm::log(PI) - ln_gamma(0.5 * (big + 3.0)))
}

/// The same as Eq 49 prints it for a uniform ball: (D + 1)/2 times too large.
pub fn prefactor_printed(d: usize) -> f64 {
    prefactor_corrected(d) * 0.5 * (d as f64 + 1.0)
}

/// ν: test error ~ (time left)^ν, for a density ~ δ^{−ξ} at distance δ from the boundary.
pub fn critical_exponent(d: usize, xi: f64) -> f64 {
    0.5 * (d as f64 + 1.0 - 2.0 * xi)
}

/// How the probability to grok is evaluated for λ₁ = 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// α₃ = 1/λ_D − ε/(λ_D q) and the argument multiplied by v, letter for letter.
    Literal,
    /// α₃ as printed, the argument divided by v, without which it is no argument of a χ² law.
    Printed,
    /// α₃ = 1/λ_D − ε²/(λ_D q) = 1/q, divided by v.
    Corrected,
}

/// Probability to grok for λ₁ = 0 and N ≫ 1 (Appendix B): w₁ and every other component of the solution as independent normal variables, to the first order in
/// the fluctuation of G.
///
/// # Errors
/// The integral does not converge.
pub fn grokking_probability(form: Form, n: usize, d: usize, eps: f64, lambda2: f64) -> Result<f64, TheoryError> {
    let (n, big, e2) = (n as f64, d as f64, eps * eps);
    let lambda_d = lambda2 + 1.0 / (big + 2.0);
    let q = lambda_d + e2;
    let beta = eps / q + eps / (q * q * (big + 2.0));
    let (a1, a2, a4) = (1.0 / q - 2.0 * e2 / (q * q), -eps / (q * q), -eps / (lambda_d * q));
    let a3 = if form == Form::Corrected { 1.0 / q } else { 1.0 / lambda_d - eps / (lambda_d * q) };
    let mean = beta + a2 / (big + 2.0);
    let deviation = libm::sqrt(a1 * a1 / (2.0 * n * (big + 2.0)) + a2 * a2 * (big + 1.0) / (n * (big + 2.0) * (big + 2.0) * (big + 4.0)));
    let v = a3 * a3 / (2.0 * n * (big + 2.0)) + a4 * a4 / (2.0 * n * (big + 2.0) * (big + 4.0));
    let scale = if form == Form::Literal { 0.5 * v } else { 0.5 / v };
    over_normal(mean, deviation, 0.0, |w| gamma_lower(0.5 * (big - 1.0), (e2 - 1.0) * w * w * scale))
}

/// Eq 30: the same with G replaced by its mean, which is right only for λ₂ ≫ 1.
///
/// # Errors
/// The integral does not converge.
pub fn grokking_probability_short(n: usize, d: usize, eps: f64, lambda2: f64) -> Result<f64, TheoryError> {
    let (n, big, e2) = (n as f64, d as f64, eps * eps);
    let squeeze = 1.0 + e2 / (lambda2 + 1.0 / (big + 2.0));
    let scale = n * (big + 2.0) * (e2 - 1.0) / (squeeze * squeeze);
    let deviation = libm::sqrt(0.5 / (n * (big + 2.0)));
    over_normal(0.0, deviation, -eps, |x| gamma_lower(0.5 * (big - 1.0), scale * (x + eps) * (x + eps)))
}

/// ∫ f(w) N(w; mean, deviation²) dw from `from` on.
fn over_normal(mean: f64, deviation: f64, from: f64, f: impl Fn(f64) -> f64) -> Result<f64, TheoryError> {
    let points: Vec<f64> = (-4..=4).map(|k| (mean + 2.5 * f64::from(k) * deviation).max(from)).collect();
    let inner = |w: f64| {
        let z = (w - mean) / deviation;
        f(w) * libm::exp(-0.5 * z * z) / (deviation * libm::sqrt(2.0 * PI))
    };
    Ok(integrate_pieces(inner, &points, 1e-9, 1e-15)?.value)
}

/// Lower bound of the probability to grok for λ₁ > 0 (Eq 33).
pub fn l1_bound(n: usize, d: usize, eps: f64, lambda1: f64) -> f64 {
    let root = libm::sqrt(n as f64 * (d as f64 + 2.0));
    0.5 * (1.0 + erf(root * (eps - lambda1))) * libm::pow(erf(root * lambda1), d as f64 - 1.0)
}

/// t_G of the slow branch as printed (Eq 47).
pub fn slow_time_printed(d: usize, eps: f64, lambda2: f64) -> f64 {
    let e4 = eps * eps * eps * eps;
    0.5 / (lambda2 + 1.0 / (d as f64 + 2.0)) * libm::log(e4 / (e4 - 1.0))
}

/// t_G of the slow branch: ‖w_⊥‖ falls at the rate λ_D from 1 (no training error) to √(1 − 1/ε²) (no test error) while w₁ rests at 1/ε.
pub fn slow_time_corrected(d: usize, eps: f64, lambda2: f64) -> f64 {
    0.5 / (lambda2 + 1.0 / (d as f64 + 2.0)) * libm::log(eps * eps / (eps * eps - 1.0))
}

/// t_G of the fast branch (Eq 42): w₁ grows at the rate ε² while w_⊥ rests; `r` = ‖w_⊥(0)‖² < 1 − 1/ε².
pub fn fast_time(eps: f64, r: f64) -> f64 {
    let root = libm::sqrt(r);
    libm::log((1.0 - root) / (1.0 - eps * root / libm::sqrt(eps * eps - 1.0))) / (eps * eps)
}

/// Shares of initialisations N(0, `init`²) in the fast, the intermediate and the slow branch. The paper gives the slow one all that is not fast (Eq 45).
pub fn branch_weights(d: usize, eps: f64, init: f64) -> [f64; 3] {
    let below = |r: f64| chi_squared_cdf(d as f64 - 1.0, r / (init * init));
    let (fast, one) = (below(1.0 - 1.0 / (eps * eps)), below(1.0));
    [fast, one - fast, 1.0 - one]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_those_of_the_card() {
        for (d, n, eps, printed, corrected) in
            [(10, 10, 1.1, 0.7745, 0.947), (20, 10, 1.1, 0.6285, 0.972), (5, 50, 1.01, 0.688, 0.703), (2, 10, 1.01, 0.586, 0.592)]
        {
            let p = grokking_probability(Form::Printed, n, d, eps, 0.1).unwrap();
            let c = grokking_probability(Form::Corrected, n, d, eps, 0.1).unwrap();
            assert!((p - printed).abs() < 6e-4 && (c - corrected).abs() < 6e-4, "D = {d}: {p} {c}");
        }
        assert!((grokking_probability_short(10, 10, 1.1, 0.1).unwrap() - 0.0008).abs() < 5e-5);
        assert!(grokking_probability(Form::Literal, 10, 10, 1.1, 0.1).unwrap() < 1e-6);
        // All forms but the literal one meet for strong L2.
        let at = |form| grokking_probability(form, 10, 10, 1.1, 10.0).unwrap();
        let short = grokking_probability_short(10, 10, 1.1, 10.0).unwrap();
        assert!((at(Form::Printed) - at(Form::Corrected)).abs() < 0.02 && (short - at(Form::Corrected)).abs() < 0.02, "{} {short}", at(Form::Corrected));
    }

    #[test]
    fn times_and_weights_are_those_of_the_card() {
        for (d, eps, printed, corrected) in [(5, 2.0, 0.2111, 0.9410), (5, 1.5, 0.7198, 1.9227), (6, 2.0, 0.2390, 1.0655)] {
            assert!((slow_time_printed(d, eps, 0.01) - printed).abs() < 6e-5, "{}", slow_time_printed(d, eps, 0.01));
            assert!((slow_time_corrected(d, eps, 0.01) - corrected).abs() < 6e-5, "{}", slow_time_corrected(d, eps, 0.01));
        }
        let w = branch_weights(5, 2.0, 1.0);
        assert!((w.iter().sum::<f64>() - 1.0).abs() < 1e-14 && w.iter().all(|x| *x > 0.0), "{w:?}");
        assert!(fast_time(2.0, 0.0) == 0.0 && fast_time(2.0, 0.7499).is_finite());
    }

    #[test]
    fn the_bound_peaks_where_the_card_says() {
        let best = |n, d| (1..2000).map(|i| l1_bound(n, d, 1.0, 1e-3 * f64::from(i))).fold(0.0, f64::max);
        assert!((best(2, 2) - 0.937).abs() < 6e-4 && (best(1, 2) - 0.79).abs() < 6e-3, "{} {}", best(2, 2), best(1, 2));
        assert!((l1_bound(10, 10, 1.1, 0.05) - 0.0055).abs() < 5e-5);
        // More dimensions help.
        assert!(l1_bound(10, 10_000, 1.1, 0.05) > 0.999);
    }

    #[test]
    fn the_test_error_and_its_beginning() {
        // A disc and a ball: segments and caps by school geometry.
        for h in [0.0, 0.3, 0.9] {
            let disc = (libm::acos(h) - h * libm::sqrt(1.0 - h * h)) / PI;
            let ball = 0.25 * (1.0 - h) * (1.0 - h) * (2.0 + h);
            assert!((test_error(2, h) - disc).abs() < 1e-12 && (test_error(3, h) - ball).abs() < 1e-12);
            assert!((test_error(3, -h) - 1.0 + ball).abs() < 1e-12);
            assert!((test_error_radial(2, 0.0, 1.0 - h).unwrap() - disc).abs() < 1e-8);
        }
        // At D = 160 the error at this distance is below the smallest float.
        for d in [2, 5, 20, 40] {
            let delta = 1e-5;
            let leading = test_error(d, 1.0 - delta) / libm::pow(delta, critical_exponent(d, 0.0));
            assert!((leading / prefactor_corrected(d) - 1.0).abs() < 1e-3, "D = {d}");
            assert!((prefactor_printed(d) / leading / (0.5 * (d as f64 + 1.0)) - 1.0).abs() < 1e-3, "D = {d}");
        }
        for xi in [0.3, 0.8] {
            let slope = libm::log(test_error_radial(4, xi, 2e-4).unwrap() / test_error_radial(4, xi, 1e-4).unwrap()) / LN_2;
            assert!((slope - critical_exponent(4, xi)).abs() < 1e-3, "ξ = {xi}: {slope}");
            // Far below the digits of h itself.
            let tiny = libm::log(test_error_radial(4, xi, 2e-30).unwrap() / test_error_radial(4, xi, 1e-30).unwrap()) / LN_2;
            assert!((tiny - critical_exponent(4, xi)).abs() < 1e-6, "ξ = {xi}: {tiny}");
        }
    }
}
