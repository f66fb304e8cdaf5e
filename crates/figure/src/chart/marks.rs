//! Lines, points, bands and steps in a panel, and what each look is.

use super::axes::{Plane, open, place};
use super::{Look, Mark, Point};
use crate::colour::GROUPS;
use crate::panel::{INK, Style, TEST, TICK, TRAIN};
use crate::svg::{Anchor, Svg, em, formula, px, spelled, width, wrap};
use crate::thin::{Pixel, thin};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Markers of one mark that are drawn at most; of more, every k-th of those that lie apart is.
const MOST_MARKERS: usize = 4000;
const GREY_LINE: &str = "#7A7A7A";

/// Shape of a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Circle,
    Ring,
    Square,
    Triangle,
    Diamond,
    Down,
    Plus,
    Cross,
}

/// Colour and dash of a look.
pub(super) fn style(look: Look) -> Style {
    match look {
        Look::Printed => Style { colour: TEST, dash: "6 2.5" },
        Look::Closed => Style { colour: TRAIN, dash: "" },
        Look::Simulated => Style { colour: "#000000", dash: "" },
        Look::Train => Style { colour: TRAIN, dash: "5 2.2" },
        Look::Test => Style { colour: TEST, dash: "" },
        Look::Null => Style { colour: GREY_LINE, dash: "1.2 2.4" },
        Look::Group(n) => {
            let (n, round) = (usize::from(n), usize::from(n) / GROUPS.len());
            // The dashes shift when the colours come round again.
            Style { colour: GROUPS[n % GROUPS.len()].colour, dash: GROUPS[(n + round) % GROUPS.len()].dash }
        }
    }
}

/// Shape of a look's markers.
pub(super) fn shape(look: Look) -> Shape {
    const GROUP: [Shape; 8] = [Shape::Circle, Shape::Square, Shape::Triangle, Shape::Diamond, Shape::Down, Shape::Ring, Shape::Cross, Shape::Plus];
    match look {
        Look::Simulated | Look::Test => Shape::Circle,
        Look::Closed | Look::Train => Shape::Ring,
        Look::Printed => Shape::Diamond,
        Look::Null => Shape::Cross,
        Look::Group(n) => GROUP[(usize::from(n) + usize::from(n) / GROUP.len()) % GROUP.len()],
    }
}

/// Width of a look's line.
pub(super) fn stroke_width(look: Look) -> f64 {
    if look == Look::Null { 1.3 } else { 1.6 }
}

/// Data of a marker, for a path of many.
pub(super) fn marker(data: &mut String, shape: Shape, (x, y): (f64, f64), r: f64) {
    let polygon = |data: &mut String, corners: &[(f64, f64)]| {
        for (i, (dx, dy)) in corners.iter().enumerate() {
            let _ = write!(data, "{}{} {}", if i == 0 { "M" } else { "L" }, px(x + dx * r), px(y + dy * r));
        }
        data.push('z');
    };
    match shape {
        Shape::Circle | Shape::Ring => {
            let (r, d) = (px(r), px(2.0 * r));
            let _ = write!(data, "M{} {}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0z", px(x - d.parse::<f64>().unwrap_or(0.0) / 2.0), px(y));
        }
        Shape::Square => polygon(data, &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
        Shape::Triangle => polygon(data, &[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)]),
        Shape::Down => polygon(data, &[(0.0, 1.2), (1.1, -0.8), (-1.1, -0.8)]),
        Shape::Diamond => polygon(data, &[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)]),
        Shape::Plus => {
            let _ = write!(data, "M{} {}h{}M{} {}v{}", px(x - r), px(y), px(2.0 * r), px(x), px(y - r), px(2.0 * r));
        }
        Shape::Cross => {
            let (a, d) = (0.8 * r, px(1.6 * r));
            let _ = write!(data, "M{} {}l{d} {d}M{} {}l{d} -{d}", px(x - a), px(y - a), px(x - a), px(y + a));
        }
    }
}

/// Attributes of markers.
pub(super) fn marker_style(shape: Shape, colour: &str) -> String {
    match shape {
        Shape::Plus | Shape::Cross => format!(r#"fill="none" stroke="{colour}" stroke-width="1.3""#),
        Shape::Ring => format!(r##"fill="#FFFFFF" stroke="{colour}" stroke-width="1.3""##),
        _ => format!(r##"fill="{colour}" stroke="#FFFFFF" stroke-width="0.6""##),
    }
}

/// Attributes of an area.
pub(super) fn area_style(colour: &str) -> String {
    format!(r#"fill="{colour}" fill-opacity="0.18" stroke="none""#)
}

/// Draws one mark, clipped by the group that it is in; `over` says that it lies on a map and needs a pale edge. Words are drawn by [`word`].
pub(super) fn draw(svg: &mut Svg, plane: &Plane, mark: &Mark, over: bool) {
    match mark {
        Mark::Line { look, points, .. } => {
            let pixels: Vec<Pixel> = points.iter().map(|p| plane.at(p.0, p.1)).collect();
            line(svg, &pixels, *look, over);
        }
        Mark::Points { look, points, .. } => self::points(svg, plane, points, *look, over),
        Mark::Band { look, points, .. } => band(svg, plane, points, *look),
        Mark::Steps { look, edges, heights, .. } => steps(svg, plane, (edges, heights), *look, over),
        Mark::Vertical { look, x, .. } => {
            if let Some(x) = plane.px_x(*x) {
                line(svg, &[Some((x, plane.bottom)), Some((x, plane.top))], *look, over);
            }
        }
        Mark::Horizontal { look, y, .. } => {
            if let Some(y) = plane.px_y(*y) {
                line(svg, &[Some((plane.x0, y)), Some((plane.x1, y))], *look, over);
            }
        }
        Mark::Word { .. } | Mark::Map { .. } | Mark::Classes { .. } => {}
    }
}

fn line(svg: &mut Svg, pixels: &[Pixel], look: Look, over: bool) {
    let style = style(look);
    let (mut data, mut dots) = (String::new(), String::new());
    for run in thin(pixels, 1.0).split(Option::is_none) {
        let run: Vec<(f64, f64)> = run.iter().flatten().copied().collect();
        // A point between gaps would be a line of no length.
        if let [only] = run.as_slice() {
            marker(&mut dots, Shape::Circle, *only, 1.8);
            continue;
        }
        for (i, (x, y)) in run.iter().enumerate() {
            let _ = write!(data, "{}{} {}", ["M", "L", " "][i.min(2)], px(*x), px(*y));
        }
    }
    if over {
        let halo = Style { colour: "#FFFFFF", dash: "" };
        svg.path(&data, &format!(r#"{} stroke-opacity="0.75""#, halo.stroke(stroke_width(look) + 2.0)));
    }
    svg.path(&data, &style.stroke(stroke_width(look)));
    svg.path(&dots, &format!(r#"fill="{}""#, style.colour));
}

fn points(svg: &mut Svg, plane: &Plane, points: &[Point], look: Look, over: bool) {
    let (colour, shape) = (style(look).colour, shape(look));
    let (r, side) = match points.len() {
        0..=60 => (3.0, 0.0),
        61..=300 => (2.2, 0.0),
        _ => (1.6, 2.0),
    };
    let cloud = points.len() > 300;
    // Of many points, those in one small square look like one.
    let mut seen = BTreeSet::new();
    let mut apart = |x: f64, y: f64| side == 0.0 || seen.insert(((x / side) as i64, (y / side) as i64));
    let mut shown: Vec<(&Point, (f64, f64))> = Vec::new();
    for p in points {
        let Some(x) = plane.px_x(p.x) else { continue };
        // An estimate that was not reached stands at the edge, as an open arrow.
        let edge = if p.y > 0.0 { plane.top + 9.0 } else { plane.bottom - 9.0 };
        let place = if open(p.y) { Some(edge) } else { plane.px_y(p.y) };
        let Some(y) = place else { continue };
        if apart(x, y) {
            shown.push((p, (x, y)));
        }
    }
    let stride = shown.len().div_ceil(MOST_MARKERS).max(1);
    let (mut whiskers, mut markers, mut arrows) = (String::new(), String::new(), String::new());
    for (p, (x, y)) in shown.into_iter().step_by(stride) {
        if let Some(interval) = p.interval {
            whisker(&mut whiskers, plane, x, interval, if points.len() <= 60 { 3.0 } else { 0.0 });
        }
        if open(p.y) {
            let up = if p.y > 0.0 { -1.0 } else { 1.0 };
            let _ = write!(arrows, "M{} {}h8L{} {}z", px(x - 4.0), px(y), px(x), px(y + 7.0 * up));
        } else if cloud {
            let _ = write!(markers, "M{} {}h0", px(x), px(y));
        } else {
            marker(&mut markers, shape, (x, y), r);
        }
    }
    if over {
        svg.path(&whiskers, r##"fill="none" stroke="#FFFFFF" stroke-width="2.8" stroke-opacity="0.75""##);
    }
    svg.path(&whiskers, &format!(r#"fill="none" stroke="{colour}" stroke-width="1.1""#));
    // Pale edges tell neighbours apart; in a cloud they would only eat it.
    let style = if cloud {
        format!(r#"fill="none" stroke="{colour}" stroke-opacity="0.55" stroke-width="{}" stroke-linecap="round""#, px(2.0 * r))
    } else {
        marker_style(shape, colour)
    };
    svg.path(&markers, &style);
    svg.path(&arrows, &format!(r##"fill="#FFFFFF" stroke="{colour}" stroke-width="1.2" stroke-linejoin="round""##));
}

/// An interval as a bar with caps; an end that has no place goes to the edge of the panel, without a cap.
fn whisker(data: &mut String, plane: &Plane, x: f64, (low, high): (f64, f64), cap: f64) {
    if low.is_nan() || high.is_nan() {
        return;
    }
    let (low, high) = (plane.px_y(low), plane.px_y(high));
    let _ = write!(data, "M{} {}V{}", px(x), px(low.unwrap_or(plane.bottom)), px(high.unwrap_or(plane.top)));
    for end in [low, high].into_iter().flatten().filter(|_| cap > 0.0) {
        let _ = write!(data, "M{} {}h{}", px(x - cap), px(end), px(2.0 * cap));
    }
}

fn band(svg: &mut Svg, plane: &Plane, points: &[(f64, f64, f64)], look: Look) {
    let (mut lows, mut highs): (Vec<Pixel>, Vec<Pixel>) = (Vec::new(), Vec::new());
    for (x, low, high) in points {
        // An open end goes to the edge of the panel; so does one below the values of a logarithmic axis.
        let end = |v: f64, edge: f64| if v.is_nan() { None } else { plane.px_y(v).or(Some(edge)) };
        let both = plane.px_x(*x).and_then(|x| Some((x, end(*low, plane.bottom + 5.0)?, end(*high, plane.top - 5.0)?)));
        lows.push(both.map(|b| (b.0, b.1)));
        highs.push(both.map(|b| (b.0, b.2)));
    }
    let mut data = String::new();
    let (lows, highs) = (thin(&lows, 1.0), thin(&highs, 1.0));
    for (low, high) in lows.split(Option::is_none).zip(highs.split(Option::is_none)) {
        if low.len() < 2 && high.len() < 2 {
            continue;
        }
        for (i, (x, y)) in high.iter().chain(low.iter().rev()).flatten().enumerate() {
            let _ = write!(data, "{}{} {}", ["M", "L", " "][i.min(2)], px(*x), px(*y));
        }
        data.push('z');
    }
    svg.path(&data, &area_style(style(look).colour));
}

fn steps(svg: &mut Svg, plane: &Plane, (edges, heights): (&[f64], &[f64]), look: Look, over: bool) {
    let floor = place(0.0, plane.y.log).map_or(plane.bottom + 5.0, |zero| plane.y_at(zero));
    let mut outline: Vec<Pixel> = Vec::new();
    for (edge, height) in edges.windows(2).zip(heights) {
        let (Some(left), Some(right)) = (plane.px_x(edge[0]), plane.px_x(edge[1])) else { continue };
        let y = plane.px_y(*height).unwrap_or(floor);
        if outline.is_empty() {
            outline.push(Some((left, floor)));
        }
        outline.extend([Some((left, y)), Some((right, y))]);
    }
    if let Some(Some((x, _))) = outline.last().copied() {
        outline.push(Some((x, floor)));
    }
    let thinned = thin(&outline, 0.5);
    let mut data = String::new();
    for (i, (x, y)) in thinned.iter().flatten().enumerate() {
        let _ = write!(data, "{}{} {}", ["M", "L", " "][i.min(2)], px(*x), px(*y));
    }
    svg.path(&data, &area_style(style(look).colour));
    line(svg, &outline, look, over);
}

/// Words at a place; `taken` are the boxes of the words before, which they keep clear of where there is room.
pub(super) fn word(svg: &mut Svg, plane: &Plane, text: &str, at: (f64, f64), taken: &mut Vec<(f64, f64, f64, f64)>) {
    let Some((x, y)) = plane.at(at.0, at.1) else { return };
    let room = plane.x1 - plane.x0 - 8.0;
    let lines = wrap(&spelled(text), room / TICK, 3, em);
    let wide = lines.iter().map(|l| width(l, TICK)).fold(0.0, f64::max) + 4.0;
    let high = 12.0 * lines.len() as f64;
    if lines.is_empty() || high > plane.bottom - plane.top {
        return;
    }
    let (left, right) = (plane.x0 + wide / 2.0 + 2.0, plane.x1 - wide / 2.0 - 2.0);
    let x = x.min(right).max(left);
    let inside = |y: f64| y.min(plane.bottom - high / 2.0).max(plane.top + high / 2.0);
    let free = |y: f64| taken.iter().all(|t| x + wide / 2.0 <= t.0 || x - wide / 2.0 >= t.2 || y + high / 2.0 <= t.1 || y - high / 2.0 >= t.3);
    let tries = (0..30).flat_map(|k| [-1.0, 1.0].map(|s| inside(y + s * 6.0 * f64::from(k))));
    // Where there is no room left, words that lie on others would only spoil both.
    let Some(y) = tries.into_iter().find(|y| free(*y)) else { return };
    taken.push((x - wide / 2.0, y - high / 2.0, x + wide / 2.0, y + high / 2.0));
    let style = format!(r##"fill="{INK}" stroke="#FFFFFF" stroke-width="3" stroke-linejoin="round" paint-order="stroke""##);
    for (i, line) in lines.iter().enumerate() {
        svg.text(x, y - high / 2.0 + 12.0 * i as f64 + 9.2, TICK, Anchor::Middle, &style, &formula(line));
    }
}
