//! Measures of a set of examples, and of the weights themselves.

use crate::fourier::{Concentration, Spectrum, Waves};
use crate::settings::Setup;
use pennydrop_models::{Param, Role};
use pennydrop_registry::Args;

/// Sums over one set of examples.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sums {
    pub n: usize,
    pub loss: f64,
    pub right: f64,
    pub norm: f64,
    pub collapsed: Option<f64>,
}

impl Sums {
    fn mean(&self, sum: f64) -> f64 {
        sum / self.n as f64
    }

    pub fn mean_loss(&self) -> f64 {
        self.mean(self.loss)
    }

    pub fn accuracy(&self) -> f64 {
        self.mean(self.right)
    }

    pub fn share_collapsed(&self) -> f64 {
        self.collapsed.map_or(f64::NAN, |c| self.mean(c))
    }
}

/// The parameter whose rows 0..p are those of the first operand's values, by index, and its width.
pub(crate) fn embedding(setup: &Setup, params: &[Param]) -> Option<(usize, usize, Waves)> {
    let p = setup.task.modulus?;
    let k = params.iter().position(|q| q.role == Role::Embedding).or_else(|| params.iter().position(|q| q.name == "layer0.W"))?;
    let shape = &params[k].shape;
    (p >= 2 && shape.len() == 2 && shape[0] >= p).then(|| (k, shape[1], Waves::new(p)))
}

/// Spectrum of an embedding.
pub(crate) fn spectrum(name: &str, w: &[f64], width: usize, waves: &Waves) -> Spectrum {
    let power = waves.power(w, width);
    Spectrum { tensor: name.to_string(), concentration: Concentration::of(&power), power }
}

/// l2·Σw² + l1·Σ|w| over the penalised tensors.
pub(crate) fn penalty(loss: &Args, penalised: &[bool], values: &[Vec<f64>]) -> f64 {
    let (l1, l2) = (loss.float("l1"), loss.float("l2"));
    if l1 == 0.0 && l2 == 0.0 {
        return 0.0;
    }
    let entries = values.iter().zip(penalised).filter(|(_, on)| **on).flat_map(|(v, _)| v);
    let (mut ones, mut twos) = (0.0, 0.0);
    for x in entries {
        ones += x.abs();
        twos += x * x;
    }
    l1 * ones + l2 * twos
}
