//! `doctor`: is this machine in order?

use crate::args::DoctorArgs;
use crate::{output, screen};
use pennydrop_graph::cpu::{Parallel, Sequential};
use pennydrop_lab::machine::{ENGINE, Machine};
use pennydrop_lab::spec::grammar::parse_override;
use pennydrop_lab::spec::{Base, resolve};
use pennydrop_lab::threads::Team;
use pennydrop_lab::{Error, Job, Record, explain};
use pennydrop_train::{NUMERICS, Precision, Run, Silent};
use serde_json::json;
use std::io::IsTerminal;
use std::path::Path;

struct Check {
    name: &'static str,
    good: bool,
    found: String,
}

pub fn doctor(a: &DoctorArgs) -> Result<u8, Error> {
    let machine = Machine::here();
    let mut checks = Vec::new();
    let mut check = |name, good, found: String| checks.push(Check { name, good, found });
    check("pennydrop", true, format!("{ENGINE}, numerics {NUMERICS}"));
    check("processor", true, format!("{}, {} cores", machine.processor, machine.cores));
    check("instructions", machine.level != "base", machine.level.clone());
    check("memory", machine.memory.is_none_or(|m| m >= 1 << 30), machine.memory.map_or("unknown".into(), |m| format!("{:.1} GB", m as f64 / 1e9)));
    let peak = explain::peak_gflops(Precision::F32);
    check("speed", peak > 5.0, format!("{peak:.1} GFLOP/s a core, in a 1024³ matrix product"));
    let hashes = [bits(&Sequential)?, bits(&Team::new(2))?];
    check("bits", hashes[0] == hashes[1], format!("one thread {}, two threads {}", &hashes[0][..12], &hashes[1][..12]));
    let writable = writable(Path::new("."));
    check("folder", writable.is_ok(), writable.map_or_else(|e| e.to_string(), |()| "runs/ can be written here".into()));
    let colour = if screen::colour() { "colours" } else { "no colours" };
    check("terminal", true, format!("stderr is {} terminal, {colour}", if std::io::stderr().is_terminal() { "a" } else { "no" }));
    let mut code = if checks.iter().all(|c| c.good) { 0 } else { 4 };
    if let Some(folder) = &a.folder {
        let found = Record::read(folder)?.verify()?;
        let problems: Vec<String> = found.problems.iter().map(|e| e.to_string()).collect();
        code = found.problems.iter().map(|e| e.class().exit_code()).max().unwrap_or(code).max(code);
        checks.push(Check {
            name: "record",
            good: problems.is_empty(),
            found: format!(
                "{} parts, {} rows, {} states; {}{}",
                found.parts,
                found.rows,
                found.tensors,
                if problems.is_empty() { "whole".into() } else { problems.join("; ") },
                if found.litter.is_empty() { String::new() } else { format!("; {} left-over files, which nobody reads", found.litter.len()) }
            ),
        });
    }
    if a.json {
        let list: Vec<_> = checks.iter().map(|c| json!({"check": c.name, "good": c.good, "found": c.found})).collect();
        output::json(&json!({"schema": "pennydrop.doctor/1", "class": machine.class(), "checks": list}));
    } else {
        let rows: Vec<Vec<String>> = checks.iter().map(|c| vec![if c.good { "good" } else { "BAD" }.into(), c.name.into(), c.found.clone()]).collect();
        output::data(&output::table(&rows));
    }
    Ok(code)
}

/// The hash of a tiny run's weights.
fn bits(threads: &dyn Parallel) -> Result<String, Error> {
    let words = ["task.p=13", "model.name=mlp", "model.widths=[32]", "train.steps=20", "train.stop=steps"];
    let words = words.iter().map(|w| parse_override(w)).collect::<Result<Vec<_>, _>>()?;
    let job = Job::new(resolve(&Base { label: "doctor".into(), entries: Vec::new() }, &words)?)?;
    let mut run = Run::new(job.setup(&job.runs[0], None)?)?;
    run.advance(threads, &mut Silent);
    Ok(run.weights_hash())
}

fn writable(folder: &Path) -> std::io::Result<()> {
    let path = folder.join(format!(".pennydrop-doctor-{}", std::process::id()));
    std::fs::write(&path, b"x")?;
    std::fs::remove_file(&path)
}
