//! Several laws on the same runs: in sample by Akaike's criterion, out of sample by leaving settings out.

use std::collections::BTreeMap;

use super::fit::{Intervals, LawFit, estimate, fit_with};
use super::law::{Law, LawPoint};
use super::tail::{log_density, log_survival_and_hazard};
use crate::bootstrap::{Bootstrap, Interval};
use crate::describe::quantile;
use crate::error::Error;

/// How to compare.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CompareOptions {
    /// Intervals of each law's parameters.
    pub intervals: Intervals,
    /// Resampling of whole groups for the paired differences.
    pub paired: Bootstrap,
}

/// How well runs were predicted by a law that had not seen them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Runs predicted.
    pub n: usize,
    /// Events among them.
    pub events: usize,
    /// Mean |ln T − ln T̂| over events; `None` without one.
    pub mean_absolute_error: Option<f64>,
    /// exp of the median |ln T − ln T̂| over events: half of them are predicted within this factor.
    pub median_factor: Option<f64>,
    /// Mean ln T − ln T̂ over events: positive if the law predicts too early. (Censored runs can only add to it.)
    pub bias: Option<f64>,
    /// Mean log predictive density of ln T over all runs: normal around ln T̂ with the fitted σ for an event, its upper tail for a censored run.
    pub log_density: f64,
}

/// One left-out group.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldOutGroup {
    /// Which.
    pub group: usize,
    /// Its prediction from all other groups, or why there is none.
    pub outcome: Result<Score, Error>,
}

/// Every group predicted from all others.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldOut {
    /// One a group, in the order of their numbers.
    pub groups: Vec<HeldOutGroup>,
    /// All groups' runs together (each run counts the same), or the error of the first group that could not be predicted.
    pub overall: Result<Score, Error>,
}

/// Which end of the covariate's range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The group of smallest x.
    Low,
    /// The group of largest x.
    High,
}

/// An extreme group predicted from the inner ones (all groups but the two extreme ones).
#[derive(Debug, Clone, PartialEq)]
pub struct Extrapolation {
    /// Which end.
    pub end: End,
    /// Number of the group there.
    pub group: usize,
    /// Mean x of that group.
    pub x: f64,
    /// Its prediction, or why there is none.
    pub outcome: Result<Score, Error>,
}

/// A law's part of a [`Comparison`].
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Which law.
    pub law: Law,
    /// The fit to all points, or why there is none.
    pub fit: Result<LawFit, Error>,
    /// Akaike weight e^(−Δ/2)/Σ among the laws that could be fitted (Burnham & Anderson 2002, section 2.9).
    pub weight: Option<f64>,
    /// Leave-one-group-out prediction.
    pub held_out: HeldOut,
    /// Extrapolation to the low and the high end; empty with fewer than three groups.
    pub extrapolation: Vec<Extrapolation>,
}

impl Entry {
    /// Held-out mean |ln T − ln T̂|, if every group could be predicted and an event was seen.
    pub fn held_out_error(&self) -> Option<f64> {
        self.held_out.overall.as_ref().ok().and_then(|s| s.mean_absolute_error)
    }
}

/// Held-out error of a law less that of a null.
#[derive(Debug, Clone, PartialEq)]
pub struct Paired {
    /// The law.
    pub law: Law,
    /// The null ([`Law::is_null`]).
    pub null: Law,
    /// Mean |ln T − ln T̂| of the law less that of the null, over the same events; negative if the law predicts better. The interval resamples whole
    /// groups. If one of the two has no held-out prediction, why.
    pub difference: Result<Interval, Error>,
}

/// Several laws on the same runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// One a law, in the order asked for. None is left out: a law that cannot be fitted or predict says why.
    pub entries: Vec<Entry>,
    /// The law, not a null, with the smallest held-out error. It was chosen by that error, so its advantage over the next is flattered.
    pub best: Option<Law>,
    /// Every law that is no null against every null.
    pub paired: Vec<Paired>,
    /// Number of groups.
    pub groups: usize,
}

impl Comparison {
    /// The entry of a law.
    pub fn entry(&self, law: Law) -> Option<&Entry> {
        self.entries.iter().find(|e| e.law == law)
    }

    /// The best law against each null.
    pub fn best_against_nulls(&self) -> impl Iterator<Item = &Paired> {
        self.paired.iter().filter(|p| Some(p.law) == self.best)
    }
}

/// Fits every law to all points, predicts each group from the others, and the extreme groups from the inner ones.
///
/// # Errors
/// [`Error::TooFew`] with fewer than two groups or without laws. What goes wrong for one law is in its entry.
pub fn compare(laws: &[Law], points: &[LawPoint], options: &CompareOptions) -> Result<Comparison, Error> {
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, point) in points.iter().enumerate() {
        groups.entry(point.group).or_default().push(index);
    }
    if groups.len() < 2 {
        return Err(Error::TooFew { what: "comparison of laws: groups", least: 2, got: groups.len() });
    }
    if laws.is_empty() {
        return Err(Error::TooFew { what: "comparison of laws", least: 1, got: 0 });
    }
    let mut entries: Vec<Entry> = Vec::with_capacity(laws.len());
    // Absolute errors of each law's held-out events, group by group, for the pairing.
    let mut errors = Vec::with_capacity(laws.len());
    for &law in laws {
        let (held_out, by_group) = hold_out(law, points, &groups);
        let extrapolation = extrapolate(law, points, &groups);
        entries.push(Entry { law, fit: fit_with(law, points, options.intervals), weight: None, held_out, extrapolation });
        errors.push(by_group);
    }
    weigh(&mut entries);

    let lowest = |a: &&Entry, b: &&Entry| a.held_out_error().unwrap_or(f64::INFINITY).total_cmp(&b.held_out_error().unwrap_or(f64::INFINITY));
    let best = entries.iter().filter(|e| !e.law.is_null() && e.held_out_error().is_some()).min_by(lowest).map(|e| e.law);
    let mut paired = Vec::new();
    for (law, law_errors) in laws.iter().zip(&errors).filter(|(l, _)| !l.is_null()) {
        for (null, null_errors) in laws.iter().zip(&errors).filter(|(l, _)| l.is_null()) {
            paired.push(Paired { law: *law, null: *null, difference: difference(law_errors, null_errors, options.paired) });
        }
    }
    Ok(Comparison { entries, best, paired, groups: groups.len() })
}

/// One run's prediction: (ln T − ln T̂ if the event was seen, log predictive density).
type Prediction = (Option<f64>, f64);

/// Fits to `train`, predicts `test`.
fn predict(law: Law, points: &[LawPoint], train: &[usize], test: &[usize]) -> Result<Vec<Prediction>, Error> {
    let (parameters, sigma) = estimate(law, points, train)?;
    test.iter()
        .map(|&index| {
            let point = &points[index];
            // Also refuses what a fit would refuse in the runs left out.
            law.regressor(index, point.x, point.contraction, point.t_mem)?;
            let time = point.observation.time;
            if !(time.is_finite() && time > 0.0) {
                return Err(Error::Domain { what: law.name(), index, value: time, must: "a time must be finite and positive" });
            }
            let error = libm::log(time) - libm::log(law.value(&parameters, point.x, point.contraction, point.t_mem)?);
            let z = error / sigma;
            Ok(if point.observation.event { (Some(error), log_density(z) - libm::log(sigma)) } else { (None, log_survival_and_hazard(z).0) })
        })
        .collect()
}

fn score(predictions: &[Prediction]) -> Result<Score, Error> {
    let errors: Vec<f64> = predictions.iter().filter_map(|p| p.0).collect();
    let absolute: Vec<f64> = errors.iter().map(|e| e.abs()).collect();
    let mean = |values: &[f64]| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    let median = if absolute.is_empty() { None } else { Some(libm::exp(quantile(&absolute, 0.5)?)) };
    Ok(Score {
        n: predictions.len(),
        events: errors.len(),
        mean_absolute_error: mean(&absolute),
        median_factor: median,
        bias: mean(&errors),
        log_density: predictions.iter().map(|p| p.1).sum::<f64>() / predictions.len() as f64,
    })
}

/// Absolute errors of the events of each group, or why a group has none to show.
type GroupErrors = Result<Vec<Vec<f64>>, Error>;

fn hold_out(law: Law, points: &[LawPoint], groups: &BTreeMap<usize, Vec<usize>>) -> (HeldOut, GroupErrors) {
    let mut outcomes = Vec::with_capacity(groups.len());
    let mut all: Result<Vec<Vec<Prediction>>, Error> = Ok(Vec::new());
    for (&group, test) in groups {
        let train: Vec<usize> = (0..points.len()).filter(|&i| points[i].group != group).collect();
        let predicted = predict(law, points, &train, test);
        outcomes.push(HeldOutGroup { group, outcome: predicted.as_ref().map_err(Clone::clone).and_then(|p| score(p)) });
        all = all.and_then(|mut so_far| {
            so_far.push(predicted?);
            Ok(so_far)
        });
    }
    let overall = all.as_ref().map_err(Clone::clone).and_then(|a| score(&a.concat()));
    let errors = all.map(|a| a.iter().map(|g| g.iter().filter_map(|p| p.0.map(f64::abs)).collect()).collect());
    (HeldOut { groups: outcomes, overall }, errors)
}

fn extrapolate(law: Law, points: &[LawPoint], groups: &BTreeMap<usize, Vec<usize>>) -> Vec<Extrapolation> {
    let mean_x = |indices: &[usize]| indices.iter().map(|&i| points[i].x).sum::<f64>() / indices.len() as f64;
    let mut order: Vec<(f64, usize)> = groups.iter().map(|(&group, indices)| (mean_x(indices), group)).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    if order.len() < 3 {
        return Vec::new();
    }
    let ends = [(End::Low, order[0]), (End::High, order[order.len() - 1])];
    let inner: Vec<usize> = (0..points.len()).filter(|&i| ends.iter().all(|(_, (_, group))| points[i].group != *group)).collect();
    ends.into_iter()
        .map(|(end, (x, group))| {
            let outcome = predict(law, points, &inner, &groups[&group]).and_then(|p| score(&p));
            Extrapolation { end, group, x, outcome }
        })
        .collect()
}

fn weigh(entries: &mut [Entry]) {
    let least = entries.iter().filter_map(|e| e.fit.as_ref().ok()).map(|f| f.aic).fold(f64::INFINITY, f64::min);
    let raw: Vec<Option<f64>> = entries.iter().map(|e| e.fit.as_ref().ok().map(|f| libm::exp(0.5 * (least - f.aic)))).collect();
    let total: f64 = raw.iter().flatten().sum();
    entries.iter_mut().zip(raw).for_each(|(entry, weight)| entry.weight = weight.map(|w| w / total));
}

fn difference(law: &GroupErrors, null: &GroupErrors, bootstrap: Bootstrap) -> Result<Interval, Error> {
    let (law, null) = (law.as_ref().map_err(Clone::clone)?, null.as_ref().map_err(Clone::clone)?);
    let sums: Vec<(f64, f64)> = law.iter().zip(null).map(|(l, n)| (l.iter().sum::<f64>() - n.iter().sum::<f64>(), l.len() as f64)).collect();
    bootstrap.plain(sums.len(), |sample| {
        let (total, events) = sample.iter().fold((0.0, 0.0), |(t, e), &i| (t + sums[i].0, e + sums[i].1));
        if events > 0.0 { total / events } else { f64::NAN }
    })
}
