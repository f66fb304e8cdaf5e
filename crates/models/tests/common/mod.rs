//! A network with values, run by the reference executor.
#![allow(dead_code, reason = "each test file uses its part")]

use pennydrop_graph::feed::Feed;
use pennydrop_graph::ir::Coordinate;
use pennydrop_graph::reference::{Reading, evaluate};
use pennydrop_graph::{Domain, Graph, Id};
use pennydrop_models::{Inputs, Model, Options, build, find};
use pennydrop_registry::{Args, SpecError, Value};

pub const TRAINING: Options = Options { training: true, all_positions: false };

pub struct Net {
    pub g: Graph,
    pub model: Model,
    /// Values of the states, in the graph's order.
    pub values: Vec<Vec<f64>>,
}

pub fn operands(range: usize) -> Inputs {
    Inputs { operands: 2, range, features: None, classes: range }
}

pub fn graph(inputs: &Inputs) -> Graph {
    Graph::new((0..inputs.operands).map(|k| Coordinate { name: format!("operand {k}"), range: inputs.range }).collect())
}

pub fn try_net(name: &str, given: &[(&str, Value)], inputs: &Inputs, options: Options) -> Result<Net, SpecError> {
    let args = Args::check("model", find(name)?, given.iter().map(|(k, v)| (k.to_string(), v.clone())))?;
    let mut g = graph(inputs);
    let model = build(&mut g, &args, inputs, options)?;
    let values = model.params.iter().enumerate().map(|(i, p)| p.init.sample(&p.shape, 11, i)).collect();
    Ok(Net { g, model, values })
}

pub fn net(name: &str, given: &[(&str, Value)], inputs: &Inputs, options: Options) -> Net {
    try_net(name, given, inputs, options).unwrap()
}

pub fn str(s: &str) -> Value {
    Value::Str(s.into())
}

impl Net {
    /// `outputs` for examples of these tokens (one list a coordinate), one row an example, in step `step`.
    pub fn run(&self, outputs: &[Id], tokens: &[Vec<u32>], step: u64) -> Vec<Vec<f64>> {
        let mut g = self.g.clone();
        let outputs: Vec<Id> = outputs.iter().map(|o| g.lift(Domain::SLOT, *o)).collect();
        let rows = tokens[0].len();
        let mut feed = Feed::new(&g, rows);
        feed.set(|b| (b.rows, b.tokens) = (rows, tokens.to_vec()));
        let reading = Reading { states: self.values.iter().map(Vec::as_slice).collect(), scalars: vec![], seed: 5, step };
        evaluate(&g, &feed, &reading, &outputs)
    }

    /// Answer logits for every pair of operands.
    pub fn logits(&self, step: u64) -> Vec<f64> {
        self.run(&[self.model.scored[0].logits], &pairs(self.g.coordinates[0].range), step).remove(0)
    }

    pub fn activation(&self, name: &str) -> Option<Id> {
        self.model.activations.iter().find(|(n, _)| n == name).map(|(_, id)| *id)
    }

    pub fn domain(&self, name: &str) -> Domain {
        self.g.domain(self.activation(name).unwrap_or_else(|| panic!("no activation {name}")))
    }

    pub fn set(&mut self, name: &str, values: &[f64]) {
        let i = self.model.params.iter().position(|p| p.name == name).unwrap();
        assert_eq!(values.len(), self.values[i].len(), "{name}");
        self.values[i] = values.to_vec();
    }
}

/// All pairs below `p`, in order.
pub fn pairs(p: usize) -> Vec<Vec<u32>> {
    vec![(0..p * p).map(|i| (i / p) as u32).collect(), (0..p * p).map(|i| (i % p) as u32).collect()]
}
