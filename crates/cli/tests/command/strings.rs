//! A matrix-product state on strings of bits, from words to contexts.

use crate::{call, only};
use serde_json::{Value, json};

#[test]
fn a_tensor_network_is_trained_on_short_strings_and_tested_on_long_ones() {
    let folder = tempfile::tempdir().unwrap();
    let small = [
        "task.length=5",
        "task.fraction=1",
        "task.test_length=12",
        "task.test=50",
        "model.bond=4",
        "train.batch=0",
        "train.steps=40",
        "train.stop=steps",
        "--out",
        "a",
    ];
    let words: Vec<&str> = ["run", "zunkovic-tn"].into_iter().chain(small).chain(["--json"]).collect();
    let ran = call(folder.path(), &words);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    let run = only(&answer);
    assert_eq!(run["steps"], 40);
    let id = run["run_id"].as_str().unwrap();
    for (side, n, sites) in [("train", 32, 5), ("test", 50, 12)] {
        let ran = call(folder.path(), &["eval", &format!("{id}@20"), "--out", "a", "--inputs", side, "-o", side, "--json"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let about: Value = serde_json::from_str(&ran.out).unwrap();
        let shape = |name: &str| about["arrays"].as_array().unwrap().iter().find(|a| a["name"] == name).map(|a| a["shape"].clone()).unwrap_or(json!(name));
        assert_eq!((shape("logits"), shape("bits")), (json!([n, sites]), json!([n, sites])));
        assert_eq!((shape(&format!("left@{}", sites - 1)), shape("right@0")), (json!([n, 4]), json!([n, 4])));
    }
    let ran = call(folder.path(), &["run", "zunkovic-tn", "model.name=mlp", "task.test_length=12", "train.steps=1"]);
    assert!(ran.code == 2 && ran.err.contains("task.test_length=0"), "{}", ran.err);
}
