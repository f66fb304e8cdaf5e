//! A user's own table: integer input columns, a label column, and perhaps a column that gives the split.
//!
//! Reading the file is the caller's: tasks touch none. CSV text is parsed here ([`Table::from_csv`]); columns of any other origin go into a
//! [`Table`] as they are, and [`Task::from_table`] makes the task.

use crate::TaskRow;
use crate::split::{CLOSURE, CORRUPT, Examples, FRACTION, LABELS, LabelOptions, Split};
use crate::task::{Coordinate, Seeds, Task};
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError};

/// Largest token or label: a model holds a row of parameters for each.
const LARGEST: i64 = 65_535;
/// Most rows.
const MOST_ROWS: usize = 1 << 24;

/// The rows of this family.
pub(crate) const ROWS: &[TaskRow] = &[TaskRow {
    row: Row {
        name: "table",
        summary: "your own table: integer columns in a CSV or Parquet file",
        source: "the user's file",
        params: &[
            Param { key: "file", kind: Kind::Str, default: Default::Required, doc: "path of the table" },
            Param {
                key: "inputs",
                kind: Kind::Strs,
                default: Default::Strs(&[]),
                doc: "names of the input columns, in the order in which they are fed; default: every column but the label and the split",
            },
            Param { key: "label", kind: Kind::Str, default: Default::Str("label"), doc: "name of the label column" },
            Param {
                key: "split",
                kind: Kind::Str,
                default: Default::Str("split"),
                doc: "name of a column that says `train` or `test`, used instead of the fraction where the table has it; empty: drawn by the fraction",
            },
            FRACTION,
            CLOSURE,
            LABELS,
            CORRUPT,
        ],
    },
    build: |args, _| {
        Err(SpecError::new(
            "task.file",
            format!("the table `{}` has not been read: a task opens no file", args.str("file")),
            "a caller that reads the columns and makes the task from them",
        ))
    },
}];

/// Text that is no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The CSV reader's own words, which name the line.
    #[error("not a CSV table: {0}")]
    Csv(String),
    /// No header, or a header and no row.
    #[error("the table has {0}")]
    Empty(&'static str),
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// Every value is an integer.
    Integers(Vec<i64>),
    /// Text.
    Words(Vec<String>),
}

impl Column {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Column::Integers(v) => v.len(),
            Column::Words(v) => v.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Named columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// In the file's order.
    pub columns: Vec<(String, Column)>,
}

impl Table {
    /// Parses CSV with a header row (comma, double quotes, UTF-8 with or without byte order mark). A column whose every cell is an integer is
    /// [`Column::Integers`]; spaces around a cell are ignored.
    ///
    /// # Errors
    /// Text that is not UTF-8, rows of unequal length, no header, no row.
    pub fn from_csv(bytes: &[u8]) -> Result<Table, TableError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let reader = || csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
        let failed = |e: csv::Error| TableError::Csv(e.to_string());
        let header: Vec<String> = reader().headers().map_err(failed)?.iter().map(str::to_string).collect();
        if header.is_empty() {
            return Err(TableError::Empty("no header"));
        }
        // Twice through the text, so that a large table is never held as text.
        let mut integer = vec![true; header.len()];
        let mut rows = 0usize;
        let mut record = csv::StringRecord::new();
        let mut first = reader();
        while first.read_record(&mut record).map_err(failed)? {
            rows += 1;
            for (is, cell) in integer.iter_mut().zip(&record) {
                *is = *is && cell.parse::<i64>().is_ok();
            }
        }
        if rows == 0 {
            return Err(TableError::Empty("a header but no row"));
        }
        let mut columns: Vec<Column> =
            integer.iter().map(|is| if *is { Column::Integers(Vec::with_capacity(rows)) } else { Column::Words(Vec::new()) }).collect();
        let mut second = reader();
        while second.read_record(&mut record).map_err(failed)? {
            for (column, cell) in columns.iter_mut().zip(&record) {
                match column {
                    Column::Integers(v) => v.extend(cell.parse::<i64>()),
                    Column::Words(v) => v.push(cell.to_string()),
                }
            }
        }
        Ok(Table { columns: header.into_iter().zip(columns).collect() })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|c| c.0.as_str())
    }

    fn column(&self, key: &str, name: &str) -> Result<&Column, SpecError> {
        self.columns.iter().find(|c| c.0 == name).map(|c| &c.1).ok_or_else(|| SpecError::unknown(key, "column", name, self.names()))
    }

    /// A column of tokens or labels.
    fn numbers(&self, key: &str, name: &str) -> Result<Vec<u32>, SpecError> {
        let allowed = || format!("integers from 0 to {LARGEST}");
        match self.column(key, name)? {
            Column::Words(_) => Err(SpecError::new(key, format!("column `{name}` holds text"), allowed())),
            Column::Integers(v) => v
                .iter()
                .enumerate()
                .map(|(i, x)| {
                    if (0..=LARGEST).contains(x) {
                        Ok(*x as u32)
                    } else {
                        Err(SpecError::new(key, format!("column `{name}` holds {x} in row {}", i + 1), allowed()))
                    }
                })
                .collect(),
        }
    }

    /// Whether each row is trained on.
    fn sides(&self, name: &str) -> Result<Vec<bool>, SpecError> {
        let wrong = |what: String| SpecError::new("task.split", format!("column `{name}` holds {what}"), "train, test");
        match self.column("task.split", name)? {
            Column::Integers(_) => Err(wrong("integers".into())),
            Column::Words(v) => v
                .iter()
                .enumerate()
                .map(|(i, w)| match w.as_str() {
                    "train" => Ok(true),
                    "test" => Ok(false),
                    other => Err(wrong(format!("`{other}` in row {}", i + 1))),
                })
                .collect(),
        }
    }
}

fn range(values: &[u32]) -> usize {
    values.iter().max().map_or(0, |m| *m as usize + 1)
}

impl Task {
    /// The task of a `table` spec whose file the caller has read. Examples keep the table's order; ranges and `classes` are the largest value plus one.
    ///
    /// # Errors
    /// Columns that are missing, of unequal length, out of range or used twice; no row; a side of the split without rows; `closure` with a given split
    /// or with other than two inputs; and what the common keys forbid.
    pub fn from_table(table: &Table, args: &Args, seeds: &Seeds) -> Result<Task, SpecError> {
        let refuse = |key: &str, problem: String, allowed: &str| Err(SpecError::new(key, problem, allowed));
        let rows = table.columns.first().map_or(0, |c| c.1.len());
        if rows == 0 || rows > MOST_ROWS {
            return refuse("task.file", format!("the table has {rows} rows"), "from 1 to 2^24 rows");
        }
        for (i, (name, column)) in table.columns.iter().enumerate() {
            if column.len() != rows {
                return refuse("task.file", format!("column `{name}` has {} rows, the first has {rows}", column.len()), "columns of one length");
            }
            if table.columns[..i].iter().any(|c| c.0 == *name) {
                return refuse("task.file", format!("two columns are called `{name}`"), "distinct names");
            }
        }
        let (label, split) = (args.str("label"), args.str("split"));
        // The default name is an offer; any other was asked for.
        let given = !split.is_empty() && (split != "split" || table.names().any(|n| n == split));
        let mut inputs = args.strs("inputs");
        if inputs.is_empty() {
            inputs = table.names().filter(|n| *n != label && !(given && *n == split)).collect();
        }
        for (i, name) in inputs.iter().enumerate() {
            if *name == label || (given && *name == split) || inputs[..i].contains(name) {
                return refuse("task.inputs", format!("column `{name}` is used twice"), "columns other than the label and the split, each once");
            }
        }
        if inputs.is_empty() {
            return refuse("task.inputs", "the table has no input column".into(), "at least one column besides the label and the split");
        }
        let ideal = table.numbers("task.label", label)?;
        let columns = inputs.iter().map(|name| table.numbers("task.inputs", name)).collect::<Result<Vec<_>, _>>()?;
        let options = LabelOptions::read(args)?;
        let split = if given {
            if args.bool("closure") {
                return refuse("task.closure", format!("column `{split}` already gives the split"), "false, or split=\"\"");
            }
            let sides = table.sides(split)?;
            if sides.iter().all(|s| *s == sides[0]) {
                return refuse("task.split", format!("column `{split}` puts every row on one side"), "rows of both kinds");
            }
            Split::Given(sides)
        } else {
            Split::read(args)?
        };
        let coordinates = inputs.iter().zip(&columns).map(|(name, c)| Coordinate { name: name.to_string(), range: range(c) }).collect();
        let tokens = (0..rows).flat_map(|i| columns.iter().map(move |c| c[i])).collect();
        let classes = range(&ideal);
        Examples { name: args.name().into(), coordinates, tokens, ideal, classes, symmetries: Vec::new() }.finish(split, options, seeds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{Leakage, Symmetry};
    use pennydrop_registry::Value;

    fn task(csv: &str, given: &[(&str, Value)]) -> Result<Task, SpecError> {
        let table = Table::from_csv(csv.as_bytes()).unwrap();
        let given = given.iter().map(|(k, v)| (k.to_string(), v.clone())).chain([("file".to_string(), Value::Str("t.csv".into()))]);
        Task::from_table(&table, &Args::check("task", crate::find("table")?, given)?, &Seeds::all(2))
    }

    fn word(s: &str) -> Value {
        Value::Str(s.into())
    }

    #[test]
    fn a_given_split_is_kept_and_training_rows_are_sorted() {
        let t = task("b, split ,label,a\n1,train,7,3\n0,test,2,1\n0,train,0,2\n", &[]).unwrap();
        assert_eq!(t.coordinates, [Coordinate { name: "b".into(), range: 2 }, Coordinate { name: "a".into(), range: 4 }]);
        assert_eq!((t.tokens.as_slice(), t.classes), (&[1, 3, 0, 1, 0, 2][..], 8));
        assert_eq!((t.train.as_slice(), t.test.as_slice()), (&[2, 0][..], &[1][..]));
        let chosen = task("b,split,label,a\n1,train,7,3\n0,test,2,1\n", &[("inputs", Value::List(vec![word("a")]))]).unwrap();
        assert_eq!(chosen.tokens, [3, 1]);
    }

    #[test]
    fn the_table_of_a_task_is_that_task() {
        let args = Args::check("task", crate::find("add").unwrap(), [("p".to_string(), Value::Int(7)), ("closure".to_string(), Value::Bool(true))]).unwrap();
        let add = crate::build(&args, &Seeds::all(2)).unwrap();
        let mut csv = String::from("a,b,label\n");
        for e in 0..49 {
            csv += &format!("{},{},{}\n", add.input(e)[0], add.input(e)[1], add.ideal[e as usize]);
        }
        let t = task(&csv, &[("closure", Value::Bool(true))]).unwrap();
        assert_eq!((&t.train, &t.test, &t.labels, t.chance, t.leakage), (&add.train, &add.test, &add.labels, add.chance, add.leakage));
        assert_eq!(t.symmetries, [Symmetry::Swap]);
        // Shuffled rows: the same pairs, found by search.
        let mut lines: Vec<&str> = csv.lines().collect();
        lines[1..].reverse();
        let shuffled = task(&lines.join("\n"), &[("closure", Value::Bool(true))]).unwrap();
        let pairs = |t: &Task, side: &[u32]| side.iter().map(|e| t.input(*e).to_vec()).collect::<Vec<_>>();
        assert_eq!(pairs(&shuffled, &shuffled.train), pairs(&add, &add.train));
        assert!(!shuffled.is_complete() && add.is_complete());
    }

    #[test]
    fn repeated_and_conflicting_rows_are_counted() {
        let t = task("a,label,split\n0,0,train\n1,1,train\n0,0,test\n1,2,test\n2,0,test\n", &[]).unwrap();
        assert_eq!(t.leakage, Leakage { repeated: 2, conflicting: 1, twins: 0 });
        let twins = task("a,b,label,split\n0,1,5,train\n1,0,5,test\n1,1,0,test\n1,1,0,train\n", &[]).unwrap();
        assert_eq!(twins.leakage, Leakage { repeated: 1, conflicting: 0, twins: 1 });
    }

    #[test]
    fn refusals_say_what_and_where() {
        let says = |csv: &str, given: &[(&str, Value)], words: &[&str]| {
            let text = task(csv, given).unwrap_err().to_string();
            assert!(words.iter().all(|w| text.contains(w)), "{text}");
        };
        says("a,lable\n1,2\n", &[], &["task.label", "did you mean `lable`"]);
        says("a,label\nx,2\n", &[], &["task.inputs", "`a` holds text"]);
        says("a,label\n1,2\n-1,2\n", &[], &["task.inputs", "holds -1 in row 2"]);
        says("a,label\n1,70000\n2,0\n", &[], &["task.label", "70000"]);
        says("a,label,split\n1,2,train\n1,2,tets\n", &[], &["task.split", "`tets` in row 2"]);
        says("a,label,split\n1,2,train\n1,2,train\n", &[], &["task.split", "one side"]);
        says("a,label\n1,2\n2,1\n", &[("split", word("side"))], &["task.split", "`side`"]);
        says("a,label\n1,2\n2,1\n", &[("inputs", Value::List(vec![word("label")]))], &["task.inputs", "twice"]);
        says("a,label\n1,2\n2,1\n", &[("closure", Value::Bool(true))], &["task.closure", "two"]);
        says("a,a,label\n1,2,3\n", &[], &["two columns are called `a`"]);
        says("label\n1\n", &[], &["no input column"]);
        says("a,label\n1,0\n2,0\n", &[("corrupt", Value::Float(1.0))], &["task.corrupt", "only one answer"]);
        says("a,label\n1,2\n", &[], &["task.fraction", "none to train on"]);
    }

    #[test]
    fn text_that_is_no_table() {
        assert!(matches!(Table::from_csv(b"a,b\n1\n"), Err(TableError::Csv(_))));
        assert!(matches!(Table::from_csv(b"a,b\n1,\xff\n"), Err(TableError::Csv(_))));
        assert_eq!(Table::from_csv(b""), Err(TableError::Empty("no header")));
        assert_eq!(Table::from_csv(b"a,b\n"), Err(TableError::Empty("a header but no row")));
        let marked = Table::from_csv(b"\xef\xbb\xbfa,\"b\"\n 1 ,x\n").unwrap();
        assert_eq!(marked.columns, [("a".into(), Column::Integers(vec![1])), ("b".into(), Column::Words(vec!["x".into()]))]);
    }
}
