//! Initial values: the distributions, and the conventions of the papers by tensor.
//!
//! N(σ) is the centred normal of standard deviation σ, U(b) the uniform on [−b, b); d = `d_model`, h = the MLP's width, V = the number of logits.
//! `init_scale` multiplies everything that is drawn (zeros stay zeros, and a norm's gains start at 1 in every convention).
//!
//! | transformer | `W_E` | `W_pos` | `W_Q W_K W_V` | `W_O` | `W_in` | `W_out` | `W_U` | linear biases |
//! |---|---|---|---|---|---|---|---|---|
//! | `nanda` (Nanda et al. 2023, code) | N(1/√d) | N(1/√d) | N(1/√d) | N(1/√d) | N(1/√d) | N(1/√d) | N(1/√V) | 0 |
//! | `power` (Power et al. 2022, code: PyTorch's `Embedding` and `Linear`) | N(1) | N(1) | U(1/√d) | U(1/√d) | U(1/√d) | U(1/√h) | U(1/√d) | U(1/√fan-in) |
//! | `torch` (`nn.TransformerEncoderLayer` between `Embedding` and `Linear`) | N(1) | N(1) | U(√(6/4d)) | U(1/√d) | U(1/√d) | U(1/√h) | U(1/√d) | attention 0, others U(1/√fan-in) |
//! | `clamp` (weight-norm clamp, arXiv 2606.13753) | N(1/√d) | N(0.1/√d) | N(1/√d) | N(1/√d) | N(1/√d) | N(1/√h) | N(1/√d) | 0 |
//! | `normal-fan-in` | N(1/√d) | N(1/√d) | N(1/√d) | N(1/√d) | N(1/√d) | N(1/√h) | N(1/√d) | 0 |
//!
//! `W_E` and `W_pos` of `power` are those of `nn.Embedding`; that paper's own positions are sinusoids. PyTorch draws the query, key and value
//! matrices of `torch` as one `[3d, d]` matrix by Xavier's rule, hence 6/(d + 3d). A tied unembedding has no initial values of its own.
//!
//! | mlp | `W_E` | `layer{i}.W` | `layer{i}.b` |
//! |---|---|---|---|
//! | `torch` (`nn.Embedding`, `nn.Linear`) | N(1) | U(1/√fan-in) | U(1/√fan-in) |
//! | `normal-fan-in` (logit-scale mediation, arXiv 2606.18465) | N(1/√d_embed) | N(1/√fan-in) | 0 |
//! | `clamp` (weight-norm clamp, arXiv 2606.13753) | N(1/√d_embed) | N(1/√fan-in) | N(1e-6) |
//! | `he-normal` (He et al. 2015) | N(1/√d_embed) | N(√(2/fan-in)) | 0 |
//! | `unit-normal` (Gromov 2023, with mean-field scaling) | N(1) | N(1) | 0 |
//!
//! | uniform-mps | `A`, `B` | `v_L`, `v_R` | `scale` |
//! |---|---|---|---|
//! | `unit-normal` (arXiv 2210.15435) | N(1) | N(1) | 1 |
//! | `normal-fan-in` | N(1/√d) | N(1/√d) | 1 |
//!
//! The fan-in of a one-hot first layer is the full width, operands × p.

use pennydrop_graph::rng::{Purpose, Stream};
use pennydrop_registry::SpecError;

/// The distribution of a parameter's first value, entries independent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// 0
    Zeros,
    /// 1
    Ones,
    /// Centred normal.
    Normal {
        /// Standard deviation.
        std: f64,
    },
    /// Uniform on [−bound, bound).
    Uniform {
        /// Half width.
        bound: f64,
    },
}

impl Init {
    /// The first values of parameter number `index` of a model, row-major, in double precision and rounded nowhere. Entry `i` is draw `i` of the
    /// stream of (`seed_init`, [`Purpose::Init`], `index`).
    pub fn sample(&self, shape: &[usize], seed_init: u64, index: usize) -> Vec<f64> {
        let n = shape.iter().product::<usize>() as u64;
        let stream = Stream::new(seed_init, Purpose::Init, 0, index as u64);
        match *self {
            Init::Zeros => vec![0.0; n as usize],
            Init::Ones => vec![1.0; n as usize],
            Init::Normal { std } => (0..n).map(|i| std * stream.normal(i)).collect(),
            Init::Uniform { bound } => (0..n).map(|i| bound * (2.0 * stream.uniform(i) - 1.0)).collect(),
        }
    }

    /// The same with everything drawn multiplied by `c`.
    pub fn scaled(self, c: f64) -> Init {
        match self {
            Init::Normal { std } => Init::Normal { std: std * c },
            Init::Uniform { bound } => Init::Uniform { bound: bound * c },
            fixed => fixed,
        }
    }

    /// N(1/√n)
    pub(crate) fn normal_over(n: usize) -> Init {
        Init::Normal { std: 1.0 / (n as f64).sqrt() }
    }

    /// U(1/√n): PyTorch's `Linear` (Kaiming's uniform rule with a = √5).
    pub(crate) fn uniform_over(n: usize) -> Init {
        Init::Uniform { bound: 1.0 / (n as f64).sqrt() }
    }
}

/// The convention that `word` at `model.init` means: itself where `words` holds it, else, for a file (whose tensors replace what is drawn), the
/// first of `words`.
pub(crate) fn convention<'a>(word: &'a str, words: &[&'static str]) -> Result<&'a str, SpecError> {
    if is_file(word) {
        Ok(words[0])
    } else if words.contains(&word) {
        Ok(word)
    } else {
        Err(SpecError::unknown("model.init", "initialisation", word, words.iter().copied().chain(["FILE.safetensors"])))
    }
}

/// Whether a value of `model.init` names a file of tensors.
pub fn is_file(word: &str) -> bool {
    word.ends_with(".safetensors")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_stated_spread_and_depend_on_seed_and_index() {
        let n = 40_000;
        let moments = |v: &[f64]| {
            let mean = v.iter().sum::<f64>() / v.len() as f64;
            (mean, (v.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / v.len() as f64).sqrt())
        };
        // Four standard errors of the mean (σ/√n) and of the spread (σ/√(2n), less for the uniform).
        let (mean, std) = moments(&Init::Normal { std: 0.25 }.sample(&[n / 4, 4], 3, 0));
        assert!(mean.abs() < 4.0 * 0.25 / 200.0 && (std / 0.25 - 1.0).abs() < 4.0 / 282.0, "{mean} {std}");
        let u = Init::Uniform { bound: 0.5 }.sample(&[n], 3, 0);
        let (mean, std) = moments(&u);
        assert!(mean.abs() < 4.0 * 0.289 / 200.0 && (std / (0.5 / 3f64.sqrt()) - 1.0).abs() < 4.0 / 282.0, "{mean} {std}");
        assert!(u.iter().all(|x| (-0.5..0.5).contains(x)));
        let first = |seed, index| Init::Normal { std: 1.0 }.sample(&[1], seed, index)[0];
        assert_eq!(first(3, 1), first(3, 1));
        assert_ne!(first(3, 1), first(3, 2));
        assert_ne!(first(3, 1), first(4, 1));
    }

    #[test]
    fn scale_spares_what_is_not_drawn() {
        assert_eq!(Init::Normal { std: 2.0 }.scaled(3.0), Init::Normal { std: 6.0 });
        assert_eq!(Init::Uniform { bound: 2.0 }.scaled(0.5), Init::Uniform { bound: 1.0 });
        assert_eq!((Init::Ones.scaled(3.0), Init::Zeros.scaled(3.0)), (Init::Ones, Init::Zeros));
    }
}
