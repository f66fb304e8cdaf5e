//! Campaigns that are killed, stopped, cut, damaged, run twice, or out of room: the record of an undisturbed one, or a plain word about what is wrong.

use crate::sweep::{answered, difference, ids, rows, same_record, sweep, table, words};
use crate::{Ran, call, pennydrop};
use pennydrop_store::{Holder, SCHEMA};
use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// 48 runs, of two programs, that take some milliseconds each.
const MANY: [&str; 6] = ["train.steps=300", "train.stop=steps", "optim.lr=1e-3,1e-2,3e-2", "model.widths=[16],[24]", "--seeds", "8"];
/// Seeds by a rule, so that decisions are in the record too.
const ROUNDS: [&str; 9] =
    ["task.p=7", "task.fraction=0.8", "train.steps=400", "optim.lr=1e-4,1e-2,3e-2", "--until", "ci=0.3", "--seeds", "4", "--max-seeds=20"];

fn in_folder<'a>(which: &[&'a str], out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    words(&which.iter().copied().chain(["--out", out]).chain(more.iter().copied()).collect::<Vec<_>>())
}

/// The record when nothing disturbs it.
fn undisturbed(which: &[&str]) -> &'static Path {
    static MADE: [OnceLock<tempfile::TempDir>; 2] = [const { OnceLock::new() }; 2];
    let made = MADE[usize::from(which[0] == ROUNDS[0])].get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        sweep(folder.path(), &which.iter().copied().chain(["--out", "c"]).collect::<Vec<_>>());
        folder
    });
    static PATHS: [OnceLock<PathBuf>; 2] = [const { OnceLock::new() }; 2];
    PATHS[usize::from(which[0] == ROUNDS[0])].get_or_init(|| made.path().join("c"))
}

fn start(folder: &Path, words: &[&str]) -> Child {
    pennydrop(folder).args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits for something that must come.
fn wait(what: &str, there: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !there() {
        assert!(Instant::now() < until, "no {what} within a minute");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut found: Vec<PathBuf> = entries.map(|e| e.path()).filter(|p| p.file_name().unwrap().to_string_lossy().ends_with(end)).collect();
    found.sort();
    found
}

fn segment_bytes(record: &Path) -> u64 {
    files(&record.join("wal"), ".seg").iter().filter_map(|p| p.metadata().ok()).map(|m| m.len()).sum()
}

/// A copy of a folder.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// A campaign that was killed while it had rows in a segment.
fn killed(folder: &Path, at_least: u64) {
    let mut child = start(folder, &in_folder(&MANY, "c", &["--threads", "1"]));
    wait("segment", || segment_bytes(&folder.join("c")) >= at_least);
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "it was over before it was killed");
    assert!(rows(&folder.join("c")) < 48 && segment_bytes(&folder.join("c")) >= at_least);
}

fn resumed(folder: &Path) -> serde_json::Value {
    answered(folder, &["resume", "c"])
}

#[test]
fn killed_at_many_instants_and_resumed_each_time() {
    for (which, kills, seed) in [(&MANY[..], 32, 7u64), (&ROUNDS[..], 20, 11)] {
        let folder = tempfile::tempdir().unwrap();
        let mut random = seed;
        let mut hit = 0;
        for kill in 0..kills {
            let first = in_folder(which, "c", &["--threads", "1"]);
            let again = ["resume", "c", "--threads", "1"];
            let there =
                folder.path().join("c/campaign.toml").exists() && !files(&folder.path().join("c"), ".toml").iter().all(|p| p.ends_with("campaign.toml"));
            let mut child = start(folder.path(), if there { &again } else { &first });
            // Knuth's MMIX generator; the high bits are the good ones.
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            std::thread::sleep(Duration::from_micros((random >> 33) % 30_000));
            child.kill().unwrap();
            hit += usize::from(!child.wait().unwrap().success());
            // Whatever was published is whole, at any instant.
            if folder.path().join("c/campaign.toml").exists() {
                let status = call(folder.path(), &["status", "c"]);
                assert_eq!(status.code, 0, "kill {kill}: {}", status.err);
            }
        }
        assert!(hit >= kills / 4, "only {hit} of {kills} kills hit it at work");
        call(folder.path(), &in_folder(which, "c", &[]));
        resumed(folder.path());
        assert_eq!(difference(&folder.path().join("c"), undisturbed(which)), None);
    }
}

#[test]
fn a_signal_ends_it_with_75_and_saves() {
    for signal in [Signal::INT, Signal::TERM] {
        let folder = tempfile::tempdir().unwrap();
        let child = start(folder.path(), &in_folder(&MANY, "c", &["--threads", "1", "--json"]));
        wait("segment", || segment_bytes(&folder.path().join("c")) > 5000);
        kill_process(Pid::from_child(&child), signal).unwrap();
        let ran: Ran = child.wait_with_output().unwrap().into();
        assert_eq!(ran.code, 75, "{}", ran.err);
        let answer: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(answer["stopped"], "signal");
        assert!(ran.err.contains("pennydrop resume c"), "{}", ran.err);
        // The run that was in the middle, if there was one, is kept where it was.
        assert!(files(&folder.path().join("c/ckpt"), ".safetensors").len() <= 1);
        assert_eq!(answer["trained"].as_u64().unwrap(), rows(&folder.path().join("c")) as u64);
        resumed(folder.path());
        assert!(files(&folder.path().join("c/ckpt"), ".safetensors").is_empty(), "a run with a result needs no state");
        same_record(&folder.path().join("c"), undisturbed(&MANY));
    }
}

#[test]
fn a_run_that_was_stopped_in_the_middle_goes_on_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let long = ["train.steps=20000", "train.stop=steps", "optim.lr=1e-3,1e-2", "--seeds", "1", "--threads", "1"];
    let ran = call(folder.path(), &in_folder(&long, "c", &["--time", "0.1s"]));
    assert_eq!(ran.code, 75, "{}", ran.err);
    assert_eq!(files(&folder.path().join("c/ckpt"), ".safetensors").len(), 1);
    let status = call(folder.path(), &["status", "c"]);
    assert!(status.out.contains("1 runs are begun"), "{}", status.out);
    // A state that is damaged costs its run, and no other.
    let state = files(&folder.path().join("c/ckpt"), ".safetensors").pop().unwrap();
    let good = std::fs::read(&state).unwrap();
    std::fs::write(&state, &good[..good.len() / 2]).unwrap();
    let ran = call(folder.path(), &["resume", "c"]);
    assert!(ran.code == 3 && ran.err.contains(state.file_name().unwrap().to_str().unwrap()), "{} {}", ran.code, ran.err);
    assert_eq!(rows(&folder.path().join("c")), 1);
    std::fs::write(&state, &good).unwrap();
    assert_eq!(resumed(folder.path())["trained"], 1);
    assert!(files(&folder.path().join("c/ckpt"), ".safetensors").is_empty());
    // Its clock ran on, and its weights and every evaluation are those of a run that nobody stopped.
    assert_eq!(call(folder.path(), &in_folder(&long, "whole", &[])).code, 0);
    same_record(&folder.path().join("c"), &folder.path().join("whole"));
}

#[test]
fn workers_with_a_part_each_make_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    // The question is asked, and nothing trained.
    let ran = call(folder.path(), &in_folder(&MANY, "c", &["--time", "0.001s"]));
    assert_eq!(ran.code, 75, "{}", ran.err);
    let part = |shard: &'static str| start(folder.path(), &["worker", "c", "--shard", shard, "--threads", "1", "--json"]);
    let parts: Vec<Ran> = ["0/3", "1/3", "2/3"].map(part).into_iter().map(|c| c.wait_with_output().unwrap().into()).collect();
    let trained: u64 = parts
        .iter()
        .map(|p| {
            assert_eq!(p.code, 0, "{}", p.err);
            serde_json::from_str::<serde_json::Value>(&p.out).unwrap()["trained"].as_u64().unwrap()
        })
        .sum();
    assert!(trained <= 48, "a part of somebody else was trained: {trained}");
    assert_eq!(resumed(folder.path())["trained"], 0);
    same_record(&folder.path().join("c"), undisturbed(&MANY));
}

#[test]
fn a_part_that_is_held_is_refused_with_its_holder() {
    let folder = tempfile::tempdir().unwrap();
    let long = ["train.steps=200000", "train.stop=steps", "optim.lr=1e-3,1e-2", "--seeds", "2"];
    let mut child = start(folder.path(), &in_folder(&long, "c", &["--threads", "1"]));
    wait("lease", || !files(&folder.path().join("c/leases"), ".json").is_empty());
    for asked in [&["worker", "c", "--shard", "0/2"][..], &["resume", "c"], &in_folder(&long, "c", &[])] {
        let ran = call(folder.path(), asked);
        assert_eq!(ran.code, 6, "{asked:?}: {}", ran.err);
        assert!(ran.err.contains(&format!("process {}", child.id())), "{}", ran.err);
    }
    let status = answered(folder.path(), &["status", "c"]);
    assert_eq!((&status["workers"][0]["live"], &status["workers"][0]["pid"]), (&true.into(), &child.id().into()), "{status}");
    child.kill().unwrap();
    child.wait().unwrap();
    // Its process is gone, so nobody waits for the end of its lease.
    let cut = call(folder.path(), &["resume", "c", "--time", "0.01s"]);
    assert_eq!(cut.code, 75, "{}", cut.err);
}

/// A lease of somebody on another machine.
fn foreign(record: &Path, until: u64) -> PathBuf {
    let plan = files(record, ".toml").into_iter().find(|p| !p.ends_with("campaign.toml")).unwrap();
    let question = plan.file_stem().unwrap().to_str().unwrap().strip_prefix("plan-").unwrap().to_string();
    let writer = "00ff00ff00ff00ff";
    let holder = Holder {
        schema: SCHEMA,
        writer: writer.into(),
        host: "elsewhere".into(),
        space: "another kernel".into(),
        pid: 1,
        start: Some(1),
        question: question.clone(),
        shard: (0, 1),
        attempt: 3,
        until,
        progress: serde_json::Value::Null,
        live: true,
    };
    std::fs::create_dir_all(record.join("leases")).unwrap();
    let path = record.join(format!("leases/{question}-0of1-{writer}.json"));
    std::fs::write(&path, serde_json::to_vec(&holder).unwrap()).unwrap();
    path
}

#[test]
fn leases_of_other_machines_end_by_the_clock() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("c");
    assert_eq!(call(folder.path(), &in_folder(&MANY, "c", &["--time", "0.001s"])).code, 75);
    // Even if our clock has gone back and its end seems far away: it is told, and what may be done.
    let lease = foreign(&record, 4_107_542_400);
    let ran = call(folder.path(), &["resume", "c"]);
    assert!(ran.code == 6 && ran.err.contains("elsewhere") && ran.err.contains("2100-03-01"), "{}", ran.err);
    std::fs::remove_file(&lease).unwrap();
    // One that has ended, or cannot be read, holds nobody up.
    let lease = foreign(&record, 1_000_000_000);
    std::fs::write(record.join("leases/junk.json"), b"{").unwrap();
    resumed(folder.path());
    assert!(!lease.exists(), "what is dead is cleared away");
    same_record(&record, undisturbed(&MANY));
}

#[test]
fn work_that_is_done_twice_is_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("c");
    let first = start(folder.path(), &in_folder(&MANY, "c", &["--threads", "1", "--json"]));
    wait("segment", || segment_bytes(&record) > 5000);
    // As a machine that falls asleep until its lease has ended, and wakes when somebody else has done all the work.
    kill_process(Pid::from_child(&first), Signal::STOP).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    for lease in files(&record.join("leases"), "") {
        std::fs::remove_file(lease).unwrap();
    }
    let second = resumed(folder.path());
    kill_process(Pid::from_child(&first), Signal::CONT).unwrap();
    let first: Ran = first.wait_with_output().unwrap().into();
    assert_eq!(first.code, 0, "{}", first.err);
    let first: serde_json::Value = serde_json::from_str(&first.out).unwrap();
    assert_eq!(first["trained"], 48, "it does not know");
    assert!(second["trained"].as_u64().unwrap() > 24, "{second}");
    same_record(&record, undisturbed(&MANY));
    assert!(call(folder.path(), &["doctor", "c"]).out.contains("whole"));
}

#[test]
fn two_questions_at_once_in_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    let other = ["train.steps=300", "train.stop=steps", "optim.lr=1e-2,1e-1", "model.widths=[16],[24]", "--seeds", "8"];
    let both = [start(folder.path(), &in_folder(&MANY, "c", &["--threads", "1"])), start(folder.path(), &in_folder(&other, "c", &["--threads", "1"]))];
    for child in both {
        let ran: Ran = child.wait_with_output().unwrap().into();
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
    // 48 and 32, of which 16 are in both.
    assert_eq!(rows(&folder.path().join("c")), 64);
    sweep(folder.path(), &MANY.iter().copied().chain(["--out", "d"]).collect::<Vec<_>>());
    sweep(folder.path(), &other.iter().copied().chain(["--out", "d"]).collect::<Vec<_>>());
    assert_eq!(ids(&folder.path().join("c")), ids(&folder.path().join("d")));
    let hashes = |out: &str| table(&folder.path().join(out), "runs").get_str("weights_hash").unwrap().to_vec();
    assert_eq!(hashes("c"), hashes("d"));
}

#[test]
fn a_segment_cut_anywhere_loses_nothing_but_its_tail() {
    let folder = tempfile::tempdir().unwrap();
    killed(folder.path(), 60_000);
    let whole = folder.path().join("c");
    let segment = files(&whole.join("wal"), ".seg").pop().unwrap();
    let name = segment.file_name().unwrap().to_owned();
    let bytes = std::fs::read(&segment).unwrap();
    let before = rows(&whole);
    let mut cuts: Vec<usize> = (0..16).map(|k| k * bytes.len() / 16).collect();
    cuts.extend([1, 15, 16, 17, bytes.len() - 1]);
    for cut in cuts {
        let there = folder.path().join(format!("cut{cut}"));
        copy(&whole, &there);
        std::fs::write(there.join("wal").join(&name), &bytes[..cut]).unwrap();
        let left = rows(&there);
        assert!(left <= before, "{cut}");
        let answer = answered(folder.path(), &["resume", there.file_name().unwrap().to_str().unwrap(), "--threads", "2"]);
        assert_eq!(answer["trained"].as_u64().unwrap() as usize, 48 - left, "cut at {cut}");
        same_record(&there, undisturbed(&MANY));
    }
}

#[test]
fn what_is_damaged_is_named_and_not_used() {
    let folder = tempfile::tempdir().unwrap();
    killed(folder.path(), 20_000);
    let whole = folder.path().join("c");
    let plan = files(&whole, ".toml").into_iter().find(|p| !p.ends_with("campaign.toml")).unwrap();
    let list = files(&whole, ".parquet").pop().unwrap();
    let segment = files(&whole.join("wal"), ".seg").pop().unwrap();
    let mut cases: Vec<(PathBuf, Vec<u8>, &str)> = Vec::new();
    for path in [&plan, &whole.join("campaign.toml"), &segment] {
        let bytes = std::fs::read(path).unwrap();
        // In the first half: the end of a segment may be torn, and that is no damage.
        for at in [9, bytes.len() / 3, bytes.len() / 2] {
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            cases.push((path.clone(), changed, "resume"));
        }
    }
    for path in [&plan, &whole.join("campaign.toml")] {
        let bytes = std::fs::read(path).unwrap();
        cases.extend([0, bytes.len() / 2].map(|n| (path.clone(), bytes[..n].to_vec(), "resume")));
    }
    let bytes = std::fs::read(&list).unwrap();
    cases.extend([0, bytes.len() / 2].map(|n| (list.clone(), bytes[..n].to_vec(), "status")));
    assert_eq!(cases.len(), 15);
    for (path, bytes, command) in cases {
        let good = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes).unwrap();
        let ran = call(folder.path(), &[command, "c"]);
        std::fs::write(&path, &good).unwrap();
        assert_eq!(ran.code, 7, "{} with {} bytes: {}", path.display(), bytes.len(), ran.err);
        assert!(ran.err.contains(path.file_name().unwrap().to_str().unwrap()), "{}", ran.err);
    }
    resumed(folder.path());
    same_record(&whole, undisturbed(&MANY));
    // The same of a finished one: parts and manifests.
    let parts = files(&whole.join("data"), ".parquet").into_iter().chain(files(&whole, ".json"));
    for path in parts {
        let good = std::fs::read(&path).unwrap();
        let mut changed = good.clone();
        let at = changed.len() / 2;
        changed[at] ^= 0x10;
        std::fs::write(&path, &changed).unwrap();
        // Of parts `status` reads a few columns only.
        let part = path.extension().is_some_and(|x| x == "parquet");
        let ran = call(folder.path(), &[if part { "doctor" } else { "status" }, "c"]);
        std::fs::write(&path, &good).unwrap();
        assert_eq!(ran.code, 7, "{}: {}{}", path.display(), ran.out, ran.err);
    }
    assert!(call(folder.path(), &["doctor", "c"]).out.contains("whole"));
}

#[test]
fn folders_that_vanish_under_a_worker_are_made_again_or_missed() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("c");
    for victim in ["leases", "wal"] {
        let _ = std::fs::remove_dir_all(&record);
        let child = start(folder.path(), &in_folder(&MANY, "c", &["--threads", "1"]));
        wait("segment", || segment_bytes(&record) > 20_000);
        std::fs::remove_dir_all(record.join(victim)).unwrap();
        let ran: Ran = child.wait_with_output().unwrap().into();
        if victim == "wal" {
            // Results that are gone are not passed off as there.
            assert_eq!(ran.code, 7, "{}", ran.err);
            assert!(ran.err.contains("not there any more") && ran.err.contains("pennydrop resume"), "{}", ran.err);
            assert!(rows(&record) < 48);
        } else {
            assert_eq!(ran.code, 0, "{}", ran.err);
        }
        resumed(folder.path());
        same_record(&record, undisturbed(&MANY));
    }
}

#[test]
fn odd_paths() {
    let folder = tempfile::tempdir().unwrap();
    for out in ["a folder with blanks", "ünïcode/größer", "--", "x'y\"z"] {
        let out_word = format!("--out={out}");
        let ran = call(folder.path(), &words(&["train.steps=20", "optim.lr=1e-3,1e-2", "--seeds", "1", &out_word]));
        assert_eq!(ran.code, 0, "{out}: {}", ran.err);
        assert_eq!(rows(&folder.path().join(out)), 2);
        assert_eq!(call(folder.path(), &["resume", "--", out]).code, 0);
        assert_eq!(call(folder.path(), &["status", "--", out]).code, 0);
    }
    std::fs::write(folder.path().join("file"), "x").unwrap();
    let ran = call(folder.path(), &words(&["train.steps=20", "optim.lr=1e-3,1e-2", "--seeds", "1", "--out", "file/c"]));
    assert_eq!(ran.code, 5, "{}", ran.err);
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_written_is_refused_and_can_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    sweep(folder.path(), &["train.steps=20", "optim.lr=1e-3,1e-2", "--seeds", "1", "--out", "c"]);
    let record = folder.path().join("c");
    let mode = |m: u32| {
        for f in [record.clone(), record.join("wal"), record.join("leases"), record.join("data")] {
            std::fs::set_permissions(f, std::fs::Permissions::from_mode(m)).unwrap();
        }
    };
    mode(0o555);
    let free = std::fs::write(record.join("probe"), "x").is_ok();
    let more = call(folder.path(), &words(&["train.steps=20", "optim.lr=1e-3,1e-2", "--seeds", "2", "--out", "c"]));
    let (status, shown) = (call(folder.path(), &["status", "c"]), call(folder.path(), &["show", "c"]));
    mode(0o755);
    if free {
        eprintln!("skipped: this user may write anywhere");
        return;
    }
    assert_eq!(more.code, 5, "{}", more.err);
    assert!(status.code == 0 && shown.code == 0, "{}{}", status.err, shown.err);
}

/// `sweep`, in a shell that lets no file grow beyond so many kilobytes.
#[cfg(unix)]
fn limited(folder: &Path, kilobytes: usize, words: &[&str]) -> Ran {
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", 2 * kilobytes);
    let mut c = std::process::Command::new("sh");
    c.current_dir(folder).stdin(Stdio::null()).args(["-c", &script, "sh", env!("CARGO_BIN_EXE_pennydrop")]).args(words);
    c.output().unwrap().into()
}

#[cfg(unix)]
#[test]
fn files_that_may_not_grow_end_it_cleanly() {
    let mut refused = 0;
    for kilobytes in [1, 2, 4, 8, 16, 32, 64] {
        let folder = tempfile::tempdir().unwrap();
        let ran = limited(folder.path(), kilobytes, &in_folder(&MANY, "c", &[]));
        assert!(matches!(ran.code, 0 | 5), "{kilobytes} kB: {} {}", ran.code, ran.err);
        refused += usize::from(ran.code == 5);
        assert!(ran.code == 0 || ran.err.contains("room") || ran.err.contains("large"), "{}", ran.err);
        let again = call(folder.path(), &in_folder(&MANY, "c", &[]));
        assert_eq!(again.code, 0, "{kilobytes} kB: {}", again.err);
        assert_eq!(difference(&folder.path().join("c"), undisturbed(&MANY)), None, "{kilobytes} kB");
    }
    assert!(refused >= 4, "{refused}");
}

#[test]
fn a_full_disk_of_any_size_ends_cleanly_and_resumes() {
    let mut full = 0;
    for kilobytes in [12, 24, 48, 96, 160, 256] {
        let folder = tempfile::tempdir().unwrap();
        let disk = folder.path().join("disk");
        std::fs::create_dir(&disk).unwrap();
        if !crate::errors::small_disk(&disk, &format!("{kilobytes}k")) {
            eprintln!("skipped: no small file system can be mounted here");
            return;
        }
        let ran = call(folder.path(), &in_folder(&MANY, "disk/c", &[]));
        let grown = std::process::Command::new("mount").args(["-o", "remount,size=64m"]).arg(&disk).output().unwrap();
        let again = call(folder.path(), &in_folder(&MANY, "disk/c", &[]));
        let differs = if again.code == 0 { difference(&disk.join("c"), undisturbed(&MANY)) } else { None };
        let unmounted = std::process::Command::new("umount").arg(&disk).output().unwrap();
        assert!(grown.status.success() && unmounted.status.success());
        assert!(matches!(ran.code, 0 | 5), "{kilobytes} kB: {} {}", ran.code, ran.err);
        full += usize::from(ran.code == 5);
        assert!(ran.code == 0 || ran.err.contains("room"), "{}", ran.err);
        assert_eq!((again.code, differs), (0, None), "{kilobytes} kB: {}", again.err);
    }
    assert!(full >= 3, "{full}");
}

#[test]
fn tidying_up_beside_workers_that_are_killed() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(call(folder.path(), &in_folder(&MANY, "c", &["--time", "0.001s"])).code, 75);
    let mut random = 5u64;
    for _ in 0..16 {
        let mut worker = start(folder.path(), &["resume", "c", "--threads", "1", "--quiet"]);
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let until = Instant::now() + Duration::from_micros((random >> 33) % 40_000);
        // What is older than a hundredth of a second is taken for left over, unless its writer lives.
        while Instant::now() < until {
            let gc = call(folder.path(), &["gc", "c", "--age", "0.01s"]);
            assert_eq!(gc.code, 0, "{}", gc.err);
        }
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
    resumed(folder.path());
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(call(folder.path(), &["gc", "c", "--age", "0.01s"]).code, 0);
    assert!(files(&folder.path().join("c/wal"), ".seg").is_empty(), "segments of the dead are parts now");
    same_record(&folder.path().join("c"), undisturbed(&MANY));
}
