//! The choice of each arm's setting, by tuning seeds alone.

use crate::Error;
use crate::campaign::Design;
use crate::campaign::until::observation;
use crate::job::Job;
use crate::known::{End, Known};
use crate::record::Record;
use crate::spec::sweep::{Axis, Points, key_name};
use crate::spec::{Section, catalog};
use pennydrop_graph::rewrite::cost;
use pennydrop_registry::{Kind, SpecError, Value};
use pennydrop_stats::{KaplanMeier, Observation, RestrictedMean};
use pennydrop_train::step_graph;
use std::collections::BTreeMap;

/// The rule, in words: it is written into the folder before the first run.
pub const RULE: &str = "each arm's setting is the one with the smallest mean of min(t_grok, budget) over its tuning seeds; a run that diverged, or did not \
                        generalise, counts as not there by the budget; of equal settings the first one drawn";

/// Share of an interval, at either end, that is called its edge.
const EDGE: f64 = 0.05;

/// One setting as its tuning runs saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// Its place among the settings of the arm.
    pub setting: usize,
    /// Runs that generalised.
    pub grokked: usize,
    /// Runs that diverged before they did.
    pub diverged: usize,
    /// Mean of min(`t_grok`, budget); `None` where a run was not watched that far.
    pub restricted: Option<RestrictedMean>,
    /// Steps of its runs.
    pub steps: u64,
    /// Operations of a step.
    pub flop_per_step: f64,
}

/// An arm after tuning.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuned {
    /// Every setting, in the order in which they were drawn.
    pub tried: Vec<Tried>,
    /// The setting that was chosen.
    pub chosen: usize,
    /// Expected restricted mean of the best of k settings, k = 1 … K, over all orders in which the K could have been tried.
    pub best_of: Vec<f64>,
    /// What says that the choice lies at an edge of the space, so that a better setting may lie beyond.
    pub edges: Vec<String>,
}

impl Tuned {
    /// The chosen setting.
    pub fn best(&self) -> &Tried {
        &self.tried[self.chosen]
    }

    /// Steps of all tuning runs.
    pub fn steps(&self) -> u64 {
        self.tried.iter().map(|t| t.steps).sum()
    }

    /// Operations of all tuning runs, evaluations left out.
    pub fn flop(&self) -> f64 {
        self.tried.iter().map(|t| t.steps as f64 * t.flop_per_step).sum()
    }

    /// Whether any setting generalised on any tuning seed; if none did, the choice says nothing.
    pub fn any(&self) -> bool {
        self.tried.iter().any(|t| t.grokked > 0)
    }
}

/// Operations of a step of a job as the engine runs it: after rewrites, the update rule included, evaluations left out; a multiply–add is two. A whole batch
/// is counted; an epoch's last one may be smaller.
///
/// # Errors
/// A spec that no run can be made of.
pub fn flop_per_step(job: &Job) -> Result<f64, SpecError> {
    let setup = job.setup(&job.runs[0], None)?;
    let step = step_graph(&setup, &setup.rewrites)?;
    Ok(cost::total(&step.graph, step.batch))
}

/// What is known of the runs of a setting, in order of seeds.
///
/// # Errors
/// A run has no result.
pub fn runs(design: &Design, setting: usize, record: &Record) -> Result<Vec<Known>, Error> {
    let one = |nth: usize| {
        let id = design.id(setting, nth);
        let known = record.known_by(id).filter(|k| k.covers(design.judged, design.budget));
        known.ok_or_else(|| Error::System {
            doing: format!("compare the arms: run {} ({}) has no result", crate::known::id_of(id), design.describe(setting)),
            why: "it failed, or was trained under other limits".into(),
        })
    };
    (0..design.seeds.len()).map(one).collect()
}

/// Whether a run generalised within the budget; a larger one may have been asked for since.
pub fn grokked(k: &Known, budget: u64) -> bool {
    k.t_grok.is_some_and(|t| t <= budget)
}

/// Whether it diverged before it did, within the budget.
pub fn diverged(k: &Known, budget: u64) -> bool {
    k.end == End::Diverged && k.steps <= budget && !grokked(k, budget)
}

/// Times to generalise, censored at the budget where a run was not there by then.
pub fn times(runs: &[Known], budget: u64) -> Vec<Observation> {
    runs.iter().map(|k| observation(k, budget)).collect()
}

/// The mean of min(`t_grok`, budget).
pub fn restricted(times: &[Observation], horizon: f64) -> Result<Option<RestrictedMean>, Error> {
    Ok(KaplanMeier::new(times)?.restricted_mean(horizon).ok())
}

/// Chooses an arm's setting from its tuning runs, all of which must be known.
///
/// # Errors
/// A run has no result; the estimate cannot be made.
pub fn choose(design: &Design, record: &Record) -> Result<Tuned, Error> {
    let mut flops: BTreeMap<usize, f64> = BTreeMap::new();
    let mut tried = Vec::new();
    for (setting, about) in design.settings.iter().enumerate() {
        let flop_per_step = match flops.get(&about.pack) {
            Some(f) => *f,
            None => *flops.entry(about.pack).or_insert(flop_per_step(&design.job(setting)?)?),
        };
        let runs = runs(design, setting, record)?;
        tried.push(Tried {
            setting,
            grokked: runs.iter().filter(|k| grokked(k, design.budget)).count(),
            diverged: runs.iter().filter(|k| diverged(k, design.budget)).count(),
            restricted: restricted(&times(&runs, design.budget), design.budget.max(1) as f64)?,
            steps: runs.iter().map(|k| k.steps.min(design.budget)).sum(),
            flop_per_step,
        });
    }
    let means: Vec<f64> = tried.iter().map(|t| t.restricted.map_or(f64::INFINITY, |r| r.mean)).collect();
    let chosen = smallest(&means);
    let edges = edges(design, chosen);
    Ok(Tuned { best_of: best_of(&means), tried, chosen, edges })
}

/// Place of the smallest number; of equal ones the first.
pub fn smallest(values: &[f64]) -> usize {
    (1..values.len()).fold(0, |best, i| if values[i] < values[best] { i } else { best })
}

/// Expected smallest of k of these values, k = 1 … n, over all ways to take k of them: with x₍₁₎ ≤ … ≤ x₍ₙ₎ it is Σᵢ x₍ᵢ₎ C(n−i, k−1)/C(n, k), exactly, so
/// that no order of trying is luckier than another.
pub fn best_of(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    let expected = |k: usize| {
        // C(n−1, k−1)/C(n, k) = k/n, and each next weight is (n−i−k+1)/(n−i) of the last: all stay within 0 and 1.
        let mut weight = k as f64 / n as f64;
        let mut sum = 0.0;
        for (i, x) in (1..=n + 1 - k).zip(&sorted) {
            sum += weight * x;
            weight *= (n + 1 - i - k) as f64 / (n - i).max(1) as f64;
        }
        sum
    };
    (1..=n).map(expected).collect()
}

/// Where the values of a setting lie at the edge of those that were tried, or of their interval.
pub fn edges(design: &Design, chosen: usize) -> Vec<String> {
    let number = |setting: usize, k: usize| match &design.settings[setting].values[k] {
        Value::Float(x) => Some(*x),
        Value::Int(i) => Some(*i as f64),
        _ => None,
    };
    let mut out = Vec::new();
    let axes: Vec<&Axis> = design.sweep.axes.iter().flat_map(|a| a.keys.iter().map(move |_| a)).collect();
    for (k, (key, axis)) in design.keys.iter().zip(axes).enumerate() {
        let Some(x) = number(chosen, k) else { continue };
        let name = key_name(key);
        let shown = crate::view::axis::short(x);
        if let Points::Drawn { low, high, log } = axis.points {
            let place = if log { libm::log(x / low) / libm::log(high / low) } else { (x - low) / (high - low) };
            let end = if place < EDGE { Some(low) } else { (place > 1.0 - EDGE).then_some(high) };
            if let Some(end) = end {
                out.push(format!("{name}={shown} lies within {} % of the end {} of its interval", 100.0 * EDGE, crate::view::axis::short(end)));
                continue;
            }
        }
        let tried: Vec<f64> = (0..design.settings.len()).filter_map(|s| number(s, k)).collect();
        let least = tried.iter().copied().fold(f64::INFINITY, f64::min);
        let most = tried.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if least == most {
            continue;
        }
        // What lies at the end of all that the key may be is at no edge of our making.
        let (lowest, highest) = range(key);
        if x == least && lowest.is_none_or(|l| x > l) {
            out.push(format!("{name}={shown} is the smallest of those tried"));
        } else if x == most && highest.is_none_or(|h| x < h) {
            out.push(format!("{name}={shown} is the largest of those tried"));
        }
    }
    out
}

/// The range of a key, in any member of its family that has it.
fn range(key: &(Section, String)) -> (Option<f64>, Option<f64>) {
    let kind = catalog::rows(key.0).iter().flat_map(|r| r.params).find(|p| p.key == key.1).map(|p| p.kind);
    match kind {
        Some(Kind::Float { min, max }) => (Some(min), Some(max)),
        Some(Kind::Int { min, max }) => (Some(min as f64), Some(max as f64)),
        _ => (None, None),
    }
}
