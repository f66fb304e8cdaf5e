//! The posterior of whole networks f(x) = Σ_i a_i·erf(w_i·x), sampled: the measure in which full-batch Langevin dynamics comes to rest.
//!
//! p(a, w) ∝ exp(−Σ_μ (f(x_μ) − y_μ)²/(2σ²) − N‖a‖²/(2σ_a²) − d‖w‖²/(2σ_w²)). It is Gaussian in the readout a, which is integrated out exactly; w is sampled by full-batch
//! Langevin proposals with inertia (Hamiltonian Monte Carlo; one leapfrog step is the Metropolis-adjusted Langevin algorithm), so that no step size biases the measure.
//! The data enter through G = ⟨φφᵀ⟩ and h = ⟨φy⟩, φ_i = erf(w_i·x): averages over drawn examples, or over the Gaussian of all inputs, where they have closed forms;
//! the latter is the limit n → ∞ at fixed n/σ², along which the paper's own scaling (α) runs. No action and no residual occurs here.

use super::cubic::Cubic;
use crate::model::TheoryError;
use crate::numeric::Draws;
use crate::numeric::gemm::{matrix, multiply, product};
use faer::linalg::solvers::DenseSolveCore;
use faer::{Mat, Side};
use std::f64::consts::PI;

/// A training set: inputs `n × d`, row-major, and the teacher's values. The teacher's direction is the first axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Examples {
    /// Inputs.
    pub x: Vec<f64>,
    /// Values.
    pub y: Vec<f64>,
}

/// Draws `n` examples of the teacher.
pub fn examples(s: &Cubic, d: &mut Draws) -> Examples {
    let (n, dimension) = (s.n as usize, s.d as usize);
    let x = d.normals(n * dimension);
    let y = x.chunks_exact(dimension).map(|x| x[0] + s.eps * (x[0] * x[0] * x[0] - 3.0 * x[0])).collect();
    Examples { x, y }
}

/// A network's posterior over its first layer.
#[derive(Debug, Clone, Copy)]
pub struct Posterior<'a> {
    /// Sizes; `n`, `d` and `width` are whole numbers.
    pub s: &'a Cubic,
    /// The examples; `None` for the average over all inputs.
    pub examples: Option<&'a Examples>,
}

/// What is learned at one w, in the mean over a: the coefficients of z and of z³ − 3z in f.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Learned {
    /// Of z.
    pub linear: f64,
    /// Of z³ − 3z.
    pub cubic: f64,
}

impl Posterior<'_> {
    /// −log p(w) up to a constant, at w = √(σ_w²/d)·`z` (`width × d`), with its gradient with respect to `z`, and what is learned.
    ///
    /// # Errors
    /// A matrix that is not positive definite: weights that are not finite.
    pub fn potential(&self, z: &[f64], gradient: &mut [f64]) -> Result<(f64, Learned), TheoryError> {
        let (m, d, rate) = (self.s.width as usize, self.s.d as usize, self.s.n / self.s.sigma2);
        let scale = (self.s.sigma_w2 / self.s.d).sqrt();
        let w: Vec<f64> = z.iter().map(|z| scale * z).collect();
        let features = self.features(&w, m, d);
        let mut a = Mat::from_fn(m, m, |i, j| rate * features.g[i * m + j]);
        for i in 0..m {
            a[(i, i)] += self.s.width / self.s.sigma_a2;
        }
        let factor = a.llt(Side::Lower).map_err(|e| TheoryError::numeric("posterior of the readout", format!("{e:?}")))?;
        let inverse = factor.inverse();
        let lower = factor.L();
        let half_log_determinant: f64 = (0..m).map(|i| libm::log(lower[(i, i)])).sum();
        let readout: Vec<f64> = (0..m).map(|i| rate * (0..m).map(|j| inverse[(i, j)] * features.h[j]).sum::<f64>()).collect();
        let fit: f64 = readout.iter().zip(&features.h).map(|(a, h)| a * h).sum();
        let value = half_log_determinant - 0.5 * rate * fit + 0.5 * z.iter().map(|z| z * z).sum::<f64>();
        // The derivative with respect to G; that with respect to h is −rate·a.
        let by_g: Vec<f64> = (0..m * m).map(|k| 0.5 * rate * (inverse[(k / m, k % m)] + readout[k / m] * readout[k % m])).collect();
        match (&features.drawn, self.examples) {
            (Some((phi, slope)), Some(examples)) => {
                // dV/dφ = (2φ·by_g − rate·y·aᵀ)/n, then through erf′ to w.
                let n = examples.y.len();
                let mut back = product(matrix(phi, n), matrix(&by_g, m));
                for ((row, slope), y) in back.chunks_exact_mut(m).zip(slope.chunks_exact(m)).zip(&examples.y) {
                    for i in 0..m {
                        row[i] = slope[i] * (2.0 * row[i] - rate * y * readout[i]) / n as f64;
                    }
                }
                multiply(gradient, false, matrix(&back, n).transpose(), matrix(&examples.x, n));
            }
            _ => self.back_population(&w, m, d, &features, &by_g, &readout, rate, gradient),
        }
        gradient.iter_mut().zip(z).for_each(|(g, z)| *g = scale * *g + z);
        let mut learned = Learned::default();
        for (a, w) in readout.iter().zip(w.chunks_exact(d)) {
            let (q, norm) = (w[0], 1.0 + 2.0 * w.iter().map(|w| w * w).sum::<f64>());
            learned.linear += a * 2.0 * q / (PI * norm).sqrt();
            learned.cubic -= a * 4.0 * q * q * q / (6.0 * (PI * norm).sqrt() * norm);
        }
        Ok((value, learned))
    }

    fn features(&self, w: &[f64], m: usize, d: usize) -> Features {
        if let Some(examples) = self.examples {
            let n = examples.y.len();
            let mut phi = product(matrix(&examples.x, n), matrix(w, m).transpose());
            let slope: Vec<f64> = phi.iter().map(|z| 2.0 / PI.sqrt() * libm::exp(-z * z)).collect();
            phi.iter_mut().for_each(|z| *z = libm::erf(*z));
            let mut g = product(matrix(&phi, n).transpose(), matrix(&phi, n));
            let mut h = product(matrix(&phi, n).transpose(), matrix(&examples.y, n));
            g.iter_mut().chain(h.iter_mut()).for_each(|x| *x /= n as f64);
            return Features { g, h, drawn: Some((phi, slope)), ratio: Vec::new(), norm: Vec::new() };
        }
        // ⟨erf(w·x)·erf(v·x)⟩ = (2/π)·asin(2w·v/√((1 + 2w²)(1 + 2v²))) for x ~ N(0, 1).
        let mut ratio = product(matrix(w, m), matrix(w, m).transpose());
        let norm: Vec<f64> = (0..m).map(|i| 1.0 + 2.0 * ratio[i * m + i]).collect();
        let root: Vec<f64> = norm.iter().map(|d| 1.0 / d.sqrt()).collect();
        let mut g = vec![0.0; m * m];
        for i in 0..m {
            for j in 0..=i {
                let r = 2.0 * ratio[i * m + j] * root[i] * root[j];
                let value = 2.0 / PI * libm::asin(r);
                (ratio[i * m + j], g[i * m + j]) = (r, value);
                (ratio[j * m + i], g[j * m + i]) = (r, value);
            }
        }
        // ⟨erf(w·x)·(z + ε(z³ − 3z))⟩: first and third derivative of erf's Gaussian average.
        let h = (0..m).map(|i| (w[i * d] - 2.0 * self.s.eps * w[i * d] * w[i * d] * w[i * d] / norm[i]) * 2.0 / PI.sqrt() * root[i]).collect();
        Features { g, h, drawn: None, ratio, norm }
    }

    fn back_population(&self, w: &[f64], m: usize, d: usize, f: &Features, by_g: &[f64], readout: &[f64], rate: f64, gradient: &mut [f64]) {
        // dG_ij = (2/π)/√(1 − ρ²)·dρ_ij, dρ_ij = 2·d(w_i·w_j)/√(D_iD_j) − ρ_ij(dD_i/D_i + dD_j/D_j)/2, D = 1 + 2‖w‖².
        let root: Vec<f64> = f.norm.iter().map(|d| 1.0 / d.sqrt()).collect();
        let mut pull = vec![0.0; m * m];
        for i in 0..m {
            let mut own = 0.0;
            for j in 0..m {
                let r = f.ratio[i * m + j];
                let e = by_g[i * m + j] * 2.0 / PI / (1.0 - r * r).sqrt();
                pull[i * m + j] = 4.0 * e * root[i] * root[j];
                own += e * r;
            }
            // The part along w_i itself, with that of h through D_i.
            let (q, norm) = (w[i * d], f.norm[i]);
            let by_norm = (-0.5 * q + 3.0 * self.s.eps * q * q * q / norm) * 2.0 / (PI.sqrt() * norm * norm.sqrt());
            pull[i * m + i] += -4.0 * own / norm - 4.0 * rate * readout[i] * by_norm;
        }
        multiply(gradient, false, matrix(&pull, m), matrix(w, m));
        for i in 0..m {
            let (q, norm) = (w[i * d], f.norm[i]);
            gradient[i * d] -= rate * readout[i] * (1.0 - 6.0 * self.s.eps * q * q / norm) * 2.0 / (PI * norm).sqrt();
        }
    }
}

/// G (`m × m`) and h (`m`), with what their derivatives need.
struct Features {
    g: Vec<f64>,
    h: Vec<f64>,
    /// φ and φ′ of drawn examples, `n × m`.
    drawn: Option<(Vec<f64>, Vec<f64>)>,
    /// ρ (`m × m`) and D (`m`) of the average over all inputs.
    ratio: Vec<f64>,
    norm: Vec<f64>,
}

/// How a chain is run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// Trajectories that are thrown away, during which the step size is adapted.
    pub burn: usize,
    /// Trajectories that are kept.
    pub keep: usize,
    /// Leapfrog steps a trajectory; 1 is the Metropolis-adjusted Langevin algorithm.
    pub leapfrogs: usize,
    /// Every neuron starts with this |q| instead of one drawn from the prior.
    pub start: Option<f64>,
}

/// One network's chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    /// q_i of every neuron after each kept trajectory, `keep × width`.
    pub q: Vec<f64>,
    /// What is learned after each kept trajectory.
    pub learned: Vec<Learned>,
    /// Share of kept proposals that were accepted.
    pub acceptance: f64,
    /// Step size after the adaptation, in units of the prior's standard deviation.
    pub step: f64,
}

/// Runs a chain.
///
/// # Errors
/// As [`Posterior::potential`]; a stop that was asked for.
pub fn sample(posterior: &Posterior, schedule: Schedule, draws: &mut Draws, stop: &dyn Fn() -> bool) -> Result<Chain, TheoryError> {
    let (m, d) = (posterior.s.width as usize, posterior.s.d as usize);
    let scale = (posterior.s.sigma_w2 / posterior.s.d).sqrt();
    let mut z = draws.normals(m * d);
    if let Some(q) = schedule.start {
        z.chunks_exact_mut(d).for_each(|w| w[0] = draws.sign() * q / scale);
    }
    let mut gradient = vec![0.0; m * d];
    let (mut value, mut learned) = posterior.potential(&z, &mut gradient)?;
    let mut step: f64 = 0.3 / libm::pow((m * d) as f64, 0.25);
    let mut out = Chain { q: Vec::with_capacity(schedule.keep * m), learned: Vec::with_capacity(schedule.keep), acceptance: 0.0, step };
    for t in 0..schedule.burn + schedule.keep {
        if stop() {
            return Err(TheoryError::Stopped);
        }
        // A jittered step length breaks resonances of the trajectory.
        let h = step * (0.8 + 0.4 * draws.uniform());
        let mut momentum = draws.normals(m * d);
        let kinetic = |p: &[f64]| 0.5 * p.iter().map(|p| p * p).sum::<f64>();
        let before = value + kinetic(&momentum);
        let (mut place, mut slope, mut reached, mut seen) = (z.clone(), gradient.clone(), f64::INFINITY, learned);
        for _ in 0..schedule.leapfrogs {
            momentum.iter_mut().zip(&slope).for_each(|(p, g)| *p -= 0.5 * h * g);
            place.iter_mut().zip(&momentum).for_each(|(z, p)| *z += h * p);
            (reached, seen) = posterior.potential(&place, &mut slope)?;
            momentum.iter_mut().zip(&slope).for_each(|(p, g)| *p -= 0.5 * h * g);
        }
        let chance = libm::exp((before - reached - kinetic(&momentum)).min(0.0));
        if draws.uniform() < chance {
            (z, gradient, value, learned) = (place, slope, reached, seen);
        }
        if t < schedule.burn {
            step *= libm::exp((chance - 0.75) / libm::sqrt(1.0 + 0.1 * t as f64) * 0.4);
        } else {
            out.acceptance += chance / schedule.keep as f64;
            out.q.extend(z.chunks_exact(d).map(|w| scale * w[0]));
            out.learned.push(learned);
        }
    }
    out.step = step;
    Ok(out)
}

/// The Gelman–Rubin statistic of several series of one length, each cut in halves: near 1 where they say the same.
pub fn r_hat(series: &[Vec<f64>]) -> f64 {
    let halves: Vec<&[f64]> = series.iter().flat_map(|s| [&s[..s.len() / 2], &s[s.len() - s.len() / 2..]]).collect();
    let n = halves.first().map_or(0, |h| h.len()) as f64;
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let means: Vec<f64> = halves.iter().map(|h| mean(h)).collect();
    let grand = mean(&means);
    let between = n * means.iter().map(|m| (m - grand) * (m - grand)).sum::<f64>() / (means.len() as f64 - 1.0);
    let within = halves.iter().zip(&means).map(|(h, m)| h.iter().map(|x| (x - m) * (x - m)).sum::<f64>() / (n - 1.0)).sum::<f64>() / halves.len() as f64;
    (((n - 1.0) / n * within + between / n) / within).sqrt()
}
