//! `claims list`: every claim with its verdict.

use super::{differs, notes};
use crate::output;
use pennydrop_lab::Error;
use pennydrop_lab::claims::{Ledger, Verdict, judge};
use pennydrop_lab::words::count;
use serde_json::{Value, json};
use std::path::Path;

pub(super) fn list(folder: Option<&Path>, paper: &str, as_json: bool) -> Result<u8, Error> {
    let ledger = Ledger::open(folder)?;
    let judged = judge(&ledger, &ledger.find(paper)?);
    if as_json {
        let claims: Vec<Value> = judged
            .iter()
            .map(|j| {
                let mut v = j.to_json();
                v["file_differs"] = json!(differs(&ledger, j));
                v
            })
            .collect();
        output::json(&json!({"schema": "pennydrop.claims/1", "claims": claims}));
        return Ok(0);
    }
    let mut rows = vec![["claim", "verdict", "kind", "strength", "runs", "core-hours", "notes", "says"].map(String::from).to_vec()];
    for j in &judged {
        let hours = match j.accounting.waiting_core_hours.filter(|_| j.verdict == Verdict::Waiting) {
            Some(h) => format!("needs {h:.1}"),
            None => format!("{:.2}", j.accounting.core_hours),
        };
        let runs = count(j.accounting.runs as u64);
        rows.push(vec![
            j.claim.id(),
            j.words(),
            j.claim.kind.name().into(),
            j.claim.strength.clone(),
            runs,
            hours,
            notes(&ledger, j).join("; "),
            j.claim.claim.clone(),
        ]);
    }
    output::data(&output::table(&rows));
    let of = |v: Verdict| judged.iter().filter(|j| j.verdict == v).count();
    let counts: Vec<String> = Verdict::ALL.into_iter().filter(|v| of(*v) > 0).map(|v| format!("{} {}", of(v), v.name())).collect();
    output::talk(&format!("{} claims: {}", judged.len(), counts.join(", ")));
    Ok(0)
}
