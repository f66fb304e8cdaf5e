//! The campaign folder: Parquet parts, safetensors checkpoints, manifests.
//!
//! A campaign is a plain folder that can be copied and opened for ever:
//!
//! | file | what |
//! |---|---|
//! | `campaign.toml` | the frozen text; its first line is a comment with schema version, hash, engine and numerics version |
//! | `wal/<writer>-<n>.seg` | rows as they come in, until they become parts: [`Campaign::log`] |
//! | `data/runs-<writer>-<n>.parquet`, `data/curves-…`, `data/decisions-…` | immutable parts |
//! | `ckpt/<run>.safetensors` | the state of each unfinished run |
//! | `weights/<name>.safetensors` | weights that are kept |
//! | `index/<kind>.sqlite` | the tables for queries: derived, and may be deleted |
//! | `manifest-<writer>.json` | a writer's parts with their hashes, and the files they stand for; a part counts once it is named here |
//! | `leases/<question>-<I>of<N>-<writer>.json` | who works on what: advice, that nothing depends on |
//!
//! Every file but the segments is published by writing a temporary file, fsync, rename, and fsync of the folder, so that a writer killed at any instant
//! leaves whole files or files that nobody reads. Segments are appended to, a frame with a checksum at a time: a killed writer leaves at most a torn last
//! frame, which is passed over. There are no locks that anything depends on: each writer has its own manifest, and reading merges all of them
//! ([`Campaign::read`]). Every part is hashed whenever it is read whole, and every checkpoint carries its own hash; [`Campaign::scan`], which reads some
//! columns of many rows, trusts the lengths.
//!
//! ```
//! use pennydrop_store::{Campaign, Checkpoint, IfOther, Producer, Table, Tensor};
//! # let temp = tempfile::tempdir().unwrap();
//! # let folder = temp.path().join("campaign");
//! let me = Producer { engine: "0.1.0".into(), numerics: "1".into(), class: "x86-64 avx2".into() };
//! let campaign = Campaign::create(&folder, "[task]\nname = \"modular\"\n", &me, IfOther::Refuse)?;
//! let state = Checkpoint { tensors: vec![Tensor::from_f32("embed.W_E", &[1, 2], &[0.5, -1.0])], ..Default::default() };
//! campaign.save_ckpt("run-1", &state)?;
//! campaign.append("runs", &Table::default().str("run_id", [Some("run-1")]).i64("t_grok", [None]).f64("test_loss", [Some(f64::NAN)]))?;
//! campaign.remove_ckpt("run-1")?;
//! let again = Campaign::open(&folder, &me)?;
//! assert_eq!(again.read("runs")?.rows(), 1);
//! assert!(again.verify()?.problems.is_empty());
//! # Ok::<(), pennydrop_store::Error>(())
//! ```

mod campaign;
mod checkpoint;
mod compact;
mod error;
mod files;
mod frame;
mod gc;
mod ids;
mod index;
mod lease;
mod manifest;
mod merge;
mod page_guard;
mod parquet_read;
mod parquet_write;
mod piece;
mod query;
mod scan;
mod scanner;
mod segment;
mod table;
mod text;
mod verify;

pub use campaign::{Campaign, IfOther, Note};
pub use checkpoint::{CHECKPOINT_SCHEMA, Checkpoint, Tensor, TensorType, load_weights, load_weights_file};
pub use error::{Class, Error};
pub use gc::Swept;
pub use index::IndexInfo;
pub use lease::{Holder, Lease};
pub use manifest::{Manifest, PartInfo, Producer, SCHEMA};
pub use parquet_read::{ReadOptions, parse_table, read_table};
pub use parquet_write::{encode_table, write_table};
pub use query::{Answer, Cell, Limits};
pub use scan::{Scan, ScanData};
pub use scanner::Scanner;
pub use table::{Column, ColumnData, Table};
pub use text::Text;
pub use verify::Verification;

/// Any bytes as a checkpoint, as foreign weights and as a Parquet table: the entry for fuzzing. Never panics, touches no file.
///
/// A checkpoint that is accepted must encode to bytes that read back as the same checkpoint.
pub fn fuzz_checkpoint(data: &[u8]) {
    if let Ok(c) = Checkpoint::parse(data) {
        let again = c.encode().and_then(|bytes| Checkpoint::parse(&bytes));
        assert!(again.is_ok_and(|a| a.tensors_hash() == c.tensors_hash()), "an accepted checkpoint must survive writing and reading");
    }
    // Refusals are the point: only a panic or a hunger for memory is a finding.
    let _ = load_weights(data);
    let _ = parse_table(data.to_vec(), &ReadOptions::default());
}

/// Any bytes as a segment: the entry for fuzzing. Never panics, touches no file.
///
/// The part of it that is accepted must read the same by itself.
pub fn fuzz_segment(data: &[u8]) {
    const LIMIT: u64 = 64 << 20;
    let parse = |data: &[u8]| segment::parse(std::path::Path::new("segment"), std::io::Cursor::new(data), data.len() as u64, None, None, LIMIT);
    if let Ok(segment) = parse(data) {
        let again = parse(&data[..segment.whole as usize]);
        assert!(again.is_ok_and(|a| a.tables == segment.tables && a.frames == segment.frames && a.torn == 0), "what is whole must stand by itself");
    }
}

#[cfg(test)]
mod tests {
    /// The fuzzer's seeds, and whatever it once broke.
    #[test]
    fn seeds_of_the_fuzzer_pass() {
        let targets: [(&str, fn(&[u8])); 2] = [("checkpoint", super::fuzz_checkpoint), ("segment", super::fuzz_segment)];
        for (name, target) in targets {
            let folder = format!("{}/../../fuzz/seeds/{name}", env!("CARGO_MANIFEST_DIR"));
            let mut seen = 0;
            for entry in std::fs::read_dir(folder).unwrap() {
                let bytes = std::fs::read(entry.unwrap().path()).unwrap();
                target(&bytes);
                // And what becomes of them when they are cut or changed anywhere.
                for at in (0..bytes.len().min(4096)).step_by(7) {
                    target(&bytes[..at]);
                    let mut changed = bytes.clone();
                    changed[at] ^= 0x40;
                    target(&changed);
                }
                seen += 1;
            }
            assert!(seen > 0, "no seeds of {name}");
        }
    }
}
