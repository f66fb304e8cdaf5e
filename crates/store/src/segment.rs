//! Segments: rows on disk a fraction of a millisecond after they are known, without a file or an fsync for each.
//!
//! `wal/<writer>-<n>.seg` is a sequence of frames: marker (8 bytes), length of the payload (u32), CRC-32 of those four bytes and the payload (u32), payload;
//! all little-endian. The first payload is the header: a zero byte and JSON that says which campaign, writer and schema. The others hold tables
//! ([`crate::frame`]). Only its writer appends to a segment, and a frame counts when all of it is there.
//!
//! A writer that dies leaves at most one frame cut short, at the end: such a tail is passed over. A frame that is wrong *before* a whole one is no
//! accident of writing, and an error.

use crate::error::Error;
use crate::files;
use crate::frame::{self, Gathered, Known, Wrong};
use crate::manifest::{Producer, SCHEMA};
use crate::merge::check_kind;
use crate::table::Table;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Folder of the segments within the campaign's.
pub(crate) const FOLDER: &str = "wal";
/// A segment of this size is turned into parts.
pub(crate) const FULL: u64 = 32 << 20;
/// Rows are safe from a power cut at the latest this long after they were logged, if logging goes on.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// As PNG's: what passes through a text mode or a seven-bit channel does not keep it.
const MARKER: [u8; 8] = *b"\x89pdseg\r\n";
const HEAD: u64 = 16;
pub(crate) const ADVICE: &str = "restore it from a copy, or move it out of the folder and run again: the runs in it are then trained again";

/// Payload of the first frame.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Header {
    pub schema: u32,
    pub campaign: String,
    pub writer: String,
    #[serde(flatten)]
    pub made_by: Producer,
}

/// The name, within the campaign's folder, of a writer's n-th segment.
pub(crate) fn file_name(writer: &str, n: u64) -> String {
    format!("{FOLDER}/{writer}-{n:06}.seg")
}

/// Names of all segments, within the campaign's folder.
pub(crate) fn list(folder: &Path) -> Result<Vec<String>, Error> {
    let ours = |n: &String| n.ends_with(".seg") && !n.starts_with('.');
    Ok(files::names(&folder.join(FOLDER))?.into_iter().filter(ours).map(|n| format!("{FOLDER}/{n}")).collect())
}

/// Begins a frame at the end of `out`; gives where.
fn begin(out: &mut Vec<u8>) -> usize {
    out.extend(MARKER);
    out.extend([0; 8]);
    out.len() - HEAD as usize
}

/// Ends the frame that began at `at`.
fn end(out: &mut [u8], at: usize) -> Result<(), Error> {
    let length = out.len() - at - HEAD as usize;
    let length = u32::try_from(length).map_err(|_| Error::invalid(format!("{length} bytes of rows are too many to log at once: log fewer at a time")))?;
    out[at + 8..at + 12].copy_from_slice(&length.to_le_bytes());
    let crc = checksum(length, &out[at + HEAD as usize..]);
    out[at + 12..at + 16].copy_from_slice(&crc.to_le_bytes());
    Ok(())
}

fn checksum(length: u32, payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&length.to_le_bytes());
    crc.update(payload);
    crc.finalize()
}

/// A segment that is being written.
#[derive(Debug)]
pub(crate) struct Writer {
    file: File,
    path: PathBuf,
    /// Its name within the campaign's folder.
    pub name: String,
    /// Length of its whole frames. Beyond it nothing is left after a failure.
    pub whole: u64,
    known: Known,
    /// Written and not yet synced.
    dirty: bool,
    /// Not yet named durably in its folder.
    new: bool,
    synced: Instant,
}

impl Writer {
    /// Creates an empty segment. Its header is written with the first frame.
    #[allow(clippy::disallowed_methods, reason = "paces fsync; no value depends on it")]
    fn create(folder: &Path, name: &str) -> Result<Writer, Error> {
        files::make_folder(&folder.join(FOLDER))?;
        let path = folder.join(name);
        let file = OpenOptions::new().append(true).create_new(true).open(&path).map_err(|e| Error::writing(&path, e))?;
        // Held until the process ends, however it ends: tells `gc` that the writer lives. Where locks do not work, age and leases must do. Not on
        // Windows, where a lock would keep readers out.
        #[cfg(unix)]
        let _ = file.try_lock();
        Ok(Writer { file, path, name: name.to_string(), whole: 0, known: Known::new(), dirty: false, new: true, synced: Instant::now() })
    }

    /// Appends one frame in one write; all of it, or nothing.
    fn append(&mut self, buffer: &mut Vec<u8>, header: &Header, tables: &[(usize, &Table)]) -> Result<(), Error> {
        buffer.clear();
        if self.whole == 0 {
            let at = begin(buffer);
            buffer.push(frame::HEADER);
            serde_json::to_writer(&mut *buffer, header).map_err(|e| Error::invalid(format!("a segment's header cannot be written: {e}")))?;
            end(buffer, at)?;
        }
        let at = begin(buffer);
        let new = frame::encode(tables, &self.known, buffer);
        end(buffer, at)?;
        self.file.write_all(buffer).map_err(|e| Error::writing(&self.path, e))?;
        for definition in new {
            let number = self.known.len() as u64;
            self.known.insert(definition, number);
        }
        self.whole += buffer.len() as u64;
        self.dirty = true;
        Ok(())
    }

    /// Takes back what a failed write has left; says whether that succeeded.
    fn take_back(&self) -> bool {
        self.file.set_len(self.whole).is_ok()
    }

    /// Whether somebody has removed the file, taking its writer for dead: what is written now would be lost with it.
    fn removed(&self) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            self.file.metadata().is_ok_and(|m| m.nlink() == 0)
        }
        #[cfg(not(unix))]
        {
            false
        }
    }

    /// Makes all frames durable.
    #[allow(clippy::disallowed_methods, reason = "paces fsync; no value depends on it")]
    fn sync(&mut self) -> Result<(), Error> {
        if self.dirty {
            self.file.sync_data().map_err(|e| Error::writing(&self.path, e))?;
            if self.new {
                for folder in self.path.ancestors().skip(1).take(2) {
                    files::sync_folder(folder)?;
                }
            }
            (self.dirty, self.new, self.synced) = (false, false, Instant::now());
        }
        Ok(())
    }

    #[allow(clippy::disallowed_methods, reason = "paces fsync; no value depends on it")]
    fn due(&self) -> bool {
        self.synced.elapsed() >= SYNC_EVERY
    }
}

/// The segments of one writer.
#[derive(Debug, Default)]
pub(crate) struct Log {
    current: Option<Writer>,
    /// Segments that are no longer written and not yet compacted, oldest first: name and length.
    pub sealed: Vec<(String, u64)>,
    /// Number of the next segment; never used twice.
    next: u64,
    buffer: Vec<u8>,
}

impl Log {
    /// Appends a frame; says whether it is time to compact.
    pub fn append(&mut self, folder: &Path, header: &Header, tables: &[(usize, &Table)]) -> Result<bool, Error> {
        for _ in 0..3 {
            let segment = match &mut self.current {
                Some(s) => s,
                None => {
                    let name = file_name(&header.writer, self.next);
                    self.next += 1;
                    self.current.insert(Writer::create(folder, &name)?)
                }
            };
            if let Err(e) = segment.append(&mut self.buffer, header, tables) {
                if segment.whole == 0 {
                    let _ = std::fs::remove_file(&segment.path);
                    self.current = None;
                } else if !segment.take_back() {
                    // The torn tail stays, at the end of a segment that nobody continues.
                    self.seal();
                }
                return Err(e);
            }
            if segment.removed() {
                // What was in it before is in the parts of whoever removed it; this frame may not be.
                self.current = None;
                continue;
            }
            let full = segment.whole >= FULL;
            if segment.due() {
                self.sync()?;
            }
            if full {
                self.seal();
            }
            return Ok(full);
        }
        Err(Error::Io { doing: "keep", path: folder.join(FOLDER), source: io::Error::other("segments are removed as soon as they are written") })
    }

    /// Makes all frames durable.
    pub fn sync(&mut self) -> Result<(), Error> {
        let synced = self.current.as_mut().map_or(Ok(()), Writer::sync);
        if synced.is_err() {
            // After a failed sync the system may have dropped pages that it calls clean: nothing more is built upon this file.
            self.seal();
        }
        synced
    }

    /// Ends the current segment: the next frame begins another one.
    pub fn seal(&mut self) {
        if let Some(segment) = self.current.take() {
            self.sealed.push((segment.name.clone(), segment.whole));
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // Rows are in the file; this only makes them durable sooner. Whoever needs to know calls `Campaign::sync`.
        let _ = self.sync();
    }
}

/// What a segment holds.
#[derive(Debug, Default)]
pub(crate) struct Segment {
    /// Its writer, and who that was. Empty if not even the header is whole.
    pub writer: String,
    pub made_by: Producer,
    /// Rows by kind (place in `KINDS`), a table for each set of columns, in the order of the sets' first appearance.
    pub tables: Vec<(usize, Table)>,
    /// Data frames.
    pub frames: u64,
    /// Bytes of whole frames.
    pub whole: u64,
    /// Bytes after them: a frame cut short, or one being written.
    pub torn: u64,
}

/// Reads a segment: all its rows, or those of one kind. `None` if there is no such file.
pub(crate) fn read(folder: &Path, name: &str, campaign: &str, want: Option<usize>) -> Result<Option<Segment>, Error> {
    let path = folder.join(name);
    let once = || -> Result<Option<Segment>, Error> {
        let Some((file, size)) = files::open_if_there(&path)? else { return Ok(None) };
        // As with parts: our own rows repeat themselves.
        let limit = (1u64 << 30).saturating_add(size.saturating_mul(64));
        let segment = parse(&path, BufReader::with_capacity(1 << 16, file), size, Some(campaign), want, limit)?;
        if segment.whole > 0 && writer_of(name) != Some(segment.writer.as_str()) {
            return Err(Error::damaged(&path, format!("it belongs to writer {:?}", segment.writer), ADVICE));
        }
        Ok(Some(segment))
    };
    match once() {
        // Its writer may have taken back a frame and written another while we read.
        Err(Error::Damaged { .. }) => once(),
        other => other,
    }
}

/// Writer and maker of a segment, without its rows. `None` if it is gone or not even its header is whole.
pub(crate) fn read_header(folder: &Path, name: &str, campaign: &str) -> Result<Option<(String, Producer)>, Error> {
    let path = folder.join(name);
    let Some((file, size)) = files::open_if_there(&path)? else { return Ok(None) };
    let mut frames = Frames { from: file, size, payload: Vec::new() };
    if size == 0 || !frames.next(0).map_err(|e| Error::reading(&path, e))? {
        return Ok(None);
    }
    let mut segment = Segment::default();
    header(&path, frames.payload.get(1..).unwrap_or_default(), Some(campaign), &mut segment)?;
    Ok(Some((segment.writer, segment.made_by)))
}

/// The writer in a segment's file name.
pub(crate) fn writer_of(name: &str) -> Option<&str> {
    Some(name.strip_prefix(FOLDER)?.strip_prefix('/')?.strip_suffix(".seg")?.rsplit_once('-')?.0)
}

/// Parses `size` bytes of a segment, of which the rows may take `limit` bytes of memory.
pub(crate) fn parse(path: &Path, from: impl Read + Seek, size: u64, campaign: Option<&str>, want: Option<usize>, limit: u64) -> Result<Segment, Error> {
    let mut segment = Segment::default();
    let mut frames = Frames { from, size, payload: Vec::new() };
    let mut gathered = Gathered::default();
    let mut budget = limit;
    let io = |e| Error::reading(path, e);
    while segment.whole < size {
        let at = segment.whole;
        if !frames.next(at).map_err(io)? {
            if let Some(next) = frames.whole_one_after(at).map_err(io)? {
                return Err(Error::damaged(path, format!("the frame at byte {at} is wrong, and one at byte {next} is whole"), ADVICE));
            }
            segment.torn = size - at;
            break;
        }
        let wrong = |what: &str| Error::damaged(path, format!("the frame at byte {at} has a good checksum and cannot be read: {what}"), ADVICE);
        match frames.payload.split_first() {
            Some((&frame::HEADER, json)) if at == 0 => header(path, json, campaign, &mut segment)?,
            Some((&frame::DATA, payload)) if at > 0 => {
                gathered.add(payload, want, &mut budget).map_err(|e| match e {
                    Wrong::Form(what) => wrong(what),
                    Wrong::TooLarge => Error::TooLarge { path: path.to_path_buf(), what: format!("its rows take more than {limit} bytes") },
                })?;
                segment.frames += 1;
            }
            _ if at == 0 => return Err(wrong("it is not a header")),
            _ => return Err(wrong("it is of an unknown sort")),
        }
        segment.whole += HEAD + frames.payload.len() as u64;
    }
    segment.tables = gathered.sets;
    segment.tables.retain(|(kind, _)| want.is_none_or(|w| w == *kind));
    for (kind, table) in &segment.tables {
        check_kind(crate::merge::KINDS[*kind], Some(table)).map_err(|e| Error::damaged(path, e.to_string(), ADVICE))?;
    }
    Ok(segment)
}

fn header(path: &Path, json: &[u8], campaign: Option<&str>, segment: &mut Segment) -> Result<(), Error> {
    #[derive(Deserialize)]
    struct Version {
        schema: u32,
    }
    let damaged = |what: String| Error::damaged(path, what, ADVICE);
    let found = serde_json::from_slice::<Version>(json).map_err(|e| damaged(format!("its header has no schema version: {e}")))?.schema;
    if found > SCHEMA {
        return Err(Error::Newer { path: path.to_path_buf(), found, known: SCHEMA });
    }
    let header: Header = serde_json::from_slice(json).map_err(|e| damaged(format!("its header is incomplete: {e}")))?;
    if campaign.is_some_and(|c| c != header.campaign) {
        return Err(damaged("it belongs to another campaign".into()));
    }
    (segment.writer, segment.made_by) = (header.writer, header.made_by);
    Ok(())
}

/// Frames, one after the other.
struct Frames<R> {
    from: R,
    size: u64,
    payload: Vec<u8>,
}

impl<R: Read + Seek> Frames<R> {
    /// Reads the frame at `at`, where the last one ended. Whether it is whole.
    fn next(&mut self, at: u64) -> io::Result<bool> {
        let Some(room) = (self.size - at).checked_sub(HEAD) else { return Ok(false) };
        let mut head = [0; HEAD as usize];
        if !fill(&mut self.from, &mut head)? {
            return Ok(false);
        }
        let (length, crc) = lengths(&head);
        if head[..8] != MARKER || u64::from(length) > room {
            return Ok(false);
        }
        self.payload.resize(length as usize, 0);
        Ok(fill(&mut self.from, &mut self.payload)? && checksum(length, &self.payload) == crc)
    }

    /// Where the first whole frame after `at` begins.
    fn whole_one_after(&mut self, at: u64) -> io::Result<Option<u64>> {
        const STEP: usize = 1 << 16;
        // Checksums of overlapping false frames would take for ever in a file made for it: what has that many markers is no accident.
        let mut work = 8 * self.size + (1 << 20);
        let mut window = Vec::new();
        let mut start = at + 1;
        while start + HEAD <= self.size {
            // The last 15 bytes of a window are looked at again with the next, as a head may begin there.
            let length = (self.size - start).min(STEP as u64 + HEAD) as usize;
            window.resize(length, 0);
            self.from.seek(SeekFrom::Start(start))?;
            if !fill(&mut self.from, &mut window)? {
                return Ok(None);
            }
            for i in 0..=length - HEAD as usize {
                if window[i] != MARKER[0] || window[i..i + 8] != MARKER {
                    continue;
                }
                let mut head = [0; HEAD as usize];
                head.copy_from_slice(&window[i..i + HEAD as usize]);
                let (payload, crc) = lengths(&head);
                let here = start + i as u64;
                if u64::from(payload) > self.size - here - HEAD {
                    continue;
                }
                self.payload.resize(payload as usize, 0);
                self.from.seek(SeekFrom::Start(here + HEAD))?;
                if fill(&mut self.from, &mut self.payload)? && checksum(payload, &self.payload) == crc {
                    return Ok(Some(here));
                }
                match work.checked_sub(HEAD + u64::from(payload)) {
                    Some(left) => work = left,
                    None => return Ok(Some(here)),
                }
            }
            start += (length - HEAD as usize + 1) as u64;
        }
        Ok(None)
    }
}

fn lengths(head: &[u8; HEAD as usize]) -> (u32, u32) {
    let word = |i: usize| u32::from_le_bytes([head[i], head[i + 1], head[i + 2], head[i + 3]]);
    (word(8), word(12))
}

/// Fills `out`; `false` if the file ends before (it may shrink while it is read).
fn fill(from: &mut impl Read, out: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(out) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
#[path = "segment_tests.rs"]
mod tests;
