//! Training the runs of a job: from the record where they are known, from their last state where they were begun, and otherwise from their beginning.

#![allow(clippy::disallowed_methods, reason = "the lab owns the clock: wall time decides when to write a checkpoint and when to pause, never a bit of a run")]

use crate::Error;
use crate::job::{Job, Planned};
use crate::known::{judged, kept};
use crate::record::Record;
use crate::result::RunResult;
use crate::signals::Signals;
use crate::threads::share_out;
use crate::trainer::Trainer;
use pennydrop_graph::cpu::Sequential;
use pennydrop_train::{Evaluation, Grid, Host, Interrupt, Run};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Somebody who looks on. Called from several threads.
pub trait Watch: Sync {
    /// Something to be said in words.
    fn note(&self, text: &str) {
        let _ = text;
    }
    /// A run is taken up at this step; `past` is what was recorded before.
    fn begin(&self, run: &Planned, step: u64, past: &[Evaluation]) {
        let _ = (run, step, past);
    }
    /// An evaluation, and `t_mem` and `t_grok` where they are known by now.
    fn evaluated(&self, run: &Planned, e: &Evaluation, times: [Option<u64>; 2]) {
        let _ = (run, e, times);
    }
    /// Whether [`Watch::evaluated`] is wanted with its times, which cost a little at every evaluation.
    fn follows(&self) -> bool {
        true
    }
    /// About how far it is; a few times a second at most.
    fn stepped(&self, run: &Planned, step: u64) {
        let _ = (run, step);
    }
    /// A run has ended, for now or for good. `cached`: it was known.
    fn end(&self, run: &Planned, result: &RunResult, cached: bool) {
        let _ = (run, result, cached);
    }
}

/// Nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Watch for Unwatched {}

/// How a job is trained.
pub struct Conditions<'a> {
    /// Threads.
    pub threads: usize,
    /// Signals to obey.
    pub signals: &'a Signals,
    /// Who looks on.
    pub watch: &'a dyn Watch,
}

/// What became of a job.
#[derive(Debug, Default)]
pub struct Report {
    /// A run each: its result, and whether it was known before. Runs that failed, or that a signal or the time kept from beginning, are missing.
    pub runs: Vec<(Planned, RunResult, bool)>,
    /// Runs that failed, with the reason.
    pub failed: Vec<(Planned, Error)>,
    /// A signal or the wall time stopped it: some runs are unfinished or not begun.
    pub stopped: Option<Interrupt>,
    /// Seconds it took.
    pub wall_s: f64,
}

/// Trains every run of `job` that the record does not know.
///
/// # Errors
/// The record cannot be written: whatever was published before is whole, and asking again goes on from there.
pub fn run(job: &Job, record: &Record, conditions: &Conditions) -> Result<Report, Error> {
    let started = Instant::now();
    let limit = job.spec.record.float("time");
    let deadline = (limit > 0.0).then(|| started + Duration::from_secs_f64(limit));
    let broken: Mutex<Option<Error>> = Mutex::new(None);
    let give_up = AtomicBool::new(false);
    let timed_out = || deadline.is_some_and(|d| Instant::now() >= d);
    let stop = || give_up.load(Ordering::Relaxed) || conditions.signals.stop() || timed_out();
    let workers = conditions.threads.clamp(1, job.runs.len().max(1));
    let lanes = (conditions.threads / workers).max(1);
    let trainer = Trainer::new(record, conditions, deadline, lanes, true);
    let results = share_out(job.runs.len(), workers, &stop, &|i| {
        let result = trainer.one(job, &job.runs[i]);
        if let Err(e) = &result {
            if fatal(e) {
                give_up.store(true, Ordering::Relaxed);
            }
        }
        result
    });
    let mut report = Report::default();
    for (planned, result) in job.runs.iter().zip(results) {
        match result {
            Some(Ok((result, cached))) => report.runs.push((planned.clone(), result, cached)),
            Some(Err(e)) if fatal(&e) => {
                broken.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(e);
            }
            Some(Err(e)) => report.failed.push((planned.clone(), e)),
            None => {}
        }
    }
    // What did finish is published even if something broke; the first error is the one to tell.
    let flushed = record.flush();
    if let Some(e) = broken.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(e);
    }
    flushed?;
    let unfinished = report.runs.iter().any(|r| !r.1.finished()) || report.runs.len() + report.failed.len() < job.runs.len();
    if unfinished {
        report.stopped = Some(if conditions.signals.stop() { Interrupt::Signal } else { Interrupt::WallTime });
    }
    if record.dropped() > 0 {
        conditions.watch.note(&format!(
            "dropped the final states of {} runs, oldest first, to stay within record.ckpt_mb={}: their results are kept, a longer budget begins them anew",
            record.dropped(),
            job.spec.record.float("ckpt_mb")
        ));
    }
    report.wall_s = started.elapsed().as_secs_f64();
    Ok(report)
}

/// Whether an error stops the whole job: the record itself cannot be written.
pub(crate) fn fatal(e: &Error) -> bool {
    use pennydrop_store::Error as S;
    matches!(e, Error::Store(S::Full { .. } | S::Unwritable { .. } | S::Io { .. }) | Error::Write { .. })
}

/// Whether `large`, run to its end, leaves nothing of `small` to be done: the same runs and levels under a budget at least as large.
pub fn covers(large: &Job, small: &Job) -> bool {
    judged(&large.spec.limits()) == judged(&small.spec.limits())
        && kept(&large.spec.limits()) == kept(&small.spec.limits())
        && large.spec.train.size("steps") >= small.spec.train.size("steps")
        && small.runs.iter().all(|r| large.runs.iter().any(|l| l.run_id == r.run_id))
}

/// Evaluations of a run of `budget` steps at `density` a decade, at most.
pub fn evaluations(density: u64, budget: u64) -> u64 {
    let grid = Grid { density };
    let (mut step, mut count) = (0, 1);
    while step < budget && count < 1_000_000 {
        step = grid.after(step);
        count += 1;
    }
    count
}

/// Steps a second of a run on one thread, evaluations included, measured for about `seconds`.
pub fn calibrate(mut run: Run, seconds: f64) -> f64 {
    struct Until(Instant, f64);
    impl Host for Until {
        fn interrupted(&mut self) -> Option<Interrupt> {
            (self.0.elapsed().as_secs_f64() >= self.1).then_some(Interrupt::WallTime)
        }
    }
    // Early steps are evaluated one by one; they are few in a whole run.
    let begun = Instant::now();
    run.advance(&Sequential, &mut Until(begun, seconds / 2.0));
    let warm = begun.elapsed().as_secs_f64();
    let (from, start) = (run.step(), Instant::now());
    run.advance(&Sequential, &mut Until(start, seconds));
    let taken = run.step() - from;
    // A run that ended of itself meanwhile was timed whole.
    if taken > 0 { taken as f64 / start.elapsed().as_secs_f64() } else { (run.step().max(1)) as f64 / warm.max(1e-9) }
}
