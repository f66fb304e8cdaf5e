//! The phase diagram: what became of the runs of each cell of a grid over two hyper-parameters, and how long it took them.

use crate::format::{count, short};
use crate::page::{self, Document, LEFT, RIGHT, Source};
use crate::panel::{GREY, INK, LABEL, ROW, TICK};
use crate::svg::{Anchor, Svg, em, plain, px, symbol, width, wrap};
use std::fmt::Write;

mod cells;
mod legend;

pub(crate) use cells::{boxed, letter_style, look, on_bands, patterns};

/// Names of the states of [`PhaseCell::states`], in its order, with their letters.
pub const STATES: [(&str, char); 4] = [("confusion", 'X'), ("memorisation", 'M'), ("grokking", 'G'), ("comprehension", 'C')];

/// The values of an axis of the grid, in the order in which they are drawn.
#[derive(Debug, Clone, PartialEq)]
pub enum AxisValues {
    /// Numbers, written with three digits.
    Numbers(Vec<f64>),
    /// Words, such as names of optimizers.
    Labels(Vec<String>),
}

impl Default for AxisValues {
    fn default() -> Self {
        AxisValues::Numbers(Vec::new())
    }
}

/// An axis of the grid. All cells have one size: the axis says so where the values are not evenly spaced on its scale.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PhaseAxis {
    /// Name, with its unit if it has one.
    pub name: String,
    /// The values.
    pub values: AxisValues,
    /// Whether the scale of the numbers is logarithmic; it has no meaning for labels.
    pub log: bool,
}

/// What became of the runs of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PhaseCell {
    /// Index into the values of the horizontal axis; a cell beyond them is not drawn.
    pub ix: usize,
    /// Index into the values of the vertical axis, from the bottom.
    pub iy: usize,
    /// Number of runs; 0 is drawn as no runs, like a cell that is not given. Of two cells at one place the last is drawn.
    pub n: usize,
    /// Runs in each state: confusion, memorisation, grokking, comprehension ([`STATES`]).
    pub states: [usize; 4],
    /// Runs that diverged; they are not in `states`.
    pub diverged: usize,
    /// Median time in steps (Kaplan–Meier); `None` if it was not reached within the budget.
    pub median: Option<f64>,
    /// Lower end of the median's interval; `None` if it is not known.
    pub low: Option<f64>,
    /// Upper end of the median's interval; `None` or infinite if it was not reached.
    pub high: Option<f64>,
    /// Interval of the share of runs in the state *grokking*, in 0..=1; an end that is not finite leaves it out.
    pub share_grokked_interval: (f64, f64),
}

/// A grid over two hyper-parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// The horizontal axis.
    pub x: PhaseAxis,
    /// The vertical axis, from the bottom.
    pub y: PhaseAxis,
    /// The cells in any order; one that is missing had no runs.
    pub cells: Vec<PhaseCell>,
    /// Which time the medians are of (a `_` starts a subscript).
    pub time: String,
    /// Steps that a run may take at most.
    pub budget: f64,
    /// Training accuracy, in 0..=1, from which on a run has memorised.
    pub train_level: f64,
    /// Test accuracy, in 0..=1, from which on a run has generalised.
    pub test_level: f64,
    /// Steps between the two from which on generalising counts as delayed (grokking) instead of at once (comprehension).
    pub gap: f64,
    /// Which crossing of a level counts, in words: "first sustained crossing".
    pub crossing: String,
    /// Confidence level of the intervals, in 0..=1.
    pub confidence: f64,
}

impl Default for Phase {
    fn default() -> Self {
        Phase {
            x: PhaseAxis::default(),
            y: PhaseAxis::default(),
            cells: Vec::new(),
            time: "t_grok".into(),
            budget: f64::NAN,
            train_level: 0.99,
            test_level: 0.95,
            gap: 1000.0,
            crossing: "first sustained crossing".into(),
            confidence: 0.95,
        }
    }
}

/// How a phase diagram is made.
#[derive(Debug, Clone, PartialEq)]
pub struct PhaseOptions {
    /// Headline, at most two lines of which are drawn.
    pub title: String,
    /// Width in pixels, 320 at least; from 560 on the two panels stand side by side.
    pub width: f64,
    /// Where the data come from.
    pub source: Source,
    /// Notes in the footer.
    pub notes: Vec<String>,
}

impl Default for PhaseOptions {
    fn default() -> Self {
        PhaseOptions { title: String::new(), width: 640.0, source: Source::default(), notes: Vec::new() }
    }
}

impl AxisValues {
    /// Number of values.
    pub(crate) fn len(&self) -> usize {
        match self {
            AxisValues::Numbers(v) => v.len(),
            AxisValues::Labels(v) => v.len(),
        }
    }

    /// The values as words.
    pub(crate) fn words(&self) -> Vec<String> {
        match self {
            AxisValues::Numbers(v) => v.iter().map(|v| short(*v)).collect(),
            AxisValues::Labels(v) => v.clone(),
        }
    }
}

impl PhaseAxis {
    /// The name, and what kind of scale the cells stand on.
    fn words(&self) -> String {
        let AxisValues::Numbers(values) = &self.values else { return self.name.clone() };
        let zero_apart = self.log && values.len() > 2 && values[0] == 0.0;
        let place = |v: &f64| if self.log { libm::log10(*v) } else { *v };
        let places: Vec<f64> = values.iter().skip(usize::from(zero_apart)).map(place).collect();
        let gaps: Vec<f64> = places.windows(2).map(|w| (w[1] - w[0]).abs()).collect();
        let (least, most) = gaps.iter().fold((f64::INFINITY, 0.0f64), |(a, b), g| (a.min(*g), b.max(*g)));
        // 1, 3, 10, 30 counts as even: its ratios are 3 and 3.33.
        let even = gaps.is_empty() || gaps.iter().all(|g| g.is_finite()) && most <= 1.3 * least;
        let scale = match (self.log, zero_apart, even) {
            (true, true, true) => " (log scale, 0 apart)",
            (true, false, true) => " (log scale)",
            (true, _, false) => " (log, cells not to scale)",
            (false, _, false) => " (cells not to scale)",
            (false, ..) => "",
        };
        format!("{}{scale}", self.name)
    }
}

impl Phase {
    /// Columns and rows.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.x.values.len(), self.y.values.len())
    }

    /// The cells by row (from the bottom) and column; `None` where there were no runs.
    pub(crate) fn grid(&self) -> Vec<Vec<Option<&PhaseCell>>> {
        let (nx, ny) = self.size();
        let mut out = vec![vec![None; nx]; ny];
        for c in self.cells.iter().filter(|c| c.ix < nx && c.iy < ny) {
            out[c.iy][c.ix] = (c.runs() > 0).then_some(c);
        }
        out
    }

    /// Least and greatest number of runs of a cell.
    pub(crate) fn runs_of_cells(&self) -> Option<(usize, usize)> {
        let ns = || self.grid().into_iter().flatten().flatten().map(|c| c.n).collect::<Vec<_>>();
        Some((ns().into_iter().min()?, ns().into_iter().max()?))
    }
}

impl PhaseCell {
    /// Runs whose state is known.
    pub(crate) fn runs(&self) -> usize {
        if self.n == 0 { 0 } else { self.states.iter().fold(self.diverged, |a, b| a.saturating_add(*b)) }
    }

    /// Index of the state that most runs are in, 4 for diverged; `None` at a tie.
    pub(crate) fn majority(&self) -> Option<usize> {
        let all = [self.states[0], self.states[1], self.states[2], self.states[3], self.diverged];
        let most = *all.iter().max()?;
        let mut holders = (0..5).filter(|i| all[*i] == most);
        holders.next().filter(|_| holders.next().is_none())
    }

    /// A median that can be drawn.
    pub(crate) fn time(&self) -> Option<f64> {
        self.median.filter(|m| *m > 0.0 && crate::scale::drawable(*m))
    }
}

/// Letter of a state by the index of [`PhaseCell::majority`].
pub(crate) fn letter(state: usize) -> char {
    STATES.get(state).map_or('D', |s| s.1)
}

/// A panel's cells in pixels.
struct Grid {
    left: f64,
    top: f64,
    cell: (f64, f64),
    n: (usize, usize),
}

impl Grid {
    /// Left and upper edge of a cell.
    fn at(&self, ix: usize, iy: usize) -> (f64, f64) {
        (self.left + ix as f64 * self.cell.0, self.top + (self.n.1 - 1 - iy) as f64 * self.cell.1)
    }

    fn right(&self) -> f64 {
        self.left + self.n.0 as f64 * self.cell.0
    }

    fn bottom(&self) -> f64 {
        self.top + self.n.1 as f64 * self.cell.1
    }
}

/// Draws a phase diagram: the shares of the four states of Liu et al. (2022) in each cell, and the median time of each cell.
///
/// In panel *a* a cell is a stacked bar of its runs: grokking at the bottom, then comprehension, memorisation, confusion, diverged; told apart by colour,
/// lightness and hatching; the letter of the most frequent state stands in it, and a whisker at its right edge is the interval of the share that grokked.
/// In panel *b* a cell has the colour of its median (viridis, logarithmic), and is hatched where the median was not reached within the budget. The median's
/// interval is written where the cells are large enough; otherwise the filled part of a cell shrinks as the interval widens. Budget, levels, gap and n are
/// printed, and a cell without runs is a dashed outline. Every input gives well-formed SVG; grids of up to 20 × 20 can be read at 640 pixels.
pub fn phase_svg(phase: &Phase, options: &PhaseOptions) -> String {
    let width_px = page::width(options.width);
    let prefix = page::prefix(options.source.words("phase", &options.title));
    let mut body = Svg::default();
    let mut y = page::title(&mut body, &options.title, 10.0, width_px);
    y = page::words(&mut body, &subtitle(phase), (LEFT, width_px - RIGHT), y, LABEL, 3);
    let (nx, ny) = phase.size();
    if nx == 0 || ny == 0 {
        body.text(LEFT, y + 24.0, LABEL, Anchor::Start, &format!(r#"fill="{GREY}""#), &plain("no cells"));
        y += 36.0;
    } else {
        y = panels(&mut body, phase, &prefix, y, width_px);
    }
    y = page::words(&mut body, &caption(phase), (LEFT, width_px - RIGHT), y + 8.0, TICK, 12);
    y = options.source.footer(&mut body, &options.notes, y + 6.0, width_px);
    let title = if options.title.is_empty() { "Phase diagram" } else { &options.title };
    page::document(&Document {
        prefix: &prefix,
        title,
        desc: &description(phase),
        command: &options.source.command,
        metadata: &options.source.metadata(),
        defs: &cells::patterns(&prefix),
        body: &body.out,
        size: (width_px, y + 8.0),
    })
}

/// Both panels with their axes and legends; returns the y under them.
fn panels(body: &mut Svg, phase: &Phase, prefix: &str, y: f64, width_px: f64) -> f64 {
    let (nx, ny) = phase.size();
    let rows = phase.y.values.words();
    let room = rows.iter().map(|w| width(w, TICK)).fold(0.0, f64::max).min(width_px * 0.2);
    let left = LEFT.max(room + 28.0);
    let beside = width_px >= 560.0;
    let avail = if beside { (width_px - left - RIGHT - 26.0) / 2.0 } else { width_px - left - RIGHT };
    let cell_w = (avail / nx as f64).min(96.0);
    let cell_h = (cell_w * 0.8).clamp(14.0, 52.0).min(480.0 / ny as f64);
    let mut end = y;
    let mut top = y;
    for (k, words) in ["share of runs in each state", "median "].into_iter().enumerate() {
        if k == 1 && !beside {
            top = end + 6.0;
        }
        let origin = if k == 1 && beside { left + avail + 26.0 } else { left };
        let names_rows = k == 0 || !beside;
        let head = top + ROW;
        body.text(origin, head - 2.0, LABEL, Anchor::Start, &format!(r#"fill="{INK}" font-weight="bold""#), &plain(if k == 0 { "a" } else { "b" }));
        let mut text = plain(words);
        if k == 1 {
            text.extend(symbol(&phase.time));
        }
        body.text(origin + 14.0, head - 2.0, LABEL, Anchor::Start, &format!(r#"fill="{INK}""#), &text);
        let mut grid = Grid { left: origin, top: head + 5.0, cell: (cell_w, cell_h), n: (nx, ny) };
        // A name that is longer than the panel is high stands above it.
        let name = phase.y.words();
        let upright = width(&name, LABEL) <= grid.bottom() - grid.top + 16.0;
        if !upright {
            grid.top += ROW - 2.0;
            if names_rows {
                let text = wrap(&format!("rows: {name}"), avail / TICK, 1, em);
                body.text(origin, grid.top - 5.0, TICK, Anchor::Start, &format!(r#"fill="{GREY}""#), &plain(text.concat()));
            }
        }
        let under = axes(body, phase, &grid, names_rows.then_some((rows.as_slice(), room)), upright, avail);
        if k == 0 {
            cells::states(body, phase, &grid, prefix);
        } else {
            cells::times(body, phase, &grid, prefix);
        }
        let under = if k == 0 { legend::states(body, phase, &grid, prefix, under, avail) } else { legend::times(body, phase, &grid, prefix, under, avail) };
        end = end.max(under);
    }
    end
}

/// Values and names at the edges of a panel; returns the y under them.
fn axes(svg: &mut Svg, phase: &Phase, grid: &Grid, rows: Option<(&[String], f64)>, upright: bool, avail: f64) -> f64 {
    let fill = format!(r#"fill="{INK}""#);
    let (cell_w, cell_h) = grid.cell;
    if let Some((rows, room)) = rows {
        let stride = (11.0 / cell_h).ceil().max(1.0) as usize;
        for (iy, word) in rows.iter().enumerate().step_by(stride) {
            let text = wrap(word, room.max(20.0) / TICK * 1.001, 1, em).concat();
            svg.text(grid.left - 5.0, grid.at(0, iy).1 + cell_h / 2.0 + 3.2, TICK, Anchor::End, &fill, &plain(text));
        }
        if upright {
            let (x, y) = (grid.left - room - 14.0, (grid.top + grid.bottom()) / 2.0);
            let style = format!(r#"{fill} transform="rotate(-90 {} {})""#, px(x), px(y));
            svg.text(x, y, LABEL, Anchor::Middle, &style, &plain(phase.y.words()));
        }
    }
    let words = phase.x.values.words();
    let widest = words.iter().map(|w| width(w, TICK)).fold(0.0, f64::max);
    let centre = |ix: usize| grid.at(ix, 0).0 + cell_w / 2.0;
    let mut y = grid.bottom();
    if widest + 4.0 <= cell_w || words.len() == 1 {
        for (ix, word) in words.iter().enumerate() {
            let text = wrap(word, avail / TICK, 1, em).concat();
            svg.text(centre(ix), y + 12.0, TICK, Anchor::Middle, &fill, &plain(text));
        }
        y += 14.0;
    } else {
        // Slanted: lines of 9.5 pixels at 45 degrees need 13.5 pixels from one to the next.
        let stride = (13.0 / cell_w).ceil().max(1.0) as usize;
        let room = widest.min(76.0);
        for (ix, word) in words.iter().enumerate().step_by(stride) {
            let text = wrap(word, room / TICK * 1.001, 1, em).concat();
            let (x, at) = (centre(ix) + 3.0, y + 9.0);
            svg.text(x, at, TICK, Anchor::End, &format!(r#"{fill} transform="rotate(-45 {} {})""#, px(x), px(at)), &plain(text));
        }
        y += 9.0 + room * 0.71;
    }
    let name = wrap(&phase.x.words(), avail / LABEL, 2, em);
    for line in name {
        y += 13.0;
        // Centred on the cells, but not past the panel's room: a grid of one narrow column has a long name too.
        let half = width(&line, LABEL) / 2.0;
        let middle = ((grid.left + grid.right()) / 2.0).min(grid.left + avail - half).max(grid.left + half);
        svg.text(middle, y, LABEL, Anchor::Middle, &fill, &plain(line));
    }
    y + 6.0
}

/// What all cells have in common.
fn subtitle(phase: &Phase) -> String {
    let n = match phase.runs_of_cells() {
        None => "no runs".into(),
        Some((a, b)) if a == b => format!("n = {} runs a cell", count(a as f64)),
        Some((a, b)) => format!("n = {}–{} runs a cell", count(a as f64), count(b as f64)),
    };
    format!("{n} · budget {} steps; borders move with the budget", count(phase.budget))
}

/// The rules behind the states and the medians.
fn caption(phase: &Phase) -> String {
    format!(
        "States after Liu et al. (2022), by a run's {crossing} within {budget} steps. Memorised: training accuracy at least {train}. Generalised: test accuracy at least \
         {test}. Comprehension: generalised less than {gap} steps after memorising; grokking: {gap} steps or more after it; memorisation: memorised only; \
         confusion: neither. Median {time}: Kaplan–Meier, runs without it censored at their end; interval: {level} %.",
        time = phase.time,
        crossing = phase.crossing,
        budget = count(phase.budget),
        train = short(phase.train_level),
        test = short(phase.test_level),
        gap = count(phase.gap),
        level = short(phase.confidence * 100.0),
    )
}

/// The figure in words.
fn description(phase: &Phase) -> String {
    let (nx, ny) = phase.size();
    let mut out = format!("Phase diagram of {} by {}, {nx} × {ny} cells. {}.", phase.y.name, phase.x.name, subtitle(phase));
    let grid = phase.grid();
    let cells = || grid.iter().flatten().flatten();
    for (i, (name, _)) in STATES.iter().chain(&[("diverged", 'D')]).enumerate() {
        let _ = write!(out, " Mostly {name}: {} cells.", cells().filter(|c| c.majority() == Some(i)).count());
    }
    let _ = write!(out, " Median not reached: {} cells. {}", cells().filter(|c| c.time().is_none()).count(), caption(phase));
    out
}
