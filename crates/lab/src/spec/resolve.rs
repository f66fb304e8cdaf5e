//! From what was typed to a checked spec with every default filled in.

use crate::inputs::Inputs;
use crate::spec::grammar::Override;
use crate::spec::seeds::{SeedAxes, common};
use crate::spec::{Given, Section, catalog, file};
use pennydrop_graph::rewrite::{Rewrite, Rewrites};
use pennydrop_registry::{Args, SpecError, Value};
use pennydrop_tasks::Seeds;
use std::collections::BTreeMap;

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The row's default.
    Default,
    /// The preset or the spec file.
    Base,
    /// A word on the command line.
    Typed,
}

/// What a spec begins as.
#[derive(Debug, Clone, PartialEq)]
pub struct Base {
    /// Name for folders and titles: the preset's, or the file's without its ending.
    pub label: String,
    /// Its keys.
    pub entries: file::Entries,
}

/// A spec whose every key is checked against its row and filled in. What only shows when sections meet (heads that do not divide a width, a batch larger
/// than the data) is found when a run is made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// Name for folders and titles.
    pub label: String,
    /// Arguments of a task.
    pub task: Args,
    /// Arguments of a model.
    pub model: Args,
    /// Arguments of a loss.
    pub loss: Args,
    /// Arguments of an optimizer.
    pub optim: Args,
    /// Arguments of [`pennydrop_train::train_row`].
    pub train: Args,
    /// Arguments of every row of [`pennydrop_train::intervention_rows`], in its order.
    pub acts: Vec<Args>,
    /// Arguments of [`catalog::RECORD`].
    pub record: Args,
    /// The seeds as asked.
    pub axes: SeedAxes,
    /// The seeds of every run.
    pub seeds: Vec<Seeds>,
    /// The rewrites that are on.
    pub rewrites: Rewrites,
    /// Where the values of keys come from; a key that is not here has its default.
    pub origins: BTreeMap<(Section, String), Origin>,
}

/// Keys of `train` that decide the weights; the others are limits, levels and the evaluation grid.
pub(crate) const OF_TRAJECTORY: [&str; 3] = ["batch", "sampling", "precision"];

/// Checks `base` with `overrides` on top of it.
///
/// Of two words for one key the later holds. Where a word names another member of a family than the base does (`model.name=mlp`), keys of the *base* that the
/// new member does not have, or whose value it cannot take, fall back to its defaults; typed keys never do.
///
/// # Errors
/// The first key that cannot be used.
pub fn resolve(base: &Base, overrides: &[Override]) -> Result<Resolved, SpecError> {
    let mut keys: BTreeMap<(Section, String), (Value, Origin)> = BTreeMap::new();
    let mut axes = SeedAxes::default();
    // `seed` as a whole before single seeds, in whichever order the file has them.
    let mut entries: Vec<_> = base.entries.iter().collect();
    entries.sort_by_key(|(s, k, _)| *s == Section::Seed && !k.is_empty() && k != "all");
    for (section, key, given) in entries {
        take(&mut keys, &mut axes, *section, key, given, Origin::Base)?;
    }
    for word in overrides {
        match &word.value {
            Some(given) => take(&mut keys, &mut axes, word.section, &word.key, given, Origin::Typed)?,
            None => {
                if word.section == Section::Seed {
                    axes.reset(&word.key)?;
                } else if keys.remove(&(word.section, word.key.clone())).is_none() {
                    known(word.section, &word.key)?;
                }
            }
        }
    }
    let mut origins = BTreeMap::new();
    let mut args = Vec::new();
    for section in Section::all().into_iter().filter(|s| *s != Section::Seed) {
        begins(section, &keys)?;
        args.push(check(section, base, &keys, &mut origins)?);
    }
    let seeds = axes.runs()?;
    let mut args = args.into_iter();
    let mut next = || args.next().unwrap_or_else(|| unreachable!("one for every section"));
    let resolved = Resolved {
        label: base.label.clone(),
        task: next(),
        model: next(),
        loss: next(),
        optim: next(),
        train: next(),
        acts: Section::interventions().map(|_| next()).collect(),
        record: next(),
        axes,
        seeds,
        rewrites: Rewrites::default(),
        origins,
    };
    weights_density(&resolved.record)?;
    Ok(resolved)
}

/// An intervention that is described and never begins is a mistake.
fn begins(section: Section, keys: &BTreeMap<(Section, String), (Value, Origin)>) -> Result<(), SpecError> {
    let Section::Intervention(name) = section else { return Ok(()) };
    let said = keys.range((section, String::new())..).take_while(|((s, _), _)| *s == section).map(|((_, key), _)| key.as_str());
    match said.fold((None, false), |(other, from), key| if key == "from" { (other, true) } else { (Some(key), from) }) {
        (Some(key), false) => {
            let problem = format!("nobody says when it begins, so {name}.{key} would do nothing");
            Err(SpecError::new(format!("{name}.from"), problem, "0, another step, t_mem, … (`pennydrop list interventions`)"))
        }
        _ => Ok(()),
    }
}

/// Takes a value, the later over the earlier.
fn take(
    keys: &mut BTreeMap<(Section, String), (Value, Origin)>,
    axes: &mut SeedAxes,
    section: Section,
    key: &str,
    given: &Given,
    origin: Origin,
) -> Result<(), SpecError> {
    if section == Section::Seed {
        return axes.set(key, given);
    }
    match given {
        Given::One(v) => {
            keys.insert((section, key.to_string()), (v.clone(), origin));
            Ok(())
        }
        Given::Range(_) => {
            Err(SpecError::new(format!("{}.{key}", section.name()), "a range is several runs, and here it would be one value", "range(…) for seed, or a list"))
        }
    }
}

/// Whether `key` is one of any member of `section`: `~key` must not pass over a typing error.
fn known(section: Section, key: &str) -> Result<(), SpecError> {
    let rows = catalog::rows(section);
    let mut keys: Vec<&str> = rows.iter().flat_map(|r| r.params.iter().map(|p| p.key)).collect();
    if catalog::is_family(section) {
        keys.push("name");
    }
    keys.sort_unstable();
    keys.dedup();
    if keys.contains(&key) { Ok(()) } else { Err(SpecError::unknown(format!("{}.{key}", section.name()), &format!("key for {}", section.name()), key, keys)) }
}

fn name_of(section: Section, value: Option<&Value>) -> Result<&str, SpecError> {
    match value {
        Some(Value::Str(s)) => Ok(s),
        None => Ok(catalog::default_name(section)),
        Some(v) => {
            let names = catalog::rows(section).iter().map(|r| r.name).collect::<Vec<_>>().join(", ");
            Err(SpecError::new(format!("{}.name", section.name()), format!("`{v}` is {}", v.type_name()), names))
        }
    }
}

fn check(
    section: Section,
    base: &Base,
    keys: &BTreeMap<(Section, String), (Value, Origin)>,
    origins: &mut BTreeMap<(Section, String), Origin>,
) -> Result<Args, SpecError> {
    let family = catalog::is_family(section);
    let name_key = (section, "name".to_string());
    let name = if family { name_of(section, keys.get(&name_key).map(|v| &v.0))? } else { section.name() };
    let row = catalog::find(section, name)?;
    let base_name = base.entries.iter().rev().find(|(s, k, _)| *s == section && k == "name").map(|e| &e.2);
    let base_name = match base_name {
        Some(Given::One(v)) => name_of(section, Some(v))?,
        _ => catalog::default_name(section),
    };
    let other = family && name != base_name;
    let mut given = Vec::new();
    for ((_, key), (value, origin)) in keys.range((section, String::new())..).take_while(|((s, _), _)| *s == section) {
        if !(family && key == "name") {
            if other && *origin == Origin::Base && !fits(section, row, key, value) {
                continue;
            }
            given.push((key.clone(), value.clone()));
        }
        origins.insert((section, key.clone()), *origin);
    }
    Args::check(section.name(), row, given)
}

/// Whether a member can take this value for this key.
fn fits(section: Section, row: &'static pennydrop_registry::Row, key: &str, value: &Value) -> bool {
    let full = format!("{}.{key}", section.name());
    if let Err(e) = Args::check(section.name(), row, [(key.to_string(), value.clone())]) {
        // Another key that must be given is not this one's fault.
        if e.key == full {
            return false;
        }
    }
    // Initialisations are words that only their architecture knows.
    match (section, key, value) {
        (Section::Model, "init", Value::Str(word)) => {
            pennydrop_models::init::is_file(word)
                || pennydrop_models::rows().iter().find(|r| r.row.name == row.name).is_some_and(|r| r.inits.contains(&word.as_str()))
        }
        _ => true,
    }
}

/// Weights kept a decade of steps (`record.weights`); 0 for none.
///
/// # Errors
/// Neither `none` nor `log:N`.
pub fn weights_density(record: &Args) -> Result<u64, SpecError> {
    let word = record.str("weights");
    let wrong = || SpecError::new("record.weights", format!("`{word}` says nothing"), "none, or log:N with N from 1 to 1000");
    match word {
        "none" => Ok(0),
        _ => word.strip_prefix("log:").and_then(|n| n.parse().ok()).filter(|n| (1..=1000).contains(n)).ok_or_else(wrong),
    }
}

impl Resolved {
    /// Sections with their arguments, but for seeds and for interventions that are not part of the run.
    pub fn sections(&self) -> Vec<(Section, &Args)> {
        let mut all = vec![
            (Section::Task, &self.task),
            (Section::Model, &self.model),
            (Section::Loss, &self.loss),
            (Section::Optim, &self.optim),
            (Section::Train, &self.train),
        ];
        all.extend(self.active());
        all.push((Section::Record, &self.record));
        all
    }

    fn active(&self) -> impl Iterator<Item = (Section, &Args)> {
        Section::interventions().zip(&self.acts).filter(|(_, a)| a.str("from").trim() != "never")
    }

    /// The interventions that are part of the run.
    pub fn interventions(&self) -> Vec<Args> {
        self.active().map(|(_, a)| a.clone()).collect()
    }

    /// Switches rewrites off.
    ///
    /// # Errors
    /// A name that is no rewrite's.
    pub fn without_rewrites(&mut self, names: &[String]) -> Result<(), SpecError> {
        for name in names {
            let Some(rewrite) = Rewrite::parse(name) else {
                return Err(SpecError::unknown("--no-rewrite", "rewrite", name, Rewrite::ALL.iter().map(|r| r.name())));
            };
            self.rewrites = self.rewrites.clone().without(rewrite);
        }
        Ok(())
    }

    /// Names of the rewrites that are off.
    pub fn rewrites_off(&self) -> Vec<&'static str> {
        Rewrite::ALL.iter().filter(|r| !self.rewrites.has(**r)).map(|r| r.name()).collect()
    }

    /// The whole spec as TOML that reads back to the same runs. `notes` adds where each value comes from.
    pub fn to_toml(&self, notes: bool) -> String {
        let mut out = String::new();
        for (section, args) in self.sections() {
            if section == Section::Record {
                out += &format!("{}\n", self.axes.to_toml());
            }
            out += &format!("[{}]\n", section.name());
            let note = |key: &str| match self.origins.get(&(section, key.to_string())) {
                _ if !notes => "",
                Some(Origin::Base) => "",
                Some(Origin::Typed) => " # typed",
                _ => " # default",
            };
            if catalog::is_family(section) {
                out += &format!("name = {}{}\n", Value::Str(args.name().into()), note("name"));
            }
            for param in args.row.params {
                if let Some(value) = args.get(param.key) {
                    out += &format!("{} = {value}{}\n", param.key, note(param.key));
                }
            }
            out += "\n";
        }
        out.truncate(out.trim_end().len());
        out + "\n"
    }

    /// Everything that affects the weights but the seeds, in canonical form: what a campaign freezes, and what run ids hash. Files stand by their
    /// contents.
    pub fn trajectory(&self, inputs: &Inputs) -> String {
        let mut out = String::new();
        let hash_of = |section: Section, key: &str| match (section, key) {
            (Section::Task, "file") => inputs.table.as_ref().map(|t| &t.1),
            (Section::Model, "init") => inputs.weights.as_ref().map(|w| &w.1),
            _ => None,
        };
        for (section, args) in self.sections().into_iter().filter(|(s, _)| *s != Section::Record) {
            out += &format!("[{}]\n", section.name());
            if catalog::is_family(section) {
                out += &format!("name = {}\n", Value::Str(args.name().into()));
            }
            for (key, value) in args.iter() {
                let counts = section != Section::Train || OF_TRAJECTORY.contains(&key) || key == "steps" && pennydrop_train::budget_matters(&self.optim);
                if counts {
                    match hash_of(section, key) {
                        Some(hash) => out += &format!("{key} = \"blake3:{hash}\"\n"),
                        None => out += &format!("{key} = {value}\n"),
                    }
                }
            }
        }
        // A level that an intervention waits for decides the weights.
        let waits = |a: &Args| a.iter().any(|(_, v)| matches!(v, Value::Str(t) if pennydrop_train::When::reads_levels(t)));
        if self.active().any(|(_, a)| waits(a)) {
            out += &format!("[levels]\nmem = {}\ngrok = {}\n", self.train.float("mem_level"), self.train.float("grok_level"));
        }
        let off = self.rewrites_off();
        if !off.is_empty() {
            out += &format!("[engine]\nno_rewrite = [{}]\n", off.iter().map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(", "));
        }
        out
    }

    /// The second part: limits, levels, the evaluation grid, what is kept.
    pub fn limits(&self) -> String {
        let mut out = String::new();
        for (section, args) in [(Section::Train, &self.train), (Section::Record, &self.record)] {
            for (key, value) in args.iter().filter(|(k, _)| section != Section::Train || !OF_TRAJECTORY.contains(k)) {
                out += &format!("{}.{key} = {value}\n", section.name());
            }
        }
        out
    }

    /// The id of the run with these seeds ([`Namer`]).
    pub fn run_id(&self, inputs: &Inputs, seeds: &Seeds) -> String {
        Namer::new(&self.trajectory(inputs)).run_id(seeds)
    }

    /// The value of a key, by its section and name; `None` for a key that its member does not have, and for seeds.
    pub fn value(&self, (section, key): &(Section, String)) -> Option<Value> {
        let acts = Section::interventions().zip(&self.acts);
        let args = self.sections().into_iter().chain(acts).find(|(s, _)| s == section)?.1;
        if key == "name" && catalog::is_family(*section) { Some(Value::Str(args.name().into())) } else { args.get(key).cloned() }
    }

    /// A name for the campaign's folder: the label and a hash of [`Resolved::trajectory`] with the numerics version.
    pub fn folder_name(&self, inputs: &Inputs) -> String {
        let clean: String = self.label.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).take(40).collect();
        let clean = clean.trim_start_matches('.');
        format!(
            "{}-{}",
            if clean.is_empty() { "run" } else { clean },
            short_hash(&format!("numerics {}\n{}", pennydrop_train::NUMERICS, self.trajectory(inputs)), 8)
        )
    }

    /// The seed of run `i`, where one was given for all purposes.
    pub fn seed(&self, i: usize) -> Option<u64> {
        common(&self.seeds[i])
    }
}

/// Names the runs of a trajectory ([`Resolved::trajectory`]), which differ in their seeds.
#[derive(Debug, Clone)]
pub struct Namer(blake3::Hasher);

impl Namer {
    /// For this trajectory.
    pub fn new(trajectory: &str) -> Namer {
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("numerics {}\n{trajectory}[seed]\n", pennydrop_train::NUMERICS).as_bytes());
        Namer(hasher)
    }

    /// The id of the run with these seeds: the first 16 hexadecimal digits of a BLAKE3 hash over the numerics version, the trajectory and the seeds.
    pub fn run_id(&self, seeds: &Seeds) -> String {
        let mut hasher = self.0.clone();
        hasher.update(format!("init = {}\nsplit = {}\nbatch = {}\nnoise = {}\n", seeds.init, seeds.split, seeds.batch, seeds.noise).as_bytes());
        hasher.finalize().to_hex()[..16].to_string()
    }
}

/// The first `digits` hexadecimal digits of a text's BLAKE3 hash.
pub fn short_hash(text: &str, digits: usize) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..digits].to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets;
    use crate::spec::grammar::parse_override;

    fn spec(preset: &str, words: &[&str]) -> Result<Resolved, SpecError> {
        let words = words.iter().map(|w| parse_override(w)).collect::<Result<Vec<_>, _>>()?;
        resolve(&presets::find(preset).unwrap().base()?, &words)
    }

    fn id(preset: &str, words: &[&str]) -> String {
        let s = spec(preset, words).unwrap();
        s.run_id(&Inputs::default(), &s.seeds[0])
    }

    #[test]
    fn what_moves_no_weight_moves_no_id() {
        let plain = id("nanda", &[]);
        assert_eq!(plain.len(), 16);
        for same in ["train.steps=50", "train.eval=8", "train.stop=steps", "record.weights=log:8", "seed=0", "train.grok_level=0.9"] {
            assert_eq!(id("nanda", &[same]), plain, "{same}");
        }
        for other in ["seed=1", "seed.noise=1", "optim.lr=2e-3", "task.fraction=.31", "train.precision=f64", "loss.precision=f64", "train.batch=512"] {
            assert_ne!(id("nanda", &[other]), plain, "{other}");
        }
        // A cosine that ends with the run depends on the budget.
        assert_ne!(id("nanda", &["optim.schedule=cosine"]), id("nanda", &["optim.schedule=cosine", "train.steps=50"]));
    }

    #[test]
    fn a_spec_reads_back() {
        for preset in presets::all() {
            let s = spec(preset.name, &["seed=range(2,5)", "seed.split=9"]).unwrap();
            let again = resolve(&Base { label: s.label.clone(), entries: file::parse(&s.to_toml(true)).unwrap() }, &[]).unwrap();
            assert_eq!(
                (&again.trajectory(&Inputs::default()), &again.seeds, again.limits()),
                (&s.trajectory(&Inputs::default()), &s.seeds, s.limits()),
                "{}",
                preset.name
            );
        }
    }

    #[test]
    fn another_member_drops_what_only_the_preset_said() {
        let s = spec("nanda", &["model.name=mlp", "task.name=s5-xy"]).unwrap();
        assert_eq!((s.model.name(), s.model.str("init"), s.task.name()), ("mlp", "torch", "s5-xy"));
        assert_eq!(s.task.float("fraction"), 0.3);
        let typed = spec("nanda", &["model.name=mlp", "model.layers=2"]).unwrap_err().to_string();
        assert!(typed.contains("model.layers"), "{typed}");
        // Not another member: everything is checked.
        assert!(spec("nanda", &["model.widths=[3]"]).unwrap_err().to_string().contains("model.widths"));
    }

    #[test]
    fn wrong_keys_are_named() {
        let says = |words: &[&str], parts: &[&str]| {
            let text = spec("nanda", words).unwrap_err().to_string();
            assert!(parts.iter().all(|p| text.contains(p)), "{text}");
        };
        says(&["optim.learning_rate=1"], &["optim.learning_rate", "no key"]);
        says(&["task.fracton=.3"], &["did you mean `fraction`"]);
        says(&["task.name=ad"], &["task.name", "did you mean `add`"]);
        says(&["task.p=range(0,3)"], &["task.p", "range"]);
        says(&["~train.stp"], &["train.stp", "did you mean `stop`"]);
        says(&["record.weights=log:0"], &["record.weights", "log:N"]);
        says(&["train.steps=abc"], &["train.steps", "abc", "integer"]);
        assert_eq!(spec("nanda", &["~train.steps"]).unwrap().train.int("steps"), 10_000);
    }
}
