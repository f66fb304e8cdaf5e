//! Known answers: the printed table of the Freireich trial, and a fixture by two other packages.

use super::*;
use proptest::prelude::*;
use serde_json::Value;

const SIX_MP: [(f64, bool); 21] = [
    (6.0, true),
    (6.0, true),
    (6.0, true),
    (6.0, false),
    (7.0, true),
    (9.0, false),
    (10.0, true),
    (10.0, false),
    (11.0, false),
    (13.0, true),
    (16.0, true),
    (17.0, false),
    (19.0, false),
    (20.0, false),
    (22.0, true),
    (23.0, true),
    (25.0, false),
    (32.0, false),
    (32.0, false),
    (34.0, false),
    (35.0, false),
];

fn observations(rows: &[(f64, bool)]) -> Vec<Observation> {
    rows.iter().map(|&(time, event)| Observation { time, event }).collect()
}

fn near(got: f64, want: f64, tolerance: f64, what: &str) {
    assert!((got - want).abs() <= tolerance, "{what}: {got} against {want}");
}

#[test]
fn six_mp_agrees_with_the_printed_table_of_survfit() {
    // R: summary(survfit(Surv(time, cens) ~ treat, gehan)) of package MASS, arm 6-MP: time, at risk, S, standard error, log band; and print(rmean = 35).
    let table = [
        (6.0, 21, 0.857, 0.0764, 0.720, 1.000),
        (7.0, 17, 0.807, 0.0869, 0.653, 0.996),
        (10.0, 15, 0.753, 0.0963, 0.586, 0.968),
        (13.0, 12, 0.690, 0.1068, 0.510, 0.935),
        (16.0, 11, 0.627, 0.1141, 0.439, 0.896),
        (22.0, 7, 0.538, 0.1282, 0.337, 0.858),
        (23.0, 6, 0.448, 0.1346, 0.249, 0.807),
    ];
    let curve = KaplanMeier::new(&observations(&SIX_MP)).unwrap();
    assert_eq!((curve.n(), curve.events()), (21, 9));
    let band = curve.band(0.95, BandKind::Log).unwrap();
    let events: Vec<(Step, (f64, f64))> = curve.steps().iter().zip(band).filter(|(s, _)| s.events > 0).map(|(s, b)| (*s, b.unwrap())).collect();
    assert_eq!(events.len(), table.len());
    for ((step, (low, high)), (time, at_risk, survival, se, lower, upper)) in events.iter().zip(table) {
        assert_eq!((step.time, step.at_risk), (time, at_risk));
        near(step.survival, survival, 5e-4, "S");
        near(step.standard_error().unwrap(), se, 5e-5, "standard error");
        near(*low, lower, 5e-4, "low");
        near(*high, upper, 5e-4, "high");
    }
    let median = curve.median(0.95, BandKind::Log).unwrap();
    assert_eq!((median.estimate, median.low, median.high), (Some(23.0), Some(16.0), None));
    let mean = curve.restricted_mean(35.0).unwrap();
    near(mean.mean, 23.29, 5e-3, "restricted mean");
    near(mean.standard_error, 2.83, 5e-3, "its standard error");
    let (low, high) = mean.interval(0.95).unwrap();
    assert!(low < mean.mean && mean.mean < high && high <= 35.0);
}

fn number(v: &Value) -> Option<f64> {
    v.as_f64()
}

#[test]
fn agrees_with_lifelines_and_statsmodels() {
    let fixture: Value = serde_json::from_str(include_str!("../../tests/fixtures/survival.json")).unwrap();
    for name in ["6-MP", "placebo", "budget"] {
        let set = &fixture[name];
        let column = |key: &str| set[key].as_array().unwrap().iter().map(number).collect::<Vec<_>>();
        let data: Vec<Observation> =
            set["observations"].as_array().unwrap().iter().map(|o| Observation { time: o[0].as_f64().unwrap(), event: o[1].as_bool().unwrap() }).collect();
        let curve = KaplanMeier::new(&data).unwrap();
        let steps = curve.steps();
        assert_eq!(steps.iter().map(|s| Some(s.time)).collect::<Vec<_>>(), column("time"), "{name}");
        let band = curve.band(0.95, BandKind::LogLog).unwrap();
        for (i, step) in steps.iter().enumerate() {
            near(step.survival, column("survival")[i].unwrap(), 1e-12, name);
            // lifelines writes (0, 0) where S = 0; here no band exists.
            match band[i] {
                Some((low, high)) => {
                    near(low, column("low")[i].unwrap(), 1e-9, name);
                    near(high, column("high")[i].unwrap(), 1e-9, name);
                }
                None => assert_eq!(step.survival, 0.0),
            }
        }
        for ((time, s), se) in column("event_time").into_iter().zip(column("event_survival")).zip(column("event_se")) {
            let step = steps.iter().find(|step| Some(step.time) == time).unwrap();
            near(step.survival, s.unwrap(), 1e-12, name);
            if let (Some(got), Some(want)) = (step.standard_error(), se) {
                near(got, want, 1e-12, name);
            }
        }
        assert_eq!(curve.median(0.95, BandKind::LogLog).unwrap().estimate, number(&set["median"]), "{name}");
        for p in [0.25, 0.5] {
            for (method, kind) in [("cloglog", BandKind::LogLog), ("log", BandKind::Log)] {
                let want = &set["quantile_intervals"][p.to_string()][method];
                let got = curve.quantile(p, 0.95, kind).unwrap();
                assert_eq!((got.low, got.high), (number(&want[0]), number(&want[1])), "{name} {p} {method}");
            }
        }
        for (h, mean) in column("horizon").into_iter().zip(column("restricted_mean")) {
            near(curve.restricted_mean(h.unwrap()).unwrap().mean, mean.unwrap(), 1e-9, name);
        }
    }
    for pair in fixture["normal"].as_array().unwrap() {
        let (p, z) = (pair[0].as_f64().unwrap(), pair[1].as_f64().unwrap());
        near(crate::normal::normal_quantile(p).unwrap(), z, 1e-13 * z.abs().max(1.0), "normal quantile");
    }
}

#[test]
fn placebo_arm_agrees_with_survfit() {
    // No censoring: R prints rmean 8.67 (standard error 1.38), median 8 (4, 12).
    let times = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23];
    let data: Vec<Observation> = times.iter().map(|&t| Observation::event(f64::from(t))).collect();
    let curve = KaplanMeier::new(&data).unwrap();
    let mean = curve.restricted_mean(23.0).unwrap();
    near(mean.mean, 182.0 / 21.0, 1e-12, "mean");
    // Without censoring the variance is the plain variance of a mean (divisor n).
    let spread = times.iter().map(|&t| (f64::from(t) - 182.0 / 21.0).powi(2)).sum::<f64>() / 21.0 / 21.0;
    near(mean.standard_error, spread.sqrt(), 1e-12, "standard error");
    near(mean.standard_error, 1.38, 5e-3, "standard error as printed");
    let median = curve.median(0.95, BandKind::Log).unwrap();
    assert_eq!((median.estimate, median.low, median.high), (Some(8.0), Some(4.0), Some(12.0)));
}

#[test]
fn edges_are_answered_or_refused_but_never_guessed() {
    assert!(KaplanMeier::new(&[]).is_err());
    assert!(KaplanMeier::new(&[Observation::event(f64::NAN)]).is_err());
    assert!(KaplanMeier::new(&[Observation::censored(f64::INFINITY)]).is_err());
    // Nobody grokked: the curve stays at 1, no quantile is reached.
    let none = KaplanMeier::new(&[Observation::censored(5.0); 4]).unwrap();
    let median = none.median(0.95, BandKind::LogLog).unwrap();
    assert_eq!((median.estimate, median.low, median.high), (None, None, None));
    assert_eq!((none.survival_at(5.0), none.survival_at(5.1), none.survival_at(f64::NAN)), (Some(1.0), None, None));
    near(none.restricted_mean(5.0).unwrap().mean, 5.0, 0.0, "mean");
    assert!(none.restricted_mean(5.5).is_err());
    // One seed only.
    let one = KaplanMeier::new(&[Observation::event(3.0)]).unwrap();
    let median = one.median(0.95, BandKind::LogLog).unwrap();
    assert_eq!((median.estimate, median.low, median.high), (Some(3.0), Some(3.0), None));
    assert_eq!((one.survival_at(2.9), one.survival_at(3.0), one.survival_at(99.0)), (Some(1.0), Some(0.0), Some(0.0)));
    assert_eq!(one.band(0.95, BandKind::Plain).unwrap(), vec![None]);
    near(one.restricted_mean(10.0).unwrap().mean, 3.0, 0.0, "mean");
    // A delay may be negative; its restricted mean must be asked for on shifted times.
    let early = KaplanMeier::new(&[Observation::event(-4.0), Observation::event(2.0)]).unwrap();
    assert_eq!(early.median(0.95, BandKind::LogLog).unwrap().estimate, Some(-4.0));
    assert!(early.restricted_mean(2.0).is_err());
    assert!(early.quantile(1.0, 0.95, BandKind::LogLog).is_err() && early.quantile(0.5, 1.0, BandKind::LogLog).is_err());
}

proptest! {
    #[test]
    fn without_censoring_the_curve_is_the_empirical_one(times in prop::collection::vec(0u32..30, 1..60)) {
        let data: Vec<Observation> = times.iter().map(|&t| Observation::event(f64::from(t))).collect();
        let curve = KaplanMeier::new(&data).unwrap();
        for t in 0..31 {
            let later = times.iter().filter(|&&x| x > t).count() as f64 / times.len() as f64;
            prop_assert!((curve.survival_at(f64::from(t)).unwrap() - later).abs() < 1e-12);
        }
        let mut sorted = times.clone();
        sorted.sort_unstable();
        let median = sorted[(times.len() - 1) / 2];
        prop_assert_eq!(curve.median(0.95, BandKind::LogLog).unwrap().estimate, Some(f64::from(median)));
    }

    #[test]
    fn bands_hold_the_curve_and_widen_with_the_level(rows in prop::collection::vec((0u32..40, any::<bool>()), 1..60)) {
        let data: Vec<Observation> = rows.iter().map(|&(t, event)| Observation { time: f64::from(t), event }).collect();
        let curve = KaplanMeier::new(&data).unwrap();
        for kind in [BandKind::Plain, BandKind::Log, BandKind::LogLog] {
            let (narrow, wide) = (curve.band(0.8, kind).unwrap(), curve.band(0.99, kind).unwrap());
            for ((step, n), w) in curve.steps().iter().zip(narrow).zip(wide) {
                if let (Some(n), Some(w)) = (n, w) {
                    prop_assert!(0.0 <= w.0 && w.0 <= n.0 && n.0 <= step.survival && step.survival <= n.1 && n.1 <= w.1 && w.1 <= 1.0);
                }
            }
        }
        let median = curve.median(0.95, BandKind::LogLog).unwrap();
        if let (Some(low), Some(mid)) = (median.low, median.estimate) { prop_assert!(low <= mid); }
        if let (Some(mid), Some(high)) = (median.estimate, median.high) { prop_assert!(mid <= high); }
    }

    #[test]
    fn order_of_subjects_and_unit_of_time_do_not_matter(rows in prop::collection::vec((1u32..40, any::<bool>()), 1..40)) {
        let data: Vec<Observation> = rows.iter().map(|&(t, event)| Observation { time: f64::from(t), event }).collect();
        let mut turned: Vec<Observation> = data.iter().map(|o| Observation { time: o.time * 8.0, ..*o }).collect();
        turned.reverse();
        let (a, b) = (KaplanMeier::new(&data).unwrap(), KaplanMeier::new(&turned).unwrap());
        let horizon = a.steps().last().unwrap().time;
        let (ma, mb) = (a.restricted_mean(horizon).unwrap(), b.restricted_mean(horizon * 8.0).unwrap());
        prop_assert_eq!(ma.mean * 8.0, mb.mean);
        prop_assert_eq!(ma.standard_error * 8.0, mb.standard_error);
        prop_assert!(ma.mean <= horizon);
    }
}
