//! A claim judged: everything that a page, a table or a line needs.

use crate::claims::claim::{Claim, Part, Published};
use crate::claims::guard::{Guard, Leak, Outcome, decide_part, guards, target};
use crate::claims::ledger::Ledger;
use crate::claims::rule::{Decision, Estimate, Kind, Scale, Verdict, combine};
use pennydrop_stats::holm;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A part judged.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedPart {
    /// As written.
    pub part: Part,
    /// Its verdict.
    pub verdict: Verdict,
    /// The estimate; `None` without results.
    pub estimate: Option<Estimate>,
    /// How it was decided.
    pub decision: Option<Decision>,
    /// p after Holm's adjustment over all decided parts of the paper.
    pub holm: Option<f64>,
    /// What could be wrong.
    pub guards: Vec<Guard>,
    /// Why there is no estimate.
    pub why: Option<String>,
}

/// What a claim's runs were.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Accounting {
    /// Runs of its experiments.
    pub runs: usize,
    /// Of them, those that did not generalise within their budget.
    pub censored: usize,
    /// Different seeds.
    pub seeds: usize,
    /// Core-hours that they took.
    pub core_hours: f64,
    /// Core-hours that it waits for.
    pub waiting_core_hours: Option<f64>,
}

/// What made an experiment's results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The experiment.
    pub experiment: String,
    /// What it is.
    pub about: String,
    /// Lines of the results' head, but for those of other claims.
    pub head: Vec<(String, String)>,
}

/// A claim judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// As written.
    pub claim: Claim,
    /// Its verdict.
    pub verdict: Verdict,
    /// Parts of each verdict, for `partly`.
    pub parts: Vec<JudgedPart>,
    /// What its runs were.
    pub accounting: Accounting,
    /// The command that trains what decides it.
    pub command: String,
    /// Hash of the rule as it stands.
    pub rule: String,
    /// Hashes of the rule under which its results were made, where they differ from it.
    pub registered: Vec<String>,
    /// The rule was changed, or written down, after its data.
    pub after_data: bool,
    /// What made its results.
    pub made: Vec<Made>,
    /// For what it waits, or what is missing.
    pub reason: Option<String>,
}

/// Judges these claims; Holm's adjustment runs over all parts of each paper in the ledger that have results.
pub fn judge(ledger: &Ledger, claims: &[&Claim]) -> Vec<Judged> {
    let papers: BTreeSet<&str> = claims.iter().map(|c| c.paper.as_str()).collect();
    let wanted: BTreeSet<String> = claims.iter().map(|c| c.id()).collect();
    let concerned: Vec<&Claim> = ledger.claims.values().filter(|c| papers.contains(c.paper.as_str())).collect();
    let with_data = ledger.needed(&concerned).into_iter().filter(|e| ledger.data.contains_key(&e.name));
    let unknown = |why| (Outcome::NotApplicable, format!("its data cannot be made: {why}"));
    let leaks: Leaks = with_data.map(|e| (e.name.clone(), e.leakage().unwrap_or_else(unknown))).collect();
    let mut all: Vec<Judged> = concerned.into_iter().map(|c| one(ledger, c, &leaks)).collect();
    for paper in papers {
        let mut parts: Vec<&mut JudgedPart> = all.iter_mut().filter(|j| j.claim.paper == paper).flat_map(|j| &mut j.parts).collect();
        parts.retain(|p| p.decision.as_ref().is_some_and(|d| d.p.is_finite()));
        let p: Vec<f64> = parts.iter().filter_map(|p| p.decision.as_ref().map(|d| d.p)).collect();
        if let Ok(adjusted) = holm(&p) {
            parts.into_iter().zip(adjusted).for_each(|(part, p)| part.holm = Some(p));
        }
    }
    all.retain(|j| wanted.contains(&j.claim.id()));
    all
}

/// Of each experiment with results, whether and how far training and test share examples.
type Leaks = BTreeMap<String, Leak>;

fn one(ledger: &Ledger, claim: &Claim, leaks: &Leaks) -> Judged {
    let id = claim.id();
    let rule = ledger.rule_hash(claim);
    let parts: Vec<JudgedPart> = claim.parts.iter().map(|p| judge_part(ledger, p, claim.kind == Kind::Absence, leaks)).collect();
    let experiments = ledger.needed(&[claim]);
    let mut accounting = Accounting { waiting_core_hours: claim.cost_core_hours, ..Accounting::default() };
    let (mut made, mut registered, mut seeds, mut missing) = (Vec::new(), Vec::new(), BTreeSet::new(), 0.0);
    for e in &experiments {
        let Some(data) = ledger.data.get(&e.name) else {
            missing += e.cost_core_hours.unwrap_or(0.0);
            continue;
        };
        accounting.runs += data.runs.len();
        accounting.censored += data.runs.iter().filter(|r| r.t_grok.is_none()).count();
        accounting.core_hours += data.core_hours();
        seeds.extend(data.runs.iter().map(|r| r.seeds));
        let then = data.said(&format!("rule {id}")).unwrap_or("none");
        if then != rule && !registered.contains(&then.to_string()) {
            registered.push(then.to_string());
        }
        let head = data.head.iter().filter(|(k, _)| !k.starts_with("rule ") || *k == format!("rule {id}")).cloned().collect();
        made.push(Made { experiment: e.name.clone(), about: e.about.clone(), head });
    }
    accounting.seeds = seeds.len();
    let verdicts: Vec<Verdict> = parts.iter().map(|p| p.verdict).collect();
    let (verdict, reason) = match (&claim.not_testable, &claim.identity, &claim.waiting) {
        (Some(why), ..) => (Verdict::NotTestable, Some(why.clone())),
        (_, Some(why), _) => (Verdict::Identity, Some(why.clone())),
        (.., Some(why)) => (Verdict::Waiting, Some(why.clone())),
        _ => {
            let v = combine(&verdicts);
            let identical = |p: &JudgedPart| p.guards.iter().any(|g| g.name == "identity" && g.outcome == Outcome::Failed);
            let v = if v == Verdict::Reproduced && parts.iter().all(identical) { Verdict::Identity } else { v };
            (v, parts.iter().find_map(|p| p.why.clone()).filter(|_| matches!(v, Verdict::Waiting | Verdict::NotTestable)))
        }
    };
    if missing > 0.0 {
        accounting.waiting_core_hours = Some(accounting.waiting_core_hours.unwrap_or(0.0) + missing);
    }
    let after_data = !registered.is_empty();
    Judged { claim: claim.clone(), verdict, parts, accounting, command: format!("pennydrop claims run {id}"), rule, registered, after_data, made, reason }
}

fn judge_part(ledger: &Ledger, part: &Part, absence: bool, leaks: &Leaks) -> JudgedPart {
    let leaks: Vec<Leak> = part.experiments().filter_map(|e| leaks.get(e).cloned()).collect();
    let open = |why: String| JudgedPart {
        part: part.clone(),
        verdict: Verdict::Waiting,
        estimate: None,
        decision: None,
        holm: None,
        guards: Vec::new(),
        why: Some(why),
    };
    let data = match ledger.results(part) {
        Ok(data) => data,
        Err(name) => return open(format!("the runs of the experiment {name}")),
    };
    match decide_part(part, &part.query, &data) {
        // Its runs are there, and what it reads is not in them, or in too few: it is not the registered runs that it waits for.
        Err(why) => {
            let verdict = if part.query.is_answered_by(&data) { Verdict::NotTestable } else { Verdict::Waiting };
            JudgedPart { verdict, ..open(format!("{}: {why}", part.experiment)) }
        }
        Ok((estimate, decision)) => JudgedPart {
            verdict: decision.verdict,
            guards: guards(part, &estimate, &decision, &data, absence, &leaks),
            estimate: Some(estimate),
            decision: Some(decision),
            ..JudgedPart { why: None, ..open(String::new()) }
        },
    }
}

/// A number, or the word that stands for one that JSON cannot hold.
fn finite(x: f64) -> Value {
    if x.is_finite() { json!(x) } else { Value::Null }
}

impl JudgedPart {
    /// Whether its verdict stands after Holm's adjustment at 5 %; `None` where nothing was decided, or no p belongs to it. A verdict is by intervals of 95 % and
    /// stays as it is; this says how far it could be the luck of many parts.
    pub fn survives_holm(&self) -> Option<bool> {
        let decided = !matches!(self.verdict, Verdict::Inconclusive | Verdict::Waiting);
        self.holm.filter(|_| decided).map(|p| p <= 0.05)
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        let p = &self.part;
        let published = match &p.published {
            Some(Published::Number(x)) => json!(x),
            Some(Published::Name(n)) => json!(n),
            None => Value::Null,
        };
        let scale = |s: Scale| match s {
            Scale::Linear => "linear",
            Scale::Log => "log",
            Scale::Sign => "sign",
        };
        json!({
            "name": p.name,
            "experiment": p.experiment,
            "statistic": p.query.statistic.row.name,
            "where": p.query.filter.words(),
            "against": p.query.against.words(),
            "along": p.query.along.iter().map(|f| f.words()).collect::<Vec<_>>(),
            "twin": p.query.twin,
            "published": published,
            "published_se": target(p).and_then(|t| t.se),
            "verdict": self.verdict.name(),
            "why": self.why,
            "estimate": self.estimate.as_ref().map(|e| json!({
                "value": finite(e.value), "low": finite(e.low), "high": finite(e.high), "beyond": e.value == f64::INFINITY, "below": e.is_below(),
                "n": e.n, "censored": e.censored, "scale": scale(e.scale), "note": e.note,
            })),
            "decision": self.decision.as_ref().map(|d| json!({
                "delta": finite(d.delta), "low": finite(d.low), "high": finite(d.high), "margin": d.margin,
                "assumed_published_se": d.assumed_se, "p": finite(d.p), "p_holm": self.holm, "survives_holm": self.survives_holm(), "more_seeds": d.more,
            })),
            "guards": self.guards.iter().map(|g| json!({"name": g.name, "outcome": g.outcome.name(), "says": g.says})).collect::<Vec<_>>(),
        })
    }
}

impl Judged {
    /// The parts of each verdict.
    pub fn by_verdict(&self) -> BTreeMap<Verdict, usize> {
        let mut counts = BTreeMap::new();
        self.parts.iter().for_each(|p| *counts.entry(p.verdict).or_default() += 1);
        counts
    }

    /// The verdict with what must be said beside it: `partly (3 of 5)`.
    pub fn words(&self) -> String {
        let counts = self.by_verdict();
        let holds = [Verdict::Reproduced, Verdict::Stronger].iter().filter_map(|v| counts.get(v)).sum::<usize>();
        if self.verdict == Verdict::Partly { format!("partly ({holds} of {})", self.parts.len()) } else { self.verdict.name().to_string() }
    }

    /// As JSON: the file beside the claim, and an element of `claims list --json`.
    pub fn to_json(&self) -> Value {
        let c = &self.claim;
        json!({
            "schema": "pennydrop.claim/1",
            "id": c.id(),
            "paper": c.paper,
            "number": c.number,
            "place": c.place,
            "claim": c.claim,
            "kind": c.kind.name(),
            "generalising": c.generalising,
            "strength": c.strength,
            "reconstructed": c.reconstructed,
            "setting": c.setting,
            "ambiguities": c.ambiguities.iter().map(|a| json!({"what": a.what, "resolved": a.resolved, "matters": a.matters, "key": a.key})).collect::<Vec<_>>(),
            "depends": c.depends,
            "verdict": self.verdict.name(),
            "reason": self.reason,
            "rule": self.rule,
            "rule_changed_after_data": self.after_data,
            "registered_rules": self.registered,
            "command": self.command,
            "runs": self.accounting.runs,
            "censored": self.accounting.censored,
            "seeds": self.accounting.seeds,
            "core_hours": self.accounting.core_hours,
            "waiting_core_hours": self.accounting.waiting_core_hours,
            "made": self.made.iter().map(|m| json!({"experiment": m.experiment, "about": m.about, "head": m.head.iter().map(|(k, v)| (k.clone(), json!(v))).collect::<serde_json::Map<_, _>>()})).collect::<Vec<_>>(),
            "parts": self.parts.iter().map(JudgedPart::to_json).collect::<Vec<_>>(),
        })
    }

    /// The text of its file.
    pub fn to_file(&self) -> String {
        format!("{:#}\n", self.to_json())
    }
}
