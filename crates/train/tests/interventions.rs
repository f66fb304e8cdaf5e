//! What is done to a run from outside does what it says, from its moment on, and keeps the promises of a run.
#![allow(missing_docs)]

mod common;

use common::*;
use pennydrop_graph::cpu::Sequential;
use pennydrop_train::{Host, Interrupt, Run, Silent, Snapshot, Stop, When};

/// A perceptron with three weight matrices and two biases that memorises in a hundred steps.
const NET: &str = "task.p=13 task.fraction=0.5 model.inputs=embedding model.d_embed=16 model.widths=[32] model.bias_hidden=true model.bias_out=true optim.lr=0.01 \
                   optim.weight_decay=1 train.stop=steps";

fn run(words: &str) -> Run {
    let mut run = Run::new(setup(&format!("{NET} {words}"))).unwrap();
    run.advance(&Sequential, &mut Silent);
    run
}

fn says(words: &str, parts: &[&str]) {
    let text = try_setup(&format!("{NET} {words}")).and_then(|s| Run::new(s).map(|_| ())).unwrap_err().to_string();
    assert!(parts.iter().all(|p| text.contains(p)), "{text}");
}

fn tensor(run: &Run, name: &str) -> Vec<f64> {
    run.params().find(|p| p.0 == name).unwrap_or_else(|| panic!("{name}: {:?}", run.params().map(|p| p.0.to_string()).collect::<Vec<_>>())).2
}

/// Names of the two matrices after the embedding.
const MATRICES: [&str; 2] = ["layer0.W", "layer1.W"];

fn norm(v: &[f64]) -> f64 {
    v.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn weights(run: &Run) -> f64 {
    run.params().filter(|p| !p.0.ends_with(".b")).map(|p| norm(&p.2).powi(2)).sum::<f64>().sqrt()
}

/// Takes a snapshot before step `at`, and goes on.
struct Snap {
    at: u64,
    taken: Option<Snapshot>,
}

impl Host for Snap {
    fn stepping(&mut self, run: &Run) {
        if run.step() == self.at {
            self.taken = Some(run.snapshot());
        }
    }
}

fn snapshot(words: &str, at: u64) -> Snapshot {
    let mut run = Run::new(setup(&format!("{NET} {words}"))).unwrap();
    let mut host = Snap { at, taken: None };
    run.advance(&Sequential, &mut host);
    host.taken.unwrap()
}

fn same(a: &Run, b: &Run) {
    assert_eq!(a.weights_hash(), b.weights_hash());
    assert_eq!(format!("{:?}", a.curves()), format!("{:?}", b.curves()));
    assert_eq!(format!("{:?}", a.outcome().crossings), format!("{:?}", b.outcome().crossings));
}

const ALL: &str = "rescale.on=[embedding] rescale.factor=2 rescale.from=AT reinit.from=AT reinit.end=3 noise.from=AT noise.sigma=0.001 freeze.from=AT freeze.on=[layer1.b] \
                   freeze.lasts=40 clamp.from=AT clamp.factor=1.1 temperature.from=AT temperature.tau=1.5 change.from=AT change.set=[optim.weight_decay=0.1,loss.l2=1e-4]";

#[test]
fn what_has_not_fired_changes_no_bit() {
    let plain = run("train.steps=150");
    let armed =
        run(&format!("train.steps=150 {}", ALL.replace("AT", "150")).replace("temperature.from=150", "temperature.from=never").replace(",loss.l2=1e-4", ""));
    same(&plain, &armed);
    assert!(armed.fired().iter().all(|f| f.1.is_none()) && armed.fired().len() == 6);
    // A temperature and a penalty are parts of the program: equal up to rounding before they begin.
    let armed = run(&format!("train.steps=20 {}", ALL.replace("AT", "150")));
    let (a, b) = (weights(&run("train.steps=20")), weights(&armed));
    assert!((a / b - 1.0).abs() < 1e-5, "{a} {b}");
}

#[test]
fn a_fork_is_the_run_that_was_so_from_the_beginning() {
    let all = ALL.replace("AT", "120");
    let scratch = run(&format!("train.steps=300 {all}"));
    assert!(scratch.fired().iter().all(|f| f.1 == Some(120)));
    // `temperature` is in the program, so the parent carries it too, at another time.
    let parent = all.replace("temperature.from=120", "temperature.from=never").replace(",loss.l2=1e-4", "");
    let parent_words: String = parent.replace("=120", "=never");
    let fork = |words: &str| {
        let s = snapshot(&format!("train.steps=300 {parent_words}"), 120);
        let mut run = Run::restore(setup(&format!("{NET} train.steps=300 {words}")), &s)?;
        run.advance(&Sequential, &mut Silent);
        Ok::<_, pennydrop_train::RestoreError>(run)
    };
    same(&fork(&parent).unwrap(), &run(&format!("train.steps=300 {parent}")));
    // The twin without any intervention goes on with the bits of the run that was never stopped.
    same(&fork("").unwrap(), &run("train.steps=300"));
    // What would have begun earlier is another run.
    let early = fork("clamp.from=119").err().unwrap().to_string();
    assert!(early.contains("another run"), "{early}");
    assert!(fork("optim.weight_decay=2").is_err());
}

#[test]
fn interrupted_or_not_and_on_any_grid() {
    let events = "clamp.from=t_mem+7 clamp.factor=1.2 mark.from=train_loss<1 noise.from=train_accuracy>0.3 noise.sigma=0.01 noise.lasts=20 reinit.from=train_loss<0.5 reinit.share=0.1 \
                  change.from=between:50:200 change.set=[optim.lr=0.005] freeze.from=drawn:30:60:90 freeze.lasts=25 freeze.on=[layer0.b] train.steps=400";
    let whole = run(events);
    let fired = whole.fired();
    assert!(fired.iter().all(|f| f.1.is_some_and(|s| s > 0)), "{fired:?}");
    let sparse = run(&format!("{events} train.eval=5"));
    assert_eq!(sparse.weights_hash(), whole.weights_hash());
    assert_eq!(sparse.fired(), fired);
    struct Every(u64);
    impl Host for Every {
        fn interrupted(&mut self) -> Option<Interrupt> {
            self.0 += 1;
            self.0.is_multiple_of(23).then_some(Interrupt::Signal)
        }
    }
    let mut cut = Run::new(setup(&format!("{NET} {events}"))).unwrap();
    let mut parts = 0;
    let mut host = Every(0);
    while let Stop::Interrupted(_) = cut.advance(&Two, &mut host) {
        parts += 1;
        let s = cut.snapshot();
        cut = Run::restore(setup(&format!("{NET} {events}")), &s).unwrap();
    }
    assert!(parts > 10);
    same(&cut, &whole);
}

/// Accuracies cross their levels in the very intervals in which interventions fire, so a replay must repeat those.
#[test]
fn times_are_exact_through_interventions() {
    // Evaluations at 10, 100 and 1000 only.
    let events = "rescale.from=t_mem rescale.on=[layer1.W] rescale.factor=3 reinit.from=12 reinit.on=[layer1.W] noise.from=15 noise.sigma=0.01 noise.times=once clamp.from=60 clamp.factor=1.1";
    let words = format!("{events} train.steps=1000 train.sustain=1.02");
    let (sparse, dense) = (run(&format!("{words} train.eval=1")), run(&format!("{words} train.eval=100000")));
    assert_eq!(sparse.weights_hash(), dense.weights_hash());
    let accuracy = dense.curves().column("train_accuracy").unwrap();
    let first = |level: f64| accuracy.iter().position(|a| *a >= level).map(|s| s as u64);
    let mut seen = Vec::new();
    for c in sparse.outcome().crossings.iter().filter(|c| c.curve.name() == "train" && c.kind.name() == "first") {
        assert_eq!(c.time.map(|t| t.step), first(c.level), "{c:?}");
        seen.extend(c.time.map(|t| t.step));
    }
    assert_eq!(sparse.fired().iter().find(|f| f.0 == "rescale").unwrap().1, first(0.99));
    // They lie after what fired within the same interval, and without that they would lie elsewhere.
    assert!(seen.iter().any(|s| (16..100).contains(s)), "{seen:?}");
    let plain = run("train.steps=1000 train.eval=100000").curves().column("train_accuracy").unwrap();
    assert!(sparse.outcome().crossings.iter().any(|c| c.curve.name() == "train"
        && c.kind.name() == "first"
        && c.time.map(|t| t.step) != plain.iter().position(|a| *a >= c.level).map(|s| s as u64)));
}

#[test]
fn a_clamp_holds_what_it_says() {
    let held = run("clamp.from=50 clamp.factor=1.3 train.steps=120");
    let at = run("train.steps=50");
    let target = 1.3 * weights(&at);
    assert!((weights(&held) / target - 1.0).abs() < 1e-6);
    // A norm given; together or each.
    assert!((weights(&run("clamp.from=0 clamp.norm=9 clamp.factor=0.5 train.steps=40")) / 4.5 - 1.0).abs() < 1e-6);
    let each = run("clamp.from=50 clamp.hold=each train.steps=120");
    for name in MATRICES {
        assert!((norm(&tensor(&each, name)) / norm(&tensor(&at, name)) - 1.0).abs() < 1e-6);
    }
    // Together, shares drift.
    let drift = run("clamp.from=50 train.steps=120");
    assert!((norm(&tensor(&drift, MATRICES[0])) / norm(&tensor(&at, MATRICES[0])) - 1.0).abs() > 1e-4);
    // A share shifted from the embedding to the last matrix; the first keeps its own.
    let shifted = run("clamp.from=50 clamp.hold=shift clamp.shift=0.3 clamp.shift_on=[layer1.W,embedding] train.steps=120");
    let square = |r: &Run, n: &str| norm(&tensor(r, n)).powi(2);
    assert!((square(&shifted, MATRICES[0]) / square(&at, MATRICES[0]) - 1.0).abs() < 1e-5);
    let share = |r: &Run| {
        let (u, w) = (square(r, MATRICES[1]), weights(r).powi(2) - square(r, MATRICES[0]));
        u / w
    };
    assert!((share(&shifted) / share(&at) - 1.3).abs() < 1e-4, "{} {}", share(&shifted), share(&at));
    assert!((weights(&shifted) / weights(&at) - 1.0).abs() < 1e-6);
    // Once: the norm is free afterwards. Biases are left alone unless named.
    let once = run("clamp.from=50 clamp.factor=1.3 clamp.times=once train.steps=52");
    assert!((weights(&once) / target - 1.0).abs() > 1e-5);
    // A reference of its own.
    let of = run("clamp.from=50 clamp.of=20 train.steps=60");
    assert!((weights(&of) / weights(&run("train.steps=20")) - 1.0).abs() < 1e-6);
    says("clamp.from=5 clamp.of=t_mem clamp.norm=3", &["clamp.of"]);
    says("clamp.from=5 clamp.hold=shift", &["clamp.shift_on", "two"]);
    says("clamp.from=5 clamp.on=[unembedd]", &["clamp.on", "unembedd"]);
}

/// Under a clamp of everything that decays, decay only changes the learning rate: rescale[(1 − ηλ)W − ηu] = rescale[W − η/(1 − ηλ) u].
#[test]
fn decay_is_a_rate_under_a_clamp() {
    let words =
        "model.bias_hidden=false model.bias_out=false train.precision=f64 loss.precision=f64 clamp.from=0 clamp.norm=8 train.steps=200 optim.decay=before";
    let eta = 0.01 / (1.0 - 0.01 * 2.0);
    let (with, without) = (run(&format!("{words} optim.weight_decay=2")), run(&format!("{words} optim.weight_decay=0 optim.lr={eta}")));
    for (a, b) in with.params().zip(without.params()) {
        let gap = a.2.iter().zip(&b.2).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
        assert!(gap < 1e-9, "{}: {gap}", a.0);
    }
}

#[test]
fn a_temperature_divides_what_the_loss_sees() {
    let first = |words: &str| run(&format!("train.steps=0 {words}")).curves().rows[0].clone();
    let (plain, warm) = (first(""), first("temperature.from=0 temperature.tau=2"));
    assert!((warm.logit_scale * 2.0 / plain.logit_scale - 1.0).abs() < 1e-5);
    assert_eq!((warm.train_accuracy, warm.norm), (plain.train_accuracy, plain.norm));
    // With the last layer's weights halved, the loss is that of τ = 2.
    let halved = first("rescale.from=0 rescale.on=[layer1.W,layer1.b] rescale.factor=0.5");
    assert!((halved.train_loss / warm.train_loss - 1.0).abs() < 1e-6 && (warm.train_loss - plain.train_loss).abs() > 1e-3);
    // For a while only, and from a step on: the recorded scale jumps.
    let scale = run("temperature.from=30 temperature.lasts=10 temperature.tau=4 train.steps=60 train.eval=100000").curves().column("logit_scale").unwrap();
    assert!(scale[31] < 0.4 * scale[29] && scale[41] > 2.5 * scale[39], "{:?}", &scale[28..43]);
}

#[test]
fn numbers_change_in_the_middle() {
    let still = run("change.from=40 change.set=[optim.lr=0] train.steps=90");
    assert_eq!(still.weights_hash(), run("train.steps=40").weights_hash());
    assert_eq!(still.curves().column("lr").unwrap().last(), Some(&0.0));
    // A penalty that begins later is felt and recorded.
    let l2 = run("change.from=40 change.set=[loss.l2=0.01] train.steps=90 train.eval=100000");
    let penalty = l2.curves().column("penalty").unwrap();
    assert_eq!((penalty[39], penalty[40]), (0.0, 0.0));
    assert!(penalty[41] > 0.0);
    says("change.from=4 change.set=[optim.lr]", &["change.set", "="]);
    says("change.from=4 change.set=[model.d_embed=3]", &["change.set"]);
    says("change.from=4 change.set=[optim.clip=1]", &["change.set", "beginning"]);
    says("change.from=4 change.set=[optim.beta1=2]", &["beta1"]);
    says("change.from=4 change.set=[optim.rate=2]", &["rate"]);
    says("change.from=4", &["change.set", "nothing"]);
}

#[test]
fn tensors_are_frozen_drawn_anew_and_disturbed() {
    let (before, after) = (run("train.steps=30"), run("freeze.from=30 freeze.on=[layer0.W] train.steps=60"));
    assert_eq!(tensor(&before, "layer0.W"), tensor(&after, "layer0.W"));
    assert_ne!(tensor(&before, "layer1.W"), tensor(&after, "layer1.W"));
    // With a rate of 0 only the intervention moves anything.
    let quiet = |words: &str| run(&format!("optim.lr=0 train.steps=6 {words}"));
    let (plain, anew) = (quiet(""), quiet("reinit.from=3 reinit.on=[layer0.W] reinit.axis=1 reinit.begin=4 reinit.end=9"));
    let (a, b) = (tensor(&plain, "layer0.W"), tensor(&anew, "layer0.W"));
    for (j, (x, y)) in a.iter().zip(&b).enumerate() {
        assert_eq!(x != y, (4..9).contains(&(j % 32)), "{j}");
    }
    assert_eq!(tensor(&plain, "layer1.W"), tensor(&anew, "layer1.W"));
    let rows = tensor(&quiet("reinit.from=3 reinit.on=[layer0.W] reinit.begin=2 reinit.end=5"), "layer0.W");
    for (j, (x, y)) in a.iter().zip(&rows).enumerate() {
        assert_eq!(x != y, (2..5).contains(&(j / 32)), "{j}");
    }
    let spread = |v: &[f64]| (v.iter().map(|x| x * x).sum::<f64>() / v.len() as f64).sqrt();
    assert!((spread(&b) / spread(&a) - 1.0).abs() < 0.1);
    let some = tensor(&quiet("reinit.from=3 reinit.on=[layer0.W] reinit.share=0.25"), "layer0.W");
    let moved = a.iter().zip(&some).filter(|(x, y)| x != y).count() as f64 / a.len() as f64;
    assert!((moved - 0.25).abs() < 5.0 * (0.25 * 0.75 / a.len() as f64).sqrt(), "{moved}");
    for (words, times) in [("noise.times=once", 1.0), ("", 3.0), ("noise.lasts=2", 2.0)] {
        let noisy = tensor(&quiet(&format!("noise.from=3 noise.sigma=0.01 {words}")), "layer0.W");
        let d: Vec<f64> = a.iter().zip(&noisy).map(|(x, y)| y - x).collect();
        let want = 0.01 * f64::sqrt(times);
        assert!((spread(&d) / want - 1.0).abs() < 5.0 / (2.0 * a.len() as f64).sqrt(), "{words}: {} {want}", spread(&d));
    }
    says("reinit.from=3 reinit.axis=2", &["reinit.axis"]);
    says("reinit.from=3 reinit.begin=40", &["reinit.end"]);
    says("rescale.from=0 rescale.factor=[1,2]", &["rescale.factor", "1 words"]);
}

#[test]
fn a_nudge_moves_one_weight_by_one_unit_in_the_last_place() {
    let quiet = |words: &str| run(&format!("optim.lr=0 train.steps=6 {words}")).params().flat_map(|p| p.2).collect::<Vec<f64>>();
    let plain = quiet("");
    let moved = |words: &str| -> Vec<(usize, i64)> {
        let bits = |x: f64| i64::from((x as f32).to_bits());
        plain.iter().zip(quiet(words)).enumerate().filter(|(_, (a, b))| **a != *b).map(|(j, (a, b))| (j, bits(b) - bits(*a))).collect()
    };
    let draws: Vec<_> = (0..4).map(|k| moved(&format!("nudge.from=3 nudge.draw={k}"))).collect();
    assert!(draws.iter().all(|d| d.len() == 1 && d[0].1 == 1), "{draws:?}");
    assert!(draws.iter().collect::<std::collections::BTreeSet<_>>().len() > 2, "{draws:?}");
    assert_eq!(moved("nudge.from=3 nudge.ulps=5"), [(draws[0][0].0, 5)]);
}

#[test]
fn a_mark_keeps_weights_and_changes_none() {
    let words = "mark.from=40 mark.on=[layer0.W,layer1.b] train.steps=90";
    let (plain, marked) = (run("train.steps=90"), run(words));
    assert_eq!(marked.weights_hash(), plain.weights_hash());
    assert!(plain.curves().column("angle").is_none() && plain.curves().columns().iter().all(|c| c.0 != "angle"));
    let (steps, angle) = (marked.curves().steps(), marked.curves().column("angle").unwrap());
    assert!(steps.iter().zip(&angle).all(|(s, a)| a.is_nan() == (*s <= 40)), "{angle:?}");
    // From the cosine, of weights that were reached without a mark.
    let flat = |r: &Run| ["layer0.W", "layer1.b"].iter().flat_map(|n| tensor(r, n)).collect::<Vec<f64>>();
    let (a, b) = (flat(&run("train.steps=40")), flat(&plain));
    let cosine = a.iter().zip(&b).map(|(x, y)| x * y).sum::<f64>() / (norm(&a) * norm(&b));
    let want = libm::acos(cosine).to_degrees();
    assert!(want > 5.0 && (angle.last().unwrap() / want - 1.0).abs() < 1e-9, "{angle:?} {want}");
    // Turned by a clamp in which every tensor keeps its direction, it turns no tensor; a trigger reads it.
    let one = run("mark.from=t_mem mark.on=[layer0.W] clamp.from=t_mem clamp.hold=each clamp.times=once freeze.from=angle>3 train.steps=400 train.eval=100000");
    let (angle, at) = (one.curves().column("angle").unwrap(), |name: &str| one.fired().iter().find(|f| f.0 == name).unwrap().1.unwrap() as usize);
    assert!(angle[at("mark")].is_nan() && angle[at("mark") + 1] < 3.0);
    assert!(angle[at("freeze")] > 3.0 && angle[at("freeze") - 1] <= 3.0 && angle.last() == Some(&angle[at("freeze")]));
    // Taken up at any step, before the mark and after it; a fork may have a mark of its own.
    for at in [30, 41, 77] {
        let mut again = Run::restore(setup(&format!("{NET} {words}")), &snapshot(words, at)).unwrap();
        again.advance(&Sequential, &mut Silent);
        same(&again, &marked);
    }
    let mut fork = Run::restore(setup(&format!("{NET} {words}")), &snapshot("train.steps=90", 40)).unwrap();
    fork.advance(&Sequential, &mut Silent);
    same(&fork, &marked);
    let lost = Snapshot { tensors: snapshot(words, 77).tensors.into_iter().filter(|t| t.name != "marked.layer0.W").collect(), ..snapshot(words, 77) };
    let why = Run::restore(setup(&format!("{NET} {words}")), &lost).err().unwrap().to_string();
    assert!(why.contains("marked.layer0.W"), "{why}");
    says("mark.from=4 mark.on=[layer7.W]", &["mark.on", "layer7.W"]);
    says("mark.from=4 mark.on=[]", &["mark.on"]);
    says("freeze.from=angle>3", &["freeze.from", "mark"]);
    says("mark.from=angle>3", &["mark.from", "mark"]);
}

#[test]
fn a_scale_at_the_beginning_is_in_the_first_evaluation() {
    let plain = run("train.steps=0").curves().rows[0].norms.clone();
    let scaled = run("rescale.from=0 rescale.on=[embedding,layer0.W] rescale.factor=[3,0.5] train.steps=0").curves().rows[0].norms.clone();
    let factors: Vec<f64> = plain.iter().zip(&scaled).filter(|(a, _)| **a > 0.0).map(|(a, b)| b / a).collect();
    assert!((factors[0] - 3.0).abs() < 1e-6 && factors.iter().filter(|f| (**f - 0.5).abs() < 1e-6).count() == 1, "{factors:?}");
}

#[test]
fn triggers_are_read_and_drawn() {
    let read = |text: &str| When::parse("clamp.from", text, &[]);
    assert_eq!((read("never").unwrap(), read(" 500 ").unwrap()), (When::Never, When::Step(500)));
    for wrong in [
        "",
        "soon",
        "t_memo",
        "norm>",
        "norm>x",
        "drawn:",
        "drawn:a",
        "between:5:1",
        "between:5",
        "drawn(3,4)",
        "-3",
        "t_mem+x",
        "weight>3",
        "norm.embed>3",
        "1.5",
    ] {
        let e = read(wrong).unwrap_err().to_string();
        assert!(e.contains("clamp.from"), "{wrong}: {e}");
    }
    assert!(read("nrm>3").unwrap_err().to_string().contains("norm"));
    // A level with an exponent is no sum.
    assert_eq!(read("test_loss<1e+2").unwrap(), read("test_loss<100").unwrap());
    assert_ne!(read("test_loss<1e+2+5").unwrap(), read("test_loss<100").unwrap());
    let steps: Vec<u64> = (0..400)
        .map(|seed| match read("between:100:10000").unwrap().drawn(seed, 7) {
            When::Step(s) => s,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(steps.iter().all(|s| (100..=10_000).contains(s)));
    // Evenly in the logarithm: half of them below the geometric mean.
    let low = steps.iter().filter(|s| **s < 1000).count() as f64;
    assert!((low - 200.0).abs() < 5.0 * 10.0, "{low}");
    let drawn: Vec<When> = (0..60).map(|seed| read("drawn:3:5:8").unwrap().drawn(seed, 7)).collect();
    for s in [3, 5, 8] {
        assert!(drawn.iter().filter(|w| **w == When::Step(s)).count() > 8);
    }
}
