//! `tournament`: arms compared at equal tuning budget.

use crate::args::TournamentArgs;
use crate::{config, output, sweep};
use pennydrop_lab::campaign::estimate::estimate;
use pennydrop_lab::campaign::train::{Options, Trained, done};
use pennydrop_lab::campaign::{Design, design};
use pennydrop_lab::tournament::judge::objections;
use pennydrop_lab::tournament::{ArmWords, Terms, Tournament, choice, freeze, json as as_json, judge, picture, words};
use pennydrop_lab::words::{bytes, count, duration};
use pennydrop_lab::{Error, Record, Signals};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

/// Settings and tuning seeds where nobody says how many.
const SETTINGS: usize = 8;
const SEEDS: usize = 4;

/// The tournament that was typed.
fn designed(a: &TournamentArgs) -> Result<Tournament, Error> {
    let (base, in_sweep, table) = config::any(&a.spec.spec)?;
    if in_sweep.is_some() {
        return Err(Error::usage(
            format!("{} is a campaign of many settings, not a tournament", a.spec.spec),
            "say its words here, or write a table [tournament]",
        ));
    }
    let table = table.unwrap_or_default();
    let key = |w: &str| w.split('=').next().unwrap_or_default().trim().trim_start_matches(['+', '~']).to_string();
    let typed: BTreeSet<String> = a.spec.words.iter().map(|w| key(w)).collect();
    // What is typed holds over the file.
    let mut common: Vec<String> = table.words.iter().filter(|w| !typed.contains(&key(w))).cloned().collect();
    common.extend(a.spec.words.iter().cloned());
    let arms = if a.arms.is_empty() { table.arms } else { a.arms.iter().map(|t| ArmWords::parse(t)).collect::<Result<_, _>>()? };
    let number = |typed: Option<u32>, file: Option<usize>| typed.map(|n| n as usize).or(file);
    let seeds = number(a.seeds, table.seeds).unwrap_or(SEEDS);
    let terms = Terms {
        settings: number(a.settings, table.settings).unwrap_or(SETTINGS),
        seeds,
        judge: number(a.judge, table.judge).unwrap_or(seeds.max(2)),
        sample_seed: a.sample_seed.map(u64::from).or(table.sample_seed).unwrap_or(0),
    };
    Tournament::new(base, common, arms, terms, a.spec.no_rewrite.clone())
}

pub fn tournament(a: &TournamentArgs) -> Result<u8, Error> {
    let started = Instant::now();
    let t = designed(a)?;
    let folder = a.out.clone().unwrap_or_else(|| Path::new("runs").join(t.folder_name()));
    if a.dry_run {
        return dry_run(a, &t, &folder);
    }
    if t.runs() > design::MANY && !a.yes {
        return Err(Error::usage(format!("{} runs are many, and nobody said yes", count(t.runs() as u64)), "look at --dry-run, and say --yes"));
    }
    let signals = Signals::listen()?;
    let record = Record::create(&folder, &t.arms[0].tuning.frozen(), "", u64::MAX)?;
    let hash = freeze::freeze(&t, &record)?;
    let play = Play { a, record: &record, signals: &signals, started };
    if !a.how.quiet {
        output::talk(&words::terms(&t));
    }
    // Every arm's tuning runs are asked for at once, so that other workers can do a part of them.
    let tuning: Vec<(&str, &Design)> = t.arms.iter().map(|arm| (arm.name.as_str(), &arm.tuning)).collect();
    if let Some(code) = play.train("tuning", &tuning)? {
        return Ok(code);
    }
    let tuned = t.arms.iter().map(|arm| choice::choose(&arm.tuning, &record)).collect::<Result<Vec<_>, _>>()?;
    let judging = tuned.iter().enumerate().map(|(arm, x)| t.judging(arm, x.chosen)).collect::<Result<Vec<_>, _>>()?;
    freeze::freeze_choice(&t, &hash, &tuned, &judging, &record)?;
    let last: Vec<(&str, &Design)> = t.arms.iter().zip(&judging).map(|(arm, d)| (arm.name.as_str(), d)).collect();
    if let Some(code) = play.train("judging", &last)? {
        return Ok(code);
    }
    let outcome = judge(&t, &tuned, &judging, &record)?;
    let name = folder.file_name().map_or(String::new(), |n| n.to_string_lossy().into_owned());
    let svg = picture::draw(&t, &outcome, &name, &output::typed())?;
    let image = pennydrop_lab::picture::image(&svg)?;
    let paths = pennydrop_lab::picture::write(&folder, "figure-tournament", &(svg, image))?;
    if a.how.json {
        output::json(&as_json::outcome(&t, &tuned, &outcome, &record, &hash));
    } else {
        let mut out = words::terms(&t) + "\n\n";
        for table in [words::tuning(&t, &tuned, &outcome), words::in_steps(&outcome), words::in_flop(&outcome)] {
            out += &output::table(&table);
            out.push('\n');
        }
        for line in words::notes(&t, &tuned, &outcome) {
            out += &(line + "\n");
        }
        output::data(&out);
    }
    if !a.how.quiet {
        output::talk(&format!("record   {}\nfigure   {}", folder.display(), paths[0].display()));
    }
    Ok(0)
}

/// Trains the runs of a tournament.
struct Play<'a> {
    a: &'a TournamentArgs,
    record: &'a Record,
    signals: &'a Signals,
    started: Instant,
}

impl Play<'_> {
    /// Trains all of these designs; an exit code if they did not come to their end.
    fn train(&self, what: &str, designs: &[(&str, &Design)]) -> Result<Option<u8>, Error> {
        let questions = designs.iter().map(|(_, d)| sweep::submit(self.record, d)).collect::<Result<Vec<_>, Error>>()?;
        let mut trained: Vec<(&str, Trained)> = Vec::new();
        for ((name, design), question) in designs.iter().zip(&questions) {
            let time = match self.a.time.map(|t| t.checked_sub(self.started.elapsed())) {
                None => None,
                Some(Some(left)) => Some(left),
                Some(None) => Some(Duration::ZERO),
            };
            let options = Options { shard: (0, 1), states: false, time };
            let quiet = self.a.how.quiet;
            if !quiet && done(design, self.record).len() < design.runs() {
                output::talk(&format!("{what} {name}"));
            }
            let one = sweep::go(design, self.record, question, self.signals, self.a.how.threads(), quiet, &options)?;
            let stopped = one.stopped.is_some();
            trained.push((name, one));
            if stopped {
                if !quiet {
                    output::talk("stopped; what is done is kept, and the same command goes on");
                }
                return Ok(Some(75));
            }
        }
        self.record.refresh()?;
        let failures: usize = trained.iter().map(|(_, t)| t.failures).sum();
        for (name, t) in &trained {
            for (run, setting, e) in &t.failed {
                output::talk(&format!("{what} {name}: run {run} ({setting}) failed:"));
                output::report(e);
            }
        }
        if failures > 0 {
            output::talk(&format!("{failures} {what} runs failed: arms with different numbers of runs are not compared"));
            return Ok(Some(3));
        }
        Ok(None)
    }
}

fn dry_run(a: &TournamentArgs, t: &Tournament, folder: &Path) -> Result<u8, Error> {
    let record = folder.join("campaign.toml").is_file().then(|| Record::read(folder)).transpose()?;
    let objections = objections(t, &[])?;
    let mut rows = vec![["arm", "settings", "tuning runs", "to train", "judging runs", "steps at most", "time at most"].map(String::from).to_vec()];
    let mut arms = Vec::new();
    let mut notes = Vec::new();
    let mut total = BTreeMap::from([("steps", 0.0), ("bytes", 0.0), ("seconds", 0.0)]);
    for (arm, (leaks, unmatched)) in t.arms.iter().zip(objections) {
        let known = record.as_ref().map(|r| done(&arm.tuning, r)).unwrap_or_default();
        let e = estimate(&arm.tuning, &known, a.how.threads(), 3.0 / t.arms.len() as f64)?;
        // Which setting will be judged is not known yet: a judging run costs what a tuning run does.
        let each = if e.open > 0 { 1.0 / e.open as f64 } else { 0.0 };
        let judge = t.terms.judge as f64;
        let steps = e.steps as f64 + judge * t.budget() as f64;
        let (size, seconds) = (e.bytes * (1.0 + judge * each), e.seconds * (1.0 + judge * each));
        for (key, value) in [("steps", steps), ("bytes", size), ("seconds", seconds)] {
            *total.entry(key).or_default() += value;
        }
        let numbers = [t.terms.settings, arm.tuning.runs(), e.open, t.terms.judge].map(|n| count(n as u64));
        rows.push([arm.name.clone()].into_iter().chain(numbers).chain([count(steps as u64), duration(seconds)]).collect());
        notes.extend(leaks.iter().chain(&unmatched).map(|l| format!("{} is out of competition: {l}", arm.name)));
        arms.push(json!({
            "name": arm.name,
            "settings": t.terms.settings,
            "tuning_runs": arm.tuning.runs(),
            "open": e.open,
            "judging_runs": t.terms.judge,
            "steps": steps,
            "seconds": seconds,
            "leaks": leaks,
            "not_matched": unmatched,
        }));
    }
    if a.how.json {
        output::json(&json!({
            "schema": "pennydrop.tournament-plan/1",
            "record": folder.display().to_string(),
            "runs": t.runs(),
            "steps": total["steps"],
            "bytes": total["bytes"],
            "seconds": total["seconds"],
            "threads": a.how.threads(),
            "arms": arms,
        }));
        return Ok(0);
    }
    let mut out = words::terms(t) + "\n\n" + &output::table(&rows) + "\n";
    out += &format!(
        "{} runs, {} steps, about {} and {} at most on {} threads\n",
        count(t.runs() as u64),
        count(total["steps"] as u64),
        bytes(total["bytes"]),
        duration(total["seconds"]),
        a.how.threads()
    );
    for note in notes {
        out += &(note + "\n");
    }
    output::data(&(out + &format!("record   {}\n", folder.display())));
    Ok(0)
}
