//! Against lifelines and statsmodels, the printed output of R's survdiff, and laws.

use super::*;
use crate::fixture::{comparisons, data, near, numbers};
use proptest::prelude::*;

fn split(observations: &[Observation], group: &[f64], k: usize) -> Vec<Vec<Observation>> {
    (0..k).map(|g| observations.iter().zip(group).filter(|(_, h)| **h as usize == g).map(|(o, _)| *o).collect()).collect()
}

#[test]
fn agrees_with_lifelines_and_statsmodels() {
    let fixture = comparisons();
    for case in fixture["log_rank"].as_array().unwrap() {
        let (_, observations, strata) = data(&fixture["sets"][case["set"].as_str().unwrap()]);
        let group = numbers(&case["group"]);
        let k = group.iter().copied().fold(0.0, f64::max) as usize + 1;
        let got = log_rank(&split(&observations, &group, k)).unwrap();
        near(got.statistic, case["statistic"].as_f64().unwrap(), 1e-10, "statistic");
        near(got.p, case["p"].as_f64().unwrap(), 1e-9, "p");
        assert_eq!(got.df, k - 1);
        let by_stratum: Vec<Vec<Vec<Observation>>> = (0..3)
            .map(|s| {
                let (o, g): (Vec<Observation>, Vec<f64>) =
                    observations.iter().zip(&group).zip(&strata).filter(|(_, t)| **t == s).map(|((o, g), _)| (*o, *g)).unzip();
                split(&o, &g, k)
            })
            .collect();
        let got = log_rank_stratified(&by_stratum).unwrap();
        near(got.statistic, case["stratified"].as_f64().unwrap(), 1e-10, "stratified statistic");
        near(got.p, case["stratified_p"].as_f64().unwrap(), 1e-9, "stratified p");
    }
}

#[test]
fn agrees_with_what_survdiff_prints() {
    let fixture = comparisons();
    // R: survdiff(Surv(futime, fustat) ~ rx, ovarian), the example of its help page; and the trial of 6-MP.
    let (rows, observations, _) = data(&fixture["sets"]["ovarian"]);
    let rx: Vec<f64> = rows.iter().map(|r| r[1] - 1.0).collect();
    let got = log_rank(&split(&observations, &rx, 2)).unwrap();
    assert_eq!(got.observed, [7.0, 5.0]);
    assert!((got.expected[0] - 5.23).abs() < 5e-3 && (got.expected[1] - 6.77).abs() < 5e-3 && (got.p - 0.303).abs() < 5e-4, "{got:?}");
    let (rows, observations, _) = data(&fixture["sets"]["freireich"]);
    let arm: Vec<f64> = rows.iter().map(|r| r[0]).collect();
    let got = log_rank(&split(&observations, &arm, 2)).unwrap();
    assert_eq!(got.observed, [9.0, 21.0]);
    assert!((got.expected[0] - 19.25).abs() < 5e-3 && (got.expected[1] - 10.75).abs() < 5e-3 && (got.statistic - 16.79).abs() < 5e-3, "{got:?}");
}

#[test]
fn groups_that_never_meet_lose_degrees_of_freedom() {
    let early: Vec<Observation> = [1.0, 2.0, 3.0].map(Observation::event).to_vec();
    let late: Vec<Observation> = [2.0, 4.0, 5.0].map(Observation::event).to_vec();
    // Groups 0 and 1 meet in the first stratum, 2 and 3 in the second.
    let strata = vec![vec![early.clone(), late.clone(), vec![], vec![]], vec![vec![], vec![], early.clone(), late.clone()]];
    let (both, one) = (log_rank_stratified(&strata).unwrap(), log_rank(&[early.clone(), late.clone()]).unwrap());
    assert_eq!((both.df, one.df), (2, 1));
    near(both.statistic, 2.0 * one.statistic, 1e-12, "two strata alike");
    // A group censored before the first event says nothing.
    let silent = vec![Observation::censored(0.5)];
    let with = log_rank(&[early.clone(), silent.clone(), late.clone()]).unwrap();
    assert_eq!((with.df, with.expected[1]), (1, 0.0));
    near(with.statistic, one.statistic, 1e-12, "with a silent group");
    assert!(matches!(log_rank(&[early.clone(), silent]), Err(Error::Undefined { .. })));
    assert!(log_rank(std::slice::from_ref(&early)).is_err() && log_rank(&[early.clone(), vec![]]).is_err() && log_rank_stratified(&[]).is_err());
    assert!(log_rank_stratified(&[vec![early.clone(), late.clone()], vec![late.clone()]]).is_err());
    assert!(log_rank(&[early, vec![Observation::event(f64::INFINITY)]]).is_err());
}

#[test]
fn difference_of_restricted_means() {
    let curve = |o: &[Observation]| KaplanMeier::new(o).unwrap();
    let fixture = comparisons();
    let (_, observations, _) = data(&fixture["sets"]["freireich"]);
    // 6-MP against placebo; both restricted means and their standard errors are held to R in the tests of the curve.
    let (a, b) = (curve(&observations[..21]), curve(&observations[21..]));
    let got = restricted_mean_difference(&a, &b, 23.0).unwrap();
    let (x, y) = (a.restricted_mean(23.0).unwrap(), b.restricted_mean(23.0).unwrap());
    near(got.difference, x.mean - 182.0 / 21.0, 1e-12, "difference");
    near(got.standard_error * got.standard_error, x.standard_error * x.standard_error + y.standard_error * y.standard_error, 1e-12, "variance");
    near(got.z, got.difference / got.standard_error, 1e-15, "z");
    assert!(got.p < 1e-3 && got.interval(0.95).unwrap().0 > 0.0, "{got:?}");
    let turned = restricted_mean_difference(&b, &a, 23.0).unwrap();
    assert_eq!((turned.difference, turned.p), (-got.difference, got.p));
    assert!(restricted_mean_difference(&a, &b, 0.5).is_err(), "no spread before the first event");
    assert!(restricted_mean_difference(&a, &b, 50.0).is_err(), "beyond the last time");
}

proptest! {
    #[test]
    fn sees_only_the_order_of_times_and_no_names_of_groups(
        data in prop::collection::vec((0usize..3, 0u8..15, any::<bool>()), 6..60),
    ) {
        let groups = |time: &dyn Fn(f64) -> f64, name: [usize; 3]| {
            let mut out = vec![Vec::new(); 3];
            data.iter().for_each(|&(g, t, event)| out[name[g]].push(Observation { time: time(f64::from(t)), event }));
            out
        };
        let plain = log_rank(&groups(&|t| t, [0, 1, 2]));
        let grown = log_rank(&groups(&|t| libm::exp(t) - 7.0, [0, 1, 2]));
        prop_assert_eq!(&plain, &grown);
        if let (Ok(a), Ok(b)) = (plain, log_rank(&groups(&|t| t, [2, 0, 1]))) {
            prop_assert!((a.statistic - b.statistic).abs() <= 1e-9 * (1.0 + a.statistic), "{} {}", a.statistic, b.statistic);
            prop_assert_eq!((a.df, a.observed[0]), (b.df, b.observed[2]));
            let (o, e): (f64, f64) = (a.observed.iter().sum(), a.expected.iter().sum());
            prop_assert!((o - e).abs() < 1e-9 && a.statistic >= 0.0);
        }
    }
}
