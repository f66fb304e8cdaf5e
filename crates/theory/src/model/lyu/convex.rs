//! What the theorem says the two phases look like, each by an interior-point solver (Clarabel) that knows nothing of the network.
//!
//! *Early:* the kernel of ∇f at the start is proportional to x·x′, so its maximum margin is the L2 maximum margin and its minimum-norm interpolator the least-squares one.
//! *Late:* min ½‖θ‖² over u² − v² = w is ‖w‖₁: the L1 maximum margin, and basis pursuit. All are solved as duals, which have n variables.

use super::data::{Loss, Problem};
use crate::model::TheoryError;
use crate::numeric::gemm;
use clarabel::algebra::CscMatrix;
use clarabel::solver::{DefaultSettings, DefaultSolver, IPSolver, SolverStatus, SupportedConeT};

/// A predictor with the gap between its norm and the value of its dual, relative to the norm: 0 where both are optimal.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimum {
    /// Weights, `d`.
    pub w: Vec<f64>,
    /// |primal − dual|/primal.
    pub gap: f64,
}

struct Solved {
    x: Vec<f64>,
    z: Vec<f64>,
}

fn solve(what: &str, p: &CscMatrix<f64>, q: &[f64], a: &CscMatrix<f64>, b: &[f64], cones: &[SupportedConeT<f64>]) -> Result<Solved, TheoryError> {
    let settings = DefaultSettings { verbose: false, max_iter: 200, ..DefaultSettings::default() };
    let mut solver = DefaultSolver::new(p, q, a, b, cones, settings).map_err(|e| TheoryError::numeric(what, e.to_string()))?;
    solver.solve();
    match solver.solution.status {
        SolverStatus::Solved | SolverStatus::AlmostSolved => Ok(Solved { x: solver.solution.x.clone(), z: solver.solution.z.clone() }),
        // A dual without bound is a primal that cannot be met.
        SolverStatus::DualInfeasible | SolverStatus::AlmostDualInfeasible => Err(TheoryError::numeric(what, "the examples cannot be separated (or fitted)")),
        other => Err(TheoryError::numeric(what, format!("the solver ended with {other:?}"))),
    }
}

/// The early phase: argmin ‖w‖₂ subject to y_i x_i·w ≥ 1 (logistic) or x_i·w = y_i (squared).
///
/// # Errors
/// Examples that cannot be separated or fitted.
pub fn kernel(p: &Problem) -> Result<Optimum, TheoryError> {
    let (n, d) = (p.n(), p.d());
    let x = gemm::matrix(&p.x, n);
    let gram = gemm::product(x, x.transpose());
    // Divided by d: entries of order 1. The signs of the labels are in the variables.
    let sign = |i: usize| if p.loss == Loss::Logistic { p.y[i] } else { 1.0 };
    let (mut rows, mut columns, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for j in 0..n {
        for i in 0..=j {
            rows.push(i);
            columns.push(j);
            values.push(gram[i * n + j] * sign(i) * sign(j) / d as f64);
        }
    }
    let quadratic = CscMatrix::new_from_triplets(n, n, rows, columns, values);
    let aim: Vec<f64> = if p.loss == Loss::Logistic { vec![1.0; n] } else { p.y.clone() };
    let q: Vec<f64> = aim.iter().map(|x| -x).collect();
    // Multipliers of inequalities are not negative; those of equations are free.
    let bound = CscMatrix::new_from_triplets(n, n, (0..n).collect(), (0..n).collect(), vec![-1.0; n]);
    let (a, b, cones) = match p.loss {
        Loss::Logistic => (bound, vec![0.0; n], vec![SupportedConeT::NonnegativeConeT(n)]),
        Loss::Squared => (CscMatrix::zeros((0, n)), Vec::new(), Vec::new()),
    };
    let found = solve("maximum margin in L2", &quadratic, &q, &a, &b, &cones)?;
    let signed: Vec<f64> = found.x.iter().enumerate().map(|(i, a)| a * sign(i) / d as f64).collect();
    let mut w = vec![0.0; d];
    p.combine(&signed, &mut w);
    let primal = 0.5 * w.iter().map(|x| x * x).sum::<f64>();
    let dual = signed.iter().enumerate().map(|(i, a)| a * sign(i) * aim[i]).sum::<f64>() - primal;
    Ok(Optimum { w, gap: ((primal - dual) / primal).abs() })
}

/// The late phase: argmin ‖w‖₁ subject to y_i x_i·w ≥ 1 (logistic) or x_i·w = y_i (squared), as the multipliers of max Σ aim_i a_i subject to |Σ a_i x_i| ≤ 1.
///
/// # Errors
/// Examples that cannot be separated or fitted.
pub fn sparse(p: &Problem) -> Result<Optimum, TheoryError> {
    let (n, d) = (p.n(), p.d());
    let logistic = p.loss == Loss::Logistic;
    let sign = |i: usize| if logistic { p.y[i] } else { 1.0 };
    let height = 2 * d + if logistic { n } else { 0 };
    let (mut starts, mut rows, mut values) = (vec![0], Vec::new(), Vec::new());
    for (i, row) in p.x.chunks_exact(d).enumerate() {
        for (block, s) in [(0, sign(i)), (d, -sign(i))] {
            rows.extend(block..block + d);
            values.extend(row.iter().map(|x| s * x));
        }
        if logistic {
            rows.push(2 * d + i);
            values.push(-1.0);
        }
        starts.push(rows.len());
    }
    let a = CscMatrix::new(height, n, starts, rows, values);
    let b: Vec<f64> = (0..height).map(|r| if r < 2 * d { 1.0 } else { 0.0 }).collect();
    let aim: Vec<f64> = if logistic { vec![1.0; n] } else { p.y.clone() };
    let q: Vec<f64> = aim.iter().map(|x| -x).collect();
    let found = solve("maximum margin in L1", &CscMatrix::zeros((n, n)), &q, &a, &b, &[SupportedConeT::NonnegativeConeT(height)])?;
    let w: Vec<f64> = (0..d).map(|j| found.z[j] - found.z[d + j]).collect();
    let primal: f64 = w.iter().map(|x| x.abs()).sum();
    let dual: f64 = found.x.iter().zip(&aim).map(|(a, y)| a * y).sum();
    Ok(Optimum { w, gap: ((primal - dual) / primal).abs() })
}

/// Cosine of two vectors; NaN where one is 0.
pub fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(p, q)| p * q).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}
