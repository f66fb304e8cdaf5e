//! Delay laws: the published formulas for *when* a run generalises, as functions of what was measured on it, with the null laws beside them.
//!
//! A law says what it reads, in which units, where it applies, and gives `t_grok` in steps; outside its domain it says so instead of a number. Some have
//! constants that no paper gives for a new setting: those are calibrated on runs of *other* settings ([`calibrate`]), exactly as the constants of the nulls
//! are, so that a law earns its keep only by what it predicts on settings that it has not seen.
//!
//! | file | laws |
//! |---|---|
//! | [`norm`] | logarithmic norm law (Omnigrok, Lyu), norm separation in its four conventions, first passage under AdamW |
//! | [`clamp`] | clamp law exp(αρ), logit-scale law |
//! | [`escape`] | Arrhenius |
//! | [`data`] | percolation a/(D − D_c), power law in the data fraction, critical data size |
//! | [`null`] | constant, proportional to `t_mem`, c/(ηλ), T₀ + c/(ηλ), C/λ after `t_mem` |

pub mod calibrate;
pub mod clamp;
pub mod data;
pub mod escape;
pub mod norm;
pub mod null;

/// Every law, nulls last.
pub fn laws() -> Vec<&'static Law> {
    [norm::LAWS, clamp::LAWS, escape::LAWS, data::LAWS, null::LAWS].into_iter().flatten().collect()
}

/// What is known of a finished run. A quantity that was not measured is `None`, and a law that reads it does not apply.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Measured {
    /// Learning rate η.
    pub eta: Option<f64>,
    /// Weight decay λ.
    pub lambda: Option<f64>,
    /// Whether decay is decoupled from an adaptive step (AdamW).
    pub decoupled: Option<bool>,
    /// Step at which the training set was memorised.
    pub t_mem: Option<f64>,
    /// Step at which the run generalised; `None`: not within `steps`.
    pub t_grok: Option<f64>,
    /// Steps that the run was watched for.
    pub steps: f64,
    /// ‖θ‖ at step 0.
    pub norm_start: Option<f64>,
    /// ‖θ‖ at `t_mem`.
    pub norm_mem: Option<f64>,
    /// ‖θ‖ at `t_grok`.
    pub norm_grok: Option<f64>,
    /// ‖θ‖ at the end.
    pub norm_end: Option<f64>,
    /// Largest relative deviation of ‖θ‖ from its mean between `t_mem` and `t_grok` (or the end).
    pub norm_drift: Option<f64>,
    /// Mean norm of the logits of an example at `t_mem`.
    pub logits_mem: Option<f64>,
    /// Number of training examples D.
    pub data: Option<f64>,
    /// D as a share of all examples, in (0, 1].
    pub fraction: Option<f64>,
    /// Examples in a batch.
    pub batch: Option<f64>,
    /// Factor by which all initial weights were scaled, α.
    pub init_scale: Option<f64>,
}

/// One published (or null) law.
#[derive(Debug, Clone, Copy)]
pub struct Law {
    /// The name typed by a user.
    pub name: &'static str,
    /// The formula, in words and symbols.
    pub formula: &'static str,
    /// The card of the paper; empty for a null.
    pub source: &'static str,
    /// What it reads, with units.
    pub reads: &'static str,
    /// Where it applies.
    pub domain: &'static str,
    /// Its constants.
    pub constants: &'static [Constant],
    /// `t_grok` in steps at these constants (in the order of `constants`).
    pub predict: fn(&Measured, &[f64]) -> Result<f64, NotApplicable>,
}

impl Law {
    /// Whether it is one of the null laws.
    pub fn is_null(&self) -> bool {
        self.source.is_empty()
    }

    /// The constants that the paper prints, where it prints all of them.
    pub fn printed(&self) -> Option<Vec<f64>> {
        self.constants.iter().map(|c| c.printed).collect()
    }
}

/// A constant of a law.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Constant {
    /// Its symbol.
    pub name: &'static str,
    /// What it is, with its unit.
    pub doc: &'static str,
    /// What the paper gives.
    pub printed: Option<f64>,
    /// Where a calibration starts looking. All constants are positive and are searched by their logarithm.
    pub start: f64,
}

/// Why a law says nothing about a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("does not apply: {0}")]
pub struct NotApplicable(pub String);

/// A measured quantity, or why a law cannot be asked.
fn need(x: Option<f64>, name: &str) -> Result<f64, NotApplicable> {
    x.filter(|x| x.is_finite()).ok_or_else(|| NotApplicable(format!("{name} was not measured")))
}

/// A measured quantity that has to be above 0.
fn positive(x: Option<f64>, name: &str) -> Result<f64, NotApplicable> {
    let x = need(x, name)?;
    if x > 0.0 { Ok(x) } else { Err(NotApplicable(format!("{name} = {x} is not above 0"))) }
}

/// ηλ, the rate at which decoupled decay alone contracts θ.
fn contraction(m: &Measured) -> Result<f64, NotApplicable> {
    Ok(positive(m.eta, "η")? * positive(m.lambda, "λ")?)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A run in the headline cell of the norm-separation card: p = 97, η = 1e-3, λ = 1.
    pub(crate) fn run() -> Measured {
        Measured {
            eta: Some(1e-3),
            lambda: Some(1.0),
            decoupled: Some(true),
            t_mem: Some(840.0),
            t_grok: Some(1840.0),
            steps: 3840.0,
            norm_start: Some(libm::sqrt(13_515.0)),
            norm_mem: Some(libm::sqrt(3_891.0)),
            norm_grok: Some(libm::sqrt(1_203.0)),
            norm_end: Some(libm::sqrt(271.0)),
            norm_drift: Some(0.3),
            logits_mem: Some(20.0),
            data: Some(4_704.0),
            fraction: Some(0.5),
            batch: Some(512.0),
            init_scale: Some(1.0),
        }
    }

    #[test]
    fn every_law_says_what_it_reads_and_none_answers_from_nothing() {
        let mut names: Vec<_> = laws().iter().map(|l| l.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), laws().len());
        for law in laws() {
            assert!(!law.formula.is_empty() && !law.reads.is_empty() && !law.domain.is_empty(), "{}", law.name);
            let constants: Vec<f64> = law.constants.iter().map(|c| c.start).collect();
            let of_nothing = (law.predict)(&Measured::default(), &constants);
            // The constant law alone reads nothing.
            assert_eq!(of_nothing.is_ok(), law.name == "constant", "{}: {of_nothing:?}", law.name);
            if let Ok(t) = (law.predict)(&run(), &constants) {
                assert!(t.is_finite() && t > 0.0, "{}: {t}", law.name);
            }
        }
    }
}
