//! Elementary functions of our own, written so that the compiler vectorises them: no branches, no tables, no system libm.
//!
//! Each is the same sequence of operations for every element, so results do not depend on position, tiling or threads. They may
//! depend on whether the instruction set has fused multiply–add: that is part of the numerics class.
//!
//! Subnormal results of [`Real::exp`] and of elementwise products ([`Real::normal`]) are zero. Processors compute with subnormal numbers some hundred times
//! slower, tails of activations and of softmaxes are full of them, and a sum with a number of usual size does not feel them.

#![allow(clippy::excessive_precision, reason = "coefficients are given with more digits than f32 keeps")]

/// What an instruction set can do.
pub trait Isa: Copy {
    /// Fused multiply–add in hardware.
    const FMA: bool;
}

/// Plain x86-64 or any other machine.
#[derive(Clone, Copy)]
pub struct Base;

impl Isa for Base {
    const FMA: bool = false;
}

/// The working types.
pub trait Real:
    Copy
    + Send
    + Sync
    + PartialOrd
    + 'static
    + std::fmt::Debug
    + Default
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::Neg<Output = Self>
    + std::ops::AddAssign
    + faer::traits::ComplexField
{
    /// 0
    const ZERO: Self;
    /// 1
    const ONE: Self;
    /// −∞
    const NEG_INF: Self;
    /// Lanes of a 64-byte vector.
    const LANES: usize;
    /// The precision that this type has.
    const PRECISION: crate::precision::Precision;
    /// From a double, rounded.
    fn of(x: f64) -> Self;
    /// To a double.
    fn to(self) -> f64;
    /// x·y + z
    fn madd<I: Isa>(self, y: Self, z: Self) -> Self;
    /// √x
    fn root(self) -> Self;
    /// |x|
    fn magnitude(self) -> Self;
    /// Whether finite.
    fn finite(self) -> bool;
    /// x, or the zero of its sign where it is subnormal.
    fn normal(self) -> Self;
    /// eˣ; 0 below −87.3 (double: −708.3), where it is subnormal or about to be
    fn exp<I: Isa>(self) -> Self;
    /// ln x
    fn ln<I: Isa>(self) -> Self;
    /// tanh x
    fn tanh<I: Isa>(self) -> Self;
    /// erf x
    fn erf<I: Isa>(self) -> Self;
}

macro_rules! poly {
    ($t:ty, $i:ty, $x:expr; $first:expr $(, $c:expr)*) => {{
        let x = $x;
        let mut p: $t = $first;
        $( p = <$t as Real>::madd::<$i>(p, x, $c); )*
        p
    }};
}

impl Real for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const NEG_INF: f32 = f32::NEG_INFINITY;
    const LANES: usize = 16;
    const PRECISION: crate::precision::Precision = crate::precision::Precision::F32;

    #[inline(always)]
    fn of(x: f64) -> f32 {
        x as f32
    }
    #[inline(always)]
    fn to(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn madd<I: Isa>(self, y: f32, z: f32) -> f32 {
        if I::FMA { self.mul_add(y, z) } else { self * y + z }
    }
    #[inline(always)]
    fn root(self) -> f32 {
        self.sqrt()
    }
    #[inline(always)]
    fn magnitude(self) -> f32 {
        f32::from_bits(self.to_bits() & 0x7fff_ffff)
    }
    #[inline(always)]
    fn finite(self) -> bool {
        self.to_bits() & 0x7f80_0000 != 0x7f80_0000
    }
    #[inline(always)]
    fn normal(self) -> f32 {
        if self.magnitude() < f32::MIN_POSITIVE { f32::from_bits(self.to_bits() & 0x8000_0000) } else { self }
    }

    #[inline(always)]
    fn exp<I: Isa>(self) -> f32 {
        // Clamped so that 2ⁿ is built from two exact halves; above 88.8 the product overflows to infinity, as it should.
        let x = if self > 89.0 { 89.0 } else { self };
        let x = if x < -87.3 { -87.3 } else { x };
        const MAGIC: f32 = 12_582_912.0; // 1.5·2²³: adding it rounds to an integer in the low bits
        let t = Real::madd::<I>(x, std::f32::consts::LOG2_E, MAGIC);
        let n = t - MAGIC;
        let r = n.madd::<I>(-0.693_145_75, x);
        let r = n.madd::<I>(-1.428_606_8e-6, r);
        let p = poly!(f32, I, r; 1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5);
        let p = (r * r).madd::<I>(p, r) + 1.0;
        let n = (t.to_bits() as i32).wrapping_sub(MAGIC.to_bits() as i32);
        let h = n >> 1;
        let a = f32::from_bits((h.wrapping_add(127) as u32) << 23);
        let b = f32::from_bits((n.wrapping_sub(h).wrapping_add(127) as u32) << 23);
        if self < -87.3 { 0.0 } else { p * a * b }
    }

    #[inline(always)]
    fn ln<I: Isa>(self) -> f32 {
        let tiny = self < f32::MIN_POSITIVE;
        let x = if tiny { self * 33_554_432.0 } else { self };
        let shift = if tiny { 25.0f32 } else { 0.0 };
        let bits = x.to_bits();
        // Mantissa in [√½, √2).
        let e = (bits.wrapping_sub(0x3f35_04f3) as i32) >> 23;
        let m = f32::from_bits(bits.wrapping_sub((e as u32) << 23));
        let s = (m - 1.0) / (m + 1.0);
        let z = s * s;
        let p = poly!(f32, I, z; 2.0 / 11.0, 2.0 / 9.0, 2.0 / 7.0, 2.0 / 5.0, 2.0 / 3.0);
        let e = e as f32 - shift;
        let lo = (s * z).madd::<I>(p, e * 9.058_001e-6);
        let y = (2.0f32).madd::<I>(s, lo) + e * 0.693_138_1;
        let y = if self == f32::INFINITY { f32::INFINITY } else { y };
        let y = if self == 0.0 { f32::NEG_INFINITY } else { y };
        if self < 0.0 || self.is_nan() { f32::NAN } else { y }
    }

    #[inline(always)]
    fn tanh<I: Isa>(self) -> f32 {
        let a = self.magnitude();
        let e = Real::exp::<I>(a + a);
        let big = 1.0 - 2.0 / (e + 1.0);
        let z = self * self;
        let p = poly!(f32, I, z; -1382.0 / 155_925.0, 62.0 / 2835.0, -17.0 / 315.0, 2.0 / 15.0, -1.0 / 3.0);
        let small = (self * z).madd::<I>(p, self);
        let big = f32::from_bits(big.to_bits() | (self.to_bits() & 0x8000_0000));
        if a < 0.35 { small } else { big }
    }

    #[inline(always)]
    fn erf<I: Isa>(self) -> f32 {
        // Rational approximation on [−4, 4] (a few units in the last place), saturated outside.
        let x = if self > 4.0 { 4.0 } else { self };
        let x = if x < -4.0 { -4.0 } else { x };
        let z = x * x;
        let p = poly!(f32, I, z; -2.726_142_2e-10, 2.770_681_5e-8, -2.101_024e-6, -5.692_506_6e-5, -7.349_906e-4, -2.954_6e-3, -1.609_603_3e-2);
        let q = poly!(f32, I, z; -1.456_607_2e-5, -2.133_740_6e-4, -1.682_827e-3, -7.373_329e-3, -1.426_473_9e-2);
        x * p / q
    }
}

impl Real for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const NEG_INF: f64 = f64::NEG_INFINITY;
    const LANES: usize = 8;
    const PRECISION: crate::precision::Precision = crate::precision::Precision::F64;

    #[inline(always)]
    fn of(x: f64) -> f64 {
        x
    }
    #[inline(always)]
    fn to(self) -> f64 {
        self
    }
    #[inline(always)]
    fn madd<I: Isa>(self, y: f64, z: f64) -> f64 {
        if I::FMA { self.mul_add(y, z) } else { self * y + z }
    }
    #[inline(always)]
    fn root(self) -> f64 {
        self.sqrt()
    }
    #[inline(always)]
    fn magnitude(self) -> f64 {
        f64::from_bits(self.to_bits() & 0x7fff_ffff_ffff_ffff)
    }
    #[inline(always)]
    fn finite(self) -> bool {
        self.to_bits() & 0x7ff0_0000_0000_0000 != 0x7ff0_0000_0000_0000
    }
    #[inline(always)]
    fn normal(self) -> f64 {
        if self.magnitude() < f64::MIN_POSITIVE { f64::from_bits(self.to_bits() & 0x8000_0000_0000_0000) } else { self }
    }

    #[inline(always)]
    fn exp<I: Isa>(self) -> f64 {
        let x = if self > 710.0 { 710.0 } else { self };
        let x = if x < -708.3 { -708.3 } else { x };
        const MAGIC: f64 = 6_755_399_441_055_744.0; // 1.5·2⁵²
        let t = Real::madd::<I>(x, std::f64::consts::LOG2_E, MAGIC);
        let n = t - MAGIC;
        let r = n.madd::<I>(-0.693_147_180_369_123_8, x);
        let r = n.madd::<I>(-1.908_214_929_270_587_7e-10, r);
        // Taylor to the 13th power: |r| ≤ ½ ln 2, remainder below 2⁻⁵⁴ relative.
        let p = poly!(f64, I, r; 1.0 / 6_227_020_800.0, 1.0 / 479_001_600.0, 1.0 / 39_916_800.0, 1.0 / 3_628_800.0, 1.0 / 362_880.0, 1.0 / 40_320.0, 1.0 / 5_040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5);
        let p = (r * r).madd::<I>(p, r) + 1.0;
        let n = (t.to_bits() as i64).wrapping_sub(MAGIC.to_bits() as i64);
        // Half of n, rounded down, without a 64-bit arithmetic shift (AVX2 has none): n is small.
        let h = i64::from((n as i32) >> 1);
        let a = f64::from_bits((h.wrapping_add(1023) as u64) << 52);
        let b = f64::from_bits((n.wrapping_sub(h).wrapping_add(1023) as u64) << 52);
        if self < -708.3 { 0.0 } else { p * a * b }
    }
    #[inline(always)]
    fn ln<I: Isa>(self) -> f64 {
        libm::log(self)
    }
    #[inline(always)]
    fn tanh<I: Isa>(self) -> f64 {
        libm::tanh(self)
    }
    #[inline(always)]
    fn erf<I: Isa>(self) -> f64 {
        libm::erf(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::simd::Avx2 as Fused;

    fn check<T: Real>(name: &str, ours: impl Fn(T) -> T, truth: impl Fn(f64) -> f64, range: (f64, f64), tolerance: f64) {
        let n = 40_000;
        for i in 0..=n {
            let x = T::of(range.0 + (range.1 - range.0) * i as f64 / n as f64);
            let (y, t) = (ours(x).to(), truth(x.to()));
            assert!((y - t).abs() <= tolerance * t.abs().max(1e-30), "{name}({}) = {y}, not {t}", x.to());
        }
    }

    #[test]
    fn close_to_libm() {
        check::<f32>("exp", Real::exp::<Fused>, libm::exp, (-87.0, 88.0), 2e-7);
        check::<f32>("exp", Real::exp::<Base>, libm::exp, (-87.0, 88.0), 2e-7);
        check::<f64>("exp", Real::exp::<Fused>, libm::exp, (-700.0, 709.0), 4e-16);
        check::<f32>("ln", Real::ln::<Fused>, libm::log, (1e-6, 30.0), 3e-7);
        check::<f32>("tanh", Real::tanh::<Fused>, libm::tanh, (-10.0, 10.0), 4e-7);
        check::<f32>("erf", Real::erf::<Fused>, libm::erf, (-5.0, 5.0), 4e-7);
    }

    #[test]
    fn edges() {
        for x in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, -1.0, 1e-40, 200.0, -200.0] {
            let same = |a: f32, b: f64| (a.is_nan() && b.is_nan()) || a == b as f32 || (a - b as f32).abs() <= 2e-7 * (b as f32).abs();
            assert!(same(Real::exp::<Fused>(x), libm::exp(f64::from(x))), "exp {x}");
            assert!(same(Real::ln::<Fused>(x), libm::log(f64::from(x))), "ln {x}: {}", Real::ln::<Fused>(x));
            assert!(same(Real::tanh::<Fused>(x), libm::tanh(f64::from(x))), "tanh {x}");
        }
        assert!(Real::exp::<Fused>(f64::NAN).is_nan());
        assert_eq!(Real::exp::<Fused>(1000.0f64), f64::INFINITY);
        assert_eq!(Real::exp::<Fused>(-1000.0f64), 0.0);
        // Zero where the result would be subnormal, and not far above.
        for x in [-87.4f32, -90.0, -103.9, f32::NEG_INFINITY] {
            assert_eq!(Real::exp::<Fused>(x), 0.0, "exp {x}");
        }
        assert!(Real::exp::<Fused>(-87.3f32) >= f32::MIN_POSITIVE && Real::exp::<Fused>(-87.29f32) >= f32::MIN_POSITIVE);
        assert!(Real::exp::<Fused>(-708.31f64) == 0.0 && Real::exp::<Fused>(-708.3f64) >= f64::MIN_POSITIVE);
        for x in [1e-39f32, 1e-45, 0.0] {
            assert_eq!((x.normal().to_bits(), (-x).normal().to_bits()), (0, 0x8000_0000), "{x}");
        }
        for x in [f32::MIN_POSITIVE, -1.5, f32::INFINITY] {
            assert_eq!(x.normal(), x);
        }
        assert!(f32::NAN.normal().is_nan() && (1e-310f64).normal() == 0.0 && (1e-307f64).normal() == 1e-307);
    }
}
