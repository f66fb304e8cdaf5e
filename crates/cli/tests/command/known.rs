//! Asking again, and asking for more.

use crate::{TINY, call, hash, only, tiny};

#[test]
fn asking_again_trains_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let first = tiny(folder.path(), &["train.steps=80"]);
    let again = tiny(folder.path(), &["train.steps=80"]);
    assert_eq!(first, again, "the record gives back what was measured, the wall time too");
    let words: Vec<&str> = ["run"].into_iter().chain(TINY).chain(["train.steps=80"]).collect();
    assert!(call(folder.path(), &words).err.contains("from the record"));
    // Another way of keeping is no other trajectory.
    assert_eq!(only(&tiny(folder.path(), &["train.steps=80", "record.ckpt_s=1"]))["wall_s"], only(&first)["wall_s"]);
}

#[test]
fn a_longer_budget_continues_to_the_bits_of_an_unbroken_run() {
    let folder = tempfile::tempdir().unwrap();
    let short = tiny(folder.path(), &["train.steps=70", "--out", "a"]);
    let words: Vec<&str> = ["run"].into_iter().chain(TINY).chain(["train.steps=150", "--out", "a"]).collect();
    let ran = call(folder.path(), &words);
    assert!(ran.code == 0 && ran.err.contains("goes on from step 70"), "{}", ran.err);
    let long = tiny(folder.path(), &["train.steps=150", "--out", "a"]);
    let unbroken = tiny(folder.path(), &["train.steps=150", "--out", "b"]);
    assert_eq!(only(&short)["run_id"], only(&long)["run_id"]);
    assert_eq!(hash(&long), hash(&unbroken));
    assert_eq!(only(&long)["crossings"], only(&unbroken)["crossings"]);
    // The shorter question has its own answer still, and the longer run stays.
    assert_eq!(hash(&tiny(folder.path(), &["train.steps=70", "--out", "a"])), hash(&short));
    assert_eq!(hash(&tiny(folder.path(), &["train.steps=150", "--out", "a"])), hash(&long));
    // Resuming asks the longest question only.
    let resumed = call(folder.path(), &["resume", "a", "--json"]);
    assert!(resumed.code == 0 && resumed.err.contains("from the record"), "{}", resumed.err);
    assert_eq!(hash(&serde_json::from_str(&resumed.out).unwrap()), hash(&long));
}

#[test]
fn another_set_up_does_not_join_a_campaign_and_more_seeds_do() {
    let folder = tempfile::tempdir().unwrap();
    tiny(folder.path(), &["train.steps=20", "--out", "c"]);
    let words: Vec<&str> = ["run"].into_iter().chain(TINY).chain(["optim.lr=0.1", "train.steps=20", "--out", "c"]).collect();
    let other = call(folder.path(), &words);
    assert_eq!(other.code, 1, "{}", other.err);
    assert!(other.err.contains("another campaign"), "{}", other.err);
    assert_eq!(tiny(folder.path(), &["train.steps=20", "--out", "c", "--seeds", "3"])["runs"].as_array().unwrap().len(), 3);
    let shown = call(folder.path(), &["show", "c"]);
    assert_eq!(shown.out.lines().count(), 4, "{}", shown.out);
}

#[test]
fn runs_are_shown_compared_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let a = tiny(folder.path(), &["train.steps=40"]);
    let b = tiny(folder.path(), &["train.steps=40", "optim.lr=3e-3"]);
    let (a, b) = (only(&a)["run_id"].as_str().unwrap(), only(&b)["run_id"].as_str().unwrap());
    let shown = call(folder.path(), &["show", &a[..10]]);
    assert!(shown.code == 0 && shown.out.contains(a) && shown.out.contains("[optim]"), "{}", shown.out);
    let diff = call(folder.path(), &["diff", a, b]);
    assert!(diff.code == 0 && diff.out.contains("optim.lr") && diff.out.contains("0.003") && !diff.out.contains("task.p"), "{}", diff.out);
    let drawn = call(folder.path(), &["plot", a, b, "-o", "two"]);
    assert_eq!(drawn.code, 0, "{}", drawn.err);
    let svg = std::fs::read_to_string(folder.path().join("two.svg")).unwrap();
    assert!(svg.contains(a) && svg.contains(b) && svg.contains("pennydrop plot"));
    assert!(std::fs::read(folder.path().join("two.png")).unwrap().starts_with(b"\x89PNG"));
}
