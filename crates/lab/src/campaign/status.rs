//! How far a campaign is: from what is published, and from what its workers say.

#![allow(clippy::disallowed_methods, reason = "an estimate of the time that is left needs the time that has passed")]

use crate::Error;
use crate::known::{End, Known, number};
use crate::record::Record;
use pennydrop_store::{Holder, ReadOptions, read_table};
use std::collections::{BTreeMap, BTreeSet};

/// Runs above which a list's values are not read.
const LONG: u64 = 100_000;

/// How far one question is.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The hash in its file's name.
    pub hash: String,
    /// Preset or file.
    pub label: String,
    /// Runs; with a rule, the most there can be.
    pub runs: usize,
    /// Whether seeds are added by a rule.
    pub until: bool,
    /// Settings.
    pub settings: usize,
    /// Runs with a result.
    pub done: usize,
    /// Settings that are decided, with a rule.
    pub decided: usize,
    /// Number of results by why they ended.
    pub ends: BTreeMap<&'static str, usize>,
    /// Results without `t_grok`.
    pub censored: usize,
    /// Settings with their values, number of results and of censored ones; the most censored first.
    pub worst: Vec<(String, usize, usize)>,
}

impl Question {
    /// Whether it has all its runs or, with a rule, all its decisions.
    pub fn over(&self) -> bool {
        if self.until { self.decided == self.settings } else { self.done >= self.runs }
    }
}

/// How far a campaign is.
#[derive(Debug, Clone)]
pub struct Status {
    /// Its questions, in order of file.
    pub questions: Vec<Question>,
    /// Results of all questions.
    pub known: usize,
    /// Runs that were begun and have no result.
    pub begun: usize,
    /// Workers, live or not.
    pub workers: Vec<Holder>,
}

impl Status {
    /// Runs that are still to be trained, over all questions.
    pub fn open(&self) -> usize {
        self.questions.iter().map(|q| q.runs - q.done.min(q.runs)).sum()
    }

    /// Runs that live workers end in a second.
    pub fn rate(&self) -> f64 {
        let of = |h: &Holder| Some(h.progress.get("ended")?.as_f64()? / h.progress.get("seconds")?.as_f64().filter(|s| *s > 0.0)?);
        // The sum of no numbers is -0.0.
        self.workers.iter().filter(|h| h.live).filter_map(of).sum::<f64>() + 0.0
    }

    /// Seconds that live workers will take for what is their share, if they go on as they did; `None` without a rate.
    pub fn eta(&self) -> Option<f64> {
        let of = |h: &Holder| {
            let number = |k: &str| h.progress.get(k).and_then(serde_json::Value::as_f64);
            let (ended, total, seconds) = (number("ended")?, number("total")?, number("seconds")?);
            (ended > 0.0).then(|| (total - ended) / (ended / seconds))
        };
        self.workers.iter().filter(|h| h.live).filter_map(of).fold(None, |a: Option<f64>, b| Some(a.map_or(b, |a| a.max(b))))
    }

    /// Whether a worker is live.
    pub fn live(&self) -> bool {
        self.workers.iter().any(|w| w.live)
    }
}

/// Reads how far a campaign is.
///
/// # Errors
/// The folder is no campaign, or damaged.
pub fn status(record: &Record) -> Result<Status, Error> {
    let decisions = record.campaign().scan("decisions", &["question", "cell", "decision"])?;
    let mut questions = Vec::new();
    for plan in record.plans()? {
        let hash = plan.hash();
        let decided: BTreeSet<i64> = match (decisions.get_text("question"), decisions.get_i64("cell"), decisions.get_text("decision")) {
            (Some(q), Some(c), Some(d)) => {
                (0..decisions.rows()).filter(|r| q.get(*r) == Some(&hash) && d.get(*r) != Some("more")).filter_map(|r| c[r]).collect()
            }
            _ => BTreeSet::new(),
        };
        let runs = plan_runs(record, &hash, &plan)?;
        let mut q = Question {
            label: plan.label.clone(),
            runs: runs.len(),
            until: plan.until(),
            settings: runs.iter().map(|r| r.1).max().map_or(0, |m| m + 1),
            done: 0,
            decided: decided.len(),
            ends: BTreeMap::new(),
            censored: 0,
            worst: Vec::new(),
            hash,
        };
        let mut settings: BTreeMap<usize, (String, usize, usize)> = BTreeMap::new();
        for (id, setting, words) in runs {
            let Some(known) = record.known_by(id).filter(|k| plan.asks().is_none_or(|(budget, judged)| k.covers(judged, budget))) else { continue };
            let censored = usize::from(censored(&known));
            q.done += 1;
            *q.ends.entry(known.end.name()).or_default() += 1;
            q.censored += censored;
            let s = settings.entry(setting).or_insert((words, 0, 0));
            (s.1, s.2) = (s.1 + 1, s.2 + censored);
        }
        q.worst = settings.into_values().filter(|s| s.2 > 0).collect();
        q.worst.sort_by(|a, b| (b.2 * a.1, &a.0).cmp(&(a.2 * b.1, &b.0)));
        q.worst.truncate(8);
        questions.push(q);
    }
    Ok(Status { questions, known: record.known_runs(), begun: record.unfinished()?.len(), workers: record.campaign().leases()? })
}

fn censored(k: &Known) -> bool {
    k.t_grok.is_none() && k.end != End::Diverged
}

/// The runs of a question: number, setting, and its values in words. From the list beside it, or, where there is none, resolved once more.
fn plan_runs(record: &Record, hash: &str, plan: &crate::record::Plan) -> Result<Vec<(u64, usize, String)>, Error> {
    let path = record.folder().join(format!("plan-{hash}.parquet"));
    if plan.is_sweep() && path.is_file() {
        // The values of a long list are left out: status is told at once.
        let long = plan.head["runs"].as_u64().unwrap_or(0) > LONG;
        let columns: Option<&[&str]> = if long { Some(&["run_id", "setting"]) } else { None };
        let table = read_table(&path, &ReadOptions { columns, ..ReadOptions::default() })?;
        let keys = crate::result::varied_names(&table);
        if let (Some(ids), Some(settings)) = (table.get_str("run_id"), table.get_i64("setting")) {
            let text: Vec<&[Option<String>]> = keys.iter().filter_map(|k| table.get_str(k)).collect();
            let words = |row: usize| keys.iter().zip(&text).filter_map(|(k, v)| Some(format!("{k}={}", v[row].as_deref()?))).collect::<Vec<_>>().join(" ");
            let row = |row: usize| Some((number(ids[row].as_deref()?)?, usize::try_from(settings[row]?).ok()?, words(row)));
            return Ok((0..table.rows()).filter_map(row).collect());
        }
    }
    if plan.is_sweep() {
        let design = plan.design()?;
        let n = design.seeds.len();
        return Ok(design.ids().iter().enumerate().map(|(at, id)| (*id, at / n, design.describe(at / n))).collect());
    }
    Ok(plan.job()?.runs.iter().filter_map(|r| Some((number(&r.run_id)?, 0, String::new()))).collect())
}
