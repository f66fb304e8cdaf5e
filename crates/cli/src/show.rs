//! `show` and `diff`: reading the record.

use crate::args::{DiffArgs, ShowArgs};
use crate::output;
use pennydrop_lab::view::select::{Filter, select};
use pennydrop_lab::view::summary::{table, to_json};
use pennydrop_lab::view::{Rows, summary};
use pennydrop_lab::words::count;
use pennydrop_lab::{Error, Record, RunResult, json, locate, picture, words};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

pub fn show(a: &ShowArgs) -> Result<u8, Error> {
    let folder = a.what.as_deref().filter(|w| Path::new(w).join("campaign.toml").is_file());
    match (&a.what, folder) {
        (Some(what), None) if Path::new(what).is_dir() => Err(pennydrop_store::Error::NotACampaign { path: PathBuf::from(what) }.into()),
        (Some(what), None) => one(&locate::find(what, a.out.as_deref())?, a.json),
        (_, Some(folder)) => {
            let record = Record::read(Path::new(folder))?;
            if record.is_sweep() { campaign(&record, a) } else { all(&[PathBuf::from(folder)], a.json) }
        }
        (None, None) => all(&locate::campaigns(a.out.as_deref())?, a.json),
    }
}

/// The table of a campaign.
fn campaign(record: &Record, a: &ShowArgs) -> Result<u8, Error> {
    let filters = a.filters.iter().map(|f| Filter::parse(f)).collect::<Result<Vec<_>, _>>()?;
    let rows = select(Rows::read(record, &[])?.widened(&record.varied_keys()?), &filters)?;
    let lines = summary(&rows)?;
    if a.json {
        output::json(&json!({
            "schema": "pennydrop.campaign/1",
            "record": record.folder().display().to_string(),
            "runs": rows.len(),
            "fixed": rows.fixed,
            "table": to_json(&rows, &lines),
        }));
    } else if rows.is_empty() {
        output::talk("no runs yet: `pennydrop status DIR` says how far it is");
    } else {
        output::data(&output::table(&table(&rows, &lines)));
    }
    Ok(0)
}

fn all(folders: &[PathBuf], as_json: bool) -> Result<u8, Error> {
    let mut rows = vec![["run", "seed", "stop", "t_mem", "t_grok", "delay", "steps", "label", "campaign"].map(String::from).to_vec()];
    let mut values: Vec<Value> = Vec::new();
    let step = |s: Option<u64>| s.map_or("–".into(), count);
    for folder in folders {
        let record = Record::read(folder)?;
        let place = folder.display().to_string();
        if record.is_sweep() {
            // Thousands of runs are a table of their own.
            values.push(json!({"sweep": place, "runs": record.known_runs()}));
            let mut row = vec![format!("{} runs", count(record.known_runs() as u64))];
            row.extend(["–", "sweep", "–", "–", "–", "–", ""].map(String::from));
            row.push(format!("pennydrop show {place}"));
            rows.push(row);
            continue;
        }
        for r in record.results()?.values() {
            values.push(json::run(r, Some(folder)));
            rows.push(vec![
                r.run_id.clone(),
                r.seed.map_or("–".into(), |s| s.to_string()),
                r.stop.clone(),
                step(picture::t_mem(r)),
                step(picture::t_grok(r)),
                r.delay.map_or("–".into(), |d| d.to_string()),
                count(r.steps),
                r.label.clone(),
                place.clone(),
            ]);
        }
        for id in record.unfinished()? {
            values.push(json!({"run_id": id, "stop": null, "unfinished": true, "record": place}));
            let mut row = vec![id, "–".into(), "unfinished".into()];
            row.extend(["–", "–", "–", "–", ""].map(String::from));
            row.push(place.clone());
            rows.push(row);
        }
    }
    if as_json {
        output::json(&json!({"schema": "pennydrop.runs/1", "runs": values}));
    } else if rows.len() == 1 {
        output::talk("no runs yet: `pennydrop run quickstart` makes one");
    } else {
        output::data(&output::table(&rows));
    }
    Ok(0)
}

fn one(found: &locate::Found, as_json: bool) -> Result<u8, Error> {
    let folder = found.record.folder();
    let Some(r) = found.record.result(&found.run_id)? else {
        let saved = found.record.saved(&found.run_id)?;
        let step = saved.map(|s| s.snapshot.step);
        if as_json {
            output::json(&json!({"run_id": found.run_id, "stop": null, "unfinished": true, "steps": step, "record": folder.display().to_string()}));
        } else {
            output::data(&format!(
                "run {}: unfinished, saved at step {}\nrecord {}\ngo on with: pennydrop resume {}\n",
                found.run_id,
                step.map_or("–".into(), count),
                folder.display(),
                folder.display()
            ));
        }
        return Ok(0);
    };
    if as_json {
        let mut value = json::run(&r, Some(folder));
        value["spec"] = json!(r.spec);
        value["limits"] = json!(r.limits);
        value["machine"] = json!(r.machine);
        output::json(&value);
        return Ok(0);
    }
    let mut out = format!("run {} ({})\n", r.run_id, r.label);
    for (k, v) in words::run(&r, None) {
        out += &format!("  {k:<12}{v}\n");
    }
    out += &format!("  {:<12}{}\n  {:<12}{} ({})\n  {:<12}{}\n", "weights", r.weights_hash, "machine", r.machine, r.levels, "record", folder.display());
    let rows: Vec<Vec<String>> = std::iter::once(["curve", "level", "kind", "step", "epoch"].map(String::from).to_vec())
        .chain(r.crossings.iter().filter_map(|c| {
            let w = c.when?;
            Some(vec![c.curve.clone(), c.level.to_string(), c.kind.replace('_', " "), count(w.step), w.epochs.map_or("–".into(), |e| format!("{e:.1}"))])
        }))
        .collect();
    out += "\ncrossings\n";
    out += &output::table(&rows).lines().map(|l| format!("  {l}\n")).collect::<String>();
    out += &format!(
        "\n{}\n[seed]\ninit = {}\nsplit = {}\nbatch = {}\nnoise = {}\n\n# limits\n{}",
        r.spec, r.seeds.init, r.seeds.split, r.seeds.batch, r.seeds.noise, r.limits
    );
    output::data(&out);
    Ok(0)
}

/// The result of the run whose id begins so.
pub fn result(prefix: &str, out: Option<&Path>) -> Result<(RunResult, PathBuf), Error> {
    let found = locate::find(prefix, out)?;
    let folder = found.record.folder().to_path_buf();
    match found.record.result(&found.run_id)? {
        Some(r) => Ok((r, folder)),
        None => Err(Error::usage(format!("run {} is unfinished", found.run_id), format!("pennydrop resume {}", folder.display()))),
    }
}

/// Lines of a spec as `section.key` and value.
fn flat(r: &RunResult) -> Vec<(String, String)> {
    let mut section = String::new();
    let mut out = Vec::new();
    for line in r.spec.lines() {
        match (line.strip_prefix('[').and_then(|l| l.strip_suffix(']')), line.split_once(" = ")) {
            (Some(s), _) => section = s.to_string(),
            (None, Some((k, v))) => out.push((format!("{section}.{k}"), v.to_string())),
            _ => {}
        }
    }
    out.extend(r.limits.lines().filter_map(|l| l.split_once(" = ")).map(|(k, v)| (k.to_string(), v.to_string())));
    for (k, v) in [("init", r.seeds.init), ("split", r.seeds.split), ("batch", r.seeds.batch), ("noise", r.seeds.noise)] {
        out.push((format!("seed.{k}"), v.to_string()));
    }
    out
}

pub fn diff(a: &DiffArgs) -> Result<u8, Error> {
    let ((x, _), (y, _)) = (result(&a.a, a.out.as_deref())?, result(&a.b, a.out.as_deref())?);
    let (fx, fy) = (flat(&x), flat(&y));
    let mut keys: Vec<&String> = fx.iter().chain(&fy).map(|(k, _)| k).collect();
    keys.sort();
    keys.dedup();
    let get = |f: &[(String, String)], k: &str| f.iter().find(|(n, _)| n == k).map_or("–".to_string(), |(_, v)| v.clone());
    let spec: Vec<(String, String, String)> = keys.into_iter().map(|k| (k.clone(), get(&fx, k), get(&fy, k))).filter(|(_, a, b)| a != b).collect();
    let step = |w: Option<u64>| w.map_or("–".to_string(), count);
    let number = |v: Option<f64>| v.map_or("–".to_string(), |v| format!("{v:.6}"));
    let mut outcome = vec![
        ("stop".to_string(), x.stop.clone(), y.stop.clone()),
        ("t_mem".into(), step(picture::t_mem(&x)), step(picture::t_mem(&y))),
        ("t_grok".into(), step(picture::t_grok(&x)), step(picture::t_grok(&y))),
        ("delay".into(), x.delay.map_or("–".into(), |d| d.to_string()), y.delay.map_or("–".into(), |d| d.to_string())),
        ("censored".into(), x.censored.to_string(), y.censored.to_string()),
        ("steps".into(), count(x.steps), count(y.steps)),
    ];
    for (name, _) in x.last.iter().filter(|(n, _)| !n.starts_with("norm.")) {
        outcome.push((name.clone(), number(x.value(name)), number(y.value(name))));
    }
    outcome.push(("weights_hash".into(), x.weights_hash.clone(), y.weights_hash.clone()));
    if a.json {
        let pairs = |v: &[(String, String, String)]| v.iter().map(|(k, a, b)| json!({"key": k, "a": a, "b": b})).collect::<Vec<_>>();
        output::json(&json!({"schema": "pennydrop.diff/1", "a": x.run_id, "b": y.run_id, "spec": pairs(&spec), "outcome": pairs(&outcome)}));
        return Ok(0);
    }
    let mut rows = vec![vec![String::new(), x.run_id.clone(), y.run_id.clone()]];
    if spec.is_empty() {
        rows.push(vec!["spec".into(), "the same".into()]);
    }
    rows.extend(spec.into_iter().map(|(k, a, b)| vec![k, a, b]));
    rows.push(vec![]);
    rows.extend(outcome.into_iter().map(|(k, a, b)| {
        let short = |s: String| if k == "weights_hash" { s.chars().take(16).collect() } else { s };
        vec![k.clone(), short(a), short(b)]
    }));
    output::data(&output::table(&rows));
    Ok(0)
}
