//! Control of the weight norm by projection.
//!
//! The chosen tensors are multiplied so that their norm is a target: `factor` times `norm`, or, where `norm` is 0, times their norm when the clamp fires (or at
//! the moment that `of` names). What is held:
//! - `together`: one factor for all, so the tensors' shares drift;
//! - `each`: every tensor at its own share of the target, as it was when the clamp fired;
//! - `shift`: as `each`, but of the squared norm that the two groups of `shift_on` have together, the first takes the share θ = clip(θ₀(1 + shift), 0.02, 0.98)
//!   and the second the rest, θ₀ being its share when the clamp fired.

use super::{Action, At, FROM, InterventionRow, LASTS, ON_WEIGHTS, TIMES, Weights, When};
use pennydrop_models::{Param as Tensor, select};
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError};

/// The row.
pub const ROW: InterventionRow = InterventionRow {
    row: Row {
        name: "clamp",
        summary: "projects weights to a norm, once or after every step",
        source: "Liu et al. 2022 (arXiv 2210.01117); arXiv 2606.13753; shares of layers: arXiv 2606.18465",
        params: &[
            FROM,
            LASTS,
            ON_WEIGHTS,
            TIMES,
            Param { key: "factor", kind: Kind::Float { min: 1e-6, max: 1e6 }, default: Default::Float(1.0), doc: "ρ: multiplies the norm" },
            Param {
                key: "norm",
                kind: Kind::Float { min: 0.0, max: 1e12 },
                default: Default::Float(0.0),
                doc: "a norm, such as a calibrated W_c; 0: the norm of the tensors when it fires, or at the moment `of`",
            },
            Param {
                key: "of",
                kind: Kind::Str,
                default: Default::Str(""),
                doc: "with norm = 0: the moment whose norm is meant (a trigger, such as 0 or t_mem); empty: when it fires",
            },
            Param { key: "calibration", kind: Kind::Str, default: Default::Str(""), doc: "where `norm` comes from: the id of a campaign or claim" },
            Param {
                key: "hold",
                kind: Kind::Choice(&["together", "each", "shift"]),
                default: Default::Str("together"),
                doc: "one factor for all tensors; every tensor at its share; or shares shifted between two groups",
            },
            Param {
                key: "shift",
                kind: Kind::Float { min: -1.0, max: 100.0 },
                default: Default::Float(0.0),
                doc: "γ of hold=shift: relative change of the first group's share",
            },
            Param {
                key: "shift_on",
                kind: Kind::Strs,
                default: Default::Strs(&[]),
                doc: "hold=shift: the two groups, as words of `on`: the one that takes and the one that gives",
            },
        ],
    },
    make,
};

#[derive(Debug)]
struct Clamp {
    on: Vec<usize>,
    factor: f64,
    norm: f64,
    of: Option<When>,
    every: bool,
    each: bool,
    /// γ, and members of the two groups.
    shift: Option<(f64, [Vec<usize>; 2])>,
    count: usize,
}

fn make(args: &Args, tensors: &[Tensor]) -> Result<Box<dyn Action>, SpecError> {
    let members = |key: &str, words: &[&str]| -> Result<Vec<usize>, SpecError> {
        let on = select(key, words, tensors)?;
        Ok((0..tensors.len()).filter(|i| on[*i]).collect())
    };
    let on = members("clamp.on", &args.strs("on"))?;
    if on.is_empty() {
        return Err(SpecError::new("clamp.on", "names no tensor of this network", "all, or a group that it has"));
    }
    let shift = if args.str("hold") == "shift" {
        let words = args.strs("shift_on");
        let [first, second] = words.as_slice() else {
            return Err(SpecError::new("clamp.shift_on", format!("{} groups", words.len()), "two, such as [unembed.W_U, embed.W_E]"));
        };
        let groups = [members("clamp.shift_on", &[*first])?, members("clamp.shift_on", &[*second])?];
        if groups.iter().any(Vec::is_empty) || groups[0].iter().any(|i| groups[1].contains(i)) || groups.iter().flatten().any(|i| !on.contains(i)) {
            return Err(SpecError::new("clamp.shift_on", "the groups are empty, overlap or are not clamped", "two separate groups within `on`"));
        }
        Some((args.float("shift"), groups))
    } else {
        None
    };
    let of = match args.str("of") {
        "" => None,
        _ if args.float("norm") > 0.0 => {
            return Err(SpecError::new("clamp.of", "with a norm given there is nothing to take from another moment", "clamp.norm=0, or no clamp.of"));
        }
        text => Some(When::parse("clamp.of", text, tensors)?),
    };
    if matches!(of, Some(When::Never | When::Drawn(_) | When::Between(..))) {
        return Err(SpecError::new("clamp.of", format!("`{}` is no moment of every run", args.str("of")), "a step or an event"));
    }
    let every = args.str("times") == "every";
    Ok(Box::new(Clamp {
        on,
        factor: args.float("factor"),
        norm: args.float("norm"),
        of,
        every,
        each: args.str("hold") != "together",
        shift,
        count: tensors.len(),
    }))
}

impl Clamp {
    /// Multiplies the tensors so that they have the norms `memory`: one for all, or one each.
    fn project(&self, w: &mut dyn Weights, memory: &[f64]) {
        // A tensor of zeros stays: no factor gives it a norm.
        let factor = |target: f64, now: f64| if now > 0.0 { target / now } else { 1.0 };
        if self.each {
            for (i, target) in self.on.iter().zip(memory) {
                let by = factor(*target, w.square(*i).sqrt());
                w.scale(*i, by);
            }
        } else {
            let now = self.on.iter().map(|i| w.square(*i)).sum::<f64>().sqrt();
            let by = factor(memory[0], now);
            for i in &self.on {
                w.scale(*i, by);
            }
        }
    }

    /// The norm of each tensor that is held, given their norms now.
    fn targets(&self, total: f64, now: &[f64]) -> Vec<f64> {
        let mut squares: Vec<f64> = self.on.iter().map(|i| now[*i] * now[*i]).collect();
        if let Some((gamma, groups)) = &self.shift {
            let place = |i: &usize| self.on.iter().position(|j| j == i);
            let sum = |g: &[usize], s: &[f64]| g.iter().filter_map(place).map(|k| s[k]).sum::<f64>();
            let [first, second] = [sum(&groups[0], &squares), sum(&groups[1], &squares)];
            let both = first + second;
            let share = (first / both * (1.0 + gamma)).clamp(0.02, 0.98);
            for (group, (before, after)) in groups.iter().zip([(first, share * both), (second, (1.0 - share) * both)]) {
                for k in group.iter().filter_map(place) {
                    squares[k] *= if before > 0.0 { after / before } else { 1.0 };
                }
            }
        }
        let all = squares.iter().sum::<f64>();
        squares.iter().map(|s| total * (s / all).sqrt()).collect()
    }
}

impl Action for Clamp {
    fn fire(&self, w: &mut dyn Weights, reference: Option<&[f64]>, _: At) -> Vec<f64> {
        let now = w.norms(self.count);
        let norm = |norms: &[f64]| self.on.iter().map(|i| norms[*i] * norms[*i]).sum::<f64>().sqrt();
        let total = self.factor * if self.norm > 0.0 { self.norm } else { norm(reference.unwrap_or(&now)) };
        let memory = if self.each { self.targets(total, &now) } else { vec![total] };
        self.project(w, &memory);
        memory
    }

    fn after(&self, w: &mut dyn Weights, memory: &[f64], _: At) {
        if self.every {
            self.project(w, memory);
        }
    }

    fn reference(&self) -> Option<&When> {
        self.of.as_ref()
    }
}
