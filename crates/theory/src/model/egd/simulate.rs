//! Three update rules on the population loss, with moments and test points of their own.

use super::closed::{Toy, simpson};
use crate::answer::Simulated;
use crate::model::{Context, TheoryError};
use crate::numeric::Draws;

/// Steps after which a run is given up.
pub(super) const MOST_STEPS: u64 = 20_000_000;

/// How weights are updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// w − ηg.
    Gradient,
    /// w − ηΣ⁻¹g: what the paper proves.
    Newton,
    /// w − ηg/‖g‖: what egalitarian descent does to a vector.
    Normalised,
}

/// The population loss, from moments that are integrated numerically: Σ = E zzᵀ and b = E yz over the training distribution.
pub(super) struct Population {
    pub(super) sigma: [[f64; 2]; 2],
    pub(super) b: [f64; 2],
}

impl Population {
    pub(super) fn new(toy: &Toy) -> Population {
        let (s, root) = (toy.margin, libm::sqrt(toy.epsilon));
        let first = |f: &dyn Fn(f64) -> f64| simpson(|x| f(x) * libm::exp(-0.5 * x * x), s, s + 12.0, 4000);
        let second = |f: &dyn Fn(f64) -> f64| simpson(|x| f(x * root) * libm::exp(-0.5 * x * x), -12.0, 12.0, 4000);
        // Both signs of z₁ have the same weight; y z₁ = |z₁|.
        let (mass1, mass2) = (first(&|_| 1.0), second(&|_| 1.0));
        let (z1, z1z1) = (first(&|x| x) / mass1, first(&|x| x * x) / mass1);
        let (z2, z2z2) = (second(&|x| x) / mass2, second(&|x| x * x) / mass2);
        Population { sigma: [[z1z1, 0.0], [0.0, z2z2]], b: [z1, 0.0 * z1 * z2] }
    }

    fn gradient(&self, w: [f64; 2]) -> [f64; 2] {
        [0, 1].map(|i| self.sigma[i][0] * w[0] + self.sigma[i][1] * w[1] - self.b[i])
    }

    pub(super) fn step(&self, method: Method, eta: f64, w: [f64; 2]) -> [f64; 2] {
        let g = self.gradient(w);
        let direction = match method {
            Method::Gradient => g,
            Method::Newton => {
                let [[a, b], [c, d]] = self.sigma;
                let det = a * d - b * c;
                [(d * g[0] - b * g[1]) / det, (a * g[1] - c * g[0]) / det]
            }
            Method::Normalised => {
                let norm = libm::hypot(g[0], g[1]);
                if norm > 0.0 { [g[0] / norm, g[1] / norm] } else { [0.0, 0.0] }
            }
        };
        [w[0] - eta * direction[0], w[1] - eta * direction[1]]
    }
}

/// Test points as z₂/z₁, ascending: a predictor's answer depends on nothing else.
pub(super) struct Tests(pub(super) Vec<f64>);

impl Tests {
    /// `n` points of the Gaussian that fall in the wedge, by rejection.
    pub(super) fn draw(toy: &Toy, n: usize, draws: &mut Draws) -> Tests {
        let (root, v) = (libm::sqrt(toy.epsilon), [libm::cos(toy.theta), libm::sin(toy.theta)]);
        let mut ratios = Vec::with_capacity(n);
        while ratios.len() < n {
            let z = [draws.normal(), root * draws.normal()];
            if (v[0] * z[0] + v[1] * z[1]) * z[0] <= 0.0 {
                ratios.push(z[1] / z[0]);
            }
        }
        ratios.sort_by(f64::total_cmp);
        Tests(ratios)
    }

    /// Number of points on which sign(w·z) ≠ sign(z₁), that is μ + ν z₂/z₁ ≤ 0.
    pub(super) fn wrong(&self, [mu, nu]: [f64; 2]) -> usize {
        if nu >= 0.0 { self.0.partition_point(|q| mu + nu * q <= 0.0) } else { self.0.len() - self.0.partition_point(|q| mu + nu * q > 0.0) }
    }
}

/// What one run shows.
pub(super) struct Run {
    /// First step after the last at which every test point is wrong, looked at until 95 % are right; `None` if that never comes.
    pub(super) plateau: Option<f64>,
    /// First step from which 95 % are right.
    pub(super) learned: Option<f64>,
    /// Weights at the steps asked for.
    pub(super) seen: Vec<[f64; 2]>,
}

/// Runs `method` until 95 % of the test points are right and all of `steps` (ascending) are seen.
pub(super) fn run(toy: &Toy, population: &Population, tests: &Tests, method: Method, steps: &[u64], context: &Context) -> Result<Run, TheoryError> {
    let (mut w, mut last_wrong, mut learned, mut seen) = (toy.start, None, None, Vec::new());
    let all = tests.0.len();
    for k in 0..=MOST_STEPS {
        if k % 65_536 == 0 && (context.stop)() {
            return Err(TheoryError::Stopped);
        }
        if seen.len() < steps.len() && steps[seen.len()] == k {
            seen.push(w);
        }
        if learned.is_none() {
            let wrong = tests.wrong(w);
            if wrong == all {
                last_wrong = Some(k);
            }
            if (wrong as f64) <= 0.05 * all as f64 {
                learned = Some(k as f64);
            }
        }
        if learned.is_some() && seen.len() == steps.len() {
            break;
        }
        w = population.step(method, toy.eta, w);
    }
    let plateau = learned.map(|_| last_wrong.map_or(0.0, |k| k as f64 + 1.0));
    Ok(Run { plateau, learned, seen })
}

/// ν's factor a step over the second half of a run of normalised descent whose length is 3/(2ε/m₂), started in the late stage.
pub(super) fn late_factor(toy: &Toy, population: &Population) -> Simulated {
    let shrink = 1.0 - toy.normalised_factor();
    let steps = (libm::ceil(3.0 / shrink) as usize).clamp(10, 2_000_000) & !1;
    // Late: ε|ν| a hundredth of the two-cycle's gradient.
    let late = 0.01 * population.sigma[0][0] * 0.5 * toy.eta / population.sigma[1][1];
    let mut w = [population.b[0] / population.sigma[0][0] + 0.5 * toy.eta, late];
    let mut half = w[1];
    for k in 0..2 * steps {
        if k == steps {
            half = w[1];
        }
        w = population.step(Method::Normalised, toy.eta, w);
    }
    Simulated { samples: steps, ..Simulated::exact(libm::exp(libm::log((w[1] / half).abs()) / steps as f64)) }
}

/// Plateau ends over other ε and η.
pub(super) struct Ladder {
    /// (1/(ηε), k*) of gradient descent over five ε and four η.
    pub(super) grid: Vec<(f64, f64)>,
    /// (1/ε, k*) at the given η for gradient descent, Newton, normalised.
    pub(super) epsilon: [Vec<(f64, f64)>; 3],
}

pub(super) fn ladder(toy: &Toy, tests: &Tests, context: &Context) -> Result<Ladder, TheoryError> {
    let epsilons = [1.0, 0.5, 0.25, 0.125, 0.0625].map(|f| f * toy.epsilon);
    let etas = [1.0, 0.5, 0.2, 0.1].map(|f| f * toy.eta);
    let one = |epsilon: f64, eta: f64, method: Method| -> Result<f64, TheoryError> {
        let other = Toy { epsilon, eta, ..*toy };
        // The wedge's edge in z₂/z₁ does not depend on ε; only its extreme points say when a plateau ends.
        let found = run(&other, &Population::new(&other), tests, method, &[], context)?;
        Ok(found.plateau.filter(|k| *k > 0.0).unwrap_or(f64::NAN))
    };
    let grid = context.map(20, |i| {
        let (epsilon, eta) = (epsilons[i / 4], etas[i % 4]);
        Ok((1.0 / (eta * epsilon), one(epsilon, eta, Method::Gradient)?))
    })?;
    let mut epsilon: [Vec<(f64, f64)>; 3] = Default::default();
    for (points, method) in epsilon.iter_mut().zip([Method::Gradient, Method::Newton, Method::Normalised]) {
        *points = context.map(5, |i| Ok((1.0 / epsilons[i], one(epsilons[i], toy.eta, method)?)))?;
    }
    Ok(Ladder { grid, epsilon })
}
