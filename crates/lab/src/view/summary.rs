//! The table that belongs in a paper: for every setting n, censored, diverged, and the time to generalise as a censored estimate with its interval.

use crate::Error;
use crate::known::End;
use crate::view::axis::short;
use crate::view::rows::Rows;
use pennydrop_stats::{BandKind, KaplanMeier, QuantileEstimate, RestrictedMean};
use serde_json::{Map, Value, json};

/// Confidence of intervals.
pub use crate::picture::CONFIDENCE;

/// One setting.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its place in [`Rows::settings`].
    pub setting: usize,
    /// Runs.
    pub n: usize,
    /// Runs that generalised.
    pub grokked: usize,
    /// Runs that their budget ended before they did.
    pub censored: usize,
    /// Runs that diverged before they did: another outcome, not a censored one.
    pub diverged: usize,
    /// Runs that memorised.
    pub memorised: usize,
    /// Median of `t_mem`.
    pub t_mem: QuantileEstimate,
    /// Quarter, median and three quarters of `t_grok`; a diverged run counts as one that has not generalised by the largest budget.
    pub quantiles: [QuantileEstimate; 3],
    /// Mean of min(`t_grok`, largest budget), where every run was watched that far or had ended.
    pub restricted: Option<RestrictedMean>,
    /// The largest budget.
    pub budget: u64,
}

/// Observations of `t_grok` among all outcomes: a run that diverged will not generalise, so it stays at risk to the end of the largest budget, as the
/// cumulative incidence has it; censoring it at its divergence would count it as a run that might.
pub fn grok_observations(rows: &Rows, of: &[usize], budget: u64) -> Vec<pennydrop_stats::Observation> {
    of.iter()
        .map(|r| match (rows.t_grok[*r], rows.end[*r]) {
            (None, End::Diverged) => pennydrop_stats::Observation::censored(budget as f64),
            _ => rows.grok(*r),
        })
        .collect()
}

/// A line for every setting that has runs.
///
/// # Errors
/// The estimate cannot be made.
pub fn summary(rows: &Rows) -> Result<Vec<Line>, Error> {
    let groups = rows.by_setting();
    groups.iter().enumerate().filter(|(_, g)| !g.is_empty()).map(|(s, g)| line(rows, s, g)).collect()
}

/// The line of these runs.
///
/// # Errors
/// The estimate cannot be made.
pub fn line(rows: &Rows, setting: usize, of: &[usize]) -> Result<Line, Error> {
    let budget = of.iter().map(|r| rows.budget[*r]).max().unwrap_or(0);
    let seen = grok_observations(rows, of, budget);
    let curve = KaplanMeier::new(&seen)?;
    let quantile = |p: f64| curve.quantile(p, CONFIDENCE, BandKind::LogLog);
    let mem: Vec<_> = of.iter().map(|r| rows.mem(*r)).collect();
    let restricted = if budget > 0 { curve.restricted_mean(budget as f64).ok() } else { None };
    Ok(Line {
        setting,
        n: of.len(),
        grokked: of.iter().filter(|r| rows.t_grok[**r].is_some()).count(),
        censored: of.iter().filter(|r| rows.censored(**r)).count(),
        diverged: of.iter().filter(|r| rows.t_grok[**r].is_none() && rows.end[**r] == End::Diverged).count(),
        memorised: of.iter().filter(|r| rows.t_mem[**r].is_some()).count(),
        t_mem: KaplanMeier::new(&mem)?.median(CONFIDENCE, BandKind::LogLog)?,
        quantiles: [quantile(0.25)?, quantile(0.5)?, quantile(0.75)?],
        restricted,
        budget,
    })
}

fn number(x: Option<f64>) -> String {
    x.map_or("–".into(), |x| crate::words::count(libm::round(x) as u64))
}

/// `2,430 [2,101–2,960]`; `> 3,000` where the median is beyond the budget.
pub fn estimate(q: &QuantileEstimate, budget: u64) -> String {
    let budget = crate::words::count(budget);
    match q.estimate {
        None => match q.low {
            Some(low) => format!("> {budget} [{}–]", number(Some(low))),
            None => format!("> {budget}"),
        },
        Some(_) => format!("{} [{}–{}]", number(q.estimate), number(q.low), q.high.map_or(String::new(), |h| number(Some(h)))),
    }
}

/// Rows of text for a terminal, with a head.
pub fn table(rows: &Rows, lines: &[Line]) -> Vec<Vec<String>> {
    let brief =
        |key: &String| key.rsplit('.').next().filter(|s| rows.keys.iter().filter(|k| k.ends_with(&format!(".{s}"))).count() == 1).unwrap_or(key).to_string();
    let mut head: Vec<String> = rows.keys.iter().map(brief).collect();
    head.extend(["n", "grokked", "censored", "diverged", "t_mem", "t_grok [95 %]", "quarter", "three quarters", "mean to budget"].map(String::from));
    let mut out = vec![head];
    for l in lines {
        let mut row: Vec<String> = rows.settings[l.setting].iter().map(|v| v.parse::<f64>().map_or_else(|_| v.clone(), short)).collect();
        row.extend([l.n, l.grokked, l.censored, l.diverged].map(|n| n.to_string()));
        row.push(l.t_mem.estimate.map_or(format!("> {}", crate::words::count(l.budget)), |m| number(Some(m))));
        row.push(estimate(&l.quantiles[1], l.budget));
        row.push(number(l.quantiles[0].estimate));
        row.push(number(l.quantiles[2].estimate));
        row.push(
            l.restricted.filter(|r| r.standard_error > 0.0).map_or("–".into(), |r| format!("{} ± {}", number(Some(r.mean)), number(Some(r.standard_error)))),
        );
        out.push(row);
    }
    out
}

/// The same as JSON: an object a setting.
pub fn to_json(rows: &Rows, lines: &[Line]) -> Value {
    let quantile = |q: &QuantileEstimate| json!({"estimate": q.estimate, "low": q.low, "high": q.high});
    lines
        .iter()
        .map(|l| {
            let values: Map<String, Value> = rows
                .keys
                .iter()
                .zip(&rows.settings[l.setting])
                .map(|(k, v)| (k.clone(), v.parse::<f64>().ok().filter(|x| x.is_finite()).map_or_else(|| json!(v), |x| json!(x))))
                .collect();
            json!({
                "setting": values,
                "n": l.n,
                "grokked": l.grokked,
                "censored": l.censored,
                "diverged": l.diverged,
                "memorised": l.memorised,
                "t_mem": quantile(&l.t_mem),
                "t_grok": {"quarter": quantile(&l.quantiles[0]), "median": quantile(&l.quantiles[1]), "three_quarters": quantile(&l.quantiles[2])},
                "restricted_mean": l.restricted.map(|r| json!({"mean": r.mean, "standard_error": r.standard_error, "horizon": r.horizon})),
                "budget": l.budget,
                "confidence": CONFIDENCE,
            })
        })
        .collect()
}
