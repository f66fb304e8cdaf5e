//! Kaplan–Meier estimates for right-censored times.
//!
//! Sources: Kaplan & Meier (1958), J. Am. Stat. Assoc. 53, 457; Greenwood (1926) for the variance; Kalbfleisch & Prentice (1980) for the
//! log(−log) band; Brookmeyer & Crowley (1982), Biometrics 38, 29 for intervals of quantiles; Andersen, Borgan, Gill & Keiding (1993), IV.3.3
//! for the variance of the restricted mean.

use crate::error::{Error, inside_unit};
use crate::normal::critical_value;

/// One subject: when it was last looked at, and whether the event had happened exactly then.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// Event time, or the last time at which the event had not yet happened. Any finite number (a delay may be negative).
    pub time: f64,
    /// `true`: the event happened at `time`. `false`: right-censored there.
    pub event: bool,
}

impl Observation {
    /// The event happened at `time`.
    pub fn event(time: f64) -> Self {
        Observation { time, event: true }
    }

    /// Nothing had happened by `time`, and nothing is known after it.
    pub fn censored(time: f64) -> Self {
        Observation { time, event: false }
    }
}

/// Scale on which the normal approximation is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BandKind {
    /// S ± z·se, cut to \[0, 1\]. Poor in small samples; here to compare with older papers.
    Plain,
    /// On log S (the default of R's `survfit`), cut at 1.
    Log,
    /// On log(−log S): stays inside \[0, 1\] by itself and holds its level in small samples. The default everywhere in pennydrop.
    LogLog,
}

/// The curve at one distinct time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The time.
    pub time: f64,
    /// Subjects under observation just before it.
    pub at_risk: usize,
    /// Events exactly at it.
    pub events: usize,
    /// Subjects censored exactly at it (counted as at risk for events of the same time).
    pub censored: usize,
    /// S(t): estimated probability that the event comes later than this time.
    pub survival: f64,
    /// Greenwood's sum Σ d/(n(n−d)) up to here: the variance of log S. Infinite once S = 0.
    pub greenwood: f64,
}

impl Step {
    /// Standard error of S, by Greenwood's formula. Zero before the first event; undefined (`None`) once S = 0.
    pub fn standard_error(&self) -> Option<f64> {
        (self.survival > 0.0).then(|| self.survival * libm::sqrt(self.greenwood))
    }

    /// Pointwise interval of S for critical value `z`. `None` once S = 0, where no variance exists; (1, 1) before the first event.
    fn interval(&self, z: f64, kind: BandKind) -> Option<(f64, f64)> {
        if self.survival <= 0.0 {
            return None;
        }
        if self.greenwood == 0.0 {
            return Some((1.0, 1.0));
        }
        let (s, half) = (self.survival, z * libm::sqrt(self.greenwood));
        Some(match kind {
            BandKind::Plain => ((s - s * half).max(0.0), (s + s * half).min(1.0)),
            BandKind::Log => (s * libm::exp(-half), (s * libm::exp(half)).min(1.0)),
            BandKind::LogLog => {
                // se of log(−log S) is sqrt(greenwood)/|log S|; log S < 0 here.
                let w = half / -libm::log(s);
                (libm::pow(s, libm::exp(w)), libm::pow(s, libm::exp(-w)))
            }
        })
    }
}

/// A quantile of the time and its interval. `None` means that the curve (or the band) never comes down that far: for the estimate, "not reached
/// within the budget"; for an end of the interval, open on that side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantileEstimate {
    /// Smallest time with S(t) ≤ 1 − p.
    pub estimate: Option<f64>,
    /// Lower end.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

/// Mean of min(T, τ), with its standard error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RestrictedMean {
    /// Area under S from 0 to τ, in units of time.
    pub mean: f64,
    /// Standard error of `mean`.
    pub standard_error: f64,
    /// τ.
    pub horizon: f64,
}

impl RestrictedMean {
    /// Normal interval at `level`, cut to \[0, τ\].
    ///
    /// # Errors
    /// [`Error::Domain`] unless 0 < level < 1.
    pub fn interval(&self, level: f64) -> Result<(f64, f64), Error> {
        let half = critical_value(level)? * self.standard_error;
        Ok(((self.mean - half).max(0.0), (self.mean + half).min(self.horizon)))
    }
}

/// A product-limit curve: a right-continuous step function that starts at 1.
#[derive(Debug, Clone, PartialEq)]
pub struct KaplanMeier {
    steps: Vec<Step>,
    n: usize,
}

// S is a product of ratios, so a value that equals 1 − p on paper may miss it by some n·2⁻⁵³; 1e-10 covers that for every n that fits in memory.
const TIE: f64 = 1e-10;

impl KaplanMeier {
    /// Fits the curve to `observations` (any order). Events come before censorings of the same time.
    ///
    /// # Errors
    /// [`Error::TooFew`] if empty; [`Error::Domain`] if a time is NaN or infinite.
    pub fn new(observations: &[Observation]) -> Result<Self, Error> {
        if observations.is_empty() {
            return Err(Error::TooFew { what: "survival curve", least: 1, got: 0 });
        }
        if let Some((index, bad)) = observations.iter().enumerate().find(|(_, o)| !o.time.is_finite()) {
            return Err(Error::Domain { what: "survival curve", index, value: bad.time, must: "a time must be finite (censor a run at its budget instead)" });
        }
        let mut sorted = observations.to_vec();
        // Adding 0 turns −0 into 0, so that total_cmp sees one zero.
        sorted.iter_mut().for_each(|o| o.time += 0.0);
        sorted.sort_by(|a, b| a.time.total_cmp(&b.time));
        let (mut survival, mut greenwood) = (1.0, 0.0);
        let mut at_risk = sorted.len();
        let mut steps = Vec::new();
        for group in sorted.chunk_by(|a, b| a.time == b.time) {
            let events = group.iter().filter(|o| o.event).count();
            if events > 0 {
                let (n, d) = (at_risk as f64, events as f64);
                survival *= (n - d) / n;
                greenwood += d / (n * (n - d)); // infinite when the last subjects fail together
            }
            steps.push(Step { time: group[0].time, at_risk, events, censored: group.len() - events, survival, greenwood });
            at_risk -= group.len();
        }
        Ok(KaplanMeier { steps, n: sorted.len() })
    }

    /// One entry a distinct time (events and censorings), ascending.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Number of subjects.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Number of events.
    pub fn events(&self) -> usize {
        self.steps.iter().map(|s| s.events).sum()
    }

    /// S(t): probability that the event comes later than `t`; 1 before the first event. After the last time of a curve that has not reached 0
    /// nothing is known, and the answer is `None`. `None` for NaN too.
    pub fn survival_at(&self, t: f64) -> Option<f64> {
        if t.is_nan() {
            return None;
        }
        let past = self.steps.partition_point(|s| s.time <= t);
        if past == self.steps.len() {
            let last = self.steps[past - 1];
            return (t == last.time || last.survival == 0.0).then_some(last.survival);
        }
        Some(if past == 0 { 1.0 } else { self.steps[past - 1].survival })
    }

    /// Pointwise band: for each of [`Self::steps`] the interval of S at that time, `None` where S = 0 (no variance exists there).
    ///
    /// # Errors
    /// [`Error::Domain`] unless 0 < level < 1.
    pub fn band(&self, level: f64, kind: BandKind) -> Result<Vec<Option<(f64, f64)>>, Error> {
        let z = critical_value(level)?;
        Ok(self.steps.iter().map(|s| s.interval(z, kind)).collect())
    }

    /// The `p`-quantile of the time, with the interval of Brookmeyer and Crowley: the times at which the band of S contains 1 − p.
    ///
    /// The estimate is the smallest t with S(t) ≤ 1 − p. (R's `survfit` averages the two ends where S is exactly 1 − p on a stretch; that
    /// invents a time which no run had, and is not done here.)
    ///
    /// # Errors
    /// [`Error::Domain`] unless p and level lie inside (0, 1).
    pub fn quantile(&self, p: f64, level: f64, kind: BandKind) -> Result<QuantileEstimate, Error> {
        let target = 1.0 - inside_unit("quantile", p)?;
        let band = self.band(level, kind)?;
        let first = |reached: &dyn Fn(usize) -> bool| (0..self.steps.len()).find(|&i| self.steps[i].events > 0 && reached(i)).map(|i| self.steps[i].time);
        let below = |s: f64| s <= target + TIE;
        let estimate = first(&|i| below(self.steps[i].survival));
        // Where S = 0 the lower limit is 0 whatever its variance; the upper limit is unknown, so the interval stays open.
        let low = first(&|i| band[i].is_none_or(|(low, _)| below(low)));
        let high = first(&|i| band[i].is_some_and(|(_, high)| below(high)));
        Ok(QuantileEstimate { estimate, low, high })
    }

    /// The median: [`Self::quantile`] at 0.5.
    ///
    /// # Errors
    /// [`Error::Domain`] unless 0 < level < 1.
    pub fn median(&self, level: f64, kind: BandKind) -> Result<QuantileEstimate, Error> {
        self.quantile(0.5, level, kind)
    }

    /// Mean of min(T, τ): the area under the curve from 0 to `horizon`. Unlike a mean over the runs that grokked, it is not biased by dropping those
    /// that did not; it depends on τ, which must be reported with it.
    ///
    /// # Errors
    /// [`Error::Domain`] if τ is not finite and positive, or a time is negative (use shifted times); [`Error::Undefined`] if τ lies beyond the
    /// last time of a curve that has not reached 0.
    pub fn restricted_mean(&self, horizon: f64) -> Result<RestrictedMean, Error> {
        let what = "restricted mean";
        if !(horizon.is_finite() && horizon > 0.0) {
            return Err(Error::Domain { what, index: 0, value: horizon, must: "the horizon must be finite and positive" });
        }
        let (first, last) = (self.steps[0], self.steps[self.steps.len() - 1]);
        if first.time < 0.0 {
            return Err(Error::Domain { what, index: 0, value: first.time, must: "times must not be negative (shift them first)" });
        }
        if horizon > last.time && last.survival > 0.0 {
            return Err(Error::Undefined { what, why: "the horizon lies beyond the last observation, and some subjects were censored there" });
        }
        // Walk back from τ: `area` is ∫ from the current step to τ, which is what the variance weighs each event by.
        let (mut area, mut variance, mut end) = (0.0, 0.0, horizon);
        for step in self.steps.iter().rev().filter(|s| s.time < horizon) {
            area += step.survival * (end - step.time);
            end = step.time;
            let (n, d) = (step.at_risk as f64, step.events as f64);
            if d > 0.0 && n > d {
                variance += area * area * d / (n * (n - d));
            }
        }
        area += end; // S = 1 from 0 to the first step
        Ok(RestrictedMean { mean: area, standard_error: libm::sqrt(variance), horizon })
    }
}

#[cfg(test)]
mod tests;
