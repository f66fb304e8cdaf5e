//! A tournament in words.

use crate::tournament::arms::Tournament;
use crate::tournament::choice::Tuned;
use crate::tournament::judge::{InUnit, Outcome, Standing};
use crate::view::axis::short;
use crate::view::summary::estimate;
use crate::words::{count, duration};

/// Judging seeds below which a normal approximation is called rough.
const ROUGH: usize = 20;

/// `8.21e9`.
pub fn flop(x: f64) -> String {
    if x == 0.0 { "0".into() } else { format!("{x:.2e}") }
}

/// `0.0031`, `< 0.0001`.
pub fn p(x: Option<f64>) -> String {
    x.map_or("–".into(), |p| if p < 1e-4 { "< 0.0001".into() } else { format!("{p:.4}") })
}

fn steps(x: f64) -> String {
    let n = count(libm::round(libm::fabs(x)) as u64);
    if libm::round(x) < 0.0 { format!("−{n}") } else { n }
}

fn signed(x: f64, unit: usize) -> String {
    let size = |x: f64| if unit == 0 { count(libm::round(x) as u64) } else { flop(x) };
    if x < 0.0 { format!("−{}", size(-x)) } else { format!("+{}", size(x)) }
}

fn seeds(from: usize, n: usize) -> String {
    if n == 1 { format!("seed {from}") } else { format!("seeds {from}–{}", from + n - 1) }
}

/// `p = 0.0031`, `p < 0.0001`.
pub fn p_is(x: f64) -> String {
    let p = p(Some(x));
    if p.starts_with('<') { format!("p {p}") } else { format!("p = {p}") }
}

/// A setting with numbers of six digits.
pub fn setting(t: &Tournament, arm: usize, setting: usize) -> String {
    let design = &t.arms[arm].tuning;
    let values = design.keys.iter().zip(&design.settings[setting].values);
    let pairs = values.map(|(k, v)| format!("{}={}", crate::spec::sweep::key_name(k), v.to_string().parse::<f64>().map_or_else(|_| v.to_string(), short)));
    let text = pairs.collect::<Vec<_>>().join(" ");
    if text.is_empty() { "(the only one)".into() } else { text }
}

/// A line that says what every arm gets.
pub fn terms(t: &Tournament) -> String {
    format!(
        "every arm: {} settings (drawn with seed {}) × {} tuning runs ({}) of at most {} steps; its best is judged on {} other {}",
        count(t.terms.settings as u64),
        t.terms.sample_seed,
        t.terms.seeds,
        seeds(0, t.terms.seeds),
        count(t.budget()),
        t.terms.judge,
        seeds(t.terms.seeds, t.terms.judge)
    )
}

/// Numbers of settings for which the tuning curve is printed: 1, 3, a half, all.
fn looks(n: usize) -> Vec<usize> {
    let mut out = vec![1, 3, n.div_ceil(2), n];
    out.retain(|k| *k <= n);
    out.sort_unstable();
    out.dedup();
    out
}

/// What tuning cost, and what trying fewer settings would have given.
pub fn tuning(t: &Tournament, tuned: &[Tuned], outcome: &Outcome) -> Vec<Vec<String>> {
    let looks = looks(t.terms.settings);
    let mut head: Vec<String> = ["tuning", "settings", "runs", "steps", "FLOP", "generalised", "diverged"].map(String::from).into();
    head.extend(looks.iter().map(|k| format!("best of {k}")));
    head.push("judged".into());
    let mut out = vec![head];
    for ((arm, tuned), standing) in t.arms.iter().zip(tuned).zip(&outcome.arms) {
        let mut row = vec![arm.name.clone(), tuned.tried.len().to_string(), count(arm.tuning.runs() as u64), count(tuned.steps()), flop(tuned.flop())];
        row.push(tuned.tried.iter().map(|x| x.grokked).sum::<usize>().to_string());
        row.push(tuned.tried.iter().map(|x| x.diverged).sum::<usize>().to_string());
        let mean = |x: f64| if x.is_finite() { steps(x) } else { "–".into() };
        row.extend(looks.iter().map(|k| mean(tuned.best_of[k - 1])));
        row.push(standing.units[0].mean.map_or("–".into(), |m| steps(m.mean)));
        out.push(row);
    }
    out
}

fn comparison(unit: &InUnit, which: usize, is_reference: bool) -> [String; 4] {
    let Some(x) = &unit.against else {
        let word = if is_reference { "(reference)" } else { "–" };
        return [word.into(), String::new(), String::new(), String::new()];
    };
    let interval = x.interval.map_or(String::new(), |(l, h)| format!(" [{}, {}]", signed(l, which), signed(h, which)));
    [format!("{}{interval}", signed(x.difference, which)), p(x.p), p(x.holm), p(x.log_rank)]
}

fn name(s: &Standing) -> String {
    if s.competes() { s.name.clone() } else { format!("{} (out of competition)", s.name) }
}

/// The judging seeds, time in steps.
pub fn in_steps(outcome: &Outcome) -> Vec<Vec<String>> {
    let reference = &outcome.arms[outcome.reference].name;
    let budget = outcome.horizons[0] as u64;
    let mut head: Vec<String> = ["judged in steps", "n", "grokked", "censored", "diverged", "t_grok [95 %]"].map(String::from).into();
    head.extend([format!("mean to {}", count(budget)), format!("less {reference} [95 %]"), "p".into(), "Holm".into(), "log-rank".into()]);
    let mut out = vec![head];
    for (a, s) in outcome.arms.iter().enumerate() {
        let mut row = vec![name(s)];
        row.extend([s.n, s.grokked, s.censored, s.diverged].map(|n| n.to_string()));
        row.push(estimate(&s.median, budget));
        row.push(s.units[0].mean.map_or("–".into(), |m| format!("{} ± {}", steps(m.mean), steps(m.standard_error))));
        row.extend(comparison(&s.units[0], 0, a == outcome.reference));
        out.push(row);
    }
    out
}

/// The judging seeds, time in operations; seconds and the delay beside it.
pub fn in_flop(outcome: &Outcome) -> Vec<Vec<String>> {
    let reference = &outcome.arms[outcome.reference].name;
    let mut head: Vec<String> = ["judged in FLOP", "a step"].map(String::from).into();
    head.extend([format!("mean to {}", flop(outcome.horizons[1])), format!("less {reference} [95 %]"), "p".into(), "Holm".into(), "log-rank".into()]);
    head.extend(["(seconds)", "(delay)"].map(String::from));
    let mut out = vec![head];
    for (a, s) in outcome.arms.iter().enumerate() {
        let mut row = vec![name(s), flop(s.flop_per_step)];
        row.push(s.units[1].mean.map_or("–".into(), |m| format!("{} ± {}", flop(m.mean), flop(m.standard_error))));
        row.extend(comparison(&s.units[1], 1, a == outcome.reference));
        let seconds = s.units[0].mean.and_then(|m| Some(duration(m.mean * s.seconds_per_step?)));
        row.push(seconds.unwrap_or("–".into()));
        row.push(s.delay.map_or("–".into(), |d| d.estimate.map_or("not reached".into(), steps)));
        out.push(row);
    }
    out
}

/// Lines under the tables: choices, edges, leaks, and how to read them.
pub fn notes(t: &Tournament, tuned: &[Tuned], outcome: &Outcome) -> Vec<String> {
    let mut out = Vec::new();
    for (a, (x, s)) in tuned.iter().zip(&outcome.arms).enumerate() {
        out.push(format!("chosen   {}: {}", s.name, setting(t, a, x.chosen)));
        match x.any() {
            true => out.extend(x.edges.iter().map(|e| format!("           edge: {e}; a better setting may lie beyond"))),
            false => out.push("           no setting generalised on any tuning seed: the choice says nothing".into()),
        }
        out.extend(s.leaks.iter().chain(&s.unmatched).map(|l| format!("           {l}")));
    }
    for (u, unit) in ["steps", "compute"].into_iter().enumerate() {
        let first = outcome.first[u].map_or("no arm in competition generalised".to_string(), |a| format!("{} has the smallest mean", outcome.arms[a].name));
        let test = outcome.log_rank[u]
            .as_ref()
            .map_or(String::new(), |l| format!("; log-rank over arms in competition: χ² = {:.2} with {} df, {}", l.statistic, l.df, p_is(l.p)));
        out.push(format!("in {unit}: {first}{test}"));
    }
    out.push(format!(
        "means are of min(t_grok, horizon), so runs that diverged or were censored stay in n; less {}: below 0 is sooner; Holm over the arms in competition",
        outcome.arms[outcome.reference].name
    ));
    out.push("intervals and p are those of the chosen settings: what another draw would have chosen is not in them (try --sample-seed)".into());
    if outcome.arms.iter().any(|s| s.n < ROUGH) {
        out.push(format!("intervals and p are normal approximations, rough below about {ROUGH} judging seeds"));
    }
    out.push("FLOP: operations of a step as the engine runs it (after rewrites, the update rule's own work included, evaluations left out) × steps".into());
    out.push("in parentheses, not judged: seconds depend on the machine and its load; the delay t_grok − t_mem is shortened by slowing memorisation".into());
    out
}
