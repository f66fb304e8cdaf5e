//! Survival curves, intervals and small summaries for times that may be right-censored.
//!
//! A run that reaches its budget before it groks has not "failed to grok": its time is known only to be larger than the budget. Every
//! summary here keeps such runs in n.
//!
//! | module | what |
//! |---|---|
//! | [`survival`] | Kaplan–Meier curve, Greenwood variance, bands, quantiles with intervals, restricted mean |
//! | [`bootstrap`] | percentile interval of any statistic, resampled within strata |
//! | [`describe`] | quantile, Gini coefficient, inverse participation ratio, Spearman's correlation |
//! | [`logrank`] | log-rank test (k groups, strata), difference of restricted means |
//! | [`cox`] | proportional-hazards regression, with the test of its assumption |
//! | [`aft`] | Weibull and log-normal accelerated-failure regression |
//! | [`competing`] | cumulative incidence of competing causes |
//! | [`equivalence`] | two one-sided tests against a margin |
//! | [`multiple`] | Holm's adjustment of several p-values |
//! | [`rank`] | Spearman's and Kendall's correlation with intervals |
//! | [`distributions`] | normal, chi-squared and Student's t, exact far into the tails |
//! | [`laws`] | delay laws fitted to censored times, compared by held-out prediction |
//! | [`cure`](mod@cure) | mixture cure model: a share of runs that never gets there |
//! | [`sequential`] | the rule, fixed beforehand, for how many seeds |
//! | [`binomial`] | exact and Wilson intervals of a proportion |
//! | [`normal`] | quantile of the standard normal distribution |
//!
//! Pure arithmetic on slices: no files, clocks, threads or global state; elementary functions come from the `libm` crate, so the same numbers
//! give the same bits on every platform.
//!
//! ```
//! use pennydrop_stats::{BandKind, KaplanMeier, Observation};
//! // Steps to grok of five seeds; two had not grokked when their budget of 10_000 steps ended.
//! let seeds = [
//!     Observation::event(2_100.0),
//!     Observation::event(3_500.0),
//!     Observation::event(5_200.0),
//!     Observation::censored(10_000.0),
//!     Observation::censored(10_000.0),
//! ];
//! let curve = KaplanMeier::new(&seeds)?;
//! let median = curve.median(0.95, BandKind::LogLog)?;
//! assert_eq!(median.estimate, Some(5_200.0));
//! assert_eq!(median.high, None); // open above: the data do not bound it
//! # Ok::<(), pennydrop_stats::Error>(())
//! ```

pub mod aft;
pub mod binomial;
pub mod bootstrap;
pub mod competing;
pub mod cox;
pub mod cure;
pub mod describe;
pub mod distributions;
pub mod equivalence;
mod error;
#[cfg(test)]
mod fixture;
pub mod laws;
pub mod logrank;
pub mod multiple;
mod newton;
pub mod normal;
pub mod rank;
pub mod sequential;
pub mod survival;

pub use aft::{Aft, AftFit, Family};
pub use binomial::{Proportion, clopper_pearson, wilson};
pub use bootstrap::{Bootstrap, Interval};
pub use competing::{AalenJohansen, Competing, CompetingStep};
pub use cox::{ChiSquared, Coefficient, Cox, CoxFit, Drift, Proportionality, Ties};
pub use cure::{CureFit, Plateau, cure};
pub use describe::{gini, inverse_participation_ratio, quantile, spearman};
pub use equivalence::{Tost, tost, tost_paired};
pub use error::Error;
pub use logrank::{LogRank, RestrictedMeanDifference, log_rank, log_rank_stratified, restricted_mean_difference};
pub use multiple::holm;
pub use rank::{Correlation, kendall_correlation, spearman_correlation};
pub use sequential::{Decision, Look, SequentialRule};
pub use survival::{BandKind, KaplanMeier, Observation, QuantileEstimate, RestrictedMean, Step};
