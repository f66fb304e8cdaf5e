//! The laws themselves: names, formulas, parameters and values.

use std::fmt;

use crate::Observation;
use crate::error::Error;

/// One run: what it was set to, and when (if at all) the event came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LawPoint {
    /// The covariate, such as ηλ or the norm ratio ρ; finite and positive.
    pub x: f64,
    /// Rate at which weight decay contracts the weights, ηλ per step; positive. Needed by [`Law::Inverse`] and [`Law::Offset`].
    pub contraction: Option<f64>,
    /// Time of memorisation, in the unit of the observation; positive. Needed by [`Law::Proportional`].
    pub t_mem: Option<f64>,
    /// The time T, positive, or the budget at which the run was censored.
    pub observation: Observation,
    /// The setting that it belongs to (one level of what is swept). Held-out prediction leaves out whole groups.
    pub group: usize,
    /// Its data split. Resampling keeps the number of runs a (group, stratum).
    pub stratum: usize,
}

/// How a typical time f depends on a covariate: ln T = ln f + σε.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Law {
    /// f = a. A null: nothing matters.
    Constant,
    /// f = a·x^b.
    Power,
    /// f = a·e^(b·x) (card `weight-norm-clamp`, x = ρ).
    Exponential,
    /// f = a + b·ln x, positive over the range of the data.
    Logarithmic,
    /// f = c / contraction. A null: time is measured in units of weight decay (card `adamw-delay-law`).
    Inverse,
    /// f = T0 + c / contraction, positive over the range of the data (card `norm-separation`). T0 may be negative.
    Offset,
    /// f = c·t_mem. A null: the delay is a multiple of the time to memorise (card `adamw-delay-law`).
    Proportional,
}

/// How the logarithm of a law is built from its internal parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// ln f = p + a known offset.
    Scale,
    /// ln f is linear in the regressor.
    Line,
    /// f is linear in the regressor.
    Mix,
}

impl Law {
    /// All laws, nulls first.
    pub const ALL: [Law; 7] = [Law::Constant, Law::Inverse, Law::Proportional, Law::Power, Law::Exponential, Law::Logarithmic, Law::Offset];

    /// Short name: `power`.
    pub fn name(self) -> &'static str {
        match self {
            Law::Constant => "constant",
            Law::Power => "power",
            Law::Exponential => "exponential",
            Law::Logarithmic => "logarithmic",
            Law::Inverse => "inverse",
            Law::Offset => "offset",
            Law::Proportional => "proportional",
        }
    }

    /// The law of that name.
    pub fn from_name(name: &str) -> Option<Law> {
        Law::ALL.into_iter().find(|law| law.name() == name)
    }

    /// The formula in words: `T = a·x^b`.
    pub fn formula(self) -> &'static str {
        match self {
            Law::Constant => "T = a",
            Law::Power => "T = a·x^b",
            Law::Exponential => "T = a·exp(b·x)",
            Law::Logarithmic => "T = a + b·ln x",
            Law::Inverse => "T = c/(ηλ)",
            Law::Offset => "T = T0 + c/(ηλ)",
            Law::Proportional => "T = c·T_mem",
        }
    }

    /// Names of the parameters, in the order used everywhere.
    pub fn parameter_names(self) -> &'static [&'static str] {
        match self {
            Law::Constant => &["a"],
            Law::Power | Law::Exponential | Law::Logarithmic => &["a", "b"],
            Law::Inverse | Law::Proportional => &["c"],
            Law::Offset => &["T0", "c"],
        }
    }

    /// Whether it is one of the nulls that a claimed law has to beat: a constant, c/(ηλ), c·T_mem.
    pub fn is_null(self) -> bool {
        matches!(self, Law::Constant | Law::Inverse | Law::Proportional)
    }

    /// The law's value: the median of T. Units: those of the times that were fitted.
    ///
    /// # Errors
    /// [`Error::Lengths`] for a wrong number of parameters; [`Error::Domain`] if a covariate it needs is missing or not positive;
    /// [`Error::Undefined`] if the value is not positive and finite (a law that is linear in ln x or 1/(ηλ) extrapolated too far).
    pub fn value(self, parameters: &[f64], x: f64, contraction: Option<f64>, t_mem: Option<f64>) -> Result<f64, Error> {
        let names = self.parameter_names();
        if parameters.len() != names.len() {
            return Err(Error::Lengths { what: self.name(), left: names.len(), right: parameters.len() });
        }
        let (u, offset) = self.regressor(0, x, contraction, t_mem)?;
        let value = match self.form() {
            Form::Scale => parameters[0] * libm::exp(offset),
            Form::Line => parameters[0] * libm::exp(parameters[1] * u),
            Form::Mix => parameters[0] + parameters[1] * u,
        };
        if value.is_finite() && value > 0.0 {
            Ok(value)
        } else {
            Err(Error::Undefined { what: self.name(), why: "the law predicts a time that is not positive and finite there" })
        }
    }

    pub(crate) fn form(self) -> Form {
        match self {
            Law::Constant | Law::Inverse | Law::Proportional => Form::Scale,
            Law::Power | Law::Exponential => Form::Line,
            Law::Logarithmic | Law::Offset => Form::Mix,
        }
    }

    /// The regressor u and the known part of ln f at datum `index`.
    pub(crate) fn regressor(self, index: usize, x: f64, contraction: Option<f64>, t_mem: Option<f64>) -> Result<(f64, f64), Error> {
        let positive = |value: f64, must: &'static str| {
            if value.is_finite() && value > 0.0 { Ok(value) } else { Err(Error::Domain { what: self.name(), index, value, must }) }
        };
        let x = positive(x, "the covariate must be finite and positive")?;
        let contraction = || positive(contraction.unwrap_or(f64::NAN), "this law needs a contraction ηλ, finite and positive");
        let t_mem = || positive(t_mem.unwrap_or(f64::NAN), "this law needs a time of memorisation, finite and positive");
        Ok(match self {
            Law::Constant => (0.0, 0.0),
            Law::Power | Law::Logarithmic => (libm::log(x), 0.0),
            Law::Exponential => (x, 0.0),
            Law::Inverse => (0.0, -libm::log(contraction()?)),
            Law::Offset => (1.0 / contraction()?, 0.0),
            Law::Proportional => (0.0, libm::log(t_mem()?)),
        })
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
