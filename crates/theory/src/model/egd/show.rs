//! Charts and tables.

use super::closed::Toy;
use super::simulate::{Ladder, Run, Tests};
use crate::answer::{Cell, Table};
use crate::numeric::fraction;
use pennydrop_figure::chart::{Axis, Chart, Look, Mark, Point};

pub(super) fn errors(toy: &Toy, tests: &Tests, gradient: &Run, steps: &[u64]) -> Table {
    let pick: Vec<usize> = (0..8).map(|i| i * (steps.len() - 1) / 7).collect();
    let row = |&i: &usize| {
        let (k, w) = (steps[i] as f64, gradient.seen[i]);
        let p = toy.path(k);
        let sampled = fraction(tests.wrong(w), tests.0.len());
        vec![
            Cell::Count(steps[i]),
            p[0].into(),
            p[1].into(),
            toy.error_printed(p).into(),
            toy.error_wedge(p).into(),
            sampled.estimate.into(),
            sampled.low.into(),
            sampled.high.into(),
            toy.error_beyond_margin(p).into(),
        ]
    };
    Table {
        title: "Share of wrong test points along gradient descent".into(),
        columns: ["step", "mu", "nu", "printed", "exact wedge", "sampled", "low", "high", "beyond the margin"].map(String::from).to_vec(),
        rows: pick.iter().map(row).collect(),
    }
}

/// The printed ≈ against the exact wedge, over directions of the predictor.
pub(super) fn printed_error(toy: &Toy, tests: &Tests) -> Table {
    let t = libm::tan(toy.theta);
    let row = |ratio: f64| {
        let w = [1.0, ratio * t];
        let sampled = fraction(tests.wrong(w), tests.0.len());
        vec![
            ratio.into(),
            toy.error_printed(w).into(),
            toy.error_wedge(w).into(),
            Cell::Number(toy.error_printed(w) - toy.error_wedge(w)),
            sampled.estimate.into(),
            toy.error_beyond_margin(w).into(),
        ]
    };
    Table {
        title: "The printed error against the exact one, over the predictor's slope in units of tan θ".into(),
        columns: ["nu/(mu tan theta)", "printed", "exact wedge", "difference", "sampled", "beyond the margin"].map(String::from).to_vec(),
        rows: [-2.0, -1.0, -0.5, -0.1, 0.0, 0.1, 0.5, 0.9, 1.0, 2.0].into_iter().map(row).collect(),
    }
}

pub(super) fn charts(toy: &Toy, tests: &Tests, steps: &[u64], runs: &[Run], ladder: &Ladder) -> Vec<Chart> {
    let sampled = |r: &Run| -> Vec<(f64, f64)> { steps.iter().zip(&r.seen).map(|(k, w)| (*k as f64, tests.wrong(*w) as f64 / tests.0.len() as f64)).collect() };
    let points = |r: &Run| -> Vec<Point> {
        steps
            .iter()
            .zip(&r.seen)
            .step_by(3)
            .map(|(_, w)| fraction(tests.wrong(*w), tests.0.len()))
            .zip(steps.iter().step_by(3))
            .map(|(f, k)| Point { x: *k as f64, y: f.estimate, interval: Some((f.low, f.high)) })
            .collect()
    };
    let curve = |f: &dyn Fn([f64; 2]) -> f64| -> Vec<(f64, f64)> { steps.iter().map(|k| (*k as f64, f(toy.path(*k as f64)))).collect() };
    let t = libm::tan(toy.theta);
    let slopes: Vec<f64> = (0..=120).map(|i| -1.5 + 0.025 * f64::from(i)).collect();
    let over = |f: &dyn Fn([f64; 2]) -> f64| -> Vec<(f64, f64)> { slopes.iter().map(|x| (*x, f([1.0, x * t]))).collect() };
    let mut xs: Vec<f64> = ladder.grid.iter().map(|p| p.0).collect();
    xs.sort_by(f64::total_cmp);
    let scale = |printed: bool| -> Vec<(f64, f64)> {
        let k =
            if printed { toy.plateau_large_printed() * toy.eta * toy.epsilon } else { toy.plateau_large_corrected() * -libm::log1p(-toy.eta * toy.epsilon) };
        xs.iter().map(|x| (*x, k * x)).collect()
    };
    vec![
        Chart {
            title: "Test error, three update rules".into(),
            x: Axis::log("step"),
            y: Axis::linear("share of wrong test points").including(0.0).including(1.0),
            marks: vec![
                Mark::line("printed", Look::Printed, curve(&|w| toy.error_printed(w))),
                Mark::line("exact wedge", Look::Closed, curve(&|w| toy.error_wedge(w))),
                Mark::line("Σ⁻¹g, simulated", Look::Group(2), sampled(&runs[1])),
                Mark::line("g/‖g‖, simulated", Look::Group(3), sampled(&runs[2])),
                Mark::Points { name: "g, simulated".into(), look: Look::Simulated, points: points(&runs[0]) },
            ],
            note: String::new(),
        },
        Chart {
            title: "Error against the predictor's slope".into(),
            x: Axis::linear("ν / (μ tan θ)"),
            y: Axis::linear("share of wrong test points").including(0.0).including(1.0),
            marks: vec![
                Mark::line("printed", Look::Printed, over(&|w| toy.error_printed(w))),
                Mark::line("exact wedge", Look::Closed, over(&|w| toy.error_wedge(w))),
                Mark::line("beyond the margin", Look::Group(2), over(&|w| toy.error_beyond_margin(w).unwrap_or(f64::NAN))),
                Mark::points(
                    "simulated",
                    Look::Simulated,
                    slopes.iter().step_by(10).map(|x| (*x, tests.wrong([1.0, x * t]) as f64 / tests.0.len() as f64)).collect(),
                ),
            ],
            note: "For ν < 0 the printed form counts errors where the wedge has none.".into(),
        },
        Chart {
            title: "End of the plateau, gradient descent".into(),
            x: Axis::log("1/(ηε)"),
            y: Axis::log("steps"),
            marks: vec![
                Mark::line("printed (tan θ)", Look::Printed, scale(true)),
                Mark::line("corrected (cot θ)", Look::Closed, scale(false)),
                Mark::points("simulated", Look::Simulated, ladder.grid.clone()),
            ],
            note: String::new(),
        },
        Chart {
            title: "End of the plateau against 1/ε".into(),
            x: Axis::log("1/ε"),
            y: Axis::log("steps"),
            marks: ["g", "Σ⁻¹g (proved)", "g/‖g‖ (run)"]
                .into_iter()
                .zip([Look::Simulated, Look::Group(2), Look::Group(3)])
                .zip(&ladder.epsilon)
                .flat_map(|((name, look), p)| [Mark::line("", look, p.clone()), Mark::points(name, look, p.clone())])
                .collect(),
            note: String::new(),
        },
    ]
}
