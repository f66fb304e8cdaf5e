//! Pictures of the deep linear model.

use super::experiments::{Balance, Clocks, Flat, Modes, Separable};
use super::mode;
use crate::answer::Answer;
use pennydrop_figure::chart::{Axis, Chart, Look, Mark};

fn zip(xs: &[f64], ys: &[f64]) -> Vec<(f64, f64)> {
    xs.iter().copied().zip(ys.iter().copied()).collect()
}

/// Singular values beside the flow.
pub fn modes(out: &mut Answer, run: &Modes, rank: usize) {
    let along = |path: &[Vec<f64>], i: usize| -> Vec<(f64, f64)> { run.times.iter().zip(path).map(|(t, s)| (*t, s[i])).collect() };
    let shown = (rank + 1).min(run.flow[0].len());
    let mut marks: Vec<Mark> = (0..shown).map(|i| Mark::line("flow of modes", Look::Closed, along(&run.flow, i))).collect();
    marks.extend((0..shown).map(|i| Mark::points("network", Look::Simulated, along(&run.network, i).into_iter().step_by(4).collect())));
    out.charts.push(Chart {
        title: "Singular values, balanced network".into(),
        x: Axis::linear("time η·step"),
        y: Axis::linear("σ").including(0.0),
        marks,
        note: "modes of the teacher, and the largest of the others".into(),
    });
}

/// Energy and imbalance.
pub fn balance(out: &mut Answer, run: &Balance, lambda: f64) {
    let closed: Vec<(f64, f64)> = run.times.iter().map(|t| (*t, libm::exp(-2.0 * lambda * t))).collect();
    let positive = |ys: &[f64]| -> Vec<(f64, f64)> { zip(&run.times, ys).into_iter().filter(|p| p.1 > 0.0).step_by(3).collect() };
    out.charts.push(Chart {
        title: "Energy of layers, off balance".into(),
        x: Axis::linear("time η·step"),
        y: Axis::log("relative"),
        marks: vec![
            Mark::line("e^(−2λt)", Look::Closed, closed),
            Mark::points("imbalance", Look::Simulated, positive(&run.imbalance)),
            Mark::points("excess of Σ‖W‖² over its least", Look::Group(1), positive(&run.excess)),
        ],
        note: "normal first values, white inputs".into(),
    });
}

/// Clocks of one run.
pub fn clocks(out: &mut Answer, run: &Clocks, cls: &[(f64, f64)], distance: &[(f64, f64)], gap: &[(f64, f64)], lambda: f64) {
    let mut marks = vec![Mark::points("T_cls, loss", Look::Group(0), cls.to_vec())];
    if lambda > 0.0 {
        marks.push(Mark::points("T_rep, distance", Look::Simulated, distance.to_vec()));
        marks.push(Mark::points("T_rep, loss gap", Look::Group(2), gap.to_vec()));
        // Through the last point: only the slope is derived.
        for (points, rate) in [(distance, lambda), (gap, 2.0 * lambda)] {
            if let Some((e, t)) = points.last() {
                let line = points.iter().map(|(x, _)| (*x, t + libm::log(e / x) / rate)).filter(|p| p.1 > 0.0).collect();
                marks.push(Mark::line("slope 1/λ, 1/(2λ)", Look::Closed, line));
            }
        }
        if run.floor > 0.0 {
            marks.push(Mark::Vertical { name: "loss floor".into(), look: Look::Null, x: run.floor });
        }
    }
    out.charts.push(Chart {
        title: "Two clocks of one run".into(),
        x: Axis::log("tolerance ε or η"),
        y: Axis::linear("time").including(0.0),
        marks,
        note: format!("λ = {lambda}"),
    });
}

/// Clocks against decay.
pub fn sweep(out: &mut Answer, rows: &[(f64, Option<f64>, Option<f64>)]) {
    let of = |f: &dyn Fn(&(f64, Option<f64>, Option<f64>)) -> Option<f64>| -> Vec<(f64, f64)> {
        rows.iter().filter(|r| r.0 > 0.0).filter_map(|r| Some((r.0, f(r)?))).collect()
    };
    let rep = of(&|r| r.2);
    let mut marks = vec![Mark::points("T_cls(0.1)", Look::Group(0), of(&|r| r.1)), Mark::points("T_rep(0.1), distance", Look::Simulated, rep.clone())];
    if let Some((l, t)) = rep.first() {
        marks.push(Mark::line("∝ 1/λ", Look::Null, rep.iter().map(|(x, _)| (*x, t * l / x)).collect()));
    }
    out.charts.push(Chart { title: "Clocks against decay".into(), x: Axis::log("λ"), y: Axis::log("time"), marks, note: String::new() });
}

/// Clocks of the scalar flow.
pub fn exponents(out: &mut Answer, flat: &Flat, theta: f64) {
    let closed = |points: &[(f64, f64)], f: &dyn Fn(f64) -> f64| -> Vec<(f64, f64)> { points.iter().map(|(e, _)| (*e, f(*e))).filter(|p| p.1 > 0.0).collect() };
    let mut marks = vec![
        Mark::line("closed, distance", Look::Closed, closed(&flat.distance, &|e| mode::distance_clock(e, theta))),
        Mark::line("closed, loss gap", Look::Group(2), closed(&flat.gap, &|e| mode::gap_clock(e, theta))),
    ];
    if let Some((e, t)) = flat.distance.first() {
        let x = mode::exponent_printed(theta);
        marks.push(Mark::line("printed, for a distance", Look::Printed, closed(&flat.distance, &|y| t * libm::pow(e / y, x))));
    }
    marks.push(Mark::points("simulated", Look::Simulated, flat.distance.iter().chain(&flat.gap).copied().collect()));
    out.charts.push(Chart {
        title: "Representation clock of a flat minimum".into(),
        x: Axis::log("tolerance η"),
        y: Axis::log("T_rep"),
        marks,
        note: format!("flow of |x|^p, θ = 1 − 1/p = {theta}"),
    });
}

/// Clocks under cross-entropy.
pub fn cross_entropy(out: &mut Answer, found: &Separable) {
    let mut marks = vec![
        Mark::points("loss", Look::Simulated, found.loss.clone()),
        Mark::points("share of points still wrong", Look::Group(2), found.wrong.clone()),
        Mark::points("loss, speed ∇L/L", Look::Group(1), found.normalised.clone()),
    ];
    if let Some((e, t)) = found.loss.last() {
        marks.push(Mark::line("∝ 1/ε", Look::Closed, found.loss.iter().map(|(x, _)| (*x, t * e / x)).collect()));
    }
    out.charts.push(Chart {
        title: "Classification clock under cross-entropy".into(),
        x: Axis::log("tolerance ε"),
        y: Axis::log("T_cls"),
        marks,
        note: "separable linear classifier; only the slope of the line is derived".into(),
    });
}
