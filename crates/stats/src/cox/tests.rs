//! Against statsmodels and lifelines, printed examples of R, and laws.

use super::*;
use crate::fixture::{comparisons, data, near, numbers};
use crate::logrank::log_rank;
use proptest::prelude::*;

#[test]
fn agrees_with_statsmodels_and_lifelines() {
    let fixture = comparisons();
    let mut compared = 0;
    for (name, set) in fixture["sets"].as_object().unwrap() {
        let (rows, observations, strata) = data(set);
        for (key, strata) in [("cox", None), ("cox_stratified", Some(&strata[..]))] {
            let want = &set[key];
            if want.is_null() {
                continue;
            }
            for (ties, ties_name) in [(Ties::Efron, "efron"), (Ties::Breslow, "breslow")] {
                let what = format!("{name}, {key}, {ties_name}");
                let fit = Cox::fit(&rows, &observations, strata, ties).unwrap();
                let want = &want[ties_name];
                for ((c, beta), se) in fit.coefficients.iter().zip(numbers(&want["beta"])).zip(numbers(&want["se"])) {
                    near(c.estimate, beta, 1e-9, &what);
                    near(c.standard_error, se, 1e-9, &what);
                    let (low, high) = c.interval(0.95).unwrap();
                    near(high - low, 2.0 * 1.959_963_984_540_054 * se, 1e-9, &what);
                }
                near(fit.log_likelihood, want["log_likelihood"].as_f64().unwrap(), 1e-11, &what);
                near(fit.null_log_likelihood, want["null"].as_f64().unwrap(), 1e-11, &what);
                near(fit.score.statistic, want["score"].as_f64().unwrap(), 1e-9, &what);
                assert!(fit.iterations < 10, "{what}: {}", fit.iterations);
                compared += 1;
            }
            let fit = Cox::fit(&rows, &observations, strata, Ties::Efron).unwrap();
            near(fit.concordance.unwrap(), want["concordance"].as_f64().unwrap(), 1e-12, name);
            let drift = fit.proportionality().unwrap();
            for ((got, statistic), correlation) in drift.covariates.iter().zip(numbers(&want["drift"])).zip(numbers(&want["drift_correlation"])) {
                near(got.statistic, statistic, 1e-6, name); // lifelines stops a little earlier
                near(got.correlation, correlation, 1e-6, name);
                near(got.p, normal_two_sided(libm::sqrt(statistic)), 1e-5, name);
            }
            near(drift.global.statistic, want["global_drift"].as_f64().unwrap(), 1e-6, name);
        }
    }
    assert_eq!(compared, 10);
}

#[test]
fn agrees_with_what_r_prints() {
    let fixture = comparisons();
    // R: coxph(Surv(week, arrest) ~ fin + age + race + wexp + mar + paro + prio, Rossi), Fox & Weisberg (2019), appendix on Cox regression: coef, se(coef).
    let (rows, observations, _) = data(&fixture["sets"]["rossi"]);
    let fit = Cox::fit(&rows, &observations, None, Ties::Efron).unwrap();
    let printed = [(-0.3794, 0.1914), (-0.0574, 0.0220), (0.3139, 0.3080), (-0.1498, 0.2122), (-0.4337, 0.3819), (-0.0849, 0.1958), (0.0915, 0.0286)];
    for (c, (estimate, se)) in fit.coefficients.iter().zip(printed) {
        assert!((c.estimate - estimate).abs() < 6e-5 && (c.standard_error - se).abs() < 6e-5, "{c:?}");
    }
    let ratio = fit.likelihood_ratio().unwrap();
    assert!((ratio.statistic - 33.27).abs() < 5e-3 && ratio.df == 7, "{ratio:?}");
    assert_eq!((fit.events, (fit.concordance.unwrap() * 100.0).round()), (114, 64.0));
    // The trial of 6-MP: 1.572 (0.412) by Efron, 1.509 (0.410) by Breslow.
    let (rows, observations, _) = data(&fixture["sets"]["freireich"]);
    for (ties, estimate, se) in [(Ties::Efron, 1.572, 0.412), (Ties::Breslow, 1.509, 0.410)] {
        let c = Cox::fit(&rows, &observations, None, ties).unwrap().coefficients[0];
        assert!((c.estimate - estimate).abs() < 5e-4 && (c.standard_error - se).abs() < 5e-4, "{c:?}");
    }
}

fn subjects(rows: &[(&[f64], f64, bool)]) -> (Vec<Vec<f64>>, Vec<Observation>) {
    rows.iter().map(|&(x, time, event)| (x.to_vec(), Observation { time, event })).unzip()
}

#[test]
fn says_what_is_wrong_with_the_data() {
    // Every event of the first arm precedes those of the second: the coefficient is infinite.
    let (rows, observations) = subjects(&[(&[1.0], 1.0, true), (&[1.0], 2.0, true), (&[0.0], 3.0, true), (&[0.0], 4.0, true)]);
    let why = |r: Result<CoxFit, Error>| r.unwrap_err();
    assert_eq!(why(Cox::fit(&rows, &observations, None, Ties::Efron)), Error::Covariate { what: WHAT, column: 0, why: SEPARATES });
    // An arm without events, beside a covariate that is fine.
    let noise = [0.3, -1.0, 0.8, 0.1, -0.4, 0.9, -0.2, 0.5];
    let rows: Vec<Vec<f64>> = (0..8).map(|i| vec![noise[i], f64::from(u8::from(i < 4))]).collect();
    let observations: Vec<Observation> = (0..8).map(|i| Observation { time: (i % 4 + 1) as f64, event: i < 4 }).collect();
    assert_eq!(why(Cox::fit(&rows, &observations, None, Ties::Efron)), Error::Covariate { what: WHAT, column: 1, why: SEPARATES });
    // The third is the sum of the others; a constant; a constant within strata.
    let with = |f: &dyn Fn(usize) -> Vec<f64>| (0..8).map(f).collect::<Vec<_>>();
    let all: Vec<Observation> = [3.0, 1.0, 4.0, 2.0, 8.0, 6.0, 7.0, 5.0].map(Observation::event).to_vec();
    let dependent = with(&|i| vec![noise[i], noise[(i * 3) % 8], noise[i] + noise[(i * 3) % 8]]);
    assert_eq!(why(Cox::fit(&dependent, &all, None, Ties::Efron)), Error::Covariate { what: WHAT, column: 2, why: DEPENDS });
    assert!(matches!(why(Cox::fit(&with(&|i| vec![noise[i], 0.1]), &all, None, Ties::Efron)), Error::Covariate { column: 1, .. }));
    let strata = [0, 0, 0, 0, 1, 1, 1, 1];
    let by_stratum = with(&|i| vec![strata[i] as f64]);
    assert_eq!(why(Cox::fit(&by_stratum, &all, Some(&strata), Ties::Efron)), Error::Covariate { what: WHAT, column: 0, why: DEPENDS });
    // One that varies, but not among those at risk at the only event: rounding leaves it a sliver of information.
    let (rows, observations) = subjects(&[
        (&[-2.0, -1.0], 0.0, false),
        (&[-3.0, 0.0], 0.0, false),
        (&[2.0, 0.0], 0.0, false),
        (&[-1.0, 0.0], 1.0, true),
        (&[-1.0, 0.0], 1.0, false),
        (&[-1.0, 2.0], 1.0, false),
    ]);
    assert_eq!(why(Cox::fit(&rows, &observations, None, Ties::Efron)), Error::Covariate { what: WHAT, column: 0, why: DEPENDS });
    // And the plain ones.
    let censored: Vec<Observation> = (0..8).map(|i| Observation::censored(f64::from(i))).collect();
    let fine = with(&|i| vec![noise[i]]);
    assert!(matches!(why(Cox::fit(&fine, &censored, None, Ties::Efron)), Error::Undefined { .. }));
    assert!(Cox::fit(&fine[..7], &all, None, Ties::Efron).is_err() && Cox::fit(&fine, &all, Some(&[0]), Ties::Efron).is_err());
    assert!(Cox::fit(&[], &[], None, Ties::Efron).is_err() && Cox::fit(&vec![vec![]; 8], &all, None, Ties::Efron).is_err());
    assert!(Cox::fit(&with(&|i| vec![if i == 3 { f64::NAN } else { noise[i] }]), &all, None, Ties::Efron).is_err());
}

#[test]
fn scale_and_origin_of_a_covariate_do_not_matter() {
    let fixture = comparisons();
    let (rows, observations, _) = data(&fixture["sets"]["ties"]);
    let moved: Vec<Vec<f64>> = rows.iter().map(|r| vec![r[0], 1e6 + 1e-3 * r[1], r[2]]).collect();
    let (a, b) = (Cox::fit(&rows, &observations, None, Ties::Efron).unwrap(), Cox::fit(&moved, &observations, None, Ties::Efron).unwrap());
    near(b.coefficients[1].estimate, 1e3 * a.coefficients[1].estimate, 1e-6, "scaled");
    near(b.coefficients[1].z, a.coefficients[1].z, 1e-6, "z");
    near(b.coefficients[0].estimate, a.coefficients[0].estimate, 1e-6, "another");
}

proptest! {
    #[test]
    fn score_test_of_one_binary_covariate_without_ties_is_the_log_rank_test(data in prop::collection::vec((any::<bool>(), any::<bool>()), 4..60), mix in 1usize..50) {
        // Distinct times in an order that `mix` scrambles.
        let n = data.len();
        let time = |i: usize| ((i * mix + i * i) % 97 * n + i) as f64;
        let observations: Vec<Observation> = data.iter().enumerate().map(|(i, d)| Observation { time: time(i), event: d.1 }).collect();
        let rows: Vec<Vec<f64>> = data.iter().map(|d| vec![f64::from(u8::from(d.0))]).collect();
        let group = |g: bool| observations.iter().zip(&data).filter(|(_, d)| d.0 == g).map(|(o, _)| *o).collect::<Vec<_>>();
        if let (Ok(test), Ok(fit)) = (log_rank(&[group(false), group(true)]), Cox::fit(&rows, &observations, None, Ties::Breslow)) {
            prop_assert!((test.statistic - fit.score.statistic).abs() <= 1e-9 * (1.0 + test.statistic), "{} {}", test.statistic, fit.score.statistic);
            // The coefficient's sign says which arm had more events than expected.
            prop_assert!(fit.coefficients[0].estimate * (test.observed[1] - test.expected[1]) >= -1e-9);
        }
    }

    #[test]
    fn never_panics_and_converges_or_says_why(data in prop::collection::vec((-3i8..4, -3i8..4, 0u8..12, any::<bool>()), 1..25)) {
        let rows: Vec<Vec<f64>> = data.iter().map(|d| vec![f64::from(d.0), f64::from(d.1)]).collect();
        let observations: Vec<Observation> = data.iter().map(|d| Observation { time: f64::from(d.2), event: d.3 }).collect();
        for ties in [Ties::Efron, Ties::Breslow] {
            match Cox::fit(&rows, &observations, None, ties) {
                Ok(fit) => {
                    prop_assert!(fit.log_likelihood >= fit.null_log_likelihood - 1e-9);
                    prop_assert!(fit.coefficients.iter().all(|c| c.standard_error > 0.0 && c.standard_error.is_finite()), "{:?}", fit);
                }
                Err(e) => prop_assert!(!matches!(e, Error::Undefined { why, .. } if why.contains("settle")), "{}", e),
            }
        }
    }
}
