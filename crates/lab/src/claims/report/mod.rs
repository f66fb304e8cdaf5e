//! The ledger as a page: one static file that needs no network, no script and no mouse.

mod accounting;
mod draw;
mod forest;
mod panel;
mod parts;
mod scale;

use crate::Error;
use crate::claims::guard::Outcome;
use crate::claims::judge::Judged;
use crate::claims::ledger::Ledger;
use crate::claims::rule::Verdict;
use pennydrop_figure::escape as text;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// The style: colours by scheme, letters of the system, a page that prints.
const STYLE: &str = include_str!("report.css");

/// Writes `index.html` and `claims.json` into `folder`, and each picture of runs once more as `pictures/ID-K.svg`, for papers and slides.
///
/// # Errors
/// A file that cannot be written.
pub fn write(ledger: &Ledger, judged: &[Judged], version: &str, folder: &Path) -> Result<(), Error> {
    crate::record::publish(&folder.join("index.html"), html(ledger, judged, version).as_bytes())?;
    let list: Vec<_> = judged.iter().map(Judged::to_json).collect();
    let json = format!("{:#}\n", serde_json::json!({"schema": "pennydrop.claims/1", "claims": list}));
    crate::record::publish(&folder.join("claims.json"), json.as_bytes())?;
    let pictures = folder.join("pictures");
    std::fs::create_dir_all(&pictures).map_err(|e| Error::System { doing: format!("make the folder {}", pictures.display()), why: e.to_string() })?;
    for j in judged {
        let panels = panel::panels(ledger, &j.claim.parts.iter().collect::<Vec<_>>()).0;
        for (k, p) in panels.iter().enumerate() {
            crate::record::publish(&pictures.join(format!("{}-{}.svg", slug(&j.claim.id()), k + 1)), draw::alone(p, STYLE).as_bytes())?;
        }
    }
    Ok(())
}

/// A word for classes and anchors.
fn slug(s: &str) -> String {
    s.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

/// The page of these claims, with pictures of the ledger's results.
pub fn html(ledger: &Ledger, judged: &[Judged], version: &str) -> String {
    let accounts = accounting::Accounts::new(ledger, judged);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Claims about grokking, checked</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#claims\">To the claims</a>\n<header>\n<h1>Claims about grokking, checked</h1>\n<p>Each claim was written down with its rule before its data. \
         Times and ratios are compared as logarithms; δ is our estimate less the paper’s. A verdict holds for the setting it names, and anyone can ask again with the command beside it.</p>\n",
    );
    accounts.summary(&mut out, judged);
    out += "</header>\n<main>\n";
    table(&mut out, judged);
    out += "<section id=\"claims\">\n<h2>The claims</h2>\n";
    for j in judged {
        claim(&mut out, ledger, j);
    }
    out += "</section>\n";
    accounts.section(&mut out);
    accounting::ambiguities(&mut out, judged);
    words(&mut out);
    let _ = write!(out, "</main>\n<footer><p>Made by pennydrop {} from the committed results.</p></footer>\n</body>\n</html>\n", text(version));
    out
}

/// Claims by paper and verdict, each a link.
fn table(out: &mut String, judged: &[Judged]) {
    let mut papers: BTreeMap<&str, Vec<&Judged>> = BTreeMap::new();
    judged.iter().for_each(|j| papers.entry(&j.claim.paper).or_default().push(j));
    let shown: Vec<Verdict> = Verdict::ALL.into_iter().filter(|v| judged.iter().any(|j| j.verdict == *v)).collect();
    out.push_str("<section>\n<h2>By paper and verdict</h2>\n");
    let head: Vec<&str> = std::iter::once("paper").chain(shown.iter().map(|v| v.name())).collect();
    accounting::open_table(out, "claims by paper and verdict", &head);
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

/// The guards that failed, each with in how many parts: `horizon in 2 of 5 parts`.
fn failed(j: &Judged) -> Option<String> {
    let mut failed: BTreeMap<&str, usize> = BTreeMap::new();
    let all = j.parts.iter().flat_map(|p| &p.guards).filter(|g| g.outcome == Outcome::Failed);
    all.for_each(|g| *failed.entry(g.name).or_default() += 1);
    let words: Vec<String> = failed.iter().map(|(name, n)| format!("{name} in {n} of {} parts", j.parts.len())).collect();
    (!words.is_empty()).then(|| format!("failed guards: {}", words.join(", ")))
}

fn claim(out: &mut String, ledger: &Ledger, j: &Judged) {
    let c = &j.claim;
    let guards = failed(j).map(|f| format!(" <span class=\"guard failed\">{}</span>", text(&f))).unwrap_or_default();
    let _ = write!(
        out,
        "<article id=\"{}\">\n<h3><span class=\"id\">{}</span> <span class=\"v {}\">{}</span>{guards}</h3>\n<p class=\"claim\">{}</p>\n",
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
    let (panels, more) = panel::panels(ledger, &j.claim.parts.iter().collect::<Vec<_>>());
    if !panels.is_empty() {
        out.push_str("<div class=\"panels\">\n");
        panels.iter().for_each(|p| draw::figure(out, p));
        out.push_str("</div>\n");
    }
    if more > 0 {
        let _ = writeln!(out, "<p><small>{more} more such pictures are left out; the table has their numbers.</small></p>");
    }
    forest::forest(out, &j.parts);
    parts::parts(out, &j.parts);
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
            Verdict::NotTestable => "something that it needs is missing: it was never published, or the runs do not have it",
            Verdict::Waiting => "not yet run; beside it, for what it waits and what that costs",
        };
        let _ = writeln!(out, "<dt><span class=\"v {}\">{}</span></dt><dd>{meaning}</dd>", slug(v.name()), v.name());
    }
    out.push_str(
        "</dl>\n<p>Guards run by themselves: <em>identity</em> (does the number hold at step 0, or with what it reads dealt out at random?), <em>leak</em> (do training and test share examples, does a number read test labels?), \
         <em>horizon</em> (would a third of the budget have said something else?), <em>precision</em> (do twins in double precision agree?).</p>\n</section>\n",
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

    /// Relative luminance (WCAG 2.2) of `#rrggbb`.
    fn luminance(hex: &str) -> f64 {
        let channel = |k: usize| {
            let c = f64::from(u8::from_str_radix(&hex[k..k + 2], 16).unwrap()) / 255.0;
            if c <= 0.040_45 { c / 12.92 } else { libm::pow((c + 0.055) / 1.055, 2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    #[test]
    fn colours_can_be_told_from_what_they_stand_on() {
        let schemes: Vec<BTreeMap<&str, &str>> = STYLE
            .split(":root {")
            .skip(1)
            .map(|s| s.split('}').next().unwrap().split(';').filter_map(|d| d.trim().strip_prefix("--")?.split_once(": ")).collect())
            .collect();
        assert_eq!(schemes.len(), 2);
        for colours in &schemes {
            let contrast = |a: &str, b: &str| {
                let (a, b) = (luminance(colours[a]), luminance(colours[b]));
                (a.max(b) + 0.05) / (a.min(b) + 0.05)
            };
            // AA: 4.5 for text, 3 for what a picture is made of.
            for on in ["page", "card"] {
                for of in ["ink", "soft", "link", "good", "bad", "mid", "none"] {
                    assert!(contrast(of, on) >= 4.5, "{of} on {on}: {:.2}", contrast(of, on));
                }
                for k in 0..8 {
                    let of = format!("c{k}");
                    assert!(contrast(&of, on) >= 3.0, "{of} on {on}: {:.2}", contrast(&of, on));
                }
            }
            for of in ["ink", "good", "bad", "mid", "none"] {
                assert!(contrast(of, "band") >= 3.0, "{of} on the band: {:.2}", contrast(of, "band"));
            }
        }
    }

    #[test]
    fn an_empty_ledger_is_a_page() {
        let page = html(&Ledger::default(), &[], "0");
        assert!(page.contains("<strong>0</strong> claims") && page.trim_end().ends_with("</html>"));
        // Nothing is fetched from anywhere.
        assert!(!page.contains("http") && !page.contains("<script"));
    }
}
