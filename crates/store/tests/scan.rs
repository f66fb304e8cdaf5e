//! Scans say what `read` says, column by column, and do not take damage for data.

use pennydrop_store::{Campaign, Column, ColumnData, Error, IfOther, Producer, Scan, Table};
use proptest::prelude::*;
use std::path::Path;

fn by(class: &str) -> Producer {
    Producer { engine: "0.1.0".into(), numerics: "1".into(), class: class.into() }
}

fn open(folder: &Path, class: &str) -> Campaign {
    Campaign::create(folder, "text\n", &by(class), IfOther::Refuse).unwrap()
}

fn names(table: &Table) -> Vec<&str> {
    table.columns.iter().map(|c| c.name.as_str()).collect()
}

/// A scan of every column, as a table.
fn whole(campaign: &Campaign, kind: &str) -> Result<Table, Error> {
    let read = campaign.read(kind)?;
    campaign.scan(kind, &names(&read)).map(Scan::into_table)
}

/// All rows, as they come.
fn portions(campaign: &Campaign, kind: &str) -> Table {
    let scanner = campaign.scanner(kind).unwrap();
    let mut all = Table { columns: scanner.columns().unwrap().into_iter().map(|(name, data)| Column { name, data }).collect() };
    scanner.each(|t| all.append(t)).unwrap();
    all
}

#[derive(Debug, Clone)]
struct Part {
    class: bool,
    logged: bool,
    shape: u8,
    rows: Vec<(u8, i64, bool, f64)>,
}

fn part() -> impl Strategy<Value = Part> {
    let number = prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(-0.0), any::<f64>()];
    (any::<bool>(), any::<bool>(), 0u8..6, prop::collection::vec((0u8..12, 1i64..4, any::<bool>(), number), 1..12))
        .prop_map(|(class, logged, shape, rows)| Part { class, logged, shape, rows })
}

/// A part's table; the shape decides which columns it has and of which type.
fn table(part: &Part, hex: bool) -> Table {
    let id = |r: &(u8, i64, bool, f64)| if hex { format!("{:016x}", u64::from(r.0) << 57 | 7) } else { format!("run-{}", r.0) };
    let mut t = Table::default();
    if part.shape.is_multiple_of(2) {
        t = t.str("label", part.rows.iter().map(|r| r.2.then(|| format!("label {}", r.0 % 3))));
    }
    t = t.str("run_id", part.rows.iter().map(|r| Some(id(r))));
    if part.shape != 1 {
        t = t.i64("steps", part.rows.iter().map(|r| Some(r.1)));
    }
    if part.shape > 1 {
        t = t.str("weights_hash", part.rows.iter().map(|r| r.2.then(|| format!("hash of {} at {}", r.0, if r.3 == 0.0 { 99 } else { r.1 }))));
    }
    t = if part.shape < 3 { t.f64("x", part.rows.iter().map(|r| Some(r.3))) } else { t.i64("x", part.rows.iter().map(|r| Some(r.1))) };
    t.bool("flag", part.rows.iter().map(|r| Some(r.2)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]
    #[test]
    fn a_scan_says_what_reading_says(parts in prop::collection::vec(part(), 0..6), hex in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let writers = [open(folder.path(), "one"), open(folder.path(), "two")];
        for part in &parts {
            let (writer, table) = (&writers[usize::from(part.class)], table(part, hex));
            if part.logged { writer.log(&[("runs", &table)]).unwrap() } else { writer.append("runs", &table).map(drop).unwrap() }
        }
        match writers[0].read("runs") {
            Err(e) => {
                let alarm = matches!(e, Error::Disagree { .. });
                prop_assert!(alarm, "{}", e);
                prop_assert_eq!(writers[0].scan("runs", &["x"]).unwrap_err().to_string(), e.to_string());
            }
            Ok(read) => {
                let scan = writers[0].scan("runs", &names(&read)).unwrap();
                prop_assert_eq!(scan.rows(), read.rows());
                prop_assert_eq!(scan.into_table(), read.clone());
                // In two halves, the second with a range that is too long.
                let (scanner, half) = (writers[0].scanner("runs").unwrap(), read.rows() / 2);
                let mut halves = scanner.take_rows(&names(&read), 0..half).unwrap().into_table();
                halves.append(scanner.take_rows(&names(&read), half..usize::MAX).unwrap().into_table()).unwrap();
                prop_assert_eq!(halves, read.clone());
                // In portions: the same rows in another order.
                let mut found = portions(&writers[0], "runs");
                if read.rows() > 0 {
                    let ids = found.get_str("run_id").unwrap().to_vec();
                    let mut order: Vec<usize> = (0..ids.len()).collect();
                    order.sort_by_key(|&i| &ids[i]);
                    for column in &mut found.columns {
                        column.data = picked(&column.data, &order);
                    }
                    found.columns.sort_by_key(|c| names(&read).iter().position(|n| *n == c.name));
                }
                prop_assert_eq!(found, read);
            }
        }
    }
}

fn picked(data: &ColumnData, order: &[usize]) -> ColumnData {
    match data {
        ColumnData::I64(v) => ColumnData::I64(order.iter().map(|&i| v[i]).collect()),
        ColumnData::F64(v) => ColumnData::F64(order.iter().map(|&i| v[i]).collect()),
        ColumnData::Str(v) => ColumnData::Str(order.iter().map(|&i| v[i].clone()).collect()),
        ColumnData::Bool(v) => ColumnData::Bool(order.iter().map(|&i| v[i]).collect()),
    }
}

#[test]
fn curves_are_merged_by_run_step_and_series() {
    let folder = tempfile::tempdir().unwrap();
    let c = open(folder.path(), "one");
    let wide = |ids: &[&str], steps: &[i64], x: f64| {
        Table::default()
            .str("run_id", ids.iter().map(|s| Some(*s)))
            .i64("step", steps.iter().map(|s| Some(*s)))
            .f64("x", steps.iter().map(|s| Some(x + *s as f64)))
    };
    c.append("curves", &wide(&["b", "b", "a", "a"], &[1, 2, 5, 1], 0.0)).unwrap();
    c.append("curves", &wide(&["a", "b", "c"], &[5, 3, 0], 0.5)).unwrap();
    assert_eq!(whole(&c, "curves").unwrap(), c.read("curves").unwrap());
    c.append("curves", &wide(&["b", "a", "a"], &[3, 5, 6], 0.25).str("series", [Some("s"), None, Some("t")])).unwrap();
    let read = c.read("curves").unwrap();
    assert_eq!(read.rows(), 8);
    assert_eq!(whole(&c, "curves").unwrap(), read);
    let ids = ["00000000000000ff", "00000000000000ff", "00000000000000a0"];
    c.append("curves", &wide(&ids, &[-4, 7, 7], 0.25)).unwrap();
    assert_eq!(whole(&c, "curves").unwrap(), c.read("curves").unwrap());
}

#[test]
fn columns_that_are_nowhere_are_absent_and_an_empty_campaign_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let c = open(folder.path(), "one");
    assert_eq!(c.scan("runs", &["run_id"]).unwrap().rows(), 0);
    assert_eq!(c.scan("curves", &["run_id"]).unwrap().columns().count(), 0);
    assert!(c.scan("walls", &[]).is_err());
    assert_eq!(c.scan("decisions", &["cell"]).unwrap().rows(), 0);
    c.append("decisions", &Table::default().str("question", [Some("q")]).i64("cell", [Some(3)]).i64("round", [Some(1)])).unwrap();
    assert_eq!(c.scan("decisions", &["cell"]).unwrap().get_i64("cell"), Some(&[Some(3)][..]));
    c.append("runs", &Table::default().str("run_id", [Some("a")]).i64("n", [Some(2)])).unwrap();
    c.append("runs", &Table::default().str("run_id", [Some("b")]).bool("t", [Some(true)])).unwrap();
    let scan = c.scan("runs", &["nowhere", "t", "n", "t", "run_id"]).unwrap();
    assert_eq!(scan.columns().map(|(n, _)| n).collect::<Vec<_>>(), ["t", "n", "run_id"]);
    assert_eq!((scan.get_bool("t").unwrap(), scan.get_i64("n").unwrap()), (&[None, Some(true)][..], &[Some(2), None][..]));
    assert_eq!((scan.number("t", 1), scan.number("n", 0), scan.number("n", 1), scan.number("run_id", 0)), (Some(1.0), Some(2.0), None, None));
    assert_eq!(scan.get_text("run_id").unwrap().iter().collect::<Vec<_>>(), [Some("a"), Some("b")]);
    let columns = c.scanner("runs").unwrap().columns().unwrap();
    assert_eq!(columns.iter().map(|(n, d)| (n.as_str(), d.type_name())).collect::<Vec<_>>(), [("run_id", "text"), ("n", "integer"), ("t", "truth value")]);
    c.append("runs", &Table::default().str("run_id", [Some("c")]).str("n", [Some("two")])).unwrap();
    let e = c.scan("runs", &["n"]).unwrap_err();
    assert!(e.to_string().contains("\"n\"") && e.to_string().contains("integer") && e.to_string().contains("text"), "{e}");
    assert_eq!(c.scan("runs", &["t"]).unwrap().rows(), 3, "what is not asked for is not in the way");
}

#[test]
fn damage_is_not_taken_for_data() {
    let folder = tempfile::tempdir().unwrap();
    let c = open(folder.path(), "one");
    let ids: Vec<String> = (0..3000u64).map(|i| format!("{:016x}", i.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
    let t = Table::default()
        .str("run_id", ids.iter().map(|s| Some(s.as_str())))
        .f64("x", (0..3000).map(|i| Some(f64::from(i))))
        .i64("n", (0..3000).map(|i| Some(i % 5)));
    let part = c.append("runs", &t).unwrap();
    let path = folder.path().join(&part.file);
    let bytes = std::fs::read(&path).unwrap();
    let want = c.scan("runs", &["x"]).unwrap().into_table();
    // Cut or grown: every length but the published one.
    for length in [0, 3, 11, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert!(matches!(c.scan("runs", &["x"]), Err(Error::Damaged { .. })), "{length}");
    }
    std::fs::write(&path, [&bytes[..], b"x"].concat()).unwrap();
    assert!(matches!(c.scan("runs", &["x"]), Err(Error::Damaged { .. })));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(c.scan("runs", &["x"]), Err(Error::Damaged { .. })));
    // A footer of the same length that says something else: an error or the truth, never a panic. Data pages carry no checksum: that is for `verify`.
    let mut noticed = 0;
    for at in (0..bytes.len()).step_by(bytes.len() / 150) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x55;
        std::fs::write(&path, &changed).unwrap();
        match c.scan("runs", &["x"]) {
            Err(Error::Damaged { .. } | Error::Unsupported { .. } | Error::TooLarge { .. }) => noticed += 1,
            Err(e) => panic!("byte {at}: {e}"),
            Ok(scan) => assert!(scan.rows() <= want.rows()),
        }
        let problems = c.verify().unwrap().problems;
        assert_eq!(problems.len(), 1, "byte {at}: only hashing notices every change");
    }
    assert!(noticed > 5, "{noticed}");
}

#[test]
fn only_the_chunks_asked_for_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let c = open(folder.path(), "one");
    let t = Table::default()
        .str("run_id", (0..999).map(|i| Some(format!("{i:016x}"))))
        .f64("a", (0..999).map(|i| Some(f64::from(i))))
        .f64("b", (0..999).map(|i| Some(f64::sqrt(f64::from(i)))));
    let path = folder.path().join(c.append("runs", &t).unwrap().file);
    let mut bytes = std::fs::read(&path).unwrap();
    // Pages of the last column: before the footer and the page index.
    let tail: [u8; 4] = bytes[bytes.len() - 8..][..4].try_into().unwrap();
    let footer = bytes.len() - 8 - u32::from_le_bytes(tail) as usize;
    bytes[footer - 5000..footer - 1500].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(c.scan("runs", &["a"]).unwrap().get_f64("a").unwrap(), t.get_f64("a").unwrap());
    assert!(matches!(c.scan("runs", &["b"]), Err(Error::Damaged { .. })));
    assert!(c.read("runs").is_err());
}
