//! What was measured on each run at a time: a curve's value at the evaluation nearest to it.

use crate::Error;
use crate::known::number;
use crate::record::Record;
use crate::spec::grammar::shown;
use crate::view::rows::Rows;
use pennydrop_registry::SpecError;
use std::collections::BTreeMap;

/// When.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
}

/// `SERIES@WHEN`.
#[derive(Debug, Clone, PartialEq, Eq)]
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
        let wrong =
            || SpecError::new("measure", format!("`{}` says no curve and no time", shown(word)), "SERIES@WHEN, with WHEN start, t_mem, t_grok, end or a step");
        let (series, when) = word.rsplit_once('@').ok_or_else(wrong)?;
        let when = match when {
            "start" => When::Start,
            "t_mem" => When::Mem,
            "t_grok" => When::Grok,
            "end" => When::End,
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
    let mut columns: Vec<&str> = asked.iter().map(|m| m.series.as_str()).collect();
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
    let target = |row: usize, when: When| match when {
        When::Start => Some(0),
        When::Mem => rows.t_mem[row],
        When::Grok => rows.t_grok[row],
        When::End => Some(rows.steps[row]),
        When::Step(s) => Some(s).filter(|s| *s <= rows.steps[row]),
    };
    // The nearest evaluation so far: distance, step, value. Of two equally near the earlier is taken, whatever the order of the rows.
    let mut best: Vec<Vec<Option<(u64, u64, Option<f64>)>>> = vec![vec![None; rows.len()]; asked.len()];
    let (Some(ids), Some(steps)) = (scan.get_text("run_id"), scan.get_i64("step")) else { return Ok(()) };
    for at in 0..scan.rows() {
        let Some(row) = ids.get(at).and_then(number).and_then(|id| place.get(&id).copied()) else { continue };
        let Some(step) = steps[at].and_then(|s| u64::try_from(s).ok()) else { continue };
        for (k, m) in asked.iter().enumerate() {
            let Some(want) = target(row, m.when) else { continue };
            let found = (step.abs_diff(want), step);
            if best[k][row].is_none_or(|b| found < (b.0, b.1)) {
                best[k][row] = Some((found.0, step, scan.number(&m.series, at)));
            }
        }
    }
    for (word, column) in words.iter().zip(best) {
        rows.extra.insert(word.clone(), column.into_iter().map(|b| b.and_then(|b| b.2)).collect());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_measures() {
        assert_eq!(Measure::parse("norm.embed.W_E@t_grok").unwrap(), Measure { series: "norm.embed.W_E".into(), when: When::Grok });
        assert_eq!(Measure::parse("logit_scale@600").unwrap().when, When::Step(600));
        for wrong in ["norm", "@end", "norm@", "norm@later", "norm@-1"] {
            assert!(Measure::parse(wrong).is_err(), "{wrong}");
        }
    }
}
