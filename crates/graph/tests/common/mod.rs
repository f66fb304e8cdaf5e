//! Random programs and the one-layer transformer step, for the tests of this crate.
#![allow(dead_code, missing_docs)]

use pennydrop_graph::ad;
use pennydrop_graph::domain::Domain;
use pennydrop_graph::feed::{Batch, Feed};
use pennydrop_graph::ir::{Binary, CeGradient, CeRule, Coordinate, Fold, Graph, Id, Unary};
use pennydrop_graph::precision::Precision;
use pennydrop_graph::reference::{self, Reading};
use pennydrop_graph::rng::{Purpose, Stream};

pub const RULE: CeRule = CeRule { gradient: CeGradient::Textbook, precision: Precision::F64, smoothing: 0.0 };
pub const RULE32: CeRule = CeRule { gradient: CeGradient::Textbook, precision: Precision::F32, smoothing: 0.0 };

/// A cursor over random numbers.
pub struct Dice(Stream, u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(Stream::new(seed, Purpose::Test, 0, 0), 0)
    }
    pub fn below(&mut self, n: usize) -> usize {
        self.1 += 1;
        self.0.below(self.1, n as u64) as usize
    }
    pub fn normal(&mut self) -> f64 {
        self.1 += 1;
        self.0.normal(self.1)
    }
    pub fn normals(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.normal()).collect()
    }
}

pub fn coordinates(ranges: &[usize]) -> Vec<Coordinate> {
    ranges.iter().enumerate().map(|(i, r)| Coordinate { name: format!("c{i}"), range: *r }).collect()
}

/// A batch of random examples for a graph.
pub fn batch(g: &Graph, rows: usize, dice: &mut Dice, classes: usize) -> Feed {
    let mut feed = Feed::new(g, rows);
    let b = Batch {
        rows,
        tokens: g.coordinates.iter().map(|c| (0..rows).map(|_| dice.below(c.range) as u32).collect()).collect(),
        indices: g.indices.iter().map(|_| (0..rows).map(|_| dice.below(classes) as u32).collect()).collect(),
        features: g.features.iter().map(|(_, w)| dice.normals(rows * w)).collect(),
    };
    feed.set(|to| *to = b);
    feed
}

/// A random program of a few operations over two coordinates: graph, its states' values, and a scalar root.
pub struct Program {
    pub g: Graph,
    pub loss: Id,
    pub states: Vec<(Id, Vec<f64>)>,
}

/// `smooth` keeps to operations that are twice differentiable away from null sets.
pub fn random_program(seed: u64, flat: bool, smooth: bool, length: usize) -> Program {
    let mut d = Dice::new(seed);
    let mut g = Graph::new(coordinates(&[3, 4, 2]));
    g.flat = flat;
    let (a, b, c) = (g.token(0), g.token(1), g.token(2));
    let label = g.index("label");
    let mut states = Vec::new();
    let mut state = |g: &mut Graph, d: &mut Dice, shape: &[usize]| {
        let id = g.state(format!("s{}", states.len()), shape);
        let n = shape.iter().product();
        states.push((id, d.normals(n)));
        id
    };
    let table = state(&mut g, &mut d, &[4, 4]);
    let other = state(&mut g, &mut d, &[4, 4]);
    let dense = g.feature("x", 4);
    // Values of shape [4]; anything else is made on the way.
    let mut pool = vec![g.gather(table, a), g.gather(table, b), g.gather(other, b), g.gather(other, c), state(&mut g, &mut d, &[4]), dense];
    for _ in 0..length {
        let x = pool[d.below(pool.len())];
        let y = pool[d.below(pool.len())];
        let z = match d.below(if smooth { 15 } else { 20 }) {
            0 => g.add(x, y),
            1 => g.sub(x, y),
            2 => g.mul(x, y),
            3 => {
                let yy = g.mul(y, y);
                let one = g.number(1.0);
                let p = g.add(yy, one);
                g.div(x, p)
            }
            4 | 5 => {
                let w = state(&mut g, &mut d, &[4, 4]);
                g.linear(x, w)
            }
            6 => {
                let f = [Unary::Tanh, Unary::Sigmoid, Unary::Erf, Unary::Sin, Unary::Cos, Unary::Neg][d.below(6)];
                g.unary(f, x)
            }
            7 => {
                // Weighted sums of rows, as in attention.
                let v = g.reshape(&[2, 2], x);
                let w = g.slice(0, 1, 2, y);
                let w = g.reshape(&[2, 1], w);
                let m = g.mul(w, v);
                let m = g.reshape(&[4], m);
                let w = state(&mut g, &mut d, &[4, 4]);
                g.linear(m, w)
            }
            8 => {
                let s = g.sum_all(x);
                let s = g.reshape(&[1], s);
                g.mul(s, y)
            }
            9 => {
                let c = g.concat(0, &[x, y]);
                let w = state(&mut g, &mut d, &[8, 4]);
                g.linear(c, w)
            }
            10 => {
                let m = g.reshape(&[2, 2], x);
                let t = g.transpose(&[1, 0], m);
                g.reshape(&[4], t)
            }
            11 => {
                let s = g.slice(0, 1, 2, x);
                let p = g.pad(0, 1, 1, s);
                g.add(p, y)
            }
            12 => {
                let m = g.reshape(&[2, 2], x);
                let n = g.reshape(&[2, 2], y);
                let dm = g.normalize(g.domain(m).join(g.domain(n)));
                let p = g.dot_to(dm, (m, d.below(2) == 1), (n, d.below(2) == 1));
                g.reshape(&[4], p)
            }
            13 => {
                let u = g.domain(x);
                // A sum over examples: rows of the slot, not of the table.
                let every = g.lift(Domain::SLOT, x);
                let r = g.reduce_rows(Fold::Sum, Domain::UNIT, every);
                let k = g.scale(r, 0.1);
                if u == Domain::UNIT { y } else { g.add(k, y) }
            }
            14 => {
                let e = g.scale(x, 0.2);
                let e = g.unary(Unary::Exp, e);
                let s = g.sum_all(e);
                let s = g.reshape(&[1], s);
                g.div(e, s)
            }
            15 => g.unary(Unary::Relu, x),
            16 => g.binary([Binary::Max, Binary::Min][d.below(2)], x, y),
            17 => {
                let c = g.binary(Binary::Gt, x, y);
                g.select(c, y, x)
            }
            18 => {
                let m = g.reduce(Fold::Max, &[0], x);
                let m = g.reshape(&[1], m);
                g.sub(y, m)
            }
            _ => g.unary(Unary::Abs, x),
        };
        let z = g.scale(z, 0.7);
        pool.push(z);
    }
    let n = pool.len();
    let head = g.add(pool[n - 1], pool[n - 2]);
    let head = g.add(head, pool[n - 3]);
    let head = g.lift(Domain::SLOT, head);
    let loss = g.cross_entropy(RULE, head, label);
    let loss = g.reduce_rows(Fold::Sum, Domain::UNIT, loss);
    let scale = g.scalar("1/n");
    let loss = g.mul(loss, scale);
    Program { g, loss, states }
}

pub fn reading(states: &[(Id, Vec<f64>)]) -> Reading<'_> {
    Reading { states: states.iter().map(|s| s.1.as_slice()).collect(), scalars: vec![0.125], seed: 1, step: 2 }
}

pub fn evaluate(g: &Graph, feed: &Feed, states: &[(Id, Vec<f64>)], outputs: &[Id]) -> Vec<Vec<f64>> {
    reference::evaluate(g, feed, &reading(states), outputs)
}

pub fn close(a: &[f64], b: &[f64], tolerance: f64, what: &str) {
    assert_eq!(a.len(), b.len(), "{what}: lengths");
    let scale = b.iter().fold(1e-4f64, |m, x| m.max(x.abs()));
    for (i, (x, y)) in a.iter().zip(b).enumerate() {
        assert!((x - y).abs() <= tolerance * scale || (x.is_nan() && y.is_nan()), "{what}[{i}]: {x} against {y} (scale {scale})");
    }
}

/// The step of a one-layer transformer without norms on `a b =` (COMPUTE's first workload), traced position by position.
pub struct Transformer {
    pub g: Graph,
    pub params: Vec<Id>,
    pub loss: Id,
    pub logits: Id,
}

pub fn transformer(p: usize, d: usize, heads: usize, mlp: usize, flat: bool, rule: CeRule) -> Transformer {
    let mut g = Graph::new(coordinates(&[p, p]));
    g.flat = flat;
    let dh = d / heads;
    let mut params = Vec::new();
    let mut par = |g: &mut Graph, name: &str, shape: &[usize]| {
        let id = g.state(name, shape);
        params.push(id);
        id
    };
    let e = par(&mut g, "E", &[p + 1, d]);
    let pos = par(&mut g, "pos", &[3, d]);
    let [wq, wk, wv] = ["Q", "K", "V"].map(|n| par(&mut g, n, &[heads, d, dh]));
    let wo = par(&mut g, "O", &[heads, dh, d]);
    let w_in = par(&mut g, "in", &[d, mlp]);
    let b_in = par(&mut g, "b_in", &[mlp]);
    let w_out = par(&mut g, "out", &[mlp, d]);
    let b_out = par(&mut g, "b_out", &[d]);
    let u = par(&mut g, "U", &[d, p + 1]);
    let (a, b) = (g.token(0), g.token(1));
    let label = g.index("label");
    let equals = g.slice(0, p, 1, e);
    let xs: Vec<Id> = vec![g.gather(e, a), g.gather(e, b), g.reshape(&[d], equals)];
    let xs: Vec<Id> = xs
        .into_iter()
        .enumerate()
        .map(|(i, x)| {
            let r = g.slice(0, i, 1, pos);
            let r = g.reshape(&[d], r);
            g.add(x, r)
        })
        .collect();
    let project = |g: &mut Graph, x: Id, w: Id| {
        let t = g.transpose(&[1, 0, 2], w);
        let t = g.reshape(&[d, d], t);
        let y = g.linear(x, t);
        g.reshape(&[heads, dh], y)
    };
    let q = project(&mut g, xs[2], wq);
    let mut scores = Vec::new();
    let mut values = Vec::new();
    for x in &xs {
        let k = project(&mut g, *x, wk);
        let qk = g.mul(q, k);
        let s = g.sum(&[1], qk);
        scores.push(g.scale(s, 1.0 / (dh as f64).sqrt()));
        values.push(project(&mut g, *x, wv));
    }
    let m = g.binary(Binary::Max, scores[0], scores[1]);
    let m = g.binary(Binary::Max, m, scores[2]);
    let m = g.unary(Unary::Stop, m);
    let es: Vec<Id> = scores
        .iter()
        .map(|s| {
            let x = g.sub(*s, m);
            g.unary(Unary::Exp, x)
        })
        .collect();
    let t = g.add(es[0], es[1]);
    let t = g.add(t, es[2]);
    let mut z = None;
    for (e, v) in es.iter().zip(&values) {
        let w = g.div(*e, t);
        let w = g.reshape(&[heads, 1], w);
        let y = g.mul(w, *v);
        z = Some(match z {
            None => y,
            Some(s) => g.add(s, y),
        });
    }
    let z = g.reshape(&[d], z.unwrap());
    let wo = g.reshape(&[d, d], wo);
    let o = g.linear(z, wo);
    let x = g.add(xs[2], o);
    let h = g.linear(x, w_in);
    let h = g.add(h, b_in);
    let h = g.unary(Unary::Relu, h);
    let y = g.linear(h, w_out);
    let y = g.add(y, b_out);
    let x = g.add(x, y);
    let logits = g.linear(x, u);
    let loss = g.cross_entropy(rule, logits, label);
    let loss = g.reduce_rows(Fold::Sum, Domain::UNIT, loss);
    let scale = g.scalar("1/n");
    let loss = g.mul(loss, scale);
    Transformer { g, params, loss, logits }
}

/// Appends an AdamW update of every parameter; returns (state, new value) pairs.
pub fn adamw(g: &mut Graph, params: &[Id], grads: &[Id]) -> Vec<(usize, Id)> {
    let mut updates = Vec::new();
    let [lr, wd, b1, b2, c1, c2] = ["lr", "wd", "b1", "b2", "c1", "c2"].map(|n| g.scalar(n));
    let one = g.number(1.0);
    let eps = g.number(1e-8);
    for (p, d) in params.iter().zip(grads) {
        let shape = g.shape(*p).to_vec();
        let m = g.state("m", &shape);
        let m_state = g.states.len() - 1;
        let v = g.state("v", &shape);
        let r1 = g.sub(one, b1);
        let r2 = g.sub(one, b2);
        let x = g.mul(b1, m);
        let y = g.mul(r1, *d);
        let m2 = g.add(x, y);
        let x = g.mul(b2, v);
        let dd = g.mul(*d, *d);
        let y = g.mul(r2, dd);
        let v2 = g.add(x, y);
        let mh = g.mul(m2, c1);
        let vh = g.unary(Unary::Sqrt, v2);
        let vh = g.mul(vh, c2);
        let vh = g.add(vh, eps);
        let s = g.div(mh, vh);
        let s = g.mul(lr, s);
        let keep = g.mul(lr, wd);
        let keep = g.sub(one, keep);
        let p2 = g.mul(*p, keep);
        let p2 = g.sub(p2, s);
        let pennydrop_graph::ir::Op::State(i) = g.node(*p).op else { panic!() };
        updates.extend([(i, p2), (m_state, m2), (m_state + 1, v2)]);
    }
    updates
}

pub fn gradients(g: &mut Graph, loss: Id, wrt: &[Id]) -> Vec<Id> {
    ad::grad(g, loss, wrt)
}
