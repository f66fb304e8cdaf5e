//! Every primitive on its own: both derivatives against central differences, and the fast executor against the reference.
#![allow(missing_docs)]

mod common;

use common::*;
use pennydrop_graph::cpu::{Inputs, Level, Program, Sequential};
use pennydrop_graph::ir::*;
use pennydrop_graph::precision::Precision;
use pennydrop_graph::{Domain, ad};
use proptest::prelude::*;

type Build = fn(&mut Graph, &[Id], &[Id]) -> Id;

/// Builds an operation on states `x, y` `[n, n]`, table rows of them at tokens `a, b`, and the label.
const OPERATIONS: &[(&str, Build)] = &[
    ("exp ln", |g, x, _| {
        let e = g.unary(Unary::Exp, x[0]);
        let one = g.number(1.0);
        let s = g.add(e, one);
        g.unary(Unary::Ln, s)
    }),
    ("sqrt recip", |g, x, _| {
        let q = g.mul(x[0], x[0]);
        let one = g.number(1.0);
        let q = g.add(q, one);
        let r = g.unary(Unary::Sqrt, q);
        g.unary(Unary::Recip, r)
    }),
    ("sin cos", |g, x, _| {
        let s = g.unary(Unary::Sin, x[0]);
        let c = g.unary(Unary::Cos, x[1]);
        g.mul(s, c)
    }),
    ("tanh sigmoid", |g, x, _| {
        let s = g.unary(Unary::Tanh, x[0]);
        let c = g.unary(Unary::Sigmoid, x[1]);
        g.mul(s, c)
    }),
    ("erf neg", |g, x, _| {
        let s = g.unary(Unary::Erf, x[0]);
        g.unary(Unary::Neg, s)
    }),
    ("relu abs", |g, x, _| {
        let s = g.unary(Unary::Relu, x[0]);
        let a = g.unary(Unary::Abs, x[1]);
        g.mul(s, a)
    }),
    ("div", |g, x, _| {
        let q = g.mul(x[1], x[1]);
        let one = g.number(1.0);
        let q = g.add(q, one);
        g.div(x[0], q)
    }),
    ("max min", |g, x, _| {
        let m = g.binary(Binary::Max, x[0], x[1]);
        let n = g.binary(Binary::Min, x[0], x[1]);
        g.mul(m, n)
    }),
    ("select compare", |g, x, _| {
        let c = g.binary(Binary::Gt, x[0], x[1]);
        let p = g.mul(x[0], x[1]);
        g.select(c, p, x[1])
    }),
    ("reduce axes", |g, x, _| {
        let n = g.shape(x[0])[0];
        let t = g.reshape(&[1, n, n], x[0]);
        let t = g.broadcast(&[2, n, n], t);
        let q = g.mul(t, t);
        g.sum(&[0, 2], q)
    }),
    ("reduce max", |g, x, _| g.reduce(Fold::Max, &[1], x[0])),
    ("broadcast row", |g, x, _| {
        let n = g.shape(x[0])[0];
        let r = g.slice(0, 0, 1, x[0]);
        let r = g.broadcast(&[n, n], r);
        g.mul(r, x[1])
    }),
    ("transpose slice pad concat", |g, x, _| {
        let n = g.shape(x[0])[0];
        let t = g.transpose(&[1, 0], x[0]);
        let s = g.slice(0, 1, n - 1, t);
        let p = g.pad(0, 0, 1, s);
        let c = g.concat(1, &[p, x[1]]);
        g.mul(c, c)
    }),
    ("products", |g, x, _| {
        let p = g.dot_to(Domain::UNIT, (x[0], true), (x[1], false));
        let q = g.dot_to(Domain::UNIT, (p, false), (x[0], true));
        g.dot_to(Domain::UNIT, (q, true), (x[1], true))
    }),
    ("batched products", |g, x, _| {
        let n = g.shape(x[0])[0];
        let v = g.reshape(&[n, 1, n], x[0]);
        let w = g.reshape(&[n, n, 1], x[1]);
        g.dot(v, w)
    }),
    ("gathered rows", |g, _, r| {
        let m = g.mul(r[0], r[1]);
        g.unary(Unary::Tanh, m)
    }),
    ("rows summed to a domain", |g, _, r| {
        let m = g.mul(r[0], r[1]);
        let d = g.domain(r[0]);
        let s = g.reduce_rows(Fold::Sum, d, m);
        g.mul(s, r[1])
    }),
    ("maximum of rows", |g, _, r| {
        let m = g.mul(r[0], r[1]);
        g.reduce_rows(Fold::Max, Domain::UNIT, m)
    }),
    ("outer products of rows", |g, _, r| {
        let n = g.shape(r[0])[0];
        let p = g.reshape(&[1, n], r[0]);
        let q = g.reshape(&[1, n], r[1]);
        let d = g.domain(r[0]);
        let o = g.dot_to(d, (p, true), (q, false));
        g.mul(o, o)
    }),
    ("scatter", |g, _, r| {
        let m = g.mul(r[0], r[1]);
        let token = g.token(1);
        let t = g.scatter_add(6, m, token);
        g.mul(t, t)
    }),
    ("cross-entropy textbook", |g, _, r| head(g, r, CeGradient::Textbook, 0.0)),
    ("cross-entropy exact smoothed", |g, _, r| head(g, r, CeGradient::Exact, 0.2)),
    ("eigenvalues and vectors", |g, x, _| {
        let n = g.shape(x[0])[0];
        let spread: Vec<f64> = (0..n * n).map(|i| if i / n == i % n { 4.0 * (i / n) as f64 } else { 0.0 }).collect();
        let spread = g.constant(&spread, &[n, n]);
        let a = g.add(x[0], spread);
        let (w, v) = g.eigh(a);
        let p = g.mul(v, x[1]);
        let s = g.sum(&[0], p);
        g.mul(s, w)
    }),
    ("singular values tall", |g, x, _| singular(g, x, false)),
    ("singular values wide", |g, x, _| singular(g, x, true)),
];

fn head(g: &mut Graph, r: &[Id], gradient: CeGradient, smoothing: f64) -> Id {
    let label = g.index("label");
    let z = g.mul(r[0], r[1]);
    g.cross_entropy(CeRule { gradient, precision: Precision::F64, smoothing }, z, label)
}

fn singular(g: &mut Graph, x: &[Id], wide: bool) -> Id {
    let n = g.shape(x[0])[0];
    let spread: Vec<f64> = (0..n * n).map(|i| if i / n == i % n { 5.0 + 3.0 * (i / n) as f64 } else { 0.0 }).collect();
    let spread = g.constant(&spread, &[n, n]);
    let a = g.add(x[0], spread);
    let a = g.slice(usize::from(!wide), 0, n - 1, a);
    let (u, s, v) = g.svd(a);
    let (mu, mv) = if wide { (g.slice(0, 0, n - 1, x[1]), x[1]) } else { (x[1], g.slice(0, 0, n - 1, x[1])) };
    let mu = g.slice(1, 0, n - 1, mu);
    let mv = g.slice(1, 0, n - 1, mv);
    let pu = g.mul(u, mu);
    let pv = g.mul(v, mv);
    let pu = g.sum(&[0], pu);
    let pv = g.sum(&[0], pv);
    let p = g.mul(pu, pv);
    g.add(p, s)
}

fn program(build: Build, n: usize, seed: u64) -> (Graph, Id, Vec<(Id, Vec<f64>)>) {
    let mut g = Graph::new(coordinates(&[3, 5, 2]));
    let mut d = Dice::new(seed);
    let x = [g.state("x", &[n, n]), g.state("y", &[n, n])];
    let (t, u) = (g.state("t", &[5, n]), g.state("u", &[5, n]));
    let (a, b) = (g.token(0), g.token(1));
    let r = [g.gather(t, a), g.gather(u, b)];
    let y = build(&mut g, &x, &r);
    // A random weighting makes a scalar of whatever shape came out.
    let shape = g.shape(y).to_vec();
    let size: usize = shape.iter().product();
    let w = g.constant(&d.normals(size), &shape);
    let y = g.mul(y, w);
    let y = g.sum_all(y);
    let y = g.lift(Domain::SLOT, y);
    let loss = g.reduce_rows(Fold::Sum, Domain::UNIT, y);
    let states = [x[0], x[1], t, u].iter().map(|id| (*id, d.normals(g.node(*id).size()))).collect();
    (g, loss, states)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn derivatives_of_every_operation(seed in 0u64..1_000_000, n in 3usize..7) {
        for (name, build) in OPERATIONS {
            let (mut g, loss, states) = program(*build, n, seed);
            let mut d = Dice::new(seed + 1);
            let feed = batch(&g, 9, &mut d, n);
            let wrt: Vec<Id> = states.iter().map(|s| s.0).collect();
            let dir: Vec<Vec<f64>> = states.iter().map(|(_, v)| d.normals(v.len())).collect();
            let grads = ad::grad(&mut g, loss, &wrt);
            let seeds: Vec<(Id, Id)> = states.iter().zip(&dir).map(|((id, _), t)| { let s = g.shape(*id).to_vec(); (*id, g.constant(t, &s)) }).collect();
            let forward = ad::jvp(&mut g, &seeds, &[loss])[0].unwrap();
            let values = evaluate(&g, &feed, &states, &grads);
            let dot: f64 = values.iter().zip(&dir).flat_map(|(g, t)| g.iter().zip(t)).map(|(x, y)| x * y).sum();
            let size: f64 = values.iter().zip(&dir).flat_map(|(g, t)| g.iter().zip(t)).map(|(x, y)| (x * y).abs()).sum::<f64>().max(1e-2);
            let at = |h: f64| {
                let moved: Vec<(Id, Vec<f64>)> = states.iter().zip(&dir).map(|((id, v), d)| (*id, v.iter().zip(d).map(|(x, y)| x + h * y).collect())).collect();
                evaluate(&g, &feed, &moved, &[loss])[0][0]
            };
            let h = 1e-5;
            let fd = (at(h) - at(-h)) / (2.0 * h);
            // Kinks of max, relu and abs may lie inside the difference's span: then the two one-sided slopes differ.
            let kink = ((at(h) - at(0.0)) / h - (at(0.0) - at(-h)) / h).abs();
            prop_assert!((dot - fd).abs() < 1e-5 * size + kink, "{name}: vjp {dot}, differences {fd}");
            let t = evaluate(&g, &feed, &states, &[forward])[0][0];
            prop_assert!((t - dot).abs() < 1e-9 * size, "{name}: jvp {t}, vjp {dot}");
        }
    }

    #[test]
    fn fast_executor_of_every_operation(seed in 0u64..1_000_000, n in 3usize..40) {
        for (name, build) in OPERATIONS {
            let (mut g, loss, states) = program(*build, n, seed);
            let mut d = Dice::new(seed + 1);
            let feed = batch(&g, 37, &mut d, n);
            let wrt: Vec<Id> = states.iter().map(|s| s.0).collect();
            let mut outputs = vec![loss];
            outputs.extend(ad::grad(&mut g, loss, &wrt));
            let want = evaluate(&g, &feed, &states, &outputs);
            let mut values: Vec<Vec<f64>> = states.iter().map(|s| s.1.clone()).collect();
            for level in [Level::Base, Level::Avx2, Level::Avx512] {
                if matches!((level, Level::detect()), (Level::Avx512, Level::Base | Level::Avx2) | (Level::Avx2, Level::Base)) {
                    continue;
                }
                let p = Program::<f64>::compile(&g, &[], &outputs, 37, true).with_level(level);
                let mut m = p.memory();
                p.run(&mut m, &mut values, &feed, Inputs { scalars: &[], seed: 1, step: 2 }, &Sequential);
                for k in 0..outputs.len() {
                    close(p.output(&m, &feed, k), &want[k], 1e-9, &format!("{name} {level:?} output {k}"));
                }
            }
        }
    }
}

/// What would be subnormal is the zero of its sign, in every instruction set: products, exponentials and the gradient of cross-entropy, whatever precision its head has.
#[test]
fn nothing_subnormal_is_made() {
    let mut g = Graph::new(Vec::new());
    let (x, y, z) = (g.feature("x", 5), g.feature("y", 5), g.feature("z", 5));
    let label = g.index("label");
    let outputs = [g.mul(x, y), g.unary(Unary::Exp, z), g.cross_entropy_grad(RULE32, z, label), g.cross_entropy_grad(RULE, z, label)];
    let mut feed = batch(&g, 3, &mut Dice::new(1), 5);
    feed.set(|b| {
        b.indices = vec![vec![0; 3]];
        b.features = vec![[1e-30, -1e-30, 1e-30, 2.0, 0.0].repeat(3), [1e-10, 1e-10, 1e-7, 1e-38, -1.0].repeat(3), [0.0, 0.0, 0.0, -87.2, -90.0].repeat(3)];
    });
    for level in [Level::Base, Level::Avx2, Level::Avx512] {
        if matches!((level, Level::detect()), (Level::Avx512, Level::Base | Level::Avx2) | (Level::Avx2, Level::Base)) {
            continue;
        }
        let p = Program::<f32>::compile(&g, &[], &outputs, 3, true).with_level(level);
        let mut m = p.memory();
        p.run(&mut m, &mut [], &feed, Inputs { scalars: &[], seed: 1, step: 2 }, &Sequential);
        let of = |k: usize| &p.output(&m, &feed, k)[..5];
        assert_eq!(of(0).iter().map(|v| v.to_bits()).collect::<Vec<_>>(), [0.0f32, -0.0, 1e-30 * 1e-7, 2.0 * 1e-38, -0.0].map(f32::to_bits), "{level:?}");
        // e^−87.2 is normal, and a third of it is not; e^−90 never was.
        assert!(of(1)[3] >= f32::MIN_POSITIVE && of(1)[4] == 0.0, "{level:?} {:?}", of(1));
        for k in [2, 3] {
            assert!((of(k)[0] + 2.0 / 3.0).abs() < 1e-6 && of(k)[3] == 0.0 && of(k)[4] == 0.0, "{level:?} {k}: {:?}", of(k));
        }
    }
}
