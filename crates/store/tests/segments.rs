//! Segments: rows that are logged are there once, whatever happens to the file's end, and nothing else is.

use pennydrop_store::{Campaign, Error, IfOther, Producer, Table};
use std::fs;
use std::path::{Path, PathBuf};

const TEXT: &str = "[task]\nname = \"modular\"\np = 97\n";

fn me() -> Producer {
    Producer { engine: "0.1.0".into(), numerics: "1".into(), class: "test".into() }
}

fn create(folder: &Path) -> Campaign {
    Campaign::create(folder, TEXT, &me(), IfOther::Refuse).unwrap()
}

fn run(id: &str) -> Table {
    Table::default().str("run_id", [Some(id)]).i64("steps", [Some(1000)]).str("weights_hash", [Some(format!("w-{id}"))]).f64("test_loss", [Some(f64::NAN)])
}

fn curve(id: &str, steps: i64) -> Table {
    Table::default()
        .str("run_id", (0..steps).map(|_| Some(id)))
        .i64("step", (0..steps).map(Some))
        .f64("loss", (0..steps).map(|s| Some(1.0 / (s + 1) as f64)))
        .bool("grokked", (0..steps).map(|s| (s > 0).then_some(s > 2)))
}

fn decision(round: i64) -> Table {
    Table::default().str("question", [Some("q")]).i64("cell", [Some(3)]).i64("round", [Some(round)]).i64("add", [None])
}

fn log(campaign: &Campaign, i: i64) {
    campaign.log(&[("runs", &run(&format!("{i:03}"))), ("curves", &curve(&format!("{i:03}"), 4)), ("decisions", &decision(i))]).unwrap();
}

fn rows(campaign: &Campaign) -> [usize; 3] {
    ["runs", "curves", "decisions"].map(|k| campaign.read(k).unwrap().rows())
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = fs::read_dir(folder.join("wal")).map(|d| d.map(|e| e.unwrap().path()).collect()).unwrap_or_default();
    all.sort();
    all
}

#[test]
fn logged_rows_are_read_at_once_and_compaction_changes_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let (writer, reader) = (create(temp.path()), create(temp.path()));
    assert_eq!(rows(&reader), [0; 3]);
    for i in 0..20 {
        log(&writer, i);
        assert_eq!(rows(&reader), [1, 4, 1].map(|n| n * (i as usize + 1)));
    }
    writer.sync().unwrap();
    assert_eq!((segments(temp.path()).len(), reader.manifests().unwrap().len()), (1, 0));
    let before = ["runs", "curves", "decisions"].map(|k| reader.read(k).unwrap());
    writer.compact().unwrap();
    assert_eq!(segments(temp.path()).len(), 0);
    let manifest = &reader.manifests().unwrap()[0];
    assert_eq!(manifest.parts.len(), 3);
    assert_eq!(["runs", "curves", "decisions"].map(|k| reader.read(k).unwrap()), before);
    // Nothing to do, nothing done; and a second segment beside the parts of the first.
    writer.compact().unwrap();
    assert_eq!(reader.manifests().unwrap()[0].parts.len(), 3);
    log(&writer, 20);
    log(&writer, 0); // trained again by the same writer
    assert_eq!(rows(&reader), [21, 84, 21]);
    writer.compact().unwrap();
    assert_eq!(rows(&reader), [21, 84, 21]);
    assert!(reader.manifests().unwrap()[0].absorbed.len() == 1 && segments(temp.path()).is_empty());
    let report = reader.verify().unwrap();
    assert!(report.problems.is_empty() && report.litter.is_empty(), "{report:?}");
}

#[test]
fn what_cannot_be_logged_leaves_no_trace() {
    let temp = tempfile::tempdir().unwrap();
    let campaign = create(temp.path());
    campaign.log(&[]).unwrap();
    campaign.log(&[("runs", &Table::default().str::<String>("run_id", []))]).unwrap();
    // The second table is wrong: neither is there.
    assert!(matches!(campaign.log(&[("runs", &run("a")), ("walls", &run("a"))]), Err(Error::Invalid { .. })));
    assert!(matches!(campaign.log(&[("runs", &run("a")), ("curves", &run("a"))]), Err(Error::Invalid { .. })));
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
}

/// The log's cost, printed: `cargo test --release -- --ignored cost --nocapture`.
#[test]
#[ignore = "a measurement"]
#[allow(clippy::disallowed_methods, reason = "measures time")]
fn cost_of_logging() {
    let temp = tempfile::tempdir().unwrap();
    let campaign = create(temp.path());
    let n = 5000;
    let mut tables = Vec::new();
    for i in 0..50 {
        let mut row = run(&format!("{i:016x}"));
        for c in 0..116 {
            row = row.f64(&format!("some_column_{c}"), [Some(f64::from(c * i) / 7.0)]);
        }
        let mut curve = Table::default().str("run_id", vec![Some(format!("{i:016x}")); 60]).i64("step", (0..60).map(|s| Some(s * s)));
        for c in 0..18 {
            curve = curve.f64(&format!("series_{c}"), (0..60).map(|s| Some(f64::from(s * c * i) / 7.0)));
        }
        tables.push((row, curve));
    }
    let start = std::time::Instant::now();
    for i in 0..n {
        let (row, curve) = &tables[i % 50];
        campaign.log(&[("runs", row), ("curves", curve)]).unwrap();
    }
    let logged = start.elapsed();
    let bytes: u64 = segments(temp.path()).iter().map(|p| fs::metadata(p).unwrap().len()).sum();
    let start = std::time::Instant::now();
    campaign.compact().unwrap();
    eprintln!("{:?} a frame with rotation, {bytes} bytes left in segments, last compaction {:?}", logged / n as u32, start.elapsed());
}
