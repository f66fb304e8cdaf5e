//! Summaries in words.

use crate::Error;
use crate::picture::{CONFIDENCE, survival, t_grok, t_mem};
use crate::result::{RunResult, When};
use pennydrop_stats::QuantileEstimate;
use std::path::Path;

/// A number with thin groups of three digits: 12,769.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A duration: `0.8 s`, `23 s`, `4 min 10 s`, `2 h 5 min`.
pub fn duration(s: f64) -> String {
    match s {
        s if !s.is_finite() => "unknown".into(),
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{} min {} s", (s / 60.0).floor(), (s % 60.0).floor()),
        s => format!("{} h {} min", (s / 3600.0).floor(), (s % 3600.0 / 60.0).floor()),
    }
}

/// A size: `12 kB`, `3.4 MB`.
pub fn bytes(n: f64) -> String {
    match n {
        n if n < 1e3 => format!("{n:.0} B"),
        n if n < 1e6 => format!("{:.0} kB", n / 1e3),
        n if n < 1e9 => format!("{:.1} MB", n / 1e6),
        n => format!("{:.1} GB", n / 1e9),
    }
}

fn percent(x: f64) -> String {
    if x.is_finite() { format!("{:.1} %", 100.0 * x) } else { x.to_string() }
}

fn at(when: Option<When>) -> String {
    match when {
        Some(w) => match w.epochs {
            Some(e) if (e - w.step as f64).abs() > 0.5 => format!("step {} (epoch {e:.1})", count(w.step)),
            _ => format!("step {}", count(w.step)),
        },
        None => "not within the run".into(),
    }
}

/// What happened in a run, a line each: `stopped`, `memorised`, `generalised`, `delay`, `norm`, `speed`.
pub fn run(r: &RunResult, first_norm: Option<f64>) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    let why = match r.stop.as_str() {
        "grokked" => "grokked: memorised, then generalised, and stayed so".to_string(),
        "steps" if r.censored => {
            format!("steps: at its budget of {}, without having generalised; it counts as censored, which is not \"never\"", count(r.budget))
        }
        "steps" => format!("steps: at its budget of {}", count(r.budget)),
        "loss" => "loss: the training loss is below train.loss_below".into(),
        "diverged" => "diverged: the training loss grew beyond train.diverge, or is no number".into(),
        "signal" => "signal: unfinished, and its state is saved".into(),
        "time" => "time: unfinished, and its state is saved".into(),
        other => other.to_string(),
    };
    out.push(("stopped", why));
    out.push(("memorised", at(r.t_mem)));
    out.push(("generalised", at(r.t_grok)));
    if let Some(d) = r.delay {
        let ratio = match (r.t_mem, r.t_grok) {
            (Some(m), Some(g)) if m.step > 0 && d > 0 => format!(", {:.1} times as long as memorising", g.step as f64 / m.step as f64),
            _ => String::new(),
        };
        out.push(("delay", if d > 0 { format!("{} steps{ratio}", count(d as u64)) } else { format!("{d} steps: generalisation was not delayed") }));
    }
    if r.lost {
        out.push(("lost", "it generalised, and at the end no longer does".into()));
    }
    let value = |name: &str| r.value(name).unwrap_or(f64::NAN);
    out.push(("accuracy", format!("train {}, test {} (guessing: {})", percent(value("train_accuracy")), percent(value("test_accuracy")), percent(r.chance))));
    out.push(("loss", format!("train {:.3e}, test {:.3e}", value("train_loss"), value("test_loss"))));
    let norm = value("norm");
    out.push((
        "norm",
        match first_norm {
            Some(first) => format!("of the weights: {first:.1} at first, {norm:.1} at the end"),
            None => format!("of the weights: {norm:.1} at the end"),
        },
    ));
    out.push(("speed", format!("{} steps in {}, {:.0} a second", count(r.steps), duration(r.wall_s), r.steps_per_s())));
    out
}

fn median(name: &str, m: &QuantileEstimate) -> String {
    let number = |x: Option<f64>| x.map_or("not reached".to_string(), |x| count(x as u64));
    match m.estimate {
        Some(_) => format!(
            "{name}: median {} steps ({:.0} % interval {} to {})",
            number(m.estimate),
            100.0 * CONFIDENCE,
            m.low.map_or("open".into(), |x| count(x as u64)),
            m.high.map_or("open".into(), |x| count(x as u64))
        ),
        None => format!("{name}: median not reached: fewer than half of the runs got there"),
    }
}

/// What happened in several runs: how many of each, and Kaplan–Meier medians of both times.
///
/// # Errors
/// The estimate cannot be made.
pub fn seeds(runs: &[&RunResult]) -> Result<Vec<String>, Error> {
    let finished: Vec<&RunResult> = runs.iter().copied().filter(|r| r.finished()).collect();
    let mut out = Vec::new();
    let mut stops: std::collections::BTreeMap<&str, usize> = Default::default();
    for r in runs {
        *stops.entry(&r.stop).or_default() += 1;
    }
    out.push(format!("{} runs: {}", runs.len(), stops.iter().map(|(s, n)| format!("{n} {s}")).collect::<Vec<_>>().join(", ")));
    if finished.len() > 1 {
        out.push(median("memorised", &survival(&finished, t_mem)?.1));
        out.push(median("generalised", &survival(&finished, t_grok)?.1));
        let censored = finished.iter().filter(|r| r.censored).count();
        if censored > 0 {
            out.push(format!("{censored} of {} are censored: they reached their budget first, and stay in the count (Kaplan–Meier)", finished.len()));
        }
    }
    Ok(out)
}

/// One thing to try next. `typed` is the command that trained these runs: what it said holds for the next one too.
pub fn next(runs: &[&RunResult], label: &str, typed: &str, folder: &Path) -> String {
    let Some(r) = runs.first() else { return format!("pennydrop run {label}") };
    if runs.iter().any(|r| !r.finished()) {
        return format!("pennydrop resume {}", folder.display());
    }
    match r.stop.as_str() {
        _ if runs.len() > 1 => format!("pennydrop plot {}", folder.display()),
        "grokked" if label == "quickstart" => "pennydrop run quickstart task.fraction=0.3   (fewer examples: the wait grows)".into(),
        "grokked" if typed.contains("seed") => format!("pennydrop show {}", r.run_id),
        "grokked" => format!("{typed} --seeds 8   (one run is an anecdote)"),
        "steps" => format!("{typed} train.steps={}   (goes on from here)", 2 * r.budget.max(1)),
        "diverged" => format!("{typed} optim.lr=…   (a smaller rate)"),
        _ => format!("pennydrop show {}", r.run_id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([0, 999, 1000, 12769, 1234567].map(count), ["0", "999", "1,000", "12,769", "1,234,567"]);
        assert_eq!([0.84, 23.4, 250.0, 7500.0].map(duration), ["0.8 s", "23 s", "4 min 10 s", "2 h 5 min"]);
        assert_eq!([12.0, 12_345.0, 3.44e6].map(bytes), ["12 B", "12 kB", "3.4 MB"]);
    }
}
