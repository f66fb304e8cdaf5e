//! Distribution functions that tests need: normal, chi-squared, Student's t.
//!
//! All upper tails are computed as such, never as 1 minus a lower one, so that small p-values keep their digits: relative errors stay below about 1e-12 until the
//! value underflows.
//!
//! Sources: Abramowitz & Stegun (1964), Handbook of Mathematical Functions, 6.5.29 and 6.5.31 (incomplete gamma), 26.5.8 (incomplete beta); continued fractions are
//! summed as in Lentz (1976), Applied Optics 15, 668, with Thompson & Barnett's (1986) change, J. Comput. Phys. 64, 490; Loader (2000), Fast and Accurate
//! Computation of Binomial Probabilities, for prefactors without cancellation.

use crate::error::{Error, inside_unit};

/// Φ(z): probability that a standard normal variable is at most `z`. NaN for NaN.
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * core::f64::consts::FRAC_1_SQRT_2)
}

/// 1 − Φ(z), with full relative precision in the upper tail. NaN for NaN.
pub fn normal_survival(z: f64) -> f64 {
    normal_cdf(-z)
}

/// Two-sided p-value of a standard normal statistic: 2(1 − Φ(|z|)). NaN for NaN.
pub fn normal_two_sided(z: f64) -> f64 {
    libm::erfc(z.abs() * core::f64::consts::FRAC_1_SQRT_2)
}

/// P(X > x) for X chi-squared with `df` degrees of freedom: Q(df/2, x/2), the regularised upper incomplete gamma function.
///
/// # Errors
/// [`Error::Domain`] unless df is positive and finite and x is a number (a negative x gives 1).
pub fn chi_square_survival(x: f64, df: f64) -> Result<f64, Error> {
    if !(df > 0.0 && df.is_finite()) {
        return Err(Error::Domain { what: "chi-squared", index: 0, value: df, must: "the degrees of freedom must be positive and finite" });
    }
    if x.is_nan() {
        return Err(Error::Domain { what: "chi-squared", index: 0, value: x, must: "it must be a number" });
    }
    Ok(if x <= 0.0 { 1.0 } else { upper_gamma(0.5 * df, 0.5 * x) })
}

/// P(T ≤ t) for Student's T with `df` degrees of freedom (any positive number; +∞ is the normal distribution).
///
/// # Errors
/// [`Error::Domain`] unless df is positive and t is a number.
pub fn student_t_cdf(t: f64, df: f64) -> Result<f64, Error> {
    student_t_survival(-t, df)
}

/// P(T > t), with full relative precision in the upper tail: ½·I_{df/(df+t²)}(df/2, ½) for t > 0.
///
/// # Errors
/// As [`student_t_cdf`].
pub fn student_t_survival(t: f64, df: f64) -> Result<f64, Error> {
    let df = degrees(df)?;
    if t.is_nan() {
        return Err(Error::Domain { what: "Student's t", index: 0, value: t, must: "it must be a number" });
    }
    if df == f64::INFINITY {
        return Ok(normal_survival(t));
    }
    let half = HalfStudent::at(t.abs(), df);
    Ok(if t > 0.0 { half.beyond } else { 0.5 + half.within })
}

/// Two-sided p-value P(|T| > |t|).
///
/// # Errors
/// As [`student_t_cdf`].
pub fn student_t_two_sided(t: f64, df: f64) -> Result<f64, Error> {
    if t == 0.0 { degrees(df).map(|_| 1.0) } else { Ok(2.0 * student_t_survival(t.abs(), df)?) }
}

/// The t with P(T ≤ t) = p.
///
/// Newton steps on the logarithm of the smaller of the two areas (tail, or from 0 to t), in ln t, where both are smooth for any df; each kept inside a
/// bracket, else replaced by its middle.
///
/// # Errors
/// [`Error::Domain`] unless 0 < p < 1 and df is positive.
pub fn student_t_quantile(p: f64, df: f64) -> Result<f64, Error> {
    let p = inside_unit("Student's t quantile", p)?;
    let df = degrees(df)?;
    if df == f64::INFINITY {
        return crate::normal::normal_quantile(p);
    }
    let tail = if p < 0.5 { p } else { 1.0 - p };
    let inner = (p - 0.5).abs(); // exact for p in [¼, 1]
    if inner == 0.0 {
        return Ok(0.0);
    }
    let in_tail = tail < 0.25;
    let target = libm::log(if in_tail { tail } else { inner });
    // Distance of ln(area) from the target, signed so that it rises with ln t, and its slope.
    let evaluate = |u: f64| {
        let half = HalfStudent::at(libm::exp(u), df);
        let area = if in_tail { half.beyond } else { half.within };
        let gap = if in_tail { target - libm::log(area) } else { libm::log(area) - target };
        (gap, libm::exp(u + half.log_density) / area)
    };
    let (mut low, mut high) = (-740.0, 709.0); // all of the positive floats
    let mut u = 0.0;
    for _ in 0..200 {
        let (gap, slope) = evaluate(u);
        if gap >= 0.0 {
            high = u;
        } else {
            low = u;
        }
        let newton = u - gap / slope;
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        let moved = (next - u).abs();
        u = next;
        if moved <= 1e-15 * u.abs().max(1.0) || high - low <= 1e-15 {
            break;
        }
    }
    let t = libm::exp(u);
    Ok(if p < 0.5 { -t } else { t })
}

fn degrees(df: f64) -> Result<f64, Error> {
    if df > 0.0 { Ok(df) } else { Err(Error::Domain { what: "Student's t", index: 0, value: df, must: "the degrees of freedom must be positive" }) }
}

/// Areas of Student's density on one side.
struct HalfStudent {
    /// P(0 < T < t).
    within: f64,
    /// P(T > t).
    beyond: f64,
    /// ln of the density at t.
    log_density: f64,
}

impl HalfStudent {
    /// At t ≥ 0, df finite.
    fn at(t: f64, df: f64) -> Self {
        let a = 0.5 * df;
        let ratio = t / libm::sqrt(df);
        // ln(1 + t²/df) without overflow of the square.
        let log_growth = if ratio > 1e8 { 2.0 * libm::log(ratio) } else { libm::log1p(ratio * ratio) };
        let (x, rest) = (1.0 / (1.0 + ratio * ratio), 1.0 / (1.0 + 1.0 / (ratio * ratio))); // df/(df+t²) and t²/(df+t²)
        let log_beta = 0.5 * libm::log(core::f64::consts::PI) - log_gamma_step(a); // ln B(a, ½)
        let log_density = -(a + 0.5) * log_growth - 0.5 * libm::log(df) - log_beta;
        // x^a (1−x)^½ / B(a, ½)
        let front = libm::exp(-a * log_growth - log_beta) * libm::sqrt(rest);
        // A & S 26.5.8 converges fast on either side of this point.
        let (within, beyond) = if x < (a + 1.0) / (a + 2.5) {
            let beyond = 0.5 * front * beta_fraction(a, 0.5, x) / a;
            (0.5 - beyond, beyond)
        } else {
            let within = 0.5 * front * beta_fraction(0.5, a, rest) / 0.5;
            (within, 0.5 - within)
        };
        HalfStudent { within, beyond, log_density }
    }
}

/// ln Γ(a + ½) − ln Γ(a).
fn log_gamma_step(a: f64) -> f64 {
    if a < 10.0 {
        return libm::lgamma(a + 0.5) - libm::lgamma(a);
    }
    // From Stirling's series of both, with the large parts cancelled on paper.
    a * libm::log1p(0.5 / a) + 0.5 * libm::log(a) - 0.5 + stirling_error(a + 0.5) - stirling_error(a)
}

/// ln Γ(z) − [(z − ½) ln z − z + ½ ln 2π] for z ≥ 10, to 1e-16 (A & S 6.1.41).
fn stirling_error(z: f64) -> f64 {
    let w = 1.0 / (z * z);
    (1.0 / 12.0 - w * (1.0 / 360.0 - w * (1.0 / 1260.0 - w * (1.0 / 1680.0 - w * (1.0 / 1188.0 - w * (691.0 / 360_360.0 - w / 156.0)))))) / z
}

const TINY: f64 = 1e-300;

/// Terms after which a fraction or series of argument `a` has converged: it needs a few times √a near the mode.
fn terms(a: f64) -> usize {
    500 + (20.0 * libm::sqrt(a)) as usize
}

/// x^a e^(−x) / Γ(a + 1), without cancellation for large a.
fn poisson_term(a: f64, x: f64) -> f64 {
    if a < 10.0 {
        return libm::exp(a * libm::log(x) - x - libm::lgamma(a + 1.0));
    }
    // a·(1 + δ − ln(1 + δ) − 1) with δ = (x − a)/a is what Stirling's formula leaves in the exponent.
    let delta = (x - a) / a;
    let deviance = a * (delta - libm::log1p(delta));
    libm::exp(-deviance - stirling_error(a)) / libm::sqrt(2.0 * core::f64::consts::PI * a)
}

/// Q(a, x) for a > 0, x > 0.
fn upper_gamma(a: f64, x: f64) -> f64 {
    if x == f64::INFINITY {
        return 0.0;
    }
    let front = poisson_term(a, x);
    if x < a + 1.0 {
        // A & S 6.5.29: P = front · Σ x^k / ((a+1)…(a+k)).
        let (mut term, mut sum) = (1.0, 1.0);
        for k in 1..=terms(a) {
            term *= x / (a + k as f64);
            sum += term;
            if term < sum * 1e-17 {
                break;
            }
        }
        return 1.0 - front * sum;
    }
    // A & S 6.5.31 in its contracted (even) form.
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut fraction = d;
    for k in 1..=terms(a) {
        let numerator = -(k as f64) * (k as f64 - a);
        b += 2.0;
        d = 1.0 / away(numerator * d + b);
        c = away(b + numerator / c);
        let factor = c * d;
        fraction *= factor;
        if (factor - 1.0).abs() < 1e-16 {
            break;
        }
    }
    // x^a e^(−x)/Γ(a) = a · front.
    a * front * fraction
}

/// The continued fraction of A & S 26.5.8, so that I_x(a, b) = x^a (1−x)^b / (a B(a, b)) times it.
pub(crate) fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for k in 1..=terms(a.max(b)) {
        let m = k as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        fraction *= d * c;
        if (d * c - 1.0).abs() < 1e-16 {
            break;
        }
    }
    fraction
}

/// Keeps a partial denominator off zero.
fn away(x: f64) -> f64 {
    if x.abs() < TINY { TINY } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn relative(got: f64, want: f64, what: &str) {
        assert!((got - want).abs() <= 1e-11 * want.abs(), "{what}: {got:e} against {want:e}");
    }

    #[test]
    fn agrees_with_arbitrary_precision() {
        let fixture: Value = serde_json::from_str(include_str!("../tests/fixtures/distributions.json")).unwrap();
        for row in fixture["chi_square"].as_array().unwrap() {
            let [x, df, q] = [0, 1, 2].map(|i| row[i].as_f64().unwrap());
            relative(chi_square_survival(x, df).unwrap(), q, &format!("chi-squared {x} on {df}"));
        }
        for row in fixture["student"].as_array().unwrap() {
            let [t, df, q] = [0, 1, 2].map(|i| row[i].as_f64().unwrap());
            relative(student_t_survival(t, df).unwrap(), q, &format!("t {t} on {df}"));
            relative(student_t_cdf(-t, df).unwrap(), q, &format!("t −{t} on {df}"));
            relative(student_t_two_sided(-t, df).unwrap(), 2.0 * q, &format!("|t| {t} on {df}"));
            relative(student_t_quantile(q, df).unwrap(), -t, &format!("quantile {q} on {df}"));
        }
        for row in fixture["normal"].as_array().unwrap() {
            let [z, q] = [0, 1].map(|i| row[i].as_f64().unwrap());
            relative(normal_survival(z), q, &format!("normal {z}"));
            relative(normal_cdf(-z), q, &format!("normal −{z}"));
            relative(normal_two_sided(z), 2.0 * q, &format!("|normal| {z}"));
        }
    }

    #[test]
    fn refuses_what_has_no_answer() {
        assert!(chi_square_survival(1.0, 0.0).is_err() && chi_square_survival(f64::NAN, 1.0).is_err());
        assert!(student_t_cdf(1.0, -1.0).is_err() && student_t_cdf(f64::NAN, 1.0).is_err() && student_t_quantile(1.0, 3.0).is_err());
        assert_eq!((chi_square_survival(-1.0, 3.0), chi_square_survival(f64::INFINITY, 3.0)), (Ok(1.0), Ok(0.0)));
        assert_eq!((student_t_survival(0.0, 3.0), student_t_quantile(0.5, 3.0)), (Ok(0.5), Ok(0.0)));
        assert_eq!((student_t_survival(f64::INFINITY, 3.0), student_t_survival(f64::NEG_INFINITY, 3.0)), (Ok(0.0), Ok(1.0)));
        assert_eq!(student_t_cdf(1.3, f64::INFINITY), Ok(normal_cdf(1.3)));
    }

    proptest! {
        #[test]
        fn chi_square_on_one_degree_is_a_squared_normal_and_t_turns_back(z in 0.01f64..30.0, df in 0.3f64..1e4, p in 1e-12f64..0.999) {
            let (a, b) = (chi_square_survival(z * z, 1.0).unwrap(), normal_two_sided(z));
            prop_assert!((a - b).abs() <= 1e-11 * b, "{} {}", a, b);
            let back = student_t_cdf(student_t_quantile(p, df).unwrap(), df).unwrap();
            prop_assert!((back - p).abs() <= 1e-11 * p, "{} {}", back, p);
        }
    }
}
