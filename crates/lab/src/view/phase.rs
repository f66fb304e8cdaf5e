//! The phase diagram of Liu et al. 2022 (arXiv 2205.10343): confusion, memorisation, grokking, comprehension over two hyper-parameters.
//!
//! A run that never reaches the training level is *confusion*; one that reaches it but not the test level *memorisation*; one that reaches both is *grokking*
//! if the second comes at least `gap` steps after the first, and *comprehension* otherwise. All of this is within a budget: a longer one moves borders.

use crate::Error;
use crate::known::End;
use crate::view::axis::Axis;
use crate::view::rows::Rows;
use crate::view::select::{budgets, headline, only, source};
use crate::view::summary::{CONFIDENCE, line};
use pennydrop_figure::{AxisValues, Phase, PhaseAxis, PhaseCell, PhaseOptions, phase_svg};
use pennydrop_stats::clopper_pearson;

/// What divides the phases.
#[derive(Debug, Clone, PartialEq)]
pub struct Thresholds {
    /// Training accuracy that counts as memorised; one of the levels of the record.
    pub train: f64,
    /// Test accuracy that counts as generalised.
    pub test: f64,
    /// Steps between the two from which on it is grokking.
    pub gap: f64,
    /// `first`, `first_sustained` or `last_sustained`.
    pub kind: String,
}

impl Default for Thresholds {
    /// Those of the paper: 90 %, 1,000 steps.
    fn default() -> Self {
        Thresholds { train: 0.9, test: 0.9, gap: 1000.0, kind: "first_sustained".into() }
    }
}

impl Thresholds {
    /// The columns of `runs` that hold the two times.
    pub fn columns(&self) -> [String; 2] {
        [format!("train_{}_{}", self.train, self.kind), format!("test_{}_{}", self.test, self.kind)]
    }

    /// The state of a run: 0 confusion, 1 memorisation, 2 grokking, 3 comprehension.
    pub fn state(&self, train: Option<f64>, test: Option<f64>) -> usize {
        match (train, test) {
            (None, None) => 0,
            (Some(_), None) => 1,
            // Test accuracy without training accuracy is no delay.
            (None, Some(_)) => 3,
            (Some(a), Some(b)) if b - a >= self.gap => 2,
            _ => 3,
        }
    }
}

/// A picture with its numbers in words.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// SVG.
    pub svg: String,
    /// The same for a terminal.
    pub text: String,
}

/// The distinct values of an axis, in order: numbers if all are.
fn values(axis: &Axis, rows: &Rows, present: &[usize]) -> (AxisValues, Vec<usize>) {
    let numbers: Option<Vec<f64>> = present.iter().map(|s| axis.number(rows, *s)).collect();
    if let Some(all) = numbers {
        let mut distinct = all.clone();
        distinct.sort_by(f64::total_cmp);
        // Products of keys may differ by rounding only.
        distinct.dedup_by(|b, a| *a == *b || (*b - *a).abs() <= 1e-9 * a.abs());
        let place = all.iter().map(|x| distinct.partition_point(|d| *d < *x - 1e-9 * x.abs()).min(distinct.len() - 1)).collect();
        return (AxisValues::Numbers(distinct), place);
    }
    let all: Vec<String> = present.iter().map(|s| axis.text(rows, *s)).collect();
    let mut distinct: Vec<String> = Vec::new();
    all.iter().for_each(|t| {
        if !distinct.contains(t) {
            distinct.push(t.clone());
        }
    });
    let place = all.iter().map(|t| distinct.iter().position(|d| d == t).unwrap_or(0)).collect();
    (AxisValues::Labels(distinct), place)
}

/// Whether an axis is better drawn on a logarithmic scale: positive values over more than a decade whose ratios are closer to even than their differences.
fn log(values: &AxisValues) -> bool {
    let AxisValues::Numbers(v) = values else { return false };
    let positive: Vec<f64> = v.iter().copied().filter(|x| *x > 0.0).collect();
    match (positive.first(), positive.last()) {
        (Some(a), Some(b)) => b / a >= 10.0 && positive.len() + 1 >= v.len(),
        _ => false,
    }
}

/// The phase diagram. `rows` must have been read with [`Thresholds::columns`].
///
/// # Errors
/// An axis without values; other keys vary (unless `pool`); a level that the record does not hold.
pub fn phase(rows: &Rows, x: &Axis, y: &Axis, thresholds: &Thresholds, pool: bool, campaign: &str, command: &str) -> Result<Drawn, Error> {
    x.check(rows)?;
    y.check(rows)?;
    let keys: Vec<&str> = x.keys().chain(y.keys()).collect();
    let pooled = only(rows, &keys, pool)?;
    let columns = thresholds.columns();
    let time = |k: usize, row: usize| rows.extra.get(&columns[k]).and_then(|c| c[row]);
    if !rows.is_empty() && columns.iter().any(|c| rows.extra.get(c).is_none_or(|v| v.iter().all(Option::is_none))) && rows.t_mem.iter().any(Option::is_some) {
        let usual = [0.5, 0.9, 0.95, 0.99];
        if !usual.contains(&thresholds.train) || !usual.contains(&thresholds.test) {
            return Err(Error::usage(
                format!("the record does not hold when accuracies crossed {} and {}", thresholds.train, thresholds.test),
                "levels are 0.5, 0.9, 0.95, 0.99 and the two of the spec (train.mem_level, train.grok_level)",
            ));
        }
    }
    // A run that stopped once it had generalised at a lower level was not watched for this one: it is no memorisation.
    let unwatched = (0..rows.len()).filter(|r| matches!(rows.end[*r], End::Grokked | End::Loss) && time(1, *r).is_none()).count();
    if unwatched > 0 {
        return Err(Error::usage(
            format!("{unwatched} runs had stopped, as train.stop says, before a test accuracy of {} could show", thresholds.test),
            "choose test= at or below the campaign's train.grok_level, or train with train.stop=steps",
        ));
    }
    let groups = rows.by_setting();
    let present: Vec<usize> = (0..groups.len()).filter(|s| !groups[*s].is_empty()).collect();
    let ((xs, at_x), (ys, at_y)) = (values(x, rows, &present), values(y, rows, &present));
    let mut members: std::collections::BTreeMap<(usize, usize), Vec<usize>> = Default::default();
    for (k, s) in present.iter().enumerate() {
        members.entry((at_x[k], at_y[k])).or_default().extend(&groups[*s]);
    }
    let mut cells = Vec::with_capacity(members.len());
    for ((ix, iy), runs) in &members {
        let mut states = [0; 4];
        let mut diverged = 0;
        for r in runs {
            let test = time(1, *r);
            if rows.end[*r] == End::Diverged && test.is_none() {
                diverged += 1;
            } else {
                states[thresholds.state(time(0, *r), test)] += 1;
            }
        }
        let l = line(rows, 0, runs)?;
        let share = clopper_pearson(states[2], runs.len(), CONFIDENCE)?;
        let m = l.quantiles[1];
        cells.push(PhaseCell {
            ix: *ix,
            iy: *iy,
            n: runs.len(),
            states,
            diverged,
            median: m.estimate,
            low: m.low,
            high: m.high,
            share_grokked_interval: (share.low, share.high),
        });
    }
    let axis = |a: &Axis, values: AxisValues| PhaseAxis { name: a.name.clone(), log: log(&values), values };
    let (least, most) = budgets(rows);
    let picture = Phase {
        x: axis(x, xs),
        y: axis(y, ys),
        cells,
        budget: most as f64,
        train_level: thresholds.train,
        test_level: thresholds.test,
        gap: thresholds.gap,
        crossing: format!("{} crossing", thresholds.kind.replace('_', " ")),
        confidence: CONFIDENCE,
        ..Phase::default()
    };
    let mut notes = Vec::new();
    if least != most {
        notes.push(format!("budgets differ: {} to {} steps", crate::words::count(least), crate::words::count(most)));
    }
    if !pooled.is_empty() {
        notes.push(format!("thrown together over {}", pooled.join(", ")));
    }
    let options = PhaseOptions { title: headline(rows), width: 760.0, source: source(rows, campaign, command), notes };
    Ok(Drawn { svg: phase_svg(&picture, &options), text: pennydrop_figure::text::phase(&picture) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_those_of_the_paper() {
        let t = Thresholds::default();
        let state = |a, b| t.state(a, b);
        assert_eq!([state(None, None), state(Some(5.0), None), state(Some(5.0), Some(1005.0)), state(Some(5.0), Some(1004.0))], [0, 1, 2, 3]);
        assert_eq!([state(None, Some(9.0)), state(Some(900.0), Some(100.0))], [3, 3]);
        assert_eq!(t.columns(), ["train_0.9_first_sustained", "test_0.9_first_sustained"]);
    }

    #[test]
    fn axes_are_logarithmic_where_they_span_a_decade() {
        assert!(log(&AxisValues::Numbers(vec![1e-3, 1e-2, 1e-1])));
        assert!(log(&AxisValues::Numbers(vec![0.0, 1e-3, 1e-2, 1e-1])));
        assert!(!log(&AxisValues::Numbers(vec![0.2, 0.4, 0.8])));
        assert!(!log(&AxisValues::Labels(vec!["a".into()])));
    }
}
