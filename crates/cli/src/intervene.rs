//! `intervene`: a fork of a run at a step.

use crate::args::InterveneArgs;
use crate::{output, sweep};
use pennydrop_lab::campaign::train::Options;
use pennydrop_lab::fork::{Arm, Effect, Fork, after as grok};
use pennydrop_lab::result::RunResult;
use pennydrop_lab::threads::Team;
use pennydrop_lab::words::count;
use pennydrop_lab::{Error, Record, Signals, eval, locate};
use serde_json::{Value, json};
use std::path::Path;

pub fn intervene(a: &InterveneArgs) -> Result<u8, Error> {
    let Some((prefix, step)) = a.what.split_once('@') else {
        return Err(Error::usage(format!("`{}` names no step", a.what), "write RUN@STEP, such as 3f9a@1000; `pennydrop show` lists runs"));
    };
    let step: u64 = step
        .replace(['_', ','], "")
        .parse()
        .map_err(|_| Error::usage(format!("`{step}` is no step"), "write RUN@STEP with a whole number, such as 3f9a@1000"))?;
    let found = locate::find(prefix, a.of.as_deref())?;
    let (job, i) = found.record.job_of(&found.run_id)?;
    let twins: Vec<String> = a.twin.iter().filter(|t| *t != "ulp").cloned().collect();
    // The word asks for what is there by default; it only matters where somebody turned it off.
    let ulps = if a.twin.iter().any(|t| t == "ulp") { a.ulps.max(pennydrop_lab::fork::ULPS as u64) } else { a.ulps };
    let fork = Fork::new(&job, i, step, &a.words, &twins, ulps as usize)?;
    let folder = a.out.clone().unwrap_or_else(|| Path::new("runs").join(fork.design.folder_name()));
    let signals = Signals::listen()?;
    let state = eval::replayed(&job, i, &found.record, step, &Team::new(a.how.threads()), &signals)?;
    let record = Record::create(&folder, &fork.design.frozen(), "", u64::MAX)?;
    let question = sweep::submit(&record, &fork.design)?;
    fork.seed(&record, &state)?;
    drop(state);
    let options = Options { shard: (0, 1), states: false, time: a.time };
    let trained = sweep::go(&fork.design, &record, &question, &signals, a.how.threads(), a.how.quiet, &options)?;
    let mut arms = Vec::new();
    for (arm, id) in fork.arms.iter().zip(fork.ids()) {
        arms.push((arm, id.clone(), record.result(&id)?));
    }
    let was = found.record.result(&found.run_id)?;
    let effect = Effect::of(step, &arms);
    if a.how.json {
        output::json(&json!({
            "schema": "pennydrop.intervene/1",
            "run_id": found.run_id,
            "step": step,
            "record": folder.display().to_string(),
            "arms": arms.iter().map(|(arm, id, r)| arm_json(arm, id, r.as_ref(), step)).collect::<Vec<_>>(),
            "twin_is_the_run": same(was.as_ref(), arms[0].2.as_ref()),
            "effect": effect.json(),
            "stopped": trained.stopped.map(|s| pennydrop_train::Stop::Interrupted(s).name()),
        }));
    }
    if !a.how.quiet {
        let twin = arms[0].2.as_ref().and_then(|r| grok(r, step));
        let mut table = vec![["arm", "run", "t_mem", "t_grok", "after the fork", "times the twin's", "ended"].map(String::from).to_vec()];
        table.extend(arms.iter().map(|(arm, id, r)| line(arm, id, r.as_ref(), step, twin)));
        let mut text = output::table(&table);
        text += &match same(was.as_ref(), arms[0].2.as_ref()) {
            Some(true) => "the twin has the weights of the run, to the bit\n".to_string(),
            Some(false) => format!("the twin does NOT have the weights of run {}: another build, another processor, or a damaged record\n", found.run_id),
            None => "the twin and the run ended at different steps, so their last weights cannot be compared\n".to_string(),
        };
        text += &effect.words();
        text += &format!("record   {}", folder.display());
        output::talk(&text);
    }
    for (run, setting, e) in &trained.failed {
        output::talk(&format!("run {run} ({setting}) failed:"));
        output::report(e);
    }
    Ok(match (&trained.stopped, trained.failures) {
        (Some(_), _) => 75,
        (None, 0) => 0,
        (None, n) if n == fork.arms.len() => 1,
        _ => 3,
    })
}

/// Whether two results have the same last weights; `None` if they are not of one step.
fn same(a: Option<&RunResult>, b: Option<&RunResult>) -> Option<bool> {
    let (a, b) = (a?, b?);
    (a.steps == b.steps).then(|| a.weights_hash == b.weights_hash)
}

fn line(arm: &Arm, id: &str, r: Option<&RunResult>, step: u64, twin: Option<f64>) -> Vec<String> {
    let Some(r) = r else { return vec![arm.name.clone(), id[..8].to_string(), String::new(), String::new(), String::new(), String::new(), "open".into()] };
    let time = |t: Option<u64>| t.map_or_else(|| format!("> {}", count(r.steps)), count);
    let after = grok(r, step);
    vec![
        arm.name.clone(),
        id[..8].to_string(),
        time(r.t_mem.as_ref().map(|t| t.step)),
        time(r.t_grok.as_ref().map(|t| t.step)),
        after.map_or(String::new(), |d| count(d as u64)),
        after.zip(twin).map_or(String::new(), |(d, t)| format!("{:.3}", d / t)),
        r.stop.clone(),
    ]
}

fn arm_json(arm: &Arm, id: &str, r: Option<&RunResult>, step: u64) -> Value {
    json!({
        "arm": arm.name,
        "treated": arm.treated,
        "from_the_beginning": !arm.forks,
        "ulp": arm.ulp,
        "run_id": id,
        "t_mem": r.and_then(|r| r.t_mem.as_ref().map(|t| t.step)),
        "t_grok": r.and_then(|r| r.t_grok.as_ref().map(|t| t.step)),
        "after_fork": r.and_then(|r| grok(r, step)),
        "steps": r.map(|r| r.steps),
        "stop": r.map(|r| r.stop.clone()),
        "weights_hash": r.map(|r| r.weights_hash.clone()),
    })
}
