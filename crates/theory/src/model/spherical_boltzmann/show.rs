//! Charts and tables.

use super::{Equilibrium, Phase, Sampled, Trained, Training, divergences, edge, reverse_of_spectrum, reverse_plateau, solve, teacher_overlap};
use crate::answer::{Cell, Table};
use crate::numeric::mean;
use pennydrop_figure::chart::{Axis, Chart, Look, Mark, Point};

fn point(x: f64, values: &[f64]) -> Point {
    let m = mean(values);
    Point { x, y: m.estimate, interval: (values.len() > 1).then_some((m.low, m.high)) }
}

/// What is drawn: divergences over γ, phases of one direction, and training.
pub fn charts(t: &Training, omega: Option<f64>, at: &Equilibrium, chains: &[Sampled], trained: Option<&Trained>) -> Vec<Chart> {
    let mut out = Vec::new();
    if let Some(omega) = omega {
        let gammas: Vec<f64> = (0..=120).map(|i| 0.02 * libm::pow(500.0, f64::from(i) / 120.0)).collect();
        let along = |f: &dyn Fn((f64, f64)) -> f64| gammas.iter().map(|g| (*g, f(divergences(*g, t.eta, omega)))).collect::<Vec<_>>();
        let sampled = |f: &dyn Fn(&Sampled) -> f64| vec![point(t.gamma, &chains.iter().map(f).collect::<Vec<_>>())];
        out.push(Chart {
            title: "Divergences from the teacher".into(),
            x: Axis::log("weight decay γ"),
            y: Axis::linear("KL / N"),
            marks: vec![
                Mark::line("reverse", Look::Closed, along(&|d| d.1)),
                Mark::line("forward", Look::Group(2), along(&|d| d.0)),
                Mark::Points {
                    name: "sampled W".into(),
                    look: Look::Simulated,
                    points: [sampled(&|c| c.divergences.1), sampled(&|c| c.divergences.0)].concat(),
                },
            ],
            note: String::new(),
        });
    }
    let grid = |from: f64, to: f64| -> Vec<f64> { (0..40).map(|i| from * libm::pow(to / from, f64::from(i) / 39.0)).collect() };
    let (xs, ys) = (grid(0.1, 10.0), grid(0.1, 10.0));
    let class = |gamma: f64, eta: f64| Phase::ALL.iter().position(|p| *p == solve(gamma, eta, &[1.0]).phase);
    out.push(Chart {
        title: "Phases, one data direction".into(),
        x: Axis::log("weight decay γ"),
        y: Axis::log("inverse temperature η"),
        marks: vec![Mark::Classes {
            names: Phase::ALL.iter().map(|p| p.name().to_string()).collect(),
            classes: ys.iter().map(|eta| xs.iter().map(|gamma| class(*gamma, *eta)).collect()).collect(),
            xs,
            ys,
        }],
        note: "Paramagnetic, ferromagnetic; o: outlier, e: edge; spin glass.".into(),
    });
    let Some(x) = trained else { return out };
    let share = omega.map_or(1.0, teacher_overlap);
    let runs = |f: &dyn Fn(f64, f64) -> f64| -> Vec<Point> {
        (0..x.times.len()).map(|i| point(x.times[i], &x.runs.iter().map(|r| f(r[i].lambda, r[i].teacher)).collect::<Vec<_>>())).collect()
    };
    let solved =
        |f: &dyn Fn(f64, f64) -> f64| -> Vec<(f64, f64)> { x.times.iter().zip(&x.solved).map(|(t, o)| (*t, f(o.lambda, share * o.overlaps[0]))).collect() };
    let lambda = |l: f64, _: f64| l;
    out.push(Chart {
        title: "Largest eigenvalue in training".into(),
        x: Axis::log("time"),
        y: Axis::linear("λ₁"),
        marks: vec![
            Mark::Horizontal { name: "equilibrium".into(), look: Look::Null, y: at.lambda[0] },
            Mark::Horizontal { name: "bulk edge".into(), look: Look::Group(3), y: edge(t.gamma * t.eta) },
            Mark::line("two-time equations", Look::Closed, solved(&lambda)),
            Mark::Points { name: "training runs".into(), look: Look::Simulated, points: runs(&lambda) },
        ],
        note: String::new(),
    });
    if let Some(omega) = omega {
        let reverse = |l: f64, q: f64| reverse_of_spectrum(t.gamma, t.eta, omega, l, q);
        out.push(Chart {
            title: "Reverse divergence in training".into(),
            x: Axis::log("time"),
            y: Axis::linear("KL / N"),
            marks: vec![
                Mark::Horizontal { name: "equilibrium".into(), look: Look::Null, y: divergences(t.gamma, t.eta, omega).1 },
                Mark::Horizontal { name: "uncondensed".into(), look: Look::Group(3), y: reverse_plateau(t.gamma, t.eta, omega) },
                Mark::line("two-time equations", Look::Closed, solved(&reverse)),
                Mark::Points { name: "training runs".into(), look: Look::Simulated, points: runs(&reverse) },
            ],
            note: String::new(),
        });
    }
    out
}

/// Training over time.
pub fn table(t: &Training, omega: Option<f64>, x: &Trained) -> Table {
    let row = |i: usize| {
        let over = |f: &dyn Fn(&super::Seen) -> f64| Cell::Number(mean(&x.runs.iter().map(|r| f(&r[i])).collect::<Vec<_>>()).estimate);
        let o = &x.solved[i];
        let reverse = |l: f64, q: f64| omega.map(|w| reverse_of_spectrum(t.gamma, t.eta, w, l, q));
        vec![
            x.times[i].into(),
            o.lambda.into(),
            over(&|s| s.lambda),
            o.overlaps[0].into(),
            over(&|s| s.overlaps[0]),
            x.overlap[i].abs().into(),
            over(&|s| s.s.abs()),
            reverse(o.lambda, omega.map_or(1.0, teacher_overlap) * o.overlaps[0]).into(),
            if omega.is_some() { over(&|s| reverse(s.lambda, s.teacher).unwrap_or(f64::NAN)) } else { Cell::Empty },
        ]
    };
    Table {
        title: "Training: two-time equations beside runs".into(),
        columns: ["time", "lambda_1", "runs", "u_1", "runs", "sampler's overlap", "runs", "reverse KL/N", "runs"].map(String::from).to_vec(),
        rows: (0..x.times.len()).map(row).collect(),
    }
}
