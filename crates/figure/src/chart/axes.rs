//! The axes of a panel: the range that its data need, and where a value stands.

use super::{Axis, Chart, Mark};
use crate::panel::Panel;
use crate::scale::{StepAxis, YAxis, drawable};

/// A scale: from `lo` to `hi`, which are powers of ten where it is logarithmic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    pub log: bool,
    pub lo: f64,
    pub hi: f64,
}

/// Where a value stands on an axis: the value or its power of ten; `None` where it has no place.
pub(super) fn place(v: f64, log: bool) -> Option<f64> {
    if log { (v > 0.0 && drawable(v)).then(|| libm::log10(v)) } else { drawable(v).then_some(v) }
}

impl Scale {
    /// The scale of `places`, with air at both ends as a share of its length.
    pub fn fit(places: impl IntoIterator<Item = f64>, log: bool, air: f64) -> Scale {
        let (mut lo, mut hi) = places.into_iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), p| (lo.min(p), hi.max(p)));
        if lo > hi {
            (lo, hi) = if log { (-1.0, 0.0) } else { (0.0, 1.0) };
        }
        // What hardly differs gets a range that its own size suggests.
        let same = hi - lo <= if log { 1e-9 } else { 1e-12 * hi.abs().max(lo.abs()) };
        let air = match (same, log) {
            (true, true) => 0.3,
            (true, false) => (hi.abs() * 0.1).max(0.5 * f64::from(hi == 0.0)).max(1e-300),
            (false, _) => (hi - lo) * air,
        };
        Scale { log, lo: lo - air, hi: hi + air }
    }

    /// Share of the length at which `place` stands, kept near the panel so that coordinates stay small.
    pub fn share(&self, place: f64) -> f64 {
        ((place - self.lo) / (self.hi - self.lo)).clamp(-8.0, 9.0)
    }

    /// For ticks along the vertical axis or a colour bar.
    pub fn vertical(&self) -> YAxis {
        if self.log { YAxis::Log(self.lo, self.hi) } else { YAxis::Linear(self.lo, self.hi) }
    }
}

/// A panel: its scales and its rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Plane {
    pub x: Scale,
    pub y: Scale,
    pub x0: f64,
    pub x1: f64,
    pub top: f64,
    pub bottom: f64,
}

impl Plane {
    /// Pixel of a value of x.
    pub fn px_x(&self, x: f64) -> Option<f64> {
        Some(self.x_at(place(x, self.x.log)?))
    }

    /// Pixel of a value of y.
    pub fn px_y(&self, y: f64) -> Option<f64> {
        Some(self.y_at(place(y, self.y.log)?))
    }

    /// Pixel of a place on the horizontal axis.
    pub fn x_at(&self, place: f64) -> f64 {
        self.x0 + self.x.share(place) * (self.x1 - self.x0)
    }

    /// Pixel of a place on the vertical axis.
    pub fn y_at(&self, place: f64) -> f64 {
        self.bottom - self.y.share(place) * (self.bottom - self.top)
    }

    /// Pixel of a point.
    pub fn at(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        Some((self.px_x(x)?, self.px_y(y)?))
    }

    /// Grid, spines, ticks and their labels.
    pub fn frame(&self, svg: &mut crate::svg::Svg) {
        let axis = StepAxis { x0: self.x0, x1: self.x1, zero: None, start: self.x0, lo: self.x.lo, hi: self.x.hi, linear: !self.x.log };
        Panel { x: &axis, y: self.y.vertical(), top: self.top, bottom: self.bottom }.frame(svg, true);
    }
}

/// The scales of a chart. A map fills its panel; lines may leave it.
pub(super) fn scales(chart: &Chart) -> (Scale, Scale) {
    let (x_log, y_log) = (chart.x.log, chart.y.log);
    if let Some((xs, ys)) = grid(chart) {
        let along =
            |centres: &[f64], axis: &Axis| Scale::fit(super::maps::edges(centres, axis.log, f64::INFINITY).into_iter().flat_map(|e| [e.1, e.2]), axis.log, 0.0);
        return (along(xs, &chart.x), along(ys, &chart.y));
    }
    let (mut xs, mut ys) = (Vec::new(), Vec::new());
    // A pair counts where both of its values have a place; a value alone where it has one.
    let mut pair = |x: f64, y: f64| {
        if let (Some(x), Some(y)) = (place(x, x_log), place(y, y_log)) {
            xs.push(x);
            ys.push(y);
            return true;
        }
        false
    };
    let (mut x_alone, mut y_alone) = (chart.x.include.clone(), chart.y.include.clone());
    for mark in &chart.marks {
        match mark {
            Mark::Line { points, .. } => points.iter().for_each(|p| {
                pair(p.0, p.1);
            }),
            Mark::Points { points, .. } => {
                for p in points {
                    let ends = p.interval.map_or([f64::NAN; 2], |i| [i.0, i.1]);
                    for y in [p.y, ends[0], ends[1]] {
                        pair(p.x, y);
                    }
                    // An open end alone is drawn at the edge.
                    if open(p.y) {
                        x_alone.push(p.x);
                    }
                }
            }
            Mark::Band { points, .. } => points.iter().for_each(|(x, low, high)| {
                pair(*x, *low);
                pair(*x, *high);
            }),
            Mark::Steps { edges, heights, .. } => {
                x_alone.extend(edges.iter().take(heights.len() + 1));
                y_alone.extend(heights);
                y_alone.push(0.0);
            }
            Mark::Vertical { x, .. } => x_alone.push(*x),
            Mark::Horizontal { y, .. } => y_alone.push(*y),
            Mark::Word { at, .. } => {
                pair(at.0, at.1);
            }
            Mark::Map { .. } | Mark::Classes { .. } => {}
        }
    }
    xs.extend(x_alone.into_iter().filter_map(|x| place(x, x_log)));
    ys.extend(y_alone.into_iter().filter_map(|y| place(y, y_log)));
    // Markers need room at the ends; lines go from edge to edge.
    let has_markers = chart.marks.iter().any(|m| matches!(m, Mark::Points { .. } | Mark::Word { .. }));
    (Scale::fit(xs, x_log, if has_markers { 0.04 } else { 0.0 }), Scale::fit(ys, y_log, 0.05))
}

/// An estimate that was not reached: infinite, not lost.
pub(super) fn open(y: f64) -> bool {
    y.is_infinite()
}

/// Centres of the map of a chart, if it has one.
fn grid(chart: &Chart) -> Option<(&[f64], &[f64])> {
    chart.marks.iter().find_map(|m| match m {
        Mark::Map { xs, ys, .. } | Mark::Classes { xs, ys, .. } if !xs.is_empty() && !ys.is_empty() => Some((xs.as_slice(), ys.as_slice())),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Look;
    use super::*;

    fn chart(y: Axis, marks: Vec<Mark>) -> Chart {
        Chart { x: Axis::linear("x"), y, marks, ..Chart::default() }
    }

    #[test]
    fn the_range_holds_what_is_drawn_and_what_it_must_hold() {
        let line = Mark::line("a", Look::Closed, vec![(1.0, 0.25), (3.0, 0.5), (9.0, f64::NAN)]);
        let (x, y) = scales(&chart(Axis::linear("y").including(1.0), vec![line.clone()]));
        // A point that is not drawn claims no room.
        assert_eq!((x.lo, x.hi), (1.0, 3.0));
        assert!(y.lo < 0.25 && y.hi > 1.0 && y.hi < 1.1, "{y:?}");
        let (x, _) = scales(&chart(Axis::linear("y"), vec![line, Mark::Vertical { name: String::new(), look: Look::Null, x: -1.0 }]));
        assert_eq!((x.lo, x.hi), (-1.0, 3.0));
    }

    #[test]
    fn a_logarithm_leaves_out_what_it_has_no_place_for() {
        let line = Mark::line("a", Look::Closed, vec![(1.0, 10.0), (2.0, 0.0), (3.0, -4.0), (4.0, 1000.0)]);
        let (_, y) = scales(&chart(Axis::log("y"), vec![line]));
        assert!((y.lo - 0.9).abs() < 1e-12 && (y.hi - 3.1).abs() < 1e-12, "{y:?}");
        assert_eq!(place(0.0, true), None);
    }

    #[test]
    fn the_same_value_everywhere_has_a_range() {
        for (value, log) in [(0.0, false), (7.0, false), (7.0, true), (-1e300, false)] {
            let s = Scale::fit(place(value, log), log, 0.05);
            assert!(s.lo < s.hi && s.hi.is_finite(), "{value}: {s:?}");
        }
        assert_eq!(Scale::fit([], false, 0.0), Scale { log: false, lo: 0.0, hi: 1.0 });
    }
}
