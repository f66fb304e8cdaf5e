//! What several models compute with: draws, estimates with intervals, differential equations, integrals, special functions.

mod draws;
mod estimate;
pub(crate) mod gemm;
pub mod ode;
pub mod quadrature;
pub mod special;

pub use draws::Draws;
pub use estimate::{fraction, mean, median, quantile};
