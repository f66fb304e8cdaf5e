//! Derivatives of whole tiny networks against central differences.

mod common;

use common::{Net, TRAINING, net, operands, pairs, str};
use pennydrop_graph::ad::grad;
use pennydrop_graph::ir::{CeGradient, CeRule, Fold};
use pennydrop_graph::precision::Precision;
use pennydrop_graph::{Domain, Graph, Id, feed::Feed, reference::Reading, reference::evaluate};
use pennydrop_registry::Value;

/// Mean cross-entropy over the scored positions and all pairs below `p`.
fn loss(g: &mut Graph, n: &Net, rows: usize) -> Id {
    let rule = CeRule { gradient: CeGradient::Textbook, precision: Precision::F64, smoothing: 0.0 };
    let mut total = g.number(0.0);
    for s in &n.model.scored {
        let label = g.index("label");
        let l = g.cross_entropy(rule, s.logits, label);
        let l = g.reduce_rows(Fold::Sum, Domain::UNIT, l);
        let l = g.scale(l, 1.0 / (rows * n.model.scored.len()) as f64);
        total = g.add(total, l);
    }
    total
}

fn check(name: &str, given: &[(&str, Value)]) {
    let p = 3;
    let n = net(name, given, &operands(p), TRAINING);
    let mut g = n.g.clone();
    let loss = loss(&mut g, &n, p * p);
    let wrt: Vec<Id> = n.model.params.iter().map(|q| q.node).collect();
    let grads = grad(&mut g, loss, &wrt);
    let mut feed = Feed::new(&g, p * p);
    let labels: Vec<u32> = (0..9).map(|i| (i / 3 + i % 3) % 3).collect();
    feed.set(|b| {
        b.rows = p * p;
        b.tokens = pairs(p);
        b.tokens.push(labels.clone());
        b.tokens.truncate(g.coordinates.len());
        b.indices = vec![labels.clone(), vec![p as u32; p * p]];
        b.indices.truncate(n.model.scored.len());
    });
    let at = |values: &[Vec<f64>], outputs: &[Id]| {
        let reading = Reading { states: values.iter().map(Vec::as_slice).collect(), scalars: vec![], seed: 2, step: 4 };
        evaluate(&g, &feed, &reading, outputs)
    };
    let exact = at(&n.values, &grads);
    let largest = exact.iter().flatten().fold(0.0f64, |m, x| m.max(x.abs()));
    let h = 1e-5;
    for (i, tensor) in exact.iter().enumerate() {
        for (k, want) in tensor.iter().enumerate() {
            let mut values = n.values.clone();
            values[i][k] += h;
            let up = at(&values, &[loss])[0][0];
            values[i][k] -= 2.0 * h;
            let down = at(&values, &[loss])[0][0];
            let got = (up - down) / (2.0 * h);
            assert!((got - want).abs() < 1e-7 * largest.max(1.0), "{name} {}[{k}]: {want}, differences {got}", n.model.params[i].name);
        }
    }
    assert!(largest > 1e-3, "{name}: nothing to compare");
}

#[test]
fn transformers() {
    let small = [("d_model", Value::Int(4)), ("heads", Value::Int(2)), ("d_mlp", Value::Int(3)), ("layers", Value::Int(2))];
    let all = [("bias_attn", Value::Bool(true)), ("bias_out", Value::Bool(true)), ("init", str("power"))];
    check("transformer", &[&small[..], &all, &[("norm", str("pre")), ("final_norm", Value::Bool(true)), ("activation", str("gelu_tanh"))]].concat());
    check(
        "transformer",
        &[&small[..], &all, &[("norm", str("post")), ("template", str("eos a b = answer")), ("scored", str("answer eos")), ("activation", str("silu"))]]
            .concat(),
    );
    let noisy = [("dropout", Value::Float(0.3)), ("dropout_at", str("all")), ("noise_weights", Value::Float(0.1)), ("causal", Value::Bool(false))];
    check("transformer", &[&small[..], &noisy, &[("tied", Value::Bool(true)), ("activation", str("quadratic")), ("init", str("normal-fan-in"))]].concat());
}

#[test]
fn perceptrons() {
    let widths = ("widths", Value::List(vec![Value::Int(5), Value::Int(4)]));
    for inputs in ["onehot", "embedding"] {
        let given = [
            widths.clone(),
            ("inputs", str(inputs)),
            ("d_embed", Value::Int(3)),
            ("activation", str("gelu")),
            ("dropout", Value::Float(0.2)),
            ("init", str("he-normal")),
        ];
        check("mlp", &given);
    }
    check("mlp", &[widths, ("activation", str("tanh")), ("scaling", str("mean-field")), ("init", str("unit-normal"))]);
}
