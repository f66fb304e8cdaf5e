//! Elementary cellular automata as teachers of strings of bits, and teachers of equal size that are not local (arXiv:2210.15435).
//!
//! A string has `length` bits; bit 0 is the paper's spin −1, bit 1 its +1. The answer is a string of the same length. A *K-local* answer is the string
//! after K steps of an elementary rule (Wolfram's number: the new bit of a cell with left neighbour l, centre c, right neighbour r is bit 4l + 2c + r of
//! `rule`), every step between two ends that stay 0. Rule 30 is l XOR (c OR r).
//!
//! **Teachers of equal size.** The paper never ran a teacher that is not local. Here output i of every teacher depends on exactly as many input bits as
//! output i of the local one does: k(i), counted from its truth table, so that neither the ends of the string nor a rule that ignores a neighbour spoils the
//! comparison ([`Teacher::relevant`] counts again for any teacher).
//!
//! | `teacher` | output i |
//! |---|---|
//! | `local` | the automaton's |
//! | `permuted` | the automaton's, of a string whose sites were rearranged once, by `seed.split`: the same functions, of sites that are not neighbours |
//! | `distant-parity` | XOR of the k(i) sites i + ⌊j·length/k(i)⌋ mod length, j = 0 … k(i) − 1, spread evenly over the whole string |
//! | `random` | a random Boolean function that depends on each of k(i) random sites, by `seed.split` |
//!
//! **What is tested.** With `test_length=0`, the strings of the table that are not trained on. Otherwise `test` random strings of another length, as in the
//! paper's code, which trains on all short strings and tests on long ones; only a local rule has a meaning at another length.

use crate::TaskRow;
use crate::split::{CORRUPT, Examples, LABELS, LabelOptions, Split};
use crate::task::{Answers, Coordinate, Features, Leakage, Seeds, Task};
use pennydrop_graph::rng::{Purpose, Stream};
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError};
use std::collections::BTreeMap;

/// Lanes of [`Purpose::Sample`]: part of every run's bits. Those below belong to parities.
const ORDER: u32 = 3;
const SITES: u32 = 4;
const FUNCTIONS: u32 = 5;
const LONGER: u32 = 6;

/// The whole table is held: 2^20 strings are 100 MB.
const LONGEST: i64 = 20;
/// A network is written out site by site.
const LONGEST_TEST: i64 = 256;
const TEACHERS: &[&str] = &["local", "permuted", "distant-parity", "random"];

/// The rows of this family.
pub(crate) const ROWS: &[TaskRow] = &[TaskRow {
    row: Row {
        name: "cellular-automaton",
        summary: "strings of bits after steps of an elementary cellular automaton, or by a teacher of equal size that is not local",
        source: "Žunkovič and Ilievski 2024, JMLR 25(199), arXiv:2210.15435",
        params: &[
            Param { key: "rule", kind: Kind::Int { min: 0, max: 255 }, default: Default::Int(30), doc: "Wolfram's number of the rule (30: arXiv:2210.15435)" },
            Param {
                key: "locality",
                kind: Kind::Int { min: 1, max: 5 },
                default: Default::Int(1),
                doc: "steps of the rule, K: an output depends on 2K + 1 bits at most (1 to 3: arXiv:2210.15435)",
            },
            Param {
                key: "length",
                kind: Kind::Int { min: 3, max: LONGEST },
                default: Default::Int(8),
                doc: "bits of a string (8: arXiv:2210.15435, the example figure; 10: its code)",
            },
            Param {
                key: "teacher",
                kind: Kind::Choice(TEACHERS),
                default: Default::Str("local"),
                doc: "local: the rule; permuted, distant-parity, random: teachers of as many relevant bits an output that are not local",
            },
            Param {
                key: "fraction",
                kind: Kind::Float { min: 0.0, max: 1.0 },
                default: Default::Float(0.5),
                doc: "share of the 2^length strings that is trained on, above 0; below 1 unless test_length is given; the count is rounded down",
            },
            Param {
                key: "test_length",
                kind: Kind::Int { min: 0, max: LONGEST_TEST },
                default: Default::Int(0),
                doc: "0: tested on the other strings of the table; else on random strings of so many bits, more than length (100: the code of arXiv:2210.15435)",
            },
            Param {
                key: "test",
                kind: Kind::Int { min: 1, max: 1 << 20 },
                default: Default::Int(1000),
                doc: "random strings that are tested on, with test_length (1000: the code of arXiv:2210.15435)",
            },
            LABELS,
            CORRUPT,
        ],
    },
    build,
}];

/// A map from strings of bits to strings of the same length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Teacher {
    /// So many steps of an elementary rule.
    Local {
        /// Wolfram's number.
        rule: u8,
        /// Steps.
        steps: usize,
    },
    /// The same of rearranged sites: cell i reads bit `order[i]`.
    Permuted {
        /// Wolfram's number.
        rule: u8,
        /// Steps.
        steps: usize,
        /// A permutation of the sites.
        order: Vec<u32>,
    },
    /// XOR of the listed sites, for each output.
    Parity(Vec<Vec<usize>>),
    /// For each output, the sites that it reads and its truth table: site j of the list is bit j of the row's number.
    Table(Vec<(Vec<usize>, Vec<u8>)>),
}

/// One step of an elementary rule between two ends that stay 0.
pub fn step(rule: u8, cells: &[u8]) -> Vec<u8> {
    let at = |i: Option<usize>| i.and_then(|i| cells.get(i)).copied().unwrap_or(0);
    (0..cells.len()).map(|i| rule >> (4 * at(i.checked_sub(1)) + 2 * cells[i] + at(i.checked_add(1))) & 1).collect()
}

impl Teacher {
    /// The teacher `word` of [the table above](self) for strings of `length` bits. `seed` is the run's `seed.split`.
    pub fn new(word: &str, rule: u8, steps: usize, length: usize, seed: u64) -> Teacher {
        let local = Teacher::Local { rule, steps };
        match word {
            "permuted" => Teacher::Permuted { rule, steps, order: Stream::new(seed, Purpose::Sample, ORDER, 0).permutation(length) },
            "distant-parity" => {
                let sites = |(i, k): (usize, usize)| (0..k).map(|j| (i + j * length / k) % length).collect();
                Teacher::Parity(local.relevant(length).into_iter().enumerate().map(sites).collect())
            }
            "random" => {
                let function = |(i, k): (usize, usize)| {
                    let sites = Stream::new(seed, Purpose::Sample, SITES, i as u64).permutation(length);
                    (sites[..k].iter().map(|s| *s as usize).collect(), random_function(k, &Stream::new(seed, Purpose::Sample, FUNCTIONS, i as u64)))
                };
                Teacher::Table(local.relevant(length).into_iter().enumerate().map(function).collect())
            }
            _ => local,
        }
    }

    /// The answer to `bits` (0 or 1).
    pub fn answer(&self, bits: &[u8]) -> Vec<u8> {
        let evolve = |rule: u8, steps: usize, start: Vec<u8>| (0..steps).fold(start, |cells, _| step(rule, &cells));
        match self {
            Teacher::Local { rule, steps } => evolve(*rule, *steps, bits.to_vec()),
            Teacher::Permuted { rule, steps, order } => evolve(*rule, *steps, order.iter().map(|i| bits[*i as usize]).collect()),
            Teacher::Parity(sites) => sites.iter().map(|s| s.iter().fold(0, |x, i| x ^ bits[*i])).collect(),
            Teacher::Table(outputs) => {
                outputs.iter().map(|(sites, table)| table[sites.iter().enumerate().map(|(j, i)| usize::from(bits[*i]) << j).sum::<usize>()]).collect()
            }
        }
    }

    /// The sites that output `i` may read.
    fn reads(&self, i: usize, length: usize) -> Vec<usize> {
        let window = |steps: usize| i.saturating_sub(steps)..(i + steps + 1).min(length);
        match self {
            Teacher::Local { steps, .. } => window(*steps).collect(),
            Teacher::Permuted { steps, order, .. } => window(*steps).map(|j| order[j] as usize).collect(),
            Teacher::Parity(sites) => sites[i].clone(),
            Teacher::Table(outputs) => outputs[i].0.clone(),
        }
    }

    /// How many input bits each output depends on: those whose change changes it for some values of the others.
    pub fn relevant(&self, length: usize) -> Vec<usize> {
        let output = |i: usize| {
            let sites = self.reads(i, length);
            let mut bits = vec![0; length];
            let table: Vec<u8> = (0..1usize << sites.len())
                .map(|code| {
                    sites.iter().enumerate().for_each(|(j, s)| bits[*s] = (code >> j & 1) as u8);
                    self.answer(&bits)[i]
                })
                .collect();
            (0..sites.len()).filter(|j| depends(&table, *j)).count()
        };
        (0..length).map(output).collect()
    }
}

/// Whether a truth table depends on its bit `j`.
fn depends(table: &[u8], j: usize) -> bool {
    (0..table.len()).any(|code| table[code] != table[code ^ 1 << j])
}

/// A truth table of `k` bits, uniform among those that depend on each; for no bits, 0.
fn random_function(k: usize, stream: &Stream) -> Vec<u8> {
    if k == 0 {
        return vec![0];
    }
    let rows = 1usize << k;
    // Half of the tables of one bit depend on it, and all but a few of more bits.
    for attempt in 0.. {
        let table: Vec<u8> = (0..rows).map(|r| stream.below((attempt * rows + r) as u64, 2) as u8).collect();
        if (0..k).all(|j| depends(&table, j)) {
            return table;
        }
    }
    unreachable!("a table is found")
}

/// Numbers answers in order of first appearance.
#[derive(Default)]
struct Numbering {
    known: BTreeMap<Vec<u8>, u32>,
    bits: Vec<u8>,
}

impl Numbering {
    fn number(&mut self, answer: Vec<u8>) -> u32 {
        let next = self.known.len() as u32;
        *self.known.entry(answer).or_insert_with_key(|a| {
            self.bits.extend_from_slice(a);
            next
        })
    }

    fn answers(self, width: usize) -> Answers {
        Answers { width, bits: self.bits }
    }
}

/// The share of bits that the best constant string gets right.
fn chance(answers: &Answers, examples: impl Iterator<Item = u32>) -> f64 {
    let (mut ones, mut n) = (vec![0usize; answers.width], 0);
    for c in examples {
        n += 1;
        ones.iter_mut().zip(answers.row(c)).for_each(|(sum, b)| *sum += usize::from(*b));
    }
    ones.iter().map(|k| *k.max(&(n - k)) as f64).sum::<f64>() / (n * answers.width) as f64
}

fn build(args: &Args, seeds: &Seeds) -> Result<Task, SpecError> {
    let (length, longer, fraction, word) = (args.size("length"), args.size("test_length"), args.float("fraction"), args.str("teacher"));
    let options = LabelOptions::read(args)?;
    let split = if longer == 0 {
        if fraction <= 0.0 || fraction >= 1.0 {
            let problem = format!("`{fraction}` leaves nothing to {} on", if fraction <= 0.0 { "train" } else { "test" });
            return Err(SpecError::new("task.fraction", problem, "a number strictly between 0 and 1, or up to 1 with test_length"));
        }
        Split::Drawn { fraction, closure: false }
    } else {
        if longer <= length {
            let problem = format!("strings of {longer} bits are tested on, but those of {length} are trained on");
            return Err(SpecError::new("task.test_length", problem, format!("0, or more than length = {length}")));
        }
        if word != "local" {
            let problem = format!("the teacher `{word}` is made for {length} sites and has no meaning at {longer}");
            return Err(SpecError::new("task.test_length", problem, "0 for teachers that are not local"));
        }
        if fraction <= 0.0 {
            return Err(SpecError::new("task.fraction", "0 leaves nothing to train on", "a number above 0, up to 1"));
        }
        Split::Trained { fraction }
    };
    let teacher = Teacher::new(word, args.size("rule") as u8, args.size("locality"), length, seeds.split);
    let n = 1usize << length;
    let (mut tokens, mut ideal, mut numbering) = (Vec::with_capacity(n * length), Vec::with_capacity(n), Numbering::default());
    for code in 0..n {
        let bits: Vec<u8> = (0..length).rev().map(|i| (code >> i & 1) as u8).collect();
        tokens.extend(bits.iter().map(|b| u32::from(*b)));
        ideal.push(numbering.number(teacher.answer(&bits)));
    }
    let answers = numbering.answers(length);
    let coordinates = (0..length).map(|i| Coordinate { name: format!("x{i}"), range: 2 }).collect();
    let examples = Examples { name: args.name().into(), coordinates, tokens, ideal, classes: answers.bits.len() / length, symmetries: Vec::new() };
    let task = examples.finish(split, options, seeds)?;
    let guess = if options.random { chance(&answers, 0..task.classes as u32) } else { chance(&answers, task.ideal.iter().copied()) };
    let transfer = (longer > 0).then(|| Box::new(random_strings(args, &teacher, longer, seeds)));
    Ok(Task { chance: guess, answers: Some(answers), transfer, ..task })
}

/// Test strings of another length, drawn independently: dense signs ±1, because most strings of so many bits are no example.
fn random_strings(args: &Args, teacher: &Teacher, length: usize, seeds: &Seeds) -> Task {
    let n = args.size("test");
    let stream = Stream::new(seeds.split, Purpose::Sample, LONGER, 0);
    let blocks = length.div_ceil(128);
    let (mut values, mut ideal, mut numbering) = (Vec::with_capacity(n * length), Vec::with_capacity(n), Numbering::default());
    for r in 0..n {
        let words: Vec<u32> = (0..blocks).flat_map(|b| stream.block((r * blocks + b) as u64)).collect();
        let bits: Vec<u8> = (0..length).map(|i| (words[i / 32] >> (i % 32) & 1) as u8).collect();
        values.extend(bits.iter().map(|b| if *b == 1 { 1.0f32 } else { -1.0 }));
        ideal.push(numbering.number(teacher.answer(&bits)));
    }
    let answers = numbering.answers(length);
    Task {
        name: args.name().into(),
        coordinates: Vec::new(),
        tokens: Vec::new(),
        features: Some(Features { width: length, values }),
        labels: ideal.clone(),
        classes: answers.bits.len() / length,
        train: Vec::new(),
        test: (0..n as u32).collect(),
        corrupted: Vec::new(),
        chance: chance(&answers, ideal.iter().copied()),
        ideal,
        symmetries: Vec::new(),
        leakage: Leakage::default(),
        modulus: None,
        group: None,
        fresh: None,
        answers: Some(answers),
        transfer: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pennydrop_registry::Value;

    fn task(given: &[(&str, Value)], seed: u64) -> Result<Task, SpecError> {
        let args = Args::check("task", &ROWS[0].row, given.iter().map(|(k, v)| (k.to_string(), v.clone()))).unwrap();
        build(&args, &Seeds::all(seed))
    }

    fn bits(s: &str) -> Vec<u8> {
        s.bytes().map(|b| b - b'0').collect()
    }

    /// The first rows of the triangles of rules 30, 90 and 110 from a single 1 (Wolfram 2002, pages 25–32), and rule 184 moving cars to the right.
    #[test]
    fn known_rows() {
        let known = [
            (30, ["00000100000", "00001110000", "00011001000", "00110111100"]),
            (90, ["00000100000", "00001010000", "00010001000", "00101010100"]),
            (110, ["00000100000", "00001100000", "00011100000", "00110100000"]),
            (184, ["01101000000", "01010100000", "00101010000", "00010101000"]),
        ];
        for (rule, rows) in known {
            for k in 1..4 {
                let teacher = Teacher::Local { rule, steps: k };
                assert_eq!(teacher.answer(&bits(rows[0])), bits(rows[k]), "rule {rule}, {k} steps");
            }
        }
    }

    /// All eight neighbourhoods of rule 30, and its ends, where what lies outside is 0.
    #[test]
    fn rule_30_is_a_formula() {
        for code in 0..256usize {
            let x: Vec<u8> = (0..8).map(|i| (code >> i & 1) as u8).collect();
            let at = |i: i32| if (0..8).contains(&i) { x[i as usize] } else { 0 };
            let want: Vec<u8> = (0..8).map(|i| at(i - 1) ^ (at(i) | at(i + 1))).collect();
            assert_eq!(step(30, &x), want);
        }
        // Every step is taken between ends that stay 0: rule 15 is NOT l, and its second step sees no ones outside.
        assert_eq!(Teacher::Local { rule: 15, steps: 2 }.answer(&[0, 0, 0]), [1, 0, 0]);
    }

    #[test]
    fn teachers_depend_on_equally_many_bits() {
        let length = 9;
        for rule in [30u8, 90, 110, 184, 170, 0] {
            for steps in 1..=3 {
                let local = Teacher::new("local", rule, steps, length, 5).relevant(length);
                for word in TEACHERS {
                    assert_eq!(Teacher::new(word, rule, steps, length, 5).relevant(length), local, "{word}, rule {rule}, {steps} steps");
                }
            }
        }
        assert_eq!(Teacher::new("local", 30, 1, 6, 0).relevant(6), [2, 3, 3, 3, 3, 2]);
        // Two steps of rule 90 are x(i−2) XOR x(i+2), inside.
        assert_eq!(Teacher::new("local", 90, 2, 8, 0).relevant(8)[2..6], [2, 2, 2, 2]);
    }

    /// Seen from outside: flipping one input changes an output far away, or not, for every pair.
    #[test]
    fn only_the_local_teacher_is_local() {
        let length = 12;
        let reach = |word: &str| {
            let teacher = Teacher::new(word, 30, 1, length, 3);
            let mut far = 0;
            for code in 0..1usize << length {
                let x: Vec<u8> = (0..length).map(|i| (code >> i & 1) as u8).collect();
                let y = teacher.answer(&x);
                let mut z = x.clone();
                z[0] ^= 1;
                far = far.max(teacher.answer(&z).iter().zip(&y).rposition(|(a, b)| a != b).unwrap_or(0));
            }
            far
        };
        assert_eq!(reach("local"), 1);
        for word in &TEACHERS[1..] {
            assert!(reach(word) > 2, "{word}");
        }
    }

    #[test]
    fn examples_are_every_string_and_answers_are_bits() {
        for word in TEACHERS {
            let t = task(&[("length", Value::Int(7)), ("teacher", Value::Str((*word).into())), ("locality", Value::Int(2))], 4).unwrap();
            let teacher = Teacher::new(word, 30, 2, 7, 4);
            let answers = t.answers.as_ref().unwrap();
            assert_eq!((t.len(), t.train.len(), t.test.len(), answers.width, t.is_complete()), (128, 64, 64, 7, true));
            for e in 0..128u32 {
                let x: Vec<u8> = t.input(e).iter().map(|b| *b as u8).collect();
                assert_eq!(answers.row(t.labels[e as usize]), teacher.answer(&x));
            }
            let distinct: std::collections::BTreeSet<&[u8]> = (0..t.classes as u32).map(|c| answers.row(c)).collect();
            assert_eq!(distinct.len(), t.classes, "answers are distinct");
        }
    }

    #[test]
    fn longer_strings_are_tested_elsewhere() {
        let t = task(&[("fraction", Value::Int(1)), ("test_length", Value::Int(130)), ("test", Value::Int(400))], 1).unwrap();
        assert_eq!((t.train.len(), t.test.len()), (256, 0));
        let long = t.tested();
        assert_eq!((long.len(), long.test.len(), long.features.as_ref().unwrap().width), (400, 400, 130));
        let mut sums = vec![0.0f32; 130];
        for e in 0..400u32 {
            let x: Vec<u8> = long.dense(e).iter().map(|s| u8::from(*s > 0.0)).collect();
            assert_eq!(long.answers.as_ref().unwrap().row(long.labels[e as usize]), step(30, &x));
            sums.iter_mut().zip(long.dense(e)).for_each(|(sum, x)| *sum += x);
        }
        assert!(sums.iter().all(|s| s.abs() < 5.0 * 20.0), "bits are balanced: {sums:?}");
    }

    /// Rule 0 answers 0 whatever is asked; the ones of rule 30 are half of all bits inside.
    #[test]
    fn chance_is_that_of_bits() {
        let constant = task(&[("rule", Value::Int(0))], 0).unwrap();
        assert_eq!((constant.classes, constant.chance), (1, 1.0));
        assert_eq!(task(&[], 0).unwrap().chance, 0.5 + 0.25 / 8.0);
    }

    #[test]
    fn controls_act_on_whole_answers() {
        let t = task(&[("corrupt", Value::Float(0.25))], 2).unwrap();
        assert_eq!(t.corrupted.len(), 32);
        assert!((0..256).all(|e| (t.labels[e] != t.ideal[e]) == t.corrupted.contains(&(e as u32))));
        let random = task(&[("labels", Value::Str("random".into()))], 2).unwrap();
        assert!(random.labels.iter().zip(&random.ideal).filter(|(l, i)| l != i).count() > 200);
    }

    #[test]
    fn refusals_say_why() {
        let says = |given: &[(&str, Value)], words: &[&str]| {
            let text = task(given, 0).unwrap_err().to_string();
            assert!(words.iter().all(|w| text.contains(w)), "{text}");
        };
        says(&[("fraction", Value::Int(1))], &["task.fraction", "nothing to test on"]);
        says(&[("fraction", Value::Int(0)), ("test_length", Value::Int(20))], &["task.fraction", "nothing to train on"]);
        says(&[("test_length", Value::Int(8))], &["task.test_length", "more than length = 8"]);
        says(&[("test_length", Value::Int(20)), ("teacher", Value::Str("random".into()))], &["task.test_length", "no meaning at 20"]);
    }
}
