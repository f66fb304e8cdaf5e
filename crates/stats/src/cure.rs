//! A mixture cure model: some runs never get there.
//!
//! S(t) = π + (1 − π) S₀(t), with S₀ log-normal (Boag 1949, J. R. Stat. Soc. B 11, 15; Maller & Zhou 1996, Survival Analysis with Long-Term
//! Survivors). A share π that has not happened by the longest budget is not a share that never will: beyond that horizon π extrapolates the shape
//! that was assumed for S₀. The horizon is therefore part of the result, and [`Plateau`] says whether the data show a plateau at all.

use crate::Observation;
use crate::error::{Error, inside_unit};
use crate::laws::newton::{Local, MOST, Matrix, Vector, climb};
use crate::laws::tail::{log_density, log_survival_and_hazard};
use crate::normal::critical_value;

const WHAT: &str = "cure model";

/// Whether the data show a plateau, without which π is a guess about the tail of S₀.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plateau {
    /// Runs censored later than the last event.
    pub censored_beyond: usize,
    /// Fitted probability that an event that comes at all comes within the horizon, 1 − S₀(horizon).
    pub covered: f64,
    /// Test of sufficient follow-up (Maller & Zhou 1994, J. Am. Stat. Assoc. 89, 1499): (1 − N/n)^n, N the events in (2t* − horizon, t*], t* the last
    /// event. Small (below 0.05): the follow-up was long enough. 1: nothing was followed past the last event.
    pub follow_up: f64,
    /// False is a warning, "do not report π": no run was censored beyond the last event, or less than 95 % of S₀ lies within the horizon.
    pub identifiable: bool,
}

/// A fitted mixture cure model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CureFit {
    /// Share of runs without an event, in \[0, 1). Means nothing beyond [`Self::horizon`].
    pub pi: f64,
    /// Lower end of the profile-likelihood interval of π; 0 if π = 0 is not rejected.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Confidence level of that interval.
    pub level: f64,
    /// Mean of ln T among the runs that have the event.
    pub mu: f64,
    /// Standard deviation of ln T among them.
    pub sigma: f64,
    /// Log-likelihood of the times (density of T) at the maximum.
    pub log_likelihood: f64,
    /// The same with π = 0: one log-normal distribution for all runs.
    pub null_log_likelihood: f64,
    /// Probability under π = 0 of a likelihood ratio at least this large: π lies at the edge of its range, so the ratio is 0 with probability ½ and
    /// χ²₁ otherwise (Self & Liang 1987, J. Am. Stat. Assoc. 82, 605). 1 if the estimate is 0.
    pub p_value: f64,
    /// The largest observed time.
    pub horizon: f64,
    /// Number of runs.
    pub n: usize,
    /// Number of events.
    pub events: usize,
    /// Whether π can be told from these data.
    pub plateau: Plateau,
}

impl CureFit {
    /// Likelihood ratio against π = 0, 2(ℓ − ℓ₀) ≥ 0.
    pub fn likelihood_ratio(&self) -> f64 {
        2.0 * (self.log_likelihood - self.null_log_likelihood)
    }

    /// Fitted S(t); `None` beyond the horizon, where the model is a guess, and for NaN or t < 0.
    pub fn survival_at(&self, t: f64) -> Option<f64> {
        if t == 0.0 {
            return Some(1.0);
        }
        (t > 0.0 && t <= self.horizon).then(|| {
            let latent = libm::exp(log_survival_and_hazard((libm::log(t) - self.mu) / self.sigma).0);
            self.pi + (1.0 - self.pi) * latent
        })
    }

    /// Median time of the runs that have the event, e^μ.
    pub fn median_of_events(&self) -> f64 {
        libm::exp(self.mu)
    }
}

/// Fits the model by maximum likelihood, with a profile interval of π at `level`.
///
/// # Errors
/// [`Error::Domain`] if a time is not finite and positive, or the level is not inside (0, 1); [`Error::Undefined`] with fewer than two distinct event
/// times, or if no maximum is found.
pub fn cure(observations: &[Observation], level: f64) -> Result<CureFit, Error> {
    inside_unit("confidence level", level)?;
    if observations.is_empty() {
        return Err(Error::TooFew { what: WHAT, least: 2, got: 0 });
    }
    if let Some((index, bad)) = observations.iter().enumerate().find(|(_, o)| !(o.time.is_finite() && o.time > 0.0)) {
        return Err(Error::Domain { what: WHAT, index, value: bad.time, must: "a time must be finite and positive" });
    }
    let logs: Vec<f64> = observations.iter().filter(|o| o.event).map(|o| libm::log(o.time)).collect();
    let (n, events) = (observations.len(), logs.len());
    if logs.iter().all(|&v| v == logs[0]) {
        return Err(Error::Undefined { what: WHAT, why: "there are fewer than two distinct event times" });
    }
    let mean = logs.iter().sum::<f64>() / events as f64;
    let spread = libm::sqrt(logs.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / events as f64);
    let model = Model { rows: observations.iter().map(|o| (libm::log(o.time), o.event)).collect(), start: [mean, libm::log(spread), 0.0] };
    let no_maximum = Error::Undefined { what: WHAT, why: "no maximum of the likelihood was found" };

    let null = model.profile(0.0, None).ok_or(no_maximum.clone())?;
    let mut top = (0.0, null.0, null.1);
    // The estimate does not exceed the share of runs without an event. A grid finds the hill, Newton's method its top.
    let share = 1.0 - events as f64 / n as f64;
    if share > 0.0 {
        const GRID: usize = 24;
        let grid: Vec<(f64, Vector, f64)> =
            (1..=GRID).map(|k| k as f64 / GRID as f64 * share).filter_map(|pi| model.profile(pi, None).map(|(at, value)| (pi, at, value))).collect();
        let mut from = grid;
        from.sort_by(|a, b| b.2.total_cmp(&a.2));
        let found = from.iter().find_map(|&(pi, at, _)| model.joint(pi, at));
        match found {
            Some(peak) if peak.2 > top.2 + 1e-9 => top = peak,
            None if from.first().is_some_and(|best| best.2 > top.2 + 1e-6) => return Err(no_maximum),
            _ => {}
        }
    }
    let (pi, at, log_likelihood) = top;
    let critical = critical_value(level)?;
    let floor = log_likelihood - 0.5 * critical * critical;
    let inside = |pi: f64| model.profile(pi, Some(at)).is_some_and(|(_, value)| value >= floor);
    let low = if null.1 >= floor { 0.0 } else { edge(pi, 0.0, &inside) };
    let high = edge(pi, 1.0, &inside);

    let (mu, sigma) = (at[0], libm::exp(at[1]));
    let horizon = observations.iter().map(|o| o.time).fold(0.0, f64::max);
    let last = observations.iter().filter(|o| o.event).map(|o| o.time).fold(0.0, f64::max);
    let censored_beyond = observations.iter().filter(|o| !o.event && o.time > last).count();
    let late = observations.iter().filter(|o| o.event && o.time > 2.0 * last - horizon).count();
    let follow_up = if horizon > last { libm::pow(1.0 - late as f64 / n as f64, n as f64) } else { 1.0 };
    let covered = -libm::expm1(log_survival_and_hazard((libm::log(horizon) - mu) / sigma).0);
    let ratio = 2.0 * (log_likelihood - null.1);
    Ok(CureFit {
        pi,
        low,
        high,
        level,
        mu,
        sigma,
        log_likelihood,
        null_log_likelihood: null.1,
        p_value: if pi == 0.0 { 1.0 } else { 0.5 * libm::erfc(libm::sqrt(0.5 * ratio)) },
        horizon,
        n,
        events,
        plateau: Plateau { censored_beyond, covered, follow_up, identifiable: censored_beyond > 0 && covered >= 0.95 },
    })
}

/// Where `inside` stops to hold between `from` (inside) and `to` (outside), by halving.
fn edge(from: f64, to: f64, inside: &dyn Fn(f64) -> bool) -> f64 {
    let (mut within, mut without) = (from, to);
    for _ in 0..50 {
        let middle = 0.5 * (within + without);
        if inside(middle) { within = middle } else { without = middle }
    }
    0.5 * (within + without)
}

struct Model {
    /// (ln t, event).
    rows: Vec<(f64, bool)>,
    /// Where to start in (μ, ln σ): the events alone.
    start: Vector,
}

impl Model {
    /// Log-likelihood at (μ, ln σ, logit π) and π, with derivatives in all three.
    fn at(&self, at: &Vector, pi: f64) -> Option<Local> {
        let sigma = libm::exp(at[1]);
        if !(sigma > 1e-100 && sigma.is_finite() && pi < 1.0) {
            return None;
        }
        let slope = pi * (1.0 - pi); // of π in its logit
        let mut sum = Local::new();
        for &(y, event) in &self.rows {
            let z = (y - at[0]) / sigma;
            let dz = [-1.0 / sigma, -z, 0.0];
            let ddz: Matrix = [[0.0, 1.0 / sigma, 0.0], [1.0 / sigma, z, 0.0], [0.0; MOST]];
            if event {
                sum.add(MOST, libm::log1p(-pi) + log_density(z) - at[1] - y, -z, -1.0, &dz, &ddz);
                sum.gradient[1] -= 1.0;
                sum.gradient[2] -= pi;
                sum.hessian[2][2] -= slope;
                continue;
            }
            let (log, hazard) = log_survival_and_hazard(z);
            if pi == 0.0 {
                sum.add(MOST, log, -hazard, -hazard * (hazard - z), &dz, &ddz);
                continue;
            }
            let (latent, density) = (libm::exp(log), libm::exp(log_density(z)));
            let still = pi + (1.0 - pi) * latent;
            let first = -(1.0 - pi) * density / still;
            sum.add(MOST, libm::log(still), first, (1.0 - pi) * z * density / still - first * first, &dz, &ddz);
            let in_pi = slope * (1.0 - latent) / still;
            sum.gradient[2] += in_pi;
            sum.hessian[2][2] += in_pi * (1.0 - 2.0 * pi) - in_pi * in_pi;
            for i in 0..2 {
                let cross = slope * density / (still * still) * dz[i];
                sum.hessian[2][i] += cross;
                sum.hessian[i][2] += cross;
            }
        }
        Some(sum)
    }

    /// The maximum over (μ, ln σ) at a fixed π, from `near` and from the events alone: the better.
    fn profile(&self, pi: f64, near: Option<Vector>) -> Option<(Vector, f64)> {
        // Without a cured share the censored runs belong to the tail: a second start that is later and wider.
        let wide = [self.start[0] + libm::exp(self.start[1]), self.start[1] + 0.7, 0.0];
        let mut best: Option<(Vector, f64)> = None;
        for start in near.into_iter().chain([self.start, wide]) {
            if let Ok((at, local)) = climb(2, start, |at| self.at(at, pi)) {
                if best.is_none_or(|b| local.value > b.1 + 1e-10) {
                    best = Some((at, local.value));
                }
            }
        }
        best
    }

    /// The maximum over all three: (π, (μ, ln σ), value).
    fn joint(&self, pi: f64, at: Vector) -> Option<(f64, Vector, f64)> {
        let share = |logit: f64| 1.0 / (1.0 + libm::exp(-logit));
        let start = [at[0], at[1], libm::log(pi / (1.0 - pi))];
        let (at, local) = climb(MOST, start, |at| self.at(at, share(at[2]))).ok()?;
        Some((share(at[2]), at, local.value))
    }
}

#[cfg(test)]
mod tests;
