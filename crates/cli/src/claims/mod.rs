//! `claims`: what was published, the rule, the runs, the verdict.

mod check;
mod list;
mod new;
mod report;
mod run;
mod show;
mod train;

use crate::args::parse_time;
use clap::{Args, Subcommand};
use pennydrop_lab::Error;
use pennydrop_lab::claims::{Judged, Ledger};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

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
    /// Train this one of its experiments; may be repeated (default: all)
    #[arg(long, value_name = "EXPERIMENT")]
    pub only: Vec<String>,
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

fn threads(n: Option<u16>) -> usize {
    n.map_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()), usize::from)
}

pub fn claims(a: &ClaimsArgs) -> Result<u8, Error> {
    let folder = a.claims.as_deref();
    match &a.command {
        ClaimsCommand::New { id } => new::new(folder, id),
        ClaimsCommand::List { paper, json } => list::list(folder, paper.as_deref().unwrap_or("all"), *json),
        ClaimsCommand::Show { id, json } => show::show(folder, id, *json),
        ClaimsCommand::Run(r) => run::run(folder, r),
        ClaimsCommand::Check(c) => check::check(folder, c),
        ClaimsCommand::Report { output } => report::report(folder, output),
    }
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

/// Writes a file whole or not at all, with its folder.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|source| Error::Write { path: path.to_path_buf(), source })?;
    }
    pennydrop_lab::record::publish(path, text.as_bytes())
}
