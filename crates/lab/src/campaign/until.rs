//! Seeds that are added in complete rounds until the interval of the median is narrow enough, by a rule that is fixed before the first run.
//!
//! Looking again and again and stopping when the interval happens to be narrow would make it too narrow. So the number of looks is fixed, and each look
//! uses the confidence that keeps all of them together at the stated one ([`pennydrop_stats::SequentialRule`]). Decisions are taken only when a round of a
//! setting is complete, never by order of arrival, and every decision is a row of the record (`decisions`).

use crate::known::{End, Known};
use pennydrop_registry::{SpecError, Value};
use pennydrop_stats::{Observation, SequentialRule};

/// The rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Until {
    /// Half the width of the interval of ln(median `t_grok`) that is narrow enough: 0.1 is about ± 10 %.
    pub width: f64,
    /// Confidence of all looks together.
    pub level: f64,
    /// Seeds a round.
    pub round: usize,
    /// Most seeds of a setting.
    pub most: usize,
}

const FORM: &str = "ci=W with W from 0.001 to 10, such as ci=0.1 for about ± 10 %";

impl Until {
    /// Reads `ci=0.1`.
    ///
    /// # Errors
    /// Another word; no number; a round of fewer than 2 seeds, or a limit below one round or beyond 100,000.
    pub fn parse(word: &str, round: usize, most: Option<usize>) -> Result<Until, SpecError> {
        let width = word.trim().strip_prefix("ci=").and_then(|w| w.trim().parse::<f64>().ok()).filter(|w| (0.001..=10.0).contains(w));
        let width = width.ok_or_else(|| SpecError::new("--until", format!("`{}` is no rule", crate::spec::grammar::shown(word)), FORM))?;
        if round < 2 {
            return Err(SpecError::new(
                "--seeds",
                format!("a round of {round} cannot give an interval"),
                "at least 2 seeds a round with --until (--seeds 8 is usual)",
            ));
        }
        let most = most.unwrap_or(10 * round);
        if most < round || most > 100_000 {
            return Err(SpecError::new("--max-seeds", format!("{most} is out of range"), format!("from one round, {round}, to 100000")));
        }
        // Only whole rounds count.
        Ok(Until { width, level: 0.95, round, most: most / round * round })
    }

    /// Its lines in a `[sweep]` table.
    pub fn to_toml(&self) -> String {
        format!("until = {}\nround = {}\nmost = {}\n", Value::Str(format!("ci={:?}", self.width)), self.round, self.most)
    }

    /// The rule as statistics knows it.
    pub fn rule(&self) -> SequentialRule {
        SequentialRule { looks: self.most / self.round, level: self.level, width: self.width, minimum: self.round, most: self.most }
    }
}

/// `t_grok` of a run, censored where it was not seen: one that diverged will not generalise within the budget, so it counts as one that has not by then.
/// Of a run that went beyond the budget only what lies within it is looked at.
pub fn observation(k: &Known, budget: u64) -> Observation {
    match (k.t_grok, k.end) {
        (Some(t), _) if t <= budget => Observation::event(t.max(1) as f64),
        (None, End::Diverged) | (Some(_), _) => Observation::censored(budget.max(1) as f64),
        (None, _) => Observation::censored(k.steps.min(budget).max(1) as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read() {
        let u = Until::parse("ci=0.1", 8, Some(30)).unwrap();
        assert_eq!((u.width, u.round, u.most, u.rule().looks), (0.1, 8, 24, 3));
        for (word, round, most) in [("ci=0", 8, None), ("ci", 8, None), ("width=1", 8, None), ("ci=nan", 8, None), ("ci=0.1", 1, None), ("ci=0.1", 8, Some(7))]
        {
            assert!(Until::parse(word, round, most).is_err(), "{word} {round} {most:?}");
        }
    }
}
