//! Spec files: TOML tables of keys.

use crate::spec::grammar::{parse_value, shown};
use crate::spec::{Given, Section};
use crate::tournament::TournamentTable;
use pennydrop_registry::{SpecError, Value};
use toml::Value as Toml;

/// Keys of a file, in the order of its text for each table: section, key (empty for `seed` as a whole), value.
pub type Entries = Vec<(Section, String, Given)>;

/// Largest spec file in bytes; real ones have one or two thousand.
pub const LARGEST: usize = 1 << 20;

/// Reads a spec.
///
/// # Errors
/// Text that is no TOML (with line and column), a table that is no section, a value that no key can have.
pub fn parse(text: &str) -> Result<Entries, SpecError> {
    match parse_campaign(text)? {
        (entries, None) => Ok(entries),
        (_, Some(_)) => Err(SpecError::new("sweep", "this file is a campaign of many settings, and here one spec is wanted", "`pennydrop sweep FILE.toml`")),
    }
}

/// A table `[sweep]`: what a campaign says beside a spec.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SweepTable {
    /// `base`: the preset that it begins with; the file's own sections lie over it.
    pub base: Option<String>,
    /// `words`, and keys that are lists, as words of the command line ([`crate::spec::sweep`]).
    pub words: Vec<String>,
    /// `seeds`: seeds 0 to `seeds` − 1; with `until`, of one round.
    pub seeds: Option<usize>,
    /// `until`: the rule by which seeds are added.
    pub until: Option<String>,
    /// `round`: seeds a round, where `words` say the seeds.
    pub round: Option<usize>,
    /// `most`: most seeds of a setting.
    pub most: Option<usize>,
}

const SWEEP_KEYS: [&str; 6] = ["base", "words", "seeds", "until", "round", "most"];

impl SweepTable {
    fn read(table: toml::Table) -> Result<SweepTable, SpecError> {
        let mut out = SweepTable::default();
        for (key, value) in table {
            let full = format!("sweep.{}", shown(&key));
            let wrong = |allowed: &str| SpecError::new(&full, format!("`{value}` is no value for it"), allowed);
            let count = || value.as_integer().and_then(|n| usize::try_from(n).ok()).filter(|n| (1..=100_000).contains(n)).ok_or_else(|| wrong("1 to 100000"));
            match key.as_str() {
                "base" => out.base = Some(value.as_str().ok_or_else(|| wrong("the name of a preset"))?.to_string()),
                "until" => out.until = Some(value.as_str().ok_or_else(|| wrong("text such as \"ci=0.1\""))?.to_string()),
                "seeds" => out.seeds = Some(count()?),
                "round" => out.round = Some(count()?),
                "most" => out.most = Some(count()?),
                "words" => {
                    let words = value.as_array().and_then(|a| a.iter().map(|w| w.as_str().map(str::to_string)).collect::<Option<Vec<_>>>());
                    out.words.extend(words.ok_or_else(|| wrong("a list of words such as [\"optim.lr=1e-3,1e-2\"]"))?);
                }
                key if key.contains('.') => {
                    let word = match &value {
                        Toml::Array(v) => {
                            let parts = v.iter().map(|v| convert(&full, v.clone()).map(|v| v.to_string())).collect::<Result<Vec<_>, _>>()?;
                            parts.join(",")
                        }
                        Toml::String(s) => s.clone(),
                        other => convert(&full, other.clone())?.to_string(),
                    };
                    out.words.push(format!("{key}={word}"));
                }
                other => return Err(SpecError::unknown(full, "key for [sweep]", &shown(other), SWEEP_KEYS)),
            }
        }
        Ok(out)
    }
}

/// Reads a spec, or a campaign: a spec with a table `[sweep]`.
///
/// # Errors
/// As [`parse`]; a key of `[sweep]` that is none.
pub fn parse_campaign(text: &str) -> Result<(Entries, Option<SweepTable>), SpecError> {
    let file = parse_any(text)?;
    match file.tournament {
        None => Ok((file.entries, file.sweep)),
        Some(_) => Err(SpecError::new("tournament", "this file is a tournament, and here a spec or a campaign is wanted", "`pennydrop tournament FILE.toml`")),
    }
}

/// What a file says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct File {
    /// Its keys.
    pub entries: Entries,
    /// Its table `[sweep]`.
    pub sweep: Option<SweepTable>,
    /// Its table `[tournament]`.
    pub tournament: Option<TournamentTable>,
}

/// Reads a spec, a campaign, or a tournament: a spec with a table `[tournament]`.
///
/// # Errors
/// As [`parse_campaign`]; a key of `[tournament]` that is none; both tables.
pub fn parse_any(text: &str) -> Result<File, SpecError> {
    if text.len() > LARGEST {
        return Err(SpecError::new("spec", format!("the file has {} bytes", text.len()), format!("at most {LARGEST} bytes")));
    }
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
        let place = e.span().map(|s| {
            let before = &text.as_bytes()[..s.start.min(text.len())];
            format!(" in line {}", before.iter().filter(|b| **b == b'\n').count() + 1)
        });
        SpecError::new("spec", format!("this is not TOML{}: {}", place.unwrap_or_default(), shown(e.message())), "tables such as [task] with lines KEY = VALUE")
    })?;
    let mut entries = Vec::new();
    let (mut sweep, mut tournament) = (None, None);
    for (name, value) in table {
        if name == "sweep" {
            let Toml::Table(keys) = value else { return Err(SpecError::new("sweep", "this is a section, not a value", "a table [sweep]")) };
            sweep = Some(SweepTable::read(keys)?);
            continue;
        }
        if name == "tournament" {
            let Toml::Table(keys) = value else { return Err(SpecError::new("tournament", "this is a section, not a value", "a table [tournament]")) };
            tournament = Some(TournamentTable::read(keys)?);
            continue;
        }
        // What an experiment of the claims ledger says beside its sweep: `claims::experiment` reads it.
        if name == "experiment" && value.is_table() {
            continue;
        }
        let Some(section) = Section::parse(&name) else {
            return Err(SpecError::unknown(shown(&name), "section", &shown(&name), Section::all().into_iter().map(Section::name)));
        };
        match value {
            Toml::Table(keys) => {
                for (key, value) in keys {
                    let full = format!("{name}.{}", shown(&key));
                    let given = given(section, &full, value)?;
                    entries.push((section, key, given));
                }
            }
            value if section == Section::Seed => entries.push((section, String::new(), given(section, "seed", value)?)),
            _ => return Err(SpecError::new(&name, "this is a section, not a value", format!("a table [{name}]"))),
        }
    }
    if sweep.is_some() && tournament.is_some() {
        return Err(SpecError::new("tournament", "a file is a sweep or a tournament, not both", "one of the tables [sweep] and [tournament]"));
    }
    Ok(File { entries, sweep, tournament })
}

fn given(section: Section, full: &str, value: Toml) -> Result<Given, SpecError> {
    // A file may say seed = "range(0,8)", as the command line does.
    if let (Section::Seed, Toml::String(s)) = (section, &value) {
        if s.trim_start().starts_with("range(") {
            return parse_value(full, s);
        }
    }
    Ok(Given::One(convert(full, value)?))
}

fn convert(full: &str, value: Toml) -> Result<Value, SpecError> {
    Ok(match value {
        Toml::Boolean(b) => Value::Bool(b),
        Toml::Integer(i) => Value::Int(i),
        Toml::Float(x) => Value::Float(x),
        Toml::String(s) => Value::Str(s),
        Toml::Array(v) => Value::List(v.into_iter().map(|v| convert(full, v)).collect::<Result<_, _>>()?),
        Toml::Datetime(d) => return Err(SpecError::new(full, format!("`{d}` is a date"), "a number, true, false, text or a list")),
        Toml::Table(_) => return Err(SpecError::new(full, "this is a table", "a number, true, false, text or a list")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_become_entries() {
        let e = parse("seed = \"range(0,2)\"\n[task]\np = 97\nfraction = 0.3\n[model]\nwidths = [1, 2]\n").unwrap();
        assert!(e.contains(&(Section::Task, "p".into(), Given::One(Value::Int(97)))));
        assert!(e.contains(&(Section::Seed, String::new(), Given::Range(vec![0, 1]))));
        assert!(e.contains(&(Section::Model, "widths".into(), Given::One(Value::List(vec![Value::Int(1), Value::Int(2)])))));
    }

    #[test]
    fn what_is_no_spec_says_where() {
        let says = |text: &str, part: &str| {
            let e = parse(text).unwrap_err().to_string();
            assert!(e.contains(part), "{text}: {e}");
        };
        says("[task]\np = 97\np = 98\n", "line 3");
        says("[tsk]\np = 97\n", "did you mean `task`");
        says("task = 3\n", "a table [task]");
        says("[task]\np = 1979-05-27\n", "is a date");
        says("[task.p]\nx = 1\n", "is a table");
        says(&" ".repeat(LARGEST + 1), "bytes");
        // Nesting is bounded by the TOML reader itself.
        says(&format!("[task]\np = {}1{}\n", "[".repeat(5000), "]".repeat(5000)), "not TOML");
    }
}
