//! Cox's proportional-hazards regression: how covariates multiply the rate of events, whatever that rate does over time.
//!
//! λ(t | x) = λ₀(t) exp(βᵀx), with a λ₀ of its own in each stratum. A positive β means earlier events.
//!
//! Sources: Cox (1972), J. R. Stat. Soc. B 34, 187; Breslow (1974), Biometrics 30, 89, and Efron (1977), J. Am. Stat. Assoc. 72, 557, for ties; Grambsch &
//! Therneau (1994), Biometrika 81, 515, for the test of proportionality; Harrell et al. (1982), JAMA 247, 2543, for concordance; Bryson & Johnson (1981),
//! Technometrics 23, 381, for likelihoods without a maximum.

use crate::distributions::{chi_square_survival, normal_two_sided};
use crate::error::Error;
use crate::newton::{Cholesky, Point, Stop, maximise};
use crate::normal::critical_value;
use crate::rank::{Counts, levels};
use crate::survival::Observation;

const WHAT: &str = "Cox regression";

/// How events of one time share the likelihood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ties {
    /// Averages over the orders in which they might have come. Close to exact; the default here as in R.
    #[default]
    Efron,
    /// All see the full set at risk. Shrinks coefficients where ties are heavy.
    Breslow,
}

/// One estimated coefficient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coefficient {
    /// The estimate, per unit of its covariate.
    pub estimate: f64,
    /// Its standard error, from the observed information.
    pub standard_error: f64,
    /// estimate / standard error.
    pub z: f64,
    /// Two-sided normal (Wald) p of "it is zero".
    pub p: f64,
}

impl Coefficient {
    pub(crate) fn new(estimate: f64, variance: f64) -> Self {
        let standard_error = libm::sqrt(variance);
        let z = estimate / standard_error;
        Coefficient { estimate, standard_error, z, p: normal_two_sided(z) }
    }

    /// Normal interval at `level`: estimate ± z·se. Exponentiate its ends for a ratio of hazards (or of times).
    ///
    /// # Errors
    /// [`Error::Domain`] unless 0 < level < 1.
    pub fn interval(&self, level: f64) -> Result<(f64, f64), Error> {
        let half = critical_value(level)? * self.standard_error;
        Ok((self.estimate - half, self.estimate + half))
    }
}

/// A chi-squared test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChiSquared {
    /// The statistic.
    pub statistic: f64,
    /// Its degrees of freedom.
    pub df: usize,
    /// P(χ² > statistic).
    pub p: f64,
}

impl ChiSquared {
    pub(crate) fn new(statistic: f64, df: usize) -> Result<Self, Error> {
        Ok(ChiSquared { statistic, df, p: chi_square_survival(statistic, df as f64)? })
    }
}

/// The fits; see [`Cox::fit`].
#[derive(Debug, Clone, Copy)]
pub struct Cox;

/// A fitted regression.
#[derive(Debug, Clone, PartialEq)]
pub struct CoxFit {
    /// One a covariate, in the order of the rows' columns.
    pub coefficients: Vec<Coefficient>,
    /// Covariance of the coefficients, p×p.
    pub covariance: Vec<Vec<f64>>,
    /// Log partial likelihood at the estimates.
    pub log_likelihood: f64,
    /// Log partial likelihood with all coefficients zero.
    pub null_log_likelihood: f64,
    /// Rao's score test of "all coefficients are zero", which needs no fit. With one binary covariate and no ties it is the log-rank test.
    pub score: ChiSquared,
    /// Newton steps taken.
    pub iterations: usize,
    /// Number of events.
    pub events: usize,
    /// Harrell's C: of the pairs (within a stratum) whose order in time is known, the share in which the higher predicted hazard came first, ties of prediction
    /// counting half. `None` if there is no such pair.
    pub concordance: Option<f64>,
    /// Schoenfeld residuals and their times, one an event.
    residuals: Vec<(f64, Vec<f64>)>,
}

/// One covariate's test of proportional hazards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// Pearson's correlation of the scaled Schoenfeld residuals with the rank of time: positive if the coefficient grows with time.
    pub correlation: f64,
    /// Chi-squared statistic on 1 degree of freedom.
    pub statistic: f64,
    /// Its p.
    pub p: f64,
}

/// Tests of proportional hazards; see [`CoxFit::proportionality`].
#[derive(Debug, Clone, PartialEq)]
pub struct Proportionality {
    /// One a covariate.
    pub covariates: Vec<Drift>,
    /// All covariates together.
    pub global: ChiSquared,
}

impl Cox {
    /// Fits β by Newton's method on covariates scaled to mean 0 and variance 1 (which changes no result but its rounding).
    ///
    /// `rows[i]` are the p ≥ 1 covariates of subject `i` (no column of ones: the baseline absorbs it), `observations[i]` its time, `strata[i]` its stratum (any
    /// numbers; `None`: one stratum). Only subjects of one stratum are compared.
    ///
    /// # Errors
    /// [`Error::TooFew`] without rows or covariates; [`Error::Lengths`] if lengths differ; [`Error::Domain`] if a time or covariate is not finite;
    /// [`Error::Covariate`] if a covariate is constant (in every stratum), depends linearly on those before it, or separates the data so
    /// that the likelihood rises for ever (say every event in one arm precedes the other's); [`Error::Undefined`] without events.
    pub fn fit(rows: &[Vec<f64>], observations: &[Observation], strata: Option<&[usize]>, ties: Ties) -> Result<CoxFit, Error> {
        let design = Design::new(WHAT, rows, observations)?;
        if design.columns == 0 {
            return Err(Error::TooFew { what: "Cox regression (number of covariates)", least: 1, got: 0 });
        }
        if let Some(s) = strata.filter(|s| s.len() != rows.len()) {
            return Err(Error::Lengths { what: "Cox regression (rows and strata)", left: rows.len(), right: s.len() });
        }
        let events = observations.iter().filter(|o| o.event).count();
        if events == 0 {
            return Err(Error::Undefined { what: WHAT, why: "no event happened: every time is censored" });
        }
        let stratum_of = |i: usize| strata.map_or(0, |s| s[i]);
        // Latest first, so that one pass adds subjects to the risk set.
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by(|&a, &b| stratum_of(a).cmp(&stratum_of(b)).then(observations[b].time.total_cmp(&observations[a].time)));
        let groups: Vec<&[usize]> = order.chunk_by(|&a, &b| stratum_of(a) == stratum_of(b)).collect();
        let likelihood = Likelihood { design: &design, observations, groups: &groups, ties };
        let p = design.columns;
        let null = likelihood.at(&vec![0.0; p], None);
        let column_error = |column, why| Error::Covariate { what: WHAT, column, why };
        // The information of a scaled covariate is of the order of the number of events; differences of sums leave some 1e-16 of that where there is none.
        let floor = 1e-11 * events as f64;
        let at_null = Cholesky::new(&null.information, p, 1e-10, floor).map_err(|column| column_error(column, DEPENDS))?;
        let score = ChiSquared::new(at_null.solve(&null.gradient).iter().zip(&null.gradient).map(|(s, g)| s * g).sum(), p)?;
        let fit = maximise(vec![0.0; p], floor, |beta| likelihood.at(beta, None)).map_err(|stop| match stop {
            Stop::Collinear(column) => column_error(column, DEPENDS),
            Stop::Runaway(column) => column_error(column, SEPARATES),
            Stop::Unsettled(_) => {
                Error::Undefined { what: WHAT, why: "Newton's method did not settle; look for covariates that are nearly dependent or separate the data" }
            }
        })?;
        let mut residuals = Vec::with_capacity(events);
        likelihood.at(&fit.theta, Some(&mut residuals));
        residuals.iter_mut().for_each(|(_, r)| r.iter_mut().zip(&design.scales).for_each(|(r, s)| *r *= s));
        let inverse = fit.factor.inverse();
        let covariance: Vec<Vec<f64>> = (0..p).map(|i| (0..p).map(|j| inverse[i * p + j] / (design.scales[i] * design.scales[j])).collect()).collect();
        Ok(CoxFit {
            coefficients: (0..p).map(|i| Coefficient::new(fit.theta[i] / design.scales[i], covariance[i][i])).collect(),
            covariance,
            log_likelihood: fit.point.value,
            null_log_likelihood: null.value,
            score,
            iterations: fit.iterations,
            events,
            concordance: concordance(&design, &fit.theta, observations, &groups),
            residuals,
        })
    }
}

pub(crate) const DEPENDS: &str = "is constant among the subjects compared, or a linear combination of the covariates before it";
pub(crate) const SEPARATES: &str =
    "separates the events so well that the likelihood has no maximum: its coefficient is infinite (compare the groups by a log-rank test instead)";

impl CoxFit {
    /// Twice the gain in log-likelihood over no covariates.
    ///
    /// # Errors
    /// None for a fit as [`Cox::fit`] returns it; [`Error::Domain`] if its fields were changed to NaN.
    pub fn likelihood_ratio(&self) -> Result<ChiSquared, Error> {
        ChiSquared::new(2.0 * (self.log_likelihood - self.null_log_likelihood), self.coefficients.len())
    }

    /// Tests whether coefficients drift with time, by Grambsch and Therneau's approximation (as `cox.zph` of R's survival before 3.0 and lifelines compute it) on
    /// the midranks g of the event times: with r the Schoenfeld residuals of D events, u = Σ (g − ḡ) r and V the covariance of β, the statistic of covariate k is
    /// D (Vu)ₖ² / (Vₖₖ Σ(g − ḡ)²), and of all together D uᵀVu / Σ(g − ḡ)².
    ///
    /// # Errors
    /// [`Error::Undefined`] if fewer than two distinct times have events.
    pub fn proportionality(&self) -> Result<Proportionality, Error> {
        let (d, p) = (self.residuals.len() as f64, self.coefficients.len());
        let times: Vec<f64> = self.residuals.iter().map(|r| r.0).collect();
        let ranks = crate::describe::ranks(&times);
        let centred: Vec<f64> = ranks.iter().map(|r| r - 0.5 * (d + 1.0)).collect();
        let spread: f64 = centred.iter().map(|g| g * g).sum();
        if spread == 0.0 {
            return Err(Error::Undefined { what: "test of proportional hazards", why: "all events happened at one time" });
        }
        let u: Vec<f64> = (0..p).map(|k| centred.iter().zip(&self.residuals).map(|(g, (_, r))| g * r[k]).sum()).collect();
        let times_v = |v: &[f64]| -> Vec<f64> { self.covariance.iter().map(|row| row.iter().zip(v).map(|(a, b)| a * b).sum()).collect() };
        let scaled: Vec<Vec<f64>> = self.residuals.iter().map(|(_, r)| times_v(r)).collect();
        let vu = times_v(&u);
        let covariates = (0..p)
            .map(|k| {
                let test = ChiSquared::new(d * vu[k] * vu[k] / (self.covariance[k][k] * spread), 1)?;
                let mean = scaled.iter().map(|s| s[k]).sum::<f64>() / d;
                let own: f64 = scaled.iter().map(|s| (s[k] - mean) * (s[k] - mean)).sum();
                let correlation = if own > 0.0 { (vu[k] / libm::sqrt(own * spread)).clamp(-1.0, 1.0) } else { 0.0 };
                Ok(Drift { correlation, statistic: test.statistic, p: test.p })
            })
            .collect::<Result<_, Error>>()?;
        let quadratic: f64 = vu.iter().zip(&u).map(|(a, b)| a * b).sum();
        Ok(Proportionality { covariates, global: ChiSquared::new(d * quadratic / spread, p)? })
    }
}

/// Checked covariates, centred and scaled by column.
pub(crate) struct Design {
    /// n×columns, row-major.
    pub values: Vec<f64>,
    pub columns: usize,
    pub means: Vec<f64>,
    pub scales: Vec<f64>,
}

impl Design {
    pub(crate) fn new(what: &'static str, rows: &[Vec<f64>], observations: &[Observation]) -> Result<Self, Error> {
        if rows.len() != observations.len() {
            return Err(Error::Lengths { what, left: rows.len(), right: observations.len() });
        }
        if rows.is_empty() {
            return Err(Error::TooFew { what, least: 1, got: 0 });
        }
        let columns = rows[0].len();
        for (index, (row, o)) in rows.iter().zip(observations).enumerate() {
            if row.len() != columns {
                return Err(Error::Lengths { what, left: columns, right: row.len() });
            }
            if let Some(&value) = row.iter().find(|v| !v.is_finite()) {
                return Err(Error::Domain { what, index, value, must: "a covariate must be finite" });
            }
            if !o.time.is_finite() {
                return Err(Error::Domain { what, index, value: o.time, must: "a time must be finite (censor a run at its budget instead)" });
            }
        }
        let n = rows.len() as f64;
        let (mut means, mut scales) = (Vec::with_capacity(columns), Vec::with_capacity(columns));
        for column in 0..columns {
            let mean = rows.iter().map(|r| r[column] / n).sum::<f64>();
            let largest = rows.iter().map(|r| (r[column] - mean).abs()).fold(0.0, f64::max);
            // Up to the rounding of the mean itself.
            if largest <= 1e-13 * mean.abs() {
                return Err(Error::Covariate { what, column, why: "is constant" });
            }
            let squares: f64 = rows.iter().map(|r| (r[column] - mean) / largest).map(|v| v * v).sum();
            means.push(mean);
            scales.push(largest * libm::sqrt(squares / n));
        }
        let values = rows.iter().flat_map(|r| r.iter().enumerate().map(|(j, v)| (v - means[j]) / scales[j]).collect::<Vec<_>>()).collect();
        Ok(Design { values, columns, means, scales })
    }

    pub(crate) fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.columns..(i + 1) * self.columns]
    }

    fn predictor(&self, beta: &[f64], i: usize) -> f64 {
        self.row(i).iter().zip(beta).map(|(x, b)| x * b).sum()
    }
}

struct Likelihood<'a> {
    design: &'a Design,
    observations: &'a [Observation],
    /// Subjects of each stratum, latest time first.
    groups: &'a [&'a [usize]],
    ties: Ties,
}

/// Σ w, Σ w x and the lower triangle of Σ w x xᵀ.
struct Moments(f64, Vec<f64>, Vec<f64>);

impl Moments {
    fn zero(p: usize) -> Self {
        Moments(0.0, vec![0.0; p], vec![0.0; p * p])
    }

    fn scale(&mut self, by: f64) {
        if by != 1.0 {
            self.0 *= by;
            self.1.iter_mut().chain(&mut self.2).for_each(|v| *v *= by);
        }
    }

    fn add(&mut self, w: f64, x: &[f64]) {
        let p = x.len();
        self.0 += w;
        for j in 0..p {
            let wx = w * x[j];
            self.1[j] += wx;
            for k in 0..=j {
                self.2[j * p + k] += wx * x[k];
            }
        }
    }
}

impl Likelihood<'_> {
    /// Log partial likelihood, score and information at β (scaled), and if asked the Schoenfeld residuals.
    fn at(&self, beta: &[f64], mut residuals: Option<&mut Vec<(f64, Vec<f64>)>>) -> Point {
        let p = beta.len();
        let mut point = Point::zero(p);
        for group in self.groups {
            let eta: Vec<f64> = group.iter().map(|&i| self.design.predictor(beta, i)).collect();
            let mut shift = f64::NEG_INFINITY;
            let mut risk = Moments::zero(p);
            let mut next = 0;
            for tie in group.chunk_by(|&a, &b| self.observations[a].time == self.observations[b].time) {
                // Weights are relative to the largest at risk, so that no set at risk under- or overflows as a whole; ratios do not change.
                let largest = eta[next..next + tie.len()].iter().copied().fold(shift, f64::max);
                risk.scale(libm::exp(shift - largest));
                shift = largest;
                let mut failed = Moments::zero(p);
                let mut events = 0;
                for (&i, e) in tie.iter().zip(&eta[next..]) {
                    let (x, w) = (self.design.row(i), libm::exp(e - shift));
                    risk.add(w, x);
                    if self.observations[i].event {
                        events += 1;
                        failed.add(w, x);
                        point.value += e - shift;
                        point.gradient.iter_mut().zip(x).for_each(|(g, x)| *g += x);
                    }
                }
                next += tie.len();
                if events == 0 {
                    continue;
                }
                let mut mean = vec![0.0; p];
                for l in 0..events {
                    // Efron: the l events that might already have come take their share of the tied weight with them.
                    let gone = if self.ties == Ties::Efron { l as f64 / events as f64 } else { 0.0 };
                    let total = risk.0 - gone * failed.0;
                    point.value -= libm::log(total);
                    let m: Vec<f64> = (0..p).map(|j| (risk.1[j] - gone * failed.1[j]) / total).collect();
                    for j in 0..p {
                        point.gradient[j] -= m[j];
                        mean[j] += m[j] / events as f64;
                        for k in 0..=j {
                            let at = j * p + k;
                            point.information[at] += (risk.2[at] - gone * failed.2[at]) / total - m[j] * m[k];
                        }
                    }
                }
                if let Some(residuals) = residuals.as_deref_mut() {
                    for &i in tie.iter().filter(|&&i| self.observations[i].event) {
                        residuals.push((self.observations[i].time, self.design.row(i).iter().zip(&mean).map(|(x, m)| x - m).collect()));
                    }
                }
            }
        }
        point.mirror();
        point
    }
}

/// Harrell's C within strata, in O(n log n).
fn concordance(design: &Design, beta: &[f64], observations: &[Observation], groups: &[&[usize]]) -> Option<f64> {
    let (mut agree, mut tied, mut pairs) = (0u64, 0u64, 0u64);
    for group in groups {
        let level = levels(&group.iter().map(|&i| design.predictor(beta, i)).collect::<Vec<_>>());
        // Those known to outlast the current time.
        let mut later = Counts::new(group.len());
        let mut next = 0;
        for tie in group.chunk_by(|&a, &b| observations[a].time == observations[b].time) {
            let members = || tie.iter().zip(&level[next..]);
            members().filter(|(i, _)| !observations[**i].event).for_each(|(_, l)| later.add(*l));
            for (_, l) in members().filter(|(i, _)| observations[**i].event) {
                let (below, at) = later.below_and_at(*l);
                agree += below;
                tied += at;
                pairs += later.total();
            }
            members().filter(|(i, _)| observations[**i].event).for_each(|(_, l)| later.add(*l));
            next += tie.len();
        }
    }
    (pairs > 0).then(|| (agree as f64 + 0.5 * tied as f64) / pairs as f64)
}

#[cfg(test)]
mod tests;
