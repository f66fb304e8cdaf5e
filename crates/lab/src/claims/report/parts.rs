//! The parts of a claim as a table.

use super::accounting::open_table;
use super::slug;
use crate::claims::claim::Published;
use crate::claims::guard::Outcome;
use crate::claims::judge::JudgedPart;
use crate::claims::rule::Verdict;
use crate::view::axis::short;
use pennydrop_figure::escape as text;
use std::fmt::Write;

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
    let value = e.words(number);
    format!("{value} [{}, {}]", number(e.low), number(e.high))
}

/// A row a part: the paper’s number, ours, the verdict, the guards.
pub(super) fn parts(out: &mut String, parts: &[JudgedPart]) {
    if parts.is_empty() {
        return;
    }
    open_table(out, "parts", &["part", "paper", "ours [95 %]", "runs (censored)", "verdict", "guards"]);
    for p in parts {
        let by = |o: Outcome| p.guards.iter().filter(move |g| g.outcome == o);
        let passed: Vec<&str> = by(Outcome::Passed).map(|g| g.name).collect();
        let mut guards: Vec<String> =
            by(Outcome::Failed).map(|g| format!("<span class=\"guard failed\">{} failed: {}</span>", g.name, text(&g.says))).collect();
        if !passed.is_empty() {
            guards.push(format!("<span class=\"guard passed\">passed: {}</span>", passed.join(", ")));
        }
        let more = p
            .decision
            .as_ref()
            .filter(|d| d.verdict == Verdict::Inconclusive)
            .and_then(|d| d.more)
            .map(|n| format!("; about {n} more seeds"))
            .unwrap_or_default();
        let note = p.estimate.as_ref().map(|e| e.note.as_str()).filter(|n| !n.is_empty()).map(|n| format!(" <small>({})</small>", text(n))).unwrap_or_default();
        let why = p.why.as_ref().map(|w| format!(" <small>({})</small>", text(w))).unwrap_or_default();
        let holm = if p.survives_holm() == Some(false) { "; not after Holm’s adjustment within the paper" } else { "" };
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}{note}</th><td>{}</td><td>{}</td><td>{}</td><td><span class=\"v {}\">{}</span>{more}{holm}{why}</td><td>{}</td></tr>",
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
    guards(out, parts);
}

/// What each guard saw, folded away.
fn guards(out: &mut String, parts: &[JudgedPart]) {
    if parts.iter().all(|p| p.guards.is_empty()) {
        return;
    }
    out.push_str("<details><summary>What the guards saw</summary>\n<dl>\n");
    for p in parts {
        for g in p.guards.iter().filter(|g| g.outcome != Outcome::NotApplicable) {
            let _ = writeln!(
                out,
                "<dt>{}: {}</dt><dd><span class=\"guard {}\">{}</span>: {}</dd>",
                text(&p.part.name),
                g.name,
                slug(g.outcome.name()),
                g.outcome.name(),
                text(&g.says)
            );
        }
    }
    out.push_str("</dl>\n</details>\n");
}
