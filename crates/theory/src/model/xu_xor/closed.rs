//! What the paper's theorem asks for and predicts, and Gaussian predictions for the two classifiers between which the network moves.

use super::Setting;

/// One assumption of the theorem, evaluated: it reads "… for a large enough constant C", and no value of C is given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Condition {
    /// What is asked for.
    pub text: &'static str,
    /// The left-hand side.
    pub left: f64,
    /// The right-hand side at C = 1.
    pub right: f64,
    /// The largest C for which it holds: below 1 it fails even without a constant. Infinite or 0 for the assumption that has no constant.
    pub largest_c: f64,
}

/// The six assumptions of the theorem at `s`.
pub fn conditions(s: &Setting) -> [Condition; 6] {
    let (p, n, m) = (s.p as f64, s.n as f64, s.width as f64);
    let signal = s.mu * s.mu;
    let at_least = |text, left: f64, right: f64| Condition { text, left, right, largest_c: left / right };
    let at_most = |text, left: f64, right: f64| Condition { text, left, right, largest_c: right / left };
    let (init, step) = (s.omega * n * m * m.sqrt() * p, s.alpha * signal);
    [
        at_least("‖μ‖² ≥ C·n^.51·√p", signal, libm::pow(n, 0.51) * p.sqrt()),
        at_least("p ≥ C·n²·‖μ‖²", p, n * n * signal),
        at_most("η ≤ 1/C", s.eta, 1.0),
        at_most("α ≤ 1/(C·n·p)", s.alpha, 1.0 / (n * p)),
        Condition { text: "ω·n·m^1.5·p ≤ α·‖μ‖²", left: init, right: step, largest_c: if init <= step { f64::INFINITY } else { 0.0 } },
        at_least("m ≥ C·n^.02", m, libm::pow(n, 0.02)),
    ]
}

/// The exponent without its unknown constant in the theorem's bound on the clean test error, exp(−Ω(n^.99·‖μ‖⁴/p)).
pub fn exponent(s: &Setting) -> f64 {
    libm::pow(s.n as f64, 0.99) * s.mu * s.mu * s.mu * s.mu / s.p as f64
}

/// The output at `x` of the linear classifier that the paper finds after one step, x·(α/8n)·Σ y_i x_i, from the sum `s` = Σ y_i x·x_i: the step moves
/// neuron j by a_j·(α/2n)·Σ_{active} y_i x_i (the logistic derivative is ½), half of the neurons were active on a sample, and half are active on `x`.
pub fn one_step(alpha: f64, n: usize, s: f64) -> f64 {
    alpha / (8.0 * n as f64) * s
}

/// Share of the training points that the linear classifier Σ y_i x_i fits (derived; Gaussian). The margin y_k x_k·Σ y_i x_i has mean p + ‖μ‖² (the point itself)
/// and variance n·p + 2n·‖μ‖² (noise) + (n/2)·‖μ‖⁴ (the means of a pair do not cancel exactly: common to a cluster).
pub fn linear_train_accuracy(s: &Setting) -> f64 {
    let (p, n, signal) = (s.p as f64, s.n as f64, s.mu * s.mu);
    cdf((p + signal) / (n * p + 2.0 * n * signal + 0.5 * n * signal * signal).sqrt())
}

/// Share of clean test points that *any* linear classifier without offset gets right: exactly ½, since it is right on x just when it is wrong on −x, and −x is
/// as likely and has the same label. Over a test set of its own, the count is binomial.
pub fn linear_test_accuracy() -> f64 {
    0.5
}

/// Share of clean test points that the rule |x·ν₁| > |x·ν₂| gets right, where ν_k is the mean of the n/2 training points of pair k, signed by side and noisy label
/// (derived; Gaussian): where the network heads if its neurons come to average over one pair each. For x of pair 1, x·ν₁ has mean (1 − 2η)‖μ‖² and
/// variance ‖μ‖²((1 − 2η)² + 1/n₁) + p/n₁ + 4η(1 − η)‖μ‖⁴/n₁ with n₁ = n/2; x·ν₂ has mean 0 and variance ‖μ‖²((1 − 2η)² + 1/n₁) + p/n₁.
pub fn averaging_test_accuracy(s: &Setting) -> f64 {
    let (p, half, signal, kept) = (s.p as f64, 0.5 * s.n as f64, s.mu * s.mu, 1.0 - 2.0 * s.eta);
    let noise = signal * (kept * kept + 1.0 / half) + p / half;
    let own = (noise + 4.0 * s.eta * (1.0 - s.eta) * signal * signal / half).sqrt();
    let (mean, other) = (kept * signal, noise.sqrt());
    // ∫ φ(t)·P(|x·ν₁| > other·|t|) dt over ±8.5 standard deviations, by Simpson's rule.
    let steps = 400;
    let h = 17.0 / steps as f64;
    let mut sum = 0.0;
    for i in 0..=steps {
        let t = -8.5 + h * i as f64;
        let weight = if i == 0 || i == steps { 1.0 } else { 2.0 + 2.0 * (i % 2) as f64 };
        let bar = other * t.abs();
        sum += weight * libm::exp(-0.5 * t * t) * (cdf((mean - bar) / own) + cdf((-mean - bar) / own));
    }
    sum * h / 3.0 / (2.0 * std::f64::consts::PI).sqrt()
}

fn cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}
