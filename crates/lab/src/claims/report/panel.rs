//! What a picture of the data shows, before it is drawn: which runs, against what.
//!
//! A claim has a panel for each experiment and each quantity that its parts read. Its abscissa is the key that varies; a second key is told apart by colour and
//! shape; where no key is a number, or none varies within an arm, each setting has a row of its own. Where a part sets times against a measured column, that
//! column is the abscissa.

use crate::claims::claim::{Part, Published};
use crate::claims::data::{Data, OBSERVED, Run, by_setting, observe};
use crate::claims::ledger::Ledger;
use crate::claims::statistic::{HALF, Term, median};
use crate::view::axis::short;
use pennydrop_registry::Value;
use pennydrop_stats::quantile;
use std::collections::BTreeSet;

/// Panels of one claim, at most.
pub(super) const MOST: usize = 3;
/// Series that can be told apart, at most.
const SERIES: usize = 8;
/// Rows of a panel, at most.
const ROWS: usize = 16;
/// An axis whose values span more than this factor is logarithmic.
const SPAN: f64 = 5.0;
/// What a mark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// A run that reached its event, or its column.
    Seen,
    /// A run that did not: it stands at its last step.
    Censored,
}

/// A run in a picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mark {
    /// Its abscissa: a number, or the number of its row.
    pub x: f64,
    /// A time or a column.
    pub y: f64,
    /// Its series.
    pub series: usize,
    /// What it is.
    pub sort: Sort,
    /// Whether it is a double-precision twin.
    pub twin: bool,
}

/// The abscissa.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Across {
    /// A key that is a number, with the values that occur.
    Key { name: String, values: Vec<f64> },
    /// A measured column, or a term of columns.
    Column(String),
    /// A row for each of these settings.
    Rows(Vec<String>),
}

/// A picture of runs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Panel {
    /// The experiment.
    pub experiment: String,
    /// What it is.
    pub about: String,
    /// The ordinate: `t_grok`, or a column.
    pub y: String,
    /// Whether the ordinate is a time.
    pub time: bool,
    /// The abscissa.
    pub across: Across,
    /// What tells series apart, and each of them; one without a name where nothing does.
    pub series_key: String,
    /// Names of the series.
    pub series: Vec<String>,
    /// The runs.
    pub marks: Vec<Mark>,
    /// Medians of settings: abscissa, median, series.
    pub medians: Vec<(f64, f64, usize)>,
    /// What the paper has: abscissa, value, series.
    pub published: Vec<(f64, f64, usize)>,
    /// Whether the loss of twins is in single precision.
    pub single_loss: bool,
    /// Runs without the columns that the picture needs.
    pub without: usize,
    /// Settings for which there is no row.
    pub more: usize,
    /// Whether keys vary that the picture does not tell apart.
    pub mingled: bool,
}

/// What a part sets against what.
#[derive(Debug, Clone, PartialEq)]
struct Asked {
    y: String,
    /// A measured column or a term of some.
    against: Option<String>,
    /// The key that it calls x.
    key: Option<String>,
}

fn asked(part: &Part, data: &Data) -> Asked {
    let args = &part.query.args;
    let word = |key: &str| match args.get(key) {
        Some(Value::Str(s)) => Some(s.clone()),
        Some(Value::List(l)) => l.first().and_then(|v| if let Value::Str(s) = v { Some(s.clone()) } else { None }),
        _ => None,
    };
    let of = word("of").unwrap_or_else(|| "t_grok".into());
    let (y, x) = match part.query.statistic.row.name {
        "correlation" => match word("x") {
            Some(x) if OBSERVED.contains(&x.as_str()) && !OBSERVED.contains(&of.as_str()) => (x, Some(of)),
            x => (of, x),
        },
        "fit" => (of, word("with").or_else(|| word("on"))),
        "models" => (of, word("claimed")),
        _ => (of, word("x")),
    };
    // A term of columns of which one is measured is an abscissa of its own; a key alone is one to prefer.
    let columns: Vec<String> = x.as_deref().and_then(|w| Term::parse(w).ok()).map(|t| t.columns().map(str::to_string).collect()).unwrap_or_default();
    let known = !columns.is_empty() && columns.iter().all(|c| data.has(c));
    let measured = known && columns.iter().any(|c| data.measures.contains(c));
    Asked { y, against: x.filter(|_| measured), key: columns.into_iter().next().filter(|_| known && !measured) }
}

/// The pictures of these parts, and how many more there would be.
pub(super) fn panels(ledger: &Ledger, parts: &[&Part]) -> (Vec<Panel>, usize) {
    let read = parts.iter().filter_map(|part| Some((*part, asked(part, ledger.results(part).ok()?.as_ref()))));
    let read: Vec<(&Part, Asked)> = read.collect();
    // Drawn together, and from the results of the part that reads most experiments: one of several experiments shows the others' runs beside it.
    let mut groups: Vec<(&Part, Asked, Vec<&Part>)> = Vec::new();
    for (part, a) in &read {
        let holds = |(other, b): &&(&Part, Asked)| b.y == a.y && b.against == a.against && part.experiments().all(|e| other.experiments().any(|o| o == e));
        let most = read.iter().filter(holds).map(|r| r.0).rev().max_by_key(|p| p.experiments().count()).unwrap_or(part);
        match groups.iter_mut().find(|g| g.0.experiment == most.experiment && g.1.y == a.y && g.1.against == a.against) {
            Some(group) => {
                group.1.key = group.1.key.take().or(a.key.clone());
                group.2.push(part);
            }
            None => groups.push((most, a.clone(), vec![part])),
        }
    }
    let more = groups.len().saturating_sub(MOST);
    let about = |part: &Part| {
        let all = part.experiments().filter_map(|e| ledger.experiments.get(e));
        all.map(|e| e.about.as_str()).collect::<Vec<_>>().join("; ")
    };
    let draw = |(most, a, parts): &(&Part, Asked, Vec<&Part>)| panel(&most.experiment, about(most), ledger.results(most).ok()?.as_ref(), a, parts);
    let panels = groups.iter().take(MOST).filter_map(draw).collect();
    (panels, more)
}

/// The runs that these parts select, twins too, in the order of the data.
fn selected<'a>(data: &'a Data, parts: &[&Part]) -> Vec<&'a Run> {
    let mut ids = BTreeSet::new();
    for part in parts {
        for filter in part.query.selections() {
            for twin in [false, true] {
                ids.extend(data.select(filter, twin).unwrap_or_default().iter().map(|r| r.id.as_str()));
            }
        }
    }
    data.runs.iter().filter(|r| ids.contains(r.id.as_str())).collect()
}

/// The values of these keys of a run.
fn values<'a>(run: &'a Run, keys: &[usize]) -> Vec<&'a str> {
    keys.iter().map(|k| run.values[*k].as_str()).collect()
}

fn kinds(runs: &[&Run], keys: &[usize]) -> usize {
    runs.iter().map(|r| values(r, keys)).collect::<BTreeSet<_>>().len()
}

/// Whether a selection of these parts names the key.
fn named(data: &Data, parts: &[&Part], key: usize) -> bool {
    parts.iter().any(|p| p.query.selections().any(|f| f.words().contains(data.keys[key].as_str())))
}

/// The keys that tell the settings of these runs apart, without those that follow from others; what a claim names stays longest.
fn varying(data: &Data, runs: &[&Run], parts: &[&Part], prefer: Option<&str>) -> Vec<usize> {
    let mut keys: Vec<usize> = (0..data.keys.len()).filter(|k| kinds(runs, &[*k]) > 1).collect();
    let rank = |k: usize| if prefer == Some(data.keys[k].as_str()) { 2 } else { usize::from(named(data, parts, k)) };
    let all = kinds(runs, &keys);
    let mut order = keys.clone();
    order.sort_by_key(|k| (rank(*k), !data.keys[*k].starts_with("train."), kinds(runs, &[*k])));
    for k in order {
        let rest: Vec<usize> = keys.iter().copied().filter(|o| *o != k).collect();
        if !rest.is_empty() && kinds(runs, &rest) == all {
            keys = rest;
        }
    }
    keys
}

fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|x| x.is_finite())
}

/// A value as it is shown: a number without noise, text as it is.
fn shown(value: &str) -> String {
    if value == "–" { "none".into() } else { number(value).map_or_else(|| value.to_string(), short) }
}

/// Settings in words: `clamp.factor=1.15, clamp.from=t_mem`.
fn label(data: &Data, run: &Run, keys: &[usize]) -> String {
    keys.iter().map(|k| format!("{}={}", data.keys[*k], shown(&run.values[*k]))).collect::<Vec<_>>().join(", ")
}

/// A row's setting in words: what tells it apart, and what else the claim names and this run has. A key that the run does not have says less than those that it
/// has: `change.from=t_mem`, and not `clamp.times=none`.
fn in_full(data: &Data, run: &Run, keys: &[usize], runs: &[&Run], parts: &[&Part]) -> String {
    let varies = |k: &usize| keys.contains(k) || named(data, parts, *k) && kinds(runs, &[*k]) > 1;
    let had: Vec<usize> = (0..data.keys.len()).filter(varies).filter(|k| run.values[*k] != "–").collect();
    label(data, run, if had.is_empty() { keys } else { &had })
}

/// How the runs are laid out.
struct Plan<'a> {
    across: Across,
    x: Box<dyn Fn(&Run) -> Option<f64> + 'a>,
    /// The keys that make a series.
    by: Vec<usize>,
    more: usize,
    mingled: bool,
}

fn plan<'a>(data: &'a Data, runs: &[&Run], keys: &[usize], asked: &Asked, parts: &[&Part]) -> Plan<'a> {
    if let Some(term) = asked.against.as_deref().and_then(|w| Some((w, Term::parse(w).ok()?))) {
        let by = if kinds(runs, keys) <= SERIES { keys.to_vec() } else { Vec::new() };
        let mingled = by.len() < keys.len();
        let x = move |r: &Run| term.1.value(data, r).filter(|x| x.is_finite());
        return Plan { across: Across::Column(term.0.replace(" - ", " − ")), x: Box::new(x), by, more: 0, mingled };
    }
    let numbers = keys.iter().copied().filter(|k| runs.iter().all(|r| number(&r.values[*k]).is_some()));
    let wanted = |k: &usize| (asked.key.as_deref() == Some(data.keys[*k].as_str()), kinds(runs, &[*k]), std::cmp::Reverse(*k));
    if let Some(key) = numbers.max_by_key(wanted) {
        let mut by: Vec<usize> = keys.iter().copied().filter(|k| *k != key).collect();
        // What follows from the abscissa and the series together, and from neither, would change along a line: it makes series of its own.
        for k in (0..data.keys.len()).filter(|k| !keys.contains(k) && named(data, parts, *k)) {
            if kinds(runs, &[key, k]) > kinds(runs, &[key]) && kinds(runs, &[&by[..], &[k]].concat()) > kinds(runs, &by) {
                by.push(k);
            }
        }
        by.sort_unstable();
        let (series, cells) = (kinds(runs, &by), kinds(runs, keys));
        // Where no arm has two values of the key, there is nothing to see along it.
        let along = cells > series || by.is_empty();
        if along && (series <= SERIES || cells > ROWS) {
            let mingled = series > SERIES;
            let mut values: Vec<f64> = runs.iter().filter_map(|r| number(&r.values[key])).collect();
            values.sort_by(f64::total_cmp);
            values.dedup();
            let across = Across::Key { name: data.keys[key].clone(), values };
            return Plan { across, x: Box::new(move |r| number(&r.values[key])), by: if mingled { Vec::new() } else { by }, more: 0, mingled };
        }
    }
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut labels = Vec::new();
    for run in runs {
        let row: Vec<String> = values(run, keys).into_iter().map(str::to_string).collect();
        if !rows.contains(&row) {
            rows.push(row);
            labels.push(in_full(data, run, keys, runs, parts));
        }
    }
    let more = rows.len().saturating_sub(ROWS);
    rows.truncate(ROWS);
    labels.truncate(ROWS);
    let keys = keys.to_vec();
    let x = move |r: &Run| rows.iter().position(|row| values(r, &keys) == *row).map(|p| p as f64);
    Plan { across: Across::Rows(labels), x: Box::new(x), by: Vec::new(), more, mingled: false }
}

fn panel(experiment: &str, about: String, data: &Data, asked: &Asked, parts: &[&Part]) -> Option<Panel> {
    let time = OBSERVED.contains(&asked.y.as_str());
    let runs = selected(data, parts);
    let keys = varying(data, &runs, parts, asked.key.as_deref());
    let plan = plan(data, &runs, &keys, asked, parts);
    let mut series: Vec<Vec<&str>> = Vec::new();
    let mut names = Vec::new();
    let mut sorted = runs.clone();
    let order = |a: &&Run, b: &&Run| {
        let each = plan.by.iter().map(|k| crate::view::rows::compare_values(&a.values[*k], &b.values[*k]));
        each.into_iter().find(|o| o.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
    };
    sorted.sort_by(order);
    for run in sorted {
        let own = values(run, &plan.by);
        if !series.contains(&own) {
            names.push(if let [one] = plan.by[..] { shown(&run.values[one]) } else { label(data, run, &plan.by) });
            series.push(own);
        }
    }
    let which = |r: &Run| series.iter().position(|s| *s == values(r, &plan.by)).unwrap_or(0);
    let seen = |r: &Run| -> Option<(f64, Sort)> {
        if !time {
            return data.number(r, &asked.y).map(|y| (y, Sort::Seen));
        }
        observe(r, &asked.y, 0.0).map(|o| (o.time.max(HALF), if o.event { Sort::Seen } else { Sort::Censored }))
    };
    let (mut marks, mut without) = (Vec::new(), 0);
    for run in &runs {
        let Some(x) = (plan.x)(run) else {
            // A row that is not shown is counted as such.
            without += usize::from(!matches!(plan.across, Across::Rows(_)));
            continue;
        };
        match seen(run) {
            Some((y, sort)) => marks.push(Mark { x, y, series: which(run), sort, twin: run.twin }),
            None => without += 1,
        }
    }
    if marks.is_empty() {
        return None;
    }
    let mut medians = Vec::new();
    let single: Vec<&Run> = runs.iter().copied().filter(|r| !r.twin).collect();
    for cell in by_setting(&single) {
        let placed: Vec<&Run> = cell.into_iter().filter(|r| (plan.x)(r).is_some() && seen(r).is_some()).collect();
        let xs: Vec<f64> = placed.iter().filter_map(|r| (plan.x)(r)).collect();
        let (Ok(x), [first, _, ..]) = (quantile(&xs, 0.5), &placed[..]) else { continue };
        let y = if time {
            let all: Vec<_> = placed.iter().filter_map(|r| observe(r, &asked.y, 0.0)).collect();
            median(&all, &(0..all.len()).collect::<Vec<_>>()).max(HALF)
        } else {
            quantile(&placed.iter().filter_map(|r| data.number(r, &asked.y)).collect::<Vec<_>>(), 0.5).unwrap_or(f64::NAN)
        };
        if y.is_finite() {
            medians.push((x, y, which(first)));
        }
    }
    // The median of the only setting says nothing where each run has a place of its own.
    if medians.len() < 2 && matches!(plan.across, Across::Column(_)) {
        medians.clear();
    }
    let mut published = Vec::new();
    for part in parts {
        let name = part.query.statistic.row.name;
        let how = part.query.args.get("how").is_none_or(|v| *v != Value::Str("cv".into()));
        let (Some(Published::Number(value)), true) = (&part.published, name == "time" || name == "value" && how) else { continue };
        let after = if name == "time" { part.query.args.float("after") } else { 0.0 };
        let its: Vec<&Run> = data.select(&part.query.filter, part.query.twin).unwrap_or_default();
        let places: BTreeSet<(u64, usize)> = its.iter().filter_map(|r| Some(((plan.x)(r)?.to_bits(), which(r)))).collect();
        // Only a number of one setting has a place.
        if let (Some((x, s)), 1, None) = (places.first(), places.len(), &asked.against) {
            published.push((f64::from_bits(*x), value + after, *s));
        }
    }
    let series_key = plan.by.iter().map(|k| data.keys[*k].clone()).collect::<Vec<_>>().join(", ");
    let (more, mingled, across) = (plan.more, plan.mingled, plan.across);
    Some(Panel {
        experiment: experiment.to_string(),
        about,
        y: asked.y.clone(),
        time,
        across,
        series_key,
        series: names,
        marks,
        medians,
        published,
        single_loss: data.single_loss(),
        without,
        more,
        mingled,
    })
}

impl Panel {
    /// Runs that are censored.
    pub fn censored(&self) -> usize {
        self.marks.iter().filter(|m| m.sort == Sort::Censored).count()
    }

    /// Whether these values want a logarithmic axis.
    pub fn logarithmic(values: impl Iterator<Item = f64> + Clone) -> bool {
        let (low, high) = (values.clone().fold(f64::INFINITY, f64::min), values.fold(f64::NEG_INFINITY, f64::max));
        low > 0.0 && high / low > SPAN
    }

    /// What it shows, in a few words.
    pub fn title(&self) -> String {
        let across = match &self.across {
            Across::Key { name, .. } => format!(" against {name}"),
            Across::Column(name) => format!(" against {name}"),
            Across::Rows(rows) if rows.len() > 1 => " by setting".into(),
            Across::Rows(_) => String::new(),
        };
        let by = if self.series_key.is_empty() { String::new() } else { format!(", by {}", self.series_key) };
        format!("{}{across}{by}", self.y)
    }

    /// What it shows and what its marks mean, in sentences.
    pub fn caption(&self) -> String {
        let (n, censored) = (self.marks.len(), self.censored());
        let runs = |n: usize| if n == 1 { "1 run".to_string() } else { format!("{n} runs") };
        let mut out = format!(
            "{} of {} of {} ({}); {} censored.",
            self.title(),
            runs(n),
            self.experiment,
            self.about,
            if censored == 0 { "none".into() } else { censored.to_string() }
        );
        let any = |f: &dyn Fn(&Mark) -> bool| self.marks.iter().any(f);
        let mut marks = Vec::new();
        if any(&|m| m.sort == Sort::Seen && !m.twin) {
            marks.push("dots, runs");
        }
        if any(&|m| m.sort == Sort::Censored && !m.twin) {
            marks.push("open triangles, runs that did not get there, at their last step");
        }
        if any(&|m| m.twin && m.sort == Sort::Seen) {
            marks.push(if self.single_loss { "crosses, twins in double precision but for the loss" } else { "crosses, twins in double precision" });
        }
        if any(&|m| m.twin && m.sort == Sort::Censored) {
            marks.push("dashed triangles, twins that did not get there");
        }
        if !self.medians.is_empty() {
            marks.push(if self.time { "bars, medians of settings (Kaplan–Meier)" } else { "bars, medians of settings" });
        }
        if !self.published.is_empty() {
            marks.push("hollow diamonds, the paper’s numbers");
        }
        out += &format!(" Key: {}.", marks.join("; "));
        if self.without > 0 {
            out += &format!(" {} without these values {} left out.", runs(self.without), if self.without == 1 { "is" } else { "are" });
        }
        if self.more > 0 {
            out += &format!(" {} more settings are left out.", self.more);
        }
        if self.mingled {
            out += " Other keys vary too, and are not told apart.";
        }
        if self.time && self.marks.iter().any(|m| m.y <= HALF) {
            out += " A time of 0 is drawn at one half.";
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::{Claim, Experiment};

    const EXPERIMENT: &str = "[experiment]\nabout = \"a small network\"\nmeasure = [\"norm@t_mem\"]\n[sweep]\nbase = \"quickstart\"\nseeds = 1\nwords = []\n";

    /// A ledger of one claim with these parts, on runs `factor,rate,seed,steps,t_mem,t_grok,precision,norm`.
    fn ledger(parts: &str, runs: &[&str]) -> Ledger {
        let claim = format!(
            "paper = \"a\"\nnumber = \"1\"\nplace = \"p\"\nclaim = \"c\"\nkind = \"number\"\ngeneralising = \"plateau\"\nstrength = \"close\"\nsetting = \"s\"\n{parts}"
        );
        let mut csv = String::from(
            "# schema: pennydrop.claim-runs/1\nrun_id,clamp.factor,optim.lr,seed_init,seed_split,seed_batch,seed_noise,steps,budget,stop,t_mem,t_grok,wall_s,precision,norm@t_mem\n",
        );
        for (i, run) in runs.iter().enumerate() {
            let c: Vec<&str> = run.split(',').collect();
            let stop = if c[5].is_empty() { "steps" } else { "grokked" };
            csv += &format!("{i:016x},{},{},{2},{2},0,0,{3},10000,{stop},{4},{5},1.0,{6},{7}\n", c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]);
        }
        let mut ledger = Ledger::default();
        ledger.claims.insert("a/1".into(), Claim::parse(&claim).unwrap());
        ledger.experiments.insert("small".into(), Experiment::parse("small", EXPERIMENT).unwrap());
        ledger.data.insert("small".into(), Data::parse(&csv).unwrap());
        ledger
    }

    fn all(ledger: &Ledger) -> Vec<Panel> {
        panels(ledger, &ledger.claims["a/1"].parts.iter().collect::<Vec<_>>()).0
    }

    fn part(statistic: &str, published: &str) -> String {
        format!("[[part]]\nname = \"n\"\nexperiment = \"small\"\nstatistic = {statistic}\n{published}\n")
    }

    const RUNS: [&str; 9] = [
        "1,0.001,0,1000,100,900,f32,30.5",
        "1,0.001,1,1100,110,1000,f32,31",
        "1,0.002,0,600,50,500,f32,30",
        "1,0.002,1,700,50,600,f32,30",
        "1.3,0.001,0,10000,100,,f32,33",
        "1.3,0.001,1,8000,100,7900,f32,34",
        "1.3,0.002,0,4000,60,3900,f32,34",
        "1.3,0.002,1,4200,60,4100,f32,34",
        "1,0.001,0,1000,100,950,f64,30.5",
    ];

    #[test]
    fn times_stand_over_the_key_that_varies() {
        let time = part("{ name = \"time\", of = \"t_grok\", where = { \"clamp.factor\" = 1, \"optim.lr\" = 0.001 } }", "published = 800");
        let ratio = part("{ name = \"ratio\", of = \"t_grok\", where = { \"clamp.factor\" = 1.3 }, against = { \"clamp.factor\" = 1 } }", "published = 4");
        let found = all(&ledger(&(time + &ratio), &RUNS));
        let [p] = &found[..] else { panic!("{found:?}") };
        assert_eq!(p.across, Across::Key { name: "clamp.factor".into(), values: vec![1.0, 1.3] });
        assert_eq!((p.series_key.as_str(), &p.series[..]), ("optim.lr", &["0.001".to_string(), "0.002".to_string()][..]));
        assert_eq!((p.marks.len(), p.censored(), p.medians.len()), (9, 1, 4));
        // The censored run stands at its last step, the twin is told apart, and the paper's number has the place of its setting.
        assert!(p.marks.iter().any(|m| m.sort == Sort::Censored && m.y == 10_000.0 && m.x == 1.3));
        assert_eq!(p.marks.iter().filter(|m| m.twin).count(), 1);
        assert_eq!(p.published, [(1.0, 800.0, 0)]);
        let caption = p.caption();
        for word in ["9 runs", "1 censored", "open triangles, runs that did not", "crosses, twins in double", "hollow diamonds"] {
            assert!(caption.contains(word), "{word}: {caption}");
        }
    }

    #[test]
    fn what_one_of_several_experiments_decides_stands_beside_the_others() {
        let on = |experiment: &str, factor: f64, published: &str| {
            let time = part(&format!("{{ name = \"time\", of = \"t_grok\", where = {{ \"clamp.factor\" = {factor}, \"optim.lr\" = 0.001 }} }}"), published);
            time.replace("\"small\"", &format!("{experiment:?}"))
        };
        let slope = "{ name = \"exponent\", of = \"t_grok\", x = \"clamp.factor\", scale = \"power\" }";
        let both = part(slope, "published = 5").replace("\"small\"", "\"small + other\"");
        let mut ledger = ledger(&(on("small", 1.0, "published = 800") + &on("other", 1.3, "published = 9000") + &both), &RUNS);
        let mut other = ledger.data["small"].clone();
        other.runs.retain(|r| r.values[0] == "1.3");
        ledger.data.get_mut("small").unwrap().runs.retain(|r| r.values[0] == "1");
        ledger.experiments.insert("other".into(), Experiment::parse("other", EXPERIMENT).unwrap());
        ledger.data.insert("other".into(), other);
        let found = all(&ledger);
        let [p] = &found[..] else { panic!("{found:?}") };
        assert_eq!((p.experiment.as_str(), &p.across), ("small + other", &Across::Key { name: "clamp.factor".into(), values: vec![1.0, 1.3] }));
        assert_eq!((p.marks.len(), p.medians.len()), (9, 4));
        assert_eq!(p.published.iter().map(|m| (m.0, m.1)).collect::<Vec<_>>(), [(1.0, 800.0), (1.3, 9000.0)]);
    }

    #[test]
    fn a_setting_alone_is_a_row_and_a_column_an_abscissa() {
        let one = part("{ name = \"value\", of = \"norm@t_mem\", where = { \"clamp.factor\" = 1, \"optim.lr\" = 0.002 } }", "published = 30");
        let fit = part("{ name = \"fit\", of = \"t_grok\", on = [], with = [\"ln norm@t_mem\"], each = \"run\" }", "published = 0.0");
        let found = all(&ledger(&(one + &fit), &RUNS));
        let [value, scatter] = &found[..] else { panic!("{found:?}") };
        assert_eq!((&value.across, value.time, value.marks.len()), (&Across::Rows(vec![String::new()]), false, 2));
        assert_eq!(value.published, [(0.0, 30.0, 0)]);
        assert_eq!((&scatter.across, scatter.marks.len(), scatter.series.len()), (&Across::Column("ln norm@t_mem".into()), 9, 4));
        assert!((scatter.marks[0].x - libm::log(30.5)).abs() < 1e-12 && scatter.published.is_empty());
    }

    #[test]
    fn a_line_joins_no_runs_that_differ_in_what_the_claim_names() {
        // The rate follows from the factor and the norm together; a line of norm 2 would join the rates 0.001 and 0.002.
        let mut l = ledger(
            &part(
                "{ name = \"order\", of = \"t_grok\", along = [{ \"optim.lr\" = 0.001, \"clamp.norm\" = 1 }, { \"optim.lr\" = 0.002, \"clamp.norm\" = 2 }, { \"optim.lr\" = 0.001, \"clamp.norm\" = 2 }] }",
                "",
            ),
            &[],
        );
        let rows = ["1,0.001,1", "1,0.001,2", "2,0.001,1", "2,0.002,2", "3,0.001,1"];
        let mut csv = String::from(
            "# schema: pennydrop.claim-runs/1\nrun_id,clamp.factor,optim.lr,clamp.norm,seed_init,seed_split,seed_batch,seed_noise,steps,budget,stop,t_mem,t_grok,wall_s,precision\n",
        );
        for (i, row) in rows.iter().enumerate() {
            csv += &format!("{i:016x},{row},0,0,0,0,1000,10000,grokked,100,900,1.0,f32\n");
        }
        l.data.insert("small".into(), Data::parse(&csv).unwrap());
        let found = all(&l);
        assert!(matches!(&found[0].across, Across::Key { name, .. } if name == "clamp.factor"), "{found:?}");
        assert_eq!((found[0].series_key.as_str(), found[0].series.len()), ("optim.lr, clamp.norm", 3), "{found:?}");
    }

    #[test]
    fn a_row_says_what_its_runs_have() {
        let share = |filter: &str| part(&format!("{{ name = \"share\", of = \"t_grok\", where = {{ {filter} }} }}"), "published = 0.0\nmargin = 0.5");
        let parts = share("\"change.from\" = \"t_mem\"")
            + &share("\"clamp.from\" = \"t_mem\", \"clamp.times\" = \"once\"")
            + &share("\"clamp.from\" = \"t_mem\", \"clamp.times\" = \"every\"");
        let mut l = ledger(&parts, &[]);
        let mut csv = String::from(
            "# schema: pennydrop.claim-runs/1\nrun_id,change.from,clamp.from,clamp.times,seed_init,seed_split,seed_batch,seed_noise,steps,budget,stop,t_mem,t_grok,wall_s,precision\n",
        );
        for (i, row) in ["t_mem,–,–", "–,t_mem,once", "–,t_mem,every"].iter().enumerate() {
            csv += &format!("{i:016x},{row},0,0,0,0,1000,10000,grokked,100,900,1.0,f32\n");
        }
        l.data.insert("small".into(), Data::parse(&csv).unwrap());
        let rows = ["change.from=t_mem", "clamp.from=t_mem, clamp.times=once", "clamp.from=t_mem, clamp.times=every"].map(String::from);
        assert_eq!(all(&l)[0].across, Across::Rows(rows.to_vec()));
    }

    #[test]
    fn keys_that_follow_from_others_are_no_axes() {
        // Here the rate follows from the factor, and the claim names the factor.
        let runs = ["1,0.001,0,1000,100,900,f32,1", "1.3,0.002,0,1000,100,900,f32,1", "1.3,0.002,1,1000,100,900,f32,1"];
        let order = part("{ name = \"order\", of = \"t_grok\", along = [{ \"clamp.factor\" = 1 }, { \"clamp.factor\" = 1.3 }] }", "");
        let found = all(&ledger(&order, &runs));
        assert!(matches!(&found[0].across, Across::Key { name, .. } if name == "clamp.factor"), "{found:?}");
        assert_eq!((found[0].series_key.as_str(), found[0].series.len()), ("", 1));
    }
}
