use super::fit::{Measured, sigmoids, toy};
use super::*;
use crate::numeric::Draws;
use pennydrop_registry::Value;

fn curve(case: &str, of: impl Fn(&[Pattern; 3], f64) -> f64) -> Vec<f64> {
    let patterns = printed_patterns(case);
    (0..=300).map(|t| of(&patterns, f64::from(t))).collect()
}

/// The card's golden values; they hold four digits.
#[test]
fn golden_values_of_the_card() {
    let trained = curve("double-descent", |p, t| train(p, t));
    let tested = curve("double-descent", test_of_three);
    assert_eq!(first_at(&trained, 0.99), Some(73));
    assert_eq!(peak_and_dip(&tested, 0.01), Some((44, 98)));
    for (t, y) in [(44, 0.5335), (98, 0.351), (300, 0.4791)] {
        assert!((tested[t] - y).abs() < 5.1e-5, "{t}: {}", tested[t]);
    }
    let trained = curve("grokking", |p, t| train(p, t));
    let tested = curve("grokking", test_of_three);
    assert_eq!((first_at(&trained, 0.99), first_at(&tested, 0.5), first_at(&tested, 0.95)), (Some(81), Some(200), Some(259)));
    assert!((tested[300] - 0.9933).abs() < 5e-5, "{}", tested[300]);
    assert_eq!(peak_and_dip(&tested, 0.01), None);
}

/// The sum over sets is the explicit formula; without preference it is inclusion and exclusion with weights (−1)^{m+1}/m.
#[test]
fn the_sum_over_sets_agrees_with_both_explicit_forms() {
    let patterns = [
        Pattern { gamma: 0.7, alpha: 0.2, b: 10.0, g: 0.9 },
        Pattern { gamma: 0.8, alpha: 0.1, b: 20.0, g: 0.15 },
        Pattern { gamma: 0.6, alpha: 0.3, b: 15.0, g: 0.55 },
    ];
    for t in [0.0, 7.0, 16.0, 40.0] {
        assert!((test(&patterns, Some(2), t) - test_of_three(&patterns, t)).abs() < 1e-15);
        let p = patterns.map(|x| x.predictiveness(t));
        let g = patterns.map(|x| x.g);
        let pairs: f64 = [(0, 1), (0, 2), (1, 2)].iter().map(|&(i, j)| (g[i] + g[j]) / 2.0 * p[i] * p[j]).sum();
        let inclusion = (0..3).map(|i| g[i] * p[i]).sum::<f64>() - pairs + (g[0] + g[1] + g[2]) / 3.0 * p[0] * p[1] * p[2];
        assert!((test(&patterns, None, t) - inclusion).abs() < 1e-15);
        let inclusion = p[0] + p[1] + p[2] - p[0] * p[1] - p[0] * p[2] - p[1] * p[2] + p[0] * p[1] * p[2];
        assert!((train(&patterns, t) - inclusion).abs() < 1e-15);
    }
    // A pattern that all others agree with: everything that is explained is right.
    let same = [Pattern { g: 1.0, ..patterns[0] }; 5];
    assert!((test(&same, None, 12.0) - train(&same, 12.0)).abs() < 1e-14);
}

#[test]
fn examples_agree_with_the_formulas() {
    let context = Context::default();
    let n = 40_000;
    let times = [10.0, 44.0, 60.0, 98.0, 200.0];
    let five = [
        Pattern { gamma: 0.5, alpha: 0.1, b: 30.0, g: 0.9 },
        Pattern { gamma: 0.4, alpha: 0.2, b: 50.0, g: 0.1 },
        Pattern { gamma: 0.9, alpha: 0.05, b: 90.0, g: 0.7 },
        Pattern { gamma: 0.3, alpha: 0.05, b: 20.0, g: 0.0 },
        Pattern { gamma: 0.6, alpha: 0.08, b: 60.0, g: 0.5 },
    ];
    let three = printed_patterns("double-descent");
    for (patterns, preferred) in [(&three[..], Some(2)), (&five[..], Some(1)), (&five[..], None)] {
        let seen = curves::simulate(patterns, preferred, &times, n, &context, 1).unwrap();
        for (i, t) in times.iter().enumerate() {
            for (count, y) in [(seen.train[i], train(patterns, *t)), (seen.test[i], test(patterns, preferred, *t))] {
                let error = (y * (1.0 - y) / n as f64).sqrt();
                assert!((count as f64 / n as f64 - y).abs() < 4.5 * error + 1e-12, "{preferred:?} at {t}: {count} of {n} for {y}");
            }
        }
    }
}

fn noisy(case: impl Fn(f64) -> (f64, f64), noise: f64) -> Vec<Measured> {
    let mut draws = Draws::new(4, 2, 0);
    (0..=60).map(|i| f64::from(i) * 5.0).map(|t| Measured { t, train: case(t).0 + noise * draws.normal(), test: case(t).1 + noise * draws.normal() }).collect()
}

#[test]
fn a_fit_finds_the_toy_where_it_is_and_comes_near_where_it_is_not() {
    let g = [1.0, 0.0, 1.0];
    let draws = || Draws::new(9, 2, 1);
    // The toy's own double descent: a sigmoid cannot descend.
    let patterns = printed_patterns("double-descent");
    let data = noisy(|t| (train(&patterns, t), test(&patterns, Some(2), t)), 0.003);
    let (found, plain) = (toy(&data, &g, Some(2), 12, &mut draws()).unwrap(), sigmoids(&data, 12, &mut draws()).unwrap());
    assert!(found.aic + 100.0 < plain.aic && found.residual() < 0.004, "{found:?} {plain:?}");
    assert!((found.patterns[2].b - 200.0).abs() < 10.0 && (found.patterns[0].gamma - 0.7).abs() < 0.05, "{found:?}");
    // Two plain sigmoids: the toy comes within about a hundredth, for its training curve is no sigmoid where two patterns overlap.
    let one = |b: f64, t: f64| Pattern { gamma: 0.97, alpha: 0.1, b, g: 1.0 }.predictiveness(t);
    let data = noisy(|t| (one(60.0, t), one(190.0, t)), 0.003);
    let (found, plain) = (toy(&data, &g, Some(2), 12, &mut draws()).unwrap(), sigmoids(&data, 12, &mut draws()).unwrap());
    assert!(found.residual() < 0.02 && plain.residual() < 0.004 && plain.aic < found.aic, "{found:?} {plain:?}");
    // Curves of no such kind (a power law and a sinking exponential): better than sigmoids, which cannot sink, and not well.
    let data = noisy(|t| (1.0 - 0.9 / (1.0 + t / 20.0), 0.2 + 0.5 * libm::exp(-t / 120.0)), 0.0);
    let (found, plain) = (toy(&data, &g, Some(2), 20, &mut draws()).unwrap(), sigmoids(&data, 12, &mut draws()).unwrap());
    assert!(found.residual() < 0.1 && found.residual() < 0.8 * plain.residual(), "{} {}", found.residual(), plain.residual());
    assert_eq!(toy(&data[..4], &g, Some(2), 1, &mut draws()), None);
}

fn ask(given: &[(&str, Value)]) -> Result<Answer, TheoryError> {
    let args = Args::check("davies", &MODEL.row, given.iter().map(|(k, v)| (k.to_string(), v.clone())))?;
    answer(&args, &Context { samples: Some(4_000), ..Context::default() })
}

#[test]
fn answers_and_their_names_do_not_depend_on_the_case() {
    let a = ask(&[("case", Value::Str("double-descent".into()))]).unwrap();
    let b = ask(&[("fit", Value::Bool(false))]).unwrap();
    let names = |a: &Answer| a.quantities.iter().map(|q| q.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&a), names(&b));
    let peak = a.quantities.iter().find(|q| q.name == "test_peak").unwrap();
    let seen = peak.simulated.unwrap();
    assert!((peak.printed.unwrap() - seen.estimate).abs() < 0.5335 * 0.1, "{peak:?}");
    assert_eq!(a.findings.iter().map(|f| f.agrees).collect::<Vec<_>>(), [Some(true), None, Some(true)], "{:?}", a.findings);
    // At κ = 1 a width of width_0·t/steps is as far as width_0 at step t.
    let width = b.quantities.iter().find(|q| q.name == "test_width_95").unwrap().closed_form().unwrap();
    let ratio = width / (128.0 * 258.0 / 300.0);
    // The grid of widths has a place every eighth of an octave.
    assert!((1.0..1.095).contains(&ratio), "{width}");
}

#[test]
fn bad_parameters_are_named() {
    for (given, key) in [
        (("gamma", Value::List(vec![Value::Float(0.5), Value::Float(0.5)])), "davies.alpha"),
        (("g", Value::List(vec![Value::Float(0.5), Value::Float(0.5), Value::Float(1.5)])), "davies.g"),
        (("preferred", Value::Int(4)), "davies.preferred"),
        (("alpha", Value::List(vec![Value::Float(0.1), Value::Float(-0.1), Value::Float(0.1)])), "davies.alpha"),
    ] {
        let error = ask(&[given]).unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
    }
}
