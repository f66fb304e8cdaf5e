//! What a network computes at a step: inputs, labels, logits and named activations, as NumPy arrays.
//!
//! A step without a saved state is reached by replay from the nearest one before it, or from the beginning: the same bits.

use crate::Error;
use crate::job::Job;
use crate::record::Record;
use crate::signals::Signals;
use crate::trainer::restore_error;
use pennydrop_graph::cpu::Parallel;
use pennydrop_train::{Array, Host, Interrupt, Run, Stop, Which};
use std::path::Path;

/// Stops on a signal only.
struct Listening<'a>(&'a Signals);

impl Host for Listening<'_> {
    fn interrupted(&mut self) -> Option<Interrupt> {
        self.0.stop().then_some(Interrupt::Signal)
    }
}

/// The network of run `i` of a job after `step` steps, on the examples `which`.
///
/// # Errors
/// As [`replayed`].
pub fn at(job: &Job, i: usize, record: &Record, step: u64, which: Which, threads: &dyn Parallel, signals: &Signals) -> Result<Vec<Array>, Error> {
    Ok(replayed(job, i, record, step, threads, signals)?.activations(which)?)
}

/// Run `i` of a job after `step` steps, with everything that was recorded until then.
///
/// # Errors
/// A step beyond what the run has taken and may take; a saved state that is damaged; a signal.
pub fn replayed(job: &Job, i: usize, record: &Record, step: u64, threads: &dyn Parallel, signals: &Signals) -> Result<Run, Error> {
    let planned = &job.runs[i];
    let taken = record.known(&planned.run_id).map(|k| k.steps);
    let saved = record.saved(&planned.run_id)?;
    let furthest = taken.into_iter().chain(saved.as_ref().map(|s| s.snapshot.step)).max().unwrap_or(0);
    if step > furthest {
        return Err(Error::usage(
            format!("run {} has taken {furthest} steps, and step {step} was asked for", planned.run_id),
            format!("give a step from 0 to {furthest}, or train further with `pennydrop run … train.steps={step}`"),
        ));
    }
    // Nothing but the budget may end the replay.
    let mut setup = job.setup(&job.runs[i], None)?;
    if !pennydrop_train::budget_matters(&setup.optim) {
        setup.train = pennydrop_registry::Args::check(
            "train",
            setup.train.row,
            setup.train.iter().map(|(k, v)| {
                let value = match k {
                    "steps" => pennydrop_registry::Value::Int(step as i64),
                    "stop" => pennydrop_registry::Value::Str("steps".into()),
                    _ => v.clone(),
                };
                (k.to_string(), value)
            }),
        )?;
    }
    let mut run = match saved.filter(|s| s.snapshot.step <= step) {
        Some(saved) => Run::restore(setup, &saved.snapshot).map_err(|e| restore_error(record, planned, e))?,
        None => Run::new(setup)?,
    };
    if run.step() < step {
        if let Stop::Interrupted(_) = run.advance(threads, &mut Listening(signals)) {
            return Err(Error::System { doing: format!("replay to step {step}"), why: "a signal came; nothing was written".into() });
        }
    }
    if run.step() != step {
        return Err(Error::usage(
            format!("the schedule of run {} ends with its budget, so its steps cannot be replayed singly", planned.run_id),
            "set optim.schedule_steps, which makes the schedule independent of the budget",
        ));
    }
    Ok(run)
}

/// Writes arrays as an `.npz` file (uncompressed), whole or not at all.
///
/// # Errors
/// It cannot be written, or would pass 4 GiB.
pub fn write_npz(path: &Path, arrays: &[Array]) -> Result<(), Error> {
    let Some(bytes) = crate::npz::encode(arrays) else {
        return Err(Error::Resource {
            what: format!("{} would pass 4 GiB, the most of a zip archive", path.display()),
            advice: "ask for one side: --inputs test".into(),
        });
    };
    crate::record::publish(path, &bytes)
}
