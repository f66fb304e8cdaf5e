//! A measured number.

use super::{OF_SHARES, OF_TIMES, Statistic, bootstrap, number};
use crate::claims::claim::Published;
use crate::claims::data::{Data, NoData};
use crate::claims::rule::{Estimate, Scale};
use crate::claims::statistic::Query;
use pennydrop_registry::{Default, Kind, Param, Row};
use pennydrop_stats::quantile;

pub static STATISTIC: Statistic = Statistic {
    row: Row {
        name: "value",
        summary: "median, mean or coefficient of variation of a measured column",
        source: "Efron & Tibshirani (1993)",
        params: &[
            Param { key: "of", kind: Kind::Str, default: Default::Required, doc: "the column, SERIES@WHEN" },
            Param { key: "how", kind: Kind::Choice(&["median", "mean", "cv"]), default: Default::Str("median"), doc: "what of it" },
            Param {
                key: "scale",
                kind: Kind::Choice(&["log", "linear"]),
                default: Default::Str("log"),
                doc: "how it is compared; accuracies, shares and cv always as they are",
            },
        ],
    },
    against: false,
    along: false,
    published: number,
    columns: super::its_of,
    estimate,
};

fn of(how: &str, values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    match how {
        "mean" => mean,
        "cv" => libm::sqrt(values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0)) / mean,
        _ => quantile(values, 0.5).unwrap_or(f64::NAN),
    }
}

fn estimate(q: &Query, data: &Data, published: Option<&Published>) -> Result<Estimate, NoData> {
    let (column, how) = (q.args.str("of"), q.args.str("how"));
    let all = q.runs(data)?;
    let (runs, x): (Vec<_>, Vec<f64>) = all.iter().filter_map(|r| Some((*r, data.number(r, column)?))).unzip();
    if x.len() < 2 {
        return Err(NoData(format!("{} runs have a value of `{column}`, and 2 are needed", x.len())));
    }
    let i = bootstrap(&[runs], |s| of(how, &s.iter().map(|k| x[*k]).collect::<Vec<_>>()))?;
    let bounded = ["accuracy", "collapsed", "gini"].iter().any(|w| column.contains(w));
    let above = matches!(published, Some(Published::Number(p)) if *p > 0.0);
    let log = q.args.str("scale") == "log" && how != "cv" && !bounded && above && i.low > 0.0;
    let missing = all.len() - x.len();
    Ok(Estimate {
        value: i.estimate,
        low: i.low,
        high: i.high,
        n: x.len(),
        censored: missing,
        scale: if log { Scale::Log } else { Scale::Linear },
        no_effect: None,
        margin: if log { OF_TIMES } else { OF_SHARES },
        relative: false,
        note: if missing > 0 { format!("{missing} runs never came to it") } else { String::new() },
    })
}
