//! What is done to a run from outside its training: an intervention is one file and one row.
//!
//! | section | does |
//! |---|---|
//! | `rescale` | multiplies tensors once: an initialisation scale at step 0, a one-shot rescaling later |
//! | `reinit` | draws part of a tensor anew, once |
//! | `nudge` | moves one weight by units in the last place, once |
//! | `noise` | adds Gaussian noise to weights, once or at every step |
//! | `freeze` | holds tensors at their values |
//! | `clamp` | projects weights to a norm, once or after every step |
//! | `temperature` | divides the logits that the loss sees by τ |
//! | `change` | sets numbers of the optimizer or the loss to other values |
//! | `mark` | changes nothing: keeps the weights, from which the curve `angle` is measured |
//!
//! Every row has `from`, a [`When`]; an intervention whose `from` is `never` is no part of a run, nor of its name. It **fires** before the step at which its
//! trigger holds: what is done once is done then, and what is done at every step begins with that step and is done after it. So a run that
//! has not fired yet has the bits of a run without the intervention, and a fork from an exact state is the run that was so from the beginning.
//!
//! A trigger that waits for an event is looked at before every step (until it fires), never on the grid of evaluations: the grid cannot change a trajectory.
//! What a fired intervention remembers (the step, norms at that step) is part of the exact state.

mod change;
mod clamp;
mod freeze;
mod mark;
mod moments;
mod noise;
mod nudge;
mod reinit;
mod rescale;
mod temperature;
mod weights;
mod when;

pub(crate) use mark::angle;
pub(crate) use weights::{Slices, Weights};
pub use when::When;

use crate::settings::Setup;
use pennydrop_models::Param as Tensor;
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError};
use serde::{Deserialize, Serialize};

/// One intervention that can be named in a spec, as a section of its own.
#[derive(Debug, Clone, Copy)]
pub struct InterventionRow {
    /// Name (that of the section), summary, source and parameters.
    pub row: Row,
    /// What it does to a network with these tensors.
    make: fn(&Args, &[Tensor]) -> Result<Box<dyn Action>, SpecError>,
}

/// In the order in which they act on one step.
static ROWS: [InterventionRow; 9] = [rescale::ROW, reinit::ROW, nudge::ROW, noise::ROW, freeze::ROW, clamp::ROW, temperature::ROW, change::ROW, mark::ROW];

/// Every intervention, in the order in which they act.
pub fn intervention_rows() -> &'static [InterventionRow] {
    &ROWS
}

pub(crate) const FROM: Param = Param {
    key: "from",
    kind: Kind::Str,
    default: Default::Str("never"),
    doc: "when it fires: never, a step, t_mem, t_grok, a series and a level (norm>60, test_loss<0.1), drawn:150:160 or between:100:1000, each but never also with +STEPS",
};
pub(crate) const LASTS: Param =
    Param { key: "lasts", kind: Kind::Int { min: 0, max: 1 << 53 }, default: Default::Int(0), doc: "steps for which it holds; 0: to the end" };
pub(crate) const TIMES: Param =
    Param { key: "times", kind: Kind::Choice(&["every", "once"]), default: Default::Str("every"), doc: "after every step, or once when it fires" };
const ON_DOC: &str = "which tensors: all, weights (no biases or gains), roles (embedding, position, matrix, bias, gain, unembedding) or tensors by name";
pub(crate) const ON: Param = Param { key: "on", kind: Kind::Strs, default: Default::Strs(&["all"]), doc: ON_DOC };
pub(crate) const ON_WEIGHTS: Param = Param { key: "on", kind: Kind::Strs, default: Default::Strs(&["weights"]), doc: ON_DOC };

/// Where an action is taken: the step, and the seed of whatever it draws.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At {
    pub step: u64,
    pub seed: u64,
}

/// What an intervention does to the weights. The methods are pure functions of what they are given, so that a replay repeats them to the bit.
pub(crate) trait Action: std::fmt::Debug + Send + Sync {
    /// When it fires, before step `at.step`: acts once, and returns what it will remember.
    fn fire(&self, w: &mut dyn Weights, reference: Option<&[f64]>, at: At) -> Vec<f64> {
        let _ = (w, reference, at);
        Vec::new()
    }

    /// Before a step for which it holds: tensors to be put back after it.
    fn holds(&self) -> &[usize] {
        &[]
    }

    /// Tensors whose values are kept when it fires.
    fn marks(&self) -> &[usize] {
        &[]
    }

    /// After a step for which it holds.
    fn after(&self, w: &mut dyn Weights, memory: &[f64], at: At) {
        let _ = (w, memory, at);
    }

    /// Another moment whose norms [`Action::fire`] wants.
    fn reference(&self) -> Option<&When> {
        None
    }
}

/// What an intervention has seen.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// The step at which the event of its trigger was seen.
    pub event: Option<u64>,
    /// The step before which it fired.
    pub fired: Option<u64>,
    /// What it remembers, as the bits of the numbers.
    pub memory: Vec<u64>,
    /// The norm of each tensor at its reference.
    pub reference: Option<Vec<u64>>,
}

/// One intervention of a run.
#[derive(Debug)]
pub(crate) struct Act {
    pub name: &'static str,
    pub when: When,
    lasts: u64,
    pub action: Box<dyn Action>,
}

impl Act {
    /// Whether it holds for step `step`.
    pub fn holds(&self, seen: &Seen, step: u64) -> bool {
        seen.fired.is_some_and(|fired| step >= fired && (self.lasts == 0 || step - fired < self.lasts))
    }
}

/// The interventions of a run, and what they have seen.
#[derive(Debug)]
pub(crate) struct Plan {
    pub acts: Vec<Act>,
    pub seen: Vec<Seen>,
    seed: u64,
}

/// The lane from which the step of a drawn trigger comes.
pub(crate) fn lane(name: &str) -> u32 {
    LANE_WHEN + ROWS.iter().position(|r| r.row.name == name).unwrap_or(ROWS.len()) as u32
}

/// Lanes of [`pennydrop_graph::rng::Purpose::Noise`] that interventions draw from, a range each; below are those of models and optimizers.
pub(crate) const LANE_NOISE: u32 = 0xC_0000;
pub(crate) const LANE_REINIT: u32 = 0xD_0000;
pub(crate) const LANE_WHEN: u32 = 0xE_0000;
pub(crate) const LANE_NUDGE: u32 = 0xF_0000;

impl Plan {
    /// The interventions of `setup` on a network with these tensors.
    ///
    /// # Errors
    /// A trigger or a value that says nothing for this network.
    pub fn new(setup: &Setup, tensors: &[Tensor]) -> Result<Plan, SpecError> {
        let mut acts = Vec::new();
        for row in &ROWS {
            let Some(args) = setup.interventions.iter().find(|a| a.name() == row.row.name) else { continue };
            let key = format!("{}.from", row.row.name);
            let when = When::parse(&key, args.str("from"), tensors)?.drawn(setup.seeds.noise, lane(row.row.name));
            let action = (row.make)(args, tensors)?;
            if when != When::Never {
                let lasts = if row.row.params.iter().any(|p| p.key == "lasts") { args.size("lasts") as u64 } else { 0 };
                acts.push(Act { name: row.row.name, when, lasts, action });
            }
        }
        for act in &acts {
            let marked = acts.iter().any(|a| a.name != act.name && !a.action.marks().is_empty());
            if !marked && std::iter::once(&act.when).chain(act.action.reference()).any(When::reads_angle) {
                let why = "it waits for `angle`, which is measured from a mark, and no other section of this run sets one";
                return Err(SpecError::new(format!("{}.from", act.name), why, "mark.from=t_mem beside it"));
            }
        }
        let seen = vec![Seen::default(); acts.len()];
        Ok(Plan { acts, seen, seed: setup.seeds.noise })
    }

    /// Lets act `k` fire before `step`.
    pub fn fire(&mut self, k: usize, step: u64, w: &mut dyn Weights) {
        let reference = self.seen[k].reference.as_ref().map(|r| r.iter().map(|b| f64::from_bits(*b)).collect::<Vec<_>>());
        let memory = self.acts[k].action.fire(w, reference.as_deref(), At { step, seed: self.seed });
        self.seen[k].memory = memory.iter().map(|x| x.to_bits()).collect();
        self.seen[k].fired = Some(step);
    }

    /// Does once more what fired before `step`, in a replay.
    ///
    /// What fires at step 0 by number does so before anything is evaluated or kept, so that is not done again.
    pub fn repeat(&self, step: u64, w: &mut dyn Weights) {
        for (act, seen) in self.acts.iter().zip(&self.seen).filter(|(a, s)| s.fired == Some(step) && a.when != When::Step(0)) {
            let reference = seen.reference.as_ref().map(|r| r.iter().map(|b| f64::from_bits(*b)).collect::<Vec<_>>());
            act.action.fire(w, reference.as_deref(), At { step, seed: self.seed });
        }
    }

    /// Tensors that step `step` must not move, each once.
    pub fn held(&self, step: u64) -> Vec<usize> {
        let mut held: Vec<usize> = self.acts.iter().zip(&self.seen).filter(|(a, s)| a.holds(s, step)).flat_map(|(a, _)| a.action.holds()).copied().collect();
        held.sort_unstable();
        held.dedup();
        held
    }

    /// What is done after step `step`.
    pub fn after(&self, step: u64, w: &mut dyn Weights) {
        for (act, seen) in self.acts.iter().zip(&self.seen).filter(|(a, s)| a.holds(s, step)) {
            let memory: Vec<f64> = seen.memory.iter().map(|b| f64::from_bits(*b)).collect();
            act.action.after(w, &memory, At { step, seed: self.seed });
        }
    }

    /// The intervention that keeps weights, and its number.
    pub fn marking(&self) -> Option<(usize, &Act)> {
        self.acts.iter().enumerate().find(|(_, a)| !a.action.marks().is_empty())
    }

    /// Whether the intervention called `name` holds for step `step`.
    pub fn active(&self, name: &str, step: u64) -> bool {
        self.acts.iter().zip(&self.seen).any(|(a, s)| a.name == name && a.holds(s, step))
    }
}

/// The numbers that a step reads.
#[derive(Debug, Clone)]
pub(crate) struct Numbers {
    pub optim: Args,
    pub loss: Args,
}

impl Numbers {
    /// As a run begins.
    pub fn of(setup: &Setup) -> Numbers {
        Numbers { optim: setup.optim.clone(), loss: setup.loss.clone() }
    }
}

/// The numbers of a run before and after interventions.
#[derive(Debug)]
pub(crate) struct Hyper {
    plain: Numbers,
    changed: Numbers,
    /// 1/τ.
    cold: f64,
}

impl Hyper {
    /// Of `setup`.
    ///
    /// # Errors
    /// A word of `change.set` that cannot be changed in the middle of a run.
    pub fn new(setup: &Setup) -> Result<Hyper, SpecError> {
        let plain = Numbers::of(setup);
        let changed = match setup.intervention("change") {
            Some(args) => {
                let (optim, loss) = change::changed(args, &setup.optim, &setup.loss)?;
                Numbers { optim, loss }
            }
            None => plain.clone(),
        };
        Ok(Hyper { plain, changed, cold: setup.intervention("temperature").map_or(1.0, |a| 1.0 / a.float("tau")) })
    }

    /// What the penalties are at their largest: a program leaves out what is 0 throughout.
    pub fn traced(&self, key: &str) -> f64 {
        self.plain.loss.float(key).max(self.changed.loss.float(key))
    }

    /// The numbers of step `step`, and 1/τ.
    pub fn at(&self, plan: &Plan, step: u64) -> (&Numbers, f64) {
        let numbers = if plan.active("change", step) { &self.changed } else { &self.plain };
        (numbers, if plan.active("temperature", step) { self.cold } else { 1.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Doubling;

    impl Action for Doubling {
        fn fire(&self, w: &mut dyn Weights, _: Option<&[f64]>, _: At) -> Vec<f64> {
            w.scale(0, 2.0);
            Vec::new()
        }
    }

    #[test]
    fn a_replay_repeats_what_fired_but_for_how_the_run_begins() {
        let plan = |when: u64| Plan {
            acts: vec![Act { name: "doubling", when: When::Step(when), lasts: 0, action: Box::new(Doubling) }],
            seen: vec![Seen { fired: Some(when), ..Seen::default() }],
            seed: 0,
        };
        let replayed = |fired: u64, step: u64| {
            let mut w = vec![vec![1.0f32]];
            plan(fired).repeat(step, &mut Slices(&mut w));
            w[0][0]
        };
        // What is kept at step 0 has been scaled already.
        assert_eq!([replayed(3, 3), replayed(3, 2), replayed(3, 4), replayed(0, 0)], [2.0, 1.0, 1.0, 1.0]);
    }
}
