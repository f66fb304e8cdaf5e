//! The legends under both panels.

use super::cells::{self, ORDER, PAPER, letter_style, look};
use super::{Grid, Phase, STATES, letter};
use crate::bar;
use crate::colour::{hex, viridis};
use crate::format::{count, short};
use crate::panel::{GREY, INK, TICK};
use crate::scale::YAxis;
use crate::svg::{Anchor, Svg, plain, px, width};

/// Height of a row and side of a sample.
const LINE: f64 = 16.0;
const BOX: f64 = 12.0;

/// What a sample shows.
enum Sample {
    State(usize),
    Whisker,
    Over,
    Missing,
    Square(f64),
    Nothing,
}

impl Sample {
    fn draw(&self, svg: &mut Svg, prefix: &str, x: f64, y: f64) {
        match self {
            Sample::State(state) => {
                let (colour, pattern) = look(*state);
                svg.rect(x, y, BOX, BOX, &format!(r#"fill="{colour}""#));
                if let Some(pattern) = pattern {
                    svg.rect(x, y, BOX, BOX, &format!(r#"fill="url(#{prefix}-{pattern})""#));
                }
                svg.text(x + BOX / 2.0, y + 9.0, 8.5, Anchor::Middle, &letter_style(*state, 8.5), &plain(letter(*state).to_string()));
            }
            Sample::Whisker => svg.path(
                &format!("M{} {}h3M{} {}h3M{} {}v10", px(x + 4.5), px(y + 1.0), px(x + 4.5), px(y + 11.0), px(x + 6.0), px(y + 1.0)),
                r##"fill="none" stroke="#000000" stroke-width="0.9""##,
            ),
            Sample::Over => {
                svg.rect(x, y, BOX, BOX, r##"fill="#FFFFFF" stroke="#8A8A8A" stroke-width="0.5""##);
                svg.rect(x, y, BOX, BOX, &format!(r#"fill="url(#{prefix}-over)""#));
            }
            Sample::Missing => svg.rect(x + 0.5, y + 0.5, BOX - 1.0, BOX - 1.0, r##"fill="none" stroke="#9A9A9A" stroke-width="0.7" stroke-dasharray="2 2""##),
            Sample::Square(side) => {
                let air = BOX * (1.0 - side) / 2.0;
                svg.rect(x, y, BOX, BOX, &format!(r#"fill="{PAPER}""#));
                svg.rect(x + air, y + air, BOX * side, BOX * side, &format!(r#"fill="{}""#, hex(viridis(0.35))));
            }
            Sample::Nothing => {}
        }
    }
}

/// Samples with their words in rows between `left` and `left + room`; returns the y under them.
fn flow(svg: &mut Svg, prefix: &str, items: &[(Sample, String)], left: f64, mut y: f64, room: f64) -> f64 {
    let mut x = left;
    for (sample, text) in items {
        let lead = if matches!(sample, Sample::Nothing) { 0.0 } else { BOX + 4.0 };
        let w = lead + width(text, TICK);
        if x > left && x + w > left + room {
            x = left;
            y += LINE;
        }
        sample.draw(svg, prefix, x, y);
        svg.text(x + lead, y + 9.5, TICK, Anchor::Start, &format!(r#"fill="{INK}""#), &plain(text.clone()));
        x += w + 9.0;
    }
    if items.is_empty() { y } else { y + LINE }
}

/// Legend of panel *a*: the states, with the number of cells in which each is the most frequent.
pub(super) fn states(svg: &mut Svg, phase: &Phase, grid: &Grid, prefix: &str, y: f64, room: f64) -> f64 {
    let cells = phase.grid();
    let all = || cells.iter().flatten();
    let mut items: Vec<(Sample, String)> = Vec::new();
    for state in ORDER {
        let name = STATES.get(state).map_or("diverged", |s| s.0);
        let most = all().flatten().filter(|c| c.majority() == Some(state)).count();
        let any = all().flatten().any(|c| c.states.get(state).copied().unwrap_or(c.diverged) > 0);
        if state < 4 || any {
            items.push((Sample::State(state), format!("{name} ({most})")));
        }
    }
    if all().any(Option::is_none) {
        items.push((Sample::Missing, "no runs".into()));
    }
    if cells::has_whiskers(phase, grid) {
        items.push((Sample::Whisker, format!("{} % interval, share grokking", short(phase.confidence * 100.0))));
    }
    let y = flow(svg, prefix, &items, grid.left, y, room);
    let text = "In brackets, and as letter: cells with most runs in this state (at a tie, none).";
    crate::page::words(svg, text, (grid.left, grid.left + room), y, 8.5, 3)
}

/// Legend of panel *b*: the colour bar, and how uncertainty shows.
pub(super) fn times(svg: &mut Svg, phase: &Phase, grid: &Grid, prefix: &str, mut y: f64, room: f64) -> f64 {
    if let Some((lo, hi)) = cells::range(phase) {
        let (left, length) = (grid.left, room.min(240.0) - 4.0);
        bar::draw(svg, YAxis::Log(lo, hi), (left, length), y);
        y += 26.0;
        svg.text(left, y + 6.0, TICK, Anchor::Start, &format!(r#"fill="{GREY}""#), &plain("steps (log scale)"));
        y += 12.0;
    } else {
        svg.text(grid.left, y + 9.5, TICK, Anchor::Start, &format!(r#"fill="{GREY}""#), &plain("the median was reached in no cell"));
        y += LINE;
    }
    let grid_cells = phase.grid();
    let mut items = Vec::new();
    if grid_cells.iter().flatten().flatten().any(|c| c.time().is_none()) {
        items.push((Sample::Over, format!("median > budget ({})", count(phase.budget))));
    }
    if grid_cells.iter().flatten().any(Option::is_none) {
        items.push((Sample::Missing, "no runs".into()));
    }
    let y = flow(svg, prefix, &items, grid.left, y, room);
    let level = short(phase.confidence * 100.0);
    if cells::range(phase).is_none() {
        return y;
    }
    if cells::has_words(phase, grid) {
        return flow(svg, prefix, &[(Sample::Nothing, format!("In a cell: median, {level} % interval"))], grid.left, y, room);
    }
    let mut items = vec![(Sample::Nothing, format!("{level} % interval, high / low:"))];
    items.extend([1.0, 1.5, 3.0].map(|r| (Sample::Square(cells::side(r)), format!("×{}", short(r)))));
    items.push((Sample::Square(cells::side(10.0)), "×10 or open".into()));
    flow(svg, prefix, &items, grid.left, y, room)
}
