//! What could be wrong with a verdict: checks that run by themselves and are shown with it.

use crate::claims::claim::{Part, Published};
use crate::claims::data::{Data, Run};
use crate::claims::rule::{Decision, Estimate, Target, Verdict, decide};
use crate::claims::statistic::{OF_TIMES, Query, columns_of, paired, seeds};
use pennydrop_graph::rng::{Purpose, Stream};
use pennydrop_stats::{Bootstrap, quantile};
use std::collections::{BTreeMap, BTreeSet};

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
/// Draws of the identity guard.
const PERMUTATIONS: u64 = 200;

/// Whether training and test of an experiment share examples, and in words how many.
pub type Leak = (Outcome, String);

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
pub fn decide_part(part: &Part, query: &Query, data: &Data) -> Result<(Estimate, Decision), String> {
    let estimate = query.estimate(data, part.published.as_ref()).map_err(|e| e.0)?;
    let n = data.select(&query.filter, query.twin).map_or(0, |r| seeds(&r));
    let decision = decide(&estimate, target(part), n);
    Ok((estimate, decision))
}

/// All guards of a part whose verdict is `decision`; `absence`: the claim is that there is nothing to see; `leaks`: what its experiments' data share.
pub fn guards(part: &Part, estimate: &Estimate, decision: &Decision, data: &Data, absence: bool, leaks: &[Leak]) -> Vec<Guard> {
    vec![identity(part, data, absence), leak(part, leaks), horizon(part, estimate, decision, data), precision(part, decision.verdict, data)]
}

/// Runs that a query reads, by their places: those of all its selections.
fn selected(query: &Query, data: &Data, twin: bool) -> Vec<usize> {
    let reads = |r: &Run| r.twin == twin && query.selections().any(|f| f.holds(data, r) == Ok(true));
    (0..data.runs.len()).filter(|i| reads(&data.runs[*i])).collect()
}

/// Does the statistic hold with the columns of step 0 already, or with what it reads dealt out among the runs at random?
fn identity(part: &Part, data: &Data, absence: bool) -> Guard {
    let guard = |outcome, says: String| Guard { name: "identity", outcome, says };
    if absence {
        return guard(Outcome::NotApplicable, "where nothing is claimed to be, nothing at step 0 says no more".into());
    }
    let reads = part.query.columns().into_iter().find(|c| c.contains('@') && !c.ends_with("@start"));
    let Some(column) = reads else { return guard(Outcome::NotApplicable, "it reads no curve".into()) };
    let mut found = Vec::new();
    let mut says = Vec::new();
    let start = format!("{}@start", column.split('@').next().unwrap_or_default());
    match (data.measures.iter().position(|m| *m == start), data.measures.iter().position(|m| *m == column)) {
        (Some(from), Some(to)) => {
            let mut early = data.clone();
            early.runs.iter_mut().for_each(|r| r.measured[to] = r.measured[from]);
            match decide_part(part, &part.query, &early) {
                Ok((e, d)) => {
                    found.push(d.verdict == Verdict::Reproduced);
                    let already = if d.verdict == Verdict::Reproduced { " already" } else { "" };
                    says.push(format!("with `{start}` in the place of `{column}` it is {:.4}{already}", e.value));
                }
                Err(why) => says.push(format!("with `{start}` in the place of `{column}`: {why}")),
            }
        }
        _ => says.push(format!("`{start}` was not measured")),
    }
    if let Some((middle, within, draws)) = permuted(part, data) {
        found.push(2 * within > draws);
        says.push(format!("with the column dealt out among the runs at random it is {middle:.4}, within the margin in {within} of {draws} draws"));
    }
    let outcome = match () {
        () if found.contains(&true) => Outcome::Failed,
        () if found.is_empty() => Outcome::NotApplicable,
        () => Outcome::Passed,
    };
    guard(outcome, says.join("; "))
}

/// The measured columns that a permutation deals out together, and the runs among which it does: `None` for a statistic that it leaves as it is.
fn dealt(query: &Query, data: &Data) -> Option<(Vec<usize>, Vec<Vec<usize>>)> {
    let place = |name: &str| data.measures.iter().position(|m| m == name);
    let of_terms = |key: &str| columns_of(&query.args.strs(key)).iter().filter_map(|c| place(c)).collect::<BTreeSet<usize>>();
    let columns: Vec<usize> = match query.statistic.row.name {
        // What is gained is gained by `with`; the rest keeps what it explains.
        "fit" if !query.args.strs("with").is_empty() => of_terms("with").into_iter().collect(),
        "fit" => of_terms("on").into_iter().collect(),
        // One of two: dealt out together they would stay together.
        "correlation" => {
            let of = |key: &str| columns_of(&[query.args.str(key)]).iter().filter_map(|c| place(c)).collect::<Vec<_>>();
            Some(of("x")).filter(|x| !x.is_empty()).unwrap_or_else(|| of("of"))
        }
        "difference" | "exponent" => place(query.args.str("of")).into_iter().collect(),
        _ => Vec::new(),
    };
    let runs = selected(query, data, query.twin);
    if columns.is_empty() || runs.len() < 2 {
        return None;
    }
    let arms = data.select(&query.filter, query.twin).ok()?;
    let others = if query.statistic.against { data.select(&query.against, query.twin).ok()? } else { Vec::new() };
    // Pairs keep what their seeds share: only which arm is which is drawn.
    let groups = match paired(&arms, &others).filter(|_| query.statistic.against) {
        None => vec![runs],
        Some(_) => {
            let mut by: BTreeMap<[i64; 4], Vec<usize>> = BTreeMap::new();
            runs.into_iter().for_each(|i| by.entry(data.runs[i].seeds).or_default().push(i));
            by.into_values().collect()
        }
    };
    Some((columns, groups))
}

/// Over permutations of what is read: the median of the statistic, in how many it lies within the margin of the paper's number, and how many gave a number.
fn permuted(part: &Part, data: &Data) -> Option<(f64, usize, usize)> {
    let (columns, groups) = dealt(&part.query, data)?;
    let query = Query { point: true, ..part.query.clone() };
    let mut changed = data.clone();
    let (mut values, mut within) = (Vec::new(), 0);
    for draw in 0..PERMUTATIONS {
        for (g, group) in groups.iter().enumerate() {
            let order = Stream::new(draw, Purpose::Diagnostic, 0, g as u64).permutation(group.len());
            for (to, from) in group.iter().zip(order) {
                let from = &data.runs[group[from as usize]].measured;
                columns.iter().for_each(|c| changed.runs[*to].measured[*c] = from[*c]);
            }
        }
        let Ok((e, d)) = decide_part(part, &query, &changed) else { continue };
        within += usize::from(d.delta.abs() <= d.margin);
        values.push(e.value);
    }
    Some((quantile(&values, 0.5).ok()?, within, values.len()))
}

/// Statistics that explain one number by others.
const EXPLAIN: [&str; 3] = ["fit", "models", "correlation"];

/// A column that knows what the statistic explains or predicts with it, and why.
fn knows(query: &Query, column: &str) -> Option<String> {
    let (series, when) = column.split_once('@').unwrap_or((column, ""));
    if series.starts_with("test_") || when.starts_with("test_") {
        return Some(format!("it reads `{column}`, which knows held-out labels"));
    }
    let time = |key: &str| ["t_grok", "delay"].contains(&query.args.str(key));
    let explains = EXPLAIN.contains(&query.statistic.row.name) && (time("of") || query.statistic.row.name == "correlation" && time("x"));
    let late = explains && ["t_grok", "end", "rate"].contains(&when);
    late.then(|| format!("it explains a time by `{column}`, which is read when that time has come"))
}

/// Do training and test share examples, and does the statistic read held-out labels, or what comes after what it explains?
fn leak(part: &Part, leaks: &[Leak]) -> Guard {
    let mut says: Vec<String> = leaks.iter().map(|l| l.1.clone()).collect();
    // Experiments that differ in an optimizer have the same data.
    says.dedup();
    let known: Vec<String> = part.query.columns().iter().filter_map(|c| knows(&part.query, c)).collect();
    let has = |o: Outcome| leaks.iter().any(|l| l.0 == o);
    let outcome = match () {
        () if !known.is_empty() || has(Outcome::Failed) => Outcome::Failed,
        () if leaks.is_empty() || has(Outcome::NotApplicable) => Outcome::NotApplicable,
        () => Outcome::Passed,
    };
    says.extend(known);
    Guard { name: "leak", outcome, says: says.join("; ") }
}

/// Would a third of the budget have said the same? The whole budget is to it as three times the budget would be to the whole.
fn horizon(part: &Part, estimate: &Estimate, decision: &Decision, data: &Data) -> Guard {
    let guard = |outcome, says: String| Guard { name: "horizon", outcome, says };
    let said = |e: &Estimate, d: &Decision| format!("{:.4}, {} of {} censored: {}", e.value, e.censored, e.n, d.verdict.name());
    let whole = said(estimate, decision);
    let cut = data.cut(SHARE);
    if unchanged(&part.query, data, &cut) {
        return guard(Outcome::Passed, format!("at a third of the budget it is the same, {whole}: every time is earlier"));
    }
    match decide_part(part, &part.query, &cut) {
        Err(why) => guard(Outcome::NotApplicable, format!("at a third of the budget: {why}; at the whole {whole}")),
        Ok((e, d)) => {
            let outcome = if d.verdict == decision.verdict { Outcome::Passed } else { Outcome::Failed };
            guard(outcome, format!("at a third of the budget it is {}; at the whole {whole}", said(&e, &d)))
        }
    }
}

/// Whether a shorter budget leaves everything that the query reads: no run waits or waited, and nothing was measured later.
fn unchanged(query: &Query, data: &Data, cut: &Data) -> bool {
    // A threshold takes shares of the budget itself.
    let by_budget = query.statistic.row.name.starts_with("threshold");
    let same = |a: &Run, b: &Run| a.t_mem.is_some() && a.t_grok.is_some() && (a.t_mem, a.t_grok, &a.measured) == (b.t_mem, b.t_grok, &b.measured);
    !by_budget && selected(query, data, query.twin).into_iter().all(|i| same(&data.runs[i], &cut.runs[i]))
}

/// Do runs in double precision take as long, and say the same?
fn precision(part: &Part, verdict: Verdict, data: &Data) -> Guard {
    let guard = |outcome, says: String| Guard { name: "precision", outcome, says };
    let of = |twin: bool| selected(&part.query, data, twin).into_iter().map(|i| &data.runs[i]).collect::<Vec<&Run>>();
    let (single, double) = (of(false), of(true));
    let twin_of = |r: &Run| double.iter().copied().find(|t| t.seeds == r.seeds && t.values == r.values);
    let both: Vec<(&Run, &Run)> = single.iter().filter_map(|r| Some((*r, twin_of(r)?))).collect();
    let ratios: Vec<f64> = both.iter().filter_map(|(a, b)| Some(libm::log(b.t_grok?.max(1) as f64 / a.t_grok?.max(1) as f64))).collect();
    let only = both.iter().filter(|(a, b)| a.t_grok.is_some() != b.t_grok.is_some()).count();
    if both.is_empty() {
        return guard(Outcome::NotApplicable, "no run has its double-precision twin".into());
    }
    let middle = |s: &[usize]| quantile(&s.iter().map(|i| ratios[*i]).collect::<Vec<_>>(), 0.5).unwrap_or(f64::NAN);
    let mut says = match ratios.len() {
        0 => format!("{} pairs, in none of which both generalise", both.len()),
        1 => format!("f64/f32 {:.2} in one pair", libm::exp(ratios[0])),
        n => {
            let all = middle(&(0..n).collect::<Vec<_>>());
            let (least, most) = ratios.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), r| (a.min(*r), b.max(*r)));
            let interval = Bootstrap::default().plain(n, middle);
            let interval = interval.map_or(String::new(), |i| format!(" [{:.2}, {:.2}]", libm::exp(i.low), libm::exp(i.high)));
            format!("f64/f32 {:.2}{interval} over {n} pairs, from {:.2} to {:.2}", libm::exp(all), libm::exp(least), libm::exp(most))
        }
    };
    if only > 0 {
        says += &format!("; {only} pairs in which only one generalises");
    }
    // Where every run has its twin, they carry the statistic alone, and must say the same.
    let twins = Query { twin: true, ..part.query.clone() };
    let said = if both.len() == single.len() { decide_part(part, &twins, data).ok() } else { None };
    let moved = said.as_ref().is_some_and(|(_, d)| d.verdict != verdict && d.verdict != Verdict::Inconclusive);
    if let Some((e, d)) = &said {
        says += &format!("; the twins alone say {:.4}: {}", e.value, d.verdict.name());
    }
    if data.single_loss() {
        says += "; the loss of these twins is in single precision";
    }
    // A trajectory is chaotic, and one pair may part by chance: then the guard asks for more pairs.
    let apart = ratios.iter().any(|r| r.abs() > OF_TIMES);
    guard(if only > 0 || apart || moved { Outcome::Failed } else { Outcome::Passed }, says)
}

#[cfg(test)]
mod tests;
