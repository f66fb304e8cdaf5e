//! When accuracies cross levels.
//!
//! Between evaluations nothing is known, so a *stretch* is a run of consecutive evaluations at or above a level. Its start is exact to the step: the
//! interval before its first evaluation is replayed, and the start is the first of the unbroken run of steps at the level that ends there. A stretch is
//! *sustained* once a later evaluation of it lies at `sustain` times its start or beyond.
//!
//! Per curve and level: the **first** step at the level; the start of the **first sustained** stretch; the start of the **last sustained** one. Nothing
//! is said about an excursion that begins and ends between two evaluations.

/// Which accuracy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Curve {
    /// Of the training examples.
    Train,
    /// Of the test examples.
    Test,
}

impl Curve {
    /// The word in records.
    pub fn name(self) -> &'static str {
        match self {
            Curve::Train => "train",
            Curve::Test => "test",
        }
    }
}

/// Which crossing of a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The first step at the level.
    First,
    /// The start of the first sustained stretch.
    FirstSustained,
    /// The start of the last sustained stretch.
    LastSustained,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 3] = [Kind::First, Kind::FirstSustained, Kind::LastSustained];

    /// The word in records.
    pub fn name(self) -> &'static str {
        match self {
            Kind::First => "first",
            Kind::FirstSustained => "first_sustained",
            Kind::LastSustained => "last_sustained",
        }
    }
}

/// What has been seen of one level.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Sighting {
    /// The first step at the level.
    pub first: Option<u64>,
    /// The start of the first sustained stretch.
    pub first_sustained: Option<u64>,
    /// The start of the last sustained stretch.
    pub last_sustained: Option<u64>,
}

/// Where a stretch begins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Begin<K> {
    /// At this step.
    At(u64),
    /// At a step in `after + 1 ..= by`; `kept` is the state at `after`.
    Within { after: u64, by: u64, kept: K },
}

/// Consecutive evaluations at the level.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stretch<K> {
    pub begin: Begin<K>,
    pub evaluations: u64,
}

/// Follows one level of one accuracy. `K` is a kept state, from which an interval can be replayed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tracker<K> {
    pub curve: Curve,
    pub level: f64,
    pub seen: Sighting,
    pub stretch: Option<Stretch<K>>,
}

/// Accuracies at the steps strictly between `after` and `by`, from the state kept at `after`.
pub(crate) type Replay<'a, K, E> = dyn FnMut(Curve, u64, u64, &K) -> Result<Vec<f64>, E> + 'a;

impl<K: Clone> Tracker<K> {
    pub fn new(curve: Curve, level: f64) -> Tracker<K> {
        Tracker { curve, level, seen: Sighting::default(), stretch: None }
    }

    /// Takes the accuracy at `step`; `previous` is the evaluation before, with its state. A replay is asked for only where a time depends on it: for the
    /// first crossing, and once a stretch is about to be sustained.
    pub fn update<E>(&mut self, step: u64, accuracy: f64, previous: Option<(u64, &K)>, sustain: f64, replay: &mut Replay<'_, K, E>) -> Result<(), E> {
        let level = self.level;
        // NaN is below every level.
        if accuracy < level || accuracy.is_nan() {
            self.stretch = None;
            return Ok(());
        }
        let stretch = self.stretch.get_or_insert_with(|| Stretch {
            begin: match previous {
                Some((after, kept)) if after + 1 < step => Begin::Within { after, by: step, kept: kept.clone() },
                _ => Begin::At(step),
            },
            evaluations: 0,
        });
        stretch.evaluations += 1;
        let long = |start: u64| step > start && step as f64 >= sustain * start as f64;
        if let Begin::Within { after, by, kept } = &stretch.begin
            && (self.seen.first.is_none() || long(after + 1))
        {
            let between = replay(self.curve, *after, *by, kept)?;
            let at = |k: usize| after + 1 + k as u64;
            let first = between.iter().position(|a| *a >= level).map_or(*by, at);
            let start = between.iter().rposition(|a| *a < level || a.is_nan()).map_or(after + 1, |k| at(k) + 1);
            self.seen.first.get_or_insert(first);
            stretch.begin = Begin::At(start);
        }
        if let Begin::At(start) = stretch.begin {
            self.seen.first.get_or_insert(start);
            if long(start) {
                self.seen.first_sustained.get_or_insert(start);
                self.seen.last_sustained = Some(start);
            }
        }
        Ok(())
    }

    /// Whether the level holds now, sustained, for at least `n` evaluations.
    pub fn steady(&self, n: u64) -> bool {
        matches!(&self.stretch, Some(Stretch { begin: Begin::At(start), evaluations }) if *evaluations >= n && self.seen.last_sustained == Some(*start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Grid;
    use pennydrop_graph::rng::{Purpose, Stream};
    use std::convert::Infallible;

    /// The definitions, read off the accuracy at every step and the grid.
    fn brute(a: &[f64], grid: &[u64], level: f64, sustain: f64) -> Sighting {
        let up = |s: u64| a[s as usize] >= level;
        let mut seen = Sighting::default();
        for (i, e) in grid.iter().enumerate() {
            if !up(*e) || (i > 0 && up(grid[i - 1])) {
                continue;
            }
            // A stretch begins in (before, e].
            let open = if i == 0 { 0 } else { grid[i - 1] + 1 };
            let first = (open..=*e).find(|s| up(*s)).unwrap();
            let start = (open..=*e).rev().take_while(|s| up(*s)).last().unwrap();
            let end = *grid[i..].iter().take_while(|e| up(**e)).last().unwrap();
            seen.first.get_or_insert(first);
            if end > start && end as f64 >= sustain * start as f64 {
                seen.first_sustained.get_or_insert(start);
                seen.last_sustained = Some(start);
            }
        }
        seen
    }

    #[test]
    fn agrees_with_a_scan_of_every_step() {
        let mut replays = 0;
        let mut sustained = 0;
        for seed in 0..300 {
            let s = Stream::new(seed, Purpose::Test, 0, 0);
            // A slow rise with noise, dips, and sometimes NaN.
            let a: Vec<f64> = (0..3000u64)
                .map(|i| {
                    let rise = (i as f64 / (500.0 + 1500.0 * s.uniform(1 << 40))).min(1.0);
                    let dip = if s.uniform(i / 97 + (1 << 41)) < 0.15 { 0.3 } else { 0.0 };
                    if s.uniform(i + (1 << 42)) < 0.002 { f64::NAN } else { rise - dip - 0.04 * s.uniform(i) }
                })
                .collect();
            let g = Grid { density: [8, 64][seed as usize % 2] };
            let grid: Vec<u64> = (0..3000).filter(|s| g.holds(*s)).collect();
            for level in [0.5, 0.9, 0.95] {
                let mut t: Tracker<u64> = Tracker::new(Curve::Test, level);
                let mut previous: Option<u64> = None;
                for e in &grid {
                    let mut replay = |_: Curve, after: u64, by: u64, kept: &u64| {
                        replays += 1;
                        assert_eq!(after, *kept);
                        Ok::<_, Infallible>(a[after as usize + 1..by as usize].to_vec())
                    };
                    t.update(*e, a[*e as usize], previous.as_ref().map(|p| (*p, p)), 1.1, &mut replay).unwrap();
                    previous = Some(*e);
                }
                assert_eq!(t.seen, brute(&a, &grid, level, 1.1), "seed {seed}, level {level}");
                sustained += usize::from(t.seen.first_sustained != t.seen.last_sustained);
            }
        }
        assert!(replays > 500 && sustained > 100, "{replays} {sustained}");
    }

    #[test]
    fn a_level_that_holds_from_the_start_is_sustained_by_the_next_evaluation() {
        let mut t: Tracker<()> = Tracker::new(Curve::Train, 0.5);
        let mut none = |_: Curve, _: u64, _: u64, (): &()| -> Result<Vec<f64>, Infallible> { unreachable!() };
        t.update(0, 0.5, None, 1.1, &mut none).unwrap();
        assert_eq!((t.seen.first, t.seen.first_sustained), (Some(0), None));
        t.update(1, 0.5, Some((0, &())), 1.1, &mut none).unwrap();
        assert_eq!(t.seen.first_sustained, Some(0));
        assert!(t.steady(2) && !t.steady(3));
        t.update(2, f64::NAN, Some((1, &())), 1.1, &mut none).unwrap();
        assert!(!t.steady(1));
    }
}
