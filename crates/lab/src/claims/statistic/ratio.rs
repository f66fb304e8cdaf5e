//! How many times longer one selection takes than another.
//!
//! Where the median of one side was not reached the ratio is a bound: with 0 of 4 runs of `against` by step 60 000, and 24 000 steps of `where`, below 0.4.

use super::{AFTER, HALF, OF, OF_TIMES, Statistic, bootstrap, coverage, median, none, paired, positive};
use crate::claims::claim::Published;
use crate::claims::data::{Data, NoData, Run, observe};
use crate::claims::rule::{Estimate, Scale};
use crate::claims::statistic::Query;
use pennydrop_registry::Row;
use pennydrop_stats::{Interval, Observation};

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
    let pairs = paired(&a, &b).filter(|p| p.iter().all(|r| both(r).is_some()));
    let (interval, x, y, note) = match pairs {
        Some(pairs) => {
            let (x, y): (Vec<Observation>, Vec<Observation>) = pairs.iter().filter_map(both).unzip();
            let group = pairs.iter().map(|p| p.0).collect();
            (interval(&[group], |s, end| end.of(&x, s, &y, s))?, x, y, "paired by seed")
        }
        None => {
            let (a, x): (Vec<_>, Vec<Observation>) = a.into_iter().filter_map(|r| Some((r, observe(r, of, after)?))).unzip();
            let (b, y): (Vec<_>, Vec<Observation>) = b.into_iter().filter_map(|r| Some((r, observe(r, of, after)?))).unzip();
            if a.is_empty() || b.is_empty() {
                return Err(NoData("no run of one side memorised, so none has a delay".into()));
            }
            let (n, all) = (x.len(), [&x[..], &y[..]].concat());
            let interval = interval(&[a, b], |s, end| {
                let (first, second): (Vec<usize>, Vec<usize>) = s.iter().partition(|i| **i < n);
                end.of(&all, &first, &all, &second)
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

/// What is asked of a quotient of two medians.
#[derive(Clone, Copy)]
enum End {
    /// The quotient: 0 or infinite where one median was not reached, no number where neither was.
    Estimate,
    /// The least that it can be.
    Low,
    /// The most.
    High,
}

impl End {
    fn of(self, x: &[Observation], of_x: &[usize], y: &[Observation], of_y: &[usize]) -> f64 {
        let (x, y) = (Bounds::new(x, of_x), Bounds::new(y, of_y));
        let (above, below) = match self {
            End::Estimate if x.high.is_infinite() && y.high.is_infinite() => return f64::NAN,
            End::Estimate => (x.high, y.high),
            End::Low => (x.low, y.high),
            End::High => (x.high, y.low),
        };
        above.max(HALF) / below.max(HALF)
    }
}

/// Where a median lies: a point, or beyond the earliest censoring.
struct Bounds {
    low: f64,
    high: f64,
}

impl Bounds {
    fn new(observations: &[Observation], sample: &[usize]) -> Bounds {
        let high = median(observations, sample);
        let censored = sample.iter().map(|i| observations[*i]).filter(|o| !o.event);
        Bounds { low: if high.is_finite() { high } else { censored.map(|o| o.time).fold(f64::INFINITY, f64::min) }, high }
    }
}

/// The interval between the least and the most that the quotient can be, on the same draws.
fn interval(groups: &[Vec<&Run>], quotient: impl Fn(&[usize], End) -> f64) -> Result<Interval, NoData> {
    let end = |end| bootstrap(groups, |s| quotient(s, end));
    Ok(Interval { low: end(End::Low)?.low, high: end(End::High)?.high, ..end(End::Estimate)? })
}
