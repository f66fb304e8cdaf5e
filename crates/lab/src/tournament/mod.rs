//! Matched tournaments: optimizers, or any other changes of a spec, compared at equal *tuning* budget.
//!
//! A rule that was tuned longer than its rival looks better than it is, and so does one whose best setting is quoted on the seeds that chose it. So every
//! arm gets the same number of settings, drawn from its own space by a declared seed, and the same seeds to try them on (the first half); the setting with
//! the smallest restricted mean of `t_grok` is frozen in the record, and only other seeds (the second half: other splits, first weights and batches) decide.
//!
//! | step | module |
//! |---|---|
//! | words → arms: a space each, its settings and tuning runs | [`arms`] |
//! | a table `[tournament]` of a file | [`table`] |
//! | tuning runs → the chosen setting, what trying fewer would have given, whether the best lies at an edge | [`choice`] |
//! | what puts an arm out of competition: leaks, and conditions that the others do not share | [`leaks`] |
//! | judging runs → estimates, differences, tests | [`mod@judge`] |
//! | what is frozen in the folder before and between | [`freeze`] |
//! | words, JSON, picture | [`words`], [`json`], [`picture`] |
//!
//! Both times are judged: `t_grok` in steps, and in compute, which is steps × operations of a step as the engine runs it (after rewrites, the update rule's
//! own work included, evaluations left out; a multiply–add is two). The delay `t_grok − t_mem` is a side column: slowing memorisation shortens it.

pub mod arms;
pub mod choice;
pub mod freeze;
pub mod json;
pub mod judge;
pub mod leaks;
pub mod picture;
pub mod table;
pub mod words;

pub use arms::{Arm, ArmWords, Terms, Tournament};
pub use choice::Tuned;
pub use judge::{Outcome, judge};
pub use table::TournamentTable;

#[cfg(test)]
mod tests;
