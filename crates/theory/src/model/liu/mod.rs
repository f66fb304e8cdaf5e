//! Addition by parallelograms: a representation generalises where E_i + E_j = E_m + E_n holds for pairs of equal sums, and the training set decides which of them it owes.
//!
//! Addition of 0 … p − 1 without modulus, i ≤ j. Three parts: *effective* — which training sets force the line of integers ([`lattice`]), and the flow of the embedding
//! alone, whose late rate is 2λ₃/Z₀ ([`effective`]); *toy* — embeddings and a decoder trained with the engine ([`toy`]), its accuracy beside the one that its own
//! parallelograms predict; *phase* — four phases over two hyper-parameters.
//!
//! Source: card `liu-effective-theory` (arXiv:2205.10343) and what it read in the released code. *Exact:* parallelograms, uniqueness, expectations over training sets;
//! *closed form beside simulation:* the late rate (an ordinary differential equation integrated without eigenvalues). *Two flows:* the paper's over the training set,
//! divided by its number of parallelograms, and the released one over all parallelograms, which does not know the training set. *Ours:* the critical fraction as the point
//! where half of all training sets are unique (the paper's ≈0.4 is remembered, not read).

pub mod effective;
pub mod lattice;
mod parts;
mod report;
pub mod toy;

use super::{Claim, Context, Model, TheoryError};
use crate::answer::Answer;
use pennydrop_registry::{Args, Default as Usual, Kind, Param, Row};

const RATE: Kind = Kind::Float { min: 0.0, max: 10.0 };

/// The row and the answer.
pub static MODEL: Model = Model {
    row: Row {
        name: "liu",
        summary: "addition by parallelograms: critical fraction, effective flow, toy model and its phases (a sample is a training set, or a run)",
        source: "Liu, Kitouni, Nolte, Michaud, Tegmark, Williams 2022, arXiv:2205.10343 (liu-effective-theory)",
        params: &[
            Param {
                key: "part",
                kind: Kind::Choice(&["effective", "toy", "phase"]),
                default: Usual::Str("effective"),
                doc: "effective: seconds; toy: training runs, seconds each; phase: cells² runs, minutes",
            },
            Param { key: "p", kind: Kind::Int { min: 4, max: 24 }, default: Usual::Int(10), doc: "symbols" },
            Param { key: "train", kind: Kind::Int { min: 1, max: 300 }, default: Usual::Int(45), doc: "training samples D, of p(p + 1)/2" },
            Param { key: "dims", kind: Kind::Int { min: 1, max: 16 }, default: Usual::Int(1), doc: "dimensions of an embedding in the toy" },
            Param { key: "width", kind: Kind::Int { min: 1, max: 1024 }, default: Usual::Int(200), doc: "hidden neurons of each layer of the decoder" },
            Param { key: "outputs", kind: Kind::Int { min: 1, max: 256 }, default: Usual::Int(30), doc: "entries of a target" },
            Param { key: "lr_embedding", kind: RATE, default: Usual::Float(1e-3), doc: "learning rate of the embeddings (AdamW)" },
            Param { key: "lr_decoder", kind: RATE, default: Usual::Float(1e-4), doc: "learning rate of the decoder (AdamW)" },
            Param {
                key: "wd_decoder",
                kind: Kind::Float { min: 0.0, max: 100.0 },
                default: Usual::Float(0.0),
                doc: "weight decay of the decoder (0 to 10 in the paper)",
            },
            Param { key: "steps", kind: Kind::Int { min: 1, max: 1_000_000 }, default: Usual::Int(5000), doc: "steps of a run: phases move with it" },
            Param {
                key: "gap",
                kind: Kind::Float { min: 0.0, max: 1e9 },
                default: Usual::Float(1000.0),
                doc: "steps between the two times from which on it is grokking",
            },
            Param {
                key: "plane",
                kind: Kind::Choice(&["rates", "decoder"]),
                default: Usual::Str("rates"),
                doc: "axes of the phase diagram: both learning rates, or the decoder's rate and decay",
            },
            Param { key: "cells", kind: Kind::Int { min: 2, max: 20 }, default: Usual::Int(5), doc: "cells along each axis of the phase diagram" },
        ],
    },
    claims: &[
        Claim { card: "liu-effective-theory", number: "1", text: "The critical training fraction is about 0.4 at p = 10" },
        Claim { card: "liu-effective-theory", number: "2", text: "Actual accuracy is the one that the parallelograms of the representation predict" },
        Claim { card: "liu-effective-theory", number: "3", text: "The representation-quality index passes 0.95 after 740–2550 steps, if ever" },
        Claim { card: "liu-effective-theory", number: "4", text: "Grokking lies between comprehension and memorisation" },
        Claim { card: "liu-effective-theory", number: "5", text: "Too fast a decoder memorises" },
        Claim { card: "liu-effective-theory", number: "rate", text: "The effective flow grokks at the rate of the third-smallest eigenvalue, t ∝ 1/λ₃" },
    ],
    samples: 300,
    answer,
};

fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    let (p, train) = (args.size("p"), args.size("train"));
    let all = p * (p + 1) / 2;
    if train >= all {
        return Err(TheoryError::parameter(args, "train", format!("{train} of {all} samples leaves none to test"), format!("1 to {}", all - 1)));
    }
    if context.samples == Some(0) {
        return Err(TheoryError::numeric("liu", "no samples"));
    }
    match args.str("part") {
        "toy" => parts::toy(args, context),
        "phase" => parts::phase(args, context),
        _ => parts::effective(args, context),
    }
}

#[cfg(test)]
mod tests;
