//! The grammar that every solvable model shares, and the list of them.

pub mod davies;
pub mod deep_linear;
pub mod deep_linear_mode;
pub mod egd;
pub mod gromov;
pub mod group_composition;
pub mod kumar;
pub mod liu;
pub mod lyu;
pub mod miller;
pub mod rflo;
pub mod rubin;
pub mod spherical_boltzmann;
pub mod superposition;
pub mod two_step_gd;
pub mod xu_xor;
pub mod zunkovic_1d;
pub mod zunkovic_ball;
pub mod zunkovic_tn;

use crate::answer::Answer;
use crate::numeric::Draws;
use pennydrop_graph::cpu::{Parallel, Sequential};
use pennydrop_registry::{Args, Row, SpecError};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Every model, in the order in which it is listed. One line a model.
static MODELS: &[&Model] = &[
    // models begin
    &zunkovic_1d::MODEL,
    &zunkovic_ball::MODEL,
    &zunkovic_tn::MODEL,
    &gromov::MODEL,
    &liu::MODEL,
    &lyu::MODEL,
    &kumar::MODEL,
    &rubin::MODEL,
    &xu_xor::MODEL,
    &davies::MODEL,
    &deep_linear::MODEL,
    &superposition::MODEL,
    &rflo::MODEL,
    &spherical_boltzmann::MODEL,
    &miller::MODEL,
    &two_step_gd::MODEL,
    &egd::MODEL,
    &group_composition::MODEL,
    // models end
];

/// Models whose closed form is a network that can be trained on.
static WEIGHTS: &[Weights] = &[gromov::WEIGHTS];

/// A closed form as the weights of a network.
#[derive(Debug, Clone, Copy)]
pub struct Weights {
    /// Name of the model.
    pub model: &'static str,
    /// Name of the preset whose network has these tensors.
    pub preset: &'static str,
    /// The tensors at these arguments of the model, drawn with a seed.
    pub tensors: fn(&Args, u64) -> Result<Vec<Tensor>, TheoryError>,
    /// The words that make the preset's network as large as these arguments say, such as `task.p=97`.
    pub words: fn(&Args) -> Vec<String>,
}

/// A named tensor in single precision, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Its name in the network.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its elements.
    pub values: Vec<f32>,
}

/// One solvable model.
#[derive(Debug, Clone, Copy)]
pub struct Model {
    /// The name typed by a user, one line, the card or paper, and the parameters with the paper's values as defaults.
    pub row: Row,
    /// The published claims that the model can answer.
    pub claims: &'static [Claim],
    /// How many samples (runs, networks, draws) a simulation has where nobody says; what a sample is, is said by the row's summary or the quantities.
    pub samples: usize,
    /// Evaluates the closed forms and simulates.
    pub answer: fn(&Args, &Context) -> Result<Answer, TheoryError>,
}

/// A published claim, in our words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Name of the paper's card.
    pub card: &'static str,
    /// Its number there, or a word for a part that has none.
    pub number: &'static str,
    /// What is claimed.
    pub text: &'static str,
}

/// Why a model gives no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TheoryError {
    /// A parameter outside the model's domain.
    #[error(transparent)]
    Parameter(#[from] SpecError),
    /// A computation that did not come to its end.
    #[error("{what}: {why}")]
    Numeric {
        /// What was computed.
        what: String,
        /// What went wrong, with the numbers.
        why: String,
    },
    /// The caller's stop callback said so.
    #[error("stopped before the simulation was complete")]
    Stopped,
}

impl TheoryError {
    /// A parameter that this model cannot take: `key` without section, the problem with its value, and what is allowed.
    pub fn parameter(args: &Args, key: &str, problem: impl Into<String>, allowed: impl Into<String>) -> TheoryError {
        SpecError::new(format!("{}.{key}", args.name()), problem, allowed).into()
    }

    /// A computation that failed.
    pub fn numeric(what: impl Into<String>, why: impl Into<String>) -> TheoryError {
        TheoryError::Numeric { what: what.into(), why: why.into() }
    }
}

/// What a simulation is lent: its size, its seed, workers and a stop callback. Nothing in an answer depends on the workers.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Number of samples; `None` is the model's own ([`Model::samples`]).
    pub samples: Option<usize>,
    /// Seed of every draw.
    pub seed: u64,
    /// Who computes.
    pub workers: &'a dyn Parallel,
    /// Asked now and then; `true` ends the simulation with [`TheoryError::Stopped`].
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

impl Default for Context<'_> {
    fn default() -> Self {
        Context { samples: None, seed: 0, workers: &Sequential, stop: &|| false }
    }
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("samples", &self.samples).field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl Context<'_> {
    /// The number of samples that was asked for, or `usual`.
    pub fn samples_or(&self, usual: usize) -> usize {
        self.samples.unwrap_or(usual)
    }

    /// The draws of sample `index` of a purpose of the model's own (`lane` < 2²⁰): they depend on nothing but the seed and these two numbers.
    pub fn draws(&self, lane: u32, index: usize) -> Draws {
        Draws::new(self.seed, lane, index as u64)
    }

    /// Computes `f(0), …, f(n − 1)` on the workers; the result is in order of the index, whoever computed it.
    ///
    /// # Errors
    /// [`TheoryError::Stopped`] if the callback says so before the last begins; the first error of `f` in order of the index.
    pub fn map<T: Send>(&self, n: usize, f: impl Fn(usize) -> Result<T, TheoryError> + Sync) -> Result<Vec<T>, TheoryError> {
        let slots: Vec<Mutex<Option<Result<T, TheoryError>>>> = (0..n).map(|_| Mutex::new(None)).collect();
        let stopped = AtomicBool::new(false);
        self.workers.run(n, &|i| {
            if stopped.load(Ordering::Relaxed) || (self.stop)() {
                stopped.store(true, Ordering::Relaxed);
                return;
            }
            let value = f(i);
            if let Ok(mut slot) = slots[i].lock() {
                *slot = Some(value);
            }
        });
        slots.into_iter().map(|s| s.into_inner().ok().flatten().unwrap_or(Err(TheoryError::Stopped))).collect()
    }

    /// As [`Context::map`] for many cheap samples: `f` fills a block of samples `range` and the blocks are joined in order. The blocks do not depend on the workers.
    ///
    /// # Errors
    /// As [`Context::map`].
    pub fn blocks<T: Send>(
        &self,
        samples: usize,
        block: usize,
        f: impl Fn(std::ops::Range<usize>) -> Result<Vec<T>, TheoryError> + Sync,
    ) -> Result<Vec<T>, TheoryError> {
        let block = block.max(1);
        let parts = self.map(samples.div_ceil(block), |b| f(b * block..samples.min((b + 1) * block)))?;
        Ok(parts.into_iter().flatten().collect())
    }
}

/// Every model.
pub fn models() -> &'static [&'static Model] {
    MODELS
}

/// The closed form of the model called `name` as weights of a network, where it is one.
pub fn weights(name: &str) -> Option<&'static Weights> {
    WEIGHTS.iter().find(|w| w.model == name)
}

/// The model called `name`.
///
/// # Errors
/// No such model; the message names the nearest.
pub fn find(name: &str) -> Result<&'static Model, SpecError> {
    models().iter().copied().find(|m| m.row.name == name).ok_or_else(|| SpecError::unknown("model", "model", name, models().iter().map(|m| m.row.name)))
}

/// What the model whose row `args` was checked against says.
///
/// # Errors
/// What the model's own file says; a row that is none of [`models`].
pub fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    (find(args.name())?.answer)(args, context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_sources_are_there() {
        let mut names: Vec<_> = models().iter().map(|m| m.row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), models().len());
        for m in models() {
            assert!(!m.row.summary.is_empty() && !m.row.source.is_empty(), "{}", m.row.name);
            assert!(!m.claims.is_empty(), "{} answers no claim", m.row.name);
            Args::check(m.row.name, &m.row, []).unwrap_or_else(|e| panic!("{}: {e}", m.row.name));
            // The command's own flags.
            for taken in ["samples", "seed", "sweep", "threads", "json", "output", "help", "version"] {
                assert!(m.row.params.iter().all(|p| p.key != taken), "{} has a parameter `{taken}`", m.row.name);
            }
        }
    }

    #[test]
    fn results_are_in_order_and_a_stop_is_an_error() {
        let context = Context::default();
        assert_eq!(context.map(5, |i| Ok(i * i)), Ok(vec![0, 1, 4, 9, 16]));
        assert_eq!(context.blocks(5, 2, |r| Ok(r.collect::<Vec<_>>())), Ok(vec![0, 1, 2, 3, 4]));
        let context = Context { stop: &|| true, ..Context::default() };
        assert_eq!(context.map(5, Ok), Err(TheoryError::Stopped));
        let failing = Context::default().map(5, |i| if i > 1 { Err(TheoryError::numeric("x", i.to_string())) } else { Ok(i) });
        assert_eq!(failing, Err(TheoryError::numeric("x", "2")));
    }
}
