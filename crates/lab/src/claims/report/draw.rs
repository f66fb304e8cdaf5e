//! A panel as SVG. Its colours and letters are those of the page's style.

use super::panel::{Across, Mark, Panel, Sort};
use super::scale::{Scale, tick};
use pennydrop_figure::escape as text;
use std::fmt::Write;

/// Width in units; a panel is never drawn so small that its letters are below 11 px (see the style).
const WIDTH: f64 = 400.0;
/// Height of the plot where the abscissa is a number, and of a row where it is not.
const HEIGHT: f64 = 230.0;
const ROW: f64 = 44.0;
/// Height of a line of text.
const LINE: f64 = 18.0;
/// Room at the left for numbers, and at the right.
const LEFT: f64 = 66.0;
const RIGHT: f64 = 12.0;
/// A guess at the width of a letter.
const LETTER: f64 = 7.2;
/// How many shapes tell series apart beside their colours.
const SHAPES: usize = 4;

/// A text cut to a width, whole in its title.
fn cut(words: &str, width: f64) -> String {
    let most = (width / LETTER) as usize;
    if words.chars().count() <= most { words.to_string() } else { words.chars().take(most.saturating_sub(1)).chain(['…']).collect() }
}

/// The mark of a series at a place.
fn shape(series: usize, x: f64, y: f64, r: f64) -> String {
    let class = format!("d c{}", series % 8);
    match series % SHAPES {
        0 => format!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r}\"/>"),
        1 => format!("<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{w}\" height=\"{w}\"/>", x - r, y - r, w = 2.0 * r),
        2 => format!("<path class=\"{class}\" d=\"M{x:.1} {:.1} l{} {} h{} z\"/>", y + r, -1.2 * r, -2.0 * r, 2.4 * r),
        _ => format!("<path class=\"{class}\" d=\"M{x:.1} {:.1} l{} {r} l{} {r} l{} {} z\"/>", y - r, 1.1 * r, -1.1 * r, -1.1 * r, -r),
    }
}

fn mark(m: &Mark, x: f64, y: f64) -> String {
    let c = m.series % 8;
    match (m.sort, m.twin) {
        (Sort::Seen, false) => shape(m.series, x, y, 3.0),
        (Sort::Seen, true) => format!("<path class=\"l c{c}\" d=\"M{:.1} {:.1} l7 7 m0 -7 l-7 7\"/>", x - 3.5, y - 3.5),
        (Sort::Censored, twin) => format!("<path class=\"l c{c}{}\" d=\"M{x:.1} {:.1} l4.5 8 h-9 z\"/>", if twin { " twin" } else { "" }, y - 4.5),
    }
}

/// Places beside each other for marks that would lie on one another: an offset for each, in order.
fn spread(n: usize, width: f64) -> impl Iterator<Item = f64> {
    let step = if n > 1 { (width / (n as f64 - 1.0)).min(7.0) } else { 0.0 };
    (0..n).map(move |i| step * (i as f64 - (n as f64 - 1.0) / 2.0))
}

/// The legend of the series: lines of pieces, each with its place.
fn legend(p: &Panel) -> (Vec<(usize, f64, f64, String)>, f64) {
    let mut items = Vec::new();
    let (mut x, mut line) = (0.0, 1.0);
    for (i, name) in p.series.iter().enumerate() {
        let words = cut(name, WIDTH - 20.0);
        let width = 18.0 + LETTER * words.chars().count() as f64 + 12.0;
        if x > 0.0 && x + width > WIDTH {
            (x, line) = (0.0, line + 1.0);
        }
        items.push((i, x, line * LINE, words));
        x += width;
    }
    (items, line + 1.0)
}

/// The picture with its caption.
pub(super) fn figure(out: &mut String, p: &Panel) {
    out.push_str("<figure class=\"panel\">");
    svg(out, p, "");
    let _ = writeln!(out, "<figcaption>{}</figcaption></figure>", text(&p.caption()));
}

/// A panel as a file of its own, with the page's style.
pub(super) fn alone(p: &Panel, style: &str) -> String {
    let mut out = String::new();
    svg(&mut out, p, " xmlns=\"http://www.w3.org/2000/svg\"");
    let at = out.find('>').map_or(0, |i| i + 1);
    out.insert_str(at, &format!("<style>{style} svg {{ background: var(--page); }}</style><title>{}</title>", text(&p.caption())));
    out
}

fn svg(out: &mut String, p: &Panel, more: &str) {
    let rows = if let Across::Rows(rows) = &p.across { Some(rows) } else { None };
    let several = p.series.len() > 1;
    let (items, lines) = if several { legend(p) } else { (Vec::new(), 0.0) };
    // A line that names the ordinate stands above the plot.
    let top = lines * LINE + if rows.is_some() { 4.0 } else { LINE + 6.0 };
    let plot = rows.map_or(HEIGHT, |r| ROW * r.len() as f64 + 4.0);
    let height = top + plot + 44.0;
    let label = format!("{} of {}: {} runs, {} censored", p.title(), p.experiment, p.marks.len(), p.censored());
    let _ = writeln!(out, "<svg{more} viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{}\">", text(&label));
    if several {
        let _ = writeln!(out, "<text class=\"t\" x=\"0\" y=\"13\">{}</text>", text(&cut(&p.series_key, WIDTH)));
        for (series, x, y, words) in items {
            let _ = writeln!(out, "{}<text x=\"{:.1}\" y=\"{:.1}\">{}</text>", shape(series, x + 5.0, y + 8.5, 3.5), x + 14.0, y + 13.0, text(&words));
        }
    }
    match rows {
        Some(rows) => sideways(out, p, rows, top, plot),
        None => upright(out, p, top, plot),
    }
    out.push_str("</svg>\n");
}

/// All values of the ordinate.
fn ordinates(p: &Panel) -> impl Iterator<Item = f64> + Clone + '_ {
    p.marks.iter().map(|m| m.y).chain(p.published.iter().map(|b| b.1)).chain(p.medians.iter().map(|m| m.1))
}

fn logarithmic(p: &Panel) -> bool {
    if p.time { ordinates(p).all(|y| y > 0.0) } else { Panel::logarithmic(ordinates(p)) }
}

/// A quantity's name, with its unit.
fn quantity(p: &Panel) -> String {
    if p.time { format!("{} in steps", p.y) } else { p.y.clone() }
}

/// Numbers along a horizontal axis below the plot, as far as they fit.
fn numbers(out: &mut String, ticks: &[f64], scale: &Scale, bottom: f64, top: Option<f64>, name: &str) {
    let mut free = -1.0;
    for t in ticks {
        let (x, words) = (scale.at(*t), tick(*t));
        let half = LETTER * words.chars().count() as f64 / 2.0;
        if let Some(top) = top {
            let _ = writeln!(out, "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top:.1}\" y2=\"{bottom:.1}\"/>");
        }
        let _ = writeln!(out, "<line class=\"axis\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{bottom:.1}\" y2=\"{:.1}\"/>", bottom + 4.0);
        // Numbers keep out of each other's way, and within the picture.
        let at = x.clamp(half, WIDTH - half);
        if at - half > free {
            let _ = writeln!(out, "<text class=\"tick\" x=\"{at:.1}\" y=\"{:.1}\">{words}</text>", bottom + 18.0);
            free = at + half + 4.0;
        }
    }
    let _ = writeln!(out, "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\">{}</text>", (LEFT + WIDTH) / 2.0, bottom + 38.0, text(&cut(name, WIDTH - LEFT)));
}

/// Numbers across, the quantity up.
fn upright(out: &mut String, p: &Panel, top: f64, plot: f64) {
    let bottom = top + plot;
    let xs = || p.marks.iter().map(|m| m.x);
    let y = Scale::new(ordinates(p), logarithmic(p), bottom, top);
    // Marks of several series stand beside the value of their key.
    let beside = if p.series.len() > 1 && matches!(p.across, Across::Key { .. }) { 16.0 } else { 0.0 };
    let x = Scale::new(xs(), Panel::logarithmic(xs()), LEFT + beside, WIDTH - RIGHT - beside);
    let _ = writeln!(out, "<text class=\"t\" x=\"0\" y=\"{:.1}\">{}</text>", top - 8.0, text(&cut(&quantity(p), WIDTH)));
    for t in y.ticks() {
        let at = y.at(t);
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text class=\"side\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.5,
            tick(t)
        );
    }
    let _ = writeln!(out, "<path class=\"axis\" d=\"M{LEFT} {top:.1} V{bottom:.1} H{:.1}\"/>", WIDTH - RIGHT);
    let (ticks, name, keyed) = match &p.across {
        Across::Key { name, values } if values.len() <= 12 => (values.clone(), name.as_str(), true),
        Across::Key { name, .. } => (x.ticks(), name.as_str(), true),
        Across::Column(name) => (x.ticks(), name.as_str(), false),
        Across::Rows(_) => (Vec::new(), "", false),
    };
    numbers(out, &ticks, &x, bottom, None, name);
    if !keyed {
        for m in &p.marks {
            let _ = writeln!(out, "{}", mark(m, x.at(m.x), y.at(m.y)));
        }
        for (at, value, series) in &p.medians {
            bar(out, x.at(*at), y.at(*value), 6.0, *series);
        }
        return;
    }
    // Series stand beside each other within the room of one value of the key; runs of a cell beside each other within that of a series.
    let mut places: Vec<f64> = ticks.iter().map(|t| x.at(*t)).collect();
    places.sort_by(f64::total_cmp);
    let gap = places.windows(2).map(|w| w[1] - w[0]).fold(90.0f64, f64::min);
    let n = p.series.len().max(1) as f64;
    let share = 0.7 * gap / n;
    let place = |value: f64, series: usize| x.at(value) + share * (series as f64 - (n - 1.0) / 2.0);
    for series in 0..p.series.len().max(1) {
        let mut line: Vec<(f64, f64)> = p.medians.iter().filter(|m| m.2 == series).map(|m| (place(m.0, series), y.at(m.1))).collect();
        line.sort_by(|a, b| a.0.total_cmp(&b.0));
        let apart = line.windows(2).all(|w| w[1].0 - w[0].0 > 1e-6);
        if line.len() > 1 && apart {
            let d: Vec<String> = line.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
            let _ = writeln!(out, "<path class=\"join c{}\" d=\"M{}\"/>", series % 8, d.join(" L"));
        }
    }
    let mut cells: Vec<((u64, usize), Vec<&Mark>)> = Vec::new();
    for m in &p.marks {
        let cell = (m.x.to_bits(), m.series);
        match cells.iter_mut().find(|c| c.0 == cell) {
            Some(c) => c.1.push(m),
            None => cells.push((cell, vec![m])),
        }
    }
    for (_, marks) in &cells {
        for (m, offset) in marks.iter().zip(spread(marks.len(), 0.8 * share)) {
            let _ = writeln!(out, "{}", mark(m, place(m.x, m.series) + offset, y.at(m.y)));
        }
    }
    let wide = (0.45 * share).clamp(4.0, 14.0);
    for (at, value, series) in &p.medians {
        bar(out, place(*at, *series), y.at(*value), wide, *series);
    }
    for (at, value, series) in &p.published {
        diamond(out, place(*at, *series), y.at(*value), *series);
    }
}

fn bar(out: &mut String, x: f64, y: f64, half: f64, series: usize) {
    let _ = writeln!(out, "<line class=\"bar c{}\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>", series % 8, x - half, x + half);
}

fn diamond(out: &mut String, x: f64, y: f64, series: usize) {
    let _ = writeln!(out, "<path class=\"paper c{}\" d=\"M{x:.1} {:.1} l6.5 6.5 l-6.5 6.5 l-6.5 -6.5 z\"/>", series % 8, y - 6.5);
}

/// A row a setting, the quantity across.
fn sideways(out: &mut String, p: &Panel, rows: &[String], top: f64, plot: f64) {
    let bottom = top + plot;
    // Rows have their words above them, so that the plot has the whole width.
    let x = Scale::new(ordinates(p), logarithmic(p), 6.0, WIDTH - RIGHT);
    let _ = writeln!(out, "<path class=\"axis\" d=\"M6 {bottom:.1} H{:.1}\"/>", WIDTH - RIGHT);
    numbers(out, &x.ticks(), &x, bottom, Some(top), &quantity(p));
    for (i, words) in rows.iter().enumerate() {
        let y0 = top + ROW * i as f64;
        let y = y0 + 29.0;
        if !words.is_empty() {
            let _ = writeln!(out, "<text x=\"2\" y=\"{:.1}\"><title>{}</title>{}</text>", y0 + 13.0, text(words), text(&cut(words, WIDTH)));
        }
        let here = |at: f64| at == i as f64;
        // Neighbours alternate between a few heights.
        let lanes = [0.0, -5.0, 5.0, -2.5, 2.5, 7.0, -7.0];
        let count = p.marks.iter().filter(|m| here(m.x)).count();
        let used = if count > 24 {
            7
        } else if count > 2 {
            3
        } else {
            1
        };
        for (k, m) in p.marks.iter().filter(|m| here(m.x)).enumerate() {
            let _ = writeln!(out, "{}", mark(m, x.at(m.y), y + lanes[k % used]));
        }
        for (_, value, series) in p.medians.iter().filter(|m| here(m.0)) {
            let cx = x.at(*value);
            let _ = writeln!(out, "<line class=\"bar c{}\" x1=\"{cx:.1}\" x2=\"{cx:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>", series % 8, y - 11.0, y + 11.0);
        }
        for (_, value, series) in p.published.iter().filter(|m| here(m.0)) {
            diamond(out, x.at(*value), y, *series);
        }
    }
}
