//! Which runs: conditions on the keys of a setting.

use crate::claims::data::{Data, Run};
use crate::spec::grammar::shown;
use pennydrop_registry::SpecError;

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Equal,
    AtLeast,
    AtMost,
    Above,
    Below,
}

/// Conditions, all of which must hold; none: every run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    conditions: Vec<(String, Compare, String)>,
}

impl Filter {
    /// Reads a table `{ "optim.lr" = 1e-3, "clamp.factor" = ">=1" }`.
    ///
    /// # Errors
    /// It is no such table.
    pub fn parse(key: &str, value: &toml::Value) -> Result<Filter, SpecError> {
        let wrong = || SpecError::new(key, "this is no table of conditions", "{ \"optim.lr\" = 1e-3, \"clamp.factor\" = \">=1\" }");
        let table = value.as_table().ok_or_else(wrong)?;
        let mut conditions = Vec::new();
        for (name, value) in table {
            let text = match value {
                toml::Value::String(s) => s.trim().to_string(),
                toml::Value::Integer(i) => i.to_string(),
                toml::Value::Float(x) => x.to_string(),
                toml::Value::Boolean(b) => b.to_string(),
                _ => return Err(wrong()),
            };
            let signs = [(">=", Compare::AtLeast), ("<=", Compare::AtMost), (">", Compare::Above), ("<", Compare::Below)];
            let (compare, rest) =
                signs.into_iter().find_map(|(s, c)| text.strip_prefix(s).map(|r| (c, r.trim().to_string()))).unwrap_or((Compare::Equal, text));
            if compare != Compare::Equal && rest.parse::<f64>().is_err() {
                return Err(SpecError::new(key, format!("`{}` is no number to compare with", shown(&rest)), "\">=1\""));
            }
            conditions.push((name.clone(), compare, rest));
        }
        Ok(Filter { conditions })
    }

    /// Whether a run meets all conditions.
    ///
    /// # Errors
    /// A key that no run has; the keys that there are.
    pub fn holds(&self, data: &Data, run: &Run) -> Result<bool, String> {
        for (key, compare, want) in &self.conditions {
            let have = data.value(run, key).ok_or_else(|| {
                let keys = data.keys.join(", ");
                format!("no run has the key `{}`; its results have {}", shown(key), if keys.is_empty() { "no key that varies" } else { &keys })
            })?;
            let ok = match (have.parse::<f64>(), want.parse::<f64>()) {
                (Ok(h), Ok(w)) => {
                    let same = (h - w).abs() <= 1e-9 * w.abs().max(1e-300);
                    match compare {
                        Compare::Equal => same,
                        Compare::AtLeast => h >= w || same,
                        Compare::AtMost => h <= w || same,
                        Compare::Above => h > w && !same,
                        Compare::Below => h < w && !same,
                    }
                }
                _ => *compare == Compare::Equal && have == want,
            };
            if !ok {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// In words: `optim.lr=0.001`.
    pub fn words(&self) -> String {
        let sign = |c: &Compare| match c {
            Compare::Equal => "=",
            Compare::AtLeast => ">=",
            Compare::AtMost => "<=",
            Compare::Above => ">",
            Compare::Below => "<",
        };
        self.conditions.iter().map(|(k, c, v)| format!("{k}{}{v}", sign(c))).collect::<Vec<_>>().join(" ")
    }
}
