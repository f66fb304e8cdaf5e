//! Named tensors on disk: checkpoints of runs, and weights that a user brings (safetensors).
//!
//! A checkpoint is an ordinary safetensors file. Its metadata has the one key `pennydrop`, a JSON object with the schema version, who wrote it, the
//! caller's own pairs, and a BLAKE3 hash over all of that and every tensor, which loading checks: a file that was cut, changed or half copied never
//! loads. (One key, because the safetensors crate writes its metadata in an order that changes from process to process.)

use crate::error::Error;
use crate::files;
use crate::manifest::Producer;
use safetensors::tensor::{Dtype, Metadata, View};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

/// Schema version of checkpoints written by this crate.
pub const CHECKPOINT_SCHEMA: u32 = 1;

const KEY: &str = "pennydrop";
const RESUME_EARLIER: &str = "remove it: the run then starts from its beginning, or from another writer's checkpoint";
const EXPORT_AGAIN: &str = "copy or export it again";

/// Element type of a tensor. Little-endian, as safetensors prescribes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TensorType {
    /// 32-bit floating point.
    F32,
    /// 64-bit floating point.
    F64,
    /// 32-bit unsigned integer.
    U32,
    /// 64-bit unsigned integer.
    U64,
    /// 64-bit signed integer.
    I64,
    /// Byte.
    U8,
}

impl TensorType {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            TensorType::U8 => 1,
            TensorType::F32 | TensorType::U32 => 4,
            TensorType::F64 | TensorType::U64 | TensorType::I64 => 8,
        }
    }

    fn to_safetensors(self) -> Dtype {
        match self {
            TensorType::F32 => Dtype::F32,
            TensorType::F64 => Dtype::F64,
            TensorType::U32 => Dtype::U32,
            TensorType::U64 => Dtype::U64,
            TensorType::I64 => Dtype::I64,
            TensorType::U8 => Dtype::U8,
        }
    }

    fn from_safetensors(dtype: Dtype) -> Option<TensorType> {
        Some(match dtype {
            Dtype::F32 => TensorType::F32,
            Dtype::F64 => TensorType::F64,
            Dtype::U32 => TensorType::U32,
            Dtype::U64 => TensorType::U64,
            Dtype::I64 => TensorType::I64,
            Dtype::U8 => TensorType::U8,
            _ => return None,
        })
    }
}

/// A named array, row-major. `bytes` holds product(shape) elements, little-endian; a scalar has an empty shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Its name, unique in its file.
    pub name: String,
    /// Element type.
    pub dtype: TensorType,
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The elements.
    pub bytes: Vec<u8>,
}

/// Pairs of a constructor and an accessor for one element type.
macro_rules! elements {
    ($($make:ident, $take:ident, $t:ty, $dtype:ident;)*) => {
        impl Tensor {
            $(
                /// A tensor of the values given, row-major.
                pub fn $make(name: impl Into<String>, shape: &[usize], values: &[$t]) -> Tensor {
                    let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                    Tensor { name: name.into(), dtype: TensorType::$dtype, shape: shape.to_vec(), bytes }
                }

                /// The elements, row-major.
                ///
                /// # Errors
                /// [`Error::Invalid`] if the tensor has another element type.
                pub fn $take(&self) -> Result<Vec<$t>, Error> {
                    if self.dtype != TensorType::$dtype {
                        let (name, got, want) = (&self.name, self.dtype, TensorType::$dtype);
                        return Err(Error::invalid(format!("tensor {name:?} holds {got:?} and {want:?} was asked for")));
                    }
                    let (values, _) = self.bytes.as_chunks::<{ size_of::<$t>() }>();
                    Ok(values.iter().map(|b| <$t>::from_le_bytes(*b)).collect())
                }
            )*
        }
    };
}

elements! {
    from_f32, to_f32, f32, F32;
    from_f64, to_f64, f64, F64;
    from_u32, to_u32, u32, U32;
    from_u64, to_u64, u64, U64;
    from_i64, to_i64, i64, I64;
    from_u8, to_u8, u8, U8;
}

impl Tensor {
    /// Checks that `bytes` is as long as type and shape say.
    fn check(&self) -> Result<(), Error> {
        let size = self.shape.iter().try_fold(self.dtype.size(), |n, &d| n.checked_mul(d));
        if size != Some(self.bytes.len()) {
            let (name, dtype, shape, got) = (&self.name, self.dtype, &self.shape, self.bytes.len());
            return Err(Error::invalid(format!("tensor {name:?} of {dtype:?} with shape {shape:?} cannot have {got} bytes")));
        }
        Ok(())
    }
}

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        self.dtype.to_safetensors()
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// The exact state of a run, or its weights at some step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The tensors; loading gives them in the order of their names.
    pub tensors: Vec<Tensor>,
    /// The caller's own pairs (step, run id, optimizer state that is no tensor, …).
    pub meta: BTreeMap<String, String>,
    /// Who wrote the file. [`Campaign::save_ckpt`](crate::Campaign::save_ckpt) puts the campaign's own here.
    pub made_by: Producer,
}

/// What the metadata key holds.
#[derive(Serialize, Deserialize)]
struct Record {
    schema: u32,
    #[serde(flatten)]
    made_by: Producer,
    blake3: String,
    meta: BTreeMap<String, String>,
}

impl Checkpoint {
    /// The tensor `name`.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|t| t.name == name)
    }

    /// BLAKE3 hash over names, types, shapes and bytes of all tensors, in the order of their names: the hash by which two results of one run are
    /// compared if the tensors are its weights.
    pub fn tensors_hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hash_tensors(&mut hasher, &self.tensors);
        hasher.finalize().to_hex().to_string()
    }

    /// The bytes of the file. The same checkpoint gives the same bytes.
    ///
    /// # Errors
    /// [`Error::Invalid`] if two tensors share a name, a tensor's bytes do not fit its shape, or names and pairs take more room than a header may.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        self.encode_as(&self.made_by)
    }

    /// [`Checkpoint::encode`] with another producer.
    pub(crate) fn encode_as(&self, made_by: &Producer) -> Result<Vec<u8>, Error> {
        let mut names: Vec<&str> = self.tensors.iter().map(|t| t.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|p| p[0] == p[1]) {
            return Err(Error::invalid(format!("two tensors are named {:?}: rename one", pair[0])));
        }
        if names.binary_search(&"__metadata__").is_ok() {
            return Err(Error::invalid("a tensor cannot be named \"__metadata__\": safetensors uses that name itself"));
        }
        self.tensors.iter().try_for_each(Tensor::check)?;
        let blake3 = self.hash(CHECKPOINT_SCHEMA, made_by);
        let record = Record { schema: CHECKPOINT_SCHEMA, made_by: made_by.clone(), blake3, meta: self.meta.clone() };
        let text = serde_json::to_string(&record).map_err(|e| Error::invalid(format!("the checkpoint's pairs are not JSON: {e}")))?;
        let metadata = [(KEY.to_string(), text)].into_iter().collect();
        let bytes = safetensors::serialize(self.tensors.iter().map(|t| (t.name.as_str(), t)), Some(metadata))
            .map_err(|e| Error::invalid(format!("the checkpoint cannot be written as safetensors: {e}")))?;
        // What is written must load again.
        match header(&bytes) {
            Ok(_) => Ok(bytes),
            Err(why) => Err(Error::invalid(format!("the checkpoint's header would not load again: {why}; store fewer or shorter pairs"))),
        }
    }

    /// Writes the file atomically: under `path` stands the old file or the new one, whole.
    ///
    /// # Errors
    /// As [`Checkpoint::encode`]; [`Error::Full`], [`Error::Unwritable`] or [`Error::Io`] if it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        files::publish(path, &self.encode()?)
    }

    /// Reads and verifies a file that [`Checkpoint::save`] wrote. Takes at most about twice the file's size in memory.
    ///
    /// # Errors
    /// [`Error::Damaged`] unless every bit is as written; [`Error::Newer`] for a newer schema; [`Error::Io`] if it cannot be read.
    pub fn load(path: &Path) -> Result<Checkpoint, Error> {
        Checkpoint::parse_named(path, &files::read(path)?)
    }

    /// [`Checkpoint::load`] on bytes in memory: touches no file, never panics, and is the entry for fuzzing.
    ///
    /// # Errors
    /// As [`Checkpoint::load`]; the path in the error is `<bytes>`.
    pub fn parse(bytes: &[u8]) -> Result<Checkpoint, Error> {
        Checkpoint::parse_named(Path::new("<bytes>"), bytes)
    }

    pub(crate) fn parse_named(path: &Path, bytes: &[u8]) -> Result<Checkpoint, Error> {
        let damaged = |what: String| Error::damaged(path, what, RESUME_EARLIER);
        let head = header(bytes).map_err(damaged)?;
        let record = head.record(path)?.ok_or_else(|| damaged("it has no record of its integrity: not a checkpoint of pennydrop".into()))?;
        head.verified(path, bytes, record, RESUME_EARLIER)
    }

    fn hash(&self, schema: u32, made_by: &Producer) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"pennydrop checkpoint");
        hasher.update(&schema.to_le_bytes());
        hash_tensors(&mut hasher, &self.tensors);
        let made_by = [&made_by.engine, &made_by.numerics, &made_by.class];
        let pairs = self.meta.iter().flat_map(|(k, v)| [k, v]);
        for text in made_by.into_iter().chain(pairs) {
            hash_text(&mut hasher, text.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// Each text goes in behind its length, so that no two different lists of texts hash alike.
fn hash_text(hasher: &mut blake3::Hasher, text: &[u8]) {
    hasher.update(&(text.len() as u64).to_le_bytes());
    hasher.update(text);
}

fn hash_tensors(hasher: &mut blake3::Hasher, tensors: &[Tensor]) {
    let mut order: Vec<&Tensor> = tensors.iter().collect();
    order.sort_by(|a, b| a.name.cmp(&b.name));
    hasher.update(&(order.len() as u64).to_le_bytes());
    for t in order {
        hash_text(hasher, t.name.as_bytes());
        hasher.update(&[t.dtype as u8]);
        hasher.update(&(t.shape.len() as u64).to_le_bytes());
        for &d in &t.shape {
            hasher.update(&(d as u64).to_le_bytes());
        }
        hash_text(hasher, &t.bytes);
    }
}

/// Reads tensors that somebody else exported (`model.init=FILE`): any safetensors file with f32, f64, u32, u64, i64 or u8 tensors. A file of ours is
/// verified as well.
///
/// # Errors
/// [`Error::Damaged`] if it is not whole; [`Error::Unsupported`] for other element types; [`Error::Io`] if it cannot be read.
pub fn load_weights_file(path: &Path) -> Result<Vec<Tensor>, Error> {
    load_weights_named(path, &files::read(path)?)
}

/// [`load_weights_file`] on bytes in memory: touches no file, never panics.
///
/// # Errors
/// As [`load_weights_file`]; the path in the error is `<bytes>`.
pub fn load_weights(bytes: &[u8]) -> Result<Vec<Tensor>, Error> {
    load_weights_named(Path::new("<bytes>"), bytes)
}

fn load_weights_named(path: &Path, bytes: &[u8]) -> Result<Vec<Tensor>, Error> {
    let head = header(bytes).map_err(|what| Error::damaged(path, what, EXPORT_AGAIN))?;
    match head.record(path)? {
        Some(record) => Ok(head.verified(path, bytes, record, EXPORT_AGAIN)?.tensors),
        None => head.tensors(path, bytes),
    }
}

/// A header that has been checked against the length of the file.
struct Header {
    metadata: Metadata,
    data_start: usize,
}

/// Largest header for a file of `size` bytes. Unpacked, a header takes up to some forty times its length, so this keeps the whole within about twice
/// the file (beyond a few megabytes); real headers take a hundred bytes a tensor.
fn largest_header(size: usize) -> usize {
    (256 << 10) + size / 64
}

/// Checks and parses the header. The error says what is wrong and where.
fn header(bytes: &[u8]) -> Result<Header, String> {
    let size = bytes.len();
    let (first, _) = bytes.split_first_chunk::<8>().ok_or_else(|| format!("{size} bytes, and a safetensors file has at least 8"))?;
    let length = u64::from_le_bytes(*first);
    let fits = usize::try_from(length).ok().filter(|&n| n <= size - 8);
    let length = fits.ok_or_else(|| format!("its header claims {length} bytes and {} follow", size - 8))?;
    if length > largest_header(size) {
        return Err(format!("a header of {length} bytes in a file of {size}; at most {} are allowed", largest_header(size)));
    }
    let text = std::str::from_utf8(&bytes[8..8 + length]).map_err(|e| format!("its header is not UTF-8 at byte {}", 8 + e.valid_up_to()))?;
    // Not `SafeTensors::deserialize`: its last sum can overflow. Parsing checks that offsets leave no gap, do not overlap and fit the shapes.
    let metadata: Metadata = serde_json::from_str(text).map_err(|e| format!("its header is wrong: {e}"))?;
    let data = size - 8 - length;
    if metadata.data_len() != data {
        return Err(format!("its tensors take {} bytes and {data} follow the header", metadata.data_len()));
    }
    Ok(Header { metadata, data_start: 8 + length })
}

impl Header {
    fn record(&self, path: &Path) -> Result<Option<Record>, Error> {
        let Some(text) = self.metadata.metadata().as_ref().and_then(|m| m.get(KEY)) else { return Ok(None) };
        // The version is read first: of a newer record nothing else need be understood.
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let wrong = |e: serde_json::Error| Error::damaged(path, format!("its metadata are wrong: {e}"), EXPORT_AGAIN);
        let found = serde_json::from_str::<Version>(text).map_err(wrong)?.schema;
        if found > CHECKPOINT_SCHEMA {
            return Err(Error::Newer { path: path.to_path_buf(), found, known: CHECKPOINT_SCHEMA });
        }
        serde_json::from_str(text).map(Some).map_err(wrong)
    }

    /// The tensors, in the order of their names.
    fn tensors(&self, path: &Path, bytes: &[u8]) -> Result<Vec<Tensor>, Error> {
        let mut names = self.metadata.offset_keys();
        names.sort_unstable();
        let mut tensors = Vec::with_capacity(names.len());
        for name in names {
            let broken = || Error::damaged(path, format!("tensor {name:?} lies outside the file"), EXPORT_AGAIN);
            let info = self.metadata.info(&name).ok_or_else(broken)?;
            let Some(dtype) = TensorType::from_safetensors(info.dtype) else {
                let what = format!("tensor {name:?} holds {}", info.dtype);
                return Err(Error::Unsupported { path: path.to_path_buf(), what, advice: "convert it to F32 or F64" });
            };
            let (from, to) = info.data_offsets;
            let data = &bytes[self.data_start..];
            let bytes = data.get(from..to).ok_or_else(broken)?.to_vec();
            tensors.push(Tensor { dtype, shape: info.shape.clone(), bytes, name });
        }
        Ok(tensors)
    }

    fn verified(&self, path: &Path, bytes: &[u8], record: Record, advice: &'static str) -> Result<Checkpoint, Error> {
        let checkpoint = Checkpoint { tensors: self.tensors(path, bytes)?, meta: record.meta, made_by: record.made_by };
        let hash = checkpoint.hash(record.schema, &checkpoint.made_by);
        if hash != record.blake3 {
            let what = format!("its content has hash {} and was written with {}", short(&hash), short(&record.blake3));
            return Err(Error::damaged(path, what, advice));
        }
        Ok(checkpoint)
    }
}

/// The first digits of a hash, for messages (which may come from a damaged file, and need not be ASCII).
pub(crate) fn short(hash: &str) -> String {
    hash.chars().take(12).collect()
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
