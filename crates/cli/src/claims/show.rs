//! `claims show`: one claim with everything that its verdict rests on.

use super::notes;
use crate::output;
use pennydrop_lab::Error;
use pennydrop_lab::claims::guard::Outcome;
use pennydrop_lab::claims::{Ledger, judge};
use pennydrop_lab::words::count;
use serde_json::Value;
use std::path::Path;

fn short(x: f64) -> String {
    match x.abs() {
        a if !a.is_finite() => if x > 0.0 { "∞" } else { "−∞" }.to_string(),
        a if a >= 1000.0 => format!("{x:.0}"),
        a if a >= 10.0 => format!("{x:.1}"),
        a if a > 0.0 && a < 0.01 => format!("{x:.2e}"),
        _ => format!("{x:.3}"),
    }
}

pub(super) fn show(folder: Option<&Path>, id: &str, as_json: bool) -> Result<u8, Error> {
    let ledger = Ledger::open(folder)?;
    let found = ledger.find(id)?;
    let judged = judge(&ledger, &found);
    let [j] = &judged[..] else {
        return Err(Error::usage(
            format!("`{id}` means {} claims", judged.len()),
            format!("one of {}", found.iter().map(|c| c.id()).collect::<Vec<_>>().join(", ")),
        ));
    };
    if as_json {
        output::json(&j.to_json());
        return Ok(0);
    }
    let c = &j.claim;
    let mut out = format!("{} ({}): {}\n\nverdict  {}", c.id(), c.place, c.claim, j.words());
    for note in notes(&ledger, j) {
        out += &format!("; {note}");
    }
    if let Some(reason) = &j.reason {
        out += &format!(": {reason}");
    }
    let reconstructed = if c.reconstructed { ", a definition of it reconstructed by us" } else { "" };
    out += &format!("\nkind     {}, of {}; the test is {}{reconstructed}\nsetting  {}\n", c.kind.name(), c.generalising, c.strength, c.setting);
    if !j.parts.is_empty() {
        let mut rows = vec![["part", "ours", "95 %", "paper", "δ", "margin", "runs", "censored", "p (Holm)", "verdict"].map(String::from).to_vec()];
        for p in &j.parts {
            let json = p.to_json();
            let paper = match &json["published"] {
                Value::Number(n) => short(n.as_f64().unwrap_or(f64::NAN)),
                Value::String(s) => s.clone(),
                _ => "–".into(),
            };
            let cells = match (&p.estimate, &p.decision) {
                (Some(e), Some(d)) => {
                    let more = d.more.map_or(String::new(), |n| format!(", about {} more seeds", count(n)));
                    let interval = format!("{} to {}", short(e.low), short(e.high));
                    let delta = format!("{} [{}, {}]", short(d.delta), short(d.low), short(d.high));
                    let holm = p.holm.map_or("–".into(), short);
                    vec![
                        e.words(short),
                        interval,
                        paper,
                        delta,
                        short(d.margin),
                        e.n.to_string(),
                        e.censored.to_string(),
                        holm,
                        p.verdict.name().to_string() + &more + if p.survives_holm() == Some(false) { ", not after Holm" } else { "" },
                    ]
                }
                _ => vec!["–".into(), "–".into(), paper, "–".into(), "–".into(), "–".into(), "–".into(), "–".into(), p.verdict.name().to_string()],
            };
            rows.push(std::iter::once(p.part.name.clone()).chain(cells).collect());
        }
        out += &format!("\n{}", output::table(&rows));
    }
    for p in &j.parts {
        if let Some(why) = &p.why {
            out += &format!("{}: {why}\n", p.part.name);
        }
        for g in p.guards.iter().filter(|g| g.outcome != Outcome::NotApplicable) {
            out += &format!("{}: {} {}: {}\n", p.part.name, g.name, g.outcome.name(), g.says);
        }
        if let Some(e) = p.estimate.as_ref().filter(|e| !e.note.is_empty()) {
            out += &format!("{}: {}\n", p.part.name, e.note);
        }
    }
    for a in &c.ambiguities {
        out += &format!("open     {}: {} ({})\n", a.what, a.resolved, a.matters);
    }
    out += &format!(
        "\nrule     {}{}\nruns     {} ({} censored, {} seeds), {:.2} core-hours\ncommand  {}\n",
        j.rule,
        if j.after_data { format!(", its results were made under {}", j.registered.join(", ")) } else { String::new() },
        count(j.accounting.runs as u64),
        count(j.accounting.censored as u64),
        j.accounting.seeds,
        j.accounting.core_hours,
        j.command
    );
    output::data(&out);
    Ok(0)
}
