//! Queries: right answers over a fresh index, and nothing but answers.

use pennydrop_store::{Answer, Campaign, Cell, Class, Error, IfOther, Limits, Producer, Table};
use std::path::Path;

fn open(folder: &Path) -> Campaign {
    let me = Producer { engine: "0.1.0".into(), numerics: "1".into(), class: "test".into() };
    Campaign::create(folder, "text\n", &me, IfOther::Refuse).unwrap()
}

/// Three runs in a part, one of them twice, and a fourth in a segment that lacks a column.
fn example(folder: &Path) -> Campaign {
    let c = open(folder);
    let table = Table::default()
        .str("run_id", ["a", "b", "c", "b"].map(Some))
        .i64("steps", [10, 20, 30, 40].map(Some))
        .f64("loss", [Some(0.5), Some(f64::NAN), Some(f64::NEG_INFINITY), Some(f64::INFINITY)])
        .f64("optim.lr", [0.1, 0.2, 0.3, 0.2].map(Some))
        .bool("censored", [Some(true), None, Some(false), Some(true)]);
    c.append("runs", &table).unwrap();
    c.log(&[("runs", &Table::default().str("run_id", [Some("d")]).i64("steps", [Some(50)]).f64("extra", [Some(-0.0)]).f64("Loss", [Some(7.0)]))]).unwrap();
    c.append("curves", &Table::default().str("run_id", ["a", "a"].map(Some)).i64("step", [1, 2].map(Some)).f64("train_loss", [Some(1.0), None])).unwrap();
    c
}

fn ask(c: &Campaign, sql: &str) -> Answer {
    c.query(sql, &Limits::default()).unwrap_or_else(|e| panic!("{sql}: {e}"))
}

fn text(a: &Answer) -> String {
    let cell = |c: &Cell| match c {
        Cell::Null => "-".to_string(),
        Cell::Integer(i) => i.to_string(),
        Cell::Number(x) => format!("{x:?}"),
        Cell::Text(t) => t.clone(),
    };
    a.rows.iter().map(|r| r.iter().map(cell).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("|")
}

#[test]
fn rows_are_merged_and_numbers_that_sql_lacks_have_a_sibling() {
    let folder = tempfile::tempdir().unwrap();
    let c = example(folder.path());
    let a = ask(&c, "SELECT run_id, steps, loss, loss_nonfinite, \"optim.lr\", censored, extra, typeof(censored) FROM runs ORDER BY run_id");
    assert_eq!(a.columns[..3], ["run_id", "steps", "loss"]);
    assert_eq!(text(&a), "a 10 0.5 - 0.1 1 - integer|b 40 - inf 0.2 1 - integer|c 30 - -inf 0.3 0 - integer|d 50 - - - - 0.0 null");
    // SQLite does not tell `Loss` from `loss`; the record does.
    assert_eq!(text(&ask(&c, "SELECT Loss_2 FROM runs WHERE run_id = 'd'")), "7.0");
    assert_eq!(text(&ask(&c, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4) SELECT sum(i) FROM n")), "10");
    assert_eq!(text(&ask(&c, "SELECT count(*), avg(train_loss) FROM runs JOIN curves USING (run_id)")), "2 1.0");
    assert_eq!(text(&ask(&c, "SELECT count(*) FROM decisions")), "0");
    assert_eq!(text(&ask(&c, "SELECT x'00ff', NULL, 1e999;")), "x'00ff' - inf");
}

#[test]
fn the_index_follows_the_record_and_can_be_deleted_or_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let c = example(folder.path());
    let count = |c: &Campaign| text(&ask(c, "SELECT count(*) FROM runs"));
    assert_eq!(count(&c), "4");
    let file = folder.path().join("index/runs.sqlite");
    let made = std::fs::metadata(&file).unwrap().modified().unwrap();
    assert_eq!(count(&c), "4");
    assert_eq!(std::fs::metadata(&file).unwrap().modified().unwrap(), made, "it was up to date");
    assert!(!folder.path().join("index/curves.sqlite").exists(), "nobody asked for curves");
    let other = open(folder.path());
    other.log(&[("runs", &Table::default().str("run_id", [Some("e")]))]).unwrap();
    assert_eq!(count(&c), "5");
    other.append("runs", &Table::default().str("run_id", [Some("f")])).unwrap();
    assert_eq!(count(&c), "6");
    for bad in [&b""[..], b"no database", &std::fs::read(&file).unwrap()[..20_000]] {
        std::fs::write(&file, bad).unwrap();
        assert_eq!(count(&c), "6");
    }
    // Damage beyond the first page shows only when it is read.
    let mut bytes = std::fs::read(&file).unwrap();
    let second = bytes.len() / 16384;
    assert!(second > 2);
    bytes[16384..].fill(0xa5);
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(count(&c), "6");
    std::fs::remove_dir_all(folder.path().join("index")).unwrap();
    let info = c.reindex().unwrap();
    assert_eq!(info.rows, 8);
    let bytes: u64 = std::fs::read_dir(folder.path().join("index")).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
    assert_eq!(info.bytes, bytes, "and nothing else lies there");
    assert!(c.verify().unwrap().problems.is_empty() && c.verify().unwrap().litter.is_empty());
}

#[test]
fn a_folder_that_cannot_be_written_is_queried_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let c = example(folder.path());
    std::fs::write(folder.path().join("index"), "in the way").unwrap();
    assert_eq!(text(&ask(&c, "SELECT count(*) FROM runs")), "4");
    assert!(matches!(c.reindex(), Err(Error::Unwritable { .. })));
}

#[test]
fn builders_at_once_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    example(folder.path());
    let results: Vec<String> = std::thread::scope(|s| {
        let one = |_| {
            s.spawn(|| {
                (0..4).map(|_| open(folder.path())).map(|c| c.reindex().map(|_| text(&ask(&c, "SELECT sum(steps) FROM runs"))).unwrap()).collect::<Vec<_>>()
            })
        };
        (0..4).map(one).collect::<Vec<_>>().into_iter().flat_map(|t| t.join().unwrap()).collect()
    });
    assert!(results.iter().all(|r| r == "130"), "{results:?}");
}

#[test]
fn nothing_but_reading_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let c = example(folder.path());
    let elsewhere = folder.path().join("elsewhere.sqlite");
    let before = c.read("runs").unwrap();
    for sql in [
        "DELETE FROM runs",
        "UPDATE runs SET steps = 1",
        "INSERT INTO runs(run_id) VALUES ('x')",
        "DROP TABLE runs",
        "CREATE TABLE runs.t(x)",
        "CREATE TEMP TABLE t AS SELECT * FROM runs",
        "CREATE VIRTUAL TABLE t USING fts5(x)",
        &format!("ATTACH '{}' AS e", elsewhere.display()),
        &format!("VACUUM runs INTO '{}'", elsewhere.display()),
        "DETACH runs",
        "PRAGMA query_only = OFF",
        "PRAGMA runs.journal_mode",
        "SELECT * FROM pragma_database_list /* runs */",
        "BEGIN",
        "ANALYZE runs",
        "REINDEX runs.runs",
        "SELECT load_extension('libm.so.6') FROM runs",
        "SELECT fts3_tokenizer('simple') FROM runs",
        "SELECT writefile('x', 'y') FROM runs",
        "SELECT readfile('/etc/hostname') FROM runs",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE runs",
        "EXPLAIN DELETE FROM runs",
        "",
        "   -- nothing",
        "SELECT '\0' FROM runs",
    ] {
        let e = c.query(sql, &Limits::default()).expect_err(sql);
        assert!(matches!(e, Error::Sql { .. }), "{sql}: {e:?}");
        assert_eq!((e.class(), e.class().exit_code()), (Class::Usage, 2));
    }
    assert!(!elsewhere.exists());
    assert_eq!(text(&ask(&c, "SELECT sum(steps) FROM runs")), "130");
    assert_eq!(c.read("runs").unwrap(), before);
}

#[test]
fn time_memory_and_rows_are_capped() {
    let folder = tempfile::tempdir().unwrap();
    let c = example(folder.path());
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)";
    let capped = |sql: &str, limits: Limits| {
        let e = c.query(sql, &limits).expect_err(sql);
        assert!(matches!(e, Error::Cap { .. }), "{sql}: {e:?}");
        assert_eq!(e.class().exit_code(), 5);
        e.to_string()
    };
    let small = Limits { seconds: 20.0, bytes: 8 << 20, rows: 1 << 40 };
    let quick = Limits { seconds: 0.05, ..small };
    assert!(capped(&format!("{endless} SELECT sum(i) FROM n"), quick).contains("0.05 s"));
    assert!(
        capped("SELECT count(*) FROM runs a, runs b, runs c, runs d, runs e, runs f, runs g, runs h, runs i, runs j, runs k, runs l, runs m", quick)
            .contains("time")
    );
    for sql in [
        format!("{endless} SELECT i FROM n ORDER BY -i"),
        format!("{endless} SELECT hex(i) FROM n"),
        format!("{endless} SELECT count(DISTINCT i) FROM n"),
        "SELECT length(randomblob(50000000))".to_string(),
        "SELECT replace(hex(zeroblob(1000000)), '00', '0123456789') FROM runs".to_string(),
        "SELECT printf('%.*c', 900000000, 'x') FROM runs".to_string(),
    ] {
        assert!(capped(&sql, small).contains("8 MB"), "{sql}");
    }
    // SQLite notices only at its end that this has no room, so it is time that ends it.
    capped(&format!("{endless} SELECT group_concat(i) FROM n"), Limits { seconds: 0.5, ..small });
    // The caps are gone again afterwards, and rows are cut without an error.
    assert_eq!(ask(&c, "SELECT length(randomblob(50000000))").rows, [[Cell::Integer(50_000_000)]]);
    let cut = c.query(&format!("{endless} SELECT i FROM n"), &Limits { rows: 3, ..Default::default() }).unwrap();
    assert_eq!((text(&cut).as_str(), cut.cut), ("1|2|3", true));
    let whole = c.query("SELECT run_id FROM runs", &Limits { rows: 4, ..Default::default() }).unwrap();
    assert_eq!((whole.rows.len(), whole.cut), (4, false));
}

#[test]
fn errors_say_where_and_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let c = example(folder.path());
    for (sql, says) in [
        ("SELECT stesp FROM runs", &["no such column: stesp", "write steps"][..]),
        ("SELECT runs.lost FROM runs", &["write loss"]),
        ("SELECT \"optim.rl\" FROM runs", &["write \"optim.lr\""]),
        ("SELECT optim.lr FROM runs", &["write \"optim.lr\""]),
        ("SELECT nonsense FROM runs", &["the columns of runs are run_id, steps, loss, \"optim.lr\", censored"]),
        ("SELECT * FROM run", &["no such table: run", "runs, curves, decisions"]),
        ("SELECT * FROM curve", &["write curves"]),
        ("SELECT * FORM runs", &["near", "at `FORM runs`"]),
        ("SELECT nofunction(1) FROM runs", &["no such function"]),
    ] {
        let e = c.query(sql, &Limits::default()).expect_err(sql).to_string();
        assert!(says.iter().all(|s| e.contains(s)), "{sql}: {e}");
    }
}
