//! Data: every example that a network sees, its label, its split, its ideal answer.
//!
//! A family is one file and its registry rows: [`modular`] (binary operations on Z_p), [`composition`] (finite groups),
//! [`parity`] (sparse parities of ±1 bits), [`automaton`] (local rules on strings of bits, and teachers that are not local) and [`table`] (a user's own
//! table). [`rows`] lists every task; [`build`] makes one from checked arguments and seeds. Nothing here touches a file, a clock or a thread: a task is a pure function of its arguments and `seed.split`.
//!
//! ```
//! use pennydrop_registry::{Args, Value};
//! use pennydrop_tasks::{Seeds, build, find};
//! let args = Args::check("task", find("add")?, [("p".to_string(), Value::Int(113)), ("fraction".to_string(), Value::Float(0.3))])?;
//! let task = build(&args, &Seeds::all(0))?;
//! assert_eq!((task.len(), task.train.len(), task.test.len()), (12769, 3830, 8939));
//! # Ok::<(), pennydrop_registry::SpecError>(())
//! ```

pub mod automaton;
pub mod composition;
pub mod groups;
mod lookup;
pub mod modular;
pub mod number;
pub mod parity;
mod split;
pub mod table;
mod task;

pub use groups::Group;
pub use parity::Fresh;
pub use table::{Column, Table, TableError};
pub use task::{Answers, Coordinate, Features, Leakage, Seeds, Symmetry, Task};

use pennydrop_registry::{Args, Row, SpecError};
use std::sync::LazyLock;

/// One task that can be named in a spec.
#[derive(Debug, Clone, Copy)]
pub struct TaskRow {
    /// Name, summary, source and parameters.
    pub row: Row,
    /// Makes the task from arguments checked against `row`. Reads `seed.split` only.
    pub build: fn(&Args, &Seeds) -> Result<Task, SpecError>,
}

static ROWS: LazyLock<Vec<TaskRow>> = LazyLock::new(|| [modular::ROWS, composition::ROWS, parity::ROWS, automaton::ROWS, table::ROWS].concat());

/// Every task, in the order in which it is listed.
pub fn rows() -> &'static [TaskRow] {
    &ROWS
}

/// The row of the task called `name`.
///
/// # Errors
/// No such task; the message names the nearest.
pub fn find(name: &str) -> Result<&'static Row, SpecError> {
    rows().iter().map(|r| &r.row).find(|r| r.name == name).ok_or_else(|| SpecError::unknown("task.name", "task", name, rows().iter().map(|r| r.row.name)))
}

/// Builds the task whose row `args` was checked against.
///
/// # Errors
/// What the task's own file says; also a row that is none of [`rows`].
pub fn build(args: &Args, seeds: &Seeds) -> Result<Task, SpecError> {
    match rows().iter().find(|r| r.row.name == args.name()) {
        Some(row) => (row.build)(args, seeds),
        None => Err(SpecError::unknown("task.name", "task", args.name(), rows().iter().map(|r| r.row.name))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pennydrop_registry::Value;

    #[test]
    fn names_are_distinct_and_every_default_builds() {
        let mut names: Vec<_> = rows().iter().map(|r| r.row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), rows().len());
        for row in rows() {
            assert!(!row.row.summary.is_empty() && !row.row.source.is_empty());
            if row.row.name == "table" {
                continue;
            }
            let task = build(&Args::check("task", &row.row, []).unwrap(), &Seeds::all(0)).unwrap();
            assert_eq!(task.name, row.row.name);
        }
    }

    #[test]
    fn a_misspelt_task_names_the_nearest() {
        assert!(find("ad").unwrap_err().to_string().contains("did you mean `add`"));
    }

    #[test]
    fn a_table_must_be_read_by_the_caller() {
        let args = Args::check("task", find("table").unwrap(), [("file".to_string(), Value::Str("x.csv".into()))]).unwrap();
        assert!(build(&args, &Seeds::all(0)).unwrap_err().to_string().contains("x.csv"));
    }
}
