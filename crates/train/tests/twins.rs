//! A run in double precision is the twin of the run in single precision: the same split, the same first weights but for their rounding, the same batches
//! and the same noise. Only so does a ratio of their times speak of precision and of nothing else.
#![allow(missing_docs)]

mod common;

use common::*;
use pennydrop_graph::cpu::Sequential;
use pennydrop_train::{Run, Silent, Stop};

/// The words of a family, without a precision of its own.
fn plain(words: &str) -> String {
    words.replace("train.precision=f64", "").replace("loss.precision=bf16", "")
}

fn pair(words: &str) -> (Run, Run) {
    let of = |precision: &str| Run::new(setup(&format!("{words} train.precision={precision} train.stop=steps"))).unwrap();
    (of("f32"), of("f64"))
}

#[test]
fn first_weights_are_the_same_but_for_their_rounding() {
    for (name, words) in FAMILIES {
        let words = plain(words);
        let (single, double) = pair(&words);
        let (mut drawn, mut exact) = (0, 0);
        for ((n, shape, s), (m, other, d)) in single.params().zip(double.params()) {
            assert_eq!((n, shape, s.len()), (m, other, d.len()), "{name}");
            for (s, d) in s.iter().zip(&d) {
                assert_eq!(*s, f64::from(*d as f32), "{name}: {n}");
                drawn += usize::from(*d != 0.0 && *d != 1.0);
                exact += usize::from(*d != 0.0 && *d != 1.0 && s == d);
            }
        }
        // The twin is not the rounded one again: hardly any draw is a number of single precision.
        assert!(drawn > 100 && exact * 100 < drawn, "{name}: {exact} of {drawn}");
        let other = Run::new(setup(&format!("{words} seed=1"))).unwrap();
        assert!(single.params().zip(other.params()).any(|(a, b)| a.2 != b.2), "{name}");
    }
}

#[test]
fn splits_are_the_same() {
    for (name, words) in FAMILIES {
        let words = plain(words);
        let of = |more: &str| setup(&format!("{words} {more}")).task;
        let (single, double) = (of("train.precision=f32"), of("train.precision=f64"));
        assert_eq!((&single.train, &single.test, &single.labels), (&double.train, &double.test, &double.labels), "{name}");
        assert_eq!(single.features, double.features, "{name}");
    }
}

/// Largest difference of two lists relative to the largest entry.
fn apart(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    let pairs = || a.iter().flatten().zip(b.iter().flatten());
    pairs().map(|(x, y)| (x - y).abs()).fold(0.0, f64::max) / pairs().map(|(x, y)| x.abs().max(y.abs())).fold(1e-300, f64::max)
}

/// Another batch or another mask of dropout would move a gradient by as much as itself.
#[test]
fn batches_and_noise_are_the_same() {
    for (name, words) in FAMILIES {
        let (mut single, mut double) = pair(&format!("{} train.steps=4", plain(words)));
        let (a, b) = (single.gradients().unwrap().1, double.gradients().unwrap().1);
        assert!(apart(&a, &b) < 1e-4, "{name}: {}", apart(&a, &b));
        for run in [&mut single, &mut double] {
            assert_eq!(run.advance(&Sequential, &mut Silent), Stop::Steps);
        }
        let (a, b) = (single.gradients().unwrap().1, double.gradients().unwrap().1);
        let (later, other) = (apart(&a, &b), apart(&a, &Run::new(setup(&format!("{} seed=1", plain(words)))).unwrap().gradients().unwrap().1));
        assert!(later < 1e-2 && other > 0.1, "{name}: {later} after four steps, {other} to another seed");
    }
}
