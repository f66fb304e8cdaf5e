//! The fast executor: one program compiled to a fixed list of kernels over preplanned buffers.
//!
//! A program never allocates in a step after the first, and gives the same bits for any number of threads: the cutting of work
//! into lanes and chunks depends on shapes alone.

mod emit;
mod gemm;
mod ins;
mod interpret;
mod math;
mod memory;
mod plan;
mod schedule;
mod simd;

pub use interpret::Level;
pub use math::Real;
pub use memory::Memory;

use crate::domain::Domain;
use crate::feed::Feed;
use crate::ir::{Graph, Id, Op, Unary};
use crate::linalg;
use emit::Emitter;
use gemm::View;
use ins::{Addr, RowKernel};
pub use interpret::Vector;
use interpret::{Ctx, Scratch3};
use memory::Shared;
use plan::{ArrayRef, Places};
use schedule::{Class, Gemm, Key, Schedule, base, dot_dims, extent};

/// Who runs the lanes of a slot phase. Threads belong to the caller.
pub trait Parallel: Sync {
    /// Calls `task` once for each of `0..n`, in any order, on any thread, and returns when all have finished.
    fn run(&self, n: usize, task: &(dyn Fn(usize) + Sync));
}

/// One after the other, on the caller's thread.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sequential;

impl Parallel for Sequential {
    fn run(&self, n: usize, task: &(dyn Fn(usize) + Sync)) {
        for i in 0..n {
            task(i);
        }
    }
}

/// What a run of a program reads besides its batch and states.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// Run-time scalars, in the graph's order.
    pub scalars: &'a [f64],
    /// Seed of random tensors.
    pub seed: u64,
    /// Step, as the generator's counter.
    pub step: u64,
}

/// A dense product of a step.
#[derive(Debug, Clone)]
struct Product {
    kind: Gemm,
    extent: Domain,
    dims: (usize, usize, usize, usize),
    ta: bool,
    tb: bool,
    l: (Addr, usize),
    r: (Addr, usize),
    d: (Addr, usize),
}

#[derive(Debug, Clone)]
enum Work {
    Rows { kernel: RowKernel, extent: Domain, flat: Option<usize> },
    Product(Product),
    Opaque { op: Op, shape: Vec<usize>, domain: Domain, src: (Addr, usize), dst: (Addr, usize) },
}

/// A compiled program for working type `T`.
#[derive(Debug)]
pub struct Program<T> {
    steps: Vec<(usize, Work)>,
    places: Places,
    consts: Vec<T>,
    capacity: usize,
    outputs: Vec<(Addr, Domain, usize)>,
    states: Vec<usize>,
    features: Vec<usize>,
    scalars: usize,
    scratch: usize,
    level: Level,
    operations: f64,
    /// For each index array that kernels read: every index must be below this.
    bounds: Vec<usize>,
}

impl<T: Vector> Program<T> {
    /// Compiles `updates` (state ← node) and `outputs` of a cleaned-up graph, for batches of up to `capacity` examples.
    pub fn compile(g: &Graph, updates: &[(usize, Id)], outputs: &[Id], capacity: usize, fuse: bool) -> Program<T> {
        let mut g = g.clone();
        // A leaf that is asked for is copied, so that every root has a kernel of its own.
        let mut seen: Vec<Id> = Vec::new();
        let mut owned = |g: &mut Graph, id: Id| {
            let b = base(g, id);
            let leaf = matches!(g.node(b).op, Op::State(_) | Op::Scalar(_) | Op::Const(_) | Op::Feature(_));
            if leaf || seen.contains(&b) {
                return g.unary(Unary::Stop, id);
            }
            seen.push(b);
            id
        };
        let updates: Vec<(usize, Id)> = updates.iter().map(|(i, u)| (*i, owned(&mut g, *u))).collect();
        let outputs: Vec<Id> = outputs.iter().map(|o| owned(&mut g, *o)).collect();
        let last: Vec<Id> = updates.iter().map(|u| u.1).collect();
        let roots: Vec<Id> = last.iter().chain(&outputs).copied().collect();
        let s: Schedule = schedule::schedule(&g, &roots, &last, fuse);
        let mut places = Places::plan(&g, &s, &updates, &outputs, capacity);
        let mut steps = Vec::new();
        let mut scratch = 0;
        for (i, k) in s.kernels.iter().enumerate() {
            let first = k.nodes[0];
            let work = match s.class[first.index()] {
                Class::Gemm(kind) => Work::Product(product(&g, &mut places, first, kind)),
                Class::Opaque => {
                    let n = g.node(first);
                    let src = operand(&g, &mut places, n.args[0]);
                    Work::Opaque { op: n.op.clone(), shape: g.shape(n.args[0]).to_vec(), domain: n.domain, src, dst: operand(&g, &mut places, first) }
                }
                _ => {
                    let kernel = Emitter::kernel(&g, &s, &mut places, i);
                    scratch = scratch.max(kernel.scratch);
                    let flat = match k.key {
                        Key::Flat(n) => Some(n),
                        Key::Alone(j) if kernel_is_flat(&g, j) => Some(g.nodes[j].size()),
                        _ => None,
                    };
                    Work::Rows { kernel, extent: extent(&g, first), flat }
                }
            };
            steps.push((k.phase, work));
        }
        let outputs = outputs.iter().map(|o| (places.of(base(&g, *o)).expect("outputs are placed"), g.domain(*o), g.node(*o).size())).collect();
        let operations = s.kernels.iter().flat_map(|k| &k.nodes).map(|n| crate::rewrite::cost::operations(&g, g.node(*n), capacity)).sum();
        Program {
            steps,
            consts: places.consts.iter().map(|x| T::of(*x)).collect(),
            capacity,
            outputs,
            states: g.states.iter().map(|s| s.shape.iter().product()).collect(),
            features: g.features.iter().map(|f| f.1).collect(),
            scalars: g.scalars.len(),
            scratch,
            level: Level::detect(),
            operations,
            bounds: places.arrays.iter().map(|a| bound(&g, *a)).collect(),
            places,
        }
    }

    /// Uses another instruction set (it must be available on this machine).
    pub fn with_level(mut self, level: Level) -> Program<T> {
        self.level = level;
        self
    }

    /// Buffers for one run of this program at a time.
    pub fn memory(&self) -> Memory<T> {
        Memory::new(&self.places, self.scratch, self.scalars, self.features.len(), self.states.len())
    }

    /// Bytes that [`Program::memory`] takes.
    pub fn bytes(&self) -> usize {
        let p = &self.places;
        (p.global + p.lanes * (p.lane + self.scratch) + (p.lanes - 1) * p.acc + self.consts.len()) * size_of::<T>()
    }

    /// Arithmetic operations of a run at full capacity.
    pub fn operations(&self) -> f64 {
        self.operations
    }

    /// Kernels, by kind: (row kernels, matrix products, decompositions).
    pub fn kernels(&self) -> (usize, usize, usize) {
        let count = |f: &dyn Fn(&Work) -> bool| self.steps.iter().filter(|s| f(&s.1)).count();
        (count(&|w| matches!(w, Work::Rows { .. })), count(&|w| matches!(w, Work::Product(_))), count(&|w| matches!(w, Work::Opaque { .. })))
    }

    /// Rows of a chunk and number of lanes of a slot phase.
    pub fn chunking(&self) -> (usize, usize) {
        (self.places.chunk, self.places.lanes)
    }

    /// Runs the program: reads states, batch and scalars, writes outputs, and updates states in place.
    ///
    /// # Panics
    /// When states, batch or scalars do not have the shapes with which the program was compiled, or an index is out of range.
    pub fn run(&self, memory: &mut Memory<T>, states: &mut [Vec<T>], feed: &Feed, inputs: Inputs<'_>, threads: &dyn Parallel) {
        assert!(feed.batch().rows <= self.capacity, "a batch of {} for a program of {}", feed.batch().rows, self.capacity);
        assert_eq!(states.len(), self.states.len(), "number of states");
        assert!(states.iter().zip(&self.states).all(|(s, n)| s.len() == *n), "sizes of states");
        assert!(inputs.scalars.len() == self.scalars, "number of scalars");
        self.prepare(memory, states, feed, inputs);
        let phases = self.steps.last().map_or(0, |s| s.0 + 1);
        for phase in 0..phases {
            let from = self.steps.partition_point(|s| s.0 < phase);
            let to = self.steps.partition_point(|s| s.0 <= phase);
            if from == to {
                continue;
            }
            let steps = &self.steps[from..to];
            self.clear(memory, phase);
            let random = (inputs.seed, inputs.step);
            if phase % 2 == 0 {
                // SAFETY: the context is this program's, and no other thread runs.
                unsafe {
                    let (ctx, heads) = memory.context(0, &self.consts, random);
                    for (_, w) in steps {
                        let n = match w {
                            Work::Rows { flat: Some(n), .. } => *n,
                            Work::Rows { extent, .. } => feed.rows(*extent),
                            Work::Product(p) => feed.rows(p.extent),
                            Work::Opaque { domain, .. } => feed.rows(*domain),
                        };
                        self.work(w, &ctx, 0, n, heads);
                    }
                }
                continue;
            }
            let rows = feed.batch().rows;
            let lanes = self.places.lanes;
            // Lane boundaries depend on the capacity alone.
            let share = self.capacity.div_ceil(self.places.chunk).div_ceil(lanes) * self.places.chunk;
            let shared = Shared(memory);
            let lane = |i: usize| {
                let (first, last) = ((i * share).min(rows), ((i + 1) * share).min(rows));
                // SAFETY: every lane writes only its own chunk-local buffers, scratch and accumulators, and its own rows of
                // whole-domain buffers.
                unsafe {
                    let (mut ctx, heads) = shared.get().context(i, &self.consts, random);
                    let mut at = first;
                    while at < last {
                        let end = (at + self.places.chunk).min(last);
                        ctx.chunk = at;
                        for (_, w) in steps {
                            self.work(w, &ctx, at, end, heads);
                        }
                        at = end;
                    }
                }
            };
            if lanes == 1 {
                lane(0)
            } else {
                threads.run(lanes, &lane)
            }
            self.combine(memory, phase);
        }
        for (from, state) in &self.places.copies {
            // SAFETY: planned addresses.
            unsafe {
                let (ctx, _) = memory.context(0, &self.consts, (0, 0));
                let src = ctx.at(*from, 1, 0, 0).cast_const();
                std::ptr::copy(src, ctx.states[*state], self.states[*state]);
            }
        }
    }

    /// Refreshes what the buffers know of states, batch and scalars.
    fn prepare(&self, memory: &mut Memory<T>, states: &mut [Vec<T>], feed: &Feed, inputs: Inputs<'_>) {
        let array = |a| match a {
            ArrayRef::Tokens(d, c) => feed.tokens(d, c),
            ArrayRef::Index(i) => &feed.batch().indices[i],
        };
        // Kernels address rows by these numbers without looking: they are checked once a run.
        for (a, bound) in self.places.arrays.iter().zip(&self.bounds) {
            assert!(array(*a).iter().all(|i| (*i as usize) < *bound), "an index of {a:?} is not below {bound}");
        }
        let batch = feed.batch();
        assert!(batch.indices.iter().all(|v| v.len() == batch.rows), "an index for every example");
        assert!(batch.features.iter().zip(&self.features).all(|(v, width)| v.len() == batch.rows * width), "dense inputs for every example");
        memory.prepare(states, feed, inputs.scalars, &self.places.maps, array, &self.places.arrays);
    }

    /// The numbers of output `k` after a run: `rows × size`.
    pub fn output<'m>(&self, memory: &'m Memory<T>, feed: &Feed, k: usize) -> &'m [T] {
        let (addr, domain, size) = self.outputs[k];
        let at = match addr {
            Addr::Global(o) | Addr::Acc { global: o, .. } => o,
            _ => panic!("outputs lie in whole-domain buffers"),
        };
        &memory.global()[at..at + feed.rows(domain) * size]
    }

    fn clear(&self, memory: &mut Memory<T>, phase: usize) {
        for c in self.places.clears.iter().filter(|c| c.phase == phase) {
            let start = if c.fold == crate::ir::Fold::Sum { T::ZERO } else { T::NEG_INF };
            memory.fill(c, start);
        }
    }

    fn combine(&self, memory: &mut Memory<T>, phase: usize) {
        for c in self.places.clears.iter().filter(|c| c.phase == phase) {
            memory.combine(c);
        }
    }

    /// # Safety
    /// The context must be this program's; rows `from..to` must be live.
    unsafe fn work(&self, w: &Work, c: &Ctx<'_, T>, from: usize, to: usize, heads: &mut Scratch3) {
        unsafe {
            match w {
                Work::Rows { kernel, .. } => T::rows(self.level, kernel, c, from, to, heads),
                Work::Product(p) => multiply(p, c, from, to),
                Work::Opaque { op, shape, src, dst, .. } => {
                    for r in from..to {
                        let a: Vec<f64> = (0..src.1).map(|i| (*c.at(src.0, src.1, r, r).add(i)).to()).collect();
                        let out = if matches!(op, Op::Eigh) { linalg::eigh(&a, shape[0]) } else { linalg::svd(&a, shape[0], shape[1]) };
                        for (i, x) in out.iter().enumerate() {
                            *c.at(dst.0, dst.1, r, r).add(i) = T::of(*x);
                        }
                    }
                }
            }
        }
    }
}

/// The least upper bound that readers of an index array put on its entries.
fn bound(g: &Graph, array: ArrayRef) -> usize {
    let reads = |id: Id| match (&g.node(id).op, array) {
        (Op::Token(c), ArrayRef::Tokens(d, k)) => *c == k && g.domain(id) == d,
        (Op::Index(i), ArrayRef::Index(k)) => *i == k,
        _ => false,
    };
    g.nodes
        .iter()
        .filter(|n| n.args.iter().any(|a| reads(*a)))
        .map(|n| match n.op {
            Op::Gather => g.shape(n.args[0])[0],
            Op::ScatterAdd { n } | Op::OneHot { n } => n,
            Op::CrossEntropy(_) | Op::CrossEntropyGrad(_) => g.shape(n.args[0])[0],
            _ => usize::MAX,
        })
        .min()
        .unwrap_or(usize::MAX)
}

fn kernel_is_flat(g: &Graph, i: usize) -> bool {
    let n = &g.nodes[i];
    n.domain == Domain::UNIT
        && matches!(n.op, Op::Unary(_) | Op::Binary(_) | Op::Select | Op::Cast(_))
        && n.args.iter().all(|a| g.node(*a).size() == n.size() || g.node(*a).size() == 1)
}

/// Place and row size of an operand that is read whole.
fn operand(g: &Graph, places: &mut Places, id: Id) -> (Addr, usize) {
    let b = base(g, id);
    let n = g.node(b);
    let addr = match n.op {
        Op::State(i) => Addr::State(i),
        Op::Feature(i) => Addr::Feature(i),
        Op::Scalar(i) => Addr::Scalar(i),
        Op::Const(_) => places.constant(g, b),
        _ => places.of(b).unwrap_or_else(|| panic!("{b:?} {:?} has no place", n.op)),
    };
    (addr, n.size())
}

fn product(g: &Graph, places: &mut Places, id: Id, kind: Gemm) -> Product {
    let n = g.node(id).clone();
    let Op::Dot { ta, tb } = n.op else { panic!("not a product") };
    Product {
        kind,
        extent: extent(g, id),
        dims: dot_dims(g, id),
        ta,
        tb,
        l: operand(g, places, n.args[0]),
        r: operand(g, places, n.args[1]),
        d: operand(g, places, id),
    }
}

/// # Safety
/// As for [`Program::work`].
unsafe fn multiply<T: Vector>(p: &Product, c: &Ctx<'_, T>, from: usize, to: usize) {
    let (b, m, k, n) = p.dims;
    let rows = to - from;
    let v = |ptr: *mut T, rs: usize, cs: usize| View { ptr, rs: rs as isize, cs: cs as isize };
    unsafe {
        for h in 0..b {
            match p.kind {
                Gemm::Unit => {
                    let (l, r, d) = (c.at(p.l.0, p.l.1, 0, 0).add(h * m * k), c.at(p.r.0, p.r.1, 0, 0).add(h * k * n), c.at(p.d.0, p.d.1, 0, 0).add(h * m * n));
                    T::gemm(m, n, k, v(d, n, 1), false, if p.ta { v(l, 1, m) } else { v(l, k, 1) }, if p.tb { v(r, 1, k) } else { v(r, n, 1) });
                }
                Gemm::RowsMatrix => {
                    let (l, r, d) =
                        (c.at(p.l.0, p.l.1, from, from).add(h * m * k), c.at(p.r.0, p.r.1, 0, 0).add(h * k * n), c.at(p.d.0, p.d.1, from, from).add(h * m * n));
                    let (count, ls, ds) = if b == 1 { (rows * m, k, n) } else { (rows, b * k, b * n) };
                    T::gemm(count, n, k, v(d, ds, 1), false, v(l, ls, 1), if p.tb { v(r, 1, k) } else { v(r, n, 1) });
                }
                Gemm::SumRows => {
                    // Either one outer product a row (any strides), or `k` stacked rows in each.
                    let (l, r, d) =
                        (c.at(p.l.0, p.l.1, from, from).add(h * m * k), c.at(p.r.0, p.r.1, from, from).add(h * k * n), c.at(p.d.0, p.d.1, 0, 0).add(h * m * n));
                    let (count, ls, rs) = if k == 1 { (rows, b * m, b * n) } else { (rows * k, m, n) };
                    let accumulate = matches!(p.d.0, Addr::Acc { .. });
                    T::gemm(m, n, count, v(d, n, 1), accumulate, v(l, 1, ls), v(r, rs, 1));
                }
            }
        }
    }
}

impl<T: Vector> Program<T> {
    /// Time and description of every kernel, summed over one run on one thread, most expensive first; `now` reads a clock in seconds.
    pub fn profile(&self, memory: &mut Memory<T>, states: &mut [Vec<T>], feed: &Feed, inputs: Inputs<'_>, now: &dyn Fn() -> f64) -> Vec<(String, f64)> {
        let mut spent = vec![0.0; self.steps.len()];
        self.run(memory, states, feed, inputs, &Sequential);
        self.prepare(memory, states, feed, inputs);
        let rows = feed.batch().rows;
        // SAFETY: one lane, one thread. Phases are not cleared: only time is measured here.
        unsafe {
            let (mut ctx, heads) = memory.context(0, &self.consts, (0, 0));
            for phase in 0..self.steps.last().map_or(0, |s| s.0 + 1) {
                let slot = phase % 2 == 1;
                let mut at = 0;
                while at < rows {
                    let end = if slot { (at + self.places.chunk).min(rows) } else { rows };
                    ctx.chunk = if slot { at } else { 0 };
                    for (i, (_, w)) in self.steps.iter().enumerate().filter(|(_, s)| s.0 == phase) {
                        let t = now();
                        match w {
                            Work::Rows { flat: Some(n), .. } => self.work(w, &ctx, 0, *n, heads),
                            Work::Rows { extent, .. } | Work::Product(Product { extent, .. }) if !slot => self.work(w, &ctx, 0, feed.rows(*extent), heads),
                            Work::Opaque { domain, .. } => self.work(w, &ctx, 0, feed.rows(*domain), heads),
                            _ => self.work(w, &ctx, at, end, heads),
                        }
                        spent[i] += now() - t;
                    }
                    at = end;
                }
            }
        }
        let mut out: Vec<(String, f64)> = self.steps.iter().zip(spent).map(|((phase, w), t)| (describe(*phase, w), t)).collect();
        out.sort_by(|a, b| b.1.total_cmp(&a.1));
        out
    }
}

fn describe(phase: usize, w: &Work) -> String {
    match w {
        Work::Rows { kernel, extent, flat } => format!(
            "phase {phase} rows {extent:?}{} tile {} {} instructions",
            flat.map(|n| format!(" flat {n}")).unwrap_or_default(),
            kernel.tile,
            kernel.body.len()
        ),
        Work::Product(p) => {
            format!("phase {phase} product {:?} {:?} b,m,k,n {:?}{}{}", p.kind, p.extent, p.dims, if p.ta { " ta" } else { "" }, if p.tb { " tb" } else { "" })
        }
        Work::Opaque { op, .. } => format!("phase {phase} {op:?}"),
    }
}
