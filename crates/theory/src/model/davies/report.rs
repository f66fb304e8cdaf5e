//! What the toy says.

use super::curves::{self, Population};
use super::fit::{self, Fit, Measured};
use super::{Setting, first_at, peak_and_dip, test, train};
use crate::answer::{Answer, Finding, Quantity, Simulated, Table};
use crate::model::{Context, TheoryError};
use pennydrop_figure::chart::{Axis, Chart, Look, Mark, Point};

/// A fall of the test accuracy that counts as a descent.
const DIP: f64 = 0.01;

/// The toy and plain sigmoids, fitted to simulated curves, with what they were fitted to.
pub(super) struct Fits {
    data: Vec<Measured>,
    toy: Option<Fit>,
    sigmoids: Option<Fit>,
}

pub(super) fn fits(s: &Setting, along: &[Population], context: &Context, lane: u32) -> Result<Fits, TheoryError> {
    let all = along[0].joined(&along[1]);
    let share = |k: usize| k as f64 / all.examples as f64;
    // Sixty places at most: the fit is for curves as they are logged.
    let every = s.steps.div_ceil(60);
    let data: Vec<Measured> = (0..=s.steps).step_by(every).map(|t| Measured { t: t as f64, train: share(all.train[t]), test: share(all.test[t]) }).collect();
    let g: Vec<f64> = s.patterns.iter().map(|p| p.g).collect();
    let mut found = context.map(2, |i| {
        let draws = &mut context.draws(lane, i);
        Ok(if i == 0 { fit::toy(&data, &g, s.preferred, 12, draws) } else { fit::sigmoids(&data, 12, draws) })
    })?;
    let sigmoids = found.pop().flatten();
    Ok(Fits { toy: found.pop().flatten(), sigmoids, data })
}

pub(super) fn report(s: &Setting, along: &[Population], widths: &[f64], across: &Population, fits: Option<&Fits>) -> Answer {
    let times: Vec<f64> = (0..=s.steps).map(|t| t as f64).collect();
    let trained: Vec<f64> = times.iter().map(|t| train(&s.patterns, *t)).collect();
    let tested: Vec<f64> = times.iter().map(|t| test(&s.patterns, s.preferred, *t)).collect();
    let all = along[0].joined(&along[1]);
    let (train_seen, test_seen) = (all.train_accuracy(), all.test_accuracy());
    let mut quantities = Vec::new();
    for (name, doc, level, curve, seen) in [
        ("train_reaches_99", "first step with training accuracy ≥ .99", 0.99, &trained, &train_seen),
        ("test_reaches_50", "first step with test accuracy ≥ .5", 0.5, &tested, &test_seen),
        ("test_reaches_95", "first step with test accuracy ≥ .95", 0.95, &tested, &test_seen),
    ] {
        quantities.push(Quantity {
            printed: first_at(curve, level).map(|t| t as f64),
            simulated: curves::first_at(seen, level, |t| t as f64),
            ..Quantity::new(name, doc)
        });
    }
    let dip = peak_and_dip(&tested, DIP);
    // Where the first half of the examples has its peak, and how high the second half is there: a maximum of noise would be too high.
    let half = |p: &Population| p.test.iter().map(|k| *k as f64 / p.examples as f64).collect::<Vec<_>>();
    let seen_dip = peak_and_dip(&half(&along[0]), 4.0 * DIP.max(0.5 / (along[0].examples as f64).sqrt()));
    let second = along[1].test_accuracy();
    let place = |t: usize| Simulated::exact(t as f64);
    for (name, doc, closed, seen) in [
        ("test_peak_step", "step of the first peak of the test accuracy", dip.map(|d| d.0 as f64), seen_dip.map(|d| place(d.0))),
        ("test_peak", "test accuracy at its first peak", dip.map(|d| tested[d.0]), seen_dip.map(|d| second[d.0])),
        ("test_dip_step", "step of the minimum after the peak", dip.map(|d| d.1 as f64), seen_dip.map(|d| place(d.1))),
        ("test_dip", "test accuracy at that minimum", dip.map(|d| tested[d.1]), seen_dip.map(|d| second[d.1])),
    ] {
        quantities.push(Quantity { printed: closed, simulated: seen, ..Quantity::new(name, doc) });
    }
    let last = s.steps;
    quantities.push(Quantity::new("train_final", "training accuracy at the last step").printed(trained[last]).simulated(train_seen[last]));
    quantities.push(Quantity::new("test_final", "test accuracy at the last step").printed(tested[last]).simulated(test_seen[last]));

    // Along the width.
    let wide: Vec<(f64, f64)> = widths.iter().map(|w| s.effective(*w)).map(|t| (train(&s.patterns, t), test(&s.patterns, s.preferred, t))).collect();
    let (train_wide, test_wide): (Vec<f64>, Vec<f64>) = wide.iter().copied().unzip();
    let (train_across, test_across) = (across.train_accuracy(), across.test_accuracy());
    let mut at_width = Vec::new();
    for (name, doc, level, curve, seen) in [
        ("train_width_99", "smallest width of the grid with final training accuracy ≥ .99 (reconstruction)", 0.99, &train_wide, &train_across),
        ("test_width_95", "smallest width of the grid with final test accuracy ≥ .95 (reconstruction)", 0.95, &test_wide, &test_across),
    ] {
        let closed = first_at(curve, level).map(|i| widths[i]);
        at_width.push(closed);
        quantities.push(Quantity { corrected: closed, simulated: curves::first_at(seen, level, |i| widths[i]), ..Quantity::new(name, doc) });
    }

    let findings = vec![claim_1(s, dip, &trained, &tested), claim_2(&at_width)];
    let mut answer = Answer { quantities, findings, ..Answer::default() };
    answer.charts.push(over_time(&times, &trained, &tested, &train_seen, &test_seen));
    answer.charts.push(patterns_chart(s, &times));
    answer.charts.push(over_width(widths, &wide, &train_across, &test_across));
    if let Some(fits) = fits {
        add_fits(s, fits, &mut answer);
    }
    answer.notes.push(
        "The simulation draws examples: pattern i is active on an example where a uniform number is below p_i(t), one active pattern speaks, and it is right with probability g. \
         An example keeps its draws, so neighbouring steps are not independent; intervals hold at each step."
            .into(),
    );
    answer.notes.push(
        "The width axis is a reconstruction: a step of a network of some width counts (width/width_0)^kappa along every curve. The paper shows model-wise grokking of transformers, not of the toy."
            .into(),
    );
    answer
}

fn claim_1(s: &Setting, dip: Option<(usize, usize)>, trained: &[f64], tested: &[f64]) -> Finding {
    let claim = "davies-unifying 1".to_string();
    let last = tested[s.steps];
    let (found, agrees) = match dip {
        Some((peak, bottom)) => {
            let regained = tested[bottom..].iter().any(|y| *y >= tested[peak]);
            let found = format!(
                "double descent: test accuracy {:.4} at step {peak}, {:.4} at step {bottom}, {last:.4} at step {}: the peak is {}regained",
                tested[peak],
                tested[bottom],
                s.steps,
                if regained { "" } else { "not " }
            );
            (found, Some(!regained && last > tested[bottom]))
        }
        None => match (first_at(trained, 0.99), first_at(tested, 0.95)) {
            (Some(a), Some(b)) => (format!("grokking: training accuracy .99 at step {a}, test accuracy .95 at step {b}"), Some(b > a)),
            _ => (format!("neither curve is decided after {} steps: training accuracy {:.4}, test accuracy {last:.4}", s.steps, trained[s.steps]), None),
        },
    };
    // The claim is about the paper's patterns.
    Finding { claim, found, agrees: agrees.filter(|_| s.as_printed) }
}

fn claim_2(at_width: &[Option<f64>]) -> Finding {
    let found = match (at_width[0], at_width[1]) {
        (Some(a), Some(b)) => {
            format!("training accuracy .99 from width {a:.0}, test accuracy .95 from width {b:.0}; this order follows from the order in time")
        }
        (Some(a), None) => format!("training accuracy .99 from width {a:.0}, test accuracy .95 at no width of the grid"),
        _ => "training accuracy .99 at no width of the grid".into(),
    };
    // A reconstruction cannot decide about transformers.
    Finding { claim: "davies-unifying 2".into(), found, agrees: None }
}

fn points(xs: &[f64], seen: &[Simulated], every: usize) -> Vec<Point> {
    let shown = xs.iter().zip(seen).step_by(every.max(1));
    shown.map(|(x, s)| Point { x: *x, y: s.estimate, interval: Some((s.low, s.high)) }).collect()
}

fn pairs(xs: &[f64], ys: &[f64]) -> Vec<(f64, f64)> {
    xs.iter().copied().zip(ys.iter().copied()).collect()
}

fn over_time(times: &[f64], trained: &[f64], tested: &[f64], train_seen: &[Simulated], test_seen: &[Simulated]) -> Chart {
    let every = times.len().div_ceil(30);
    Chart {
        title: "accuracy over time".into(),
        x: Axis::linear("step"),
        y: Axis::linear("accuracy").including(0.0).including(1.0),
        marks: vec![
            Mark::line("training", Look::Train, pairs(times, trained)),
            Mark::line("test", Look::Test, pairs(times, tested)),
            Mark::Points { name: "simulated examples".into(), look: Look::Simulated, points: points(times, train_seen, every) },
            Mark::Points { name: "simulated examples".into(), look: Look::Simulated, points: points(times, test_seen, every) },
        ],
        note: String::new(),
    }
}

fn patterns_chart(s: &Setting, times: &[f64]) -> Chart {
    let line = |(i, p): (usize, &super::Pattern)| {
        let name = format!("pattern {}{}", i + 1, if s.preferred == Some(i) { ", preferred" } else { "" });
        Mark::line(&name, Look::Group(i as u8), times.iter().map(|t| (*t, p.predictiveness(*t))).collect())
    };
    Chart {
        title: "what each pattern explains".into(),
        x: Axis::linear("step"),
        y: Axis::linear("predictiveness p").including(0.0).including(1.0),
        marks: s.patterns.iter().enumerate().map(line).collect(),
        note: String::new(),
    }
}

fn over_width(widths: &[f64], wide: &[(f64, f64)], train_across: &[Simulated], test_across: &[Simulated]) -> Chart {
    let of = |f: fn(&(f64, f64)) -> f64| widths.iter().zip(wide).map(|(w, y)| (*w, f(y))).collect::<Vec<_>>();
    Chart {
        title: "accuracy over the width (reconstruction)".into(),
        x: Axis::log("width"),
        y: Axis::linear("accuracy at the last step").including(0.0).including(1.0),
        marks: vec![
            Mark::line("training", Look::Train, of(|y| y.0)),
            Mark::line("test", Look::Test, of(|y| y.1)),
            Mark::Points { name: "simulated examples".into(), look: Look::Simulated, points: points(widths, train_across, 2) },
            Mark::Points { name: "simulated examples".into(), look: Look::Simulated, points: points(widths, test_across, 2) },
        ],
        note: String::new(),
    }
}

fn add_fits(s: &Setting, fits: &Fits, answer: &mut Answer) {
    let (Some(toy), Some(plain)) = (&fits.toy, &fits.sigmoids) else {
        answer.notes.push("No fit: too few steps for the number of parameters.".into());
        return;
    };
    let mut table = Table { title: "fitted to the simulated curves".into(), ..Table::default() };
    table.columns = ["model", "parameters", "root mean squared residual", "AIC"].map(String::from).to_vec();
    for (name, f) in [("toy", toy), ("two sigmoids", plain)] {
        table.rows.push(vec![name.into(), f.parameters.into(), f.residual().into(), f.aic.into()]);
    }
    answer.tables.push(table);
    let mut table = Table { title: "patterns, true and fitted".into(), ..Table::default() };
    table.columns = ["pattern", "γ", "γ fitted", "α (per step)", "α fitted", "b (steps)", "b fitted"].map(String::from).to_vec();
    for (i, (p, q)) in s.patterns.iter().zip(&toy.patterns).enumerate() {
        table.rows.push(vec![(i + 1).into(), p.gamma.into(), q.gamma.into(), p.alpha.into(), q.alpha.into(), p.b.into(), q.b.into()]);
    }
    answer.tables.push(table);
    let span = fits.data.last().map_or(0.0, |m| m.t);
    let curve = |f: &dyn Fn(f64) -> f64| (0..=200).map(|i| f64::from(i) * span / 200.0).map(|t| (t, f(t))).collect::<Vec<_>>();
    answer.charts.push(Chart {
        title: "test accuracy: fits".into(),
        x: Axis::linear("step"),
        y: Axis::linear("accuracy").including(0.0).including(1.0),
        marks: vec![
            Mark::line("sigmoid fitted", Look::Null, curve(&|t| plain.patterns[1].predictiveness(t))),
            Mark::line("toy fitted", Look::Closed, curve(&|t| test(&toy.patterns, s.preferred, t))),
            Mark::points("simulated examples", Look::Simulated, fits.data.iter().map(|m| (m.t, m.test)).collect()),
        ],
        note: String::new(),
    });
    let better = plain.aic - toy.aic;
    answer.findings.push(Finding {
        claim: "davies-unifying fit".into(),
        found: format!(
            "AIC {:.1} with {} parameters against {:.1} with {} for two sigmoids; data that the toy itself made, so this shows what it can tell apart, not that it is true",
            toy.aic, toy.parameters, plain.aic, plain.parameters
        ),
        agrees: Some(better > 0.0).filter(|_| s.as_printed),
    });
}
