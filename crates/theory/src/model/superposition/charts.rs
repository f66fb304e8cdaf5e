//! Pictures of superposition.

use super::engine::Trained;
use super::exact::{self, Candidate};
use super::geometry;
use super::phase::Found;
use crate::answer::Answer;
use pennydrop_figure::chart::{Axis, Chart, Look, Mark};

/// Classes of training with the candidates' boundaries, and what training gains.
pub fn phase(out: &mut Answer, ss: &[f64], rs: &[f64], cells: &[Found], n: usize) {
    let count = ss.len();
    let mut names: Vec<String> = Candidate::ALL.iter().map(|c| c.name().to_string()).collect();
    names.push("spread".into());
    let class = |c: &Found| Some(c.class.and_then(|c| Candidate::ALL.iter().position(|x| *x == c)).unwrap_or(Candidate::ALL.len()));
    let classes = cells.chunks(count).map(|row| row.iter().map(class).collect()).collect();
    let along = |from: f64, to: f64, f: &dyn Fn(f64) -> f64| -> Vec<(f64, f64)> {
        (0..=60).map(|k| from * libm::pow(to / from, f64::from(k) / 60.0)).map(|s| (s, f(s))).filter(|(_, r)| (0.1..=10.0).contains(r)).collect()
    };
    let (s, r) = exact::TRIPLE;
    let mut marks = vec![Mark::Classes { names, xs: ss.to_vec(), ys: rs.to_vec(), classes }];
    let line = |points| Mark::line("candidates' boundary", Look::Closed, points);
    marks.push(line(along(0.01, s, &exact::boundary_last)));
    if n == 2 {
        marks.push(line(along(0.01, s, &exact::boundary_first)));
    } else {
        marks.push(line(vec![(s, r), (s, 10.0)]));
        marks.push(line(vec![(0.01, r), (s, r)]));
    }
    marks.push(line(vec![(s, r), (1.0, r)]));
    out.charts.push(Chart {
        title: format!("Phases of {n} features in {}", n - 1),
        x: Axis::log("density 1 − S"),
        y: Axis::log("importance of the last feature"),
        marks,
        note: "colours: training on the exact loss, best restart".into(),
    });
    out.charts.push(Chart {
        title: "Loss of training over the best candidate's".into(),
        x: Axis::log("density 1 − S"),
        y: Axis::log("importance of the last feature"),
        marks: vec![Mark::Map {
            label: "ratio of losses".into(),
            xs: ss.to_vec(),
            ys: rs.to_vec(),
            values: cells.chunks(count).map(|row| row.iter().map(|c| c.ratio).collect()).collect(),
            log: false,
        }],
        note: String::new(),
    });
}

fn per_feature(grid: &[f64], trained: &[Trained]) -> Vec<(f64, f64)> {
    grid.iter().zip(trained).map(|(s, t)| (1.0 / s, geometry::dimensions_per_feature(&t.w))).collect()
}

/// D* and D_i along the sweep, and the directions of one model.
pub fn geometry(out: &mut Answer, grid: &[f64], with: &[Trained], without: &[Trained], m: usize) {
    let fractions = || [1.0, 0.75, 2.0 / 3.0, 0.5, 0.4, 0.375].map(|y| Mark::Horizontal { name: "1, 3/4, 2/3, 1/2, 2/5, 3/8".into(), look: Look::Null, y });
    let mut marks: Vec<Mark> = fractions().to_vec();
    marks.push(Mark::line("with weight decay", Look::Simulated, per_feature(grid, with)));
    marks.push(Mark::points("without", Look::Group(1), per_feature(&grid[grid.len() - without.len()..], without)));
    out.charts.push(Chart {
        title: "Dimensions per feature D*".into(),
        x: Axis::log("1/(1 − S)"),
        y: Axis::linear("m/‖W‖²").including(0.0),
        marks,
        note: String::new(),
    });
    let mut marks: Vec<Mark> = fractions().to_vec();
    let every: Vec<(f64, f64)> = grid
        .iter()
        .zip(with)
        .flat_map(|(s, t)| {
            let norms = geometry::norms(&t.w);
            geometry::dimensionality(&t.w).into_iter().zip(norms).filter(|(_, n)| *n > 0.1).map(move |(d, _)| (1.0 / s, d))
        })
        .collect();
    marks.push(Mark::points("a feature", Look::Simulated, every));
    out.charts.push(Chart {
        title: "Dimensionality of each feature D_i".into(),
        x: Axis::log("1/(1 − S)"),
        y: Axis::linear("D_i").including(0.0).including(1.0),
        marks,
        note: String::new(),
    });
    // The densest model with superposition: its clusters are the clearest.
    let Some((s, t)) = grid.iter().zip(with).find(|(_, t)| geometry::represented(&t.w) > 2 * m - 1).or_else(|| grid.iter().zip(with).next_back()) else {
        return;
    };
    let order: Vec<usize> = geometry::clusters(&t.w).into_iter().flat_map(|c| c.features).collect();
    if order.is_empty() {
        return;
    }
    let (gram, norms) = (t.w.transposed_mul(&t.w), geometry::norms(&t.w));
    let places: Vec<f64> = (1..=order.len()).map(|i| i as f64).collect();
    out.charts.push(Chart {
        title: "Cosines of represented features, by cluster".into(),
        x: Axis::linear("feature"),
        y: Axis::linear("feature"),
        marks: vec![Mark::Map {
            label: "cosine".into(),
            xs: places.clone(),
            ys: places,
            values: order.iter().map(|i| order.iter().map(|j| gram[(*i, *j)] / (norms[*i] * norms[*j])).collect()).collect(),
            log: false,
        }],
        note: format!("1/(1 − S) = {:.2}", 1.0 / s),
    });
}

/// The five features.
pub fn demo(out: &mut Answer, grid: &[f64], with: &[Trained], without: &[Trained]) {
    let n = with[0].w.cols();
    let xs: Vec<f64> = grid.iter().map(|s| 1.0 / s).collect();
    let ys: Vec<f64> = (1..=n).map(|i| i as f64).collect();
    let map = |title: &str, label: &str, f: &dyn Fn(&Trained) -> Vec<f64>| {
        let columns: Vec<Vec<f64>> = with.iter().map(f).collect();
        Chart {
            title: title.into(),
            x: Axis::log("1/(1 − S)"),
            y: Axis::linear("feature, most important first"),
            marks: vec![Mark::Map {
                label: label.into(),
                xs: xs.clone(),
                ys: ys.clone(),
                values: (0..n).map(|i| columns.iter().map(|c| c[i]).collect()).collect(),
                log: false,
            }],
            note: String::new(),
        }
    };
    let norms = map("Represented: norm of each column", "norm", &|t| geometry::norms(&t.w));
    let overlap = map("Superposition of each feature", "overlap", &|t| geometry::superposition(&t.w));
    out.charts.push(norms);
    out.charts.push(overlap);
    let marks =
        vec![Mark::line("with weight decay", Look::Simulated, per_feature(grid, with)), Mark::line("without", Look::Group(1), per_feature(grid, without))];
    out.charts.push(Chart {
        title: "Dimensions per feature D*".into(),
        x: Axis::log("1/(1 − S)"),
        y: Axis::linear("m/‖W‖²").including(0.0),
        marks,
        note: String::new(),
    });
    if with[0].w.rows() == 2 {
        let star =
            |t: &Trained, name: &str, look: Look| (0..n).map(|i| Mark::line(name, look, vec![(0.0, 0.0), (t.w[(0, i)], t.w[(1, i)])])).collect::<Vec<_>>();
        let marks = [star(&with[0], "dense", Look::Group(0)), star(&with[with.len() - 1], "sparsest", Look::Simulated)].concat();
        out.charts.push(Chart {
            title: "Columns of W".into(),
            x: Axis::linear("first dimension"),
            y: Axis::linear("second dimension"),
            marks,
            note: String::new(),
        });
    }
}
