use super::convex::cosine;
use super::data::{Loss, Problem};
use super::flow::Hyper;
use super::*;
use crate::numeric::Draws;
use pennydrop_registry::Value;

fn small(loss: Loss) -> Problem {
    data::sparse(8, 40, 3, loss, &mut Draws::new(3, 1, 0))
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    let (rest, size) = a.iter().zip(b).fold((0.0, 0.0), |(r, s), (x, y)| (r + (x - y) * (x - y), s + y * y));
    f64::sqrt(rest / size)
}

/// Plain gradient descent on u and v tends to the reduced flow as its step size goes to 0: the distance halves with the step.
#[test]
fn the_reduced_flow_is_the_limit_of_gradient_descent() {
    let h = Hyper { alpha: 5.0, lambda: 0.05 };
    for loss in [Loss::Logistic, Loss::Squared] {
        let p = small(loss);
        for t in [2.0, 40.0] {
            let a = flow::solve(&p, h, &[0.0, t], &|| false).unwrap();
            let w = flow::weights(&p, h, &a[1], t);
            let at = |eta: f64| distance(&flow::descent(&p, h, eta, (t / eta).round() as usize), &w);
            let (coarse, fine) = (at(2e-3), at(1e-3));
            assert!(fine < 2e-3 && (coarse / fine - 2.0).abs() < 0.15, "{loss:?} at {t}: {coarse:e} {fine:e}");
        }
    }
}

#[test]
fn explicit_and_implicit_formulas_agree() {
    let h = Hyper { alpha: 20.0, lambda: 0.02 };
    let p = small(Loss::Logistic);
    let times = [0.0, 1.0, 100.0, 250.0];
    let (a, b) = (flow::explicit(&p, h, &times, 1e-9, &|| false).unwrap(), flow::implicit(&p, h, &times, 1e-7, &|| false).unwrap());
    for ((t, a), b) in times.iter().zip(&a).zip(&b).skip(1) {
        let (x, y) = (flow::weights(&p, h, a, *t), flow::weights(&p, h, b, *t));
        assert!(distance(&x, &y) < 1e-3, "{t}: {:e}", distance(&x, &y));
    }
}

/// u² − v² of the parameters, and the slope of the mean loss along a, agree with finite differences.
#[test]
fn parameters_and_derivatives() {
    let h = Hyper { alpha: 6.0, lambda: 0.1 };
    let p = small(Loss::Logistic);
    let a: Vec<f64> = p.y.iter().map(|y| 0.02 * y).collect();
    let (u, v) = flow::parameters(&p, h, &a, 1.5);
    let w = flow::weights(&p, h, &a, 1.5);
    assert!(u.iter().zip(&v).zip(&w).all(|((u, v), w)| (u * u - v * v - w).abs() < 1e-12 * u * u));
    for loss in [Loss::Logistic, Loss::Squared] {
        let value = |f: f64| if loss == Loss::Logistic { libm::log1p(libm::exp(-f)) } else { (f - 1.0) * (f - 1.0) };
        let e = 1e-4;
        let (first, second) = flow::derivatives(loss, 0.3, 1.0);
        assert!((first - (value(0.3 + e) - value(0.3 - e)) / (2.0 * e)).abs() < 1e-7);
        assert!((second - (value(0.3 + e) - 2.0 * value(0.3) + value(0.3 - e)) / (e * e)).abs() < 1e-6);
    }
}

#[test]
fn the_solver_meets_the_conditions_of_optimality() {
    for loss in [Loss::Logistic, Loss::Squared] {
        let p = small(loss);
        for found in [convex::kernel(&p).unwrap(), convex::sparse(&p).unwrap()] {
            let mut f = vec![0.0; p.n()];
            p.outputs(&found.w, &mut f);
            let misfit = |(f, y): (&f64, &f64)| if loss == Loss::Logistic { (1.0 - f * y).max(0.0) } else { (f - y).abs() };
            assert!(found.gap < 1e-6 && f.iter().zip(&p.y).map(misfit).fold(0.0, f64::max) < 1e-6, "{loss:?} {}", found.gap);
        }
    }
    // Two points on the axes: w = (1, ½) in both norms.
    let p = Problem::new(vec![1.0, 0.0, 0.0, -2.0], vec![1.0, -1.0], vec![0.0; 2], Loss::Logistic);
    for found in [convex::kernel(&p).unwrap(), convex::sparse(&p).unwrap()] {
        assert!(distance(&found.w, &[1.0, 0.5]) < 1e-7, "{:?}", found.w);
    }
    // Equal points with different labels.
    let p = Problem::new(vec![1.0, 1.0, 1.0, 1.0], vec![1.0, -1.0], vec![0.0; 2], Loss::Logistic);
    assert!(convex::kernel(&p).is_err() && convex::sparse(&p).is_err());
}

/// Starts of 30 and 300: after the first instants the trajectories are one, shifted by ln 10/λ.
#[test]
fn a_larger_start_shifts_the_trajectory() {
    let p = small(Loss::Logistic);
    let lambda = 0.01;
    let at = |alpha: f64, lambda_t: f64| {
        let h = Hyper { alpha, lambda };
        let t = lambda_t / lambda;
        let a = flow::solve(&p, h, &[0.0, t], &|| false).unwrap();
        flow::weights(&p, h, &a[1], t)
    };
    for x in [2.5, 3.5, 5.0] {
        let apart = distance(&at(30.0, x), &at(300.0, x + libm::log(10.0)));
        assert!(apart < 1e-4, "{x}: {apart:e}");
    }
    // Without the shift they differ.
    assert!(distance(&at(30.0, 3.5), &at(300.0, 3.5)) > 0.1);
}

#[test]
fn exact_accuracy_of_margin_data() {
    let mut draws = Draws::new(8, 1, 0);
    let teacher = data::direction(30, &mut draws);
    let w: Vec<f64> = teacher.iter().map(|x| 0.1 * x + 0.05 * draws.normal()).collect();
    let n = 40_000;
    let p = data::margin(n, 1.5, &teacher, &mut draws);
    let mut f = vec![0.0; n];
    p.outputs(&w, &mut f);
    let seen = f.iter().zip(&p.y).filter(|(f, y)| *f * *y > 0.0).count() as f64 / n as f64;
    let exact = accuracy_of_margin_data(&w, &teacher, 1.5).unwrap();
    assert!(exact > 0.6 && exact < 0.95 && (seen - exact).abs() < 4.0 * (exact * (1.0 - exact) / n as f64).sqrt(), "{seen} {exact}");
    assert_eq!(accuracy_of_margin_data(&[0.0; 30], &teacher, 1.5), Ok(0.5));
}

#[test]
fn a_matrix_is_early_the_kernel_and_late_the_nuclear_norm() {
    let order = Draws::new(2, 1, 0).permutation(81);
    let c = matrix::Completion::new(9, 30, &order);
    // (1/λη)·ln 10 = 15,000 steps.
    let path = matrix::descent(&c, 10.0, 0.005, 0.03, &[0, 40, 6_000, 38_000], &|| false).unwrap();
    assert!(path[0].iter().all(|x| x.abs() < 1e-12));
    assert!(distance(&path[1], &matrix::early(&c)) < 0.02, "{}", distance(&path[1], &matrix::early(&c)));
    let (late, residue) = matrix::late(&c, 5_000);
    assert!(residue < 1e-6, "{residue}");
    // Weight decay shrinks what it fits by λ·(…): compare directions.
    assert!(cosine(&path[3], &late) > 0.99, "{}", cosine(&path[3], &late));
    assert!(c.known().iter().filter(|k| !**k).count() > 10);
    // No smaller nuclear norm in the neighbourhood that keeps the known entries.
    let norm = |w: &[f64]| pennydrop_graph::linalg::eigh(w, 9)[..9].iter().map(|x| x.abs()).sum::<f64>();
    let free: Vec<usize> = (0..81).filter(|k| !c.known()[*k]).collect();
    for k in free {
        for step in [-1e-3, 1e-3] {
            let mut other = late.clone();
            other[k] += step;
            other[k % 9 * 9 + k / 9] = other[k];
            assert!(norm(&other) > norm(&late) - 1e-7);
        }
    }
}

fn ask(given: &[(&str, Value)]) -> Result<Answer, TheoryError> {
    let args = Args::check("lyu", &MODEL.row, given.iter().map(|(k, v)| (k.to_string(), v.clone())))?;
    answer(&args, &Context { samples: Some(2), ..Context::default() })
}

/// A small case of each part: the phases are those of the theorem.
#[test]
fn phases_of_the_diagonal_network() {
    let given = |part: &str| {
        vec![
            ("part", Value::Str(part.into())),
            ("d", Value::Int(200)),
            ("n", Value::Int(32)),
            ("k", Value::Int(3)),
            ("scan", Value::Bool(false)),
            ("lambda", Value::Float(0.003)),
        ]
    };
    for part in ["classification", "regression"] {
        let said = ask(&given(part)).unwrap();
        let of = |name: &str| said.quantities.iter().find(|q| q.name == name).and_then(|q| q.simulated).map_or(f64::NAN, |s| s.estimate);
        assert!(of("early_cosine_kernel") > 0.97 && of("late_cosine_sparse") > 0.97, "{part}: {} {}", of("early_cosine_kernel"), of("late_cosine_sparse"));
        assert!(of("early_cosine_sparse") < 0.9 && of("kkt_stationarity") < 0.05, "{part}: {} {}", of("early_cosine_sparse"), of("kkt_stationarity"));
        assert!((0.5..1.2).contains(&of("switch_normalised")), "{part}: {}", of("switch_normalised"));
    }
}

#[test]
fn bad_parameters_are_named() {
    for (given, key) in [
        (vec![("alpha", Value::Float(1.0))], "lyu.alpha"),
        (vec![("d", Value::Int(10)), ("n", Value::Int(20))], "lyu.n"),
        (vec![("k", Value::Int(30)), ("d", Value::Int(20)), ("n", Value::Int(5))], "lyu.k"),
        (vec![("part", Value::Str("matrix".into())), ("alpha", Value::Float(100.0))], "lyu.eta"),
    ] {
        let error = ask(&given).unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
    }
}
