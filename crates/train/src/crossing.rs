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
