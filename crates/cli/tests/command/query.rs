//! SQL over a record.

use crate::{call, tiny};
use serde_json::Value;

#[test]
fn a_record_answers_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let answer = tiny(folder.path(), &["train.steps=60", "--seeds", "3", "--out", "c"]);
    let id = answer["runs"][0]["run_id"].as_str().unwrap();
    let ask = |words: &[&str]| call(folder.path(), &[&["query", "c"], words].concat());
    let table = ask(&["SELECT seed, stop, steps, t_grok FROM runs ORDER BY seed"]);
    assert_eq!((table.code, table.err.as_str()), (0, ""));
    assert_eq!(table.out, "seed  stop   steps  t_grok\n0     steps  60     –\n1     steps  60     –\n2     steps  60     –\n");
    let json = ask(&[&format!("SELECT run_id, steps, censored, 1e999 AS big, 1 AS x, 2 AS x FROM runs WHERE run_id = '{id}'"), "--json"]);
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["schema"], "pennydrop.query/1");
    let want = serde_json::json!({"run_id": id, "steps": 60, "censored": 1, "big": null, "big_nonfinite": "inf", "x": 1, "x_2": 2});
    assert_eq!((&json["rows"][0], &json["cut"]), (&want, &false.into()));
    let csv = ask(&["SELECT 'a,b' AS t, NULL AS n, 0.5 AS h, spec LIKE '%adamw%' AS adam FROM runs", "--csv", "--rows", "2"]);
    assert_eq!(csv.out, "t,n,h,adam\r\n\"a,b\",,0.5,1\r\n\"a,b\",,0.5,1\r\n");
    assert!(csv.err.contains("cut after 2 rows"), "{}", csv.err);
    let last = ask(&["SELECT max(step), count(DISTINCT run_id) FROM curves"]);
    assert!(last.out.contains("60") && last.out.trim_end().ends_with('3'), "{}", last.out);
    let text = ask(&["SELECT spec FROM runs LIMIT 1"]);
    assert_eq!(text.out.lines().count(), 2, "a row is a line: {}", text.out);
    // A longer run of the same seed is in the answer at once.
    tiny(folder.path(), &["train.steps=80", "--out", "c"]);
    assert!(ask(&["SELECT count(*), sum(steps) FROM runs"]).out.ends_with("3         200\n"));
    let built = call(folder.path(), &["reindex", "c", "--json"]);
    assert!(built.out.contains("pennydrop.reindex/1") && folder.path().join("c/index/curves.sqlite").is_file(), "{}", built.err);
}

#[test]
fn what_cannot_be_answered_says_why() {
    let folder = tempfile::tempdir().unwrap();
    tiny(folder.path(), &["train.steps=20", "--out", "c"]);
    let fails = |words: &[&str], code: i32, says: &str| {
        let ran = call(folder.path(), &[&["query", "c"], words].concat());
        assert!(ran.code == code && ran.err.contains(says) && ran.out.is_empty(), "{words:?}: {} {}", ran.code, ran.err);
    };
    fails(&["SELECT t_grk FROM runs"], 2, "write t_grok");
    fails(&["DELETE FROM runs"], 2, "only read");
    fails(&["ATTACH 'x.sqlite' AS x"], 2, "only read");
    fails(&["SELECT 1; SELECT 2"], 2, "more than one");
    fails(&["WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n", "--time", "0.1s"], 5, "longer than 0.1 s");
    fails(&["SELECT length(randomblob(50000000))", "--memory", "10"], 5, "memory");
    fails(&["SELECT 1", "--time", "soon"], 2, "90s");
    let nowhere = call(folder.path(), &["query", "nowhere", "SELECT 1"]);
    assert!(nowhere.code == 1 && nowhere.err.contains("no campaign"), "{}", nowhere.err);
}
