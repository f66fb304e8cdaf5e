//! Finite groups, closed from generating permutations.

/// A permutation of points `0..n` as its list of images.
pub type Permutation = Vec<u16>;

/// A generator or a size that does not make a group here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// Generator `index` is not a permutation of `0..points`.
    #[error("generator {index} is not a permutation of {points} points")]
    NotAPermutation {
        /// Which generator.
        index: usize,
        /// Points moved.
        points: usize,
    },
    /// The generated group is larger than `limit`.
    #[error("the generators make a group of more than {limit} elements")]
    TooLarge {
        /// The most elements allowed.
        limit: usize,
    },
}

/// A finite group of permutations with its multiplication table.
///
/// **Convention**: `x·y` is x first, then y: (x·y)(i) = y(x(i)), as in SymPy and in the tables of openai/grok. The other convention gives the
/// opposite group, isomorphic by inversion: it relabels the task.
///
/// **Order of elements**: lexicographic by image lists, so that element 0 is the identity, Z_n's element r is the rotation i ↦ i + r
/// (its product is addition mod n), and S5's elements are in the order of Python's `itertools.permutations(range(5))`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Such as `s5` or `d7`.
    pub name: String,
    /// Image lists, `[order]`, sorted.
    pub elements: Vec<Permutation>,
    /// Products, row-major `[order, order]`: entry x·order + y is the number of x·y.
    pub products: Vec<u32>,
    /// The number of each element's inverse, `[order]`.
    pub inverses: Vec<u32>,
}

impl Group {
    /// The closure of `generators` on points `0..points`.
    ///
    /// # Errors
    /// A generator that is no permutation; more than `limit` elements.
    pub fn generated(name: &str, points: usize, generators: &[Permutation], limit: usize) -> Result<Group, GroupError> {
        let identity: Permutation = (0..points as u16).collect();
        for (index, g) in generators.iter().enumerate() {
            let mut sorted = g.clone();
            sorted.sort_unstable();
            if sorted != identity {
                return Err(GroupError::NotAPermutation { index, points });
            }
        }
        // Breadth first: every element but the identity is found as parent · generator.
        let mut found = std::collections::BTreeMap::from([(identity.clone(), 0usize)]);
        let mut list = vec![identity];
        let mut origin = vec![(0usize, 0usize)];
        let mut steps: Vec<Vec<usize>> = Vec::new();
        while steps.len() < list.len() {
            let x = steps.len();
            let mut row = Vec::with_capacity(generators.len());
            for (g, generator) in generators.iter().enumerate() {
                let y = compose(&list[x], generator);
                let next = list.len();
                let y_number = *found.entry(y.clone()).or_insert(next);
                if y_number == next {
                    if next == limit {
                        return Err(GroupError::TooLarge { limit });
                    }
                    list.push(y);
                    origin.push((x, g));
                }
                row.push(y_number);
            }
            steps.push(row);
        }
        // The map's order is the lexicographic one.
        let order = list.len();
        let mut rank = vec![0u32; order];
        for (number, found_as) in found.values().enumerate() {
            rank[*found_as] = number as u32;
        }
        // x·y = (x·parent(y))·generator(y), and parents come first: a look-up each.
        let mut products = vec![0u32; order * order];
        let mut inverses = vec![0u32; order];
        for x in 0..order {
            let mut row = vec![x; order];
            for y in 1..order {
                let (parent, g) = origin[y];
                row[y] = steps[row[parent]][g];
            }
            for y in 0..order {
                products[rank[x] as usize * order + rank[y] as usize] = rank[row[y]];
                if row[y] == 0 {
                    inverses[rank[x] as usize] = rank[y];
                }
            }
        }
        Ok(Group { name: name.into(), elements: found.into_keys().collect(), products, inverses })
    }

    /// Number of elements.
    pub fn order(&self) -> usize {
        self.elements.len()
    }

    /// x·y, x first. Panics unless both are below the order.
    pub fn product(&self, x: u32, y: u32) -> u32 {
        self.products[x as usize * self.order() + y as usize]
    }

    /// The inverse of x. Panics unless x is below the order.
    pub fn inverse(&self, x: u32) -> u32 {
        self.inverses[x as usize]
    }

    /// Conjugacy classes, each ascending, in order of their least element: {0} first.
    pub fn conjugacy_classes(&self) -> Vec<Vec<u32>> {
        let n = self.order() as u32;
        let mut seen = vec![false; n as usize];
        let mut classes = Vec::new();
        for x in 0..n {
            if !seen[x as usize] {
                let mut class: Vec<u32> = (0..n).map(|g| self.product(self.product(g, x), self.inverse(g))).collect();
                class.sort_unstable();
                class.dedup();
                class.iter().for_each(|y| seen[*y as usize] = true);
                classes.push(class);
            }
        }
        classes
    }
}

/// x first, then y.
fn compose(x: &[u16], y: &[u16]) -> Permutation {
    x.iter().map(|i| y[usize::from(*i)]).collect()
}

/// Points and generators of Z_n on n points, n ≥ 1: the rotation.
pub fn cyclic(n: usize) -> (usize, Vec<Permutation>) {
    (n, vec![(0..n).map(|i| ((i + 1) % n) as u16).collect()])
}

/// Points and generators of the dihedral group of order 2n on the n corners of a polygon, n ≥ 3: the rotation, and the reflection i ↦ −i.
pub fn dihedral(n: usize) -> (usize, Vec<Permutation>) {
    let (points, mut generators) = cyclic(n);
    generators.push((0..n).map(|i| ((n - i) % n) as u16).collect());
    (points, generators)
}

/// Points and generators of S_n, n ≥ 2: (0 1) and (0 1 … n−1).
pub fn symmetric(n: usize) -> (usize, Vec<Permutation>) {
    let (points, mut generators) = cyclic(n);
    let mut swap: Permutation = (0..n as u16).collect();
    swap.swap(0, 1);
    generators.push(swap);
    (points, generators)
}

/// Points and generators of A_n, n ≥ 3: the three-cycles (0 1 i).
pub fn alternating(n: usize) -> (usize, Vec<Permutation>) {
    let three_cycle = |i: usize| {
        let mut g: Permutation = (0..n as u16).collect();
        (g[0], g[1], g[i]) = (1, i as u16, 0);
        g
    };
    (n, (2..n).map(three_cycle).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, (points, generators): (usize, Vec<Permutation>)) -> Group {
        Group::generated(name, points, &generators, 4096).unwrap()
    }

    fn all() -> Vec<(Group, usize)> {
        vec![
            (group("z1", cyclic(1)), 1),
            (group("z12", cyclic(12)), 12),
            (group("d3", dihedral(3)), 6),
            (group("d7", dihedral(7)), 14),
            (group("d8", dihedral(8)), 16),
            (group("a4", alternating(4)), 12),
            (group("s4", symmetric(4)), 24),
            (group("a5", alternating(5)), 60),
            (group("s5", symmetric(5)), 120),
        ]
    }

    #[test]
    fn axioms_and_orders() {
        for (g, order) in all() {
            assert_eq!(g.order(), order, "{}", g.name);
            let n = order as u32;
            for x in 0..n {
                assert_eq!((g.product(x, 0), g.product(0, x)), (x, x));
                assert_eq!((g.product(x, g.inverse(x)), g.product(g.inverse(x), x)), (0, 0));
                let mut row: Vec<u32> = (0..n).map(|y| g.product(x, y)).collect();
                row.sort_unstable();
                assert!(row.into_iter().eq(0..n), "{}: a row of the table repeats", g.name);
            }
            for t in 0..20_000u32 {
                let [x, y, z] = [t.wrapping_mul(2_654_435_761) >> 8, t.wrapping_mul(40_503) >> 3, t].map(|v| v % n);
                assert_eq!(g.product(g.product(x, y), z), g.product(x, g.product(y, z)));
            }
        }
    }

    /// The table is built from parents and generators; here from image lists alone.
    #[test]
    fn products_compose_first_then_second() {
        for (g, order) in all() {
            assert!(g.elements.is_sorted());
            for x in 0..order {
                for y in 0..order {
                    let xy: Vec<u16> = (0..g.elements[x].len()).map(|i| g.elements[y][g.elements[x][i] as usize]).collect();
                    assert_eq!(g.elements[g.product(x as u32, y as u32) as usize], xy);
                }
            }
        }
    }

    #[test]
    fn cyclic_groups_add() {
        let g = group("z12", cyclic(12));
        assert!((0..12).all(|x| (0..12).all(|y| g.product(x, y) == (x + y) % 12)));
    }

    #[test]
    fn known_numbers_of_conjugacy_classes() {
        let classes: Vec<usize> = all().iter().map(|(g, _)| g.conjugacy_classes().len()).collect();
        assert_eq!(classes, [1, 12, 3, 5, 7, 4, 5, 5, 7]);
    }

    #[test]
    fn alternating_groups_hold_the_even_permutations() {
        let even = |x: &Permutation| (0..x.len()).map(|j| (0..j).filter(|i| x[*i] > x[j]).count()).sum::<usize>() % 2 == 0;
        let s5: Vec<_> = group("s5", symmetric(5)).elements.into_iter().filter(even).collect();
        assert_eq!(group("a5", alternating(5)).elements, s5);
    }

    #[test]
    fn refuses_what_is_no_group() {
        assert_eq!(Group::generated("x", 3, &[vec![0, 0, 1]], 10), Err(GroupError::NotAPermutation { index: 0, points: 3 }));
        assert_eq!(Group::generated("x", 3, &[vec![1, 0]], 10), Err(GroupError::NotAPermutation { index: 0, points: 3 }));
        let (points, generators) = symmetric(5);
        assert_eq!(Group::generated("s5", points, &generators, 119), Err(GroupError::TooLarge { limit: 119 }));
        assert!(Group::generated("s5", points, &generators, 120).is_ok());
    }
}
