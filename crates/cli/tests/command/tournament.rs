//! Arms at equal tuning budget.

use crate::{TINY, call, only, tiny};
use pennydrop_store::{Checkpoint, Tensor};
use serde_json::Value;
use std::path::Path;

/// Levels so low that a tiny network generalises within its budget, sometimes.
const EASY: [&str; 6] = ["task.p=7", "task.fraction=0.8", "train.steps=150", "train.stop=grokked", "train.mem_level=0.6", "train.grok_level=0.4"];

fn words<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mine = TINY.into_iter().filter(|w| !w.starts_with("train.stop") && !w.starts_with("task.p="));
    ["tournament"].into_iter().chain(mine).chain(EASY).chain(more.iter().copied()).collect()
}

fn ask(folder: &Path, more: &[&str]) -> (Value, String) {
    let mut all = words(more);
    all.push("--json");
    let ran = call(folder, &all);
    assert_eq!(ran.code, 0, "{all:?}\n{}", ran.err);
    (serde_json::from_str(&ran.out).unwrap(), ran.err)
}

const ARMS: [&str; 4] = ["--arm", "adamw: optim.lr=loguniform(1e-3,1e-1)", "--arm", "sgd: optim.name=sgd optim.lr=loguniform(1e-2,1) optim.momentum=0,0.9"];

#[test]
fn every_arm_tries_as_many_settings_and_other_seeds_decide() {
    let folder = tempfile::tempdir().unwrap();
    let more: Vec<&str> = ARMS.into_iter().chain(["--settings", "3", "--seeds", "2", "--judge", "3", "--out", "t", "--threads", "2"]).collect();
    let (first, _) = ask(folder.path(), &more);
    assert_eq!(first["schema"], "pennydrop.tournament/1");
    assert_eq!((&first["tuning_seeds"], &first["judging_seeds"]), (&serde_json::json!([0, 1]), &serde_json::json!([2, 4])));
    let arms = first["arms"].as_array().unwrap();
    assert_eq!(arms.len(), 2);
    for arm in arms {
        let tuning = &arm["tuning"];
        assert_eq!((tuning["settings"].as_u64(), tuning["runs"].as_u64()), (Some(3), Some(6)), "{arm}");
        let tried = tuning["tried"].as_array().unwrap();
        let means: Vec<f64> = tried.iter().map(|t| t["restricted_mean"].as_f64().unwrap()).collect();
        let best = means.iter().copied().fold(f64::INFINITY, f64::min);
        assert_eq!(tuning["restricted_mean"], best);
        let at = means.iter().position(|m| *m == best).unwrap();
        assert_eq!(arm["chosen"], tried[at]["setting"], "the smallest mean is chosen");
        let mean = means.iter().sum::<f64>() / 3.0;
        assert!((tuning["best_of"][0].as_f64().unwrap() - mean).abs() < 1e-9 && tuning["best_of"][2] == best, "{tuning}");
        assert_eq!(arm["judging"]["n"], 3);
        // Work is steps times operations of a step.
        let steps: f64 = tried.iter().map(|t| t["steps"].as_f64().unwrap() * t["flop_per_step"].as_f64().unwrap()).sum();
        assert_eq!(tuning["flop"], steps);
        assert_eq!(arm["in_competition"], true);
    }
    assert!(arms.iter().any(|a| a["judging"]["grokked"].as_u64() > Some(0)), "a test without events tests nothing: {first}");
    // Asking again trains nothing and says the same; so does another folder, but for the clock.
    let (again, talk) = ask(folder.path(), &more);
    assert_eq!(again, first);
    assert!(!talk.contains("tuning adamw") && talk.contains("0 of 6 runs to train"), "{talk}");
    let other: Vec<&str> = more.iter().map(|w| if *w == "t" { "u" } else { *w }).collect();
    let (mut other, mut first) = (ask(folder.path(), &other).0, first);
    for v in [&mut other, &mut first] {
        v["record"].take();
        v["arms"].as_array_mut().unwrap().iter_mut().for_each(|a| {
            a["judging"]["seconds_per_step"].take();
        });
    }
    assert_eq!(other, first);
    // What was asked and what was chosen are files, and the first reads back to the same tournament.
    let names: Vec<String> = std::fs::read_dir(folder.path().join("t")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    let asked = names.iter().find(|n| n.starts_with("tournament-") && !n.contains("choice")).unwrap();
    let choice = names.iter().find(|n| n.ends_with("-choice.toml")).unwrap();
    assert!(std::fs::read(folder.path().join("t/figure-tournament.png")).unwrap().starts_with(b"\x89PNG"));
    let from_file = call(folder.path(), &["tournament", &format!("t/{asked}"), "--out", "v", "--json"]);
    assert_eq!(from_file.code, 0, "{}", from_file.err);
    let from_file: Value = serde_json::from_str(&from_file.out).unwrap();
    assert_eq!(from_file["arms"][0]["judging"]["runs"], first["arms"][0]["judging"]["runs"]);
    // A choice that is not what the tuning runs give is an alarm.
    let path = folder.path().join("t").join(choice);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("setting = ", "setting = 1", 1)).unwrap();
    let mut all = words(&more);
    all.push("--json");
    let ran = call(folder.path(), &all);
    assert_eq!((ran.code, ran.out.as_str()), (7, ""), "{}", ran.err);
}

#[test]
fn a_leak_and_other_data_are_shown_and_do_not_compete() {
    let folder = tempfile::tempdir().unwrap();
    let first = tiny(folder.path(), &["task.p=7", "train.steps=40", "record.weights=log:1", "--out", "a"]);
    let id = only(&first)["run_id"].as_str().unwrap();
    let kept = pennydrop_store::load_weights_file(&folder.path().join(format!("a/weights/{id}.safetensors"))).unwrap();
    let tensors = kept.iter().filter_map(|t| Some(Tensor { name: t.name.strip_prefix("step10/")?.to_string(), ..t.clone() })).collect();
    Checkpoint { tensors, ..Default::default() }.save(&folder.path().join("w.safetensors")).unwrap();
    let more = [
        "--arm",
        "seen: model.init=w.safetensors optim.lr=1e-2,2e-2",
        "--arm",
        "plain: optim.lr=1e-2,2e-2",
        "--arm",
        "more data: task.fraction=0.9 optim.lr=1e-2,2e-2",
        "--arm",
        "other: optim.lr=3e-2,4e-2",
        "--settings",
        "2",
        "--seeds",
        "1",
        "--judge",
        "2",
        "--out",
        "t",
    ];
    let (answer, _) = ask(folder.path(), &more);
    let arm = |k: usize| &answer["arms"][k];
    assert!(arm(0)["leaks"][0].as_str().unwrap().contains("model.init"), "{answer}");
    assert!(arm(2)["not_matched"][0].as_str().unwrap().contains("task.fraction"), "{answer}");
    assert_eq!([0, 1, 2, 3].map(|k| arm(k)["in_competition"].as_bool().unwrap()), [false, true, false, true]);
    assert_eq!(answer["reference"], "plain", "an arm out of competition is nothing to compare with");
    assert!(arm(0)["judging"]["steps"]["difference"]["p_holm"].is_null() && arm(0)["judging"]["n"] == 2, "{answer}");
    let told = call(folder.path(), &words(&more));
    assert!(told.code == 0 && told.out.contains("seen (out of competition)") && told.out.contains("leak: model.init"), "{}{}", told.out, told.err);
    let svg = std::fs::read_to_string(folder.path().join("t/figure-tournament.svg")).unwrap();
    assert!(svg.contains("seen (leak)") && svg.contains("more data (not matched)"));
}

#[test]
fn repeated_examples_are_a_leak() {
    let folder = tempfile::tempdir().unwrap();
    let mut csv = String::from("x,y,label\n");
    (0..40).for_each(|i| csv += &format!("{},{},{}\n", i % 5, i % 4, (i % 5 + i % 4) % 3));
    std::fs::write(folder.path().join("twice.csv"), csv).unwrap();
    let base = ["tournament", "quickstart", "model.d_embed=8", "model.widths=[16]", "train.steps=20", "task.name=table", "task.file=twice.csv"];
    let more = ["--arm", "a: optim.lr=1e-2", "--arm", "b: optim.lr=2e-2", "--settings", "1", "--seeds", "1", "--dry-run", "--json"];
    let ran = call(folder.path(), &base.into_iter().chain(more).collect::<Vec<_>>());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let plan: Value = serde_json::from_str(&ran.out).unwrap();
    for arm in plan["arms"].as_array().unwrap() {
        assert!(arm["leaks"][0].as_str().unwrap().contains("training set too"), "{plan}");
    }
    assert!(!folder.path().join("runs").exists(), "nothing is done");
}

#[test]
fn an_arm_with_too_few_settings_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let ran = call(folder.path(), &words(&["--arm", "a: optim.lr=1e-3,1e-2", "--arm", "b: optim.lr=loguniform(1e-3,1)", "--settings", "3"]));
    assert!(ran.code == 2 && ran.err.contains("`a` has only 2 settings"), "{}", ran.err);
    assert!(!folder.path().join("runs").exists());
    let ran = call(folder.path(), &["run", "t.toml"]);
    assert_eq!(ran.code, 2);
    std::fs::write(
        folder.path().join("t.toml"),
        "[tournament]\nbase = \"quickstart\"\narms = {b = [\"optim.lr=1\"], a = [\"optim.lr=2\"]}\nreference = \"b\"\nsettings = 1\n",
    )
    .unwrap();
    let ran = call(folder.path(), &["run", "t.toml"]);
    assert!(ran.code == 2 && ran.err.contains("pennydrop tournament"), "{}", ran.err);
    let plan = call(folder.path(), &["tournament", "t.toml", "task.p=7", "--seeds", "1", "--dry-run"]);
    let arms: Vec<&str> = plan.out.lines().filter_map(|l| l.split_whitespace().next()).filter(|w| ["a", "b"].contains(w)).collect();
    assert_eq!(arms, ["b", "a"], "{}{}", plan.out, plan.err);
}
