//! Two one-sided tests: is a difference small enough not to matter?
//!
//! A large p-value of an ordinary test is no evidence of sameness. Here the null hypothesis is that the difference lies outside a margin fixed before the data
//! are seen, and rejecting it shows that it lies inside.
//!
//! Source: Schuirmann (1987), J. Pharmacokinet. Biopharm. 15, 657.

use crate::distributions::{normal_cdf, normal_survival, student_t_cdf, student_t_quantile, student_t_survival};
use crate::error::{Error, inside_unit};
use crate::normal::normal_quantile;

/// Both tests of one difference against a margin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tost {
    /// The estimated difference.
    pub difference: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Degrees of freedom of the standard error; `None`: the normal distribution.
    pub df: Option<f64>,
    /// The margin (low, high), in units of the difference.
    pub margin: (f64, f64),
    /// p of the test against "the difference is at most `low`".
    pub p_low: f64,
    /// p of the test against "the difference is at least `high`".
    pub p_high: f64,
    /// The larger of the two: equivalence is shown at level α when it is at most α.
    pub p: f64,
}

impl Tost {
    /// The interval at level 1 − 2α of the difference, which lies inside the margin exactly when `p` < α.
    ///
    /// # Errors
    /// [`Error::Domain`] unless 0 < α < ½.
    pub fn interval(&self, alpha: f64) -> Result<(f64, f64), Error> {
        inside_unit("twice the level of an equivalence test", 2.0 * alpha)?;
        // The lower quantile, negated: 1 − α would lose digits of a small α.
        let z = -match self.df {
            Some(df) => student_t_quantile(alpha, df)?,
            None => normal_quantile(alpha)?,
        };
        Ok((self.difference - z * self.standard_error, self.difference + z * self.standard_error))
    }
}

/// Tests a `difference` with its `standard_error` (on `df` degrees of freedom, or normal if `None`) against a `margin` (low, high):
/// p_low = P(T > (difference − low)/se), p_high = P(T < (difference − high)/se).
///
/// # Errors
/// [`Error::Domain`] if a number is not finite, the standard error or df is not positive, or low ≥ high.
pub fn tost(difference: f64, standard_error: f64, df: Option<f64>, margin: (f64, f64)) -> Result<Tost, Error> {
    let what = "equivalence test";
    let (low, high) = margin;
    for (index, value) in [difference, standard_error, low, high].into_iter().enumerate() {
        if !value.is_finite() {
            return Err(Error::Domain { what, index, value, must: "difference, standard error and both margins must be finite" });
        }
    }
    if standard_error <= 0.0 {
        return Err(Error::Domain { what, index: 1, value: standard_error, must: "the standard error must be positive" });
    }
    if low >= high {
        return Err(Error::Domain { what, index: 2, value: low, must: "the lower margin must be below the upper one" });
    }
    let (from_low, from_high) = ((difference - low) / standard_error, (difference - high) / standard_error);
    let (p_low, p_high) = match df {
        Some(df) => (student_t_survival(from_low, df)?, student_t_cdf(from_high, df)?),
        None => (normal_survival(from_low), normal_cdf(from_high)),
    };
    Ok(Tost { difference, standard_error, df, margin, p_low, p_high, p: p_low.max(p_high) })
}

/// [`tost`] of the mean of paired `differences`: standard error s/√n on n − 1 degrees of freedom.
///
/// # Errors
/// [`Error::TooFew`] below 2 differences; [`Error::Domain`] as [`tost`]; [`Error::Undefined`] if all differences are equal.
pub fn tost_paired(differences: &[f64], margin: (f64, f64)) -> Result<Tost, Error> {
    let what = "paired equivalence test";
    if differences.len() < 2 {
        return Err(Error::TooFew { what, least: 2, got: differences.len() });
    }
    if let Some((index, &value)) = differences.iter().enumerate().find(|(_, v)| !v.is_finite()) {
        return Err(Error::Domain { what, index, value, must: "it must be finite" });
    }
    if differences.iter().all(|d| *d == differences[0]) {
        return Err(Error::Undefined { what, why: "all differences are equal, so their spread says nothing" });
    }
    let n = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / n;
    let squares: f64 = differences.iter().map(|d| (d - mean) * (d - mean)).sum();
    tost(mean, libm::sqrt(squares / (n - 1.0) / n), Some(n - 1.0), margin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn agrees_with_statsmodels() {
        let fixture = crate::fixture::comparisons();
        for case in fixture["tost"].as_array().unwrap() {
            let number = |key: &str| case[key].as_f64().unwrap();
            let differences: Vec<f64> = case["differences"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
            let got = tost_paired(&differences, (number("low"), number("high"))).unwrap();
            let near = |got: f64, want: f64| assert!((got - want).abs() <= 1e-10 * want.abs(), "{got} against {want}");
            near(got.p_low, number("p_low"));
            near(got.p_high, number("p_high"));
            near(got.p, number("p"));
            let (low, high) = got.interval(0.05).unwrap();
            near(low, number("interval_low"));
            near(high, number("interval_high"));
        }
    }

    #[test]
    fn refuses_what_is_no_test() {
        assert!(tost(0.0, 0.0, None, (-1.0, 1.0)).is_err() && tost(0.0, 1.0, None, (1.0, -1.0)).is_err());
        assert!(tost(f64::NAN, 1.0, None, (-1.0, 1.0)).is_err() && tost(0.0, 1.0, Some(0.0), (-1.0, 1.0)).is_err());
        assert!(tost_paired(&[1.0], (-1.0, 1.0)).is_err() && tost_paired(&[1.0, 1.0], (-1.0, 1.0)).is_err());
        assert!(tost(0.0, 1.0, None, (-1.0, 1.0)).unwrap().interval(0.5).is_err());
    }

    proptest! {
        #[test]
        fn interval_lies_inside_the_margin_exactly_when_p_is_below_alpha(
            d in -2.0f64..2.0, se in 0.05f64..1.0, df in prop::option::of(2.0f64..50.0), width in 0.1f64..3.0, alpha in 0.001f64..0.4,
        ) {
            let test = tost(d, se, df, (-width, width)).unwrap();
            let (low, high) = test.interval(alpha).unwrap();
            prop_assume!((test.p - alpha).abs() > 1e-9);
            prop_assert_eq!(low > -width && high < width, test.p < alpha);
            // Turning the sign swaps the two tests.
            let turned = tost(-d, se, df, (-width, width)).unwrap();
            prop_assert!((turned.p_low - test.p_high).abs() <= 1e-12 && (turned.p_high - test.p_low).abs() <= 1e-12);
        }
    }
}
