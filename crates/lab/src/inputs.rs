//! Files that a spec names: a task's table, a model's first weights. Read once, hashed, and never larger than a stated cap.

use crate::Error;
use crate::spec::Resolved;
use pennydrop_registry::SpecError;
use pennydrop_store::{ColumnData, ReadOptions, Tensor, TensorType};
use pennydrop_tasks::{Column, Seeds, Table, Task};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// Largest table in bytes. 2^24 rows, the most a task takes, fit.
pub const LARGEST_TABLE: u64 = 1 << 30;
/// Largest file of weights in bytes.
pub const LARGEST_WEIGHTS: u64 = 4 << 30;

/// Tensors by name: shape and row-major values.
pub type Weights = BTreeMap<String, (Vec<usize>, Vec<f64>)>;

/// Contents of the files, with the hashes that stand for them in a run's name.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// The table of `task.file`.
    pub table: Option<(Table, String)>,
    /// The tensors of `model.init` by name: shape and values.
    pub weights: Option<(Weights, String)>,
}

impl Inputs {
    /// Reads what `spec` names.
    ///
    /// # Errors
    /// A file that is missing, too large, damaged or not of the kind that its key wants.
    pub fn read(spec: &Resolved) -> Result<Inputs, Error> {
        let mut inputs = Inputs::default();
        if spec.task.name() == "table" {
            let path = spec.task.str("file");
            let bytes = read_capped("task.file", Path::new(path), LARGEST_TABLE)?;
            let hash = blake3::hash(&bytes).to_hex().to_string();
            inputs.table = Some((table(path, bytes)?, hash));
        }
        let init = spec.model.str("init");
        if pennydrop_models::init::is_file(init) {
            let bytes = read_capped("model.init", Path::new(init), LARGEST_WEIGHTS)?;
            let tensors = pennydrop_store::load_weights(&bytes).map_err(|e| Error::input("model.init", Path::new(init), e))?;
            let hash = blake3::hash(&bytes).to_hex().to_string();
            inputs.weights = Some((tensors.into_iter().map(|t| numbers(init, t)).collect::<Result<_, _>>()?, hash));
        }
        Ok(inputs)
    }

    /// The task of a run.
    ///
    /// # Errors
    /// What the task forbids.
    pub fn task(&self, spec: &Resolved, seeds: &Seeds) -> Result<Task, SpecError> {
        match &self.table {
            Some((table, _)) => Task::from_table(table, &spec.task, seeds),
            None => pennydrop_tasks::build(&spec.task, seeds),
        }
    }
}

/// Reads a file of at most `cap` bytes; a larger one is refused before it is in memory, also when it grows meanwhile or has no length.
fn read_capped(key: &'static str, path: &Path, cap: u64) -> Result<Vec<u8>, Error> {
    let file = std::fs::File::open(path).map_err(|e| Error::input(key, path, e))?;
    let about = file.metadata().map_err(|e| Error::input(key, path, e))?;
    if about.is_dir() {
        return Err(Error::input(key, path, "it is a folder"));
    }
    let mut bytes = Vec::with_capacity(about.len().min(cap) as usize);
    file.take(cap + 1).read_to_end(&mut bytes).map_err(|e| Error::input(key, path, e))?;
    if bytes.len() as u64 > cap {
        return Err(Error::input(key, path, format!("it is larger than {} MB, the most that is read", cap >> 20)));
    }
    Ok(bytes)
}

fn table(path: &str, bytes: Vec<u8>) -> Result<Table, Error> {
    if bytes.starts_with(b"PAR1") {
        let table = pennydrop_store::parse_table(bytes, &ReadOptions::default()).map_err(|e| Error::input("task.file", Path::new(path), e))?;
        let columns = table.columns.into_iter().map(|c| column(path, &c.name, c.data).map(|d| (c.name, d))).collect::<Result<Vec<_>, _>>()?;
        return Ok(Table { columns });
    }
    Table::from_csv(&bytes).map_err(|e| Error::input("task.file", Path::new(path), e))
}

fn column(path: &str, name: &str, data: ColumnData) -> Result<Column, Error> {
    let wrong = |what: String| Error::input("task.file", Path::new(path), format!("column `{name}` {what}"));
    Ok(match data {
        ColumnData::I64(v) => {
            Column::Integers(v.into_iter().enumerate().map(|(i, x)| x.ok_or_else(|| wrong(format!("has nothing in row {}", i + 1)))).collect::<Result<_, _>>()?)
        }
        ColumnData::Str(v) => {
            Column::Words(v.into_iter().enumerate().map(|(i, x)| x.ok_or_else(|| wrong(format!("has nothing in row {}", i + 1)))).collect::<Result<_, _>>()?)
        }
        other => return Err(wrong(format!("is of type {}, and tasks take integers and text", other.type_name()))),
    })
}

fn numbers(path: &str, t: Tensor) -> Result<(String, (Vec<usize>, Vec<f64>)), Error> {
    let wrong = |what: String| Error::input("model.init", Path::new(path), what);
    let values = match t.dtype {
        TensorType::F32 => t.to_f32().map(|v| v.into_iter().map(f64::from).collect()),
        TensorType::F64 => t.to_f64(),
        other => return Err(wrong(format!("tensor `{}` holds {other:?}; weights are F32 or F64", t.name))),
    };
    let values: Vec<f64> = values.map_err(|e| wrong(e.to_string()))?;
    match values.iter().position(|x| !x.is_finite()) {
        Some(i) => Err(wrong(format!("tensor `{}` holds {} at entry {i}; weights are finite", t.name, values[i]))),
        None => Ok((t.name, (t.shape, values))),
    }
}
