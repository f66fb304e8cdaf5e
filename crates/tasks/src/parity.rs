//! Sparse parity of ±1 bits: Barak et al. (arXiv:2207.08799) with fresh examples, Merrill et al. (arXiv:2303.11873) with a fixed set.
//!
//! A row has `n` features, each +1 or −1 uniformly; the answer is the product of the first `k`. Label 1 means product +1, label 0 product −1
//! (so a loss on y = ±1 uses y = 2·label − 1).

use crate::TaskRow;
use crate::split::{CORRUPT, LABELS, LabelOptions};
use crate::task::{Features, Leakage, Seeds, Symmetry, Task};
use pennydrop_graph::rng::{Purpose, Stream};
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError};
use std::collections::BTreeSet;

/// Lanes of [`Purpose::Sample`]: part of every run's bits.
const FRESH: u32 = 0;
const TRAIN: u32 = 1;
const TEST: u32 = 2;

const MOST: i64 = 1 << 22;
/// Up to this many bits all inputs can be listed, and must be when the sets take more than half of them; beyond it, `2·MOST` is never half of them.
const LISTED: usize = 24;
/// Features held at once: 1 GiB.
const MOST_VALUES: usize = 1 << 28;

const SAMPLING: &[&str] = &["without", "with", "fresh"];

/// The rows of this family.
pub(crate) const ROWS: &[TaskRow] = &[TaskRow {
    row: Row {
        name: "parity",
        summary: "the product of the first k of n random signs",
        source: "Barak et al. 2022, arXiv:2207.08799; Merrill et al. 2023, arXiv:2303.11873",
        params: &[
            Param { key: "n", kind: Kind::Int { min: 1, max: 1024 }, default: Default::Int(40), doc: "bits (40: arXiv:2303.11873)" },
            Param {
                key: "k",
                kind: Kind::Int { min: 1, max: 1024 },
                default: Default::Int(3),
                doc: "relevant bits, the first k; at most n (3: arXiv:2303.11873)",
            },
            Param {
                key: "train",
                kind: Kind::Int { min: 1, max: MOST },
                default: Default::Int(1000),
                doc: "training examples; not used with sampling=fresh (1000: arXiv:2303.11873)",
            },
            Param {
                key: "test",
                kind: Kind::Int { min: 1, max: MOST },
                default: Default::Int(10_000),
                doc: "test examples (10,000 give accuracy within half a point; the paper has 100)",
            },
            Param {
                key: "sampling",
                kind: Kind::Choice(SAMPLING),
                default: Default::Str("without"),
                doc: "without: a fixed set of distinct examples; with: a fixed set drawn with replacement; fresh: every batch is new",
            },
            LABELS,
            CORRUPT,
        ],
    },
    build,
}];

/// The generator of fresh examples.
///
/// Row r of step t is a pure function of (seed, t, r): it does not depend on the size of the batch, so a larger batch starts with the rows of a smaller one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fresh {
    /// Features a row.
    pub n: usize,
    /// Relevant features, the first ones.
    pub k: usize,
}

impl Fresh {
    /// Fills `labels.len()` rows of `features` (`[labels.len(), n]`, ±1) and their `labels` (0 or 1), the rows `first..` of step `step`, without allocating.
    /// `seed` is the run's `seed.batch`. Panics unless `features.len() == labels.len() · n`.
    pub fn fill(&self, seed: u64, step: u64, first: u64, features: &mut [f32], labels: &mut [u32]) {
        assert_eq!(features.len(), labels.len() * self.n, "features of {} rows of {}", labels.len(), self.n);
        let stream = Stream::new(seed, Purpose::Sample, FRESH, step);
        let blocks = self.n.div_ceil(128) as u64;
        for (r, (row, label)) in features.chunks_exact_mut(self.n).zip(labels).enumerate() {
            for (b, chunk) in row.chunks_mut(128).enumerate() {
                let words = stream.block((first + r as u64) * blocks + b as u64);
                for (i, x) in chunk.iter_mut().enumerate() {
                    *x = sign(words[i / 32] >> (i % 32) & 1 == 1);
                }
            }
            *label = label_of(&row[..self.k]);
        }
    }

    /// The first `size` rows of step `step`: features `[size, n]` and labels `[size]`.
    pub fn batch(&self, seed: u64, step: u64, size: usize) -> (Vec<f32>, Vec<u32>) {
        let (mut features, mut labels) = (vec![0.0; size * self.n], vec![0; size]);
        self.fill(seed, step, 0, &mut features, &mut labels);
        (features, labels)
    }
}

fn sign(plus: bool) -> f32 {
    if plus { 1.0 } else { -1.0 }
}

/// 1 when the product of the signs is +1.
fn label_of(relevant: &[f32]) -> u32 {
    u32::from(relevant.iter().filter(|x| **x < 0.0).count() % 2 == 0)
}

/// A row as bits, 64 a word, feature 0 lowest; set means +1.
type Bits = Vec<u64>;

/// Row `r` of a stream; two words a block.
fn draw(stream: &Stream, r: u64, n: usize) -> Bits {
    let blocks = n.div_ceil(128) as u64;
    let mut bits: Bits =
        (0..blocks).flat_map(|b| stream.block(r * blocks + b)).collect::<Vec<u32>>().chunks(2).map(|w| u64::from(w[1]) << 32 | u64::from(w[0])).collect();
    bits.truncate(n.div_ceil(64));
    if !n.is_multiple_of(64)
        && let Some(last) = bits.last_mut()
    {
        *last &= (1 << (n % 64)) - 1;
    }
    bits
}

/// `count` rows of a stream, each new to `seen`. At least half of all rows must be new to the end, so that this takes two draws a row.
fn draw_distinct(stream: &Stream, n: usize, count: usize, seen: &mut BTreeSet<Bits>) -> Vec<Bits> {
    let mut rows = Vec::with_capacity(count);
    for r in 0.. {
        if rows.len() == count {
            break;
        }
        let bits = draw(stream, r, n);
        if seen.insert(bits.clone()) {
            rows.push(bits);
        }
    }
    rows
}

/// Distinct rows throughout. Training sets of one seed are nested in their size, and so are test sets where the two do not meet.
fn without_replacement(n: usize, train: usize, test: usize, seeds: &Seeds) -> (Vec<Bits>, Vec<Bits>) {
    let stream = |lane| Stream::new(seeds.split, Purpose::Sample, lane, 0);
    if n <= LISTED && train + test > 1 << (n - 1) {
        let all = stream(TRAIN).permutation(1 << n);
        let bits = |i: &u32| vec![u64::from(*i)];
        return (all.iter().take(train).map(bits).collect(), all.iter().rev().take(test).map(bits).collect());
    }
    let mut seen = BTreeSet::new();
    let train = draw_distinct(&stream(TRAIN), n, train, &mut seen);
    let test = draw_distinct(&stream(TEST), n, test, &mut seen);
    (train, test)
}

/// Independent training rows; independent test rows among those that are not trained on, or among all when every row is.
fn with_replacement(n: usize, train: usize, test: usize, seeds: &Seeds) -> (Vec<Bits>, Vec<Bits>) {
    let stream = |lane| Stream::new(seeds.split, Purpose::Sample, lane, 0);
    let rows: Vec<Bits> = (0..train as u64).map(|r| draw(&stream(TRAIN), r, n)).collect();
    let seen: BTreeSet<&Bits> = rows.iter().collect();
    let draws = stream(TEST);
    let tests = if n <= LISTED && seen.len() > 1 << (n - 1) {
        let mut left: Vec<u64> = (0..1 << n).filter(|i| !seen.contains(&vec![*i])).collect();
        if left.is_empty() {
            left = (0..1 << n).collect();
        }
        (0..test as u64).map(|r| vec![left[draws.below(r, left.len() as u64) as usize]]).collect()
    } else {
        (0..).map(|r| draw(&draws, r, n)).filter(|bits| !seen.contains(bits)).take(test).collect()
    };
    (rows, tests)
}

fn build(args: &Args, seeds: &Seeds) -> Result<Task, SpecError> {
    let (n, k, train, test) = (args.size("n"), args.size("k"), args.size("train"), args.size("test"));
    let sampling = args.str("sampling");
    let options = LabelOptions::read(args)?;
    if k > n {
        return Err(SpecError::new("task.k", format!("{k} relevant bits of only {n}"), format!("an integer from 1 to n = {n}")));
    }
    let train = if sampling == "fresh" { 0 } else { train };
    if (train + test).saturating_mul(n) > MOST_VALUES {
        return Err(SpecError::new(
            "task.train",
            format!("{train} + {test} examples of {n} bits are more than 2^28 values"),
            format!("train + test of at most {}", MOST_VALUES / n),
        ));
    }
    let (trained, tested) = match sampling {
        "without" => {
            if n < 63 && (train + test) as u64 > 1 << n {
                let problem = format!("{train} training and {test} test examples, but {n} bits have only {} distinct rows", 1u64 << n);
                return Err(SpecError::new("task.train", problem, format!("train + test of at most 2^{n}, or sampling=with")));
            }
            without_replacement(n, train, test, seeds)
        }
        "with" => with_replacement(n, train, test, seeds),
        _ => {
            if !options.untouched() {
                let key = if options.random { "task.labels" } else { "task.corrupt" };
                return Err(SpecError::new(
                    key,
                    "labels are changed in a fixed training set, and sampling=fresh has none",
                    "sampling=without or sampling=with, or true labels",
                ));
            }
            let stream = Stream::new(seeds.split, Purpose::Sample, TEST, 0);
            (Vec::new(), (0..test as u64).map(|r| draw(&stream, r, n)).collect())
        }
    };
    let mut values = Vec::with_capacity((train + test) * n);
    for bits in trained.iter().chain(&tested) {
        values.extend((0..n).map(|i| sign(bits[i / 64] >> (i % 64) & 1 == 1)));
    }
    let ideal: Vec<u32> = values.chunks_exact(n).map(|row| label_of(&row[..k])).collect();
    let seen: BTreeSet<&Bits> = trained.iter().collect();
    let leakage = Leakage { repeated: tested.iter().filter(|bits| seen.contains(bits)).count(), ..Leakage::default() };
    let (train, test): (Vec<u32>, Vec<u32>) = ((0..train as u32).collect(), (train as u32..(train + test) as u32).collect());
    let (labels, corrupted) = options.apply(&ideal, 2, &train, seeds)?;
    Ok(Task {
        name: args.name().into(),
        coordinates: Vec::new(),
        tokens: Vec::new(),
        features: Some(Features { width: n, values }),
        labels,
        ideal,
        classes: 2,
        train,
        test,
        corrupted,
        chance: 0.5,
        symmetries: vec![Symmetry::Flip { k }],
        leakage,
        modulus: None,
        group: None,
        fresh: (sampling == "fresh").then_some(Fresh { n, k }),
        answers: None,
        transfer: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pennydrop_registry::Value;

    fn task(sampling: &str, numbers: [i64; 4], more: &[(&str, Value)]) -> Result<Task, SpecError> {
        let mut given: Vec<_> = ["n", "k", "train", "test"].iter().zip(numbers).map(|(k, v)| (k.to_string(), Value::Int(v))).collect();
        given.push(("sampling".into(), Value::Str(sampling.into())));
        given.extend(more.iter().map(|(k, v)| (k.to_string(), v.clone())));
        crate::build(&Args::check("task", crate::find("parity")?, given)?, &Seeds::all(5))
    }

    fn rows(t: &Task, side: &[u32]) -> Vec<Vec<i8>> {
        side.iter().map(|e| t.dense(*e).iter().map(|x| *x as i8).collect()).collect()
    }

    fn distinct(rows: &[Vec<i8>]) -> usize {
        rows.iter().collect::<BTreeSet<_>>().len()
    }

    #[test]
    fn labels_are_products_of_the_first_bits() {
        for sampling in SAMPLING {
            for [n, k] in [[1, 1], [40, 3], [64, 64], [130, 5], [200, 4]] {
                let sizes = if n == 1 { [1, 1] } else { [300, 200] };
                let t = task(sampling, [n, k, sizes[0], sizes[1]], &[]).unwrap();
                for e in 0..t.len() as u32 {
                    let row = t.dense(e);
                    assert!(row.len() == n as usize && row.iter().all(|x| x.abs() == 1.0));
                    let product: f32 = row[..k as usize].iter().product();
                    assert_eq!(product, 2.0 * t.labels[e as usize] as f32 - 1.0);
                }
            }
        }
    }

    /// Mean within five standard errors, on every bit and every neighbouring product, so that no word of a row is reused.
    #[test]
    fn bits_are_balanced_and_unrelated() {
        let fixed = task("with", [200, 3, 4000, 1], &[]).unwrap();
        let fresh = Fresh { n: 200, k: 3 }.batch(9, 7, 4000).0;
        for values in [&fixed.features.unwrap().values[..800_000], &fresh] {
            for lag in [0usize, 1, 31, 32, 64, 127, 128] {
                for i in 0..200 - lag {
                    let sum: f64 = values.chunks_exact(200).map(|row| f64::from(if lag == 0 { row[i] } else { row[i] * row[i + lag] })).sum();
                    assert!(sum.abs() < 5.0 * 4000f64.sqrt(), "bit {i} at lag {lag}: {sum}");
                }
            }
        }
    }

    #[test]
    fn without_replacement_is_distinct_and_disjoint() {
        for numbers in [[40, 3, 1000, 500], [10, 3, 300, 200], [10, 3, 600, 424], [3, 2, 1, 7], [1, 1, 1, 1]] {
            let t = task("without", numbers, &[]).unwrap();
            let all: Vec<u32> = (0..t.len() as u32).collect();
            assert_eq!((t.train.len(), t.test.len()), (numbers[2] as usize, numbers[3] as usize));
            assert_eq!(distinct(&rows(&t, &all)), t.len(), "{numbers:?}");
            assert_eq!(t.leakage, Leakage::default());
        }
    }

    #[test]
    fn with_replacement_repeats_and_keeps_the_test_set_apart_while_it_can() {
        for (numbers, complement) in [([8, 2, 100, 200], true), ([8, 2, 200, 100], true), ([6, 2, 100, 300], true), ([3, 2, 1000, 50], false)] {
            let t = task("with", numbers, &[]).unwrap();
            let (train, test) = (rows(&t, &t.train), rows(&t, &t.test));
            assert!(distinct(&train) < train.len());
            let repeated = test.iter().filter(|row| train.contains(row)).count();
            assert_eq!(t.leakage.repeated, repeated);
            assert_eq!(repeated, if complement { 0 } else { 50 }, "{numbers:?}");
        }
    }

    #[test]
    fn training_sets_are_nested_in_their_size() {
        for sampling in ["with", "without"] {
            let (small, large) = (task(sampling, [30, 3, 100, 50], &[]).unwrap(), task(sampling, [30, 3, 400, 50], &[]).unwrap());
            assert_eq!(rows(&small, &small.train)[..], rows(&large, &large.train)[..100]);
        }
    }

    #[test]
    fn fresh_batches_are_reproducible_and_independent_of_their_size() {
        let t = task("fresh", [50, 3, 1000, 64], &[]).unwrap();
        assert!(t.train.is_empty() && t.test.len() == 64);
        let fresh = t.fresh.unwrap();
        let (x, y) = fresh.batch(1, 10, 32);
        assert_eq!(fresh.batch(1, 10, 32), (x.clone(), y.clone()));
        let (longer_x, longer_y) = fresh.batch(1, 10, 100);
        assert_eq!((&longer_x[..32 * 50], &longer_y[..32]), (&x[..], &y[..]));
        let (mut tail_x, mut tail_y) = (vec![0.0; 30 * 50], vec![0; 30]);
        fresh.fill(1, 10, 70, &mut tail_x, &mut tail_y);
        assert_eq!((&longer_x[70 * 50..], &longer_y[70..]), (&tail_x[..], &tail_y[..]));
        assert_ne!(fresh.batch(1, 11, 32).0, x);
        assert_ne!(fresh.batch(2, 10, 32).0, x);
    }

    #[test]
    fn flipping_a_relevant_bit_changes_the_answer_and_no_other_does() {
        let t = task("without", [12, 4, 50, 50], &[]).unwrap();
        assert_eq!(t.symmetries, [Symmetry::Flip { k: 4 }]);
        let complete = task("without", [8, 3, 128, 128], &[]).unwrap();
        let answer = |row: &[f32]| (0..256).find(|e| complete.dense(*e) == row).map(|e| complete.ideal[e as usize]).unwrap();
        for e in 0..256 {
            for bit in 0..8 {
                let mut row = complete.dense(e).to_vec();
                row[bit] *= -1.0;
                assert_eq!(answer(&row) != complete.ideal[e as usize], bit < 3);
            }
        }
    }

    #[test]
    fn refusals_say_why() {
        let says = |r: Result<Task, SpecError>, words: &[&str]| {
            let text = r.unwrap_err().to_string();
            assert!(words.iter().all(|w| text.contains(w)), "{text}");
        };
        says(task("with", [4, 5, 1, 1], &[]), &["task.k", "5 relevant bits of only 4"]);
        says(task("without", [10, 3, 1000, 25], &[]), &["task.train", "only 1024 distinct rows", "sampling=with"]);
        says(task("without", [1024, 3, 1 << 22, 1], &[]), &["task.train", "2^28"]);
        says(task("fresh", [10, 3, 10, 10], &[("labels", Value::Str("random".into()))]), &["task.labels", "sampling=fresh"]);
        says(task("fresh", [10, 3, 10, 10], &[("corrupt", Value::Float(0.1))]), &["task.corrupt", "sampling=fresh"]);
    }

    #[test]
    fn corruption_flips_the_stated_share_of_training_labels() {
        let t = task("without", [30, 3, 1000, 500], &[("corrupt", Value::Float(0.25))]).unwrap();
        let wrong: Vec<u32> = (0..t.len() as u32).filter(|e| t.labels[*e as usize] != t.ideal[*e as usize]).collect();
        assert_eq!((wrong.len(), &wrong), (250, &t.corrupted));
        assert!(wrong.iter().all(|e| t.train.contains(e)));
    }
}
