//! Some columns of many rows, as a scan gives them.

use crate::table::{Column, ColumnData, Table};
use crate::text::Text;

/// The values of a scanned column; `None` is a null. NaN and infinities are values, not nulls.
#[derive(Debug, Clone)]
pub enum ScanData {
    /// Integers.
    I64(Vec<Option<i64>>),
    /// Numbers.
    F64(Vec<Option<f64>>),
    /// Truth values.
    Bool(Vec<Option<bool>>),
    /// Text.
    Text(Text),
}

/// Columns of equal length: what [`Campaign::scan`](crate::Campaign::scan) found. Columns that no part has are absent.
#[derive(Debug, Clone, Default)]
pub struct Scan {
    pub(crate) rows: usize,
    pub(crate) columns: Vec<(String, ScanData)>,
}

impl Scan {
    /// Number of rows, whatever columns were asked for.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns that were found, in the order asked for.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &ScanData)> {
        self.columns.iter().map(|(n, d)| (n.as_str(), d))
    }

    /// The values of a column.
    pub fn get(&self, name: &str) -> Option<&ScanData> {
        self.columns.iter().find(|(n, _)| n == name).map(|(_, d)| d)
    }

    /// The values of a column of integers.
    pub fn get_i64(&self, name: &str) -> Option<&[Option<i64>]> {
        match self.get(name) {
            Some(ScanData::I64(v)) => Some(v),
            _ => None,
        }
    }

    /// The values of a column of numbers.
    pub fn get_f64(&self, name: &str) -> Option<&[Option<f64>]> {
        match self.get(name) {
            Some(ScanData::F64(v)) => Some(v),
            _ => None,
        }
    }

    /// The values of a column of truth values.
    pub fn get_bool(&self, name: &str) -> Option<&[Option<bool>]> {
        match self.get(name) {
            Some(ScanData::Bool(v)) => Some(v),
            _ => None,
        }
    }

    /// The values of a column of text.
    pub fn get_text(&self, name: &str) -> Option<&Text> {
        match self.get(name) {
            Some(ScanData::Text(t)) => Some(t),
            _ => None,
        }
    }

    /// A value as a number: of a column of numbers, or of integers or truth values (0 and 1). `None` for nulls, text, and columns that are absent.
    pub fn number(&self, name: &str, row: usize) -> Option<f64> {
        match self.get(name)? {
            ScanData::I64(v) => v.get(row)?.map(|x| x as f64),
            ScanData::F64(v) => *v.get(row)?,
            ScanData::Bool(v) => v.get(row)?.map(|x| f64::from(u8::from(x))),
            ScanData::Text(_) => None,
        }
    }

    /// The same as a table, with a string for every cell of text.
    pub fn into_table(self) -> Table {
        let data = |d: ScanData| match d {
            ScanData::I64(v) => ColumnData::I64(v),
            ScanData::F64(v) => ColumnData::F64(v),
            ScanData::Bool(v) => ColumnData::Bool(v),
            ScanData::Text(t) => ColumnData::Str(t.iter().map(|s| s.map(str::to_string)).collect()),
        };
        Table { columns: self.columns.into_iter().map(|(name, d)| Column { name, data: data(d) }).collect() }
    }
}

impl ScanData {
    /// The type in words.
    pub fn type_name(&self) -> &'static str {
        match self {
            ScanData::I64(_) => "integer",
            ScanData::F64(_) => "number",
            ScanData::Bool(_) => "truth value",
            ScanData::Text(_) => "text",
        }
    }

    pub(crate) fn pad(&mut self, rows: usize) {
        match self {
            ScanData::I64(v) => v.resize(rows, None),
            ScanData::F64(v) => v.resize(rows, None),
            ScanData::Bool(v) => v.resize(rows, None),
            ScanData::Text(t) => t.pad(rows),
        }
    }

    pub(crate) fn pick(&mut self, order: &[u32]) {
        fn at<T: Copy>(v: &mut Vec<T>, order: &[u32]) {
            *v = order.iter().map(|&row| v[row as usize]).collect();
        }
        match self {
            ScanData::I64(v) => at(v, order),
            ScanData::F64(v) => at(v, order),
            ScanData::Bool(v) => at(v, order),
            ScanData::Text(t) => t.pick(order),
        }
    }
}
