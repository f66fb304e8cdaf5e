//! A full disk ends cleanly, and work goes on once there is room (promise C2); an unwritable folder is refused.

use pennydrop_store::{Campaign, Checkpoint, Class, Error, IfOther, Producer, Table, Tensor};
use std::io::Write;
use std::path::Path;
use std::process::Command;

fn me() -> Producer {
    Producer { engine: "0.1.0".into(), numerics: "1".into(), class: "test".into() }
}

/// A file system of 256 KiB, unmounted in the end.
struct Small(tempfile::TempDir);

impl Small {
    fn mount() -> Result<Small, String> {
        let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
        let out = Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "pennydrop-test"]).arg(dir.path()).output().map_err(|e| e.to_string())?;
        if out.status.success() { Ok(Small(dir)) } else { Err(String::from_utf8_lossy(&out.stderr).trim().to_string()) }
    }

    fn remount(&self, options: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(self.0.path()).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

fn run(i: usize) -> Table {
    // Numbers that do not compress, 8 KiB of them
    let mut x = i as u64 + 1;
    let mut noise = || {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (x >> 11) as f64 / 1e15
    };
    let rows = 1000;
    let ids = (0..rows).map(|k| Some(format!("run-{i}-{k}")));
    Table::default().str("run_id", ids).f64("loss", (0..rows).map(|_| Some(noise())))
}

fn hidden(folder: &Path) -> usize {
    let count = |f: &Path| std::fs::read_dir(f).map_or(0, |d| d.flatten().filter(|e| e.file_name().to_string_lossy().starts_with(".tmp-")).count());
    ["", "data", "ckpt"].iter().map(|f| count(&folder.join(f))).sum()
}

#[test]
fn a_full_disk_is_refused_cleanly_and_work_goes_on_afterwards() {
    let small = match Small::mount() {
        Ok(s) => s,
        Err(why) => {
            eprintln!("SKIPPED: no small file system to fill: {why}");
            return;
        }
    };
    let folder = small.0.path().join("campaign");
    let campaign = Campaign::create(&folder, "a = 1\n", &me(), IfOther::Refuse).unwrap();
    let state = |step| Checkpoint { tensors: vec![Tensor::from_u64("step", &[4000], &[step; 4000])], ..Default::default() };
    campaign.save_ckpt("r", &state(1)).unwrap();
    let mut done = 0;
    let e = loop {
        assert!(done < 100, "the disk did not fill");
        match campaign.append("runs", &run(done)) {
            Ok(_) => done += 1,
            Err(e) => break e,
        }
    };
    assert!(matches!(e, Error::Full { .. }), "{e}");
    assert_eq!((e.class(), e.class().exit_code()), (Class::Refused, 5));
    assert!(done > 3, "{done}");
    // Overwriting a checkpoint fails as well, and the old one stays.
    let e = campaign.save_ckpt("r", &state(2)).unwrap_err();
    assert!(matches!(e, Error::Full { .. }), "{e}");
    assert_eq!(hidden(&folder), 0);
    let reader = Campaign::open(&folder, &me()).unwrap();
    assert_eq!(reader.read("runs").unwrap().rows(), done * 1000);
    assert_eq!(reader.load_ckpt("r").unwrap().unwrap().tensor("step").unwrap().to_u64().unwrap()[0], 1);
    let report = reader.verify().unwrap();
    assert!(report.problems.is_empty() && report.litter.is_empty(), "{report:?}");
    // Room for a part but not for the manifest that names it: neither stays. Pages of 4 KiB are freed one by one.
    let filler = small.0.path().join("filler");
    let mut size = 0;
    while std::fs::OpenOptions::new().create(true).append(true).open(&filler).and_then(|mut f| f.write_all(&[1; 4096])).is_ok() {
        size += 4096;
    }
    let one = Table::default().str("run_id", [Some("small")]);
    let mut refused = 0;
    while let Err(e) = campaign.append("runs", &one) {
        assert!(matches!(e, Error::Full { .. }), "{e}");
        let report = reader.verify().unwrap();
        assert!(report.problems.is_empty() && report.litter.is_empty() && report.rows == done as u64 * 1000, "{report:?}");
        refused += 1;
        size -= 4096;
        std::fs::File::options().write(true).open(&filler).and_then(|f| f.set_len(size)).unwrap();
    }
    assert!(refused >= 2, "{refused}");
    done += 1;
    std::fs::remove_file(&filler).unwrap();
    small.remount("size=2m");
    campaign.append("runs", &run(done)).unwrap();
    campaign.save_ckpt("r", &state(2)).unwrap();
    assert_eq!(reader.read("runs").unwrap().rows(), done * 1000 + 1);
    assert!(reader.verify().unwrap().problems.is_empty());
    // Permissions do not bind root, but a read-only file system does. It is still read.
    small.remount("ro");
    for e in [campaign.append("runs", &run(0)).unwrap_err(), campaign.save_ckpt("r", &state(3)).unwrap_err(), campaign.remove_ckpt("r").unwrap_err()] {
        assert!(matches!(e, Error::Unwritable { .. }) && e.class() == Class::Refused, "{e}");
    }
    assert_eq!(Campaign::open(&folder, &me()).unwrap().read("runs").unwrap().rows(), done * 1000 + 1);
}

#[test]
fn logging_on_a_full_disk_leaves_whole_frames_and_goes_on_afterwards() {
    let small = match Small::mount() {
        Ok(s) => s,
        Err(why) => {
            eprintln!("SKIPPED: no small file system to fill: {why}");
            return;
        }
    };
    let filler = small.0.path().join("filler");
    let fill = || {
        let mut size = 0;
        while std::fs::OpenOptions::new().create(true).append(true).open(&filler).and_then(|mut f| f.write_all(&[1; 4096])).is_ok() {
            size += 4096;
        }
        size
    };
    let row = |id: &str, bytes: usize| Table::default().str("run_id", [Some(id)]).str("note", [Some("x".repeat(bytes))]);
    let curve = |id: &str| Table::default().str("run_id", [Some(id); 2]).i64("step", [Some(0), Some(1)]);
    let (mut refusals, mut sizes) = (0, 0);
    // Frames of many sizes against a disk with room for 1 to 20 pages: they break off at many places.
    for pages in 1..=20u64 {
        for bytes in [150usize, 1500, 3001, 5003, 9007] {
            let folder = small.0.path().join("campaign");
            let campaign = Campaign::create(&folder, "a = 1\n", &me(), IfOther::Refuse).unwrap();
            let reader = Campaign::open(&folder, &me()).unwrap();
            campaign.log(&[("runs", &row("first", 1))]).unwrap();
            let size = fill();
            assert!(size > pages * 4096, "{size}");
            let free = |pages: u64| std::fs::File::options().write(true).open(&filler).and_then(|f| f.set_len(size - pages * 4096)).unwrap();
            free(pages);
            let mut done = 1;
            let whole = |done: usize| {
                let report = reader.verify().unwrap();
                assert!(report.problems.is_empty() && report.torn.is_empty() && report.litter.is_empty(), "{report:?}");
                assert_eq!(reader.read("runs").unwrap().rows(), done);
                assert_eq!(reader.read("curves").unwrap().rows(), 2 * (done - 1));
            };
            loop {
                let id = format!("{done}");
                match campaign.log(&[("runs", &row(&id, bytes)), ("curves", &curve(&id))]) {
                    Ok(()) => done += 1,
                    Err(e) => {
                        assert!(matches!(e, Error::Full { .. }), "{e}");
                        break;
                    }
                }
            }
            refusals += 1;
            whole(done);
            // There is room for less than a frame: also not for parts and manifest, if a frame is small. All stays in the segment, or all of it has moved.
            match campaign.compact() {
                Ok(()) => {}
                Err(e) => {
                    assert!(matches!(e, Error::Full { .. }), "{e}");
                    refusals += 1;
                }
            }
            whole(done);
            // A later call succeeds, by itself and after the failed compaction.
            free(pages + 12);
            campaign.log(&[("runs", &row("last", bytes)), ("curves", &curve("last"))]).unwrap();
            whole(done + 1);
            std::fs::remove_file(&filler).unwrap();
            campaign.compact().unwrap();
            whole(done + 1);
            assert_eq!(std::fs::read_dir(folder.join("wal")).unwrap().count(), 0);
            std::fs::remove_dir_all(&folder).unwrap();
            sizes += 1;
        }
    }
    eprintln!("{sizes} disks, {refusals} refusals");
    assert!(refusals > sizes);
    // Nor on one that may not be written.
    let campaign = Campaign::create(&small.0.path().join("campaign"), "a = 1\n", &me(), IfOther::Refuse).unwrap();
    small.remount("ro");
    let e = campaign.log(&[("runs", &row("a", 1))]).unwrap_err();
    assert!(matches!(e, Error::Unwritable { .. }), "{e}");
    let e = campaign.lease("q", (0, 1), std::time::Duration::from_secs(60)).unwrap_err();
    assert!(matches!(e, Error::Unwritable { .. }), "{e}");
}

#[test]
fn a_folder_that_cannot_be_one_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("file");
    std::fs::write(&file, "").unwrap();
    for folder in [file.clone(), file.join("below")] {
        let e = Campaign::create(&folder, "a = 1\n", &me(), IfOther::Refuse).unwrap_err();
        assert!(matches!(e, Error::Unwritable { .. }) && e.class() == Class::Refused, "{}: {e}", folder.display());
    }
}
