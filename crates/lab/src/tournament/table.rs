//! The table `[tournament]` of a campaign file.
//!
//! ```toml
//! [tournament]
//! base = "quickstart"
//! settings = 12
//! seeds = 8
//! judge = 8
//! words = ["task.p=23", "train.steps=4000"]
//! arms = ["adam: optim.name=adam optim.lr=loguniform(1e-4,1e-1)", "adamw: optim.lr=loguniform(1e-4,1e-1)"]
//! ```
//!
//! `arms` may also be a table, `arms = {adam = ["optim.name=adam", …], …}`; its arms come in the order of their names, so `reference` may say which is the
//! one that the others are compared with.

use crate::spec::grammar::shown;
use crate::tournament::arms::ArmWords;
use pennydrop_registry::SpecError;
use toml::Value as Toml;

/// What a file says of a tournament.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TournamentTable {
    /// `base`: the preset that it begins with; the file's own sections lie over it.
    pub base: Option<String>,
    /// `words` that hold for every arm.
    pub words: Vec<String>,
    /// `settings`: how many each arm tries.
    pub settings: Option<usize>,
    /// `seeds`: tuning seeds.
    pub seeds: Option<usize>,
    /// `judge`: judging seeds.
    pub judge: Option<usize>,
    /// `sample_seed`: the draw of the settings.
    pub sample_seed: Option<u64>,
    /// `arms`, the one to compare with first.
    pub arms: Vec<ArmWords>,
}

const KEYS: [&str; 8] = ["base", "words", "settings", "seeds", "judge", "sample_seed", "arms", "reference"];

impl TournamentTable {
    pub(crate) fn read(table: toml::Table) -> Result<TournamentTable, SpecError> {
        let mut out = TournamentTable::default();
        let mut reference = None;
        for (key, value) in table {
            let full = format!("tournament.{}", shown(&key));
            let wrong = |allowed: &str| SpecError::new(&full, format!("`{}` is no value for it", shown(&value.to_string())), allowed);
            let count = || value.as_integer().and_then(|n| usize::try_from(n).ok()).filter(|n| (1..=100_000).contains(n)).ok_or_else(|| wrong("1 to 100000"));
            match key.as_str() {
                "base" => out.base = Some(value.as_str().ok_or_else(|| wrong("the name of a preset"))?.to_string()),
                "reference" => reference = Some(value.as_str().ok_or_else(|| wrong("the name of an arm"))?.to_string()),
                "settings" => out.settings = Some(count()?),
                "seeds" => out.seeds = Some(count()?),
                "judge" => out.judge = Some(count()?),
                "sample_seed" => {
                    let seed = value.as_integer().and_then(|n| u64::try_from(n).ok());
                    out.sample_seed = Some(seed.ok_or_else(|| wrong("an integer from 0"))?);
                }
                "words" => out.words = words(&value).ok_or_else(|| wrong("a list of words such as [\"task.p=23\"]"))?,
                "arms" => {
                    let form = "a list of \"NAME: words\", or a table NAME = [words]";
                    out.arms = match &value {
                        Toml::Array(v) => v.iter().map(|v| ArmWords::parse(v.as_str().ok_or_else(|| wrong(form))?)).collect::<Result<_, _>>()?,
                        Toml::Table(t) => t.iter().map(|(name, v)| ArmWords::new(name, words(v).ok_or_else(|| wrong(form))?)).collect::<Result<_, _>>()?,
                        _ => return Err(wrong(form)),
                    };
                }
                other => return Err(SpecError::unknown(full, "key for [tournament]", &shown(other), KEYS)),
            }
        }
        if let Some(name) = reference {
            let Some(at) = out.arms.iter().position(|a| a.name == name) else {
                return Err(SpecError::unknown("tournament.reference", "arm", &name, out.arms.iter().map(|a| a.name.as_str())));
            };
            out.arms[..=at].rotate_right(1);
        }
        Ok(out)
    }
}

fn words(value: &Toml) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|w| w.as_str().map(str::to_string)).collect()
}
