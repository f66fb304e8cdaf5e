//! What the diagonal network says.

use super::run::{self, ALPHAS, Path, Snapshot, Swept, Switch};
use super::{Part, Setting};
use crate::answer::{Answer, Cell, Finding, Quantity, Simulated, Table};
use pennydrop_figure::chart::{Axis, Chart, Look, Mark, Point};
use pennydrop_stats::Bootstrap;

/// Where the early phase is looked at, as λt/ln α: well after the training set is fitted, well before the switch.
const EARLY: f64 = 0.25;

pub(super) fn report(s: &Setting, path: &Path, swept: Option<&Swept>, seed: u64) -> Answer {
    let seen = &path.snapshots;
    let regression = s.part == Part::Regression;
    let at = |x: f64| seen.iter().min_by(|a, b| (a.normalised - x).abs().total_cmp(&(b.normalised - x).abs())).copied();
    let (early, late) = (at(EARLY), seen.last().copied());
    let switch = run::switch(seen.iter().skip(1).map(|p| (p.normalised, p.kernel, p.sparse)));
    let ends = early.zip(late).map(|(a, b)| (a.test.estimate, b.test.estimate));
    let half = ends.and_then(|(a, b)| {
        // Between the two plateaus; the first instants, in which nothing is fitted yet, are left out.
        let points = seen.iter().filter(|p| p.normalised >= EARLY).map(|p| (p.normalised, p.test.estimate));
        if a == b { None } else { run::crossing(points, 0.5 * (a + b), b > a) }
    });
    let fitted = if regression {
        seen.first().and_then(|first| run::crossing(seen.iter().map(|p| (p.time, p.train)), 0.01 * first.train, false))
    } else {
        run::crossing(seen.iter().map(|p| (p.time, p.train)), 1.0, true)
    };
    let exact = |x: Option<f64>| x.map(Simulated::exact);
    let test_doc = if regression { "test loss ‖w − w★‖²" } else { "test accuracy" };
    let mut quantities = vec![
        Quantity {
            printed: Some(1.0),
            simulated: exact(half),
            ..Quantity::new("test_change_normalised", "λt/ln α at which the test is halfway between its plateaus")
        },
        Quantity {
            printed: Some(1.0),
            simulated: exact(switch),
            ..Quantity::new("switch_normalised", "λt/ln α at which the network is as near to L1 as to L2")
        },
        Quantity { simulated: exact(fitted), ..Quantity::new("train_time", "flow time at which the training set is fitted") },
        Quantity {
            simulated: exact(switch.map(|x| x * libm::log(s.hyper.alpha) / s.hyper.lambda / s.eta)),
            ..Quantity::new("switch_steps", "the switch in steps of size η")
        },
        Quantity {
            printed: Some(1.0),
            simulated: exact(early.map(|p| p.kernel)),
            ..Quantity::new("early_cosine_kernel", "cosine with the L2 predictor at λt/ln α = 1/4")
        },
        Quantity {
            printed: Some(1.0),
            simulated: exact(late.map(|p| p.sparse)),
            ..Quantity::new("late_cosine_sparse", "cosine with the L1 predictor at the end")
        },
        Quantity { simulated: exact(early.map(|p| p.sparse)), ..Quantity::new("early_cosine_sparse", "cosine with the L1 predictor at λt/ln α = 1/4") },
        Quantity {
            simulated: early.map(|p| p.test),
            corrected: early.and_then(|p| p.exact),
            ..Quantity::new("test_early", &format!("{test_doc} at λt/ln α = 1/4"))
        },
        Quantity { simulated: late.map(|p| p.test), corrected: late.and_then(|p| p.exact), ..Quantity::new("test_late", &format!("{test_doc} at the end")) },
        Quantity {
            printed: Some(0.0),
            simulated: exact(late.map(|p| p.kkt.stationarity)),
            ..Quantity::new("kkt_stationarity", "‖θ − Σ m_i ∇f_i‖/‖θ‖ at the end, m_i = −ℓ′_i/(nλ)")
        },
        Quantity {
            printed: Some(0.0),
            simulated: exact(late.map(|p| p.kkt.complementarity)),
            ..Quantity::new("kkt_complementarity", "excess of margins weighted by multipliers (regression: largest misfit) at the end")
        },
    ];
    let mut answer = Answer::default();
    answer.charts.push(cosines(seen));
    answer.charts.push(tests(s, seen));
    let slope = swept.map(|swept| sweep(swept, &mut quantities, &mut answer, seed));
    answer.quantities = quantities;
    if !regression {
        answer.findings.push(claim_3(s, early, late, half));
    }
    if let Some(slope) = slope {
        answer.findings.push(claim_5(slope, switch));
    }
    let mut table = Table { title: "optima of the convex solver".into(), ..Table::default() };
    table.columns = ["predictor", "norm", "relative duality gap"].map(String::from).to_vec();
    let (l2, l1) = (path.kernel.w.iter().map(|x| x * x).sum::<f64>().sqrt(), path.sparse.w.iter().map(|x| x.abs()).sum::<f64>());
    table.rows = vec![vec!["early: least L2".into(), l2.into(), path.kernel.gap.into()], vec!["late: least L1".into(), l1.into(), path.sparse.gap.into()]];
    answer.tables.push(table);
    answer
        .notes
        .push(format!("Reduced from the paper's d = 1e5: d = {}, n = {}. Gradient flow; a step of gradient descent is η = {} of its time.", s.d, s.n, s.eta));
    answer.notes.push(
        "The flow depends on α and t through α·e^{−λt} alone. Two starts become one trajectory shifted in time once the first instants are forgotten: the slope of λt against ln α is 1, \
         the ratio λt/ln α tends to 1 only like intercept/ln α."
            .into(),
    );
    answer
}

fn cosines(seen: &[Snapshot]) -> Chart {
    let of = |f: fn(&Snapshot) -> f64| seen.iter().skip(1).map(|p| (p.normalised, f(p))).collect::<Vec<_>>();
    Chart {
        title: "which predictor the network is".into(),
        x: Axis::linear("λt/ln α"),
        y: Axis::linear("cosine").including(0.0).including(1.0),
        marks: vec![
            Mark::Vertical { name: "(1/λ) ln α".into(), look: Look::Printed, x: 1.0 },
            Mark::line("with the L2 maximum margin (kernel)", Look::Group(0), of(|p| p.kernel)),
            Mark::line("with the L1 maximum margin", Look::Group(1), of(|p| p.sparse)),
        ],
        note: "Both predictors from a convex solver.".into(),
    }
}

fn tests(s: &Setting, seen: &[Snapshot]) -> Chart {
    let test = |p: &Snapshot| Point { x: p.normalised, y: p.test.estimate, interval: Some((p.test.low, p.test.high)) };
    let mut marks = vec![Mark::Vertical { name: "(1/λ) ln α".into(), look: Look::Printed, x: 1.0 }];
    marks.push(Mark::line("training", Look::Train, seen.iter().map(|p| (p.normalised, p.train)).collect()));
    if s.part == Part::Regression {
        marks.push(Mark::line("test (exact)", Look::Test, seen.iter().map(|p| (p.normalised, p.test.estimate)).collect()));
        return Chart { title: "mean squared error".into(), x: Axis::linear("λt/ln α"), y: Axis::log("mean squared error"), marks, note: String::new() };
    }
    if seen.iter().any(|p| p.exact.is_some()) {
        marks.push(Mark::line("test (exact)", Look::Test, seen.iter().map(|p| (p.normalised, p.exact.unwrap_or(f64::NAN))).collect()));
    }
    marks.push(Mark::Points { name: "test examples".into(), look: Look::Simulated, points: seen.iter().skip(1).step_by(2).map(test).collect() });
    Chart { title: "accuracy".into(), x: Axis::linear("λt/ln α"), y: Axis::linear("accuracy").including(0.4).including(1.0), marks, note: String::new() }
}

/// Slope and intercept of λt on ln α, or NaN; with their intervals over data sets.
struct Slope {
    slope: Simulated,
    intercept: Simulated,
}

fn estimate(points: &[Switch], x: fn(&Switch) -> f64, y: fn(f64, &Switch) -> f64, seed: u64) -> Slope {
    let seeds = points.iter().map(|p| p.seed + 1).max().unwrap_or(0);
    let of = |which: &[usize]| -> Option<(f64, f64)> {
        let chosen: Vec<(f64, f64)> =
            which.iter().flat_map(|k| points.iter().filter(move |p| p.seed == *k)).filter_map(|p| Some((x(p), y(p.at?, p)))).collect();
        run::line(&chosen)
    };
    let bootstrap = Bootstrap { resamples: 2_000, seed, ..Bootstrap::default() };
    let interval = |f: fn((f64, f64)) -> f64| -> Simulated {
        match bootstrap.plain(seeds, |which| of(which).map_or(f64::NAN, f)) {
            Ok(i) => Simulated { estimate: i.estimate, low: i.low, high: i.high, samples: seeds },
            Err(_) => Simulated { estimate: f64::NAN, low: f64::NAN, high: f64::NAN, samples: seeds },
        }
    };
    Slope { slope: interval(|l| l.0), intercept: interval(|l| l.1) }
}

fn sweep(swept: &Swept, quantities: &mut Vec<Quantity>, answer: &mut Answer, seed: u64) -> Slope {
    let over_alpha = estimate(&swept.over_alpha, |p| libm::log(p.hyper.alpha), |at, _| at, seed);
    let over_lambda = estimate(&swept.over_lambda, |p| libm::log(p.hyper.lambda), |at, p| libm::log(at / p.hyper.lambda), seed);
    quantities.push(Quantity::new("slope_in_ln_alpha", "slope of λ·t_switch against ln α, interval over data sets").printed(1.0).simulated(over_alpha.slope));
    quantities.push(Quantity::new("intercept", "λ·t_switch − slope·ln α; not in the theorem").simulated(over_alpha.intercept));
    quantities.push(Quantity::new("exponent_of_lambda", "slope of ln t_switch against ln λ").printed(-1.0).simulated(over_lambda.slope));
    let mut table = Table { title: format!("the switch over α and λ (d = {}, n = {})", swept.d, swept.n), ..Table::default() };
    table.columns = ["α", "λ", "data sets that switch", "mean λt", "mean λt/ln α"].map(String::from).to_vec();
    let all: Vec<Switch> = swept.over_alpha.iter().chain(&swept.over_lambda).copied().collect();
    let mut settings: Vec<(f64, f64)> = Vec::new();
    for p in &all {
        if !settings.contains(&(p.hyper.alpha, p.hyper.lambda)) {
            settings.push((p.hyper.alpha, p.hyper.lambda));
        }
    }
    for (alpha, lambda) in settings {
        let mut at: Vec<(usize, f64)> =
            all.iter().filter(|p| (p.hyper.alpha, p.hyper.lambda) == (alpha, lambda)).filter_map(|p| Some((p.seed, p.at?))).collect();
        at.dedup();
        let mean = at.iter().map(|p| p.1).sum::<f64>() / at.len() as f64;
        let cell = |x: f64| if x.is_finite() { Cell::Number(x) } else { Cell::Empty };
        table.rows.push(vec![alpha.into(), lambda.into(), at.len().into(), cell(mean), cell(mean / libm::log(alpha))]);
    }
    answer.tables.push(table);
    let ends = [libm::log(ALPHAS[0]), libm::log(ALPHAS[ALPHAS.len() - 1])];
    let fitted = ends.map(|x| (x, over_alpha.intercept.estimate + over_alpha.slope.estimate * x));
    let points = swept.over_alpha.iter().filter_map(|p| Some((libm::log(p.hyper.alpha), p.at?))).collect();
    answer.charts.push(Chart {
        title: "the switch over the size of the start".into(),
        x: Axis::linear("ln α"),
        y: Axis::linear("λ·t of the switch").including(0.0),
        marks: vec![
            Mark::line("theorem, leading order: ln α", Look::Printed, ends.map(|x| (x, x)).to_vec()),
            Mark::line("fitted line", Look::Null, fitted.to_vec()),
            Mark::points("simulated", Look::Simulated, points),
        ],
        note: format!(
            "Slope {:.3} ({:.3} to {:.3}), intercept {:.2}.",
            over_alpha.slope.estimate, over_alpha.slope.low, over_alpha.slope.high, over_alpha.intercept.estimate
        ),
    });
    over_alpha
}

fn claim_3(s: &Setting, early: Option<Snapshot>, late: Option<Snapshot>, half: Option<f64>) -> Finding {
    let claim = "lyu-dichotomy 3".to_string();
    let (Some(a), Some(b)) = (early, late) else { return Finding { claim, found: "nothing was seen".into(), agrees: None } };
    let (x, y) = (a.test.estimate, b.test.estimate);
    let at = half.map_or("no change in between".to_string(), |t| format!("halfway at λt/ln α = {t:.3}"));
    let found = format!("test accuracy {x:.3} at λt/ln α = ¼ (training {:.3}), {y:.3} at the end; {at}", a.train);
    // "Near chance" and "100 %" are the paper's at d = 1e5; here it is asked whether the direction is right and the change large.
    let agrees = match s.part {
        Part::Misgrokking => x > 0.9 && y < x - 0.2,
        _ => a.train == 1.0 && y > 0.9 && y > x + 0.15,
    };
    Finding { claim, found, agrees: Some(agrees) }
}

fn claim_5(slope: Slope, switch: Option<f64>) -> Finding {
    let (s, i) = (slope.slope, slope.intercept);
    let ratio = switch.map_or("no switch".into(), |x| format!("{x:.3}"));
    Finding {
        claim: "lyu-dichotomy 5".into(),
        found: format!(
            "slope {:.4} ({:.4} to {:.4} over {} data sets), intercept {:.3} ({:.3} to {:.3}); the ratio λt/ln α itself is {ratio} at these arguments",
            s.estimate, s.low, s.high, s.samples, i.estimate, i.low, i.high
        ),
        agrees: s.estimate.is_finite().then_some((s.estimate - 1.0).abs() < 0.05),
    }
}
