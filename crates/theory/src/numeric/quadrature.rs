//! Integrals of one variable with an error estimate: Gauss–Kronrod (10, 21) on intervals that are halved where the estimate is largest
//! (Piessens et al., QUADPACK, 1983: the rule of QAG, with the map of QAGI for half-infinite intervals).
//!
//! Written here: `gauss-quad` brings a second linear-algebra library and has fixed rules without an error; `quadrature` has one fixed double-exponential
//! rule for finite intervals, which cannot follow a narrow peak, and was last released in 2017.

use crate::model::TheoryError;
use std::ops::ControlFlow;

/// An integral.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Integral {
    /// The estimate.
    pub value: f64,
    /// Estimate of its absolute error, usually far too large.
    pub error: f64,
}

/// Nodes of the Kronrod rule at and above 0; those with an odd index are Gauss nodes.
const NODES: [f64; 11] = [
    0.995_657_163_025_808_1,
    0.973_906_528_517_171_7,
    0.930_157_491_355_708_2,
    0.865_063_366_688_984_5,
    0.780_817_726_586_416_9,
    0.679_409_568_299_024_4,
    0.562_757_134_668_604_7,
    0.433_395_394_129_247_2,
    0.294_392_862_701_460_2,
    0.148_874_338_981_631_22,
    0.0,
];
const KRONROD: [f64; 11] = [
    0.011_694_638_867_371_874,
    0.032_558_162_307_964_725,
    0.054_755_896_574_351_995,
    0.075_039_674_810_919_96,
    0.093_125_454_583_697_6,
    0.109_387_158_802_297_64,
    0.123_491_976_262_065_84,
    0.134_709_217_311_473_34,
    0.142_775_938_577_060_09,
    0.147_739_104_901_338_49,
    0.149_445_554_002_916_9,
];
const GAUSS: [f64; 5] = [0.066_671_344_308_688_14, 0.149_451_349_150_580_6, 0.219_086_362_515_982_04, 0.269_266_719_309_996_35, 0.295_524_224_714_752_87];

/// Intervals after which an integral is given up.
const MOST_INTERVALS: usize = 4000;

#[derive(Debug, Clone, Copy)]
struct Part {
    low: f64,
    high: f64,
    value: f64,
    error: f64,
    /// Whether halving it further cannot help: its error is rounding, or it is a few floats wide.
    finished: bool,
}

fn rule(f: &mut impl FnMut(f64) -> f64, low: f64, high: f64) -> Part {
    let (centre, half) = (0.5 * (low + high), 0.5 * (high - low));
    let middle = f(centre);
    let (mut kronrod, mut gauss, mut size) = (KRONROD[10] * middle, 0.0, KRONROD[10] * middle.abs());
    let mut values = [(0.0, 0.0); 10];
    for (i, pair) in values.iter_mut().enumerate() {
        let (a, b) = (f(centre - half * NODES[i]), f(centre + half * NODES[i]));
        *pair = (a, b);
        kronrod += KRONROD[i] * (a + b);
        size += KRONROD[i] * (a.abs() + b.abs());
        if i % 2 == 1 {
            gauss += GAUSS[i / 2] * (a + b);
        }
    }
    // QUADPACK's estimate: the difference of the two rules, sharpened by how far the function is from its mean.
    let mean = 0.5 * kronrod;
    let spread = KRONROD[10] * (middle - mean).abs() + values.iter().zip(KRONROD).map(|((a, b), w)| w * ((a - mean).abs() + (b - mean).abs())).sum::<f64>();
    let (mut error, spread, size) = ((half * (kronrod - gauss)).abs(), spread * half.abs(), size * half.abs());
    if error > 0.0 && spread > 0.0 {
        error = spread * libm::pow(200.0 * error / spread, 1.5).min(1.0);
    }
    let rounding = 50.0 * f64::EPSILON * size;
    let narrow = half.abs() <= 16.0 * f64::EPSILON * centre.abs().max(f64::MIN_POSITIVE);
    Part { low, high, value: half * kronrod, error: error.max(rounding), finished: error <= rounding || narrow }
}

/// ∫ f over [`low`, `high`], either end of which may be infinite, to `relative`·|value| + `absolute`. `f` is never evaluated at an end.
///
/// Where `f` has a kink or a narrow peak at a known place, split there: an interval of which all 21 nodes miss a peak is taken for empty.
///
/// # Errors
/// A value of `f` that is not finite; an error that stays above what is allowed after 4000 intervals.
pub fn integrate(mut f: impl FnMut(f64) -> f64, low: f64, high: f64, relative: f64, absolute: f64) -> Result<Integral, TheoryError> {
    if low.is_nan() || high.is_nan() {
        return Err(TheoryError::numeric("integral", format!("from {low} to {high}")));
    }
    if low > high {
        let turned = integrate(f, high, low, relative, absolute)?;
        return Ok(Integral { value: -turned.value, ..turned });
    }
    match (low.is_finite(), high.is_finite()) {
        (true, true) => adaptive(&mut f, low, high, relative, absolute),
        // x = low + (1 − t)/t, so that the far end is at t = 0, where floats are dense.
        (true, false) => adaptive(&mut |t| f(low + (1.0 - t) / t) / (t * t), 0.0, 1.0, relative, absolute),
        (false, true) => adaptive(&mut |t| f(high - (1.0 - t) / t) / (t * t), 0.0, 1.0, relative, absolute),
        (false, false) if low == high => Ok(Integral { value: 0.0, error: 0.0 }),
        (false, false) => adaptive(
            &mut |t| {
                let x = (1.0 - t) / t;
                (f(x) + f(-x)) / (t * t)
            },
            0.0,
            1.0,
            relative,
            absolute,
        ),
    }
}

/// The sum of [`integrate`] between neighbours of `points`, which are in ascending order.
///
/// # Errors
/// As [`integrate`].
pub fn integrate_pieces(mut f: impl FnMut(f64) -> f64, points: &[f64], relative: f64, absolute: f64) -> Result<Integral, TheoryError> {
    let mut sum = Integral { value: 0.0, error: 0.0 };
    for ends in points.windows(2).filter(|w| w[0] < w[1]) {
        let part = integrate(&mut f, ends[0], ends[1], relative, absolute)?;
        sum = Integral { value: sum.value + part.value, error: sum.error + part.error };
    }
    Ok(sum)
}

fn adaptive(f: &mut impl FnMut(f64) -> f64, low: f64, high: f64, relative: f64, absolute: f64) -> Result<Integral, TheoryError> {
    let mut parts = vec![rule(f, low, high)];
    loop {
        match step(f, &mut parts, relative, absolute)? {
            ControlFlow::Continue(()) => {}
            ControlFlow::Break(integral) => return Ok(integral),
        }
    }
}

/// Halves the part with the largest error, unless the sum is good enough.
fn step(f: &mut impl FnMut(f64) -> f64, parts: &mut Vec<Part>, relative: f64, absolute: f64) -> Result<ControlFlow<Integral>, TheoryError> {
    let value: f64 = parts.iter().map(|p| p.value).sum();
    let error: f64 = parts.iter().map(|p| p.error).sum();
    let ends = (parts[0].low, parts.iter().map(|p| p.high).fold(f64::NEG_INFINITY, f64::max));
    if !value.is_finite() {
        return Err(TheoryError::numeric("integral", format!("a value that is not finite between {} and {}", ends.0, ends.1)));
    }
    if error <= relative * value.abs() + absolute {
        return Ok(ControlFlow::Break(Integral { value, error }));
    }
    let worst = parts.iter().enumerate().filter(|(_, p)| !p.finished).max_by(|a, b| a.1.error.total_cmp(&b.1.error)).map(|(i, _)| i);
    let Some(worst) = worst else {
        // All that is left is rounding: nothing better can be had in these floats.
        return Ok(ControlFlow::Break(Integral { value, error }));
    };
    if parts.len() >= MOST_INTERVALS {
        return Err(TheoryError::numeric("integral", format!("{value:e} ± {error:e} after {MOST_INTERVALS} intervals")));
    }
    let Part { low, high, .. } = parts[worst];
    let middle = 0.5 * (low + high);
    parts[worst] = rule(f, low, middle);
    parts.push(rule(f, middle, high));
    Ok(ControlFlow::Continue(()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::special::{erf, gamma_lower, ln_gamma};
    use std::f64::consts::PI;

    #[test]
    fn agrees_with_integrals_in_closed_form() {
        let cases: [(&str, f64, f64); 9] = [
            ("polynomial", integrate(|x| x * x * x - 2.0 * x, -1.0, 3.0, 1e-13, 0.0).unwrap().value, 12.0),
            ("logarithm at its singular end", integrate(libm::log, 0.0, 1.0, 1e-12, 0.0).unwrap().value, -1.0),
            ("inverse root", integrate(|x| 1.0 / x.sqrt(), 0.0, 4.0, 1e-11, 0.0).unwrap().value, 4.0),
            ("kink", integrate_pieces(|x: f64| (x - 0.3).abs(), &[0.0, 0.3, 1.0], 1e-13, 0.0).unwrap().value, 0.5 * (0.09 + 0.49)),
            ("normal", integrate(|x| libm::exp(-x * x), f64::NEG_INFINITY, f64::INFINITY, 1e-12, 0.0).unwrap().value, PI.sqrt()),
            ("normal tail", integrate(|x| libm::exp(-x * x), 1.0, f64::INFINITY, 1e-12, 0.0).unwrap().value, 0.5 * PI.sqrt() * (1.0 - erf(1.0))),
            ("left tail", integrate(libm::exp, f64::NEG_INFINITY, -2.0, 1e-12, 0.0).unwrap().value, libm::exp(-2.0)),
            ("turned", integrate(|x| x, 1.0, 0.0, 1e-12, 0.0).unwrap().value, -0.5),
            ("slow tail", integrate(|x| 1.0 / (1.0 + x * x), 0.0, f64::INFINITY, 1e-12, 0.0).unwrap().value, 0.5 * PI),
        ];
        for (name, got, want) in cases {
            assert!((got - want).abs() <= 1e-10 * want.abs(), "{name}: {got} against {want}");
        }
        // A gamma density of shape 2000: a peak of width 45 at 2000.
        let a = 2000.0;
        let density = |x: f64| libm::exp((a - 1.0) * libm::log(x) - x - ln_gamma(a));
        let got = integrate_pieces(density, &[1000.0, a, 2030.0], 1e-10, 0.0).unwrap();
        assert!((got.value - gamma_lower(a, 2030.0)).abs() < 1e-9, "{got:?}");
    }

    #[test]
    fn the_error_estimate_covers_the_error() {
        for n in [1.0, 10.0, 300.0] {
            let got = integrate(|x| libm::cos(n * x), 0.0, 1.0, 1e-9, 1e-12).unwrap();
            assert!((got.value - libm::sin(n) / n).abs() <= got.error, "{got:?}");
        }
    }

    #[test]
    fn what_has_no_integral_is_an_error() {
        assert!(integrate(|x| 1.0 / x, 0.0, 1.0, 1e-10, 0.0).is_err());
        assert!(integrate(|_| f64::NAN, 0.0, 1.0, 1e-10, 0.0).is_err());
        assert!(integrate(|x| x, f64::NAN, 1.0, 1e-10, 0.0).is_err());
    }
}
