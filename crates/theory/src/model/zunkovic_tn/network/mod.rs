//! Part `network`: the full trainable tensor network, trained by the engine, and the effective dimension of its contexts while it learns.
//!
//! Every string of 8 bits is trained on and longer random strings are tested, as in the paper's code (which tests 1000 of 100 bits and 1000 of 1000; the defaults here are fewer and shorter, so
//! that "no test error" is a weaker condition); Adam at 0.005, mean squared error of a sigmoid, one of three regularisations: none, L2 = 1e-4 (Adam's coupled decay), L1 = 1e-3. At every
//! evaluation the left contexts of random strings, read at sites near the middle, give D_eff (the paper's definition; sites within ±5 of the centre are its code's). Nothing here uses the flow of
//! the frozen map.
//!
//! **Every run goes to its budget**, whatever its test error: were it stopped when it generalises, D_eff could fall nowhere but before, and "structure forms first" would be true of any series.
//!
//! **Reconstructed.** *Formation*: the first evaluation after its maximum at which ln D_eff is below the middle between that maximum and the smallest later value. It is defined without looking at
//! errors. *The fall before*: ln D_eff(t_G/2) − ln D_eff(t_G), positive where D_eff falls just before the first zero of the test error. **Nulls:** the t_G of one network used for another of the
//! same regularisation (pairs permuted), which keeps both distributions, for times and falls; the same weights with the entries of A₀ and A₁ shuffled, for D_eff itself.
//!
//! **ν.** Errors are aligned at t_G, exact to the step, and interpolated between evaluations. Between the last evaluation before t_G and t_G itself nothing was seen: such distances are left out.

mod report;

use super::shape::effective_dimension;
use super::{automaton, lane};
use crate::answer::Answer;
use crate::model::{Context, TheoryError};
use pennydrop_graph::cpu::Sequential;
use pennydrop_graph::rewrite::Rewrites;
use pennydrop_registry::{Args, SpecError, Value};
use pennydrop_tasks::Seeds;
use pennydrop_train::{Evaluation, Host, Interrupt, Programs, Run, Setup};
use std::sync::Arc;

/// Names of the regularisations, λ of L1 and of Adam's decay.
const KINDS: [(&str, f64, f64); 3] = [("none", 0.0, 0.0), ("l2", 0.0, 1e-4), ("l1", 1e-3, 0.0)];
/// Evaluations a decade of steps.
const EVAL: i64 = 120;
/// Strings, their length, and how far from their middle contexts are read.
const STRINGS: (usize, usize, usize) = (40, 100, 5);
/// Networks of each kind where nobody says: three take some seconds on two cores.
const NETWORKS: usize = 3;
/// The longest string that the engine's task tests on: a network is written out site by site.
const LONGEST: usize = 256;

/// What one network showed.
#[derive(Debug, Clone, PartialEq)]
struct Shown {
    /// Steps of the evaluations.
    steps: Vec<f64>,
    /// Shares of test bits that are wrong.
    errors: Vec<f64>,
    /// Effective dimensions.
    dimensions: Vec<f64>,
    /// The same with the entries of A₀ and A₁ shuffled.
    shuffled: Vec<f64>,
    /// First step without training errors.
    t_mem: Option<u64>,
    /// First step without test errors.
    t_grok: Option<u64>,
}

/// Looks at a run.
struct Looking<'a> {
    strings: &'a [Vec<u8>],
    /// Where each entry of A goes in the null.
    order: &'a [usize],
    dimensions: Vec<f64>,
    shuffled: Vec<f64>,
    stop: &'a (dyn Fn() -> bool + Sync),
}

impl Host for Looking<'_> {
    fn interrupted(&mut self) -> Option<Interrupt> {
        (self.stop)().then_some(Interrupt::Signal)
    }

    fn evaluated(&mut self, run: &Run, _: &Evaluation) {
        let (mut own, mut null) = (f64::NAN, f64::NAN);
        if let Some((_, shape, a)) = run.params().find(|p| p.0 == "A") {
            let moved: Vec<f64> = self.order.iter().filter_map(|&i| a.get(i).copied()).collect();
            own = left_dimension(&a, shape[1], self.strings);
            null = left_dimension(&moved, shape[1], self.strings);
        }
        self.dimensions.push(own);
        self.shuffled.push(null);
    }
}

/// D_eff of the left contexts v_L A_{x_1} ⋯ A_{x_{i−1}} (unit length, v_L the first unit vector) of the strings, at sites near the middle; `a` is row-major [2, d, d].
fn left_dimension(a: &[f64], d: usize, strings: &[Vec<u8>]) -> f64 {
    let mut points = Vec::new();
    for string in strings {
        let mut context = vec![0.0; d];
        context[0] = 1.0;
        let (from, to) = (string.len() / 2 - STRINGS.2, string.len() / 2 + STRINGS.2);
        for (i, bit) in string.iter().enumerate().take(to) {
            if i >= from {
                points.extend_from_slice(&context);
            }
            let matrix = &a[usize::from(*bit) * d * d..][..d * d];
            let mut next = vec![0.0; d];
            for (x, row) in context.iter().zip(matrix.chunks_exact(d)) {
                next.iter_mut().zip(row).for_each(|(n, m)| *n += x * m);
            }
            let norm = libm::sqrt(next.iter().map(|x| x * x).sum::<f64>()).max(1e-300);
            next.iter_mut().for_each(|x| *x /= norm);
            context = next;
        }
    }
    effective_dimension(&points, d, None)
}

/// The set-up of a network.
fn setup(args: &Args, kind: usize, seed: u64) -> Result<Setup, SpecError> {
    let section = |name: &str, row, given: &[(&str, Value)]| Args::check(name, row, given.iter().map(|(k, v)| (k.to_string(), v.clone())));
    let text = |t: &str| Value::Str(t.into());
    let seeds = Seeds::all(seed);
    let length = length(args);
    let rules = [
        ("rule", Value::Int(args.int("rule"))),
        ("locality", Value::Int(args.int("k"))),
        ("length", Value::Int(length as i64)),
        ("fraction", Value::Float(1.0)),
        ("test_length", Value::Int(args.int("test_length"))),
        ("test", Value::Int(args.int("test_strings"))),
    ];
    let task = section("task", pennydrop_tasks::find("cellular-automaton")?, &rules)?;
    let shape = [("bond", Value::Int(args.int("bond"))), ("boundary", text("first")), ("local_map", text("scaled"))];
    let adam = [("lr", Value::Float(0.005)), ("weight_decay", Value::Float(KINDS[kind].2))];
    let train = [
        ("batch", Value::Int((1_i64 << length).min(128))),
        ("steps", Value::Int(args.int("steps"))),
        ("eval", Value::Int(EVAL)),
        ("mem_level", Value::Float(1.0)),
        ("grok_level", Value::Float(1.0)),
        ("stop", text("steps")),
    ];
    Ok(Setup {
        task: Arc::new(pennydrop_tasks::build(&task, &seeds)?),
        model: section("model", pennydrop_models::find("uniform-mps")?, &shape)?,
        loss: section("loss", &pennydrop_train::loss::find("bits")?.row, &[("form", text("mse")), ("l1", Value::Float(KINDS[kind].1))])?,
        optim: section("optim", pennydrop_optim::find("adam")?, &adam)?,
        train: section("train", pennydrop_train::train_row(), &train)?,
        seeds,
        init: None,
        interventions: Vec::new(),
        rewrites: Rewrites::default(),
    })
}

/// Bits of the training strings.
fn length(args: &Args) -> usize {
    if args.size("length") == 0 { 8 } else { args.size("length") }
}

/// What all networks of an answer share.
struct Common<'a> {
    strings: &'a [Vec<u8>],
    order: &'a [usize],
    stop: &'a (dyn Fn() -> bool + Sync),
}

/// Trains one network.
fn train(setup: Setup, programs: &Arc<Programs>, common: &Common) -> Result<Shown, TheoryError> {
    let mut run = Run::with(setup, programs)?;
    let mut looking = Looking { strings: common.strings, order: common.order, dimensions: Vec::new(), shuffled: Vec::new(), stop: common.stop };
    if !run.advance(&Sequential, &mut looking).finished() {
        return Err(TheoryError::Stopped);
    }
    let outcome = run.outcome();
    // The evaluation at a budget off the grid is in these curves, and was looked at too.
    let rows = &run.curves().rows;
    let first = |curve: &str| {
        let of = |c: &&pennydrop_train::Crossing| c.level == 1.0 && c.kind.name() == "first" && c.curve.name() == curve;
        outcome.crossings.iter().find(of).and_then(|c| c.time.map(|t| t.step))
    };
    Ok(Shown {
        steps: rows.iter().map(|e| e.step as f64).collect(),
        errors: rows.iter().map(|e| 1.0 - e.test_accuracy).collect(),
        t_mem: first("train"),
        t_grok: first("test"),
        dimensions: looking.dimensions,
        shuffled: looking.shuffled,
    })
}

impl Shown {
    /// A series at a step, linear between evaluations; not a number outside of them.
    fn at(&self, series: &[f64], step: f64) -> f64 {
        let after = self.steps.partition_point(|s| *s < step);
        match (after.checked_sub(1), self.steps.get(after)) {
            (_, Some(s)) if *s == step => series[after],
            (Some(before), Some(s)) => {
                let share = (step - self.steps[before]) / (s - self.steps[before]);
                series[before] + share * (series[after] - series[before])
            }
            _ => f64::NAN,
        }
    }

    /// The step of formation; `None` where D_eff never falls by a fifth.
    fn formed(&self) -> Option<f64> {
        let finite = || self.dimensions.iter().copied().enumerate().filter(|(_, d)| d.is_finite());
        let (top, most) = finite().max_by(|a, b| a.1.total_cmp(&b.1))?;
        let least = finite().filter(|(i, _)| *i >= top).map(|(_, d)| d).fold(most, f64::min);
        if most < 1.2 * least {
            return None;
        }
        let middle = libm::sqrt(most * least);
        finite().find(|(i, d)| *i > top && *d <= middle).map(|(i, _)| self.steps[i])
    }

    /// ln D_eff(t/2) − ln D_eff(t).
    fn fall(&self, t: f64) -> f64 {
        libm::log(self.at(&self.dimensions, 0.5 * t) / self.at(&self.dimensions, t))
    }

    /// The smallest D_eff among evaluations without test errors.
    fn least(&self) -> Option<f64> {
        self.dimensions.iter().zip(&self.errors).filter(|(d, e)| **e == 0.0 && d.is_finite()).map(|(d, _)| *d).min_by(f64::total_cmp)
    }

    /// Test errors at distances before t_G; not a number before the start, and where no evaluation stands between.
    fn before(&self, distances: &[f64]) -> Option<Vec<f64>> {
        let zero = self.t_grok? as f64;
        let last = self.steps.iter().copied().rfind(|s| *s < zero)?;
        Some(distances.iter().map(|d| if zero - d > last { f64::NAN } else { self.at(&self.errors, zero - d) }).collect())
    }
}

pub(super) fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    if args.str("boundary") != "open" || args.str("teacher") != "local" {
        return Err(TheoryError::parameter(
            args,
            "part",
            "`network` has the paper's open boundary and local teacher",
            "--boundary open --teacher local; other teachers: `pennydrop run zunkovic-tn task.teacher=…`",
        ));
    }
    let length = length(args);
    if length < 3 {
        return Err(TheoryError::parameter(args, "length", "is too short for a network", "0 (which is 8), or 3 to 12"));
    }
    if !(length + 1..=LONGEST).contains(&args.size("test_length")) {
        let allowed = format!("{} to {LONGEST} for training strings of {length}", length + 1);
        return Err(TheoryError::parameter(args, "test_length", "does not suit the part `network`", allowed));
    }
    let samples = context.samples_or(NETWORKS);
    let strings = automaton::random_strings(STRINGS.0, STRINGS.1, &mut context.draws(lane::SHAPE, 1));
    let order = context.draws(lane::SHAPE, 2).permutation(2 * args.size("bond") * args.size("bond"));
    let common = Common { strings: &strings, order: &order, stop: context.stop };
    let programs: Vec<Arc<Programs>> = (0..KINDS.len()).map(|k| Programs::new(&setup(args, k, context.seed)?)).collect::<Result<_, SpecError>>()?;
    let shown = context.map(KINDS.len() * samples, |i| {
        let (kind, nth) = (i / samples, i % samples);
        train(setup(args, kind, context.seed.wrapping_add(nth as u64))?, &programs[kind], &common)
    })?;
    Ok(report::answer(&shown, samples, args, &mut context.draws(lane::BOOTSTRAP, 70)))
}

#[cfg(test)]
mod tests;
