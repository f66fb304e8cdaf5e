//! Which operation runs where: classes, kernels, phases.
//!
//! Row-local operations of one domain and one depth share a kernel. Kernels over the batch slot run chunk by chunk (a *slot
//! phase*), so that what one writes is still in cache when the next reads it; everything else runs whole (a *table phase*).

use crate::domain::Domain;
use crate::ir::{Graph, Id, Op};
use std::collections::BTreeMap;

/// How an operation is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Read in place: state, constant, scalar, input, index.
    Leaf,
    /// Another view of its operand.
    Alias,
    /// Inside a row kernel, one result row for each row.
    Row,
    /// Inside a row kernel, folding rows into a smaller domain.
    Fold,
    /// A matrix product over many rows.
    Gemm(Gemm),
    /// A sequential decomposition.
    Opaque,
}

/// Matrix products that go to the GEMM crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gemm {
    /// Rows times a unit-domain matrix.
    RowsMatrix,
    /// Σ over rows of outer products.
    SumRows,
    /// Both sides without rows.
    Unit,
}

/// Row-local operations with the same key and depth share a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// Elementwise on unit-domain tensors of so many numbers: tiles cut through the tensor.
    Flat(usize),
    /// Row by row over a domain.
    Rows(Domain),
    /// A step of its own.
    Alone(usize),
}

/// A kernel: its key, depth and operations in order.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// What its operations share.
    pub key: Key,
    /// Position in the order of execution.
    pub depth: usize,
    /// Phase (even: tables, odd: slot).
    pub phase: usize,
    /// Operations, in topological order.
    pub nodes: Vec<Id>,
}

/// The schedule of a program.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Class of every node.
    pub class: Vec<Class>,
    /// Kernels in order of execution.
    pub kernels: Vec<Kernel>,
    /// Kernel of every node that has one.
    pub kernel_of: Vec<Option<usize>>,
    /// Readers of every node (through views), as nodes.
    pub readers: Vec<Vec<Id>>,
}

/// The node that holds the numbers of `id`.
pub fn base(g: &Graph, mut id: Id) -> Id {
    while matches!(g.node(id).op, Op::Reshape) {
        id = g.node(id).args[0];
    }
    id
}

/// The domain over whose rows an operation runs.
pub fn extent(g: &Graph, id: Id) -> Domain {
    let n = g.node(id);
    match n.op {
        Op::ReduceRows(_) => g.domain(n.args[0]),
        Op::ScatterAdd { .. } | Op::Dot { .. } => g.normalize(g.domain(n.args[0]).join(g.domain(n.args[1]))),
        _ => n.domain,
    }
}

/// Geometry of a product: batches, m, k, n.
pub fn dot_dims(g: &Graph, id: Id) -> (usize, usize, usize, usize) {
    let n = g.node(id);
    let Op::Dot { ta, .. } = n.op else { panic!("not a product") };
    let s = g.shape(n.args[0]);
    let r = s.len();
    (s[..r - 2].iter().product(), n.shape[r - 2], if ta { s[r - 2] } else { s[r - 1] }, n.shape[r - 1])
}

fn classify(g: &Graph, id: Id) -> Class {
    let n = g.node(id);
    match n.op {
        Op::State(_) | Op::Scalar(_) | Op::Token(_) | Op::Index(_) | Op::Feature(_) | Op::Const(_) => Class::Leaf,
        Op::Reshape => Class::Alias,
        Op::ReduceRows(_) | Op::ScatterAdd { .. } => Class::Fold,
        Op::Eigh | Op::Svd => Class::Opaque,
        Op::Dot { ta, tb } => {
            let (dl, dr, to) = (g.domain(n.args[0]), g.domain(n.args[1]), n.domain);
            let joined = g.normalize(dl.join(dr));
            let (b, m, k, nn) = dot_dims(g, id);
            if joined == Domain::UNIT {
                return Class::Gemm(Gemm::Unit);
            }
            if to == joined {
                // Short sums and narrow results are cheaper beside their neighbours in a row kernel.
                let simple = dr == Domain::UNIT && dl == joined && (m == 1 || (b == 1 && !ta));
                return if simple && k > 8 && nn > 8 { Class::Gemm(Gemm::RowsMatrix) } else { Class::Row };
            }
            let stacked = k == 1 || (b == 1 && ta && !tb);
            if to == Domain::UNIT && dl == joined && dr == joined && stacked && m > 8 && nn > 8 { Class::Gemm(Gemm::SumRows) } else { Class::Fold }
        }
        _ => Class::Row,
    }
}

/// Whether a unit-domain operation is elementwise over tensors of one size (and numbers).
fn flat_size(g: &Graph, id: Id) -> Option<usize> {
    let n = g.node(id);
    let ok = matches!(n.op, Op::Unary(_) | Op::Binary(_) | Op::Select | Op::Cast(_)) && n.domain == Domain::UNIT;
    (ok && n.args.iter().all(|a| g.node(*a).size() == n.size() || g.node(*a).size() == 1)).then(|| n.size())
}

/// Schedules `roots` of `g`; `last` are roots that must run after everything else (updates in place).
pub fn schedule(g: &Graph, roots: &[Id], last: &[Id], fuse: bool) -> Schedule {
    let count = g.nodes.len();
    let mut live = vec![false; count];
    for r in roots {
        live[r.index()] = true;
    }
    for i in (0..count).rev() {
        if live[i] {
            for a in &g.nodes[i].args {
                live[a.index()] = true;
            }
        }
    }
    let class: Vec<Class> = (0..count).map(|i| classify(g, Id(i as u32))).collect();
    let works = |i: usize| live[i] && !matches!(class[i], Class::Leaf | Class::Alias);
    let key: Vec<Key> = (0..count)
        .map(|i| {
            let id = Id(i as u32);
            match class[i] {
                Class::Row | Class::Fold if fuse => match flat_size(g, id) {
                    Some(n) => Key::Flat(n),
                    None => Key::Rows(extent(g, id)),
                },
                _ => Key::Alone(i),
            }
        })
        .collect();
    let args = |i: usize| g.nodes[i].args.iter().map(|a| base(g, *a)).filter(|a| class[a.index()] != Class::Leaf).collect::<Vec<Id>>();
    let mut readers: Vec<Vec<Id>> = vec![Vec::new(); count];
    for i in 0..count {
        if works(i) {
            for a in &g.nodes[i].args {
                readers[base(g, *a).index()].push(Id(i as u32));
            }
        }
    }
    // As early as possible; then the updates last, and again.
    let mut floor = vec![0usize; count];
    let mut depth = vec![0usize; count];
    let step = |depth: &mut [usize], floor: &[usize]| {
        for i in 0..count {
            if works(i) {
                let d = args(i)
                    .iter()
                    .map(|a| if class[a.index()] == Class::Row && key[a.index()] == key[i] { depth[a.index()] } else { depth[a.index()] + 1 })
                    .max()
                    .unwrap_or(0);
                depth[i] = d.max(floor[i]);
            }
        }
    };
    step(&mut depth, &floor);
    let end = depth.iter().max().copied().unwrap_or(0) + 1;
    for r in last {
        let b = base(g, *r);
        if class[b.index()] == Class::Row {
            floor[b.index()] = end;
        }
    }
    step(&mut depth, &floor);
    sink(g, &class, &key, &readers, roots, &mut depth, &works);
    let mut groups: BTreeMap<(usize, Key), Vec<Id>> = BTreeMap::new();
    for i in 0..count {
        if works(i) {
            groups.entry((depth[i], key[i])).or_default().push(Id(i as u32));
        }
    }
    let mut kernels: Vec<Kernel> = groups.into_iter().map(|((depth, key), nodes)| Kernel { key, depth, phase: 0, nodes }).collect();
    let mut kernel_of = vec![None; count];
    for (k, kernel) in kernels.iter().enumerate() {
        for n in &kernel.nodes {
            kernel_of[n.index()] = Some(k);
        }
    }
    // Phases: even for tables, odd for the slot; a slot kernel that reads a fold over the slot waits for the next slot phase.
    let slot = |id: Id| extent(g, id) == Domain::SLOT && class[id.index()] != Class::Opaque;
    for k in 0..kernels.len() {
        let mine = slot(kernels[k].nodes[0]);
        let mut phase = usize::from(mine);
        for n in &kernels[k].nodes {
            for a in args(n.index()) {
                let other = kernel_of[a.index()].expect("operands have kernels");
                if other == k {
                    continue;
                }
                let theirs = kernels[other].phase;
                let whole = slot(a) && g.domain(a) != Domain::SLOT;
                phase = phase.max(match (slot(a), mine) {
                    (true, true) => theirs + if whole { 2 } else { 0 },
                    (false, false) => theirs,
                    _ => theirs + 1,
                });
            }
        }
        kernels[k].phase = phase;
    }
    let mut order: Vec<usize> = (0..kernels.len()).collect();
    order.sort_by_key(|k| (kernels[*k].phase, kernels[*k].depth, *k));
    let mut place = vec![0; kernels.len()];
    for (new, old) in order.iter().enumerate() {
        place[*old] = new;
    }
    let kernels = order.iter().map(|k| kernels[*k].clone()).collect();
    for k in kernel_of.iter_mut().flatten() {
        *k = place[*k];
    }
    Schedule { class, kernels, kernel_of, readers }
}

/// Moves row-local work as late as its readers allow where that keeps fewer numbers alive between kernels.
fn sink(g: &Graph, class: &[Class], key: &[Key], readers: &[Vec<Id>], roots: &[Id], depth: &mut [usize], works: &dyn Fn(usize) -> bool) {
    for i in (0..g.nodes.len()).rev() {
        if !works(i) || class[i] != Class::Row || roots.iter().any(|r| base(g, *r).index() == i) || readers[i].is_empty() {
            continue;
        }
        let latest =
            readers[i].iter().map(|r| if key[r.index()] == key[i] { depth[r.index()] } else { depth[r.index()].saturating_sub(1) }).min().unwrap_or(depth[i]);
        if latest <= depth[i] {
            continue;
        }
        // Operands that would have to be kept only for this node.
        let kept: usize = g.nodes[i]
            .args
            .iter()
            .map(|a| base(g, *a))
            .filter(|a| class[a.index()] == Class::Row && g.domain(*a) == g.nodes[i].domain)
            .filter(|a| readers[a.index()].iter().all(|r| r.index() == i || (key[r.index()] == key[a.index()] && depth[r.index()] == depth[a.index()])))
            .map(|a| g.node(a).size())
            .sum();
        if kept <= g.nodes[i].size() {
            depth[i] = latest;
        }
    }
}
