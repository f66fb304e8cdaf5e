//! Which examples a step sees, as a pure function of seed and step, and how they are laid out for a network.

use crate::settings::Setup;
use crate::step::{Fed, Layout};
use pennydrop_graph::feed::Batch;
use pennydrop_graph::rng::{Purpose, Stream};
use pennydrop_tasks::Task;
use std::sync::Arc;

/// Lanes of [`Purpose::Batch`]: part of every run's bits.
const EPOCH: u32 = 0;
const WITH: u32 = 1;
const DRAW: u32 = 2;

#[derive(Debug, Clone)]
enum Rule {
    /// Every training example, in the task's order.
    Full,
    /// A permutation an epoch.
    Epoch,
    /// With replacement.
    With,
    /// Without, anew each step.
    Draw,
    /// New examples.
    Fresh,
    /// Batches from elsewhere.
    #[cfg(test)]
    Given(Arc<Vec<Vec<u32>>>),
}

/// Chooses and lays out the batches of a run. After the first epoch it allocates nothing.
#[derive(Debug, Clone)]
pub(crate) struct Sampler {
    task: Arc<Task>,
    rule: Rule,
    rows: usize,
    seed: u64,
    /// The training examples: permuted in `epoch` order, in the task's order between `draw`s.
    order: Vec<u32>,
    epoch: Option<u64>,
    chosen: Vec<u32>,
    features: Vec<f32>,
    labels: Vec<u32>,
}

impl Sampler {
    /// For a setup whose batch size has been checked.
    pub fn new(setup: &Setup) -> Sampler {
        let rule = match (setup.train.str("sampling"), setup.train.size("batch")) {
            _ if setup.task.fresh.is_some() => Rule::Fresh,
            (_, 0) => Rule::Full,
            ("with", _) => Rule::With,
            ("draw", _) => Rule::Draw,
            _ => Rule::Epoch,
        };
        let rows = setup.rows();
        let fresh = setup.task.fresh.map_or(0, |f| f.n);
        Sampler {
            task: setup.task.clone(),
            rule,
            rows,
            seed: setup.seeds.batch,
            order: setup.task.train.clone(),
            epoch: None,
            chosen: Vec::with_capacity(rows),
            features: vec![0.0; rows * fresh],
            labels: vec![0; if fresh > 0 { rows } else { 0 }],
        }
    }

    #[cfg(test)]
    pub fn give(&mut self, batches: Vec<Vec<u32>>) {
        self.rule = Rule::Given(Arc::new(batches));
    }

    /// Whether every step sees the same batch.
    pub fn constant(&self) -> bool {
        matches!(self.rule, Rule::Full)
    }

    /// Passes over the training set in the first `step` steps.
    pub fn epochs(&self, step: u64) -> Option<f64> {
        let n = self.order.len();
        match self.rule {
            Rule::Fresh => None,
            Rule::Full => Some(step as f64),
            Rule::Epoch => Some(step as f64 / n.div_ceil(self.rows) as f64),
            _ => Some(step as f64 * self.rows as f64 / n as f64),
        }
    }

    /// Writes the batch of `step`.
    pub fn fill(&mut self, step: u64, layout: &Layout, to: &mut Batch) {
        match &self.rule {
            Rule::Fresh => {
                if let Some(fresh) = &self.task.fresh {
                    fresh.fill(self.seed, step, 0, &mut self.features, &mut self.labels);
                }
                to.rows = self.rows;
                to.features.resize_with(1, Vec::new);
                to.features[0].clear();
                to.features[0].extend(self.features.iter().map(|x| f64::from(*x)));
                to.indices.resize_with(layout.indices.len(), Vec::new);
                for (column, source) in to.indices.iter_mut().zip(&layout.indices) {
                    column.clear();
                    match source {
                        None => column.extend_from_slice(&self.labels),
                        Some(t) => column.resize(self.rows, *t),
                    }
                }
                return;
            }
            Rule::Full => {
                self.chosen.clear();
                self.chosen.extend_from_slice(&self.order);
            }
            Rule::Epoch => {
                let n = self.order.len();
                let batches = n.div_ceil(self.rows) as u64;
                let (epoch, at) = (step / batches, (step % batches) as usize * self.rows);
                if self.epoch != Some(epoch) {
                    self.epoch = Some(epoch);
                    self.order.copy_from_slice(&self.task.train);
                    let stream = Stream::new(self.seed, Purpose::Batch, EPOCH, epoch);
                    for i in (1..n).rev() {
                        self.order.swap(i, stream.below(i as u64, i as u64 + 1) as usize);
                    }
                }
                self.chosen.clear();
                self.chosen.extend_from_slice(&self.order[at..(at + self.rows).min(n)]);
            }
            Rule::With => {
                let stream = Stream::new(self.seed, Purpose::Batch, WITH, step);
                let n = self.order.len() as u64;
                self.chosen.clear();
                self.chosen.extend((0..self.rows as u64).map(|i| self.order[stream.below(i, n) as usize]));
            }
            Rule::Draw => {
                let stream = Stream::new(self.seed, Purpose::Batch, DRAW, step);
                let n = self.order.len();
                let other = |i: usize| i + stream.below(i as u64, (n - i) as u64) as usize;
                for i in 0..self.rows {
                    self.order.swap(i, other(i));
                }
                self.chosen.clear();
                self.chosen.extend_from_slice(&self.order[..self.rows]);
                // Swapped back, so that a batch depends on its step alone.
                for i in (0..self.rows).rev() {
                    self.order.swap(i, other(i));
                }
            }
            #[cfg(test)]
            Rule::Given(batches) => {
                self.chosen.clear();
                self.chosen.extend_from_slice(&batches[step as usize]);
            }
        }
        layout.write(&self.task, &self.chosen, to);
    }
}

impl Layout {
    /// Writes `examples` of `task` into the buffers of `to`.
    pub fn write(&self, task: &Task, examples: &[u32], to: &mut Batch) {
        to.rows = examples.len();
        to.tokens.resize_with(self.coordinates, Vec::new);
        for (c, column) in to.tokens.iter_mut().enumerate() {
            column.clear();
            if self.answer && c == self.coordinates - 1 {
                column.extend(examples.iter().map(|i| task.labels[*i as usize]));
            } else {
                column.extend(examples.iter().map(|i| task.input(*i)[c]));
            }
        }
        to.indices.resize_with(self.indices.len(), Vec::new);
        for (column, source) in to.indices.iter_mut().zip(&self.indices) {
            column.clear();
            match source {
                None => column.extend(examples.iter().map(|i| task.labels[*i as usize])),
                Some(t) => column.resize(examples.len(), *t),
            }
        }
        to.features.resize_with(self.dense.len(), Vec::new);
        for (column, fed) in to.features.iter_mut().zip(&self.dense) {
            column.clear();
            match (fed, &task.answers) {
                (Fed::Bits, Some(answers)) => column.extend(examples.iter().flat_map(|i| answers.row(task.labels[*i as usize])).map(|b| f64::from(*b))),
                _ => column.extend(examples.iter().flat_map(|i| task.dense(*i)).map(|x| f64::from(*x))),
            }
        }
    }
}
