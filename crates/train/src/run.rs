//! A run, and what it asks of its caller.

use crate::activations::{Array, Which};
use crate::curves::{Curves, Evaluation};
use crate::fourier::Spectrum;
use crate::outcome::Outcome;
use crate::programs::Programs;
use crate::settings::Setup;
use crate::snapshot::{RestoreError, Snapshot};
use pennydrop_graph::cpu::Parallel;
use pennydrop_registry::SpecError;
use std::sync::Arc;

/// Why a caller wants a run to pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// A signal.
    Signal,
    /// The wall time is used up.
    WallTime,
}

/// Why [`Run::advance`] returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Memorised and generalised for good (`train.stop=grokked`).
    Grokked,
    /// At the budget.
    Steps,
    /// The training loss is below `train.loss_below` (`train.stop=loss`).
    LossBelow,
    /// The training loss is above `train.diverge` or not finite.
    Diverged,
    /// The caller said so: unfinished, never a result.
    Interrupted(Interrupt),
}

impl Stop {
    /// The word in records: `grokked`, `steps`, `loss`, `diverged`, `signal`, `time`.
    pub fn name(self) -> &'static str {
        match self {
            Stop::Grokked => "grokked",
            Stop::Steps => "steps",
            Stop::LossBelow => "loss",
            Stop::Diverged => "diverged",
            Stop::Interrupted(Interrupt::Signal) => "signal",
            Stop::Interrupted(Interrupt::WallTime) => "time",
        }
    }

    /// Whether the run has come to a result (it was not interrupted).
    pub fn finished(self) -> bool {
        !matches!(self, Stop::Interrupted(_))
    }
}

/// The caller of a run.
pub trait Host {
    /// Asked before every step, also of replays: must be cheap.
    fn interrupted(&mut self) -> Option<Interrupt> {
        None
    }

    /// Told of every evaluation, once, in order of step. `run` is in the state that was evaluated. An evaluation at a budget that is not on the grid is
    /// told too, and is no longer in the curves if the run is continued past it.
    fn evaluated(&mut self, run: &Run, evaluation: &Evaluation) {
        let _ = (run, evaluation);
    }
}

/// A host that listens to nothing and never interrupts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Host for Silent {}

/// A run.
pub struct Run;

impl Run {
    /// A run at step 0.
    ///
    /// # Errors
    /// Arguments that do not fit each other or the task, by the key that is wrong.
    pub fn new(setup: Setup) -> Result<Run, SpecError> {
        let programs = Programs::new(&setup)?;
        Run::with(setup, &programs)
    }

    /// The same with programs made for it or for another run of the same shape ([`Programs::fit`]); compiles them if they do not fit.
    ///
    /// # Errors
    /// As [`Run::new`].
    pub fn with(setup: Setup, programs: &Arc<Programs>) -> Result<Run, SpecError> {
        let _ = (setup, programs);
        todo!()
    }

    /// The run of `setup` in the state of `snapshot`. Limits, levels and the evaluation grid may differ from those it was made with.
    ///
    /// # Errors
    /// Another numerics version, another run, or data that is not whole.
    pub fn restore(setup: Setup, snapshot: &Snapshot) -> Result<Run, RestoreError> {
        let programs = Programs::new(&setup)?;
        Run::restore_with(setup, &programs, snapshot)
    }

    /// The same with programs of another run.
    ///
    /// # Errors
    /// As [`Run::restore`].
    pub fn restore_with(setup: Setup, programs: &Arc<Programs>, snapshot: &Snapshot) -> Result<Run, RestoreError> {
        let _ = (setup, programs, snapshot);
        todo!()
    }

    /// What decides the run.
    pub fn setup(&self) -> &Setup {
        todo!()
    }

    /// Steps taken.
    pub fn step(&self) -> u64 {
        todo!()
    }

    /// The budget: `train.steps` at first.
    pub fn budget(&self) -> u64 {
        todo!()
    }

    /// Another budget, for the next call of [`Run::advance`]. A smaller one than the steps taken ends the run where it is.
    ///
    /// # Errors
    /// The schedule ends with the run ([`budget_matters`](crate::budget_matters)): another budget is another run.
    pub fn set_budget(&mut self, steps: u64) -> Result<(), SpecError> {
        let _ = steps;
        todo!()
    }

    /// Trains until there is a reason to stop. A finished run returns its reason again at once, unless the budget has grown.
    pub fn advance(&mut self, threads: &dyn Parallel, host: &mut dyn Host) -> Stop {
        let _ = (threads, host);
        todo!()
    }

    /// The exact state.
    pub fn snapshot(&self) -> Snapshot {
        todo!()
    }

    /// Parameters: documented name, shape, row-major values.
    pub fn params(&self) -> impl Iterator<Item = (&str, &[usize], Vec<f64>)> {
        std::iter::empty()
    }

    /// BLAKE3 (hexadecimal) of every parameter's name, shape and little-endian bytes in the working precision.
    pub fn weights_hash(&self) -> String {
        todo!()
    }

    /// What came of it so far.
    pub fn outcome(&self) -> Outcome {
        todo!()
    }

    /// What was recorded.
    pub fn curves(&self) -> &Curves {
        todo!()
    }

    /// Fourier power of the embedding, for tasks over Z_p.
    pub fn spectrum(&self) -> Option<Spectrum> {
        todo!()
    }

    /// Inputs, labels, logits and named activations of examples under the present weights, without dropout or noise.
    pub fn activations(&mut self, which: Which) -> Vec<Array> {
        let _ = which;
        todo!()
    }

    /// The objective (loss and penalties) of the step about to be taken, and its gradient by every parameter, in the order of [`Run::params`].
    pub fn gradients(&mut self) -> (f64, Vec<Vec<f64>>) {
        todo!()
    }
}
