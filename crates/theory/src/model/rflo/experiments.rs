//! Trainings of the network, measured.

use super::mode::{self, Feedback, Mode, Rule};
use super::network::{self, Learner, Network, Teacher, Trained};
use crate::model::{Context, TheoryError};
use crate::numeric::Draws;
use crate::numeric::matrix::{Matrix, numerical_rank, participation};

/// Sums over the past have 2⁵ terms at least; more where a teacher remembers longer (see [`doublings`]).
const LEAST_DOUBLINGS: usize = 5;

/// Doublings after which the longest memory among `modes` has faded to 1e-7.
pub fn doublings(modes: &[Mode]) -> usize {
    let longest = modes.iter().map(|m| m.w.abs()).fold(0.0, f64::max);
    let mut n = LEAST_DOUBLINGS;
    while n < 12 && libm::pow(longest, libm::exp2(n as f64)) > 1e-7 {
        n += 1;
    }
    n
}

/// Aligned training beside the flow.
#[derive(Debug, Clone)]
pub struct Aligned {
    /// Times η·step at which both are recorded.
    pub times: Vec<f64>,
    /// Of the first mode: (a, b, w) from the network.
    pub network: Vec<Mode>,
    /// The same from the flow.
    pub flow: Vec<Mode>,
    /// Largest difference of any weight of any mode at any recorded time.
    pub gap: f64,
    /// The same for steps half as long.
    pub gap_half: f64,
    /// Largest entry off the diagonal that training made, in the bases of the modes.
    pub off: f64,
}

/// Trains an n = |teacher| network whose modes are aligned with the teacher's (in bases drawn from `draws`), all started at `start`, and integrates the flow.
///
/// # Errors
/// The flow blows up.
pub fn aligned(rule: Rule, start: Mode, teacher: &[Mode], feedback: Feedback, end: f64, step: f64, draws: &mut Draws) -> Result<Aligned, TheoryError> {
    let n = teacher.len();
    let (y, u, v) = (Matrix::orthogonal(n, draws), Matrix::orthogonal(n, draws), Matrix::orthogonal(n, draws));
    let target = Teacher::new(Network::aligned(teacher, &y, &u, &v), doublings(&[teacher, &[start]].concat()));
    let r = y.mul(&Matrix::diagonal(&vec![feedback.gain; n])).mul_transposed(&u);
    const RECORDS: usize = 40;
    // A record every so many of the long steps.
    let every = ((end / step) / RECORDS as f64).ceil().max(1.0) as usize;
    let times: Vec<f64> = (0..=RECORDS).map(|k| (k * every) as f64 * step).collect();
    let run = |halves: usize| {
        let learner = Learner { rule, feedback: r.clone(), leak: feedback.leak, step: step / halves as f64 };
        let mut net = Network::aligned(&vec![start; n], &y, &u, &v);
        let mut records = vec![net.clone()];
        for _ in 0..RECORDS {
            net = network::train(net, &target, &learner, every * halves, f64::NEG_INFINITY).net;
            records.push(net.clone());
        }
        records
    };
    let flows = teacher.iter().map(|t| mode::flow(rule, start, *t, feedback, &times)).collect::<Result<Vec<_>, _>>()?;
    let gap = |records: &[Network]| {
        let differences = records.iter().enumerate().flat_map(|(k, net)| {
            let flows = &flows;
            net.modes(&y, &u, &v).into_iter().enumerate().map(move |(i, m)| {
                let f = flows[i][k];
                (m.a - f.a).abs().max((m.b - f.b).abs()).max((m.w - f.w).abs())
            })
        });
        differences.fold(0.0, f64::max)
    };
    let (long, short) = (run(1), run(2));
    let last = u.transposed_mul(&long[RECORDS].w).mul(&u);
    let off = (0..n * n).filter(|k| k / n != k % n).map(|k| last.data()[k].abs()).fold(0.0, f64::max);
    let first = long.iter().map(|net| net.modes(&y, &u, &v)[0]).collect();
    Ok(Aligned { gap: gap(&long), gap_half: gap(&short), network: first, flow: flows[0].clone(), times, off })
}

/// The two eigenvalues with which a trained network of one unit comes back to the point `s` of the optimal manifold (or leaves it), the slower first:
/// its distances ab − a*b* and w − w* at equal intervals follow y_{k+1} = Ty_k − Dy_{k−1}, whose T and D are fitted. `None` if it leaves the domain.
pub fn measured_eigenvalues(rule: Rule, s: f64, teacher: Mode, feedback: Feedback) -> Option<[(f64, f64); 2]> {
    let one = |x: f64| Matrix::diagonal(&[x]);
    let net = |m: Mode| Network { a: one(m.a), b: one(m.b), w: one(m.w) };
    let target = Teacher::new(net(teacher), doublings(&[teacher]));
    let at = mode::optimum(s, teacher);
    // A bound of the fast rate; a record every hundred steps.
    let fast = (at.a * at.a + at.b * at.b + feedback.gain.abs() * (at.a.abs() + at.b.abs()) + 1.0) / (1.0 - teacher.w * teacher.w);
    let (step, every) = (0.005 / fast, 100);
    let small = 1e-5;
    let mut now = net(Mode { a: at.a + small, b: at.b + 0.3 * small, w: at.w + 0.7 * small });
    let learner = Learner { rule, feedback: one(feedback.gain), leak: feedback.leak, step };
    let mut records = Vec::new();
    for _ in 0..40 {
        records.push([now.a.data()[0] * now.b.data()[0] - teacher.a * teacher.b, now.w.data()[0] - teacher.w]);
        let run = network::train(now, &target, &learner, every, f64::NEG_INFINITY);
        if run.diverged {
            return None;
        }
        now = run.net;
    }
    // Least squares in T and −D.
    let (mut xx, mut xz, mut zz, mut xy, mut zy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for three in records.windows(3) {
        for j in 0..2 {
            let (z, x, y) = (three[0][j], three[1][j], three[2][j]);
            xx += x * x;
            xz += x * z;
            zz += z * z;
            xy += x * y;
            zy += z * y;
        }
    }
    let det = xx * zz - xz * xz;
    let (trace, minus_d) = ((xy * zz - zy * xz) / det, (zy * xx - xy * xz) / det);
    // Each root is (1 + ημ)^every for an eigenvalue μ of the flow.
    let mut out = mode::roots(-trace, -minus_d).map(|(re, im)| {
        let (size, turn) = (libm::pow(libm::hypot(re, im), 1.0 / every as f64), libm::atan2(im, re) / every as f64);
        ((size * libm::cos(turn) - 1.0) / step, size * libm::sin(turn) / step)
    });
    out.sort_by(|x, y| y.0.total_cmp(&x.0));
    Some(out)
}

/// Minus the larger real part of [`measured_eigenvalues`].
pub fn measured_rate(rule: Rule, s: f64, teacher: Mode, feedback: Feedback) -> Option<f64> {
    measured_eigenvalues(rule, s, teacher, feedback).map(|e| -e[0].0)
}

/// Sizes of the trainings without alignment.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Units of a student.
    pub width: usize,
    /// Outputs.
    pub outputs: usize,
    /// Standard deviation of a student's weights, times √fan-in.
    pub scale: f64,
    /// η.
    pub step: f64,
    /// Steps at most.
    pub steps: usize,
    /// Loss over the teacher's power at which a run has converged.
    pub enough: f64,
    /// ŵ.
    pub leak: f64,
}

/// What a run without alignment comes to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Converged.
    pub converged: bool,
    /// Its loss left every bound.
    pub diverged: bool,
    /// Last loss over the teacher's power.
    pub loss: f64,
    /// Steps taken.
    pub steps: usize,
    /// Singular values of W_K − W_0 over the first.
    pub spectrum: Vec<f64>,
    /// Number of them above 1e-6.
    pub rank: usize,
    /// (Σσ)²/Σσ².
    pub participation: f64,
}

/// Run `index`: student, feedback and the teacher's output matrix are drawn; all rules start from the same student.
pub fn unaligned(rule: Rule, teacher: &[Mode], sizes: &Sizes, context: &Context, lane: u32, index: usize) -> Outcome {
    let mut draws = context.draws(lane, index);
    let (n, k, o) = (sizes.width, teacher.len(), sizes.outputs);
    // The teacher's units are its modes; every output reads all of them.
    let q = Matrix::orthogonal(k, &mut draws);
    let reads = Matrix::normal(o, k, 1.0 / libm::sqrt(o as f64), &mut draws);
    let diagonal = |f: &dyn Fn(&Mode) -> f64| Matrix::diagonal(&teacher.iter().map(f).collect::<Vec<_>>());
    let net = Network { a: reads.mul(&diagonal(&|m| m.a)), b: diagonal(&|m| m.b).mul(&q), w: diagonal(&|m| m.w) };
    let student = student(n, k, o, sizes.scale, &mut draws);
    let feedback = Matrix::normal(o, n, 1.0 / libm::sqrt(n as f64), &mut draws);
    let learner = Learner { rule, feedback, leak: sizes.leak, step: sizes.step };
    let run = network::train(student.clone(), &Teacher::new(net, doublings(teacher)), &learner, sizes.steps, sizes.enough);
    outcome(&run, &student, sizes.enough)
}

fn student(n: usize, inputs: usize, outputs: usize, scale: f64, draws: &mut Draws) -> Network {
    let std = |fan: usize| scale / libm::sqrt(fan as f64);
    Network { a: Matrix::normal(outputs, n, std(n), draws), b: Matrix::normal(n, inputs, std(inputs), draws), w: Matrix::normal(n, n, std(n), draws) }
}

fn outcome(run: &Trained, first: &Network, enough: f64) -> Outcome {
    let singular = run.net.w.minus(&first.w).singular_values();
    let loss = run.losses[run.losses.len() - 1];
    Outcome {
        converged: loss <= enough,
        diverged: run.diverged,
        loss,
        steps: run.losses.len() - 1,
        rank: numerical_rank(&singular, 1e-6),
        participation: participation(&singular),
        spectrum: singular.iter().map(|s| s / singular[0]).collect(),
    }
}

/// How well the flow of the first (largest) mode describes a network that was not aligned.
#[derive(Debug, Clone)]
pub struct Emergence {
    /// Times.
    pub times: Vec<f64>,
    /// ab of the first mode, from the network's response.
    pub network: Vec<f64>,
    /// The same from the flow, started from the network's values at `since`.
    pub flow: Vec<f64>,
    /// Share of the response at lag 0 that lies off the teacher's modes, at every time.
    pub off: Vec<f64>,
    /// When the response to the teacher's first mode had reached a tenth of its value.
    pub since: f64,
    /// Largest difference of ab after `since`, over the teacher's.
    pub gap: f64,
}

/// Trains a student without alignment on a teacher of aligned modes by back-propagation through time; looks at the response y_jᵀAWᵏBv_j.
///
/// # Errors
/// The flow blows up.
pub fn emergence(teacher: &[Mode], width: usize, scale: f64, step: f64, steps: usize, draws: &mut Draws) -> Result<Option<Emergence>, TheoryError> {
    let k = teacher.len();
    let (y, u, v) = (Matrix::orthogonal(k, draws), Matrix::orthogonal(k, draws), Matrix::orthogonal(k, draws));
    let target = Teacher::new(Network::aligned(teacher, &y, &u, &v), doublings(teacher));
    let mut net = student(width, k, k, scale, draws);
    let learner = Learner { rule: Rule::Bptt, feedback: Matrix::zeros(k, width), leak: 0.0, step };
    let every = (steps / 60).max(1);
    let (mut times, mut gains, mut memories, mut off) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for record in 0..=60 {
        let now = y.transposed_mul(&net.a.mul(&net.b)).mul(&v);
        let next = y.transposed_mul(&net.a.mul(&net.w).mul(&net.b)).mul(&v);
        times.push((record * every) as f64 * step);
        gains.push(now[(0, 0)]);
        memories.push(next[(0, 0)] / now[(0, 0)]);
        let on: f64 = (0..k).map(|i| now[(i, i)] * now[(i, i)]).sum();
        off.push(1.0 - on / now.squares());
        net = network::train(net, &target, &learner, every, f64::NEG_INFINITY).net;
    }
    let full = teacher[0].a * teacher[0].b;
    let Some(first) = gains.iter().position(|g| *g > 0.1 * full) else { return Ok(None) };
    let size = libm::sqrt(gains[first]);
    let start = Mode { a: size, b: size, w: memories[first] };
    let none = Feedback { gain: 0.0, leak: 0.0 };
    let flow: Vec<f64> = mode::flow(Rule::Bptt, start, teacher[0], none, &times[first..])?.iter().map(|m| m.a * m.b).collect();
    let gap = flow.iter().zip(&gains[first..]).map(|(f, g)| (f - g).abs() / full).fold(0.0, f64::max);
    let flow = [vec![f64::NAN; first], flow].concat();
    Ok(Some(Emergence { since: times[first], network: gains, flow, off, times, gap }))
}
