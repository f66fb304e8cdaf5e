//! The index: the merged tables as SQLite files, for queries. It is derived, checked against the record whenever it is used, and may be deleted.
//!
//! `index/<kind>.sqlite` holds the table of that kind, a row each run (evaluation, decision) once, in no order; truth values are 0 and 1. SQLite has no
//! NaN, and nobody expects an infinity there: such a number is NULL, and a column `<name>_nonfinite`, which is there only if it is needed, says `nan`, `inf`
//! or `-inf`. A negative zero becomes zero. Two builders at once do each other no harm: the file appears whole, by rename.

use crate::campaign::{Campaign, View};
use crate::error::Error;
use crate::files;
use crate::merge::KINDS;
use crate::scanner::Scanner;
use crate::table::{ColumnData, Table};
use crate::verify::older;
use rusqlite::{Connection, ErrorCode, OpenFlags, Statement};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Changes whenever the files' form does.
const FORM: u32 = 1;
const FOLDER: &str = "index";

/// SQLite is used by one thread at a time, because its limit on memory holds for the process.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What [`Campaign::reindex`] built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IndexInfo {
    /// Rows of all tables.
    pub rows: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

/// An index that is up to date. One that could not be kept is removed when it is dropped.
pub(crate) struct Indexed {
    pub path: PathBuf,
    kept: bool,
}

impl Drop for Indexed {
    fn drop(&mut self) {
        if !self.kept {
            // It lies in the system's folder for temporary files, which is swept anyway.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Campaign {
    /// Builds the index anew, whether or not it is up to date. [`Campaign::query`] does this by itself where it must.
    ///
    /// # Errors
    /// Those of [`Campaign::scan`]; [`Error::Unwritable`], [`Error::Full`] or [`Error::Io`] if it cannot be written.
    pub fn reindex(&self) -> Result<IndexInfo, Error> {
        let _alone = alone();
        let mut info = IndexInfo::default();
        for kind in KINDS {
            let print = fingerprint(self, &self.view()?, kind);
            let path = self.index_path(kind);
            let temporary = self.index_temporary()?;
            info.rows += self.build(kind, &print, &temporary)?;
            publish(&temporary, &path)?;
            info.bytes += fs::metadata(&path).map_err(|e| Error::reading(&path, e))?.len();
        }
        Ok(info)
    }

    fn index_path(&self, kind: &str) -> PathBuf {
        self.folder().join(FOLDER).join(format!("{kind}.sqlite"))
    }

    /// A new, empty file in the index's folder. What a killed builder left there an hour ago is removed.
    fn index_temporary(&self) -> Result<PathBuf, Error> {
        let folder = self.folder().join(FOLDER);
        files::make_folder(&folder)?;
        for name in files::names(&folder)?.iter().filter(|n| n.starts_with(files::TEMP)) {
            let path = folder.join(name);
            if older(&path, Duration::from_secs(3600)) {
                // Whoever fails to remove it has not needed to.
                let _ = fs::remove_file(path);
            }
        }
        new_file(folder.join(format!("{}{}", files::TEMP, files::unique_name())))
    }

    /// The index of a kind, built if it is not up to date; in the folder for temporary files if the campaign's cannot be written.
    pub(crate) fn indexed(&self, kind: &str, anew: bool) -> Result<Indexed, Error> {
        let print = fingerprint(self, &self.view()?, kind);
        let path = self.index_path(kind);
        if !anew && up_to_date(&path, &print) {
            return Ok(Indexed { path, kept: true });
        }
        match self.index_temporary() {
            Ok(temporary) => {
                self.build(kind, &print, &temporary)?;
                publish(&temporary, &path)?;
                Ok(Indexed { path, kept: true })
            }
            Err(Error::Unwritable { .. }) => {
                let place = std::env::temp_dir().join(format!("pennydrop-index-{}.sqlite", files::unique_name()));
                let indexed = Indexed { path: new_file(place)?, kept: false };
                self.build(kind, &print, &indexed.path)?;
                Ok(indexed)
            }
            Err(e) => Err(e),
        }
    }

    /// Fills the empty file `path`, which is removed if that fails; gives the number of rows.
    fn build(&self, kind: &str, print: &str, path: &Path) -> Result<u64, Error> {
        let built = self.scanner(kind).and_then(|scanner| {
            let rows = fill(&scanner, kind, print, path)?;
            File::open(path).and_then(|f| f.sync_all()).map_err(|e| Error::writing(path, e))?;
            Ok(rows)
        });
        if built.is_err() {
            let _ = fs::remove_file(path);
        }
        built
    }
}

fn new_file(path: PathBuf) -> Result<PathBuf, Error> {
    OpenOptions::new().write(true).create_new(true).open(&path).map_err(|e| Error::writing(&path, e))?;
    Ok(path)
}

fn publish(temporary: &Path, path: &Path) -> Result<(), Error> {
    fs::rename(temporary, path).map_err(|e| {
        let _ = fs::remove_file(temporary);
        Error::writing(path, e)
    })
}

/// Everything on which a table's rows depend.
fn fingerprint(campaign: &Campaign, view: &View, kind: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(format!("{FORM} {}\n", campaign.hash()).as_bytes());
    for (part, made_by) in view.parts().filter(|(p, _)| p.kind == kind) {
        hasher.update(format!("{} {} {}\n", part.file, part.blake3, made_by.class).as_bytes());
    }
    for name in &view.segments {
        // One that is gone by now makes the fingerprint one that no later look gives.
        let length = fs::metadata(campaign.folder().join(name)).map_or(u64::MAX, |m| m.len());
        hasher.update(format!("{name} {length}\n").as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// Opens an index to read it.
pub(crate) fn open(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

fn up_to_date(path: &Path, print: &str) -> bool {
    let found = || open(path)?.query_row("SELECT fingerprint FROM pennydrop_index", [], |row| row.get::<_, String>(0));
    path.is_file() && found().is_ok_and(|p| p == print)
}

/// A name as SQL writes it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Sorts a failure while an index is written.
fn writing(path: &Path, e: rusqlite::Error) -> Error {
    let source = io::Error::other(e.to_string());
    let path = path.to_path_buf();
    match e.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::Full { path, source },
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Error::Unwritable { path, source },
        _ => Error::Io { doing: "write", path, source },
    }
}

fn fill(scanner: &Scanner, kind: &str, print: &str, path: &Path) -> Result<u64, Error> {
    let failed = |e| writing(path, e);
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(failed)?;
    // Nobody sees the file before it is whole, so there is nothing to roll back; large pages, because rows have hundreds of columns.
    conn.execute_batch("PRAGMA page_size=16384; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-32768;")
        .map_err(failed)?;
    let mut layout = Layout::new(scanner.columns()?, kind);
    conn.execute_batch(&format!("BEGIN; CREATE TABLE {}", layout.definition(kind))).map_err(failed)?;
    let mut insert: Option<Statement> = None;
    let mut rows = 0;
    scanner.each(|table| {
        for column in &table.columns {
            if matches!(&column.data, ColumnData::F64(v) if v.iter().flatten().any(|x| !x.is_finite())) {
                if let Some(name) = layout.add_sibling(&column.name) {
                    insert = None;
                    conn.execute_batch(&format!("ALTER TABLE {kind} ADD COLUMN {} TEXT", quoted(&name))).map_err(failed)?;
                }
            }
        }
        let insert = match &mut insert {
            Some(i) => i,
            none => none.insert(conn.prepare(&layout.insertion(kind)).map_err(failed)?),
        };
        rows += table.rows() as u64;
        layout.insert(insert, &table).map_err(failed)
    })?;
    drop(insert);
    let keys = match kind {
        "runs" => "run_id",
        "curves" => "run_id, step",
        _ => "question, cell, round",
    };
    conn.execute_batch(&format!("CREATE INDEX {kind}_by_key ON {kind}({keys}); CREATE TABLE pennydrop_index(fingerprint TEXT)")).map_err(failed)?;
    conn.execute("INSERT INTO pennydrop_index VALUES (?1)", [print]).map_err(failed)?;
    conn.execute_batch("COMMIT").map_err(failed)?;
    conn.close().map_err(|(_, e)| writing(path, e))?;
    Ok(rows)
}

/// Where each column of a table goes.
struct Layout {
    /// Name in the record, name in the index (SQLite's names do not tell case apart), and an empty column of its type.
    columns: Vec<(String, String, ColumnData)>,
    place: BTreeMap<String, usize>,
    /// Place of the column that a column's siblings lie in.
    siblings: BTreeMap<usize, usize>,
    taken: BTreeSet<String>,
}

impl Layout {
    fn new(columns: Vec<(String, ColumnData)>, kind: &str) -> Layout {
        let mut layout = Layout { columns: Vec::new(), place: BTreeMap::new(), siblings: BTreeMap::new(), taken: BTreeSet::new() };
        // The keys are there even if there are no rows.
        let (text, whole) = (ColumnData::Str(Vec::new()), ColumnData::I64(Vec::new()));
        let keys = match kind {
            "runs" => vec![("run_id", text)],
            "curves" => vec![("run_id", text), ("step", whole)],
            _ => vec![("question", text), ("cell", whole.clone()), ("round", whole)],
        };
        let keys = keys.into_iter().map(|(name, data)| (name.to_string(), data));
        for (name, data) in keys.chain(columns) {
            if !layout.place.contains_key(&name) {
                let unique = layout.unique(&name);
                layout.place.insert(name.clone(), layout.columns.len());
                layout.columns.push((name, unique, data));
            }
        }
        layout
    }

    fn unique(&mut self, name: &str) -> String {
        let mut unique = name.to_string();
        for n in 2.. {
            if self.taken.insert(unique.to_lowercase()) {
                break;
            }
            unique = format!("{name}_{n}");
        }
        unique
    }

    /// Makes room for what a number is that SQLite lacks; gives the name of a column that is to be added.
    fn add_sibling(&mut self, name: &str) -> Option<String> {
        let at = *self.place.get(name)?;
        if self.siblings.contains_key(&at) {
            return None;
        }
        let unique = self.unique(&format!("{}_nonfinite", self.columns[at].1));
        self.siblings.insert(at, self.columns.len());
        self.columns.push((String::new(), unique.clone(), ColumnData::Str(Vec::new())));
        Some(unique)
    }

    fn definition(&self, kind: &str) -> String {
        let column = |(_, name, data): &(String, String, ColumnData)| {
            let kind = match data {
                ColumnData::I64(_) | ColumnData::Bool(_) => "INTEGER",
                ColumnData::F64(_) => "REAL",
                ColumnData::Str(_) => "TEXT",
            };
            format!("{} {kind}", quoted(name))
        };
        format!("{kind}({})", self.columns.iter().map(column).collect::<Vec<_>>().join(", "))
    }

    fn insertion(&self, kind: &str) -> String {
        format!("INSERT INTO {kind} VALUES (?{})", ",?".repeat(self.columns.len() - 1))
    }

    fn insert(&self, statement: &mut Statement, table: &Table) -> rusqlite::Result<()> {
        // What this table lacks stays unbound, which is NULL.
        statement.clear_bindings();
        let columns: Vec<(usize, Option<usize>, &ColumnData)> = table
            .columns
            .iter()
            .filter_map(|c| {
                let at = *self.place.get(&c.name)?;
                Some((at + 1, self.siblings.get(&at).map(|s| s + 1), &c.data))
            })
            .collect();
        for row in 0..table.rows() {
            for (at, sibling, data) in &columns {
                match data {
                    ColumnData::I64(v) => statement.raw_bind_parameter(*at, v[row])?,
                    ColumnData::Bool(v) => statement.raw_bind_parameter(*at, v[row])?,
                    ColumnData::Str(v) => statement.raw_bind_parameter(*at, v[row].as_deref())?,
                    ColumnData::F64(v) => {
                        let value = v[row];
                        statement.raw_bind_parameter(*at, value.filter(|x| x.is_finite()))?;
                        if let Some(sibling) = sibling {
                            statement.raw_bind_parameter(*sibling, value.and_then(nonfinite))?;
                        }
                    }
                }
            }
            statement.raw_execute()?;
        }
        Ok(())
    }
}

/// What a number is that JSON and SQL lack.
fn nonfinite(x: f64) -> Option<&'static str> {
    match x {
        x if x.is_finite() => None,
        x if x.is_nan() => Some("nan"),
        x if x > 0.0 => Some("inf"),
        _ => Some("-inf"),
    }
}
