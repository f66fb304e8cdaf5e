//! Segments: rows that are logged are there once, whatever happens to the file's end, and nothing else is.

use pennydrop_store::{Campaign, Error, IfOther, Producer, Table};
use std::fs;
use std::io::Write;
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

/// A folder with the campaign's text and one segment of some bytes.
struct Copy {
    temp: tempfile::TempDir,
    path: PathBuf,
    reader: Campaign,
}

impl Copy {
    fn of(campaign: &Campaign, segment: &Path) -> Copy {
        let temp = tempfile::tempdir().unwrap();
        fs::copy(campaign.folder().join("campaign.toml"), temp.path().join("campaign.toml")).unwrap();
        fs::create_dir(temp.path().join("wal")).unwrap();
        let path = temp.path().join("wal").join(segment.file_name().unwrap());
        let reader = Campaign::open(temp.path(), &me()).unwrap();
        Copy { temp, path, reader }
    }

    fn read(&self, bytes: &[u8]) -> Result<[Table; 3], Error> {
        // Written over and not emptied first: ext4 flushes a file that is, to the disk, and there are thousands.
        let mut file = fs::File::options().write(true).create(true).truncate(false).open(&self.path).unwrap();
        file.write_all(bytes).unwrap();
        file.set_len(bytes.len() as u64).unwrap();
        Ok([self.reader.read("runs")?, self.reader.read("curves")?, self.reader.read("decisions")?])
    }
}

/// A segment of a few frames: its bytes, its length after each frame, and what is then read.
fn small(campaign: &Campaign) -> (PathBuf, Vec<u8>, Vec<usize>, Vec<[Table; 3]>) {
    let (mut ends, mut tables) = (vec![0], vec![["runs", "curves", "decisions"].map(|k| campaign.read(k).unwrap())]);
    for i in 0..4 {
        if i == 3 {
            campaign.log(&[("runs", &run("last"))]).unwrap();
        } else {
            log(campaign, i);
        }
        ends.push(fs::metadata(&segments(campaign.folder())[0]).unwrap().len() as usize);
        tables.push(["runs", "curves", "decisions"].map(|k| campaign.read(k).unwrap()));
    }
    let path = segments(campaign.folder())[0].clone();
    (path.clone(), fs::read(path).unwrap(), ends, tables)
}

#[test]
fn cut_at_every_byte_it_reads_as_its_whole_frames() {
    let temp = tempfile::tempdir().unwrap();
    let campaign = create(temp.path());
    let (path, bytes, ends, tables) = small(&campaign);
    let copy = Copy::of(&campaign, &path);
    for cut in 0..=bytes.len() {
        let whole = ends.iter().rposition(|e| *e <= cut).unwrap();
        // A table that no frame has had yet has no columns, here and there.
        assert_eq!(copy.read(&bytes[..cut]).unwrap(), tables[whole], "cut at {cut}");
        // A file system may give back zeroes for what it never wrote.
        let mut zeroes = bytes[..cut].to_vec();
        zeroes.resize(bytes.len() + 5, 0);
        assert_eq!(copy.read(&zeroes).unwrap(), tables[whole], "zeroes from {cut}");
    }
    fs::write(&copy.path, &bytes[..bytes.len() - 1]).unwrap();
    let report = copy.reader.verify().unwrap();
    assert!(report.problems.is_empty() && report.litter.is_empty(), "{report:?}");
    assert_eq!((report.segments, report.torn.len(), report.torn[0].1), (1, 1, (bytes.len() - 1 - ends[3]) as u64));
    assert!(copy.temp.path().exists());
    eprintln!("{} cuts, {} with zeroes", bytes.len() + 1, bytes.len() + 1);
}

#[test]
fn every_changed_byte_gives_damage_or_the_frames_before_it() {
    let temp = tempfile::tempdir().unwrap();
    let campaign = create(temp.path());
    let (path, bytes, ends, tables) = small(&campaign);
    let copy = Copy::of(&campaign, &path);
    let mut cases = 0;
    for at in 0..bytes.len() {
        for mask in [0x01, 0x80, 0x10, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= mask;
            let read = copy.read(&changed);
            if at >= ends[3] {
                assert_eq!(read.unwrap(), tables[3], "byte {at} of the last frame ^ {mask:#x}");
            } else {
                assert!(matches!(read, Err(Error::Damaged { .. })), "byte {at} ^ {mask:#x}: {read:?}");
            }
            cases += 1;
        }
    }
    // The same for a byte that is missing, and for one too many.
    for at in 0..ends[3] {
        let missing = [&bytes[..at], &bytes[at + 1..]].concat();
        let more = [&bytes[..at], &[0x5a], &bytes[at..]].concat();
        for changed in [missing, more] {
            let read = copy.read(&changed);
            assert!(matches!(read, Err(Error::Damaged { .. })), "byte {at}: {read:?}");
            cases += 1;
        }
    }
    eprintln!("{cases} changes");
}

#[test]
fn segments_of_other_campaigns_and_writers_are_refused() {
    let temp = tempfile::tempdir().unwrap();
    let other = Campaign::create(&temp.path().join("other"), "b = 2\n", &me(), IfOther::Refuse).unwrap();
    other.log(&[("runs", &run("a"))]).unwrap();
    let mine = create(&temp.path().join("mine"));
    log(&mine, 0);
    let name = segments(other.folder())[0].file_name().unwrap().to_owned();
    fs::copy(segments(other.folder()).remove(0), mine.folder().join("wal").join(&name)).unwrap();
    assert!(matches!(mine.read("runs"), Err(Error::Damaged { .. })));
    assert_eq!(mine.verify().unwrap().problems.len(), 1);
    // Ours under another's name would be absorbed under the wrong one.
    fs::rename(segments(mine.folder()).into_iter().find(|p| p.file_name().unwrap() != name).unwrap(), mine.folder().join("wal").join(&name)).unwrap();
    assert!(mine.read("runs").unwrap_err().to_string().contains("writer"));
}

#[test]
fn a_writer_whose_segment_was_swept_away_loses_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let campaign = create(temp.path());
    log(&campaign, 0);
    // As if it had slept for so long that it was taken for dead, on a file system without locks.
    let path = &segments(temp.path())[0];
    let other = create(temp.path());
    fs::copy(path, temp.path().join("copy")).unwrap();
    fs::remove_file(path).unwrap();
    log(&campaign, 1);
    assert_eq!(rows(&other), [1, 4, 1]);
    assert_eq!(segments(temp.path()).len(), 1);
    fs::rename(temp.path().join("copy"), path).unwrap();
    assert_eq!(rows(&other), [2, 8, 2]);
    campaign.compact().unwrap();
    assert_eq!(rows(&other), [2, 8, 2]);
}

#[test]
fn dead_writers_are_taken_over_and_small_parts_merged() {
    let temp = tempfile::tempdir().unwrap();
    let alive = create(temp.path());
    log(&alive, 0);
    for i in 1..6 {
        let writer = create(temp.path());
        log(&writer, i);
        if i % 2 == 0 {
            writer.compact().unwrap();
            log(&writer, i + 10);
        }
    }
    let other = Campaign::open(temp.path(), &Producer { class: "other".into(), ..me() }).unwrap();
    log(&other, 20);
    drop(other);
    // A torn tail, and a segment that was never begun.
    let first = segments(temp.path()).into_iter().find(|p| !p.to_string_lossy().contains(&alive.writer())).unwrap();
    let torn = [fs::read(&first).unwrap(), b"\x89pds".to_vec()].concat();
    fs::write(&first, torn).unwrap();
    fs::write(temp.path().join("wal/0123456789abcdef-000000.seg"), "").unwrap();
    let tables = || ["runs", "curves", "decisions"].map(|k| alive.read(k).unwrap());
    let before = tables();
    assert_eq!(before[0].rows(), 9);
    let sweeper = create(temp.path());
    // All of it is young: nothing is done.
    let nothing = sweeper.gc(std::time::Duration::from_secs(3600)).unwrap();
    assert_eq!(nothing, Default::default());
    let swept = sweeper.gc(std::time::Duration::ZERO).unwrap();
    assert_eq!(tables(), before);
    // Five dead segments of one class, one of another, one empty; not the one that is being written.
    assert_eq!((swept.segments, segments(temp.path()).len()), (7, 1), "{swept:?}");
    // Of each kind: two parts of the class that were there and a new one became one; one of the other class stays.
    assert_eq!((swept.parts, swept.written), (9, 9), "{swept:?}");
    assert_eq!(fs::read_dir(temp.path().join("data")).unwrap().count(), 6);
    assert_eq!(swept.files, 16);
    let report = sweeper.verify().unwrap();
    assert!(report.problems.is_empty() && report.litter.is_empty() && report.torn.is_empty(), "{report:?}");
    assert_eq!((report.parts, report.segments), (6, 1));
    // Whose rows they are is still known: another result of the other class is no alarm, one of the same is.
    assert_eq!(sweeper.notes().unwrap().len(), 1);
    let disagreeing = Table::default().str("run_id", [Some("020")]).i64("steps", [Some(1000)]).str("weights_hash", [Some("different")]);
    alive.log(&[("runs", &disagreeing)]).unwrap();
    assert_eq!(alive.read("runs").unwrap().rows(), 9);
    let again = Campaign::open(temp.path(), &Producer { class: "other".into(), ..me() }).unwrap();
    again.log(&[("runs", &disagreeing)]).unwrap();
    assert!(matches!(alive.read("runs"), Err(Error::Disagree { .. })));
}

/// Every file below a folder, by its path within it.
fn files(folder: &Path, below: &str) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut all = std::collections::BTreeMap::new();
    for entry in fs::read_dir(folder.join(below)).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        if folder.join(&path).is_dir() {
            all.extend(files(folder, &path));
        } else {
            all.insert(path.clone(), fs::read(folder.join(&path)).unwrap());
        }
    }
    all
}

/// All that a kill between two steps of a compaction or a sweep can leave, one after the other.
#[test]
fn every_state_between_two_steps_reads_the_same() {
    let temp = tempfile::tempdir().unwrap();
    let (first, second) = (create(temp.path()), create(temp.path()));
    for i in 0..3 {
        log(&first, i);
        log(&second, i + 2); // one run in common
    }
    second.compact().unwrap();
    log(&second, 9);
    let want = ["runs", "curves", "decisions"].map(|k| second.read(k).unwrap());
    let mut states = 0;
    let mut check = |before: &std::collections::BTreeMap<String, Vec<u8>>, after: &std::collections::BTreeMap<String, Vec<u8>>| {
        // The order that the code keeps: new parts, the manifest, then what they stand for goes.
        let new = after.iter().filter(|(p, _)| p.starts_with("data/") && !before.contains_key(*p));
        let manifests = after.iter().filter(|(p, b)| p.starts_with("manifest-") && before.get(*p) != Some(b));
        let gone = before.keys().filter(|p| !after.contains_key(*p));
        let steps: Vec<(&String, Option<&Vec<u8>>)> = new.chain(manifests).map(|(p, b)| (p, Some(b))).chain(gone.map(|p| (p, None))).collect();
        assert!(steps.len() > 3, "{steps:?}");
        for done in 0..=steps.len() {
            let folder = tempfile::tempdir().unwrap();
            let mut now = before.clone();
            for (path, bytes) in &steps[..done] {
                match bytes {
                    Some(b) => now.insert(path.to_string(), b.to_vec()),
                    None => now.remove(*path),
                };
            }
            for (path, bytes) in &now {
                let path = folder.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            }
            let reader = create(folder.path());
            let tables = || ["runs", "curves", "decisions"].map(|k| reader.read(k).unwrap());
            assert_eq!(tables(), want, "after {done} of {} steps", steps.len());
            let report = reader.verify().unwrap();
            assert!(report.problems.is_empty(), "{report:?}");
            // Whoever comes next sweeps up, and still nothing has changed.
            reader.gc(std::time::Duration::ZERO).unwrap();
            assert_eq!(tables(), want, "swept after {done} of {} steps", steps.len());
            let report = reader.verify().unwrap();
            assert!(report.problems.is_empty() && report.litter.is_empty() && report.segments == 0, "{report:?}");
            states += 1;
        }
    };
    let before = files(temp.path(), "");
    first.compact().unwrap();
    let after = files(temp.path(), "");
    check(&before, &after);
    drop((first, second));
    let sweeper = create(temp.path());
    sweeper.gc(std::time::Duration::ZERO).unwrap();
    check(&after, &files(temp.path(), ""));
    eprintln!("{states} states");
}
