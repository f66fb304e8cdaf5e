//! The legend of a panel, under its title, where it covers no data.

use super::marks::{area_style, marker, marker_style, shape, stroke_width, style};
use super::{Chart, Look, Mark, maps};
use crate::panel::{INK, TICK};
use crate::svg::{Anchor, Svg, em, formula, plain, px, spelled, width, wrap};

const SAMPLE: f64 = 22.0;
const GAP: f64 = 14.0;
/// Height of a line of words.
const LINE: f64 = 13.0;

/// What a sample shows of the marks of one name and look.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Parts {
    line: bool,
    upright: bool,
    points: bool,
    whisker: bool,
    area: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Sample {
    Marks(Look, Parts),
    /// Number of the class, and all names.
    Class(usize),
    Blank,
}

/// An entry with its place: left edge, first baseline, and its lines of words.
struct Placed<'a> {
    sample: &'a Sample,
    x: f64,
    y: f64,
    lines: Vec<String>,
}

/// A legend that has been laid out.
pub(super) struct Legend {
    entries: Vec<(String, Sample)>,
    names: Vec<String>,
    room: f64,
}

impl Legend {
    /// The entries of a chart, as wide as `room`.
    pub fn of(chart: &Chart, room: f64) -> Legend {
        let mut entries: Vec<(String, Sample)> = Vec::new();
        let mut names = Vec::new();
        for mark in &chart.marks {
            let (name, look, parts) = match mark {
                Mark::Line { name, look, .. } | Mark::Horizontal { name, look, .. } => (name, *look, Parts { line: true, ..Parts::default() }),
                Mark::Vertical { name, look, .. } => (name, *look, Parts { upright: true, ..Parts::default() }),
                Mark::Points { name, look, points } => {
                    (name, *look, Parts { points: true, whisker: points.iter().any(|p| p.interval.is_some()), ..Parts::default() })
                }
                Mark::Band { name, look, .. } => (name, *look, Parts { area: true, ..Parts::default() }),
                Mark::Steps { name, look, .. } => (name, *look, Parts { line: true, area: true, ..Parts::default() }),
                Mark::Word { .. } => continue,
                Mark::Map { xs, ys, values, log, .. } => {
                    let drawn = |iy: usize, ix: usize| values.get(iy).and_then(|r| r.get(ix)).is_some_and(|v| super::axes::place(*v, *log).is_some());
                    if (0..ys.len()).any(|iy| (0..xs.len()).any(|ix| !drawn(iy, ix))) {
                        entries.push(("no value".into(), Sample::Blank));
                    }
                    continue;
                }
                Mark::Classes { names: classes_of, xs, ys, classes } => {
                    names = classes_of.iter().map(|n| spelled(n)).collect::<Vec<_>>();
                    entries.extend(names.iter().enumerate().map(|(k, n)| (n.clone(), Sample::Class(k))));
                    let class = |iy: usize, ix: usize| classes.get(iy).and_then(|r| r.get(ix).copied().flatten()).is_some_and(|k| k < classes_of.len());
                    if (0..ys.len()).any(|iy| (0..xs.len()).any(|ix| !class(iy, ix))) {
                        entries.push(("no value".into(), Sample::Blank));
                    }
                    continue;
                }
            };
            if name.trim().is_empty() {
                continue;
            }
            let name = spelled(name);
            let same = entries.iter_mut().find_map(|(n, s)| match s {
                Sample::Marks(l, p) if *n == name && *l == look => Some(p),
                _ => None,
            });
            match same {
                Some(p) => {
                    *p = Parts {
                        line: p.line || parts.line,
                        upright: p.upright || parts.upright,
                        points: p.points || parts.points,
                        whisker: p.whisker || parts.whisker,
                        area: p.area || parts.area,
                    }
                }
                None => entries.push((name, Sample::Marks(look, parts))),
            }
        }
        Legend { entries, names, room }
    }

    /// Entries in rows; and the height of all rows.
    fn places(&self) -> (Vec<Placed<'_>>, f64) {
        let (mut x, mut y, mut lines_of_row) = (0.0, 0.0, 0usize);
        let mut out = Vec::new();
        for (name, sample) in &self.entries {
            let lead = match sample {
                Sample::Marks(_, p) if !p.line && !p.area => 15.0,
                Sample::Marks(..) => SAMPLE + 5.0,
                _ => 16.0,
            };
            let lines = wrap(name, (self.room - lead).max(20.0) / TICK, 2, em);
            let w = lead + lines.iter().map(|l| width(l, TICK)).fold(0.0, f64::max);
            if x > 0.0 && x + w > self.room {
                x = 0.0;
                y += LINE * lines_of_row as f64;
                lines_of_row = 0;
            }
            lines_of_row = lines_of_row.max(lines.len());
            out.push(Placed { sample, x, y: y + LINE - 3.0, lines });
            x += w + GAP;
        }
        (out, y + LINE * lines_of_row as f64)
    }

    /// Height of the legend.
    pub fn height(&self) -> f64 {
        self.places().1
    }

    /// Draws it with its upper left corner at `(left, top)`.
    pub fn draw(&self, svg: &mut Svg, prefix: &str, left: f64, top: f64) {
        for p in self.places().0 {
            let (x, y) = (left + p.x, top + p.y);
            let lead = self.sample(svg, prefix, p.sample, x, y);
            for (i, line) in p.lines.iter().enumerate() {
                svg.text(x + lead, y + LINE * i as f64, TICK, Anchor::Start, &format!(r#"fill="{INK}""#), &formula(line));
            }
        }
    }

    /// Draws a sample on a baseline; returns the width that it takes.
    fn sample(&self, svg: &mut Svg, prefix: &str, sample: &Sample, x: f64, baseline: f64) -> f64 {
        let y = baseline - 3.2;
        match sample {
            Sample::Marks(look, parts) => {
                let narrow = !parts.line && !parts.area;
                let w = if narrow { 10.0 } else { SAMPLE };
                let (style, shape) = (style(*look), shape(*look));
                if parts.area {
                    svg.rect(x, y - 4.5, w, 9.0, &area_style(style.colour));
                }
                if parts.line {
                    svg.line(x, y, x + w, y, &style.stroke(stroke_width(*look)));
                }
                if parts.upright {
                    svg.line(x + w / 2.0, y - 5.5, x + w / 2.0, y + 5.5, &style.stroke(stroke_width(*look)));
                }
                if parts.whisker {
                    svg.line(x + w / 2.0, y - 5.5, x + w / 2.0, y + 5.5, &format!(r#"stroke="{}" stroke-width="1.1""#, style.colour));
                }
                if parts.points {
                    let mut data = String::new();
                    marker(&mut data, shape, (x + w / 2.0, y), 3.0);
                    svg.path(&data, &marker_style(shape, style.colour));
                }
                w + 5.0
            }
            Sample::Class(k) => {
                let (colour, pattern, letter) = maps::class(&self.names, *k);
                svg.rect(x, y - 6.0, 12.0, 12.0, &format!(r#"fill="{colour}""#));
                if let Some(pattern) = pattern {
                    svg.rect(x, y - 6.0, 12.0, 12.0, &format!(r#"fill="url(#{prefix}-{pattern})""#));
                }
                svg.text(x + 6.0, y + 3.0, 8.5, Anchor::Middle, &maps::letter(&self.names, *k, 8.5), &plain(letter));
                16.0
            }
            Sample::Blank => {
                svg.rect(x, y - 6.0, 12.0, 12.0, r##"fill="#FFFFFF" stroke="#8A8A8A" stroke-width="0.5""##);
                svg.raw(&format!(r#"<rect x="{}" y="{}" width="12" height="12" fill="url(#{prefix}-over)"/>"#, px(x), px(y - 6.0)));
                16.0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_one_name_and_look_share_an_entry() {
        let marks = vec![
            Mark::Band { name: "theory".into(), look: Look::Closed, points: vec![] },
            Mark::line("theory", Look::Closed, vec![]),
            Mark::points("measured", Look::Simulated, vec![]),
            Mark::line("theory", Look::Printed, vec![]),
            Mark::line("", Look::Null, vec![]),
        ];
        let legend = Legend::of(&Chart { marks, ..Chart::default() }, 300.0);
        assert_eq!(legend.entries.len(), 3);
        assert_eq!(legend.entries[0].1, Sample::Marks(Look::Closed, Parts { line: true, area: true, ..Parts::default() }));
    }

    #[test]
    fn a_legend_is_as_high_as_its_rows() {
        let marks = |n: u8| (0..n).map(|i| Mark::line(&format!("curve number {i}"), Look::Group(i), vec![])).collect::<Vec<_>>();
        let height = |n: u8| Legend::of(&Chart { marks: marks(n), ..Chart::default() }, 240.0).height();
        assert_eq!([0, 2, 3, 5].map(height), [0.0, LINE, 2.0 * LINE, 3.0 * LINE]);
    }
}
