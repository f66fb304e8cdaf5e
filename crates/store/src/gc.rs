//! Sweeping up: what dead writers left in segments, many small parts, and files that nobody reads.
//!
//! As in compaction, the manifest is published between writing the new and removing the old. A reader that has looked at the folder before, and finds a
//! file gone, looks again ([`Campaign::read`]).

use crate::campaign::Campaign;
use crate::compact::{NewPart, fold};
use crate::error::Error;
use crate::manifest::{Manifest, PartInfo, Producer};
use crate::merge::KINDS;
use crate::segment::{self, FULL};
use crate::table::Table;
use crate::verify::older;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::sync::PoisonError;
use std::time::Duration;

/// Parts up to this size are worth merging.
const SMALL: u64 = 8 << 20;
/// Parts are merged up to this size, so that a merged one is not merged again and again.
const BATCH: u64 = 16 << 20;
/// A sweep that takes longer than this may be joined by another: that costs room, not correctness.
const HOLD: Duration = Duration::from_secs(3600);

/// What [`Campaign::gc`] did.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Swept {
    /// Segments of dead writers whose rows are now in parts of ours (or that had none).
    pub segments: usize,
    /// Parts that were merged into fewer.
    pub parts: usize,
    /// Parts that were written, for both.
    pub written: usize,
    /// Leases of dead holders that were removed.
    pub leases: usize,
    /// Left-over files that nobody read.
    pub litter: usize,
    /// All files that were removed.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl Swept {
    /// Removes a file and counts it. One that somebody else has removed is as good.
    fn remove(&mut self, path: &Path) -> Result<(), Error> {
        let bytes = std::fs::metadata(path).map_or(0, |m| m.len());
        match std::fs::remove_file(path) {
            Ok(()) => {
                self.files += 1;
                self.bytes += bytes;
                Ok(())
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(Error::writing(path, e)),
        }
    }
}

impl Campaign {
    /// Takes over the segments of dead writers, merges small parts (up to 8 MB, of ours and of dead writers), and removes what nobody reads. Safe against a
    /// kill at any instant and beside readers and writers at work.
    ///
    /// A writer is dead if no live lease names it, its file was last written `age` ago and, where the file system has locks, its process has let go of the
    /// segment. With an age of an hour, no writer at work is hurt; one that sleeps for longer loses no row either, it is only read twice.
    ///
    /// # Errors
    /// [`Error::Held`] if another process is sweeping; [`Error::Damaged`] or [`Error::Newer`] if a manifest, segment or part cannot be read (nothing of it is
    /// removed); [`Error::Full`], [`Error::Unwritable`] or [`Error::Io`] if something cannot be written or removed.
    pub fn gc(&self, age: Duration) -> Result<Swept, Error> {
        self.sweep(age, age)
    }

    /// [`Campaign::gc`] with an age of its own for files that nobody reads: one of those may be about to be published.
    fn sweep(&self, age: Duration, litter_age: Duration) -> Result<Swept, Error> {
        let _lease = self.lease("gc", (0, 1), HOLD)?;
        let mut swept = Swept::default();
        let live: BTreeSet<String> = self.leases()?.into_iter().filter(|h| h.live).map(|h| h.writer).collect();
        {
            let _no_compaction = self.compacting.lock().unwrap_or_else(PoisonError::into_inner);
            self.take_over(age, &live, &mut swept)?;
            self.merge_parts(age, &live, &mut swept)?;
        }
        for (path, holder) in self.leases_each()? {
            if holder.is_ok_and(|h| !h.live) {
                swept.remove(&path)?;
                swept.leases += 1;
            }
        }
        self.manifests()?;
        // The name of a part or segment holds its writer's.
        let of_the_living = |p: &Path| p.file_name().is_some_and(|n| live.iter().any(|w| n.to_string_lossy().contains(w.as_str())));
        for path in self.litter()?.into_iter().filter(|p| older(p, litter_age) && !of_the_living(p)) {
            swept.remove(&path)?;
            swept.litter += 1;
        }
        Ok(swept)
    }

    /// Turns the segments of dead writers into parts of ours.
    fn take_over(&self, age: Duration, live: &BTreeSet<String>, swept: &mut Swept) -> Result<(), Error> {
        let dead = |name: &String| {
            let writer = segment::writer_of(name).unwrap_or_default();
            writer != self.writer() && !live.contains(writer) && older(&self.folder().join(name), age)
        };
        // Rows of different makers stay apart: their bits need not agree.
        let mut batches: BTreeMap<Producer, Batch> = BTreeMap::new();
        for name in self.view()?.segments.into_iter().filter(dead) {
            let path = self.folder().join(&name);
            let Ok(file) = File::open(&path) else { continue }; // gone
            #[cfg(unix)]
            if matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock)) {
                continue;
            }
            let Some(segment) = segment::read(self.folder(), &name, self.hash(), None)? else { continue };
            if segment.frames == 0 {
                swept.remove(&path)?;
                swept.segments += 1;
                continue;
            }
            let made_by = segment.made_by;
            let batch = batches.entry(made_by.clone()).or_default();
            batch.bytes += segment.whole;
            batch.segments.push((name, segment.whole + segment.torn, file));
            segment.tables.into_iter().for_each(|(kind, table)| batch.tables[kind].push(table));
            if batch.bytes >= FULL {
                let full = std::mem::take(batch);
                self.publish_batch(&made_by, full, swept)?;
            }
        }
        batches.into_iter().try_for_each(|(made_by, batch)| self.publish_batch(&made_by, batch, swept))
    }

    fn publish_batch(&self, made_by: &Producer, batch: Batch, swept: &mut Swept) -> Result<(), Error> {
        if batch.segments.is_empty() {
            return Ok(());
        }
        let made_by = Some(made_by).filter(|m| *m != self.made_by()).cloned();
        let mut folded = Vec::new();
        for (kind, tables) in batch.tables.into_iter().enumerate() {
            folded.extend(fold(tables)?.into_iter().map(|table| (KINDS[kind], table)));
        }
        let parts: Vec<NewPart> = folded.iter().map(|(kind, table)| NewPart { kind, table, made_by: made_by.clone() }).collect();
        let absorbed: Vec<(String, u64)> = batch.segments.iter().map(|(name, bytes, _)| (name.clone(), *bytes)).collect();
        swept.written += self.publish_parts(&parts, &absorbed, &[])?.len();
        for (name, bytes, _locked) in &batch.segments {
            let path = self.folder().join(name);
            // One that has grown since had a writer who only seemed dead; readers go on reading it.
            if std::fs::metadata(&path).is_ok_and(|m| m.len() <= *bytes) {
                swept.remove(&path)?;
                swept.segments += 1;
            }
        }
        Ok(())
    }

    /// Merges small parts of one kind and one maker.
    fn merge_parts(&self, age: Duration, live: &BTreeSet<String>, swept: &mut Swept) -> Result<(), Error> {
        let view = self.view()?;
        let dead = |m: &Manifest| m.writer == self.writer() || (!live.contains(&m.writer) && older(&self.folder().join(Manifest::file_name(&m.writer)), age));
        let writers: BTreeSet<&str> = view.manifests.iter().filter(|m| dead(m)).flat_map(|m| m.parts.iter().map(|p| p.file.as_str())).collect();
        let mut groups: BTreeMap<(&str, &Producer), Vec<Vec<&PartInfo>>> = BTreeMap::new();
        for (part, made_by) in view.parts().filter(|(p, _)| p.bytes <= SMALL && writers.contains(p.file.as_str())) {
            let batches = groups.entry((&part.kind, made_by)).or_default();
            match batches.last_mut() {
                Some(last) if last.iter().map(|p| p.bytes).sum::<u64>() + part.bytes <= BATCH => last.push(part),
                _ => batches.push(vec![part]),
            }
        }
        for ((kind, made_by), batches) in groups {
            for batch in batches.into_iter().filter(|b| b.len() > 1) {
                let tables = batch.iter().map(|p| self.read_part(p)).collect::<Result<Vec<Table>, Error>>()?;
                let folded = fold(tables)?;
                if folded.len() >= batch.len() {
                    continue; // of different types: merging them would change values
                }
                let made_by = Some(made_by).filter(|m| *m != self.made_by()).cloned();
                let parts: Vec<NewPart> = folded.iter().map(|table| NewPart { kind, table, made_by: made_by.clone() }).collect();
                let replaces: Vec<String> = batch.iter().map(|p| p.file.clone()).collect();
                swept.written += self.publish_parts(&parts, &[], &replaces)?.len();
                for file in &replaces {
                    swept.remove(&self.folder().join(file))?;
                    swept.parts += 1;
                }
            }
        }
        Ok(())
    }
}

/// Segments of one maker that become parts together.
struct Batch {
    bytes: u64,
    /// Name, bytes that were read, and the open file with its lock, held until the file is removed.
    segments: Vec<(String, u64, File)>,
    tables: Vec<Vec<Table>>,
}

impl Default for Batch {
    fn default() -> Self {
        Batch { bytes: 0, segments: Vec::new(), tables: vec![Vec::new(); KINDS.len()] }
    }
}

#[cfg(test)]
#[path = "gc_tests.rs"]
mod tests;
