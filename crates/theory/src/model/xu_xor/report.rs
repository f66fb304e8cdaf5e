//! From runs to an answer.

use super::closed;
use super::train::{Run, Snapshot};
use super::{Scanned, Setting};
use crate::answer::{Answer, Cell, Finding, Quantity, Simulated, Table};
use crate::numeric::{fraction, mean, median, quantile};
use pennydrop_figure::chart::{Axis, Chart, Look, Mark, Point};

/// Agreement in sign, correlation, and slope through the origin of a network's outputs after one step on the one-step classifier's.
pub(super) fn one_step(s: &Setting, first: &[(f64, f64)]) -> (f64, f64, f64) {
    let (mut same, mut ff, mut ll, mut fl) = (0.0, 0.0, 0.0, 0.0);
    for &(f, sum) in first {
        let l = closed::one_step(s.alpha, s.n, sum);
        same += f64::from(u8::from(f * l > 0.0));
        // Outputs of 1e-150 and less would underflow when squared.
        let (f, l) = (f / s.alpha, l / s.alpha);
        ff += f * f;
        ll += l * l;
        fl += f * l;
    }
    (same / first.len() as f64, fl / (ff * ll).sqrt(), fl / ll)
}

pub(super) fn report(s: &Setting, runs: &[Run], scanned: &[Scanned]) -> Answer {
    let last = |r: &Run| r.snapshots.last().copied();
    let of = |f: &dyn Fn(&Run) -> f64| -> Vec<f64> { runs.iter().map(f).collect() };
    let at =
        |step: usize, f: &dyn Fn(&Snapshot) -> f64| -> Vec<f64> { runs.iter().filter_map(|r| r.snapshots.iter().find(|x| x.step == step)).map(f).collect() };
    let end = |f: &dyn Fn(&Snapshot) -> f64| -> Vec<f64> { runs.iter().filter_map(last).map(|x| f(&x)).collect() };
    let or_never = |t: Option<usize>| t.map_or(f64::INFINITY, |t| t as f64);
    let linear: Vec<(f64, f64, f64)> = runs.iter().map(|r| one_step(s, &r.first)).collect();
    let pick = |f: &dyn Fn(&(f64, f64, f64)) -> f64| linear.iter().map(f).collect::<Vec<f64>>();

    let train_1 = median(&at(1, &|x| x.train));
    let test_1 = median(&at(1, &|x| x.test));
    let perfect_1 = at(1, &|x| x.train).iter().filter(|x| **x == 1.0).count();
    let test_15 = at(15, &|x| x.test);
    let interpolates = of(&|r| or_never(r.interpolates));
    let generalises = of(&|r| or_never(r.generalises));
    let stays = runs.iter().filter(|r| r.interpolates.is_some() && r.stays).count();
    let fitted = runs.iter().filter(|r| r.interpolates.is_some()).count();
    let delay = of(&|r| r.generalises.map_or(f64::INFINITY, |g| g as f64 - or_never(r.interpolates)));
    let flipped_end: Vec<f64> = end(&|x| x.flipped).into_iter().filter(|x| x.is_finite()).collect();
    let (agreement, correlation, slope) = (median(&pick(&|x| x.0)), median(&pick(&|x| x.1)), median(&pick(&|x| x.2)));
    let (own, other) = (median(&end(&|x| x.own)), median(&end(&|x| x.other)));

    let q = |name: &str, doc: &str| Quantity::new(name, doc);
    let mut quantities = vec![
        q("train_accuracy_step_1", "training accuracy after one step, noisy labels; median over runs").printed(1.0).simulated(train_1),
        q("perfect_share_step_1", "share of runs that fit every training label after one step").simulated(fraction(perfect_1, runs.len())),
        q("test_accuracy_step_1", "test accuracy after one step; median over runs").printed(0.5).simulated(test_1),
        q("test_accuracy_end", "test accuracy after the last step; beside it that of averaging over a pair")
            .corrected(closed::averaging_test_accuracy(s))
            .simulated(median(&end(&|x| x.test))),
        q("train_accuracy_end", "training accuracy after the last step; median over runs").printed(1.0).simulated(median(&end(&|x| x.train))),
        q("flipped_accuracy_end", "share of flipped training labels that are fitted after the last step; mean over runs")
            .printed(1.0)
            .simulated(mean(&flipped_end)),
        q("benign_share", "share of interpolating runs in which the flipped labels stay fitted at every later step").simulated(fraction(stays, fitted)),
        q("interpolation_step", "first step with every training label fitted; median over runs").simulated(median(&interpolates)),
        q("generalisation_step", "first looked-at step with test accuracy .95; median over runs").simulated(median(&generalises)),
        q("delay_steps", "generalisation minus interpolation; median over runs").simulated(median(&delay)),
        q("linear_train_accuracy", "training accuracy of the linear classifier Σ y_i x_i; mean over runs")
            .corrected(closed::linear_train_accuracy(s))
            .simulated(mean(&of(&|r| r.linear.0))),
        q("linear_test_accuracy", "test accuracy of the linear classifier Σ y_i x_i; mean over runs")
            .corrected(closed::linear_test_accuracy())
            .simulated(mean(&of(&|r| r.linear.1))),
        q("one_step_agreement", "share of test points on which the network after one step and the linear classifier agree; median")
            .printed(1.0)
            .simulated(agreement),
        q("one_step_correlation", "cosine between their outputs over the test points; median").printed(1.0).simulated(correlation),
        q("one_step_slope", "slope of the network's outputs on x·(α/8n)Σ y_i x_i; median").printed(1.0).simulated(slope),
        q("cosine_own_end", "mean |cos| of neurons with the mean direction of their readout's sign, last step; median").simulated(own),
        q("cosine_other_end", "mean |cos| of neurons with the other mean direction, last step; median").simulated(other),
        q("theorem_exponent", "n^.99·‖μ‖⁴/p, the exponent of the theorem's error bound without its constant").printed(closed::exponent(s)),
    ];
    if !test_15.is_empty() {
        quantities.insert(3, q("test_accuracy_step_15", "test accuracy after fifteen steps; median over runs").simulated(median(&test_15)));
    }

    let words = |x: Simulated| format!("{:.3} [{:.3}, {:.3}]", x.estimate, x.low, x.high);
    // Claims about the first step are about steps that outweigh the initial weights.
    let large = s.first_step() > 1.0;
    let fair = 3.0 * 0.5 / (s.tests as f64).sqrt();
    let mut findings = vec![Finding {
        claim: "xu-benign-xor 1".into(),
        found: format!(
            "after one step {perfect_1} of {} runs fit every label (median training accuracy {}); median test accuracy {}, where chance is ½ and one test set of {} spreads by ±{:.3}",
            runs.len(),
            words(train_1),
            words(test_1),
            s.tests,
            fair / 3.0
        ),
        agrees: large.then_some(2 * perfect_1 > runs.len() && (test_1.estimate - 0.5).abs() < fair),
    }];
    let by_15 = median(&test_15);
    let poor = test_15.iter().filter(|x| **x < 0.95).count();
    findings.push(Finding {
        claim: "xu-benign-xor 2".into(),
        found: if test_15.is_empty() {
            "fewer than fifteen steps were taken".into()
        } else {
            format!("median test accuracy at step 15 is {}; {poor} of {} runs are below .95 there", words(by_15), test_15.len())
        },
        agrees: (!test_15.is_empty() && large).then_some(by_15.estimate >= 0.95),
    });
    let (slow_train, slow_test) = (median(&interpolates), median(&generalises));
    findings.push(Finding {
        claim: "xu-benign-xor 3".into(),
        found: format!(
            "at α = {:e} every label is first fitted at step {} and the test accuracy first reaches .95 at step {} (medians; inf: not within the steps)",
            s.alpha, slow_train.estimate, slow_test.estimate
        ),
        agrees: (!large).then_some(slow_train.estimate > 5.0 && slow_test.estimate > 20.0),
    });
    findings.push(Finding {
        claim: "xu-benign-xor 4".into(),
        found: format!(
            "{stays} of the {fitted} runs that fit every label keep every flipped label fitted at every later step; fitted at the end: {}",
            words(mean(&flipped_end))
        ),
        agrees: (fitted > 0).then_some(2 * stays > fitted),
    });
    findings.push(Finding {
        claim: "xu-benign-xor mechanism".into(),
        found: format!(
            "after one step the network agrees with the linear classifier on {} of the test points, slope {} on the formula, cosine {}; at the end neurons have |cos| {} with their own mean and {} with the other",
            words(agreement),
            words(slope),
            words(correlation),
            words(own),
            words(other)
        ),
        agrees: large.then_some(agreement.estimate > 0.8 && own.estimate > 2.0 * other.estimate),
    });

    let conditions = closed::conditions(s);
    let failing: Vec<&str> = conditions.iter().filter(|c| c.largest_c < 1.0).map(|c| c.text).collect();
    let mut notes = vec![
        "Points are drawn in coordinates adapted to them (Bartlett's decomposition), and the training goes through inner products: the law is that of the full simulation.".to_string(),
        "Intervals are for medians over runs (order statistics) unless a line says otherwise. A test set is drawn anew for every run.".to_string(),
    ];
    notes.push(format!("The first step moves an active neuron's output at a training point by {:.3} of the initial spread (α√p/2ωn√m).", s.first_step()));
    if !failing.is_empty() {
        notes.push(format!("Assumptions of the theorem that fail here even at C = 1: {}. So it promises nothing for these arguments.", failing.join("; ")));
    }
    let mut tables = vec![theorem(&conditions), steps(runs)];
    if !scanned.is_empty() {
        tables.push(scan(scanned));
    }
    Answer { quantities, charts: charts(s, runs, scanned), tables, findings, notes }
}

fn theorem(conditions: &[closed::Condition]) -> Table {
    Table {
        title: "Assumptions of the theorem".into(),
        columns: ["assumption", "left side", "right side at C = 1", "largest C (inf, 0: no constant)"].map(String::from).into(),
        rows: conditions.iter().map(|c| vec![Cell::from(c.text), c.left.into(), c.right.into(), c.largest_c.into()]).collect(),
    }
}

fn scan(scanned: &[Scanned]) -> Table {
    let row = |c: &Scanned| {
        let medians = [&c.first_train, &c.first, &c.interpolates, &c.generalises].map(|v| Cell::from(median(v).estimate));
        [Cell::from(c.signal), Cell::from(c.first.len())].into_iter().chain(medians).collect()
    };
    Table {
        title: "Along the norm of the means: medians over runs (inf: not within the steps)".into(),
        columns: ["‖μ‖²/√(p·n)", "runs", "train, step 1", "test, step 1", "first step that fits every label", "first looked-at step with test .95"]
            .map(String::from)
            .into(),
        rows: scanned.iter().map(row).collect(),
    }
}

/// A column of the table of steps, and of the charts: a median with quartiles at each step.
fn along(runs: &[Run], f: impl Fn(&Snapshot) -> f64) -> Vec<(usize, [f64; 3])> {
    let count = runs.iter().map(|r| r.snapshots.len()).min().unwrap_or(0);
    (0..count)
        .map(|k| {
            let mut values: Vec<f64> = runs.iter().map(|r| f(&r.snapshots[k])).filter(|x| x.is_finite()).collect();
            values.sort_by(f64::total_cmp);
            (runs[0].snapshots[k].step, [0.25, 0.5, 0.75].map(|q| quantile(&values, q)))
        })
        .collect()
}

fn steps(runs: &[Run]) -> Table {
    let columns = [along(runs, |x| x.train), along(runs, |x| x.flipped), along(runs, |x| x.test), along(runs, |x| x.own), along(runs, |x| x.other)];
    let rows = (0..columns[0].len()).map(|k| {
        let mut row = vec![Cell::from(columns[0][k].0)];
        row.extend(columns.iter().map(|c| Cell::from(c[k].1[1])));
        row.push(columns[2][k].1[0].into());
        row.push(columns[2][k].1[2].into());
        row
    });
    Table {
        title: "Medians over runs along the steps".into(),
        columns: ["step", "train", "flipped labels", "test", "|cos| own", "|cos| other", "test, lower quartile", "test, upper quartile"]
            .map(String::from)
            .into(),
        rows: rows.collect(),
    }
}

fn charts(s: &Setting, runs: &[Run], scanned: &[Scanned]) -> Vec<Chart> {
    // Step 0 has no place on a logarithmic axis.
    let line = |values: &[(usize, [f64; 3])]| values.iter().filter(|(t, _)| *t > 0).map(|(t, v)| (*t as f64, v[1])).collect::<Vec<_>>();
    let band = |values: &[(usize, [f64; 3])]| values.iter().filter(|(t, _)| *t > 0).map(|(t, v)| (*t as f64, v[0], v[2])).collect::<Vec<_>>();
    let (train, test, flipped) = (along(runs, |x| x.train), along(runs, |x| x.test), along(runs, |x| x.flipped));
    let (own, other) = (along(runs, |x| x.own), along(runs, |x| x.other));
    let mut out = vec![
        Chart {
            title: "Accuracy".into(),
            x: Axis::log("steps"),
            y: Axis::linear("share right").including(0.4).including(1.0),
            marks: vec![
                Mark::Band { name: "test, quartiles".into(), look: Look::Test, points: band(&test) },
                Mark::Horizontal { name: "any linear classifier".into(), look: Look::Null, y: closed::linear_test_accuracy() },
                Mark::line("train (noisy labels)", Look::Train, line(&train)),
                Mark::line("flipped labels, fitted", Look::Group(2), line(&flipped)),
                Mark::line("test (clean labels)", Look::Test, line(&test)),
            ],
            note: format!("Medians over {} runs.", runs.len()),
        },
        Chart {
            title: "Neurons and the cluster means".into(),
            x: Axis::log("steps"),
            y: Axis::linear("mean |cos|").including(0.0),
            marks: vec![Mark::line("the mean of the readout's sign", Look::Group(0), line(&own)), Mark::line("the other mean", Look::Group(1), line(&other))],
            note: "μ_1 for a > 0, μ_2 for a < 0; medians over runs.".into(),
        },
    ];
    if let Some(run) = runs.first() {
        let (mut points, mut reach): (Vec<(f64, f64)>, f64) = (Vec::new(), 0.0);
        for &(f, sum) in &run.first {
            let x = closed::one_step(s.alpha, s.n, sum);
            reach = reach.max((x / s.alpha).abs());
            points.push((x / s.alpha, f / s.alpha));
        }
        out.push(Chart {
            title: "Network after one step against the linear classifier".into(),
            x: Axis::linear("x·Σ y_i x_i / 8n"),
            y: Axis::linear("f(x)/α"),
            marks: vec![
                Mark::line("equal", Look::Closed, vec![(-reach, -reach), (reach, reach)]),
                Mark::points("test points of the first run", Look::Simulated, points),
            ],
            note: String::new(),
        });
    }
    if !scanned.is_empty() {
        let medians = |f: &dyn Fn(&Scanned) -> &[f64]| -> Vec<Point> {
            let at = scanned.iter().map(|c| (c.signal, median(f(c))));
            at.filter(|(_, m)| m.estimate.is_finite())
                .map(|(x, m)| Point { x, y: m.estimate, interval: m.high.is_finite().then_some((m.low, m.high)) })
                .collect()
        };
        out.push(Chart {
            title: "Where the delay disappears".into(),
            x: Axis::log("‖μ‖²/√(p·n)"),
            y: Axis::log("steps").including(1.0),
            marks: vec![
                Mark::Points { name: "every training label fitted".into(), look: Look::Train, points: medians(&|c| &c.interpolates) },
                Mark::Points { name: "test accuracy .95".into(), look: Look::Test, points: medians(&|c| &c.generalises) },
                Mark::Vertical { name: "the paper's assumption at C = 1".into(), look: Look::Null, x: libm::pow(s.n as f64, 0.01) },
            ],
            note: format!("Medians over {} runs a point; none where the median run does not get there.", scanned[0].generalises.len()),
        });
    }
    out
}
