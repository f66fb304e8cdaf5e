//! Tensor programs: primitive operations, derivatives as graph transforms, rewrites on row domains, executors.

pub mod rng;
