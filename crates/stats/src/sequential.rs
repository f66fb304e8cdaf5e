//! How many seeds: a rule fixed beforehand.
//!
//! Adding seeds until a result looks good spoils its interval. Here the looks are counted in advance and each interval is made at level
//! 1 − (1 − level)/looks, so that by Bonferroni's inequality all of them hold together with probability `level` at least (as far as the interval of
//! the median holds its own), and so does the one at which the rule stops, whatever made it stop. Seeds are looked at in the order of their numbers
//! and in whole rounds: which run finishes first (short ones do) cannot matter.

use crate::binomial::{Proportion, clopper_pearson};
use crate::error::{Error, inside_unit};
use crate::survival::{BandKind, KaplanMeier, Observation, QuantileEstimate};

const WHAT: &str = "sequential rule";

/// The rule. Round 1 ends at `minimum` seeds, the last of `looks` rounds at `most`, the others evenly between.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SequentialRule {
    /// Number of looks, at least 1. With 1 there is a single look, at `most` seeds.
    pub looks: usize,
    /// Confidence level of the whole procedure, inside (0, 1).
    pub level: f64,
    /// Stop when the interval of the median is this narrow: ln(high/low)/2 ≤ width. 0.1 means about ± 10 %. Finite, positive.
    pub width: f64,
    /// Seeds of the first round, at least 1.
    pub minimum: usize,
    /// Seeds of the last round, at least `minimum + looks − 1`.
    pub most: usize,
}

/// What to do after a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Run seeds up to this number, then look again.
    More {
        /// Seeds of the next round, all in all.
        seeds: usize,
    },
    /// Stop: the interval of the median is narrow enough.
    Narrow,
    /// Stop: fewer than half of the runs can reach the event within the common budget, so that the median lies beyond it and more seeds would not
    /// find it.
    Censored,
    /// Stop: all seeds are used.
    Most,
}

impl Decision {
    /// Whether it ends the procedure.
    pub fn stops(self) -> bool {
        !matches!(self, Decision::More { .. })
    }
}

/// A decision and what it rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// The decision.
    pub decision: Decision,
    /// Number of the look, from 1; 0 before the first round is complete.
    pub look: usize,
    /// Seeds that it used: the first so many. Report on these alone.
    pub seeds: usize,
    /// Level of the intervals below, 1 − (1 − level)/looks.
    pub level: f64,
    /// Kaplan–Meier median and its interval (log(−log) band); `None` before the first look.
    pub median: Option<QuantileEstimate>,
    /// ln(high/low)/2; `None` if the interval is open.
    pub half_width: Option<f64>,
    /// Share of runs that had the event within the common budget, with its exact interval; `None` if the censored runs have no common budget, or none
    /// is censored.
    pub reached: Option<Proportion>,
}

impl SequentialRule {
    /// Seeds at each look, ascending.
    ///
    /// # Errors
    /// [`Error::Domain`] if a field is outside its range.
    pub fn schedule(&self) -> Result<Vec<usize>, Error> {
        inside_unit("confidence level", self.level)?;
        let domain = |value: f64, must: &'static str| Err(Error::Domain { what: WHAT, index: 0, value, must });
        if !(self.width.is_finite() && self.width > 0.0) {
            return domain(self.width, "the width must be finite and positive");
        }
        if self.looks == 0 || self.minimum == 0 {
            return domain(0.0, "there must be a look, and a seed to look at");
        }
        if self.most.checked_sub(self.minimum).is_none_or(|spare| spare < self.looks - 1) {
            return domain(self.most as f64, "the most seeds must allow one more seed at each look after the first");
        }
        if self.looks == 1 {
            return Ok(vec![self.most]);
        }
        let (spare, steps) = ((self.most - self.minimum) as u128, (self.looks - 1) as u128);
        Ok((0..self.looks).map(|k| self.minimum + (spare * k as u128).div_ceil(steps) as usize).collect())
    }

    /// Level of each look's intervals, 1 − (1 − level)/looks.
    pub fn level_of_a_look(&self) -> f64 {
        1.0 - (1.0 - self.level) / self.looks as f64
    }

    /// The first look that stops, or else what to run next. `observations` are in the order of their seeds; those past the last complete round, and
    /// those past a look that stops, are not used, so the answer is the same however many more have been run.
    ///
    /// # Errors
    /// [`Error::Domain`] if a field of the rule is outside its range, or a time that is used is not finite and positive.
    pub fn decide(&self, observations: &[Observation]) -> Result<Look, Error> {
        let schedule = self.schedule()?;
        let level = self.level_of_a_look();
        let waiting = Decision::More { seeds: schedule[0] };
        let mut answer = Look { decision: waiting, look: 0, seeds: 0, level, median: None, half_width: None, reached: None };
        for (index, &seeds) in schedule.iter().enumerate() {
            let Some(used) = observations.get(..seeds) else { break };
            answer = self.look(used, index, &schedule)?;
            if answer.decision.stops() {
                break;
            }
        }
        Ok(answer)
    }

    /// [`Self::decide`] while runs are still going: `None` for a seed that is not finished. A round is looked at only when all its seeds are.
    ///
    /// # Errors
    /// As [`Self::decide`].
    pub fn decide_arrived(&self, seeds: &[Option<Observation>]) -> Result<Look, Error> {
        let finished: Vec<Observation> = seeds.iter().map_while(|s| *s).collect();
        self.decide(&finished)
    }

    fn look(&self, used: &[Observation], index: usize, schedule: &[usize]) -> Result<Look, Error> {
        if let Some((index, bad)) = used.iter().enumerate().find(|(_, o)| !(o.time.is_finite() && o.time > 0.0)) {
            return Err(Error::Domain { what: WHAT, index, value: bad.time, must: "a time must be finite and positive" });
        }
        let level = self.level_of_a_look();
        let median = KaplanMeier::new(used)?.median(level, BandKind::LogLog)?;
        let half_width = median.low.zip(median.high).map(|(low, high)| 0.5 * (libm::log(high) - libm::log(low)));
        let reached = match common_budget(used) {
            Some(_) => Some(clopper_pearson(used.iter().filter(|o| o.event).count(), used.len(), level)?),
            None => None,
        };
        let decision = if half_width.is_some_and(|w| w <= self.width) {
            Decision::Narrow
        } else if reached.is_some_and(|r| r.high < 0.5) {
            Decision::Censored
        } else {
            schedule.get(index + 1).map_or(Decision::Most, |&seeds| Decision::More { seeds })
        };
        Ok(Look { decision, look: index + 1, seeds: used.len(), level, median: Some(median), half_width, reached })
    }
}

/// The budget at which every censored run was censored, if it is one, and no event came later.
fn common_budget(used: &[Observation]) -> Option<f64> {
    let budget = used.iter().find(|o| !o.event)?.time;
    used.iter().all(|o| if o.event { o.time <= budget } else { o.time == budget }).then_some(budget)
}

#[cfg(test)]
mod tests;
