//! How a measured number differs between two arms.

use super::{DRAWS, OF_SHARES, OF_TIMES, Statistic, bootstrap_of, paired};
use crate::claims::claim::Published;
use crate::claims::data::{Data, NoData, Run};
use crate::claims::rule::{Estimate, Scale};
use crate::claims::statistic::Query;
use pennydrop_registry::{Default, Kind, Param, Row, SpecError};

pub static STATISTIC: Statistic = Statistic {
    row: Row {
        name: "difference",
        summary: "mean difference of a column between `where` and `against`, in pairs where both have the same seeds; with scale = \"log\" their mean ratio",
        source: "Efron & Tibshirani (1993)",
        params: &[
            Param { key: "of", kind: Kind::Str, default: Default::Required, doc: "the column, SERIES@WHEN" },
            Param { key: "scale", kind: Kind::Choice(&["linear", "log"]), default: Default::Str("linear"), doc: "difference, or ratio" },
        ],
    },
    against: true,
    along: false,
    published,
    columns: super::its_of,
    estimate,
};

fn published(q: &Query, published: Option<&Published>) -> Result<(), SpecError> {
    if q.args.str("scale") == "log" { super::positive(q, published) } else { super::number(q, published) }
}

fn estimate(q: &Query, data: &Data, _: Option<&Published>) -> Result<Estimate, NoData> {
    let (column, log) = (q.args.str("of"), q.args.str("scale") == "log");
    let value = |r: &Run| data.number(r, column).map(|x| if log { libm::log(x) } else { x }).filter(|x| x.is_finite());
    let (a, b) = (q.runs(data)?, data.select(&q.against, q.twin)?);
    let total = a.len() + b.len();
    let mean = |v: &[f64], s: &[usize]| s.iter().map(|i| v[*i]).sum::<f64>() / s.len() as f64;
    let (interval, n, note) = match paired(&a, &b) {
        Some(pairs) => {
            let (group, d): (Vec<&Run>, Vec<f64>) = pairs.iter().filter_map(|(x, y)| Some((*x, value(x)? - value(y)?))).unzip();
            if d.len() < 2 {
                return Err(NoData(format!("{} pairs have a value of `{column}`, and 2 are needed", d.len())));
            }
            let n = 2 * d.len();
            (bootstrap_of(q.draws(DRAWS), &[group], |s| mean(&d, s))?, n, "paired by seed")
        }
        None => {
            let (a, x): (Vec<&Run>, Vec<f64>) = a.iter().filter_map(|r| Some((*r, value(r)?))).unzip();
            let (b, y): (Vec<&Run>, Vec<f64>) = b.iter().filter_map(|r| Some((*r, value(r)?))).unzip();
            if x.len() < 2 || y.len() < 2 {
                return Err(NoData(format!("{} and {} runs have a value of `{column}`, and 2 each are needed", x.len(), y.len())));
            }
            let (first, all) = (x.len(), [&x[..], &y[..]].concat());
            let interval = bootstrap_of(q.draws(DRAWS), &[a, b], |s| {
                let (ours, theirs): (Vec<usize>, Vec<usize>) = s.iter().partition(|i| **i < first);
                mean(&all, &ours) - mean(&all, &theirs)
            })?;
            (interval, all.len(), "")
        }
    };
    let back = |x: f64| if log { libm::exp(x) } else { x };
    Ok(Estimate {
        value: back(interval.estimate),
        low: back(interval.low),
        high: back(interval.high),
        n,
        censored: total - n,
        scale: if log { Scale::Log } else { Scale::Linear },
        no_effect: Some(if log { 1.0 } else { 0.0 }),
        margin: if log { OF_TIMES } else { OF_SHARES },
        relative: false,
        note: note.into(),
    })
}
