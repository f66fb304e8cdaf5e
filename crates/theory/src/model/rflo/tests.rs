use super::*;
use crate::numeric::Draws;
use crate::numeric::matrix::{Matrix, numerical_rank};
use network::{Learner, Network, Teacher};
use pennydrop_registry::Value;

const START: Mode = Mode { a: 0.7, b: 0.4, w: 0.6 };
const TEACHER: Mode = Mode { a: 1.0, b: 0.9, w: -0.5 };
const FEEDBACK: Feedback = Feedback { gain: 0.3, leak: 0.5 };

/// The card prints seven digits.
#[test]
fn golden_updates() {
    for (rule, b, w) in [(Rule::Bptt, -0.178_365_4, 0.189_400_0), (Rule::Truncated, -0.434, 0.170_423_1), (Rule::Rflo, -0.096, 0.078_230_8)] {
        let got = mode::update(rule, START, TEACHER, FEEDBACK);
        for (x, y) in got.iter().zip([-0.101_923_1, b, w]) {
            assert!((x - y).abs() < 6e-8, "{rule:?}: {got:?}");
        }
    }
}

#[test]
fn back_propagation_is_the_derivative_of_the_loss() {
    let h = 1e-6;
    let slope = |up: Mode, down: Mode| (mode::loss(up, TEACHER) - mode::loss(down, TEACHER)) / (2.0 * h);
    let Mode { a, b, w } = START;
    let got = mode::update(Rule::Bptt, START, TEACHER, FEEDBACK);
    let want = [
        slope(Mode { a: a + h, ..START }, Mode { a: a - h, ..START }),
        slope(Mode { b: b + h, ..START }, Mode { b: b - h, ..START }),
        slope(Mode { w: w + h, ..START }, Mode { w: w - h, ..START }),
    ];
    assert!(got.iter().zip(want).all(|(x, y)| (x - y).abs() < 1e-9), "{got:?} {want:?}");
}

/// The network of one unit, by sums over its past, and drawn sequences: neither knows the mode equations.
#[test]
fn updates_of_the_network_are_the_closed_ones() {
    let one = |x: f64| Matrix::diagonal(&[x]);
    let net = |m: Mode| Network { a: one(m.a), b: one(m.b), w: one(m.w) };
    let target = Teacher::new(net(TEACHER), 6);
    for rule in Rule::ALL {
        let learner = Learner { rule, feedback: one(FEEDBACK.gain), leak: FEEDBACK.leak, step: 0.1 };
        let (loss, got) = network::updates(&net(START), &target, &learner);
        let want = mode::update(rule, START, TEACHER, FEEDBACK);
        assert!((loss * target.power() - mode::loss(START, TEACHER)).abs() < 1e-12);
        for (x, y) in [got.a, got.b, got.w].iter().zip(want) {
            assert!((x.data()[0] - y).abs() < 1e-12, "{rule:?} {x:?} {y}");
        }
        for j in 0..3 {
            let values: Vec<f64> = (0..20_000).map(|i| network::sampled(rule, START, TEACHER, FEEDBACK, 40, &mut Draws::new(1, 0, i))[j]).collect();
            let m = crate::numeric::mean(&values);
            // Four standard errors.
            assert!((m.estimate - want[j]).abs() < 4.0 * (m.high - m.estimate) / 1.96, "{rule:?} {j}: {m:?} against {}", want[j]);
        }
    }
}

/// Analytic Jacobian, its invariants and differences of the updates.
#[test]
fn rates_on_the_optimal_manifold() {
    let h = 1e-6;
    for teacher in [TEACHER, Mode { a: 0.8, b: -0.5, w: 0.7 }] {
        for s in [-2.0, -0.6, 0.3, 1.4] {
            for rule in Rule::MODAL {
                let Mode { a, b, w } = mode::optimum(s, teacher);
                let j = mode::jacobian(rule, s, teacher, FEEDBACK);
                let at = |v: [f64; 3]| mode::update(rule, Mode { a: v[0], b: v[1], w: v[2] }, teacher, FEEDBACK);
                for k in 0..3 {
                    let (mut up, mut down) = ([a, b, w], [a, b, w]);
                    up[k] += h;
                    down[k] -= h;
                    for i in 0..3 {
                        let slope = (at(up)[i] - at(down)[i]) / (2.0 * h);
                        assert!((j[i][k] - slope).abs() < 1e-6 * (1.0 + slope.abs()), "{rule:?} s = {s} ({i}, {k}): {} {slope}", j[i][k]);
                    }
                }
                let minor = |i: usize, k: usize| j[i][i] * j[k][k] - j[i][k] * j[k][i];
                let (trace, minors) = mode::invariants(rule, s, teacher, FEEDBACK);
                assert!((trace - j[0][0] - j[1][1] - j[2][2]).abs() < 1e-10 * (1.0 + trace.abs()));
                assert!((minors - minor(0, 1) - minor(0, 2) - minor(1, 2)).abs() < 1e-10 * (1.0 + minors.abs()), "{rule:?} {s}");
                let det = j[0][0] * minor(1, 2) - j[0][1] * (j[1][0] * j[2][2] - j[1][2] * j[2][0]) + j[0][2] * (j[1][0] * j[2][1] - j[1][1] * j[2][0]);
                assert!(det.abs() < 1e-9, "flat along the manifold");
            }
        }
    }
}

/// Eigenvalues read off a trained network, real and complex.
#[test]
fn a_trained_network_has_the_derived_eigenvalues() {
    for rule in Rule::MODAL {
        for s in [0.4, 1.0, 2.0] {
            let (derived, measured) = (mode::eigenvalues(rule, s, TEACHER, FEEDBACK), experiments::measured_eigenvalues(rule, s, TEACHER, FEEDBACK).unwrap());
            for (d, m) in derived.iter().zip(&measured) {
                assert!((d.0 - m.0).abs() < 2e-3 * d.0.abs() && (d.1.abs() - m.1.abs()).abs() < 2e-3 * d.0.abs(), "{rule:?} {s} {derived:?} {measured:?}");
            }
        }
    }
}

#[test]
fn back_propagation_is_slowest_in_the_middle() {
    let middle = libm::sqrt(TEACHER.a * TEACHER.b);
    let at = |s: f64| mode::rate(Rule::Bptt, s, TEACHER, FEEDBACK);
    assert!(at(middle) > 0.0 && [0.5, 0.9, 1.1, 2.0].iter().all(|f| at(f * middle) > at(middle) && (at(-f * middle) - at(f * middle)).abs() < 1e-12));
}

#[test]
fn the_sign_rule_suffices_and_is_not_necessary() {
    let mut draws = Draws::new(3, 0, 0);
    for _ in 0..2000 {
        let feedback = Feedback { gain: draws.normal(), leak: 1.9 * draws.uniform() - 0.95 };
        let teacher = Mode { a: 1.0, b: draws.normal(), w: 1.9 * draws.uniform() - 0.95 };
        let s = draws.normal();
        let stable = mode::rflo_stable_corrected(s, teacher, feedback);
        assert!(stable || !mode::rflo_stable_printed(s, feedback), "{feedback:?} {teacher:?} {s}");
        assert!(!stable || mode::rate(Rule::Rflo, s, teacher, feedback) > 0.0);
    }
    let (s, teacher) = exception(TEACHER.w, FEEDBACK).unwrap();
    assert!(!mode::rflo_stable_printed(s, FEEDBACK) && mode::rflo_stable_corrected(s, teacher, FEEDBACK));
    // A trained network comes back to it, and leaves a point where the corrected rule says that it repels.
    let rate = mode::rate(Rule::Rflo, s, teacher, FEEDBACK);
    let back = experiments::measured_rate(Rule::Rflo, s, teacher, FEEDBACK).unwrap();
    assert!((back / rate - 1.0).abs() < 1e-3, "{back} {rate}");
    assert!(!mode::rflo_stable_corrected(-1.0, TEACHER, FEEDBACK));
    let leaves = experiments::measured_rate(Rule::Rflo, -1.0, TEACHER, FEEDBACK).unwrap();
    assert!((leaves / mode::rate(Rule::Rflo, -1.0, TEACHER, FEEDBACK) - 1.0).abs() < 1e-3 && leaves < 0.0, "{leaves}");
    assert_eq!(exception(0.5, Feedback { gain: 1.0, leak: 0.6 }), None);
}

#[test]
fn the_aligned_network_follows_the_flow() {
    let modes = [TEACHER, Mode { a: 1.0, b: 0.5, w: 0.4 }];
    for rule in Rule::MODAL {
        let run = experiments::aligned(rule, START, &modes, FEEDBACK, 12.0, 0.02, &mut Draws::new(5, 0, 0)).unwrap();
        assert!(run.gap < 0.02 && (1.8..2.2).contains(&(run.gap / run.gap_half)) && run.off < 1e-9, "{rule:?} {} {} {}", run.gap, run.gap_half, run.off);
    }
}

/// Exact algebra: every RFLO update of W has its columns in the span of Rᵀ; any violation is a bug.
#[test]
fn rflo_adds_at_most_as_many_ranks_as_outputs() {
    let modes: Vec<Mode> = [(0.9, -0.5), (0.7, 0.6), (0.5, 0.3)].iter().map(|(b, w)| Mode { a: 1.0, b: *b, w: *w }).collect();
    for outputs in 1..=3 {
        let sizes = Sizes { width: 6, outputs, scale: 0.5, step: 0.05, steps: 150, enough: 0.0, leak: 0.5 };
        let context = Context::default();
        let rflo = experiments::unaligned(Rule::Rflo, &modes, &sizes, &context, LANE_RUN, 0);
        assert_eq!(rflo.rank, outputs);
        assert!(rflo.spectrum[outputs..].iter().all(|s| *s < 1e-12), "{:?}", rflo.spectrum);
        let full = experiments::unaligned(Rule::Bptt, &modes, &sizes, &context, LANE_RUN, 0);
        assert!(full.rank > outputs, "{full:?}");
    }
    assert_eq!(numerical_rank(&[1.0, 1e-5, 1e-7], 1e-6), 2);
}

#[test]
fn saddles() {
    let mut out = Answer::default();
    saddle(&mut out, 0.6, TEACHER, FEEDBACK);
    for q in &out.quantities {
        let (closed, seen) = (q.corrected.unwrap(), q.simulated.unwrap().estimate);
        assert!((seen / closed - 1.0).abs() < 2e-3, "{} {closed} {seen}", q.name);
    }
    assert_eq!(out.findings[0].agrees, Some(true));
    assert_eq!(mode::saddle_rate(Rule::Rflo, 0.6, TEACHER), None);
}

#[test]
fn refuses_what_has_no_modes() {
    let ask = |key: &str, value: Value| {
        let args = Args::check("rflo", &MODEL.row, [(key.to_string(), value)]).unwrap();
        answer(&args, &Context { samples: Some(1), ..Context::default() }).unwrap_err().to_string()
    };
    let list = |v: &[f64]| Value::List(v.iter().map(|x| Value::Float(*x)).collect());
    assert!(ask("gain", list(&[1.0, 0.0])).contains("rflo.gain"));
    assert!(ask("memory", list(&[0.1])).contains("rflo.memory"));
    assert!(ask("memory", list(&[0.1, 0.2, 0.3, 1.0])).contains("does not forget"));
    assert!(ask("s", Value::Float(0.0)).contains("rflo.s"));
}
