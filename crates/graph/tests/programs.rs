//! Random programs: derivatives against finite differences, rewrites and the fast executor against plain evaluation.
#![allow(missing_docs)]

mod common;

use common::*;
use pennydrop_graph::ad;
use pennydrop_graph::cpu::{Inputs, Program as Compiled, Sequential};
use pennydrop_graph::ir::{Graph, Id, Op};
use pennydrop_graph::rewrite::{self, Rewrite, Rewrites};
use proptest::prelude::*;

/// Σ over states of ∂loss/∂state · direction by central differences.
fn directional(g: &Graph, feed: &pennydrop_graph::feed::Feed, states: &[(Id, Vec<f64>)], dir: &[Vec<f64>], out: Id) -> f64 {
    let at = |h: f64| {
        let moved: Vec<(Id, Vec<f64>)> = states.iter().zip(dir).map(|((id, v), d)| (*id, v.iter().zip(d).map(|(x, y)| x + h * y).collect())).collect();
        evaluate(g, feed, &moved, &[out])[0][0]
    };
    // Richardson: error h⁴.
    let h = 2e-4;
    (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// vjp and jvp agree with finite differences and with each other; so do second derivatives.
    #[test]
    fn derivatives(seed in 0u64..1_000_000, length in 1usize..9) {
        let mut p = random_program(seed, false, true, length);
        let mut d = Dice::new(seed + 1);
        let feed = batch(&p.g, 8, &mut d, 4);
        let dir: Vec<Vec<f64>> = p.states.iter().map(|(_, v)| d.normals(v.len())).collect();
        let wrt: Vec<Id> = p.states.iter().map(|s| s.0).collect();
        let grads = ad::grad(&mut p.g, p.loss, &wrt);
        let seeds: Vec<(Id, Id)> = p.states.iter().zip(&dir).map(|((id, v), t)| { let s = p.g.shape(*id).to_vec(); assert_eq!(v.len(), t.len()); (*id, p.g.constant(t, &s)) }).collect();
        let forward = ad::jvp(&mut p.g, &seeds, &[p.loss])[0];
        // ⟨∇loss, u⟩ as a node, for the second derivative.
        let mut inner = p.g.number(0.0);
        for (x, (_, t)) in grads.iter().zip(&seeds) {
            let m = p.g.mul(*x, *t);
            let m = p.g.sum_all(m);
            inner = p.g.add(inner, m);
        }
        let hvp_forward = ad::jvp(&mut p.g, &seeds, &grads);
        let hvp_reverse = ad::grad(&mut p.g, inner, &wrt);
        let values = evaluate(&p.g, &feed, &p.states, &grads);
        let dot: f64 = values.iter().zip(&dir).flat_map(|(g, t)| g.iter().zip(t)).map(|(x, y)| x * y).sum();
        let fd = directional(&p.g, &feed, &p.states, &dir, p.loss);
        let size: f64 = values.iter().zip(&dir).flat_map(|(g, t)| g.iter().zip(t)).map(|(x, y)| (x * y).abs()).sum::<f64>().max(1e-3);
        prop_assert!((dot - fd).abs() < 1e-6 * size, "vjp {dot} against differences {fd}");
        let t = forward.map_or(0.0, |f| evaluate(&p.g, &feed, &p.states, &[f])[0][0]);
        prop_assert!((t - dot).abs() < 1e-10 * size, "jvp {t} against vjp {dot}");
        let reverse = evaluate(&p.g, &feed, &p.states, &hvp_reverse);
        for (k, f) in hvp_forward.iter().enumerate() {
            let f = f.map_or(vec![0.0; reverse[k].len()], |f| evaluate(&p.g, &feed, &p.states, &[f]).remove(0));
            let scale = reverse[k].iter().fold(1e-3f64, |m, x| m.max(x.abs()));
            for (x, y) in f.iter().zip(&reverse[k]) {
                prop_assert!((x - y).abs() < 1e-8 * scale, "jvp of vjp {x} against vjp of vjp {y}");
            }
        }
        let uhu: f64 = reverse.iter().zip(&dir).flat_map(|(g, t)| g.iter().zip(t)).map(|(x, y)| x * y).sum();
        let fd2 = directional(&p.g, &feed, &p.states, &dir, inner);
        let size2: f64 = reverse.iter().zip(&dir).flat_map(|(g, t)| g.iter().zip(t)).map(|(x, y)| (x * y).abs()).sum::<f64>().max(1e-2);
        prop_assert!((uhu - fd2).abs() < 1e-5 * size2.max(size), "second derivative {uhu} against differences {fd2}");
    }

    /// Row domains change nothing: the plain program over the batch slot gives the same loss and gradients.
    /// Nor does any rewrite, alone or together, nor the fast executor, fused or not.
    #[test]
    fn rewrites_and_executors(seed in 0u64..1_000_000, length in 1usize..10, rows in 1usize..30) {
        let plain = random_program(seed, true, false, length);
        let mut d = Dice::new(seed + 1);
        let mut want = None;
        let sets: Vec<Rewrites> = std::iter::once(Rewrites::none())
            .chain(Rewrite::ALL.iter().map(|r| Rewrites::none().with(*r)))
            .chain([Rewrites::default()])
            .collect();
        let tokens = {
            let mut dd = Dice::new(seed + 2);
            batch(&plain.g, rows, &mut dd, 4).batch().clone()
        };
        let _ = d.below(2);
        for on in &sets {
            let p = random_program(seed, !on.has(Rewrite::Domains), false, length);
            let mut r = rewrite::forward(&p.g, &[p.loss], on, rows);
            let states: Vec<Id> = (0..p.states.len())
                .map(|i| r.graph.nodes.iter().position(|n| n.op == Op::State(i)).map_or_else(|| { let s = r.graph.states[i].shape.clone(); r.graph.push(Op::State(i), vec![], s, pennydrop_graph::Domain::UNIT) }, |k| Id(k as u32)))
                .collect();
            let loss = r.roots[0];
            let grads = ad::grad(&mut r.graph, loss, &states);
            let mut roots = vec![loss];
            roots.extend(&grads);
            let c = rewrite::clean::clean(&r.graph, &roots, on);
            let mut feed = pennydrop_graph::feed::Feed::new(&c.graph, rows);
            feed.set(|b| *b = tokens.clone());
            let got = evaluate(&c.graph, &feed, &p.states, &c.roots);
            let want = want.get_or_insert_with(|| got.clone());
            for (k, (x, y)) in got.iter().zip(want.iter()).enumerate() {
                close(x, y, 1e-9, &format!("root {k} under {on:?}"));
            }
            let program = Compiled::<f64>::compile(&c.graph, &[], &c.roots, rows, on.has(Rewrite::Fusion));
            let mut memory = program.memory();
            let mut values: Vec<Vec<f64>> = p.states.iter().map(|s| s.1.clone()).collect();
            for _ in 0..2 {
                program.run(&mut memory, &mut values, &feed, Inputs { scalars: &[0.125], seed: 1, step: 2 }, &Sequential);
                for k in 0..c.roots.len() {
                    close(program.output(&memory, &feed, k), &want[k], 1e-9, &format!("cpu root {k} under {on:?}"));
                }
            }
        }
    }
}
