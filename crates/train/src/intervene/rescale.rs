//! Multiplication of tensors, once: at step 0 the scale of an initialisation (α of Omnigrok and of the lazy regimes), later a one-shot rescaling.

use super::{Action, At, FROM, InterventionRow, ON, Weights};
use pennydrop_models::{Param as Tensor, select};
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError};

/// The row.
pub const ROW: InterventionRow = InterventionRow {
    row: Row {
        name: "rescale",
        summary: "multiplies tensors by a factor, once",
        source: "initialisation scale: Liu et al. 2022 (arXiv 2210.01117), code: biases too; one-shot rescaling: arXiv 2606.13753",
        params: &[
            FROM,
            ON,
            Param { key: "factor", kind: Kind::Floats, default: Default::Floats(&[1.0]), doc: "one for all, or one for each word of `on`, in its order" },
        ],
    },
    make,
};

#[derive(Debug)]
struct Rescale(Vec<(usize, f64)>);

fn make(args: &Args, tensors: &[Tensor]) -> Result<Box<dyn Action>, SpecError> {
    let (words, factors) = (args.strs("on"), args.floats("factor"));
    let one = match factors.as_slice() {
        [x] => Some(*x),
        list if list.len() == words.len() => None,
        list => {
            let problem = format!("{} factors for {} words of `on`", list.len(), words.len());
            return Err(SpecError::new("rescale.factor", problem, "one factor, or one for each word"));
        }
    };
    if factors.iter().any(|x| !x.is_finite() || *x < 0.0) {
        return Err(SpecError::new("rescale.factor", "a factor is negative or not finite", "numbers from 0"));
    }
    let mut scales = vec![None; tensors.len()];
    for (k, word) in words.iter().enumerate() {
        for (scale, _) in scales.iter_mut().zip(select("rescale.on", &[*word], tensors)?).filter(|(_, on)| *on) {
            let factor = one.unwrap_or_else(|| factors[k]);
            // With one factor a tensor that two words name is multiplied once; with several it would be unclear which holds.
            if scale.is_some_and(|s| s != factor) {
                return Err(SpecError::new("rescale.on", format!("`{word}` names a tensor that another word names with another factor"), "each tensor once"));
            }
            *scale = Some(factor);
        }
    }
    Ok(Box::new(Rescale(scales.into_iter().enumerate().filter_map(|(i, s)| Some((i, s?))).collect())))
}

impl Action for Rescale {
    fn fire(&self, w: &mut dyn Weights, _: Option<&[f64]>, _: At) -> Vec<f64> {
        for (i, by) in &self.0 {
            w.scale(*i, *by);
        }
        Vec::new()
    }
}
