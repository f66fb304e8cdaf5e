//! A small table: named columns of equal length, with nulls.

use crate::error::Error;
use std::collections::BTreeSet;

/// The values of one column; `None` is a null. NaN and infinities are values, not nulls.
#[derive(Debug, Clone)]
pub enum ColumnData {
    /// Integers.
    I64(Vec<Option<i64>>),
    /// Numbers.
    F64(Vec<Option<f64>>),
    /// Text.
    Str(Vec<Option<String>>),
    /// Truth values.
    Bool(Vec<Option<bool>>),
}

impl PartialEq for ColumnData {
    /// Equal types and values; numbers are compared by their bits, so that NaN equals itself and −0 differs from 0.
    fn eq(&self, other: &Self) -> bool {
        let bits = |v: &[Option<f64>]| v.iter().map(|x| x.map(f64::to_bits)).collect::<Vec<_>>();
        match (self, other) {
            (ColumnData::I64(a), ColumnData::I64(b)) => a == b,
            (ColumnData::F64(a), ColumnData::F64(b)) => bits(a) == bits(b),
            (ColumnData::Str(a), ColumnData::Str(b)) => a == b,
            (ColumnData::Bool(a), ColumnData::Bool(b)) => a == b,
            _ => false,
        }
    }
}

impl ColumnData {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            ColumnData::I64(v) => v.len(),
            ColumnData::F64(v) => v.len(),
            ColumnData::Str(v) => v.len(),
            ColumnData::Bool(v) => v.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type in words.
    pub fn type_name(&self) -> &'static str {
        match self {
            ColumnData::I64(_) => "integer",
            ColumnData::F64(_) => "number",
            ColumnData::Str(_) => "text",
            ColumnData::Bool(_) => "truth value",
        }
    }

    /// The rows at `order`, which may leave out or repeat some. Every entry must be below `len`.
    pub(crate) fn pick(&self, order: &[usize]) -> ColumnData {
        fn at<T: Clone>(v: &[T], order: &[usize]) -> Vec<T> {
            order.iter().map(|&i| v[i].clone()).collect()
        }
        match self {
            ColumnData::I64(v) => ColumnData::I64(at(v, order)),
            ColumnData::F64(v) => ColumnData::F64(at(v, order)),
            ColumnData::Str(v) => ColumnData::Str(at(v, order)),
            ColumnData::Bool(v) => ColumnData::Bool(at(v, order)),
        }
    }

    /// An empty column of the same type.
    pub(crate) fn same_type(&self) -> ColumnData {
        match self {
            ColumnData::I64(_) => ColumnData::I64(Vec::new()),
            ColumnData::F64(_) => ColumnData::F64(Vec::new()),
            ColumnData::Str(_) => ColumnData::Str(Vec::new()),
            ColumnData::Bool(_) => ColumnData::Bool(Vec::new()),
        }
    }

    /// Appends nulls until there are `rows` rows.
    pub(crate) fn pad(&mut self, rows: usize) {
        match self {
            ColumnData::I64(v) => v.resize(rows, None),
            ColumnData::F64(v) => v.resize(rows, None),
            ColumnData::Str(v) => v.resize(rows, None),
            ColumnData::Bool(v) => v.resize(rows, None),
        }
    }

    /// Appends `more`. Integers meet numbers as numbers; any other mixture fails and hands `more` back.
    pub(crate) fn extend(&mut self, more: ColumnData) -> Result<(), ColumnData> {
        match (&mut *self, more) {
            (ColumnData::I64(a), ColumnData::I64(b)) => a.extend(b),
            (ColumnData::F64(a), ColumnData::F64(b)) => a.extend(b),
            (ColumnData::Str(a), ColumnData::Str(b)) => a.extend(b),
            (ColumnData::Bool(a), ColumnData::Bool(b)) => a.extend(b),
            (ColumnData::F64(a), ColumnData::I64(b)) => a.extend(b.into_iter().map(|x| x.map(|x| x as f64))),
            (ColumnData::I64(a), ColumnData::F64(b)) => {
                let mut widened: Vec<Option<f64>> = a.iter().map(|x| x.map(|x| x as f64)).collect();
                widened.extend(b);
                *self = ColumnData::F64(widened);
            }
            (_, more) => return Err(more),
        }
        Ok(())
    }
}

/// A named column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name: unique in its table, not empty.
    pub name: String,
    /// Its values.
    pub data: ColumnData,
}

/// Columns of equal length. [`Table::check`] says whether it is one; writing checks it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// The columns, in order.
    pub columns: Vec<Column>,
}

impl Table {
    /// Adds a column of integers.
    pub fn i64(mut self, name: &str, values: impl IntoIterator<Item = Option<i64>>) -> Self {
        self.columns.push(Column { name: name.to_string(), data: ColumnData::I64(values.into_iter().collect()) });
        self
    }

    /// Adds a column of numbers.
    pub fn f64(mut self, name: &str, values: impl IntoIterator<Item = Option<f64>>) -> Self {
        self.columns.push(Column { name: name.to_string(), data: ColumnData::F64(values.into_iter().collect()) });
        self
    }

    /// Adds a column of text.
    pub fn str<S: Into<String>>(mut self, name: &str, values: impl IntoIterator<Item = Option<S>>) -> Self {
        let data = ColumnData::Str(values.into_iter().map(|x| x.map(Into::into)).collect());
        self.columns.push(Column { name: name.to_string(), data });
        self
    }

    /// Adds a column of truth values.
    pub fn bool(mut self, name: &str, values: impl IntoIterator<Item = Option<bool>>) -> Self {
        self.columns.push(Column { name: name.to_string(), data: ColumnData::Bool(values.into_iter().collect()) });
        self
    }

    /// Number of rows (of the first column; 0 without columns).
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |c| c.data.len())
    }

    /// The values of the column `name`.
    pub fn get(&self, name: &str) -> Option<&ColumnData> {
        self.columns.iter().find(|c| c.name == name).map(|c| &c.data)
    }

    /// The column `name`, if it holds integers.
    pub fn get_i64(&self, name: &str) -> Option<&[Option<i64>]> {
        match self.get(name) {
            Some(ColumnData::I64(v)) => Some(v),
            _ => None,
        }
    }

    /// The column `name`, if it holds numbers.
    pub fn get_f64(&self, name: &str) -> Option<&[Option<f64>]> {
        match self.get(name) {
            Some(ColumnData::F64(v)) => Some(v),
            _ => None,
        }
    }

    /// The column `name`, if it holds text.
    pub fn get_str(&self, name: &str) -> Option<&[Option<String>]> {
        match self.get(name) {
            Some(ColumnData::Str(v)) => Some(v),
            _ => None,
        }
    }

    /// The column `name`, if it holds truth values.
    pub fn get_bool(&self, name: &str) -> Option<&[Option<bool>]> {
        match self.get(name) {
            Some(ColumnData::Bool(v)) => Some(v),
            _ => None,
        }
    }

    /// Checks the rules: at least one column, names unique and not empty, equal lengths.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the column that breaks a rule.
    pub fn check(&self) -> Result<(), Error> {
        if self.columns.is_empty() {
            return Err(Error::invalid("a table needs at least one column"));
        }
        let mut seen = BTreeSet::new();
        for c in &self.columns {
            if c.name.is_empty() || c.name.contains('\0') {
                return Err(Error::invalid(format!("column name {:?} is empty or holds a NUL", c.name)));
            }
            if !seen.insert(&c.name) {
                return Err(Error::invalid(format!("the table has two columns named {:?}: rename one", c.name)));
            }
            if c.data.len() != self.rows() {
                let (a, b) = (&self.columns[0].name, self.rows());
                return Err(Error::invalid(format!("column {:?} has {} rows and column {a:?} has {b}: they must be equal", c.name, c.data.len())));
            }
        }
        Ok(())
    }

    /// The rows at `order` (indices below [`Table::rows`], may leave out or repeat some).
    pub(crate) fn pick(&self, order: &[usize]) -> Table {
        Table { columns: self.columns.iter().map(|c| Column { name: c.name.clone(), data: c.data.pick(order) }).collect() }
    }

    /// Appends the rows of `more`; a column missing on one side becomes nulls there. Integers and numbers merge to numbers.
    ///
    /// # Errors
    /// [`Error::Invalid`] if a column holds text (or truth values) on one side only.
    pub fn append(&mut self, more: Table) -> Result<(), Error> {
        let (before, total) = (self.rows(), self.rows() + more.rows());
        for column in more.columns {
            let index = match self.columns.iter().position(|c| c.name == column.name) {
                Some(i) => i,
                None => {
                    let mut data = column.data.same_type();
                    data.pad(before);
                    self.columns.push(Column { name: column.name.clone(), data });
                    self.columns.len() - 1
                }
            };
            let mine = &mut self.columns[index].data;
            let mine_type = mine.type_name();
            if let Err(theirs) = mine.extend(column.data) {
                let (name, theirs) = (column.name, theirs.type_name());
                return Err(Error::invalid(format!("column {name:?} is a {mine_type} in one table and a {theirs} in another: they cannot be merged")));
            }
        }
        self.columns.iter_mut().for_each(|c| c.data.pad(total));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appending_fills_gaps_with_nulls_and_widens_integers() {
        let mut a = Table::default().i64("n", [Some(1)]).str("only_a", [Some("x")]);
        let b = Table::default().f64("n", [Some(f64::NAN), None]).bool("only_b", [Some(true), None]);
        a.append(b).unwrap();
        let want = Table::default().f64("n", [Some(1.0), Some(f64::NAN), None]).str("only_a", [Some("x"), None, None]).bool("only_b", [None, Some(true), None]);
        assert_eq!(a, want);
        a.check().unwrap();
        assert!(a.append(Table::default().str("n", [Some("one")])).is_err());
    }

    #[test]
    fn rules_are_checked() {
        assert!(Table::default().check().is_err());
        assert!(Table::default().i64("a", [None]).i64("a", [None]).check().is_err());
        assert!(Table::default().i64("a", [None]).i64("b", []).check().is_err());
        assert!(Table::default().i64("", []).check().is_err());
        Table::default().i64("a", []).check().unwrap();
    }
}
