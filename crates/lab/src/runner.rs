//! Training the runs of a job: from the record where they are known, from their last state where they were begun, and otherwise from their beginning.

#![allow(clippy::disallowed_methods, reason = "the lab owns the clock: wall time decides when to write a checkpoint and when to pause, never a bit of a run")]

use crate::Error;
use crate::job::{Job, Planned};
use crate::machine::Machine;
use crate::record::{Record, Saved};
use crate::result::RunResult;
use crate::signals::Signals;
use crate::spec::resolve::weights_density;
use crate::threads::{Adaptive, Trial, share_out};
use pennydrop_graph::cpu::{Parallel, Sequential};
use pennydrop_store::Tensor;
use pennydrop_tasks::{Seeds, Task};
use pennydrop_train::{Evaluation, Grid, Host, Interrupt, Precision, Programs, RestoreError, Run};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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
    let shared =
        Shared { job, record, conditions, deadline, programs: Mutex::new(None), tasks: Mutex::new(Vec::new()), machine: Machine::here().processor, lanes };
    let results = share_out(job.runs.len(), workers, &stop, &|i| {
        let result = shared.one(&job.runs[i]);
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
fn fatal(e: &Error) -> bool {
    use pennydrop_store::Error as S;
    matches!(e, Error::Store(S::Full { .. } | S::Unwritable { .. } | S::Io { .. }) | Error::Write { .. })
}

/// What the workers of a job share.
struct Shared<'a> {
    job: &'a Job,
    record: &'a Record,
    conditions: &'a Conditions<'a>,
    deadline: Option<Instant>,
    programs: Mutex<Option<Arc<Programs>>>,
    /// The last few splits: runs that differ in other seeds share their data.
    tasks: Mutex<Vec<(Seeds, Arc<Task>)>>,
    machine: String,
    lanes: usize,
}

impl Shared<'_> {
    fn task(&self, seeds: &Seeds) -> Result<Arc<Task>, Error> {
        let same = |s: &Seeds| s.split == seeds.split;
        if let Some((_, task)) = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).iter().find(|(s, _)| same(s)) {
            return Ok(Arc::clone(task));
        }
        let task = Arc::new(self.job.inputs.task(&self.job.spec, seeds)?);
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.len() >= 4 {
            tasks.remove(0);
        }
        tasks.push((*seeds, Arc::clone(&task)));
        Ok(task)
    }

    /// A run from the record, from its last state, or from its beginning.
    fn one(&self, planned: &Planned) -> Result<(RunResult, bool), Error> {
        let (job, record, watch) = (self.job, self.record, self.conditions.watch);
        let limits = job.spec.limits();
        let known = record.result(&planned.run_id);
        if let Some(known) = known.filter(|k| k.finished() && answers(k, job, record)) {
            watch.end(planned, &known, true);
            return Ok((known, true));
        }
        let setup = job.setup(planned.index, Some(self.task(&planned.seeds)?))?;
        let programs = {
            let mut shared = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
            match &*shared {
                Some(p) if p.fit(&setup) => Arc::clone(p),
                _ => {
                    let p = Programs::new(&setup)?;
                    *shared = Some(Arc::clone(&p));
                    p
                }
            }
        };
        let budget = job.spec.train.size("steps") as u64;
        let (mut run, wall_before, walls) = match record.saved(&planned.run_id)? {
            Some(saved) if continues(&saved, &limits, budget) => {
                let run = Run::restore_with(setup, &programs, &saved.snapshot).map_err(|e| restore_error(record, planned, e))?;
                (run, saved.wall_s, saved.walls)
            }
            other => {
                if let Some(saved) = other.filter(|s| !s.finished) {
                    watch.note(&format!(
                        "run {} was begun, at step {}, under another evaluation grid, other levels or a larger budget: it begins anew",
                        planned.run_id, saved.snapshot.step
                    ));
                }
                (Run::with(setup, &programs)?, 0.0, BTreeMap::new())
            }
        };
        watch.begin(planned, run.step(), &run.curves().rows);
        let team;
        let mut trial = None;
        let threads: &dyn Parallel = if self.lanes > 1 {
            team = Adaptive::new(self.lanes);
            trial = Some(Trial::new(&team));
            &team
        } else {
            &Sequential
        };
        let density = weights_density(&job.spec.record)?;
        let mut clerk = Clerk {
            trial,
            planned,
            watch,
            signals: self.conditions.signals,
            deadline: self.deadline,
            every: job.spec.record.float("ckpt_s"),
            checkpoint: Instant::now(),
            began: Instant::now(),
            wall_before,
            walls,
            asked: 0,
            base: run.step(),
            shown: Instant::now(),
            failed: None,
            record,
            limits: &limits,
            weights: (density > 0).then(|| {
                let grid = Grid { density };
                Weights { grid, next: run.curves().last().map_or(0, |e| grid.after(e.step)), kept: Vec::new(), wide: run.setup().precision() == Precision::F64 }
            }),
        };
        let stop = run.advance(threads, &mut clerk);
        if !stop.finished() {
            if let Some(e) = clerk.failed.take() {
                return Err(e);
            }
            clerk.save(&run, false)?;
        }
        let outcome = run.outcome();
        let mut result = RunResult {
            run_id: planned.run_id.clone(),
            seed: planned.seed,
            seeds: planned.seeds,
            stop: stop.name().to_string(),
            steps: run.step(),
            wall_s: clerk.wall(),
            t_mem: None,
            t_grok: None,
            delay: None,
            matched: Vec::new(),
            crossings: Vec::new(),
            censored: false,
            lost: false,
            last: run.curves().columns().into_iter().filter_map(|(n, v)| v.last().map(|x| (n, *x))).collect(),
            weights_hash: run.weights_hash(),
            levels: String::new(),
            spectrum: Vec::new(),
            chance: run.setup().task.chance,
            budget,
            spec: job.spec.trajectory(&job.inputs),
            limits: limits.clone(),
            label: job.spec.label.clone(),
            machine: self.machine.clone(),
        };
        result.take(&outcome);
        if stop.finished() {
            // A shorter answer does not replace a longer run's state.
            if record.result(&planned.run_id).is_none_or(|k| k.steps <= result.steps) {
                clerk.save(&run, true)?;
            }
            record.finish(&result, run.curves(), &clerk.walls)?;
        }
        watch.end(planned, &result, false);
        Ok((result, false))
    }
}

/// The lines of limits that decide what a result says, without the budget and without what is only about files.
fn judged(limits: &str) -> impl Iterator<Item = &str> {
    limits.lines().filter(|l| l.starts_with("train.") && !l.starts_with("train.steps ="))
}

/// Whether `large`, run to its end, leaves nothing of `small` to be done: the same runs and levels under a budget at least as large.
pub fn covers(large: &Job, small: &Job) -> bool {
    judged(&large.spec.limits()).eq(judged(&small.spec.limits()))
        && kept(&large.spec.limits()) == kept(&small.spec.limits())
        && large.spec.train.size("steps") >= small.spec.train.size("steps")
        && small.runs.iter().all(|r| large.runs.iter().any(|l| l.run_id == r.run_id))
}

/// Whether a result in the record is the answer to what is asked now.
fn answers(known: &RunResult, job: &Job, record: &Record) -> bool {
    let (limits, budget) = (job.spec.limits(), job.spec.train.size("steps") as u64);
    let same = judged(&known.limits).eq(judged(&limits));
    // A run that ended of itself ends there under any budget that lets it.
    let far_enough = if known.stop == "steps" { known.steps == budget } else { known.steps <= budget };
    let weights = weights_density(&job.spec.record).is_ok_and(|d| d == 0) || record.has_weights(&known.run_id);
    same && far_enough && weights
}

/// Whether a run can go on from a saved state and give the answer to what is asked now.
fn continues(saved: &Saved, limits: &str, budget: u64) -> bool {
    judged(&saved.limits).eq(judged(limits)) && saved.snapshot.step <= budget && kept(&saved.limits) == kept(limits)
}

/// What weights are kept under these limits.
fn kept(limits: &str) -> Option<&str> {
    limits.lines().find(|l| l.starts_with("record.weights ="))
}

pub(crate) fn restore_error(record: &Record, planned: &Planned, e: RestoreError) -> Error {
    match e {
        RestoreError::Spec(e) => Error::Spec(e),
        RestoreError::Numerics { found } => {
            Error::OtherNumerics { run_id: planned.run_id.clone(), theirs: found.to_string(), ours: pennydrop_train::NUMERICS.to_string() }
        }
        e => Error::State { run_id: planned.run_id.clone(), path: record.state_path(&planned.run_id).unwrap_or_default(), why: e.to_string() },
    }
}

/// Weights at log-spaced steps.
struct Weights {
    grid: Grid,
    /// The next step at or after which they are kept.
    next: u64,
    kept: Vec<Tensor>,
    wide: bool,
}

/// The caller of one run: looks at the clock and at signals, and keeps what the run itself does not.
struct Clerk<'a> {
    trial: Option<Trial<'a>>,
    planned: &'a Planned,
    watch: &'a dyn Watch,
    signals: &'a Signals,
    deadline: Option<Instant>,
    every: f64,
    checkpoint: Instant,
    began: Instant,
    wall_before: f64,
    walls: BTreeMap<u64, f64>,
    asked: u64,
    base: u64,
    shown: Instant,
    /// What went wrong with a checkpoint on the way.
    failed: Option<Error>,
    record: &'a Record,
    limits: &'a str,
    weights: Option<Weights>,
}

impl Clerk<'_> {
    fn wall(&self) -> f64 {
        self.wall_before + self.began.elapsed().as_secs_f64()
    }

    fn save(&mut self, run: &Run, finished: bool) -> Result<(), Error> {
        if let Some(w) = &mut self.weights {
            if !w.kept.is_empty() {
                self.record.keep_weights(&self.planned.run_id, &w.kept)?;
                w.kept.clear();
            }
        }
        let saved = Saved { snapshot: run.snapshot(), wall_s: self.wall(), walls: self.walls.clone(), limits: self.limits.to_string(), finished };
        self.record.save(&self.planned.run_id, &saved)
    }
}

impl Host for Clerk<'_> {
    fn interrupted(&mut self) -> Option<Interrupt> {
        self.asked += 1;
        if self.failed.is_some() || self.signals.stop() {
            return Some(Interrupt::Signal);
        }
        let now = Instant::now();
        if self.deadline.is_some_and(|d| now >= d) {
            return Some(Interrupt::WallTime);
        }
        if now.duration_since(self.shown).as_millis() >= 100 {
            self.shown = now;
            self.watch.stepped(self.planned, self.base + self.asked);
        }
        None
    }

    fn stepping(&mut self, run: &Run) {
        if let Some(trial) = &mut self.trial {
            trial.step(self.began.elapsed().as_secs_f64());
        }
        if self.every > 0.0 && self.checkpoint.elapsed().as_secs_f64() >= self.every {
            // An error ends the run at the next question.
            self.failed = self.save(run, false).err();
            self.checkpoint = Instant::now();
        }
    }

    fn evaluated(&mut self, run: &Run, e: &Evaluation) {
        self.walls.insert(e.step, self.wall());
        (self.base, self.asked) = (e.step, 0);
        if let Some(w) = self.weights.as_mut().filter(|w| e.step >= w.next) {
            w.next = w.grid.after(e.step);
            for (name, shape, values) in run.params() {
                let name = format!("step{}/{name}", e.step);
                w.kept.push(if w.wide {
                    Tensor::from_f64(name, shape, &values)
                } else {
                    Tensor::from_f32(name, shape, &values.iter().map(|x| *x as f32).collect::<Vec<_>>())
                });
            }
        }
        let outcome = run.outcome();
        self.watch.evaluated(self.planned, e, [outcome.t_mem, outcome.t_grok].map(|t| t.map(|t| t.step)));
    }
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
    let mut warm = Until(Instant::now(), seconds / 2.0);
    run.advance(&Sequential, &mut warm);
    let (from, start) = (run.step(), Instant::now());
    run.advance(&Sequential, &mut Until(start, seconds));
    let taken = run.step() - from;
    if taken > 0 { taken as f64 / start.elapsed().as_secs_f64() } else { (run.step().max(1)) as f64 / (seconds / 2.0) }
}
