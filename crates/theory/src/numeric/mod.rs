//! What several models compute with: draws, estimates with intervals, differential equations.

mod draws;
mod estimate;
pub mod ode;

pub use draws::Draws;
pub use estimate::{fraction, mean, median, quantile};
