//! What every figure has around its panels: a title, a footer that says where the data come from, and the document with its metadata.

use crate::panel::{GREY, INK};
use crate::svg::{Anchor, MONO, SANS, Svg, em, escape, plain, px, symbols, wrap};
use std::fmt::Write;

pub(crate) const LEFT: f64 = 48.0;
pub(crate) const RIGHT: f64 = 18.0;
const TITLE: f64 = 14.0;
/// Size of the footer, and where its second column begins.
const SMALL: f64 = 8.5;
const COLUMN: f64 = 48.0;
/// Width of a character of the monospaced font, in ems.
const MONO_EM: f64 = 0.602;
/// Run ids in the metadata of a figure of a campaign at most; the others are in the campaign's record.
const MOST_IDS: usize = 50;

/// Where the data of a figure of many runs come from, for its footer and its metadata.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// The campaign's name; empty if there is none.
    pub campaign: String,
    /// The command that made the figure.
    pub command: String,
    /// Ids of the runs. The first 50 are written into the file, and how many there are.
    pub runs: Vec<String>,
    /// How many runs there are, where `runs` holds only some of their ids (a smaller number than it holds is ignored).
    pub count: usize,
}

impl Source {
    /// Number of runs.
    pub(crate) fn total(&self) -> usize {
        self.count.max(self.runs.len())
    }

    /// The figure's metadata after the command.
    pub(crate) fn metadata(&self) -> String {
        let mut out = String::new();
        if !self.campaign.is_empty() {
            let _ = write!(out, "<campaign>{}</campaign>", escape(&self.campaign));
        }
        let _ = write!(out, r#"<runs count="{}"/>"#, self.total());
        for id in self.runs.iter().take(MOST_IDS) {
            let _ = write!(out, r#"<run id="{}"/>"#, escape(id));
        }
        out
    }

    /// The figure's footer, notes last; returns the y under it.
    pub(crate) fn footer(&self, svg: &mut Svg, notes: &[String], y: f64, width_px: f64) -> f64 {
        let room = footer_room(width_px);
        let mut rows = Vec::new();
        if !self.campaign.is_empty() {
            rows.push(FooterRow::mono("campaign", &self.campaign, room));
        }
        if self.total() > 0 {
            let ids: Vec<&str> = self.runs.iter().take(MOST_IDS).map(String::as_str).collect();
            rows.push(FooterRow::mono(if self.total() == 1 { "run" } else { "runs" }, &ids_of_campaign(&ids, self.total(), room), room));
        }
        rows.push(FooterRow::mono("made by", &self.command, room));
        rows.extend(notes.iter().map(|n| FooterRow::words("note", n, room)));
        footer(svg, &rows, y, width_px)
    }

    /// The words that tell this figure's element ids from another's.
    pub(crate) fn words<'a>(&'a self, kind: &'a str, title: &'a str) -> impl Iterator<Item = &'a str> {
        [kind, title, self.command.as_str(), self.campaign.as_str()].into_iter().chain(self.runs.iter().take(MOST_IDS).map(String::as_str))
    }
}

/// A width that can be drawn, in pixels.
pub(crate) fn width(wanted: f64) -> f64 {
    if wanted.is_finite() { wanted.clamp(320.0, 10_000.0) } else { 640.0 }
}

/// The title on at most two lines; returns the y under it.
pub(crate) fn title(svg: &mut Svg, title: &str, mut y: f64, width_px: f64) -> f64 {
    for line in wrap(title, (width_px - LEFT - RIGHT) / TITLE, 2, em) {
        y += 18.0;
        svg.text(LEFT, y - 4.0, TITLE, Anchor::Start, &format!(r#"fill="{INK}""#), &plain(line));
    }
    y
}

/// Words under a title or a panel, wrapped between `left` and `right`; returns the y under them.
pub(crate) fn words(svg: &mut Svg, text: &str, (left, right): (f64, f64), mut y: f64, size: f64, most: usize) -> f64 {
    for line in wrap(text, (right - left) / size, most, em) {
        y += (size * 1.3).round();
        svg.text(left, y - 3.0, size, Anchor::Start, &format!(r#"fill="{GREY}""#), &symbols(&line));
    }
    y
}

/// A row of the footer: a name and wrapped lines.
pub(crate) struct FooterRow<'a> {
    name: &'a str,
    lines: Vec<String>,
    mono: bool,
}

impl<'a> FooterRow<'a> {
    /// A row of ids or commands.
    pub fn mono(name: &'a str, text: &str, room: f64) -> Self {
        FooterRow { name, lines: wrap(text, room, 3, |_| MONO_EM), mono: true }
    }

    /// A row of words.
    pub fn words(name: &'a str, text: &str, room: f64) -> Self {
        FooterRow { name, lines: wrap(text, room, 4, em), mono: false }
    }
}

/// Room of a line of the footer, in ems.
pub(crate) fn footer_room(width_px: f64) -> f64 {
    (width_px - LEFT - RIGHT - COLUMN) / SMALL
}

/// As many ids as two lines hold, each in full, and how many there are beyond them.
pub(crate) fn ids(ids: &[&str], total: usize, room: f64) -> String {
    listed(ids, total, room, "more (in the file's metadata)")
}

fn ids_of_campaign(ids: &[&str], total: usize, room: f64) -> String {
    listed(ids, total, room, if total > MOST_IDS { "more, named in the campaign's record" } else { "more (in the file's metadata)" })
}

fn listed(ids: &[&str], total: usize, room: f64, rest: &str) -> String {
    let mut out = String::new();
    let mut shown = 0;
    for id in ids {
        let next = format!("{}{}", if shown == 0 { "" } else { " " }, if id.is_empty() { "–" } else { id });
        if shown > 0 && out.chars().count() + next.chars().count() + 24 > 2 * (room / MONO_EM) as usize {
            break;
        }
        out.push_str(&next);
        shown += 1;
    }
    if shown < total {
        let and = if shown == 0 { "" } else { " and " };
        let rest = if shown == 0 { "runs, named in the campaign's record" } else { rest };
        let _ = write!(out, "{and}{} {rest}", crate::format::count((total - shown) as f64));
    }
    out
}

/// A rule and the rows under it; returns the y under them.
pub(crate) fn footer(svg: &mut Svg, rows: &[FooterRow], mut y: f64, width_px: f64) -> f64 {
    svg.line(LEFT, y, width_px - RIGHT, y, r##"stroke="#CCCCCC" stroke-width="0.6""##);
    y += 2.0;
    for row in rows {
        for (i, line) in row.lines.iter().enumerate() {
            y += 11.5;
            if i == 0 {
                svg.text(LEFT, y, SMALL, Anchor::Start, &format!(r#"fill="{GREY}""#), &plain(row.name));
            }
            let family = if row.mono { format!(r#" font-family="{MONO}""#) } else { String::new() };
            svg.text(LEFT + COLUMN, y, SMALL, Anchor::Start, &format!(r#"fill="{GREY}"{family}"#), &plain(line.clone()));
        }
    }
    y
}

/// What the figure's element ids begin with, so that several figures can stand in one page: a hash (FNV-1a) of the figure's words.
pub(crate) fn prefix<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> String {
    let mut h = 0x811c_9dc5u32;
    for w in words {
        h = w.as_ref().bytes().chain([0]).fold(h, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    }
    format!("pd{h:08x}")
}

/// A figure before it is written.
pub(crate) struct Document<'a> {
    pub prefix: &'a str,
    pub title: &'a str,
    pub desc: &'a str,
    pub command: &'a str,
    /// Elements of the figure's metadata after the command.
    pub metadata: &'a str,
    pub defs: &'a str,
    pub body: &'a str,
    /// Width and height, in pixels.
    pub size: (f64, f64),
}

/// The document around the body: sizes, title, description and metadata for readers and programs.
pub(crate) fn document(d: &Document) -> String {
    let (w, h) = (px(d.size.0.round()), px(d.size.1.round()));
    let prefix = d.prefix;
    let mut out = String::with_capacity(d.body.len() + 2048);
    let _ = writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" font-family="{SANS}" font-weight="normal" role="img" aria-labelledby="{prefix}-title {prefix}-desc">"#
    );
    let _ = writeln!(out, r#"<title id="{prefix}-title">{}</title>"#, escape(d.title));
    let _ = writeln!(out, r#"<desc id="{prefix}-desc">{}</desc>"#, escape(&format!("{} Made by: {}", d.desc, d.command)));
    let _ = writeln!(out, r#"<metadata><figure xmlns="urn:pennydrop:figure:1"><command>{}</command>{}</figure></metadata>"#, escape(d.command), d.metadata);
    let _ = writeln!(out, "<defs>{}</defs>", d.defs);
    let _ = writeln!(out, r##"<rect width="{w}" height="{h}" fill="#FFFFFF"/>"##);
    out.push_str(d.body);
    out.push_str("</svg>\n");
    out
}
