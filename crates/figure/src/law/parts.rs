//! What stands in the panels of a law, and the table of its fits.

use super::{LawOptions, LawPicture, LawPoint, MOST_EVENTS};
use crate::format::count;
use crate::page::{LEFT, RIGHT};
use crate::panel::{GREY, INK, Panel, Style, TICK};
use crate::scale::{YAxis, drawable};
use crate::survival::stack;
use crate::svg::{Anchor, Svg, em, plain, px, symbols, width, wrap};
use std::fmt::Write;

const LINE: f64 = 13.0;
const SAMPLE: f64 = 24.0;
const LEADER: f64 = 14.0;

/// Room for names right of the panels: a name that is wider than a fifth of the figure is replaced by its letter.
pub(super) fn room(fits: &[super::LawFit], width_px: f64) -> f64 {
    if fits.is_empty() {
        return 0.0;
    }
    let most = if width_px < 420.0 { 44.0 } else { width_px * 0.2 };
    fits.iter().map(|f| width(&f.name, TICK)).filter(|w| *w <= most).fold(8.0, f64::max) + LEADER + 2.0
}

fn letter(fit: usize) -> String {
    char::from(b'A' + (fit % 26) as u8).to_string()
}

/// The vertical axis: what was measured decides, so that a fit that runs away does not flatten it.
pub(super) fn range(law: &LawPicture) -> YAxis {
    let of_point = |p: &LawPoint| {
        // Room for the arrows.
        let beyond = if p.time().is_none() { p.beyond().map(|e| e * 1.4) } else { None };
        [p.time(), p.end_of(p.low), p.end_of(p.high), beyond]
    };
    YAxis::fit(law.points.iter().flat_map(of_point).flatten().chain(law.events.iter().map(|e| e.1).filter(|t| *t > 0.0)), true)
}

/// Where all points were watched equally long and some median lies beyond: a line there.
pub(super) fn budget(svg: &mut Svg, panel: &Panel, law: &LawPicture) {
    let Some(first) = law.points.first() else { return };
    let same = law.points.iter().all(|p| p.end == first.end);
    if !same || law.points.iter().all(|p| p.time().is_some()) {
        return;
    }
    if let Some((_, y)) = panel.at(first.x, first.end) {
        svg.line(panel.x.x0, y, panel.x.x1, y, r##"stroke="#666666" stroke-width="0.8" stroke-dasharray="1.2 2.4""##);
        let text = format!("budget {}", count(first.end));
        // At the end that is the farther from the first arrow.
        let arrows = law.points.iter().filter(|p| p.time().is_none()).filter_map(|p| panel.x.px(p.x));
        let (sum, n) = arrows.fold((0.0, 0.0), |(s, n), x| (s + x, n + 1.0));
        let left = sum / f64::max(n, 1.0) > (panel.x.x0 + panel.x.x1) / 2.0;
        let (x, anchor) = if left { (panel.x.x0 + 4.0, Anchor::Start) } else { (panel.x.x1 - 4.0, Anchor::End) };
        svg.text(x, y - 3.5, TICK, anchor, &format!(r#"fill="{GREY}""#), &plain(text));
    }
}

/// Single times, faintly.
pub(super) fn events(svg: &mut Svg, panel: &Panel, law: &LawPicture) {
    let mut data = String::new();
    for (x, t) in law.events.iter().step_by(law.events.len().div_ceil(MOST_EVENTS).max(1)) {
        if let Some((x, y)) = panel.at(*x, *t).filter(|_| *t > 0.0) {
            let _ = write!(data, "M{} {}h0", px(x), px(y));
        }
    }
    svg.path(&data, r##"fill="none" stroke="#000000" stroke-opacity="0.28" stroke-width="2.6" stroke-linecap="round""##);
}

/// Pixels of a fit, only where the panel has a place for them.
fn pixels(panel: &Panel, curve: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let inside = |x: f64| {
        let place = if panel.x.linear { x } else { libm::log10(x) };
        place >= panel.x.lo - 1e-9 && place <= panel.x.hi + 1e-9
    };
    curve.iter().filter(|p| p.1 > 0.0 && inside(p.0)).filter_map(|p| panel.at(p.0, p.1)).collect()
}

/// The fitted curves: nulls first, so that laws lie on top.
pub(super) fn fits(svg: &mut Svg, panel: &Panel, law: &LawPicture, styles: &[Style]) {
    for null in [true, false] {
        for (fit, style) in law.fits.iter().zip(styles).filter(|f| f.0.null == null) {
            let mut data = String::new();
            for (k, (x, y)) in pixels(panel, &fit.curve).into_iter().enumerate() {
                let _ = write!(data, "{}{} {}", if k == 0 { "M" } else { "L" }, px(x), px(y));
            }
            svg.path(&data, &style.stroke(if null { 1.2 } else { 1.6 }));
        }
    }
}

/// Names at the right ends of the fits; returns whether a letter stands for some name.
pub(super) fn names(svg: &mut Svg, panel: &Panel, law: &LawPicture, styles: &[Style], right: f64) -> bool {
    let x1 = panel.x.x1;
    let mut ends: Vec<(f64, usize)> = Vec::new();
    let mut from = vec![(x1, 0.0); law.fits.len()];
    for (i, fit) in law.fits.iter().enumerate() {
        let line = pixels(panel, &fit.curve);
        // The last point that is seen, or where the line went out.
        let seen = line.iter().rev().find(|p| p.1 >= panel.top && p.1 <= panel.bottom).or(line.last());
        if let Some((x, y)) = seen {
            from[i] = (*x, y.clamp(panel.top, panel.bottom));
            ends.push((from[i].1, i));
        }
    }
    let mut letters = false;
    let centres = stack(&mut ends, panel.top - 4.0, panel.bottom + 4.0, 12.0);
    for ((_, i), centre) in ends.iter().zip(centres) {
        let name = &law.fits[*i].name;
        let fits = !name.trim().is_empty() && width(name, TICK) <= right - x1 - LEADER;
        letters |= !fits;
        let leader = format!(r#"stroke="{}" stroke-width="0.8" stroke-opacity="0.75""#, styles[*i].colour);
        svg.line(from[*i].0, from[*i].1, x1 + LEADER - 3.0, centre, &leader);
        let text = if fits { name.clone() } else { letter(*i) };
        svg.text(x1 + LEADER, centre + 3.2, TICK, Anchor::Start, &format!(r#"fill="{INK}""#), &symbols(&text));
    }
    letters
}

/// Medians with their intervals; arrows where the median was not reached.
pub(super) fn points(svg: &mut Svg, panel: &Panel, law: &LawPicture) {
    for p in &law.points {
        mark(svg, panel, p, Some, "#000000");
    }
}

/// One point: `place` says where on the panel's vertical axis a time stands.
fn mark(svg: &mut Svg, panel: &Panel, p: &LawPoint, place: impl Fn(f64) -> Option<f64>, colour: &str) {
    let at = |t: f64| place(t).and_then(|v| panel.at(p.x, v));
    let low = p.end_of(p.low).and_then(&at);
    let high = p.end_of(p.high).and_then(&at);
    let mut whisker = String::new();
    let thin = format!(r#"fill="none" stroke="{colour}" stroke-width="1.1""#);
    let Some((x, y)) = p.time().and_then(&at) else {
        let Some((x, y)) = p.beyond().and_then(&at) else { return };
        if let Some((_, low)) = low {
            let _ = write!(whisker, "M{} {}h6M{} {}V{}", px(x - 3.0), px(low), px(x), px(low), px(y));
        }
        svg.path(&whisker, &thin);
        let head = format!("M{} {}h8L{} {}z", px(x - 4.0), px(y), px(x), px(y - 8.0));
        svg.path(&head, &format!(r##"fill="#FFFFFF" stroke="{colour}" stroke-width="1.2" stroke-linejoin="round""##));
        return;
    };
    if let Some((_, low)) = low {
        let _ = write!(whisker, "M{} {}h6M{} {}V{}", px(x - 3.0), px(low), px(x), px(low), px(y));
    }
    match (high, p.beyond().and_then(&at)) {
        (Some((_, high)), _) => {
            let _ = write!(whisker, "M{} {}h6M{} {}V{}", px(x - 3.0), px(high), px(x), px(high), px(y));
        }
        // An interval without an upper end goes on beyond what was watched.
        (None, Some((_, end))) if low.is_some() => {
            let tip = end.min(y - 8.0);
            let _ = write!(whisker, "M{} {}V{}M{} {}l3 -4l3 4", px(x), px(y), px(tip), px(x - 3.0), px(tip + 4.0));
        }
        _ => {}
    }
    svg.path(&whisker, &thin);
    svg.raw(&format!(r#"<circle cx="{}" cy="{}" r="3" fill="{colour}"/>"#, px(x), px(y)));
}

/// ln T − ln fit.
fn residual(law: &LawPicture, fit: usize, x: f64, t: f64, log_x: bool) -> Option<f64> {
    let predicted = law.fits[fit].at(x, log_x)?;
    Some(libm::log(t) - libm::log(predicted)).filter(|r| r.is_finite())
}

/// One scale for all residual panels, even about zero.
pub(super) fn residual_range(law: &LawPicture, shown: &[usize], log_x: bool) -> YAxis {
    let mut most = 0.0f64;
    for fit in shown {
        for p in &law.points {
            let open = if p.time().is_none() { p.beyond().map(|e| e * 1.2) } else { None };
            let times = [p.time(), p.end_of(p.low), p.end_of(p.high), open].into_iter().flatten();
            most = times.filter_map(|t| residual(law, *fit, p.x, t, log_x)).fold(most, |m, r| m.max(r.abs()));
        }
    }
    let most = if drawable(most) { most.max(0.05) * 1.12 } else { 1.0 };
    YAxis::Linear(-most, most)
}

/// Residuals of one fit, with a line at zero.
pub(super) fn residuals(svg: &mut Svg, panel: &Panel, law: &LawPicture, fit: usize, style: Style, log_x: bool) {
    let y = (panel.top + panel.bottom) / 2.0;
    svg.line(panel.x.x0, y, panel.x.x1, y, &style.stroke(1.3));
    for p in &law.points {
        mark(svg, panel, p, |t| residual(law, fit, p.x, t, log_x), "#000000");
    }
}

/// Formulas and held-out errors; returns the y under the table.
pub(super) fn table(svg: &mut Svg, law: &LawPicture, styles: &[Style], options: &LawOptions, letters: bool, mut y: f64, width_px: f64) -> f64 {
    if law.fits.is_empty() {
        return y;
    }
    let name_at = LEFT + SAMPLE + if letters { 15.0 } else { 8.0 };
    let widest = |get: fn(&super::LawFit) -> &String, head: &str| law.fits.iter().map(|f| width(get(f), TICK)).fold(width(head, TICK), f64::max);
    let (names, formulas, notes) = (widest(|f| &f.name, "fit"), widest(|f| &f.formula, "formula"), widest(|f| &f.note, &options.note_label));
    let room = width_px - RIGHT - name_at;
    // What does not fit in one line is written on two: the name with its error, and the formula under it.
    let apart = names + formulas + notes + 32.0 > room;
    let note_room = if apart { notes.min(room * 0.55) } else { notes };
    let name_room = if apart { room - note_room - 12.0 } else { names };
    let formula_at = if apart { name_at } else { name_at + names + 16.0 };
    let right = if apart { width_px - RIGHT } else { formula_at + formulas + 16.0 + notes };
    let (ink, grey) = (format!(r#"fill="{INK}""#), format!(r#"fill="{GREY}""#));
    y += LINE + 6.0;
    svg.text(name_at, y - 3.0, TICK, Anchor::Start, &grey, &plain("fit"));
    if !apart {
        svg.text(formula_at, y - 3.0, TICK, Anchor::Start, &grey, &plain("formula"));
    }
    let head = wrap(&options.note_label, note_room.max(width(&options.note_label, TICK).min(room * 0.7)) / TICK * 1.001, 1, em).concat();
    svg.text(right, y - 3.0, TICK, Anchor::End, &grey, &plain(head));
    svg.line(LEFT, y + 1.0, right, y + 1.0, r##"stroke="#CCCCCC" stroke-width="0.6""##);
    y += 3.0;
    for (i, (fit, style)) in law.fits.iter().zip(styles).enumerate() {
        y += LINE;
        svg.line(LEFT, y - 6.2, LEFT + SAMPLE, y - 6.2, &style.stroke(if fit.null { 1.2 } else { 1.6 }));
        if letters {
            svg.text(LEFT + SAMPLE + 3.0, y - 3.0, TICK, Anchor::Start, &ink, &plain(letter(i)));
        }
        let cut = |text: &str, room: f64| symbols(&wrap(text, room / TICK * 1.001, 1, em).concat());
        svg.text(name_at, y - 3.0, TICK, Anchor::Start, &ink, &cut(&fit.name, name_room));
        svg.text(right, y - 3.0, TICK, Anchor::End, &ink, &cut(&fit.note, note_room));
        if apart && !fit.formula.is_empty() {
            y += LINE;
        }
        let formula = cut(&fit.formula, if apart { room } else { formulas });
        svg.text(formula_at, y - 3.0, TICK, Anchor::Start, if apart { &grey } else { &ink }, &formula);
    }
    y + 2.0
}
