//! One mode: updates, loss, rates at its fixed points, all in closed form.

use crate::model::TheoryError;
use crate::numeric::ode;

/// How the error reaches the recurrent and the input weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Back-propagation through time: the derivative of the loss.
    Bptt,
    /// Back-propagation truncated to one step.
    Truncated,
    /// Random feedback local online learning: random feedback instead of the output matrix, a scalar leak instead of the recurrent matrix.
    Rflo,
    /// Eligibility propagation: the diagonal of the recurrent matrix instead of the matrix. On an aligned mode it is back-propagation through time.
    Eprop,
}

impl Rule {
    /// All four, in the order in which they are shown.
    pub const ALL: [Rule; 4] = [Rule::Bptt, Rule::Truncated, Rule::Rflo, Rule::Eprop];
    /// The three whose modes differ.
    pub const MODAL: [Rule; 3] = [Rule::Bptt, Rule::Truncated, Rule::Rflo];

    /// The name in tables and charts.
    pub fn name(self) -> &'static str {
        match self {
            Rule::Bptt => "bptt",
            Rule::Truncated => "tbptt",
            Rule::Rflo => "rflo",
            Rule::Eprop => "eprop",
        }
    }
}

/// Output weight `a`, input weight `b` and recurrent weight `w` of one mode, |w| < 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mode {
    /// Output weight.
    pub a: f64,
    /// Input weight.
    pub b: f64,
    /// Recurrent weight (memory).
    pub w: f64,
}

/// What RFLO puts in the place of a and w on the way back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Feedback {
    /// Random feedback weight â.
    pub gain: f64,
    /// Leak ŵ, |ŵ| < 1.
    pub leak: f64,
}

/// Expected loss ½E(y − y*)² of `mode` against `teacher`, for white inputs and an infinite past.
pub fn loss(mode: Mode, teacher: Mode) -> f64 {
    let Mode { a, b, w } = mode;
    let (c, v) = (teacher.a * teacher.b, teacher.w);
    0.5 * (a * a * b * b / (1.0 - w * w) - 2.0 * a * b * c / (1.0 - w * v) + c * c / (1.0 - v * v))
}

/// Expected updates (Δa, Δb, Δw): weights move by −η times these. Source: the paper's mode equations, derived again on the card.
pub fn update(rule: Rule, mode: Mode, teacher: Mode, feedback: Feedback) -> [f64; 3] {
    let Mode { a, b, w } = mode;
    let (c, v) = (teacher.a * teacher.b, teacher.w);
    let (own, both) = (1.0 - w * w, 1.0 - w * v);
    let output = a * b * b / own - c * b / both;
    match rule {
        Rule::Bptt | Rule::Eprop => [output, a * a * b / own - a * c / both, a * a * b * b * w / (own * own) - a * b * c * v / (both * both)],
        Rule::Truncated => [output, a * (a * b - c), a * (a * b * b * w / own - c * b * v / both)],
        Rule::Rflo => {
            let Feedback { gain, leak } = feedback;
            let (near, far) = (1.0 - leak * w, 1.0 - leak * v);
            [output, gain * (a * b / near - c / far), gain * (a * b * b * w / (own * near) - c * b * v / (both * far))]
        }
    }
}

/// The flow θ̇ = −Δ(θ) from `start` at every one of `times`, the first of which is the start's.
///
/// # Errors
/// The flow leaves the domain |w| < 1 and blows up.
pub fn flow(rule: Rule, start: Mode, teacher: Mode, feedback: Feedback, times: &[f64]) -> Result<Vec<Mode>, TheoryError> {
    let path = ode::solve(
        |_, y, d| {
            let u = update(rule, Mode { a: y[0], b: y[1], w: y[2] }, teacher, feedback);
            for (d, u) in d.iter_mut().zip(u) {
                *d = -u;
            }
        },
        &[start.a, start.b, start.w],
        times,
        1e-9,
        1e-11,
    )?;
    Ok(path.iter().map(|y| Mode { a: y[0], b: y[1], w: y[2] }).collect())
}

/// The point `s` of the optimal manifold {ab = a*b*, w = w*}: a = s, b = a*b*/s.
pub fn optimum(s: f64, teacher: Mode) -> Mode {
    Mode { a: s, b: teacher.a * teacher.b / s, w: teacher.w }
}

/// Derivative of the updates by (a, b, w) at the point `s` of the optimal manifold; the flow's Jacobian is minus this. Derived.
pub fn jacobian(rule: Rule, s: f64, teacher: Mode, feedback: Feedback) -> [[f64; 3]; 3] {
    let Mode { a, b, w } = optimum(s, teacher);
    let c = a * b;
    let d = 1.0 - w * w;
    let output = [b * b / d, c / d, b * c * w / (d * d)];
    match rule {
        Rule::Bptt | Rule::Eprop => {
            [output, [c / d, a * a / d, a * c * w / (d * d)], [b * c * w / (d * d), a * c * w / (d * d), c * c * (1.0 + w * w) / (d * d * d)]]
        }
        Rule::Truncated => [output, [c, a * a, 0.0], [b * c * w / d, a * c * w / d, c * c / (d * d)]],
        Rule::Rflo => {
            let Feedback { gain, leak } = feedback;
            let e = 1.0 - leak * w;
            let memory = gain * c * b / (d * e) * (1.0 / d + leak * w / e);
            [output, [gain * b / e, gain * a / e, gain * c * leak / (e * e)], [gain * b * b * w / (d * e), gain * c * w / (d * e), memory]]
        }
    }
}

/// Trace T and sum M of the principal 2×2 minors of [`jacobian`], simplified by hand. Its third invariant, the determinant, is 0: the manifold is flat.
pub fn invariants(rule: Rule, s: f64, teacher: Mode, feedback: Feedback) -> (f64, f64) {
    let Mode { a, b, w } = optimum(s, teacher);
    let c = a * b;
    let d = 1.0 - w * w;
    let size = a * a + b * b;
    match rule {
        Rule::Bptt | Rule::Eprop => (size / d + c * c * (1.0 + w * w) / (d * d * d), size * c * c / (d * d * d * d)),
        Rule::Truncated => (b * b / d + a * a + c * c / (d * d), size * c * c / (d * d)),
        Rule::Rflo => {
            let Feedback { gain, leak } = feedback;
            let e = 1.0 - leak * w;
            let memory = 1.0 / d + leak * w / e;
            (b * b / d + gain * a / e + gain * c * b * memory / (d * e), gain * c * c / (d * d * e * e) * (b * b / a + gain))
        }
    }
}

/// The two eigenvalues of the flow's Jacobian across the optimal manifold, as (real part, imaginary part), the slower first: roots of μ² + Tμ + M.
pub fn eigenvalues(rule: Rule, s: f64, teacher: Mode, feedback: Feedback) -> [(f64, f64); 2] {
    let (trace, minors) = invariants(rule, s, teacher, feedback);
    roots(trace, minors)
}

/// Roots of μ² + Tμ + M, that of the larger real part first.
pub(super) fn roots(trace: f64, minors: f64) -> [(f64, f64); 2] {
    let disc = trace * trace - 4.0 * minors;
    if disc < 0.0 {
        let im = 0.5 * libm::sqrt(-disc);
        return [(-0.5 * trace, im), (-0.5 * trace, -im)];
    }
    // The root of larger size first; the other from the product, without cancellation.
    let big = -0.5 * (trace + libm::copysign(libm::sqrt(disc), trace));
    let small = if big == 0.0 { 0.0 } else { minors / big };
    if small > big { [(small, 0.0), (big, 0.0)] } else { [(big, 0.0), (small, 0.0)] }
}

/// Rate at which the point `s` of the optimal manifold attracts: minus the largest real part; negative where it repels.
pub fn rate(rule: Rule, s: f64, teacher: Mode, feedback: Feedback) -> f64 {
    -eigenvalues(rule, s, teacher, feedback)[0].0
}

/// The paper's rule (as read): the point `s` attracts RFLO if and only if âs > 0.
pub fn rflo_stable_printed(s: f64, feedback: Feedback) -> bool {
    feedback.gain * s > 0.0
}

/// Whether the point `s` attracts RFLO: T > 0 and M > 0. Derived: âs > 0 suffices, and is *not* necessary. With âs < 0 both hold where
/// b² < |âs| and b²/D > |âs|·(1/E + b²g/(DE)), D = 1 − w*², E = 1 − ŵw*, g = 1/D + ŵw*/E; such b exist if and only if |âs|·g < E − D, which asks for
/// ŵw* < w*².
pub fn rflo_stable_corrected(s: f64, teacher: Mode, feedback: Feedback) -> bool {
    let (trace, minors) = invariants(Rule::Rflo, s, teacher, feedback);
    trace > 0.0 && minors > 0.0
}

/// The growing rate at a = b = 0 with the teacher's memory against recurrent weight `w`: |a*b*|/(1 − ww*) for BPTT, |a*b*|/√(1 − ww*) truncated; the
/// other is its negative, so it is a saddle. `None` for RFLO, which has no fixed point there: Δb = −âa*b*/(1 − ŵw*).
pub fn saddle_rate(rule: Rule, w: f64, teacher: Mode) -> Option<f64> {
    let c = (teacher.a * teacher.b).abs();
    let both = 1.0 - w * teacher.w;
    match rule {
        Rule::Bptt | Rule::Eprop => Some(c / both),
        Rule::Truncated => Some(c / libm::sqrt(both)),
        Rule::Rflo => None,
    }
}
