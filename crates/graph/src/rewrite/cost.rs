//! Operation and byte counts of a graph.

use crate::domain::Domain;
use crate::ir::{Graph, Node, Op};

/// Arithmetic operations (a multiply–add is two) of one node for `batch` examples.
pub fn operations(g: &Graph, n: &Node, batch: usize) -> f64 {
    let arg = |k: usize| g.node(n.args[k]);
    let rows = g.rows(n.domain, batch) as f64;
    match &n.op {
        Op::Dot { ta, .. } => {
            let a = arg(0);
            let joined = g.normalize(a.domain.join(arg(1).domain));
            let k = a.shape[a.shape.len() - if *ta { 2 } else { 1 }];
            2.0 * g.rows(joined, batch) as f64 * (n.size() * k) as f64
        }
        Op::Reduce { .. } => rows * arg(0).size() as f64,
        Op::ReduceRows(_) => g.rows(arg(0).domain, batch) as f64 * n.size() as f64,
        Op::ScatterAdd { .. } => g.rows(g.normalize(arg(0).domain.join(arg(1).domain)), batch) as f64 * arg(0).size() as f64,
        Op::CrossEntropy(_) | Op::CrossEntropyGrad(_) | Op::Collapsed(_) => 4.0 * rows * arg(0).size() as f64,
        Op::Unary(_) | Op::Binary(_) | Op::Select | Op::Cast(_) => rows * n.size() as f64,
        Op::Eigh => 9.0 * rows * (arg(0).shape[0] as f64).powi(3),
        Op::Svd => {
            let (m, k) = (arg(0).shape[0] as f64, arg(0).shape[1] as f64);
            rows * (4.0 * m * k * m.min(k) + 8.0 * m.min(k).powi(3))
        }
        _ => 0.0,
    }
}

/// Operations of a whole graph.
pub fn total(g: &Graph, batch: usize) -> f64 {
    g.nodes.iter().map(|n| operations(g, n, batch)).sum()
}

/// Bytes that pass through memory when every node reads its operands and writes its result once, `width` bytes a number.
pub fn bytes(g: &Graph, batch: usize, width: usize) -> f64 {
    let of = |n: &Node| (g.rows(n.domain, batch) * n.size() * width) as f64;
    let leaf = |n: &Node| matches!(n.op, Op::State(_) | Op::Const(_) | Op::Scalar(_) | Op::Token(_) | Op::Index(_) | Op::Feature(_) | Op::Reshape);
    g.nodes.iter().filter(|n| !leaf(n)).map(|n| of(n) + n.args.iter().map(|a| of(g.node(*a))).sum::<f64>()).sum()
}

/// Multiply–adds of a product `[1, k]·[k, n]` for each row of `d`.
pub(super) fn row_product(g: &Graph, d: Domain, k: usize, n: usize, batch: usize) -> f64 {
    g.rows(d, batch) as f64 * k as f64 * n as f64
}
