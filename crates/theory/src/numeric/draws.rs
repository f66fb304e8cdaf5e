//! Random draws: the distributions of `rand_distr` over the counter-based generator of `graph`.

use pennydrop_graph::rng::{Purpose, Stream};
use rand::TryRng;
use rand_distr::{Distribution, Exp1, Gamma, StandardNormal};
use std::convert::Infallible;

/// The draws of one sample: one after the other, from a stream that is keyed by (seed, lane, index).
#[derive(Debug, Clone)]
pub struct Draws {
    stream: Stream,
    block: [u32; 4],
    /// Words drawn so far.
    position: u64,
}

impl Draws {
    /// The draws of sample `index` in `lane` (below 2²⁰).
    pub fn new(seed: u64, lane: u32, index: u64) -> Draws {
        Draws { stream: Stream::new(seed, Purpose::Sample, lane, index), block: [0; 4], position: 0 }
    }

    /// Uniform on [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Standard normal.
    pub fn normal(&mut self) -> f64 {
        StandardNormal.sample(self)
    }

    /// Exponential with mean 1.
    pub fn exponential(&mut self) -> f64 {
        Exp1.sample(self)
    }

    /// Gamma with `shape` (0 gives 0) and scale 1.
    pub fn gamma(&mut self, shape: f64) -> f64 {
        // The constructor refuses shapes that are not positive: their limit is 0.
        Gamma::new(shape, 1.0).map_or(0.0, |g| g.sample(self))
    }

    /// χ² with `k` degrees of freedom.
    pub fn chi_squared(&mut self, k: f64) -> f64 {
        2.0 * self.gamma(0.5 * k)
    }

    /// Uniform on `0..n`; `n` is positive.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// −1 or 1.
    pub fn sign(&mut self) -> f64 {
        if self.word() & 1 == 0 { -1.0 } else { 1.0 }
    }

    /// `n` standard normals.
    pub fn normals(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.normal()).collect()
    }

    /// A uniform permutation of `0..n` (Fisher–Yates).
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut v: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            v.swap(i, self.below(i + 1));
        }
        v
    }

    fn word(&mut self) -> u32 {
        let place = (self.position & 3) as usize;
        if place == 0 {
            self.block = self.stream.block(self.position >> 2);
        }
        self.position += 1;
        self.block[place]
    }

    fn bits(&mut self) -> u64 {
        u64::from(self.word()) << 32 | u64::from(self.word())
    }
}

impl TryRng for Draws {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.bits())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(4) {
            chunk.copy_from_slice(&self.word().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(draw: impl Fn(&mut Draws) -> f64) -> (f64, f64) {
        let n = 200_000;
        let mut d = Draws::new(5, 3, 1);
        let xs: Vec<f64> = (0..n).map(|_| draw(&mut d)).collect();
        let mean = xs.iter().sum::<f64>() / n as f64;
        (mean, xs.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n as f64)
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        // Five standard errors of 200,000 draws.
        for ((mean, variance), (m, v)) in [
            (moments(Draws::uniform), (0.5, 1.0 / 12.0)),
            (moments(Draws::normal), (0.0, 1.0)),
            (moments(Draws::exponential), (1.0, 1.0)),
            (moments(|d| d.gamma(2.5)), (2.5, 2.5)),
            (moments(|d| d.gamma(0.5)), (0.5, 0.5)),
            (moments(|d| d.chi_squared(3.0)), (3.0, 6.0)),
            (moments(Draws::sign), (0.0, 1.0)),
            (moments(|d| d.below(7) as f64), (3.0, 4.0)),
        ] {
            assert!((mean - m).abs() < 5.0 * libm::sqrt(v / 200_000.0) && (variance / v - 1.0).abs() < 0.04, "{mean} {variance} for {m} {v}");
        }
    }

    #[test]
    fn a_sample_depends_on_its_key_alone() {
        let first = |seed, lane, index| Draws::new(seed, lane, index).uniform();
        assert_eq!(first(1, 2, 3), first(1, 2, 3));
        for other in [first(0, 2, 3), first(1, 1, 3), first(1, 2, 2)] {
            assert_ne!(first(1, 2, 3), other);
        }
        assert_eq!(Draws::new(0, 0, 0).gamma(0.0), 0.0);
    }
}
