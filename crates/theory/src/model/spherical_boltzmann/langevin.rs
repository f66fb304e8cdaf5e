//! Finite N: training by Langevin dynamics of weights and sampler, and the posterior over W sampled with an exact average over samples.
//!
//! Data directions are the first K axes: the prior does not see rotations. The teacher is no data direction: two samples of it have their mean at a squared cosine
//! of 2(ω − 1)/(2ω − 1) to it, and the rest of it lies along axis K.

use super::dmft::Training;
use super::equilibrium::teacher_overlap;
use crate::model::{Context, TheoryError};
use crate::numeric::{Draws, axpy, dot};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par, Side};

/// What a symmetric matrix shows at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Largest eigenvalue.
    pub lambda: f64,
    /// Squared overlaps of its vector with the data directions.
    pub overlaps: Vec<f64>,
    /// Squared overlap with the teacher; that with the first direction where there is none.
    pub teacher: f64,
    /// Overlap of the sampler with the first direction.
    pub s: f64,
}

/// A symmetric matrix of the prior: off-diagonal variance `variance`, diagonal twice that; row-major, whole.
fn prior(n: usize, variance: f64, draws: &mut Draws) -> Vec<f64> {
    let mut w = vec![0.0; n * n];
    add_noise(&mut w, n, variance, draws);
    w
}

fn add_noise(w: &mut [f64], n: usize, variance: f64, draws: &mut Draws) {
    let (off, diagonal) = (variance.sqrt(), (2.0 * variance).sqrt());
    for i in 0..n {
        for j in 0..i {
            let x = off * draws.normal();
            w[i * n + j] += x;
            w[j * n + i] += x;
        }
        w[i * n + i] += diagonal * draws.normal();
    }
}

/// Eigenvalues (ascending) and vectors (columns) of a symmetric matrix.
fn eigen(w: &[f64], n: usize) -> Result<(Vec<f64>, Mat<f64>), TheoryError> {
    let m = Mat::from_fn(n, n, |i, j| w[i * n + j]);
    let e = m.self_adjoint_eigen(Side::Lower).map_err(|_| TheoryError::numeric("eigenvalues of W", format!("no convergence at N = {n}")))?;
    Ok(((0..n).map(|i| e.S()[i]).collect(), e.U().to_owned()))
}

/// The teacher as (axis, component).
fn direction(omega: Option<f64>, k: usize) -> [(usize, f64); 2] {
    let share = omega.map_or(1.0, teacher_overlap);
    [(0, share.sqrt()), (k, (1.0 - share).sqrt())]
}

/// One training run: W from the prior, the sampler with the initial overlaps; what is seen at each of `times` (ascending).
///
/// dW = (C/2 − (K/2N)xxᵀ − (γ/2)W)dt + Ω/√(ηN), in steps of `dt`; dx = νWx dt + √(2ν/β) noise on |x|² = N, in shorter steps of at most 0.04/ν, with x's push on W
/// at each of them.
///
/// # Errors
/// The caller's stop; eigenvalues that do not converge.
pub fn train(t: &Training, omega: Option<f64>, n: usize, dt: f64, times: &[f64], draws: &mut Draws, context: &Context) -> Result<Vec<Seen>, TheoryError> {
    let size = n as f64;
    let k = t.data.len();
    let mut w = prior(n, 1.0 / (t.gamma * t.eta * size), draws);
    let mut x = draws.normals(n);
    let rest: f64 = x[k..].iter().map(|a| a * a).sum();
    let left = size * (1.0 - t.start.iter().map(|s| s * s).sum::<f64>());
    x[k..].iter_mut().for_each(|a| *a *= (left / rest).sqrt());
    x.iter_mut().zip(&t.start).for_each(|(a, s)| *a = size.sqrt() * s);
    let inner = libm::ceil(dt * t.nu / 0.04).max(1.0);
    let h = dt / inner;
    let kick = (2.0 * t.nu * h / t.beta).sqrt();
    let (mut out, mut step) = (Vec::with_capacity(times.len()), 0usize);
    for &time in times {
        while (step as f64 + 0.5) * dt <= time {
            if step % 16 == 0 && (context.stop)() {
                return Err(TheoryError::Stopped);
            }
            for _ in 0..inner as usize {
                let mut next: Vec<f64> = w.chunks_exact(n).zip(&x).map(|(row, a)| a + t.nu * h * dot(row, &x) + kick * draws.normal()).collect();
                let scale = (size / next.iter().map(|a| a * a).sum::<f64>()).sqrt();
                next.iter_mut().for_each(|a| *a *= scale);
                x = next;
                let push = -0.5 * k as f64 * h / size;
                for (row, a) in w.chunks_exact_mut(n).zip(&x) {
                    axpy(row, push * a, &x);
                }
            }
            // Decay and prior's noise exactly over the step.
            let decay = libm::exp(-0.5 * t.gamma * dt);
            w.iter_mut().for_each(|a| *a *= decay);
            for (a, c) in t.data.iter().enumerate() {
                w[a * n + a] += c * (1.0 - decay) / t.gamma;
            }
            add_noise(&mut w, n, (1.0 - decay * decay) / (t.gamma * t.eta * size), draws);
            step += 1;
        }
        let (values, vectors) = eigen(&w, n)?;
        let overlaps = (0..k).map(|a| vectors[(a, n - 1)] * vectors[(a, n - 1)]).collect();
        let along: f64 = direction(omega, k).iter().map(|(i, p)| p * vectors[(*i, n - 1)]).sum();
        out.push(Seen { lambda: values[n - 1], overlaps, teacher: along * along, s: x[0] / size.sqrt() });
    }
    Ok(out)
}

/// The spherical model of one matrix: the multiplier μ with (1/N) Σ 1/(μ − λ_i) = 1, above the largest eigenvalue (ascending `values`). Exact to O(1/N).
pub fn multiplier(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let top = values[values.len() - 1];
    // The sum falls in μ; one term alone is 1 at top + 1/N, all together are at most 1 at top + 1.
    let (mut low, mut high) = (top + 1.0 / n, top + 1.0);
    for _ in 0..100 {
        let mu = 0.5 * (low + high);
        if values.iter().map(|v| 1.0 / (mu - v)).sum::<f64>() > n { low = mu } else { high = mu }
    }
    0.5 * (low + high)
}

/// What the posterior shows, averages over its samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampled {
    /// Largest eigenvalues, one a data direction.
    pub lambda: Vec<f64>,
    /// Squared overlap of the largest one's vector with the first direction.
    pub u: f64,
    /// Norm of a sample on the largest eigenvector.
    pub magnetisation: f64,
    /// Divergences (forward, reverse) per N from the rank-one teacher; NaN without one.
    pub divergences: (f64, f64),
}

/// One chain of the posterior over W: dW = (C/2 − (K/2)⟨xxᵀ⟩_W/N − (γ/2)W)dt + Ω/√(ηN), with ⟨xxᵀ⟩_W = (μ − W)⁻¹ of the spherical model at each step. Starts at the
/// prior around C/γ; the first half is dropped, the rest averaged.
///
/// # Errors
/// The caller's stop; eigenvalues that do not converge.
pub fn posterior(t: &Training, omega: Option<f64>, n: usize, dt: f64, time: f64, draws: &mut Draws, context: &Context) -> Result<Sampled, TheoryError> {
    let size = n as f64;
    let k = t.data.len();
    let mut w = prior(n, 1.0 / (t.gamma * t.eta * size), draws);
    for (a, c) in t.data.iter().enumerate() {
        w[a * n + a] += c / t.gamma;
    }
    let decay = libm::exp(-0.5 * t.gamma * dt);
    let steps = (libm::ceil(time / dt) as usize).max(2);
    let mut sum = Sampled { lambda: vec![0.0; k], u: 0.0, magnetisation: 0.0, divergences: (0.0, 0.0) };
    let mut average = Mat::zeros(n, n);
    for step in 0..steps {
        if (context.stop)() {
            return Err(TheoryError::Stopped);
        }
        let (values, vectors) = eigen(&w, n)?;
        let mu = multiplier(&values);
        let scaled = Mat::from_fn(n, n, |i, j| vectors[(i, j)] / (size * (mu - values[j])));
        matmul(average.as_mut(), Accum::Replace, scaled.as_ref(), vectors.as_ref().transpose(), 1.0, Par::Seq);
        if step >= steps / 2 {
            (0..k).for_each(|a| sum.lambda[a] += values[n - 1 - a]);
            sum.u += vectors[(0, n - 1)] * vectors[(0, n - 1)];
            sum.magnetisation += 1.0 / (size * (mu - values[n - 1]));
            let (forward, reverse) = omega.map_or((f64::NAN, f64::NAN), |omega| divergences(&values, mu, &average, &w, omega, k));
            sum.divergences = (sum.divergences.0 + forward, sum.divergences.1 + reverse);
        }
        let push = -0.5 * k as f64 * (1.0 - decay) / (0.5 * t.gamma);
        for i in 0..n {
            for j in 0..n {
                w[i * n + j] = decay * w[i * n + j] + push * average[(i, j)];
            }
        }
        for (a, c) in t.data.iter().enumerate() {
            w[a * n + a] += c * (1.0 - decay) / t.gamma;
        }
        add_noise(&mut w, n, (1.0 - decay * decay) / (t.gamma * t.eta * size), draws);
    }
    let count = (steps - steps / 2) as f64;
    sum.lambda.iter_mut().for_each(|x| *x /= count);
    Ok(Sampled { u: sum.u / count, magnetisation: sum.magnetisation / count, divergences: (sum.divergences.0 / count, sum.divergences.1 / count), ..sum })
}

/// Divergences per N between the spherical models of W and of the teacher, both at this N: ln Z/N = ½(μ − 1 − (1/N)Σ ln(μ − λ)) and ⟨−E⟩/N = ½ tr(W⟨xxᵀ⟩)/N.
fn divergences(values: &[f64], mu: f64, average: &Mat<f64>, w: &[f64], omega: f64, k: usize) -> (f64, f64) {
    let n = values.len();
    let size = n as f64;
    let log_z = |values: &[f64], mu: f64| 0.5 * (mu - 1.0 - values.iter().map(|v| libm::log(mu - v)).sum::<f64>() / size);
    let mut taught = vec![0.0; n];
    taught[n - 1] = omega;
    let mu_taught = multiplier(&taught);
    // ⟨xxᵀ⟩/N of the teacher: this along it, that across.
    let (first, other) = (1.0 / (size * (mu_taught - omega)), 1.0 / (size * mu_taught));
    let trace: f64 = (0..n).map(|i| w[i * n + i]).sum();
    let (z, z_taught) = (log_z(values, mu), log_z(&taught, mu_taught));
    let direction = direction(Some(omega), k);
    let quadratic = |f: &dyn Fn(usize, usize) -> f64| direction.iter().flat_map(|(i, p)| direction.iter().map(move |(j, q)| p * q * f(*i, *j))).sum::<f64>();
    // tr(W⟨xxᵀ⟩)/N = μ − 1 for W's own average.
    let own = 0.5 * (mu - 1.0) - z;
    let reverse = own - (0.5 * omega * quadratic(&|i, j| average[(i, j)]) - z_taught);
    let taught_own = 0.5 * omega * first - z_taught;
    let forward = taught_own - (0.5 * (other * trace + (first - other) * quadratic(&|i, j| w[i * n + j])) - z);
    (forward, reverse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiplier_of_known_spectra() {
        // All eigenvalues 0: μ = 1. One of size ω in many: μ just above it.
        assert!((multiplier(&[0.0; 50]) - 1.0).abs() < 1e-9);
        let mut values = vec![0.0; 10_000];
        values[9_999] = 3.0;
        let mu = multiplier(&values);
        assert!((mu - 3.0 - 1.0 / (10_000.0 * (1.0 - 1.0 / 3.0))).abs() < 1e-6);
    }

    #[test]
    fn prior_is_the_semicircle() {
        let n = 150;
        let w = prior(n, 1.0 / (4.0 * n as f64), &mut Draws::new(1, 1, 1));
        let (values, _) = eigen(&w, n).unwrap();
        // Edge 2/√c = 1 for c = 4; second moment 1/c.
        assert!((values[n - 1] - 1.0).abs() < 0.08);
        assert!((values.iter().map(|v| v * v).sum::<f64>() / n as f64 - 0.25).abs() < 0.02);
    }
}
