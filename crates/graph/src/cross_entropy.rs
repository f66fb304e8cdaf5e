//! One row of the loss head, in any emulated precision.
//!
//! Every intermediate is rounded to the head's precision; a sum over classes accumulates in double and is rounded once, as
//! frameworks accumulate reductions in a wider type. In f32 and f64 heads of the same working type the executors use a
//! vectorised path of the same formulas.

use crate::ir::{CeGradient, CeRule};
use crate::precision::Precision;

/// Largest entry of a row (NaN if any is).
fn max(z: &[f64]) -> f64 {
    z.iter().fold(f64::NEG_INFINITY, |m, x| if x.is_nan() || *x > m { *x } else { m })
}

/// The shifted logits, their exponentials and the sum of these.
fn exponentials(p: Precision, z: &[f64], shifted: &mut Vec<f64>, e: &mut Vec<f64>) -> f64 {
    shifted.clear();
    shifted.extend(z.iter().map(|x| p.round(*x)));
    let m = max(shifted);
    for d in shifted.iter_mut() {
        *d = p.round(*d - m);
    }
    e.clear();
    e.extend(shifted.iter().map(|d| p.round(libm::exp(*d))));
    p.round(e.iter().sum())
}

/// Scratch rows, so that a step allocates nothing.
#[derive(Debug, Default, Clone)]
pub struct Scratch {
    shifted: Vec<f64>,
    e: Vec<f64>,
}

/// Cross-entropy of logits `z` against class `label`.
pub fn loss(rule: &CeRule, z: &[f64], label: usize, s: &mut Scratch) -> f64 {
    let p = rule.precision;
    let total = exponentials(p, z, &mut s.shifted, &mut s.e);
    let log_total = match rule.gradient {
        CeGradient::Textbook => p.round(libm::log(total)),
        CeGradient::Exact => {
            // The largest exponential is exactly 1: the others go through log1p.
            let top = s.shifted.iter().position(|d| *d == 0.0).unwrap_or(0);
            let others: f64 = s.e.iter().enumerate().filter(|(k, _)| *k != top).map(|(_, e)| *e).sum();
            p.round(libm::log1p(p.round(others)))
        }
    };
    let nll = |k: usize| p.round(log_total - s.shifted[k]);
    if rule.smoothing == 0.0 {
        return nll(label);
    }
    let mean = p.round((0..z.len()).map(nll).sum::<f64>() / z.len() as f64);
    p.round((1.0 - rule.smoothing) * nll(label) + rule.smoothing * mean)
}

/// Its derivative by the logits, by the declared rule, into `g`.
pub fn gradient(rule: &CeRule, z: &[f64], label: usize, g: &mut [f64], s: &mut Scratch) {
    let p = rule.precision;
    let total = exponentials(p, z, &mut s.shifted, &mut s.e);
    let spread = rule.smoothing / z.len() as f64;
    let mut others = 0.0;
    for k in 0..z.len() {
        let q = p.round(s.e[k] / total);
        if k != label {
            others += q;
        }
        let target = if k == label { 1.0 - rule.smoothing + spread } else { spread };
        g[k] = p.round(q - target);
    }
    if rule.gradient == CeGradient::Exact {
        g[label] = p.round(rule.smoothing - spread - p.round(others));
    }
}

/// Whether the softmax of `z` has collapsed: its sum of exponentials is exactly 1.
pub fn collapsed(p: Precision, z: &[f64], s: &mut Scratch) -> bool {
    exponentials(p, z, &mut s.shifted, &mut s.e) == 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(gradient: CeGradient, precision: Precision) -> CeRule {
        CeRule { gradient, precision, smoothing: 0.0 }
    }

    /// The absorption thresholds of the slingshot-numerical card: a margin of (mantissa bits − 1)·ln 2.
    #[test]
    fn textbook_gradient_vanishes_at_the_absorption_threshold() {
        let mut s = Scratch::default();
        for (p, bits) in [(Precision::F16, 11), (Precision::Bf16, 8), (Precision::F32, 24), (Precision::F64, 53)] {
            let threshold = f64::from(bits - 1) * std::f64::consts::LN_2;
            let mut g = [0.0; 2];
            gradient(&rule(CeGradient::Textbook, p), &[threshold * 0.94, 0.0], 0, &mut g, &mut s);
            assert!(g[0] < 0.0, "{p:?} below");
            // One more bit of margin: half a unit in the last place rounds to even.
            gradient(&rule(CeGradient::Textbook, p), &[threshold * 1.12 + 0.4, 0.0], 0, &mut g, &mut s);
            assert_eq!(g[0], 0.0, "{p:?} above");
            assert!(g[1] > 0.0);
            assert!(collapsed(p, &[threshold * 1.12 + 0.4, 0.0], &mut s));
            gradient(&rule(CeGradient::Exact, p), &[threshold * 1.12 + 0.4, 0.0], 0, &mut g, &mut s);
            assert_eq!(g[0], -g[1], "{p:?} exact");
        }
    }

    #[test]
    fn values_match_the_definition() {
        let mut s = Scratch::default();
        let z = [0.3, -1.2, 2.0, 0.1];
        let total: f64 = z.iter().map(|x: &f64| libm::exp(*x)).sum();
        for kind in [CeGradient::Textbook, CeGradient::Exact] {
            let want = libm::log(total) - z[1];
            assert!((loss(&rule(kind, Precision::F64), &z, 1, &mut s) - want).abs() < 1e-14);
            let mut r = rule(kind, Precision::F64);
            r.smoothing = 0.1;
            let want = 0.9 * want + 0.1 * (libm::log(total) - z.iter().sum::<f64>() / 4.0);
            assert!((loss(&r, &z, 1, &mut s) - want).abs() < 1e-14);
            let mut g = [0.0; 4];
            gradient(&r, &z, 1, &mut g, &mut s);
            assert!(g.iter().sum::<f64>().abs() < 1e-14);
            assert!((g[1] - (libm::exp(z[1]) / total - 0.925)).abs() < 1e-14);
        }
    }
}
