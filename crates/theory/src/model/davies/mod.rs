//! Patterns learned at their own speeds: one toy that shows epoch-wise double descent or grokking, as its numbers say.
//!
//! Pattern i explains a share p_i(t) = γ_i/(1 + e^{−α_i(t − b_i)}) of the examples, independently of the others. A training example is right as soon as one pattern explains
//! it; a test example is right with probability G(A) where A is the set of patterns active on it: the mean of g_i over A, but g_k where A holds the *preferred* pattern k, and
//! 0 where A is empty. Type 1 is a heuristic, type 2 overfitting (g = 0), type 3 slow, general and preferred.
//!
//! Source: card `davies-unifying` (arXiv:2303.06173). *Exact:* [`train`], [`test`](fn@test) (the sum over all 2ⁿ sets, any number of patterns) and [`test_of_three`] (the paper's
//! formula for three). *Simulated:* examples with activations, choices and outcomes drawn one by one. *Reconstructed:* the width axis. The paper shows model-wise curves of
//! transformers only; here patterns are learned along t·(width/width₀)^κ, so that at width₀ everything is as printed and at fixed t a wider network is further along every
//! logistic. The order of events along the width then *follows* from their order in time.

pub mod curves;
pub mod fit;
mod report;

use super::{Claim, Context, Model, TheoryError};
use crate::answer::Answer;
use curves::Population;
use pennydrop_registry::{Args, Default as Usual, Kind, Param, Row};

/// The row and the answer.
pub static MODEL: Model = Model {
    row: Row {
        name: "davies",
        summary: "patterns learned along logistic curves: double descent or grokking (a sample is an example)",
        source: "Davies, Langosco, Krueger 2023, arXiv:2303.06173 (davies-unifying)",
        params: &[
            Param { key: "case", kind: Kind::Choice(&["grokking", "double-descent"]), default: Usual::Str("grokking"), doc: "whose patterns" },
            Param { key: "gamma", kind: Kind::Floats, default: Usual::Floats(&[]), doc: "ceilings γ in 0..=1 (empty: those of the case)" },
            Param { key: "alpha", kind: Kind::Floats, default: Usual::Floats(&[]), doc: "speeds α per step (empty: .15, .15, .05)" },
            Param { key: "b", kind: Kind::Floats, default: Usual::Floats(&[]), doc: "inflection points in steps (empty: 30, 50, 200)" },
            Param { key: "g", kind: Kind::Floats, default: Usual::Floats(&[]), doc: "how well a pattern generalises, in 0..=1 (empty: 1, 0, 1)" },
            Param { key: "preferred", kind: Kind::Int { min: 0, max: 12 }, default: Usual::Int(3), doc: "number of the preferred pattern; 0: none" },
            Param { key: "steps", kind: Kind::Int { min: 1, max: 5_000 }, default: Usual::Int(300), doc: "length of training" },
            Param { key: "width", kind: Kind::Float { min: 1.0, max: 1e6 }, default: Usual::Float(128.0), doc: "width at which the patterns are as given" },
            Param {
                key: "kappa",
                kind: Kind::Float { min: 0.0, max: 4.0 },
                default: Usual::Float(1.0),
                doc: "reconstruction: a step counts (width/width_0)^κ along every curve",
            },
            Param { key: "fit", kind: Kind::Bool, default: Usual::Bool(true), doc: "whether the toy is fitted to the simulated curves, beside plain sigmoids" },
        ],
    },
    claims: &[
        Claim {
            card: "davies-unifying",
            number: "1",
            text: "One toy shows double descent or grokking; the test accuracy after a double descent stays below its first peak",
        },
        Claim { card: "davies-unifying", number: "2", text: "Model-wise grokking: along the width the training accuracy is perfect before the test accuracy" },
        Claim { card: "davies-unifying", number: "fit", text: "Nine parameters describe a measured pair of curves better than plain sigmoids" },
    ],
    samples: 20_000,
    answer,
};

/// One pattern.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pattern {
    /// Share of the examples that it explains in the end, γ in 0..=1.
    pub gamma: f64,
    /// Speed α ≥ 0, per step.
    pub alpha: f64,
    /// Step at which it has half its share.
    pub b: f64,
    /// Probability that what it says is right on a test example, in 0..=1.
    pub g: f64,
}

impl Pattern {
    /// p(t) = γ/(1 + e^{−α(t − b)}): the share of the examples that the pattern explains at step `t`.
    pub fn predictiveness(&self, t: f64) -> f64 {
        self.gamma / (1.0 + libm::exp(-self.alpha * (t - self.b)))
    }
}

/// The paper's three patterns for `case` ("grokking" or "double-descent"); the third is preferred.
pub fn printed_patterns(case: &str) -> [Pattern; 3] {
    let (heuristic, slow) = if case == "double-descent" { (0.7, 0.2) } else { (0.0, 1.0) };
    [
        Pattern { gamma: heuristic, alpha: 0.15, b: 30.0, g: 1.0 },
        Pattern { gamma: 1.0, alpha: 0.15, b: 50.0, g: 0.0 },
        Pattern { gamma: slow, alpha: 0.05, b: 200.0, g: 1.0 },
    ]
}

/// Training accuracy at step `t`: 1 − Π(1 − p_i).
pub fn train(patterns: &[Pattern], t: f64) -> f64 {
    1.0 - patterns.iter().map(|p| 1.0 - p.predictiveness(t)).product::<f64>()
}

/// Test accuracy at step `t`: Σ_A P(A)·G(A) over all sets A of patterns (at most 20); `preferred` is an index.
pub fn test(patterns: &[Pattern], preferred: Option<usize>, t: f64) -> f64 {
    let p: Vec<f64> = patterns.iter().map(|x| x.predictiveness(t)).collect();
    (1usize..1 << patterns.len())
        .map(|set| {
            let (mut probability, mut sum, mut size) = (1.0, 0.0, 0.0);
            for (i, pattern) in patterns.iter().enumerate() {
                if set >> i & 1 == 1 {
                    probability *= p[i];
                    sum += pattern.g;
                    size += 1.0;
                } else {
                    probability *= 1.0 - p[i];
                }
            }
            let right = preferred.filter(|k| set >> k & 1 == 1).map_or(sum / size, |k| patterns[k].g);
            probability * right
        })
        .sum()
}

/// Test accuracy of three patterns of which the third is preferred, as the authors' notebook writes it: Σ g_i·u_i with u₁ = p₁ − p₁p₃ − p₁p₂/2 + p₁p₂p₃/2, u₂ likewise, u₃ = p₃.
pub fn test_of_three(patterns: &[Pattern; 3], t: f64) -> f64 {
    let [a, b, c] = patterns.map(|p| p.predictiveness(t));
    let shared = a * b / 2.0 - a * b * c / 2.0;
    patterns[0].g * (a - a * c - shared) + patterns[1].g * (b - b * c - shared) + patterns[2].g * c
}

/// Whole steps `0..=steps` at which a curve is first at `level` or above.
pub(crate) fn first_at(curve: &[f64], level: f64) -> Option<usize> {
    curve.iter().position(|y| *y >= level)
}

/// First peak of a curve that is followed by a fall of at least `least`, and the bottom after it (before a new height): their places.
pub(crate) fn peak_and_dip(curve: &[f64], least: f64) -> Option<(usize, usize)> {
    let (mut peak, mut dip) = (0, 0);
    for i in 1..curve.len() {
        if curve[i] > curve[peak] {
            if curve[peak] - curve[dip] >= least {
                break;
            }
            (peak, dip) = (i, i);
        } else if curve[i] < curve[dip] {
            dip = i;
        }
    }
    (curve.get(peak)? - curve.get(dip)? >= least).then_some((peak, dip))
}

/// What was asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting {
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) preferred: Option<usize>,
    pub(crate) steps: usize,
    pub(crate) width: f64,
    pub(crate) kappa: f64,
    /// Whether these are the paper's patterns.
    pub(crate) as_printed: bool,
}

impl Setting {
    /// Effective time after `steps` steps of a network of `width`.
    pub(crate) fn effective(&self, width: f64) -> f64 {
        self.steps as f64 * libm::pow(width / self.width, self.kappa)
    }
}

fn setting(args: &Args) -> Result<Setting, TheoryError> {
    let usual = printed_patterns(args.str("case"));
    let of = |key: &str, usual: [f64; 3]| if args.floats(key).is_empty() { usual.to_vec() } else { args.floats(key) };
    let (gamma, alpha) = (of("gamma", usual.map(|p| p.gamma)), of("alpha", usual.map(|p| p.alpha)));
    let (b, g) = (of("b", usual.map(|p| p.b)), of("g", usual.map(|p| p.g)));
    let n = gamma.len();
    for (key, list) in [("gamma", &gamma), ("alpha", &alpha), ("b", &b), ("g", &g)] {
        if list.len() != n || !(1..=12).contains(&n) {
            let problem = format!("{} numbers where gamma has {n}", list.len());
            return Err(TheoryError::parameter(args, key, problem, "lists gamma, alpha, b and g of one length, 1 to 12 patterns"));
        }
        let (low, high) = if key == "gamma" || key == "g" { (0.0, 1.0) } else { (0.0, 1e6) };
        if let Some(x) = list.iter().find(|x| !(low..=high).contains(*x)) {
            return Err(TheoryError::parameter(args, key, format!("{x} is out of range"), format!("numbers in {low}..={high}")));
        }
    }
    let preferred = args.size("preferred");
    if preferred > n {
        return Err(TheoryError::parameter(args, "preferred", format!("pattern {preferred} of {n}"), format!("0 (none) to {n}")));
    }
    let patterns: Vec<Pattern> = (0..n).map(|i| Pattern { gamma: gamma[i], alpha: alpha[i], b: b[i], g: g[i] }).collect();
    let as_printed = patterns == usual && preferred == 3;
    Ok(Setting { patterns, preferred: preferred.checked_sub(1), steps: args.size("steps"), width: args.float("width"), kappa: args.float("kappa"), as_printed })
}

/// Draws of the two halves of the examples, of those at each width, and of the starts of the fit.
const LANES: [u32; 4] = [0xDA0, 0xDA1, 0xDA2, 0xDA3];

fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    let s = setting(args)?;
    let samples = context.samples_or(MODEL.samples);
    if samples < 10 {
        return Err(pennydrop_registry::SpecError::new("samples", format!("{samples} examples"), "10 or more").into());
    }
    let times: Vec<f64> = (0..=s.steps).map(|t| t as f64).collect();
    // Two halves: one says where a peak is, the other how high it is there.
    let halves = [samples.div_ceil(2), samples / 2];
    let mut along: Vec<Population> = Vec::new();
    for (lane, n) in LANES.iter().zip(halves) {
        along.push(curves::simulate(&s.patterns, s.preferred, &times, n, context, *lane)?);
    }
    let widths: Vec<f64> = (0..=40).map(|i| s.width * libm::exp2((f64::from(i) - 32.0) / 8.0)).collect();
    let effective: Vec<f64> = widths.iter().map(|w| s.effective(*w)).collect();
    let across = curves::simulate(&s.patterns, s.preferred, &effective, samples, context, LANES[2])?;
    let fits = if args.bool("fit") { Some(report::fits(&s, &along, context, LANES[3])?) } else { None };
    Ok(report::report(&s, &along, &widths, &across, fits.as_ref()))
}

#[cfg(test)]
mod tests;
