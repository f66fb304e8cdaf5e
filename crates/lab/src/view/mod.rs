//! Looking at a campaign: tables and pictures over settings, from a few columns of its record.
//!
//! | view | module |
//! |---|---|
//! | the rows that views are made of; which keys vary | [`rows`] |
//! | a key, a product or a quotient of keys | [`axis`] |
//! | n, censored, median [interval], quantiles: the table that belongs in a paper | [`summary`] |

pub mod axis;
pub mod rows;
pub mod summary;

pub use axis::Axis;
pub use rows::Rows;
pub use summary::{Line, summary};
