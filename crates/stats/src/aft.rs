//! Accelerated-failure regression: how covariates stretch time.
//!
//! ln T = β₀ + βᵀx + σε, with ε standard normal (T log-normal) or of the smallest-extreme-value distribution (T Weibull, shape 1/σ). e^β is the factor by which a
//! unit of the covariate multiplies every quantile of T: a positive β means later events.
//!
//! Sources: Kalbfleisch & Prentice (2002), The Statistical Analysis of Failure Time Data, chapter 3; Olsen (1978), Econometrica 46, 1211, and Burridge (1981), J. R. Stat.
//! Soc. B 43, 41: in (1/σ, β/σ) the censored likelihood is concave, so Newton's method finds its only maximum.

use crate::cox::{ChiSquared, Coefficient, DEPENDS, Design, SEPARATES};
use crate::distributions::{normal_cdf, normal_survival};
use crate::error::Error;
use crate::newton::{Cholesky, Point, Stop, maximise};
use crate::survival::Observation;

const WHAT: &str = "accelerated-failure regression";

/// Distribution of T given the covariates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// S(t) = exp(−(t/e^μ)^(1/σ)).
    Weibull,
    /// ln T normal with mean μ and standard deviation σ.
    LogNormal,
}

/// The fits; see [`Aft::fit`].
#[derive(Debug, Clone, Copy)]
pub struct Aft;

/// A fitted regression.
#[derive(Debug, Clone, PartialEq)]
pub struct AftFit {
    /// β₀: ln of the scale (Weibull) or the median (log-normal) at covariates zero.
    pub intercept: Coefficient,
    /// One a covariate, in the order of the rows' columns.
    pub coefficients: Vec<Coefficient>,
    /// ln σ. Its z and p test σ = 1, which for Weibull is the exponential distribution.
    pub ln_scale: Coefficient,
    /// Covariance of (β₀, β, ln σ).
    pub covariance: Vec<Vec<f64>>,
    /// Log-likelihood of the times (densities of T, not of ln T).
    pub log_likelihood: f64,
    /// Newton steps taken.
    pub iterations: usize,
    /// The family.
    pub family: Family,
}

impl Aft {
    /// Fits by maximum likelihood. `rows[i]` are the p ≥ 0 covariates of subject `i` (no column of ones), `observations[i]` its time in any unit, positive.
    /// Standard errors are from the observed information at (β₀, β, ln σ).
    ///
    /// # Errors
    /// [`Error::TooFew`] without rows; [`Error::Lengths`] if lengths differ; [`Error::Domain`] if a covariate is not finite or a time not finite and positive;
    /// [`Error::Covariate`] if a covariate is constant, depends on those before it or separates events from the censored; [`Error::Undefined`] without events, or if the
    /// events are fitted exactly so that σ goes to 0.
    pub fn fit(rows: &[Vec<f64>], observations: &[Observation], family: Family) -> Result<AftFit, Error> {
        let design = Design::new(WHAT, rows, observations)?;
        if let Some((index, o)) = observations.iter().enumerate().find(|(_, o)| o.time <= 0.0) {
            let must = "times must be positive, since their logarithm is modelled (give an event at 0 the resolution of the clock, say half a step; or drop the claim to a ratio of times and use Cox regression)";
            return Err(Error::Domain { what: WHAT, index, value: o.time, must });
        }
        let events = observations.iter().filter(|o| o.event).count();
        if events == 0 {
            return Err(Error::Undefined { what: WHAT, why: "no event happened: every time is censored" });
        }
        let logs: Vec<f64> = observations.iter().map(|o| libm::log(o.time)).collect();
        let n = logs.len() as f64;
        let centre = logs.iter().sum::<f64>() / n;
        let spread = libm::sqrt(logs.iter().map(|y| (y - centre) * (y - centre)).sum::<f64>() / n);
        if spread <= 1e-13 * centre.abs() {
            return Err(Error::Undefined { what: WHAT, why: "all times are equal" });
        }
        let model = Model { design: &design, logs: logs.iter().map(|y| (y - centre) / spread).collect(), observations, family };
        let p = design.columns;
        let mut start = vec![0.0; p + 2];
        start[p + 1] = 1.0;
        let exact = Error::Undefined { what: WHAT, why: "the covariates fit every event exactly, so the scale goes to 0 (too few distinct events)" };
        let fit = maximise(start, 0.0, |theta| model.olsen(theta)).map_err(|stop| match stop {
            Stop::Collinear(column) if (1..=p).contains(&column) => Error::Covariate { what: WHAT, column: column - 1, why: DEPENDS },
            Stop::Runaway(column) if (1..=p).contains(&column) => Error::Covariate { what: WHAT, column: column - 1, why: SEPARATES },
            Stop::Unsettled(theta) if theta[p + 1] < 1e6 => {
                Error::Undefined { what: WHAT, why: "Newton's method did not settle; look for nearly dependent covariates" }
            }
            _ => exact.clone(),
        })?;
        // From Olsen's parameters to (β₀, β, ln σ), still on the scaled covariates and times.
        let sigma = 1.0 / fit.theta[p + 1];
        let beta: Vec<f64> = fit.theta[..=p].iter().map(|g| g * sigma).collect();
        let information = model.information(&beta, sigma);
        let scaled = Cholesky::new(&information, p + 2, 1e-13, 0.0).map_err(|_| exact)?.inverse();
        // And to those of the caller: θ = A θ' + constant, covariance A C Aᵀ.
        let m = p + 2;
        let mut a = vec![0.0; m * m];
        a[0] = spread;
        a[m * m - 1] = 1.0;
        for j in 0..p {
            a[(j + 1) * m + j + 1] = spread / design.scales[j];
            a[j + 1] = -spread * design.means[j] / design.scales[j];
        }
        let mut theta: Vec<f64> = (0..m).map(|i| (0..=p).map(|k| a[i * m + k] * beta[k]).sum()).collect();
        theta[0] += centre;
        theta[m - 1] = libm::log(sigma * spread);
        let half: Vec<f64> = (0..m * m).map(|at| (0..m).map(|k| a[at / m * m + k] * scaled[k * m + at % m]).sum()).collect();
        let covariance: Vec<Vec<f64>> = (0..m).map(|i| (0..m).map(|j| (0..m).map(|k| half[i * m + k] * a[j * m + k]).sum()).collect()).collect();
        let coefficient = |i: usize| Coefficient::new(theta[i], covariance[i][i]);
        // Densities: of the scaled ln T, then of ln T, then of T.
        let jacobian: f64 = events as f64 * libm::log(spread) + logs.iter().zip(observations).filter(|(_, o)| o.event).map(|(y, _)| y).sum::<f64>();
        Ok(AftFit {
            intercept: coefficient(0),
            coefficients: (1..=p).map(coefficient).collect(),
            ln_scale: coefficient(m - 1),
            log_likelihood: fit.point.value - jacobian,
            iterations: fit.iterations,
            covariance,
            family,
        })
    }
}

impl AftFit {
    /// Twice the gain in log-likelihood over `smaller`, a fit of the same family to the same observations with some covariates left out.
    ///
    /// # Errors
    /// [`Error::Domain`] if `smaller` is of another family or has no fewer covariates.
    pub fn likelihood_ratio(&self, smaller: &AftFit) -> Result<ChiSquared, Error> {
        let df = self.coefficients.len().saturating_sub(smaller.coefficients.len());
        if df == 0 || self.family != smaller.family {
            let must = "it must be the number of covariates that the smaller fit of the same family leaves out, at least 1";
            return Err(Error::Domain { what: "likelihood ratio of accelerated-failure fits", index: 0, value: df as f64, must });
        }
        ChiSquared::new(2.0 * (self.log_likelihood - smaller.log_likelihood), df)
    }

    /// Linear predictor β₀ + βᵀx of `row`: ln of the time scale for these covariates.
    ///
    /// # Errors
    /// [`Error::Lengths`] if the row has another number of covariates than the fit.
    pub fn predict(&self, row: &[f64]) -> Result<f64, Error> {
        if row.len() != self.coefficients.len() {
            return Err(Error::Lengths { what: "prediction (coefficients and row)", left: self.coefficients.len(), right: row.len() });
        }
        Ok(self.intercept.estimate + self.coefficients.iter().zip(row).map(|(c, x)| c.estimate * x).sum::<f64>())
    }
}

struct Model<'a> {
    design: &'a Design,
    /// ln T, scaled to mean 0 and variance 1.
    logs: Vec<f64>,
    observations: &'a [Observation],
    family: Family,
}

impl Model<'_> {
    /// ln f(w) of an event or ln S(w) of a censored time, w = (y − μ)/σ, with first and second derivative in w.
    fn term(&self, w: f64, event: bool) -> (f64, f64, f64) {
        match self.family {
            Family::Weibull => {
                let e = libm::exp(w);
                if event { (w - e, 1.0 - e, -e) } else { (-e, -e, -e) }
            }
            Family::LogNormal if event => (-0.5 * w * w - HALF_LOG_TAU, -w, -1.0),
            Family::LogNormal => {
                let (log_survival, hazard) = normal_tail(w);
                (log_survival, -hazard, -hazard * (hazard - w))
            }
        }
    }

    /// (1, x) of subject `i`.
    fn row(&self, i: usize) -> impl Iterator<Item = f64> + '_ {
        std::iter::once(1.0).chain(self.design.row(i).iter().copied())
    }

    /// Log-likelihood of the scaled ln T in γ = β/σ and α = 1/σ (last), where w = αy − γᵀx is linear.
    fn olsen(&self, theta: &[f64]) -> Point {
        let m = theta.len();
        let alpha = theta[m - 1];
        let mut point = Point::zero(m);
        if alpha <= 0.0 {
            point.value = f64::NEG_INFINITY;
            return point;
        }
        let log_alpha = libm::log(alpha);
        let mut slope = vec![0.0; m]; // ∂w/∂θ
        for (i, o) in self.observations.iter().enumerate() {
            self.row(i).zip(&mut slope).for_each(|(x, s)| *s = -x);
            slope[m - 1] = self.logs[i];
            let w: f64 = slope.iter().zip(theta).map(|(s, t)| s * t).sum();
            let (value, first, second) = self.term(w, o.event);
            point.value += value;
            for j in 0..m {
                point.gradient[j] += first * slope[j];
                for k in 0..=j {
                    point.information[j * m + k] -= second * slope[j] * slope[k];
                }
            }
            if o.event {
                point.value += log_alpha;
                point.gradient[m - 1] += 1.0 / alpha;
                point.information[m * m - 1] += 1.0 / (alpha * alpha);
            }
        }
        point.mirror();
        point
    }

    /// Observed information in (β₀, β, ln σ): with g₁, g₂ the derivatives in w, −∂²/∂β∂βᵀ = −g₂xxᵀ/σ², −∂²/∂β∂lnσ = −(g₂w + g₁)x/σ,
    /// −∂²/∂(lnσ)² = −(g₂w² + g₁w).
    fn information(&self, beta: &[f64], sigma: f64) -> Vec<f64> {
        let m = beta.len() + 1;
        let mut information = vec![0.0; m * m];
        for (i, o) in self.observations.iter().enumerate() {
            let mut x: Vec<f64> = self.row(i).map(|x| x / sigma).collect();
            let w = self.logs[i] / sigma - x.iter().zip(beta).map(|(x, b)| x * b).sum::<f64>();
            let (_, first, second) = self.term(w, o.event);
            x.push(w);
            for j in 0..m {
                for k in 0..=j {
                    let extra = if j == m - 1 { first * x[k] } else { 0.0 };
                    information[j * m + k] -= second * x[j] * x[k] + extra;
                }
            }
        }
        information
    }
}

/// ½ ln 2π.
const HALF_LOG_TAU: f64 = 0.918_938_533_204_672_7;

/// ln(1 − Φ(w)) and φ(w)/(1 − Φ(w)): by their definitions up to 5, beyond by Laplace's continued fraction (1 − Φ)/φ = 1/(w + 1/(w + 2/(w + 3/…)))
/// (A & S 26.2.14), which has settled to 1e-16 after 60 terms.
fn normal_tail(w: f64) -> (f64, f64) {
    let log_density = -0.5 * w * w - HALF_LOG_TAU;
    if w < 5.0 {
        let log_survival = if w < 0.0 { libm::log1p(-normal_cdf(w)) } else { libm::log(normal_survival(w)) };
        return (log_survival, libm::exp(log_density - log_survival));
    }
    let hazard = (1..=60).rev().fold(w, |tail, k| w + f64::from(k) / tail);
    (log_density - libm::log(hazard), hazard)
}

#[cfg(test)]
mod tests;
