//! `plot`: pictures of runs and of campaigns.

use crate::args::PlotArgs;
use crate::{output, show};
use pennydrop_lab::view::law::{Time, law};
use pennydrop_lab::view::phase::{Drawn, Thresholds, phase};
use pennydrop_lab::view::select::{Filter, select};
use pennydrop_lab::view::survival::survival;
use pennydrop_lab::view::{Axis, Rows, summary};
use pennydrop_lab::{Error, Record, RunResult, picture};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Views of a whole campaign, with the words that each takes.
const VIEWS: [(&str, &[&str]); 4] =
    [("phase", &["x", "y", "train", "test", "gap", "kind"]), ("survival", &["by"]), ("law", &["x", "y", "resamples"]), ("band", &[])];

pub fn plot(a: &PlotArgs) -> Result<u8, Error> {
    let campaign = a.what.first().filter(|w| Path::new(w.as_str()).join("campaign.toml").is_file());
    match (campaign, a.what.get(1)) {
        (Some(folder), Some(view)) if VIEWS.iter().any(|v| v.0 == view) => view_of(a, Path::new(folder), view, &a.what[2..]),
        // What is neither a path nor the beginning of an id was meant as a view.
        (Some(folder), Some(word)) if !Path::new(word).exists() && !word.chars().all(|c| c.is_ascii_hexdigit()) => Err(Error::usage(
            format!("`{word}` is no picture of a campaign"),
            format!("pennydrop plot {folder} phase x=… y=…, survival by=…, law x=…, or band"),
        )),
        _ => runs(a, &a.what, &[]),
    }
}

/// A view's own words, by name, and the filters among the words.
fn sort_words<'a>(view: &str, words: &'a [String]) -> Result<(BTreeMap<&'a str, &'a str>, Vec<Filter>), Error> {
    let known = VIEWS.iter().find(|v| v.0 == view).map_or(&[][..], |v| v.1);
    let (mut own, mut filters) = (BTreeMap::new(), Vec::new());
    for word in words {
        match word.split_once('=') {
            Some((k, v)) if known.contains(&k) => {
                if own.insert(k, v).is_some() {
                    return Err(Error::usage(format!("`{k}=` is said twice"), "say it once"));
                }
            }
            Some((k, _)) if k.contains('.') || Axis::parse(k).is_ok_and(|a| a.is_key()) => filters.push(Filter::parse(word)?),
            _ => {
                let near = pennydrop_registry::nearest(word.split('=').next().unwrap_or(word), known.iter().copied())
                    .map(|n| format!("; did you mean `{n}`?"))
                    .unwrap_or_default();
                let takes =
                    if known.is_empty() { "no words of its own".to_string() } else { known.iter().map(|k| format!("{k}=")).collect::<Vec<_>>().join(", ") };
                return Err(Error::usage(format!("`{word}` says nothing to `{view}`{near}"), format!("it takes {takes}, and filters such as optim.lr=1e-3")));
            }
        }
    }
    Ok((own, filters))
}

fn number(own: &BTreeMap<&str, &str>, name: &str, default: f64, range: std::ops::RangeInclusive<f64>) -> Result<f64, Error> {
    let Some(text) = own.get(name) else { return Ok(default) };
    let ends = format!("a number from {} to {}", range.start(), range.end());
    text.parse::<f64>().ok().filter(|x| range.contains(x)).ok_or_else(|| Error::usage(format!("{name}={text} is out of range"), format!("{name} is {ends}")))
}

fn needed<'a>(own: &BTreeMap<&str, &'a str>, name: &str, view: &str, rows: &Rows) -> Result<&'a str, Error> {
    own.get(name).copied().ok_or_else(|| {
        let keys = if rows.keys.is_empty() { "no key varies here".to_string() } else { format!("keys that vary here: {}", rows.keys.join(", ")) };
        Error::usage(format!("`{view}` needs {name}=KEY"), keys)
    })
}

fn view_of(a: &PlotArgs, folder: &Path, view: &str, words: &[String]) -> Result<u8, Error> {
    let (own, filters) = sort_words(view, words)?;
    if view == "band" {
        return runs(a, &[folder.display().to_string()], &filters);
    }
    let record = Record::read(folder)?;
    let usual = Thresholds::default();
    let level = |name: &str, usual: f64| number(&own, name, usual, 0.0..=1.0);
    let thresholds = Thresholds {
        train: level("train", usual.train)?,
        test: level("test", usual.test)?,
        gap: number(&own, "gap", usual.gap, 0.0..=1e15)?,
        kind: match own.get("kind").copied() {
            None => usual.kind,
            Some(k @ ("first" | "first_sustained" | "last_sustained")) => k.to_string(),
            Some(other) => return Err(Error::usage(format!("there is no crossing `{other}`"), "kind is first, first_sustained or last_sustained")),
        },
    };
    let columns = thresholds.columns();
    let extra: Vec<&str> = if view == "phase" { columns.iter().map(String::as_str).collect() } else { Vec::new() };
    let rows = select(Rows::read(&record, &extra)?.widened(&record.varied_keys()?), &filters)?;
    if rows.is_empty() {
        return Err(Error::usage(format!("{} has no finished run to draw", folder.display()), "`pennydrop status DIR` says how far it is"));
    }
    let (command, name) = (output::typed(), folder.file_name().map_or_else(|| folder.display().to_string(), |n| n.to_string_lossy().into_owned()));
    let mut numbers = if a.json { Some(summary::to_json(&rows, &summary::summary(&rows)?)) } else { None };
    let drawn: Drawn = match view {
        "phase" => {
            let (x, y) = (Axis::parse(needed(&own, "x", view, &rows)?)?, Axis::parse(needed(&own, "y", view, &rows)?)?);
            phase(&rows, &x, &y, &thresholds, a.pool, &name, &command)?
        }
        "survival" => survival(&rows, &Axis::parse(needed(&own, "by", view, &rows)?)?, &name, &command)?,
        _ => {
            let x = Axis::parse(needed(&own, "x", view, &rows)?)?;
            let time = Time::parse(own.get("y").copied().unwrap_or("t_grok"))?;
            let found = law(&rows, &x, time, number(&own, "resamples", 1000.0, 10.0..=100_000.0)? as usize, a.pool, &name, &command)?;
            numbers = Some(found.json);
            found.drawn
        }
    };
    let figure = (drawn.svg.clone(), picture::image(&drawn.svg)?);
    let paths = write(a, &format!("figure-{view}"), folder, &figure)?;
    if a.json {
        let paths: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
        output::json(&json!({"schema": "pennydrop.plot/1", "view": view, "files": paths, "runs": rows.len(), "numbers": numbers}));
    } else {
        output::data(&drawn.text);
        for p in paths {
            output::data(&format!("{}\n", p.display()));
        }
    }
    Ok(0)
}

/// Writes a picture where it was asked for, else into the campaign's folder.
fn write(a: &PlotArgs, name: &str, folder: &Path, figure: &(String, Vec<u8>)) -> Result<[PathBuf; 2], Error> {
    let target = a.output.clone().unwrap_or_else(|| folder.join(name));
    let stem = match target.extension().and_then(|e| e.to_str()) {
        Some("svg" | "png") => target.with_extension(""),
        _ => target,
    };
    let file = stem.file_name().map(|n| n.to_string_lossy().into_owned()).ok_or_else(|| Error::usage("-o names no file", "give a name, such as -o figure"))?;
    let folder = stem.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    picture::write(folder, &file, figure)
}

/// Curves of runs, and of whole folders.
fn runs(a: &PlotArgs, what: &[String], filters: &[Filter]) -> Result<u8, Error> {
    let mut runs: Vec<RunResult> = Vec::new();
    let mut curves = pennydrop_store::Table::default();
    let mut folders: Vec<PathBuf> = Vec::new();
    for what in what {
        let (folder, chosen) = if Path::new(what).join("campaign.toml").is_file() {
            let record = Record::read(Path::new(what))?;
            let mut all = record.results()?;
            if !filters.is_empty() {
                let rows = select(Rows::read(&record, &[])?, filters)?;
                let kept: std::collections::BTreeSet<String> = rows.ids.iter().map(|i| pennydrop_lab::known::id_of(*i)).collect();
                all.retain(|id, _| kept.contains(id));
            }
            (PathBuf::from(what), all.into_values().collect::<Vec<_>>())
        } else {
            let (r, folder) = show::result(what, a.out.as_deref())?;
            (folder, vec![r])
        };
        if !folders.contains(&folder) {
            curves.append(Record::read(&folder)?.curves()?)?;
            folders.push(folder);
        }
        runs.extend(chosen.into_iter().filter(|r| r.finished()));
    }
    runs.sort_by(|x, y| (x.seed, &x.run_id).cmp(&(y.seed, &y.run_id)));
    runs.dedup_by(|x, y| x.run_id == y.run_id);
    let Some(first) = runs.first() else {
        return Err(Error::usage("there is no finished run to draw", "`pennydrop show` lists what there is"));
    };
    let mut specs: Vec<&str> = runs.iter().map(|r| r.spec.as_str()).collect();
    specs.sort_unstable();
    specs.dedup();
    if specs.len() > 1 && what.len() == 1 && !a.pool {
        return Err(Error::usage(
            format!("these are runs of {} settings, and a band of all of them would be of none", specs.len()),
            "choose a setting with KEY=VALUE (`plot DIR band optim.lr=1e-3`), or say --pool",
        ));
    }
    let figure = picture::draw(&runs.iter().collect::<Vec<_>>(), &curves, &output::typed())?;
    let name = if runs.len() == 1 { format!("figure-{}", first.run_id) } else { format!("figure-{}-runs", runs.len()) };
    let paths = write(a, &name, &folders[0], &figure)?;
    if a.json {
        let files: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
        output::json(&json!({"schema": "pennydrop.plot/1", "view": "band", "files": files, "runs": runs.len(), "numbers": null}));
        return Ok(0);
    }
    for path in paths {
        output::data(&format!("{}\n", path.display()));
    }
    Ok(0)
}
