//! Survival curves of several groups of runs, with the numbers that belong to them, and a tournament's restricted means under them.

use crate::colour::GROUPS;
use crate::format::count;
use crate::page::{self, Document, LEFT, RIGHT, Source};
use crate::panel::{Curve, GREY, INK, LABEL, Panel, ROW, Style, TICK};
use crate::scale::{StepAxis, YAxis, drawable};
use crate::svg::{Anchor, Svg, plain, px, spread, symbols, width, wrap};
use crate::{Points, SurvivalPoint};
use std::fmt::Write;

mod labels;
mod restricted;
mod tables;

pub use restricted::{Estimate, Restricted};

/// Groups that a figure can tell apart: there are no more colours and dashes.
pub(crate) const MOST_GROUPS: usize = GROUPS.len();

/// The Kaplan–Meier curve of one group of runs, computed elsewhere.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SurvivalGroup {
    /// The group's name.
    pub name: String,
    /// The value after each jump, in order of time; before the first it is 1.
    pub curve: Vec<SurvivalPoint>,
    /// Times at which runs were censored.
    pub censored: Vec<f64>,
    /// Median time; `None` if the curve does not come down to one half.
    pub median: Option<f64>,
    /// Confidence interval of the median; an infinite upper end means that it was not reached.
    pub interval: Option<(f64, f64)>,
    /// Number of runs, censored ones included.
    pub n: usize,
    /// Number of runs whose time was seen.
    pub events: usize,
}

/// How a figure of survival curves is made.
#[derive(Debug, Clone, PartialEq)]
pub struct SurvivalOptions {
    /// Headline, at most two lines of which are drawn.
    pub title: String,
    /// Name of the horizontal axis.
    pub x_label: String,
    /// Name of the vertical axis.
    pub y_label: String,
    /// Lines under the tables, such as a log-rank p.
    pub note: Vec<String>,
    /// Time up to which the runs were watched: the axis reaches at least this far, and a line stands there.
    pub horizon: Option<f64>,
    /// Confidence level of bands and intervals, in 0..=1.
    pub confidence: f64,
    /// Width in pixels, 320 at least.
    pub width: f64,
    /// Height of the panel in pixels, 100 at least.
    pub panel_height: f64,
    /// Panels of restricted means under the curves, one a unit; empty for none.
    pub restricted: Vec<Restricted>,
    /// Where the data come from.
    pub source: Source,
}

impl Default for SurvivalOptions {
    fn default() -> Self {
        SurvivalOptions {
            title: String::new(),
            x_label: "training step (log scale)".into(),
            y_label: "share of runs not yet there".into(),
            note: Vec::new(),
            horizon: None,
            confidence: 0.95,
            width: 640.0,
            panel_height: 220.0,
            restricted: Vec::new(),
            source: Source::default(),
        }
    }
}

impl SurvivalGroup {
    /// The jumps that can be drawn, in order of time.
    fn jumps(&self) -> Vec<SurvivalPoint> {
        let mut out: Vec<_> = self.curve.iter().copied().filter(|p| p.time >= 0.0 && drawable(p.time) && p.survival.is_finite()).collect();
        out.sort_by(|a, b| a.time.total_cmp(&b.time));
        out
    }

    /// Last time that anything is known of.
    fn end(&self) -> f64 {
        self.curve.iter().map(|p| p.time).chain(self.censored.iter().copied()).filter(|t| drawable(*t)).fold(0.0, f64::max)
    }

    /// Runs still under observation just before `time`, worked out from the curve: a jump from S to S' among r runs is r (1 − S'/S) events.
    fn at_risk(&self, time: f64) -> usize {
        let mut gone = 0.0;
        let mut level = 1.0;
        let censored_before = |t: f64| self.censored.iter().filter(|c| **c < t).count() as f64;
        for p in self.jumps().iter().take_while(|p| p.time < time) {
            let risk = self.n as f64 - gone - censored_before(p.time);
            if level > 0.0 && p.survival < level {
                gone += (risk * (1.0 - p.survival / level)).round().max(0.0);
            }
            level = p.survival;
        }
        (self.n as f64 - gone - censored_before(time)).max(0.0) as usize
    }
}

/// Style of a group.
pub(crate) fn style(group: usize) -> Style {
    GROUPS[group % MOST_GROUPS]
}

/// Draws the survival curves of one to eight groups (further ones are left out, and a note says so).
///
/// Groups differ by colour and by dashes and are named at their curves. Under the panel: how many runs of each group were still at risk at the labelled
/// times, then n, events and the median with its interval, then the notes. With [`SurvivalOptions::restricted`] a panel of restricted means follows for each
/// unit, as a matched tournament wants them. Bands and censored runs (`+`) are drawn; every input gives well-formed SVG.
pub fn survival_svg(groups: &[SurvivalGroup], options: &SurvivalOptions) -> String {
    let width_px = page::width(options.width);
    let prefix = page::prefix(options.source.words("survival", &options.title));
    let shown = &groups[..groups.len().min(MOST_GROUPS)];
    let mut body = Svg::default();
    let mut y = page::title(&mut body, &options.title, 10.0, width_px);
    let end = labels::room(shown, width_px);
    let times = shown.iter().flat_map(|g| g.curve.iter().map(|p| p.time).chain(g.censored.iter().copied()).chain(g.median)).chain(options.horizon);
    let axis = StepAxis::new(times, LEFT, width_px - RIGHT - end);

    y += ROW;
    let mut head = 0.0;
    if !options.restricted.is_empty() {
        body.text(LEFT, y - 2.0, LABEL, Anchor::Start, &format!(r#"fill="{INK}" font-weight="bold""#), &plain("a"));
        head = 14.0;
    }
    for (i, line) in wrap(&options.y_label, (width_px - LEFT - RIGHT - head) / LABEL, 2, crate::svg::em).into_iter().enumerate() {
        y += if i == 0 { 0.0 } else { ROW };
        body.text(LEFT + head, y - 2.0, LABEL, Anchor::Start, &format!(r#"fill="{INK}""#), &symbols(&line));
    }
    y += 6.0;
    let horizon = options.horizon.filter(|h| *h > 0.0 && drawable(*h)).and_then(|h| Some((axis.px(h)?, h)));
    if let Some((x, h)) = horizon {
        y += 11.0;
        let text = format!("horizon {}", count(h));
        let half = width(&text, TICK) / 2.0;
        body.text(x.min(width_px - RIGHT - half).max(LEFT + half), y - 3.5, TICK, Anchor::Middle, &format!(r#"fill="{GREY}""#), &plain(text));
    }
    let height = if options.panel_height.is_finite() { options.panel_height.clamp(100.0, 10_000.0) } else { 220.0 };
    let panel = Panel { x: &axis, y: YAxis::SHARE, top: y, bottom: y + height };
    if let Some((x, _)) = horizon {
        body.line(x, panel.top, x, panel.bottom, r##"stroke="#666666" stroke-width="0.8" stroke-dasharray="1.2 2.4""##);
    }
    panel.frame(&mut body, true);
    let defs = curves(&mut body, &panel, shown, &prefix);
    let letters = labels::draw(&mut body, &panel, shown, width_px - RIGHT);
    if shown.is_empty() {
        let style = format!(r#"fill="{GREY}""#);
        body.text((axis.x0 + axis.x1) / 2.0, (panel.top + panel.bottom) / 2.0, LABEL, Anchor::Middle, &style, &plain("no groups"));
    }
    y = panel.bottom + 30.0;
    let name = wrap(&options.x_label, (width_px - LEFT - RIGHT) / LABEL, 1, crate::svg::em).concat();
    let middle = ((axis.x0 + axis.x1) / 2.0).max(LEFT + width(&name, LABEL) / 2.0);
    body.text(middle, y, LABEL, Anchor::Middle, &format!(r#"fill="{INK}""#), &plain(name));
    y = tables::at_risk(&mut body, &axis, shown, letters, y + 8.0);
    y = tables::summary(&mut body, shown, options, letters, y + 4.0, width_px);
    y = restricted::panels(&mut body, shown, &options.restricted, y, width_px);
    for note in &options.note {
        y = page::words(&mut body, note, (LEFT, width_px - RIGHT), y + 2.0, TICK, 4);
    }
    let mut notes = Vec::new();
    if groups.len() > shown.len() {
        notes.push(format!("{} groups more than can be told apart are left out", groups.len() - shown.len()));
    }
    y = options.source.footer(&mut body, &notes, y + 8.0, width_px);
    let title = if options.title.is_empty() { "Survival curves" } else { &options.title };
    page::document(&Document {
        prefix: &prefix,
        title,
        desc: &description(groups, options),
        command: &options.source.command,
        metadata: &options.source.metadata(),
        defs: &defs,
        body: &body.out,
        size: (width_px, y + 8.0),
    })
}

/// Step line and band of a group: each jump is two points at one step.
fn steps(group: &SurvivalGroup, first: f64) -> Curve {
    let mut line: Points = vec![(first, 1.0)];
    let mut band = vec![(first, 1.0, 1.0)];
    let (mut level, mut low, mut high) = (1.0, 1.0, 1.0);
    for p in group.jumps() {
        line.push((p.time, level));
        band.push((p.time, low, high));
        (level, low, high) = (p.survival, p.low, p.high);
        line.push((p.time, level));
        band.push((p.time, low, high));
    }
    // Where nobody is left there is nothing more to know.
    if level > 0.0 {
        let end = group.end().max(first);
        line.push((end, level));
        band.push((end, low, high));
    }
    Curve { name: group.name.clone(), line, band, ..Curve::default() }
}

/// The bands, the lines, the censored runs; returns the clip path that they need.
fn curves(svg: &mut Svg, panel: &Panel, groups: &[SurvivalGroup], prefix: &str) -> String {
    let clip = format!("{prefix}-clip");
    let first = first(panel.x);
    let all: Vec<Curve> = groups.iter().enumerate().map(|(i, g)| Curve { style: style(i), ..steps(g, first) }).collect();
    if !all.is_empty() {
        panel.curves(svg, &all, &clip);
    }
    for (i, (group, curve)) in groups.iter().zip(&all).enumerate() {
        let mut ticks = String::new();
        let mut last = f64::NEG_INFINITY;
        let mut censored: Vec<f64> = group.censored.iter().copied().filter(|t| drawable(*t)).collect();
        censored.sort_by(f64::total_cmp);
        for t in censored {
            let level = curve.line.iter().rev().find(|p| p.0 <= t).map_or(1.0, |p| p.1);
            // Thousands of runs end at one step; more than one tick a pixel does not show.
            if let Some((x, y)) = panel.at(t, level).filter(|p| p.0 - last >= 1.0) {
                let _ = write!(ticks, "M{} {}v7M{} {}h7", px(x), px(y - 3.5), px(x - 3.5), px(y));
                last = x;
            }
        }
        svg.path(&ticks, &format!(r#"fill="none" stroke="{}" stroke-width="1.1""#, style(i).colour));
        if let Some((x, y)) = group.median.and_then(|m| panel.at(m, 0.5)) {
            svg.raw(&format!(r##"<circle cx="{}" cy="{}" r="2.6" fill="#FFFFFF" stroke="{}" stroke-width="1.2"/>"##, px(x), px(y), style(i).colour));
        }
    }
    format!(
        r#"<clipPath id="{clip}"><rect x="{}" y="{}" width="{}" height="{}"/></clipPath>"#,
        px(panel.x.x0 - 2.0),
        px(panel.top - 1.0),
        px(panel.x.x1 - panel.x.x0 + 4.0),
        px(panel.bottom - panel.top + 2.0)
    )
}

/// The step at the left end of an axis.
fn first(axis: &StepAxis) -> f64 {
    if axis.zero.is_some() { 0.0 } else { libm::pow(10.0, axis.lo) }
}

/// "6,100 [5,200–7,400]".
fn median(group: &SurvivalGroup) -> String {
    let Some(median) = group.median.filter(|m| drawable(*m)) else {
        let low = group.interval.map(|i| i.0).filter(|l| drawable(*l)).map_or(String::new(), |l| format!(" [{}–∞]", count(l)));
        return format!("not reached{low}");
    };
    let interval = group.interval.filter(|i| drawable(i.0)).map_or(String::new(), |i| format!(" [{}–{}]", count(i.0), count(i.1)));
    format!("{}{interval}", count(median))
}

/// The figure in words.
fn description(groups: &[SurvivalGroup], options: &SurvivalOptions) -> String {
    let mut out = format!("Survival curves of {} groups: {}.", groups.len(), options.y_label);
    for g in groups {
        let _ = write!(out, " {}: {} runs, {} events, median {}.", g.name, g.n, g.events, median(g));
    }
    for r in &options.restricted {
        for (g, e) in groups.iter().zip(&r.values) {
            let _ = write!(out, " {}, {}: {}.", r.label, g.name, e.as_ref().map_or("unknown".into(), restricted::words));
        }
    }
    for note in &options.note {
        let _ = write!(out, " {note}");
    }
    out
}

/// Centres for names at the right edge, each as near as can be to `(y, index)`, between `lo` and `hi`.
pub(crate) fn stack(wanted: &mut [(f64, usize)], lo: f64, hi: f64, height: f64) -> Vec<f64> {
    wanted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    spread(&wanted.iter().map(|w| (w.0, height)).collect::<Vec<_>>(), lo, hi, 0.0)
}
