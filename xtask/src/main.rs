//! The project's own chores. `cargo xtask ci` is exactly what CI runs, so what passes here passes there.

#![allow(clippy::disallowed_methods, reason = "chores tell the time that each step took, and are told by cargo which cargo to call")]

mod book;
mod claims;
mod floors;
mod links;
mod metadata;
mod policy;
mod source;
mod spdx;
mod step;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use step::{Outcome, Step};

const USAGE: &str = "usage: cargo xtask COMMAND

  ci       everything below but `fmt --write` and `fuzz`, stopping at the first failure
  fmt      formatting (`fmt --write` repairs it)
  house    house rules of the source (no compiler needed)
  lint     clippy and the documentation, warnings denied
  test     every test of the workspace
  policy   licences, banned crates and sources (deny.toml), and the floors of the crates
  book     the book's links, and the commands in its `console,test` blocks
  claims   a sample of the claims ledger's runs trained again, and its verdicts made anew
  fuzz     how to run the fuzz targets (they need a nightly compiler)
";

/// What CI runs, the cheap steps first.
const CI: &[&[Step]] = &[FMT, HOUSE, POLICY, LINT, TEST, BOOK, LEDGER];

const FMT: &[Step] = &[Step::cargo("formatting", &["fmt", "--all", "--", "--check"])];
const REPAIR: &[Step] = &[Step::cargo("formatting", &["fmt", "--all"])];
const HOUSE: &[Step] = &[Step::ours("house rules of the source", source::check)];
const POLICY: &[Step] = &[Step::ours("licences, bans and sources", policy::check), Step::ours("floors", floors::check)];
const LINT: &[Step] = &[
    Step::cargo("clippy", &["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    Step::cargo("documentation", &["doc", "--locked", "--workspace", "--no-deps"]).with_env("RUSTDOCFLAGS", "-D warnings"),
];
const TEST: &[Step] = &[Step::cargo("tests", &["test", "--locked", "--workspace"])];
// The command as the tests have built it: a plain build would have other features, and compile nearly everything a second time.
const COMMAND: Step = Step::cargo("the command", &["test", "--locked", "--workspace", "--test", "command", "--no-run"]);
const BOOK: &[Step] = &[Step::ours("links between pages", links::check), COMMAND, Step::ours("commands of the book", book::check)];
// The command is there already: the book needs it too.
const LEDGER: &[Step] = &[Step::ours("the ledger of claims", claims::check)];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let steps: Vec<Step> = match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["ci"] => CI.concat(),
        ["fmt"] => FMT.to_vec(),
        ["fmt", "--write"] => REPAIR.to_vec(),
        ["house"] => HOUSE.to_vec(),
        ["lint"] => LINT.to_vec(),
        ["test"] => TEST.to_vec(),
        ["policy"] => POLICY.to_vec(),
        ["book"] => BOOK.to_vec(),
        ["claims"] => [&[COMMAND][..], LEDGER].concat(),
        ["fuzz"] => vec![Step::ours("fuzz targets", fuzz)],
        [] | ["help" | "-h" | "--help"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    step::run(&root(), &steps)
}

/// The repository's root: the folder above this crate.
fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}

/// Names the fuzz targets and how to run each. They are no part of `ci`: libFuzzer needs a nightly compiler and a C++ one.
fn fuzz(root: &Path) -> Outcome {
    let manifest = step::read(&root.join("fuzz/Cargo.toml"))?;
    let table: toml::Table = manifest.parse().map_err(|e| vec![format!("fuzz/Cargo.toml: {e}")])?;
    let targets = table.get("bin").and_then(toml::Value::as_array).into_iter().flatten();
    let names: Vec<&str> = targets.filter_map(|t| t.get("name")?.as_str()).collect();
    let mut problems = Vec::new();
    for name in &names {
        if !root.join(format!("fuzz/seeds/{name}")).is_dir() {
            problems.push(format!("fuzz/seeds/{name} is missing: give the target a few inputs to start from"));
        }
        println!("  cargo +nightly fuzz run {name} fuzz/corpus/{name} fuzz/seeds/{name}");
    }
    if problems.is_empty() { Ok(format!("{} targets; see fuzz/README.md", names.len())) } else { Err(problems) }
}
