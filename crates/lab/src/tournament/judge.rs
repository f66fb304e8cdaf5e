//! The judging seeds decide.

use crate::Error;
use crate::campaign::Design;
use crate::job::Job;
use crate::known::Known;
use crate::record::Record;
use crate::tournament::arms::Tournament;
use crate::tournament::choice::{Tuned, diverged, grokked, restricted, runs, times};
use crate::tournament::leaks::{leaks, unmatched};
use crate::view::summary::CONFIDENCE;
use pennydrop_stats::{BandKind, KaplanMeier, LogRank, Observation, QuantileEstimate, RestrictedMean, holm, log_rank, restricted_mean_difference};
use std::collections::BTreeMap;

/// The units of time, in the order of every pair of numbers here.
pub const UNITS: [&str; 2] = ["steps", "FLOP"];

/// An arm beside the reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Against {
    /// Restricted mean of the arm less that of the reference: below 0, the arm is sooner.
    pub difference: f64,
    /// Its interval; `None` where neither has any spread.
    pub interval: Option<(f64, f64)>,
    /// Two-sided p of no difference.
    pub p: Option<f64>,
    /// The same after Holm's adjustment over all arms in competition.
    pub holm: Option<f64>,
    /// p of the log-rank test of these two.
    pub log_rank: Option<f64>,
}

/// A time in one unit.
#[derive(Debug, Clone, PartialEq)]
pub struct InUnit {
    /// Mean of min(`t_grok`, horizon).
    pub mean: Option<RestrictedMean>,
    /// Beside the reference; `None` for the reference itself, or where a mean is missing.
    pub against: Option<Against>,
    /// Times of every judging run.
    pub times: Vec<Observation>,
}

/// Where an arm stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// Judging runs.
    pub n: usize,
    /// Of them, those that generalised.
    pub grokked: usize,
    /// Those that their budget ended before.
    pub censored: usize,
    /// Those that diverged before.
    pub diverged: usize,
    /// Those that memorised.
    pub memorised: usize,
    /// Median of `t_grok` in steps.
    pub median: QuantileEstimate,
    /// `t_grok` in each of [`UNITS`].
    pub units: [InUnit; 2],
    /// Operations of a step.
    pub flop_per_step: f64,
    /// Seconds of a step as the judging runs took them, evaluations included: a side note, since it depends on the machine and on what else it did.
    pub seconds_per_step: Option<f64>,
    /// Median of `t_grok − t_mem` of the runs that memorised; `None` if none did.
    pub delay: Option<QuantileEstimate>,
    /// Ways in which it knows held-out data.
    pub leaks: Vec<String>,
    /// Conditions that it does not share.
    pub unmatched: Vec<String>,
    /// Ids of its judging runs.
    pub ids: Vec<String>,
}

impl Standing {
    /// Whether it may win.
    pub fn competes(&self) -> bool {
        self.leaks.is_empty() && self.unmatched.is_empty()
    }
}

/// How a tournament ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The arms in the order given.
    pub arms: Vec<Standing>,
    /// The arm that the others are compared with: the first that is in competition, or the first.
    pub reference: usize,
    /// Horizon in each of [`UNITS`]: the budget, and the least work that the budget of any arm in competition is.
    pub horizons: [f64; 2],
    /// Log-rank test of all arms in competition, in each of [`UNITS`]; `None` where there is nothing to test.
    pub log_rank: [Option<LogRank>; 2],
    /// The arm in competition with the smallest restricted mean in each of [`UNITS`], if one generalised at all.
    pub first: [Option<usize>; 2],
}

/// What puts each arm out of competition, before anything is trained: leaks of the job that stands for it, and conditions that the others do not share.
///
/// # Errors
/// None that [`Tournament::new`] has not found.
pub fn objections(tournament: &Tournament, judging: &[Design]) -> Result<Vec<(Vec<String>, Vec<String>)>, Error> {
    let all = |d: &Design| (0..d.settings.len()).map(|s| d.job(s)).collect::<Result<Vec<Job>, Error>>();
    let jobs = tournament.arms.iter().map(|a| all(&a.tuning)).collect::<Result<Vec<_>, Error>>()?;
    let matched = unmatched(&jobs);
    let mut out = Vec::new();
    for (arm, matched) in matched.into_iter().enumerate() {
        // Before the choice the first setting stands for all; after it, the chosen one is looked at with its own splits.
        let own = match judging.get(arm) {
            Some(d) => leaks(&d.job(0)?)?,
            None => leaks(&jobs[arm][0])?,
        };
        out.push((own, matched));
    }
    Ok(out)
}

/// Judges the chosen settings; `judging` are the designs of their judging runs ([`Tournament::judging`]), all of which must be known.
///
/// # Errors
/// A run has no result; the estimate cannot be made.
pub fn judge(tournament: &Tournament, tuned: &[Tuned], judging: &[Design], record: &Record) -> Result<Outcome, Error> {
    let budget = tournament.budget();
    let seconds = seconds(record)?;
    let mut arms = Vec::new();
    for (((arm, tuned), design), (leaks, unmatched)) in tournament.arms.iter().zip(tuned).zip(judging).zip(objections(tournament, judging)?) {
        let known = runs(design, 0, record)?;
        let flop = tuned.best().flop_per_step;
        let steps = times(&known, budget);
        let work = steps.iter().map(|o| Observation { time: o.time * flop, event: o.event }).collect();
        let unit = |times| InUnit { mean: None, against: None, times };
        let taken: Vec<(f64, u64)> = design.ids().iter().filter_map(|id| seconds.get(id).copied()).collect();
        let (wall, count) = taken.iter().fold((0.0, 0), |(w, s), t| (w + t.0, s + t.1));
        arms.push(Standing {
            name: arm.name.clone(),
            n: known.len(),
            grokked: known.iter().filter(|k| grokked(k, budget)).count(),
            censored: known.iter().filter(|k| !grokked(k, budget) && !diverged(k, budget)).count(),
            diverged: known.iter().filter(|k| diverged(k, budget)).count(),
            memorised: known.iter().filter(|k| k.t_mem.is_some_and(|t| t <= budget)).count(),
            median: KaplanMeier::new(&steps)?.median(CONFIDENCE, BandKind::LogLog)?,
            units: [unit(steps), unit(work)],
            flop_per_step: flop,
            seconds_per_step: (count > 0).then(|| wall / count as f64),
            delay: delay(&known, budget)?,
            leaks,
            unmatched,
            ids: design.ids().iter().map(|id| crate::known::id_of(*id)).collect(),
        });
    }
    compare(arms, budget)
}

/// Estimates and tests over the arms, whose times are given.
pub(super) fn compare(mut arms: Vec<Standing>, budget: u64) -> Result<Outcome, Error> {
    let reference = arms.iter().position(Standing::competes).unwrap_or(0);
    let competing: Vec<usize> = (0..arms.len()).filter(|a| arms[*a].competes()).collect();
    let whose = if competing.is_empty() { (0..arms.len()).collect() } else { competing.clone() };
    let least = whose.iter().map(|a| arms[*a].flop_per_step).fold(f64::INFINITY, f64::min);
    let horizons = [budget.max(1) as f64, budget.max(1) as f64 * least];
    let mut log_ranks = [None, None];
    let mut first = [None, None];
    for (u, horizon) in horizons.into_iter().enumerate() {
        for arm in &mut arms {
            arm.units[u].mean = restricted(&arm.units[u].times, horizon)?;
        }
        let ours = arms[reference].units[u].times.clone();
        for (_, arm) in arms.iter_mut().enumerate().filter(|(a, _)| *a != reference) {
            arm.units[u].against = against(&arm.units[u].times, &ours, horizon)?;
        }
        // An arm that is out of competition is no hypothesis of ours.
        let tested: Vec<usize> = competing.iter().copied().filter(|a| arms[*a].units[u].against.is_some_and(|x| x.p.is_some())).collect();
        let p: Vec<f64> = tested.iter().filter_map(|a| arms[*a].units[u].against.and_then(|x| x.p)).collect();
        if !p.is_empty() {
            for (a, adjusted) in tested.iter().zip(holm(&p)?) {
                if let Some(x) = &mut arms[*a].units[u].against {
                    x.holm = Some(adjusted);
                }
            }
        }
        let groups: Vec<Vec<Observation>> = competing.iter().map(|a| arms[*a].units[u].times.clone()).collect();
        log_ranks[u] = log_rank(&groups).ok();
        let mean = |a: usize| arms[a].units[u].mean.map_or(f64::INFINITY, |m| m.mean);
        let best = competing.iter().copied().filter(|a| mean(*a) < horizon);
        first[u] = best.fold(None, |best: Option<usize>, a| if best.is_none_or(|b| mean(a) < mean(b)) { Some(a) } else { best });
    }
    Ok(Outcome { arms, reference, horizons, log_rank: log_ranks, first })
}

fn against(theirs: &[Observation], ours: &[Observation], horizon: f64) -> Result<Option<Against>, Error> {
    let (a, b) = (KaplanMeier::new(theirs)?, KaplanMeier::new(ours)?);
    let (Ok(mean), Ok(other)) = (a.restricted_mean(horizon), b.restricted_mean(horizon)) else { return Ok(None) };
    let log_rank = log_rank(&[theirs.to_vec(), ours.to_vec()]).ok().map(|t| t.p);
    // Neither has any spread: there is a difference, and nothing to measure it by.
    let Ok(d) = restricted_mean_difference(&a, &b, horizon) else {
        return Ok(Some(Against { difference: mean.mean - other.mean, interval: None, p: None, holm: None, log_rank }));
    };
    Ok(Some(Against { difference: d.difference, interval: Some(d.interval(CONFIDENCE)?), p: Some(d.p), holm: None, log_rank }))
}

/// Median of `t_grok − t_mem` over the runs that memorised; censored at the budget where they did not generalise.
fn delay(runs: &[Known], budget: u64) -> Result<Option<QuantileEstimate>, Error> {
    let seen: Vec<Observation> = runs
        .iter()
        .filter_map(|k| {
            let mem = k.t_mem.filter(|t| *t <= budget)? as f64;
            Some(match k.t_grok {
                Some(t) if t <= budget => Observation::event(t as f64 - mem),
                _ => Observation::censored(budget as f64 - mem),
            })
        })
        .collect();
    if seen.is_empty() {
        return Ok(None);
    }
    Ok(Some(KaplanMeier::new(&seen)?.median(CONFIDENCE, BandKind::LogLog)?))
}

/// Seconds and steps of every run of the record.
fn seconds(record: &Record) -> Result<BTreeMap<u64, (f64, u64)>, Error> {
    let scan = record.campaign().scan("runs", &["run_id", "wall_s", "steps"])?;
    let (Some(ids), Some(steps)) = (scan.get_text("run_id"), scan.get_i64("steps")) else { return Ok(BTreeMap::new()) };
    let row = |r: usize| Some((ids.get(r).and_then(crate::known::number)?, (scan.number("wall_s", r)?, u64::try_from(steps[r]?).ok()?)));
    Ok((0..scan.rows()).filter_map(row).collect())
}
