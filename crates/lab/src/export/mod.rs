//! A campaign's tables as files for other programs.
//!
//! Rows are those of the merged tables, each run (or evaluation) once, sorted by run and step; a filter keeps the runs whose ids begin as said. Tables are
//! read in blocks of rows, so memory does not grow with the campaign. A file appears whole, by rename, and replaces nothing unless it is told to.
//!
//! | format | what it holds |
//! |---|---|
//! | `csv` | RFC 4180 with a line of names; a null is empty, an empty text `""`; `nan`, `inf`, `-inf`; `true`, `false` |
//! | `jsonl` | an object a line: of runs, the object of `run --json` with `label`, `spec`, `limits`, `machine`, and `varied`, the keys that vary; of curves, an evaluation. A number that JSON lacks is `null` with a sibling `…_nonfinite` |
//! | `npz` | NumPy: an array a column ([`npz`]) |
//! | `tensorboard` | a folder with an event file a run ([`tensorboard`]), of curves only |

pub mod csv;
mod jsonl;
pub mod npz;
pub mod tensorboard;

use crate::Error;
use pennydrop_store::{Campaign, ColumnData, Scan, Scanner};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Cells of a block of rows: 16 bytes each, but for text.
const BLOCK: usize = 16 << 20;

/// Which table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A row a run.
    Runs,
    /// A row an evaluation.
    Curves,
}

impl What {
    /// The kind of the store's table.
    pub fn kind(self) -> &'static str {
        match self {
            What::Runs => "runs",
            What::Curves => "curves",
        }
    }
}

/// In which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values.
    Csv,
    /// A JSON object a line.
    Jsonl,
    /// NumPy arrays.
    Npz,
    /// TensorBoard's event files.
    Tensorboard,
}

/// Where to.
pub enum Target<'a> {
    /// A stream: standard output. Not for a folder of event files.
    Stream(&'a mut dyn Write),
    /// A file, or a folder of event files.
    Path {
        /// Its path.
        path: &'a Path,
        /// Whether it may replace what is there. A folder is replaced only if an export made it.
        force: bool,
    },
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exported {
    /// Rows: runs, or evaluations.
    pub rows: u64,
    /// Files.
    pub files: u64,
}

/// Writes a table, of all runs or of those whose ids begin with one of `prefixes`.
///
/// # Errors
/// [`Error::Usage`] if a prefix begins no id, a file is in the way, or the format does not go with the table or target; [`Error::Write`] if it cannot be
/// written; those of reading the campaign.
pub fn export(campaign: &Campaign, what: What, format: Format, target: Target, prefixes: &[String]) -> Result<Exported, Error> {
    if let Target::Path { path, force } = &target {
        check_target(path, *force, format)?;
    }
    let source = Source::new(campaign, what, prefixes)?;
    match (format, target) {
        (Format::Tensorboard, _) if what == What::Runs => {
            Err(Error::usage("event files hold curves, and this asks for runs", "ask for curves, or write runs as csv, jsonl or npz"))
        }
        (Format::Tensorboard, Target::Stream(_)) => Err(Error::usage("event files need a folder", "name one with -o")),
        (Format::Tensorboard, Target::Path { path, force }) => tensorboard::write(&source, path, force),
        (_, Target::Stream(out)) => {
            let mut out = BufWriter::with_capacity(1 << 16, out);
            let path = Path::new("<stdout>");
            source.write(format, &mut out).and_then(|rows| out.flush().map(|()| rows).map_err(|e| wrote(path, e))).map_err(|e| named(e, path))
        }
        (_, Target::Path { path, force }) => {
            let temporary = temporary(path)?;
            let written = write_file(&source, format, &temporary).map_err(|e| named(e, path));
            let published = written.and_then(|done| {
                // Whoever took the name meanwhile keeps it.
                check_target(path, force, format)?;
                std::fs::rename(&temporary, path).map_err(|e| wrote(path, e))?;
                Ok(done)
            });
            if published.is_err() {
                // The error above is the one to tell.
                let _ = std::fs::remove_file(&temporary);
            }
            published
        }
    }
}

fn write_file(source: &Source, format: Format, temporary: &Path) -> Result<Exported, Error> {
    let file = File::create_new(temporary).map_err(|e| wrote(temporary, e))?;
    let mut out = BufWriter::with_capacity(1 << 16, file);
    let done = source.write(format, &mut out)?;
    let file = out.into_inner().map_err(|e| wrote(temporary, e.into_error()))?;
    file.sync_all().map_err(|e| wrote(temporary, e))?;
    Ok(done)
}

fn wrote(path: &Path, source: std::io::Error) -> Error {
    Error::Write { path: path.to_path_buf(), source }
}

/// The same failure, of the file that was asked for.
fn named(e: Error, path: &Path) -> Error {
    match e {
        Error::Write { source, .. } => wrote(path, source),
        e => e,
    }
}

/// A name beside `path` that no other process takes.
fn temporary(path: &Path) -> Result<PathBuf, Error> {
    let name = path
        .file_name()
        .and_then(|n| n.to_str())
        .ok_or_else(|| Error::usage(format!("{} names no file", path.display()), "give a name, such as -o runs.csv"))?;
    Ok(path.with_file_name(format!(".tmp-{name}-{}", std::process::id())))
}

fn check_target(path: &Path, force: bool, format: Format) -> Result<(), Error> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let ours = if format == Format::Tensorboard { path.join(tensorboard::MARK).is_file() } else { path.is_file() };
    match (force, ours) {
        (true, true) => Ok(()),
        (false, true) => Err(Error::usage(format!("{} is there already", path.display()), "choose another name, or add --force to replace it")),
        (_, false) => Err(Error::usage(format!("{} is there already, and no export made it", path.display()), "choose another name")),
    }
}

/// The rows to write, and their columns.
pub(crate) struct Source {
    scanner: Scanner,
    what: What,
    folder: PathBuf,
    /// Every column, with an empty column of its type.
    columns: Vec<(String, ColumnData)>,
    /// Rows of the sorted table, in ascending ranges that do not overlap.
    ranges: Vec<Range<usize>>,
}

impl Source {
    fn new(campaign: &Campaign, what: What, prefixes: &[String]) -> Result<Source, Error> {
        let scanner = campaign.scanner(what.kind())?;
        let ranges = if prefixes.is_empty() {
            std::iter::once(0..scanner.rows()).collect()
        } else {
            let scan = scanner.take(&["run_id"])?;
            let id = |row: usize| scan.get_text("run_id").and_then(|t| t.get(row)).unwrap_or_default();
            let mut marked = vec![false; scan.rows()];
            for prefix in prefixes {
                let begins = |row: usize| id(row).starts_with(prefix.as_str());
                let found: Vec<usize> = (0..scan.rows()).filter(|&row| begins(row)).collect();
                if found.is_empty() {
                    return Err(Error::usage(
                        format!("no run with rows in {} has an id that begins with `{prefix}`", what.kind()),
                        "`pennydrop show DIR` lists what there is",
                    ));
                }
                found.into_iter().for_each(|row| marked[row] = true);
            }
            let mut ranges: Vec<Range<usize>> = Vec::new();
            for row in (0..marked.len()).filter(|&row| marked[row]) {
                match ranges.last_mut() {
                    Some(last) if last.end == row => last.end += 1,
                    _ => ranges.push(row..row + 1),
                }
            }
            ranges
        };
        Ok(Source { columns: scanner.columns()?, scanner, what, folder: campaign.folder().to_path_buf(), ranges })
    }

    fn rows(&self) -> usize {
        self.ranges.iter().map(Range::len).sum()
    }

    fn names(&self) -> Vec<&str> {
        self.columns.iter().map(|(n, _)| n.as_str()).collect()
    }

    /// Gives these columns of all rows, block after block.
    fn blocks(&self, columns: &[&str], mut each: impl FnMut(Scan) -> Result<(), Error>) -> Result<(), Error> {
        let step = (BLOCK / columns.len().max(1)).max(1);
        for range in &self.ranges {
            for start in range.clone().step_by(step) {
                each(self.scanner.take_rows(columns, start..range.end.min(start + step))?)?;
            }
        }
        Ok(())
    }

    fn write(&self, format: Format, out: &mut dyn Write) -> Result<Exported, Error> {
        match format {
            Format::Csv => csv::write(self, out)?,
            Format::Jsonl => jsonl::write(self, out)?,
            Format::Npz => npz::write(self, out)?,
            Format::Tensorboard => return Err(Error::usage("event files need a folder", "name one with -o")),
        }
        Ok(Exported { rows: self.rows() as u64, files: 1 })
    }
}

#[cfg(test)]
mod tests;
