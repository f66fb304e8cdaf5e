//! Every name that a spec may use: the families' rows, in one place.

use crate::spec::Section;
use pennydrop_registry::{Default, Kind, Param, Row, SpecError};

/// The row of the section `record`.
pub static RECORD: Row = Row {
    name: "record",
    summary: "what is kept, besides curves and outcomes, which always are",
    source: "pennydrop",
    params: &[
        Param {
            key: "weights",
            kind: Kind::Str,
            default: Default::Str("none"),
            doc: "none, or log:N: the weights at log-spaced steps, N a decade, in weights/",
        },
        Param {
            key: "ckpt_s",
            kind: Kind::Float { min: 0.0, max: 1e9 },
            default: Default::Float(10.0),
            doc: "seconds of wall time from one checkpoint of an unfinished run to the next",
        },
        Param {
            key: "ckpt_mb",
            kind: Kind::Float { min: 0.0, max: 1e9 },
            default: Default::Float(24.0),
            doc: "megabytes that the final states of a campaign may take; beyond that the oldest are dropped, and a longer budget begins such a run anew",
        },
        Param {
            key: "time",
            kind: Kind::Float { min: 0.0, max: 1e9 },
            default: Default::Float(0.0),
            doc: "limit of wall time in seconds (the flag --time); 0: none. A run that it stops is unfinished",
        },
    ],
};

/// The row of the section `seed`, for help only: [`crate::spec::seeds`] reads it.
pub static SEED: Row = Row {
    name: "seed",
    summary: "where randomness comes from; `seed=N` sets all four, lists and range(0,8) are several runs",
    source: "pennydrop",
    params: &[
        Param { key: "init", kind: Kind::Int { min: 0, max: i64::MAX }, default: Default::Int(0), doc: "initial weights" },
        Param {
            key: "split",
            kind: Kind::Int { min: 0, max: i64::MAX },
            default: Default::Int(0),
            doc: "the split into train and test; random and corrupted labels",
        },
        Param {
            key: "batch",
            kind: Kind::Int { min: 0, max: i64::MAX },
            default: Default::Int(0),
            doc: "order and choice of examples in minibatches; fresh examples",
        },
        Param { key: "noise", kind: Kind::Int { min: 0, max: i64::MAX }, default: Default::Int(0), doc: "dropout and noise during training" },
    ],
};

/// The members of a section; one for `train`, `seed` and `record`.
pub fn rows(section: Section) -> Vec<&'static Row> {
    match section {
        Section::Task => pennydrop_tasks::rows().iter().map(|r| &r.row).collect(),
        Section::Model => pennydrop_models::rows().iter().map(|r| &r.row).collect(),
        Section::Loss => pennydrop_train::loss_rows().iter().map(|r| &r.row).collect(),
        Section::Optim => pennydrop_optim::rows().iter().map(|r| &r.row).collect(),
        Section::Train => vec![pennydrop_train::train_row()],
        Section::Intervention(name) => pennydrop_train::intervention_rows().iter().map(|r| &r.row).filter(|r| r.name == name).collect(),
        Section::Seed => vec![&SEED],
        Section::Record => vec![&RECORD],
    }
}

/// Whether the section has a key `name` that chooses among its members.
pub fn is_family(section: Section) -> bool {
    matches!(section, Section::Task | Section::Model | Section::Loss | Section::Optim)
}

/// The member of `section` called `name`.
///
/// # Errors
/// No such member; the message names the nearest.
pub fn find(section: Section, name: &str) -> Result<&'static Row, SpecError> {
    let what = match section {
        Section::Optim => "optimizer",
        Section::Model => "model",
        Section::Task => "task",
        _ => "loss",
    };
    let rows = rows(section);
    rows.iter().find(|r| r.name == name).copied().ok_or_else(|| SpecError::unknown(format!("{}.name", section.name()), what, name, rows.iter().map(|r| r.name)))
}

/// Member of a section where a spec names none.
pub fn default_name(section: Section) -> &'static str {
    match section {
        Section::Task => "add",
        Section::Model => "transformer",
        Section::Loss => "cross-entropy",
        Section::Optim => "adamw",
        other => other.name(),
    }
}

/// Full keys (`optim.lr`) whose last part is `key`, in order of section.
pub fn keys_named(key: &str) -> Vec<String> {
    let has = |s: &Section| key == "name" && is_family(*s) || rows(*s).iter().any(|r| r.params.iter().any(|p| p.key == key));
    Section::all().into_iter().filter(has).map(|s| format!("{}.{key}", s.name())).collect()
}

/// A default, as it is typed.
pub fn default_text(default: &Default) -> String {
    let list = |v: Vec<String>| format!("[{}]", v.join(","));
    match default {
        Default::Required => "must be given".into(),
        Default::Bool(b) => b.to_string(),
        Default::Int(i) => i.to_string(),
        Default::Float(x) => pennydrop_registry::Value::Float(*x).to_string(),
        Default::Str(s) => {
            if s.is_empty() {
                "\"\"".into()
            } else {
                s.to_string()
            }
        }
        Default::Ints(v) => list(v.iter().map(|x| x.to_string()).collect()),
        Default::Floats(v) => list(v.iter().map(|x| pennydrop_registry::Value::Float(*x).to_string()).collect()),
        Default::Strs(v) => list(v.iter().map(|x| x.to_string()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_defaults_hold() {
        for section in Section::all() {
            assert!(find(section, default_name(section)).is_ok(), "{section:?}");
            for row in rows(section) {
                let mut keys: Vec<_> = row.params.iter().map(|p| p.key).collect();
                keys.sort_unstable();
                keys.dedup();
                assert_eq!(keys.len(), row.params.len(), "{}", row.name);
            }
        }
        assert_eq!(keys_named("weight_decay"), ["optim.weight_decay"]);
        assert!(find(Section::Loss, "cross-entropi").unwrap_err().to_string().contains("did you mean `cross-entropy`"));
    }
}
