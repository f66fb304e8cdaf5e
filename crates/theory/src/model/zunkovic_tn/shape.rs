//! The shape of latent points: effective dimension, separation of classes, density at a boundary, and falls of the effective dimension ("structure formation").

use super::map::dot;
use pennydrop_graph::linalg::eigh;

/// exp of the entropy of the explained-variance ratios of `points` (n × `dimension`, row-major), each counted `weights[i]` times (once without weights): a number between 1 and `dimension`.
/// Not a number for fewer than two points or points that all coincide.
pub fn effective_dimension(points: &[f64], dimension: usize, weights: Option<&[f64]>) -> f64 {
    let (mean, covariance) = moments(points, dimension, weights);
    if mean.iter().any(|x| !x.is_finite()) {
        return f64::NAN;
    }
    let values = &eigh(&covariance, dimension)[..dimension];
    let total: f64 = values.iter().map(|v| v.max(0.0)).sum();
    let entropy: f64 = values.iter().map(|v| v / total).filter(|p| *p > 1e-15).map(|p| -p * libm::log(p)).sum();
    if total > 0.0 { libm::exp(entropy) } else { f64::NAN }
}

/// Mean and covariance (divided by the total weight).
fn moments(points: &[f64], dimension: usize, weights: Option<&[f64]>) -> (Vec<f64>, Vec<f64>) {
    let weight = |i: usize| weights.map_or(1.0, |w| w.get(i).copied().unwrap_or(0.0));
    let total: f64 = (0..points.len() / dimension.max(1)).map(weight).sum();
    let (mut mean, mut covariance) = (vec![0.0; dimension], vec![0.0; dimension * dimension]);
    for (i, p) in points.chunks_exact(dimension.max(1)).enumerate() {
        mean.iter_mut().zip(p).for_each(|(m, x)| *m += weight(i) * x / total);
    }
    if total <= 0.0 {
        mean.fill(f64::NAN);
    }
    for (i, p) in points.chunks_exact(dimension.max(1)).enumerate() {
        for a in 0..dimension {
            let x = weight(i) * (p[a] - mean[a]) / total;
            for b in 0..dimension {
                covariance[a * dimension + b] += x * (p[b] - mean[b]);
            }
        }
    }
    (mean, covariance)
}

/// Distance of the class means and the mean over the classes of the intra-class variance (trace of the covariance).
pub fn class_distance(positive: &[f64], negative: &[f64], dimension: usize) -> (f64, f64) {
    let ((m1, c1), (m0, c0)) = (moments(positive, dimension, None), moments(negative, dimension, None));
    let difference: Vec<f64> = m1.iter().zip(&m0).map(|(a, b)| a - b).collect();
    let trace = |c: &[f64]| (0..dimension).map(|i| c[i * dimension + i]).sum::<f64>();
    (libm::sqrt(dot(&difference, &difference)), 0.5 * (trace(&c1) + trace(&c0)))
}

/// The exponent ξ with which the highest bar of the density histogram of the points, projected on their first principal axis, grows with the number of bins: 0 for a bounded density, 1 for an
/// atom. Least-squares slope of ln(height) on ln(bins) over bins = 2⁴ … 2⁹, given a hundred points a bin at the finest.
pub fn density_exponent(points: &[f64], dimension: usize) -> f64 {
    let (_, covariance) = moments(points, dimension, None);
    let packed = eigh(&covariance, dimension);
    let axis: Vec<f64> = (0..dimension).map(|i| packed[(i + 1) * dimension + dimension - 1]).collect();
    let projected: Vec<f64> = points.chunks_exact(dimension).map(|p| dot(p, &axis)).collect();
    let (low, high) = projected.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)));
    if (high - low).is_nan() || high - low <= 1e-12 {
        return f64::NAN;
    }
    let heights: Vec<(f64, f64)> = (4..=9)
        .map(|power| {
            let bins = 1usize << power;
            let mut counts = vec![0usize; bins];
            for x in &projected {
                counts[(((x - low) / (high - low) * bins as f64) as usize).min(bins - 1)] += 1;
            }
            let most = counts.into_iter().max().unwrap_or(0);
            (libm::log(bins as f64), libm::log(most as f64 * bins as f64 / projected.len() as f64))
        })
        .collect();
    slope(&heights).map_or(f64::NAN, |s| s.0)
}

/// Slope and intercept of the least-squares line through `(x, y)`; `None` for fewer than two different x.
pub fn slope(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let n = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(a, b), p| (a + p.0 / n, b + p.1 / n));
    let (xy, xx) = points.iter().fold((0.0, 0.0), |(a, b), p| (a + (p.0 - x) * (p.1 - y), b + (p.0 - x) * (p.0 - x)));
    (xx > 0.0).then(|| (xy / xx, y - xy / xx * x))
}

/// Where a series of effective dimensions falls by more than the factor `ratio` (> 1) from one value to the next: the steps of "structure formation".
pub fn falls(series: &[f64], ratio: f64) -> Vec<usize> {
    (1..series.len()).filter(|&i| series[i - 1] / series[i] > ratio).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::Draws;

    #[test]
    fn effective_dimension_counts_equal_variances() {
        // Corners of a cross have equal variance along each axis.
        let cross = [1.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, -1.0, 0.0];
        assert!((effective_dimension(&cross, 3, None) - 2.0).abs() < 1e-12);
        // Variances 3 : 1 by weights.
        let want = libm::exp(-(0.75 * libm::log(0.75) + 0.25 * libm::log(0.25)));
        assert!((effective_dimension(&cross, 3, Some(&[3.0, 3.0, 1.0, 1.0])) - want).abs() < 1e-12);
        assert!(effective_dimension(&[1.0, 2.0], 2, None).is_nan() && effective_dimension(&[], 2, None).is_nan());
    }

    #[test]
    fn density_exponents_of_known_densities() {
        // x = u^(1/(1−ξ)) has density ~ x^(−ξ): the first bar grows as bins^ξ. Beside it a flat density.
        let mut draws = Draws::new(1, 0, 0);
        let of = |xi: f64, draws: &mut Draws| density_exponent(&(0..100_000).map(|_| libm::pow(draws.uniform(), 1.0 / (1.0 - xi))).collect::<Vec<_>>(), 1);
        assert!((of(0.6, &mut draws) - 0.6).abs() < 0.02);
        assert!(of(0.0, &mut draws).abs() < 0.1);
    }

    #[test]
    fn falls_are_found() {
        assert_eq!(falls(&[5.0, 4.9, 3.0, 3.1, 1.0], 1.2), [2, 4]);
    }
}
