//! What views are made of: of each run its setting, its times and why it ended.
//!
//! A setting is told by the spec of a run (all that affects the weights but the seeds), so that campaigns, several of them in one folder, and single runs
//! are all looked at in the same way. Each different spec is read once.

use crate::Error;
use crate::known::{End, number};
use crate::record::Record;
use crate::spec::Section;
use pennydrop_stats::Observation;
use pennydrop_store::Scan;
use std::collections::BTreeMap;

/// One setting: the values of [`Rows::keys`], as the spec writes them.
pub type Values = Vec<String>;

/// Runs of a campaign, a row each, in order of id.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// Keys whose values differ between settings, as `section.key`.
    pub keys: Vec<String>,
    /// The settings; sorted by value, key by key.
    pub settings: Vec<Values>,
    /// Keys that are the same everywhere, with their values.
    pub fixed: BTreeMap<String, String>,
    /// Numbers of the runs' ids.
    pub ids: Vec<u64>,
    /// Setting of each run.
    pub setting: Vec<u32>,
    /// Seed of the split, the stratum of a bootstrap.
    pub split: Vec<i64>,
    /// Steps taken.
    pub steps: Vec<u64>,
    /// Budgets.
    pub budget: Vec<u64>,
    /// Why they ended.
    pub end: Vec<End>,
    /// `t_mem`.
    pub t_mem: Vec<Option<u64>>,
    /// `t_grok`.
    pub t_grok: Vec<Option<u64>>,
    /// Other columns that were asked for, as numbers.
    pub extra: BTreeMap<String, Vec<Option<f64>>>,
}

/// Columns that are always read.
const COLUMNS: [&str; 8] = ["run_id", "spec", "seed_split", "steps", "budget", "stop", "t_mem", "t_grok"];

impl Rows {
    /// Reads the runs of a record; `extra` are names of further columns of numbers.
    ///
    /// # Errors
    /// A part is damaged.
    pub fn read(record: &Record, extra: &[&str]) -> Result<Rows, Error> {
        let columns: Vec<&str> = COLUMNS.iter().chain(extra).copied().collect();
        let scan = record.campaign().scan("runs", &columns)?;
        Ok(Rows::of(&scan, extra))
    }

    fn of(scan: &Scan, extra: &[&str]) -> Rows {
        let n = scan.rows();
        let (Some(ids), Some(specs)) = (scan.get_text("run_id"), scan.get_text("spec")) else { return Rows::default() };
        let parsed: Vec<Vec<(String, String)>> = (0..specs.words()).map(|c| keys_of(specs.word(c))).collect();
        let mut used = vec![false; parsed.len()];
        (0..n).filter_map(|r| specs.code(r)).for_each(|c| used[c] = true);
        // A key varies if two settings differ in it, or only one of them has it.
        let mut seen: BTreeMap<&str, (usize, &str, bool)> = BTreeMap::new();
        let mut count = 0;
        for pairs in parsed.iter().zip(&used).filter(|p| *p.1).map(|p| p.0) {
            count += 1;
            for (key, value) in pairs {
                let entry = seen.entry(key).or_insert((0, value, false));
                entry.0 += 1;
                entry.2 |= entry.1 != value;
            }
        }
        let varies = |s: &(usize, &str, bool)| s.2 || s.0 < count;
        let keys: Vec<String> = seen.iter().filter(|(_, s)| varies(s)).map(|(k, _)| k.to_string()).collect();
        let fixed = seen.iter().filter(|(_, s)| !varies(s)).map(|(k, s)| (k.to_string(), s.1.to_string())).collect();
        let values = |pairs: &Vec<(String, String)>| -> Values {
            keys.iter().map(|k| pairs.iter().find(|(name, _)| name == k).map_or("–".to_string(), |(_, v)| v.clone())).collect()
        };
        let all: Vec<Values> = parsed.iter().map(values).collect();
        let mut settings: Vec<Values> = all.iter().zip(&used).filter(|p| *p.1).map(|p| p.0.clone()).collect();
        settings.sort_by(compare);
        settings.dedup();
        let place: Vec<u32> = all.iter().map(|v| settings.binary_search_by(|s| compare(s, v)).map_or(0, |i| i as u32)).collect();
        let whole = |name: &str, row: usize| scan.get_i64(name).and_then(|v| v[row]).and_then(|x| u64::try_from(x).ok());
        let stop = scan.get_text("stop");
        let ends: Vec<End> = stop.map(|t| (0..t.words()).map(|c| End::parse(t.word(c))).collect()).unwrap_or_default();
        let mut rows = Rows { keys, settings, fixed, ..Rows::default() };
        let kept: Vec<usize> = (0..n).filter(|r| specs.code(*r).is_some()).collect();
        rows.extra = extra.iter().map(|name| (name.to_string(), kept.iter().map(|r| scan.number(name, *r)).collect())).collect();
        for row in kept {
            rows.ids.push(ids.get(row).and_then(number).unwrap_or(0));
            rows.setting.push(specs.code(row).map_or(0, |c| place[c]));
            rows.split.push(scan.get_i64("seed_split").and_then(|v| v[row]).unwrap_or(0));
            rows.steps.push(whole("steps", row).unwrap_or(0));
            rows.budget.push(whole("budget", row).unwrap_or(0));
            rows.end.push(stop.and_then(|t| t.code(row)).map_or(End::Other, |c| ends[c]));
            rows.t_mem.push(whole("t_mem", row));
            rows.t_grok.push(whole("t_grok", row));
        }
        rows
    }

    /// Number of runs.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The value of a key in a setting, as the spec writes it.
    pub fn value(&self, setting: usize, key: &str) -> Option<&str> {
        match self.keys.iter().position(|k| k == key) {
            Some(k) => Some(self.settings[setting][k].as_str()).filter(|v| *v != "–"),
            None => self.fixed.get(key).map(String::as_str),
        }
    }

    /// Runs by setting.
    pub fn by_setting(&self) -> Vec<Vec<usize>> {
        let mut groups = vec![Vec::new(); self.settings.len()];
        for (row, s) in self.setting.iter().enumerate() {
            groups[*s as usize].push(row);
        }
        groups
    }

    /// Only the runs for which `keep` holds.
    pub fn filter(&self, keep: impl Fn(usize) -> bool) -> Rows {
        let kept: Vec<usize> = (0..self.len()).filter(|r| keep(*r)).collect();
        fn at<T: Copy>(v: &[T], kept: &[usize]) -> Vec<T> {
            kept.iter().map(|r| v[*r]).collect()
        }
        Rows {
            keys: self.keys.clone(),
            settings: self.settings.clone(),
            fixed: self.fixed.clone(),
            ids: at(&self.ids, &kept),
            setting: at(&self.setting, &kept),
            split: at(&self.split, &kept),
            steps: at(&self.steps, &kept),
            budget: at(&self.budget, &kept),
            end: at(&self.end, &kept),
            t_mem: at(&self.t_mem, &kept),
            t_grok: at(&self.t_grok, &kept),
            extra: self.extra.iter().map(|(k, v)| (k.clone(), at(v, &kept))).collect(),
        }
    }

    /// The same with these keys as keys that vary, though all runs so far agree in them.
    pub fn widened(mut self, keys: &[String]) -> Rows {
        for key in keys {
            if let Some(value) = self.fixed.remove(key) {
                let at = self.keys.partition_point(|k| k < key);
                self.keys.insert(at, key.clone());
                self.settings.iter_mut().for_each(|s| s.insert(at, value.clone()));
            }
        }
        self
    }

    /// The same without the settings that no run has; keys that no longer vary become fixed.
    pub fn narrowed(&self) -> Rows {
        let mut used = vec![false; self.settings.len()];
        self.setting.iter().for_each(|s| used[*s as usize] = true);
        let settings: Vec<&Values> = self.settings.iter().zip(&used).filter(|p| *p.1).map(|p| p.0).collect();
        let varies: Vec<bool> = (0..self.keys.len()).map(|k| settings.iter().any(|s| s[k] != settings[0][k])).collect();
        let mut new = self.filter(|_| true);
        let mut place = vec![0u32; self.settings.len()];
        let mut next = 0;
        for (s, used) in used.iter().enumerate().filter(|p| *p.1) {
            place[s] = next;
            next += u32::from(*used);
        }
        new.setting = self.setting.iter().map(|s| place[*s as usize]).collect();
        let kept = |v: &Values| v.iter().zip(&varies).filter(|p| *p.1).map(|p| p.0.clone()).collect::<Values>();
        for (k, key) in self.keys.iter().enumerate().filter(|(k, _)| !varies[*k]) {
            if let Some(v) = settings.first().map(|s| s[k].clone()).filter(|v| v != "–") {
                new.fixed.insert(key.clone(), v);
            }
        }
        new.keys = self.keys.iter().zip(&varies).filter(|p| *p.1).map(|p| p.0.clone()).collect();
        new.settings = settings.into_iter().map(kept).collect();
        new
    }

    /// `t_grok` of a run as an observation: censored at its last step where it was not seen.
    pub fn grok(&self, row: usize) -> Observation {
        observation(self.t_grok[row], self.steps[row])
    }

    /// `t_mem` of a run as an observation.
    pub fn mem(&self, row: usize) -> Observation {
        observation(self.t_mem[row], self.steps[row])
    }

    /// Whether a run's `t_grok` is censored by its budget; one that diverged ended otherwise.
    pub fn censored(&self, row: usize) -> bool {
        self.t_grok[row].is_none() && self.end[row] != End::Diverged
    }

    /// The setting in words: `optim.lr=0.001 task.p=11`.
    pub fn describe(&self, setting: usize) -> String {
        let pairs = self.keys.iter().zip(&self.settings[setting]);
        pairs.map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ")
    }
}

/// A time, or a lower bound of it.
pub fn observation(time: Option<u64>, steps: u64) -> Observation {
    match time {
        Some(t) => Observation::event(t as f64),
        None => Observation::censored(steps as f64),
    }
}

/// Orders the values of one key: numbers as numbers, before text.
pub(crate) fn compare_values(x: &str, y: &str) -> std::cmp::Ordering {
    match (x.parse::<f64>(), y.parse::<f64>()) {
        (Ok(p), Ok(q)) => p.total_cmp(&q).then_with(|| x.cmp(y)),
        (Ok(_), Err(_)) => std::cmp::Ordering::Less,
        (Err(_), Ok(_)) => std::cmp::Ordering::Greater,
        _ => x.cmp(y),
    }
}

/// Orders settings, key by key.
#[allow(clippy::ptr_arg, reason = "handed to sort_by, whose items are these")]
fn compare(a: &Values, b: &Values) -> std::cmp::Ordering {
    a.iter().zip(b).map(|(x, y)| compare_values(x, y)).find(|o| o.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
}

/// The lines of a spec as `section.key` and value; text without its quotes.
pub(crate) fn keys_of(spec: &str) -> Vec<(String, String)> {
    let mut section = "";
    let mut out = Vec::new();
    for line in spec.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = name;
        } else if let Some((key, value)) = line.split_once(" = ") {
            let bare = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
            if Section::parse(section).is_some() || section == "engine" {
                out.push((format!("{section}.{key}"), bare.to_string()));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_are_read_by_line() {
        let keys = keys_of("[task]\nname = \"add\"\np = 11\n[optim]\nlr = 0.001\n");
        assert_eq!(keys, [("task.name", "add"), ("task.p", "11"), ("optim.lr", "0.001")].map(|(a, b)| (a.to_string(), b.to_string())));
    }

    #[test]
    fn values_sort_as_numbers_and_text_after_them() {
        let mut v: Vec<Values> = ["1e-3", "10", "mlp", "9", "–", "0.5"].map(|s| vec![s.to_string()]).into();
        v.sort_by(compare);
        assert_eq!(v.concat(), ["1e-3", "0.5", "9", "10", "mlp", "–"]);
    }
}
