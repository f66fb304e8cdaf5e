//! Intervals of a proportion.

use crate::distributions::beta_fraction;
use crate::error::{Error, inside_unit};
use crate::normal::critical_value;

/// A share of successes with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Proportion {
    /// successes / n.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

fn check(what: &'static str, successes: usize, n: usize, level: f64) -> Result<(f64, f64), Error> {
    inside_unit("confidence level", level)?;
    if n == 0 {
        return Err(Error::TooFew { what, least: 1, got: 0 });
    }
    if successes > n {
        return Err(Error::Domain { what, index: 0, value: successes as f64, must: "there cannot be more successes than trials" });
    }
    Ok((successes as f64, n as f64))
}

/// The exact interval of Clopper & Pearson (1934), Biometrika 26, 404: all proportions that an exact test of (1 − level)/2 on each side does not reject.
/// Its coverage is at least `level` for every true proportion and n.
///
/// # Errors
/// [`Error::TooFew`] if n is 0; [`Error::Domain`] if successes > n or the level is not inside (0, 1).
pub fn clopper_pearson(successes: usize, n: usize, level: f64) -> Result<Proportion, Error> {
    let (k, total) = check("Clopper–Pearson interval", successes, n, level)?;
    let tail = 0.5 * (1.0 - level);
    // The k-th smallest of n uniform numbers is Beta(k, n − k + 1).
    let low = if successes == 0 { 0.0 } else { beta_quantile(tail, k, total - k + 1.0) };
    // 1 − p and the arguments swapped, so that the small tail is never taken from 1.
    let high = if successes == n { 1.0 } else { 1.0 - beta_quantile(tail, total - k, k + 1.0) };
    Ok(Proportion { estimate: k / total, low, high })
}

/// Wilson's score interval (Wilson 1927, J. Am. Stat. Assoc. 22, 209): shorter than the exact one, covers `level` on average over the true proportion.
///
/// # Errors
/// As [`clopper_pearson`].
pub fn wilson(successes: usize, n: usize, level: f64) -> Result<Proportion, Error> {
    let (k, total) = check("Wilson interval", successes, n, level)?;
    let z = critical_value(level)?;
    let (share, square) = (k / total, z * z / total);
    let centre = (share + 0.5 * square) / (1.0 + square);
    let half = z * libm::sqrt(share * (1.0 - share) / total + 0.25 * square / total) / (1.0 + square);
    // Without successes the ends are equal on paper; rounding must not make them differ.
    let low = if successes == 0 { 0.0 } else { (centre - half).max(0.0) };
    let high = if successes == n { 1.0 } else { (centre + half).min(1.0) };
    Ok(Proportion { estimate: share, low, high })
}

/// Regularised incomplete beta function I_x(a, b), a, b > 0, 0 ≤ x ≤ 1, on the side where [`beta_fraction`] converges fast.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    let below = |x: f64, a: f64, b: f64| {
        let front = libm::exp(a * libm::log(x) + b * libm::log1p(-x) + libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b)) / a;
        front * beta_fraction(a, b, x)
    };
    if x > (a + 1.0) / (a + b + 2.0) { 1.0 - below(1.0 - x, b, a) } else { below(x, a, b) }
}

/// x with I_x(a, b) = p, by halving: the function rises, and 1 100 halvings reach every f64.
fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..1_100 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if incomplete_beta(middle, a, b) < p { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::tests::fixture;

    #[test]
    fn both_intervals_agree_with_scipy() {
        for case in fixture()["binomial"].as_array().unwrap() {
            let (k, n) = (case["k"].as_u64().unwrap() as usize, case["n"].as_u64().unwrap() as usize);
            let level = case["level"].as_f64().unwrap();
            for (got, name, tolerance) in [(clopper_pearson(k, n, level), "exact", 1e-10), (wilson(k, n, level), "wilson", 1e-14)] {
                let got = got.unwrap();
                let want = |i: usize| case[name][i].as_f64().unwrap();
                assert!((got.low - want(0)).abs() < tolerance && (got.high - want(1)).abs() < tolerance, "{name} {k}/{n}: {got:?} against {}", case[name]);
            }
        }
    }

    #[test]
    fn ends_have_their_closed_forms() {
        // 0 of n: the upper end solves (1 − p)^n = α/2.
        for n in [1, 7, 400] {
            let got = clopper_pearson(0, n, 0.95).unwrap();
            let want = -libm::expm1(libm::log(0.025) / n as f64);
            assert_eq!((got.low, got.estimate), (0.0, 0.0));
            assert!((got.high - want).abs() < 1e-13, "{n}: {} against {want}", got.high);
            let mirror = clopper_pearson(n, n, 0.95).unwrap();
            assert!((mirror.low - (1.0 - want)).abs() < 1e-13 && mirror.high == 1.0);
        }
    }

    #[test]
    fn exact_interval_holds_its_level_for_every_proportion() {
        // Coverage summed exactly over the binomial distribution; Wilson's dips below, which shows that the sum can tell.
        let (n, level) = (12, 0.95);
        let choose = |k: usize| (1..=k).fold(1.0, |c, i| c * (n - k + i) as f64 / i as f64);
        let least = |interval: fn(usize, usize, f64) -> Result<Proportion, Error>| {
            (1..200)
                .map(|i| f64::from(i) / 200.0)
                .map(|p| {
                    (0..=n)
                        .filter(|&k| interval(k, n, level).is_ok_and(|i| i.low <= p && p <= i.high))
                        .map(|k| choose(k) * libm::pow(p, k as f64) * libm::pow(1.0 - p, (n - k) as f64))
                        .sum::<f64>()
                })
                .fold(1.0, f64::min)
        };
        let (exact, score) = (least(clopper_pearson), least(wilson));
        assert!((0.95..0.99).contains(&exact), "{exact}");
        assert!(score < 0.95, "{score}");
    }

    #[test]
    fn refuses_what_is_no_proportion() {
        assert!(matches!(clopper_pearson(0, 0, 0.95), Err(Error::TooFew { .. })));
        assert!(matches!(wilson(4, 3, 0.95), Err(Error::Domain { .. })));
        assert!(wilson(1, 3, 1.0).is_err() && clopper_pearson(1, 3, f64::NAN).is_err());
    }
}
