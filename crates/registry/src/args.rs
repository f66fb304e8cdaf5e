//! Checking typed values against a row.

use crate::{Default, Kind, Param, Row, Value};
use std::collections::BTreeMap;

/// A spec key or value that cannot be used. The message says what, where, what is allowed and the nearest valid name.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{key}: {problem}{}{}", allowed.as_ref().map(|a| format!("; allowed: {a}")).unwrap_or_default(), nearest.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
pub struct SpecError {
    /// The full key, such as `task.p`.
    pub key: String,
    /// What is wrong, with the value.
    pub problem: String,
    /// The allowed range or words, where there are any.
    pub allowed: Option<String>,
    /// The nearest valid name, where one is near.
    pub nearest: Option<String>,
}

impl SpecError {
    /// An error at `key` with `problem` and an allowed range.
    pub fn new(key: impl Into<String>, problem: impl Into<String>, allowed: impl Into<String>) -> Self {
        SpecError { key: key.into(), problem: problem.into(), allowed: Some(allowed.into()), nearest: None }
    }

    /// An unknown name at `key`; `valid` are the names that would do.
    pub fn unknown<'a>(key: impl Into<String>, what: &str, name: &str, valid: impl IntoIterator<Item = &'a str>) -> Self {
        let valid: Vec<&str> = valid.into_iter().collect();
        SpecError {
            key: key.into(),
            problem: format!("there is no {what} `{name}`"),
            nearest: nearest(name, valid.iter().copied()).map(str::to_string),
            allowed: Some(valid.join(", ")),
        }
    }
}

/// The valid name nearest to `typed` by edit distance, if any is near enough to be meant.
pub fn nearest<'a>(typed: &str, valid: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let t = typed.to_lowercase();
    // A distance as long as the words means that they share no letter in place: `4` is not near `1`.
    let near = |d: usize, v: &str| d <= 1 + v.len().max(t.len()) / 3 && d < v.len().max(t.len());
    valid.into_iter().map(|v| (distance(&t, &v.to_lowercase()), v)).filter(|(d, v)| near(*d, v)).min_by_key(|(d, _)| *d).map(|(_, v)| v)
}

/// Damerau–Levenshtein distance (adjacent swaps count one).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut d = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        d[i][0] = i;
    }
    for j in 0..=b.len() {
        d[0][j] = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            d[i][j] = (d[i - 1][j] + 1).min(d[i][j - 1] + 1).min(d[i - 1][j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                d[i][j] = d[i][j].min(d[i - 2][j - 2] + 1);
            }
        }
    }
    d[a.len()][b.len()]
}

/// Checked values of one family member: every parameter of its row, defaults filled in.
///
/// The getters panic when asked for a key that the row does not have, or with the wrong type: that is a bug in the
/// family member, caught by the first test that builds it, never a user's error.
#[derive(Debug, Clone, PartialEq)]
pub struct Args {
    /// The row that these values fill.
    pub row: &'static Row,
    values: BTreeMap<&'static str, Value>,
}

impl Args {
    /// Checks `given` (keys without section) against `row` and fills in the defaults.
    ///
    /// # Errors
    /// An unknown key, a wrong type, a value out of range, or a missing required key; the message uses `section.key`.
    pub fn check(section: &str, row: &'static Row, given: impl IntoIterator<Item = (String, Value)>) -> Result<Args, SpecError> {
        let mut values = BTreeMap::new();
        for (key, value) in given {
            let Some(param) = row.params.iter().find(|p| p.key == key) else {
                return Err(SpecError::unknown(
                    format!("{section}.{key}"),
                    &format!("key for {section} `{}`", row.name),
                    &key,
                    row.params.iter().map(|p| p.key),
                ));
            };
            values.insert(param.key, convert(&format!("{section}.{key}"), param, value)?);
        }
        for param in row.params {
            if values.contains_key(param.key) {
                continue;
            }
            let value = match param.default {
                Default::Required => {
                    return Err(SpecError::new(
                        format!("{section}.{}", param.key),
                        format!("must be given for {section} `{}` ({})", row.name, param.doc),
                        param.kind.describe(),
                    ));
                }
                Default::Bool(b) => Value::Bool(b),
                Default::Int(i) => Value::Int(i),
                Default::Float(x) => Value::Float(x),
                Default::Str(s) => Value::Str(s.to_string()),
                Default::Ints(v) => Value::List(v.iter().map(|i| Value::Int(*i)).collect()),
                Default::Floats(v) => Value::List(v.iter().map(|x| Value::Float(*x)).collect()),
                Default::Strs(v) => Value::List(v.iter().map(|s| Value::Str(s.to_string())).collect()),
            };
            values.insert(param.key, value);
        }
        Ok(Args { row, values })
    }

    /// The member's name.
    pub fn name(&self) -> &'static str {
        self.row.name
    }

    /// All values in key order (canonical: hashed into run names).
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.values.iter().map(|(k, v)| (*k, v))
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    fn want(&self, key: &str) -> &Value {
        self.values.get(key).unwrap_or_else(|| panic!("row `{}` has no parameter `{key}`", self.row.name))
    }

    /// A truth value.
    pub fn bool(&self, key: &str) -> bool {
        match self.want(key) {
            Value::Bool(b) => *b,
            v => panic!("`{key}` of `{}` is {}", self.row.name, v.type_name()),
        }
    }

    /// An integer.
    pub fn int(&self, key: &str) -> i64 {
        match self.want(key) {
            Value::Int(i) => *i,
            v => panic!("`{key}` of `{}` is {}", self.row.name, v.type_name()),
        }
    }

    /// A non-negative integer (its row must give `min >= 0`).
    pub fn size(&self, key: &str) -> usize {
        usize::try_from(self.int(key)).unwrap_or_else(|_| panic!("`{key}` of `{}` is negative: its row must forbid that", self.row.name))
    }

    /// A number.
    pub fn float(&self, key: &str) -> f64 {
        match self.want(key) {
            Value::Float(x) => *x,
            v => panic!("`{key}` of `{}` is {}", self.row.name, v.type_name()),
        }
    }

    /// Text or a chosen word.
    pub fn str(&self, key: &str) -> &str {
        match self.want(key) {
            Value::Str(s) => s,
            v => panic!("`{key}` of `{}` is {}", self.row.name, v.type_name()),
        }
    }

    /// A list of integers.
    pub fn ints(&self, key: &str) -> Vec<i64> {
        self.list(key).iter().map(|v| if let Value::Int(i) = v { *i } else { panic!("`{key}` holds {}", v.type_name()) }).collect()
    }

    /// A list of numbers.
    pub fn floats(&self, key: &str) -> Vec<f64> {
        self.list(key).iter().map(|v| if let Value::Float(x) = v { *x } else { panic!("`{key}` holds {}", v.type_name()) }).collect()
    }

    /// A list of words.
    pub fn strs(&self, key: &str) -> Vec<&str> {
        self.list(key).iter().map(|v| if let Value::Str(s) = v { s.as_str() } else { panic!("`{key}` holds {}", v.type_name()) }).collect()
    }

    fn list(&self, key: &str) -> &[Value] {
        match self.want(key) {
            Value::List(v) => v,
            v => panic!("`{key}` of `{}` is {}", self.row.name, v.type_name()),
        }
    }
}

impl Kind {
    /// The allowed values, for messages and help.
    pub fn describe(&self) -> String {
        match self {
            Kind::Bool => "true or false".into(),
            Kind::Int { min, max: i64::MAX } => format!("an integer of at least {min}"),
            Kind::Int { min, max } => format!("an integer from {min} to {max}"),
            Kind::Float { min, max } if *min == f64::MIN && *max == f64::MAX => "a finite number".into(),
            Kind::Float { min, max } if *max == f64::MAX => format!("a finite number of at least {}", bound(*min)),
            Kind::Float { min, max } => format!("a number from {} to {}", bound(*min), bound(*max)),
            Kind::Str => "text".into(),
            Kind::Choice(words) => words.join(", "),
            Kind::Ints { min, max: i64::MAX } => format!("a list of integers of at least {min}"),
            Kind::Ints { min, max } => format!("a list of integers from {min} to {max}"),
            Kind::Floats => "a list of finite numbers".into(),
            Kind::Strs => "a list of words".into(),
        }
    }
}

/// A bound without a line of zeros: 1e-300, but 0.001.
fn bound(x: f64) -> String {
    if x != 0.0 && x.abs() < 1e-5 { format!("{x:e}") } else { x.to_string() }
}

fn convert(full: &str, param: &Param, value: Value) -> Result<Value, SpecError> {
    let wrong = |v: &Value| SpecError::new(full, format!("`{v}` is {}", v.type_name()), param.kind.describe());
    let out_of_range = |v: &Value| SpecError::new(full, format!("`{v}` is out of range"), param.kind.describe());
    let as_list = |v: Value| match v {
        Value::List(v) => v,
        one => vec![one],
    };
    match (param.kind, value) {
        (Kind::Bool, v @ Value::Bool(_)) => Ok(v),
        (Kind::Int { min, max }, v) => {
            let i = integer(&v).ok_or_else(|| wrong(&v))?;
            if i < min || i > max { Err(out_of_range(&v)) } else { Ok(Value::Int(i)) }
        }
        (Kind::Float { min, max }, v) => {
            let x = number(&v).ok_or_else(|| wrong(&v))?;
            if !x.is_finite() || x < min || x > max { Err(out_of_range(&v)) } else { Ok(Value::Float(x)) }
        }
        (Kind::Str, Value::Str(s)) => Ok(Value::Str(s)),
        (Kind::Str, v @ (Value::Int(_) | Value::Float(_) | Value::Bool(_))) => Ok(Value::Str(v.to_string())),
        (Kind::Choice(words), Value::Str(s)) => {
            if words.contains(&s.as_str()) {
                Ok(Value::Str(s))
            } else {
                Err(SpecError {
                    key: full.into(),
                    problem: format!("`{s}` is not a choice"),
                    allowed: Some(words.join(", ")),
                    nearest: nearest(&s, words.iter().copied()).map(str::to_string),
                })
            }
        }
        (Kind::Ints { min, max }, v) => {
            let mut out = Vec::new();
            for v in as_list(v) {
                let i = integer(&v).ok_or_else(|| wrong(&v))?;
                if i < min || i > max {
                    return Err(out_of_range(&v));
                }
                out.push(Value::Int(i));
            }
            Ok(Value::List(out))
        }
        (Kind::Floats, v) => {
            let mut out = Vec::new();
            for v in as_list(v) {
                let x = number(&v).ok_or_else(|| wrong(&v))?;
                if !x.is_finite() {
                    return Err(out_of_range(&v));
                }
                out.push(Value::Float(x));
            }
            Ok(Value::List(out))
        }
        (Kind::Strs, v) => {
            let mut out = Vec::new();
            for v in as_list(v) {
                match v {
                    Value::Str(_) => out.push(v),
                    v => return Err(wrong(&v)),
                }
            }
            Ok(Value::List(out))
        }
        (_, v) => Err(wrong(&v)),
    }
}

fn number(v: &Value) -> Option<f64> {
    match v {
        Value::Int(i) => Some(*i as f64),
        Value::Float(x) => Some(*x),
        _ => None,
    }
}

/// An integer, also from a number without a fraction (`1e4`).
fn integer(v: &Value) -> Option<i64> {
    match v {
        Value::Int(i) => Some(*i),
        Value::Float(x) if x.fract() == 0.0 && x.abs() < 9e15 => Some(*x as i64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static ROW: Row = Row {
        name: "toy",
        summary: "a toy",
        source: "none",
        params: &[
            Param { key: "p", kind: Kind::Int { min: 2, max: 100 }, default: Default::Int(97), doc: "modulus" },
            Param { key: "fraction", kind: Kind::Float { min: 0.0, max: 1.0 }, default: Default::Required, doc: "share" },
            Param { key: "norm", kind: Kind::Choice(&["none", "pre", "post"]), default: Default::Str("none"), doc: "norm" },
        ],
    };

    fn check(given: &[(&str, Value)]) -> Result<Args, SpecError> {
        Args::check("task", &ROW, given.iter().map(|(k, v)| (k.to_string(), v.clone())))
    }

    #[test]
    fn fills_defaults_and_converts() {
        let a = check(&[("p", Value::Float(1e1)), ("fraction", Value::Int(1))]).unwrap();
        assert_eq!((a.int("p"), a.float("fraction"), a.str("norm")), (10, 1.0, "none"));
    }

    #[test]
    fn says_what_is_wrong() {
        let text = |g: &[(&str, Value)]| check(g).unwrap_err().to_string();
        assert!(text(&[("fracton", Value::Int(1))]).contains("did you mean `fraction`"));
        assert!(text(&[("p", Value::Int(1)), ("fraction", Value::Int(1))]).contains("from 2 to 100"));
        assert!(text(&[("p", Value::Str("x".into()))]).contains("is text"));
        assert!(text(&[("fraction", Value::Int(0)), ("norm", Value::Str("prr".into()))]).contains("did you mean `pre`"));
        assert!(text(&[]).contains("must be given"));
        assert!(text(&[("fraction", Value::Float(f64::NAN))]).contains("out of range"));
    }
}
