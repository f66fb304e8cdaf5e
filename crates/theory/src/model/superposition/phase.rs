//! The phase diagram of n features in n − 1 dimensions: candidates beside training on the exact loss.

use super::engine::{Engine, Examples, Recipe, Trained};
use super::exact::{self, Candidate, Nodes};
use super::{LANE_INIT, MODEL, charts, first_scale, geometry};
use crate::answer::{Answer, Finding, Quantity, Simulated};
use crate::model::{Context, TheoryError};
use crate::numeric;
use crate::numeric::matrix::Matrix;
use pennydrop_registry::Args;

/// A cell of the diagram.
#[derive(Debug, Clone)]
pub struct Found {
    /// What the best restart does; `None`: none of the candidates (features spread over the dimensions).
    pub class: Option<Candidate>,
    /// Its loss over that of the best candidate.
    pub ratio: f64,
}

/// What trained weights do.
pub fn classify(w: &Matrix) -> Option<Candidate> {
    let n = w.cols();
    let norms = geometry::norms(w);
    let lost = (0..n).min_by(|i, j| norms[*i].total_cmp(&norms[*j])).unwrap_or(0);
    // In a pair of weights 1 and r both columns shrink a little; a dropped column is 0.
    if norms[lost] < 0.35 {
        return Some(if lost == n - 1 { Candidate::DropLast } else { Candidate::DropFirst });
    }
    let gram = w.transposed_mul(w);
    let pairs = (0..n).flat_map(|i| (0..i).map(move |j| (i, j)));
    let cosine = |(i, j): (usize, usize)| (gram[(i, j)] / (norms[i] * norms[j])).abs();
    let (i, j) = pairs.max_by(|a, b| cosine(*a).total_cmp(&cosine(*b)))?;
    if cosine((i, j)) < 0.9 {
        return None;
    }
    Some(if i == n - 1 || j == n - 1 { Candidate::PairLast } else { Candidate::PairFirst })
}

pub(super) fn answer(out: &mut Answer, args: &Args, n: usize, m: usize, context: &Context) -> Result<(), TheoryError> {
    if n > 3 || m + 1 != n {
        return Err(TheoryError::parameter(
            args,
            "n",
            format!("{n} features in {m} dimensions have no phase diagram in closed form"),
            "n=2 m=1 or n=3 m=2 for part=phase",
        ));
    }
    let points = if n == 2 { 8 } else { 6 };
    let nodes = Nodes::new(n, points);
    let recipe = Recipe {
        lr: if args.float("lr") == 0.0 { 0.05 } else { args.float("lr") },
        weight_decay: 0.0,
        steps: if args.size("steps") == 0 { 200 } else { args.size("steps") },
        cosine: args.str("schedule") == "cosine",
    };
    let engine = Engine::<f64>::new(n, m, &vec![1.0; n], Examples::Weighted(nodes.values.clone()), recipe)?;
    // Losses are compared on a finer grid than they are trained on.
    let judge = Nodes::new(n, 2 * points + 1);
    let scale = first_scale(args, n, m);
    let restarts = context.samples_or(MODEL.samples).max(1);
    let count = if args.size("grid") == 0 { 8 } else { args.size("grid") };
    let step = |k: usize| (k as f64 + 0.5) / count as f64;
    let ss: Vec<f64> = (0..count).map(|k| libm::pow(10.0, -2.0 * (1.0 - step(k)))).collect();
    let rs: Vec<f64> = (0..count).map(|k| libm::pow(10.0, -1.0 + 2.0 * step(k))).collect();
    let weigh = |r: f64| -> Vec<f64> { (0..n).map(|i| if i == n - 1 { r } else { 1.0 }).collect() };
    let cells: Vec<Found> = context.map(count * count, |k| {
        let (r, s) = (rs[k / count], ss[k % count]);
        let shares = nodes.weights(s);
        let mut best: Option<(f64, Matrix)> = None;
        for restart in 0..restarts {
            // The best of eight draws: half of all first weights give two features the same sign, from which sparse data never part them.
            let mut draws = context.draws(LANE_INIT, k * restarts + restart);
            let drawn: Vec<Matrix> = (0..8).map(|_| Matrix::normal(m, n, scale, &mut draws)).collect();
            let zero = vec![0.0; n];
            let losses: Vec<f64> = drawn.iter().map(|w| nodes.loss(w, &zero, &weigh(r), s)).collect();
            let first = (0..drawn.len()).min_by(|i, j| losses[*i].total_cmp(&losses[*j])).unwrap_or(0);
            let t: Trained = engine.train(&drawn[first], &zero, s, &shares, r, 0);
            let loss = judge.loss(&t.w, &t.b, &weigh(r), s);
            if best.as_ref().is_none_or(|b| loss < b.0) {
                best = Some((loss, t.w));
            }
        }
        let (loss, w) = best.unwrap_or((f64::NAN, Matrix::zeros(m, n)));
        // Over the candidate's loss by the same midpoints, so that their error falls away.
        let (cw, cb) = exact::best(s, r, n).weights(s, n);
        Ok(Found { class: classify(&w), ratio: loss / judge.loss(&cw, &cb, &weigh(r), s) })
    })?;
    // The first boundary, measured: from either candidate, which is better after training?
    let s = args.float("density");
    let shares = nodes.weights(s);
    let trained = |from: Candidate, r: f64| -> (f64, Option<Candidate>) {
        let (mut w, b) = from.weights(s, n);
        // Off the symmetric point, so that training may leave it.
        for i in 0..n {
            w[(0, i)] += 0.02;
        }
        let t = engine.train(&w, &b, s, &shares, r, 0);
        (judge.loss(&t.w, &t.b, &weigh(r), s), classify(&t.w))
    };
    let paired = |r: f64| {
        let (drop, pair) = (trained(Candidate::DropLast, r), trained(Candidate::PairLast, r));
        // Whichever of the two ends lower; a start that left its basin counts as what it became.
        if pair.0 < drop.0 { pair.1 != Some(Candidate::DropLast) } else { drop.1 != Some(Candidate::DropLast) }
    };
    let (mut low, mut high) = (1e-3, 1.0);
    let closed = exact::boundary_last(s);
    let within = s < exact::TRIPLE.0;
    if within && paired(high) && !paired(low) {
        for _ in 0..9 {
            let r = libm::sqrt(low * high);
            if paired(r) { high = r } else { low = r }
        }
    } else {
        (low, high) = (f64::NAN, f64::NAN);
    }
    let mut q = Quantity::new("boundary_importance", "importance of the last feature at which pairing it begins to pay, at `density` (below 4/7)");
    if within {
        q = q.corrected(closed);
    }
    if low.is_finite() {
        q = q.simulated(Simulated { estimate: libm::sqrt(low * high), low, high, samples: 1 });
    }
    out.quantities.push(q);
    out.quantities.push(Quantity::new("triple_density", "density at which all candidates cost the same, at importance 1").corrected(exact::TRIPLE.0));
    let same = (0..count * count).filter(|k| cells[*k].class == Some(exact::best(ss[k % count], rs[k / count], n))).count();
    out.quantities.push(
        Quantity::new("agreement", "share of cells in which training does what the best candidate does").simulated(numeric::fraction(same, count * count)),
    );
    let ratios: Vec<f64> = cells.iter().map(|c| c.ratio).collect();
    let worst = ratios.iter().copied().fold(0.0, f64::max);
    let most = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    out.quantities.push(
        Quantity::new("loss_ratio_largest", "largest loss of training over that of the best candidate; above 1: not found").simulated(Simulated::exact(worst)),
    );
    out.quantities.push(Quantity::new("loss_ratio_smallest", "smallest: what biases and unequal columns gain").simulated(Simulated::exact(most)));
    // A cell whose restarts all end above a candidate's loss says what the optimizer missed, not what is best.
    let missed = ratios.iter().filter(|r| **r > 1.002).count();
    out.quantities.push(
        Quantity::new("cells_missed", "cells in which every restart ends above the best candidate's loss; more samples miss fewer")
            .simulated(Simulated::exact(missed as f64)),
    );
    charts::phase(out, &ss, &rs, &cells, n);
    out.findings.push(Finding {
        claim: "toy-superposition 2".into(),
        found: format!(
            "n = {n}: {same} of {} cells agree with the best candidate; in {missed} no restart came down to its loss (losses are {most:.3} to {worst:.3} of it); at s = {s} pairing begins at r = {:.3} (candidates: {closed:.3})",
            count * count,
            libm::sqrt(low * high)
        ),
        agrees: (missed * 10 <= count * count).then_some(same * 4 >= count * count * 3),
    });
    out.notes.push(
        "The candidates are feasible, not optimal: pairs gain from unequal columns and biases, so trained boundaries lie inside those of the candidates."
            .into(),
    );
    Ok(())
}
