//! `list`: the families, from the rows that also drive parsing.

use crate::args::{Family, ListArgs};
use crate::output;
use pennydrop_graph::rewrite::Rewrite;
use pennydrop_lab::spec::{Section, catalog};
use pennydrop_lab::{Error, presets};
use pennydrop_registry::Row;
use serde_json::{Value, json};

fn section(family: Family) -> Option<Section> {
    Some(match family {
        Family::Tasks => Section::Task,
        Family::Models => Section::Model,
        Family::Losses => Section::Loss,
        Family::Optimizers => Section::Optim,
        Family::Train => Section::Train,
        Family::Seed => Section::Seed,
        Family::Record => Section::Record,
        Family::Presets | Family::Rewrites | Family::Interventions => return None,
    })
}

/// Interventions are sections of their own, listed as one family.
fn interventions(a: &ListArgs) -> Result<u8, Error> {
    let rows: Vec<(Section, &Row)> = Section::interventions().map(|s| (s, catalog::rows(s)[0])).collect();
    match &a.name {
        Some(name) => {
            let unknown = || pennydrop_registry::SpecError::unknown("list interventions", "intervention", name, rows.iter().map(|(_, r)| r.name));
            let (section, row) = rows.iter().find(|(_, r)| r.name == name).ok_or_else(unknown)?;
            print(a.json, row_json(*section, row), || member(*section, row));
        }
        None => {
            let values = rows.iter().map(|(s, r)| row_json(*s, r)).collect();
            print(a.json, values, || output::table(&rows.iter().map(|(_, r)| vec![r.name.into(), r.summary.into()]).collect::<Vec<_>>()));
        }
    }
    Ok(0)
}

pub fn list(a: &ListArgs) -> Result<u8, Error> {
    if a.family == Family::Interventions {
        return interventions(a);
    }
    match (section(a.family), &a.name) {
        (Some(section), Some(name)) => {
            let row = if catalog::is_family(section) { catalog::find(section, name)? } else { catalog::rows(section)[0] };
            print(a.json, row_json(section, row), || member(section, row));
        }
        (Some(section), None) if !catalog::is_family(section) => {
            let row = catalog::rows(section)[0];
            print(a.json, row_json(section, row), || member(section, row));
        }
        (Some(section), None) => {
            let rows = catalog::rows(section);
            let values = rows.iter().map(|r| row_json(section, r)).collect();
            print(a.json, values, || output::table(&rows.iter().map(|r| vec![r.name.into(), r.summary.into()]).collect::<Vec<_>>()));
        }
        (None, Some(name)) if a.family == Family::Presets => {
            let p = presets::find(name)?;
            print(a.json, json!({"name": p.name, "summary": p.summary(), "source": p.source(), "text": p.text}), || p.text.to_string());
        }
        (None, _) if a.family == Family::Presets => {
            let values = presets::all().iter().map(|p| json!({"name": p.name, "summary": p.summary(), "source": p.source()})).collect();
            print(a.json, values, || {
                output::table(
                    &presets::all().iter().flat_map(|p| [vec![p.name.into(), p.summary().into()], vec![String::new(), p.source().into()]]).collect::<Vec<_>>(),
                )
            });
        }
        (None, name) => {
            let rewrites: Vec<Rewrite> = Rewrite::ALL.into_iter().filter(|r| name.as_ref().is_none_or(|n| r.name() == n)).collect();
            if let (true, Some(name)) = (rewrites.is_empty(), name) {
                return Err(pennydrop_registry::SpecError::unknown("list rewrites", "rewrite", name, Rewrite::ALL.iter().map(|r| r.name())).into());
            }
            let values = rewrites.iter().map(|r| json!({"name": r.name(), "summary": r.summary()})).collect();
            print(a.json, values, || output::table(&rewrites.iter().map(|r| vec![r.name().into(), r.summary().into()]).collect::<Vec<_>>()));
        }
    }
    Ok(0)
}

fn print(as_json: bool, value: Value, text: impl FnOnce() -> String) {
    if as_json { output::json(&value) } else { output::data(&text()) }
}

/// A row as JSON.
pub fn row_json(section: Section, row: &Row) -> Value {
    json!({
        "section": section.name(),
        "name": row.name,
        "summary": row.summary,
        "source": row.source,
        "keys": row.params.iter().map(|p| json!({
            "key": format!("{}.{}", section.name(), p.key),
            "allowed": p.kind.describe(),
            "default": catalog::default_text(&p.default),
            "doc": p.doc,
        })).collect::<Vec<_>>(),
    })
}

/// A row in words: what it is, where it is from, and its keys.
pub fn member(section: Section, row: &Row) -> String {
    let keys = row
        .params
        .iter()
        .flat_map(|p| {
            [
                vec![format!("  {}.{}", section.name(), p.key), format!("default {}", catalog::default_text(&p.default)), p.kind.describe()],
                vec![format!("      {}", p.doc)],
            ]
        })
        .collect::<Vec<_>>();
    // Docs are lines of their own, and must not widen the columns.
    let mut lines = Vec::new();
    let heads: Vec<Vec<String>> = keys.iter().step_by(2).cloned().collect();
    for (head, doc) in output::table(&heads).lines().zip(keys.iter().skip(1).step_by(2)) {
        lines.push(head.to_string());
        lines.push(doc[0].clone());
    }
    format!("{} – {}\nSource: {}\n\n{}\n", row.name, row.summary, row.source, lines.join("\n"))
}
