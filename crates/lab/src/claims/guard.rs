//! What could be wrong with a verdict: checks that run by themselves and are shown with it.

use crate::claims::claim::{Part, Published};
use crate::claims::data::{Data, Run};
use crate::claims::rule::{Decision, Scale, Target, Verdict, decide};
use crate::claims::statistic::{Query, paired, seeds};
use pennydrop_stats::{Bootstrap, quantile};

/// How a guard ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is wrong.
    Passed,
    /// Something is.
    Failed,
    /// It cannot be asked here.
    NotApplicable,
}

impl Outcome {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Failed => "failed",
            Outcome::NotApplicable => "not applicable",
        }
    }
}

/// One guard of one part.
#[derive(Debug, Clone, PartialEq)]
pub struct Guard {
    /// `identity`, `leak`, `horizon`, `precision`.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// With the number.
    pub says: String,
}

/// The budget's share at which the horizon guard looks.
const SHARE: f64 = 1.0 / 3.0;

/// The paper's number as the rule takes it.
pub fn target(part: &Part) -> Option<Target> {
    let value = match &part.published {
        Some(Published::Number(x)) => *x,
        // An order of which nothing is published is claimed of every seed.
        None if part.query.statistic.along => 1.0,
        _ => return None,
    };
    let width = part.published_interval.map(|(low, high)| (high - low) / (2.0 * 1.96));
    let exact = (part.exact || part.query.statistic.along).then_some(0.0);
    Some(Target { value, se: part.published_se.or(width).or(exact), margin: part.margin })
}

/// Estimates and decides a part on these results; or why not.
pub fn decide_part(part: &Part, query: &Query, data: &Data) -> Result<(crate::claims::rule::Estimate, Decision), String> {
    let estimate = query.estimate(data, part.published.as_ref()).map_err(|e| e.0)?;
    let n = data.select(&query.filter, query.twin).map_or(0, |r| seeds(&r));
    let decision = decide(&estimate, target(part), n);
    Ok((estimate, decision))
}

/// All guards of a part whose verdict is `verdict`.
pub fn guards(part: &Part, verdict: Verdict, data: &Data) -> Vec<Guard> {
    vec![identity(part, data), leak(part), horizon(part, verdict, data), precision(part, verdict, data)]
}

/// Does the statistic hold at step 0 already?
fn identity(part: &Part, data: &Data) -> Guard {
    let guard = |outcome, says: String| Guard { name: "identity", outcome, says };
    let reads = part.query.columns().into_iter().find(|c| c.contains('@') && !c.ends_with("@start"));
    let Some(column) = reads else { return guard(Outcome::NotApplicable, "it reads no curve".into()) };
    let start = format!("{}@start", column.split('@').next().unwrap_or_default());
    if !data.measures.contains(&start) {
        return guard(Outcome::NotApplicable, format!("`{start}` was not measured"));
    }
    let mut early = data.clone();
    if let (Some(from), Some(to)) = (data.measures.iter().position(|m| *m == start), data.measures.iter().position(|m| *m == column)) {
        early.runs.iter_mut().for_each(|r| r.measured[to] = r.measured[from]);
    }
    match decide_part(part, &part.query, &early) {
        Ok((e, d)) if d.verdict == Verdict::Reproduced => guard(Outcome::Failed, format!("at step 0 it is {:.4} already", e.value)),
        Ok((e, _)) => guard(Outcome::Passed, format!("at step 0 it is {:.4}", e.value)),
        Err(why) => guard(Outcome::NotApplicable, why),
    }
}

/// Does the statistic read held-out labels?
fn leak(part: &Part) -> Guard {
    let guard = |outcome, says: String| Guard { name: "leak", outcome, says };
    match part.query.columns().into_iter().find(|c| c.starts_with("test_")) {
        Some(c) => guard(Outcome::Failed, format!("it reads `{c}`, which knows held-out labels")),
        None => guard(Outcome::Passed, "beside the times it reads nothing that knows held-out labels".into()),
    }
}

/// Would a third of the budget have said the same?
fn horizon(part: &Part, verdict: Verdict, data: &Data) -> Guard {
    let guard = |outcome, says: String| Guard { name: "horizon", outcome, says };
    match decide_part(part, &part.query, &data.cut(SHARE)) {
        Err(why) => guard(Outcome::NotApplicable, format!("at a third of the budget: {why}")),
        Ok((e, d)) => {
            let outcome = if d.verdict == verdict { Outcome::Passed } else { Outcome::Failed };
            guard(outcome, format!("at a third of the budget it is {:.4}, {} of {} censored: {}", e.value, e.censored, e.n, d.verdict.name()))
        }
    }
}

/// Do runs in double precision take as long, and say the same?
fn precision(part: &Part, verdict: Verdict, data: &Data) -> Guard {
    let guard = |outcome, says: String| Guard { name: "precision", outcome, says };
    let (Ok(single), Ok(double)) = (data.select(&part.query.filter, false), data.select(&part.query.filter, true)) else {
        return guard(Outcome::NotApplicable, "no double-precision twins".into());
    };
    let twin_of = |r: &Run| double.iter().copied().find(|t| t.seeds == r.seeds && t.values == r.values);
    let both: Vec<(&Run, &Run)> = single.iter().filter_map(|r| Some((*r, twin_of(r)?))).collect();
    let ratios: Vec<f64> = both.iter().filter_map(|(a, b)| Some(libm::log(b.t_grok?.max(1) as f64 / a.t_grok?.max(1) as f64))).collect();
    let only = both.iter().filter(|(a, b)| a.t_grok.is_some() != b.t_grok.is_some()).count();
    if both.is_empty() {
        return guard(Outcome::NotApplicable, "no run has its double-precision twin".into());
    }
    let mut says = match ratios.len() {
        0 => format!("{} pairs, in none of which both generalise", both.len()),
        n => {
            let middle = |s: &[usize]| quantile(&s.iter().map(|i| ratios[*i]).collect::<Vec<_>>(), 0.5).unwrap_or(f64::NAN);
            match Bootstrap::default().plain(n, middle) {
                Ok(i) if n > 1 => format!("f64/f32 {:.2} [{:.2}, {:.2}] over {n} pairs", libm::exp(i.estimate), libm::exp(i.low), libm::exp(i.high)),
                _ => format!("f64/f32 {:.2} in one pair", libm::exp(ratios[0])),
            }
        }
    };
    if only > 0 {
        says += &format!("; {only} pairs in which only one generalises");
    }
    // Where the twins alone carry the statistic, it must say the same.
    let twins = Query { twin: true, ..part.query.clone() };
    let said = decide_part(part, &twins, data).ok().filter(|(e, _)| e.scale != Scale::Sign && paired(&single, &double).is_some());
    let apart = ratios.iter().any(|r| r.abs() > libm::log(1.25));
    let moved = said.as_ref().is_some_and(|(_, d)| d.verdict != verdict && d.verdict != Verdict::Inconclusive);
    if let Some((e, d)) = &said {
        says += &format!("; the twins alone say {:.4}: {}", e.value, d.verdict.name());
    }
    guard(if only > 0 || apart || moved { Outcome::Failed } else { Outcome::Passed }, says)
}
