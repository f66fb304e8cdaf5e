//! Comparison of laws: the true one predicts settings that it has not seen, and what cannot be fitted says so.

use super::recovery::draw;
use super::*;

fn quick() -> CompareOptions {
    CompareOptions { intervals: WALD, paired: Bootstrap { resamples: 500, ..Bootstrap::default() } }
}

#[test]
fn the_true_law_wins_on_settings_it_has_not_seen() {
    for (truth, parameters) in
        [(Law::Power, &[1_500.0, -0.8][..]), (Law::Exponential, &[6_000.0, -1.2]), (Law::Logarithmic, &[2_500.0, -1_500.0]), (Law::Offset, &[500.0, 900.0])]
    {
        let mut random = Random(11);
        let (mut wins, mut weights) = (0, 0.0);
        for _ in 0..30 {
            let points = draw(truth, parameters, 0.05, 6, 8, 4_500.0, &mut random);
            let comparison = compare(&Law::ALL, &points, &quick()).unwrap();
            wins += usize::from(comparison.best == Some(truth));
            weights += comparison.entry(truth).unwrap().weight.unwrap();
            let total: f64 = comparison.entries.iter().filter_map(|e| e.weight).sum();
            near(total, 1.0, 1e-12, "weights");
        }
        assert!(wins >= 27, "{truth} wins {wins} of 30");
        assert!(weights > 25.0, "{truth} has weight {weights} of 30");
    }
}

#[test]
fn a_true_null_is_not_beaten_and_a_false_one_is() {
    // Truth c/(ηλ): no law has an interval of the difference that lies below it more often than chance allows, while the constant loses every time.
    let mut random = Random(21);
    let (mut beats_inverse, mut beats_constant) = (0, 0);
    for _ in 0..40 {
        let points = draw(Law::Inverse, &[1_000.0], 0.3, 6, 8, 4_500.0, &mut random);
        let comparison = compare(&Law::ALL, &points, &quick()).unwrap();
        assert_eq!(comparison.best_against_nulls().count(), 3);
        for paired in comparison.best_against_nulls() {
            let beats = paired.difference.as_ref().is_ok_and(|d| d.high < 0.0);
            match paired.null {
                Law::Inverse => beats_inverse += usize::from(beats),
                Law::Constant => beats_constant += usize::from(beats),
                _ => {}
            }
        }
    }
    assert!(beats_inverse <= 8, "{beats_inverse} of 40");
    assert_eq!(beats_constant, 40);
}

#[test]
fn held_out_numbers_are_those_of_a_fit_without_the_group() {
    let points = fixture_points();
    let comparison = compare(&[Law::Offset, Law::Constant], &points, &quick()).unwrap();
    let entry = comparison.entry(Law::Offset).unwrap();
    assert_eq!((comparison.groups, entry.held_out.groups.len()), (6, 6));
    let (mut pooled, mut density) = (Vec::new(), 0.0);
    for group in 0..6 {
        let (test, train): (Vec<LawPoint>, Vec<LawPoint>) = points.iter().partition(|p| p.group == group);
        let fit = fit_with(Law::Offset, &train, WALD).unwrap();
        let error = |p: &LawPoint| libm::log(p.observation.time / fit.predict(p.x, p.contraction, p.t_mem).unwrap());
        let errors: Vec<f64> = test.iter().filter(|p| p.observation.event).map(|p| error(p).abs()).collect();
        let score = entry.held_out.groups[group].outcome.as_ref().unwrap();
        assert_eq!((score.n, score.events), (test.len(), errors.len()));
        match score.mean_absolute_error {
            Some(mean) => near(mean, errors.iter().sum::<f64>() / errors.len() as f64, 1e-12, "mean"),
            None => assert!(errors.is_empty()),
        }
        let sigma = fit.sigma.estimate;
        for p in &test {
            let z = error(p) / sigma;
            let event = -0.5 * z * z - libm::log(sigma * libm::sqrt(std::f64::consts::TAU));
            density += if p.observation.event { event } else { libm::log(0.5 * libm::erfc(z / libm::sqrt(2.0))) };
        }
        pooled.extend(errors);
    }
    let overall = entry.held_out.overall.as_ref().unwrap();
    near(overall.mean_absolute_error.unwrap(), pooled.iter().sum::<f64>() / pooled.len() as f64, 1e-12, "pooled mean");
    near(overall.log_density, density / 60.0, 1e-10, "log density");
    pooled.sort_by(f64::total_cmp);
    near(overall.median_factor.unwrap(), libm::exp(0.5 * (pooled[23] + pooled[24])), 1e-12, "median factor");
    // The pair's estimate is the difference of those means.
    let paired = &comparison.paired[0];
    let null = comparison.entry(Law::Constant).unwrap().held_out_error().unwrap();
    near(paired.difference.as_ref().unwrap().estimate, overall.mean_absolute_error.unwrap() - null, 1e-12, "difference");
    assert!(paired.difference.as_ref().unwrap().high < 0.0);
    // Extrapolation: fitted on groups 1 to 4 alone.
    let inner: Vec<LawPoint> = points.iter().copied().filter(|p| (1..5).contains(&p.group)).collect();
    let fit = fit_with(Law::Offset, &inner, WALD).unwrap();
    let [low, high] = &entry.extrapolation[..] else { panic!("two ends") };
    assert_eq!((low.end, low.group, high.end, high.group), (End::Low, 0, End::High, 5));
    let last = points.iter().filter(|p| p.group == 5);
    let bias = last.map(|p| libm::log(p.observation.time / fit.predict(p.x, p.contraction, None).unwrap())).sum::<f64>() / 10.0;
    near(high.outcome.as_ref().unwrap().bias.unwrap(), bias, 1e-12, "bias");
    assert_eq!(low.outcome.as_ref().unwrap().n, 10);
}

#[test]
fn laws_that_fail_stay_in_the_table_with_their_reason() {
    // No t_mem: the proportional null cannot be had. A steep power law: a + b·ln x is negative at the end that it has not seen.
    let mut points = draw(Law::Power, &[100.0, -2.5], 0.05, 5, 4, 1e9, &mut Random(4));
    points.iter_mut().for_each(|p| p.t_mem = None);
    let comparison = compare(&Law::ALL, &points, &quick()).unwrap();
    assert_eq!(comparison.entries.len(), 7);
    let proportional = comparison.entry(Law::Proportional).unwrap();
    assert!(proportional.fit.is_err() && proportional.weight.is_none() && proportional.held_out.overall.is_err());
    let logarithmic = comparison.entry(Law::Logarithmic).unwrap();
    assert!(logarithmic.fit.is_ok() && logarithmic.weight.is_some());
    let last = logarithmic.held_out.groups[4].outcome.as_ref().unwrap_err().to_string();
    assert!(last.contains("not positive"), "{last}");
    assert!(logarithmic.held_out.overall.is_err() && logarithmic.held_out_error().is_none());
    assert!(comparison.paired.iter().filter(|p| p.law == Law::Logarithmic || p.null == Law::Proportional).all(|p| p.difference.is_err()));
    assert_eq!(comparison.best, Some(Law::Power));
    // Two settings: without one of them there is no slope, and no inner group.
    points.retain(|p| p.group < 2);
    let two = compare(&[Law::Power, Law::Inverse], &points, &quick()).unwrap();
    assert!(two.entries[0].fit.is_ok() && two.entries[0].held_out.overall.is_err() && two.entries[1].held_out.overall.is_ok());
    assert!(two.best.is_none() && two.entries[0].extrapolation.is_empty());
    points.retain(|p| p.group < 1);
    assert!(compare(&[Law::Power], &points, &quick()).is_err());
}
