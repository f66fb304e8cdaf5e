//! Concealment: modular arithmetic with ℓ random bits appended, by a network with one hidden layer.
//!
//! One-hot x and y, then ℓ bits; ReLU hidden layer with biases, linear outputs without, cross-entropy, SGD with weight decay, Xavier-uniform weights, as in the official code. `split=leak`: all examples are drawn
//! with replacement and split, so that validation pairs are trained on (with other noise bits). `split=clean`: pairs are disjoint.

use super::law::{Gap, pearson, pearson_printed, tobit};
use super::{lane, or, rate};
use crate::answer::{Answer, Cell, Finding, Quantity, Simulated, Table};
use crate::model::{Context, TheoryError};
use crate::numeric::{Draws, fraction};
use pennydrop_figure::chart::{Axis, Chart, Look, Mark};
use pennydrop_registry::Args;

/// A modular operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// x + y.
    Add,
    /// x − y.
    Subtract,
    /// x / y, y ≠ 0.
    Divide,
    /// x² + xy + y².
    Quadratic,
    /// x² + xy + y² + x.
    QuadraticX,
    /// x · y if y is odd, else 2x.
    MultiplyDoubleX,
}

impl Operation {
    const ALL: [(&'static str, Operation); 6] = [
        ("add", Operation::Add),
        ("subtract", Operation::Subtract),
        ("divide", Operation::Divide),
        ("quadratic", Operation::Quadratic),
        ("quadratic-x", Operation::QuadraticX),
        ("multiply-double-x", Operation::MultiplyDoubleX),
    ];

    /// The result modulo the prime `p`; y is not 0 for a division.
    pub fn of(self, x: usize, y: usize, p: usize) -> usize {
        match self {
            Operation::Add => (x + y) % p,
            Operation::Subtract => (x + p - y) % p,
            // Fermat: y^(p−2) is the inverse.
            Operation::Divide => (0..p.saturating_sub(2)).fold(x, |product, _| product * y % p),
            Operation::Quadratic => (x * x + x * y + y * y) % p,
            Operation::QuadraticX => (x * x + x * y + y * y + x) % p,
            Operation::MultiplyDoubleX => {
                if y % 2 == 1 {
                    x * y % p
                } else {
                    2 * x % p
                }
            }
        }
    }
}

/// Everything that a run is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// The operation.
    pub operation: Operation,
    /// Modulus.
    pub p: usize,
    /// Spurious bits ℓ.
    pub length: usize,
    /// Training and validation examples.
    pub examples: (usize, usize),
    /// Whether validation pairs are disjoint from training pairs.
    pub clean: bool,
    /// Whether noise bits are new at each presentation.
    pub resampled: bool,
    /// Hidden units.
    pub hidden: usize,
    /// Learning rate.
    pub rate: f64,
    /// Weight decay.
    pub decay: f64,
    /// Most epochs.
    pub epochs: usize,
    /// Accuracy whose first reaching ends the wait.
    pub threshold: f64,
}

/// Examples of a batch.
const BATCH: usize = 32;

/// Accuracies of every epoch, and when they were first over the threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Training accuracy (over the batches as they are trained on) and validation accuracy.
    pub accuracy: Vec<(f64, f64)>,
    /// First epoch with training accuracy at the threshold.
    pub train: Option<usize>,
    /// First epoch with validation accuracy at the threshold.
    pub validation: Option<usize>,
    /// Share of validation examples whose pair is among those trained on.
    pub leak: f64,
}

#[derive(Debug, Clone)]
struct Example {
    pair: (usize, usize),
    bits: Vec<u8>,
    label: usize,
}

/// Weights, input by input (`p` + `p` + ℓ rows of `hidden`), biases, and output by output.
struct Network {
    hidden: usize,
    first: Vec<f64>,
    bias: Vec<f64>,
    second: Vec<f64>,
}

impl Network {
    fn draw(inputs: usize, hidden: usize, outputs: usize, draws: &mut Draws) -> Network {
        let mut uniform = |n: usize, bound: f64| (0..n).map(|_| bound * (2.0 * draws.uniform() - 1.0)).collect::<Vec<f64>>();
        let (fan1, fan2) = (libm::sqrt(6.0 / (inputs + hidden) as f64), libm::sqrt(6.0 / (hidden + outputs) as f64));
        let first = uniform(inputs * hidden, fan1);
        let bias = uniform(hidden, 1.0 / libm::sqrt(inputs as f64));
        Network { hidden, first, bias, second: uniform(hidden * outputs, fan2) }
    }

    /// Active inputs of an example.
    fn active<'a>(example: &'a Example, p: usize) -> impl Iterator<Item = usize> + 'a {
        let ones = example.bits.iter().enumerate().filter(|(_, b)| **b == 1).map(move |(i, _)| 2 * p + i);
        [example.pair.0, p + example.pair.1].into_iter().chain(ones)
    }

    fn forward(&self, example: &Example, p: usize, h: &mut [f64], out: &mut [f64]) {
        h.copy_from_slice(&self.bias);
        for input in Network::active(example, p) {
            for (x, w) in h.iter_mut().zip(&self.first[input * self.hidden..(input + 1) * self.hidden]) {
                *x += w;
            }
        }
        h.iter_mut().for_each(|x| *x = x.max(0.0));
        for (o, w) in out.iter_mut().zip(self.second.chunks_exact(self.hidden)) {
            *o = sum(w, h);
        }
    }
}

/// An inner product in four running sums, so that it is fast; the order is fixed.
fn sum(x: &[f64], y: &[f64]) -> f64 {
    let mut s = [0.0; 4];
    let (a, b) = (x.chunks_exact(4), y.chunks_exact(4));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(x, y)| x * y).sum();
    for (u, v) in a.zip(b) {
        for i in 0..4 {
            s[i] += u[i] * v[i];
        }
    }
    s[0] + s[1] + s[2] + s[3] + rest
}

/// Pairs and bits of both sets.
fn examples(s: &Setting, draws: &mut Draws) -> (Vec<Example>, Vec<Example>) {
    let from = usize::from(s.operation == Operation::Divide);
    let example = |pair: (usize, usize), draws: &mut Draws| Example {
        pair,
        bits: (0..s.length).map(|_| draws.below(2) as u8).collect(),
        label: s.operation.of(pair.0, pair.1, s.p),
    };
    let (train, validation) = s.examples;
    if s.clean {
        // All pairs in random order; each set draws from its own part, as many times as it needs, in proportion to its size.
        let all: Vec<(usize, usize)> = (0..s.p).flat_map(|x| (from..s.p).map(move |y| (x, y))).collect();
        let order = draws.permutation(all.len());
        let cut = (all.len() * train).div_ceil(train + validation).clamp(1, all.len() - 1);
        let (cut, end) = if train + validation <= all.len() { (train, train + validation) } else { (cut, all.len()) };
        let mut draw = |places: &[usize], n: usize| (0..n).map(|i| example(all[places[i % places.len()]], draws)).collect::<Vec<_>>();
        (draw(&order[..cut], train), draw(&order[cut..end], validation))
    } else {
        let mut draw = |n: usize| {
            (0..n)
                .map(|_| {
                    let pair = (draws.below(s.p), from + draws.below(s.p - from));
                    example(pair, draws)
                })
                .collect::<Vec<_>>()
        };
        (draw(train), draw(validation))
    }
}

/// One run. It ends when both accuracies have reached the threshold, or at the last epoch.
pub fn train(s: &Setting, draws: &mut Draws, stop: &dyn Fn() -> bool) -> Outcome {
    let (mut training, mut validation) = examples(s, draws);
    let held = |pair| training.iter().any(|e| e.pair == pair);
    let leak = validation.iter().filter(|e| held(e.pair)).count() as f64 / validation.len() as f64;
    let inputs = 2 * s.p + s.length;
    let mut net = Network::draw(inputs, s.hidden, s.p, draws);
    let mut outcome = Outcome { accuracy: Vec::new(), train: None, validation: None, leak };
    let (mut h, mut out) = (vec![0.0; s.hidden], vec![0.0; s.p]);
    let mut delta = vec![0.0; s.hidden];
    let (mut g1, mut gb, mut g2) = (vec![0.0; net.first.len()], vec![0.0; s.hidden], vec![0.0; net.second.len()]);
    for epoch in 0..s.epochs {
        if stop() {
            break;
        }
        if s.resampled {
            for e in training.iter_mut().chain(&mut validation) {
                e.bits.iter_mut().for_each(|b| *b = draws.below(2) as u8);
            }
        }
        let order = draws.permutation(training.len());
        let mut right = 0;
        for batch in order.chunks(BATCH) {
            for g in [&mut g1, &mut gb, &mut g2] {
                g.fill(0.0);
            }
            for &i in batch {
                let e = &training[i];
                net.forward(e, s.p, &mut h, &mut out);
                right += usize::from(best(&out) == e.label);
                softmax(&mut out);
                out[e.label] -= 1.0;
                delta.fill(0.0);
                for ((o, w), g) in out.iter().zip(net.second.chunks_exact(s.hidden)).zip(g2.chunks_exact_mut(s.hidden)) {
                    for j in 0..s.hidden {
                        g[j] += o * h[j];
                        delta[j] += o * w[j];
                    }
                }
                delta.iter_mut().zip(&h).for_each(|(d, x)| *d = if *x > 0.0 { *d } else { 0.0 });
                gb.iter_mut().zip(&delta).for_each(|(g, d)| *g += d);
                for input in Network::active(e, s.p) {
                    for (g, d) in g1[input * s.hidden..(input + 1) * s.hidden].iter_mut().zip(&delta) {
                        *g += d;
                    }
                }
            }
            let (kept, step) = (1.0 - s.rate * s.decay, s.rate / batch.len() as f64);
            for (w, g) in [(&mut net.first, &g1), (&mut net.bias, &gb), (&mut net.second, &g2)] {
                w.iter_mut().zip(g).for_each(|(w, g)| *w = kept * *w - step * g);
            }
        }
        let good = validation
            .iter()
            .filter(|e| {
                net.forward(e, s.p, &mut h, &mut out);
                best(&out) == e.label
            })
            .count();
        let (t, v) = (right as f64 / training.len() as f64, good as f64 / validation.len() as f64);
        outcome.accuracy.push((t, v));
        if outcome.train.is_none() && t >= s.threshold {
            outcome.train = Some(epoch);
        }
        if outcome.validation.is_none() && v >= s.threshold {
            outcome.validation = Some(epoch);
        }
        if outcome.train.is_some() && outcome.validation.is_some() {
            break;
        }
    }
    outcome
}

fn best(out: &[f64]) -> usize {
    (1..out.len()).fold(0, |b, i| if out[i] > out[b] { i } else { b })
}

fn softmax(out: &mut [f64]) {
    let most = out.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    out.iter_mut().for_each(|x| *x = libm::exp(*x - most));
    let total: f64 = out.iter().sum();
    out.iter_mut().for_each(|x| *x /= total);
}

impl Outcome {
    /// What is known of the gap; `None` where training accuracy never reached the threshold.
    pub fn gap(&self, epochs: usize) -> Option<Gap> {
        let train = self.train?;
        Some(match self.validation {
            None => Gap::Above((epochs - train) as f64),
            Some(v) if v > train => Gap::Seen((v - train) as f64),
            Some(_) => Gap::Below(1.0),
        })
    }
}

pub(super) fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    let clean = args.str("split") == "clean";
    let p = args.size("p");
    if !(2..).take_while(|d| d * d <= p).all(|d| !p.is_multiple_of(d)) || p < 2 {
        return Err(TheoryError::parameter(args, "p", format!("{p} is no prime"), "a prime such as 7, 31 or 97"));
    }
    let resampled = match args.str("noise") {
        "fixed" => false,
        "resampled" => true,
        _ => clean,
    };
    let lengths = args.ints("lengths");
    let mut operations = Vec::new();
    for word in args.strs("operations") {
        let Some((_, o)) = Operation::ALL.into_iter().find(|(w, _)| *w == word) else {
            return Err(TheoryError::parameter(args, "operations", format!("`{word}` is no operation"), Operation::ALL.map(|o| o.0).join(", ")));
        };
        operations.push((word.to_string(), o));
    }
    if lengths.is_empty() || operations.is_empty() {
        let empty = if lengths.is_empty() { "lengths" } else { "operations" };
        return Err(TheoryError::parameter(args, empty, "the list is empty", "one entry at least"));
    }
    let (epochs, seeds) = (or(args, "epochs", 250), context.samples.unwrap_or(1));
    let setting = |i: usize| Setting {
        operation: operations[i / seeds / lengths.len()].1,
        p,
        length: lengths[i / seeds % lengths.len()] as usize,
        examples: (or(args, "train", 600), or(args, "validation", 200)),
        clean,
        resampled,
        hidden: args.size("hidden"),
        rate: rate(args, 0.1),
        decay: args.float("decay"),
        epochs,
        threshold: args.float("threshold"),
    };
    let runs = context.map(operations.len() * lengths.len() * seeds, |i| {
        let outcome = train(&setting(i), &mut context.draws(lane::NETWORK, i), context.stop);
        if (context.stop)() { Err(TheoryError::Stopped) } else { Ok(outcome) }
    })?;
    let xs: Vec<f64> = (0..runs.len()).map(|i| setting(i).length as f64).collect();
    let names: Vec<&str> = (0..runs.len()).map(|i| operations[i / seeds / lengths.len()].0.as_str()).collect();
    Ok(say(&runs, &xs, &names, epochs, clean, context))
}

fn say(runs: &[Outcome], lengths: &[f64], names: &[&str], epochs: usize, clean: bool, context: &Context) -> Answer {
    let known: Vec<(f64, Gap)> = runs.iter().zip(lengths).filter_map(|(r, l)| r.gap(epochs).map(|g| (*l, g))).collect();
    let (xs, gaps): (Vec<f64>, Vec<Gap>) = known.iter().copied().unzip();
    let seen: Vec<(f64, f64)> = known.iter().filter_map(|(l, g)| if let Gap::Seen(x) = g { Some((*l, *x)) } else { None }).collect();
    let mut answer = Answer::default();
    let share = |n: usize| fraction(n, runs.len());
    let fit = tobit(&xs, &gaps);
    let printed = pearson_printed(&xs, &gaps);
    let dropped = pearson(&seen.iter().map(|s| s.0).collect::<Vec<_>>(), &seen.iter().map(|s| libm::log(s.1)).collect::<Vec<_>>());
    let above = gaps.iter().filter(|g| matches!(g, Gap::Above(_))).count();
    let one = |value: f64| Simulated { estimate: value, low: value, high: value, samples: known.len() };
    answer.quantities.push(
        Quantity::new("leak", "mean share of validation examples whose pair is trained on")
            .simulated(crate::numeric::mean(&runs.iter().map(|r| r.leak).collect::<Vec<f64>>())),
    );
    answer.quantities.push(Quantity::new("train_share", "share of runs whose training accuracy reaches the threshold").simulated(share(known.len())));
    answer.quantities.push(
        Quantity::new("validation_share", "share of runs whose validation accuracy reaches the threshold")
            .simulated(share(runs.iter().filter(|r| r.validation.is_some()).count())),
    );
    answer
        .quantities
        .push(Quantity::new("censored_share", "share of runs that ended before validation accuracy reached the threshold").simulated(share(above)));
    let (slopes, correlations) = bootstrap(&xs, &gaps, context);
    let interval = |value: f64, v: &[f64]| Simulated {
        estimate: value,
        low: crate::numeric::quantile(v, 0.025),
        high: crate::numeric::quantile(v, 0.975),
        samples: known.len(),
    };
    let slope = Quantity::new("slope", "c of Δ = A e^{cℓ} per spurious bit, censored gaps by their likelihood, bootstrap over runs");
    let scale = Quantity::new("gap_at_zero", "A: epochs");
    let correlation = Quantity::new("correlation", "correlation of ln Δ and ℓ that the censored fit implies, bootstrap over runs");
    answer.quantities.extend(match fit {
        Some(f) => [
            slope.simulated(interval(f.slope, &slopes)),
            scale.simulated(one(libm::exp(f.intercept))),
            correlation.simulated(interval(f.correlation, &correlations)),
        ],
        None => [slope, scale, correlation],
    });
    if printed.is_finite() {
        answer.quantities.push(
            Quantity::new("correlation_as_printed", "Pearson's r as the paper has it: cut gaps count as seen, ln of gaps that are not positive as 0")
                .simulated(one(printed)),
        );
    }
    if dropped.is_finite() {
        answer.quantities.push(Quantity::new("correlation_dropped", "Pearson's r over gaps that were seen").simulated(one(dropped)));
    }
    let cell = |k: Option<usize>| k.map_or(Cell::Text("never".into()), Cell::from);
    let rows = runs.iter().zip(lengths).zip(names).map(|((r, l), name)| {
        let (t, v) = r.accuracy.last().copied().unwrap_or((f64::NAN, f64::NAN));
        vec![(*name).into(), (*l as usize).into(), cell(r.train), cell(r.validation), t.into(), v.into()]
    });
    let columns =
        ["operation", "ℓ", "training at epoch", "validation at epoch", "training accuracy, end", "validation accuracy, end"].map(String::from).to_vec();
    answer.tables.push(Table { title: format!("runs of {epochs} epochs at most"), columns, rows: rows.collect() });
    answer.findings.push(Finding {
        claim: "miller-beyond-nn 3".into(),
        found: match fit {
            Some(f) => format!("c = {:.3} [{:.3}, {:.3}] per bit, correlation {:.2} with {above} of {} gaps censored; treated as in the paper r = {printed:.2} (the paper: .92)", f.slope, interval(f.slope, &slopes).low, interval(f.slope, &slopes).high, f.correlation, known.len()),
            None => format!("no law can be fitted: {} of {} gaps were seen within {epochs} epochs, {above} were cut", seen.len(), known.len()),
        },
        agrees: fit.and_then(|f| {
            let i = interval(f.slope, &slopes);
            if i.low > 0.0 && f.correlation > 0.7 { Some(true) } else if i.high < 0.0 { Some(false) } else { None }
        }),
    });
    if clean {
        answer.notes.push("disjoint pairs: reaching the threshold is generalising over pairs; split=leak is the paper's draw, in which it is learning to ignore the noise bits".into());
    } else {
        answer.notes.push(
            "the paper's draw: nearly every validation pair is trained on, so the gap is the time in which the network learns to ignore the noise bits".into(),
        );
    }
    charts(runs, lengths, &known, fit, &mut answer);
    answer
}

/// Slopes and correlations of resampled runs, ascending.
fn bootstrap(xs: &[f64], gaps: &[Gap], context: &Context) -> (Vec<f64>, Vec<f64>) {
    let mut draws = context.draws(lane::NETWORK + 100, 0);
    let fits: Vec<_> = (0..100)
        .filter_map(|_| {
            let pick: Vec<usize> = xs.iter().map(|_| draws.below(xs.len())).collect();
            tobit(&pick.iter().map(|&i| xs[i]).collect::<Vec<_>>(), &pick.iter().map(|&i| gaps[i]).collect::<Vec<_>>())
        })
        .collect();
    let sorted = |f: fn(&super::law::Fit) -> f64| {
        let mut v: Vec<f64> = fits.iter().map(f).collect();
        v.sort_by(f64::total_cmp);
        v
    };
    (sorted(|f| f.slope), sorted(|f| f.correlation))
}

fn charts(runs: &[Outcome], lengths: &[f64], known: &[(f64, Gap)], fit: Option<super::law::Fit>, answer: &mut Answer) {
    let of = |pick: fn(&Gap) -> Option<f64>| known.iter().filter_map(|(l, g)| pick(g).map(|x| (*l, x))).collect::<Vec<(f64, f64)>>();
    let mut marks = vec![
        Mark::points("gap", Look::Simulated, of(|g| if let Gap::Seen(x) = g { Some(*x) } else { None })),
        Mark::points("longer than the run", Look::Group(1), of(|g| if let Gap::Above(x) = g { Some(*x) } else { None })),
        Mark::points("less than an epoch", Look::Group(2), of(|g| if let Gap::Below(x) = g { Some(*x) } else { None })),
    ];
    if let Some(f) = fit {
        let (low, high) = lengths.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(*x), b.max(*x)));
        let line = (0..=20).map(|i| low + (high - low) * i as f64 / 20.0).map(|l| (l, libm::exp(f.intercept + f.slope * l))).collect();
        marks.push(Mark::line("A e^{cℓ}", Look::Closed, line));
    }
    marks.retain(|m| !matches!(m, Mark::Points { points, .. } if points.is_empty()));
    if !marks.is_empty() {
        answer.charts.push(Chart {
            title: "gap against spurious bits".into(),
            x: Axis::linear("spurious bits ℓ"),
            y: Axis::log("gap (epochs)"),
            marks,
            note: String::new(),
        });
    }
    let most = lengths.iter().copied().fold(0.0, f64::max);
    for (place, title) in [(lengths.iter().position(|l| *l < most), "the shortest ℓ"), (lengths.iter().position(|l| *l == most), "the longest ℓ")] {
        if let Some(run) = place.and_then(|i| runs.get(i)) {
            let curve = |f: fn(&(f64, f64)) -> f64| run.accuracy.iter().enumerate().map(|(i, a)| ((i + 1) as f64, f(a))).collect();
            answer.charts.push(Chart {
                title: format!("accuracy of one run, {title}"),
                x: Axis::log("epoch + 1"),
                y: Axis::linear("accuracy").including(0.0).including(1.0),
                marks: vec![Mark::line("training", Look::Train, curve(|a| a.0)), Mark::line("validation", Look::Test, curve(|a| a.1))],
                note: String::new(),
            });
        }
    }
}
