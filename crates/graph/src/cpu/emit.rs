//! Turns the operations of a kernel into instructions.

use super::ins::{Addr, DotShape, Flat, Ins, Operand, RowKernel, Rows, Walk};
use super::plan::Places;
use super::schedule::{Class, Key, Schedule, base, dot_dims, extent};
use crate::domain::Domain;
use crate::ir::{Binary, Fold, Graph, Id, Op, Unary};
use std::collections::{BTreeMap, BTreeSet};

/// Elements of a tile's widest value.
const TILE: usize = 4096;

pub(super) struct Emitter<'a> {
    g: &'a Graph,
    s: &'a Schedule,
    places: &'a mut Places,
    index: usize,
    flat: bool,
    hoisted: Vec<Ins>,
    body: Vec<Ins>,
    /// Row size of every virtual register.
    registers: Vec<usize>,
    /// Where each value of this kernel is.
    values: BTreeMap<Id, Operand>,
    /// Expanded operands: (value, walk) → register.
    expanded: BTreeMap<(Id, Walk, usize), Operand>,
    /// Small products that their only reader, a sum, accumulates.
    deferred: BTreeSet<Id>,
    stores: Vec<Ins>,
}

impl<'a> Emitter<'a> {
    pub(super) fn kernel(g: &'a Graph, s: &'a Schedule, places: &'a mut Places, index: usize) -> RowKernel {
        let flat = match s.kernels[index].key {
            Key::Flat(_) => true,
            Key::Alone(i) => {
                g.nodes[i].domain == Domain::UNIT
                    && s.class[i] == Class::Row
                    && g.nodes[i].args.iter().all(|a| g.node(*a).size() == g.nodes[i].size() || g.node(*a).size() == 1)
                    && matches!(g.nodes[i].op, Op::Unary(_) | Op::Binary(_) | Op::Select | Op::Cast(_))
            }
            Key::Rows(_) => false,
        };
        let mut e = Emitter {
            g,
            s,
            places,
            index,
            flat,
            hoisted: Vec::new(),
            body: Vec::new(),
            registers: Vec::new(),
            values: BTreeMap::new(),
            expanded: BTreeMap::new(),
            deferred: BTreeSet::new(),
            stores: Vec::new(),
        };
        let nodes = s.kernels[index].nodes.clone();
        for n in &nodes {
            e.node(*n);
        }
        let stores = std::mem::take(&mut e.stores);
        e.body.extend(stores);
        e.finish()
    }

    fn size(&self, id: Id) -> usize {
        if self.flat { 1 } else { self.g.node(id).size() }
    }

    fn register(&mut self, size: usize) -> Operand {
        self.registers.push(size);
        Operand { addr: Addr::Reg(self.registers.len() - 1), size, rows: Rows::Same }
    }

    /// Where the result of `id` goes: its planned buffer, or a register.
    fn result(&mut self, id: Id) -> Operand {
        let size = self.size(id);
        let o = match self.places.of(id) {
            // A state is overwritten only after every instruction of the tile has read it.
            Some(addr @ Addr::State(_)) => {
                let r = self.register(size);
                self.stores.push(Ins::Unary { f: Unary::Stop, src: Flat::Full(r), dst: Operand { addr, size, rows: Rows::Same } });
                r
            }
            Some(addr) => Operand { addr, size, rows: Rows::Same },
            None => self.register(size),
        };
        self.values.insert(id, o);
        o
    }

    /// The value of `id` as an operand of this kernel, without expansion.
    fn operand(&mut self, id: Id) -> Operand {
        let id = base(self.g, id);
        if let Some(o) = self.values.get(&id) {
            return *o;
        }
        let n = self.g.node(id);
        let size = if self.flat { 1 } else { n.size() };
        let addr = match n.op {
            Op::State(i) => Addr::State(i),
            Op::Scalar(i) => Addr::Scalar(i),
            Op::Feature(i) => Addr::Feature(i),
            Op::Const(_) => self.places.constant(self.g, id),
            _ => self.places.of(id).unwrap_or_else(|| panic!("{id:?} {:?} has no place", n.op)),
        };
        let rows = if self.flat { Rows::Same } else { self.rows(n.domain) };
        Operand { addr, size, rows }
    }

    /// From this kernel's rows to those of `domain`.
    fn rows(&mut self, domain: Domain) -> Rows {
        let mine = self.domain();
        if domain == mine {
            Rows::Same
        } else if domain == Domain::UNIT {
            Rows::Unit
        } else {
            Rows::Map(self.places.map(mine, domain))
        }
    }

    fn domain(&self) -> Domain {
        extent(self.g, self.s.kernels[self.index].nodes[0])
    }

    /// The rows of an index node.
    fn index(&mut self, id: Id) -> Rows {
        let n = self.g.node(id);
        let array = match n.op {
            Op::Token(c) => self.places.tokens(n.domain, c),
            Op::Index(i) => self.places.indices(i),
            _ => panic!("not an index"),
        };
        let mine = self.domain();
        let through = (n.domain != mine).then(|| self.places.map(mine, n.domain));
        Rows::Index { array, through }
    }

    fn single(&self, id: Id) -> bool {
        let n = self.g.node(base(self.g, id));
        n.size() == 1 && n.domain == Domain::UNIT
    }

    /// `id` broadcast and lifted to `shape`, as an operand of an elementwise instruction.
    fn flat_operand(&mut self, id: Id, shape: &[usize]) -> Flat {
        if self.single(id) {
            let o = self.operand(id);
            // A number computed in this very kernel lies in a register and is read from its first row.
            return Flat::Splat(o.addr);
        }
        if self.flat {
            return Flat::Full(self.operand(id));
        }
        let own = self.g.shape(id).to_vec();
        let size: usize = shape.iter().product();
        let o = self.operand(id);
        if o.rows == Rows::Same && o.size == size {
            return Flat::Full(o);
        }
        Flat::Full(self.expand(id, walk(&own, shape), size))
    }

    /// A contiguous copy of a walk over `id`, made once for each tile (or once a call, when it does not depend on the row).
    fn expand(&mut self, id: Id, walk: Walk, size: usize) -> Operand {
        let b = base(self.g, id);
        if let Some(o) = self.expanded.get(&(b, walk.clone(), size)) {
            return *o;
        }
        let src = self.operand(id);
        let dst = self.register(size);
        let ins = Ins::Copy { src, walk: walk.clone(), dst };
        if src.rows == Rows::Unit && !self.values.contains_key(&b) {
            self.hoisted.push(ins)
        } else {
            self.body.push(ins)
        }
        self.expanded.insert((b, walk, size), dst);
        dst
    }

    /// `id` contiguous, one row for each row of the kernel.
    fn contiguous(&mut self, id: Id) -> Operand {
        let o = self.operand(id);
        if o.rows == Rows::Same {
            return o;
        }
        let size = self.g.node(id).size();
        self.expand(id, Walk { offset: 0, axes: vec![(size, 1)] }, size)
    }

    fn node(&mut self, id: Id) {
        let n = self.g.node(id).clone();
        match &n.op {
            Op::Unary(f) => {
                let src = self.flat_operand(n.args[0], &n.shape);
                let dst = self.result(id);
                self.body.push(Ins::Unary { f: *f, src, dst });
            }
            Op::Cast(p) => {
                let src = self.flat_operand(n.args[0], &n.shape);
                let dst = self.result(id);
                self.body.push(Ins::Cast { p: *p, src, dst });
            }
            Op::Binary(f) => {
                if *f == Binary::Add && self.accumulated(id) {
                    return;
                }
                let a = self.flat_operand(n.args[0], &n.shape);
                let b = self.flat_operand(n.args[1], &n.shape);
                let dst = self.result(id);
                self.body.push(Ins::Binary { f: *f, a, b, dst });
            }
            Op::Select => {
                let c = self.flat_operand(n.args[0], &n.shape);
                let a = self.flat_operand(n.args[1], &n.shape);
                let b = self.flat_operand(n.args[2], &n.shape);
                let dst = self.result(id);
                self.body.push(Ins::Select { c, a, b, dst });
            }
            Op::Lift | Op::Broadcast => {
                let own = self.g.shape(n.args[0]).to_vec();
                self.copy(id, n.args[0], walk(&own, &n.shape));
            }
            Op::Transpose(perm) => {
                let own = self.g.shape(n.args[0]).to_vec();
                let strides = strides(&own);
                let axes = perm.iter().enumerate().map(|(i, p)| (n.shape[i], strides[*p])).collect();
                self.copy(id, n.args[0], merge(Walk { offset: 0, axes }));
            }
            Op::Slice { axis, start, .. } => {
                let own = self.g.shape(n.args[0]).to_vec();
                let strides = strides(&own);
                let axes = n.shape.iter().zip(&strides).map(|(n, s)| (*n, *s)).collect();
                self.copy(id, n.args[0], merge(Walk { offset: start * strides[*axis], axes }));
            }
            Op::Gather => {
                let size = n.size();
                let rows = self.index(n.args[1]);
                let mut src = self.operand(n.args[0]);
                (src.size, src.rows) = (size, rows);
                let dst = self.result(id);
                self.body.push(Ins::Copy { src, walk: Walk { offset: 0, axes: vec![(size, 1)] }, dst });
            }
            Op::OneHot { .. } => {
                let index = self.index(n.args[0]);
                let dst = self.result(id);
                self.body.push(Ins::OneHot { index, dst });
            }
            Op::Pad { axis, before, .. } => {
                let own = self.g.shape(n.args[0]).to_vec();
                let inner: usize = own[axis + 1..].iter().product();
                let outer: usize = own[..*axis].iter().product();
                let src = self.contiguous(n.args[0]);
                let dst = self.result(id);
                self.body.push(Ins::Zero { dst });
                self.body.push(Ins::Place { src, outer, len: own[*axis] * inner, stride: n.shape[*axis] * inner, start: before * inner, dst });
            }
            Op::Concat { axis } => {
                let parts: Vec<(Operand, usize)> = n.args.iter().map(|a| (self.contiguous(*a), self.g.shape(*a)[*axis])).collect();
                let inner: usize = n.shape[axis + 1..].iter().product();
                let outer: usize = n.shape[..*axis].iter().product();
                let dst = self.result(id);
                let mut start = 0;
                for (src, len) in parts {
                    self.body.push(Ins::Place { src, outer, len: len * inner, stride: n.shape[*axis] * inner, start: start * inner, dst });
                    start += len;
                }
            }
            Op::Reduce { fold, axes } => self.reduce(id, *fold, axes),
            Op::ReduceRows(fold) => {
                let src = self.contiguous(n.args[0]);
                let dst = self.accumulator(id);
                self.body.push(Ins::ReduceRows { fold: *fold, src, dst });
            }
            Op::ScatterAdd { .. } => {
                let src = self.contiguous(n.args[0]);
                let rows = self.index(n.args[1]);
                let mut dst = self.accumulator(id);
                (dst.size, dst.rows) = (src.size, rows);
                self.body.push(Ins::ReduceRows { fold: Fold::Sum, src, dst });
            }
            Op::Dot { .. } => {
                if self.s.class[id.index()] == Class::Fold {
                    let dst = self.accumulator(id);
                    self.dot(id, dst, true);
                } else if self.defers(id) {
                    self.deferred.insert(id);
                } else {
                    let dst = self.result(id);
                    self.dot(id, dst, false);
                }
            }
            Op::CrossEntropy(rule) => {
                let logits = self.contiguous(n.args[0]);
                let label = self.index(n.args[1]);
                let dst = self.result(id);
                self.body.push(Ins::Ce { rule: *rule, logits, label, dst });
            }
            Op::CrossEntropyGrad(rule) => {
                let logits = self.contiguous(n.args[0]);
                let label = self.index(n.args[1]);
                let dst = self.result(id);
                self.body.push(Ins::CeGrad { rule: *rule, logits, label, dst });
            }
            Op::Collapsed(p) => {
                let logits = self.contiguous(n.args[0]);
                let dst = self.result(id);
                self.body.push(Ins::Collapsed { p: *p, logits, dst });
            }
            Op::Random { draw, lane } => {
                let dst = self.result(id);
                self.body.push(Ins::Random { draw: *draw, lane: *lane, dst });
            }
            op => panic!("{op:?} does not run in a row kernel"),
        }
    }

    fn copy(&mut self, id: Id, from: Id, walk: Walk) {
        let src = self.operand(from);
        let dst = self.result(id);
        self.body.push(Ins::Copy { src, walk, dst });
    }

    fn accumulator(&mut self, id: Id) -> Operand {
        let addr = self.places.of(id).expect("folds have a place");
        let rows = self.rows(self.g.domain(id));
        Operand { addr, size: self.g.node(id).size(), rows }
    }

    fn dot(&mut self, id: Id, dst: Operand, accumulate: bool) {
        let n = self.g.node(id).clone();
        let Op::Dot { ta, tb } = n.op else { panic!("not a product") };
        let (b, m, k, nn) = dot_dims(self.g, id);
        let (l, r) = (self.operand(n.args[0]), self.operand(n.args[1]));
        self.body.push(Ins::Dot { shape: DotShape { b, m, k, n: nn, ta, tb }, l, r, dst, accumulate });
    }

    /// Whether a row product is read only by one sum of this kernel, which can accumulate it.
    fn defers(&self, id: Id) -> bool {
        let readers = &self.s.readers[id.index()];
        if readers.len() != 1 || self.places.of(id).is_some() || self.flat {
            return false;
        }
        let r = readers[0];
        let sum = self.g.node(r);
        sum.op == Op::Binary(Binary::Add)
            && self.s.kernel_of[r.index()] == Some(self.index)
            && sum.size() == self.g.node(id).size()
            && base(self.g, sum.args[0]) != base(self.g, sum.args[1])
    }

    /// Emits a sum that accumulates deferred products; false when it has none.
    fn accumulated(&mut self, id: Id) -> bool {
        let n = self.g.node(id).clone();
        let (a, b) = (base(self.g, n.args[0]), base(self.g, n.args[1]));
        let (da, db) = (self.deferred.contains(&a), self.deferred.contains(&b));
        if !da && !db {
            return false;
        }
        if da && db {
            let dst = self.result(id);
            self.dot(a, dst, false);
            self.dot(b, dst, true);
            return true;
        }
        let (product, other) = if da { (a, n.args[1]) } else { (b, n.args[0]) };
        let other_base = base(self.g, other);
        // A register that nobody else reads becomes the sum itself.
        let reuse = self
            .values
            .get(&other_base)
            .copied()
            .filter(|o| matches!(o.addr, Addr::Reg(_)) && o.size == n.size() && self.s.readers[other_base.index()].len() == 1);
        let dst = match (reuse, self.places.of(id)) {
            (Some(o), None) => {
                self.values.insert(id, o);
                o
            }
            _ => {
                let src = self.flat_operand(other, &n.shape);
                let dst = self.result(id);
                self.body.push(Ins::Unary { f: Unary::Stop, src, dst });
                dst
            }
        };
        self.dot(product, dst, true);
        true
    }

    fn reduce(&mut self, id: Id, fold: Fold, axes: &[usize]) {
        let n = self.g.node(id).clone();
        let shape = self.g.shape(n.args[0]).to_vec();
        let mut src = self.contiguous(n.args[0]);
        let adjacent = axes.windows(2).all(|w| w[1] == w[0] + 1);
        if !adjacent {
            // The folded axes go last, in one copy.
            let strides = strides(&shape);
            let order = (0..shape.len()).filter(|i| !axes.contains(i)).chain(axes.iter().copied());
            let walk = merge(Walk { offset: 0, axes: order.map(|i| (shape[i], strides[i])).collect() });
            src = self.expand(n.args[0], walk, shape.iter().product());
        }
        let axis: usize = axes.iter().map(|i| shape[*i]).product();
        let inner: usize = if adjacent { shape[axes[axes.len() - 1] + 1..].iter().product() } else { 1 };
        let dst = self.result(id);
        self.body.push(Ins::Reduce { fold, src, outer: n.size() / inner, axis, inner, dst });
    }

    /// Chooses the tile and lays out the registers by their last use.
    fn finish(mut self) -> RowKernel {
        let widest = self.s.kernels[self.index]
            .nodes
            .iter()
            .filter(|n| self.s.class[n.index()] == Class::Row)
            .map(|n| self.size(*n))
            .chain(self.registers.iter().copied())
            .max()
            .unwrap_or(1)
            .max(1);
        let tile = (TILE / widest).clamp(1, if self.flat { 2048 } else { 128 });
        let mut last = vec![0usize; self.registers.len()];
        for (i, ins) in self.body.iter_mut().enumerate() {
            ins.visit(&mut |a, _| {
                if let Addr::Reg(v) = a {
                    last[*v] = i;
                }
            });
        }
        let length = |size: usize| (size * tile).next_multiple_of(16);
        let mut offset: Vec<Option<usize>> = vec![None; self.registers.len()];
        let mut scratch = 0;
        for ins in &mut self.hoisted {
            ins.visit(&mut |a, write| {
                if let (Addr::Reg(v), true) = (&*a, write) {
                    offset[*v] = Some(scratch);
                    scratch += length(self.registers[*v]);
                }
            });
        }
        let mut used: Vec<(usize, usize, usize)> = Vec::new(); // (start, end, last use)
        let floor = scratch;
        for (i, ins) in self.body.iter_mut().enumerate() {
            ins.visit(&mut |a, write| {
                let Addr::Reg(v) = a else { return };
                if write && offset[*v].is_none() {
                    used.retain(|u| u.2 >= i);
                    used.sort_unstable();
                    let need = length(self.registers[*v]);
                    let mut at = floor;
                    for u in &used {
                        if at + need <= u.0 {
                            break;
                        }
                        at = at.max(u.1);
                    }
                    used.push((at, at + need, last[*v]));
                    offset[*v] = Some(at);
                    scratch = scratch.max(at + need);
                }
            });
        }
        for ins in self.hoisted.iter_mut().chain(self.body.iter_mut()) {
            ins.visit(&mut |a, _| {
                if let Addr::Reg(v) = a {
                    *a = Addr::Reg(offset[*v].expect("registers are written before they are read"));
                }
            });
        }
        RowKernel { tile, hoisted: self.hoisted, body: self.body, scratch }
    }
}

fn strides(shape: &[usize]) -> Vec<usize> {
    let mut s = vec![1; shape.len()];
    for k in (0..shape.len().saturating_sub(1)).rev() {
        s[k] = s[k + 1] * shape[k + 1];
    }
    s
}

/// How an operand of shape `own` is read to fill `shape` (right-aligned broadcast).
fn walk(own: &[usize], shape: &[usize]) -> Walk {
    let s = strides(own);
    let extra = shape.len() - own.len();
    let axes = shape.iter().enumerate().map(|(i, n)| (*n, if i < extra || own[i - extra] == 1 { 0 } else { s[i - extra] })).collect();
    merge(Walk { offset: 0, axes })
}

/// Joins axes that are contiguous with their inner neighbour and drops those of length 1.
fn merge(w: Walk) -> Walk {
    let mut out: Vec<(usize, usize)> = Vec::new();
    for (n, s) in w.axes.into_iter().filter(|(n, _)| *n != 1) {
        match out.last_mut() {
            Some((m, t)) if *t == n * s => {
                *m *= n;
                *t = s;
            }
            _ => out.push((n, s)),
        }
    }
    Walk { offset: w.offset, axes: out }
}
