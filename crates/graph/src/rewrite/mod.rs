//! Rewrites: pure functions from graphs to graphs.
//!
//! Algebraic rewrites ([`linear`]) run on the *forward* graph, before derivatives are taken; after that only clean-up
//! ([`clean`]) and the executor's fusion follow. Each can be switched off by its name.

pub mod clean;
pub mod cost;
pub mod linear;

use crate::ir::{Graph, Id};
use std::collections::BTreeSet;

/// A rewrite that can be switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rewrite {
    /// Sequence positions that nobody reads are not computed.
    Positions,
    /// Tensors are tabulated over the coordinates on which they depend, not over the batch.
    Domains,
    /// Products are re-associated, through sums, concatenations and weighted sums of table rows.
    Reassociate,
    /// A linear map of a gathered row becomes a gathered row of the mapped table.
    LateGather,
    /// Equal subexpressions are computed once.
    CommonSubexpressions,
    /// Expressions of constants are evaluated, neutral operations removed.
    Constants,
    /// Elementwise work is fused into few passes (executor).
    Fusion,
}

impl Rewrite {
    /// All, in the order in which they run.
    pub const ALL: [Rewrite; 7] =
        [Rewrite::Positions, Rewrite::Domains, Rewrite::LateGather, Rewrite::Reassociate, Rewrite::CommonSubexpressions, Rewrite::Constants, Rewrite::Fusion];

    /// The word used on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Rewrite::Positions => "positions",
            Rewrite::Domains => "domains",
            Rewrite::Reassociate => "reassociate",
            Rewrite::LateGather => "late-gather",
            Rewrite::CommonSubexpressions => "common-subexpressions",
            Rewrite::Constants => "constants",
            Rewrite::Fusion => "fusion",
        }
    }

    /// What it does, in a line.
    pub fn summary(self) -> &'static str {
        match self {
            Rewrite::Positions => "sequence positions that nobody reads are not computed",
            Rewrite::Domains => "tensors are tabulated over the coordinates on which they depend",
            Rewrite::Reassociate => "products are re-associated through sums, concatenations and weighted table rows",
            Rewrite::LateGather => "linear maps of gathered rows become gathered rows of mapped tables",
            Rewrite::CommonSubexpressions => "equal subexpressions are computed once",
            Rewrite::Constants => "constants are folded, neutral operations removed",
            Rewrite::Fusion => "elementwise work is fused into few passes over cached tiles",
        }
    }

    /// The rewrite with this name.
    pub fn parse(name: &str) -> Option<Rewrite> {
        Rewrite::ALL.into_iter().find(|r| r.name() == name)
    }
}

/// The rewrites that are on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrites(BTreeSet<Rewrite>);

impl Default for Rewrites {
    fn default() -> Self {
        Rewrites(Rewrite::ALL.into_iter().collect())
    }
}

impl Rewrites {
    /// No rewrite: the plain program.
    pub fn none() -> Rewrites {
        Rewrites(BTreeSet::new())
    }

    /// Whether `r` is on.
    pub fn has(&self, r: Rewrite) -> bool {
        self.0.contains(&r)
    }

    /// The same without `r`.
    pub fn without(mut self, r: Rewrite) -> Rewrites {
        self.0.remove(&r);
        self
    }

    /// The same with `r`.
    pub fn with(mut self, r: Rewrite) -> Rewrites {
        self.0.insert(r);
        self
    }
}

/// A graph with the roots that are asked of it.
#[derive(Debug, Clone)]
pub struct Rooted {
    /// The graph.
    pub graph: Graph,
    /// Its roots, in the order in which they were given.
    pub roots: Vec<Id>,
}

/// The algebraic rewrites of a forward graph, for batches of `batch` examples.
pub fn forward(g: &Graph, roots: &[Id], on: &Rewrites, batch: usize) -> Rooted {
    let mut r = clean::clean(g, roots, on);
    if on.has(Rewrite::Reassociate) || on.has(Rewrite::LateGather) {
        r = linear::linear(&r.graph, &r.roots, on, batch);
        r = clean::clean(&r.graph, &r.roots, on);
    }
    r
}
