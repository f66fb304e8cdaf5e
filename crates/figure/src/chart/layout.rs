//! Where panels, their words and their legends stand on the page.

use super::axes::{Plane, Scale, scales};
use super::legend::Legend;
use super::{Chart, ChartOptions, Mark, maps, marks};
use crate::bar;
use crate::page::{self, Document, LEFT, RIGHT};
use crate::panel::{GREY, INK, LABEL, ROW, TICK, rich};
use crate::phase::patterns;
use crate::svg::{Anchor, Svg, em, formula, plain, px, rich_width, spelled, width, wrap};
use std::fmt::Write;

/// Air between a panel and the vertical axis of the next.
const BETWEEN: f64 = 18.0;
/// Narrowest panel that stands beside another.
const NARROWEST: f64 = 150.0;
/// Height of a line of a panel's heading.
const LINE: f64 = 14.0;

/// A chart with what is known of it before it is placed.
struct Prepared<'a> {
    chart: &'a Chart,
    x: Scale,
    y: Scale,
    /// Width of the labels at the vertical axis.
    ticks: f64,
    /// Names of the axes, as they are written.
    names: [String; 2],
    /// Whether the name of the vertical axis stands along it.
    upright: bool,
}

impl<'a> Prepared<'a> {
    fn new(chart: &'a Chart, height: f64) -> Prepared<'a> {
        let (x, y) = scales(chart);
        let labels = y.vertical().ticks(height, 24.0).0;
        let ticks = labels.iter().map(|l| rich_width(&rich(&l.1), TICK)).fold(0.0, f64::max);
        let names = [&chart.x, &chart.y].map(|a| spelled(&a.label));
        Prepared { chart, x, y, ticks, upright: width(&names[1], LABEL) <= height + 12.0, names }
    }

    /// Room that the vertical axis needs left of the panel.
    fn left(&self) -> f64 {
        let name = if self.upright && !self.names[1].trim().is_empty() { LABEL + 7.0 } else { 0.0 };
        9.0 + self.ticks + name
    }

    /// Lines of the name of the vertical axis that does not stand along it.
    fn above(&self, room: f64) -> Vec<String> {
        if self.upright { Vec::new() } else { wrap(&self.names[1], room / TICK, 3, em) }
    }
}

/// Draws charts as a grid of panels with letters, each with its title, legend, axes and note; a footer says which command made the figure.
///
/// What a curve is decides its colour, dash and shape ([`super::Look`]). Legends stand under the titles, colour bars under the panels. Intervals are bars whose
/// end lies at the panel's edge where it is open; an estimate that was not reached (infinite) is an open arrow at the edge. Long lines keep their spikes (M4),
/// many points are thinned. Every input gives well-formed SVG.
pub fn charts_svg(charts: &[Chart], options: &ChartOptions) -> String {
    let width_px = page::width(options.width);
    let prefix = page::prefix(options.source.words("charts", &options.title));
    let height = if options.panel_height.is_finite() { options.panel_height.clamp(100.0, 2000.0) } else { 200.0 };
    let (mut body, mut clips) = (Svg::default(), String::new());
    let mut y = page::title(&mut body, &options.title, 10.0, width_px);
    if charts.is_empty() {
        body.text(LEFT, y + 24.0, LABEL, Anchor::Start, &format!(r#"fill="{GREY}""#), &plain("no charts"));
        y += 36.0;
    }
    let prepared: Vec<Prepared> = charts.iter().map(|c| Prepared::new(c, height)).collect();
    let columns = columns(&prepared, options.columns, width_px);
    let (lefts, plot) = widths(&prepared, columns, width_px);
    for (row, panels) in prepared.chunks(columns).enumerate() {
        let words = |k: usize| {
            let letter = if charts.len() > 1 { letter(row * columns + k) } else { String::new() };
            let indent = if letter.is_empty() { 0.0 } else { width(&letter, LABEL) + 8.0 };
            (letter, indent, wrap(&spelled(&panels[k].chart.title), (plot - indent) / LABEL, 2, em))
        };
        let legends: Vec<Legend> = panels.iter().map(|p| Legend::of(p.chart, plot)).collect();
        let title_high = (0..panels.len()).map(|k| words(k).2.len().max(usize::from(!words(k).0.is_empty()))).max().unwrap_or(0) as f64 * LINE;
        let legend_high = legends.iter().map(Legend::height).fold(0.0, f64::max);
        let above_high = panels.iter().map(|p| p.above(plot).len()).max().unwrap_or(0) as f64 * 12.0;
        let top = y + 4.0 + title_high + legend_high + above_high + 9.0;
        let mut end = y;
        let mut x0 = 0.0;
        for (k, (p, legend)) in panels.iter().zip(&legends).enumerate() {
            x0 += lefts[k];
            let plane = Plane { x: p.x, y: p.y, x0, x1: x0 + plot, top, bottom: top + height };
            let (letter, indent, lines) = words(k);
            let ink = format!(r#"fill="{INK}""#);
            if !letter.is_empty() {
                body.text(x0, y + ROW - 2.0, LABEL, Anchor::Start, &format!(r#"{ink} font-weight="bold""#), &plain(letter));
            }
            for (i, line) in lines.iter().enumerate() {
                body.text(x0 + indent, y + ROW - 2.0 + LINE * i as f64, LABEL, Anchor::Start, &ink, &formula(line));
            }
            legend.draw(&mut body, &prefix, x0, y + 4.0 + title_high);
            let id = format!("{prefix}-clip{}", row * columns + k + 1);
            let _ = write!(clips, "{}", panel(&mut body, &plane, p, &prefix, &id));
            let under = axis_names(&mut body, &plane, p, plot);
            let under = colour_bar(&mut body, &plane, p.chart, under);
            let under =
                if p.chart.note.trim().is_empty() { under } else { page::words(&mut body, &spelled(&p.chart.note), (x0, x0 + plot), under + 2.0, TICK, 6) };
            end = end.max(under);
            x0 += plot + BETWEEN;
        }
        y = end + 8.0;
    }
    for note in &options.notes {
        y = page::words(&mut body, &spelled(note), (LEFT, width_px - RIGHT), y, TICK, 6) + 1.0;
    }
    y = options.source.footer(&mut body, &[], y + 8.0, width_px);
    let title = if options.title.is_empty() { "Charts" } else { &options.title };
    page::document(&Document {
        prefix: &prefix,
        title,
        desc: &description(charts),
        command: &options.source.command,
        metadata: &options.source.metadata(),
        defs: &format!("{}{clips}", patterns(&prefix)),
        body: &body.out,
        size: (width_px, y + 8.0),
    })
}

/// Letter of a panel: a … z, then aa, ab, ….
fn letter(k: usize) -> String {
    let last = char::from(b'a' + (k % 26) as u8);
    if k < 26 { last.to_string() } else { format!("{}{last}", letter(k / 26 - 1)) }
}

/// As many columns as were asked for and have room.
fn columns(prepared: &[Prepared], wanted: usize, width_px: f64) -> usize {
    let most = wanted.clamp(1, 3).min(prepared.len().max(1));
    (1..=most).rev().find(|n| widths(prepared, *n, width_px).1 >= NARROWEST).unwrap_or(1)
}

/// Room left of each column's panels, the air between columns not counted, and the width of a panel.
fn widths(prepared: &[Prepared], columns: usize, width_px: f64) -> (Vec<f64>, f64) {
    let need = |c: usize| prepared.iter().skip(c).step_by(columns).map(Prepared::left).fold(0.0, f64::max);
    let lefts: Vec<f64> = (0..columns).map(|c| if c == 0 { (need(0) + 4.0).max(LEFT) } else { need(c) }).collect();
    let plot = (width_px - lefts.iter().sum::<f64>() - RIGHT - BETWEEN * (columns - 1) as f64) / columns as f64;
    (lefts, plot.max(40.0))
}

/// The frame and everything in it; returns the clip path.
fn panel(svg: &mut Svg, plane: &Plane, p: &Prepared, prefix: &str, id: &str) -> String {
    let chart = p.chart;
    let is_map = |m: &&Mark| matches!(m, Mark::Map { .. } | Mark::Classes { .. });
    let over = chart.marks.iter().any(|m| is_map(&m));
    // A map hides the grid lines under it.
    plane.frame(svg);
    svg.raw(&format!(r#"<g clip-path="url(#{id})">"#));
    for mark in chart.marks.iter().filter(is_map) {
        maps::draw(svg, plane, mark, prefix);
    }
    let before = svg.out.len();
    for mark in &chart.marks {
        marks::draw(svg, plane, mark, over);
    }
    let nothing = svg.out.len() == before && !over;
    svg.raw("</g>");
    let mut taken = Vec::new();
    for mark in &chart.marks {
        if let Mark::Word { text, at } = mark {
            marks::word(svg, plane, text, *at, &mut taken);
        }
    }
    if nothing && taken.is_empty() {
        let style = format!(r##"fill="{GREY}" paint-order="stroke" stroke="#FFFFFF" stroke-width="5""##);
        svg.text((plane.x0 + plane.x1) / 2.0, (plane.top + plane.bottom) / 2.0 + 3.5, LABEL, Anchor::Middle, &style, &plain("nothing to draw"));
    }
    let (w, h) = (plane.x1 - plane.x0, plane.bottom - plane.top);
    format!(r#"<clipPath id="{id}"><rect x="{}" y="{}" width="{}" height="{}"/></clipPath>"#, px(plane.x0), px(plane.top), px(w), px(h))
}

/// Names of the axes; returns the y under that of the horizontal one.
fn axis_names(svg: &mut Svg, plane: &Plane, p: &Prepared, plot: f64) -> f64 {
    let ink = format!(r#"fill="{INK}""#);
    let label = &p.names[1];
    if p.upright && !label.trim().is_empty() {
        let (x, y) = (plane.x0 - p.ticks - 13.0, (plane.top + plane.bottom) / 2.0);
        svg.text(x, y, LABEL, Anchor::Middle, &format!(r#"{ink} transform="rotate(-90 {} {})""#, px(x), px(y)), &formula(label));
    }
    let above = p.above(plot);
    for (i, line) in above.iter().enumerate() {
        let y = plane.top - 7.0 - 12.0 * (above.len() - 1 - i) as f64;
        svg.text(plane.x0, y, TICK, Anchor::Start, &format!(r#"fill="{GREY}""#), &formula(line));
    }
    let mut y = plane.bottom + 18.0;
    for line in wrap(&p.names[0], plot / LABEL, 2, em) {
        y += 13.0;
        svg.text((plane.x0 + plane.x1) / 2.0, y, LABEL, Anchor::Middle, &ink, &formula(&line));
    }
    y + 5.0
}

/// The colour bar of a map; returns the y under it.
fn colour_bar(svg: &mut Svg, plane: &Plane, chart: &Chart, y: f64) -> f64 {
    let Some((label, scale)) = chart.marks.iter().find_map(|m| match m {
        Mark::Map { label, values, log, .. } => Some((label, maps::colours(values, *log)?)),
        _ => None,
    }) else {
        return y;
    };
    let length = (plane.x1 - plane.x0).min(240.0);
    bar::draw(svg, scale.vertical(), (plane.x0, length), y + 4.0);
    let mut y = y + 4.0 + bar::HIGH;
    for line in wrap(&spelled(label), (plane.x1 - plane.x0) / TICK, 2, em) {
        y += 12.0;
        svg.text(plane.x0, y - 3.0, TICK, Anchor::Start, &format!(r#"fill="{INK}""#), &formula(&line));
    }
    y
}

/// The figure in words.
fn description(charts: &[Chart]) -> String {
    let mut out = format!("{} {}.", charts.len(), if charts.len() == 1 { "panel" } else { "panels" });
    for c in charts.iter().take(20) {
        let mut names: Vec<&str> = Vec::new();
        for m in &c.marks {
            let name = match m {
                Mark::Line { name, .. } | Mark::Points { name, .. } | Mark::Band { name, .. } | Mark::Steps { name, .. } => name,
                Mark::Vertical { name, .. } | Mark::Horizontal { name, .. } => name,
                Mark::Word { text, .. } => text,
                Mark::Map { label, .. } => label,
                Mark::Classes { .. } => "classes",
            };
            if !name.trim().is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
        names.truncate(20);
        let _ = write!(out, " {}: {} against {}: {}.", c.title, c.y.label, c.x.label, names.join(", "));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_go_on_after_z() {
        assert_eq!([0, 25, 26, 51, 52, 701, 702].map(letter), ["a", "z", "aa", "az", "ba", "zz", "aaa"]);
    }
}
