//! A claim as it is written down before its data.

use crate::claims::rule::Kind;
use crate::claims::statistic::Query;
use crate::spec::grammar::shown;
use pennydrop_registry::SpecError;
use toml::{Table, Value};

/// What is generalising.
pub const GENERALISING: [&str; 4] = ["delayed generalisation", "online phase change", "size extrapolation", "plateau"];
/// How near the test is to the paper's.
pub const STRENGTH: [&str; 3] = ["direct", "close", "analogue"];
/// Under this name stand the project's own hypotheses.
pub const OWN: &str = "pennydrop";
const KEYS: [&str; 16] = [
    "paper",
    "number",
    "place",
    "claim",
    "kind",
    "generalising",
    "strength",
    "reconstructed",
    "setting",
    "ambiguity",
    "waiting",
    "cost_core_hours",
    "not_testable",
    "identity",
    "depends",
    "part",
];

/// What a paper leaves open.
#[derive(Debug, Clone, PartialEq)]
pub struct Ambiguity {
    /// What.
    pub what: String,
    /// How it is resolved here.
    pub resolved: String,
    /// How far the verdict depends on it.
    pub matters: String,
    /// The key that is swept over it.
    pub key: Option<String>,
}

/// The paper's number.
#[derive(Debug, Clone, PartialEq)]
pub enum Published {
    /// A number.
    Number(f64),
    /// The law that should win.
    Name(String),
}

/// A part of a claim: one number, decided by one experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What.
    pub name: String,
    /// The experiment that decides; `A + B` are the runs of both.
    pub experiment: String,
    /// The estimator.
    pub query: Query,
    /// The paper's number.
    pub published: Option<Published>,
    /// Its standard error.
    pub published_se: Option<f64>,
    /// Its interval of 95 %.
    pub published_interval: Option<(f64, f64)>,
    /// The margin, if it is not the default: in logarithms where the statistic is compared so.
    pub margin: Option<f64>,
    /// Whether the published number is a statement and no estimate, and so has no error: one of this project's hypotheses, or a share of none or of all.
    pub exact: bool,
}

/// A claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Name of the paper's card.
    pub paper: String,
    /// Its number there.
    pub number: String,
    /// Where the paper says so.
    pub place: String,
    /// In our words.
    pub claim: String,
    /// What kind of claim it is.
    pub kind: Kind,
    /// What is generalising.
    pub generalising: String,
    /// How near the test is.
    pub strength: String,
    /// Whether a definition is our reconstruction.
    pub reconstructed: bool,
    /// The setting.
    pub setting: String,
    /// What the paper leaves open.
    pub ambiguities: Vec<Ambiguity>,
    /// For what it waits.
    pub waiting: Option<String>,
    /// What it would cost.
    pub cost_core_hours: Option<f64>,
    /// What is missing for ever.
    pub not_testable: Option<String>,
    /// Why it is true by algebra.
    pub identity: Option<String>,
    /// Claims that it rests on.
    pub depends: Vec<String>,
    /// Its parts.
    pub parts: Vec<Part>,
    table: Table,
}

/// The text of a key.
pub(crate) fn text(table: &Table, key: &str, place: &str) -> Result<String, SpecError> {
    match optional(table, key, place)? {
        Some(t) => Ok(t),
        None => Err(SpecError::new(place, "it must be said", "text")),
    }
}

fn optional(table: &Table, key: &str, place: &str) -> Result<Option<String>, SpecError> {
    match table.get(key) {
        None => Ok(None),
        Some(Value::String(s)) if !s.trim().is_empty() => Ok(Some(s.clone())),
        Some(v) => Err(SpecError::new(place, format!("`{}` is no text", shown(&v.to_string())), "text in quotation marks")),
    }
}

/// The number of a key.
pub(crate) fn number(table: &Table, key: &str, place: &str) -> Result<Option<f64>, SpecError> {
    match table.get(key) {
        None => Ok(None),
        Some(Value::Integer(i)) => Ok(Some(*i as f64)),
        Some(Value::Float(x)) if x.is_finite() => Ok(Some(*x)),
        Some(v) => Err(SpecError::new(place, format!("`{}` is no number", shown(&v.to_string())), "a finite number")),
    }
}

/// A word out of a list.
fn word(table: &Table, key: &str, allowed: &[&str]) -> Result<String, SpecError> {
    let said = text(table, key, key)?;
    if allowed.contains(&said.as_str()) { Ok(said) } else { Err(SpecError::unknown(key, &format!("value of {key}"), &shown(&said), allowed.iter().copied())) }
}

/// Reads a file of TOML; the error says the line.
pub(crate) fn table(what: &str, text: &str) -> Result<Table, SpecError> {
    text.parse().map_err(|e: toml::de::Error| {
        let line =
            e.span().map_or(String::new(), |s| format!(" in line {}", 1 + text.as_bytes()[..s.start.min(text.len())].iter().filter(|b| **b == b'\n').count()));
        SpecError::new(what, format!("this is not TOML{line}: {}", shown(e.message())), "lines KEY = VALUE and tables [[part]]")
    })
}

/// No key but these.
pub(crate) fn only(table: &Table, place: &str, allowed: &[&str]) -> Result<(), SpecError> {
    match table.keys().find(|k| !allowed.contains(&k.as_str())) {
        Some(key) => Err(SpecError::unknown(format!("{place}{}", shown(key)), "key", &shown(key), allowed.iter().copied())),
        None => Ok(()),
    }
}

fn tables<'a>(table: &'a Table, key: &str) -> Result<Vec<&'a Table>, SpecError> {
    match table.get(key) {
        None => Ok(Vec::new()),
        Some(v) => {
            let list = v.as_array().and_then(|a| a.iter().map(Value::as_table).collect::<Option<Vec<_>>>());
            list.ok_or_else(|| SpecError::new(key, "this is no list of tables", format!("tables [[{key}]]")))
        }
    }
}

impl Claim {
    /// Reads a claim.
    ///
    /// # Errors
    /// What is wrong: TOML, a key that is none, a value that none may have, no part and no reason why.
    pub fn parse(source: &str) -> Result<Claim, SpecError> {
        let t = table("claim", source)?;
        only(&t, "", &KEYS)?;
        let flag = |key: &str| match t.get(key) {
            None => Ok(false),
            Some(Value::Boolean(b)) => Ok(*b),
            Some(_) => Err(SpecError::new(key, "this is neither true nor false", "true, false")),
        };
        let ambiguities = tables(&t, "ambiguity")?.into_iter().map(|a| {
            only(a, "ambiguity.", &["what", "resolved", "matters", "key"])?;
            let of = |key: &str| text(a, key, &format!("ambiguity.{key}"));
            Ok(Ambiguity { what: of("what")?, resolved: of("resolved")?, matters: of("matters")?, key: optional(a, "key", "ambiguity.key")? })
        });
        let depends = match t.get("depends") {
            None => Vec::new(),
            Some(v) => {
                let list = v.as_array().and_then(|a| a.iter().map(|w| w.as_str().map(str::to_string)).collect::<Option<Vec<_>>>());
                list.ok_or_else(|| SpecError::new("depends", "this is no list of claims", "[\"paper/1\"]"))?
            }
        };
        let own = t.get("paper").and_then(Value::as_str) == Some(OWN);
        let kind = Kind::parse(&word(&t, "kind", &Kind::ALL.map(Kind::name))?).unwrap_or(Kind::Number);
        let claim = Claim {
            paper: text(&t, "paper", "paper")?,
            number: text(&t, "number", "number")?,
            place: text(&t, "place", "place")?,
            claim: text(&t, "claim", "claim")?,
            kind,
            generalising: word(&t, "generalising", &GENERALISING)?,
            strength: word(&t, "strength", &STRENGTH)?,
            reconstructed: flag("reconstructed")?,
            setting: text(&t, "setting", "setting")?,
            ambiguities: ambiguities.collect::<Result<_, SpecError>>()?,
            waiting: optional(&t, "waiting", "waiting")?,
            cost_core_hours: number(&t, "cost_core_hours", "cost_core_hours")?,
            not_testable: optional(&t, "not_testable", "not_testable")?,
            identity: optional(&t, "identity", "identity")?,
            depends,
            parts: tables(&t, "part")?.into_iter().map(|p| part(p, own)).collect::<Result<_, _>>()?,
            table: t,
        };
        let reason = claim.waiting.is_some() || claim.not_testable.is_some() || claim.identity.is_some();
        if claim.parts.is_empty() && !reason {
            return Err(SpecError::new(
                "part",
                "the claim has no part that could decide it",
                "a table [[part]], or `waiting`, `not_testable` or `identity` with the reason",
            ));
        }
        if claim.waiting.is_some() && claim.cost_core_hours.is_none() {
            return Err(SpecError::new("cost_core_hours", "a claim that waits says what it would cost", "core-hours"));
        }
        Ok(claim)
    }

    /// Its id, `paper/number`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.paper, self.number)
    }

    /// What it says in canonical form, without what decides nothing.
    pub fn rule(&self) -> String {
        let mut t = self.table.clone();
        t.remove("cost_core_hours");
        t.to_string()
    }
}

impl Part {
    /// The experiments that decide.
    pub fn experiments(&self) -> impl Iterator<Item = &str> {
        self.experiment.split(" + ").map(str::trim)
    }
}

fn part(t: &Table, own: bool) -> Result<Part, SpecError> {
    only(t, "part.", &["name", "experiment", "statistic", "published", "published_se", "published_interval", "margin"])?;
    let statistic = t.get("statistic").and_then(Value::as_table);
    let statistic = statistic.ok_or_else(|| SpecError::new("part.statistic", "it must be said", "{ name = \"time\", of = \"t_grok\" }"))?;
    let interval = match t.get("published_interval") {
        None => None,
        Some(v) => {
            let ends = v.as_array().map(|a| a.iter().filter_map(|x| x.as_float().or(x.as_integer().map(|i| i as f64))).collect::<Vec<_>>());
            match ends.as_deref() {
                Some([low, high]) if low <= high => Some((*low, *high)),
                _ => return Err(SpecError::new("part.published_interval", format!("`{}` is no interval", shown(&v.to_string())), "[low, high]")),
            }
        }
    };
    let positive = |key: &str| {
        let place = format!("part.{key}");
        match number(t, key, &place)? {
            Some(x) if x < 0.0 => Err(SpecError::new(place, format!("{x} is below 0"), "0 or more")),
            x => Ok(x),
        }
    };
    let published = match t.get("published") {
        Some(Value::String(s)) => Some(Published::Name(s.clone())),
        _ => number(t, "published", "part.published")?.map(Published::Number),
    };
    let query = Query::parse(statistic)?;
    let bound = query.statistic.row.name == "share" && matches!(published, Some(Published::Number(x)) if x == 0.0 || x == 1.0);
    let part = Part {
        exact: own || bound,
        name: text(t, "name", "part.name")?,
        experiment: text(t, "experiment", "part.experiment")?,
        query,
        published,
        published_se: positive("published_se")?,
        published_interval: interval,
        margin: positive("margin")?,
    };
    part.query.accepts(part.published.as_ref())?;
    Ok(part)
}
