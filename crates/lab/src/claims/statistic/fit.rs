//! How much of the times some columns explain.

use super::linear::{Normal, columns_of, least_squares, terms};
use super::{DRAWS, HALF, OF, OF_SHARES, Statistic, bootstrap_of, median, number};
use crate::claims::claim::Published;
use crate::claims::data::{Data, NoData, Run, by_setting, observe};
use crate::claims::rule::{Estimate, Scale};
use crate::claims::statistic::Query;
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError};
use pennydrop_stats::{Observation, quantile};

pub static STATISTIC: Statistic = Statistic {
    row: Row {
        name: "fit",
        summary: "R² of ln time regressed on terms, over settings or runs; with `with` what those add to it",
        source: "ordinary least squares",
        params: &[
            OF,
            Param {
                key: "on",
                kind: Kind::Strs,
                default: Default::Required,
                doc: "terms such as `ln norm@t_mem`: of each setting the median; [] is a constant",
            },
            Param { key: "with", kind: Kind::Strs, default: Default::Strs(&[]), doc: "further terms; the number is then the gain ΔR²" },
            Param { key: "held_out", kind: Kind::Bool, default: Default::Bool(false), doc: "each setting, or run, predicted from the others" },
            Param {
                key: "each",
                kind: Kind::Choice(&["setting", "run"]),
                default: Default::Str("setting"),
                doc: "what a point is: a setting's median, or a run that generalised",
            },
        ],
    },
    against: false,
    along: false,
    published,
    columns,
    estimate,
};

/// Draws of the bootstrap where every run is a point: each predicts every run from the others.
const DRAWS_OF_RUNS: usize = 1_000;

fn published(q: &Query, published: Option<&Published>) -> Result<(), SpecError> {
    terms(&q.args.strs("on"))?;
    terms(&q.args.strs("with"))?;
    number(q, published)
}

fn columns(args: &Args) -> Vec<String> {
    columns_of(&args.strs("on").into_iter().chain(args.strs("with")).collect::<Vec<_>>())
}

/// R², in the sample or of folds predicted from the others.
fn explained(x: &[Vec<f64>], y: &[f64], folds: Option<&[usize]>) -> f64 {
    let n = y.len();
    let mean = y.iter().sum::<f64>() / n as f64;
    let total: f64 = y.iter().map(|v| (v - mean) * (v - mean)).sum();
    let predict = |b: &[f64], v: &[f64]| b[0] + b[1..].iter().zip(v).map(|(b, v)| b * v).sum::<f64>();
    let residual = |i: usize, b: &[f64]| (y[i] - predict(b, &x[i])) * (y[i] - predict(b, &x[i]));
    let left = match folds {
        None => least_squares(x, y).map(|b| (0..n).map(|i| residual(i, &b)).sum::<f64>()),
        Some(folds) => {
            let row = |i: usize| move |k: usize| if k == 0 { 1.0 } else { x[i][k - 1] };
            let mut all = Normal::new(x.first().map_or(0, Vec::len) + 1);
            (0..n).for_each(|i| all.add(row(i), y[i], 1.0));
            let mut order: Vec<usize> = (0..n).collect();
            order.sort_by_key(|i| folds[*i]);
            // A run that a draw has twice is left out twice: it must not predict itself.
            order.chunk_by(|a, b| folds[*a] == folds[*b]).try_fold(0.0, |sum, out| {
                let mut others = all.clone();
                out.iter().for_each(|i| others.add(row(*i), y[*i], -1.0));
                others.solve().map(|b| sum + out.iter().map(|i| residual(*i, &b)).sum::<f64>())
            })
        }
    };
    left.map_or(f64::NAN, |l| 1.0 - l / total)
}

fn estimate(q: &Query, data: &Data, _: Option<&Published>) -> Result<Estimate, NoData> {
    let (of, held_out, by_run) = (q.args.str("of"), q.args.bool("held_out"), q.args.str("each") == "run");
    let (on, with) = (q.args.strs("on"), q.args.strs("with"));
    let all = terms(&on.iter().chain(&with).copied().collect::<Vec<_>>()).map_err(|e| NoData(e.to_string()))?;
    let runs = q.runs(data)?;
    let points: Vec<Vec<&Run>> = if by_run { runs.iter().map(|r| vec![*r]).collect() } else { by_setting(&runs) };
    let (mut kept, mut lost) = (Vec::<Vec<&Run>>::new(), 0);
    for point in points {
        let seen: Vec<Observation> = point.iter().filter_map(|r| observe(r, of, 0.0)).collect();
        let reached = !seen.is_empty() && median(&seen, &(0..seen.len()).collect::<Vec<_>>()).is_finite();
        let told = all.iter().all(|t| point.iter().any(|r| t.value(data, r).is_some()));
        if reached && told { kept.push(point) } else { lost += point.len() }
    }
    let what = if by_run { "runs" } else { "settings" };
    if kept.len() < all.len() + 3 {
        return Err(NoData(format!("{} {what} reached their median and have all columns, and {} are needed", kept.len(), all.len() + 3)));
    }
    // The draws are within settings in either case.
    let groups = if by_run { by_setting(&kept.iter().flatten().copied().collect::<Vec<_>>()) } else { kept };
    let (mut place, mut seen, mut values) = (Vec::new(), Vec::new(), Vec::<Vec<Option<f64>>>::new());
    for (g, r) in groups.iter().enumerate().flat_map(|(g, rs)| rs.iter().map(move |r| (g, *r))) {
        place.push(g);
        seen.push(observe(r, of, 0.0));
        values.push(all.iter().map(|t| t.value(data, r)).collect());
    }
    let statistic = |sample: &[usize]| {
        let mut cells: Vec<Vec<usize>> = if by_run { sample.iter().map(|i| vec![*i]).collect() } else { vec![Vec::new(); groups.len()] };
        if !by_run {
            sample.iter().for_each(|i| cells[place[*i]].push(*i));
        }
        let (mut x, mut y, mut folds) = (Vec::new(), Vec::new(), Vec::new());
        for (at, cell) in cells.iter().enumerate() {
            let times: Vec<Observation> = cell.iter().filter_map(|i| seen[*i]).collect();
            let t = median(&times, &(0..times.len()).collect::<Vec<_>>());
            let column = |k: usize| quantile(&cell.iter().filter_map(|i| values[*i][k]).collect::<Vec<_>>(), 0.5).ok();
            if let (true, Some(row)) = (t.is_finite(), (0..all.len()).map(column).collect::<Option<Vec<f64>>>()) {
                x.push(row);
                y.push(libm::log(t.max(HALF)));
                folds.push(if by_run { cell[0] } else { at });
            }
        }
        if y.len() < all.len() + 3 {
            return f64::NAN;
        }
        let folds = held_out.then_some(&folds[..]);
        let whole = explained(&x, &y, folds);
        if with.is_empty() { whole } else { whole - explained(&x.iter().map(|v| v[..on.len()].to_vec()).collect::<Vec<_>>(), &y, folds) }
    };
    let draws = q.draws(if by_run { DRAWS_OF_RUNS } else { DRAWS });
    let i = bootstrap_of(draws, &groups, statistic)?;
    let beyond = if lost > 0 { format!("; {lost} runs are left out, whose time was not reached") } else { String::new() };
    let count = if by_run { place.len() } else { groups.len() };
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
        note: format!("{count} {what}{beyond}"),
    })
}
