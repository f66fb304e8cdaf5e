//! Early kernel, late sparsity: a network with a large start and small weight decay is first the kernel machine of its start, and jumps to the least-norm solution at (1/λ)·ln α.
//!
//! Diagonal network f(x) = Σ_j (u_j² − v_j²)x_j from u = v = α/√(2d) (f = 0), gradient flow on the mean loss + (λ/2)(‖u‖² + ‖v‖²). While e^{λt} ≪ α it is linear in what it has
//! learned, with a kernel ∝ x·x′: the L2 maximum margin (least-squares interpolator for regression). Later it goes to the L1 maximum margin (basis pursuit). Where only the
//! second generalises (sparse teacher) this is grokking; where only the first does (margin along a dense direction), it is misgrokking. `part = matrix` is the paper's
//! completion of a multiplication table by W = UUᵀ − VVᵀ, at reduced size.
//!
//! Source: card `lyu-dichotomy` (arXiv:2311.18817). *Theorem, leading order as α → ∞:* λt/ln α → 1. *Exact here:* the reduction of the flow to n equations ([`flow`]); that it
//! depends on α and t through α·e^{−λt} alone, so that two starts of different size are, once the first instants are forgotten, one trajectory shifted by Δln α/λ: the *slope* of
//! λt against ln α is 1 up to that memory, and what decays slowly in λt/ln α is the *intercept*; the test accuracy for Gaussian data ([`accuracy_of_margin_data`]) and the test
//! loss of regression on random signs (‖w − w★‖²). *Independent:* both limits by a convex solver ([`convex`]). *Reconstructed:* dimension (10³ and 10⁴ for 10⁵) and sample size
//! are reduced; the squared loss is the mean of (f − y)²; times are flow times, steps = t/η.

pub mod convex;
pub mod data;
pub mod flow;
pub mod matrix;
mod report;
mod run;

use super::{Claim, Context, Model, TheoryError};
use crate::answer::Answer;
use crate::numeric::{quadrature, special};
use pennydrop_registry::{Args, Default as Usual, Kind, Param, Row};

/// The row and the answer.
pub static MODEL: Model = Model {
    row: Row {
        name: "lyu",
        summary: "early kernel and late sparse phase of a diagonal network, and the time between, (1/λ)·ln α (a sample is a data set of the sweep)",
        source: "Lyu, Jin, Li, Du, Lee, Hu 2023, arXiv:2311.18817 (lyu-dichotomy)",
        params: &[
            Param {
                key: "part",
                kind: Kind::Choice(&["classification", "misgrokking", "regression", "matrix"]),
                default: Usual::Str("classification"),
                doc: "sparse teacher, margin along a dense direction, sparse regression, multiplication table",
            },
            Param {
                key: "d",
                kind: Kind::Int { min: 0, max: 100_000 },
                default: Usual::Int(0),
                doc: "dimension; 0: 1000, misgrokking 10000, matrix 24 (paper: 1e5, matrix 97)",
            },
            Param {
                key: "n",
                kind: Kind::Int { min: 0, max: 1_000 },
                default: Usual::Int(0),
                doc: "examples (entries); 0: 96, misgrokking 32, matrix a fifth of all (paper: 256, 32, 5 %)",
            },
            Param { key: "k", kind: Kind::Int { min: 1, max: 100 }, default: Usual::Int(3), doc: "relevant coordinates of the sparse teacher" },
            Param {
                key: "gamma",
                kind: Kind::Float { min: 0.0, max: 1e4 },
                default: Usual::Float(12.0),
                doc: "margin of the misgrokking data along the dense direction (paper: 25 at d = 1e5)",
            },
            Param {
                key: "alpha",
                kind: Kind::Float { min: 0.0, max: 1e6 },
                default: Usual::Float(0.0),
                doc: "norm of the start, 2 at least; 0: 128, matrix 10 (there of each diagonal entry)",
            },
            Param { key: "lambda", kind: Kind::Float { min: 1e-8, max: 0.1 }, default: Usual::Float(1e-3), doc: "weight decay" },
            Param {
                key: "eta",
                kind: Kind::Float { min: 1e-6, max: 10.0 },
                default: Usual::Float(0.01),
                doc: "learning rate: a step is η of flow time (matrix: ten times this, as in the paper)",
            },
            Param { key: "horizon", kind: Kind::Float { min: 0.5, max: 6.0 }, default: Usual::Float(2.5), doc: "end, in units of (1/λ)·ln α" },
            Param { key: "tests", kind: Kind::Int { min: 10, max: 100_000 }, default: Usual::Int(1_000), doc: "test examples" },
            Param { key: "scan", kind: Kind::Bool, default: Usual::Bool(true), doc: "whether the switch is followed over α and λ too" },
        ],
    },
    claims: &[
        Claim {
            card: "lyu-dichotomy",
            number: "3",
            text: "Sparse teacher: test accuracy near chance in the kernel phase, 100 % around (1/λ)·ln α; misgrokking: 100 % early, about 50 % late",
        },
        Claim {
            card: "lyu-dichotomy",
            number: "4",
            text: "Matrix completion: fitted in some ten steps, test error falls much later; entries unobserved with their transpose are predicted 0 in between",
        },
        Claim { card: "lyu-dichotomy", number: "5", text: "λ·t/ln α → 1 for large α" },
    ],
    samples: 4,
    answer,
};

/// Test accuracy of the linear classifier `w` on Gaussian points that were moved by γ/2 away from the plane across `teacher` (a unit vector), exactly.
///
/// With c the cosine of w and the teacher, a point has r = |N(0, 1)| along the teacher before it is moved: right with probability Φ(c(r + γ/2)/√(1 − c²)), averaged over r.
///
/// # Errors
/// A quadrature that does not converge.
pub fn accuracy_of_margin_data(w: &[f64], teacher: &[f64], gamma: f64) -> Result<f64, TheoryError> {
    let c = convex::cosine(w, teacher);
    if !c.is_finite() {
        return Ok(0.5);
    }
    let across = (1.0 - c * c).max(1e-300).sqrt();
    let density = |r: f64| 2.0 * libm::exp(-0.5 * r * r) / (2.0 * std::f64::consts::PI).sqrt();
    Ok(quadrature::integrate(|r| density(r) * special::normal_cdf(c * (r + 0.5 * gamma) / across), 0.0, 12.0, 1e-9, 1e-12)?.value)
}

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Setting {
    pub(crate) part: Part,
    pub(crate) d: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
    pub(crate) gamma: f64,
    pub(crate) hyper: flow::Hyper,
    pub(crate) eta: f64,
    pub(crate) horizon: f64,
    pub(crate) tests: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Classification,
    Misgrokking,
    Regression,
    Matrix,
}

fn setting(args: &Args) -> Result<Setting, TheoryError> {
    let part = match args.str("part") {
        "misgrokking" => Part::Misgrokking,
        "regression" => Part::Regression,
        "matrix" => Part::Matrix,
        _ => Part::Classification,
    };
    let d = match (args.size("d"), part) {
        (0, Part::Misgrokking) => 10_000,
        (0, Part::Matrix) => 24,
        (0, _) => 1_000,
        (d, _) => d,
    };
    let n = match (args.size("n"), part) {
        (0, Part::Misgrokking) => 32,
        (0, Part::Matrix) => d * d / 5,
        (0, _) => 96,
        (n, _) => n,
    };
    let k = args.size("k");
    match part {
        Part::Matrix if d > 128 => return Err(TheoryError::parameter(args, "d", format!("a table of {d}²"), "128 at most for part = matrix")),
        Part::Matrix if d < 3 || n > d * d - 1 => {
            return Err(TheoryError::parameter(args, "n", format!("{n} of {} entries", d * d), "3 rows or more and one entry unobserved"));
        }
        Part::Classification | Part::Regression if k > d => return Err(TheoryError::parameter(args, "k", format!("{k} of {d} coordinates"), "k of d at most")),
        Part::Misgrokking | Part::Classification | Part::Regression if d * n > 20_000_000 || d * args.size("tests") > 200_000_000 => {
            return Err(TheoryError::parameter(args, "d", format!("n·d = {}", n * d), "n·d of 2e7 and tests·d of 2e8 at most"));
        }
        Part::Misgrokking | Part::Classification | Part::Regression if n > d => {
            return Err(TheoryError::parameter(
                args,
                "n",
                format!("{n} examples in {d} dimensions"),
                "n of d at most: both limits are about data that can be fitted exactly",
            ));
        }
        _ => {}
    }
    let alpha = match (args.float("alpha"), part) {
        (0.0, Part::Matrix) => 10.0,
        (0.0, _) => 128.0,
        (alpha, _) if alpha < 2.0 => {
            return Err(TheoryError::parameter(args, "alpha", format!("a start of {alpha} is not large"), "0 (the paper's) or 2 to 1e6"));
        }
        (alpha, _) => alpha,
    };
    Ok(Setting {
        part,
        d,
        n,
        k,
        gamma: args.float("gamma"),
        hyper: flow::Hyper { alpha, lambda: args.float("lambda") },
        eta: args.float("eta"),
        horizon: args.float("horizon"),
        tests: args.size("tests"),
    })
}

/// Draws of the data, of the tests, and of the data sets of the sweep.
pub(crate) const LANES: [u32; 3] = [0x1A0, 0x1A1, 0x1A2];

fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    let s = setting(args)?;
    if s.part == Part::Matrix {
        return matrix::answer(args, &s, context);
    }
    let path = run::follow(&s, context)?;
    let swept = if args.bool("scan") { Some(run::sweep(&s, context.samples_or(MODEL.samples).max(2), context)?) } else { None };
    Ok(report::report(&s, &path, swept.as_ref(), context.seed))
}

#[cfg(test)]
mod tests;
