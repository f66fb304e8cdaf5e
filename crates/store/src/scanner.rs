//! Some columns of many rows: what a table or picture of a million runs needs, without reading the rest.
//!
//! [`Campaign::read`] hashes every byte and decodes every column. A scan reads the footer of each part and the chunks of the columns asked for. It checks
//! each part's length and number of rows against the manifest and reports what does not decode as damage; that every byte is as published is for
//! [`Campaign::verify`] to say. Rows are merged by the same rules: each run (or evaluation) once, and two results of one run are the same alarm.

use crate::campaign::Campaign;
use crate::error::Error;
use crate::ids::Ids;
use crate::merge::{Source, check_kind, merge};
use crate::piece::{Piece, Rows, open};
use crate::scan::{Scan, ScanData};
use crate::segment;
use crate::table::{ColumnData, Table};
use std::collections::BTreeMap;
use std::ops::Range;

/// So many parts are kept open, so that their rows can be read even after another process has compacted and removed them.
const KEEP_OPEN: usize = 256;

/// Which rows of a kind are read, found out once; columns are read as they are asked for.
pub struct Scanner {
    pieces: Vec<Piece>,
    ids: Ids,
    /// Rows that are read, sorted by key.
    order: Vec<u32>,
}

impl Campaign {
    /// Some columns of all rows of a kind, merged and sorted as [`Campaign::read`] merges and sorts them; columns that a part lacks are nulls in its rows.
    ///
    /// Reads the parts' footers, the column chunks asked for, and the keys (`run_id`; `step` and `series` of curves; `steps` and `weights_hash` of runs
    /// that have several rows). Does not hash: see [`Campaign::verify`].
    ///
    /// # Errors
    /// As [`Campaign::read`]; damage is noticed only where a part's length, footer, number of rows or the columns read are wrong.
    pub fn scan(&self, kind: &str, columns: &[&str]) -> Result<Scan, Error> {
        self.scanner(kind)?.take(columns)
    }

    /// What [`Campaign::scan`] does, in two steps, for callers that read columns one after the other, or rows in portions.
    ///
    /// # Errors
    /// As [`Campaign::scan`].
    pub fn scanner(&self, kind: &str) -> Result<Scanner, Error> {
        let place = check_kind(kind, None)?;
        if !["runs", "curves"].contains(&kind) {
            // Tables that are small, and merged by every column.
            let table = self.read(kind)?;
            let (count, file) = (table.rows(), kind.to_string());
            let piece = Piece { rows: Rows::Memory(table), class: String::new(), file, first: 0, count };
            return Ok(Scanner { pieces: vec![piece], ids: Ids::Hex(Vec::new()), order: (0..).take(count).collect() });
        }
        let mut pieces = self.consistently(|view| {
            let mut pieces = Vec::new();
            for (part, made_by) in view.parts().filter(|(p, _)| p.kind == kind) {
                let Some(mut opened) = open(&self.folder().join(&part.file), part)? else { return Ok(Err(part.file.clone())) };
                if pieces.len() >= KEEP_OPEN {
                    opened.close();
                }
                let count = usize::try_from(part.rows).unwrap_or(usize::MAX);
                pieces.push(Piece { rows: Rows::Part(Box::new(opened)), class: made_by.class.clone(), file: part.file.clone(), first: 0, count });
            }
            for name in &view.segments {
                let Some(segment) = segment::read(self.folder(), name, self.hash(), Some(place))? else { return Ok(Err(name.clone())) };
                for (_, table) in segment.tables {
                    let count = table.rows();
                    pieces.push(Piece { rows: Rows::Memory(table), class: segment.made_by.class.clone(), file: name.clone(), first: 0, count });
                }
            }
            Ok(Ok(pieces))
        })?;
        let mut first = 0usize;
        for piece in &mut pieces {
            piece.first = first;
            first = first.saturating_add(piece.count);
        }
        if first >= u32::MAX as usize {
            return Err(Error::TooLarge { path: self.folder().to_path_buf(), what: format!("{first} rows of {kind}, and the limit is {}", u32::MAX) });
        }
        let mut scanner = Scanner { pieces, ids: Ids::Hex(Vec::new()), order: Vec::new() };
        for piece in &scanner.pieces {
            piece.ids(&mut scanner.ids)?;
        }
        scanner.order = if kind == "curves" { scanner.curves()? } else { scanner.runs()? };
        Ok(scanner)
    }
}

impl Scanner {
    /// Number of rows, each run (or evaluation) once.
    pub fn rows(&self) -> usize {
        self.order.len()
    }

    /// Names of all columns, in the order in which parts bring them, each with an empty column of its type.
    ///
    /// # Errors
    /// As [`Campaign::scan`].
    pub fn columns(&self) -> Result<Vec<(String, ColumnData)>, Error> {
        let mut found: Vec<(String, ColumnData)> = Vec::new();
        let mut place: BTreeMap<String, usize> = BTreeMap::new();
        for piece in &self.pieces {
            for (name, data) in piece.columns()? {
                match place.get(&name) {
                    Some(&i) => found[i].1.extend(data).map_err(|_| Error::invalid(format!("{}: column {name:?} is of another type elsewhere", piece.file)))?,
                    None => {
                        place.insert(name.clone(), found.len());
                        found.push((name, data));
                    }
                }
            }
        }
        Ok(found)
    }

    /// These columns of all rows, sorted by key.
    ///
    /// # Errors
    /// As [`Campaign::scan`].
    pub fn take(&self, columns: &[&str]) -> Result<Scan, Error> {
        self.take_rows(columns, 0..self.order.len())
    }

    /// These columns of some rows of the sorted table; a range beyond its end is cut. It reads the whole columns, one after the other, and keeps these rows.
    ///
    /// # Errors
    /// As [`Campaign::scan`].
    pub fn take_rows(&self, columns: &[&str], rows: Range<usize>) -> Result<Scan, Error> {
        let end = rows.end.min(self.order.len());
        let order = &self.order[rows.start.min(end)..end];
        let all = order.len() == self.total() && order.iter().enumerate().all(|(i, &row)| i == row as usize);
        let mut scan = Scan { rows: order.len(), columns: Vec::new() };
        for (_, name) in columns.iter().enumerate().filter(|(i, name)| !columns[..*i].contains(name)) {
            let data = if *name == "run_id" && self.ids.len() > 0 {
                Some(ScanData::Text(self.ids.text(order)))
            } else {
                let mut data = self.all(name)?;
                if let (Some(d), false) = (&mut data, all) {
                    d.pick(order);
                }
                data
            };
            scan.columns.extend(data.map(|d| (name.to_string(), d)));
        }
        Ok(scan)
    }

    fn total(&self) -> usize {
        self.pieces.last().map_or(0, |p| p.first + p.count)
    }

    /// A column of every row that there is, before merging.
    fn all(&self, name: &str) -> Result<Option<ScanData>, Error> {
        self.pieces.iter().try_fold(None, |all, piece| piece.append(name, all))
    }

    /// One row a run.
    fn runs(&self) -> Result<Vec<u32>, Error> {
        let mut keyed: Vec<(u64, u32)> = self.ids.keys().into_iter().zip(0..).collect();
        if keyed.windows(2).all(|w| w[0].0 < w[1].0) {
            return Ok(keyed.into_iter().map(|k| k.1).collect());
        }
        keyed.sort_unstable();
        let mut several: Vec<u32> = keyed.chunk_by(|a, b| a.0 == b.0).filter(|g| g.len() > 1).flatten().map(|k| k.1).collect();
        if !several.is_empty() {
            several.sort_unstable();
            let kept = self.kept(&several)?;
            keyed.retain(|(_, row)| several.binary_search(row).is_err() || kept.binary_search(row).is_ok());
        }
        Ok(keyed.into_iter().map(|k| k.1).collect())
    }

    /// Of rows whose runs have several, those that are read: [`merge`] decides.
    fn kept(&self, several: &[u32]) -> Result<Vec<u32>, Error> {
        let mut table = Table::default().str("run_id", several.iter().map(|&row| Some(self.ids.get(row))));
        for (name, want) in [("steps", "integer"), ("weights_hash", "text")] {
            let Some(mut data) = self.all(name)? else { continue };
            if data.type_name() != want {
                return Err(Error::invalid(format!("column {name:?} of runs must be of type {want} and is of type {}", data.type_name())));
            }
            data.pick(several);
            table.columns.extend(Scan { rows: several.len(), columns: vec![(name.to_string(), data)] }.into_table().columns);
        }
        table = table.i64("row", several.iter().map(|&row| Some(i64::from(row))));
        let source = |piece: &Piece| {
            let from = several.partition_point(|&row| (row as usize) < piece.first);
            let to = several.partition_point(|&row| (row as usize) < piece.first + piece.count);
            Source { table: table.pick(&(from..to).collect::<Vec<_>>()), class: piece.class.clone(), file: piece.file.clone() }
        };
        let merged = merge("runs", self.pieces.iter().map(source).collect())?;
        let mut kept: Vec<u32> = merged.get_i64("row").into_iter().flatten().flatten().map(|&row| row as u32).collect();
        kept.sort_unstable();
        Ok(kept)
    }

    /// One row an evaluation: run, step and, in a long table, series.
    fn curves(&self) -> Result<Vec<u32>, Error> {
        let steps = match self.all("step")? {
            Some(ScanData::I64(v)) => v,
            None if self.pieces.is_empty() => Vec::new(),
            _ => return Err(Error::invalid("a table of curves needs a column \"step\" of type integer")),
        };
        let series = match self.all("series")? {
            Some(ScanData::Text(t)) => {
                let ranks = t.ranks();
                (0..t.len()).map(|row| t.code(row).map_or(0, |c| ranks[c] + 1)).collect()
            }
            None => vec![0; steps.len()],
            Some(_) => return Err(Error::invalid("column \"series\" of curves must be of type text")),
        };
        let mut keyed = Vec::with_capacity(steps.len());
        for (row, (id, step)) in self.ids.keys().into_iter().zip(&steps).enumerate() {
            let step = step.ok_or_else(|| Error::invalid(format!("row {row} has no \"step\": every row of curves needs one")))?;
            keyed.push((id, step, series[row], row as u32));
        }
        if !keyed.is_sorted() {
            keyed.sort_unstable();
        }
        keyed.dedup_by(|b, a| (a.0, a.1, a.2) == (b.0, b.1, b.2)); // keeps the first, `a`
        Ok(keyed.into_iter().map(|k| k.3).collect())
    }

    /// Gives all rows with all columns in portions of at most 4,096, each run (or evaluation) once, in the order of the parts: for readers that need
    /// everything, in memory for one portion. Columns are those of the part at hand.
    ///
    /// # Errors
    /// As [`Campaign::scan`], and those of `each`, which end it.
    pub fn each<E: From<Error>>(&self, mut each: impl FnMut(Table) -> Result<(), E>) -> Result<(), E> {
        let mut kept = vec![false; self.total()];
        self.order.iter().for_each(|&row| kept[row as usize] = true);
        for piece in &self.pieces {
            piece.each(&kept[piece.first..piece.first + piece.count], &mut each)??;
        }
        Ok(())
    }
}
