//! Training an experiment, and reading its results: what `run` and `check` share.

use crate::{output, sweep};
use pennydrop_lab::campaign::Design;
use pennydrop_lab::campaign::train::{Options, done, train};
use pennydrop_lab::claims::experiment::Scope;
use pennydrop_lab::claims::{Data, Experiment};
use pennydrop_lab::view::{Rows, measure::measure};
use pennydrop_lab::{Conditions, Error, Record};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

/// Where experiments are trained.
pub(super) const RUNS: &str = "runs/claims";

/// Trains what a design lacks; whether it is whole then.
pub(super) fn fill(design: &Design, record: &Record, conditions: &Conditions, deadline: Option<Instant>) -> Result<bool, Error> {
    let left = |design: &Design| design.runs() - done(design, record).len();
    if left(design) == 0 {
        return Ok(true);
    }
    let time = deadline.map(|d| d.saturating_duration_since(Instant::now()));
    if time.is_some_and(|t| t.is_zero()) {
        return Ok(false);
    }
    let question = sweep::submit(record, design)?;
    let mut trained = train(design, record, &question, conditions, &Options { shard: (0, 1), states: false, time })?;
    if let Some((run, setting, e)) = trained.failed.pop() {
        output::talk(&format!("run {run} ({setting}) failed:"));
        return Err(e);
    }
    Ok(trained.stopped.is_none() && left(design) == 0)
}

pub(super) fn open(design: &Design, name: &str) -> Result<Record, Error> {
    Record::create(&Path::new(RUNS).join(name), &design.frozen(), "", u64::MAX)
}

/// The designs of an experiment: the runs, and their twins.
pub(super) fn designs(e: &Experiment, scope: Scope) -> Result<(Design, Option<Design>), Error> {
    let main = e.design(scope)?.ok_or_else(|| Error::usage(format!("the experiment {} has no runs", e.name), "give it words in [sweep]"))?;
    Ok((main, if scope == Scope::Check { None } else { e.design(Scope::Twins)? }))
}

/// The results of these runs out of the record.
pub(super) fn results(e: &Experiment, record: &Record, main: &Design, twins: Option<&Design>) -> Result<Data, Error> {
    let mut rows = Rows::read(record, &["seed_init", "seed_batch", "seed_noise", "wall_s"])?;
    measure(&mut rows, record, &e.measure)?;
    let ids: BTreeSet<u64> = main.ids().iter().copied().collect();
    let doubles: BTreeSet<u64> = twins.map(|t| t.ids().iter().copied().filter(|id| !ids.contains(id)).collect()).unwrap_or_default();
    // Precision tells twins apart, and has a column of its own.
    let single = rows.filter(|r| ids.contains(&rows.ids[r])).narrowed();
    let mut keys: BTreeSet<String> = single.keys.iter().cloned().collect();
    keys.extend(main.keys.iter().map(pennydrop_lab::spec::sweep::key_name));
    let keys: Vec<String> = keys.into_iter().collect();
    let mut data = Data::of(&rows, &keys, &e.measure, &ids, &doubles);
    data.fixed = single.fixed.into_iter().filter(|(k, _)| !keys.contains(k)).collect();
    Ok(data)
}
