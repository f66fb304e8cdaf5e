//! Is everything still as it was published? And what did killed writers leave behind?

use crate::campaign::{Campaign, tensor_files};
use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::files;
use crate::merge::KINDS;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What [`Campaign::verify`] found.
#[derive(Debug, Default)]
pub struct Verification {
    /// Parts that were read and hashed.
    pub parts: usize,
    /// Rows in them, before merging.
    pub rows: u64,
    /// Checkpoints and weights that were read and hashed.
    pub tensors: usize,
    /// Everything that is wrong; empty if the campaign is whole.
    pub problems: Vec<Error>,
    /// Runs whose checkpoint a manifest lists, that is gone, and that have no row: they would start again from their beginning.
    pub lost_checkpoints: Vec<String>,
    /// Files that killed writers left: temporary ones, and parts that no manifest lists. They are never read, and may belong to a writer that is
    /// publishing at this moment.
    pub litter: Vec<PathBuf>,
}

impl Campaign {
    /// Reads and hashes every file of the campaign, and merges all tables. Goes on after a problem.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder itself cannot be listed. Damage is reported in [`Verification::problems`].
    pub fn verify(&self) -> Result<Verification, Error> {
        let mut report = Verification::default();
        if let Err(e) = Campaign::open(self.folder(), &Default::default()) {
            report.problems.push(e);
        }
        let mut listed = BTreeSet::new();
        for manifest in self.manifests_each()? {
            match manifest {
                Err(e) => report.problems.push(e),
                Ok(manifest) => {
                    for part in &manifest.parts {
                        match self.read_part(part) {
                            Ok(table) => {
                                report.parts += 1;
                                report.rows += table.rows() as u64;
                            }
                            Err(e) => report.problems.push(e),
                        }
                    }
                    listed.extend(manifest.checkpoints.into_keys());
                }
            }
        }
        for folder in ["ckpt", "weights"] {
            for (_, path) in tensor_files(&self.folder().join(folder))? {
                match files::read_if_there(&path).and_then(|b| b.map(|b| Checkpoint::parse_named(&path, &b)).transpose()) {
                    Ok(Some(_)) => report.tensors += 1,
                    Ok(None) => {} // removed by its writer meanwhile
                    Err(e) => report.problems.push(e),
                }
            }
        }
        // Merging finds the alarms; it is of no use while parts are missing.
        if report.problems.is_empty() {
            for kind in KINDS {
                match self.read(kind) {
                    Ok(table) if kind == "runs" => {
                        let done: BTreeSet<&str> = table.get_str("run_id").into_iter().flatten().flatten().map(String::as_str).collect();
                        let there: BTreeSet<String> = self.ckpts()?.into_iter().collect();
                        report.lost_checkpoints = listed.iter().filter(|r| !there.contains(*r) && !done.contains(r.as_str())).cloned().collect();
                    }
                    Ok(_) => {}
                    Err(e) => report.problems.push(e),
                }
            }
        }
        report.litter = self.litter()?;
        Ok(report)
    }

    /// Removes [`Verification::litter`] that is older than `age`; gives the number of files removed. With an age of an hour, no writer at work is hurt.
    ///
    /// # Errors
    /// [`Error::Unwritable`] or [`Error::Io`] if a file cannot be removed; as [`Campaign::manifests`], because parts of an unreadable manifest must not
    /// be taken for litter.
    pub fn remove_litter(&self, age: Duration) -> Result<usize, Error> {
        self.manifests()?;
        let mut removed = 0;
        for path in self.litter()?.into_iter().filter(|p| older(p, age)) {
            std::fs::remove_file(&path).map_err(|e| Error::writing(&path, e))?;
            removed += 1;
        }
        Ok(removed)
    }

    fn litter(&self) -> Result<Vec<PathBuf>, Error> {
        let mut litter = Vec::new();
        let folders = ["", "data", "ckpt", "weights"].map(|f| self.folder().join(f));
        for folder in &folders {
            litter.extend(files::names(folder)?.iter().filter(|n| n.starts_with(files::TEMP)).map(|n| folder.join(n)));
        }
        // Listed before the manifests are read, so that only a writer between its two steps can be taken for a dead one.
        let parts: Vec<String> = files::names(&folders[1])?.into_iter().filter(|n| n.ends_with(".parquet") && !n.starts_with('.')).collect();
        let manifests = self.manifests_each()?;
        if manifests.iter().all(Result::is_ok) {
            let named: BTreeSet<String> = manifests.into_iter().flatten().flat_map(|m| m.parts).map(|p| p.file).collect();
            litter.extend(parts.iter().filter(|n| !named.contains(&format!("data/{n}"))).map(|n| folders[1].join(n)));
        }
        Ok(litter)
    }
}

/// Whether a file was last written at least `age` ago. `false` if that cannot be told.
#[allow(clippy::disallowed_methods, reason = "the age of a file that nobody reads; it changes no result")]
fn older(path: &Path, age: Duration) -> bool {
    std::fs::metadata(path).and_then(|m| m.modified()).is_ok_and(|t| t.elapsed().is_ok_and(|e| e >= age))
}
