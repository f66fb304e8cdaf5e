//! Rank correlations with intervals and p-values.
//!
//! Sources: Bonett & Wright (2000), Psychometrika 65, 23, for the standard errors on Fisher's scale; Fieller, Hartley & Pearson (1957), Biometrika 44, 470;
//! Kendall & Gibbons (1990), Rank Correlation Methods, chapter 4, for the variance with ties; Knight (1966), J. Am. Stat. Assoc. 61, 436, for counting
//! pairs in O(n log n).

use crate::describe;
use crate::distributions::{normal_two_sided, student_t_two_sided};
use crate::error::Error;
use crate::normal::critical_value;

/// A rank correlation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correlation {
    /// The correlation, in \[−1, 1\].
    pub estimate: f64,
    /// Standard error of artanh(estimate), Fisher's z.
    pub standard_error: f64,
    /// Two-sided p of "no association".
    pub p: f64,
    /// Number of pairs.
    pub n: usize,
}

impl Correlation {
    /// Interval at `level`: tanh(artanh(r) ± z·se). `None` if the correlation is ±1, where Fisher's scale has no finite centre and the data bound nothing.
    ///
    /// # Errors
    /// [`Error::Domain`] unless 0 < level < 1.
    pub fn interval(&self, level: f64) -> Result<Option<(f64, f64)>, Error> {
        let half = critical_value(level)? * self.standard_error;
        let centre = libm::atanh(self.estimate);
        Ok(centre.is_finite().then(|| (libm::tanh(centre - half), libm::tanh(centre + half))))
    }
}

/// Spearman's ρ (Pearson's correlation of midranks) with Bonett and Wright's standard error √((1 + ρ²/2)/(n − 3)) on Fisher's scale, and p from
/// t = ρ√((n − 2)/(1 − ρ²)) on n − 2 degrees of freedom (approximate; good from about n = 10).
///
/// # Errors
/// [`Error::Lengths`] if the inputs do not pair; [`Error::TooFew`] below 4 pairs; [`Error::Domain`] on NaN; [`Error::Undefined`] if one input is constant.
pub fn spearman_correlation(x: &[f64], y: &[f64]) -> Result<Correlation, Error> {
    enough("Spearman's correlation", x, y, 4)?;
    let r = describe::spearman(x, y)?;
    let n = x.len() as f64;
    let t = r * libm::sqrt((n - 2.0) / ((1.0 - r) * (1.0 + r)));
    let standard_error = libm::sqrt((1.0 + 0.5 * r * r) / (n - 3.0));
    Ok(Correlation { estimate: r, standard_error, p: student_t_two_sided(t, n - 2.0)?, n: x.len() })
}

/// Kendall's τ_b = (C − D)/√((P − T_x)(P − T_y)): C and D concordant and discordant pairs among P = n(n−1)/2, T_x and T_y pairs tied in x and in y.
///
/// p is the normal approximation with the variance of C − D given the ties; the standard error on Fisher's scale is √(0.437/(n − 4)).
///
/// # Errors
/// [`Error::Lengths`] if the inputs do not pair; [`Error::TooFew`] below 5 pairs; [`Error::Domain`] on NaN; [`Error::Undefined`] if one input is constant.
pub fn kendall_correlation(x: &[f64], y: &[f64]) -> Result<Correlation, Error> {
    let what = "Kendall's correlation";
    enough(what, x, y, 5)?;
    for values in [x, y] {
        if let Some(index) = values.iter().position(|v| v.is_nan()) {
            return Err(Error::Domain { what, index, value: f64::NAN, must: "it must be a number" });
        }
    }
    let (rx, ry) = (levels(x), levels(y));
    let (ties_x, ties_y) = (Ties::of(&rx), Ties::of(&ry));
    let n = x.len() as f64;
    let pairs = 0.5 * n * (n - 1.0);
    if ties_x.pairs == pairs || ties_y.pairs == pairs {
        return Err(Error::Undefined { what, why: "one of the inputs is constant" });
    }
    // In order of x, every earlier value (of smaller x) below this y is concordant, every one above discordant.
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by_key(|&i| rx[i]);
    let mut seen = Counts::new(ry.iter().max().map_or(0, |m| m + 1));
    let mut balance = 0i64;
    for tie in order.chunk_by(|&a, &b| rx[a] == rx[b]) {
        for &i in tie {
            let (below, equal) = seen.below_and_at(ry[i]);
            balance += below as i64 - (seen.total() - below - equal) as i64;
        }
        tie.iter().for_each(|&i| seen.add(ry[i]));
    }
    let balance = balance as f64;
    let estimate = (balance / libm::sqrt((pairs - ties_x.pairs) * (pairs - ties_y.pairs))).clamp(-1.0, 1.0);
    let m = n * (n - 1.0);
    let variance = (m * (2.0 * n + 5.0) - ties_x.spread - ties_y.spread) / 18.0
        + 2.0 * ties_x.pairs * ties_y.pairs / m
        + ties_x.triples * ties_y.triples / (9.0 * m * (n - 2.0));
    Ok(Correlation { estimate, standard_error: libm::sqrt(0.437 / (n - 4.0)), p: normal_two_sided(balance / libm::sqrt(variance)), n: x.len() })
}

fn enough(what: &'static str, x: &[f64], y: &[f64], least: usize) -> Result<(), Error> {
    if x.len() != y.len() {
        return Err(Error::Lengths { what, left: x.len(), right: y.len() });
    }
    if x.len() < least { Err(Error::TooFew { what, least, got: x.len() }) } else { Ok(()) }
}

/// For each value, the number of distinct values below it. No NaN.
pub(crate) fn levels(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut levels = vec![0; values.len()];
    // `==`, not total order: −0 and 0 tie.
    for (level, tie) in order.chunk_by(|&a, &b| values[a] == values[b]).enumerate() {
        tie.iter().for_each(|&i| levels[i] = level);
    }
    levels
}

/// Sums over groups of t tied values that the variance needs.
struct Ties {
    /// Σ t(t−1)/2.
    pairs: f64,
    /// Σ t(t−1)(t−2).
    triples: f64,
    /// Σ t(t−1)(2t+5).
    spread: f64,
}

impl Ties {
    fn of(levels: &[usize]) -> Self {
        let mut sorted = levels.to_vec();
        sorted.sort_unstable();
        let mut ties = Ties { pairs: 0.0, triples: 0.0, spread: 0.0 };
        for group in sorted.chunk_by(|a, b| a == b) {
            let t = group.len() as f64;
            ties.pairs += 0.5 * t * (t - 1.0);
            ties.triples += t * (t - 1.0) * (t - 2.0);
            ties.spread += t * (t - 1.0) * (2.0 * t + 5.0);
        }
        ties
    }
}

/// How many values of each level have been added: a Fenwick (1994) tree, so that adding and counting below take O(log n).
pub(crate) struct Counts {
    tree: Vec<u64>,
    total: u64,
}

impl Counts {
    /// For levels 0..`levels`.
    pub(crate) fn new(levels: usize) -> Self {
        Counts { tree: vec![0; levels + 1], total: 0 }
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn add(&mut self, level: usize) {
        self.total += 1;
        let mut i = level + 1;
        while i < self.tree.len() {
            self.tree[i] += 1;
            i += i & i.wrapping_neg();
        }
    }

    /// How many lie strictly below `level`, and how many at it.
    pub(crate) fn below_and_at(&self, level: usize) -> (u64, u64) {
        let up_to = |mut i: usize| {
            let mut sum = 0;
            while i > 0 {
                sum += self.tree[i];
                i &= i - 1;
            }
            sum
        };
        let below = up_to(level);
        (below, up_to(level + 1) - below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn near(got: f64, want: f64) {
        assert!((got - want).abs() <= 1e-11 * want.abs().max(1e-3), "{got} against {want}");
    }

    #[test]
    fn agrees_with_scipy() {
        let fixture = crate::fixture::comparisons();
        for case in fixture["rank"].as_array().unwrap() {
            let column = |key: &str| case[key].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect::<Vec<_>>();
            let (x, y) = (column("x"), column("y"));
            for (got, key) in [(spearman_correlation(&x, &y).unwrap(), "spearman"), (kendall_correlation(&x, &y).unwrap(), "kendall")] {
                let want = column(key);
                near(got.estimate, want[0]);
                near(got.p, want[1]);
                let (low, high) = got.interval(0.95).unwrap().unwrap();
                near(low, want[2]);
                near(high, want[3]);
            }
        }
    }

    #[test]
    fn perfect_order_has_no_interval_and_bad_input_is_refused() {
        let x: Vec<f64> = (0..8).map(f64::from).collect();
        for got in [spearman_correlation(&x, &x).unwrap(), kendall_correlation(&x, &x).unwrap()] {
            assert_eq!((got.estimate, got.interval(0.95)), (1.0, Ok(None)));
            assert!(got.p < 1e-3);
        }
        assert!(kendall_correlation(&x[..4], &x[..4]).is_err() && spearman_correlation(&x[..3], &x[..3]).is_err());
        assert!(kendall_correlation(&[1.0; 8], &x).is_err() && kendall_correlation(&x[..5], &x).is_err());
        assert!(kendall_correlation(&[f64::NAN, 1.0, 2.0, 3.0, 4.0], &x[..5]).is_err());
    }

    proptest! {
        #[test]
        fn counts_pairs_as_the_definition_does(v in prop::collection::vec((0i8..6, 0i8..6), 5..40)) {
            let (x, y): (Vec<f64>, Vec<f64>) = v.iter().map(|&(a, b)| (f64::from(a), f64::from(b))).unzip();
            let (mut balance, mut in_x, mut in_y) = (0.0, 0.0, 0.0);
            for i in 0..x.len() {
                for j in 0..i {
                    let (a, b) = (x[i] - x[j], y[i] - y[j]);
                    balance += if a * b == 0.0 { 0.0 } else { (a * b).signum() };
                    in_x += f64::from(u8::from(a != 0.0));
                    in_y += f64::from(u8::from(b != 0.0));
                }
            }
            match kendall_correlation(&x, &y) {
                Ok(got) => prop_assert!((got.estimate - balance / libm::sqrt(in_x * in_y)).abs() < 1e-12),
                Err(_) => prop_assert!(in_x * in_y == 0.0),
            }
        }
    }
}
