//! The three-input recipe of norm separation: the time and the norm at memorisation, and the rate at which the norm falls just after.

use super::{OF_SHARES, Statistic, mean_of, number};
use crate::claims::claim::Published;
use crate::claims::data::{Data, NoData, Run, by_setting};
use crate::claims::rule::{Estimate, Scale};
use crate::claims::statistic::Query;
use pennydrop_registry::{Args, Default, Kind, Param, Row};
use pennydrop_stats::quantile;

pub static STATISTIC: Statistic = Statistic {
    row: Row {
        name: "recipe",
        summary: "mean |predicted/seen − 1| of the delay ln(V_mem/V_post)/γ, with γ fitted just after t_mem and V_post from the other runs of the setting",
        source: "card norm-separation, algorithm 1 as reconstructed there",
        params: &[Param { key: "rate", kind: Kind::Str, default: Default::Str("norm@rate:100"), doc: "the column of the norm's early rate" }],
    },
    against: false,
    along: false,
    published: number,
    columns,
    estimate,
};

fn columns(args: &Args) -> Vec<String> {
    ["norm@t_mem", "norm@end", args.str("rate")].map(str::to_string).to_vec()
}

/// The predicted delay of run `k` of a setting; `None` where the recipe says that there is none, or an input is missing.
fn predicted(norms: &[(Option<f64>, Option<f64>, Option<f64>)], k: usize) -> Option<f64> {
    let others: Vec<f64> = norms.iter().enumerate().filter(|(i, _)| *i != k).filter_map(|(_, n)| n.1).collect();
    let post = quantile(&others, 0.5).ok()?;
    let (mem, rate) = (norms[k].0?, norms[k].2.filter(|r| *r > 0.0)?);
    // V is the square of the norm: twice the logarithm, and twice the rate.
    let ratio = 2.0 * libm::log(mem / post);
    (ratio > std::f64::consts::LN_2).then(|| ratio / (2.0 * rate))
}

fn estimate(q: &Query, data: &Data, _: Option<&Published>) -> Result<Estimate, NoData> {
    let groups = by_setting(&q.runs(data)?);
    let (mut errors, mut above, mut outside, mut far) = (Vec::new(), 0, 0, 0);
    for group in &groups {
        let norms: Vec<_> = group.iter().map(|r| (data.number(r, "norm@t_mem"), data.number(r, "norm@end"), data.number(r, q.args.str("rate")))).collect();
        for (k, run) in group.iter().enumerate() {
            let seen = |r: &Run| Some(r.t_grok? as f64 - r.t_mem? as f64).filter(|d| *d > 0.0);
            let (said, delay) = (predicted(&norms, k), seen(run));
            outside += usize::from(said.is_none());
            let ratio = said.zip(delay).map(|(s, d)| s / d);
            above += usize::from(ratio.is_some_and(|r| r > 1.0));
            far += usize::from(ratio.is_some_and(|r| !(0.5..=2.0).contains(&r)));
            errors.push(ratio.map(|r| (r - 1.0).abs()));
        }
    }
    let n = errors.iter().flatten().count();
    if n < 2 {
        return Err(NoData(format!(
            "the recipe predicts a delay of {n} runs that have one, and 2 are needed; it says nothing of {outside} of {}",
            errors.len()
        )));
    }
    let i = mean_of(&groups, &errors)?;
    Ok(Estimate {
        value: i.estimate,
        low: i.low,
        high: i.high,
        n,
        censored: groups.iter().flatten().filter(|r| r.t_grok.is_none()).count(),
        scale: Scale::Linear,
        no_effect: None,
        margin: OF_SHARES,
        relative: false,
        note: format!("{above} of {n} are too late, {far} by more than a factor of 2 either way; it says nothing of {outside} runs"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_of_an_exponential_decay() {
        // V falls from 100² to 10² at 2·1e-3 a step: ln 100 / 2e-3.
        let norms = [(Some(100.0), Some(10.0), Some(1e-3)), (Some(90.0), Some(10.0), Some(1e-3)), (Some(12.0), Some(9.0), Some(1e-3))];
        let first = predicted(&norms, 0).unwrap();
        assert!((first - libm::log(100.0 * 100.0 / 9.5 / 9.5) / 2e-3).abs() < 1e-6, "{first}");
        // V_mem below twice V_post: none is predicted.
        assert_eq!(predicted(&norms, 2), None);
        assert_eq!(predicted(&norms[..1], 0), None);
    }
}
