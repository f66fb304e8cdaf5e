//! Kill −9, cut files, left-overs, and many writers: what was published is there once, and nothing else.

use pennydrop_store::{Campaign, Checkpoint, Class, Error, IfOther, Producer, Table, Tensor};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const TEXT: &str = "[task]\nname = \"modular\"\np = 97\n";

fn me() -> Producer {
    Producer { engine: "0.1.0".into(), numerics: "1".into(), class: "test".into() }
}

fn runs(ids: &[&str]) -> Table {
    Table::default()
        .str("run_id", ids.iter().map(|i| Some(*i)))
        .i64("steps", ids.iter().map(|_| Some(1000)))
        .str("weights_hash", ids.iter().map(|i| Some(format!("w-{i}"))))
        .f64("test_loss", ids.iter().map(|_| Some(f64::NAN)))
}

fn ids(campaign: &Campaign) -> Vec<String> {
    campaign.read("runs").unwrap().get_str("run_id").map(|v| v.iter().flatten().cloned().collect()).unwrap_or_default()
}

fn state(step: u64) -> Checkpoint {
    let weights: Vec<f32> = (0..2000).map(|i| (i as f32) * step as f32).collect();
    Checkpoint { tensors: vec![Tensor::from_f32("w", &[2000], &weights), Tensor::from_u64("step", &[], &[step])], ..Default::default() }
}

/// Every file below a folder, with its content.
fn snapshot(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(snapshot(&path));
        } else {
            all.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}

#[test]
fn creating_is_joining_the_same_and_refusing_another() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("deep/campaign");
    assert!(matches!(Campaign::open(&dir, &me()), Err(Error::NotACampaign { .. })));
    let a = Campaign::create(&dir, TEXT, &me(), IfOther::Refuse).unwrap();
    let b = Campaign::create(&dir, TEXT, &me(), IfOther::Refuse).unwrap();
    assert_ne!(a.writer(), b.writer());
    assert_eq!((a.text(), a.hash()), (TEXT, b.hash()));
    assert!(matches!(Campaign::create(&dir, "other = 1\n", &me(), IfOther::Refuse), Err(Error::OtherCampaign { .. })));
    assert_eq!(Campaign::create(&dir, "other = 1\n", &me(), IfOther::Join).unwrap().text(), TEXT);
    // Opening and reading leave no trace.
    assert_eq!(snapshot(&dir).len(), 1);
    // The text is frozen.
    let path = dir.join("campaign.toml");
    let changed = fs::read_to_string(&path).unwrap().replace("97", "98");
    fs::write(&path, changed).unwrap();
    let e = Campaign::open(&dir, &me()).unwrap_err();
    assert_eq!((e.class(), e.class().exit_code()), (Class::Damaged, 7), "{e}");
    fs::write(&path, "# pennydrop-campaign {\"schema\":9}\n").unwrap();
    assert!(matches!(Campaign::open(&dir, &me()), Err(Error::Newer { found: 9, .. })));
    // Without its text, a folder with parts is damaged, not empty.
    a.append("runs", &runs(&["x"])).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(matches!(Campaign::create(&dir, TEXT, &me(), IfOther::Refuse), Err(Error::Damaged { .. })));
}

#[test]
fn many_writers_are_read_as_one() {
    let temp = tempfile::tempdir().unwrap();
    let writers: Vec<Campaign> = (0..4).map(|_| Campaign::create(temp.path(), TEXT, &me(), IfOther::Refuse).unwrap()).collect();
    std::thread::scope(|scope| {
        for (w, campaign) in writers.iter().enumerate() {
            for half in 0..2 {
                scope.spawn(move || {
                    for i in 0..5 {
                        // Run `both-*` is trained by every writer.
                        campaign.append("runs", &runs(&[&format!("own-{w}-{half}-{i}"), &format!("both-{i}")])).unwrap();
                        let curve =
                            Table::default().str("run_id", vec![Some(format!("both-{i}")); 2]).i64("step", [Some(1), Some(2)]).f64("loss", [Some(0.5), None]);
                        campaign.append("curves", &curve).unwrap();
                        campaign.save_ckpt("shared", &state(i)).unwrap();
                    }
                });
            }
        }
    });
    let reader = Campaign::open(temp.path(), &me()).unwrap();
    assert_eq!(ids(&reader).len(), 4 * 2 * 5 + 5);
    assert_eq!(reader.read("curves").unwrap().rows(), 10);
    assert_eq!(reader.load_ckpt("shared").unwrap().unwrap().tensor("step").unwrap().to_u64().unwrap(), [4]);
    let report = reader.verify().unwrap();
    assert!(report.problems.is_empty() && report.litter.is_empty() && report.lost_checkpoints.is_empty(), "{report:?}");
    assert_eq!((report.parts, report.tensors), (80, 1));
    assert!(reader.read("walls").is_err());
    // Another numerics version is a note, and its different weights are no alarm.
    let other = Campaign::open(temp.path(), &Producer { numerics: "2".into(), class: "other".into(), ..me() }).unwrap();
    let mut table = runs(&["both-0"]);
    table.columns.remove(2);
    other.append("runs", &table.str("weights_hash", [Some("different")])).unwrap();
    assert_eq!(ids(&reader).len(), 45);
    assert_eq!(reader.notes().unwrap().len(), 1);
    // Within one class they are one.
    writers[0].append("runs", &Table::default().str("run_id", [Some("both-0")]).i64("steps", [Some(1000)]).str("weights_hash", [Some("different")])).unwrap();
    assert!(matches!(reader.read("runs"), Err(Error::Disagree { .. })));
    assert!(matches!(reader.verify().unwrap().problems[..], [Error::Disagree { .. }]));
}

#[test]
fn a_cut_or_changed_part_never_reads() {
    let temp = tempfile::tempdir().unwrap();
    let campaign = Campaign::create(temp.path(), TEXT, &me(), IfOther::Refuse).unwrap();
    let part = campaign.append("runs", &runs(&["a", "b"])).unwrap();
    let path = temp.path().join(&part.file);
    let whole = fs::read(&path).unwrap();
    for cut in (0..whole.len()).step_by(11) {
        fs::write(&path, &whole[..cut]).unwrap();
        assert!(matches!(campaign.read("runs"), Err(Error::Damaged { .. })), "cut at {cut}");
        // Zeroes in place of what a crash did not write
        let mut zeroed = whole.clone();
        zeroed[cut..].fill(0);
        fs::write(&path, &zeroed).unwrap();
        assert!(matches!(campaign.read("runs"), Err(Error::Damaged { .. })), "zeroes from {cut}");
    }
    // One changed bit, anywhere: also where the file would still read as a table, with another number in it
    for at in (0..whole.len()).step_by(5) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&path, &changed).unwrap();
        assert!(matches!(campaign.read("runs"), Err(Error::Damaged { .. })), "byte {at}");
    }
    fs::remove_file(&path).unwrap();
    let e = campaign.read("runs").unwrap_err();
    assert!(e.class() == Class::Damaged && e.to_string().contains(&part.file), "{e}");
    assert_eq!(campaign.verify().unwrap().problems.len(), 1);
    fs::write(&path, &whole).unwrap();
    assert_eq!(ids(&campaign), ["a", "b"]);

    campaign.save_ckpt("a", &state(3)).unwrap();
    let path = campaign.ckpt_path("a").unwrap();
    let whole = fs::read(&path).unwrap();
    for cut in (0..whole.len()).step_by(97) {
        fs::write(&path, &whole[..cut]).unwrap();
        assert!(matches!(campaign.load_ckpt("a"), Err(Error::Damaged { .. })), "cut at {cut}");
    }
    assert!(campaign.ckpt_path("../a").is_err());
}

#[test]
fn what_a_killed_writer_leaves_is_never_read() {
    let temp = tempfile::tempdir().unwrap();
    let campaign = Campaign::create(temp.path(), TEXT, &me(), IfOther::Refuse).unwrap();
    let part = campaign.append("runs", &runs(&["a"])).unwrap();
    campaign.save_ckpt("b", &state(1)).unwrap();
    campaign.append("runs", &runs(&["c"])).unwrap(); // writes the manifest, which now lists the checkpoint
    // Killed before the rename: temporary files of every kind, whole and half.
    let bytes = fs::read(temp.path().join(&part.file)).unwrap();
    fs::write(temp.path().join("data/.tmp-0123"), &bytes[..bytes.len() / 2]).unwrap();
    fs::write(temp.path().join("ckpt/.tmp-4567"), &bytes).unwrap();
    fs::write(temp.path().join(".tmp-89ab"), "{\"blake3\":\"").unwrap();
    // Killed after the part's rename and before the manifest's: a part that nobody names.
    fs::write(temp.path().join("data/runs-dead-000000.parquet"), &bytes).unwrap();
    assert_eq!(ids(&campaign), ["a", "c"]);
    assert_eq!(campaign.ckpts().unwrap(), ["b"]);
    assert_eq!(campaign.ckpt_bytes().unwrap(), fs::metadata(campaign.ckpt_path("b").unwrap()).unwrap().len());
    let report = campaign.verify().unwrap();
    assert!(report.problems.is_empty(), "{report:?}");
    assert_eq!(report.litter.len(), 4);
    assert_eq!(campaign.remove_litter(Duration::from_secs(3600)).unwrap(), 0);
    assert_eq!(campaign.remove_litter(Duration::ZERO).unwrap(), 4);
    assert_eq!(ids(&campaign), ["a", "c"]);
    // A checkpoint that went missing is reported, unless its run has ended.
    fs::remove_file(campaign.ckpt_path("b").unwrap()).unwrap();
    assert_eq!(campaign.verify().unwrap().lost_checkpoints, ["b"]);
    campaign.append("runs", &runs(&["b"])).unwrap();
    assert!(campaign.verify().unwrap().lost_checkpoints.is_empty());
    assert!(!campaign.remove_ckpt("b").unwrap());
    assert!(campaign.load_ckpt("b").unwrap().is_none());
}

/// The writer that [`killed_at_any_instant`] starts in a campaign's folder and kills. Started anywhere else it does nothing.
#[test]
#[ignore = "started by killed_at_any_instant"]
fn child() {
    if !Path::new("campaign.toml").exists() {
        return;
    }
    let campaign = Campaign::open(Path::new("."), &me()).unwrap();
    for i in 0.. {
        let id = format!("{}-{i}", campaign.writer());
        campaign.save_ckpt("shared", &state(i)).unwrap();
        campaign.save_ckpt(&id, &state(i)).unwrap();
        campaign.append("runs", &runs(&[&id])).unwrap();
        println!("published {id}");
        campaign.remove_ckpt(&id).unwrap();
    }
}

/// One of the ignored tests below as a process of its own, at work in a folder.
fn start(child: &str, folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", child, "--ignored", "--nocapture"])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn killed_at_any_instant() {
    let temp = tempfile::tempdir().unwrap();
    let reader = Campaign::create(temp.path(), TEXT, &me(), IfOther::Refuse).unwrap();
    let mut published = BTreeSet::new();
    for round in 0..8u64 {
        let mut children = [(); 2].map(|()| start("child", temp.path()));
        for child in &mut children {
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            // Alive and at work; then killed a moment later, each time another one.
            let first = lines.find_map(|l| Some(l.unwrap().split_once("published ")?.1.to_string())).unwrap();
            published.insert(first);
            std::thread::sleep(Duration::from_micros(700 * round));
            child.kill().unwrap(); // SIGKILL on Unix
            child.wait().unwrap();
            published.extend(lines.map_while(Result::ok).filter_map(|l| Some(l.split_once("published ")?.1.to_string())));
        }
        let there: BTreeSet<String> = ids(&reader).into_iter().collect();
        // All that was acknowledged is there. A child may have died between publishing and saying so: at most one row each is there unsaid.
        assert!(published.is_subset(&there), "lost: {:?}", published.difference(&there).collect::<Vec<_>>());
        assert!(there.len() <= published.len() + 2 * (round as usize + 1));
        let report = reader.verify().unwrap();
        assert!(report.problems.is_empty(), "{report:?}");
        reader.load_ckpt("shared").unwrap().unwrap();
    }
    assert!(published.len() >= 16);
}

fn curve(id: &str) -> Table {
    Table::default().str("run_id", vec![Some(id); 4]).i64("step", (0..4).map(Some)).f64("loss", (0..4).map(|s| Some(f64::from(s) / 3.0)))
}

/// The writer that [`killed_while_logging_compacting_and_sweeping`] starts in a campaign's folder and kills. Started anywhere else it does nothing.
#[test]
#[ignore = "started by killed_while_logging_compacting_and_sweeping"]
fn logging_child() {
    if !Path::new("campaign.toml").exists() {
        return;
    }
    let campaign = Campaign::open(Path::new("."), &me()).unwrap();
    for i in 0..1_000_000 {
        let id = format!("{}-{i}", campaign.writer());
        let decision = Table::default().str("question", [Some("q")]).i64("cell", [Some(0)]).i64("round", [Some(i)]).f64("width", [Some(1.0 / (i + 1) as f64)]);
        campaign.log(&[("runs", &runs(&[&id])), ("curves", &curve(&id)), ("decisions", &decision)]).unwrap();
        println!("logged {id}");
        match i % 11 {
            4 | 7 => campaign.compact().unwrap(),
            // Beside another writer at work, so what is young and not yet named is left alone; at times the other is sweeping.
            10 => drop(campaign.gc(Duration::from_millis(500)).map_err(|e| assert!(matches!(e, Error::Held { .. }), "{e}"))),
            _ => {}
        }
    }
}

#[test]
fn killed_while_logging_compacting_and_sweeping() {
    let temp = tempfile::tempdir().unwrap();
    let reader = Campaign::create(temp.path(), TEXT, &me(), IfOther::Refuse).unwrap();
    let mut logged = BTreeSet::new();
    let (rounds, mut kills, mut torn, mut seen_segments) = (18u64, 0, 0, 0);
    for round in 0..rounds {
        let mut children = [(); 2].map(|()| start("logging_child", temp.path()));
        for child in &mut children {
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let first = lines.find_map(|l| Some(l.unwrap().split_once("logged ")?.1.to_string())).unwrap();
            logged.insert(first);
            // From inside the first frames to some twenty compactions later; no two at the same place.
            std::thread::sleep(Duration::from_micros(round * round * 131));
            // Rows are there as soon as they are acknowledged, while both are still writing.
            assert!(logged.is_subset(&ids(&reader).into_iter().collect()));
            child.kill().unwrap(); // SIGKILL on Unix
            child.wait().unwrap();
            kills += 1;
            logged.extend(lines.map_while(Result::ok).filter_map(|l| Some(l.split_once("logged ")?.1.to_string())));
        }
        let table = reader.read("runs").unwrap();
        let there: BTreeSet<String> = table.get_str("run_id").unwrap().iter().flatten().cloned().collect();
        assert_eq!(there.len(), table.rows(), "a run is there twice");
        assert!(logged.is_subset(&there), "lost: {:?}", logged.difference(&there).collect::<Vec<_>>());
        // Each child may have died between logging and saying so, once.
        assert!(there.len() <= logged.len() + kills);
        // All tables of a frame, or none.
        let curves = reader.read("curves").unwrap();
        let with_curves: BTreeSet<String> = curves.get_str("run_id").unwrap().iter().flatten().cloned().collect();
        assert_eq!((with_curves, curves.rows()), (there, 4 * table.rows()));
        let report = reader.verify().unwrap();
        assert!(report.problems.is_empty(), "{report:?}");
        torn += report.torn.len();
        seen_segments += report.segments;
    }
    let before = ["runs", "curves", "decisions"].map(|k| reader.read(k).unwrap());
    let swept = reader.gc(Duration::ZERO).unwrap();
    assert_eq!(["runs", "curves", "decisions"].map(|k| reader.read(k).unwrap()), before);
    let report = reader.verify().unwrap();
    assert!(report.problems.is_empty() && report.litter.is_empty() && report.torn.is_empty() && report.segments == 0 && report.leases == 0, "{report:?}");
    assert_eq!(report.parts, 3, "one of each kind");
    assert_eq!(reader.gc(Duration::ZERO).unwrap(), Default::default(), "nothing is left to sweep");
    eprintln!("{kills} kills, {} runs, {seen_segments} segments and {torn} torn ends seen, {swept:?}", logged.len());
}
