//! Newton's method for maxima in at most three unknowns.
//!
//! The step is damped as by Levenberg and Marquardt: a multiple of the Hessian's diagonal is added until the matrix is positive definite and the
//! value rises (Nocedal & Wright 2006, Numerical Optimization, sections 3.4 and 10.3). No randomness: the same start gives the same bits.

/// Most unknowns.
pub(crate) const MOST: usize = 3;
/// A point; entries from the dimension on are 0.
pub(crate) type Vector = [f64; MOST];
/// A symmetric matrix; rows and columns from the dimension on are 0.
pub(crate) type Matrix = [[f64; MOST]; MOST];

/// A function near a point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Local {
    pub value: f64,
    pub gradient: Vector,
    pub hessian: Matrix,
}

impl Local {
    pub fn new() -> Self {
        Local { value: 0.0, gradient: [0.0; MOST], hessian: [[0.0; MOST]; MOST] }
    }

    /// Adds `value(z)`, given its first and second derivative in z and those of z in the unknowns.
    pub fn add(&mut self, d: usize, value: f64, first: f64, second: f64, dz: &Vector, ddz: &Matrix) {
        self.value += value;
        for i in 0..d {
            self.gradient[i] += first * dz[i];
            for j in 0..d {
                self.hessian[i][j] += second * dz[i] * dz[j] + first * ddz[i][j];
            }
        }
    }

    fn is_finite(&self, d: usize) -> bool {
        self.value.is_finite() && (0..d).all(|i| self.gradient[i].is_finite() && (0..d).all(|j| self.hessian[i][j].is_finite()))
    }
}

/// Lower Cholesky factor of the leading `d` × `d` block; `None` unless it is positive definite.
fn cholesky(d: usize, a: &Matrix) -> Option<Matrix> {
    let mut l = [[0.0; MOST]; MOST];
    for i in 0..d {
        for j in 0..=i {
            let rest = a[i][j] - (0..j).map(|k| l[i][k] * l[j][k]).sum::<f64>();
            if i == j {
                // Relative to the entry: what is left of it by rounding alone is no curvature.
                if rest.is_nan() || rest <= 1e-14 * a[i][i].abs() {
                    return None;
                }
                l[i][i] = libm::sqrt(rest);
            } else {
                l[i][j] = rest / l[j][j];
            }
        }
    }
    Some(l)
}

fn solve(d: usize, l: &Matrix, b: &Vector) -> Vector {
    let mut x = [0.0; MOST];
    for i in 0..d {
        x[i] = (b[i] - (0..i).map(|k| l[i][k] * x[k]).sum::<f64>()) / l[i][i];
    }
    for i in (0..d).rev() {
        x[i] = (x[i] - (i + 1..d).map(|k| l[k][i] * x[k]).sum::<f64>()) / l[i][i];
    }
    x
}

/// Inverse of minus the Hessian: the covariance of an estimate by its observed information. `None` unless the Hessian is negative definite.
pub(crate) fn covariance(d: usize, hessian: &Matrix) -> Option<Matrix> {
    let l = cholesky(d, &hessian.map(|row| row.map(|v| -v)))?;
    let mut inverse = [[0.0; MOST]; MOST];
    for i in 0..d {
        let mut unit = [0.0; MOST];
        unit[i] = 1.0;
        inverse[i] = solve(d, &l, &unit);
    }
    Some(inverse)
}

/// Newton's step with `damping` times the Hessian's diagonal added; `None` unless the matrix is positive definite.
fn step(d: usize, here: &Local, damping: f64) -> Option<Vector> {
    let mut curvature = here.hessian.map(|row| row.map(|v| -v));
    for i in 0..d {
        curvature[i][i] += damping * here.hessian[i][i].abs().max(1e-12);
    }
    cholesky(d, &curvature).map(|l| solve(d, &l, &here.gradient))
}

/// Twice what the quadratic model gains by an undamped step.
fn rise(d: usize, here: &Local, step: &Vector) -> f64 {
    (0..d).map(|i| step[i] * here.gradient[i]).sum()
}

fn plus(at: &Vector, step: &Vector) -> Vector {
    [at[0] + step[0], at[1] + step[1], at[2] + step[2]]
}

/// Climbs from `start` to a maximum. `local` returns `None` outside the function's domain. `Err` carries the last point reached when there is no
/// maximum to be found that way (the function rises for ever, or its Hessian is singular at the top).
pub(crate) fn climb(d: usize, start: Vector, local: impl Fn(&Vector) -> Option<Local>) -> Result<(Vector, Local), Vector> {
    let inside = |at: &Vector| local(at).filter(|l| l.is_finite(d));
    let mut at = start;
    let mut here = inside(&at).ok_or(start)?;
    let (mut damping, mut polished) = (0.0, 0);
    for _ in 0..300 {
        // This near (a ten-thousandth of a standard error) the error squares with each undamped step, while the value no longer shows it.
        if let Some(step) = step(d, &here, 0.0).filter(|s| rise(d, &here, s) < 1e-8) {
            let next = plus(&at, &step);
            if let Some(there) = inside(&next) {
                (at, here, polished) = (next, there, polished + 1);
                if polished == 2 {
                    return Ok((at, here));
                }
                continue;
            }
        }
        let higher = loop {
            let next = step(d, &here, damping).map(|s| plus(&at, &s));
            if let Some(found) = next.and_then(|next| inside(&next).map(|there| (next, there))).filter(|(_, there)| there.value > here.value) {
                break Some(found);
            }
            damping = if damping == 0.0 { 1e-3 } else { 10.0 * damping };
            if damping > 1e12 {
                break None;
            }
        };
        match higher {
            Some((next, there)) if next.iter().all(|v| v.abs() < 1e6) => (at, here) = (next, there),
            _ => break,
        }
        damping = if damping < 1e-4 { 0.0 } else { 0.1 * damping };
    }
    Err(at)
}
