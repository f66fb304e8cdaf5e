//! Derivatives as graphs: [`vjp`] and [`jvp`] append nodes to a graph, so they compose (Hessian–vector product = `jvp` of `vjp`).
//!
//! In both, the derivative of a node has that node's shape and domain.

use crate::domain::Domain;
use crate::ir::{Binary, Fold, Graph, Id, Op, Unary};

/// Vector–Jacobian product. `seeds` pairs each output with its cotangent (same shape and domain); returns the cotangent of
/// every entry of `wrt`, `None` where the outputs do not depend on it.
pub fn vjp(g: &mut Graph, seeds: &[(Id, Id)], wrt: &[Id]) -> Vec<Option<Id>> {
    let n = g.nodes.len();
    // Only nodes that lie between `wrt` and the outputs are visited.
    let mut needed = vec![false; n];
    for w in wrt {
        needed[w.index()] = true;
    }
    for i in 0..n {
        needed[i] = needed[i] || g.nodes[i].args.iter().any(|a| needed[a.index()]);
    }
    let mut cot: Vec<Option<Id>> = vec![None; n];
    for (y, c) in seeds {
        assert_eq!((g.shape(*y), g.domain(*y)), (g.shape(*c), g.domain(*c)), "a cotangent has its output's shape and domain");
        accumulate(g, &mut cot, *y, *c);
    }
    let last = seeds.iter().map(|(y, _)| y.index()).max().unwrap_or(0);
    for i in (0..=last).rev() {
        let Some(c) = cot[i] else { continue };
        if !needed[i] || g.nodes[i].args.is_empty() {
            continue;
        }
        let args = g.nodes[i].args.clone();
        for (k, a) in args.iter().enumerate() {
            if !needed[a.index()] || g.node(*a).is_index() {
                continue;
            }
            if let Some(d) = pull(g, Id(i as u32), k, c) {
                let d = reduce_to(g, d, *a);
                accumulate(g, &mut cot, *a, d);
            }
        }
    }
    wrt.iter().map(|w| cot[w.index()]).collect()
}

/// Gradient of a scalar (shape [], unit domain) by each entry of `wrt`; zeros where it does not depend on it.
pub fn grad(g: &mut Graph, loss: Id, wrt: &[Id]) -> Vec<Id> {
    assert!(g.shape(loss).is_empty() && g.domain(loss) == Domain::UNIT, "the gradient of a scalar");
    let one = g.number(1.0);
    let out = vjp(g, &[(loss, one)], wrt);
    wrt.iter().zip(out).map(|(w, d)| d.unwrap_or_else(|| zeros_like(g, *w))).collect()
}

fn zeros_like(g: &mut Graph, x: Id) -> Id {
    let (s, d) = (g.shape(x).to_vec(), g.domain(x));
    let z = g.number(0.0);
    let z = g.broadcast(&s, z);
    g.lift(d, z)
}

fn accumulate(g: &mut Graph, cot: &mut [Option<Id>], x: Id, c: Id) {
    cot[x.index()] = Some(match cot[x.index()] {
        None => c,
        Some(old) => g.add(old, c),
    });
}

/// Sums a cotangent down to the shape and domain of `x`, which was broadcast and lifted to the cotangent's.
fn reduce_to(g: &mut Graph, c: Id, x: Id) -> Id {
    let (shape, domain) = (g.shape(x).to_vec(), g.domain(x));
    let c = sum_to_shape(g, c, &shape);
    g.reduce_rows(Fold::Sum, domain, c)
}

fn sum_to_shape(g: &mut Graph, c: Id, shape: &[usize]) -> Id {
    let cs = g.shape(c).to_vec();
    if cs == shape {
        return c;
    }
    let extra = cs.len() - shape.len();
    let axes: Vec<usize> = (0..cs.len()).filter(|i| *i < extra || (shape[i - extra] == 1 && cs[*i] != 1)).collect();
    let c = g.sum(&axes, c);
    g.reshape(shape, c)
}

/// `c` (the cotangent of a fold over `axes`) repeated along the folded axes of `shape`.
fn unfold(g: &mut Graph, c: Id, axes: &[usize], shape: &[usize]) -> Id {
    let kept: Vec<usize> = shape.iter().enumerate().map(|(i, n)| if axes.contains(&i) { 1 } else { *n }).collect();
    let c = g.reshape(&kept, c);
    g.broadcast(shape, c)
}

/// f′(x) · c, or `None` where the derivative is zero by definition.
fn times_slope(g: &mut Graph, f: Unary, x: Id, y: Id, c: Id) -> Option<Id> {
    Some(match f {
        Unary::Neg => g.unary(Unary::Neg, c),
        Unary::Exp => g.mul(c, y),
        Unary::Ln => g.div(c, x),
        Unary::Sqrt => {
            let h = g.scale(c, 0.5);
            g.div(h, y)
        }
        Unary::Recip => {
            let yy = g.mul(y, y);
            let t = g.mul(c, yy);
            g.unary(Unary::Neg, t)
        }
        Unary::Tanh => {
            let one = g.number(1.0);
            let yy = g.mul(y, y);
            let s = g.sub(one, yy);
            g.mul(c, s)
        }
        Unary::Sigmoid => {
            let one = g.number(1.0);
            let r = g.sub(one, y);
            let s = g.mul(y, r);
            g.mul(c, s)
        }
        Unary::Erf => {
            let xx = g.mul(x, x);
            let m = g.unary(Unary::Neg, xx);
            let e = g.unary(Unary::Exp, m);
            let s = g.scale(e, std::f64::consts::FRAC_2_SQRT_PI);
            g.mul(c, s)
        }
        Unary::Sin => {
            let s = g.unary(Unary::Cos, x);
            g.mul(c, s)
        }
        Unary::Cos => {
            let s = g.unary(Unary::Sin, x);
            let s = g.unary(Unary::Neg, s);
            g.mul(c, s)
        }
        Unary::Abs => {
            let s = g.unary(Unary::Sign, x);
            g.mul(c, s)
        }
        Unary::Relu => {
            let zero = g.number(0.0);
            let on = g.binary(Binary::Gt, y, zero);
            g.select(on, c, zero)
        }
        Unary::Sign | Unary::Stop | Unary::IsFinite => return None,
    })
}

/// Softmax of `z` over its last axis, by primitives; used by the second derivative of cross-entropy.
fn softmax(g: &mut Graph, z: Id) -> Id {
    let s = g.shape(z).to_vec();
    let last = s.len() - 1;
    let m = g.reduce(Fold::Max, &[last], z);
    let m = g.unary(Unary::Stop, m);
    let m = unfold(g, m, &[last], &s);
    let d = g.sub(z, m);
    let e = g.unary(Unary::Exp, d);
    let t = g.sum(&[last], e);
    let t = unfold(g, t, &[last], &s);
    g.div(e, t)
}

/// (diag p − p pᵀ) t, the derivative of both gradient rules.
fn ce_hessian(g: &mut Graph, logits: Id, t: Id) -> Id {
    let p = softmax(g, logits);
    let pt = g.mul(p, t);
    let m = g.sum_all(pt);
    let d = g.sub(t, m);
    g.mul(p, d)
}

/// 1/(w_j − w_i) off the diagonal, 0 on it; `w` is `[n]`.
fn gaps(g: &mut Graph, w: Id) -> Id {
    let n = g.shape(w)[0];
    let eye = eye(g, n);
    let col = g.reshape(&[n, 1], w);
    let row = g.reshape(&[1, n], w);
    let d = g.sub(row, col);
    let d = g.add(d, eye);
    let r = g.unary(Unary::Recip, d);
    let one = g.number(1.0);
    let off = g.sub(one, eye);
    g.mul(r, off)
}

fn eye(g: &mut Graph, n: usize) -> Id {
    let v: Vec<f64> = (0..n * n).map(|i| f64::from(u8::from(i / n == i % n))).collect();
    g.constant(&v, &[n, n])
}

/// Product of two matrices of one domain, with transposes.
fn mm(g: &mut Graph, x: (Id, bool), y: (Id, bool)) -> Id {
    let d = g.normalize(g.domain(x.0).join(g.domain(y.0)));
    g.dot_to(d, x, y)
}

/// The cotangent of argument `k` of node `y`, in the shape and domain of `y`'s broadcast (not yet summed down).
fn pull(g: &mut Graph, y: Id, k: usize, c: Id) -> Option<Id> {
    let node = g.node(y).clone();
    let arg = node.args[k];
    let shape = g.shape(arg).to_vec();
    Some(match &node.op {
        Op::Unary(f) => times_slope(g, *f, arg, y, c)?,
        Op::Binary(f) => {
            let (a, b) = (node.args[0], node.args[1]);
            match (f, k) {
                (Binary::Add, _) | (Binary::Sub, 0) => c,
                (Binary::Sub, _) => g.unary(Unary::Neg, c),
                (Binary::Mul, 0) => g.mul(c, b),
                (Binary::Mul, _) => g.mul(c, a),
                (Binary::Div, 0) => g.div(c, b),
                (Binary::Div, _) => {
                    let q = g.div(y, b);
                    let t = g.mul(c, q);
                    g.unary(Unary::Neg, t)
                }
                (Binary::Max | Binary::Min, k) => {
                    let first = if *f == Binary::Max { g.binary(Binary::Ge, a, b) } else { g.binary(Binary::Ge, b, a) };
                    let zero = g.number(0.0);
                    if k == 0 { g.select(first, c, zero) } else { g.select(first, zero, c) }
                }
                (Binary::Gt | Binary::Ge | Binary::Eq, _) => return None,
            }
        }
        Op::Select => {
            let zero = g.number(0.0);
            match k {
                0 => return None,
                1 => g.select(node.args[0], c, zero),
                _ => g.select(node.args[0], zero, c),
            }
        }
        Op::Cast(p) => g.cast(*p, c),
        Op::Reduce { fold, axes } => {
            let t = unfold(g, c, axes, &shape);
            match fold {
                Fold::Sum => t,
                Fold::Max => {
                    let m = unfold(g, y, axes, &shape);
                    masked(g, arg, m, t)
                }
            }
        }
        Op::ReduceRows(fold) => {
            let d = g.domain(arg);
            let t = g.lift(d, c);
            match fold {
                Fold::Sum => t,
                Fold::Max => {
                    let m = g.lift(d, y);
                    masked(g, arg, m, t)
                }
            }
        }
        Op::Lift | Op::Broadcast => c,
        Op::Reshape => g.reshape(&shape, c),
        Op::Transpose(perm) => {
            let mut inverse = vec![0; perm.len()];
            for (i, p) in perm.iter().enumerate() {
                inverse[*p] = i;
            }
            g.transpose(&inverse, c)
        }
        Op::Slice { axis, start, len } => g.pad(*axis, *start, shape[*axis] - start - len, c),
        Op::Pad { axis, before, .. } => g.slice(*axis, *before, shape[*axis], c),
        Op::Concat { axis } => {
            let start = node.args[..k].iter().map(|a| g.shape(*a)[*axis]).sum();
            g.slice(*axis, start, shape[*axis], c)
        }
        Op::Gather => g.scatter_add(shape[0], c, node.args[1]),
        Op::ScatterAdd { .. } => {
            let t = g.gather(c, node.args[1]);
            let joined = g.normalize(g.domain(arg).join(g.domain(t)));
            g.lift(joined, t)
        }
        Op::Dot { ta, tb } => {
            let (a, b) = (node.args[0], node.args[1]);
            let joined = g.normalize(g.domain(a).join(g.domain(b)));
            let other = if k == 0 { b } else { a };
            // The sum runs over the rows of the joined domain; where cotangent and other side no longer span it, repeat the cotangent.
            let c = if g.normalize(g.domain(c).join(g.domain(other))) == joined { c } else { g.lift(joined, c) };
            let to = g.domain(arg);
            match (k, ta, tb) {
                (0, false, tb) => g.dot_to(to, (c, false), (b, !tb)),
                (0, true, tb) => g.dot_to(to, (b, *tb), (c, true)),
                (_, ta, false) => g.dot_to(to, (a, !ta), (c, false)),
                (_, ta, true) => g.dot_to(to, (c, true), (a, *ta)),
            }
        }
        Op::CrossEntropy(rule) => {
            let d = g.cross_entropy_grad(*rule, node.args[0], node.args[1]);
            g.mul(d, c)
        }
        Op::CrossEntropyGrad(_) => ce_hessian(g, arg, c),
        Op::Eigh => {
            let n = shape[0];
            let (w, v) = unpack_eigh(g, y, n);
            let (cw, cv) = unpack_eigh(g, c, n);
            let f = gaps(g, w);
            let vtc = mm(g, (v, true), (cv, false));
            let inner = g.mul(f, vtc);
            let e = eye(g, n);
            let diag = g.mul(e, cw);
            let inner = g.add(inner, diag);
            let left = mm(g, (v, false), (inner, false));
            let full = mm(g, (left, false), (v, true));
            symmetric(g, full)
        }
        Op::Svd => svd_pull(g, arg, y, c),
        Op::State(_)
        | Op::Scalar(_)
        | Op::Token(_)
        | Op::Index(_)
        | Op::Feature(_)
        | Op::Const(_)
        | Op::Random { .. }
        | Op::OneHot { .. }
        | Op::Collapsed(_) => return None,
    })
}

/// `t` where `x` equals the maximum `m`, else 0.
fn masked(g: &mut Graph, x: Id, m: Id, t: Id) -> Id {
    let on = g.binary(Binary::Eq, x, m);
    let zero = g.number(0.0);
    g.select(on, t, zero)
}

fn symmetric(g: &mut Graph, x: Id) -> Id {
    let t = g.transpose(&[1, 0], x);
    let s = g.add(x, t);
    g.scale(s, 0.5)
}

fn unpack_eigh(g: &mut Graph, packed: Id, n: usize) -> (Id, Id) {
    let w = g.slice(0, 0, 1, packed);
    let w = g.reshape(&[n], w);
    let v = g.slice(0, 1, n, packed);
    (w, v)
}

fn unpack_svd(g: &mut Graph, packed: Id, m: usize, n: usize) -> (Id, Id, Id) {
    let r = m.min(n);
    let u = g.slice(0, 0, m * r, packed);
    let s = g.slice(0, m * r, r, packed);
    let v = g.slice(0, m * r + r, n * r, packed);
    (g.reshape(&[m, r], u), s, g.reshape(&[n, r], v))
}

/// x − q qᵀ x
fn off_range(g: &mut Graph, q: Id, x: Id) -> Id {
    let t = mm(g, (q, true), (x, false));
    let t = mm(g, (q, false), (t, false));
    g.sub(x, t)
}

/// Thin SVD, reverse mode (Townsend, "Differentiating the singular value decomposition", 2016).
fn svd_pull(g: &mut Graph, arg: Id, y: Id, c: Id) -> Id {
    let (m, n) = (g.shape(arg)[0], g.shape(arg)[1]);
    let (u, s, v) = unpack_svd(g, y, m, n);
    let (cu, cs, cv) = unpack_svd(g, c, m, n);
    let r = m.min(n);
    let ss = g.mul(s, s);
    let f = gaps(g, ss);
    let e = eye(g, r);
    let sdiag = g.mul(e, s);
    let inv = g.unary(Unary::Recip, s);
    let skew = |g: &mut Graph, q: Id, cq: Id| {
        let a = mm(g, (q, true), (cq, false));
        let at = g.transpose(&[1, 0], a);
        let d = g.sub(a, at);
        g.mul(f, d)
    };
    let ju = skew(g, u, cu);
    let ju = mm(g, (ju, false), (sdiag, false));
    let jv = skew(g, v, cv);
    let jv = mm(g, (sdiag, false), (jv, false));
    let ds = g.mul(e, cs);
    let mid = g.add(ju, jv);
    let mid = g.add(mid, ds);
    let left = mm(g, (u, false), (mid, false));
    let mut out = mm(g, (left, false), (v, true));
    if m > r {
        let t = off_range(g, u, cu);
        let t = g.mul(t, inv);
        let t = mm(g, (t, false), (v, true));
        out = g.add(out, t);
    }
    if n > r {
        let t = off_range(g, v, cv);
        let t = g.mul(t, inv);
        let t = mm(g, (u, false), (t, true));
        out = g.add(out, t);
    }
    out
}

/// Jacobian–vector product. `seeds` pairs inputs with their tangents (same shape and domain); returns the tangent of every
/// entry of `outputs`, `None` where it does not depend on the inputs.
pub fn jvp(g: &mut Graph, seeds: &[(Id, Id)], outputs: &[Id]) -> Vec<Option<Id>> {
    let n = outputs.iter().map(|o| o.index() + 1).max().unwrap_or(0);
    let mut used = vec![false; n];
    for o in outputs {
        used[o.index()] = true;
    }
    for i in (0..n).rev() {
        if used[i] {
            for a in g.nodes[i].args.clone() {
                used[a.index()] = true;
            }
        }
    }
    let mut tan: Vec<Option<Id>> = vec![None; n];
    for (x, t) in seeds {
        assert_eq!((g.shape(*x), g.domain(*x)), (g.shape(*t), g.domain(*t)), "a tangent has its input's shape and domain");
        if x.index() < n {
            tan[x.index()] = Some(*t);
        }
    }
    for i in 0..n {
        if !used[i] || tan[i].is_some() {
            continue;
        }
        let ts: Vec<Option<Id>> = g.nodes[i].args.iter().map(|a| tan[a.index()]).collect();
        if ts.iter().all(Option::is_none) {
            continue;
        }
        let y = Id(i as u32);
        if let Some(t) = forward(g, y, &ts) {
            let (shape, domain) = (g.shape(y).to_vec(), g.domain(y));
            let t = g.broadcast(&shape, t);
            tan[i] = Some(g.lift(domain, t));
        }
    }
    outputs.iter().map(|o| tan[o.index()]).collect()
}

fn plus(g: &mut Graph, a: Option<Id>, b: Option<Id>) -> Option<Id> {
    match (a, b) {
        (Some(a), Some(b)) => Some(g.add(a, b)),
        (a, b) => a.or(b),
    }
}

/// The tangent of node `y` from those of its arguments (up to broadcasting and lifting).
fn forward(g: &mut Graph, y: Id, ts: &[Option<Id>]) -> Option<Id> {
    let node = g.node(y).clone();
    let args = &node.args;
    let t0 = ts[0];
    match &node.op {
        Op::Unary(f) => times_slope(g, *f, args[0], y, t0?),
        Op::Binary(f) => {
            let (a, b) = (args[0], args[1]);
            let t1 = ts[1];
            match f {
                Binary::Add => plus(g, t0, t1),
                Binary::Sub => {
                    let n = t1.map(|t| g.unary(Unary::Neg, t));
                    plus(g, t0, n)
                }
                Binary::Mul => {
                    let x = t0.map(|t| g.mul(t, b));
                    let z = t1.map(|t| g.mul(a, t));
                    plus(g, x, z)
                }
                Binary::Div => {
                    let x = t0.map(|t| g.div(t, b));
                    let z = t1.map(|t| {
                        let q = g.div(y, b);
                        let q = g.mul(q, t);
                        g.unary(Unary::Neg, q)
                    });
                    plus(g, x, z)
                }
                Binary::Max | Binary::Min => {
                    let first = if *f == Binary::Max { g.binary(Binary::Ge, a, b) } else { g.binary(Binary::Ge, b, a) };
                    let zero = g.number(0.0);
                    Some(g.select(first, t0.unwrap_or(zero), t1.unwrap_or(zero)))
                }
                Binary::Gt | Binary::Ge | Binary::Eq => None,
            }
        }
        Op::Select => {
            if ts[1].is_none() && ts[2].is_none() {
                return None;
            }
            let zero = g.number(0.0);
            Some(g.select(args[0], ts[1].unwrap_or(zero), ts[2].unwrap_or(zero)))
        }
        Op::Cast(p) => Some(g.cast(*p, t0?)),
        Op::Reduce { fold: Fold::Sum, axes } => Some(g.sum(axes, t0?)),
        Op::Reduce { fold: Fold::Max, axes } => {
            let shape = g.shape(args[0]).to_vec();
            let m = unfold(g, y, axes, &shape);
            let t = masked(g, args[0], m, t0?);
            Some(g.sum(axes, t))
        }
        Op::ReduceRows(fold) => {
            let t = match fold {
                Fold::Sum => t0?,
                Fold::Max => {
                    let m = g.lift(g.domain(args[0]), y);
                    masked(g, args[0], m, t0?)
                }
            };
            Some(g.reduce_rows(Fold::Sum, node.domain, t))
        }
        Op::Lift | Op::Broadcast => t0,
        Op::Reshape => Some(g.reshape(&node.shape, t0?)),
        Op::Transpose(perm) => Some(g.transpose(perm, t0?)),
        Op::Slice { axis, start, len } => Some(g.slice(*axis, *start, *len, t0?)),
        Op::Pad { axis, before, after } => Some(g.pad(*axis, *before, *after, t0?)),
        Op::Concat { axis } => {
            let parts: Vec<Id> = args.iter().zip(ts).map(|(a, t)| t.unwrap_or_else(|| zeros_like(g, *a))).collect();
            Some(g.concat(*axis, &parts))
        }
        Op::Gather => Some(g.gather(t0?, args[1])),
        Op::ScatterAdd { n } => Some(g.scatter_add(*n, t0?, args[1])),
        Op::Dot { ta, tb } => {
            let joined = g.normalize(g.domain(args[0]).join(g.domain(args[1])));
            let x = t0.map(|t| {
                let t = if g.normalize(g.domain(t).join(g.domain(args[1]))) == joined { t } else { g.lift(joined, t) };
                g.dot_to(node.domain, (t, *ta), (args[1], *tb))
            });
            let z = ts[1].map(|t| {
                let t = if g.normalize(g.domain(t).join(g.domain(args[0]))) == joined { t } else { g.lift(joined, t) };
                g.dot_to(node.domain, (args[0], *ta), (t, *tb))
            });
            plus(g, x, z)
        }
        Op::CrossEntropy(rule) => {
            let d = g.cross_entropy_grad(*rule, args[0], args[1]);
            let p = g.mul(d, t0?);
            Some(g.sum_all(p))
        }
        Op::CrossEntropyGrad(_) => {
            let t = t0?;
            Some(ce_hessian(g, args[0], t))
        }
        Op::Eigh => {
            let n = g.shape(args[0])[0];
            let (w, v) = unpack_eigh(g, y, n);
            // A symmetric matrix moves along the symmetric part of its tangent.
            let t = symmetric(g, t0?);
            let p = mm(g, (v, true), (t, false));
            let p = mm(g, (p, false), (v, false));
            let e = eye(g, n);
            let diag = g.mul(p, e);
            let dw = g.sum(&[0], diag);
            let dw = g.reshape(&[1, n], dw);
            let f = gaps(g, w);
            let fp = g.mul(f, p);
            let dv = mm(g, (v, false), (fp, false));
            Some(g.concat(0, &[dw, dv]))
        }
        Op::Svd => {
            let t = t0?;
            Some(svd_forward(g, args[0], y, t))
        }
        Op::State(_)
        | Op::Scalar(_)
        | Op::Token(_)
        | Op::Index(_)
        | Op::Feature(_)
        | Op::Const(_)
        | Op::Random { .. }
        | Op::OneHot { .. }
        | Op::Collapsed(_) => None,
    }
}

fn svd_forward(g: &mut Graph, arg: Id, y: Id, t: Id) -> Id {
    let (m, n) = (g.shape(arg)[0], g.shape(arg)[1]);
    let r = m.min(n);
    let (u, s, v) = unpack_svd(g, y, m, n);
    let ss = g.mul(s, s);
    let f = gaps(g, ss);
    let e = eye(g, r);
    let inv = g.unary(Unary::Recip, s);
    let tv = mm(g, (t, false), (v, false));
    let ttu = mm(g, (t, true), (u, false));
    let p = mm(g, (u, true), (tv, false));
    let diag = g.mul(p, e);
    let ds = g.sum(&[0], diag);
    let pt = g.transpose(&[1, 0], p);
    let col = g.reshape(&[r, 1], s);
    let row = g.reshape(&[1, r], s);
    let both = |g: &mut Graph, a: Id, b: Id| {
        let x = g.mul(a, row);
        let z = g.mul(b, col);
        let w = g.add(x, z);
        g.mul(f, w)
    };
    let ku = both(g, p, pt);
    let mut du = mm(g, (u, false), (ku, false));
    let kv = both(g, pt, p);
    let mut dv = mm(g, (v, false), (kv, false));
    if m > r {
        let o = off_range(g, u, tv);
        let o = g.mul(o, inv);
        du = g.add(du, o);
    }
    if n > r {
        let o = off_range(g, v, ttu);
        let o = g.mul(o, inv);
        dv = g.add(dv, o);
    }
    let du = g.reshape(&[m * r], du);
    let dv = g.reshape(&[n * r], dv);
    g.concat(0, &[du, ds, dv])
}
