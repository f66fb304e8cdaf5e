//! What came of a run.

use crate::crossing::{Curve, Kind};
use crate::curves::Evaluation;
use crate::fourier::Spectrum;
use crate::run::{Run, Stop, Watch};

/// A time, in every unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Time {
    /// Steps taken before.
    pub step: u64,
    /// Passes over the training set; `None` where examples are fresh.
    pub epochs: Option<f64>,
    /// Ση: the sum of the learning rates of those steps.
    pub eta: f64,
    /// Σηλ: the same times the weight decay.
    pub eta_lambda: f64,
}

/// When an accuracy crossed a level. `time` is `None` where it was not seen by the end (censored there, not impossible).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crossing {
    /// Of the training or the test examples.
    pub curve: Curve,
    /// The level.
    pub level: f64,
    /// Which crossing.
    pub kind: Kind,
    /// When.
    pub time: Option<Time>,
}

/// t(test) − t(train), both first sustained. May be zero or negative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Delay {
    /// Level of training accuracy.
    pub train_level: f64,
    /// Level of test accuracy.
    pub test_level: f64,
    /// Steps; `None` where either was not seen.
    pub steps: Option<i64>,
    /// t(test)/t(train), where both were seen and t(train) > 0.
    pub ratio: Option<f64>,
}

/// What came of a run so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Why the last call of `advance` returned; `None` before the first.
    pub stop: Option<Stop>,
    /// Steps taken.
    pub steps: u64,
    /// Training accuracy first sustained at `train.mem_level`.
    pub t_mem: Option<Time>,
    /// Test accuracy first sustained at `train.grok_level`.
    pub t_grok: Option<Time>,
    /// t_grok − t_mem.
    pub delay: Delay,
    /// Delays at equal levels: 0.95 / 0.95 and 0.99 / 0.99.
    pub matched: Vec<Delay>,
    /// Every curve, level (0.5, 0.9, 0.95, 0.99 and the two of the spec) and kind.
    pub crossings: Vec<Crossing>,
    /// The run ended without `t_grok`: it is right-censored at `steps`.
    pub censored: bool,
    /// It generalised (`t_grok`) but the last evaluation is below `train.grok_level`.
    pub lost: bool,
    /// The last evaluation.
    pub last: Option<Evaluation>,
    /// Instruction sets on which its steps were taken (`avx2`, …), in order of first use: more than one where it was continued on another machine.
    pub levels: Vec<String>,
    /// Fourier power of the embedding by frequency at the end, for tasks over Z_p.
    pub spectrum: Option<Spectrum>,
}

/// The outcome of `run` by the record `watch`.
pub(crate) fn outcome(run: &Run, watch: &Watch) -> Outcome {
    let train = &run.setup.train;
    let (mem_level, grok_level) = (train.float("mem_level"), train.float("grok_level"));
    let of = |t: &crate::crossing::Sighting, kind: Kind| match kind {
        Kind::First => t.first,
        Kind::FirstSustained => t.first_sustained,
        Kind::LastSustained => t.last_sustained,
    };
    // Ση at every step asked for, in one pass.
    let mut steps: Vec<u64> = watch.trackers.iter().flat_map(|t| Kind::ALL.map(|k| of(&t.seen, k))).flatten().collect();
    steps.sort_unstable();
    steps.dedup();
    let mut sums = Vec::with_capacity(steps.len());
    let (mut eta, mut at) = (0.0, 0);
    for s in &steps {
        while at < *s {
            eta += run.rate(at);
            at += 1;
        }
        sums.push(eta);
    }
    let lambda = run.setup.optim.float("weight_decay");
    let time = |step: u64| {
        let eta = steps.binary_search(&step).map_or(f64::NAN, |k| sums[k]);
        Time { step, epochs: run.epochs(step), eta, eta_lambda: eta * lambda }
    };
    let crossings: Vec<Crossing> = watch
        .trackers
        .iter()
        .flat_map(|t| Kind::ALL.map(|kind| Crossing { curve: t.curve, level: t.level, kind, time: of(&t.seen, kind).map(time) }))
        .collect();
    let sustained =
        |curve: Curve, level: f64| crossings.iter().find(|c| c.curve == curve && c.level == level && c.kind == Kind::FirstSustained).and_then(|c| c.time);
    let delay = |train_level: f64, test_level: f64| {
        let (a, b) = (sustained(Curve::Train, train_level), sustained(Curve::Test, test_level));
        let both = a.zip(b);
        Delay {
            train_level,
            test_level,
            steps: both.map(|(a, b)| b.step as i64 - a.step as i64),
            ratio: both.filter(|(a, _)| a.step > 0).map(|(a, b)| b.step as f64 / a.step as f64),
        }
    };
    let t_grok = sustained(Curve::Test, grok_level);
    let last = watch.curves.last().cloned();
    Outcome {
        stop: run.stop,
        steps: run.step,
        t_mem: sustained(Curve::Train, mem_level),
        t_grok,
        delay: delay(mem_level, grok_level),
        matched: vec![delay(0.95, 0.95), delay(0.99, 0.99)],
        censored: t_grok.is_none(),
        lost: t_grok.is_some() && last.as_ref().is_some_and(|e| e.test_accuracy < grok_level || e.test_accuracy.is_nan()),
        crossings,
        last,
        levels: run.levels.clone(),
        spectrum: run.spectrum(),
    }
}
