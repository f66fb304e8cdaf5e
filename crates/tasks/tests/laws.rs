//! Laws of splits and labels, over random specs.

use pennydrop_registry::{Args, Value};
use pennydrop_tasks::{Fresh, Leakage, Seeds, Symmetry, Task, build, find, rows};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn task(name: &str, given: &[(&str, Value)], seed: u64) -> Result<Task, pennydrop_registry::SpecError> {
    let args = Args::check("task", find(name)?, given.iter().map(|(k, v)| (k.to_string(), v.clone())))?;
    build(&args, &Seeds { split: seed, init: 1, batch: 2, noise: 3 })
}

fn modular(name: &str, p: i64, fraction: f64, closure: bool, seed: u64) -> Task {
    task(name, &[("p", Value::Int(p)), ("fraction", Value::Float(fraction)), ("closure", Value::Bool(closure))], seed).unwrap()
}

const NAMES: [&str; 10] = ["add", "sub", "mul", "div", "div-odd-sub", "x2+y2", "x2+xy+y2", "x2+xy+y2+x", "x3+xy", "x3+xy2+y"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_split_is_a_partition_of_the_stated_size(name in prop::sample::select(&NAMES[..]), p in prop::sample::select(&[5i64, 7, 11, 13][..]), fraction in 0.1f64..0.95, closure: bool, seed: u64) {
        let t = modular(name, p, fraction, closure, seed);
        let expected = (fraction * t.len() as f64) as usize;
        let mut all: Vec<u32> = t.train.iter().chain(&t.test).copied().collect();
        all.sort_unstable();
        prop_assert!(all.into_iter().eq(0..t.len() as u32));
        if closure {
            // One short only when no self-paired example is left over.
            prop_assert!(t.train.len() == expected || (t.train.len() + 1 == expected && t.test.iter().all(|e| t.input(*e)[0] != t.input(*e)[1])));
        } else {
            prop_assert_eq!(t.train.len(), expected);
        }
        for side in [&t.train, &t.test] {
            prop_assert!(side.is_sorted_by(|a, b| t.input(*a) < t.input(*b)));
        }
        prop_assert_eq!(&t.labels, &t.ideal);
        // Equal to the bit, and a function of seed.split alone.
        prop_assert_eq!(&t, &modular(name, p, fraction, closure, seed));
    }

    #[test]
    fn leakage_by_brute_force(name in prop::sample::select(&NAMES[..]), fraction in 0.2f64..0.9, closure: bool, seed: u64) {
        let t = modular(name, 7, fraction, closure, seed);
        let train: BTreeSet<(u32, u32)> = t.train.iter().map(|e| (t.input(*e)[0], t.input(*e)[1])).collect();
        let crossing = t.test.iter().filter(|e| { let (a, b) = (t.input(**e)[0], t.input(**e)[1]); a != b && train.contains(&(b, a)) }).count();
        let twins = if t.symmetries.contains(&Symmetry::Swap) { crossing } else { 0 };
        prop_assert_eq!(t.leakage, Leakage { repeated: 0, conflicting: 0, twins });
        if closure {
            prop_assert_eq!(crossing, 0);
        }
    }

    #[test]
    fn corruption_touches_the_exact_share_of_training_labels_only(share in 0.0f64..=1.0, seed: u64) {
        let t = task("add", &[("p", Value::Int(11)), ("corrupt", Value::Float(share))], seed).unwrap();
        let wrong: Vec<u32> = (0..121).filter(|e| t.labels[*e as usize] != t.ideal[*e as usize]).collect();
        prop_assert_eq!(wrong.len(), (share * 60.0).round() as usize);
        prop_assert!(wrong.iter().all(|e| t.train.binary_search(e).is_ok()));
        prop_assert!(t.labels.iter().all(|l| *l < 11));
        // A smaller share of the same seed corrupts a subset, in the same way.
        let less = task("add", &[("p", Value::Int(11)), ("corrupt", Value::Float(share / 2.0))], seed).unwrap();
        prop_assert!(less.corrupted.iter().all(|e| wrong.contains(e) && less.labels[*e as usize] == t.labels[*e as usize]));
        prop_assert_eq!(t.corrupted, wrong);
    }

    #[test]
    fn training_sets_are_nested_in_the_fraction(f in 0.1f64..0.9, g in 0.1f64..0.9, seed: u64) {
        let (small, large) = (modular("add", 11, f.min(g), false, seed), modular("add", 11, f.max(g), false, seed));
        let large: BTreeSet<u32> = large.train.into_iter().collect();
        prop_assert!(small.train.iter().all(|e| large.contains(e)));
    }
}

#[test]
fn the_split_of_nanda() {
    let t = modular("add", 113, 0.3, false, 0);
    assert_eq!((t.train.len(), t.test.len()), (3830, 8939));
}

#[test]
fn seeds_change_the_split_and_nothing_else_does() {
    let (t, other) = (modular("add", 31, 0.5, false, 0), modular("add", 31, 0.5, false, 1));
    assert_ne!(t.train, other.train);
    let args = Args::check("task", find("add").unwrap(), [("p".to_string(), Value::Int(31))]).unwrap();
    assert_eq!(build(&args, &Seeds { split: 0, init: 7, batch: 8, noise: 9 }).unwrap(), t);
}

/// Each example is trained on with probability f, and each pair with f²: five standard errors over 4000 seeds.
#[test]
fn the_split_is_uniform() {
    let (mut single, mut pair) = ([0u32; 25], [0u32; 24]);
    for seed in 0..4000 {
        let t = modular("add", 5, 0.4, false, seed);
        let inside = |e: u32| t.train.binary_search(&e).is_ok();
        for e in 0..25 {
            single[e as usize] += u32::from(inside(e));
        }
        for e in 0..24 {
            pair[e as usize] += u32::from(inside(e) && inside(e + 1));
        }
    }
    let check = |count: u32, p: f64| (f64::from(count) - 4000.0 * p).abs() < 5.0 * (4000.0 * p * (1.0 - p)).sqrt();
    assert!(single.iter().all(|c| check(*c, 0.4)), "{single:?}");
    assert!(pair.iter().all(|c| check(*c, 10.0 * 9.0 / (25.0 * 24.0))), "{pair:?}");
}

#[test]
fn random_labels_are_drawn_once_and_uniformly() {
    let make = |seed| task("add", &[("p", Value::Int(31)), ("labels", Value::Str("random".into()))], seed).unwrap();
    let t = make(4);
    assert_eq!(t.labels, make(4).labels);
    assert_ne!(t.labels, make(5).labels);
    let agree = t.labels.iter().zip(&t.ideal).filter(|(l, i)| l == i).count();
    assert!(agree < 961 / 31 + 5 * 6, "{agree} of 961 labels are right");
    let mut counts = BTreeMap::new();
    t.labels.iter().for_each(|l| *counts.entry(*l).or_insert(0u32) += 1);
    // 31 expected each, standard deviation 5.5.
    assert!(counts.len() == 31 && counts.values().all(|c| (4..59).contains(c)), "{counts:?}");
    assert_eq!(t.chance, 1.0 / 31.0);
    // The control keeps the split.
    assert_eq!(t.train, modular("add", 31, 0.5, false, 4).train);
}

/// Wrong labels are uniform among the wrong ones.
#[test]
fn wrong_labels_are_uniform() {
    let t = task("sub", &[("p", Value::Int(89)), ("corrupt", Value::Float(1.0))], 6).unwrap();
    let mut offsets = [0u32; 89];
    for e in &t.train {
        offsets[((t.labels[*e as usize] + 89 - t.ideal[*e as usize]) % 89) as usize] += 1;
    }
    assert_eq!(offsets[0], 0);
    // 3960 labels over 88 offsets: 45 each, standard deviation 6.7.
    assert!(offsets[1..].iter().all(|c| (12..79).contains(c)), "{offsets:?}");
}

#[test]
fn fractions_that_leave_a_side_empty_say_so() {
    let says = |fraction: Value, p: i64, words: &str| {
        let text = task("add", &[("p", Value::Int(p)), ("fraction", fraction)], 0).unwrap_err().to_string();
        assert!(text.contains("task.fraction") && text.contains(words), "{text}");
    };
    says(Value::Int(0), 97, "nothing to train on");
    says(Value::Int(1), 97, "nothing to test on");
    says(Value::Float(0.01), 5, "none to train on");
    says(Value::Float(1.5), 97, "out of range");
}

#[test]
fn label_words_are_checked() {
    let with = |labels: Value, corrupt: f64| task("add", &[("labels", labels), ("corrupt", Value::Float(corrupt))], 0);
    assert!(with(Value::Bool(true), 0.0).is_ok(), "an unquoted true");
    assert!(with(Value::Str("randm".into()), 0.0).unwrap_err().to_string().contains("did you mean `random`"));
    assert!(with(Value::Str("random".into()), 0.1).unwrap_err().to_string().contains("task.corrupt"));
}

/// Bits that every recorded run depends on: a change here needs a new numerics version. The numbers were computed by a separate Python program
/// from the documented rules (Philox, purposes and lanes, Fisher–Yates, prefix of the permutation, nested corruption), not by this crate.
#[test]
fn golden_splits() {
    let digest = |words: &mut dyn Iterator<Item = u32>| words.fold(0xcbf2_9ce4_8422_2325u64, |h, x| (h ^ u64::from(x)).wrapping_mul(0x0100_0000_01b3));
    let of = |t: &Task| {
        let dense = t.features.iter().flat_map(|f| f.values.iter().map(|x| x.to_bits()));
        digest(&mut t.train.iter().chain(&t.labels).copied().chain(dense))
    };
    let plain = modular("add", 97, 0.5, false, 0);
    let noisy = task("div", &[("corrupt", Value::Float(0.1)), ("closure", Value::Bool(true))], 7).unwrap();
    let random = task("s5-xy", &[("labels", Value::Str("random".into()))], 7).unwrap();
    let parity = |n: i64, sampling: &str| {
        let given = [("n", Value::Int(n)), ("train", Value::Int(1500)), ("test", Value::Int(1000)), ("sampling", Value::Str(sampling.into()))];
        of(&task("parity", &given, 7).unwrap())
    };
    let fresh = Fresh { n: 150, k: 3 }.batch(7, 1 << 33, 20);
    let fresh = digest(&mut fresh.1.into_iter().chain(fresh.0.into_iter().map(f32::to_bits)));
    assert_eq!([of(&plain), of(&noisy), of(&random)], [0xbab2_8e44_08d7_f4f7, 0x7062_8f5a_12c2_f78a, 0x6aea_8495_95f7_7549]);
    let expected = [0x8f31_c04e_a222_e111, 0x0de6_6687_fb33_cfee, 0x6753_c674_2ae7_39db, 0x0de6_6687_fb33_cfee, 0x2000_4c7f_286a_3e1e];
    assert_eq!([parity(12, "without"), parity(40, "without"), parity(11, "with"), parity(40, "with"), fresh], expected);
}

#[test]
fn every_task_keeps_its_promises() {
    for row in rows().iter().filter(|r| r.row.name != "table") {
        let t = task(row.row.name, &[], 11).unwrap();
        let n = t.len();
        assert_eq!(t.ideal.len(), n);
        assert!(t.labels.iter().chain(&t.ideal).all(|l| (*l as usize) < t.classes));
        assert_eq!(t.features.is_some(), t.coordinates.is_empty());
        assert_eq!(t.tokens.len(), n * t.coordinates.len());
        for (i, token) in t.tokens.iter().enumerate() {
            assert!((*token as usize) < t.coordinates[i % t.coordinates.len()].range);
        }
        if let Some(a) = &t.answers {
            assert_eq!(a.bits.len(), t.classes * a.width, "{}: an answer is a string of bits", t.name);
            assert!(a.bits.iter().all(|b| *b < 2));
        } else if !t.coordinates.is_empty() {
            assert_eq!(t.classes, t.token_range(), "{}: an answer must be a token", t.name);
        }
        let train: BTreeSet<u32> = t.train.iter().copied().collect();
        assert!(t.test.iter().all(|e| !train.contains(e)) && t.train.len() + t.test.len() == n);
        assert!(t.chance > 0.0 && t.chance < 1.0);
    }
}
