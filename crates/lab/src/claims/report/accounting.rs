//! What it all took, what waits and what that would cost, and everything that papers leave open.

use super::slug;
use crate::claims::data::Data;
use crate::claims::experiment::Experiment;
use crate::claims::judge::Judged;
use crate::claims::ledger::Ledger;
use crate::claims::rule::Verdict;
use crate::words::count;
use pennydrop_figure::escape as text;
use std::collections::BTreeSet;
use std::fmt::Write;

/// The experiments of a page, each once, and what no experiment decides.
pub(super) struct Accounts<'a> {
    done: Vec<(&'a Experiment, &'a Data)>,
    open: Vec<&'a Experiment>,
    /// Claims that wait without an experiment of their own.
    claims: Vec<&'a Judged>,
}

fn censored(data: &Data) -> usize {
    data.runs.iter().filter(|r| r.t_grok.is_none()).count()
}

fn seeds<'a>(data: impl IntoIterator<Item = &'a Data>) -> usize {
    data.into_iter().flat_map(|d| d.runs.iter().map(|r| r.seeds)).collect::<BTreeSet<_>>().len()
}

fn several(n: usize, what: &str) -> String {
    format!("<strong>{}</strong> {what}{}", count(n as u64), if n == 1 { "" } else { "s" })
}

/// The beginning of a table that scrolls within itself where it is too wide.
pub(super) fn open_table(out: &mut String, label: &str, columns: &[&str]) {
    let _ = write!(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{label}\"><table>\n<thead><tr>");
    for c in columns {
        let _ = write!(out, "<th scope=\"col\">{c}</th>");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
}

impl<'a> Accounts<'a> {
    pub fn new(ledger: &'a Ledger, judged: &'a [Judged]) -> Accounts<'a> {
        let claims: Vec<_> = judged.iter().map(|j| &j.claim).collect();
        let (mut done, mut open) = (Vec::new(), Vec::new());
        for e in ledger.needed(&claims) {
            match ledger.data.get(&e.name) {
                Some(data) => done.push((e, data)),
                None => open.push(e),
            }
        }
        let claims = judged.iter().filter(|j| j.verdict == Verdict::Waiting && j.claim.parts.is_empty()).collect();
        Accounts { done, open, claims }
    }

    /// Two sentences for the head of the page.
    pub fn summary(&self, out: &mut String, judged: &[Judged]) {
        let decided = judged.iter().filter(|j| !matches!(j.verdict, Verdict::Waiting | Verdict::NotTestable)).count();
        let runs: usize = self.done.iter().map(|d| d.1.runs.len()).sum();
        let hours: f64 = self.done.iter().map(|d| d.1.core_hours()).sum();
        let censored: usize = self.done.iter().map(|d| censored(d.1)).sum();
        let _ = writeln!(
            out,
            "<p>{}, of which <strong>{decided}</strong> are judged. Behind them stand {}: {} with {}, of which <strong>{}</strong> did not generalise within their budget, and <strong>{hours:.1}</strong> core-hours. \
             What waits would take about <strong>{:.1}</strong> core-hours more; <a href=\"#accounts\">the accounts</a> have it all.</p>",
            several(judged.len(), "claim"),
            several(self.done.len(), "experiment"),
            several(runs, "run"),
            several(seeds(self.done.iter().map(|d| d.1)), "different seed"),
            count(censored as u64),
            self.waits()
        );
    }

    /// Core-hours that all that waits is estimated at.
    fn waits(&self) -> f64 {
        let experiments = self.open.iter().filter_map(|e| e.cost_core_hours);
        experiments.chain(self.claims.iter().filter_map(|j| j.claim.cost_core_hours)).sum()
    }

    /// The section.
    pub fn section(&self, out: &mut String) {
        out.push_str("<section id=\"accounts\">\n<h2>Accounts</h2>\n<p>Every run counts, those that failed too; an experiment that several claims share counts once. A run is censored where it did not \
             generalise within its budget. A seed is a set of four (first weights, split, batches, noise); experiments use the same ones again, so the last line has fewer than the sum.</p>\n");
        let by = |d: &Data| ["numerics class", "machine"].iter().filter_map(|k| d.said(k)).map(text).collect::<Vec<_>>().join("; ");
        let makers: BTreeSet<String> = self.done.iter().map(|d| by(d.1)).collect();
        // What made all of them is said once.
        let single = makers.len() == 1;
        if let (Some(maker), true) = (makers.first(), single) {
            let _ = writeln!(out, "<p>All were made by: {maker}.</p>");
        }
        let head = ["experiment", "about", "grid", "runs", "of them in f64", "seeds", "censored", "core-hours", "made by"];
        open_table(out, "results by experiment", if single { &head[..8] } else { &head });
        for (e, d) in &self.done {
            let _ = writeln!(
                out,
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.2}</td>{}</tr>",
                text(&e.name),
                text(&e.about),
                text(d.said("scope").unwrap_or("–")),
                count(d.runs.len() as u64),
                d.runs.iter().filter(|r| r.twin).count(),
                seeds([*d]),
                censored(d),
                d.core_hours(),
                if single { String::new() } else { format!("<td><small>{}</small></td>", by(d)) }
            );
        }
        let all = || self.done.iter().map(|d| d.1);
        let _ = write!(
            out,
            "</tbody>\n<tfoot><tr><th scope=\"row\">all</th><td></td><td></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.2}</td>{}</tr></tfoot>\n</table></div>\n",
            count(all().map(|d| d.runs.len() as u64).sum()),
            all().flat_map(|d| &d.runs).filter(|r| r.twin).count(),
            seeds(all()),
            count(all().map(|d| censored(d) as u64).sum()),
            all().map(Data::core_hours).sum::<f64>(),
            if single { "" } else { "<td></td>" }
        );
        if !self.open.is_empty() || !self.claims.is_empty() {
            self.waiting(out);
        }
        out.push_str("</section>\n");
    }

    fn waiting(&self, out: &mut String) {
        out.push_str("<h3>What waits</h3>\n");
        open_table(out, "what waits", &["what", "for what", "core-hours, estimated"]);
        let hours = |h: Option<f64>| h.map_or("not estimated".to_string(), |h| format!("{h:.1}"));
        for e in &self.open {
            let _ =
                writeln!(out, "<tr><th scope=\"row\">experiment {}</th><td>{}</td><td>{}</td></tr>", text(&e.name), text(&e.about), hours(e.cost_core_hours));
        }
        for j in &self.claims {
            let (id, why) = (j.claim.id(), j.reason.as_deref().unwrap_or("–"));
            let _ = writeln!(
                out,
                "<tr><th scope=\"row\"><a href=\"#{}\">{}</a></th><td>{}</td><td>{}</td></tr>",
                slug(&id),
                text(&id),
                text(why),
                hours(j.claim.cost_core_hours)
            );
        }
        let _ = write!(out, "</tbody>\n<tfoot><tr><th scope=\"row\">all</th><td></td><td>{:.1}</td></tr></tfoot>\n</table></div>\n", self.waits());
    }
}

/// Everything that papers leave open, and what we made of it.
pub(super) fn ambiguities(out: &mut String, judged: &[Judged]) {
    let n: usize = judged.iter().map(|j| j.claim.ambiguities.len()).sum();
    if n == 0 {
        return;
    }
    out.push_str("<section id=\"open\">\n<h2>What the papers leave open</h2>\n");
    open_table(out, "what the papers leave open", &["claim", "open in the paper", "resolved here", "how far the verdict depends on it"]);
    for j in judged {
        for a in &j.claim.ambiguities {
            let id = j.claim.id();
            let key = a.key.as_ref().map(|k| format!(" <small>(swept: {})</small>", text(k))).unwrap_or_default();
            let _ = writeln!(
                out,
                "<tr><th scope=\"row\"><a href=\"#{}\">{}</a></th><td>{}{key}</td><td>{}</td><td>{}</td></tr>",
                slug(&id),
                text(&id),
                text(&a.what),
                text(&a.resolved),
                text(&a.matters)
            );
        }
    }
    out.push_str("</tbody>\n</table></div>\n</section>\n");
}
