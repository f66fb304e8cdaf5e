//! A campaign as designed: settings × seeds, resolved, checked and named before anything is trained.

use crate::Error;
use crate::campaign::until::Until;
use crate::inputs::Inputs;
use crate::job::Job;
use crate::known::{id_of, judged, number};
use crate::spec::file::Entries;
use crate::spec::grammar::Override;
use crate::spec::resolve::{Namer, short_hash, weights_density};
use crate::spec::sweep::{Key, Sweep, key_name};
use crate::spec::{Base, Given, Resolved, Section, resolve};
use pennydrop_registry::{SpecError, Value};
use pennydrop_store::Table;
use pennydrop_tasks::{Seeds, Task};
use pennydrop_train::{NUMERICS, Programs};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Runs above which a sweep asks before it begins.
pub const MANY: usize = 1_000_000;
/// Most runs of a campaign: their places are numbered in 32 bits.
const MOST: usize = u32::MAX as usize;

/// One setting of a campaign.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The value of each of [`Design::keys`], as typed.
    pub values: Vec<Value>,
    /// Which compiled program its runs share with others.
    pub pack: usize,
}

/// A campaign as designed.
pub struct Design {
    /// What it begins with.
    pub base: Base,
    /// What varies and what is fixed.
    pub sweep: Sweep,
    /// Names of rewrites that are off.
    pub without: Vec<String>,
    /// The rule by which seeds are added, if they are.
    pub until: Option<Until>,
    /// The keys that vary.
    pub keys: Vec<Key>,
    /// The settings, in order.
    pub settings: Vec<Setting>,
    /// The seeds that every setting gets, in order; with a rule, the most that it can get.
    pub seeds: Vec<Seeds>,
    /// Budget in steps.
    pub budget: u64,
    /// Hash of the limits that decide what a result says.
    pub judged: u64,
    /// All limits, a line each.
    pub limits: String,
    /// Distinct programs.
    pub packs: usize,
    /// Every run's number, setting by setting.
    ids: Vec<u64>,
    /// Files that specs name, by the words that name them.
    inputs: Mutex<BTreeMap<(String, String), Inputs>>,
}

impl Design {
    /// Resolves every setting, reads the files that are named, names every run, and finds which runs share a program.
    ///
    /// # Errors
    /// The first setting that cannot be used, with its values; two settings that are the same runs; more runs than can be numbered.
    pub fn new(base: Base, sweep: Sweep, without: Vec<String>, until: Option<Until>) -> Result<Design, Error> {
        let keys: Vec<Key> = sweep.keys().into_iter().cloned().collect();
        let settings = sweep.settings().into_iter().map(|values| Setting { values, pack: 0 }).collect();
        let mut design = Design {
            base,
            sweep,
            without,
            until,
            keys,
            settings,
            seeds: Vec::new(),
            budget: 0,
            judged: 0,
            limits: String::new(),
            packs: 0,
            ids: Vec::new(),
            inputs: Mutex::new(BTreeMap::new()),
        };
        design.name()?;
        Ok(design)
    }

    fn name(&mut self) -> Result<(), Error> {
        let mut packs: BTreeMap<String, usize> = BTreeMap::new();
        let mut tasks: BTreeMap<String, Arc<Task>> = BTreeMap::new();
        let mut ids: Vec<u64> = Vec::new();
        for i in 0..self.settings.len() {
            let spec = self.spec(i).map_err(|e| self.within(i, e))?;
            if i == 0 {
                self.seeds = spec.seeds.clone();
                self.budget = spec.train.size("steps") as u64;
                self.limits = spec.limits();
                self.judged = judged(&self.limits);
                if self.seeds.len().checked_mul(self.settings.len()).is_none_or(|n| n > MOST) {
                    return Err(SpecError::new("sweep", "there are too many runs", format!("at most {MOST} settings × seeds")).into());
                }
                ids.reserve(self.seeds.len() * self.settings.len());
            }
            let inputs = self.inputs(&spec)?;
            let namer = Namer::new(&spec.trajectory(&inputs));
            ids.extend(self.seeds.iter().map(|s| number(&namer.run_id(s)).unwrap_or(0)));
            // One data set is enough to know the program's shapes: they do not depend on the seed.
            let job = Job::with(spec, inputs, self.keys.clone());
            let data = job.data();
            let task = match tasks.get(&data) {
                Some(t) => Arc::clone(t),
                None => {
                    let t = Arc::new(job.inputs.task(&job.spec, &job.runs[0].seeds).map_err(|e| self.within(i, e.into()))?);
                    if tasks.len() < 256 {
                        tasks.insert(data, Arc::clone(&t));
                    }
                    t
                }
            };
            let setup = job.setup(&job.runs[0], Some(task)).map_err(|e| self.within(i, e.into()))?;
            let count = packs.len();
            let pack = *packs.entry(Programs::key(&setup)).or_insert(count);
            if pack == count {
                // Everything that only shows when a network is built shows here, before anything is written.
                job.probe().map_err(|e| self.within(i, e))?;
            }
            self.settings[i].pack = pack;
        }
        self.packs = packs.len();
        let mut sorted: Vec<(u64, usize)> = ids.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        if let Some(w) = sorted.windows(2).find(|w| w[0].0 == w[1].0) {
            let (a, b) = (self.describe(w[0].1 / self.seeds.len()), self.describe(w[1].1 / self.seeds.len()));
            return Err(
                SpecError::new("sweep", format!("the settings {a} and {b} are the same runs, and would be counted twice"), "settings that differ").into()
            );
        }
        self.ids = ids;
        Ok(())
    }

    /// An error of one setting, with its values.
    fn within(&self, i: usize, e: Error) -> Error {
        match e {
            Error::Spec(mut e) if !self.keys.is_empty() => {
                e.problem = format!("{} (in the setting {})", e.problem, self.describe(i));
                Error::Spec(e)
            }
            e => e,
        }
    }

    /// The values of a setting in words: `optim.lr=0.001 task.p=11`.
    pub fn describe(&self, i: usize) -> String {
        let pairs = self.keys.iter().zip(&self.settings[i].values).map(|(k, v)| format!("{}={v}", key_name(k)));
        let text = pairs.collect::<Vec<_>>().join(" ");
        if text.is_empty() { "(the only one)".into() } else { text }
    }

    pub(crate) fn spec(&self, i: usize) -> Result<Resolved, Error> {
        let varied = self.keys.iter().zip(&self.settings[i].values).map(|((section, key), value)| Override {
            section: *section,
            key: key.clone(),
            value: Some(Given::One(value.clone())),
        });
        let words: Vec<Override> = self.sweep.fixed.iter().cloned().chain(varied).collect();
        let mut spec = resolve(&self.base, &words)?;
        spec.without_rewrites(&self.without)?;
        Ok(spec)
    }

    fn inputs(&self, spec: &Resolved) -> Result<Inputs, Error> {
        let table = if spec.task.name() == "table" { spec.task.str("file") } else { "" };
        let init = spec.model.str("init");
        let init = if pennydrop_models::init::is_file(init) { init } else { "" };
        if table.is_empty() && init.is_empty() {
            return Ok(Inputs::default());
        }
        let mut known = self.inputs.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (table.to_string(), init.to_string());
        if !known.contains_key(&key) {
            known.insert(key.clone(), Inputs::read(spec)?);
        }
        Ok(known[&key].clone())
    }

    /// The job of one setting: its spec and its runs.
    ///
    /// # Errors
    /// None that [`Design::new`] has not found, but for files that have changed since.
    pub fn job(&self, i: usize) -> Result<Job, Error> {
        let spec = self.spec(i)?;
        let inputs = self.inputs(&spec)?;
        Ok(Job::with(spec, inputs, self.keys.clone()))
    }

    /// The number of a run's id: of setting `i`, with the seeds at `nth`.
    pub fn id(&self, i: usize, nth: usize) -> u64 {
        self.ids[i * self.seeds.len() + nth]
    }

    /// Numbers of all runs, setting by setting.
    pub fn ids(&self) -> &[u64] {
        &self.ids
    }

    /// Number of runs; with a rule, the most there can be.
    pub fn runs(&self) -> usize {
        self.ids.len()
    }

    /// The setting and place of a run.
    pub fn find(&self, run_id: &str) -> Option<(usize, usize)> {
        let id = number(run_id)?;
        self.ids.iter().position(|i| *i == id).map(|at| (at / self.seeds.len(), at % self.seeds.len()))
    }

    /// Whether weights along the way are kept.
    pub fn keeps_weights(&self) -> bool {
        self.settings.first().and_then(|_| self.spec(0).ok()).is_some_and(|s| weights_density(&s.record).is_ok_and(|d| d > 0))
    }

    /// A name for the campaign's folder: the label and a hash of what decides its settings and how its runs are judged, but for seeds and the budget, so that
    /// asking for more of the same finds the same folder.
    pub fn folder_name(&self) -> String {
        let more = |section: Section, key: &str| matches!(section, Section::Record | Section::Seed) || section == Section::Train && key == "steps";
        let entries: Entries = self.base.entries.iter().filter(|(section, key, _)| !more(*section, key)).cloned().collect();
        let mut text = format!("numerics {NUMERICS}\n{}", entries_toml(&entries));
        for (word, o) in self.sweep.fixed_words.iter().zip(&self.sweep.fixed) {
            if !more(o.section, &o.key) {
                text += &format!("{word}\n");
            }
        }
        text += &self.sweep.words().join("\n");
        let clean: String = self.base.label.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).take(40).collect();
        let clean = clean.trim_start_matches('.');
        format!("sweep-{}-{}", if clean.is_empty() { "campaign" } else { clean }, short_hash(&text, 8))
    }

    /// The text that the campaign's folder freezes: settings of any kind may join it.
    pub fn frozen(&self) -> String {
        format!("numerics = {NUMERICS}\n{}\nlabel = {}\n", crate::record::SWEEP, Value::Str(self.base.label.clone()))
    }

    /// What is asked, as text that reads back to the same runs; its head says so, with a hash of all run ids.
    pub fn question(&self) -> String {
        let head = serde_json::json!({
            "numerics": NUMERICS,
            "label": self.base.label,
            "settings": self.settings.len(),
            "runs": self.runs(),
            "ids": self.ids_hash(),
            "budget": self.budget,
            "judged": id_of(self.judged),
        });
        let without = if self.without.is_empty() { String::new() } else { format!("# without {}\n", self.without.join(" ")) };
        let words: Vec<String> = self.sweep.fixed_words.iter().cloned().chain(self.sweep.words()).map(|w| Value::Str(w).to_string()).collect();
        let until = self.until.as_ref().map_or(String::new(), Until::to_toml);
        format!("# pennydrop-plan {head}\n{without}[sweep]\nwords = [{}]\n{until}\n{}", words.join(", "), entries_toml(&self.base.entries))
    }

    /// Hash of all run ids in order.
    pub fn ids_hash(&self) -> String {
        let bytes: Vec<u8> = self.ids.iter().flat_map(|i| i.to_be_bytes()).collect();
        blake3::hash(&bytes).to_hex()[..16].to_string()
    }

    /// Every run as a row: id, setting, seeds, and a column for each key that varies.
    ///
    /// # Errors
    /// None that [`Design::new`] has not found.
    pub fn table(&self) -> Result<Table, Error> {
        let n = self.seeds.len();
        let rows = || (0..self.ids.len()).map(|at| (at / n, at % n));
        let mut t = Table::default().str("run_id", self.ids.iter().map(|i| Some(id_of(*i)))).i64("setting", rows().map(|(i, _)| Some(i as i64)));
        let seeds: [(&str, fn(&Seeds) -> u64); 4] =
            [("seed_init", |s| s.init), ("seed_split", |s| s.split), ("seed_batch", |s| s.batch), ("seed_noise", |s| s.noise)];
        for (name, of) in seeds {
            t = t.i64(name, rows().map(|(_, k)| i64::try_from(of(&self.seeds[k])).ok()));
        }
        for (k, key) in self.keys.iter().enumerate() {
            t = t.str(&key_name(key), rows().map(|(i, _)| Some(self.settings[i].values[k].to_string())));
        }
        Ok(t)
    }
}

/// Keys of a base as TOML that reads back to them.
pub(crate) fn entries_toml(entries: &Entries) -> String {
    let mut out = String::new();
    for section in Section::all() {
        let given = |g: &Given| match g {
            Given::One(v) => v.to_string(),
            Given::Range(v) => format!("[{}]", v.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")),
        };
        // Of two for one key the later holds.
        let keys: BTreeMap<&str, &Given> = entries.iter().filter(|(s, ..)| *s == section).map(|(_, k, g)| (k.as_str(), g)).collect();
        if keys.is_empty() {
            continue;
        }
        out += &format!("[{}]\n", section.name());
        for (key, g) in keys {
            out += &format!("{} = {}\n", if key.is_empty() { "all" } else { key }, given(g));
        }
        out.push('\n');
    }
    out
}
