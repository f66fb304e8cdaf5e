//! One part, or the rows of one segment, as a scan reads it: column by column.

use crate::error::Error;
use crate::files;
use crate::ids::Ids;
use crate::manifest::PartInfo;
use crate::parquet_read::{BATCH, Budget, Kind, OpenColumn, Opened, Source, caught};
use crate::scan::ScanData;
use crate::table::{Column, ColumnData, Table};
use crate::text::{Paged, Text};
use std::path::Path;

const ADVICE: &str = "restore it from a copy, or move its writer's manifest out of the folder and run again";

/// Rows that one file (or the end of one segment) holds, before merging.
pub(crate) struct Piece {
    pub rows: Rows,
    pub class: String,
    pub file: String,
    /// Number of its first row among all.
    pub first: usize,
    pub count: usize,
}

pub(crate) enum Rows {
    Part(Box<Opened>),
    Memory(Table),
}

/// Opens a part and reads its footer; `None` if the file is gone.
pub(crate) fn open(path: &Path, part: &PartInfo) -> Result<Option<Opened>, Error> {
    let Some((file, length)) = files::open_if_there(path)? else { return Ok(None) };
    if length != part.bytes {
        return Err(Error::damaged(path, format!("it has {length} bytes and was published with {}", part.bytes), ADVICE));
    }
    let opened = caught(path, || Opened::new(path, Source::Disk(file, length)))?;
    let rows = opened.groups()?.into_iter().fold(0u64, |sum, rows| sum.saturating_add(rows as u64));
    if rows != part.rows {
        return Err(Error::damaged(path, format!("{rows} rows, and its manifest says {}", part.rows), ADVICE));
    }
    Ok(Some(opened))
}

/// Reads from an open part, with the memory that it may take: as in `read_part`, our own parts repeat themselves.
fn reading<T>(part: &Opened, read: impl FnOnce(&mut Budget<'_>) -> Result<T, Error>) -> Result<T, Error> {
    caught(part.path(), || read(&mut Budget::new(part.path(), (1u64 << 30).saturating_add(part.size().saturating_mul(64)))))
}

impl Piece {
    fn path(&self) -> &Path {
        match &self.rows {
            Rows::Part(part) => part.path(),
            Rows::Memory(_) => Path::new(&self.file),
        }
    }

    /// Appends the ids of its rows.
    pub fn ids(&self, ids: &mut Ids) -> Result<(), Error> {
        const LACKS: &str = "it has no column \"run_id\" of type text";
        let mut push = |id: Option<&[u8]>| ids.push(id.ok_or("a row has no run_id")?);
        match &self.rows {
            Rows::Memory(table) => {
                let all = table.get_str("run_id").ok_or_else(|| Error::damaged(self.path(), LACKS, ADVICE))?;
                all.iter().try_for_each(|id| push(id.as_deref().map(str::as_bytes))).map_err(|what| Error::damaged(self.path(), what, ADVICE))
            }
            Rows::Part(opened) => reading(opened, |budget| {
                let index = opened.names().iter().position(|n| *n == "run_id");
                let text = index.map(|i| Ok::<_, Error>((i, opened.kind(i)?))).transpose()?;
                let Some((index, Kind::Text)) = text else { return Err(opened.damaged(LACKS.into())) };
                for (g, rows) in opened.groups()?.into_iter().enumerate() {
                    opened.open(g, index, budget)?.texts(rows, |id| push(id.as_ref().map(|v| v.data())))?;
                }
                Ok(())
            }),
        }
    }

    /// Appends a column to `all`, which holds the rows before this piece (or is `None`, if no piece had it).
    pub fn append(&self, name: &str, all: Option<ScanData>) -> Result<Option<ScanData>, Error> {
        let mut all = match &self.rows {
            Rows::Memory(table) => match table.get(name) {
                None => all,
                Some(ColumnData::Str(v)) => {
                    let mut text = self.text(name, all)?;
                    v.iter().for_each(|s| text.push(s.as_deref()));
                    Some(ScanData::Text(text))
                }
                Some(other) => Some(self.cells(name, all, other.clone())?),
            },
            Rows::Part(opened) => reading(opened, |budget| {
                let Some(index) = opened.names().iter().position(|n| *n == name) else { return Ok(all) };
                if opened.kind(index)? != Kind::Text {
                    return self.cells(name, all, opened.column(index, budget)?).map(Some);
                }
                let mut text = self.text(name, all)?;
                for (g, rows) in opened.groups()?.into_iter().enumerate() {
                    let (mut paged, mut new) = (Paged::new(&mut text), 0);
                    opened.open(g, index, budget)?.texts(rows, |v| paged.push(v).map(|n| new += n as u64))?;
                    budget.take(new)?;
                }
                Ok(Some(ScanData::Text(text)))
            })?,
        };
        if let Some(all) = &mut all {
            all.pad(self.first + self.count);
        }
        Ok(all)
    }

    fn clash(&self, name: &str, mine: &str, theirs: &str) -> Error {
        Error::invalid(format!("{}: column {name:?} is a {mine} in one table and a {theirs} in another: they cannot be merged", self.file))
    }

    /// What was read of a column, as text.
    fn text(&self, name: &str, all: Option<ScanData>) -> Result<Text, Error> {
        match all {
            None => {
                let mut text = Text::default();
                text.pad(self.first);
                Ok(text)
            }
            Some(ScanData::Text(text)) => Ok(text),
            Some(other) => Err(self.clash(name, other.type_name(), "text")),
        }
    }

    /// What was read of a column, and more.
    fn cells(&self, name: &str, all: Option<ScanData>, more: ColumnData) -> Result<ScanData, Error> {
        let mut mine = match all {
            None => {
                let mut data = more.same_type();
                data.pad(self.first);
                data
            }
            Some(ScanData::I64(v)) => ColumnData::I64(v),
            Some(ScanData::F64(v)) => ColumnData::F64(v),
            Some(ScanData::Bool(v)) => ColumnData::Bool(v),
            Some(ScanData::Text(_)) => return Err(self.clash(name, "text", more.type_name())),
        };
        let kind = mine.type_name();
        mine.extend(more).map_err(|theirs| self.clash(name, kind, theirs.type_name()))?;
        Ok(match mine {
            ColumnData::I64(v) => ScanData::I64(v),
            ColumnData::F64(v) => ScanData::F64(v),
            ColumnData::Bool(v) => ScanData::Bool(v),
            ColumnData::Str(_) => return Err(self.clash(name, kind, "text")),
        })
    }

    /// Names of its columns, each with an empty column of its type.
    pub fn columns(&self) -> Result<Vec<(String, ColumnData)>, Error> {
        match &self.rows {
            Rows::Memory(table) => Ok(table.columns.iter().map(|c| (c.name.clone(), c.data.same_type())).collect()),
            Rows::Part(opened) => opened.names().iter().enumerate().map(|(i, n)| Ok((n.to_string(), opened.kind(i)?.empty()))).collect(),
        }
    }

    /// Hands its kept rows on, in portions; says what `each` said.
    pub fn each<E>(&self, kept: &[bool], each: &mut impl FnMut(Table) -> Result<(), E>) -> Result<Result<(), E>, Error> {
        let opened = match &self.rows {
            Rows::Memory(table) => return Ok(portion(table.clone(), kept, each)),
            Rows::Part(opened) => opened,
        };
        reading(opened, |budget| {
            let names = opened.names();
            let mut start = 0;
            for (g, rows) in opened.groups()?.into_iter().enumerate() {
                let mut open = (0..names.len()).map(|i| opened.open(g, i, budget)).collect::<Result<Vec<OpenColumn>, _>>()?;
                for from in (0..rows).step_by(BATCH) {
                    let count = BATCH.min(rows - from);
                    let mut table = Table::default();
                    // A portion is let go before the next: its text counts against a limit of its own.
                    let mut budget = budget.portion();
                    for (name, column) in names.iter().zip(&mut open) {
                        let mut data = column.kind().empty();
                        column.read(count, &mut data, &mut budget)?;
                        table.columns.push(Column { name: name.to_string(), data });
                    }
                    let said = portion(table, &kept[start + from..start + from + count], each);
                    if said.is_err() {
                        return Ok(said);
                    }
                }
                start += rows;
            }
            Ok(Ok(()))
        })
    }
}

/// Hands the kept rows of a portion on.
fn portion<E>(table: Table, kept: &[bool], each: &mut impl FnMut(Table) -> Result<(), E>) -> Result<(), E> {
    if !kept.contains(&true) {
        return Ok(());
    }
    if !kept.contains(&false) {
        return each(table);
    }
    let order: Vec<usize> = (0..kept.len()).filter(|&i| kept[i]).collect();
    each(table.pick(&order))
}
