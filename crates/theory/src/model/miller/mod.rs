//! Grokking without deep networks: linear regression, Gaussian processes, and concealment by spurious inputs (Miller, O'Neill and Bui, TMLR 2024).
//!
//! Four parts, one claim each: gradient descent on four features of x whose large start is forgotten only through the penalty ([`linear`]; it is linear, so it has a closed form); a
//! Gaussian process whose hyperparameters climb the marginal likelihood from a short lengthscale ([`regression`]); a Gaussian-process classifier of the parity of three bits that learns which inputs are
//! spurious ([`classification`]); and a small network on modular arithmetic with ℓ random bits appended ([`concealment`]), with the law Δ(ℓ) = A e^{cℓ} fitted with its censoring ([`law`]).
//!
//! **Reduced or replaced:** the classifier uses Laplace's approximation, not the paper's variational one, on 80 examples of 10 bits, not 1000 of 40; the network has 64 hidden units, not 1000, and one operation, not six.
//! **Settled:** the paper's concealment draws training and validation examples with replacement from all pairs, so that validation pairs are among those trained on (`split=leak`); here the default is
//! `split=clean`: disjoint pairs, noise bits new at every presentation.

pub mod classification;
pub mod concealment;
pub mod law;
pub mod linear;
mod linear_answer;
mod processes;
pub mod regression;

use crate::answer::Answer;
use crate::model::{Claim, Context, Model, TheoryError};
use pennydrop_registry::{Args, Default as Usual, Kind, Param, Row};

/// The row.
pub static MODEL: Model = Model {
    row: Row {
        name: "miller",
        summary: "grokking in linear regression, Gaussian processes and under concealment; a sample is a draw of data and start",
        source: "miller-beyond-nn",
        params: &[
            Param {
                key: "part",
                kind: Kind::Choice(&["linear", "gp-regression", "gp-classification", "concealment"]),
                default: Usual::Str("linear"),
                doc: "which of the four",
            },
            Param {
                key: "epochs",
                kind: Kind::Int { min: 0, max: 10_000_000 },
                default: Usual::Int(0),
                doc: "epochs; 0 is the part's own: 5000, 300, 150, 250",
            },
            Param {
                key: "rate",
                kind: Kind::Float { min: 0.0, max: 10.0 },
                default: Usual::Float(0.0),
                doc: "learning rate; 0 is the part's own: 0.001 (gradient descent), 0.1 and 0.05 (Adam), 0.1 (SGD)",
            },
            Param {
                key: "threshold",
                kind: Kind::Float { min: 0.5, max: 1.0 },
                default: Usual::Float(0.95),
                doc: "accuracy whose first reaching is an epoch k",
            },
            Param {
                key: "train",
                kind: Kind::Int { min: 0, max: 100_000 },
                default: Usual::Int(0),
                doc: "training examples; 0 is the part's own: 2, 50, 80, 600",
            },
            Param {
                key: "validation",
                kind: Kind::Int { min: 0, max: 100_000 },
                default: Usual::Int(0),
                doc: "validation examples; 0 is the part's own: 98, 50, 100, 200",
            },
            Param {
                key: "epsilon",
                kind: Kind::Float { min: 1e-6, max: 10.0 },
                default: Usual::Float(0.002),
                doc: "linear: noise variance ε₀ of the data term",
            },
            Param {
                key: "penalty", kind: Kind::Float { min: 0.0, max: 1e3 }, default: Usual::Float(2.0), doc: "linear: weight of Σw²/n (the paper's 1/0.5)"
            },
            Param {
                key: "bits",
                kind: Kind::Int { min: 3, max: 40 },
                default: Usual::Int(10),
                doc: "gp-classification: input bits, of which the first three decide (the paper: 40)",
            },
            Param {
                key: "lengths",
                kind: Kind::Ints { min: 0, max: 1000 },
                default: Usual::Ints(&[0, 10, 20, 30]),
                doc: "concealment: numbers ℓ of spurious bits",
            },
            Param {
                key: "operations",
                kind: Kind::Strs,
                default: Usual::Strs(&["add"]),
                doc: "concealment: of add, subtract, divide, quadratic (x² + xy + y²), quadratic-x (x² + xy + y² + x), multiply-double-x",
            },
            Param {
                key: "p",
                kind: Kind::Int { min: 2, max: 200 },
                default: Usual::Int(7),
                doc: "concealment: modulus, a prime (the paper's; split=clean leaves 12 pairs for validation: 31 gives 200, and needs decay=0 to be memorised)",
            },
            Param { key: "hidden", kind: Kind::Int { min: 1, max: 4000 }, default: Usual::Int(64), doc: "concealment: hidden units (the paper: 1000)" },
            Param {
                key: "split",
                kind: Kind::Choice(&["clean", "leak"]),
                default: Usual::Str("clean"),
                doc: "concealment: disjoint pairs, or the paper's draw with replacement",
            },
            Param {
                key: "noise",
                kind: Kind::Choice(&["usual", "fixed", "resampled"]),
                default: Usual::Str("usual"),
                doc: "concealment: spurious bits drawn once an example or at each presentation; usual is resampled for clean, fixed for leak",
            },
            Param {
                key: "decay",
                kind: Kind::Float { min: 0.0, max: 1.0 },
                default: Usual::Float(0.01),
                doc: "concealment: weight decay, added to the gradient",
            },
        ],
    },
    claims: &[
        Claim {
            card: "miller-beyond-nn",
            number: "1",
            text: "linear model: training accuracy at ~2e1 epochs, validation at ~1e3–2e3; without regularisation none, even after 1e6",
        },
        Claim {
            card: "miller-beyond-nn",
            number: "2",
            text: "GP classification groks and inverse lengthscales of spurious inputs fall during the gap; only starts of low error and high complexity grok in GP regression",
        },
        Claim { card: "miller-beyond-nn", number: "3", text: "concealment: Pearson r = .92 between ln gap and ℓ: Δ(ℓ) = A e^{cℓ}" },
    ],
    samples: 100,
    answer,
};

/// Lanes of draws.
mod lane {
    pub const LINEAR: u32 = 1;
    pub const SINE: u32 = 2;
    pub const PARITY: u32 = 3;
    pub const NETWORK: u32 = 4;
}

fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    match args.str("part") {
        "gp-regression" => processes::regression(args, context),
        "gp-classification" => processes::classification(args, context),
        "concealment" => concealment::answer(args, context),
        _ => linear_answer::answer(args, context),
    }
}

/// The value of `key`, or `usual` where it is 0.
fn or(args: &Args, key: &str, usual: usize) -> usize {
    match args.size(key) {
        0 => usual,
        n => n,
    }
}

/// The learning rate, or `usual` where it is 0.
fn rate(args: &Args, usual: f64) -> f64 {
    match args.float("rate") {
        0.0 => usual,
        r => r,
    }
}

#[cfg(test)]
mod tests;
