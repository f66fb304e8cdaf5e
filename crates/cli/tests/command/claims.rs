//! The ledger of claims, on one of its own.

use crate::{call, pennydrop};
use serde_json::Value;
use std::fs;
use std::path::Path;

const EXPERIMENT: &str = r#"
[experiment]
about = "a small network, two decays"
measure = ["norm@start", "norm@t_grok", "norm@test_accuracy>0.5", "norm@test_accuracy>1", "norm@rate", "norm@rate:100"]
full = ["seed=range(0,4)"]
check = ["optim.weight_decay=3", "seed=0"]
f64 = []
cost_core_hours = 0.01
full_core_hours = 0.02

[sweep]
base = "norm-clamp-mlp"
seeds = 3
words = ["task.p=23", "task.fraction=0.8", "model.d_embed=32", "model.widths=[64]", "optim.lr=0.01", "optim.weight_decay=1,3", "train.grok_level=0.9", "train.steps=2000"]
"#;

const CLAIM: &str = r#"
paper = "somebody"
number = "1"
place = "Table 1"
claim = "With more decay it takes longer."
kind = "number"
generalising = "delayed generalisation"
strength = "direct"
setting = "a small network"

[[ambiguity]]
what = "the first values"
resolved = "ours"
matters = "little"

[[part]]
name = "ratio of the medians"
experiment = "small"
statistic = { name = "ratio", of = "t_grok", where = { "optim.weight_decay" = 3 }, against = { "optim.weight_decay" = 1 } }
published = 30.0

[[part]]
name = "all generalise"
experiment = "small"
statistic = { name = "share", of = "t_grok" }
published = 1.0
margin = 0.95

[[part]]
name = "norm when the accuracy is above 1"
experiment = "small"
statistic = { name = "value", of = "norm@test_accuracy>1" }
published = 1.0
"#;

fn ledger(folder: &Path) {
    fs::create_dir_all(folder.join("claims/experiments")).unwrap();
    fs::create_dir_all(folder.join("claims/somebody")).unwrap();
    fs::write(folder.join("claims/experiments/small.toml"), EXPERIMENT).unwrap();
    fs::write(folder.join("claims/somebody/1.toml"), CLAIM).unwrap();
}

fn shown(folder: &Path) -> Value {
    let ran = call(folder, &["claims", "show", "somebody/1", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn a_claim_is_run_judged_checked_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    ledger(at);
    assert_eq!(shown(at)["verdict"], "waiting");
    let ran = call(at, &["claims", "run", "somebody"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let judged = shown(at);
    // More decay shortens the time, and the paper would have it thirty times as long; all runs generalise.
    assert_eq!(judged["parts"][0]["verdict"], "reversed", "{judged}");
    assert_eq!(judged["parts"][1]["verdict"], "reproduced", "{judged}");
    // The runs are there and never had what this part reads, so more of the same is not what it waits for.
    assert_eq!(judged["parts"][2]["verdict"], "not testable", "{judged}");
    assert!(judged["parts"][2]["why"].as_str().unwrap().contains("norm@test_accuracy>1"), "{judged}");
    assert_eq!((&judged["verdict"], &judged["runs"], &judged["rule_changed_after_data"]), (&"partly".into(), &6.into(), &false.into()));
    let csv = at.join("claims/experiments/small.csv");
    let first = fs::read_to_string(&csv).unwrap();
    assert!(first.contains("norm@t_grok") && first.contains("# rule somebody/1:"), "{first}");
    // What is measured is what the words say, held against the curves themselves.
    assert_eq!(call(at, &["export", "runs/claims/small", "csv", "--table", "curves", "--output", "curves.csv"]).code, 0);
    let table = |text: &str| text.lines().filter(|l| !l.starts_with('#')).map(|l| l.split(',').map(String::from).collect::<Vec<_>>()).collect::<Vec<_>>();
    let (runs, curves) = (table(&first), table(&fs::read_to_string(at.join("curves.csv")).unwrap()));
    let cell = |t: &[Vec<String>], row: &[String], name: &str| row[t[0].iter().position(|c| c == name).unwrap()].parse::<f64>().ok();
    for run in &runs[1..] {
        let of = |name: &str| cell(&runs, run, name);
        let mut curve: Vec<[f64; 3]> =
            curves[1..].iter().filter(|r| r.contains(&run[0])).map(|r| ["step", "norm", "test_accuracy"].map(|c| cell(&curves, r, c).unwrap())).collect();
        curve.sort_by(|a, b| a[0].total_cmp(&b[0]));
        assert_eq!(of("norm@start"), Some(curve[0][1]));
        assert_eq!(of("norm@test_accuracy>0.5"), curve.iter().find(|p| p[2] > 0.5).map(|p| p[1]));
        let (mem, grok) = (of("t_mem").unwrap(), of("t_grok").unwrap());
        // Between margins of 20 steps, or 5 % of the delay, the norm falls all the time: its slope is about that of the ends.
        let margin = (0.05 * (grok - mem)).max(20.0);
        let within: Vec<&[f64; 3]> = curve.iter().filter(|p| p[0] >= mem + margin && p[0] <= grok - margin).collect();
        let (p, q) = (within[0], within[within.len() - 1]);
        let slope = (p[1] / q[1]).ln() / (q[0] - p[0]);
        let rate = of("norm@rate").unwrap();
        assert!(slope > 0.0 && (rate / slope - 1.0).abs() < 0.3, "{rate} and {slope} of {run:?}");
        let early: Vec<&[f64; 3]> = curve.iter().filter(|p| p[0] >= mem && p[0] <= mem + 100.0).collect();
        assert_eq!(of("norm@rate:100").is_some(), early.len() >= 3, "{run:?}");
    }
    // Asked again, everything is known and nothing changes.
    assert_eq!(call(at, &["claims", "run", "somebody/1"]).code, 0);
    let body = |t: &str| t.lines().filter(|l| !l.starts_with('#')).map(String::from).collect::<Vec<_>>();
    assert_eq!(body(&fs::read_to_string(&csv).unwrap()), body(&first));
    let ran = call(at, &["claims", "check"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    // A page that fetches nothing.
    let ran = call(at, &["claims", "report", "-o", "page"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let page = fs::read_to_string(at.join("page/index.html")).unwrap();
    for part in ["With more decay it takes longer.", "partly", "<svg", "ratio of the medians", "the first values"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("<script") && !page.contains("http"));
    // A rule that is changed afterwards shows.
    fs::write(at.join("claims/somebody/1.toml"), CLAIM.replace("published = 30.0", "published = 1.5")).unwrap();
    assert_eq!(shown(at)["rule_changed_after_data"], true);
    fs::write(at.join("claims/somebody/1.toml"), CLAIM).unwrap();
    // Of its experiments one can be trained alone, and no other's name is taken.
    assert_eq!(call(at, &["claims", "run", "somebody/1", "--only", "small"]).code, 0);
    let ran = call(at, &["claims", "run", "somebody/1", "--only", "large"]);
    assert!(ran.code == 2 && ran.err.contains("`large`") && ran.err.contains("one of small"), "{}", ran.err);
    // Results of another numerics version have other names, and are known by what they were told.
    let version = format!("# numerics: {}\n", pennydrop_train::NUMERICS);
    assert!(first.contains(&version));
    let mut named: Vec<String> = first.replace(&version, "# numerics: 0\n").lines().map(String::from).collect();
    let rows = named.iter().position(|l| !l.starts_with('#')).unwrap() + 1;
    named[rows..].iter_mut().enumerate().for_each(|(i, l)| *l = format!("{i:016x}{}", &l[16..]));
    fs::write(&csv, named.join("\n") + "\n").unwrap();
    // The file beside the claim says what made its results, and these are others.
    fs::remove_file(at.join("claims/somebody/1.json")).unwrap();
    let ran = call(at, &["claims", "check"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    // Falsified results are found.
    let header = first.lines().find(|l| !l.starts_with('#')).unwrap();
    let column = header.split(',').position(|c| c == "t_grok").unwrap();
    let forged: Vec<String> = first
        .lines()
        .map(|l| {
            let mut cells: Vec<String> = l.split(',').map(String::from).collect();
            if !l.starts_with('#') && l != header && cells.len() > column {
                cells[column] = "17".into();
            }
            cells.join(",")
        })
        .collect();
    fs::write(&csv, forged.join("\n") + "\n").unwrap();
    let ran = call(at, &["claims", "check"]);
    assert_eq!(ran.code, 4, "{}{}", ran.out, ran.err);
}

#[test]
fn what_another_process_writes_meanwhile_is_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    ledger(at);
    let long = EXPERIMENT.replace("optim.weight_decay=1,3", "train.stop=steps").replace("train.steps=2000", "train.steps=8000");
    fs::write(at.join("claims/experiments/long.toml"), long.replace("seeds = 3", "seeds = 1").replace("\"optim.weight_decay=3\", ", "")).unwrap();
    let other = "[[part]]\nname = \"all\"\nexperiment = \"long\"\nstatistic = { name = \"share\", of = \"t_grok\" }\npublished = 1.0\n";
    fs::write(at.join("claims/somebody/2.toml"), CLAIM.split("[[part]]").next().unwrap().replace("number = \"1\"", "number = \"2\"") + other).unwrap();
    assert_eq!(call(at, &["claims", "run", "somebody/1"]).code, 0);
    // Results of five of the six runs when the other claim's training begins, and of all six when it ends.
    let csv = at.join("claims/experiments/small.csv");
    let whole = fs::read_to_string(&csv).unwrap();
    fs::write(&csv, whole.trim_end().rsplit_once('\n').unwrap().0.to_string() + "\n").unwrap();
    let mut training = pennydrop(at).args(["claims", "run", "somebody/2", "-q"]).spawn().unwrap();
    while !at.join("runs/claims/long").exists() {
        assert!(training.try_wait().unwrap().is_none(), "it ended before it began");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(shown(at)["runs"], 5);
    assert!(training.try_wait().unwrap().is_none(), "it ended before the results were there");
    fs::write(&csv, whole).unwrap();
    assert!(training.wait().unwrap().success());
    let file = |n: u8| serde_json::from_str::<Value>(&fs::read_to_string(at.join(format!("claims/somebody/{n}.json"))).unwrap()).unwrap();
    assert_eq!((&file(1)["runs"], &file(2)["runs"]), (&6.into(), &1.into()));
}

#[test]
fn mistakes_in_a_ledger_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let says = |change: (&str, &str), parts: &[&str]| {
        ledger(at);
        fs::write(at.join("claims/somebody/1.toml"), CLAIM.replace(change.0, change.1)).unwrap();
        let ran = call(at, &["claims", "list"]);
        assert_eq!(ran.code, 2, "{change:?}: {}", ran.err);
        assert!(parts.iter().all(|p| ran.err.contains(p)), "{change:?}: {}", ran.err);
    };
    says(("\"ratio\"", "\"ration\""), &["ration", "ratio"]);
    says(("kind = \"number\"", "kind = \"rumour\""), &["kind", "rumour"]);
    says(("experiment = \"small\"", "experiment = \"smal\""), &["smal"]);
    says(("of = \"t_grok\", where", "off = \"t_grok\", where"), &["off"]);
    says(("place = \"Table 1\"", "place = "), &["TOML"]);
    ledger(at);
    let ran = call(at, &["claims", "show", "nobody/3"]);
    assert!(ran.code == 2 && ran.err.contains("nobody/3"), "{}", ran.err);
    let ran = call(at, &["claims", "list", "--claims", "elsewhere"]);
    assert!(ran.code != 0 && ran.err.contains("elsewhere"), "{}", ran.err);
    // The ledger of the program is whole.
    fs::remove_dir_all(at.join("claims")).unwrap();
    let ran = call(at, &["claims", "list", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let all: Value = serde_json::from_str(&ran.out).unwrap();
    assert!(all["claims"].as_array().unwrap().len() >= 39);
    for key in ["id", "paper", "kind", "strength", "verdict"] {
        assert!(all["claims"][0][key].is_string(), "{key}");
    }
}
