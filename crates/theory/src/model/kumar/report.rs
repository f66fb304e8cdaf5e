//! What the network says.

use super::{FACTORS, Moment, Path, Setting, Swept, Times, low_at};
use crate::answer::{Answer, Cell, Finding, Quantity, Simulated, Table};
use crate::numeric::mean;
use pennydrop_figure::chart::{Axis, Chart, Look, Mark, Point};

pub(super) fn report(s: &Setting, path: &Path, swept: Option<&Swept>) -> Answer {
    let rows = &path.rows;
    let level = s.level * path.variance;
    let of = |f: fn(&Moment) -> f64| low_at(&rows.iter().map(|r| (r.step, f(r))).collect::<Vec<_>>(), level);
    let times = Times { train: of(|r| r.train), test: of(|r| r.test) };
    let lazy_train = of(|r| r.lazy_train);
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Answer::default() };
    // Where the training loss is first low: the end of the lazy phase, if there is one.
    let fitted = rows.iter().find(|r| r.train <= level).unwrap_or(last);
    let exact = |x: Option<f64>| x.map(Simulated::exact);
    let one = |name: &str, doc: &str, x: f64| Quantity::new(name, doc).simulated(Simulated::exact(x));
    let engine_end = path.engine.last();
    let at_engine_end = engine_end.and_then(|e| rows.iter().find(|r| r.step == e.step));
    let quantities = vec![
        Quantity { simulated: exact(times.train), corrected: None, ..Quantity::new("train_step", "step at which the training loss is low") },
        Quantity { corrected: lazy_train, ..Quantity::new("lazy_train_step", "the same for the linearised model (closed form)") },
        Quantity { simulated: exact(times.test), ..Quantity::new("test_step", "step at which the exact test loss is low") },
        Quantity { simulated: exact(times.ratio()), ..Quantity::new("delay_ratio", "test step over training step") },
        one("train_loss_final", "mean (f − y)² on the training set at the last step", last.train),
        Quantity::new("test_loss_final", "E(f − y)² at the last step: sufficient statistics, and a sample of test inputs")
            .corrected(last.test)
            .simulated(last.sampled),
        Quantity::new("test_loss_fitted", "the same where the training loss is first low").corrected(fitted.test).simulated(fitted.sampled),
        Quantity::new("lazy_test_loss_fitted", "test loss of the linearised model at that step (closed form)").corrected(fitted.lazy_test),
        Quantity::new("lazy_plateau", "test loss of kernel regression with the initial kernel").corrected(path.plateau),
        Quantity {
            corrected: at_engine_end.map(|r| r.test),
            simulated: engine_end.map(|e| mean(&e.test.0)),
            ..Quantity::new("engine_test_loss", "test loss of the network that the engine trains, at its last step")
        },
        Quantity {
            corrected: at_engine_end.map(|r| r.lazy_test),
            simulated: engine_end.map(|e| mean(&e.test.1)),
            ..Quantity::new("linearised_test_loss", "test loss of the linearised model that the engine trains by jvp; closed form: kernel gradient descent")
        },
        Quantity {
            simulated: exact(path.differences.map(|d| d.0)),
            ..Quantity::new("engine_difference", "largest relative difference of the engine's training loss from the sufficient statistics")
        },
        Quantity {
            simulated: exact(path.differences.map(|d| d.1)),
            ..Quantity::new("linearised_difference", "largest relative difference of its linearised training loss from the kernel's closed form")
        },
        one("rich_part_final", "test loss of the linearised model less that of the network, at the last step", last.lazy_test - last.test),
        one("kernel_drift_final", "‖K − K_0‖/‖K_0‖ at the last step", last.drift),
        one("alignment_start", "alignment of the kernel with the target at the start", first.alignment),
        one("alignment_final", "the same at the last step", last.alignment),
        one("motion_final", "‖θ − θ_0‖²/‖θ_0‖² at the last step", last.motion),
    ];
    let mut answer = Answer { quantities, ..Answer::default() };
    answer.charts.push(losses(path, level));
    answer.charts.push(features(rows));
    answer.findings.push(claim_2(path, fitted, last));
    if let Some(swept) = swept {
        delays(swept, &mut answer);
    }
    answer.findings.push(claim_4(path, last));
    answer.notes.push(format!(
        "The paper has D = 100, P = 550, N = 500, here D = {}, P = {}, N = {}. \"Low\" is below {} of the target's variance, {level:.4}.",
        s.d, s.p, s.h.width, s.level
    ));
    answer.notes.push("No weight decay anywhere. The linearised model is f_0 + ∇f·(θ − θ_0), trained by the same gradient descent.".into());
    answer
}

fn losses(path: &Path, level: f64) -> Chart {
    let rows = &path.rows[1..];
    let of = |f: fn(&Moment) -> f64| rows.iter().map(|r| (r.step as f64, f(r))).collect::<Vec<_>>();
    let sampled = rows.iter().map(|r| Point { x: r.step as f64, y: r.sampled.estimate, interval: Some((r.sampled.low, r.sampled.high)) });
    let engine = path.engine.iter().filter(|e| e.step > 0).map(|e| (e.step as f64, mean(&e.test.1).estimate)).collect();
    Chart {
        title: "mean squared error".into(),
        x: Axis::log("step"),
        y: Axis::log("mean squared error"),
        marks: vec![
            Mark::Horizontal { name: "kernel regression with K_0".into(), look: Look::Null, y: path.plateau },
            Mark::Horizontal { name: "low".into(), look: Look::Group(4), y: level },
            Mark::line("training", Look::Train, of(|r| r.train)),
            Mark::line("test (exact)", Look::Test, of(|r| r.test)),
            Mark::line("test, linearised (closed form)", Look::Closed, of(|r| r.lazy_test)),
            Mark::points("test, linearised by jvp", Look::Group(2), engine),
            Mark::Points { name: "test inputs".into(), look: Look::Simulated, points: sampled.step_by(2).collect() },
        ],
        note: String::new(),
    }
}

fn features(rows: &[Moment]) -> Chart {
    let of = |f: fn(&Moment) -> f64| rows[1..].iter().map(|r| (r.step as f64, f(r))).collect::<Vec<_>>();
    Chart {
        title: "kernel and weights".into(),
        x: Axis::log("step"),
        y: Axis::linear("").including(0.0),
        marks: vec![
            Mark::line("alignment with the target", Look::Group(0), of(|r| r.alignment)),
            Mark::line("drift ‖K − K_0‖/‖K_0‖", Look::Group(1), of(|r| r.drift)),
            Mark::line("motion ‖θ − θ_0‖²/‖θ_0‖²", Look::Group(2), of(|r| r.motion)),
        ],
        note: String::new(),
    }
}

fn claim_2(path: &Path, fitted: &Moment, last: &Moment) -> Finding {
    // Early: up to the step where the kernel has drifted by a tenth.
    let early = path.rows.iter().take_while(|r| r.drift < 0.1).last();
    let apart = early.map_or(f64::NAN, |r| ((r.test - r.lazy_test) / r.lazy_test).abs());
    Finding {
        claim: "lazy-to-rich 2".into(),
        found: format!(
            "while the kernel has drifted by less than a tenth (to step {}) the test loss is within {:.1} % of the linearised model's; where the training loss is low it is {:.4} against {:.4} \
             linearised and {:.4} for kernel regression; at the end {:.4} against {:.4}",
            early.map_or(0, |r| r.step),
            100.0 * apart,
            fitted.test,
            fitted.lazy_test,
            path.plateau,
            last.test,
            last.lazy_test
        ),
        // A kernel that hardly moves has no late phase to compare with.
        agrees: (last.drift >= 0.1).then_some(apart < 0.1 && last.test < path.plateau),
    }
}

fn claim_4(path: &Path, last: &Moment) -> Finding {
    let gain = path.plateau / last.test;
    let found = format!(
        "without weight decay the test loss ends at {:.4}, {gain:.1} times below kernel regression; whether weight decay suffices is not asked here",
        last.test
    );
    Finding { claim: "lazy-to-rich 4".into(), found, agrees: if gain > 1.5 { Some(true) } else { None } }
}

/// Mean over data sets of log₁₀ of the ratio of times, or infinity where a data set never generalises; NaN where one is never fitted.
fn log_ratio(times: &[Times]) -> f64 {
    let one = |t: &Times| match (t.train, t.test) {
        (Some(_), None) => f64::INFINITY,
        _ => t.ratio().map_or(f64::NAN, libm::log10),
    };
    times.iter().map(one).sum::<f64>() / times.len() as f64
}

fn delays(swept: &Swept, answer: &mut Answer) {
    let mut table = Table { title: "steps to a low loss over α, ε and P".into(), ..Table::default() };
    table.columns =
        ["varied", "value", "training (mean)", "test (mean)", "test over training (geometric mean)", "data sets that generalise"].map(String::from).to_vec();
    let cell = |x: f64| if x.is_finite() { Cell::Number(x) } else { Cell::Empty };
    let mut marks = Vec::new();
    for (i, ((name, factors), points)) in FACTORS.iter().zip(swept).enumerate() {
        let line = factors.iter().zip(points).map(|(f, (_, times))| (*f, libm::pow(10.0, log_ratio(times)))).collect();
        marks.push(Mark::line(name, Look::Group(i as u8), line));
        for (value, times) in points {
            let mean_of = |f: fn(&Times) -> Option<f64>| {
                let known: Vec<f64> = times.iter().filter_map(f).collect();
                if known.len() < times.len() { f64::NAN } else { known.iter().sum::<f64>() / known.len() as f64 }
            };
            let general = times.iter().filter(|t| t.test.is_some()).count();
            table.rows.push(vec![
                (*name).into(),
                (*value).into(),
                cell(mean_of(|t| t.train)),
                cell(mean_of(|t| t.test)),
                cell(libm::pow(10.0, log_ratio(times))),
                format!("{general} of {}", times.len()).into(),
            ]);
        }
    }
    answer.tables.push(table);
    answer.charts.push(Chart {
        title: "delay: test step over training step".into(),
        x: Axis::log("factor on the setting's own value"),
        y: Axis::log("test step over training step"),
        marks,
        note: "A curve breaks off where a data set is not fitted or does not generalise in time.".into(),
    });
    let ratios = |which: usize| swept[which].iter().map(|p| log_ratio(&p.1)).collect::<Vec<_>>();
    let words = |x: &[f64]| x.iter().map(|r| if r.is_finite() { format!("{:.2}", libm::pow(10.0, *r)) } else { "–".into() }).collect::<Vec<_>>().join(", ");
    let (alpha, epsilon, p) = (ratios(0), ratios(1), ratios(2));
    let grows = |x: &[f64]| x.windows(2).all(|w| w[1] > w[0]);
    let known = |x: &[f64]| x.iter().filter(|r| r.is_finite()).count() > 1 && x.iter().all(|r| !r.is_nan());
    // A data set that does not generalise in time has an infinite delay: it counts as the longest.
    answer.findings.push(Finding {
        claim: "lazy-to-rich 1".into(),
        found: format!("growing α: test over training step {} (–: not in time)", words(&alpha)),
        agrees: known(&alpha).then(|| grows(&alpha)),
    });
    let differences: Vec<f64> =
        swept[1].iter().map(|p| p.1.iter().map(|t| t.test.unwrap_or(f64::INFINITY) - t.train.unwrap_or(f64::NAN)).sum::<f64>() / p.1.len() as f64).collect();
    let steps = differences.iter().map(|x| format!("{x:.0}")).collect::<Vec<_>>().join(", ");
    let shrinks = |x: &[f64]| x.windows(2).all(|w| w[1] < w[0]);
    answer.findings.push(Finding {
        claim: "lazy-to-rich 1".into(),
        found: format!("growing ε: test step less training step {steps}; test over training step {} (–: not in time)", words(&epsilon)),
        agrees: known(&epsilon).then(|| shrinks(&differences) && shrinks(&epsilon)),
    });
    let few_never = swept[2].first().is_some_and(|p| p.1.iter().all(|t| t.test.is_none()));
    let many = p.last().copied().unwrap_or(f64::NAN);
    let own = p.get(2).copied().unwrap_or(f64::NAN);
    answer.findings.push(Finding {
        claim: "lazy-to-rich 3".into(),
        found: format!("test over training step for P from a quarter to three times: {} (–: not in time)", words(&p)),
        agrees: if many.is_finite() { Some(few_never && own > many && many < libm::log10(2.0)) } else { None },
    });
}
