//! A threshold learnt by gradient flow from two exponential classes (card `zunkovic-ilievski`: Žunkovič & Ilievski, JMLR 25(199), 2024, section 3.2).
//!
//! ŷ = x − b; N samples ε + Exp(1) of class +1 and N samples −ε − Exp(1) of class −1; squared loss, L1 of strength λ₁ and L2 of strength λ₂ on b. The flow
//! ḃ = x̄ − λ₁ sgn b − (1 + λ₂)b needs the mean input x̄ alone. It is started at b₀ > ε. Training error is the share of wrong samples, test error the average over
//! both densities. The run *groks* if its final test error is 0; its grokking time is t(no test error) − t(no training error).
//!
//! Exact: everything here. The law of the grokking time for general N and λ₂ is derived ([`closed::GrokkingTime`]; the paper has N = 2), for b₀ so large that no
//! sample lies beyond it. Corrected: Eq 8 lacks the factor 1/(1 + λ₂). Eq 14 is evaluated as an equal, stable sum (its print has B and Nd for N).

pub mod closed;
pub mod flow;

use crate::answer::{Answer, Cell, Finding, Quantity, Simulated, Table};
use crate::model::{Claim, Context, Model, TheoryError};
use crate::numeric::{fraction, mean, median};
use closed::{GrokkingTime, effective_gap, grokking_probability, test_error, zero_error_time_corrected, zero_error_time_printed};
use flow::{DATA, Run, runs};
use pennydrop_figure::chart::{Axis, Chart, Look, Mark, Point};
use pennydrop_registry::{Args, Default as Usual, Kind, Param, Row};

/// The model.
pub static MODEL: Model = Model {
    row: Row {
        name: "zunkovic-1d",
        summary: "a threshold learnt from two exponential classes: exact probability and law of the time to grok",
        source: "card zunkovic-ilievski, section 3.2 of the paper",
        params: &[
            Param { key: "n", kind: Kind::Int { min: 1, max: 10_000 }, default: Usual::Int(10), doc: "samples of each class" },
            Param { key: "eps", kind: Kind::Float { min: 0.0, max: 100.0 }, default: Usual::Float(0.4), doc: "half the gap between the classes" },
            Param { key: "lambda1", kind: Kind::Float { min: 0.0, max: 100.0 }, default: Usual::Float(0.0), doc: "strength of L1 on the threshold" },
            Param { key: "lambda2", kind: Kind::Float { min: 0.0, max: 1000.0 }, default: Usual::Float(0.0), doc: "strength of L2 on the threshold" },
            Param { key: "b0", kind: Kind::Float { min: 0.0, max: 1e6 }, default: Usual::Float(21.0), doc: "threshold at the start, above eps" },
        ],
    },
    claims: &[
        Claim { card: "zunkovic-ilievski", number: "1", text: "probability to grok, law of the grokking time and ν = 1 are exact in the exponential model" },
        Claim {
            card: "zunkovic-ilievski",
            number: "1 L1",
            text: "L2 multiplies the gap, L1 adds to it: as the gap closes only L1 keeps the probability finite",
        },
    ],
    samples: 100_000,
    answer,
};

/// Sample values that direct runs may draw: beyond it there are fewer runs.
const DRAWS: usize = 40_000_000;
/// Draws of the table of L1 and L2.
const ROLES: u32 = 16;

struct Setting {
    n: usize,
    eps: f64,
    lambda1: f64,
    lambda2: f64,
    b0: f64,
}

impl Setting {
    fn of(args: &Args) -> Result<Setting, TheoryError> {
        let s = Setting { n: args.size("n"), eps: args.float("eps"), lambda1: args.float("lambda1"), lambda2: args.float("lambda2"), b0: args.float("b0") };
        if s.b0 <= s.eps {
            let problem = format!("{} is not above eps = {}: there would be no test error from the start", s.b0, s.eps);
            return Err(TheoryError::parameter(args, "b0", problem, format!("a number above {}", s.eps)));
        }
        if s.gap() <= 0.0 {
            let problem = "the classes touch and there is no L1 term: no run ends without test error";
            return Err(TheoryError::parameter(args, "eps", problem, "a positive gap, or lambda1 above 0"));
        }
        Ok(s)
    }

    fn gap(&self) -> f64 {
        effective_gap(self.eps, self.lambda1, self.lambda2)
    }
}

fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    let s = Setting::of(args)?;
    let asked = context.samples_or(MODEL.samples);
    let count = asked.min((DRAWS / (2 * s.n)).max(1));
    let all = runs(context, DATA, count, s.n, s.eps, s.lambda1, s.lambda2, s.b0)?;
    let times: Vec<f64> = all.iter().filter_map(Run::grokking_time).collect();
    let law = GrokkingTime::new(s.n, s.gap(), s.lambda2);
    let closed = grokking_probability(s.n, s.gap());
    let share = fraction(all.iter().filter(|r| r.groks).count(), all.len());

    let mut answer = Answer::default();
    let probability = Quantity::new("grokking_probability", "share of training sets that end without test error").printed(closed).simulated(share);
    answer.quantities.push(probability);
    let of = |name: &str, doc: &str, value: f64, found: Option<Simulated>| Quantity { simulated: found, ..Quantity::new(name, doc).corrected(value) };
    let some = |estimate: fn(&[f64]) -> Simulated| (times.len() > 1).then(|| estimate(&times));
    let (mean_time, median_time) = (law.mean()?, law.median()?);
    answer.quantities.push(of("mean_grokking_time", "mean time from no training error to no test error, of the runs that grok", mean_time, some(mean)));
    answer.quantities.push(of("median_grokking_time", "median of it", median_time, some(median)));
    let example = all.iter().find(|r| r.groks && r.test_zero.is_some_and(|t| t > 0.0));
    if let Some((run, t)) = example.and_then(|r| Some((r, r.test_zero?))) {
        let printed = zero_error_time_printed(s.eps, s.lambda1, s.lambda2, s.b0, run.mean);
        let q = Quantity::new("zero_test_error_time", "when the test error vanishes, of the first sampled run that groks")
            .printed(printed)
            .simulated(Simulated::exact(t));
        let corrected = zero_error_time_corrected(s.eps, s.lambda1, s.lambda2, s.b0, run.mean);
        answer.quantities.push(if s.lambda2 > 0.0 { q.corrected(corrected) } else { q });
        answer.charts.push(example_chart(&s, run, t));
    }
    let aligned = Aligned::measure(&s, &all);
    if let Some(a) = &aligned {
        answer.quantities.push(Quantity::new("critical_exponent", "ν: test error ~ (time left)^ν").printed(1.0).simulated(a.exponent));
        answer.quantities.push(Quantity::new("error_slope", "average test error per time left").printed(0.5 * s.gap()).simulated(a.slope));
    }
    answer.charts.push(probability_chart(&s, context)?);
    if times.len() > 1 {
        answer.charts.push(time_chart(&law, &times)?);
    }
    answer.charts.extend(aligned.as_ref().map(|a| a.chart(&s)));
    let roles = roles(&s, context)?;
    answer.findings = findings(&answer.quantities, &roles);
    answer.tables.push(roles.table());
    answer.notes = notes(&s, asked, count);
    Ok(answer)
}

fn notes(s: &Setting, asked: usize, count: usize) -> Vec<String> {
    let mut notes = vec![
        format!("Effective gap ε_λ = ε(1 + λ₂) + λ₁ = {}. A run groks exactly if the mean of its 2N inputs lies within it.", s.gap()),
        "Eq 14 is printed with B and Nd for N, as a difference that loses its digits from N ≈ 20 on; here an equal sum of positive terms.".to_string(),
        "The closed law of the grokking time is for a distant start; the simulated runs start at b₀.".to_string(),
    ];
    let beyond = s.n as f64 * libm::exp(s.eps - s.b0);
    if beyond > 1e-4 {
        notes.push(format!("b₀ = {} is not distant: about {beyond:.2} samples a run lie beyond it, which shortens simulated times.", s.b0));
    }
    if count < asked {
        notes.push(format!("{count} runs, not {asked}: {} samples each.", 2 * s.n));
    }
    notes
}

fn findings(quantities: &[Quantity], roles: &Roles) -> Vec<Finding> {
    let mut findings: Vec<Finding> = quantities
        .iter()
        .filter(|q| q.name != "zero_test_error_time")
        .filter_map(|q| {
            let (closed, s) = (q.closed_form()?, q.simulated?);
            let found = format!("{}: closed form {closed:.5}, simulated {:.5} [{:.5}, {:.5}]", q.name.replace('_', " "), s.estimate, s.low, s.high);
            // Twice the half-widths: several intervals of 95 % are looked at together.
            let near = |x: f64| x >= 2.0 * s.low - s.estimate && x <= 2.0 * s.high - s.estimate;
            // All runs have one and the same exponent: its interval has no width, and what is left is the window's.
            let agrees = near(closed) || (q.name == "critical_exponent" && (s.estimate - closed).abs() < 1e-4);
            Some(Finding { claim: "zunkovic-ilievski 1".into(), found, agrees: Some(agrees) })
        })
        .collect();
    if let Some((_, [plain, l2, l1])) = roles.rows.last() {
        let found = format!("at ε = {}: {plain:.4} without, {l2:.4} with L2 of 1, {l1:.4} with L1 of {ROLE_L1}", ROLE_GAPS[ROLE_GAPS.len() - 1]);
        findings.push(Finding { claim: "zunkovic-ilievski 1 L1".into(), found, agrees: Some(*l1 > 10.0 * plain.max(*l2)) });
    }
    findings
}

const ROLE_GAPS: [f64; 4] = [0.4, 0.04, 0.004, 0.0004];
const ROLE_L1: f64 = 0.2;

/// The probability to grok without regularisation, with L2 and with L1, as the gap closes: simulated.
struct Roles {
    n: usize,
    /// Runs a cell.
    count: usize,
    /// Closed forms and simulated shares by gap.
    rows: Vec<([f64; 3], [f64; 3])>,
}

fn roles(s: &Setting, context: &Context) -> Result<Roles, TheoryError> {
    let kinds = [(0.0, 0.0), (0.0, 1.0), (ROLE_L1, 0.0)];
    let n = s.n.min(20);
    let count = (context.samples_or(MODEL.samples) / 10).clamp(100, 10_000);
    let row = |eps: f64| {
        let mut found = ([0.0; 3], [0.0; 3]);
        for (i, (l1, l2)) in kinds.into_iter().enumerate() {
            found.0[i] = grokking_probability(n, effective_gap(eps, l1, l2));
            // The same training sets in all cells: differences are the regularisation's.
            let all = runs(context, ROLES, count, n, eps, l1, l2, 21.0)?;
            found.1[i] = all.iter().filter(|r| r.groks).count() as f64 / all.len() as f64;
        }
        Ok(found)
    };
    Ok(Roles { n, count, rows: ROLE_GAPS.into_iter().map(row).collect::<Result<_, TheoryError>>()? })
}

impl Roles {
    fn table(&self) -> Table {
        let head = ["ε", "none, closed", "none, simulated", "λ₂ = 1, closed", "λ₂ = 1, simulated", "λ₁ = 0.2, closed", "λ₁ = 0.2, simulated"];
        let row = |(eps, (closed, found)): (f64, &([f64; 3], [f64; 3]))| {
            std::iter::once(Cell::Number(eps)).chain(closed.iter().zip(found).flat_map(|(c, f)| [Cell::Number(*c), Cell::Number(*f)])).collect()
        };
        Table {
            title: format!("probability to grok as the gap closes, N = {}, {} runs a cell", self.n, self.count),
            columns: head.map(String::from).to_vec(),
            rows: ROLE_GAPS.into_iter().zip(&self.rows).map(row).collect(),
        }
    }
}

/// The test error of the runs that grok, averaged at equal times before it vanishes.
struct Aligned {
    points: Vec<(f64, f64)>,
    exponent: Simulated,
    slope: Simulated,
}

impl Aligned {
    /// Over two decades that end at a ten-thousandth of the relaxation time: there the error is a pure power to five digits.
    fn measure(s: &Setting, all: &[Run]) -> Option<Aligned> {
        let rate = 1.0 + s.lambda2;
        let left: Vec<f64> = (0..9).map(|i| libm::pow(10.0, -6.0 + 0.25 * f64::from(i)) / rate).collect();
        let groks = all.iter().filter_map(|r| if r.groks { Some((r.path, r.test_zero.filter(|t| *t > left[8])?)) } else { None });
        let errors: Vec<Vec<f64>> = groks.map(|(path, t)| left.iter().map(|l| test_error(s.eps, path.at(t - l))).collect()).collect();
        const GROUPS: usize = 20;
        if errors.len() < 5 * GROUPS {
            return None;
        }
        let average = |rows: &[Vec<f64>], i: usize| rows.iter().map(|r| r[i]).sum::<f64>() / rows.len() as f64;
        // The scatter between groups of runs gives the interval.
        let slopes: Vec<f64> = errors
            .chunks(errors.len().div_ceil(GROUPS))
            .map(|rows| slope(&left.iter().enumerate().map(|(i, l)| (libm::log(*l), libm::log(average(rows, i)))).collect::<Vec<_>>()))
            .collect();
        let first: Vec<f64> = errors.iter().map(|r| r[0] / left[0]).collect();
        let exponent = Simulated { samples: errors.len(), ..mean(&slopes) };
        Some(Aligned { points: left.iter().enumerate().map(|(i, l)| (*l, average(&errors, i))).collect(), exponent, slope: mean(&first) })
    }

    fn chart(&self, s: &Setting) -> Chart {
        let line = self.points.iter().map(|(t, _)| (*t, 0.5 * s.gap() * t)).collect();
        Chart {
            title: format!("ν = {:.4} measured, 1 predicted", self.exponent.estimate),
            x: Axis::log("time left until the test error vanishes"),
            y: Axis::log("average test error"),
            marks: vec![Mark::line("ε_λ t/2", Look::Closed, line), Mark::points("simulated", Look::Simulated, self.points.clone())],
            note: String::new(),
        }
    }
}

/// Slope of a least-squares line.
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (mx, my) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum::<f64>() / points.iter().map(|p| (p.0 - mx) * (p.0 - mx)).sum::<f64>()
}

fn example_chart(s: &Setting, run: &Run, zero: f64) -> Chart {
    let at = |i: usize| 1.25 * zero * i as f64 / 300.0;
    let test = (0..=300).map(|i| (at(i), test_error(s.eps, run.path.at(at(i))))).collect();
    let mut marks = vec![Mark::line("test error", Look::Test, test)];
    marks.extend(run.train_zero.map(|x| Mark::Vertical { name: "no training error".into(), look: Look::Train, x }));
    marks.push(Mark::Vertical { name: "no test error".into(), look: Look::Null, x: zero });
    Chart {
        title: "the first run that groks".into(),
        x: Axis::linear("t").including(0.0),
        y: Axis::linear("test error").including(0.5),
        marks,
        note: String::new(),
    }
}

fn probability_chart(s: &Setting, context: &Context) -> Result<Chart, TheoryError> {
    let widest = (2.0 * s.gap()).max(3.0 / libm::sqrt(2.0 * s.n as f64)).min(20.0);
    let line = (0..=120).map(|i| widest * f64::from(i) / 120.0).map(|g| (g, grokking_probability(s.n, g))).collect();
    let count = (4_000_000 / (2 * s.n)).min(context.samples_or(MODEL.samples) / 20).max(50);
    let points = (1..=10)
        .map(|i| {
            let eps = widest * f64::from(i) / 10.0;
            let all = runs(context, ROLES + i as u32, count, s.n, eps, 0.0, 0.0, eps + 20.0)?;
            let share = fraction(all.iter().filter(|r| r.groks).count(), all.len());
            Ok(Point { x: eps, y: share.estimate, interval: Some((share.low, share.high)) })
        })
        .collect::<Result<_, TheoryError>>()?;
    let marks = vec![
        Mark::line("closed form", Look::Closed, line),
        Mark::Points { name: "simulated".into(), look: Look::Simulated, points },
        Mark::Vertical { name: "these arguments".into(), look: Look::Null, x: s.gap() },
    ];
    Ok(Chart {
        title: format!("probability to grok, N = {}", s.n),
        x: Axis::linear("effective gap ε_λ").including(0.0),
        y: Axis::linear("share of runs").including(0.0).including(1.0),
        marks,
        note: String::new(),
    })
}

fn time_chart(law: &GrokkingTime, times: &[f64]) -> Result<Chart, TheoryError> {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let end = crate::numeric::quantile(&sorted, 0.99).max(1e-6);
    const BINS: usize = 40;
    let width = end / BINS as f64;
    let mut heights = vec![0.0; BINS];
    for t in times.iter().filter(|t| **t < end) {
        heights[((t / width) as usize).min(BINS - 1)] += 1.0 / (width * times.len() as f64);
    }
    let line = (0..100).map(|i| end * (f64::from(i) + 0.5) / 100.0).map(|t| Ok((t, law.density(t)?))).collect::<Result<_, TheoryError>>()?;
    let edges = (0..=BINS).map(|i| width * i as f64).collect();
    let marks = vec![Mark::Steps { name: "simulated".into(), look: Look::Simulated, edges, heights }, Mark::line("closed form", Look::Closed, line)];
    Ok(Chart { title: "grokking time of the runs that grok".into(), x: Axis::linear("t_G"), y: Axis::linear("density"), marks, note: String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pennydrop_registry::Value;

    fn ask(given: &[(&str, Value)], samples: usize) -> Result<Answer, TheoryError> {
        let args = Args::check("zunkovic-1d", &MODEL.row, given.iter().map(|(k, v)| (k.to_string(), v.clone())))?;
        answer(&args, &Context { samples: Some(samples), ..Context::default() })
    }

    #[test]
    fn every_closed_form_agrees_with_the_runs() {
        for given in [vec![], vec![("n", Value::Int(3)), ("eps", Value::Float(0.3)), ("lambda1", Value::Float(0.1)), ("lambda2", Value::Float(0.7))]] {
            let said = ask(&given, 20_000).unwrap();
            assert_eq!(said.quantities[0].name, "grokking_probability");
            for q in &said.quantities {
                let (closed, found) = (q.closed_form().unwrap(), q.simulated.unwrap());
                let error = (found.high - found.low) / 3.92 + if q.name == "critical_exponent" { 0.002 } else { 1e-9 * closed };
                assert!((closed - found.estimate).abs() < 4.0 * error, "{given:?}: {q:?}");
            }
            assert!(said.findings.iter().all(|f| f.agrees == Some(true)), "{:?}", said.findings);
            assert_eq!(said.charts.len(), 4);
        }
    }

    #[test]
    fn the_printed_time_lacks_the_rate() {
        let said = ask(&[("lambda2", Value::Float(1.0))], 200).unwrap();
        let q = said.quantities.iter().find(|q| q.name == "zero_test_error_time").unwrap();
        assert!((q.printed.unwrap() / q.simulated.unwrap().estimate - 2.0).abs() < 1e-9, "{q:?}");
        assert!((q.corrected.unwrap() / q.simulated.unwrap().estimate - 1.0).abs() < 1e-9, "{q:?}");
    }

    #[test]
    fn only_l1_keeps_the_probability_finite() {
        let said = ask(&[], 50_000).unwrap();
        let last: Vec<f64> = said.tables[0].rows.last().unwrap().iter().map(|c| if let Cell::Number(x) = c { *x } else { f64::NAN }).collect();
        assert!(last[1] < 0.01 && last[3] < 0.01 && last[5] > 0.5, "{last:?}");
        assert!((last[5] - last[6]).abs() < 0.03 && last[4] < 0.02, "{last:?}");
    }

    #[test]
    fn bad_parameters_say_what_is_allowed() {
        for (given, word) in [
            (vec![("b0", Value::Float(0.3))], "b0"),
            (vec![("eps", Value::Float(0.0))], "eps"),
            (vec![("n", Value::Int(0))], "n"),
            (vec![("lambda1", Value::Float(-1.0))], "lambda1"),
            (vec![("lambda2", Value::Float(-0.1))], "lambda2"),
        ] {
            let error = ask(&given, 10).unwrap_err().to_string();
            assert!(error.contains(&format!("zunkovic-1d.{word}")), "{error}");
        }
        // Without a gap L1 alone lets runs grok.
        assert!(ask(&[("eps", Value::Float(0.0)), ("lambda1", Value::Float(0.1))], 200).is_ok());
    }
}
