//! One panel: a frame with its axes, and the curves in it.

use crate::format::Label;
use crate::scale::{StepAxis, YAxis};
use crate::svg::{Anchor, Rich, Span, Svg, plain, px, rich_width};
use crate::thin::{Pixel, thin};
use crate::{Points, Role};
use std::fmt::Write;

/// Colours of the text and of the frame.
pub(crate) const INK: &str = "#222222";
pub(crate) const GREY: &str = "#666666";
const FRAME: &str = "#555555";
/// Okabe and Ito's palette (Color Universal Design, 2008).
pub(crate) const TRAIN: &str = "#0072B2";
pub(crate) const TEST: &str = "#D55E00";
const OTHERS: [(&str, &str); 5] = [("#009E73", ""), ("#CC79A7", "6 1.5 1.5 1.5"), ("#E69F00", "3 2"), ("#56B4E9", "8 2"), ("#000000", "1.5 1.5")];
/// Sizes of the words, in pixels.
pub(crate) const TICK: f64 = 9.5;
pub(crate) const LABEL: f64 = 10.5;
/// Height of a row of the heading.
pub(crate) const ROW: f64 = 15.0;
const SAMPLE: f64 = 22.0;

/// Colour and dashes of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Style {
    pub colour: &'static str,
    pub dash: &'static str,
}

impl Style {
    /// The style of a role; `nth` counts the others.
    pub fn of(role: Role, nth: usize) -> Style {
        let (colour, dash) = match role {
            Role::Train => (TRAIN, "5 2.2"),
            Role::Test => (TEST, ""),
            // The dashes shift when the colours come round again.
            Role::Other => (OTHERS[nth % OTHERS.len()].0, OTHERS[(nth + nth / OTHERS.len()) % OTHERS.len()].1),
        };
        Style { colour, dash }
    }

    pub fn stroke(&self, width: f64) -> String {
        let dash = if self.dash.is_empty() { String::new() } else { format!(r#" stroke-dasharray="{}""#, self.dash) };
        format!(r#"fill="none" stroke="{}" stroke-width="{}"{dash} stroke-linejoin="round""#, self.colour, px(width))
    }
}

/// A curve of a panel: the line, the single runs behind it, the band around it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Curve {
    pub name: String,
    pub style: Style,
    pub line: Points,
    pub faint: Vec<Points>,
    pub band: Vec<(f64, f64, f64)>,
    /// Whether the last value of some run was held.
    pub held: bool,
}

/// A panel's rectangle and its axes.
#[derive(Debug, Clone)]
pub(crate) struct Panel<'a> {
    pub x: &'a StepAxis,
    pub y: YAxis,
    pub top: f64,
    pub bottom: f64,
}

/// An entry of a legend; without a style it is words alone.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub style: Option<Style>,
    pub text: Rich,
}

impl Entry {
    fn width(&self) -> f64 {
        rich_width(&self.text, TICK) + if self.style.is_some() { SAMPLE + 5.0 } else { 0.0 }
    }
}

/// Packs legend entries into rows: the first beside a heading that takes `taken` pixels, all within `room`.
pub(crate) fn legend_rows(entries: &[Entry], taken: f64, room: f64) -> Vec<Vec<Entry>> {
    let mut rows: Vec<Vec<Entry>> = vec![Vec::new()];
    let mut used = taken;
    for entry in entries {
        let w = entry.width() + 14.0;
        // An empty row takes anything: a name longer than the figure is not made shorter by another row.
        if used + w > room && used > 0.0 {
            rows.push(Vec::new());
            used = 0.0;
        }
        used += w;
        if let Some(row) = rows.last_mut() {
            row.push(entry.clone());
        }
    }
    rows
}

/// Draws one row of a legend, ending at `right`.
pub(crate) fn legend_row(svg: &mut Svg, row: &[Entry], right: f64, baseline: f64) {
    let mut x = right - row.iter().map(Entry::width).sum::<f64>() - 14.0 * row.len().saturating_sub(1) as f64;
    for entry in row {
        if let Some(style) = entry.style {
            svg.line(x, baseline - 3.2, x + SAMPLE, baseline - 3.2, &style.stroke(1.6));
            x += SAMPLE + 5.0;
        }
        svg.text(x, baseline, TICK, Anchor::Start, &format!(r#"fill="{INK}""#), &entry.text);
        x += rich_width(&entry.text, TICK) + 14.0;
    }
}

/// A label as text.
pub(crate) fn rich(label: &Label) -> Rich {
    match label {
        Label::Plain(s) => plain(s.clone()),
        Label::Power(e) => vec![Span::Plain("10".into()), Span::Sup(e.to_string().replace('-', "−"))],
    }
}

impl Panel<'_> {
    /// Pixel of a point; `None` where it cannot be drawn. Values beyond the axis are drawn just outside (and clipped).
    pub fn at(&self, step: f64, value: f64) -> Pixel {
        let height = self.bottom - self.top;
        Some((self.x.px(step)?, self.bottom - self.y.frac(value)?.clamp(-0.5, 1.5) * height))
    }

    /// Grid, spines, ticks and tick labels. Only the lowest panel names its steps.
    pub fn frame(&self, svg: &mut Svg, names_steps: bool) {
        let StepAxis { x0, x1, .. } = *self.x;
        let height = self.bottom - self.top;
        let (x_major, x_minor) = self.x.ticks(34.0);
        let (y_major, y_minor) = self.y.ticks(height, 24.0);
        let (mut grid, mut ticks) = (String::new(), String::new());
        for (x, _) in &x_major {
            let _ = write!(grid, "M{} {}V{}", px(*x), px(self.top), px(self.bottom));
            let _ = write!(ticks, "M{} {}v4", px(*x), px(self.bottom));
        }
        for x in &x_minor {
            let _ = write!(ticks, "M{} {}v2", px(*x), px(self.bottom));
        }
        for (f, _) in &y_major {
            let y = self.bottom - f * height;
            let _ = write!(grid, "M{} {}H{}", px(x0), px(y), px(x1));
            let _ = write!(ticks, "M{} {}h-4", px(x0), px(y));
        }
        for f in &y_minor {
            let _ = write!(ticks, "M{} {}h-2", px(x0), px(self.bottom - f * height));
        }
        svg.path(&grid, r##"fill="none" stroke="#000000" stroke-opacity="0.09" stroke-width="0.6""##);
        let mut spine = format!("M{} {}V{}", px(x0), px(self.top), px(self.bottom));
        if self.x.zero.is_some() {
            // The break between step 0 and the logarithmic part.
            let b = (x0 + self.x.start) / 2.0 + 4.0;
            let _ = write!(
                spine,
                "H{}M{} {}l4 -8M{} {}l4 -8M{} {}H{}",
                px(b - 2.0),
                px(b - 4.0),
                px(self.bottom + 4.0),
                px(b),
                px(self.bottom + 4.0),
                px(b + 2.0),
                px(self.bottom),
                px(x1)
            );
        } else {
            let _ = write!(spine, "H{}", px(x1));
        }
        svg.path(&(spine + &ticks), &format!(r#"fill="none" stroke="{FRAME}" stroke-width="0.8""#));
        let fill = format!(r#"fill="{INK}""#);
        for (f, label) in &y_major {
            svg.text(x0 - 7.0, self.bottom - f * height + 3.2, TICK, Anchor::End, &fill, &rich(label));
        }
        if names_steps {
            for (x, label) in &x_major {
                svg.text(*x, self.bottom + 15.0, TICK, Anchor::Middle, &fill, &rich(label));
            }
        }
    }

    /// Bands first, then the single runs, then the lines; all clipped to the panel by the group that they are in.
    pub fn curves(&self, svg: &mut Svg, curves: &[Curve], clip: &str) {
        svg.raw(&format!(r#"<g clip-path="url(#{clip})">"#));
        for c in curves {
            self.band(svg, &c.band, c.style.colour);
        }
        for c in curves {
            for line in &c.faint {
                self.polyline(svg, line, 2.0, &format!(r#"fill="none" stroke="{}" stroke-width="0.5" stroke-opacity="0.28""#, c.style.colour), c.style.colour);
            }
        }
        for c in curves {
            self.polyline(svg, &c.line, 1.0, &c.style.stroke(1.6), c.style.colour);
        }
        svg.raw("</g>");
        for c in curves {
            for line in std::iter::once(&c.line).filter(|_| c.band.is_empty()).chain(&c.faint) {
                self.cross(svg, line, c);
            }
        }
        if curves.iter().all(|c| c.line.iter().chain(c.faint.iter().flatten()).all(|p| self.at(p.0, p.1).is_none())) {
            let at = ((self.x.x0 + self.x.x1) / 2.0, (self.top + self.bottom) / 2.0 + 3.5);
            svg.text(
                at.0,
                at.1,
                LABEL,
                Anchor::Middle,
                &format!(r##"fill="{GREY}" paint-order="stroke" stroke="#FFFFFF" stroke-width="5""##),
                &plain("no finite values"),
            );
        }
    }

    fn polyline(&self, svg: &mut Svg, points: &[(f64, f64)], column: f64, style: &str, colour: &str) {
        let pixels: Vec<Pixel> = points.iter().map(|p| self.at(p.0, p.1)).collect();
        let mut data = String::new();
        for run in thin(&pixels, column).split(Option::is_none) {
            let run: Vec<(f64, f64)> = run.iter().flatten().copied().collect();
            match run.as_slice() {
                [] => {}
                // A point between gaps would be a line of no length.
                [(x, y)] => svg.raw(&format!(r#"<circle cx="{}" cy="{}" r="1.8" fill="{colour}"/>"#, px(*x), px(*y))),
                [(x, y), rest @ ..] => {
                    let _ = write!(data, "M{} {}L", px(*x), px(*y));
                    for (i, (x, y)) in rest.iter().enumerate() {
                        let _ = write!(data, "{}{} {}", if i == 0 { "" } else { " " }, px(*x), px(*y));
                    }
                }
            }
        }
        svg.path(&data, style);
    }

    fn band(&self, svg: &mut Svg, band: &[(f64, f64, f64)], colour: &str) {
        let edges: Vec<Option<(f64, f64, f64)>> = band
            .iter()
            .map(|(step, low, high)| {
                // A band that is open upwards goes to the edge of the panel.
                let high = if *high == f64::INFINITY { Some((self.x.px(*step)?, self.top - 5.0)) } else { self.at(*step, *high) };
                let (low, high) = (self.at(*step, *low)?, high?);
                Some((low.0, low.1, high.1))
            })
            .collect();
        let mut data = String::new();
        for run in edges.split(Option::is_none) {
            let run: Vec<(f64, f64, f64)> = run.iter().flatten().copied().collect();
            if run.len() < 2 {
                continue;
            }
            for (i, (x, _, high)) in run.iter().enumerate() {
                let _ = write!(data, "{}{} {}", if i == 0 { "M" } else { " " }, px(*x), px(*high));
            }
            for (x, low, _) in run.iter().rev() {
                let _ = write!(data, " {} {}", px(*x), px(*low));
            }
            data.push('Z');
        }
        svg.path(&data, &format!(r#"fill="{colour}" fill-opacity="0.18" stroke="none""#));
    }

    /// A cross at the top edge where a curve first has a value that is not a number or infinite.
    fn cross(&self, svg: &mut Svg, points: &[(f64, f64)], curve: &Curve) {
        let Some((x, step)) = points.iter().find(|p| !p.1.is_finite()).and_then(|p| Some((self.x.px(p.0)?, p.0))) else { return };
        let y = self.top + 5.0;
        svg.raw(&format!(
            r#"<path d="M{} {}l6 6m0 -6l-6 6" stroke="{}" stroke-width="1.4" fill="none"><title>{}: not finite from step {}</title></path>"#,
            px(x - 3.0),
            px(y - 3.0),
            curve.style.colour,
            crate::svg::escape(&curve.name),
            crate::format::count(step)
        ));
    }
}
