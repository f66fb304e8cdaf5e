//! Grokking as a first-order transition: the posterior of a first-layer weight is exp(−S(q)), and side wells of S along the teacher overtake the well at 0.
//!
//! Part `cubic`: inputs x ~ N(0, 1_d), teacher y = z + ε(z³ − 3z) with z = w*·x, network f(x) = Σ_i a_i·erf(w_i·x), Gaussian priors, Langevin training at temperature σ²
//! (so the posterior with noise variance σ²). [`cubic`] has the action, its self-consistent residuals at finite d, the limit β → ∞ and the coexistence of wells;
//! [`network`] samples posteriors of whole small networks and knows none of this. Part `modular`: addition modulo P with a quadratic network; [`modular`] has the
//! action of one frequency, and a descent in all weights of a neuron, its energy counted out over all pairs.
//!
//! Source: card `rubin-first-order` (arXiv:2310.03789). *Asymptotic:* the action (large d, N, n). *Exact:* the sampled measure. *Corrected:* 4q²/(πD) in Q̃ and the prefactor
//! σ²/n of the residuals. *Derived here:* coexistence of the wells ([`cubic::Cubic::droplet`]), and the action with the norm of the other weights free ([`relaxed`]): the printed one
//! holds it at its prior mean, which moves the wells at leading order. *Reconstructed:* the teacher's third Hermite polynomial is not normalised (so say the vector
//! (1, √6·ε) and c = ε). There is no time in this theory: n or σ² is the control.

pub mod cubic;
mod cubic_report;
pub mod modular;
mod modular_report;
pub mod network;
pub mod relaxed;

use super::{Claim, Context, Model, TheoryError};
use crate::answer::Answer;
use cubic::Cubic;
use modular::Modular;
use pennydrop_registry::{Args, Default as Usual, Kind, Param, Row};

/// The row and the answer.
pub static MODEL: Model = Model {
    row: Row {
        name: "rubin",
        summary: "grokking as a first-order transition of first-layer weights (a sample is a network, sampled from its posterior)",
        source: "Rubin, Seroussi, Ringel 2023, arXiv:2310.03789 (rubin-first-order)",
        params: &[
            Param {
                key: "part",
                kind: Kind::Choice(&["cubic", "modular"]),
                default: Usual::Str("cubic"),
                doc: "cubic teacher and erf network, or modular addition and quadratic network",
            },
            Param { key: "sigma2", kind: Kind::Float { min: 1e-4, max: 1e3 }, default: Usual::Float(0.18), doc: "noise variance σ²: temperature and ridge" },
            Param { key: "n", kind: Kind::Int { min: 1, max: 100_000_000 }, default: Usual::Int(3_000), doc: "cubic: training examples" },
            Param { key: "d", kind: Kind::Int { min: 2, max: 1_000_000 }, default: Usual::Int(150), doc: "cubic: input dimension" },
            Param {
                key: "width",
                kind: Kind::Int { min: 0, max: 10_000_000 },
                default: Usual::Int(0),
                doc: "hidden neurons N; 0 for the paper's 700 (cubic) or 1000 (modular)",
            },
            Param {
                key: "eps",
                kind: Kind::Float { min: -10.0, max: 10.0 },
                default: Usual::Float(-0.3),
                doc: "cubic: coefficient ε of z³ − 3z in the teacher",
            },
            Param {
                key: "sigma_w2",
                kind: Kind::Float { min: 1e-3, max: 1e3 },
                default: Usual::Float(0.5),
                doc: "cubic: σ_w², d times the prior variance of a first-layer weight",
            },
            Param {
                key: "sigma_a2",
                kind: Kind::Float { min: 0.0, max: 1e3 },
                default: Usual::Float(0.0),
                doc: "σ_a², N times the prior variance of a readout weight; 0 for the paper's 8/N or .002/N",
            },
            Param { key: "p", kind: Kind::Int { min: 3, max: 100_000 }, default: Usual::Int(401), doc: "modular: modulus P" },
            Param { key: "gamma", kind: Kind::Float { min: 1e-9, max: 1e3 }, default: Usual::Float(1e-4), doc: "modular: strength γ of the sextic penalty" },
            Param {
                key: "residual",
                kind: Kind::Float { min: -1.0, max: -0.01 },
                default: Usual::Float(-1.0),
                doc: "modular: what is left of the target, −1 before learning",
            },
            Param {
                key: "sim_d",
                kind: Kind::Int { min: 0, max: 400 },
                default: Usual::Int(50),
                doc: "cubic: input dimension of the sampled networks, the rest scaled along; 0 for none",
            },
            Param {
                key: "sim_n",
                kind: Kind::Int { min: 0, max: 100_000 },
                default: Usual::Int(330),
                doc: "cubic: examples of the networks with drawn data; 0 for none",
            },
            Param {
                key: "keep",
                kind: Kind::Int { min: 8, max: 1_000_000 },
                default: Usual::Int(80),
                doc: "cubic: trajectories kept of a chain, after half as many that are not; half of both with drawn examples",
            },
        ],
    },
    claims: &[
        Claim { card: "rubin-first-order", number: "1", text: "The transition of the cubic problem is at u ≈ 30.2, σ² ≈ .18" },
        Claim { card: "rubin-first-order", number: "2", text: "The cubic part is learned only after the transition, at n far below d³" },
        Claim { card: "rubin-first-order", number: "3", text: "At d = 150 the self-consistent average is smooth: no sharp jump (the card's check)" },
        Claim {
            card: "rubin-first-order", number: "action", text: "The posterior of a first-layer weight along the teacher is exp(−S(q)) with the printed S"
        },
        Claim { card: "rubin-first-order", number: "4", text: "Modular addition: GMFL-I begins at σ² ≈ .227" },
    ],
    samples: 6,
    answer,
};

fn or_usual(given: f64, usual: f64) -> f64 {
    if given == 0.0 { usual } else { given }
}

fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    if args.str("part") == "modular" {
        let width = or_usual(args.int("width") as f64, 1_000.0);
        let s = Modular {
            sigma2: args.float("sigma2"),
            p: args.int("p") as f64,
            width,
            sigma_a2: or_usual(args.float("sigma_a2"), 0.002 / width),
            gamma: args.float("gamma"),
            residual: args.float("residual"),
        };
        return modular_report::report(&s, context);
    }
    let width = or_usual(args.int("width") as f64, 700.0);
    let s = Cubic {
        sigma2: args.float("sigma2"),
        n: args.int("n") as f64,
        d: args.int("d") as f64,
        width,
        eps: args.float("eps"),
        sigma_w2: args.float("sigma_w2"),
        sigma_a2: or_usual(args.float("sigma_a2"), 8.0 / width),
    };
    if s.eps.abs() < 1e-6 {
        return Err(TheoryError::parameter(args, "eps", "a teacher without a cubic part has no share of it to learn", "|ε| of 1e-6 and more"));
    }
    let (sim_d, sim_n) = (args.size("sim_d"), args.size("sim_n"));
    let width = s.width * (sim_d as f64 / s.d) * (sim_d as f64 / s.d);
    if sim_d > 0 && !(2.0..=2_000.0).contains(&width) {
        return Err(TheoryError::parameter(
            args,
            "sim_d",
            format!("the scaled networks would have {width:.1} neurons"),
            "N·(sim_d/d)² in 2..=2000; 0 to sample none",
        ));
    }
    if (1..4).contains(&sim_d) {
        return Err(TheoryError::parameter(args, "sim_d", format!("{sim_d} inputs leave the norm of the other weights no distribution"), "0, or 4 and more"));
    }
    cubic_report::report(&s, &cubic_report::Plan { sim_d, sim_n, keep: args.size("keep") }, context)
}

#[cfg(test)]
mod tests;
