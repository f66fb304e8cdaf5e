//! Which runs a view is of, and what it says of itself.

use crate::Error;
use crate::known::id_of;
use crate::spec::grammar::shown;
use crate::view::axis::{Axis, short};
use crate::view::rows::{Rows, compare_values};
use pennydrop_figure::Source;

/// Ids that a picture's metadata names; of more, how many there are.
const IDS: usize = 50;

/// `key=value`, `key=a,b`: only the settings that have one of these values.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    key: String,
    /// Any of these.
    values: Vec<String>,
}

impl Filter {
    /// Reads `optim.lr=1e-3`.
    ///
    /// # Errors
    /// No such section; no `=`.
    pub fn parse(word: &str) -> Result<Filter, Error> {
        let Some((key, value)) = word.split_once('=') else {
            return Err(Error::usage(format!("`{}` is no filter", shown(word)), "write KEY=VALUE, such as optim.lr=1e-3"));
        };
        // Short names, as an axis takes them.
        let axis = Axis::parse(key.trim())?;
        let key = axis.keys().next().filter(|_| axis.is_key()).map(str::to_string);
        let key = key.ok_or_else(|| Error::usage(format!("`{}` is no key", shown(word)), "write KEY=VALUE, such as optim.lr=1e-3 or lr=1e-3"))?;
        Ok(Filter { key, values: value.split(',').map(|v| v.trim().to_string()).collect() })
    }

    fn holds(&self, rows: &Rows, setting: usize) -> bool {
        let Some(theirs) = rows.value(setting, &self.key) else { return false };
        self.values.iter().any(|v| match (theirs.parse::<f64>(), v.parse::<f64>()) {
            (Ok(a), Ok(b)) => a == b || (a - b).abs() <= 1e-9 * b.abs(),
            _ => theirs == v,
        })
    }
}

/// The runs whose settings pass every filter; keys that no longer vary become fixed ones.
///
/// # Errors
/// No setting passes; the message names the values that there are.
pub fn select(rows: Rows, filters: &[Filter]) -> Result<Rows, Error> {
    let mut rows = rows;
    for f in filters {
        let keep: Vec<bool> = (0..rows.settings.len()).map(|s| f.holds(&rows, s)).collect();
        if !keep.contains(&true) {
            let mut there: Vec<String> = (0..rows.settings.len()).filter_map(|s| rows.value(s, &f.key).map(str::to_string)).collect();
            there.sort_by(|a, b| compare_values(a, b));
            there.dedup();
            there.truncate(12);
            let advice = if there.is_empty() {
                format!("choose one of the keys that vary here: {}", rows.keys.join(", "))
            } else {
                format!("its values here are {}", there.join(", "))
            };
            return Err(Error::usage(format!("no run has {}={}", f.key, f.values.join(",")), advice));
        }
        rows = rows.filter(|r| keep[rows.setting[r] as usize]);
        rows = rows.narrowed();
    }
    Ok(rows)
}

/// Refuses a view over some keys while others vary too: their runs would be thrown together.
///
/// # Errors
/// Other keys vary; the message names them with a value.
pub fn only(rows: &Rows, keys: &[&str], pool: bool) -> Result<Vec<String>, Error> {
    let others: Vec<String> = rows.keys.iter().filter(|k| !keys.contains(&k.as_str())).cloned().collect();
    if pool || others.is_empty() {
        return Ok(others);
    }
    let example = rows.settings.first().and_then(|s| rows.keys.iter().position(|k| *k == others[0]).map(|k| s[k].clone())).unwrap_or_default();
    Err(Error::usage(
        format!(
            "{} {} too: one place in the picture would hold runs of several settings",
            others.join(", "),
            if others.len() == 1 { "varies" } else { "vary" }
        ),
        format!("choose one, {}={example}, or say --pool to throw them together", others[0]),
    ))
}

/// Where a picture's runs come from.
pub fn source(rows: &Rows, campaign: &str, command: &str) -> Source {
    Source { campaign: campaign.into(), command: command.into(), runs: rows.ids.iter().take(IDS).map(|i| id_of(*i)).collect(), count: rows.len() }
}

/// What holds for all runs and is not a default worth hiding: for a headline.
pub fn headline(rows: &Rows) -> String {
    let fixed = |k: &str| rows.fixed.get(k).map(|v| v.parse::<f64>().map_or_else(|_| v.clone(), short));
    let mut parts = Vec::new();
    if let (Some(task), Some(p)) = (fixed("task.name"), fixed("task.p")) {
        parts.push(format!("{task} mod {p}"));
    } else if let Some(task) = fixed("task.name") {
        parts.push(task);
    }
    if let Some(model) = fixed("model.name") {
        parts.push(model);
    }
    if let Some(optim) = fixed("optim.name") {
        parts.push(optim);
    }
    for (key, name) in [("task.fraction", "α"), ("optim.lr", "η"), ("optim.weight_decay", "λ")] {
        if let Some(v) = fixed(key) {
            parts.push(format!("{name} = {v}"));
        }
    }
    parts.join(", ")
}

/// The largest and smallest budget of the runs.
pub fn budgets(rows: &Rows) -> (u64, u64) {
    (rows.budget.iter().copied().min().unwrap_or(0), rows.budget.iter().copied().max().unwrap_or(0))
}
