//! The figure of training curves: what goes into which panel, and where everything stands.

use crate::band::{censored_median, clean, summarise};
use crate::format::{count, ratio, short};
use crate::page::{self, Document, FooterRow, LEFT, RIGHT};
use crate::panel::{Curve, Entry, GREY, INK, LABEL, Panel, ROW, Style, TEST, TICK, TRAIN, legend_row, legend_rows};
use crate::scale::{StepAxis, YAxis, drawable};
use crate::svg::{Anchor, Rich, Span, Svg, em, escape, plain, px, rich_width, spread, symbol, width, wrap};
use crate::{Options, Points, Role, RunCurves, Survival};
use std::fmt::Write;

/// Runs drawn singly behind their median at most: beyond this they are a smear, and the file is large.
const FAINT: usize = 20;
/// Height of the strip that names the phases.
const STRIP: f64 = 14.0;

/// A panel before it has a place.
struct Spec {
    label: String,
    y: YAxis,
    height: f64,
    curves: Vec<Curve>,
    legend: Vec<Entry>,
    kind: Kind,
}

#[derive(PartialEq)]
enum Kind {
    Curves,
    Accuracy,
    Survival,
}

/// A time of the figure: a vertical line through all panels and its words, or only the words where it lies beyond the end.
struct Mark {
    step: f64,
    reached: bool,
    style: Style,
    text: Rich,
    /// For narrow figures.
    short: Rich,
}

/// Draws one run, or several seeds of one setting as medians and bands, with a survival panel if `survival` holds any curve.
///
/// Panels, top to bottom, on one step axis: accuracy, loss (logarithmic), one per [`crate::ExtraPanel`], survival; a panel without data is left out.
/// Medians of several runs are pointwise; a run that ended early holds its last value (the footer says so). Up to 20 single runs are drawn faintly behind.
/// Without `survival`, the marked median of a time counts runs without it as later than their end, and is left out where that leaves it open.
/// Every input gives well-formed SVG: non-finite values are gaps, sizes are forced into range.
pub fn curves_svg(runs: &[RunCurves], survival: &[Survival], options: &Options) -> String {
    let width_px = page::width(options.width);
    let unit = if options.panel_height.is_finite() { options.panel_height.clamp(60.0, 10_000.0) } else { 150.0 };
    let axis = axis(runs, survival, width_px);
    let specs = specs(runs, survival, options, unit);
    let (marks, phases) = marks(runs, survival);
    let prefix = page::prefix([&options.title, &options.command].into_iter().chain(runs.iter().map(|r| &r.run_id)));
    let mut body = Svg::default();
    let mut clips = String::new();

    let mut y = heading(&mut body, runs, survival, options, width_px);
    let mut last_bottom = y;
    let mut shades = Svg::default();
    let mut lines = Svg::default();
    let mut panels = Svg::default();
    let count_of = specs.len();
    for (i, spec) in specs.iter().enumerate() {
        let letter = format!("{}", char::from(b'a' + (i % 26) as u8));
        let taken = 16.0 + width(&spec.label, LABEL) + 20.0;
        let rows = legend_rows(&spec.legend, taken, width_px - LEFT - RIGHT);
        y += ROW;
        panels.text(LEFT, y - 4.0, LABEL, Anchor::Start, &format!(r#"fill="{INK}" font-weight="bold""#), &plain(letter));
        panels.text(LEFT + 14.0, y - 4.0, LABEL, Anchor::Start, &format!(r#"fill="{INK}""#), &plain(spec.label.clone()));
        for (k, row) in rows.iter().enumerate() {
            y += if k == 0 { 0.0 } else { ROW };
            legend_row(&mut panels, row, width_px - RIGHT, y - 4.0);
        }
        y += 2.0;
        if i == 0 && !marks.is_empty() {
            y += mark_labels(&mut panels, &marks, &axis, y, width_px);
        }
        if i == 0 && !phases.is_empty() {
            strip(&mut shades, &phases, &axis, y);
            y += STRIP;
        }
        let panel = Panel { x: &axis, y: spec.y, top: y, bottom: y + spec.height };
        for m in marks.iter().filter(|m| m.reached) {
            // Not through the words between the panels.
            let top = if i == 0 && !phases.is_empty() { panel.top - STRIP } else { panel.top };
            if let Some(x) = axis.px(m.step) {
                lines.line(x, top, x, panel.bottom, &m.style.stroke(0.9));
            }
        }
        if spec.kind != Kind::Survival {
            for p in &phases {
                let (x0, x1) = p.span(&axis);
                shades.rect(x0, panel.top, x1 - x0, spec.height, &format!(r#"fill="{}" fill-opacity="{}""#, p.colour, p.opacity));
            }
        }
        let clip = format!("{prefix}-clip{i}");
        let _ = write!(
            clips,
            r#"<clipPath id="{clip}"><rect x="{}" y="{}" width="{}" height="{}"/></clipPath>"#,
            px(axis.x0 - 2.0),
            px(panel.top - 1.0),
            px(axis.x1 - axis.x0 + 4.0),
            px(spec.height + 2.0)
        );
        panel.frame(&mut panels, i + 1 == count_of);
        if let (Kind::Accuracy, Some(chance), false) = (&spec.kind, options.chance, spec.curves.is_empty())
            && let Some((_, at)) = panel.at(axis_any(&axis), chance)
        {
            panels.line(axis.x0, at, axis.x1, at, r##"stroke="#444444" stroke-width="0.9" stroke-dasharray="1.2 2.4""##);
        }
        if spec.kind == Kind::Survival {
            survival_curves(&mut panels, &panel, survival, &clip);
        } else {
            panel.curves(&mut panels, &spec.curves, &clip);
        }
        last_bottom = panel.bottom;
        y = panel.bottom + 8.0;
    }
    body.out.push_str(&shades.out);
    body.out.push_str(&lines.out);
    body.out.push_str(&panels.out);
    y = last_bottom + 32.0;
    body.text((axis.x0 + axis.x1) / 2.0, y, LABEL, Anchor::Middle, &format!(r#"fill="{INK}""#), &plain(options.x_label.clone()));
    y = footer(&mut body, runs, &specs, options, y + 10.0, width_px);
    document(&prefix, &body.out, &clips, runs, survival, options, width_px, y + 8.0)
}

/// Pixel (in the figure of these inputs) at which a step is drawn; `None` if the axis has no place for it.
pub fn step_x(runs: &[RunCurves], survival: &[Survival], options: &Options, step: f64) -> Option<f64> {
    let width_px = page::width(options.width);
    axis(runs, survival, width_px).px(step)
}

fn axis_any(axis: &StepAxis) -> f64 {
    libm::pow(10.0, axis.lo)
}

fn axis(runs: &[RunCurves], survival: &[Survival], width_px: f64) -> StepAxis {
    let of_runs = runs.iter().flat_map(|r| {
        let curves =
            [&r.train_acc, &r.test_acc, &r.train_loss, &r.test_loss].into_iter().chain(r.extra.iter().flat_map(|e| e.series.iter().map(|s| &s.points)));
        curves.flatten().map(|p| p.0).chain(r.t_mem).chain(r.t_grok).chain((r.steps > 0.0).then_some(r.steps))
    });
    let of_survival =
        survival.iter().flat_map(|s| s.curve.iter().map(|p| p.time).chain(s.censored.iter().copied()).chain(s.median).chain((s.end > 0.0).then_some(s.end)));
    StepAxis::new(of_runs.chain(of_survival), LEFT, width_px - RIGHT)
}

/// One curve of a panel from the same curve of every run.
fn curve(name: &str, style: Style, runs: Vec<&Points>, options: &Options, diverges: bool) -> Curve {
    let mut out = Curve { name: name.into(), style, ..Curve::default() };
    if let [one] = runs.as_slice() {
        out.line = clean(one);
        return out;
    }
    let s = summarise(&runs, options.band, diverges);
    (out.line, out.band, out.held) = (s.median, s.band, s.held);
    if runs.len() <= FAINT {
        out.faint = runs.iter().map(|r| clean(r)).collect();
    }
    out
}

fn specs(runs: &[RunCurves], survival: &[Survival], options: &Options, unit: f64) -> Vec<Spec> {
    let mut out = Vec::new();
    let pair = |train: fn(&RunCurves) -> &Points, test: fn(&RunCurves) -> &Points, diverges: bool| -> Vec<Curve> {
        let both = [("train", Role::Train, train), ("test", Role::Test, test)];
        let some = both.into_iter().filter(|b| runs.iter().any(|r| !(b.2)(r).is_empty()));
        some.map(|(name, role, get)| curve(name, Style::of(role, 0), runs.iter().map(get).filter(|p| !p.is_empty()).collect(), options, diverges)).collect()
    };
    let entries = |curves: &[Curve]| -> Vec<Entry> { curves.iter().map(|c| Entry { style: Some(c.style), text: plain(c.name.clone()) }).collect() };

    let accuracy = pair(|r| &r.train_acc, |r| &r.test_acc, false);
    let loss = pair(|r| &r.train_loss, |r| &r.test_loss, true);
    if !accuracy.is_empty() {
        let mut legend = entries(&accuracy);
        if let Some(chance) = options.chance.filter(|c| drawable(*c)) {
            legend.push(Entry { style: Some(Style { colour: "#444444", dash: "1.2 2.4" }), text: plain(format!("chance ({})", short(chance))) });
        }
        out.push(Spec { label: "accuracy".into(), y: YAxis::SHARE, height: unit, curves: accuracy, legend, kind: Kind::Accuracy });
    }
    if !loss.is_empty() {
        let legend = if out.is_empty() { entries(&loss) } else { Vec::new() };
        out.push(Spec { label: "loss".into(), y: fit(&loss, true), height: unit * 0.8, curves: loss, legend, kind: Kind::Curves });
    }
    let mut labels: Vec<(&str, bool)> = Vec::new();
    for e in runs.iter().flat_map(|r| &r.extra) {
        if !labels.iter().any(|l| l.0 == e.label) {
            labels.push((&e.label, e.log));
        }
    }
    for (label, log) in labels {
        let series: Vec<_> = runs.iter().flat_map(|r| &r.extra).filter(|e| e.label == label).flat_map(|e| &e.series).filter(|s| !s.points.is_empty()).collect();
        let mut names: Vec<(&str, Role)> = Vec::new();
        for s in &series {
            if !names.iter().any(|n| n.0 == s.name) {
                names.push((&s.name, s.role));
            }
        }
        let mut others = 0;
        let curves: Vec<Curve> = names
            .iter()
            .map(|(name, role)| {
                let style = Style::of(*role, others);
                others += usize::from(*role == Role::Other);
                curve(name, style, series.iter().filter(|s| s.name == *name).map(|s| &s.points).collect(), options, false)
            })
            .collect();
        if curves.is_empty() {
            continue;
        }
        // A single curve of the panel's own name needs no legend.
        let legend = if curves.len() == 1 && curves[0].name == label { Vec::new() } else { entries(&curves) };
        out.push(Spec { label: label.into(), y: fit(&curves, log), height: unit * 0.6, curves, legend, kind: Kind::Curves });
    }
    if !survival.is_empty() {
        let legend = survival.iter().enumerate().map(|(i, s)| Entry { style: Some(Style::of(s.role, i)), text: reached(s) }).collect();
        out.push(Spec { label: "share of runs not yet there".into(), y: YAxis::SHARE, height: unit * 0.7, curves: Vec::new(), legend, kind: Kind::Survival });
    }
    if out.is_empty() {
        out.push(Spec { label: "accuracy".into(), y: YAxis::SHARE, height: unit, curves: Vec::new(), legend: Vec::new(), kind: Kind::Accuracy });
    }
    out
}

fn fit(curves: &[Curve], log: bool) -> YAxis {
    YAxis::fit(
        curves.iter().flat_map(|c| c.line.iter().map(|p| p.1).chain(c.faint.iter().flatten().map(|p| p.1)).chain(c.band.iter().flat_map(|b| [b.1, b.2]))),
        log,
    )
}

/// "t_grok: 8 of 10, 2 censored".
fn reached(s: &Survival) -> Rich {
    let mut text = symbol(&s.name);
    let n = s.n.saturating_sub(s.censored.len());
    let tail = match s.censored.len() {
        0 => format!(": {n} of {}", s.n),
        c => format!(": {n} of {}, {c} censored (+)", s.n),
    };
    text.push(Span::Plain(tail));
    text
}

/// The title and the line under it; returns the y at which the panels begin.
fn heading(svg: &mut Svg, runs: &[RunCurves], survival: &[Survival], options: &Options, width_px: f64) -> f64 {
    let mut y = page::title(svg, &options.title, 10.0, width_px);
    let (t_mem, t_grok) = (symbol("t_mem"), symbol("t_grok"));
    let join = |parts: [Rich; 3]| parts.concat();
    let text = match runs {
        [] if survival.is_empty() => plain("no runs"),
        [] => Vec::new(),
        [r] => {
            let mut text = plain(format!("seed {} · ", r.seed));
            text.extend(match (r.t_mem, r.t_grok) {
                (Some(m), Some(g)) => {
                    let times = if m > 0.0 && g > m { format!(" (×{})", ratio(g / m)) } else { String::new() };
                    let mut t = join([t_grok, plain(" − "), t_mem]);
                    t.push(Span::Plain(format!(" = {} steps{times}", count(g - m))));
                    t
                }
                (m, None) => plain(format!("not {} by step {} (right-censored)", if m.is_some() { "generalised" } else { "memorised" }, count(r.steps))),
                (None, Some(_)) => plain("generalised without memorising its training data"),
            });
            text
        }
        many => {
            let grokked = many.iter().filter(|r| r.t_grok.is_some()).count();
            let (lo, hi) = options.band;
            let words = format!("{} runs, {grokked} generalised · line: median · band: {}–{} %", many.len(), short(lo * 100.0), short(hi * 100.0));
            let mut lines = wrap(&words, (width_px - LEFT - RIGHT) / LABEL, 2, em);
            let last = lines.pop().unwrap_or_default();
            for line in lines {
                y += 14.0;
                svg.text(LEFT, y - 4.0, LABEL, Anchor::Start, &format!(r#"fill="{GREY}""#), &plain(line));
            }
            plain(last)
        }
    };
    if !text.is_empty() {
        y += 14.0;
        svg.text(LEFT, y - 4.0, LABEL, Anchor::Start, &format!(r#"fill="{GREY}""#), &text);
    }
    y + 2.0
}

/// A stretch of the step axis, from `from` (`None`: its left end) to `to` (`None`: its right end).
struct Phase {
    from: Option<f64>,
    to: Option<f64>,
    names: [&'static str; 2],
    colour: &'static str,
    ink: &'static str,
    opacity: f64,
}

impl Phase {
    fn span(&self, axis: &StepAxis) -> (f64, f64) {
        (self.from.and_then(|s| axis.px(s)).unwrap_or(axis.x0), self.to.and_then(|s| axis.px(s)).unwrap_or(axis.x1))
    }
}

/// The two times of the figure, and the phases between them.
fn marks(runs: &[RunCurves], survival: &[Survival]) -> (Vec<Mark>, Vec<Phase>) {
    let usable = |t: &f64| *t >= 0.0 && drawable(*t);
    let time = |role: Role, name: &str, get: fn(&RunCurves) -> Option<f64>| -> Option<Mark> {
        let given = survival.iter().find(|s| s.role == role);
        let mut interval = None;
        // The time, or the step by which it had not come.
        let (step, end) = match (runs, given) {
            ([one], _) => (get(one), Some(one.steps)),
            (_, Some(s)) => {
                interval = s.interval;
                (s.median, Some(s.end))
            }
            _ => (censored_median(&runs.iter().map(|r| (get(r).filter(usable), r.steps)).collect::<Vec<_>>()), None),
        };
        let step = step.filter(usable);
        let at = step.or(end.filter(|e| *e > 0.0 && drawable(*e)))?;
        let mut short = symbol(name);
        short.push(Span::Plain(format!(" {} {}", if step.is_some() { "=" } else { ">" }, count(at))));
        let mut text = if runs.len() == 1 { Vec::new() } else { plain("median ") };
        text.extend(short.iter().cloned());
        if let (Some((lo, hi)), Some(_)) = (interval, step) {
            text.push(Span::Plain(format!(" [{}–{}]", count(lo), count(hi))));
        }
        let (colour, dash) = if role == Role::Train { (TRAIN, "3 2") } else { (TEST, "") };
        Some(Mark { step: at, reached: step.is_some(), style: Style { colour, dash }, text, short })
    };
    let mem = time(Role::Train, "t_mem", |r| r.t_mem);
    let grok = time(Role::Test, "t_grok", |r| r.t_grok);
    let phase = |from, to, kind: usize| {
        let (names, colour, ink, opacity) = [
            (["memorising", "mem."], "#56B4E9", "#1B5E86", 0.13),
            (["learning", "learn."], "#56B4E9", "#1B5E86", 0.13),
            (["plateau", "plat."], "#8A8A8A", "#4A4A4A", 0.11),
            (["generalising", "gen."], "#009E73", "#00543D", 0.12),
        ][kind];
        Phase { from, to, names, colour, ink, opacity }
    };
    let reached = |m: &Option<Mark>| m.as_ref().filter(|m| m.reached).map(|m| m.step);
    let phases = match (reached(&mem), reached(&grok)) {
        (Some(m), Some(g)) if m < g => vec![phase(None, Some(m), 0), phase(Some(m), Some(g), 2), phase(Some(g), None, 3)],
        (_, Some(g)) => vec![phase(None, Some(g), 1), phase(Some(g), None, 3)],
        (Some(m), None) => vec![phase(None, Some(m), 0), phase(Some(m), None, 2)],
        (None, None) if runs.len() == 1 => vec![phase(None, None, 0)],
        (None, None) => Vec::new(),
    };
    (mem.into_iter().chain(grok).collect(), phases)
}

/// The words of the marks above the first panel, with leaders to their lines; returns the height taken.
fn mark_labels(svg: &mut Svg, marks: &[Mark], axis: &StepAxis, y: f64, width_px: f64) -> f64 {
    let mut placed: Vec<(f64, &Mark)> = marks.iter().filter_map(|m| Some((axis.px(m.step)?, m))).collect();
    placed.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (lo, hi, gap) = (LEFT, width_px - RIGHT, 10.0);
    let boxes = |words: fn(&Mark) -> &Rich| -> Vec<(f64, f64)> { placed.iter().map(|(x, m)| (*x, rich_width(words(m), LABEL))).collect() };
    let fits = |boxes: &[(f64, f64)]| boxes.iter().map(|b| b.1 + gap).sum::<f64>() <= hi - lo;
    let words: fn(&Mark) -> &Rich = if fits(&boxes(|m| &m.text)) { |m| &m.text } else { |m| &m.short };
    for ((x, m), centre) in placed.iter().zip(spread(&boxes(words), lo, hi, gap)) {
        svg.text(centre, y + 10.0, LABEL, Anchor::Middle, &format!(r#"fill="{}""#, m.style.colour), words(m));
        if m.reached {
            svg.line(centre, y + 14.5, *x, y + 20.0, &format!(r#"stroke="{}" stroke-width="0.9""#, m.style.colour));
        }
    }
    20.0
}

/// The strip that names the phases; a name that does not fit is shortened, then left out.
fn strip(svg: &mut Svg, phases: &[Phase], axis: &StepAxis, y: f64) {
    for p in phases {
        let (x0, x1) = p.span(axis);
        svg.rect(x0, y, x1 - x0, STRIP, &format!(r#"fill="{}" fill-opacity="{}""#, p.colour, px(p.opacity * 2.6)));
        if let Some(name) = p.names.iter().find(|n| width(n, TICK) + 6.0 <= x1 - x0) {
            svg.text((x0 + x1) / 2.0, y + 10.2, TICK, Anchor::Middle, &format!(r#"fill="{}""#, p.ink), &plain(*name));
        }
    }
}

fn survival_curves(svg: &mut Svg, panel: &Panel, survival: &[Survival], clip: &str) {
    let first = if panel.x.zero.is_some() { 0.0 } else { axis_any(panel.x) };
    svg.raw(&format!(r#"<g clip-path="url(#{clip})">"#));
    for (i, s) in survival.iter().enumerate() {
        let style = Style::of(s.role, i);
        let mut points: Vec<_> = s.curve.iter().copied().filter(|p| p.time >= 0.0 && drawable(p.time)).collect();
        points.sort_by(|a, b| a.time.total_cmp(&b.time));
        let end = s.censored.iter().copied().chain(points.last().map(|p| p.time)).chain([s.end]).filter(|t| drawable(*t)).fold(first, f64::max);
        // Each jump is two points at one step: the level before it and the level after it.
        let mut line: Points = vec![(first, 1.0)];
        let mut band = vec![(first, 1.0, 1.0)];
        let (mut level, mut low, mut high) = (1.0, 1.0, 1.0);
        for p in &points {
            line.push((p.time, level));
            band.push((p.time, low, high));
            (level, low, high) = (p.survival, p.low, p.high);
            line.push((p.time, level));
            band.push((p.time, low, high));
        }
        // Where nobody is left there is nothing more to know.
        if level > 0.0 {
            line.push((end, level));
            band.push((end, low, high));
        }
        panel.curves(svg, &[Curve { name: s.name.clone(), style, line, band, ..Curve::default() }], clip);
        let mut ticks = String::new();
        for t in &s.censored {
            let level = points.iter().take_while(|p| p.time <= *t).last().map_or(1.0, |p| p.survival);
            if let Some((x, y)) = panel.at(*t, level) {
                let _ = write!(ticks, "M{} {}v8M{} {}h8", px(x), px(y - 4.0), px(x - 4.0), px(y));
            }
        }
        svg.path(&ticks, &format!(r#"fill="none" stroke="{}" stroke-width="1.2""#, style.colour));
    }
    svg.raw("</g>");
}

/// Run ids, command and notes; returns the y under them.
fn footer(svg: &mut Svg, runs: &[RunCurves], specs: &[Spec], options: &Options, y: f64, width_px: f64) -> f64 {
    let room = page::footer_room(width_px);
    let ids: Vec<&str> = runs.iter().map(|r| r.run_id.as_str()).collect();
    let mut rows = vec![
        FooterRow::mono(if runs.len() == 1 { "run" } else { "runs" }, &page::ids(&ids, runs.len(), room), room),
        FooterRow::mono("made by", &options.command, room),
    ];
    if specs.iter().flat_map(|s| &s.curves).any(|c| c.held) {
        rows.push(FooterRow::words("note", "in medians and bands, a run that ended before another holds its last value", room));
    }
    page::footer(svg, &rows, y, width_px)
}

/// The document around the body, with what it shows in words and as metadata.
fn document(prefix: &str, body: &str, clips: &str, runs: &[RunCurves], survival: &[Survival], options: &Options, w: f64, h: f64) -> String {
    let mut desc = String::from("Training curves on a logarithmic step axis.");
    for r in runs {
        let t = |t: Option<f64>| t.map_or("none".into(), count);
        let _ = write!(desc, " Run {} (seed {}): t_mem {}, t_grok {}, {} steps.", r.run_id, r.seed, t(r.t_mem), t(r.t_grok), count(r.steps));
    }
    for s in survival {
        let _ = write!(desc, " {}: {} runs, {} censored, median {}.", s.name, s.n, s.censored.len(), s.median.map_or("not reached".into(), count));
    }
    let mut metadata = String::new();
    for r in runs {
        let t = |name: &str, t: Option<f64>| t.map_or(String::new(), |t| format!(r#" {name}="{t}""#));
        let _ = write!(metadata, r#"<run id="{}" seed="{}" steps="{}"{}{}/>"#, escape(&r.run_id), r.seed, r.steps, t("t_mem", r.t_mem), t("t_grok", r.t_grok));
    }
    let title = if options.title.is_empty() { "Training curves" } else { &options.title };
    page::document(&Document { prefix, title, desc: &desc, command: &options.command, metadata: &metadata, defs: clips, body, size: (w, h) })
}
