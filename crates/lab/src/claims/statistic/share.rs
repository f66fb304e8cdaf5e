//! The share of runs that reached an event.

use super::{LEVEL, OF_SHARES, Statistic, none, number};
use crate::claims::claim::Published;
use crate::claims::data::{Data, NoData};
use crate::claims::rule::{Estimate, Scale};
use crate::claims::statistic::Query;
use pennydrop_registry::{Default, Kind, Param, Row};
use pennydrop_stats::clopper_pearson;

pub static STATISTIC: Statistic = Statistic {
    row: Row {
        name: "share",
        summary: "share of the runs that reached an event within their budget",
        source: "Clopper & Pearson (1934)",
        params: &[Param { key: "of", kind: Kind::Choice(&["t_mem", "t_grok"]), default: Default::Str("t_grok"), doc: "the event" }],
    },
    against: false,
    along: false,
    published: number,
    columns: none,
    estimate,
};

fn estimate(q: &Query, data: &Data, _: Option<&Published>) -> Result<Estimate, NoData> {
    let runs = q.runs(data)?;
    let reached = runs.iter().filter(|r| if q.args.str("of") == "t_mem" { r.t_mem } else { r.t_grok }.is_some()).count();
    let p = clopper_pearson(reached, runs.len(), LEVEL)?;
    Ok(Estimate {
        value: p.estimate,
        low: p.low,
        high: p.high,
        n: runs.len(),
        censored: runs.len() - reached,
        scale: Scale::Linear,
        no_effect: None,
        margin: OF_SHARES,
        relative: false,
        note: format!("{reached} of {}", runs.len()),
    })
}
