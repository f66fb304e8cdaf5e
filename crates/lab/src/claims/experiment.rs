//! An experiment: a sweep file with a table `[experiment]`.

use crate::Error;
use crate::campaign::Design;
use crate::claims::claim::{number, only, text};
use crate::claims::guard::{Leak, Outcome};
use crate::presets;
use crate::spec::file::{self, SweepTable};
use crate::spec::sweep::{Key, Sweep};
use crate::spec::{Base, Section};
use pennydrop_registry::SpecError;
use std::collections::BTreeSet;
use toml::{Table, Value};

const KEYS: [&str; 7] = ["about", "measure", "full", "check", "f64", "cost_core_hours", "full_core_hours"];

/// How much of an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// As its file says.
    Reduced,
    /// The whole grid.
    Full,
    /// What is trained again to see whether the results still hold.
    Check,
    /// The same runs in double precision, the loss too where it has a precision of its own, from the same first weights.
    Twins,
}

/// An experiment as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    /// Its name, that of its file.
    pub name: String,
    /// What it is, in a line.
    pub about: String,
    /// What is measured beside the times: `SERIES@WHEN`.
    pub measure: Vec<String>,
    /// Words that make it the whole grid.
    pub full: Vec<String>,
    /// Words that cut it to a sample.
    pub check: Vec<String>,
    /// Words that cut it to the runs with twins; none: no twins.
    pub f64: Vec<String>,
    /// What it costs.
    pub cost_core_hours: Option<f64>,
    /// What the whole grid costs.
    pub full_core_hours: Option<f64>,
    base: Base,
    sweep: SweepTable,
    table: Table,
}

fn words(table: &Table, key: &str) -> Result<Vec<String>, SpecError> {
    match table.get(key) {
        None => Ok(Vec::new()),
        Some(v) => {
            let list = v.as_array().and_then(|a| a.iter().map(|w| w.as_str().map(str::to_string)).collect::<Option<Vec<_>>>());
            list.ok_or_else(|| SpecError::new(format!("experiment.{key}"), "this is no list of words", "[\"seed=range(0,8)\"]"))
        }
    }
}

/// The keys that a word says.
fn keys(word: &str) -> Vec<Key> {
    Sweep::parse(&[word]).map_or(Vec::new(), |s| s.keys().into_iter().cloned().chain(s.fixed.iter().map(|f| (f.section, f.key.clone()))).collect())
}

impl Experiment {
    /// Reads an experiment.
    ///
    /// # Errors
    /// What is wrong in its table `[experiment]`, or in the sweep.
    pub fn parse(name: &str, source: &str) -> Result<Experiment, SpecError> {
        let table = crate::claims::claim::table("experiment", source)?;
        let Some(Value::Table(own)) = table.get("experiment") else {
            return Err(SpecError::new("experiment", "the file has no table [experiment]", "[experiment] with about = \"…\""));
        };
        only(own, "experiment.", &KEYS)?;
        let file = file::parse_any(source)?;
        let Some(sweep) = file.sweep else { return Err(SpecError::new("sweep", "the file has no table [sweep]", "[sweep] with base and words")) };
        if sweep.until.is_some() {
            return Err(SpecError::new("sweep.until", "an experiment says its seeds beforehand", "seeds = N"));
        }
        let mut entries = match sweep.base.as_deref() {
            Some(preset) => presets::find(preset).map_err(|e| SpecError::new("sweep.base", e.to_string(), "a preset"))?.base()?.entries,
            None => Vec::new(),
        };
        entries.extend(file.entries);
        let measure = words(own, "measure")?;
        for m in &measure {
            crate::view::measure::Measure::parse(m)?;
        }
        let experiment = Experiment {
            name: name.to_string(),
            about: text(own, "about", "experiment.about")?,
            measure,
            full: words(own, "full")?,
            check: words(own, "check")?,
            f64: words(own, "f64")?,
            cost_core_hours: number(own, "cost_core_hours", "experiment.cost_core_hours")?,
            full_core_hours: number(own, "full_core_hours", "experiment.full_core_hours")?,
            base: Base { label: name.to_string(), entries },
            sweep,
            table,
        };
        // Before anything is registered under it: words that make no sweep would be found when its runs are wanted.
        for over in [&[][..], &experiment.full, &experiment.check, &experiment.f64] {
            Sweep::parse(&experiment.words(&[over]))?;
        }
        Ok(experiment)
    }

    /// Words over the file's: what is said in `over` holds, and a seed replaces the file's seeds.
    fn words(&self, over: &[&[String]]) -> Vec<String> {
        let mut all = self.sweep.words.clone();
        if let Some(n) = self.sweep.seeds.filter(|_| !all.iter().any(|w| keys(w).iter().any(|k| k.0 == Section::Seed))) {
            all.push(format!("seed=range(0,{n})"));
        }
        for more in over {
            let said: BTreeSet<Key> = more.iter().flat_map(|w| keys(w)).collect();
            let seeds = said.iter().any(|k| k.0 == Section::Seed && k.1.is_empty());
            all.retain(|w| !keys(w).iter().any(|k| said.contains(k) || seeds && k.0 == Section::Seed));
            all.extend(more.iter().cloned());
        }
        all
    }

    /// The runs of a scope; `None` where the experiment has none. Twins follow the file, not the whole grid.
    ///
    /// # Errors
    /// The words make no campaign.
    pub fn design(&self, scope: Scope) -> Result<Option<Design>, Error> {
        let words = match scope {
            Scope::Reduced => self.words(&[]),
            Scope::Full if self.full.is_empty() => self.words(&[]),
            Scope::Full => self.words(&[&self.full]),
            Scope::Check if self.check.is_empty() => return Ok(None),
            Scope::Check => self.words(&[&self.check]),
            Scope::Twins if self.f64.is_empty() => return Ok(None),
            Scope::Twins => {
                let double = |keys: &[&str]| keys.iter().map(|k| format!("{k}=f64")).collect::<Vec<_>>();
                let design = |double: &[String]| self.compile(&self.words(&[&self.f64, double]));
                let first = design(&double(&["train.precision"]))?;
                let own = (0..first.settings.len())
                    .map(|i| Ok(first.spec(i)?.loss.get("precision").is_some()))
                    .collect::<Result<Vec<bool>, Error>>()?
                    .contains(&true);
                return if own { design(&double(&["train.precision", "loss.precision"])) } else { Ok(first) }.map(Some);
            }
        };
        self.compile(&words).map(Some)
    }

    fn compile(&self, words: &[String]) -> Result<Design, Error> {
        Design::new(self.base.clone(), Sweep::parse(words)?, Vec::new(), None)
    }

    /// Whether its test examples are among its training examples, over its first few different data and the first seed; in words, with how the guard ends.
    ///
    /// # Errors
    /// The words make no campaign, or the task cannot be made.
    pub fn leakage(&self) -> Result<Leak, Error> {
        const MOST: usize = 8;
        let Some(design) = self.design(Scope::Reduced)? else { return Ok((Outcome::NotApplicable, "it has no runs".into())) };
        let mut seen = BTreeSet::new();
        let (mut test, mut repeated, mut twins, mut anew) = (0, 0, 0, false);
        for i in 0..design.settings.len() {
            let job = design.job(i)?;
            if seen.len() < MOST && seen.insert(job.data()) {
                let (trained, n, leak) = job.leakage()?;
                anew |= trained == 0;
                test += n;
                repeated += leak.repeated;
                twins += leak.twins;
            }
        }
        if anew {
            return Ok((
                Outcome::NotApplicable,
                "training examples are drawn anew at every step: a test example may be among them, and none is counted".into(),
            ));
        }
        let mirror = if twins > 0 { format!("; {twins} are the mirror image of one, b + a of a + b") } else { String::new() };
        let outcome = if repeated > 0 { Outcome::Failed } else { Outcome::Passed };
        Ok((outcome, format!("{repeated} of {test} test examples are training examples{mirror}")))
    }

    /// What it says in canonical form, without what decides nothing.
    pub fn rule(&self) -> String {
        let mut t = self.table.clone();
        if let Some(Value::Table(own)) = t.get_mut("experiment") {
            for key in ["about", "check", "cost_core_hours", "full_core_hours"] {
                own.remove(key);
            }
        }
        t.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_make_no_sweep_are_refused_when_read() {
        let parse = |full: &str, words: &str| {
            let text = format!("[experiment]\nabout = 'a'\nfull = [{full}]\n[sweep]\nbase = 'norm-separation'\nseeds = 2\nwords = [{words}]\n");
            Experiment::parse("e", &text).map(|_| ()).map_err(|e| e.key)
        };
        assert_eq!(parse("'seed=range(0,4)'", "'optim.lr=1e-3,2e-3'"), Ok(()));
        // What ends a run is the same for a whole sweep.
        let stops = "'zip(optim.lr=1e-3,2e-3 train.stop_evals=5,10)'";
        assert_eq!(parse("", stops), Err("train.stop_evals".into()));
        assert_eq!(parse(stops, "'task.p=11'"), Err("train.stop_evals".into()));
    }

    #[test]
    fn twins_are_in_double_precision_the_loss_too_where_it_has_one() {
        let precisions = |loss: &str, scope| {
            let text = format!(
                "[experiment]\nabout = 'a'\nf64 = ['seed=0']\n[sweep]\nbase = 'norm-clamp-mlp'\nseeds = 2\nwords = ['task.p=11', 'loss.name={loss}', 'optim.lr=1e-3,2e-3']\n"
            );
            let design = Experiment::parse("e", &text).unwrap().design(scope).unwrap().unwrap();
            let spec = design.spec(1).unwrap();
            let own = spec.loss.get("precision").map(|_| spec.loss.str("precision").to_string());
            (spec.train.str("precision").to_string(), own, design.runs())
        };
        let of = |p: &str| p.to_string();
        assert_eq!(precisions("cross-entropy", Scope::Reduced), (of("f32"), Some(of("f32")), 4));
        assert_eq!(precisions("cross-entropy", Scope::Twins), (of("f64"), Some(of("f64")), 2));
        assert_eq!(precisions("mse", Scope::Twins), (of("f64"), None, 2));
    }
}
