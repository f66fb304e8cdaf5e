//! What a frame of a segment holds: one or several tables in few bytes.
//!
//! ```text
//! data frame   1, number of tables, then each table:
//! table        set, [its definition, if the set is new], length of the body, body
//! definition   kind (a number: place in KINDS), number of columns, then each column: type, length of the name, name
//! body         number of rows, then each column: how (one byte), [bitmap of nulls], values
//! ```
//! Numbers are LEB128 varints. A *set* is a kind with its columns' names and types; a segment defines each set once and numbers them from 0, so that a row
//! of 120 columns does not repeat 2 kB of names. Values: integers as zigzag differences, numbers by their bits (as f32 where all of them are f32 exactly),
//! text with lengths, truth values as bits. A column of equal values holds one.

use crate::merge::KINDS;
use crate::table::{Column, ColumnData, Table};
use std::collections::BTreeMap;

/// How a column's nulls are told: the low two bits of its first byte.
const NO_NULLS: u8 = 0;
const NULLS_IN_BITMAP: u8 = 1;
const ALL_NULL: u8 = 2;
/// How its values are written: the next two bits.
const PLAIN: u8 = 0;
const ONE_VALUE: u8 = 1 << 2;
const AS_F32: u8 = 2 << 2;

/// First byte of a payload.
pub(crate) const HEADER: u8 = 0;
pub(crate) const DATA: u8 = 1;

/// The sets that a segment has defined: definition to number.
pub(crate) type Known = BTreeMap<Vec<u8>, u64>;

/// Appends the payload of a data frame to `out`; gives the definitions that it adds to `known` once the frame is written.
///
/// `tables` must have been checked: kinds in range, columns of equal length.
pub(crate) fn encode(tables: &[(usize, &Table)], known: &Known, out: &mut Vec<u8>) -> Vec<Vec<u8>> {
    let mut new: Vec<Vec<u8>> = Vec::new();
    let mut body = Vec::new();
    out.push(DATA);
    put(out, tables.len() as u64);
    for (kind, table) in tables {
        let definition = define(*kind, table);
        let earlier = known.get(&definition).copied().or_else(|| Some((known.len() + new.iter().position(|d| *d == definition)?) as u64));
        match earlier {
            Some(number) => put(out, number),
            None => {
                put(out, (known.len() + new.len()) as u64);
                out.extend(&definition);
                new.push(definition);
            }
        }
        body.clear();
        put(&mut body, table.rows() as u64);
        table.columns.iter().for_each(|c| put_column(&mut body, &c.data));
        put(out, body.len() as u64);
        out.extend(&body);
    }
    new
}

fn define(kind: usize, table: &Table) -> Vec<u8> {
    let mut out = Vec::with_capacity(24 * table.columns.len());
    put(&mut out, kind as u64);
    put(&mut out, table.columns.len() as u64);
    for column in &table.columns {
        out.push(match column.data {
            ColumnData::I64(_) => 0,
            ColumnData::F64(_) => 1,
            ColumnData::Str(_) => 2,
            ColumnData::Bool(_) => 3,
        });
        put_text(&mut out, &column.name);
    }
    out
}

fn put(out: &mut Vec<u8>, mut x: u64) {
    while x >= 0x80 {
        out.push(x as u8 | 0x80);
        x >>= 7;
    }
    out.push(x as u8);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u64);
    out.extend(text.as_bytes());
}

fn put_bits(out: &mut Vec<u8>, bits: impl Iterator<Item = bool>) {
    let (mut byte, mut used) = (0, 0);
    for bit in bits {
        byte |= u8::from(bit) << used;
        used += 1;
        if used == 8 {
            out.push(byte);
            (byte, used) = (0, 0);
        }
    }
    if used > 0 {
        out.push(byte);
    }
}

fn put_column(out: &mut Vec<u8>, data: &ColumnData) {
    match data {
        ColumnData::I64(cells) => {
            let Some(same) = put_nulls(out, cells, |a, b| a == b, || PLAIN) else { return };
            let mut last = 0i64;
            for x in values(cells, same) {
                let step = x.wrapping_sub(last);
                put(out, ((step << 1) ^ (step >> 63)) as u64);
                last = *x;
            }
        }
        ColumnData::F64(cells) => {
            // Of the NaNs only the plain one: what a conversion makes of another's payload depends on the processor.
            let exact = |x: f64| if x.is_nan() { x.to_bits() == f64::NAN.to_bits() } else { f64::from(x as f32).to_bits() == x.to_bits() };
            let narrow = || cells.iter().flatten().all(|x| exact(*x));
            let Some(same) = put_nulls(out, cells, |a, b| a.to_bits() == b.to_bits(), || if narrow() { AS_F32 } else { PLAIN }) else { return };
            // One value is always written in full.
            match same || !narrow() {
                true => values(cells, same).for_each(|x| out.extend(x.to_bits().to_le_bytes())),
                false => values(cells, same).for_each(|x| out.extend((*x as f32).to_bits().to_le_bytes())),
            }
        }
        ColumnData::Str(cells) => {
            let Some(same) = put_nulls(out, cells, |a, b| a == b, || PLAIN) else { return };
            values(cells, same).for_each(|x| put_text(out, x));
        }
        ColumnData::Bool(cells) => {
            let Some(same) = put_nulls(out, cells, |a, b| a == b, || PLAIN) else { return };
            put_bits(out, values(cells, same).copied());
        }
    }
}

/// The values that are written: the first alone if all are the same.
fn values<T>(cells: &[Option<T>], same: bool) -> impl Iterator<Item = &T> {
    cells.iter().flatten().take(if same { 1 } else { usize::MAX })
}

/// Writes how the column is written, and its nulls. Whether one value stands for all; `None` if there are no values.
fn put_nulls<T>(out: &mut Vec<u8>, cells: &[Option<T>], equal: impl Fn(&T, &T) -> bool, otherwise: impl Fn() -> u8) -> Option<bool> {
    let count = cells.iter().flatten().count();
    let Some(first) = cells.iter().flatten().next() else {
        out.push(ALL_NULL);
        return None;
    };
    let same = count > 1 && cells.iter().flatten().all(|x| equal(x, first));
    let how = if same { ONE_VALUE } else { otherwise() };
    if count == cells.len() {
        out.push(how | NO_NULLS);
    } else {
        out.push(how | NULLS_IN_BITMAP);
        put_bits(out, cells.iter().map(Option::is_some));
    }
    Some(same)
}

/// Why a payload could not be read: what is wrong with it, or that it would take too much memory.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    Form(&'static str),
    TooLarge,
}

const SHORT: Wrong = Wrong::Form("a value goes beyond the end");

/// Bytes that are still to be read.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], Wrong> {
        let (head, rest) = self.0.split_at_checked(n).ok_or(SHORT)?;
        self.0 = rest;
        Ok(head)
    }

    fn byte(&mut self) -> Result<u8, Wrong> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self) -> Result<u64, Wrong> {
        let mut x = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            x |= bits << shift;
            if byte < 0x80 {
                return Ok(x);
            }
        }
        Err(Wrong::Form("a number of more than 64 bits"))
    }

    /// A count of things that take memory or a place in the payload.
    fn count(&mut self) -> Result<usize, Wrong> {
        usize::try_from(self.number()?).map_err(|_| SHORT)
    }

    fn text(&mut self) -> Result<&'a str, Wrong> {
        let n = self.count()?;
        std::str::from_utf8(self.take(n)?).map_err(|_| Wrong::Form("text that is not UTF-8"))
    }
}

/// Rows gathered from the frames of a segment, a table for each set.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// Place in KINDS, and the rows so far.
    pub sets: Vec<(usize, Table)>,
}

impl Gathered {
    /// Adds the tables of a data frame's payload (without its first byte). Those of other kinds than `want` are passed over. `budget` is the memory, in
    /// bytes, that cells may still take. After an error the tables are of no use.
    pub(crate) fn add(&mut self, payload: &[u8], want: Option<usize>, budget: &mut u64) -> Result<(), Wrong> {
        let mut from = Cursor(payload);
        for _ in 0..from.count()? {
            let set = from.count()?;
            if set > self.sets.len() {
                return Err(Wrong::Form("a set of columns that was never defined"));
            }
            if set == self.sets.len() {
                let (kind, table) = definition(&mut from, budget)?;
                self.sets.push((kind, table));
            }
            let length = from.count()?;
            let mut body = Cursor(from.take(length)?);
            let (kind, table) = &mut self.sets[set];
            if want.is_none_or(|w| w == *kind) {
                let rows = body.count()?;
                for column in &mut table.columns {
                    add_column(&mut body, rows, &mut column.data, budget)?;
                }
                if !body.0.is_empty() {
                    return Err(Wrong::Form("a table does not end where it says"));
                }
            }
        }
        if from.0.is_empty() { Ok(()) } else { Err(Wrong::Form("bytes after the last table")) }
    }
}

fn definition(from: &mut Cursor, budget: &mut u64) -> Result<(usize, Table), Wrong> {
    let kind = from.count()?;
    if kind >= KINDS.len() {
        return Err(Wrong::Form("a table of an unknown kind"));
    }
    let mut table = Table::default();
    for _ in 0..from.count()? {
        let code = from.byte()?;
        let name = from.text()?.to_string();
        spend(budget, size_of::<Column>() as u64 + name.len() as u64)?;
        let data = match code {
            0 => ColumnData::I64(Vec::new()),
            1 => ColumnData::F64(Vec::new()),
            2 => ColumnData::Str(Vec::new()),
            3 => ColumnData::Bool(Vec::new()),
            _ => return Err(Wrong::Form("a column of an unknown type")),
        };
        table.columns.push(Column { name, data });
    }
    table.check().map_err(|_| Wrong::Form("columns without a name, or two of one name"))?;
    Ok((kind, table))
}

fn spend(budget: &mut u64, bytes: u64) -> Result<(), Wrong> {
    *budget = budget.checked_sub(bytes).ok_or(Wrong::TooLarge)?;
    Ok(())
}

fn add_column(from: &mut Cursor, rows: usize, data: &mut ColumnData, budget: &mut u64) -> Result<(), Wrong> {
    match data {
        ColumnData::I64(cells) => {
            let mut last = 0i64;
            add_cells(from, rows, cells, budget, |from, _, _| {
                let z = from.number()?;
                last = last.wrapping_add((z >> 1) as i64 ^ -((z & 1) as i64));
                Ok(last)
            })
        }
        ColumnData::F64(cells) => add_cells(from, rows, cells, budget, |from, how, _| match how {
            AS_F32 => Ok(f64::from(f32::from_bits(little(from.take(4)?) as u32))),
            _ => Ok(f64::from_bits(little(from.take(8)?))),
        }),
        ColumnData::Str(cells) => add_cells(from, rows, cells, budget, |from, _, budget| {
            let text = from.text()?;
            spend(budget, text.len() as u64)?;
            Ok(text.to_string())
        }),
        ColumnData::Bool(cells) => {
            let (mut byte, mut used) = (0u8, 8);
            add_cells(from, rows, cells, budget, |from, _, _| {
                if used == 8 {
                    (byte, used) = (from.byte()?, 0);
                }
                used += 1;
                Ok(byte >> (used - 1) & 1 == 1)
            })
        }
    }
}

fn little(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |x, b| x << 8 | u64::from(*b))
}

/// Adds `rows` cells; `value` reads one.
fn add_cells<T: Clone>(
    from: &mut Cursor,
    rows: usize,
    cells: &mut Vec<Option<T>>,
    budget: &mut u64,
    mut value: impl FnMut(&mut Cursor, u8, &mut u64) -> Result<T, Wrong>,
) -> Result<(), Wrong> {
    spend(budget, (rows as u64).saturating_mul(size_of::<Option<T>>() as u64))?;
    let how = from.byte()?;
    let (nulls, values) = (how & 3, how & !3);
    if nulls > ALL_NULL || values > AS_F32 || (nulls == ALL_NULL && values != PLAIN) {
        return Err(Wrong::Form("a column written in an unknown way"));
    }
    if nulls == ALL_NULL {
        cells.resize(cells.len() + rows, None);
        return Ok(());
    }
    let bitmap = if nulls == NULLS_IN_BITMAP { Some(from.take(rows.div_ceil(8))?) } else { None };
    let mut one: Option<(T, u64)> = None; // with what it takes beside its cell
    for row in 0..rows {
        let there = bitmap.is_none_or(|b| b[row / 8] >> (row % 8) & 1 == 1);
        cells.push(match (there, &one) {
            (false, _) => None,
            (true, Some((same, more))) => {
                spend(budget, *more)?;
                Some(same.clone())
            }
            (true, None) => {
                let before = *budget;
                let x = value(from, values, budget)?;
                if values == ONE_VALUE {
                    one = Some((x.clone(), before - *budget));
                }
                Some(x)
            }
        });
    }
    Ok(())
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
