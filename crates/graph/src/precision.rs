//! Emulated precisions: a number rounded to f16, bf16 or f32 and kept in the working type.

/// A floating-point format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Precision {
    /// IEEE half.
    F16,
    /// bfloat16.
    Bf16,
    /// IEEE single.
    F32,
    /// IEEE double.
    F64,
}

impl Precision {
    /// The word used in specs.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F16 => "f16",
            Precision::Bf16 => "bf16",
            Precision::F32 => "f32",
            Precision::F64 => "f64",
        }
    }

    /// The format of a spec word.
    pub fn parse(s: &str) -> Option<Precision> {
        [Precision::F16, Precision::Bf16, Precision::F32, Precision::F64].into_iter().find(|p| p.name() == s)
    }

    /// `x` rounded once to this format (ties to even, overflow to infinity, subnormals kept), as a double.
    pub fn round(self, x: f64) -> f64 {
        match self {
            Precision::F16 => narrow(x, 11, -14, 65504.0),
            Precision::Bf16 => narrow(x, 8, -126, 3.389_531_389_251_535_5e38),
            Precision::F32 => x as f32 as f64,
            Precision::F64 => x,
        }
    }
}

/// Rounds to `digits` significant bits with smallest normal exponent `lowest` and largest finite value `top`.
fn narrow(x: f64, digits: i32, lowest: i32, top: f64) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    let exponent = ((x.to_bits() >> 52 & 0x7ff) as i32 - 1023).max(lowest);
    // One unit in the last place of the result; the scaling by a power of two is exact.
    let unit = f64::from_bits(((exponent - digits + 1 + 1023) as u64) << 52);
    let y = (x / unit).round_ties_even() * unit;
    if y.abs() > top { f64::INFINITY.copysign(x) } else { y }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_once_and_keeps_the_extremes() {
        assert_eq!(Precision::F16.round(65504.0), 65504.0);
        assert!(Precision::F16.round(65520.0).is_infinite());
        assert_eq!(Precision::Bf16.round(1.0 + 1.0 / 256.0), 1.0);
        assert_eq!(Precision::Bf16.round(1.0 + 3.0 / 256.0), 1.0 + 4.0 / 256.0);
        // 1 + 2⁻¹¹ + 2⁻⁴⁰ lies above the tie of f16: rounding through f32 would lose that.
        assert_eq!(Precision::F16.round(1.0 + 2f64.powi(-11) + 2f64.powi(-40)), 1.0 + 2f64.powi(-10));
        assert_eq!(Precision::F32.round(0.1), 0.1f32 as f64);
    }
}
