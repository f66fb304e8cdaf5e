//! A JSON object a line.

use super::{Source, What, wrote};
use crate::Error;
use crate::json;
use crate::result::from_table;
use pennydrop_registry::Value as Setting;
use pennydrop_store::ScanData;
use serde_json::{Map, Value, json};
use std::io::Write;
use std::path::Path;

/// Name and version of the form of an evaluation.
pub const CURVE: &str = "pennydrop.curve/1";

pub(super) fn write(source: &Source, out: &mut dyn Write) -> Result<(), Error> {
    let names = source.names();
    source.blocks(&names, |scan| {
        let mut line = |value: Value| writeln!(out, "{value}").map_err(|e| wrote(Path::new("jsonl"), e));
        if source.what == What::Runs {
            for r in from_table(&scan.into_table()) {
                let mut value = json::run(&r, Some(&source.folder));
                value["schema"] = json!(json::SCHEMA);
                value["label"] = json!(r.label);
                value["spec"] = json!(r.spec);
                value["limits"] = json!(r.limits);
                value["machine"] = json!(r.machine);
                let mut varied = Map::new();
                for (key, v) in &r.varied {
                    match v {
                        Setting::Bool(b) => varied.insert(key.clone(), json!(b)),
                        Setting::Int(i) => varied.insert(key.clone(), json!(i)),
                        Setting::Float(x) => {
                            json::put(&mut varied, key, *x);
                            None
                        }
                        Setting::Str(s) => varied.insert(key.clone(), json!(s)),
                        list @ Setting::List(_) => varied.insert(key.clone(), json!(list.to_string())),
                    };
                }
                value["varied"] = Value::Object(varied);
                line(value)?;
            }
            return Ok(());
        }
        for row in 0..scan.rows() {
            let mut map = Map::new();
            map.insert("schema".into(), json!(CURVE));
            for (name, data) in scan.columns() {
                let value = match data {
                    ScanData::I64(v) => json!(v[row]),
                    ScanData::Bool(v) => json!(v[row]),
                    ScanData::Text(t) => json!(t.get(row)),
                    ScanData::F64(v) => match v[row] {
                        Some(x) => {
                            json::put(&mut map, name, x);
                            continue;
                        }
                        None => Value::Null,
                    },
                };
                map.insert(name.to_string(), value);
            }
            line(Value::Object(map))?;
        }
        Ok(())
    })
}
