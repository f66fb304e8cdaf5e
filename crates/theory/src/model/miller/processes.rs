//! What the two parts with Gaussian processes say.

use super::classification::{self, Bits};
use super::regression::{self, Data};
use super::{lane, or, rate};
use crate::answer::{Answer, Finding, Quantity, Simulated, Table};
use crate::model::{Context, TheoryError};
use crate::numeric::{mean, median};
use pennydrop_figure::chart::{Axis, Chart, Look, Mark};
use pennydrop_registry::Args;

/// Starts of the lengthscale: the paper's, and three that are not.
const STARTS: [f64; 4] = [1e-3, 0.1, 1.0, 10.0];

/// Share of the variance of y below which an error is low.
const LOW: f64 = 0.1;

/// First epoch at which `series` satisfies `is`.
fn first(series: &[f64], is: impl Fn(f64) -> bool) -> Option<usize> {
    series.iter().position(|x| is(*x))
}

fn number(k: Option<usize>) -> f64 {
    k.map_or(f64::INFINITY, |k| k as f64)
}

pub(super) fn regression(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    let (train, validation, epochs, rate) = (or(args, "train", 50), or(args, "validation", 50), or(args, "epochs", 300), rate(args, 0.1));
    let data = |i: usize| {
        let mut draws = context.draws(lane::SINE, i);
        (Data::draw(train, &mut draws), Data::draw(validation, &mut draws))
    };
    let samples = context.samples.unwrap_or(4);
    let paths = context.map(samples * STARTS.len(), |i| {
        let (train, validation) = data(i / STARTS.len());
        regression::climb(&train, &validation, STARTS[i % STARTS.len()], rate, epochs)
    })?;
    let of = |start: usize| paths.iter().skip(start).step_by(STARTS.len());
    let variance = |i: usize| {
        let y = data(i).0.y;
        let m = y.iter().sum::<f64>() / y.len() as f64;
        y.iter().map(|v| (v - m) * (v - m)).sum::<f64>() / y.len() as f64
    };
    let low: Vec<f64> = (0..samples).map(|i| LOW * variance(i)).collect();
    let crossing = |start: usize| -> Vec<(f64, f64)> {
        of(start).zip(&low).map(|(p, l)| (number(first(&p.train, |e| e < *l)), number(first(&p.validation, |e| e < *l)))).collect()
    };
    let gap = |c: &(f64, f64)| if c.0.is_finite() { c.1 - c.0 } else { f64::INFINITY };
    let mut answer = Answer::default();
    let mut rows = Vec::new();
    let mut gaps = Vec::new();
    for (s, start) in STARTS.iter().enumerate() {
        let c = crossing(s);
        let over = |f: &dyn Fn(&(f64, f64)) -> f64| median(&c.iter().map(f).collect::<Vec<f64>>()).estimate;
        let at = |f: &dyn Fn(&regression::Path) -> f64| mean(&of(s).map(f).collect::<Vec<f64>>()).estimate;
        gaps.push(over(&gap));
        rows.push(vec![
            (*start).into(),
            over(&|c| c.0).into(),
            over(&|c| c.1).into(),
            at(&|p| p.train[0]).into(),
            at(&|p| p.validation[0]).into(),
            at(&|p| p.complexity[0]).into(),
            at(&|p| p.complexity.last().copied().unwrap_or(f64::NAN)).into(),
            at(&|p| p.validation.last().copied().unwrap_or(f64::NAN)).into(),
        ]);
    }
    answer.tables.push(Table {
        title: format!("starts of the lengthscale, {samples} draws each; low error is a tenth of the variance of y"),
        columns: [
            "ℓ(0)",
            "training low at epoch",
            "validation low at epoch",
            "training error, start",
            "validation error, start",
            "½ ln|K|, start",
            "½ ln|K|, end",
            "validation error, end",
        ]
        .map(String::from)
        .to_vec(),
        rows,
    });
    let c = crossing(0);
    for (name, doc, of) in [
        ("train_crossing", "median epoch at which the training error is first low, start ℓ = 1e-3", (|c: &(f64, f64)| c.0) as fn(&(f64, f64)) -> f64),
        ("validation_crossing", "median epoch at which the validation error is first low", |c| c.1),
        ("grokking_gap", "median of their difference", |c| if c.0.is_finite() { c.1 - c.0 } else { f64::INFINITY }),
    ] {
        answer.quantities.push(Quantity::new(name, doc).simulated(median(&c.iter().map(of).collect::<Vec<f64>>())));
    }
    let others = gaps[1..].iter().copied().fold(0.0, f64::max);
    answer.quantities.push(Quantity::new("grokking_gap_other_starts", "largest median gap of the starts .1, 1 and 10").simulated(Simulated {
        estimate: others,
        low: others,
        high: others,
        samples,
    }));
    let ends: Vec<f64> = of(0)
        .zip(of(2))
        .map(|(a, b)| a.fit.last().unwrap_or(&0.0) + a.complexity.last().unwrap_or(&0.0) - b.fit.last().unwrap_or(&0.0) - b.complexity.last().unwrap_or(&0.0))
        .collect();
    answer.quantities.push(
        Quantity::new("evidence_left", "−ln p(y) at the end of the start 1e-3 minus that of the start 1: 0 if both find the same optimum")
            .simulated(mean(&ends)),
    );
    answer.findings.push(Finding {
        claim: "miller-beyond-nn 2".into(),
        found: format!(
            "median gap {:.0} epochs from ℓ = 1e-3, {} from .1, 1 and 10 (crossings of a tenth of the variance of y)",
            gaps[0],
            gaps[1..].iter().map(|g| format!("{g:.0}")).collect::<Vec<_>>().join(", ")
        ),
        agrees: Some(gaps[0].is_finite() && gaps[0] > others),
    });
    let curve = |v: &[f64]| v.iter().enumerate().map(|(i, y)| ((i + 1) as f64, *y)).collect::<Vec<_>>();
    if let (Some(short), Some(usual)) = (of(0).next(), of(2).next()) {
        answer.charts.push(Chart {
            title: "one draw from ℓ = 0.001".into(),
            x: Axis::log("epoch + 1"),
            y: Axis::log("mean squared error"),
            marks: vec![Mark::line("training", Look::Train, curve(&short.train)), Mark::line("validation", Look::Test, curve(&short.validation))],
            note: String::new(),
        });
        answer.charts.push(Chart {
            title: "the same draw from ℓ = 1".into(),
            x: Axis::log("epoch + 1"),
            y: Axis::log("mean squared error"),
            marks: vec![Mark::line("training", Look::Train, curve(&usual.train)), Mark::line("validation", Look::Test, curve(&usual.validation))],
            note: String::new(),
        });
        answer.charts.push(Chart {
            title: "terms of −ln p(y)".into(),
            x: Axis::log("epoch + 1"),
            y: Axis::linear("nats"),
            marks: vec![
                Mark::line("½ ln|K|, from 0.001", Look::Group(0), curve(&short.complexity)),
                Mark::line("fit, from 0.001", Look::Group(1), curve(&short.fit)),
                Mark::line("½ ln|K|, from 1", Look::Group(2), curve(&usual.complexity)),
                Mark::line("fit, from 1", Look::Group(3), curve(&usual.fit)),
            ],
            note: String::new(),
        });
    }
    Ok(answer)
}

pub(super) fn classification(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    let (train, validation, epochs, rate) = (or(args, "train", 80), or(args, "validation", 100), or(args, "epochs", 150), rate(args, 0.05));
    if train > 2000 {
        return Err(TheoryError::parameter(args, "train", "is too many for a dense Gaussian process", "at most 2000"));
    }
    let (bits, threshold) = (args.size("bits"), args.float("threshold"));
    let samples = context.samples.unwrap_or(3);
    let paths = context.map(samples, |i| {
        let mut draws = context.draws(lane::PARITY, i);
        let (train, validation) = (Bits::draw(train, bits, &mut draws), Bits::draw(validation, bits, &mut draws));
        classification::climb(&train, &validation, rate, epochs)
    })?;
    let crossing = |f: fn(&classification::Path) -> &Vec<f64>| paths.iter().map(|p| number(first(f(p), |a| a >= threshold))).collect::<Vec<f64>>();
    let (t, v) = (crossing(|p| &p.train), crossing(|p| &p.validation));
    let gaps: Vec<f64> = t.iter().zip(&v).map(|(t, v)| if t.is_finite() { v - t } else { f64::INFINITY }).collect();
    let last = |f: fn(&classification::Path) -> &Vec<f64>| mean(&paths.iter().filter_map(|p| f(p).last().copied()).collect::<Vec<f64>>());
    let start = |f: fn(&classification::Path) -> &Vec<f64>| paths.iter().map(|p| f(p)[0]).sum::<f64>() / paths.len() as f64;
    let mut answer = Answer::default();
    for (name, doc, values) in [
        ("train_crossing", "median epoch at which training accuracy first reaches the threshold", &t),
        ("validation_crossing", "median epoch at which validation accuracy first reaches the threshold; never is infinite", &v),
        ("grokking_gap", "median of their difference", &gaps),
    ] {
        answer.quantities.push(Quantity::new(name, doc).simulated(median(values)));
    }
    answer.quantities.push(
        Quantity::new("start_validation_accuracy", "mean validation accuracy at epoch 0")
            .simulated(mean(&paths.iter().map(|p| p.validation[0]).collect::<Vec<f64>>())),
    );
    answer.quantities.push(Quantity::new("end_validation_accuracy", "mean validation accuracy at the end").simulated(last(|p| &p.validation)));
    answer
        .quantities
        .push(Quantity::new("inverse_lengthscale_relevant", "mean 1/ℓ of the three bits that decide, at the end").simulated(last(|p| &p.relevant)));
    if bits > 3 {
        answer.quantities.push(Quantity::new("inverse_lengthscale_spurious", "mean 1/ℓ of the other bits, at the end").simulated(last(|p| &p.spurious)));
        let (from, to) = (start(|p| &p.spurious), last(|p| &p.spurious).estimate);
        // Where in the fall of the spurious bits' 1/ℓ validation crosses.
        let fallen: Vec<f64> = paths
            .iter()
            .zip(&v)
            .filter(|(_, k)| k.is_finite())
            .map(|(p, k)| (p.spurious[0] - p.spurious[*k as usize]) / (p.spurious[0] - p.spurious.last().copied().unwrap_or(0.0)))
            .collect();
        let found = if fallen.is_empty() {
            "validation accuracy does not reach the threshold".to_string()
        } else {
            format!("{:.0} % of that fall is done when validation accuracy reaches the threshold", 100.0 * mean(&fallen).estimate)
        };
        answer.findings.push(Finding {
            claim: "miller-beyond-nn 2".into(),
            found: format!(
                "1/ℓ of spurious bits falls from {from:.2} to {to:.3} while that of the deciding ones goes to {:.2}; {found}; median gap {:.0} epochs",
                last(|p| &p.relevant).estimate,
                median(&gaps).estimate
            ),
            agrees: Some(to < 0.5 * from && median(&gaps).estimate.is_finite() && median(&gaps).estimate > 0.0),
        });
    }
    if let Some(p) = paths.first() {
        let curve = |v: &[f64]| v.iter().enumerate().map(|(i, y)| ((i + 1) as f64, *y)).collect::<Vec<_>>();
        answer.charts.push(Chart {
            title: "accuracy of one draw".into(),
            x: Axis::log("epoch + 1"),
            y: Axis::linear("accuracy").including(0.0).including(1.0),
            marks: vec![Mark::line("training", Look::Train, curve(&p.train)), Mark::line("validation", Look::Test, curve(&p.validation))],
            note: String::new(),
        });
        let mut marks = vec![Mark::line("bits that decide", Look::Group(0), curve(&p.relevant))];
        if bits > 3 {
            marks.push(Mark::line("spurious bits", Look::Group(1), curve(&p.spurious)));
        }
        answer.charts.push(Chart {
            title: "inverse lengthscales".into(),
            x: Axis::log("epoch + 1"),
            y: Axis::linear("mean 1/ℓ").including(0.0),
            marks,
            note: String::new(),
        });
        answer.charts.push(Chart {
            title: "terms of the evidence".into(),
            x: Axis::log("epoch + 1"),
            y: Axis::linear("nats"),
            marks: vec![Mark::line("−ln q(y)", Look::Closed, curve(&p.loss)), Mark::line("½ ln|B|", Look::Group(2), curve(&p.complexity))],
            note: String::new(),
        });
    }
    answer.notes.push(format!(
        "reduced: {train} examples of {bits} bits (the paper: 1000 of 40), Laplace's approximation (the paper: variational, its mean and covariance trained along), Adam at {rate}: the posterior is at its mode in every epoch, so training accuracy is high from the start"
    ));
    Ok(answer)
}
