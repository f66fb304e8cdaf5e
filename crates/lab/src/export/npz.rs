//! NumPy's `.npz`: an array a column, all of the same length, in one uncompressed zip archive.
//!
//! | column | array |
//! |---|---|
//! | integers | `int64`; with nulls `float64`, where a null is NaN |
//! | numbers | `float64`, where a null is NaN |
//! | truth values | `bool`; with nulls `float64`: 0, 1, NaN |
//! | text | `<U…`, as wide as its longest; a null is empty. Where that takes more than 256 MB: `NAME.words`, the different texts, and `NAME.codes`, the place of each row's text among them (−1: null) |
//!
//! Formats: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html> (version 1.0) and PKWARE's APPNOTE 6.3.3 with the 64-bit extensions
//! (4.3.14, 4.5.3), as `numpy.savez` uses them, so that an archive may pass 4 GB.

use super::{Source, wrote};
use crate::Error;
use crate::npz::crc32;
use pennydrop_store::{ColumnData, ScanData, Text};
use std::io::{self, Write};
use std::path::Path;

/// Text beyond this many bytes is stored as words and codes.
const WIDEST: usize = 256 << 20;

pub(super) fn write(source: &Source, out: &mut dyn Write) -> Result<(), Error> {
    let failed = |e| wrote(Path::new("npz"), e);
    let mut zip = Zip { out, at: 0, directory: Vec::new(), entries: 0 };
    let rows = source.rows();
    for (name, kind) in &source.columns {
        // One column at a time: the archive wants it whole.
        let mut column = Column::new(kind);
        for range in &source.ranges {
            if let Some(data) = source.scanner.take_rows(&[name.as_str()], range.clone())?.get(name) {
                column.append(data);
            }
        }
        for (suffix, array) in column.arrays(rows) {
            zip.add(&format!("{name}{suffix}.npy"), &array).map_err(failed)?;
        }
    }
    zip.finish().map_err(failed)
}

/// What was read of a column.
enum Column {
    Whole(Vec<Option<i64>>),
    Number(Vec<Option<f64>>),
    Truth(Vec<Option<bool>>),
    Text(Vec<Text>),
}

impl Column {
    fn new(kind: &ColumnData) -> Column {
        match kind {
            ColumnData::I64(_) => Column::Whole(Vec::new()),
            ColumnData::F64(_) => Column::Number(Vec::new()),
            ColumnData::Bool(_) => Column::Truth(Vec::new()),
            ColumnData::Str(_) => Column::Text(Vec::new()),
        }
    }

    fn append(&mut self, data: &ScanData) {
        match (self, data) {
            (Column::Whole(all), ScanData::I64(v)) => all.extend(v),
            (Column::Number(all), ScanData::F64(v)) => all.extend(v),
            (Column::Truth(all), ScanData::Bool(v)) => all.extend(v),
            (Column::Text(all), ScanData::Text(t)) => all.push(t.clone()),
            // A scanner's columns have the types it says.
            _ => {}
        }
    }

    /// The arrays, each with what is added to the column's name.
    fn arrays(&self, rows: usize) -> Vec<(&'static str, Vec<u8>)> {
        let floats = |v: &mut dyn Iterator<Item = Option<f64>>| npy("<f8", rows, v.flat_map(|x| x.unwrap_or(f64::NAN).to_le_bytes()));
        match self {
            Column::Whole(v) if v.iter().all(Option::is_some) => vec![("", npy("<i8", rows, v.iter().flatten().flat_map(|x| x.to_le_bytes())))],
            Column::Whole(v) => vec![("", floats(&mut v.iter().map(|x| x.map(|x| x as f64))))],
            Column::Number(v) => vec![("", floats(&mut v.iter().copied()))],
            Column::Truth(v) if v.iter().all(Option::is_some) => vec![("", npy("|b1", rows, v.iter().flatten().map(|x| u8::from(*x))))],
            Column::Truth(v) => vec![("", floats(&mut v.iter().map(|x| x.map(|x| f64::from(u8::from(x))))))],
            Column::Text(parts) => texts(parts, rows),
        }
    }
}

fn texts(parts: &[Text], rows: usize) -> Vec<(&'static str, Vec<u8>)> {
    let words = || parts.iter().flat_map(|t| (0..t.words()).map(move |c| t.word(c)));
    // A width of zero is none in NumPy.
    let width = words().map(|w| w.chars().count()).max().unwrap_or(0).max(1);
    if 4 * width * rows <= WIDEST {
        return vec![("", utf32(parts.iter().flat_map(|t| t.iter().map(Option::unwrap_or_default)), width, rows))];
    }
    // Words of different ranges may be equal: numbered once, in the order of their first rows.
    let mut place = std::collections::BTreeMap::new();
    let mut order = Vec::new();
    let mut codes: Vec<i64> = Vec::with_capacity(rows);
    for text in parts.iter().flat_map(Text::iter) {
        codes.push(text.map_or(-1, |t| {
            *place.entry(t).or_insert_with(|| {
                order.push(t);
                order.len() as i64 - 1
            })
        }));
    }
    let count = order.len();
    vec![(".words", utf32(order.into_iter(), width, count)), (".codes", npy("<i8", rows, codes.into_iter().flat_map(i64::to_le_bytes)))]
}

/// Texts of at most `width` characters, as NumPy stores them: four bytes a character, filled up with zeros.
fn utf32<'a>(texts: impl Iterator<Item = &'a str>, width: usize, count: usize) -> Vec<u8> {
    let mut body = Vec::with_capacity(4 * width * count);
    for text in texts {
        let end = body.len() + 4 * width;
        text.chars().for_each(|c| body.extend(u32::from(c).to_le_bytes()));
        body.resize(end, 0);
    }
    npy(&format!("<U{width}"), count, body)
}

fn npy(kind: &str, rows: usize, body: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let mut head = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({rows},), }}");
    // The data begin at a multiple of 64, and the header ends with a line feed.
    head += &" ".repeat(63 - (10 + head.len()) % 64);
    head.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((head.len() as u16).to_le_bytes());
    out.extend(head.as_bytes());
    out.extend(body);
    out
}

/// An archive that is written from its beginning to its end.
struct Zip<'a> {
    out: &'a mut dyn Write,
    at: u64,
    directory: Vec<u8>,
    entries: u64,
}

impl Zip<'_> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn add(&mut self, name: &str, body: &[u8]) -> io::Result<()> {
        let (offset, size) = (self.at, body.len() as u64);
        let length = u16::try_from(name.len()).map_err(|_| io::Error::other(format!("the column's name is too long: {name}")))?;
        // Version needed 4.5 (64-bit sizes), names in UTF-8, stored; 1 January 1980, the first date that there is.
        let mut common = Vec::new();
        for word in [45u16, 0x0800, 0, 0, 0x21] {
            common.extend(word.to_le_bytes());
        }
        common.extend(crc32(body).to_le_bytes());
        // Both sizes are in the extra field.
        common.extend([0xff; 8]);
        common.extend(length.to_le_bytes());
        let sizes = [size.to_le_bytes(), size.to_le_bytes()].concat();
        let extra = |rest: &[u8]| [&1u16.to_le_bytes()[..], &(rest.len() as u16).to_le_bytes(), rest].concat();
        let local = extra(&sizes);
        self.put(b"PK\x03\x04")?;
        self.put(&common)?;
        self.put(&(local.len() as u16).to_le_bytes())?;
        self.put(name.as_bytes())?;
        self.put(&local)?;
        self.put(body)?;
        let central = extra(&[&sizes[..], &offset.to_le_bytes()[..]].concat());
        self.directory.extend(b"PK\x01\x02");
        self.directory.extend(45u16.to_le_bytes());
        self.directory.extend(&common);
        self.directory.extend((central.len() as u16).to_le_bytes());
        // No comment, disk 0, binary, no attributes; the offset is in the extra field.
        self.directory.extend([0; 10]);
        self.directory.extend([0xff; 4]);
        self.directory.extend(name.as_bytes());
        self.directory.extend(&central);
        self.entries += 1;
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        let (start, directory) = (self.at, std::mem::take(&mut self.directory));
        self.put(&directory)?;
        let end = self.at;
        // The 64-bit end: its own size, versions, disks, entries (here, in all), size and place of the directory; then where it is; then the old end.
        let mut tail = b"PK\x06\x06".to_vec();
        tail.extend(44u64.to_le_bytes());
        tail.extend([45, 0, 45, 0]);
        tail.extend([0; 8]);
        for number in [self.entries, self.entries, directory.len() as u64, start] {
            tail.extend(number.to_le_bytes());
        }
        tail.extend(b"PK\x06\x07\0\0\0\0");
        tail.extend(end.to_le_bytes());
        tail.extend(1u32.to_le_bytes());
        tail.extend(b"PK\x05\x06\0\0\0\0");
        tail.extend([0xff; 12]);
        tail.extend([0; 2]);
        self.put(&tail)
    }
}
