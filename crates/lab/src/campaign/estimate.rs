//! What a campaign will cost, from a short calibration.

use crate::Error;
use crate::campaign::design::Design;
use crate::runner::{calibrate, evaluations};
use std::collections::{BTreeMap, BTreeSet};

/// Packs that are timed; the others are taken to be like the mean of these.
const TIMED: usize = 8;
/// Bytes of a run's row in a Parquet part, about; its curves come on top.
const ROW: f64 = 1200.0;

/// What a campaign will cost at most: no run ends before its budget.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// All runs; with a rule, the most there can be.
    pub runs: usize,
    /// Of these, runs that are not in the record.
    pub open: usize,
    /// Distinct programs.
    pub packs: usize,
    /// Steps of the open runs.
    pub steps: u64,
    /// Bytes of the record that they add.
    pub bytes: f64,
    /// Seconds on so many threads as asked for.
    pub seconds: f64,
    /// Steps a second on one thread of each pack that was timed.
    pub speeds: Vec<f64>,
}

/// Estimates `design` on `threads` threads; runs with numbers in `done` are known. Times each of the first few packs for about `budget_s` in all.
///
/// # Errors
/// None that [`Design::new`] has not found.
pub fn estimate(design: &Design, done: &BTreeSet<u64>, threads: usize, budget_s: f64) -> Result<Estimate, Error> {
    let seeds = design.seeds.len();
    let mut open: BTreeMap<usize, (usize, u64)> = BTreeMap::new(); // of each pack: a setting, open runs
    for (i, setting) in design.settings.iter().enumerate() {
        let n = (0..seeds).filter(|k| !done.contains(&design.id(i, *k))).count() as u64;
        if n > 0 {
            open.entry(setting.pack).or_insert((i, 0)).1 += n;
        }
    }
    let timed = open.len().min(TIMED);
    let mut speeds = Vec::new();
    let mut columns = 14;
    let mut density = 64;
    for (setting, _) in open.values().take(TIMED) {
        let job = design.job(*setting)?;
        let (run, _) = job.probe()?;
        density = job.spec.train.size("eval") as u64;
        columns = columns.max(run.curves().columns().len().max(11) + 3);
        speeds.push(calibrate(run, (budget_s / timed as f64).clamp(0.05, 0.5)));
    }
    // The mean of seconds a step, not of steps a second.
    let usual = if speeds.is_empty() { 0.0 } else { speeds.iter().map(|s| 1.0 / s).sum::<f64>() / speeds.len() as f64 };
    let per_step = |k: usize| speeds.get(k).map_or(usual, |s| 1.0 / s);
    let total: u64 = open.values().map(|o| o.1).sum();
    let seconds: f64 = open.values().enumerate().map(|(k, o)| o.1 as f64 * design.budget as f64 * per_step(k)).sum();
    let bytes = total as f64 * (ROW + evaluations(density, design.budget) as f64 * columns as f64 * 8.0);
    Ok(Estimate {
        runs: design.runs(),
        open: total as usize,
        packs: design.packs,
        steps: total * design.budget,
        bytes,
        seconds: seconds / threads.max(1) as f64,
        speeds,
    })
}
