//! Keys that every fixed set shares: how it is split, and what is done to its labels.

use crate::lookup::Lookup;
use crate::task::{Coordinate, Leakage, Seeds, Symmetry, Task};
use pennydrop_graph::rng::{Purpose, Stream};
use pennydrop_registry::{Args, Default, Kind, Param, SpecError};

/// Lanes of [`Purpose::Labels`]: part of every run's bits.
const RANDOM_LABELS: u32 = 0;
const CORRUPTED: u32 = 1;
const WRONG_LABELS: u32 = 2;

pub(crate) const FRACTION: Param = Param {
    key: "fraction",
    kind: Kind::Float { min: 0.0, max: 1.0 },
    default: Default::Float(0.5),
    doc: "share of the examples that is trained on, strictly between 0 and 1; the count is rounded down (0.5: arXiv:2201.02177, figure 1)",
};
pub(crate) const CLOSURE: Param =
    Param { key: "closure", kind: Kind::Bool, default: Default::Bool(false), doc: "whether (a, b) and (b, a) go to the same side of the split" };
// Text and not a choice, because an unquoted `true` is read as a truth value.
pub(crate) const LABELS: Param = Param {
    key: "labels",
    kind: Kind::Str,
    default: Default::Str("true"),
    doc: "`true`, or `random`: the control, where every label is redrawn once, uniformly, by seed.split",
};
pub(crate) const CORRUPT: Param = Param {
    key: "corrupt",
    kind: Kind::Float { min: 0.0, max: 1.0 },
    default: Default::Float(0.0),
    doc: "share of the training labels (rounded to the nearest count) replaced by a wrong one, uniform among the wrong ones",
};

/// What is done to labels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LabelOptions {
    pub random: bool,
    pub corrupt: f64,
}

impl LabelOptions {
    pub fn read(args: &Args) -> Result<LabelOptions, SpecError> {
        let random = match args.str("labels") {
            "true" => false,
            "random" => true,
            other => return Err(SpecError::unknown("task.labels", "kind of labels", other, ["true", "random"])),
        };
        let corrupt = args.float("corrupt");
        if random && corrupt > 0.0 {
            return Err(SpecError::new("task.corrupt", format!("`{corrupt}` with labels=random: every label is random already"), "0 with labels=random"));
        }
        Ok(LabelOptions { random, corrupt })
    }

    pub fn untouched(&self) -> bool {
        !self.random && self.corrupt == 0.0
    }

    /// The labels as trained, and which training examples were corrupted (ascending).
    ///
    /// Corrupted sets of one seed are nested: a larger share keeps the smaller share's examples and their wrong labels.
    pub fn apply(&self, ideal: &[u32], classes: usize, train: &[u32], seeds: &Seeds) -> Result<(Vec<u32>, Vec<u32>), SpecError> {
        let stream = |lane| Stream::new(seeds.split, Purpose::Labels, lane, 0);
        if self.random {
            let draw = stream(RANDOM_LABELS);
            return Ok(((0..ideal.len() as u64).map(|i| draw.below(i, classes as u64) as u32).collect(), Vec::new()));
        }
        let mut labels = ideal.to_vec();
        let count = (self.corrupt * train.len() as f64).round() as usize;
        if count == 0 {
            return Ok((labels, Vec::new()));
        }
        if classes < 2 {
            return Err(SpecError::new("task.corrupt", "there is only one answer, so no wrong one", "0 for this task"));
        }
        let mut corrupted: Vec<u32> = stream(CORRUPTED).permutation(train.len())[..count].iter().map(|i| train[*i as usize]).collect();
        corrupted.sort_unstable();
        let draw = stream(WRONG_LABELS);
        for &e in &corrupted {
            let (truth, other) = (ideal[e as usize], draw.below(u64::from(e), classes as u64 - 1) as u32);
            labels[e as usize] = other + u32::from(other >= truth);
        }
        Ok((labels, corrupted))
    }
}

/// How a fixed set of discrete examples is split.
pub(crate) enum Split {
    /// By share; with closure, twins stay together.
    Drawn { fraction: f64, closure: bool },
    /// By share; what is not trained on is not used, because the test set lies elsewhere ([`Task::transfer`]).
    Trained { fraction: f64 },
    /// Given: whether each example is trained on.
    Given(Vec<bool>),
}

impl Split {
    pub fn read(args: &Args) -> Result<Split, SpecError> {
        let fraction = args.float("fraction");
        let between = "a number strictly between 0 and 1";
        if fraction <= 0.0 {
            return Err(SpecError::new("task.fraction", "0 leaves nothing to train on", between));
        }
        if fraction >= 1.0 {
            return Err(SpecError::new("task.fraction", "1 leaves nothing to test on", between));
        }
        Ok(Split::Drawn { fraction, closure: args.bool("closure") })
    }
}

/// A discrete task before its split.
pub(crate) struct Examples {
    pub name: String,
    pub coordinates: Vec<Coordinate>,
    /// `[n, coordinates.len()]`, n and the width at least 1.
    pub tokens: Vec<u32>,
    pub ideal: Vec<u32>,
    pub classes: usize,
    /// Declared laws, without [`Symmetry::Swap`], which is looked for.
    pub symmetries: Vec<Symmetry>,
}

impl Examples {
    /// Splits, sets labels, counts leakage.
    pub fn finish(self, split: Split, options: LabelOptions, seeds: &Seeds) -> Result<Task, SpecError> {
        let n = self.ideal.len();
        let lookup = Lookup::new(&self.tokens, &self.coordinates);
        let elsewhere = matches!(split, Split::Trained { .. });
        let in_train = match split {
            Split::Given(sides) => sides,
            Split::Trained { fraction } => draw(&lookup, fraction, false, seeds)?,
            Split::Drawn { fraction, closure } => draw(&lookup, fraction, closure, seeds)?,
        };
        let (train, mut test): (Vec<u32>, Vec<u32>) = lookup.order.iter().partition(|e| in_train[**e as usize]);
        if elsewhere {
            test.clear();
        }
        if train.is_empty() || (test.is_empty() && !elsewhere) {
            let side = if train.is_empty() { "train" } else { "test" };
            return Err(SpecError::new(
                "task.fraction",
                format!("the {n} examples leave none to {side} on"),
                "a share that leaves at least one example on each side",
            ));
        }
        let symmetric = lookup.is_symmetric(&self.ideal);
        let leakage = count_leakage(&lookup, &self.ideal, &in_train, &test, symmetric);
        let mut symmetries = self.symmetries;
        if symmetric {
            symmetries.insert(0, Symmetry::Swap);
        }
        let (labels, corrupted) = options.apply(&self.ideal, self.classes, &train, seeds)?;
        let chance = if options.random { 1.0 / self.classes as f64 } else { largest_share(&self.ideal, self.classes) };
        Ok(Task {
            name: self.name,
            coordinates: self.coordinates,
            tokens: self.tokens,
            features: None,
            labels,
            ideal: self.ideal,
            classes: self.classes,
            train,
            test,
            corrupted,
            chance,
            symmetries,
            leakage,
            modulus: None,
            group: None,
            fresh: None,
            answers: None,
            transfer: None,
        })
    }
}

/// Draws which examples are trained on: a prefix of the seed's permutation, ⌊fraction·n⌋ long (the product is rounded to a double first, as in Python's `int(f * n)`).
/// So training sets of one seed are nested in the fraction.
///
/// With closure the permutation is of classes {(a, b), (b, a)}, taken while they fit: the count is exact, or one short when only pairs are left.
fn draw(lookup: &Lookup, fraction: f64, closure: bool, seeds: &Seeds) -> Result<Vec<bool>, SpecError> {
    let n = lookup.order.len();
    let mut left = (fraction * n as f64).floor() as usize;
    let mut in_train = vec![false; n];
    let stream = Stream::new(seeds.split, Purpose::Split, 0, 0);
    if !closure {
        for e in stream.permutation(n).into_iter().take(left) {
            in_train[e as usize] = true;
        }
        return Ok(in_train);
    }
    let classes = twin_classes(lookup)?;
    for c in stream.permutation(classes.len()) {
        let class = &classes[c as usize];
        if class.len() <= left {
            left -= class.len();
            for e in class {
                in_train[*e as usize] = true;
            }
        }
    }
    Ok(in_train)
}

/// The examples grouped by unordered pair, in order of (smaller, larger) operand.
fn twin_classes(lookup: &Lookup) -> Result<Vec<Vec<u32>>, SpecError> {
    let mut keyed = Vec::with_capacity(lookup.order.len());
    for &e in &lookup.order {
        match *lookup.row(e) {
            [a, b] => keyed.push(((a.min(b), a.max(b)), e)),
            _ => return Err(SpecError::new("task.closure", "swapping operands needs exactly two of them", "false for this task")),
        }
    }
    keyed.sort_unstable();
    Ok(keyed.chunk_by(|x, y| x.0 == y.0).map(|class| class.iter().map(|x| x.1).collect()).collect())
}

fn count_leakage(lookup: &Lookup, ideal: &[u32], in_train: &[bool], test: &[u32], symmetric: bool) -> Leakage {
    let mut leakage = Leakage::default();
    for &e in test {
        let row = lookup.row(e);
        let trained =
            |tokens: &[u32], other: bool| lookup.find(tokens).iter().any(|t| in_train[*t as usize] && (!other || ideal[*t as usize] != ideal[e as usize]));
        leakage.repeated += usize::from(trained(row, false));
        leakage.conflicting += usize::from(trained(row, true));
        if symmetric && row[0] != row[1] {
            leakage.twins += usize::from(trained(&[row[1], row[0]], false));
        }
    }
    leakage
}

fn largest_share(answers: &[u32], classes: usize) -> f64 {
    let mut counts = vec![0usize; classes];
    for a in answers {
        counts[*a as usize] += 1;
    }
    counts.into_iter().max().unwrap_or(0) as f64 / answers.len() as f64
}
