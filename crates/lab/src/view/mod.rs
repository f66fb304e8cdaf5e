//! Looking at a campaign: tables and pictures over settings, from a few columns of its record.
//!
//! | view | module |
//! |---|---|
//! | the rows that views are made of; which keys vary | [`rows`] |
//! | a key, a product or a quotient of keys | [`axis`] |
//! | only some of the runs | [`select`] |
//! | n, censored, median with interval, quantiles: the table that belongs in a paper | [`mod@summary`] |
//! | the phase diagram of Liu et al. | [`phase`] |
//! | survival curves by a key, with their tests | [`survival`] |
//! | a law with its nulls | [`law`] |
//! | what a curve was at a time of each run | [`measure`](mod@measure) |

pub mod axis;
pub mod law;
pub mod measure;
pub mod phase;
pub mod rows;
pub mod select;
pub mod summary;
pub mod survival;

pub use axis::Axis;
pub use rows::Rows;
pub use summary::{Line, summary};
