//! Streams, keys of the JSON, and the commands that only print.

use crate::{TINY, call, only, pennydrop, tiny};
use std::io::Read;
use std::process::Stdio;

#[test]
fn the_json_of_a_run_has_its_keys() {
    let folder = tempfile::tempdir().unwrap();
    let answer = tiny(folder.path(), &["train.steps=60"]);
    assert_eq!(answer["schema"], "pennydrop.run/1");
    assert!(answer["engine"]["version"].is_string() && answer["engine"]["numerics"].is_u64());
    let r = only(&answer);
    for key in
        ["run_id", "seed", "stop", "t_mem", "t_grok", "delay", "crossings", "censored", "steps", "wall_s", "steps_per_s", "final", "weights_hash", "record"]
    {
        assert!(r.get(key).is_some(), "{key} is missing: {r}");
    }
    assert_eq!((&r["stop"], &r["steps"], &r["seed"], &r["censored"]), (&"steps".into(), &60.into(), &0.into(), &true.into()));
    for key in ["train_loss", "test_loss", "train_accuracy", "test_accuracy", "norm", "norms"] {
        assert!(r["final"].get(key).is_some(), "final.{key} is missing");
    }
    assert!(r["final"]["norms"]["embed.W_E"].as_f64().unwrap() > 0.0);
    let crossings = r["crossings"].as_array().unwrap();
    for (curve, level) in [("train", 0.5), ("train", 0.9), ("test", 0.95), ("test", 0.99)] {
        for kind in ["first", "first_sustained"] {
            assert!(crossings.iter().any(|c| c["curve"] == curve && c["level"] == level && c["kind"] == kind), "{curve} {level} {kind}");
        }
    }
    let record = folder.path().join(answer["record"].as_str().unwrap());
    for file in ["campaign.toml", "figure.svg", "figure.png", "ckpt"] {
        assert!(record.join(file).exists(), "{file}");
    }
}

#[test]
fn numbers_that_are_none_are_null_with_a_sibling() {
    let folder = tempfile::tempdir().unwrap();
    let answer = tiny(folder.path(), &["optim.lr=1e30", "train.steps=50"]);
    let r = only(&answer);
    assert_eq!(r["stop"], "diverged", "{r}");
    let last = r["final"].as_object().unwrap();
    let bad: Vec<&String> =
        last.iter().filter(|(k, v)| v.is_null() && !k.ends_with("_nonfinite")).map(|(k, _)| k).filter(|k| !k.starts_with("fourier")).collect();
    assert!(!bad.is_empty(), "{r}");
    for key in bad {
        let which = last[&format!("{key}_nonfinite")].as_str().unwrap();
        assert!(["nan", "inf", "-inf"].contains(&which), "{key}: {which}");
    }
}

#[test]
fn talk_and_data_keep_to_their_streams() {
    let folder = tempfile::tempdir().unwrap();
    let with = |more: &[&str]| call(folder.path(), &["run"].into_iter().chain(TINY).chain(["train.steps=20"]).chain(more.iter().copied()).collect::<Vec<_>>());
    let plain = with(&[]);
    assert!(plain.out.is_empty() && plain.err.contains("stopped") && plain.err.contains("record"), "{}", plain.err);
    assert!(!plain.err.contains('\u{1b}'), "no terminal, no control codes: {:?}", plain.err);
    let quiet = with(&["--quiet"]);
    assert!(quiet.out.is_empty() && quiet.err.is_empty(), "{}{}", quiet.out, quiet.err);
    let json = with(&["--quiet", "--json"]);
    assert!(json.err.is_empty() && json.out.starts_with('{'));
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = pennydrop(folder.path()).args(["config", "schema"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let status = child.wait().unwrap();
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert!(status.success() && err.is_empty(), "{status} {err}");
}

#[test]
fn a_dry_run_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ran = call(folder.path(), &["run", "quickstart", "task.p=11", "--seeds", "3", "--dry-run"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("3 runs") && ran.out.contains("new") && ran.out.contains("bytes") && ran.out.contains("time"), "{}", ran.out);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn lists_show_every_member() {
    let folder = tempfile::tempdir().unwrap();
    let list = |words: &[&str]| {
        let ran = call(folder.path(), words);
        assert_eq!(ran.code, 0, "{words:?} {}", ran.err);
        ran.out
    };
    for (family, member) in [
        ("tasks", "x2+xy+y2"),
        ("models", "transformer"),
        ("optimizers", "adamw"),
        ("losses", "hinge"),
        ("presets", "norm-separation"),
        ("rewrites", "late-gather"),
        ("train", "train.steps"),
    ] {
        assert!(list(&["list", family]).contains(member), "{family}");
        let json: serde_json::Value = serde_json::from_str(&list(&["list", family, "--json"])).unwrap();
        assert!(json.to_string().contains(member), "{family}");
    }
    assert!(list(&["list", "models", "mlp"]).contains("model.widths"));
    assert!(list(&["config", "schema"]).contains("loss.smoothing"));
    assert!(list(&["completions", "bash"]).contains("pennydrop"));
}

#[test]
fn a_shown_spec_runs_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let shown = call(folder.path(), &["config", "show", "nanda", "task.p=13", "task.fraction=0.4"]);
    std::fs::write(folder.path().join("mine.toml"), &shown.out).unwrap();
    let again = call(folder.path(), &["config", "show", "mine.toml"]);
    let without_notes = |s: &str| s.lines().map(|l| l.split(" # ").next().unwrap_or_default().to_string()).collect::<Vec<_>>();
    assert_eq!(without_notes(&shown.out), without_notes(&again.out));
    assert!(shown.out.contains("fraction = 0.4 # typed") && shown.out.contains("smoothing = 0.0 # default"), "{}", shown.out);
}

#[test]
fn explain_counts_and_measures() {
    let folder = tempfile::tempdir().unwrap();
    let ran = call(folder.path(), &["explain", "nanda", "task.p=13", "model.d_model=16", "model.d_mlp=32", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let e: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let number = |k: &str| e[k].as_f64().unwrap_or_else(|| panic!("{k}: {e}"));
    for key in ["operations_plain", "operations", "bytes", "ms_per_step", "peak_gflops", "peak_share"] {
        assert!(number(key) > 0.0, "{key}");
    }
    assert!(number("operations_plain") > number("operations"));
    assert!(number("peak_share") < 1.0);
    assert_eq!(e["rewrites"].as_array().unwrap().len(), 7);
    let off = call(folder.path(), &["explain", "nanda", "task.p=13", "model.d_model=16", "model.d_mlp=32", "--json", "--no-rewrite", "domains"]);
    let off: serde_json::Value = serde_json::from_str(&off.out).unwrap();
    assert!(off["operations"].as_f64() > e["operations"].as_f64(), "{off}");
}

#[test]
fn the_doctor_finds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ran = call(folder.path(), &["doctor", "--json"]);
    assert!(ran.out.contains("\"bits\"") && [0, 4].contains(&ran.code), "{}{}", ran.out, ran.err);
}
