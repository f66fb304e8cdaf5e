//! Charts of the ball model.

use super::Setting;
use super::closed::{critical_exponent, slow_time_corrected, slow_time_printed};
use super::tables::{DIMENSIONS, Map};
use crate::answer::Simulated;
use crate::numeric::quantile;
use pennydrop_figure::chart::{Axis, Chart, Look, Mark, Point};

/// The essential comparisons.
pub fn charts(s: &Setting, map: &Map, ridge: Option<&[(f64, [f64; 3], Simulated)]>, times: &[f64], error: Option<&[(f64, f64)]>) -> Vec<Chart> {
    let mut charts = vec![dimensions(s, map)];
    charts.extend(ridge.map(|r| strengths(s, r)));
    if times.len() > 1 {
        charts.push(waiting(s, times));
    }
    charts.extend(error.map(|e| vanishing(s, e)));
    charts
}

fn point(x: f64, f: &Simulated) -> Point {
    Point { x, y: f.estimate, interval: Some((f.low, f.high)) }
}

fn dimensions(s: &Setting, map: &Map) -> Chart {
    let mut marks = Vec::new();
    for (i, eps) in map.eps.iter().enumerate() {
        let name = format!("ε = {eps}");
        let line = DIMENSIONS.iter().zip(&map.closed[i]).map(|(d, c)| (*d as f64, *c)).collect();
        marks.push(Mark::line(&name, Look::Group(i as u8), line));
        let points = DIMENSIONS.iter().zip(&map.found[i]).map(|(d, f)| point(*d as f64, f)).collect();
        marks.push(Mark::Points { name, look: Look::Group(i as u8), points });
    }
    Chart {
        title: format!("over dimension, N = {}, λ₂ = {}", s.n, s.lambda2),
        x: Axis::log("D"),
        y: Axis::linear("probability to grok").including(0.0).including(1.0),
        marks,
        note: "Points: simulated. Lines: corrected form, for N ≫ 1.".into(),
    }
}

fn strengths(s: &Setting, rows: &[(f64, [f64; 3], Simulated)]) -> Chart {
    let line = |k: usize| rows.iter().map(|r| (r.0, r.1[k])).collect::<Vec<_>>();
    let marks = vec![
        Mark::line("short form, Eq 30", Look::Null, line(2)),
        Mark::line("printed", Look::Printed, line(0)),
        Mark::line("corrected", Look::Closed, line(1)),
        Mark::Points { name: "simulated".into(), look: Look::Simulated, points: rows.iter().map(|r| point(r.0, &r.2)).collect() },
    ];
    Chart {
        title: format!("over L2, D = {}, ε = {}", s.d, s.eps),
        x: Axis::log("λ₂"),
        y: Axis::linear("probability to grok").including(0.0).including(1.0),
        marks,
        note: String::new(),
    }
}

fn waiting(s: &Setting, times: &[f64]) -> Chart {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let end = quantile(&sorted, 0.98).max(1e-6);
    const BINS: usize = 40;
    let width = end / BINS as f64;
    let mut heights = vec![0.0; BINS];
    for t in times.iter().filter(|t| **t < end) {
        heights[((t / width) as usize).min(BINS - 1)] += 1.0 / (width * times.len() as f64);
    }
    let mut marks = vec![Mark::Steps { name: "simulated".into(), look: Look::Simulated, edges: (0..=BINS).map(|i| width * i as f64).collect(), heights }];
    if s.eps > 1.0 && s.lambda1 == 0.0 {
        marks.push(Mark::Vertical { name: "slow branch, printed".into(), look: Look::Printed, x: slow_time_printed(s.d, s.eps, s.lambda2) });
        marks.push(Mark::Vertical { name: "slow branch, corrected".into(), look: Look::Closed, x: slow_time_corrected(s.d, s.eps, s.lambda2) });
    }
    let note = "The slow branch is a limit of large N; finite N has no line there.".to_string();
    Chart { title: format!("grokking time, N = {}, D = {}", s.n, s.d), x: Axis::linear("t_G").including(0.0), y: Axis::linear("density"), marks, note }
}

fn vanishing(s: &Setting, points: &[(f64, f64)]) -> Chart {
    let nu = critical_exponent(s.d, s.xi);
    let (t0, e0) = points[0];
    let line = points.iter().map(|(t, _)| (*t, e0 * libm::pow(t / t0, nu))).collect();
    Chart {
        title: format!("ν = {nu}"),
        x: Axis::log("time left until the test error vanishes"),
        y: Axis::log("average test error"),
        marks: vec![Mark::line(&format!("slope {nu}"), Look::Closed, line), Mark::points("simulated", Look::Simulated, points.to_vec())],
        note: String::new(),
    }
}

/// Humps of the positive times in a histogram of ln t with 16 bins from the 1st to the 99th percentile: maxima that stand out from the valley between them by
/// three standard errors of the counts.
pub fn humps(sorted: &[f64]) -> usize {
    let logs: Vec<f64> = sorted.iter().filter(|t| **t > 1e-9).map(|t| libm::log(*t)).collect();
    if logs.len() < 100 {
        return 0;
    }
    let (low, high) = (quantile(&logs, 0.01), quantile(&logs, 0.99));
    const BINS: usize = 16;
    let mut counts = [0.0f64; BINS];
    for x in logs.iter().filter(|x| **x > low && **x < high) {
        counts[(((x - low) / (high - low) * BINS as f64) as usize).min(BINS - 1)] += 1.0;
    }
    // Climb and descend with a tolerance of the noise.
    let (mut humps, mut rising, mut peak, mut valley) = (0, true, 0.0f64, 0.0f64);
    for c in counts {
        if rising {
            peak = peak.max(c);
            if peak - c > 3.0 * libm::sqrt(peak + c) {
                humps += 1;
                rising = false;
                valley = c;
            }
        } else {
            valley = valley.min(c);
            if c - valley > 3.0 * libm::sqrt(c + valley) {
                rising = true;
                peak = c;
            }
        }
    }
    humps + usize::from(rising)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::Draws;

    #[test]
    fn one_hump_and_two() {
        let mut draws = Draws::new(1, 0, 0);
        let mut sorted = |centres: &[f64]| {
            let mut t: Vec<f64> = (0..2000).map(|i| libm::exp(centres[i % centres.len()] + 0.3 * draws.normal())).collect();
            t.sort_by(f64::total_cmp);
            humps(&t)
        };
        assert_eq!((sorted(&[0.0]), sorted(&[0.0, 2.5])), (1, 2));
    }
}
