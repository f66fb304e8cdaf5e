//! The campaign folder: Parquet parts, safetensors checkpoints, manifest.
