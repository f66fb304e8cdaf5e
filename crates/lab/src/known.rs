//! The little that is kept of every run of a record: enough for deciding whether it must be trained, and for an estimate over seeds.

use crate::result::RunResult;
use crate::spec::resolve::short_hash;
use pennydrop_store::Scan;
use std::collections::BTreeMap;

/// The columns of `runs` that [`Known`] is made of.
pub(crate) const KNOWN: [&str; 6] = ["run_id", "stop", "steps", "limits", "t_mem", "t_grok"];

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// It memorised, generalised and stayed so.
    Grokked,
    /// Its budget.
    Steps,
    /// The training loss was low enough.
    Loss,
    /// The training loss grew beyond all bounds.
    Diverged,
    /// A word of a later version.
    Other,
}

impl End {
    /// All, in the order in which they are listed.
    pub const ALL: [End; 5] = [End::Grokked, End::Steps, End::Loss, End::Diverged, End::Other];

    /// By the word of the record.
    pub fn parse(word: &str) -> End {
        End::ALL.into_iter().find(|e| e.name() == word).unwrap_or(End::Other)
    }

    /// For a reader: `steps` alone would read as a number of them.
    pub fn words(self) -> &'static str {
        if self == End::Steps { "at the budget" } else { self.name() }
    }

    /// The word of the record.
    pub fn name(self) -> &'static str {
        match self {
            End::Grokked => "grokked",
            End::Steps => "steps",
            End::Loss => "loss",
            End::Diverged => "diverged",
            End::Other => "other",
        }
    }
}

/// What decides whether a run must be trained, and what an estimate over seeds needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Steps taken.
    pub steps: u64,
    /// Why it ended.
    pub end: End,
    /// Hash of the limits that decide what a result says ([`judged`]).
    pub judged: u64,
    /// Step of `t_mem`.
    pub t_mem: Option<u64>,
    /// Step of `t_grok`.
    pub t_grok: Option<u64>,
}

impl Known {
    pub(crate) fn of(r: &RunResult) -> Known {
        Known { steps: r.steps, end: End::parse(&r.stop), judged: judged(&r.limits), t_mem: r.t_mem.map(|t| t.step), t_grok: r.t_grok.map(|t| t.step) }
    }

    /// Whether it is the answer under limits with this hash and this budget: a run that ended of itself ends there under any budget that lets it.
    pub fn answers(&self, judged: u64, budget: u64) -> bool {
        let far_enough = if self.end == End::Steps { self.steps == budget } else { self.steps <= budget };
        far_enough && self.judged == judged
    }

    /// Whether it says all that a run of this budget would: it is the answer, or went on further. Training it once more would add nothing to the record,
    /// which keeps the longest row of each run.
    pub fn covers(&self, judged: u64, budget: u64) -> bool {
        (self.end != End::Steps || self.steps >= budget) && self.judged == judged
    }
}

/// A hash of the lines of limits that decide what a result says, without the budget and without what is only about files.
pub fn judged(limits: &str) -> u64 {
    let lines: Vec<&str> = limits.lines().filter(|l| l.starts_with("train.") && !l.starts_with("train.steps =")).collect();
    number(&short_hash(&lines.join("\n"), 16)).unwrap_or(0)
}

/// What weights are kept under these limits.
pub(crate) fn kept(limits: &str) -> Option<&str> {
    limits.lines().find(|l| l.starts_with("record.weights ="))
}

/// The number that a run's id is.
pub fn number(run_id: &str) -> Option<u64> {
    (run_id.len() == 16).then(|| u64::from_str_radix(run_id, 16).ok())?
}

/// The id that a number is.
pub fn id_of(number: u64) -> String {
    format!("{number:016x}")
}

/// What is known of the runs of a scan of [`KNOWN`] columns.
pub(crate) fn table(scan: &Scan) -> BTreeMap<u64, Known> {
    let (Some(ids), Some(steps)) = (scan.get_text("run_id"), scan.get_i64("steps")) else { return BTreeMap::new() };
    let whole = |name: &str, row: usize| scan.get_i64(name).and_then(|v| v[row]).and_then(|x| u64::try_from(x).ok());
    // Both are the same for thousands of rows.
    let (stop, limits) = (scan.get_text("stop"), scan.get_text("limits"));
    let ends: Vec<End> = stop.map(|t| (0..t.words()).map(|c| End::parse(t.word(c))).collect()).unwrap_or_default();
    let hashes: Vec<u64> = limits.map(|t| (0..t.words()).map(|c| judged(t.word(c))).collect()).unwrap_or_default();
    let rows = (0..scan.rows()).filter_map(|row| {
        let known = Known {
            steps: steps[row].and_then(|s| u64::try_from(s).ok()).unwrap_or(0),
            end: stop.and_then(|t| t.code(row)).map_or(End::Other, |c| ends[c]),
            judged: limits.and_then(|t| t.code(row)).map_or(0, |c| hashes[c]),
            t_mem: whole("t_mem", row),
            t_grok: whole("t_grok", row),
        };
        Some((ids.get(row).and_then(number)?, known))
    });
    rows.collect()
}
