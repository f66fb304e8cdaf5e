//! Parquet to [`Table`]: our own parts, and tables that a user brings.

use crate::error::Error;
use crate::files;
use crate::page_guard::{Allowed, check_pages};
use crate::table::{Column, ColumnData, Table};
use bytes::buf::Reader;
use bytes::{Buf, Bytes};
use parquet::basic::{Compression, ConvertedType, LogicalType, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::schema::types::ColumnDescriptor;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
pub(crate) const BATCH: usize = 4096;

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
    caught(path, || parse_inner(path, bytes.into(), options))
}

/// Runs `read`; the parquet crate has assertions that a damaged file can reach, and its state is dropped with the closure.
pub(crate) fn caught<T>(path: &Path, read: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(Error::damaged(path, "its content contradicts itself", COPY_AGAIN)))
}

fn parse_inner(path: &Path, bytes: Bytes, options: &ReadOptions) -> Result<(Table, BTreeMap<String, String>), Error> {
    let limit = options.limit.unwrap_or((64 << 20) + 64 * bytes.len() as u64);
    let file = Opened::new(path, Source::Memory(bytes))?;
    let names = file.names();
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
    let mut budget = Budget::new(path, limit);
    let mut table = Table::default();
    for index in wanted {
        table.columns.push(Column { name: names[index].to_string(), data: file.column(index, &mut budget)? });
    }
    table.check().map_err(|e| file.damaged(e.to_string()))?;
    let pairs = file.meta.file_metadata().key_value_metadata().into_iter().flatten();
    let metadata = pairs.filter_map(|kv| Some((kv.key.clone(), kv.value.clone()?))).collect();
    Ok((table, metadata))
}

/// Where a file's bytes come from.
pub(crate) enum Source {
    /// All of them, in memory.
    Memory(Bytes),
    /// An open file and its length: only what is needed is read.
    Disk(File, u64),
    /// A file that is opened whenever something is needed, and its length.
    Closed(PathBuf, u64),
}

impl Source {
    fn size(&self) -> u64 {
        match self {
            Source::Memory(b) => b.len() as u64,
            Source::Disk(_, size) | Source::Closed(_, size) => *size,
        }
    }

    /// Bytes `start..start + length`; `None` if they lie outside.
    fn piece(&self, start: u64, length: u64) -> Option<std::io::Result<Bytes>> {
        let end = start.checked_add(length).filter(|end| *end <= self.size())?;
        match self {
            Source::Memory(b) => Some(Ok(b.slice(usize::try_from(start).ok()?..usize::try_from(end).ok()?))),
            Source::Disk(file, _) => Some(read_at(file, start, length)),
            Source::Closed(path, _) => Some(File::open(path).and_then(|file| read_at(&file, start, length))),
        }
    }
}

fn read_at(mut file: &File, start: u64, length: u64) -> std::io::Result<Bytes> {
    use std::io::ErrorKind::{OutOfMemory, UnexpectedEof};
    let size = usize::try_from(length).map_err(|_| OutOfMemory)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size).map_err(|_| OutOfMemory)?;
    file.seek(SeekFrom::Start(start))?;
    let read = file.take(length).read_to_end(&mut bytes)?;
    if read == size { Ok(bytes.into()) } else { Err(UnexpectedEof.into()) }
}

/// One column chunk in memory, at its place in the file.
struct Chunk {
    start: u64,
    bytes: Bytes,
}

impl Length for Chunk {
    fn len(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl Chunk {
    fn from(&self, start: u64, length: Option<usize>) -> Result<Bytes, ParquetError> {
        let outside = || ParquetError::EOF("a page lies outside its chunk".into());
        let at = start.checked_sub(self.start).and_then(|s| usize::try_from(s).ok()).filter(|s| *s <= self.bytes.len()).ok_or_else(outside)?;
        let end = length.map_or(Some(self.bytes.len()), |n| at.checked_add(n)).filter(|e| *e <= self.bytes.len()).ok_or_else(outside)?;
        Ok(self.bytes.slice(at..end))
    }
}

impl ChunkReader for Chunk {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        self.from(start, None).map(Buf::reader)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        self.from(start, Some(length))
    }
}

/// A Parquet file whose footer is read. The parquet crate has assertions that a damaged file can reach: callers catch panics.
pub(crate) struct Opened {
    path: PathBuf,
    source: Source,
    meta: ParquetMetaData,
}

impl Opened {
    /// Reads the footer.
    pub fn new(path: &Path, source: Source) -> Result<Opened, Error> {
        let size = source.size();
        let damaged = |what: String| Error::damaged(path, what, COPY_AGAIN);
        let piece = |start: u64, length: u64| match source.piece(start, length) {
            None => Err(damaged(format!("{size} bytes: not a Parquet file, or cut short"))),
            Some(read) => read.map_err(|e| Error::reading(path, e)),
        };
        if size < 12 || &piece(0, 4)?[..] != b"PAR1" || &piece(size - 4, 4)?[..] != b"PAR1" {
            return Err(damaged(format!("{size} bytes without Parquet's marks at both ends: not a Parquet file, or cut short")));
        }
        let tail = piece(size - 8, 4)?;
        let footer = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
        if footer > size - 12 {
            return Err(damaged(format!("its footer claims {footer} of {size} bytes")));
        }
        if footer > LARGEST_FOOTER {
            return Err(Error::TooLarge { path: path.to_path_buf(), what: format!("a footer of {footer} bytes, and the limit is {LARGEST_FOOTER}") });
        }
        let meta = ParquetMetaDataReader::decode_metadata(&piece(size - 8 - footer, footer)?).map_err(|e| damaged(e.to_string()))?;
        Ok(Opened { path: path.to_path_buf(), source, meta })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's length in bytes.
    pub fn size(&self) -> u64 {
        self.source.size()
    }

    /// Lets go of the open file.
    pub fn close(&mut self) {
        if let Source::Disk(_, size) = self.source {
            self.source = Source::Closed(self.path.clone(), size);
        }
    }

    pub fn damaged(&self, what: String) -> Error {
        Error::damaged(&self.path, what, COPY_AGAIN)
    }

    /// Names of the columns, in order.
    pub fn names(&self) -> Vec<&str> {
        self.meta.file_metadata().schema_descr().columns().iter().map(|c| c.path().parts()[0].as_str()).collect()
    }

    /// Rows of each row group.
    pub fn groups(&self) -> Result<Vec<usize>, Error> {
        let rows = |(g, group): (usize, &RowGroupMetaData)| {
            usize::try_from(group.num_rows()).map_err(|_| self.damaged(format!("row group {g}: a negative number of rows")))
        };
        self.meta.row_groups().iter().enumerate().map(rows).collect()
    }

    /// The kind of a column.
    pub fn kind(&self, index: usize) -> Result<Kind, Error> {
        let description = self.meta.file_metadata().schema_descr().column(index);
        Kind::of(&description).map_err(|what| Error::Unsupported {
            path: self.path.to_path_buf(),
            what: format!("column {:?} is {what}", description.path().string()),
            advice: REWRITE,
        })
    }

    /// A whole column.
    pub fn column(&self, index: usize, budget: &mut Budget) -> Result<ColumnData, Error> {
        let mut data = self.kind(index)?.empty();
        for (g, rows) in self.groups()?.into_iter().enumerate() {
            self.open(g, index, budget)?.read(rows, &mut data, budget)?;
        }
        Ok(data)
    }

    /// A column of a row group, ready to be read; its cells (without their text) are taken from the budget.
    pub fn open(&self, g: usize, index: usize, budget: &mut Budget) -> Result<OpenColumn<'_>, Error> {
        let description = self.meta.file_metadata().schema_descr().column(index);
        let kind = self.kind(index)?;
        let group = self.meta.row_group(g);
        let place = format!("row group {g}, column {:?}", description.path().string());
        let here = |what: String| self.damaged(format!("{place}: {what}"));
        let rows = u64::try_from(group.num_rows()).map_err(|_| here("a negative number of rows".into()))?;
        if index >= group.num_columns() {
            return Err(here("it is missing".into()));
        }
        let chunk = group.column(index);
        if u64::try_from(chunk.num_values()) != Ok(rows) {
            return Err(here(format!("{} values for {rows} rows", chunk.num_values())));
        }
        budget.take(rows.saturating_mul(kind.cell_bytes()))?;
        let bytes = self.guard(chunk, rows, kind, budget.limit, &here)?;
        let pages = SerializedPageReader::new(Arc::new(bytes), chunk, rows as usize, None).map_err(|e| here(e.to_string()))?;
        let optional = description.max_def_level() > 0;
        let reader = get_column_reader(description, Box::new(pages));
        Ok(OpenColumn { path: &self.path, place, reader, kind, optional, done: 0, rows: rows as usize })
    }

    /// Reads a chunk's bytes, and checks its place, codec and pages before the parquet crate sees them.
    fn guard(&self, chunk: &ColumnChunkMetaData, rows: u64, kind: Kind, limit: u64, here: &dyn Fn(String) -> Error) -> Result<Chunk, Error> {
        let snappy = match chunk.compression() {
            Compression::UNCOMPRESSED => false,
            Compression::SNAPPY => true,
            other => {
                let what = format!("column {:?} is compressed with {other}", chunk.column_path().string());
                return Err(Error::Unsupported { path: self.path.to_path_buf(), what, advice: REWRITE });
            }
        };
        // The same start as the parquet crate takes.
        let start = chunk.dictionary_page_offset().unwrap_or_else(|| chunk.data_page_offset());
        let outside = || here("it lies outside the file".into());
        let (start, length) = u64::try_from(start).ok().zip(u64::try_from(chunk.compressed_size()).ok()).ok_or_else(outside)?;
        let bytes = self.source.piece(start, length).ok_or_else(outside)?.map_err(|e| Error::reading(&self.path, e))?;
        let allowed = Allowed { rows, value_bytes: kind.plain_bytes(chunk.column_type()), page_bytes: limit, snappy };
        check_pages(&bytes, &allowed).map_err(|why| match why.contains("is not supported") {
            true => Error::Unsupported { path: self.path.to_path_buf(), what: why, advice: REWRITE },
            false => here(why),
        })?;
        Ok(Chunk { start, bytes })
    }
}

/// Memory still allowed.
pub(crate) struct Budget<'a> {
    path: &'a Path,
    left: u64,
    limit: u64,
}

impl<'a> Budget<'a> {
    pub fn new(path: &'a Path, limit: u64) -> Budget<'a> {
        Budget { path, left: limit, limit }
    }

    /// The same limit again, for rows that are let go before the next are read.
    pub fn portion(&self) -> Budget<'a> {
        Budget::new(self.path, self.limit)
    }

    pub fn take(&mut self, bytes: u64) -> Result<(), Error> {
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
pub(crate) enum Kind {
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

    pub fn empty(self) -> ColumnData {
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
}

/// A column of a row group that is being read from its beginning to its end.
pub(crate) struct OpenColumn<'a> {
    path: &'a Path,
    place: String,
    reader: ColumnReader,
    kind: Kind,
    optional: bool,
    done: usize,
    rows: usize,
}

impl OpenColumn<'_> {
    pub fn kind(&self) -> Kind {
        self.kind
    }

    fn here(&self) -> impl Fn(String) -> Error + 'static {
        let (path, place) = (self.path.to_path_buf(), self.place.clone());
        move |what| Error::damaged(&path, format!("{place}: {what}"), COPY_AGAIN)
    }

    /// Appends the next `rows` rows to `data`, which is of the column's kind.
    pub fn read(&mut self, rows: usize, data: &mut ColumnData, budget: &mut Budget) -> Result<(), Error> {
        let (here, unsigned) = (self.here(), self.kind == Kind::Unsigned);
        let rows = self.advance(rows);
        match (data, &mut self.reader) {
            (ColumnData::Bool(out), ColumnReader::BoolColumnReader(c)) => fill(c, rows, self.optional, out, &here, |_, v| Ok(v)),
            (ColumnData::I64(out), ColumnReader::Int32ColumnReader(c)) => {
                fill(c, rows, self.optional, out, &here, |_, v| Ok(if unsigned { i64::from(v as u32) } else { i64::from(v) }))
            }
            (ColumnData::I64(out), ColumnReader::Int64ColumnReader(c)) => fill(c, rows, self.optional, out, &here, |row, v| {
                if unsigned && v < 0 { Err(here(format!("row {row}: {} does not fit a signed integer", v as u64))) } else { Ok(v) }
            }),
            (ColumnData::F64(out), ColumnReader::FloatColumnReader(c)) => fill(c, rows, self.optional, out, &here, |_, v| Ok(f64::from(v))),
            (ColumnData::F64(out), ColumnReader::DoubleColumnReader(c)) => fill(c, rows, self.optional, out, &here, |_, v| Ok(v)),
            (ColumnData::Str(out), ColumnReader::ByteArrayColumnReader(c)) => fill(c, rows, self.optional, out, &here, |row, v: ByteArray| {
                budget.take(v.len() as u64)?;
                let text = std::str::from_utf8(v.data()).map_err(|e| here(format!("row {row}: not UTF-8 from byte {}", e.valid_up_to())))?;
                Ok(text.to_string())
            }),
            _ => Err(here("the chunk's type is not the schema's".into())),
        }
    }

    /// Gives the next `rows` rows of a column of text as bytes that share memory where values repeat; `each` says what is wrong with one.
    pub fn texts(&mut self, rows: usize, mut each: impl FnMut(Option<ByteArray>) -> Result<(), String>) -> Result<(), Error> {
        let here = self.here();
        let rows = self.advance(rows);
        match &mut self.reader {
            ColumnReader::ByteArrayColumnReader(c) => drain(c, rows, self.optional, &here, |row, v| each(v).map_err(|why| here(format!("row {row}: {why}")))),
            _ => Err(here("the chunk's type is not the schema's".into())),
        }
    }

    /// Rows to read now: at most those that are left.
    fn advance(&mut self, rows: usize) -> usize {
        let rows = rows.min(self.rows - self.done);
        self.done += rows;
        rows
    }
}

/// Reads `rows` rows of a column and appends them to `out`.
fn fill<D: DataType, T>(
    column: &mut ColumnReaderImpl<D>,
    rows: usize,
    optional: bool,
    out: &mut Vec<Option<T>>,
    here: &dyn Fn(String) -> Error,
    mut convert: impl FnMut(usize, D::T) -> Result<T, Error>,
) -> Result<(), Error> {
    // `rows` is within the budget, which was checked before.
    out.reserve_exact(rows);
    drain(column, rows, optional, here, |row, value| {
        out.push(value.map(|v| convert(row, v)).transpose()?);
        Ok(())
    })
}

/// Reads `rows` rows of a column in batches and hands them to `push`, with their number.
fn drain<D: DataType>(
    column: &mut ColumnReaderImpl<D>,
    rows: usize,
    optional: bool,
    here: &dyn Fn(String) -> Error,
    mut push: impl FnMut(usize, Option<D::T>) -> Result<(), Error>,
) -> Result<(), Error> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    let mut done = 0;
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
            push(done + row, value)?;
        }
        drop(next);
        done += got;
    }
    Ok(())
}
