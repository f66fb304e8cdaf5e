//! Parts of many writers, read as one table.
//!
//! A run may have been trained twice (a lease was lost) or continued (a longer budget): the same trajectory then has several rows, and counting it
//! twice would be a lie about n. So rows are told apart by keys, and the result does not depend on who wrote when: it is sorted by key.

use crate::error::Error;
use crate::table::{ColumnData, Table};
use std::collections::BTreeMap;

/// The kinds of rows that a campaign holds. Segments name them by their place here.
pub(crate) const KINDS: [&str; 3] = ["runs", "curves", "decisions"];

/// Columns that the store itself understands: (kind, name, type, required). Any others are carried along.
///
/// * `runs`: one row a run. Of several rows with one `run_id` the one with most `steps` is read. Two that ended at the same step within one numerics class
///   must have the same `weights_hash`.
/// * `curves`: one row an evaluation; the key is (`run_id`, `step`) and, in a long table, `series`.
/// * `decisions`: one row a decision of an adaptive campaign; the key is (`question`, `cell`, `round`). Rows of one key must be equal in every column,
///   whoever wrote them: a decision follows from complete rounds, never from who was first.
const KNOWN: [(&str, &str, &str, bool); 9] = [
    ("runs", "run_id", "text", true),
    ("runs", "steps", "integer", false),
    ("runs", "weights_hash", "text", false),
    ("curves", "run_id", "text", true),
    ("curves", "step", "integer", true),
    ("curves", "series", "text", false),
    ("decisions", "question", "text", true),
    ("decisions", "cell", "integer", true),
    ("decisions", "round", "integer", true),
];

/// Checks a table's kind and its known columns; gives the kind's place in [`KINDS`].
pub(crate) fn check_kind(kind: &str, table: Option<&Table>) -> Result<usize, Error> {
    let Some(place) = KINDS.iter().position(|k| *k == kind) else {
        return Err(Error::invalid(format!("there are no tables of kind {kind:?}: use one of {}", KINDS.join(", "))));
    };
    let Some(table) = table else { return Ok(place) };
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
    Ok(place)
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
    let order = match kind {
        "runs" => table.get_str("run_id").map_or(Ok(Vec::new()), |run| runs(&table, run, &origin, &names))?,
        "curves" => curves(&table),
        _ => decisions(&table, &origin, &names)?,
    };
    // Most often all of it is in order: one writer, one part.
    let whole = order.len() == origin.len() && order.iter().enumerate().all(|(i, &row)| i == row);
    Ok(if whole { table } else { table.pick(&order) })
}

/// One row a run.
pub(crate) fn runs(table: &Table, run: &[Option<String>], origin: &[usize], names: &[(String, String)]) -> Result<Vec<usize>, Error> {
    let (steps, hashes) = (table.get_i64("steps"), table.get_str("weights_hash"));
    let steps = |row: usize| steps.and_then(|s| s[row]).unwrap_or(-1);
    let mut order: Vec<usize> = (0..run.len()).collect();
    order.sort_unstable_by(|&a, &b| run[a].cmp(&run[b]).then_with(|| steps(b).cmp(&steps(a))).then(a.cmp(&b)));
    let mut kept = Vec::new();
    for group in order.chunk_by(|&a, &b| run[a] == run[b]) {
        kept.push(group[0]);
        if group.len() == 1 {
            continue;
        }
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
fn curves(table: &Table) -> Vec<usize> {
    let Some(run) = table.get_str("run_id") else { return Vec::new() };
    let (step, series) = (table.get_i64("step"), table.get_str("series"));
    let key = |row: usize| (&run[row], step.map(|s| s[row]), series.map(|s| &s[row]));
    let mut order: Vec<usize> = (0..run.len()).collect();
    order.sort_unstable_by(|&a, &b| key(a).cmp(&key(b)).then(a.cmp(&b)));
    order.dedup_by(|b, a| key(*a) == key(*b)); // keeps the first, `a`
    order
}

/// One row a decision.
fn decisions(table: &Table, origin: &[usize], names: &[(String, String)]) -> Result<Vec<usize>, Error> {
    let (Some(question), Some(cell), Some(round)) = (table.get_str("question"), table.get_i64("cell"), table.get_i64("round")) else {
        return Ok(Vec::new());
    };
    let key = |row: usize| (&question[row], cell[row], round[row]);
    let mut order: Vec<usize> = (0..question.len()).collect();
    order.sort_unstable_by(|&a, &b| key(a).cmp(&key(b)).then(a.cmp(&b)));
    let mut kept = Vec::new();
    for group in order.chunk_by(|&a, &b| key(a) == key(b)) {
        let first = group[0];
        for &row in &group[1..] {
            if let Some(column) = table.columns.iter().find(|c| !same(&c.data, first, row)) {
                return Err(Error::Decisions {
                    question: question[row].clone().unwrap_or_default(),
                    cell: cell[row].unwrap_or_default(),
                    round: round[row].unwrap_or_default(),
                    column: column.name.clone(),
                    first: names[origin[first]].1.clone(),
                    second: names[origin[row]].1.clone(),
                });
            }
        }
        kept.push(first);
    }
    Ok(kept)
}

/// Whether a column says the same in two rows, to the bit.
fn same(data: &ColumnData, a: usize, b: usize) -> bool {
    match data {
        ColumnData::I64(v) => v[a] == v[b],
        ColumnData::F64(v) => v[a].map(f64::to_bits) == v[b].map(f64::to_bits),
        ColumnData::Str(v) => v[a] == v[b],
        ColumnData::Bool(v) => v[a] == v[b],
    }
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
    fn equal_decisions_are_one_and_others_an_alarm_in_any_class() {
        let decision = |class: &str, cell: i64, round: i64, add: Option<i64>, width: f64| {
            let table = Table::default()
                .str("question", [Some("q")])
                .i64("cell", [Some(cell)])
                .i64("round", [Some(round)])
                .i64("add", [add])
                .f64("width", [Some(width)]);
            Source { table, class: class.into(), file: format!("from-{class}") }
        };
        let merged =
            merge("decisions", vec![decision("c", 2, 0, Some(4), f64::NAN), decision("c", 1, 1, None, 0.5), decision("d", 2, 0, Some(4), f64::NAN)]).unwrap();
        assert_eq!(merged.get_i64("cell").unwrap(), [Some(1), Some(2)]);
        for other in [decision("d", 2, 0, Some(5), f64::NAN), decision("d", 2, 0, None, f64::NAN), decision("d", 2, 0, Some(4), -f64::NAN)] {
            let e = merge("decisions", vec![decision("c", 2, 0, Some(4), f64::NAN), other]).unwrap_err();
            assert!(matches!(&e, Error::Decisions { cell: 2, round: 0, .. }) && e.to_string().contains("from-d"), "{e}");
        }
        assert!(check_kind("decisions", Some(&Table::default().str("question", [Some("q")]).i64("cell", [Some(1)]))).is_err());
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
