//! Many settings and many seeds: what is planned, how it is trained, how far it is.
//!
//! | step | module |
//! |---|---|
//! | words → settings, each resolved, each run named by its content | [`design`] |
//! | what it will cost | [`estimate`] |
//! | settings × seeds → packs over the cores, in rounds where seeds are added until an interval is narrow enough | [`mod@train`], [`until`] |
//! | how far it is | [`status`] |
//! | whether its runs, trained again, have the same bits | [`check`] |

pub mod check;
pub mod design;
pub mod estimate;
pub mod status;
pub mod train;
pub mod until;

pub use design::{Design, Setting};
pub use until::Until;
