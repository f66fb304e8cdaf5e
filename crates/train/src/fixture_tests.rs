//! Whole trajectories against `fixtures/` (made by JAX in double precision, confirmed by PyTorch; see its README), with every rewrite and with none.

#![cfg(test)]

use crate::{Run, Setup, loss, train_row};
use pennydrop_graph::cpu::Sequential;
use pennydrop_graph::rewrite::Rewrites;
use pennydrop_registry::{Args, Row, Value};
use pennydrop_tasks::{Coordinate, Features, Leakage, Seeds, Task};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;

struct Fixture {
    config: Json,
    tensors: BTreeMap<String, (Vec<usize>, Vec<f64>)>,
}

fn read(name: &str) -> Fixture {
    let bytes = std::fs::read(format!("{}/../../fixtures/{name}.safetensors", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let (_, meta) = SafeTensors::read_metadata(&bytes).unwrap();
    let config = serde_json::from_str(&meta.metadata().as_ref().unwrap()["config"]).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensors = file
        .iter()
        .map(|(k, t)| {
            let words = t.data().as_chunks::<8>().0;
            let values = words.iter().map(|w| if t.dtype() == Dtype::I64 { i64::from_le_bytes(*w) as f64 } else { f64::from_le_bytes(*w) }).collect();
            (k.to_string(), (t.shape().to_vec(), values))
        })
        .collect();
    Fixture { config, tensors }
}

fn value(j: &Json) -> Value {
    match j {
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => n.as_i64().map_or_else(|| Value::Float(n.as_f64().unwrap()), Value::Int),
        Json::String(s) => Value::Str(s.clone()),
        Json::Array(v) => Value::List(v.iter().map(value).collect()),
        other => panic!("{other}"),
    }
}

/// The settings of `section` in this project's words: its row's keys as they are, others as `renamed` (to nothing: left out).
fn args(section: &str, row: &'static Row, config: &Json, renamed: &[(&str, &str)], more: &[(&str, Value)]) -> Args {
    let mut given: Vec<(String, Value)> = Vec::new();
    for (key, j) in config.as_object().unwrap().iter().filter(|(k, _)| *k != "name") {
        match renamed.iter().find(|r| r.0 == key) {
            Some((_, "")) => {}
            Some((_, to)) => given.push((to.to_string(), value(j))),
            None => given.push((key.clone(), value(j))),
        }
    }
    given.extend(more.iter().map(|(k, v)| (k.to_string(), v.clone())));
    Args::check(section, row, given).unwrap()
}

impl Fixture {
    fn values(&self, name: &str) -> &[f64] {
        &self.tensors[name].1
    }

    fn task(&self) -> Task {
        let labels: Vec<u32> = self.values("labels").iter().map(|x| x.max(0.0) as u32).collect();
        let n = labels.len();
        let p = self.config["task"]["p"].as_u64().unwrap_or(0) as usize;
        let dense = self.tensors.get("features").map(|(shape, v)| Features { width: shape[1], values: v.iter().map(|x| *x as f32).collect() });
        let tokens = self.tensors.get("tokens").map_or(vec![], |(shape, v)| v.chunks(shape[1]).flat_map(|row| [row[0] as u32, row[1] as u32]).collect());
        let names = if dense.is_some() { vec![] } else { vec!["a", "b"] };
        Task {
            name: "fixture".into(),
            coordinates: names.into_iter().map(|name| Coordinate { name: name.into(), range: p }).collect(),
            tokens,
            features: dense,
            ideal: labels.clone(),
            labels,
            classes: if p > 0 { p } else { 2 },
            train: (0..n as u32).collect(),
            test: vec![0, 1],
            corrupted: vec![],
            chance: 0.0,
            symmetries: vec![],
            leakage: Leakage::default(),
            modulus: None,
            group: None,
            fresh: None,
            answers: None,
            transfer: None,
        }
    }

    fn setup(&self, precision: &str, rewrites: Rewrites) -> Setup {
        let c = &self.config;
        let name = |section: &str| c[section]["name"].as_str().unwrap().to_string();
        let ce = name("loss") == "cross-entropy";
        let model = args("model", pennydrop_models::find(&name("model")).unwrap(), &c["model"], &[], &[]);
        let renamed = [("label_smoothing", "smoothing"), ("penalty", "l2")];
        let more: &[(&str, Value)] = if ce { &[("precision", Value::Str(precision.into()))] } else { &[] };
        let loss = args("loss", &loss::find(&name("loss")).unwrap().row, &c["loss"], &renamed, more);
        let decay = if name("optim") == "adam" { "" } else { "decay" };
        let optim = args("optim", pennydrop_optim::find(&name("optim")).unwrap(), &c["optim"], &[("decay", decay)], &[]);
        let train = args("train", train_row(), &c["train"], &[], &[("precision", Value::Str(precision.into())), ("stop", Value::Str("steps".into()))]);
        let init = self.tensors.iter().filter_map(|(k, t)| Some((k.strip_prefix("init.")?.to_string(), t.clone()))).collect();
        Setup { task: Arc::new(self.task()), model, loss, optim, train, seeds: Seeds::all(0), init: Some(init), interventions: Vec::new(), rewrites }
    }

    fn run(&self, precision: &str, rewrites: Rewrites) -> Run {
        let mut run = Run::new(self.setup(precision, rewrites)).unwrap();
        if let Some((shape, batches)) = self.tensors.get("batches") {
            run.engine.give(batches.chunks(shape[1]).map(|b| b.iter().map(|i| *i as u32).collect()).collect());
        }
        run
    }
}

fn top(v: &[f64]) -> f64 {
    v.iter().fold(0.0, |m, x| m.max(x.abs()))
}

/// Gradients of the first step: error = max |difference| / max |gradient| of the tensor.
fn check_gradients(name: &str, f: &Fixture, got: &[Vec<f64>], run: &Run, tolerance: f64) {
    let want = |n: &str| f.values(&format!("grad.{n}"));
    let largest = run.params().map(|(n, _, _)| top(want(n))).fold(0.0, f64::max);
    assert_eq!(got.len(), f.tensors.keys().filter(|k| k.starts_with("grad.")).count());
    for ((n, _, _), got) in run.params().zip(got) {
        // A key bias has no gradient in exact arithmetic: its rounding is measured against the largest tensor's.
        let scale = if n.ends_with("b_K") { largest } else { top(want(n)) };
        assert_eq!(got.len(), want(n).len());
        let error = got.iter().zip(want(n)).fold(0.0f64, |m, (x, y)| m.max((x - y).abs()));
        assert!(error <= tolerance * scale, "{name}: gradient of {n} off by {error:e} of {scale:e}");
    }
}

fn check(name: &str) {
    let f = read(name);
    for rewrites in [Rewrites::default(), Rewrites::none()] {
        let mut run = f.run("f64", rewrites.clone());
        assert_eq!(run.params().count(), f.tensors.keys().filter(|k| k.starts_with("init.")).count());
        for (step, want) in f.values("losses").iter().enumerate() {
            let (loss, gradients) = run.gradients().unwrap();
            assert!((loss - want).abs() <= 1e-9 * want.abs(), "{name}: loss {loss} instead of {want} at step {step}");
            let norm = gradients.iter().flatten().map(|g| g * g).sum::<f64>().sqrt();
            let want = f.values("grad_norms")[step];
            assert!((norm - want).abs() <= 1e-7 * want, "{name}: gradient norm {norm} instead of {want} at step {step}");
            if step == 0 {
                check_gradients(name, &f, &gradients, &run, 1e-11);
            }
            run.engine.train(step as u64, &Sequential);
            run.step += 1;
        }
        for (n, _, v) in run.params() {
            let (norm, want) = (v.iter().map(|x| x * x).sum::<f64>().sqrt(), f.values(&format!("end_norm.{n}"))[0]);
            // Adam moves a key bias by rounding alone.
            assert!(n.ends_with("b_K") || (norm / want - 1.0).abs() < 1e-8, "{name}: norm of {n} {norm} instead of {want}");
        }
        let mut single = f.run("f32", rewrites);
        let (_, gradients) = single.gradients().unwrap();
        check_gradients(name, &f, &gradients, &single, 1e-5);
    }
}

macro_rules! fixtures {
    ($($test:ident $file:literal),*) => { $(#[test] fn $test() { check($file); })* };
}

fixtures!(nanda "nanda", power "power", prenorm "prenorm", encoder "encoder", tied "tied", gromov "gromov", embedding_mlp "embedding-mlp", parity "parity", deep_mlp "deep-mlp");
