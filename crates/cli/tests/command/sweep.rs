//! Campaigns: what may be typed, what is trained, what is known, what is told.

use crate::{TINY, call, pennydrop, tiny};
use pennydrop_store::{Campaign, ColumnData, Producer, Table};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

/// A network so small that a run of a few hundred steps takes some milliseconds.
pub const SMALL: [&str; 4] = ["quickstart", "task.p=11", "model.d_embed=8", "model.widths=[16]"];
/// Columns that tell of the clock and of the machine.
const CLOCKS: [&str; 3] = ["wall_s", "steps_per_s", "machine"];

/// `sweep` of the small network with more words, which hold over its own.
pub fn words<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let key = |w: &'a str| w.split('=').next();
    let small = SMALL.into_iter().filter(|s| !more.iter().any(|m| key(m) == key(s)));
    ["sweep"].into_iter().chain(small).chain(more.iter().copied()).collect()
}

/// The same, which must succeed; its JSON.
pub fn sweep(folder: &Path, more: &[&str]) -> Value {
    answered(folder, &words(more))
}

/// A call with `--json` that must succeed; its JSON.
pub fn answered(folder: &Path, words: &[&str]) -> Value {
    let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
    let ran = call(folder, &words);
    assert_eq!(ran.code, 0, "{words:?}\n{}", ran.err);
    serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}", ran.out))
}

/// All rows of a kind, as any reader of the store sees them.
pub fn table(record: &Path, kind: &str) -> Table {
    Campaign::open(record, &Producer::default()).and_then(|c| c.read(kind)).unwrap_or_else(|e| panic!("{}: {e}", record.display()))
}

/// Runs of a record that are rows of `runs`.
pub fn rows(record: &Path) -> usize {
    table(record, "runs").rows()
}

/// Ids of the runs of a record.
pub fn ids(record: &Path) -> BTreeSet<String> {
    table(record, "runs").get_str("run_id").unwrap_or_default().iter().flatten().cloned().collect()
}

/// The first difference between two records: every value but clocks and machines is to be the same, to the bit.
pub fn difference(a: &Path, b: &Path) -> Option<String> {
    ["runs", "curves", "decisions"].into_iter().find_map(|kind| difference_in(kind, a, b))
}

/// The same for rows of one kind.
pub fn difference_in(kind: &str, a: &Path, b: &Path) -> Option<String> {
    let (a, b) = (table(a, kind), table(b, kind));
    if a.rows() != b.rows() {
        return Some(format!("{kind}: {} rows and {}", a.rows(), b.rows()));
    }
    let names = |t: &Table| t.columns.iter().map(|c| c.name.clone()).collect::<BTreeSet<_>>();
    if names(&a) != names(&b) {
        return Some(format!("{kind}: columns {:?}", names(&a).symmetric_difference(&names(&b)).collect::<Vec<_>>()));
    }
    a.columns.iter().filter(|c| !CLOCKS.contains(&c.name.as_str())).find_map(|c| {
        let other = b.get(&c.name)?;
        (0..a.rows()).find(|r| !same(&c.data, other, *r)).map(|r| format!("{kind}, row {r}: column {}", c.name))
    })
}

/// Whether two columns say the same in a row: numbers to the bit.
fn same(a: &ColumnData, b: &ColumnData, row: usize) -> bool {
    match (a, b) {
        (ColumnData::I64(a), ColumnData::I64(b)) => a[row] == b[row],
        (ColumnData::F64(a), ColumnData::F64(b)) => a[row].map(f64::to_bits) == b[row].map(f64::to_bits),
        (ColumnData::Str(a), ColumnData::Str(b)) => a[row] == b[row],
        (ColumnData::Bool(a), ColumnData::Bool(b)) => a[row] == b[row],
        _ => false,
    }
}

pub fn same_record(a: &Path, b: &Path) {
    assert_eq!(difference(a, b), None, "{} and {}", a.display(), b.display());
}

fn number(v: &Value, key: &str) -> u64 {
    v[key].as_u64().unwrap_or_else(|| panic!("{key}: {v}"))
}

#[test]
fn every_way_of_saying_values() {
    let folder = tempfile::tempdir().unwrap();
    let f = folder.path();
    // A list and numbers at equal distances; more data is another program.
    let all = sweep(f, &["train.steps=20", "optim.lr=1e-3,1e-2", "task.fraction=linspace(.4,.6,2)", "--seeds", "2", "--out", "a"]);
    assert_eq!((number(&all, "runs"), number(&all, "settings"), number(&all, "packs"), number(&all, "trained")), (8, 4, 2, 8));
    // The same written otherwise is the same runs: nothing is trained, and no row is added.
    let known = sweep(f, &["train.steps=20", "optim.lr=logspace(1e-3,1e-2,2)", "task.fraction=0.4,0.6", "seed=range(0,2)", "--out", "a"]);
    assert_eq!((number(&known, "trained"), number(&known, "known"), rows(&f.join("a"))), (0, 8, 8));
    // Keys that move together.
    let zip = sweep(f, &["train.steps=20", "zip(optim.lr=1e-3,1e-2 task.fraction=0.4,0.6)", "--seeds", "2", "--out", "a"]);
    assert_eq!((number(&zip, "settings"), number(&zip, "trained"), number(&zip, "known")), (2, 0, 4));
    let zip = sweep(f, &["train.steps=20", "zip(optim.lr=1e-3,1e-3,1e-2 task.fraction=0.4,0.6,0.6)", "--seeds", "2", "--out", "a"]);
    assert_eq!((number(&zip, "settings"), number(&zip, "known")), (3, 6), "a value may be there twice in one of the keys");
    // A sample of the whole, the same whenever it is drawn; another draw is another one.
    let sampled = |seed: &str, out: &str| {
        let sample = format!("sample(3,{seed})");
        sweep(f, &["train.steps=20", "optim.lr=logspace(1e-4,1e-1,7)", "optim.weight_decay=range(0,4)", &sample, "--seeds", "1", "--out", out]);
        ids(&f.join(out))
    };
    assert_eq!(sampled("0", "s0").len(), 3);
    assert_eq!(sampled("0", "s1"), ids(&f.join("s0")));
    assert_ne!(sampled("1", "s2"), ids(&f.join("s0")));
    // Drawn from an interval.
    let drawn = sweep(f, &["train.steps=20", "optim.lr=loguniform(1e-4,1e-1)", "sample(3)", "--seeds", "1", "--out", "d"]);
    assert_eq!((number(&drawn, "settings"), rows(&f.join("d"))), (3, 3));
}

#[test]
fn a_file_means_what_words_mean() {
    let folder = tempfile::tempdir().unwrap();
    let f = folder.path();
    sweep(f, &["train.steps=20", "optim.lr=1e-3,1e-2", "task.fraction=linspace(.4,.6,2)", "--seeds", "2", "--out", "words"]);
    let file = "[task]\np = 11\n[model]\nd_embed = 8\nwidths = [16]\n[train]\nsteps = 20\n[sweep]\nbase = \"quickstart\"\nseeds = 2\n\"optim.lr\" = [1e-3, 1e-2]\n\
                words = [\"task.fraction=linspace(.4,.6,2)\"]\n";
    std::fs::write(f.join("mine.toml"), file).unwrap();
    let answer = answered(f, &["sweep", "mine.toml", "--out", "file"]);
    assert_eq!(number(&answer, "trained"), 8);
    assert_eq!(ids(&f.join("file")), ids(&f.join("words")));
    // What is typed holds over the file.
    let more = answered(f, &["sweep", "mine.toml", "optim.lr=1e-2", "--seeds", "3", "--out", "file"]);
    assert_eq!((number(&more, "settings"), number(&more, "trained"), number(&more, "known")), (2, 2, 4));
    let run = call(f, &["run", "mine.toml"]);
    assert!(run.code == 2 && run.err.contains("pennydrop sweep mine.toml"), "{}", run.err);
    std::fs::write(f.join("bad.toml"), file.replace("seeds = 2", "seedz = 2")).unwrap();
    let bad = call(f, &["sweep", "bad.toml"]);
    assert!(bad.code == 2 && bad.err.contains("seedz") && bad.err.contains("`seeds`"), "{}", bad.err);
}

#[test]
fn the_cost_is_told_and_nothing_done() {
    let folder = tempfile::tempdir().unwrap();
    let f = folder.path();
    let cost = || sweep(f, &["train.steps=40", "optim.lr=1e-3,1e-2", "model.widths=[8],[16]", "--seeds", "3", "--dry-run", "--out", "c"]);
    let before = cost();
    assert_eq!((number(&before, "runs"), number(&before, "open"), number(&before, "packs"), number(&before, "steps")), (12, 12, 2, 480));
    assert!(before["bytes"].as_f64().unwrap() > 0.0 && before["seconds"].as_f64().unwrap() > 0.0, "{before}");
    assert!(!f.join("c").exists(), "a dry run leaves nothing");
    sweep(f, &["train.steps=40", "optim.lr=1e-3,1e-2", "--seeds", "3", "--out", "c"]);
    let after = cost();
    assert_eq!((number(&after, "runs"), number(&after, "open"), number(&after, "packs"), number(&after, "steps")), (12, 6, 2, 240));
    assert!(after["bytes"].as_f64() < before["bytes"].as_f64());
}

#[test]
fn the_estimate_of_bytes_is_an_upper_bound_and_no_fantasy() {
    let folder = tempfile::tempdir().unwrap();
    let f = folder.path();
    let all = ["train.steps=300", "train.stop=steps", "optim.lr=1e-3,1e-2", "--seeds", "20", "--out", "c"];
    let cost = sweep(f, &all.into_iter().chain(["--dry-run"]).collect::<Vec<_>>());
    sweep(f, &all);
    let size: u64 = std::fs::read_dir(f.join("c/data")).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
    let said = cost["bytes"].as_f64().unwrap();
    assert!((size as f64) < said && said < 20.0 * size as f64, "{size} bytes, and it said {said}");
}

#[test]
fn more_seeds_and_larger_budgets_join_the_same_folder() {
    let folder = tempfile::tempdir().unwrap();
    let f = folder.path();
    let base = ["optim.lr=1e-3,1e-2", "train.stop=steps"];
    let ask = |more: &[&str]| sweep(f, &base.iter().chain(more).copied().collect::<Vec<_>>());
    let first = ask(&["train.steps=40", "--seeds", "2"]);
    let place = first["record"].as_str().unwrap().to_string();
    let more = ask(&["train.steps=40", "--seeds", "4"]);
    assert_eq!((more["record"].as_str(), number(&more, "trained"), number(&more, "known")), (Some(place.as_str()), 4, 4));
    let longer = ask(&["train.steps=90", "--seeds", "4"]);
    assert_eq!((longer["record"].as_str(), number(&longer, "trained"), rows(&f.join(&place))), (Some(place.as_str()), 8, 8));
    // What went further says all that a smaller budget asks, and resuming finds nothing open.
    assert_eq!(number(&ask(&["train.steps=40", "--seeds", "4"]), "trained"), 0);
    assert_eq!(number(&answered(f, &["resume", &place]), "trained"), 0);
    // Begun anew, each with the bits of a run that never stopped. (The end of the smaller budget stays on record as one more evaluation.)
    sweep(f, &["optim.lr=1e-3,1e-2", "train.stop=steps", "train.steps=90", "--seeds", "4", "--out", "unbroken"]);
    assert_eq!(difference_in("runs", &f.join(&place), &f.join("unbroken")), None);
    assert!(!f.join(&place).join("ckpt").exists(), "no file a run");
}

#[test]
fn with_kept_states_a_larger_budget_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let f = folder.path();
    let ask = |steps: &str, out: &str, keep: bool| {
        let steps = format!("train.steps={steps}");
        let mut all = vec![steps.as_str(), "train.stop=steps", "optim.lr=1e-3,1e-2", "--seeds", "2", "--out", out];
        all.extend(keep.then_some("--keep-states"));
        sweep(f, &all)
    };
    ask("300", "kept", true);
    assert_eq!(std::fs::read_dir(f.join("kept/ckpt")).unwrap().count(), 4);
    let wall = |out: &str| -> Vec<(String, i64, Option<f64>)> {
        let t = table(&f.join(out), "curves");
        let (run, step, wall) = (t.get_str("run_id").unwrap(), t.get_i64("step").unwrap(), t.get_f64("wall_s").unwrap());
        (0..t.rows()).map(|r| (run[r].clone().unwrap(), step[r].unwrap(), wall[r])).filter(|w| w.1 == 100).collect()
    };
    let before = wall("kept");
    assert_eq!(number(&ask("500", "kept", true), "trained"), 4);
    // The first part was not trained again: its clock is that of the first time.
    assert_eq!(wall("kept"), before);
    ask("500", "anew", false);
    assert_eq!(difference_in("runs", &f.join("kept"), &f.join("anew")), None);
}

#[test]
fn a_run_of_a_campaign_has_the_bits_that_it_has_alone() {
    let folder = tempfile::tempdir().unwrap();
    let f = folder.path();
    let all = ["train.steps=120", "train.stop=steps", "model.widths=[16],[24],[8,8]", "task.p=11,13", "optim.name=adamw,sgd", "--seeds", "2", "--out"];
    let campaign = |out: &str, threads: &str| {
        sweep(f, &["train.steps=120"].into_iter().chain(all[1..].iter().copied()).chain([out, "--threads", threads]).collect::<Vec<_>>())
    };
    let answer = campaign("two", "2");
    assert_eq!((number(&answer, "settings"), number(&answer, "runs")), (12, 24));
    assert!(number(&answer, "packs") > 2, "{answer}");
    campaign("one", "1");
    same_record(&f.join("one"), &f.join("two"));
    let t = table(&f.join("two"), "runs");
    let hashes: BTreeMap<&str, &str> =
        t.get_str("run_id").unwrap().iter().zip(t.get_str("weights_hash").unwrap()).map(|(r, h)| (r.as_deref().unwrap(), h.as_deref().unwrap())).collect();
    assert_eq!(hashes.values().collect::<BTreeSet<_>>().len(), 24);
    for (width, p, optimizer, seed) in [("[16]", 11, "adamw", 0), ("[24]", 13, "sgd", 1), ("[8,8]", 11, "adamw", 1), ("[8,8]", 13, "sgd", 0)] {
        let (width, p) = (format!("model.widths={width}"), format!("task.p={p}"));
        let (optimizer, seed) = (format!("optim.name={optimizer}"), format!("seed={seed}"));
        let alone = tiny(f, &["train.steps=120", &width, &p, &optimizer, &seed]);
        let run = &alone["runs"][0];
        assert_eq!(hashes.get(run["run_id"].as_str().unwrap()).copied(), run["weights_hash"].as_str(), "{run}");
    }
    // Every setting is a row of what is shown, whose columns are the keys that differ.
    let shown = answered(f, &["show", "two"]);
    assert_eq!(shown["table"].as_array().unwrap().len(), 12, "{shown}");
}

#[test]
fn seeds_are_added_by_a_rule_whoever_trains_and_however_often() {
    let folder = tempfile::tempdir().unwrap();
    let f = folder.path();
    // At lr = 1e-4 nothing generalises in time; at 3e-2 the medians need some seeds.
    let rule =
        ["task.p=7", "task.fraction=0.8", "optim.lr=1e-4,1e-2,3e-2", "train.steps=400", "--until", "ci=0.4", "--seeds", "4", "--max-seeds", "16", "--out"];
    let ask = |out: &str, more: &[&str]| sweep(f, &rule.iter().copied().chain([out]).chain(more.iter().copied()).collect::<Vec<_>>());
    let answer = ask("one", &["--threads", "1"]);
    let t = table(&f.join("one"), "decisions");
    assert!(t.rows() >= 3, "{answer}");
    let (cell, round, n) = (t.get_i64("cell").unwrap(), t.get_i64("round").unwrap(), t.get_i64("n").unwrap());
    let decision = t.get_str("decision").unwrap();
    let mut last: BTreeMap<i64, (i64, i64, String)> = BTreeMap::new();
    for r in 0..t.rows() {
        let (c, k) = (cell[r].unwrap(), round[r].unwrap());
        assert_eq!(n[r], Some(4 * k), "whole rounds only");
        // Sorted by cell and round: each round follows one that asked for more.
        let before = last.insert(c, (k, n[r].unwrap(), decision[r].clone().unwrap()));
        assert_eq!(before.as_ref().map_or((0, "more"), |b| (b.0, b.2.as_str())), (k - 1, "more"), "cell {c}");
    }
    assert_eq!(last.len(), 3);
    assert!(last.values().all(|l| l.2 != "more"), "{last:?}");
    assert_eq!(last.values().map(|l| l.1).sum::<i64>(), rows(&f.join("one")) as i64, "no run beyond what was decided");
    assert_eq!(last[&0].2, "censored", "{last:?}");
    // Two threads; stopped before its first round is complete, and two workers with a part of the settings each; asked twice.
    ask("two", &["--threads", "2"]);
    same_record(&f.join("one"), &f.join("two"));
    let cut: Vec<&str> = rule.iter().copied().chain(["parts", "--time", "0.005s"]).collect();
    assert_eq!(call(f, &words(&cut)).code, 75);
    assert_eq!(table(&f.join("parts"), "decisions").rows(), 0);
    let part = |shard: &str| pennydrop(f).args(["worker", "parts", "--shard", shard, "--threads", "1", "--quiet"]).spawn().unwrap();
    assert!([part("0/2"), part("1/2")].into_iter().all(|mut child| child.wait().unwrap().success()));
    same_record(&f.join("one"), &f.join("parts"));
    assert_eq!(number(&ask("one", &[]), "trained"), 0);
    same_record(&f.join("one"), &f.join("two"));
    // A larger budget is another question with decisions of its own; the first one's stay as they were taken.
    let longer = [
        "task.p=7",
        "task.fraction=0.8",
        "optim.lr=1e-4,1e-2,3e-2",
        "train.steps=600",
        "--until",
        "ci=0.4",
        "--seeds",
        "4",
        "--max-seeds",
        "16",
        "--out",
        "one",
    ];
    sweep(f, &longer);
    let resumed = answered(f, &["resume", "one"]);
    assert_eq!(number(&resumed, "trained"), 0, "{resumed}");
    let after = table(&f.join("one"), "decisions");
    let first: BTreeSet<&str> = t.get_str("question").unwrap().iter().flatten().map(String::as_str).collect();
    let kept: Vec<usize> = (0..after.rows()).filter(|r| after.get_str("question").unwrap()[*r].as_deref().is_some_and(|q| first.contains(q))).collect();
    assert_eq!(kept.iter().map(|r| after.get_str("decision").unwrap()[*r].clone()).collect::<Vec<_>>(), decision.to_vec());
    assert!(after.rows() > t.rows());
    let status = answered(f, &["status", "one"]);
    assert!(status["questions"].as_array().unwrap().iter().all(|q| q["decided"] == 3), "{status}");
}

#[test]
fn runs_that_diverge_are_outcomes() {
    let folder = tempfile::tempdir().unwrap();
    let f = folder.path();
    let answer = sweep(f, &["train.steps=300", "optim.name=sgd", "optim.lr=1e-2,1e9", "--seeds", "2", "--out", "c"]);
    assert_eq!((number(&answer, "trained"), number(&answer, "failed")), (4, 0), "{answer}");
    let diverged: u64 = answer["table"].as_array().unwrap().iter().map(|l| number(l, "diverged")).sum();
    assert_eq!(diverged, 2, "{answer}");
    let status = answered(f, &["status", "c"]);
    assert_eq!(status["questions"][0]["ends"]["diverged"], 2, "{status}");
    assert_eq!(number(&sweep(f, &["train.steps=300", "optim.name=sgd", "optim.lr=1e-2,1e9", "--seeds", "2", "--out", "c"]), "known"), 4);
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let f = folder.path();
    let refused = |more: &[&str], parts: &[&str]| {
        let ran = call(f, &words(&more.iter().copied().chain(["--out", "c"]).collect::<Vec<_>>()));
        assert_eq!(ran.code, 2, "{more:?}: {}", ran.err);
        assert!(parts.iter().all(|p| ran.err.contains(p)), "{more:?}: {}", ran.err);
        assert!(!f.join("c").exists(), "{more:?}");
    };
    // One of several settings, with its values.
    refused(&["task.fraction=0.5,0.6", "task.p=11,1"], &["task.p", "in the setting", "task.p=1"]);
    refused(&["optim.lr=1e-3,-1"], &["optim.lr", "-1"]);
    refused(&["model.widths=[16],[0]"], &["model.widths", "in the setting model.widths=[0]"]);
    // The same runs twice.
    refused(&["optim.lr=1e-3,0.001"], &["twice"]);
    refused(&["zip(optim.lr=1e-3,1e-3 optim.weight_decay=1,1)"], &["twice"]);
    refused(&["optim.weight_decay=1,1.0"], &["same runs", "twice"]);
    // More than a million runs, and nobody to ask.
    refused(&["optim.lr=linspace(1e-4,1e-1,101)", "--seeds", "10000"], &["1,010,000 runs", "--yes", "--dry-run"]);
    refused(&["optim.lr=1e-3,1e-2", "train.steps=10,20"], &["limit"]);
    refused(&["optim.lr=1e-3,1e-2", "seed=range(0,2)", "--seeds", "2"], &["--seeds"]);
    refused(&["optim.lr=1e-3,1e-2", "--max-seeds", "4"], &["--until"]);
    refused(&["optim.lr=1e-3,1e-2", "--until", "ci=0.1", "--seeds", "1"], &["at least 2 seeds"]);
}

#[test]
fn one_folder_judges_its_runs_in_one_way() {
    let folder = tempfile::tempdir().unwrap();
    let f = folder.path();
    let ask =
        |more: &[&str]| call(f, &words(&["train.steps=30", "optim.lr=1e-3,1e-2", "--seeds", "2"].into_iter().chain(more.iter().copied()).collect::<Vec<_>>()));
    assert_eq!(ask(&["--out", "c"]).code, 0);
    let other = ask(&["train.eval=8", "--out", "c"]);
    assert_eq!(other.code, 2, "{}", other.err);
    assert!(other.err.contains("train.eval = 64 there") && other.err.contains("train.eval = 8 here"), "{}", other.err);
    assert_eq!(std::fs::read_dir(f.join("c")).unwrap().filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().starts_with("plan-")).count(), 2);
    // Without --out it finds a folder of its own.
    assert!(ask(&[]).code == 0 && ask(&["train.eval=8"]).code == 0);
    assert_eq!(std::fs::read_dir(f.join("runs")).unwrap().count(), 2);
    // A folder of `run` is not one of `sweep`.
    tiny(f, &["train.steps=20", "--out", "single"]);
    let ran = call(f, &words(&["optim.lr=1e-3,1e-2", "--out", "single"]));
    assert!(ran.code == 1 && ran.err.contains("another campaign"), "{}", ran.err);
    let worker = call(f, &["worker", "single"]);
    assert!(worker.code == 2 && worker.err.contains("no sweep"), "{}", worker.err);
}

#[test]
fn status_is_instant_and_right() {
    let folder = tempfile::tempdir().unwrap();
    let f = folder.path();
    let all = ["train.steps=1500", "train.stop=steps", "optim.lr=1e-3,1e-2,3e-2", "--seeds", "4", "--out", "c"];
    let cut: Vec<&str> = all.into_iter().chain(["--time", "0.02s"]).collect();
    let ran = call(f, &words(&cut));
    assert_eq!(ran.code, 75, "{}", ran.err);
    assert!(ran.err.contains("pennydrop resume c"), "{}", ran.err);
    let done = rows(&f.join("c")) as u64;
    assert!(done < 12);
    let status = answered(f, &["status", "c"]);
    let q = &status["questions"][0];
    assert_eq!((number(q, "runs"), number(q, "settings"), number(q, "done")), (12, 3, done), "{status}");
    assert_eq!(q["ends"].as_object().unwrap().values().map(|v| v.as_u64().unwrap()).sum::<u64>(), done);
    assert!(status["workers"].as_array().unwrap().is_empty(), "{status}");
    let text = call(f, &["status", "c"]);
    assert!(text.code == 0 && text.out.contains("nobody works on it") && text.out.contains("of 12 runs"), "{}", text.out);
    assert_eq!(call(f, &["resume", "c"]).code, 0);
    let started = Instant::now();
    let text = call(f, &["status", "c"]);
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert!(text.out.contains("100 %") && text.out.contains("12 of 12 runs") && text.out.contains("complete"), "{}", text.out);
    assert!(text.out.contains("4 of 4 censored: optim.lr=0.001"), "{}", text.out);
    // Without the list of its runs it is worked out anew.
    let list = std::fs::read_dir(f.join("c")).unwrap().map(|e| e.unwrap().path()).find(|p| p.extension().is_some_and(|x| x == "parquet")).unwrap();
    std::fs::remove_file(&list).unwrap();
    assert_eq!(call(f, &["status", "c"]).out, text.out);
    assert_eq!(call(f, &["resume", "c", "--quiet"]).code, 0);
    assert!(list.is_file(), "whoever goes on writes it again");
    // A larger budget opens all of it again.
    let more: Vec<&str> = ["train.steps=20000", "train.stop=steps", "optim.lr=1e-3,1e-2,3e-2", "--seeds", "4", "--out", "c", "--time", "0.01s"].to_vec();
    assert_eq!(call(f, &words(&more)).code, 75);
    let status = answered(f, &["status", "c"]);
    let done: Vec<u64> = status["questions"].as_array().unwrap().iter().map(|q| number(q, "done")).collect();
    assert!(done.contains(&12) && done.contains(&0), "{status}");
}

#[test]
fn a_watch_ends_with_the_campaign() {
    let folder = tempfile::tempdir().unwrap();
    let f = folder.path();
    let all: Vec<&str> = words(&["train.steps=3000", "train.stop=steps", "optim.lr=1e-3,1e-2", "--seeds", "6", "--threads", "1", "--out", "c"]);
    let mut child = pennydrop(f).args(&all).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    let lease = |e: std::io::Result<std::fs::DirEntry>| e.is_ok_and(|e| e.path().extension().is_some_and(|x| x == "json"));
    while !std::fs::read_dir(f.join("c/leases")).is_ok_and(|mut d| d.any(lease)) {
        assert!(Instant::now() < until && child.try_wait().unwrap().is_none(), "no lease");
        std::thread::sleep(Duration::from_millis(1));
    }
    let watched = call(f, &["watch", "c", "--every", "0.1"]);
    assert_eq!(watched.code, 0, "{}", watched.err);
    assert!(watched.out.contains("worker 0/1 on ") && watched.out.trim_end().ends_with("complete"), "{}", watched.out);
    assert!(child.wait().unwrap().success());
    let never = call(f, &["watch", "nowhere"]);
    assert_eq!(never.code, 1, "{}", never.err);
}

#[test]
fn single_runs_and_campaigns_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let f = folder.path();
    // A sweep of one setting is a campaign of one setting.
    let one: Vec<&str> = ["sweep"].into_iter().chain(TINY).chain(["train.steps=20", "--out", "c", "--seeds", "2"]).collect();
    assert_eq!(number(&answered(f, &one), "runs"), 2);
    assert_eq!(rows(&f.join("c")), 2);
    let t = table(&f.join("c"), "runs");
    // A run is found by its id in a campaign too.
    let id = t.get_str("run_id").unwrap()[0].clone().unwrap();
    let shown = call(f, &["show", &id[..8], "--out", "c"]);
    assert!(shown.code == 0 && shown.out.contains(&id), "{}{}", shown.out, shown.err);
}
