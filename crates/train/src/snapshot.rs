//! The exact state of a run, as plain data.

/// Element type of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DType {
    /// Single precision.
    F32,
    /// Double precision.
    F64,
    /// Unsigned 64-bit integers.
    U64,
}

/// A named array, row-major, little-endian.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Name: a parameter's documented one (`embed.W_E`), `optim.…` for moments, `initial.…` for first values that the optimizer needs, `kept{step}.…` for
    /// states that a later replay starts from, `curves.…` for what was recorded.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The elements.
    pub bytes: Vec<u8>,
}

/// The exact state of a run: weights, moments, step, curves, crossing trackers and what pending replays start from. The generators have no state: they
/// count by step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Steps taken.
    pub step: u64,
    /// Named arrays.
    pub tensors: Vec<Tensor>,
    /// Everything else, a JSON object: `numerics`, `fingerprint`, `levels`, `step`, `trackers`, …
    pub meta: String,
}

/// Why a snapshot cannot be continued.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The setup itself does not hold.
    #[error(transparent)]
    Spec(#[from] pennydrop_registry::SpecError),
    /// Written by another version of the arithmetic.
    #[error("made by numerics version {found}, and this is version {}: it can be read, but going on would not give the bits of either", crate::NUMERICS)]
    Numerics {
        /// The snapshot's version.
        found: u32,
    },
    /// The snapshot is of another run.
    #[error("belongs to another run: its data, settings or seeds differ (fingerprint {found}, wanted {wanted})")]
    Fingerprint {
        /// The snapshot's.
        found: String,
        /// This setup's.
        wanted: String,
    },
    /// Something is missing or malformed.
    #[error("not a whole snapshot: {0}")]
    Malformed(String),
}
