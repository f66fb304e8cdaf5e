//! Tables that others wrote (`tests/fixtures/make_foreign.py`), and damaged ones.

use pennydrop_store::{ColumnData, Error, ReadOptions, Table, encode_table, parse_table, read_table};
use proptest::prelude::*;
use std::path::PathBuf;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The table that make_foreign.py describes.
fn want() -> Table {
    let n = 0..300i64;
    Table::default()
        .i64("i64", n.clone().map(|k| (k % 5 != 0).then_some(k * 1_000_000_000)))
        .i64("i32", n.clone().map(|k| Some(-k)))
        .i64("u32", n.clone().map(|k| Some(4_000_000_000 + k)))
        .i64("i8", n.clone().map(|k| Some(k % 100)))
        .f64("f32", n.clone().map(|k| (k % 7 != 0).then_some(k as f64 / 8.0)))
        .f64(
            "f64",
            n.clone().map(|k| {
                Some(if k % 4 == 1 {
                    f64::NAN
                } else if k % 4 == 2 {
                    f64::INFINITY
                } else {
                    k as f64 / 3.0
                })
            }),
        )
        .str("text", n.clone().map(|k| (k % 6 != 0).then(|| format!("grün-{}", k % 3))))
        .bool("flag", n.map(|k| (k % 9 != 0).then_some(k % 2 == 1)))
}

#[test]
fn tables_of_pyarrow_pandas_polars_and_duckdb_are_read() {
    for name in ["pyarrow", "pyarrow_v2_plain", "pandas", "polars", "duckdb"] {
        let table = read_table(&fixture(&format!("{name}.parquet")), &ReadOptions::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(table, want(), "{name}");
    }
}

#[test]
fn columns_can_be_chosen_and_missing_ones_are_named() {
    let options = ReadOptions { columns: Some(&["text", "i32"]), limit: None };
    let table = read_table(&fixture("polars.parquet"), &options).unwrap();
    assert_eq!(table.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["text", "i32"]);
    let e = read_table(&fixture("polars.parquet"), &ReadOptions { columns: Some(&["nope"]), limit: None }).unwrap_err();
    assert!(matches!(&e, Error::Invalid { .. }) && e.to_string().contains("nope") && e.to_string().contains("i64"), "{e}");
}

#[test]
fn what_is_not_supported_is_named() {
    for (file, columns, say) in [
        ("zstd.parquet", None, "ZSTD"),
        ("types.parquet", Some(&["when"][..]), "when"),
        ("types.parquet", Some(&["list"][..]), "nested"),
        ("types.parquet", None, "when"),
        ("delta_text.parquet", None, "encoding 7"),
    ] {
        let e = read_table(&fixture(file), &ReadOptions { columns, limit: None }).unwrap_err();
        assert!(matches!(&e, Error::Unsupported { .. }) && e.to_string().contains(say), "{file}: {e}");
    }
    let table = read_table(&fixture("types.parquet"), &ReadOptions { columns: Some(&["ok"]), limit: None }).unwrap();
    assert_eq!(table.get_i64("ok").unwrap(), [Some(1), Some(2)]);
}

#[test]
fn a_table_beyond_the_limit_is_refused() {
    let text = "x".repeat(1000);
    let table = Table::default().str("s", (0..1000).map(|_| Some(text.as_str())));
    let bytes = encode_table(&table, &Default::default()).unwrap();
    assert!(bytes.len() < 5000, "{}", bytes.len()); // so the table is 200 times its file
    assert_eq!(parse_table(bytes.clone(), &ReadOptions::default()).unwrap(), table);
    let e = parse_table(bytes, &ReadOptions { columns: None, limit: Some(500_000) }).unwrap_err();
    assert!(matches!(e, Error::TooLarge { .. }), "{e}");
}

#[test]
fn every_cut_is_damage() {
    let bytes = std::fs::read(fixture("pyarrow.parquet")).unwrap();
    for cut in (0..bytes.len()).step_by(7) {
        let e = parse_table(bytes[..cut].to_vec(), &ReadOptions::default()).unwrap_err();
        assert!(matches!(e, Error::Damaged { .. }), "cut at {cut}: {e}");
    }
}

fn any_f64() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(-0.0)]
}

proptest! {
    #[test]
    fn tables_survive_the_round_trip(
        rows in prop::collection::vec((any::<Option<i64>>(), prop::option::of(any_f64()), any::<Option<String>>(), any::<Option<bool>>()), 0..200)
    ) {
        let table = Table::default()
            .i64("i", rows.iter().map(|r| r.0))
            .f64("f", rows.iter().map(|r| r.1))
            .str("s", rows.iter().map(|r| r.2.clone()))
            .bool("b", rows.iter().map(|r| r.3));
        let bytes = encode_table(&table, &Default::default()).unwrap();
        prop_assert_eq!(&bytes, &encode_table(&table, &Default::default()).unwrap());
        let back = parse_table(bytes, &ReadOptions::default()).unwrap();
        // A NaN keeps its bits; `==` on columns compares them.
        prop_assert_eq!(back, table);
    }

    #[test]
    fn changed_bytes_give_a_table_or_an_error_but_no_panic(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), which in 0usize..3) {
        let name = ["pyarrow.parquet", "pyarrow_v2_plain.parquet", "duckdb.parquet"][which];
        let mut bytes = std::fs::read(fixture(name)).unwrap();
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(table) = parse_table(bytes, &ReadOptions::default()) {
            prop_assert!(table.check().is_ok());
            prop_assert!(table.columns.iter().all(|c| matches!(&c.data, ColumnData::I64(_) | ColumnData::F64(_) | ColumnData::Str(_) | ColumnData::Bool(_))));
        }
    }
}
