//! `query` and `reindex`: SQL over a record.

use crate::args::{FolderArgs, QueryArgs};
use crate::output;
use pennydrop_lab::export::csv;
use pennydrop_lab::record::producer;
use pennydrop_lab::words::count;
use pennydrop_lab::{Error, json};
use pennydrop_store::{Answer, Campaign, Cell, Limits};
use serde_json::{Map, Value, json};

/// Name and version of the JSON form.
const SCHEMA: &str = "pennydrop.query/1";

pub fn query(a: &QueryArgs) -> Result<u8, Error> {
    let campaign = Campaign::open(&a.folder, &producer())?;
    let limits = Limits { seconds: a.time.as_secs_f64(), bytes: a.memory.saturating_mul(1_000_000), rows: a.rows };
    let answer = campaign.query(&a.sql, &limits)?;
    if a.json {
        output::json(&as_json(&answer));
    } else if a.csv {
        output::data(&as_csv(&answer)?);
    } else {
        output::data(&as_table(&answer));
    }
    if answer.cut {
        output::talk(&format!("cut after {} rows; --rows N allows more", count(answer.rows.len() as u64)));
    }
    Ok(0)
}

fn as_table(answer: &Answer) -> String {
    let cell = |c: &Cell| match c {
        Cell::Null => "–".to_string(),
        Cell::Integer(i) => i.to_string(),
        Cell::Number(x) if x.is_finite() => format!("{x:?}"),
        Cell::Number(x) => if *x > 0.0 { "inf" } else { "-inf" }.to_string(),
        // A row stays a line, and nothing in a record moves the cursor.
        Cell::Text(t) => t.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect(),
    };
    let rows = answer.rows.iter().map(|r| r.iter().map(cell).collect());
    output::table(&std::iter::once(answer.columns.clone()).chain(rows).collect::<Vec<_>>())
}

/// Rows as objects. SQL lets names repeat; those get a number.
fn as_json(answer: &Answer) -> Value {
    let mut names: Vec<String> = Vec::new();
    for name in &answer.columns {
        let unique = (1..).map(|n| if n == 1 { name.clone() } else { format!("{name}_{n}") }).find(|u| !names.contains(u));
        names.extend(unique);
    }
    let row = |cells: &Vec<Cell>| {
        let mut map = Map::new();
        for (name, cell) in names.iter().zip(cells) {
            match cell {
                Cell::Null => map.insert(name.clone(), Value::Null),
                Cell::Integer(i) => map.insert(name.clone(), json!(i)),
                Cell::Text(t) => map.insert(name.clone(), json!(t)),
                Cell::Number(x) => {
                    json::put(&mut map, name, *x);
                    None
                }
            };
        }
        Value::Object(map)
    };
    json!({"schema": SCHEMA, "columns": names, "rows": answer.rows.iter().map(row).collect::<Vec<_>>(), "cut": answer.cut})
}

fn as_csv(answer: &Answer) -> Result<String, Error> {
    let mut out = Vec::new();
    let mut write = |cells: &[Cell]| -> std::io::Result<()> {
        for (i, cell) in cells.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            match cell {
                Cell::Null => {}
                Cell::Integer(i) => out.extend(i.to_string().bytes()),
                Cell::Number(x) => csv::number(&mut out, *x)?,
                Cell::Text(t) => csv::text(&mut out, t)?,
            }
        }
        out.extend(b"\r\n");
        Ok(())
    };
    let head: Vec<Cell> = answer.columns.iter().map(|n| Cell::Text(n.clone())).collect();
    let written = std::iter::once(&head).chain(&answer.rows).try_for_each(|row| write(row));
    written.map_err(|e| Error::System { doing: "write the answer".into(), why: e.to_string() })?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

pub fn reindex(a: &FolderArgs) -> Result<u8, Error> {
    let info = Campaign::open(&a.folder, &producer())?.reindex()?;
    if a.json {
        output::json(&json!({"schema": "pennydrop.reindex/1", "rows": info.rows, "bytes": info.bytes}));
    } else {
        output::talk(&format!("{} rows in {} bytes of index", count(info.rows), count(info.bytes)));
    }
    Ok(0)
}
