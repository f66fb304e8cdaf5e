//! The tensor-network attention map with frozen matrices: learning a cellular automaton as a perceptron (Žunkovič and Ilievski, JMLR 25, 2024, section 4).
//!
//! A string x ∈ {−1, 1}^M (here bits 0, 1) is mapped site by site to latent points z_i = (v_L A_{x_1} ⋯ A_{x_{i−1}}) ⊗ (A_{x_{i+1}} ⋯ A_{x_M} v_R) ⊗ φ(x_i) ∈ R^{2d²} (open boundary) or
//! z_i = (A_{x_{i+1}} ⋯ A_{x_M})(A_{x_1} ⋯ A_{x_{i−1}}) ⊗ φ(x_i) (closed boundary), contexts scaled to unit length at each site and z_i too. With A₀, A₁ frozen, ŷ_i = z_i · vec(B) is a perceptron in B,
//! trained by the gradient flow of R = (1/n) Σ ½(ŷ − y)² + λ₁‖B‖₁ + (λ₂/2)‖B‖² from B(0) ~ N(0, 1). v_L and v_R are the leading eigenvectors of A₀: an endless row of −1, as the automaton's boundary.
//!
//! **Exact:** the flow between events ([`perceptron`]), separability with a certificate ([`separable`]), the exact 1-local map's distribution of zero-error times ([`closed`], derived here: the paper has
//! none). **Asymptotic or heuristic:** ν = ½(D_eff + 1) − ξ, from the ball model with a density r^(−ξ) at its boundary.
//!
//! **Reconstructed** (the paper does not say): the test set (uniformly random strings, longer than those trained on, all sites, edges included); D_eff from sites away from the edges of long strings; ξ from the
//! first principal axis of the class-conditional contexts, 2⁴ to 2⁹ bins; A drawn again where A₀ has no real leading eigenvector; the closed boundary with the automaton on a ring (with −1 at the ends the closed map
//! gives contradictory labels to equal points). Teachers that are not local are ours: the paper runs none.
//!
//! | module | what lives there |
//! |---|---|
//! | [`automaton`] | teachers: K steps of a rule, and three that are not local |
//! | [`map`] | the attention map and the latent points |
//! | [`perceptron`] | the flow with λ₁ and λ₂ |
//! | [`shape`] | D_eff, class distance, ξ, falls of D_eff |
//! | [`exponent`] | ν from aligned errors |
//! | [`separable`] | linear separability by the shortest vector of a convex hull |
//! | `network` | the full network, trained by the engine: structure formation |
//! | [`closed`] | the exact 1-local map in closed form |

pub mod automaton;
pub mod closed;
pub mod exponent;
mod flow;
mod locality;
pub mod map;
mod network;
pub mod perceptron;
mod probability;
pub mod separable;
pub mod shape;

use crate::answer::Answer;
use crate::model::{Claim, Context, Model, TheoryError};
use automaton::{Kind as Teachers, Teacher, all_strings, random_strings};
use map::{Attention, Boundary, EXACT, FROZEN, Points};
use pennydrop_registry::{Args, Default as Usual, Kind, Param, Row};

/// The row.
pub static MODEL: Model = Model {
    row: Row {
        name: "zunkovic-tn",
        summary: "tensor-network attention map with frozen matrices: a cellular automaton learnt by a perceptron; a sample is an initial vector B(0), or a random A",
        source: "zunkovic-ilievski",
        params: &[
            Param {
                key: "part",
                kind: Kind::Choice(&["flow", "probability", "locality", "network"]),
                default: Usual::Str("flow"),
                doc: "one frozen A in full; the share of random A that can grok; local teachers against others; the full network and its effective dimension",
            },
            Param {
                key: "example",
                kind: Kind::Choice(&["1", "2", "3", "random", "exact"]),
                default: Usual::Str("3"),
                doc: "part flow: the paper's frozen A (d = 2), a random one, or the exact 1-local attention (d = 4)",
            },
            Param { key: "draw", kind: Kind::Int { min: 0, max: 1_000_000 }, default: Usual::Int(0), doc: "which random A" },
            Param { key: "d", kind: Kind::Int { min: 1, max: 8 }, default: Usual::Int(2), doc: "bond dimension of random A" },
            Param { key: "bond", kind: Kind::Int { min: 1, max: 64 }, default: Usual::Int(10), doc: "part network: bond dimension (the paper: 10, 20, 40)" },
            Param {
                key: "steps",
                kind: Kind::Int { min: 1, max: 10_000_000 },
                default: Usual::Int(2_500),
                doc: "part network: steps of Adam, which every network takes",
            },
            Param { key: "rule", kind: Kind::Int { min: 0, max: 255 }, default: Usual::Int(30), doc: "elementary cellular automaton" },
            Param { key: "k", kind: Kind::Int { min: 1, max: 3 }, default: Usual::Int(1), doc: "locality K: consecutive steps of the rule" },
            Param {
                key: "teacher",
                kind: Kind::Choice(&["local", "permuted", "distant-parity", "random"]),
                default: Usual::Str("local"),
                doc: "part flow: what labels the strings; the last three read as many bits, elsewhere",
            },
            Param { key: "lambda1", kind: Kind::Float { min: 0.0, max: 10.0 }, default: Usual::Float(0.0), doc: "L1 strength λ₁" },
            Param { key: "lambda2", kind: Kind::Float { min: 0.0, max: 100.0 }, default: Usual::Float(0.0), doc: "L2 strength λ₂ (of λ₂/2 ‖B‖²)" },
            Param {
                key: "length",
                kind: Kind::Int { min: 0, max: 12 },
                default: Usual::Int(0),
                doc: "training strings: all of this length (half of them where the teacher has no other length); 0 is 3, or 7 where half is taken",
            },
            Param { key: "boundary", kind: Kind::Choice(&["open", "closed"]), default: Usual::Str("open"), doc: "−1 beyond the ends, or a ring" },
            Param { key: "test_length", kind: Kind::Int { min: 4, max: 2000 }, default: Usual::Int(60), doc: "length of the random test strings" },
            Param { key: "test_strings", kind: Kind::Int { min: 1, max: 10_000 }, default: Usual::Int(20), doc: "number of random test strings" },
            Param { key: "window_low", kind: Kind::Float { min: 1e-6, max: 0.5 }, default: Usual::Float(0.004), doc: "lowest averaged error in the fit of ν" },
            Param { key: "window_high", kind: Kind::Float { min: 1e-5, max: 0.5 }, default: Usual::Float(0.1), doc: "highest averaged error in the fit of ν" },
        ],
    },
    claims: &[
        Claim {
            card: "zunkovic-ilievski",
            number: "5",
            text: "frozen A: D_eff 3.0/3.8/3.0, ν .85/.75/.84, ξ 1.2/1.8/1.6; P_G ≤ .02 at d = 2, L2 lowers it, L1 more than L2; larger λ₂ often lengthens t_G",
        },
        Claim { card: "zunkovic-ilievski", number: "5-exact", text: "the exact 1-local attention has a first-order jump of size 1/4" },
        Claim { card: "zunkovic-ilievski", number: "6", text: "full network: ν 1.99/1.09/.64 (none/L2/L1, d = 10, K = 1) falls with regularisation" },
        Claim { card: "zunkovic-ilievski", number: "7", text: "D_eff falls just before the transition; 1.8/1.3/1.1 at zero test error (none/L2/L1, K = 1)" },
        Claim {
            card: "zunkovic-ilievski", number: "8", text: "full network: L1 shortens the mean t_G − t_mem most, .60/.60/.10 (none/L2/L1, d = 10, K = 1)"
        },
        Claim { card: "zunkovic-ilievski", number: "9", text: "grokking is a consequence of the locality of the teacher" },
        Claim { card: "zunkovic-ilievski", number: "9-critique", text: "ν belongs to the student's latent density, not to the task" },
    ],
    samples: 300,
    answer,
};

/// Lanes of draws.
mod lane {
    pub const MATRICES: u32 = 1;
    pub const STRINGS: u32 = 2;
    pub const INITIAL: u32 = 3;
    pub const TEACHER: u32 = 4;
    pub const BOOTSTRAP: u32 = 5;
    pub const SHAPE: u32 = 6;
    pub const HALVES: u32 = 7;
}

fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    if args.float("window_low") >= args.float("window_high") {
        return Err(TheoryError::parameter(args, "window_low", "the window is empty", "0 < window_low < window_high ≤ 0.5"));
    }
    match args.str("part") {
        "probability" => probability::answer(args, context),
        "locality" => locality::answer(args, context),
        "network" => network::answer(args, context),
        _ => flow::answer(args, context),
    }
}

fn boundary(args: &Args) -> Boundary {
    if args.str("boundary") == "open" { Boundary::Open } else { Boundary::Closed }
}

/// The matrices that `example` names.
fn attention(args: &Args, context: &Context) -> Result<Attention, TheoryError> {
    let boundary = boundary(args);
    let found = match args.str("example") {
        "1" => Attention::new(2, &FROZEN[0].0, &FROZEN[0].1, boundary),
        "2" => Attention::new(2, &FROZEN[1].0, &FROZEN[1].1, boundary),
        "3" => Attention::new(2, &FROZEN[2].0, &FROZEN[2].1, boundary),
        "exact" => Attention::new(4, &EXACT.0, &EXACT.1, boundary),
        _ => Attention::random(args.size("d"), boundary, &mut context.draws(lane::MATRICES, args.size("draw"))),
    };
    found.ok_or_else(|| TheoryError::numeric("attention map", "A₀ has no real leading eigenvector"))
}

/// Length of the training strings.
fn length(args: &Args, halves: bool) -> Result<usize, TheoryError> {
    let least = if halves { (2 * args.size("k") + 2).max(5) } else { 1 };
    match args.size("length") {
        0 if halves => Ok(7.max(least)),
        0 => Ok(3),
        n if n < least => {
            let why = format!("is too short: a teacher that is not local needs more sites than it reads, {}", 2 * args.size("k") + 1);
            Err(TheoryError::parameter(args, "length", why, format!("0, or {least} to 12")))
        }
        n => Ok(n),
    }
}

/// Random halves of all strings of a length: what is trained on, and what is tested.
fn halves(length: usize, context: &Context) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let all = all_strings(length);
    let order = context.draws(lane::HALVES, 0).permutation(all.len());
    let pick = |places: &[usize]| places.iter().map(|&i| all[i].clone()).collect();
    let (train, test) = order.split_at(all.len() / 2);
    (pick(train), pick(test))
}

/// Training and test points of a map under a teacher: all strings of the training length and long random ones where the teacher serves every length, halves of one length where not.
fn data(args: &Args, context: &Context, map: &Attention, kind: Teachers) -> Result<(Points, Points, Teacher), TheoryError> {
    let local = kind == Teachers::Local;
    let length = length(args, !local)?;
    let (rule, k) = (args.int("rule") as u8, args.size("k"));
    let teacher = Teacher::new(kind, rule, k, map.boundary, length, &mut context.draws(lane::TEACHER, kind as usize));
    let (train, test) = if local {
        (all_strings(length), random_strings(args.size("test_strings"), args.size("test_length"), &mut context.draws(lane::STRINGS, 0)))
    } else {
        halves(length, context)
    };
    Ok((map.points(&train, &teacher, 0), map.points(&test, &teacher, 0), teacher))
}

/// Times in geometric progression that resolve the fastest rate of a flow and outlast the slowest.
fn times(rates: &[f64], count: usize) -> Vec<f64> {
    let fastest = rates.iter().copied().fold(1e-9, f64::max);
    let slowest = rates.iter().copied().filter(|r| *r > 1e-7 * fastest).fold(fastest, f64::min);
    let (first, last) = (0.01 / fastest, (25.0 / slowest).min(1e7 / fastest));
    (0..count).map(|i| first * libm::pow(last / first, i as f64 / (count - 1) as f64)).collect()
}

#[cfg(test)]
mod tests;
