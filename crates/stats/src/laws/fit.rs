//! One law fitted to one set of runs.

use std::collections::BTreeMap;

use super::law::{Form, Law, LawPoint};
use super::likelihood::{Likelihood, Peak};
use super::newton::{Vector, covariance};
use super::tail::log_survival_and_hazard;
use crate::bootstrap::Bootstrap;
use crate::error::Error;
use crate::normal::critical_value;

/// Within what the bootstrap draws with repetition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strata {
    /// Within each (group, stratum): the design that fixes settings, splits and seeds a cell. The default. A cell of m runs shows (m − 1)/m of its
    /// variance, so cells of a few runs give intervals that are too narrow; then use `Group`.
    GroupAndStratum,
    /// Within each group.
    Group,
    /// From all points.
    One,
}

/// Stratum index of each point.
pub(crate) fn strata_of(strata: Strata, points: &[LawPoint]) -> Vec<usize> {
    let key = |p: &LawPoint| match strata {
        Strata::GroupAndStratum => (p.group, p.stratum),
        Strata::Group => (p.group, 0),
        Strata::One => (0, 0),
    };
    let mut order: BTreeMap<(usize, usize), usize> = points.iter().map(|p| (key(p), 0)).collect();
    order.values_mut().enumerate().for_each(|(index, slot)| *slot = index);
    points.iter().map(|p| order[&key(p)]).collect()
}

/// Where the intervals of a fit come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Intervals {
    /// Normal intervals from the observed information. Scales (a of a power or exponential law, c of a proportionality, σ) on the logarithm, the rest
    /// as they are. Fast; trusts the model, and treats all runs as independent.
    Wald {
        /// Confidence level, inside (0, 1).
        level: f64,
    },
    /// Percentile bootstrap, refitting the law on each resample.
    Bootstrap {
        /// Resamples, level and seed.
        bootstrap: Bootstrap,
        /// Within what to draw.
        strata: Strata,
    },
}

impl Default for Intervals {
    /// 1 000 resamples within (group, stratum) at level 0.95, seed 0.
    fn default() -> Self {
        Intervals::Bootstrap { bootstrap: Bootstrap { resamples: 1_000, level: 0.95, seed: 0 }, strata: Strata::GroupAndStratum }
    }
}

/// A parameter with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    /// Its name in [`Law::formula`], or `sigma`.
    pub name: &'static str,
    /// Maximum-likelihood estimate.
    pub estimate: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// How far one run lies from the law.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Residual {
    /// Whether the event was seen; if not, the run lies at least this high.
    pub event: bool,
    /// ln t − ln f.
    pub log_ratio: f64,
    /// (ln t − ln f)/σ.
    pub standardised: f64,
    /// Expected standardised residual given what is known: itself for an event, E[ε | ε > z] = φ(z)/(1 − Φ(z)) for a run censored at z. Under the law
    /// their mean is about 0 at any covariate, which that of `standardised` is not.
    pub expected: f64,
}

/// A law fitted by maximum likelihood.
#[derive(Debug, Clone, PartialEq)]
pub struct LawFit {
    /// Which law.
    pub law: Law,
    /// Its parameters, in the order of [`Law::parameter_names`].
    pub parameters: Vec<Parameter>,
    /// Scatter σ of ln T around the law (maximum likelihood: its square divides by n).
    pub sigma: Parameter,
    /// Log-likelihood of the times (density of T, not of ln T; lifelines and R's survreg count the same way).
    pub log_likelihood: f64,
    /// Akaike's criterion 2k − 2ℓ; k counts σ.
    pub aic: f64,
    /// Schwarz's criterion k ln n − 2ℓ; k counts σ, n counts censored runs too.
    pub bic: f64,
    /// R² of ln T over the events alone, 1 − SSR/SST; `None` if they are fewer than two or all equal. It ignores censored runs: use it only to set
    /// beside a paper's.
    pub r_squared: Option<f64>,
    /// Number of runs.
    pub n: usize,
    /// Number of events among them.
    pub events: usize,
    /// One a run, in the order given.
    pub residuals: Vec<Residual>,
    /// Where the intervals come from.
    pub intervals: Intervals,
    /// Resamples on which the law could not be fitted (0 for Wald). If this is not small, distrust the intervals.
    pub undefined: usize,
}

impl LawFit {
    /// The parameters' estimates.
    pub fn estimates(&self) -> Vec<f64> {
        self.parameters.iter().map(|p| p.estimate).collect()
    }

    /// The parameter of that name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|p| p.name == name)
    }

    /// Median of T at these covariates; see [`Law::value`].
    ///
    /// # Errors
    /// As [`Law::value`].
    pub fn predict(&self, x: f64, contraction: Option<f64>, t_mem: Option<f64>) -> Result<f64, Error> {
        self.law.value(&self.estimates(), x, contraction, t_mem)
    }

    /// The times between which T falls with probability `level` at these covariates, taking the estimates as the truth: f·e^(±zσ).
    ///
    /// # Errors
    /// As [`Law::value`], and [`Error::Domain`] unless 0 < level < 1.
    pub fn predict_range(&self, level: f64, x: f64, contraction: Option<f64>, t_mem: Option<f64>) -> Result<(f64, f64), Error> {
        let factor = libm::exp(critical_value(level)? * self.sigma.estimate);
        let median = self.predict(x, contraction, t_mem)?;
        Ok((median / factor, median * factor))
    }
}

/// [`fit_with`] with the default intervals: 1 000 resamples within (group, stratum).
///
/// # Errors
/// As [`fit_with`].
pub fn fit(law: Law, points: &[LawPoint]) -> Result<LawFit, Error> {
    fit_with(law, points, Intervals::default())
}

/// Fits `law` by right-censored maximum likelihood.
///
/// # Errors
/// [`Error::TooFew`] without points, or with a bootstrap whose cells all hold a single point; [`Error::Domain`] if a time or a covariate that the law
/// needs is missing or not positive (the index says which point), or a level is bad; [`Error::Undefined`] if the likelihood has no maximum: no event,
/// no slope to be seen, or events exactly on the law.
pub fn fit_with(law: Law, points: &[LawPoint], intervals: Intervals) -> Result<LawFit, Error> {
    let all: Vec<usize> = (0..points.len()).collect();
    let likelihood = Likelihood::new(law, points, &all)?;
    let peak = likelihood.maximum(None)?;
    let s = likelihood.dimension() - 1;
    let estimates = likelihood.parameters(&peak.at).0;
    let sigma = libm::exp(peak.at[s]);
    let (ends, undefined) = match intervals {
        Intervals::Wald { level } => (wald(&likelihood, &peak, law, level)?, 0),
        Intervals::Bootstrap { bootstrap, strata } => resample(&likelihood, &peak, law, points, bootstrap, &strata_of(strata, points))?,
    };
    let names = law.parameter_names().iter().copied().chain(["sigma"]);
    let mut parameters: Vec<Parameter> =
        names.zip(estimates.iter().copied().chain([sigma])).zip(ends).map(|((name, estimate), (low, high))| Parameter { name, estimate, low, high }).collect();
    let sigma = parameters.split_off(estimates.len())[0];

    let mut residuals = Vec::with_capacity(points.len());
    let (mut squares, mut logs) = (0.0, Vec::new());
    for point in points {
        let log_time = libm::log(point.observation.time);
        let log_ratio = log_time - libm::log(law.value(&estimates, point.x, point.contraction, point.t_mem)?);
        let standardised = log_ratio / sigma.estimate;
        let event = point.observation.event;
        if event {
            squares += log_ratio * log_ratio;
            logs.push(log_time);
        }
        let expected = if event { standardised } else { log_survival_and_hazard(standardised).1 };
        residuals.push(Residual { event, log_ratio, standardised, expected });
    }
    let mean = logs.iter().sum::<f64>() / logs.len() as f64;
    let total = logs.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>();
    let (n, k, log_likelihood) = (points.len(), likelihood.dimension() as f64, peak.local.value);
    Ok(LawFit {
        law,
        parameters,
        sigma,
        log_likelihood,
        aic: 2.0 * k - 2.0 * log_likelihood,
        bic: k * libm::log(n as f64) - 2.0 * log_likelihood,
        r_squared: (total > 0.0).then(|| 1.0 - squares / total),
        n,
        events: logs.len(),
        residuals,
        intervals,
        undefined,
    })
}

/// Estimates of (the law's parameters, σ) alone, from the points with these indices.
pub(crate) fn estimate(law: Law, points: &[LawPoint], indices: &[usize]) -> Result<(Vec<f64>, f64), Error> {
    let likelihood = Likelihood::new(law, points, indices)?;
    let peak = likelihood.maximum(None)?;
    Ok((likelihood.parameters(&peak.at).0, libm::exp(peak.at[likelihood.dimension() - 1])))
}

fn wald(likelihood: &Likelihood, peak: &Peak, law: Law, level: f64) -> Result<Vec<(f64, f64)>, Error> {
    let z = critical_value(level)?;
    let d = likelihood.dimension();
    let covariance = covariance(d, &peak.local.hessian)
        .ok_or(Error::Undefined { what: law.name(), why: "the observed information is singular, so it gives no interval" })?;
    let (values, slopes) = likelihood.parameters(&peak.at);
    let mut ends = Vec::with_capacity(d);
    for (index, (&value, slope)) in values.iter().zip(&slopes).enumerate() {
        let variance: f64 = (0..d - 1).map(|i| (0..d - 1).map(|j| slope[i] * slope[j] * covariance[i][j]).sum::<f64>()).sum();
        let half = z * libm::sqrt(variance.max(0.0));
        let scale = index == 0 && law.form() != Form::Mix;
        ends.push(if scale { (value * libm::exp(-half / value), value * libm::exp(half / value)) } else { (value - half, value + half) });
    }
    let half = z * libm::sqrt(covariance[d - 1][d - 1]);
    ends.push((libm::exp(peak.at[d - 1] - half), libm::exp(peak.at[d - 1] + half)));
    Ok(ends)
}

fn resample(
    likelihood: &Likelihood,
    peak: &Peak,
    law: Law,
    points: &[LawPoint],
    bootstrap: Bootstrap,
    strata: &[usize],
) -> Result<(Vec<(f64, f64)>, usize), Error> {
    let cells = strata.iter().max().map_or(0, |&s| s + 1);
    if cells == points.len() && points.len() > 1 {
        return Err(Error::TooFew { what: "bootstrap cell (group and stratum)", least: 2, got: 1 });
    }
    let refit = |sample: &[usize]| -> Option<(Vec<f64>, Vector)> {
        let again = Likelihood::new(law, points, sample).ok()?;
        let at = again.maximum(Some(again.translate(likelihood, &peak.at))).ok()?.at;
        Some((again.parameters(&at).0, at))
    };
    let s = likelihood.dimension() - 1;
    // One pass refits and remembers; the passes for the other parameters see the same resamples in the same order, and look up.
    let count = law.parameter_names().len();
    let mut fits: Vec<Option<Vec<f64>>> = Vec::with_capacity(bootstrap.resamples + 1);
    let first = bootstrap.interval(strata, |sample| {
        let fit = refit(sample).map(|(mut values, at)| {
            values.push(libm::exp(at[s]));
            values
        });
        let value = fit.as_ref().map_or(f64::NAN, |f| f[0]);
        fits.push(fit);
        value
    })?;
    let mut ends = vec![(first.low, first.high)];
    for index in 1..=count {
        let mut remembered = fits.iter();
        let next = bootstrap.interval(strata, |_| remembered.next().and_then(Option::as_ref).map_or(f64::NAN, |f| f[index]))?;
        ends.push((next.low, next.high));
    }
    Ok((ends, first.undefined))
}
