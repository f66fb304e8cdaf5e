//! Part `network`: the full trainable tensor network, trained by the engine, and the effective dimension of its contexts while it learns.
//!
//! Every string of 8 bits is trained on, long random strings are tested, as in the paper's code; Adam at 0.005, mean squared error of a sigmoid, one of three
//! regularisations: none, L2 = 1e-4 (Adam's coupled decay), L1 = 1e-3. At every evaluation the left contexts of random strings, read at sites near the
//! middle, give D_eff (the paper's definition; sites within ±5 of the centre are its code's). Nothing here uses the flow of the frozen map.
//!
//! **Reconstructed.** The moment of *structure formation*: the first evaluation after its maximum at which ln D_eff is below the middle between its largest and its
//! smallest value of the run. It is defined without looking at errors, so that "before grokking" can fail. The null: times of one run beside those of another
//! (pairs permuted), which keeps both distributions.

use super::exponent::{Aligned, Fit};
use super::shape::effective_dimension;
use super::{automaton, lane};
use crate::answer::{Answer, Cell, Finding, Quantity, Simulated, Table};
use crate::model::{Context, TheoryError};
use crate::numeric::{Draws, fraction, mean, median};
use pennydrop_figure::chart::{Axis, Chart, Look, Mark};
use pennydrop_graph::cpu::Sequential;
use pennydrop_graph::rewrite::Rewrites;
use pennydrop_registry::{Args, SpecError, Value};
use pennydrop_tasks::Seeds;
use pennydrop_train::{Evaluation, Host, Interrupt, Programs, Run, Setup};
use std::sync::Arc;

/// Names of the regularisations, λ of L1 and of Adam's decay.
const KINDS: [(&str, f64, f64); 3] = [("none", 0.0, 0.0), ("l2", 0.0, 1e-4), ("l1", 1e-3, 0.0)];
/// Evaluations a decade of steps.
const EVAL: i64 = 120;
/// Strings, their length, and how far from their middle contexts are read.
const STRINGS: (usize, usize, usize) = (40, 100, 5);
/// Networks of each kind where nobody says: three take some seconds on two cores.
pub(super) const NETWORKS: usize = 3;
/// Resamples of the bootstrap, and permutations of the null.
const RESAMPLES: usize = 200;
/// The paper's ν at d = 10, 20, 40 and its D_eff at zero test error, by K, for none, L2, L1 (tables 6 to 8 and the text; read).
const NU: [[[f64; 3]; 3]; 3] = [
    [[1.99, 2.81, 2.80], [1.09, 0.82, 0.87], [0.64, 0.72, 0.67]],
    [[1.78, 2.72, 2.87], [1.13, 0.92, 0.73], [0.69, 0.67, 0.71]],
    [[1.59, 2.38, 1.98], [1.59, 1.33, 0.72], [0.65, 0.47, 0.38]],
];
const FORMED: [[f64; 3]; 3] = [[1.8, 1.3, 1.1], [3.3, 2.7, 2.3], [4.7, 4.6, 4.8]];

/// What one network showed.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    /// Steps of the evaluations.
    pub steps: Vec<f64>,
    /// Shares of test bits that are wrong.
    pub errors: Vec<f64>,
    /// Effective dimensions.
    pub dimensions: Vec<f64>,
    /// First step without training errors.
    pub t_mem: Option<u64>,
    /// First step without test errors.
    pub t_grok: Option<u64>,
}

/// Looks at a run.
struct Looking<'a> {
    strings: &'a [Vec<u8>],
    dimensions: Vec<f64>,
    stop: &'a (dyn Fn() -> bool + Sync),
}

impl Host for Looking<'_> {
    fn interrupted(&mut self) -> Option<Interrupt> {
        (self.stop)().then_some(Interrupt::Signal)
    }

    fn evaluated(&mut self, run: &Run, _: &Evaluation) {
        let d = run.params().find(|p| p.0 == "A").map_or(f64::NAN, |(_, shape, a)| left_dimension(&a, shape[1], self.strings));
        self.dimensions.push(d);
    }
}

/// D_eff of the left contexts v_L A_{x_1} ⋯ A_{x_{i−1}} (unit length, v_L the first unit vector) of the strings, at sites near the middle; `a` is row-major [2, d, d].
pub(super) fn left_dimension(a: &[f64], d: usize, strings: &[Vec<u8>]) -> f64 {
    let mut points = Vec::new();
    for string in strings {
        let mut context = vec![0.0; d];
        context[0] = 1.0;
        let (from, to) = (string.len() / 2 - STRINGS.2, string.len() / 2 + STRINGS.2);
        for (i, bit) in string.iter().enumerate().take(to) {
            if i >= from {
                points.extend_from_slice(&context);
            }
            let matrix = &a[usize::from(*bit) * d * d..][..d * d];
            let mut next = vec![0.0; d];
            for (x, row) in context.iter().zip(matrix.chunks_exact(d)) {
                next.iter_mut().zip(row).for_each(|(n, m)| *n += x * m);
            }
            let norm = next.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-300);
            next.iter_mut().for_each(|x| *x /= norm);
            context = next;
        }
    }
    effective_dimension(&points, d, None)
}

/// The set-up of a network.
pub(super) fn setup(args: &Args, kind: usize, seed: u64) -> Result<Setup, SpecError> {
    let section = |name: &str, row, given: &[(&str, Value)]| Args::check(name, row, given.iter().map(|(k, v)| (k.to_string(), v.clone())));
    let text = |t: &str| Value::Str(t.into());
    let seeds = Seeds::all(seed);
    let length = if args.size("length") == 0 { 8 } else { args.int("length") };
    let rules = [
        ("rule", Value::Int(args.int("rule"))),
        ("locality", Value::Int(args.int("k"))),
        ("length", Value::Int(length)),
        ("fraction", Value::Float(1.0)),
        ("test_length", Value::Int(args.int("test_length").clamp(4, 256))),
        ("test", Value::Int(args.int("test_strings"))),
    ];
    let task = section("task", pennydrop_tasks::find("cellular-automaton")?, &rules)?;
    let shape = [("bond", Value::Int(args.int("bond"))), ("boundary", text("first")), ("local_map", text("scaled"))];
    let adam = [("lr", Value::Float(0.005)), ("weight_decay", Value::Float(KINDS[kind].2))];
    let train = [
        ("batch", Value::Int((1_i64 << length).min(128))),
        ("steps", Value::Int(args.int("steps"))),
        ("eval", Value::Int(EVAL)),
        ("mem_level", Value::Float(1.0)),
        ("grok_level", Value::Float(1.0)),
    ];
    Ok(Setup {
        task: Arc::new(pennydrop_tasks::build(&task, &seeds)?),
        model: section("model", pennydrop_models::find("uniform-mps")?, &shape)?,
        loss: section("loss", &pennydrop_train::loss::find("bits")?.row, &[("form", text("mse")), ("l1", Value::Float(KINDS[kind].1))])?,
        optim: section("optim", pennydrop_optim::find("adam")?, &adam)?,
        train: section("train", pennydrop_train::train_row(), &train)?,
        seeds,
        init: None,
        interventions: Vec::new(),
        rewrites: Rewrites::default(),
    })
}

/// Trains one network.
pub(super) fn train(setup: Setup, programs: &Arc<Programs>, strings: &[Vec<u8>], context: &Context) -> Result<Shown, TheoryError> {
    let mut run = Run::with(setup, programs).map_err(TheoryError::Parameter)?;
    let mut looking = Looking { strings, dimensions: Vec::new(), stop: context.stop };
    if !run.advance(&Sequential, &mut looking).finished() {
        return Err(TheoryError::Stopped);
    }
    let outcome = run.outcome();
    // The evaluation at a budget off the grid was looked at too.
    let curves = run.curves();
    let first = |train: bool| {
        let accuracy = |e: &Evaluation| if train { e.train_accuracy } else { e.test_accuracy };
        outcome
            .crossings
            .iter()
            .find(|c| c.level == 1.0 && c.kind.name() == "first" && (c.curve.name() == "train") == train)
            .and_then(|c| c.time.map(|t| t.step))
            .filter(|_| curves.rows.iter().any(|e| accuracy(e) == 1.0))
    };
    Ok(Shown {
        steps: curves.rows.iter().map(|e| e.step as f64).collect(),
        errors: curves.rows.iter().map(|e| 1.0 - e.test_accuracy).collect(),
        t_mem: first(true),
        t_grok: first(false),
        dimensions: looking.dimensions,
    })
}

impl Shown {
    /// The value of a series at the evaluation nearest to a step.
    fn at(&self, series: &[f64], step: f64) -> f64 {
        let near = (0..self.steps.len()).min_by(|i, j| (self.steps[*i] - step).abs().total_cmp(&(self.steps[*j] - step).abs()));
        near.and_then(|i| series.get(i).copied()).unwrap_or(f64::NAN)
    }

    /// The step of structure formation; `None` where D_eff never falls by a fifth.
    pub fn formed(&self) -> Option<f64> {
        let finite = || self.dimensions.iter().copied().enumerate().filter(|(_, d)| d.is_finite());
        let (top, most) = finite().max_by(|a, b| a.1.total_cmp(&b.1))?;
        let least = finite().filter(|(i, _)| *i >= top).map(|(_, d)| d).fold(most, f64::min);
        if most < 1.2 * least {
            return None;
        }
        let middle = (most * least).sqrt();
        finite().find(|(i, d)| *i > top && *d <= middle).map(|(i, _)| self.steps[i])
    }

    /// Test errors at distances before the first zero of the test error.
    fn before(&self, distances: &[f64]) -> Option<Vec<f64>> {
        let zero = self.t_grok? as f64;
        Some(distances.iter().map(|d| if *d > zero { f64::NAN } else { self.at(&self.errors, zero - d) }).collect())
    }
}

/// What the networks of one regularisation showed together.
struct Group<'a> {
    runs: &'a [Shown],
    fit: Option<Fit>,
    /// Structure formation and grokking, in steps, of the runs that have both.
    pairs: Vec<(f64, f64)>,
}

impl<'a> Group<'a> {
    fn of(runs: &'a [Shown], args: &Args, draws: &mut Draws) -> Group<'a> {
        let distances: Vec<f64> = (0..50).map(|i| 8.0 * libm::pow(2000.0 / 8.0, f64::from(i) / 49.0)).collect();
        let errors: Vec<Vec<f64>> = runs.iter().filter_map(|r| r.before(&distances)).collect();
        let aligned = Aligned { before: distances, errors };
        let fit = if aligned.errors.is_empty() { None } else { aligned.fit(args.float("window_low"), args.float("window_high"), RESAMPLES, draws) };
        let pairs = runs.iter().filter_map(|r| Some((r.formed()?, r.t_grok? as f64))).collect();
        Group { runs, fit, pairs }
    }

    fn grokked(&self) -> Vec<f64> {
        self.runs.iter().filter_map(|r| r.t_grok.map(|t| t as f64)).collect()
    }

    /// D_eff at the first zero of the test error.
    fn dimension(&self) -> Vec<f64> {
        self.runs.iter().filter_map(|r| r.t_grok.map(|t| r.at(&r.dimensions, t as f64))).collect()
    }

    /// Share of runs in which structure forms first, and the mean share when pairs are permuted.
    fn first(&self, draws: &mut Draws) -> (Simulated, f64) {
        let n = self.pairs.len();
        let share = fraction(self.pairs.iter().filter(|p| p.0 <= p.1).count(), n);
        let null: f64 = (0..RESAMPLES)
            .map(|_| {
                let order = draws.permutation(n);
                (0..n).filter(|i| self.pairs[*i].0 <= self.pairs[order[*i]].1).count() as f64 / n as f64
            })
            .sum();
        (share, null / RESAMPLES as f64)
    }
}

pub(super) fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    if args.str("boundary") != "open" || args.str("teacher") != "local" {
        return Err(TheoryError::parameter(
            args,
            "part",
            "`network` has the paper's open boundary and local teacher",
            "--boundary open --teacher local; other teachers: `pennydrop run zunkovic-tn task.teacher=…`",
        ));
    }
    let samples = context.samples_or(NETWORKS);
    let strings = automaton::random_strings(STRINGS.0, STRINGS.1, &mut context.draws(lane::SHAPE, 1));
    let programs: Vec<Arc<Programs>> =
        (0..KINDS.len()).map(|k| Programs::new(&setup(args, k, context.seed)?)).collect::<Result<_, SpecError>>().map_err(TheoryError::Parameter)?;
    let shown = context.map(KINDS.len() * samples, |i| {
        let (kind, nth) = (i / samples, i % samples);
        let setup = setup(args, kind, context.seed.wrapping_add(nth as u64)).map_err(TheoryError::Parameter)?;
        train(setup, &programs[kind], &strings, context)
    })?;
    let mut draws = context.draws(lane::BOOTSTRAP, 70);
    let groups: Vec<Group> = shown.chunks(samples).map(|runs| Group::of(runs, args, &mut draws)).collect();
    let mut answer = Answer::default();
    say(&groups, args, &mut draws, &mut answer);
    answer.charts = charts(&groups);
    answer.notes = vec![
        format!("{samples} networks of each regularisation, at most {} steps each; times are steps of Adam at 0.005", args.int("steps")),
        format!("D_eff: left contexts of {} random strings of {} bits at the {} sites in the middle", STRINGS.0, STRINGS.1, 2 * STRINGS.2),
        "structure formation: the first evaluation after its maximum at which ln D_eff is below the middle of its range; a fall by less than a fifth is none"
            .into(),
        "the paper's unit of time is not stated, so its times are not compared".into(),
    ];
    Ok(answer)
}

fn say(groups: &[Group], args: &Args, draws: &mut Draws, answer: &mut Answer) {
    let (k, d) = (args.size("k") - 1, args.size("bond"));
    let printed = [10, 20, 40].iter().position(|x| *x == d);
    let mut rows = Vec::new();
    for (g, (name, ..)) in groups.iter().zip(KINDS) {
        let share = fraction(g.grokked().len(), g.runs.len());
        let mut put = |key: &str, doc: &str, value: Simulated| answer.quantities.push(Quantity::new(&format!("{key}_{name}"), doc).simulated(value));
        put("grokking_share", "share of networks that reach zero test error within the budget", share);
        let times = g.grokked();
        if !times.is_empty() {
            put("t_grok", "median first step without test errors, of the networks that have one", median(&times));
            put("d_eff", "mean D_eff of the left contexts at that step", mean(&g.dimension()));
        }
        if let Some(f) = g.fit {
            put(
                "nu",
                "exponent of the averaged test error before its zero, in the window",
                Simulated { estimate: f.nu, low: f.interval.0, high: f.interval.1, samples: times.len() },
            );
        }
        let first = (!g.pairs.is_empty()).then(|| g.first(draws));
        let (formed, grokked): (Vec<f64>, Vec<f64>) = g.pairs.iter().copied().unzip();
        let rank = (g.pairs.len() >= 5).then(|| pennydrop_stats::spearman_correlation(&formed, &grokked).ok()).flatten();
        let delay: Vec<f64> = g.runs.iter().filter_map(|r| Some((r.t_grok? as f64) - (r.t_mem? as f64))).collect();
        let cell = |x: Option<f64>| x.map_or(Cell::Text("–".into()), Cell::Number);
        rows.push(vec![
            name.into(),
            g.runs.len().into(),
            g.grokked().len().into(),
            cell((!delay.is_empty()).then(|| median(&delay).estimate)),
            cell(Some(mean(&g.runs.iter().filter_map(|r| r.dimensions.first().copied()).collect::<Vec<_>>()).estimate)),
            cell((!times.is_empty()).then(|| mean(&g.dimension()).estimate)),
            FORMED[k][KINDS.iter().position(|x| x.0 == name).unwrap_or(0)].into(),
            cell((!formed.is_empty()).then(|| median(&formed.iter().zip(&grokked).map(|(f, t)| f / t).collect::<Vec<_>>()).estimate)),
            cell(first.map(|f| f.0.estimate)),
            cell(first.map(|f| f.1)),
            cell(rank.map(|r| r.estimate)),
            cell(g.fit.map(|f| f.nu)),
            cell(printed.map(|p| NU[k][KINDS.iter().position(|x| x.0 == name).unwrap_or(0)][p])),
        ]);
    }
    answer.tables.push(Table {
        title: format!("structure formation and grokking, K = {}, d = {d}", k + 1),
        columns: [
            "regularisation",
            "networks",
            "without test errors",
            "median delay",
            "D_eff at step 0",
            "D_eff at t_G",
            "paper",
            "formation / t_G",
            "formation first",
            "null: pairs permuted",
            "rank correlation",
            "ν",
            "paper",
        ]
        .map(String::from)
        .to_vec(),
        rows,
    });
    findings(groups, draws, answer);
}

fn findings(groups: &[Group], draws: &mut Draws, answer: &mut Answer) {
    let order: Vec<f64> = groups.iter().filter_map(|g| g.fit.map(|f| f.nu)).collect();
    answer.findings.push(Finding {
        claim: "zunkovic-ilievski 6".into(),
        found: match &order[..] {
            [none, l2, l1] => format!("ν is {none:.2} without regularisation, {l2:.2} with L2, {l1:.2} with L1"),
            _ => "the window holds too few errors for an exponent of each regularisation".into(),
        },
        agrees: (order.len() == 3).then(|| order[0] > order[1] && order[1] > order[2]),
    });
    let pairs: usize = groups.iter().map(|g| g.pairs.len()).sum();
    let before = groups.iter().flat_map(|g| &g.pairs).filter(|p| p.0 <= p.1).count();
    let null = groups.iter().filter(|g| !g.pairs.is_empty()).map(|g| g.first(draws).1 * g.pairs.len() as f64).sum::<f64>() / pairs.max(1) as f64;
    let share = fraction(before, pairs.max(1));
    answer.findings.push(Finding {
        claim: "zunkovic-ilievski 7".into(),
        found: if pairs == 0 {
            "no network both formed structure and reached zero test error".into()
        } else {
            format!("structure forms first in {before} of {pairs} networks ({:.2} to {:.2}); with pairs permuted {null:.2}", share.low, share.high)
        },
        agrees: (pairs >= 10).then_some(share.low > 0.5 && share.low > null),
    });
}

fn charts(groups: &[Group]) -> Vec<Chart> {
    let mut charts: Vec<Chart> = groups
        .iter()
        .zip(KINDS)
        .map(|(g, (name, ..))| {
            // One network in full is readable; a mean over networks would smear the fall.
            let mut marks = Vec::new();
            if let Some(r) = g.runs.iter().find(|r| r.t_grok.is_some()).or(g.runs.first()) {
                let line = |v: &[f64], f: fn(f64) -> f64| r.steps.iter().zip(v).filter(|(s, _)| **s > 0.0).map(|(s, y)| (*s, f(*y))).collect::<Vec<_>>();
                marks.push(Mark::line("D_eff", Look::Simulated, line(&r.dimensions, |y| y)));
                marks.push(Mark::line("test error × 10", Look::Group(2), line(&r.errors, |y| 10.0 * y)));
                if let Some(t) = r.t_grok {
                    marks.push(Mark::Vertical { name: "zero test error".into(), look: Look::Group(1), x: t as f64 });
                }
                if let Some(t) = r.formed() {
                    marks.push(Mark::Vertical { name: "structure formation".into(), look: Look::Null, x: t });
                }
            }
            Chart {
                title: format!("One network, regularisation: {name}"),
                x: Axis::log("step"),
                y: Axis::linear("").including(0.0),
                marks,
                note: String::new(),
            }
        })
        .collect();
    let points = |k: usize| Mark::points(KINDS[k].0, Look::Group(k as u8), groups[k].pairs.clone());
    let all: Vec<f64> = groups.iter().flat_map(|g| g.pairs.iter().flat_map(|p| [p.0, p.1])).collect();
    let (low, high) = all.iter().fold((f64::INFINITY, 1.0f64), |(l, h), x| (l.min(*x), h.max(*x)));
    let mut marks = vec![points(0), points(1), points(2)];
    if low.is_finite() {
        marks.push(Mark::line("equal", Look::Null, vec![(low, low), (high, high)]));
    }
    charts.push(Chart {
        title: "When structure forms, and when errors end".into(),
        x: Axis::log("structure formation, step"),
        y: Axis::log("zero test error, step"),
        marks,
        note: String::new(),
    });
    charts
}

#[cfg(test)]
mod tests {
    use super::super::MODEL;
    use super::*;

    fn args(given: &[(&str, Value)]) -> Args {
        let given = given.iter().map(|(k, v)| (k.to_string(), v.clone()));
        Args::check(MODEL.row.name, &MODEL.row, given.chain([("part".to_string(), Value::Str("network".into()))])).unwrap()
    }

    #[test]
    fn contexts_that_forget_span_what_they_remember() {
        let mut draws = Draws::new(3, 0, 0);
        let strings = automaton::random_strings(60, 40, &mut draws);
        // Each matrix sends everything to one axis of its own: the context is the last bit, two points, one dimension.
        let last = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0];
        assert!((left_dimension(&last, 2, &strings) - 1.0).abs() < 1e-9);
        // Four axes for the last two bits: four points of equal weight span three dimensions.
        let (d, mut a) = (4, vec![0.0; 32]);
        for bit in 0..2 {
            for before in 0..4 {
                a[bit * 16 + before * d + 2 * (before % 2) + bit] = 1.0;
            }
        }
        assert!((left_dimension(&a, d, &strings) - 3.0).abs() < 0.05);
    }

    #[test]
    fn a_network_here_is_the_engines_own_run() {
        let args = args(&[("length", Value::Int(5)), ("bond", Value::Int(4)), ("test_length", Value::Int(20)), ("steps", Value::Int(300))]);
        let strings = automaton::random_strings(10, 40, &mut Draws::new(1, 0, 0));
        let of = |seed| setup(&args, 2, seed).unwrap();
        let programs = Programs::new(&of(5)).unwrap();
        let shown = train(of(5), &programs, &strings, &Context::default()).unwrap();
        let mut alone = Run::new(of(5)).unwrap();
        alone.advance(&Sequential, &mut pennydrop_train::Silent);
        let curves = alone.curves();
        assert_eq!(shown.steps, curves.rows.iter().map(|e| e.step as f64).collect::<Vec<_>>());
        assert_eq!(shown.errors, curves.rows.iter().map(|e| 1.0 - e.test_accuracy).collect::<Vec<_>>());
        assert_eq!(shown.dimensions.len(), shown.steps.len());
        let a = alone.params().find(|p| p.0 == "A").unwrap();
        assert_eq!(shown.dimensions.last().copied(), Some(left_dimension(&a.2, a.1[1], &strings)));
        // Another seed, another network.
        assert_ne!(train(of(6), &programs, &strings, &Context::default()).unwrap().errors, shown.errors);
    }

    #[test]
    fn structure_forms_where_the_dimension_falls() {
        let shown = |dimensions: &[f64]| Shown {
            steps: (0..dimensions.len()).map(|i| 10.0 * i as f64).collect(),
            errors: vec![0.0; dimensions.len()],
            dimensions: dimensions.to_vec(),
            t_mem: None,
            t_grok: None,
        };
        assert_eq!(shown(&[2.0, 8.0, 8.0, 7.0, 3.9, 2.0]).formed(), Some(40.0));
        assert_eq!(shown(&[8.0, 7.9, 7.5]).formed(), None);
        assert_eq!(shown(&[2.0, 4.0, 8.0]).formed(), None);
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let wrong = args(&[("teacher", Value::Str("permuted".into()))]);
        assert!((MODEL.answer)(&wrong, &Context::default()).unwrap_err().to_string().contains("teacher"));
    }
}
