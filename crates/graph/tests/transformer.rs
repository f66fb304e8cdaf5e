//! The one-layer transformer step: the rewrites find the minimal algebra, and the fast executor runs it right.
#![allow(missing_docs)]

mod common;

use common::*;
use pennydrop_graph::cpu::{Inputs, Program, Sequential};
use pennydrop_graph::domain::Domain;
use pennydrop_graph::ir::{Graph, Id, Op};
use pennydrop_graph::rewrite::{self, Rewrites};

/// The whole step — forward, derivative, AdamW — after rewrites and clean-up.
fn step(p: usize, d: usize, heads: usize, mlp: usize, rows: usize, on: &Rewrites) -> Graph {
    let t = transformer(p, d, heads, mlp, !on.has(rewrite::Rewrite::Domains), RULE32);
    let mut r = rewrite::forward(&t.g, &[t.loss], on, rows);
    let params = parameters(&r.graph, t.params.len());
    let grads = gradients(&mut r.graph, r.roots[0], &params);
    let updates = adamw(&mut r.graph, &params, &grads);
    let roots: Vec<Id> = updates.iter().map(|u| u.1).collect();
    rewrite::clean::clean(&r.graph, &roots, on).graph
}

fn parameters(g: &Graph, n: usize) -> Vec<Id> {
    (0..n).map(|i| Id(g.nodes.iter().position(|n| n.op == Op::State(i)).unwrap() as u32)).collect()
}

#[test]
fn minimal_algebra() {
    let plain = step(113, 128, 4, 512, 3830, &Rewrites::none());
    let full = step(113, 128, 4, 512, 3830, &Rewrites::default());
    let (a, b) = (rewrite::cost::total(&plain, 3830), rewrite::cost::total(&full, 3830));
    // Products at the last position alone take 5.1 GFLOP, 1.68 at the least (elementwise work comes on top).
    assert!(a > 5.1e9, "{a:e}");
    assert!(b < 1.80e9, "{b:e}");
}

/// Keys and values of one-layer attention live in the domain of their own token.
#[test]
fn attention_is_tabulated() {
    let full = step(113, 128, 4, 512, 3830, &Rewrites::default());
    let over_slot: Vec<&[usize]> = full.nodes.iter().filter(|n| n.domain == Domain::SLOT && matches!(n.op, Op::Dot { .. })).map(|n| &n.shape[..]).collect();
    // Over the batch there are only: weights against table rows (into the hidden layer and the logits), the hidden layer's
    // product, and the derivatives of these; none has the width of the residual stream.
    assert!(over_slot.iter().all(|s| s.len() == 2 && s[0] == 1 && [512, 114, 4].contains(&s[1])), "{over_slot:?}");
    assert!(full.nodes.iter().any(|n| n.domain == Domain::coordinate(0) && matches!(n.op, Op::Dot { .. })));
}

/// f32 gradients within 1e-5 of f64, relative to each tensor's largest entry (a zero gradient, to the largest of all).
#[test]
fn single_precision_gradients() {
    let rows = 180;
    let t = transformer(23, 32, 4, 64, false, RULE);
    let r = rewrite::forward(&t.g, &[t.loss], &Rewrites::default(), rows);
    let mut g = r.graph;
    let params = parameters(&g, t.params.len());
    let grads = gradients(&mut g, r.roots[0], &params);
    let mut d = Dice::new(3);
    let feed = batch(&g, rows, &mut d, 23);
    let wide: Vec<Vec<f64>> = g.states.iter().map(|s| d.normals(s.shape.iter().product()).iter().map(|x| f64::from((x * 0.2) as f32)).collect()).collect();
    let inputs = Inputs { scalars: &[1.0 / rows as f64], seed: 0, step: 0 };
    let p64 = Program::<f64>::compile(&g, &[], &grads, rows, true);
    let p32 = Program::<f32>::compile(&g, &[], &grads, rows, true);
    let (mut m64, mut m32) = (p64.memory(), p32.memory());
    p64.run(&mut m64, &mut wide.clone(), &feed, inputs, &Sequential);
    let mut narrow: Vec<Vec<f32>> = wide.iter().map(|v| v.iter().map(|x| *x as f32).collect()).collect();
    p32.run(&mut m32, &mut narrow, &feed, inputs, &Sequential);
    let largest = |v: &[f64]| v.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    let all = (0..grads.len()).map(|k| largest(p64.output(&m64, &feed, k))).fold(0.0, f64::max);
    for k in 0..grads.len() {
        let (x, y) = (p64.output(&m64, &feed, k), p32.output(&m32, &feed, k));
        let scale = if largest(x) < 1e-12 * all { all } else { largest(x) };
        let error = x.iter().zip(y).map(|(x, y)| (x - f64::from(*y)).abs()).fold(0.0, f64::max) / scale;
        assert!(error < 1e-5, "{}: {error:e}", g.states[k].name);
    }
}

/// Kernels address tables without looking, so a label out of range must stop before it gets there.
#[test]
#[should_panic(expected = "is not below 24")]
fn labels_out_of_range_are_refused() {
    let t = transformer(23, 32, 4, 64, false, RULE32);
    let p = Program::<f32>::compile(&t.g, &[], &[t.loss], 4, true);
    let mut d = Dice::new(3);
    let feed = batch(&t.g, 4, &mut d, 9_999_999);
    let mut states: Vec<Vec<f32>> = t.g.states.iter().map(|s| vec![0.0; s.shape.iter().product()]).collect();
    p.run(&mut p.memory(), &mut states, &feed, Inputs { scalars: &[1.0], seed: 0, step: 0 }, &Sequential);
}
