//! The JSON of `run`, `pennydrop.run/1`. The keys are stable (book, "Reading the record").

use crate::machine::ENGINE;
use crate::result::{RunResult, When};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Name and version of the form.
pub const SCHEMA: &str = "pennydrop.run/1";

/// Puts a number under `key`; JSON has no NaN and no infinity, so such a number is `null`, and `key_nonfinite` says which it was.
pub fn put(map: &mut Map<String, Value>, key: &str, x: f64) {
    if x.is_finite() {
        map.insert(key.into(), json!(x));
    } else {
        map.insert(key.into(), Value::Null);
        map.insert(
            format!("{key}_nonfinite"),
            json!(if x.is_nan() {
                "nan"
            } else if x > 0.0 {
                "inf"
            } else {
                "-inf"
            }),
        );
    }
}

fn put_when(map: &mut Map<String, Value>, when: Option<When>) {
    map.insert("step".into(), json!(when.map(|w| w.step)));
    map.insert("epochs".into(), Value::Null);
    map.insert("eta".into(), Value::Null);
    map.insert("eta_lambda".into(), Value::Null);
    if let Some(w) = when {
        if let Some(e) = w.epochs {
            put(map, "epochs", e);
        }
        put(map, "eta", w.eta);
        put(map, "eta_lambda", w.eta_lambda);
    }
}

/// One run.
pub fn run(r: &RunResult, record: Option<&Path>) -> Value {
    let mut m = Map::new();
    m.insert("run_id".into(), json!(r.run_id));
    m.insert("seed".into(), json!(r.seed));
    m.insert("seeds".into(), json!({"init": r.seeds.init, "split": r.seeds.split, "batch": r.seeds.batch, "noise": r.seeds.noise}));
    m.insert("stop".into(), json!(r.stop));
    m.insert("t_mem".into(), json!(r.t_mem.map(|t| t.step)));
    m.insert("t_grok".into(), json!(r.t_grok.map(|t| t.step)));
    m.insert("delay".into(), json!(r.delay));
    let matched = r.matched.iter().map(|(level, steps, ratio)| {
        let mut d = Map::new();
        d.insert("level".into(), json!(level));
        d.insert("delay".into(), json!(steps));
        d.insert("ratio".into(), Value::Null);
        if let Some(x) = ratio {
            put(&mut d, "ratio", *x);
        }
        Value::Object(d)
    });
    m.insert("delays_matched".into(), matched.collect());
    let crossings = r.crossings.iter().map(|c| {
        let mut d = Map::new();
        d.insert("curve".into(), json!(c.curve));
        d.insert("level".into(), json!(c.level));
        d.insert("kind".into(), json!(c.kind));
        put_when(&mut d, c.when);
        Value::Object(d)
    });
    m.insert("crossings".into(), crossings.collect());
    m.insert("censored".into(), json!(r.censored));
    m.insert("lost".into(), json!(r.lost));
    m.insert("steps".into(), json!(r.steps));
    m.insert("budget".into(), json!(r.budget));
    put(&mut m, "wall_s", r.wall_s);
    put(&mut m, "steps_per_s", r.steps_per_s());
    let (mut last, mut norms) = (Map::new(), Map::new());
    for (name, value) in &r.last {
        match name.strip_prefix("norm.") {
            Some(tensor) => put(&mut norms, tensor, *value),
            None => put(&mut last, name, *value),
        }
    }
    last.insert("norms".into(), Value::Object(norms));
    m.insert("final".into(), Value::Object(last));
    m.insert("weights_hash".into(), json!(r.weights_hash));
    if let Some(record) = record {
        m.insert("record".into(), json!(record.display().to_string()));
    }
    Value::Object(m)
}

/// The whole answer.
pub fn report<'a>(runs: impl IntoIterator<Item = &'a RunResult>, record: &Path) -> Value {
    json!({
        "schema": SCHEMA,
        "engine": {"version": ENGINE, "numerics": pennydrop_train::NUMERICS, "class": crate::machine::Machine::here().class()},
        "runs": runs.into_iter().map(|r| run(r, Some(record))).collect::<Vec<_>>(),
        "record": record.display().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_lacks_have_a_sibling() {
        let mut m = Map::new();
        put(&mut m, "a", 1.5);
        put(&mut m, "b", f64::NAN);
        put(&mut m, "c", f64::NEG_INFINITY);
        assert_eq!(Value::Object(m), json!({"a": 1.5, "b": null, "b_nonfinite": "nan", "c": null, "c_nonfinite": "-inf"}));
    }
}
