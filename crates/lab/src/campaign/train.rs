//! Training a campaign: packs over the cores, rounds where seeds are added, leases where several processes share the work.

#![allow(clippy::disallowed_methods, reason = "the lab owns the clock: it decides when to stop, and tells how far a worker is")]

use crate::Error;
use crate::campaign::design::Design;
use crate::campaign::until::observation;
use crate::job::{Job, Planned};
use crate::known::{End, Known, id_of};
use crate::record::Record;
use crate::result::RunResult;
use crate::runner::{Conditions, Watch, fatal};
use crate::threads::share_out;
use crate::trainer::Trainer;
use pennydrop_stats::{Decision, Observation};
use pennydrop_store::{Lease, Table};
use pennydrop_train::{Evaluation, Interrupt};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For how long a worker holds its share without saying so again.
const HOLD: Duration = Duration::from_secs(60);
/// How often it says so.
const BEAT: Duration = Duration::from_secs(2);
/// Failures that are kept with their reasons; more are counted.
const FAILURES: usize = 20;

const NARROW: &str = "narrow";
const CENSORED: &str = "censored";
const MOST: &str = "most";
const MORE: &str = "more";
/// What the table `decisions` says.
const DECISIONS: [&str; 4] = [NARROW, CENSORED, MOST, MORE];
/// A run of the round failed: no decision.
const FAILED: &str = "failed";

/// How a campaign is trained.
pub struct Options {
    /// The part of the work that is ours: `(i, n)` is every n-th run beginning with the i-th.
    pub shard: (u32, u32),
    /// Whether final states are kept, a file a run, so that a longer budget goes on from them.
    pub states: bool,
    /// Stop after this time, with states saved.
    pub time: Option<Duration>,
}

/// A seed of a setting was given up, or is enough.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// The setting.
    pub setting: usize,
    /// The round, from 1.
    pub round: usize,
    /// `narrow`, `censored`, `most`, `more` or `failed`.
    pub decision: &'static str,
}

/// What became of a campaign, as far as this worker is concerned.
#[derive(Debug, Default)]
pub struct Trained {
    /// Runs that this worker trained to their end.
    pub trained: usize,
    /// Runs that were known before.
    pub known: usize,
    /// Steps that were trained.
    pub steps: u64,
    /// Seconds of the runs themselves, added up over threads.
    pub run_s: f64,
    /// Seconds it took.
    pub wall_s: f64,
    /// Runs that failed, with setting and reason; the first few.
    pub failed: Vec<(String, String, Error)>,
    /// Number of runs that failed.
    pub failures: usize,
    /// A signal or the time stopped it.
    pub stopped: Option<Interrupt>,
    /// The last decision of each setting, with a rule: of this worker's settings, whoever took it.
    pub decided: Vec<Decided>,
}

/// Counts that a heart beat tells.
#[derive(Default)]
struct Counts {
    ended: AtomicU64,
    total: AtomicU64,
    steps: AtomicU64,
    by_end: Mutex<BTreeMap<&'static str, u64>>,
    run_s: Mutex<f64>,
    /// Where runs at hand were taken up.
    from: Mutex<BTreeMap<String, u64>>,
    over: AtomicBool,
}

impl Counts {
    fn progress(&self, since: Instant) -> serde_json::Value {
        let ends: BTreeMap<&str, u64> = self.by_end.lock().unwrap_or_else(PoisonError::into_inner).clone();
        serde_json::json!({
            "ended": self.ended.load(Ordering::Relaxed),
            "total": self.total.load(Ordering::Relaxed),
            "steps": self.steps.load(Ordering::Relaxed),
            "seconds": since.elapsed().as_secs_f64(),
            "ends": ends,
        })
    }
}

/// Passes everything on, and counts.
struct Counting<'a> {
    to: &'a dyn Watch,
    counts: &'a Counts,
}

impl Watch for Counting<'_> {
    fn note(&self, text: &str) {
        self.to.note(text);
    }
    fn begin(&self, run: &Planned, step: u64, past: &[Evaluation]) {
        if step > 0 {
            self.counts.from.lock().unwrap_or_else(PoisonError::into_inner).insert(run.run_id.clone(), step);
        }
        self.to.begin(run, step, past);
    }
    fn evaluated(&self, run: &Planned, e: &Evaluation, times: [Option<u64>; 2]) {
        self.to.evaluated(run, e, times);
    }
    fn follows(&self) -> bool {
        self.to.follows()
    }
    fn stepped(&self, run: &Planned, step: u64) {
        self.to.stepped(run, step);
    }
    fn end(&self, run: &Planned, result: &RunResult, cached: bool) {
        if result.finished() && !cached {
            self.counts.ended.fetch_add(1, Ordering::Relaxed);
            let from = self.counts.from.lock().unwrap_or_else(PoisonError::into_inner).remove(&run.run_id).unwrap_or(0);
            self.counts.steps.fetch_add(result.steps.saturating_sub(from), Ordering::Relaxed);
            *self.counts.by_end.lock().unwrap_or_else(PoisonError::into_inner).entry(End::parse(&result.stop).name()).or_default() += 1;
            *self.counts.run_s.lock().unwrap_or_else(PoisonError::into_inner) += result.wall_s;
        }
        self.to.end(run, result, cached);
    }
}

/// Jobs of the settings at hand: resolving one takes longer than looking it up.
struct Jobs<'a> {
    design: &'a Design,
    last: Mutex<Vec<(usize, Arc<Job>)>>,
}

impl Jobs<'_> {
    fn get(&self, setting: usize) -> Result<Arc<Job>, Error> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, job)) = last.iter().find(|(s, _)| *s == setting) {
            return Ok(Arc::clone(job));
        }
        let job = Arc::new(self.design.job(setting)?);
        if last.len() >= 4 {
            last.remove(0);
        }
        last.push((setting, Arc::clone(&job)));
        Ok(job)
    }
}

/// A worker's view of a campaign.
struct Work<'a> {
    design: &'a Design,
    record: &'a Record,
    question: &'a str,
    conditions: &'a Conditions<'a>,
    options: &'a Options,
    counts: &'a Counts,
    deadline: Option<Instant>,
    keeps_weights: bool,
}

/// Trains every run of `design` that the record does not know and that is ours.
///
/// # Errors
/// Another worker holds our share (exit code 6); the record cannot be written, in which case whatever was published is whole and asking again goes on.
pub fn train(design: &Design, record: &Record, question: &str, conditions: &Conditions, options: &Options) -> Result<Trained, Error> {
    let started = Instant::now();
    let lease = record.campaign().lease(question, options.shard, HOLD)?;
    // Whoever held it before may have published since the record was opened.
    record.refresh()?;
    let counts = Counts::default();
    let deadline = options.time.map(|t| started + t);
    let work = Work { design, record, question, conditions, options, counts: &counts, deadline, keeps_weights: design.keeps_weights() };
    let outcome = std::thread::scope(|scope| {
        let beat = std::thread::Builder::new().name("lease".into()).spawn_scoped(scope, || heart(&lease, &counts, started));
        let outcome = work.rounds();
        counts.over.store(true, Ordering::Relaxed);
        if let Ok(b) = &beat {
            b.thread().unpark();
        }
        outcome
    });
    // What did finish is published even if something broke; the first error is the one to tell.
    let flushed = record.flush();
    let mut trained = outcome?;
    flushed?;
    trained.wall_s = started.elapsed().as_secs_f64();
    trained.steps = counts.steps.load(Ordering::Relaxed);
    trained.run_s = *counts.run_s.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(trained)
}

/// Says again and again that the worker lives, and how far it is.
fn heart(lease: &Lease, counts: &Counts, since: Instant) {
    let mut pause = BEAT / 8;
    while !counts.over.load(Ordering::Relaxed) {
        // A lease that cannot be renewed is advice that nobody gets: others may do the same work, and the record holds each run once.
        let _ = lease.renew(&counts.progress(since));
        // More often at first, so that there is soon something to tell.
        std::thread::park_timeout(pause);
        pause = (pause * 2).min(BEAT);
    }
}

impl Work<'_> {
    fn rounds(&self) -> Result<Trained, Error> {
        let mut all = Trained::default();
        let seeds = self.design.seeds.len();
        let Some(until) = &self.design.until else {
            let wanted = (0..self.design.settings.len()).flat_map(|s| (0..seeds).map(move |k| (s, k))).filter(|(s, k)| self.ours(s * seeds + k)).collect();
            self.round(wanted, &mut all)?;
            return Ok(all);
        };
        let rule = until.rule();
        // Decisions need whole rounds, so a setting belongs to one worker.
        let mut open: Vec<usize> = (0..self.design.settings.len()).filter(|s| self.ours(*s)).collect();
        let mut decided: BTreeMap<usize, Decided> = BTreeMap::new();
        // A decision that was taken holds, whatever the record has learnt since (a larger budget, for instance).
        let taken = self.taken()?;
        for round in 1..=rule.looks {
            let from = (round - 1) * until.round;
            let wanted = open.iter().flat_map(|s| (from..from + until.round).map(move |k| (*s, k))).collect();
            self.round(wanted, &mut all)?;
            if all.stopped.is_some() {
                break;
            }
            let mut rows = Vec::new();
            let mut still = Vec::new();
            for setting in open {
                let decision = match taken.get(&(setting, round)) {
                    Some(decision) => *decision,
                    None => {
                        let row = self.decide(setting, round, round * until.round)?;
                        let decision = row.decision;
                        // A run that failed may come through another time: only what follows from a complete round is a decision.
                        if decision != FAILED {
                            rows.push(row);
                        }
                        decision
                    }
                };
                decided.insert(setting, Decided { setting, round, decision });
                if decision == MORE {
                    still.push(setting);
                }
            }
            self.record.campaign().log(&[("decisions", &self.decisions(&rows))])?;
            open = still;
            if open.is_empty() {
                break;
            }
        }
        all.decided = decided.into_values().collect();
        Ok(all)
    }

    fn ours(&self, index: usize) -> bool {
        let (i, n) = self.options.shard;
        index as u64 % u64::from(n) == u64::from(i)
    }

    /// What is known of a run, if it answers what is asked.
    fn known(&self, setting: usize, nth: usize) -> Option<Known> {
        let id = self.design.id(setting, nth);
        let known = self.record.known_by(id).filter(|k| k.covers(self.design.judged, self.design.budget))?;
        (!self.keeps_weights || self.record.has_weights(&id_of(id))).then_some(known)
    }

    /// Trains those of `wanted` (settings and places among their seeds) that are not known.
    fn round(&self, wanted: Vec<(usize, usize)>, all: &mut Trained) -> Result<(), Error> {
        let before = wanted.len();
        let mut open: Vec<(usize, usize)> = wanted.into_iter().filter(|(s, k)| self.known(*s, *k).is_none()).collect();
        all.known += before - open.len();
        // Runs that share a program follow one another; the order changes no bit.
        open.sort_by_key(|(s, k)| (self.design.settings[*s].pack, *s, *k));
        self.counts.total.fetch_add(open.len() as u64, Ordering::Relaxed);
        let watch = Counting { to: self.conditions.watch, counts: self.counts };
        let conditions = Conditions { threads: self.conditions.threads, signals: self.conditions.signals, watch: &watch };
        let workers = conditions.threads.clamp(1, open.len().max(1));
        let lanes = (conditions.threads / workers).max(1);
        let trainer = Trainer::new(self.record, &conditions, self.deadline, lanes, self.options.states);
        let jobs = Jobs { design: self.design, last: Mutex::new(Vec::new()) };
        let give_up = AtomicBool::new(false);
        let timed_out = || self.deadline.is_some_and(|d| Instant::now() >= d);
        let stop = || give_up.load(Ordering::Relaxed) || conditions.signals.stop() || timed_out();
        let results = share_out(open.len(), workers, &stop, &|i| {
            let (setting, nth) = open[i];
            // Another worker may have trained it meanwhile; we hear of that when we read the record again.
            let result = jobs.get(setting).and_then(|job| trainer.one(&job, &job.runs[nth]).map(|(r, _)| r.finished()));
            if result.as_ref().is_err_and(fatal) {
                give_up.store(true, Ordering::Relaxed);
            }
            // Small: there may be millions of them.
            result.map_err(Box::new)
        });
        let mut unfinished = false;
        let mut broken = None;
        for (&(setting, nth), result) in open.iter().zip(results) {
            match result {
                Some(Ok(true)) => all.trained += 1,
                Some(Ok(false)) | None => unfinished = true,
                Some(Err(e)) if fatal(&e) => broken = broken.or(Some(*e)),
                Some(Err(e)) => {
                    all.failures += 1;
                    if all.failed.len() < FAILURES {
                        all.failed.push((id_of(self.design.id(setting, nth)), self.design.describe(setting), *e));
                    }
                }
            }
        }
        if let Some(e) = broken {
            return Err(e);
        }
        if unfinished {
            all.stopped = Some(if conditions.signals.stop() { Interrupt::Signal } else { Interrupt::WallTime });
        }
        Ok(())
    }

    /// The decisions of this question that are on record, by setting and round.
    fn taken(&self) -> Result<BTreeMap<(usize, usize), &'static str>, Error> {
        let scan = self.record.campaign().scan("decisions", &["question", "cell", "round", "decision"])?;
        let whole = |name: &str, row: usize| scan.get_i64(name).and_then(|v| v[row]).and_then(|x| usize::try_from(x).ok());
        let text = |name: &str, row: usize| scan.get_text(name).and_then(|t| t.get(row));
        let of = |row: usize| {
            let decision = text("decision", row)?;
            let decision = DECISIONS.into_iter().find(|d| *d == decision)?;
            (text("question", row) == Some(self.question)).then_some(((whole("cell", row)?, whole("round", row)?), decision))
        };
        Ok((0..scan.rows()).filter_map(of).collect())
    }

    /// The decision about a setting whose first `n` seeds are complete.
    fn decide(&self, setting: usize, round: usize, n: usize) -> Result<Row, Error> {
        let seen: Vec<Option<Observation>> = (0..n).map(|k| self.known(setting, k).map(|known| observation(&known, self.design.budget))).collect();
        let row = |decision, low, high, estimate| Row { setting, round, n, decision, low, high, estimate };
        if seen.iter().any(Option::is_none) {
            // A run that failed leaves the round incomplete for good.
            return Ok(row(FAILED, None, None, None));
        }
        let Some(until) = &self.design.until else { return Ok(row(MOST, None, None, None)) };
        let seen: Vec<Observation> = seen.into_iter().flatten().collect();
        let look = until.rule().decide(&seen)?;
        let name = match look.decision {
            Decision::Narrow => NARROW,
            Decision::Censored => CENSORED,
            Decision::Most => MOST,
            Decision::More { .. } => MORE,
        };
        let median = look.median;
        Ok(row(name, median.and_then(|m| m.low), median.and_then(|m| m.high), median.and_then(|m| m.estimate)))
    }

    fn decisions(&self, rows: &[Row]) -> Table {
        let rule = self.design.until.as_ref().map(|u| u.rule());
        Table::default()
            .str("question", rows.iter().map(|_| Some(self.question)))
            .i64("cell", rows.iter().map(|r| Some(r.setting as i64)))
            .i64("round", rows.iter().map(|r| Some(r.round as i64)))
            .i64("n", rows.iter().map(|r| Some(r.n as i64)))
            .str("decision", rows.iter().map(|r| Some(r.decision)))
            .f64("median", rows.iter().map(|r| r.estimate))
            .f64("low", rows.iter().map(|r| r.low))
            .f64("high", rows.iter().map(|r| r.high))
            .f64("level", rows.iter().map(|_| rule.as_ref().map(|r| r.level_of_a_look())))
            .str("setting", rows.iter().map(|r| Some(self.design.describe(r.setting))))
    }
}

/// A row of `decisions`.
struct Row {
    setting: usize,
    round: usize,
    n: usize,
    decision: &'static str,
    low: Option<f64>,
    high: Option<f64>,
    estimate: Option<f64>,
}

/// Numbers of the runs of `design` that are known and say all that is asked.
pub fn done(design: &Design, record: &Record) -> BTreeSet<u64> {
    let covers = |id: &u64| record.known_by(*id).is_some_and(|k| k.covers(design.judged, design.budget));
    design.ids().iter().copied().filter(covers).collect()
}
