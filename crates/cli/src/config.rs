//! `config`: a spec as resolved, and the schema of all specs.

use crate::args::{ConfigArgs, ConfigCommand, SpecArgs};
use crate::{list, output};
use pennydrop_lab::spec::grammar::parse_override;
use pennydrop_lab::spec::{Base, Section, catalog, file, resolve};
use pennydrop_lab::tournament::TournamentTable;
use pennydrop_lab::{Error, Resolved, presets};
use serde_json::{Value, json};
use std::path::Path;

/// Reads what a spec begins with: a preset or a file, with its table `[sweep]` if it has one.
pub fn base(spec: &str) -> Result<(Base, Option<file::SweepTable>), Error> {
    match any(spec)? {
        (base, sweep, None) => Ok((base, sweep)),
        (_, _, Some(_)) => Err(Error::usage(format!("{spec} is a tournament"), format!("pennydrop tournament {spec}"))),
    }
}

/// Reads what a spec begins with: a preset or a file, with its tables `[sweep]` and `[tournament]`.
pub fn any(spec: &str) -> Result<(Base, Option<file::SweepTable>, Option<TournamentTable>), Error> {
    let path = Path::new(spec);
    let in_file = |error| Error::SpecFile { path: path.to_path_buf(), error };
    if is_file(spec) {
        let size = std::fs::metadata(path).map(|m| m.len()).unwrap_or(0);
        if size > file::LARGEST as u64 {
            return Err(Error::usage(
                format!("{} has {size} bytes, and a spec has at most {}", path.display(), file::LARGEST),
                "name a spec, a few tables of keys",
            ));
        }
        let text = std::fs::read_to_string(path)
            .map_err(|e| Error::usage(format!("cannot read the spec {}: {e}", path.display()), "name a file of TOML, or a preset: `pennydrop list presets`"))?;
        let label = path.file_stem().map_or("run".into(), |s| s.to_string_lossy().into_owned());
        let file::File { mut entries, sweep, tournament } = file::parse_any(&text).map_err(in_file)?;
        let preset = sweep.as_ref().and_then(|s| s.base.as_deref()).or(tournament.as_ref().and_then(|t| t.base.as_deref()));
        if let Some(preset) = preset {
            // The file's own keys lie over the preset's.
            let mut under = presets::find(preset)?.base()?.entries;
            under.append(&mut entries);
            entries = under;
        }
        Ok((Base { label, entries }, sweep, tournament))
    } else if spec.contains('=') {
        Err(Error::usage(format!("`{spec}` is an override, and the spec that it changes comes first"), format!("pennydrop run quickstart {spec}")))
    } else {
        Ok((presets::find(spec)?.base()?, None, None))
    }
}

fn is_file(spec: &str) -> bool {
    spec.ends_with(".toml") || spec.contains(std::path::MAIN_SEPARATOR)
}

/// Reads and checks what was typed.
pub fn spec(a: &SpecArgs) -> Result<Resolved, Error> {
    let (base, sweep) = base(&a.spec)?;
    let in_file = |error| Error::SpecFile { path: Path::new(&a.spec).to_path_buf(), error };
    if sweep.is_some() {
        return Err(Error::usage(format!("{} is a campaign of many settings", a.spec), format!("pennydrop sweep {}", a.spec)));
    }
    // A file with a mistake is told as such, before the words.
    if is_file(&a.spec) {
        resolve(&base, &[]).map_err(in_file)?;
    }
    let words = a.words.iter().map(|w| parse_override(w)).collect::<Result<Vec<_>, _>>()?;
    let mut spec = resolve(&base, &words)?;
    spec.without_rewrites(&a.no_rewrite)?;
    Ok(spec)
}

pub fn config(a: &ConfigArgs) -> Result<u8, Error> {
    match &a.command {
        ConfigCommand::Show(a) => output::data(&spec(a)?.to_toml(true)),
        ConfigCommand::Schema { json: true } => {
            let sections: Vec<Value> = Section::all()
                .into_iter()
                .map(|s| json!({"section": s.name(), "has_name": catalog::is_family(s), "members": catalog::rows(s).iter().map(|r| list::row_json(s, r)).collect::<Vec<_>>()}))
                .collect();
            output::json(&json!({"schema": "pennydrop.schema/1", "sections": sections}));
        }
        ConfigCommand::Schema { json: false } => {
            let mut out = String::new();
            for section in Section::all() {
                let rows = catalog::rows(section);
                out += &format!("[{}]\n", section.name());
                if catalog::is_family(section) {
                    out += &format!(
                        "  {}.name  default {}  {}\n",
                        section.name(),
                        catalog::default_name(section),
                        rows.iter().map(|r| r.name).collect::<Vec<_>>().join(", ")
                    );
                }
                out.push('\n');
                for row in rows {
                    out += &list::member(section, row);
                    out.push('\n');
                }
            }
            output::data(&out);
        }
    }
    Ok(0)
}
