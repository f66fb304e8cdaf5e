//! Laws in a norm that is held, and in the scale of the logits.

use super::{Constant, Law, Measured, NotApplicable, positive};

/// Largest relative deviation of a norm that counts as held.
const HELD: f64 = 0.01;

/// The laws of this file.
pub const LAWS: &[Law] = &[
    Law {
        name: "clamp",
        formula: "t_grok = T₁·exp(α(‖θ‖/W_c − 1))",
        source: "weight-norm-clamp",
        reads: "‖θ‖ held from t_mem to t_grok",
        domain: "the norm is held (within 1 % of its mean after t_mem); W_c and T₁ are of one task and one network, α of one network",
        constants: &[
            Constant { name: "T1", doc: "time at ‖θ‖ = W_c, in steps", printed: None, start: 4e3 },
            Constant { name: "alpha", doc: "slope of ln t in ‖θ‖/W_c (paper: 7.64 for its MLP, 15.45 for its transformer)", printed: None, start: 7.0 },
            Constant { name: "W_c", doc: "norm at which free runs generalise", printed: None, start: 50.0 },
        ],
        predict: clamp,
    },
    Law {
        name: "logit-scale",
        formula: "t_grok = T₁·L^c",
        source: "logit-scale-mediation",
        reads: "L, the mean norm of the logits (over the temperature) at t_mem",
        domain: "cross-entropy; one task and one network. A norm ratio ρ and a temperature τ enter through L ∝ ρ^k/τ, k the degree of homogeneity of the logits; \
                 the card's reanalysis has c between 2 and 3",
        constants: &[
            Constant { name: "T1", doc: "time at L = 1, in steps", printed: None, start: 10.0 },
            Constant { name: "c", doc: "exponent", printed: None, start: 2.0 },
        ],
        predict: logit_scale,
    },
];

fn clamp(m: &Measured, c: &[f64]) -> Result<f64, NotApplicable> {
    let norm = positive(m.norm_mem, "‖θ‖ at t_mem")?;
    match m.norm_drift {
        Some(drift) if drift <= HELD => Ok(c[0] * libm::exp(c[1] * (norm / c[2] - 1.0))),
        Some(drift) => Err(NotApplicable(format!("the norm is not held: it moves by {:.1} % after t_mem", 100.0 * drift))),
        None => Err(NotApplicable("the norm after t_mem was not measured".into())),
    }
}

fn logit_scale(m: &Measured, c: &[f64]) -> Result<f64, NotApplicable> {
    let logits = positive(m.logits_mem, "the norm of the logits at t_mem")?;
    Ok(c[0] * libm::pow(logits, c[1]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::tests::run;

    /// The card's dense series (medians at ρ = 1.00 and 1.15) and its α.
    #[test]
    fn the_clamp_law_at_the_cards_numbers() {
        let at = |rho: f64| clamp(&Measured { norm_mem: Some(54.49 * rho), norm_drift: Some(0.0), ..run() }, &[3_999.0, 7.64, 54.49]).unwrap();
        assert!((at(1.0) - 3_999.0).abs() < 1e-9);
        // Its own fit is within its R² = .994 of the median 13,030 at ρ = 1.15: a factor of 1.05.
        assert!((libm::log(at(1.15) / 13_030.0)).abs() < 0.1, "{}", at(1.15));
        assert!(clamp(&run(), &[3_999.0, 7.64, 54.49]).unwrap_err().0.contains("not held"));
    }

    /// Raising τ at a fixed norm and lowering the norm at fixed τ move L, and the time, alike.
    #[test]
    fn the_logit_law_knows_the_scale_alone() {
        let at = |rho: f64, tau: f64| logit_scale(&Measured { logits_mem: Some(20.0 * libm::pow(rho, 3.0) / tau), ..run() }, &[3.0, 2.1]).unwrap();
        assert!((at(1.15, libm::pow(1.15, 3.0)) / at(1.0, 1.0) - 1.0).abs() < 1e-12);
        assert!((libm::log(at(1.15, 1.0) / at(1.0, 1.0)) - 2.1 * 3.0 * libm::log(1.15)).abs() < 1e-12);
    }
}
