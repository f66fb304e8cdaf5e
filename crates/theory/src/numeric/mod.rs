//! What several models compute with: draws, estimates with intervals, small matrices, differential equations, integrals, special functions.

mod draws;
mod estimate;
pub(crate) mod gemm;
mod line;
pub mod matrix;
pub mod ode;
pub mod quadrature;
pub mod special;
mod vector;

pub use draws::Draws;
pub use estimate::{fraction, mean, median, quantile};
pub use line::{Line, line};
pub use vector::{axpy, dot};
