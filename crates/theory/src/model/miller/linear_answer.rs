//! What part `linear` says.

use super::linear::{Crossings, Problem, accuracy, crossings, crossings_by_descent};
use super::{lane, or, rate};
use crate::answer::{Answer, Finding, Quantity, Simulated};
use crate::model::{Context, TheoryError};
use crate::numeric::{fraction, median, quantile};
use pennydrop_figure::chart::{Axis, Chart, Look, Mark};
use pennydrop_registry::Args;

/// One draw: crossings by descent and by the closed form, with the penalty and without.
struct Draw {
    descent: Crossings,
    closed: Crossings,
    flow: Crossings,
    bare: Crossings,
    bare_end: f64,
}

pub(super) fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    let (train, validation, epochs) = (or(args, "train", 2), or(args, "validation", 98), or(args, "epochs", 5000));
    let (epsilon, penalty, rate, threshold) = (args.float("epsilon"), args.float("penalty"), rate(args, 1e-3), args.float("threshold"));
    let problem = |i: usize, penalty: f64| Problem::draw(train, validation, epsilon, penalty, rate, &mut context.draws(lane::LINEAR, i));
    let samples = context.samples_or(super::MODEL.samples);
    let draws = context.map(samples, |i| {
        let with = problem(i, penalty);
        let solution = with.solve()?;
        if !solution.converges() {
            return Err(TheoryError::parameter(
                args,
                "rate",
                "makes gradient descent diverge: η times the largest curvature is over 2",
                "a smaller rate, or a larger epsilon",
            ));
        }
        let without = problem(i, 0.0);
        let free = without.solve()?;
        // Without the penalty nothing changes after the two seen directions have relaxed: the closed form at a million epochs.
        Ok(Draw {
            descent: crossings_by_descent(&with, threshold, epochs),
            closed: crossings(&with, threshold, epochs, |k| solution.descent(k as f64)),
            flow: crossings(&with, threshold, epochs, |k| solution.flow(k as f64)),
            bare: crossings_by_descent(&without, threshold, epochs),
            bare_end: accuracy(&free.descent(1e6), &without.validation),
        })
    })?;
    let mut answer = Answer::default();
    say(&draws, epochs, train, penalty, rate, threshold, &mut answer);
    charts(&problem(0, penalty), &problem(0, 0.0), epochs, &mut answer)?;
    answer.notes.push(
        "the batch is the whole training set, so the paper's SGD is gradient descent; its seeds' data cannot be drawn again, so the numbers are over our draws"
            .into(),
    );
    Ok(answer)
}

/// Never is infinite.
fn epoch(k: Option<usize>) -> f64 {
    k.map_or(f64::INFINITY, |k| k as f64)
}

fn gap(c: &Crossings) -> f64 {
    epoch(c.1) - c.0.map_or(0.0, |k| k as f64)
}

fn say(draws: &[Draw], epochs: usize, train: usize, penalty: f64, rate: f64, threshold: f64, answer: &mut Answer) {
    let over = |f: &dyn Fn(&Draw) -> f64| median(&draws.iter().map(f).collect::<Vec<f64>>());
    let rows: [(&str, &str, fn(&Crossings) -> f64); 3] = [
        ("train_crossing", "median epoch at which training accuracy first reaches the threshold", |c| epoch(c.0)),
        ("validation_crossing", "median epoch at which validation accuracy first reaches the threshold; never is infinite", |c| epoch(c.1)),
        ("grokking_gap", "median of their difference", gap),
    ];
    for (name, doc, of) in rows {
        answer.quantities.push(Quantity::new(name, doc).corrected(over(&|d| of(&d.closed)).estimate).simulated(over(&|d| of(&d.descent))));
    }
    // The paper's curve is the mean accuracy of five seeds: it is at the threshold when the slowest of five is. The median of the slowest of five is the quantile (1/2)^(1/5) of one.
    let slowest = |f: &dyn Fn(&Draw) -> f64| {
        let mut values: Vec<f64> = draws.iter().map(f).collect();
        values.sort_by(f64::total_cmp);
        quantile(&values, libm::pow(0.5, 0.2))
    };
    let five = slowest(&|d| epoch(d.descent.0));
    answer.quantities.push(
        Quantity::new("train_crossing_of_five", "median epoch at which the slowest of five draws reaches the threshold in training")
            .corrected(slowest(&|d| epoch(d.closed.0)))
            .simulated(Simulated { estimate: five, low: five, high: five, samples: draws.len() }),
    );
    answer.quantities.push(
        Quantity::new("validation_crossing_flow", "as validation_crossing, for gradient flow at times η · epoch")
            .corrected(over(&|d| epoch(d.flow.1)).estimate)
            .simulated(over(&|d| epoch(d.descent.1))),
    );
    if penalty > 0.0 {
        let scale = train as f64 / (2.0 * penalty * rate);
        answer
            .quantities
            .push(Quantity::new("forgetting_epochs", "n/(2ρη): epochs in which a direction that the data do not see loses a factor e").corrected(scale));
    }
    let reached = |f: &dyn Fn(&Draw) -> bool| fraction(draws.iter().filter(|d| f(d)).count(), draws.len());
    let with = reached(&|d| d.descent.1.is_some());
    let without = reached(&|d| d.bare.1.is_some());
    let ever = reached(&|d| d.bare_end >= threshold);
    answer.quantities.push(Quantity::new("validation_share", "share of draws whose validation accuracy reaches the threshold").simulated(with));
    answer.quantities.push(Quantity::new("validation_share_unregularised", "the same without the penalty").simulated(without));
    answer
        .quantities
        .push(Quantity::new("end_share_unregularised", "the same without the penalty, at the millionth epoch, by the closed form").corrected(ever.estimate));
    let same = draws.iter().filter(|d| d.descent == d.closed).count();
    answer.quantities.push(
        Quantity::new("closed_form_share", "share of draws whose crossings by descent and by the closed form are the same epochs")
            .simulated(fraction(same, draws.len())),
    );
    let (t, v) = (over(&|d| epoch(d.descent.0)), over(&|d| epoch(d.descent.1)));
    answer.findings.push(Finding {
        claim: "miller-beyond-nn 1".into(),
        found: format!(
            "median crossings: training at epoch {:.0} ({five:.0} for the slowest of five), validation at {:.0} [{:.0}, {:.0}] of {epochs} (claimed ~20 and 1000–2000 for the mean of five seeds); {} of {} draws reach it",
            t.estimate,
            v.estimate,
            v.low,
            v.high,
            (with.estimate * with.samples as f64) as usize,
            with.samples
        ),
        agrees: if (5.0..80.0).contains(&five) && v.low <= 2000.0 && v.high >= 1000.0 { Some(true) } else { None },
    });
    answer.findings.push(Finding {
        claim: "miller-beyond-nn 1".into(),
        found: format!(
            "without the penalty {:.0} % of the draws reach the threshold within {epochs} epochs, {:.0} % are there at the millionth",
            100.0 * without.estimate,
            100.0 * ever.estimate
        ),
        agrees: Some(ever.estimate < 0.05),
    });
}

fn charts(with: &Problem, without: &Problem, epochs: usize, answer: &mut Answer) -> Result<(), TheoryError> {
    // Epochs in geometric progression.
    let mut grid: Vec<usize> = (0..=160).map(|i| libm::round(libm::pow(epochs as f64, i as f64 / 160.0)) as usize).collect();
    grid.dedup();
    let (solution, free) = (with.solve()?, without.solve()?);
    let mut descent: Vec<(f64, f64)> = Vec::new();
    let (mut fit, mut complexity) = (Vec::new(), Vec::new());
    let mut next = 0;
    with.descend(epochs, |epoch, w| {
        if grid.get(next) == Some(&epoch) {
            if next % 8 == 0 {
                descent.push((epoch as f64, accuracy(w, &with.validation)));
            }
            let (f, c) = with.terms(w);
            fit.push((epoch as f64, f));
            complexity.push((epoch as f64, c));
            next += 1;
        }
        next == grid.len()
    });
    let closed = |s: &super::linear::Solution, points: &[([f64; 4], f64)]| grid.iter().map(|k| (*k as f64, accuracy(&s.descent(*k as f64), points))).collect();
    answer.charts.push(Chart {
        title: "accuracy of one draw".into(),
        x: Axis::log("epoch"),
        y: Axis::linear("accuracy of the sign").including(0.0).including(1.0),
        marks: vec![
            Mark::line("training, closed form", Look::Train, closed(&solution, &with.train)),
            Mark::line("validation, closed form", Look::Test, closed(&solution, &with.validation)),
            Mark::line("validation without penalty", Look::Null, closed(&free, &without.validation)),
            Mark::points("validation, descent", Look::Simulated, descent),
        ],
        note: String::new(),
    });
    answer.charts.push(Chart {
        title: "data term and penalty of the same draw".into(),
        x: Axis::log("epoch"),
        y: Axis::log("term of the loss"),
        marks: vec![Mark::line("data term", Look::Group(0), fit), Mark::line("penalty", Look::Group(1), complexity)],
        note: "low error first, low complexity later".into(),
    });
    let end = Simulated::exact(descent_end(with, epochs));
    answer.quantities.push(
        Quantity::new("first_draw_validation", "validation accuracy of the drawn example at the end")
            .corrected(accuracy(&solution.descent(epochs as f64), &with.validation))
            .simulated(end),
    );
    Ok(())
}

fn descent_end(problem: &Problem, epochs: usize) -> f64 {
    let mut last = f64::NAN;
    problem.descend(epochs, |epoch, w| {
        if epoch == epochs {
            last = accuracy(w, &problem.validation);
        }
        false
    });
    last
}
