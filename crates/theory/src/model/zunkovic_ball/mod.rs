//! A perceptron learnt by gradient flow from two unit balls in D dimensions (card `zunkovic-ilievski`: Žunkovič & Ilievski, JMLR 25(199), 2024, section 3.3).
//!
//! f = sgn(w·x), no bias; N points each of two unit balls centred at ±ε e₁, ε > 1; squared loss, L1 of strength λ₁ and L2 of strength λ₂:
//! ẇ = −Gw + a, G = (1/2N)Σxxᵀ + λ₂, a = (1/2N)Σyx − λ₁ sgn w, from w(0) ~ N(0, init²). The test error is E_D(h), h = ε w₁/‖w‖, and vanishes from h = 1 on.
//! A run *groks* if it ends without test error; t_G = t(no test error) − t(no training error).
//!
//! Exact: E_D and the exponent ν = (D+1)/2 − ξ ([`closed::test_error`]; Eq 49's prefactor is (D+1)/2 too large), and the simulators: [`flow`] in the eigenbasis of
//! G, [`sparse`] with the sign term. Asymptotic in N: the probability to grok (Appendix B; two slips corrected, [`closed::Form`]; Eq 30 is a short form for
//! λ₂ ≫ 1), and the branches of the grokking time (Eq 47 corrected), which belong to the limit equations in [`limit`] and to nothing at finite N.

pub mod closed;
pub mod flow;
pub mod limit;
mod picture;
pub mod sparse;
pub mod tables;

use crate::answer::{Answer, Finding, Quantity, Simulated};
use crate::model::{Claim, Context, Model, TheoryError};
use crate::numeric::{fraction, mean, median, quantile};
use closed::{Form, branch_weights, critical_exponent, grokking_probability, grokking_probability_short, l1_bound, slow_time_corrected, slow_time_printed};
use flow::{Modes, data, test_margin};
use pennydrop_registry::{Args, Default as Usual, Kind, Param, Row};
use sparse::Sliding;

/// The model.
pub static MODEL: Model = Model {
    row: Row {
        name: "zunkovic-ball",
        summary: "a perceptron learnt from two balls in D dimensions: probability and time to grok, printed, corrected and simulated",
        source: "card zunkovic-ilievski, section 3.3 of the paper",
        params: &[
            Param { key: "n", kind: Kind::Int { min: 1, max: 10_000 }, default: Usual::Int(10), doc: "samples of each class" },
            Param { key: "d", kind: Kind::Int { min: 2, max: 1000 }, default: Usual::Int(10), doc: "dimensions" },
            Param {
                key: "eps",
                kind: Kind::Float { min: 0.0, max: 100.0 },
                default: Usual::Float(1.1),
                doc: "distance of either ball from the origin, in radii; above 1",
            },
            Param { key: "lambda1", kind: Kind::Float { min: 0.0, max: 100.0 }, default: Usual::Float(0.0), doc: "strength of L1" },
            Param { key: "lambda2", kind: Kind::Float { min: 0.0, max: 1000.0 }, default: Usual::Float(0.1), doc: "strength of L2" },
            Param {
                key: "xi",
                kind: Kind::Float { min: 0.0, max: 0.95 },
                default: Usual::Float(0.0),
                doc: "density ~ (distance from the boundary)^(-xi); 0 is the uniform ball",
            },
            Param { key: "init", kind: Kind::Float { min: 1e-6, max: 1e6 }, default: Usual::Float(1.0), doc: "standard deviation of the initial weights" },
        ],
    },
    claims: &[
        Claim { card: "zunkovic-ilievski", number: "2", text: "the test error vanishes with the exponent ν = (D + 1)/2 − ξ" },
        Claim {
            card: "zunkovic-ilievski",
            number: "2 D",
            text: "without L1 the probability to grok falls exponentially with D, whatever the other parameters",
        },
        Claim { card: "zunkovic-ilievski", number: "2 L2", text: "the probability to grok rises with λ₂ to a plateau" },
        Claim {
            card: "zunkovic-ilievski", number: "3", text: "with 0 < λ₁ < ε the probability to grok goes to 1 as D grows, from the lower bound of Eq 33"
        },
        Claim { card: "zunkovic-ilievski", number: "4", text: "the grokking time is bimodal: a fast branch, and a slow one at a fixed time" },
    ],
    samples: 2000,
    answer,
};

/// Draws of training sets and initial weights.
const RUNS: u32 = 1;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// Samples of each class.
    pub n: usize,
    /// Dimensions.
    pub d: usize,
    /// Distance of either ball from the origin.
    pub eps: f64,
    /// Strength of L1.
    pub lambda1: f64,
    /// Strength of L2.
    pub lambda2: f64,
    /// Density exponent at the boundary.
    pub xi: f64,
    /// Standard deviation of the initial weights.
    pub init: f64,
}

impl Setting {
    fn of(args: &Args) -> Result<Setting, TheoryError> {
        let s = Setting {
            n: args.size("n"),
            d: args.size("d"),
            eps: args.float("eps"),
            lambda1: args.float("lambda1"),
            lambda2: args.float("lambda2"),
            xi: args.float("xi"),
            init: args.float("init"),
        };
        if s.eps < 1.0 {
            return Err(TheoryError::parameter(
                args,
                "eps",
                format!("{}: the balls overlap, and no weights are free of test error", s.eps),
                "a number above 1",
            ));
        }
        if s.eps == 1.0 && s.lambda1 == 0.0 {
            let problem = "1: the balls touch; without L1 only weights along e₁ to the last digit are free of test error";
            return Err(TheoryError::parameter(args, "eps", problem, "a number above 1, or lambda1 above 0"));
        }
        if s.lambda1 > 0.0 && s.lambda2 == 0.0 {
            return Err(TheoryError::parameter(args, "lambda2", "0 with L1: the flow's end need not be unique", "a number above 0"));
        }
        Ok(s)
    }
}

/// One training run.
#[derive(Debug, Clone, PartialEq)]
struct Run {
    groks: bool,
    /// First times without training and without test error, of a run that groks; not followed for all runs where L1 makes that dear.
    times: Option<(f64, f64)>,
    /// ‖w_⊥(0)‖².
    r: f64,
    /// Whether there was no test error from the start.
    born: bool,
    /// Test error at the times before it vanishes in [`left`].
    errors: Option<Vec<f64>>,
}

/// Times before the test error vanishes, in units of the fast relaxation: two decades.
fn left(s: &Setting) -> Vec<f64> {
    let q = s.eps * s.eps + s.lambda2 + 1.0 / (s.d as f64 + 2.0);
    (0..5).map(|i| libm::pow(10.0, -4.0 + 0.5 * f64::from(i)) / q).collect()
}

fn run(s: &Setting, context: &Context, i: usize, followed: bool) -> Result<Run, TheoryError> {
    let mut draws = context.draws(RUNS, i);
    let set = data(&mut draws, s.n, s.d, s.eps, s.xi);
    let w0: Vec<f64> = draws.normals(s.d).into_iter().map(|x| s.init * x).collect();
    let r = flow::dot(&w0[1..], &w0[1..]);
    let born = test_margin(s.eps, &w0) >= 0.0;
    let mut run = Run { groks: false, times: None, r, born, errors: None };
    if s.lambda1 > 0.0 {
        let flow = Sliding::new(&set, s.eps, s.lambda1, s.lambda2);
        run.groks = flow.groks()?;
        if run.groks && followed {
            run.times = Some(flow.times(&w0)?);
        }
        return Ok(run);
    }
    let modes = Modes::new(&set, s.eps, s.lambda2)?;
    let path = modes.from(&w0);
    run.groks = path.groks();
    if run.groks {
        run.times = if let (Some(train), Some(test)) = path.times() { Some((train, test)) } else { None };
        let before = left(s);
        // With a singular density the error is an integral: fewer runs have to do.
        if let Some((_, test)) = run.times.filter(|t| t.1 > before[4] && (s.xi == 0.0 || i < 400)) {
            let error = |l: &f64| {
                let h = path.distance(test - l);
                if s.xi == 0.0 { Ok(closed::test_error(s.d, h)) } else { closed::test_error_radial(s.d, s.xi, 1.0 - h) }
            };
            // A path may touch h > 1 in so short a time; such a run tells nothing about the power.
            run.errors = Some(before.iter().map(error).collect::<Result<Vec<_>, _>>()?).filter(|e| e.iter().all(|x| *x > 0.0));
        }
    }
    Ok(run)
}

/// The exponent of the average test error at equal times before it vanishes, with the scatter of 20 groups of runs; and the curve.
fn aligned(s: &Setting, runs: &[Run]) -> Option<(Simulated, Vec<(f64, f64)>)> {
    let errors: Vec<&Vec<f64>> = runs.iter().filter_map(|r| r.errors.as_ref()).collect();
    if errors.len() < 60 {
        return None;
    }
    let left = left(s);
    let average = |rows: &[&Vec<f64>]| -> Vec<(f64, f64)> {
        left.iter().enumerate().map(|(i, l)| (*l, rows.iter().map(|r| r[i]).sum::<f64>() / rows.len() as f64)).collect()
    };
    let slope = |points: &[(f64, f64)]| {
        let at: Vec<(f64, f64)> = points.iter().map(|p| (libm::log(p.0), libm::log(p.1))).collect();
        let n = at.len() as f64;
        let (mx, my) = (at.iter().map(|p| p.0).sum::<f64>() / n, at.iter().map(|p| p.1).sum::<f64>() / n);
        at.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum::<f64>() / at.iter().map(|p| (p.0 - mx) * (p.0 - mx)).sum::<f64>()
    };
    let slopes: Vec<f64> = errors.chunks(errors.len().div_ceil(20)).map(|rows| slope(&average(rows))).collect();
    Some((Simulated { samples: errors.len(), ..mean(&slopes) }, average(&errors)))
}

fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    let s = Setting::of(args)?;
    // Nobody asked for a number: as many as a few seconds afford.
    let work = 2 * s.n * s.d * (s.d.min(2 * s.n) + 60) + 30_000;
    let count = context.samples.unwrap_or_else(|| MODEL.samples.min((1_500_000_000 / work).max(40)));
    let followed = if s.lambda1 > 0.0 { (40_000_000 / (s.d * s.d * 60)).clamp(20, count.max(20)) } else { count };
    let runs = context.map(count, |i| run(&s, context, i, i < followed))?;
    let times: Vec<f64> = runs.iter().filter_map(|r| r.times.map(|(train, test)| test - train)).collect();

    let mut answer = Answer::default();
    let share = fraction(runs.iter().filter(|r| r.groks).count(), runs.len());
    probabilities(&s, share, &mut answer)?;
    time_quantities(&s, &runs, &times, &mut answer)?;
    let exponent = aligned(&s, &runs);
    let q = Quantity::new("critical_exponent", "ν: test error ~ (time left)^ν").printed(critical_exponent(s.d, s.xi));
    answer.quantities.push(Quantity { simulated: exponent.as_ref().map(|e| e.0), ..q });
    answer.quantities.push(
        Quantity::new("test_error_prefactor", "test error of the uniform ball / (1 − h)^((D+1)/2), near h = 1")
            .printed(closed::prefactor_printed(s.d))
            .corrected(closed::prefactor_corrected(s.d)),
    );

    let map = tables::map(&s, context)?;
    let exponents = [(2, 0.0), (3, 0.0), (5, 0.0), (3, 0.5), (s.d.min(12), s.xi)].into_iter().map(|(d, xi)| tables::exponent(d, xi, context));
    let exponents = exponents.collect::<Result<Vec<_>, _>>()?;
    answer.tables.push(map.table());
    let ridge = if s.eps > 1.0 { Some(tables::ridge(&s, context)?) } else { None };
    answer.tables.extend(ridge.as_ref().map(|r| tables::ridge_table(&s, r)));
    if s.lambda2 > 0.0 {
        answer.tables.push(tables::lasso_table(&s, context)?);
    }
    answer.tables.push(tables::exponent_table(&exponents));
    if s.eps > 1.0 && s.lambda1 == 0.0 {
        answer.tables.push(tables::branches(&s, context)?.table(&s));
    }
    answer.charts = picture::charts(&s, &map, ridge.as_deref(), &times, exponent.as_ref().map(|e| e.1.as_slice()));
    answer.findings = findings(&s, &answer.quantities, &map, ridge.as_deref(), &times, share);
    answer.notes = notes(&s, count, followed);
    Ok(answer)
}

fn probabilities(s: &Setting, share: Simulated, answer: &mut Answer) -> Result<(), TheoryError> {
    let q = Quantity::new("grokking_probability", "share of training sets that end without test error").simulated(share);
    if s.lambda1 == 0.0 && s.xi == 0.0 {
        let form = |form| grokking_probability(form, s.n, s.d, s.eps, s.lambda2);
        answer.quantities.push(q.printed(form(Form::Printed)?).corrected(form(Form::Corrected)?));
        let short = Quantity::new("grokking_probability_short_form", "the same from Eq 30, for λ₂ ≫ 1");
        answer.quantities.push(short.printed(grokking_probability_short(s.n, s.d, s.eps, s.lambda2)?).simulated(share));
        let literal = Quantity::new("grokking_probability_literal", "the same with the χ² argument multiplied by v, letter for letter");
        answer.quantities.push(literal.printed(form(Form::Literal)?).simulated(share));
    } else {
        answer.quantities.push(q);
    }
    if s.lambda1 > 0.0 && s.xi == 0.0 {
        let bound = Quantity::new("grokking_probability_l1_bound", "lower bound of the probability, Eq 33");
        answer.quantities.push(bound.printed(l1_bound(s.n, s.d, s.eps, s.lambda1)).simulated(share));
    }
    Ok(())
}

fn time_quantities(s: &Setting, runs: &[Run], times: &[f64], answer: &mut Answer) -> Result<(), TheoryError> {
    if s.eps > 1.0 && s.lambda1 == 0.0 {
        // So far out that w₁ rests before the training error vanishes: the branch's own domain.
        let (train, test) = limit::times(s.d, s.eps, s.lambda2, 0.0, limit::distant(s.d, s.eps, s.lambda2))?;
        answer.quantities.push(
            Quantity::new("slow_branch_time", "t_G of the slow branch; simulated: the limit equations, from a distant start")
                .printed(slow_time_printed(s.d, s.eps, s.lambda2))
                .corrected(slow_time_corrected(s.d, s.eps, s.lambda2))
                .simulated(Simulated::exact(test - train)),
        );
        let [fast, between, slow] = branch_weights(s.d, s.eps, s.init);
        let edge = 1.0 - 1.0 / (s.eps * s.eps);
        let drawn = |test: &dyn Fn(f64) -> bool| fraction(runs.iter().filter(|r| test(r.r)).count(), runs.len());
        answer.quantities.push(
            Quantity::new("fast_branch_weight", "share of starts that lose the test error while w₁ grows: ‖w_⊥‖² < 1 − 1/ε²")
                .printed(fast)
                .simulated(drawn(&|r| r < edge)),
        );
        answer.quantities.push(
            Quantity::new("intermediate_branch_weight", "starts that lose the training error fast and the test error slowly")
                .corrected(between)
                .simulated(drawn(&|r| r >= edge && r < 1.0)),
        );
        answer.quantities.push(
            Quantity::new("slow_branch_weight", "starts that lose both slowly: ‖w_⊥‖² > 1").printed(1.0 - fast).corrected(slow).simulated(drawn(&|r| r >= 1.0)),
        );
    }
    let born = fraction(runs.iter().filter(|r| r.born).count(), runs.len());
    let cap = closed_cap(s);
    answer.quantities.push(Quantity::new("no_test_error_at_start", "share of initial weights without test error").corrected(cap).simulated(born));
    if times.len() > 1 {
        answer.quantities.push(Quantity::new("median_grokking_time", "median of t_G over the runs that grok").simulated(median(times)));
        answer.quantities.push(Quantity::new("mean_grokking_time", "mean of it").simulated(mean(times)));
    }
    Ok(())
}

/// Share of directions with w₁/‖w‖ ≥ 1/ε.
fn closed_cap(s: &Setting) -> f64 {
    let c2 = 1.0 / (s.eps * s.eps);
    if s.eps > 1.0 { 0.5 * crate::numeric::special::beta_regularised(0.5 * (s.d as f64 - 1.0), 0.5, 1.0 - c2) } else { 0.0 }
}

fn findings(
    s: &Setting,
    quantities: &[Quantity],
    map: &tables::Map,
    ridge: Option<&[(f64, [f64; 3], Simulated)]>,
    times: &[f64],
    share: Simulated,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |number: &str, found: String, agrees: Option<bool>| findings.push(Finding { claim: format!("zunkovic-ilievski {number}"), found, agrees });
    let named = |name: &str| quantities.iter().find(|q| q.name == name);
    if let Some((closed, found)) = named("critical_exponent").and_then(|q| Some((q.printed?, q.simulated?))) {
        let text = format!("ν = {closed} predicted, {:.3} [{:.3}, {:.3}] measured over two decades of time left", found.estimate, found.low, found.high);
        say("2", text, Some((found.estimate / closed - 1.0).abs() < 0.03));
    }
    for row in 0..map.eps.len() {
        let shares: Vec<String> = map.found[row].iter().map(|f| format!("{:.3}", f.estimate)).collect();
        let text = format!("ε = {}, D = 2, 5, 10, 20, 40, 80, 160: {}; 2Nε²(ε²−1) = {:.2}", map.eps[row], shares.join(", "), map.criterion(row));
        say("2 D", text, Some(map.falls(row)));
    }
    if let Some(rows) = ridge {
        let shares: Vec<String> = rows.iter().map(|(l2, _, f)| format!("{:.3} at {l2}", f.estimate)).collect();
        // Each interval's upper end must not lie below the lower end before it.
        let rises = rows.windows(2).all(|w| w[1].2.high >= w[0].2.low) && rows[rows.len() - 1].2.low > rows[0].2.high;
        say("2 L2", shares.join(", "), if rows[0].2.low > 0.99 { None } else { Some(rises) });
    }
    if let Some(bound) = named("grokking_probability_l1_bound").and_then(|q| q.printed) {
        say("3", format!("bound {bound:.4}, simulated {:.4} [{:.4}, {:.4}]", share.estimate, share.low, share.high), Some(share.high >= bound));
    }
    if times.len() >= 200 {
        let mut sorted = times.to_vec();
        sorted.sort_by(f64::total_cmp);
        let q = [0.25, 0.5, 0.75].map(|q| quantile(&sorted, q));
        let humps = picture::humps(&sorted);
        let text = format!("N = {}: quartiles of t_G {:.3}, {:.3}, {:.3}; {humps} hump(s) of positive times in ln t_G", s.n, q[0], q[1], q[2]);
        say("4", text, Some(humps == 2));
    }
    findings
}

fn notes(s: &Setting, count: usize, followed: usize) -> Vec<String> {
    let mut notes = vec![
        format!("{count} training sets with one initialisation each. Errors vanish on the path itself: bracketed, then halved to ten digits."),
        "Closed probabilities are for N ≫ 1, λ₁ = 0 and the uniform ball. As printed, Appendix B has ε for ε² in α₃ and multiplies by v where it must divide."
            .to_string(),
        "Branches of the grokking time belong to N → ∞ with the slow relaxation kept. At finite N the fluctuations of G and a move the whole law (last table)."
            .to_string(),
    ];
    if s.lambda1 > 0.0 && followed < count {
        notes.push(format!("With L1 the path is integrated step by step: times of the first {followed} runs only."));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use pennydrop_registry::Value;

    fn ask(given: &[(&str, Value)], samples: usize) -> Result<Answer, TheoryError> {
        let args = Args::check("zunkovic-ball", &MODEL.row, given.iter().map(|(k, v)| (k.to_string(), v.clone())))?;
        answer(&args, &Context { samples: Some(samples), ..Context::default() })
    }

    #[test]
    fn an_answer_has_what_the_card_has() {
        let said = ask(&[], 400).unwrap();
        let of = |name: &str| said.quantities.iter().find(|q| q.name == name).unwrap();
        assert_eq!(said.quantities[0].name, "grokking_probability");
        let p = of("grokking_probability");
        let s = p.simulated.unwrap();
        assert!((p.printed.unwrap() - 0.7745).abs() < 6e-4 && !s.holds(p.printed.unwrap()) && (p.corrected.unwrap() - s.estimate).abs() < 0.045, "{p:?}");
        let slow = of("slow_branch_time");
        assert!(
            (slow.corrected.unwrap() - slow.simulated.unwrap().estimate).abs() < 1e-7 && (slow.printed.unwrap() / slow.corrected.unwrap() - 1.0).abs() > 0.1
        );
        for name in ["fast_branch_weight", "intermediate_branch_weight", "slow_branch_weight", "no_test_error_at_start"] {
            let q = of(name);
            let (closed, s) = (q.closed_form().unwrap(), q.simulated.unwrap());
            assert!((closed - s.estimate).abs() < 4.0 * libm::sqrt(closed.max(0.003) / 400.0), "{q:?}");
        }
        let nu = of("critical_exponent");
        assert!((nu.simulated.unwrap().estimate / 5.5 - 1.0).abs() < 0.02, "{nu:?}");
        // Falling with D is the fate of small separations only.
        let falls: Vec<_> = said.findings.iter().filter(|f| f.claim.ends_with("2 D")).map(|f| f.agrees.unwrap()).collect();
        assert_eq!(falls, [true, false, false, false]);
        assert_eq!((said.charts.len(), said.tables.len()), (4, 5));
    }

    #[test]
    fn starts_without_test_error_are_as_many_as_the_card_says() {
        // 16–19 % at the card's parameters.
        let cap = closed_cap(&Setting { n: 10, d: 5, eps: 2.0, lambda1: 0.0, lambda2: 0.01, xi: 0.0, init: 1.0 });
        assert!((cap - 5.0 / 32.0).abs() < 1e-12, "{cap}");
    }

    #[test]
    fn l1_and_a_singular_density_are_simulated_too() {
        let said = ask(&[("lambda1", Value::Float(0.05)), ("d", Value::Int(5))], 60).unwrap();
        let bound = said.quantities.iter().find(|q| q.name == "grokking_probability_l1_bound").unwrap();
        assert!(bound.simulated.unwrap().high >= bound.printed.unwrap());
        assert!(said.quantities.iter().any(|q| q.name == "median_grokking_time"));
    }

    #[test]
    fn bad_parameters_say_what_is_allowed() {
        for (given, word) in [
            (vec![("eps", Value::Float(0.9))], "eps"),
            (vec![("eps", Value::Float(1.0))], "eps"),
            (vec![("d", Value::Int(1))], "d"),
            (vec![("n", Value::Int(0))], "n"),
            (vec![("lambda1", Value::Float(-1.0))], "lambda1"),
            (vec![("lambda1", Value::Float(0.1)), ("lambda2", Value::Float(0.0))], "lambda2"),
            (vec![("xi", Value::Float(1.0))], "xi"),
        ] {
            let error = ask(&given, 10).unwrap_err().to_string();
            assert!(error.contains(&format!("zunkovic-ball.{word}")), "{error}");
        }
    }
}
