//! Finding examples by their tokens.

use crate::task::Coordinate;
use std::ops::Range;

/// Whether `tokens` lists every combination of values once, in lexicographic order.
pub(crate) fn is_complete(tokens: &[u32], coordinates: &[Coordinate]) -> bool {
    let width = coordinates.len();
    let total = coordinates.iter().try_fold(1usize, |n, c| n.checked_mul(c.range));
    total.and_then(|n| n.checked_mul(width)) == Some(tokens.len())
        && tokens.chunks_exact(width).enumerate().all(|(i, row)| row.iter().zip(coordinates).fold(0, |n, (t, c)| n * c.range + *t as usize) == i)
}

/// The examples in (tokens, index) order.
pub(crate) struct Lookup<'a> {
    tokens: &'a [u32],
    width: usize,
    /// Example indices, sorted by (tokens, index).
    pub order: Vec<u32>,
    /// Second range of a complete table of pairs, where a position is computed and not searched.
    dense: Option<usize>,
}

impl<'a> Lookup<'a> {
    pub fn new(tokens: &'a [u32], coordinates: &[Coordinate]) -> Lookup<'a> {
        let width = coordinates.len();
        let complete = is_complete(tokens, coordinates);
        let mut order: Vec<u32> = (0..(tokens.len() / width) as u32).collect();
        let row = |i: u32| &tokens[i as usize * width..(i as usize + 1) * width];
        if !complete {
            order.sort_by(|a, b| row(*a).cmp(row(*b)).then(a.cmp(b)));
        }
        Lookup { tokens, width, order, dense: (complete && width == 2).then(|| coordinates[1].range) }
    }

    pub fn row(&self, example: u32) -> &'a [u32] {
        &self.tokens[example as usize * self.width..(example as usize + 1) * self.width]
    }

    /// Where in `order` the examples with these tokens are.
    fn range(&self, tokens: &[u32]) -> Range<usize> {
        if let Some(range) = self.dense {
            let (a, b) = (tokens[0] as usize, tokens[1] as usize);
            let at = a * range + b;
            return if b < range && at < self.order.len() { at..at + 1 } else { 0..0 };
        }
        let from = self.order.partition_point(|e| self.row(*e) < tokens);
        let len = self.order[from..].partition_point(|e| self.row(*e) == tokens);
        from..from + len
    }

    /// The examples with these tokens, ascending.
    pub fn find(&self, tokens: &[u32]) -> &[u32] {
        &self.order[self.range(tokens)]
    }

    /// Whether f(b, a) = f(a, b) throughout, and every pair's twin is an example.
    pub fn is_symmetric(&self, ideal: &[u32]) -> bool {
        self.width == 2
            && self.order.iter().all(|e| {
                let row = self.row(*e);
                let twins = self.find(&[row[1], row[0]]);
                !twins.is_empty() && twins.iter().all(|t| ideal[*t as usize] == ideal[*e as usize])
            })
    }
}
