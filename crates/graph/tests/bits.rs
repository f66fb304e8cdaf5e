//! Same bits for any number of threads and any work beside; no allocation in a step after the first.
#![allow(missing_docs)]

mod common;

use common::*;
use pennydrop_graph::cpu::{Inputs, Parallel, Program, Sequential, Vector};
use pennydrop_graph::feed::{Batch, Feed};
use pennydrop_graph::ir::{Id, Op};
use pennydrop_graph::rewrite::{self, Rewrites};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;
static COUNT: AtomicUsize = AtomicUsize::new(0);

// SAFETY: forwards to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, l: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(l) }
    }
    unsafe fn dealloc(&self, p: *mut u8, l: Layout) {
        unsafe { System.dealloc(p, l) }
    }
    unsafe fn realloc(&self, p: *mut u8, l: Layout, n: usize) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        unsafe { System.realloc(p, l, n) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A thread for every task, in an order that is not ours.
struct Threads;

impl Parallel for Threads {
    fn run(&self, n: usize, task: &(dyn Fn(usize) + Sync)) {
        std::thread::scope(|s| {
            for i in (0..n).rev() {
                s.spawn(move || task(i));
            }
        });
    }
}

fn batch_of(p: usize, rows: usize, seed: u64) -> Batch {
    let mut d = Dice::new(seed);
    let a: Vec<u32> = (0..rows).map(|_| d.below(p) as u32).collect();
    let b: Vec<u32> = (0..rows).map(|_| d.below(p) as u32).collect();
    Batch { rows, indices: vec![a.iter().zip(&b).map(|(x, y)| (x + y) % p as u32).collect()], tokens: vec![a, b], features: vec![] }
}

/// Weights after a few steps, and the allocations of the last.
fn train<T: Vector>(rows: usize, threads: &dyn Parallel) -> (Vec<Vec<T>>, usize) {
    let (p, d, heads, mlp) = (23, 32, 4, 128);
    let on = Rewrites::default();
    let t = transformer(p, d, heads, mlp, false, RULE32);
    let mut r = rewrite::forward(&t.g, &[t.loss], &on, rows);
    let params: Vec<Id> = (0..t.params.len()).map(|i| Id(r.graph.nodes.iter().position(|n| n.op == Op::State(i)).unwrap() as u32)).collect();
    let loss = r.roots[0];
    let grads = gradients(&mut r.graph, loss, &params);
    let updates = adamw(&mut r.graph, &params, &grads);
    let roots: Vec<Id> = updates.iter().map(|u| u.1).collect();
    let c = rewrite::clean::clean(&r.graph, &roots, &on);
    let updates: Vec<(usize, Id)> = updates.iter().zip(&c.roots).map(|(u, id)| (u.0, *id)).collect();
    let program = Program::<T>::compile(&c.graph, &updates, &[], rows, true);
    assert_eq!(program.chunking().1, 2, "the test needs two lanes");
    let mut memory = program.memory();
    let mut feed = Feed::new(&c.graph, rows);
    let mut dice = Dice::new(1);
    let mut states: Vec<Vec<T>> = c
        .graph
        .states
        .iter()
        .map(|s| (0..s.shape.iter().product()).map(|_| T::of(if s.name == "m" || s.name == "v" { 0.0 } else { 0.2 * dice.normal() })).collect())
        .collect();
    let batches: Vec<Batch> = (0..6).map(|i| batch_of(p, rows - 7 * i, i as u64)).collect();
    let mut spent = 0;
    for (i, b) in batches.iter().enumerate() {
        let before = COUNT.load(Ordering::Relaxed);
        feed.set(|to| {
            to.rows = b.rows;
            to.tokens.resize(2, Vec::new());
            to.indices.resize(1, Vec::new());
            for k in 0..2 {
                to.tokens[k].clear();
                to.tokens[k].extend_from_slice(&b.tokens[k]);
            }
            to.indices[0].clear();
            to.indices[0].extend_from_slice(&b.indices[0]);
        });
        program.run(
            &mut memory,
            &mut states,
            &feed,
            Inputs { scalars: &[1.0 / b.rows as f64, 1e-2, 1.0, 0.9, 0.98, 1.0, 1.0], seed: 0, step: i as u64 },
            threads,
        );
        spent = COUNT.load(Ordering::Relaxed) - before;
    }
    (states, spent)
}

// One test: the allocation counter is the process's.
#[test]
fn threads_and_allocations() {
    let (one, spent) = train::<f32>(400, &Sequential);
    assert_eq!(spent, 0, "allocations in a warm step");
    let (two, _) = train::<f32>(400, &Threads);
    assert!(one.iter().flatten().all(|x| x.is_finite()));
    assert!(one.iter().flatten().zip(two.iter().flatten()).all(|(x, y)| x.to_bits() == y.to_bits()), "bits differ between one and two threads");
    let (one, _) = train::<f64>(300, &Sequential);
    let (two, _) = train::<f64>(300, &Threads);
    assert!(one.iter().flatten().zip(two.iter().flatten()).all(|(x, y)| x.to_bits() == y.to_bits()), "bits differ between one and two threads in f64");
}
