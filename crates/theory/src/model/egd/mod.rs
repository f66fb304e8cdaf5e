//! The plane model of "Egalitarian Gradient Descent" (card `egd`): a plateau of the test error that is as long as the slowest direction is slow.
//!
//! **Model.** z ~ N(0, diag(1, ε)), label y = sign(z₁), a linear predictor w = (μ, ν) trained with squared loss on the *population* of points with |z₁| ≥ s:
//! gradient (m₂μ − m₁, εν), m₁ = E|z₁| = φ(s)/Q(s), m₂ = E z₁² = 1 + s·m₁. Tests are the points of the wedge (vᵀz)·z₁ ≤ 0, v = (cos θ, sin θ): points that a
//! predictor along v gets wrong. They lie close to z₁ = 0, where no training point is, and only the slow ν decides about them.
//!
//! **Closed form.** μ_k = αᵏu₁ + (1 − αᵏ)m₁/m₂ and ν_k = βᵏu₂, α = 1 − ηm₂, β = 1 − ηε. With z whitened, the share of wrong test points is a ratio of angles;
//! the plateau ends when ν_k = μ_k tan θ.
//!
//! **What is exact.** The path is. The printed error arccos(μ/L)/arccos(r) is exact for a Gaussian wedge as long as u₂ and tan θ have one sign, because the set of
//! errors is then nested in the wedge; for the other sign the print counts errors where there are none ([`Toy::error_wedge`] is exact for both). Where tests keep
//! the margin |z₁| ≥ s of training, neither is ([`Toy::error_beyond_margin`], by quadrature). The card prints the plateau's end as ln τ/(ηε) with
//! τ = |u₂| |tan θ| m₂/m₁; from ν_k = μ_k tan θ it is τ = |u₂| |cot θ| m₂/m₁. The two agree at θ = π/4 alone, and the simulation decides.
//!
//! **Egalitarian descent.** The theorem preconditions with the inverse covariance (Newton's step): both directions then shrink by 1 − η. The algorithm that is run
//! divides a gradient by its singular values, which for a parameter that is a vector is g/‖g‖. Both are simulated. The second keeps 1/ε: the stiff direction falls into
//! a two-cycle of width η, the gradient's norm is m₂η/2 there, and ν shrinks by 1 − 2ε/m₂ a step (derived here; from below, for any two-cycle).
//!
//! Reconstructed: the values of s, ε, θ, η and u, which the card does not give.

mod closed;
mod show;
mod simulate;

use super::{Claim, Context, Model, TheoryError};
use crate::answer::{Answer, Finding, Quantity, Simulated};
use crate::numeric::line;
pub use closed::{Toy, moments};
use pennydrop_registry::{Args, Default as Usual, Kind, Param, Row};
use simulate::{MOST_STEPS, Method, Population, Run, Tests, ladder, late_factor, run};

/// The row.
pub static MODEL: Model = Model {
    row: Row {
        name: "egd",
        summary: "a plane classifier whose plateau is as long as its slowest direction is slow; gradient, Newton and normalised descent (samples: test points)",
        source: "egd (arXiv:2510.04930)",
        params: &[
            Param {
                key: "epsilon",
                kind: Kind::Float { min: 1e-5, max: 1.0 },
                default: Usual::Float(0.01),
                doc: "variance of the slow direction; that of the fast one is 1",
            },
            Param {
                key: "theta",
                kind: Kind::Float { min: 0.02, max: 1.55 },
                default: Usual::Float(0.4),
                doc: "angle of v, the far side of the test wedge, in radians",
            },
            Param { key: "margin", kind: Kind::Float { min: 0.0, max: 5.0 }, default: Usual::Float(1.0), doc: "s: training points have |z1| ≥ s" },
            Param { key: "eta", kind: Kind::Float { min: 1e-4, max: 1.9 }, default: Usual::Float(0.1), doc: "step size; below 2/m2" },
            Param { key: "u1", kind: Kind::Float { min: -100.0, max: 100.0 }, default: Usual::Float(1.0), doc: "initial weight of z1" },
            Param { key: "u2", kind: Kind::Float { min: -1000.0, max: 1000.0 }, default: Usual::Float(5.0), doc: "initial weight of z2" },
        ],
    },
    claims: &[
        Claim { card: "egd", number: "6", text: "Plane model: the plateau's length is ln τ/(ηε), and the error curve has a closed form." },
        Claim {
            card: "egd",
            number: "theorem",
            text: "Egalitarian descent removes 1/ε from the plateau's length (proved for Σ⁻¹g, run as g/‖g‖ for a vector).",
        },
    ],
    samples: 20_000,
    answer,
};

/// Lane of the test points.
const TEST: u32 = 1;

fn check(args: &Args) -> Result<Toy, TheoryError> {
    let toy = Toy {
        epsilon: args.float("epsilon"),
        theta: args.float("theta"),
        margin: args.float("margin"),
        eta: args.float("eta"),
        start: [args.float("u1"), args.float("u2")],
    };
    let m2 = moments(toy.margin).1;
    if toy.eta * m2 >= 2.0 {
        let problem = format!("{} times the curvature m2 = {m2:.4} is {:.3}: gradient descent diverges", toy.eta, toy.eta * m2);
        return Err(TheoryError::parameter(args, "eta", problem, format!("below 2/m2 = {:.4}", 2.0 / m2)));
    }
    Ok(toy)
}

fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    let toy = check(args)?;
    let n = context.samples_or(MODEL.samples).max(1);
    let population = Population::new(&toy);
    let tests = Tests::draw(&toy, n, &mut context.draws(TEST, 0));
    let end = (1.6 * toy.plateau_exact().max(0.0) + 60.0 / toy.eta).min(MOST_STEPS as f64 * 0.5);
    let mut steps: Vec<u64> = (0..=48).map(|i| libm::round(libm::exp(libm::log(end) * f64::from(i) / 48.0)) as u64).collect();
    steps.dedup();
    let methods = [Method::Gradient, Method::Newton, Method::Normalised];
    let runs = context.map(3, |i| run(&toy, &population, &tests, methods[i], &steps, context))?;
    let gradient = &runs[0];

    let (m1, m2) = moments(toy.margin);
    let simulated = |k: Option<f64>| k.map(|k| Simulated { samples: n, ..Simulated::exact(k) });
    let with = |q: Quantity, k: Option<f64>| Quantity { simulated: simulated(k), ..q };
    let newton = -libm::log1p(-toy.eta.min(1.0 - 1e-15));
    let tau = toy.start[1] / libm::tan(toy.theta) * m2 / m1;
    let mut quantities = vec![
        Quantity::new("m1", "mean of |z1| in training").printed(m1).simulated(Simulated::exact(population.b[0])),
        Quantity::new("m2", "mean of z1 squared in training").printed(m2).simulated(Simulated::exact(population.sigma[0][0])),
        with(
            Quantity::new("plateau_end", "steps of gradient descent until the first test point is right (large start)")
                .printed(toy.plateau_large_printed())
                .corrected(toy.plateau_large_corrected()),
            gradient.plateau,
        ),
        with(Quantity::new("plateau_end_exact", "the same, first step with ν < μ tan θ on the exact path").corrected(toy.plateau_exact()), gradient.plateau),
        with(
            Quantity::new("plateau_end_small_start", "the same, as printed for a small start (an order of magnitude)").printed(toy.plateau_small_printed()),
            gradient.plateau,
        ),
        with(
            Quantity::new("plateau_end_newton", "steps of w − ηΣ⁻¹g until the first test point is right").corrected(if tau > 1.0 {
                libm::log(tau) / newton
            } else {
                0.0
            }),
            runs[1].plateau,
        ),
        with(Quantity::new("plateau_end_normalised", "steps of w − ηg/‖g‖ until the first test point is right"), runs[2].plateau),
    ];
    for (name, run) in ["steps_to_95_percent_gradient", "steps_to_95_percent_newton", "steps_to_95_percent_normalised"].into_iter().zip(&runs) {
        quantities.push(with(Quantity::new(name, "steps until 95 % of the test points are right"), run.learned));
    }

    // The late rate of normalised descent, from its own run.
    let late = late_factor(&toy, &population);
    quantities.push(
        Quantity::new("normalised_shrinkage", "factor of ν a step in the late stage of w − ηg/‖g‖ (closed: symmetric two-cycle, slowest)")
            .corrected(toy.normalised_factor())
            .simulated(late),
    );

    let ladder = ladder(&toy, &tests, context)?;
    let fitted = |points: &[(f64, f64)]| line(&points.iter().map(|(x, y)| (libm::log(*x), libm::log(*y))).collect::<Vec<_>>()).slope;
    let exponent = fitted(&ladder.grid);
    let along = ladder.epsilon.each_ref().map(|p| fitted(p));
    quantities.push(
        Quantity::new("exponent_in_one_over_eta_epsilon", "slope of ln k* on ln 1/(ηε) over 20 pairs, gradient descent").printed(1.0).simulated(exponent),
    );
    quantities.push(Quantity::new("exponent_newton_in_one_over_epsilon", "slope of ln k* on ln 1/ε, Σ⁻¹g").printed(0.0).simulated(along[1]));
    quantities.push(
        Quantity::new("exponent_normalised_in_one_over_epsilon", "slope of ln k* on ln 1/ε, g/‖g‖ (printed: the theorem's 0)").printed(0.0).simulated(along[2]),
    );

    Ok(Answer {
        charts: show::charts(&toy, &tests, &steps, &runs, &ladder),
        tables: vec![show::errors(&toy, &tests, gradient, &steps), show::printed_error(&toy, &tests)],
        findings: findings(&toy, &runs, exponent, along, late),
        notes: vec![
            "s, ε, θ, η and u are ours: the card does not give the paper's.".into(),
            "The plateau's end is the first step after the last at which every one of the sampled test points is wrong.".into(),
            "Population gradients come from moments integrated numerically, not from m1 and m2.".into(),
        ],
        quantities,
    })
}

fn findings(toy: &Toy, runs: &[Run], exponent: Simulated, along: [Simulated; 3], late: Simulated) -> Vec<Finding> {
    let number = |k: Option<f64>| k.map_or("never".to_string(), |k| format!("{k:.0}"));
    let mut found = Vec::new();
    if let Some(k) = runs[0].plateau {
        let (printed, corrected) = (toy.plateau_large_printed(), toy.plateau_large_corrected());
        let off = |value: f64| (value - k).abs() <= 2.0 + 0.01 * k;
        found.push(Finding {
            claim: "egd 6".into(),
            found: format!(
                "the plateau ends after {k:.0} steps; ln τ/(ηε) gives {printed:.0} with tan θ as printed and {corrected:.0} with cot θ{}",
                if exponent.estimate.is_nan() {
                    String::new()
                } else {
                    format!("; exponent in 1/(ηε) {:.3} ({:.3} to {:.3})", exponent.estimate, exponent.low, exponent.high)
                }
            ),
            agrees: (k > 0.0).then(|| off(printed)),
        });
    }
    found.push(Finding {
        claim: "egd theorem".into(),
        found: format!(
            "plateau {} steps with g, {} with Σ⁻¹g, {} with g/‖g‖; exponents in 1/ε {:.2}, {:.2} and {:.2}: the step that is proved loses 1/ε, the step that is run shrinks ν by {:.3e} a step, {:.1} times the ηε of gradient descent",
            number(runs[0].plateau),
            number(runs[1].plateau),
            number(runs[2].plateau),
            along[0].estimate,
            along[1].estimate,
            along[2].estimate,
            1.0 - late.estimate,
            (1.0 - late.estimate) / (toy.eta * toy.epsilon)
        ),
        // The theorem says 0 for egalitarian descent; 1/ε is what gradient descent has.
        agrees: along[2].estimate.is_finite().then_some(along[2].estimate.abs() < 0.25),
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::Draws;
    use pennydrop_registry::Value;

    const TOY: Toy = Toy { epsilon: 0.01, theta: 0.4, margin: 1.0, eta: 0.1, start: [1.0, 5.0] };

    fn said(given: &[(&str, f64)]) -> Result<Answer, TheoryError> {
        let args = Args::check("egd", &MODEL.row, given.iter().map(|(k, v)| (k.to_string(), Value::Float(*v))))?;
        answer(&args, &Context { samples: Some(4000), ..Context::default() })
    }

    fn quantity<'a>(said: &'a Answer, name: &str) -> &'a Quantity {
        said.quantities.iter().find(|q| q.name == name).unwrap()
    }

    #[test]
    fn path_and_moments_are_those_of_descent_on_integrated_moments() {
        let population = Population::new(&TOY);
        let (m1, m2) = moments(TOY.margin);
        assert!((population.b[0] - m1).abs() < 1e-10 && (population.sigma[0][0] - m2).abs() < 1e-10 && (population.sigma[1][1] - 0.01).abs() < 1e-12);
        // φ(1)/Q(1), from tables.
        assert!((m1 - 1.525_135_276).abs() < 1e-8);
        let mut w = TOY.start;
        for k in 0..200 {
            let p = TOY.path(f64::from(k));
            assert!((p[0] - w[0]).abs() < 1e-9 && (p[1] - w[1]).abs() < 1e-9, "{k}: {p:?} {w:?}");
            w = population.step(Method::Gradient, TOY.eta, w);
        }
        let alternating = Toy { eta: 0.7, ..TOY };
        let one = Population::new(&alternating).step(Method::Gradient, 0.7, TOY.start);
        assert!((alternating.path(1.0)[0] - one[0]).abs() < 1e-9);
    }

    #[test]
    fn exact_error_is_the_sampled_share_for_every_direction() {
        for (i, toy) in [TOY, Toy { epsilon: 0.3, theta: 1.1, ..TOY }].into_iter().enumerate() {
            let tests = Tests::draw(&toy, 20_000, &mut Draws::new(3, TEST, i as u64));
            for j in 0..24 {
                let angle = std::f64::consts::TAU * (f64::from(j) + 0.37) / 24.0;
                for scale in [1.0, 0.1] {
                    let w = [libm::cos(angle) * scale, libm::sin(angle)];
                    let (p, found) = (toy.error_wedge(w), tests.wrong(w) as f64 / 20_000.0);
                    assert!((p - found).abs() < 4.5 * libm::sqrt(p * (1.0 - p) / 20_000.0) + 1e-9, "{w:?}: {p} {found}");
                    if w[0] > 0.0 && w[1] > 0.0 {
                        // acos loses digits near 1: that is all that separates the print from the exact form here.
                        assert!((toy.error_printed(w) - p).abs() < 1e-6);
                    }
                }
            }
            // The print's blind spot.
            assert_eq!((toy.error_printed([1.0, -10.0]), toy.error_wedge([1.0, -10.0])), (1.0, 0.0));
        }
    }

    #[test]
    fn error_beyond_the_margin_is_the_sampled_share() {
        let toy = Toy { epsilon: 0.5, margin: 0.4, theta: 0.9, ..TOY };
        let mut draws = Draws::new(1, TEST, 9);
        let (v, root) = ([libm::cos(0.9), libm::sin(0.9)], libm::sqrt(0.5));
        let (mut all, mut wrong) = (0u32, [0u32; 3]);
        let ws = [[1.0, 0.7], [0.5, 0.55], [0.2, -1.5]];
        while all < 20_000 {
            let z = [draws.normal(), root * draws.normal()];
            if z[0].abs() >= 0.4 && (v[0] * z[0] + v[1] * z[1]) * z[0] <= 0.0 {
                all += 1;
                for (count, w) in wrong.iter_mut().zip(ws) {
                    *count += u32::from((w[0] * z[0] + w[1] * z[1]) * z[0] <= 0.0);
                }
            }
        }
        for (count, w) in wrong.into_iter().zip(ws) {
            let (p, found) = (toy.error_beyond_margin(w).unwrap(), f64::from(count) / 20_000.0);
            assert!((p - found).abs() < 4.5 * libm::sqrt(p * (1.0 - p) / 20_000.0) + 1e-9, "{w:?}: {p} {found}");
            assert!((p - toy.error_wedge(w)).abs() > 0.01 || p == 0.0, "the margin matters: {w:?}");
        }
    }

    #[test]
    fn plateau_ends_where_cot_says_and_not_where_tan_says() {
        let said = said(&[]).unwrap();
        let end = quantity(&said, "plateau_end");
        let k = end.simulated.unwrap().estimate;
        assert!((end.corrected.unwrap() - k).abs() < 2.0 && (end.printed.unwrap() - k).abs() > 500.0, "{end:?}");
        // 4000 points: the first is right up to a step or two after the edge is crossed.
        let exact = quantity(&said, "plateau_end_exact");
        assert!((exact.corrected.unwrap() - k).abs() < 3.0, "{exact:?}");
        let slope = quantity(&said, "exponent_in_one_over_eta_epsilon").simulated.unwrap();
        assert!((slope.estimate - 1.0).abs() < 0.05, "{slope:?}");
        assert!(quantity(&said, "exponent_newton_in_one_over_epsilon").simulated.unwrap().estimate.abs() < 1e-9);
        assert!(quantity(&said, "exponent_normalised_in_one_over_epsilon").simulated.unwrap().estimate > 0.7);
        let late = quantity(&said, "normalised_shrinkage");
        let (closed, found) = (1.0 - late.corrected.unwrap(), 1.0 - late.simulated.unwrap().estimate);
        assert!((found / closed - 1.0).abs() < 0.02, "{closed} {found}");
    }

    #[test]
    fn no_plateau_when_the_slow_weight_has_the_other_sign() {
        let said = said(&[("u2", -5.0)]).unwrap();
        let end = quantity(&said, "plateau_end");
        assert_eq!((end.corrected, end.simulated.unwrap().estimate), (Some(0.0), 0.0));
    }

    #[test]
    fn a_step_that_diverges_is_refused() {
        let error = said(&[("eta", 1.0)]).unwrap_err();
        assert!(error.to_string().contains("egd.eta"), "{error}");
        assert!(said(&[("theta", 0.0)]).is_err());
    }
}
