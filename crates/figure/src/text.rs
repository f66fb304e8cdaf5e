//! Pictures in a terminal: training curves as lines of text, and phase diagrams as grids of letters.
//!
//! Curves are drawn with Unicode braille, two by four dots to a character, or with plain ASCII. The caller decides on size and colour (`NO_COLOR`, whether there
//! is a terminal at all) and puts the lines on the screen; drawing a few hundred points takes about a tenth of a millisecond.

use crate::RunCurves;
use crate::band::clean;
use crate::format::{Label, count, short, step_decade};
use crate::scale::{StepAxis, YAxis};

mod phase;

pub use phase::phase;

/// Columns left of the axis.
const GUTTER: usize = 6;
/// Least plot that is worth drawing, in characters.
const LEAST: (usize, usize) = (16, 3);

/// A chart of one run, of accuracy above loss, on a logarithmic step axis.
///
/// ```
/// use pennydrop_figure::{RunCurves, text::Chart};
/// let run = RunCurves { test_acc: vec![(1.0, 0.0), (100.0, 0.0), (1000.0, 1.0)], steps: 1000.0, ..RunCurves::default() };
/// let lines = Chart { width: 60, height: 12, ..Chart::default() }.lines(&run);
/// assert_eq!(lines.len(), 12);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Columns.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// ASCII only, for terminals and logs without Unicode.
    pub ascii: bool,
    /// ANSI colours (256-colour codes).
    pub colour: bool,
    /// First line; cut to the width.
    pub title: String,
    /// Accuracy of guessing, in 0..=1: a dotted line.
    pub chance: Option<f64>,
}

impl Default for Chart {
    fn default() -> Self {
        Chart { width: 80, height: 24, ascii: false, colour: false, title: String::new(), chance: None }
    }
}

/// What a character stands for, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ink {
    Plain,
    Dim,
    Train,
    Test,
}

impl Ink {
    /// 256-colour codes near Okabe and Ito's sky blue and vermilion, readable on dark and on light.
    fn code(self) -> &'static str {
        match self {
            Ink::Plain => "",
            Ink::Dim => "\x1b[38;5;245m",
            Ink::Train => "\x1b[38;5;32m",
            Ink::Test => "\x1b[38;5;166m",
        }
    }
}

/// A line under construction: characters with their inks.
type Line = Vec<(char, Ink)>;

fn put(line: &mut Line, at: usize, text: &str, ink: Ink) {
    for (i, c) in text.chars().enumerate() {
        if let Some(cell) = line.get_mut(at + i) {
            *cell = (c, ink);
        }
    }
}

/// Which curve of a panel, with its ink.
struct Trace<'a> {
    name: &'static str,
    ink: Ink,
    points: &'a [(f64, f64)],
}

/// A rectangle of characters, as dots: one layer for train, one for test.
struct Canvas {
    columns: usize,
    rows: usize,
    layers: [Vec<u8>; 2],
}

/// Bits of the braille pattern (Unicode block U+2800) by row and column of a character.
const BRAILLE: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

impl Canvas {
    fn dot(&mut self, layer: usize, x: i64, y: i64, dashed: bool) {
        let inside = x >= 0 && y >= 0 && (x as usize) < 2 * self.columns && (y as usize) < 4 * self.rows;
        // Dashes of one character's width and height, whichever way the curve goes.
        if inside && !(dashed && (x + y).rem_euclid(4) >= 2) {
            let (x, y) = (x as usize, y as usize);
            self.layers[layer][y / 4 * self.columns + x / 2] |= BRAILLE[y % 4][x % 2];
        }
    }

    fn segment(&mut self, layer: usize, from: (i64, i64), to: (i64, i64), dashed: bool) {
        let n = (to.0 - from.0).abs().max((to.1 - from.1).abs());
        for i in 0..=n {
            let along = |a: i64, b: i64| if n == 0 { a } else { a + ((b - a) * i * 2 + n).div_euclid(2 * n) };
            self.dot(layer, along(from.0, to.0), along(from.1, to.1), dashed);
        }
    }
}

impl Chart {
    /// The chart as exactly `height` lines of at most `width` columns each (colour codes not counted).
    ///
    /// From the top: the title; accuracy with the last values and the two times; loss (logarithmic) if there is room for it; the step axis. In a chart too
    /// small for a plot, the title and the values remain. Train is dashed, test solid (in ASCII `+` and `*`, `#` where both are).
    pub fn lines(&self, run: &RunCurves) -> Vec<String> {
        let mut out: Vec<Line> = Vec::with_capacity(self.height);
        let blank = |w: usize| vec![(' ', Ink::Plain); w];
        let curves = [&run.train_acc, &run.test_acc, &run.train_loss, &run.test_loss].map(|p| clean(p));
        let pair = |i: usize| [Trace { name: "train", ink: Ink::Train, points: &curves[i] }, Trace { name: "test", ink: Ink::Test, points: &curves[i + 1] }];
        let has = |i: usize| !curves[i].is_empty() || !curves[i + 1].is_empty();

        let mut title = blank(self.width);
        put(&mut title, 0, &self.title.replace(|c: char| c.is_control() || self.ascii && !c.is_ascii(), " "), Ink::Plain);
        if !self.title.is_empty() {
            out.push(title);
        }
        // Rows left for plots: one heading a panel, the axis and its labels.
        let rows = |panels: usize| self.height.saturating_sub(out.len() + panels + 2);
        let wide = self.width >= GUTTER + LEAST.0;
        let two = has(0) && has(2) && rows(2) >= 2 * LEAST.1 + 2;
        let panels: Vec<(bool, usize)> = match (wide, two) {
            (true, true) => vec![(false, rows(2) - rows(2) * 2 / 5), (true, rows(2) * 2 / 5)],
            (true, false) if rows(1) >= LEAST.1 => vec![(has(2) && !has(0), rows(1))],
            _ => Vec::new(),
        };
        let columns = self.width.saturating_sub(GUTTER + 1);
        let axis = self.axis(run, &curves, columns);
        for (loss, rows) in &panels {
            let traces = pair(if *loss { 2 } else { 0 });
            let y = if *loss { YAxis::fit(traces.iter().flat_map(|t| t.points).map(|p| p.1), true) } else { YAxis::Linear(0.0, 1.0) };
            out.push(self.heading(if *loss { "loss" } else { "accuracy" }, &traces, if out.len() <= 1 { Some(run) } else { None }));
            out.extend(self.plot(run, &traces, &axis, y, columns, *rows));
        }
        if panels.is_empty() {
            out.push(self.heading(if has(0) || !has(2) { "accuracy" } else { "loss" }, &pair(if has(0) || !has(2) { 0 } else { 2 }), Some(run)));
        } else {
            out.extend(self.axis_lines(&axis, columns));
        }
        out.resize(self.height, blank(0));
        out.iter().map(|l| self.finish(l)).collect()
    }

    fn pick(&self, unicode: char, ascii: char) -> char {
        if self.ascii { ascii } else { unicode }
    }

    /// The step axis in dots.
    fn axis(&self, run: &RunCurves, curves: &[Vec<(f64, f64)>; 4], columns: usize) -> StepAxis {
        let steps = curves.iter().flatten().map(|p| p.0).chain(run.t_mem).chain(run.t_grok).chain((run.steps > 0.0).then_some(run.steps));
        StepAxis::with_slot(steps, 0.0, (2 * columns).saturating_sub(1) as f64, 1.0, 7.0)
    }

    fn heading(&self, name: &str, traces: &[Trace], times: Option<&RunCurves>) -> Line {
        let mut line = vec![(' ', Ink::Plain); self.width];
        let mut at = 0;
        // What does not fit is left out: a number that is cut is a wrong number.
        let mut add = |text: &str, ink: Ink| {
            let n = text.chars().count();
            if at + n <= self.width {
                put(&mut line, at, text, ink);
                at += n;
            }
        };
        add(name, Ink::Plain);
        for t in traces.iter().filter(|t| !t.points.is_empty()) {
            let sample = match (self.ascii, t.ink) {
                (true, Ink::Train) => "+ ",
                (true, _) => "* ",
                (false, Ink::Train) => "╌╌ ",
                (false, _) => "── ",
            };
            let last = t.points.last().map_or(f64::NAN, |p| p.1);
            let value = if name == "accuracy" && last.is_finite() { format!("{last:.3}") } else { short(last) };
            add(&format!("  {sample}{} {}", t.name, self.words(&value)), t.ink);
        }
        if let Some(run) = times {
            let time = |t: Option<f64>| t.map_or(self.pick('–', '-').to_string(), |t| self.words(&count(t)));
            add(&format!("   t_mem {}", time(run.t_mem)), Ink::Train);
            add(&format!("  t_grok {}", time(run.t_grok)), Ink::Test);
        }
        line
    }

    /// A number in the characters of a terminal, where it may be copied from: a plain minus sign.
    fn words(&self, s: &str) -> String {
        let s = s.replace('−', "-");
        if self.ascii { s.replace('∞', "inf") } else { s }
    }

    fn plot(&self, run: &RunCurves, traces: &[Trace; 2], axis: &StepAxis, y: YAxis, columns: usize, rows: usize) -> Vec<Line> {
        let mut canvas = Canvas { columns, rows, layers: [vec![0; columns * rows], vec![0; columns * rows]] };
        let dots = (4 * rows - 1) as f64;
        for (layer, trace) in traces.iter().enumerate() {
            let mut last: Option<(i64, i64)> = None;
            for (step, value) in trace.points {
                let here = axis.px(*step).zip(y.frac(*value)).map(|(x, f)| (x.round() as i64, ((1.0 - f.clamp(0.0, 1.0)) * dots).round() as i64));
                if let Some(to) = here {
                    canvas.segment(layer, last.unwrap_or(to), to, trace.ink == Ink::Train && last.is_some());
                }
                last = here;
            }
        }
        let row_of = |f: f64| (((1.0 - f.clamp(0.0, 1.0)) * dots).round() as usize / 4).min(rows - 1);
        let chance = self.chance.filter(|_| matches!(y, YAxis::Linear(..))).and_then(|c| y.frac(c)).map(row_of);
        let column = |t: Option<f64>| t.and_then(|t| axis.px(t)).map(|x| x.round() as usize / 2);
        let (mem, grok) = (column(run.t_mem), column(run.t_grok));
        let mut lines: Vec<Line> = Vec::with_capacity(rows);
        for row in 0..rows {
            let mut line = vec![(' ', Ink::Plain); GUTTER + 1 + columns];
            line[GUTTER] = (self.pick('│', '|'), Ink::Dim);
            for c in 0..columns {
                let [train, test] = [0, 1].map(|k| canvas.layers[k][row * columns + c]);
                line[GUTTER + 1 + c] = match (train, test) {
                    (0, 0) if grok == Some(c) => (self.pick('┊', ':'), Ink::Test),
                    (0, 0) if mem == Some(c) => (self.pick('┊', ':'), Ink::Train),
                    (0, 0) if chance == Some(row) => (self.pick('┈', '.'), Ink::Dim),
                    (0, 0) => continue,
                    (a, b) => {
                        let plain = if b == 0 {
                            '+'
                        } else if a == 0 {
                            '*'
                        } else {
                            '#'
                        };
                        let braille = char::from_u32(0x2800 + u32::from(a | b)).unwrap_or(plain);
                        (self.pick(braille, plain), if b == 0 { Ink::Train } else { Ink::Test })
                    }
                };
            }
            lines.push(line);
        }
        let (ticks, _) = match y {
            YAxis::Linear(..) => (vec![(1.0, Label::Plain("1".into())), (0.5, Label::Plain("0.5".into())), (0.0, Label::Plain("0".into()))], Vec::new()),
            YAxis::Log(..) => y.ticks(rows as f64, 2.0),
        };
        for (f, label) in ticks {
            let text = match label {
                Label::Plain(s) => self.words(&s),
                Label::Power(e) => format!("1e{e}"),
            };
            let line = &mut lines[row_of(f)];
            put(line, (GUTTER - 1).saturating_sub(text.chars().count()), &text, Ink::Dim);
            line[GUTTER] = (self.pick('┤', '+'), Ink::Dim);
        }
        lines
    }

    fn axis_lines(&self, axis: &StepAxis, columns: usize) -> [Line; 2] {
        let mut rule = vec![(' ', Ink::Plain); GUTTER + 1 + columns];
        let mut names = rule.clone();
        rule[GUTTER] = (self.pick('└', '+'), Ink::Dim);
        rule[GUTTER + 1..].fill((self.pick('─', '-'), Ink::Dim));
        if axis.zero.is_some() {
            // The break between step 0 and the logarithmic part.
            put(&mut rule, GUTTER + 3, &self.pick('╱', '/').to_string(), Ink::Dim);
        }
        let (major, _) = axis.ticks(14.0);
        let unit = "step";
        let mut free = GUTTER;
        for (x, label) in major {
            let at = GUTTER + 1 + x.round() as usize / 2;
            let text = match label {
                Label::Plain(s) => self.words(&s),
                Label::Power(e) => step_decade(e),
            };
            let from = (at - text.chars().count() / 2).max(GUTTER);
            if from < free || from + text.chars().count() > GUTTER + 1 + columns {
                continue;
            }
            put(&mut rule, at, &self.pick('┴', '+').to_string(), Ink::Dim);
            put(&mut names, from, &text, Ink::Dim);
            free = from + text.chars().count() + 1;
        }
        let end = GUTTER + 1 + columns;
        if free + 1 + unit.len() <= end {
            put(&mut names, end - unit.len(), unit, Ink::Dim);
        }
        [rule, names]
    }

    /// A line as text, cut to the width, without trailing spaces, with colour codes where the ink changes.
    fn finish(&self, line: &[(char, Ink)]) -> String {
        let line = &line[..line.len().min(self.width)];
        let end = line.iter().rposition(|c| c.0 != ' ').map_or(0, |i| i + 1);
        let mut out = String::with_capacity(end * 3);
        let mut ink = Ink::Plain;
        for (c, of) in &line[..end] {
            if self.colour && *of != ink && *c != ' ' {
                if ink != Ink::Plain {
                    out.push_str("\x1b[0m");
                }
                out.push_str(of.code());
                ink = *of;
            }
            out.push(*c);
        }
        if ink != Ink::Plain {
            out.push_str("\x1b[0m");
        }
        out
    }
}
