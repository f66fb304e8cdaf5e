//! The ledger as a page: one static file that needs no network, no script and no mouse.

use crate::Error;
use crate::claims::claim::Published;
use crate::claims::guard::Outcome;
use crate::claims::judge::{Judged, JudgedPart};
use crate::claims::rule::{Scale, Verdict};
use crate::view::axis::short;
use pennydrop_figure::escape as text;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

/// The style: colours by scheme, letters of the system, a page that prints.
const STYLE: &str = include_str!("report.css");

/// Writes `index.html` and `claims.json` into `folder`.
///
/// # Errors
/// A file that cannot be written.
pub fn write(judged: &[Judged], version: &str, folder: &Path) -> Result<(), Error> {
    crate::record::publish(&folder.join("index.html"), html(judged, version).as_bytes())?;
    let list: Vec<_> = judged.iter().map(Judged::to_json).collect();
    let json = format!("{:#}\n", serde_json::json!({"schema": "pennydrop.claims/1", "claims": list}));
    crate::record::publish(&folder.join("claims.json"), json.as_bytes())
}

/// A word for classes and anchors.
fn slug(s: &str) -> String {
    s.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

/// The page.
pub fn html(judged: &[Judged], version: &str) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Claims about grokking, checked</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#claims\">To the claims</a>\n<header>\n<h1>Claims about grokking, checked</h1>\n<p>Each claim was written down with its rule before its data. \
         Times and ratios are compared as logarithms; δ is our estimate less the paper’s. A verdict holds for the setting it names, and anyone can ask again with the command beside it.</p>\n",
    );
    totals(&mut out, judged);
    out += "</header>\n<main>\n";
    table(&mut out, judged);
    out += "<section id=\"claims\">\n<h2>The claims</h2>\n";
    for j in judged {
        claim(&mut out, j);
    }
    out += "</section>\n";
    words(&mut out);
    let _ = write!(out, "</main>\n<footer><p>Made by pennydrop {} from the committed results.</p></footer>\n</body>\n</html>\n", text(version));
    out
}

/// What it all took: every experiment once.
fn totals(out: &mut String, judged: &[Judged]) {
    let number =
        |m: &crate::claims::judge::Made, key: &str| m.head.iter().find(|(k, _)| k == key).and_then(|(_, v)| v.split_whitespace().next()?.parse::<f64>().ok());
    let mut seen = BTreeSet::new();
    let (mut runs, mut hours) = (0.0, 0.0);
    for m in judged.iter().flat_map(|j| &j.made).filter(|m| seen.insert(m.experiment.clone())) {
        runs += number(m, "runs").unwrap_or(0.0);
        hours += number(m, "core-hours").unwrap_or(0.0);
    }
    let waiting: f64 = judged.iter().filter(|j| j.verdict == Verdict::Waiting).filter_map(|j| j.accounting.waiting_core_hours).sum();
    let decided = judged.iter().filter(|j| !matches!(j.verdict, Verdict::Waiting | Verdict::NotTestable)).count();
    let _ = writeln!(
        out,
        "<p><strong>{}</strong> claims, <strong>{decided}</strong> decided by {} experiments: {runs:.0} runs, {hours:.1} core-hours. Those that wait would take about {waiting:.0} core-hours.</p>",
        judged.len(),
        seen.len()
    );
}

/// Claims by paper and verdict, each a link.
fn table(out: &mut String, judged: &[Judged]) {
    let mut papers: BTreeMap<&str, Vec<&Judged>> = BTreeMap::new();
    judged.iter().for_each(|j| papers.entry(&j.claim.paper).or_default().push(j));
    let shown: Vec<Verdict> = Verdict::ALL.into_iter().filter(|v| judged.iter().any(|j| j.verdict == *v)).collect();
    out.push_str("<section>\n<h2>By paper and verdict</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"claims by paper and verdict\"><table>\n<thead><tr><th scope=\"col\">paper</th>");
    for v in &shown {
        let _ = write!(out, "<th scope=\"col\">{}</th>", v.name());
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for (paper, claims) in papers {
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", text(paper));
        for v in &shown {
            let links: Vec<String> = claims
                .iter()
                .filter(|j| j.verdict == *v)
                .map(|j| format!("<a class=\"v {}\" href=\"#{}\">{}</a>", slug(v.name()), slug(&j.claim.id()), text(&j.claim.number)))
                .collect();
            let _ = write!(out, "<td>{}</td>", links.join(" "));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table></div>\n</section>\n");
}

fn claim(out: &mut String, j: &Judged) {
    let c = &j.claim;
    let _ = write!(
        out,
        "<article id=\"{}\">\n<h3><span class=\"id\">{}</span> <span class=\"v {}\">{}</span></h3>\n<p class=\"claim\">{}</p>\n",
        slug(&c.id()),
        text(&c.id()),
        slug(j.verdict.name()),
        text(&j.words()),
        text(&c.claim)
    );
    if let Some(reason) = &j.reason {
        let cost = j.accounting.waiting_core_hours.filter(|_| j.verdict == Verdict::Waiting).map(|h| format!(" (about {h:.1} core-hours)")).unwrap_or_default();
        let what = if j.verdict == Verdict::Waiting { "Waits for: " } else { "" };
        let _ = writeln!(out, "<p>{what}{}{cost}</p>", text(reason));
    }
    if j.after_data {
        out.push_str("<p class=\"warn\">The rule was changed, or written down, after its data were made.</p>\n");
    }
    forest(out, &j.parts);
    parts(out, &j.parts);
    let _ = write!(
        out,
        "<details><summary>Setting, what was ambiguous, and what made it</summary>\n<dl>\n<dt>place in the paper</dt><dd>{}</dd>\n<dt>kind; strength of the test</dt><dd>{}; {}{}</dd>\n\
         <dt>what is generalising</dt><dd>{}</dd>\n<dt>setting</dt><dd>{}</dd>\n",
        text(&c.place),
        c.kind.name(),
        text(&c.strength),
        if c.reconstructed { "; a definition is our reconstruction" } else { "" },
        text(&c.generalising),
        text(&c.setting)
    );
    for a in &c.ambiguities {
        let _ = writeln!(out, "<dt>open in the paper: {}</dt><dd>{} <em>How much it matters:</em> {}</dd>", text(&a.what), text(&a.resolved), text(&a.matters));
    }
    let _ = writeln!(
        out,
        "<dt>runs</dt><dd>{} runs, {} seeds, {} that did not generalise within their budget; {:.2} core-hours</dd>\n<dt>rule</dt><dd><code>{}</code></dd>",
        j.accounting.runs,
        j.accounting.seeds,
        j.accounting.censored,
        j.accounting.core_hours,
        text(&j.rule)
    );
    for m in &j.made {
        let head: Vec<String> = m.head.iter().map(|(k, v)| format!("{}: {}", text(k), text(v))).collect();
        let _ = writeln!(out, "<dt>experiment {}</dt><dd>{}<br><code>{}</code></dd>", text(&m.experiment), text(&m.about), head.join("<br>"));
    }
    let _ = write!(out, "</dl>\n</details>\n<p class=\"again\"><code>{}</code></p>\n</article>\n", text(&j.command));
}

/// A number of a part as it is compared.
fn published(p: &JudgedPart) -> String {
    match &p.part.published {
        Some(Published::Number(x)) => short(*x),
        Some(Published::Name(n)) => n.clone(),
        None => "–".into(),
    }
}

fn ours(p: &JudgedPart) -> String {
    let Some(e) = &p.estimate else { return "–".into() };
    let number = |x: f64| if x == f64::INFINITY { "∞".into() } else { short(x) };
    let value = if e.value == f64::INFINITY { format!("> {}", number(e.low)) } else { number(e.value) };
    format!("{value} [{}, {}]", number(e.low), number(e.high))
}

fn parts(out: &mut String, parts: &[JudgedPart]) {
    if parts.is_empty() {
        return;
    }
    out.push_str(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"parts\"><table>\n<thead><tr><th scope=\"col\">part</th><th scope=\"col\">paper</th><th scope=\"col\">ours [95 %]</th>\
         <th scope=\"col\">runs (censored)</th><th scope=\"col\">verdict</th><th scope=\"col\">guards</th></tr></thead>\n<tbody>\n",
    );
    for p in parts {
        let guards: Vec<String> = p
            .guards
            .iter()
            .filter(|g| g.outcome != Outcome::NotApplicable)
            .map(|g| format!("<span class=\"guard {}\">{} {}: {}</span>", slug(g.outcome.name()), g.name, g.outcome.name(), text(&g.says)))
            .collect();
        let more = p
            .decision
            .as_ref()
            .filter(|d| d.verdict == Verdict::Inconclusive)
            .and_then(|d| d.more)
            .map(|n| format!("; about {n} more seeds"))
            .unwrap_or_default();
        let note = p.estimate.as_ref().map(|e| e.note.as_str()).filter(|n| !n.is_empty()).map(|n| format!(" <small>({})</small>", text(n))).unwrap_or_default();
        let why = p.why.as_ref().map(|w| format!(" <small>({})</small>", text(w))).unwrap_or_default();
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}{note}</th><td>{}</td><td>{}</td><td>{}</td><td><span class=\"v {}\">{}</span>{more}{why}</td><td>{}</td></tr>",
            text(&p.part.name),
            text(&published(p)),
            text(&ours(p)),
            p.estimate.as_ref().map_or(String::new(), |e| format!("{} ({})", e.n, e.censored)),
            slug(p.verdict.name()),
            p.verdict.name(),
            guards.join("<br>")
        );
    }
    out.push_str("</tbody>\n</table></div>\n");
}

/// Width, and height of a row, of the picture.
const WIDTH: f64 = 760.0;
const ROW: f64 = 24.0;
const LEFT: f64 = 320.0;

/// The intervals of δ in units of each part's margin, beside the band within which a claim is reproduced.
fn forest(out: &mut String, parts: &[JudgedPart]) {
    let rows: Vec<(&JudgedPart, f64, f64, f64)> = parts
        .iter()
        .filter_map(|p| {
            let d = p.decision.as_ref().filter(|d| d.margin > 0.0)?;
            let (delta, low, high) = (d.delta / d.margin, d.low / d.margin, d.high / d.margin);
            (!delta.is_nan()).then_some((p, delta, low, high))
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    let most = rows.iter().flat_map(|r| [r.1, r.2, r.3]).filter(|x| x.is_finite()).fold(1.5f64, |m, x| m.max(x.abs())).min(12.0) * 1.1;
    let x = |v: f64| LEFT + (WIDTH - LEFT - 12.0) * (v.clamp(-most, most) + most) / (2.0 * most);
    let height = ROW * (rows.len() as f64 + 2.0);
    let label = format!("δ in units of the margin, {} parts", rows.len());
    let _ = writeln!(out, "<figure><svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{label}\">");
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
        let _ = writeln!(out, "<text x=\"0\" y=\"{:.1}\">{}</text>", y + 4.0, text(&name));
        let _ = writeln!(out, "<line class=\"s {class}\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>", x(*low), x(*high));
        if delta.abs() > most {
            let (tip, back) = (x(*delta), if *delta > 0.0 { -9.0 } else { 9.0 });
            let _ = writeln!(out, "<path class=\"f {class}\" d=\"M{tip:.1} {y:.1} l{back} -5 l0 10 z\"/>");
        } else {
            let _ = writeln!(out, "<circle class=\"f {class}\" cx=\"{:.1}\" cy=\"{y:.1}\" r=\"4.5\"/>", x(*delta));
        }
    }
    let y = ROW * (rows.len() as f64 + 1.3);
    for (v, word) in [(-1.0, "−margin"), (0.0, "the paper"), (1.0, "+margin")] {
        let _ = writeln!(out, "<text class=\"tick\" x=\"{:.1}\" y=\"{y:.1}\">{word}</text>", x(v));
    }
    let logs = rows.iter().all(|r| r.0.estimate.as_ref().is_some_and(|e| e.scale == Scale::Log));
    let how = if logs { "logarithms" } else { "each part on its own scale" };
    let _ = writeln!(
        out,
        "</svg><figcaption>δ and its interval of 95 % in units of the margin ({how}); the band is where a claim is reproduced.</figcaption></figure>"
    );
}

/// What the words mean.
fn words(out: &mut String) {
    out.push_str("<section>\n<h2>What the verdicts mean</h2>\n<dl>\n");
    for v in Verdict::ALL {
        let meaning = match v {
            Verdict::Reproduced => "the interval of δ lies within the margin",
            Verdict::Stronger => "it lies wholly beyond the margin, in the claimed direction",
            Verdict::Partly => "some parts hold and some do not; they are listed",
            Verdict::Reversed => "the interval of our effect lies wholly on the other side of no effect",
            Verdict::NotReproduced => "δ lies wholly outside the margin otherwise",
            Verdict::Inconclusive => "anything else; beside it, about how many more seeds would decide",
            Verdict::Identity => "true by algebra or at step 0, so it says nothing about training",
            Verdict::NotTestable => "something that it needs was never published",
            Verdict::Waiting => "not yet run; beside it, for what it waits and what that costs",
        };
        let _ = writeln!(out, "<dt><span class=\"v {}\">{}</span></dt><dd>{meaning}</dd>", slug(v.name()), v.name());
    }
    out.push_str(
        "</dl>\n<p>Guards run by themselves: <em>identity</em> (does the number hold at step 0?), <em>leak</em> (do training and test share examples, does a number read test labels?), \
         <em>horizon</em> (would a third of the budget have said something else?), <em>precision</em> (do the runs in double precision agree?).</p>\n</section>\n",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_text() {
        assert_eq!(text("<b> & \"'"), "&lt;b&gt; &amp; &quot;&#39;");
        assert_eq!(slug("weight-norm-clamp/2-null"), "weight-norm-clamp-2-null");
    }

    #[test]
    fn an_empty_ledger_is_a_page() {
        let page = html(&[], "0");
        assert!(page.contains("<strong>0</strong> claims") && page.trim_end().ends_with("</html>"));
        // Nothing is fetched from anywhere.
        assert!(!page.contains("http") && !page.contains("<script"));
    }
}
