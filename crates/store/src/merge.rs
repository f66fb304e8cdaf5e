//! Parts of many writers, read as one table.
//!
//! A run may have been trained twice (a lease was lost) or continued (a longer budget): the same trajectory then has several rows, and counting it
//! twice would be a lie about n. So rows are told apart by keys, and the result does not depend on who wrote when: it is sorted by key.

use crate::error::Error;
use crate::table::{ColumnData, Table};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The two kinds of rows that a campaign holds.
pub(crate) const KINDS: [&str; 2] = ["runs", "curves"];

/// Columns that the store itself understands: (kind, name, type, required). Any others are carried along.
///
/// * `runs`: one row a run. Of several rows with one `run_id` the one with most `steps` is read. Two that ended at the same step within one numerics class
///   must have the same `weights_hash`.
/// * `curves`: one row an evaluation; the key is (`run_id`, `step`) and, in a long table, `series`.
const KNOWN: [(&str, &str, &str, bool); 6] = [
    ("runs", "run_id", "text", true),
    ("runs", "steps", "integer", false),
    ("runs", "weights_hash", "text", false),
    ("curves", "run_id", "text", true),
    ("curves", "step", "integer", true),
    ("curves", "series", "text", false),
];

/// Checks a table's kind and its known columns.
pub(crate) fn check_kind(kind: &str, table: Option<&Table>) -> Result<(), Error> {
    if !KINDS.contains(&kind) {
        return Err(Error::invalid(format!("there are no tables of kind {kind:?}: use one of {}", KINDS.join(", "))));
    }
    let Some(table) = table else { return Ok(()) };
    for (_, name, want, required) in KNOWN.iter().filter(|k| k.0 == kind) {
        match table.get(name) {
            None if *required => return Err(Error::invalid(format!("a table of {kind} needs a column {name:?} of type {want}"))),
            None => {}
            Some(data) if data.type_name() != *want => {
                return Err(Error::invalid(format!("column {name:?} of {kind} must be of type {want} and is of type {}", data.type_name())));
            }
            Some(data) => {
                let null = match data {
                    ColumnData::Str(v) => v.iter().position(Option::is_none),
                    ColumnData::I64(v) => v.iter().position(Option::is_none),
                    _ => None,
                };
                if let (true, Some(row)) = (*required, null) {
                    return Err(Error::invalid(format!("row {row} has no {name:?}: every row of {kind} needs one")));
                }
            }
        }
    }
    Ok(())
}

/// A part with where it came from.
pub(crate) struct Source {
    /// The rows; checked with [`check_kind`].
    pub table: Table,
    /// Numerics class of its writer.
    pub class: String,
    /// Its file.
    pub file: String,
}

/// Merges parts of one kind; the order of `sources` decides between rows that say the same.
pub(crate) fn merge(kind: &str, sources: Vec<Source>) -> Result<Table, Error> {
    let mut table = Table::default();
    let mut origin: Vec<usize> = Vec::new(); // of each row: which source
    let mut names = Vec::with_capacity(sources.len());
    for (i, source) in sources.into_iter().enumerate() {
        origin.resize(origin.len() + source.table.rows(), i);
        names.push((source.class, source.file));
        table.append(source.table).map_err(|e| Error::invalid(format!("{}: {e}", names[i].1)))?;
    }
    let Some(run) = table.get_str("run_id") else { return Ok(table) };
    let order = if kind == "runs" { runs(&table, run, &origin, &names)? } else { curves(&table, run) };
    Ok(table.pick(&order))
}

/// One row a run.
fn runs(table: &Table, run: &[Option<String>], origin: &[usize], names: &[(String, String)]) -> Result<Vec<usize>, Error> {
    let steps = |row: usize| table.get_i64("steps").and_then(|s| s[row]).unwrap_or(-1);
    let hashes = table.get_str("weights_hash");
    let mut order: Vec<usize> = (0..run.len()).collect();
    order.sort_by_key(|&row| (&run[row], Reverse(steps(row)), row));
    let mut kept = Vec::new();
    for group in order.chunk_by(|&a, &b| run[a] == run[b]) {
        kept.push(group[0]);
        let mut seen: BTreeMap<(&str, i64), usize> = BTreeMap::new();
        for &row in group {
            let Some(hash) = hashes.and_then(|h| h[row].as_deref()) else { continue };
            let class = names[origin[row]].0.as_str();
            let first = *seen.entry((class, steps(row))).or_insert(row);
            let earlier = hashes.and_then(|h| h[first].as_deref()).unwrap_or_default();
            if earlier != hash {
                return Err(Error::Disagree {
                    run_id: run[row].clone().unwrap_or_default(),
                    class: class.to_string(),
                    steps: steps(row),
                    first: format!("{earlier} in {}", names[origin[first]].1),
                    second: format!("{hash} in {}", names[origin[row]].1),
                });
            }
        }
    }
    Ok(kept)
}

/// One row an evaluation.
fn curves(table: &Table, run: &[Option<String>]) -> Vec<usize> {
    let (step, series) = (table.get_i64("step"), table.get_str("series"));
    let key = |row: usize| (&run[row], step.map(|s| s[row]), series.map(|s| &s[row]));
    let mut order: Vec<usize> = (0..run.len()).collect();
    order.sort_by(|&a, &b| key(a).cmp(&key(b)).then(a.cmp(&b)));
    order.dedup_by(|b, a| key(*a) == key(*b)); // keeps the first, `a`
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(class: &str, file: &str, run: &str, steps: i64, hash: Option<&str>) -> Source {
        let table = Table::default().str("run_id", [Some(run)]).i64("steps", [Some(steps)]).str("weights_hash", [hash]).str("from", [Some(file)]);
        Source { table, class: class.into(), file: file.into() }
    }

    #[test]
    fn a_run_is_counted_once_and_its_longest_row_is_read() {
        let merged = merge("runs", vec![row("c", "1", "b", 10, Some("x")), row("c", "2", "a", 10, Some("y")), row("c", "3", "b", 30, Some("z"))]).unwrap();
        assert_eq!(merged.get_str("run_id").unwrap(), [Some("a".to_string()), Some("b".to_string())]);
        assert_eq!(merged.get_i64("steps").unwrap(), [Some(10), Some(30)]);
        assert_eq!(merged.get_str("from").unwrap()[1].as_deref(), Some("3"));
    }

    #[test]
    fn two_results_of_one_run_are_an_alarm_within_a_class_only() {
        let e = merge("runs", vec![row("c", "1", "a", 10, Some("x")), row("c", "2", "a", 10, Some("y"))]).unwrap_err();
        assert!(matches!(&e, Error::Disagree { run_id, steps: 10, .. } if run_id == "a"), "{e}");
        // An alarm is not hidden by a longer, healthy row.
        assert!(merge("runs", vec![row("c", "1", "a", 10, Some("x")), row("c", "3", "a", 99, Some("z")), row("c", "2", "a", 10, Some("y"))]).is_err());
        for harmless in [
            vec![row("c", "1", "a", 10, Some("x")), row("d", "2", "a", 10, Some("y"))],
            vec![row("c", "1", "a", 10, Some("x")), row("c", "2", "a", 20, Some("y"))],
            vec![row("c", "1", "a", 10, Some("x")), row("c", "2", "a", 10, Some("x"))],
            vec![row("c", "1", "a", 10, None), row("c", "2", "a", 10, Some("x"))],
        ] {
            assert_eq!(merge("runs", harmless).unwrap().rows(), 1);
        }
    }

    #[test]
    fn curves_are_told_apart_by_run_step_and_series() {
        let curve = |steps: &[i64], series: &str, value: f64| {
            let n = steps.len();
            let table = Table::default()
                .str("run_id", vec![Some("a"); n])
                .i64("step", steps.iter().map(|&s| Some(s)))
                .str("series", vec![Some(series); n])
                .f64("value", vec![Some(value); n]);
            Source { table, class: "c".into(), file: "f".into() }
        };
        let merged = merge("curves", vec![curve(&[5, 1], "loss", 1.0), curve(&[1, 9], "loss", 2.0), curve(&[1], "accuracy", 3.0)]).unwrap();
        assert_eq!(merged.get_i64("step").unwrap(), [Some(1), Some(1), Some(5), Some(9)]);
        assert_eq!(merged.get_f64("value").unwrap(), [Some(3.0), Some(1.0), Some(1.0), Some(2.0)]);
    }

    #[test]
    fn tables_without_their_keys_are_refused() {
        assert!(check_kind("walls", None).is_err());
        assert!(check_kind("runs", Some(&Table::default().i64("run_id", [Some(1)]))).is_err());
        assert!(check_kind("runs", Some(&Table::default().str("run_id", [Some("a"), None]))).is_err());
        assert!(check_kind("runs", Some(&Table::default().str("run_id", [Some("a")]).f64("steps", [Some(1.0)]))).is_err());
        assert!(check_kind("curves", Some(&Table::default().str("run_id", [Some("a")]))).is_err());
        check_kind("runs", Some(&Table::default().str("run_id", [Some("a")]))).unwrap();
    }
}
