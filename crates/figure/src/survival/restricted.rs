//! Restricted means of groups, in one unit a panel.

use super::{SurvivalGroup, style};
use crate::format::{count, short};
use crate::page::{LEFT, RIGHT};
use crate::panel::{GREY, INK, LABEL, ROW, TICK, rich};
use crate::scale::{drawable, log_ticks};
use crate::svg::{Anchor, Svg, em, plain, px, rich_width, symbols, width, wrap};

/// A number with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Lower end of its interval (not finite: unknown).
    pub low: f64,
    /// Upper end of its interval (not finite: unknown).
    pub high: f64,
}

/// A panel of restricted means: the mean time up to a horizon, in one unit.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Restricted {
    /// What is shown, with its unit and horizon: "restricted mean of t_grok to 12,000 steps, in FLOP".
    pub label: String,
    /// One estimate for each group, in their order; `None` where there is none.
    pub values: Vec<Option<Estimate>>,
}

/// "6,100 [5,200–7,400]".
pub(super) fn words(e: &Estimate) -> String {
    let number = |v: f64| if v.abs() >= 1e6 { short(v) } else { count(if v.abs() >= 100.0 { v.round() } else { v }) };
    if e.low.is_finite() && e.high.is_finite() { format!("{} [{}–{}]", number(e.value), number(e.low), number(e.high)) } else { number(e.value) }
}

/// Words that grid lines pass behind.
fn halo(ink: &str) -> String {
    format!(r##"fill="{ink}" stroke="#FFFFFF" stroke-width="3" paint-order="stroke""##)
}

fn usable(e: &Estimate) -> bool {
    e.value > 0.0 && drawable(e.value)
}

/// Draws the panels, two beside each other where the figure is wide; returns the y under them.
pub(super) fn panels(svg: &mut Svg, groups: &[SurvivalGroup], restricted: &[Restricted], y: f64, width_px: f64) -> f64 {
    if restricted.is_empty() || groups.is_empty() {
        return y;
    }
    let columns = if width_px >= 900.0 && restricted.len() > 1 { 2 } else { 1 };
    let room = (width_px - LEFT - RIGHT - 30.0 * (columns - 1) as f64) / columns as f64;
    let mut top = y + 8.0;
    for (r, row) in restricted.chunks(columns).enumerate() {
        let mut end = top;
        for (k, one) in row.iter().enumerate() {
            let letter = char::from(b'b' + ((r * columns + k) % 25) as u8);
            end = end.max(panel(svg, groups, one, letter, (LEFT + (room + 30.0) * k as f64, top), room));
        }
        top = end + 4.0;
    }
    top
}

/// Names, dots with whiskers on a logarithmic axis, numbers.
fn panel(svg: &mut Svg, groups: &[SurvivalGroup], one: &Restricted, letter: char, (left, mut y): (f64, f64), room: f64) -> f64 {
    let ink = format!(r#"fill="{INK}""#);
    for (i, line) in wrap(&one.label, (room - 14.0) / LABEL, 2, em).into_iter().enumerate() {
        y += ROW;
        if i == 0 {
            svg.text(left, y - 2.0, LABEL, Anchor::Start, &format!(r#"{ink} font-weight="bold""#), &plain(letter.to_string()));
        }
        svg.text(left + 14.0, y - 2.0, LABEL, Anchor::Start, &ink, &symbols(&line));
    }
    y += 3.0;
    let value = |i: usize| one.values.get(i).copied().flatten().filter(usable);
    let texts: Vec<String> = (0..groups.len()).map(|i| value(i).map_or("–".into(), |e| words(&e))).collect();
    let numbers = texts.iter().map(|t| width(t, TICK)).fold(0.0, f64::max);
    let names = groups.iter().map(|g| width(&g.name, TICK)).fold(0.0, f64::max).min(room * 0.32);
    // Where name and number leave too little between them, they stand above the interval, which then has the whole width.
    let above = room - names - numbers - 24.0 < 130.0;
    let (x0, x1) = if above { (left, left + room) } else { (left + names + 12.0, left + room - numbers - 12.0) };
    let ends = (0..groups.len()).filter_map(value).flat_map(|e| [e.value, e.low, e.high]).filter(|v| *v > 0.0 && drawable(*v)).map(libm::log10);
    let (mut lo, mut hi) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), l| (a.min(l), b.max(l)));
    if lo > hi {
        svg.text(left + 14.0, y + 12.0, TICK, Anchor::Start, &format!(r#"fill="{GREY}""#), &plain("no estimates"));
        return y + 18.0;
    }
    let air = ((hi - lo) * 0.06).max(0.03);
    (lo, hi) = (lo - air, hi + air);
    let at = |v: f64| x0 + (libm::log10(v) - lo) / (hi - lo) * (x1 - x0);
    let (top, row) = (y, if above { 25.0 } else { 16.0 });
    let bottom = top + row * groups.len() as f64 + 2.0;
    let (major, minor) = log_ticks(lo, hi, x1 - x0, 44.0);
    let tick = |l: f64| x0 + (l - lo) / (hi - lo) * (x1 - x0);
    for (l, label) in &major {
        svg.line(tick(*l), top, tick(*l), bottom, r##"stroke="#000000" stroke-opacity="0.09" stroke-width="0.6""##);
        svg.line(tick(*l), bottom, tick(*l), bottom + 4.0, r##"stroke="#555555" stroke-width="0.8""##);
        let text = rich(label);
        let half = rich_width(&text, TICK) / 2.0;
        svg.text(tick(*l).clamp(x0 - 6.0 + half, x1 + 6.0 - half), bottom + 14.0, TICK, Anchor::Middle, &ink, &text);
    }
    for l in minor {
        svg.line(tick(l), bottom, tick(l), bottom + 2.0, r##"stroke="#555555" stroke-width="0.8""##);
    }
    svg.line(x0, bottom, x1, bottom, r##"stroke="#555555" stroke-width="0.8""##);
    for (i, group) in groups.iter().enumerate() {
        let middle = top + row * (i as f64 + if above { 0.75 } else { 0.5 }) + 1.0;
        let baseline = if above { middle - 6.5 } else { middle + 3.2 };
        let fits = if above { room - numbers - 12.0 } else { names };
        let name = plain(wrap(&group.name, fits.max(12.0) / TICK * 1.001, 1, em).concat());
        if above {
            svg.text(left, baseline, TICK, Anchor::Start, &halo(INK), &name);
            svg.text(left + room, baseline, TICK, Anchor::End, &halo(INK), &plain(texts[i].clone()));
        } else {
            svg.text(left + names, baseline, TICK, Anchor::End, &ink, &name);
            svg.text(left + room, baseline, TICK, Anchor::End, &ink, &plain(texts[i].clone()));
        }
        let Some(e) = value(i) else { continue };
        if e.low > 0.0 && drawable(e.low) && drawable(e.high) && e.high > 0.0 {
            let stroke = style(i).stroke(1.6);
            svg.line(at(e.low), middle, at(e.high), middle, &stroke);
            let cap = format!(r#"stroke="{}" stroke-width="1.6""#, style(i).colour);
            svg.line(at(e.low), middle - 3.0, at(e.low), middle + 3.0, &cap);
            svg.line(at(e.high), middle - 3.0, at(e.high), middle + 3.0, &cap);
        }
        svg.raw(&format!(r#"<circle cx="{}" cy="{}" r="3.2" fill="{}"/>"#, px(at(e.value)), px(middle), style(i).colour));
    }
    bottom + 20.0
}
