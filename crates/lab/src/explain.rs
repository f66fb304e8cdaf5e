//! What a training step costs: operations before and after each rewrite, time, and the share of what the machine can do.

#![allow(clippy::disallowed_methods, reason = "the lab owns the clock: these are measurements of speed")]

use crate::Error;
use crate::job::Job;
use crate::threads::Team;
use pennydrop_graph::cpu::{Inputs, Parallel, Program, Sequential};
use pennydrop_graph::feed::Feed;
use pennydrop_graph::rewrite::{Rewrite, Rewrites, cost};
use pennydrop_graph::{Graph, rng};
use pennydrop_registry::{Args, Value};
use pennydrop_train::{Host, Interrupt, Precision, Run, Setup, profile, step_graph};
use std::time::Instant;

/// Steps that are timed at least, where the time allows.
const STEPS: usize = 50;
/// Seconds of timing at most, once there are a few steps.
const SECONDS: f64 = 3.0;

/// What one rewrite brings.
#[derive(Debug, Clone, PartialEq)]
pub struct Saving {
    /// The rewrite.
    pub name: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// Whether it is on.
    pub on: bool,
    /// Operations of a step with this rewrite and those listed before it.
    pub operations_after: f64,
    /// Operations that it saved then: the step without it, less the step with it.
    pub operations_saved: f64,
    /// Operations that switching off this one alone would cost.
    pub operations_if_off: f64,
    /// Milliseconds that switching off this one alone would cost, where measured.
    pub ms_if_off: Option<f64>,
}

/// What a step costs.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// Operations as the network is usually written: no rewrite.
    pub operations_plain: f64,
    /// Operations of the program that runs (a multiply–add is two).
    pub operations: f64,
    /// Bytes that pass through memory when every operation reads and writes once.
    pub bytes: f64,
    /// The same without rewrites.
    pub bytes_plain: f64,
    /// Bytes of the program's buffers.
    pub buffer_bytes: usize,
    /// Median milliseconds of a step.
    pub ms_per_step: f64,
    /// Least milliseconds of a step.
    pub min_ms_per_step: f64,
    /// Steps that were timed.
    pub steps: usize,
    /// Threads that were used.
    pub threads: usize,
    /// Measured GFLOP/s of a large matrix product on one core, in the run's precision.
    pub peak_gflops: f64,
    /// GFLOP/s of the step, over the peak of the cores used.
    pub peak_share: f64,
    /// What each rewrite brings, in the order in which they run.
    pub rewrites: Vec<Saving>,
    /// Kernels with their milliseconds, the dearest first (one thread).
    pub kernels: Vec<(String, f64)>,
    /// Kernels by kind: elementwise, matrix products, decompositions.
    pub counts: (usize, usize, usize),
    /// Instruction set.
    pub level: String,
    /// Examples a step.
    pub batch: usize,
}

/// A clock in seconds.
fn clock() -> impl Fn() -> f64 {
    let start = Instant::now();
    move || start.elapsed().as_secs_f64()
}

fn operations(setup: &Setup, on: &Rewrites) -> Result<(f64, f64), Error> {
    let width = if setup.precision() == Precision::F64 { 8 } else { 4 };
    let step = step_graph(setup, on)?;
    Ok((cost::total(&step.graph, step.batch), cost::bytes(&step.graph, step.batch, width)))
}

/// Explains a job's step; with `each`, also times the step without each rewrite.
///
/// # Errors
/// A spec that no run can be made of.
pub fn explain(job: &Job, threads: usize, each: bool) -> Result<Cost, Error> {
    let setup = job.setup(&job.runs[0], None)?;
    let on = setup.rewrites.clone();
    let (operations_plain, bytes_plain) = operations(&setup, &Rewrites::none())?;
    let (operations_now, bytes) = operations(&setup, &on)?;
    let now = clock();
    let repeats = |profile_s: f64| ((SECONDS / 2.0 / profile_s.max(1e-6)) as usize).clamp(3, STEPS);
    let rough = profile(&setup, &on, 1, &now)?;
    let fine = profile(&setup, &on, repeats(rough.step_s), &now)?;
    let timed = time_steps(&setup, threads)?;
    let mut rewrites = Vec::new();
    let (mut so_far, mut before) = (Rewrites::none(), operations_plain);
    for rewrite in Rewrite::ALL {
        let is_on = on.has(rewrite);
        if is_on {
            so_far = so_far.with(rewrite);
        }
        let after = operations(&setup, &so_far)?.0;
        let without = on.clone().without(rewrite);
        let if_off = if is_on { operations(&setup, &without)?.0 - operations_now } else { 0.0 };
        let ms_if_off = if each && is_on {
            let slow = profile(&setup, &without, 1, &now)?;
            Some(1e3 * (profile(&setup, &without, repeats(slow.step_s), &now)?.step_s - fine.step_s))
        } else {
            None
        };
        rewrites.push(Saving {
            name: rewrite.name(),
            summary: rewrite.summary(),
            on: is_on,
            operations_after: after,
            operations_saved: before - after,
            operations_if_off: if_off,
            ms_if_off,
        });
        before = after;
    }
    let peak = peak_gflops(setup.precision());
    Ok(Cost {
        operations_plain,
        operations: fine.operations,
        bytes,
        bytes_plain,
        buffer_bytes: fine.buffer_bytes,
        ms_per_step: timed.median,
        min_ms_per_step: timed.min,
        steps: timed.steps,
        threads,
        peak_gflops: peak,
        peak_share: fine.operations / (timed.median * 1e-3) / 1e9 / (peak * threads as f64),
        rewrites,
        kernels: fine.kernels.iter().map(|(k, s)| (k.clone(), 1e3 * s)).collect(),
        counts: fine.counts,
        level: fine.level.to_string(),
        batch: setup.rows(),
    })
}

struct Timed {
    median: f64,
    min: f64,
    steps: usize,
}

/// Looks at the clock before every step.
struct Stopwatch {
    start: Instant,
    /// Step about to be taken, and when.
    times: Vec<(u64, f64)>,
    enough: usize,
}

impl Host for Stopwatch {
    fn interrupted(&mut self) -> Option<Interrupt> {
        let (n, since) = (self.times.len(), self.times.last().map_or(0.0, |t| t.1 - self.times[0].1));
        (n > self.enough || n > 5 && since > SECONDS).then_some(Interrupt::WallTime)
    }

    fn stepping(&mut self, run: &Run) {
        self.times.push((run.step(), self.start.elapsed().as_secs_f64()));
    }
}

/// Times whole steps as a run takes them, evaluations left out.
fn time_steps(setup: &Setup, threads: usize) -> Result<Timed, Error> {
    let mut setup = setup.clone();
    // One evaluation a decade, and no reason to stop: between steps 11 and 99 there are only steps.
    let train = setup.train.iter().map(|(k, v)| {
        let value = match k {
            "eval" => Value::Int(1),
            "stop" => Value::Str("steps".into()),
            "steps" if !pennydrop_train::budget_matters(&setup.optim) => Value::Int(1 << 40),
            _ => v.clone(),
        };
        (k.to_string(), value)
    });
    setup.train = Args::check("train", setup.train.row, train.collect::<Vec<_>>())?;
    let mut run = Run::new(setup)?;
    let team = Team::new(threads);
    let workers: &dyn Parallel = if threads > 1 { &team } else { &Sequential };
    let mut watch = Stopwatch { start: Instant::now(), times: Vec::new(), enough: 11 + STEPS };
    run.advance(workers, &mut watch);
    // Steps before which nothing was evaluated, and of whole batches: an epoch's last is smaller.
    let (examples, batch) = (run.setup().task.train.len(), run.setup().rows());
    let partial = run.setup().train.str("sampling") == "epoch" && batch > 0 && examples % batch != 0;
    let per_epoch = if batch > 0 { examples.div_ceil(batch) as u64 } else { 1 };
    let whole = |step: u64| !(partial && step % per_epoch == per_epoch - 1);
    let gap = |w: &[(u64, f64)]| (whole(w[0].0) && !matches!(w[1].0, 1 | 10 | 100)).then(|| 1e3 * (w[1].1 - w[0].1));
    let mut gaps: Vec<f64> = watch.times.windows(2).filter_map(gap).collect();
    // The first ones warm up.
    if gaps.len() > 8 {
        gaps.drain(..3);
    }
    gaps.sort_by(f64::total_cmp);
    if gaps.is_empty() {
        gaps.push(f64::NAN);
    }
    Ok(Timed { median: gaps[gaps.len() / 2], min: gaps[0], steps: gaps.len() })
}

/// GFLOP/s of a 1024³ matrix product on one core: the best of a few.
pub fn peak_gflops(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => measure_peak::<f32>(),
        Precision::F64 => measure_peak::<f64>(),
    }
}

fn measure_peak<T: pennydrop_graph::cpu::Vector>() -> f64 {
    const N: usize = 1024;
    let mut g = Graph::new(Vec::new());
    let (a, b) = (g.state("a", &[N, N]), g.state("b", &[N, N]));
    let product = g.dot(a, b);
    let program = Program::<T>::compile(&g, &[], &[product], 1, true);
    let draw = rng::Stream::new(0, rng::Purpose::Test, 0, 0);
    let mut states: Vec<Vec<T>> = (0..2).map(|k| (0..N * N).map(|i| T::of(draw.uniform((k * N * N + i) as u64) - 0.5)).collect()).collect();
    let mut memory = program.memory();
    let mut feed = Feed::new(&g, 1);
    feed.set(|b| b.rows = 1);
    let best = (0..6)
        .map(|_| {
            let start = Instant::now();
            program.run(&mut memory, &mut states, &feed, Inputs { scalars: &[], seed: 0, step: 0 }, &Sequential);
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min);
    2.0 * (N * N * N) as f64 / best / 1e9
}
