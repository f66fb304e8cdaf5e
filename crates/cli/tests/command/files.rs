//! Files of the user, and records of other versions.

use crate::{TINY, call, hash, only, tiny};
use pennydrop_lab::spec::resolve::short_hash;
use pennydrop_store::{Campaign, Checkpoint, IfOther, Producer, Tensor};

#[test]
fn a_table_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut csv = String::from("x,y,label\n");
    for (a, b) in (0..11).flat_map(|a| (0..11).map(move |b| (a, b))) {
        csv += &format!("{a},{b},{}\n", (a * b + 1) % 11);
    }
    std::fs::write(folder.path().join("mine.csv"), &csv).unwrap();
    std::fs::write(folder.path().join("the same.csv"), &csv).unwrap();
    let words_for = |file: &str| -> Vec<String> {
        ["run", "quickstart", "model.d_embed=8", "model.widths=[16]", "train.stop=steps", "train.steps=30", "task.name=table"]
            .iter()
            .map(|s| s.to_string())
            .chain([file.to_string(), "--json".into()])
            .collect()
    };
    let ask = |file: &str| {
        let words = words_for(file);
        let ran = call(folder.path(), &words.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(ran.code, 0, "{}", ran.err);
        serde_json::from_str::<serde_json::Value>(&ran.out).unwrap()
    };
    let first = ask("task.file=mine.csv");
    // The content names the run, not the file.
    assert_eq!(only(&ask("task.file=\"the same.csv\""))["run_id"], only(&first)["run_id"]);
    std::fs::write(folder.path().join("mine.csv"), csv.replacen("0,0,1", "0,0,2", 1)).unwrap();
    assert_ne!(only(&ask("task.file=mine.csv"))["run_id"], only(&first)["run_id"]);
    std::fs::write(folder.path().join("mine.csv"), "x,label\n1,2\n1,two\n").unwrap();
    let words = words_for("task.file=mine.csv");
    let bad = call(folder.path(), &words.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(bad.code == 2 && bad.err.contains("task.label") && bad.err.contains("text"), "{}", bad.err);
}

#[test]
fn weights_of_ones_own_start_where_they_were_kept() {
    let folder = tempfile::tempdir().unwrap();
    let first = tiny(folder.path(), &["train.steps=40", "record.weights=log:2", "--out", "a"]);
    let id = only(&first)["run_id"].as_str().unwrap();
    let kept = pennydrop_store::load_weights_file(&folder.path().join(format!("a/weights/{id}.safetensors"))).unwrap();
    let steps: std::collections::BTreeSet<&str> = kept.iter().filter_map(|t| t.name.split_once('/')).map(|(s, _)| s).collect();
    assert!(["step0", "step1", "step10", "step32"].iter().all(|s| steps.contains(s)), "{steps:?}");
    let of = |step: &str| -> Vec<Tensor> {
        kept.iter().filter_map(|t| Some(Tensor { name: t.name.strip_prefix(&format!("{step}/"))?.to_string(), ..t.clone() })).collect()
    };
    let save = |name: &str, tensors: Vec<Tensor>| Checkpoint { tensors, ..Default::default() }.save(&folder.path().join(name)).unwrap();
    save("w.safetensors", of("step0"));
    // The first weights, read instead of drawn: another name, the same trajectory.
    let read = tiny(folder.path(), &["train.steps=40", "model.init=w.safetensors", "--out", "b"]);
    assert_ne!(only(&read)["run_id"], only(&first)["run_id"]);
    assert_eq!(hash(&read), hash(&first));

    let refused = |name: &str, parts: &[&str]| {
        let init = format!("model.init={name}");
        let words: Vec<&str> = ["run"].into_iter().chain(TINY).chain([init.as_str()]).collect();
        let ran = call(folder.path(), &words);
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(parts.iter().all(|p| ran.err.contains(p)), "{}", ran.err);
    };
    save("less.safetensors", of("step0").into_iter().filter(|t| t.name != "layer1.b").collect());
    refused("less.safetensors", &["model.init", "layer1.b"]);
    save("more.safetensors", of("step0").into_iter().chain([Tensor::from_f32("extra", &[1], &[0.0])]).collect());
    refused("more.safetensors", &["extra"]);
    save("shape.safetensors", of("step0").into_iter().map(|t| if t.name == "layer1.b" { Tensor::from_f32("layer1.b", &[1], &[0.0]) } else { t }).collect());
    refused("shape.safetensors", &["layer1.b"]);
    save(
        "nan.safetensors",
        of("step0").into_iter().map(|t| if t.name == "layer1.b" { Tensor::from_f32("layer1.b", &t.shape, &[f32::NAN; 11]) } else { t }).collect(),
    );
    refused("nan.safetensors", &["layer1.b", "NaN"]);
    std::fs::write(folder.path().join("junk.safetensors"), b"junk").unwrap();
    refused("junk.safetensors", &["model.init", "junk.safetensors"]);
}

#[test]
fn a_record_of_another_numerics_version_is_read_and_not_continued() {
    let folder = tempfile::tempdir().unwrap();
    tiny(folder.path(), &["train.steps=30", "--out", "now"]);
    // The same record, as a program of another version would have left it.
    let now = folder.path().join("now");
    let ours = Campaign::open(&now, &Producer::default()).unwrap();
    let old = folder.path().join("old");
    let them = Producer { engine: "0.0.1".into(), numerics: "0".into(), class: "elsewhere".into() };
    let version = format!("numerics = {}", pennydrop_train::NUMERICS);
    assert!(ours.text().contains(&version));
    let theirs = Campaign::create(&old, &ours.text().replace(&version, "numerics = 0"), &them, IfOther::Refuse).unwrap();
    for kind in ["curves", "runs"] {
        theirs.append(kind, &ours.read(kind).unwrap()).unwrap();
    }
    let plan = std::fs::read_dir(&now).unwrap().map(|e| e.unwrap().path()).find(|p| p.file_name().unwrap().to_str().unwrap().starts_with("plan-")).unwrap();
    let text = std::fs::read_to_string(plan).unwrap().replace(&format!("\"numerics\":{}", pennydrop_train::NUMERICS), "\"numerics\":0");
    std::fs::write(old.join(format!("plan-{}.toml", short_hash(&text, 16))), &text).unwrap();

    let shown = call(folder.path(), &["show", "old"]);
    assert!(shown.code == 0 && shown.out.contains("steps"), "{}{}", shown.out, shown.err);
    assert_eq!(call(folder.path(), &["plot", "old", "-o", "old"]).code, 0);
    let words: Vec<&str> = ["run"].into_iter().chain(TINY).chain(["train.steps=60", "--out", "old"]).collect();
    for words in [&["resume", "old"][..], &words] {
        let ran = call(folder.path(), words);
        assert_eq!(ran.code, 2, "{words:?} {}", ran.err);
        assert!(ran.err.contains("numerics 0") && ran.err.contains(&format!("numerics {}", pennydrop_train::NUMERICS)), "{}", ran.err);
    }
}
