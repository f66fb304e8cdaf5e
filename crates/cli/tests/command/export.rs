//! A campaign's tables as files for other programs.

use crate::{call, pennydrop, tiny};
use serde_json::Value;
use std::process::Stdio;

#[test]
fn every_format_is_written_and_none_replaces_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let answer = tiny(folder.path(), &["train.steps=60", "--seeds", "2", "--out", "c"]);
    let id = |k: usize| answer["runs"][k]["run_id"].as_str().unwrap().to_string();
    let export = |words: &[&str]| call(folder.path(), &[&["export", "c"], words].concat());
    let csv = export(&[]);
    assert_eq!((csv.code, csv.err.as_str()), (0, ""));
    assert!(csv.out.starts_with("run_id,seed,stop,") && csv.out.contains(&id(0)) && csv.out.contains(&id(1)));
    let lines = export(&["jsonl", "--run", &id(1)[..8]]);
    let line: Value = serde_json::from_str(lines.out.trim_end()).unwrap();
    // Just what `run --json` said, and more.
    for (key, value) in answer["runs"].as_array().unwrap().iter().find(|r| r["run_id"] == line["run_id"]).unwrap().as_object().unwrap() {
        assert!(&line[key] == value || key == "record", "{key}: {} {value}", line[key]);
    }
    assert_eq!(line["run_id"], id(1).as_str());
    let curves = export(&["jsonl", "--table", "curves"]);
    assert!(curves.out.lines().all(|l| serde_json::from_str::<Value>(l).unwrap()["schema"] == "pennydrop.curve/1"));
    let npz = export(&["npz", "-o", "runs.npz"]);
    assert!(npz.code == 0 && npz.err.contains("2 runs in runs.npz"), "{}", npz.err);
    assert!(std::fs::read(folder.path().join("runs.npz")).unwrap().starts_with(b"PK"));
    let again = export(&["csv", "-o", "runs.npz"]);
    assert!(again.code == 2 && again.err.contains("--force"), "{}", again.err);
    assert_eq!(export(&["csv", "-o", "runs.npz", "--force"]).code, 0);
    assert_eq!(std::fs::read(folder.path().join("runs.npz")).unwrap(), csv.out.as_bytes());
    let board = export(&["tensorboard", "-o", "board"]);
    assert!(board.code == 0 && board.err.contains("2 files"), "{}", board.err);
    for k in 0..2 {
        assert!(folder.path().join("board").join(id(k)).join("events.out.tfevents.0.pennydrop").is_file());
    }
    for (words, says) in [
        (&["tensorboard"][..], "-o"),
        (&["tensorboard", "--table", "runs", "-o", "x"], "curves"),
        (&["csv", "--run", "zz"], "`zz`"),
        (&["parquet"], "possible values"),
    ] {
        let ran = export(words);
        assert!(ran.code == 2 && ran.err.contains(says) && ran.out.is_empty(), "{words:?}: {} {}", ran.code, ran.err);
    }
}

#[test]
fn a_reader_of_an_export_that_leaves_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    tiny(folder.path(), &["train.steps=60", "--seeds", "4", "--out", "c"]);
    let mut child = pennydrop(folder.path()).args(["export", "c", "jsonl", "--table", "curves"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}
