//! Teachers: cellular automata, and three that are not local but read as many bits. Strings and their labels.

use super::map::Boundary;
use crate::numeric::Draws;

/// What labels a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `k` consecutive steps of an elementary cellular automaton: site i reads the 2k + 1 sites around it.
    Local,
    /// The same automaton on the string with its sites re-ordered by one fixed permutation: reads as many bits, of the same table, but elsewhere.
    Permuted,
    /// The product of 2k + 1 spins that are spread evenly over the whole ring.
    DistantParity,
    /// Each site has a random balanced table over 2k + 1 sites of its own.
    Random,
}

impl Kind {
    /// All four, local first.
    pub const ALL: [Kind; 4] = [Kind::Local, Kind::Permuted, Kind::DistantParity, Kind::Random];

    /// The word that a user types.
    pub fn name(self) -> &'static str {
        ["local", "permuted", "distant-parity", "random"][self as usize]
    }

    /// The kind that a user typed; local for any other word.
    pub fn named(word: &str) -> Kind {
        Kind::ALL.into_iter().find(|k| k.name() == word).unwrap_or(Kind::Local)
    }
}

/// A teacher for strings of one length (a local one serves every length).
#[derive(Debug, Clone)]
pub struct Teacher {
    kind: Kind,
    rule: u8,
    k: usize,
    boundary: Boundary,
    /// Permuted: the site that stands at each place.
    order: Vec<usize>,
    /// Random: the sites that each site reads, and its table.
    reads: Vec<(Vec<usize>, Vec<u8>)>,
}

impl Teacher {
    /// A teacher of `kind`; `draws` decide the permutation or the tables, and are not touched by the other two kinds.
    pub fn new(kind: Kind, rule: u8, k: usize, boundary: Boundary, length: usize, draws: &mut Draws) -> Teacher {
        let order = if kind == Kind::Permuted { draws.permutation(length) } else { Vec::new() };
        let width = (2 * k + 1).min(length);
        let reads = if kind == Kind::Random { (0..length).map(|_| random_table(length, width, draws)).collect() } else { Vec::new() };
        Teacher { kind, rule, k, boundary, order, reads }
    }

    /// The label (0 or 1) of every site.
    pub fn label(&self, bits: &[u8]) -> Vec<u8> {
        let n = bits.len();
        match self.kind {
            Kind::Local => steps(self.rule, self.k, bits, self.boundary),
            Kind::Permuted => {
                let moved: Vec<u8> = self.order.iter().map(|&i| bits[i]).collect();
                let mut labels = vec![0; n];
                for (&i, label) in self.order.iter().zip(steps(self.rule, self.k, &moved, self.boundary)) {
                    labels[i] = label;
                }
                labels
            }
            Kind::DistantParity => {
                let width = (2 * self.k + 1).min(n);
                (0..n).map(|i| (0..width).fold(0, |sum, j| sum ^ bits[(i + j * n / width) % n])).collect()
            }
            Kind::Random => self.reads.iter().map(|(sites, table)| table[sites.iter().fold(0, |index, &s| 2 * index + bits[s] as usize)]).collect(),
        }
    }
}

/// `width` distinct sites and a table over them in which both labels are equally frequent.
fn random_table(length: usize, width: usize, draws: &mut Draws) -> (Vec<usize>, Vec<u8>) {
    let sites = draws.permutation(length)[..width].to_vec();
    let size = 1 << width;
    let order = draws.permutation(size);
    let mut table = vec![0; size];
    for &i in &order[..size / 2] {
        table[i] = 1;
    }
    (sites, table)
}

/// One step of elementary rule `rule` (Wolfram's number: bit 4l + 2c + r is the label of the neighbourhood l, c, r).
/// Beyond an open boundary there are zeros (the paper's −1).
pub fn step(rule: u8, bits: &[u8], boundary: Boundary) -> Vec<u8> {
    let n = bits.len();
    let (before, after) = match (boundary, bits) {
        (Boundary::Closed, [first, .., last]) => (*last, *first),
        (Boundary::Closed, [only]) => (*only, *only),
        _ => (0, 0),
    };
    (0..n)
        .map(|i| {
            let left = if i > 0 { bits[i - 1] } else { before };
            let right = if i + 1 < n { bits[i + 1] } else { after };
            rule >> (4 * left + 2 * bits[i] + right) & 1
        })
        .collect()
}

/// `k` consecutive steps.
pub fn steps(rule: u8, k: usize, bits: &[u8], boundary: Boundary) -> Vec<u8> {
    (0..k).fold(bits.to_vec(), |now, _| step(rule, &now, boundary))
}

/// All 2^length strings, in the order of the binary numbers.
pub fn all_strings(length: usize) -> Vec<Vec<u8>> {
    (0..1usize << length).map(|s| (0..length).rev().map(|b| (s >> b & 1) as u8).collect()).collect()
}

/// `count` uniformly random strings.
pub fn random_strings(count: usize, length: usize, draws: &mut Draws) -> Vec<Vec<u8>> {
    (0..count).map(|_| (0..length).map(|_| draws.below(2) as u8).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_30_is_left_xor_centre_or_right() {
        for bits in all_strings(3) {
            let want = bits[0] ^ (bits[1] | bits[2]);
            assert_eq!(step(30, &bits, Boundary::Closed)[1], want, "{bits:?}");
        }
        // The automaton grown from one cell, three steps (Wolfram 2002, page 27).
        assert_eq!(steps(30, 3, &[0, 0, 0, 0, 1, 0, 0, 0, 0], Boundary::Open), [0, 1, 1, 0, 1, 1, 1, 1, 0]);
        assert_eq!(step(30, &[1, 0, 0], Boundary::Open), [1, 1, 0]);
        assert_eq!(step(30, &[0, 0, 1], Boundary::Closed), [1, 1, 1]);
    }

    #[test]
    fn teachers_that_are_not_local_read_as_many_bits() {
        let (n, k) = (9, 1);
        for kind in Kind::ALL {
            let teacher = Teacher::new(kind, 30, k, Boundary::Closed, n, &mut Draws::new(1, 0, 0));
            let strings = all_strings(n);
            let labels: Vec<Vec<u8>> = strings.iter().map(|s| teacher.label(s)).collect();
            for site in 0..n {
                let read = (0..n).filter(|b| (0..strings.len()).any(|s| labels[s][site] != labels[s ^ 1 << (n - 1 - b)][site])).count();
                assert!(read <= 3 && (kind == Kind::Random || read == 3), "{kind:?} site {site} reads {read}");
                assert_eq!(labels.iter().map(|l| l[site] as usize).sum::<usize>(), strings.len() / 2, "{kind:?}");
            }
        }
    }
}
