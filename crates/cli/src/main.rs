//! The pennydrop command.

#![allow(clippy::disallowed_methods, reason = "the command reads the environment (NO_COLOR, TERM) and the clock (progress), once, and passes what it finds")]

mod args;
mod claims;
mod config;
mod doctor;
mod eval;
mod explain;
mod export;
mod intervene;
mod list;
mod output;
mod plot;
mod progress;
mod query;
mod run;
mod screen;
mod show;
mod status;
mod sweep;
mod theory;
mod tournament;
mod verify;

use args::{Cli, Command};
use clap::{CommandFactory, Parser};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Run(a) => run::run(&a),
        Command::Sweep(a) => sweep::sweep(&a),
        Command::Resume(a) => run::resume(&a),
        Command::Tournament(a) => tournament::tournament(&a),
        Command::Worker(a) => sweep::worker(&a),
        Command::Status(a) => status::status(&a),
        Command::Watch(a) => status::watch(&a),
        Command::List(a) => list::list(&a),
        Command::Show(a) => show::show(&a),
        Command::Diff(a) => show::diff(&a),
        Command::Plot(a) => plot::plot(&a),
        Command::Query(a) => query::query(&a),
        Command::Export(a) => export::export(&a),
        Command::Reindex(a) => query::reindex(&a),
        Command::Explain(a) => explain::explain(&a),
        Command::Eval(a) => eval::eval(&a),
        Command::Intervene(a) => intervene::intervene(&a),
        Command::Claims(a) => claims::claims(&a),
        Command::Config(a) => config::config(&a),
        Command::Theory(a) => theory::theory(&a),
        Command::Verify(a) => verify::verify(&a),
        Command::Gc(a) => verify::gc(&a),
        Command::Doctor(a) => doctor::doctor(&a),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "pennydrop", &mut script);
            output::data(&String::from_utf8_lossy(&script));
            Ok(0)
        }
    };
    ExitCode::from(outcome.unwrap_or_else(|e| output::report(&e)))
}
