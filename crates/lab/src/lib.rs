//! From what was typed to a record: specs, plans, campaigns, reports, figures.
//!
//! | step | module |
//! |---|---|
//! | typed words and files → a checked spec with every default | [`spec`], [`presets`] |
//! | spec → a job: files read, runs named by their content | [`job`], [`inputs`] |
//! | job → results, with signals, wall time, checkpoints and threads | [`runner`], [`threads`], [`signals`] |
//! | results → the campaign folder, and back | [`mod@record`], [`result`], [`locate`] |
//! | arms compared at equal tuning budget | [`tournament`] |
//! | published claims, their experiments and verdicts | [`claims`] |
//! | results → words, JSON, figures | [`words`], [`json`], [`picture`] |
//! | results → files of other programs | [`export`] |
//! | what a step costs, and what the machine can do | [`explain`], [`machine`] |
//! | what a network computes at a step | [`eval`] |
//! | a run forked at a step: intervention, twin, and what chance does | [`fork`] |
//! | what solvable models say, and delay laws beside a record | [`mod@theory`] |
//!
//! The lab owns the clock, the threads and the signals; everything below computes.

pub mod campaign;
pub mod claims;
mod error;
pub mod eval;
pub mod explain;
pub mod export;
pub mod fork;
pub mod inputs;
pub mod job;
pub mod json;
pub mod known;
pub mod locate;
pub mod machine;
mod npz;
pub mod picture;
pub mod presets;
pub mod record;
pub mod result;
pub mod runner;
pub mod signals;
pub mod spec;
pub mod theory;
pub mod threads;
pub mod tournament;
mod trainer;
pub mod view;
pub mod words;

pub use error::Error;
pub use job::{Job, Planned};
pub use record::Record;
pub use result::RunResult;
pub use runner::{Conditions, Report, Unwatched, Watch, run};
pub use signals::Signals;
pub use spec::Resolved;

/// Any bytes as a spec file and as a list of overrides, a line each, down to a checked spec: the entry for fuzzing. Never panics, touches no file.
pub fn fuzz_spec(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let base = spec::file::parse(&text).map(|entries| spec::Base { label: "fuzz".into(), entries });
    let words: Vec<_> = text.lines().filter_map(|line| spec::grammar::parse_override(line).ok()).collect();
    let empty = spec::Base { label: "fuzz".into(), entries: Vec::new() };
    let bases = [Ok(empty.clone()), base];
    for base in bases.into_iter().flatten() {
        for words in [&words[..], &[]] {
            if let Ok(resolved) = spec::resolve(&base, words) {
                // What is accepted must be canonical: written and read again, it says the same.
                let again = spec::file::parse(&resolved.to_toml(true)).and_then(|entries| spec::resolve(&spec::Base { label: "fuzz".into(), entries }, &[]));
                let inputs = inputs::Inputs::default();
                match again {
                    Ok(again) => assert_eq!(again.trajectory(&inputs), resolved.trajectory(&inputs)),
                    Err(e) => panic!("a spec does not read back: {e}"),
                }
            }
        }
    }
    for line in text.lines() {
        // Errors are checked too: they must be printable.
        if let Err(e) = spec::grammar::parse_override(line) {
            assert!(!e.to_string().chars().any(|c| c.is_control()), "{e:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    /// The fuzzer's seeds, and whatever it once broke.
    #[test]
    fn seeds_of_the_fuzzer_pass() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/spec");
        let mut count = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            super::fuzz_spec(&std::fs::read(entry.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count >= 4, "{count}");
        for odd in [
            "",
            "\u{0}",
            "task.p=\u{1b}[31m",
            "[[[[",
            "seed=range(-9223372036854775808,9223372036854775807,-1)",
            "task.p=1e999\ntask.fraction=-0",
            "[seed]\nall = [1,\n2]\n",
        ] {
            super::fuzz_spec(odd.as_bytes());
        }
        for preset in super::presets::all() {
            super::fuzz_spec(preset.text.as_bytes());
        }
    }
}
