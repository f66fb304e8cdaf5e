//! Charts and tables.

use super::closed::exponent;
use super::simulate::{Network, Setting};
use super::{Found, TERMS};
use crate::answer::{Cell, Table};
use crate::numeric::mean;
use pennydrop_figure::chart::{Axis, Chart, Look, Mark, Point};

pub(super) fn spectra(found: &Found) -> Table {
    let row = |(s, networks): (&Setting, &Vec<Network>)| {
        let mut rows = Vec::new();
        for (policy, name) in ["fresh", "reused", "permuted labels"].into_iter().enumerate() {
            if networks[0].two[policy].values.is_empty() {
                continue;
            }
            let average = |f: &dyn Fn(&Network) -> f64| Cell::Number(mean(&networks.iter().map(f).collect::<Vec<_>>()).estimate);
            let mut cells = vec![s.width.into(), name.into()];
            cells.extend((0..TERMS).map(|k| average(&|n| n.two[policy].values[k])));
            cells.extend((0..TERMS).map(|k| average(&|n| n.update[policy].values[k])));
            cells.extend((0..TERMS).map(|k| average(&|n| n.update[policy].overlaps[k])));
            rows.push(cells);
        }
        rows
    };
    let columns = ["W2", "W2-W0", "overlap"].into_iter().flat_map(|x| (1..=TERMS).map(move |k| format!("{x} {k}")));
    Table {
        title: "Leading singular values of W₂ and of W₂ − W₀, and overlaps with β, means over networks".into(),
        columns: ["N".to_string(), "batch".to_string()].into_iter().chain(columns).collect(),
        rows: found.settings.iter().zip(&found.networks).flat_map(row).collect(),
    }
}

pub(super) fn charts(found: &Found) -> Vec<Chart> {
    let [a1, a2] = found.alpha;
    let (s, networks) = found.last();
    let growth = |policy: usize, title: &str| {
        let mut marks = Vec::new();
        for k in 0..TERMS {
            let points: Vec<Point> = found
                .settings
                .iter()
                .zip(&found.networks)
                .map(|(s, n)| (s.width as f64, mean(&n.iter().map(|n| n.update[policy].values[k]).collect::<Vec<_>>())))
                .map(|(x, m)| Point { x, y: m.estimate, interval: Some((m.low, m.high)) })
                .collect();
            let last = points[points.len() - 1];
            let slope = exponent(a1, a2, k);
            marks.push(Mark::line("closed exponent", Look::Closed, points.iter().map(|p| (p.x, last.y * libm::pow(p.x / last.x, slope))).collect()));
            marks.push(Mark::Points { name: "simulated".into(), look: Look::Simulated, points });
        }
        Chart { title: title.into(), x: Axis::log("N"), y: Axis::log("singular values of W₂ − W₀"), marks, note: String::new() }
    };
    let ranked = |f: &dyn Fn(&Network) -> Vec<f64>| -> Vec<(f64, f64)> {
        let all: Vec<Vec<f64>> = networks.iter().map(f).collect();
        (0..all[0].len()).map(|k| ((k + 1) as f64, mean(&all.iter().map(|v| v[k]).collect::<Vec<_>>()).estimate)).collect()
    };
    let three = |pick: &dyn Fn(&Network, usize) -> Vec<f64>| -> Vec<Mark> {
        [("fresh batch", Look::Simulated), ("first batch again", Look::Group(2)), ("permuted labels", Look::Null)]
            .into_iter()
            .enumerate()
            .map(|(p, (name, look))| Mark::points(name, look, ranked(&|n| pick(n, p))))
            .collect()
    };
    let mut values = vec![Mark::Horizontal { name: "bulk edge".into(), look: Look::Closed, y: found.edge() }];
    values.extend(three(&|n, p| n.two[p].values.clone()));
    let mut overlaps = vec![Mark::Horizontal { name: "1/√d".into(), look: Look::Null, y: 1.0 / (s.inputs as f64).sqrt() }];
    overlaps.extend(three(&|n, p| n.update[p].overlaps.clone()));
    vec![
        Chart {
            title: format!("Singular values of W₂ at N = {}", s.width),
            x: Axis::linear("rank"),
            y: Axis::log("singular value"),
            marks: values,
            note: String::new(),
        },
        Chart {
            title: "Overlap of left vectors of W₂ − W₀ with β".into(),
            x: Axis::linear("rank"),
            y: Axis::linear("|u·β|").including(0.0),
            marks: overlaps,
            note: String::new(),
        },
        growth(0, "Growth, fresh batch"),
        growth(1, "Growth, first batch again"),
    ]
}
