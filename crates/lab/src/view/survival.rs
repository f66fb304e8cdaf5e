//! Survival curves by the values of one key, with the tests that belong to them.

use crate::Error;
use crate::known::End;
use crate::view::axis::Axis;
use crate::view::phase::Drawn;
use crate::view::rows::Rows;
use crate::view::select::{budgets, headline, source};
use crate::view::summary::{CONFIDENCE, estimate, grok_observations};
use pennydrop_figure::{SurvivalGroup, SurvivalOptions, SurvivalPoint, survival_svg};
use pennydrop_stats::{AalenJohansen, BandKind, Competing, Cox, KaplanMeier, Observation, Ties, cure, log_rank, log_rank_stratified};
use std::collections::BTreeMap;

/// Groups that can be told apart in a picture.
pub const MOST_GROUPS: usize = 8;

/// One group of runs as a survival curve for a picture.
///
/// # Errors
/// The estimate cannot be made.
pub fn group(name: &str, seen: &[Observation]) -> Result<SurvivalGroup, Error> {
    let curve = KaplanMeier::new(seen)?;
    let median = curve.median(CONFIDENCE, BandKind::LogLog)?;
    let band = curve.band(CONFIDENCE, BandKind::LogLog)?;
    let point = |(s, b): (&pennydrop_stats::Step, Option<(f64, f64)>)| SurvivalPoint {
        time: s.time,
        survival: s.survival,
        low: b.map_or(f64::NAN, |b| b.0),
        high: b.map_or(f64::NAN, |b| b.1),
    };
    Ok(SurvivalGroup {
        name: name.into(),
        curve: curve.steps().iter().zip(band).filter(|(s, _)| s.events > 0).map(point).collect(),
        censored: seen.iter().filter(|o| !o.event).map(|o| o.time).collect(),
        median: median.estimate,
        interval: median.low.map(|low| (low, median.high.unwrap_or(f64::INFINITY))),
        n: seen.len(),
        events: curve.events(),
    })
}

fn p_value(p: f64) -> String {
    if p < 1e-4 { format!("{p:.1e}") } else { format!("{p:.4}") }
}

/// Survival curves of `t_grok`, a group for each value of `by`.
///
/// # Errors
/// No value of the key; more than eight of them; the estimate cannot be made.
pub fn survival(rows: &Rows, by: &Axis, campaign: &str, command: &str) -> Result<Drawn, Error> {
    by.check(rows)?;
    let settings = rows.by_setting();
    let mut names: Vec<String> = Vec::new();
    let mut members: Vec<Vec<usize>> = Vec::new();
    // What else varies makes strata: settings that agree in everything but `by`.
    let mut strata: BTreeMap<Vec<String>, Vec<(usize, usize)>> = BTreeMap::new();
    for (s, runs) in settings.iter().enumerate().filter(|(_, r)| !r.is_empty()) {
        let name = by.text(rows, s);
        let g = names.iter().position(|n| *n == name).unwrap_or_else(|| {
            names.push(name);
            members.push(Vec::new());
            names.len() - 1
        });
        members[g].extend(runs);
        let rest: Vec<String> = rows.keys.iter().zip(&rows.settings[s]).filter(|(k, _)| !by.keys().any(|b| b == k.as_str())).map(|(_, v)| v.clone()).collect();
        strata.entry(rest).or_default().push((g, s));
    }
    if names.len() > MOST_GROUPS {
        return Err(Error::usage(
            format!("`{}` has {} values here, and a picture tells {MOST_GROUPS} apart", by.name, names.len()),
            "narrow the runs down with KEY=VALUE, or look at `plot DIR law x=…`",
        ));
    }
    let (_, budget) = budgets(rows);
    let seen = |of: &[usize]| grok_observations(rows, of, budget);
    let observations: Vec<Vec<Observation>> = members.iter().map(|m| seen(m)).collect();
    let mut groups = Vec::new();
    for (name, o) in names.iter().zip(&observations) {
        groups.push(group(&format!("{} = {name}", by.name), o)?);
    }
    let mut notes = Vec::new();
    if names.len() > 1 {
        match log_rank(&observations) {
            Ok(t) => notes.push(format!("log-rank: χ² = {:.2} with {} df, p = {}", t.statistic, t.df, p_value(t.p))),
            Err(e) => notes.push(format!("log-rank: {e}")),
        }
        if strata.len() > 1 {
            notes.push(format!("each curve holds runs of up to {} settings of the other keys, thrown together", strata.len()));
            let by_stratum: Vec<Vec<Vec<Observation>>> = strata
                .values()
                .map(|parts| {
                    let mut groups = vec![Vec::new(); names.len()];
                    parts.iter().for_each(|(g, s)| groups[*g].extend(seen(&settings[*s])));
                    groups
                })
                .collect();
            match log_rank_stratified(&by_stratum) {
                Ok(t) => notes.push(format!(
                    "stratified by the {} settings of the other keys: χ² = {:.2} with {} df, p = {}",
                    strata.len(),
                    t.statistic,
                    t.df,
                    p_value(t.p)
                )),
                Err(e) => notes.push(format!("stratified log-rank: {e}")),
            }
        }
        notes.extend(cox(rows, by, &settings, &strata, budget));
    }
    notes.extend(divergence(rows, &names, &members, budget)?);
    notes.extend(names.iter().zip(&observations).filter_map(|(name, o)| plateau(name, o)));
    let options = SurvivalOptions {
        title: headline(rows),
        note: notes.clone(),
        horizon: Some(budget as f64),
        confidence: CONFIDENCE,
        width: 720.0,
        source: source(rows, campaign, command),
        y_label: "share of runs that have not generalised (t_grok)".into(),
        ..SurvivalOptions::default()
    };
    let mut text = String::new();
    for (name, o) in names.iter().zip(&observations) {
        let q = KaplanMeier::new(o)?.median(CONFIDENCE, BandKind::LogLog)?;
        text += &format!("{} = {name}: n {}, t_grok {}\n", by.name, o.len(), estimate(&q, budget));
    }
    text += &(notes.join("\n") + "\n");
    Ok(Drawn { svg: survival_svg(&groups, &options), text })
}

/// The hazard ratio of a doubling of a positive number, within strata of what else varies.
fn cox(rows: &Rows, by: &Axis, settings: &[Vec<usize>], strata: &BTreeMap<Vec<String>, Vec<(usize, usize)>>, budget: u64) -> Option<String> {
    let (mut covariates, mut observations, mut stratum) = (Vec::new(), Vec::new(), Vec::new());
    for (k, parts) in strata.values().enumerate() {
        for (_, s) in parts {
            let x = by.number(rows, *s).filter(|x| *x > 0.0)?;
            for o in grok_observations(rows, &settings[*s], budget) {
                covariates.push(vec![libm::log2(x)]);
                observations.push(o);
                stratum.push(k);
            }
        }
    }
    Some(match Cox::fit(&covariates, &observations, Some(&stratum), Ties::Efron) {
        Ok(fit) => {
            let c = fit.coefficients.first()?;
            let (low, high) = c.interval(CONFIDENCE).ok()?;
            let drift = fit.proportionality().ok().map_or(String::new(), |p| format!("; proportional hazards: p = {}", p_value(p.global.p)));
            format!(
                "Cox regression: hazard × {:.3} [{:.3}–{:.3}] for each doubling of {}, p = {}{drift}",
                libm::exp(c.estimate),
                libm::exp(low),
                libm::exp(high),
                by.name,
                p_value(c.p)
            )
        }
        Err(e) => format!("Cox regression: {e}"),
    })
}

/// A cure fraction is a model, and means nothing beyond its horizon: the share that would never generalise, where the curve shows a plateau.
fn plateau(name: &str, seen: &[Observation]) -> Option<String> {
    let events = seen.iter().filter(|o| o.event).count();
    if events < 5 || events == seen.len() {
        return None;
    }
    let fit = cure(seen, CONFIDENCE).ok()?;
    let horizon = crate::words::count(libm::round(fit.horizon) as u64);
    Some(if fit.plateau.identifiable {
        format!(
            "{name}: mixture cure model (log-normal): {:.2} [{:.2}–{:.2}] never generalise, p = {} against none; a model, watched to {horizon} steps",
            fit.pi,
            fit.low,
            fit.high,
            p_value(fit.p_value)
        )
    } else {
        format!("{name}: runs still generalise near the horizon of {horizon} steps: the data show no share that never will")
    })
}

/// Divergence is another outcome: its cumulative incidence beside that of generalising.
fn divergence(rows: &Rows, names: &[String], members: &[Vec<usize>], budget: u64) -> Result<Vec<String>, Error> {
    let mut notes = Vec::new();
    for (name, runs) in names.iter().zip(members) {
        let seen: Vec<Competing> = runs
            .iter()
            .map(|r| match (rows.t_grok[*r], rows.end[*r]) {
                (Some(t), _) => Competing { time: t as f64, cause: Some(0) },
                (None, End::Diverged) => Competing { time: rows.steps[*r] as f64, cause: Some(1) },
                (None, _) => Competing { time: rows.steps[*r] as f64, cause: None },
            })
            .collect();
        if !seen.iter().any(|c| c.cause == Some(1)) {
            continue;
        }
        let curves = AalenJohansen::new(&seen, 2)?;
        let at = |cause| curves.incidence_at(cause, budget as f64).or_else(|| curves.steps().last().map(|s| s.incidence[cause])).unwrap_or(f64::NAN);
        notes.push(format!("{name}: cumulative incidence by the budget: generalised {:.2}, diverged {:.2} (Aalen–Johansen)", at(0), at(1)));
    }
    Ok(notes)
}
