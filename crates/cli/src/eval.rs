//! `eval`: what a network computes at a step.

use crate::args::{EvalArgs, Side};
use crate::output;
use pennydrop_lab::threads::Team;
use pennydrop_lab::{Error, Signals, eval as lab, locate};
use pennydrop_train::{Values, Which};
use serde_json::json;

pub fn eval(a: &EvalArgs) -> Result<u8, Error> {
    let (prefix, step) = match a.what.split_once('@') {
        None => (a.what.as_str(), None),
        Some((prefix, step)) => {
            let number = step.replace(['_', ','], "").parse::<u64>();
            (prefix, Some(number.map_err(|_| Error::usage(format!("`{step}` is no step"), "write RUN@STEP with a whole number, such as 3f9a@1000"))?))
        }
    };
    let found = locate::find(prefix, a.out.as_deref())?;
    let (job, i) = found.record.job_of(&found.run_id)?;
    let step = match step.or_else(|| found.record.known(&found.run_id).map(|k| k.steps)) {
        Some(step) => step,
        None => found.record.saved(&found.run_id)?.map_or(0, |s| s.snapshot.step),
    };
    let which = match a.inputs {
        Side::All => Which::All,
        Side::Train => Which::Train,
        Side::Test => Which::Test,
    };
    let signals = Signals::listen()?;
    let arrays = lab::at(&job, i, &found.record, step, which, &Team::new(a.how.threads()), &signals)?;
    lab::write_npz(&a.output, &arrays)?;
    let kind = |v: &Values| match v {
        Values::U32(_) => "u32",
        Values::F32(_) => "f32",
        Values::F64(_) => "f64",
    };
    if a.how.json {
        let list: Vec<_> = arrays.iter().map(|x| json!({"name": x.name, "shape": x.shape, "type": kind(&x.values)})).collect();
        output::json(&json!({"schema": "pennydrop.eval/1", "run_id": found.run_id, "step": step, "file": a.output.display().to_string(), "arrays": list}));
    } else if !a.how.quiet {
        output::talk(&format!("run {} at step {step}: {} arrays in {}", found.run_id, arrays.len(), a.output.display()));
        for x in &arrays {
            output::talk(&format!("  {:<28}{:?} {}", x.name, x.shape, kind(&x.values)));
        }
    }
    Ok(0)
}
