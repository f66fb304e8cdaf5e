//! What is written into the folder before the first run, and between tuning and judging, so that nothing can be chosen afterwards.

use crate::Error;
use crate::campaign::Design;
use crate::campaign::design::entries_toml;
use crate::record::{Record, publish};
use crate::spec::resolve::short_hash;
use crate::tournament::arms::Tournament;
use crate::tournament::choice::{RULE, Tuned};
use pennydrop_registry::Value;
use pennydrop_train::NUMERICS;
use std::path::PathBuf;

fn list(words: &[String]) -> String {
    format!("[{}]", words.iter().map(|w| Value::Str(w.clone()).to_string()).collect::<Vec<_>>().join(", "))
}

/// The tournament as a file that reads back to the same one.
pub fn question(t: &Tournament) -> String {
    let mut out = format!("# pennydrop-tournament numerics {NUMERICS}\n# {RULE}\n");
    for arm in &t.arms {
        out += &format!("# {}: {} tuning runs {}\n", arm.name, arm.tuning.runs(), arm.tuning.ids_hash());
    }
    if !t.without.is_empty() {
        out += &format!("# without {}\n", t.without.join(" "));
    }
    out += &format!(
        "[tournament]\nsettings = {}\nseeds = {}\njudge = {}\nsample_seed = {}\nwords = {}\narms = {}\n\n",
        t.terms.settings,
        t.terms.seeds,
        t.terms.judge,
        t.terms.sample_seed,
        list(&t.common),
        list(&t.arms.iter().map(|a| format!("{}: {}", a.name, a.words.join(" "))).collect::<Vec<_>>())
    );
    out + &entries_toml(&t.base.entries)
}

/// Freezes the tournament as `tournament-<hash>.toml`; gives the hash.
///
/// # Errors
/// It cannot be written.
pub fn freeze(t: &Tournament, record: &Record) -> Result<String, Error> {
    let text = question(t);
    let hash = short_hash(&text, 16);
    let path = record.folder().join(format!("tournament-{hash}.toml"));
    if !path.exists() {
        publish(&path, text.as_bytes())?;
    }
    Ok(hash)
}

/// The choice as text: for each arm the rule's numbers, and the runs that will judge it.
fn choice(t: &Tournament, hash: &str, tuned: &[Tuned], judging: &[Design]) -> String {
    let mut out = format!("# {RULE}\ntournament = \"{hash}\"\n");
    for ((arm, tuned), judging) in t.arms.iter().zip(tuned).zip(judging) {
        let best = tuned.best();
        let numbers = |v: &[f64]| format!("[{}]", v.iter().map(|x| Value::Float(*x).to_string()).collect::<Vec<_>>().join(", "));
        let mean = |x: Option<f64>| Value::Float(x.unwrap_or(f64::INFINITY)).to_string();
        out += &format!(
            "\n[[arm]]\nname = {}\nsetting = {}\nwords = {}\nrestricted_mean = {}\nof_every_setting = {}\nbest_of = {}\njudging_runs = \"{}\"\n",
            Value::Str(arm.name.clone()),
            best.setting,
            Value::Str(arm.tuning.describe(best.setting)),
            mean(best.restricted.map(|r| r.mean)),
            numbers(&tuned.tried.iter().map(|x| x.restricted.map_or(f64::INFINITY, |r| r.mean)).collect::<Vec<_>>()),
            numbers(&tuned.best_of),
            judging.ids_hash()
        );
    }
    out
}

/// Freezes the choice as `tournament-<hash>-choice.toml` before the first judging run; gives its path.
///
/// # Errors
/// It cannot be written; another choice is frozen there, though the tuning runs of the record give this one.
pub fn freeze_choice(t: &Tournament, hash: &str, tuned: &[Tuned], judging: &[Design], record: &Record) -> Result<PathBuf, Error> {
    let path = record.folder().join(format!("tournament-{hash}-choice.toml"));
    let text = choice(t, hash, tuned, judging);
    match std::fs::read_to_string(&path) {
        Ok(frozen) if frozen == text => {}
        Ok(_) => return Err(Error::Damaged { path, why: "it says another choice than the tuning runs of this record give".into() }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => publish(&path, text.as_bytes())?,
        Err(e) => return Err(Error::System { doing: format!("read {}", path.display()), why: e.to_string() }),
    }
    Ok(path)
}
