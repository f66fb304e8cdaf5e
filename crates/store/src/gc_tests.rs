//! Sweeping beside writers and readers at work.

use super::*;
use crate::campaign::IfOther;
use std::fs;

const HOUR: Duration = Duration::from_secs(3600);

fn create(folder: &Path) -> Campaign {
    let me = Producer { engine: "0.1.0".into(), numerics: "1".into(), class: "test".into() };
    Campaign::create(folder, "a = 1\n", &me, IfOther::Refuse).unwrap()
}

fn run(id: &str) -> Table {
    Table::default().str("run_id", [Some(id)]).i64("steps", [Some(1000)]).str("weights_hash", [Some(format!("w-{id}"))]).f64("test_loss", [Some(f64::NAN)])
}

fn curve(id: &str, steps: i64) -> Table {
    let rows = 0..steps;
    Table::default().str("run_id", rows.clone().map(|_| Some(id))).i64("step", rows.clone().map(Some)).f64("loss", rows.map(|s| Some(1.0 / (s + 1) as f64)))
}

fn decision(round: i64) -> Table {
    Table::default().str("question", [Some("q")]).i64("cell", [Some(3)]).i64("round", [Some(round)]).i64("add", [None])
}

fn rows(campaign: &Campaign) -> [usize; 3] {
    ["runs", "curves", "decisions"].map(|k| campaign.read(k).unwrap().rows())
}

#[test]
fn writers_compactors_and_sweepers_at_work_are_read_as_they_go() {
    use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst};
    const N: i64 = 80;
    let temp = tempfile::tempdir().unwrap();
    let writers = [create(temp.path()), create(temp.path())];
    let (begun, done) = ([AtomicI64::new(0), AtomicI64::new(0)], [AtomicI64::new(0), AtomicI64::new(0)]);
    let over = AtomicBool::new(false);
    let reads = AtomicI64::new(0);
    std::thread::scope(|scope| {
        let mut working = Vec::new();
        for w in 0..2 {
            let (writer, begun, done) = (&writers[w], &begun[w], &done[w]);
            working.push(scope.spawn(move || {
                for i in 0..N {
                    begun.store(i + 1, SeqCst);
                    let id = format!("{w}-{i:03}");
                    writer.log(&[("runs", &run(&id)), ("curves", &curve(&id, 3)), ("decisions", &decision(i))]).unwrap();
                    done.store(i + 1, SeqCst);
                    if i % (9 + w as i64) == 0 {
                        writer.compact().unwrap();
                    }
                }
            }));
        }
        let (begun, done, over, reads) = (&begun, &done, &over, &reads);
        let folder = temp.path();
        scope.spawn(move || {
            let reader = create(folder);
            while !over.load(SeqCst) {
                for kind in ["runs", "curves"] {
                    let least: Vec<i64> = done.iter().map(|d| d.load(SeqCst)).collect();
                    let table = reader.read(kind).unwrap();
                    for w in 0..2 {
                        let ids = table.get_str("run_id").into_iter().flatten().flatten();
                        let found = ids.filter(|id| id.starts_with(&format!("{w}-"))).count() as i64 / if kind == "runs" { 1 } else { 3 };
                        assert!(found >= least[w] && found <= begun[w].load(SeqCst), "{kind}: {found}, at least {}", least[w]);
                    }
                }
                let report = reader.verify().unwrap();
                assert!(report.problems.is_empty(), "{report:?}");
                reads.fetch_add(1, SeqCst);
            }
        });
        scope.spawn(move || {
            let sweeper = create(folder);
            while !over.load(SeqCst) {
                sweeper.sweep(Duration::ZERO, HOUR).unwrap();
                std::thread::sleep(Duration::from_millis(3));
            }
        });
        for w in working {
            w.join().unwrap();
        }
        while reads.load(SeqCst) < 3 {
            std::thread::yield_now();
        }
        over.store(true, SeqCst);
    });
    let reader = create(temp.path());
    assert_eq!(rows(&reader), [2 * N as usize, 6 * N as usize, N as usize]);
    let before = reader.read("curves").unwrap();
    writers.iter().for_each(|w| w.compact().unwrap());
    drop(writers);
    reader.gc(Duration::ZERO).unwrap();
    assert_eq!(reader.read("curves").unwrap(), before);
    assert_eq!(fs::read_dir(temp.path().join("data")).unwrap().count(), 3);
    eprintln!("{} readings meanwhile", reads.load(SeqCst));
}
