//! The claims ledger: what was published, the rule by which it is judged, the runs that decide, and the verdict.
//!
//! | step | module |
//! |---|---|
//! | the folder `claims/`, or the copy in the program | [`ledger`] |
//! | a claim as written: paper, place, parts, ambiguities | [`claim`] |
//! | an experiment: a sweep with what is measured and what it costs | [`experiment`] |
//! | its results: a row a run, as CSV | [`data`] |
//! | an estimate with its interval: a family, a file a member | [`statistic`] |
//! | estimate → verdict | [`rule`] |
//! | what could be wrong with a verdict | [`guard`] |
//! | a claim with everything a page needs | [`mod@judge`] |

pub mod claim;
pub mod data;
pub mod experiment;
pub mod guard;
pub mod judge;
pub mod ledger;
pub mod report;
pub mod rule;
pub mod select;
pub mod statistic;

pub use claim::{Claim, Part};
pub use data::Data;
pub use experiment::Experiment;
pub use judge::{Judged, JudgedPart, judge};
pub use ledger::Ledger;
pub use rule::Verdict;
