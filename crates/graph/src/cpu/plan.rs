//! Where every value lives: whole-domain buffers, chunk-local buffers of a lane, accumulators, states.

use super::ins::Addr;
use super::schedule::{Class, Gemm, Schedule, base, extent};
use crate::domain::Domain;
use crate::ir::{Fold, Graph, Id, Op};
use std::collections::BTreeMap;

/// Numbers that a lane's chunk-local buffers should hold at most: they are to stay in the second-level cache.
const LANE_BUDGET: usize = 512 * 1024;
/// Buffers start at multiples of this many elements.
const ALIGN: usize = 16;
/// Below this many operations in its slot phases a program has one lane.
const LANE_WORK: f64 = 4e6;

/// An array of indices that the feed provides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArrayRef {
    /// Tokens of a coordinate by rows of a domain.
    Tokens(Domain, usize),
    /// An index input.
    Index(usize),
}

/// An accumulator to be cleared before, and summed over lanes after, a phase.
#[derive(Debug, Clone, Copy)]
pub struct Clear {
    /// Phase.
    pub phase: usize,
    /// Whole-domain buffer.
    pub global: usize,
    /// Copy of later lanes, for slot phases.
    pub lane: Option<usize>,
    /// Numbers.
    pub len: usize,
    /// How lanes combine, and what the start is.
    pub fold: Fold,
}

/// The memory plan.
#[derive(Debug, Clone, Default)]
pub struct Places {
    addr: BTreeMap<Id, Addr>,
    /// Constants, one after the other.
    pub consts: Vec<f64>,
    constant: BTreeMap<Id, usize>,
    /// Row maps that kernels read.
    pub maps: Vec<(Domain, Domain)>,
    /// Index arrays that kernels read.
    pub arrays: Vec<ArrayRef>,
    /// Numbers in whole-domain buffers.
    pub global: usize,
    /// Numbers in one lane's chunk-local buffers.
    pub lane: usize,
    /// Numbers in one later lane's accumulators.
    pub acc: usize,
    /// Rows of a chunk.
    pub chunk: usize,
    /// Lanes of a slot phase: a property of the shapes, not of the threads.
    pub lanes: usize,
    /// Accumulators.
    pub clears: Vec<Clear>,
    /// States that could not be updated in place: copied at the end.
    pub copies: Vec<(Addr, usize)>,
}

impl Places {
    /// Plans the memory of a schedule for batches of up to `capacity` examples.
    pub fn plan(g: &Graph, s: &Schedule, updates: &[(usize, Id)], outputs: &[Id], capacity: usize) -> Places {
        let mut p = Places::default();
        let phase = |id: Id| s.kernels[s.kernel_of[id.index()].expect("placed values have kernels")].phase;
        p.updates(g, s, updates, outputs);
        // (first kernel, last kernel, numbers a row) of lane buffers, in order.
        let mut local: Vec<(Id, usize, usize, usize)> = Vec::new();
        for (k, kernel) in s.kernels.iter().enumerate() {
            for id in &kernel.nodes {
                let (id, n) = (*id, g.node(*id));
                if p.addr.contains_key(&id) {
                    continue;
                }
                let class = s.class[id.index()];
                let readers = &s.readers[id.index()];
                let is_output = outputs.iter().any(|o| base(g, *o) == id) || updates.iter().any(|u| base(g, u.1) == id);
                let crosses = is_output || readers.iter().any(|r| s.kernel_of[r.index()] != Some(k));
                if class == Class::Row && !crosses {
                    continue;
                }
                let over_slot = extent(g, id) == Domain::SLOT && class != Class::Opaque;
                let folds = class == Class::Fold || class == Class::Gemm(Gemm::SumRows);
                let len = g.rows(n.domain, capacity) * n.size();
                if over_slot && n.domain == Domain::SLOT && !is_output && readers.iter().all(|r| phase(*r) == kernel.phase) {
                    let last = readers.iter().filter_map(|r| s.kernel_of[r.index()]).max().unwrap_or(k);
                    local.push((id, k, last, n.size().next_multiple_of(ALIGN)));
                    continue;
                }
                let global = p.take(len);
                let fold = if let Op::ReduceRows(f) = n.op { f } else { Fold::Sum };
                if folds && over_slot {
                    let lane = p.acc;
                    p.acc += len.next_multiple_of(ALIGN);
                    p.clears.push(Clear { phase: kernel.phase, global, lane: Some(lane), len, fold });
                    p.addr.insert(id, Addr::Acc { global, lane });
                } else {
                    if class == Class::Fold {
                        p.clears.push(Clear { phase: kernel.phase, global, lane: None, len, fold });
                    }
                    p.addr.insert(id, Addr::Global(global));
                }
            }
        }
        p.lay_out_lanes(g, s, &local, capacity);
        for (state, u) in updates {
            let b = base(g, *u);
            if p.addr.get(&b) != Some(&Addr::State(*state)) {
                p.copies.push((p.addr[&b], *state));
            }
        }
        p
    }

    fn take(&mut self, len: usize) -> usize {
        let at = self.global;
        self.global += len.next_multiple_of(ALIGN);
        at
    }

    /// Updates that may be written over their state: elementwise, of the state's size, and no later kernel reads the state.
    fn updates(&mut self, g: &Graph, s: &Schedule, updates: &[(usize, Id)], outputs: &[Id]) {
        for (state, u) in updates {
            let b = base(g, *u);
            let Some(k) = s.kernel_of[b.index()] else { continue };
            let kernel = &s.kernels[k];
            let flat = matches!(kernel.key, super::schedule::Key::Flat(n) if n == g.node(*u).size());
            let read_later = g.nodes.iter().enumerate().any(|(i, n)| {
                let reads = n.args.iter().any(|a| matches!(g.node(base(g, *a)).op, Op::State(j) if j == *state));
                reads && s.kernel_of[i].is_some_and(|other| other > k)
            });
            let output = outputs.iter().any(|o| base(g, *o) == b);
            if s.class[b.index()] == Class::Row && flat && !read_later && !output && !self.addr.contains_key(&b) {
                // Other kernels must not read the new value from the state: they would be later readers of `b`.
                if s.readers[b.index()].iter().all(|r| s.kernel_of[r.index()] == Some(k)) {
                    self.addr.insert(b, Addr::State(*state));
                }
            }
        }
    }

    fn lay_out_lanes(&mut self, g: &Graph, s: &Schedule, local: &[(Id, usize, usize, usize)], capacity: usize) {
        let mut placed: Vec<(usize, usize, usize)> = Vec::new(); // (start, end, last kernel)
        let mut at: Vec<usize> = Vec::new();
        let mut peak = 0;
        for (_, first, last, size) in local {
            placed.retain(|p| p.2 >= *first);
            placed.sort_unstable();
            let mut start = 0;
            for p in &placed {
                if start + size <= p.0 {
                    break;
                }
                start = start.max(p.1);
            }
            placed.push((start, start + size, *last));
            peak = peak.max(start + size);
            at.push(start);
        }
        let work: f64 =
            s.kernels.iter().filter(|k| k.phase % 2 == 1).flat_map(|k| &k.nodes).map(|n| crate::rewrite::cost::operations(g, g.node(*n), capacity)).sum();
        self.lanes = if work >= LANE_WORK && capacity >= 2 * ALIGN { 2 } else { 1 };
        let share = capacity.div_ceil(self.lanes);
        let fits = (LANE_BUDGET / peak.max(1)).clamp(32, 512) / ALIGN * ALIGN;
        // Chunks of equal size, as few as fit.
        self.chunk = share.div_ceil(share.div_ceil(fits)).max(1);
        self.lane = peak * self.chunk;
        for ((id, ..), start) in local.iter().zip(at) {
            self.addr.insert(*id, Addr::Lane(start * self.chunk));
        }
    }

    /// The planned place of a value, if it leaves its kernel.
    pub fn of(&self, id: Id) -> Option<Addr> {
        self.addr.get(&id).copied()
    }

    /// The place of a constant.
    pub fn constant(&mut self, g: &Graph, id: Id) -> Addr {
        let Op::Const(v) = &g.node(id).op else { panic!("not a constant") };
        let consts = &mut self.consts;
        Addr::Const(*self.constant.entry(id).or_insert_with(|| {
            let at = consts.len().next_multiple_of(ALIGN);
            consts.resize(at, 0.0);
            consts.extend_from_slice(v);
            at
        }))
    }

    /// The number of the map from rows of `big` to rows of `small`.
    pub fn map(&mut self, big: Domain, small: Domain) -> usize {
        number(&mut self.maps, (big, small))
    }

    /// The number of a token array.
    pub fn tokens(&mut self, d: Domain, c: usize) -> usize {
        number(&mut self.arrays, ArrayRef::Tokens(d, c))
    }

    /// The number of an index input's array.
    pub fn indices(&mut self, i: usize) -> usize {
        number(&mut self.arrays, ArrayRef::Index(i))
    }
}

fn number<X: PartialEq>(list: &mut Vec<X>, x: X) -> usize {
    list.iter().position(|y| *y == x).unwrap_or_else(|| {
        list.push(x);
        list.len() - 1
    })
}
