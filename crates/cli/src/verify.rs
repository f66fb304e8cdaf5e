//! `verify` and `gc`: whether a campaign is as it was written, and tidying it up.

use crate::args::{GcArgs, VerifyArgs};
use crate::output;
use pennydrop_lab::campaign::check::retrain;
use pennydrop_lab::words::{bytes, count};
use pennydrop_lab::{Conditions, Error, Record, Signals, Unwatched};
use serde_json::json;

/// Exit code where a check failed.
const FAILED: u8 = 4;

pub fn verify(a: &VerifyArgs) -> Result<u8, Error> {
    let record = Record::read(&a.folder)?;
    let found = record.verify()?;
    let whole = found.problems.is_empty();
    if !a.how.quiet {
        output::talk(&format!(
            "{} parts, {} segments, {} rows, {} states: {}",
            count(found.parts as u64),
            count(found.segments as u64),
            count(found.rows),
            count(found.tensors as u64),
            if whole { "every byte is as it was written" } else { "not as they were written" }
        ));
        for (path, n) in &found.torn {
            output::talk(&format!("{} ends inside a row ({n} bytes of it): its writer was killed, or writes now; whole rows are kept", path.display()));
        }
        if !found.litter.is_empty() {
            output::talk(&format!("{} left-over files, which nobody reads: pennydrop gc {}", found.litter.len(), a.folder.display()));
        }
    }
    let mut code = 0;
    for problem in &found.problems {
        code = code.max(problem.class().exit_code());
        output::talk(&format!("error: {problem}"));
    }
    let signals = Signals::listen()?;
    let conditions = Conditions { threads: a.how.threads(), signals: &signals, watch: &Unwatched };
    // Rows that cannot be read cannot be compared.
    let again = if whole { retrain(&record, a.sample, a.sample_seed, &conditions)? } else { Vec::new() };
    let (mut same, mut differ, mut skipped) = (0, 0, 0);
    for r in &again {
        match (&r.skipped, &r.differs[..]) {
            (Some(why), _) => {
                skipped += 1;
                output::talk(&format!("run {}: not compared: {why}", r.run_id));
            }
            (None, []) => same += 1,
            (None, what) => {
                differ += 1;
                output::talk(&format!("run {} differs: {}", r.run_id, what.join("; ")));
            }
        }
    }
    if differ > 0 {
        code = code.max(FAILED);
    }
    if a.how.json {
        output::json(&json!({
            "schema": "pennydrop.verify/1",
            "record": a.folder.display().to_string(),
            "parts": found.parts,
            "segments": found.segments,
            "rows": found.rows,
            "states": found.tensors,
            "problems": found.problems.iter().map(|e| e.to_string()).collect::<Vec<_>>(),
            "torn": found.torn.len(),
            "litter": found.litter.len(),
            "retrained": again.iter().map(|r| json!({"run_id": r.run_id, "same": r.skipped.is_none() && r.differs.is_empty(), "differs": r.differs, "skipped": r.skipped})).collect::<Vec<_>>(),
        }));
    } else {
        output::data(&format!("{same} runs trained again have the same bits, {differ} differ, {skipped} could not be compared\n"));
    }
    Ok(if signals.stop() { 75 } else { code })
}

pub fn gc(a: &GcArgs) -> Result<u8, Error> {
    let swept = Record::read(&a.folder)?.campaign().gc(a.age)?;
    if a.json {
        output::json(&json!({
            "schema": "pennydrop.gc/1",
            "record": a.folder.display().to_string(),
            "segments": swept.segments,
            "parts": swept.parts,
            "written": swept.written,
            "leases": swept.leases,
            "litter": swept.litter,
            "files": swept.files,
            "bytes": swept.bytes,
        }));
    } else {
        output::data(&format!(
            "{} segments of dead workers taken in, {} parts made into {}, {} left-overs: {} files removed, {}\n",
            swept.segments,
            swept.parts,
            swept.written,
            swept.litter + swept.leases,
            swept.files,
            bytes(swept.bytes as f64)
        ));
    }
    Ok(0)
}
