//! The answer: measured networks beside what was derived, as numbers, charts and findings.

use super::closed::{self, Prediction};
use super::lazy::Trial;
use super::network::{Construction, Measured, Operation};
use crate::answer::{Answer, Cell, Finding, Quantity, Simulated, Table};
use crate::numeric::{fraction, mean};
use pennydrop_figure::chart::{Axis, Chart, Look, Mark, Point};
use std::f64::consts::TAU;

/// Networks of one width.
pub(super) struct AtWidth {
    pub width: usize,
    pub closed: Prediction,
    pub measured: Vec<Measured>,
}

impl AtWidth {
    fn over(&self, f: impl Fn(&Measured) -> f64) -> Simulated {
        mean(&self.measured.iter().map(f).collect::<Vec<_>>())
    }

    fn accuracy(&self) -> Simulated {
        self.over(Measured::accuracy)
    }
}

/// Everything that was computed.
pub(super) struct Found {
    pub p: usize,
    pub width: usize,
    pub operation: Operation,
    pub scan: Vec<AtWidth>,
    /// The operations at this width, with the share that wide networks get.
    pub others: Vec<(Operation, Measured, f64)>,
    /// Participation ratios of the analytic and of random weights, a pair a draw.
    pub ipr: Vec<(f64, f64)>,
    /// The lazy control along fractions.
    pub lazy: Vec<Trial>,
    pub lazy_p: usize,
}

/// Whether the moments of `closed` speak about this operation: one-to-one, modulo p.
fn plain(operation: Operation) -> bool {
    matches!(operation, Operation::Add | Operation::Subtract | Operation::Squares)
}

pub(super) fn report(f: &Found) -> Answer {
    Answer { quantities: quantities(f), charts: charts(f), tables: tables(f), findings: findings(f), notes: notes(f) }
}

/// The width that was asked for.
fn asked(f: &Found) -> Option<&AtWidth> {
    f.scan.iter().find(|s| s.width == f.width)
}

/// The trial at the fraction that was asked for is not marked: all are shown; this is the middle one by number of training pairs nearest to it.
fn lazy_total(f: &Found) -> Trial {
    f.lazy.iter().copied().reduce(Trial::and).unwrap_or_default()
}

fn share(counts: (usize, usize)) -> Simulated {
    fraction(counts.1, counts.0)
}

fn quantities(f: &Found) -> Vec<Quantity> {
    let Some(at) = asked(f) else { return Vec::new() };
    let with = |q: Quantity, closed: Option<f64>| Quantity { corrected: closed, ..q };
    let mut out = vec![
        with(Quantity::new("accuracy", "share of all pairs that the analytic weights get right"), at.closed.accuracy).simulated(at.accuracy()),
        with(Quantity::new("accuracy_if_gaussian", "the same if outputs were Gaussian (central limit)"), at.closed.gaussian).simulated(at.accuracy()),
        with(Quantity::new("least_accuracy", "the same by the union bound over rivals"), at.closed.bound),
    ];
    if plain(f.operation) {
        let n = f.width;
        out.extend([
            Quantity::new("mse_per_logit", "mean of (output − one-hot)², peak 1").corrected(closed::mean_squared_error(f.p, n)).simulated(at.over(|m| m.mse)),
            Quantity::new("peak", "mean output at the right class").printed(closed::mean_output(f.p, n, 0)).simulated(at.over(|m| m.peak)),
            Quantity::new("peak_variance", "variance of the output at the right class")
                .corrected(closed::interference_variance(f.p, n, 0))
                .simulated(at.over(|m| m.peak_variance)),
            Quantity::new("off_peak_square", "mean squared output at the other classes").corrected(off_square(f.p, n)).simulated(at.over(|m| m.off_square)),
        ]);
    }
    let (analytic, random): (Vec<f64>, Vec<f64>) = f.ipr.iter().copied().unzip();
    if analytic.iter().all(|x| x.is_finite()) {
        out.push(
            Quantity::new("participation_analytic", "inverse participation ratio of the analytic weights, 1 for one frequency")
                .printed(1.0)
                .simulated(mean(&analytic)),
        );
    }
    out.push(
        Quantity::new("participation_random", "the same of independent normal weights: the null")
            .corrected(closed::participation_of_random(f.p))
            .simulated(mean(&random)),
    );
    let all = lazy_total(f);
    out.extend([
        Quantity::new("lazy_train_accuracy", "ridge on random quadratic features, all fractions together; closed form: infinitely many features")
            .corrected(share(all.limit_train).estimate)
            .simulated(share(all.train)),
        Quantity::new("lazy_test_accuracy", "the same on the pairs that were held out").corrected(share(all.limit_test).estimate).simulated(share(all.test)),
        Quantity::new("lazy_chance", "1/p, the accuracy of guessing").printed(1.0 / f.lazy_p as f64),
    ]);
    out
}

/// Mean over the other classes of variance plus squared mean.
fn off_square(p: usize, width: usize) -> f64 {
    let at = |d: usize| {
        let mean = closed::mean_output(p, width, d);
        closed::interference_variance(p, width, d) + mean * mean
    };
    (1..p).map(at).sum::<f64>() / (p - 1) as f64
}

fn charts(f: &Found) -> Vec<Chart> {
    let mut out = vec![accuracy_chart(f)];
    if plain(f.operation) {
        out.push(error_chart(f));
    }
    if let Some(at) = asked(f) {
        out.push(outputs_chart(f, at));
    }
    out.push(lazy_chart(f));
    out
}

/// Widths for curves: sixteen from the least to the greatest that was measured.
fn curve_widths(f: &Found) -> Vec<usize> {
    let (low, high) = (f.scan.first().map_or(1, |s| s.width) as f64, f.scan.last().map_or(1, |s| s.width) as f64);
    let mut out: Vec<usize> = (0..16).map(|i| (low * libm::pow(high / low, f64::from(i) / 15.0)).round() as usize).collect();
    out.dedup();
    out
}

fn measured(f: &Found, value: impl Fn(&AtWidth) -> Simulated) -> Mark {
    let point = |s: &AtWidth| {
        let v = value(s);
        Point { x: s.width as f64, y: v.estimate, interval: Some((v.low, v.high)) }
    };
    Mark::Points {
        name: format!("networks, {} draws", f.scan.first().map_or(0, |s| s.measured.len())),
        look: Look::Simulated,
        points: f.scan.iter().map(point).collect(),
    }
}

fn accuracy_chart(f: &Found) -> Chart {
    let Some(construction) = Construction::new(f.operation, f.p) else { return Chart::default() };
    let closed: Vec<(f64, Prediction)> = curve_widths(f).into_iter().map(|w| (w as f64, Prediction::new(&construction, w))).collect();
    let curve = |g: &dyn Fn(&Prediction) -> Option<f64>| closed.iter().map(|(w, c)| (*w, g(c).unwrap_or(f64::NAN))).collect::<Vec<_>>();
    Chart {
        title: format!("Accuracy over all pairs, {} modulo {}", f.operation.symbols(), f.p),
        x: Axis::log("width N"),
        y: Axis::linear("accuracy").including(0.0).including(1.0),
        marks: vec![
            Mark::line("if outputs were Gaussian", Look::Group(2), curve(&|c| c.gaussian)),
            Mark::line("derived: exact tails", Look::Closed, curve(&|c| c.accuracy)),
            Mark::Horizontal { name: "chance".into(), look: Look::Null, y: 1.0 / f.p as f64 },
            measured(f, AtWidth::accuracy),
        ],
        note: String::new(),
    }
}

fn error_chart(f: &Found) -> Chart {
    let curve = curve_widths(f).into_iter().map(|w| (w as f64, closed::mean_squared_error(f.p, w))).collect();
    Chart {
        title: "Squared error stays when accuracy is 1".into(),
        x: Axis::log("width N"),
        y: Axis::log("mean squared error of an output"),
        marks: vec![Mark::line("derived, exact: 4/N and the bias", Look::Closed, curve), measured(f, |s| s.over(|m| m.mse))],
        note: String::new(),
    }
}

/// Histograms of outputs at the answer and elsewhere.
fn outputs_chart(f: &Found, at: &AtWidth) -> Chart {
    let peaks: Vec<f64> = at.measured.iter().flat_map(|m| m.outputs.iter().map(|o| o.0)).collect();
    let rivals: Vec<f64> = at.measured.iter().flat_map(|m| m.outputs.iter().map(|o| o.1)).collect();
    let all = || peaks.iter().chain(&rivals).copied();
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    let bins = 48;
    let edges: Vec<f64> = (0..=bins).map(|i| low + (high - low) * i as f64 / bins as f64).collect();
    let heights = |values: &[f64]| {
        let mut counts = vec![0.0; bins];
        for v in values {
            counts[(((v - low) / (high - low) * bins as f64) as usize).min(bins - 1)] += 1.0;
        }
        let scale = bins as f64 / ((high - low) * values.len() as f64);
        counts.into_iter().map(|c| c * scale).collect::<Vec<f64>>()
    };
    let mut marks = vec![
        Mark::Steps { name: "at the right class".into(), look: Look::Simulated, edges: edges.clone(), heights: heights(&peaks) },
        Mark::Steps { name: "at another class".into(), look: Look::Null, edges: edges.clone(), heights: heights(&rivals) },
    ];
    if plain(f.operation) {
        let n = f.width;
        for (d, middle) in [(0, closed::mean_output(f.p, n, 0)), (1, -1.0 / (f.p - 1) as f64)] {
            let variance = closed::interference_variance(f.p, n, d);
            let density = |x: f64| libm::exp(-(x - middle) * (x - middle) / (2.0 * variance)) / libm::sqrt(TAU * variance);
            let points = (0..=120).map(|i| low + (high - low) * f64::from(i) / 120.0).map(|x| (x, density(x))).collect();
            marks.push(Mark::line("Gaussian of the derived moments", Look::Closed, points));
        }
    }
    Chart {
        title: format!("Outputs at N = {}: peak and interference", f.width),
        x: Axis::linear("output"),
        y: Axis::linear("density"),
        marks,
        note: String::new(),
    }
}

fn lazy_chart(f: &Found) -> Chart {
    let at = |t: &Trial| t.train.0 as f64 / (t.train.0 + t.test.0) as f64;
    let points = f.lazy.iter().map(|t| (at(t), share(t.test))).map(|(x, s)| Point { x, y: s.estimate, interval: Some((s.low, s.high)) }).collect();
    Chart {
        title: format!("A ridge readout on random features, p = {}", f.lazy_p),
        x: Axis::linear("share of the pairs trained on"),
        y: Axis::linear("test accuracy").including(0.0).including(1.3 / f.lazy_p as f64),
        marks: vec![
            Mark::Horizontal { name: "chance".into(), look: Look::Null, y: 1.0 / f.lazy_p as f64 },
            Mark::line("infinitely many features", Look::Closed, f.lazy.iter().map(|t| (at(t), share(t.limit_test).estimate)).collect()),
            Mark::Points { name: "random features".into(), look: Look::Simulated, points },
        ],
        note: "Below chance: the class of an unseen pair never occurs in its row or its column.".into(),
    }
}

fn tables(f: &Found) -> Vec<Table> {
    let widths = f
        .scan
        .iter()
        .map(|s| {
            let (a, e) = (s.accuracy(), s.over(|m| m.mse));
            vec![
                s.width.into(),
                s.closed.bound.into(),
                s.closed.gaussian.into(),
                s.closed.accuracy.into(),
                Cell::Number(a.estimate),
                Cell::Number(a.low),
                Cell::Number(a.high),
                s.closed.mse.map(|m| m * s.width as f64).into(),
                Cell::Number(e.estimate * s.width as f64),
            ]
        })
        .collect();
    let others = f.others.iter().map(|(o, m, limit)| vec![o.symbols().into(), m.pairs.into(), Cell::Number(m.accuracy()), Cell::Number(*limit)]).collect();
    let lazy = f
        .lazy
        .iter()
        .map(|t| {
            let s = share(t.test);
            vec![
                t.train.0.into(),
                Cell::Number(share(t.train).estimate),
                Cell::Number(s.estimate),
                Cell::Number(s.low),
                Cell::Number(s.high),
                Cell::Number(share(t.limit_test).estimate),
            ]
        })
        .collect();
    let table = |title: &str, columns: &[&str], rows| Table { title: title.into(), columns: columns.iter().map(|c| c.to_string()).collect(), rows };
    vec![
        table("Accuracy and error against width", &["N", "bound", "Gaussian", "derived", "measured", "low", "high", "N·mse derived", "N·mse measured"], widths),
        table(&format!("Other operations at N = {}, one draw", f.width), &["operation", "pairs", "accuracy", "wide limit"], others),
        table("Lazy control", &["training pairs", "train", "test", "low", "high", "test, infinitely many features"], lazy),
    ]
}

fn findings(f: &Found) -> Vec<Finding> {
    let (Some(first), Some(last)) = (f.scan.first(), f.scan.last()) else { return Vec::new() };
    let (a, b) = (first.accuracy(), last.accuracy());
    let all = lazy_total(f);
    let (train, test, chance) = (share(all.train), share(all.test), 1.0 / f.lazy_p as f64);
    let of = |o: Operation| f.others.iter().find(|x| x.0 == o);
    let finding = |number: &str, found: String, agrees: Option<bool>| Finding { claim: format!("gromov-modular {number}"), found, agrees };
    let rises = f.scan.windows(2).all(|w| w[1].accuracy().high >= w[0].accuracy().low);
    let wide = f.others.iter().filter(|o| o.2 == 1.0).map(|o| o.1.accuracy()).fold(1.0, f64::min);
    let (analytic, random): (Vec<f64>, Vec<f64>) = f.ipr.iter().copied().unzip();
    let (analytic, random) = (mean(&analytic), mean(&random));
    let mut out = vec![
        finding(
            "2",
            format!(
                "{:.4} [{:.4}, {:.4}] at N = {}, {:.4} [{:.4}, {:.4}] at N = {}",
                a.estimate, a.low, a.high, first.width, b.estimate, b.low, b.high, last.width
            ),
            if last.width < 200 { None } else { Some(rises && b.low >= 0.99 * closed_limit(f)) },
        ),
        finding(
            "3",
            format!("{:.4} for the analytic weights, {:.4} for random ones (4/p = {:.4})", analytic.estimate, random.estimate, 4.0 / f.p as f64),
            if analytic.estimate.is_finite() { Some(analytic.estimate > 0.999 && random.estimate < 0.5) } else { None },
        ),
        finding(
            "6",
            format!(
                "train {:.3}, test {:.4} [{:.4}, {:.4}], chance {chance:.4}, over {} held-out pairs",
                train.estimate, test.estimate, test.low, test.high, all.test.0
            ),
            Some(test.high < chance && train.estimate > 0.99),
        ),
    ];
    if let (Some(one), Some(both)) = (of(Operation::SquareOfSum), of(Operation::SquareOfSumBoth)) {
        out.push(finding(
            "generalisation",
            format!(
                "operations with an inverse: {wide:.4} or more at N = {}; (n + m)² {:.4} with one root (wide limit {:.4}), {:.4} with both",
                f.width,
                one.1.accuracy(),
                one.2,
                both.1.accuracy()
            ),
            if f.width < 400 { None } else { Some(wide > 0.99 && (one.1.accuracy() - one.2).abs() < 0.05) },
        ));
    }
    out
}

fn closed_limit(f: &Found) -> f64 {
    f.others.iter().find(|o| o.0 == f.operation).map_or(1.0, |o| o.2)
}

fn notes(f: &Found) -> Vec<String> {
    let mut out = vec![
        "Moments of the outputs are exact at any width; the accuracy is an approximation: each rival's tail by a saddlepoint from exact cumulants, rivals tied by a Gaussian peak.".to_string(),
        "Frequencies cycle through 1 … (p − 1)/2; the accuracy counts them as evenly covered, which they are where N is a multiple of (p − 1)/2.".to_string(),
        "Intervals over draws of phases are normal, those of the lazy control treat its held-out pairs as independent.".to_string(),
    ];
    if f.operation == Operation::SquareOfSumBoth {
        out.push("A class that adds up two waves has twice the interference; nothing is derived for it.".into());
    }
    out
}
