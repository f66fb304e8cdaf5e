//! Against lifelines (settled to all digits by automatic differentiation), a printed example of R, and laws.

use super::*;
use crate::fixture::{comparisons, data, near, numbers};
use proptest::prelude::*;

#[test]
fn agrees_with_lifelines() {
    let fixture = comparisons();
    for (name, set) in fixture["sets"].as_object().unwrap() {
        let (rows, observations, _) = data(set);
        for (family, key) in [(Family::Weibull, "weibull"), (Family::LogNormal, "lognormal")] {
            let what = format!("{name}, {key}");
            let fit = Aft::fit(&rows, &observations, family).unwrap();
            let theta = numbers(&set[key]["theta"]);
            let got: Vec<Coefficient> = [fit.intercept].into_iter().chain(fit.coefficients.iter().copied()).chain([fit.ln_scale]).collect();
            assert_eq!(got.len(), theta.len());
            for (i, (c, want)) in got.iter().zip(theta).enumerate() {
                near(c.estimate, want, 1e-7, &what);
                let row = numbers(&set[key]["covariance"][i]);
                near(c.standard_error, libm::sqrt(row[i]), 1e-7, &what);
                for (a, b) in fit.covariance[i].iter().zip(row) {
                    near(*a, b, 1e-6, &what);
                }
            }
            near(fit.log_likelihood, set[key]["log_likelihood"].as_f64().unwrap(), 1e-10, &what);
            assert!(fit.iterations < 15, "{what}: {}", fit.iterations);
        }
    }
}

#[test]
fn agrees_with_what_survreg_prints() {
    // R: survreg(Surv(futime, fustat) ~ ecog.ps + rx, ovarian, dist = "weibull"), the example of its help page.
    let fixture = comparisons();
    let (rows, observations, _) = data(&fixture["sets"]["ovarian"]);
    let fit = Aft::fit(&rows, &observations, Family::Weibull).unwrap();
    let printed = [(fit.intercept, 6.897, 1.178), (fit.coefficients[0], -0.385, 0.527), (fit.coefficients[1], 0.529, 0.529), (fit.ln_scale, -0.123, 0.252)];
    for (c, estimate, se) in printed {
        assert!((c.estimate - estimate).abs() < 6e-4 && (c.standard_error - se).abs() < 6e-4, "{c:?}");
    }
    let empty = Aft::fit(&vec![vec![]; rows.len()], &observations, Family::Weibull).unwrap();
    assert!((fit.log_likelihood + 97.1).abs() < 0.05 && (empty.log_likelihood + 98.0).abs() < 0.05);
    let ratio = fit.likelihood_ratio(&empty).unwrap();
    assert!((ratio.statistic - 1.74).abs() < 5e-3 && ratio.df == 2 && (ratio.p - 0.42).abs() < 5e-3, "{ratio:?}");
    assert!(empty.likelihood_ratio(&fit).is_err() && fit.predict(&[1.0]).is_err());
    near(fit.predict(&[0.0, 0.0]).unwrap(), fit.intercept.estimate, 1e-15, "prediction");
}

#[test]
fn tail_of_the_normal_is_smooth_where_the_formulas_meet_and_far_out() {
    // ln(1 − Φ) and the hazard, to 17 digits by mpmath.
    let table = [
        (-40.0, 0.0, 0.0),
        (-1.0, -0.172_753_779_023_449_89, 0.287_599_970_939_178_4),
        (4.999_999, -15.064_993_207_485_242, 5.186_502_999_822_282),
        (50.0, -1_254.831_361_139_42, 50.019_984_031_905_64),
    ];
    for (w, log_survival, hazard) in table {
        let (a, b) = normal_tail(w);
        near(a, log_survival, 1e-13, "ln S");
        near(b, hazard, 1e-13, "hazard");
    }
    let (below, at) = (normal_tail(5.0 - 1e-13), normal_tail(5.0));
    near(below.0, at.0, 1e-12, "ln S at 5");
    near(below.1, at.1, 1e-12, "hazard at 5");
}

#[test]
fn says_what_is_wrong_with_the_data() {
    let plain = |n: usize| vec![vec![]; n];
    let zero = [Observation::event(0.0), Observation::event(1.0), Observation::event(3.0)];
    let message = Aft::fit(&plain(3), &zero, Family::Weibull).unwrap_err().to_string();
    assert!(message.contains("value 0") && message.contains("half a step"), "{message}");
    for family in [Family::Weibull, Family::LogNormal] {
        let fit = |rows: &[Vec<f64>], o: &[Observation]| Aft::fit(rows, o, family).unwrap_err();
        assert!(matches!(fit(&plain(2), &[Observation::censored(1.0), Observation::censored(2.0)]), Error::Undefined { .. }));
        assert!(matches!(fit(&plain(2), &[Observation::event(2.0); 2]), Error::Undefined { .. }));
        // One event and no covariate; two events on a line; both leave σ free to go to 0.
        let exact = fit(&plain(3), &[Observation::event(2.0), Observation::censored(1.0), Observation::censored(0.5)]);
        assert!(exact.to_string().contains("exactly"), "{exact}");
        let exact = fit(&[vec![0.0], vec![1.0], vec![3.0]], &[Observation::event(1.0), Observation::event(2.0), Observation::event(8.0)]);
        assert!(exact.to_string().contains("exactly"), "{exact}");
        // An arm without events.
        let times = [1.0, 3.0, 2.0, 5.0, 4.0, 7.0, 9.0, 8.0];
        let rows: Vec<Vec<f64>> = (0..8).map(|i| vec![f64::from(u8::from(i >= 4))]).collect();
        let observations: Vec<Observation> = (0..8).map(|i| Observation { time: times[i], event: i < 4 }).collect();
        assert_eq!(fit(&rows, &observations), Error::Covariate { what: WHAT, column: 0, why: SEPARATES });
        let twice: Vec<Vec<f64>> = (0..8).map(|i| vec![times[(i * 3) % 8], 1.0 - 2.0 * times[(i * 3) % 8]]).collect();
        let events: Vec<Observation> = times.map(Observation::event).to_vec();
        assert_eq!(fit(&twice, &events), Error::Covariate { what: WHAT, column: 1, why: DEPENDS });
    }
}

proptest! {
    #[test]
    fn changing_the_unit_of_time_moves_the_intercept_alone(
        data in prop::collection::vec((-2.0f64..2.0, 0.1f64..50.0, 0u8..4), 12..40), unit in 1e-4f64..1e4, normal in any::<bool>(),
    ) {
        let family = if normal { Family::LogNormal } else { Family::Weibull };
        let rows: Vec<Vec<f64>> = data.iter().map(|d| vec![d.0]).collect();
        let observations: Vec<Observation> = data.iter().map(|d| Observation { time: d.1, event: d.2 > 0 }).collect();
        let scaled: Vec<Observation> = observations.iter().map(|o| Observation { time: o.time * unit, event: o.event }).collect();
        if let (Ok(a), Ok(b)) = (Aft::fit(&rows, &observations, family), Aft::fit(&rows, &scaled, family)) {
            prop_assert!((b.intercept.estimate - a.intercept.estimate - libm::log(unit)).abs() < 1e-7);
            prop_assert!((b.coefficients[0].estimate - a.coefficients[0].estimate).abs() < 1e-7);
            prop_assert!((b.ln_scale.standard_error - a.ln_scale.standard_error).abs() < 1e-7);
            let events = observations.iter().filter(|o| o.event).count() as f64;
            prop_assert!((b.log_likelihood - a.log_likelihood + events * libm::log(unit)).abs() < 1e-6);
        }
    }

    #[test]
    fn never_panics_and_converges_or_says_why(data in prop::collection::vec((-3i8..4, 0u8..2, 1u8..12, any::<bool>()), 1..25), normal in any::<bool>()) {
        let family = if normal { Family::LogNormal } else { Family::Weibull };
        let rows: Vec<Vec<f64>> = data.iter().map(|d| vec![f64::from(d.0), f64::from(d.1)]).collect();
        let observations: Vec<Observation> = data.iter().map(|d| Observation { time: f64::from(d.2), event: d.3 }).collect();
        match Aft::fit(&rows, &observations, family) {
            Ok(fit) => {
                let mut all = fit.coefficients.iter().chain([&fit.intercept, &fit.ln_scale]);
                prop_assert!(fit.log_likelihood.is_finite() && all.all(|c| c.standard_error > 0.0 && c.standard_error.is_finite()), "{:?}", fit);
            }
            Err(e) => prop_assert!(!matches!(e, Error::Undefined { why, .. } if why.contains("settle")), "{}", e),
        }
    }
}
