//! The simulator: examples whose patterns switch on one by one.

use super::Pattern;
use crate::answer::Simulated;
use crate::model::{Context, TheoryError};
use crate::numeric::{Draws, fraction};

/// Counts over a population of examples at each of some times.
#[derive(Debug, Clone, PartialEq)]
pub struct Population {
    /// Training examples that some pattern explains.
    pub train: Vec<usize>,
    /// Test examples that are right.
    pub test: Vec<usize>,
    /// Examples of each kind.
    pub examples: usize,
}

impl Population {
    /// Training accuracy at each time, with its interval.
    pub fn train_accuracy(&self) -> Vec<Simulated> {
        self.train.iter().map(|k| fraction(*k, self.examples)).collect()
    }

    /// Test accuracy at each time, with its interval.
    pub fn test_accuracy(&self) -> Vec<Simulated> {
        self.test.iter().map(|k| fraction(*k, self.examples)).collect()
    }

    /// This population and another, seen at the same times, as one.
    pub fn joined(&self, other: &Population) -> Population {
        let sum = |a: &[usize], b: &[usize]| a.iter().zip(b).map(|(x, y)| x + y).collect();
        Population { train: sum(&self.train, &other.train), test: sum(&self.test, &other.test), examples: self.examples + other.examples }
    }
}

/// What is drawn once for an example: pattern i is active while its predictiveness exceeds `threshold[i]`, so an example that a pattern explains stays explained.
struct Example {
    threshold: Vec<f64>,
    /// Which of the active patterns speaks, as a share of their number.
    choice: f64,
    /// What the pattern that speaks says is right where its g exceeds this.
    luck: f64,
}

impl Example {
    fn new(patterns: usize, draws: &mut Draws) -> Example {
        Example { threshold: (0..patterns).map(|_| draws.uniform()).collect(), choice: draws.uniform(), luck: draws.uniform() }
    }

    /// The pattern that speaks, if any is active.
    fn speaker(&self, shares: &[f64], preferred: Option<usize>) -> Option<usize> {
        let is_active = |i: &usize| self.threshold[*i] < shares[*i];
        if let Some(k) = preferred.filter(is_active) {
            return Some(k);
        }
        let active = (0..shares.len()).filter(is_active).count();
        (0..shares.len()).filter(is_active).nth((self.choice * active as f64) as usize)
    }
}

/// Follows `examples` training and as many test examples through `times`. `preferred` is an index.
///
/// # Errors
/// The context's stop callback.
pub fn simulate(
    patterns: &[Pattern],
    preferred: Option<usize>,
    times: &[f64],
    examples: usize,
    context: &Context,
    lane: u32,
) -> Result<Population, TheoryError> {
    const BLOCK: usize = 1_000;
    let shares: Vec<Vec<f64>> = times.iter().map(|t| patterns.iter().map(|p| p.predictiveness(*t)).collect()).collect();
    let parts = context.map(examples.div_ceil(BLOCK), |b| {
        let n = BLOCK.min(examples - b * BLOCK);
        let mut draws = context.draws(lane, b);
        let mut counts = Population { train: vec![0; times.len()], test: vec![0; times.len()], examples: n };
        for _ in 0..n {
            let (seen, unseen) = (Example::new(patterns.len(), &mut draws), Example::new(patterns.len(), &mut draws));
            for (t, now) in shares.iter().enumerate() {
                counts.train[t] += usize::from(seen.speaker(now, preferred).is_some());
                counts.test[t] += usize::from(unseen.speaker(now, preferred).is_some_and(|i| unseen.luck < patterns[i].g));
            }
        }
        Ok(counts)
    })?;
    let none = Population { train: vec![0; times.len()], test: vec![0; times.len()], examples: 0 };
    Ok(parts.iter().fold(none, |sum, part| sum.joined(part)))
}

/// The first index at which a curve is at `level` or above; its interval is where the pointwise upper and lower ends are first there. `None` where the estimate never is.
pub fn first_at(curve: &[Simulated], level: f64, place: impl Fn(usize) -> f64) -> Option<Simulated> {
    let first = |of: fn(&Simulated) -> f64| curve.iter().position(|s| of(s) >= level);
    let estimate = place(first(|s| s.estimate)?);
    Some(Simulated {
        estimate,
        low: first(|s| s.high).map_or(estimate, &place),
        high: first(|s| s.low).map_or(f64::INFINITY, &place),
        samples: curve[0].samples,
    })
}
