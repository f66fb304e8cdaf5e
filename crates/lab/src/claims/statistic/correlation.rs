//! Whether two numbers go together over runs.

use super::linear::{Term, columns_of};
use super::{DRAWS, LEVEL, OF_SHARES, Statistic, bootstrap_of, number};
use crate::claims::claim::Published;
use crate::claims::data::{Data, NoData, OBSERVED, Run};
use crate::claims::rule::{Estimate, Scale};
use crate::claims::statistic::Query;
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError};
use pennydrop_stats::{Correlation, spearman_correlation};

pub static STATISTIC: Statistic = Statistic {
    row: Row {
        name: "correlation",
        summary: "Spearman's or Pearson's correlation of two terms, or of a term and a time, over runs",
        source: "Bonett & Wright (2000)",
        params: &[
            Param { key: "of", kind: Kind::Str, default: Default::Required, doc: "a term such as `ln norm@t_mem - ln norm@end`, or t_mem, t_grok, delay" },
            Param { key: "x", kind: Kind::Str, default: Default::Required, doc: "the other" },
            Param { key: "how", kind: Kind::Choice(&["spearman", "pearson"]), default: Default::Str("spearman"), doc: "which" },
        ],
    },
    against: false,
    along: false,
    published,
    columns,
    estimate,
};

/// What is correlated and is no time.
fn written(args: &Args) -> Vec<&str> {
    [args.str("of"), args.str("x")].into_iter().filter(|c| !OBSERVED.contains(c)).collect()
}

fn published(q: &Query, published: Option<&Published>) -> Result<(), SpecError> {
    super::linear::terms(&written(&q.args))?;
    number(q, published)
}

fn columns(args: &Args) -> Vec<String> {
    columns_of(&written(args))
}

fn value(data: &Data, run: &Run, what: &str) -> Option<f64> {
    match what {
        "t_mem" => run.t_mem.map(|t| t as f64),
        "t_grok" => run.t_grok.map(|t| t as f64),
        "delay" => Some(run.t_grok? as f64 - run.t_mem? as f64),
        term => Term::parse(term).ok()?.value(data, run),
    }
}

fn pearson(x: &[f64], y: &[f64], sample: &[usize]) -> f64 {
    let n = sample.len() as f64;
    let mean = |v: &[f64]| sample.iter().map(|i| v[*i]).sum::<f64>() / n;
    let (mx, my) = (mean(x), mean(y));
    let sum = |f: &dyn Fn(usize) -> f64| sample.iter().map(|i| f(*i)).sum::<f64>();
    sum(&|i| (x[i] - mx) * (y[i] - my)) / libm::sqrt(sum(&|i| (x[i] - mx) * (x[i] - mx)) * sum(&|i| (y[i] - my) * (y[i] - my)))
}

fn estimate(q: &Query, data: &Data, _: Option<&Published>) -> Result<Estimate, NoData> {
    let runs = q.runs(data)?;
    let both = |r: &&'_ Run| Some((value(data, r, q.args.str("x"))?, value(data, r, q.args.str("of"))?));
    let kept: Vec<&Run> = runs.iter().copied().filter(|r| both(r).is_some()).collect();
    let (x, y): (Vec<f64>, Vec<f64>) = kept.iter().filter_map(both).unzip();
    if x.len() < 5 {
        return Err(NoData(format!("{} runs have both values, and 5 are needed", x.len())));
    }
    let (n, censored) = (x.len(), runs.len() - x.len());
    let (value, low, high) = if q.args.str("how") == "pearson" {
        let i = bootstrap_of(q.draws(DRAWS), &[kept], |s| pearson(&x, &y, s))?;
        (i.estimate, i.low, i.high)
    } else {
        let c = spearman_correlation(&x, &y)?;
        let (low, high) = match c.interval(LEVEL)? {
            Some(ends) => ends,
            None => perfect(c)?,
        };
        (c.estimate, low, high)
    };
    Ok(Estimate {
        value,
        low,
        high,
        n,
        censored,
        scale: Scale::Linear,
        no_effect: Some(0.0),
        margin: OF_SHARES,
        relative: false,
        note: "runs with both values only".into(),
    })
}

/// The interval of a perfect order: from the end that the next best order has, with one pair of neighbours changed, to ±1 itself.
fn perfect(c: Correlation) -> Result<(f64, f64), NoData> {
    let n = c.n as f64;
    let next = c.estimate * (1.0 - 12.0 / (n * (n * n - 1.0)));
    let ends = Correlation { estimate: next, ..c }.interval(LEVEL)?.unwrap_or((-1.0, 1.0));
    Ok(if c.estimate > 0.0 { (ends.0, 1.0) } else { (-1.0, ends.1) })
}
