//! What the three parts compute.

use super::effective::{Flow, flow};
use super::lattice::Lattice;
use super::toy::{Rates, Run, Sizes, Toy, Training};
use super::{Args, Context, MODEL, TheoryError, report};
use crate::answer::Answer;

/// Draws of training sets, of starts of flows, of runs.
pub(super) const LANES: [u32; 3] = [0x940, 0x941, 0x942];
/// Runs of the toy, where nobody says.
const RUNS: usize = 2;
/// Flows whose late rate is measured, at most.
const FLOWS: usize = 24;

/// What training sets of one size are like.
pub(super) struct AtSize {
    pub d: usize,
    pub unique: Vec<bool>,
    pub lambda: Vec<f64>,
    pub ideal: Vec<f64>,
    pub pairs: Vec<usize>,
}

/// A flow from one start: over a training set (in the paper's normalisation), and over all parallelograms.
pub(super) struct Flows {
    pub lambda: f64,
    pub count: f64,
    pub own: Flow,
    pub released: Flow,
}

pub(super) fn effective(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    let (p, train) = (args.size("p"), args.size("train"));
    let lattice = Lattice::new(p);
    let all = lattice.samples.len();
    let draws = context.samples_or(MODEL.samples);
    // The card's sizes at p = 10 are six of these shares.
    let mut sizes: Vec<usize> =
        [12, 15, 18, 21, 24, 27, 30, 33, 36, 40, 45, 50, 54].iter().map(|d| (d * all + 27) / 55).filter(|d| *d >= 1 && *d < all).chain([train]).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let found = context.map(sizes.len() * draws, |k| {
        let d = sizes[k / draws];
        let trained = training_set(&lattice, d, context, k);
        let pairs = lattice.within(&trained);
        let unique = lattice.freedom(&pairs) == 2;
        Ok((unique, if unique { lattice.third_eigenvalue(&pairs) } else { 0.0 }, lattice.ideal_accuracy(&trained).unwrap_or(f64::NAN), pairs.len()))
    })?;
    let scan: Vec<AtSize> = sizes
        .iter()
        .zip(found.chunks(draws))
        .map(|(d, of)| AtSize {
            d: *d,
            unique: of.iter().map(|x| x.0).collect(),
            lambda: of.iter().map(|x| x.1).collect(),
            ideal: of.iter().map(|x| x.2).collect(),
            pairs: of.iter().map(|x| x.3).collect(),
        })
        .collect();
    let flows = context.map(draws.min(FLOWS), |k| {
        let trained = training_set(&lattice, train, context, sizes.iter().position(|d| *d == train).unwrap_or(0) * draws + k);
        let pairs = lattice.within(&trained);
        let lambda = lattice.third_eigenvalue(&pairs);
        let mut draw = context.draws(LANES[1], k);
        let start: Vec<f64> = (0..p).map(|_| draw.uniform() - 0.5).collect();
        let count = pairs.len().max(1) as f64;
        // Where the representation is not unique there is no λ₃ to measure.
        let own = if lattice.freedom(&pairs) == 2 {
            flow(&lattice, &pairs, count, &start)?
        } else {
            Flow { loss: Vec::new(), z0: 1.0, rate: None, good: None, end: start.clone() }
        };
        Ok(Flows { lambda, count, own, released: flow(&lattice, &lattice.pairs, 1.0, &start)? })
    })?;
    Ok(report::effective(&lattice, train, &scan, &flows))
}

fn training_set(lattice: &Lattice, d: usize, context: &Context, k: usize) -> Vec<bool> {
    let mut trained = vec![false; lattice.samples.len()];
    context.draws(LANES[0], k).permutation(trained.len()).into_iter().take(d).for_each(|s| trained[s] = true);
    trained
}

fn sizes(args: &Args) -> Sizes {
    Sizes { p: args.size("p"), dims: args.size("dims"), width: args.size("width"), outputs: args.size("outputs") }
}

fn rates(args: &Args) -> Rates {
    Rates { embedding: args.float("lr_embedding"), decoder: args.float("lr_decoder"), embedding_decay: 0.0, decoder_decay: args.float("wd_decoder") }
}

pub(super) fn toy(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    let toy = Toy::new(sizes(args), args.size("train"));
    let steps = args.size("steps");
    let runs = context
        .map(context.samples.unwrap_or(RUNS), |i| Training::new(&toy, rates(args), &mut context.draws(LANES[2], i)).run(steps, |_| false, context.stop))?;
    Ok(report::toy(&Lattice::new(args.size("p")), args, &runs))
}

/// What became of the runs of a cell.
pub(super) struct Cell {
    /// First step at which 90 % of the training samples were right, and of the test samples, a pair a run.
    pub times: Vec<(Option<usize>, Option<usize>)>,
}

/// The four phases, in the order in which they are listed.
pub(super) const PHASES: [&str; 4] = ["comprehension", "grokking", "memorisation", "confusion"];

/// Phase of a run by the card's definitions; a test time without a training time counts as comprehension.
pub(super) fn phase_of((train, test): (Option<usize>, Option<usize>), gap: f64) -> usize {
    match (train, test) {
        (Some(train), Some(test)) if test as f64 - train as f64 >= gap => 1,
        (_, Some(_)) => 0,
        (Some(_), None) => 2,
        (None, None) => 3,
    }
}

impl Cell {
    /// The most frequent phase, the first of several.
    pub fn phase(&self, gap: f64) -> usize {
        let mut counts = [0; 4];
        self.times.iter().for_each(|t| counts[phase_of(*t, gap)] += 1);
        (0..4).fold(0, |b, k| if counts[k] > counts[b] { k } else { b })
    }
}

pub(super) fn phase(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    let toy = Toy::new(sizes(args), args.size("train"));
    let (steps, n, runs) = (args.size("steps"), args.size("cells"), context.samples.unwrap_or(1));
    let usual = rates(args);
    let log = |from: f64, to: f64| (0..n).map(|i| libm::pow(10.0, from + (to - from) * i as f64 / (n - 1) as f64)).collect::<Vec<f64>>();
    let by_rates = args.str("plane") == "rates";
    // The decoder's rate across; the embedding's rate, or the decoder's decay (0 … 10 as in the paper), upward.
    let xs = log(-5.0, -2.0);
    let ys = if by_rates { log(-5.0, -2.0) } else { (0..n).map(|i| 10.0 * i as f64 / (n - 1) as f64).collect() };
    let done = |looks: &[super::toy::Look]| {
        let seen = |of: fn(&super::toy::Look) -> f64| looks.iter().any(|l| of(l) >= 0.9);
        seen(|l| l.train) && seen(|l| l.test)
    };
    let found = context.map(n * n * runs, |k| {
        let (cell, i) = (k / runs, k % runs);
        let (x, y) = (xs[cell % n], ys[cell / n]);
        let rates = if by_rates { Rates { embedding: y, decoder: x, ..usual } } else { Rates { decoder: x, decoder_decay: y, ..usual } };
        let run: Run = Training::new(&toy, rates, &mut context.draws(LANES[2], i)).run(steps, done, context.stop)?;
        Ok((run.reaches(|l| l.train, 0.9), run.reaches(|l| l.test, 0.9)))
    })?;
    let cells: Vec<Cell> = found.chunks(runs).map(|t| Cell { times: t.to_vec() }).collect();
    Ok(report::phase(args, &xs, &ys, &cells, runs))
}
