//! Solvable models, asked in words: typed values → checked arguments → an answer → words, JSON, a figure.

pub mod json;
pub mod laws;
pub mod picture;
pub mod words;

use crate::error::Error;
use crate::record::producer;
use crate::spec::Given;
use crate::spec::grammar::parse_value;
use crate::spec::sweep;
use crate::threads::Team;
use pennydrop_registry::{Args, Kind, SpecError, Value};
use pennydrop_store::{Checkpoint, Tensor};
use pennydrop_theory::sweep::Sweep;
use pennydrop_theory::{Answer, Context, Model, TheoryError, Weights};
use std::path::Path;

/// How a simulation is run.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// Number of samples; `None` is the model's own.
    pub samples: Option<usize>,
    /// Seed of every draw.
    pub seed: u64,
    /// Threads; the answer does not depend on them.
    pub threads: usize,
    /// Asked now and then; `true` ends the simulation.
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

impl std::fmt::Debug for Terms<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terms").field("samples", &self.samples).field("seed", &self.seed).field("threads", &self.threads).finish_non_exhaustive()
    }
}

/// The flag that sets a parameter: `--sigma-w2` for `sigma_w2`.
pub fn flag(key: &str) -> String {
    key.replace('_', "-")
}

/// What was typed for a parameter of `model`, as a value. Lists may be typed without brackets.
///
/// # Errors
/// Text that does not follow the grammar of values, or that stands for several.
pub fn value(model: &Model, key: &str, text: &str) -> Result<Value, Error> {
    let name = format!("--{}", flag(key));
    let kind = model.row.params.iter().find(|p| p.key == key).map(|p| p.kind);
    // A word needs no grammar: it may hold commas and signs.
    if matches!(kind, Some(Kind::Str | Kind::Choice(_))) {
        return Ok(Value::Str(text.to_string()));
    }
    let is_list = matches!(kind, Some(Kind::Ints { .. } | Kind::Floats | Kind::Strs));
    let text = if is_list && !text.trim_start().starts_with('[') { format!("[{text}]") } else { text.to_string() };
    match parse_value(&name, &text)? {
        Given::One(v) => Ok(v),
        Given::Range(_) => Err(SpecError::new(name, "this is one value, not several", format!("--sweep {key}={text}")).into()),
    }
}

/// The checked arguments of `model`.
///
/// # Errors
/// A value of the wrong type or out of range.
pub fn arguments(model: &'static Model, given: &[(String, Value)]) -> Result<Args, Error> {
    Args::check(model.row.name, &model.row, given.iter().cloned()).map_err(|e| Error::Spec(as_flag(model, e)))
}

/// The answer of `model`.
///
/// # Errors
/// An argument that the model cannot take; a computation that failed; a stop.
pub fn ask(model: &'static Model, args: &Args, terms: &Terms) -> Result<Answer, Error> {
    let team = Team::new(terms.threads);
    let context = Context { samples: terms.samples, seed: terms.seed, workers: &team, stop: terms.stop };
    (model.answer)(args, &context).map_err(|e| error(model, e))
}

/// Writes the closed form of a model as a safetensors file that `model.init` of its preset takes; returns the words of a `run` that begins from it.
///
/// # Errors
/// An argument that the model cannot take; a file that cannot be written.
pub fn write_weights(model: &'static Model, weights: &Weights, args: &Args, seed: u64, path: &Path) -> Result<Vec<String>, Error> {
    let tensors = (weights.tensors)(args, seed).map_err(|e| error(model, e))?;
    let mut checkpoint = Checkpoint { made_by: producer(), ..Checkpoint::default() };
    checkpoint.tensors = tensors.iter().map(|t| Tensor::from_f32(&t.name, &t.shape, &t.values)).collect();
    checkpoint.meta = args.iter().map(|(k, v)| (k.to_string(), v.to_string())).chain([("model".to_string(), model.row.name.to_string())]).collect();
    checkpoint.save(path)?;
    let mut words = vec!["run".to_string(), weights.preset.to_string(), format!("model.init={}", path.display())];
    words.extend((weights.words)(args));
    Ok(words)
}

/// The answers of `model` along `word` = `KEY=VALUES` (the grammar of sweeps: a list with commas, `range`, `linspace`, `logspace`).
///
/// # Errors
/// A word that is no axis of this model; as [`ask`].
pub fn along(model: &'static Model, given: &[(String, Value)], word: &str, terms: &Terms) -> Result<Sweep, Error> {
    let (key, values) = word.split_once('=').ok_or_else(|| Error::usage(format!("--sweep {word} names no values"), "such as --sweep d=2,5,10"))?;
    let key = key.trim().trim_start_matches("--").replace('-', "_");
    let values = sweep::values(&key, values)?;
    let team = Team::new(terms.threads);
    let context = Context { samples: terms.samples, seed: terms.seed, workers: &team, stop: terms.stop };
    pennydrop_theory::sweep::sweep(model, given, &key, &values, &context).map_err(|e| error(model, e))
}

/// An error of a model, with the flag instead of the key.
fn error(model: &Model, e: TheoryError) -> Error {
    match e {
        TheoryError::Parameter(e) => Error::Spec(as_flag(model, e)),
        other => Error::Theory(other),
    }
}

fn as_flag(model: &Model, e: SpecError) -> SpecError {
    match e.key.strip_prefix(model.row.name).and_then(|rest| rest.strip_prefix('.')) {
        Some(key) => SpecError { key: format!("--{}", flag(key)), ..e },
        None => e,
    }
}
