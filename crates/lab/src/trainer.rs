//! One run: from the record where it is known, from its last state where it was begun, and otherwise from its beginning.

#![allow(clippy::disallowed_methods, reason = "the lab owns the clock: wall time decides when to write a checkpoint and when to pause, never a bit of a run")]

use crate::Error;
use crate::job::{Job, Planned};
use crate::known::{Known, judged, kept};
use crate::machine::Machine;
use crate::record::{Record, Saved};
use crate::result::RunResult;
use crate::runner::{Conditions, Watch};
use crate::signals::Signals;
use crate::spec::resolve::weights_density;
use crate::threads::{Adaptive, Trial};
use pennydrop_graph::cpu::{Parallel, Sequential};
use pennydrop_store::Tensor;
use pennydrop_tasks::{Seeds, Task};
use pennydrop_train::{Evaluation, Grid, Host, Interrupt, Precision, Programs, RestoreError, Run, Setup};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Compiled programs that are kept at hand: runs come in packs that share one, and the packs of two workers overlap for a moment only.
const PROGRAMS: usize = 4;
/// Data sets that are kept at hand.
const TASKS: usize = 64;

/// What the workers of a job or of a campaign share.
pub(crate) struct Trainer<'a> {
    record: &'a Record,
    conditions: &'a Conditions<'a>,
    deadline: Option<Instant>,
    /// Threads for one run.
    lanes: usize,
    /// Whether the final state of a run is kept, so that a longer budget goes on from it.
    states: bool,
    /// The last few, by what they fit.
    programs: Mutex<Vec<(String, Arc<Programs>)>>,
    /// The last few splits: runs that differ in other seeds or settings share their data.
    tasks: Mutex<Vec<(Data, Arc<Task>)>>,
    machine: String,
}

/// What decides a data set: the section `task` with its file, and the seed of the split.
type Data = (String, u64);

impl<'a> Trainer<'a> {
    /// For runs of `record`, with `lanes` threads for each.
    pub fn new(record: &'a Record, conditions: &'a Conditions<'a>, deadline: Option<Instant>, lanes: usize, states: bool) -> Trainer<'a> {
        let machine = Machine::here().processor;
        Trainer { record, conditions, deadline, lanes, states, programs: Mutex::new(Vec::new()), tasks: Mutex::new(Vec::new()), machine }
    }

    /// The data of a run.
    pub fn task(&self, job: &Job, seeds: &Seeds) -> Result<Arc<Task>, Error> {
        let data: Data = (job.data(), seeds.split);
        if let Some((_, task)) = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).iter().find(|(d, _)| *d == data) {
            return Ok(Arc::clone(task));
        }
        let task = Arc::new(job.inputs.task(&job.spec, seeds)?);
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.len() >= TASKS {
            tasks.remove(0);
        }
        tasks.push((data, Arc::clone(&task)));
        Ok(task)
    }

    /// Programs that fit: compiled once, while the other workers wait for them.
    fn programs(&self, setup: &Setup) -> Result<Arc<Programs>, Error> {
        let key = Programs::key(setup);
        let mut known = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(i) = known.iter().position(|(k, _)| *k == key) {
            let found = known.remove(i);
            let programs = Arc::clone(&found.1);
            known.push(found);
            return Ok(programs);
        }
        let programs = Programs::new(setup)?;
        if known.len() >= PROGRAMS {
            known.remove(0);
        }
        known.push((key, Arc::clone(&programs)));
        Ok(programs)
    }

    /// A run from the record, from its last state, or from its beginning.
    pub fn one(&self, job: &Job, planned: &Planned) -> Result<(RunResult, bool), Error> {
        let (record, watch) = (self.record, self.conditions.watch);
        let limits = job.spec.limits();
        if record.known(&planned.run_id).is_some_and(|k| answers(&k, &planned.run_id, job, record)) {
            if let Some(known) = record.result(&planned.run_id)? {
                watch.end(planned, &known, true);
                return Ok((known, true));
            }
        }
        let setup = job.setup(planned, Some(self.task(job, &planned.seeds)?))?;
        let programs = self.programs(&setup)?;
        let budget = job.spec.train.size("steps") as u64;
        let saved = record.saved(&planned.run_id)?;
        let had_state = saved.is_some();
        let (mut run, wall_before, walls) = match saved {
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
            saved: had_state,
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
            varied: job.varied(),
        };
        result.take(&outcome);
        if stop.finished() {
            // A shorter answer does not replace a longer run's state.
            if self.states && record.known(&planned.run_id).is_none_or(|k| k.steps <= result.steps) {
                clerk.save(&run, true)?;
            }
            record.finish(&result, run.curves(), &clerk.walls)?;
            if !self.states && clerk.saved {
                record.forget(&planned.run_id)?;
            }
        }
        watch.end(planned, &result, false);
        Ok((result, false))
    }
}

/// Whether a result in the record is the answer to what is asked now.
pub(crate) fn answers(known: &Known, run_id: &str, job: &Job, record: &Record) -> bool {
    let weights = weights_density(&job.spec.record).is_ok_and(|d| d == 0) || record.has_weights(run_id);
    weights && known.answers(judged(&job.spec.limits()), job.spec.train.size("steps") as u64)
}

/// Whether a run can go on from a saved state and give the answer to what is asked now.
fn continues(saved: &Saved, limits: &str, budget: u64) -> bool {
    judged(&saved.limits) == judged(limits) && saved.snapshot.step <= budget && kept(&saved.limits) == kept(limits)
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
    /// Whether a state of it lies in the record.
    saved: bool,
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
        self.saved = true;
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
        if self.watch.follows() {
            let outcome = run.outcome();
            self.watch.evaluated(self.planned, e, [outcome.t_mem, outcome.t_grok].map(|t| t.map(|t| t.step)));
        }
    }
}
