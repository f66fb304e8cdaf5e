//! [`Table`] to Parquet: every column optional, snappy, so that polars, pandas and DuckDB read it without us.

use crate::error::Error;
use crate::files;
use crate::table::{ColumnData, Table};
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnPath, Type};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Rows of a row group: large enough for compression, small enough to be read piecewise by others.
const GROUP_ROWS: usize = 1 << 18;

/// Writes a table as one Parquet file, atomically, with key–value metadata (for exports; a campaign's parts are written by
/// [`Campaign::append`](crate::Campaign::append)).
///
/// # Errors
/// [`Error::Invalid`] if the table breaks its rules; [`Error::Full`], [`Error::Unwritable`] or [`Error::Io`] if it cannot be written.
pub fn write_table(path: &Path, table: &Table, metadata: &BTreeMap<String, String>) -> Result<(), Error> {
    files::publish(path, &encode_table(table, metadata)?)
}

/// The bytes of [`write_table`]. The same table gives the same bytes.
///
/// # Errors
/// [`Error::Invalid`] if the table breaks its rules.
pub fn encode_table(table: &Table, metadata: &BTreeMap<String, String>) -> Result<Vec<u8>, Error> {
    table.check()?;
    encode(table, metadata).map_err(|e| Error::invalid(format!("the table cannot be written as Parquet: {e}")))
}

fn encode(table: &Table, metadata: &BTreeMap<String, String>) -> Result<Vec<u8>, ParquetError> {
    let mut fields = Vec::with_capacity(table.columns.len());
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(concat!("pennydrop-store version ", env!("CARGO_PKG_VERSION")).to_string())
        .set_key_value_metadata(Some(metadata.iter().map(|(k, v)| KeyValue::new(k.clone(), v.clone())).collect()));
    for column in &table.columns {
        let (physical, logical) = match column.data {
            ColumnData::I64(_) => (Physical::INT64, None),
            ColumnData::F64(_) => (Physical::DOUBLE, None),
            ColumnData::Str(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            ColumnData::Bool(_) => (Physical::BOOLEAN, None),
        };
        if physical == Physical::DOUBLE {
            // Measured numbers hardly repeat: a dictionary would be built and thrown away.
            properties = properties.set_column_dictionary_enabled(ColumnPath::new(vec![column.name.clone()]), false);
        }
        let field = Type::primitive_type_builder(&column.name, physical).with_repetition(Repetition::OPTIONAL).with_logical_type(logical).build()?;
        fields.push(Arc::new(field));
    }
    let schema = Arc::new(Type::group_type_builder("pennydrop").with_fields(fields).build()?);
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties.build()))?;
    let rows = table.rows();
    for start in (0..rows).step_by(GROUP_ROWS) {
        let range = start..rows.min(start + GROUP_ROWS);
        let mut group = writer.next_row_group()?;
        for column in &table.columns {
            match &column.data {
                ColumnData::I64(v) => write_column::<Int64Type, _>(&mut group, &v[range.clone()], |x| *x)?,
                ColumnData::F64(v) => write_column::<DoubleType, _>(&mut group, &v[range.clone()], |x| *x)?,
                ColumnData::Bool(v) => write_column::<BoolType, _>(&mut group, &v[range.clone()], |x| *x)?,
                ColumnData::Str(v) => write_column::<ByteArrayType, _>(&mut group, &v[range.clone()], |x| ByteArray::from(x.as_str()))?,
            }
        }
        group.close()?;
    }
    writer.into_inner()
}

/// Writes one column of a row group: levels 1 for values and 0 for nulls, and the values that are there.
fn write_column<D: DataType, T>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    cells: &[Option<T>],
    convert: impl Fn(&T) -> D::T,
) -> Result<(), ParquetError> {
    let mut column = group.next_column()?.ok_or_else(|| ParquetError::General("more columns than the schema has".into()))?;
    let levels: Vec<i16> = cells.iter().map(|c| i16::from(c.is_some())).collect();
    let values: Vec<D::T> = cells.iter().flatten().map(convert).collect();
    column.typed::<D>().write_batch(&values, Some(&levels), None)?;
    column.close()
}
