//! Straight lines through points, with intervals.

use crate::answer::Simulated;
use pennydrop_stats::distributions::student_t_quantile;

/// A line through points by least squares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Slope with its 95 % interval (Student's t, n − 2 degrees of freedom): what scatter about the line allows, whatever makes the scatter.
    pub slope: Simulated,
    /// Value at x = 0.
    pub intercept: f64,
    /// Share of the variance that the line takes, 0..=1.
    pub r_squared: f64,
}

/// The least-squares line through `(x, y)`; points that are not finite are left out. NaN below two points, no interval (NaN ends) for two.
pub fn line(points: &[(f64, f64)]) -> Line {
    let kept: Vec<(f64, f64)> = points.iter().copied().filter(|p| p.0.is_finite() && p.1.is_finite()).collect();
    let n = kept.len() as f64;
    let (mx, my) = (kept.iter().map(|p| p.0).sum::<f64>() / n, kept.iter().map(|p| p.1).sum::<f64>() / n);
    let sxx: f64 = kept.iter().map(|p| (p.0 - mx) * (p.0 - mx)).sum();
    let syy: f64 = kept.iter().map(|p| (p.1 - my) * (p.1 - my)).sum();
    let sxy: f64 = kept.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum();
    let slope = sxy / sxx;
    let rest: f64 = kept.iter().map(|p| p.1 - my - slope * (p.0 - mx)).map(|r| r * r).sum();
    let half = if kept.len() > 2 { student_t_quantile(0.975, n - 2.0).map_or(f64::NAN, |t| t * libm::sqrt(rest / (n - 2.0) / sxx)) } else { f64::NAN };
    Line {
        slope: Simulated { estimate: slope, low: slope - half, high: slope + half, samples: kept.len() },
        intercept: my - slope * mx,
        r_squared: if syy > 0.0 { 1.0 - rest / syy } else { f64::NAN },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_line() {
        // Anscombe's first data set: y = 3.0001 + 0.5001 x, standard error of the slope 0.1179, R² = 0.6665.
        let x = [10.0, 8.0, 13.0, 9.0, 11.0, 14.0, 6.0, 4.0, 12.0, 7.0, 5.0];
        let y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68];
        let points: Vec<(f64, f64)> = x.into_iter().zip(y).chain([(f64::NAN, 1.0)]).collect();
        let found = line(&points);
        assert!((found.slope.estimate - 0.5001).abs() < 5e-5 && (found.intercept - 3.0001).abs() < 5e-5 && (found.r_squared - 0.6665).abs() < 5e-5);
        assert!((found.slope.high - found.slope.estimate - 2.262 * 0.1179).abs() < 1e-4);
        assert!(line(&[(1.0, 2.0)]).slope.estimate.is_nan());
    }
}
