//! Whether points are linearly separable through the origin, with a certificate for either answer.
//!
//! The shortest vector of the convex hull of the signed points s_i z_i decides (Gordan's alternative): if it has a positive length it is a separating direction, and its length the
//! margin; if it is zero, the convex weights that make it prove that no direction separates. Wolfe's method (Math. Program. 11, 128, 1976) finds it in finitely many steps.

use super::map::dot;

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Separation {
    /// A direction with a positive margin was found and checked at every point.
    Separable,
    /// Convex weights were found of which the combination is zero to rounding.
    Inseparable,
    /// Neither was found: the margin is at the level of rounding.
    Undecided,
}

/// Below this length a convex combination of unit vectors is zero: 10⁶ roundings.
const ZERO: f64 = 1e-10;

/// Rounds after which Wolfe's method is given up; it takes a few times the dimension.
const MOST_ROUNDS: usize = 2000;

/// Buffers of the method for one dimension; reused from call to call.
#[derive(Debug, Clone, Default)]
pub struct Separator {
    /// The direction of the last answer: separates if the answer was so.
    pub direction: Vec<f64>,
    members: Vec<usize>,
    weights: Vec<f64>,
    affine: Vec<f64>,
    system: Vec<f64>,
}

impl Separator {
    /// Decides about `points` (n × `dimension`, row-major, signed). With `best`, the direction of an affirmative answer is that of the largest margin; else the first that separates.
    pub fn decide(&mut self, points: &[f64], dimension: usize, best: bool) -> Separation {
        let n = points.len() / dimension;
        if n == 0 {
            return Separation::Separable;
        }
        let at = |i: usize| &points[i * dimension..(i + 1) * dimension];
        self.members.clear();
        self.members.push(0);
        self.weights.clear();
        self.weights.push(1.0);
        self.direction.clear();
        self.direction.extend_from_slice(at(0));
        for _ in 0..MOST_ROUNDS {
            let square = dot(&self.direction, &self.direction);
            if square < ZERO * ZERO {
                return Separation::Inseparable;
            }
            let (mut worst, mut least) = (0, f64::INFINITY);
            for i in 0..n {
                let product = dot(at(i), &self.direction);
                if product < least {
                    (worst, least) = (i, product);
                }
            }
            if least > 0.0 && (!best || least >= square * (1.0 - 1e-9)) {
                return Separation::Separable;
            }
            if least >= square - 1e-13 || self.members.contains(&worst) {
                // Rounding: the method can do no better.
                return if least > 0.0 { Separation::Separable } else { Separation::Undecided };
            }
            self.members.push(worst);
            self.weights.push(0.0);
            if !self.shorten(points, dimension) {
                return Separation::Undecided;
            }
        }
        Separation::Undecided
    }

    /// The largest margin min_i s_i z_i · w/‖w‖ of the last direction.
    pub fn margin(&self, points: &[f64], dimension: usize) -> f64 {
        let least = points.chunks_exact(dimension).map(|z| dot(z, &self.direction)).fold(f64::INFINITY, f64::min);
        least / libm::sqrt(dot(&self.direction, &self.direction))
    }

    /// Moves to the shortest vector of the hull of the members, dropping those that it does not need.
    fn shorten(&mut self, points: &[f64], dimension: usize) -> bool {
        loop {
            if !self.solve(points, dimension) {
                return false;
            }
            let inside = self.affine.iter().all(|x| *x > 1e-14);
            if inside {
                self.weights.clone_from(&self.affine);
            } else {
                let mut reach = 1.0f64;
                for (w, a) in self.weights.iter().zip(&self.affine) {
                    if *a <= 1e-14 && w - a > 0.0 {
                        reach = reach.min(w / (w - a));
                    }
                }
                for (w, a) in self.weights.iter_mut().zip(&self.affine) {
                    *w += reach * (a - *w);
                }
                // At least one goes: the smallest, where rounding left none at zero.
                let smallest = self.weights.iter().copied().fold(f64::INFINITY, f64::min).max(1e-14);
                let mut place = 0;
                while place < self.weights.len() {
                    if self.weights[place] <= smallest && self.weights.len() > 1 {
                        self.weights.remove(place);
                        self.members.remove(place);
                    } else {
                        place += 1;
                    }
                }
                let sum: f64 = self.weights.iter().sum();
                self.weights.iter_mut().for_each(|w| *w /= sum);
            }
            self.direction.iter_mut().for_each(|x| *x = 0.0);
            for (m, w) in self.members.iter().zip(&self.weights) {
                for (x, p) in self.direction.iter_mut().zip(&points[m * dimension..(m + 1) * dimension]) {
                    *x += w * p;
                }
            }
            if inside || self.members.len() == 1 {
                return true;
            }
        }
    }

    /// The affine combination of the members nearest to zero: (1 1ᵀ + P Pᵀ) y = 1, scaled to sum 1. By Cholesky.
    fn solve(&mut self, points: &[f64], dimension: usize) -> bool {
        let m = self.members.len();
        let a = &mut self.system;
        a.clear();
        a.resize(m * m, 0.0);
        for i in 0..m {
            for j in 0..=i {
                let (p, q) = (self.members[i] * dimension, self.members[j] * dimension);
                a[i * m + j] = 1.0 + dot(&points[p..p + dimension], &points[q..q + dimension]);
            }
        }
        self.affine.clear();
        self.affine.resize(m, 1.0);
        if !cholesky(a, m) {
            return false;
        }
        cholesky_solve(a, m, &mut self.affine);
        let sum: f64 = self.affine.iter().sum();
        self.affine.iter_mut().for_each(|x| *x /= sum);
        sum.is_finite() && sum != 0.0
    }
}

/// The lower factor of a positive definite matrix (m × m, row-major, lower half read), in place. False if it is not.
pub fn cholesky(a: &mut [f64], m: usize) -> bool {
    for i in 0..m {
        for j in 0..=i {
            let sum = a[i * m + j] - (0..j).map(|k| a[i * m + k] * a[j * m + k]).sum::<f64>();
            if i == j {
                if sum <= 1e-15 * a[i * m + i].abs() {
                    return false;
                }
                a[i * m + i] = libm::sqrt(sum);
            } else {
                a[i * m + j] = sum / a[j * m + j];
            }
        }
    }
    true
}

/// Solves L Lᵀ x = b in place.
pub fn cholesky_solve(l: &[f64], m: usize, b: &mut [f64]) {
    for i in 0..m {
        b[i] = (b[i] - (0..i).map(|k| l[i * m + k] * b[k]).sum::<f64>()) / l[i * m + i];
    }
    for i in (0..m).rev() {
        b[i] = (b[i] - (i + 1..m).map(|k| l[k * m + i] * b[k]).sum::<f64>()) / l[i * m + i];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::Draws;

    #[test]
    fn the_shortest_vector_of_a_triangle() {
        let mut separator = Separator::default();
        // The nearest point of the segment from (1, 1) to (1, −1) is (1, 0).
        let points = [1.0, 1.0, 1.0, -1.0, 3.0, 0.5];
        assert_eq!(separator.decide(&points, 2, true), Separation::Separable);
        assert!((separator.direction[0] - 1.0).abs() < 1e-12 && separator.direction[1].abs() < 1e-12);
        assert!((separator.margin(&points, 2) - 1.0).abs() < 1e-12);
        assert_eq!(separator.decide(&[1.0, 0.0, -0.5, 0.8, -0.5, -0.8], 2, false), Separation::Inseparable);
        assert_eq!(separator.decide(&[1.0, 1e-3, -1.0, 1e-3], 2, false), Separation::Separable);
    }

    #[test]
    fn the_share_of_separable_draws_is_covers() {
        // Cover (1965): N points in general position in D dimensions are separable through the origin with probability 2^(1−N) Σ_{k<D} C(N−1, k).
        let (dimension, n, draws) = (4, 9, 4000);
        let mut separator = Separator::default();
        let mut hits = 0;
        for i in 0..draws {
            let points = Draws::new(4, 1, i).normals(dimension * n);
            let found = separator.decide(&points, dimension, i % 2 == 0);
            assert_ne!(found, Separation::Undecided);
            if found == Separation::Separable {
                assert!(points.chunks(dimension).all(|z| dot(z, &separator.direction) > 0.0));
                hits += 1;
            }
        }
        let cover = (1.0 + 8.0 + 28.0 + 56.0) / 256.0;
        let error = libm::sqrt(cover * (1.0 - cover) / draws as f64);
        assert!((hits as f64 / draws as f64 - cover).abs() < 4.0 * error, "{hits} of {draws} for {cover}");
    }
}
