//! What may be typed: one definition for parsing, help and completions.

use crate::claims::ClaimsArgs;
use crate::theory::TheoryArgs;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// Trains tiny networks until the penny drops, and keeps the record.
#[derive(Debug, Parser)]
#[command(name = "pennydrop", version, propagate_version = true, max_term_width = 120)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a preset or a spec, draw its curves live, and record it
    Run(RunArgs),
    /// Train many settings and many seeds: a campaign
    Sweep(SweepArgs),
    /// Compare optimizers, or other changes of a spec, at equal tuning budget
    Tournament(TournamentArgs),
    /// Go on with what a campaign folder has not finished
    Resume(ResumeArgs),
    /// Do a part of a campaign, beside other workers on the same folder
    Worker(WorkerArgs),
    /// How far a campaign is
    Status(StatusArgs),
    /// How far a campaign is, again and again
    Watch(WatchArgs),
    /// What there is to choose from
    List(ListArgs),
    /// One run, or all of them
    Show(ShowArgs),
    /// What differs between two runs, in spec and in outcome
    Diff(DiffArgs),
    /// Draw runs as SVG and PNG
    Plot(PlotArgs),
    /// Ask a campaign in SQL
    Query(QueryArgs),
    /// Write a campaign's tables for other programs
    Export(ExportArgs),
    /// Build the index of a campaign anew, from which queries are answered
    Reindex(FolderArgs),
    /// What a training step costs, and what each rewrite brings
    Explain(ExplainArgs),
    /// Logits and activations of a run at a step, as NumPy arrays
    Eval(EvalArgs),
    /// Fork a run at a step: an intervention beside the run itself and beside what chance does
    Intervene(InterveneArgs),
    /// A solvable model: its closed forms, printed and corrected, beside a simulation that does not use them
    Theory(TheoryArgs),
    /// Published claims, each with a rule that was written before its data, its runs and a verdict
    Claims(ClaimsArgs),
    /// A spec with every default filled in, or every key that there is
    Config(ConfigArgs),
    /// Is a campaign as it was written, and do its runs, trained again, have the same bits?
    Verify(VerifyArgs),
    /// Tidy a campaign up: rows of dead workers into parts, many parts into few, left-overs away
    Gc(GcArgs),
    /// Is this machine in order?
    Doctor(DoctorArgs),
    /// What a shell needs to complete commands
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// A spec: where it begins, and what is changed.
#[derive(Debug, Args)]
pub struct SpecArgs {
    /// A preset (`pennydrop list presets`) or a file, FILE.toml
    #[arg(value_name = "PRESET|FILE.toml")]
    pub spec: String,
    /// Overrides, such as task.p=59 optim.lr=1e-3 'seed=range(0,8)'
    #[arg(value_name = "KEY=VALUE")]
    pub words: Vec<String>,
    /// Switch a rewrite of the compiler off (`pennydrop list rewrites`); may be repeated
    #[arg(long = "no-rewrite", value_name = "NAME")]
    pub no_rewrite: Vec<String>,
}

/// How it is done and told.
#[derive(Debug, Args)]
pub struct HowArgs {
    /// Threads to use (default: all cores); changes no bit of any result
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// End with one JSON object on stdout
    #[arg(long)]
    pub json: bool,
    /// No talk on stderr
    #[arg(long, short)]
    pub quiet: bool,
}

impl HowArgs {
    /// The threads to use.
    pub fn threads(&self) -> usize {
        self.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()), usize::from)
    }
}

#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub spec: SpecArgs,
    #[command(flatten)]
    pub how: HowArgs,
    /// N runs, with seeds 0 to N - 1: short for 'seed=range(0,N)'
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub seeds: Option<u32>,
    /// The campaign folder (default: one under runs/, named after the spec)
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Stop after this much wall time, such as 90s, 5m or 2h, with the state saved
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub time: Option<Duration>,
    /// Print the runs, the bytes and the time, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The campaign folder, or the beginning of a run's id (default: the only unfinished campaign of runs/)
    #[arg(value_name = "DIR|RUN")]
    pub what: Option<String>,
    #[command(flatten)]
    pub how: HowArgs,
    /// Stop after this much wall time, such as 90s, 5m or 2h, with the state saved
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub time: Option<Duration>,
    /// Of a sweep: keep final states, a file a run
    #[arg(long)]
    pub keep_states: bool,
}

#[derive(Debug, Args)]
pub struct SweepArgs {
    #[command(flatten)]
    pub spec: SpecArgs,
    #[command(flatten)]
    pub how: HowArgs,
    /// Seeds 0 to N - 1 for every setting; with --until, the seeds of a round
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub seeds: Option<u32>,
    /// Add seeds in rounds until the interval of the median of t_grok is narrow enough: ci=0.1 is about ± 10 %
    #[arg(long, value_name = "ci=W")]
    pub until: Option<String>,
    /// With --until: most seeds of a setting (default: ten rounds)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub max_seeds: Option<u32>,
    /// The campaign folder (default: one under runs/, named after what varies)
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Stop after this much wall time, such as 90s, 5m or 2h, with the states saved
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub time: Option<Duration>,
    /// Print runs, packs, steps, bytes and time from a short calibration, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Keep final states, a file a run, so that a larger budget goes on from them instead of beginning anew
    #[arg(long)]
    pub keep_states: bool,
    /// Train more than a million runs without asking
    #[arg(long, short)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct TournamentArgs {
    #[command(flatten)]
    pub spec: SpecArgs,
    #[command(flatten)]
    pub how: HowArgs,
    /// An arm, two or more: its name, a colon, and its words, some with several values or drawn from an interval; the first is what the others are compared
    /// with
    #[arg(long = "arm", value_name = "NAME: KEY=…")]
    pub arms: Vec<String>,
    /// Settings that each arm tries, drawn from its own space (default: 8)
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub settings: Option<u32>,
    /// Tuning seeds 0 to N - 1, which choose each arm's setting (default: 4)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub seeds: Option<u32>,
    /// Judging seeds N to N + N2 - 1, which decide (default: as many as tuning seeds, at least 2)
    #[arg(long, value_name = "N2", value_parser = clap::value_parser!(u32).range(2..=50_000))]
    pub judge: Option<u32>,
    /// The draw of the settings (default: 0)
    #[arg(long, value_name = "S")]
    pub sample_seed: Option<u32>,
    /// The campaign folder (default: one under runs/, named after the arms)
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Stop after this much wall time, such as 90s, 5m or 2h, with the states saved
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub time: Option<Duration>,
    /// Print the arms, runs, steps, bytes and time from a short calibration, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Train more than a million runs without asking
    #[arg(long, short)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct WorkerArgs {
    /// The campaign folder
    #[arg(value_name = "DIR")]
    pub folder: String,
    /// Which part: I/N is every N-th run (with --until, setting) beginning with the I-th, I from 0 to N - 1
    #[arg(long, value_name = "I/N", value_parser = parse_shard, default_value = "0/1")]
    pub shard: (u32, u32),
    #[command(flatten)]
    pub how: HowArgs,
    /// Stop after this much wall time, such as 90s, 5m or 2h, with the states saved
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub time: Option<Duration>,
    /// Keep final states, a file a run
    #[arg(long)]
    pub keep_states: bool,
}

#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The campaign folder
    #[arg(value_name = "DIR")]
    pub folder: String,
    /// As JSON on stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct WatchArgs {
    /// The campaign folder
    #[arg(value_name = "DIR")]
    pub folder: String,
    /// Seconds from one look to the next
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = parse_pause)]
    pub every: f64,
    /// Go on watching while no worker is there
    #[arg(long)]
    pub wait: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Family {
    /// Data and splits
    Tasks,
    /// Architectures
    Models,
    /// Losses
    Losses,
    /// Update rules
    Optimizers,
    /// What can be done to a run from outside
    Interventions,
    /// Published set-ups
    Presets,
    /// Rewrites of the compiler
    Rewrites,
    /// Keys of the section train: sampling, limits, evaluation
    Train,
    /// Keys of the section seed
    Seed,
    /// Keys of the section record
    Record,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// The family
    pub family: Family,
    /// One member: its parameters with type, range and default
    pub name: Option<String>,
    /// As JSON on stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The beginning of a run's id, or a campaign folder (default: all runs of runs/)
    #[arg(value_name = "RUN|DIR")]
    pub what: Option<String>,
    /// Of a campaign of many settings: only those with these values
    #[arg(value_name = "KEY=VALUE")]
    pub filters: Vec<String>,
    /// The campaign folder to look in (default: those of runs/)
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// As JSON on stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The beginning of a run's id
    #[arg(value_name = "RUN")]
    pub a: String,
    /// The beginning of another's
    #[arg(value_name = "RUN")]
    pub b: String,
    /// The campaign folder to look in (default: those of runs/)
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// As JSON on stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct PlotArgs {
    /// Beginnings of run ids, or campaign folders; or one folder and a view: phase x=KEY y=KEY, survival by=KEY, law x=KEY [y=t_grok|t_mem|delay], band;
    /// with KEY=VALUE only those settings
    #[arg(value_name = "RUN|DIR [VIEW]", required = true)]
    pub what: Vec<String>,
    /// The campaign folder to look in (default: those of runs/)
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Name of the pictures; .svg and .png are added (default: figure-ID in the campaign folder)
    #[arg(short, long, value_name = "NAME")]
    pub output: Option<PathBuf>,
    /// Throw runs together that differ in keys that the picture does not show
    #[arg(long)]
    pub pool: bool,
    /// The numbers as JSON on stdout, where the picture has some
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct QueryArgs {
    /// The campaign folder
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// One SELECT over the tables runs, curves and decisions; column names with a dot stand in double quotes
    #[arg(value_name = "SQL")]
    pub sql: String,
    /// As JSON on stdout
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// As CSV on stdout
    #[arg(long)]
    pub csv: bool,
    /// Give up after this much time, such as 30s or 5m; building the index is not counted
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "10s")]
    pub time: Duration,
    /// Give up beyond this much memory, in megabytes
    #[arg(long, value_name = "MB", default_value_t = 512, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub memory: u64,
    /// Print at most this many rows
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub rows: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// Comma-separated values (RFC 4180)
    Csv,
    /// A JSON object a line: of runs, that of `run --json`
    Jsonl,
    /// NumPy: an array a column; integers with gaps become numbers, where a gap is NaN
    Npz,
    /// Event files of the curves, a folder a run
    Tensorboard,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableName {
    /// A row a run
    Runs,
    /// A row an evaluation
    Curves,
}

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The campaign folder
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// In which form
    #[arg(value_enum, default_value_t = ExportFormat::Csv)]
    pub format: ExportFormat,
    /// Which table (default: runs; of tensorboard, curves)
    #[arg(long, value_enum)]
    pub table: Option<TableName>,
    /// Only runs whose ids begin so; may be repeated
    #[arg(long = "run", value_name = "RUN")]
    pub runs: Vec<String>,
    /// The file, or folder, to write (default: stdout)
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Args)]
pub struct FolderArgs {
    /// The campaign folder
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// As JSON on stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ExplainArgs {
    #[command(flatten)]
    pub spec: SpecArgs,
    #[command(flatten)]
    pub how: HowArgs,
    /// Also time the step without each rewrite
    #[arg(long)]
    pub time: bool,
    /// Kernels to print, the dearest first
    #[arg(long, value_name = "N", default_value_t = 12)]
    pub kernels: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Side {
    /// Every example
    All,
    /// Training examples
    Train,
    /// Test examples
    Test,
}

#[derive(Debug, Args)]
pub struct EvalArgs {
    /// The beginning of a run's id, and a step; without a step, the last one
    #[arg(value_name = "RUN[@STEP]")]
    pub what: String,
    /// Which examples
    #[arg(long, value_enum, default_value_t = Side::All)]
    pub inputs: Side,
    /// The file to write
    #[arg(short, long, value_name = "FILE.npz")]
    pub output: PathBuf,
    /// The campaign folder to look in (default: those of runs/)
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub how: HowArgs,
}

#[derive(Debug, Args)]
pub struct InterveneArgs {
    /// The beginning of a run's id, and the step of the fork
    #[arg(value_name = "RUN@STEP")]
    pub what: String,
    /// The intervention, such as clamp.factor=1.15, temperature.tau=1.7 or optim.weight_decay=0 (`pennydrop list interventions`); limits such as train.steps hold for all arms
    #[arg(value_name = "KEY=VALUE", required = true)]
    pub words: Vec<String>,
    /// Further twins: KEY=VALUE is the same pair of runs with one thing changed, such as loss.precision=f64; may be repeated
    #[arg(long, value_name = "KEY=VALUE|ulp")]
    pub twin: Vec<String>,
    /// Runs with one weight moved by one unit in the last place, which show what chance does
    #[arg(long, value_name = "N", default_value_t = pennydrop_lab::fork::ULPS as u64, value_parser = clap::value_parser!(u64).range(0..=1000))]
    pub ulps: u64,
    /// The campaign folder of the run (default: those of runs/)
    #[arg(long, value_name = "DIR")]
    pub of: Option<PathBuf>,
    /// The campaign folder of the fork (default: one under runs/)
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Stop after this much wall time, such as 90s, 5m or 2h, with the states saved
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub time: Option<Duration>,
    #[command(flatten)]
    pub how: HowArgs,
}

#[derive(Debug, Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    pub command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// A spec with every default filled in: save it, and it says the same for ever
    Show(SpecArgs),
    /// Every section, member and key, with type, range, default and source
    Schema {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The campaign folder
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Runs to train again, drawn from all
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub sample: usize,
    /// Which draw
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub sample_seed: u64,
    #[command(flatten)]
    pub how: HowArgs,
}

#[derive(Debug, Args)]
pub struct GcArgs {
    /// The campaign folder
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Leave alone what is younger, such as 10m or 2h
    #[arg(long, value_name = "TIME", value_parser = parse_age, default_value = "1h")]
    pub age: Duration,
    /// As JSON on stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Also read and hash every file of this campaign folder
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// As JSON on stdout
    #[arg(long)]
    pub json: bool,
}

/// As [`parse_time`], and 0 for now.
fn parse_age(text: &str) -> Result<Duration, String> {
    if matches!(text.trim(), "0" | "0s" | "0m" | "0h") { Ok(Duration::ZERO) } else { parse_time(text) }
}

/// `90`, `90s`, `5m`, `2h`, with a decimal point if need be.
pub(crate) fn parse_time(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let (number, unit) = match text.char_indices().last() {
        Some((i, 's')) => (&text[..i], 1.0),
        Some((i, 'm')) => (&text[..i], 60.0),
        Some((i, 'h')) => (&text[..i], 3600.0),
        _ => (text, 1.0),
    };
    let seconds = number.parse::<f64>().ok().map(|x| x * unit).filter(|x| x.is_finite() && *x > 0.0 && *x < 1e9);
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "a time is written 90s, 5m or 2h".to_string())
}

/// `0/4`: the first of four parts.
fn parse_shard(text: &str) -> Result<(u32, u32), String> {
    let parts = text.split_once('/').and_then(|(i, n)| Some((i.trim().parse::<u32>().ok()?, n.trim().parse::<u32>().ok()?)));
    parts
        .filter(|(i, n)| i < n && *n <= 100_000)
        .ok_or_else(|| "a part is written I/N, with I from 0 to N - 1: the parts of two workers are 0/2 and 1/2".to_string())
}

fn parse_pause(text: &str) -> Result<f64, String> {
    text.parse::<f64>().ok().filter(|s| (0.1..=3600.0).contains(s)).ok_or_else(|| "a pause is 0.1 to 3600 seconds".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn parts_are_counted_from_nought() {
        assert_eq!(parse_shard("0/4"), Ok((0, 4)));
        assert!(["4/4", "1", "a/b", "-1/2", "0/0", "1/2/3"].iter().all(|t| parse_shard(t).is_err()));
    }

    #[test]
    fn times_have_units() {
        assert_eq!(["90", "90s", "1.5m", "2h"].map(|t| parse_time(t).unwrap().as_secs()), [90, 90, 90, 7200]);
        assert!(["", "s", "-3", "abc", "nan", "0"].iter().all(|t| parse_time(t).is_err()));
    }
}
