//! The reference executor: f64, one operation at a time, naive loops. The oracle of every other.

use crate::cross_entropy::{self, Scratch};
use crate::domain::Domain;
use crate::feed::Feed;
use crate::ir::{Binary, Draw, Fold, Graph, Id, Op, Unary};
use crate::rng::{Purpose, Stream};

/// What a program reads besides its batch.
#[derive(Debug, Clone, Default)]
pub struct Reading<'a> {
    /// State tensors, in the graph's order.
    pub states: Vec<&'a [f64]>,
    /// Run-time scalars, in the graph's order.
    pub scalars: Vec<f64>,
    /// Seed of the step's random tensors.
    pub seed: u64,
    /// Step, as the generator's counter.
    pub step: u64,
}

/// Values of `outputs`, each `rows × size` numbers.
pub fn evaluate(g: &Graph, feed: &Feed, reading: &Reading<'_>, outputs: &[Id]) -> Vec<Vec<f64>> {
    let mut used = vec![false; g.nodes.len()];
    for o in outputs {
        used[o.index()] = true;
    }
    for i in (0..g.nodes.len()).rev() {
        if used[i] {
            for a in &g.nodes[i].args {
                used[a.index()] = true;
            }
        }
    }
    let mut values: Vec<Vec<f64>> = vec![Vec::new(); g.nodes.len()];
    for i in 0..g.nodes.len() {
        if used[i] && !g.nodes[i].is_index() {
            values[i] = node(g, feed, reading, &values, Id(i as u32));
        }
    }
    outputs.iter().map(|o| values[o.index()].clone()).collect()
}

/// Row of `small` for row `r` of `big`.
fn row(feed: &Feed, big: Domain, small: Domain, r: usize) -> usize {
    if big == small {
        r
    } else if small == Domain::UNIT {
        0
    } else {
        feed.map(big, small)[r] as usize
    }
}

/// Offset in `shape` (right-aligned, broadcast) of the multi-index behind flat position `i` of `out`.
fn offset(out: &[usize], shape: &[usize], mut i: usize) -> usize {
    let (mut off, mut stride) = (0, 1);
    for k in (0..out.len()).rev() {
        let at = i % out[k];
        i /= out[k];
        if k + shape.len() >= out.len() {
            let n = shape[k + shape.len() - out.len()];
            if n != 1 {
                off += at * stride;
            }
            stride *= n;
        }
    }
    off
}

fn index(g: &Graph, feed: &Feed, id: Id, domain: Domain, r: usize) -> usize {
    let n = g.node(id);
    let r = row(feed, domain, n.domain, r);
    match n.op {
        Op::Token(c) => feed.tokens(n.domain, c)[r] as usize,
        Op::Index(k) => feed.batch().indices[k][r] as usize,
        _ => panic!("not an index"),
    }
}

fn node(g: &Graph, feed: &Feed, reading: &Reading<'_>, values: &[Vec<f64>], id: Id) -> Vec<f64> {
    let n = g.node(id);
    let (rows, size) = (feed.rows(n.domain), n.size());
    let arg = |k: usize| (&values[n.args[k].index()], g.node(n.args[k]));
    // Element `i` of row `r` of argument `k`, broadcast and lifted to this node.
    let at = |k: usize, r: usize, i: usize| {
        let (v, a) = arg(k);
        v[row(feed, n.domain, a.domain, r) * a.size() + offset(&n.shape, &a.shape, i)]
    };
    let each = |f: &dyn Fn(usize, usize) -> f64| (0..rows).flat_map(|r| (0..size).map(move |i| (r, i))).map(|(r, i)| f(r, i)).collect::<Vec<f64>>();
    match &n.op {
        Op::State(i) => reading.states[*i].to_vec(),
        Op::Scalar(i) => vec![reading.scalars[*i]],
        Op::Token(_) | Op::Index(_) => Vec::new(),
        Op::Feature(i) => feed.batch().features[*i].clone(),
        Op::Const(v) => v.to_vec(),
        Op::Random { draw, lane } => {
            let s = Stream::new(reading.seed, Purpose::Noise, *lane, reading.step);
            each(&|r, i| {
                let k = (r * size + i) as u64;
                match draw {
                    Draw::Uniform => s.uniform(k),
                    Draw::Normal => s.normal(k),
                }
            })
        }
        Op::Unary(f) => each(&|r, i| unary(*f, at(0, r, i))),
        Op::Binary(f) => each(&|r, i| binary(*f, at(0, r, i), at(1, r, i))),
        Op::Select => each(&|r, i| if at(0, r, i) != 0.0 { at(1, r, i) } else { at(2, r, i) }),
        Op::Cast(p) => each(&|r, i| p.round(at(0, r, i))),
        Op::Lift | Op::Broadcast => each(&|r, i| at(0, r, i)),
        Op::Reshape => values[n.args[0].index()].clone(),
        Op::Reduce { fold, axes } => {
            let (v, a) = arg(0);
            let kept: Vec<usize> = a.shape.iter().enumerate().map(|(i, s)| if axes.contains(&i) { 1 } else { *s }).collect();
            let mut out = vec![start(*fold); rows * size];
            for r in 0..rows {
                for i in 0..a.size() {
                    let o = &mut out[r * size + offset(&a.shape, &kept, i)];
                    *o = combine(*fold, *o, v[r * a.size() + i]);
                }
            }
            out
        }
        Op::ReduceRows(fold) => {
            let (v, a) = arg(0);
            let mut out = vec![start(*fold); rows * size];
            for r in 0..feed.rows(a.domain) {
                let to = row(feed, a.domain, n.domain, r);
                for i in 0..size {
                    let o = &mut out[to * size + i];
                    *o = combine(*fold, *o, v[r * size + i]);
                }
            }
            out
        }
        Op::Transpose(perm) => {
            let (v, a) = arg(0);
            let mut strides = vec![1; a.shape.len()];
            for k in (0..a.shape.len().saturating_sub(1)).rev() {
                strides[k] = strides[k + 1] * a.shape[k + 1];
            }
            each(&|r, i| {
                let (mut i, mut off) = (i, 0);
                for k in (0..perm.len()).rev() {
                    off += i % n.shape[k] * strides[perm[k]];
                    i /= n.shape[k];
                }
                v[r * size + off]
            })
        }
        Op::Slice { axis, start, .. } => {
            let (v, a) = arg(0);
            let inner: usize = a.shape[axis + 1..].iter().product();
            each(&|r, i| {
                let (o, k, l) = (i / inner / n.shape[*axis], i / inner % n.shape[*axis], i % inner);
                v[r * a.size() + (o * a.shape[*axis] + k + start) * inner + l]
            })
        }
        Op::Pad { axis, before, .. } => {
            let (v, a) = arg(0);
            let inner: usize = a.shape[axis + 1..].iter().product();
            each(&|r, i| {
                let (o, k, l) = (i / inner / n.shape[*axis], i / inner % n.shape[*axis], i % inner);
                if k < *before || k >= before + a.shape[*axis] { 0.0 } else { v[r * a.size() + (o * a.shape[*axis] + k - before) * inner + l] }
            })
        }
        Op::Concat { axis } => {
            let inner: usize = n.shape[axis + 1..].iter().product();
            each(&|r, i| {
                let (o, mut k, l) = (i / inner / n.shape[*axis], i / inner % n.shape[*axis], i % inner);
                let mut part = 0;
                while k >= arg(part).1.shape[*axis] {
                    k -= arg(part).1.shape[*axis];
                    part += 1;
                }
                let (v, a) = arg(part);
                v[row(feed, n.domain, a.domain, r) * a.size() + (o * a.shape[*axis] + k) * inner + l]
            })
        }
        Op::Gather => {
            let (v, _) = arg(0);
            each(&|r, i| v[index(g, feed, n.args[1], n.domain, r) * size + i])
        }
        Op::ScatterAdd { .. } => {
            let (v, a) = arg(0);
            let joined = g.normalize(a.domain.join(g.domain(n.args[1])));
            let mut out = vec![0.0; size];
            for r in 0..feed.rows(joined) {
                let (from, to) = (row(feed, joined, a.domain, r), index(g, feed, n.args[1], joined, r));
                for i in 0..a.size() {
                    out[to * a.size() + i] += v[from * a.size() + i];
                }
            }
            out
        }
        Op::OneHot { .. } => each(&|r, i| f64::from(u8::from(index(g, feed, n.args[0], n.domain, r) == i))),
        Op::Dot { ta, tb } => {
            let ((x, a), (y, b)) = (arg(0), arg(1));
            let joined = g.normalize(a.domain.join(b.domain));
            let rank = a.shape.len();
            let (m, nn) = (n.shape[rank - 2], n.shape[rank - 1]);
            let k = if *ta { a.shape[rank - 2] } else { a.shape[rank - 1] };
            let batches: usize = a.shape[..rank - 2].iter().product();
            let mut out = vec![0.0; rows * size];
            for r in 0..feed.rows(joined) {
                let (rx, ry, ro) = (row(feed, joined, a.domain, r), row(feed, joined, b.domain, r), row(feed, joined, n.domain, r));
                for h in 0..batches {
                    for i in 0..m {
                        for j in 0..nn {
                            let mut s = 0.0;
                            for l in 0..k {
                                let p = rx * a.size() + h * m * k + if *ta { l * m + i } else { i * k + l };
                                let q = ry * b.size() + h * nn * k + if *tb { j * k + l } else { l * nn + j };
                                s += x[p] * y[q];
                            }
                            out[ro * size + (h * m + i) * nn + j] += s;
                        }
                    }
                }
            }
            out
        }
        Op::CrossEntropy(rule) => {
            let (v, a) = arg(0);
            let c = a.size();
            let mut s = Scratch::default();
            (0..rows)
                .map(|r| {
                    let z = row(feed, n.domain, a.domain, r) * c;
                    cross_entropy::loss(rule, &v[z..z + c], index(g, feed, n.args[1], n.domain, r), &mut s)
                })
                .collect()
        }
        Op::CrossEntropyGrad(rule) => {
            let (v, a) = arg(0);
            let mut s = Scratch::default();
            let mut out = vec![0.0; rows * size];
            for r in 0..rows {
                let z = row(feed, n.domain, a.domain, r) * size;
                cross_entropy::gradient(rule, &v[z..z + size], index(g, feed, n.args[1], n.domain, r), &mut out[r * size..(r + 1) * size], &mut s);
            }
            out
        }
        Op::Collapsed(p) => {
            let (v, a) = arg(0);
            let mut s = Scratch::default();
            (0..rows).map(|r| f64::from(u8::from(cross_entropy::collapsed(*p, &v[r * a.size()..(r + 1) * a.size()], &mut s)))).collect()
        }
        Op::Eigh => {
            let (v, a) = arg(0);
            let k = a.shape[0];
            (0..rows).flat_map(|r| crate::linalg::eigh(&v[r * k * k..(r + 1) * k * k], k)).collect()
        }
        Op::Svd => {
            let (v, a) = arg(0);
            (0..rows).flat_map(|r| crate::linalg::svd(&v[r * a.size()..(r + 1) * a.size()], a.shape[0], a.shape[1])).collect()
        }
    }
}

fn start(fold: Fold) -> f64 {
    match fold {
        Fold::Sum => 0.0,
        Fold::Max => f64::NEG_INFINITY,
    }
}

fn combine(fold: Fold, a: f64, b: f64) -> f64 {
    match fold {
        Fold::Sum => a + b,
        Fold::Max => {
            if b > a || b.is_nan() {
                b
            } else {
                a
            }
        }
    }
}

/// One elementwise function of one number.
pub fn unary(f: Unary, x: f64) -> f64 {
    match f {
        Unary::Neg => -x,
        Unary::Exp => libm::exp(x),
        Unary::Ln => libm::log(x),
        Unary::Sqrt => x.sqrt(),
        Unary::Recip => 1.0 / x,
        Unary::Tanh => libm::tanh(x),
        Unary::Sigmoid => 1.0 / (1.0 + libm::exp(-x)),
        Unary::Erf => libm::erf(x),
        Unary::Sin => libm::sin(x),
        Unary::Cos => libm::cos(x),
        Unary::Abs => x.abs(),
        Unary::Sign => {
            if x > 0.0 {
                1.0
            } else if x < 0.0 {
                -1.0
            } else {
                0.0
            }
        }
        Unary::Relu => {
            // NaN stays.
            if x <= 0.0 { 0.0 } else { x }
        }
        Unary::Stop => x,
        Unary::IsFinite => f64::from(u8::from(x.is_finite())),
    }
}

/// One elementwise function of two numbers.
pub fn binary(f: Binary, x: f64, y: f64) -> f64 {
    match f {
        Binary::Add => x + y,
        Binary::Sub => x - y,
        Binary::Mul => x * y,
        Binary::Div => x / y,
        Binary::Max => {
            if x >= y || x.is_nan() {
                x
            } else {
                y
            }
        }
        Binary::Min => {
            if x <= y || x.is_nan() {
                x
            } else {
                y
            }
        }
        Binary::Gt => f64::from(u8::from(x > y)),
        Binary::Ge => f64::from(u8::from(x >= y)),
        Binary::Eq => f64::from(u8::from(x == y)),
    }
}
