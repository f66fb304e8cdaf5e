//! Do groups differ in their times? The log-rank test, and the difference of restricted means.
//!
//! Sources: Mantel (1966), Cancer Chemother. Rep. 50, 163; Peto & Peto (1972), J. R. Stat. Soc. A 135, 185; Kalbfleisch & Prentice (2002), The Statistical
//! Analysis of Failure Time Data, 1.5; Royston & Parmar (2013), BMC Med. Res. Methodol. 13, 152, for differences of restricted means.

use crate::distributions::{chi_square_survival, normal_two_sided};
use crate::error::Error;
use crate::newton::Cholesky;
use crate::normal::critical_value;
use crate::survival::{KaplanMeier, Observation};

/// A log-rank test of k groups.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRank {
    /// (O − E)ᵀ V⁻ (O − E), chi-squared on `df` degrees of freedom if the groups do not differ.
    pub statistic: f64,
    /// Rank of V: k − 1, less if some groups were never at risk together with others.
    pub df: usize,
    /// P(χ² > statistic).
    pub p: f64,
    /// Events of each group, in the order given.
    pub observed: Vec<f64>,
    /// Events each group would have had if at every event time all subjects at risk had been equally likely to have it. Sums to the same total.
    pub expected: Vec<f64>,
}

/// The log-rank test of `groups` (k ≥ 2, each with at least one subject). Ties enter by the hypergeometric variance; a subject censored at an event's time
/// counts as at risk.
///
/// # Errors
/// [`Error::TooFew`] below 2 groups or for an empty group; [`Error::Domain`] if a time is not finite; [`Error::Undefined`] if no event happened while
/// two groups were at risk.
pub fn log_rank(groups: &[Vec<Observation>]) -> Result<LogRank, Error> {
    test(&[groups])
}

/// The log-rank test within strata: O, E and V are summed over them, so only subjects of one stratum are compared. `strata[s][g]` are the subjects of group `g` in
/// stratum `s`; groups may be empty within a stratum, not in all.
///
/// # Errors
/// As [`log_rank`]; [`Error::TooFew`] without strata; [`Error::Lengths`] if strata differ in their number of groups.
pub fn log_rank_stratified(strata: &[Vec<Vec<Observation>>]) -> Result<LogRank, Error> {
    test(&strata.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn test(strata: &[&[Vec<Observation>]]) -> Result<LogRank, Error> {
    let what = "log-rank test";
    let k = strata.first().map_or(0, |s| s.len());
    if k < 2 {
        return Err(Error::TooFew { what: "log-rank test (number of groups)", least: 2, got: k });
    }
    if let Some(other) = strata.iter().find(|s| s.len() != k) {
        return Err(Error::Lengths { what: "log-rank test (groups of two strata)", left: k, right: other.len() });
    }
    if (0..k).any(|g| strata.iter().all(|s| s[g].is_empty())) {
        return Err(Error::TooFew { what: "a group of the log-rank test", least: 1, got: 0 });
    }
    let mut sums = Sums { observed: vec![0.0; k], expected: vec![0.0; k], variance: vec![0.0; k * k] };
    for stratum in strata {
        sums.add(stratum)?;
    }
    let Sums { observed, expected, variance } = sums;
    let gap: Vec<f64> = observed.iter().zip(&expected).map(|(o, e)| o - e).collect();
    // V is singular at least once (its rows sum to 0). Leaving out every group whose row depends on those kept gives a generalised inverse, and O − E lies in V's
    // range, so the form does not depend on which are left out.
    let mut kept: Vec<usize> = Vec::new();
    let mut factor = None;
    for g in 0..k {
        kept.push(g);
        let part: Vec<f64> = kept.iter().flat_map(|&a| kept.iter().map(move |&b| (a, b))).map(|(a, b)| variance[a * k + b]).collect();
        match Cholesky::new(&part, kept.len(), 1e-9, 0.0) {
            Ok(larger) => factor = Some(larger),
            Err(_) => {
                kept.pop();
            }
        }
    }
    let Some(factor) = factor else {
        return Err(Error::Undefined { what, why: "no event happened while two groups were at risk" });
    };
    let gap: Vec<f64> = kept.iter().map(|&g| gap[g]).collect();
    let statistic: f64 = factor.solve(&gap).iter().zip(&gap).map(|(a, b)| a * b).sum();
    let df = kept.len();
    Ok(LogRank { statistic, df, p: chi_square_survival(statistic, df as f64)?, observed, expected })
}

struct Sums {
    observed: Vec<f64>,
    expected: Vec<f64>,
    /// k×k.
    variance: Vec<f64>,
}

impl Sums {
    fn add(&mut self, groups: &[Vec<Observation>]) -> Result<(), Error> {
        let k = groups.len();
        let mut all = Vec::with_capacity(groups.iter().map(Vec::len).sum());
        for (g, group) in groups.iter().enumerate() {
            for (index, o) in group.iter().enumerate() {
                if !o.time.is_finite() {
                    let must = "a time must be finite (censor a run at its budget instead)";
                    return Err(Error::Domain { what: "log-rank test (value within its group)", index, value: o.time, must });
                }
                all.push((o.time + 0.0, g, o.event)); // + 0 turns −0 into 0
            }
        }
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut at_risk: Vec<f64> = groups.iter().map(|g| g.len() as f64).collect();
        let mut n = all.len() as f64;
        for tie in all.chunk_by(|a, b| a.0 == b.0) {
            let events = tie.iter().filter(|o| o.2).count() as f64;
            if events > 0.0 {
                tie.iter().filter(|o| o.2).for_each(|o| self.observed[o.1] += 1.0);
                // Multivariate hypergeometric: mean d nᵢ/n, covariance d (n−d)/(n−1) · (nᵢ/n)(δᵢⱼ − nⱼ/n).
                let spread = if n > 1.0 { events * (n - events) / (n - 1.0) } else { 0.0 };
                for i in 0..k {
                    let share = at_risk[i] / n;
                    self.expected[i] += events * share;
                    self.variance[i * k + i] += spread * share;
                    for j in 0..k {
                        self.variance[i * k + j] -= spread * share * (at_risk[j] / n);
                    }
                }
            }
            tie.iter().for_each(|o| at_risk[o.1] -= 1.0);
            n -= tie.len() as f64;
        }
        Ok(())
    }
}

/// Difference of two restricted means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RestrictedMeanDifference {
    /// Mean of min(T, τ) in the first group minus that in the second, in units of time.
    pub difference: f64,
    /// Its standard error: the root of the sum of both squared.
    pub standard_error: f64,
    /// difference / standard error.
    pub z: f64,
    /// Two-sided normal p.
    pub p: f64,
    /// τ.
    pub horizon: f64,
}

impl RestrictedMeanDifference {
    /// Normal interval at `level`.
    ///
    /// # Errors
    /// [`Error::Domain`] unless 0 < level < 1.
    pub fn interval(&self, level: f64) -> Result<(f64, f64), Error> {
        let half = critical_value(level)? * self.standard_error;
        Ok((self.difference - half, self.difference + half))
    }
}

/// Compares the areas under two independent curves up to `horizon` (τ): needs no proportional hazards, and says how much time, not only whether.
///
/// # Errors
/// As [`KaplanMeier::restricted_mean`]; [`Error::Undefined`] if no event of either curve comes before τ or all come together, so that there is no spread.
pub fn restricted_mean_difference(a: &KaplanMeier, b: &KaplanMeier, horizon: f64) -> Result<RestrictedMeanDifference, Error> {
    let (a, b) = (a.restricted_mean(horizon)?, b.restricted_mean(horizon)?);
    let difference = a.mean - b.mean;
    let standard_error = libm::hypot(a.standard_error, b.standard_error);
    if standard_error == 0.0 {
        return Err(Error::Undefined { what: "difference of restricted means", why: "neither curve has any spread before the horizon" });
    }
    let z = difference / standard_error;
    Ok(RestrictedMeanDifference { difference, standard_error, z, p: normal_two_sided(z), horizon })
}

#[cfg(test)]
mod tests;
