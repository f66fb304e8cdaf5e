//! Part `flow`: one frozen map in full.

use super::automaton::{Kind, random_strings};
use super::exponent::{Aligned, align};
use super::map::{Attention, Boundary, Contexts, Points};
use super::perceptron::{Quadratic, Run, run};
use super::separable::{Separation, Separator};
use super::shape::{class_distance, density_exponent, effective_dimension};
use super::{attention, closed, data, lane, length, times};
use crate::answer::{Answer, Finding, Quantity, Simulated, Table};
use crate::model::{Context, TheoryError};
use crate::numeric::{fraction, mean, median};
use pennydrop_figure::chart::{Axis, Chart, Look, Mark};
use pennydrop_registry::Args;

/// Sites dropped at each end, strings and length of the sample of shapes.
const SHAPE: (usize, usize, usize) = (20, 300, 100);

/// Times of the grid on which errors are seen.
const GRID: usize = 160;

/// Resamples of the bootstrap.
const RESAMPLES: usize = 200;

pub(super) fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    let kind = Kind::named(args.str("teacher"));
    let (lambda1, lambda2) = (args.float("lambda1"), args.float("lambda2"));
    let map = attention(args, context)?;
    let (train, test, teacher) = data(args, context, &map, kind)?;
    let loss = Quadratic::new(&train, lambda2);
    let times = times(&loss.rates()?, GRID);
    let inits = context.samples_or(super::MODEL.samples);
    let runs = context.map(inits, |i| run(&loss, lambda1, &context.draws(lane::INITIAL, i).normals(loss.n), &train, &test, &times))?;
    let exact = args.str("example") == "exact" && kind == Kind::Local && args.size("k") == 1 && lambda1 == 0.0;
    let shares = if exact { Some(closed::shares(length(args, false)?, map.boundary)) } else { None };

    let mut answer = Answer::default();
    let shape = Shape::of(args, context, &map, kind, &train, &test, &teacher)?;
    shape.say(args, &mut answer);
    let mut separator = Separator::default();
    let separable = separator.decide(&test.signed, test.dimension, true);
    let margin = if separable == Separation::Separable { separator.margin(&test.signed, test.dimension) } else { 0.0 };
    answer.quantities.push(
        Quantity::new("test_margin", "largest margin of a perceptron on the test points; 0 if they are not separable").simulated(Simulated::exact(margin)),
    );
    say_times(&runs, shares.as_ref(), lambda2, &mut answer);
    let reaching = runs.iter().filter(|r| r.test_zero.is_finite() && r.test_zero > 0.0).count();
    let slowest = times.last().copied().unwrap_or(1.0);
    let aligned = align(&runs, &test, times[0] * 0.1, slowest, 60);
    let fitted = say_exponent(args, context, &shape, &aligned, reaching, &mut answer);
    charts(&runs, &times, shares.as_ref(), lambda2, &aligned, fitted, args, &mut answer);
    if reaching == 0 {
        answer.notes.push(match separable {
            Separation::Separable => "no run reaches zero test error, though the test points are separable: the minimum of the training loss is not among the perceptrons that separate them".into(),
            _ => "no run reaches zero test error: no perceptron separates the test points of this map".into(),
        });
    }
    let left = runs.iter().filter(|r| r.test_zero.is_finite() && r.final_test > 0.0).count();
    if left > 0 {
        answer
            .notes
            .push(format!("{left} of {} runs reach zero test error and leave it again: times and the exponent are those of the first arrival", runs.len()));
    }
    answer.notes.push(format!(
        "time unit: the flow of (1/n) Σ ½(ŷ − y)² over {} training sites with latent points of unit length; test on {} sites",
        train.len(),
        test.len()
    ));
    Ok(answer)
}

/// Effective dimensions, class distance and density exponent.
struct Shape {
    positive: f64,
    negative: f64,
    pooled: f64,
    distance: f64,
    variance: f64,
    xi: f64,
    sites: usize,
}

impl Shape {
    fn of(
        args: &Args,
        context: &Context,
        map: &Attention,
        kind: Kind,
        train: &Points,
        test: &Points,
        teacher: &super::automaton::Teacher,
    ) -> Result<Shape, TheoryError> {
        let (skip, count, long) = SHAPE;
        let n = train.dimension;
        // A teacher that has one length is seen on all its strings.
        let points = if kind == Kind::Local {
            map.points(&random_strings(count, long, &mut context.draws(lane::SHAPE, 0)), teacher, skip)
        } else {
            let both = [train.signed.as_slice(), &test.signed].concat();
            Points { dimension: n, signed: both, labels: [train.labels.as_slice(), &test.labels].concat() }
        };
        let (one, zero) = (points.class(1), points.class(0));
        let all: Vec<f64> = one.iter().chain(&zero).copied().collect();
        let (distance, variance) = class_distance(&one, &zero, n);
        let xi = if kind == Kind::Local { density(args, context, map, teacher) } else { f64::NAN };
        Ok(Shape {
            positive: effective_dimension(&one, n, None),
            negative: effective_dimension(&zero, n, None),
            pooled: effective_dimension(&all, n, None),
            distance,
            variance,
            xi,
            sites: points.len(),
        })
    }

    fn mean(&self) -> f64 {
        0.5 * (self.positive + self.negative)
    }

    fn say(&self, args: &Args, answer: &mut Answer) {
        let measured = |value: f64| Simulated { estimate: value, low: value, high: value, samples: self.sites };
        for (name, doc, value) in [
            ("effective_dimension", "D_eff of the latent points, mean of the two classes, sites away from the ends", self.mean()),
            ("effective_dimension_positive", "D_eff of the class with label 1", self.positive),
            ("effective_dimension_negative", "D_eff of the class with label −1", self.negative),
            ("effective_dimension_pooled", "D_eff of both classes together (does not match the paper's figures)", self.pooled),
            ("class_distance_by_variance", "distance of class means over the mean intra-class variance (trace)", self.distance / self.variance),
            ("class_distance_by_deviation", "distance of class means over the root of that variance", self.distance / libm::sqrt(self.variance)),
            ("density_exponent", "ξ: growth of the highest histogram bar, left plus right contexts, largest class", self.xi),
        ] {
            answer.quantities.push(Quantity::new(name, doc).simulated(measured(value)));
        }
        let place = ["1", "2", "3"].iter().position(|e| *e == args.str("example"));
        let first = args.int("rule") == 30 && args.size("k") == 1 && args.str("teacher") == "local";
        if let (Some(i), true) = (place, first) {
            let (d, xi, separation) = ([3.0, 3.8, 3.0][i], [1.2, 1.8, 1.6][i], [1.45, 1.46, 1.6][i]);
            answer.findings.push(Finding {
                claim: "zunkovic-ilievski 5".into(),
                found: format!("D_eff {:.2} as the mean of the classes ({:.2} pooled); the paper has {d}, rounded", self.mean(), self.pooled),
                agrees: Some((self.mean() - d).abs() < 0.2),
            });
            answer.findings.push(Finding {
                claim: "zunkovic-ilievski 5".into(),
                found: format!("ξ {:.2} from the growth of the histogram; the paper fits {xi}", self.xi),
                agrees: Some((self.xi - xi).abs() < 0.15),
            });
            answer.findings.push(Finding {
                claim: "zunkovic-ilievski 5".into(),
                found: format!(
                    "class distance {:.2} in units of the intra-class variance, {:.2} of its root; the paper has {separation}, in units that it does not define further",
                    self.distance / self.variance,
                    self.distance / libm::sqrt(self.variance)
                ),
                agrees: None,
            });
        }
    }
}

/// ξ*: the exponents of left and right contexts added, the larger of the two classes.
fn density(args: &Args, context: &Context, map: &Attention, teacher: &super::automaton::Teacher) -> f64 {
    let (skip, _, long) = SHAPE;
    // Contexts are rows of d numbers if the boundary is open; the rows of the matrices H_L, H_R have the same limit.
    let mut buffers = Contexts::default();
    let mut sides: [[Vec<f64>; 2]; 2] = Default::default();
    let open = if map.boundary == Boundary::Open {
        map.clone()
    } else {
        match Attention::new(map.d, &map.a[0], &map.a[1], Boundary::Open) {
            Some(open) => open,
            None => return f64::NAN,
        }
    };
    let mut draws = context.draws(lane::SHAPE, 1 + args.size("draw"));
    for bits in random_strings(800, long, &mut draws) {
        let labels = teacher.label(&bits);
        for (side, contexts) in [open.left_contexts(&bits, &mut buffers), open.right_contexts(&bits, &mut buffers)].iter().enumerate() {
            for i in skip..long - skip {
                sides[side][labels[i] as usize].extend_from_slice(&contexts[i * map.d..(i + 1) * map.d]);
            }
        }
    }
    let sum = |class: usize| density_exponent(&sides[0][class], map.d) + density_exponent(&sides[1][class], map.d);
    sum(0).max(sum(1))
}

fn say_times(runs: &[Run], shares: Option<&[f64; 8]>, lambda2: f64, answer: &mut Answer) {
    let all = |f: fn(&Run) -> f64| runs.iter().map(f).collect::<Vec<f64>>();
    // Runs that never reach it count as infinite: medians stand, means are over those that do.
    let finite = |values: &[f64]| values.iter().copied().filter(|x| x.is_finite()).collect::<Vec<f64>>();
    let gaps = all(|r| if r.test_zero.is_finite() { r.test_zero - r.train_zero } else { f64::INFINITY });
    let (train, test) = (all(|r| r.train_zero), all(|r| r.test_zero));
    let closed = shares.map(|s| closed::mean_zero_time(s, lambda2));
    let with = |q: Quantity, value: Option<f64>| if let Some(v) = value { q.corrected(v) } else { q };
    let share = fraction(runs.iter().filter(|r| r.final_test == 0.0).count(), runs.len());
    answer.quantities.push(Quantity::new("grokking_share", "share of initial vectors whose final test error is 0").simulated(share));
    answer.quantities.push(Quantity::new("final_test_error", "mean test error at the end").simulated(mean(&all(|r| r.final_test))));
    for (name, doc, values, value) in [
        ("train_zero_time", "mean time at which the training error is first 0, of those that reach it", &train, closed),
        ("test_zero_time", "t_ε: mean time at which the test error is first 0, of those that reach it", &test, closed),
        ("grokking_time", "t_G: mean of test_zero_time − train_zero_time, of those that reach both", &gaps, closed.map(|_| 0.0)),
    ] {
        let found = finite(values);
        let quantity = with(Quantity::new(name, doc), value);
        answer.quantities.push(if found.is_empty() { quantity } else { quantity.simulated(mean(&found)) });
    }
    answer.quantities.push(Quantity::new("grokking_time_median", "median t_G over all initial vectors; never is infinite").simulated(median(&gaps)));
}

/// ν in the window that was asked for, beside what the density gives; a table over windows.
fn say_exponent(args: &Args, context: &Context, shape: &Shape, aligned: &Aligned, reaching: usize, answer: &mut Answer) -> Option<(f64, f64)> {
    let all: Vec<usize> = (0..aligned.errors.len()).collect();
    let jump = aligned.errors.iter().map(|e| e[0]).collect::<Vec<f64>>();
    if reaching > 0 {
        answer.quantities.push(Quantity::new("last_jump", "mean test error just before it is first 0").simulated(mean(&jump)));
    }
    if args.str("example") == "exact" && reaching > 0 {
        let size = mean(&jump).estimate;
        answer.findings.push(Finding {
            claim: "zunkovic-ilievski 5-exact".into(),
            found: format!("the last jump is {size:.3} of the test sites: one of eight latent points changes sign; it is 1/4 if the error is the mean of ½(sgn ŷ − y)², which counts a wrong site twice"),
            agrees: None,
        });
    }
    let formula = 0.5 * (shape.mean() + 1.0) - shape.xi;
    let quantity = Quantity::new(
        "critical_exponent",
        "ν: log–log slope of the averaged error before t_ε in the window, bootstrap over initial vectors; closed form ½(D_eff + 1) − ξ",
    );
    let quantity = if formula.is_finite() { quantity.printed(formula) } else { quantity };
    let (low, high) = (args.float("window_low"), args.float("window_high"));
    let fit = if reaching >= 5 { aligned.fit(low, high, RESAMPLES, &mut context.draws(lane::BOOTSTRAP, 0)) } else { None };
    answer.quantities.push(match fit {
        Some(f) => quantity.simulated(Simulated { estimate: f.nu, low: f.interval.0, high: f.interval.1, samples: reaching }),
        None => quantity,
    });
    if all.len() >= 5 {
        let rows = [(0.002, 0.02), (0.004, 0.04), (0.004, 0.1), (0.01, 0.1), (0.02, 0.2), (0.05, 0.3)].iter().enumerate().map(|(i, (a, b))| {
            let f = aligned.fit(*a, *b, RESAMPLES / 2, &mut context.draws(lane::BOOTSTRAP, 1 + i));
            vec![
                (*a).into(),
                (*b).into(),
                f.map(|f| f.nu).into(),
                f.map(|f| f.interval.0).into(),
                f.map(|f| f.interval.1).into(),
                f.map_or(0, |f| f.points).into(),
            ]
        });
        let columns = ["lowest error", "highest error", "ν", "low", "high", "distances"].map(String::from).to_vec();
        answer.tables.push(Table { title: "ν against the window of the fit".into(), columns, rows: rows.collect() });
    }
    let place = ["1", "2", "3"].iter().position(|e| *e == args.str("example"));
    if let (Some(i), Some(f)) = (place, fit) {
        let theirs = [0.85, 0.75, 0.84][i];
        answer.findings.push(Finding {
            claim: "zunkovic-ilievski 5".into(),
            found: format!("ν {:.2} [{:.2}, {:.2}] in the window {low} to {high} of the averaged error, {formula:.2} from D_eff and ξ; the paper has {theirs}, window unknown", f.nu, f.interval.0, f.interval.1),
            agrees: if f.interval.0 <= theirs && theirs <= f.interval.1 { Some(true) } else { None },
        });
    }
    fit.map(|f| (f.nu, f.intercept))
}

fn charts(
    runs: &[Run],
    times: &[f64],
    shares: Option<&[f64; 8]>,
    lambda2: f64,
    aligned: &Aligned,
    fitted: Option<(f64, f64)>,
    args: &Args,
    answer: &mut Answer,
) {
    let n = runs.len() as f64;
    let average = |pick: fn(&(f64, f64)) -> f64| -> Vec<(f64, f64)> {
        times.iter().enumerate().map(|(i, t)| (*t, runs.iter().map(|r| pick(&r.errors[i])).sum::<f64>() / n)).collect()
    };
    let mut marks = vec![Mark::line("training error", Look::Train, average(|e| e.0)), Mark::line("test error", Look::Test, average(|e| e.1))];
    if let Some(s) = shares {
        marks.push(Mark::line("closed form, test", Look::Closed, times.iter().map(|t| (*t, closed::mean_error(s, lambda2, *t))).collect()));
    }
    answer.charts.push(Chart {
        title: "errors, mean over initial vectors".into(),
        x: Axis::log("time t"),
        y: Axis::linear("misclassified share").including(0.0),
        marks,
        note: String::new(),
    });
    if aligned.errors.len() >= 5 {
        let all: Vec<usize> = (0..aligned.errors.len()).collect();
        let points: Vec<(f64, f64)> = aligned.before.iter().copied().zip(aligned.mean(&all)).filter(|p| p.1 > 0.0).collect();
        let (low, high) = (args.float("window_low"), args.float("window_high"));
        let mut marks = vec![Mark::points("simulated", Look::Simulated, points.clone())];
        if let Some((nu, intercept)) = fitted {
            let inside = points.iter().filter(|p| p.1 >= low && p.1 <= high);
            let line = inside.map(|p| (p.0, libm::exp(intercept + nu * libm::log(p.0)))).collect();
            marks.push(Mark::line(&format!("slope {nu:.2}"), Look::Closed, line));
        }
        answer.charts.push(Chart {
            title: "averaged test error before the transition".into(),
            x: Axis::log("t_ε − t"),
            y: Axis::log("mean test error"),
            marks,
            note: "flat at the left where less than one test site is wrong".into(),
        });
    }
    let gaps: Vec<f64> = runs.iter().filter(|r| r.test_zero.is_finite()).map(|r| r.test_zero - r.train_zero).collect();
    if gaps.len() >= 5 {
        let (low, high) = gaps.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)));
        if high > low {
            let bins = 30;
            let width = (high - low) / bins as f64;
            let mut heights = vec![0.0; bins];
            for g in &gaps {
                heights[(((g - low) / width) as usize).min(bins - 1)] += 1.0 / (gaps.len() as f64 * width);
            }
            let edges = (0..=bins).map(|i| low + i as f64 * width).collect();
            answer.charts.push(Chart {
                title: "grokking times".into(),
                x: Axis::linear("t_G"),
                y: Axis::linear("density").including(0.0),
                marks: vec![Mark::Steps { name: "simulated".into(), look: Look::Simulated, edges, heights }],
                note: String::new(),
            });
        }
    }
}
