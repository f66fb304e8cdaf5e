//! Synthetic charts; nothing here is a result.

use super::noise;
use pennydrop_figure::chart::*;

fn curve(n: usize, from: f64, to: f64, f: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    (0..n).map(|i| from + (to - from) * i as f64 / (n - 1) as f64).map(|x| (x, f(x))).collect()
}

/// A share against a width: printed and corrected forms, points with intervals, a null, a band and words.
pub fn share() -> Chart {
    let f = |x: f64| 1.0 / (1.0 + libm::exp(-(x - 5.0)));
    let points = (0..=10)
        .map(|i| {
            let y = (f(f64::from(i)) + 0.03 * noise(3, i as u64)).clamp(0.0, 1.0);
            Point { x: f64::from(i), y, interval: Some(((y - 0.07).max(0.0), (y + 0.05).min(1.0))) }
        })
        .collect();
    Chart {
        title: "Share of runs that grok, as printed, corrected and simulated".into(),
        x: Axis::linear("distance λ_3 of the third eigenvalue"),
        y: Axis::linear("P(grok)").including(0.0).including(1.0),
        marks: vec![
            Mark::Band {
                name: "corrected".into(),
                look: Look::Closed,
                points: curve(60, 0.0, 10.0, f).into_iter().map(|(x, y)| (x, y * 0.9, (y * 1.1).min(1.0))).collect(),
            },
            Mark::line("printed", Look::Printed, curve(60, 0.0, 10.0, |x| f(x * 0.9))),
            Mark::line("corrected", Look::Closed, curve(60, 0.0, 10.0, f)),
            Mark::Horizontal { name: "chance".into(), look: Look::Null, y: 0.1 },
            Mark::Points { name: "simulated, 400 runs".into(), look: Look::Simulated, points },
            Mark::Vertical { name: "".into(), look: Look::Null, x: 5.0 },
            Mark::Word { text: "critical".into(), at: (5.0, 0.9) },
        ],
        note: "Intervals: 95 % (Clopper–Pearson). The band is what a change of 10 % in the parameter does.".into(),
    }
}

/// Losses on logarithmic axes, with estimates that were not reached.
pub fn losses() -> Chart {
    let steps: Vec<f64> = (0..200).map(|i| libm::pow(10.0, f64::from(i) * 0.025)).collect();
    let train = steps.iter().map(|s| (*s, libm::pow(1.0 + s, -1.2))).collect();
    let test = steps.iter().map(|s| (*s, 1.0 / (1.0 + (s / 3000.0) * (s / 3000.0)))).collect();
    let open = |x: f64, low: f64| Point { x, y: f64::INFINITY, interval: Some((low, f64::INFINITY)) };
    let points = vec![Point { x: 30.0, y: 0.02, interval: Some((0.0, 0.2)) }, Point { x: 900.0, y: 0.3, interval: None }, open(9000.0, 0.3)];
    Chart {
        title: "Loss against time".into(),
        x: Axis::log("time t, in units of 1/η"),
        y: Axis::log("loss"),
        marks: vec![
            Mark::line("train", Look::Train, train),
            Mark::line("test", Look::Test, test),
            Mark::Points { name: "measured".into(), look: Look::Simulated, points },
        ],
        note: String::new(),
    }
}

/// Two histograms and a density.
pub fn histogram() -> Chart {
    let edges: Vec<f64> = (0..=24).map(|i| -3.0 + 0.25 * f64::from(i)).collect();
    let heights = |m: f64, s: u64| {
        edges
            .windows(2)
            .map(|e| {
                let x = (e[0] + e[1]) / 2.0 - m;
                (libm::exp(-x * x / 2.0) * 0.4 * (1.0 + 0.2 * noise(s, (x * 100.0) as i64 as u64))).max(0.0)
            })
            .collect::<Vec<f64>>()
    };
    Chart {
        title: "Eigenvalues of the kernel".into(),
        x: Axis::linear("eigenvalue"),
        y: Axis::linear("density"),
        marks: vec![
            Mark::Steps { name: "simulated".into(), look: Look::Simulated, edges: edges.clone(), heights: heights(0.0, 1) },
            Mark::line("Marchenko–Pastur", Look::Closed, curve(100, -3.0, 3.0, |x| 0.4 * libm::exp(-x * x / 2.0))),
        ],
        note: String::new(),
    }
}

/// Eight groups of points with lines.
pub fn groups() -> Chart {
    let marks = (0..8u8)
        .flat_map(|k| {
            let name = format!("p = {}", 11 + 12 * usize::from(k));
            let points = (1..=9).map(|i| (f64::from(i) * 10.0, libm::pow(f64::from(i), 0.5 + 0.2 * f64::from(k)))).collect::<Vec<_>>();
            [Mark::line(&name, Look::Group(k), points.clone()), Mark::points(&name, Look::Group(k), points)]
        })
        .collect();
    Chart { title: "Eight groups".into(), x: Axis::linear("width N"), y: Axis::log("delay, in steps"), marks, note: String::new() }
}

/// Amounts over a grid, with a line on them and a hole.
pub fn map(nx: usize, ny: usize, log: bool) -> Chart {
    let at = |i: usize, n: usize, lo: f64, hi: f64| lo + (hi - lo) * i as f64 / (n.max(2) - 1) as f64;
    let xs: Vec<f64> = (0..nx).map(|i| libm::pow(10.0, at(i, nx, -4.0, -1.0))).collect();
    let ys: Vec<f64> = (0..ny).map(|i| at(i, ny, 0.0, 10.0)).collect();
    let value = |x: f64, y: f64| if y > 8.5 && x < 4e-4 { f64::NAN } else { libm::pow(10.0, 3.0 - y * 0.4 - libm::log10(x)) };
    let values = ys.iter().map(|y| xs.iter().map(|x| value(*x, *y)).collect()).collect();
    Chart {
        title: "Median delay".into(),
        x: Axis::log("learning rate η"),
        y: Axis::linear("weight decay λ"),
        marks: vec![
            Mark::Map { label: "delay, in steps".into(), xs: xs.clone(), ys, values, log },
            Mark::line("predicted border", Look::Printed, xs.iter().map(|x| (*x, 4.0 + 3.0 * (libm::log10(*x) + 2.0))).collect()),
            Mark::Word { text: "no delay".into(), at: (0.02, 3.0) },
        ],
        note: String::new(),
    }
}

/// Phases over a grid.
pub fn classes(nx: usize, ny: usize) -> Chart {
    let class = |ix: usize, iy: usize| match (ix as f64 / nx as f64, iy as f64 / ny as f64) {
        (x, y) if x + y < 0.15 => None,
        (x, y) if y > 0.85 || x > 0.9 => Some(3),
        (x, y) if x + y > 1.2 => Some(2),
        (x, y) if x + y > 0.9 => Some(1),
        _ => Some(0),
    };
    Chart {
        title: "Phases of the toy model".into(),
        x: Axis::log("decoder learning rate"),
        y: Axis::linear("decoder weight decay"),
        marks: vec![Mark::Classes {
            names: ["comprehension", "grokking", "memorisation", "confusion"].map(String::from).to_vec(),
            xs: (0..nx).map(|i| libm::pow(10.0, -5.0 + 0.3 * i as f64)).collect(),
            ys: (0..ny).map(|i| i as f64).collect(),
            classes: (0..ny).map(|iy| (0..nx).map(|ix| class(ix, iy)).collect()).collect(),
        }],
        note: String::new(),
    }
}

/// How the pictures of tests are made.
pub fn options(title: &str, width: f64) -> ChartOptions {
    ChartOptions {
        title: title.into(),
        width,
        source: pennydrop_figure::Source { command: "pennydrop theory ball plot eps=0.01 -o ball.svg".into(), ..Default::default() },
        notes: vec!["A note under all panels.".into()],
        ..ChartOptions::default()
    }
}
