//! Where claims lie: a folder of files, or the copy in the program.

use crate::Error;
use crate::claims::claim::{Claim, Part};
use crate::claims::data::Data;
use crate::claims::experiment::Experiment;
use crate::spec::grammar::shown;
use pennydrop_registry::{SpecError, nearest};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

include!(concat!(env!("OUT_DIR"), "/claims.rs"));

/// Largest file of a ledger in bytes.
const LARGEST: u64 = 64 << 20;

/// Claims, experiments and results.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// The folder; `None` for the copy in the program, which cannot be written.
    pub folder: Option<PathBuf>,
    /// Claims by id, `paper/number`.
    pub claims: BTreeMap<String, Claim>,
    /// Experiments by name.
    pub experiments: BTreeMap<String, Experiment>,
    /// Results by the name of their experiment.
    pub data: BTreeMap<String, Data>,
    /// Judged results as they were written, by id.
    pub written: BTreeMap<String, String>,
}

impl Ledger {
    /// The ledger of this folder, or else `claims/` where the command runs, or else the one in the program.
    ///
    /// # Errors
    /// A file that cannot be read or says what none may say; the message names it.
    pub fn open(folder: Option<&Path>) -> Result<Ledger, Error> {
        let here = Path::new("claims");
        match folder.or(here.join("experiments").is_dir().then_some(here)) {
            None => Ledger::of(None, EMBEDDED.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()),
            Some(folder) if !folder.is_dir() => {
                Err(Error::usage(format!("there is no folder {}", folder.display()), "--claims names a folder with experiments/ and a folder a paper"))
            }
            Some(folder) => {
                let mut files = BTreeMap::new();
                walk(folder, "", 0, &mut files)?;
                Ledger::of(Some(folder.to_path_buf()), files)
            }
        }
    }

    /// Reads the results of its folder anew: while one process trains for an hour, another may have written some. Rules stay those that it was opened with.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn reread(&mut self) -> Result<(), Error> {
        if let Some(folder) = &self.folder {
            self.data = Ledger::open(Some(folder))?.data;
        }
        Ok(())
    }

    /// The copy in the program.
    ///
    /// # Errors
    /// A file in it is malformed: found by a test.
    pub fn embedded() -> Result<Ledger, Error> {
        Ledger::of(None, EMBEDDED.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect())
    }

    fn of(folder: Option<PathBuf>, files: BTreeMap<String, String>) -> Result<Ledger, Error> {
        let mut ledger = Ledger { folder, ..Ledger::default() };
        for (path, text) in files {
            let place = ledger.folder.as_deref().unwrap_or(Path::new("claims")).join(&path);
            let within = |error: SpecError| Error::SpecFile { path: place.clone(), error };
            let Some((paper, file)) = path.split_once('/') else { continue };
            let Some((stem, extension)) = file.rsplit_once('.') else { continue };
            match (paper, extension) {
                ("experiments", "toml") => {
                    ledger.experiments.insert(stem.to_string(), Experiment::parse(stem, &text).map_err(within)?);
                }
                ("experiments", "csv") => {
                    ledger.data.insert(stem.to_string(), Data::parse(&text).map_err(|why| Error::Damaged { path: place.clone(), why })?);
                }
                (_, "toml") => {
                    let claim = Claim::parse(&text).map_err(within)?;
                    if claim.paper != paper || claim.number != stem {
                        let said = format!("the file says {}, and lies at {paper}/{stem}", claim.id());
                        return Err(within(SpecError::new("paper", said, format!("paper = \"{paper}\" and number = \"{stem}\""))));
                    }
                    ledger.claims.insert(claim.id(), claim);
                }
                (_, "json") => {
                    ledger.written.insert(format!("{paper}/{stem}"), text);
                }
                _ => {}
            }
        }
        for claim in ledger.claims.values() {
            for part in &claim.parts {
                if let Some(unknown) = part.experiments().find(|e| !ledger.experiments.contains_key(*e)) {
                    let path = ledger.folder.as_deref().unwrap_or(Path::new("claims")).join(format!("{}.toml", claim.id()));
                    let names = ledger.experiments.keys().map(String::as_str);
                    return Err(Error::SpecFile { path, error: SpecError::unknown("part.experiment", "experiment", &shown(unknown), names) });
                }
            }
        }
        Ok(ledger)
    }

    /// The claims that a word means: an id, a paper, or `all`.
    ///
    /// # Errors
    /// There is none; the nearest is named.
    pub fn find(&self, word: &str) -> Result<Vec<&Claim>, Error> {
        let found: Vec<&Claim> = self.claims.values().filter(|c| word == "all" || c.paper == word || c.id() == word).collect();
        if found.is_empty() {
            let names = || self.claims.keys().map(String::as_str).chain(self.claims.values().map(|c| c.paper.as_str()));
            let near = nearest(word, names()).map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
            return Err(Error::usage(format!("there is no claim or paper `{}`{near}", shown(word)), "`pennydrop claims list` has them all"));
        }
        Ok(found)
    }

    /// The experiments that these claims need, in order of name.
    pub fn needed(&self, claims: &[&Claim]) -> Vec<&Experiment> {
        let names: std::collections::BTreeSet<&str> = claims.iter().flat_map(|c| c.parts.iter().flat_map(|p| p.experiments())).collect();
        names.into_iter().filter_map(|n| self.experiments.get(n)).collect()
    }

    /// The results that decide a part, those of all of its experiments; the name of the first that has none.
    ///
    /// # Errors
    /// That name.
    pub fn results(&self, part: &Part) -> Result<Cow<'_, Data>, String> {
        let mut found: Option<Cow<'_, Data>> = None;
        for name in part.experiments() {
            let next = self.data.get(name).ok_or_else(|| name.to_string())?;
            found = Some(found.map_or(Cow::Borrowed(next), |d| Cow::Owned(d.join(next))));
        }
        found.ok_or_else(|| part.experiment.clone())
    }

    /// The hash of a claim's rule: what it says and the experiments that decide it, without comments, costs and words that decide nothing.
    pub fn rule_hash(&self, claim: &Claim) -> String {
        let mut text = claim.rule();
        for experiment in self.needed(&[claim]) {
            text += &format!("\n# {}\n{}", experiment.name, experiment.rule());
        }
        crate::spec::resolve::short_hash(&text, 32)
    }
}

fn walk(root: &Path, under: &str, depth: usize, files: &mut BTreeMap<String, String>) -> Result<(), Error> {
    let folder = root.join(under);
    let system = |path: &Path, e: std::io::Error| Error::System { doing: format!("read {}", path.display()), why: e.to_string() };
    for entry in std::fs::read_dir(&folder).map_err(|e| system(&folder, e))? {
        let path = entry.map_err(|e| system(&folder, e))?.path();
        let Some(name) = path.file_name().and_then(|n| n.to_str()) else { continue };
        let inside = if under.is_empty() { name.to_string() } else { format!("{under}/{name}") };
        if path.is_dir() {
            if depth == 0 && !name.starts_with('.') {
                walk(root, &inside, 1, files)?;
            }
        } else if [".toml", ".csv", ".json"].iter().any(|e| name.ends_with(e)) && !name.starts_with('.') {
            let size = std::fs::metadata(&path).map_or(0, |m| m.len());
            if size > LARGEST {
                return Err(Error::usage(format!("{} has {size} bytes", path.display()), "a file of a ledger has at most 64 MiB"));
            }
            files.insert(inside, std::fs::read_to_string(&path).map_err(|e| system(&path, e))?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_registered_experiment_makes_a_campaign() {
        use crate::claims::experiment::Scope;
        let ledger = Ledger::open(None).unwrap();
        assert!(ledger.experiments.len() > 40);
        for e in ledger.experiments.values() {
            for scope in [Scope::Reduced, Scope::Full, Scope::Check, Scope::Twins] {
                let made = e.design(scope).and_then(|d| d.map(|d| (0..d.settings.len()).try_for_each(|i| d.spec(i).map(|_| ()))).transpose());
                made.unwrap_or_else(|why| panic!("{} ({scope:?}): {why}", e.name));
            }
        }
    }

    #[test]
    fn results_of_another_process_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("experiments");
        std::fs::create_dir(&at).unwrap();
        std::fs::write(at.join("small.toml"), "[experiment]\nabout = \"a\"\nmeasure = []\n[sweep]\nbase = \"quickstart\"\nseeds = 1\nwords = []\n").unwrap();
        let mut ledger = Ledger::open(Some(folder.path())).unwrap();
        assert!(ledger.data.is_empty());
        let head = "# schema: pennydrop.claim-runs/1\nrun_id,seed_init,seed_split,seed_batch,seed_noise,steps,budget,stop,t_mem,t_grok,wall_s,precision\n";
        std::fs::write(at.join("small.csv"), format!("{head}{:016x},0,0,0,0,1000,10000,grokked,100,900,1.0,f32\n", 1)).unwrap();
        ledger.reread().unwrap();
        assert_eq!(ledger.data["small"].runs.len(), 1);
        std::fs::write(at.join("small.csv"), "nonsense").unwrap();
        assert!(ledger.reread().unwrap_err().to_string().contains("small.csv"));
        std::fs::remove_file(at.join("small.csv")).unwrap();
        ledger.reread().unwrap();
        assert!(ledger.data.is_empty());
    }
}
