//! A checked spec with its files read and its runs named: what is about to be trained.

use crate::Error;
use crate::inputs::Inputs;
use crate::spec::Resolved;
use crate::spec::resolve::Namer;
use crate::spec::seeds::common;
use crate::spec::sweep::{Key, key_name};
use pennydrop_registry::{SpecError, Value};
use pennydrop_tasks::{Leakage, Seeds, Task};
use pennydrop_train::{Run, Setup};
use std::sync::Arc;

/// One run of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Its place in the job.
    pub index: usize,
    /// Its name: a hash of all that affects its weights.
    pub run_id: String,
    /// Its seeds.
    pub seeds: Seeds,
    /// The seed, where one was given for all purposes.
    pub seed: Option<u64>,
}

/// A job.
#[derive(Debug, Clone)]
pub struct Job {
    /// The spec.
    pub spec: Resolved,
    /// The files that it names.
    pub inputs: Inputs,
    /// Its runs.
    pub runs: Vec<Planned>,
    /// Keys that vary in the campaign of which it is a setting.
    pub keys: Vec<Key>,
}

/// What a first look at a job's first run shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Size {
    /// Trained numbers.
    pub parameters: usize,
    /// Training and test examples.
    pub examples: (usize, usize),
    /// Examples a step.
    pub batch: usize,
    /// Accuracy of the best constant guess.
    pub chance: f64,
    /// Test examples whose input is in the training set, and those whose mirror image is.
    pub leakage: (usize, usize),
}

impl Job {
    /// Reads the files that `spec` names and gives its runs their names.
    ///
    /// # Errors
    /// A file that cannot be used.
    pub fn new(spec: Resolved) -> Result<Job, Error> {
        let inputs = Inputs::read(&spec)?;
        Ok(Job::with(spec, inputs, Vec::new()))
    }

    /// The same with files that were read before; `keys` vary in the campaign of which it is a setting.
    pub fn with(spec: Resolved, inputs: Inputs, keys: Vec<Key>) -> Job {
        let namer = Namer::new(&spec.trajectory(&inputs));
        let runs =
            spec.seeds.iter().enumerate().map(|(index, seeds)| Planned { index, run_id: namer.run_id(seeds), seeds: *seeds, seed: common(seeds) }).collect();
        Job { spec, inputs, runs, keys }
    }

    /// The values of the keys that vary.
    pub fn varied(&self) -> Vec<(String, Value)> {
        self.keys.iter().filter_map(|key| Some((key_name(key), self.spec.value(key)?))).collect()
    }

    /// What decides its data but for the seed of the split, as text.
    pub fn data(&self) -> String {
        let mut data = self.inputs.table.as_ref().map_or(String::new(), |t| t.1.clone()) + self.spec.task.name();
        for (key, value) in self.spec.task.iter() {
            data += &format!(" {key}={value}");
        }
        data
    }

    /// What decides a run; `task` is shared where another run had the same data.
    ///
    /// # Errors
    /// What the task forbids.
    pub fn setup(&self, run: &Planned, task: Option<Arc<Task>>) -> Result<Setup, SpecError> {
        let seeds = run.seeds;
        let task = match task {
            Some(task) => task,
            None => Arc::new(self.inputs.task(&self.spec, &seeds)?),
        };
        Ok(Setup {
            task,
            model: self.spec.model.clone(),
            loss: self.spec.loss.clone(),
            optim: self.spec.optim.clone(),
            train: self.spec.train.clone(),
            seeds,
            init: self.inputs.weights.as_ref().map(|w| w.0.clone()),
            interventions: self.spec.interventions(),
            rewrites: self.spec.rewrites.clone(),
        })
    }

    /// Training and test examples of the first run, and how far the test could be answered without generalising. No model is built.
    ///
    /// # Errors
    /// What the task forbids.
    pub fn leakage(&self) -> Result<(usize, usize, Leakage), SpecError> {
        let task = self.inputs.task(&self.spec, &self.runs[0].seeds)?;
        Ok((task.train.len(), task.tested().test.len(), task.leakage))
    }

    /// Makes the first run, which finds everything that is wrong with a spec before anything is written, and its sizes.
    ///
    /// # Errors
    /// Arguments that do not fit each other, the task, or the file of first weights.
    pub fn probe(&self) -> Result<(Run, Size), Error> {
        let setup = self.setup(&self.runs[0], None)?;
        let task = Arc::clone(&setup.task);
        let batch = setup.rows();
        let run = Run::new(setup)?;
        if let Some((weights, _)) = &self.inputs.weights {
            // A tensor too many or of another shape was refused already.
            if let Some((name, ..)) = run.params().find(|(name, ..)| !weights.contains_key(*name)) {
                let file = self.spec.model.str("init");
                return Err(SpecError::new(
                    "model.init",
                    format!("`{file}` has no tensor `{name}`"),
                    "a file with every tensor of the model (book, \"Names of tensors\")",
                )
                .into());
            }
        }
        let size = Size {
            parameters: run.params().map(|(_, shape, _)| shape.iter().product::<usize>()).sum(),
            examples: (task.train.len(), task.tested().test.len()),
            batch,
            chance: task.chance,
            leakage: (task.leakage.repeated, task.leakage.twins),
        };
        Ok((run, size))
    }
}
