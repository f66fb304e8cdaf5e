//! Is everything still as it was published? And what did killed writers leave behind?

use crate::campaign::{Campaign, View, tensor_files};
use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::files;
use crate::lease;
use crate::merge::KINDS;
use crate::segment;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What [`Campaign::verify`] found.
#[derive(Debug, Default)]
pub struct Verification {
    /// Parts that were read and hashed.
    pub parts: usize,
    /// Segments of which every frame was read and checked.
    pub segments: usize,
    /// Rows in parts and segments, before merging.
    pub rows: u64,
    /// Leases that were read, of live and dead holders.
    pub leases: usize,
    /// Checkpoints and weights that were read and hashed.
    pub tensors: usize,
    /// Everything that is wrong; empty if the campaign is whole.
    pub problems: Vec<Error>,
    /// Runs whose checkpoint a manifest lists, that is gone, and that have no row: they would start again from their beginning.
    pub lost_checkpoints: Vec<String>,
    /// Segments that end inside a frame, with the bytes of that frame which are there: a writer was killed, or is writing at this moment. Nothing that was
    /// logged is lost with them.
    pub torn: Vec<(PathBuf, u64)>,
    /// Files that are never read: temporary ones and parts that no manifest lists, which killed writers left or which belong to one that is publishing at this
    /// moment; segments and parts whose rows are in other parts.
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
        let mut good = Vec::new();
        let segments = segment::list(self.folder())?;
        for manifest in self.manifests_each()? {
            match manifest {
                Err(e) => report.problems.push(e),
                Ok(manifest) => good.push(manifest),
            }
        }
        let view = View::new(self.folder(), good, segments);
        for (part, _) in view.parts() {
            match self.part_if_there(part) {
                Ok(Some(table)) => {
                    report.parts += 1;
                    report.rows += table.rows() as u64;
                }
                // Merged into another meanwhile?
                Ok(None) if !self.is_listed(&part.file)? => {}
                Ok(None) => report.problems.push(self.missing(&part.file)),
                Err(e) => report.problems.push(e),
            }
        }
        for name in &view.segments {
            match segment::read(self.folder(), name, self.hash(), None) {
                Ok(Some(segment)) => {
                    report.segments += 1;
                    report.rows += segment.tables.iter().map(|(_, t)| t.rows() as u64).sum::<u64>();
                    if segment.torn > 0 {
                        report.torn.push((self.folder().join(name), segment.torn));
                    }
                }
                Ok(None) => {} // compacted meanwhile
                Err(e) => report.problems.push(e),
            }
        }
        let listed: BTreeSet<String> = view.manifests.into_iter().flat_map(|m| m.checkpoints.into_keys()).collect();
        for (_, holder) in self.leases_each()? {
            match holder {
                Ok(_) => report.leases += 1,
                Err(e) => report.problems.push(e),
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

    fn is_listed(&self, file: &str) -> Result<bool, Error> {
        let manifests = self.manifests_each()?.into_iter().flatten().collect();
        let listed = View::new(self.folder(), manifests, Vec::new()).parts().any(|(p, _)| p.file == file);
        Ok(listed)
    }

    pub(crate) fn litter(&self) -> Result<Vec<PathBuf>, Error> {
        let mut litter = Vec::new();
        let folders = ["", "data", "ckpt", "weights", segment::FOLDER, lease::FOLDER].map(|f| self.folder().join(f));
        for folder in &folders {
            litter.extend(files::names(folder)?.iter().filter(|n| n.starts_with(files::TEMP)).map(|n| folder.join(n)));
        }
        // Listed before the manifests are read, so that only a writer between its two steps can be taken for a dead one.
        let parts: Vec<String> = files::names(&folders[1])?.into_iter().filter(|n| n.ends_with(".parquet") && !n.starts_with('.')).collect();
        let segments = segment::list(self.folder())?;
        let manifests = self.manifests_each()?;
        if manifests.iter().all(Result::is_ok) {
            let view = View::new(self.folder(), manifests.into_iter().flatten().collect(), segments.clone());
            let named: BTreeSet<String> = view.parts().map(|(p, _)| p.file.clone()).collect();
            litter.extend(parts.iter().filter(|n| !named.contains(&format!("data/{n}"))).map(|n| folders[1].join(n)));
            litter.extend(segments.iter().filter(|n| !view.segments.contains(n)).map(|n| self.folder().join(n)).filter(|p| p.exists()));
        }
        Ok(litter)
    }
}

/// Whether a file was last written at least `age` ago. `false` if that cannot be told.
#[allow(clippy::disallowed_methods, reason = "the age of a file that nobody reads; it changes no result")]
pub(crate) fn older(path: &Path, age: Duration) -> bool {
    std::fs::metadata(path).and_then(|m| m.modified()).is_ok_and(|t| t.elapsed().is_ok_and(|e| e >= age))
}
