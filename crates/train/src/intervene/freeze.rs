//! Tensors that training does not move.

use super::{Action, FROM, InterventionRow, LASTS, ON};
use pennydrop_models::{Param as Tensor, select};
use pennydrop_registry::{Args, Row, SpecError};

/// The row.
pub const ROW: InterventionRow = InterventionRow {
    row: Row { name: "freeze", summary: "holds tensors at their values; their gradients and moments go on", source: "pennydrop", params: &[FROM, LASTS, ON] },
    make,
};

#[derive(Debug)]
struct Freeze(Vec<usize>);

fn make(args: &Args, tensors: &[Tensor]) -> Result<Box<dyn Action>, SpecError> {
    let on = select("freeze.on", &args.strs("on"), tensors)?;
    Ok(Box::new(Freeze((0..tensors.len()).filter(|i| on[*i]).collect())))
}

impl Action for Freeze {
    fn holds(&self) -> &[usize] {
        &self.0
    }
}
