//! A tournament as JSON: `pennydrop.tournament/1`.

use crate::record::Record;
use crate::spec::sweep::key_name;
use crate::tournament::arms::Tournament;
use crate::tournament::choice::{RULE, Tuned};
use crate::tournament::judge::{InUnit, Outcome, Standing};
use crate::view::summary::CONFIDENCE;
use pennydrop_registry::Value as Given;
use pennydrop_stats::QuantileEstimate;
use serde_json::{Map, Value, json};

fn value(v: &Given) -> Value {
    match v {
        Given::Bool(b) => json!(b),
        Given::Int(i) => json!(i),
        Given::Float(x) => json!(x),
        Given::Str(s) => json!(s),
        Given::List(v) => v.iter().map(value).collect(),
    }
}

fn setting(t: &Tournament, arm: usize, setting: usize) -> Value {
    let design = &t.arms[arm].tuning;
    let pairs: Map<String, Value> = design.keys.iter().zip(&design.settings[setting].values).map(|(k, v)| (key_name(k), value(v))).collect();
    Value::Object(pairs)
}

fn quantile(q: &QuantileEstimate) -> Value {
    json!({"estimate": q.estimate, "low": q.low, "high": q.high})
}

fn unit(u: &InUnit, horizon: f64) -> Value {
    json!({
        "horizon": horizon,
        "restricted_mean": u.mean.map(|m| m.mean),
        "standard_error": u.mean.map(|m| m.standard_error),
        "interval": u.mean.and_then(|m| m.interval(CONFIDENCE).ok()),
        "difference": u.against.map(|a| json!({
            "estimate": a.difference,
            "low": a.interval.map(|i| i.0),
            "high": a.interval.map(|i| i.1),
            "p": a.p,
            "p_holm": a.holm,
            "p_log_rank": a.log_rank,
        })),
    })
}

fn tuning(t: &Tournament, arm: usize, x: &Tuned) -> Value {
    let tried = x.tried.iter().map(|s| {
        json!({
            "setting": setting(t, arm, s.setting),
            "restricted_mean": s.restricted.map(|r| r.mean),
            "grokked": s.grokked,
            "diverged": s.diverged,
            "steps": s.steps,
            "flop_per_step": s.flop_per_step,
        })
    });
    json!({
        "settings": x.tried.len(),
        "runs": t.arms[arm].tuning.runs(),
        "steps": x.steps(),
        "flop": x.flop(),
        "tried": tried.collect::<Vec<_>>(),
        "best_of": x.best_of,
        "restricted_mean": x.best().restricted.map(|r| r.mean),
    })
}

fn arm(t: &Tournament, a: usize, x: &Tuned, s: &Standing, outcome: &Outcome) -> Value {
    json!({
        "name": s.name,
        "words": t.arms[a].words,
        "in_competition": s.competes(),
        "leaks": s.leaks,
        "not_matched": s.unmatched,
        "chosen": setting(t, a, x.chosen),
        "chosen_at_edge": x.edges,
        "tuning": tuning(t, a, x),
        "judging": {
            "n": s.n,
            "grokked": s.grokked,
            "censored": s.censored,
            "diverged": s.diverged,
            "memorised": s.memorised,
            "t_grok": quantile(&s.median),
            "steps": unit(&s.units[0], outcome.horizons[0]),
            "flop": unit(&s.units[1], outcome.horizons[1]),
            "flop_per_step": s.flop_per_step,
            "seconds_per_step": s.seconds_per_step,
            "delay": s.delay.as_ref().map(quantile),
            "times": s.units[0].times.iter().map(|o| json!({"step": o.time, "grokked": o.event})).collect::<Vec<_>>(),
            "runs": s.ids,
        },
    })
}

/// The whole of it.
pub fn outcome(t: &Tournament, tuned: &[Tuned], outcome: &Outcome, record: &Record, hash: &str) -> Value {
    let first = |u: usize| outcome.first[u].map(|a| outcome.arms[a].name.as_str());
    let log_rank = |u: usize| outcome.log_rank[u].as_ref().map(|l| json!({"statistic": l.statistic, "df": l.df, "p": l.p}));
    json!({
        "schema": "pennydrop.tournament/1",
        "record": record.folder().display().to_string(),
        "tournament": hash,
        "label": t.base.label,
        "words": t.common,
        "rule": RULE,
        "settings": t.terms.settings,
        "sample_seed": t.terms.sample_seed,
        "tuning_seeds": [0, t.terms.seeds - 1],
        "judging_seeds": [t.terms.seeds, t.terms.seeds + t.terms.judge - 1],
        "budget": t.budget(),
        "confidence": CONFIDENCE,
        "reference": outcome.arms[outcome.reference].name,
        "smallest_mean": {"steps": first(0), "flop": first(1)},
        "log_rank": {"steps": log_rank(0), "flop": log_rank(1)},
        "flop": "operations of a step as the engine runs it, after rewrites, the update rule included and evaluations left out, times steps; a multiply-add is two",
        "delay": "secondary: slowing memorisation shortens it",
        "arms": t.arms.iter().enumerate().map(|(a, _)| arm(t, a, &tuned[a], &outcome.arms[a], outcome)).collect::<Vec<_>>(),
    })
}
