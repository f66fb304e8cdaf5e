//! A law: how a time depends on a quantity, with fitted curves, their residuals and their held-out errors.

use crate::colour::GROUPS;
use crate::format::{count, short};
use crate::page::{self, Document, LEFT, RIGHT, Source};
use crate::panel::{GREY, INK, LABEL, Panel, ROW, Style, TICK};
use crate::scale::{StepAxis, drawable};
use crate::svg::{Anchor, Svg, em, plain, px, symbols, width, wrap};
use std::fmt::Write;

mod parts;

/// Fits whose residuals are drawn at most.
const MOST_RESIDUALS: usize = 3;
/// Single events that are drawn at most; of more, every k-th is.
const MOST_EVENTS: usize = 4000;

/// The runs of one value of the quantity, summarised.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LawPoint {
    /// The quantity.
    pub x: f64,
    /// Median time (Kaplan–Meier); `None` if it was not reached.
    pub median: Option<f64>,
    /// Lower end of the median's interval, if it is known.
    pub low: Option<f64>,
    /// Upper end of the median's interval; `None` or infinite if it was not reached.
    pub high: Option<f64>,
    /// Number of runs.
    pub n: usize,
    /// How many of them were censored.
    pub censored: usize,
    /// Time up to which the runs were watched; a median that was not reached is drawn here, as an arrow.
    pub end: f64,
}

/// A fitted curve.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LawFit {
    /// Name at the curve.
    pub name: String,
    /// Formula with its numbers.
    pub formula: String,
    /// The curve, in order of x.
    pub curve: Vec<(f64, f64)>,
    /// Its held-out error, in words.
    pub note: String,
    /// Whether this is a null law, against which the others are judged: drawn in grey.
    pub null: bool,
    /// Whether its residuals are drawn; the first three that ask for it have a panel.
    pub residuals: bool,
}

/// What a figure of a law shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LawPicture {
    /// Name of the quantity.
    pub x: String,
    /// Name of the time (a `t_` starts a subscript).
    pub y: String,
    /// The summaries.
    pub points: Vec<LawPoint>,
    /// Single times behind them, as `(x, time)`; may be empty.
    pub events: Vec<(f64, f64)>,
    /// The fits, nulls among them.
    pub fits: Vec<LawFit>,
}

/// How a figure of a law is made.
#[derive(Debug, Clone, PartialEq)]
pub struct LawOptions {
    /// Headline, at most two lines of which are drawn.
    pub title: String,
    /// Width in pixels, 320 at least.
    pub width: f64,
    /// Height of the upper panel in pixels, 100 at least.
    pub panel_height: f64,
    /// Whether the horizontal axis is logarithmic; the vertical one always is.
    pub log_x: bool,
    /// What the notes of the fits are: the head of their column.
    pub note_label: String,
    /// Confidence level of the intervals, in 0..=1.
    pub confidence: f64,
    /// Lines under the table.
    pub notes: Vec<String>,
    /// Where the data come from.
    pub source: Source,
}

impl Default for LawOptions {
    fn default() -> Self {
        LawOptions {
            title: String::new(),
            width: 640.0,
            panel_height: 230.0,
            log_x: true,
            note_label: "held-out error".into(),
            confidence: 0.95,
            notes: Vec::new(),
            source: Source::default(),
        }
    }
}

impl LawPoint {
    /// A median that can be drawn.
    fn time(&self) -> Option<f64> {
        self.median.filter(|m| *m > 0.0 && drawable(*m))
    }

    /// An end of the interval that can be drawn.
    fn end_of(&self, end: Option<f64>) -> Option<f64> {
        end.filter(|e| *e > 0.0 && drawable(*e))
    }

    /// Where the arrow of a median that was not reached begins.
    fn beyond(&self) -> Option<f64> {
        Some(self.end).filter(|e| *e > 0.0 && drawable(*e)).or(self.end_of(self.low))
    }
}

impl LawFit {
    /// The curve at x, interpolated in the logarithm of the time and in x or its logarithm; `None` outside the curve.
    fn at(&self, x: f64, log_x: bool) -> Option<f64> {
        let place = |x: f64| if log_x { libm::log(x) } else { x };
        let after = self.curve.partition_point(|p| p.0 < x);
        let next = self.curve.get(after)?;
        if next.0 == x {
            return Some(next.1).filter(|y| *y > 0.0 && drawable(*y));
        }
        let before = self.curve.get(after.checked_sub(1)?)?;
        let w = (place(x) - place(before.0)) / (place(next.0) - place(before.0));
        let y = libm::exp(libm::log(before.1) + (libm::log(next.1) - libm::log(before.1)) * w);
        Some(y).filter(|y| *y > 0.0 && drawable(*y))
    }
}

/// Style of each fit: laws in the palette's colours, nulls in grey, all with their own dashes.
fn styles(fits: &[LawFit]) -> Vec<Style> {
    const NULLS: [&str; 4] = ["1.2 2.4", "5 2 1.2 2", "7 3", "3 3"];
    let (mut laws, mut nulls) = (0, 0);
    fits.iter()
        .map(|f| {
            if f.null {
                nulls += 1;
                Style { colour: "#7A7A7A", dash: NULLS[(nulls - 1) % NULLS.len()] }
            } else {
                laws += 1;
                // The last of the groups is a grey, which belongs to the nulls here.
                GROUPS[(laws - 1) % (GROUPS.len() - 1)]
            }
        })
        .collect()
}

/// Draws times against a quantity on logarithmic axes (or a linear one below), with fitted curves.
///
/// Upper panel: medians with intervals, an open arrow upward where the median was not reached, single times faintly behind; laws in colour, nulls in grey,
/// each with its own dashes and named at its right end. Below it the residuals ln T − ln fit of up to three fits on one scale, then a table of formulas and
/// held-out errors. Every input gives well-formed SVG.
pub fn law_svg(law: &LawPicture, options: &LawOptions) -> String {
    let width_px = page::width(options.width);
    let prefix = page::prefix(options.source.words("law", &options.title));
    let styles = styles(&law.fits);
    let mut body = Svg::default();
    let mut y = page::title(&mut body, &options.title, 10.0, width_px);
    y = page::words(&mut body, &subtitle(law, options), (LEFT, width_px - RIGHT), y, LABEL, 3);
    let room = parts::room(&law.fits, width_px);
    let xs = law.points.iter().map(|p| p.x).chain(law.events.iter().map(|e| e.0));
    let (x0, x1) = (LEFT, width_px - RIGHT - room);
    // A logarithmic axis here has no slot for 0, for a power law has no value there.
    let axis = if options.log_x { StepAxis::new(xs.filter(|x| *x > 0.0), x0, x1).with_air(0.05) } else { StepAxis::linear(xs, x0, x1) };

    let shown: Vec<usize> = (0..law.fits.len()).filter(|i| law.fits[*i].residuals).take(MOST_RESIDUALS).collect();
    y = heading(&mut body, "a", &law.y, y);
    let height = if options.panel_height.is_finite() { options.panel_height.clamp(100.0, 10_000.0) } else { 230.0 };
    let panel = Panel { x: &axis, y: parts::range(law), top: y, bottom: y + height };
    panel.frame(&mut body, shown.is_empty());
    let mut clips = clip(&mut body, &panel, &format!("{prefix}-clip0"));
    parts::budget(&mut body, &panel, law);
    parts::events(&mut body, &panel, law);
    parts::fits(&mut body, &panel, law, &styles);
    body.raw("</g>");
    parts::points(&mut body, &panel, law);
    let letters = parts::names(&mut body, &panel, law, &styles, width_px - RIGHT);
    if law.points.is_empty() && law.events.is_empty() {
        let style = format!(r#"fill="{GREY}""#);
        body.text((x0 + x1) / 2.0, (panel.top + panel.bottom) / 2.0, LABEL, Anchor::Middle, &style, &plain("no runs"));
    }
    let mut bottom = panel.bottom;
    let scale = parts::residual_range(law, &shown, options.log_x);
    for (k, i) in shown.iter().enumerate() {
        let words = format!("residual ln T − ln fit: {}", law.fits[*i].name);
        let words = wrap(&words, (width_px - LEFT - RIGHT - 14.0) / LABEL, 1, em).concat();
        y = heading(&mut body, &char::from(b'b' + k as u8).to_string(), &words, bottom + 6.0);
        let panel = Panel { x: &axis, y: scale, top: y, bottom: y + (height * 0.28).max(52.0) };
        panel.frame(&mut body, k + 1 == shown.len());
        clips.push_str(&clip(&mut body, &panel, &format!("{prefix}-clip{}", k + 1)));
        parts::residuals(&mut body, &panel, law, *i, styles[*i], options.log_x);
        body.raw("</g>");
        bottom = panel.bottom;
    }
    y = bottom + 31.0;
    let scale = if options.log_x { " (log scale)" } else { "" };
    let name = wrap(&format!("{}{scale}", law.x), (width_px - LEFT - RIGHT) / LABEL, 1, em).concat();
    let middle = ((x0 + x1) / 2.0).max(LEFT + width(&name, LABEL) / 2.0);
    body.text(middle, y, LABEL, Anchor::Middle, &format!(r#"fill="{INK}""#), &symbols(&name));
    y = parts::table(&mut body, law, &styles, options, letters, y + 4.0, width_px);
    for note in &options.notes {
        y = page::words(&mut body, note, (LEFT, width_px - RIGHT), y + 2.0, TICK, 4);
    }
    y = options.source.footer(&mut body, &[], y + 8.0, width_px);
    let title = if options.title.is_empty() { "Law" } else { &options.title };
    page::document(&Document {
        prefix: &prefix,
        title,
        desc: &description(law, options),
        command: &options.source.command,
        metadata: &options.source.metadata(),
        defs: &clips,
        body: &body.out,
        size: (width_px, y + 8.0),
    })
}

/// Letter and name of a panel; returns the y at which it begins.
fn heading(svg: &mut Svg, letter: &str, words: &str, mut y: f64) -> f64 {
    y += ROW;
    svg.text(LEFT, y - 2.0, LABEL, Anchor::Start, &format!(r#"fill="{INK}" font-weight="bold""#), &plain(letter));
    svg.text(LEFT + 14.0, y - 2.0, LABEL, Anchor::Start, &format!(r#"fill="{INK}""#), &symbols(words));
    y + 5.0
}

/// Opens a group that is clipped to a panel; returns the clip path.
fn clip(svg: &mut Svg, panel: &Panel, id: &str) -> String {
    svg.raw(&format!(r#"<g clip-path="url(#{id})">"#));
    format!(
        r#"<clipPath id="{id}"><rect x="{}" y="{}" width="{}" height="{}"/></clipPath>"#,
        px(panel.x.x0),
        px(panel.top),
        px(panel.x.x1 - panel.x.x0),
        px(panel.bottom - panel.top)
    )
}

/// How many runs, how many censored, and what the marks are.
fn subtitle(law: &LawPicture, options: &LawOptions) -> String {
    let ns = || law.points.iter().map(|p| p.n);
    let n = match (ns().min(), ns().max()) {
        (Some(a), Some(b)) if a == b => format!("n = {} runs a point", count(a as f64)),
        (Some(a), Some(b)) => format!("n = {}–{} runs a point", count(a as f64), count(b as f64)),
        _ => return "no runs".into(),
    };
    let censored = law.points.iter().fold(0usize, |a, p| a.saturating_add(p.censored));
    let arrow = if law.points.iter().any(|p| p.time().is_none()) { " · open arrow: median not reached" } else { "" };
    format!("{n}, {} censored in all · median with {} % interval (Kaplan–Meier){arrow}", count(censored as f64), short(options.confidence * 100.0))
}

/// The figure in words.
fn description(law: &LawPicture, options: &LawOptions) -> String {
    let mut out = format!("{} against {}. {}.", law.y, law.x, subtitle(law, options));
    for p in law.points.iter().take(50) {
        let _ = match p.time() {
            Some(t) => write!(out, " At {}: {}.", short(p.x), count(t)),
            None => write!(out, " At {}: more than {}.", short(p.x), p.beyond().map_or("the budget".into(), count)),
        };
    }
    for f in &law.fits {
        let _ = write!(out, " {}{}: {}; {} {}.", f.name, if f.null { " (null)" } else { "" }, f.formula, options.note_label, f.note);
    }
    out
}
