//! `sweep` and `worker`: campaigns of many settings.

use crate::args::{SweepArgs, WorkerArgs};
use crate::progress::Progress;
use crate::screen::Mode;
use crate::{config, output};
use pennydrop_lab::campaign::estimate::{Estimate, estimate};
use pennydrop_lab::campaign::train::{Options, Trained, done, train};
use pennydrop_lab::campaign::{Design, Until, design};
use pennydrop_lab::record::Plan;
use pennydrop_lab::spec::sweep::Sweep;
use pennydrop_lab::view::{Rows, summary};
use pennydrop_lab::words::{bytes, count, duration};
use pennydrop_lab::{Conditions, Error, Record, Signals};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Lines of the table that a sweep ends with; `show` has them all.
const LINES: usize = 40;

/// The campaign that was typed.
pub fn designed(a: &SweepArgs) -> Result<Design, Error> {
    let (base, table) = config::base(&a.spec.spec)?;
    let table = table.unwrap_or_default();
    let key = |w: &str| w.split('=').next().unwrap_or_default().trim().trim_start_matches(['+', '~']).to_string();
    let typed: BTreeSet<String> = a.spec.words.iter().map(|w| key(w)).collect();
    // What is typed holds over the file.
    let mut words: Vec<String> = table.words.iter().filter(|w| !typed.contains(&key(w))).cloned().collect();
    words.extend(a.spec.words.iter().cloned());
    let seeds_in_words = words.iter().any(|w| key(w).split('.').next() == Some("seed"));
    let seeds = a.seeds.map(|n| n as usize).or(if seeds_in_words { None } else { table.seeds });
    if seeds_in_words && a.seeds.is_some() {
        return Err(Error::usage("--seeds and seed=… both say which seeds", "keep one of them: --seeds N is short for 'seed=range(0,N)'"));
    }
    let until = a.until.as_deref().or(table.until.as_deref());
    let until = match until {
        None if a.max_seeds.is_some() => {
            return Err(Error::usage("--max-seeds is a limit of --until, which is not there", "add --until ci=0.1, or say --seeds N"));
        }
        None => None,
        Some(_) if seeds_in_words => {
            return Err(Error::usage("--until adds seeds of its own, and seed=… says others", "leave seed=… out: --seeds N is the size of a round"));
        }
        Some(rule) => Some(Until::parse(rule, seeds.or(table.round).unwrap_or(8), a.max_seeds.map(|n| n as usize).or(table.most))?),
    };
    match (&until, seeds) {
        (Some(u), _) => words.push(format!("seed=range(0,{})", u.most)),
        (None, Some(n)) => words.push(format!("seed=range(0,{n})")),
        _ => {}
    }
    let sweep = Sweep::parse(&words)?;
    // Naming millions of runs takes a while: they are asked about first.
    let about = sweep.cells() as u64 * seeds.unwrap_or(1).max(1) as u64;
    if about > design::MANY as u64 && until.is_none() && !a.yes && !a.dry_run {
        confirm(about)?;
    }
    Design::new(base, sweep, a.spec.no_rewrite.clone(), until)
}

pub fn sweep(a: &SweepArgs) -> Result<u8, Error> {
    let design = designed(a)?;
    let folder = a.out.clone().unwrap_or_else(|| Path::new("runs").join(design.folder_name()));
    if a.dry_run {
        return dry_run(a, &design, &folder);
    }
    if design.runs() > design::MANY && design.until.is_some() && !a.yes {
        confirm(design.runs() as u64)?;
    }
    let signals = Signals::listen()?;
    let record = Record::create(&folder, &design.frozen(), "", u64::MAX)?;
    let question = submit(&record, &design)?;
    let options = Options { shard: (0, 1), states: a.keep_states, time: a.time };
    go(&design, &record, &question, &signals, a.how.threads(), a.how.quiet, &options)
        .and_then(|trained| finish(&design, &record, &trained, a.how.json, a.how.quiet))
}

/// Freezes what is asked: the question, and the list of its runs.
pub fn submit(record: &Record, design: &Design) -> Result<String, Error> {
    for plan in record.plans()? {
        if plan.asks().is_some_and(|(_, judged)| judged != design.judged) {
            return Err(other_limits(record, design, &plan));
        }
    }
    let question = record.write_question(&design.question())?;
    list_runs(record, design, &question)?;
    Ok(question)
}

/// Writes the list of a question's runs beside it, unless it is there.
fn list_runs(record: &Record, design: &Design, question: &str) -> Result<(), Error> {
    let list = record.folder().join(format!("plan-{question}.parquet"));
    if !list.exists() {
        pennydrop_store::write_table(&list, &design.table()?, &BTreeMap::new())?;
    }
    Ok(())
}

/// Of each run a record holds one result, so all that is asked of it must be judged alike.
fn other_limits(record: &Record, design: &Design, plan: &Plan) -> Error {
    let theirs = plan.design().map(|d| d.limits).unwrap_or_default();
    let differs = |ours: &&str| ours.starts_with("train.") && !ours.starts_with("train.steps =") && !theirs.lines().any(|t| t == *ours);
    let ours: Vec<&str> = design.limits.lines().filter(differs).collect();
    let keys: Vec<&str> = ours.iter().filter_map(|l| l.split(" = ").next()).collect();
    let there: Vec<&str> = theirs.lines().filter(|t| keys.iter().any(|k| t.strip_prefix(k).is_some_and(|r| r.starts_with(" =")))).collect();
    Error::usage(
        format!("{} holds runs that end or are judged otherwise: {} there, {} here", record.folder().display(), there.join(", "), ours.join(", ")),
        "name another folder with --out, or leave these keys as they are there",
    )
}

fn confirm(runs: u64) -> Result<(), Error> {
    let refused = || Error::usage(format!("{} runs are many, and nobody said yes", count(runs)), "look at --dry-run, and say --yes");
    if !std::io::stdin().is_terminal() {
        return Err(refused());
    }
    output::talk(&format!("{} runs. Train them? [y/N]", count(runs)));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    if read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") { Ok(()) } else { Err(refused()) }
}

fn dry_run(a: &SweepArgs, design: &Design, folder: &Path) -> Result<u8, Error> {
    let known = if folder.join("campaign.toml").is_file() { done(design, &Record::read(folder)?) } else { BTreeSet::new() };
    let e: Estimate = estimate(design, &known, a.how.threads(), 3.0)?;
    if a.how.json {
        output::json(&json!({
            "schema": "pennydrop.sweep-plan/1",
            "record": folder.display().to_string(),
            "runs": e.runs,
            "open": e.open,
            "settings": design.settings.len(),
            "packs": e.packs,
            "steps": e.steps,
            "bytes": e.bytes,
            "seconds": e.seconds,
            "steps_per_s": e.speeds,
            "threads": a.how.threads(),
        }));
        return Ok(0);
    }
    let speed = match &e.speeds[..] {
        [] => "nothing is left to train".to_string(),
        [one] => format!("{} steps/s a core, measured just now", count(*one as u64)),
        many => {
            let (low, high) = many.iter().fold((f64::INFINITY, 0.0f64), |(l, h), s| (l.min(*s), h.max(*s)));
            format!("{} to {} steps/s a core, measured just now on {} packs", count(low as u64), count(high as u64), many.len())
        }
    };
    let at_most = if design.until.is_some() { " at most" } else { "" };
    let words = [
        format!(
            "runs     {}{at_most}: {} settings × {} seeds; {} of them are not in the record",
            count(e.runs as u64),
            count(design.settings.len() as u64),
            count(design.seeds.len() as u64),
            count(e.open as u64)
        ),
        format!("packs    {} (runs that share a compiled program)", e.packs),
        format!("steps    {} at most", count(e.steps)),
        format!("bytes    about {} at most", bytes(e.bytes)),
        format!("time     about {} at most on {} threads ({speed})", duration(e.seconds), a.how.threads()),
        format!("record   {}", folder.display()),
    ];
    output::data(&(words.join("\n") + "\n"));
    Ok(0)
}

/// Trains, and tells meanwhile.
pub fn go(design: &Design, record: &Record, question: &str, signals: &Signals, threads: usize, quiet: bool, options: &Options) -> Result<Trained, Error> {
    let mode = Mode::choose(quiet);
    let left = design.runs() - done(design, record).len();
    if mode != Mode::Silent {
        output::talk(&format!(
            "{}: {} settings × {} seeds, {} packs; {} of {} runs to train, at most {} steps each",
            design.base.label,
            count(design.settings.len() as u64),
            count(design.seeds.len() as u64),
            design.packs,
            count(left as u64),
            count(design.runs() as u64),
            count(design.budget)
        ));
        if record.strangers()? > 0 {
            output::talk("note: another build or processor has written to this record; its bits and ours agree statistically only");
        }
    }
    let share = left / options.shard.1.max(1) as usize;
    let progress = Progress::new(mode, share.max(1) as u64, design.until.is_some());
    let trained = train(design, record, question, &Conditions { threads, signals, watch: &progress }, options);
    progress.close();
    trained
}

/// Says what came of it; gives the exit code.
pub fn finish(design: &Design, record: &Record, trained: &Trained, as_json: bool, quiet: bool) -> Result<u8, Error> {
    let rows = Rows::read(record, &[])?;
    let ours: BTreeSet<u64> = design.ids().iter().copied().collect();
    let rows = rows.filter(|r| ours.contains(&rows.ids[r])).narrowed().widened(&design.keys.iter().map(name).collect::<Vec<_>>());
    let further = (0..rows.len()).filter(|r| rows.steps[*r] > design.budget).count();
    let there: BTreeSet<u64> = rows.ids.iter().copied().collect();
    let lost = ours.iter().filter(|id| !there.contains(id) && record.known_by(**id).is_some()).count();
    let lines = summary(&rows)?;
    if as_json {
        output::json(&json!({
            "schema": "pennydrop.sweep/1",
            "record": record.folder().display().to_string(),
            "runs": design.runs(),
            "settings": design.settings.len(),
            "packs": design.packs,
            "trained": trained.trained,
            "known": trained.known,
            "failed": trained.failures,
            "stopped": trained.stopped.map(|s| pennydrop_train::Stop::Interrupted(s).name()),
            "steps": trained.steps,
            "wall_s": trained.wall_s,
            "run_s": trained.run_s,
            "decisions": trained.decided.iter().map(|d| json!({"setting": design.describe(d.setting), "round": d.round, "decision": d.decision})).collect::<Vec<_>>(),
            "table": pennydrop_lab::view::summary::to_json(&rows, &lines),
        }));
    }
    if !quiet {
        let table = pennydrop_lab::view::summary::table(&rows, &lines);
        let mut out = output::table(&table[..table.len().min(LINES + 1)]);
        if table.len() > LINES + 1 {
            out += &format!("… and {} settings more: pennydrop show {}\n", table.len() - LINES - 1, record.folder().display());
        }
        let each = if trained.trained > 0 { format!(", {:.1} ms a run and core", 1e3 * trained.run_s / trained.trained as f64) } else { String::new() };
        out += &format!(
            "{} runs trained, {} known before; {} steps in {}{each}\n",
            count(trained.trained as u64),
            count(trained.known as u64),
            count(trained.steps),
            duration(trained.wall_s)
        );
        if further > 0 {
            out += &format!(
                "{} of the runs had gone beyond {} steps for another question, and are shown as they went on\n",
                count(further as u64),
                count(design.budget)
            );
        }
        let decided = |d: &str| trained.decided.iter().filter(|x| x.decision == d).count();
        if design.until.is_some() {
            out += &format!(
                "decided: {} narrow enough, {} censored for good, {} at the most seeds, {} open (table `decisions`)\n",
                decided("narrow"),
                decided("censored"),
                decided("most"),
                decided("more")
            );
        }
        let folder = record.folder().display();
        let next = match (&trained.stopped, &design.keys[..]) {
            (Some(_), _) => format!("pennydrop resume {folder}"),
            (None, [x, y, ..]) => format!("pennydrop plot {folder} phase x={} y={}", name(x), name(y)),
            (None, [x]) => format!("pennydrop plot {folder} survival by={}", name(x)),
            (None, []) => format!("pennydrop show {folder}"),
        };
        out += &format!("record   {folder}\nnext     {next}");
        output::talk(&out);
    }
    for (run, setting, e) in &trained.failed {
        output::talk(&format!("run {run} ({setting}) failed:"));
        output::report(e);
    }
    if trained.failures > trained.failed.len() {
        output::talk(&format!("… and {} more failed", trained.failures - trained.failed.len()));
    }
    if lost > 0 {
        let folder = record.folder().display();
        output::talk(&format!(
            "error: {} results were written to {folder} and are not there any more: something removed its files meanwhile",
            count(lost as u64)
        ));
        output::talk(&format!("  try: pennydrop resume {folder}, which trains them again"));
        return Ok(7);
    }
    Ok(match (&trained.stopped, trained.failures) {
        (Some(_), _) => 75,
        (None, 0) => 0,
        (None, n) if n == design.runs() => trained.failed.first().map_or(1, |f| f.2.exit_code()),
        _ => 3,
    })
}

fn name(key: &pennydrop_lab::spec::sweep::Key) -> String {
    pennydrop_lab::spec::sweep::key_name(key)
}

/// The campaigns that a folder was asked for, the largest budget first.
pub fn questions(record: &Record) -> Result<Vec<(String, Design)>, Error> {
    let mut all = Vec::new();
    for plan in record.plans()?.into_iter().filter(|p| p.is_sweep()) {
        if plan.numerics != pennydrop_train::NUMERICS {
            return Err(Error::OtherNumerics { run_id: plan.label.clone(), theirs: plan.numerics.to_string(), ours: pennydrop_train::NUMERICS.to_string() });
        }
        all.push((plan.hash(), plan.design()?));
    }
    all.sort_by_key(|(_, d)| std::cmp::Reverse(d.budget));
    Ok(all)
}

/// Goes on with every question of a sweep's folder; the part `shard` of each.
pub fn go_on(folder: &Path, threads: usize, quiet: bool, as_json: bool, shard: (u32, u32), states: bool, time: Option<Duration>) -> Result<u8, Error> {
    let record = Record::read(folder)?;
    let questions = questions(&record)?;
    if questions.is_empty() {
        return Err(Error::usage(
            format!("{} has no plan-*.toml: nothing was asked of it", folder.display()),
            "begin with `pennydrop sweep SPEC key=a,b --out DIR`",
        ));
    }
    let signals = Signals::listen()?;
    let options = Options { shard, states, time };
    let mut code = 0;
    let last = questions.len() - 1;
    for (i, (question, design)) in questions.iter().enumerate() {
        list_runs(&record, design, question)?;
        let trained = go(design, &record, question, &signals, threads, quiet, &options)?;
        code = finish(design, &record, &trained, as_json && i == last, quiet)?.max(code);
        if trained.stopped.is_some() {
            break;
        }
    }
    if let Some(cup) = tournament_of(folder).filter(|_| !quiet) {
        output::talk(&format!(
            "these are the runs of a tournament; it chooses and judges with: pennydrop tournament {} --out {}",
            cup.display(),
            folder.display()
        ));
    }
    Ok(code)
}

/// The spec of the tournament that a folder holds.
fn tournament_of(folder: &Path) -> Option<PathBuf> {
    let names = std::fs::read_dir(folder).ok()?.filter_map(|e| e.ok()?.file_name().into_string().ok());
    let spec = |n: &String| n.starts_with("tournament-") && n.ends_with(".toml") && !n.ends_with("-choice.toml");
    names.filter(spec).min().map(|n| folder.join(n))
}

pub fn worker(a: &WorkerArgs) -> Result<u8, Error> {
    let folder = PathBuf::from(&a.folder);
    if !Record::read(&folder)?.is_sweep() {
        return Err(Error::usage(format!("{} holds no sweep: there is nothing to share", folder.display()), "`pennydrop resume DIR` goes on with single runs"));
    }
    go_on(&folder, a.how.threads(), a.how.quiet, a.how.json, a.shard, a.keep_states, a.time)
}
