//! Whether a published delay law predicts better than a null on the very same runs.

use super::{Statistic, mean_of};
use crate::claims::claim::Published;
use crate::claims::data::{Data, NoData, Run, by_setting};
use crate::claims::rule::{Estimate, Scale};
use crate::claims::statistic::Query;
use crate::spec::grammar::shown;
use pennydrop_registry::{Default, Kind, Param, Row, SpecError};
use pennydrop_theory::laws::calibrate::{self, Judged, error_on_the_same_runs, judge};
use pennydrop_theory::laws::{Law, Measured, laws};

/// `law`: which delay law.
pub(super) const LAW: Param = Param {
    key: "law",
    kind: Kind::Str,
    default: Default::Required,
    doc: "a delay law, or the beginning of the names of its conventions, of which the best counts",
};

pub static STATISTIC: Statistic = Statistic {
    row: Row {
        name: "prediction",
        summary: "error of the best null less that of a delay law, on the same runs of settings held out: above 0 the law is better",
        source: "`pennydrop theory laws`",
        params: &[
            LAW,
            Param {
                key: "how",
                kind: Kind::Choice(&["gain", "mape"]),
                default: Default::Str("gain"),
                doc: "mape: the law's own mean |predicted/seen − 1| instead, of the time after t_mem",
            },
        ],
    },
    against: false,
    along: false,
    published,
    columns: super::none,
    estimate,
};

/// The laws of this name, or of this beginning of a name.
pub(super) fn meant(name: &str) -> Vec<&'static Law> {
    let all = laws().into_iter().filter(|l| !l.is_null());
    let exact: Vec<&Law> = all.clone().filter(|l| l.name == name).collect();
    if exact.is_empty() { all.filter(|l| l.name.strip_prefix(name).is_some_and(|r| r.starts_with('-'))).collect() } else { exact }
}

/// The law is one.
pub(super) fn known(q: &Query) -> Result<(), SpecError> {
    let name = q.args.str("law");
    if meant(name).is_empty() {
        return Err(SpecError::unknown("statistic.law", "delay law", &shown(name), laws().into_iter().filter(|l| !l.is_null()).map(|l| l.name)));
    }
    Ok(())
}

fn published(q: &Query, published: Option<&Published>) -> Result<(), SpecError> {
    known(q)?;
    if q.args.str("how") == "mape" { super::number(q, published) } else { Ok(()) }
}

/// What a delay law reads of a run.
pub(super) fn measured(data: &Data, r: &Run) -> Measured {
    let number = |c: &str| data.number(r, c);
    Measured {
        eta: number("optim.lr"),
        lambda: number("optim.weight_decay"),
        decoupled: data.value(r, "optim.name").map(|n| n == "adamw"),
        t_mem: r.t_mem.map(|t| t as f64),
        t_grok: r.t_grok.map(|t| t as f64),
        steps: r.horizon() as f64,
        norm_start: number("norm@start"),
        norm_mem: number("norm@t_mem"),
        norm_grok: number("norm@t_grok"),
        norm_end: number("norm@end"),
        logits_mem: number("logit_scale@t_mem"),
        fraction: number("task.fraction"),
        init_scale: number("model.init_scale"),
        ..Measured::default()
    }
}

fn estimate(q: &Query, data: &Data, _: Option<&Published>) -> Result<Estimate, NoData> {
    let groups = by_setting(&q.runs(data)?);
    let runs: Vec<calibrate::Run> =
        groups.iter().enumerate().flat_map(|(setting, g)| g.iter().map(move |r| calibrate::Run { measured: measured(data, r), setting })).collect();
    let judged = |l: &'static Law| judge(l, &runs, false).filter(|j| j.error.is_finite()).map(|j| (l, j));
    let ours = meant(q.args.str("law")).into_iter().filter_map(judged).min_by(|a, b| a.1.error.total_cmp(&b.1.error));
    let (law, ours): (&Law, Judged) =
        ours.ok_or_else(|| NoData(format!("the law `{}` applies to no run, or there is no other setting to calibrate it on", q.args.str("law"))))?;
    if q.args.str("how") == "mape" {
        return mape(law, &ours, &runs, &groups);
    }
    let same = |j: &Judged| error_on_the_same_runs(&ours, j, &runs);
    let nulls = laws().into_iter().filter(|l| l.is_null()).filter_map(judged).filter(|(_, j)| same(j).is_finite());
    let (null, theirs) = nulls.min_by(|a, b| same(&a.1).total_cmp(&same(&b.1))).ok_or_else(|| NoData("no null applies to these runs".into()))?;
    let gain: Vec<Option<f64>> = ours
        .predicted
        .iter()
        .zip(&theirs.predicted)
        .map(|(p, n)| {
            let t = runs[p.run].measured.t_grok.filter(|t| *t > 0.0)?;
            Some(libm::log(n.time.as_ref().ok()? / t).abs() - libm::log(p.time.as_ref().ok()? / t).abs())
        })
        .collect();
    let i = mean_of(&groups, &gain)?;
    Ok(Estimate {
        value: i.estimate,
        low: i.low,
        high: i.high,
        n: gain.iter().flatten().count(),
        censored: runs.iter().filter(|r| r.measured.t_grok.is_none()).count(),
        scale: Scale::Sign,
        no_effect: Some(0.0),
        margin: 0.0,
        relative: false,
        note: format!("{} is wrong by a factor {:.2}, the best null ({}) by {:.2}", law.name, libm::exp(ours.error), null.name, libm::exp(same(&theirs))),
    })
}

/// Mean |predicted/seen − 1| of the time after memorisation, as papers print it.
fn mape(law: &Law, ours: &Judged, runs: &[calibrate::Run], groups: &[Vec<&Run>]) -> Result<Estimate, NoData> {
    let errors: Vec<Option<f64>> = ours
        .predicted
        .iter()
        .map(|p| {
            let m = &runs[p.run].measured;
            let (t, from) = (m.t_grok?, m.t_mem?);
            Some(((p.time.as_ref().ok()? - from) / (t - from) - 1.0).abs()).filter(|e| t > from && e.is_finite())
        })
        .collect();
    let i = mean_of(groups, &errors)?;
    Ok(Estimate {
        value: i.estimate,
        low: i.low,
        high: i.high,
        n: errors.iter().flatten().count(),
        censored: runs.iter().filter(|r| r.measured.t_grok.is_none()).count(),
        scale: Scale::Linear,
        no_effect: None,
        margin: super::OF_SHARES,
        relative: false,
        note: format!("{}, each setting predicted from the others; it does not apply to {} of {} runs", law.name, ours.outside, runs.len()),
    })
}
