//! Where the time of a step goes.

use crate::settings::Setup;
use pennydrop_graph::rewrite::Rewrites;
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

/// Runs the step of `setup` under the rewrites `on` `repeats` times (after one warm-up) from its first weights; `now` reads a clock in seconds.
///
/// # Errors
/// As [`Run::new`](crate::Run::new).
pub fn profile(setup: &Setup, on: &Rewrites, repeats: usize, now: &dyn Fn() -> f64) -> Result<Profile, SpecError> {
    let _ = (setup, on, repeats, now);
    todo!()
}
