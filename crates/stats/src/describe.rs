//! Small summaries of a vector.

use crate::error::Error;

/// Checks that no value is NaN.
fn no_nan(what: &'static str, values: &[f64]) -> Result<(), Error> {
    match values.iter().position(|v| v.is_nan()) {
        Some(index) => Err(Error::Domain { what, index, value: f64::NAN, must: "it must be a number" }),
        None => Ok(()),
    }
}

/// The `p`-quantile of complete (uncensored) values by linear interpolation between order statistics (type 7 of Hyndman & Fan 1996; the default of
/// NumPy and R). Infinite values are allowed and take part as the largest or smallest.
///
/// # Errors
/// [`Error::TooFew`] if empty; [`Error::Domain`] if a value is NaN or p lies outside \[0, 1\].
pub fn quantile(values: &[f64], p: f64) -> Result<f64, Error> {
    let what = "quantile";
    if values.is_empty() {
        return Err(Error::TooFew { what, least: 1, got: 0 });
    }
    if !(0.0..=1.0).contains(&p) {
        return Err(Error::Domain { what, index: 0, value: p, must: "p must lie in [0, 1]" });
    }
    no_nan(what, values)?;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let position = p * (sorted.len() - 1) as f64;
    let below = position as usize;
    let fraction = position - below as f64;
    let low = sorted[below];
    if fraction == 0.0 || below + 1 == sorted.len() {
        return Ok(low);
    }
    let high = sorted[below + 1];
    // Equal ends must not become inf − inf.
    Ok(if low == high { low } else { low + fraction * (high - low) })
}

/// Gini coefficient of non-negative values: 0 if all are equal, 1 − 1/n if one holds everything. Used on Fourier power: how few frequencies
/// carry a weight matrix (Hurley & Rickard 2009, IEEE Trans. Inf. Theory 55, 4723).
///
/// # Errors
/// [`Error::TooFew`] if empty; [`Error::Domain`] if a value is negative, NaN or infinite; [`Error::Undefined`] if all are zero.
pub fn gini(values: &[f64]) -> Result<f64, Error> {
    let what = "Gini coefficient";
    if values.is_empty() {
        return Err(Error::TooFew { what, least: 1, got: 0 });
    }
    if let Some((index, &value)) = values.iter().enumerate().find(|(_, v)| !(v.is_finite() && **v >= 0.0)) {
        return Err(Error::Domain { what, index, value, must: "it must be finite and not negative" });
    }
    let largest = values.iter().copied().fold(0.0, f64::max);
    if largest == 0.0 {
        return Err(Error::Undefined { what, why: "all values are zero" });
    }
    // The coefficient has no scale; dividing by the largest keeps the sums from overflowing.
    let mut sorted: Vec<f64> = values.iter().map(|v| v / largest).collect();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let total: f64 = sorted.iter().sum();
    let weighted: f64 = sorted.iter().enumerate().map(|(i, v)| (2.0 * (i + 1) as f64 - n - 1.0) * v).sum();
    Ok(weighted / (n * total))
}

/// Inverse participation ratio Σ|x|⁴ / (Σ|x|²)² of amplitudes: 1/n when spread evenly over n entries, 1 when one entry holds everything. On
/// Fourier amplitudes this is the localisation measure of the modular-arithmetic papers (card `gromov-modular`, r = 2).
///
/// # Errors
/// [`Error::TooFew`] if empty; [`Error::Domain`] if a value is NaN or infinite; [`Error::Undefined`] if all are zero.
pub fn inverse_participation_ratio(amplitudes: &[f64]) -> Result<f64, Error> {
    let what = "inverse participation ratio";
    if amplitudes.is_empty() {
        return Err(Error::TooFew { what, least: 1, got: 0 });
    }
    if let Some((index, &value)) = amplitudes.iter().enumerate().find(|(_, v)| !v.is_finite()) {
        return Err(Error::Domain { what, index, value, must: "it must be finite" });
    }
    let largest = amplitudes.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    if largest == 0.0 {
        return Err(Error::Undefined { what, why: "all amplitudes are zero" });
    }
    let (mut second, mut fourth) = (0.0, 0.0);
    for v in amplitudes {
        let power = (v / largest) * (v / largest);
        second += power;
        fourth += power * power;
    }
    Ok(fourth / (second * second))
}

/// Spearman's rank correlation: Pearson's correlation of the ranks, ties sharing their mean rank. Infinite values rank as the largest or smallest.
///
/// # Errors
/// [`Error::Lengths`] if the inputs do not pair; [`Error::TooFew`] below 2 pairs; [`Error::Domain`] on NaN; [`Error::Undefined`] if one input is constant.
pub fn spearman(x: &[f64], y: &[f64]) -> Result<f64, Error> {
    let what = "Spearman's correlation";
    if x.len() != y.len() {
        return Err(Error::Lengths { what, left: x.len(), right: y.len() });
    }
    if x.len() < 2 {
        return Err(Error::TooFew { what, least: 2, got: x.len() });
    }
    no_nan(what, x)?;
    no_nan(what, y)?;
    let (rx, ry) = (ranks(x), ranks(y));
    let mean = (x.len() + 1) as f64 / 2.0;
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for (a, b) in rx.iter().zip(&ry) {
        xy += (a - mean) * (b - mean);
        xx += (a - mean) * (a - mean);
        yy += (b - mean) * (b - mean);
    }
    if xx == 0.0 || yy == 0.0 {
        return Err(Error::Undefined { what, why: "one of the inputs is constant" });
    }
    Ok((xy / libm::sqrt(xx * yy)).clamp(-1.0, 1.0))
}

/// Ranks from 1, ties sharing their mean.
pub(crate) fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut below = 0;
    // `==`, not total order: −0 and 0 tie.
    for tie in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let shared = below as f64 + (tie.len() + 1) as f64 / 2.0;
        tie.iter().for_each(|&i| ranks[i] = shared);
        below += tie.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} against {b}");
    }

    #[test]
    fn quantiles_interpolate_as_numpy_does() {
        let v = [7.0, 1.0, 3.0, 10.0];
        close(quantile(&v, 0.5).unwrap(), 5.0);
        close(quantile(&v, 0.25).unwrap(), 2.5);
        close(quantile(&v, 0.9).unwrap(), 9.1);
        close(quantile(&v, 0.0).unwrap(), 1.0);
        close(quantile(&v, 1.0).unwrap(), 10.0);
        assert_eq!(quantile(&[1.0, f64::INFINITY, f64::INFINITY], 0.75).unwrap(), f64::INFINITY);
        assert!(quantile(&[], 0.5).is_err() && quantile(&[f64::NAN], 0.5).is_err() && quantile(&v, 1.1).is_err());
    }

    #[test]
    fn gini_of_known_shares() {
        close(gini(&[1.0; 9]).unwrap(), 0.0);
        close(gini(&[0.0, 0.0, 0.0, 5.0]).unwrap(), 0.75);
        close(gini(&[1.0, 2.0, 3.0, 4.0]).unwrap(), 0.25);
        close(gini(&[1e308, 1e308]).unwrap(), 0.0);
        assert!(gini(&[0.0, 0.0]).is_err() && gini(&[-1.0, 2.0]).is_err() && gini(&[]).is_err());
    }

    #[test]
    fn participation_of_known_vectors() {
        close(inverse_participation_ratio(&[2.0; 8]).unwrap(), 0.125);
        close(inverse_participation_ratio(&[0.0, -3.0, 0.0]).unwrap(), 1.0);
        close(inverse_participation_ratio(&[1.0, 2.0]).unwrap(), 17.0 / 25.0);
        close(inverse_participation_ratio(&[1e200, 1e200]).unwrap(), 0.5);
        assert!(inverse_participation_ratio(&[0.0]).is_err() && inverse_participation_ratio(&[f64::INFINITY]).is_err());
    }

    #[test]
    fn spearman_of_a_published_table() {
        // IQ against hours of television a week, the worked example of the usual textbooks: rho = −29/165.
        let iq = [106.0, 100.0, 86.0, 101.0, 99.0, 103.0, 97.0, 113.0, 112.0, 110.0];
        let tv = [7.0, 27.0, 2.0, 50.0, 28.0, 29.0, 20.0, 12.0, 6.0, 17.0];
        close(spearman(&iq, &tv).unwrap(), -29.0 / 165.0);
        // Ties: ranks 1, 2.5, 2.5, 4 against 1..4.
        close(spearman(&[1.0, 2.0, 2.0, 3.0], &[1.0, 2.0, 3.0, 4.0]).unwrap(), 4.5 / libm::sqrt(4.5 * 5.0));
        assert!(spearman(&[1.0, 1.0], &[1.0, 2.0]).is_err() && spearman(&[1.0], &[1.0]).is_err() && spearman(&[1.0, 2.0], &[1.0]).is_err());
    }

    proptest! {
        #[test]
        fn gini_and_participation_have_no_scale_and_stay_in_range(v in prop::collection::vec(0.001f64..10.0, 1..40), scale in 0.01f64..100.0) {
            let scaled: Vec<f64> = v.iter().map(|x| x * scale).collect();
            let (g, i) = (gini(&v).unwrap(), inverse_participation_ratio(&v).unwrap());
            prop_assert!((g - gini(&scaled).unwrap()).abs() < 1e-10);
            prop_assert!((i - inverse_participation_ratio(&scaled).unwrap()).abs() < 1e-10);
            let n = v.len() as f64;
            prop_assert!(g > -1e-12 && g <= 1.0 - 1.0 / n + 1e-12);
            prop_assert!(i >= 1.0 / n - 1e-12 && i <= 1.0 + 1e-12);
        }

        #[test]
        fn spearman_sees_only_order(v in prop::collection::vec(-5.0f64..5.0, 3..30)) {
            let grown: Vec<f64> = v.iter().map(|x| libm::exp(*x)).collect();
            let turned: Vec<f64> = v.iter().map(|x| -x).collect();
            if let Ok(r) = spearman(&v, &grown) {
                prop_assert!((r - 1.0).abs() < 1e-12);
                prop_assert!((spearman(&v, &turned).unwrap() + 1.0).abs() < 1e-12);
            }
        }
    }
}
