//! Several runs as one median and one band.

use crate::Points;

/// Grid points of a summary at most; more would not show.
const GRID: usize = 500;

/// Median and quantile band over runs, on a common grid.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Summary {
    /// `(step, median)`.
    pub median: Points,
    /// `(step, low, high)`.
    pub band: Vec<(f64, f64, f64)>,
    /// Whether some run ended before another and its last value was held.
    pub held: bool,
}

/// Summarises runs pointwise. Between its points a run is interpolated (in log step); before its first point it does not count; after its last point it holds
/// its last value, because dropping runs that stopped once they had generalised would leave a median of the others. A non-finite value counts as +∞ where
/// `diverges` (a loss), else as missing. A step is kept where at least half of the runs count.
pub(crate) fn summarise(runs: &[&Points], quantiles: (f64, f64), diverges: bool) -> Summary {
    let runs: Vec<Points> = runs.iter().map(|r| clean(r)).filter(|r| !r.is_empty()).collect();
    let ends: Vec<f64> = runs.iter().filter_map(|r| r.last().map(|p| p.0)).collect();
    let held = ends.iter().any(|e| ends.iter().any(|f| *f > e * 1.001));
    let mut out = Summary { held, ..Summary::default() };
    let mut values = Vec::with_capacity(runs.len());
    for x in grid(&runs) {
        values.clear();
        for run in &runs {
            match at(run, x) {
                Some(v) if v.is_finite() => values.push(v),
                Some(_) if diverges => values.push(f64::INFINITY),
                _ => {}
            }
        }
        if values.is_empty() || 2 * values.len() < runs.len() {
            out.median.push((x, f64::NAN));
            out.band.push((x, f64::NAN, f64::NAN));
            continue;
        }
        values.sort_by(f64::total_cmp);
        out.median.push((x, quantile(&values, 0.5)));
        out.band.push((x, quantile(&values, quantiles.0), quantile(&values, quantiles.1)));
    }
    out
}

/// Points with a usable step, in order of step.
pub(crate) fn clean(points: &[(f64, f64)]) -> Points {
    let mut out: Points = points.iter().copied().filter(|p| p.0 >= 0.0 && p.0.is_finite()).collect();
    if !out.is_sorted_by(|a, b| a.0 <= b.0) {
        out.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    out
}

fn grid(runs: &[Points]) -> Vec<f64> {
    let mut xs: Vec<f64> = runs.iter().flatten().map(|p| p.0).collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    if xs.len() <= GRID {
        return xs;
    }
    // Equal steps in the logarithm, each moved to the next step at which something was measured.
    let first = xs.iter().position(|x| *x > 0.0).unwrap_or(0);
    let (lo, hi) = (libm::log(xs[first]), libm::log(xs[xs.len() - 1]));
    let mut out: Vec<f64> = xs[..first].to_vec();
    for i in 0..GRID {
        let target = libm::exp(lo + (hi - lo) * i as f64 / (GRID - 1) as f64) * (1.0 - 1e-12);
        let k = xs.partition_point(|x| *x < target).min(xs.len() - 1);
        out.push(xs[k]);
    }
    out.dedup();
    out
}

fn at(run: &[(f64, f64)], x: f64) -> Option<f64> {
    let after = run.partition_point(|p| p.0 <= x);
    let before = run.get(after.checked_sub(1)?)?;
    let Some(next) = run.get(after).filter(|_| before.0 < x) else { return Some(before.1) };
    let w = if before.0 > 0.0 { libm::log(x / before.0) / libm::log(next.0 / before.0) } else { x / next.0 };
    Some(before.1 + (next.1 - before.1) * w)
}

/// Linear interpolation between order statistics (Hyndman and Fan's type 7) of sorted values.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let h = (sorted.len() - 1) as f64 * q.clamp(0.0, 1.0);
    let (k, w) = (h.floor() as usize, h.fract());
    match sorted.get(k + 1) {
        Some(next) if w > 0.0 => sorted[k] + (next - sorted[k]) * w,
        _ => sorted[k],
    }
}

/// Median of times of which some are only known to be later than their run's end; `None` where that leaves the median open.
pub(crate) fn censored_median(times: &[(Option<f64>, f64)]) -> Option<f64> {
    let mut sorted: Vec<f64> = times.iter().filter_map(|t| t.0).collect();
    sorted.sort_by(f64::total_cmp);
    let median = *sorted.get(times.len().div_ceil(2).checked_sub(1)?)?;
    times.iter().all(|(t, end)| t.is_some() || *end >= median).then_some(median)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_type_seven() {
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0], 0.5), 2.5);
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.1), 1.4);
        assert_eq!(quantile(&[1.0, f64::INFINITY], 0.0), 1.0);
    }

    #[test]
    fn a_run_that_ended_holds_its_value() {
        let long = vec![(1.0, 0.0), (10.0, 0.0), (100.0, 0.0)];
        let short = vec![(1.0, 0.0), (10.0, 1.0)];
        let s = summarise(&[&long, &short], (0.0, 1.0), false);
        assert!(s.held);
        assert_eq!(s.median, [(1.0, 0.0), (10.0, 0.5), (100.0, 0.5)]);
        assert_eq!(s.band[2], (100.0, 0.0, 1.0));
    }

    #[test]
    fn runs_are_interpolated_in_log_step() {
        let s = summarise(&[&vec![(1.0, 0.0), (100.0, 2.0)], &vec![(1.0, 0.0), (10.0, 1.0), (100.0, 2.0)]], (0.0, 1.0), false);
        assert!((s.median[1].1 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_diverged_loss_ranks_last() {
        let bad = vec![(1.0, 1.0), (10.0, f64::NAN)];
        let good = vec![(1.0, 1.0), (10.0, 2.0)];
        let s = summarise(&[&good, &bad, &good], (0.0, 1.0), true);
        assert_eq!(s.median[1].1, 2.0);
        assert_eq!(s.band[1], (10.0, 2.0, f64::INFINITY));
    }

    #[test]
    fn medians_of_censored_times() {
        assert_eq!(censored_median(&[(Some(5.0), 9.0), (None, 9.0), (Some(3.0), 9.0)]), Some(5.0));
        assert_eq!(censored_median(&[(Some(5.0), 9.0), (None, 4.0), (Some(3.0), 9.0)]), None);
        assert_eq!(censored_median(&[(None, 9.0), (None, 9.0), (Some(3.0), 9.0)]), None);
        assert_eq!(censored_median(&[]), None);
    }
}
