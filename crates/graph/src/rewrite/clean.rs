//! Dead code, common subexpressions, constants.

use super::{Rewrite, Rewrites, Rooted};
use crate::domain::Domain;
use crate::feed::Feed;
use crate::ir::{Binary, Graph, Id, Node, Op, Unary, broadcast_shape};
use crate::reference;
use std::collections::BTreeMap;

/// Constants up to this size are folded.
const FOLD: usize = 1 << 14;

/// Copies what `roots` need into a new graph, with the clean-ups that are on.
pub fn clean(g: &Graph, roots: &[Id], on: &Rewrites) -> Rooted {
    let mut live = vec![false; g.nodes.len()];
    for r in roots {
        live[r.index()] = true;
    }
    for i in (0..g.nodes.len()).rev() {
        if live[i] {
            for a in &g.nodes[i].args {
                live[a.index()] = true;
            }
        }
    }
    let mut out = g.like();
    let mut map: Vec<Option<Id>> = vec![None; g.nodes.len()];
    let mut seen: BTreeMap<String, Id> = BTreeMap::new();
    for i in 0..g.nodes.len() {
        if !live[i] {
            continue;
        }
        let mut n = g.nodes[i].clone();
        for a in &mut n.args {
            *a = map[a.index()].expect("operands come first");
        }
        let mut id = None;
        if on.has(Rewrite::Constants) {
            relax(&out, &mut n);
            id = neutral(&out, &n);
            if id.is_none() {
                fold(&out, &mut n);
            }
        }
        let id = id.unwrap_or_else(|| {
            if !on.has(Rewrite::CommonSubexpressions) {
                return out.push(n.op.clone(), n.args.clone(), n.shape.clone(), n.domain);
            }
            let key = format!("{:?}", n);
            *seen.entry(key).or_insert_with(|| out.push(n.op.clone(), n.args.clone(), n.shape.clone(), n.domain))
        });
        map[i] = Some(id);
    }
    // Folding may have left operands that nobody reads any more.
    let roots: Vec<Id> = roots.iter().map(|r| map[r.index()].expect("roots are live")).collect();
    if out.nodes.len() < g.nodes.len() { clean(&out, &roots, on) } else { Rooted { graph: out, roots } }
}

/// Drops explicit broadcasts and lifts where the operation that reads them does the same implicitly.
fn relax(g: &Graph, n: &mut Node) {
    if !matches!(n.op, Op::Binary(_) | Op::Select) {
        return;
    }
    for k in 0..n.args.len() {
        while matches!(g.node(n.args[k]).op, Op::Broadcast | Op::Lift) {
            let mut args = n.args.clone();
            args[k] = g.node(n.args[k]).args[0];
            let shape = args.iter().fold(vec![], |s, a| broadcast_shape(&s, g.shape(*a)));
            let domain = g.normalize(args.iter().fold(Domain::UNIT, |d, a| d.join(g.domain(*a))));
            if shape != n.shape || domain != n.domain {
                break;
            }
            n.args = args;
        }
    }
}

fn constant(g: &Graph, id: Id, x: f64) -> bool {
    matches!(&g.node(id).op, Op::Const(v) if v.iter().all(|y| *y == x))
}

/// The operand that the node equals, if it is a neutral operation.
fn neutral(g: &Graph, n: &Node) -> Option<Id> {
    let same = |id: Id| (g.shape(id) == n.shape && g.domain(id) == n.domain).then_some(id);
    match &n.op {
        Op::Binary(Binary::Add) if constant(g, n.args[1], 0.0) => same(n.args[0]),
        Op::Binary(Binary::Add) if constant(g, n.args[0], 0.0) => same(n.args[1]),
        Op::Binary(Binary::Sub) if constant(g, n.args[1], 0.0) => same(n.args[0]),
        Op::Binary(Binary::Mul | Binary::Div) if constant(g, n.args[1], 1.0) => same(n.args[0]),
        Op::Binary(Binary::Mul) if constant(g, n.args[0], 1.0) => same(n.args[1]),
        Op::Unary(Unary::Neg) if g.node(n.args[0]).op == Op::Unary(Unary::Neg) => same(g.node(n.args[0]).args[0]),
        Op::Broadcast | Op::Lift | Op::Reshape => same(n.args[0]),
        Op::Reduce { .. } if g.node(n.args[0]).size() == n.size() => None,
        _ => None,
    }
}

/// Evaluates a node of constants.
fn fold(g: &Graph, n: &mut Node) {
    if n.args.is_empty()
        || n.domain != Domain::UNIT
        || n.size() > FOLD
        || matches!(n.op, Op::Random { .. })
        || !n.args.iter().all(|a| matches!(g.node(*a).op, Op::Const(_)))
    {
        return;
    }
    let mut tiny = Graph::default();
    let args = n.args.iter().map(|a| tiny.push(g.node(*a).op.clone(), vec![], g.shape(*a).to_vec(), Domain::UNIT)).collect();
    let id = tiny.push(n.op.clone(), args, n.shape.clone(), n.domain);
    let v = reference::evaluate(&tiny, &Feed::new(&tiny, 1), &reference::Reading::default(), &[id]).remove(0);
    n.op = Op::Const(v.into());
    n.args.clear();
}
