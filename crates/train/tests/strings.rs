//! Answers that are strings of bits: losses, accuracies, derivatives, and test strings of another length.
#![allow(missing_docs)]

mod common;

use common::*;
use pennydrop_graph::cpu::Sequential;
use pennydrop_train::{Array, Run, Silent, Values, Which};

const STRINGS: &str = "task.name=cellular-automaton task.length=5 loss.name=bits optim.name=adam optim.lr=0.01 train.precision=f64 train.stop=steps";
const MPS: &str = "model.name=uniform-mps model.bond=3";

fn advanced(words: &str) -> Run {
    let mut run = Run::new(setup(words)).unwrap();
    run.advance(&Sequential, &mut Silent);
    run
}

fn numbers(arrays: &[Array], name: &str) -> Vec<f64> {
    let array = arrays.iter().find(|a| a.name == name).unwrap_or_else(|| panic!("no {name}"));
    match &array.values {
        Values::U32(v) => v.iter().map(|x| f64::from(*x)).collect(),
        Values::F32(v) => v.iter().map(|x| f64::from(*x)).collect(),
        Values::F64(v) => v.clone(),
    }
}

/// Loss and share of right bits of (output, bit) pairs, by their definitions.
fn measured(arrays: &[Array], form: &str) -> (f64, f64) {
    let (f, bits) = (numbers(arrays, "logits"), numbers(arrays, "bits"));
    let loss = |(f, b): (&f64, &f64)| {
        let p = 1.0 / (1.0 + libm::exp(-f));
        if form == "mse" { (p - b) * (p - b) } else { -libm::log(if *b == 1.0 { p } else { 1.0 - p }) }
    };
    let right = f.iter().zip(&bits).filter(|(f, b)| (**f > 0.0) == (**b == 1.0)).count();
    (f.iter().zip(&bits).map(loss).sum::<f64>() / f.len() as f64, right as f64 / f.len() as f64)
}

#[test]
fn measures_are_shares_of_bits() {
    for form in ["mse", "cross-entropy"] {
        for model in [MPS, "model.widths=[8]", "model.name=transformer model.d_model=8 model.d_mlp=8 model.outputs=classes"] {
            let words = format!("{STRINGS} {model} loss.form={form} train.steps=7 task.locality=2");
            let mut run = advanced(&words);
            let last = run.outcome().last.unwrap();
            for (which, loss, accuracy) in [(Which::Train, last.train_loss, last.train_accuracy), (Which::Test, last.test_loss, last.test_accuracy)] {
                let (want, share) = measured(&run.activations(which).unwrap(), form);
                assert!((loss - want).abs() < 1e-12 * want.max(1.0) && (accuracy - share).abs() < 1e-12, "{words}: {loss} {want}, {accuracy} {share}");
            }
            assert!(last.collapsed.is_nan());
            let sum = advanced(&format!("{words} loss.scaling=sum")).curves().rows[0].train_loss;
            assert!((sum / run.curves().rows[0].train_loss - 5.0).abs() < 1e-12);
        }
    }
}

/// The labels that a network is trained on are the teacher's answers.
#[test]
fn bits_are_the_teachers() {
    let mut run = advanced(&format!("{STRINGS} {MPS} train.steps=0"));
    let all = run.activations(Which::All).unwrap();
    let (x, y) = (numbers(&all, "inputs"), numbers(&all, "bits"));
    for (x, y) in x.chunks(5).zip(y.chunks(5)) {
        let x: Vec<u8> = x.iter().map(|b| *b as u8).collect();
        assert_eq!(pennydrop_tasks::automaton::step(30, &x).into_iter().map(f64::from).collect::<Vec<_>>(), y);
    }
}

/// A step's objective with both penalties, and its derivative by every weight, against central differences in double precision.
#[test]
fn derivatives_are_central_differences() {
    for more in ["", "loss.form=cross-entropy model.local_map=scaled", "model.boundary=closed task.test_length=9 task.test=3"] {
        let words = format!("{STRINGS} {MPS} loss.l1=0.003 loss.l2=0.002 {more}");
        let mut run = Run::new(setup(&words)).unwrap();
        let (objective, gradients) = run.gradients().unwrap();
        let params: Vec<(String, Vec<usize>, Vec<f64>)> = run.params().map(|(n, s, v)| (n.to_string(), s.to_vec(), v)).collect();
        let at = |tensor: usize, entry: usize, by: f64| {
            let mut s = setup(&words);
            let moved = |(i, (name, shape, values)): (usize, &(String, Vec<usize>, Vec<f64>))| {
                let mut values = values.clone();
                if i == tensor {
                    values[entry] += by;
                }
                (name.clone(), (shape.clone(), values))
            };
            s.init = Some(params.iter().enumerate().map(moved).collect());
            let programs = run.programs();
            Run::with(s, programs).unwrap().gradients().unwrap().0
        };
        let last = advanced(&format!("{words} train.steps=0")).outcome().last.unwrap();
        assert!((objective - last.train_loss - last.penalty).abs() < 1e-12 * objective && last.penalty > 0.01, "{objective} {last:?}");
        let largest = gradients.iter().flatten().fold(0.0f64, |m, g| m.max(g.abs()));
        assert!(largest > 1e-3);
        let h = 1e-5;
        for (i, g) in gradients.iter().enumerate() {
            for k in (0..g.len()).step_by(5) {
                let got = (at(i, k, h) - at(i, k, -h)) / (2.0 * h);
                assert!((got - g[k]).abs() < 1e-7 * largest.max(1.0), "{more}: {}[{k}]: {}, differences {got}", params[i].0, g[k]);
            }
        }
    }
}

/// Test strings of another length are answered by the same weights.
#[test]
fn longer_strings_have_their_own_program() {
    let words = format!("{STRINGS} {MPS} task.fraction=1 task.test_length=23 task.test=40 train.steps=30");
    let mut run = advanced(&words);
    let last = run.outcome().last.unwrap();
    let test = run.activations(Which::Test).unwrap();
    let shape = |name: &str| test.iter().find(|a| a.name == name).unwrap().shape.clone();
    assert_eq!((shape("features"), shape("logits"), shape("left@22")), (vec![40, 23], vec![40, 23], vec![40, 3]));
    let (loss, accuracy) = measured(&test, "mse");
    assert!((last.test_loss - loss).abs() < 1e-12 && (last.test_accuracy - accuracy).abs() < 1e-12);
    let train = run.activations(Which::All).unwrap();
    assert_eq!(train.iter().find(|a| a.name == "left@4").unwrap().shape, [32, 3]);
    // Test strings decide nothing of a trajectory.
    assert_eq!(run.weights_hash(), advanced(&words.replace("task.test=40", "task.test=7")).weights_hash());
}

/// With a bond of 20, rule 30 on half of all strings of 6 bits is learnt, and then told of the others: every bit of them.
#[test]
fn a_local_rule_is_generalised() {
    let words = "task.name=cellular-automaton task.length=6 task.fraction=0.75 model.name=uniform-mps model.bond=12 loss.name=bits optim.name=adam optim.lr=0.01 \
                 train.mem_level=1 train.grok_level=1 train.steps=6000 loss.l1=0.00002";
    let run = advanced(words);
    let o = run.outcome();
    assert_eq!(o.stop.map(|s| s.name()), Some("grokked"), "{:?}", o.last);
    assert!(o.last.unwrap().test_accuracy == 1.0 && o.t_mem.unwrap().step <= o.t_grok.unwrap().step);
}

#[test]
fn what_does_not_fit_is_refused_by_its_key() {
    for (words, says) in [
        ("task.p=11 loss.name=bits", "loss.name: `bits`"),
        ("task.name=cellular-automaton model.name=uniform-mps loss.name=cross-entropy", "loss.name: `cross-entropy` takes one number a class"),
        ("task.name=cellular-automaton task.test_length=20 loss.name=bits", "model.name: the weights of `mlp`"),
        ("task.p=11 model.name=uniform-mps loss.name=mse", "`mse` takes one number a class"),
        ("task.name=parity model.name=uniform-mps loss.name=bits", "not strings of bits"),
    ] {
        let e = match try_setup(words).and_then(Run::new) {
            Err(e) => e.to_string(),
            Ok(_) => panic!("{words} was accepted"),
        };
        assert!(e.contains(says), "{words}: {e}");
    }
}
