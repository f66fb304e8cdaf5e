//! Whether times increase along a list of settings, seed by seed.

use super::{LEVEL, OF, Statistic, none};
use crate::claims::claim::Published;
use crate::claims::data::{Data, NoData, Run, observe};
use crate::claims::rule::{Estimate, Scale};
use crate::claims::statistic::Query;
use pennydrop_registry::{Row, SpecError};
use pennydrop_stats::{Observation, clopper_pearson};
use std::collections::BTreeMap;

pub static STATISTIC: Statistic = Statistic {
    row: Row {
        name: "order",
        summary: "share of the seeds whose times increase along `along`; held against one half where nothing is published",
        source: "Clopper & Pearson (1934)",
        params: &[OF],
    },
    against: false,
    along: true,
    published,
    columns: none,
    estimate,
};

fn published(_: &Query, published: Option<&Published>) -> Result<(), SpecError> {
    match published {
        None => Ok(()),
        Some(Published::Number(x)) if (0.0..=1.0).contains(x) => Ok(()),
        Some(_) => Err(SpecError::new("part.published", "an order is compared with a share of the seeds", "0 to 1, or nothing")),
    }
}

/// Whether `a` comes before `b`; `None` where censoring hides it.
fn before(a: Observation, b: Observation) -> Option<bool> {
    match (a.event, b.event) {
        (true, true) => Some(a.time < b.time),
        (true, false) if a.time <= b.time => Some(true),
        (false, true) if a.time >= b.time => Some(false),
        _ => None,
    }
}

fn estimate(q: &Query, data: &Data, _: Option<&Published>) -> Result<Estimate, NoData> {
    let mut places: Vec<BTreeMap<[i64; 4], &Run>> = Vec::new();
    for filter in &q.along {
        let runs = data.select(filter, q.twin)?;
        let by: BTreeMap<[i64; 4], &Run> = runs.iter().map(|r| (r.seeds, *r)).collect();
        if by.len() < runs.len() {
            return Err(NoData(format!("{} leaves several settings, and an order needs one a place", filter.words())));
        }
        places.push(by);
    }
    let (mut increasing, mut decided, mut hidden, mut censored) = (0, 0, 0, 0);
    for seed in places[0].keys() {
        let Some(runs) = places.iter().map(|p| p.get(seed).copied()).collect::<Option<Vec<&Run>>>() else { continue };
        let Some(seen) = runs.iter().map(|r| observe(r, q.args.str("of"), 0.0)).collect::<Option<Vec<_>>>() else { continue };
        censored += seen.iter().filter(|o| !o.event).count();
        let steps: Vec<Option<bool>> = seen.windows(2).map(|w| before(w[0], w[1])).collect();
        match () {
            () if steps.contains(&Some(false)) => decided += 1,
            () if steps.contains(&None) => hidden += 1,
            () => {
                increasing += 1;
                decided += 1;
            }
        }
    }
    if decided == 0 {
        return Err(NoData(format!("no seed decides the order: {hidden} are hidden by censoring")));
    }
    let p = clopper_pearson(increasing, decided, LEVEL)?;
    let note = if hidden > 0 { format!("{increasing} of {decided} seeds; {hidden} hidden by censoring") } else { format!("{increasing} of {decided} seeds") };
    Ok(Estimate {
        value: p.estimate,
        low: p.low,
        high: p.high,
        n: decided * places.len(),
        censored,
        scale: Scale::Linear,
        no_effect: None,
        margin: 0.5,
        relative: false,
        note,
    })
}
