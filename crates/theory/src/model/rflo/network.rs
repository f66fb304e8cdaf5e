//! The linear recurrent network itself, trained by each rule: no mode equation is used here.
//!
//! h ← Wh + Bx, y = Ah with white inputs. Expectations over inputs are exact: sums over the past, of 2^`doublings` terms, by doubling
//! (X ← X + LXM, L ← L², M ← M²). [`sampled`] does without even these: it draws sequences and goes back through them step by step.

use super::mode::{Feedback, Mode, Rule};
use crate::numeric::Draws;
use crate::numeric::matrix::Matrix;

/// A network: A is outputs × n, B is n × inputs, W is n × n.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Output matrix.
    pub a: Matrix,
    /// Input matrix.
    pub b: Matrix,
    /// Recurrent matrix.
    pub w: Matrix,
}

/// A teacher with what of it every update needs.
#[derive(Debug, Clone)]
pub struct Teacher {
    net: Network,
    powers: Vec<Matrix>,
    /// Σ W*ᵏB*B*ᵀW*ᵏᵀ.
    covariance: Matrix,
}

/// A learning rule with its feedback: `feedback` is outputs × n.
#[derive(Debug, Clone)]
pub struct Learner {
    /// The rule.
    pub rule: Rule,
    /// R.
    pub feedback: Matrix,
    /// ŵ.
    pub leak: f64,
    /// η.
    pub step: f64,
}

/// What a training comes to.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The last network.
    pub net: Network,
    /// Loss over the teacher's power, before every step and at the end.
    pub losses: Vec<f64>,
    /// Whether the loss left every bound.
    pub diverged: bool,
}

/// W, W², W⁴, …: `doublings` of them.
fn powers(w: &Matrix, doublings: usize) -> Vec<Matrix> {
    let mut out = vec![w.clone()];
    for _ in 1..doublings {
        let last = &out[out.len() - 1];
        out.push(last.mul(last));
    }
    out
}

/// Σ_k Lᵏ C Mᵏᵀ for k < 2^doublings, given the powers of L and M.
fn past(left: &[Matrix], c: &Matrix, right: &[Matrix]) -> Matrix {
    let mut x = c.clone();
    for (l, r) in left.iter().zip(right) {
        let next = l.mul(&x).mul_transposed(r);
        x.add(1.0, &next);
    }
    x
}

/// Σ_k Lᵏᵀ C Mᵏ.
fn future(left: &[Matrix], c: &Matrix, right: &[Matrix]) -> Matrix {
    let mut x = c.clone();
    for (l, r) in left.iter().zip(right) {
        let next = l.transposed_mul(&x).mul(r);
        x.add(1.0, &next);
    }
    x
}

/// Σ_k diag(d)ᵏ C Mᵏ.
fn leaky(d: &[f64], c: &Matrix, right: &[Matrix]) -> Matrix {
    let mut x = c.clone();
    let mut d = d.to_vec();
    for r in right {
        let next = x.mul(r);
        x = Matrix::from_fn(x.rows(), x.cols(), |i, j| x[(i, j)] + d[i] * next[(i, j)]);
        for d in &mut d {
            *d *= *d;
        }
    }
    x
}

impl Network {
    /// Aligned modes: A = Y diag(a) Uᵀ, W = U diag(w) Uᵀ, B = U diag(b) Vᵀ.
    pub fn aligned(modes: &[Mode], y: &Matrix, u: &Matrix, v: &Matrix) -> Network {
        let diagonal = |f: &dyn Fn(&Mode) -> f64| Matrix::diagonal(&modes.iter().map(f).collect::<Vec<_>>());
        Network {
            a: y.mul(&diagonal(&|m| m.a)).mul_transposed(u),
            b: u.mul(&diagonal(&|m| m.b)).mul_transposed(v),
            w: u.mul(&diagonal(&|m| m.w)).mul_transposed(u),
        }
    }

    /// The diagonal of the network in the bases Y, U, V: its modes, if it is aligned to them.
    pub fn modes(&self, y: &Matrix, u: &Matrix, v: &Matrix) -> Vec<Mode> {
        let (a, b, w) = (y.transposed_mul(&self.a).mul(u), u.transposed_mul(&self.b).mul(v), u.transposed_mul(&self.w).mul(u));
        (0..u.cols()).map(|i| Mode { a: a[(i, i)], b: b[(i, i)], w: w[(i, i)] }).collect()
    }
}

impl Teacher {
    /// The teacher `net`, seen over 2^`doublings` steps of the past.
    pub fn new(net: Network, doublings: usize) -> Teacher {
        let powers = powers(&net.w, doublings);
        let covariance = past(&powers, &net.b.mul_transposed(&net.b), &powers);
        Teacher { net, powers, covariance }
    }

    /// ½E|y*|².
    pub fn power(&self) -> f64 {
        0.5 * self.net.a.mul(&self.covariance).inner(&self.net.a)
    }
}

/// Expected loss over the teacher's power, and expected updates (ΔA, ΔB, ΔW).
pub fn updates(net: &Network, teacher: &Teacher, learner: &Learner) -> (f64, Network) {
    let Network { a, b, w } = net;
    let t = &teacher.net;
    let own = powers(w, teacher.powers.len());
    // E[hhᵀ] and E[h*hᵀ].
    let hh = past(&own, &b.mul_transposed(b), &own);
    let th = past(&teacher.powers, &t.b.mul_transposed(b), &own);
    let (ahh, tth) = (a.mul(&hh), t.a.mul(&th));
    let loss = 0.5 * ahh.inner(a) - tth.inner(a) + teacher.power();
    // The sums over the way back: what reaches the weights from the student's and from the teacher's output.
    let (student, target) = match learner.rule {
        Rule::Bptt => (future(&own, &a.transposed_mul(a), &own), future(&own, &a.transposed_mul(&t.a), &teacher.powers)),
        Rule::Truncated => (a.transposed_mul(a), a.transposed_mul(&t.a)),
        Rule::Eprop => {
            let d: Vec<f64> = (0..w.rows()).map(|i| w[(i, i)]).collect();
            (leaky(&d, &a.transposed_mul(a), &own), leaky(&d, &a.transposed_mul(&t.a), &teacher.powers))
        }
        Rule::Rflo => {
            let leak = vec![learner.leak; a.rows()];
            let r = &learner.feedback;
            (r.transposed_mul(&leaky(&leak, a, &own)), r.transposed_mul(&leaky(&leak, &t.a, &teacher.powers)))
        }
    };
    let db = student.mul(b).minus(&target.mul(&t.b));
    let dw = student.mul(&w.mul(&hh)).minus(&target.mul(&t.w.mul(&th)));
    (loss / teacher.power(), Network { a: ahh.minus(&tth), b: db, w: dw })
}

/// Trains `net` for at most `steps` steps, until the loss over the teacher's power is at most `enough`.
pub fn train(mut net: Network, teacher: &Teacher, learner: &Learner, steps: usize, enough: f64) -> Trained {
    let mut losses = Vec::new();
    for step in 0..=steps {
        let (loss, delta) = updates(&net, teacher, learner);
        losses.push(loss);
        // The untrained network has a loss of about 1.
        if loss.is_nan() || loss > 1e4 || !delta.w.is_finite() {
            return Trained { net, losses, diverged: true };
        }
        if loss <= enough || step == steps {
            break;
        }
        net.a.add(-learner.step, &delta.a);
        net.b.add(-learner.step, &delta.b);
        net.w.add(-learner.step, &delta.w);
    }
    Trained { net, losses, diverged: false }
}

/// The update (Δa, Δb, Δw) of one drawn sequence of `steps` white inputs through a network of one unit, its error sent back step by step.
pub fn sampled(rule: Rule, mode: Mode, teacher: Mode, feedback: Feedback, steps: usize, draws: &mut Draws) -> [f64; 3] {
    let inputs = draws.normals(steps);
    let (mut h, mut target) = (vec![0.0], 0.0);
    for (t, x) in inputs.iter().enumerate() {
        h.push(mode.w * h[t] + mode.b * x);
        target = teacher.w * target + teacher.b * x;
    }
    let error = mode.a * h[steps] - teacher.a * target;
    let (mut back, keep) = match rule {
        Rule::Bptt | Rule::Eprop => (mode.a * error, mode.w),
        Rule::Truncated => (mode.a * error, 0.0),
        Rule::Rflo => (feedback.gain * error, feedback.leak),
    };
    let mut out = [error * h[steps], 0.0, 0.0];
    for t in (0..steps).rev() {
        out[1] += back * inputs[t];
        out[2] += back * h[t];
        back *= keep;
    }
    out
}
