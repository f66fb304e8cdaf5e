//! The median of a time.

use super::{AFTER, OF, OF_TIMES, Statistic, bootstrap, coverage, median, none, positive};
use crate::claims::claim::Published;
use crate::claims::data::{Data, NoData, observe};
use crate::claims::rule::{Estimate, Scale};
use crate::claims::statistic::Query;
use pennydrop_registry::Row;
use pennydrop_stats::Observation;

pub static STATISTIC: Statistic = Statistic {
    row: Row { name: "time", summary: "Kaplan–Meier median of a time", source: "Kaplan & Meier (1958)", params: &[OF, AFTER] },
    against: false,
    along: false,
    published: positive,
    columns: none,
    estimate,
};

fn estimate(q: &Query, data: &Data, _: Option<&Published>) -> Result<Estimate, NoData> {
    let (of, after) = (q.args.str("of"), q.args.float("after"));
    let (runs, seen): (Vec<_>, Vec<Observation>) = q.runs(data)?.into_iter().filter_map(|r| Some((r, observe(r, of, after)?))).unzip();
    if runs.is_empty() {
        return Err(NoData("no run memorised, so none has a delay".into()));
    }
    let censored = seen.iter().filter(|o| !o.event).count();
    let i = bootstrap(&[runs], |s| median(&seen, s))?;
    // Half of the runs or more are censored: all that is known is that the median lies beyond.
    let beyond = seen.iter().filter(|o| !o.event).map(|o| o.time).fold(f64::INFINITY, f64::min);
    let low = if i.low.is_finite() { i.low } else { beyond };
    Ok(Estimate {
        value: i.estimate,
        low,
        high: i.high,
        n: seen.len(),
        censored,
        scale: Scale::Log,
        no_effect: None,
        margin: OF_TIMES,
        relative: false,
        note: i.estimate.is_infinite().then(|| "the median was not reached".into()).into_iter().chain(coverage(seen.len())).collect::<Vec<_>>().join("; "),
    })
}
