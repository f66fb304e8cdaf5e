//! Several tests at once.

use crate::error::Error;

/// Holm's adjusted p-values, in the order given: rejecting every hypothesis whose adjusted value is at most α keeps the chance of any false rejection at α,
/// whatever the dependence of the tests.
///
/// With p₍₁₎ ≤ … ≤ p₍ₘ₎ the i-th adjusted value is max over j ≤ i of min(1, (m − j + 1) p₍ⱼ₎). Source: Holm (1979), Scand. J. Stat. 6, 65.
///
/// # Errors
/// [`Error::TooFew`] if empty; [`Error::Domain`] if a value is NaN or outside \[0, 1\]. A test that could not be computed must be left out by the caller, who
/// then also says so: it would otherwise change m silently.
pub fn holm(p: &[f64]) -> Result<Vec<f64>, Error> {
    let what = "Holm's adjustment";
    if p.is_empty() {
        return Err(Error::TooFew { what, least: 1, got: 0 });
    }
    if let Some((index, &value)) = p.iter().enumerate().find(|(_, v)| !(0.0..=1.0).contains(*v)) {
        return Err(Error::Domain { what, index, value, must: "a p-value must lie in [0, 1]" });
    }
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut adjusted = vec![0.0; p.len()];
    let mut largest: f64 = 0.0;
    for (done, &i) in order.iter().enumerate() {
        largest = largest.max((p.len() - done) as f64 * p[i]).min(1.0);
        adjusted[i] = largest;
    }
    Ok(adjusted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn agrees_with_statsmodels_and_a_worked_example() {
        // R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm").
        let got = holm(&[0.01, 0.04, 0.03, 0.005]).unwrap();
        for (g, w) in got.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((g - w).abs() < 1e-15, "{got:?}");
        }
        let fixture = crate::fixture::comparisons();
        for case in fixture["holm"].as_array().unwrap() {
            let column = |i: usize| case[i].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect::<Vec<_>>();
            for (g, w) in holm(&column(0)).unwrap().iter().zip(column(1)) {
                assert!((g - w).abs() < 1e-14);
            }
        }
        assert!(holm(&[]).is_err() && holm(&[0.1, f64::NAN]).is_err() && holm(&[1.1]).is_err());
    }

    proptest! {
        #[test]
        fn lies_between_the_raw_value_and_bonferroni_and_follows_permutations(p in prop::collection::vec(0.0f64..=1.0, 1..20)) {
            let adjusted = holm(&p).unwrap();
            for (a, raw) in adjusted.iter().zip(&p) {
                prop_assert!(*a >= *raw && *a <= (p.len() as f64 * raw).min(1.0).max(adjusted.iter().copied().fold(0.0, f64::max)));
            }
            let smallest = p.iter().copied().fold(1.0, f64::min);
            prop_assert_eq!(adjusted.iter().copied().fold(1.0, f64::min), (p.len() as f64 * smallest).min(1.0));
            let turned: Vec<f64> = p.iter().rev().copied().collect();
            let back: Vec<f64> = holm(&turned).unwrap().into_iter().rev().collect();
            prop_assert_eq!(back, adjusted);
        }
    }
}
