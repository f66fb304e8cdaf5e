//! Deep linear networks with layer-wise decay: singular modes, the energy of layers, and two clocks, one of fitting and one of simplicity.
//!
//! A = W_L … W_1 learns A* from squared loss with ½λΣ‖W_ℓ‖². Balanced layers make every singular mode a flow of its own,
//! σ̇ = −Lσ^(2−2/L)(σ − s) − Lλσ, and Σ‖W_ℓ‖² = L‖A‖^(2/L) of Schatten's norm S_{2/L}; off balance this is a lower bound, which is approached as the
//! imbalance falls, like e^(−2λt).
//!
//! **Exact:** mode flow, energy, stationary points, loss floor, scalar clocks ([`mode`]). **Simulated:** full matrices by gradient descent ([`network`]).
//! **Corrected:** the paper's exponent of the representation clock belongs to the loss gap, not to the distance. **Derived here:** with inputs that span
//! only some directions, what they do not show decays like e^(−λt) in one layer, so the distance's clock is ln(1/η)/λ and the gap's ln(1/η)/(2λ): logarithms,
//! unless a minimum has no curvature. **Reconstructed:** sizes; squared loss on white inputs.
//!
//! Source: Tan, Gai and Zhang 2026 (arXiv 2606.05863), card `deep-linear-two-clocks`.

pub mod fit;
pub mod mode;
pub mod network;

mod charts;
mod experiments;

use super::{Claim, Context, Model, TheoryError};
use crate::answer::{Answer, Cell, Finding, Quantity, Simulated, Table};
use experiments::{Balance, Clocks, Flat, Modes, Separable, Sizes};
use pennydrop_registry::{Args, Default as Usual, Kind, Param, Row};

const LANE_MODES: u32 = 0x6_0001;
const LANE_BALANCE: u32 = 0x6_0002;
const LANE_CLOCKS: u32 = 0x6_0003;
const LANE_POINTS: u32 = 0x6_0004;

/// The model.
pub static MODEL: Model = Model {
    row: Row {
        name: "deep-linear",
        summary: "deep linear networks: singular modes, energy of layers, clocks of fitting and of simplicity; a sample is a point of the separable classifier",
        source: "Tan, Gai and Zhang 2026 (arXiv 2606.05863), card deep-linear-two-clocks",
        params: &[
            Param {
                key: "part",
                kind: Kind::Choice(&["all", "modes", "clocks", "exponents"]),
                default: Usual::Str("all"),
                doc: "modes and energy; the two clocks and the decay; exponents of clocks at flat minima and under cross-entropy",
            },
            Param { key: "layers", kind: Kind::Int { min: 2, max: 6 }, default: Usual::Int(2), doc: "number of layers L" },
            Param { key: "width", kind: Kind::Int { min: 2, max: 64 }, default: Usual::Int(20), doc: "width d of every layer, inputs and outputs" },
            Param {
                key: "singular",
                kind: Kind::Floats,
                default: Usual::Floats(&[1.5, 1.0, 0.6]),
                doc: "singular values of the teacher; their number is its rank",
            },
            Param {
                key: "inputs",
                kind: Kind::Int { min: 1, max: 64 },
                default: Usual::Int(10),
                doc: "directions that the training inputs of the clocks span, at most d",
            },
            Param { key: "lambda", kind: Kind::Float { min: 0.0, max: 1.0 }, default: Usual::Float(0.02), doc: "weight decay λ of every layer (coupled)" },
            Param { key: "decays", kind: Kind::Floats, default: Usual::Floats(&[0.0, 0.01, 0.03, 0.1]), doc: "decays of the comparison of clocks" },
            Param {
                key: "mode_init",
                kind: Kind::Float { min: 1e-6, max: 10.0 },
                default: Usual::Float(0.1),
                doc: "first singular value of every mode of the balanced network",
            },
            Param {
                key: "init",
                kind: Kind::Float { min: 1e-3, max: 3.0 },
                default: Usual::Float(0.7),
                doc: "standard deviation of first weights times √d, off balance",
            },
            Param { key: "lr", kind: Kind::Float { min: 1e-4, max: 0.5 }, default: Usual::Float(0.05), doc: "step η of gradient descent" },
            Param {
                key: "theta",
                kind: Kind::Float { min: 0.51, max: 0.95 },
                default: Usual::Float(0.75),
                doc: "Kurdyka–Łojasiewicz exponent θ of the scalar example",
            },
        ],
    },
    claims: &[
        Claim { card: "deep-linear-two-clocks", number: "2", text: "T_cls(ε) is linear in ln(1/ε)" },
        Claim { card: "deep-linear-two-clocks", number: "3", text: "T_rep(η) is a power of 1/η with exponent 2θ − 1, η a distance to the limit" },
        Claim { card: "deep-linear-two-clocks", number: "4", text: "larger weight decay shortens T_rep and barely moves T_cls" },
        Claim { card: "deep-linear-two-clocks", number: "5", text: "Σ‖W_ℓ‖² over L‖A‖ of Schatten's norm goes to 1 along training" },
    ],
    samples: 400,
    answer,
};

fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    let singular = args.floats("singular");
    let (d, part) = (args.size("width"), args.str("part"));
    if singular.is_empty() || singular.len() > d || singular.iter().any(|s| !(1e-6..=10.0).contains(s)) {
        return Err(TheoryError::parameter(
            args,
            "singular",
            format!("{singular:?} are no singular values of a {d}×{d} teacher"),
            format!("1 to {d} numbers in 1e-6..10"),
        ));
    }
    if args.size("inputs") > d {
        return Err(TheoryError::parameter(args, "inputs", format!("{} directions of {d}", args.size("inputs")), format!("1..{d}")));
    }
    if args.floats("decays").iter().any(|l| !(0.0..=1.0).contains(l) || (*l > 0.0 && *l < 1e-3)) {
        return Err(TheoryError::parameter(args, "decays", "holds a decay that is out of range, or too small to be waited for", "0, and numbers in 0.001..1"));
    }
    let mut out = Answer::default();
    if matches!(part, "all" | "modes") {
        mode_part(&mut out, args, &singular, context)?;
    }
    if matches!(part, "all" | "clocks") {
        clock_part(&mut out, args, &singular, context)?;
    }
    if matches!(part, "all" | "exponents") {
        exponent_part(&mut out, args, context)?;
    }
    Ok(out)
}

/// Singular modes beside the flow; energy and balance.
fn mode_part(out: &mut Answer, args: &Args, singular: &[f64], context: &Context) -> Result<(), TheoryError> {
    let (d, layers, lambda, eta) = (args.size("width"), args.size("layers"), args.float("lambda"), args.float("lr"));
    let first = args.float("mode_init");
    let end = 40.0;
    let run = |eta: f64| experiments::modes(d, layers, singular, lambda, first, eta, end, &mut context.draws(LANE_MODES, 0));
    let (long, short): (Modes, Modes) = (run(eta)?, run(0.5 * eta)?);
    if !long.gap.is_finite() {
        return Err(TheoryError::parameter(args, "lr", format!("{eta}: gradient descent leaves every bound"), "a smaller step"));
    }
    out.quantities.push(
        Quantity::new("mode_gap", "balanced network: largest difference of a singular value from the flow of modes").simulated(Simulated::exact(long.gap)),
    );
    out.quantities.push(
        Quantity::new("mode_gap_ratio", "the same over that at half the step: 2 where the difference is the step's alone")
            .corrected(2.0)
            .simulated(Simulated::exact(long.gap / short.gap)),
    );
    let last = &long.network[long.network.len() - 1];
    for (i, s) in singular.iter().enumerate() {
        let closed = mode::resting(*s, lambda, layers);
        out.quantities.push(
            Quantity::new(&format!("sigma_{}", i + 1), "stationary singular value of a mode of the teacher")
                .corrected(closed)
                .simulated(Simulated::exact(last[i])),
        );
    }
    charts::modes(out, &long, singular.len());
    // Off balance.
    let end = if lambda > 0.0 { (6.0 / lambda).min(600.0) } else { 40.0 };
    let found: Balance = experiments::balance(d, layers, singular, lambda, args.float("init"), eta, end, &mut context.draws(LANE_BALANCE, 0));
    if found.excess.iter().any(|x| !x.is_finite()) {
        return Err(TheoryError::parameter(args, "lr", format!("{eta}: gradient descent leaves every bound"), "a smaller step or a smaller init"));
    }
    let least = found.excess.iter().copied().fold(f64::INFINITY, f64::min);
    let ratio = found.excess[found.excess.len() - 1] + 1.0;
    out.quantities.push(
        Quantity::new("energy_ratio_start", "Σ‖W‖² over its least for the same product, normal first values")
            .simulated(Simulated::exact(found.excess[0] + 1.0)),
    );
    out.quantities
        .push(Quantity::new("energy_ratio_end", "the same after six decay times (or t = 40 without decay)").corrected(1.0).simulated(Simulated::exact(ratio)));
    let rate = fit::decay_rate(&found.times, &found.imbalance, 1e-12, 2.0);
    let mut q = Quantity::new("balance_rate", "rate at which the imbalance of layers falls").corrected(2.0 * lambda);
    if let Some(r) = rate {
        q = q.simulated(Simulated::exact(r));
    }
    out.quantities.push(q);
    // Directions that the teacher does not use fall at the first order of the imbalance, its own modes at the second.
    let half = found.times.len() / 2;
    let mut q = Quantity::new("excess_rate", "late rate at which Σ‖W‖² approaches its least: 2λ while directions that the teacher does not use are left");
    if singular.len() < d {
        q = q.corrected(2.0 * lambda);
    }
    if let Some(r) = fit::decay_rate(&found.times[half..], &found.excess[half..], 1e-12, 1.0) {
        q = q.simulated(Simulated::exact(r));
    }
    out.quantities.push(q);
    charts::balance(out, &found, lambda);
    out.findings.push(Finding {
        claim: "deep-linear-two-clocks 5".into(),
        found: format!(
            "L = {layers}: the ratio goes from {:.3} to {ratio:.5} and is never below 1 (least excess {least:.1e}); imbalance falls at rate {:.5} (2λ = {:.5})",
            found.excess[0] + 1.0,
            rate.unwrap_or(f64::NAN),
            2.0 * lambda
        ),
        agrees: (lambda > 0.0).then_some(least > -1e-9 && ratio - 1.0 < 0.1 * found.excess[0]),
    });
    Ok(())
}

/// Two clocks of one run, and their dependence on decay.
fn clock_part(out: &mut Answer, args: &Args, singular: &[f64], context: &Context) -> Result<(), TheoryError> {
    let sizes = Sizes { width: args.size("width"), layers: args.size("layers"), seen: args.size("inputs"), scale: args.float("init"), eta: args.float("lr") };
    let lambda = args.float("lambda");
    let mut decays = args.floats("decays");
    let own = decays.iter().position(|l| *l == lambda).unwrap_or_else(|| {
        decays.push(lambda);
        decays.len() - 1
    });
    // Long enough for a distance of 1e-6 at rate λ, and bounded.
    let end = |l: f64| if l > 0.0 { (20.0 / l).clamp(60.0, 2500.0) } else { 60.0 };
    let all: Vec<Clocks> =
        context.map(decays.len(), |k| Ok(experiments::clocks(&sizes, singular, decays[k], end(decays[k]), &mut context.draws(LANE_CLOCKS, 0))))?;
    if all.iter().any(|c| c.loss.iter().any(|x| !x.is_finite())) {
        return Err(TheoryError::parameter(args, "lr", format!("{}: gradient descent leaves every bound", sizes.eta), "a smaller step or a smaller init"));
    }
    let run = &all[own];
    let final_loss = run.loss[run.loss.len() - 1];
    out.quantities.push(
        Quantity::new("loss_floor", "data loss over its first value at the minimum of the objective: T_cls is not defined below")
            .corrected(run.floor)
            .simulated(Simulated::exact(final_loss)),
    );
    out.quantities.push(Quantity::new("stable_rank_start", "stable rank of the product at the start").simulated(Simulated::exact(run.rank[0])));
    out.quantities.push(
        Quantity::new("stable_rank_end", "stable rank at the minimum of the objective")
            .corrected(run.limit_rank)
            .simulated(Simulated::exact(run.rank[run.rank.len() - 1])),
    );
    let tolerances: Vec<f64> = (1..=6).map(|k| libm::pow(10.0, -f64::from(k))).collect();
    let settled = |c: &Clocks, eta: f64| -> Option<f64> {
        let off: Vec<f64> = c.rank.iter().map(|r| r / c.limit_rank - 1.0).collect();
        if lambda == 0.0 { None } else { fit::settled(&c.times, &off, eta) }
    };
    let mut table = Table {
        title: format!(
            "Clocks at λ = {lambda} (L = {}, d = {}, inputs in {} directions); an empty cell: not defined, or not reached",
            sizes.layers, sizes.width, sizes.seen
        ),
        columns: ["ε or η", "T_cls (loss)", "T_rep (stable rank)", "T_rep (distance)", "T_rep (loss gap)"].map(String::from).to_vec(),
        rows: Vec::new(),
    };
    for e in &tolerances {
        let below = |values: &[f64]| if lambda > 0.0 { fit::first_below(&run.times, values, *e) } else { None };
        table.rows.push(vec![
            Cell::Number(*e),
            fit::first_below(&run.times, &run.loss, *e).into(),
            settled(run, *e).into(),
            below(&run.distance).into(),
            below(&run.gap).into(),
        ]);
    }
    out.tables.push(table);
    // Forms of the clocks, on a grid of eighths of a decade.
    let grid: Vec<f64> = (4..=48).map(|k| libm::pow(10.0, -f64::from(k) / 8.0)).collect();
    let clock = |values: &[f64], least: f64| -> Vec<(f64, f64)> {
        grid.iter().filter(|e| **e > least).filter_map(|e| fit::first_below(&run.times, values, *e).filter(|t| *t > 0.0).map(|t| (*e, t))).collect()
    };
    let (cls, distance, gap) = (clock(&run.loss, 2.0 * run.floor), clock(&run.distance, 0.0), clock(&run.gap, 0.0));
    let mut forms = Table {
        title: "Logarithm or power? T = a + b·ln(1/ε) against T = c·ε^−p".into(),
        columns: ["clock", "a", "b", "c", "p", "AIC of power − AIC of logarithm"].map(String::from).to_vec(),
        rows: Vec::new(),
    };
    for (name, points) in [("T_cls", &cls), ("T_rep, distance", &distance), ("T_rep, loss gap", &gap)] {
        if let Some(f) = fit::fits(points) {
            forms.rows.push(vec![name.into(), f.log.0.into(), f.log.1.into(), f.power.0.into(), f.power.1.into(), f.delta_aic.into()]);
        }
    }
    out.tables.push(forms);
    if lambda > 0.0 && run.alive > 0 && sizes.seen < sizes.width {
        // Late slopes: the last two decades that were reached.
        let slopes = [
            ("distance", "late growth of T_rep with ln(1/η), η a distance: what the inputs do not show decays at rate λ in one layer", &distance, 1.0 / lambda),
            ("gap", "the same for η a loss gap, which goes with the square of the distance and decays at rate 2λ", &gap, 0.5 / lambda),
        ];
        for (name, doc, points, closed) in slopes {
            let late = fit::fits(&points[points.len().saturating_sub(17)..]);
            let mut q = Quantity::new(&format!("rep_clock_slope_{name}"), doc).corrected(closed);
            if let Some(f) = late {
                q = q.simulated(Simulated::exact(f.log.1));
            }
            out.quantities.push(q);
        }
    }
    charts::clocks(out, run, &cls, &distance, &gap, lambda);
    sweep(out, &decays, &all);
    Ok(())
}

/// Clocks against decay (claim 4).
fn sweep(out: &mut Answer, decays: &[f64], all: &[Clocks]) {
    let mut order: Vec<usize> = (0..decays.len()).collect();
    order.sort_by(|i, j| decays[*i].total_cmp(&decays[*j]));
    let mut rows: Vec<(f64, Option<f64>, Option<f64>)> = Vec::new();
    let mut table = Table {
        title: "Clocks against weight decay".into(),
        columns: ["λ", "T_cls(0.1)", "T_rep(0.1), distance", "T_rep(0.1), stable rank", "loss floor", "stable rank at the end", "off the rule at the end"]
            .map(String::from)
            .to_vec(),
        rows: Vec::new(),
    };
    for k in order {
        let (l, c) = (decays[k], &all[k]);
        let cls = fit::first_below(&c.times, &c.loss, 0.1);
        // Without decay what is not shown stays: there is no limit to be near to.
        let rep = if l > 0.0 { fit::first_below(&c.times, &c.distance, 0.1) } else { None };
        let off: Vec<f64> = c.rank.iter().map(|r| r / c.limit_rank - 1.0).collect();
        let rank = if l > 0.0 { fit::settled(&c.times, &off, 0.1) } else { None };
        let last = c.rank.len() - 1;
        table.rows.push(vec![l.into(), cls.into(), rep.into(), rank.into(), c.floor.into(), c.rank[last].into(), c.rule[last].into()]);
        rows.push((l, cls, rep));
    }
    out.tables.push(table);
    charts::sweep(out, &rows);
    let both: Vec<(f64, f64, f64)> = rows.iter().filter_map(|(l, c, r)| Some((*l, (*c)?, (*r)?))).filter(|r| r.0 > 0.0).collect();
    if let (Some(low), Some(high)) = (both.first(), both.last()).to_owned() {
        if high.0 > low.0 {
            let (cls, rep, decay) = (low.1 / high.1, low.2 / high.2, high.0 / low.0);
            out.findings.push(Finding {
                claim: "deep-linear-two-clocks 4".into(),
                found: format!("λ from {} to {} (×{decay:.0}): T_rep(0.1) falls ×{rep:.2}, T_cls(0.1) ×{cls:.2}", low.0, high.0),
                agrees: Some(rep > 2.0 && (0.5..2.0).contains(&cls)),
            });
        }
    }
}

/// Which η has the paper's exponent; what cross-entropy does.
fn exponent_part(out: &mut Answer, args: &Args, context: &Context) -> Result<(), TheoryError> {
    let theta = args.float("theta");
    let (scalar, layers): (Flat, Flat) = (experiments::flat(theta)?, experiments::threshold(10_000.0));
    let (distance, gap) = (experiments::exponent(&scalar.distance), experiments::exponent(&scalar.gap));
    let seen = |q: Quantity, x: Option<f64>| x.map_or(q.clone(), |x| q.simulated(Simulated::exact(x)));
    out.quantities.push(seen(
        Quantity::new("exponent_distance", "x in T_rep(η) ∝ η^−x for a distance η, scalar flow of |x|^p with exponent θ")
            .printed(mode::exponent_printed(theta))
            .corrected(mode::exponent_corrected(theta)),
        distance,
    ));
    out.quantities.push(seen(Quantity::new("exponent_gap", "the same for a loss gap η").printed(mode::exponent_printed(theta)), gap));
    // Two layers at the threshold have θ = 3/4 whatever was asked.
    let at = [
        (
            "threshold_exponent_weights",
            "two layers, s = λ (θ = 3/4): exponent for the distance of the weights",
            mode::exponent_corrected(0.75),
            &layers.distance,
        ),
        (
            "threshold_exponent_product",
            "the same for the distance of the product W₂W₁, the square of the weights'",
            0.5 * mode::exponent_corrected(0.75),
            &layers.product,
        ),
        ("threshold_exponent_gap", "the same for the gap of the objective", mode::exponent_printed(0.75), &layers.gap),
    ];
    for (name, doc, closed, points) in at {
        out.quantities.push(seen(Quantity::new(name, doc).corrected(closed), experiments::exponent(points)));
    }
    charts::exponents(out, &scalar, theta);
    out.findings.push(Finding {
        claim: "deep-linear-two-clocks 3".into(),
        found: format!(
            "θ = {theta}: simulated exponents are {:.4} for the loss gap (2θ − 1 = {:.4}) and {:.4} for the distance ((2θ − 1)/(1 − θ) = {:.4})",
            gap.unwrap_or(f64::NAN),
            mode::exponent_printed(theta),
            distance.unwrap_or(f64::NAN),
            mode::exponent_corrected(theta)
        ),
        agrees: distance.map(|x| (x - mode::exponent_printed(theta)).abs() < 0.02),
    });
    let n = context.samples_or(MODEL.samples).clamp(20, 100_000);
    let found: Separable = experiments::separable(n, context, LANE_POINTS)?;
    let mut table = Table {
        title: format!("Clocks of a separable linear classifier under cross-entropy, {n} points"),
        columns: ["clock", "b of a + b·ln(1/ε)", "p of c·ε^−p", "AIC of power − AIC of logarithm"].map(String::from).to_vec(),
        rows: Vec::new(),
    };
    let all = [("loss", &found.loss), ("share of points still wrong", &found.wrong), ("loss, speed ∇L/L", &found.normalised)];
    for (name, points) in all {
        let cells: Vec<Cell> = match fit::fits(points) {
            Some(f) => vec![f.log.1.into(), f.power.1.into(), f.delta_aic.into()],
            None => vec![Cell::Empty, Cell::Empty, Cell::Empty],
        };
        table.rows.push([vec![name.into()], cells].concat());
    }
    out.tables.push(table);
    let late = |points: &[(f64, f64)]| fit::fits(&points[points.len() / 2..]).map(|f| f.power.1);
    out.quantities.push(seen(
        Quantity::new("cross_entropy_exponent", "p in T_cls(ε) ∝ ε^−p for the loss of a separable linear classifier").corrected(1.0),
        late(&found.loss),
    ));
    charts::cross_entropy(out, &found);
    let (loss, wrong, fast) = (fit::fits(&found.loss), fit::fits(&found.wrong), fit::fits(&found.normalised));
    let delta = |f: &Option<fit::Fits>| f.map_or("too few crossings".to_string(), |f| format!("{:.0}", f.delta_aic));
    out.findings.push(Finding {
        claim: "deep-linear-two-clocks 2".into(),
        found: format!(
            "separable linear classifier, AIC of power − AIC of logarithm: loss {} (exponent {:.3}), share wrong {}, loss where margins grow like t {}",
            delta(&loss),
            late(&found.loss).unwrap_or(f64::NAN),
            delta(&wrong),
            delta(&fast)
        ),
        agrees: loss.map(|f| f.delta_aic > 0.0),
    });
    Ok(())
}

#[cfg(test)]
mod tests;
