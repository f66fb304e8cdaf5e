//! Parquet to [`Table`]: our own parts, and tables that a user brings.

use crate::error::Error;
use crate::files;
use crate::page_guard::{Allowed, check_pages};
use crate::table::{Column, ColumnData, Table};
use bytes::Bytes;
use parquet::basic::{Compression, ConvertedType, LogicalType, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// What to read, and how much memory the table may take.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadOptions<'a> {
    /// Only these columns, in this order; all of the file if `None`.
    pub columns: Option<&'a [&'a str]>,
    /// Largest size of the decoded table in bytes; by default 64 MiB plus 64 times the file.
    pub limit: Option<u64>,
}

// A footer larger than this describes more columns than a table of runs can have; unpacked it takes some twenty times its size.
const LARGEST_FOOTER: u64 = 8 << 20;
// Rows decoded at a time.
const BATCH: usize = 4096;

const REWRITE: &str = "write it again with plain columns of integers, numbers, text or truth values, uncompressed or with snappy";
const COPY_AGAIN: &str = "copy it again from where it came from, or make it anew";

/// Reads a Parquet file with columns of integers, numbers, text or truth values (INT32, INT64, FLOAT, DOUBLE, BYTE_ARRAY of UTF-8, BOOLEAN; flat;
/// uncompressed or snappy; plain, dictionary, run-length, binary-packed delta or byte-split encoding).
///
/// # Errors
/// [`Error::Damaged`] if it is no whole Parquet file; [`Error::Unsupported`] for other types, codecs or encodings; [`Error::TooLarge`] beyond the limit;
/// [`Error::Invalid`] if a column asked for is not there; [`Error::Io`] if it cannot be read.
pub fn read_table(path: &Path, options: &ReadOptions) -> Result<Table, Error> {
    parse_table_named(path, files::read(path)?, options).map(|(table, _)| table)
}

/// [`read_table`] on bytes in memory: touches no file, never panics, and is the entry for fuzzing.
///
/// # Errors
/// As [`read_table`]; the path in the error is `<bytes>`.
pub fn parse_table(bytes: Vec<u8>, options: &ReadOptions) -> Result<Table, Error> {
    parse_table_named(Path::new("<bytes>"), bytes, options).map(|(table, _)| table)
}

/// A table and the file's key–value metadata.
pub(crate) fn parse_table_named(path: &Path, bytes: Vec<u8>, options: &ReadOptions) -> Result<(Table, BTreeMap<String, String>), Error> {
    // The parquet crate has assertions that a damaged file can reach; its state is dropped with the closure.
    catch_unwind(AssertUnwindSafe(|| parse_inner(path, bytes.into(), options)))
        .unwrap_or_else(|_| Err(Error::damaged(path, "its content contradicts itself", COPY_AGAIN)))
}

fn parse_inner(path: &Path, bytes: Bytes, options: &ReadOptions) -> Result<(Table, BTreeMap<String, String>), Error> {
    let size = bytes.len() as u64;
    let damaged = |what: String| Error::damaged(path, what, COPY_AGAIN);
    let parquet = |e: ParquetError| damaged(e.to_string());
    if size < 12 || &bytes[..4] != b"PAR1" || &bytes[bytes.len() - 4..] != b"PAR1" {
        return Err(damaged(format!("{size} bytes without Parquet's marks at both ends: not a Parquet file, or cut short")));
    }
    let tail = &bytes[bytes.len() - 8..];
    let footer = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    if footer > size - 12 {
        return Err(damaged(format!("its footer claims {footer} of {size} bytes")));
    }
    if footer > LARGEST_FOOTER {
        return Err(Error::TooLarge { path: path.to_path_buf(), what: format!("a footer of {footer} bytes, and the limit is {LARGEST_FOOTER}") });
    }
    let reader = SerializedFileReader::new(bytes.clone()).map_err(parquet)?;
    let meta = reader.metadata();
    let schema = meta.file_metadata().schema_descr();
    let names: Vec<&str> = schema.columns().iter().map(|c| c.path().parts()[0].as_str()).collect();
    let wanted: Vec<usize> = match options.columns {
        None => (0..names.len()).collect(),
        Some(list) => {
            let find = |want: &&str| {
                let missing = || Error::invalid(format!("{} has no column {want:?}: it has {}", path.display(), names.join(", ")));
                names.iter().position(|n| n == want).ok_or_else(missing)
            };
            list.iter().map(find).collect::<Result<_, _>>()?
        }
    };
    let mut budget = Budget { path, left: options.limit.unwrap_or((64 << 20) + 64 * size), limit: options.limit.unwrap_or((64 << 20) + 64 * size) };
    let mut table = Table::default();
    for index in wanted {
        let description = schema.column(index);
        let kind = Kind::of(&description).map_err(|what| Error::Unsupported {
            path: path.to_path_buf(),
            what: format!("column {:?} is {what}", description.path().string()),
            advice: REWRITE,
        })?;
        let mut data = kind.empty();
        for (g, group) in meta.row_groups().iter().enumerate() {
            let here = |what: String| damaged(format!("row group {g}, column {:?}: {what}", description.path().string()));
            let rows = u64::try_from(group.num_rows()).map_err(|_| here("a negative number of rows".into()))?;
            if index >= group.num_columns() {
                return Err(here("it is missing".into()));
            }
            let chunk = group.column(index);
            if u64::try_from(chunk.num_values()) != Ok(rows) {
                return Err(here(format!("{} values for {rows} rows", chunk.num_values())));
            }
            budget.take(rows.saturating_mul(kind.cell_bytes()))?;
            guard(path, &bytes, chunk, rows, kind, budget.limit, &here)?;
            let column = reader.get_row_group(g).and_then(|r| r.get_column_reader(index)).map_err(|e| here(e.to_string()))?;
            let optional = description.max_def_level() > 0;
            kind.read(column, rows as usize, optional, &mut data, &mut budget, &here)?;
        }
        table.columns.push(Column { name: names[index].to_string(), data });
    }
    table.check().map_err(|e| damaged(e.to_string()))?;
    let pairs = meta.file_metadata().key_value_metadata().into_iter().flatten();
    let metadata = pairs.filter_map(|kv| Some((kv.key.clone(), kv.value.clone()?))).collect();
    Ok((table, metadata))
}

/// Checks a chunk's place, codec and pages before the parquet crate sees them.
fn guard(path: &Path, bytes: &Bytes, chunk: &ColumnChunkMetaData, rows: u64, kind: Kind, limit: u64, here: &dyn Fn(String) -> Error) -> Result<(), Error> {
    let snappy = match chunk.compression() {
        Compression::UNCOMPRESSED => false,
        Compression::SNAPPY => true,
        other => {
            let what = format!("column {:?} is compressed with {other}", chunk.column_path().string());
            return Err(Error::Unsupported { path: path.to_path_buf(), what, advice: REWRITE });
        }
    };
    // The same start as the parquet crate takes.
    let start = chunk.dictionary_page_offset().unwrap_or_else(|| chunk.data_page_offset());
    let range = usize::try_from(start).ok().zip(usize::try_from(chunk.compressed_size()).ok());
    let pages = range.and_then(|(start, length)| bytes.get(start..start.checked_add(length)?)).ok_or_else(|| here("it lies outside the file".into()))?;
    let allowed = Allowed { rows, value_bytes: kind.plain_bytes(chunk.column_type()), page_bytes: limit, snappy };
    check_pages(pages, &allowed).map_err(|why| match why.contains("is not supported") {
        true => Error::Unsupported { path: path.to_path_buf(), what: why, advice: REWRITE },
        false => here(why),
    })
}

/// Memory still allowed.
struct Budget<'a> {
    path: &'a Path,
    left: u64,
    limit: u64,
}

impl Budget<'_> {
    fn take(&mut self, bytes: u64) -> Result<(), Error> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(Error::TooLarge { path: self.path.to_path_buf(), what: format!("its table takes more than the limit of {} bytes", self.limit) }),
        }
    }
}

/// How a Parquet column becomes one of ours.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Int,
    Unsigned,
    Float,
    Text,
    Bool,
}

impl Kind {
    /// The kind of a column, or in words what is not supported about it.
    fn of(column: &ColumnDescriptor) -> Result<Kind, String> {
        if column.path().parts().len() != 1 || column.max_rep_level() > 0 || column.max_def_level() > 1 {
            return Err("nested".into());
        }
        let (logical, converted) = (column.logical_type_ref(), column.converted_type());
        let other = || match logical {
            Some(l) => format!("of type {l:?}"),
            None => format!("of type {} {converted}", column.physical_type()),
        };
        Ok(match column.physical_type() {
            Physical::BOOLEAN => Kind::Bool,
            Physical::INT32 | Physical::INT64 => match (logical, converted) {
                (Some(LogicalType::Integer(t)), _) => {
                    if t.is_signed {
                        Kind::Int
                    } else {
                        Kind::Unsigned
                    }
                }
                (None, ConvertedType::NONE | ConvertedType::INT_8 | ConvertedType::INT_16 | ConvertedType::INT_32 | ConvertedType::INT_64) => Kind::Int,
                (None, ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64) => Kind::Unsigned,
                _ => return Err(other()),
            },
            Physical::FLOAT | Physical::DOUBLE => Kind::Float,
            Physical::BYTE_ARRAY => match (logical, converted) {
                (Some(LogicalType::String | LogicalType::Enum | LogicalType::Json), _) => Kind::Text,
                (None, ConvertedType::NONE | ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON) => Kind::Text,
                _ => return Err(other()),
            },
            _ => return Err(other()),
        })
    }

    fn empty(self) -> ColumnData {
        match self {
            Kind::Int | Kind::Unsigned => ColumnData::I64(Vec::new()),
            Kind::Float => ColumnData::F64(Vec::new()),
            Kind::Text => ColumnData::Str(Vec::new()),
            Kind::Bool => ColumnData::Bool(Vec::new()),
        }
    }

    /// Bytes of a cell in a table, without its text.
    fn cell_bytes(self) -> u64 {
        match self {
            Kind::Int | Kind::Unsigned | Kind::Float => 16,
            Kind::Text => size_of::<Option<String>>() as u64,
            Kind::Bool => 1,
        }
    }

    /// Bytes that a plain value takes at least.
    fn plain_bytes(self, physical: Physical) -> u64 {
        match physical {
            Physical::INT64 | Physical::DOUBLE => 8,
            Physical::BOOLEAN => 1,
            _ => 4,
        }
    }

    /// Appends a chunk of `rows` rows to `data`.
    fn read(
        self,
        column: ColumnReader,
        rows: usize,
        optional: bool,
        data: &mut ColumnData,
        budget: &mut Budget,
        here: &dyn Fn(String) -> Error,
    ) -> Result<(), Error> {
        let unsigned = self == Kind::Unsigned;
        match (data, column) {
            (ColumnData::Bool(out), ColumnReader::BoolColumnReader(c)) => drain(c, rows, optional, out, here, |_, v| Ok(v)),
            (ColumnData::I64(out), ColumnReader::Int32ColumnReader(c)) => {
                drain(c, rows, optional, out, here, |_, v| Ok(if unsigned { i64::from(v as u32) } else { i64::from(v) }))
            }
            (ColumnData::I64(out), ColumnReader::Int64ColumnReader(c)) => drain(c, rows, optional, out, here, |row, v| {
                if unsigned && v < 0 { Err(here(format!("row {row}: {} does not fit a signed integer", v as u64))) } else { Ok(v) }
            }),
            (ColumnData::F64(out), ColumnReader::FloatColumnReader(c)) => drain(c, rows, optional, out, here, |_, v| Ok(f64::from(v))),
            (ColumnData::F64(out), ColumnReader::DoubleColumnReader(c)) => drain(c, rows, optional, out, here, |_, v| Ok(v)),
            (ColumnData::Str(out), ColumnReader::ByteArrayColumnReader(c)) => drain(c, rows, optional, out, here, |row, v: ByteArray| {
                budget.take(v.len() as u64)?;
                let text = std::str::from_utf8(v.data()).map_err(|e| here(format!("row {row}: not UTF-8 from byte {}", e.valid_up_to())))?;
                Ok(text.to_string())
            }),
            _ => Err(here("the chunk's type is not the schema's".into())),
        }
    }
}

/// Reads `rows` rows of a column in batches and appends them to `out`.
fn drain<D: DataType, T>(
    mut column: ColumnReaderImpl<D>,
    rows: usize,
    optional: bool,
    out: &mut Vec<Option<T>>,
    here: &dyn Fn(String) -> Error,
    mut convert: impl FnMut(usize, D::T) -> Result<T, Error>,
) -> Result<(), Error> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    let mut done = 0;
    // `rows` is within the budget, which was checked before.
    out.reserve_exact(rows);
    while done < rows {
        values.clear();
        levels.clear();
        let batch = BATCH.min(rows - done);
        let (got, _, _) = column.read_records(batch, optional.then_some(&mut levels), None, &mut values).map_err(|e| here(e.to_string()))?;
        if got == 0 || got > batch || (optional && levels.len() != got) {
            return Err(here(format!("it ends after {done} of {rows} rows")));
        }
        let mut next = values.drain(..);
        for row in 0..got {
            let present = !optional || levels[row] == 1;
            let value = if present { Some(next.next().ok_or_else(|| here(format!("row {}: a value is missing", done + row)))?) } else { None };
            out.push(value.map(|v| convert(done + row, v)).transpose()?);
        }
        drop(next);
        done += got;
    }
    Ok(())
}
