//! How much of the times some columns explain.

use super::{HALF, OF, OF_SHARES, Statistic, bootstrap, median, number};
use crate::claims::claim::Published;
use crate::claims::data::{Data, NoData, Run, by_setting, observe};
use crate::claims::rule::{Estimate, Scale};
use crate::claims::statistic::Query;
use pennydrop_registry::{Args, Default, Kind, Param, Row};
use pennydrop_stats::{Observation, quantile};

pub static STATISTIC: Statistic = Statistic {
    row: Row {
        name: "fit",
        summary: "R² of the settings' ln median time regressed on columns; with `with` what those add to it",
        source: "ordinary least squares",
        params: &[
            OF,
            Param { key: "on", kind: Kind::Strs, default: Default::Required, doc: "columns: of each setting the median" },
            Param { key: "with", kind: Kind::Strs, default: Default::Strs(&[]), doc: "further columns; the number is then the gain ΔR²" },
            Param { key: "held_out", kind: Kind::Bool, default: Default::Bool(false), doc: "each setting predicted from the others" },
        ],
    },
    against: false,
    along: false,
    published: number,
    columns,
    estimate,
};

fn columns(args: &Args) -> Vec<String> {
    args.strs("on").into_iter().chain(args.strs("with")).map(str::to_string).collect()
}

/// Coefficients of least squares with a constant, by Gaussian elimination of the normal equations; `None` if columns depend on each other.
fn least_squares(x: &[Vec<f64>], y: &[f64]) -> Option<Vec<f64>> {
    let m = x.first()?.len() + 1;
    let row = |v: &[f64]| std::iter::once(1.0).chain(v.iter().copied()).collect::<Vec<f64>>();
    let mut a = vec![vec![0.0; m + 1]; m];
    for (v, y) in x.iter().zip(y) {
        let v = row(v);
        for i in 0..m {
            for j in 0..m {
                a[i][j] += v[i] * v[j];
            }
            a[i][m] += v[i] * y;
        }
    }
    for k in 0..m {
        let pivot = (k..m).max_by(|p, q| a[*p][k].abs().total_cmp(&a[*q][k].abs()))?;
        a.swap(k, pivot);
        if a[k][k].abs() < 1e-12 * x.len() as f64 {
            return None;
        }
        for i in (0..m).filter(|i| *i != k) {
            let f = a[i][k] / a[k][k];
            let above = a[k].clone();
            a[i].iter_mut().zip(&above).for_each(|(x, u)| *x -= f * u);
        }
    }
    Some((0..m).map(|i| a[i][m] / a[i][i]).collect())
}

/// R², in the sample or of settings predicted from the others.
fn explained(x: &[Vec<f64>], y: &[f64], held_out: bool) -> f64 {
    let n = y.len();
    let mean = y.iter().sum::<f64>() / n as f64;
    let total: f64 = y.iter().map(|v| (v - mean) * (v - mean)).sum();
    let predict = |b: &[f64], v: &[f64]| b[0] + b[1..].iter().zip(v).map(|(b, v)| b * v).sum::<f64>();
    let residual = |i: usize, b: &[f64]| (y[i] - predict(b, &x[i])) * (y[i] - predict(b, &x[i]));
    let left = if held_out {
        (0..n).try_fold(0.0, |sum, out| {
            let others = |i: &usize| *i != out;
            let xs: Vec<Vec<f64>> = (0..n).filter(others).map(|i| x[i].clone()).collect();
            let ys: Vec<f64> = (0..n).filter(others).map(|i| y[i]).collect();
            least_squares(&xs, &ys).map(|b| sum + residual(out, &b))
        })
    } else {
        least_squares(x, y).map(|b| (0..n).map(|i| residual(i, &b)).sum::<f64>())
    };
    left.map_or(f64::NAN, |l| 1.0 - l / total)
}

fn estimate(q: &Query, data: &Data, _: Option<&Published>) -> Result<Estimate, NoData> {
    let (on, with, held_out) = (q.args.strs("on"), q.args.strs("with"), q.args.bool("held_out"));
    let all: Vec<&str> = on.iter().chain(&with).copied().collect();
    let runs = q.runs(data)?;
    let (mut groups, mut lost) = (Vec::<Vec<&Run>>::new(), 0);
    for setting in by_setting(&runs) {
        let seen: Vec<Observation> = setting.iter().filter_map(|r| observe(r, q.args.str("of"), 0.0)).collect();
        let reached = !seen.is_empty() && median(&seen, &(0..seen.len()).collect::<Vec<_>>()).is_finite();
        let told = all.iter().all(|c| setting.iter().any(|r| data.number(r, c).is_some()));
        if reached && told { groups.push(setting) } else { lost += setting.len() }
    }
    if groups.len() < all.len() + 3 {
        return Err(NoData(format!("{} settings reached their median and have all columns, and {} are needed", groups.len(), all.len() + 3)));
    }
    // Where each run stands, its time, and its columns.
    let mut place = Vec::new();
    let (mut seen, mut values): (Vec<Option<Observation>>, Vec<Vec<Option<f64>>>) = (Vec::new(), Vec::new());
    for (g, r) in groups.iter().enumerate().flat_map(|(g, rs)| rs.iter().map(move |r| (g, *r))) {
        place.push(g);
        seen.push(observe(r, q.args.str("of"), 0.0));
        values.push(all.iter().map(|c| data.number(r, c)).collect());
    }
    let statistic = |sample: &[usize]| {
        let mut cells: Vec<Vec<usize>> = vec![Vec::new(); groups.len()];
        sample.iter().for_each(|i| cells[place[*i]].push(*i));
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for cell in cells {
            let times: Vec<Observation> = cell.iter().filter_map(|i| seen[*i]).collect();
            let t = median(&times, &(0..times.len()).collect::<Vec<_>>());
            let column = |k: usize| quantile(&cell.iter().filter_map(|i| values[*i][k]).collect::<Vec<_>>(), 0.5).ok();
            if let (true, Some(row)) = (t.is_finite(), (0..all.len()).map(column).collect::<Option<Vec<f64>>>()) {
                x.push(row);
                y.push(libm::log(t.max(HALF)));
            }
        }
        if y.len() < all.len() + 3 {
            return f64::NAN;
        }
        let whole = explained(&x, &y, held_out);
        if with.is_empty() { whole } else { whole - explained(&x.iter().map(|v| v[..on.len()].to_vec()).collect::<Vec<_>>(), &y, held_out) }
    };
    let i = bootstrap(&groups, statistic)?;
    let note = if lost > 0 {
        format!("{} settings; {lost} runs of settings whose median was not reached are left out", groups.len())
    } else {
        format!("{} settings", groups.len())
    };
    Ok(Estimate {
        value: i.estimate,
        low: i.low,
        high: i.high,
        n: runs.len() - lost,
        censored: runs.iter().filter(|r| r.t_grok.is_none()).count(),
        scale: Scale::Linear,
        no_effect: None,
        margin: OF_SHARES,
        relative: false,
        note,
    })
}
