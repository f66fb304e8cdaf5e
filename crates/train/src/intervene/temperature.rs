//! A temperature between the network and its loss.

use super::{Action, FROM, InterventionRow, LASTS};
use pennydrop_models::Param as Tensor;
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError};

/// The row. The division itself is in the graphs of the step and of the evaluation.
pub const ROW: InterventionRow = InterventionRow {
    row: Row {
        name: "temperature",
        summary: "divides the logits that the loss sees by τ; the recorded logit scale is that of the divided ones",
        source: "arXiv 2606.18465",
        params: &[FROM, LASTS, Param { key: "tau", kind: Kind::Float { min: 1e-6, max: 1e6 }, default: Default::Float(1.0), doc: "the temperature τ" }],
    },
    make,
};

#[derive(Debug)]
struct Temperature;

impl Action for Temperature {}

fn make(_: &Args, _: &[Tensor]) -> Result<Box<dyn Action>, SpecError> {
    Ok(Box::new(Temperature))
}
