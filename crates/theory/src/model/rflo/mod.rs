//! Learning rules of linear recurrent networks, mode by mode: back-propagation through time, truncated to one step, and RFLO.
//!
//! A student h ← Wh + Bx, y = Ah learns a teacher of the same kind from white noise (infinite past, small steps). Where all matrices are jointly
//! diagonal, learning falls apart into modes (a, b, w), each with a flow of three equations, for each rule ([`mode::update`]).
//!
//! **Exact:** the updates, loss and Jacobians ([`mode`]). **Simulated:** the network of full matrices, whose expectations are sums over the past
//! ([`network`]), and drawn sequences sent back step by step. **Derived here:** eigenvalues on the optimal manifold (the paper's equations 28 and 29 were
//! not found) and the exact condition of stability of RFLO, which corrects the paper's sign rule. **Reconstructed:** width, outputs, first values, feedback
//! and tolerance of the runs without alignment.
//!
//! Source: Williams, Payeur and Lajoie 2026 (arXiv 2606.00243), card `rflo-linear-rnn`.

pub mod mode;
pub mod network;

mod experiments;

use super::{Claim, Context, Model, TheoryError};
use crate::answer::{Answer, Finding, Quantity, Simulated, Table};
use crate::numeric;
use experiments::{Outcome, Sizes};
use mode::{Feedback, Mode, Rule};
use pennydrop_figure::chart::{Axis, Chart, Look, Mark};
use pennydrop_registry::{Args, Default as Usual, Kind, Param, Row};

const LANE_SEQUENCE: u32 = 0x5_0001;
const LANE_BASES: u32 = 0x5_0002;
const LANE_RUN: u32 = 0x5_0003;
const LANE_EMERGENCE: u32 = 0x5_0004;
/// Drawn sequences behind a sampled update, and their length.
const SEQUENCES: usize = 20_000;
const LENGTH: usize = 64;

/// The model.
pub static MODEL: Model = Model {
    row: Row {
        name: "rflo",
        summary: "modes of a linear recurrent network under BPTT, truncated BPTT and RFLO; a sample is a run without alignment",
        source: "Williams, Payeur and Lajoie 2026 (arXiv 2606.00243), card rflo-linear-rnn",
        params: &[
            Param {
                key: "gain",
                kind: Kind::Floats,
                default: Usual::Floats(&[0.9, 0.7, 0.5, 0.3]),
                doc: "a*b* of the teacher's modes (a* = 1); the paper has 4 modes, their values are ours",
            },
            Param { key: "memory", kind: Kind::Floats, default: Usual::Floats(&[-0.5, 0.6, 0.3, 0.8]), doc: "w* of the teacher's modes, each in -0.98..0.98" },
            Param {
                key: "a",
                kind: Kind::Float { min: -10.0, max: 10.0 },
                default: Usual::Float(0.7),
                doc: "output weight of a mode at the start (card's check value)",
            },
            Param { key: "b", kind: Kind::Float { min: -10.0, max: 10.0 }, default: Usual::Float(0.4), doc: "input weight at the start" },
            Param { key: "w", kind: Kind::Float { min: -0.95, max: 0.95 }, default: Usual::Float(0.6), doc: "recurrent weight at the start" },
            Param {
                key: "feedback",
                kind: Kind::Float { min: -10.0, max: 10.0 },
                default: Usual::Float(0.3),
                doc: "RFLO's random feedback weight â of a mode; not 0",
            },
            Param { key: "leak", kind: Kind::Float { min: -0.98, max: 0.98 }, default: Usual::Float(0.5), doc: "RFLO's leak ŵ" },
            Param {
                key: "s",
                kind: Kind::Float { min: -10.0, max: 10.0 },
                default: Usual::Float(1.0),
                doc: "point of the optimal manifold of the first mode: a = s, b = a*b*/s; not 0",
            },
            Param {
                key: "width",
                kind: Kind::Int { min: 1, max: 64 },
                default: Usual::Int(8),
                doc: "units of a student without alignment (the paper's: not found)",
            },
            Param {
                key: "outputs",
                kind: Kind::Int { min: 1, max: 16 },
                default: Usual::Int(4),
                doc: "outputs o of the runs that are to converge (the paper's: not found)",
            },
            Param {
                key: "rank_outputs",
                kind: Kind::Int { min: 1, max: 16 },
                default: Usual::Int(1),
                doc: "outputs o of the runs whose rank is measured (the paper's: 1)",
            },
            Param {
                key: "init",
                kind: Kind::Float { min: 1e-6, max: 0.95 },
                default: Usual::Float(0.5),
                doc: "standard deviation of a student's first weights, times the root of the fan-in",
            },
            Param { key: "lr", kind: Kind::Float { min: 1e-5, max: 1.0 }, default: Usual::Float(0.05), doc: "step η of the runs without alignment" },
            Param { key: "steps", kind: Kind::Int { min: 10, max: 1_000_000 }, default: Usual::Int(2000), doc: "most steps of a run without alignment" },
            Param {
                key: "tolerance",
                kind: Kind::Float { min: 1e-9, max: 0.5 },
                default: Usual::Float(0.01),
                doc: "loss over the teacher's power at which a run has converged (the paper's criterion: not found)",
            },
        ],
    },
    claims: &[
        Claim { card: "rflo-linear-rnn", number: "1", text: "BPTT and truncated BPTT have a manifold of saddles at a = b = 0; RFLO has none" },
        Claim {
            card: "rflo-linear-rnn",
            number: "2",
            text: "on the optimal manifold BPTT is stable and slowest at |s| = √|a*b*|; RFLO is stable if and only if âs > 0, slower for most s, faster as s → 0",
        },
        Claim {
            card: "rflo-linear-rnn", number: "3", text: "rank(W_K − W_0) ≤ o for RFLO, exactly 1 for o = 1; BPTT high, e-prop medium, truncated BPTT low"
        },
        Claim { card: "rflo-linear-rnn", number: "4", text: "RFLO converged in 13 of 20 runs, BPTT and truncated BPTT in 20 of 20" },
        Claim { card: "rflo-linear-rnn", number: "5", text: "without aligned first values the flow describes the dominant mode after a transient" },
    ],
    samples: 20,
    answer,
};

fn teacher(args: &Args) -> Result<Vec<Mode>, TheoryError> {
    let (gains, memories) = (args.floats("gain"), args.floats("memory"));
    let wrong = |key: &str, problem: String, allowed: &str| Err(TheoryError::parameter(args, key, problem, allowed));
    if gains.is_empty() || gains.len() > 16 || gains.iter().any(|g| *g == 0.0 || g.abs() > 10.0) {
        return wrong("gain", format!("{gains:?} has an entry that is no mode, or too many"), "1 to 16 numbers in -10..10, none of them 0");
    }
    if memories.len() != gains.len() {
        return wrong("memory", format!("{} numbers for {} modes", memories.len(), gains.len()), "as many numbers as `gain` has");
    }
    if memories.iter().any(|w| w.abs() > 0.98) {
        return wrong("memory", format!("{memories:?} has a mode that does not forget"), "numbers in -0.98..0.98");
    }
    for (key, why) in [("feedback", "without feedback RFLO learns no b and no w"), ("s", "ab = a*b* has no point with a = 0")] {
        if args.float(key) == 0.0 {
            return wrong(key, format!("0: {why}"), "any number but 0");
        }
    }
    Ok(gains.iter().zip(memories).map(|(g, w)| Mode { a: 1.0, b: *g, w }).collect())
}

fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    let modes = teacher(args)?;
    let first = modes[0];
    let start = Mode { a: args.float("a"), b: args.float("b"), w: args.float("w") };
    let feedback = Feedback { gain: args.float("feedback"), leak: args.float("leak") };
    let mut out = Answer::default();
    updates(&mut out, start, first, feedback, context)?;
    aligned(&mut out, start, &modes, feedback, context)?;
    saddle(&mut out, start.w, first, feedback);
    manifold(&mut out, args.float("s"), first, feedback, context)?;
    runs(&mut out, args, &modes, context)?;
    emergence(&mut out, args, &modes, context)?;
    out.notes
        .push("The paper's sizes, first values and criterion of convergence were not found: width, outputs, init, lr, steps and tolerance are ours.".into());
    Ok(out)
}

/// Closed updates beside drawn sequences.
fn updates(out: &mut Answer, start: Mode, teacher: Mode, feedback: Feedback, context: &Context) -> Result<(), TheoryError> {
    out.quantities.push(Quantity::new("loss_start", "expected loss of the first mode at its start").printed(mode::loss(start, teacher)));
    for (k, rule) in Rule::MODAL.into_iter().enumerate() {
        let draws = context.blocks(SEQUENCES, 1000, |range| {
            Ok(range.map(|i| network::sampled(rule, start, teacher, feedback, LENGTH, &mut context.draws(LANE_SEQUENCE, i))).collect())
        })?;
        let closed = mode::update(rule, start, teacher, feedback);
        for (j, weight) in ["a", "b", "w"].into_iter().enumerate() {
            // Δa is the same for all rules.
            if j == 0 && k > 0 {
                continue;
            }
            let name = if j == 0 { "update_a".to_string() } else { format!("update_{weight}_{}", rule.name()) };
            let values: Vec<f64> = draws.iter().map(|d| d[j]).collect();
            let doc = format!("expected Δ{weight} at the start; sampled: {SEQUENCES} sequences of {LENGTH} steps");
            out.quantities.push(Quantity::new(&name, &doc).printed(closed[j]).simulated(numeric::mean(&values)));
        }
    }
    Ok(())
}

/// The flow beside the network of aligned matrices.
fn aligned(out: &mut Answer, start: Mode, modes: &[Mode], feedback: Feedback, context: &Context) -> Result<(), TheoryError> {
    let step = 0.02;
    let end = 40.0;
    let found = context.map(3, |k| experiments::aligned(Rule::MODAL[k], start, modes, feedback, end, step, &mut context.draws(LANE_BASES, k)))?;
    let off = found.iter().map(|run| run.off).fold(0.0, f64::max);
    out.quantities.push(
        Quantity::new("alignment_off", "largest entry of W that aligned training puts off the modes, any rule").corrected(0.0).simulated(Simulated::exact(off)),
    );
    let mut marks = Vec::new();
    for (k, (rule, run)) in Rule::MODAL.into_iter().zip(&found).enumerate() {
        let along = |path: &[Mode]| -> Vec<(f64, f64)> { run.times.iter().zip(path).map(|(t, m)| (*t, m.a * m.b)).collect() };
        marks.push(Mark::line(&format!("{}, flow", rule.name()), Look::Group(k as u8), along(&run.flow)));
        marks.push(Mark::points("network", Look::Simulated, along(&run.network).into_iter().skip(1).step_by(3).collect()));
        out.quantities.push(
            Quantity::new(&format!("flow_gap_{}", rule.name()), &format!("largest difference of any weight from the flow, aligned network, η = {step}"))
                .simulated(Simulated::exact(run.gap)),
        );
        out.quantities.push(
            Quantity::new(&format!("flow_gap_ratio_{}", rule.name()), "the same over that at half the step: 2 where the difference is the step's alone")
                .corrected(2.0)
                .simulated(Simulated::exact(run.gap / run.gap_half)),
        );
    }
    marks.push(Mark::Horizontal { name: "teacher".into(), look: Look::Null, y: modes[0].a * modes[0].b });
    out.charts.push(Chart {
        title: "First mode: flow beside aligned network".into(),
        x: Axis::linear("time η·step"),
        y: Axis::linear("ab").including(0.0),
        marks,
        note: format!("network of {} modes in random bases, η = {step}", modes.len()),
    });
    Ok(())
}

/// Growth away from a = b = 0.
fn saddle(out: &mut Answer, w: f64, teacher: Mode, feedback: Feedback) {
    for rule in [Rule::Bptt, Rule::Truncated] {
        let small = 1e-5;
        let one = |x: f64| numeric::matrix::Matrix::diagonal(&[x]);
        let net = |m: Mode| network::Network { a: one(m.a), b: one(m.b), w: one(m.w) };
        let target = network::Teacher::new(net(teacher), experiments::doublings(&[teacher]));
        let learner = network::Learner { rule, feedback: one(feedback.gain), leak: feedback.leak, step: 1e-3 };
        let both = |from: usize, to: network::Network| network::train(to, &target, &learner, from, f64::NEG_INFINITY).net;
        // The falling direction has gone by then.
        let sign = libm::copysign(1.0, teacher.b);
        let early = both(6000, net(Mode { a: small, b: sign * small, w }));
        let late = both(2000, early.clone());
        let grown = libm::log(late.a[(0, 0)] / early.a[(0, 0)]) / (2000.0 * learner.step);
        out.quantities.push(
            Quantity::new(&format!("saddle_rate_{}", rule.name()), "growth rate of a and b away from a = b = 0 at the start's w")
                .corrected(mode::saddle_rate(rule, w, teacher).unwrap_or(f64::NAN))
                .simulated(Simulated::exact(grown)),
        );
    }
    let rest = |rule| mode::update(rule, Mode { a: 0.0, b: 0.0, w }, teacher, feedback);
    let still = [Rule::Bptt, Rule::Truncated].iter().all(|r| rest(*r) == [0.0; 3]);
    let moves = rest(Rule::Rflo)[1];
    out.findings.push(Finding {
        claim: "rflo-linear-rnn 1".into(),
        found: format!("at a = b = 0 the updates of BPTT and truncated BPTT are {}, RFLO's Δb is {moves:.4}", if still { "exactly 0" } else { "not 0" }),
        agrees: Some(still && moves != 0.0),
    });
}

/// Rates across the optimal manifold, and the sign rule.
fn manifold(out: &mut Answer, s: f64, teacher: Mode, feedback: Feedback, context: &Context) -> Result<(), TheoryError> {
    let c = (teacher.a * teacher.b).abs();
    let sizes: Vec<f64> = (0..=60).map(|i| 0.15 * libm::pow(4.0 / 0.15, i as f64 / 60.0)).collect();
    let sign = libm::copysign(1.0, feedback.gain);
    // The side of s on which RFLO's sign rule holds.
    let asked: Vec<f64> = [0.2, 0.4, 0.7, 1.0, 1.6, 2.5].iter().map(|x| x * sign).chain([s]).collect();
    let measured = context.map(3 * asked.len(), |i| {
        let (rule, at) = (Rule::MODAL[i / asked.len()], asked[i % asked.len()]);
        Ok(experiments::measured_rate(rule, at, teacher, feedback))
    })?;
    let mut marks = Vec::new();
    for (k, rule) in Rule::MODAL.into_iter().enumerate() {
        marks.push(Mark::line(
            &format!("{}, derived", rule.name()),
            Look::Group(k as u8),
            sizes.iter().map(|x| (*x, mode::rate(rule, sign * x, teacher, feedback))).collect(),
        ));
        let points = asked.iter().zip(&measured[k * asked.len()..]).filter_map(|(x, r)| r.filter(|r| *r > 0.0 && x * sign > 0.0).map(|r| (x.abs(), r)));
        marks.push(Mark::points("network", Look::Simulated, points.collect()));
        let mut q = Quantity::new(&format!("rate_{}", rule.name()), "slowest rate back to the point s of the first mode's optimal manifold")
            .corrected(mode::rate(rule, s, teacher, feedback));
        if let Some(r) = measured[(k + 1) * asked.len() - 1] {
            q = q.simulated(Simulated::exact(r));
        }
        out.quantities.push(q);
    }
    out.charts.push(Chart {
        title: "Rate across the optimal manifold".into(),
        x: Axis::log("|s|, with âs > 0"),
        y: Axis::log("slowest rate"),
        marks,
        note: "network: rate measured from the return of a trained network of one unit".into(),
    });
    let slowest = sizes
        .iter()
        .copied()
        .min_by(|x, y| mode::rate(Rule::Bptt, *x, teacher, feedback).total_cmp(&mode::rate(Rule::Bptt, *y, teacher, feedback)))
        .unwrap_or(f64::NAN);
    let slower = sizes.iter().filter(|x| mode::rate(Rule::Rflo, sign * **x, teacher, feedback) < mode::rate(Rule::Bptt, **x, teacher, feedback)).count();
    let near_zero = mode::rate(Rule::Rflo, sign * 1e-3, teacher, feedback) / mode::rate(Rule::Bptt, 1e-3, teacher, feedback);
    out.findings.push(Finding {
        claim: "rflo-linear-rnn 2".into(),
        found: format!(
            "BPTT is slowest at |s| = {slowest:.3} (√|a*b*| = {:.3}); RFLO is slower at {slower} of {} values of s in 0.15..4, and {near_zero:.0} times faster at s = 0.001",
            libm::sqrt(c),
            sizes.len()
        ),
        agrees: Some((libm::log(slowest / libm::sqrt(c))).abs() < 0.06 && slower * 2 > sizes.len() && near_zero > 1.0),
    });
    stability(out, teacher, feedback);
    Ok(())
}

/// A point with âs < 0 that attracts RFLO, with the gain a*b* for which it does: halfway into the region of [`mode::rflo_stable_corrected`].
fn exception(memory: f64, feedback: Feedback) -> Option<(f64, Mode)> {
    let (d, e) = (1.0 - memory * memory, 1.0 - feedback.leak * memory);
    let g = 1.0 / d + feedback.leak * memory / e;
    if e <= d {
        return None;
    }
    let p = 0.5 * (e - d) / g;
    let q = 0.5 * (p + p * d / (e - p * g));
    let s = -p / feedback.gain;
    Some((s, Mode { a: 1.0, b: s.abs() * libm::sqrt(q), w: memory }))
}

fn stability(out: &mut Answer, teacher: Mode, feedback: Feedback) {
    let ss: Vec<f64> = (0..80).map(|i| -3.0 + 6.0 * (i as f64 + 0.5) / 80.0).collect();
    let ws: Vec<f64> = (0..48).map(|i| -0.96 + 1.92 * (i as f64 + 0.5) / 48.0).collect();
    let class = |s: f64, w: f64| {
        let at = Mode { w, ..teacher };
        let [(slow, turn), _] = mode::eigenvalues(Rule::Rflo, s, at, feedback);
        match (slow < 0.0, turn != 0.0) {
            (true, false) => 0,
            (true, true) => 1,
            (false, _) => 2,
        }
    };
    let classes: Vec<Vec<Option<usize>>> = ws.iter().map(|w| ss.iter().map(|s| Some(class(*s, *w))).collect()).collect();
    let exceptions = classes.iter().flat_map(|row| ss.iter().zip(row)).filter(|(s, c)| feedback.gain * **s < 0.0 && **c != Some(2)).count();
    let failures = classes.iter().flat_map(|row| ss.iter().zip(row)).filter(|(s, c)| feedback.gain * **s > 0.0 && **c == Some(2)).count();
    out.charts.push(Chart {
        title: "RFLO on the optimal manifold".into(),
        x: Axis::linear("s"),
        y: Axis::linear("w*"),
        marks: vec![
            Mark::Classes { names: vec!["attracts".into(), "attracts, oscillating".into(), "repels".into()], xs: ss, ys: ws, classes },
            Mark::Vertical { name: "sign rule".into(), look: Look::Printed, x: 0.0 },
        ],
        note: format!("a*b* = {:.2}, â = {:.2}, ŵ = {:.2}; derived", teacher.a * teacher.b, feedback.gain, feedback.leak),
    });
    let mut found = format!("âs > 0: {failures} of the points of the map repel; âs < 0: {exceptions} attract");
    let mut agrees = None;
    if let Some((s, target)) = exception(teacher.w, feedback) {
        let derived = mode::rate(Rule::Rflo, s, target, feedback);
        let measured = experiments::measured_rate(Rule::Rflo, s, target, feedback);
        let mut q = Quantity::new("rate_exception", "RFLO's rate back to a point with âs < 0, which the sign rule says to repel").corrected(derived);
        if let Some(r) = measured {
            q = q.simulated(Simulated::exact(r));
        }
        out.quantities.push(q);
        found += &format!("; with a*b* = {:.4} the point s = {s:.4} has âs = {:.4} and attracts at rate {derived:.3e}", target.b, feedback.gain * s);
        found += &measured.map_or(String::new(), |r| format!(" (a trained network returns at {r:.3e})"));
        agrees = Some(!(derived > 0.0 && measured.is_some_and(|r| r > 0.0)));
    }
    out.findings.push(Finding { claim: "rflo-linear-rnn 2".into(), found: found + ": âs > 0 suffices and is not necessary", agrees });
}

/// Runs without alignment: convergence, and what is added to W.
fn runs(out: &mut Answer, args: &Args, modes: &[Mode], context: &Context) -> Result<(), TheoryError> {
    let sizes = Sizes {
        width: args.size("width"),
        outputs: args.size("outputs"),
        scale: args.float("init"),
        step: args.float("lr"),
        steps: args.size("steps"),
        enough: args.float("tolerance"),
        leak: args.float("leak"),
    };
    let n = context.samples_or(MODEL.samples);
    convergence(out, modes, &sizes, n, context)?;
    // Rank is algebra: few and shorter runs show it, all of the same length.
    ranks(out, modes, &Sizes { outputs: args.size("rank_outputs"), steps: sizes.steps.min(500), enough: 0.0, ..sizes }, n.min(5), context)
}

/// Runs of every rule from the same students: `[rule][run]`.
fn of_every_rule(modes: &[Mode], sizes: &Sizes, n: usize, context: &Context) -> Result<Vec<Vec<Outcome>>, TheoryError> {
    let mut all = context.map(4 * n, |i| Ok(experiments::unaligned(Rule::ALL[i / n], modes, sizes, context, LANE_RUN, i % n)))?;
    Ok((0..4).map(|_| all.drain(..n).collect()).collect())
}

fn convergence(out: &mut Answer, modes: &[Mode], sizes: &Sizes, n: usize, context: &Context) -> Result<(), TheoryError> {
    let all = of_every_rule(modes, sizes, n, context)?;
    let mut table = Table {
        title: format!("{n} runs without alignment: width {}, {} outputs, at most {} steps", sizes.width, sizes.outputs, sizes.steps),
        columns: ["rule", "converged", "diverged", "median loss", "median steps"].map(String::from).to_vec(),
        rows: Vec::new(),
    };
    let counts: Vec<usize> = all.iter().map(|runs| runs.iter().filter(|o| o.converged).count()).collect();
    for ((rule, runs), converged) in Rule::ALL.into_iter().zip(&all).zip(&counts) {
        let median = |f: &dyn Fn(&Outcome) -> f64| numeric::median(&runs.iter().map(f).collect::<Vec<_>>()).estimate;
        let paper = match rule {
            Rule::Rflo => "; the paper: 13 of 20, 0.41 to 0.85",
            Rule::Eprop => "",
            _ => "; the paper: 20 of 20, 0.83 to 1",
        };
        out.quantities.push(
            Quantity::new(&format!("converged_{}", rule.name()), &format!("share of runs without alignment that converged{paper}"))
                .simulated(numeric::fraction(*converged, n)),
        );
        let diverged = runs.iter().filter(|o| o.diverged).count();
        table.rows.push(vec![rule.name().into(), (*converged).into(), diverged.into(), median(&|o| o.loss).into(), median(&|o| o.steps as f64).into()]);
    }
    out.tables.push(table);
    let share = numeric::fraction(counts[2], n);
    out.findings.push(Finding {
        claim: "rflo-linear-rnn 4".into(),
        found: format!(
            "converged: RFLO {} of {n} (95 % {:.2} to {:.2}; the paper's 13 of 20: 0.41 to 0.85), BPTT {}, truncated {}; the paper's sizes are not known",
            counts[2], share.low, share.high, counts[0], counts[1]
        ),
        agrees: None,
    });
    Ok(())
}

fn ranks(out: &mut Answer, modes: &[Mode], sizes: &Sizes, n: usize, context: &Context) -> Result<(), TheoryError> {
    let all = of_every_rule(modes, sizes, n, context)?;
    let (mut ranks, mut spreads, mut marks) = (Vec::new(), Vec::new(), Vec::new());
    for (k, (rule, runs)) in Rule::ALL.into_iter().zip(&all).enumerate() {
        let finite: Vec<&Outcome> = runs.iter().filter(|o| !o.diverged).collect();
        let rank = finite.iter().map(|o| o.rank).max().unwrap_or(0);
        let spread = numeric::mean(&finite.iter().map(|o| o.participation).collect::<Vec<_>>());
        let mut q = Quantity::new(&format!("rank_{}", rule.name()), "largest rank of W_K − W_0 over runs, at 1e-6 of the first singular value")
            .simulated(Simulated { samples: finite.len(), ..Simulated::exact(rank as f64) });
        if rule == Rule::Rflo {
            q = q.printed(sizes.outputs.min(sizes.width) as f64);
        }
        out.quantities.push(q);
        out.quantities.push(Quantity::new(&format!("participation_{}", rule.name()), "participation ratio (Σσ)²/Σσ² of W_K − W_0").simulated(spread));
        if let Some(o) = finite.first() {
            let points = o.spectrum.iter().enumerate().map(|(i, s)| ((i + 1) as f64, s.max(1e-17))).collect();
            marks.push(Mark::line(rule.name(), Look::Group(k as u8), points));
        }
        ranks.push(rank);
        spreads.push(spread.estimate);
    }
    marks.push(Mark::Horizontal { name: "threshold of rank".into(), look: Look::Null, y: 1e-6 });
    out.charts.push(Chart {
        title: "What training added to W: singular values".into(),
        x: Axis::linear("number"),
        y: Axis::log("σ over the first"),
        marks,
        note: format!("one run each, without alignment, {} outputs", sizes.outputs),
    });
    out.findings.push(Finding {
        claim: "rflo-linear-rnn 3".into(),
        found: format!(
            "largest rank of W_K − W_0 with {} outputs: RFLO {}, BPTT {}, e-prop {}, truncated {}; participation ratios {:.2}, {:.2}, {:.2}, {:.2}",
            sizes.outputs, ranks[2], ranks[0], ranks[3], ranks[1], spreads[2], spreads[0], spreads[3], spreads[1]
        ),
        agrees: Some(ranks[2] <= sizes.outputs && spreads[1] <= spreads[3] && spreads[3] <= spreads[0]),
    });
    Ok(())
}

/// The flow after a transient, without aligned first values.
fn emergence(out: &mut Answer, args: &Args, modes: &[Mode], context: &Context) -> Result<(), TheoryError> {
    // Small first values and the dominant mode first; the flow is taken up when the response has reached a tenth of the teacher's.
    let mut sorted: Vec<Mode> = modes.to_vec();
    sorted.sort_by(|x, y| y.b.abs().total_cmp(&x.b.abs()));
    let width = args.size("width").max(modes.len());
    let steps = (60.0 / args.float("lr").min(0.05)) as usize;
    let Some(found) = experiments::emergence(&sorted, width, 0.05, args.float("lr").min(0.05), steps, &mut context.draws(LANE_EMERGENCE, 0))? else {
        out.findings.push(Finding { claim: "rflo-linear-rnn 5".into(), found: "the dominant mode was not learned in the time given".into(), agrees: None });
        return Ok(());
    };
    out.quantities.push(
        Quantity::new("emergence_gap", "dominant mode without alignment: largest difference of ab from the flow after the transient, over a*b*")
            .simulated(Simulated::exact(found.gap)),
    );
    let along = |ys: &[f64]| -> Vec<(f64, f64)> { found.times.iter().copied().zip(ys.iter().copied()).collect() };
    out.charts.push(Chart {
        title: "Dominant mode without alignment".into(),
        x: Axis::linear("time η·step"),
        y: Axis::linear("ab, and share off the modes").including(0.0),
        marks: vec![
            Mark::points("network", Look::Simulated, along(&found.network).into_iter().step_by(2).collect()),
            Mark::line("flow from a tenth", Look::Closed, along(&found.flow)),
            Mark::line("response off the modes", Look::Null, along(&found.off)),
        ],
        note: "BPTT; small normal first values".into(),
    });
    out.findings.push(Finding {
        claim: "rflo-linear-rnn 5".into(),
        found: format!(
            "after t = {:.1} the dominant mode's ab differs from its flow by at most {:.3} of a*b*; off the modes: {:.3} of the response then, {:.1e} at the end",
            found.since,
            found.gap,
            found.times.iter().zip(&found.off).find(|(t, _)| **t >= found.since).map_or(f64::NAN, |(_, o)| *o),
            found.off[found.off.len() - 1]
        ),
        agrees: Some(found.gap < 0.1),
    });
    Ok(())
}

#[cfg(test)]
mod tests;
