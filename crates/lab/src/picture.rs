//! From the record to a figure: the curves of runs, and the survival curves of several.

use crate::Error;
use crate::result::RunResult;
use pennydrop_figure::{Options, Role, RunCurves, Survival, SurvivalPoint, curves_svg, png};
use pennydrop_stats::{BandKind, KaplanMeier, Observation, QuantileEstimate};
use pennydrop_store::Table;
use pennydrop_train::Evaluation;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Confidence of bands and intervals.
pub const CONFIDENCE: f64 = 0.95;
/// Most runs that are drawn; a figure of more would show no more.
const MOST: usize = 500;

/// Kaplan–Meier estimate of a time over runs; the censored stay in n.
///
/// # Errors
/// No run, or a time that is no number.
pub fn survival(runs: &[&RunResult], time: impl Fn(&RunResult) -> Option<u64>) -> Result<(KaplanMeier, QuantileEstimate), Error> {
    let seen: Vec<Observation> = runs
        .iter()
        .map(|r| match time(r) {
            Some(t) => Observation::event(t as f64),
            None => Observation::censored(r.steps as f64),
        })
        .collect();
    let curve = KaplanMeier::new(&seen)?;
    let median = curve.median(CONFIDENCE, BandKind::LogLog)?;
    Ok((curve, median))
}

/// The step of `t_mem`.
pub fn t_mem(r: &RunResult) -> Option<u64> {
    r.t_mem.map(|t| t.step)
}

/// The step of `t_grok`.
pub fn t_grok(r: &RunResult) -> Option<u64> {
    r.t_grok.map(|t| t.step)
}

fn panel(name: &str, role: Role, runs: &[&RunResult], time: fn(&RunResult) -> Option<u64>) -> Result<Survival, Error> {
    let (curve, median) = survival(runs, time)?;
    let band = curve.band(CONFIDENCE, BandKind::LogLog)?;
    let end = runs.iter().map(|r| time(r).unwrap_or(r.steps)).max().unwrap_or(0) as f64;
    Ok(Survival {
        name: name.into(),
        role,
        n: curve.n(),
        curve: curve
            .steps()
            .iter()
            .zip(band)
            .filter(|(s, _)| s.events > 0)
            .map(|(s, b)| SurvivalPoint { time: s.time, survival: s.survival, low: b.map_or(f64::NAN, |b| b.0), high: b.map_or(f64::NAN, |b| b.1) })
            .collect(),
        censored: runs.iter().filter(|r| time(r).is_none()).map(|r| r.steps as f64).collect(),
        median: median.estimate,
        interval: median.low.map(|low| (low, median.high.unwrap_or(f64::INFINITY))),
        end,
    })
}

/// Adds an evaluation to curves that are being drawn.
pub fn add(curves: &mut RunCurves, e: &Evaluation) {
    let step = e.step as f64;
    for (points, value) in [
        (&mut curves.train_acc, e.train_accuracy),
        (&mut curves.test_acc, e.test_accuracy),
        (&mut curves.train_loss, e.train_loss),
        (&mut curves.test_loss, e.test_loss),
    ] {
        points.push((step, value));
    }
}

/// The curves of every run of a table of evaluations.
pub fn curves(table: &Table) -> BTreeMap<String, RunCurves> {
    let mut out: BTreeMap<String, RunCurves> = BTreeMap::new();
    let (Some(ids), Some(steps)) = (table.get_str("run_id"), table.get_i64("step")) else { return out };
    let columns = ["train_accuracy", "test_accuracy", "train_loss", "test_loss", "norm"].map(|c| table.get_f64(c));
    for row in 0..table.rows() {
        let (Some(id), Some(step)) = (&ids[row], steps[row]) else { continue };
        let run = out.entry(id.clone()).or_insert_with(|| RunCurves {
            run_id: id.clone(),
            extra: vec![pennydrop_figure::ExtraPanel {
                label: "norm of the weights".into(),
                log: false,
                series: vec![pennydrop_figure::Series { name: "‖W‖".into(), points: Vec::new(), role: Role::Other }],
            }],
            ..RunCurves::default()
        });
        let value = |k: usize| columns[k].and_then(|c| c[row]).map(|v| (step as f64, v));
        run.train_acc.extend(value(0));
        run.test_acc.extend(value(1));
        run.train_loss.extend(value(2));
        run.test_loss.extend(value(3));
        run.extra[0].series[0].points.extend(value(4));
    }
    out
}

/// The figure of `runs`, as SVG and PNG.
///
/// # Errors
/// The estimate or the picture cannot be made.
pub fn draw(runs: &[&RunResult], evaluations: &Table, command: &str) -> Result<(String, Vec<u8>), Error> {
    let mut all = curves(evaluations);
    let drawn: Vec<RunCurves> = runs
        .iter()
        .take(MOST)
        .filter_map(|r| {
            let mut c = all.remove(&r.run_id)?;
            c.seed = r.seed.unwrap_or(r.seeds.init);
            c.t_mem = r.t_mem.map(|t| t.step as f64);
            c.t_grok = r.t_grok.map(|t| t.step as f64);
            c.steps = r.steps as f64;
            Some(c)
        })
        .collect();
    let panels = if runs.len() > 1 { vec![panel("t_mem", Role::Train, runs, t_mem)?, panel("t_grok", Role::Test, runs, t_grok)?] } else { Vec::new() };
    let mut chances: Vec<f64> = runs.iter().map(|r| r.chance).collect();
    chances.dedup();
    let options = Options { title: title(runs), command: command.into(), chance: (chances.len() == 1).then(|| chances[0]), ..Options::default() };
    let svg = curves_svg(&drawn, &panels, &options);
    let image = image(&svg)?;
    Ok((svg, image))
}

/// A headline for `runs`.
fn title(runs: &[&RunResult]) -> String {
    let Some(first) = runs.first() else { return "no runs".into() };
    let mut labels: Vec<&str> = runs.iter().map(|r| r.label.as_str()).collect();
    labels.dedup();
    let label = if labels.len() == 1 { labels[0].to_string() } else { "several set-ups".into() };
    match runs.len() {
        1 => format!("{label}, {}", seed_words(first)),
        n => format!("{label}, {n} seeds"),
    }
}

fn seed_words(r: &RunResult) -> String {
    match r.seed {
        Some(s) => format!("seed {s}"),
        None => format!("seeds init {} split {} batch {} noise {}", r.seeds.init, r.seeds.split, r.seeds.batch, r.seeds.noise),
    }
}

/// A picture as PNG.
///
/// # Errors
/// It cannot be made.
pub fn image(svg: &str) -> Result<Vec<u8>, Error> {
    Ok(png(svg, 2.0)?)
}

/// Writes `NAME.svg` and `NAME.png` beside each other; gives their paths.
///
/// # Errors
/// They cannot be written.
pub fn write(folder: &Path, name: &str, figure: &(String, Vec<u8>)) -> Result<[PathBuf; 2], Error> {
    let paths = ["svg", "png"].map(|e| folder.join(format!("{name}.{e}")));
    crate::record::publish(&paths[0], figure.0.as_bytes())?;
    crate::record::publish(&paths[1], &figure.1)?;
    Ok(paths)
}
