//! The answers of the three parts.

use super::effective::late_rate;
use super::lattice::Lattice;
use super::parts::{AtSize, Cell, Flows, PHASES, phase_of};
use super::toy::Run;
use crate::answer::{Answer, Cell as Entry, Finding, Quantity, Simulated, Table};
use crate::numeric::{fraction, mean, median};
use pennydrop_figure::chart::{Axis, Chart, Look, Mark, Point};
use pennydrop_registry::Args;

fn finding(number: &str, found: String, agrees: Option<bool>) -> Finding {
    Finding { claim: format!("liu-effective-theory {number}"), found, agrees }
}

fn table(title: &str, columns: &[&str], rows: Vec<Vec<Entry>>) -> Table {
    Table { title: title.into(), columns: columns.iter().map(|c| c.to_string()).collect(), rows }
}

fn points(of: impl Iterator<Item = (f64, Simulated)>) -> Vec<Point> {
    of.map(|(x, s)| Point { x, y: s.estimate, interval: Some((s.low, s.high)) }).collect()
}

fn unique(s: &AtSize) -> Simulated {
    fraction(s.unique.iter().filter(|u| **u).count(), s.unique.len())
}

/// Fraction of samples at which `share` of the training sets crosses one half, between the sizes that were drawn.
fn crossing(scan: &[AtSize], all: usize, share: impl Fn(&AtSize) -> f64) -> Option<f64> {
    scan.windows(2).find_map(|w| {
        let (a, b) = (share(&w[0]), share(&w[1]));
        let part = (0.5 - a) / (b - a);
        (a < 0.5 && b >= 0.5).then(|| (w[0].d as f64 + part * (w[1].d - w[0].d) as f64) / all as f64)
    })
}

pub(super) fn effective(lattice: &Lattice, train: usize, scan: &[AtSize], flows: &[Flows]) -> Answer {
    let all = lattice.samples.len();
    let share = |d: usize| d as f64 / all as f64;
    let Some(at) = scan.iter().find(|s| s.d == train) else { return Answer::default() };
    let chosen = train as f64 * (train as f64 - 1.0) / (all as f64 * (all as f64 - 1.0));
    let lambda_all = lattice.third_eigenvalue(&lattice.pairs);
    let critical = crossing(scan, all, |s| unique(s).estimate);
    let ends = (crossing(scan, all, |s| unique(s).high), crossing(scan, all, |s| unique(s).low));
    // Rates in units in which the closed form is λ₃: rate·Z₀/2, times the number of parallelograms in the paper's normalisation.
    let released: Vec<f64> = flows.iter().filter_map(|f| Some(f.released.rate? * f.released.z0 / 2.0)).collect();
    let own: Vec<(f64, f64)> = flows.iter().filter_map(|f| Some((f.lambda, f.own.rate? * f.own.z0 * f.count / 2.0))).collect();
    let mut quantities = vec![
        Quantity::new("parallelograms", "pairs of samples with equal sums, |P₀|").printed(lattice.pairs.len() as f64),
        Quantity::new("parallelograms_trained", "those within a training set; closed form |P₀|·d(d − 1)/(n(n − 1))")
            .corrected(lattice.pairs.len() as f64 * chosen)
            .simulated(mean(&at.pairs.iter().map(|n| *n as f64).collect::<Vec<_>>())),
        Quantity::new("unique_probability", "share of training sets with a unique linear representation (nullity 2)").simulated(unique(at)),
        Quantity::new("ideal_accuracy", "test accuracy if every parallelogram that the training set implies holds").simulated(mean(&at.ideal)),
        Quantity::new("lambda3_training", "mean third-smallest eigenvalue λ₃ of AᵀA over training sets").simulated(mean(&at.lambda)),
        Quantity::new("late_rate_released", "late rate of the released flow, ·Z₀/2; closed form λ₃ of all parallelograms")
            .printed(lambda_all)
            .simulated(mean(&released)),
    ];
    if !own.is_empty() {
        quantities.push(
            Quantity::new("late_rate_training", "late rate of the flow on a training set, ·Z₀|P₀(D)|/2, mean; closed form its λ₃")
                .printed(own.iter().map(|x| x.0).sum::<f64>() / own.len() as f64)
                .simulated(mean(&own.iter().map(|x| x.1).collect::<Vec<_>>())),
        );
    }
    if let Some(fraction) = critical {
        let (low, high) = (ends.0.unwrap_or(fraction), ends.1.unwrap_or(fraction));
        let q = Quantity::new("critical_fraction", "share of samples at which half of the training sets are unique").simulated(Simulated {
            estimate: fraction,
            low,
            high,
            samples: at.unique.len(),
        });
        quantities.push(if lattice.p == 10 { q.printed(0.4) } else { q });
    }

    let worst = own.iter().map(|x| (x.1 / x.0 - 1.0).abs()).fold(0.0, f64::max);
    let released_worst = released.iter().map(|x| (x / lambda_all - 1.0).abs()).fold(0.0, f64::max);
    let mut findings = vec![finding(
        "rate",
        format!(
            "released flow: measured/λ₃ within {released_worst:.1e} in {} flows; on training sets of {train}: within {worst:.1e} in {} flows",
            released.len(),
            own.len()
        ),
        if released.is_empty() { None } else { Some(released_worst < 0.02 && worst < 0.02) },
    )];
    if let Some(c) = critical {
        let found = format!("half of the training sets are unique at {c:.3} [{:.3}, {:.3}]", ends.0.unwrap_or(c), ends.1.unwrap_or(c));
        findings.push(finding("1", found, if lattice.p == 10 { Some((c - 0.4).abs() < 0.03) } else { None }));
    }

    let x = || Axis::linear("training fraction").including(0.0).including(1.0);
    let mut marks = vec![
        Mark::Horizontal { name: String::new(), look: Look::Null, y: 0.5 },
        Mark::Points {
            name: "training sets with a unique representation".into(),
            look: Look::Simulated,
            points: points(scan.iter().map(|s| (share(s.d), unique(s)))),
        },
        Mark::Points { name: "ideal test accuracy, mean".into(), look: Look::Group(2), points: points(scan.iter().map(|s| (share(s.d), mean(&s.ideal)))) },
    ];
    if lattice.p == 10 {
        marks.insert(1, Mark::Vertical { name: "critical fraction of the paper".into(), look: Look::Printed, x: 0.4 });
    }
    let mut charts = vec![
        Chart {
            title: "Which training sets force the line".into(),
            x: x(),
            y: Axis::linear("share").including(0.0).including(1.0),
            marks,
            note: String::new(),
        },
        Chart {
            title: "The rate that they force it with".into(),
            x: x(),
            y: Axis::linear("λ_3 of AᵀA").including(0.0),
            marks: vec![
                Mark::Horizontal { name: "all parallelograms (released flow)".into(), look: Look::Closed, y: lambda_all },
                Mark::Points { name: "training sets, mean".into(), look: Look::Simulated, points: points(scan.iter().map(|s| (share(s.d), mean(&s.lambda)))) },
            ],
            note: String::new(),
        },
    ];
    charts.push(decay_chart(flows, lambda_all));
    charts.push(Chart {
        title: "Late rates of flows, measured without eigenvalues".into(),
        x: Axis::linear("λ_3").including(0.0),
        y: Axis::linear("measured rate · Z_0 |P_0(D)| / 2").including(0.0),
        marks: vec![
            Mark::line("equal", Look::Closed, vec![(0.0, 0.0), (lambda_all * 1.05, lambda_all * 1.05)]),
            Mark::points("flow on a training set", Look::Simulated, own),
            Mark::points("released flow", Look::Printed, released.iter().map(|r| (lambda_all, *r)).collect()),
        ],
        note: String::new(),
    });
    let rows = scan
        .iter()
        .map(|s| {
            let (u, l, i) = (unique(s), mean(&s.lambda), mean(&s.ideal));
            vec![s.d.into(), share(s.d).into(), u.estimate.into(), u.low.into(), u.high.into(), l.estimate.into(), i.estimate.into()]
        })
        .collect();
    Answer {
        quantities,
        charts,
        tables: vec![table("Training sets", &["D", "fraction", "P(unique)", "low", "high", "mean λ₃", "ideal accuracy"], rows)],
        findings,
        notes: vec![
            "λ₃ counts as 0 for training sets whose representation is not unique.".into(),
            "The released flow takes all parallelograms, trained or not: its rate says nothing about the training set.".into(),
        ],
    }
}

/// Loss of the first flows against time, with lines of the predicted slope.
fn decay_chart(flows: &[Flows], lambda_all: f64) -> Chart {
    let mut marks = Vec::new();
    if let Some(f) = flows.iter().find(|f| f.own.rate.is_some()).or(flows.first()) {
        for (name, flow, rate, look) in [
            ("training set (paper: ÷ |P_0(D)|)", &f.own, late_rate(f.lambda, f.own.z0, f.count), Look::Simulated),
            ("all parallelograms (released, ÷ 1)", &f.released, late_rate(lambda_all, f.released.z0, 1.0), Look::Group(2)),
        ] {
            let curve: Vec<(f64, f64)> = flow.loss.iter().copied().filter(|l| l.1 > 1e-15).collect();
            if let Some(end) = curve.last().copied() {
                let slope = |t: f64| end.1 * libm::exp(-2.0 * rate * (t - end.0));
                let predicted = curve.iter().map(|c| (c.0, slope(c.0))).filter(|c| c.1 < 1.0).collect();
                marks.push(Mark::line(name, look, curve));
                marks.push(Mark::line("slope 4λ_3/Z_0 through the end", Look::Closed, predicted));
            }
        }
    }
    Chart {
        title: "A flow, and the slope of its third eigenvalue".into(),
        x: Axis::log("time t"),
        y: Axis::log("effective loss ℓ_0/Z_0"),
        marks,
        note: String::new(),
    }
}

pub(super) fn toy(lattice: &Lattice, args: &Args, runs: &[Run]) -> Answer {
    let last = |r: &Run| r.looks.last().map_or((f64::NAN, f64::NAN, f64::NAN), |l| (l.train, l.test, l.quality));
    let predicted = |r: &Run| lattice.predicted_accuracy(&r.trained, &r.embedding).unwrap_or(f64::NAN);
    let ideal = |r: &Run| lattice.ideal_accuracy(&r.trained).unwrap_or(f64::NAN);
    let time = |r: &Run, of: fn(&super::toy::Look) -> f64, level: f64| r.reaches(of, level).map_or(f64::INFINITY, |t| t as f64);
    let over = |f: &dyn Fn(&Run) -> f64| runs.iter().map(f).collect::<Vec<f64>>();
    let (actual, said) = (over(&|r| last(r).1), over(&predicted));
    let said_mean = said.iter().sum::<f64>() / said.len() as f64;
    let quality = over(&|r| time(r, |l| l.quality, 0.95));
    let quantities = vec![
        Quantity::new("test_accuracy", "at the end; closed form: from the parallelograms of the trained embedding").printed(said_mean).simulated(mean(&actual)),
        Quantity::new("train_accuracy", "at the end").simulated(mean(&over(&|r| last(r).0))),
        Quantity::new("ideal_accuracy", "what the training sets allow").simulated(mean(&over(&ideal))),
        Quantity::new("quality", "representation-quality index at the end").simulated(mean(&over(&|r| last(r).2))),
        Quantity::new("steps_to_quality", "steps until the index passes 0.95, median; infinite where it did not").simulated(median(&quality)),
        Quantity::new("steps_to_train", "steps until 90 % of the training samples are right, median").simulated(median(&over(&|r| time(r, |l| l.train, 0.9)))),
        Quantity::new("steps_to_test", "steps until 90 % of the test samples are right, median").simulated(median(&over(&|r| time(r, |l| l.test, 0.9)))),
    ];
    let gaps: Vec<f64> = actual.iter().zip(&said).map(|(a, s)| (a - s).abs()).collect();
    let worst = gaps.iter().copied().fold(0.0, f64::max);
    let reached: Vec<f64> = quality.iter().copied().filter(|q| q.is_finite()).collect();
    let paper = args.size("p") == 10 && args.size("train") == 45;
    let range = reached.iter().fold((f64::INFINITY, 0.0f64), |(a, b), q| (a.min(*q), b.max(*q)));
    let found_quality = match reached.len() {
        0 => format!("in none of {} runs", runs.len()),
        n => format!("in {n} of {} runs, after {:.0} to {:.0} steps", runs.len(), range.0, range.1),
    };
    let findings = vec![
        finding("2", format!("largest difference of actual and predicted accuracy {worst:.2} over {} runs", runs.len()), Some(worst <= 0.15)),
        finding("3", found_quality, if paper && !reached.is_empty() { Some(range.0 >= 500.0 && range.1 <= 3500.0) } else { None }),
    ];
    let curves = |name: &str, look: Look, of: fn(&super::toy::Look) -> f64| -> Vec<Mark> {
        runs.iter().map(|r| Mark::line(name, look, r.looks.iter().filter(|l| l.step > 0).map(|l| (l.step as f64, of(l))).collect())).collect()
    };
    let share = || Axis::linear("accuracy").including(0.0).including(1.0);
    let mut learning = curves("train", Look::Train, |l| l.train);
    learning.extend(curves("test", Look::Test, |l| l.test));
    let charts = vec![
        Chart {
            title: format!("Training, {} of {} samples", args.size("train"), lattice.samples.len()),
            x: Axis::log("step"),
            y: share(),
            marks: learning,
            note: String::new(),
        },
        Chart {
            title: "Quality of the representation".into(),
            x: Axis::log("step"),
            y: Axis::linear("share of parallelograms").including(0.0).including(1.0),
            marks: [vec![Mark::Horizontal { name: "0.95".into(), look: Look::Null, y: 0.95 }], curves("index", Look::Simulated, |l| l.quality)].concat(),
            note: String::new(),
        },
        Chart {
            title: "Actual against predicted accuracy".into(),
            x: Axis::linear("predicted from the embedding's parallelograms").including(0.0).including(1.0),
            y: Axis::linear("actual test accuracy").including(0.0).including(1.0),
            marks: vec![
                Mark::line("equal", Look::Closed, vec![(0.0, 0.0), (1.0, 1.0)]),
                Mark::points("runs", Look::Simulated, said.iter().copied().zip(actual.iter().copied()).collect()),
            ],
            note: String::new(),
        },
    ];
    let rows = runs
        .iter()
        .enumerate()
        .map(|(k, r)| {
            let (train, test, quality) = last(r);
            let at = |of: fn(&super::toy::Look) -> f64, level: f64| r.reaches(of, level).map_or(Entry::Empty, Entry::from);
            vec![
                k.into(),
                train.into(),
                test.into(),
                predicted(r).into(),
                ideal(r).into(),
                quality.into(),
                at(|l| l.train, 0.9),
                at(|l| l.test, 0.9),
                at(|l| l.quality, 0.95),
            ]
        })
        .collect();
    let columns = ["run", "train", "test", "predicted", "ideal", "quality", "steps to train", "steps to test", "steps to quality"];
    let notes = vec!["An empty cell: not within the budget of steps. Looks are some forty a decade, and times are of looks.".into()];
    Answer { quantities, charts, tables: vec![table("Runs", &columns, rows)], findings, notes }
}

pub(super) fn phase(args: &Args, xs: &[f64], ys: &[f64], cells: &[Cell], runs: usize) -> Answer {
    let (gap, n, steps) = (args.float("gap"), xs.len(), args.size("steps"));
    let all: Vec<usize> = cells.iter().flat_map(|c| c.times.iter().map(|t| phase_of(*t, gap))).collect();
    let quantities = PHASES
        .iter()
        .enumerate()
        .map(|(k, name)| Quantity::new(name, "share of runs in this phase").simulated(fraction(all.iter().filter(|p| **p == k).count(), all.len())))
        .collect();
    let grid = |f: &dyn Fn(&Cell) -> f64| cells.chunks(n).map(|row| row.iter().map(f).collect::<Vec<f64>>()).collect::<Vec<_>>();
    let by_rates = args.str("plane") == "rates";
    let x = || Axis::log("learning rate of the decoder");
    let y = || if by_rates { Axis::log("learning rate of the embeddings") } else { Axis::linear("weight decay of the decoder") };
    let time = |c: &Cell| median(&c.times.iter().map(|t| t.1.map_or(f64::INFINITY, |t| t as f64)).collect::<Vec<_>>()).estimate;
    let charts = vec![
        Chart {
            title: format!("Phases within {steps} steps, gap {gap}"),
            x: x(),
            y: y(),
            marks: vec![Mark::Classes {
                names: PHASES.map(String::from).to_vec(),
                xs: xs.to_vec(),
                ys: ys.to_vec(),
                classes: cells.chunks(n).map(|row| row.iter().map(|c| Some(c.phase(gap))).collect()).collect(),
            }],
            note: "Borders move with the budget of steps.".into(),
        },
        Chart {
            title: "Steps until 90 % of the test samples are right".into(),
            x: x(),
            y: y(),
            marks: vec![Mark::Map {
                label: "steps, median of runs; hatched: not within the budget".into(),
                xs: xs.to_vec(),
                ys: ys.to_vec(),
                values: grid(&time),
                log: true,
            }],
            note: String::new(),
        },
    ];
    // In how many columns (rows at the slowest decoder first) grokking has neighbours of either kind.
    let at = |ix: usize, iy: usize| cells[iy * n + ix].phase(gap);
    let neighbours = |ix: usize, iy: usize| {
        let near = [(ix.wrapping_sub(1), iy), (ix + 1, iy), (ix, iy.wrapping_sub(1)), (ix, iy + 1)];
        near.into_iter().filter(|(x, y)| *x < n && *y < n).map(|(x, y)| at(x, y)).collect::<Vec<_>>()
    };
    let grokking: Vec<(usize, usize)> = (0..n).flat_map(|iy| (0..n).map(move |ix| (ix, iy))).filter(|(x, y)| at(*x, *y) == 1).collect();
    let between = grokking.iter().filter(|(x, y)| neighbours(*x, *y).iter().any(|p| *p == 0 || *p == 2)).count();
    let row_of = |phase: usize| {
        let columns: Vec<f64> =
            (0..n).flat_map(|iy| (0..n).map(move |ix| (ix, iy))).filter(|(x, y)| at(*x, *y) == phase).map(|(x, _)| libm::log10(xs[x])).collect();
        if columns.is_empty() { None } else { Some(columns.iter().sum::<f64>() / columns.len() as f64) }
    };
    let faster = match (row_of(2), row_of(0)) {
        (Some(memorising), Some(comprehending)) => (
            format!("mean log₁₀ rate of the decoder {memorising:.2} where it memorises, {comprehending:.2} where it comprehends"),
            Some(memorising > comprehending),
        ),
        _ => ("one of the two phases does not occur on this grid".into(), None),
    };
    let findings = vec![
        finding(
            "4",
            format!("{between} of {} grokking cells touch comprehension or memorisation", grokking.len()),
            if grokking.is_empty() { None } else { Some(between == grokking.len()) },
        ),
        finding("5", faster.0, faster.1),
    ];
    let rows = (0..n)
        .flat_map(|iy| (0..n).map(move |ix| (ix, iy)))
        .map(|(ix, iy)| {
            let c = &cells[iy * n + ix];
            let middle = |of: &dyn Fn(&(Option<usize>, Option<usize>)) -> Option<usize>| {
                median(&c.times.iter().map(|t| of(t).map_or(f64::INFINITY, |t| t as f64)).collect::<Vec<_>>()).estimate
            };
            vec![xs[ix].into(), ys[iy].into(), PHASES[c.phase(gap)].into(), middle(&|t| t.0).into(), middle(&|t| t.1).into()]
        })
        .collect();
    Answer {
        quantities,
        charts,
        tables: vec![table("Cells", &["x", "y", "phase", "steps to train", "steps to test"], rows)],
        findings,
        notes: vec![format!("{runs} runs a cell with one training set, start and targets for each run number; steps are of looks, some forty a decade.")],
    }
}
