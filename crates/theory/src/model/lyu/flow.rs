//! The simulator: gradient flow of the diagonal network, reduced without loss to n equations.
//!
//! u̇_j = −(2g_j + λ)u_j and v̇_j = (2g_j − λ)v_j with g = ∇_w of the mean loss = Xᵀℓ′(f)/n have the solution u_j = (α/√(2d))·e^{−λt − 2G_j}, v_j = (α/√(2d))·e^{−λt + 2G_j}
//! where G = Xᵀa and ȧ_i = ℓ′_i(f_i)/n. So w_j = u_j² − v_j² = −(α²/d)·e^{−2λt}·sinh(4G_j): the state is a, of n numbers, whatever d is.
//!
//! The logistic loss is integrated by the explicit pair of Dormand and Prince: after the first instants the rates are some multiples of λ. The squared loss stays stiff
//! (rates ∝ α²e^{−2λt}/n), and is integrated by the linearly implicit, L-stable formulas of Shampine and Reichelt (SIAM J. Sci. Comput. 18, 1997: `ode23s`) with the exact Jacobian.

use super::data::{Loss, Problem};
use crate::model::TheoryError;
use crate::numeric::{gemm, ode};
use faer::Mat;
use faer::linalg::solvers::Solve;

/// Scale of the start and weight decay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hyper {
    /// Norm of the initial parameters: u = v = α/√(2d) in every coordinate.
    pub alpha: f64,
    /// Weight decay: (λ/2)‖θ‖² is added to the mean loss.
    pub lambda: f64,
}

/// σ(z) = 1/(1 + e^{−z}).
fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-z))
}

/// First and second derivative of the loss of one example by its output.
pub fn derivatives(loss: Loss, f: f64, y: f64) -> (f64, f64) {
    match loss {
        Loss::Squared => (2.0 * (f - y), 2.0),
        Loss::Logistic => {
            let s = sigmoid(-y * f);
            (-y * s, s * (1.0 - s))
        }
    }
}

/// w = u² − v² at time `t` for the dual state `a`.
pub fn weights(p: &Problem, h: Hyper, a: &[f64], t: f64) -> Vec<f64> {
    let mut w = vec![0.0; p.d()];
    p.combine(a, &mut w);
    let scale = -h.alpha * h.alpha / p.d() as f64 * libm::exp(-2.0 * h.lambda * t);
    w.iter_mut().for_each(|g| *g = scale * libm::sinh(4.0 * *g));
    w
}

/// u and v at time `t` for the dual state `a`.
pub fn parameters(p: &Problem, h: Hyper, a: &[f64], t: f64) -> (Vec<f64>, Vec<f64>) {
    let mut g = vec![0.0; p.d()];
    p.combine(a, &mut g);
    let start = h.alpha / (2.0 * p.d() as f64).sqrt();
    let of = |sign: f64| g.iter().map(|g| start * libm::exp(-h.lambda * t + sign * 2.0 * g)).collect();
    (of(-1.0), of(1.0))
}

/// The dual state at each of `times` (ascending, the first is 0).
///
/// # Errors
/// A step size that underflows; the stop callback.
pub fn solve(p: &Problem, h: Hyper, times: &[f64], stop: &(dyn Fn() -> bool + Sync)) -> Result<Vec<Vec<f64>>, TheoryError> {
    match p.loss {
        Loss::Logistic => explicit(p, h, times, 1e-7, stop),
        Loss::Squared => implicit(p, h, times, 1e-6, stop),
    }
}

/// By the explicit pair, at a relative tolerance.
///
/// # Errors
/// As [`solve`].
pub fn explicit(p: &Problem, h: Hyper, times: &[f64], tolerance: f64, stop: &(dyn Fn() -> bool + Sync)) -> Result<Vec<Vec<f64>>, TheoryError> {
    let (mut w, mut f) = (vec![0.0; p.d()], vec![0.0; p.n()]);
    let scale = h.alpha * h.alpha / p.d() as f64;
    let mut a = vec![0.0; p.n()];
    let mut out = vec![a.clone()];
    // In pieces, so that the callback is asked now and then; a restart costs a dozen small steps.
    let mut from = 0;
    while from + 1 < times.len() {
        if stop() {
            return Err(TheoryError::Stopped);
        }
        let to = (from + 20).min(times.len() - 1);
        let derivative = |t: f64, a: &[f64], da: &mut [f64]| {
            p.combine(a, &mut w);
            let now = -scale * libm::exp(-2.0 * h.lambda * t);
            w.iter_mut().for_each(|g| *g = now * libm::sinh(4.0 * *g));
            p.outputs(&w, &mut f);
            for i in 0..a.len() {
                da[i] = derivatives(p.loss, f[i], p.y[i]).0 / p.n() as f64;
            }
        };
        out.extend(ode::solve(derivative, &a, &times[from..=to], tolerance, 1e-15)?.into_iter().skip(1));
        a.clone_from(&out[to]);
        from = to;
    }
    Ok(out)
}

/// Right-hand side, its derivative by time and, where asked, its Jacobian.
struct Slope {
    value: Vec<f64>,
    by_time: Vec<f64>,
    jacobian: Option<Mat<f64>>,
}

fn slope(p: &Problem, h: Hyper, a: &[f64], t: f64, jacobian: bool) -> Slope {
    let (n, d) = (p.n(), p.d());
    let mut g = vec![0.0; d];
    p.combine(a, &mut g);
    let scale = h.alpha * h.alpha / d as f64 * libm::exp(-2.0 * h.lambda * t);
    let w: Vec<f64> = g.iter().map(|g| -scale * libm::sinh(4.0 * g)).collect();
    let mut f = vec![0.0; n];
    p.outputs(&w, &mut f);
    let of: Vec<(f64, f64)> = f.iter().zip(&p.y).map(|(f, y)| derivatives(p.loss, *f, *y)).map(|(a, b)| (a / n as f64, b / n as f64)).collect();
    let jacobian = jacobian.then(|| {
        let kernel: Vec<f64> = g.iter().map(|g| 4.0 * scale * libm::cosh(4.0 * g)).collect();
        let weighted: Vec<f64> = p.x.chunks_exact(d).flat_map(|row| row.iter().zip(&kernel).map(|(x, k)| x * k)).collect();
        let k = gemm::product(gemm::matrix(&weighted, n), gemm::matrix(&p.x, n).transpose());
        Mat::from_fn(n, n, |i, j| -of[i].1 * k[i * n + j])
    });
    Slope { value: of.iter().map(|o| o.0).collect(), by_time: of.iter().zip(&f).map(|(o, f)| -2.0 * h.lambda * f * o.1).collect(), jacobian }
}

/// By the linearly implicit formulas, each step's error below `tolerance` of the largest component.
///
/// # Errors
/// As [`solve`].
pub fn implicit(p: &Problem, h: Hyper, times: &[f64], tolerance: f64, stop: &(dyn Fn() -> bool + Sync)) -> Result<Vec<Vec<f64>>, TheoryError> {
    let n = p.n();
    let gamma = 1.0 / (2.0 + std::f64::consts::SQRT_2);
    let e32 = 6.0 + std::f64::consts::SQRT_2;
    let Some(&end) = times.last() else { return Ok(Vec::new()) };
    let (mut t, mut a) = (0.0, vec![0.0; n]);
    let mut out = vec![a.clone()];
    let mut step = 1e-6 * end.min(1.0);
    for &target in &times[1..] {
        while t < target {
            if stop() {
                return Err(TheoryError::Stopped);
            }
            let here = slope(p, h, &a, t, true);
            let Some(jacobian) = here.jacobian else { return Err(TheoryError::numeric("gradient flow", "no Jacobian")) };
            loop {
                let dt = step.min(target - t);
                if dt <= 1e-14 * t || !dt.is_finite() {
                    return Err(TheoryError::numeric("gradient flow", format!("step {dt:e} at t = {t}")));
                }
                let lu = Mat::from_fn(n, n, |i, j| f64::from(u8::from(i == j)) - dt * gamma * jacobian[(i, j)]).partial_piv_lu();
                let solve = |rhs: &dyn Fn(usize) -> f64| -> Vec<f64> {
                    let x = lu.solve(Mat::from_fn(n, 1, |i, _| rhs(i)));
                    (0..n).map(|i| x[(i, 0)]).collect()
                };
                let shift = |k: &[f64], c: f64| -> Vec<f64> { a.iter().zip(k).map(|(a, k)| a + c * k).collect() };
                let k1 = solve(&|i| here.value[i] + dt * gamma * here.by_time[i]);
                let middle = slope(p, h, &shift(&k1, 0.5 * dt), t + 0.5 * dt, false).value;
                let mut k2 = solve(&|i| middle[i] - k1[i]);
                k2.iter_mut().zip(&k1).for_each(|(x, k)| *x += k);
                let next = shift(&k2, dt);
                let there = slope(p, h, &next, t + dt, false).value;
                let k3 = solve(&|i| there[i] - e32 * (k2[i] - middle[i]) - 2.0 * (k1[i] - here.value[i]) + dt * gamma * here.by_time[i]);
                let size = next.iter().chain(&a).fold(1e-300, |m: f64, x| m.max(x.abs()));
                let error = (0..n).map(|i| (dt / 6.0 * (k1[i] - 2.0 * k2[i] + k3[i])).abs()).fold(0.0, f64::max) / (tolerance * size);
                let factor = if error > 0.0 { (0.9 / libm::cbrt(error)).clamp(0.2, 5.0) } else { 5.0 };
                if error <= 1.0 {
                    t = if dt < step { target } else { t + dt };
                    if target - t <= 1e-14 * target {
                        t = target;
                    }
                    // A step that was cut to land on a target says nothing against a longer one.
                    step = if dt < step { step.max(dt * factor) } else { dt * factor };
                    a = next;
                    break;
                }
                step = if error.is_finite() { dt * factor } else { 0.2 * dt };
            }
        }
        out.push(a.clone());
    }
    Ok(out)
}

/// Plain gradient descent on u and v with step size `eta`: what the flow is the limit of. Gives w after `steps` steps.
pub fn descent(p: &Problem, h: Hyper, eta: f64, steps: usize) -> Vec<f64> {
    let (n, d) = (p.n(), p.d());
    let mut u = vec![h.alpha / (2.0 * d as f64).sqrt(); d];
    let mut v = u.clone();
    let (mut w, mut f, mut g) = (vec![0.0; d], vec![0.0; n], vec![0.0; d]);
    let difference = |u: &[f64], v: &[f64], w: &mut [f64]| w.iter_mut().zip(u.iter().zip(v)).for_each(|(w, (u, v))| *w = u * u - v * v);
    for _ in 0..steps {
        difference(&u, &v, &mut w);
        p.outputs(&w, &mut f);
        let slopes: Vec<f64> = f.iter().zip(&p.y).map(|(f, y)| derivatives(p.loss, *f, *y).0 / n as f64).collect();
        p.combine(&slopes, &mut g);
        for j in 0..d {
            u[j] -= eta * (2.0 * g[j] * u[j] + h.lambda * u[j]);
            v[j] -= eta * (-2.0 * g[j] * v[j] + h.lambda * v[j]);
        }
    }
    difference(&u, &v, &mut w);
    w
}

/// How far a state is from the conditions of Karush, Kuhn and Tucker of min ½‖θ‖² subject to y_i f_i ≥ const (or f_i = y_i), with multipliers −ℓ′_i/(nλ).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kkt {
    /// ‖θ − Σ_i m_i ∇f_i‖/‖θ‖.
    pub stationarity: f64,
    /// Classification: Σ m_i (q_i − min q)/Σ m_i q_i over margins q; regression: the largest |f_i − y_i| over the largest |y_i|.
    pub complementarity: f64,
}

/// The residuals at time `t` and dual state `a`.
pub fn kkt(p: &Problem, h: Hyper, a: &[f64], t: f64) -> Kkt {
    let (u, v) = parameters(p, h, a, t);
    let w = weights(p, h, a, t);
    let mut f = vec![0.0; p.n()];
    p.outputs(&w, &mut f);
    let m: Vec<f64> = f.iter().zip(&p.y).map(|(f, y)| -derivatives(p.loss, *f, *y).0 / (p.n() as f64 * h.lambda)).collect();
    let mut s = vec![0.0; p.d()];
    p.combine(&m, &mut s);
    let (mut rest, mut norm) = (0.0, 0.0);
    for j in 0..p.d() {
        let (a, b) = (u[j] * (1.0 - 2.0 * s[j]), v[j] * (1.0 + 2.0 * s[j]));
        rest += a * a + b * b;
        norm += u[j] * u[j] + v[j] * v[j];
    }
    let complementarity = match p.loss {
        Loss::Logistic => {
            let q: Vec<f64> = f.iter().zip(&p.y).map(|(f, y)| f * y).collect();
            let least = q.iter().copied().fold(f64::INFINITY, f64::min);
            let (mut slack, mut all) = (0.0, 0.0);
            for (m, q) in m.iter().zip(&q) {
                slack += m.abs() * (q - least);
                all += m.abs() * q;
            }
            slack / all
        }
        Loss::Squared => {
            let worst = f.iter().zip(&p.y).map(|(f, y)| (f - y).abs()).fold(0.0, f64::max);
            worst / p.y.iter().map(|y| y.abs()).fold(0.0, f64::max)
        }
    };
    Kkt { stationarity: (rest / norm).sqrt(), complementarity }
}
