//! Data: a sparse teacher on random signs, Gaussians with a margin along one dense direction.

use crate::numeric::Draws;

/// What is minimised, as a mean over the examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// ln(1 + e^{−y·f}), y = ±1.
    Logistic,
    /// (f − y)².
    Squared,
}

/// A linear problem. Both layouts of the inputs are kept: each product then runs along memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Inputs, `n × d`, row-major.
    pub x: Vec<f64>,
    /// The same, `d × n`.
    pub transposed: Vec<f64>,
    /// Labels ±1, or targets.
    pub y: Vec<f64>,
    /// The teacher's weights, `d`.
    pub teacher: Vec<f64>,
    /// The loss.
    pub loss: Loss,
}

impl Problem {
    /// A problem with inputs `x` (`n × d`).
    pub fn new(x: Vec<f64>, y: Vec<f64>, teacher: Vec<f64>, loss: Loss) -> Problem {
        let (n, d) = (y.len(), teacher.len());
        let transposed = (0..d * n).map(|k| x[(k % n) * d + k / n]).collect();
        Problem { x, transposed, y, teacher, loss }
    }

    /// Examples.
    pub fn n(&self) -> usize {
        self.y.len()
    }

    /// Dimension.
    pub fn d(&self) -> usize {
        self.teacher.len()
    }

    /// Σ_i a_i x_i (`d`) for `a` of length n.
    pub fn combine(&self, a: &[f64], out: &mut [f64]) {
        combine(&self.x, a, out);
    }

    /// x_i·w for every example.
    pub fn outputs(&self, w: &[f64], out: &mut [f64]) {
        combine(&self.transposed, w, out);
    }
}

/// Σ_i c_i·row_i of a row-major matrix with rows as long as `out`.
fn combine(rows: &[f64], c: &[f64], out: &mut [f64]) {
    out.fill(0.0);
    for (row, c) in rows.chunks_exact(out.len()).zip(c) {
        for (o, x) in out.iter_mut().zip(row) {
            *o += c * x;
        }
    }
}

/// Random signs; the label is the sign of the sum of `k` of them, each with a sign of its own (a tie is −1), or for regression the sum itself.
pub fn sparse(n: usize, d: usize, k: usize, loss: Loss, draws: &mut Draws) -> Problem {
    let teacher: Vec<f64> = (0..d).map(|j| if j < k { draws.sign() } else { 0.0 }).collect();
    let x: Vec<f64> = (0..n * d).map(|_| draws.sign()).collect();
    let y = labels(&x, &teacher, loss);
    Problem::new(x, y, teacher, loss)
}

/// More examples of the same teacher on random signs.
pub fn more_sparse(problem: &Problem, n: usize, draws: &mut Draws) -> Problem {
    let x: Vec<f64> = (0..n * problem.d()).map(|_| draws.sign()).collect();
    let y = labels(&x, &problem.teacher, problem.loss);
    Problem::new(x, y, problem.teacher.clone(), problem.loss)
}

fn labels(x: &[f64], teacher: &[f64], loss: Loss) -> Vec<f64> {
    x.chunks_exact(teacher.len())
        .map(|row| {
            let sum: f64 = row.iter().zip(teacher).map(|(x, w)| x * w).sum();
            match loss {
                Loss::Squared => sum,
                Loss::Logistic if sum > 0.0 => 1.0,
                Loss::Logistic => -1.0,
            }
        })
        .collect()
}

/// A random unit vector.
pub fn direction(d: usize, draws: &mut Draws) -> Vec<f64> {
    let w = draws.normals(d);
    let norm = w.iter().map(|x| x * x).sum::<f64>().sqrt();
    w.iter().map(|x| x / norm).collect()
}

/// Standard normal points, moved away from the plane across the unit vector `teacher` by γ/2 on either side; the label is the side.
pub fn margin(n: usize, gamma: f64, teacher: &[f64], draws: &mut Draws) -> Problem {
    let d = teacher.len();
    let mut x = draws.normals(n * d);
    let mut y = Vec::with_capacity(n);
    for row in x.chunks_exact_mut(d) {
        let side = if row.iter().zip(teacher).map(|(x, w)| x * w).sum::<f64>() > 0.0 { 1.0 } else { -1.0 };
        row.iter_mut().zip(teacher).for_each(|(x, w)| *x += 0.5 * gamma * side * w);
        y.push(side);
    }
    Problem::new(x, y, teacher.to_vec(), Loss::Logistic)
}
