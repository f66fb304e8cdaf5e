//! One run: loss, limits, record, exact state, and the reason it stopped.
//!
//! A [`Setup`] is everything that decides a run. [`Run::new`] makes the network and its first values; [`Run::advance`] trains until there is a reason to
//! stop ([`Stop`]); calling it again after a larger budget ([`Run::set_budget`]) continues. [`Run::snapshot`] is the exact state as plain data, and
//! [`Run::restore`] goes on from it to the bits of an unbroken run. Nothing here touches a file, a clock, a thread pool or the environment: the caller
//! lends threads ([`pennydrop_graph::cpu::Parallel`]) and is asked at every step whether to stop ([`Host`]).
//!
//! **Two programs.** The training step (forward, derivative, update) is one program; what is recorded comes from others, so that recording cannot
//! change a bit of the trajectory. Runs that differ only in seeds and numbers share their programs ([`Programs`], [`Run::with`]).
//!
//! **Times.** An evaluation happens on a geometric grid of steps. Where an accuracy has crossed a level since the last evaluation, that interval is
//! trained once more on the side from the state kept there, and evaluated at every step, so that times are exact ([`crossing`]).

mod activations;
mod batch;

pub mod crossing;
mod curves;
mod evaluate;
mod explain;
mod fourier;
mod grid;
pub mod intervene;
pub mod loss;
mod outcome;
mod programs;
mod run;
mod settings;
mod snapshot;
mod state;
mod step;

pub use activations::{Array, Values, Which};
pub use crossing::{Curve, Kind, Sighting};
pub use curves::{Curves, Evaluation};
pub use explain::{Profile, profile};
pub use fourier::{Concentration, Spectrum};
pub use grid::Grid;
pub use intervene::{InterventionRow, When, intervention_rows};
pub use loss::{Head, LossRow, loss_rows};
pub use outcome::{Crossing, Delay, Outcome, Time};
pub use programs::Programs;
pub use run::{Host, Interrupt, Run, Silent, Stop};
pub use settings::{Named, Precision, Setup, budget_matters, train_row};
pub use snapshot::{DType, RestoreError, Snapshot, Tensor};
pub use step::{StepGraph, step_graph};

/// Changes with every change of the engine, of these programs or of a random stream that changes the bits of any run. A snapshot of another number is not
/// continued (it can be read).
pub const NUMERICS: u32 = 2;

mod fixture_tests;
