//! Solvable models of delayed generalisation and delay laws: the closed form **beside** a simulator that does not use it.
//!
//! A model is *one file and one row* ([`Model`]). Its file has the same parts as every other: the model, the closed form (as printed and, where the print is
//! wrong, corrected; both are named), the simulator, the claims that it can answer, tests. [`models`] lists them; [`answer()`] evaluates one at checked arguments.
//!
//! | module | what lives there |
//! |---|---|
//! | [`model`] | the models, a file each, and the grammar that they share |
//! | [`answer`](mod@answer) | what a model says: quantities (printed, corrected, simulated), charts, tables, findings |
//! | [`sweep`] | one model along one parameter |
//! | [`laws`] | delay laws as functions of measured quantities, with their domains, their nulls and their calibration |
//! | [`numeric`] | draws, quadrature, differential equations, estimates with intervals |
//!
//! ```
//! use pennydrop_theory::{Context, answer, find};
//! use pennydrop_registry::{Args, Value};
//! let model = find("davies")?;
//! let args = Args::check("davies", &model.row, [("case".to_string(), Value::Str("grokking".into()))])?;
//! let said = answer(&args, &Context::default())?;
//! assert!(said.quantities.iter().any(|q| q.name.contains("test")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod answer;
pub mod laws;
pub mod model;
pub mod numeric;
pub mod sweep;

pub use answer::{Answer, Finding, Quantity, Simulated, Table};
pub use model::{Claim, Context, Model, TheoryError, Weights, answer, find, models, weights};
