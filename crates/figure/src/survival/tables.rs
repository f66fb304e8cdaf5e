//! The numbers under the curves: runs at risk, and each group's summary.

use super::{SurvivalGroup, SurvivalOptions, labels::letter, median, style};
use crate::format::{compact, count, short};
use crate::page::{LEFT, RIGHT};
use crate::panel::{GREY, INK, TICK};
use crate::scale::StepAxis;
use crate::svg::{Anchor, Svg, em, plain, width, wrap};

const LINE: f64 = 13.0;
const SAMPLE: f64 = 24.0;
/// Pixels from one time of the table to the next at least.
const APART: f64 = 40.0;

/// A piece of a group's line, as the key of its row, with the group's letter where letters are used.
fn key(svg: &mut Svg, group: usize, letters: bool, x: f64, baseline: f64) {
    svg.line(x, baseline - 3.2, x + SAMPLE, baseline - 3.2, &style(group).stroke(1.6));
    if letters {
        svg.text(x + SAMPLE + 3.0, baseline, TICK, Anchor::Start, &format!(r#"fill="{INK}""#), &plain(letter(group)));
    }
}

/// Times at which to count: 1, 2 and 5 times powers of ten, the powers first, where there is room.
fn times(axis: &StepAxis) -> Vec<(f64, f64)> {
    let (first, last) = (axis.lo.floor() as i32 - 1, axis.hi.ceil() as i32);
    let mut out: Vec<(f64, f64)> = axis.zero.map(|x| (x, 0.0)).into_iter().collect();
    for m in [1.0, 2.0, 5.0] {
        for e in first..=last {
            let t = m * libm::pow(10.0, f64::from(e));
            let l = libm::log10(t);
            let Some(x) = axis.px(t).filter(|_| l >= axis.lo - 1e-9 && l <= axis.hi + 1e-9) else { continue };
            if out.iter().all(|o| (o.0 - x).abs() >= APART) {
                out.push((x, t));
            }
        }
    }
    out.sort_by(|a, b| a.0.total_cmp(&b.0));
    out
}

/// Runs at risk at round times, under them; returns the y under the table.
pub(super) fn at_risk(svg: &mut Svg, axis: &StepAxis, groups: &[SurvivalGroup], letters: bool, mut y: f64) -> f64 {
    if groups.is_empty() {
        return y;
    }
    let columns = times(axis);
    let grey = format!(r#"fill="{GREY}""#);
    y += LINE;
    svg.text(LEFT, y - 3.0, TICK, Anchor::Start, &grey, &plain("runs at risk at step"));
    y += LINE;
    for (x, t) in &columns {
        svg.text(*x, y - 3.0, TICK, Anchor::Middle, &grey, &plain(compact(*t)));
    }
    svg.line(LEFT, y + 1.0, axis.x1, y + 1.0, r##"stroke="#CCCCCC" stroke-width="0.6""##);
    y += 3.0;
    for (i, group) in groups.iter().enumerate() {
        y += LINE;
        key(svg, i, letters, LEFT - SAMPLE - 16.0, y - 3.0);
        for (x, t) in &columns {
            svg.text(*x, y - 3.0, TICK, Anchor::Middle, &format!(r#"fill="{INK}""#), &plain(compact(group.at_risk(*t) as f64)));
        }
    }
    y
}

/// Name, events of n, and median of each group; returns the y under the table.
pub(super) fn summary(svg: &mut Svg, groups: &[SurvivalGroup], options: &SurvivalOptions, letters: bool, mut y: f64, width_px: f64) -> f64 {
    if groups.is_empty() {
        return y;
    }
    let heads = ["events of n".to_string(), format!("median [{} %]", short(options.confidence * 100.0))];
    let cells: Vec<[String; 2]> = groups.iter().map(|g| [format!("{} of {}", count(g.events as f64), count(g.n as f64)), median(g)]).collect();
    let wide = [0, 1].map(|k: usize| cells.iter().map(|c| width(&c[k], TICK)).chain([width(&heads[k], TICK)]).fold(0.0, f64::max));
    let name_at = LEFT + SAMPLE + if letters { 15.0 } else { 8.0 };
    let numbers = wide[0] + wide[1] + 2.0 * 14.0;
    let widest = groups.iter().map(|g| width(&g.name, TICK)).fold(30.0, f64::max);
    // Names that leave no room for the numbers have a line of their own.
    let room = width_px - RIGHT - name_at;
    let apart = widest + numbers > room;
    // The numbers stand beside the names, and not at the far end of a wide figure.
    let first = if apart { (room - numbers).clamp(0.0, 60.0) } else { widest };
    let ends = [name_at + first + 14.0 + wide[0], name_at + first + numbers];
    y += LINE + 4.0;
    for (head, end) in heads.iter().zip(&ends) {
        svg.text(*end, y - 3.0, TICK, Anchor::End, &format!(r#"fill="{GREY}""#), &plain(head.clone()));
    }
    svg.line(LEFT, y + 1.0, ends[1], y + 1.0, r##"stroke="#CCCCCC" stroke-width="0.6""##);
    y += 3.0;
    let ink = format!(r#"fill="{INK}""#);
    for (i, (group, cells)) in groups.iter().zip(&cells).enumerate() {
        y += LINE;
        key(svg, i, letters, LEFT, y - 3.0);
        let name = wrap(&group.name, room / TICK, 1, em).concat();
        svg.text(name_at, y - 3.0, TICK, Anchor::Start, &ink, &plain(name));
        y += if apart { LINE } else { 0.0 };
        for (cell, end) in cells.iter().zip(&ends) {
            svg.text(*end, y - 3.0, TICK, Anchor::End, &ink, &plain(cell.clone()));
        }
    }
    y + 2.0
}
