//! Many seeds, many threads: the same bits.

use crate::{hash, tiny};
use serde_json::Value;

fn hashes(answer: &Value) -> Vec<String> {
    answer["runs"].as_array().unwrap().iter().map(|r| r["weights_hash"].as_str().unwrap().to_string()).collect()
}

#[test]
fn a_pack_has_the_bits_of_runs_alone() {
    let folder = tempfile::tempdir().unwrap();
    let pack = hashes(&tiny(folder.path(), &["train.steps=90", "--seeds", "4", "--threads", "2", "--out", "pack"]));
    assert_eq!(hashes(&tiny(folder.path(), &["train.steps=90", "--seeds", "4", "--threads", "1", "--out", "one"])), pack);
    for (seed, packed) in pack.iter().enumerate() {
        let alone = tiny(folder.path(), &["train.steps=90", &format!("seed={seed}"), "--threads", "2", "--out", &format!("alone{seed}")]);
        assert_eq!(hash(&alone), *packed, "seed {seed}");
    }
    assert!(pack.windows(2).all(|w| w[0] != w[1]));
}

#[test]
fn recording_more_changes_no_bit() {
    let folder = tempfile::tempdir().unwrap();
    let plain = hash(&tiny(folder.path(), &["train.steps=90", "--out", "a"]));
    assert_eq!(hash(&tiny(folder.path(), &["train.steps=90", "record.weights=log:8", "record.ckpt_s=0.01", "--out", "b"])), plain);
    assert_eq!(hash(&tiny(folder.path(), &["train.steps=90", "train.eval=3", "--out", "c"])), plain);
}

#[test]
fn seeds_of_one_purpose_vary_alone() {
    let folder = tempfile::tempdir().unwrap();
    let answer = tiny(folder.path(), &["train.steps=20", "seed=5", "seed.init=range(0,2)"]);
    let runs = answer["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    assert!(runs.iter().all(|r| r["seed"].is_null() && r["seeds"]["split"] == 5), "{answer}");
    assert_ne!(runs[0]["weights_hash"], runs[1]["weights_hash"]);
}

#[test]
fn the_room_for_final_states_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let answer = tiny(folder.path(), &["train.steps=20", "--seeds", "6", "record.ckpt_mb=0.05", "--out", "c"]);
    assert_eq!(answer["runs"].as_array().unwrap().len(), 6);
    let states: Vec<u64> = std::fs::read_dir(folder.path().join("c/ckpt")).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).collect();
    assert!(states.len() < 6 && (states.iter().sum::<u64>() <= 50_000 || states.len() == 1), "{states:?}");
    // A run whose state is gone is still known.
    let again = tiny(folder.path(), &["train.steps=20", "--seeds", "6", "record.ckpt_mb=0.05", "--out", "c"]);
    assert_eq!(hashes(&again), hashes(&answer));
}
