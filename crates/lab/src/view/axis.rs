//! What a picture has on an axis: a key, or a product or quotient of keys.
//!
//! `optim.lr`, `lr` (where only one section has the key), `η`, `eta*lambda`, `ηλ`, `optim.lr/optim.beta1`, `1/ηλ`.

use crate::Error;
use crate::spec::catalog::keys_named;
use crate::spec::grammar::{parse_key, shown};
use crate::view::rows::Rows;

/// A product of keys to the power ±1.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// As it was written.
    pub name: String,
    factors: Vec<(String, bool)>,
}

/// Greek letters and short words, as the papers use them.
const SHORT: [(&str, &str); 10] = [
    ("η", "optim.lr"),
    ("eta", "optim.lr"),
    ("λ", "optim.weight_decay"),
    ("lambda", "optim.weight_decay"),
    ("wd", "optim.weight_decay"),
    ("α", "task.fraction"),
    ("alpha", "task.fraction"),
    ("p", "task.p"),
    ("width", "model.widths"),
    ("lr", "optim.lr"),
];

impl Axis {
    /// Reads an axis.
    ///
    /// # Errors
    /// A word that names no key, or several.
    pub fn parse(text: &str) -> Result<Axis, Error> {
        let mut factors = Vec::new();
        let mut inverse = false;
        let mut rest = text.trim();
        let wrong = |word: &str, why: &str| {
            Error::usage(
                format!("the axis `{}`: `{}` {why}", shown(text), shown(word)),
                "name a key such as optim.lr or task.fraction, η, λ or α, or a product such as 'eta*lambda'",
            )
        };
        if rest.is_empty() {
            return Err(wrong(text, "is empty"));
        }
        loop {
            let end = rest.find(['*', '/', '·']).unwrap_or(rest.len());
            let word = rest[..end].trim();
            for part in greek(word) {
                if part == "1" {
                    continue;
                }
                let key = match SHORT.iter().find(|(s, _)| *s == part) {
                    Some((_, key)) => key.to_string(),
                    None if part.contains('.') => {
                        parse_key(&part)?;
                        part
                    }
                    None => match &keys_named(&part)[..] {
                        [one] => one.clone(),
                        [] => return Err(wrong(&part, "is no key")),
                        many => return Err(wrong(&part, &format!("could be {}", many.join(" or ")))),
                    },
                };
                factors.push((key, inverse));
            }
            let Some(operator) = rest[end..].chars().next() else { break };
            inverse = operator == '/';
            rest = &rest[end + operator.len_utf8()..];
        }
        Ok(Axis { name: text.trim().to_string(), factors })
    }

    /// The keys of which it is made.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.factors.iter().map(|f| f.0.as_str())
    }

    /// Whether it is one key, which may hold words instead of numbers.
    pub fn is_key(&self) -> bool {
        matches!(&self.factors[..], [(_, false)])
    }

    /// Its value in a setting; `None` where a key is missing or no number.
    pub fn number(&self, rows: &Rows, setting: usize) -> Option<f64> {
        self.factors.iter().try_fold(1.0, |product, (key, inverse)| {
            let text = rows.value(setting, key)?;
            // A list of one, such as widths, is that one.
            let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
            let x: f64 = bare.parse().ok()?;
            Some(if *inverse { product / x } else { product * x })
        })
    }

    /// Its value in a setting in words.
    pub fn text(&self, rows: &Rows, setting: usize) -> String {
        match &self.factors[..] {
            [(key, false)] => rows.value(setting, key).unwrap_or("–").to_string(),
            _ => self.number(rows, setting).map_or("–".into(), short),
        }
    }

    /// Refuses an axis of which no setting has a value.
    ///
    /// # Errors
    /// None has; the message names the keys that vary.
    pub fn check(&self, rows: &Rows) -> Result<(), Error> {
        let there = (0..rows.settings.len()).any(|s| self.keys().all(|k| rows.value(s, k).is_some()));
        if there {
            return Ok(());
        }
        let varied = if rows.keys.is_empty() { "none vary".to_string() } else { rows.keys.join(", ") };
        Err(Error::usage(format!("no run has a value of `{}`", self.name), format!("choose one of the keys that vary here: {varied}")))
    }
}

/// A number without noise from arithmetic.
pub fn short(x: f64) -> String {
    let rounded: f64 = format!("{x:.5e}").parse().unwrap_or(x);
    if rounded.fract() == 0.0 && rounded.abs() < 1e6 { format!("{rounded}") } else { pennydrop_registry::Value::Float(rounded).to_string() }
}

/// Splits a run of Greek letters: `ηλ` is `η`, `λ`.
fn greek(word: &str) -> Vec<String> {
    let letters = ['η', 'λ', 'α'];
    if !word.is_empty() && word.chars().all(|c| letters.contains(&c)) { word.chars().map(String::from).collect() } else { vec![word.to_string()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Rows {
        Rows {
            keys: vec!["optim.lr".into(), "task.name".into()],
            settings: vec![vec!["0.001".into(), "add".into()], vec!["0.01".into(), "mul".into()]],
            fixed: [("optim.weight_decay".to_string(), "0.5".to_string()), ("model.widths".into(), "[64]".into())].into(),
            ..Rows::default()
        }
    }

    #[test]
    fn products_are_computed() {
        let of = |text: &str| Axis::parse(text).unwrap().number(&rows(), 1);
        assert_eq!(of("ηλ"), Some(0.01 * 0.5));
        assert_eq!(of("eta*lambda"), Some(0.01 * 0.5));
        assert_eq!(of("1/ηλ"), Some(1.0 / 0.01 / 0.5));
        assert_eq!(of("weight_decay"), Some(0.5));
        assert_eq!(of("model.widths"), Some(64.0));
        assert_eq!(of("task.name"), None);
        assert_eq!(Axis::parse("task.name").unwrap().text(&rows(), 1), "mul");
    }

    #[test]
    fn what_names_no_key_says_so() {
        for (bad, part) in [("", "empty"), ("optim.lr*", "no key"), ("colour", "no key"), ("init", "could be"), ("opt.lr", "opt")] {
            let e = Axis::parse(bad).unwrap_err().to_string();
            assert!(e.contains(part), "{bad}: {e}");
        }
        assert!(Axis::parse("task.p").unwrap().check(&rows()).unwrap_err().to_string().contains("no run"));
    }
}
