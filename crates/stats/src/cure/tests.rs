//! The same likelihood by scipy, and populations whose cured share is known.

use super::*;
use crate::laws::tests::{Random, fixture, near};

fn draw(n: usize, pi: f64, budget: f64, random: &mut Random) -> Vec<Observation> {
    (0..n)
        .map(|_| {
            let (cured, time) = (random.uniform() < pi, libm::exp(6.0 + 0.7 * random.normal()));
            if cured || time > budget { Observation::censored(budget) } else { Observation::event(time) }
        })
        .collect()
}

#[test]
fn agrees_with_scipy_on_the_same_likelihood() {
    let fixture = fixture();
    let want = |key: &str| fixture["cure"][key].as_f64().unwrap();
    let rows = fixture["cure"]["observations"].as_array().unwrap();
    let data: Vec<Observation> = rows.iter().map(|r| Observation { time: r[0].as_f64().unwrap(), event: r[1].as_bool().unwrap() }).collect();
    let got = cure(&data, 0.95).unwrap();
    near(got.pi, want("pi"), 1e-8, "pi");
    near(got.mu, want("mu"), 1e-8, "mu");
    near(got.sigma, want("sigma"), 1e-8, "sigma");
    near(got.median_of_events(), libm::exp(want("mu")), 1e-7, "median of events");
    near(got.log_likelihood, want("log_likelihood"), 1e-10, "log-likelihood");
    near(got.null_log_likelihood, want("null_log_likelihood"), 1e-10, "null");
    near(got.low, want("low"), 1e-7, "low");
    near(got.high, want("high"), 1e-7, "high");
    near(got.p_value / want("p_value"), 1.0, 1e-7, "p");
    assert_eq!((got.horizon, got.n), (8_000.0, 80));
    assert!(got.plateau.identifiable && got.plateau.follow_up < 0.05, "{:?}", got.plateau);
    near(got.survival_at(8_000.0).unwrap(), got.pi, 0.01, "plateau");
    assert_eq!((got.survival_at(0.0), got.survival_at(8_001.0)), (Some(1.0), None));
    // Beside the curve without a model.
    let free = crate::KaplanMeier::new(&data).unwrap();
    for t in [500.0, 1_000.0, 2_000.0, 3_900.0] {
        near(got.survival_at(t).unwrap(), free.survival_at(t).unwrap(), 0.06, "S");
    }
}

#[test]
fn interval_covers_the_cured_share_as_often_as_it_says() {
    // 300 repetitions at 0.9: binomial standard deviation 5.2, four of them either way.
    let mut random = Random(31);
    let covered = (0..300)
        .filter(|_| {
            let fit = cure(&draw(80, 0.3, 4_000.0, &mut random), 0.9).unwrap();
            fit.low <= 0.3 && 0.3 <= fit.high
        })
        .count();
    assert!((249..=291).contains(&covered), "{covered} of 300");
}

#[test]
fn test_of_no_cured_share_holds_its_level() {
    // Everyone gets there in the end, a tenth or so after the budget: p < 0.05 in about 15 of 300 (sd 3.8, four either way); half of the ratios are 0.
    let mut random = Random(32);
    let fits: Vec<CureFit> = (0..300).map(|_| cure(&draw(80, 0.0, 1_000.0, &mut random), 0.95).unwrap()).collect();
    let rejected = fits.iter().filter(|f| f.p_value < 0.05).count();
    assert!((2..=31).contains(&rejected), "{rejected} of 300");
    let zero = fits.iter().filter(|f| f.pi == 0.0).count();
    assert!((100..=210).contains(&zero), "{zero} of 300");
    // The interval reaches 0 exactly where π = 0 is within it by the ratio.
    assert!(fits.iter().all(|f| (f.low == 0.0) == (f.likelihood_ratio() <= 3.841_458_820_694_124)));
    assert!(fits.iter().any(|f| f.pi > 0.0 && f.low == 0.0));
    assert!(fits.iter().all(|f| f.likelihood_ratio() >= 0.0 && (f.pi > 0.0 || (f.low == 0.0 && f.p_value == 1.0))));
}

#[test]
fn a_short_budget_is_flagged() {
    // The budget is the median of those who get there: no plateau to be seen, whatever the estimate says.
    let mut random = Random(33);
    let short = cure(&draw(200, 0.3, libm::exp(6.0), &mut random), 0.95).unwrap();
    assert!(!short.plateau.identifiable && short.plateau.covered < 0.95, "{short:?}");
    assert!(short.high - short.low > 0.3, "{short:?}");
    let long = cure(&draw(200, 0.3, 20_000.0, &mut random), 0.95).unwrap();
    assert!(long.plateau.identifiable && long.plateau.censored_beyond > 40, "{long:?}");
    // All events: no cured share, and no plateau.
    let all = cure(&draw(50, 0.0, 1e9, &mut random), 0.95).unwrap();
    assert_eq!((all.pi, all.low, all.plateau.censored_beyond, all.plateau.follow_up), (0.0, 0.0, 0, 1.0));
    assert!(!all.plateau.identifiable && all.high < 0.2);
}

#[test]
fn refuses_what_has_no_fit() {
    let event = Observation::event;
    assert!(matches!(cure(&[], 0.95), Err(Error::TooFew { .. })));
    assert!(matches!(cure(&[Observation::censored(5.0)], 0.95), Err(Error::Undefined { .. })));
    assert!(matches!(cure(&[event(5.0), event(5.0), Observation::censored(9.0)], 0.95), Err(Error::Undefined { .. })));
    assert!(matches!(cure(&[event(5.0), event(-5.0)], 0.95), Err(Error::Domain { index: 1, .. })));
    assert!(cure(&[event(5.0), event(6.0)], 1.5).is_err());
}
