//! Compares two campaigns value by value, numbers to the bit: `differ A B [COLUMN …]`. The columns named are left out (clocks and machines differ between
//! any two). Prints a JSON object; ends with 1 if a value differs.

use pennydrop_store::{Campaign, ColumnData, Producer, Table};
use std::path::Path;

/// Tables of a campaign and the columns that tell its rows apart.
const KINDS: [(&str, &[&str]); 3] = [("runs", &["run_id"]), ("curves", &["run_id", "step"]), ("decisions", &["question", "cell", "round"])];

/// A value as text that is the same only for the same value.
fn value(column: Option<&ColumnData>, row: usize) -> String {
    match column {
        None => "null".into(),
        Some(ColumnData::I64(v)) => v[row].map_or("null".into(), |x| x.to_string()),
        Some(ColumnData::F64(v)) => v[row].map_or("null".into(), |x| format!("{x:?} ({:016x})", x.to_bits())),
        Some(ColumnData::Str(v)) => v[row].as_ref().map_or("null".into(), |x| format!("{x:?}")),
        Some(ColumnData::Bool(v)) => v[row].map_or("null".into(), |x| x.to_string()),
    }
}

/// Whether two columns say the same in a row.
fn same(a: Option<&ColumnData>, b: Option<&ColumnData>, row: usize) -> bool {
    match (a, b) {
        (Some(ColumnData::I64(a)), Some(ColumnData::I64(b))) => a[row] == b[row],
        (Some(ColumnData::F64(a)), Some(ColumnData::F64(b))) => a[row].map(f64::to_bits) == b[row].map(f64::to_bits),
        (Some(ColumnData::Str(a)), Some(ColumnData::Str(b))) => a[row] == b[row],
        (Some(ColumnData::Bool(a)), Some(ColumnData::Bool(b))) => a[row] == b[row],
        (a, b) => value(a, row) == value(b, row),
    }
}

fn key(table: &Table, columns: &[&str], row: usize) -> String {
    columns.iter().map(|c| value(table.get(c), row)).collect::<Vec<_>>().join(" ")
}

fn main() -> Result<std::process::ExitCode, Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [a, b, without @ ..] = &words[..] else { return Err("usage: differ A B [COLUMN …]".into()) };
    let open = |folder: &String| Campaign::open(Path::new(folder), &Producer::default());
    let (a, b) = (open(a)?, open(b)?);
    let (mut values, mut differences) = (0u64, 0u64);
    let mut first: Vec<String> = Vec::new();
    let mut rows = Vec::new();
    for (kind, keys) in KINDS {
        let (ta, tb) = (a.read(kind)?, b.read(kind)?);
        rows.push(format!("\"{kind}\": [{}, {}]", ta.rows(), tb.rows()));
        let mut names: Vec<&str> = ta.columns.iter().chain(&tb.columns).map(|c| c.name.as_str()).filter(|n| !without.iter().any(|w| w == n)).collect();
        names.sort_unstable();
        names.dedup();
        let mut differs = |what: String| {
            differences += 1;
            if first.len() < 10 {
                first.push(what);
            }
        };
        // Both are sorted by key, and hold each key once; walked side by side.
        let (mut i, mut k) = (0, 0);
        let columns: Vec<(&str, Option<&ColumnData>, Option<&ColumnData>)> = names.iter().map(|n| (*n, ta.get(n), tb.get(n))).collect();
        let aligned = ta.rows() == tb.rows() && keys.iter().all(|c| (0..ta.rows()).all(|r| same(ta.get(c), tb.get(c), r)));
        if aligned {
            for row in 0..ta.rows() {
                for (name, ca, cb) in &columns {
                    values += 1;
                    if !same(*ca, *cb, row) {
                        differs(format!("{kind} {}: {name} is {} and {}", key(&ta, keys, row), value(*ca, row), value(*cb, row)));
                    }
                }
            }
            continue;
        }
        while i < ta.rows() || k < tb.rows() {
            let (ka, kb) = ((i < ta.rows()).then(|| key(&ta, keys, i)), (k < tb.rows()).then(|| key(&tb, keys, k)));
            match (ka, kb) {
                (Some(x), Some(y)) if x == y => (i, k) = (i + 1, k + 1),
                (Some(x), y) if y.as_ref().is_none_or(|y| x < *y) => {
                    differs(format!("{kind} {x}: only in the first"));
                    i += 1;
                }
                (_, y) => {
                    differs(format!("{kind} {}: only in the second", y.unwrap_or_default()));
                    k += 1;
                }
            }
        }
    }
    let list = first.iter().map(|f| format!("{f:?}")).collect::<Vec<_>>().join(", ");
    println!("{{{}, \"values\": {values}, \"differences\": {differences}, \"first\": [{list}]}}", rows.join(", "));
    Ok(std::process::ExitCode::from(u8::from(differences > 0)))
}
