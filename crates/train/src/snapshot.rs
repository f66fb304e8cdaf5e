//! The exact state of a run, as plain data.

use crate::crossing::{Begin, Curve, Sighting, Stretch};
use crate::curves::{Curves, Evaluation};
use crate::fourier::Concentration;
use crate::intervene::Seen;
use crate::run::Run;
use crate::state::States;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

/// Element type of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DType {
    /// Single precision.
    F32,
    /// Double precision.
    F64,
    /// Unsigned 64-bit integers.
    U64,
}

/// A named array, row-major, little-endian.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Name: a parameter's documented one (`embed.W_E`), `optim.…` for moments, `initial.…` for first values that the optimizer needs, `kept{step}.…` for
    /// states that a later replay starts from, `curves.…` for what was recorded.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The elements.
    pub bytes: Vec<u8>,
}

/// The exact state of a run: weights, moments, step, curves, crossing trackers and what pending replays start from. The generators have no state: they
/// count by step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Steps taken.
    pub step: u64,
    /// Named arrays.
    pub tensors: Vec<Tensor>,
    /// Everything else, a JSON object: `numerics`, `fingerprint`, `levels`, `step`, `trackers`, …
    pub meta: String,
}

/// Why a snapshot cannot be continued.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The setup itself does not hold.
    #[error(transparent)]
    Spec(#[from] pennydrop_registry::SpecError),
    /// Written by another version of the arithmetic.
    #[error("made by numerics version {found}, and this is version {}: it can be read, but going on would not give the bits of either", crate::NUMERICS)]
    Numerics {
        /// The snapshot's version.
        found: u32,
    },
    /// The snapshot is of another run.
    #[error("belongs to another run: its data, settings or seeds differ (fingerprint {found}, wanted {wanted})")]
    Fingerprint {
        /// The snapshot's.
        found: String,
        /// This setup's.
        wanted: String,
    },
    /// Something is missing or malformed.
    #[error("not a whole snapshot: {0}")]
    Malformed(String),
}

/// What the JSON object holds.
#[derive(Debug, Serialize, Deserialize)]
struct Meta {
    numerics: u32,
    fingerprint: String,
    levels: Vec<String>,
    step: u64,
    trackers: Vec<Followed>,
    /// What interventions have seen, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    interventions: BTreeMap<String, Seen>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Followed {
    curve: Curve,
    /// Shortest decimal text: JSON readers may round numbers.
    level: String,
    seen: Sighting,
    stretch: Option<Open>,
}

/// A stretch that goes on: its start, or the interval that holds it (`kept{after}.…` are then the states at `after`).
#[derive(Debug, Serialize, Deserialize)]
struct Open {
    start: Option<u64>,
    within: Option<(u64, u64)>,
    evaluations: u64,
}

/// The exact state of `run`.
pub(crate) fn take(run: &Run) -> Snapshot {
    let watch = &run.watch;
    let states = &run.programs.step.graph.states;
    let mut tensors: Vec<Tensor> = states.iter().enumerate().map(|(i, s)| run.engine.tensor(s.name.clone(), i, None)).collect();
    // The states that replays may start from. That of an evaluation of this very step is the present one.
    let mut kept: BTreeMap<u64, &Arc<States>> = BTreeMap::new();
    if let Some((step, k)) = &watch.last {
        kept.insert(*step, k);
    }
    for t in &watch.trackers {
        if let Some(Stretch { begin: Begin::Within { after, kept: k, .. }, .. }) = &t.stretch {
            kept.insert(*after, k);
        }
    }
    let kept = kept.into_iter().filter(|(step, _)| *step != run.step).map(|(step, k)| (format!("kept{step}."), k));
    for (prefix, k) in kept.chain(run.marked.as_ref().map(|m| ("marked.".to_string(), m))) {
        for (i, s) in states.iter().enumerate().filter(|(_, s)| !s.name.starts_with("initial.")) {
            tensors.push(run.engine.tensor(format!("{prefix}{}", s.name), i, Some(k)));
        }
    }
    let rows = watch.curves.rows.len();
    let steps = watch.curves.steps().iter().flat_map(|s| s.to_le_bytes()).collect();
    tensors.push(Tensor { name: "curves.step".into(), dtype: DType::U64, shape: vec![rows], bytes: steps });
    for (name, column) in watch.curves.columns() {
        let bytes = column.iter().flat_map(|x| x.to_le_bytes()).collect();
        tensors.push(Tensor { name: format!("curves.{name}"), dtype: DType::F64, shape: vec![rows], bytes });
    }
    let trackers = watch
        .trackers
        .iter()
        .map(|t| Followed {
            curve: t.curve,
            level: t.level.to_string(),
            seen: t.seen,
            stretch: t.stretch.as_ref().map(|s| {
                let (start, within) = match &s.begin {
                    Begin::At(start) => (Some(*start), None),
                    Begin::Within { after, by, .. } => (None, Some((*after, *by))),
                };
                Open { start, within, evaluations: s.evaluations }
            }),
        })
        .collect();
    let plan = run.engine.plan();
    let interventions = plan.acts.iter().zip(&plan.seen).map(|(a, s)| (a.name.to_string(), s.clone())).collect();
    let meta = Meta { numerics: crate::NUMERICS, fingerprint: run.setup.fingerprint(), levels: run.levels.clone(), step: run.step, trackers, interventions };
    // Plain structures of numbers and text always have a JSON form.
    Snapshot { step: run.step, tensors, meta: serde_json::to_string(&meta).unwrap_or_default() }
}

/// Puts `run`, which is at step 0, into the state of `snapshot`.
pub(crate) fn restore(run: &mut Run, snapshot: &Snapshot) -> Result<(), RestoreError> {
    let malformed = |what: String| RestoreError::Malformed(what);
    // The version alone decides whether the rest is understood.
    let version: serde_json::Value = serde_json::from_str(&snapshot.meta).map_err(|e| malformed(format!("its description: {e}")))?;
    let found = version.get("numerics").and_then(serde_json::Value::as_u64).ok_or_else(|| malformed("its description has no numerics version".into()))?;
    if found != u64::from(crate::NUMERICS) {
        return Err(RestoreError::Numerics { found: found as u32 });
    }
    let meta: Meta = serde_json::from_value(version).map_err(|e| malformed(format!("its description: {e}")))?;
    let wanted = run.setup.fingerprint();
    // Up to the step at which an intervention begins, a run is the run without it.
    if meta.fingerprint != wanted && meta.fingerprint != run.setup.before(meta.step).fingerprint() {
        return Err(RestoreError::Fingerprint { found: meta.fingerprint, wanted });
    }
    let plan = run.engine.plan();
    let seen: Vec<Seen> = plan.acts.iter().map(|a| meta.interventions.get(a.name).cloned().unwrap_or_default()).collect();
    *run.engine.seen() = seen;
    if meta.step != snapshot.step {
        return Err(malformed(format!("it is of step {} and of step {}", snapshot.step, meta.step)));
    }
    let find = |name: &str| snapshot.tensors.iter().find(|t| t.name == name).cloned();
    run.step = meta.step;
    let present = run.engine.states_from("", &find).map_err(malformed)?;
    run.engine.set(present);

    let mut kept: BTreeMap<u64, Arc<States>> = BTreeMap::from([(meta.step, run.engine.keep())]);
    let mut state_at = |step: u64| -> Result<Arc<States>, RestoreError> {
        if let Some(k) = kept.get(&step) {
            return Ok(k.clone());
        }
        let k = Arc::new(run.engine.states_from(&format!("kept{step}."), &find).map_err(malformed)?);
        kept.insert(step, k.clone());
        Ok(k)
    };
    if run.engine.plan().marking().is_some_and(|(k, _)| run.engine.plan().seen[k].fired.is_some()) {
        run.marked = Some(Arc::new(run.engine.states_from("marked.", &find).map_err(malformed)?));
    }
    let curves = curves(&run.watch.curves, &find)?;
    if let Some(e) = curves.last() {
        if e.step > meta.step {
            return Err(malformed(format!("an evaluation at step {}, after its last step {}", e.step, meta.step)));
        }
        run.watch.last = Some((e.step, state_at(e.step)?));
    }
    for t in &mut run.watch.trackers {
        let Some(f) = meta.trackers.iter().find(|f| f.curve == t.curve && f.level.parse() == Ok(t.level)) else {
            // Not followed before: what the evaluations tell, each taken as if the one before were a step earlier.
            for e in &curves.rows {
                let accuracy = if t.curve == Curve::Train { e.train_accuracy } else { e.test_accuracy };
                let Ok(()) = t.update::<Infallible>(e.step, accuracy, None, run.setup.train.float("sustain"), &mut |_, _, _, _| Ok(Vec::new()));
            }
            continue;
        };
        t.seen = f.seen;
        t.stretch = match &f.stretch {
            None => None,
            Some(Open { start: Some(start), evaluations, .. }) => Some(Stretch { begin: Begin::At(*start), evaluations: *evaluations }),
            Some(Open { within: Some((after, by)), evaluations, .. }) if after < by && *by <= meta.step => {
                Some(Stretch { begin: Begin::Within { after: *after, by: *by, kept: state_at(*after)? }, evaluations: *evaluations })
            }
            Some(_) => return Err(malformed(format!("a stretch at level {} without a start", t.level))),
        };
    }
    run.watch.curves = curves;
    let here = std::mem::take(&mut run.levels);
    run.levels = meta.levels;
    run.levels.extend(here.into_iter().filter(|l| run.levels.last() != Some(l)).collect::<Vec<_>>());
    Ok(())
}

/// The curves, from their columns.
fn curves(of: &Curves, find: &dyn Fn(&str) -> Option<Tensor>) -> Result<Curves, RestoreError> {
    let words = |name: &str, dtype: DType| -> Result<Vec<[u8; 8]>, RestoreError> {
        let t = find(name).ok_or_else(|| RestoreError::Malformed(format!("there is no tensor `{name}`")))?;
        let (words, rest) = t.bytes.as_chunks::<8>();
        if t.dtype != dtype || !rest.is_empty() { Err(RestoreError::Malformed(format!("tensor `{name}` is not a column"))) } else { Ok(words.to_vec()) }
    };
    let steps: Vec<u64> = words("curves.step", DType::U64)?.into_iter().map(u64::from_le_bytes).collect();
    let column = |name: &str| -> Result<Vec<f64>, RestoreError> {
        let v: Vec<f64> = words(&format!("curves.{name}"), DType::F64)?.into_iter().map(f64::from_le_bytes).collect();
        if v.len() == steps.len() { Ok(v) } else { Err(RestoreError::Malformed(format!("column `{name}` has {} of {} rows", v.len(), steps.len()))) }
    };
    let named = |name: &str| column(name);
    let (train_loss, test_loss) = (named("train_loss")?, named("test_loss")?);
    let (train_accuracy, test_accuracy) = (named("train_accuracy")?, named("test_accuracy")?);
    let (penalty, collapsed, logit_scale) = (named("penalty")?, named("collapsed")?, named("logit_scale")?);
    let (norm, lr, gini, ipr) = (named("norm")?, named("lr")?, named("fourier_gini")?, named("fourier_ipr")?);
    // A fork may have a mark where the run that it comes from had none.
    let angle = if of.marks && find("curves.angle").is_some() { named("angle")? } else { vec![f64::NAN; steps.len()] };
    let norms: Vec<Vec<f64>> = of.names.iter().map(|n| column(&format!("norm.{n}"))).collect::<Result<_, _>>()?;
    let rows = (0..steps.len())
        .map(|i| Evaluation {
            step: steps[i],
            train_loss: train_loss[i],
            test_loss: test_loss[i],
            train_accuracy: train_accuracy[i],
            test_accuracy: test_accuracy[i],
            penalty: penalty[i],
            collapsed: collapsed[i],
            logit_scale: logit_scale[i],
            norm: norm[i],
            norms: norms.iter().map(|c| c[i]).collect(),
            lr: lr[i],
            angle: Some(angle[i]).filter(|a| !a.is_nan()),
            fourier: (!(gini[i].is_nan() && ipr[i].is_nan())).then_some(Concentration { gini: gini[i], ipr: ipr[i] }),
        })
        .collect();
    Ok(Curves { names: of.names.clone(), marks: of.marks, rows })
}
