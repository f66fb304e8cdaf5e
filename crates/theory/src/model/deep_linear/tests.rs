use super::*;
use crate::numeric::Draws;
use crate::numeric::matrix::Matrix;
use network::{Network, Problem};
use pennydrop_registry::Value;

#[test]
fn a_balanced_network_follows_its_modes() {
    for layers in 2..=4 {
        let run = |eta: f64| experiments::modes(6, layers, &[1.2, 0.7], 0.02, 0.2, eta, 15.0, &mut Draws::new(1, 0, 0)).unwrap();
        let (long, short) = (run(0.01), run(0.005));
        assert!(long.gap < 0.03 && (1.7..2.3).contains(&(long.gap / short.gap)), "{layers}: {} {}", long.gap, short.gap);
    }
}

/// Gradient descent descends the objective: its steps are differences of the loss.
#[test]
fn steps_are_minus_the_derivative() {
    let mut draws = Draws::new(2, 0, 0);
    let d = 3;
    let x = Matrix::normal(d, d, 1.0, &mut draws);
    let problem = Problem { target: Matrix::normal(d, d, 1.0, &mut draws), inputs: Some(x.mul_transposed(&x)), lambda: 0.3 };
    let net = Network::normal(d, 3, 1.0, &mut draws);
    let objective = |net: &Network| problem.loss(&net.product()) + 0.15 * net.energy();
    let mut moved = net.clone();
    let eta = 1e-3;
    assert!((moved.step(&problem, eta) - problem.loss(&net.product())).abs() < 1e-12);
    let h = 1e-6;
    for l in 0..3 {
        for k in [(0, 0), (1, 2), (2, 1)] {
            let at = |by: f64| {
                let mut n = net.clone();
                n.layers[l][k] += by;
                objective(&n)
            };
            let slope = (at(h) - at(-h)) / (2.0 * h);
            let step = (net.layers[l][k] - moved.layers[l][k]) / eta;
            assert!((slope - step).abs() < 1e-6 * (1.0 + slope.abs()), "layer {l} {k:?}: {slope} {step}");
        }
    }
}

#[test]
fn energy_is_least_when_balanced() {
    let mut draws = Draws::new(3, 0, 0);
    for layers in 2..=4 {
        let (u, v) = (Matrix::orthogonal(5, &mut draws), Matrix::orthogonal(5, &mut draws));
        let balanced = Network::balanced(&[2.0, 1.0, 0.5, 0.1, 0.0], &u, &v, layers, &mut draws);
        let least = mode::least_energy(&balanced.product().singular_values(), layers);
        // Singular values of 0 come back as 1e-17, whose power 2/L is not small.
        assert!((balanced.energy() - least).abs() < 1e-7 && balanced.imbalance() < 1e-12, "{layers}");
        let any = Network::normal(5, layers, 1.0, &mut draws);
        assert!(any.energy() > mode::least_energy(&any.product().singular_values(), layers) + 0.1);
    }
}

#[test]
fn imbalance_falls_at_twice_the_decay() {
    let (lambda, end) = (0.1, 60.0);
    let run = experiments::balance(6, 3, &[1.0, 0.8], lambda, 0.7, 0.02, end, &mut Draws::new(4, 0, 0));
    let rate = fit::decay_rate(&run.times, &run.imbalance, 1e-12, 2.0).unwrap();
    assert!((rate / (2.0 * lambda) - 1.0).abs() < 0.02, "{rate}");
    // The energy is bounded from below all along, and near its bound at the end.
    assert!(run.excess.iter().all(|x| *x > -1e-9) && run.excess[80] < 1e-3, "{:?}", run.excess);
    let late = fit::decay_rate(&run.times[40..], &run.excess[40..], 1e-12, 1.0).unwrap();
    assert!((late / (2.0 * lambda) - 1.0).abs() < 0.1, "{late}");
    // A teacher that uses every direction: second order in the imbalance.
    let full = experiments::balance(4, 2, &[1.0, 0.8, 0.7, 0.6], lambda, 0.7, 0.02, end, &mut Draws::new(5, 0, 0));
    let late = fit::decay_rate(&full.times[30..], &full.excess[30..], 1e-12, 1.0).unwrap();
    assert!((late / (4.0 * lambda) - 1.0).abs() < 0.1, "{late}");
}

#[test]
fn the_limit_of_a_run_is_the_closed_one() {
    let sizes = Sizes { width: 8, layers: 2, seen: 4, scale: 0.7, eta: 0.05 };
    let lambda = 0.05;
    let run = experiments::clocks(&sizes, &[1.5, 1.0], lambda, 400.0, &mut Draws::new(6, 0, 0));
    let last = run.times.len() - 1;
    assert!(
        run.distance[last] < 1e-6 && (run.loss[last] / run.floor - 1.0).abs() < 1e-5 && (run.rank[last] - run.limit_rank).abs() < 1e-4,
        "{} {}",
        run.distance[last],
        run.gap[last]
    );
    let (d, g) = (fit::decay_rate(&run.times, &run.distance, 1e-5, 1e-2).unwrap(), fit::decay_rate(&run.times, &run.gap, 1e-8, 1e-3).unwrap());
    assert!((d / lambda - 1.0).abs() < 0.03 && (g / (2.0 * lambda) - 1.0).abs() < 0.05, "{d} {g}");
}

#[test]
fn the_papers_exponent_is_that_of_the_loss_gap() {
    for theta in [0.6, 0.75, 0.8] {
        let flat = experiments::flat(theta).unwrap();
        for (e, t) in flat.distance.iter().filter(|p| p.1 > 0.0) {
            assert!((t / mode::distance_clock(*e, theta) - 1.0).abs() < 5e-3, "{theta} {e} {t}");
        }
        let (d, g) = (experiments::exponent(&flat.distance).unwrap(), experiments::exponent(&flat.gap).unwrap());
        assert!((d / mode::exponent_corrected(theta) - 1.0).abs() < 0.02 && (g / mode::exponent_printed(theta) - 1.0).abs() < 0.1, "{theta} {d} {g}");
        assert!((d - mode::exponent_printed(theta)).abs() > 0.2);
    }
    let layers = experiments::threshold(3000.0);
    let x = [&layers.distance, &layers.product, &layers.gap].map(|p| experiments::exponent(p).unwrap());
    assert!((x[0] - 2.0).abs() < 0.06 && (x[1] - 1.0).abs() < 0.03 && (x[2] - 0.5).abs() < 0.02, "{x:?}");
}

#[test]
fn cross_entropy_has_a_power_for_the_loss() {
    let found = experiments::separable(60, &Context::default(), LANE_POINTS).unwrap();
    let late = fit::fits(&found.loss[found.loss.len() / 2..]).unwrap();
    assert!((late.power.1 - 1.0).abs() < 0.05 && late.delta_aic < -10.0, "{late:?}");
    assert!(fit::fits(&found.normalised).unwrap().delta_aic > 10.0);
    // One example, by its closed form and by steps of a thousandth.
    let (mut u, mut t, h) = (0.0, 0.0, 1e-3);
    while libm::log1p(libm::exp(-u)) > 0.05 {
        u += h / (1.0 + libm::exp(u));
        t += h;
    }
    assert!((t / mode::logistic_clock(0.05, 1.0) - 1.0).abs() < 2e-3);
}

#[test]
fn refuses_what_is_no_teacher() {
    let ask = |key: &str, value: Value| {
        let args = Args::check("deep-linear", &MODEL.row, [(key.to_string(), value), ("part".to_string(), Value::Str("modes".into()))]).unwrap();
        answer(&args, &Context::default()).unwrap_err().to_string()
    };
    assert!(ask("singular", Value::List(vec![Value::Float(-1.0)])).contains("deep-linear.singular"));
    assert!(ask("inputs", Value::Int(30)).contains("deep-linear.inputs"));
    assert!(ask("decays", Value::List(vec![Value::Float(1e-5)])).contains("deep-linear.decays"));
}
