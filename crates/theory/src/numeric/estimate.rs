//! Estimates of simulations, with intervals.

use crate::answer::Simulated;
use pennydrop_stats::clopper_pearson;

/// 97.5 % quantile of the standard normal.
const Z: f64 = 1.959_963_984_540_054;

/// The share `hits / n` with its exact (Clopper–Pearson) 95 % interval; NaN where n = 0.
pub fn fraction(hits: usize, n: usize) -> Simulated {
    let estimate = hits as f64 / n as f64;
    let (low, high) = clopper_pearson(hits, n, 0.95).map_or((f64::NAN, f64::NAN), |i| (i.low, i.high));
    Simulated { estimate, low, high, samples: n }
}

/// The mean with its normal 95 % interval; NaN where it is empty, no width for one value.
pub fn mean(values: &[f64]) -> Simulated {
    let n = values.len() as f64;
    let estimate = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|x| (x - estimate) * (x - estimate)).sum::<f64>();
    let half = if values.len() > 1 { Z * libm::sqrt(squares / (n - 1.0) / n) } else { 0.0 };
    Simulated { estimate, low: estimate - half, high: estimate + half, samples: values.len() }
}

/// The median with its distribution-free 95 % interval from order statistics; NaN where it is empty. Infinite values are values.
pub fn median(values: &[f64]) -> Simulated {
    let mut sorted: Vec<f64> = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    if n == 0 {
        return Simulated { estimate: f64::NAN, low: f64::NAN, high: f64::NAN, samples: 0 };
    }
    let half = 0.5 * Z * libm::sqrt(n as f64);
    let (low, high) = (0.5 * n as f64 - half, 0.5 * n as f64 + half);
    let at = |k: f64| sorted[(k.max(0.0) as usize).min(n - 1)];
    Simulated { estimate: quantile(&sorted, 0.5), low: at(libm::floor(low)), high: at(libm::ceil(high)), samples: n }
}

/// Quantile `q` in 0..=1 of values in ascending order, interpolated linearly; NaN where it is empty.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = q.clamp(0.0, 1.0) * last as f64;
    let below = place as usize;
    let (a, b) = (sorted[below], sorted[(below + 1).min(last)]);
    let past = place - below as f64;
    // No difference of infinities where nothing is interpolated.
    if a == b || past == 0.0 { a } else { a + (b - a) * past }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        // Clopper–Pearson for 13 of 20, as printed in any table.
        let f = fraction(13, 20);
        assert!((f.low - 0.4078).abs() < 1e-3 && (f.high - 0.8461).abs() < 1e-3, "{f:?}");
        let m = mean(&[1.0, 2.0, 3.0, 4.0]);
        assert!((m.estimate - 2.5).abs() < 1e-15 && (m.high - m.estimate - 1.959_963_985 * libm::sqrt(5.0 / 3.0 / 4.0)).abs() < 1e-8);
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
        let d = median(&[5.0, 1.0, f64::INFINITY]);
        assert_eq!((d.estimate, d.high), (5.0, f64::INFINITY));
        assert!(fraction(0, 0).estimate.is_nan() && mean(&[]).estimate.is_nan() && median(&[]).estimate.is_nan());
    }
}
