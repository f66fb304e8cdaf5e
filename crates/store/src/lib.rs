//! The campaign folder: Parquet parts, safetensors checkpoints, manifests.
//!
//! A campaign is a plain folder that can be copied and opened for ever:
//!
//! | file | what |
//! |---|---|
//! | `campaign.toml` | the frozen text; its first line is a comment with schema version, hash, engine and numerics version |
//! | `data/runs-<writer>-<n>.parquet`, `data/curves-…` | immutable parts: the truth |
//! | `ckpt/<run>.safetensors` | the state of each unfinished run |
//! | `weights/<name>.safetensors` | weights that are kept |
//! | `manifest-<writer>.json` | a writer's parts with their hashes; a part counts once it is named here |
//!
//! Every file is published by writing a temporary file, fsync, rename, and fsync of the folder, so that a writer killed at any instant leaves whole
//! files or files that nobody reads. There are no locks: each writer has its own manifest, and reading merges all of them ([`Campaign::read`]). Every
//! part is hashed whenever it is read, and every checkpoint carries its own hash.
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
mod error;
mod files;
mod manifest;
mod merge;
mod page_guard;
mod parquet_read;
mod parquet_write;
mod table;
mod verify;

pub use campaign::{Campaign, IfOther, Note};
pub use checkpoint::{CHECKPOINT_SCHEMA, Checkpoint, Tensor, TensorType, load_weights, load_weights_file};
pub use error::{Class, Error};
pub use manifest::{Manifest, PartInfo, Producer, SCHEMA};
pub use parquet_read::{ReadOptions, parse_table, read_table};
pub use parquet_write::{encode_table, write_table};
pub use table::{Column, ColumnData, Table};
pub use verify::Verification;
