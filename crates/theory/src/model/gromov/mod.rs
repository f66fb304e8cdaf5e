//! Modular addition by a quadratic network whose weights are written down: waves of every frequency with random phases.
//!
//! f(n, m) = W₂·(W₁·(e_n ⊕ e_m))², no biases. Neuron k has one frequency θ_k = 2πσ(k)/p, σ cycling through 1 … (p − 1)/2, and two random phases:
//! W₁ = A·cos(θ_k n + φ₁) for the first operand, A·cos(θ_k m + φ₂) for the second, W₂ = A·cos(θ_k q + φ₁ + φ₂) for class q, A = (2/N)^⅓. The square's product term
//! carries cos(θ_k(n + m − q)), which adds up over frequencies to a peak of height 1 at q = n + m; every other term has a random phase and adds up to interference
//! of order 1/√N. Any c = F(f₁(n) + f₂(m)) is solved by the same weights with rows relabelled by f₁, f₂ and the inverse of F ([`network::Construction`]).
//!
//! Source: card `gromov-modular` (arXiv:2301.02679). The paper gives the weights and the order of the interference. *Derived here* ([`closed`]): mean and variance of
//! every output (exact at any N), the error squared (exact), the probability that one rival wins (saddlepoint of the exact cumulants), and from it the accuracy (an
//! approximation: rivals depend on each other through the peak alone). The lazy control ([`lazy`]) is a ridge readout on random quadratic features, beside its
//! limit of infinitely many, whose kernel counts shared operands.

pub mod closed;
pub mod lazy;
pub mod network;
mod report;

use super::{Claim, Context, Model, Tensor, TheoryError, Weights};
use crate::answer::Answer;
use crate::numeric::Draws;
use network::{Construction, Network, Operation};
use pennydrop_registry::{Args, Default as Usual, Kind, Param, Row};

/// The row and the answer.
pub static MODEL: Model = Model {
    row: Row {
        name: "gromov",
        summary: "modular arithmetic by analytic weights: accuracy against width, and a lazy control below chance (a sample is a draw of phases)",
        source: "Gromov 2023, arXiv:2301.02679 (gromov-modular)",
        params: &[
            Param { key: "p", kind: Kind::Int { min: 5, max: 257 }, default: Usual::Int(97), doc: "modulus, odd" },
            Param { key: "width", kind: Kind::Int { min: 1, max: 8192 }, default: Usual::Int(500), doc: "hidden neurons N" },
            Param {
                key: "operation",
                kind: Kind::Choice(network::WORDS),
                default: Usual::Str("add"),
                doc: "n + m, n − m, n² + m², n·m, or (n + m)² with one branch of the root or with both",
            },
            Param { key: "lazy_p", kind: Kind::Int { min: 5, max: 61 }, default: Usual::Int(31), doc: "modulus of the lazy control, odd" },
            Param { key: "features", kind: Kind::Int { min: 1, max: 20_000 }, default: Usual::Int(2000), doc: "random quadratic features of the lazy control" },
            Param {
                key: "fraction",
                kind: Kind::Float { min: 0.05, max: 0.99 },
                default: Usual::Float(0.5),
                doc: "share of the pairs that the lazy control is trained on",
            },
            Param {
                key: "ridge",
                kind: Kind::Float { min: 1e-9, max: 1e6 },
                default: Usual::Float(1e-2),
                doc: "ridge of the lazy readout, where a feature has unit scale",
            },
        ],
    },
    claims: &[
        Claim { card: "gromov-modular", number: "2", text: "Analytic weights solve the task: accuracy over all pairs rises to 100 % with the width" },
        Claim {
            card: "gromov-modular",
            number: "3",
            text: "One frequency a neuron: the inverse participation ratio is 1, against 4/p or so for random weights",
        },
        Claim { card: "gromov-modular", number: "6", text: "Random-feature models do not solve the task (checked, and stronger: they stay below chance)" },
        Claim {
            card: "gromov-modular",
            number: "generalisation",
            text: "Any c = F(f₁(n) + f₂(m)) is solved by relabelling; (n + m)² to about one half, for its root has two branches",
        },
    ],
    samples: 8,
    answer,
};

/// Draws of phases, of random weights, of lazy features, of lazy splits.
const LANES: [u32; 4] = [0x930, 0x931, 0x932, 0x933];

/// Widths along which accuracy is measured beside the one asked for.
const WIDTHS: [usize; 6] = [25, 50, 100, 150, 200, 400];

fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    let (p, width, lazy_p) = (args.size("p"), args.size("width"), args.size("lazy_p"));
    for (key, modulus) in [("p", p), ("lazy_p", lazy_p)] {
        if modulus % 2 == 0 {
            return Err(TheoryError::parameter(args, key, format!("{modulus} is even, and has a frequency without a phase"), "an odd number"));
        }
    }
    let operation = Operation::of(args.str("operation"));
    let construction = Construction::new(operation, p).ok_or_else(|| {
        TheoryError::parameter(args, "operation", format!("n·m needs a primitive root, and {p} is not prime"), "a prime p, or another operation")
    })?;
    let samples = context.samples_or(MODEL.samples);
    if samples == 0 {
        return Err(TheoryError::numeric("gromov", "no samples"));
    }
    let network = |construction: &Construction, width: usize, i: usize| Network::new(construction, width, &mut context.draws(LANES[0], i));

    let mut widths: Vec<usize> = WIDTHS.into_iter().filter(|w| *w != width && *w <= 2 * width.max(50)).chain([width]).collect();
    widths.sort_unstable();
    let measured = context.map(widths.len() * samples, |k| Ok(network::measure(&construction, &network(&construction, widths[k / samples], k % samples))))?;
    let scan: Vec<report::AtWidth> = widths
        .iter()
        .zip(measured.chunks(samples))
        .map(|(w, m)| report::AtWidth { width: *w, closed: closed::Prediction::new(&construction, *w), measured: m.to_vec() })
        .collect();

    // The other operations once, at the same width.
    let others = Operation::ALL.into_iter().filter_map(|o| Some((o, Construction::new(o, p)?))).collect::<Vec<_>>();
    let others = context.map(others.len(), |k| {
        let (operation, construction) = &others[k];
        let found = network::measure(construction, &network(construction, width, 0));
        Ok((*operation, found, closed::limit(construction)))
    })?;

    let ipr = context.map(samples, |i| {
        let analytic = network(&construction, width, i);
        Ok((analytic.participation(&construction), network::participation_of_random(p, 200, &mut context.draws(LANES[1], i))))
    })?;
    let lazy = lazy_control(args, context, lazy_p)?;
    Ok(report::report(&report::Found { p, width, operation, scan, others, ipr, lazy, lazy_p }))
}

/// The lazy control at the arguments and along fractions and ridges.
fn lazy_control(args: &Args, context: &Context, p: usize) -> Result<Vec<lazy::Trial>, TheoryError> {
    let (fraction, ridge, features) = (args.float("fraction"), args.float("ridge"), args.size("features"));
    let train = (fraction * (p * p) as f64).round();
    if train < 1.0 || train > (p * p - 1) as f64 {
        return Err(TheoryError::parameter(
            args,
            "fraction",
            format!("{train} of {} pairs leaves no training or no test pair", p * p),
            "a share with pairs on both sides",
        ));
    }
    let mut fractions = vec![0.2, 0.35, 0.5, 0.65, 0.8, 0.95];
    fractions.retain(|f: &f64| (f - fraction).abs() > 1e-9);
    fractions.push(fraction);
    fractions.sort_by(f64::total_cmp);
    let draws = 2;
    let found = context.map(draws, |i| {
        let gram = lazy::random_gram(p, features, &mut context.draws(LANES[2], i));
        let limit = lazy::limit_gram(p);
        let mut out = Vec::new();
        for (k, f) in fractions.iter().enumerate() {
            let order = context.draws(LANES[3], i * fractions.len() + k).permutation(p * p);
            let n = (f * (p * p) as f64).round() as usize;
            out.push(lazy::trial(p, &gram, &limit, &order, n, ridge)?);
        }
        Ok(out)
    })?;
    Ok((0..fractions.len()).map(|k| found.iter().map(|d| d[k]).reduce(lazy::Trial::and).unwrap_or_default()).collect())
}

/// The network's tensors in the layout and scaling of the preset `gromov` (`model.name=mlp`, one-hot, quadratic, no biases, `scaling=standard`): `layer0.W`
/// `[2p, N]` and `layer1.W` `[N, p]`, row-major, in single precision. `None` where the operation needs a prime p.
pub fn tensors(operation: Operation, p: usize, width: usize, seed: u64) -> Option<Vec<(String, Vec<usize>, Vec<f32>)>> {
    let network = Network::new(&Construction::new(operation, p)?, width, &mut Draws::new(seed, LANES[0], 0));
    let single = |values: &[f64]| values.iter().map(|x| *x as f32).collect::<Vec<f32>>();
    Some(vec![("layer0.W".into(), vec![2 * p, width], single(&network.first)), ("layer1.W".into(), vec![width, p], single(&network.second))])
}

/// The closed form as weights that the preset `gromov` begins from.
pub const WEIGHTS: Weights = Weights {
    model: "gromov",
    preset: "gromov",
    tensors: |args, seed| {
        let (operation, p) = (Operation::of(args.str("operation")), args.size("p"));
        let named = tensors(operation, p, args.size("width"), seed)
            .ok_or_else(|| TheoryError::parameter(args, "p", format!("{p} is not prime, and this operation needs a primitive root"), "a prime"))?;
        Ok(named.into_iter().map(|(name, shape, values)| Tensor { name, shape, values }).collect())
    },
    words: |args| vec![format!("task.p={}", args.size("p")), format!("model.widths=[{}]", args.size("width"))],
};

#[cfg(test)]
mod tests;
