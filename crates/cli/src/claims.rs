//! `claims`: what was published, the rule, the runs, the verdict.

use crate::args::parse_time;
use crate::{output, sweep};
use clap::{Args, Subcommand};
use pennydrop_lab::campaign::Design;
use pennydrop_lab::campaign::train::{Options, done, train};
use pennydrop_lab::claims::experiment::Scope;
use pennydrop_lab::claims::guard::Outcome;
use pennydrop_lab::claims::{Claim, Data, Experiment, Judged, Ledger, Verdict, judge};
use pennydrop_lab::machine::{ENGINE, Machine};
use pennydrop_lab::view::{Rows, measure::measure};
use pennydrop_lab::words::{count, duration};
use pennydrop_lab::{Conditions, Error, Record, Signals, Unwatched};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[derive(Debug, Args)]
pub struct ClaimsArgs {
    #[command(subcommand)]
    pub command: ClaimsCommand,
    /// The ledger's folder (default: claims/ where the command runs, or else the one in the program)
    #[arg(long, value_name = "DIR", global = true)]
    pub claims: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum ClaimsCommand {
    /// Begin a claim: a file with every key, to be filled in before its data
    New {
        /// The paper's card, and the claim's number there
        #[arg(value_name = "CARD[/N]")]
        id: String,
    },
    /// Every claim with its verdict
    List {
        /// Of one paper only
        #[arg(value_name = "PAPER")]
        paper: Option<String>,
        /// As JSON on stdout
        #[arg(long)]
        json: bool,
    },
    /// One claim: rule, parts, intervals, guards, what it rests on
    Show {
        /// The claim, paper/number
        #[arg(value_name = "ID")]
        id: String,
        /// As JSON on stdout
        #[arg(long)]
        json: bool,
    },
    /// Train what is missing, and judge
    Run(RunArgs),
    /// Train a sample again: do the results in the ledger, and the verdicts, still hold?
    Check(CheckArgs),
    /// The ledger as a page: one static file that works offline
    Report {
        /// The folder for index.html and claims.json
        #[arg(short, long, value_name = "DIR")]
        output: PathBuf,
    },
}

#[derive(Debug, Args)]
pub struct RunArgs {
    /// A claim, a paper, or all
    #[arg(value_name = "ID|PAPER|all")]
    pub what: String,
    /// The whole grid instead of the reduced one
    #[arg(long)]
    pub full: bool,
    /// Stop after this much wall time, such as 90s, 20m or 2h, with what is done kept
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub budget: Option<Duration>,
    /// Threads to use (default: all cores); changes no bit of any result
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// No talk on stderr
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Claims or papers (default: all)
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// Threads to use (default: all cores)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
}

/// Exit codes: a check failed; stopped, and the rest is kept.
const FAILED: u8 = 4;
const STOPPED: u8 = 75;
/// Times of other machines agree statistically: a check there allows this factor, ln 1.25.
const MARGIN: f64 = 0.223_143_551_314_209_7;
/// Where experiments are trained.
const RUNS: &str = "runs/claims";

fn threads(n: Option<u16>) -> usize {
    n.map_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()), usize::from)
}

pub fn claims(a: &ClaimsArgs) -> Result<u8, Error> {
    let folder = a.claims.as_deref();
    match &a.command {
        ClaimsCommand::New { id } => new(folder, id),
        ClaimsCommand::List { paper, json } => list(folder, paper.as_deref().unwrap_or("all"), *json),
        ClaimsCommand::Show { id, json } => show(folder, id, *json),
        ClaimsCommand::Run(r) => run(folder, r),
        ClaimsCommand::Check(c) => check(folder, c),
        ClaimsCommand::Report { output } => report(folder, output),
    }
}

fn report(folder: Option<&Path>, to: &Path) -> Result<u8, Error> {
    let ledger = Ledger::open(folder)?;
    let judged = judge(&ledger, &ledger.find("all")?);
    std::fs::create_dir_all(to).map_err(|e| Error::System { doing: format!("make the folder {}", to.display()), why: e.to_string() })?;
    pennydrop_lab::claims::report::write(&judged, ENGINE, to)?;
    output::data(&format!("{}\n", to.join("index.html").display()));
    Ok(0)
}

/// Whether the file beside a claim says otherwise than its results.
fn differs(ledger: &Ledger, j: &Judged) -> bool {
    ledger.written.get(&j.claim.id()).is_some_and(|w| serde_json::from_str::<Value>(w).ok().as_ref() != Some(&j.to_json()))
}

fn notes(ledger: &Ledger, j: &Judged) -> Vec<&'static str> {
    let mut notes = Vec::new();
    if j.after_data {
        notes.push("rule changed after data");
    }
    if differs(ledger, j) {
        notes.push("its file says otherwise");
    }
    notes
}

fn list(folder: Option<&Path>, paper: &str, as_json: bool) -> Result<u8, Error> {
    let ledger = Ledger::open(folder)?;
    let judged = judge(&ledger, &ledger.find(paper)?);
    if as_json {
        let claims: Vec<Value> = judged
            .iter()
            .map(|j| {
                let mut v = j.to_json();
                v["file_differs"] = json!(differs(&ledger, j));
                v
            })
            .collect();
        output::json(&json!({"schema": "pennydrop.claims/1", "claims": claims}));
        return Ok(0);
    }
    let mut rows = vec![["claim", "verdict", "kind", "strength", "runs", "core-hours", "notes", "says"].map(String::from).to_vec()];
    for j in &judged {
        let hours = match j.accounting.waiting_core_hours.filter(|_| j.verdict == Verdict::Waiting) {
            Some(h) => format!("needs {h:.1}"),
            None => format!("{:.2}", j.accounting.core_hours),
        };
        let runs = count(j.accounting.runs as u64);
        rows.push(vec![
            j.claim.id(),
            j.words(),
            j.claim.kind.name().into(),
            j.claim.strength.clone(),
            runs,
            hours,
            notes(&ledger, j).join("; "),
            j.claim.claim.clone(),
        ]);
    }
    output::data(&output::table(&rows));
    let of = |v: Verdict| judged.iter().filter(|j| j.verdict == v).count();
    let counts: Vec<String> = Verdict::ALL.into_iter().filter(|v| of(*v) > 0).map(|v| format!("{} {}", of(v), v.name())).collect();
    output::talk(&format!("{} claims: {}", judged.len(), counts.join(", ")));
    Ok(0)
}

fn short(x: f64) -> String {
    match x.abs() {
        a if !a.is_finite() => if x > 0.0 { "∞" } else { "−∞" }.to_string(),
        a if a >= 1000.0 => format!("{x:.0}"),
        a if a >= 10.0 => format!("{x:.1}"),
        _ => format!("{x:.3}"),
    }
}

fn show(folder: Option<&Path>, id: &str, as_json: bool) -> Result<u8, Error> {
    let ledger = Ledger::open(folder)?;
    let found = ledger.find(id)?;
    let judged = judge(&ledger, &found);
    let [j] = &judged[..] else {
        return Err(Error::usage(
            format!("`{id}` means {} claims", judged.len()),
            format!("one of {}", found.iter().map(|c| c.id()).collect::<Vec<_>>().join(", ")),
        ));
    };
    if as_json {
        output::json(&j.to_json());
        return Ok(0);
    }
    let c = &j.claim;
    let mut out = format!("{} ({}): {}\n\nverdict  {}", c.id(), c.place, c.claim, j.words());
    for note in notes(&ledger, j) {
        out += &format!("; {note}");
    }
    if let Some(reason) = &j.reason {
        out += &format!(": {reason}");
    }
    let reconstructed = if c.reconstructed { ", a definition of it reconstructed by us" } else { "" };
    out += &format!("\nkind     {}, of {}; the test is {}{reconstructed}\nsetting  {}\n", c.kind.name(), c.generalising, c.strength, c.setting);
    if !j.parts.is_empty() {
        let mut rows = vec![["part", "ours", "95 %", "paper", "δ", "margin", "runs", "censored", "p (Holm)", "verdict"].map(String::from).to_vec()];
        for p in &j.parts {
            let json = p.to_json();
            let paper = match &json["published"] {
                Value::Number(n) => short(n.as_f64().unwrap_or(f64::NAN)),
                Value::String(s) => s.clone(),
                _ => "–".into(),
            };
            let cells = match (&p.estimate, &p.decision) {
                (Some(e), Some(d)) => {
                    let more = d.more.map_or(String::new(), |n| format!(", about {} more seeds", count(n)));
                    let interval = format!("{} to {}", short(e.low), short(e.high));
                    let delta = format!("{} [{}, {}]", short(d.delta), short(d.low), short(d.high));
                    let holm = p.holm.map_or("–".into(), short);
                    vec![
                        short(e.value),
                        interval,
                        paper,
                        delta,
                        short(d.margin),
                        e.n.to_string(),
                        e.censored.to_string(),
                        holm,
                        p.verdict.name().to_string() + &more,
                    ]
                }
                _ => vec!["–".into(), "–".into(), paper, "–".into(), "–".into(), "–".into(), "–".into(), "–".into(), p.verdict.name().to_string()],
            };
            rows.push(std::iter::once(p.part.name.clone()).chain(cells).collect());
        }
        out += &format!("\n{}", output::table(&rows));
    }
    for p in &j.parts {
        if let Some(why) = &p.why {
            out += &format!("{}: {why}\n", p.part.name);
        }
        for g in p.guards.iter().filter(|g| g.outcome != Outcome::NotApplicable) {
            out += &format!("{}: {} {}: {}\n", p.part.name, g.name, g.outcome.name(), g.says);
        }
        if let Some(e) = p.estimate.as_ref().filter(|e| !e.note.is_empty()) {
            out += &format!("{}: {}\n", p.part.name, e.note);
        }
    }
    for a in &c.ambiguities {
        out += &format!("open     {}: {} ({})\n", a.what, a.resolved, a.matters);
    }
    out += &format!(
        "\nrule     {}{}\nruns     {} ({} censored, {} seeds), {:.2} core-hours\ncommand  {}\n",
        j.rule,
        if j.after_data { format!(", its results were made under {}", j.registered.join(", ")) } else { String::new() },
        count(j.accounting.runs as u64),
        count(j.accounting.censored as u64),
        j.accounting.seeds,
        j.accounting.core_hours,
        j.command
    );
    output::data(&out);
    Ok(0)
}

fn new(folder: Option<&Path>, id: &str) -> Result<u8, Error> {
    let folder = folder.unwrap_or(Path::new("claims"));
    let (paper, number) = id.split_once('/').map_or((id, None), |(p, n)| (p, Some(n)));
    let plain = |w: &str| !w.is_empty() && w.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    if !plain(paper) || !number.is_none_or(plain) || paper == "experiments" {
        return Err(Error::usage(format!("`{id}` is no name of a card and a number"), "pennydrop claims new weight-norm-clamp/9"));
    }
    // Only a misspelt name of a paper that is there is known to be wrong: cards are no part of the program.
    let ledger = if folder.is_dir() { Ledger::open(Some(folder))? } else { Ledger::embedded()? };
    let papers: BTreeSet<&str> = ledger.claims.values().map(|c| c.paper.as_str()).collect();
    if !papers.contains(paper) && pennydrop_registry::nearest(paper, papers.iter().copied()).is_some_and(|n| n.len().abs_diff(paper.len()) <= 1) {
        let near = pennydrop_registry::nearest(paper, papers.iter().copied()).unwrap_or_default();
        return Err(Error::usage(
            format!("there is no card `{paper}` in the ledger, and `{near}` is almost it"),
            format!("write {near}, or name a new paper more differently"),
        ));
    }
    let free = (1..).map(|n: u32| n.to_string()).find(|n| !folder.join(paper).join(format!("{n}.toml")).exists()).unwrap_or_default();
    let number = number.unwrap_or(&free);
    let path = folder.join(paper).join(format!("{number}.toml"));
    if path.exists() {
        return Err(Error::usage(format!("{} is there already", path.display()), "edit it, or choose another number"));
    }
    let text = format!(
        "paper = \"{paper}\"\nnumber = \"{number}\"\nplace = \"Table ?\"\nclaim = \"In our words.\"\n# number, order, existence, absence, exponent, mechanism, identity\nkind = \"number\"\n\
         generalising = \"delayed generalisation\"\n# direct, close, analogue\nstrength = \"close\"\nreconstructed = false\nsetting = \"Task, model, optimizer, levels, as the paper says.\"\n\
         # Take this away when a [[part]] decides the claim.\nwaiting = \"its experiment is not yet written down\"\ncost_core_hours = 1.0\n\n\
         # [[ambiguity]]\n# what = \"What the paper leaves open\"\n# resolved = \"how it is resolved here\"\n# matters = \"how far the verdict depends on it\"\n\n\
         # [[part]]\n# name = \"median t_grok\"\n# experiment = \"NAME of experiments/NAME.toml\"\n# statistic = {{ name = \"time\", of = \"t_grok\", where = {{ \"optim.lr\" = 1e-3 }} }}\n# published = 1840\n"
    );
    write(&path, &text)?;
    output::talk(&format!("{} is begun: fill it in before its data, then `pennydrop claims run {paper}/{number}`", path.display()));
    Ok(0)
}

/// Writes a file whole or not at all, with its folder.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    let failed = |source| Error::Write { path: path.to_path_buf(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let temporary = path.with_extension("tmp");
    std::fs::write(&temporary, text).and_then(|()| std::fs::rename(&temporary, path)).map_err(failed)
}

/// The last commit of a file, where there is git and it knows the file.
fn commit(path: &Path) -> Option<String> {
    let folder = path.parent()?;
    let out = std::process::Command::new("git").arg("-C").arg(folder).args(["log", "-1", "--format=%H", "--"]).arg(path.file_name()?).output().ok()?;
    let hash = String::from_utf8(out.stdout).ok()?.trim().to_string();
    (out.status.success() && hash.len() >= 40).then_some(hash)
}

/// Trains what a design lacks; whether it is whole then.
fn fill(design: &Design, record: &Record, conditions: &Conditions, deadline: Option<Instant>) -> Result<bool, Error> {
    let left = |design: &Design| design.runs() - done(design, record).len();
    if left(design) == 0 {
        return Ok(true);
    }
    let time = deadline.map(|d| d.saturating_duration_since(Instant::now()));
    if time.is_some_and(|t| t.is_zero()) {
        return Ok(false);
    }
    let question = sweep::submit(record, design)?;
    let mut trained = train(design, record, &question, conditions, &Options { shard: (0, 1), states: false, time })?;
    if let Some((run, setting, e)) = trained.failed.pop() {
        output::talk(&format!("run {run} ({setting}) failed:"));
        return Err(e);
    }
    Ok(trained.stopped.is_none() && left(design) == 0)
}

fn open(design: &Design, name: &str) -> Result<Record, Error> {
    Record::create(&Path::new(RUNS).join(name), &design.frozen(), "", u64::MAX)
}

/// The designs of an experiment: the runs, and their twins.
fn designs(e: &Experiment, scope: Scope) -> Result<(Design, Option<Design>), Error> {
    let main = e.design(scope)?.ok_or_else(|| Error::usage(format!("the experiment {} has no runs", e.name), "give it words in [sweep]"))?;
    Ok((main, if scope == Scope::Check { None } else { e.design(Scope::Twins)? }))
}

/// The results of these runs out of the record.
fn results(e: &Experiment, record: &Record, main: &Design, twins: Option<&Design>) -> Result<Data, Error> {
    let mut rows = Rows::read(record, &["seed_init", "seed_batch", "seed_noise", "wall_s"])?;
    measure(&mut rows, record, &e.measure)?;
    let ids: BTreeSet<u64> = main.ids().iter().copied().collect();
    let doubles: BTreeSet<u64> = twins.map(|t| t.ids().iter().copied().filter(|id| !ids.contains(id)).collect()).unwrap_or_default();
    // Precision tells twins apart, and has a column of its own.
    let single = rows.filter(|r| ids.contains(&rows.ids[r])).narrowed();
    let mut keys: BTreeSet<String> = single.keys.iter().cloned().collect();
    keys.extend(main.keys.iter().map(pennydrop_lab::spec::sweep::key_name));
    let keys: Vec<String> = keys.into_iter().collect();
    let mut data = Data::of(&rows, &keys, &e.measure, &ids, &doubles);
    data.fixed = single.fixed.into_iter().filter(|(k, _)| !keys.contains(k)).collect();
    Ok(data)
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

fn run(folder: Option<&Path>, a: &RunArgs) -> Result<u8, Error> {
    let mut ledger = Ledger::open(folder)?;
    let wanted: Vec<Claim> = ledger.find(&a.what)?.into_iter().cloned().collect();
    let claims: Vec<&Claim> = wanted.iter().collect();
    let needed: Vec<Experiment> = ledger.needed(&claims).into_iter().cloned().collect();
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
    let judged = judge(&ledger, &claims);
    for j in &judged {
        if !j.parts.is_empty() && j.parts.iter().all(|p| p.estimate.is_some()) {
            write(&target.join(format!("{}.json", j.claim.id())), &j.to_file())?;
        }
    }
    let rows: Vec<Vec<String>> = judged.iter().map(|j| vec![j.claim.id(), j.words(), j.reason.clone().unwrap_or_default()]).collect();
    output::data(&output::table(&rows));
    if !open_runs.is_empty() {
        output::talk(&format!("stopped; left are {}", open_runs.join(", ")));
        output::talk(&format!("  try: pennydrop claims run {}{}, which goes on", a.what, if a.full { " --full" } else { "" }));
        return Ok(STOPPED);
    }
    Ok(0)
}

fn check(folder: Option<&Path>, a: &CheckArgs) -> Result<u8, Error> {
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
        let same_class = data.said("numerics class") == Some(Machine::here().class().as_str());
        for run in &again.runs {
            compared += 1;
            let Some(old) = data.runs.iter().find(|r| r.id == run.id) else {
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
