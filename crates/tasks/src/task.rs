//! What a task is, once built.

use crate::groups::Group;
use crate::parity::Fresh;

/// The four seeds of a run. Tasks read `split` only, but for fresh sampling, whose caller passes `batch` (see [`Fresh`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seeds {
    /// The split into train and test, random labels, corruption, and the fixed examples of a sampled task.
    pub split: u64,
    /// Initial parameters.
    pub init: u64,
    /// Order of batches and fresh examples.
    pub batch: u64,
    /// Noise during training.
    pub noise: u64,
}

impl Seeds {
    /// One seed for all four (`seed=N` in a spec).
    pub fn all(seed: u64) -> Seeds {
        Seeds { split: seed, init: seed, batch: seed, noise: seed }
    }
}

/// A discrete operand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coordinate {
    /// `a`, `b`, or the column's name.
    pub name: String,
    /// Values are `0..range`.
    pub range: usize,
}

/// Dense inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// Values an example.
    pub width: usize,
    /// Row-major `[n, width]`.
    pub values: Vec<f32>,
}

/// Answers that are strings of bits, for tasks that ask one yes-or-no question a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// Bits an answer.
    pub width: usize,
    /// Row-major `[classes, width]`, 0 or 1: answer `c` is row `c`. Rows are distinct, in order of first appearance among the examples.
    pub bits: Vec<u8>,
}

impl Answers {
    /// The bits of answer `c`. Panics unless `c` is a class.
    pub fn row(&self, c: u32) -> &[u8] {
        &self.bits[c as usize * self.width..(c as usize + 1) * self.width]
    }
}

/// How far the test set could be answered without generalising. Counts of test examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leakage {
    /// The same input is also in the training set.
    pub repeated: usize,
    /// The same input is in the training set with another true answer (an ambiguous table): nobody can be right about both.
    pub conflicting: usize,
    /// `(a, b)` with `a ≠ b` whose twin `(b, a)` is in the training set, for tasks with [`Symmetry::Swap`]; 0 for others.
    /// `closure=true` makes it 0.
    pub twins: usize,
}

/// An exact law of the true answers, `f` the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symmetry {
    /// f(b, a) = f(a, b). Found by looking, not declared, and only when every example's twin is an example too.
    Swap,
    /// f(b, a) = −f(a, b) mod p.
    SwapNegates,
    /// f(b, a) · f(a, b) = 1 mod p, for a, b ≠ 0.
    SwapInverts,
    /// f(a + s·`a`, b + s·`b`) = f(a, b) + s·`c` mod p, for every s.
    Shift {
        /// Weight of the shift in the first operand.
        a: i8,
        /// Weight in the second operand.
        b: i8,
        /// Weight in the answer.
        c: i8,
    },
    /// f(uᵃ·a, uᵇ·b) = uᶜ·f(a, b) mod p, for every invertible u.
    Scale {
        /// Exponent in the first operand.
        a: i8,
        /// Exponent in the second operand.
        b: i8,
        /// Exponent in the answer.
        c: i8,
    },
    /// f(±a, ±b) = ±f(a, b) mod p: minus where true.
    Negate {
        /// Sign of the first operand.
        a: bool,
        /// Sign of the second operand.
        b: bool,
        /// Sign of the answer.
        c: bool,
    },
    /// f(a, −a − b) = f(a, b) mod p (the norm form x² + xy + y²).
    Reflect,
    /// f(g·a, b) = g·f(a, b), in a group.
    LeftProduct,
    /// f(a, b·g) = f(a, b)·g, in a group.
    RightProduct,
    /// f(g·a·g⁻¹, g·b·g⁻¹) = g·f(a, b)·g⁻¹, in a group.
    Conjugation,
    /// Changing the sign of any of the first `k` features changes the answer; changing any other does not.
    Flip {
        /// Number of relevant features.
        k: usize,
    },
}

/// Every example that a network sees, its label, its split, its ideal answer.
///
/// An example is an index `0..n`. Discrete tasks have `coordinates` and `tokens`, dense ones `features`; never both.
/// Complete tables are in lexicographic order: example (a, b) of p × p operands is number a·p + b.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The row's name.
    pub name: String,
    /// Discrete operands in the order in which they are fed; empty for dense tasks.
    pub coordinates: Vec<Coordinate>,
    /// Row-major `[n, coordinates.len()]`, each in its coordinate's range.
    pub tokens: Vec<u32>,
    /// Dense inputs; `None` for discrete tasks.
    pub features: Option<Features>,
    /// `[n]`, `0..classes`: the labels that training and testing use, after the random-label control and after corruption.
    pub labels: Vec<u32>,
    /// `[n]`, `0..classes`: the true answers. Differs from `labels` on corrupted training examples and under `labels=random`.
    pub ideal: Vec<u32>,
    /// Number of answers. For [`modular`](crate::modular) and [`composition`](crate::composition) tasks equal to the operands' range, so that an answer is also a token.
    pub classes: usize,
    /// Training examples. For discrete tasks sorted by (tokens, index), so that rows sharing a first operand lie together; for dense tasks
    /// in the order drawn. Empty when `fresh` is given.
    pub train: Vec<u32>,
    /// Test examples, in the same order. Disjoint from `train` as indices; `leakage` counts equal inputs.
    pub test: Vec<u32>,
    /// Training examples whose label was replaced by `corrupt`, ascending.
    pub corrupted: Vec<u32>,
    /// Accuracy of the best constant guess: the largest share of one true answer over all examples; 1/2 for parity; 1/`classes` for random labels.
    /// With `answers`, the share of bits that the best constant string gets right.
    ///
    /// A memoriser can do worse: on modular addition the class of an unseen pair never occurs in its row or column, so kernel methods test *below* chance (arXiv:2301.02679).
    pub chance: f64,
    /// Laws of the true answers that hold exactly.
    pub symmetries: Vec<Symmetry>,
    /// What the split lets through.
    pub leakage: Leakage,
    /// `Some(p)` when operands and answers are residues mod p in their natural order, so that Fourier diagnostics over Z_p make sense.
    pub modulus: Option<usize>,
    /// The group of operands and answers, for group tasks.
    pub group: Option<Group>,
    /// The generator of training examples under `sampling=fresh`.
    pub fresh: Option<Fresh>,
    /// What the classes mean, where answers are strings of bits. Labels and true answers are classes here too, so that controls act on them as on any task's.
    pub answers: Option<Answers>,
    /// The test set, where its examples are of another shape than the training examples (longer strings): a task that has test examples only. `test` is
    /// then empty, and a network is tested by the same weights in a program of its own.
    pub transfer: Option<Box<Task>>,
}

impl Task {
    /// Number of examples held (with `fresh`: of test examples).
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Where the test examples are: this task, or the one that it is transferred to.
    pub fn tested(&self) -> &Task {
        self.transfer.as_deref().unwrap_or(self)
    }

    /// Whether there is no example. Never true of a built task.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The operands of example `i`; empty for dense tasks. Panics unless `i < len()`.
    pub fn input(&self, i: u32) -> &[u32] {
        let w = self.coordinates.len();
        &self.tokens[i as usize * w..(i as usize + 1) * w]
    }

    /// The features of example `i`; empty for discrete tasks. Panics unless `i < len()`.
    pub fn dense(&self, i: u32) -> &[f32] {
        self.features.as_ref().map_or(&[], |f| &f.values[i as usize * f.width..(i as usize + 1) * f.width])
    }

    /// The largest range of a coordinate: operands share one table of token ids `0..token_range()`. 0 for dense tasks.
    pub fn token_range(&self) -> usize {
        self.coordinates.iter().map(|c| c.range).max().unwrap_or(0)
    }

    /// Whether the examples are every combination of operand values, in lexicographic order (example number = mixed-radix number of its tokens).
    pub fn is_complete(&self) -> bool {
        !self.coordinates.is_empty() && crate::lookup::is_complete(&self.tokens, &self.coordinates)
    }
}
