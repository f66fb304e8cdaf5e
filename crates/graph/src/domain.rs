//! Row domains: the set of input coordinates on which a tensor depends.
//!
//! A program is written for *one* example with named coordinates (token `a`, token `b`, …). Every tensor carries the set
//! of coordinates on which it depends and is tabulated over just that set: a tensor that depends on `a` alone has one row
//! for each value of `a`, not one for each example. A tensor that depends on all coordinates, on dense features or on
//! per-example noise has the domain [`Domain::SLOT`]: one row for each example of the batch, never deduplicated.

use std::fmt;

/// A set of coordinates; [`Domain::UNIT`] is the empty set (one row), [`Domain::SLOT`] contains everything.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Domain(pub u32);

impl Domain {
    /// Depends on nothing but parameters and hyper-parameters: one row.
    pub const UNIT: Domain = Domain(0);
    /// One row for each example of the batch.
    pub const SLOT: Domain = Domain(u32::MAX);

    /// The domain of coordinate `c` alone (`c < 31`).
    pub fn coordinate(c: usize) -> Domain {
        assert!(c < 31, "at most 31 coordinates");
        Domain(1 << c)
    }

    /// The smallest domain that holds both.
    pub fn join(self, other: Domain) -> Domain {
        Domain(self.0 | other.0)
    }

    /// Whether every coordinate of `self` is in `other`.
    pub fn within(self, other: Domain) -> bool {
        self.0 & !other.0 == 0
    }

    /// The coordinates of a proper domain, ascending.
    pub fn coordinates(self) -> impl Iterator<Item = usize> {
        (0..31).filter(move |c| self != Domain::SLOT && self.0 >> c & 1 == 1)
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Domain::UNIT => write!(f, "{{}}"),
            Domain::SLOT => write!(f, "slot"),
            d => write!(f, "{{{}}}", d.coordinates().map(|c| c.to_string()).collect::<Vec<_>>().join(",")),
        }
    }
}
