//! Forks of a run at a step: what an intervention does, beside the run itself and beside what chance does.
//!
//! Every arm is an ordinary run, and could be trained from its beginning: up to the step at which its intervention begins it is the run without it, to the bit
//! ([`pennydrop_train::intervene`]). So a fork is a small sweep over one run's seeds whose arms begin from one exact state, and its folder is a campaign like others.
//!
//! | arm | what it is |
//! |---|---|
//! | twin | the run itself |
//! | treated | with the intervention |
//! | ulp 1, 2, … | the run with one weight moved by one unit in the last place at the fork: what chance makes of it |
//! | KEY=VALUE | the twin with one other thing changed, from the beginning |
//! | KEY=VALUE, treated | the treated run with the same |

use crate::Error;
use crate::campaign::Design;
use crate::job::Job;
use crate::known::id_of;
use crate::record::{Record, Saved};
use crate::result::RunResult;
use crate::spec::sweep::{Key, Sweep, key_name};
use crate::spec::{Base, Given, Section, catalog, file};
use pennydrop_registry::{SpecError, Value};
use pennydrop_train::Run;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Fewest runs that show what chance does.
pub const ULPS: usize = 8;

/// One arm.
#[derive(Debug, Clone, PartialEq)]
pub struct Arm {
    /// Its name.
    pub name: String,
    /// Whether the intervention is part of it.
    pub treated: bool,
    /// Whether it begins from the state at the fork; otherwise it is another run from its beginning.
    pub forks: bool,
    /// Number of the draw, for a run that differs by one unit in the last place.
    pub ulp: Option<usize>,
    /// What it sets.
    values: BTreeMap<Key, Value>,
}

/// A fork: its arms, and the campaign that they are.
pub struct Fork {
    /// The arms, in the order of the campaign's settings.
    pub arms: Vec<Arm>,
    /// The campaign.
    pub design: Design,
    /// Where it forks.
    pub step: u64,
}

fn wrong(key: impl Into<String>, problem: impl Into<String>, allowed: impl Into<String>) -> Error {
    SpecError::new(key, problem, allowed).into()
}

impl Fork {
    /// Run `i` of `job`, forked at `step`: `words` are the intervention, `twins` are `KEY=VALUE` words of further twins, `ulps` the number of runs that show
    /// what chance does.
    ///
    /// # Errors
    /// Words that say no intervention, or one that the run already has; what a sweep refuses.
    pub fn new(job: &Job, i: usize, step: u64, words: &[String], twins: &[String], ulps: usize) -> Result<Fork, Error> {
        let sweep = Sweep::parse(words)?;
        if let Some(axis) = sweep.axes.first() {
            return Err(wrong(
                key_name(&axis.keys[0]),
                format!("`{}` says several values, and a fork has one intervention", axis.word),
                "one value; several arms are a `sweep`",
            ));
        }
        let mut treated: BTreeMap<Key, Value> = BTreeMap::new();
        let mut changes: Vec<Value> = Vec::new();
        let mut fixed: Vec<String> = Vec::new();
        for (word, o) in sweep.fixed_words.iter().zip(&sweep.fixed) {
            let Some(Given::One(value)) = &o.value else {
                return Err(wrong(word.clone(), "this sets no value", "KEY=VALUE"));
            };
            match o.section {
                Section::Intervention(_) => {
                    treated.insert((o.section, o.key.clone()), value.clone());
                }
                Section::Train | Section::Record if !crate::spec::resolve::OF_TRAJECTORY.contains(&o.key.as_str()) => fixed.push(word.clone()),
                Section::Optim | Section::Loss if matches!(value, Value::Int(_) | Value::Float(_)) => {
                    changes.push(Value::Str(format!("{}.{}={value}", o.section.name(), o.key)));
                }
                _ => {
                    return Err(wrong(
                        key_name(&(o.section, o.key.clone())),
                        "this cannot change in the middle of a run",
                        format!("an intervention, or a number of optim; --twin '{word}' compares with a run that is so from its beginning"),
                    ));
                }
            }
        }
        let change = Section::Intervention("change");
        if !changes.is_empty() && treated.insert((change, "set".into()), Value::List(changes)).is_some() {
            return Err(wrong("change.set", "numbers are changed by words of their own too", "one of the two ways"));
        }
        let sections: BTreeSet<Section> = treated.keys().map(|k| k.0).collect();
        if sections.is_empty() {
            return Err(wrong("intervene", "no intervention is given", "such as clamp.factor=1.15 or optim.weight_decay=0 (`pennydrop list interventions`)"));
        }
        for section in &sections {
            if job.spec.interventions().iter().any(|a| a.name() == section.name()) {
                return Err(wrong(
                    section.name(),
                    "the run has this intervention already, from an earlier step on",
                    "another one, or a fork of a run without it",
                ));
            }
            treated.entry((*section, "from".into())).or_insert_with(|| Value::Str(step.to_string()));
        }
        // A part of the program must be there from the beginning.
        let programmed = sections.contains(&Section::Intervention("temperature"))
            || matches!(treated.get(&(change, "set".to_string())), Some(Value::List(v)) if v.iter().any(|w| matches!(w, Value::Str(s) if s.trim_start().starts_with("loss."))));
        let mut arms = vec![arm("twin", false, true, None, BTreeMap::new()), arm("treated", true, !programmed, None, treated.clone())];
        let nudge = |key: &str| (Section::Intervention("nudge"), key.to_string());
        for n in 0..ulps {
            let values = BTreeMap::from([(nudge("from"), Value::Str(step.to_string())), (nudge("draw"), Value::Int(n as i64))]);
            arms.push(arm(&format!("ulp {}", n + 1), false, true, Some(n), values));
        }
        for word in twins {
            let changed = Sweep::parse(std::slice::from_ref(word))?;
            let [o] = &changed.fixed[..] else {
                return Err(wrong("--twin", format!("`{word}` says several values or none"), "one KEY=VALUE each time, or ulp"));
            };
            let (Some(Given::One(value)), false) = (&o.value, o.section == Section::Seed) else {
                return Err(wrong("--twin", format!("`{word}` sets no value of a twin"), "one KEY=VALUE that is no seed"));
            };
            let mut values = BTreeMap::from([((o.section, o.key.clone()), value.clone())]);
            arms.push(arm(word, false, false, None, values.clone()));
            values.extend(treated.clone());
            arms.push(arm(&format!("{word}, treated"), true, false, None, values));
        }
        let mut entries = file::parse(&job.spec.to_toml(false))?;
        let seeds = job.runs[i].seeds;
        entries.retain(|(s, ..)| *s != Section::Seed);
        for (key, seed) in [("init", seeds.init), ("split", seeds.split), ("batch", seeds.batch), ("noise", seeds.noise)] {
            entries.push((Section::Seed, key.into(), Given::One(Value::Int(seed as i64))));
        }
        let base = Base { label: format!("{}-at-{step}", job.spec.label), entries };
        fixed.push(axis(job, &arms)?);
        let design = Design::new(base, Sweep::parse(&fixed)?, job.spec.rewrites_off().iter().map(|n| n.to_string()).collect(), None)?;
        Ok(Fork { arms, design, step })
    }

    /// Puts the state at the fork into a record, for each arm that begins there and is not known or begun.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn seed(&self, record: &Record, run: &Run) -> Result<(), Error> {
        let snapshot = run.snapshot();
        for (k, _) in self.arms.iter().enumerate().filter(|(_, a)| a.forks) {
            let job = self.design.job(k)?;
            let id = &job.runs[0].run_id;
            if record.known(id).is_none() && record.saved(id)?.is_none() {
                let saved = Saved { snapshot: snapshot.clone(), wall_s: 0.0, walls: BTreeMap::new(), limits: job.spec.limits(), finished: false };
                record.save(id, &saved)?;
            }
        }
        Ok(())
    }

    /// Ids of the arms' runs.
    pub fn ids(&self) -> Vec<String> {
        self.design.ids().iter().map(|id| id_of(*id)).collect()
    }
}

fn arm(name: &str, treated: bool, forks: bool, ulp: Option<usize>, values: BTreeMap<Key, Value>) -> Arm {
    Arm { name: name.to_string(), treated, forks, ulp, values }
}

/// The arms as one axis: what an arm does not set has the run's own value.
fn axis(job: &Job, arms: &[Arm]) -> Result<String, Error> {
    let keys: BTreeSet<&Key> = arms.iter().flat_map(|a| a.values.keys()).collect();
    let mut words = Vec::new();
    for key in keys {
        let plain = plain(job, key)?;
        let values: Vec<String> = arms.iter().map(|a| a.values.get(key).unwrap_or(&plain).to_string()).collect();
        words.push(format!("{}={}", key_name(key), values.join(",")));
    }
    Ok(format!("zip({})", words.join(" ")))
}

/// The value of a key in the run itself.
fn plain(job: &Job, key: &Key) -> Result<Value, Error> {
    if let Some(value) = job.spec.value(key) {
        return Ok(value);
    }
    let rows = catalog::rows(key.0);
    let keys: Vec<&str> = rows.iter().flat_map(|r| r.params.iter().map(|p| p.key)).collect();
    Err(SpecError::unknown(key_name(key), "key of this run", &key.1, keys).into())
}

/// Steps from the fork to generalisation, if that lies after it.
pub fn after(r: &RunResult, step: u64) -> Option<f64> {
    r.t_grok.as_ref().and_then(|t| t.step.checked_sub(step)).filter(|d| *d > 0).map(|d| d as f64)
}

/// The effect on the time from the fork to generalisation, as a logarithm, beside the spread of what chance makes of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// The logarithm of the treated run's time over the twin's.
    pub ratio: Option<f64>,
    /// Logarithms of the ratios of runs that differ by one unit in the last place, to the twin.
    pub chance: Vec<f64>,
    /// Number of such runs, those that did not generalise included.
    pub ulps: usize,
}

impl Effect {
    /// Of the arms of a fork at `step`, each with its id and its result, the twin first and the treated run next.
    pub fn of(step: u64, arms: &[(&Arm, String, Option<RunResult>)]) -> Effect {
        let time = |k: usize| arms[k].2.as_ref().and_then(|r| after(r, step));
        let twin = time(0);
        let ratio = |k: usize| time(k).zip(twin).map(|(a, b)| libm::log(a / b));
        let ulps: Vec<usize> = (0..arms.len()).filter(|k| arms[*k].0.ulp.is_some()).collect();
        Effect { ratio: ratio(1), chance: ulps.iter().filter_map(|k| ratio(*k)).collect(), ulps: ulps.len() }
    }

    /// Root mean square of the logarithms: the spread around the twin itself.
    pub fn spread(&self) -> Option<f64> {
        (self.chance.len() > 1).then(|| (self.chance.iter().map(|x| x * x).sum::<f64>() / self.chance.len() as f64).sqrt())
    }

    /// In words, lines.
    pub fn words(&self) -> String {
        let mut text = match self.ratio {
            Some(r) => format!("effect   × {:.3} on the steps from the fork to generalisation\n", libm::exp(r)),
            None => "effect   no ratio: the twin or the treated run did not generalise after the fork within the budget\n".into(),
        };
        if let Some(s) = self.spread() {
            let (low, high) = self.chance.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)));
            text += &format!(
                "chance   × {:.3} to {:.3} in {} of {} runs that differ by one unit in the last place; root mean square of the logarithm {s:.3}",
                libm::exp(low),
                libm::exp(high),
                self.chance.len(),
                self.ulps
            );
            text += &match self.ratio {
                Some(r) if s > 0.0 => format!(": the effect is {:.1} of these\n", r.abs() / s),
                _ => "\n".to_string(),
            };
        }
        text
    }

    /// As JSON.
    pub fn json(&self) -> serde_json::Value {
        json!({"log_ratio": self.ratio, "ulp_log_ratios": self.chance, "ulp_rms": self.spread(), "ulp_runs": self.ulps})
    }
}
