//! The standard normal quantile.

use crate::error::{Error, inside_unit};

/// z with Φ(z) = p, for p in (0, 1), to about 16 digits.
///
/// Source: Wichura (1988), Algorithm AS 241 (PPND16), Applied Statistics 37, 477–484: three rational approximations, one for the middle
/// and two for the tails.
///
/// # Errors
/// [`Error::Domain`] unless 0 < p < 1.
pub fn normal_quantile(p: f64) -> Result<f64, Error> {
    let p = inside_unit("normal quantile", p)?;
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180625 - q * q;
        return Ok(q * polynomial(&A, r) / polynomial(&B, r));
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    let r = libm::sqrt(-libm::log(tail));
    let z = if r <= 5.0 { polynomial(&C, r - 1.6) / polynomial(&D, r - 1.6) } else { polynomial(&E, r - 5.0) / polynomial(&F, r - 5.0) };
    Ok(if q < 0.0 { -z } else { z })
}

/// The two-sided critical value: Φ⁻¹((1 + level) / 2), 1.96 for level 0.95.
///
/// # Errors
/// [`Error::Domain`] unless 0 < level < 1.
pub fn critical_value(level: f64) -> Result<f64, Error> {
    inside_unit("confidence level", level)?;
    normal_quantile(0.5 + 0.5 * level)
}

/// Horner's rule, coefficients from the constant term up.
fn polynomial(coefficients: &[f64; 8], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, &c| sum * x + c)
}

// Coefficients as printed in AS 241.
const A: [f64; 8] = [
    3.387_132_872_796_366_5,
    133.141_667_891_784_38,
    1_971.590_950_306_551_3,
    13_731.693_765_509_46,
    45_921.953_931_549_87,
    67_265.770_927_008_7,
    33_430.575_583_588_13,
    2_509.080_928_730_122_7,
];
const B: [f64; 8] = [
    1.0,
    42.313_330_701_600_91,
    687.187_007_492_057_9,
    5_394.196_021_424_751,
    21_213.794_301_586_597,
    39_307.895_800_092_71,
    28_729.085_735_721_943,
    5_226.495_278_852_545,
];
const C: [f64; 8] = [
    1.423_437_110_749_683_5,
    4.630_337_846_156_546,
    5.769_497_221_460_691,
    3.647_848_324_763_204_5,
    1.270_458_252_452_368_4,
    0.241_780_725_177_450_6,
    0.022_723_844_989_269_184,
    7.745_450_142_783_414e-4,
];
const D: [f64; 8] = [
    1.0,
    2.053_191_626_637_759,
    1.676_384_830_183_803_8,
    0.689_767_334_985_1,
    0.148_103_976_427_480_08,
    0.015_198_666_563_616_457,
    5.475_938_084_995_345e-4,
    1.050_750_071_644_416_9e-9,
];
const E: [f64; 8] = [
    6.657_904_643_501_103,
    5.463_784_911_164_114,
    1.784_826_539_917_291_3,
    0.296_560_571_828_504_87,
    0.026_532_189_526_576_124,
    0.001_242_660_947_388_078_4,
    2.711_555_568_743_487_6e-5,
    2.010_334_399_292_288_1e-7,
];
const F: [f64; 8] = [
    1.0,
    0.599_832_206_555_888,
    0.136_929_880_922_735_8,
    0.014_875_361_290_850_615,
    7.868_691_311_456_133e-4,
    1.846_318_317_510_054_8e-5,
    1.421_511_758_316_446e-7,
    2.044_263_103_389_939_8e-15,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_tables_in_the_middle_and_both_tails() {
        // 30-digit values rounded to f64 (also scipy.stats.norm.ppf).
        let table = [
            (0.5, 0.0),
            (0.6, 0.253_347_103_135_799_7),
            (0.9, 1.281_551_565_544_600_4),
            (0.95, 1.644_853_626_951_472_2),
            (0.975, 1.959_963_984_540_054),
            (0.995, 2.575_829_303_548_900_4),
            (1e-10, -6.361_340_902_404_056),
            (1e-20, -9.262_340_089_798_408),
        ];
        for (p, z) in table {
            let got = normal_quantile(p).unwrap();
            assert!((got - z).abs() <= 4e-15 * z.abs().max(1.0), "p {p}: {got} against {z}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_probability() {
        for p in [0.0, 1.0, -0.1, 1.5, f64::NAN] {
            assert!(normal_quantile(p).is_err(), "{p}");
            assert!(critical_value(p).is_err(), "{p}");
        }
    }
}
