//! The bits of a run depend on its setup alone: not on threads, recording, interruptions or neighbours.
#![allow(missing_docs)]

mod common;

use common::*;
use pennydrop_graph::cpu::{Level, Parallel, Sequential};
use pennydrop_graph::rng::{Purpose, Stream};
use pennydrop_train::{Curves, Evaluation, Host, Interrupt, NUMERICS, RestoreError, Run, Silent, Snapshot, Stop};

/// Interrupts once, before the step after `n` questions.
struct After(u64);

impl Host for After {
    fn interrupted(&mut self) -> Option<Interrupt> {
        if self.0 == 0 {
            return Some(Interrupt::Signal);
        }
        self.0 -= 1;
        None
    }
}

fn trained(words: &str, threads: &dyn Parallel) -> Run {
    let mut run = Run::new(setup(&format!("{words} train.stop=steps"))).unwrap();
    assert_eq!(run.advance(threads, &mut Silent), Stop::Steps);
    run
}

/// Everything that a run leaves behind; NaN compares by its bits.
fn record(run: &Run) -> (Snapshot, String, String) {
    let o = run.outcome();
    (run.snapshot(), format!("{:?}", (o.steps, o.crossings, o.last)), run.weights_hash())
}

#[test]
fn one_and_two_threads() {
    for (name, words) in FAMILIES {
        let words = format!("{words} train.steps=60");
        assert_eq!(record(&trained(&words, &Sequential)), record(&trained(&words, &Two)), "{name}");
    }
}

/// A batch that fills several lanes.
#[test]
fn one_and_two_threads_over_many_rows() {
    let words = "task.p=67 task.fraction=0.9 model.name=transformer model.d_model=16 model.d_mlp=32 train.steps=6";
    assert_eq!(record(&trained(words, &Sequential)), record(&trained(words, &Two)));
}

#[test]
fn recording_changes_nothing() {
    for (name, words) in FAMILIES {
        let hash = |eval: u32| trained(&format!("{words} train.steps=300 train.eval={eval}"), &Sequential).weights_hash();
        let dense = hash(100_000);
        assert_eq!(dense, hash(1), "{name}");
        assert_eq!(dense, hash(20), "{name}");
        // The test can fail.
        let other = trained(&format!("{words} train.steps=300 train.eval=1 seed=1"), &Sequential).weights_hash();
        assert_ne!(dense, other, "{name}");
    }
}

#[test]
fn reading_a_run_changes_nothing() {
    for (name, words) in FAMILIES {
        let mut run = Run::new(setup(&format!("{words} train.stop=steps train.steps=40"))).unwrap();
        run.advance(&Sequential, &mut After(20));
        assert_eq!(run.step(), 20);
        let (objective, gradients) = run.gradients().unwrap();
        assert!(objective.is_finite() && gradients.iter().flatten().any(|g| *g != 0.0), "{name}");
        assert!(run.activations(pennydrop_train::Which::Test).unwrap().iter().any(|a| a.name == "logits"), "{name}");
        run.snapshot();
        run.advance(&Sequential, &mut Silent);
        assert_eq!(record(&run), record(&trained(&format!("{words} train.steps=40"), &Sequential)), "{name}");
    }
}

#[test]
fn resumed_at_random_steps() {
    for (k, (name, words)) in FAMILIES.iter().enumerate() {
        let words = format!("{words} train.steps=500 train.eval=30 train.stop=steps");
        let unbroken = record(&trained(&words, &Sequential));
        let dice = Stream::new(k as u64, Purpose::Test, 0, 0);
        let mut run = Run::new(setup(&words)).unwrap();
        let mut breaks = 0;
        // Interruptions fall into training and into replays alike. A replay is at most 39 steps here, and starts again when interrupted.
        for i in 0.. {
            match run.advance(&Sequential, &mut After(dice.below(i, 45))) {
                Stop::Interrupted(Interrupt::Signal) => breaks += 1,
                stop => {
                    assert_eq!(stop, Stop::Steps);
                    break;
                }
            }
            let snapshot = run.snapshot();
            run = Run::restore_with(setup(&words), run.programs(), &snapshot).unwrap();
            assert_eq!(run.snapshot(), snapshot, "{name}");
        }
        assert!(breaks >= 20, "{name}: {breaks}");
        assert_eq!(record(&run), unbroken, "{name}");
    }
}

#[test]
fn a_larger_budget_continues() {
    for (name, words) in FAMILIES {
        // 333 and 377 are off the grid: an evaluation there belongs to the end, not to the run that goes on.
        let mut run = Run::new(setup(&format!("{words} train.steps=333 train.stop=steps train.eval=20"))).unwrap();
        assert_eq!(run.advance(&Sequential, &mut Silent), Stop::Steps);
        assert_eq!(run.curves().last().map(|e| e.step), Some(333), "{name}");
        assert_eq!(run.advance(&Sequential, &mut Silent), Stop::Steps);
        let finished = run.snapshot();
        run.set_budget(377).unwrap();
        run.advance(&Sequential, &mut Silent);
        let unbroken = record(&trained(&format!("{words} train.steps=377 train.eval=20"), &Sequential));
        assert_eq!(record(&run), unbroken, "{name}");
        let mut again = Run::restore(setup(&format!("{words} train.steps=377 train.stop=steps train.eval=20")), &finished).unwrap();
        again.advance(&Sequential, &mut Silent);
        assert_eq!(record(&again), unbroken, "{name}");
    }
    let mut cosine = Run::new(setup("optim.schedule=cosine task.p=11")).unwrap();
    assert!(cosine.set_budget(20_000).unwrap_err().to_string().contains("train.steps"));
}

/// Runs that share programs, on two threads at once, have the bits that they have alone.
#[test]
fn beside_other_runs() {
    for (name, words) in FAMILIES {
        let words = |seed: u32| format!("{words} train.steps=80 train.stop=steps seed={seed}");
        let alone: Vec<_> = (0..4).map(|s| record(&trained(&words(s), &Sequential))).collect();
        assert_ne!(alone[0], alone[1]);
        let programs = Run::new(setup(&words(0))).unwrap().programs().clone();
        let beside: Vec<_> = std::thread::scope(|scope| {
            let one = |seed: u32| {
                let setup = setup(&words(seed));
                assert!(programs.fit(&setup));
                let mut run = Run::with(setup, &programs).unwrap();
                scope.spawn(move || {
                    run.advance(&Sequential, &mut Silent);
                    record(&run)
                })
            };
            let spawned: Vec<_> = (0..4).map(one).collect();
            spawned.into_iter().map(|h| h.join().unwrap()).collect()
        });
        assert!(alone == beside, "{name}");
    }
}

/// Numbers are run-time scalars: programs of other numbers give the same bits as one's own, and programs of another shape are not used.
#[test]
fn programs_are_shared_by_runs_that_differ_in_numbers() {
    let base = "task.p=11 model.widths=[16] train.steps=30 optim.lr=0.003 loss.l2=0.01";
    let programs = Run::new(setup(base)).unwrap().programs().clone();
    for other in ["optim.lr=0.1", "optim.weight_decay=3", "loss.l2=0.5", "train.steps=40", "optim.warmup=5", "seed=3", "optim.beta1=0.5"] {
        let words = format!("{base} {other}");
        assert!(programs.fit(&setup(&words)), "{other}");
        let mut shared = Run::with(setup(&words), &programs).unwrap();
        shared.advance(&Sequential, &mut Silent);
        let mut own = Run::new(setup(&words)).unwrap();
        own.advance(&Sequential, &mut Silent);
        assert_eq!(record(&shared), record(&own), "{other}");
    }
    // First values are no part of a kernel, and belong to the program's tensors all the same.
    for other in [
        "model.init_scale=2",
        "model.init=he-normal",
        "optim.weight_decay=0",
        "loss.l2=0",
        "optim.clip=1",
        "model.widths=[17]",
        "train.batch=8",
        "train.precision=f64",
        "task.fraction=0.4",
    ] {
        let words = format!("{base} {other}");
        assert!(!programs.fit(&setup(&words)), "{other}");
        let mut run = Run::with(setup(&words), &programs).unwrap();
        run.advance(&Sequential, &mut Silent);
        assert!(run.programs().fit(&setup(&words)));
        let mut own = Run::new(setup(&words)).unwrap();
        own.advance(&Sequential, &mut Silent);
        assert_eq!(record(&run), record(&own), "{other}");
    }
}

#[test]
fn what_is_not_this_runs_state_is_refused() {
    let words = "task.p=11 model.widths=[16] train.steps=50 train.eval=10";
    let mut run = Run::new(setup(words)).unwrap();
    run.advance(&Sequential, &mut After(23));
    let good = run.snapshot();
    let refused = |change: &dyn Fn(&mut Snapshot)| {
        let mut s = good.clone();
        change(&mut s);
        match Run::restore(setup(words), &s) {
            Err(e) => e,
            Ok(_) => panic!("restored"),
        }
    };
    let e = refused(&|s| s.meta = s.meta.replace(&format!("\"numerics\":{NUMERICS}"), "\"numerics\":7"));
    assert!(matches!(e, RestoreError::Numerics { found: 7 }), "{e}");
    assert!(refused(&|s| s.meta.truncate(30)).to_string().contains("description"));
    assert!(refused(&|s| s.tensors.retain(|t| t.name != "layer0.W")).to_string().contains("layer0.W"));
    assert!(refused(&|s| s.tensors.retain(|t| !t.name.starts_with("kept"))).to_string().contains("kept"));
    assert!(refused(&|s| s.tensors[0].bytes.truncate(5)).to_string().contains("5 bytes"));
    assert!(refused(&|s| s.tensors[0].shape = vec![1]).to_string().contains("layer0.W"));
    assert!(refused(&|s| s.tensors.retain(|t| t.name != "curves.test_loss")).to_string().contains("curves.test_loss"));
    assert!(refused(&|s| s.step = 3).to_string().contains("step 3"));
    for other in ["seed=1", "optim.lr=0.5", "task.fraction=0.4", "model.widths=[17]"] {
        let e = Run::restore(setup(&format!("{words} {other}")), &good).err();
        assert!(matches!(e, Some(RestoreError::Fingerprint { .. })), "{other}: {e:?}");
    }
    // Limits and what is recorded are not part of a run.
    for other in ["train.steps=60", "train.eval=30", "train.stop=steps", "train.mem_level=0.7", "train.diverge=5"] {
        let mut run = Run::restore(setup(&format!("{words} {other}")), &good).unwrap();
        run.advance(&Sequential, &mut Silent);
    }
}

/// A host that looks at everything, at every evaluation.
struct Nosy(Vec<u64>);

impl Host for Nosy {
    fn evaluated(&mut self, run: &Run, e: &Evaluation) {
        assert_eq!(run.step(), e.step);
        assert_eq!(run.curves().last(), Some(e).filter(|e| e.norms.len() == run.params().count()));
        let _: &Curves = run.curves();
        self.0.push(e.step);
    }
}

#[test]
fn every_evaluation_is_told_once() {
    let words = "task.p=11 model.widths=[16] train.steps=47 train.stop=steps train.eval=10";
    let mut run = Run::new(setup(words)).unwrap();
    let mut nosy = Nosy(Vec::new());
    run.advance(&Sequential, &mut nosy);
    assert_eq!(nosy.0, run.curves().steps());
    assert_eq!(nosy.0, [0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 32, 40, 47]);
}

/// Golden hashes by instruction set (`Level`): bits that change without a new `NUMERICS` are a defect.
#[test]
fn golden() {
    let known: &[(&str, &str, &str)] = include!("golden.in");
    let level = Level::detect().name();
    let mut wrong = Vec::new();
    for (name, words) in FAMILIES {
        let hash = trained(&format!("{words} train.steps=50 train.eval=1"), &Sequential).weights_hash();
        match known.iter().find(|k| k.0 == level && k.1 == *name) {
            Some(k) if k.2 == hash => {}
            Some(_) => wrong.push(format!("(\"{level}\", \"{name}\", \"{hash}\"),")),
            None => println!("no golden hash for this instruction set: (\"{level}\", \"{name}\", \"{hash}\"),"),
        }
    }
    assert!(wrong.is_empty(), "bits changed: raise NUMERICS, and let tests/golden.in hold\n{}", wrong.join("\n"));
}
