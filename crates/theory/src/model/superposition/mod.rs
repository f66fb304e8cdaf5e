//! Toy models of superposition: n sparse features through m < n dimensions and back, out = ReLU(WᵀWx + b).
//!
//! A feature is 0 with probability S = 1 − s, else uniform on 0..1; the loss is Σ I_i E(x_i − out_i)². Dense data are kept feature by feature; sparse data
//! make the model store more features than it has dimensions, with phase boundaries and in regular polytopes.
//!
//! **Exact:** losses of the candidates of n features in n − 1 dimensions, and their boundaries ([`exact`]; derived on the card). They are a lower bound of
//! what training can do: a pair with biases or unequal columns does a little better. **Simulated:** training by AdamW through the engine ([`engine`]), either
//! on the exact loss (midpoints of every support, for n ≤ 3) or on fresh examples. **From memory of the paper:** the sticky fractions.
//!
//! The published code draws W with `xavier_normal_` on a tensor [instances, features, hidden], so that the first scale depends on the *number of
//! instances*: std = √(2/(hidden·(features + instances))) instead of √(2/(features + hidden)). `init = instances` does that.
//!
//! Source: Elhage et al. 2022 (arXiv 2209.10652) and the official notebooks, card `toy-superposition`.

pub mod engine;
pub mod exact;
pub mod geometry;

mod charts;
mod phase;

use super::{Claim, Context, Model, TheoryError};
use crate::answer::{Answer, Cell, Finding, Quantity, Simulated, Table};
use crate::numeric;
use crate::numeric::matrix::Matrix;
use engine::{Engine, Examples, Recipe, Trained};
use pennydrop_registry::{Args, Default as Usual, Kind, Param, Row};

const LANE_INIT: u32 = 0x7_0001;
const LANE_DATA: u32 = 0x7_0002;

/// The model.
pub static MODEL: Model = Model {
    row: Row {
        name: "superposition",
        summary: "sparse features in fewer dimensions: phase diagram, polytopes, dimensions per feature; a sample is a restart of a cell of the phase diagram",
        source: "Elhage et al. 2022 (arXiv 2209.10652), card toy-superposition",
        params: &[
            Param {
                key: "part",
                kind: Kind::Choice(&["phase", "geometry", "demo"]),
                default: Usual::Str("phase"),
                doc: "phase: n features in n − 1 dimensions; geometry: many equal features; demo: five features of falling importance",
            },
            Param {
                key: "n",
                kind: Kind::Int { min: 0, max: 1000 },
                default: Usual::Int(0),
                doc: "features; 0: 2 (phase), 32 (geometry; the paper 400, its notebook 200), 5 (demo)",
            },
            Param {
                key: "m",
                kind: Kind::Int { min: 0, max: 200 },
                default: Usual::Int(0),
                doc: "dimensions; 0: n − 1 (phase), 5 (geometry; the paper 30, its notebook 20), 2 (demo)",
            },
            Param {
                key: "density",
                kind: Kind::Float { min: 1e-4, max: 1.0 },
                default: Usual::Float(0.3),
                doc: "density s = 1 − S at which the boundary is measured (phase)",
            },
            Param {
                key: "least_density",
                kind: Kind::Float { min: 1e-4, max: 1.0 },
                default: Usual::Float(0.05),
                doc: "smallest density of geometry and demo (the paper's: 1/20); phase goes down to 0.01",
            },
            Param {
                key: "grid",
                kind: Kind::Int { min: 0, max: 60 },
                default: Usual::Int(0),
                doc: "densities of the sweep, and importances of the phase diagram; 0: 8 (phase and geometry), 10 (demo, as the paper)",
            },
            Param {
                key: "importance",
                kind: Kind::Float { min: 0.0, max: 1.0 },
                default: Usual::Float(0.0),
                doc: "importance of a feature over that before it; 0: 1 (geometry), 0.9 (demo)",
            },
            Param {
                key: "steps",
                kind: Kind::Int { min: 0, max: 1_000_000 },
                default: Usual::Int(0),
                doc: "steps; 0: 200 (phase), 1000 (geometry), 1500 (demo); the paper 10000",
            },
            Param { key: "batch", kind: Kind::Int { min: 1, max: 65_536 }, default: Usual::Int(128), doc: "fresh examples of a step (the paper 1024)" },
            Param {
                key: "lr",
                kind: Kind::Float { min: 0.0, max: 1.0 },
                default: Usual::Float(0.0),
                doc: "η; 0: 0.05 (phase), 0.01 (geometry and demo; the paper 0.001)",
            },
            Param { key: "schedule", kind: Kind::Choice(&["cosine", "constant"]), default: Usual::Str("cosine"), doc: "course of η (the paper: constant)" },
            Param {
                key: "weight_decay",
                kind: Kind::Float { min: 0.0, max: 1.0 },
                default: Usual::Float(0.01),
                doc: "AdamW's λ in geometry and demo (PyTorch's default, which the notebooks use), beside 0",
            },
            Param {
                key: "init",
                kind: Kind::Choice(&["features", "instances"]),
                default: Usual::Str("features"),
                doc: "first scale of W: by features and dimensions, or as the published code's, by its number of instances",
            },
            Param { key: "instances", kind: Kind::Int { min: 1, max: 1000 }, default: Usual::Int(20), doc: "number of instances that init = instances counts" },
        ],
    },
    claims: &[
        Claim {
            card: "toy-superposition",
            number: "1",
            text: "dense data: the m most important features are kept orthogonally, the rest ignored; sparse data: superposition",
        },
        Claim {
            card: "toy-superposition",
            number: "2",
            text: "first-order phase change in density and importance, at the boundaries of the candidates' losses",
        },
        Claim { card: "toy-superposition", number: "3", text: "D* and D_i stay near 1/2 over a broad range of 1/(1 − S), then fall through the fractions" },
        Claim { card: "toy-superposition", number: "4", text: "features form disjoint clusters, each a polytope" },
    ],
    samples: 2,
    answer,
};

fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    let part = args.str("part");
    let usual = |key: &str, value: usize| if args.size(key) == 0 { value } else { args.size(key) };
    let n = usual("n", [("phase", 2), ("geometry", 32), ("demo", 5)].iter().find(|p| p.0 == part).map_or(5, |p| p.1));
    let m = usual("m", [("phase", n.saturating_sub(1)), ("geometry", 5), ("demo", 2)].iter().find(|p| p.0 == part).map_or(2, |p| p.1));
    if n < 2 || m >= n {
        return Err(TheoryError::parameter(args, "m", format!("{m} dimensions for {n} features leave nothing to choose"), format!("1..{}", n.max(2) - 1)));
    }
    let mut out = Answer::default();
    if part == "phase" {
        phase::answer(&mut out, args, n, m, context)?;
    } else {
        many(&mut out, args, n, m, context)?;
    }
    Ok(out)
}

/// Standard deviation of the first W.
fn first_scale(args: &Args, n: usize, m: usize) -> f64 {
    let (n, m) = (n as f64, m as f64);
    // The published tensor is [instances, features, hidden]: PyTorch counts features·hidden into it and instances·hidden out of it.
    if args.str("init") == "instances" { libm::sqrt(2.0 / (m * (n + args.size("instances") as f64))) } else { libm::sqrt(2.0 / (n + m)) }
}

/// Geometric densities from 1 down.
fn densities(least: f64, count: usize) -> Vec<f64> {
    (0..count).map(|k| libm::pow(least, k as f64 / (count.max(2) - 1) as f64)).collect()
}

/// Many features: geometry and demo.
fn many(out: &mut Answer, args: &Args, n: usize, m: usize, context: &Context) -> Result<(), TheoryError> {
    let demo = args.str("part") == "demo";
    let ratio = match args.float("importance") {
        0.0 if demo => 0.9,
        0.0 => 1.0,
        x => x,
    };
    let importance: Vec<f64> = (0..n).map(|i| libm::pow(ratio, i as f64)).collect();
    let recipe = |weight_decay: f64| Recipe {
        lr: if args.float("lr") == 0.0 { 0.01 } else { args.float("lr") },
        weight_decay,
        steps: if args.size("steps") == 0 { if demo { 1500 } else { 1000 } } else { args.size("steps") },
        cosine: args.str("schedule") == "cosine",
    };
    let grid = densities(
        args.float("least_density"),
        match args.size("grid") {
            0 if demo => 10,
            0 => 8,
            k => k,
        },
    );
    let decays = [args.float("weight_decay"), 0.0];
    let scale = first_scale(args, n, m);
    let engines =
        decays.iter().map(|d| Engine::<f32>::new(n, m, &importance, Examples::Fresh(args.size("batch")), recipe(*d))).collect::<Result<Vec<_>, _>>()?;
    let count = grid.len();
    // Without decay: the whole sweep of the demonstration, and the sparsest model of the geometry, where decay matters most.
    let bare = if demo { count } else { 1 };
    let all: Vec<Trained> = context.map(count + bare, |k| {
        // Both decays have the same first weights and the same examples.
        let (engine, at) = if k < count { (&engines[0], k) } else { (&engines[1], k - bare) };
        let w = Matrix::normal(m, n, scale, &mut context.draws(LANE_INIT, at));
        let seed = context.draws(LANE_DATA, at).below(1 << 53) as u64;
        Ok(engine.train(&w, &vec![0.0; n], grid[at], &[], 1.0, seed))
    })?;
    if all.iter().any(|t| !t.w.is_finite()) {
        return Err(TheoryError::parameter(args, "lr", "training left every bound", "a smaller step"));
    }
    let (with, without) = all.split_at(count);
    let last = count - 1;
    let per_feature = |t: &Trained| geometry::dimensions_per_feature(&t.w);
    let mut table = Table {
        title: format!("{n} features in {m} dimensions, weight decay {}", decays[0]),
        columns: ["density s", "1/(1 − S)", "loss", "D*", "D* without decay", "represented", "median D_i of these", "largest cluster", "clusters with a name"]
            .map(String::from)
            .to_vec(),
        rows: Vec::new(),
    };
    let mut named: Vec<(String, usize, f64)> = Vec::new();
    for (k, (s, a)) in grid.iter().zip(with).enumerate() {
        let bare = (k + bare).checked_sub(count).map(|k| per_feature(&without[k]));
        let (norms, dims, clusters) = (geometry::norms(&a.w), geometry::dimensionality(&a.w), geometry::clusters(&a.w));
        let kept: Vec<f64> = dims.iter().zip(&norms).filter(|(_, n)| **n > 0.5).map(|(d, _)| *d).collect();
        let mut words: Vec<(&str, usize)> = Vec::new();
        for c in &clusters {
            let Some((name, _)) = c.polytope() else { continue };
            match words.iter_mut().find(|w| w.0 == name) {
                Some(w) => w.1 += 1,
                None => words.push((name, 1)),
            }
            let mean = c.features.iter().map(|i| dims[*i]).sum::<f64>() / c.features.len() as f64;
            named.push((name.to_string(), c.features.len(), mean));
        }
        let words: Vec<String> = words.iter().map(|(name, k)| format!("{k} {name}")).collect();
        table.rows.push(vec![
            Cell::Number(*s),
            Cell::Number(1.0 / s),
            a.loss.into(),
            per_feature(a).into(),
            bare.into(),
            geometry::represented(&a.w).into(),
            if kept.is_empty() { Cell::Empty } else { numeric::median(&kept).estimate.into() },
            clusters.first().map_or(0, |c| c.features.len()).into(),
            words.join(", ").into(),
        ]);
    }
    out.tables.push(table);
    out.tables.push(fractions(&named));
    let exact = |x: f64| Simulated::exact(x);
    out.quantities.push(
        Quantity::new("represented_dense", "features of norm above 1/2 at density 1")
            .corrected(m as f64)
            .simulated(exact(geometry::represented(&with[0].w) as f64)),
    );
    out.quantities.push(Quantity::new("represented_sparse", "the same at the smallest density").simulated(exact(geometry::represented(&with[last].w) as f64)));
    out.quantities.push(Quantity::new("dimensions_per_feature_dense", "D* at density 1").simulated(exact(per_feature(&with[0]))));
    out.quantities.push(Quantity::new("dimensions_per_feature_sparse", "D* at the smallest density").simulated(exact(per_feature(&with[last]))));
    out.quantities
        .push(Quantity::new("dimensions_per_feature_sparse_no_decay", "the same without weight decay").simulated(exact(per_feature(&without[bare - 1]))));
    // Of represented features: a column next to 0 may point anywhere.
    let most = |t: &Trained| {
        let overlaps = geometry::superposition(&t.w).into_iter().zip(geometry::norms(&t.w));
        overlaps.filter(|(_, norm)| *norm > geometry::REPRESENTED).map(|(o, _)| o).fold(0.0, f64::max)
    };
    let dense = geometry::represented(&with[0].w);
    let sparse = geometry::represented(&with[last].w);
    out.findings.push(Finding {
        claim: "toy-superposition 1".into(),
        found: format!(
            "density 1: {dense} of {n} features represented in {m} dimensions, largest superposition of these {:.3}; density {:.3}: {sparse} represented, largest {:.3}",
            most(&with[0]),
            grid[last],
            most(&with[last])
        ),
        // Equal features have no order in which dense data could choose among them.
        agrees: if demo { Some(dense <= m && sparse > m) } else { (sparse <= m).then_some(false) },
    });
    if demo {
        charts::demo(out, &grid, with, without);
    } else {
        let sticky = grid.iter().zip(with).filter(|(_, t)| (0.45..0.58).contains(&per_feature(t))).map(|(s, _)| 1.0 / s).collect::<Vec<_>>();
        let (low, high) = (sticky.first().copied().unwrap_or(f64::NAN), sticky.last().copied().unwrap_or(f64::NAN));
        out.quantities.push(
            Quantity::new("plateau_span", "largest over smallest 1/(1 − S) of the sweep with D* in 0.45..0.58").simulated(exact(if sticky.is_empty() {
                1.0
            } else {
                high / low
            })),
        );
        out.findings.push(Finding {
            claim: "toy-superposition 3".into(),
            found: format!(
                "D* lies in 0.45..0.58 at {} of {count} densities, 1/(1 − S) from {low:.2} to {high:.2}; at {:.1} it is {:.3}",
                sticky.len(),
                1.0 / grid[last],
                per_feature(&with[last])
            ),
            // A range that a coarse sweep meets twice decides nothing.
            agrees: (sticky.len() >= 3 && high / low >= 2.0).then_some(true),
        });
        let found: Vec<geometry::Cluster> = with.iter().filter(|t| geometry::represented(&t.w) > m).flat_map(|t| geometry::clusters(&t.w)).collect();
        let count_of = |clusters: &mut dyn Iterator<Item = &geometry::Cluster>| clusters.map(|c| c.features.len()).sum::<usize>();
        let (known, every) = (count_of(&mut found.iter().filter(|c| c.polytope().is_some())), count_of(&mut found.iter()));
        let larger = found.iter().map(|c| c.features.len()).max().unwrap_or(0);
        out.findings.push(Finding {
            claim: "toy-superposition 4".into(),
            found: format!("{known} of {every} features represented at densities with superposition lie in a polytope that the paper names; the largest cluster has {larger} of {n}"),
            // Few dimensions leave no room for disjoint clusters of sparse features.
            agrees: (known * 2 > every).then_some(true),
        });
        charts::geometry(out, &grid, with, without, m);
    }
    out.notes.push(format!("First W: standard deviation {scale:.4} (init = {}). Fractions other than 1/2 need many dimensions; the notebook's sizes are n=200 m=20 batch=1024 steps=10000 lr=0.001 schedule=constant.", args.str("init")));
    Ok(())
}

/// Clusters that have a name, with the dimensionality that their polytope gives and the one measured.
fn fractions(named: &[(String, usize, f64)]) -> Table {
    let mut table = Table {
        title: "Named clusters over the sweep: dimensionality of their features".into(),
        columns: ["cluster", "number", "D of the regular polytope", "mean D_i"].map(String::from).to_vec(),
        rows: Vec::new(),
    };
    for (features, dimensions) in [(1, 1), (2, 1), (4, 3), (3, 2), (5, 2), (8, 3)] {
        let cluster = geometry::Cluster { features: (0..features).collect(), dimensions };
        let Some((name, fraction)) = cluster.polytope() else { continue };
        let mine: Vec<f64> = named.iter().filter(|x| x.0 == name).map(|x| x.2).collect();
        let mean = if mine.is_empty() { Cell::Empty } else { numeric::mean(&mine).estimate.into() };
        table.rows.push(vec![name.into(), mine.len().into(), fraction.into(), mean]);
    }
    table
}

#[cfg(test)]
mod tests;
