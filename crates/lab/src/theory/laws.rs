//! Delay laws beside a record: what each law reads is taken from the runs and their curves, and every law predicts runs of settings that its constants have not seen.

use crate::error::Error;
use crate::json::put;
use crate::record::Record;
use crate::spec::{Base, file, resolve};
use crate::theory::words::{Rows, short};
use crate::view::rows::keys_of;
use pennydrop_store::Scan;
use pennydrop_tasks::Seeds;
use pennydrop_theory::laws::calibrate::{Judged, Run, error_on_the_same_runs, judge};
use pennydrop_theory::laws::{Law, Measured, laws};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Runs of a record, as the laws see them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seen {
    /// Ids, in order.
    pub ids: Vec<String>,
    /// What was measured on each, and its setting.
    pub runs: Vec<Run>,
}

/// One law on these runs.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The law.
    pub law: &'static Law,
    /// Whether its constants are the paper's.
    pub printed: bool,
    /// How it did.
    pub judged: Judged,
    /// The best null law on the very runs on which this one has an error: its name and error; `None` for nulls and where there is no such run.
    pub null: Option<(&'static str, f64)>,
}

/// A run's curve: step, ‖θ‖, norm of the logits.
type Curve = Vec<(f64, f64, f64)>;

/// What is known of the finished runs of `record`.
///
/// # Errors
/// A part is damaged.
pub fn seen(record: &Record) -> Result<Seen, Error> {
    let runs = record.campaign().scan("runs", &["run_id", "spec", "steps", "stop", "t_mem", "t_grok"])?;
    let (Some(ids), Some(specs), Some(stops)) = (runs.get_text("run_id"), runs.get_text("spec"), runs.get_text("stop")) else { return Ok(Seen::default()) };
    let curves = curves(&record.campaign().scan("curves", &["run_id", "step", "norm", "logit_scale"])?);
    let settings: Vec<Measured> = (0..specs.words()).map(|c| of_spec(specs.word(c))).collect();
    let mut found: BTreeMap<String, Run> = BTreeMap::new();
    for row in 0..runs.rows() {
        let (Some(id), Some(code), Some(stop)) = (ids.get(row), specs.code(row), stops.get(row)) else { continue };
        // A run that was stopped by hand or by the clock says nothing yet, and one that diverged has no norm.
        if matches!(stop, "signal" | "time" | "diverged") {
            continue;
        }
        let number = |name: &str| runs.number(name, row);
        let mut m = Measured { t_mem: number("t_mem"), t_grok: number("t_grok"), steps: number("steps").unwrap_or(0.0), ..settings[code] };
        if let Some(curve) = curves.get(id) {
            of_curve(&mut m, curve);
        }
        found.insert(id.to_string(), Run { measured: m, setting: code });
    }
    let (ids, runs) = found.into_iter().unzip();
    Ok(Seen { ids, runs })
}

fn curves(scan: &Scan) -> BTreeMap<String, Curve> {
    let mut curves: BTreeMap<String, Curve> = BTreeMap::new();
    let Some(ids) = scan.get_text("run_id") else { return curves };
    for row in 0..scan.rows() {
        let of = |name: &str| scan.number(name, row).unwrap_or(f64::NAN);
        if let Some(id) = ids.get(row) {
            curves.entry(id.to_string()).or_default().push((of("step"), of("norm"), of("logit_scale")));
        }
    }
    curves.values_mut().for_each(|c| c.sort_by(|a, b| a.0.total_cmp(&b.0)));
    curves
}

/// What the spec of a run says.
fn of_spec(spec: &str) -> Measured {
    let keys: BTreeMap<String, String> = keys_of(spec).into_iter().collect();
    let number = |key: &str| keys.get(key).and_then(|v| v.parse::<f64>().ok());
    let name = keys.get("optim.name").map(String::as_str);
    // The number of training examples needs the task itself; a user's table is not at hand here.
    let data = file::parse(spec).ok().and_then(|entries| {
        let resolved = resolve(&Base { label: "record".into(), entries }, &[]).ok()?;
        let task = pennydrop_tasks::build(&resolved.task, &Seeds::all(0)).ok()?;
        task.fresh.is_none().then_some(task.train.len() as f64)
    });
    let batch = number("train.batch").filter(|b| *b > 0.0).or(data);
    Measured {
        eta: number("optim.lr"),
        lambda: number("optim.weight_decay"),
        decoupled: name.map(|n| n == "adamw"),
        fraction: number("task.fraction"),
        init_scale: number("model.init_scale"),
        data,
        batch,
        ..Measured::default()
    }
}

/// The norms at the times of the run.
fn of_curve(m: &mut Measured, curve: &Curve) {
    let at = |step: f64, column: fn(&(f64, f64, f64)) -> f64| -> Option<f64> {
        let after = curve.partition_point(|p| p.0 < step);
        let next = curve.get(after).or(curve.last())?;
        let before = &curve[after.saturating_sub(1).min(curve.len() - 1)];
        let share = if next.0 > before.0 { ((step - before.0) / (next.0 - before.0)).clamp(0.0, 1.0) } else { 0.0 };
        Some(column(before) + share * (column(next) - column(before))).filter(|x| x.is_finite())
    };
    m.norm_start = curve.first().map(|p| p.1).filter(|x| x.is_finite());
    m.norm_end = curve.last().map(|p| p.1).filter(|x| x.is_finite());
    m.norm_mem = m.t_mem.and_then(|t| at(t, |p| p.1));
    m.logits_mem = m.t_mem.and_then(|t| at(t, |p| p.2));
    m.norm_grok = m.t_grok.and_then(|t| at(t, |p| p.1));
    if let Some(from) = m.t_mem {
        let to = m.t_grok.unwrap_or(m.steps).max(from);
        let norms: Vec<f64> = curve.iter().filter(|p| p.0 >= from && p.0 <= to && p.1.is_finite()).map(|p| p.1).collect();
        let mean = norms.iter().sum::<f64>() / norms.len() as f64;
        m.norm_drift = norms.iter().map(|x| (x / mean - 1.0).abs()).reduce(f64::max);
    }
}

/// Every law on these runs, best held-out error first, those without one last. Laws with printed constants are judged with them and, beside that, calibrated.
pub fn verdicts(seen: &Seen) -> Vec<Verdict> {
    let mut all: Vec<Verdict> = Vec::new();
    for law in laws() {
        for printed in [false, true] {
            if printed && (law.constants.is_empty() || law.printed().is_none()) {
                continue;
            }
            if let Some(judged) = judge(law, &seen.runs, printed) {
                all.push(Verdict { law, printed, judged, null: None });
            }
        }
    }
    let nulls: Vec<(&'static str, Judged)> = all.iter().filter(|v| v.law.is_null()).map(|v| (v.law.name, v.judged.clone())).collect();
    for v in all.iter_mut().filter(|v| !v.law.is_null()) {
        let errors = nulls.iter().map(|(name, null)| (*name, error_on_the_same_runs(&v.judged, null, &seen.runs)));
        v.null = errors.filter(|e| e.1.is_finite()).min_by(|a, b| a.1.total_cmp(&b.1));
    }
    all.sort_by(|a, b| a.judged.error.total_cmp(&b.judged.error));
    all
}

fn constants(v: &Verdict) -> String {
    let names = v.law.constants.iter().zip(&v.judged.constants).map(|(c, x)| format!("{} = {}", c.name, short(*x)));
    let words = names.collect::<Vec<_>>().join(", ");
    if v.printed { format!("{words} (paper)") } else { words }
}

/// The commonest reason for which a law does not apply.
fn reason(v: &Verdict) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for e in v.judged.predicted.iter().filter_map(|p| p.time.as_ref().err()) {
        *counts.entry(&e.0).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, n)| *n).map(|(words, _)| words.to_string())
}

/// The laws on a campaign, a row each: error as a factor, the best null on the same runs, how many runs, constants; then, below, why a law does not apply.
pub fn campaign_rows(verdicts: &[Verdict]) -> (Rows, Vec<String>) {
    let head = ["law", "error", "best null there", "runs", "outside", "too early", "formula", "constants"].map(String::from).to_vec();
    let factor = |e: f64| if e.is_finite() { format!("×{:.2}", libm::exp(e)) } else { "–".into() };
    let row = |v: &Verdict| {
        let j = &v.judged;
        let null = match v.null {
            Some((name, e)) => format!("{} {name}", factor(e)),
            None if v.law.is_null() => "(null)".into(),
            None => "–".into(),
        };
        let name = v.law.name.to_string();
        vec![name, factor(j.error), null, j.runs.to_string(), j.outside.to_string(), j.early.to_string(), v.law.formula.into(), constants(v)]
    };
    let rows = [head].into_iter().chain(verdicts.iter().map(row)).collect();
    let outside = verdicts.iter().filter(|v| v.judged.outside > 0);
    (rows, outside.filter_map(|v| Some(format!("{} does not apply to {} runs: {}", v.law.name, v.judged.outside, reason(v)?))).collect())
}

/// The laws on one run of these, a row each.
pub fn run_rows(verdicts: &[Verdict], run: usize) -> Rows {
    let head = ["law", "t_grok predicted", "formula", "constants, from other settings"].map(String::from).to_vec();
    let row = |v: &Verdict| {
        let said = v.judged.predicted.iter().find(|p| p.run == run).map_or("–".into(), |p| match &p.time {
            Ok(t) => short(libm::round(*t)),
            Err(e) => e.to_string(),
        });
        vec![v.law.name.to_string(), said, v.law.formula.into(), constants(v)]
    };
    [head].into_iter().chain(verdicts.iter().map(row)).collect()
}

/// The laws as JSON, `pennydrop.theory-laws/1`.
pub fn json(seen: &Seen, verdicts: &[Verdict]) -> Value {
    let laws = verdicts.iter().map(|v| {
        let mut map = Map::new();
        map.insert("name".into(), json!(v.law.name));
        map.insert("formula".into(), json!(v.law.formula));
        map.insert("source".into(), json!(v.law.source));
        map.insert("null".into(), json!(v.law.is_null()));
        map.insert("constants".into(), v.law.constants.iter().zip(&v.judged.constants).map(|(c, x)| (c.name.to_string(), json!(x))).collect());
        map.insert("constants_from".into(), json!(if v.printed { "paper" } else { "all runs; errors by constants from other settings" }));
        put(&mut map, "error", v.judged.error);
        map.insert("best_null".into(), json!(v.null.map(|(name, error)| json!({"name": name, "error": error}))));
        map.insert("runs".into(), json!(v.judged.runs));
        map.insert("outside".into(), json!(v.judged.outside));
        map.insert("too_early".into(), json!(v.judged.early));
        let predicted = v.judged.predicted.iter().map(|p| match &p.time {
            Ok(t) => json!({"run_id": seen.ids[p.run], "t_grok": t, "why_not": null}),
            Err(e) => json!({"run_id": seen.ids[p.run], "t_grok": null, "why_not": e.0}),
        });
        map.insert("predicted".into(), predicted.collect());
        Value::Object(map)
    });
    let measured = seen.ids.iter().zip(&seen.runs).map(|(id, r)| json!({"run_id": id, "setting": r.setting, "t_mem": r.measured.t_mem, "t_grok": r.measured.t_grok, "steps": r.measured.steps, "norm_start": r.measured.norm_start, "norm_mem": r.measured.norm_mem, "norm_grok": r.measured.norm_grok, "norm_end": r.measured.norm_end, "norm_drift": r.measured.norm_drift, "logits_mem": r.measured.logits_mem, "training_examples": r.measured.data}));
    json!({"schema": "pennydrop.theory-laws/1", "runs": measured.collect::<Vec<_>>(), "laws": laws.collect::<Vec<_>>()})
}

/// What there is: each law with what it reads and where it applies.
pub fn catalogue() -> Vec<String> {
    let line = |l: &Law| {
        let source = if l.is_null() { "null law".to_string() } else { l.source.to_string() };
        let constants: Vec<String> =
            l.constants.iter().map(|c| format!("{}: {}{}", c.name, c.doc, c.printed.map_or(String::new(), |x| format!(" (paper: {x})")))).collect();
        let constants = if constants.is_empty() { "none".to_string() } else { constants.join("; ") };
        format!("{} – {} [{source}]\n    reads      {}\n    applies    {}\n    constants  {constants}", l.name, l.formula, l.reads, l.domain)
    };
    laws().into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norms_are_taken_at_the_times_of_the_run() {
        let mut m = Measured { t_mem: Some(15.0), t_grok: Some(30.0), steps: 40.0, ..Measured::default() };
        let curve = vec![(0.0, 5.0, 1.0), (10.0, 10.0, 2.0), (20.0, 8.0, 4.0), (30.0, 8.0, 6.0), (40.0, 2.0, 7.0)];
        of_curve(&mut m, &curve);
        assert_eq!((m.norm_start, m.norm_mem, m.norm_grok, m.norm_end, m.logits_mem), (Some(5.0), Some(9.0), Some(8.0), Some(2.0), Some(3.0)));
        assert_eq!(m.norm_drift, Some(0.0));
        let mut late = Measured { t_mem: Some(100.0), steps: 40.0, ..Measured::default() };
        of_curve(&mut late, &curve);
        assert_eq!(late.norm_mem, Some(2.0));
    }

    #[test]
    fn a_spec_says_what_the_laws_read() {
        let job =
            crate::spec::resolve(&Base { label: "test".into(), entries: Vec::new() }, &[crate::spec::grammar::parse_override("task.p=31").unwrap()]).unwrap();
        let m = of_spec(&job.trajectory(&crate::inputs::Inputs::default()));
        assert_eq!(m.eta, Some(1e-3));
        assert!(m.data.is_some_and(|d| d > 100.0 && d < 961.0) && m.batch.is_some() && m.decoupled.is_some(), "{m:?}");
    }
}
