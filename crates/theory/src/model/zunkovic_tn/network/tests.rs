use super::super::MODEL;
use super::report::{Falls, Group, descending, difference};
use super::*;
use crate::numeric::Draws;
use pennydrop_graph::cpu::Parallel;

fn args(given: &[(&str, Value)]) -> Args {
    let given = given.iter().map(|(k, v)| (k.to_string(), v.clone()));
    Args::check(MODEL.row.name, &MODEL.row, given.chain([("part".to_string(), Value::Str("network".into()))])).unwrap()
}

/// Small networks that take a second.
fn small() -> Args {
    args(&[("length", Value::Int(5)), ("bond", Value::Int(6)), ("test_length", Value::Int(16)), ("test_strings", Value::Int(5)), ("steps", Value::Int(400))])
}

fn shown(dimensions: &[f64], t_grok: Option<u64>) -> Shown {
    Shown {
        steps: (0..dimensions.len()).map(|i| 10.0 * i as f64).collect(),
        errors: (0..dimensions.len()).map(|i| if t_grok.is_some_and(|t| 10 * i as u64 >= t) { 0.0 } else { 0.25 }).collect(),
        dimensions: dimensions.to_vec(),
        shuffled: dimensions.to_vec(),
        t_mem: None,
        t_grok,
    }
}

#[test]
fn contexts_that_forget_span_what_they_remember() {
    let mut draws = Draws::new(3, 0, 0);
    let strings = automaton::random_strings(60, 40, &mut draws);
    // Each matrix sends everything to one axis of its own: the context is the last bit, two points, one dimension.
    let last = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0];
    assert!((left_dimension(&last, 2, &strings) - 1.0).abs() < 1e-9);
    // Four axes for the last two bits: four points of equal weight span three dimensions.
    let (d, mut a) = (4, vec![0.0; 32]);
    for bit in 0..2 {
        for before in 0..4 {
            a[bit * 16 + before * d + 2 * (before % 2) + bit] = 1.0;
        }
    }
    assert!((left_dimension(&a, d, &strings) - 3.0).abs() < 0.05);
}

#[test]
fn a_network_here_is_the_engines_own_run_and_goes_to_its_budget() {
    // This seed is past its t_G at half of this budget.
    let args = args(&[("test_length", Value::Int(16)), ("test_strings", Value::Int(5)), ("steps", Value::Int(400))]);
    let strings = automaton::random_strings(10, 40, &mut Draws::new(1, 0, 0));
    let order: Vec<usize> = (0..200).rev().collect();
    let common = Common { strings: &strings, order: &order, stop: &|| false };
    let of = |seed| setup(&args, 2, seed).unwrap();
    let programs = Programs::new(&of(2)).unwrap();
    let shown = train(of(2), &programs, &common).unwrap();
    let mut alone = Run::new(of(2)).unwrap();
    alone.advance(&Sequential, &mut pennydrop_train::Silent);
    let (curves, outcome) = (alone.curves(), alone.outcome());
    assert_eq!(shown.steps, curves.rows.iter().map(|e| e.step as f64).collect::<Vec<_>>());
    assert_eq!(shown.errors, curves.rows.iter().map(|e| 1.0 - e.test_accuracy).collect::<Vec<_>>());
    assert_eq!((shown.dimensions.len(), shown.steps.last().copied()), (shown.steps.len(), Some(400.0)));
    // First crossings, told apart from the sustained ones of the outcome, and never later.
    for (first, sustained) in [(shown.t_mem, outcome.t_mem), (shown.t_grok, outcome.t_grok)] {
        assert!(first.is_some_and(|f| sustained.is_none_or(|s| f <= s.step)), "{first:?} {sustained:?}");
    }
    assert!(shown.t_grok.is_some_and(|t| t < 400), "the run went on after t_G: {:?}", shown.t_grok);
    let a = alone.params().find(|p| p.0 == "A").unwrap();
    assert_eq!(shown.dimensions.last().copied(), Some(left_dimension(&a.2, a.1[1], &strings)));
    let reversed: Vec<f64> = a.2.iter().rev().copied().collect();
    assert_eq!(shown.shuffled.last().copied(), Some(left_dimension(&reversed, a.1[1], &strings)));
    // Another seed, another network.
    assert_ne!(train(of(3), &programs, &common).unwrap().errors, shown.errors);
}

/// Does the last first, as workers may.
struct Backwards;

impl Parallel for Backwards {
    fn run(&self, tasks: usize, job: &(dyn Fn(usize) + Sync)) {
        (0..tasks).rev().for_each(job);
    }
}

#[test]
fn other_workers_give_the_same_answer() {
    let of = |workers| (MODEL.answer)(&small(), &Context { samples: Some(2), workers, ..Context::default() }).unwrap();
    let one = of(&Sequential);
    // By their words: some numbers of two networks are not numbers.
    assert_eq!(format!("{one:?}"), format!("{:?}", of(&Backwards)));
    assert!(one.findings.iter().all(|f| f.agrees.is_none()), "two networks decide nothing: {:?}", one.findings);
}

#[test]
fn structure_forms_where_the_dimension_falls() {
    assert_eq!(shown(&[2.0, 8.0, 8.0, 7.0, 3.9, 2.0], None).formed(), Some(40.0));
    assert_eq!(shown(&[8.0, 7.9, 7.5], None).formed(), None);
    assert_eq!(shown(&[2.0, 4.0, 8.0], None).formed(), None);
    // After the first zero of the test error too: this is what the claim excludes.
    let late = shown(&[8.0, 8.0, 8.0, 8.0, 2.0, 2.0], Some(20));
    let runs = [late.clone(), late];
    let group = Group::of("none", &runs, &args(&[]), &mut Draws::new(1, 0, 0));
    assert_eq!(group.pairs, [(40.0, 20.0); 2]);
    assert_eq!(group.first(&mut Draws::new(1, 0, 0)).0.estimate, 0.0);
    assert_eq!(group.falls.own, [0.0, 0.0]);
    assert_eq!(runs[0].least(), Some(2.0));
}

#[test]
fn a_fall_at_ones_own_time_is_told_from_a_fall_at_any_time() {
    // Networks of which D_eff drops from 8 to 2 in the evaluation before their own t_G, and others that fall steadily, whatever their t_G.
    let times: Vec<u64> = (0..12).map(|i| 100 + 60 * i).collect();
    let own: Vec<Shown> = times.iter().map(|t| shown(&(0..100).map(|i| if 10 * i + 10 < *t { 8.0 } else { 2.0 }).collect::<Vec<_>>(), Some(*t))).collect();
    let any: Vec<Shown> = times.iter().map(|t| shown(&(0..100).map(|i| 8.0 / (1.0 + f64::from(i))).collect::<Vec<_>>(), Some(*t))).collect();
    let p = |runs: &[Shown]| Falls::of(runs, &mut Draws::new(7, 0, 0)).p().unwrap();
    assert!(p(&own) < 0.01, "{}", p(&own));
    assert!(p(&any) > 0.5, "{}", p(&any));
}

#[test]
fn errors_between_evaluations_are_interpolated_and_unseen_ones_left_out() {
    let mut run = shown(&[1.0; 5], Some(36));
    run.errors = vec![0.5, 0.4, 0.3, 0.2, 0.0];
    let found = run.before(&[1.0, 5.0, 6.0, 11.0, 36.0, 37.0]).unwrap();
    // The last evaluation before 36 is at 30: nearer than 6 nothing was seen, and 37 is before the start.
    assert!(found[0].is_nan() && found[1].is_nan() && found[5].is_nan(), "{found:?}");
    for (i, want) in [(2, 0.2), (3, 0.25), (4, 0.5)] {
        assert!((found[i] - want).abs() < 1e-12, "{found:?}");
    }
    assert_eq!(shown(&[1.0; 5], None).before(&[1.0]), None);
}

#[test]
fn verdicts_wait_for_intervals() {
    assert_eq!(descending(&[(3.0, 4.0), (1.0, 2.0), (0.1, 0.5)]), Some(true));
    assert_eq!(descending(&[(3.0, 4.0), (1.0, 3.5), (0.1, 0.5)]), None);
    assert_eq!(descending(&[(1.0, 2.0), (3.0, 4.0), (0.1, 0.5)]), Some(false));
    // Variances 2/3 and 4/3 of four and three values: a standard error of √(1/6 + 4/9).
    let r = difference(&[1.0, 3.0, 2.0, 2.0], &[4.0, 2.0, 4.0]);
    assert!((r.estimate + 4.0 / 3.0).abs() < 1e-12 && (r.high - r.estimate - 1.96 * libm::sqrt(1.0 / 6.0 + 4.0 / 9.0)).abs() < 1e-3, "{r:?}");
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    for (key, value) in
        [("teacher", Value::Str("permuted".into())), ("length", Value::Int(2)), ("test_length", Value::Int(300)), ("test_length", Value::Int(8))]
    {
        let refused = (MODEL.answer)(&args(&[(key, value)]), &Context::default()).unwrap_err().to_string();
        assert!(refused.contains(key), "{refused}");
    }
}
