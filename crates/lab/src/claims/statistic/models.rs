//! Which of several models of a time predicts settings that it has not seen.
//!
//! A model is a law by name, or terms of a regression of ln time. Each takes the settings' medians; a setting whose median was not reached has no part in a fit
//! and counts against a model that has it earlier than the budget.

use super::linear::{Term, columns_of, least_squares, solve, terms};
use super::{HALF, OF, Statistic, bootstrap_of, median};
use crate::claims::claim::Published;
use crate::claims::data::{Data, NoData, Run, by_setting, observe};
use crate::claims::rule::{Estimate, Scale};
use crate::claims::statistic::Query;
use crate::spec::grammar::shown;
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError};
use pennydrop_stats::{Observation, quantile};

pub static STATISTIC: Statistic = Statistic {
    row: Row {
        name: "models",
        summary: "error of the best rival less that of the claimed model, on groups of settings held out in turn: above 0 the claimed one wins",
        source: "leave-one-group-out prediction of ln time",
        params: &[
            OF,
            Param {
                key: "claimed",
                kind: Kind::Str,
                default: Default::Required,
                doc: "constant, inverse (c/(ηλ)), offset (T0 + c/(ηλ)), memorised (t_mem + c/(ηλ)), proportional (c t_mem), critical (a (λ − λ_c)^−ν), or terms split by `;`",
            },
            Param { key: "rivals", kind: Kind::Strs, default: Default::Required, doc: "models of the same grammar, of which the best counts" },
            Param { key: "group", kind: Kind::Str, default: Default::Str(""), doc: "a key: settings of one value are held out together; none: each alone" },
            Param {
                key: "within",
                kind: Kind::Bool,
                default: Default::Bool(false),
                doc: "a constant a group, that of the group held out from itself: only slopes are predicted. For terms only",
            },
        ],
    },
    against: false,
    along: false,
    published,
    columns,
    estimate,
};

/// Draws of the bootstrap: each fits every model anew for every group.
const DRAWS: usize = 400;
/// The largest error of one setting, a factor of e³: a law that says never, of a setting that generalises, is wrong by no more.
const FLIGHT: f64 = 3.0;

#[derive(Debug, Clone)]
enum Model {
    Inverse,
    Offset,
    Memorised,
    Proportional,
    Critical,
    Terms(Vec<Term>),
}

/// Laws by name.
const NAMED: [&str; 6] = ["constant", "inverse", "offset", "memorised", "proportional", "critical"];

impl Model {
    fn parse(word: &str) -> Result<Model, SpecError> {
        Ok(match word {
            "constant" => Model::Terms(Vec::new()),
            "inverse" => Model::Inverse,
            "offset" => Model::Offset,
            "memorised" => Model::Memorised,
            "proportional" => Model::Proportional,
            "critical" => Model::Critical,
            // Every column has a dot or an @, so this is a law misspelt.
            _ if !word.contains(['.', '@']) => return Err(SpecError::unknown("statistic", "law", &shown(word), NAMED)),
            _ => Model::Terms(terms(&word.split(';').map(str::trim).collect::<Vec<_>>())?),
        })
    }
}

fn models(args: &Args) -> Result<Vec<Model>, SpecError> {
    std::iter::once(args.str("claimed")).chain(args.strs("rivals")).map(Model::parse).collect()
}

fn published(q: &Query, published: Option<&Published>) -> Result<(), SpecError> {
    let all = models(&q.args)?;
    if all.len() < 2 {
        return Err(SpecError::new("statistic.rivals", "there is no rival", "[\"constant\", \"offset\"]"));
    }
    if q.args.bool("within") && (q.args.str("group").is_empty() || !all.iter().all(|m| matches!(m, Model::Terms(t) if !t.is_empty()))) {
        return Err(SpecError::new("statistic.within", "a constant a group needs `group`, and models that are terms", "within = false"));
    }
    match published {
        None => Ok(()),
        Some(_) => Err(SpecError::new("part.published", "models are compared with each other", "nothing")),
    }
}

fn columns(args: &Args) -> Vec<String> {
    let words: Vec<&str> = std::iter::once(args.str("claimed")).chain(args.strs("rivals")).collect();
    words
        .iter()
        .filter(|w| matches!(Model::parse(w), Ok(Model::Terms(t)) if !t.is_empty()))
        .flat_map(|w| columns_of(&w.split(';').map(str::trim).collect::<Vec<_>>()))
        .collect()
}

/// A setting of one draw.
struct Cell {
    group: usize,
    /// ln median time; `None`: not reached.
    y: Option<f64>,
    /// ln of the time up to which it is known that the median was not reached.
    bound: f64,
    /// 1/(ηλ).
    slowness: f64,
    t_mem: f64,
    lambda: f64,
    /// Terms of every model, one after the other.
    x: Vec<f64>,
}

/// A smallest value of `f` between `low` and `high`: a grid, then golden sections around its best point.
fn least(low: f64, high: f64, f: impl Fn(f64) -> f64) -> f64 {
    const GRID: usize = 24;
    let at = |k: usize| low + (high - low) * k as f64 / GRID as f64;
    let best = (0..=GRID).min_by(|a, b| f(at(*a)).total_cmp(&f(at(*b)))).unwrap_or(0);
    let (mut a, mut b) = (at(best.saturating_sub(1)), at((best + 1).min(GRID)));
    let golden = 0.618_033_988_749_894_8;
    for _ in 0..30 {
        let (c, d) = (b - golden * (b - a), a + golden * (b - a));
        if f(c) < f(d) { b = d } else { a = c }
    }
    (a + b) / 2.0
}

fn mean(x: impl Iterator<Item = f64> + Clone) -> f64 {
    x.clone().sum::<f64>() / x.count() as f64
}

/// ln prediction of `model` for cells, fitted on the cells whose median was reached; `None` where it cannot be fitted.
fn fitted<'a>(model: &Model, first: usize, train: &[&'a Cell]) -> Option<Box<dyn Fn(&Cell) -> f64 + 'a>> {
    let known: Vec<(&Cell, f64)> = train.iter().filter_map(|c| Some((*c, c.y?))).collect();
    if known.is_empty() {
        return None;
    }
    Some(match model {
        Model::Terms(t) => {
            let range = first..first + t.len();
            let x: Vec<Vec<f64>> = known.iter().map(|(c, _)| c.x[range.clone()].to_vec()).collect();
            let b = least_squares(&x, &known.iter().map(|k| k.1).collect::<Vec<_>>())?;
            Box::new(move |c| b[0] + b[1..].iter().zip(&c.x[range.clone()]).map(|(b, x)| b * x).sum::<f64>())
        }
        Model::Inverse => {
            let a = mean(known.iter().map(|(c, y)| y - libm::log(c.slowness)));
            Box::new(move |c| a + libm::log(c.slowness))
        }
        Model::Proportional => {
            let a = mean(known.iter().map(|(c, y)| y - libm::log(c.t_mem)));
            Box::new(move |c| a + libm::log(c.t_mem))
        }
        Model::Offset => {
            // T = c (s + 1/(ηλ)): for each s the best c is known.
            let middle = libm::log(known[0].0.slowness);
            let scale = |s: f64| mean(known.iter().map(|(c, y)| y - libm::log(s + c.slowness)));
            let cost = |t: f64| {
                let (s, a) = (libm::exp(t), scale(libm::exp(t)));
                known.iter().map(|(c, y)| (y - a - libm::log(s + c.slowness)) * (y - a - libm::log(s + c.slowness))).sum::<f64>()
            };
            let s = libm::exp(least(middle - 14.0, middle + 7.0, cost));
            let a = scale(s);
            Box::new(move |c| a + libm::log(s + c.slowness))
        }
        Model::Memorised => {
            let cost = |t: f64| known.iter().map(|(c, y)| y - libm::log(c.t_mem + libm::exp(t) * c.slowness)).map(|r| r * r).sum::<f64>();
            let c0 = libm::exp(least(-9.0, 9.0, cost));
            Box::new(move |c| libm::log(c.t_mem + c0 * c.slowness))
        }
        Model::Critical => {
            let lowest = known.iter().map(|(c, _)| c.lambda).fold(f64::INFINITY, f64::min);
            let y: Vec<f64> = known.iter().map(|k| k.1).collect();
            let line = |at: f64| least_squares(&known.iter().map(|(c, _)| vec![libm::log(c.lambda - at)]).collect::<Vec<_>>(), &y);
            let cost = |share: f64| {
                let at = share * lowest;
                line(at).map_or(f64::INFINITY, |b| known.iter().map(|(c, y)| y - b[0] - b[1] * libm::log(c.lambda - at)).map(|r| r * r).sum::<f64>())
            };
            let at = least(0.0, 1.0 - 1e-9, cost) * lowest;
            let b = line(at)?;
            Box::new(move |c| if c.lambda > at { b[0] + b[1] * libm::log(c.lambda - at) } else { f64::INFINITY })
        }
    })
}

fn error_of(cell: &Cell, predicted: f64) -> f64 {
    match cell.y {
        Some(y) => (predicted - y).abs(),
        None => (cell.bound - predicted).max(0.0),
    }
    .min(FLIGHT)
}

/// Mean |ln error| over all cells, each predicted by a fit without its group; NaN where a fit is impossible.
fn held_out(model: &Model, first: usize, cells: &[Cell], groups: usize, within: bool) -> f64 {
    let mut errors = Vec::new();
    for out in 0..groups {
        let train: Vec<&Cell> = cells.iter().filter(|c| c.group != out).collect();
        let test: Vec<&Cell> = cells.iter().filter(|c| c.group == out).collect();
        if test.is_empty() {
            continue;
        }
        if within {
            let Model::Terms(t) = model else { return f64::NAN };
            let Some(e) = slopes(&train, &test, first..first + t.len()) else { return f64::NAN };
            errors.extend(e);
        } else {
            let Some(predict) = fitted(model, first, &train) else { return f64::NAN };
            errors.extend(test.iter().map(|c| error_of(c, predict(c))));
        }
    }
    mean(errors.iter().copied())
}

/// Errors on `test` of slopes from `train`, with a constant a group.
fn slopes(train: &[&Cell], test: &[&Cell], range: std::ops::Range<usize>) -> Option<Vec<f64>> {
    let known = |cells: &[&Cell]| cells.iter().filter_map(|c| Some((c.group, c.x[range.clone()].to_vec(), c.y?))).collect::<Vec<_>>();
    let all = known(train);
    let middle = |rows: &[(usize, Vec<f64>, f64)], group: usize| {
        let of: Vec<&(usize, Vec<f64>, f64)> = rows.iter().filter(|r| r.0 == group).collect();
        let x: Vec<f64> = (0..range.len()).map(|k| mean(of.iter().map(|r| r.1[k]))).collect();
        (x, mean(of.iter().map(|r| r.2)))
    };
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for (group, row, value) in &all {
        let (mx, my) = middle(&all, *group);
        x.push(row.iter().zip(&mx).map(|(a, m)| a - m).collect::<Vec<f64>>());
        y.push(value - my);
    }
    let b = solve(&x, &y)?;
    let own = known(test);
    let group = own.first()?.0;
    let (mx, my) = middle(&own, group);
    let predict = |c: &Cell| my + b.iter().zip(c.x[range.clone()].iter().zip(&mx)).map(|(b, (x, m))| b * (x - m)).sum::<f64>();
    Some(test.iter().map(|c| error_of(c, predict(c))).collect())
}

fn estimate(q: &Query, data: &Data, _: Option<&Published>) -> Result<Estimate, NoData> {
    let (of, group, within) = (q.args.str("of"), q.args.str("group"), q.args.bool("within"));
    let models = models(&q.args).map_err(|e| NoData(e.to_string()))?;
    let all_terms: Vec<&Term> = models.iter().flat_map(|m| if let Model::Terms(t) = m { t.iter().collect() } else { Vec::new() }).collect();
    let first: Vec<usize> = models
        .iter()
        .scan(0, |at, m| {
            let here = *at;
            *at += if let Model::Terms(t) = m { t.len() } else { 0 };
            Some(here)
        })
        .collect();
    let settings = by_setting(&q.runs(data)?);
    let mut names: Vec<String> = Vec::new();
    let mut group_of = Vec::new();
    for (k, setting) in settings.iter().enumerate() {
        let name = if group.is_empty() {
            k.to_string()
        } else {
            data.value(setting[0], group).ok_or_else(|| NoData(format!("no run has the key `{}`", shown(group))))?.to_string()
        };
        group_of.push(names.iter().position(|n| *n == name).unwrap_or(names.len()));
        if group_of[k] == names.len() {
            names.push(name);
        }
    }
    if names.len() < 3 {
        return Err(NoData(format!("there are {} groups of settings, and to hold one out takes 3", names.len())));
    }
    let (mut place, mut runs): (Vec<usize>, Vec<&Run>) = (Vec::new(), Vec::new());
    settings.iter().enumerate().for_each(|(k, s)| s.iter().for_each(|r| (place.push(k), runs.push(*r)).0));
    let seen: Vec<Option<Observation>> = runs.iter().map(|r| observe(r, of, 0.0)).collect();
    let values: Vec<Vec<Option<f64>>> = runs.iter().map(|r| all_terms.iter().map(|t| t.value(data, r)).collect()).collect();
    let rate = |r: &Run| data.number(r, "optim.lr").and_then(|e| Some(e * data.number(r, "optim.weight_decay")?)).filter(|c| *c > 0.0);
    let slowness: Vec<f64> = runs.iter().map(|r| rate(r).map_or(f64::NAN, |c| 1.0 / c)).collect();
    let cells = |sample: &[usize]| {
        let mut of_setting: Vec<Vec<usize>> = vec![Vec::new(); settings.len()];
        sample.iter().for_each(|i| of_setting[place[*i]].push(*i));
        let cell = |(k, own): (usize, &Vec<usize>)| {
            let times: Vec<Observation> = own.iter().filter_map(|i| seen[*i]).collect();
            let m = median(&times, &(0..times.len()).collect::<Vec<_>>());
            let waited = times.iter().filter(|o| !o.event).map(|o| o.time).fold(f64::INFINITY, f64::min);
            let x: Option<Vec<f64>> = (0..all_terms.len()).map(|t| quantile(&own.iter().filter_map(|i| values[*i][t]).collect::<Vec<_>>(), 0.5).ok()).collect();
            let mem = median(&own.iter().filter_map(|i| observe(runs[*i], "t_mem", 0.0)).collect::<Vec<_>>(), &(0..own.len()).collect::<Vec<_>>());
            Some(Cell {
                group: group_of[k],
                y: m.is_finite().then(|| libm::log(m.max(HALF))),
                bound: libm::log(waited),
                slowness: slowness[*own.first()?],
                t_mem: mem.max(HALF),
                lambda: data.number(runs[*own.first()?], "optim.weight_decay").unwrap_or(f64::NAN),
                x: x?,
            })
        };
        of_setting.iter().enumerate().filter_map(cell).collect::<Vec<Cell>>()
    };
    let errors = |cells: &[Cell]| models.iter().zip(&first).map(|(m, f)| held_out(m, *f, cells, names.len(), within)).collect::<Vec<f64>>();
    let statistic = |sample: &[usize]| {
        let e = errors(&cells(sample));
        e[1..].iter().copied().filter(|x| !x.is_nan()).fold(f64::NAN, f64::min) - e[0]
    };
    let i = bootstrap_of(DRAWS, &settings, statistic)?;
    let whole = cells(&(0..runs.len()).collect::<Vec<_>>());
    let said: Vec<String> =
        std::iter::once(q.args.str("claimed")).chain(q.args.strs("rivals")).zip(errors(&whole)).map(|(n, e)| format!("{n} ×{:.2}", libm::exp(e))).collect();
    let lost = whole.iter().filter(|c| c.y.is_none()).count();
    let beyond = if lost > 0 { format!("; {lost} of {} settings did not reach their median", whole.len()) } else { String::new() };
    Ok(Estimate {
        value: i.estimate,
        low: i.low,
        high: i.high,
        n: runs.len(),
        censored: seen.iter().flatten().filter(|o| !o.event).count(),
        scale: Scale::Sign,
        no_effect: Some(0.0),
        margin: 0.0,
        relative: false,
        note: format!("typical factor of error held out: {}{beyond}; the interval is over seeds, the settings are fixed", said.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::known::End;
    use toml::Table;

    /// Rates × decays, three seeds of 3 % around `time(η, λ)`.
    fn data(budget: f64, time: impl Fn(f64, f64) -> f64) -> Data {
        let mut d = Data { keys: vec!["optim.lr".into(), "optim.weight_decay".into()], ..Data::default() };
        for lr in [5e-4, 1e-3, 2e-3] {
            for wd in [0.25, 0.5, 1.0, 2.0] {
                for seed in 0..3i64 {
                    let t = time(lr, wd) * (1.0 + 0.03 * (seed - 1) as f64);
                    d.runs.push(Run {
                        id: format!("{:016x}", d.runs.len()),
                        values: vec![lr.to_string(), wd.to_string()],
                        seeds: [seed; 4],
                        steps: t.min(budget) as u64,
                        budget: budget as u64,
                        end: if t <= budget { End::Grokked } else { End::Steps },
                        t_mem: Some(150),
                        t_grok: (t <= budget).then_some(t as u64),
                        wall_s: 1.0,
                        twin: false,
                        measured: Vec::new(),
                    });
                }
            }
        }
        d
    }

    fn ask(d: &Data, text: &str) -> Result<Estimate, String> {
        let q = Query::parse(&text.parse::<Table>().unwrap()).map_err(|e| e.to_string())?;
        q.accepts(None).map_err(|e| e.to_string())?;
        q.estimate(d, None).map_err(|e| e.0)
    }

    #[test]
    fn the_law_that_made_the_data_wins() {
        let power = "ln optim.lr; ln optim.weight_decay";
        type Time = fn(f64, f64) -> f64;
        let cases: [(&str, Time, &[&str]); 4] = [
            ("offset", |e, l| 900.0 + 1.2 / (e * l), &["inverse", "constant", power, "memorised", "critical"]),
            ("memorised", |e, l| 150.0 + 1.2 / (e * l), &["inverse", "constant", power, "critical"]),
            (power, |e, l| 3.0 * libm::pow(e, -1.5) * libm::pow(l, -0.6), &["offset", "inverse", "memorised", "critical"]),
            ("critical", |_, l| 500.0 * libm::pow(l - 0.2, -0.7), &["offset", "inverse", power, "constant"]),
        ];
        for (claimed, time, rivals) in cases {
            let list: Vec<String> = rivals.iter().map(|r| format!("'{r}'")).collect();
            let e = ask(&data(1e6, time), &format!("name = 'models'\nclaimed = '{claimed}'\nrivals = [{}]", list.join(", "))).unwrap();
            assert!(e.low > 0.0, "{claimed}: {e:?}");
            let e = ask(&data(1e6, time), &format!("name = 'models'\nclaimed = '{}'\nrivals = ['{claimed}']", rivals[0])).unwrap();
            assert!(e.high < 0.0, "{claimed} as a rival: {e:?}");
        }
    }

    #[test]
    fn settings_that_never_generalise_count_against_a_law_that_says_they_do() {
        // c/(ηλ) in the data; a constant has the slow settings generalise before the budget.
        let d = data(4000.0, |e, l| 1.2 / (e * l));
        let e = ask(&d, "name = 'models'\nclaimed = 'inverse'\nrivals = ['constant']").unwrap();
        assert!(e.low > 0.0 && e.censored > 0 && e.note.contains("did not reach"), "{e:?}");
    }

    #[test]
    fn slopes_within_groups_forget_the_groups_level() {
        // A level a rate that no slope explains; within rates ln T = −ln λ.
        let d = data(1e6, |e, l| if e < 7e-4 { 9000.0 } else if e < 1.5e-3 { 100.0 } else { 3000.0 } / l);
        let text = "name = 'models'\nclaimed = 'ln optim.weight_decay'\nrivals = ['2 * optim.weight_decay']\ngroup = 'optim.lr'";
        let within = ask(&d, &format!("{text}\nwithin = true")).unwrap();
        assert!(within.low > 0.0 && within.note.contains("×1.0"), "{within:?}");
        let across = ask(&d, text).unwrap();
        assert!(!across.note.contains("ln optim.weight_decay ×1.0"), "{across:?}");
    }

    #[test]
    fn what_cannot_be_compared_is_said() {
        let d = data(1e6, |_, _| 500.0);
        assert!(ask(&d, "name = 'models'\nclaimed = 'offset'\nrivals = []").unwrap_err().contains("no rival"));
        assert!(ask(&d, "name = 'models'\nclaimed = 'memorized'\nrivals = ['constant']").unwrap_err().contains("did you mean `memorised`"));
        assert!(ask(&d, "name = 'models'\nclaimed = 'offset'\nrivals = ['constant']\nwithin = true\ngroup = 'optim.lr'").unwrap_err().contains("within"));
        assert!(ask(&d, "name = 'models'\nclaimed = 'ln optim.momentum'\nrivals = ['constant']").unwrap_err().contains("optim.momentum"));
        assert!(
            ask(&d, "name = 'models'\nclaimed = 'offset'\nrivals = ['constant']\nwhere = { 'optim.lr' = 1e-3, 'optim.weight_decay' = '<0.7' }")
                .unwrap_err()
                .contains("2 groups")
        );
    }
}
