//! Simulated maps of the published claims: over dimension and separation, over λ₂ and λ₁, the exponent, the branches.

use super::Setting;
use super::closed::{self, Form, critical_exponent, grokking_probability, l1_bound, slow_time_corrected, slow_time_printed, test_error, test_error_radial};
use super::flow::{Modes, data, point};
use super::sparse::Sliding;
use crate::answer::{Cell, Simulated, Table};
use crate::model::{Context, TheoryError};
use crate::numeric::quadrature::integrate;
use crate::numeric::{fraction, quantile};

const MAP: u32 = 64;
const RIDGE: u32 = 96;
const LASSO: u32 = 97;
const PROJECTIONS: u32 = 98;
const BRANCHES: u32 = 112;

/// Dimensions of the map.
pub const DIMENSIONS: [usize; 7] = [2, 5, 10, 20, 40, 80, 160];
/// Separations of the map, beside the user's own.
pub const SEPARATIONS: [f64; 4] = [1.01, 1.03, 1.05, 1.1];
/// Strengths of L2 in the table.
pub const RIDGES: [f64; 6] = [0.001, 0.01, 0.1, 0.3, 1.0, 10.0];
/// Strengths of L1 in the table.
pub const LASSOS: [f64; 6] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

/// Training sets in a cell of a table: a quarter of the samples that were asked for, or what a good tenth of a second of multiplications affords.
fn afford(context: &Context, n: usize, d: usize) -> usize {
    let work = 2 * n * d * d.min(2 * n) + 40 * n * d + 20_000;
    (100_000_000 / work).clamp(20, (context.samples_or(super::MODEL.samples) / 4).max(20))
}

/// Share of `count` training sets on which the flow ends without test error, for λ₁ = 0. Only where λ₂ = 0 and D > 2N does the end depend on the start.
///
/// # Errors
/// The eigenvalues; the stop callback.
pub fn share(context: &Context, lane: u32, count: usize, n: usize, d: usize, eps: f64, lambda2: f64, xi: f64) -> Result<Simulated, TheoryError> {
    let groks = context.blocks(count, 16, |range| {
        range
            .map(|i| {
                let mut draws = context.draws(lane, i);
                let modes = Modes::new(&data(&mut draws, n, d, eps, xi), eps, lambda2)?;
                Ok(modes.from(&draws.normals(d)).groks())
            })
            .collect()
    })?;
    Ok(fraction(groks.iter().filter(|g| **g).count(), groks.len()))
}

/// The probability to grok over dimension and separation, λ₁ = 0.
#[derive(Debug, Clone)]
pub struct Map {
    /// Separations, one a row.
    pub eps: Vec<f64>,
    /// `[eps][dimension]`.
    pub found: Vec<Vec<Simulated>>,
    /// The corrected closed form.
    pub closed: Vec<Vec<f64>>,
    n: usize,
    lambda2: f64,
}

/// Simulates the map at the user's N and λ₂, uniform balls.
///
/// # Errors
/// As [`share`].
pub fn map(s: &Setting, context: &Context) -> Result<Map, TheoryError> {
    let mut eps = SEPARATIONS.to_vec();
    if s.eps > 1.0 && !eps.contains(&s.eps) {
        eps.push(s.eps);
    }
    let mut map = Map { found: Vec::new(), closed: Vec::new(), n: s.n, lambda2: s.lambda2, eps };
    for e in &map.eps.clone() {
        // The same balls for every separation: rows differ by the shift alone.
        let found = DIMENSIONS.iter().enumerate().map(|(i, d)| share(context, MAP + i as u32, afford(context, s.n, *d), s.n, *d, *e, s.lambda2, 0.0));
        map.found.push(found.collect::<Result<_, _>>()?);
        map.closed.push(DIMENSIONS.iter().map(|d| grokking_probability(Form::Corrected, s.n, *d, *e, s.lambda2)).collect::<Result<_, _>>()?);
    }
    Ok(map)
}

impl Map {
    /// 2Nε²(ε² − 1): the probability falls with D for good only if it is below 1.
    pub fn criterion(&self, row: usize) -> f64 {
        let e2 = self.eps[row] * self.eps[row];
        2.0 * self.n as f64 * e2 * (e2 - 1.0)
    }

    /// Whether the simulated probability falls from each dimension to the next (ties at 0 count as falling).
    pub fn falls(&self, row: usize) -> bool {
        self.found[row].windows(2).all(|w| w[1].estimate < w[0].estimate || w[0].estimate == 0.0 && w[1].estimate == 0.0)
    }

    /// As a table: simulated and corrected.
    pub fn table(&self) -> Table {
        let mut columns = vec!["ε".to_string(), "2Nε²(ε²−1)".to_string()];
        columns.extend(DIMENSIONS.iter().flat_map(|d| [format!("D = {d}"), format!("D = {d}, corrected")]));
        let row = |i: usize| {
            let cells = self.found[i].iter().zip(&self.closed[i]).flat_map(|(f, c)| [Cell::Number(f.estimate), Cell::Number(*c)]);
            [Cell::Number(self.eps[i]), Cell::Number(self.criterion(i))].into_iter().chain(cells).collect()
        };
        let least = self.found.iter().flatten().map(|f| f.samples).min().unwrap_or(0);
        Table {
            title: format!(
                "probability to grok, N = {}, λ₁ = 0, λ₂ = {}: simulated ({least} training sets a cell or more) beside the corrected form",
                self.n, self.lambda2
            ),
            columns,
            rows: (0..self.eps.len()).map(row).collect(),
        }
    }
}

/// The probability to grok over λ₂: `(λ₂, printed, corrected, short form, simulated)`.
///
/// # Errors
/// As [`share`].
pub fn ridge(s: &Setting, context: &Context) -> Result<Vec<(f64, [f64; 3], Simulated)>, TheoryError> {
    let row = |l2: &f64| {
        let form = |form| grokking_probability(form, s.n, s.d, s.eps, *l2);
        let closed = [form(Form::Printed)?, form(Form::Corrected)?, closed::grokking_probability_short(s.n, s.d, s.eps, *l2)?];
        Ok((*l2, closed, share(context, RIDGE, afford(context, s.n, s.d), s.n, s.d, s.eps, *l2, 0.0)?))
    };
    RIDGES.iter().map(row).collect()
}

/// [`ridge`] as a table.
pub fn ridge_table(s: &Setting, rows: &[(f64, [f64; 3], Simulated)]) -> Table {
    let columns = ["λ₂", "printed", "corrected", "short form (Eq 30)", "simulated", "low", "high"].map(String::from).to_vec();
    let row = |(l2, c, f): &(f64, [f64; 3], Simulated)| [*l2, c[0], c[1], c[2], f.estimate, f.low, f.high].map(Cell::Number).to_vec();
    Table { title: format!("probability to grok over L2, N = {}, D = {}, ε = {}, λ₁ = 0", s.n, s.d, s.eps), columns, rows: rows.iter().map(row).collect() }
}

/// Share of `count` training sets on which the flow with L1 ends without test error.
///
/// # Errors
/// The end of the flow is not found; the stop callback.
pub fn lasso_share(context: &Context, lane: u32, count: usize, s: &Setting, lambda1: f64) -> Result<Simulated, TheoryError> {
    let groks = context.blocks(count, 16, |range| {
        range.map(|i| Sliding::new(&data(&mut context.draws(lane, i), s.n, s.d, s.eps, s.xi), s.eps, lambda1, s.lambda2).groks()).collect()
    })?;
    Ok(fraction(groks.iter().filter(|g| **g).count(), groks.len()))
}

/// The probability to grok over λ₁, beside the lower bound.
///
/// # Errors
/// As [`lasso_share`].
pub fn lasso_table(s: &Setting, context: &Context) -> Result<Table, TheoryError> {
    let row = |l1: &f64| {
        let f = lasso_share(context, LASSO, afford(context, s.n, 4 * s.d), s, *l1)?;
        Ok([*l1, l1_bound(s.n, s.d, s.eps, *l1), f.estimate, f.low, f.high].map(Cell::Number).to_vec())
    };
    Ok(Table {
        title: format!("probability to grok over L1, N = {}, D = {}, ε = {}, λ₂ = {}", s.n, s.d, s.eps, s.lambda2),
        columns: ["λ₁", "lower bound (Eq 33)", "simulated", "low", "high"].map(String::from).to_vec(),
        rows: LASSOS.iter().map(row).collect::<Result<_, TheoryError>>()?,
    })
}

/// An exponent measured from sampled points of the ball.
#[derive(Debug, Clone, Copy)]
pub struct Exponent {
    /// D.
    pub d: usize,
    /// Density exponent at the boundary.
    pub xi: f64,
    /// The predicted one.
    pub predicted: f64,
    /// Largest 1 − h that was used.
    pub window: f64,
    /// What the exact test error gives over that window.
    pub in_window: f64,
    /// What the points give.
    pub found: Simulated,
}

/// The exponent of the test error from the five hundredth part of the sampled points that reaches farthest along one direction (Hill's maximum-likelihood estimate).
///
/// # Errors
/// An integral does not converge.
pub fn exponent(d: usize, xi: f64, context: &Context) -> Result<Exponent, TheoryError> {
    // 100,000 and the 200 nearest where nobody says.
    let points = 50 * context.samples_or(super::MODEL.samples).clamp(200, 20_000);
    let last = points / 500;
    let lane = PROJECTIONS + if xi > 0.0 { 1 } else { 0 };
    let mut left = context.blocks(points, 4096, |range| {
        let mut x = vec![0.0; d];
        let mut draws = context.draws(lane, range.start);
        Ok(range
            .map(|_| {
                point(&mut draws, xi, &mut x);
                1.0 - x[0]
            })
            .collect())
    })?;
    left.sort_by(f64::total_cmp);
    let window = left[last];
    let estimate = last as f64 / left[..last].iter().map(|x| libm::log(window / x)).sum::<f64>();
    let half = 1.96 * estimate / libm::sqrt(last as f64);
    let error = |delta: f64| if xi == 0.0 { Ok(test_error(d, 1.0 - delta)) } else { test_error_radial(d, xi, delta) };
    // 1/ν over a window is the mean of ln(window/δ) over points in it, ∫ E(δ)/δ dδ / E(window).
    let logarithms = integrate(|u| error(window * libm::exp(-u)).unwrap_or(f64::NAN), 0.0, 40.0 / critical_exponent(d, xi), 1e-7, 0.0)?.value;
    let found = Simulated { estimate, low: estimate - half, high: estimate + half, samples: points };
    Ok(Exponent { d, xi, predicted: critical_exponent(d, xi), window, in_window: error(window)? / logarithms, found })
}

/// Exponents as a table.
pub fn exponent_table(rows: &[Exponent]) -> Table {
    let columns = ["D", "ξ", "ν predicted", "window 1 − h", "exact error in the window", "sampled points", "low", "high"].map(String::from).to_vec();
    let row = |e: &Exponent| {
        let mut cells = vec![Cell::from(e.d)];
        cells.extend([e.xi, e.predicted, e.window, e.in_window, e.found.estimate, e.found.low, e.found.high].map(Cell::Number));
        cells
    };
    Table {
        title: format!(
            "critical exponent from {} points of the ball, the five hundredth part nearest to its pole",
            rows.first().map_or(0, |e| e.found.samples)
        ),
        columns,
        rows: rows.iter().map(row).collect(),
    }
}

/// Quartiles of the grokking time against N, beside the slow branch of the limit.
#[derive(Debug, Clone)]
pub struct Branches {
    /// `(N, training sets, share that groks, quartiles of t_G)`.
    pub rows: Vec<(usize, usize, f64, [f64; 3])>,
}

/// Simulates N = 10, 100, 1000 for λ₁ = 0 with the user's other parameters.
///
/// # Errors
/// As [`share`].
pub fn branches(s: &Setting, context: &Context) -> Result<Branches, TheoryError> {
    let row = |(k, n): (usize, usize)| {
        let count = (100_000_000 / (400 * n * s.d.min(2 * n) + 2 * n * s.d * s.d.min(2 * n))).clamp(40, context.samples_or(super::MODEL.samples).max(40));
        let times = context.map(count, |i| {
            let mut draws = context.draws(BRANCHES + k as u32, i);
            let modes = Modes::new(&data(&mut draws, n, s.d, s.eps, s.xi), s.eps, s.lambda2)?;
            let w0: Vec<f64> = draws.normals(s.d).into_iter().map(|x| s.init * x).collect();
            let path = modes.from(&w0);
            Ok(if path.groks() { if let (Some(a), Some(b)) = path.times() { Some(b - a) } else { None } } else { None })
        })?;
        let mut sorted: Vec<f64> = times.iter().copied().flatten().collect();
        sorted.sort_by(f64::total_cmp);
        Ok((n, count, sorted.len() as f64 / count as f64, [0.25, 0.5, 0.75].map(|q| quantile(&sorted, q))))
    };
    Ok(Branches { rows: [10, 100, 1000].into_iter().enumerate().map(row).collect::<Result<_, TheoryError>>()? })
}

impl Branches {
    /// As a table, with the error of either form of the slow branch against the median.
    pub fn table(&self, s: &Setting) -> Table {
        let (printed, corrected) = (slow_time_printed(s.d, s.eps, s.lambda2), slow_time_corrected(s.d, s.eps, s.lambda2));
        let columns = ["N", "training sets", "share that groks", "quartile 1", "median", "quartile 3", "printed slow − median", "corrected slow − median"]
            .map(String::from)
            .to_vec();
        let row = |(n, count, share, q): &(usize, usize, f64, [f64; 3])| {
            let mut cells = vec![Cell::from(*n), Cell::from(*count)];
            cells.extend([*share, q[0], q[1], q[2], printed - q[1], corrected - q[1]].map(|x| if x.is_finite() { Cell::Number(x) } else { Cell::Empty }));
            cells
        };
        Table {
            title: format!(
                "grokking time at finite N: D = {}, ε = {}, λ₂ = {}; slow branch printed {printed:.4}, corrected {corrected:.4}",
                s.d, s.eps, s.lambda2
            ),
            columns,
            rows: self.rows.iter().map(row).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(n: usize, d: usize, eps: f64, lambda1: f64, lambda2: f64) -> Setting {
        Setting { n, d, eps, lambda1, lambda2, xi: 0.0, init: 1.0 }
    }

    /// Four standard errors of both sides: ours, and the card's 3000 draws; and its rounding.
    fn agree(got: Simulated, card: f64) -> bool {
        let p = (0.5 * (got.estimate + card)).clamp(1e-3, 1.0 - 1e-3);
        (got.estimate - card).abs() < 4.0 * libm::sqrt(p * (1.0 - p) * (1.0 / got.samples as f64 + 1.0 / 3000.0)) + 1e-3
    }

    #[test]
    fn the_map_is_that_of_the_card() {
        let context = Context::default();
        let card = [
            (1.01, [0.589, 0.095, 0.003, 0.0, 0.0]),
            (1.03, [0.829, 0.405, 0.171, 0.085, 0.101]),
            (1.05, [0.931, 0.704, 0.498, 0.540, 0.775]),
            (1.1, [0.988, 0.965, 0.947, 0.992, 1.0]),
        ];
        for (eps, row) in card {
            for (i, want) in row.into_iter().enumerate() {
                let got = share(&context, MAP + i as u32, 600, 10, DIMENSIONS[i], eps, 0.1, 0.0).unwrap();
                assert!(agree(got, want), "ε = {eps}, D = {}: {got:?} against {want}", DIMENSIONS[i]);
            }
        }
        let far = share(&context, MAP, 200, 10, 160, 1.03, 0.1, 0.0).unwrap();
        assert!(agree(far, 0.589), "{far:?}");
    }

    #[test]
    fn the_probability_rises_with_l2_as_on_the_card() {
        let context = Context::default();
        let card = [
            (10, 1.1, [0.033, 0.104, 0.957, 1.0, 1.0, 1.0]),
            (10, 1.02, [0.0, 0.0, 0.046, 0.334, 0.599, 0.654]),
            (20, 1.03, [0.0, 0.0, 0.079, 0.689, 0.896, 0.921]),
            (5, 1.01, [0.014, 0.019, 0.080, 0.211, 0.363, 0.410]),
        ];
        for (d, eps, row) in card {
            for (l2, want) in RIDGES.into_iter().zip(row) {
                let got = share(&context, RIDGE, 400, 10, d, eps, l2, 0.0).unwrap();
                assert!(agree(got, want), "D = {d}, ε = {eps}, λ₂ = {l2}: {got:?} against {want}");
            }
        }
    }

    #[test]
    fn corrected_forms_agree_with_simulation_where_the_card_says() {
        let context = Context::default();
        for (d, n, eps, want) in [(10, 10, 1.1, 0.953), (20, 10, 1.1, 0.992), (5, 50, 1.01, 0.702), (2, 10, 1.01, 0.577)] {
            let got = share(&context, 7, 1000, n, d, eps, 0.1, 0.0).unwrap();
            assert!(agree(got, want), "D = {d}: {got:?} against {want}");
        }
    }

    #[test]
    fn the_l1_bound_is_loose_at_weak_l2() {
        let s = setting(10, 10, 1.1, 0.05, 0.1);
        let got = lasso_share(&Context::default(), LASSO, 400, &s, 0.05).unwrap();
        // The card has .937 here, below the .953 without L1: a component of noise that L1 holds at 0 cannot do harm, and with the sign term at 0 treated as it is, nearly all grok.
        assert!(got.estimate > 0.98 && l1_bound(10, 10, 1.1, 0.05) < 0.01, "{got:?}");
        // Strong L2: the bound is close.
        let strong = Setting { lambda2: 10.0, ..s };
        let got = lasso_share(&Context::default(), LASSO, 400, &strong, 0.2).unwrap();
        let bound = l1_bound(10, 10, 1.1, 0.2);
        assert!(got.estimate > bound - 0.05 && got.estimate < bound + 0.2, "{got:?} against {bound}");
    }

    #[test]
    fn exponents_of_sampled_points_are_those_of_the_exact_error() {
        for (d, xi) in [(2, 0.0), (4, 0.5)] {
            let e = exponent(d, xi, &Context::default()).unwrap();
            let error = (e.found.high - e.found.low) / 3.92;
            assert!((e.found.estimate - e.in_window).abs() < 4.0 * error, "{e:?}");
            assert!((e.in_window / e.predicted - 1.0).abs() < 0.1, "{e:?}");
        }
    }

    #[test]
    fn the_slow_branch_moves_to_zero_as_n_grows() {
        // Quartiles of the card, at D = 5, ε = 2, λ₂ = 0.01.
        let found = branches(&setting(10, 5, 2.0, 0.0, 0.01), &Context::default()).unwrap();
        for ((n, count, _, q), want) in found.rows.iter().zip([[1.95, 3.44, 5.53], [0.82, 1.26, 1.72], [0.37, 0.56, 0.72]]) {
            // The card's lower quartile is of runs that start with a test error; here the others are in it.
            for (got, want) in q.iter().zip(want).skip(1) {
                assert!((got / want - 1.0).abs() < 0.25, "N = {n}, {count} sets: {q:?} against {want}");
            }
        }
    }
}
