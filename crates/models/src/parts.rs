//! Pieces that architectures share: activations, layer normalisation, sinusoids.

use pennydrop_graph::ir::Unary;
use pennydrop_graph::{Graph, Id};

/// Activation functions by the words of a spec.
pub const ACTIVATIONS: &[&str] = &["relu", "gelu", "gelu_tanh", "silu", "quadratic", "tanh", "identity"];

/// `word` of [`ACTIVATIONS`] applied to `x`, entry by entry: `gelu` is x·Φ(x) by the error function, `gelu_tanh` its approximation
/// (Hendrycks and Gimpel 2016, as PyTorch's), `silu` x/(1 + e⁻ˣ), `quadratic` x².
///
/// # Panics
/// On any other word: rows offer [`ACTIVATIONS`] only.
pub fn activation(g: &mut Graph, word: &str, x: Id) -> Id {
    match word {
        "relu" => g.unary(Unary::Relu, x),
        "gelu" => {
            let t = g.scale(x, std::f64::consts::FRAC_1_SQRT_2);
            let t = g.unary(Unary::Erf, t);
            half_gate(g, x, t)
        }
        "gelu_tanh" => {
            let xx = g.mul(x, x);
            let cube = g.mul(xx, x);
            let cube = g.scale(cube, 0.044715);
            let t = g.add(x, cube);
            let t = g.scale(t, (2.0 / std::f64::consts::PI).sqrt());
            let t = g.unary(Unary::Tanh, t);
            half_gate(g, x, t)
        }
        "silu" => {
            let s = g.unary(Unary::Sigmoid, x);
            g.mul(x, s)
        }
        "quadratic" => g.mul(x, x),
        "tanh" => g.unary(Unary::Tanh, x),
        "identity" => x,
        other => panic!("no activation `{other}`"),
    }
}

/// x · (1 + t) / 2
fn half_gate(g: &mut Graph, x: Id, t: Id) -> Id {
    let one = g.number(1.0);
    let t = g.add(t, one);
    let h = g.scale(x, 0.5);
    g.mul(h, t)
}

/// (x − mean) / √(var + eps) over the entries of `x` (`[d]`), with the biased variance (division by d), as PyTorch's `LayerNorm`.
pub fn normalize(g: &mut Graph, x: Id, eps: f64) -> Id {
    let share = 1.0 / g.node(x).size() as f64;
    let mean = g.sum_all(x);
    let mean = g.scale(mean, share);
    let centred = g.sub(x, mean);
    let squares = g.mul(centred, centred);
    let var = g.sum_all(squares);
    let var = g.scale(var, share);
    let eps = g.number(eps);
    let var = g.add(var, eps);
    let std = g.unary(Unary::Sqrt, var);
    g.div(centred, std)
}

/// The fixed position vector of Power et al.'s code (openai/grok, `transformer.py`), `[d]`: sin(pos / 10000^(i/d)) at even i,
/// cos(pos / 10000^((i−1)/d)) at odd i.
pub fn sinusoid(position: usize, d: usize) -> Vec<f64> {
    (0..d)
        .map(|i| {
            let angle = position as f64 / libm::pow(10000.0, (i - i % 2) as f64 / d as f64);
            if i % 2 == 0 { libm::sin(angle) } else { libm::cos(angle) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pennydrop_graph::feed::Feed;
    use pennydrop_graph::reference::{Reading, evaluate};

    fn value(f: impl Fn(&mut Graph, Id) -> Id, x: &[f64]) -> Vec<f64> {
        let mut g = Graph::new(vec![]);
        let id = g.constant(x, &[x.len()]);
        let y = f(&mut g, id);
        evaluate(&g, &Feed::new(&g, 0), &Reading::default(), &[y]).remove(0)
    }

    /// Values at 1 and −2 to eight digits.
    #[test]
    fn known_answers() {
        let known = [
            ("relu", 1.0, 0.0),
            ("gelu", 0.841_344_75, -0.045_500_26),
            ("gelu_tanh", 0.841_191_99, -0.045_402_31),
            ("silu", 0.731_058_58, -0.238_405_84),
            ("quadratic", 1.0, 4.0),
            ("tanh", 0.761_594_16, -0.964_027_58),
            ("identity", 1.0, -2.0),
        ];
        assert_eq!(known.map(|k| k.0), *ACTIVATIONS);
        for (word, at_1, at_minus_2) in known {
            let y = value(|g, x| activation(g, word, x), &[1.0, -2.0]);
            assert!((y[0] - at_1).abs() < 1e-8 && (y[1] - at_minus_2).abs() < 1e-8, "{word}: {y:?}");
        }
    }

    #[test]
    fn normalize_uses_the_biased_variance() {
        // Mean 2, deviations −2, 0, 0, 2: variance 2.
        let y = value(|g, x| normalize(g, x, 0.25), &[0.0, 2.0, 2.0, 4.0]);
        assert_eq!(y, [-2.0 / 1.5, 0.0, 0.0, 2.0 / 1.5]);
    }

    #[test]
    fn sinusoids_alternate() {
        let v = sinusoid(3, 4);
        for (got, want) in v.iter().zip([libm::sin(3.0), libm::cos(3.0), libm::sin(0.03), libm::cos(0.03)]) {
            assert!((got - want).abs() < 1e-15, "{v:?}");
        }
        assert_eq!(sinusoid(0, 3), [0.0, 1.0, 0.0]);
    }
}
