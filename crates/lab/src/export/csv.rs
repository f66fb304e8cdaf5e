//! Comma-separated values (RFC 4180).

use super::{Source, wrote};
use crate::Error;
use pennydrop_store::ScanData;
use std::io::{self, Write};
use std::path::Path;

pub(super) fn write(source: &Source, out: &mut dyn Write) -> Result<(), Error> {
    let failed = |e| wrote(Path::new("csv"), e);
    let names = source.names();
    line(out, names.iter().map(|n| Some(*n)), text).map_err(failed)?;
    source.blocks(&names, |scan| {
        let columns: Vec<Option<&ScanData>> = names.iter().map(|n| scan.get(n)).collect();
        for row in 0..scan.rows() {
            line(out, columns.iter().copied(), |out, data| cell(out, data, row)).map_err(failed)?;
        }
        Ok(())
    })
}

fn line<T>(out: &mut dyn Write, cells: impl Iterator<Item = Option<T>>, mut write: impl FnMut(&mut dyn Write, T) -> io::Result<()>) -> io::Result<()> {
    for (i, cell) in cells.enumerate() {
        if i > 0 {
            out.write_all(b",")?;
        }
        if let Some(cell) = cell {
            write(out, cell)?;
        }
    }
    out.write_all(b"\r\n")
}

fn cell(out: &mut dyn Write, data: &ScanData, row: usize) -> io::Result<()> {
    match data {
        ScanData::I64(v) => v[row].map_or(Ok(()), |x| write!(out, "{x}")),
        ScanData::Bool(v) => v[row].map_or(Ok(()), |x| write!(out, "{x}")),
        ScanData::F64(v) => v[row].map_or(Ok(()), |x| number(out, x)),
        ScanData::Text(t) => t.get(row).map_or(Ok(()), |x| text(out, x)),
    }
}

/// The shortest digits that read back as the same number.
pub fn number(out: &mut dyn Write, x: f64) -> io::Result<()> {
    if x.is_nan() { out.write_all(b"nan") } else { write!(out, "{x:?}") }
}

/// Text in quotes where it needs them; empty text has them too, to tell it from a null.
pub fn text(out: &mut dyn Write, text: &str) -> io::Result<()> {
    if !text.is_empty() && !text.contains([',', '"', '\r', '\n']) {
        return out.write_all(text.as_bytes());
    }
    write!(out, "\"{}\"", text.replace('"', "\"\""))
}
