//! The grammar of words on the command line: a part of Hydra's override grammar (<https://hydra.cc/docs/advanced/override_grammar/basic/>).
//!
//! | written | means |
//! |---|---|
//! | `optim.lr=1e-3` | sets a key; `+key=…` and `++key=…` mean the same, since every key exists |
//! | `~optim.lr` | takes a key back to its default |
//! | `task.name=mul` | text; quotes, single or double, only around blanks and special characters, with `\` before a quote inside |
//! | `model.widths=[64,64]` | a list |
//! | `seed=range(0,8)`, `seed=range(8)`, `seed=range(0,8,2)` | integers from the first up to, not including, the second |

use crate::spec::{Given, Section};
use pennydrop_registry::{SpecError, Value};

/// Most values of a range, and most runs of one command.
pub const MOST_RUNS: usize = 100_000;
/// Deepest nesting of lists. Specs have none; this bounds the stack.
const DEEPEST: usize = 8;
const VALUES: &str = "a number, true, false, a word, \"text\", a list [1,2] or range(0,8)";

/// One override.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    /// The section.
    pub section: Section,
    /// The key in it; empty for `seed` as a whole.
    pub key: String,
    /// The value, or `None` for `~key`.
    pub value: Option<Given>,
}

/// Splits `section.key`. `seed` alone is the section with an empty key.
///
/// # Errors
/// A section that does not exist, a key without one, characters that no key has.
pub fn parse_key(text: &str) -> Result<(Section, String), SpecError> {
    let sections = || Section::all().into_iter().map(Section::name);
    let plain = |s: &str| !s.is_empty() && s.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    match text.split_once('.') {
        None if text == "seed" => Ok((Section::Seed, String::new())),
        None if Section::parse(text).is_some() => {
            Err(SpecError::new(text, "this is a section; its keys are written with a point", format!("{text}.KEY=VALUE")))
        }
        None => {
            let mut e = SpecError::unknown(shown(text), "section", &shown(text), sections());
            // `lr=1e-3`: the key exists, its section is missing.
            if let Some(full) = crate::spec::catalog::keys_named(text).into_iter().next() {
                e.problem = format!("`{}` needs its section", shown(text));
                e.nearest = Some(full);
            }
            Err(e)
        }
        Some((section, key)) => {
            let Some(section) = Section::parse(section) else {
                return Err(SpecError::unknown(shown(text), "section", &shown(section), sections()));
            };
            if plain(key) { Ok((section, key.to_string())) } else { Err(SpecError::new(shown(text), "this cannot be a key", "letters, digits, `_` and `-`")) }
        }
    }
}

/// Text for a message: no control characters, not too long.
pub(crate) fn shown(text: &str) -> String {
    let clean: String = text.chars().take(60).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().count() > 60 { format!("{clean}…") } else { clean }
}

/// Reads one word.
///
/// # Errors
/// A word without `=`, a key that cannot be, a value that does not follow the grammar.
pub fn parse_override(word: &str) -> Result<Override, SpecError> {
    if let Some(key) = word.strip_prefix('~') {
        let key = key.split_once('=').map_or(key, |(k, _)| k);
        let (section, key) = parse_key(key.trim())?;
        return Ok(Override { section, key, value: None });
    }
    let Some((key, value)) = word.split_once('=') else {
        return Err(SpecError::new(shown(word), "this is no override", "KEY=VALUE, such as task.p=97"));
    };
    let key = key.trim().trim_start_matches('+');
    let (section, name) = parse_key(key)?;
    let value = parse_value(key, value)?;
    Ok(Override { section, key: name, value: Some(value) })
}

/// Reads a value.
///
/// # Errors
/// Text that does not follow the grammar; the message says where.
pub fn parse_value(key: &str, text: &str) -> Result<Given, SpecError> {
    let trimmed = text.trim();
    if let Some(inside) = trimmed.strip_prefix("range(") {
        let Some(inside) = inside.strip_suffix(')') else {
            return Err(SpecError::new(key, format!("`{}` has no closing parenthesis", shown(trimmed)), "range(0,8)"));
        };
        return range(key, inside);
    }
    let mut p = Parser { key, text: trimmed, chars: trimmed.char_indices().peekable() };
    let value = p.value(0, false)?;
    match p.chars.peek() {
        None => Ok(Given::One(value)),
        Some(_) => Err(p.wrong("something follows the value")),
    }
}

fn range(key: &str, inside: &str) -> Result<Given, SpecError> {
    let wrong =
        |what: String| SpecError::new(key, format!("range({}) {what}", shown(inside)), "range(STOP), range(START,STOP) or range(START,STOP,STEP), in integers");
    let numbers: Vec<i64> =
        inside.split(',').map(|n| n.trim().parse::<i64>()).collect::<Result<_, _>>().map_err(|_| wrong("is not made of integers".into()))?;
    let (start, stop, step) = match numbers[..] {
        [stop] => (0, stop, 1),
        [start, stop] => (start, stop, 1),
        [start, stop, step] => (start, stop, step),
        _ => return Err(wrong("has too many numbers".into())),
    };
    if step == 0 {
        return Err(wrong("never moves".into()));
    }
    let (way, by) = ((i128::from(stop) - i128::from(start)) * i128::from(step.signum()), i128::from(step).abs());
    let count = if way <= 0 { 0 } else { (way + by - 1) / by };
    if count == 0 || count > MOST_RUNS as i128 {
        return Err(wrong(format!("holds {count} numbers; allowed are 1 to {MOST_RUNS}")));
    }
    Ok(Given::Range((0..count as i64).map(|i| start + i * step).collect()))
}

struct Parser<'a> {
    key: &'a str,
    text: &'a str,
    chars: std::iter::Peekable<std::str::CharIndices<'a>>,
}

impl Parser<'_> {
    fn wrong(&mut self, what: &str) -> SpecError {
        let at = self.chars.peek().map_or(self.text.chars().count(), |(i, _)| self.text[..*i].chars().count());
        SpecError::new(shown(self.key), format!("`{}`: {what}, at character {}", shown(self.text), at + 1), VALUES)
    }

    fn blanks(&mut self) {
        while self.chars.next_if(|(_, c)| c.is_whitespace()).is_some() {}
    }

    fn value(&mut self, depth: usize, in_list: bool) -> Result<Value, SpecError> {
        self.blanks();
        let value = match self.chars.peek().map(|(_, c)| *c) {
            Some('[') => self.list(depth)?,
            Some(q @ ('"' | '\'')) => self.quoted(q)?,
            _ => self.bare(in_list)?,
        };
        self.blanks();
        Ok(value)
    }

    fn list(&mut self, depth: usize) -> Result<Value, SpecError> {
        if depth >= DEEPEST {
            return Err(self.wrong("lists are nested too deeply"));
        }
        self.chars.next();
        let mut values = Vec::new();
        self.blanks();
        if self.chars.next_if(|(_, c)| *c == ']').is_some() {
            return Ok(Value::List(values));
        }
        loop {
            values.push(self.value(depth + 1, true)?);
            match self.chars.next() {
                Some((_, ',')) => {}
                Some((_, ']')) => return Ok(Value::List(values)),
                _ => return Err(self.wrong("the list has no closing bracket")),
            }
        }
    }

    fn quoted(&mut self, quote: char) -> Result<Value, SpecError> {
        self.chars.next();
        let mut out = String::new();
        loop {
            match self.chars.next().map(|(_, c)| c) {
                Some(c) if c == quote => return Ok(Value::Str(out)),
                // Only a quote or another backslash is escaped: Windows paths stay as they are.
                Some('\\') => match self.chars.next_if(|(_, c)| *c == quote || *c == '\\') {
                    Some((_, c)) => out.push(c),
                    None => out.push('\\'),
                },
                Some(c) => out.push(c),
                None => return Err(self.wrong("the quote is not closed")),
            }
        }
    }

    fn bare(&mut self, in_list: bool) -> Result<Value, SpecError> {
        let mut out = String::new();
        while let Some((_, c)) = self.chars.peek().copied() {
            match c {
                ',' | ']' if in_list => break,
                ',' => return Err(self.wrong("several values are written as a list, [1,2]")),
                '[' | ']' | '{' | '}' | '(' | ')' | '"' | '\'' => return Err(self.wrong(&format!("`{c}` needs quotes"))),
                '\\' => {
                    self.chars.next();
                    match self.chars.next() {
                        Some((_, c)) => out.push(c),
                        None => out.push('\\'),
                    }
                    continue;
                }
                c => out.push(c),
            }
            self.chars.next();
        }
        let word = out.trim();
        if in_list && word.is_empty() {
            return Err(self.wrong("a value is missing"));
        }
        Ok(scalar(word))
    }
}

/// A word without quotes: a truth value, a number or text, as Hydra reads it.
fn scalar(word: &str) -> Value {
    match word.to_ascii_lowercase().as_str() {
        "true" => return Value::Bool(true),
        "false" => return Value::Bool(false),
        "nan" => return Value::Float(f64::NAN),
        "inf" | "+inf" => return Value::Float(f64::INFINITY),
        "-inf" => return Value::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let number = word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    if number {
        // 10_000, as TOML and Hydra allow.
        let joined = !word.starts_with('_') && !word.ends_with('_') && !word.contains("__");
        let digits = if joined { word.replace('_', "") } else { word.to_string() };
        if let Ok(i) = digits.parse::<i64>() {
            return Value::Int(i);
        }
        let float = digits.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
        if let (true, Ok(x)) = (float, digits.parse::<f64>()) {
            return Value::Float(x);
        }
    }
    Value::Str(word.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Value {
        match parse_value("k", text).unwrap() {
            Given::One(v) => v,
            r => panic!("{r:?}"),
        }
    }

    #[test]
    fn words_become_values() {
        assert_eq!(one("59"), Value::Int(59));
        assert_eq!(one("10_000"), Value::Int(10_000));
        assert_eq!(one("1e-3"), Value::Float(1e-3));
        assert_eq!(one("-.5"), Value::Float(-0.5));
        assert_eq!(one("True"), Value::Bool(true));
        assert_eq!(one("add"), Value::Str("add".into()));
        assert_eq!(one("x2+xy+y2"), Value::Str("x2+xy+y2".into()));
        assert_eq!(one("a op b ="), Value::Str("a op b =".into()));
        assert_eq!(one("1e-3x"), Value::Str("1e-3x".into()));
        assert_eq!(one(""), Value::Str(String::new()));
        assert_eq!(one(r#""a, [b] \"c\"""#), Value::Str(r#"a, [b] "c""#.into()));
        assert_eq!(one(r"'C:\data\x.csv'"), Value::Str(r"C:\data\x.csv".into()));
        assert_eq!(one(r"a\,b"), Value::Str("a,b".into()));
        assert_eq!(one("[64, 64]"), Value::List(vec![Value::Int(64), Value::Int(64)]));
        assert_eq!(one("[]"), Value::List(vec![]));
        assert_eq!(one("['a b',c]"), Value::List(vec![Value::Str("a b".into()), Value::Str("c".into())]));
        assert!(matches!(one("nan"), Value::Float(x) if x.is_nan()));
    }

    #[test]
    fn ranges_leave_out_their_end() {
        assert_eq!(parse_value("seed", "range(0,3)").unwrap(), Given::Range(vec![0, 1, 2]));
        assert_eq!(parse_value("seed", "range(3)").unwrap(), Given::Range(vec![0, 1, 2]));
        assert_eq!(parse_value("seed", "range(0,5,2)").unwrap(), Given::Range(vec![0, 2, 4]));
        assert_eq!(parse_value("seed", "range(3,0,-2)").unwrap(), Given::Range(vec![3, 1]));
        for bad in [
            "range(0,",
            "range(3,3)",
            "range(0,9,0)",
            "range(a)",
            "range(0,1e3)",
            "range(0,999999999)",
            "range(1,2,3,4)",
            "range(-9223372036854775808,9223372036854775807)",
        ] {
            assert!(parse_value("seed", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_not_grammar_says_where() {
        for (bad, words) in [
            ("[1,2", "no closing bracket"),
            ("[1,,2]", "a value is missing"),
            ("1,2", "written as a list"),
            ("\"a", "not closed"),
            ("a(b)", "needs quotes"),
            ("[1]x", "follows the value"),
            ("[[[[[[[[[[1]]]]]]]]]]", "too deeply"),
        ] {
            let text = parse_value("task.p", bad).unwrap_err().to_string();
            assert!(text.contains(words) && text.starts_with("task.p: "), "{bad}: {text}");
        }
    }

    #[test]
    fn keys_need_their_section() {
        assert_eq!(parse_override("+task.p=3").unwrap(), Override { section: Section::Task, key: "p".into(), value: Some(Given::One(Value::Int(3))) });
        assert_eq!(parse_override("~train.stop").unwrap(), Override { section: Section::Train, key: "stop".into(), value: None });
        assert_eq!(parse_override("seed=3").unwrap().key, "");
        let says = |word: &str, part: &str| {
            let text = parse_override(word).unwrap_err().to_string();
            assert!(text.contains(part), "{word}: {text}");
        };
        says("taks.p=3", "did you mean `task`");
        says("weight_decay=1", "did you mean `optim.weight_decay`");
        says("task=add", "task.KEY=VALUE");
        says("task.p", "no override");
        says("task.=3", "cannot be a key");
        says("=", "section");
        says("task.p\u{7}=3", "cannot be a key");
    }
}
