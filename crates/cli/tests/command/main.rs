//! The whole command, from typed words to files. A module a theme.

#![allow(clippy::disallowed_methods, reason = "tests wait for processes")]

mod claims;
mod errors;
mod eval;
mod export;
mod faults;
mod files;
mod interrupted;
mod intervene;
mod known;
mod many;
mod output;
mod page;
mod query;
mod strings;
mod sweep;
mod theory;
mod tournament;

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A network so small that its whole life takes a fraction of a second.
pub const TINY: [&str; 5] = ["quickstart", "task.p=11", "model.d_embed=8", "model.widths=[16]", "train.stop=steps"];

/// The command, in a folder.
pub fn pennydrop(folder: &Path) -> Command {
    let mut c = Command::new(env!("CARGO_BIN_EXE_pennydrop"));
    c.current_dir(folder).stdin(Stdio::null()).env_remove("NO_COLOR").env("TERM", "dumb");
    c
}

/// What became of a call.
pub struct Ran {
    /// Exit code; −1 where a signal ended it.
    pub code: i32,
    /// What it wrote to stdout.
    pub out: String,
    /// What it wrote to stderr.
    pub err: String,
}

impl From<Output> for Ran {
    fn from(o: Output) -> Ran {
        Ran { code: o.status.code().unwrap_or(-1), out: String::from_utf8(o.stdout).unwrap(), err: String::from_utf8(o.stderr).unwrap() }
    }
}

/// Calls the command with these words.
pub fn call(folder: &Path, words: &[&str]) -> Ran {
    pennydrop(folder).args(words).output().unwrap().into()
}

/// `run` of the tiny network with more words, which must succeed; its JSON.
pub fn tiny(folder: &Path, more: &[&str]) -> Value {
    let words: Vec<&str> = ["run"].into_iter().chain(TINY).chain(more.iter().copied()).chain(["--json"]).collect();
    let ran = call(folder, &words);
    assert_eq!(ran.code, 0, "{words:?}\n{}", ran.err);
    serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}", ran.out))
}

/// The one run of an answer.
pub fn only(answer: &Value) -> &Value {
    assert_eq!(answer["runs"].as_array().unwrap().len(), 1, "{answer}");
    &answer["runs"][0]
}

/// The weights' hash of the one run of an answer.
pub fn hash(answer: &Value) -> String {
    only(answer)["weights_hash"].as_str().unwrap().to_string()
}
