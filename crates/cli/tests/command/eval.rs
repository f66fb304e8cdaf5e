//! What a network computes at a step.

use crate::{call, only, tiny};

#[test]
fn a_step_without_a_state_is_reached_by_replay() {
    let folder = tempfile::tempdir().unwrap();
    // At its last step, and from the state that a longer run left behind.
    let short = tiny(folder.path(), &["train.steps=50", "--out", "short"]);
    tiny(folder.path(), &["train.steps=120", "--out", "long"]);
    let id = only(&short)["run_id"].as_str().unwrap();
    let file = |out: &str, what: &str, name: &str, side: &str| {
        let ran = call(folder.path(), &["eval", what, "--out", out, "--inputs", side, "-o", name, "--json"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        (serde_json::from_str::<serde_json::Value>(&ran.out).unwrap(), std::fs::read(folder.path().join(name)).unwrap())
    };
    let (about, ended) = file("short", id, "a.npz", "all");
    let (_, replayed) = file("long", &format!("{id}@50"), "b.npz", "all");
    assert_eq!(ended, replayed);
    assert_eq!(about["step"], 50);
    let arrays = about["arrays"].as_array().unwrap();
    let shape = |name: &str| arrays.iter().find(|a| a["name"] == name).map(|a| a["shape"].clone()).unwrap_or_else(|| panic!("no {name}: {about}"));
    assert_eq!(shape("logits"), serde_json::json!([121, 11]));
    assert_eq!(shape("labels"), serde_json::json!([121]));
    let (train, _) = file("short", id, "c.npz", "train");
    assert_eq!(train["arrays"][0]["shape"][0], 48);
    // A zip of arrays, as NumPy reads it.
    assert!(ended.starts_with(b"PK") && ended.windows(6).any(|w| w == b"\x93NUMPY"));
    let late = call(folder.path(), &["eval", &format!("{id}@999"), "--out", "short", "-o", "d.npz"]);
    assert!(late.code == 2 && late.err.contains("999") && !folder.path().join("d.npz").exists(), "{}", late.err);
}
