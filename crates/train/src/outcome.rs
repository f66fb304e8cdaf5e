//! What came of a run.

use crate::crossing::{Curve, Kind};
use crate::curves::Evaluation;
use crate::fourier::Spectrum;
use crate::run::Stop;

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
