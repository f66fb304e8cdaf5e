//! What a step reads: a batch of examples, and for each row domain its live rows and the maps between domains.
//!
//! A minibatch changes data, not the program: capacities are static, live rows and maps are recomputed here.

use crate::domain::Domain;
use crate::ir::{Coordinate, Graph};
use std::collections::BTreeMap;

/// A batch of examples.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Number of examples.
    pub rows: usize,
    /// For each coordinate, the token of every example.
    pub tokens: Vec<Vec<u32>>,
    /// For each index input, its value for every example.
    pub indices: Vec<Vec<u32>>,
    /// For each dense input, `rows × width` numbers.
    pub features: Vec<Vec<f64>>,
}

/// Live rows of one proper domain.
#[derive(Debug, Clone, Default)]
struct Table {
    rows: usize,
    /// Every combination has a row, at its own code; otherwise rows are the distinct combinations in order of appearance.
    identity: bool,
    ranges: Vec<(usize, usize)>,
    /// Per coordinate of the domain: the token of every row.
    tokens: Vec<Vec<u32>>,
    /// For each example, its row.
    of_slot: Vec<u32>,
    /// For each row, an example that has it (not for identity tables).
    example: Vec<u32>,
    stamp: Vec<u32>,
}

/// A batch together with its row domains. Setting a new batch allocates nothing after the first of the same size.
#[derive(Debug, Clone)]
pub struct Feed {
    batch: Batch,
    tables: BTreeMap<Domain, Table>,
    maps: BTreeMap<(Domain, Domain), Vec<u32>>,
    ranges: Vec<usize>,
}

impl Feed {
    /// A feed for `graph`, for batches of at most `capacity` examples.
    pub fn new(graph: &Graph, capacity: usize) -> Feed {
        // The domains of results, and those over whose rows folds and products run.
        let mut domains: Vec<Domain> = graph.nodes.iter().map(|n| n.domain).collect();
        domains.extend(graph.nodes.iter().map(|n| graph.normalize(n.args.iter().fold(Domain::UNIT, |d, a| d.join(graph.domain(*a))))));
        domains.sort_unstable();
        domains.dedup();
        domains.retain(|d| *d != Domain::UNIT);
        let tables = domains.iter().filter(|d| **d != Domain::SLOT).map(|d| (*d, Table::new(*d, &graph.coordinates, capacity))).collect();
        let mut maps = BTreeMap::new();
        for big in &domains {
            for small in &domains {
                if small != big && small.within(*big) {
                    maps.insert((*big, *small), Vec::new());
                }
            }
        }
        Feed { batch: Batch::default(), tables, maps, ranges: graph.coordinates.iter().map(|c| c.range).collect() }
    }

    /// Takes a new batch. The closure writes it into the old one's buffers.
    ///
    /// # Panics
    /// When a token is missing or out of its coordinate's range.
    pub fn set(&mut self, write: impl FnOnce(&mut Batch)) {
        write(&mut self.batch);
        assert!(self.batch.tokens.iter().all(|t| t.len() == self.batch.rows), "a token of every coordinate for every example");
        assert!(self.ranges.iter().zip(&self.batch.tokens).all(|(n, t)| t.iter().all(|x| (*x as usize) < *n)), "a token out of its range");
        for table in self.tables.values_mut() {
            table.set(&self.batch);
        }
        let tables = &self.tables;
        for ((big, small), map) in &mut self.maps {
            map.clear();
            let to = &tables[small];
            match tables.get(big) {
                None => map.extend_from_slice(&to.of_slot),
                Some(from) => {
                    let position: [usize; 31] = std::array::from_fn(|c| from.ranges.iter().position(|(k, _)| *k == c).unwrap_or(0));
                    map.extend((0..from.rows).map(|r| {
                        if to.identity {
                            to.ranges.iter().fold(0, |code, (c, range)| code * *range as u32 + from.tokens[position[*c]][r])
                        } else {
                            to.of_slot[from.example[r] as usize]
                        }
                    }));
                }
            }
        }
    }

    /// The current batch.
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Live rows of `d`.
    pub fn rows(&self, d: Domain) -> usize {
        match d {
            Domain::UNIT => 1,
            Domain::SLOT => self.batch.rows,
            d => self.tables[&d].rows,
        }
    }

    /// For each row of `big`, its row of `small` (both non-unit, `small` inside `big`).
    pub fn map(&self, big: Domain, small: Domain) -> &[u32] {
        &self.maps[&(big, small)]
    }

    /// The token at coordinate `c` for every row of `d`.
    pub fn tokens(&self, d: Domain, c: usize) -> &[u32] {
        match d {
            Domain::SLOT => &self.batch.tokens[c],
            d => {
                let t = &self.tables[&d];
                let k = t.ranges.iter().position(|(k, _)| *k == c).unwrap_or_else(|| panic!("coordinate {c} is not in {d:?}"));
                &t.tokens[k]
            }
        }
    }
}

impl Table {
    fn new(d: Domain, coordinates: &[Coordinate], capacity: usize) -> Table {
        let ranges: Vec<(usize, usize)> = d.coordinates().map(|c| (c, coordinates[c].range)).collect();
        let all = ranges.iter().try_fold(1usize, |a, (_, r)| a.checked_mul(*r)).unwrap_or(usize::MAX);
        let identity = all <= capacity;
        let mut t = Table { identity, ranges, ..Table::default() };
        t.tokens = vec![Vec::new(); t.ranges.len()];
        if identity {
            t.rows = all;
            for r in 0..all {
                let mut code = r;
                for (k, (_, range)) in t.ranges.iter().enumerate().rev() {
                    t.tokens[k].push((code % range) as u32);
                    code /= range;
                }
            }
        }
        t
    }

    fn set(&mut self, batch: &Batch) {
        self.of_slot.clear();
        let code = |ranges: &[(usize, usize)], s: usize| ranges.iter().fold(0usize, |code, (c, range)| code * range + batch.tokens[*c][s] as usize);
        if self.identity {
            self.of_slot.extend((0..batch.rows).map(|s| code(&self.ranges, s) as u32));
            return;
        }
        // More combinations than examples: a row for each distinct one, found by sorting examples by code.
        self.stamp.clear();
        self.stamp.extend(0..batch.rows as u32);
        let ranges = &self.ranges;
        self.stamp.sort_unstable_by_key(|s| (code(ranges, *s as usize), *s));
        self.of_slot.resize(batch.rows, 0);
        self.example.clear();
        for t in &mut self.tokens {
            t.clear();
        }
        let mut last = None;
        for s in &self.stamp {
            let c = code(ranges, *s as usize);
            if last != Some(c) {
                last = Some(c);
                self.example.push(*s);
                for (k, (coordinate, _)) in ranges.iter().enumerate() {
                    self.tokens[k].push(batch.tokens[*coordinate][*s as usize]);
                }
            }
            self.of_slot[*s as usize] = self.example.len() as u32 - 1;
        }
        self.rows = self.example.len();
    }
}
