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
/// Densities below are not drawn: no sample of this size reaches them.
const FLOOR: f64 = 1e-4;

/// Chains of one kind, read.
struct Sampled {
    name: &'static str,
    networks: usize,
    /// Shares of the bins over ±`REACH`, q and −q counted alike (they and the readout's sign are one symmetry).
    histogram: Vec<f64>,
    /// Total variation to e^{−S}, with the printed and the relaxed S; and between the first and the second half of the chains: its noise.
    distance: f64,
    relaxed: f64,
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

fn theory_histogram(density: &[(f64, f64)]) -> Vec<f64> {
    let (mut bins, mut total) = (vec![0.0; BINS], 0.0);
    for &(q, p) in density {
        bins[bin(q)] += p;
        total += p;
    }
    bins.iter_mut().for_each(|b| *b /= total);
    bins
}

/// `alike` chains in a row sample one posterior.
fn read(name: &'static str, s: &Cubic, chains: &[Chain], alike: usize, small: &Small) -> Sampled {
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
        distance: distance(&all, &theory_histogram(&small.plain.density)),
        relaxed: distance(&all, &theory_histogram(&small.relaxed.density)),
        noise: distance(&halves[0], &halves[1]),
        histogram: all,
        linear: per(&|c| average(&mut c.learned.iter().map(|l| l.linear))),
        cubic: per(&|c| average(&mut c.learned.iter().map(|l| l.cubic / s.eps))),
        square: per(&|c| average(&mut c.q.iter().map(|q| q * q))),
        side: per(&|c| average(&mut c.q.iter().map(|q| f64::from(u8::from(q.abs() > small.edge))))),
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

    let small = if plan.sim_d > 0 { Some(Small::of(reduced(s, plan.sim_d, None))?) } else { None };
    let mut sampled = Vec::new();
    if let Some(small) = &small {
        let networks = context.samples_or(super::MODEL.samples);
        let schedule = |i: usize| Schedule { burn: plan.keep / 2, keep: plan.keep, leapfrogs: LEAPFROGS, start: (i % 2 == 1).then_some(FAR_START) };
        let chains =
            context.map(networks, |i| sample(&Posterior { s: &small.s, examples: None }, schedule(i), &mut context.draws(LANES[0], i), context.stop))?;
        sampled.push(read("all inputs", &small.s, &chains, networks, small));
        if plan.sim_n > 0 {
            let drawn = reduced(s, plan.sim_d, Some(plan.sim_n));
            let chains = context.map(2 * networks.div_ceil(3), |i| {
                // Two chains share a training set, one from each kind of start.
                let data = examples(&drawn, &mut context.draws(LANES[2], i / 2));
                let schedule = Schedule { burn: plan.keep / 4, keep: plan.keep / 2, ..schedule(i) };
                sample(&Posterior { s: &drawn, examples: Some(&data) }, schedule, &mut context.draws(LANES[1], i), context.stop)
            })?;
            sampled.push(read("drawn examples", &drawn, &chains, 2, small));
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
    let relaxed = s.transition_relaxed();
    quantities.push(maybe(q("sigma2_transition_relaxed", "the same transition with the norm of the other weights free"), relaxed));
    quantities.push(maybe(q("u_transition_relaxed", "u there"), relaxed.map(|t| s.at(t).u())));
    if let (Some(small), Some(all)) = (&small, sampled.first()) {
        let (plain, relaxed) = (&small.plain, &small.relaxed);
        let mut both = |name: &str, what: &str, f: &dyn Fn(&Predicted) -> f64, found: Simulated| {
            let doc = format!("{what}: printed action, relaxed action, sampled networks, all at the size of the latter");
            quantities.push(q(name, &doc).printed(f(plain)).corrected(f(relaxed)).simulated(found));
        };
        both("linear_fraction_small", "learned share of the linear part", &|p| 1.0 - p.residuals.b, all.linear);
        both("cubic_fraction_small", "learned share of the cubic part", &|p| 1.0 - p.residuals.c / s.eps, all.cubic);
        both("mean_square_q_small", "⟨q²⟩ over neurons", &|p| p.square, all.square);
        both("far_share_small", "share of neurons beyond the saddle of S", &|p| p.far, all.side);
        quantities.push(
            q("distance_printed", "total variation between the histogram of q and e^{−S}, printed action, all inputs")
                .simulated(Simulated::exact(all.distance)),
        );
        quantities.push(q("distance_relaxed", "the same with the relaxed action").simulated(Simulated::exact(all.relaxed)));
        quantities.push(q("distance_noise", "total variation between the two halves of the chains").simulated(Simulated::exact(all.noise)));
        quantities
            .push(q("r_hat_small", "Gelman–Rubin statistic of ⟨q²⟩ over chains from two kinds of start, all inputs").simulated(Simulated::exact(all.r_hat)));
    }

    Ok(Answer {
        quantities,
        charts: charts(s, &small, &sampled, transition),
        tables: tables(s, &small, &sampled, finite.residuals),
        findings: findings(s, transition, relaxed, &sampled),
        notes: notes(s, &small, plan, finite.error),
    })
}

/// What a form of the action says about networks of one size.
struct Predicted {
    residuals: Residuals,
    density: Vec<(f64, f64)>,
    square: f64,
    far: f64,
}

/// The sampled networks' size with both forms of the action.
struct Small {
    s: Cubic,
    /// The saddle beside 0 of the printed action, or ½ where it has none.
    edge: f64,
    plain: Predicted,
    relaxed: Predicted,
}

impl Small {
    fn of(s: Cubic) -> Result<Small, TheoryError> {
        let plain = s.self_consistent().residuals;
        let edge = s.stationary(plain).into_iter().find(|x| !x.well).map_or(0.5, |x| x.q);
        let predicted = |residuals: Residuals, density: Vec<(f64, f64)>| {
            let all: f64 = density.iter().map(|x| x.1).sum();
            let square = density.iter().map(|(q, p)| q * q * p).sum::<f64>() / all;
            let far = density.iter().filter(|x| x.0.abs() > edge).map(|x| x.1).sum::<f64>() / all;
            Predicted { residuals, density, square, far }
        };
        let relaxed = s.self_consistent_relaxed().ok_or_else(|| TheoryError::numeric("relaxed action", format!("d = {} is too small", s.d)))?.residuals;
        Ok(Small { s, edge, plain: predicted(plain, s.density(plain)), relaxed: predicted(relaxed, s.density_relaxed(relaxed).0) })
    }
}

fn findings(s: &Cubic, transition: Option<f64>, relaxed: Option<f64>, sampled: &[Sampled]) -> Vec<Finding> {
    let mut out = Vec::new();
    if let Some(t) = transition {
        let u = s.at(t).u();
        out.push(Finding {
            claim: "rubin-first-order 1".into(),
            found: format!(
                "β → ∞: the wells are equally deep at σ² = {t:.4}, u = {u:.2}; u = {:.2} at σ² = .18; the side well is then at |q| = {:.2}, not 1; with the norm of the other weights free at {}",
                s.at(0.18).u(),
                s.at(t).side_well(s.at(t).limit()).map_or(f64::NAN, |w| w.q),
                relaxed.map_or("no σ²".into(), |x| format!("σ² = {x:.4}, u = {:.2}", s.at(x).u()))
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
    if let Some(x) = sampled.first() {
        out.push(Finding {
            claim: "rubin-first-order action".into(),
            found: format!(
                "histogram of q in sampled networks: total variation {:.3} to e^{{−S}} as printed, {:.3} with the norm of the other weights free, {:.3} between the chains' halves; the limit β → ∞ is out of reach, and the width's corrections (d/N) are in neither",
                x.distance, x.relaxed, x.noise
            ),
            agrees: if x.distance > 3.0 * x.noise && x.relaxed < 0.7 * x.distance { Some(false) } else if x.distance < 1.5 * x.noise { Some(true) } else { None },
        });
    }
    out
}

fn notes(s: &Cubic, small: &Option<Small>, plan: &Plan, error: f64) -> Vec<String> {
    let mut notes = vec![
        "Phases are read off the stationary points of S: GFL while the well at 0 is the deepest, GMFL-I once a side well is as deep, GMFL-II once 0 is no minimum. In the limit β → ∞ with residuals from \
         the formulas 0 always stays a minimum, so GMFL-II does not occur in the cubic part."
            .to_string(),
        "The printed action holds the norm of a neuron's other weights at its prior mean. Left free it is an effect of the same order d and makes the side wells deeper (derived here: `relaxed`).".to_string(),
        "There is no time in this theory; Langevin dynamics at σ² comes to rest in the sampled measure.".to_string(),
    ];
    if error > 1e-8 {
        notes.push(format!(
            "The self-consistent equations at d = {} were solved to {error:.1e} only: the wells coexist, and p(q) depends on the residuals exponentially.",
            s.d
        ));
    }
    if let Some(small) = small.as_ref().map(|x| &x.s) {
        let drawn = if plan.sim_n > 0 {
            format!(", and with {} drawn examples, σ² = {:.3}, two chains a training set", plan.sim_n, reduced(s, plan.sim_d, Some(plan.sim_n)).sigma2)
        } else {
            String::new()
        };
        notes.push(format!(
            "Sampled networks are the paper's scaled down: d = {}, N = {}, σ_a² = {:.4}, u = {:.2}; data are all inputs at n/σ² = {:.0} (the limit α → ∞ of the paper's scaling){drawn}. The readout is integrated out exactly. \
             No agreement is promised at this size: the table gives the distance. More samples or a larger `keep` sharpen it, `sim_d` = {} is the paper's size.",
            small.d, small.width, small.sigma_a2, small.u(), small.n / small.sigma2, s.d
        ));
    }
    notes
}

fn tables(s: &Cubic, small: &Option<Small>, sampled: &[Sampled], finite: Residuals) -> Vec<Table> {
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
    if let Some(small) = small {
        let interval = |x: Simulated| format!("{:.4} [{:.4}, {:.4}]", x.estimate, x.low, x.high);
        let row = |name: &str, p: &Predicted| {
            let mut row = vec![Cell::from(name), Cell::Empty];
            row.extend([1.0 - p.residuals.b, 1.0 - p.residuals.c / s.eps, p.far].map(|x| Cell::from(format!("{x:.4}"))));
            row.extend(std::iter::repeat_n(Cell::Empty, 5));
            row
        };
        let mut rows = vec![row("printed action", &small.plain), row("relaxed action", &small.relaxed)];
        rows.extend(sampled.iter().map(|x| {
            vec![
                x.name.into(),
                x.networks.into(),
                interval(x.linear).into(),
                interval(x.cubic).into(),
                interval(x.side).into(),
                x.distance.into(),
                x.relaxed.into(),
                x.noise.into(),
                x.r_hat.into(),
                x.acceptance.into(),
            ]
        }));
        tables.push(Table {
            title: format!("Sampled networks (d = {}, N = {}) beside both actions; intervals over networks", small.s.d, small.s.width),
            columns: text(&[
                "data",
                "networks",
                "linear share",
                "cubic share",
                "neurons beyond the saddle",
                "total variation to e^{−S}, printed",
                "to e^{−S}, relaxed",
                "of the chains' halves",
                "R-hat of ⟨q²⟩ (the worst)",
                "acceptance",
            ]),
            rows,
        });
    }
    tables
}

fn charts(s: &Cubic, small: &Option<Small>, sampled: &[Sampled], transition: Option<f64>) -> Vec<Chart> {
    let curve = |c: &Cubic, r: Residuals| (0..=300).map(|i| -1.5 + 3.0 * i as f64 / 300.0).map(|q| (q, c.action(q, r))).collect::<Vec<_>>();
    let relaxed: Vec<(f64, f64)> = curve(s, s.limit()).into_iter().map(|(q, _)| (q, s.action_relaxed(q, s.limit()))).collect();
    let mut marks =
        vec![Mark::line("this σ², printed", Look::Printed, curve(s, s.limit())), Mark::line("this σ², norm of the other weights free", Look::Closed, relaxed)];
    if let Some(t) = transition {
        for (k, x) in [1.0, 0.85].into_iter().enumerate() {
            let c = s.at(x * t);
            marks.push(Mark::line(&format!("σ² = {:.3}, printed", c.sigma2), Look::Group(k as u8 + 2), curve(&c, c.limit())));
        }
    }
    let mut out =
        vec![Chart {
            title: "Action, β → ∞".into(), x: Axis::linear("q, projection on the teacher"), y: Axis::linear("S(q)/d"), marks, note: String::new()
        }];
    if let Some(small) = small {
        let edges: Vec<f64> = (0..=BINS).map(|i| -REACH + 2.0 * REACH * i as f64 / BINS as f64).collect();
        let width = 2.0 * REACH / BINS as f64;
        let mut marks: Vec<Mark> = sampled
            .iter()
            .enumerate()
            .map(|(k, x)| Mark::Steps {
                name: format!("sampled, {}", x.name),
                look: if k == 0 { Look::Simulated } else { Look::Group(2) },
                edges: edges.clone(),
                heights: x.histogram.iter().map(|h| (h / width).max(FLOOR)).collect(),
            })
            .collect();
        for (name, look, p) in [("e^{−S}, printed", Look::Printed, &small.plain), ("e^{−S}, norm of the other weights free", Look::Closed, &small.relaxed)]
        {
            marks.push(Mark::line(name, look, p.density.iter().copied().filter(|x| x.0.abs() <= REACH && x.1 >= FLOOR).collect()));
        }
        out.push(Chart {
            title: format!("Weights of sampled networks, d = {}, N = {}", small.s.d, small.s.width),
            x: Axis::linear("q, projection on the teacher"),
            y: Axis::log("density"),
            marks,
            note: sampled.first().map_or(String::new(), |x| {
                format!("Total variation {:.3} (printed), {:.3} (relaxed), noise {:.3}; R-hat {:.3}.", x.distance, x.relaxed, x.noise, x.r_hat)
            }),
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
        marks.push(Mark::Points {
            name: small.as_ref().map_or(String::new(), |x| format!("sampled, d = {}", x.s.d)),
            look: Look::Simulated,
            points: vec![point(x.linear), point(x.cubic)],
        });
    }
    if let Some(t) = transition {
        marks.push(Mark::Vertical { name: "transition, printed action".into(), look: Look::Null, x: t });
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
