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

pub mod bootstrap;
pub mod describe;
mod error;
pub mod normal;
pub mod survival;

pub use bootstrap::{Bootstrap, Interval};
pub use describe::{gini, inverse_participation_ratio, quantile, spearman};
pub use error::Error;
pub use survival::{BandKind, KaplanMeier, Observation, QuantileEstimate, RestrictedMean, Step};
