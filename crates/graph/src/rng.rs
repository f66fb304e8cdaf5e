//! Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011).
//!
//! A stream is keyed by (seed, purpose, step); number `i` of a stream is a pure function of the key and `i`, so order,
//! packs, threads and diagnostics never shift a stream.

/// What a stream is for. The numbers are part of every run's bits: never reuse or renumber one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// Initial parameters; `step` is the parameter's index.
    Init = 1,
    /// The split into train and test.
    Split = 2,
    /// Order and choice of examples in batches; `step` is the epoch or the step.
    Batch = 3,
    /// Noise in the forward pass, on gradients or on updates; `step` is the training step.
    Noise = 4,
    /// Labels drawn at random or corrupted.
    Labels = 5,
    /// Fresh examples drawn from a distribution.
    Sample = 6,
    /// Measurements; never used by training.
    Diagnostic = 7,
    /// Tests.
    Test = 8,
}

const M0: u32 = 0xD251_1F53;
const M1: u32 = 0xCD9E_8D57;
const W0: u32 = 0x9E37_79B9;
const W1: u32 = 0xBB67_AE85;

/// Ten rounds of Philox on one counter block.
#[inline(always)]
pub fn philox4x32(mut ctr: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let p0 = u64::from(M0) * u64::from(ctr[0]);
        let p1 = u64::from(M1) * u64::from(ctr[2]);
        ctr = [(p1 >> 32) as u32 ^ ctr[1] ^ key[0], p1 as u32, (p0 >> 32) as u32 ^ ctr[3] ^ key[1], p0 as u32];
        key = [key[0].wrapping_add(W0), key[1].wrapping_add(W1)];
    }
    ctr
}

/// A stream of random numbers addressed by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    key: [u32; 2],
    hi: [u32; 2],
}

impl Stream {
    /// The stream of (`seed`, `purpose`, `step`); `lane` tells apart several sites of one purpose in one step.
    pub fn new(seed: u64, purpose: Purpose, lane: u32, step: u64) -> Stream {
        // The step's low word and (purpose, lane, step's high bits) fill the upper counter words; the position fills the lower two.
        Stream { key: [seed as u32, (seed >> 32) as u32], hi: [step as u32, (purpose as u32) << 28 ^ (lane & 0xF_FFFF) << 8 ^ (step >> 32) as u32] }
    }

    /// The block of four words at `i`.
    #[inline(always)]
    pub fn block(&self, i: u64) -> [u32; 4] {
        philox4x32([i as u32, (i >> 32) as u32, self.hi[0], self.hi[1]], self.key)
    }

    /// 64 random bits at position `i`.
    #[inline(always)]
    pub fn bits(&self, i: u64) -> u64 {
        let b = self.block(i);
        u64::from(b[0]) << 32 | u64::from(b[1])
    }

    /// Uniform on [0, 1) with 53 bits, at position `i`.
    #[inline(always)]
    pub fn uniform(&self, i: u64) -> f64 {
        (self.bits(i) >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Standard normal at position `i` (Box–Muller on the block's two halves; the elementary functions are `libm`'s).
    #[inline(always)]
    pub fn normal(&self, i: u64) -> f64 {
        let b = self.block(i);
        // u1 in (0, 1], so that the logarithm is finite.
        let u1 = ((u64::from(b[0]) << 32 | u64::from(b[1])) >> 11) as f64;
        let u1 = (u1 + 1.0) * (1.0 / (1u64 << 53) as f64);
        let u2 = ((u64::from(b[2]) << 32 | u64::from(b[3])) >> 11) as f64 * (1.0 / (1u64 << 53) as f64);
        libm::sqrt(-2.0 * libm::log(u1)) * libm::cos(2.0 * std::f64::consts::PI * u2)
    }

    /// Uniform on `0..n`, without bias (multiply-shift on 64 bits: bias below n / 2⁶⁴). `n` must be positive.
    #[inline(always)]
    pub fn below(&self, i: u64, n: u64) -> u64 {
        ((u128::from(self.bits(i)) * u128::from(n)) >> 64) as u64
    }

    /// A uniform permutation of `0..n` (Fisher–Yates).
    pub fn permutation(&self, n: usize) -> Vec<u32> {
        let mut v: Vec<u32> = (0..n as u32).collect();
        for i in (1..n).rev() {
            let j = self.below(i as u64, i as u64 + 1) as usize;
            v.swap(i, j);
        }
        v
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of the Random123 distribution (kat_vectors, philox4x32-10).
    #[test]
    fn known_answers() {
        assert_eq!(philox4x32([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox4x32([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            philox4x32([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn moments_and_permutation() {
        let s = Stream::new(7, Purpose::Test, 0, 3);
        let n = 20_000;
        let mean = (0..n).map(|i| s.normal(i)).sum::<f64>() / n as f64;
        let var = (0..n).map(|i| s.normal(i).powi(2)).sum::<f64>() / n as f64;
        assert!(mean.abs() < 0.03 && (var - 1.0).abs() < 0.04, "{mean} {var}");
        let mut p = s.permutation(100);
        assert_ne!(p, (0..100).collect::<Vec<_>>());
        p.sort_unstable();
        assert_eq!(p, (0..100).collect::<Vec<_>>());
        assert_ne!(s.bits(0), Stream::new(7, Purpose::Test, 1, 3).bits(0));
        assert_ne!(s.bits(0), Stream::new(7, Purpose::Test, 0, 4).bits(0));
    }
}
