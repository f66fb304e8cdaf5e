//! Completion of a multiplication table X_ij = ij/d² from some entries, by W = UUᵀ − VVᵀ with U = V = αI at the start: gradient descent on the mean squared error + (λ/2)‖θ‖².
//!
//! *Early* (Corollary 3.11): the kernel of the start connects an entry with its transpose only, so the network is the table on what was observed, itself or its transpose, and 0
//! elsewhere ([`early`]). *Late:* min ½‖θ‖² over UUᵀ − VVᵀ = W is the nuclear norm of W; its least value on the observed entries is found by splitting ([`late`]), without the network.

use super::convex::cosine;
use super::run::{crossing, switch};
use super::{LANES, Setting};
use crate::answer::{Answer, Finding, Quantity, Simulated};
use crate::model::{Context, TheoryError};
use pennydrop_figure::chart::{Axis, Chart, Look, Mark};
use pennydrop_graph::linalg;
use pennydrop_registry::Args;

/// A table and what is seen of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// Rows.
    pub d: usize,
    /// X, `d × d`.
    pub table: Vec<f64>,
    /// Observed places `i·d + j`.
    pub observed: Vec<usize>,
}

impl Completion {
    /// The multiplication table of `d` rows (0 to d − 1) with the first `n` places of `order`.
    pub fn new(d: usize, n: usize, order: &[usize]) -> Completion {
        let scale = (d * d) as f64;
        Completion { d, table: (0..d * d).map(|k| ((k / d) * (k % d)) as f64 / scale).collect(), observed: order[..n].to_vec() }
    }

    /// Whether each place is observed, itself or transposed.
    pub fn known(&self) -> Vec<bool> {
        let mut known = vec![false; self.d * self.d];
        for k in &self.observed {
            known[*k] = true;
            known[k % self.d * self.d + k / self.d] = true;
        }
        known
    }

    /// Mean squared error of `w` over places for which `of` holds; NaN where there are none.
    fn error(&self, w: &[f64], of: impl Fn(usize) -> bool) -> f64 {
        let places: Vec<usize> = (0..w.len()).filter(|k| of(*k)).collect();
        places.iter().map(|k| (w[*k] - self.table[*k]) * (w[*k] - self.table[*k])).sum::<f64>() / places.len() as f64
    }
}

/// The early predictor.
pub fn early(c: &Completion) -> Vec<f64> {
    c.known().iter().zip(&c.table).map(|(known, x)| if *known { *x } else { 0.0 }).collect()
}

/// The symmetric matrix of least nuclear norm that is the table where it is known, by Douglas–Rachford splitting (Lions & Mercier, SIAM J. Numer. Anal. 16, 1979). Gives it with the
/// largest change of an entry in the last round.
pub fn late(c: &Completion, rounds: usize) -> (Vec<f64>, f64) {
    let d = c.d;
    let known = c.known();
    let mut z = early(c);
    let mut w = z.clone();
    let mut change = f64::INFINITY;
    // The scale of the threshold sets the speed alone.
    let threshold = 0.05;
    for _ in 0..rounds {
        let e = linalg::eigh(&z, d);
        let (values, vectors) = e.split_at(d);
        let shrunk: Vec<f64> = values.iter().map(|x| x.signum() * (x.abs() - threshold).max(0.0)).collect();
        change = 0.0f64;
        for i in 0..d {
            for j in 0..d {
                let k = i * d + j;
                w[k] = (0..d).map(|r| shrunk[r] * vectors[i * d + r] * vectors[j * d + r]).sum();
                let mirrored = 2.0 * w[k] - z[k];
                let projected = if known[k] { c.table[k] } else { mirrored };
                change = change.max((projected - w[k]).abs());
                z[k] += projected - w[k];
            }
        }
        if change < 1e-9 {
            break;
        }
    }
    (w, change)
}

/// W at each of `steps` (ascending) of gradient descent with step size `eta`.
///
/// # Errors
/// The stop callback; weights that are not finite.
pub fn descent(c: &Completion, alpha: f64, lambda: f64, eta: f64, steps: &[usize], stop: &(dyn Fn() -> bool + Sync)) -> Result<Vec<Vec<f64>>, TheoryError> {
    let d = c.d;
    let identity = |k: usize| if k / d == k % d { alpha } else { 0.0 };
    let mut u: Vec<f64> = (0..d * d).map(identity).collect();
    let mut v = u.clone();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let entry =
        |u: &[f64], v: &[f64], i: usize, j: usize| dot(&u[i * d..(i + 1) * d], &u[j * d..(j + 1) * d]) - dot(&v[i * d..(i + 1) * d], &v[j * d..(j + 1) * d]);
    let mut out = Vec::new();
    let (mut du, mut dv) = (vec![0.0; d * d], vec![0.0; d * d]);
    let last = steps.last().copied().unwrap_or(0);
    for step in 0..=last {
        if steps.get(out.len()) == Some(&step) {
            if stop() {
                return Err(TheoryError::Stopped);
            }
            let w: Vec<f64> = (0..d * d).map(|k| entry(&u, &v, k / d, k % d)).collect();
            if w.iter().any(|x| !x.is_finite()) {
                return Err(TheoryError::numeric("matrix completion", format!("weights are not finite after {step} steps: eta or alpha is too large")));
            }
            out.push(w);
        }
        du.fill(0.0);
        dv.fill(0.0);
        for k in &c.observed {
            let (i, j) = (k / d, k % d);
            let slope = 2.0 * (entry(&u, &v, i, j) - c.table[*k]) / c.observed.len() as f64;
            // ∂W_ij moves row i by row j and row j by row i.
            for (a, b) in [(i, j), (j, i)] {
                for r in 0..d {
                    du[a * d + r] += slope * u[b * d + r];
                    dv[a * d + r] -= slope * v[b * d + r];
                }
            }
        }
        for r in 0..d * d {
            u[r] -= eta * (du[r] + lambda * u[r]);
            v[r] -= eta * (dv[r] + lambda * v[r]);
        }
    }
    Ok(out)
}

pub(super) fn answer(args: &Args, s: &Setting, context: &Context) -> Result<Answer, TheoryError> {
    let c = Completion::new(s.d, s.n, &context.draws(LANES[0], 0).permutation(s.d * s.d));
    let (alpha, lambda, eta) = (s.hyper.alpha, s.hyper.lambda, 10.0 * s.eta);
    // The curvature of the loss at the start: ‖∇f‖² is 8α² on the diagonal.
    let curvature = 16.0 * alpha * alpha / s.n as f64;
    if eta * curvature >= 2.0 {
        let problem = format!("10·eta = {eta} is not stable at the start, where the curvature is up to {curvature:.3}");
        return Err(TheoryError::parameter(args, "eta", problem, format!("below {:.3e}", 0.2 / curvature)));
    }
    let unit = libm::log(alpha) / (lambda * eta);
    let last = s.horizon * unit;
    if last * s.n as f64 * s.d as f64 > 3e10 {
        return Err(TheoryError::parameter(args, "lambda", format!("{last:.2e} steps"), "steps·n·d of 3e10 at most; steps are horizon·ln α/(λ·10·eta)"));
    }
    let mut steps: Vec<usize> =
        vec![0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700].into_iter().filter(|k| (*k as f64) < last / 80.0).collect();
    steps.extend((1..=80).map(|i| (last * f64::from(i) / 80.0) as usize));
    steps.dedup();
    let path = descent(&c, alpha, lambda, eta, &steps, context.stop)?;
    let kernel = early(&c);
    let (sparse, residue) = late(&c, 4_000);
    let known = c.known();
    let mut is_observed = vec![false; s.d * s.d];
    c.observed.iter().for_each(|k| is_observed[*k] = true);
    let xs: Vec<f64> = steps.iter().map(|k| *k as f64 / unit).collect();
    let train: Vec<f64> = path.iter().map(|w| c.error(w, |k| is_observed[k])).collect();
    let test: Vec<f64> = path.iter().map(|w| c.error(w, |k| !is_observed[k])).collect();
    let unseen = |w: &[f64]| {
        let size = |w: &[f64]| (0..w.len()).filter(|k| !known[*k]).map(|k| w[k] * w[k]).sum::<f64>();
        (size(w) / size(&c.table)).sqrt()
    };
    let nearest = xs.iter().enumerate().min_by(|a, b| (a.1 - 0.5).abs().total_cmp(&(b.1 - 0.5).abs())).map_or(0, |p| p.0);
    let end = path.len() - 1;
    let cosines: Vec<(f64, f64)> = path.iter().map(|w| (cosine(w, &kernel), cosine(w, &sparse))).collect();
    let turn = switch(xs.iter().zip(&cosines).skip(1).map(|(x, c)| (*x, c.0, c.1)));
    let fitted = crossing(steps.iter().map(|k| *k as f64).zip(train.iter().copied()), 0.01 * train[0], false);
    let after = |i: usize| xs.iter().copied().zip(test.iter().copied()).skip(i);
    let improved = crossing(after(nearest), 0.1 * test[nearest], false);
    let one = |x: Option<f64>| x.map(Simulated::exact);
    let error_of = |w: &[f64]| c.error(w, |k| !is_observed[k]);
    let quantities = vec![
        Quantity {
            printed: Some(1.0),
            simulated: one(improved),
            ..Quantity::new("test_change_normalised", "ηλ·step/ln α at which the test loss is a tenth of its plateau")
        },
        Quantity {
            printed: Some(1.0),
            simulated: one(turn),
            ..Quantity::new("switch_normalised", "ηλ·step/ln α at which W is as near to the late as to the early predictor")
        },
        Quantity { simulated: one(fitted), ..Quantity::new("train_steps", "steps to a hundredth of the first training loss") },
        Quantity { simulated: one(turn.map(|x| x * unit)), ..Quantity::new("switch_steps", "the switch in steps") },
        Quantity::new("early_cosine_kernel", "cosine with the early predictor at ηλ·step/ln α = 1/2")
            .printed(1.0)
            .simulated(Simulated::exact(cosines[nearest].0)),
        Quantity::new("late_cosine_sparse", "cosine with the table of least nuclear norm at the end").printed(1.0).simulated(Simulated::exact(cosines[end].1)),
        Quantity::new("unseen_early", "size of what is predicted where neither entry nor transpose was seen, over its true size, at 1/2")
            .printed(0.0)
            .simulated(Simulated::exact(unseen(&path[nearest]))),
        Quantity::new("unseen_late", "the same at the end").simulated(Simulated::exact(unseen(&path[end]))),
        Quantity::new("test_early", "test loss at 1/2; closed form: of the early predictor")
            .printed(error_of(&kernel))
            .simulated(Simulated::exact(test[nearest])),
        Quantity::new("test_late", "test loss at the end; closed form: of the table of least nuclear norm")
            .printed(error_of(&sparse))
            .simulated(Simulated::exact(test[end])),
    ];
    let curve = |y: &[f64]| xs.iter().copied().zip(y.iter().copied()).skip(1).collect::<Vec<_>>();
    let (a, b): (Vec<f64>, Vec<f64>) = cosines.iter().copied().unzip();
    let charts = vec![
        Chart {
            title: "which table the network is".into(),
            x: Axis::linear("ηλ·step/ln α"),
            y: Axis::linear("cosine").including(0.0).including(1.0),
            marks: vec![
                Mark::Vertical { name: "(1/λ) ln α".into(), look: Look::Printed, x: 1.0 },
                Mark::line("with the early predictor", Look::Group(0), curve(&a)),
                Mark::line("with the least nuclear norm", Look::Group(1), curve(&b)),
            ],
            note: String::new(),
        },
        Chart {
            title: "mean squared error".into(),
            x: Axis::linear("ηλ·step/ln α"),
            y: Axis::log("mean squared error"),
            marks: vec![
                Mark::Vertical { name: "(1/λ) ln α".into(), look: Look::Printed, x: 1.0 },
                Mark::line("training", Look::Train, curve(&train)),
                Mark::line("test", Look::Test, curve(&test)),
                Mark::Horizontal { name: "early predictor".into(), look: Look::Null, y: error_of(&kernel) },
            ],
            note: String::new(),
        },
    ];
    let found = format!(
        "training loss a hundredth after {} steps; halfway to (1/λ)·ln α unseen entries are predicted with {:.2e} of their size; test loss a tenth of the plateau at step {}",
        fitted.map_or("more than all".into(), |x| format!("{x:.0}")),
        unseen(&path[nearest]),
        improved.map_or("never".into(), |x| format!("{:.0}", x * unit))
    );
    let agrees = Some(fitted.is_some_and(|f| improved.is_some_and(|x| x * unit > 10.0 * f)) && unseen(&path[nearest]) < 0.05);
    let notes = vec![
        format!("Reduced from the paper's d = 97 with 5 % of the entries and λ = 1e-4: d = {}, {} entries, λ = {lambda}, step size {eta}.", s.d, s.n),
        format!("The table of least nuclear norm is found by splitting; its last round moved no entry by more than {residue:.1e}."),
    ];
    Ok(Answer { quantities, charts, findings: vec![Finding { claim: "lyu-dichotomy 4".into(), found, agrees }], notes, ..Answer::default() })
}
