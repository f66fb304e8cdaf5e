//! The cells of both panels.

use super::{Grid, Phase, PhaseCell, letter};
use crate::colour::{hex, ink_on, viridis};
use crate::format::{compact, two_digits};
use crate::scale::drawable;
use crate::svg::{Anchor, MONO, Svg, plain, px, width};
use std::fmt::Write;

/// Sizes of the words in a cell.
const MEDIAN: f64 = 9.0;
const INTERVAL: f64 = 7.5;
/// Background of cells whose colour does not fill them.
pub(super) const PAPER: &str = "#EFEFEF";

/// Colour and hatching of a state, by the index of [`PhaseCell::majority`]. Okabe and Ito's yellow, sky blue, bluish green and black, and a dark grey; their
/// lightness (CIE L*) of 89, 70, 58, 31 and 0 tells them apart without hue.
pub(crate) fn look(state: usize) -> (&'static str, Option<&'static str>) {
    match state {
        0 => ("#4A4A4A", Some("dots")),
        1 => ("#56B4E9", Some("lines")),
        2 => ("#F0E442", None),
        3 => ("#009E73", None),
        _ => ("#000000", Some("crosses")),
    }
}

/// States from the bottom of a cell to its top: grokking stands on the floor, so that its height can be read and its interval drawn.
pub(super) const ORDER: [usize; 5] = [2, 3, 1, 0, 4];

/// The hatchings.
pub(crate) fn patterns(prefix: &str) -> String {
    let pattern = |name: &str, size: f64, turn: f64, inner: &str| {
        let size = px(size);
        format!(
            r#"<pattern id="{prefix}-{name}" patternUnits="userSpaceOnUse" width="{size}" height="{size}" patternTransform="rotate({})">{inner}</pattern>"#,
            px(turn)
        )
    };
    [
        pattern("lines", 3.6, 45.0, r##"<path d="M0.6 0V3.6" stroke="#0B4F78" stroke-width="0.8"/>"##),
        pattern("dots", 4.0, 45.0, r##"<circle cx="2" cy="2" r="0.6" fill="#C8C8C8"/>"##),
        pattern("crosses", 5.0, 0.0, r##"<path d="M1 1l3 3m0 -3l-3 3" stroke="#D8D8D8" stroke-width="0.7" fill="none"/>"##),
        pattern("over", 4.5, -45.0, r##"<path d="M0.8 0V4.5" stroke="#AAAAAA" stroke-width="1"/>"##),
    ]
    .concat()
}

/// Data of a rectangle, for a path of many.
pub(crate) fn boxed(data: &mut String, x: f64, y: f64, w: f64, h: f64) {
    let _ = write!(data, "M{} {}h{}v{}h-{}z", px(x), px(y), px(w), px(h), px(w));
}

/// Half of the gap between cells.
fn inset(grid: &Grid) -> f64 {
    if grid.cell.0.min(grid.cell.1) >= 8.0 { 0.6 } else { 0.0 }
}

/// Outlines of the cells without runs.
fn missing(svg: &mut Svg, phase: &Phase, grid: &Grid) {
    let mut data = String::new();
    for (iy, row) in phase.grid().iter().enumerate() {
        for (ix, _) in row.iter().enumerate().filter(|c| c.1.is_none()) {
            let (x, y) = grid.at(ix, iy);
            let inset = if grid.cell.0.min(grid.cell.1) >= 8.0 { 1.5 } else { 0.3 };
            boxed(&mut data, x + inset, y + inset, grid.cell.0 - 2.0 * inset, grid.cell.1 - 2.0 * inset);
        }
    }
    svg.path(&data, r##"fill="none" stroke="#9A9A9A" stroke-width="0.7" stroke-dasharray="2 2""##);
}

/// The cells that have runs, with their places.
fn filled<'a>(phase: &'a Phase, grid: &Grid) -> Vec<(f64, f64, &'a PhaseCell)> {
    let mut out = Vec::new();
    for (iy, row) in phase.grid().into_iter().enumerate() {
        for (ix, cell) in row.into_iter().enumerate() {
            if let Some(cell) = cell {
                let (x, y) = grid.at(ix, iy);
                out.push((x, y, cell));
            }
        }
    }
    out
}

/// Whether the whiskers of panel *a* have room.
pub(super) fn has_whiskers(phase: &Phase, grid: &Grid) -> bool {
    let given = |c: &PhaseCell| c.share_grokked_interval.0.is_finite() && c.share_grokked_interval.1.is_finite();
    grid.cell.0 >= 16.0 && grid.cell.1 >= 16.0 && filled(phase, grid).iter().any(|c| given(c.2))
}

/// Panel *a*: stacked bars, letters, whiskers, and n where it differs.
pub(super) fn states(svg: &mut Svg, phase: &Phase, grid: &Grid, prefix: &str) {
    let inset = inset(grid);
    let (w, h) = (grid.cell.0 - 2.0 * inset, grid.cell.1 - 2.0 * inset);
    let cells = filled(phase, grid);
    let mut bands = [const { String::new() }; 5];
    let mut whiskers = String::new();
    for (x, y, cell) in &cells {
        let total = cell.runs() as f64;
        let floor = y + inset + h;
        let mut share = 0.0;
        for state in ORDER {
            let part = cell.states.get(state).copied().unwrap_or(cell.diverged) as f64 / total;
            if part > 0.0 {
                boxed(&mut bands[state], x + inset, floor - (share + part) * h, w, part * h);
            }
            share += part;
        }
        let (low, high) = cell.share_grokked_interval;
        if has_whiskers(phase, grid) && low.is_finite() && high.is_finite() {
            let (low, high) = (low.clamp(0.0, 1.0) * h, high.clamp(0.0, 1.0) * h);
            let at = x + inset + w - 3.5;
            let _ = write!(
                whiskers,
                "M{} {}h3M{} {}h3M{} {}V{}",
                px(at - 1.5),
                px(floor - low),
                px(at - 1.5),
                px(floor - high),
                px(at),
                px(floor - low),
                px(floor - high)
            );
        }
    }
    for (state, data) in bands.iter().enumerate() {
        let (colour, pattern) = look(state);
        svg.path(data, &format!(r#"fill="{colour}""#));
        if let Some(pattern) = pattern {
            svg.path(data, &format!(r#"fill="url(#{prefix}-{pattern})""#));
        }
    }
    svg.path(&whiskers, r##"fill="none" stroke="#FFFFFF" stroke-width="2.4""##);
    svg.path(&whiskers, r##"fill="none" stroke="#000000" stroke-width="0.9""##);
    missing(svg, phase, grid);
    let size = (grid.cell.0.min(grid.cell.1) * 0.62).clamp(7.5, 13.0);
    if grid.cell.0.min(grid.cell.1) < 9.0 {
        return;
    }
    let differs = phase.runs_of_cells().is_some_and(|(a, b)| a != b) && grid.cell.0 >= 26.0 && grid.cell.1 >= 24.0;
    for (x, y, cell) in &cells {
        let centre = (x + grid.cell.0 / 2.0, y + grid.cell.1 / 2.0 + size * 0.36);
        let lift = if differs { 4.5 } else { 0.0 };
        if let Some(state) = cell.majority() {
            svg.text(centre.0, centre.1 - lift, size, Anchor::Middle, &letter_style(state, size), &plain(letter(state).to_string()));
        }
        if differs {
            svg.text(centre.0, y + grid.cell.1 - 4.0, INTERVAL, Anchor::Middle, &on_bands(INTERVAL), &plain(format!("n {}", compact(cell.n as f64))));
        }
    }
}

/// Black on a white halo: read on every colour beneath.
pub(crate) fn on_bands(size: f64) -> String {
    halo("#000000", "#FFFFFF", size)
}

fn halo(ink: &str, around: &str, size: f64) -> String {
    format!(r#"fill="{ink}" stroke="{around}" stroke-width="{}" stroke-linejoin="round" paint-order="stroke""#, px((size * 0.3).min(3.0)))
}

/// The letter of a state: black on light states, white on dark ones.
pub(crate) fn letter_style(state: usize, size: f64) -> String {
    let halo = match look(state).0 {
        dark @ ("#4A4A4A" | "#000000") => halo("#FFFFFF", dark, size),
        _ => halo("#000000", "#FFFFFF", size),
    };
    format!(r#"{halo} font-family="{MONO}""#)
}

/// Least and greatest median of the diagram, as log10.
pub(super) fn range(phase: &Phase) -> Option<(f64, f64)> {
    let grid = phase.grid();
    let logs = || grid.iter().flatten().flatten().filter_map(|c| c.time()).map(libm::log10);
    let (lo, hi) = logs().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), l| (a.min(l), b.max(l)));
    // Cells that hardly differ must not look as if they did.
    let air = ((0.1 - (hi - lo)) / 2.0).max(0.0);
    (lo <= hi).then_some((lo - air, hi + air))
}

/// Side of the filled part of a cell, as a share of the cell, for an interval whose upper end is `ratio` times its lower end: 1 for a certain median, 0.35 for
/// an interval of a factor of ten or more or without an upper end.
pub(super) fn side(ratio: f64) -> f64 {
    if ratio.is_finite() && ratio >= 1.0 { 1.0 - 0.65 * libm::log10(ratio).min(1.0) } else { 0.35 }
}

fn ratio(cell: &PhaseCell) -> f64 {
    match (cell.low, cell.high) {
        (Some(low), Some(high)) if low > 0.0 && drawable(high) => high / low,
        _ => f64::INFINITY,
    }
}

/// The words of a cell of panel *b*: its median and its interval.
fn words(phase: &Phase, cell: &PhaseCell) -> (String, String) {
    let number = |v: f64| compact(two_digits(v));
    let median = cell.time().map_or(format!("> {}", compact(phase.budget)), number);
    let high = cell.high.filter(|h| drawable(*h)).map_or("∞".into(), number);
    let interval = cell.low.filter(|l| drawable(*l)).map_or(String::new(), |low| format!("{}–{high}", number(low)));
    (median, interval)
}

/// Whether the cells of panel *b* are large enough for their words.
pub(super) fn has_words(phase: &Phase, grid: &Grid) -> bool {
    let fits = |cell: &PhaseCell| {
        let (median, interval) = words(phase, cell);
        width(&median, MEDIAN).max(width(&interval, INTERVAL)) + 3.0 <= grid.cell.0
    };
    grid.cell.1 >= 25.0 && filled(phase, grid).iter().all(|c| fits(c.2))
}

/// Panel *b*: the medians as colour, and how well they are known.
pub(super) fn times(svg: &mut Svg, phase: &Phase, grid: &Grid, prefix: &str) {
    let inset = inset(grid);
    let (w, h) = (grid.cell.0 - 2.0 * inset, grid.cell.1 - 2.0 * inset);
    let cells = filled(phase, grid);
    let (lo, hi) = range(phase).unwrap_or((0.0, 1.0));
    let with_words = has_words(phase, grid);
    let (mut paper, mut over) = (String::new(), String::new());
    for (x, y, cell) in &cells {
        boxed(if cell.time().is_some() { &mut paper } else { &mut over }, x + inset, y + inset, w, h);
    }
    svg.path(&paper, &format!(r#"fill="{PAPER}""#));
    svg.path(&over, r##"fill="#FFFFFF" stroke="#8A8A8A" stroke-width="0.5""##);
    svg.path(&over, &format!(r#"fill="url(#{prefix}-over)""#));
    for (x, y, cell) in &cells {
        let colour = cell.time().map(|t| viridis((libm::log10(t) - lo) / (hi - lo)));
        if let Some(colour) = colour {
            let side = if with_words { 1.0 } else { side(ratio(cell)) };
            svg.rect(x + inset + w * (1.0 - side) / 2.0, y + inset + h * (1.0 - side) / 2.0, w * side, h * side, &format!(r#"fill="{}""#, hex(colour)));
        }
        let (middle, centre) = (x + grid.cell.0 / 2.0, y + grid.cell.1 / 2.0);
        let style = |size: f64| colour.map_or_else(|| on_bands(size * 1.2), |c| format!(r#"fill="{}""#, ink_on(c)));
        if with_words {
            let (median, interval) = words(phase, cell);
            let lift = if interval.is_empty() { 3.2 } else { -1.2 };
            svg.text(middle, centre + lift, MEDIAN, Anchor::Middle, &style(MEDIAN), &plain(median));
            if !interval.is_empty() {
                svg.text(middle, centre + 8.6, INTERVAL, Anchor::Middle, &style(INTERVAL), &plain(interval));
            }
        } else if colour.is_none() && grid.cell.0.min(grid.cell.1) >= 9.0 {
            svg.text(middle, centre + 3.2, MEDIAN, Anchor::Middle, &style(MEDIAN), &plain(">"));
        }
    }
    missing(svg, phase, grid);
}
