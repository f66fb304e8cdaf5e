//! Linear maps in the smallest domain.
//!
//! A product `x·W` of a row vector that depends on the example with a matrix that does not is pushed into `x` as far as that
//! saves operations: through sums and concatenations, scalings, earlier products (re-association), gathers, and weighted sums
//! of table rows — attention's `Σ_h w_h·v_h` with `v` tabulated over a smaller domain becomes `Σ_h w_h·(v_h W_h)`, whose
//! table is small. The cost model counts multiply–adds of the forward pass; derivatives mirror it.

use super::cost::row_product;
use super::{Rewrite, Rewrites, Rooted};
use crate::domain::Domain;
use crate::ir::{Binary, Graph, Id, Op, Unary};

/// A multiply–add of a weighted sum of table rows costs about this many of a dense product's (it is bound by loads).
const TABLE: f64 = 3.0;
/// A rewrite must save at least this share.
const GAIN: f64 = 0.95;

/// How to compute `x·W`.
enum Plan {
    Direct,
    Sum {
        sub: bool,
        a: (Id, Box<Plan>),
        b: (Id, Box<Plan>),
    },
    Neg(Id, Box<Plan>),
    Scale {
        w: Id,
        v: (Id, Box<Plan>),
    },
    Concat(Vec<(Id, Box<Plan>)>),
    /// `x = u·M` with a unit-domain `M`: `u·(M W)`.
    Chain {
        u: (Id, Box<Plan>),
        m: Id,
        tb: bool,
    },
    /// `x = w·B` with rows `[1, m]` and a table `[m, k]` of a smaller domain: `w·(B W)`.
    Table {
        w: Id,
        table: Id,
    },
    /// `x = w[h, 1] ⊙ v[h, d]` with `v` of a smaller domain: `w·(v_h W_h)`.
    Heads {
        w: Id,
        v: Id,
    },
    /// `x` is a gathered row: a gathered row of the mapped table.
    Gather {
        table: Id,
        index: Id,
    },
    Lift(Id, Box<Plan>),
}

struct Pass<'a> {
    g: Graph,
    on: &'a Rewrites,
    batch: usize,
    /// For nodes of the new graph: how many readers the old node had.
    readers: Vec<usize>,
    /// Gathers from each node of the new graph.
    gathers: Vec<usize>,
}

/// Rewrites every product with a unit-domain matrix.
pub fn linear(old: &Graph, roots: &[Id], on: &Rewrites, batch: usize) -> Rooted {
    let mut readers = vec![0; old.nodes.len()];
    let mut gathers = vec![0; old.nodes.len()];
    for n in &old.nodes {
        for a in &n.args {
            readers[a.index()] += 1;
        }
        if matches!(n.op, Op::Gather) {
            gathers[n.args[0].index()] += 1;
        }
    }
    for r in roots {
        readers[r.index()] += 2;
    }
    let mut p = Pass { g: old.like(), on, batch, readers: Vec::new(), gathers: Vec::new() };
    let mut map: Vec<Id> = Vec::with_capacity(old.nodes.len());
    for (i, n) in old.nodes.iter().enumerate() {
        let args: Vec<Id> = n.args.iter().map(|a| map[a.index()]).collect();
        let new = p.product(n.domain, &n.op, &args, readers[i]).unwrap_or_else(|| p.g.push(n.op.clone(), args, n.shape.clone(), n.domain));
        p.note(new, readers[i], gathers[i]);
        map.push(new);
    }
    Rooted { roots: roots.iter().map(|r| map[r.index()]).collect(), graph: p.g }
}

impl Pass<'_> {
    fn note(&mut self, id: Id, readers: usize, gathers: usize) {
        // Nodes made on the way have one reader unless they stand for an old node.
        self.readers.resize(self.g.nodes.len(), 1);
        self.gathers.resize(self.g.nodes.len(), 0);
        self.readers[id.index()] = readers;
        self.gathers[id.index()] = gathers;
    }

    /// The rewritten form of a node, if it is a product of a row with a unit-domain matrix that gains by it.
    fn product(&mut self, domain: Domain, op: &Op, args: &[Id], _readers: usize) -> Option<Id> {
        let Op::Dot { ta, tb } = op else { return None };
        let (x, w) = (args[0], args[1]);
        let (sx, sw) = (self.g.shape(x).to_vec(), self.g.shape(w).to_vec());
        let rows = if *ta { sx[sx.len() - 1] } else { sx[sx.len() - 2] };
        if sx.len() != 2 || rows != 1 || self.g.domain(w) != Domain::UNIT || self.g.domain(x) != domain || domain == Domain::UNIT {
            return None;
        }
        let (k, n) = if *tb { (sw[1], sw[0]) } else { (sw[0], sw[1]) };
        let x = self.strip(x);
        let (_, plan) = self.plan(x, k, n, 0);
        if matches!(plan, Plan::Direct) {
            return None;
        }
        let y = self.build(x, &plan, (w, *tb), k, n);
        let y = self.g.reshape(&[1, n], y);
        Some(self.g.lift(domain, y))
    }

    /// A row-major flattening does not change under a reshape.
    fn strip(&self, mut x: Id) -> Id {
        while matches!(self.g.node(x).op, Op::Reshape) {
            x = self.g.node(x).args[0];
        }
        x
    }

    /// Multiply–adds that fall away when nobody reads `x` any more.
    fn own(&self, x: Id) -> f64 {
        if self.readers.get(x.index()).copied().unwrap_or(1) > 1 {
            return 0.0;
        }
        let n = self.g.node(x);
        match n.op {
            Op::Dot { .. } => super::cost::operations(&self.g, n, self.batch) / 2.0,
            Op::Reshape | Op::Binary(Binary::Add | Binary::Sub) | Op::Unary(Unary::Neg) | Op::Lift => n.args.iter().map(|a| self.own(*a)).sum(),
            _ => 0.0,
        }
    }

    /// The cheapest way to compute `x·W`, `x` flat of length `k`, `W` `[k, n]`.
    fn plan(&self, x: Id, k: usize, n: usize, depth: usize) -> (f64, Plan) {
        let g = &self.g;
        let d = g.domain(x);
        let direct = row_product(g, d, k, n, self.batch) + self.own(x);
        let mut best = (direct, Plan::Direct);
        if d == Domain::UNIT || depth > 24 {
            return best;
        }
        let mut offer = |cost: f64, plan: Plan| {
            if cost < best.0 * GAIN {
                best = (cost, plan);
            }
        };
        let node = g.node(x);
        let sub = |id: Id, k: usize| {
            let id = self.strip(id);
            let (c, p) = self.plan(id, k, n, depth + 1);
            (c, (id, Box::new(p)))
        };
        let smaller = |id: Id| g.rows(g.domain(id), self.batch) < g.rows(d, self.batch);
        let reassociate = self.on.has(Rewrite::Reassociate);
        match &node.op {
            Op::Binary(f @ (Binary::Add | Binary::Sub)) if reassociate && node.args.iter().all(|a| g.shape(*a) == node.shape) => {
                let ((ca, a), (cb, b)) = (sub(node.args[0], k), sub(node.args[1], k));
                offer(ca + cb, Plan::Sum { sub: *f == Binary::Sub, a, b });
            }
            Op::Unary(Unary::Neg) if reassociate => {
                let (c, (v, p)) = sub(node.args[0], k);
                offer(c, Plan::Neg(v, p));
            }
            Op::Lift => {
                let (c, (v, p)) = sub(node.args[0], k);
                offer(c, Plan::Lift(v, p));
            }
            Op::Binary(Binary::Mul) if reassociate => {
                for (w, v) in [(node.args[0], node.args[1]), (node.args[1], node.args[0])] {
                    if g.shape(v) != node.shape || !smaller(v) {
                        continue;
                    }
                    let sw = g.shape(w);
                    if g.node(w).size() == 1 {
                        let (c, v) = sub(v, k);
                        offer(c + row_product(g, d, 1, n, self.batch), Plan::Scale { w, v });
                    } else if sw.len() == 2 && node.shape.len() == 2 && sw[0] == node.shape[0] && sw[1] == 1 {
                        let table = row_product(g, g.domain(v), k, n, self.batch);
                        offer(table + TABLE * row_product(g, d, sw[0], n, self.batch), Plan::Heads { w, v });
                    }
                }
            }
            Op::Concat { axis } if reassociate && g.shape(x)[..*axis].iter().product::<usize>() == 1 && node.args.iter().any(|a| smaller(*a)) => {
                let parts: Vec<_> = node.args.iter().map(|a| sub(*a, g.node(*a).size())).collect();
                offer(parts.iter().map(|p| p.0).sum(), Plan::Concat(parts.into_iter().map(|p| p.1).collect()));
            }
            Op::Dot { ta: _, tb } if reassociate && node.shape.len() == 2 && node.shape[0] == 1 => {
                let (u, m) = (node.args[0], node.args[1]);
                let inner = g.node(u).size();
                if g.domain(u) != d && g.domain(m) != Domain::UNIT || g.node(u).shape.len() != 2 {
                    return best;
                }
                if g.domain(m) == Domain::UNIT {
                    let (c, u) = sub(u, inner);
                    offer(c + (inner * k) as f64 * n as f64, Plan::Chain { u, m, tb: *tb });
                } else if g.domain(u) == d && smaller(m) && !tb {
                    let table = self.table_cost(m, inner, k, n);
                    offer(table + TABLE * row_product(g, d, inner, n, self.batch), Plan::Table { w: u, table: m });
                }
            }
            Op::Gather if self.on.has(Rewrite::LateGather) => {
                let (table, index) = (node.args[0], node.args[1]);
                let rows = g.shape(table)[0];
                let shared = self.gathers.get(table.index()).copied().unwrap_or(1).max(1);
                offer((rows * k) as f64 * n as f64 / shared as f64, Plan::Gather { table, index });
            }
            _ => {}
        }
        best
    }

    /// Multiply–adds of `B·W` for a table `B` `[m, k]`.
    fn table_cost(&self, table: Id, m: usize, k: usize, n: usize) -> f64 {
        let g = &self.g;
        let direct = row_product(g, g.domain(table), m * k, n, self.batch);
        match self.heads_of(table) {
            Some((_, u)) => {
                let s = g.shape(u);
                let d = g.domain(table);
                direct.min((s[0] * s[1] * k) as f64 * n as f64 + row_product(g, d, s[0] * s[1], n, self.batch))
            }
            None => direct,
        }
    }

    /// `table = v[h, 1, d]·U[h, d, k]` with a unit-domain `U`: (v, U).
    fn heads_of(&self, table: Id) -> Option<(Id, Id)> {
        let n = self.g.node(self.strip(table));
        match n.op {
            Op::Dot { ta: false, tb: false } if n.shape.len() == 3 && n.shape[1] == 1 && self.g.domain(n.args[1]) == Domain::UNIT => {
                Some((n.args[0], n.args[1]))
            }
            _ => None,
        }
    }

    /// Builds `x·W` (flat, `[n]`) by a plan.
    fn build(&mut self, x: Id, plan: &Plan, w: (Id, bool), k: usize, n: usize) -> Id {
        let y = match plan {
            Plan::Direct => {
                let row = self.g.reshape(&[1, k], x);
                let d = self.g.domain(row);
                self.g.dot_to(d, (row, false), w)
            }
            Plan::Sum { sub, a, b } => {
                let p = self.build(a.0, &a.1, w, k, n);
                let q = self.build(b.0, &b.1, w, k, n);
                if *sub { self.g.sub(p, q) } else { self.g.add(p, q) }
            }
            Plan::Neg(v, p) => {
                let y = self.build(*v, p, w, k, n);
                self.g.unary(Unary::Neg, y)
            }
            Plan::Lift(v, p) => self.build(*v, p, w, k, n),
            Plan::Scale { w: s, v } => {
                let y = self.build(v.0, &v.1, w, k, n);
                let s = self.g.reshape(&[1], *s);
                self.g.mul(s, y)
            }
            Plan::Concat(parts) => {
                let mut start = 0;
                let mut sum = None;
                for (v, p) in parts {
                    let len = self.g.node(*v).size();
                    let part = self.g.slice(usize::from(w.1), start, len, w.0);
                    start += len;
                    let y = self.build(*v, p, (part, w.1), len, n);
                    sum = Some(match sum {
                        None => y,
                        Some(s) => self.g.add(s, y),
                    });
                }
                sum.expect("a concatenation has parts")
            }
            Plan::Chain { u, m, tb } => {
                let inner = self.g.node(u.0).size();
                let mw = self.g.dot_to(Domain::UNIT, (*m, *tb), w);
                self.build(u.0, &u.1, (mw, false), inner, n)
            }
            Plan::Table { w: weights, table } => {
                let m = self.g.node(*weights).size();
                let mapped = match self.heads_of(*table).filter(|(_, u)| {
                    let s = self.g.shape(*u);
                    let d = self.g.domain(*table);
                    ((s[0] * s[1] * k) as f64 * n as f64 + row_product(&self.g, d, s[0] * s[1], n, self.batch)) < row_product(&self.g, d, m * k, n, self.batch)
                }) {
                    Some((v, u)) => {
                        let (h, e) = (self.g.shape(u)[0], self.g.shape(u)[1]);
                        let flat = self.g.reshape(&[h * e, k], u);
                        let uw = self.g.dot_to(Domain::UNIT, (flat, false), w);
                        let uw = self.g.reshape(&[h, e, n], uw);
                        let t = self.g.dot(v, uw);
                        self.g.reshape(&[m, n], t)
                    }
                    None => {
                        let t = self.g.reshape(&[m, k], *table);
                        let d = self.g.domain(t);
                        self.g.dot_to(d, (t, false), w)
                    }
                };
                let row = self.g.reshape(&[1, m], *weights);
                self.g.dot(row, mapped)
            }
            Plan::Heads { w: weights, v } => {
                let (h, e) = (self.g.shape(*v)[0], self.g.shape(*v)[1]);
                let wide = if w.1 { self.g.transpose(&[1, 0], w.0) } else { w.0 };
                let wide = self.g.reshape(&[h, e, n], wide);
                let v3 = self.g.reshape(&[h, 1, e], *v);
                let t = self.g.dot(v3, wide);
                let t = self.g.reshape(&[h, n], t);
                let row = self.g.reshape(&[1, h], *weights);
                self.g.dot(row, t)
            }
            Plan::Gather { table, index } => {
                let rows = self.g.shape(*table)[0];
                let flat = self.g.reshape(&[rows, k], *table);
                let mapped = self.g.dot_to(Domain::UNIT, (flat, false), w);
                self.g.gather(mapped, *index)
            }
        };
        let y = self.g.reshape(&[n], y);
        self.readers.resize(self.g.nodes.len(), 1);
        self.gathers.resize(self.g.nodes.len(), 0);
        y
    }
}
