use super::*;
use pennydrop_store::{IfOther, Producer, Table};

/// Three runs with every kind of value that is awkward, and curves of two of them, in parts that are not in order.
fn example(folder: &Path) -> Campaign {
    let me = Producer { engine: "0.1.0".into(), numerics: "1".into(), class: "test".into() };
    let c = Campaign::create(folder, "text\n", &me, IfOther::Refuse).unwrap();
    let runs = Table::default()
        .str("run_id", ["00000000000000b1", "00000000000000a1"].map(Some))
        .str("label", [Some("a, \"b\"\nc"), Some("")])
        .i64("t_grok", [Some(12), None])
        .i64("steps", [Some(3), Some(4)])
        .f64("final_train_loss", [Some(0.1), Some(f64::NAN)])
        .bool("censored", [Some(false), Some(true)]);
    c.append("runs", &runs).unwrap();
    c.append("runs", &Table::default().str("run_id", [Some("00000000000000a2")]).f64("final_train_loss", [Some(f64::NEG_INFINITY)]).i64("steps", [Some(5)]))
        .unwrap();
    let curves = |id: &str, steps: std::ops::Range<i64>| {
        let t = Table::default().str("run_id", steps.clone().map(|_| Some(id.to_string()))).i64("step", steps.clone().map(Some));
        let loss = steps.clone().map(|s| Some(if s == 3 { f64::INFINITY } else { 1.0 / (s + 1) as f64 }));
        t.f64("train_loss", loss).f64("norm", steps.clone().map(|s| (s % 2 == 0).then_some(s as f64))).f64("wall_s", steps.map(|s| Some(s as f64 * 0.5)))
    };
    for (id, steps) in [("00000000000000b1", 0..3), ("00000000000000a1", 2..5), ("00000000000000a1", 0..2)] {
        c.append("curves", &curves(id, steps)).unwrap();
    }
    c
}

fn stream(c: &Campaign, what: What, format: Format, prefixes: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    let prefixes: Vec<String> = prefixes.iter().map(|p| p.to_string()).collect();
    export(c, what, format, Target::Stream(&mut out), &prefixes).unwrap();
    out
}

#[test]
fn csv_tells_nulls_from_empty_text_and_keeps_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let c = example(folder.path());
    let csv = String::from_utf8(stream(&c, What::Runs, Format::Csv, &[])).unwrap();
    let want = "run_id,label,t_grok,steps,final_train_loss,censored\r\n\
        00000000000000a1,\"\",,4,nan,true\r\n\
        00000000000000a2,,,5,-inf,\r\n\
        00000000000000b1,\"a, \"\"b\"\"\nc\",12,3,0.1,false\r\n";
    assert_eq!(csv, want);
    let some = String::from_utf8(stream(&c, What::Curves, Format::Csv, &["00000000000000b"])).unwrap();
    assert_eq!(
        some,
        "run_id,step,train_loss,norm,wall_s\r\n00000000000000b1,0,1.0,0.0,0.0\r\n00000000000000b1,1,0.5,,0.5\r\n00000000000000b1,2,0.3333333333333333,2.0,1.0\r\n"
    );
}

#[test]
fn json_lines_have_the_keys_of_run_json_and_siblings() {
    let folder = tempfile::tempdir().unwrap();
    let c = example(folder.path());
    let lines = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect::<Vec<serde_json::Value>>();
    let runs = lines(stream(&c, What::Runs, Format::Jsonl, &[]));
    assert_eq!(runs.len(), 3);
    assert_eq!((&runs[2]["t_grok"], &runs[2]["final"]["train_loss"], &runs[2]["label"]), (&12.into(), &0.1.into(), &"a, \"b\"\nc".into()));
    assert_eq!((&runs[1]["final"]["train_loss"], &runs[1]["final"]["train_loss_nonfinite"]), (&serde_json::Value::Null, &"-inf".into()));
    let result = &from(&c)[2];
    for key in crate::json::run(result, None).as_object().unwrap().keys() {
        assert!(runs[2].get(key).is_some(), "{key}");
    }
    let curves = lines(stream(&c, What::Curves, Format::Jsonl, &["00000000000000a1"]));
    assert_eq!(curves.iter().map(|v| v["step"].as_i64().unwrap()).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert_eq!(
        (&curves[3]["train_loss"], &curves[3]["train_loss_nonfinite"], &curves[3]["norm"]),
        (&serde_json::Value::Null, &"inf".into(), &serde_json::Value::Null)
    );
    assert_eq!(curves[3]["schema"], "pennydrop.curve/1");
}

fn from(c: &Campaign) -> Vec<crate::RunResult> {
    crate::result::from_table(&c.read("runs").unwrap())
}

/// Files of a zip archive with 64-bit sizes, by its directory.
fn unzip(zip: &[u8]) -> Vec<(String, Vec<u8>)> {
    let u16 = |i: usize| u16::from_le_bytes(zip[i..i + 2].try_into().unwrap()) as usize;
    let u32 = |i: usize| u32::from_le_bytes(zip[i..i + 4].try_into().unwrap());
    let u64 = |i: usize| u64::from_le_bytes(zip[i..i + 8].try_into().unwrap()) as usize;
    let end = zip.len() - 22;
    assert_eq!(&zip[end..end + 4], b"PK\x05\x06");
    let end64 = u64(end - 20 + 8);
    assert_eq!(&zip[end64..end64 + 4], b"PK\x06\x06");
    let (count, mut at) = (u64(end64 + 32), u64(end64 + 48));
    let mut files = Vec::new();
    for _ in 0..count {
        let (name, extra) = (u16(at + 28), u16(at + 30));
        let field = at + 46 + name;
        let (size, offset) = (u64(field + 4), u64(field + 20));
        let body = offset + 30 + u16(offset + 26) + u16(offset + 28);
        assert_eq!(&zip[offset..offset + 4], b"PK\x03\x04");
        let data = zip[body..body + size].to_vec();
        assert_eq!(crate::npz::crc32(&data), u32(at + 16));
        files.push((String::from_utf8(zip[at + 46..field].to_vec()).unwrap(), data));
        at = field + extra;
    }
    assert_eq!(at, end64);
    files
}

#[test]
fn npz_has_an_array_a_column() {
    let folder = tempfile::tempdir().unwrap();
    let c = example(folder.path());
    let files = unzip(&stream(&c, What::Runs, Format::Npz, &[]));
    let names: Vec<&str> = files.iter().map(|f| f.0.as_str()).collect();
    assert_eq!(names, ["run_id.npy", "label.npy", "t_grok.npy", "steps.npy", "final_train_loss.npy", "censored.npy"]);
    let array = |i: usize| {
        let (head, body) = files[i].1.split_at(10 + files[i].1[8] as usize + 256 * files[i].1[9] as usize);
        assert_eq!(head.len() % 64, 0);
        (String::from_utf8_lossy(&head[10..]).trim_end().to_string(), body.to_vec())
    };
    let floats = |b: &[u8]| b.chunks(8).map(|c| f64::from_le_bytes(c.try_into().unwrap())).collect::<Vec<_>>();
    let (head, body) = array(1);
    assert_eq!(head, "{'descr': '<U8', 'fortran_order': False, 'shape': (3,), }");
    assert_eq!(body[64..].chunks(4).map(|c| char::from(c[0])).collect::<String>(), "a, \"b\"\nc");
    let (head, body) = array(2);
    assert!(head.contains("'<f8'") && floats(&body)[..2].iter().all(|x| x.is_nan()) && floats(&body)[2] == 12.0, "integers with nulls");
    assert_eq!(
        array(3),
        ("{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }".to_string(), [4i64, 5, 3].iter().flat_map(|x| x.to_le_bytes()).collect())
    );
    assert!(array(5).0.contains("'<f8'"), "a truth value is missing");
    let curves = unzip(&stream(&c, What::Curves, Format::Npz, &["00000000000000b", "00000000000000a"]));
    assert_eq!(curves[1].0, "step.npy");
    assert!(String::from_utf8_lossy(&curves[1].1).contains("(8,)"));
}

#[test]
fn event_files_hold_the_curves() {
    let folder = tempfile::tempdir().unwrap();
    let c = example(&folder.path().join("c"));
    let path = folder.path().join("board");
    let done = export(&c, What::Curves, Format::Tensorboard, Target::Path { path: &path, force: false }, &[]).unwrap();
    assert_eq!(done, Exported { rows: 8, files: 2 });
    let events = tensorboard::read(&std::fs::read(path.join("00000000000000a1/events.out.tfevents.0.pennydrop")).unwrap());
    let steps: Vec<(f64, i64, usize)> = events.iter().map(|(wall, step, values)| (*wall, *step, values.len())).collect();
    assert_eq!(steps, [(0.0, 0, 2), (0.5, 1, 1), (1.0, 2, 2), (1.5, 3, 1), (2.0, 4, 2)]);
    assert_eq!(events[2].2, [("train_loss".to_string(), 1.0 / 3.0f32), ("norm".to_string(), 2.0)]);
    assert_eq!(events[3].2[0].1, f32::INFINITY);
    assert!(export(&c, What::Runs, Format::Tensorboard, Target::Path { path: &folder.path().join("x"), force: false }, &[]).is_err());
    assert!(export(&c, What::Curves, Format::Tensorboard, Target::Stream(&mut Vec::new()), &[]).is_err());
    // Replaced only on purpose, and only if it is ours.
    let again = |path: &Path, force| export(&c, What::Curves, Format::Tensorboard, Target::Path { path, force }, &["00000000000000b".to_string()]);
    assert!(again(&path, false).is_err());
    again(&path, true).unwrap();
    assert!(!path.join("00000000000000a1").exists());
    std::fs::create_dir(folder.path().join("mine")).unwrap();
    assert!(again(&folder.path().join("mine"), true).is_err() && folder.path().join("mine").is_dir());
}

#[test]
fn nothing_is_replaced_and_nothing_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let c = example(&folder.path().join("c"));
    let path = folder.path().join("runs.csv");
    let write = |force, prefixes: &[&str]| {
        let prefixes: Vec<String> = prefixes.iter().map(|p| p.to_string()).collect();
        export(&c, What::Runs, Format::Csv, Target::Path { path: &path, force }, &prefixes)
    };
    assert_eq!(write(false, &["00"]).unwrap(), Exported { rows: 3, files: 1 });
    let before = std::fs::read(&path).unwrap();
    let e = write(false, &[]).unwrap_err();
    assert!(e.to_string().contains("runs.csv") && e.exit_code() == 2, "{e}");
    let e = write(true, &["00000000000000b", "ff"]).unwrap_err();
    assert!(e.to_string().contains("`ff`"), "{e}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(write(true, &["00000000000000b"]).unwrap().rows, 1);
    let e = export(&c, What::Runs, Format::Csv, Target::Path { path: &folder.path().join("no/such"), force: false }, &[]).unwrap_err();
    assert!(matches!(e, Error::Write { .. }) && e.to_string().contains("no/such"), "{e}");
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}
