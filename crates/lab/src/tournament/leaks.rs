//! What puts an arm out of competition: knowing held-out data, and conditions that the others do not share.
//!
//! An update rule is a graph over the examples of its batch, and the engine feeds it training examples only, so a rule has no input by which it could see
//! the test set; what is found here are the ways around that.

use crate::job::Job;
use crate::spec::{Resolved, Section};
use pennydrop_registry::SpecError;
use std::collections::{BTreeMap, BTreeSet};

/// The members of families that are given held-out data while they train: section, name, and what they are given. A member whose training step reads test
/// inputs, test labels, or anything measured on them (an intervention at `t_grok` of the run itself, a schedule by test accuracy) has its line here; none of
/// those that exist does. Stopping by test accuracy (`train.stop=grokked`) is no such rule: it ends a run, and changes nothing before.
const READS_TEST: &[(Section, &str, &str)] = &[];

/// The leaks of a job: ways in which its runs know of the data that they are tested on.
///
/// # Errors
/// What the task forbids.
pub fn leaks(job: &Job) -> Result<Vec<String>, SpecError> {
    let mut out = Vec::new();
    let mut worst = (0, 0, 0);
    for run in &job.runs {
        let task = job.inputs.task(&job.spec, &run.seeds)?;
        if task.leakage.repeated > worst.0 {
            worst = (task.leakage.repeated, task.tested().test.len(), run.seeds.split);
        }
    }
    if worst.0 > 0 {
        out.push(format!("leak: {} of {} test examples have their input in the training set too (split {})", worst.0, worst.1, worst.2));
    }
    let init = job.spec.model.str("init");
    if pennydrop_models::init::is_file(init) {
        out.push(format!("leak: model.init={init} begins with weights from a file, and what they have seen is unknown"));
    }
    out.extend(declared(&job.spec, READS_TEST));
    Ok(out)
}

/// Leaks that members declare of themselves.
fn declared(spec: &Resolved, members: &[(Section, &str, &str)]) -> Vec<String> {
    let name = |section: Section| match section {
        Section::Task => Some(spec.task.name()),
        Section::Model => Some(spec.model.name()),
        Section::Loss => Some(spec.loss.name()),
        Section::Optim => Some(spec.optim.name()),
        _ => None,
    };
    let own = members.iter().filter(|(section, member, _)| name(*section) == Some(*member));
    own.map(|(section, member, what)| format!("leak: {}.name={member} reads {what}", section.name())).collect()
}

/// What a comparison needs to be the same: data, labels, levels, limits, batches, by key. The precision of the arithmetic is a change that one may compare;
/// the budget is the same for all arms already.
fn conditions(job: &Job) -> BTreeMap<String, String> {
    let mut out = BTreeMap::from([("task.name".to_string(), job.spec.task.name().to_string())]);
    for (section, args) in [("task", &job.spec.task), ("train", &job.spec.train)] {
        for (key, value) in args.iter() {
            if !(section == "train" && matches!(key, "steps" | "precision")) {
                out.insert(format!("{section}.{key}"), value.to_string());
            }
        }
    }
    if let Some((_, hash)) = &job.inputs.table {
        // Its content counts, not where it lies.
        out.insert("task.file".into(), format!("content {}", &hash[..8]));
    }
    out
}

/// For each arm the conditions that it does not share with the others: those that vary among its own settings, and those that are not as most arms have
/// them (as the first has them, where no value has a majority of its own). `arms` are the jobs of each arm's settings.
pub fn unmatched(arms: &[Vec<Job>]) -> Vec<Vec<String>> {
    let all: Vec<BTreeMap<String, BTreeSet<String>>> = arms
        .iter()
        .map(|jobs| {
            let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            jobs.iter().flat_map(conditions).for_each(|(key, value)| {
                seen.entry(key).or_default().insert(value);
            });
            seen
        })
        .collect();
    let keys: BTreeSet<&String> = all.iter().flat_map(|a| a.keys()).collect();
    let mut out = vec![Vec::new(); arms.len()];
    for key in keys {
        // A key that a task does not have differs together with the task's name.
        let single: Vec<Option<&str>> = all.iter().map(|a| a.get(key).filter(|v| v.len() == 1).and_then(|v| v.first()).map(String::as_str)).collect();
        let times = |value: &str| single.iter().flatten().filter(|v| **v == value).count();
        let usual = single.iter().flatten().fold(None, |best: Option<&str>, v| if best.is_none_or(|b| times(v) > times(b)) { Some(v) } else { best });
        for (arm, values) in all.iter().enumerate() {
            match (values.get(key).map(BTreeSet::len), single[arm], usual) {
                (Some(n), _, _) if n > 1 => out[arm].push(format!("not matched: {key} varies among its settings")),
                (_, Some(own), Some(usual)) if own != usual => out[arm].push(format!("not matched: {key} is {own}, and {usual} in other arms")),
                _ => {}
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Base, resolve};

    #[test]
    fn a_member_that_reads_test_data_is_told_by_its_section_and_name() {
        let spec = resolve(&Base { label: "x".into(), entries: Vec::new() }, &[]).unwrap();
        let name: &str = spec.optim.name();
        let found = declared(&spec, &[(Section::Optim, name, "test labels"), (Section::Loss, "none", "test labels")]);
        assert_eq!(found, [format!("leak: optim.name={name} reads test labels")]);
    }
}
