//! The campaign folder of a job: what is known of its runs, and where their states are kept.
//!
//! The frozen text of a `run` is the job's trajectory ([`Resolved::trajectory`](crate::spec::Resolved::trajectory)), so more seeds and larger budgets of one
//! set-up join one campaign; that of a `sweep` is its name only, so that any settings may join. What was asked, with seeds and limits, is a file
//! `plan-<hash>.toml` a question: `resume` asks them again.
//!
//! Of each run only the little that decides whether it must be trained is kept in memory ([`Known`]); whole results are read when asked for.

use crate::Error;
use crate::job::Job;
use crate::known::{KNOWN, Known, number, table};
use crate::machine::{ENGINE, Machine};
use crate::result::{RunResult, from_table, to_table};
use crate::spec::resolve::short_hash;
use pennydrop_store::{Campaign, Checkpoint, IfOther, Producer, Table, Tensor, TensorType};
use pennydrop_train::{Curves, DType, NUMERICS, Snapshot};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

const SNAPSHOT: &str = "snapshot";
const WALL: &str = "lab.wall_s";
const WALL_STEP: &str = "lab.wall_step";
/// The line by which the frozen text of a sweep is known.
pub const SWEEP: &str = "kind = \"sweep\"";

/// An open campaign.
pub struct Record {
    campaign: Campaign,
    budget_bytes: u64,
    state: Mutex<State>,
}

struct State {
    /// By the number that a run's id is.
    done: BTreeMap<u64, Known>,
    /// Results that were read whole, once one was asked for.
    whole: Option<BTreeMap<String, RunResult>>,
    /// Final states on disk, oldest first, with their sizes.
    finals: VecDeque<(String, u64)>,
    bytes: u64,
    dropped: usize,
}

/// A saved state, with what the lab adds.
#[derive(Debug, Clone)]
pub struct Saved {
    /// The run's own state.
    pub snapshot: Snapshot,
    /// Seconds of training so far.
    pub wall_s: f64,
    /// Seconds since the run began, by step of evaluation.
    pub walls: BTreeMap<u64, f64>,
    /// Limits and levels under which it was made.
    pub limits: String,
    /// Whether it is the state of a run that has come to a result.
    pub finished: bool,
}

/// This program, for the files it writes.
pub fn producer() -> Producer {
    Producer { engine: ENGINE.into(), numerics: NUMERICS.to_string(), class: Machine::here().class() }
}

/// The text that a campaign freezes.
fn frozen(job: &Job) -> String {
    format!("numerics = {NUMERICS}\n\n{}", job.spec.trajectory(&job.inputs))
}

/// The numerics version of a frozen text.
fn numerics_of(text: &str) -> Option<u32> {
    text.lines().next()?.strip_prefix("numerics = ")?.trim().parse().ok()
}

impl Record {
    /// Opens the folder for a job, making it if there is none.
    ///
    /// # Errors
    /// Another set-up lies there; another numerics version made it; it cannot be written; it is damaged.
    pub fn open(folder: &Path, job: &Job) -> Result<Record, Error> {
        let first = job.runs.first().map(|r| r.run_id.clone()).unwrap_or_default();
        let record = Record::create(folder, &frozen(job), &first, (job.spec.record.float("ckpt_mb") * 1e6) as u64)?;
        record.write_plan(job)?;
        Ok(record)
    }

    /// Opens the folder that has this frozen text, making it if there is none. `run_id` is for messages.
    ///
    /// # Errors
    /// As [`Record::open`].
    pub fn create(folder: &Path, text: &str, run_id: &str, budget_bytes: u64) -> Result<Record, Error> {
        let campaign = match Campaign::create(folder, text, &producer(), IfOther::Refuse) {
            Ok(c) => c,
            Err(e @ pennydrop_store::Error::OtherCampaign { .. }) => {
                check_numerics(&Campaign::open(folder, &producer())?, run_id)?;
                return Err(e.into());
            }
            Err(e) => return Err(e.into()),
        };
        Record::reading(campaign, budget_bytes)
    }

    /// Opens a folder that is there, to read it.
    ///
    /// # Errors
    /// It is no campaign, or damaged.
    pub fn read(folder: &Path) -> Result<Record, Error> {
        Record::reading(Campaign::open(folder, &producer())?, u64::MAX)
    }

    fn reading(campaign: Campaign, budget_bytes: u64) -> Result<Record, Error> {
        let done = table(&campaign.scan("runs", &KNOWN)?);
        let mut finals = Vec::new();
        let mut bytes = 0;
        for id in campaign.ckpts()? {
            let about = std::fs::metadata(campaign.ckpt_path(&id)?);
            let size = about.as_ref().map_or(0, |m| m.len());
            bytes += size;
            if number(&id).is_some_and(|n| done.contains_key(&n)) {
                finals.push((about.and_then(|m| m.modified()).ok(), id, size));
            }
        }
        finals.sort();
        let state = State { done, whole: None, finals: finals.into_iter().map(|(_, id, size)| (id, size)).collect(), bytes, dropped: 0 };
        Ok(Record { campaign, budget_bytes, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.campaign.folder()
    }

    /// Numerics version of the engine that began the campaign.
    pub fn numerics(&self) -> Option<u32> {
        numerics_of(self.campaign.text())
    }

    /// The campaign itself.
    pub fn campaign(&self) -> &Campaign {
        &self.campaign
    }

    /// Whether it holds a sweep.
    pub fn is_sweep(&self) -> bool {
        self.campaign.text().lines().any(|l| l == SWEEP)
    }

    /// Results, by run id: all of them, whole.
    ///
    /// # Errors
    /// A part is damaged.
    pub fn results(&self) -> Result<BTreeMap<String, RunResult>, Error> {
        Ok(from_table(&self.campaign.read("runs")?).into_iter().map(|r| (r.run_id.clone(), r)).collect())
    }

    /// The results of these runs, whole, in memory for no others.
    ///
    /// # Errors
    /// A part is damaged.
    pub fn results_of(&self, ids: &BTreeSet<&str>) -> Result<BTreeMap<String, RunResult>, Error> {
        let mut found = BTreeMap::new();
        self.campaign.scanner("runs")?.each(|table| {
            let wanted: Vec<bool> = table.get_str("run_id").into_iter().flatten().map(|id| id.as_deref().is_some_and(|id| ids.contains(id))).collect();
            if wanted.contains(&true) {
                found.extend(from_table(&table).into_iter().zip(wanted).filter(|(_, w)| *w).map(|(r, _)| (r.run_id.clone(), r)));
            }
            Ok::<(), Error>(())
        })?;
        Ok(found)
    }

    /// The result of a run.
    ///
    /// # Errors
    /// A part is damaged.
    pub fn result(&self, run_id: &str) -> Result<Option<RunResult>, Error> {
        let mut state = self.state();
        if state.whole.is_none() {
            state.whole = Some(self.results()?);
        }
        Ok(state.whole.as_ref().and_then(|w| w.get(run_id).cloned()))
    }

    /// What is known of a run.
    pub fn known(&self, run_id: &str) -> Option<Known> {
        number(run_id).and_then(|n| self.known_by(n))
    }

    /// The same by the number that its id is.
    pub fn known_by(&self, number: u64) -> Option<Known> {
        self.state().done.get(&number).copied()
    }

    /// Ids of the runs that have a result, in order.
    pub fn ids(&self) -> Vec<String> {
        self.state().done.keys().map(|n| crate::known::id_of(*n)).collect()
    }

    /// Number of runs that are known.
    pub fn known_runs(&self) -> usize {
        self.state().done.len()
    }

    /// Takes in what other writers have published since.
    ///
    /// # Errors
    /// A part is damaged.
    pub fn refresh(&self) -> Result<(), Error> {
        let found = table(&self.campaign.scan("runs", &KNOWN)?);
        let mut state = self.state();
        for (id, theirs) in found {
            let ours = state.done.entry(id).or_insert(theirs);
            if ours.steps < theirs.steps {
                *ours = theirs;
            }
        }
        Ok(())
    }

    /// Ids of the runs that have a state but no result.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn unfinished(&self) -> Result<Vec<String>, Error> {
        let state = self.state();
        Ok(self.campaign.ckpts()?.into_iter().filter(|id| !number(id).is_some_and(|n| state.done.contains_key(&n))).collect())
    }

    /// All evaluations, of all runs.
    ///
    /// # Errors
    /// A part is damaged.
    pub fn curves(&self) -> Result<Table, Error> {
        Ok(self.campaign.read("curves")?)
    }

    /// Writers of this campaign on machines or builds whose bits may differ from ours.
    ///
    /// # Errors
    /// A manifest is damaged.
    pub fn strangers(&self) -> Result<usize, Error> {
        Ok(self.campaign.notes()?.len())
    }

    fn write_plan(&self, job: &Job) -> Result<(), Error> {
        let spec = job.spec.to_toml(false);
        let head = format!("# pennydrop-plan {{\"numerics\":{NUMERICS},\"label\":{}}}\n", serde_json::Value::from(job.spec.label.as_str()));
        let off = job.spec.rewrites_off();
        let off = if off.is_empty() { String::new() } else { format!("# without {}\n", off.join(" ")) };
        self.write_question(&format!("{head}{off}{spec}")).map(|_| ())
    }

    /// Writes what is asked as `plan-<hash>.toml`, once; gives the hash.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_question(&self, text: &str) -> Result<String, Error> {
        let hash = short_hash(text, 16);
        let path = self.folder().join(format!("plan-{hash}.toml"));
        if !path.exists() {
            publish(&path, text.as_bytes())?;
        }
        Ok(hash)
    }

    /// What was asked of this campaign; sorted by file.
    ///
    /// # Errors
    /// The folder cannot be listed; a plan is not as it was written.
    pub fn plans(&self) -> Result<Vec<Plan>, Error> {
        let system = |e: std::io::Error| Error::System { doing: format!("list {}", self.folder().display()), why: e.to_string() };
        let mut plans = Vec::new();
        for entry in std::fs::read_dir(self.folder()).map_err(system)? {
            let path = entry.map_err(system)?.path();
            let Some(hash) = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_prefix("plan-")).and_then(|n| n.strip_suffix(".toml")) else {
                continue;
            };
            let hash = hash.to_string();
            let text = std::fs::read_to_string(&path).map_err(|e| Error::System { doing: format!("read {}", path.display()), why: e.to_string() })?;
            let damaged = |why: &str| Error::Damaged { path: path.clone(), why: why.into() };
            if short_hash(&text, 16) != hash {
                return Err(damaged("its content is not what its name says"));
            }
            let (first, rest) = text.split_once('\n').ok_or_else(|| damaged("it has one line only"))?;
            let head: serde_json::Value = first
                .strip_prefix("# pennydrop-plan ")
                .and_then(|j| serde_json::from_str(j).ok())
                .ok_or_else(|| damaged("its first line is not pennydrop's"))?;
            let without =
                rest.lines().next().and_then(|l| l.strip_prefix("# without ")).map(|l| l.split(' ').map(str::to_string).collect()).unwrap_or_default();
            plans.push(Plan {
                numerics: head["numerics"].as_u64().and_then(|n| u32::try_from(n).ok()).ok_or_else(|| damaged("it does not say its numerics version"))?,
                label: head["label"].as_str().unwrap_or("run").to_string(),
                head: head.clone(),
                without,
                text: rest.to_string(),
                path: path.clone(),
            });
        }
        plans.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(plans)
    }

    /// The last saved state of a run.
    ///
    /// # Errors
    /// It is damaged, or not one of ours.
    pub fn saved(&self, run_id: &str) -> Result<Option<Saved>, Error> {
        let Some(c) = self.campaign.load_ckpt(run_id)? else { return Ok(None) };
        if c.made_by.numerics != NUMERICS.to_string() {
            return Err(Error::OtherNumerics { run_id: run_id.into(), theirs: c.made_by.numerics, ours: NUMERICS.to_string() });
        }
        let wrong = |why: &str| Error::State { run_id: run_id.into(), path: self.campaign.ckpt_path(run_id).unwrap_or_default(), why: why.into() };
        let meta = |key: &str| c.meta.get(key).ok_or_else(|| wrong(&format!("it has no `{key}`")));
        let step = meta("step")?.parse().map_err(|_| wrong("its step is no number"))?;
        let walls = match (c.tensor(WALL_STEP), c.tensor(WALL)) {
            (Some(s), Some(w)) => s.to_u64()?.into_iter().zip(w.to_f64()?).collect(),
            _ => BTreeMap::new(),
        };
        let tensors = c.tensors.iter().filter(|t| !t.name.starts_with("lab.")).map(|t| {
            let dtype = match t.dtype {
                TensorType::F32 => DType::F32,
                TensorType::F64 => DType::F64,
                TensorType::U64 => DType::U64,
                other => return Err(wrong(&format!("tensor `{}` is of type {other:?}", t.name))),
            };
            Ok(pennydrop_train::Tensor { name: t.name.clone(), dtype, shape: t.shape.clone(), bytes: t.bytes.clone() })
        });
        Ok(Some(Saved {
            snapshot: Snapshot { step, tensors: tensors.collect::<Result<_, _>>()?, meta: meta(SNAPSHOT)?.clone() },
            wall_s: meta("wall_s")?.parse().map_err(|_| wrong("its wall time is no number"))?,
            walls,
            limits: meta("limits")?.clone(),
            finished: meta("finished")? == "true",
        }))
    }

    /// Saves the state of a run, over its last one.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self, run_id: &str, saved: &Saved) -> Result<(), Error> {
        let kind = |d: DType| match d {
            DType::F32 => TensorType::F32,
            DType::F64 => TensorType::F64,
            DType::U64 => TensorType::U64,
        };
        let mut tensors: Vec<Tensor> = saved
            .snapshot
            .tensors
            .iter()
            .map(|t| Tensor { name: t.name.clone(), dtype: kind(t.dtype), shape: t.shape.clone(), bytes: t.bytes.clone() })
            .collect();
        let steps: Vec<u64> = saved.walls.keys().copied().collect();
        let walls: Vec<f64> = saved.walls.values().copied().collect();
        tensors.push(Tensor::from_u64(WALL_STEP, &[steps.len()], &steps));
        tensors.push(Tensor::from_f64(WALL, &[walls.len()], &walls));
        let meta = [
            (SNAPSHOT, saved.snapshot.meta.clone()),
            ("step", saved.snapshot.step.to_string()),
            ("wall_s", format!("{:?}", saved.wall_s)),
            ("limits", saved.limits.clone()),
            ("finished", saved.finished.to_string()),
        ];
        let meta = meta.into_iter().map(|(k, v)| (k.to_string(), v)).collect();
        self.campaign.save_ckpt(run_id, &Checkpoint { tensors, meta, made_by: Producer::default() })?;
        if saved.finished {
            let size = std::fs::metadata(self.campaign.ckpt_path(run_id)?).map_or(0, |m| m.len());
            let mut state = self.state();
            if let Some(at) = state.finals.iter().position(|f| f.0 == run_id) {
                state.finals.remove(at);
            }
            state.finals.push_back((run_id.to_string(), size));
        }
        Ok(())
    }

    /// Takes the result of a run, and its curves: from now on they survive the end of this process, and from the next second on a power cut.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(&self, result: &RunResult, curves: &Curves, walls: &BTreeMap<u64, f64>) -> Result<(), Error> {
        let rows = curve_table(&result.run_id, curves, walls);
        self.campaign.log(&[("curves", &rows), ("runs", &to_table(std::slice::from_ref(result)))])?;
        let mut state = self.state();
        if let Some(id) = number(&result.run_id) {
            if state.done.get(&id).is_none_or(|d| d.steps <= result.steps) {
                state.done.insert(id, Known::of(result));
            }
        }
        if let Some(whole) = &mut state.whole {
            if whole.get(&result.run_id).is_none_or(|d| d.steps <= result.steps) {
                whole.insert(result.run_id.clone(), result.clone());
            }
        }
        Ok(())
    }

    /// Removes the state of a run that has a result.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn forget(&self, run_id: &str) -> Result<(), Error> {
        self.campaign.remove_ckpt(run_id)?;
        Ok(())
    }

    /// Publishes the results of this process as Parquet parts, then drops the oldest final states beyond the campaign's room for them.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn flush(&self) -> Result<(), Error> {
        self.campaign.compact()?;
        let mut state = self.state();
        state.bytes = self.campaign.ckpt_bytes()?;
        while state.bytes > self.budget_bytes && state.finals.len() > 1 {
            let Some((id, size)) = state.finals.pop_front() else { break };
            self.campaign.remove_ckpt(&id)?;
            state.bytes = state.bytes.saturating_sub(size);
            state.dropped += 1;
        }
        Ok(())
    }

    /// Final states that were dropped for room, in this process.
    pub fn dropped(&self) -> usize {
        self.state().dropped
    }

    /// Adds weights to those that are kept of a run: `step{N}/{tensor}`.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn keep_weights(&self, run_id: &str, kept: &[Tensor]) -> Result<(), Error> {
        let mut all = self.campaign.load_weights(run_id)?.unwrap_or_default();
        all.tensors.retain(|t| !kept.iter().any(|k| k.name == t.name));
        all.tensors.extend(kept.iter().cloned());
        Ok(self.campaign.save_weights(run_id, &all)?)
    }

    /// Whether weights of a run are kept.
    pub fn has_weights(&self, run_id: &str) -> bool {
        self.campaign.weights_path(run_id).is_ok_and(|p| p.exists())
    }

    /// Reads and hashes everything: parts, rows, states.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn verify(&self) -> Result<pennydrop_store::Verification, Error> {
        Ok(self.campaign.verify()?)
    }

    /// The path of a run's state.
    ///
    /// # Errors
    /// The id cannot be a file's name.
    pub fn state_path(&self, run_id: &str) -> Result<PathBuf, Error> {
        Ok(self.campaign.ckpt_path(run_id)?)
    }
}

/// A question that was asked of a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Numerics version of the program that asked.
    pub numerics: u32,
    /// Preset or file.
    pub label: String,
    /// The first line: numerics, label, and for a campaign its numbers of settings and runs and a hash of their ids.
    pub head: serde_json::Value,
    /// Rewrites that are off.
    pub without: Vec<String>,
    /// The spec.
    pub text: String,
    /// The file.
    pub path: PathBuf,
}

fn check_numerics(campaign: &Campaign, run_id: &str) -> Result<(), Error> {
    match numerics_of(campaign.text()) {
        Some(n) if n != NUMERICS => Err(Error::OtherNumerics { run_id: run_id.into(), theirs: n.to_string(), ours: NUMERICS.to_string() }),
        _ => Ok(()),
    }
}

/// The evaluations of a run as rows of `curves`.
pub fn curve_table(run_id: &str, curves: &Curves, walls: &BTreeMap<u64, f64>) -> Table {
    let steps = curves.steps();
    let mut t = Table::default().str("run_id", steps.iter().map(|_| Some(run_id))).i64("step", steps.iter().map(|s| Some(*s as i64)));
    for (name, values) in curves.columns() {
        t = t.f64(&name, values.into_iter().map(Some));
    }
    t.f64("wall_s", steps.iter().map(|s| walls.get(s).copied()))
}

/// Writes a small file whole or not at all: a temporary one that no other process has, flushed, renamed.
///
/// # Errors
/// [`Error::Write`] if it cannot be written; what was there before is still there.
pub fn publish(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    use std::io::Write;
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("file");
    let temporary = path.with_file_name(format!(".tmp-{name}-{}", std::process::id()));
    let written =
        std::fs::File::create(&temporary).and_then(|mut f| f.write_all(bytes).and_then(|()| f.sync_all())).and_then(|()| std::fs::rename(&temporary, path));
    written.map_err(|e| {
        // The error above is the one to tell; what is left behind is never read.
        let _ = std::fs::remove_file(&temporary);
        Error::Write { path: path.to_path_buf(), source: e }
    })
}
