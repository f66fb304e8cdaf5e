//! First outputs and first gradients against the reference trajectories in `fixtures/` (made by JAX, confirmed by PyTorch; see its README).

mod common;

use pennydrop_graph::ad::grad;
use pennydrop_graph::ir::{CeGradient, CeRule, Fold, Unary};
use pennydrop_graph::precision::Precision;
use pennydrop_graph::{Domain, Id, feed::Feed, reference::Reading, reference::evaluate};
use pennydrop_models::{Inputs, Options, Target};
use pennydrop_registry::Value;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// A safetensors file: 8 bytes of length, a JSON header, raw little-endian data. Integers become f64.
fn read(name: &str) -> (Json, BTreeMap<String, Vec<f64>>) {
    let bytes = std::fs::read(format!("{}/../../fixtures/{name}.safetensors", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: BTreeMap<String, Json> = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let config = serde_json::from_str(header["__metadata__"]["config"].as_str().unwrap()).unwrap();
    let tensor = |h: &Json| {
        let at = |k: usize| 8 + length + h["data_offsets"][k].as_u64().unwrap() as usize;
        let number = |w: &[u8]| -> f64 {
            let w: [u8; 8] = w.try_into().unwrap();
            if h["dtype"] == "I64" { i64::from_le_bytes(w) as f64 } else { f64::from_le_bytes(w) }
        };
        bytes[at(0)..at(1)].chunks_exact(8).map(number).collect()
    };
    (config, header.iter().filter(|(k, _)| *k != "__metadata__").map(|(k, h)| (k.clone(), tensor(h))).collect())
}

/// The file's settings are those of the model's row.
fn arguments(m: &Json) -> Vec<(&str, Value)> {
    let value = |v: &Json| match v {
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(x) => x.as_i64().map_or_else(|| Value::Float(x.as_f64().unwrap()), Value::Int),
        Json::Array(v) => Value::List(v.iter().map(|w| Value::Int(w.as_i64().unwrap())).collect()),
        v => Value::Str(v.as_str().unwrap().into()),
    };
    m.as_object().unwrap().iter().filter(|(k, _)| *k != "name").map(|(k, v)| (k.as_str(), value(v))).collect()
}

fn check(name: &str) {
    let (config, file) = read(name);
    let (task, m) = (&config["task"], &config["model"]);
    let p = task["p"].as_u64().unwrap_or(0) as usize;
    let dense = file.contains_key("features");
    let inputs = if dense {
        Inputs { operands: 0, range: 0, features: Some(task["n"].as_u64().unwrap() as usize), classes: 1 }
    } else {
        Inputs { operands: 2, range: p, features: None, classes: p }
    };
    let mut n = common::net(m["name"].as_str().unwrap(), &arguments(m), &inputs, Options::default());
    let initial = file.keys().filter_map(|k| k.strip_prefix("init."));
    assert_eq!(initial.clone().count(), n.model.params.len(), "{name}");
    for parameter in initial {
        n.set(parameter, &file[&format!("init.{parameter}")]);
    }

    // The objective of the first step.
    let g = &mut n.g;
    let all = file["labels"].len();
    let chosen: Vec<usize> = match file.get("batches") {
        Some(b) => b[..b.len() / 200].iter().map(|i| *i as usize).collect(),
        None => (0..all).collect(),
    };
    let loss = &config["loss"];
    let rule = CeRule { gradient: CeGradient::Textbook, precision: Precision::F64, smoothing: loss["label_smoothing"].as_f64().unwrap_or(0.0) };
    let one = g.number(1.0);
    let mut per_example = g.number(0.0);
    for s in &n.model.scored {
        let term = match loss["name"].as_str().unwrap() {
            "hinge" => {
                let y = g.feature("sign", 1);
                let margin = g.mul(s.logits, y);
                let gap = g.sub(one, margin);
                let gap = g.unary(Unary::Relu, gap);
                g.sum_all(gap)
            }
            "mse" => {
                let label = g.index("label");
                let hot = g.one_hot(n.model.outputs, label);
                let gap = g.sub(s.logits, hot);
                let squares = g.mul(gap, gap);
                let sum = g.sum_all(squares);
                g.scale(sum, 1.0 / n.model.outputs as f64)
            }
            _ => {
                let label = g.index("label");
                g.cross_entropy(rule, s.logits, label)
            }
        };
        let term = g.scale(term, 1.0 / n.model.scored.len() as f64);
        per_example = g.add(per_example, term);
    }
    let total = g.reduce_rows(Fold::Sum, Domain::UNIT, per_example);
    let mut objective = g.scale(total, 1.0 / chosen.len() as f64);
    for parameter in &n.model.params {
        if loss["penalty_on"].as_array().unwrap().iter().any(|w| *w == parameter.name.as_str()) {
            let squares = g.mul(parameter.node, parameter.node);
            let sum = g.sum_all(squares);
            let sum = g.scale(sum, loss["penalty"].as_f64().unwrap());
            objective = g.add(objective, sum);
        }
    }
    let wrt: Vec<Id> = n.model.params.iter().map(|q| q.node).collect();
    let grads = grad(g, objective, &wrt);
    let logits: Vec<Id> = n.model.scored.iter().map(|s| g.lift(Domain::SLOT, s.logits)).collect();

    let run = |examples: &[usize], outputs: &[Id]| {
        let mut feed = Feed::new(&n.g, all);
        feed.set(|b| {
            b.rows = examples.len();
            if dense {
                let width = inputs.features.unwrap();
                b.features = vec![
                    examples.iter().flat_map(|i| file["features"][i * width..(i + 1) * width].to_vec()).collect(),
                    examples.iter().map(|i| file["labels"][*i]).collect(),
                ];
            } else {
                let columns = file["tokens"].len() / all;
                b.tokens = (0..n.g.coordinates.len()).map(|c| examples.iter().map(|i| file["tokens"][i * columns + c] as u32).collect()).collect();
                let of = |t: Target| examples.iter().map(|i| if let Target::Special(id) = t { id as u32 } else { file["labels"][*i] as u32 }).collect();
                b.indices = n.model.scored.iter().map(|s| of(s.target)).collect();
            }
        });
        let reading = Reading { states: n.values.iter().map(Vec::as_slice).collect(), scalars: vec![], seed: 0, step: 0 };
        evaluate(&n.g, &feed, &reading, outputs)
    };

    let first: Vec<usize> = (0..8).collect();
    let got = run(&first, &logits);
    let (scored, width) = (got.len(), n.model.outputs);
    let top = file["logits0"].iter().fold(0.0f64, |m, x| m.max(x.abs()));
    for (i, want) in file["logits0"].iter().enumerate() {
        let (example, s, c) = (i / width / scored, i / width % scored, i % width);
        assert!((got[s][example * width + c] - want).abs() <= 1e-12 * top, "{name}: logit {c} of example {example}");
    }

    let mut outputs = vec![objective];
    outputs.extend(grads);
    let got = run(&chosen, &outputs);
    assert!((got[0][0] / file["losses"][0] - 1.0).abs() < 1e-12, "{name}: loss {} instead of {}", got[0][0], file["losses"][0]);
    let top = |v: &[f64]| v.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    let largest = n.model.params.iter().map(|q| top(&file[&format!("grad.{}", q.name)])).fold(0.0, f64::max);
    for (parameter, got) in n.model.params.iter().zip(&got[1..]) {
        let want = &file[&format!("grad.{}", parameter.name)];
        // A key bias has no gradient in exact arithmetic: its rounding is measured against the largest tensor's.
        let scale = if parameter.name.ends_with("b_K") { largest } else { top(want) };
        let error = got.iter().zip(want).fold(0.0f64, |m, (x, y)| m.max((x - y).abs()));
        assert!(error <= 1e-11 * scale, "{name}: gradient of {} off by {error} of {scale}", parameter.name);
    }
}

macro_rules! fixtures {
    ($($test:ident $file:literal),*) => { $(#[test] fn $test() { check($file); })* };
}

fixtures!(nanda "nanda", power "power", prenorm "prenorm", encoder "encoder", tied "tied", gromov "gromov", embedding_mlp "embedding-mlp", parity "parity", deep_mlp "deep-mlp");
