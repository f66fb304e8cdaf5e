//! `claims run`: trains what is missing, and judges.

use super::train::{designs, fill, open, results};
use super::{RunArgs, STOPPED, threads, write};
use crate::output;
use pennydrop_lab::campaign::Design;
use pennydrop_lab::campaign::train::done;
use pennydrop_lab::claims::experiment::Scope;
use pennydrop_lab::claims::rule::Verdict;
use pennydrop_lab::claims::{Claim, Data, Experiment, Ledger, judge};
use pennydrop_lab::machine::{ENGINE, Machine};
use pennydrop_lab::words::{count, duration};
use pennydrop_lab::{Conditions, Error, Signals, Unwatched};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The last commit of a file, where there is git and it knows the file.
fn commit(path: &Path) -> Option<String> {
    let folder = path.parent()?;
    let out = std::process::Command::new("git").arg("-C").arg(folder).args(["log", "-1", "--format=%H", "--"]).arg(path.file_name()?).output().ok()?;
    let hash = String::from_utf8(out.stdout).ok()?.trim().to_string();
    (out.status.success() && hash.len() >= 40).then_some(hash)
}

fn head(ledger: &Ledger, e: &Experiment, scope: Scope, data: &Data) -> Vec<(String, String)> {
    let here = Machine::here();
    let mut head: Vec<(String, String)> = [
        ("schema", "pennydrop.claim-runs/1".to_string()),
        ("experiment", e.name.clone()),
        ("about", e.about.clone()),
        ("scope", if scope == Scope::Full { "full" } else { "reduced" }.to_string()),
        ("pennydrop", ENGINE.to_string()),
        ("numerics", pennydrop_train::NUMERICS.to_string()),
        ("numerics class", here.class()),
        ("machine", format!("{} cores, {}", here.cores, here.processor)),
        ("runs", data.runs.len().to_string()),
        ("core-hours", format!("{:.3}", data.core_hours())),
    ]
    .map(|(k, v)| (k.to_string(), v))
    .to_vec();
    if data.runs.iter().any(|r| r.twin) {
        head.push(("twins".into(), "double precision, the loss too".into()));
    }
    for claim in ledger.claims.values().filter(|c| c.parts.iter().any(|p| p.experiments().any(|n| n == e.name))) {
        let id = claim.id();
        // The rule under which the data were made is kept: only new data make a new registration.
        head.push((format!("rule {id}"), ledger.rule_hash(claim)));
        if let Some(hash) = ledger.folder.as_ref().and_then(|f| commit(&f.join(format!("{id}.toml")))) {
            head.push((format!("registered {id}"), hash));
        }
    }
    head
}

pub(super) fn run(folder: Option<&Path>, a: &RunArgs) -> Result<u8, Error> {
    let mut ledger = Ledger::open(folder)?;
    let wanted: Vec<Claim> = ledger.find(&a.what)?.into_iter().cloned().collect();
    let claims: Vec<&Claim> = wanted.iter().collect();
    let mut needed: Vec<Experiment> = ledger.needed(&claims).into_iter().cloned().collect();
    if let Some(name) = a.only.iter().find(|o| !needed.iter().any(|e| e.name == **o)) {
        let names = needed.iter().map(|e| e.name.as_str()).collect::<Vec<_>>().join(", ");
        let hint = if names.is_empty() { format!("pennydrop claims show {}, which says for what it waits", a.what) } else { format!("one of {names}") };
        return Err(Error::usage(format!("no experiment `{name}` decides {}", a.what), hint));
    }
    needed.retain(|e| a.only.is_empty() || a.only.contains(&e.name));
    let signals = Signals::listen()?;
    let conditions = Conditions { threads: threads(a.threads), signals: &signals, watch: &Unwatched };
    let deadline = a.budget.map(|b| Instant::now() + b);
    let talk = |text: String| {
        if !a.quiet {
            output::talk(&text)
        }
    };
    let scope = if a.full { Scope::Full } else { Scope::Reduced };
    let target = ledger.folder.clone().unwrap_or_else(|| PathBuf::from("claims"));
    let mut open_runs = Vec::new();
    for e in &needed {
        let whole = ledger.data.get(&e.name).is_some_and(|d| d.said("scope") == Some("full"));
        if whole && !a.full {
            talk(format!("{}: its results are those of the whole grid, and stay", e.name));
            continue;
        }
        let (main, twins) = designs(e, scope)?;
        let record = open(&main, &e.name)?;
        let all = || std::iter::once(&main).chain(&twins);
        let left: usize = all().map(|d| d.runs() - done(d, &record).len()).sum();
        talk(format!("{}: {} of {} runs to train; {}", e.name, count(left as u64), count(all().map(Design::runs).sum::<usize>() as u64), e.about));
        let started = Instant::now();
        let mut complete = true;
        for design in all() {
            complete &= fill(design, &record, &conditions, deadline)?;
        }
        if left > 0 {
            talk(format!("{}: {}", e.name, duration(started.elapsed().as_secs_f64())));
        }
        if !complete {
            let left: usize = all().map(|d| d.runs() - done(d, &record).len()).sum();
            open_runs.push(format!("{}: {} runs", e.name, count(left as u64)));
            continue;
        }
        let mut data = results(e, &record, &main, twins.as_ref())?;
        let same = ledger.data.get(&e.name).is_some_and(|old| old.runs == data.runs && old.measures == data.measures);
        if same {
            continue;
        }
        data.head = head(&ledger, e, scope, &data);
        write(&target.join(format!("experiments/{}.csv", e.name)), &data.to_csv())?;
        // As it reads back, so that a verdict is the same now and later.
        ledger.data.insert(e.name.clone(), Data::parse(&data.to_csv()).map_err(|why| Error::Damaged { path: target.clone(), why })?);
    }
    ledger.reread()?;
    // New results move Holm's adjustment of every claim of the paper, and may decide another claim: all of them are written anew.
    let papers: Vec<&Claim> = ledger.claims.values().filter(|c| claims.iter().any(|w| w.paper == c.paper)).collect();
    let mut judged = judge(&ledger, &papers);
    for j in &judged {
        if !j.parts.is_empty() && j.verdict != Verdict::Waiting {
            write(&target.join(format!("{}.json", j.claim.id())), &j.to_file())?;
        }
    }
    judged.retain(|j| claims.iter().any(|c| c.id() == j.claim.id()));
    let rows: Vec<Vec<String>> = judged.iter().map(|j| vec![j.claim.id(), j.words(), j.reason.clone().unwrap_or_default()]).collect();
    output::data(&output::table(&rows));
    if !open_runs.is_empty() {
        output::talk(&format!("stopped; left are {}", open_runs.join(", ")));
        output::talk(&format!("  try: pennydrop claims run {}{}, which goes on", a.what, if a.full { " --full" } else { "" }));
        return Ok(STOPPED);
    }
    Ok(0)
}
