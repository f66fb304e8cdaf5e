//! What networks of one regularisation showed together, beside the paper's numbers.

use super::super::exponent::{Aligned, Fit};
use super::{KINDS, STRINGS, Shown};
use crate::answer::{Answer, Cell, Finding, Quantity, Simulated, Table};
use crate::numeric::{Draws, fraction, mean, median};
use pennydrop_figure::chart::{Axis, Chart, Look, Mark};
use pennydrop_registry::Args;

/// Resamples of a bootstrap, and permutations of a null.
const RESAMPLES: usize = 1000;
/// With fewer networks no claim is decided.
const ENOUGH: usize = 10;
/// Number of distances before t_G, the least and the largest, in steps.
const DISTANCES: (usize, f64, f64) = (60, 4.0, 4000.0);

/// The paper's ν at d = 10, 20, 40 by K and regularisation (read).
const NU: [[[f64; 3]; 3]; 3] = [
    [[1.99, 2.81, 2.80], [1.09, 0.82, 0.87], [0.64, 0.72, 0.67]],
    [[1.78, 2.72, 2.87], [1.13, 0.92, 0.73], [0.69, 0.67, 0.71]],
    [[1.59, 2.38, 1.98], [1.59, 1.33, 0.72], [0.65, 0.47, 0.38]],
];
/// Its mean over runs of the least D_eff at zero test error, by K and regularisation (read).
const FORMED: [[f64; 3]; 3] = [[1.8, 1.3, 1.1], [3.3, 2.7, 2.3], [4.7, 4.6, 4.8]];
/// Its mean t_G (test zero minus training zero, in a unit that is not stated), as [`NU`] (read).
const DELAYS: [[[f64; 3]; 3]; 3] = [
    [[0.60, 0.61, 0.77], [0.60, 0.54, 0.33], [0.10, 0.10, 0.06]],
    [[0.63, 1.07, 1.23], [0.37, 0.49, 0.34], [0.07, 0.04, 0.03]],
    [[1.85, 2.29, 2.38], [0.74, 0.85, 0.71], [0.12, 0.09, 0.07]],
];

/// What the networks of one regularisation showed together.
pub(super) struct Group<'a> {
    name: &'static str,
    runs: &'a [Shown],
    fit: Option<Fit>,
    /// The distances of the fit's window.
    window: Option<(f64, f64)>,
    /// Formation and t_G of the networks that have both.
    pub pairs: Vec<(f64, f64)>,
    pub falls: Falls,
}

/// Falls of ln D_eff before t_G, and what they are when the t_G are those of other networks.
pub(super) struct Falls {
    /// One a network that reaches zero test error.
    pub own: Vec<f64>,
    /// Means of permutations.
    null: Vec<f64>,
}

impl Falls {
    pub fn of(runs: &[Shown], draws: &mut Draws) -> Falls {
        let reached: Vec<(&Shown, f64)> = runs.iter().filter_map(|r| Some((r, r.t_grok? as f64))).collect();
        let own: Vec<f64> = reached.iter().map(|(r, t)| r.fall(*t)).filter(|f| f.is_finite()).collect();
        let permuted = |_| {
            let order = draws.permutation(reached.len());
            let falls: Vec<f64> = reached.iter().zip(order).map(|((r, _), j)| r.fall(reached[j].1)).filter(|f| f.is_finite()).collect();
            mean(&falls).estimate
        };
        let null = if own.len() < 2 { Vec::new() } else { (0..RESAMPLES).map(permuted).collect() };
        Falls { own, null }
    }

    fn null(&self) -> Option<f64> {
        (!self.null.is_empty()).then(|| mean(&self.null).estimate)
    }

    /// The share of permutations with as large a mean fall, the data themselves counted as one.
    pub fn p(&self) -> Option<f64> {
        let found = mean(&self.own).estimate - 1e-12;
        (!self.null.is_empty()).then(|| (1 + self.null.iter().filter(|x| **x >= found).count()) as f64 / (1 + self.null.len()) as f64)
    }
}

impl<'a> Group<'a> {
    pub fn of(name: &'static str, runs: &'a [Shown], args: &Args, draws: &mut Draws) -> Group<'a> {
        let (count, least, most) = DISTANCES;
        let distances: Vec<f64> = (0..count).map(|i| least * libm::pow(most / least, i as f64 / (count - 1) as f64)).collect();
        let errors: Vec<Vec<f64>> = runs.iter().filter_map(|r| r.before(&distances)).collect();
        let aligned = Aligned { before: distances, errors };
        let (low, high) = (args.float("window_low"), args.float("window_high"));
        // A bootstrap over one network would have no width.
        let fit = if aligned.errors.len() < 2 { None } else { aligned.fit(low, high, RESAMPLES, draws) };
        let averaged = aligned.mean(&(0..aligned.errors.len()).collect::<Vec<_>>());
        let inside = || aligned.before.iter().zip(&averaged).filter(|(_, e)| (low..=high).contains(*e)).map(|(d, _)| *d);
        let window = fit.and_then(|_| Some((inside().next()?, inside().next_back()?)));
        let pairs = runs.iter().filter_map(|r| Some((r.formed()?, r.t_grok? as f64))).collect();
        Group { name, runs, fit, window, pairs, falls: Falls::of(runs, draws) }
    }

    fn grokked(&self) -> Vec<f64> {
        self.runs.iter().filter_map(|r| r.t_grok.map(|t| t as f64)).collect()
    }

    /// A number of every network that reaches zero test error, where it is finite.
    fn reached(&self, of: impl Fn(&Shown, f64) -> f64) -> Vec<f64> {
        self.runs.iter().filter_map(|r| Some(of(r, r.t_grok? as f64))).filter(|x| x.is_finite()).collect()
    }

    /// t_G − t_mem, in steps.
    fn delays(&self) -> Vec<f64> {
        self.runs.iter().filter_map(|r| Some(r.t_grok? as f64 - r.t_mem? as f64)).collect()
    }

    /// Share of networks in which formation is not after t_G, and the mean share when pairs are permuted.
    pub fn first(&self, draws: &mut Draws) -> (Simulated, f64) {
        let n = self.pairs.len();
        let share = fraction(self.pairs.iter().filter(|p| p.0 <= p.1).count(), n);
        let permuted = |_| {
            let order = draws.permutation(n);
            (0..n).filter(|i| self.pairs[*i].0 <= self.pairs[order[*i]].1).count() as f64 / n as f64
        };
        (share, (0..RESAMPLES).map(permuted).sum::<f64>() / RESAMPLES as f64)
    }

    fn put(&self, answer: &mut Answer) {
        let mut put = |key: &str, doc: &str, value: Simulated| {
            if value.estimate.is_finite() {
                answer.quantities.push(Quantity::new(&format!("{key}_{}", self.name), doc).simulated(value));
            }
        };
        put("grokking_share", "share of networks that reach zero test error within the budget", fraction(self.grokked().len(), self.runs.len()));
        put("t_mem", "median first step without training errors", median(&self.runs.iter().filter_map(|r| r.t_mem.map(|t| t as f64)).collect::<Vec<_>>()));
        put("t_grok", "median first step without test errors, t_G, of the networks that have one", median(&self.grokked()));
        put("d_eff_start", "mean D_eff before training", mean(&self.runs.iter().filter_map(|r| r.dimensions.first().copied()).collect::<Vec<_>>()));
        put("d_eff", "mean D_eff at t_G", mean(&self.reached(|r, t| r.at(&r.dimensions, t))));
        put("d_eff_shuffled", "mean D_eff at t_G of the same weights shuffled", mean(&self.reached(|r, t| r.at(&r.shuffled, t))));
        put("d_eff_least", "mean over networks of the least D_eff without test errors", mean(&self.runs.iter().filter_map(Shown::least).collect::<Vec<_>>()));
        put("d_eff_end", "mean D_eff at the budget", mean(&self.runs.iter().filter_map(|r| r.dimensions.last().copied()).collect::<Vec<_>>()));
        put("formation_ratio", "median of formation / t_G", median(&self.pairs.iter().map(|(f, t)| f / t).collect::<Vec<_>>()));
        put("fall_before", "mean of ln D_eff(t_G/2) − ln D_eff(t_G)", mean(&self.falls.own));
        put("fall_after", "mean of ln D_eff(t_G) − ln D_eff(2 t_G), where the budget holds 2 t_G", mean(&self.reached(|r, t| r.fall(2.0 * t))));
        if let Some(f) = self.fit {
            let nu = Simulated { estimate: f.nu, low: f.interval.0, high: f.interval.1, samples: self.grokked().len() };
            put("nu", "exponent of the averaged test error before t_G, in the window", nu);
        }
    }
}

/// The answer about `samples` networks of each regularisation.
pub(super) fn answer(shown: &[Shown], samples: usize, args: &Args, draws: &mut Draws) -> Answer {
    let groups: Vec<Group> = shown.chunks(samples).zip(KINDS).map(|(runs, (name, ..))| Group::of(name, runs, args, draws)).collect();
    let mut answer = Answer { charts: charts(&groups, draws), ..Answer::default() };
    groups.iter().for_each(|g| g.put(&mut answer));
    tables(&groups, args, draws, &mut answer);
    findings(&groups, args, &mut answer);
    let (steps, strings, length) = (args.int("steps"), args.size("test_strings"), args.size("test_length"));
    answer.notes = vec![
        format!("{samples} networks of each regularisation, {steps} steps of Adam at 0.005 each, whatever their errors; tested on {strings} random strings of {length} bits"),
        format!("D_eff: left contexts of {} random strings of {} bits at the {} sites in the middle", STRINGS.0, STRINGS.1, 2 * STRINGS.2),
        "formation: the first evaluation after its maximum at which ln D_eff is below the middle of what it falls by until the budget; a fall by less than a fifth is none".into(),
        "times are those of networks that reach zero test error within the budget: where some do not, they are too short".into(),
        "the paper's unit of time is not stated: times stand beside its own, only their order is compared".into(),
    ];
    answer
}

fn tables(groups: &[Group], args: &Args, draws: &mut Draws, answer: &mut Answer) {
    let (k, d) = (args.size("k") - 1, args.size("bond"));
    let printed = [10, 20, 40].iter().position(|x| *x == d);
    let some = |values: Vec<f64>, of: fn(&[f64]) -> Simulated| Cell::from((!values.is_empty()).then(|| of(&values).estimate));
    let rows = groups.iter().map(|g| {
        let first = (!g.pairs.is_empty()).then(|| g.first(draws));
        let (formed, grokked): (Vec<f64>, Vec<f64>) = g.pairs.iter().copied().unzip();
        let rank = pennydrop_stats::spearman_correlation(&formed, &grokked).ok();
        vec![
            g.name.into(),
            g.grokked().len().into(),
            g.pairs.len().into(),
            some(g.pairs.iter().map(|(f, t)| f / t).collect(), median),
            first.map(|f| f.0.estimate).into(),
            first.map(|f| f.1).into(),
            rank.map(|r| r.estimate).into(),
            some(g.falls.own.clone(), mean),
            g.falls.null().into(),
            g.falls.p().into(),
        ]
    });
    answer.tables.push(Table {
        title: format!("structure formation and grokking, K = {}, d = {d}", k + 1),
        rows: rows.collect(),
        columns: [
            "",
            "with t_G",
            "and formation",
            "formation / t_G",
            "formation first",
            "permuted",
            "rank correlation",
            "fall before t_G",
            "permuted fall",
            "p",
        ]
        .map(String::from)
        .to_vec(),
    });
    let rows = groups.iter().enumerate().map(|(i, g)| {
        vec![
            g.name.into(),
            some(g.runs.iter().filter_map(Shown::least).collect(), mean),
            FORMED[k][i].into(),
            some(g.delays(), mean),
            printed.map(|p| DELAYS[k][i][p]).into(),
            g.fit.map(|f| f.nu).into(),
            printed.map(|p| NU[k][i][p]).into(),
            g.window.map_or(Cell::Empty, |(a, b)| format!("{a:.0}–{b:.0}").into()),
        ]
    });
    answer.tables.push(Table {
        title: "beside the paper's numbers".into(),
        rows: rows.collect(),
        columns: ["", "least D_eff", "paper's D_eff", "mean t_G − t_mem", "paper's, its unit", "ν", "paper's ν", "steps before t_G in the fit"]
            .map(String::from)
            .to_vec(),
    });
}

/// Difference of the means of two independent samples, x − y, with its normal 95 % interval. (Their ratio is of no use where the mean of y may be zero.)
pub(super) fn difference(x: &[f64], y: &[f64]) -> Simulated {
    let (x, y) = (mean(x), mean(y));
    let half = libm::hypot(x.high - x.estimate, y.high - y.estimate);
    let estimate = x.estimate - y.estimate;
    Simulated { estimate, low: estimate - half, high: estimate + half, samples: x.samples.min(y.samples) }
}

/// Whether `order` of intervals is strictly descending: some pair the other way refutes, overlapping ones leave it open.
pub(super) fn descending(order: &[(f64, f64)]) -> Option<bool> {
    match (order.windows(2).any(|w| w[0].1 < w[1].0), order.windows(2).all(|w| w[0].0 > w[1].1)) {
        (true, _) => Some(false),
        (_, true) => Some(true),
        _ => None,
    }
}

fn findings(groups: &[Group], args: &Args, answer: &mut Answer) {
    let mut say =
        |number: &str, found: String, agrees: Option<bool>| answer.findings.push(Finding { claim: format!("zunkovic-ilievski {number}"), found, agrees });
    let enough = groups.iter().all(|g| g.grokked().len() >= ENOUGH);
    let fits: Vec<Fit> = groups.iter().filter_map(|g| g.fit).collect();
    let words = |f: &Fit| format!("{:.2} [{:.2}, {:.2}]", f.nu, f.interval.0, f.interval.1);
    match &fits[..] {
        [none, l2, l1] => {
            let order = descending(&[none.interval, l2.interval, l1.interval]);
            say("6", format!("ν is {} without regularisation, {} with L2, {} with L1", words(none), words(l2), words(l1)), order.filter(|_| enough));
        }
        _ => say("6", "not every regularisation has two networks with t_G and three distances in the window of errors".into(), None),
    }
    let own: Vec<f64> = groups.iter().flat_map(|g| g.falls.own.iter().copied()).collect();
    let ps: Vec<(&str, f64)> = groups.iter().filter_map(|g| Some((g.name, g.falls.p()?))).collect();
    if own.is_empty() || ps.is_empty() {
        say("7", "too few networks reach zero test error".into(), None);
    } else {
        let fall = mean(&own);
        let each: Vec<String> = ps.iter().map(|(name, p)| format!("{name} {p:.3}")).collect();
        let found = format!(
            "ln D_eff falls by {:.2} [{:.2}, {:.2}] from t_G/2 to t_G (n = {}); p against permuted t_G: {}",
            fall.estimate,
            fall.low,
            fall.high,
            fall.samples,
            each.join(", ")
        );
        // Claimed of every regularisation: each must pass, so no correction for three is needed.
        let everywhere = ps.len() == KINDS.len() && ps.iter().all(|p| p.1 <= 0.05) && fall.low > 0.0;
        say(
            "7",
            found,
            if !enough {
                None
            } else if everywhere {
                Some(true)
            } else {
                (fall.high < 0.0).then_some(false)
            },
        );
    }
    let k = args.size("k") - 1;
    let least: Vec<(Simulated, f64)> = groups
        .iter()
        .enumerate()
        .map(|(i, g)| (mean(&g.runs.iter().filter_map(Shown::least).collect::<Vec<_>>()), FORMED[k][i]))
        .filter(|l| l.0.samples > 1)
        .collect();
    if least.len() == KINDS.len() {
        let each: Vec<String> = least.iter().map(|(s, p)| format!("{:.2} [{:.2}, {:.2}] (paper {p})", s.estimate, s.low, s.high)).collect();
        let agrees = Some(least.iter().all(|(s, p)| s.holds(*p)));
        say("7", format!("least D_eff without test errors for none, L2, L1: {}", each.join(", ")), agrees.filter(|_| enough));
    }
    let (none, l1) = (groups[0].delays(), groups[2].delays());
    if none.len() >= 2 && l1.len() >= 2 {
        let r = difference(&l1, &none);
        let share = (none.len(), groups[0].runs.len());
        let found = format!(
            "mean t_G − t_mem: {:.0} steps with L1, {:.0} without, a difference of {:.0} [{:.0}, {:.0}] (paper: L1 takes {:.2} of it at d = 10); {} of {} networks without regularisation reach zero",
            mean(&l1).estimate,
            mean(&none).estimate,
            r.estimate,
            r.low,
            r.high,
            DELAYS[k][2][0] / DELAYS[k][0][0],
            share.0,
            share.1
        );
        // Where some networks have no t_G, the others are the fast ones.
        say("8", found, descending(&[(0.0, 0.0), (r.low, r.high)]).filter(|_| enough && share.0 == share.1));
    }
}

fn charts(groups: &[Group], draws: &mut Draws) -> Vec<Chart> {
    let mut charts: Vec<Chart> = groups.iter().map(one).collect();
    let places: Vec<f64> = (-12..=8).map(|i| libm::exp2(0.25 * f64::from(i))).collect();
    let profile = |of: &dyn Fn(f64) -> Vec<f64>| places.iter().map(|x| (*x, mean(&of(*x)).estimate)).collect::<Vec<_>>();
    // A mean over all networks that have a t_G, or it would step where one drops out: past the budget they drop out, and the curve ends.
    let whole = |g: &Group, x: f64| {
        let v = g.reached(|r, t| r.at(&r.dimensions, x * t));
        if 10 * v.len() >= 9 * g.grokked().len() { v } else { Vec::new() }
    };
    let mut marks: Vec<Mark> = groups.iter().enumerate().map(|(i, g)| Mark::line(g.name, Look::Group(i as u8), profile(&|x| whole(g, x)))).collect();
    for g in groups {
        let times = g.grokked();
        let order = draws.permutation(times.len());
        let series: Vec<&Shown> = g.runs.iter().filter(|r| r.t_grok.is_some()).collect();
        let other = |x: f64| {
            let v: Vec<f64> = series.iter().zip(&order).map(|(r, j)| r.at(&r.dimensions, x * times[*j])).filter(|d| d.is_finite()).collect();
            if 10 * v.len() >= 9 * series.len() { v } else { Vec::new() }
        };
        marks.push(Mark::line("pairs permuted", Look::Null, profile(&other)));
    }
    marks.push(Mark::Vertical { name: "t_G".into(), look: Look::Simulated, x: 1.0 });
    let (x, y) = (Axis::log("step / t_G"), Axis::linear("D_eff, mean over networks"));
    charts.push(Chart { title: "D_eff around the first zero of the test error".into(), x, y, marks, note: String::new() });
    let mut marks: Vec<Mark> = groups.iter().enumerate().map(|(i, g)| Mark::points(g.name, Look::Group(i as u8), g.pairs.clone())).collect();
    let all: Vec<f64> = groups.iter().flat_map(|g| g.pairs.iter().flat_map(|p| [p.0, p.1])).collect();
    let (low, high) = all.iter().fold((f64::INFINITY, 1.0f64), |(l, h), x| (l.min(*x), h.max(*x)));
    if low.is_finite() {
        marks.push(Mark::line("equal", Look::Null, vec![(low, low), (high, high)]));
    }
    let (x, y) = (Axis::log("formation, step"), Axis::log("t_G, step"));
    charts.push(Chart { title: "When structure forms, and when test errors end".into(), x, y, marks, note: String::new() });
    charts
}

/// One network in full, which a mean over networks would smear: the first with a t_G.
fn one(g: &Group) -> Chart {
    let mut marks = Vec::new();
    if let Some(r) = g.runs.iter().find(|r| r.t_grok.is_some()).or(g.runs.first()) {
        let line = |v: &[f64], scale: f64| r.steps.iter().zip(v).filter(|(s, _)| **s > 0.0).map(|(s, y)| (*s, scale * y)).collect::<Vec<_>>();
        marks.push(Mark::line("D_eff", Look::Simulated, line(&r.dimensions, 1.0)));
        marks.push(Mark::line("D_eff, weights shuffled", Look::Null, line(&r.shuffled, 1.0)));
        marks.push(Mark::line("test error × 10", Look::Test, line(&r.errors, 10.0)));
        if let Some(t) = r.t_grok {
            marks.push(Mark::Vertical { name: "t_G".into(), look: Look::Group(1), x: t as f64 });
        }
        if let Some(t) = r.formed() {
            marks.push(Mark::Vertical { name: "formation".into(), look: Look::Group(2), x: t });
        }
    }
    Chart { title: format!("One network, regularisation: {}", g.name), x: Axis::log("step"), y: Axis::linear("").including(0.0), marks, note: String::new() }
}
