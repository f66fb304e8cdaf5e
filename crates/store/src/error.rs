//! What can go wrong with a file or a folder. Every message says what, where, why, and one thing to do.

use std::io;
use std::path::{Path, PathBuf};

/// How a caller should treat an error; the command maps it to its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It cannot be done as asked (exit 1).
    Failed,
    /// What was typed cannot be understood (exit 2).
    Usage,
    /// The machine refused: no room, no permission, too large (exit 5). The same call may succeed later.
    Refused,
    /// Another process is at work on it (exit 6).
    Held,
    /// A file is not what it was when it was published (exit 7).
    Damaged,
}

impl Class {
    /// The command's exit code for this class.
    pub fn exit_code(self) -> u8 {
        match self {
            Class::Failed => 1,
            Class::Usage => 2,
            Class::Refused => 5,
            Class::Held => 6,
            Class::Damaged => 7,
        }
    }
}

/// Any failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The disk, or the user's share of it, is full. Nothing half-written stays behind.
    #[error("no room to write {}: {source}; free some space and resume: everything published before is whole", path.display())]
    Full {
        /// The file that was to be written.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The folder may not be written.
    #[error("cannot write {}: {source}; choose a folder that you may write to, or change its permissions", path.display())]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Any other failure of the system.
    #[error("cannot {doing} {}: {source}; check that the path exists and that its disk is healthy", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file is there, but is not whole or not what it says it is.
    #[error("{} is damaged: {what}; {advice}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the offset or the column where known.
        what: String,
        /// One thing to do.
        advice: &'static str,
    },
    /// The file was written by a newer pennydrop.
    #[error("{} has schema version {found} and this program reads up to {known}; use the pennydrop that wrote it, or a newer one", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: u32,
        /// The newest schema version known here.
        known: u32,
    },
    /// The folder holds no campaign.
    #[error("{} is no campaign: it has no campaign.toml; name the folder that a run or sweep wrote", path.display())]
    NotACampaign {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds another campaign than the one to be created.
    #[error("{} already holds another campaign (hash {theirs}, not {ours}); choose an empty folder, or join it on purpose", path.display())]
    OtherCampaign {
        /// The folder.
        path: PathBuf,
        /// Hash of the text given.
        ours: String,
        /// Hash of the text found.
        theirs: String,
    },
    /// The alarm: one trajectory, one numerics class, two results. Some promise of the engine is broken, or a machine is.
    #[error(
        "run {run_id} has two different results at step {steps} within one numerics class ({class}): weights {first} and {second}; \
         train it again to see which machine is wrong, and move that writer's manifest out of the folder"
    )]
    Disagree {
        /// The run.
        run_id: String,
        /// The numerics class of both rows.
        class: String,
        /// The step both rows ended at (−1 if the table does not say).
        steps: i64,
        /// Weights hash and part of the first row.
        first: String,
        /// Weights hash and part of the second row.
        second: String,
    },
    /// The other alarm: two processes that read the same results took different decisions.
    #[error(
        "decision of round {round} on cell {cell} of question {question} is on record twice, and the records differ in {column:?} ({first} and {second}); \
         move the manifest or segment of the writer that is wrong out of the folder"
    )]
    Decisions {
        /// The question.
        question: String,
        /// The cell.
        cell: i64,
        /// The round.
        round: i64,
        /// The first column in which the rows differ.
        column: String,
        /// Part or segment of the first row.
        first: String,
        /// Part or segment of the second row.
        second: String,
    },
    /// Another process holds a lease on this shard, or on one that overlaps it.
    #[error("{who}, until {}; wait for it, end it, or take another shard", crate::lease::utc(*until))]
    Held {
        /// Who works on what, and where.
        who: String,
        /// Until when, unless it is renewed: seconds since 1970-01-01 UTC.
        until: u64,
    },
    /// Reading it would take more memory than was allowed.
    #[error("{} is too large to read: {what}; raise the limit if you trust the file", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How much it would take, and the limit.
        what: String,
    },
    /// A valid file that uses something this crate does not read.
    #[error("{} cannot be read: {what}; {advice}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What is not supported, with the column or tensor.
        what: String,
        /// One thing to do.
        advice: &'static str,
    },
    /// A query that is not one SELECT which SQLite understands.
    #[error("{what}; {advice}")]
    Sql {
        /// What is wrong, and where.
        what: String,
        /// One thing to do: the nearest name, or those that there are.
        advice: String,
    },
    /// A query that took more than it was allowed to.
    #[error("{what}; {advice}")]
    Cap {
        /// What it took too much of, and the limit.
        what: String,
        /// One thing to do.
        advice: &'static str,
    },
    /// The caller's table, tensor or name breaks a rule of the store.
    #[error("{what}")]
    Invalid {
        /// Which rule, and how to keep it.
        what: String,
    },
}

impl Error {
    /// How to treat it.
    pub fn class(&self) -> Class {
        match self {
            Error::Sql { .. } => Class::Usage,
            Error::Full { .. } | Error::Unwritable { .. } | Error::TooLarge { .. } | Error::Cap { .. } => Class::Refused,
            Error::Damaged { .. } => Class::Damaged,
            Error::Held { .. } => Class::Held,
            Error::Io { .. }
            | Error::Newer { .. }
            | Error::NotACampaign { .. }
            | Error::OtherCampaign { .. }
            | Error::Disagree { .. }
            | Error::Decisions { .. }
            | Error::Unsupported { .. }
            | Error::Invalid { .. } => Class::Failed,
        }
    }

    /// Sorts a failure while writing.
    pub(crate) fn writing(path: &Path, source: io::Error) -> Error {
        use io::ErrorKind as K;
        let path = path.to_path_buf();
        match source.kind() {
            K::StorageFull | K::QuotaExceeded | K::FileTooLarge => Error::Full { path, source },
            K::PermissionDenied | K::ReadOnlyFilesystem | K::NotADirectory => Error::Unwritable { path, source },
            _ => Error::Io { doing: "write", path, source },
        }
    }

    /// A failure while reading.
    pub(crate) fn reading(path: &Path, source: io::Error) -> Error {
        Error::Io { doing: "read", path: path.to_path_buf(), source }
    }

    /// A damaged file.
    pub(crate) fn damaged(path: &Path, what: impl Into<String>, advice: &'static str) -> Error {
        Error::Damaged { path: path.to_path_buf(), what: what.into(), advice }
    }

    /// A rule broken by the caller.
    pub(crate) fn invalid(what: impl Into<String>) -> Error {
        Error::Invalid { what: what.into() }
    }
}
