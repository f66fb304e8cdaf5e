//! Tensor programs: primitive operations with static shapes, derivatives as graph transforms, rewrites on row domains, executors.
//!
//! A program is written for *one example* ([`ir`]). Every tensor carries its row domain ([`domain`]); derivatives ([`ad`]) and
//! rewrites ([`rewrite`]) map graphs to graphs; the [`mod@reference`] executor is the oracle and [`cpu`] the fast one.

pub mod ad;
pub mod cpu;
pub mod cross_entropy;
pub mod domain;
pub mod feed;
pub mod ir;
pub mod linalg;
pub mod precision;
pub mod reference;
pub mod rewrite;
pub mod rng;

pub use domain::Domain;
pub use ir::{Graph, Id};
