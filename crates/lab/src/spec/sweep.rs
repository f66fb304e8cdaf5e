//! The grammar of sweeps: words that say several values.
//!
//! | written | means |
//! |---|---|
//! | `optim.lr=1e-3,3e-3` | each of these values |
//! | `task.p=range(11,32,4)` | from the first up to, not including, the second; steps may be fractions |
//! | `task.fraction=linspace(.2,.8,7)` | seven values from .2 to .8, both included |
//! | `optim.lr=logspace(1e-4,1e-1,7)` | seven values from 1e-4 to 1e-1, both included, at equal ratios (the ends are values, not exponents) |
//! | `optim.lr=uniform(a,b)`, `loguniform(a,b)` | drawn from an interval; needs `sample(N)` |
//! | `'zip(optim.lr=1e-3,3e-3 optim.weight_decay=1,.3)'` | keys that move together |
//! | `sample(N)`, `sample(N,SEED)` | N settings drawn from the whole instead of every combination |
//!
//! Settings ("cells") are every combination of the axes, the first axis slowest. A word with one value sets it for all, as in `run`.

use crate::spec::grammar::{Override, parse_key, parse_override, parse_value, shown};
use crate::spec::{Given, Section, catalog};
use pennydrop_graph::rng::{Purpose, Stream};
use pennydrop_registry::{SpecError, Value};
use std::collections::BTreeSet;

/// A key of a spec.
pub type Key = (Section, String);

/// Most values of one axis.
const MOST_VALUES: usize = 100_000;
/// Most settings of one sweep.
const MOST_CELLS: usize = 10_000_000;
/// The generator's lane for settings; fresh examples, which have the same purpose, use others.
const LANE: u32 = 0xF_FFFF;

/// What one axis takes.
#[derive(Debug, Clone, PartialEq)]
pub enum Points {
    /// Listed: for each point a value of every key of the axis.
    Listed(Vec<Vec<Value>>),
    /// An interval that settings are drawn from, evenly or evenly in the logarithm.
    Drawn {
        /// Smallest value.
        low: f64,
        /// Largest value.
        high: f64,
        /// Evenly in the logarithm.
        log: bool,
    },
}

/// Keys that move together, and what they take.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// The keys.
    pub keys: Vec<Key>,
    /// Their values.
    pub points: Points,
    /// As it was written.
    pub word: String,
}

/// Settings drawn instead of combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// How many.
    pub n: usize,
    /// The draw.
    pub seed: u64,
}

/// Words of a sweep: those that hold for all, and those that vary.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sweep {
    /// Words with one value.
    pub fixed: Vec<Override>,
    /// The same as written.
    pub fixed_words: Vec<String>,
    /// Words with several.
    pub axes: Vec<Axis>,
    /// How many settings are drawn, if not all are taken.
    pub sample: Option<Sample>,
}

/// The full name of a key: `optim.lr`.
pub fn key_name(key: &Key) -> String {
    if key.1.is_empty() { key.0.name().to_string() } else { format!("{}.{}", key.0.name(), key.1) }
}

impl Sweep {
    /// Reads the words of a sweep.
    ///
    /// # Errors
    /// The first word that does not follow the grammar; a key that is said twice; an interval without `sample(N)`.
    pub fn parse<S: AsRef<str>>(words: &[S]) -> Result<Sweep, SpecError> {
        let mut sweep = Sweep::default();
        for word in words {
            let word = word.as_ref().trim();
            if let Some(inside) = call(word, "sample") {
                let sample = sample(word, inside?)?;
                if sweep.sample.replace(sample).is_some() {
                    return Err(SpecError::new("sample", "this is said twice", "one sample(N)"));
                }
            } else if let Some(inside) = call(word, "zip") {
                sweep.axes.push(distinct(zip(word, inside?)?)?);
            } else if let Some(axis) = axis(word)? {
                sweep.axes.push(distinct(axis)?);
            } else {
                sweep.fixed.push(parse_override(word)?);
                sweep.fixed_words.push(word.to_string());
            }
        }
        sweep.check()?;
        Ok(sweep)
    }

    fn check(&self) -> Result<(), SpecError> {
        let mut seen: BTreeSet<&Key> = BTreeSet::new();
        for axis in &self.axes {
            for key in &axis.keys {
                let name = key_name(key);
                let fixed = self.fixed.iter().any(|f| f.section == key.0 && f.key == key.1);
                if fixed || !seen.insert(key) {
                    return Err(SpecError::new(name, "this key is said twice", "one word for each key"));
                }
                if limits(key) {
                    return Err(SpecError::new(
                        name,
                        "this is a limit: it does not make another run, so it cannot be an axis",
                        "one value; what ends or watches a run is the same for a whole sweep",
                    ));
                }
            }
            if let (Points::Drawn { .. }, None) = (&axis.points, self.sample) {
                return Err(SpecError::new(key_name(&axis.keys[0]), "values drawn from an interval have no number", "a word sample(N) beside it"));
            }
        }
        match self.product() {
            Some(n) if n <= MOST_CELLS => Ok(()),
            _ if self.sample.is_some() && self.listed().is_some() => Ok(()),
            _ => Err(SpecError::new("sweep", "there are too many combinations of values", format!("at most {MOST_CELLS} settings, or sample(N) of them"))),
        }
    }

    /// Combinations of the listed axes; `None` beyond what can be counted.
    fn listed(&self) -> Option<u64> {
        self.axes.iter().try_fold(1u64, |n, a| match &a.points {
            Points::Listed(v) => n.checked_mul(v.len() as u64),
            Points::Drawn { .. } => Some(n),
        })
    }

    fn product(&self) -> Option<usize> {
        match self.sample {
            Some(s) if self.drawn() => Some(s.n),
            Some(s) => self.listed().map(|n| s.n.min(usize::try_from(n).unwrap_or(usize::MAX))),
            None => self.listed().and_then(|n| usize::try_from(n).ok()),
        }
    }

    fn drawn(&self) -> bool {
        self.axes.iter().any(|a| matches!(a.points, Points::Drawn { .. }))
    }

    /// Number of settings.
    pub fn cells(&self) -> usize {
        self.product().unwrap_or(0)
    }

    /// Every key that varies, in order.
    pub fn keys(&self) -> Vec<&Key> {
        self.axes.iter().flat_map(|a| &a.keys).collect()
    }

    /// The value of each of [`Sweep::keys`] in every setting, in order of settings. A sample of a finite whole has no setting twice.
    pub fn settings(&self) -> Vec<Vec<Value>> {
        let n = self.cells();
        let listed = self.listed().unwrap_or(u64::MAX);
        let of = |index: u64, cell: usize| -> Vec<Value> {
            let mut rest = index;
            let mut parts: Vec<Vec<Value>> = Vec::with_capacity(self.axes.len());
            for (k, axis) in self.axes.iter().enumerate().rev() {
                parts.push(match &axis.points {
                    Points::Listed(v) => {
                        let i = (rest % v.len() as u64) as usize;
                        rest /= v.len() as u64;
                        v[i].clone()
                    }
                    Points::Drawn { low, high, log } => {
                        let seed = self.sample.map_or(0, |s| s.seed);
                        let u = Stream::new(seed, Purpose::Sample, LANE, 1 + k as u64).uniform(cell as u64);
                        vec![Value::Float(between(*low, *high, *log, u))]
                    }
                });
            }
            parts.into_iter().rev().flatten().collect()
        };
        match self.sample {
            None => (0..n).map(|i| of(i as u64, i)).collect(),
            Some(s) => {
                let stream = Stream::new(s.seed, Purpose::Sample, LANE, 0);
                let indices: Vec<u64> = if self.drawn() {
                    (0..n).map(|i| stream.below(i as u64, listed)).collect()
                } else if n as u64 == listed {
                    (0..listed).collect()
                } else {
                    // Floyd's algorithm: n distinct of `listed`, each subset equally likely.
                    let mut chosen = BTreeSet::new();
                    for (i, top) in (listed - n as u64..listed).enumerate() {
                        let t = stream.below(i as u64, top + 1);
                        if !chosen.insert(t) {
                            chosen.insert(top);
                        }
                    }
                    chosen.into_iter().collect()
                };
                indices.into_iter().enumerate().map(|(cell, i)| of(i, cell)).collect()
            }
        }
    }

    /// The words that vary, and the sample, as they were written.
    pub fn words(&self) -> Vec<String> {
        let sample = self.sample.map(|s| format!("sample({},{})", s.n, s.seed));
        self.axes.iter().map(|a| a.word.clone()).chain(sample).collect()
    }
}

/// Whether a key decides nothing about the weights.
fn limits(key: &Key) -> bool {
    match key.0 {
        Section::Record => true,
        Section::Train => !crate::spec::resolve::OF_TRAJECTORY.contains(&key.1.as_str()),
        _ => false,
    }
}

/// The inside of `name(…)`, if the word is such a call; an error if its parenthesis is not closed.
fn call<'a>(word: &'a str, name: &str) -> Option<Result<&'a str, SpecError>> {
    let rest = word.strip_prefix(name)?.trim_start().strip_prefix('(')?;
    Some(rest.strip_suffix(')').ok_or_else(|| SpecError::new(name, format!("`{}` has no closing parenthesis", shown(word)), format!("{name}(…)"))))
}

fn sample(word: &str, inside: &str) -> Result<Sample, SpecError> {
    let wrong = || SpecError::new("sample", format!("`{}` says no number", shown(word)), "sample(N) or sample(N,SEED), with N from 1 to 10000000");
    let mut parts = inside.split(',').map(|p| p.trim().replace('_', "").parse::<u64>());
    let n = parts.next().and_then(Result::ok).filter(|n| (1..=MOST_CELLS as u64).contains(n)).ok_or_else(wrong)?;
    let seed = parts.next().map_or(Ok(0), |s| s.map_err(|_| wrong()))?;
    match parts.next() {
        None => Ok(Sample { n: n as usize, seed }),
        Some(_) => Err(wrong()),
    }
}

fn zip(word: &str, inside: &str) -> Result<Axis, SpecError> {
    let words = split(inside, |c| c.is_whitespace() || c == ';');
    let words: Vec<&str> = words.into_iter().filter(|w| !w.trim().is_empty()).collect();
    let wrong = |what: String| SpecError::new("zip", what, "'zip(KEY=1,2 KEY=3,4)', with equally many values");
    if words.len() < 2 {
        return Err(wrong(format!("`{}` holds {} keys", shown(word), words.len())));
    }
    let mut keys = Vec::new();
    let mut columns: Vec<Vec<Value>> = Vec::new();
    for w in words {
        let Some(Axis { keys: k, points: Points::Listed(v), .. }) = axis(w)? else {
            return Err(wrong(format!("`{}` says no list of values", shown(w))));
        };
        if let Some(first) = columns.first().filter(|f| f.len() != v.len()) {
            return Err(wrong(format!("{} has {} values and {} has {}", key_name(&keys[0]), first.len(), key_name(&k[0]), v.len())));
        }
        keys.extend(k);
        columns.push(v.into_iter().flatten().collect());
    }
    let rows = (0..columns[0].len()).map(|i| columns.iter().map(|c| c[i].clone()).collect()).collect();
    Ok(Axis { keys, points: Points::Listed(rows), word: word.to_string() })
}

/// `KEY=…` with several values; `None` for any other word.
fn axis(word: &str) -> Result<Option<Axis>, SpecError> {
    let Some((key, value)) = word.split_once('=') else { return Ok(None) };
    if key.starts_with('~') {
        return Ok(None);
    }
    let key = key.trim().trim_start_matches('+');
    let value = value.trim();
    let functions = ["linspace", "logspace", "uniform", "loguniform", "range"];
    let function = functions.into_iter().find_map(|f| call(value, f).map(|inside| (f, inside)));
    let parts = split(value, |c| c == ',');
    if function.is_none() && parts.len() < 2 {
        return Ok(None);
    }
    let (section, name) = parse_key(key)?;
    if section == Section::Seed {
        if function.is_some() {
            return Ok(None);
        }
        return Err(SpecError::new(key, "seeds are a list or a range", format!("{key}=[{value}] or {key}=range(0,8): every setting gets the same seeds")));
    }
    known(section, &name)?;
    let points = match function {
        Some((f, inside)) => spaced(key, f, inside?)?,
        None => Points::Listed(listed(key, value, parts)?),
    };
    Ok(Some(Axis { keys: vec![(section, name)], points, word: word.to_string() }))
}

/// Values with commas between them.
fn listed(key: &str, value: &str, parts: Vec<&str>) -> Result<Vec<Vec<Value>>, SpecError> {
    let mut values = Vec::with_capacity(parts.len());
    for p in parts {
        if p.trim().is_empty() {
            return Err(SpecError::new(key, format!("`{}` has an empty place between commas", shown(value)), "values with commas between them"));
        }
        match parse_value(key, p)? {
            Given::One(v) => values.push(vec![v]),
            Given::Range(v) => values.extend(v.into_iter().map(|i| vec![Value::Int(i)])),
        }
    }
    Ok(values)
}

/// The values of a key that is none of a spec: a list with commas, `range`, `linspace` or `logspace`.
///
/// # Errors
/// Text that does not follow the grammar; an interval to draw from.
pub fn values(key: &str, text: &str) -> Result<Vec<Value>, SpecError> {
    let text = text.trim();
    let function = ["linspace", "logspace", "range"].into_iter().find_map(|f| call(text, f).map(|inside| (f, inside)));
    let points = match function {
        Some((f, inside)) => spaced(key, f, inside?)?,
        None => Points::Listed(listed(key, text, split(text, |c| c == ','))?),
    };
    match points {
        Points::Listed(v) => Ok(v.into_iter().flatten().collect()),
        Points::Drawn { .. } => Err(SpecError::new(key, "an interval has no values of its own", "a list, range, linspace or logspace")),
    }
}

/// An axis without a point twice: it would be one setting counted as two. (Of keys that move together, one alone may repeat a value.)
fn distinct(axis: Axis) -> Result<Axis, SpecError> {
    if let Points::Listed(v) = &axis.points {
        // Numbers are compared by their text, which sorts.
        let mut seen = BTreeSet::new();
        for point in v {
            let text = point.iter().map(Value::to_string).collect::<Vec<_>>().join(" ");
            if !seen.insert(text.clone()) {
                let keys = axis.keys.iter().map(key_name).collect::<Vec<_>>().join(" ");
                return Err(SpecError::new(keys, format!("{text} is there twice, and would be one setting counted as two"), "distinct values"));
            }
        }
    }
    Ok(axis)
}

/// An axis over a key that no member has would be found only when a cell is resolved; say so at once, with the word.
fn known(section: Section, name: &str) -> Result<(), SpecError> {
    let rows = catalog::rows(section);
    let mut keys: Vec<&str> = rows.iter().flat_map(|r| r.params.iter().map(|p| p.key)).collect();
    if catalog::is_family(section) {
        keys.push("name");
    }
    if keys.contains(&name) {
        return Ok(());
    }
    keys.sort_unstable();
    keys.dedup();
    Err(SpecError::unknown(format!("{}.{name}", section.name()), &format!("key for {}", section.name()), name, keys))
}

fn spaced(key: &str, f: &str, inside: &str) -> Result<Points, SpecError> {
    let form = match f {
        "range" => "range(STOP), range(START,STOP) or range(START,STOP,STEP)",
        "linspace" => "linspace(FIRST,LAST,N)",
        "logspace" => "logspace(FIRST,LAST,N), with values above 0 (not exponents)",
        "uniform" => "uniform(LOW,HIGH)",
        _ => "loguniform(LOW,HIGH), with values above 0",
    };
    let wrong = |what: &str| SpecError::new(key, format!("{f}({}) {what}", shown(inside)), form);
    let numbers: Vec<f64> = inside
        .split(',')
        .map(|p| p.trim().replace('_', "").parse::<f64>().ok().filter(|x| x.is_finite()))
        .collect::<Option<_>>()
        .ok_or_else(|| wrong("is not made of numbers"))?;
    let log = matches!(f, "logspace" | "loguniform");
    let listed = |v: Vec<f64>| Ok(Points::Listed(v.into_iter().map(|x| vec![tidy(x)]).collect()));
    match (f, &numbers[..]) {
        ("range", [stop]) => listed(range(0.0, *stop, 1.0).map_err(wrong)?),
        ("range", [start, stop]) => listed(range(*start, *stop, 1.0).map_err(wrong)?),
        ("range", [start, stop, step]) => listed(range(*start, *stop, *step).map_err(wrong)?),
        ("linspace" | "logspace", [first, last, n]) => {
            if !(n.fract() == 0.0 && (1.0..=MOST_VALUES as f64).contains(n)) {
                return Err(wrong(&format!("asks for {n} values; allowed are 1 to {MOST_VALUES}")));
            }
            if log && (*first <= 0.0 || *last <= 0.0) {
                return Err(wrong("has an end that is not above 0: its ends are values, such as 1e-4, not exponents"));
            }
            let n = *n as usize;
            let at = |i: usize| if n == 1 { 0.0 } else { i as f64 / (n - 1) as f64 };
            listed((0..n).map(|i| if i + 1 == n && n > 1 { *last } else { between(*first, *last, log, at(i)) }).collect())
        }
        ("uniform" | "loguniform", [low, high]) => {
            if low >= high || (log && *low <= 0.0) {
                return Err(wrong("is no interval"));
            }
            Ok(Points::Drawn { low: *low, high: *high, log })
        }
        (_, v) => Err(wrong(&format!("has {} numbers", v.len()))),
    }
}

/// A share of the way from `low` to `high`.
fn between(low: f64, high: f64, log: bool, share: f64) -> f64 {
    if log { libm::exp(libm::log(low) + share * (libm::log(high) - libm::log(low))) } else { low + share * (high - low) }
}

fn range(start: f64, stop: f64, step: f64) -> Result<Vec<f64>, &'static str> {
    if step == 0.0 {
        return Err("never moves");
    }
    // A little less than the end, so that 0.1 + 2·0.1 does not slip past 0.3.
    let count = ((stop - start) / step - 1e-9).ceil();
    if !(1.0..=MOST_VALUES as f64).contains(&count) {
        return Err("holds no value, or too many");
    }
    Ok((0..count as usize).map(|i| start + i as f64 * step).collect())
}

/// Rounds to twelve digits, so that logspace(1e-4,1e-1,4) gives the number that 1e-3 is when typed; whole numbers become integers.
fn tidy(x: f64) -> Value {
    let rounded = format!("{x:.11e}").parse().unwrap_or(x);
    if rounded == f64::trunc(rounded) && rounded.abs() < 1e15 { Value::Int(rounded as i64) } else { Value::Float(rounded) }
}

/// Splits at characters outside brackets, parentheses and quotes.
pub(crate) fn split(text: &str, at: impl Fn(char) -> bool) -> Vec<&str> {
    let (mut depth, mut quote, mut escaped, mut start) = (0i32, None, false, 0);
    let mut parts = Vec::new();
    for (i, c) in text.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (_, '\\') => escaped = true,
            (Some(q), c) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '(' | '{') => depth += 1,
            (None, ']' | ')' | '}') => depth -= 1,
            (None, c) if depth == 0 && at(c) => {
                parts.push(&text[start..i]);
                start = i + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(words: &[&str]) -> Sweep {
        Sweep::parse(words).unwrap_or_else(|e| panic!("{words:?}: {e}"))
    }

    fn floats(word: &str) -> Vec<f64> {
        let s = sweep(&[word]);
        let number = |v: &Value| match v {
            Value::Float(x) => *x,
            Value::Int(i) => *i as f64,
            v => panic!("{v}"),
        };
        s.settings().iter().map(|v| number(&v[0])).collect()
    }

    #[test]
    fn words_say_the_values_that_they_look_like() {
        assert_eq!(floats("optim.lr=1e-3,3e-3"), [1e-3, 3e-3]);
        assert_eq!(floats("optim.lr=logspace(1e-4,1e-1,4)"), [1e-4, 1e-3, 1e-2, 1e-1]);
        assert_eq!(floats("task.fraction=linspace(.2,.8,4)"), [0.2, 0.4, 0.6, 0.8]);
        assert_eq!(floats("task.fraction=range(.1,.4,.1)"), [0.1, 0.2, 0.3]);
        assert_eq!(floats("task.p=range(11,24,4)"), [11.0, 15.0, 19.0, 23.0]);
        assert_eq!(sweep(&["task.p=linspace(11,13,2)"]).settings(), [[Value::Int(11)], [Value::Int(13)]]);
        let lists = sweep(&["model.widths=[64],[32,32]"]).settings();
        assert_eq!(lists, [[Value::List(vec![Value::Int(64)])], [Value::List(vec![Value::Int(32), Value::Int(32)])]]);
        assert_eq!(sweep(&[r#"model.template="a, b",x"#]).settings().len(), 2);
    }

    #[test]
    fn axes_combine_and_zips_move_together() {
        let s = sweep(&["optim.lr=1e-3,1e-2", "task.p=11,13,17", "train.steps=50", "seed=range(0,3)"]);
        assert_eq!((s.cells(), s.fixed.len()), (6, 2));
        let cells = s.settings();
        assert_eq!(cells[0], [Value::Float(1e-3), Value::Int(11)]);
        assert_eq!(cells[5], [Value::Float(1e-2), Value::Int(17)]);
        let z = sweep(&["zip(optim.lr=1e-3,1e-2 optim.weight_decay=linspace(1,2,2))", "task.p=11,13"]);
        assert_eq!(z.keys().into_iter().map(key_name).collect::<Vec<_>>(), ["optim.lr", "optim.weight_decay", "task.p"]);
        assert_eq!(z.settings()[2], [Value::Float(1e-2), Value::Int(2), Value::Int(11)]);
        assert_eq!(sweep(&[]).settings(), [[]; 1]);
        // The words, read again, say the same.
        assert_eq!(Sweep::parse(&z.words()).unwrap(), z);
    }

    #[test]
    fn samples_are_drawn_once_and_again() {
        let words = ["optim.lr=logspace(1e-4,1e-1,10)", "task.p=range(11,31)", "sample(50)"];
        let s = sweep(&words);
        let cells = s.settings();
        assert_eq!((cells.len(), &cells), (50, &sweep(&words).settings()));
        assert!((1..50).all(|i| !cells[..i].contains(&cells[i])), "a setting twice");
        assert_ne!(cells, sweep(&["optim.lr=logspace(1e-4,1e-1,10)", "task.p=range(11,31)", "sample(50,1)"]).settings());
        assert_eq!(sweep(&["task.p=11,13", "sample(9)"]).cells(), 2);
        let drawn = floats_of(&sweep(&["optim.lr=loguniform(1e-4,1e-1)", "sample(1000)"]));
        // Half of them lie below the geometric middle: binomial, 4 standard deviations.
        let below = drawn.iter().filter(|x| **x < libm::sqrt(1e-5)).count();
        assert!(drawn.iter().all(|x| (1e-4..=1e-1).contains(x)) && (437..=563).contains(&below), "{below}");
    }

    fn floats_of(s: &Sweep) -> Vec<f64> {
        s.settings().iter().map(|v| if let Value::Float(x) = v[0] { x } else { panic!("{}", v[0]) }).collect()
    }

    #[test]
    fn what_cannot_be_swept_says_why() {
        let says = |words: &[&str], part: &str| {
            let text = Sweep::parse(words).unwrap_err().to_string();
            assert!(text.contains(part), "{words:?}: {text}");
        };
        says(&["optim.lr=1e-3,1e-3"], "twice");
        says(&["optim.lr=1e-3,2e-3", "optim.lr=1"], "said twice");
        says(&["optim.lr=1e-3,,2e-3"], "empty place");
        says(&["optim.lr=logspace(-4,-1,4)"], "not exponents");
        says(&["optim.lr=logspace(1e-4,1e-1)"], "has 2 numbers");
        says(&["optim.lr=linspace(0,1,2.5)"], "2.5 values");
        says(&["optim.lr=linspace(0,1,3"], "closing parenthesis");
        says(&["optim.lr=uniform(1,2)"], "sample(N)");
        says(&["optim.lr=loguniform(0,2)", "sample(3)"], "no interval");
        says(&["train.steps=100,200"], "limit");
        says(&["record.ckpt_s=1,2"], "limit");
        says(&["optim.lrr=1,2"], "did you mean `lr`");
        says(&["lr=1,2"], "needs its section");
        says(&["seed=1,2"], "seed=[1,2]");
        says(&["zip(optim.lr=1,2 task.p=11)"], "no list of values");
        says(&["zip(optim.lr=1,2 task.p=11,13,17)"], "has 2 values and task.p has 3");
        says(&["sample(0)"], "no number");
        says(&["task.p=range(0,100000)", "optim.lr=linspace(0,1,100000)"], "too many");
        assert_eq!(sweep(&["task.p=range(0,100000)", "optim.lr=linspace(0,1,100000)", "sample(5)"]).settings().len(), 5);
    }
}
