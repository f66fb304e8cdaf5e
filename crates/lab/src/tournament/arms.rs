//! Arms: each a base spec with words of its own, some with several values. All get the same number of settings and the same seeds.

use crate::Error;
use crate::campaign::Design;
use crate::spec::resolve::{OF_TRAJECTORY, short_hash};
use crate::spec::sweep::{Key, Sweep, key_name, split};
use crate::spec::{Base, Section};
use pennydrop_registry::SpecError;
use std::collections::BTreeSet;

/// Most arms.
pub const MOST_ARMS: usize = 100;
/// Most settings of an arm.
const MOST_SETTINGS: usize = 100_000;
/// Longest name of an arm, in characters.
const LONGEST: usize = 40;

/// What all arms share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Settings that each arm tries: no more, no fewer.
    pub settings: usize,
    /// Tuning seeds, 0 to `seeds` − 1: they choose.
    pub seeds: usize,
    /// Judging seeds, `seeds` to `seeds + judge` − 1: they decide.
    pub judge: usize,
    /// The draw of the settings.
    pub sample_seed: u64,
}

impl Terms {
    fn check(&self) -> Result<(), SpecError> {
        let within = |key: &str, n: usize, low: usize, high: usize| {
            if (low..=high).contains(&n) { Ok(()) } else { Err(SpecError::new(key, format!("{n} is out of range"), format!("{low} to {high}"))) }
        };
        within("--settings", self.settings, 1, MOST_SETTINGS)?;
        within("--seeds", self.seeds, 1, 50_000)?;
        // One run has no spread to be judged by.
        within("--judge", self.judge, 2, 50_000)
    }
}

/// An arm as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArmWords {
    /// Its name.
    pub name: String,
    /// Its words, of the grammar of sweeps.
    pub words: Vec<String>,
}

const FORM: &str = "'NAME: optim.name=adamw optim.lr=loguniform(1e-4,1e-1) …'";

impl ArmWords {
    /// Reads `NAME: KEY=… KEY=…`; blanks outside brackets, parentheses and quotes separate words.
    ///
    /// # Errors
    /// No name, or one that cannot be shown in a table.
    pub fn parse(text: &str) -> Result<ArmWords, SpecError> {
        let named = text.split_once(':').filter(|(name, _)| !name.contains('='));
        let Some((name, rest)) = named else {
            return Err(SpecError::new("--arm", format!("`{}` does not begin with a name", crate::spec::grammar::shown(text)), FORM));
        };
        let words = split(rest, char::is_whitespace).into_iter().map(str::trim).filter(|w| !w.is_empty()).map(String::from).collect();
        ArmWords::new(name, words)
    }

    /// An arm with this name and these words.
    ///
    /// # Errors
    /// A name that cannot be shown in a table.
    pub fn new(name: &str, words: Vec<String>) -> Result<ArmWords, SpecError> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > LONGEST || name.chars().any(char::is_control) {
            return Err(SpecError::new(
                "--arm",
                format!("`{}` is no name for an arm", crate::spec::grammar::shown(name)),
                format!("1 to {LONGEST} characters, then a colon: {FORM}"),
            ));
        }
        Ok(ArmWords { name: name.to_string(), words })
    }

    /// As it was written.
    pub fn text(&self) -> String {
        format!("{}: {}", self.name, self.words.join(" "))
    }
}

/// An arm of a tournament.
pub struct Arm {
    /// Its name.
    pub name: String,
    /// Its own words.
    pub words: Vec<String>,
    /// Words with one value that hold for it: common ones and its own.
    fixed: Vec<String>,
    /// Its settings with the tuning seeds.
    pub tuning: Design,
}

/// A tournament as designed.
pub struct Tournament {
    /// What every arm begins with.
    pub base: Base,
    /// Words that hold for every arm that does not say otherwise.
    pub common: Vec<String>,
    /// Names of rewrites that are off.
    pub without: Vec<String>,
    /// What all arms share.
    pub terms: Terms,
    /// The arms; the first is the one that the others are compared with.
    pub arms: Vec<Arm>,
}

impl Tournament {
    /// Resolves every setting of every arm and names every tuning run.
    ///
    /// # Errors
    /// Fewer than two arms; two of one name; an arm with another number of settings than the others; words that would give an arm other seeds, another
    /// budget or other records; the first setting that cannot be used.
    pub fn new(base: Base, common: Vec<String>, arms: Vec<ArmWords>, terms: Terms, without: Vec<String>) -> Result<Tournament, Error> {
        terms.check()?;
        if !(2..=MOST_ARMS).contains(&arms.len()) {
            return Err(SpecError::new("--arm", format!("there are {} arms", arms.len()), format!("2 to {MOST_ARMS} arms, each {FORM}")).into());
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = arms.iter().find(|a| !names.insert(a.name.as_str())) {
            return Err(SpecError::new("--arm", format!("two arms are called `{}`", twice.name), "distinct names").into());
        }
        for word in &common {
            if let Some(key) = keys(std::slice::from_ref(word))?.into_iter().find(|k| k.0 == Section::Seed) {
                return Err(SpecError::new(key_name(&key), "a tournament has seeds of its own", "--seeds N for tuning and --judge N for judging").into());
            }
        }
        let arms = arms.into_iter().map(|a| enter(&base, &common, a, &terms, &without)).collect::<Result<Vec<_>, _>>()?;
        Ok(Tournament { base, common, without, terms, arms })
    }

    /// Budget of every run in steps: the horizon of every restricted mean.
    pub fn budget(&self) -> u64 {
        self.arms[0].tuning.budget
    }

    /// Runs of the whole tournament.
    pub fn runs(&self) -> usize {
        self.arms.iter().map(|a| a.tuning.runs() + self.terms.judge).sum()
    }

    /// The judging runs of an arm: one of its settings, and seeds that no tuning run had.
    ///
    /// # Errors
    /// None that [`Tournament::new`] has not found.
    pub fn judging(&self, arm: usize, setting: usize) -> Result<Design, Error> {
        let arm = &self.arms[arm];
        let mut words = arm.fixed.clone();
        words.extend(arm.tuning.keys.iter().zip(&arm.tuning.settings[setting].values).map(|(key, value)| format!("{}={value}", key_name(key))));
        words.push(format!("seed=range({},{})", self.terms.seeds, self.terms.seeds + self.terms.judge));
        Design::new(self.base.clone(), Sweep::parse(&words)?, self.without.clone(), None)
    }

    /// A name for its folder: the label, and a hash of what decides the settings and how they are judged. More seeds, or a larger budget, are more of the
    /// same and find the same folder.
    pub fn folder_name(&self) -> String {
        let names: Vec<String> = self.arms.iter().map(|a| format!("{} {}\n", a.name, a.tuning.folder_name())).collect();
        let clean: String = self.base.label.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).take(40).collect();
        let clean = clean.trim_start_matches('.');
        format!("tournament-{}-{}", if clean.is_empty() { "arms" } else { clean }, short_hash(&names.concat(), 8))
    }
}

/// Keys that words say, in order. An interval needs a number of draws to be read.
fn keys(words: &[String]) -> Result<Vec<Key>, SpecError> {
    if let Some(word) = words.iter().find(|w| w.trim_start().starts_with("sample")) {
        let word = crate::spec::grammar::shown(word);
        return Err(SpecError::new("sample", format!("`{word}` would give an arm a number of settings of its own"), "--settings K, the same for every arm"));
    }
    let with: Vec<&str> = words.iter().map(String::as_str).chain(["sample(1)"]).collect();
    let sweep = Sweep::parse(&with)?;
    Ok(sweep.fixed.iter().map(|f| (f.section, f.key.clone())).chain(sweep.keys().into_iter().cloned()).collect())
}

/// The same words, but for those whose key an arm says itself.
fn beside(common: &[String], own: &[Key]) -> Result<Vec<String>, SpecError> {
    let mut out = Vec::new();
    for word in common {
        let said = keys(std::slice::from_ref(word))?;
        let other = said.iter().filter(|k| own.contains(k)).count();
        if other > 0 && other < said.len() {
            let word = crate::spec::grammar::shown(word);
            return Err(SpecError::new("--arm", format!("an arm says a part of the keys of `{word}`"), "all of them, or none"));
        }
        if other == 0 {
            out.push(word.clone());
        }
    }
    Ok(out)
}

fn enter(base: &Base, common: &[String], arm: ArmWords, terms: &Terms, without: &[String]) -> Result<Arm, Error> {
    let within = |e: SpecError| SpecError { problem: format!("{} (in the arm `{}`)", e.problem, arm.name), ..e };
    let own = keys(&arm.words).map_err(within)?;
    for key in &own {
        let allowed = match key.0 {
            Section::Seed => "--seeds N for tuning and --judge N for judging: the same for every arm",
            // One record judges all of its runs alike, and so does a comparison.
            Section::Train if !OF_TRAJECTORY.contains(&key.1.as_str()) => "one budget, and one way of judging, for every arm: say it once, before the arms",
            Section::Record => "one way of recording for every arm: say it once, before the arms",
            _ => continue,
        };
        return Err(within(SpecError::new(key_name(key), "an arm cannot say this", allowed)).into());
    }
    let mut words = beside(common, &own)?;
    words.extend(arm.words.iter().cloned());
    let mut all = words.clone();
    all.push(format!("sample({},{})", terms.settings, terms.sample_seed));
    all.push(format!("seed=range(0,{})", terms.seeds));
    let sweep = Sweep::parse(&all).map_err(within)?;
    let cells = sweep.cells();
    if cells < terms.settings {
        let s = if cells == 1 { "setting" } else { "settings" };
        return Err(SpecError::new(
            "--settings",
            format!("the arm `{}` has only {cells} {s}, and every arm must try {}: fewer for one would be another tuning budget", arm.name, terms.settings),
            format!("more values for this arm (an interval such as optim.lr=loguniform(1e-4,1e-1) has as many as one wants), or --settings {cells} for all"),
        )
        .into());
    }
    let fixed: Vec<String> = sweep.fixed_words.iter().zip(&sweep.fixed).filter(|(_, o)| o.section != Section::Seed).map(|(w, _)| w.clone()).collect();
    let tuning = Design::new(base.clone(), sweep, without.to_vec(), None).map_err(|e| match e {
        Error::Spec(e) => Error::Spec(within(e)),
        e => e,
    })?;
    let spec = tuning.job(0)?.spec;
    if spec.train.str("stop") == "loss" {
        let why = "a run that ends by its training loss is not watched to the budget, so its time would be censored for a reason that depends on the arm";
        return Err(within(SpecError::new("train.stop", why, "grokked or steps")).into());
    }
    Ok(Arm { name: arm.name, words: arm.words, fixed, tuning })
}
