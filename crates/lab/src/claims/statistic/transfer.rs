//! Whether a delay law with the constants of some settings follows the times of others.

use super::prediction::{LAW, meant, measured};
use super::{Statistic, mean_of};
use crate::claims::claim::Published;
use crate::claims::data::{Data, NoData, Run, by_setting};
use crate::claims::rule::{Estimate, Scale};
use crate::claims::statistic::Query;
use pennydrop_registry::{Default, Kind, Param, Row, SpecError};
use pennydrop_theory::laws::calibrate::{self, calibrate};

pub static STATISTIC: Statistic = Statistic {
    row: Row {
        name: "transfer",
        summary: "mean |ln error| on `where` of a delay law calibrated on `against`, less ln `within`: above 0 the law does not follow",
        source: "`pennydrop theory laws`",
        params: &[
            LAW,
            Param {
                key: "within",
                kind: Kind::Float { min: 1.0, max: 1e6 },
                default: Default::Float(2.0),
                doc: "the factor of error up to which a law follows",
            },
        ],
    },
    against: true,
    along: false,
    published,
    columns: super::none,
    estimate,
};

fn published(q: &Query, published: Option<&Published>) -> Result<(), SpecError> {
    super::prediction::known(q)?;
    match published {
        None => Ok(()),
        Some(_) => Err(SpecError::new("part.published", "this statistic is decided by its sign", "nothing")),
    }
}

fn estimate(q: &Query, data: &Data, _: Option<&Published>) -> Result<Estimate, NoData> {
    let own = data.select(&q.against, q.twin)?;
    let groups = by_setting(&q.runs(data)?.into_iter().filter(|r| !own.iter().any(|o| o.id == r.id)).collect::<Vec<_>>());
    let runs: Vec<&Run> = groups.iter().flatten().copied().collect();
    let base: Vec<calibrate::Run> = own.iter().map(|r| calibrate::Run { measured: measured(data, r), setting: 0 }).collect();
    let mut best: Option<(f64, &str, Vec<Option<f64>>, String)> = None;
    for law in meant(q.args.str("law")) {
        let Some(constants) = calibrate(law, &base.iter().collect::<Vec<_>>()) else { continue };
        let errors: Vec<Option<f64>> = runs
            .iter()
            .map(|r| {
                let m = measured(data, r);
                let t = (law.predict)(&m, &constants).ok().filter(|t| *t > 0.0)?;
                match m.t_grok {
                    Some(seen) => Some(libm::log(t / seen.max(super::HALF)).abs()),
                    None => Some((-libm::log(t / m.steps.max(super::HALF))).max(0.0)),
                }
            })
            .collect();
        let kept: Vec<f64> = errors.iter().flatten().copied().collect();
        let mean = kept.iter().sum::<f64>() / kept.len() as f64;
        if !kept.is_empty() && best.as_ref().is_none_or(|b| mean < b.0) {
            let said: Vec<String> = law.constants.iter().zip(&constants).map(|(c, v)| format!("{} = {v:.3}", c.name)).collect();
            best = Some((mean, law.name, errors, said.join(", ")));
        }
    }
    let (mean, name, errors, said) =
        best.ok_or_else(|| NoData(format!("the law `{}` applies to no run, or cannot be calibrated on {}", q.args.str("law"), q.against.words())))?;
    let within = libm::log(q.args.float("within"));
    let i = mean_of(&groups, &errors)?;
    let outside = errors.iter().filter(|e| e.is_none()).count();
    let said = if said.is_empty() { String::new() } else { format!(" ({said})") };
    Ok(Estimate {
        value: i.estimate - within,
        low: i.low - within,
        high: i.high - within,
        n: runs.len(),
        censored: runs.iter().filter(|r| r.t_grok.is_none()).count(),
        scale: Scale::Sign,
        no_effect: Some(0.0),
        margin: 0.0,
        relative: false,
        note: format!("{name}{said} is wrong by a factor {:.2} on {} runs; to {outside} it does not apply", libm::exp(mean), errors.len() - outside),
    })
}
