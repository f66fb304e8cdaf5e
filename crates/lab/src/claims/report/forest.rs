//! The intervals of a claim's parts beside the band in which it is reproduced.

use super::slug;
use crate::claims::judge::JudgedPart;
use crate::claims::rule::Scale;
use pennydrop_figure::escape as text;
use std::fmt::Write;

/// Width, and height of a row, of the picture.
const WIDTH: f64 = 760.0;
const ROW: f64 = 24.0;
const LEFT: f64 = 320.0;

/// The intervals of δ in units of each part's margin, beside the band within which a claim is reproduced.
pub(super) fn forest(out: &mut String, parts: &[JudgedPart]) {
    let rows: Vec<(&JudgedPart, f64, f64, f64)> = parts
        .iter()
        .filter_map(|p| {
            let d = p.decision.as_ref().filter(|d| d.margin > 0.0)?;
            let (delta, low, high) = (d.delta / d.margin, d.low / d.margin, d.high / d.margin);
            (!delta.is_nan() && !low.is_nan() && !high.is_nan()).then_some((p, delta, low, high))
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    let most = rows.iter().flat_map(|r| [r.1, r.2, r.3]).filter(|x| x.is_finite()).fold(1.5f64, |m, x| m.max(x.abs())).min(12.0) * 1.1;
    let x = |v: f64| LEFT + (WIDTH - LEFT - 12.0) * (v.clamp(-most, most) + most) / (2.0 * most);
    let height = ROW * (rows.len() as f64 + 2.0);
    let label = format!("δ in units of the margin, {} parts", rows.len());
    let _ = writeln!(
        out,
        "<figure><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{label}\"><svg class=\"wide\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{label}\">"
    );
    let _ = writeln!(
        out,
        "<rect class=\"band\" x=\"{:.1}\" y=\"0\" width=\"{:.1}\" height=\"{:.1}\"/>",
        x(-1.0),
        x(1.0) - x(-1.0),
        ROW * (rows.len() as f64 + 0.5)
    );
    let _ = writeln!(out, "<line class=\"zero\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"0\" y2=\"{1:.1}\"/>", x(0.0), ROW * (rows.len() as f64 + 0.5));
    for (i, (p, delta, low, high)) in rows.iter().enumerate() {
        let y = ROW * (i as f64 + 0.75);
        let name: String = if p.part.name.chars().count() > 46 { p.part.name.chars().take(45).chain(['…']).collect() } else { p.part.name.clone() };
        let class = slug(p.verdict.name());
        let _ = writeln!(out, "<text x=\"0\" y=\"{:.1}\"><title>{}</title>{}</text>", y + 4.0, text(&p.part.name), text(&name));
        let _ = writeln!(out, "<line class=\"s {class}\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>", x(*low), x(*high));
        if delta.abs() > most {
            let (tip, back) = (x(*delta), if *delta > 0.0 { -9.0 } else { 9.0 });
            let _ = writeln!(out, "<path class=\"f {class}\" d=\"M{tip:.1} {y:.1} l{back} -5 l0 10 z\"/>");
        } else {
            let _ = writeln!(out, "<circle class=\"f {class}\" cx=\"{:.1}\" cy=\"{y:.1}\" r=\"4.5\"/>", x(*delta));
        }
    }
    let y = ROW * (rows.len() as f64 + 1.3);
    // Three words where the band is wide enough for them, and one where it is not.
    let three = [(-1.0, "−margin"), (0.0, "the paper"), (1.0, "+margin")];
    let words = if x(1.0) - x(0.0) > 66.0 { &three[..] } else { &[(0.0, "the paper ± the margin")] };
    for (v, word) in words {
        let _ = writeln!(out, "<text class=\"tick\" x=\"{:.1}\" y=\"{y:.1}\">{word}</text>", x(*v));
    }
    let logs = rows.iter().all(|r| r.0.estimate.as_ref().is_some_and(|e| e.scale == Scale::Log));
    let how = if logs { "logarithms" } else { "each part on its own scale" };
    let _ = writeln!(
        out,
        "</svg></div><figcaption>δ and its interval of 95 % in units of the margin ({how}); the band is where a claim is reproduced.</figcaption></figure>"
    );
}
