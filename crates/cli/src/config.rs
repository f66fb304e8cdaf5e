//! `config`: a spec as resolved, and the schema of all specs.

use crate::args::{ConfigArgs, ConfigCommand, SpecArgs};
use crate::{list, output};
use pennydrop_lab::spec::grammar::parse_override;
use pennydrop_lab::spec::{Base, Section, catalog, file, resolve};
use pennydrop_lab::{Error, Resolved, presets};
use serde_json::{Value, json};
use std::path::Path;

/// Reads and checks what was typed.
pub fn spec(a: &SpecArgs) -> Result<Resolved, Error> {
    let path = Path::new(&a.spec);
    let looks_like_a_file = a.spec.ends_with(".toml") || a.spec.contains(std::path::MAIN_SEPARATOR);
    let in_file = |error| Error::SpecFile { path: path.to_path_buf(), error };
    let from_file = looks_like_a_file;
    let base = if from_file {
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
        Base { label, entries: file::parse(&text).map_err(in_file)? }
    } else if a.spec.contains('=') {
        return Err(Error::usage(
            format!("`{}` is an override, and the spec that it changes comes first", a.spec),
            format!("pennydrop run quickstart {}", a.spec),
        ));
    } else {
        presets::find(&a.spec)?.base()?
    };
    // A file with a mistake is told as such, before the words.
    if from_file {
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
            let sections: Vec<Value> = Section::ALL
                .into_iter()
                .map(|s| json!({"section": s.name(), "has_name": catalog::is_family(s), "members": catalog::rows(s).iter().map(|r| list::row_json(s, r)).collect::<Vec<_>>()}))
                .collect();
            output::json(&json!({"schema": "pennydrop.schema/1", "sections": sections}));
        }
        ConfigCommand::Schema { json: false } => {
            let mut out = String::new();
            for section in Section::ALL {
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
