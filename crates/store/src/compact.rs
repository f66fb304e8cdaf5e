//! Logging rows, and turning segments into parts.
//!
//! The order of compaction is what makes a kill at any instant harmless: parts first, then the manifest that names them and the segments they stand for, in
//! one publication, then the segments go. Before the manifest the parts do not count; after it the segments do not.

use crate::campaign::Campaign;
use crate::error::Error;
use crate::files;
use crate::manifest::{Manifest, PartInfo, Producer, SCHEMA};
use crate::merge::{KINDS, check_kind};
use crate::parquet_write::encode_table;
use crate::segment::{self, FULL, Header};
use crate::table::Table;
use std::collections::BTreeSet;
use std::sync::PoisonError;

/// A part to be published.
pub(crate) struct NewPart<'a> {
    pub kind: &'a str,
    pub table: &'a Table,
    /// Who made its rows; `None`: this writer.
    pub made_by: Option<Producer>,
}

impl Campaign {
    /// Appends rows to this writer's segment: tables of one or several kinds, which appear together or not at all.
    ///
    /// When this returns, readers see the rows and a kill of the process does not lose them; a power cut may lose those of the last second, and those
    /// since the last call: see [`Campaign::sync`]. Takes some ten microseconds for a row of a hundred columns, and now and then an fsync. A segment of
    /// 32 MB is turned into parts on the way ([`Campaign::compact`]); should that fail, the rows are safe where they are, and it is tried again later.
    ///
    /// # Errors
    /// [`Error::Invalid`] if a table breaks the rules of [`Campaign::append`]. [`Error::Full`], [`Error::Unwritable`] or [`Error::Io`] if the rows cannot be
    /// written; then none of them is there, and a later call may succeed. (If only making them durable failed, they are there.)
    pub fn log(&self, tables: &[(&str, &Table)]) -> Result<(), Error> {
        let mut checked = Vec::with_capacity(tables.len());
        for (kind, table) in tables {
            table.check()?;
            let kind = check_kind(kind, Some(table))?;
            if table.rows() > 0 {
                checked.push((kind, *table));
            }
        }
        if checked.is_empty() {
            return Ok(());
        }
        let header = Header { schema: SCHEMA, campaign: self.hash().to_string(), writer: self.writer(), made_by: self.made_by().clone() };
        let full = self.log.lock().unwrap_or_else(PoisonError::into_inner).append(self.folder(), &header, &checked)?;
        if full {
            // The rows that were to be logged are: what goes wrong here, goes wrong again when the caller compacts, and is told then.
            let _ = self.compact_sealed();
        }
        Ok(())
    }

    /// Makes all rows logged so far survive a power cut.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Unwritable`] or [`Error::Io`] if they cannot be made durable: log again what was logged since the last success.
    pub fn sync(&self) -> Result<(), Error> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).sync()
    }

    /// Turns this writer's own segments into parts, and removes them. Others may log meanwhile. Costs nothing if there are none.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Unwritable`] or [`Error::Io`] if a part or manifest cannot be written, [`Error::Damaged`] if a segment does not read as it
    /// was written; every row is then still in its segment.
    pub fn compact(&self) -> Result<(), Error> {
        {
            let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            log.sync()?;
            log.seal();
        }
        self.compact_sealed()
    }

    fn compact_sealed(&self) -> Result<(), Error> {
        let _one_at_a_time = self.compacting.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            // As many as make one full segment: parts neither too small nor too large for memory.
            let mut batch: Vec<(String, u64)> = Vec::new();
            let mut bytes = 0;
            for (name, length) in &self.log.lock().unwrap_or_else(PoisonError::into_inner).sealed {
                if bytes + length > FULL && !batch.is_empty() {
                    break;
                }
                bytes += length;
                batch.push((name.clone(), *length));
            }
            if batch.is_empty() {
                return Ok(());
            }
            let mut tables: Vec<Vec<Table>> = vec![Vec::new(); KINDS.len()];
            for (name, length) in &batch {
                let Some(segment) = segment::read(self.folder(), name, self.hash(), None)? else { continue }; // somebody was quicker
                if segment.whole < *length {
                    let what = format!("{length} bytes of frames were written and {} are whole", segment.whole);
                    return Err(Error::damaged(&self.folder().join(name), what, segment::ADVICE));
                }
                segment.tables.into_iter().for_each(|(kind, table)| tables[kind].push(table));
            }
            let mut folded = Vec::new();
            for (kind, tables) in tables.into_iter().enumerate() {
                folded.extend(fold(tables)?.into_iter().map(|table| (KINDS[kind], table)));
            }
            let parts: Vec<NewPart> = folded.iter().map(|(kind, table)| NewPart { kind, table, made_by: None }).collect();
            self.publish_parts(&parts, &batch, &[])?;
            for (name, _) in &batch {
                // One that stays is passed over by readers and swept later.
                let _ = std::fs::remove_file(self.folder().join(name));
            }
            self.log.lock().unwrap_or_else(PoisonError::into_inner).sealed.retain(|s| !batch.contains(s));
        }
    }

    /// Publishes parts and what they stand for, in one publication of the manifest: all of it counts from that moment, or none. `absorbed` are segments with
    /// the number of bytes that were read, `replaces` other parts.
    pub(crate) fn publish_parts(&self, parts: &[NewPart], absorbed: &[(String, u64)], replaces: &[String]) -> Result<Vec<PartInfo>, Error> {
        let first = {
            let mut state = self.state();
            state.next += parts.len() as u64;
            state.next - parts.len() as u64
        };
        let mut written = Vec::with_capacity(parts.len());
        let publish = |written: &mut Vec<PartInfo>| -> Result<(), Error> {
            for (new, number) in parts.iter().zip(first..) {
                written.push(self.write_part(new, number)?);
            }
            let mut state = self.state();
            let mut manifest = state.manifest.clone();
            // The name of a segment that is gone says nothing any more.
            manifest.absorbed.retain(|name, _| self.folder().join(name).exists());
            manifest.absorbed.extend(absorbed.iter().cloned());
            // Ours are no longer listed; others' manifests go on listing theirs.
            let ours: BTreeSet<String> = manifest.parts.iter().map(|p| p.file.clone()).collect();
            manifest.parts.retain(|p| !replaces.contains(&p.file));
            manifest.replaces.extend(replaces.iter().filter(|f| !ours.contains(*f)).cloned());
            manifest.parts.extend(written.iter().cloned());
            manifest.publish(self.folder())?;
            state.manifest = manifest;
            Ok(())
        };
        let done = publish(&mut written);
        if let Err(e) = done {
            self.withdraw(&written);
            return Err(e);
        }
        Ok(written)
    }

    /// Writes a part, which counts once a manifest names it.
    fn write_part(&self, new: &NewPart, number: u64) -> Result<PartInfo, Error> {
        let made_by = new.made_by.as_ref().unwrap_or(self.made_by());
        let metadata = [
            ("pennydrop.schema", SCHEMA.to_string()),
            ("pennydrop.kind", new.kind.to_string()),
            ("pennydrop.engine", made_by.engine.clone()),
            ("pennydrop.numerics", made_by.numerics.clone()),
            ("pennydrop.class", made_by.class.clone()),
            ("pennydrop.campaign", self.hash().to_string()),
        ];
        let bytes = encode_table(new.table, &metadata.map(|(k, v)| (k.to_string(), v)).into())?;
        let file = format!("data/{}-{}-{number:06}.parquet", new.kind, self.writer());
        files::make_folder(&self.folder().join("data"))?;
        files::publish(&self.folder().join(&file), &bytes)?;
        let hash = blake3::hash(&bytes).to_hex().to_string();
        let (rows, bytes) = (new.table.rows() as u64, bytes.len() as u64);
        Ok(PartInfo { file, kind: new.kind.to_string(), schema: SCHEMA, rows, bytes, blake3: hash, made_by: new.made_by.clone() })
    }

    /// Removes parts whose manifest could not be published — unless it was, and only making it durable failed.
    fn withdraw(&self, parts: &[PartInfo]) {
        let path = self.folder().join(Manifest::file_name(&self.writer()));
        let named = |manifest: &Manifest, part: &PartInfo| manifest.parts.iter().any(|p| p.file == part.file);
        let there = match files::read_if_there(&path) {
            Ok(None) => None,
            Ok(Some(bytes)) => match Manifest::parse(&path, &bytes) {
                Ok(manifest) => Some(manifest),
                Err(_) => return,
            },
            Err(_) => return,
        };
        for part in parts.iter().filter(|p| there.as_ref().is_none_or(|m| !named(m, p))) {
            // The caller gets the first error; a part that stays unnamed is not read.
            let _ = std::fs::remove_file(self.folder().join(&part.file));
        }
    }
}

/// Joins tables as far as their columns have the same types: rows must come out of a part as they went into a segment.
pub(crate) fn fold(tables: Vec<Table>) -> Result<Vec<Table>, Error> {
    let mut joined: Vec<Table> = Vec::new();
    for table in tables {
        let fits = |j: &&mut Table| table.columns.iter().all(|c| j.get(&c.name).is_none_or(|d| d.type_name() == c.data.type_name()));
        match joined.iter_mut().find(fits) {
            Some(j) => j.append(table)?,
            None => joined.push(table),
        }
    }
    joined.retain(|t| t.rows() > 0);
    Ok(joined)
}
