//! Delay laws: how a right-censored time T depends on a positive covariate x, such as ηλ or the norm ratio ρ.
//!
//! Model: ln T = ln f(x; θ) + σε with ε standard normal, so f is the median of T. A run that was censored at its budget contributes the probability
//! of a later event, 1 − Φ((ln t − ln f)/σ), and stays in n (Tobin 1958, Econometrica 26, 24; Kalbfleisch & Prentice 2002, The Statistical Analysis
//! of Failure Time Data, chapter 3). Without censoring this is least squares on ln T.
//!
//! A law that fits is not yet a law that predicts: [`compare`] leaves out one setting after the other, predicts it from the rest, and sets the
//! errors of each law beside those of the nulls ([`Law::is_null`]).
//!
//! | file | what |
//! |---|---|
//! | `law` | the laws, their formulas and values |
//! | `likelihood`, `newton`, `tail` | the likelihood with exact derivatives, its maximum, the normal tail |
//! | `fit` | one law on one set of runs, with intervals and residuals |
//! | `compare` | several laws, held-out prediction, paired differences |

mod compare;
mod fit;
mod law;
mod likelihood;
pub(crate) mod newton;
pub(crate) mod tail;

pub use compare::{CompareOptions, Comparison, End, Entry, Extrapolation, HeldOut, HeldOutGroup, Paired, Score, compare};
pub use fit::{Intervals, LawFit, Parameter, Residual, Strata, fit, fit_with};
pub use law::{Law, LawPoint};

#[cfg(test)]
pub(crate) mod tests;
