//! Finite groups with their irreducible representations as explicit matrices, and the Fourier transform over them.

use crate::model::TheoryError;
use pennydrop_tasks::groups::{self, Group, GroupError, Permutation};

/// A group with one representative of every orbit {ρ, ρ*} of irreducible representations, the trivial one first.
#[derive(Debug, Clone, PartialEq)]
pub struct Represented {
    /// Number of elements.
    pub order: usize,
    /// Products, row-major: entry a·order + b is a⋆b.
    pub products: Vec<u32>,
    /// The representations.
    pub irreps: Vec<Irrep>,
}

/// What becomes of ρ under complex conjugation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// ρ can be written with real matrices.
    Real,
    /// ρ* is another representation; the two are one orbit.
    Complex,
    /// ρ* is ρ in another basis, but no basis makes ρ real.
    Quaternionic,
}

/// A unitary irreducible representation.
#[derive(Debug, Clone, PartialEq)]
pub struct Irrep {
    /// Partition, frequency or a word.
    pub name: String,
    /// Dimension d.
    pub dim: usize,
    /// Its type.
    pub kind: Type,
    /// Matrices as (re, im), `[order, d, d]`.
    pub matrices: Vec<[f64; 2]>,
}

impl Irrep {
    /// Number of representations in the orbit {ρ, ρ*}.
    pub fn orbit(&self) -> usize {
        if self.kind == Type::Complex { 2 } else { 1 }
    }

    /// Σ_g f(g) ρ(g), `[d, d]`.
    pub fn transform(&self, f: &[f64]) -> Vec<[f64; 2]> {
        let size = self.dim * self.dim;
        let mut out = vec![[0.0; 2]; size];
        for (x, rho) in f.iter().zip(self.matrices.chunks_exact(size)) {
            for (o, r) in out.iter_mut().zip(rho) {
                o[0] += x * r[0];
                o[1] += x * r[1];
            }
        }
        out
    }
}

/// Σ |entry|².
pub fn frobenius(m: &[[f64; 2]]) -> f64 {
    m.iter().map(|z| z[0] * z[0] + z[1] * z[1]).sum()
}

/// The product of two `d × d` matrices.
pub fn multiply(a: &[[f64; 2]], b: &[[f64; 2]], d: usize) -> Vec<[f64; 2]> {
    let mut out = vec![[0.0; 2]; d * d];
    for i in 0..d {
        for k in 0..d {
            let x = a[i * d + k];
            for j in 0..d {
                let y = b[k * d + j];
                out[i * d + j][0] += x[0] * y[0] - x[1] * y[1];
                out[i * d + j][1] += x[0] * y[1] + x[1] * y[0];
            }
        }
    }
    out
}

/// The conjugate transpose.
pub fn adjoint(a: &[[f64; 2]], d: usize) -> Vec<[f64; 2]> {
    (0..d * d).map(|i| a[i % d * d + i / d]).map(|z| [z[0], -z[1]]).collect()
}

/// Real part of tr(a b c†) .
pub fn triple(a: &[[f64; 2]], b: &[[f64; 2]], c: &[[f64; 2]], d: usize) -> f64 {
    multiply(a, b, d).iter().zip(c).map(|(x, y)| x[0] * y[0] + x[1] * y[1]).sum()
}

/// Largest singular value squared over the sum of squares: 1 for a matrix of rank one.
pub fn rank_one_score(m: &[[f64; 2]], d: usize) -> f64 {
    let gram = multiply(&adjoint(m, d), m, d);
    let trace: f64 = (0..d).map(|i| gram[i * d + i][0]).sum();
    if d == 1 || trace <= 0.0 {
        return 1.0;
    }
    // Powers by squaring: the quotient of traces tends to the largest eigenvalue's share.
    let mut power: Vec<[f64; 2]> = gram.iter().map(|z| [z[0] / trace, z[1] / trace]).collect();
    for _ in 0..12 {
        let square = multiply(&power, &power, d);
        let t: f64 = (0..d).map(|i| square[i * d + i][0]).sum();
        power = square.iter().map(|z| [z[0] / t, z[1] / t]).collect();
    }
    // tr(PA)/tr(A) with P the projector on the leading space, of trace 1.
    multiply(&power, &gram, d).iter().step_by(d + 1).map(|z| z[0]).sum::<f64>() / trace
}

/// Names that [`represented`] knows.
pub const NAMES: &[&str] = &["cyclic", "dihedral", "s3", "s4", "s5", "q8"];

/// The group called `name` (of degree `n` where it has one), represented.
///
/// # Errors
/// A group that cannot be closed, or a representation that is none (neither happens for [`NAMES`] and n ≥ 3).
pub fn represented(name: &str, n: usize) -> Result<Represented, TheoryError> {
    let tau = std::f64::consts::TAU;
    let turn = |angle: f64| [libm::cos(angle), libm::sin(angle)];
    let one = [1.0, 0.0];
    match name {
        "cyclic" => {
            let maps = (0..=n / 2).map(|k| (format!("k={k}"), vec![vec![turn(tau * k as f64 / n as f64)]])).collect();
            close(name, groups::cyclic(n), maps)
        }
        "dihedral" => {
            let real = |x: f64| [x, 0.0];
            let mut maps: Vec<(String, Vec<Vec<[f64; 2]>>)> =
                vec![("trivial".into(), vec![vec![one], vec![one]]), ("det".into(), vec![vec![one], vec![real(-1.0)]])];
            if n.is_multiple_of(2) {
                maps.push(("alternating".into(), vec![vec![real(-1.0)], vec![one]]));
                maps.push(("alternating det".into(), vec![vec![real(-1.0)], vec![real(-1.0)]]));
            }
            for k in 1..n.div_ceil(2) {
                let [c, s] = turn(tau * k as f64 / n as f64);
                maps.push((format!("k={k}"), vec![vec![real(c), real(-s), real(s), real(c)], vec![real(1.0), real(0.0), real(0.0), real(-1.0)]]));
            }
            close(name, groups::dihedral(n), maps)
        }
        "q8" => {
            // 1, i, j, k, −1, −i, −j, −k acting on themselves from the right; unit quaternions as matrices of SU(2).
            let i: Permutation = vec![1, 4, 7, 2, 5, 0, 3, 6];
            let j: Permutation = vec![2, 3, 4, 5, 6, 7, 0, 1];
            let mut maps: Vec<(String, Vec<Vec<[f64; 2]>>)> = Vec::new();
            for (name, a, b) in [("trivial", 1.0, 1.0), ("kernel i", 1.0, -1.0), ("kernel j", -1.0, 1.0), ("kernel k", -1.0, -1.0)] {
                maps.push((name.into(), vec![vec![[a, 0.0]], vec![[b, 0.0]]]));
            }
            let zero = [0.0, 0.0];
            maps.push(("quaternions".into(), vec![vec![[0.0, 1.0], zero, zero, [0.0, -1.0]], vec![zero, one, [-1.0, 0.0], zero]]));
            close(name, (8, vec![i, j]), maps)
        }
        _ => {
            let degree = match name {
                "s3" => 3,
                "s4" => 4,
                _ => 5,
            };
            // Adjacent transpositions: any order of composition satisfies the same relations.
            let swaps = (0..degree - 1).map(|i| {
                let mut p: Permutation = (0..degree as u16).collect();
                p.swap(i, i + 1);
                p
            });
            let maps = partitions(degree, degree).into_iter().map(|shape| (format!("({})", join(&shape)), young(&shape))).collect();
            close(name, (degree, swaps.collect()), maps)
        }
    }
}

/// Extends matrices of the generators to the group and finds the type of each representation.
fn close(name: &str, (points, generators): (usize, Vec<Permutation>), maps: Vec<(String, Vec<Vec<[f64; 2]>>)>) -> Result<Represented, TheoryError> {
    let failed = |e: GroupError| TheoryError::numeric(format!("group {name}"), e.to_string());
    let group = Group::generated(name, points, &generators, 4096).map_err(failed)?;
    let order = group.order();
    let numbers: Vec<usize> = generators.iter().map(|g| group.elements.binary_search(g).unwrap_or(0)).collect();
    let mut irreps = Vec::with_capacity(maps.len());
    for (title, images) in maps {
        let size = images[0].len();
        let dim = (1..=size).find(|d| d * d == size).unwrap_or(1);
        let mut matrices: Vec<Option<Vec<[f64; 2]>>> = vec![None; order];
        matrices[0] = Some((0..size).map(|i| [f64::from(u8::from(i % (dim + 1) == 0)), 0.0]).collect());
        let mut queue = std::collections::VecDeque::from([0usize]);
        while let Some(x) = queue.pop_front() {
            let Some(here) = matrices[x].clone() else { continue };
            for (g, image) in numbers.iter().zip(&images) {
                let y = group.product(x as u32, *g as u32) as usize;
                if matrices[y].is_none() {
                    matrices[y] = Some(multiply(&here, image, dim));
                    queue.push_back(y);
                }
            }
        }
        let matrices: Vec<[f64; 2]> = matrices.into_iter().flatten().flatten().collect();
        // Frobenius and Schur: the mean of χ(g²) is 1, 0 or −1.
        let character = |g: usize| (0..dim).map(|i| matrices[g * size + i * (dim + 1)][0]).sum::<f64>();
        let indicator = (0..order).map(|g| character(group.product(g as u32, g as u32) as usize)).sum::<f64>() / order as f64;
        let kind = if indicator > 0.5 {
            Type::Real
        } else if indicator < -0.5 {
            Type::Quaternionic
        } else {
            Type::Complex
        };
        irreps.push(Irrep { name: title, dim, kind, matrices });
    }
    Ok(Represented { order, products: group.products, irreps })
}

fn join(shape: &[usize]) -> String {
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}

/// Partitions of `n` with parts of at most `most`, in descending order: (n) first.
fn partitions(n: usize, most: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let mut out = Vec::new();
    for first in (1..=most.min(n)).rev() {
        for rest in partitions(n - first, first) {
            out.push([vec![first], rest].concat());
        }
    }
    out
}

/// Young's orthogonal form of a partition: matrices of the adjacent transpositions in the basis of standard tableaux.
fn young(shape: &[usize]) -> Vec<Vec<[f64; 2]>> {
    let n: usize = shape.iter().sum();
    // A tableau as the row of each number.
    let mut tableaux: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..n {
        let mut longer = Vec::new();
        for t in &tableaux {
            let length = |row: usize| t.iter().filter(|r| **r == row).count();
            for (row, most) in shape.iter().enumerate() {
                if length(row) < *most && (row == 0 || length(row - 1) > length(row)) {
                    longer.push([t.clone(), vec![row]].concat());
                }
            }
        }
        tableaux = longer;
    }
    let d = tableaux.len();
    // Column less row of a number.
    let content = |t: &[usize], i: usize| t[..i].iter().filter(|r| **r == t[i]).count() as f64 - t[i] as f64;
    (0..n - 1)
        .map(|i| {
            let mut m = vec![[0.0; 2]; d * d];
            for (a, t) in tableaux.iter().enumerate() {
                let inverse = 1.0 / (content(t, i + 1) - content(t, i));
                m[a * d + a][0] = inverse;
                let mut swapped = t.clone();
                swapped.swap(i, i + 1);
                if let Some(b) = tableaux.iter().position(|s| *s == swapped).filter(|b| *b != a) {
                    m[a * d + b][0] = libm::sqrt(1.0 - inverse * inverse);
                }
            }
            m
        })
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Every group that the tests go through.
    pub fn all() -> Vec<Represented> {
        [("cyclic", 7), ("cyclic", 8), ("dihedral", 5), ("dihedral", 6), ("s3", 0), ("s4", 0), ("s5", 0), ("q8", 0)]
            .into_iter()
            .map(|(name, n)| represented(name, n).unwrap())
            .collect()
    }

    #[test]
    fn matrices_multiply_as_the_group_does_and_are_unitary() {
        for g in all() {
            let pairs = (0..g.order * g.order).step_by(if g.order > 50 { 37 } else { 1 });
            for p in pairs {
                let (a, b, c) = (p / g.order, p % g.order, g.products[p] as usize);
                for rho in &g.irreps {
                    let size = rho.dim * rho.dim;
                    let at = |x: usize| &rho.matrices[x * size..(x + 1) * size];
                    let product = multiply(at(a), at(b), rho.dim);
                    let unit = multiply(&adjoint(at(a), rho.dim), at(a), rho.dim);
                    for i in 0..size {
                        assert!((product[i][0] - at(c)[i][0]).abs() < 1e-12 && (product[i][1] - at(c)[i][1]).abs() < 1e-12, "{}", rho.name);
                        assert!((unit[i][0] - f64::from(u8::from(i % (rho.dim + 1) == 0))).abs() < 1e-12);
                    }
                }
            }
        }
    }

    #[test]
    fn orbits_are_complete_and_characters_orthogonal() {
        for g in all() {
            assert_eq!(g.irreps.iter().map(|r| r.orbit() * r.dim * r.dim).sum::<usize>(), g.order);
            let characters: Vec<Vec<[f64; 2]>> = g
                .irreps
                .iter()
                .map(|r| {
                    r.matrices.chunks_exact(r.dim * r.dim).map(|m| m.iter().step_by(r.dim + 1).fold([0.0; 2], |s, z| [s[0] + z[0], s[1] + z[1]])).collect()
                })
                .collect();
            for (i, a) in characters.iter().enumerate() {
                for (j, b) in characters.iter().enumerate() {
                    let inner: f64 = a.iter().zip(b).map(|(x, y)| x[0] * y[0] + x[1] * y[1]).sum::<f64>() / g.order as f64;
                    assert!((inner - f64::from(u8::from(i == j))).abs() < 1e-10);
                }
            }
        }
        let kinds = |name: &str, n: usize| represented(name, n).unwrap().irreps.iter().map(|r| (r.dim, r.kind)).collect::<Vec<_>>();
        assert_eq!(kinds("q8", 0).last(), Some(&(2, Type::Quaternionic)));
        assert_eq!(kinds("cyclic", 8).iter().map(|k| k.1 == Type::Complex).collect::<Vec<_>>(), [false, true, true, true, false]);
        assert_eq!(kinds("s4", 0).iter().map(|k| k.0).collect::<Vec<_>>(), [1, 3, 2, 3, 1]);
    }

    #[test]
    fn rank_one_scores() {
        let m = |rows: &[f64]| rows.iter().map(|x| [*x, 0.0]).collect::<Vec<_>>();
        assert!((rank_one_score(&m(&[1.0, 2.0, 2.0, 4.0]), 2) - 1.0).abs() < 1e-12);
        assert!((rank_one_score(&m(&[3.0, 0.0, 0.0, 1.0]), 2) - 0.9).abs() < 1e-12);
        assert!((rank_one_score(&m(&[2.0, 0.0, 0.0, 2.0]), 2) - 0.5).abs() < 1e-12);
    }
}
