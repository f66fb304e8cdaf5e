//! `claims check`: a sample trained again, and every verdict made anew.

use super::train::{RUNS, fill, results};
use super::{CheckArgs, FAILED, STOPPED, differs, threads};
use crate::output;
use pennydrop_lab::claims::data::Run;
use pennydrop_lab::claims::experiment::Scope;
use pennydrop_lab::claims::{Claim, Ledger, judge};
use pennydrop_lab::machine::Machine;
use pennydrop_lab::{Conditions, Error, Record, Signals, Unwatched};
use pennydrop_train::NUMERICS;
use serde_json::Value;
use std::path::Path;

/// Times of other machines agree statistically: a check there allows this factor, ln 1.25.
const MARGIN: f64 = 0.223_143_551_314_209_7;

pub(super) fn check(folder: Option<&Path>, a: &CheckArgs) -> Result<u8, Error> {
    let ledger = Ledger::open(folder)?;
    let mut claims: Vec<&Claim> = Vec::new();
    for word in if a.ids.is_empty() { vec!["all".to_string()] } else { a.ids.clone() } {
        claims.extend(ledger.find(&word)?);
    }
    let signals = Signals::listen()?;
    let conditions = Conditions { threads: threads(a.threads), signals: &signals, watch: &Unwatched };
    let (mut problems, mut compared, mut without) = (Vec::new(), 0usize, 0usize);
    for e in ledger.needed(&claims) {
        let Some(data) = ledger.data.get(&e.name) else { continue };
        let Some(design) = e.design(Scope::Check)? else {
            without += 1;
            continue;
        };
        let scratch = Path::new(RUNS).join(format!(".check-{}-{}", e.name, std::process::id()));
        let record = Record::create(&scratch, &design.frozen(), "", u64::MAX)?;
        let again = fill(&design, &record, &conditions, None).and_then(|whole| Ok((whole, results(e, &record, &design, None)?)));
        drop(record);
        // It is ours alone, and was made a moment ago.
        let _ = std::fs::remove_dir_all(&scratch);
        let (whole, again) = again?;
        if !whole {
            output::talk("stopped before every sample was trained");
            return Ok(STOPPED);
        }
        let same_numerics = data.said("numerics") == Some(NUMERICS.to_string().as_str());
        let same_class = same_numerics && data.said("numerics class") == Some(Machine::here().class().as_str());
        for run in &again.runs {
            compared += 1;
            // A run of another numerics version has another id, and is known by what it was told.
            let alike = |r: &&Run| if same_numerics { r.id == run.id } else { data.told(r) == again.told(run) };
            let Some(old) = data.runs.iter().find(alike) else {
                problems.push(format!("{}: run {} is not among its results", e.name, run.id));
                continue;
            };
            for (name, was, is) in [("t_mem", old.t_mem, run.t_mem), ("t_grok", old.t_grok, run.t_grok)] {
                let near = |a: Option<u64>, b: Option<u64>| match (a, b) {
                    (Some(a), Some(b)) => (a.max(1) as f64 / b.max(1) as f64).ln().abs() <= MARGIN,
                    // Seen in one and beyond the other's budget cannot be told from near.
                    _ => a.is_none() == b.is_none(),
                };
                if if same_class { was != is } else { !near(was, is) } {
                    let say = |t: Option<u64>| t.map_or("never".to_string(), |t| t.to_string());
                    problems.push(format!("{}: run {}: {name} is {} in the ledger and {} when trained again", e.name, run.id, say(was), say(is)));
                }
            }
        }
    }
    let judged = judge(&ledger, &claims);
    for j in judged.iter().filter(|j| differs(&ledger, j)) {
        let was = ledger.written.get(&j.claim.id()).and_then(|w| serde_json::from_str::<Value>(w).ok());
        let was = was.as_ref().and_then(|w| w["verdict"].as_str()).unwrap_or("unreadable");
        problems.push(format!("{}: its file says {was} and its results say {}, or a number of them differs", j.claim.id(), j.verdict.name()));
    }
    problems.iter().for_each(|p| output::talk(&format!("error: {p}")));
    let changed = judged.iter().filter(|j| j.after_data).map(|j| j.claim.id()).collect::<Vec<_>>();
    if !changed.is_empty() {
        output::talk(&format!("note: the rule changed after data: {}", changed.join(", ")));
    }
    let result = if problems.is_empty() { "as in the ledger".to_string() } else { format!("{} differences", problems.len()) };
    output::data(&format!("{compared} runs trained again, {} verdicts made anew: {result}; {without} experiments name no sample\n", judged.len()));
    Ok(if problems.is_empty() { 0 } else { FAILED })
}
