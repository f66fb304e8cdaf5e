use super::exact::{Candidate, Nodes};
use super::geometry::Cluster;
use super::*;
use crate::numeric::Draws;
use pennydrop_registry::Value;

/// The card prints five digits.
#[test]
fn golden_boundaries() {
    for (s, r) in [(0.5, 0.666_67), (0.3, 0.24), (0.1, 0.057_14), (0.05, 0.026_67), (0.01, 0.005_06)] {
        let got = exact::boundary_last(s);
        assert!((got - r).abs() < 6e-6, "{s} {got}");
        for n in [2, 3] {
            let (drop, pair) = (Candidate::DropLast.loss(s, got, n), Candidate::PairLast.loss(s, got, n));
            assert!((drop - pair).abs() < 1e-15);
            assert_eq!((exact::best(s, got * 0.99, n), exact::best(s, got * 1.01, n)), (Candidate::DropLast, Candidate::PairLast));
        }
    }
    let (s, r) = exact::TRIPLE;
    let all = Candidate::ALL.map(|c| c.loss(s, r, 3));
    assert!(all.iter().all(|l| (l - all[0]).abs() < 1e-15), "{all:?}");
    assert!((exact::boundary_last(s) - 1.0).abs() < 1e-12 && (exact::boundary_first(0.3) * exact::boundary_last(0.3) - 1.0).abs() < 1e-12);
    assert_eq!(
        [(0.5, 2.0), (0.6, 2.0), (0.5, 0.9), (0.7, 0.9)].map(|(s, r)| exact::best(s, r, 3)),
        [Candidate::PairFirst, Candidate::DropFirst, Candidate::PairLast, Candidate::DropLast]
    );
}

/// Every support enumerated, midpoints in each, for the candidates' own weights: no closed form.
#[test]
fn losses_of_the_candidates_by_enumeration() {
    for n in [2, 3] {
        let nodes = Nodes::new(n, if n == 2 { 60 } else { 24 });
        assert!((nodes.weights(0.3).iter().sum::<f64>() - 1.0).abs() < 1e-12);
        for (s, r) in [(0.1, 0.3), (0.6, 2.0), (1.0, 0.5)] {
            let importance: Vec<f64> = (0..n).map(|i| if i == n - 1 { r } else { 1.0 }).collect();
            for c in Candidate::ALL.into_iter().filter(|c| n > 2 || *c != Candidate::PairFirst) {
                let (w, b) = c.weights(s, n);
                let (found, closed) = (nodes.loss(&w, &b, &importance, s), c.loss(s, r, n));
                // Midpoints miss the kink on the diagonal by at most 1/(4q²) of the density's square, and a variance by 1/(12q²).
                assert!((found - closed).abs() < 1.2e-3 * (1.0 + r) * s, "{n} {c:?} {s} {r}: {found} {closed}");
            }
        }
    }
}

#[test]
fn geometry_of_known_polytopes() {
    let angle = |k: usize, n: usize| 2.0 * std::f64::consts::PI * k as f64 / n as f64;
    let polygon = |n: usize| Matrix::from_fn(2, n, |i, k| if i == 0 { libm::cos(angle(k, n)) } else { libm::sin(angle(k, n)) });
    let pair = Matrix::from_fn(1, 2, |_, k| if k == 0 { 1.0 } else { -1.0 });
    let corners = [[1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]];
    let tetrahedron = Matrix::from_fn(3, 4, |i, k| corners[k][i] / 3f64.sqrt());
    // Two squares, one turned by an eighth, at the heights that the paper's antiprism has for equal edges do not matter for the count.
    let antiprism = Matrix::from_fn(3, 8, |i, k| {
        let turn = angle(k % 4, 4) + if k < 4 { 0.0 } else { angle(1, 8) };
        [0.82 * libm::cos(turn), 0.82 * libm::sin(turn), if k < 4 { 0.57 } else { -0.57 }][i]
    });
    for (w, name, d) in [
        (pair, "antipodal pair", 0.5),
        (polygon(3), "triangle", 2.0 / 3.0),
        (tetrahedron, "tetrahedron", 0.75),
        (polygon(5), "pentagon", 0.4),
        (antiprism, "square antiprism", 0.375),
    ] {
        let clusters = geometry::clusters(&w);
        assert_eq!((clusters.len(), clusters[0].polytope().unwrap().0), (1, name));
        // A tight frame of unit columns: every feature has m/n.
        let tolerance = if name == "square antiprism" { 0.02 } else { 1e-12 };
        assert!(geometry::dimensionality(&w).iter().all(|x| (x - d).abs() < tolerance), "{name}");
        assert!((geometry::dimensions_per_feature(&w) - d).abs() < tolerance && clusters[0].polytope().unwrap().1 == d);
    }
    // Two pairs in two dimensions are two clusters; a feature of norm 0 is in none.
    let two = Matrix::from_fn(2, 5, |i, k| if k < 4 && k % 2 == i { if k < 2 { 1.0 } else { -1.0 } } else { 0.0 });
    assert_eq!(geometry::clusters(&two), [Cluster { features: vec![0, 2], dimensions: 1 }, Cluster { features: vec![1, 3], dimensions: 1 }]);
    assert_eq!((geometry::represented(&two), geometry::dimensionality(&two)[4]), (4, 0.0));
}

/// One step of the engine's plain gradient against differences of the enumerated loss.
#[test]
fn the_engine_descends_the_enumerated_loss() {
    let nodes = Nodes::new(3, 5);
    let (s, r, importance) = (0.4, 0.7, [1.0, 1.0, 0.7]);
    let mut draws = Draws::new(1, 0, 0);
    let (w, b) = (Matrix::normal(2, 3, 0.8, &mut draws), vec![0.1, -0.05, 0.2]);
    let recipe = Recipe { lr: 1e-6, weight_decay: 0.0, steps: 1, cosine: false };
    let engine = Engine::<f64>::new(3, 2, &[1.0; 3], Examples::Weighted(nodes.values.clone()), recipe).unwrap();
    let t = engine.train(&w, &b, s, &nodes.weights(s), r, 0);
    assert!((t.loss - nodes.loss(&w, &b, &importance, s)).abs() < 1e-12);
    // Adam's first step is −lr·sign(gradient) where the gradient is far above ε.
    for k in [(0, 0), (1, 1), (1, 2)] {
        let at = |by: f64| {
            let mut w = w.clone();
            w[k] += by;
            nodes.loss(&w, &b, &importance, s)
        };
        let slope = (at(1e-6) - at(-1e-6)) / 2e-6;
        let moved = (t.w[k] - w[k]) / 1e-6;
        assert!(slope.abs() > 1e-4 && (moved + libm::copysign(1.0, slope)).abs() < 1e-3, "{k:?} {slope} {moved}");
    }
}

/// Fresh examples of the engine have the distribution that is enumerated.
#[test]
fn fresh_examples_have_the_enumerated_loss() {
    let (w, b) = Candidate::PairLast.weights(0.5, 3);
    let recipe = Recipe { lr: 0.0, weight_decay: 0.0, steps: 1, cosine: false };
    let engine = Engine::<f32>::new(3, 2, &[1.0; 3], Examples::Fresh(4096), recipe).unwrap();
    let losses: Vec<f64> = (0..20).map(|seed| engine.train(&w, &b, 0.5, &[], 0.5, seed).loss).collect();
    let (m, closed) = (numeric::mean(&losses), Candidate::PairLast.loss(0.5, 0.5, 3));
    assert!((m.estimate - closed).abs() < 4.0 * (m.high - m.estimate) / 1.96 && m.high > m.low, "{m:?} {closed}");
}

#[test]
fn training_finds_the_phases() {
    let nodes = Nodes::new(2, 8);
    let recipe = Recipe { lr: 0.05, weight_decay: 0.0, steps: 300, cosine: true };
    let engine = Engine::<f64>::new(2, 1, &[1.0; 2], Examples::Weighted(nodes.values.clone()), recipe).unwrap();
    for (s, r, want) in [(0.8, 0.3, Candidate::DropLast), (0.8, 3.0, Candidate::DropFirst), (0.05, 1.0, Candidate::PairLast)] {
        let runs = (0..6).map(|i| engine.train(&Matrix::normal(1, 2, 0.8, &mut Draws::new(2, 0, i)), &[0.0; 2], s, &nodes.weights(s), r, 0));
        let best = runs.min_by(|a, b| a.loss.total_cmp(&b.loss)).unwrap();
        assert_eq!(phase::classify(&best.w), Some(want), "{best:?}");
        // By the same midpoints; training may gain by biases and unequal columns.
        let (w, b) = want.weights(s, 2);
        assert!(best.loss < nodes.loss(&w, &b, &[1.0, r], s) * 1.001, "{best:?}");
    }
}

#[test]
fn the_first_scale_of_the_published_code() {
    let args = |init: &str| {
        Args::check("superposition", &MODEL.row, [("init".to_string(), Value::Str(init.into())), ("instances".to_string(), Value::Int(100))]).unwrap()
    };
    // The card's example: (100, 400, 30).
    assert!((first_scale(&args("instances"), 400, 30) - 0.0115).abs() < 5e-5 && (first_scale(&args("features"), 400, 30) - 0.068).abs() < 5e-4);
}

#[test]
fn refuses_what_has_no_diagram() {
    let ask = |given: &[(&str, i64)]| {
        let args = Args::check("superposition", &MODEL.row, given.iter().map(|(k, v)| (k.to_string(), Value::Int(*v)))).unwrap();
        answer(&args, &Context::default()).unwrap_err().to_string()
    };
    assert!(ask(&[("n", 4)]).contains("superposition.n") && ask(&[("n", 2), ("m", 2)]).contains("superposition.m"));
}
