//! Part `probability`: the share of random maps whose perceptron can reach, and does reach, zero test error.

use super::automaton::{Kind, Teacher, all_strings, random_strings};
use super::map::{Attention, Contexts, Points};
use super::perceptron::Quadratic;
use super::separable::{Separation, Separator};
use super::{boundary, lane, length};
use crate::answer::{Answer, Cell, Finding, Quantity, Table};
use crate::model::{Context, TheoryError};
use crate::numeric::fraction;
use pennydrop_figure::chart::{Axis, Chart, Look, Mark, Point};
use pennydrop_registry::Args;

/// Number of random maps where nobody says; the paper has 20,000.
const MAPS: usize = 2000;

/// Maps of one block of work.
const BLOCK: usize = 50;

/// Strengths at which a regularised perceptron is looked at.
const STRENGTHS: [f64; 6] = [0.0, 0.001, 0.003, 0.01, 0.03, 0.1];

/// One map: `None` if not decided; else whether it is separable, and then whether the perceptron at the end of training is right everywhere, for L2 and L1 at every strength, trained on the
/// training strings (first) and on the test points themselves (second).
type Map = Option<(bool, [[[bool; 6]; 2]; 2])>;

pub(super) fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    if args.str("teacher") != "local" {
        return Err(TheoryError::parameter(args, "teacher", "is not for this part", "local; the others are compared by part=locality"));
    }
    let (rule, k, d, edge) = (args.int("rule") as u8, args.size("k"), args.size("d"), boundary(args));
    let exact = args.str("example") == "exact";
    let short = length(args, false)?;
    let teacher = Teacher::new(Kind::Local, rule, k, edge, short, &mut context.draws(lane::TEACHER, 0));
    let labelled = |strings: Vec<Vec<u8>>| strings.into_iter().map(|s| (teacher.label(&s), s)).map(|(l, s)| (s, l)).collect::<Vec<_>>();
    let train = labelled(all_strings(short));
    let test = labelled(random_strings(args.size("test_strings"), args.size("test_length"), &mut context.draws(lane::STRINGS, 0)));
    let maps = if exact { 1 } else { context.samples_or(MAPS) };
    let found: Vec<Map> = context.blocks(maps, BLOCK, |range| {
        let mut look = Buffers::default();
        range
            .map(|i| {
                let map = if exact { super::attention(args, context).ok() } else { Attention::random(d, edge, &mut context.draws(lane::MATRICES, i)) };
                map.map_or(Err(TheoryError::numeric("attention map", "no A with a real leading eigenvector was drawn")), |m| Ok(look.at(&m, &train, &test)))
            })
            .collect()
    })?;
    Ok(say(&found, args))
}

/// Buffers of a block.
#[derive(Default)]
struct Buffers {
    separator: Separator,
    contexts: Contexts,
    z: Vec<f64>,
    test: Points,
    train: Points,
}

impl Buffers {
    fn at(&mut self, map: &Attention, train: &[(Vec<u8>, Vec<u8>)], test: &[(Vec<u8>, Vec<u8>)]) -> Map {
        clear(&mut self.test, map.dimension());
        // Most maps fail on the first string: an inseparable part is proof enough.
        let mut next_look = 1;
        for (i, (bits, labels)) in test.iter().enumerate() {
            self.z.clear();
            map.latent(bits, &mut self.contexts, &mut self.z);
            self.test.append(&self.z, labels, 0);
            if i + 1 == next_look || i + 1 == test.len() {
                next_look *= 4;
                match self.separator.decide(&self.test.signed, self.test.dimension, false) {
                    Separation::Inseparable => return Some((false, Default::default())),
                    Separation::Undecided if i + 1 == test.len() => return None,
                    _ => {}
                }
            }
        }
        clear(&mut self.train, map.dimension());
        for (bits, labels) in train {
            self.z.clear();
            map.latent(bits, &mut self.contexts, &mut self.z);
            self.train.append(&self.z, labels, 0);
        }
        let mut right = [[[false; 6]; 2]; 2];
        for (points, right) in [&self.train, &self.test].into_iter().zip(&mut right) {
            for (s, strength) in STRENGTHS.iter().enumerate() {
                let ridge = Quadratic::new(points, *strength).minimum(0.0);
                let lasso = Quadratic::new(points, 0.0).minimum(*strength);
                right[0][s] = self.test.error(&ridge) == 0.0;
                right[1][s] = self.test.error(&lasso) == 0.0;
            }
        }
        Some((true, right))
    }
}

fn clear(points: &mut Points, dimension: usize) {
    points.dimension = dimension;
    points.signed.clear();
    points.labels.clear();
}

fn say(found: &[Map], args: &Args) -> Answer {
    let n = found.len();
    let separable = found.iter().flatten().filter(|m| m.0).count();
    let undecided = found.iter().filter(|m| m.is_none()).count();
    let hits = |data: usize, kind: usize, s: usize| found.iter().flatten().filter(|m| m.1[data][kind][s]).count();
    let mut answer = Answer::default();
    answer.quantities.push(
        Quantity::new("grokking_probability", "P_G: share of random A whose latent points of long strings are linearly separable")
            .simulated(fraction(separable, n)),
    );
    answer.quantities.push(
        Quantity::new("undecided_share", "share of A whose margin is at the level of rounding (counted as not separable)").simulated(fraction(undecided, n)),
    );
    for (data, (word, words)) in [("trained", "the training strings"), ("population", "the test points themselves")].into_iter().enumerate() {
        for (kind, norm) in ["l2", "l1"].into_iter().enumerate() {
            for (s, digits) in [(0, "0"), (3, "001"), (5, "01")] {
                let name = format!("grokking_probability_{word}_{norm}_{digits}");
                let doc =
                    format!("share of A whose perceptron, trained on {words} to the end with {norm} strength {}, is right on all test points", STRENGTHS[s]);
                // Without strength there is no difference between the two.
                if s > 0 || kind == 0 {
                    answer.quantities.push(Quantity::new(&name, &doc).simulated(fraction(hits(data, kind, s), n)));
                }
            }
        }
    }
    let rows = STRENGTHS.iter().enumerate().map(|(s, strength)| {
        let mut row: Vec<Cell> = vec![(*strength).into()];
        row.extend([(0, 0), (0, 1), (1, 0), (1, 1)].map(|(data, kind)| Cell::from(hits(data, kind, s))));
        row
    });
    answer.tables.push(Table {
        title: format!("maps, of {n} ({separable} separable), whose perceptron ends without test errors"),
        columns: ["strength", "L2, training strings", "L1, training strings", "L2, test points", "L1, test points"].map(String::from).to_vec(),
        rows: rows.collect(),
    });
    let points = |data: usize, kind: usize| -> Vec<Point> {
        let at = |(s, strength): (usize, &f64)| {
            let f = fraction(hits(data, kind, s), n);
            Point { x: *strength, y: f.estimate, interval: Some((f.low, f.high)) }
        };
        STRENGTHS.iter().enumerate().skip(1).map(at).collect()
    };
    let mark = |name: &str, look, data, kind| Mark::Points { name: name.into(), look, points: points(data, kind) };
    let panel = |title: &str, data: usize| Chart {
        title: title.into(),
        x: Axis::log("strength λ₁ or λ₂"),
        y: Axis::linear("share of random A").including(0.0),
        marks: vec![
            Mark::Horizontal { name: "separable".into(), look: Look::Null, y: separable as f64 / n as f64 },
            Mark::Horizontal { name: "no regularisation".into(), look: Look::Closed, y: hits(data, 0, 0) as f64 / n as f64 },
            mark("L2", Look::Group(0), data, 0),
            mark("L1", Look::Group(1), data, 1),
        ],
        note: String::new(),
    };
    answer.charts.push(panel("trained on the training strings", 0));
    answer.charts.push(panel("trained on the test points", 1));
    findings(separable, n, &hits, args, &mut answer);
    answer.notes.push("separability is decided on a finite sample of sites, so the share can only fall as test_strings grows; each answer has a certificate (a direction, or convex weights)".into());
    answer
}

fn findings(separable: usize, n: usize, hits: &impl Fn(usize, usize, usize) -> usize, args: &Args, answer: &mut Answer) {
    if args.size("d") != 2 || args.str("example") == "exact" {
        return;
    }
    let f = fraction(separable, n);
    let t = fraction(hits(0, 0, 0), n);
    answer.findings.push(Finding {
        claim: "zunkovic-ilievski 5".into(),
        found: format!(
            "separable: {:.4} [{:.4}, {:.4}] of {n} maps; the perceptron trained on the training strings without regularisation is right for {:.4} [{:.4}, {:.4}] (times 1/√2 if A without a real leading eigenvector are counted as failures); the paper has at most .02",
            f.estimate, f.low, f.high, t.estimate, t.low, t.high
        ),
        agrees: match (f.high <= 0.02, f.low > 0.02) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        },
    });
    for (data, words) in ["training strings", "test points themselves"].iter().enumerate() {
        let (bare, l2, l1) = (hits(data, 0, 0), [1, 2, 3, 4, 5].map(|s| hits(data, 0, s)), [1, 2, 3, 4, 5].map(|s| hits(data, 1, s)));
        answer.findings.push(Finding {
            claim: "zunkovic-ilievski 5".into(),
            found: format!("trained on the {words}: {bare} of {n} maps without regularisation; L2 at .001 … .1: {l2:?}; L1: {l1:?} (claimed: L2 lowers, L1 raises slightly and then lowers, L1 > L2)"),
            agrees: None,
        });
    }
}
