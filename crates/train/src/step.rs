//! The training step as a graph.

use crate::settings::Setup;
use pennydrop_graph::rewrite::Rewrites;
use pennydrop_graph::{Graph, Id};
use pennydrop_models::Param;
use pennydrop_registry::SpecError;

/// The training step: forward, derivative and update.
#[derive(Debug, Clone)]
pub struct StepGraph {
    /// Cleaned up: it holds what the roots need.
    pub graph: Graph,
    /// For each state that changes, its new value.
    pub updates: Vec<(usize, Id)>,
    /// Examples of a full step.
    pub batch: usize,
    /// The trained tensors (their `node` is not of this graph). State `i` is parameter `i`; then come first values (`initial.…`) where the optimizer needs
    /// them, then moments.
    pub params: Vec<Param>,
}

/// The training step of `setup` under the rewrites `on` (those of `setup` are not looked at): count its operations with
/// [`pennydrop_graph::rewrite::cost`].
///
/// # Errors
/// As [`Run::new`](crate::Run::new).
pub fn step_graph(setup: &Setup, on: &Rewrites) -> Result<StepGraph, SpecError> {
    let _ = (setup, on);
    todo!()
}
