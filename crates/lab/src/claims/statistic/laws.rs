//! Which of several laws predicts settings that it has not seen.

use super::{HALF, LEVEL, OF, Statistic};
use crate::claims::claim::Published;
use crate::claims::data::{Data, NoData, by_setting, observe};
use crate::claims::rule::{Estimate, Scale};
use crate::claims::statistic::Query;
use crate::spec::grammar::shown;
use pennydrop_registry::{Default, Kind, Param, Row, SpecError};
use pennydrop_stats::laws::{CompareOptions, Intervals, Law, LawPoint, compare};
use pennydrop_stats::{Bootstrap, Observation};
use std::collections::BTreeMap;

pub static STATISTIC: Statistic = Statistic {
    row: Row {
        name: "laws",
        summary: "error of the best rival less that of the published law, each setting predicted from the others: above 0 the published law wins",
        source: "card delay laws; Burnham & Anderson (2002)",
        params: &[
            OF,
            Param { key: "x", kind: Kind::Str, default: Default::Required, doc: "the covariate, a key or a measured column" },
            Param {
                key: "laws",
                kind: Kind::Strs,
                default: Default::Strs(&["power", "exponential", "logarithmic", "constant"]),
                doc: "constant, inverse, proportional, power, exponential, logarithmic, offset",
            },
        ],
    },
    against: false,
    along: false,
    published,
    columns: super::its_x,
    estimate,
};

fn published(q: &Query, published: Option<&Published>) -> Result<(), SpecError> {
    let named = q.args.strs("laws");
    if let Some(wrong) = named.iter().find(|n| Law::from_name(n).is_none()) {
        return Err(SpecError::unknown("statistic.laws", "law", &shown(wrong), Law::ALL.iter().map(|l| l.name())));
    }
    match published {
        Some(Published::Name(n)) if named.contains(&n.as_str()) && named.len() > 1 => Ok(()),
        _ => Err(SpecError::new("part.published", "the law that should win must be one of two `laws` or more", named.join(", "))),
    }
}

fn estimate(q: &Query, data: &Data, published: Option<&Published>) -> Result<Estimate, NoData> {
    let Some(Published::Name(claimed)) = published else { return Err(NoData("no law is said to win".into())) };
    let laws: Vec<Law> = q.args.strs("laws").into_iter().filter_map(Law::from_name).collect();
    let mut points = Vec::new();
    for (group, setting) in by_setting(&q.runs(data)?).into_iter().enumerate() {
        for r in setting {
            let (Some(x), Some(o)) = (data.number(r, q.args.str("x")), observe(r, q.args.str("of"), 0.0)) else { continue };
            let number = |key: &str| data.value(r, key).and_then(|v| v.parse::<f64>().ok());
            let contraction = number("optim.lr").and_then(|e| Some(e * number("optim.weight_decay")?)).filter(|c| *c > 0.0);
            let t_mem = r.t_mem.map(|t| (t as f64).max(HALF));
            points.push(LawPoint { x, contraction, t_mem, observation: Observation { time: o.time.max(HALF), event: o.event }, group, stratum: 0 });
        }
    }
    let few = Bootstrap { resamples: 2, ..Bootstrap::default() };
    let all = compare(&laws, &points, &CompareOptions { paired: few, intervals: Intervals::Wald { level: LEVEL } })?;
    let ours = all.entries.iter().find(|e| e.law.name() == claimed);
    let ours = ours.filter(|e| e.held_out_error().is_some()).ok_or_else(|| NoData(format!("the {claimed} law could not predict every setting")))?;
    let rivals = all.entries.iter().filter(|e| e.law.name() != claimed).filter_map(|e| Some((e, e.held_out_error()?)));
    let best = rivals.min_by(|a, b| a.1.total_cmp(&b.1)).ok_or_else(|| NoData("no rival could predict every setting".into()))?.0;
    let theirs: BTreeMap<usize, f64> = best.held_out.groups.iter().filter_map(|g| Some((g.group, g.outcome.as_ref().ok()?.mean_absolute_error?))).collect();
    // Of each setting: how many events, and by how much the rival is worse on them.
    let groups: Vec<(f64, f64)> = ours
        .held_out
        .groups
        .iter()
        .filter_map(|g| {
            let score = g.outcome.as_ref().ok()?;
            Some((score.events as f64, theirs.get(&g.group)? - score.mean_absolute_error?))
        })
        .collect();
    let mean = |s: &[usize]| s.iter().map(|i| groups[*i].0 * groups[*i].1).sum::<f64>() / s.iter().map(|i| groups[*i].0).sum::<f64>();
    let i = Bootstrap { level: LEVEL, ..Bootstrap::default() }.plain(groups.len(), mean)?;
    Ok(Estimate {
        value: i.estimate,
        low: i.low,
        high: i.high,
        n: points.len(),
        censored: points.iter().filter(|p| !p.observation.event).count(),
        scale: Scale::Sign,
        no_effect: Some(0.0),
        margin: 0.0,
        relative: false,
        note: format!("mean |ln error| of {claimed} against {}, {} settings held out in turn", best.law.name(), groups.len()),
    })
}
