//! Names at the curves: at the right edge for a curve that goes on to the end, beside the curve where it comes down for one that does not.
//! Where a name has no room, the group's letter stands instead, and the tables say whose it is.

use super::{SurvivalGroup, first, stack, steps, style};
use crate::panel::{INK, Panel, TICK};
use crate::svg::{Anchor, Svg, plain, width};

/// Height of a name.
const HIGH: f64 = 12.0;
/// Length of a leader from the edge of the panel.
const LEADER: f64 = 14.0;
/// Narrower figures have letters for names wider than a few characters.
const NARROW: f64 = 420.0;

/// Letter of a group.
pub(super) fn letter(group: usize) -> String {
    char::from(b'A' + (group % 26) as u8).to_string()
}

/// Whether a curve is named at the right edge.
fn goes_on(group: &SurvivalGroup) -> bool {
    group.jumps().last().is_none_or(|p| p.survival > 0.0)
}

/// Widest name at the right edge that is not replaced by its letter.
fn widest(width_px: f64) -> f64 {
    if width_px < NARROW { 44.0 } else { width_px * 0.2 }
}

/// Room for names to the right of the panel.
pub(super) fn room(groups: &[SurvivalGroup], width_px: f64) -> f64 {
    let names = groups.iter().filter(|g| goes_on(g)).map(|g| width(&g.name, TICK));
    let least = if groups.iter().any(goes_on) { 8.0 } else { f64::NEG_INFINITY };
    let words = names.filter(|w| *w <= widest(width_px)).fold(least, f64::max);
    if words > 0.0 { words + LEADER + 2.0 } else { 0.0 }
}

/// A rectangle: left, top, right, bottom.
type Rect = (f64, f64, f64, f64);

fn apart(a: &Rect, b: &Rect) -> f64 {
    let gap = |lo: f64, hi: f64, from: f64, to: f64| (from - hi).max(lo - to);
    gap(a.0, a.2, b.0, b.2).max(gap(a.1, a.3, b.1, b.3))
}

/// Names every curve; `right` is the edge of the page's content. Returns whether a letter stands for some name.
pub(super) fn draw(svg: &mut Svg, panel: &Panel, groups: &[SurvivalGroup], right: f64) -> bool {
    let origin = first(panel.x);
    // The curves as horizontal and vertical pieces, and the marks of the medians: names keep clear of both.
    let lines: Vec<Vec<(f64, f64)>> = groups.iter().map(|g| steps(g, origin).line.iter().filter_map(|p| panel.at(p.0, p.1)).collect()).collect();
    let piece = |w: &[(f64, f64)]| (w[0].0.min(w[1].0), w[0].1.min(w[1].1), w[0].0.max(w[1].0), w[0].1.max(w[1].1));
    let mut taken: Vec<Rect> = lines.iter().flat_map(|l| l.windows(2).map(piece)).collect();
    let medians = groups.iter().filter_map(|g| panel.at(g.median?, 0.5));
    taken.extend(medians.map(|(x, y)| (x - 3.0, y - 3.0, x + 3.0, y + 3.0)));
    let x1 = panel.x.x1;
    let mut letters = false;
    let mut at_edge: Vec<(f64, usize)> = Vec::new();
    for (i, (group, line)) in groups.iter().zip(&lines).enumerate() {
        let Some(end) = line.last().copied() else { continue };
        if goes_on(group) {
            at_edge.push((end.1, i));
            continue;
        }
        let named = if group.name.trim().is_empty() { None } else { place(panel, &group.name, line, &taken) };
        let (text, rect) = match named {
            Some(rect) => (group.name.clone(), rect),
            None => {
                letters = true;
                let Some(rect) = place(panel, &letter(i), line, &taken) else { continue };
                (letter(i), rect)
            }
        };
        let style = format!(r##"fill="{INK}" stroke="#FFFFFF" stroke-width="3" paint-order="stroke""##);
        svg.text(rect.0 + 1.0, rect.3 - 2.5, TICK, Anchor::Start, &style, &plain(text));
        taken.push(rect);
    }
    let centres = stack(&mut at_edge, panel.top, panel.bottom + 4.0, HIGH);
    for ((y, i), centre) in at_edge.iter().zip(centres) {
        let from = lines[*i].last().map_or(x1, |p| p.0);
        let leader = format!(r#"fill="none" stroke="{}" stroke-width="0.8" stroke-opacity="0.75""#, style(*i).colour);
        if from < x1 - 0.5 {
            svg.line(from, *y, x1, *y, &leader);
        }
        svg.line(x1, *y, x1 + LEADER - 3.0, centre, &leader);
        let name = &groups[*i].name;
        let fits = !name.trim().is_empty() && width(name, TICK) <= right - x1 - LEADER;
        letters |= !fits;
        let text = if fits { name.clone() } else { letter(*i) };
        svg.text(x1 + LEADER, centre + 3.2, TICK, Anchor::Start, &format!(r#"fill="{INK}""#), &plain(text));
    }
    letters
}

/// A place for a name right of its own curve: of the heights at which it has air, the one with the most.
fn place(panel: &Panel, name: &str, line: &[(f64, f64)], taken: &[Rect]) -> Option<Rect> {
    let w = width(name, TICK) + 2.0;
    let mut best: Option<(f64, Rect)> = None;
    for k in 1..=18 {
        let y = panel.bottom - (panel.bottom - panel.top) * (0.05 + 0.05 * f64::from(k));
        // Where the curve is at the heights of the name, it is at most here.
        let here = |p: &&[(f64, f64)]| p[0].1.min(p[1].1) <= y + HIGH / 2.0 && p[0].1.max(p[1].1) >= y - HIGH / 2.0;
        let x = line.windows(2).filter(here).map(|p| p[0].0.max(p[1].0)).fold(f64::NAN, f64::max);
        let rect = (x + 3.0, y - HIGH / 2.0, x + 3.0 + w, y + HIGH / 2.0);
        if x.is_nan() || rect.2 > panel.x.x1 {
            continue;
        }
        let air = taken.iter().map(|t| apart(&rect, t)).fold(12.0, f64::min);
        if air >= 1.5 && best.as_ref().is_none_or(|b| air > b.0 + 0.5) {
            best = Some((air, rect));
        }
    }
    best.map(|b| b.1)
}
