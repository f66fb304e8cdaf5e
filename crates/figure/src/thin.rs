//! Fewer points without another picture.
//!
//! Per column of pixels the first, lowest, highest and last point are kept (M4; Jugel et al., "M4: a visualization-oriented time series data aggregation",
//! VLDB 2014), so that no spike is lost however many points there are.

/// A point in pixels, or a gap.
pub(crate) type Pixel = Option<(f64, f64)>;

/// Thins a line to at most four points per column of `column` pixels; gaps stay gaps.
pub(crate) fn thin(points: &[Pixel], column: f64) -> Vec<Pixel> {
    let mut out = Vec::new();
    let mut i = 0;
    while i < points.len() {
        let Some((x, _)) = points[i] else {
            if out.last().is_some_and(Option::is_some) {
                out.push(None);
            }
            i += 1;
            continue;
        };
        let cell = (x / column).floor();
        let mut end = i;
        let (mut low, mut high) = (i, i);
        while let Some(Some((x, y))) = points.get(end)
            && (x / column).floor() == cell
        {
            let height = |k: usize| points[k].map_or(f64::NAN, |p| p.1);
            if *y < height(low) {
                low = end;
            }
            if *y > height(high) {
                high = end;
            }
            end += 1;
        }
        let mut keep = [i, low.min(high), low.max(high), end - 1].to_vec();
        keep.dedup();
        out.extend(keep.into_iter().map(|k| points[k]));
        i = end;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spikes_survive() {
        let mut points: Vec<Pixel> = (0..10_000).map(|i| Some((f64::from(i) * 0.05, 50.0))).collect();
        points[4321] = Some((4321.0 * 0.05, 0.0));
        points[7777] = Some((7777.0 * 0.05, 99.0));
        let thinned = thin(&points, 1.0);
        assert!(thinned.len() <= 4 * 501, "{}", thinned.len());
        assert!(thinned.contains(&points[4321]) && thinned.contains(&points[7777]));
        assert_eq!((thinned.first(), thinned.last()), (points.first(), points.last()));
    }

    #[test]
    fn gaps_survive_and_merge() {
        let points = [None, Some((0.0, 1.0)), None, None, Some((0.1, 2.0)), Some((5.0, 2.0))];
        assert_eq!(thin(&points, 1.0), [points[1], None, points[4], points[5]]);
    }
}
