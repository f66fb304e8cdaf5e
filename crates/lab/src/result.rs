//! What came of a run, as a row of the record.

use crate::spec::Section;
use pennydrop_registry::Value;
use pennydrop_store::{ColumnData, Table};
use pennydrop_tasks::Seeds;
use pennydrop_train::{Outcome, Time};

/// A time in every unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct When {
    /// Steps.
    pub step: u64,
    /// Passes over the training set, where it is a fixed set.
    pub epochs: Option<f64>,
    /// Ση.
    pub eta: f64,
    /// Σηλ.
    pub eta_lambda: f64,
}

impl From<Time> for When {
    fn from(t: Time) -> When {
        When { step: t.step, epochs: t.epochs, eta: t.eta, eta_lambda: t.eta_lambda }
    }
}

/// When an accuracy crossed a level.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossed {
    /// `train` or `test`.
    pub curve: String,
    /// The level, 0 to 1.
    pub level: f64,
    /// `first`, `first_sustained` or `last_sustained`.
    pub kind: String,
    /// When; `None` if it did not within the run.
    pub when: Option<When>,
}

/// One row of `runs`.
#[derive(Debug, Clone, PartialEq)]
pub struct RunResult {
    /// Name of the trajectory.
    pub run_id: String,
    /// The seed, where one was given for all purposes.
    pub seed: Option<u64>,
    /// The four seeds.
    pub seeds: Seeds,
    /// Why it stopped.
    pub stop: String,
    /// Steps taken.
    pub steps: u64,
    /// Seconds of training.
    pub wall_s: f64,
    /// Memorised.
    pub t_mem: Option<When>,
    /// Generalised.
    pub t_grok: Option<When>,
    /// t_grok − t_mem.
    pub delay: Option<i64>,
    /// Delays at equal levels: level, steps, ratio.
    pub matched: Vec<(f64, Option<i64>, Option<f64>)>,
    /// Every curve, level and kind.
    pub crossings: Vec<Crossed>,
    /// It reached its budget before it generalised.
    pub censored: bool,
    /// It generalised, and did not stay so.
    pub lost: bool,
    /// The last evaluation, by the names of the curves' columns; norms of tensors are `norm.TENSOR`.
    pub last: Vec<(String, f64)>,
    /// Hash of the final weights.
    pub weights_hash: String,
    /// Instruction sets used.
    pub levels: String,
    /// Fourier power of the embedding at frequencies 1, 2, …; empty for tasks not over Z_p.
    pub spectrum: Vec<f64>,
    /// Accuracy of the best constant guess.
    pub chance: f64,
    /// The budget in steps.
    pub budget: u64,
    /// What affects the weights, but for seeds ([`crate::spec::Resolved::trajectory`]).
    pub spec: String,
    /// Limits, levels, grid, what is kept ([`crate::spec::Resolved::limits`]).
    pub limits: String,
    /// Name of the preset or file.
    pub label: String,
    /// The processor.
    pub machine: String,
    /// Keys that vary in its campaign, with their values.
    pub varied: Vec<(String, Value)>,
}

impl RunResult {
    /// Steps a second; 0 where nothing was trained.
    pub fn steps_per_s(&self) -> f64 {
        if self.wall_s > 0.0 { self.steps as f64 / self.wall_s } else { 0.0 }
    }

    /// The final value of a curve's column.
    pub fn value(&self, column: &str) -> Option<f64> {
        self.last.iter().find(|(n, _)| n == column).map(|(_, v)| *v)
    }

    /// Whether the run has come to a result (it was not stopped by a signal or by wall time).
    pub fn finished(&self) -> bool {
        !matches!(self.stop.as_str(), "signal" | "time")
    }

    /// Fills in what an outcome says.
    pub fn take(&mut self, outcome: &Outcome) {
        self.steps = outcome.steps;
        self.t_mem = outcome.t_mem.map(When::from);
        self.t_grok = outcome.t_grok.map(When::from);
        self.delay = outcome.delay.steps;
        self.matched = outcome.matched.iter().map(|d| (d.test_level, d.steps, d.ratio)).collect();
        self.crossings = outcome
            .crossings
            .iter()
            .map(|c| Crossed { curve: c.curve.name().into(), level: c.level, kind: c.kind.name().into(), when: c.time.map(When::from) })
            .collect();
        self.censored = outcome.censored;
        self.lost = outcome.lost;
        self.levels = outcome.levels.join(" ");
        self.spectrum = outcome.spectrum.as_ref().map(|s| s.power.clone()).unwrap_or_default();
    }
}

const UNITS: [&str; 4] = ["", "_epochs", "_eta", "_eta_lambda"];

fn when_columns(mut table: Table, name: &str, values: &[Option<When>]) -> Table {
    table = table.i64(name, values.iter().map(|w| w.map(|w| w.step as i64)));
    table = table.f64(&format!("{name}_epochs"), values.iter().map(|w| w.and_then(|w| w.epochs)));
    table = table.f64(&format!("{name}_eta"), values.iter().map(|w| w.map(|w| w.eta)));
    table.f64(&format!("{name}_eta_lambda"), values.iter().map(|w| w.map(|w| w.eta_lambda)))
}

fn when_at(table: &Table, name: &str, row: usize) -> Option<When> {
    let number = |suffix: &str| table.get_f64(&format!("{name}{suffix}")).and_then(|v| v[row]);
    let step = table.get_i64(name).and_then(|v| v[row])?;
    Some(When { step: step as u64, epochs: number(UNITS[1]), eta: number(UNITS[2]).unwrap_or(f64::NAN), eta_lambda: number(UNITS[3]).unwrap_or(f64::NAN) })
}

/// Results as a table, a row each. Runs of one job have the same columns; those of several are merged by the store.
pub fn to_table(rows: &[RunResult]) -> Table {
    let Some(first) = rows.first() else { return Table::default() };
    let text = |f: fn(&RunResult) -> &str| rows.iter().map(|r| Some(f(r).to_string())).collect::<Vec<_>>();
    let whole = |f: fn(&RunResult) -> u64| rows.iter().map(|r| i64::try_from(f(r)).ok()).collect::<Vec<_>>();
    let mut t = Table::default()
        .str("run_id", text(|r| &r.run_id))
        .i64("seed", rows.iter().map(|r| r.seed.and_then(|s| i64::try_from(s).ok())))
        .str("stop", text(|r| &r.stop));
    t = when_columns(t, "t_mem", &rows.iter().map(|r| r.t_mem).collect::<Vec<_>>());
    t = when_columns(t, "t_grok", &rows.iter().map(|r| r.t_grok).collect::<Vec<_>>());
    t = t
        .i64("delay", rows.iter().map(|r| r.delay))
        .bool("censored", rows.iter().map(|r| Some(r.censored)))
        .bool("lost", rows.iter().map(|r| Some(r.lost)))
        .i64("steps", whole(|r| r.steps))
        .i64("budget", whole(|r| r.budget))
        .f64("wall_s", rows.iter().map(|r| Some(r.wall_s)))
        .f64("steps_per_s", rows.iter().map(|r| Some(r.steps_per_s())))
        .str("weights_hash", text(|r| &r.weights_hash));
    for (k, name) in ["seed_init", "seed_split", "seed_batch", "seed_noise"].into_iter().enumerate() {
        t = t.i64(name, rows.iter().map(|r| i64::try_from([r.seeds.init, r.seeds.split, r.seeds.batch, r.seeds.noise][k]).ok()));
    }
    for (k, (level, ..)) in first.matched.iter().enumerate() {
        t = t.i64(&format!("delay_{level}"), rows.iter().map(|r| r.matched.get(k).and_then(|m| m.1)));
        t = t.f64(&format!("delay_ratio_{level}"), rows.iter().map(|r| r.matched.get(k).and_then(|m| m.2)));
    }
    for (k, c) in first.crossings.iter().enumerate() {
        t = when_columns(t, &format!("{}_{}_{}", c.curve, c.level, c.kind), &rows.iter().map(|r| r.crossings.get(k).and_then(|c| c.when)).collect::<Vec<_>>());
    }
    for (name, _) in &first.last {
        t = t.f64(&format!("final_{name}"), rows.iter().map(|r| r.value(name)));
    }
    for k in 0..first.spectrum.len() {
        t = t.f64(&format!("fourier_power.{}", k + 1), rows.iter().map(|r| r.spectrum.get(k).copied()));
    }
    t = varied_columns(t, rows);
    t.f64("chance", rows.iter().map(|r| Some(r.chance)))
        .str("label", text(|r| &r.label))
        .str("spec", text(|r| &r.spec))
        .str("limits", text(|r| &r.limits))
        .str("levels", text(|r| &r.levels))
        .str("machine", text(|r| &r.machine))
        .str("engine", rows.iter().map(|_| Some(crate::machine::ENGINE)))
        .i64("numerics", rows.iter().map(|_| Some(i64::from(pennydrop_train::NUMERICS))))
}

/// A column for each key that varies, of the key's own type; lists are text.
fn varied_columns(mut table: Table, rows: &[RunResult]) -> Table {
    let Some(first) = rows.first() else { return table };
    for (key, value) in &first.varied {
        let of = |r: &RunResult| r.varied.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone());
        table = match value {
            Value::Int(_) => table.i64(key, rows.iter().map(|r| if let Some(Value::Int(i)) = of(r) { Some(i) } else { None })),
            Value::Float(_) => table.f64(key, rows.iter().map(|r| if let Some(Value::Float(x)) = of(r) { Some(x) } else { None })),
            Value::Bool(_) => table.bool(key, rows.iter().map(|r| if let Some(Value::Bool(b)) = of(r) { Some(b) } else { None })),
            Value::Str(_) => table.str(key, rows.iter().map(|r| if let Some(Value::Str(s)) = of(r) { Some(s) } else { None })),
            Value::List(_) => table.str(key, rows.iter().map(|r| of(r).map(|v| v.to_string()))),
        };
    }
    table
}

/// Names of the columns that hold varied keys: `SECTION.KEY`.
pub fn varied_names(table: &Table) -> Vec<String> {
    let is = |name: &&str| name.split_once('.').is_some_and(|(section, _)| Section::parse(section).is_some());
    table.columns.iter().map(|c| c.name.as_str()).filter(is).map(str::to_string).collect()
}

/// The value in a row of a column of varied keys.
pub fn varied_at(table: &Table, name: &str, row: usize) -> Option<Value> {
    match table.get(name)? {
        ColumnData::I64(v) => v[row].map(Value::Int),
        ColumnData::F64(v) => v[row].map(Value::Float),
        ColumnData::Bool(v) => v[row].map(Value::Bool),
        ColumnData::Str(v) => v[row].clone().map(Value::Str),
    }
}

/// Every row of a table of runs. A column that is missing (an older record) is as a null.
pub fn from_table(table: &Table) -> Vec<RunResult> {
    let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    let crossings: Vec<(String, f64, String)> = names
        .iter()
        .filter_map(|n| {
            let (curve, rest) = n.split_once('_').filter(|(c, _)| matches!(*c, "train" | "test"))?;
            let (level, kind) = rest.split_once('_')?;
            matches!(kind, "first" | "first_sustained" | "last_sustained")
                .then(|| level.parse().ok())?
                .map(|level| (curve.to_string(), level, kind.to_string()))
        })
        .collect();
    let levels: Vec<f64> = names.iter().filter_map(|n| n.strip_prefix("delay_").and_then(|l| l.parse().ok())).collect();
    let last: Vec<&str> = names.iter().filter_map(|n| n.strip_prefix("final_")).collect();
    let varied = varied_names(table);
    let powers = names.iter().filter(|n| n.starts_with("fourier_power.")).count();
    (0..table.rows())
        .map(|row| {
            let text = |name: &str| table.get_str(name).and_then(|v| v[row].clone()).unwrap_or_default();
            let whole = |name: &str| table.get_i64(name).and_then(|v| v[row]);
            let number = |name: &str| table.get_f64(name).and_then(|v| v[row]);
            let truth = |name: &str| table.get_bool(name).and_then(|v| v[row]).unwrap_or(false);
            let seed = |name: &str| whole(name).unwrap_or(0) as u64;
            RunResult {
                run_id: text("run_id"),
                seed: whole("seed").map(|s| s as u64),
                seeds: Seeds { init: seed("seed_init"), split: seed("seed_split"), batch: seed("seed_batch"), noise: seed("seed_noise") },
                stop: text("stop"),
                steps: whole("steps").unwrap_or(0) as u64,
                wall_s: number("wall_s").unwrap_or(0.0),
                t_mem: when_at(table, "t_mem", row),
                t_grok: when_at(table, "t_grok", row),
                delay: whole("delay"),
                matched: levels.iter().map(|l| (*l, whole(&format!("delay_{l}")), number(&format!("delay_ratio_{l}")))).collect(),
                crossings: crossings
                    .iter()
                    .map(|(curve, level, kind)| Crossed {
                        curve: curve.clone(),
                        level: *level,
                        kind: kind.clone(),
                        when: when_at(table, &format!("{curve}_{level}_{kind}"), row),
                    })
                    .collect(),
                censored: truth("censored"),
                lost: truth("lost"),
                last: last.iter().filter_map(|n| number(&format!("final_{n}")).map(|v| (n.to_string(), v))).collect(),
                weights_hash: text("weights_hash"),
                levels: text("levels"),
                spectrum: (1..=powers).filter_map(|k| number(&format!("fourier_power.{k}"))).collect(),
                chance: number("chance").unwrap_or(f64::NAN),
                budget: seed("budget"),
                spec: text("spec"),
                limits: text("limits"),
                label: text("label"),
                machine: text("machine"),
                varied: varied.iter().filter_map(|n| Some((n.clone(), varied_at(table, n, row)?))).collect(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back() {
        let when = When { step: 120, epochs: Some(3.5), eta: 0.12, eta_lambda: 0.25 };
        let r = RunResult {
            run_id: "0123456789abcdef".into(),
            seed: None,
            seeds: Seeds { init: 1, split: 2, batch: 3, noise: 4 },
            stop: "grokked".into(),
            steps: 500,
            wall_s: 2.0,
            t_mem: Some(When { step: 20, epochs: None, ..when }),
            t_grok: Some(when),
            delay: Some(-3),
            matched: vec![(0.95, Some(100), Some(6.0)), (0.99, None, None)],
            crossings: vec![
                Crossed { curve: "train".into(), level: 0.5, kind: "first".into(), when: Some(when) },
                Crossed { curve: "test".into(), level: 0.99, kind: "last_sustained".into(), when: None },
            ],
            censored: false,
            lost: true,
            last: vec![("train_loss".into(), 1e-3), ("norm.embed.W_E".into(), f64::INFINITY)],
            weights_hash: "abc".into(),
            levels: "avx2".into(),
            spectrum: vec![1.0, 2.0],
            chance: 0.1,
            budget: 1000,
            spec: "[task]\n".into(),
            limits: "train.steps = 1000\n".into(),
            label: "x".into(),
            machine: "m".into(),
            varied: vec![("optim.lr".into(), Value::Float(1e-3)), ("task.p".into(), Value::Int(11)), ("model.name".into(), Value::Str("mlp".into()))],
        };
        assert_eq!(from_table(&to_table(std::slice::from_ref(&r))), [r]);
    }
}
