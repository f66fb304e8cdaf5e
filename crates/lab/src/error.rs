//! What can go wrong, with the exit code that it becomes.

use pennydrop_registry::SpecError;
use std::path::{Path, PathBuf};

/// Any failure of this crate. The message says what, where and why; [`Error::advice`] one thing to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A key or value that cannot be used.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A spec file that cannot be used.
    #[error("{}: {error}", path.display())]
    SpecFile {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        error: SpecError,
    },
    /// Something typed that is no key: a preset, a run, a word.
    #[error("{what}")]
    Usage {
        /// What, with the value.
        what: String,
        /// One thing to do.
        advice: String,
    },
    /// The campaign folder, a checkpoint, or a user's file.
    #[error(transparent)]
    Store(#[from] pennydrop_store::Error),
    /// A solvable model that gave no answer.
    #[error(transparent)]
    Theory(#[from] pennydrop_theory::TheoryError),
    /// The system refused something that is neither a file of the record nor a spec.
    #[error("cannot {doing}: {why}")]
    System {
        /// What was being done.
        doing: String,
        /// The system's reason.
        why: String,
    },
    /// A file that is needed, was given, and cannot be read.
    #[error("{key}: cannot read {}: {why}", path.display())]
    Input {
        /// The key that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// A resource is too small for what was asked.
    #[error("{what}")]
    Resource {
        /// What, with both sizes.
        what: String,
        /// One thing to do.
        advice: String,
    },
    /// A record that another numerics version made cannot be continued.
    #[error("run {run_id} was begun with numerics {theirs} and this is numerics {ours}: to continue it would join halves of two trajectories")]
    OtherNumerics {
        /// The run.
        run_id: String,
        /// Version of the record.
        theirs: String,
        /// Version of this program.
        ours: String,
    },
    /// A saved state that is whole, but not one of this run.
    #[error("{}: the checkpoint of run {run_id} cannot be used: {why}", path.display())]
    State {
        /// The run.
        run_id: String,
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// A file of the campaign that is not as it was written.
    #[error("{} is damaged: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A file that cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The picture could not be made.
    #[error("the figure could not be drawn: {0}")]
    Picture(#[from] pennydrop_figure::PngError),
    /// The estimate could not be made.
    #[error("the estimate over seeds could not be made: {0}")]
    Stats(#[from] pennydrop_stats::Error),
}

impl Error {
    /// A problem with something typed.
    pub fn usage(what: impl Into<String>, advice: impl Into<String>) -> Error {
        Error::Usage { what: what.into(), advice: advice.into() }
    }

    /// A user's file that cannot be read.
    pub(crate) fn input(key: &'static str, path: &Path, why: impl ToString) -> Error {
        Error::Input { key, path: path.to_path_buf(), why: why.to_string() }
    }

    /// The command's exit code (book, "Exit codes").
    pub fn exit_code(&self) -> u8 {
        use std::io::ErrorKind as K;
        match self {
            Error::Spec(_) | Error::SpecFile { .. } | Error::Usage { .. } | Error::Input { .. } | Error::OtherNumerics { .. } => 2,
            Error::Store(e) => e.class().exit_code(),
            Error::Resource { .. } => 5,
            Error::State { .. } | Error::Damaged { .. } => 7,
            Error::Write { source, .. } => match source.kind() {
                K::StorageFull | K::QuotaExceeded | K::FileTooLarge | K::PermissionDenied | K::ReadOnlyFilesystem => 5,
                _ => 1,
            },
            Error::Theory(_) | Error::System { .. } | Error::Picture(_) | Error::Stats(_) => 1,
        }
    }

    /// One thing to do, where the message does not say it already.
    pub fn advice(&self) -> Option<String> {
        match self {
            Error::Spec(e) | Error::SpecFile { error: e, .. } => Some(match (&e.nearest, e.key.split_once('.')) {
                (Some(n), _) => format!("write `{n}` if that is what was meant"),
                (None, Some((section @ ("task" | "model" | "optim" | "loss"), _))) => {
                    let family = match section {
                        "task" => "tasks",
                        "model" => "models",
                        "optim" => "optimizers",
                        _ => "losses",
                    };
                    format!("`pennydrop list {family} NAME` shows every key with its range")
                }
                _ if e.key.starts_with("--") => "add --help: it says what the command takes".into(),
                _ if matches!(e.key.as_str(), "sweep" | "zip" | "sample") => "the book's page \"Campaigns\" has the words of a sweep".into(),
                _ => "`pennydrop config schema` shows every key with its range".into(),
            }),
            Error::Usage { advice, .. } | Error::Resource { advice, .. } => Some(advice.clone()),
            Error::Input { .. } => Some("check the path, from the folder in which the command runs".into()),
            Error::OtherNumerics { .. } => {
                Some("start it anew with --out and another folder, or continue it with the pennydrop that began it; `show` and `plot` read it as it is".into())
            }
            Error::State { .. } => Some("remove that file: the run then starts from its beginning".into()),
            Error::Damaged { .. } => Some("restore it from a copy, or remove it: what it asked for can be asked again".into()),
            Error::Write { .. } => Some("make room, or choose another folder with --out".into()),
            Error::Theory(_) | Error::System { .. } | Error::Store(_) | Error::Picture(_) | Error::Stats(_) => None,
        }
    }
}
