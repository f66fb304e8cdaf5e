//! The arithmetic of a tournament, and what it refuses.

use crate::spec::Base;
use crate::tournament::arms::{ArmWords, Terms, Tournament};
use crate::tournament::choice::{best_of, edges, smallest};
use crate::tournament::judge::{InUnit, Standing, compare};
use crate::tournament::leaks::{leaks, unmatched};
use pennydrop_stats::{Observation, QuantileEstimate};

const TINY: [&str; 6] = ["task.p=7", "model.name=mlp", "model.inputs=embedding", "model.d_embed=4", "model.widths=[4]", "train.steps=20"];

fn terms(settings: usize) -> Terms {
    Terms { settings, seeds: 2, judge: 3, sample_seed: 0 }
}

fn tournament(arms: &[&str], terms: Terms) -> Result<Tournament, String> {
    let base = Base { label: "x".into(), entries: Vec::new() };
    let arms = arms.iter().map(|a| ArmWords::parse(a)).collect::<Result<_, _>>().map_err(|e| e.to_string())?;
    Tournament::new(base, TINY.map(String::from).into(), arms, terms, Vec::new()).map_err(|e| e.to_string())
}

/// Every way to take k of the values.
fn brute(values: &[f64], k: usize) -> f64 {
    let (mut sum, mut n) = (0.0, 0);
    for set in 0u32..1 << values.len() {
        if set.count_ones() as usize == k {
            sum += (0..values.len()).filter(|i| set >> i & 1 == 1).map(|i| values[i]).fold(f64::INFINITY, f64::min);
            n += 1;
        }
    }
    sum / f64::from(n)
}

#[test]
fn the_expected_best_of_k_is_the_mean_over_all_choices_of_k() {
    let values = [310.0, 90.0, 4000.0, 90.0, 1200.0, 555.5, 4000.0];
    let curve = best_of(&values);
    for (k, got) in (1..=values.len()).zip(&curve) {
        let want = brute(&values, k);
        assert!((got - want).abs() < 1e-9 * want, "best of {k}: {got}, {want}");
    }
    assert_eq!(curve[6], 90.0);
    assert_eq!(best_of(&[3.0]), [3.0]);
    // A setting without an estimate never is the best of all, and leaves the best of all finite.
    let some = best_of(&[f64::INFINITY, 5.0, 7.0]);
    assert!(some[0].is_infinite() && some[1].is_finite() && some[2] == 5.0, "{some:?}");
}

#[test]
fn the_smallest_is_chosen_and_of_equal_ones_the_first() {
    assert_eq!(smallest(&[5.0, 2.0, 7.0, 2.0]), 1);
    assert_eq!(smallest(&[f64::INFINITY, 3.0]), 1);
    assert_eq!(smallest(&[4.0]), 0);
}

#[test]
fn every_arm_has_the_same_number_of_settings_and_no_seed_twice() {
    let t = tournament(&["a: optim.name=adamw optim.lr=loguniform(1e-4,1e-1) optim.weight_decay=0,1", "b: optim.name=sgd optim.lr=.1,.2,.3,.4,.5"], terms(4))
        .unwrap();
    assert!(t.arms.iter().all(|a| a.tuning.settings.len() == 4 && a.tuning.runs() == 8), "equal budgets");
    for arm in 0..2 {
        let judging = t.judging(arm, 2).unwrap();
        assert_eq!(judging.runs(), 3);
        let tuning = &t.arms[arm].tuning;
        let (ours, theirs) = (judging.job(0).unwrap(), tuning.job(2).unwrap());
        assert_eq!(ours.spec.trajectory(&ours.inputs), theirs.spec.trajectory(&theirs.inputs), "the chosen setting is the one that is judged");
        for run in &judging.seeds {
            let other = |s: &pennydrop_tasks::Seeds| s.init != run.init && s.split != run.split && s.batch != run.batch && s.noise != run.noise;
            assert!(tuning.seeds.iter().all(other), "{run:?}");
        }
    }
    // What an arm says holds over what is common to all.
    let t = tournament(&["a: task.p=5 optim.lr=.1,.2", "b: optim.lr=.1,.2"], terms(2)).unwrap();
    assert_eq!(t.arms.iter().map(|a| a.tuning.job(0).unwrap().spec.task.int("p")).collect::<Vec<_>>(), [5, 7]);
}

#[test]
fn what_would_be_no_equal_budget_is_refused() {
    let says = |arms: &[&str], part: &str| {
        let e = tournament(arms, terms(3)).err().unwrap_or_default();
        assert!(e.contains(part), "{arms:?}: {e}");
    };
    let good = "b: optim.lr=loguniform(1e-4,1e-1)";
    says(&[good, "a: optim.lr=.1,.2"], "`a` has only 2 settings");
    says(&[good, "a: optim.lr=.1"], "only 1 setting,");
    says(&[good], "there are 1 arms");
    says(&[good, good], "two arms are called `b`");
    says(&[good, "a: optim.lr=loguniform(1e-4,1e-1) sample(9)"], "number of settings of its own");
    says(&[good, "a: optim.lr=loguniform(1e-4,1e-1) train.steps=99"], "one budget");
    says(&[good, "a: optim.lr=loguniform(1e-4,1e-1) train.mem_level=.5"], "one way of judging");
    says(&[good, "a: optim.lr=loguniform(1e-4,1e-1) seed=3"], "--seeds");
    says(&[good, "optim.lr=1,2,3"], "does not begin with a name");
    says(&[good, "a: optim.lrr=1,2,3"], "did you mean `lr`");
    says(&[good, "a: optim.lr=1,2,x"], "in the arm `a`");
    assert!(tournament(&[good, "a: optim.lr=.1,.2,.3"], terms(3)).is_ok(), "exactly as many are enough");
}

#[test]
fn edges_are_told_by_what_was_tried_and_by_the_interval() {
    let t = tournament(
        &["a: optim.name=adamw optim.lr=1e-3,1e-2,1e-1 optim.weight_decay=1", "b: optim.name=adamw optim.lr=1e-2 optim.weight_decay=0,1,2"],
        terms(3),
    )
    .unwrap();
    let of = |arm: usize, setting: usize| edges(&t.arms[arm].tuning, setting).join(";");
    assert!(
        of(0, 0).contains("optim.lr=0.001 is the smallest") && of(0, 2).contains("largest") && of(0, 1).is_empty(),
        "{} {} {}",
        of(0, 0),
        of(0, 2),
        of(0, 1)
    );
    assert!(of(1, 0).is_empty(), "no decay is no edge of the space: there is nothing beyond it");
    let t = tournament(&["a: optim.lr=loguniform(1e-4,1e-1)", "b: optim.lr=loguniform(1e-4,1e-1)"], terms(40)).unwrap();
    for s in 0..40 {
        let pennydrop_registry::Value::Float(lr) = t.arms[0].tuning.settings[s].values[0] else { panic!() };
        // 5 % of three decades.
        let near = !(1e-4 * 1.4125..=1e-1 / 1.4125).contains(&lr);
        assert_eq!(edges(&t.arms[0].tuning, s).iter().any(|e| e.contains("within 5 %")), near, "{lr}");
    }
}

#[test]
fn arms_that_do_not_share_data_are_told() {
    let t = tournament(
        &["a: optim.lr=.1,.2", "b: optim.lr=.1,.2 task.fraction=.7", "c: optim.lr=.1,.2 task.labels=random", "d: optim.lr=.1 train.batch=4,8"],
        terms(2),
    )
    .unwrap();
    let jobs: Vec<Vec<_>> = t.arms.iter().map(|a| (0..2).map(|s| a.tuning.job(s).unwrap()).collect()).collect();
    let found = unmatched(&jobs).into_iter().map(|u| u.join(";")).collect::<Vec<_>>();
    assert_eq!(found[0], "");
    assert!(found[1].contains("task.fraction is 0.7") && !found[1].contains("labels"), "{found:?}");
    assert!(found[2].contains("task.labels"), "{found:?}");
    assert!(found[3].contains("train.batch varies among its settings"), "{found:?}");
    assert_eq!(leaks(&jobs[0][0]).unwrap(), [""; 0]);
}

fn standing(name: &str, times: &[f64], flop: f64, leak: bool) -> Standing {
    // Budget 100.
    let of = |scale: f64| InUnit {
        mean: None,
        against: None,
        times: times.iter().map(|t| if *t < 100.0 { Observation::event(t * scale) } else { Observation::censored(t * scale) }).collect(),
    };
    Standing {
        name: name.into(),
        n: times.len(),
        grokked: 0,
        censored: 0,
        diverged: 0,
        memorised: 0,
        median: QuantileEstimate { estimate: None, low: None, high: None },
        units: [of(1.0), of(flop)],
        flop_per_step: flop,
        seconds_per_step: None,
        delay: None,
        leaks: if leak { vec!["leak".into()] } else { Vec::new() },
        unmatched: Vec::new(),
        ids: Vec::new(),
    }
}

#[test]
fn the_order_in_steps_may_turn_round_in_compute_and_a_leak_does_not_compete() {
    let slow = [40.0, 50.0, 60.0, 70.0, 100.0];
    let fast = [20.0, 24.0, 30.0, 34.0, 40.0];
    let cheat = [1.0, 2.0, 3.0, 4.0, 5.0];
    let o = compare(vec![standing("cheat", &cheat, 1.0, true), standing("slow", &slow, 10.0, false), standing("fast", &fast, 100.0, false)], 100).unwrap();
    assert_eq!((o.reference, o.first), (1, [Some(2), Some(1)]));
    // The cheaper of those in competition sets the horizon in compute; the cheat is cheaper still, and does not.
    assert_eq!(o.horizons, [100.0, 1000.0]);
    let x = o.arms[2].units[0].against.unwrap();
    assert!((x.difference - (29.6 - 64.0)).abs() < 1e-9, "{x:?}");
    assert_eq!(x.holm, x.p, "one hypothesis: the cheat is none");
    let cheat = o.arms[0].units[0].against.unwrap();
    assert!(cheat.difference < 0.0 && cheat.holm.is_none(), "shown, not tested: {cheat:?}");
    assert!(o.log_rank[0].as_ref().unwrap().df == 1);
    // 29.6 steps of 100 operations, cut at 1,000: all of them.
    assert_eq!(o.arms[2].units[1].mean.unwrap().mean, 1000.0);
}
