//! The JSON of `theory`: `pennydrop.theory/1` and, along a parameter, `pennydrop.theory-sweep/1`.

use crate::json::put;
use pennydrop_registry::{Args, Value as Given};
use pennydrop_theory::answer::Cell;
use pennydrop_theory::sweep::Sweep;
use pennydrop_theory::{Answer, Model, Quantity};
use serde_json::{Map, Value, json};

/// An answer.
pub fn answer(model: &Model, args: &Args, samples: usize, seed: u64, said: &Answer) -> Value {
    let mut map = Map::new();
    map.insert("schema".into(), json!("pennydrop.theory/1"));
    head(&mut map, model, samples, seed);
    map.insert("parameters".into(), parameters(args.iter()));
    body(&mut map, model, said);
    Value::Object(map)
}

/// Answers along a parameter; `given` holds the other parameters that were typed.
pub fn sweep(model: &Model, given: &[(String, Given)], samples: usize, seed: u64, found: &Sweep) -> Value {
    let mut map = Map::new();
    map.insert("schema".into(), json!("pennydrop.theory-sweep/1"));
    head(&mut map, model, samples, seed);
    map.insert("parameters".into(), parameters(given.iter().map(|(k, v)| (k.as_str(), v))));
    map.insert("key".into(), json!(found.key));
    let steps = found.steps.iter().map(|(value, said)| {
        let mut step = Map::new();
        step.insert("value".into(), typed(value));
        body(&mut step, model, said);
        Value::Object(step)
    });
    map.insert("steps".into(), steps.collect());
    Value::Object(map)
}

fn head(map: &mut Map<String, Value>, model: &Model, samples: usize, seed: u64) {
    map.insert("model".into(), json!(model.row.name));
    map.insert("source".into(), json!(model.row.source));
    map.insert("samples".into(), json!(samples));
    map.insert("seed".into(), json!(seed));
}

fn parameters<'k, 'v>(values: impl Iterator<Item = (&'k str, &'v Given)>) -> Value {
    Value::Object(values.map(|(k, v)| (k.to_string(), typed(v))).collect())
}

fn typed(value: &Given) -> Value {
    match value {
        Given::Bool(b) => json!(b),
        Given::Int(i) => json!(i),
        Given::Float(x) => json!(x),
        Given::Str(s) => json!(s),
        Given::List(v) => v.iter().map(typed).collect(),
    }
}

fn body(map: &mut Map<String, Value>, model: &Model, said: &Answer) {
    map.insert("quantities".into(), said.quantities.iter().map(quantity).collect());
    let tables = said.tables.iter().map(|t| {
        let rows: Vec<Value> = t.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
        json!({"title": t.title, "columns": t.columns, "rows": rows})
    });
    map.insert("tables".into(), tables.collect());
    let findings = said.findings.iter().map(|f| {
        let text = model.claims.iter().find(|c| format!("{} {}", c.card, c.number) == f.claim).map(|c| c.text);
        json!({"claim": f.claim, "text": text, "found": f.found, "agrees": f.agrees})
    });
    map.insert("findings".into(), findings.collect());
    map.insert("notes".into(), json!(said.notes));
}

fn quantity(q: &Quantity) -> Value {
    let mut map = Map::new();
    map.insert("name".into(), json!(q.name));
    map.insert("doc".into(), json!(q.doc));
    for (key, x) in [("printed", q.printed), ("corrected", q.corrected)] {
        match x {
            Some(x) => put(&mut map, key, x),
            None => {
                map.insert(key.into(), Value::Null);
            }
        }
    }
    let simulated = q.simulated.map(|s| {
        let mut map = Map::new();
        put(&mut map, "estimate", s.estimate);
        put(&mut map, "low", s.low);
        put(&mut map, "high", s.high);
        map.insert("samples".into(), json!(s.samples));
        map
    });
    map.insert("simulated".into(), json!(simulated));
    Value::Object(map)
}

fn cell(c: &Cell) -> Value {
    match c {
        Cell::Number(x) if x.is_finite() => json!(x),
        // In a row of cells there is no place for a sibling, so a word says which it was.
        Cell::Number(x) if x.is_nan() => json!("nan"),
        Cell::Number(x) => json!(if *x > 0.0 { "inf" } else { "-inf" }),
        Cell::Count(n) => json!(n),
        Cell::Text(t) => json!(t),
        Cell::Empty => Value::Null,
    }
}
