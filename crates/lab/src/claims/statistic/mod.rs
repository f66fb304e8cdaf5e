//! What a claim's number is estimated by: one file and one row each.
//!
//! Every estimate has an interval of 95 %: a bootstrap of 10 000 draws over runs, within settings and, where a split has several runs, within splits; or exact.
//! Censored runs stay in n.

mod correlation;
mod difference;
mod exponent;
mod fit;
mod laws;
mod linear;
mod models;
mod order;
mod prediction;
mod ratio;
mod recipe;
mod share;
mod threshold;
mod time;
mod transfer;
mod value;

use crate::claims::claim::Published;
use crate::claims::data::{Data, NoData, Run};
use crate::claims::rule::Estimate;
use crate::claims::select::Filter;
use crate::spec::grammar::shown;
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError, Value};
use pennydrop_stats::{Bootstrap, Interval, Observation};
use toml::Table;

pub(crate) use linear::{Term, columns_of};

/// Confidence of every interval.
pub const LEVEL: f64 = 0.95;
/// Default margin of times and their ratios.
pub(crate) const OF_TIMES: f64 = 0.223_143_551_314_209_7;
/// Default margin of accuracies, shares, correlations.
pub(crate) const OF_SHARES: f64 = 0.02;
/// Default margin of exponents, as a share.
pub(crate) const OF_EXPONENTS: f64 = 0.15;
/// Draws of a bootstrap.
pub(crate) const DRAWS: usize = 10_000;
/// Half a step: the resolution of a clock that counts steps, for a logarithm of a delay of 0.
pub(crate) const HALF: f64 = 0.5;

/// A member of the family.
pub struct Statistic {
    /// Name, parameters.
    pub row: Row,
    /// Whether it compares two selections, `where` and `against`.
    pub against: bool,
    /// Whether it needs a list of selections, `along`.
    pub along: bool,
    /// What is wrong with a published value, if anything.
    pub published: fn(&Query, Option<&Published>) -> Result<(), SpecError>,
    /// Columns that it reads beside the times.
    pub columns: fn(&Args) -> Vec<String>,
    /// The estimate.
    pub estimate: fn(&Query, &Data, Option<&Published>) -> Result<Estimate, NoData>,
}

impl std::fmt::Debug for Statistic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.row.name)
    }
}

/// All.
pub static ALL: &[&Statistic] = &[
    &time::STATISTIC,
    &ratio::STATISTIC,
    &exponent::STATISTIC,
    &share::STATISTIC,
    &value::STATISTIC,
    &order::STATISTIC,
    &fit::STATISTIC,
    &laws::STATISTIC,
    &correlation::STATISTIC,
    &prediction::STATISTIC,
    &difference::STATISTIC,
    &models::STATISTIC,
    &threshold::STATISTIC,
    &threshold::RATIO,
    &transfer::STATISTIC,
    &recipe::STATISTIC,
];

/// A statistic with its arguments.
#[derive(Debug, Clone)]
pub struct Query {
    /// The member.
    pub statistic: &'static Statistic,
    /// Its arguments.
    pub args: Args,
    /// `where`: which runs.
    pub filter: Filter,
    /// `against`: which others.
    pub against: Filter,
    /// `along`: selections in the claimed order.
    pub along: Vec<Filter>,
    /// `twin`: the double-precision twins instead.
    pub twin: bool,
    /// For who asks many times and wants no interval: a bootstrap draws but twice.
    pub point: bool,
}

impl PartialEq for Query {
    fn eq(&self, other: &Query) -> bool {
        self.args == other.args && self.filter == other.filter && self.against == other.against && self.along == other.along && self.twin == other.twin
    }
}

impl Query {
    /// Reads `{ name = "time", of = "t_grok", where = {…} }`.
    ///
    /// # Errors
    /// An unknown statistic or key, a value out of range, a missing selection.
    pub fn parse(table: &Table) -> Result<Query, SpecError> {
        let name = crate::claims::claim::text(table, "name", "statistic.name")?;
        let Some(statistic) = ALL.iter().find(|s| s.row.name == name) else {
            return Err(SpecError::unknown("statistic.name", "statistic", &shown(&name), ALL.iter().map(|s| s.row.name)));
        };
        let filter = |key: &str| table.get(key).map_or(Ok(Filter::default()), |v| Filter::parse(&format!("statistic.{key}"), v));
        let need = |key: &str, wanted: bool| match (wanted, table.contains_key(key)) {
            (true, false) => {
                Err(SpecError::new(format!("statistic.{key}"), format!("statistic `{name}` needs it"), "conditions on keys, { \"optim.lr\" = 1e-3 }"))
            }
            (false, true) => Err(SpecError::new(format!("statistic.{key}"), format!("statistic `{name}` has no such key"), "where")),
            _ => Ok(()),
        };
        need("against", statistic.against)?;
        need("along", statistic.along)?;
        let along = match table.get("along") {
            None => Vec::new(),
            Some(v) => {
                let list = v.as_array().filter(|a| a.len() >= 2);
                let list = list.ok_or_else(|| SpecError::new("statistic.along", "this is no list of two selections or more", "[{ … }, { … }]"))?;
                list.iter().map(|v| Filter::parse("statistic.along", v)).collect::<Result<_, _>>()?
            }
        };
        let twin = match table.get("twin") {
            None => false,
            Some(v) => v.as_bool().ok_or_else(|| SpecError::new("statistic.twin", "this is neither true nor false", "true, false"))?,
        };
        let mut given = Vec::new();
        for (key, v) in table.iter().filter(|(k, _)| !["name", "where", "against", "along", "twin"].contains(&k.as_str())) {
            given.push((key.clone(), convert(key, v)?));
        }
        let args = Args::check("statistic", &statistic.row, given)?;
        Ok(Query { statistic, args, filter: filter("where")?, against: filter("against")?, along, twin, point: false })
    }

    /// Whether this published value can be compared.
    ///
    /// # Errors
    /// Why not.
    pub fn accepts(&self, published: Option<&Published>) -> Result<(), SpecError> {
        (self.statistic.published)(self, published)
    }

    /// The columns that it reads beside the times.
    pub fn columns(&self) -> Vec<String> {
        (self.statistic.columns)(&self.args)
    }

    /// The estimate.
    ///
    /// # Errors
    /// A key or column that the results do not have, no runs, too few.
    pub fn estimate(&self, data: &Data, published: Option<&Published>) -> Result<Estimate, NoData> {
        for column in self.columns() {
            if !data.has(&column) {
                let all: Vec<&str> = data.keys.iter().chain(&data.measures).map(String::as_str).collect();
                return Err(NoData(format!("the results have no column `{}`; they have {}", shown(&column), all.join(", "))));
            }
        }
        (self.statistic.estimate)(self, data, published)
    }

    /// Draws of a bootstrap that usually takes `usual`.
    pub(crate) fn draws(&self, usual: usize) -> usize {
        if self.point { 2 } else { usual }
    }

    /// Every selection that it reads: those of `along`, or `where` and, if it compares two, `against`.
    pub(crate) fn selections(&self) -> impl Iterator<Item = &Filter> {
        let one = (!self.statistic.along).then_some(&self.filter);
        one.into_iter().chain(self.statistic.against.then_some(&self.against)).chain(&self.along)
    }

    /// Whether the results have every column and every run that it reads.
    pub(crate) fn is_answered_by(&self, data: &Data) -> bool {
        self.columns().iter().all(|c| data.has(c)) && self.selections().all(|f| data.select(f, self.twin).is_ok())
    }

    /// Runs of `where`.
    pub(crate) fn runs<'a>(&self, data: &'a Data) -> Result<Vec<&'a Run>, NoData> {
        Ok(data.select(&self.filter, self.twin)?)
    }
}

fn convert(key: &str, v: &toml::Value) -> Result<Value, SpecError> {
    Ok(match v {
        toml::Value::String(s) => Value::Str(s.clone()),
        toml::Value::Integer(i) => Value::Int(*i),
        toml::Value::Float(x) => Value::Float(*x),
        toml::Value::Boolean(b) => Value::Bool(*b),
        toml::Value::Array(a) => Value::List(a.iter().map(|v| convert(key, v)).collect::<Result<_, _>>()?),
        _ => return Err(SpecError::new(format!("statistic.{}", shown(key)), "this is no value", "text, a number, a list")),
    })
}

/// `of`: which time.
pub(crate) const OF: Param = Param { key: "of", kind: Kind::Choice(&["t_mem", "t_grok", "delay"]), default: Default::Str("t_grok"), doc: "the time" };
/// `after`: the step from which times are counted.
pub(crate) const AFTER: Param =
    Param { key: "after", kind: Kind::Float { min: 0.0, max: 1e12 }, default: Default::Float(0.0), doc: "times are counted from this step" };

/// A number is needed.
pub(crate) fn number(_: &Query, published: Option<&Published>) -> Result<(), SpecError> {
    match published {
        Some(Published::Number(_)) => Ok(()),
        _ => Err(SpecError::new("part.published", "this statistic is compared with a number", "a number")),
    }
}

/// A positive number is needed: it is compared as a logarithm.
pub(crate) fn positive(_: &Query, published: Option<&Published>) -> Result<(), SpecError> {
    match published {
        Some(Published::Number(x)) if *x > 0.0 => Ok(()),
        _ => Err(SpecError::new("part.published", "this statistic is compared as a logarithm", "a number above 0")),
    }
}

pub(crate) fn none(_: &Args) -> Vec<String> {
    Vec::new()
}

/// The column that the key `of` names.
fn its_of(args: &Args) -> Vec<String> {
    vec![args.str("of").to_string()]
}

/// The column that the key `x` names.
fn its_x(args: &Args) -> Vec<String> {
    vec![args.str("x").to_string()]
}

/// The interval of a statistic over runs, drawn within `groups` (settings or arms) and within splits, where every split of a group has at least two runs.
pub(crate) fn bootstrap(groups: &[Vec<&Run>], statistic: impl FnMut(&[usize]) -> f64) -> Result<Interval, NoData> {
    bootstrap_of(DRAWS, groups, statistic)
}

/// The same with another number of draws, for what takes long.
pub(crate) fn bootstrap_of(draws: usize, groups: &[Vec<&Run>], statistic: impl FnMut(&[usize]) -> f64) -> Result<Interval, NoData> {
    let mut strata = Vec::new();
    let mut next = 0;
    for group in groups {
        let mut splits: Vec<i64> = group.iter().map(|r| r.seeds[1]).collect();
        splits.sort_unstable();
        let alone = splits.chunk_by(|a, b| a == b).any(|c| c.len() < 2);
        splits.dedup();
        strata.extend(group.iter().map(|r| next + if alone { 0 } else { splits.partition_point(|s| *s < r.seeds[1]) }));
        next += splits.len();
    }
    Ok(Bootstrap { level: LEVEL, resamples: draws, ..Bootstrap::default() }.interval(&strata, statistic)?)
}

/// The mean of what is known of each run, in the order of `groups`, with its interval over runs.
pub(crate) fn mean_of(groups: &[Vec<&Run>], values: &[Option<f64>]) -> Result<Interval, NoData> {
    bootstrap(groups, |s| {
        let kept: Vec<f64> = s.iter().filter_map(|i| values[*i]).collect();
        kept.iter().sum::<f64>() / kept.len() as f64
    })
}

/// What must be said of an interval of a median of few runs: it goes from the least to the greatest, and the median lies outside with a probability of 2^(1−n).
pub(crate) fn coverage(n: usize) -> Option<String> {
    (2..6).contains(&n).then(|| format!("the interval of a median of {n} runs covers {:.0} % at most", 100.0 * (1.0 - libm::exp2(1.0 - n as f64))))
}

/// Kaplan–Meier median of `observations[i]` for `i` in `sample`: infinite where it is not reached. The same as `KaplanMeier::median`, without its interval.
pub(crate) fn median(observations: &[Observation], sample: &[usize]) -> f64 {
    let mut seen: Vec<Observation> = sample.iter().map(|i| observations[*i]).collect();
    // At equal times events come first: who is censored there was at risk.
    seen.sort_by(|a, b| a.time.total_cmp(&b.time).then(b.event.cmp(&a.event)));
    let (mut survival, n, mut at) = (1.0, seen.len(), 0);
    while at < n {
        let tied = seen[at..].iter().take_while(|o| o.time == seen[at].time).count();
        let events = seen[at..at + tied].iter().filter(|o| o.event).count();
        survival *= 1.0 - events as f64 / (n - at) as f64;
        if events > 0 && survival <= 0.5 + 1e-9 {
            return seen[at].time;
        }
        at += tied;
    }
    f64::INFINITY
}

/// Seeds of the runs, each once.
pub(crate) fn seeds(runs: &[&Run]) -> usize {
    let mut all: Vec<[i64; 4]> = runs.iter().map(|r| r.seeds).collect();
    all.sort_unstable();
    all.dedup();
    all.len()
}

/// Runs of `a` and `b` with the same seeds, if that is all of both and no seed is there twice.
pub(crate) fn paired<'a>(a: &[&'a Run], b: &[&'a Run]) -> Option<Vec<(&'a Run, &'a Run)>> {
    let sorted = |v: &[&'a Run]| {
        let mut v = v.to_vec();
        v.sort_by_key(|r| r.seeds);
        v
    };
    let (a, b) = (sorted(a), sorted(b));
    let same = a.len() == b.len() && a.iter().zip(&b).all(|(x, y)| x.seeds == y.seeds) && a.windows(2).all(|w| w[0].seeds != w[1].seeds);
    same.then(|| a.into_iter().zip(b).collect())
}

#[cfg(test)]
mod tests;
