//! Ordinary differential equations: the embedded Runge–Kutta pair of Dormand and Prince (J. Comput. Appl. Math. 6, 1980) with step control.
//!
//! Written here because the models need no more than this, and the crates that offer it bring a second linear-algebra library.

use crate::model::TheoryError;

const C: [f64; 7] = [0.0, 0.2, 0.3, 0.8, 8.0 / 9.0, 1.0, 1.0];
const A: [[f64; 6]; 7] = [
    [0.0; 6],
    [0.2, 0.0, 0.0, 0.0, 0.0, 0.0],
    [3.0 / 40.0, 9.0 / 40.0, 0.0, 0.0, 0.0, 0.0],
    [44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0, 0.0, 0.0, 0.0],
    [19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0, 0.0, 0.0],
    [9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0, 0.0],
    [35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
];
/// Fifth order minus fourth order.
const E: [f64; 7] = [71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339200.0, 22.0 / 525.0, -1.0 / 40.0];

/// Steps after which an integration is given up.
const MOST_STEPS: usize = 10_000_000;

/// Integrates y′ = f(t, y) from `y0` at `times[0]` and gives y at every one of `times` (ascending), each step's error held below
/// `relative`·|y| + `absolute` in every component. `f(t, y, dy)` writes the derivative.
///
/// # Errors
/// A derivative that is not finite, or more than ten million steps.
pub fn solve(mut f: impl FnMut(f64, &[f64], &mut [f64]), y0: &[f64], times: &[f64], relative: f64, absolute: f64) -> Result<Vec<Vec<f64>>, TheoryError> {
    let n = y0.len();
    let (Some(&start), Some(&end)) = (times.first(), times.last()) else { return Ok(Vec::new()) };
    let (mut t, mut y) = (start, y0.to_vec());
    let mut out = vec![y.clone()];
    let mut k = vec![vec![0.0; n]; 7];
    let mut next = vec![0.0; n];
    let mut stage = vec![0.0; n];
    f(t, &y, &mut k[0]);
    let speed = (0..n).map(|i| k[0][i].abs() / (relative * y[i].abs() + absolute)).fold(0.0, f64::max);
    let mut h = if speed > 0.0 { (0.01 / speed).min(end - start) } else { 1e-3 * (end - start) };
    let mut steps = 0;
    for &target in &times[1..] {
        while t < target {
            steps += 1;
            if steps > MOST_STEPS || !h.is_finite() || (t + h == t && t + h < target) {
                return Err(TheoryError::numeric("differential equation", format!("step {h:e} at t = {t} after {steps} steps")));
            }
            let step = h.min(target - t);
            for s in 1..7 {
                for i in 0..n {
                    let mut sum = 0.0;
                    for (j, kj) in k[..s].iter().enumerate() {
                        sum += A[s][j] * kj[i];
                    }
                    stage[i] = y[i] + step * sum;
                }
                let (_, rest) = k.split_at_mut(s);
                f(t + C[s] * step, &stage, &mut rest[0]);
                if s == 6 {
                    next.copy_from_slice(&stage);
                }
            }
            let mut error: f64 = 0.0;
            for i in 0..n {
                let e: f64 = (0..7).map(|s| E[s] * k[s][i]).sum();
                let allowed = relative * y[i].abs().max(next[i].abs()) + absolute;
                let ratio = (step * e / allowed).abs();
                error = if ratio.is_nan() { f64::INFINITY } else { error.max(ratio) };
            }
            let factor = if error > 0.0 { (0.9 * libm::pow(error, -0.2)).clamp(0.2, 5.0) } else { 5.0 };
            if error <= 1.0 {
                // A step that was cut to land on a target says nothing against a longer one.
                t = if step < h { target } else { t + step };
                if step == target - t {
                    t = target;
                }
                std::mem::swap(&mut y, &mut next);
                k.swap(0, 6);
                h = if step < h { h.max(step * factor) } else { step * factor };
            } else {
                h = step * factor;
            }
        }
        out.push(y.clone());
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_solutions_in_closed_form() {
        // A harmonic oscillator and a logistic curve.
        let times = [0.0, 0.5, 1.0, 7.0, 30.0];
        let path = solve(
            |_, y, d| {
                d[0] = y[1];
                d[1] = -y[0];
                d[2] = y[2] * (1.0 - y[2]);
            },
            &[1.0, 0.0, 0.01],
            &times,
            1e-10,
            1e-12,
        )
        .unwrap();
        for (t, y) in times.iter().zip(&path) {
            let logistic = 0.01 * libm::exp(*t) / (1.0 + 0.01 * (libm::exp(*t) - 1.0));
            assert!((y[0] - libm::cos(*t)).abs() < 1e-8 && (y[2] - logistic).abs() < 1e-9, "t = {t}: {y:?}");
        }
    }

    #[test]
    fn a_solution_that_blows_up_is_an_error() {
        assert!(solve(|_, y, d| d[0] = y[0] * y[0], &[1.0], &[0.0, 2.0], 1e-8, 1e-8).is_err());
    }
}
