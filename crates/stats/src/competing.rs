//! Cumulative incidence of competing causes (a run may grok, diverge, or end some other way; whichever comes first hides the rest).
//!
//! 1 − KM of one cause, with the others treated as censored, answers a question about a world in which they do not exist, and overstates how often it happens
//! in this one; the incidences here and the overall survival sum to 1.
//!
//! Sources: Aalen & Johansen (1978), Scand. J. Stat. 5, 141; the variance is the delta-method (Greenwood-type) one of Gaynor et al. (1993), J. Am. Stat. Assoc. 88,
//! 400, as printed in Marubini & Valsecchi (1995), eq. 10.12, and Collett (2015), Modelling Survival Data in Medical Research, 12.3. With a single cause it is
//! Greenwood's.

use crate::error::Error;
use crate::normal::critical_value;

/// One subject.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Competing {
    /// When it happened, or when the subject was last seen with nothing having happened.
    pub time: f64,
    /// Which cause (from 0), or `None` if right-censored.
    pub cause: Option<usize>,
}

/// The estimate at one distinct time.
#[derive(Debug, Clone, PartialEq)]
pub struct CompetingStep {
    /// The time.
    pub time: f64,
    /// Subjects under observation just before it.
    pub at_risk: usize,
    /// Events of each cause exactly at it.
    pub events: Vec<usize>,
    /// Subjects censored exactly at it.
    pub censored: usize,
    /// Probability that nothing has happened up to and including this time.
    pub survival: f64,
    /// Of each cause, the probability that it has happened by this time.
    pub incidence: Vec<f64>,
    /// Variance of each `incidence`.
    pub variance: Vec<f64>,
}

/// Cumulative incidence functions of all causes: right-continuous step functions that start at 0.
#[derive(Debug, Clone, PartialEq)]
pub struct AalenJohansen {
    steps: Vec<CompetingStep>,
    causes: usize,
    n: usize,
}

/// Sums over past times tⱼ from which the variance of F at any later time follows:
/// Σ (F − Fⱼ)² a − 2 (F − Fⱼ) b + c with a = d/(n(n−d)), b = S(tⱼ₋) dₖ/n², c = S(tⱼ₋)² dₖ(n−dₖ)/n³.
#[derive(Clone, Copy, Default)]
struct Spread {
    /// F, the incidence.
    incidence: f64,
    /// The sum itself.
    variance: f64,
    /// Σ a.
    weight: f64,
    /// Σ (F − Fⱼ) a − b.
    lean: f64,
}

impl Spread {
    fn step(&mut self, n: f64, all: f64, of_cause: f64, survival_before: f64) {
        let rise = survival_before * of_cause / n;
        self.incidence += rise;
        // Every earlier F − Fⱼ has grown by `rise`.
        self.variance += rise * (rise * self.weight + 2.0 * self.lean);
        self.lean += rise * self.weight;
        // This time's own terms, with F − Fⱼ = 0. Where all at risk fail together nothing can follow, and a (infinite) is never used.
        if n > all {
            self.weight += all / (n * (n - all));
        }
        self.lean -= survival_before * of_cause / (n * n);
        self.variance += survival_before * survival_before * of_cause * (n - of_cause) / (n * n * n);
    }
}

impl AalenJohansen {
    /// Fits the curves of causes 0..`causes` to `observations` (any order). Events come before censorings of the same time.
    ///
    /// # Errors
    /// [`Error::TooFew`] if there are no observations or no causes; [`Error::Domain`] if a time is not finite or a cause is not below `causes`.
    pub fn new(observations: &[Competing], causes: usize) -> Result<Self, Error> {
        let what = "cumulative incidence";
        if observations.is_empty() || causes == 0 {
            return Err(Error::TooFew { what, least: 1, got: 0 });
        }
        for (index, o) in observations.iter().enumerate() {
            if !o.time.is_finite() {
                return Err(Error::Domain { what, index, value: o.time, must: "a time must be finite (censor a run at its budget instead)" });
            }
            if let Some(cause) = o.cause.filter(|c| *c >= causes) {
                return Err(Error::Domain { what, index, value: cause as f64, must: "a cause must be below the number of causes" });
            }
        }
        let mut sorted = observations.to_vec();
        sorted.iter_mut().for_each(|o| o.time += 0.0); // −0 becomes 0
        sorted.sort_by(|a, b| a.time.total_cmp(&b.time));
        let mut spreads = vec![Spread::default(); causes];
        let mut survival = 1.0;
        let mut at_risk = sorted.len();
        let mut steps = Vec::new();
        for group in sorted.chunk_by(|a, b| a.time == b.time) {
            let mut events = vec![0; causes];
            group.iter().filter_map(|o| o.cause).for_each(|c| events[c] += 1);
            let total: usize = events.iter().sum();
            if total > 0 {
                let (n, d) = (at_risk as f64, total as f64);
                spreads.iter_mut().zip(&events).for_each(|(s, &e)| s.step(n, d, e as f64, survival));
                survival *= (n - d) / n;
            }
            steps.push(CompetingStep {
                time: group[0].time,
                at_risk,
                events,
                censored: group.len() - total,
                survival,
                incidence: spreads.iter().map(|s| s.incidence.min(1.0)).collect(),
                variance: spreads.iter().map(|s| s.variance.max(0.0)).collect(),
            });
            at_risk -= group.len();
        }
        Ok(AalenJohansen { steps, causes, n: sorted.len() })
    }

    /// One entry a distinct time (events and censorings), ascending.
    pub fn steps(&self) -> &[CompetingStep] {
        &self.steps
    }

    /// Number of causes.
    pub fn causes(&self) -> usize {
        self.causes
    }

    /// Number of subjects.
    pub fn n(&self) -> usize {
        self.n
    }

    /// The last step at or before `t`, if what is known reaches that far: `Some(None)` before the first step.
    fn at(&self, t: f64) -> Option<Option<&CompetingStep>> {
        let past = self.steps.partition_point(|s| s.time <= t);
        let last = &self.steps[self.steps.len() - 1];
        if t.is_nan() || (t > last.time && last.survival > 0.0) {
            return None;
        }
        Some(past.checked_sub(1).map(|i| &self.steps[i]))
    }

    /// Probability that `cause` has happened by `t`. `None` for NaN, for a cause that does not exist, and after the last time if subjects were censored there:
    /// nothing is known then.
    pub fn incidence_at(&self, cause: usize, t: f64) -> Option<f64> {
        if cause >= self.causes {
            return None;
        }
        self.at(t).map(|step| step.map_or(0.0, |s| s.incidence[cause]))
    }

    /// Probability that nothing has happened by `t`; `None` as for [`Self::incidence_at`].
    pub fn survival_at(&self, t: f64) -> Option<f64> {
        self.at(t).map(|step| step.map_or(1.0, |s| s.survival))
    }

    /// Pointwise band of one cause's incidence F at each of [`Self::steps`], on the log(−log) scale: F^exp(±z·se/(F ln F)). (0, 0) before the first event of the cause;
    /// `None` where F = 1.
    ///
    /// # Errors
    /// [`Error::Domain`] unless 0 < level < 1 and the cause exists.
    pub fn band(&self, cause: usize, level: f64) -> Result<Vec<Option<(f64, f64)>>, Error> {
        let z = critical_value(level)?;
        if cause >= self.causes {
            let must = "it must be below the number of causes";
            return Err(Error::Domain { what: "cause", index: 0, value: cause as f64, must });
        }
        Ok(self
            .steps
            .iter()
            .map(|step| {
                let f = step.incidence[cause];
                if f == 0.0 {
                    return Some((0.0, 0.0));
                }
                let log = libm::log(f);
                // A rounding short of 1 would give a band of no meaning.
                (log < -1e-12).then(|| {
                    let w = z * libm::sqrt(step.variance[cause]) / (f * -log);
                    (libm::pow(f, libm::exp(w)), libm::pow(f, libm::exp(-w)))
                })
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survival::{BandKind, KaplanMeier, Observation};
    use proptest::prelude::*;

    #[test]
    fn agrees_with_lifelines() {
        let fixture = crate::fixture::comparisons();
        let set = &fixture["competing"];
        let data: Vec<Competing> = set["observations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|o| Competing { time: o[0].as_f64().unwrap(), cause: (o[1].as_u64().unwrap() as usize).checked_sub(1) })
            .collect();
        let curves = AalenJohansen::new(&data, 2).unwrap();
        for cause in 0..2 {
            let want = set["causes"][cause].as_array().unwrap();
            let band = curves.band(cause, 0.95).unwrap();
            assert_eq!(want.len(), curves.steps().len());
            for ((row, step), band) in want.iter().zip(curves.steps()).zip(band) {
                let close = |got: f64, i: usize| {
                    let want = row[i].as_f64().unwrap();
                    assert!((got - want).abs() <= 1e-10 * want.abs().max(1e-3), "cause {cause}, {row}, item {i}: {got} against {want}");
                };
                close(step.time, 0);
                close(step.incidence[cause], 1);
                if !row[2].is_null() {
                    close(step.variance[cause], 2);
                }
                if !row[3].is_null() {
                    let (low, high) = band.unwrap();
                    close(low, 3);
                    close(high, 4);
                }
                assert_eq!(curves.incidence_at(cause, step.time), Some(step.incidence[cause]));
            }
        }
    }

    #[test]
    fn edges() {
        let data = [(3.0, Some(0)), (1.0, Some(1)), (5.0, None)].map(|(time, cause)| Competing { time, cause });
        let curves = AalenJohansen::new(&data, 2).unwrap();
        assert_eq!((curves.incidence_at(0, 0.5), curves.survival_at(0.5)), (Some(0.0), Some(1.0)));
        assert_eq!((curves.incidence_at(0, 5.1), curves.survival_at(f64::NAN), curves.incidence_at(2, 1.0)), (None, None, None));
        assert_eq!(curves.band(0, 0.9).unwrap()[0], Some((0.0, 0.0)));
        assert!(curves.band(2, 0.9).is_err() && curves.band(0, 1.0).is_err());
        assert!(AalenJohansen::new(&[], 1).is_err() && AalenJohansen::new(&data, 1).is_err() && AalenJohansen::new(&data, 0).is_err());
        assert!(AalenJohansen::new(&[Competing { time: f64::NAN, cause: None }], 1).is_err());
        // One cause, all failed: F = 1 without a band, known for ever after.
        let all = AalenJohansen::new(&data[..1], 1).unwrap();
        assert_eq!((all.incidence_at(0, 1e9), all.band(0, 0.9).unwrap()[0]), (Some(1.0), None));
    }

    proptest! {
        #[test]
        fn incidences_and_survival_sum_to_one(data in prop::collection::vec((1u8..30, prop::option::of(0usize..3)), 1..60)) {
            let data: Vec<Competing> = data.iter().map(|&(t, cause)| Competing { time: f64::from(t), cause }).collect();
            for step in AalenJohansen::new(&data, 3).unwrap().steps() {
                let sum = step.survival + step.incidence.iter().sum::<f64>();
                prop_assert!((sum - 1.0).abs() < 1e-12, "{}", sum);
            }
        }

        #[test]
        fn one_cause_is_the_complement_of_kaplan_meier(data in prop::collection::vec((1u8..30, any::<bool>()), 1..60)) {
            let one: Vec<Competing> = data.iter().map(|&(t, e)| Competing { time: f64::from(t), cause: e.then_some(0) }).collect();
            let plain: Vec<Observation> = data.iter().map(|&(t, event)| Observation { time: f64::from(t), event }).collect();
            let (a, b) = (AalenJohansen::new(&one, 1).unwrap(), KaplanMeier::new(&plain).unwrap());
            prop_assert_eq!(b.band(0.9, BandKind::Plain).unwrap().len(), a.steps().len());
            for (x, y) in a.steps().iter().zip(b.steps()) {
                prop_assert!((x.incidence[0] - (1.0 - y.survival)).abs() < 1e-12);
                if let Some(se) = y.standard_error() {
                    prop_assert!((x.variance[0] - se * se).abs() < 1e-12, "{} {}", x.variance[0], se * se);
                }
            }
        }
    }
}
