//! The one-layer transformer step: the rewrites find the minimal algebra, and the fast executor runs it right.
#![allow(missing_docs)]

mod common;

use common::*;
use pennydrop_graph::cpu::{Inputs, Program, Sequential};
use pennydrop_graph::feed::{Batch, Feed};
use pennydrop_graph::ir::{Graph, Id, Op};
use pennydrop_graph::rewrite::{self, Rewrites};

struct Step {
    graph: Graph,
    updates: Vec<(usize, Id)>,
}

fn step(p: usize, d: usize, heads: usize, mlp: usize, rows: usize, on: &Rewrites) -> Step {
    let t = transformer(p, d, heads, mlp, !on.has(rewrite::Rewrite::Domains), RULE32);
    let mut r = rewrite::forward(&t.g, &[t.loss], on, rows);
    let params: Vec<Id> = (0..t.params.len()).map(|i| Id(r.graph.nodes.iter().position(|n| n.op == Op::State(i)).unwrap() as u32)).collect();
    let loss = r.roots[0];
    let grads = gradients(&mut r.graph, loss, &params);
    let updates = adamw(&mut r.graph, &params, &grads);
    let roots: Vec<Id> = updates.iter().map(|u| u.1).collect();
    let c = rewrite::clean::clean(&r.graph, &roots, on);
    Step { updates: updates.iter().zip(&c.roots).map(|(u, id)| (u.0, *id)).collect(), graph: c.graph }
}

fn examples(p: usize, rows: usize) -> Batch {
    let mut d = Dice::new(5);
    let mut all: Vec<(u32, u32)> = (0..p as u32).flat_map(|a| (0..p as u32).map(move |b| (a, b))).collect();
    for i in (1..all.len()).rev() {
        all.swap(i, d.below(i + 1));
    }
    all.truncate(rows);
    let block = 16;
    all.sort_unstable_by_key(|x| (x.0 / block, x.1 / block, *x));
    Batch { rows, tokens: vec![all.iter().map(|x| x.0).collect(), all.iter().map(|x| x.1).collect()], indices: vec![all.iter().map(|x| (x.0 + x.1) % p as u32).collect()], features: vec![] }
}

#[test]
fn minimal_algebra() {
    let plain = step(113, 128, 4, 512, 3830, &Rewrites::none());
    let full = step(113, 128, 4, 512, 3830, &Rewrites::default());
    let (a, b) = (rewrite::cost::total(&plain.graph, 3830), rewrite::cost::total(&full.graph, 3830));
    // Products at the last position alone take 5.1 GFLOP, 1.68 at the least (elementwise work comes on top).
    assert!(a > 5.1e9, "{a:e}");
    assert!(b < 1.80e9, "{b:e}");
}

#[test]
fn timing() {
    let Ok(n) = std::env::var("PENNYDROP_BENCH").map(|n| n.parse::<usize>().unwrap()) else { return };
    let s = step(113, 128, 4, 512, 3830, &Rewrites::default());
    let p = Program::<f32>::compile(&s.graph, &s.updates, &[], 3830, true);
    let mut feed = Feed::new(&s.graph, 3830);
    feed.set(|b| *b = examples(113, 3830));
    let mut dice = Dice::new(1);
    let mut states: Vec<Vec<f32>> = s.graph.states.iter().map(|t| { let n: usize = t.shape.iter().product(); if t.name == "m" || t.name == "v" { vec![0.0; n] } else { dice.normals(n).iter().map(|x| *x as f32 * 0.09).collect() } }).collect();
    let mut m = p.memory();
    println!("{:?} chunk/lanes {:?} bytes {} ops {:.3e}", p.kernels(), p.chunking(), p.bytes(), p.operations());
    let mut times = Vec::new();
    for _ in 0..n {
        let t = std::time::Instant::now();
        p.run(&mut m, &mut states, &feed, Inputs { scalars: &[1.0 / 3830.0, 1e-3, 1.0, 0.9, 0.98, 1.0, 1.0], seed: 0, step: 0 }, &Sequential);
        times.push(t.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    println!("median {:.2} ms min {:.2}", times[n / 2], times[0]);
    let t0 = std::time::Instant::now();
    for (what, t) in p.profile(&mut m, &mut states, &feed, Inputs { scalars: &[1.0 / 3830.0, 1e-3, 1.0, 0.9, 0.98, 1.0, 1.0], seed: 0, step: 0 }, &|| t0.elapsed().as_secs_f64()).iter().take(12) {
        println!("{:8.3} ms  {what}", t * 1e3);
    }
}
