//! Amounts and classes over a grid.

use super::Mark;
use super::axes::{Plane, Scale, place};
use crate::colour::{hex, viridis};
use crate::phase::{STATES, boxed, letter_style, look, on_bands};
use crate::svg::{Anchor, Svg, plain};

/// Steps of colour: more cannot be told apart, and cells of one colour are one path.
const SHADES: usize = 64;
/// Smallest side of a cell that has a letter, in pixels.
const LETTERED: f64 = 11.0;
/// Colours of classes: Okabe and Ito's, neighbours far apart in lightness, and a grey.
const CLASSES: [&str; 8] = ["#56B4E9", "#D55E00", "#F0E442", "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#8C8C8C"];

/// The columns (or rows) of a grid as `(index, from, to)` in places of its axis: edges lie in the middle between centres. Centres without a place are left
/// out, and where there are more than `most`, every k-th is kept.
pub(super) fn edges(centres: &[f64], log: bool, most: f64) -> Vec<(usize, f64, f64)> {
    let mut at: Vec<(usize, f64)> = centres.iter().enumerate().filter_map(|(i, c)| Some((i, place(*c, log)?))).collect();
    at.sort_by(|a, b| a.1.total_cmp(&b.1));
    at.dedup_by(|b, a| a.1 == b.1);
    let stride = (at.len() as f64 / most.max(1.0)).ceil().max(1.0) as usize;
    let at: Vec<(usize, f64)> = at.into_iter().step_by(stride).collect();
    if let [(i, c)] = at.as_slice() {
        let half = if log { 0.3 } else { (c.abs() * 0.1).max(0.5) };
        return vec![(*i, c - half, c + half)];
    }
    (0..at.len())
        .map(|k| {
            let (i, c) = at[k];
            let before = k.checked_sub(1).map(|k| (c - at[k].1) / 2.0);
            let after = at.get(k + 1).map(|n| (n.1 - c) / 2.0);
            (i, c - before.or(after).unwrap_or(0.5), c + after.or(before).unwrap_or(0.5))
        })
        .collect()
}

/// Places of the colours of amounts; `None` where none can be drawn.
pub(super) fn colours(values: &[Vec<f64>], log: bool) -> Option<Scale> {
    let places = values.iter().flatten().filter_map(|v| place(*v, log)).collect::<Vec<_>>();
    let (lo, hi) = places.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), p| (a.min(*p), b.max(*p)));
    // Cells that hardly differ must not look as if they did.
    let least = if log { 0.1 } else { (1e-6 * hi.abs().max(lo.abs())).max(1e-12) };
    let air = ((least - (hi - lo)) / 2.0).max(0.0);
    (lo <= hi).then_some(Scale { log, lo: lo - air, hi: hi + air })
}

/// The phase of a diagram that a class is, by its name.
fn state(names: &[String], k: usize) -> Option<usize> {
    let name = names.get(k)?.trim().to_lowercase().replace("memorization", "memorisation");
    STATES.iter().position(|s| s.0 == name)
}

/// Colour, hatching and letter of a class. The four phases look as they do in diagrams of runs.
pub(super) fn class(names: &[String], k: usize) -> (&'static str, Option<&'static str>, String) {
    match state(names, k) {
        Some(s) => (look(s).0, look(s).1, STATES[s].1.to_string()),
        None => (CLASSES[k % CLASSES.len()], None, (k + 1).to_string()),
    }
}

/// Attributes of a class's letter.
pub(super) fn letter(names: &[String], k: usize, size: f64) -> String {
    state(names, k).map_or_else(|| on_bands(size), |s| letter_style(s, size))
}

/// Draws the cells of a map or of classes, clipped by the group that they are in; blank ones are hatched.
pub(super) fn draw(svg: &mut Svg, plane: &Plane, mark: &Mark, prefix: &str) {
    let (wide, high) = (plane.x1 - plane.x0, plane.bottom - plane.top);
    let cells = |xs: &[f64], ys: &[f64]| {
        let columns = edges(xs, plane.x.log, wide);
        edges(ys, plane.y.log, high).into_iter().map(move |row| (row, columns.clone()))
    };
    let mut blank = String::new();
    match mark {
        Mark::Map { xs, ys, values, log, .. } => {
            let scale = colours(values, *log);
            let mut shades = vec![String::new(); SHADES];
            for ((iy, low, up), columns) in cells(xs, ys) {
                let shade = |ix: usize| {
                    let p = place(*values.get(iy)?.get(ix)?, *log)?;
                    Some(((scale?.share(p) * SHADES as f64) as usize).min(SHADES - 1))
                };
                rows(plane, (low, up), &columns, shade, &mut shades, &mut blank);
            }
            svg.raw(r#"<g shape-rendering="crispEdges">"#);
            for (k, data) in shades.iter().enumerate() {
                svg.path(data, &format!(r#"fill="{}""#, hex(viridis((k as f64 + 0.5) / SHADES as f64))));
            }
            svg.raw("</g>");
        }
        Mark::Classes { names, xs, ys, classes } => {
            let mut kinds = vec![String::new(); names.len()];
            let class_at = |iy: usize, ix: usize| classes.get(iy)?.get(ix).copied()?.filter(|k| *k < names.len());
            let mut letters: Vec<(f64, f64, usize)> = Vec::new();
            for ((iy, low, up), columns) in cells(xs, ys) {
                rows(plane, (low, up), &columns, |ix| class_at(iy, ix), &mut kinds, &mut blank);
                for (ix, left, right) in &columns {
                    let side = (plane.x_at(*right) - plane.x_at(*left)).min(plane.y_at(low) - plane.y_at(up));
                    if let Some(k) = class_at(iy, *ix).filter(|_| side >= LETTERED) {
                        letters.push(((plane.x_at(*left) + plane.x_at(*right)) / 2.0, (plane.y_at(low) + plane.y_at(up)) / 2.0, k));
                    }
                }
            }
            svg.raw(r#"<g shape-rendering="crispEdges">"#);
            for (k, data) in kinds.iter().enumerate() {
                svg.path(data, &format!(r#"fill="{}""#, class(names, k).0));
            }
            svg.raw("</g>");
            for (k, data) in kinds.iter().enumerate() {
                if let Some(pattern) = class(names, k).1 {
                    svg.path(data, &format!(r#"fill="url(#{prefix}-{pattern})""#));
                }
            }
            for (x, y, k) in letters {
                svg.text(x, y + 3.2, 9.0, Anchor::Middle, &letter(names, k, 9.0), &plain(class(names, k).2));
            }
        }
        _ => {}
    }
    svg.path(&blank, r##"fill="#FFFFFF""##);
    svg.path(&blank, &format!(r#"fill="url(#{prefix}-over)""#));
}

/// One row of cells: neighbours of one kind are one rectangle.
fn rows(plane: &Plane, (low, up): (f64, f64), columns: &[(usize, f64, f64)], kind: impl Fn(usize) -> Option<usize>, paths: &mut [String], blank: &mut String) {
    let (top, bottom) = (plane.y_at(up), plane.y_at(low));
    let mut k = 0;
    while k < columns.len() {
        let this = kind(columns[k].0);
        let mut end = k + 1;
        while end < columns.len() && kind(columns[end].0) == this {
            end += 1;
        }
        let (left, right) = (plane.x_at(columns[k].1), plane.x_at(columns[end - 1].2));
        let data = match this {
            Some(kind) => paths.get_mut(kind),
            None => Some(&mut *blank),
        };
        if let Some(data) = data {
            boxed(data, left, top, right - left, bottom - top);
        }
        k = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_meet_in_the_middle() {
        assert_eq!(edges(&[1.0, 2.0, 4.0], false, 99.0), [(0, 0.5, 1.5), (1, 1.5, 3.0), (2, 3.0, 5.0)]);
        assert_eq!(edges(&[1.0, 100.0], true, 99.0), [(0, -1.0, 1.0), (1, 1.0, 3.0)]);
        assert_eq!(edges(&[-1.0, 10.0], true, 99.0), [(1, 0.7, 1.3)]);
        assert_eq!(edges(&(0..100).map(f64::from).collect::<Vec<_>>(), false, 10.0).len(), 10);
        assert!(edges(&[f64::NAN], false, 9.0).is_empty());
    }

    #[test]
    fn phases_look_as_they_do_elsewhere() {
        let names: Vec<String> = ["Memorization", "grokking", "other"].map(String::from).to_vec();
        assert_eq!(class(&names, 0), ("#56B4E9", Some("lines"), "M".into()));
        assert_eq!(class(&names, 1).2, "G");
        assert_eq!(class(&names, 2), (CLASSES[2], None, "3".into()));
    }
}
