//! Results of an experiment: a row a run, as a small CSV file with what made them in lines of comment.

use crate::Error;
use crate::claims::select::Filter;
use crate::known::{End, id_of};
use crate::view::Rows;
use pennydrop_stats::Observation;
use std::collections::{BTreeMap, BTreeSet};

/// Columns before the measured ones, after the keys that vary.
const TIMES: [&str; 11] = ["seed_init", "seed_split", "seed_batch", "seed_noise", "steps", "budget", "stop", "t_mem", "t_grok", "wall_s", "precision"];

/// One run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// The values of [`Data::keys`].
    pub values: Vec<String>,
    /// Seeds: first weights, split, batch, noise.
    pub seeds: [i64; 4],
    /// Steps taken.
    pub steps: u64,
    /// Its budget.
    pub budget: u64,
    /// Why it ended.
    pub end: End,
    /// `t_mem`.
    pub t_mem: Option<u64>,
    /// `t_grok`.
    pub t_grok: Option<u64>,
    /// Seconds on one core.
    pub wall_s: f64,
    /// Whether it is the double-precision twin of another.
    pub twin: bool,
    /// The values of [`Data::measures`].
    pub measured: Vec<Option<f64>>,
}

impl Run {
    /// The last step at which it could have been seen: a run that diverged will not generalise, and counts up to its budget.
    pub fn horizon(&self) -> u64 {
        if self.end == End::Diverged { self.budget.max(self.steps) } else { self.steps }
    }
}

/// The runs of an experiment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Data {
    /// What made them, in order: `key: value`.
    pub head: Vec<(String, String)>,
    /// Keys that vary.
    pub keys: Vec<String>,
    /// Measured columns, `SERIES@WHEN`.
    pub measures: Vec<String>,
    /// Keys that are the same in all runs.
    pub fixed: BTreeMap<String, String>,
    /// The runs, in order of setting and seed, twins last.
    pub runs: Vec<Run>,
}

impl Data {
    /// Takes these runs out of rows read with the columns `seed_init`, `seed_batch`, `seed_noise`, `wall_s` and `measures`; `twins` are the ids of twins.
    pub fn of(rows: &Rows, keys: &[String], measures: &[String], wanted: &BTreeSet<u64>, twins: &BTreeSet<u64>) -> Data {
        let mut runs = Vec::new();
        for row in (0..rows.len()).filter(|r| wanted.contains(&rows.ids[*r]) || twins.contains(&rows.ids[*r])) {
            let extra = |name: &str| rows.extra.get(name).and_then(|v| v[row]);
            let seed = |name: &str| extra(name).map_or(0, |x| x as i64);
            let setting = rows.setting[row] as usize;
            runs.push(Run {
                id: id_of(rows.ids[row]),
                values: keys.iter().map(|k| rows.value(setting, k).unwrap_or("–").to_string()).collect(),
                seeds: [seed("seed_init"), rows.split[row], seed("seed_batch"), seed("seed_noise")],
                steps: rows.steps[row],
                budget: rows.budget[row],
                end: rows.end[row],
                t_mem: rows.t_mem[row],
                t_grok: rows.t_grok[row],
                wall_s: extra("wall_s").unwrap_or(0.0),
                twin: twins.contains(&rows.ids[row]),
                measured: measures.iter().map(|m| extra(m)).collect(),
            });
        }
        let order = |a: &Run, b: &Run| {
            let values = a.values.iter().zip(&b.values).map(|(x, y)| crate::view::rows::compare_values(x, y)).find(|o| o.is_ne());
            a.twin.cmp(&b.twin).then(values.unwrap_or(std::cmp::Ordering::Equal)).then(a.seeds.cmp(&b.seeds)).then(a.id.cmp(&b.id))
        };
        runs.sort_by(order);
        let fixed = rows.fixed.iter().filter(|(k, _)| !keys.contains(k)).map(|(k, v)| (k.clone(), v.clone())).collect();
        Data { head: Vec::new(), keys: keys.to_vec(), measures: measures.to_vec(), fixed, runs }
    }

    /// The first line of comment with this key.
    pub fn said(&self, key: &str) -> Option<&str> {
        self.head.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// Whether it has twins whose loss is in single precision: results whose twins have it in double precision say so in a line `twins`.
    pub fn single_loss(&self) -> bool {
        self.runs.iter().any(|r| r.twin) && self.said("twins").is_none()
    }

    /// A key of a run's setting.
    pub fn value<'a>(&'a self, run: &'a Run, key: &str) -> Option<&'a str> {
        let varies = self.keys.iter().position(|k| k == key).map(|k| run.values[k].as_str());
        // An intervention that a run does not have fires never.
        let varies = varies.map(|v| if v == "–" && key.ends_with(".from") { "never" } else { v });
        varies.or_else(|| self.fixed.get(key).map(String::as_str))
    }

    /// A number of a run: a measured column, or a key of its setting.
    pub fn number(&self, run: &Run, column: &str) -> Option<f64> {
        match self.measures.iter().position(|m| m == column) {
            Some(m) => run.measured[m].filter(|x| x.is_finite()),
            None => self.value(run, column).and_then(|v| v.parse::<f64>().ok()).filter(|x| x.is_finite()),
        }
    }

    /// Whether there is such a column of numbers.
    pub fn has(&self, column: &str) -> bool {
        self.measures.iter().chain(&self.keys).any(|c| c == column) || self.fixed.contains_key(column)
    }

    /// The runs that a filter leaves, twins or the others.
    ///
    /// # Errors
    /// A key that no run has; no run at all.
    pub fn select(&self, filter: &Filter, twin: bool) -> Result<Vec<&Run>, String> {
        let mut found = Vec::new();
        for run in self.runs.iter().filter(|r| r.twin == twin) {
            if filter.holds(self, run)? {
                found.push(run);
            }
        }
        if found.is_empty() {
            let which = if twin { "double-precision twin" } else { "run" };
            let words = filter.words();
            return Err(format!("no {which} has {}", if words.is_empty() { "been trained" } else { &words }));
        }
        Ok(found)
    }

    /// The same as it would have been under this share of the budget: later times are censored there, later measurements unknown.
    pub fn cut(&self, share: f64) -> Data {
        let mut data = self.clone();
        for run in &mut data.runs {
            let end = libm::floor(run.budget as f64 * share) as u64;
            let late = |t: Option<u64>| t.is_none_or(|t| t > end);
            let unknown: Vec<bool> = self
                .measures
                .iter()
                .map(|m| match m.rsplit_once('@').map(|p| p.1) {
                    Some("t_mem") => late(run.t_mem),
                    // A rate is fitted up to t_grok, and the crossing of a level may come any time until then.
                    Some("t_grok" | "rate") => late(run.t_grok),
                    Some(when) if when.contains('>') => late(run.t_grok),
                    Some("end") => run.steps > end,
                    Some(when) => match when.strip_prefix("rate:") {
                        Some(steps) => run.t_mem.zip(steps.parse::<u64>().ok()).is_none_or(|(t, s)| t + s > end),
                        None => when.parse::<u64>().is_ok_and(|s| s > end),
                    },
                    None => false,
                })
                .collect();
            run.measured.iter_mut().zip(unknown).filter(|p| p.1).for_each(|p| *p.0 = None);
            run.t_mem = run.t_mem.filter(|t| *t <= end);
            run.t_grok = run.t_grok.filter(|t| *t <= end);
            run.steps = run.steps.min(end);
            run.budget = end;
        }
        data
    }

    /// The runs of two experiments together: a key that differs between them becomes one that varies, and what only one measures or says is left out.
    pub fn join(&self, other: &Data) -> Data {
        let both = [self, other];
        let names: BTreeSet<&String> = both.iter().flat_map(|d| d.keys.iter().chain(d.fixed.keys())).collect();
        let same = |k: &str| self.fixed.get(k).filter(|v| other.fixed.get(k) == Some(*v));
        let fixed: BTreeMap<String, String> = names.iter().filter_map(|k| Some(((*k).clone(), same(k)?.clone()))).collect();
        let keys: Vec<String> = names.into_iter().filter(|k| !fixed.contains_key(*k)).cloned().collect();
        let measures: Vec<String> = self.measures.iter().filter(|m| other.measures.contains(m)).cloned().collect();
        let place = |d: &Data| measures.iter().filter_map(|m| d.measures.iter().position(|x| x == m)).collect::<Vec<usize>>();
        let mut runs: Vec<Run> = Vec::new();
        for data in both {
            let places = place(data);
            let known: BTreeSet<String> = runs.iter().map(|r| r.id.clone()).collect();
            runs.extend(data.runs.iter().filter(|r| !known.contains(&r.id)).map(|r| Run {
                values: keys.iter().map(|k| data.value(r, k).unwrap_or("–").to_string()).collect(),
                measured: places.iter().map(|p| r.measured[*p]).collect(),
                ..r.clone()
            }));
        }
        let head = self.head.iter().filter(|line| other.head.contains(line)).cloned().collect();
        Data { head, keys, measures, fixed, runs }
    }

    /// All that a run was told: keys that vary and keys that do not, its seeds, and whether it is a twin.
    pub fn told<'a>(&'a self, run: &'a Run) -> (BTreeMap<&'a str, &'a str>, [i64; 4], bool) {
        let fixed = self.fixed.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        let varied = self.keys.iter().zip(&run.values).map(|(k, v)| (k.as_str(), v.as_str()));
        (fixed.chain(varied).collect(), run.seeds, run.twin)
    }

    /// Core-hours that the runs took.
    pub fn core_hours(&self) -> f64 {
        self.runs.iter().map(|r| r.wall_s).sum::<f64>() / 3600.0
    }

    /// As CSV.
    pub fn to_csv(&self) -> String {
        let mut out = String::new();
        for (key, value) in &self.head {
            out += &format!("# {key}: {}\n", value.replace('\n', " "));
        }
        for (key, value) in &self.fixed {
            out += &format!("# set {key}: {value}\n");
        }
        let names = std::iter::once("run_id").chain(self.keys.iter().map(String::as_str)).chain(TIMES).chain(self.measures.iter().map(String::as_str));
        out += &line(names.map(str::to_string));
        for r in &self.runs {
            let time = |t: Option<u64>| t.map_or(String::new(), |t| t.to_string());
            let fixed = r.seeds.map(|s| s.to_string()).into_iter().chain([
                r.steps.to_string(),
                r.budget.to_string(),
                r.end.name().to_string(),
                time(r.t_mem),
                time(r.t_grok),
                format!("{:.3}", r.wall_s),
                if r.twin { "f64" } else { "f32" }.to_string(),
            ]);
            let measured = r.measured.iter().map(|x| x.map_or(String::new(), |x| format!("{x:?}")));
            out += &line(std::iter::once(r.id.clone()).chain(r.values.iter().cloned()).chain(fixed).chain(measured));
        }
        out
    }

    /// Reads it back.
    ///
    /// # Errors
    /// What is wrong, and in which line.
    pub fn parse(text: &str) -> Result<Data, String> {
        let mut data = Data::default();
        let mut lines = text.lines().enumerate();
        let head = loop {
            let Some((_, line)) = lines.next() else { return Err("it has no line of column names".into()) };
            match line.strip_prefix("# ") {
                Some(said) => {
                    let (key, value) = said.split_once(": ").ok_or_else(|| format!("`{said}` is no `key: value`"))?;
                    match key.strip_prefix("set ") {
                        Some(key) => {
                            data.fixed.insert(key.to_string(), value.to_string());
                        }
                        None => data.head.push((key.to_string(), value.to_string())),
                    }
                }
                None => break fields(line)?,
            }
        };
        let at = head.windows(TIMES.len()).position(|w| w == TIMES).filter(|_| head[0] == "run_id");
        let Some(at) = at else { return Err(format!("its columns are not run_id, keys, {}, measured columns", TIMES.join(", "))) };
        data.keys = head[1..at].to_vec();
        data.measures = head[at + TIMES.len()..].to_vec();
        let mut seen = BTreeSet::new();
        for (number, line) in lines.filter(|(_, l)| !l.is_empty()) {
            let row = fields(line)?;
            let wrong = |what: &str| format!("line {}: {what}", number + 1);
            if row.len() != head.len() {
                return Err(wrong(&format!("{} fields, and the head has {}", row.len(), head.len())));
            }
            let cell = |k: usize| row[at + k].as_str();
            let whole = |k: usize| cell(k).parse::<u64>().map_err(|_| wrong(&format!("`{}` is no whole number", TIMES[k])));
            let seed = |k: usize| cell(k).parse::<i64>().map_err(|_| wrong(&format!("`{}` is no seed", TIMES[k])));
            let time = |k: usize| if cell(k).is_empty() { Ok(None) } else { whole(k).map(Some) };
            let number_of = |text: &String| {
                if text.is_empty() { Ok(None) } else { text.parse::<f64>().map(Some).map_err(|_| wrong(&format!("`{text}` is no number"))) }
            };
            if !seen.insert(row[0].clone()) {
                return Err(wrong("this run is there twice"));
            }
            data.runs.push(Run {
                id: row[0].clone(),
                values: row[1..at].to_vec(),
                seeds: [seed(0)?, seed(1)?, seed(2)?, seed(3)?],
                steps: whole(4)?,
                budget: whole(5)?,
                end: End::parse(cell(6)),
                t_mem: time(7)?,
                t_grok: time(8)?,
                wall_s: cell(9).parse::<f64>().map_err(|_| wrong("`wall_s` is no number"))?,
                twin: cell(10) == "f64",
                measured: row[at + TIMES.len()..].iter().map(number_of).collect::<Result<_, _>>()?,
            });
        }
        Ok(data)
    }
}

/// The times that [`observe`] knows.
pub const OBSERVED: [&str; 3] = ["t_mem", "t_grok", "delay"];

/// A time of a run as an observation, counted from step `after`: `t_mem`, `t_grok` or `delay`; `None` for a delay of a run that never memorised.
pub fn observe(run: &Run, of: &str, after: f64) -> Option<Observation> {
    let seen = |t: Option<u64>, from: f64| match t {
        Some(t) => Observation::event(t as f64 - from),
        None => Observation::censored(run.horizon() as f64 - from),
    };
    match of {
        "t_mem" => Some(seen(run.t_mem, after)),
        "delay" => run.t_mem.map(|m| seen(run.t_grok, m as f64)),
        _ => Some(seen(run.t_grok, after)),
    }
}

/// Runs by the values of their keys, settings in the order in which they come.
pub fn by_setting<'a>(runs: &[&'a Run]) -> Vec<Vec<&'a Run>> {
    let mut order: Vec<&Vec<String>> = Vec::new();
    let mut groups: BTreeMap<&Vec<String>, Vec<&'a Run>> = BTreeMap::new();
    for run in runs {
        if !groups.contains_key(&run.values) {
            order.push(&run.values);
        }
        groups.entry(&run.values).or_default().push(run);
    }
    order.into_iter().filter_map(|k| groups.remove(k)).collect()
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let quoted = |c: String| if c.contains([',', '"']) { format!("\"{}\"", c.replace('"', "\"\"")) } else { c };
    cells.map(quoted).collect::<Vec<_>>().join(",") + "\n"
}

fn fields(line: &str) -> Result<Vec<String>, String> {
    let mut out = vec![String::new()];
    let (mut inside, mut chars) = (false, line.chars().peekable());
    while let Some(c) = chars.next() {
        let last = out.len() - 1;
        match c {
            '"' if inside && chars.peek() == Some(&'"') => {
                chars.next();
                out[last].push('"');
            }
            '"' => inside = !inside,
            ',' if !inside => out.push(String::new()),
            c => out[last].push(c),
        }
    }
    if inside { Err("a quotation mark is not closed".into()) } else { Ok(out) }
}

impl From<String> for NoData {
    fn from(why: String) -> NoData {
        NoData(why)
    }
}

/// Why an estimate cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoData(pub String);

impl From<pennydrop_stats::Error> for NoData {
    fn from(e: pennydrop_stats::Error) -> NoData {
        NoData(e.to_string())
    }
}

impl From<NoData> for Error {
    fn from(e: NoData) -> Error {
        Error::usage(e.0, "`pennydrop claims show ID` has the statistic and the keys of its results")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(fixed: &[(&str, &str)], keys: &[&str], measures: &[&str], id: &str) -> Data {
        let run = Run {
            id: id.into(),
            values: keys.iter().map(|k| format!("{k} of {id}")).collect(),
            seeds: [0; 4],
            steps: 10,
            budget: 20,
            end: End::Steps,
            t_mem: None,
            t_grok: None,
            wall_s: 1.0,
            twin: false,
            measured: measures.iter().map(|m| Some(m.len() as f64)).collect(),
        };
        Data {
            keys: keys.iter().map(|k| k.to_string()).collect(),
            measures: measures.iter().map(|m| m.to_string()).collect(),
            fixed: fixed.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
            runs: vec![run],
            ..Data::default()
        }
    }

    #[test]
    fn a_shorter_budget_would_not_have_measured_what_came_later() {
        let measures = ["norm@start", "norm@t_mem", "norm@t_grok", "norm@end", "norm@rate", "norm@rate:4", "norm@6", "norm@test_accuracy>0.5"];
        let mut d = data(&[], &[], &measures, "a");
        (d.runs[0].t_mem, d.runs[0].t_grok) = (Some(3), Some(9));
        let known = |share: f64| d.cut(share).runs[0].measured.iter().map(Option::is_some).collect::<Vec<bool>>();
        // The budget is 20 steps, and the run took 10.
        assert_eq!(known(0.5), [true; 8]);
        assert_eq!(known(0.4), [true, true, false, false, false, true, true, false]);
        assert_eq!(known(0.3), [true, true, false, false, false, false, true, false]);
        assert_eq!(known(0.1), [true, false, false, false, false, false, false, false]);
    }

    #[test]
    fn joined_runs_know_what_told_them_apart() {
        let a = data(&[("model.name", "mlp"), ("task.p", "29"), ("optim.lr", "1e-3")], &["model.widths"], &["norm@end", "norm@t_mem"], "a");
        let b = data(&[("model.name", "transformer"), ("task.p", "29")], &["optim.lr"], &["norm@t_mem"], "b");
        let both = a.join(&b);
        assert_eq!((both.keys.join(" "), both.measures.join(" "), both.fixed.len()), ("model.name model.widths optim.lr".into(), "norm@t_mem".into(), 1));
        assert_eq!(both.runs[0].values, ["mlp", "model.widths of a", "1e-3"]);
        assert_eq!(both.runs[1].values, ["transformer", "–", "optim.lr of b"]);
        assert_eq!(both.runs[0].measured, [Some(10.0)]);
        let mut forked = data(&[], &["clamp.from", "clamp.factor"], &[], "c");
        forked.runs[0].values = ["–", "–"].map(String::from).to_vec();
        assert_eq!((forked.value(&forked.runs[0], "clamp.from"), forked.value(&forked.runs[0], "clamp.factor")), (Some("never"), Some("–")));
        // The same run is there once.
        assert_eq!(a.join(&a).runs.len(), 1);
        assert_eq!(Data::parse(&both.to_csv()).unwrap().runs, both.runs);
    }
}
