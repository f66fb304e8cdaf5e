//! What was measured on each run at a time: a curve's value at the evaluation nearest to it.

use crate::Error;
use crate::known::number;
use crate::record::Record;
use crate::spec::grammar::shown;
use crate::view::rows::Rows;
use pennydrop_registry::SpecError;
use std::collections::BTreeMap;

/// When.
#[derive(Debug, Clone, PartialEq)]
pub enum When {
    /// The first evaluation.
    Start,
    /// `t_mem`.
    Mem,
    /// `t_grok`.
    Grok,
    /// The last evaluation.
    End,
    /// A step.
    Step(u64),
    /// The first evaluation at which a curve lies above a level.
    Above(String, f64),
    /// Not a value but a rate: −d ln SERIES/dt by least squares over time, between `t_mem` and `t_grok` less a margin at either end: 5 % of the delay, and 20 steps
    /// at least (card `adamw-delay-law`). An evaluation weighs as many steps as it stands for; five are needed.
    Rate,
    /// The same over this many steps after `t_mem`, with three evaluations at least.
    RateAfter(u64),
}

/// Margin at either end of a rate, as a share of the delay, and in steps.
const MARGIN: (f64, u64) = (0.05, 20);
/// Evaluations that a rate needs, over the whole delay and just after `t_mem`.
const LEAST: (usize, usize) = (5, 3);

/// `SERIES@WHEN`.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// A column of the record's curves.
    pub series: String,
    /// When.
    pub when: When,
}

impl Measure {
    /// Reads `norm@t_grok`, `logit_scale@600`.
    ///
    /// # Errors
    /// It is written otherwise.
    pub fn parse(word: &str) -> Result<Measure, SpecError> {
        let wrong = || {
            SpecError::new(
                "measure",
                format!("`{}` says no curve and no time", shown(word)),
                "SERIES@WHEN, with WHEN start, t_mem, t_grok, end, a step, OTHER>LEVEL, rate or rate:STEPS",
            )
        };
        let (series, when) = word.rsplit_once('@').ok_or_else(wrong)?;
        let when = match when {
            "start" => When::Start,
            "t_mem" => When::Mem,
            "t_grok" => When::Grok,
            "end" => When::End,
            "rate" => When::Rate,
            early if early.starts_with("rate:") => When::RateAfter(early["rate:".len()..].parse().ok().filter(|s| *s > 0).ok_or_else(wrong)?),
            above if above.contains('>') => {
                let (other, level) = above.split_once('>').filter(|p| !p.0.is_empty()).ok_or_else(wrong)?;
                When::Above(other.to_string(), level.parse::<f64>().ok().filter(|x| x.is_finite()).ok_or_else(wrong)?)
            }
            step => When::Step(step.parse().map_err(|_| wrong())?),
        };
        if series.is_empty() { Err(wrong()) } else { Ok(Measure { series: series.to_string(), when }) }
    }
}

/// Adds measured columns to rows, under their words. A time that a run did not reach has no value.
///
/// # Errors
/// A word that is no measure, a curve that no run has; a part is damaged.
pub fn measure(rows: &mut Rows, record: &Record, words: &[String]) -> Result<(), Error> {
    let asked = words.iter().map(|w| Measure::parse(w)).collect::<Result<Vec<_>, _>>()?;
    if asked.is_empty() || rows.is_empty() {
        return Ok(());
    }
    let mut columns: Vec<&str> =
        asked.iter().flat_map(|m| std::iter::once(m.series.as_str()).chain(if let When::Above(o, _) = &m.when { Some(o.as_str()) } else { None })).collect();
    columns.sort_unstable();
    columns.dedup();
    let scan = record.campaign().scan("curves", &[&["run_id", "step"], &columns[..]].concat())?;
    for series in &columns {
        if scan.get(series).is_none() {
            return Err(SpecError::new(
                "measure",
                format!("the record has no curve `{}`", shown(series)),
                "norm, logit_scale, test_loss, train_accuracy, …: `pennydrop export DIR --table curves` has them all",
            )
            .into());
        }
    }
    let place: BTreeMap<u64, usize> = rows.ids.iter().copied().zip(0..).collect();
    // Of each run its evaluations, by step: where its curve lies in the scan.
    let mut curves: Vec<Vec<(u64, usize)>> = vec![Vec::new(); rows.len()];
    let (Some(ids), Some(steps)) = (scan.get_text("run_id"), scan.get_i64("step")) else { return Ok(()) };
    for at in 0..scan.rows() {
        let Some(row) = ids.get(at).and_then(number).and_then(|id| place.get(&id).copied()) else { continue };
        let Some(step) = steps[at].and_then(|s| u64::try_from(s).ok()) else { continue };
        curves[row].push((step, at));
    }
    // Parts of a record may lie in any order, and hold a step twice with the same values.
    curves.iter_mut().for_each(|c| c.sort_unstable());
    for (word, m) in words.iter().zip(&asked) {
        let column = (0..rows.len()).map(|row| {
            let curve = &curves[row];
            let value = |at: usize| scan.number(&m.series, at);
            let near = |want: u64| curve.iter().min_by_key(|(s, _)| (s.abs_diff(want), *s)).and_then(|(_, at)| value(*at));
            match &m.when {
                When::Start => near(0),
                When::Mem => near(rows.t_mem[row]?),
                When::Grok => near(rows.t_grok[row]?),
                When::End => near(rows.steps[row]),
                When::Step(s) => near(Some(*s).filter(|s| *s <= rows.steps[row])?),
                When::Above(other, level) => curve.iter().find(|(_, at)| scan.number(other, *at).is_some_and(|x| x > *level)).and_then(|(_, at)| value(*at)),
                When::Rate => {
                    let (from, to) = (rows.t_mem[row]?, rows.t_grok[row]?);
                    let margin = MARGIN.1.max((to.saturating_sub(from) as f64 * MARGIN.0) as u64);
                    let points = curve.iter().filter(|(s, _)| (from + margin..=to.saturating_sub(margin)).contains(s));
                    rate(&points.filter_map(|(s, at)| Some((*s as f64, value(*at).filter(|x| *x > 0.0)?))).collect::<Vec<_>>(), LEAST.0)
                }
                When::RateAfter(steps) => {
                    let from = rows.t_mem[row]?;
                    let points = curve.iter().filter(|(s, _)| (from..=from + steps).contains(s));
                    rate(&points.filter_map(|(s, at)| Some((*s as f64, value(*at).filter(|x| *x > 0.0)?))).collect::<Vec<_>>(), LEAST.1)
                }
            }
        });
        let column: Vec<Option<f64>> = column.collect();
        rows.extra.insert(word.clone(), column);
    }
    Ok(())
}

/// −d ln value/dt by least squares, each point weighing the steps that it stands for; `None` for fewer than `least`.
fn rate(points: &[(f64, f64)], least: usize) -> Option<f64> {
    if points.len() < least {
        return None;
    }
    let at = |i: usize| points[i].0;
    let last = points.len() - 1;
    let weight = |i: usize| (at((i + 1).min(last)) - at(i.saturating_sub(1))) / 2.0;
    let sum = |f: &dyn Fn(usize) -> f64| (0..=last).map(|i| weight(i) * f(i)).sum::<f64>();
    let total = sum(&|_| 1.0);
    let (t, y) = (sum(&at) / total, sum(&|i| libm::log(points[i].1)) / total);
    let slope = sum(&|i| (at(i) - t) * (libm::log(points[i].1) - y)) / sum(&|i| (at(i) - t) * (at(i) - t));
    Some(-slope).filter(|x| x.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_measures() {
        assert_eq!(Measure::parse("norm.embed.W_E@t_grok").unwrap(), Measure { series: "norm.embed.W_E".into(), when: When::Grok });
        assert_eq!(Measure::parse("logit_scale@600").unwrap().when, When::Step(600));
        assert_eq!(Measure::parse("norm@test_accuracy>0.5").unwrap().when, When::Above("test_accuracy".into(), 0.5));
        assert_eq!(Measure::parse("norm@rate").unwrap().when, When::Rate);
        for wrong in ["norm", "@end", "norm@", "norm@later", "norm@-1", "norm@rate:0", "norm@>0.5", "norm@test_accuracy>x"] {
            assert!(Measure::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_decay_has_its_rate() {
        // Steps as a geometric grid has them, so that the weights matter once noise is there.
        let points: Vec<(f64, f64)> = (0..40).map(|i| (100.0 * libm::pow(1.08, f64::from(i)), 0.0)).map(|(t, _)| (t, 70.0 * libm::exp(-7e-4 * t))).collect();
        assert!((rate(&points, 5).unwrap() - 7e-4).abs() < 1e-12);
        assert_eq!(rate(&points[..4], 5), None);
        // One bent early point, which stands for few steps, weighs little.
        let mut bent = points.clone();
        bent[0].1 *= 2.0;
        assert!((rate(&bent, 5).unwrap() / 7e-4 - 1.0).abs() < 0.1, "{:?}", rate(&bent, 5));
    }
}
