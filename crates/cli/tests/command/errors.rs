//! Bad input: the right exit code, a message that names key, value, range and nearest name, and nothing half-written.

use crate::{TINY, call};
use std::path::Path;

fn refused(words: &[&str], code: i32, parts: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let ran = call(folder.path(), words);
    assert_eq!(ran.code, code, "{words:?}: {}", ran.err);
    assert!(ran.out.is_empty(), "{words:?} wrote data: {}", ran.out);
    for part in parts {
        assert!(ran.err.contains(part), "{words:?}: `{part}` is not in\n{}", ran.err);
    }
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "{words:?} left {left:?}");
}

#[test]
fn keys_and_values() {
    refused(&["run", "nanda", "task.fracton=0.4"], 2, &["task.fracton", "did you mean `fraction`", "try:"]);
    refused(&["run", "nanda", "tsk.p=3"], 2, &["tsk", "did you mean `task`"]);
    refused(&["run", "nanda", "lr=1e-3"], 2, &["lr", "did you mean `optim.lr`"]);
    refused(&["run", "nanda", "train.steps=many"], 2, &["train.steps", "many", "text", "integer"]);
    refused(&["run", "nanda", "task.p=1"], 2, &["task.p", "`1`", "from 2 to 2048"]);
    refused(&["run", "nanda", "optim.lr=-1"], 2, &["optim.lr", "-1", "at least 0"]);
    refused(&["run", "nanda", "optim.lr=nan"], 2, &["optim.lr", "nan"]);
    refused(&["run", "nanda", "model.norm=prr"], 2, &["model.norm", "none, pre, post", "did you mean `pre`"]);
    refused(&["run", "nanda", "model.name=transformr"], 2, &["model.name", "did you mean `transformer`"]);
    refused(&["run", "nanda", "task.p"], 2, &["task.p", "KEY=VALUE"]);
    refused(&["run", "nanda", "task.p=[1"], 2, &["task.p", "closing bracket"]);
    refused(&["run", "nanda", "seed=range(0,"], 2, &["seed", "closing parenthesis"]);
    refused(&["run", "nanda", "seed=-1"], 2, &["seed", "-1", "negative"]);
    refused(&["run", "nanda", "record.weights=often"], 2, &["record.weights", "often", "log:N"]);
    refused(&["run", "nanda", "seed=3", "--seeds", "2"], 2, &["--seeds", "seed="]);
    refused(&["run", "nanda", "--no-rewrite", "domain"], 2, &["domain", "did you mean `domains`"]);
}

#[test]
fn keys_that_do_not_fit_each_other() {
    refused(&["run", "power-division", "task.p=91"], 2, &["task.p", "91", "prime"]);
    refused(&["run", "nanda", "task.fraction=0"], 2, &["task.fraction", "strictly between 0 and 1"]);
    refused(&["run", "nanda", "task.fraction=1"], 2, &["task.fraction", "strictly between 0 and 1"]);
    refused(&["run", "nanda", "model.heads=5"], 2, &["model.heads", "5 heads do not divide d_model = 128"]);
    refused(&["run", "nanda", "train.batch=100000"], 2, &["train.batch", "100000", "3830"]);
    refused(&["run", "sparse-parity", "model.name=transformer"], 2, &["model.name", "operands", "use `mlp`"]);
    refused(&["run", "nanda", "loss.name=hinge"], 2, &["loss.name", "hinge", "113"]);
    refused(&["run", "nanda", "optim.decay_on=[embeding]"], 2, &["optim.decay_on", "did you mean `embedding`"]);
}

#[test]
fn what_does_not_exist() {
    refused(&["run", "quikstart"], 2, &["quikstart", "did you mean `quickstart`"]);
    refused(&["run", "no-such-file.toml"], 2, &["no-such-file.toml"]);
    refused(&["run", "task.p=3"], 2, &["override", "pennydrop run quickstart task.p=3"]);
    refused(&["show", "abcdef"], 2, &["abcdef", "no run"]);
    refused(&["resume", "here/not"], 2, &["here/not"]);
    refused(&["resume"], 2, &["unfinished"]);
    refused(&["plot", "abcdef"], 2, &["abcdef"]);
    refused(&["eval", "abc@x", "-o", "x.npz"], 2, &["`x` is no step"]);
    refused(&["list", "tasks", "ad"], 2, &["did you mean `add`"]);
    refused(&["frobnicate"], 2, &["frobnicate"]);
    refused(&["run", "nanda", "--threads", "0"], 2, &["--threads"]);
    refused(&["run", "nanda", "--time", "soon"], 2, &["90s"]);
    refused(&["run", "nanda", "task.name=table", "task.file=none.csv"], 2, &["task.file", "none.csv"]);
    refused(&["run", "nanda", "model.init=none.safetensors"], 2, &["model.init", "none.safetensors"]);
}

#[test]
fn a_mistake_in_a_spec_file_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let says = |text: &str, parts: &[&str]| {
        std::fs::write(folder.path().join("mine.toml"), text).unwrap();
        let ran = call(folder.path(), &["run", "mine.toml"]);
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(parts.iter().all(|p| ran.err.contains(p)), "{}", ran.err);
    };
    says("[task]\np = 97\nfracton = 0.3\n", &["mine.toml", "task.fracton", "did you mean `fraction`"]);
    says("[task]\np = \n", &["mine.toml", "line 2", "TOML"]);
    says("[tasks]\np = 97\n", &["mine.toml", "did you mean `task`"]);
    assert!(!folder.path().join("runs").exists());
}

#[test]
fn a_folder_that_cannot_be_written_is_a_refusal() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "x").unwrap();
    let words: Vec<&str> = ["run"].into_iter().chain(TINY).chain(["train.steps=5", "--out", "file/campaign"]).collect();
    let ran = call(folder.path(), &words);
    assert_eq!(ran.code, 5, "{}", ran.err);
    assert!(ran.err.contains("file"), "{}", ran.err);
    let ran = call(folder.path(), &["show", "."]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("campaign.toml"), "{}", ran.err);
}

/// Whether `path` can be made a small file system. Needs root; where there is none, the test has nothing to stand on and says so.
pub fn small_disk(path: &Path, size: &str) -> bool {
    let mount = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(path).output();
    mount.is_ok_and(|o| o.status.success())
}

#[test]
fn a_full_disk_ends_cleanly_and_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    if !small_disk(&disk, "16k") {
        eprintln!("skipped: no small file system can be mounted here");
        return;
    }
    let words = ["train.steps=300", "--out", "disk/c"];
    let all: Vec<&str> = ["run"].into_iter().chain(TINY).chain(words).chain(["--json"]).collect();
    let full = call(folder.path(), &all);
    let grown = std::process::Command::new("mount").args(["-o", "remount,size=64m"]).arg(&disk).output().unwrap();
    let again = call(folder.path(), &all);
    let elsewhere = crate::tiny(folder.path(), &["train.steps=300", "--out", "other"]);
    let unmounted = std::process::Command::new("umount").arg(&disk).output().unwrap();
    assert!(grown.status.success() && unmounted.status.success());
    assert_eq!(full.code, 5, "{}", full.err);
    assert!(full.err.contains("room") || full.err.contains("space"), "{}", full.err);
    assert_eq!(again.code, 0, "{}", again.err);
    assert_eq!(crate::hash(&serde_json::from_str(&again.out).unwrap()), crate::hash(&elsewhere));
}
