//! Writes `sample.parquet` and `sample.safetensors` into the folder given: what `tests/fixtures/read_ours.py` reads with pandas, polars, DuckDB and safetensors.

use pennydrop_store::{Checkpoint, Table, Tensor, write_table};
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: sample FOLDER")?);
    let rows = 600_000; // three row groups, several pages
    let table = Table::default()
        .str("run_id", (0..rows).map(|i| (i % 7 != 3).then(|| format!("run-{}", i / 1000))))
        .i64("step", (0..rows).map(|i| (i % 11 != 0).then_some(i64::MIN + i as i64)))
        .f64("loss", (0..rows).map(|i| [None, Some(f64::NAN), Some(f64::INFINITY), Some(f64::NEG_INFINITY), Some(-0.0), Some(i as f64 / 3.0)][i % 6]))
        .bool("grokked", (0..rows).map(|i| [None, Some(true), Some(false)][i % 3]))
        .i64("never", (0..rows).map(|_| None))
        .f64("a.dotted name", (0..rows).map(|i| Some(i as f64)));
    write_table(&folder.join("sample.parquet"), &table, &[("note".to_string(), "ünicode".to_string())].into())?;
    let tensors = vec![Tensor::from_f32("embed.W_E", &[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, f32::NAN]), Tensor::from_u64("step", &[], &[9])];
    Checkpoint { tensors, ..Default::default() }.save(&folder.join("sample.safetensors"))?;
    Ok(())
}
