//! How a time depends on a quantity: medians, fitted laws beside the null laws, residuals, and how well each law predicts settings that it has not seen.

use crate::Error;
use crate::known::End;
use crate::view::axis::{Axis, short};
use crate::view::phase::Drawn;
use crate::view::rows::Rows;
use crate::view::select::{budgets, headline, only, source};
use crate::view::summary::CONFIDENCE;
use pennydrop_figure::{LawFit, LawOptions, LawPicture, LawPoint, law_svg};
use pennydrop_stats::laws::{self, CompareOptions, Comparison, Entry, Intervals, Law, Strata, compare};
use pennydrop_stats::{BandKind, Bootstrap, KaplanMeier, Observation, QuantileEstimate};
use serde_json::{Value, json};

/// Which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// To generalise, from the first step.
    Grok,
    /// To memorise.
    Mem,
    /// From memorising to generalising.
    Delay,
}

impl Time {
    /// By name: `t_grok`, `t_mem`, `delay`.
    ///
    /// # Errors
    /// Another word.
    pub fn parse(word: &str) -> Result<Time, Error> {
        match word {
            "t_grok" => Ok(Time::Grok),
            "t_mem" => Ok(Time::Mem),
            "delay" => Ok(Time::Delay),
            other => Err(Error::usage(format!("there is no time `{other}`"), "y is one of t_grok, t_mem, delay")),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Time::Grok => "t_grok",
            Time::Mem => "t_mem",
            Time::Delay => "delay",
        }
    }

    /// The time of a run, or a lower bound; `None` where its clock never started, or a delay that is not above 0, which has no logarithm.
    fn of(self, rows: &Rows, row: usize, budget: u64) -> Option<Observation> {
        let end = if rows.end[row] == End::Diverged { budget } else { rows.steps[row] };
        let seen = |t: Option<u64>, from: u64| match t {
            Some(t) => t.checked_sub(from).filter(|d| *d > 0).map(|d| Observation::event(d as f64)),
            None => end.checked_sub(from).filter(|d| *d > 0).map(|d| Observation::censored(d as f64)),
        };
        match self {
            Time::Grok => seen(rows.t_grok[row], 0),
            Time::Mem => seen(rows.t_mem[row], 0),
            Time::Delay => seen(rows.t_grok[row], rows.t_mem[row]?),
        }
    }
}

/// A setting on the axis.
struct Group {
    x: f64,
    contraction: Option<f64>,
    t_mem: Option<f64>,
    seen: Vec<Observation>,
    median: QuantileEstimate,
    end: f64,
}

/// What a law view holds.
pub struct LawView {
    /// SVG and text.
    pub drawn: Drawn,
    /// The comparison, for callers that want numbers.
    pub comparison: Comparison,
    /// The same as JSON.
    pub json: Value,
}

/// Intervals for parameters: settings of a few runs each need the draw within settings, not within (setting, split), which with one run a split would show
/// no variance at all.
fn intervals(resamples: usize) -> Intervals {
    Intervals::Bootstrap { bootstrap: Bootstrap { resamples, level: CONFIDENCE, seed: 0 }, strata: Strata::Group }
}

/// Fits every law to a time over an axis. Settings of equal x are one group; what else varies is refused, or with `pool` thrown together.
///
/// # Errors
/// An axis without positive values; fewer than two values of it; other keys vary (unless `pool`).
pub fn law(rows: &Rows, x: &Axis, time: Time, resamples: usize, pool: bool, campaign: &str, command: &str) -> Result<LawView, Error> {
    x.check(rows)?;
    let others = only(rows, &x.keys().collect::<Vec<_>>(), pool)?;
    let settings = rows.by_setting();
    let contraction = Axis::parse("ηλ")?;
    let (_, budget) = budgets(rows);
    // Settings by x.
    let mut placed: Vec<(f64, usize)> = Vec::new();
    for (s, runs) in settings.iter().enumerate().filter(|(_, r)| !r.is_empty()) {
        match x.number(rows, s).filter(|v| *v > 0.0 && v.is_finite()) {
            Some(v) => placed.push((v, s)),
            None => {
                return Err(Error::usage(
                    format!("`{}` is no number above 0 in the setting {} ({} runs), and a law needs one", x.name, rows.describe(s), runs.len()),
                    "narrow the runs down with KEY=VALUE, or choose another axis",
                ));
            }
        }
    }
    placed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut points: Vec<laws::LawPoint> = Vec::new();
    let mut groups: Vec<Group> = Vec::new();
    let mut left_out = 0;
    for part in placed.chunk_by(|a, b| (b.0 - a.0).abs() <= 1e-9 * a.0) {
        let runs: Vec<usize> = part.iter().flat_map(|(_, s)| settings[*s].iter().copied()).collect();
        let rates: Vec<Option<f64>> = part.iter().map(|(_, s)| contraction.number(rows, *s).filter(|c| *c > 0.0)).collect();
        let mem: Vec<Observation> = runs.iter().map(|r| rows.mem(*r)).collect();
        let t_mem = KaplanMeier::new(&mem)?.median(CONFIDENCE, BandKind::LogLog)?.estimate.filter(|t| *t > 0.0);
        let mut seen = Vec::new();
        for ((_, s), rate) in part.iter().zip(&rates) {
            for row in &settings[*s] {
                let Some(observation) = time.of(rows, *row, budget) else {
                    left_out += 1;
                    continue;
                };
                seen.push(observation);
                let own = rows.t_mem[*row].map(|t| t as f64).filter(|t| *t > 0.0);
                points.push(laws::LawPoint {
                    x: part[0].0,
                    contraction: *rate,
                    t_mem: own.or(t_mem),
                    observation,
                    group: groups.len(),
                    stratum: rows.split[*row].max(0) as usize,
                });
            }
        }
        if seen.is_empty() {
            continue;
        }
        let median = KaplanMeier::new(&seen)?.median(CONFIDENCE, BandKind::LogLog)?;
        let end = seen.iter().map(|o| o.time).fold(0.0, f64::max);
        let rate = rates.iter().flatten().next().copied().filter(|_| rates.iter().all(|r| r == &rates[0]));
        groups.push(Group { x: part[0].0, contraction: rate, t_mem, seen, median, end });
    }
    let options = CompareOptions { intervals: intervals(resamples), paired: Bootstrap { resamples: 2000, level: CONFIDENCE, seed: 0 } };
    // What is predicted cannot be its own predictor, and a law cannot be compared on runs that it says nothing of.
    let blind = points.iter().filter(|p| p.t_mem.is_none()).count();
    let tried: Vec<Law> = Law::ALL.into_iter().filter(|l| *l != Law::Proportional || (time != Time::Mem && blind == 0)).collect();
    let mut comparison = compare(&tried, &points, &options)?;
    // Where too few resamples can be fitted, the observed information still gives an interval.
    let mut by_information = Vec::new();
    if comparison.entries.iter().any(|e| e.fit.is_err()) {
        let wald = compare(&tried, &points, &CompareOptions { intervals: Intervals::Wald { level: CONFIDENCE }, ..options })?;
        for (e, w) in comparison.entries.iter_mut().zip(wald.entries).filter(|(e, w)| e.fit.is_err() && w.fit.is_ok()) {
            by_information.push(e.law.name());
            e.fit = w.fit;
        }
    }
    let mut notes = vec![format!(
        "ln T = ln f + σε, right-censored maximum likelihood; intervals {:.0} % by {resamples} bootstrap resamples within settings",
        100.0 * CONFIDENCE
    )];
    if !by_information.is_empty() {
        notes.push(format!("intervals of {} from the observed information: too few resamples could be fitted", by_information.join(", ")));
    }
    if blind > 0 && time != Time::Mem {
        notes.push(format!("proportional to t_mem is not tried: {blind} runs, and half of their settings' runs, never memorised"));
    }
    if left_out > 0 {
        notes.push(format!("{left_out} runs are not in it: they never memorised, or their delay is not above 0"));
    }
    if !others.is_empty() {
        notes.push(format!("thrown together over {}", others.join(", ")));
    }
    let fits: Vec<LawFit> = comparison.entries.iter().filter_map(|e| picture(e, &groups, comparison.best)).collect();
    let picture = LawPicture {
        x: x.name.clone(),
        y: time.name().into(),
        points: groups
            .iter()
            .map(|g| LawPoint {
                x: g.x,
                median: g.median.estimate,
                low: g.median.low,
                high: g.median.high,
                n: g.seen.len(),
                censored: g.seen.iter().filter(|o| !o.event).count(),
                end: g.end,
            })
            .collect(),
        events: points.iter().filter(|p| p.observation.event).map(|p| (p.x, p.observation.time)).collect(),
        fits,
    };
    let options = LawOptions {
        title: headline(rows),
        width: 720.0,
        note_label: "held-out error, factor".into(),
        confidence: CONFIDENCE,
        notes: notes.clone(),
        source: source(rows, campaign, command),
        ..LawOptions::default()
    };
    let svg = law_svg(&picture, &options);
    let text = words(&comparison, &groups, x, time, &notes);
    let json = numbers(&comparison, &groups, x, time);
    Ok(LawView { drawn: Drawn { svg, text }, comparison, json })
}

/// A fit as a curve: over a fine grid where the law knows x alone, and at the settings where it needs ηλ or `t_mem`.
fn picture(e: &Entry, groups: &[Group], best: Option<Law>) -> Option<LawFit> {
    let fit = e.fit.as_ref().ok()?;
    let alone = matches!(e.law, Law::Constant | Law::Power | Law::Exponential | Law::Logarithmic);
    let curve: Vec<(f64, f64)> = if alone {
        let (low, high) = (groups.first()?.x, groups.last()?.x);
        let inner = |i: usize| libm::exp(libm::log(low) + (libm::log(high) - libm::log(low)) * i as f64 / 60.0);
        let at = |i: usize| match i {
            0 => low,
            60 => high,
            i => inner(i),
        };
        (0..=60).filter_map(|i| Some((at(i), fit.predict(at(i), None, None).ok()?))).collect()
    } else {
        groups.iter().filter_map(|g| Some((g.x, fit.predict(g.x, g.contraction, g.t_mem).ok()?))).collect()
    };
    let formula = fit.parameters.iter().fold(e.law.formula().to_string(), |f, p| format!("{f}; {} = {}", p.name, short(round(p.estimate))));
    let note = e.held_out_error().map_or("none".into(), |d| format!("× {:.2}", libm::exp(d)));
    Some(LawFit {
        name: e.law.name().into(),
        formula,
        curve,
        note,
        null: e.law.is_null(),
        residuals: Some(e.law) == best || matches!(e.law, Law::Power | Law::Inverse),
    })
}

/// Four digits.
fn round(x: f64) -> f64 {
    format!("{x:.3e}").parse().unwrap_or(x)
}

fn words(c: &Comparison, groups: &[Group], x: &Axis, time: Time, notes: &[String]) -> String {
    let count = |t: Option<f64>| t.map_or("–".to_string(), |t| crate::words::count(libm::round(t) as u64));
    let mut out = format!("{:<14}  {:>4}  {:>8}  {:<28}  t_mem\n", x.name, "n", "censored", format!("{} [95 %]", time.name()));
    for g in groups {
        let censored = g.seen.iter().filter(|o| !o.event).count();
        let median = match g.median.estimate {
            Some(m) => format!("{} [{}–{}]", count(Some(m)), count(g.median.low), g.median.high.map_or(String::new(), |h| count(Some(h)))),
            None => format!("> {}", count(Some(g.end))),
        };
        out += &format!("{:<14}  {:>4}  {censored:>8}  {median:<28}  {}\n", short(g.x), g.seen.len(), count(g.t_mem));
    }
    out += &format!("\n{:<13}  {:<50}  {:>7}  {:>9}  {:>10}  extrapolated (low, high)\n", "law", "parameters [95 %]", "AIC w.", "held out", "null");
    let factor = |d: Option<f64>| d.map_or("–".to_string(), |d| format!("× {:.2}", libm::exp(d)));
    for e in &c.entries {
        match &e.fit {
            Err(why) => out += &format!("{:<13}  not fitted: {why}\n", e.law.name()),
            Ok(fit) => {
                let parameters: Vec<String> = fit
                    .parameters
                    .iter()
                    .map(|p| format!("{} = {} [{}, {}]", p.name, short(round(p.estimate)), short(round(p.low)), short(round(p.high))))
                    .collect();
                let ends: Vec<String> = e.extrapolation.iter().map(|x| factor(x.outcome.as_ref().ok().and_then(|s| s.mean_absolute_error))).collect();
                out += &format!(
                    "{:<13}  {:<50}  {:>7}  {:>9}  {:>10}  {}\n",
                    e.law.name(),
                    parameters.join(", "),
                    e.weight.map_or("–".into(), |w| format!("{w:.3}")),
                    factor(e.held_out_error()),
                    if e.law.is_null() { "null" } else { "" },
                    ends.join(", ")
                );
            }
        }
    }
    if let Some(best) = c.best {
        out += &format!("\nleast held-out error of the laws that are no nulls: {}; against the nulls, in mean |ln T − ln T̂| (below 0: better):\n", best.name());
        for p in c.best_against_nulls() {
            match &p.difference {
                Ok(d) => out += &format!("  {:<13} {:+.3} [{:+.3}, {:+.3}]\n", p.null.name(), d.estimate, d.low, d.high),
                Err(why) => out += &format!("  {:<13} {why}\n", p.null.name()),
            }
        }
    }
    for n in notes {
        out += &format!("note: {n}\n");
    }
    out
}

fn numbers(c: &Comparison, groups: &[Group], x: &Axis, time: Time) -> Value {
    let laws: Vec<Value> = c
        .entries
        .iter()
        .map(|e| match &e.fit {
            Err(why) => json!({"law": e.law.name(), "formula": e.law.formula(), "null": e.law.is_null(), "error": why.to_string()}),
            Ok(fit) => json!({
                "law": e.law.name(),
                "formula": e.law.formula(),
                "null": e.law.is_null(),
                "parameters": fit.parameters.iter().map(|p| json!({"name": p.name, "estimate": p.estimate, "low": p.low, "high": p.high})).collect::<Vec<_>>(),
                "sigma": fit.sigma.estimate,
                "log_likelihood": fit.log_likelihood,
                "aic": fit.aic,
                "weight": e.weight,
                "held_out_mean_abs_ln": e.held_out_error(),
                "held_out_log_density": e.held_out.overall.as_ref().ok().map(|s| s.log_density),
            }),
        })
        .collect();
    json!({
        "x": x.name,
        "time": time.name(),
        "points": groups.iter().map(|g| json!({
            "x": g.x,
            "n": g.seen.len(),
            "censored": g.seen.iter().filter(|o| !o.event).count(),
            "median": g.median.estimate,
            "low": g.median.low,
            "high": g.median.high,
            "t_mem": g.t_mem,
        })).collect::<Vec<_>>(),
        "laws": laws,
        "best": c.best.map(Law::name),
        "against_nulls": c.best_against_nulls().map(|p| match &p.difference {
            Ok(d) => json!({"null": p.null.name(), "difference": d.estimate, "low": d.low, "high": d.high}),
            Err(why) => json!({"null": p.null.name(), "error": why.to_string()}),
        }).collect::<Vec<_>>(),
    })
}
