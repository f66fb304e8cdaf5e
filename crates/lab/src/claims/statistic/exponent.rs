//! How fast a time grows with a number.

use super::{HALF, OF_EXPONENTS, Statistic, bootstrap, number};
use crate::claims::claim::Published;
use crate::claims::data::{Data, NoData, OBSERVED, Run, by_setting, observe};
use crate::claims::rule::{Estimate, Scale};
use crate::claims::statistic::Query;
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError};
use pennydrop_stats::{Aft, Family, Observation};

pub static STATISTIC: Statistic = Statistic {
    row: Row {
        name: "exponent",
        summary: "slope of ln time, or of the logarithm of a measured column, on ln x (power) or on x (exponential), by log-normal regression in which censored runs stay",
        source: "Kalbfleisch & Prentice (2002), chapter 3",
        params: &[
            Param {
                key: "of",
                kind: Kind::Str,
                default: Default::Str("t_grok"),
                doc: "t_mem, t_grok, delay, or a measured column; a run without it is left out",
            },
            Param { key: "x", kind: Kind::Str, default: Default::Required, doc: "a key, or a measured column" },
            Param { key: "scale", kind: Kind::Choice(&["power", "exponential"]), default: Default::Str("power"), doc: "against ln x, or against x" },
        ],
    },
    against: false,
    along: false,
    published,
    columns,
    estimate,
};

/// A column is written SERIES@WHEN: any other word is a time.
fn published(q: &Query, published: Option<&Published>) -> Result<(), SpecError> {
    let of = q.args.str("of");
    if !of.contains('@') && !OBSERVED.contains(&of) {
        return Err(SpecError::unknown("statistic.of", "time", of, OBSERVED));
    }
    number(q, published)
}

fn columns(args: &Args) -> Vec<String> {
    let of = Some(args.str("of")).filter(|of| !OBSERVED.contains(of));
    std::iter::once(args.str("x")).chain(of).map(str::to_string).collect()
}

/// The slope over a sample: least squares where nothing is censored, which is then the same.
fn slope(x: &[f64], seen: &[Observation], sample: &[usize]) -> f64 {
    if sample.iter().any(|i| !seen[*i].event) {
        let rows: Vec<Vec<f64>> = sample.iter().map(|i| vec![x[*i]]).collect();
        let times: Vec<Observation> = sample.iter().map(|i| seen[*i]).collect();
        return Aft::fit(&rows, &times, Family::LogNormal).map_or(f64::NAN, |f| f.coefficients[0].estimate);
    }
    let n = sample.len() as f64;
    let mean = sample.iter().map(|i| x[*i]).sum::<f64>() / n;
    let (mut top, mut bottom) = (0.0, 0.0);
    for i in sample {
        top += (x[*i] - mean) * libm::log(seen[*i].time);
        bottom += (x[*i] - mean) * (x[*i] - mean);
    }
    top / bottom
}

fn estimate(q: &Query, data: &Data, _: Option<&Published>) -> Result<Estimate, NoData> {
    let (of, column, power) = (q.args.str("of"), q.args.str("x"), q.args.str("scale") == "power");
    let mut groups: Vec<Vec<&Run>> = Vec::new();
    let (mut x, mut seen) = (Vec::new(), Vec::new());
    for setting in by_setting(&q.runs(data)?) {
        let mut group = Vec::new();
        for run in setting {
            let y = if OBSERVED.contains(&of) { observe(run, of, 0.0) } else { data.number(run, of).map(Observation::event) };
            let (Some(value), Some(o)) = (data.number(run, column), y) else { continue };
            if !OBSERVED.contains(&of) && o.time <= 0.0 {
                return Err(NoData(format!("`{of}` is {} in a run, and has no logarithm", o.time)));
            }
            if power && value <= 0.0 {
                return Err(NoData(format!("`{column}` is {value} in a run, and has no logarithm")));
            }
            x.push(if power { libm::log(value) } else { value });
            seen.push(if OBSERVED.contains(&of) { Observation { time: o.time.max(HALF), event: o.event } } else { o });
            group.push(run);
        }
        if !group.is_empty() {
            groups.push(group);
        }
    }
    let mut distinct = x.clone();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    if distinct.len() < 2 || !seen.iter().any(|o| o.event) {
        return Err(NoData(format!(
            "a slope needs two values of `{column}` and an event: there are {} and {}",
            distinct.len(),
            seen.iter().filter(|o| o.event).count()
        )));
    }
    let i = bootstrap(&groups, |s| slope(&x, &seen, s))?;
    Ok(Estimate {
        value: i.estimate,
        low: i.low,
        high: i.high,
        n: seen.len(),
        censored: seen.iter().filter(|o| !o.event).count(),
        scale: Scale::Linear,
        no_effect: Some(0.0),
        margin: OF_EXPONENTS,
        relative: true,
        note: format!("{} settings", groups.len()),
    })
}
