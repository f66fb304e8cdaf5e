//! Escape over a barrier, driven by the noise of minibatches.

use super::{Constant, Law, Measured, NotApplicable, positive};

/// The laws of this file.
pub const LAWS: &[Law] = &[Law {
    name: "arrhenius",
    formula: "t_grok = τ₀·exp(ΔE·B/η)",
    source: "arrhenius-escape",
    reads: "B, examples in a batch; D, training examples; η",
    domain: "minibatches (B < D): T_eff = η/(B·C) is the noise of the gradient, and C is taken into ΔE. A full batch has no noise, and the law says: never",
    constants: &[
        Constant { name: "tau0", doc: "steps", printed: None, start: 1e3 },
        Constant { name: "E", doc: "barrier times C, in units of η/B (paper: .15 ± .05 in its deep linear network)", printed: None, start: 1e-5 },
    ],
    predict: arrhenius,
}];

fn arrhenius(m: &Measured, c: &[f64]) -> Result<f64, NotApplicable> {
    let (batch, data) = (positive(m.batch, "the batch size")?, positive(m.data, "the number of training examples")?);
    if batch >= data {
        return Err(NotApplicable(format!("the batch holds all {data} examples: no noise, no escape")));
    }
    Ok(c[0] * libm::exp(c[1] * batch / positive(m.eta, "η")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::tests::run;

    #[test]
    fn the_logarithm_is_linear_in_batch_over_rate_and_a_full_batch_never_escapes() {
        let at = |batch: f64, eta: f64| arrhenius(&Measured { batch: Some(batch), eta: Some(eta), ..run() }, &[10.0, 1e-5]).unwrap();
        let slope = libm::log(at(128.0, 1e-3) / at(64.0, 1e-3)) / 64e3;
        assert!((slope - 1e-5).abs() < 1e-15 && (at(64.0, 1e-3) / at(128.0, 2e-3) - 1.0).abs() < 1e-12);
        assert!(arrhenius(&Measured { batch: Some(4_704.0), ..run() }, &[10.0, 1e-5]).unwrap_err().0.contains("no noise"));
    }
}
