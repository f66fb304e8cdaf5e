//! The cubic part: formulas at the paper's sizes, posteriors of small networks beside the formulas at *their* sizes.

use super::cubic::{Cubic, Form, Residuals};
use super::network::{Chain, Posterior, Schedule, examples, r_hat, sample};
use crate::answer::{Answer, Cell, Finding, Quantity, Simulated, Table};
use crate::model::{Context, TheoryError};
use crate::numeric::mean;
use pennydrop_figure::chart::{Axis, Chart, Look, Mark, Point};

/// What is sampled.
pub(super) struct Plan {
    pub(super) sim_d: usize,
    pub(super) sim_n: usize,
    pub(super) keep: usize,
}

/// Draws of chains with all inputs, of chains with drawn examples, of examples.
const LANES: [u32; 3] = [0x710, 0x711, 0x712];
/// Half the chains start with |q| of every neuron here (the paper's text: side wells are at about 1), the others from the prior: agreement then means something.
const FAR_START: f64 = 1.0;
const LEAPFROGS: usize = 6;
const BINS: usize = 40;
const REACH: f64 = 2.0;

/// Chains of one kind, read.
struct Sampled {
    name: &'static str,
    networks: usize,
    /// Shares of the bins over ±`REACH`, q and −q counted alike (they and the readout's sign are one symmetry).
    histogram: Vec<f64>,
    /// Total variation to e^{−S}, and between the first and the second half of the chains: its noise.
    distance: f64,
    noise: f64,
    linear: Simulated,
    cubic: Simulated,
    square: Simulated,
    side: Simulated,
    r_hat: f64,
    acceptance: f64,
}

fn bin(q: f64) -> usize {
    (((q + REACH) / (2.0 * REACH) * BINS as f64).max(0.0) as usize).min(BINS - 1)
}

fn histogram(q: impl Iterator<Item = f64>) -> Vec<f64> {
    let (mut bins, mut count) = (vec![0.0; BINS], 0.0);
    for q in q {
        bins[bin(q)] += 0.5;
        bins[bin(-q)] += 0.5;
        count += 1.0;
    }
    bins.iter_mut().for_each(|b| *b /= count);
    bins
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    0.5 * a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>()
}

fn theory_histogram(s: &Cubic, r: Residuals) -> Vec<f64> {
    let (mut bins, mut total) = (vec![0.0; BINS], 0.0);
    for (q, p) in s.density(r) {
        bins[bin(q)] += p;
        total += p;
    }
    bins.iter_mut().for_each(|b| *b /= total);
    bins
}

/// `alike` chains in a row sample one posterior.
fn read(name: &'static str, s: &Cubic, chains: &[Chain], alike: usize, theory: &[f64], saddle: f64) -> Sampled {
    let m = s.width as usize;
    let per = |f: &dyn Fn(&Chain) -> f64| mean(&chains.iter().map(f).collect::<Vec<_>>());
    let average = |values: &mut dyn Iterator<Item = f64>| {
        let (sum, n) = values.fold((0.0, 0.0), |(s, n), x| (s + x, n + 1.0));
        sum / n
    };
    let halves = [0, 1].map(|h| histogram(chains.iter().flat_map(|c| c.q.chunks_exact(c.q.len() / 2 / m * m).nth(h).unwrap_or(&[]).iter().copied())));
    let all = histogram(chains.iter().flat_map(|c| c.q.iter().copied()));
    let squares: Vec<Vec<f64>> = chains.iter().map(|c| c.q.chunks_exact(m).map(|q| q.iter().map(|q| q * q).sum::<f64>() / m as f64).collect()).collect();
    Sampled {
        name,
        networks: chains.len(),
        distance: distance(&all, theory),
        noise: distance(&halves[0], &halves[1]),
        histogram: all,
        linear: per(&|c| average(&mut c.learned.iter().map(|l| l.linear))),
        cubic: per(&|c| average(&mut c.learned.iter().map(|l| l.cubic / s.eps))),
        square: per(&|c| average(&mut c.q.iter().map(|q| q * q))),
        side: per(&|c| average(&mut c.q.iter().map(|q| f64::from(u8::from(q.abs() > saddle))))),
        r_hat: squares.chunks(alike.max(1)).map(r_hat).fold(0.0, f64::max),
        acceptance: average(&mut chains.iter().map(|c| c.acceptance)),
    }
}

/// The networks that are sampled: the paper's, scaled down to `d` inputs, with `n` examples (or the paper's number, where the data are all inputs).
fn reduced(s: &Cubic, d: usize, n: Option<usize>) -> Cubic {
    let beta = d as f64 * d as f64 / (s.d * s.d);
    let alpha = n.map_or(1.0, |n| n as f64 / s.n);
    let scaled = s.scaled(beta, alpha);
    Cubic { d: d as f64, width: libm::round(scaled.width), n: libm::round(scaled.n), ..scaled }
}

pub(super) fn report(s: &Cubic, plan: &Plan, context: &Context) -> Result<Answer, TheoryError> {
    let limit = s.limit();
    let well = s.side_well(limit);
    let (transition, spinodal, droplet) = (s.transition(), s.spinodal(), s.droplet());
    let finite = s.self_consistent();
    let learned = |r: Residuals| (1.0 - r.b, 1.0 - r.c / s.eps);

    let small = (plan.sim_d > 0).then(|| reduced(s, plan.sim_d, None));
    let solved = small.map(|small| (small, small.self_consistent()));
    let mut sampled = Vec::new();
    if let Some((small, solution)) = &solved {
        let theory = theory_histogram(small, solution.residuals);
        let saddle = saddle(small, solution.residuals);
        let networks = context.samples_or(super::MODEL.samples);
        let schedule = |i: usize| Schedule { burn: plan.keep / 2, keep: plan.keep, leapfrogs: LEAPFROGS, start: (i % 2 == 1).then_some(FAR_START) };
        let chains = context.map(networks, |i| sample(&Posterior { s: small, examples: None }, schedule(i), &mut context.draws(LANES[0], i), context.stop))?;
        sampled.push(read("all inputs", small, &chains, networks, &theory, saddle));
        if plan.sim_n > 0 {
            let drawn = reduced(s, plan.sim_d, Some(plan.sim_n));
            let chains = context.map(2 * networks.div_ceil(3), |i| {
                // Two chains share a training set, one from each kind of start.
                let data = examples(&drawn, &mut context.draws(LANES[2], i / 2));
                let schedule = Schedule { burn: plan.keep / 4, keep: plan.keep / 2, ..schedule(i) };
                sample(&Posterior { s: &drawn, examples: Some(&data) }, schedule, &mut context.draws(LANES[1], i), context.stop)
            })?;
            sampled.push(read("drawn examples", &drawn, &chains, 2, &theory, saddle));
        }
    }

    let q = |name: &str, doc: &str| Quantity::new(name, doc);
    let maybe = |quantity: Quantity, value: Option<f64>| match value {
        Some(value) => quantity.corrected(value),
        None => quantity,
    };
    let mut quantities = vec![
        q("u", "control parameter n²σ_a²/(σ⁴dN)").printed(s.u()),
        maybe(q("sigma2_transition", "σ² at which the side wells are as deep as the well at 0, β → ∞").printed(0.18), transition),
        maybe(q("u_transition", "u there").printed(30.2), transition.map(|t| s.at(t).u())),
        maybe(q("sigma2_spinodal", "σ² below which there are side wells at all, β → ∞"), spinodal),
        q("linear_residual_limit", "b, what is left of the linear part, β → ∞ without side wells").corrected(limit.b),
        q("linear_fraction_limit", "1 − b, β → ∞ without side wells").corrected(1.0 - limit.b),
        maybe(q("side_well_q", "|q| of the side wells, β → ∞ without a droplet"), well.map(|w| w.q)),
        maybe(q("side_well_action", "S/d of the side wells, β → ∞ without a droplet; S(0) = 0"), well.map(|w| w.action)),
        q("droplet_share", "share of neurons in the side wells where they coexist with the well at 0, β → ∞; 0 above the transition")
            .corrected(droplet.map_or(0.0, |d| d.share)),
        q("linear_fraction", "learned share of the linear part, self-consistent at this d").corrected(learned(finite.residuals).0),
        q("cubic_fraction", "learned share of the cubic part, self-consistent at this d").corrected(learned(finite.residuals).1),
        q("side_share", "share of neurons beyond the saddle of S, self-consistent at this d").corrected(s.side_share(finite.residuals)),
    ];
    if let (Some((small, solution)), Some(all)) = (&solved, sampled.first()) {
        let (linear, cubic) = learned(solution.residuals);
        let density = small.density(solution.residuals);
        let square = density.iter().map(|(q, p)| q * q * p).sum::<f64>() / density.iter().map(|x| x.1).sum::<f64>();
        quantities.push(
            q("linear_fraction_small", "learned share of the linear part, sampled networks and formula at their size").corrected(linear).simulated(all.linear),
        );
        quantities.push(
            q("cubic_fraction_small", "learned share of the cubic part, sampled networks and formula at their size").corrected(cubic).simulated(all.cubic),
        );
        quantities.push(q("mean_square_q_small", "⟨q²⟩ over neurons, sampled networks and formula at their size").corrected(square).simulated(all.square));
        let far = theory_far(small, solution.residuals);
        quantities.push(
            q("far_share_small", "share of neurons beyond the saddle of S, sampled networks and formula at their size").corrected(far).simulated(all.side),
        );
        quantities.push(q("distance_small", "total variation between the histogram of q and e^{−S}, all inputs").simulated(Simulated::exact(all.distance)));
        quantities
            .push(q("r_hat_small", "Gelman–Rubin statistic of ⟨q²⟩ over chains from two kinds of start, all inputs").simulated(Simulated::exact(all.r_hat)));
    }

    Ok(Answer {
        quantities,
        charts: charts(s, &solved, &sampled, transition),
        tables: tables(s, &solved, &sampled, finite.residuals),
        findings: findings(s, transition, &sampled),
        notes: notes(s, &solved, plan, finite.error),
    })
}

/// The saddle beside 0, or where none is, half the prior's reach.
fn saddle(s: &Cubic, r: Residuals) -> f64 {
    s.stationary(r).into_iter().find(|x| !x.well).map_or(0.5, |x| x.q)
}

fn theory_far(s: &Cubic, r: Residuals) -> f64 {
    let edge = saddle(s, r);
    let density = s.density(r);
    density.iter().filter(|x| x.0.abs() > edge).map(|x| x.1).sum::<f64>() / density.iter().map(|x| x.1).sum::<f64>()
}

fn findings(s: &Cubic, transition: Option<f64>, sampled: &[Sampled]) -> Vec<Finding> {
    let mut out = Vec::new();
    if let Some(t) = transition {
        let u = s.at(t).u();
        out.push(Finding {
            claim: "rubin-first-order 1".into(),
            found: format!(
                "β → ∞: the wells are equally deep at σ² = {t:.4}, u = {u:.2}; u = {:.2} at σ² = .18; the side well is then at |q| = {:.2}, not 1",
                s.at(0.18).u(),
                s.at(t).side_well(s.at(t).limit()).map_or(f64::NAN, |w| w.q)
            ),
            agrees: Some((u / 30.2 - 1.0).abs() < 0.05),
        });
        let fraction = |c: Cubic| 1.0 - c.droplet().map_or(c.limit().c, |d| d.residuals.c) / s.eps;
        let finite = |x: f64| 1.0 - s.at(x).self_consistent().residuals.c / s.eps;
        let small = sampled.first().map_or(String::new(), |x| {
            format!("; sampled small networks at σ² = {}: {:.3} [{:.3}, {:.3}]", s.sigma2, x.cubic.estimate, x.cubic.low, x.cubic.high)
        });
        out.push(Finding {
            claim: "rubin-first-order 2".into(),
            found: format!(
                "learned share of the cubic part at 1.2, 1, .8 and .5 times the σ² of the transition: {:.3}, {:.3}, {:.3}, {:.3} for β → ∞, {:.3}, {:.3}, {:.3}, {:.3} at d = {}{small}",
                fraction(s.at(1.2 * t)), fraction(s.at(t)), fraction(s.at(0.8 * t)), fraction(s.at(0.5 * t)),
                finite(1.2 * t), finite(t), finite(0.8 * t), finite(0.5 * t), s.d
            ),
            agrees: Some(fraction(s.at(1.2 * t)) < 1e-6 && fraction(s.at(0.8 * t)) > 0.02),
        });
        let values: Vec<f64> = (0..=40).map(|i| finite(t * (1.15 - 0.3 * i as f64 / 40.0))).collect();
        let steps: Vec<f64> = values.windows(2).map(|w| (w[1] - w[0]).abs()).collect();
        let (largest, typical) = (steps.iter().copied().fold(0.0, f64::max), steps.iter().sum::<f64>() / steps.len() as f64);
        out.push(Finding {
            claim: "rubin-first-order 3".into(),
            found: format!(
                "cubic share at d = {}, 41 values of σ² within 15 % of the transition: from {:.3} to {:.3}, largest step {:.1} times the mean step",
                s.d,
                values[0],
                values[40],
                largest / typical
            ),
            agrees: Some(largest < 5.0 * typical),
        });
    }
    out
}

fn notes(s: &Cubic, solved: &Option<(Cubic, super::cubic::SelfConsistent)>, plan: &Plan, error: f64) -> Vec<String> {
    let mut notes = vec![
        "Phases are read off the stationary points of S: GFL while the well at 0 is the deepest, GMFL-I once a side well is as deep, GMFL-II once 0 is no minimum. In the limit β → ∞ with residuals from \
         the formulas 0 always stays a minimum, so GMFL-II does not occur in the cubic part."
            .to_string(),
        "There is no time in this theory; Langevin dynamics at σ² comes to rest in the sampled measure.".to_string(),
    ];
    if error > 1e-8 {
        notes.push(format!(
            "The self-consistent equations at d = {} were solved to {error:.1e} only: the wells coexist, and p(q) depends on the residuals exponentially.",
            s.d
        ));
    }
    if let Some((small, _)) = solved {
        let drawn = if plan.sim_n > 0 {
            format!(", and with {} drawn examples, σ² = {:.3}, two chains a training set", plan.sim_n, reduced(s, plan.sim_d, Some(plan.sim_n)).sigma2)
        } else {
            String::new()
        };
        notes.push(format!(
            "Sampled networks are the paper's scaled down: d = {}, N = {}, σ_a² = {:.4}, u = {:.2}; data are all inputs at n/σ² = {:.0} (the limit α → ∞ of the paper's scaling){drawn}. The readout is integrated out exactly. \
             No agreement is promised at this size: the table gives the distance. --samples or keep = … sharpen it, sim_d = {} is the paper's size.",
            small.d, small.width, small.sigma_a2, small.u(), small.n / small.sigma2, s.d
        ));
    }
    notes
}

fn tables(s: &Cubic, solved: &Option<(Cubic, super::cubic::SelfConsistent)>, sampled: &[Sampled], finite: Residuals) -> Vec<Table> {
    let text = |words: &[&str]| words.iter().map(|w| w.to_string()).collect::<Vec<_>>();
    let sigmas = [2.0, 1.2, 1.0, 0.9722, 0.9444, 0.8333, 0.6667, 0.5];
    let mut tables = vec![Table {
        title: "Along σ² (β → ∞, without a droplet; then with it; then self-consistent at this d)".into(),
        columns: text(&[
            "σ²",
            "u",
            "b",
            "side well |q|",
            "S/d there",
            "phase",
            "droplet share",
            "droplet: cubic share",
            "this d: linear share",
            "this d: cubic share",
            "this d: phase",
            "this d: share in side wells",
        ]),
        rows: sigmas
            .iter()
            .map(|x| {
                let c = s.at(x * s.sigma2);
                let (limit, droplet, here) = (c.limit(), c.droplet(), c.self_consistent());
                let well = c.side_well(limit);
                vec![
                    c.sigma2.into(),
                    c.u().into(),
                    limit.b.into(),
                    well.map(|w| w.q).into(),
                    well.map(|w| w.action).into(),
                    c.phase(limit).to_string().into(),
                    droplet.map(|d| d.share).into(),
                    droplet.map(|d| 1.0 - d.residuals.c / s.eps).into(),
                    (1.0 - here.residuals.b).into(),
                    (1.0 - here.residuals.c / s.eps).into(),
                    c.phase(here.residuals).to_string().into(),
                    c.side_share(here.residuals).into(),
                ]
            })
            .collect(),
    }];
    let row = |name: &str, r: Residuals| vec![Cell::from(name), r.b.into(), r.c.into()];
    tables.push(Table {
        title: "Self-consistent residuals at this d: one more update from the solution".into(),
        columns: text(&["equations", "b", "c"]),
        rows: vec![
            row("solution", finite),
            row("corrected (4q², prefactor σ²/n): stays", s.update(finite, Form::Corrected)),
            row("as printed (2q², no prefactor): leaves", s.update(finite, Form::Printed)),
        ],
    });
    if let Some((small, solution)) = solved {
        let interval = |x: Simulated| format!("{:.4} [{:.4}, {:.4}]", x.estimate, x.low, x.high);
        let far = theory_far(small, solution.residuals);
        let mut rows = vec![vec![
            Cell::from("formula at this size"),
            Cell::Empty,
            format!("{:.4}", 1.0 - solution.residuals.b).into(),
            format!("{:.4}", 1.0 - solution.residuals.c / s.eps).into(),
            format!("{far:.4}").into(),
            Cell::Empty,
            Cell::Empty,
            Cell::Empty,
            Cell::Empty,
        ]];
        rows.extend(sampled.iter().map(|x| {
            vec![
                x.name.into(),
                x.networks.into(),
                interval(x.linear).into(),
                interval(x.cubic).into(),
                interval(x.side).into(),
                x.distance.into(),
                x.noise.into(),
                x.r_hat.into(),
                x.acceptance.into(),
            ]
        }));
        tables.push(Table {
            title: format!("Sampled networks (d = {}, N = {}) beside the formula; intervals over networks", small.d, small.width),
            columns: text(&[
                "data",
                "networks",
                "linear share",
                "cubic share",
                "neurons beyond the saddle",
                "distance to e^{−S} (total variation)",
                "distance of the chains' halves",
                "R-hat of ⟨q²⟩ (the worst)",
                "acceptance",
            ]),
            rows,
        });
    }
    tables
}

fn charts(s: &Cubic, solved: &Option<(Cubic, super::cubic::SelfConsistent)>, sampled: &[Sampled], transition: Option<f64>) -> Vec<Chart> {
    let curve = |c: &Cubic, r: Residuals| (0..=300).map(|i| -1.5 + 3.0 * i as f64 / 300.0).map(|q| (q, c.action(q, r))).collect::<Vec<_>>();
    let mut marks = vec![Mark::line("this σ²", Look::Closed, curve(s, s.limit()))];
    if let Some(t) = transition {
        for (k, x) in [1.3, 1.0, 0.85].into_iter().enumerate() {
            let c = s.at(x * t);
            marks.push(Mark::line(&format!("σ² = {:.3}", c.sigma2), Look::Group(k as u8 + 1), curve(&c, c.limit())));
        }
    }
    let mut out =
        vec![Chart {
            title: "Action, β → ∞".into(), x: Axis::linear("q, projection on the teacher"), y: Axis::linear("S(q)/d"), marks, note: String::new()
        }];
    if let Some((small, solution)) = solved {
        let edges: Vec<f64> = (0..=BINS).map(|i| -REACH + 2.0 * REACH * i as f64 / BINS as f64).collect();
        let width = 2.0 * REACH / BINS as f64;
        let mut marks: Vec<Mark> = sampled
            .iter()
            .enumerate()
            .map(|(k, x)| Mark::Steps {
                name: format!("sampled, {}", x.name),
                look: if k == 0 { Look::Simulated } else { Look::Group(2) },
                edges: edges.clone(),
                heights: x.histogram.iter().map(|h| h / width).collect(),
            })
            .collect();
        marks.push(Mark::line("e^{−S}, self-consistent", Look::Closed, small.density(solution.residuals).into_iter().filter(|x| x.0.abs() <= REACH).collect()));
        out.push(Chart {
            title: format!("Weights of sampled networks, d = {}, N = {}", small.d, small.width),
            x: Axis::linear("q, projection on the teacher"),
            y: Axis::linear("density"),
            marks,
            note: sampled.first().map_or(String::new(), |x| format!("Total variation {:.3} (noise {:.3}); R-hat {:.3}.", x.distance, x.noise, x.r_hat)),
        });
    }
    let centre = transition.unwrap_or(s.sigma2);
    let scan: Vec<Cubic> = (0..=48).map(|i| s.at(centre * libm::exp2(1.2 - 2.4 * i as f64 / 48.0))).collect();
    let finite: Vec<(f64, Residuals)> = scan.iter().map(|c| (c.sigma2, c.self_consistent().residuals)).collect();
    let bulk: Vec<(f64, Residuals)> = scan.iter().map(|c| (c.sigma2, c.droplet().map_or(c.limit(), |d| d.residuals))).collect();
    let linear = |v: &[(f64, Residuals)]| v.iter().map(|(x, r)| (*x, 1.0 - r.b)).collect::<Vec<_>>();
    let third = |v: &[(f64, Residuals)]| v.iter().map(|(x, r)| (*x, 1.0 - r.c / s.eps)).collect::<Vec<_>>();
    let mut marks = vec![
        Mark::line("linear, β → ∞ with the droplet", Look::Closed, linear(&bulk)),
        Mark::line(&format!("linear, self-consistent at d = {}", s.d), Look::Group(1), linear(&finite)),
        Mark::line("cubic, β → ∞ with the droplet", Look::Group(2), third(&bulk)),
        Mark::line(&format!("cubic, self-consistent at d = {}", s.d), Look::Group(3), third(&finite)),
    ];
    if let Some(x) = sampled.first() {
        let point = |v: Simulated| Point { x: s.sigma2, y: v.estimate, interval: Some((v.low, v.high)) };
        marks.push(Mark::Points { name: "sampled small networks".into(), look: Look::Simulated, points: vec![point(x.linear), point(x.cubic)] });
    }
    if let Some(t) = transition {
        marks.push(Mark::Vertical { name: "transition".into(), look: Look::Null, x: t });
    }
    out.push(Chart {
        title: "What is learned".into(),
        x: Axis::log("σ²"),
        y: Axis::linear("learned share").including(0.0).including(1.0),
        marks,
        note: String::new(),
    });
    out.push(Chart {
        title: "Neurons in the side wells".into(),
        x: Axis::log("σ²"),
        y: Axis::linear("share").including(0.0),
        marks: vec![
            Mark::line("β → ∞, coexistence", Look::Closed, scan.iter().map(|c| (c.sigma2, c.droplet().map_or(0.0, |d| d.share))).collect()),
            Mark::line(
                &format!("self-consistent at d = {}", s.d),
                Look::Group(1),
                scan.iter().zip(&finite).map(|(c, (x, r))| (*x, c.side_share(*r))).collect(),
            ),
        ],
        note: String::new(),
    });
    out
}
