//! Charts and tables.

use super::irreps::{Represented, Type};
use super::{Landed, Phases, Trace, purity_rate};
use crate::answer::{Cell, Table};
use crate::numeric::{fraction, mean};
use pennydrop_figure::chart::{Axis, Chart, Look, Mark, Point};

pub(super) fn table(g: &Represented, landed: &[&Landed], closed: &[f64], counts: &[usize], laws: &[(&str, Vec<f64>); 3], neurons: usize) -> Table {
    let row = |i: usize| {
        let (rho, share) = (&g.irreps[i], fraction(counts[i - 1], neurons));
        let energies: Vec<f64> = landed.iter().filter(|l| l.irrep == i).map(|l| l.half_energy).collect();
        let law = |(_, w): &(&str, Vec<f64>)| Cell::Number(w[i - 1] / w.iter().sum::<f64>());
        let kind = match rho.kind {
            Type::Real => "real",
            Type::Complex => "complex pair",
            Type::Quaternionic => "quaternionic",
        };
        let mut cells = vec![Cell::from(rho.name.as_str()), rho.dim.into(), kind.into(), closed[i].into()];
        cells.push(if energies.is_empty() { Cell::Empty } else { mean(&energies).estimate.into() });
        cells.extend([Cell::from(counts[i - 1]), share.estimate.into(), share.low.into(), share.high.into()]);
        cells.extend(laws.iter().map(law));
        cells
    };
    Table {
        title: "Where neurons end".into(),
        columns: ["representation", "d", "type", "E/2 closed", "E/2 simulated", "neurons", "share", "low", "high", "uniform", "d^2", "d^3"]
            .map(String::from)
            .to_vec(),
        rows: (1..g.irreps.len()).map(row).collect(),
    }
}

pub(super) fn charts(
    g: &Represented,
    landed: &[&Landed],
    traces: &[(&Landed, &Trace)],
    closed: &[f64],
    counts: &[usize],
    laws: &[(&str, Vec<f64>); 3],
    phases: Option<&Phases>,
) -> Vec<Chart> {
    let n = landed.len() as f64;
    let place = |i: usize| (i + 1) as f64;
    let shares: Vec<Point> = counts
        .iter()
        .enumerate()
        .map(|(i, c)| (place(i), fraction(*c, landed.len())))
        .map(|(x, f)| Point { x, y: f.estimate, interval: Some((f.low, f.high)) })
        .collect();
    let law = |(name, w): &(&str, Vec<f64>), look| {
        let total: f64 = w.iter().sum();
        Mark::points(name, look, w.iter().enumerate().map(|(i, x)| (place(i), x / total)).collect())
    };
    let mut occupancy: Vec<Mark> = vec![law(&laws[0], Look::Null), law(&laws[1], Look::Group(2)), law(&laws[2], Look::Group(3))];
    if phases.is_some() {
        occupancy.truncate(1);
    }
    occupancy.push(Mark::Points { name: "simulated".into(), look: Look::Simulated, points: shares });
    let names: Vec<String> = g.irreps[1..].iter().enumerate().map(|(i, r)| format!("{} {}", i + 1, r.name)).collect();
    let names = if names.len() <= 6 { names.join(", ") } else { String::new() };

    let mut paths: Vec<Mark> = Vec::new();
    let mut slopes: Vec<Mark> = Vec::new();
    let mut drawn: Vec<usize> = Vec::new();
    for (l, t) in traces.iter().take(12) {
        paths.push(Mark::line("simulated", Look::Simulated, t.times.iter().copied().zip(t.impurity.iter().copied()).filter(|p| p.1 > 1e-15).collect()));
        // The closed slope through the point where the share outside is 1e-6, once a representation.
        if !drawn.contains(&l.irrep) {
            drawn.push(l.irrep);
            if let Some(i) = t.impurity.iter().position(|x| *x < 1e-6) {
                let (t0, y0, k) = (t.times[i], t.impurity[i], purity_rate(closed[l.irrep]));
                slopes.push(Mark::line("exp(−4et)", Look::Closed, [1e-2, 1e-14].map(|y| (t0 - libm::log(y / y0) / k, y)).to_vec()));
            }
        }
    }
    paths.extend(slopes);

    let mut distinct: Vec<f64> = closed[1..].to_vec();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup_by(|a, b| (*a - *b).abs() < 1e-9);
    let energies: Vec<(f64, f64)> = distinct.iter().map(|e| (*e, landed.iter().filter(|l| (l.half_energy - e).abs() < 1e-6).count() as f64 / n)).collect();
    let mut landing: Vec<Mark> = distinct.iter().map(|e| Mark::Vertical { name: "closed form".into(), look: Look::Closed, x: *e }).collect();
    landing.push(Mark::points("simulated", Look::Simulated, energies));
    let mut out = vec![
        Chart {
            title: "Landing energies".into(),
            x: Axis::linear("E/2").including(0.0),
            y: Axis::linear("share of neurons").including(0.0),
            marks: landing,
            note: String::new(),
        },
        Chart {
            title: "Share outside the representation taken".into(),
            x: Axis::linear("flow time"),
            y: Axis::log("1 − purity"),
            marks: paths,
            note: String::new(),
        },
        Chart {
            title: "Occupancy".into(),
            x: Axis::linear("representation"),
            y: Axis::linear("share of neurons").including(0.0),
            marks: occupancy,
            note: names,
        },
    ];
    if let Some(p) = phases {
        let bins = 16;
        let tau = std::f64::consts::TAU;
        let mut heights = vec![0.0; bins];
        p.first.iter().for_each(|x| heights[(((x / tau + 0.5) * bins as f64) as usize).min(bins - 1)] += bins as f64 / tau / p.first.len() as f64);
        let edges = (0..=bins).map(|i| (i as f64 / bins as f64 - 0.5) * tau).collect();
        out.push(Chart {
            title: "Phases φ_a".into(),
            x: Axis::linear("phase (radians)"),
            y: Axis::linear("density").including(0.0),
            marks: vec![
                Mark::Steps { name: "simulated".into(), look: Look::Simulated, edges, heights },
                Mark::Horizontal { name: "Haar".into(), look: Look::Closed, y: 1.0 / tau },
            ],
            note: String::new(),
        });
    }
    out
}
