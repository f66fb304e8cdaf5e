//! Neurons of a two-layer network with quadratic activation on the complete table of a finite group (card `group-composition-spectral`).
//!
//! **Model.** A neuron has three vectors over the group, u for the first operand, v for the second, w for the output. Cross-entropy to first order in the logits
//! leaves, for each neuron on its own, the surrogate E = 2 Σ_{a,b} u(a) v(b) w(a⋆b) with w mean-free, climbed by projected gradient flow on the product of unit
//! spheres, u̇ = P_u ∇_u E and so on. There is no split: nothing here is delayed generalisation.
//!
//! **Closed form.** With f̂(ρ) = Σ_g f(g)ρ(g): E/2 = (1/|G|) Σ_ρ d_ρ tr(û v̂ ŵ†), a sum over irreducible representations that share nothing but the norms. A neuron
//! that has landed lives on one of them, with rank-one aligned transforms, at E/2 = √(|G|/d) where ρ is real, √(|G|/2d) on a complex pair {ρ, ρ*}; and on a
//! quaternionic ρ, where a real function's singular values come in pairs, √(|G|/2d) too. Close to the landing 1 − purity falls as exp(−4et), e = E/2 there: the
//! forces on other representations are of second order, and the sphere shrinks what is not pushed by 2e (derived here, as are the landing energies).
//!
//! **Exact or not.** Energies, rate and the phase relation are exact. Which representation a neuron takes is not known in closed form; the laws uniform, d² and d³
//! are nulls. The energy functional itself is the card's reconstruction.
//!
//! The simulator knows the table only; representations are computed for measuring. `means = kept` leaves the means of u and v in the start: the card's own
//! shares are those of mean-free vectors.

mod flow;
mod irreps;
mod show;

use super::{Claim, Context, Model, TheoryError};
use crate::answer::{Answer, Finding, Quantity, Simulated};
use crate::numeric::{fraction, line, mean, median};
use flow::{Bundle, Flow, LANES, Neuron};
use irreps::{Irrep, Represented, Type, frobenius, rank_one_score, represented, triple};
use pennydrop_registry::{Args, Default as Usual, Kind, Param, Row};
use pennydrop_stats::distributions::chi_square_survival;

/// The row.
pub static MODEL: Model = Model {
    row: Row {
        name: "group-composition",
        summary: "neurons that learn a group's table each end on one irreducible representation (samples: neurons)",
        source: "group-composition-spectral (arXiv:2606.02993)",
        params: &[
            Param { key: "group", kind: Kind::Choice(irreps::NAMES), default: Usual::Str("s4"), doc: "which group; cyclic and dihedral take n" },
            Param { key: "n", kind: Kind::Int { min: 3, max: 64 }, default: Usual::Int(11), doc: "Z_n or the symmetries of an n-gon; others ignore it" },
            Param { key: "means", kind: Kind::Choice(&["removed", "kept"]), default: Usual::Str("removed"), doc: "means of u and v at the start; w has none" },
            Param {
                key: "time",
                kind: Kind::Float { min: 1.0, max: 10_000.0 },
                default: Usual::Float(200.0),
                doc: "flow time after which a neuron that still moves is given up",
            },
        ],
    },
    claims: &[
        Claim { card: "group-composition-spectral", number: "1", text: "Every neuron ends on one irreducible representation, for any finite group." },
        Claim { card: "group-composition-spectral", number: "2", text: "The transforms of u, v and w become rank one and aligned." },
        Claim { card: "group-composition-spectral", number: "3", text: "Abelian groups: frequencies uniform over the non-trivial ones, phases Haar." },
        Claim { card: "group-composition-spectral", number: "4", text: "Alignment and competition converge exponentially." },
        Claim { card: "group-composition-spectral", number: "6", text: "The output's phase is the sum of the operands' phases." },
    ],
    samples: 1500,
    answer,
};

/// Lane of the initial neurons.
const NEURON: u32 = 1;
/// Bundles whose path is recorded.
const TRACED: usize = 3;

/// E/2 of a neuron that has landed on one orbit {ρ, ρ*}: √(|G|/d) for the real type, √(|G|/2d) for the complex and the quaternionic.
pub fn landing_half_energy(order: usize, dim: usize, real: bool) -> f64 {
    (order as f64 / (if real { 1.0 } else { 2.0 } * dim as f64)).sqrt()
}

/// Exponent of 1 − purity at the end: it falls as exp(−4et) with e the landing E/2.
pub fn purity_rate(half_energy: f64) -> f64 {
    4.0 * half_energy
}

fn closed_energy(g: &Represented, rho: &Irrep) -> f64 {
    landing_half_energy(g.order, rho.dim, rho.kind == Type::Real)
}

/// What one neuron became.
#[derive(Debug, Clone)]
struct Landed {
    /// Index of the orbit with the largest share.
    irrep: usize,
    /// Share of û outside it: 1 − purity, without cancellation.
    impurity: f64,
    half_energy: f64,
    rank_one: f64,
    /// tr(û v̂ ŵ†) over the product of the leading singular values' bound: 1 where the three are aligned.
    alignment: f64,
    /// Phases of û, v̂, ŵ for one-dimensional ρ.
    phases: [f64; 3],
}

/// Share of |f|² on each orbit; f has unit length (Parseval).
fn shares(g: &Represented, f: &[f64]) -> Vec<f64> {
    g.irreps.iter().map(|r| (r.orbit() * r.dim) as f64 / g.order as f64 * frobenius(&r.transform(f))).collect()
}

/// The share of u outside orbit `irrep`.
fn impurity(shares: &[f64], irrep: usize) -> f64 {
    shares.iter().enumerate().filter(|(i, _)| *i != irrep).map(|(_, s)| s).sum()
}

fn measure(g: &Represented, flow: &Flow, neuron: &Neuron) -> Landed {
    let shares = shares(g, &neuron[0]);
    let irrep = (0..shares.len()).max_by(|a, b| shares[*a].total_cmp(&shares[*b])).unwrap_or(0);
    let rho = &g.irreps[irrep];
    let [u, v, w] = neuron.each_ref().map(|f| rho.transform(f));
    let norms = [&u, &v, &w].map(|m| frobenius(m).sqrt());
    // For a quaternionic ρ singular values come in pairs: the bound on the trace is smaller by √2.
    let bound = norms.iter().product::<f64>() / if rho.kind == Type::Quaternionic { 2f64.sqrt() } else { 1.0 };
    Landed {
        irrep,
        impurity: impurity(&shares, irrep),
        half_energy: flow.half_energy(neuron),
        rank_one: rank_one_score(&u, rho.dim),
        alignment: triple(&u, &v, &w, rho.dim) / bound,
        phases: [&u, &v, &w].map(|m| libm::atan2(m[0][1], m[0][0])),
    }
}

/// The path of one traced neuron.
#[derive(Debug, Clone)]
struct Trace {
    times: Vec<f64>,
    impurity: Vec<f64>,
    second: Vec<f64>,
}

struct Block {
    landed: Vec<Landed>,
    traces: Vec<Trace>,
}

fn simulate(g: &Represented, args: &Args, neurons: usize, context: &Context) -> Result<Vec<Block>, TheoryError> {
    let flow = Flow { order: g.order, products: &g.products };
    let (centred, time) = (args.str("means") == "removed", args.float("time"));
    context.map(neurons.div_ceil(LANES), |block| {
        let mut bundle = Bundle::draw(g.order, centred, std::array::from_fn(|l| context.draws(NEURON, block * LANES + l)));
        let mut path: Vec<(f64, Bundle)> = Vec::new();
        let mut steps = 0usize;
        flow.run(&mut bundle, time, context, |t, b| {
            if block < TRACED && steps.is_multiple_of(2) && path.len() < 2000 {
                path.push((t, b.clone()));
            }
            steps += 1;
        })?;
        let lanes = LANES.min(neurons - block * LANES);
        let landed: Vec<Landed> = (0..lanes).map(|l| measure(g, &flow, &bundle.neuron(l))).collect();
        let trace = |(l, end): (usize, &Landed)| {
            let rho = &g.irreps[end.irrep];
            let at: Vec<Neuron> = path.iter().map(|(_, b)| b.neuron(l)).collect();
            Trace {
                times: path.iter().map(|p| p.0).collect(),
                impurity: at.iter().map(|n| impurity(&shares(g, &n[0]), end.irrep)).collect(),
                second: at.iter().map(|n| second_value(&rho.transform(&n[0]), rho.dim)).collect(),
            }
        };
        let traces = if block < TRACED { landed.iter().enumerate().map(trace).collect() } else { Vec::new() };
        Ok(Block { landed, traces })
    })
}

/// 1 − (rank-one score) without cancellation for small values: Σ of the 2 × 2 minors' squares over ‖m‖⁴ is Σ_{i<j} σ_i²σ_j²/(Σσ²)², to first order σ₂²/σ₁².
fn second_value(m: &[[f64; 2]], d: usize) -> f64 {
    let mut minors = 0.0;
    for (r, s) in (0..d).flat_map(|r| (0..r).map(move |s| (r, s))) {
        for (c, e) in (0..d).flat_map(|c| (0..c).map(move |e| (c, e))) {
            let det = |x: [f64; 2], y: [f64; 2], z: [f64; 2], t: [f64; 2]| {
                [x[0] * t[0] - x[1] * t[1] - y[0] * z[0] + y[1] * z[1], x[0] * t[1] + x[1] * t[0] - y[0] * z[1] - y[1] * z[0]]
            };
            let q = det(m[r * d + c], m[r * d + e], m[s * d + c], m[s * d + e]);
            minors += q[0] * q[0] + q[1] * q[1];
        }
    }
    minors / (frobenius(m) * frobenius(m))
}

/// −slope of ln y over t where 1e-12 < y < 1e-4 for good, that is after the last y above; `None` where fewer than four points are.
fn rate(times: &[f64], ys: &[f64]) -> Option<f64> {
    let from = ys.iter().rposition(|y| *y >= 1e-4).map_or(0, |i| i + 1);
    let points: Vec<(f64, f64)> = times[from..].iter().zip(&ys[from..]).filter(|(_, y)| **y > 1e-12).map(|(t, y)| (*t, libm::log(*y))).collect();
    (points.len() >= 4).then(|| -line(&points).slope.estimate)
}

/// χ² of counts against weights, as a p-value; `None` with fewer than two classes.
fn goodness(counts: &[usize], weights: &[f64]) -> Option<f64> {
    let (n, total) = (counts.iter().sum::<usize>() as f64, weights.iter().sum::<f64>());
    let statistic: f64 = counts.iter().zip(weights).map(|(c, w)| (n * w / total, *c as f64)).map(|(e, c)| (c - e) * (c - e) / e).sum();
    (counts.len() > 1).then(|| chi_square_survival(statistic, counts.len() as f64 - 1.0).ok()).flatten()
}

fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    let g = represented(args.str("group"), args.size("n"))?;
    let neurons = context.samples_or(MODEL.samples).max(1);
    let blocks = simulate(&g, args, neurons, context)?;
    let landed: Vec<&Landed> = blocks.iter().flat_map(|b| &b.landed).collect();
    let traces: Vec<(&Landed, &Trace)> = blocks.iter().flat_map(|b| b.landed.iter().zip(&b.traces)).collect();

    let closed: Vec<f64> = g.irreps.iter().map(|r| closed_energy(&g, r)).collect();
    let at_rest = landed.iter().filter(|l| (l.half_energy - closed[l.irrep]).abs() < 1e-6).count();
    let over = |f: &dyn Fn(&Landed, &Trace) -> Option<f64>| {
        median(&traces.iter().filter_map(|(l, t)| Some(f(l, t)? / purity_rate(closed[l.irrep]))).collect::<Vec<_>>())
    };
    let purity_rates = over(&|_, t| rate(&t.times, &t.impurity));
    let rank_rates = over(&|l, t| (g.irreps[l.irrep].dim > 1 && g.irreps[l.irrep].kind != Type::Quaternionic).then(|| rate(&t.times, &t.second)).flatten());
    let counts: Vec<usize> = (1..g.irreps.len()).map(|i| landed.iter().filter(|l| l.irrep == i).count()).collect();
    let weight = |power: i32| -> Vec<f64> { g.irreps[1..].iter().map(|r| r.orbit() as f64 * (r.dim as f64).powi(power)).collect() };
    let laws = [("uniform", vec![1.0; counts.len()]), ("d^2", weight(2)), ("d^3", weight(3))];
    let fits: Vec<Option<f64>> = laws.iter().map(|(_, w)| goodness(&counts, w)).collect();
    let abelian = g.irreps.iter().all(|r| r.dim == 1) && g.products.iter().enumerate().all(|(i, c)| *c == g.products[i % g.order * g.order + i / g.order]);
    let phases = abelian.then(|| Phases::of(&g, &landed));

    let extreme = |sign: f64, values: &mut dyn Iterator<Item = f64>| values.map(|x| sign * x).fold(f64::NEG_INFINITY, f64::max) * sign;
    let exact = |x: f64| Simulated { samples: neurons, ..Simulated::exact(x) };
    let there = |i: &usize| counts[*i - 1] > 0;
    let mut quantities = vec![
        Quantity::new("landed", "share of neurons whose E/2 is that of one representation to 1e-6").printed(1.0).simulated(fraction(at_rest, neurons)),
        Quantity::new("purity", "mean share of u on the representation that it ends on")
            .printed(1.0)
            .simulated(mean(&landed.iter().map(|l| 1.0 - l.impurity).collect::<Vec<_>>())),
        Quantity::new("alignment", "mean of tr(û v̂ ŵ†) over its bound").printed(1.0).simulated(mean(&landed.iter().map(|l| l.alignment).collect::<Vec<_>>())),
        Quantity::new("half_energy_highest", "largest E/2 among representations that neurons end on")
            .corrected(extreme(1.0, &mut (1..closed.len()).filter(there).map(|i| closed[i])))
            .simulated(exact(extreme(1.0, &mut landed.iter().map(|l| l.half_energy)))),
        Quantity::new("half_energy_lowest", "smallest E/2 among them")
            .corrected(extreme(-1.0, &mut (1..closed.len()).filter(there).map(|i| closed[i])))
            .simulated(exact(extreme(-1.0, &mut landed.iter().map(|l| l.half_energy)))),
        Quantity::new("purity_rate_over_4e", "exponent of 1 − purity over 4·(E/2), median over traced neurons").corrected(1.0).simulated(purity_rates),
    ];
    if rank_rates.samples > 0 {
        quantities.push(
            Quantity::new("rank_rate_over_4e", "exponent of (second over first singular value)² of û over 4·(E/2), median")
                .corrected(1.0)
                .simulated(rank_rates),
        );
    }
    let one_dimensional = landed.iter().filter(|l| g.irreps[l.irrep].dim == 1).count();
    quantities.push(
        Quantity::new("share_one_dimensional", "share of neurons that end on a one-dimensional representation").simulated(fraction(one_dimensional, neurons)),
    );
    for ((name, doc), p) in [
        ("p_uniform", "p-value (χ²) of equal occupancy of the non-trivial orbits"),
        ("p_d_squared", "p-value (χ²) of occupancy in proportion to d², counted over an orbit"),
        ("p_d_cubed", "p-value (χ²) of occupancy in proportion to d³, counted over an orbit"),
    ]
    .into_iter()
    .zip(&fits)
    {
        quantities.extend(p.map(|p| Quantity::new(name, doc).simulated(exact(p))));
    }
    if let Some(p) = &phases {
        quantities.push(Quantity::new("phase_relation", "largest |ψ − φ_a − φ_b|, in radians").printed(0.0).simulated(exact(p.relation)));
        quantities.push(Quantity::new("p_phases", "p-value (Rayleigh) of uniform phases φ_a on complex pairs").simulated(exact(p.rayleigh)));
    }
    Ok(Answer {
        charts: show::charts(&g, &landed, &traces, &closed, &counts, &laws, phases.as_ref()),
        tables: vec![show::table(&g, &landed, &closed, &counts, &laws, neurons)],
        findings: findings(&g, &landed, &closed, purity_rates, rank_rates, &fits, phases.as_ref(), at_rest),
        notes: vec![
            "Landing energies and rates are derived here: the paper's constants were not found.".into(),
            "Complete table, no split: this is feature competition, not delayed generalisation.".into(),
        ],
        quantities,
    })
}

/// Phases of neurons on an abelian group.
struct Phases {
    relation: f64,
    rayleigh: f64,
    first: Vec<f64>,
}

impl Phases {
    fn of(g: &Represented, landed: &[&Landed]) -> Phases {
        let tau = std::f64::consts::TAU;
        let wrapped = |x: f64| (x - tau * libm::round(x / tau)).abs();
        let relation = landed.iter().map(|l| wrapped(l.phases[2] - l.phases[0] - l.phases[1])).fold(0.0, f64::max);
        let first: Vec<f64> = landed.iter().filter(|l| g.irreps[l.irrep].kind == Type::Complex).map(|l| l.phases[0]).collect();
        let n = first.len() as f64;
        let (c, s) = (first.iter().map(|p| libm::cos(*p)).sum::<f64>() / n, first.iter().map(|p| libm::sin(*p)).sum::<f64>() / n);
        Phases { relation, rayleigh: libm::exp(-n * (c * c + s * s)), first }
    }
}

#[allow(clippy::too_many_arguments, reason = "one row of a table of claims for each of what was measured")]
fn findings(
    g: &Represented,
    landed: &[&Landed],
    closed: &[f64],
    purity: Simulated,
    rank: Simulated,
    fits: &[Option<f64>],
    phases: Option<&Phases>,
    at_rest: usize,
) -> Vec<Finding> {
    let n = landed.len();
    let finding = |number: &str, found: String, agrees: Option<bool>| Finding { claim: format!("group-composition-spectral {number}"), found, agrees };
    let worst = landed.iter().map(|l| (l.half_energy - closed[l.irrep]).abs()).fold(0.0, f64::max);
    let mut out = vec![finding(
        "1",
        format!("{at_rest} of {n} neurons end on one representation at the closed E/2; the largest difference is {worst:.1e}"),
        Some(at_rest == n),
    )];
    let several: Vec<&&Landed> = landed.iter().filter(|l| g.irreps[l.irrep].dim > 1).collect();
    if !several.is_empty() {
        let smallest = |f: fn(&Landed) -> f64| several.iter().map(|l| f(l)).fold(f64::INFINITY, f64::min);
        let (score, alignment) = (smallest(|l| l.rank_one), smallest(|l| l.alignment));
        let quaternionic = several.iter().any(|l| g.irreps[l.irrep].kind == Type::Quaternionic);
        let why =
            if quaternionic { "; on a quaternionic representation a real function's singular values come in pairs, so the score is ½ at most" } else { "" };
        out.push(finding(
            "2",
            format!("smallest rank-one score {score:.9}, smallest alignment {alignment:.9} over {} neurons with d > 1{why}", several.len()),
            Some(score > 1.0 - 1e-6 && alignment > 1.0 - 1e-6),
        ));
    }
    if let Some(p) = phases {
        let uniform = fits[0].unwrap_or(f64::NAN);
        let sign = g.irreps[1..].iter().any(|r| r.kind == Type::Real);
        let caveat = if sign { " (n is even: the sign character is no pair and is outside the theorem)" } else { "" };
        out.push(finding(
            "3",
            format!("p = {uniform:.3} for uniform frequencies, {:.3} for uniform phases{caveat}", p.rayleigh),
            (!sign).then_some(uniform > 0.001 && p.rayleigh > 0.001),
        ));
        out.push(finding("6", format!("ψ = φ_a + φ_b to {:.1e} radians", p.relation), Some(p.relation < 1e-6)));
    } else {
        let p = |i: usize| fits[i].map_or("–".to_string(), |p| format!("{p:.1e}"));
        out.push(finding("3", format!("not abelian; p-values of the laws uniform {}, d² {}, d³ {}", p(0), p(1), p(2)), None));
    }
    let ranks = if rank.samples > 0 { format!("; second singular value {:.4} ({:.4} to {:.4})", rank.estimate, rank.low, rank.high) } else { String::new() };
    out.push(finding(
        "4",
        format!("exponent of 1 − purity over 4e: {:.4} ({:.4} to {:.4}){ranks}", purity.estimate, purity.low, purity.high),
        purity.estimate.is_finite().then_some((purity.estimate - 1.0).abs() < 0.02),
    ));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Cell;
    use crate::numeric::Draws;
    use pennydrop_registry::Value;

    fn said(group: &str, n: i64, samples: usize) -> Answer {
        let given = [("group".to_string(), Value::Str(group.into())), ("n".to_string(), Value::Int(n))];
        answer(&Args::check("group-composition", &MODEL.row, given).unwrap(), &Context { samples: Some(samples), ..Context::default() }).unwrap()
    }

    fn simulated(said: &Answer, name: &str) -> Simulated {
        said.quantities.iter().find(|q| q.name == name).unwrap_or_else(|| panic!("no {name}")).simulated.unwrap()
    }

    #[test]
    fn parseval_and_the_energy_over_representations() {
        for (i, g) in irreps::tests::all().into_iter().enumerate() {
            let neuron = Bundle::draw(g.order, false, std::array::from_fn(|l| Draws::new(1, NEURON, (i * LANES + l) as u64))).neuron(3);
            for f in &neuron {
                assert!((shares(&g, f).iter().sum::<f64>() - 1.0).abs() < 1e-12);
            }
            let direct = Flow { order: g.order, products: &g.products }.half_energy(&neuron);
            let block = |r: &Irrep| {
                let [u, v, w] = neuron.each_ref().map(|f| r.transform(f));
                (r.orbit() * r.dim) as f64 / g.order as f64 * triple(&u, &v, &w, r.dim)
            };
            let spectral: f64 = g.irreps.iter().map(block).sum();
            assert!((direct - spectral).abs() < 1e-12, "{i}: {direct} {spectral}");
        }
    }

    #[test]
    fn every_neuron_lands_at_the_closed_energy() {
        // Real, complex and quaternionic types.
        for (group, n) in [("cyclic", 7), ("cyclic", 11), ("cyclic", 8), ("dihedral", 5), ("q8", 3)] {
            let said = said(group, n, 120);
            assert_eq!(simulated(&said, "landed").estimate, 1.0, "{group} {n}");
            assert!(simulated(&said, "purity").estimate > 1.0 - 1e-12 && (simulated(&said, "alignment").estimate - 1.0).abs() < 1e-9, "{group} {n}");
            let rate = simulated(&said, "purity_rate_over_4e").estimate;
            assert!((rate - 1.0).abs() < 0.02, "{group} {n}: {rate}");
        }
        // √(p/2), as the card's own check has it.
        assert!((simulated(&said("cyclic", 11, 8), "half_energy_lowest").estimate - (11f64 / 2.0).sqrt()).abs() < 1e-9);
    }

    #[test]
    fn shares_of_s3_and_s4_are_the_cards() {
        // Card: 22.6 % of 2000; 9.3 and 19.7 % of 1500. Tolerances are four standard errors of the difference.
        let check = |found: f64, n: f64, printed: f64, m: f64| {
            let p = printed;
            assert!((found - printed).abs() < 4.0 * libm::sqrt(p * (1.0 - p) * (1.0 / n + 1.0 / m)), "{found} for {printed}");
        };
        let s3 = said("s3", 3, 2000);
        check(simulated(&s3, "share_one_dimensional").estimate, 2000.0, 0.226, 2000.0);
        let s4 = said("s4", 3, 800);
        check(simulated(&s4, "share_one_dimensional").estimate, 800.0, 0.093, 1500.0);
        let table = &s4.tables[0];
        let share = |d: u64| table.rows.iter().filter(|r| r[1] == Cell::Count(d)).map(|r| if let Cell::Number(x) = r[6] { x } else { 0.0 }).sum::<f64>();
        check(share(2), 800.0, 0.197, 1500.0);
        check(share(3), 800.0, 0.709, 1500.0);
        assert!(simulated(&s4, "p_uniform").estimate < 1e-6 && simulated(&s4, "p_d_cubed").estimate < 1e-6);
        assert!((simulated(&s4, "rank_rate_over_4e").estimate - 1.0).abs() < 0.05);
    }

    #[test]
    fn abelian_frequencies_and_phases() {
        let said = said("cyclic", 11, 600);
        assert!(simulated(&said, "p_uniform").estimate > 1e-4 && simulated(&said, "p_phases").estimate > 1e-4);
        assert!(simulated(&said, "phase_relation").estimate < 1e-8);
    }

    #[test]
    fn goodness_of_fit_by_hand() {
        // χ² = 6.4 on one degree of freedom.
        assert!((goodness(&[12, 28], &[1.0, 1.0]).unwrap() - 0.011_412).abs() < 1e-5);
        assert_eq!(goodness(&[12], &[1.0]), None);
    }

    #[test]
    fn unknown_groups_are_refused() {
        assert!(Args::check("group-composition", &MODEL.row, [("group".to_string(), Value::Str("e8".into()))]).is_err());
    }
}
