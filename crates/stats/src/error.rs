//! What can be wrong with numbers handed to this crate.

/// Why a summary could not be computed. Nothing here panics on bad input.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// No data at all (or too few for this statistic).
    #[error("{what} needs at least {least} values and got {got}")]
    TooFew {
        /// The statistic.
        what: &'static str,
        /// How many values it needs.
        least: usize,
        /// How many it got.
        got: usize,
    },
    /// A value outside the statistic's domain.
    #[error("{what}: value {index} is {value}, but {must}")]
    Domain {
        /// The statistic or argument.
        what: &'static str,
        /// Position of the offending value (0 for a scalar argument).
        index: usize,
        /// The offending value.
        value: f64,
        /// What it must be.
        must: &'static str,
    },
    /// Two inputs that must pair up have different lengths.
    #[error("{what}: lengths differ ({left} and {right})")]
    Lengths {
        /// The statistic.
        what: &'static str,
        /// Length of the first input.
        left: usize,
        /// Length of the second input.
        right: usize,
    },
    /// The statistic is undefined on these (valid) numbers.
    #[error("{what} is undefined: {why}")]
    Undefined {
        /// The statistic.
        what: &'static str,
        /// The reason.
        why: &'static str,
    },
    /// A covariate of a regression cannot be used.
    #[error("{what}: covariate {column} (from 0) {why}")]
    Covariate {
        /// The regression.
        what: &'static str,
        /// The covariate's position in each row, from 0.
        column: usize,
        /// What is wrong with it, as a predicate.
        why: &'static str,
    },
}

/// Checks a confidence level or probability strictly inside (0, 1).
pub(crate) fn inside_unit(what: &'static str, value: f64) -> Result<f64, Error> {
    if value > 0.0 && value < 1.0 { Ok(value) } else { Err(Error::Domain { what, index: 0, value, must: "it must lie strictly between 0 and 1" }) }
}
