//! `run` and `resume`.

use crate::args::{HowArgs, ResumeArgs, RunArgs};
use crate::screen::{Mode, Screen};
use crate::{config, output, sweep};
use pennydrop_lab::campaign::status;
use pennydrop_lab::job::Size;
use pennydrop_lab::spec::seeds::SeedAxes;
use pennydrop_lab::words::{bytes, count, duration};
use pennydrop_lab::{Conditions, Error, Job, Record, Report, RunResult, Signals, json, locate, picture, runner, words};
use pennydrop_registry::{Args, Value};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The job that was typed.
fn job(a: &RunArgs) -> Result<Job, Error> {
    let mut spec = config::spec(&a.spec)?;
    if let Some(n) = a.seeds {
        if a.spec.words.iter().any(|w| w.trim_start_matches(['+', '~']).split(['=', '.']).next() == Some("seed")) {
            return Err(Error::usage("--seeds and seed=… both say which seeds", "keep one of them: --seeds N is short for 'seed=range(0,N)'"));
        }
        spec.axes = SeedAxes::first(n as usize);
        spec.seeds = spec.axes.runs()?;
    }
    if let Some(t) = a.time {
        set_time(&mut spec, t)?;
    }
    Job::new(spec)
}

fn set_time(spec: &mut pennydrop_lab::Resolved, t: Duration) -> Result<(), Error> {
    let keys = spec.record.iter().map(|(k, v)| (k.to_string(), if k == "time" { Value::Float(t.as_secs_f64()) } else { v.clone() }));
    spec.record = Args::check("record", spec.record.row, keys.collect::<Vec<_>>())?;
    Ok(())
}

pub fn run(a: &RunArgs) -> Result<u8, Error> {
    let job = job(a)?;
    let folder = a.out.clone().unwrap_or_else(|| Path::new("runs").join(job.spec.folder_name(&job.inputs)));
    let (first, size) = job.probe()?;
    if a.dry_run {
        return dry_run(a, &job, &folder, first, &size);
    }
    drop(first);
    let signals = Signals::listen()?;
    let record = Record::open(&folder, &job)?;
    train(&job, &record, &signals, &a.how, &size)
}

pub fn resume(a: &ResumeArgs) -> Result<u8, Error> {
    let folder = resumed_folder(a)?;
    let record = Record::read(&folder)?;
    if record.is_sweep() {
        drop(record);
        return sweep::go_on(&folder, a.how.threads(), a.how.quiet, a.how.json, (0, 1), a.keep_states, a.time);
    }
    let plans = record.plans()?;
    if plans.is_empty() {
        return Err(Error::usage(format!("{} has no plan-*.toml: nothing was asked of it", folder.display()), "begin with `pennydrop run PRESET --out DIR`"));
    }
    if let Some(p) = plans.iter().find(|p| p.numerics != pennydrop_train::NUMERICS) {
        let run_id = record.unfinished()?.into_iter().next().or_else(|| record.ids().into_iter().next()).unwrap_or_else(|| p.label.clone());
        return Err(Error::OtherNumerics { run_id, theirs: p.numerics.to_string(), ours: pennydrop_train::NUMERICS.to_string() });
    }
    let signals = Signals::listen()?;
    let mut jobs: Vec<Job> = plans.iter().map(|p| p.job()).collect::<Result<Vec<_>, _>>()?;
    // Of one question with a small and a large budget only the large one is open: its run passes the small one's end.
    jobs.sort_by_key(|j| std::cmp::Reverse((j.spec.train.size("steps"), j.runs.len())));
    let mut open: Vec<Job> = Vec::new();
    for job in jobs {
        if !open.iter().any(|large| runner::covers(large, &job)) {
            open.push(job);
        }
    }
    let mut jobs = open;
    let mut code = 0;
    let mut all: Vec<RunResult> = Vec::new();
    let last = jobs.len().saturating_sub(1);
    for (i, job) in jobs.iter_mut().enumerate() {
        // The limit of time was one of the session that asked.
        set_time(&mut job.spec, a.time.unwrap_or(Duration::ZERO))?;
        let (_, size) = job.probe()?;
        let record = Record::open(&folder, job)?;
        let quiet = HowArgs { threads: a.how.threads, json: false, quiet: a.how.quiet };
        let mode = Mode::choose(a.how.quiet);
        let report = go(job, &record, &signals, &quiet, &size, mode)?;
        all.retain(|r| !report.runs.iter().any(|(_, n, _)| n.run_id == r.run_id));
        all.extend(report.runs.iter().map(|r| r.1.clone()));
        code = finish(job, &record, &report, a.how.quiet, i == last)?.max(code);
        if report.stopped.is_some() {
            break;
        }
    }
    if a.how.json {
        output::json(&json::report(&all, &folder));
    }
    Ok(code)
}

fn resumed_folder(a: &ResumeArgs) -> Result<PathBuf, Error> {
    match &a.what {
        Some(what) if Path::new(what).is_dir() => Ok(PathBuf::from(what)),
        Some(what) if what.contains(std::path::MAIN_SEPARATOR) => {
            Err(Error::usage(format!("there is no folder {what}"), "name a campaign folder that `run` wrote, or the beginning of a run's id"))
        }
        Some(what) => Ok(locate::find(what, None)?.record.folder().to_path_buf()),
        None => {
            let mut open = Vec::new();
            for folder in locate::campaigns(None)? {
                let record = Record::read(&folder)?;
                let begun = !record.unfinished()?.is_empty();
                if begun || record.is_sweep() && status::status(&record)?.questions.iter().any(|q| !q.over()) {
                    open.push(folder);
                }
            }
            match &open[..] {
                [one] => Ok(one.clone()),
                [] => Err(Error::usage("no campaign of runs/ is unfinished", "name the campaign folder: pennydrop resume DIR")),
                many => Err(Error::usage(
                    format!("{} campaigns are unfinished: {}", many.len(), many.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ")),
                    "name one: pennydrop resume DIR",
                )),
            }
        }
    }
}

fn train(job: &Job, record: &Record, signals: &Signals, how: &HowArgs, size: &Size) -> Result<u8, Error> {
    let report = go(job, record, signals, how, size, Mode::choose(how.quiet))?;
    let code = finish(job, record, &report, how.quiet, true)?;
    if how.json {
        output::json(&json::report(report.runs.iter().map(|r| &r.1), record.folder()));
    }
    Ok(code)
}

/// Trains, and tells meanwhile.
fn go(job: &Job, record: &Record, signals: &Signals, how: &HowArgs, size: &Size, mode: Mode) -> Result<Report, Error> {
    if mode != Mode::Silent {
        let leakage = match size.leakage {
            (0, 0) => String::new(),
            (repeated, 0) => format!("; {} test inputs are in the training set", count(repeated as u64)),
            (0, twins) => format!("; {} test examples have their mirror image in the training set", count(twins as u64)),
            (r, t) => format!("; {} test inputs, and the mirror images of {}, are in the training set", count(r as u64), count(t as u64)),
        };
        output::talk(&format!(
            "{}: {} parameters, {} training and {} test examples, {} a step{leakage}",
            job.spec.label,
            count(size.parameters as u64),
            count(size.examples.0 as u64),
            count(size.examples.1 as u64),
            count(size.batch as u64)
        ));
        if record.strangers()? > 0 {
            output::talk("note: another build or processor has written to this record; its bits and ours agree statistically only");
        }
    }
    let title = format!("{} · {}", job.spec.label, job.spec.task.name());
    let screen = Screen::new(mode, &title, job.runs.len(), job.spec.train.size("steps") as u64, size.chance);
    let report = runner::run(job, record, &Conditions { threads: how.threads(), signals, watch: &screen });
    screen.close();
    report
}

/// Draws the figure and says in words what happened; gives the exit code.
fn finish(job: &Job, record: &Record, report: &Report, quiet: bool, last: bool) -> Result<u8, Error> {
    let folder = record.folder();
    let runs: Vec<&RunResult> = report.runs.iter().map(|r| &r.1).collect();
    let finished: Vec<&RunResult> = runs.iter().copied().filter(|r| r.finished()).collect();
    let mut figure = None;
    let mut norms = None;
    if !finished.is_empty() {
        let curves = record.curves()?;
        if let [one] = &finished[..] {
            norms = first_norm(&curves, &one.run_id);
        }
        let command = output::typed();
        let drawn = picture::draw(&finished, &curves, &command)?;
        figure = Some(picture::write(folder, "figure", &drawn)?);
    }
    if !quiet {
        let mut lines = Vec::new();
        match &runs[..] {
            [] => {}
            [one] => {
                let known = if report.runs[0].2 { "  (from the record: nothing was trained)" } else { "" };
                lines.push(format!("run {}, {}{known}", one.run_id, one.seed.map_or("several seeds".into(), |s| format!("seed {s}"))));
                lines.extend(words::run(one, norms).into_iter().map(|(k, v)| format!("  {k:<12}{v}")));
            }
            many => {
                for line in words::seeds(many)? {
                    lines.push(format!("  {line}"));
                }
                let known = report.runs.iter().filter(|r| r.2).count();
                if known > 0 {
                    lines.push(format!("  {known} of them are from the record: nothing was trained for these"));
                }
                lines.push(format!("  {} steps in {}", count(report.runs.iter().filter(|r| !r.2).map(|r| r.1.steps).sum()), duration(report.wall_s)));
            }
        }
        lines.push(format!("  {:<12}{}", "record", folder.display()));
        if let Some([svg, _]) = &figure {
            lines.push(format!("  {:<12}{} and .png", "figure", svg.display()));
        }
        if last {
            lines.push(format!("  {:<12}{}", "next", words::next(&runs, &job.spec.label, &output::typed(), folder)));
        }
        output::talk(&lines.join("\n"));
    }
    for (planned, e) in &report.failed {
        output::talk(&format!("run {} failed:", planned.run_id));
        output::report(e);
    }
    Ok(match (&report.stopped, &report.failed[..]) {
        (Some(_), _) => 75,
        (None, []) => 0,
        (None, [(_, e), ..]) if runs.is_empty() => e.exit_code(),
        _ => 3,
    })
}

fn first_norm(curves: &pennydrop_store::Table, run_id: &str) -> Option<f64> {
    let row = curves.get_str("run_id")?.iter().position(|r| r.as_deref() == Some(run_id))?;
    curves.get_f64("norm")?[row]
}

/// Prints what would be run.
fn dry_run(a: &RunArgs, job: &Job, folder: &Path, first: pennydrop_train::Run, size: &Size) -> Result<u8, Error> {
    let budget = job.spec.train.size("steps") as u64;
    let known = if folder.join("campaign.toml").is_file() { Some(Record::read(folder)?) } else { None };
    let unfinished = known.as_ref().map(Record::unfinished).transpose()?.unwrap_or_default();
    let state = |id: &str| match &known {
        Some(r) if r.known(id).is_some() => "in the record",
        _ if unfinished.iter().any(|u| u == id) => "begun",
        _ => "new",
    };
    // The trained numbers, two moments of each, and the states that a replay starts from.
    let snapshot: usize = first.snapshot().tensors.iter().map(|t| t.bytes.len()).sum();
    let rows = runner::evaluations(job.spec.train.size("eval") as u64, budget);
    let columns = first.curves().columns().len().max(11) + 3;
    let per_run = (rows * columns as u64 * 8) as f64;
    let open = job.runs.iter().filter(|r| state(&r.run_id) != "in the record").count();
    let states = (open * snapshot) as f64;
    let room = job.spec.record.float("ckpt_mb") * 1e6;
    let total = open as f64 * per_run + states.min(room.max(snapshot as f64));
    let speed = runner::calibrate(first, 0.5);
    let lanes = a.how.threads().min(job.runs.len().max(1)) as f64;
    let seconds = open as f64 * budget as f64 / speed / lanes;
    if a.how.json {
        output::json(&json!({
            "schema": "pennydrop.plan/1",
            "record": folder.display().to_string(),
            "runs": job.runs.iter().map(|r| json!({"run_id": r.run_id, "seed": r.seed, "state": state(&r.run_id)})).collect::<Vec<_>>(),
            "steps": budget,
            "bytes": total,
            "seconds_at_most": seconds,
            "steps_per_s": speed,
        }));
        return Ok(0);
    }
    let mut rows = vec![vec!["run".to_string(), "seed".into(), "state".into()]];
    for r in job.runs.iter().take(50) {
        rows.push(vec![r.run_id.clone(), r.seed.map_or("–".into(), |s| s.to_string()), state(&r.run_id).into()]);
    }
    let mut out = output::table(&rows);
    if job.runs.len() > 50 {
        out += &format!("… and {} more\n", job.runs.len() - 50);
    }
    out += &format!(
        "{} runs of at most {} steps, {} parameters\nrecord  {}\nbytes   about {} at most\ntime    about {} at most ({} steps/s a core, measured just now)\n",
        job.runs.len(),
        count(budget),
        count(size.parameters as u64),
        folder.display(),
        bytes(total),
        duration(seconds),
        count(speed as u64)
    );
    output::data(&out);
    Ok(0)
}
