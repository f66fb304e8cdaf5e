//! A run ends for a reason, and its times are exact.
#![allow(missing_docs)]

mod common;

use common::*;
use pennydrop_graph::cpu::Sequential;
use pennydrop_graph::rewrite::{Rewrite, Rewrites, cost};
use pennydrop_train::{Array, Curve, Kind, Run, Silent, Stop, Values, Which, profile, step_graph};

fn advanced(words: &str) -> (Run, Stop) {
    let mut run = Run::new(setup(words)).unwrap();
    let stop = run.advance(&Sequential, &mut Silent);
    (run, stop)
}

/// Quadratic MLP on addition mod 13: groks within about a second.
const GROKS: &str = "task.p=13 task.fraction=0.6 model.widths=[128] model.activation=quadratic model.init=normal-fan-in loss.name=mse optim.lr=0.01 \
                     optim.weight_decay=3 train.steps=20000";

#[test]
fn a_run_groks() {
    let (run, stop) = advanced(GROKS);
    let o = run.outcome();
    assert_eq!((stop.name(), o.stop, o.censored, o.lost), ("grokked", Some(Stop::Grokked), false, false), "{:?}", o.last);
    let (mem, grok) = (o.t_mem.unwrap(), o.t_grok.unwrap());
    assert!(mem.step < grok.step && grok.step < o.steps, "{mem:?} {grok:?}");
    assert_eq!(o.delay.steps, Some((grok.step - mem.step) as i64));
    assert_eq!(o.steps, run.step());
    // A constant rate of 0.01, decay 3, full batch.
    assert_eq!(grok.epochs, Some(grok.step as f64));
    assert!((grok.eta - 0.01 * grok.step as f64).abs() < 1e-9 * grok.eta && (grok.eta_lambda / grok.eta - 3.0).abs() < 1e-12, "{grok:?}");
    let last = o.last.unwrap();
    assert!(last.test_accuracy >= 0.95 && last.train_accuracy >= 0.99 && last.collapsed.is_nan());
    let spectrum = o.spectrum.unwrap();
    assert_eq!((spectrum.tensor.as_str(), spectrum.power.len(), Some(spectrum.concentration)), ("layer0.W", 6, last.fourier));
}

/// Every time of a sparsely evaluated run is that of the same run evaluated at every step.
#[test]
fn times_are_exact_to_the_step() {
    let words = format!("{GROKS} train.stop=steps train.steps=1500");
    let (sparse, _) = advanced(&format!("{words} train.eval=12"));
    let (dense, _) = advanced(&format!("{words} train.eval=100000"));
    assert_eq!(sparse.weights_hash(), dense.weights_hash());
    let (grid, every) = (sparse.curves(), dense.curves());
    assert_eq!(every.rows.len(), 1501);
    let mut inside = 0;
    for c in sparse.outcome().crossings {
        let accuracy = every.column(if c.curve == Curve::Train { "train_accuracy" } else { "test_accuracy" }).unwrap();
        let up = |s: u64| accuracy[s as usize] >= c.level;
        // By definition: stretches of evaluations on the grid, their starts to the step.
        let steps = grid.steps();
        let mut seen = [None; 3];
        for (i, e) in steps.iter().enumerate().filter(|(i, e)| up(**e) && (*i == 0 || !up(steps[i - 1]))) {
            let open = if i == 0 { 0 } else { steps[i - 1] + 1 };
            let first = (open..=*e).find(|s| up(*s)).unwrap();
            let start = (open..=*e).rev().take_while(|s| up(*s)).last().unwrap();
            let end = *steps[i..].iter().take_while(|e| up(**e)).last().unwrap();
            seen[0] = seen[0].or(Some(first));
            if end > start && end as f64 >= 1.1 * start as f64 {
                seen[1] = seen[1].or(Some(start));
                seen[2] = Some(start);
            }
        }
        let want = seen[Kind::ALL.iter().position(|k| *k == c.kind).unwrap()];
        assert_eq!(c.time.map(|t| t.step), want, "{c:?}");
        inside += usize::from(want.is_some_and(|s| !steps.contains(&s)));
    }
    assert!(inside >= 4, "only {inside} times lie between evaluations");
}

#[test]
fn a_run_that_reaches_its_budget_is_censored() {
    let (run, stop) = advanced("task.p=23 task.fraction=0.3 model.widths=[16] train.steps=37");
    let o = run.outcome();
    assert_eq!((stop, o.steps, o.censored, o.t_grok, o.delay.steps), (Stop::Steps, 37, true, None, None));
    assert_eq!(run.curves().steps(), (0..=29).chain([31, 32, 33, 34, 35, 37]).collect::<Vec<u64>>());
}

#[test]
fn divergence_is_an_outcome() {
    let (run, stop) = advanced("task.p=11 model.widths=[16] model.activation=quadratic loss.name=mse optim.name=sgd optim.lr=1000 train.steps=500");
    assert_eq!((stop, stop.name()), (Stop::Diverged, "diverged"));
    let last = run.outcome().last.unwrap();
    assert!(!last.train_loss.is_finite() || last.train_loss > 1e6, "{last:?}");
    // Going on is possible and changes nothing: the reason stays.
    let mut run = run;
    assert_eq!(run.advance(&Sequential, &mut Silent), Stop::Diverged);
    // What is not finite is wrong everywhere.
    let (run, _) = advanced("task.p=11 model.widths=[16] optim.name=sgd optim.lr=1e30 train.steps=30 train.diverge=1e300 loss.l2=1e30");
    let last = run.outcome().last.unwrap();
    assert!(!last.norm.is_finite() && (last.train_accuracy, last.test_accuracy) == (0.0, 0.0), "{last:?}");
}

#[test]
fn a_loss_can_be_the_goal() {
    let (run, stop) = advanced("task.p=7 model.widths=[64] optim.lr=0.01 optim.weight_decay=0 train.stop=loss train.loss_below=0.01 train.steps=5000");
    assert_eq!(stop, Stop::LossBelow);
    let losses = run.curves().column("train_loss").unwrap();
    assert!(losses[losses.len() - 1] < 0.01 && losses[losses.len() - 2] >= 0.01);
}

/// Tiny networks by hand: losses, accuracies, collapse and scale of known logits.
#[test]
fn measures_have_their_definitions() {
    // One-hot without hidden layer: logits are W[a] + W[p + b].
    let words = "task.p=3 task.fraction=0.5 model.widths=[] model.bias_out=false train.steps=0 loss.l2=0.5 loss.l1=0.25 loss.penalty_on=[layer0.W]";
    let measured = |w: Vec<f64>| {
        let mut s = setup(words);
        s.init = Some([("layer0.W".to_string(), (vec![6, 3], w))].into());
        let mut run = Run::new(s).unwrap();
        run.advance(&Sequential, &mut Silent);
        run.outcome().last.unwrap()
    };
    // Equal logits: ties are wrong, the loss is ln 3.
    let e = measured(vec![0.0; 18]);
    assert_eq!((e.train_accuracy, e.test_accuracy, e.collapsed, e.logit_scale, e.penalty), (0.0, 0.0, 0.0, 0.0, 0.0));
    assert!((e.train_loss - libm::log(3.0)).abs() < 1e-6 && (e.test_loss - libm::log(3.0)).abs() < 1e-6);
    assert!(e.fourier.unwrap().gini.is_nan());
    // Answer 0 by a hundred for every pair: right where a + b = 0, collapsed everywhere.
    let mut w = vec![0.0; 18];
    for a in 0..3 {
        w[a * 3] = 100.0;
    }
    let task = setup(words).task;
    let share = |set: &[u32]| set.iter().filter(|i| task.labels[**i as usize] == 0).count() as f64 / set.len() as f64;
    let e = measured(w);
    assert_eq!((e.train_accuracy, e.test_accuracy), (share(&task.train), share(&task.test)));
    assert!((e.train_loss - 100.0 * (1.0 - share(&task.train))).abs() < 1e-5);
    assert_eq!((e.collapsed, e.logit_scale, e.penalty), (1.0, 100.0, 0.25 * 300.0 + 0.5 * 30_000.0));
    assert!((e.norm - 30_000f64.sqrt()).abs() < 1e-9 && e.norms == [e.norm]);
    // NaN is wrong, also where only another class is NaN.
    let mut w = vec![0.0; 18];
    for a in 0..3 {
        w[a * 3] = 100.0;
        w[a * 3 + 2] = f64::NAN;
    }
    let e = measured(w);
    assert_eq!((e.train_accuracy, e.test_accuracy), (0.0, 0.0));
    assert!(e.train_loss.is_nan());
}

/// The signs of a hinge task, and the two scalings of squared error.
#[test]
fn losses_have_their_definitions() {
    let words = "task.name=parity task.n=4 task.k=1 task.train=6 task.test=6 model.widths=[] model.bias_out=false train.steps=0";
    let measured = |more: &str, w: Vec<f64>, shape: Vec<usize>| {
        let mut s = setup(&format!("{words} {more}"));
        s.init = Some([("layer0.W".to_string(), (shape, w))].into());
        let mut run = Run::new(s).unwrap();
        run.advance(&Sequential, &mut Silent);
        run.outcome().last.unwrap()
    };
    // f = 0.25·x₁ and y = x₁: right everywhere, the hinge is 0.75.
    let e = measured("loss.name=hinge", vec![0.25, 0.0, 0.0, 0.0], vec![4, 1]);
    assert_eq!((e.train_loss, e.test_loss, e.train_accuracy, e.test_accuracy), (0.75, 0.75, 1.0, 1.0));
    let e = measured("loss.name=hinge", vec![-2.0, 0.0, 0.0, 0.0], vec![4, 1]);
    assert_eq!((e.train_loss, e.train_accuracy), (3.0, 0.0));
    let e = measured("loss.name=hinge", vec![0.0; 4], vec![4, 1]);
    assert_eq!((e.train_loss, e.train_accuracy), (1.0, 0.0));
    // Logits (−x₁, x₁)·½ against the one-hot: (½, ½)² summed, or its mean.
    let w = vec![-0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    let e = measured("loss.name=mse loss.scaling=sum", w.clone(), vec![4, 2]);
    assert_eq!((e.train_loss, e.train_accuracy), (0.5, 1.0));
    assert_eq!(measured("loss.name=mse", w, vec![4, 2]).train_loss, 0.25);
}

#[test]
fn activations_are_those_of_the_network() {
    let words = "task.p=11 task.fraction=0.5 model.name=transformer model.d_model=16 model.d_mlp=32 train.steps=20 train.stop=steps";
    let (mut run, _) = advanced(words);
    let find = |arrays: &[Array], name: &str| arrays.iter().find(|a| a.name == name).cloned().unwrap();
    let all = run.activations(Which::All).unwrap();
    let logits = find(&all, "logits");
    assert_eq!((logits.shape.clone(), find(&all, "inputs").shape), (vec![121, 12], vec![121, 2]));
    assert_eq!(find(&all, "block0.mlp.hidden@2").shape, [121, 32]);
    let Values::F32(z) = &logits.values else { panic!() };
    let Values::U32(labels) = find(&all, "labels").values else { panic!() };
    let task = run.setup().task.clone();
    // Accuracy over the label classes, from these logits.
    let right = |i: u32| (0..11).all(|c| c == labels[i as usize] as usize || z[i as usize * 12 + labels[i as usize] as usize] > z[i as usize * 12 + c]);
    let share = task.train.iter().filter(|i| right(**i)).count() as f64 / task.train.len() as f64;
    assert_eq!(run.outcome().last.unwrap().train_accuracy, share);
    // A subset has the rows of the whole.
    let test = run.activations(Which::Test).unwrap();
    let Values::F32(rows) = find(&test, "logits").values else { panic!() };
    for (k, i) in task.test.iter().enumerate() {
        for c in 0..12 {
            assert!((rows[k * 12 + c] - z[*i as usize * 12 + c]).abs() < 1e-4);
        }
    }
}

/// Rewrites change the arithmetic's order and amount, not the network.
#[test]
fn every_rewrite_can_be_switched_off() {
    let words = "task.p=11 task.fraction=0.5 model.name=transformer model.layers=2 model.template=eos_a_op_b_= model.d_model=16 model.d_mlp=32 \
                 model.norm=post train.precision=f64 loss.precision=f64 train.steps=15 train.stop=steps";
    let make = || {
        let mut s = setup(&words.replace("model.template=eos_a_op_b_=", ""));
        s.model = pennydrop_registry::Args::check(
            "model",
            s.model.row,
            s.model.iter().map(|(k, v)| (k.to_string(), if k == "template" { pennydrop_registry::Value::Str("eos a op b =".into()) } else { v.clone() })),
        )
        .unwrap();
        s
    };
    let weights = |on: Rewrites| {
        let mut s = make();
        s.rewrites = on;
        let mut run = Run::new(s).unwrap();
        run.advance(&Sequential, &mut Silent);
        (run.params().flat_map(|p| p.2).collect::<Vec<f64>>(), run.outcome().last.unwrap())
    };
    let (full, end) = weights(Rewrites::default());
    let sets = Rewrite::ALL.map(|r| Rewrites::default().without(r)).into_iter().chain([Rewrites::none()]);
    for on in sets {
        let (other, e) = weights(on.clone());
        let gap = full.iter().zip(&other).fold(0.0f64, |m, (x, y)| m.max((x - y).abs()));
        assert!(gap < 1e-7, "{on:?}: {gap:e}");
        assert!((e.train_loss - end.train_loss).abs() < 1e-7 && e.train_accuracy == end.train_accuracy);
    }
    let s = make();
    let operations = |on: &Rewrites| {
        let g = step_graph(&s, on).unwrap();
        cost::total(&g.graph, g.batch)
    };
    let (plain, full) = (operations(&Rewrites::none()), operations(&Rewrites::default()));
    assert!(plain > 1.3 * full, "{plain} {full}");
    assert!(operations(&Rewrites::default().without(Rewrite::Positions)) > full);
    let ticks = std::cell::Cell::new(0.0);
    let clock = || {
        ticks.set(ticks.get() + 1.0);
        ticks.get()
    };
    let p = profile(&s, &Rewrites::default(), 3, &clock).unwrap();
    assert!(p.step_s > 0.0 && p.operations > 0.0 && !p.kernels.is_empty() && p.buffer_bytes > 0, "{p:?}");
}

#[test]
fn what_does_not_fit_is_refused_by_its_key() {
    for (words, says) in [
        ("task.p=11 task.fraction=0.5 train.batch=61", "train.batch: 61 is more than the 60 training examples"),
        ("task.name=parity task.sampling=fresh", "train.batch: 0 means"),
        ("loss.name=hinge task.p=11", "loss.name: `hinge`"),
        ("task.p=11 optim.decay_on=[embeding]", "did you mean `embedding`"),
        ("task.p=11 loss.penalty_on=[layer0.w]", "did you mean `layer0.W`"),
        ("task.p=11 optim.name=sgd optim.nesterov=true", "optim.nesterov"),
        ("task.p=11 train.eval=0", "train.eval"),
        ("task.p=11 train.stop=grok", "did you mean `grokked`"),
        ("loss.name=crossentropy", "did you mean `cross-entropy`"),
        ("loss.precision=f8", "loss.precision"),
    ] {
        let e = match try_setup(words).and_then(Run::new) {
            Err(e) => e.to_string(),
            Ok(_) => panic!("{words} was accepted"),
        };
        assert!(e.contains(says), "{words}: {e}");
    }
    let mut s = setup("task.p=11 model.widths=[16]");
    s.init = Some([("layer0.b".to_string(), (vec![15], vec![0.0; 15]))].into());
    assert!(Run::new(s.clone()).err().unwrap().to_string().contains("layer0.b"));
    s.init = Some([("layer0.B".to_string(), (vec![16], vec![0.0; 16]))].into());
    assert!(Run::new(s).err().unwrap().to_string().contains("did you mean `layer0.b`"));
}
