//! Part `locality`: the same students under a local teacher and under three that read as many bits elsewhere (claim 9; the paper runs none of the three).
//!
//! All four teachers label all strings of one length; a random half is trained on, the other half tested. Students are random maps. Two questions: how often is a teacher's task separable in a
//! student's latent space at all, and what are the zero-error times of students that can learn the local one (two for every rule).

use super::automaton::{Kind, Teacher, all_strings};
use super::exponent::align;
use super::map::{Attention, Points};
use super::perceptron::{Quadratic, Run, run};
use super::separable::{Separation, Separator};
use super::{boundary, halves, lane, length, times};
use crate::answer::{Answer, Cell, Finding, Quantity, Table};
use crate::model::{Context, TheoryError};
use crate::numeric::{fraction, mean, quantile};
use pennydrop_figure::chart::{Axis, Chart, Look, Mark};
use pennydrop_registry::Args;

/// Random maps where nobody says.
const MAPS: usize = 1500;
/// Maps of one block of work.
const BLOCK: usize = 25;
/// Initial vectors of a student.
const INITS: usize = 40;
/// Rules of the second question (claim 9 of the card), beside the one asked for.
const RULES: [u8; 4] = [30, 90, 110, 184];
/// Students a rule.
const STUDENTS: usize = 2;

pub(super) fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    let (k, d, edge) = (args.size("k"), args.size("d"), boundary(args));
    let n = length(args, true)?;
    let asked = args.int("rule") as u8;
    let rules: Vec<u8> = std::iter::once(asked).chain(RULES.into_iter().filter(|r| *r != asked)).collect();
    let teacher = |rule: u8, kind: Kind| Teacher::new(kind, rule, k, edge, n, &mut context.draws(lane::TEACHER, kind as usize));
    let strings = all_strings(n);
    let labels = |t: Teacher| strings.iter().flat_map(|s| t.label(s)).collect::<Vec<u8>>();
    // The local teacher of every rule; the other three for the rule that was asked for.
    let tasks: Vec<(u8, Kind, Vec<u8>)> = rules
        .iter()
        .map(|r| (*r, Kind::Local))
        .chain(Kind::ALL.into_iter().skip(1).map(|kind| (asked, kind)))
        .map(|(r, kind)| (r, kind, labels(teacher(r, kind))))
        .collect();
    let maps = context.samples_or(MAPS);
    let separable: Vec<Vec<bool>> = context.blocks(maps, BLOCK, |range| {
        let mut separator = Separator::default();
        let (mut z, mut signed, mut buffers) = (Vec::new(), Vec::new(), Default::default());
        range
            .map(|i| {
                let Some(map) = Attention::random(d, edge, &mut context.draws(lane::MATRICES, i)) else {
                    return Err(TheoryError::numeric("attention map", "no A with a real leading eigenvector was drawn"));
                };
                z.clear();
                strings.iter().for_each(|s| map.latent(s, &mut buffers, &mut z));
                let mut decide = |labels: &[u8], sites: usize| {
                    signed.clear();
                    for (p, l) in z.chunks_exact(map.dimension()).zip(labels).take(sites) {
                        signed.extend(p.iter().map(|x| if *l == 1 { *x } else { -x }));
                    }
                    separator.decide(&signed, map.dimension(), false)
                };
                // An inseparable part is proof enough.
                Ok(tasks.iter().map(|t| decide(&t.2, 20 * n) != Separation::Inseparable && decide(&t.2, usize::MAX) == Separation::Separable).collect())
            })
            .collect()
    })?;
    let mut answer = Answer::default();
    say_shares(&tasks, &separable, asked, &mut answer);
    let students = |rule: usize| (0..maps).filter(|&i| separable[i][rule]).take(STUDENTS).collect::<Vec<usize>>();
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    let mut exponents: Vec<(u8, f64, (f64, f64))> = Vec::new();
    let (train, test) = halves(n, context);
    for (place, &rule) in rules.iter().enumerate() {
        for student in students(place) {
            let Some(map) = Attention::random(d, edge, &mut context.draws(lane::MATRICES, student)) else { continue };
            for kind in Kind::ALL {
                let teacher = teacher(rule, kind);
                let (train, test) = (map.points(&train, &teacher, 0), map.points(&test, &teacher, 0));
                let runs = follow(args, context, &train, &test)?;
                let fit = exponent(args, context, &runs, &test);
                if let (Some(f), Kind::Local) = (fit, kind) {
                    exponents.push((rule, f.0, f.1));
                }
                rows.push(row(rule, student, kind, &runs, fit.map(|f| f.0)));
                if kind == Kind::Local && student == students(0).first().copied().unwrap_or(usize::MAX) && place == 0 {
                    answer.charts.push(curves(&map, &teacher, rule, context, args, &halves(n, context))?);
                }
            }
        }
    }
    say_students(&rows, &exponents, &mut answer);
    answer.tables.push(Table {
        title: format!("students that can learn a rule, under four teachers: {INITS} initial vectors each, half of all strings of length {n}"),
        columns: ["rule", "random A", "teacher", "share with zero test error", "median t_ε", "median t_G", "final training error", "final test error", "ν"]
            .map(String::from)
            .to_vec(),
        rows,
    });
    answer.notes.push(
        "a permuted teacher is a local one for a student that reads the string in the permuted order: what decides is whether the student's contexts hold the bits that the teacher reads, not locality by itself"
            .into(),
    );
    Ok(answer)
}

fn follow(args: &Args, context: &Context, train: &Points, test: &Points) -> Result<Vec<Run>, TheoryError> {
    let loss = Quadratic::new(train, args.float("lambda2"));
    let times = times(&loss.rates()?, 80);
    context.map(INITS, |i| run(&loss, args.float("lambda1"), &context.draws(lane::INITIAL, i).normals(loss.n), train, test, &times))
}

fn exponent(args: &Args, context: &Context, runs: &[Run], test: &Points) -> Option<(f64, (f64, f64))> {
    let aligned = align(runs, test, 1e-3, 1e4, 50);
    let fit = (aligned.errors.len() >= 10)
        .then(|| aligned.fit(args.float("window_low"), args.float("window_high"), 100, &mut context.draws(lane::BOOTSTRAP, 50)))??;
    Some((fit.nu, fit.interval))
}

fn row(rule: u8, student: usize, kind: Kind, runs: &[Run], nu: Option<f64>) -> Vec<Cell> {
    let middle = |f: fn(&Run) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(f).collect();
        values.sort_by(f64::total_cmp);
        let m = quantile(&values, 0.5);
        if m.is_finite() { Cell::Number(m) } else { Cell::Text("never".into()) }
    };
    let last = |f: fn(&(f64, f64)) -> f64| Cell::Number(runs.iter().filter_map(|r| r.errors.last()).map(f).sum::<f64>() / runs.len() as f64);
    let share = runs.iter().filter(|r| r.final_test == 0.0).count() as f64 / runs.len() as f64;
    vec![
        (rule as usize).into(),
        student.into(),
        kind.name().into(),
        share.into(),
        middle(|r| r.test_zero),
        middle(|r| if r.test_zero.is_finite() { r.test_zero - r.train_zero } else { f64::INFINITY }),
        last(|e| e.0),
        last(|e| e.1),
        nu.into(),
    ]
}

fn say_shares(tasks: &[(u8, Kind, Vec<u8>)], separable: &[Vec<bool>], asked: u8, answer: &mut Answer) {
    let maps = separable.len();
    let count = |t: usize| separable.iter().filter(|s| s[t]).count();
    let of = |kind: Kind| tasks.iter().position(|t| t.0 == asked && t.1 == kind).map_or(0, count);
    for kind in Kind::ALL {
        let name = format!("separable_share_{}", kind.name().replace('-', "_"));
        let doc = format!("share of random A in whose latent space the {} teacher of this rule is separable on all strings", kind.name());
        answer.quantities.push(Quantity::new(&name, &doc).simulated(fraction(of(kind), maps)));
    }
    let rows = tasks.iter().enumerate().map(|(i, t)| {
        let f = fraction(count(i), maps);
        vec![(t.0 as usize).into(), t.1.name().into(), count(i).into(), f.low.into(), f.high.into()]
    });
    answer.tables.push(Table {
        title: format!("maps, of {maps}, in whose latent space a task is separable"),
        columns: ["rule", "teacher", "separable", "low", "high"].map(String::from).to_vec(),
        rows: rows.collect(),
    });
    let (local, others) = (of(Kind::Local), Kind::ALL.map(of)[1..].iter().copied().max().unwrap_or(0));
    let (l, o) = (fraction(local, maps), fraction(others, maps));
    answer.findings.push(Finding {
        claim: "zunkovic-ilievski 9".into(),
        found: format!("rule {asked} is separable for {local} of {maps} random students; the best of the three teachers that are not local for {others}"),
        agrees: if l.low > o.high {
            Some(true)
        } else if o.low > l.high {
            Some(false)
        } else {
            None
        },
    });
}

fn say_students(rows: &[Vec<Cell>], exponents: &[(u8, f64, (f64, f64))], answer: &mut Answer) {
    let share = |local: bool| {
        let of = rows.iter().filter(|r| (r[2] == Cell::Text("local".into())) == local);
        of.filter_map(|r| if let Cell::Number(x) = r[3] { Some(x) } else { None }).collect::<Vec<f64>>()
    };
    for (local, name) in [(true, "grokking_share_local"), (false, "grokking_share_not_local")] {
        let shares = share(local);
        if !shares.is_empty() {
            let doc = if local {
                "mean share of initial vectors that end without test errors, students that can learn the local rule"
            } else {
                "the same students under the teachers that are not local"
            };
            let mut m = mean(&shares);
            // A mean of shares is one: the normal interval may say more.
            (m.low, m.high) = (m.low.max(0.0), m.high.min(1.0));
            answer.quantities.push(Quantity::new(name, doc).simulated(m));
        }
    }
    let pairs: Vec<String> = exponents
        .windows(2)
        .filter(|p| p[0].0 == p[1].0)
        .map(|p| {
            let (a, b) = (&p[0], &p[1]);
            let apart = a.2.1 < b.2.0 || b.2.1 < a.2.0;
            format!("rule {}: {:.2} [{:.2}, {:.2}] and {:.2} [{:.2}, {:.2}]{}", a.0, a.1, a.2.0, a.2.1, b.1, b.2.0, b.2.1, if apart { ", apart" } else { "" })
        })
        .collect();
    if !pairs.is_empty() {
        let apart = pairs.iter().any(|p| p.ends_with("apart"));
        answer.findings.push(Finding {
            claim: "zunkovic-ilievski 9-critique".into(),
            found: format!("ν of two students on one rule — {}", pairs.join("; ")),
            agrees: if apart { Some(true) } else { None },
        });
    }
}

/// Mean test errors of one student under the four teachers.
fn curves(map: &Attention, local: &Teacher, rule: u8, context: &Context, args: &Args, halves: &(Vec<Vec<u8>>, Vec<Vec<u8>>)) -> Result<Chart, TheoryError> {
    let n = halves.0.first().map_or(0, Vec::len);
    let mut marks = Vec::new();
    for (i, kind) in Kind::ALL.into_iter().enumerate() {
        let teacher =
            if i == 0 { local.clone() } else { Teacher::new(kind, rule, args.size("k"), map.boundary, n, &mut context.draws(lane::TEACHER, kind as usize)) };
        let (train, test) = (map.points(&halves.0, &teacher, 0), map.points(&halves.1, &teacher, 0));
        let times = times(&Quadratic::new(&train, args.float("lambda2")).rates()?, 80);
        let runs = follow(args, context, &train, &test)?;
        let mean = |j: usize| runs.iter().map(|r| r.errors[j].1).sum::<f64>() / runs.len() as f64;
        marks.push(Mark::line(kind.name(), Look::Group(i as u8), times.iter().enumerate().map(|(j, t)| (*t, mean(j))).collect()));
    }
    Ok(Chart {
        title: format!("one student under four teachers, rule {rule}"),
        x: Axis::log("time t"),
        y: Axis::linear("mean test error").including(0.0),
        marks,
        note: "trained on half of all strings, tested on the other half".into(),
    })
}
