//! XOR clusters with label noise: a ReLU network that is a linear classifier after one step and generalises some steps later, while it fits the noise all along.
//!
//! Points x ~ N(c, 1_p) with c one of ±μ₁ (clean label 1) and ±μ₂ (clean label −1), μ₁ ⊥ μ₂ of one norm; each training label is flipped with probability η. The network
//! f(x) = Σ_j a_j·max(w_j·x, 0), a_j = ±1/√m at random and fixed, is trained by full-batch gradient descent on the mean logistic loss from w ~ N(0, ω²).
//!
//! Source: card `xu-benign-xor` (arXiv:2310.02541). *Exact:* the simulation, whose points are drawn in adapted coordinates ([`points`]) and whose training goes through
//! inner products ([`train`]); that a linear classifier is right with probability ½. *Asymptotic, constants unknown:* the theorem ([`closed::conditions`]).
//! *Derived here:* the Gaussian predictions. *Reconstructed:* independent signs of the readout, the number of test points.

pub mod closed;
pub mod points;
mod report;
pub mod train;

use super::{Claim, Context, Model, TheoryError};
use crate::answer::Answer;
use pennydrop_registry::{Args, Default as Usual, Kind, Param, Row};
use points::Sampling;
use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};
use train::Run;

/// The row and the answer.
pub static MODEL: Model = Model {
    row: Row {
        name: "xu-xor",
        summary: "XOR of Gaussian clusters with label noise: linear after one step, general some steps later (a sample is a training run)",
        source: "Xu, Wang, Frei, Vardi, Hu 2023, arXiv:2310.02541 (xu-benign-xor)",
        params: &[
            Param { key: "p", kind: Kind::Int { min: 2, max: 100_000_000 }, default: Usual::Int(40_000), doc: "dimension of the points" },
            Param { key: "n", kind: Kind::Int { min: 4, max: 5_000 }, default: Usual::Int(200), doc: "training points" },
            Param { key: "tests", kind: Kind::Int { min: 10, max: 5_000 }, default: Usual::Int(200), doc: "test points (the paper's number is not known)" },
            Param { key: "width", kind: Kind::Int { min: 2, max: 20_000 }, default: Usual::Int(1_000), doc: "neurons m" },
            Param { key: "mu", kind: Kind::Float { min: 0.0, max: 1e6 }, default: Usual::Float(2.5), doc: "norm of the cluster means in units of √(p/n)" },
            Param { key: "eta", kind: Kind::Float { min: 0.0, max: 0.5 }, default: Usual::Float(0.05), doc: "probability that a training label is flipped" },
            Param { key: "omega", kind: Kind::Float { min: 1e-300, max: 1.0 }, default: Usual::Float(1e-15), doc: "standard deviation of the initial weights" },
            Param { key: "alpha", kind: Kind::Float { min: 1e-300, max: 1.0 }, default: Usual::Float(1e-12), doc: "step size (also 1e-16 in the paper)" },
            Param { key: "steps", kind: Kind::Int { min: 1, max: 100_000 }, default: Usual::Int(20), doc: "steps of gradient descent" },
            Param { key: "scan", kind: Kind::Bool, default: Usual::Bool(true), doc: "whether the delay along the norm of the means is simulated too" },
        ],
    },
    claims: &[
        Claim { card: "xu-benign-xor", number: "1", text: "After one step the training accuracy is 100 % and the test accuracy about 50 %" },
        Claim { card: "xu-benign-xor", number: "2", text: "The test accuracy is near 100 % by step 15 or so" },
        Claim { card: "xu-benign-xor", number: "3", text: "A step size of 1e-16 slows everything down" },
        Claim { card: "xu-benign-xor", number: "4", text: "The flipped training labels stay fitted throughout" },
        Claim {
            card: "xu-benign-xor",
            number: "mechanism",
            text: "After one step the network is the linear classifier x·(α/8n)·Σ y_i x_i; later its neurons align with ±μ1 (a > 0) or ±μ2 (a < 0)",
        },
    ],
    samples: 31,
    answer,
};

/// Draws of a problem, of its initial weights; the same for the scan.
const LANES: [u32; 4] = [0x700, 0x701, 0x702, 0x703];

/// Sizes, all in natural units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// Dimension of the points, 2 at least.
    pub p: usize,
    /// Training points.
    pub n: usize,
    /// Test points.
    pub tests: usize,
    /// Neurons.
    pub width: usize,
    /// ‖μ₁‖ = ‖μ₂‖.
    pub mu: f64,
    /// Probability of a flip.
    pub eta: f64,
    /// Standard deviation of the initial weights.
    pub omega: f64,
    /// Step size.
    pub alpha: f64,
}

impl Setting {
    /// ‖μ‖²/√(p·n): what the first assumption of the theorem asks to be large.
    pub fn signal(&self) -> f64 {
        self.mu * self.mu / (self.p as f64 * self.n as f64).sqrt()
    }

    /// α√p/(2ωn√m): by how much the first step moves w_j·x_i through x_i itself, in units of its initial standard deviation ω√p.
    pub fn first_step(&self) -> f64 {
        self.alpha * (self.p as f64).sqrt() / (2.0 * self.omega * self.n as f64 * (self.width as f64).sqrt())
    }
}

fn setting(args: &Args) -> Setting {
    let (p, n) = (args.size("p"), args.size("n"));
    Setting {
        p,
        n,
        tests: args.size("tests"),
        width: args.size("width"),
        mu: args.float("mu") * (p as f64 / n as f64).sqrt(),
        eta: args.float("eta"),
        omega: args.float("omega"),
        alpha: args.float("alpha"),
    }
}

/// 0 and about ten steps a decade, up to and with `last`.
fn steps_to_look_at(last: usize) -> Vec<usize> {
    let mut at = vec![0];
    let mut decade = 1;
    while decade <= last {
        let digits: &[usize] = if decade == 1 { &[1, 2, 3, 4, 5, 6, 8] } else { &[10, 12, 15, 20, 25, 30, 40, 50, 60, 80] };
        at.extend(digits.iter().map(|d| if decade == 1 { *d } else { d * decade / 10 }).filter(|t| *t < last));
        decade *= 10;
    }
    at.push(last);
    at
}

/// The delay at one norm of the means.
struct Scanned {
    signal: f64,
    interpolates: Vec<f64>,
    generalises: Vec<f64>,
    first: Vec<f64>,
    first_train: Vec<f64>,
}

/// Norms of the means in the scan, relative to the setting's own: ‖μ‖² goes from an eighth to thirty-two times.
const SCAN: [f64; 7] = [SQRT_2 / 4.0, 0.5, FRAC_1_SQRT_2, 1.0, SQRT_2, 2.0 * SQRT_2, 4.0 * SQRT_2];

fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    let s = setting(args);
    let cells = s.width as f64 * (s.n + s.tests) as f64;
    if cells > 2e7 {
        return Err(TheoryError::parameter(args, "width", format!("width·(n + tests) = {cells:e} does not fit"), "width·(n + tests) of 2e7 at most"));
    }
    let rho = s.alpha / s.omega * s.p as f64;
    if !(1e-12..=1e12).contains(&rho) {
        return Err(TheoryError::parameter(
            args,
            "alpha",
            format!("α·p/ω = {rho:e}: a step is lost beside the initial weights, or they beside it"),
            "α·p/ω in 1e-12..=1e12",
        ));
    }
    let at = steps_to_look_at(args.size("steps"));
    let one = |s: &Setting, lanes: (u32, u32), i: usize, at: &[usize], early: bool| -> Result<Run, TheoryError> {
        let points = points::draw(s, Sampling::Bartlett, &mut context.draws(lanes.0, i));
        let start = points::start(s.width, &points, &mut context.draws(lanes.1, i));
        train::run(s, &points, &start, at, early, context.stop)
    };
    let runs = context.map(context.samples_or(MODEL.samples), |i| one(&s, (LANES[0], LANES[1]), i, &at, false))?;
    let mut scanned = Vec::new();
    if args.bool("scan") && s.mu > 0.0 {
        let seeds = (context.samples_or(MODEL.samples) / 8).max(1);
        let found = context.map(SCAN.len() * seeds, |k| {
            let s = Setting { mu: s.mu * SCAN[k / seeds], ..s };
            one(&s, (LANES[2], LANES[3]), k, &at, true)
        })?;
        for (factor, runs) in SCAN.iter().zip(found.chunks(seeds)) {
            let or_never = |t: Option<usize>| t.map_or(f64::INFINITY, |t| t as f64);
            scanned.push(Scanned {
                signal: Setting { mu: s.mu * factor, ..s }.signal(),
                interpolates: runs.iter().map(|r| or_never(r.interpolates)).collect(),
                generalises: runs.iter().map(|r| or_never(r.generalises)).collect(),
                first: runs.iter().filter_map(|r| r.snapshots.iter().find(|x| x.step == 1).map(|x| x.test)).collect(),
                first_train: runs.iter().filter_map(|r| r.snapshots.iter().find(|x| x.step == 1).map(|x| x.train)).collect(),
            });
        }
    }
    Ok(report::report(&s, &runs, &scanned))
}

#[cfg(test)]
mod tests;
