//! Interventions as words, and forks of a run.

use crate::{call, only};
use serde_json::Value;
use std::path::Path;

/// A net that generalises within some hundred steps.
const NET: [&str; 9] = [
    "run",
    "norm-clamp-mlp",
    "task.p=23",
    "task.fraction=0.8",
    "model.d_embed=32",
    "model.widths=[64]",
    "optim.lr=0.01",
    "optim.weight_decay=3",
    "train.grok_level=0.9",
];
const END: [&str; 2] = ["train.steps=900", "train.stop=steps"];

fn json(folder: &Path, words: &[&str]) -> Value {
    let ran = call(folder, words);
    assert_eq!(ran.code, 0, "{words:?}: {}", ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

fn begun(folder: &Path) -> (String, String) {
    let answer = json(folder, &[&NET[..], &END, &["--out", "a", "--json"]].concat());
    let run = only(&answer);
    (run["run_id"].as_str().unwrap().to_string(), run["weights_hash"].as_str().unwrap().to_string())
}

#[test]
fn a_fork_has_a_twin_that_is_the_run_and_arms_that_are_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (id, hash) = begun(folder.path());
    let fork = ["intervene", &format!("{id}@100"), "clamp.factor=1.2", "--of", "a", "--out", "f", "--ulps", "3", "--twin", "loss.precision=f64", "--json"];
    let answer = json(folder.path(), &fork);
    let arms = answer["arms"].as_array().unwrap();
    let names: Vec<&str> = arms.iter().map(|a| a["arm"].as_str().unwrap()).collect();
    assert_eq!(names, ["twin", "treated", "ulp 1", "ulp 2", "ulp 3", "loss.precision=f64", "loss.precision=f64, treated"]);
    assert_eq!((arms[0]["run_id"].as_str(), arms[0]["weights_hash"].as_str()), (Some(id.as_str()), Some(hash.as_str())));
    assert_eq!(answer["twin_is_the_run"], true);
    // Each arm is another run; chance is not nothing.
    let hashes: std::collections::BTreeSet<&str> = arms.iter().map(|a| a["weights_hash"].as_str().unwrap()).collect();
    assert_eq!(hashes.len(), arms.len());
    assert_eq!(answer["effect"]["ulp_log_ratios"].as_array().unwrap().len(), 3, "{answer}");
    // The treated arm is the run that was so from its beginning, to the bit and by name.
    let scratch = json(folder.path(), &[&NET[..], &END, &["clamp.factor=1.2", "clamp.from=100", "--out", "b", "--json"]].concat());
    let scratch = only(&scratch);
    assert_eq!((&scratch["run_id"], &scratch["weights_hash"]), (&arms[1]["run_id"], &arms[1]["weights_hash"]));
    // Asked again, everything is known.
    let again = json(folder.path(), &fork);
    assert_eq!(again["arms"], answer["arms"]);
    // In words.
    let ran = call(folder.path(), &fork[..fork.len() - 1]);
    for part in ["to the bit", "effect   ×", "chance   ×", "3 of 3 runs"] {
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
    // Its folder is a campaign like others.
    let ran = call(folder.path(), &["show", "f"]);
    assert!(ran.code == 0 && ran.out.contains("clamp.from"), "{}{}", ran.out, ran.err);
}

#[test]
fn numbers_of_the_optimizer_change_at_the_fork() {
    let folder = tempfile::tempdir().unwrap();
    let (id, _) = begun(folder.path());
    let answer = json(
        folder.path(),
        &["intervene", &format!("{id}@100"), "optim.weight_decay=0", "train.steps=400", "--of", "a", "--out", "f", "--ulps", "0", "--json"],
    );
    let scratch = json(
        folder.path(),
        &[&NET[..], &["change.set=[optim.weight_decay=0]", "change.from=100", "train.steps=400", "train.stop=steps", "--out", "b", "--json"]].concat(),
    );
    assert_eq!((&only(&scratch)["weights_hash"], only(&scratch)["steps"].as_u64()), (&answer["arms"][1]["weights_hash"], Some(400)));
    assert_eq!(answer["arms"].as_array().unwrap().len(), 2);
    // The run went on to 900 steps, the twin to 400: not to be compared.
    assert_eq!(answer["twin_is_the_run"], Value::Null);
}

#[test]
fn mistakes_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (id, _) = begun(folder.path());
    let at = |step: &str| format!("{id}@{step}");
    let says = |words: &[&str], code: i32, parts: &[&str]| {
        let ran = call(folder.path(), words);
        assert_eq!(ran.code, code, "{words:?}: {}", ran.err);
        assert!(parts.iter().all(|p| ran.err.contains(p)), "{words:?}: {}", ran.err);
    };
    let of = ["--of", "a"];
    let fork = |what: &str, words: &[&str]| [&["intervene", what][..], words, &of[..]].concat().iter().map(|w| w.to_string()).collect::<Vec<_>>();
    let tell = |what: &str, words: &[&str], parts: &[&str]| says(&fork(what, words).iter().map(String::as_str).collect::<Vec<_>>(), 2, parts);
    tell(&id, &["clamp.factor=2"], &["names no step"]);
    tell(&at("x"), &["clamp.factor=2"], &["no step"]);
    tell(&at("99999"), &["clamp.factor=2"], &["900 steps"]);
    tell(&at("100"), &["clamp.factor=1,2"], &["several values", "sweep"]);
    tell(&at("100"), &["model.widths=[3]"], &["--twin"]);
    tell(&at("100"), &["train.steps=50"], &["no intervention"]);
    tell(&at("100"), &["clamp.fctor=2"], &["did you mean `factor`"]);
    tell(&at("100"), &["clamp.factor=2", "--twin", "seed=3"], &["--twin"]);
    tell("ffffffff@3", &["clamp.factor=2"], &["there is no run"]);
    // Words of runs.
    says(&["run", "quickstart", "clamp.factor=2", "--dry-run"], 2, &["clamp.from", "begins"]);
    says(&["run", "quickstart", "clamp.from=sometime", "--dry-run"], 2, &["clamp.from", "sometime", "t_mem"]);
    says(&["run", "quickstart", "clamp.from=5", "clamp.on=[layer9.W]", "--dry-run"], 2, &["clamp.on", "layer9.W"]);
    let ran = call(folder.path(), &["list", "interventions", "clam"]);
    assert!(ran.code == 2 && ran.err.contains("did you mean `clamp`"), "{}", ran.err);
    for name in ["rescale", "reinit", "nudge", "noise", "freeze", "clamp", "temperature", "change", "mark"] {
        let ran = call(folder.path(), &["list", "interventions", name]);
        assert!(ran.code == 0 && ran.out.contains(&format!("{name}.from")), "{}", ran.out);
    }
}
