//! Where the time of a step goes.

use crate::batch::Sampler;
use crate::intervene::Numbers;
use crate::programs::check;
use crate::settings::{Precision, Setup};
use crate::state::{fill_scalars, first_states};
use crate::step::{StepGraph, step_graph};
use pennydrop_graph::cpu::{Inputs, Level, Program, Sequential, Vector};
use pennydrop_graph::feed::Feed;
use pennydrop_graph::rewrite::{Rewrite, Rewrites};
use pennydrop_registry::SpecError;

/// Measurements of the training step, at the setup's precision, on one thread.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Description and seconds of every kernel, the dearest first.
    pub kernels: Vec<(String, f64)>,
    /// Median seconds of a whole step.
    pub step_s: f64,
    /// Arithmetic operations of a full step (a multiply–add is two).
    pub operations: f64,
    /// Bytes of the program's buffers.
    pub buffer_bytes: usize,
    /// Kernels by kind: (rows, matrix products, decompositions).
    pub counts: (usize, usize, usize),
    /// Instruction set.
    pub level: &'static str,
}

/// Runs the step of `setup` under the rewrites `on` `repeats` times (at least once, after one warm-up) from its first weights; `now` reads a clock in
/// seconds.
///
/// # Errors
/// As [`Run::new`](crate::Run::new).
pub fn profile(setup: &Setup, on: &Rewrites, repeats: usize, now: &dyn Fn() -> f64) -> Result<Profile, SpecError> {
    check(setup)?;
    let step = step_graph(setup, on)?;
    match setup.precision() {
        Precision::F32 => measure::<f32>(setup, &step, on, repeats, now),
        Precision::F64 => measure::<f64>(setup, &step, on, repeats, now),
    }
}

fn measure<T: Vector>(setup: &Setup, step: &StepGraph, on: &Rewrites, repeats: usize, now: &dyn Fn() -> f64) -> Result<Profile, SpecError> {
    let program: Program<T> = Program::compile(&step.graph, &step.updates, &[], step.batch, on.has(Rewrite::Fusion));
    let mut states = first_states::<T>(setup, step)?;
    let mut memory = program.memory();
    let mut feed = Feed::new(&step.graph, step.batch);
    let mut sampler = Sampler::new(setup);
    let mut scalars = vec![0.0; step.graph.scalars.len()];
    let mut times = Vec::new();
    let plain = Numbers::of(setup);
    let mut set = |t: u64, feed: &mut Feed, scalars: &mut [f64]| {
        if t == 0 || !sampler.constant() {
            feed.set(|b| sampler.fill(t, &step.layout, b));
        }
        fill_scalars(setup, (&plain, 1.0), &step.graph.scalars, t, feed.batch().rows, step.scored, scalars);
    };
    for t in 0..=repeats.max(1) as u64 {
        let start = now();
        set(t, &mut feed, &mut scalars);
        program.run(&mut memory, &mut states, &feed, Inputs { scalars: &scalars, seed: setup.seeds.noise, step: t }, &Sequential);
        if t > 0 {
            times.push(now() - start);
        }
    }
    times.sort_by(f64::total_cmp);
    let kernels = program.profile(&mut memory, &mut states, &feed, Inputs { scalars: &scalars, seed: setup.seeds.noise, step: 0 }, now);
    Ok(Profile {
        kernels,
        step_s: times[times.len() / 2],
        operations: program.operations(),
        buffer_bytes: program.bytes(),
        counts: program.kernels(),
        level: Level::detect().name(),
    })
}
