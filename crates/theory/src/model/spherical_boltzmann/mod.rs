//! The spherical Boltzmann machine (card `spherical-boltzmann`): an energy-based model whose posterior, divergences and training are solved for N → ∞.
//!
//! **Model.** E(x) = −xᵀWx/2 on |x|² = N, W symmetric with a Gaussian prior (weight decay γ), data that enter through K eigenvalues c₁ ≥ … ≥ c_K, Σ c = K; η is the
//! inverse temperature of the posterior over W. Training is Langevin: weights follow the data less a running sampler, which moves ν times as fast.
//!
//! **Closed form.** With c = γη the posterior is a semicircle of edge 2/√c and up to K outliers, in phases: paramagnetic with or without outlier (PMo, PMe),
//! condensed on outliers (FMo), on the edge with or without overlap (FMe, SG) — `equilibrium`. For a rank-one teacher of strength ω the forward and the reverse
//! divergence follow; the reverse has a double descent in γ. Training obeys closed two-time equations — `dmft`.
//!
//! **Exact or not.** Everything is exact for N → ∞ at sampling temperature β = 1, which is all that is offered: the source's formulas for β ≠ 1 miss the exact
//! ones by a factor of about 1.6 in the edge phase, so there is no `beta` here. The outlier of W during training is derived here by a cavity argument; the source
//! has it as tables. Finite N moves the edge by N^(−2/3) and outliers by N^(−1/2).
//!
//! **Simulations.** The posterior is sampled by Langevin dynamics of an N × N matrix, with ⟨xxᵀ⟩ of each matrix from its own eigenvalues; training is run as it is
//! defined, with an explicit sampler. Neither uses the semicircle, the solver or the two-time equations.

mod dmft;
mod equilibrium;
mod langevin;
mod show;

use super::{Claim, Context, Model, TheoryError};
use crate::answer::{Answer, Finding, Quantity};
use crate::numeric::mean;
pub use dmft::{Outlier, Path, Training};
pub use equilibrium::{
    Equilibrium, Phase, divergences, edge, reverse_of_spectrum, reverse_plateau, solve, stieltjes, stieltjes_inverse, teacher, teacher_overlap,
};
use langevin::{Sampled, Seen, posterior, train};
use pennydrop_registry::{Args, Default as Usual, Kind, Param, Row};

/// The row.
pub static MODEL: Model = Model {
    row: Row {
        name: "spherical-boltzmann",
        summary: "an energy-based model on a sphere: phases, divergences, double descent, training at finite sampler speed (samples: chains and training runs)",
        source: "spherical-boltzmann (arXiv:2605.09031)",
        params: &[
            Param { key: "omega", kind: Kind::Float { min: 1.0, max: 100.0 }, default: Usual::Float(2.5), doc: "strength of the rank-one teacher" },
            Param {
                key: "data",
                kind: Kind::Floats,
                default: Usual::Floats(&[]),
                doc: "data eigenvalues, descending, Σ = K; none: the teacher's 2 − 1/ω and 1/ω",
            },
            Param { key: "gamma", kind: Kind::Float { min: 1e-3, max: 1e3 }, default: Usual::Float(0.4), doc: "weight decay" },
            Param { key: "eta", kind: Kind::Float { min: 1e-2, max: 1e3 }, default: Usual::Float(10.0), doc: "inverse temperature of the posterior" },
            Param { key: "nu", kind: Kind::Float { min: 1e-3, max: 1e3 }, default: Usual::Float(1.0), doc: "speed of the sampler over that of the weights" },
            Param {
                key: "start",
                kind: Kind::Float { min: 0.0, max: 0.7 },
                default: Usual::Float(0.1),
                doc: "initial overlap of the sampler with every data direction",
            },
            Param { key: "training", kind: Kind::Bool, default: Usual::Bool(true), doc: "whether training is solved and simulated, or equilibrium alone" },
            Param { key: "time", kind: Kind::Float { min: 0.5, max: 2000.0 }, default: Usual::Float(40.0), doc: "length of training" },
            Param { key: "step", kind: Kind::Float { min: 1e-3, max: 1.0 }, default: Usual::Float(0.1), doc: "step of the two-time equations" },
            Param { key: "size", kind: Kind::Int { min: 40, max: 4000 }, default: Usual::Int(200), doc: "N of training runs; chains have N/2" },
        ],
    },
    claims: &[
        Claim { card: "spherical-boltzmann", number: "1", text: "The phase diagram, the first outlier and its overlap at equilibrium." },
        Claim { card: "spherical-boltzmann", number: "2", text: "The reverse divergence has a double descent in the weight decay." },
        Claim { card: "spherical-boltzmann", number: "3", text: "Training at a finite sampler speed ends at another model than equilibrium." },
    ],
    samples: 2,
    answer,
};

/// Lanes of chains and of training runs.
const CHAIN: u32 = 1;
const RUN: u32 = 2;
/// Step and length of a chain, in units of the weights' relaxation 2/γ.
const CHAIN_STEP: f64 = 0.04;
/// Largest step: at weak regularisation a longer one drives the condensed levels apart.
const CHAIN_STEP_MOST: f64 = 0.2;
const CHAIN_TIME: f64 = 8.0;
/// Part of the memory that is cut off.
const CUT: f64 = 1e-4;
/// Points of the window on which the outlier's equations are solved.
const POINTS: usize = 160;
/// Step of the weights in a run.
const RUN_STEP: f64 = 0.05;

/// What training shows, solved and simulated.
struct Trained {
    times: Vec<f64>,
    solved: Vec<Outlier>,
    overlap: Vec<f64>,
    runs: Vec<Vec<Seen>>,
}

fn check(args: &Args) -> Result<(Training, Option<f64>), TheoryError> {
    let omega = args.float("omega");
    let given = args.floats("data");
    let is_teacher = given.is_empty();
    let data = if is_teacher { teacher(omega) } else { given };
    let k = data.len() as f64;
    let fits = data.is_sorted_by(|a, b| a >= b) && data.iter().all(|x| *x > 0.0) && (data.iter().sum::<f64>() - k).abs() < 1e-9 * k && data.len() <= 16;
    if !fits {
        return Err(TheoryError::parameter(
            args,
            "data",
            format!("{data:?} are not data eigenvalues"),
            "1 to 16 positive numbers in descending order that sum to their count",
        ));
    }
    let start = args.float("start");
    if start * start * k >= 1.0 {
        return Err(TheoryError::parameter(
            args,
            "start",
            format!("{start} in each of {k} directions is more than the sphere holds"),
            format!("below {:.4}", 1.0 / k.sqrt()),
        ));
    }
    let start = vec![start; data.len()];
    Ok((Training { gamma: args.float("gamma"), eta: args.float("eta"), beta: 1.0, nu: args.float("nu"), data, start }, is_teacher.then_some(omega)))
}

fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    let (t, omega) = check(args)?;
    let samples = context.samples_or(MODEL.samples).max(1);
    let size = args.size("size");
    let at = solve(t.gamma, t.eta, &t.data);
    let relaxation = 2.0 / t.gamma;
    let chains = context.map(samples, |i| {
        posterior(
            &t,
            omega,
            (size / 2).max(t.data.len() + 20),
            (CHAIN_STEP * relaxation).min(CHAIN_STEP_MOST),
            CHAIN_TIME * relaxation,
            &mut context.draws(CHAIN, i),
            context,
        )
    })?;
    let trained = if args.bool("training") { Some(training(&t, omega, args, size, samples, context)?) } else { None };
    let mut notes = vec![
        "β = 1 throughout: the source's formulas for other sampling temperatures are not exact in the edge phase.".into(),
        "The outlier of W in training is derived here (cavity argument); the source gives tables.".into(),
    ];
    if matches!(at.phase, Phase::FerromagneticEdge | Phase::SpinGlass) {
        notes.push(
            "Edge phase: a finite chain condenses on few eigenvectors and reaches the limit as N^(−1/3); its numbers are far from the closed form's.".into(),
        );
    }
    Ok(Answer {
        quantities: quantities(&t, omega, &at, &chains, trained.as_ref()),
        charts: show::charts(&t, omega, &at, &chains, trained.as_ref()),
        tables: trained.iter().map(|x| show::table(&t, omega, x)).collect(),
        findings: findings(&t, omega, &at, &chains, trained.as_ref()),
        notes,
    })
}

fn training(t: &Training, omega: Option<f64>, args: &Args, size: usize, samples: usize, context: &Context) -> Result<Trained, TheoryError> {
    let (time, dt) = (args.float("time"), args.float("step"));
    let path = Path::solve(t, dt, time, CUT, context)?;
    let count = 9;
    let mut steps: Vec<usize> = (0..count).map(|i| libm::round(path.steps() as f64 * libm::pow(30.0, i as f64 / (count - 1) as f64 - 1.0)) as usize).collect();
    steps.retain(|n| *n > 0);
    steps.dedup();
    let solved = context.map(steps.len(), |i| path.outlier(steps[i], POINTS))?;
    let times: Vec<f64> = steps.iter().map(|n| *n as f64 * dt).collect();
    let runs = context.map(samples, |i| train(t, omega, size.max(t.data.len() + 20), RUN_STEP, &times, &mut context.draws(RUN, i), context))?;
    Ok(Trained { overlap: steps.iter().map(|n| path.s[*n][0]).collect(), times, solved, runs })
}

fn quantities(t: &Training, omega: Option<f64>, at: &Equilibrium, chains: &[Sampled], trained: Option<&Trained>) -> Vec<Quantity> {
    let over = |f: &dyn Fn(&Sampled) -> f64| mean(&chains.iter().map(f).collect::<Vec<_>>());
    let mut out = vec![
        Quantity::new("lambda_1", "largest eigenvalue at equilibrium").printed(at.lambda[0]).simulated(over(&|c| c.lambda[0])),
        Quantity::new("u_1", "squared overlap of its vector with the first data direction").printed(at.u[0]).simulated(over(&|c| c.u)),
        Quantity::new("magnetisation", "share of a sample's norm that is condensed (simulated: on the largest eigenvector)")
            .printed(at.magnetisation)
            .simulated(over(&|c| c.magnetisation)),
        Quantity::new("edge", "edge of the bulk, 2/√(γη)").printed(edge(t.gamma * t.eta)),
    ];
    if let Some(omega) = omega {
        let (forward, reverse) = divergences(t.gamma, t.eta, omega);
        out.push(Quantity::new("forward_divergence", "KL of the teacher from the learner, per N").printed(forward).simulated(over(&|c| c.divergences.0)));
        out.push(Quantity::new("reverse_divergence", "KL of the learner from the teacher, per N").printed(reverse).simulated(over(&|c| c.divergences.1)));
    }
    if let Some(x) = trained {
        let last = x.times.len() - 1;
        let runs = |f: &dyn Fn(&Seen) -> f64| mean(&x.runs.iter().map(|r| f(&r[last])).collect::<Vec<_>>());
        out.push(
            Quantity::new("lambda_1_trained", "largest eigenvalue at the end of training").corrected(x.solved[last].lambda).simulated(runs(&|s| s.lambda)),
        );
        out.push(
            Quantity::new("u_1_trained", "squared overlap of its vector with the first data direction")
                .corrected(x.solved[last].overlaps[0])
                .simulated(runs(&|s| s.overlaps[0])),
        );
        if let Some(omega) = omega {
            let reverse = |lambda: f64, q: f64| reverse_of_spectrum(t.gamma, t.eta, omega, lambda, q);
            out.push(
                Quantity::new("reverse_divergence_trained", "KL of the learner from the teacher at the end of training, per N")
                    .corrected(reverse(x.solved[last].lambda, teacher_overlap(omega) * x.solved[last].overlaps[0]))
                    .simulated(runs(&|s| reverse(s.lambda, s.teacher))),
            );
            out.push(Quantity::new("reverse_plateau", "the same before condensation").printed(reverse_plateau(t.gamma, t.eta, omega)));
        }
    }
    out
}

fn findings(t: &Training, omega: Option<f64>, at: &Equilibrium, chains: &[Sampled], trained: Option<&Trained>) -> Vec<Finding> {
    let finding = |number: &str, found: String, agrees: Option<bool>| Finding { claim: format!("spherical-boltzmann {number}"), found, agrees };
    let lambda = mean(&chains.iter().map(|c| c.lambda[0]).collect::<Vec<_>>()).estimate;
    let u = mean(&chains.iter().map(|c| c.u).collect::<Vec<_>>()).estimate;
    let condensed_on_edge = matches!(at.phase, Phase::FerromagneticEdge | Phase::SpinGlass);
    let mut out = vec![finding(
        "1",
        format!("phase {}: λ₁ {:.4} and u₁ {:.4} for N → ∞, {lambda:.4} and {u:.4} over sampled matrices", at.phase.name(), at.lambda[0], at.u[0]),
        (!condensed_on_edge && at.u[0] > 0.2).then_some((lambda / at.lambda[0] - 1.0).abs() < 0.05 && (u - at.u[0]).abs() < 0.08),
    )];
    if let Some(omega) = omega {
        let gammas: Vec<f64> = (0..=60).map(|i| 0.02 * libm::pow(1000.0, f64::from(i) / 60.0)).collect();
        let along: Vec<f64> = gammas.iter().map(|g| divergences(*g, t.eta, omega).1).collect();
        // Descents that are ended by a rise or by the grid.
        let turns = |down: bool| {
            (1..along.len() - 1)
                .filter(|i| if down { along[*i] < along[i - 1] && along[*i] < along[i + 1] } else { along[*i] > along[i - 1] && along[*i] > along[i + 1] })
                .map(|i| gammas[i])
                .collect::<Vec<_>>()
        };
        let (minima, maxima) = (turns(true), turns(false));
        let list = |v: &[f64]| v.iter().map(|g| format!("{g:.2}")).collect::<Vec<_>>().join(", ");
        out.push(finding(
            "2",
            format!(
                "at η = {} the reverse divergence has {} interior minimum (γ ≈ {}) and {} interior maximum (γ ≈ {})",
                t.eta,
                minima.len(),
                list(&minima),
                maxima.len(),
                list(&maxima)
            ),
            // The card's own case of a monotone decrease is η = 1.
            Some(if t.eta <= 1.0 { minima.is_empty() } else { !minima.is_empty() && !maxima.is_empty() }),
        ));
    }
    if let Some(x) = trained {
        let last = x.times.len() - 1;
        let runs = mean(&x.runs.iter().map(|r| r[last].lambda).collect::<Vec<_>>());
        let end = x.solved[last].lambda;
        out.push(finding(
            "3",
            format!(
                "after t = {:.0} at ν = {} λ₁ is {end:.4} by the two-time equations, {:.4} over runs, {:.4} at equilibrium",
                x.times[last], t.nu, runs.estimate, at.lambda[0]
            ),
            (at.phase == Phase::FerromagneticOutlier && x.times[last] * t.gamma >= 10.0).then_some((end - at.lambda[0]).abs() > 0.01),
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use pennydrop_registry::Value;

    fn said(given: &[(&str, Value)], samples: usize) -> Result<Answer, TheoryError> {
        let args = Args::check("spherical-boltzmann", &MODEL.row, given.iter().map(|(k, v)| (k.to_string(), v.clone())))?;
        answer(&args, &Context { samples: Some(samples), ..Context::default() })
    }

    fn list(values: &[f64]) -> Value {
        Value::List(values.iter().map(|x| Value::Float(*x)).collect())
    }

    fn quantity<'a>(said: &'a Answer, name: &str) -> &'a Quantity {
        said.quantities.iter().find(|q| q.name == name).unwrap_or_else(|| panic!("no {name}"))
    }

    #[test]
    fn sampled_posteriors_are_where_the_solver_says() {
        // Condensed, with teacher; paramagnetic with outlier, one direction.
        let condensed = said(&[("training", Value::Bool(false)), ("size", Value::Int(160))], 2).unwrap();
        for (name, tolerance) in [("lambda_1", 0.06), ("u_1", 0.02), ("magnetisation", 0.03), ("forward_divergence", 0.02), ("reverse_divergence", 0.02)] {
            let q = quantity(&condensed, name);
            assert!((q.printed.unwrap() - q.simulated.unwrap().estimate).abs() < tolerance, "{q:?}");
        }
        let given =
            [("training", Value::Bool(false)), ("size", Value::Int(160)), ("data", list(&[1.0])), ("gamma", Value::Float(2.0)), ("eta", Value::Float(8.0))];
        let free = said(&given, 2).unwrap();
        for (name, tolerance) in [("lambda_1", 0.06), ("u_1", 0.06)] {
            let q = quantity(&free, name);
            assert!((q.printed.unwrap() - q.simulated.unwrap().estimate).abs() < tolerance, "{q:?}");
        }
    }

    fn training_at(nu: f64) -> Training {
        Training { gamma: 0.4, eta: 10.0, beta: 1.0, nu, data: teacher(2.5), start: vec![0.1, 0.1] }
    }

    #[test]
    fn training_starts_as_the_card_says() {
        // The source's tables before the sampler pushes back: ν = 0.05, λ₁ 1.6151 at t = 2.25 and 2.5413 at 4.75, reverse divergence 0.354354, 0.2529 and 0.2199.
        let path = Path::solve(&training_at(0.05), 0.05, 4.75, CUT, &Context::default()).unwrap();
        for (n, lambda, reverse) in [(0, 1.0, 0.354_354), (45, 1.6151, 0.2529), (95, 2.5413, 0.2199)] {
            let found = path.outlier(n, POINTS).unwrap();
            let divergence = reverse_of_spectrum(0.4, 10.0, 2.5, found.lambda, teacher_overlap(2.5) * found.overlaps[0]);
            assert!((found.lambda - lambda).abs() < 0.01 && (divergence - reverse).abs() < 0.002, "{n}: {found:?} {divergence}");
        }
    }

    #[test]
    fn training_ends_where_runs_end() {
        // The tables' late values (ν = 1: λ₁ 2.0749, u₁ 0.8703) are not those of runs; ours are, within what N = 160 allows.
        let t = training_at(1.0);
        let path = Path::solve(&t, 0.1, 30.0, CUT, &Context::default()).unwrap();
        let end = path.outlier(path.steps(), POINTS).unwrap();
        let times: Vec<f64> = (0..9).map(|i| 24.0 + 4.0 * f64::from(i)).collect();
        let context = Context::default();
        let seen: Vec<Seen> = (0..2).flat_map(|i| train(&t, Some(2.5), 160, RUN_STEP, &times, &mut context.draws(RUN, i), &context).unwrap()).collect();
        let average = |f: fn(&Seen) -> f64| seen.iter().map(f).sum::<f64>() / seen.len() as f64;
        let (lambda, u, s) = (average(|s| s.lambda), average(|s| s.overlaps[0]), average(|s| s.s * s.s));
        assert!((end.lambda - lambda).abs() < 0.07 && (end.overlaps[0] - u).abs() < 0.02, "{end:?} {lambda} {u}");
        let solved = path.s[path.steps()][0];
        assert!((solved * solved - s).abs() < 0.04, "{solved} {s}");
        // Steps: halving changes little.
        let finer = Path::solve(&t, 0.05, 30.0, CUT, &Context::default()).unwrap();
        let fine = finer.outlier(finer.steps(), POINTS).unwrap();
        assert!((fine.lambda - end.lambda).abs() < 0.003 && (fine.overlaps[0] - end.overlaps[0]).abs() < 0.003, "{fine:?} {end:?}");
    }

    #[test]
    fn a_fast_sampler_ends_near_equilibrium() {
        let at = solve(0.4, 10.0, &teacher(2.5));
        let gap = |nu: f64| {
            let path = Path::solve(&training_at(nu), 0.1 / nu.max(1.0), 20.0, 1e-2, &Context::default()).unwrap();
            path.outlier(path.steps(), POINTS).unwrap().lambda - at.lambda[0]
        };
        let (slow, fast) = (gap(1.0), gap(4.0));
        assert!(fast > 0.0 && fast < 0.4 * slow, "{slow} {fast}");
    }

    #[test]
    fn data_that_do_not_sum_to_their_count_are_refused() {
        let error = said(&[("data", list(&[1.5, 0.4]))], 1).unwrap_err();
        assert!(error.to_string().contains("spherical-boltzmann.data"), "{error}");
        let error = said(&[("data", list(&[1.0, 1.0, 1.0])), ("start", Value::Float(0.6))], 1).unwrap_err();
        assert!(error.to_string().contains("spherical-boltzmann.start"), "{error}");
    }
}
