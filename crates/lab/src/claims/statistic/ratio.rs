//! How many times longer one selection takes than another.

use super::{AFTER, OF, OF_TIMES, Statistic, bootstrap, coverage, median, none, paired, positive};
use crate::claims::claim::Published;
use crate::claims::data::{Data, NoData, observe};
use crate::claims::rule::{Estimate, Scale};
use crate::claims::statistic::Query;
use pennydrop_registry::Row;
use pennydrop_stats::Observation;

pub static STATISTIC: Statistic = Statistic {
    row: Row {
        name: "ratio",
        summary: "median of `where` over that of `against`, drawn in pairs where both have the same seeds",
        source: "Efron & Tibshirani (1993)",
        params: &[OF, AFTER],
    },
    against: true,
    along: false,
    published: positive,
    columns: none,
    estimate,
};

fn estimate(q: &Query, data: &Data, _: Option<&Published>) -> Result<Estimate, NoData> {
    let (of, after) = (q.args.str("of"), q.args.float("after"));
    let (a, b) = (q.runs(data)?, data.select(&q.against, q.twin)?);
    let both = |r: &(_, _)| Some((observe(r.0, of, after)?, observe(r.1, of, after)?));
    let quotient = |x: f64, y: f64| match (x.is_finite(), y.is_finite()) {
        (false, false) => f64::NAN,
        _ => x.max(super::HALF) / y.max(super::HALF),
    };
    let pairs = paired(&a, &b).filter(|p| p.iter().all(|r| both(r).is_some()));
    let (interval, x, y, note) = match pairs {
        Some(pairs) => {
            let (x, y): (Vec<Observation>, Vec<Observation>) = pairs.iter().filter_map(both).unzip();
            let group = pairs.iter().map(|p| p.0).collect();
            (bootstrap(&[group], |s| quotient(median(&x, s), median(&y, s)))?, x, y, "paired by seed")
        }
        None => {
            let (a, x): (Vec<_>, Vec<Observation>) = a.into_iter().filter_map(|r| Some((r, observe(r, of, after)?))).unzip();
            let (b, y): (Vec<_>, Vec<Observation>) = b.into_iter().filter_map(|r| Some((r, observe(r, of, after)?))).unzip();
            if a.is_empty() || b.is_empty() {
                return Err(NoData("no run of one side memorised, so none has a delay".into()));
            }
            let (n, all) = (x.len(), [&x[..], &y[..]].concat());
            let interval = bootstrap(&[a, b], |s| {
                let (first, second): (Vec<usize>, Vec<usize>) = s.iter().partition(|i| **i < n);
                quotient(median(&all, &first), median(&all, &second))
            })?;
            (interval, x, y, "")
        }
    };
    Ok(Estimate {
        value: interval.estimate,
        low: interval.low,
        high: interval.high,
        n: x.len() + y.len(),
        censored: x.iter().chain(&y).filter(|o| !o.event).count(),
        scale: Scale::Log,
        no_effect: Some(1.0),
        margin: OF_TIMES,
        relative: false,
        note: [note.to_string()].into_iter().filter(|n| !n.is_empty()).chain(coverage(x.len().min(y.len()))).collect::<Vec<_>>().join("; "),
    })
}
