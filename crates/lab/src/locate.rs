//! Finding a run again: by the beginning of its id, in the campaign folders that are at hand.

use crate::Error;
use crate::campaign::{Design, Until};
use crate::job::Job;
use crate::known::number;
use crate::record::{Plan, Record};
use crate::spec::sweep::Sweep;
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
        let mut ids: Vec<String> = record.ids();
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
                "`pennydrop show` lists the runs of runs/, and --out (of `intervene`: --of) names another campaign folder",
            ))
        }
        many => {
            let ids = many.iter().take(6).map(|(f, id)| format!("{id} in {}", f.display())).collect::<Vec<_>>().join(", ");
            Err(Error::usage(
                format!("`{prefix}` is the beginning of {} runs: {ids}", many.len()),
                "give more of the id, or the folder with --out (of `intervene`: --of)",
            ))
        }
    }
}

impl Plan {
    fn wrong(&self, error: pennydrop_registry::SpecError) -> Error {
        Error::SpecFile { path: self.path.clone(), error }
    }

    /// The hash in its file's name.
    pub fn hash(&self) -> String {
        let stem = self.path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        stem.trim_start_matches("plan-").to_string()
    }

    /// Whether it asks for many settings.
    pub fn is_sweep(&self) -> bool {
        self.text.starts_with("[sweep]")
    }

    /// Whether seeds are added by a rule.
    pub fn until(&self) -> bool {
        self.is_sweep() && file::parse_campaign(&self.text).is_ok_and(|(_, s)| s.is_some_and(|s| s.until.is_some()))
    }

    /// Of a sweep: the budget in steps, and the hash of the limits that decide what a result says.
    pub fn asks(&self) -> Option<(u64, u64)> {
        Some((self.head["budget"].as_u64()?, number(self.head["judged"].as_str()?)?))
    }

    /// The job that was asked.
    ///
    /// # Errors
    /// It cannot be read by this version; a file that it names is gone.
    pub fn job(&self) -> Result<Job, Error> {
        let base = Base { label: self.label.clone(), entries: file::parse(&self.text).map_err(|e| self.wrong(e))? };
        let mut spec = resolve(&base, &[]).map_err(|e| self.wrong(e))?;
        spec.without_rewrites(&self.without).map_err(|e| self.wrong(e))?;
        Job::new(spec)
    }

    /// The campaign that was asked.
    ///
    /// # Errors
    /// As [`Plan::job`]; this version names its runs otherwise, so it would train other runs than were asked for.
    pub fn design(&self) -> Result<Design, Error> {
        let (entries, table) = file::parse_campaign(&self.text).map_err(|e| self.wrong(e))?;
        let table = table.unwrap_or_default();
        let sweep = Sweep::parse(&table.words).map_err(|e| self.wrong(e))?;
        let until = table.until.as_deref().map(|u| Until::parse(u, table.round.unwrap_or(8), table.most)).transpose().map_err(|e| self.wrong(e))?;
        let design = Design::new(Base { label: self.label.clone(), entries }, sweep, self.without.clone(), until)?;
        let asked = self.head["ids"].as_str().unwrap_or_default();
        if design.ids_hash() != asked {
            return Err(Error::Damaged {
                path: self.path.clone(),
                why: "its runs have other names now than when it was written: this version, or a file that it names, makes other runs of it".into(),
            });
        }
        Ok(design)
    }
}

impl Record {
    /// Keys that any sweep of this folder varies.
    ///
    /// # Errors
    /// A plan cannot be read.
    pub fn varied_keys(&self) -> Result<Vec<String>, Error> {
        let mut keys = std::collections::BTreeSet::new();
        for plan in self.plans()?.into_iter().filter(Plan::is_sweep) {
            let (_, table) = file::parse_campaign(&plan.text).map_err(|e| plan.wrong(e))?;
            let sweep = Sweep::parse(&table.unwrap_or_default().words).map_err(|e| plan.wrong(e))?;
            keys.extend(sweep.keys().into_iter().map(crate::spec::sweep::key_name));
        }
        Ok(keys.into_iter().collect())
    }

    /// The job that a run belongs to, and its place in it.
    ///
    /// # Errors
    /// No plan of this folder has the run: it was made by another numerics version, or its plan is gone.
    pub fn job_of(&self, run_id: &str) -> Result<(Job, usize), Error> {
        for plan in self.plans()? {
            if plan.numerics != pennydrop_train::NUMERICS {
                continue;
            }
            if plan.is_sweep() {
                let design = plan.design()?;
                match design.find(run_id) {
                    Some((setting, nth)) => return Ok((design.job(setting)?, nth)),
                    None => continue,
                }
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
