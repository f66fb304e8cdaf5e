//! Where along a key half of the runs generalise within a horizon.
//!
//! The estimator is Spearman's and Kärber's on shares made monotone by pooling adjacent violators: it needs no form of the curve, and exists where a logistic
//! regression separates. Its grid is part of its error, so the interval is never narrower than half the gap, in ln x, that holds the estimate.

use super::{Statistic, bootstrap, number, positive};
use crate::claims::claim::Published;
use crate::claims::data::{Data, NoData, Run};
use crate::claims::rule::{Estimate, Scale};
use crate::claims::statistic::Query;
use pennydrop_registry::{Default, Kind, Param, Row};

const X: Param = Param { key: "x", kind: Kind::Str, default: Default::Required, doc: "the key, positive" };
const HORIZON: Param = Param { key: "horizon", kind: Kind::Float { min: 1e-6, max: 1.0 }, default: Default::Float(1.0), doc: "share of the budget" };

pub static STATISTIC: Statistic = Statistic {
    row: Row {
        name: "threshold",
        summary: "x at which half of the runs generalise within a share of their budget",
        source: "Spearman (1908), Kärber (1931)",
        params: &[X, HORIZON],
    },
    against: false,
    along: false,
    published: positive,
    columns: super::its_x,
    estimate,
};

pub static RATIO: Statistic = Statistic {
    row: Row {
        name: "threshold-ratio",
        summary: "threshold of `where` at a horizon over that of `against` at another",
        source: "Spearman (1908), Kärber (1931)",
        params: &[
            X,
            HORIZON,
            Param { key: "against_horizon", kind: Kind::Float { min: 1e-6, max: 1.0 }, default: Default::Float(1.0), doc: "share of the budget of `against`" },
        ],
    },
    against: true,
    along: false,
    published: |q, p| number(q, p).and_then(|()| positive(q, p)),
    columns: super::its_x,
    estimate: ratio,
};

/// ln x of every run, and whether it generalised within the horizon.
fn seen(data: &Data, runs: &[&Run], x: &str, horizon: f64) -> Result<Vec<(f64, bool)>, NoData> {
    let of = |r: &&Run| {
        let value = data.number(r, x).filter(|v| *v > 0.0).ok_or_else(|| NoData(format!("`{x}` has no logarithm in a run")))?;
        Ok((libm::log(value), r.t_grok.is_some_and(|t| t as f64 <= horizon * r.budget as f64)))
    };
    runs.iter().map(of).collect()
}

/// ln of the threshold and half the gap around it; NaN where the shares do not rise from below to above one half.
fn threshold(points: &[(f64, bool)], sample: &[usize]) -> (f64, f64) {
    let mut rows: Vec<(f64, bool)> = sample.iter().map(|i| points[*i]).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Blocks of equal share: summed shares, weight, and the values of x that they hold.
    let mut blocks: Vec<(f64, f64, Vec<f64>)> = Vec::new();
    for cell in rows.chunk_by(|a, b| a.0 == b.0) {
        let (hits, n) = (cell.iter().filter(|c| c.1).count() as f64, cell.len() as f64);
        blocks.push((hits, n, vec![cell[0].0]));
        while blocks.len() > 1 && blocks[blocks.len() - 2].0 / blocks[blocks.len() - 2].1 >= blocks[blocks.len() - 1].0 / blocks[blocks.len() - 1].1 {
            let Some(last) = blocks.pop() else { break };
            let before = blocks.len() - 1;
            blocks[before].0 += last.0;
            blocks[before].1 += last.1;
            blocks[before].2.extend(last.2);
        }
    }
    let shares: Vec<(f64, f64)> = blocks.iter().flat_map(|(h, n, xs)| xs.iter().map(move |x| (*x, h / n))).collect();
    let (Some(first), Some(last)) = (shares.first(), shares.last()) else { return (f64::NAN, f64::NAN) };
    if first.1 >= 0.5 || last.1 <= 0.5 {
        return (f64::NAN, f64::NAN);
    }
    let rise = last.1 - first.1;
    let value: f64 = shares.windows(2).map(|w| (w[1].1 - w[0].1) / rise * (w[0].0 + w[1].0) / 2.0).sum();
    let gap = shares.windows(2).find(|w| w[1].0 >= value).map_or(f64::NAN, |w| w[1].0 - w[0].0);
    (value, gap / 2.0)
}

fn open(what: &str, points: &[(f64, bool)]) -> NoData {
    let hits = points.iter().filter(|p| p.1).count();
    NoData(format!("{what}: {hits} of {} runs generalise within the horizon, and the shares do not pass one half along the grid", points.len()))
}

fn estimate(q: &Query, data: &Data, _: Option<&Published>) -> Result<Estimate, NoData> {
    let runs = q.runs(data)?;
    let points = seen(data, &runs, q.args.str("x"), q.args.float("horizon"))?;
    let (at, half) = threshold(&points, &(0..points.len()).collect::<Vec<_>>());
    if at.is_nan() {
        return Err(open("threshold", &points));
    }
    let mut by: Vec<(u64, Vec<&Run>)> = Vec::new();
    let mut kept = Vec::new();
    regroup(&runs, &points, &mut by, &mut kept);
    let i = bootstrap(&only(&by), |s| threshold(&kept, s).0)?;
    Ok(result(at, i.low.min(at - half), i.high.max(at + half), &points))
}

/// Runs in groups of one x, so that the bootstrap draws within them, and their points in that order.
fn regroup<'a>(runs: &[&'a Run], points: &[(f64, bool)], by: &mut Vec<(u64, Vec<&'a Run>)>, kept: &mut Vec<(f64, bool)>) {
    let mut order: Vec<usize> = (0..runs.len()).collect();
    order.sort_by(|a, b| points[*a].0.total_cmp(&points[*b].0));
    for i in order {
        let key = points[i].0.to_bits();
        if by.last().is_none_or(|b| b.0 != key) {
            by.push((key, Vec::new()));
        }
        if let Some(last) = by.last_mut() {
            last.1.push(runs[i]);
        }
        kept.push(points[i]);
    }
}

fn only<'a>(by: &[(u64, Vec<&'a Run>)]) -> Vec<Vec<&'a Run>> {
    by.iter().map(|b| b.1.clone()).collect()
}

fn result(at: f64, low: f64, high: f64, points: &[(f64, bool)]) -> Estimate {
    Estimate {
        value: libm::exp(at),
        low: libm::exp(low),
        high: libm::exp(high),
        n: points.len(),
        censored: points.iter().filter(|p| !p.1).count(),
        scale: Scale::Log,
        no_effect: None,
        margin: super::OF_TIMES,
        relative: false,
        note: "the interval holds half of the grid's gap".into(),
    }
}

fn ratio(q: &Query, data: &Data, _: Option<&Published>) -> Result<Estimate, NoData> {
    let x = q.args.str("x");
    let (a, b) = (q.runs(data)?, data.select(&q.against, q.twin)?);
    let (top, bottom) = (seen(data, &a, x, q.args.float("horizon"))?, seen(data, &b, x, q.args.float("against_horizon"))?);
    let whole = |p: &[(f64, bool)]| threshold(p, &(0..p.len()).collect::<Vec<_>>());
    let ((ta, ha), (tb, hb)) = (whole(&top), whole(&bottom));
    for (value, side, points) in [(ta, "where", &top), (tb, "against", &bottom)] {
        if value.is_nan() {
            return Err(open(side, points));
        }
    }
    // The same runs at two horizons are drawn together; otherwise each side for itself.
    let same = a.len() == b.len() && a.iter().zip(&b).all(|(r, s)| r.id == s.id);
    let (mut by, mut first, mut second) = (Vec::new(), Vec::new(), Vec::new());
    regroup(&a, &top, &mut by, &mut first);
    let n = first.len();
    let i = if same {
        regroup(&b, &bottom, &mut Vec::new(), &mut second);
        bootstrap(&only(&by), |s| threshold(&first, s).0 - threshold(&second, s).0)?
    } else {
        let mut other = Vec::new();
        regroup(&b, &bottom, &mut other, &mut second);
        by.extend(other);
        bootstrap(&only(&by), |s| {
            let (p, q): (Vec<usize>, Vec<usize>) = s.iter().partition(|i| **i < n);
            threshold(&first, &p).0 - threshold(&second, &q.iter().map(|i| i - n).collect::<Vec<_>>()).0
        })?
    };
    let (at, half) = (ta - tb, libm::hypot(ha, hb));
    let mut e = result(at, i.low.min(at - half), i.high.max(at + half), if same { &top } else { &[] });
    if !same {
        (e.n, e.censored) = (top.len() + bottom.len(), top.iter().chain(&bottom).filter(|p| !p.1).count());
    }
    e.no_effect = Some(1.0);
    Ok(e)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_runs() {
        let shares = [(0.01, 0), (0.02, 1), (0.04, 3), (0.08, 4)];
        let points: Vec<(f64, bool)> = shares.iter().flat_map(|(x, hits)| (0..4).map(move |k| (libm::log(*x), k < *hits))).collect();
        let all: Vec<usize> = (0..points.len()).collect();
        // Rises of 1/4, 1/2, 1/4 in gaps centred at ln of √2·0.01, 0.02·√2, 0.04·√2.
        let want = libm::log(0.02 * 2f64.sqrt());
        let (value, half) = threshold(&points, &all);
        assert!((value - want).abs() < 1e-12 && (half - libm::log(2.0) / 2.0).abs() < 1e-12, "{value} {half}");
    }

    #[test]
    fn a_dip_is_pooled_and_a_grid_that_misses_says_so() {
        let of = |hits: [usize; 4]| hits.iter().enumerate().flat_map(|(i, h)| (0..4).map(move |k| (i as f64, k < *h))).collect::<Vec<_>>();
        let all: Vec<usize> = (0..16).collect();
        // 0, 3, 1, 4 of 4 pool to 0, 2, 2, 4.
        let (dipped, _) = threshold(&of([0, 3, 1, 4]), &all);
        assert!((dipped - threshold(&of([0, 2, 2, 4]), &all).0).abs() < 1e-12 && (dipped - 1.5).abs() < 1e-12, "{dipped}");
        assert!(threshold(&of([3, 4, 4, 4]), &all).0.is_nan() && threshold(&of([0, 0, 0, 1]), &all).0.is_nan());
    }
}
