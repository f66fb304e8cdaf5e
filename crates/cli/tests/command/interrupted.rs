//! Stopped by a signal, by the time, by kill −9: the same bits as unbroken.

use crate::{TINY, call, hash, only, pennydrop};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Long enough to be stopped in the middle.
const LONG: [&str; 3] = ["train.steps=30000", "record.ckpt_s=0.05", "seed=3"];

fn words(out: &str) -> Vec<&str> {
    ["run"].into_iter().chain(TINY).chain(LONG).chain(["--json", "--out", out]).collect()
}

/// The hash of the run when nobody stops it.
fn unbroken() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let ran = call(folder.path(), &words("c"));
        assert_eq!(ran.code, 0, "{}", ran.err);
        hash(&serde_json::from_str(&ran.out).unwrap())
    })
}

/// Starts the run and waits for a checkpoint.
fn begun(folder: &Path) -> Child {
    let child = pennydrop(folder).args(words("c")).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    let there =
        || std::fs::read_dir(folder.join("c/ckpt")).is_ok_and(|d| d.filter_map(Result::ok).any(|e| e.path().extension().is_some_and(|x| x == "safetensors")));
    while !there() {
        assert!(Instant::now() < until, "no checkpoint within a minute");
        std::thread::sleep(Duration::from_millis(2));
    }
    child
}

fn resumed(folder: &Path) -> Value {
    let ran = call(folder, &["resume", "c", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn killed_and_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = begun(folder.path());
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "it was over before it was killed");
    let shown = call(folder.path(), &["show", "c"]);
    assert!(shown.code == 0 && shown.out.contains("unfinished"), "{}", shown.out);
    let answer = resumed(folder.path());
    assert_eq!(hash(&answer), unbroken());
    assert_eq!(only(&answer)["steps"], 30000);
    let doctor = call(folder.path(), &["doctor", "c"]);
    assert!(doctor.out.contains("whole"), "{}", doctor.out);
}

#[test]
fn a_first_signal_saves_and_says_75() {
    for signal in [Signal::INT, Signal::TERM] {
        let folder = tempfile::tempdir().unwrap();
        let child = begun(folder.path());
        kill_process(Pid::from_child(&child), signal).unwrap();
        let out = child.wait_with_output().unwrap();
        assert_eq!(out.status.code(), Some(75), "{}", String::from_utf8_lossy(&out.stderr));
        let answer: Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(only(&answer)["stop"], "signal");
        assert!(String::from_utf8_lossy(&out.stderr).contains("pennydrop resume"));
        assert_eq!(hash(&resumed(folder.path())), unbroken());
    }
}

#[test]
fn the_time_is_a_limit_and_no_result() {
    let folder = tempfile::tempdir().unwrap();
    let limited: Vec<&str> = words("c").into_iter().chain(["--time", "0.2s"]).collect();
    let ran = call(folder.path(), &limited);
    assert_eq!(ran.code, 75, "{}", ran.err);
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(only(&answer)["stop"], "time");
    // Asked again without the limit, it goes on.
    let ran = call(folder.path(), &words("c"));
    assert!(ran.code == 0 && ran.err.contains("goes on from step"), "{}", ran.err);
    assert_eq!(hash(&serde_json::from_str(&ran.out).unwrap()), unbroken());
}

#[test]
fn a_damaged_checkpoint_is_told_and_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = begun(folder.path());
    child.kill().unwrap();
    child.wait().unwrap();
    let file = std::fs::read_dir(folder.path().join("c/ckpt"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|x| x == "safetensors"))
        .unwrap();
    let whole = std::fs::read(&file).unwrap();
    let mut changed = whole.clone();
    let at = changed.len() - 9;
    changed[at] ^= 1;
    for bad in [&whole[..whole.len() / 2], &whole[..7], &[], &changed] {
        std::fs::write(&file, bad).unwrap();
        let ran = call(folder.path(), &["resume", "c"]);
        assert_eq!(ran.code, 7, "{}", ran.err);
        assert!(ran.err.contains(file.file_name().unwrap().to_str().unwrap()) && ran.err.contains("damaged"), "{}", ran.err);
    }
    std::fs::write(&file, &whole).unwrap();
    assert_eq!(hash(&resumed(folder.path())), unbroken());
}
