//! Training for N → ∞: the two-time equations, and the outlier of W(t) that follows from them.
//!
//! ```text
//! M(t,u) = e^{−γ(t−u)/2} (−(Kν/2) Q + (ν²/c) R),   D(t,u) = (ν²/c) e^{−γ(t−u)/2} Q,   θ(t) = (1 − e^{−γt/2})/γ
//! ∂s_a = (νc_aθ − κ)s_a + ∫M s_a,   ∂R = −κR + ∫_{t'}^t M R,   ∂Q = −κQ + νθ Σ c_a s_a(t)s_a(t') + ∫M Q + ∫_0^{t'} D(t,u)R(t',u)du
//! κ = νθ Σ c_a s_a² + ν/β + ∫(MQ + DR),   R(t,t) = Q(t,t) = 1
//! ```
//! An exponential integrator of second order (Adams–Bashforth in the integrals, trapezoidal sums) over a window outside which e^{−γτ/2} is below 1e-4 or what is
//! asked: a step costs the window squared.
//!
//! **Outlier** (derived here; the source gives tables only). For a unit field along e_b the resolvent vector y = (z − W)⁻¹e_b obeys the cavity equations of a
//! noiseless probe of W at time t. With σ² = 1/c, g = G(z), B(u) = y·x(u)/N and H(u) the response of y to the noise on x(u), and all kernels with e^{−γ(t−u)/2}:
//! ```text
//! m = −(K/2)B + νσ²H,   H(t') = g ∫_{t'}^t m(u)R(u,t')du,   s_a/g = δ_ab + θc_a s_a + ∫m s_a(u)du
//! B(t')/g = s_b(t') + θ Σ c_a s_a s_a(t') + ∫m(u)Q(u,t')du + νσ² ∫_0^{t'} B(u)R(t',u)du
//! ```
//! Without the field: λ₁ is the largest z at which these have a solution, and its norm gives the overlaps.

use super::equilibrium::{edge, stieltjes};
use crate::model::{Context, TheoryError};
use crate::numeric::{axpy, dot};
use faer::linalg::solvers::Solve;
use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::{Mat, Par, Side};

/// Parameters of training.
#[derive(Debug, Clone, PartialEq)]
pub struct Training {
    /// Weight decay.
    pub gamma: f64,
    /// Inverse temperature of the weights.
    pub eta: f64,
    /// Inverse temperature of the sampler.
    pub beta: f64,
    /// Speed of the sampler relative to the weights.
    pub nu: f64,
    /// Data eigenvalues.
    pub data: Vec<f64>,
    /// Initial overlaps of the sampler with the data directions.
    pub start: Vec<f64>,
}

/// The solution on a grid.
#[derive(Debug, Clone)]
pub struct Path {
    training: Training,
    /// Step.
    pub dt: f64,
    window: usize,
    /// Overlaps, `[time][K]`.
    pub s: Vec<Vec<f64>>,
    /// Rows of Q and R: columns from [`Path::low`] to the row's own.
    q: Vec<Vec<f64>>,
    r: Vec<Vec<f64>>,
}

/// The leading outlier of W at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlier {
    /// Largest eigenvalue; the bulk's edge where nothing stands out.
    pub lambda: f64,
    /// Squared overlaps of its vector with the data directions; zeros at the edge.
    pub overlaps: Vec<f64>,
}

impl Path {
    fn low(&self, row: usize) -> usize {
        row.saturating_sub(self.window)
    }

    fn theta(&self, n: usize) -> f64 {
        (1.0 - libm::exp(-0.5 * self.training.gamma * n as f64 * self.dt)) / self.training.gamma
    }

    /// Solves up to `time` in steps of `dt`; the memory is cut where it is below `cut`.
    ///
    /// # Errors
    /// The caller's stop; a solution that is not finite.
    pub fn solve(training: &Training, dt: f64, time: f64, cut: f64, context: &Context) -> Result<Path, TheoryError> {
        let steps = libm::ceil(time / dt - 1e-9) as usize;
        let window = (libm::ceil(-2.0 * libm::log(cut) / (training.gamma * dt)) as usize).min(steps);
        let mut path = Path { training: training.clone(), dt, window, s: vec![training.start.clone()], q: vec![vec![1.0]], r: vec![vec![1.0]] };
        let decay: Vec<f64> = (0..=window).map(|k| libm::exp(-0.5 * training.gamma * k as f64 * dt)).collect();
        let mut before: Option<Forces> = None;
        for n in 0..steps {
            if n % 16 == 0 && (context.stop)() {
                return Err(TheoryError::Stopped);
            }
            let now = path.forces(n, &decay);
            let kappa = before.as_ref().map_or(now.kappa, |b| 1.5 * now.kappa - 0.5 * b.kappa);
            let h = -kappa * dt;
            let (decayed, one) = (libm::exp(h), if h.abs() < 1e-5 { 1.0 + 0.5 * h } else { libm::expm1(h) / h });
            let two = if h.abs() < 1e-3 { 0.5 + h / 6.0 } else { (one - 1.0) / h };
            let low = path.low(n + 1);
            let advance = |old: f64, force: f64, earlier: Option<f64>| decayed * old + dt * (one * force + earlier.map_or(0.0, |e| two * (force - e)));
            let column = |row: &[f64], force: &[f64], earlier: &dyn Fn(&Forces) -> &[f64]| -> Vec<f64> {
                let skip = low - path.low(n);
                let mut out: Vec<f64> = (low..=n)
                    .map(|m| {
                        let e = before.as_ref().and_then(|b| earlier(b).get(m - b.low).copied());
                        advance(row[m - path.low(n)], force[m - now.low], e)
                    })
                    .collect();
                debug_assert_eq!(out.len() + skip, row.len());
                out.push(1.0);
                out
            };
            let r = column(&path.r[n], &now.r, &|b| &b.r);
            let q = column(&path.q[n], &now.q, &|b| &b.q);
            let s: Vec<f64> = (0..now.s.len()).map(|a| advance(path.s[n][a], now.s[a], before.as_ref().map(|b| b.s[a]))).collect();
            if !s.iter().chain(&q).all(|x| x.is_finite() && x.abs() < 10.0) {
                return Err(TheoryError::numeric("training equations", format!("unstable at t = {} with a step of {dt}; take a smaller one", n as f64 * dt)));
            }
            path.s.push(s);
            path.q.push(q);
            path.r.push(r);
            before = Some(now);
        }
        Ok(path)
    }

    /// Everything but −κ·: the integrals at time step n.
    fn forces(&self, n: usize, decay: &[f64]) -> Forces {
        let t = &self.training;
        let (low, dt, theta) = (self.low(n), self.dt, self.theta(n));
        let (cq, cr) = (-0.5 * t.data.len() as f64 * t.nu, t.nu * t.nu / (t.gamma * t.eta));
        let (qn, rn) = (&self.q[n], &self.r[n]);
        let len = n + 1 - low;
        let memory: Vec<f64> = (0..len).map(|i| (cq * qn[i] + cr * rn[i]) * decay[len - 1 - i]).collect();
        let noise: Vec<f64> = (0..len).map(|i| cr * decay[len - 1 - i] * qn[i]).collect();
        // Trapezoidal: whole sums, less half of the ends.
        let ends = |f: &dyn Fn(usize) -> f64| if len > 1 { 0.5 * (f(0) + f(len - 1)) } else { f(0) };
        let pair = |i: usize| memory[i] * qn[i] + noise[i] * rn[i];
        let integral = dt * (dot(&memory, qn) + dot(&noise, rn) - ends(&pair));
        let sum: f64 = t.data.iter().zip(&self.s[n]).map(|(c, s)| c * s * s).sum();
        let kappa = t.nu * theta * sum + t.nu / t.beta + integral;

        let (mut r, mut q) = (vec![0.0; len], vec![0.0; len]);
        for k in 0..len {
            let (row, from) = (low + k, low - self.low(low + k));
            let (rk, qk) = (&self.r[row][from..], &self.q[row][from..]);
            axpy(&mut r[..=k], memory[k], rk);
            axpy(&mut q[..=k], memory[k], qk);
            q[k] += dot(&memory[..k], &qk[..k]);
            // The noise's part, and half of the ends of every sum.
            let ends = if k > 0 { 0.5 * (noise[0] * rk[0] + noise[k]) } else { noise[0] };
            q[k] += dot(&noise[..=k], rk) - ends;
        }
        for k in 0..len {
            r[k] = if k + 1 < len { dt * (r[k] - 0.5 * (memory[k] + memory[len - 1] * rn[k])) } else { 0.0 };
            let first = self.q[low + k][low - self.low(low + k)];
            q[k] -= if len > 1 { 0.5 * (memory[0] * first + memory[len - 1] * qn[k]) } else { memory[0] };
            let source: f64 = (0..t.data.len()).map(|a| t.data[a] * self.s[n][a] * self.s[low + k][a]).sum();
            q[k] = dt * q[k] + t.nu * theta * source;
        }
        let s = (0..t.data.len())
            .map(|a| {
                let along = |i: usize| memory[i] * self.s[low + i][a];
                let integral = dt * ((0..len).map(along).sum::<f64>() - ends(&along));
                t.nu * theta * t.data[a] * self.s[n][a] + integral
            })
            .collect();
        Forces { low, kappa, s, q, r }
    }

    /// The outlier of W at step `n`, on at most `points` times of the window.
    ///
    /// # Errors
    /// A linear system without a solution, or no root where one must be.
    pub fn outlier(&self, n: usize, points: usize) -> Result<Outlier, TheoryError> {
        let c = self.training.gamma * self.training.eta;
        let k = self.training.data.len();
        let bulk = Outlier { lambda: edge(c), overlaps: vec![0.0; k] };
        if n == 0 {
            return Ok(bulk);
        }
        let system = System::new(self, n, points);
        // Without the sampler's repulsion the outlier would be here; it only lowers it.
        let strength = self.theta(n) * self.training.data[0];
        let (mut low, mut high) = (edge(c) * (1.0 + 1e-9), strength.max(1.0 / c.sqrt()) + 1.0 / (c * strength.max(1.0 / c.sqrt())) + 0.5);
        let least = |z: f64| -> Result<f64, TheoryError> { Ok(system.pencil(z)?.least) };
        let (mut at_low, mut at_high) = (least(low)?, least(high)?);
        if at_low >= 0.0 {
            return Ok(bulk);
        }
        if at_high <= 0.0 {
            return Err(TheoryError::numeric("outlier", format!("no root between {low} and {high} at step {n}")));
        }
        // Illinois' false position.
        let mut root = high;
        for _ in 0..60 {
            root = (low * at_high - high * at_low) / (at_high - at_low);
            let value = least(root)?;
            if value.abs() < 1e-8 || high - low < 1e-9 {
                break;
            }
            if value < 0.0 {
                (low, at_low) = (root, value);
                at_high *= 0.5;
            } else {
                (high, at_high) = (root, value);
                at_low *= 0.5;
            }
        }
        let (overlaps, norm) = system.pencil(root)?.overlaps(&system);
        Ok(Outlier { lambda: root, overlaps: overlaps.iter().map(|s| s * s / norm).collect() })
    }

    /// Number of steps that were taken.
    pub fn steps(&self) -> usize {
        self.s.len() - 1
    }
}

struct Forces {
    low: usize,
    kappa: f64,
    s: Vec<f64>,
    q: Vec<f64>,
    r: Vec<f64>,
}

/// The probe's equations at one time. Unknown functions are piecewise linear between the times of a coarse grid; known ones are integrated against them on the fine
/// grid of the two-time equations, so that R, which is narrow, is never sampled coarsely.
struct System {
    c: f64,
    nu: f64,
    directions: f64,
    /// θ c_a.
    strengths: Vec<f64>,
    /// ∫ E(u) hat_j(u) du with E = e^{−γ(t−u)/2}.
    weights: Vec<f64>,
    /// ∫ E Q(u, t_i) hat_j du.
    q: Mat<f64>,
    /// ∫_0^{t_i} E R(t_i, u) hat_j du, lower triangle.
    lower: Mat<f64>,
    /// ∫_{t_i}^t E R(u, t_i) hat_j du, upper triangle.
    upper: Mat<f64>,
    /// Overlaps at the coarse times, `[time, K]`.
    s: Mat<f64>,
    /// ∫ E s_a hat_j du, `[time, K]`.
    pull: Mat<f64>,
}

struct Pencil {
    least: f64,
    vector: Vec<f64>,
    g: f64,
    z: f64,
    m: Mat<f64>,
    b: Mat<f64>,
}

impl System {
    fn new(path: &Path, n: usize, points: usize) -> System {
        let low = path.low(n);
        let stride = (n - low).div_ceil(points.max(2)).max(1);
        // From n backwards; what is older than the last coarse time has no weight left.
        let len = (n - low) / stride + 1;
        let first = n - (len - 1) * stride;
        let times: Vec<usize> = (0..len).map(|i| first + i * stride).collect();
        let t = &path.training;
        let memory: Vec<f64> = (first..=n).map(|u| libm::exp(-0.5 * t.gamma * (n - u) as f64 * path.dt)).collect();
        let value = |rows: &[Vec<f64>], u: usize, v: usize| v.checked_sub(path.low(u)).map_or(0.0, |k| rows[u][k]);
        // Adds ∫_from^to E f hat_j to row `i` of `out` (trapezoidal on the fine grid).
        let spread = |out: &mut Mat<f64>, i: usize, from: usize, to: usize, f: &dyn Fn(usize) -> f64| {
            if from == to {
                return;
            }
            for u in from..=to {
                let w = path.dt * if u == from || u == to { 0.5 } else { 1.0 } * memory[u - first] * f(u);
                let (j, over) = ((u - first) / stride, (u - first) % stride);
                let share = over as f64 / stride as f64;
                out[(i, j)] += w * (1.0 - share);
                if over > 0 {
                    out[(i, j + 1)] += w * share;
                }
            }
        };
        let (mut q, mut lower, mut upper) = (Mat::zeros(len, len), Mat::zeros(len, len), Mat::zeros(len, len));
        for (i, &at) in times.iter().enumerate() {
            spread(&mut q, i, first, n, &|u| value(&path.q, u.max(at), u.min(at)));
            spread(&mut lower, i, first, at, &|u| value(&path.r, at, u));
            spread(&mut upper, i, at, n, &|u| value(&path.r, u, at));
        }
        let k = t.data.len();
        let mut rows = Mat::zeros(k + 1, len);
        (0..k).for_each(|a| spread(&mut rows, a, first, n, &|u| path.s[u][a]));
        spread(&mut rows, k, first, n, &|_| 1.0);
        System {
            c: t.gamma * t.eta,
            nu: t.nu,
            directions: k as f64,
            strengths: t.data.iter().map(|c| path.theta(n) * c).collect(),
            weights: (0..len).map(|j| rows[(k, j)]).collect(),
            q,
            lower,
            upper,
            s: Mat::from_fn(len, k, |i, a| path.s[times[i]][a]),
            pull: Mat::from_fn(len, k, |i, a| rows[(a, i)]),
        }
    }

    /// The symmetric K × K matrix whose least eigenvalue vanishes at an outlier.
    fn pencil(&self, z: f64) -> Result<Pencil, TheoryError> {
        let (g, len, k) = (stieltjes(z, self.c), self.weights.len(), self.strengths.len());
        let (strength, half) = (self.nu / self.c, 0.5 * self.directions);
        let unit = |i: usize, j: usize| f64::from(u8::from(i == j));
        // L B = s + Q̃ m with L = 1/g − νσ²R̂, then (1 − νσ²g R̃) m = −(K/2) B.
        let l = Mat::from_fn(len, len, |i, j| unit(i, j) / g - strength * self.lower[(i, j)]);
        let (mut kernel, mut source) = (self.q.clone(), self.s.clone());
        solve_lower_triangular_in_place(l.as_ref(), kernel.as_mut(), Par::Seq);
        solve_lower_triangular_in_place(l.as_ref(), source.as_mut(), Par::Seq);
        let matrix = Mat::from_fn(len, len, |i, j| unit(i, j) - strength * g * self.upper[(i, j)] + half * kernel[(i, j)]);
        let right = Mat::from_fn(len, k, |i, a| -half * source[(i, a)]);
        let m = matrix.partial_piv_lu().solve(&right);
        let b = Mat::from_fn(len, k, |i, a| source[(i, a)] + (0..len).map(|j| kernel[(i, j)] * m[(j, a)]).sum::<f64>());
        // T = 1 + ∫ s_a m_b is symmetric, and the pencil is D/g − D T D with D = θc.
        let coupling = |a: usize, b: usize| (0..len).map(|i| self.pull[(i, a)] * m[(i, b)]).sum::<f64>();
        let d = &self.strengths;
        let small = Mat::from_fn(k, k, |a, b| if a == b { d[a] / g - d[a] * d[a] } else { 0.0 } - 0.5 * d[a] * d[b] * (coupling(a, b) + coupling(b, a)));
        let eigen = small.self_adjoint_eigen(Side::Lower).map_err(|_| TheoryError::numeric("outlier", format!("no eigenvalues at z = {z}")))?;
        Ok(Pencil { least: eigen.S()[0], vector: (0..k).map(|a| eigen.U()[(a, 0)]).collect(), g, z, m, b })
    }
}

impl Pencil {
    /// The vector's components on the data directions, and its squared norm.
    fn overlaps(&self, system: &System) -> (Vec<f64>, f64) {
        let len = system.weights.len();
        let sum = |m: &Mat<f64>, i: usize| self.vector.iter().zip(&system.strengths).enumerate().map(|(a, (s, d))| s * d * m[(i, a)]).sum::<f64>();
        let (half, pull) = (0.5 * system.directions, system.nu / system.c);
        let mut norm: f64 = self.vector.iter().zip(&system.strengths).map(|(s, t)| t * s * s).sum();
        for i in 0..len {
            let (b, m) = (sum(&self.b, i), sum(&self.m, i));
            // νσ²H = m + (K/2)B.
            let response = (m + half * b) / pull;
            norm += system.weights[i] * (m * b + pull * b * response);
        }
        (self.vector.clone(), norm / (self.z - 2.0 * self.g / system.c))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn training(nu: f64) -> Training {
        Training { gamma: 0.4, eta: 10.0, beta: 1.0, nu, data: vec![1.6, 0.4], start: vec![0.1, 0.1] }
    }

    #[test]
    fn a_slow_sampler_leaves_the_spike_of_the_data() {
        // ν → 0 with s = 0 to first order: W has the spike θc of the data, less the frozen sample's own; here without overlap.
        let t = Training { nu: 1e-6, start: vec![0.0, 0.0], ..training(1.0) };
        let path = Path::solve(&t, 0.1, 20.0, 1e-6, &Context::default()).unwrap();
        let found = path.outlier(path.steps(), 400).unwrap();
        let (s, c) = (path.theta(path.steps()) * 1.6, 4.0);
        assert!((found.lambda - (s + 1.0 / (c * s))).abs() < 1e-5 && (found.overlaps[0] - (1.0 - 1.0 / (c * s * s))).abs() < 1e-5, "{found:?}");
    }

    #[test]
    fn norm_of_the_outlier_is_the_pencils_derivative() {
        // The resolvent on the data directions is (T⁻¹/g − D)⁻¹: its pole's residue is an independent way to the norm. With D T D s = D s/g at the root, the
        // derivative of D/g − D T D is that of T⁻¹/g − D times 1/g² on both sides of D T: here, with s on the first direction, a factor g.
        let path = Path::solve(&training(0.5), 0.1, 25.0, 1e-4, &Context::default()).unwrap();
        let n = path.steps();
        let system = System::new(&path, n, 400);
        let lambda = path.outlier(n, 400).unwrap().lambda;
        let (up, down, at) = (system.pencil(lambda + 1e-4).unwrap().least, system.pencil(lambda - 1e-4).unwrap().least, system.pencil(lambda).unwrap());
        let (s, norm) = at.overlaps(&system);
        assert!(s[1].abs() < 1e-4, "{s:?}");
        assert!((at.g * (up - down) / 2e-4 / norm - 1.0).abs() < 0.01, "{} {norm}", at.g * (up - down) / 2e-4);
    }
}
