//! Finding a run again: by the beginning of its id, in the campaign folders that are at hand.

use crate::Error;
use crate::job::Job;
use crate::record::{Plan, Record};
use crate::spec::{Base, file, resolve};
use pennydrop_registry::nearest;
use std::path::{Path, PathBuf};

/// A run that was found.
pub struct Found {
    /// Its campaign.
    pub record: Record,
    /// Its id.
    pub run_id: String,
}

/// The campaign folders to look in: `--out` where given, else `runs/*` of the current folder.
///
/// # Errors
/// The folder cannot be listed.
pub fn campaigns(out: Option<&Path>) -> Result<Vec<PathBuf>, Error> {
    if let Some(out) = out {
        return Ok(vec![out.to_path_buf()]);
    }
    let root = Path::new("runs");
    let entries = match std::fs::read_dir(root) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::System { doing: "list runs/".into(), why: e.to_string() }),
    };
    let mut folders: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).filter(|p| p.join("campaign.toml").is_file()).collect();
    folders.sort();
    Ok(folders)
}

/// The run whose id begins with `prefix`.
///
/// # Errors
/// None, or several; a campaign cannot be read.
pub fn find(prefix: &str, out: Option<&Path>) -> Result<Found, Error> {
    let folders = campaigns(out)?;
    let mut matches: Vec<(PathBuf, String)> = Vec::new();
    let mut all: Vec<String> = Vec::new();
    for folder in &folders {
        let record = Record::read(folder)?;
        let mut ids: Vec<String> = record.results().into_keys().collect();
        ids.extend(record.unfinished()?);
        matches.extend(ids.iter().filter(|id| !prefix.is_empty() && id.starts_with(prefix)).map(|id| (folder.clone(), id.clone())));
        all.extend(ids);
    }
    let place = out.map_or("runs/".to_string(), |o| o.display().to_string());
    match &matches[..] {
        [(folder, id)] => Ok(Found { record: Record::read(folder)?, run_id: id.clone() }),
        [] => {
            let near = nearest(prefix, all.iter().map(String::as_str)).map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
            Err(Error::usage(
                format!("there is no run `{prefix}` among the {} of {place}{near}", all.len()),
                "`pennydrop show` lists the runs of runs/, and --out names another campaign folder",
            ))
        }
        many => {
            let ids = many.iter().take(6).map(|(f, id)| format!("{id} in {}", f.display())).collect::<Vec<_>>().join(", ");
            Err(Error::usage(format!("`{prefix}` is the beginning of {} runs: {ids}", many.len()), "give more of the id, or the folder with --out"))
        }
    }
}

impl Plan {
    /// The job that was asked.
    ///
    /// # Errors
    /// It cannot be read by this version; a file that it names is gone.
    pub fn job(&self) -> Result<Job, Error> {
        let wrong = |error| Error::SpecFile { path: self.path.clone(), error };
        let base = Base { label: self.label.clone(), entries: file::parse(&self.text).map_err(wrong)? };
        let mut spec = resolve(&base, &[]).map_err(wrong)?;
        spec.without_rewrites(&self.without).map_err(wrong)?;
        Job::new(spec)
    }
}

impl Record {
    /// The job that a run belongs to, and its place in it.
    ///
    /// # Errors
    /// No plan of this folder has the run: it was made by another numerics version, or its plan is gone.
    pub fn job_of(&self, run_id: &str) -> Result<(Job, usize), Error> {
        for plan in self.plans()? {
            if plan.numerics != pennydrop_train::NUMERICS {
                continue;
            }
            let job = plan.job()?;
            if let Some(i) = job.runs.iter().position(|r| r.run_id == run_id) {
                return Ok((job, i));
            }
        }
        match self.numerics() {
            Some(n) if n != pennydrop_train::NUMERICS => {
                Err(Error::OtherNumerics { run_id: run_id.into(), theirs: n.to_string(), ours: pennydrop_train::NUMERICS.to_string() })
            }
            _ => Err(Error::usage(
                format!("no plan-*.toml in {} says how run {run_id} was asked for", self.folder().display()),
                "restore the plan files from a copy of the campaign",
            )),
        }
    }
}
