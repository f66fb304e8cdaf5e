//! What was asked: presets, spec files and words, checked into a [`Resolved`] spec.
//!
//! [`grammar`] reads words, [`file`](mod@file) reads TOML, [`seeds`] combines seeds, [`sweep`] reads words with several values, [`catalog`] knows every key there is, [`mod@resolve`] puts them together.

pub mod catalog;
pub mod file;
pub mod grammar;
pub mod resolve;
pub mod seeds;
pub mod sweep;

pub use resolve::{Base, Origin, Resolved, resolve};

use pennydrop_registry::Value;

/// A table of a spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// The data and its split.
    Task,
    /// The architecture.
    Model,
    /// The loss and its arithmetic.
    Loss,
    /// The update rule.
    Optim,
    /// Sampling, limits, evaluation.
    Train,
    /// What is done to a run from outside: a section for each row of [`pennydrop_train::intervention_rows`], of its name.
    Intervention(&'static str),
    /// Where randomness comes from.
    Seed,
    /// What is kept.
    Record,
}

impl Section {
    /// All, in the order in which they are written.
    pub fn all() -> Vec<Section> {
        let first = [Section::Task, Section::Model, Section::Loss, Section::Optim, Section::Train];
        first.into_iter().chain(Section::interventions()).chain([Section::Seed, Section::Record]).collect()
    }

    /// Those of interventions, in the order in which they act.
    pub fn interventions() -> impl Iterator<Item = Section> {
        pennydrop_train::intervention_rows().iter().map(|r| Section::Intervention(r.row.name))
    }

    /// The word used in specs.
    pub fn name(self) -> &'static str {
        match self {
            Section::Task => "task",
            Section::Model => "model",
            Section::Loss => "loss",
            Section::Optim => "optim",
            Section::Train => "train",
            Section::Intervention(name) => name,
            Section::Seed => "seed",
            Section::Record => "record",
        }
    }

    /// The section with this name.
    pub fn parse(name: &str) -> Option<Section> {
        Section::all().into_iter().find(|s| s.name() == name)
    }
}

/// A value as given: one, or a range (which is several runs, and for seeds only).
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// A value.
    One(Value),
    /// `range(…)`, spelt out.
    Range(Vec<i64>),
}
