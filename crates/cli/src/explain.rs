//! `explain`: what a step costs.

use crate::args::ExplainArgs;
use crate::{config, output};
use pennydrop_lab::explain::{Cost, explain as measure};
use pennydrop_lab::words::bytes;
use pennydrop_lab::{Error, Job, json as lab_json};
use serde_json::{Map, Value, json};

pub fn explain(a: &ExplainArgs) -> Result<u8, Error> {
    let job = Job::new(config::spec(&a.spec)?)?;
    let cost = measure(&job, a.how.threads.map_or(1, usize::from), a.time)?;
    if a.how.json {
        output::json(&as_json(&cost));
    } else {
        output::data(&text(&job.spec.label, &cost, a.kernels));
    }
    Ok(0)
}

fn as_json(c: &Cost) -> Value {
    let mut m = Map::new();
    m.insert("schema".into(), json!("pennydrop.explain/1"));
    m.insert("engine".into(), json!({"version": pennydrop_lab::machine::ENGINE, "numerics": pennydrop_train::NUMERICS, "level": c.level}));
    for (key, x) in [
        ("operations_plain", c.operations_plain),
        ("operations", c.operations),
        ("bytes_plain", c.bytes_plain),
        ("bytes", c.bytes),
        ("buffer_bytes", c.buffer_bytes as f64),
        ("ms_per_step", c.ms_per_step),
        ("min_ms_per_step", c.min_ms_per_step),
        ("peak_gflops", c.peak_gflops),
        ("peak_share", c.peak_share),
    ] {
        lab_json::put(&mut m, key, x);
    }
    m.insert("steps".into(), json!(c.steps));
    m.insert("threads".into(), json!(c.threads));
    m.insert("batch".into(), json!(c.batch));
    let rewrites = c.rewrites.iter().map(|r| {
        json!({
            "name": r.name,
            "summary": r.summary,
            "on": r.on,
            "operations_after": r.operations_after,
            "operations_saved": r.operations_saved,
            "operations_if_off": r.operations_if_off,
            "ms_if_off": r.ms_if_off,
        })
    });
    m.insert("rewrites".into(), rewrites.collect());
    m.insert("kernels".into(), c.kernels.iter().map(|(k, ms)| json!({"kernel": k, "ms": ms})).collect());
    Value::Object(m)
}

fn operations(x: f64) -> String {
    match x.abs() {
        n if n < 1e3 => format!("{x:.0}"),
        n if n < 1e6 => format!("{:.0} k", x / 1e3),
        n if n < 1e9 => format!("{:.1} M", x / 1e6),
        _ => format!("{:.3} G", x / 1e9),
    }
}

fn text(label: &str, c: &Cost, kernels: usize) -> String {
    let mut out = format!("one training step of {label}: {} examples, {} thread{}, {}\n\n", c.batch, c.threads, if c.threads == 1 { "" } else { "s" }, c.level);
    out += &output::table(&[
        vec!["operations as usually written".into(), operations(c.operations_plain)],
        vec!["operations of this program".into(), operations(c.operations), format!("{:.1} times fewer", c.operations_plain / c.operations)],
        vec!["bytes, each result written and read once".into(), bytes(c.bytes), format!("as usually written {}", bytes(c.bytes_plain))],
        vec!["buffers".into(), bytes(c.buffer_bytes as f64)],
        vec!["time".into(), format!("{:.3} ms", c.ms_per_step), format!("median of {} steps; the fastest {:.3} ms", c.steps, c.min_ms_per_step)],
        vec!["peak of a core".into(), format!("{:.1} GFLOP/s", c.peak_gflops), "a 1024³ matrix product, measured just now".into()],
        vec!["share of the peak".into(), format!("{:.0} %", 100.0 * c.peak_share)],
    ]);
    let timed = c.rewrites.iter().any(|r| r.ms_if_off.is_some());
    let mut rows = vec![vec!["rewrite".to_string(), "operations after".into(), "saved".into(), "saves now".into()]];
    if timed {
        rows[0].push("saves now".into());
    }
    rows[0].push(String::new());
    for r in &c.rewrites {
        let mut row = vec![r.name.to_string(), operations(r.operations_after), operations(r.operations_saved)];
        row.push(if r.on { operations(r.operations_if_off) } else { "is off".into() });
        if timed {
            row.push(r.ms_if_off.map_or("–".into(), |ms| format!("{ms:+.2} ms")));
        }
        row.push(r.summary.to_string());
        rows.push(row);
    }
    out += &format!("\n{}", output::table(&rows));
    let total: f64 = c.kernels.iter().map(|k| k.1).sum();
    out += &format!("\nkernels: {} elementwise, {} matrix products, {} decompositions; the dearest, on one thread\n", c.counts.0, c.counts.1, c.counts.2);
    out += &output::table(
        &c.kernels.iter().take(kernels).map(|(k, ms)| vec![format!("{ms:8.3} ms"), format!("{:4.1} %", 100.0 * ms / total), k.clone()]).collect::<Vec<_>>(),
    );
    out
}
