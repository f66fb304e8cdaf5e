//! Is a record still what training gives? A sample of its runs is trained again from the beginning and compared to the bit.

use crate::Error;
use crate::campaign::design::Design;
use crate::job::Job;
use crate::machine::Machine;
use crate::record::Record;
use crate::result::RunResult;
use crate::runner::Conditions;
use crate::threads::share_out;
use pennydrop_graph::cpu::Sequential;
use pennydrop_graph::rng::{Purpose, Stream};
use pennydrop_train::{Host, Interrupt, NUMERICS, Run};

/// What came of one run that was trained again.
#[derive(Debug, Clone, PartialEq)]
pub struct Retrained {
    /// The run.
    pub run_id: String,
    /// What differs; empty if nothing does.
    pub differs: Vec<String>,
    /// Why it was not trained again: another machine, build or numerics version made it, or its question is gone.
    pub skipped: Option<String>,
}

/// Trains `sample` runs again, drawn with `seed` from all that have a result.
///
/// # Errors
/// The record cannot be read.
pub fn retrain(record: &Record, sample: usize, seed: u64, conditions: &Conditions) -> Result<Vec<Retrained>, Error> {
    let ids = record.ids();
    let order = Stream::new(seed, Purpose::Diagnostic, 0, 0).permutation(ids.len());
    let mut chosen: Vec<&String> = order.iter().take(sample).map(|i| &ids[*i as usize]).collect();
    chosen.sort();
    let mut designs: Vec<Design> = Vec::new();
    let mut jobs: Vec<Job> = Vec::new();
    for plan in record.plans()?.into_iter().filter(|p| p.numerics == NUMERICS) {
        if plan.is_sweep() { designs.push(plan.design()?) } else { jobs.push(plan.job()?) }
    }
    let here = Machine::here();
    let asked = |run_id: &str| -> Result<Option<(Job, usize)>, Error> {
        if let Some((job, i)) = jobs.iter().find_map(|j| Some((j.clone(), j.runs.iter().position(|r| r.run_id == run_id)?))) {
            return Ok(Some((job, i)));
        }
        match designs.iter().find_map(|d| Some((d, d.find(run_id)?))) {
            Some((design, (setting, nth))) => Ok(Some((design.job(setting)?, nth))),
            None => Ok(None),
        }
    };
    let results = record.results_of(&chosen.iter().map(|id| id.as_str()).collect())?;
    let mut work = Vec::new();
    let mut out = Vec::new();
    for run_id in chosen {
        let skip = |why: String| Retrained { run_id: run_id.clone(), differs: Vec::new(), skipped: Some(why) };
        let Some(known) = results.get(run_id).cloned() else { continue };
        match asked(run_id)? {
            None => out.push(skip("no plan of this numerics version says how it was asked for".into())),
            Some(_) if known.machine != here.processor || known.levels != here.level => {
                out.push(skip(format!("made on {} ({}), and this is {} ({})", known.machine, known.levels, here.processor, here.level)));
            }
            Some((job, i)) => work.push((known, job, i)),
        }
    }
    let done = share_out(work.len(), conditions.threads.clamp(1, work.len().max(1)), &|| conditions.signals.stop(), &|k| {
        let (known, job, i) = &work[k];
        again(known, job, *i, conditions)
    });
    for ((known, ..), result) in work.iter().zip(done) {
        out.push(match result {
            Some(r) => r?,
            None => Retrained { run_id: known.run_id.clone(), differs: Vec::new(), skipped: Some("stopped by a signal".into()) },
        });
    }
    out.sort_by(|a, b| a.run_id.cmp(&b.run_id));
    Ok(out)
}

struct Listening<'a>(&'a Conditions<'a>);

impl Host for Listening<'_> {
    fn interrupted(&mut self) -> Option<Interrupt> {
        self.0.signals.stop().then_some(Interrupt::Signal)
    }
}

/// Trains one run again, under the limits that its row was made with.
fn again(known: &RunResult, job: &Job, i: usize, conditions: &Conditions) -> Result<Retrained, Error> {
    let mut run = Run::new(job.setup(&job.runs[i], None)?)?;
    // The question that is at hand may have had another budget than the one the row answers.
    if run.set_budget(known.budget).is_err() {
        return Ok(Retrained { run_id: known.run_id.clone(), differs: Vec::new(), skipped: Some("its schedule ends with another budget".into()) });
    }
    let stop = run.advance(&Sequential, &mut Listening(conditions));
    if !stop.finished() {
        return Ok(Retrained { run_id: known.run_id.clone(), differs: Vec::new(), skipped: Some("stopped by a signal".into()) });
    }
    let outcome = run.outcome();
    let mut differs = Vec::new();
    let mut compare = |what: &str, theirs: String, ours: String| {
        if theirs != ours {
            differs.push(format!("{what}: {theirs} in the record, {ours} now"));
        }
    };
    let step = |t: Option<u64>| t.map_or("none".to_string(), |t| t.to_string());
    compare("weights_hash", known.weights_hash.clone(), run.weights_hash());
    compare("steps", known.steps.to_string(), run.step().to_string());
    compare("stop", known.stop.clone(), stop.name().to_string());
    compare("t_mem", step(known.t_mem.map(|t| t.step)), step(outcome.t_mem.map(|t| t.step)));
    compare("t_grok", step(known.t_grok.map(|t| t.step)), step(outcome.t_grok.map(|t| t.step)));
    for (name, values) in run.curves().columns() {
        let (theirs, ours) = (known.value(&name), values.last().copied());
        let bits = |x: Option<f64>| x.map(f64::to_bits);
        // A column that a row lacks was a NaN for every run of its part.
        if bits(theirs) != bits(ours) && !(theirs.is_none() && ours.is_some_and(f64::is_nan)) {
            compare(&format!("final {name}"), format!("{theirs:?}"), format!("{ours:?}"));
        }
    }
    Ok(Retrained { run_id: known.run_id.clone(), differs, skipped: None })
}
