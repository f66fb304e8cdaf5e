//! Seeds of a spec: `seed=N` for all purposes, `seed.split=…` for one, lists and ranges for several runs.

use crate::spec::Given;
use crate::spec::grammar::MOST_RUNS;
use pennydrop_registry::{SpecError, Value};
use pennydrop_tasks::Seeds;
use std::collections::BTreeMap;

/// The purposes, as keys of the section `seed`, in the order in which several lists are combined.
pub const PURPOSES: [&str; 4] = ["init", "split", "batch", "noise"];
const ALLOWED: &str = "an integer from 0 to 9223372036854775807, a list of them, or range(0,8)";

/// What was asked: an axis for all purposes together, and axes of single ones. Runs are every combination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedAxes {
    all: Vec<u64>,
    single: BTreeMap<usize, Vec<u64>>,
}

impl Default for SeedAxes {
    fn default() -> Self {
        SeedAxes { all: vec![0], single: BTreeMap::new() }
    }
}

impl SeedAxes {
    /// Seeds 0 to `n` − 1 for all purposes.
    pub fn first(n: usize) -> SeedAxes {
        SeedAxes { all: (0..n as u64).collect(), single: BTreeMap::new() }
    }

    /// Takes one key; a later one holds over an earlier one. `key` is empty (or `all`) for all purposes.
    ///
    /// # Errors
    /// A key that is no purpose; a value that is no seed.
    pub fn set(&mut self, key: &str, given: &Given) -> Result<(), SpecError> {
        let full = if key.is_empty() { "seed".to_string() } else { format!("seed.{key}") };
        let values = seeds(&full, given)?;
        if key.is_empty() || key == "all" {
            *self = SeedAxes { all: values, single: BTreeMap::new() };
            return Ok(());
        }
        let Some(i) = PURPOSES.iter().position(|p| *p == key) else {
            return Err(SpecError::unknown(full, "key for seed", key, PURPOSES.into_iter().chain(["all"])));
        };
        self.single.insert(i, values);
        Ok(())
    }

    /// Takes a key back to its default.
    ///
    /// # Errors
    /// A key that is no purpose.
    pub fn reset(&mut self, key: &str) -> Result<(), SpecError> {
        if key.is_empty() || key == "all" {
            *self = SeedAxes::default();
            return Ok(());
        }
        match PURPOSES.iter().position(|p| *p == key) {
            Some(i) => {
                self.single.remove(&i);
                Ok(())
            }
            None => Err(SpecError::unknown(format!("seed.{key}"), "key for seed", key, PURPOSES.into_iter().chain(["all"]))),
        }
    }

    /// The seeds of every run, in order: the axis for all purposes varies slowest.
    ///
    /// # Errors
    /// More than 100,000 runs.
    pub fn runs(&self) -> Result<Vec<Seeds>, SpecError> {
        let count = self.single.values().try_fold(self.all.len(), |n, v| n.checked_mul(v.len())).filter(|n| *n <= MOST_RUNS);
        if count.is_none() {
            return Err(SpecError::new("seed", "too many combinations of seeds", format!("at most {MOST_RUNS} runs")));
        }
        let mut runs: Vec<Seeds> = self.all.iter().map(|s| Seeds::all(*s)).collect();
        for (purpose, values) in &self.single {
            runs = runs
                .into_iter()
                .flat_map(|run| {
                    values.iter().map(move |v| {
                        let mut run = run;
                        *[&mut run.init, &mut run.split, &mut run.batch, &mut run.noise][*purpose] = *v;
                        run
                    })
                })
                .collect();
        }
        Ok(runs)
    }

    /// The section as TOML that reads back to the same runs.
    pub fn to_toml(&self) -> String {
        let list = |v: &[u64]| match v {
            [one] => one.to_string(),
            many => format!("[{}]", many.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")),
        };
        let mut out = String::from("[seed]\n");
        if self.all.len() > 1 {
            out += &format!("all = {}\n", list(&self.all));
        }
        for (i, name) in PURPOSES.iter().enumerate() {
            match self.single.get(&i) {
                Some(v) => out += &format!("{name} = {}\n", list(v)),
                None if self.all.len() == 1 => out += &format!("{name} = {}\n", list(&self.all)),
                None => {}
            }
        }
        out
    }
}

fn seeds(full: &str, given: &Given) -> Result<Vec<u64>, SpecError> {
    let one = |v: &Value| match v {
        Value::Int(i) => u64::try_from(*i).map_err(|_| SpecError::new(full, format!("`{i}` is negative"), ALLOWED)),
        Value::Float(x) if x.fract() == 0.0 && (0.0..9e15).contains(x) => Ok(*x as u64),
        v => Err(SpecError::new(full, format!("`{v}` is {}", v.type_name()), ALLOWED)),
    };
    let values = match given {
        Given::One(Value::List(v)) => v.iter().map(one).collect::<Result<Vec<_>, _>>()?,
        Given::One(v) => vec![one(v)?],
        Given::Range(v) => v.iter().map(|i| one(&Value::Int(*i))).collect::<Result<Vec<_>, _>>()?,
    };
    if values.is_empty() || values.len() > MOST_RUNS {
        return Err(SpecError::new(full, format!("{} seeds", values.len()), format!("1 to {MOST_RUNS} seeds")));
    }
    let mut sorted = values.clone();
    sorted.sort_unstable();
    if let Some(w) = sorted.windows(2).find(|w| w[0] == w[1]) {
        return Err(SpecError::new(full, format!("{} is there twice, and would be one run counted as two", w[0]), "distinct seeds"));
    }
    Ok(values)
}

/// The seed of a run, where one was given for all purposes.
pub fn common(s: &Seeds) -> Option<u64> {
    (s.init == s.split && s.split == s.batch && s.batch == s.noise).then_some(s.init)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_keys_hold_and_lists_combine() {
        let mut s = SeedAxes::default();
        s.set("split", &Given::One(Value::Int(7))).unwrap();
        assert_eq!(s.runs().unwrap(), [Seeds { split: 7, init: 0, batch: 0, noise: 0 }]);
        s.set("", &Given::Range(vec![1, 2])).unwrap();
        s.set("init", &Given::One(Value::List(vec![Value::Int(5), Value::Int(6)]))).unwrap();
        let runs = s.runs().unwrap();
        assert_eq!(runs.iter().map(|r| (r.split, r.init, r.noise)).collect::<Vec<_>>(), [(1, 5, 1), (1, 6, 1), (2, 5, 2), (2, 6, 2)]);
        assert_eq!((common(&runs[0]), common(&Seeds::all(4))), (None, Some(4)));
        assert_eq!(s.to_toml(), "[seed]\nall = [1, 2]\ninit = [5, 6]\n");
        s.reset("init").unwrap();
        assert_eq!(s.runs().unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_seed_is_refused() {
        let refused = |key: &str, g: Given, part: &str| {
            let text = SeedAxes::default().set(key, &g).unwrap_err().to_string();
            assert!(text.contains(part), "{text}");
        };
        refused("", Given::One(Value::Int(-1)), "negative");
        refused("int", Given::One(Value::Int(1)), "did you mean `init`");
        refused("", Given::One(Value::Str("x".into())), "is text");
        refused("", Given::One(Value::List(vec![])), "0 seeds");
        refused("", Given::One(Value::List(vec![Value::Int(1), Value::Int(1)])), "twice");
        let mut many = SeedAxes::first(1000);
        many.set("init", &Given::Range((0..1000).collect())).unwrap();
        assert!(many.runs().is_err());
    }
}
