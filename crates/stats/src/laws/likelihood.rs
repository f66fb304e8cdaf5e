//! The right-censored log-normal likelihood of a law, and its maximum.

use super::law::{Form, Law, LawPoint};
use super::newton::{Local, MOST, Matrix, Vector, climb};
use super::tail::{log_density, log_survival_and_hazard};
use crate::error::Error;

/// Below this, σ is rounding: the events lie on the law exactly.
const EXACT: f64 = 1e-9;

#[derive(Debug, Clone, Copy)]
struct Row {
    /// ln t less the known part of ln f.
    y: f64,
    event: bool,
    /// Place of the regressor between the ends of its range: 0 at the low end, 1 at the high end.
    w: f64,
}

/// A law on given points. Its unknowns are p and q, the values of ln f (less the known part) at the two ends of the regressor's range, and ln σ.
/// One pair serves both forms: ln f = p(1−w) + qw where ln f is linear, and f = e^p(1−w) + e^q w where f is, which keeps f positive on the data's
/// range and nowhere else, as promised.
#[derive(Debug, Clone)]
pub(crate) struct Likelihood {
    law: Law,
    rows: Vec<Row>,
    /// Ends of the regressor's range.
    pub low: f64,
    pub high: f64,
    /// Σ ln t over events: turns a density of ln T into one of T.
    log_times: f64,
}

/// A maximum: the unknowns (p, [q], ln σ) and the likelihood around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peak {
    pub at: Vector,
    pub local: Local,
}

impl Likelihood {
    /// The law on the points with these indices (repetitions allowed).
    pub fn new(law: Law, points: &[LawPoint], indices: &[usize]) -> Result<Self, Error> {
        let what = law.name();
        if indices.is_empty() {
            return Err(Error::TooFew { what, least: 1, got: 0 });
        }
        let (mut rows, mut log_times) = (Vec::with_capacity(indices.len()), 0.0);
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for &index in indices {
            let point = &points[index];
            let (u, offset) = law.regressor(index, point.x, point.contraction, point.t_mem)?;
            let time = point.observation.time;
            if !(time.is_finite() && time > 0.0) {
                return Err(Error::Domain { what, index, value: time, must: "a time must be finite and positive" });
            }
            (low, high) = (low.min(u), high.max(u));
            if point.observation.event {
                log_times += libm::log(time);
            }
            rows.push(Row { y: libm::log(time) - offset, event: point.observation.event, w: u });
        }
        if !rows.iter().any(|r| r.event) {
            return Err(Error::Undefined { what, why: "every time is censored" });
        }
        if law.form() != Form::Scale {
            let first = rows.iter().find(|r| r.event).map_or(low, |r| r.w);
            if low == high {
                return Err(Error::Undefined { what, why: "the covariate takes one value only, so the law has no slope" });
            }
            // With the events at one end of the range, the other end can move away for ever; in the middle, censored points hold both ends.
            if (first == low || first == high) && rows.iter().all(|r| !r.event || r.w == first) {
                return Err(Error::Undefined { what, why: "all events are at one end of the covariate's range, so the law has no slope" });
            }
        }
        for row in &mut rows {
            row.w = if high > low { (row.w - low) / (high - low) } else { 0.0 };
        }
        Ok(Likelihood { law, rows, low, high, log_times })
    }

    /// A maximum of `other`, the same law on other points, in terms of this one's ends: where to start from.
    pub fn translate(&self, other: &Likelihood, at: &Vector) -> Vector {
        if self.law.form() == Form::Scale {
            return *at;
        }
        let end = |u: f64| other.location(at, (u - other.low) / (other.high - other.low)).0;
        [end(self.low), end(self.high), at[2]]
    }

    /// Number of unknowns, with ln σ.
    pub fn dimension(&self) -> usize {
        if self.law.form() == Form::Scale { 2 } else { 3 }
    }

    /// ln f less its known part, its two derivatives in (p, q), and its curvature k: the second derivatives are k·[[1, −1], [−1, 1]].
    fn location(&self, at: &Vector, w: f64) -> (f64, [f64; 2], f64) {
        match self.law.form() {
            Form::Scale => (at[0], [1.0, 0.0], 0.0),
            Form::Line => (at[0] * (1.0 - w) + at[1] * w, [1.0 - w, w], 0.0),
            Form::Mix => {
                let top = at[0].max(at[1]);
                let (low, high) = (libm::exp(at[0] - top) * (1.0 - w), libm::exp(at[1] - top) * w);
                let share = high / (low + high);
                (top + libm::log(low + high), [1.0 - share, share], share * (1.0 - share))
            }
        }
    }

    /// Logarithm of the density of the times (as lifelines and R's survreg count it) at (p, [q], ln σ), with derivatives.
    fn at(&self, at: &Vector) -> Option<Local> {
        let d = self.dimension();
        let s = d - 1;
        let sigma = libm::exp(at[s]);
        if !(sigma > 1e-150 && sigma.is_finite()) {
            return None;
        }
        let mut sum = Local::new();
        for row in &self.rows {
            let (location, slope, curvature) = self.location(at, row.w);
            let z = (row.y - location) / sigma;
            let mut dz = [0.0; MOST];
            let mut ddz: Matrix = [[0.0; MOST]; MOST];
            for i in 0..s {
                dz[i] = -slope[i] / sigma;
                ddz[i][s] = slope[i] / sigma;
                ddz[s][i] = ddz[i][s];
                for j in 0..s {
                    ddz[i][j] = if i == j { -curvature / sigma } else { curvature / sigma };
                }
            }
            dz[s] = -z;
            ddz[s][s] = z;
            if row.event {
                sum.add(d, log_density(z) - at[s], -z, -1.0, &dz, &ddz);
                sum.gradient[s] -= 1.0;
            } else {
                let (log, hazard) = log_survival_and_hazard(z);
                sum.add(d, log, -hazard, -hazard * (hazard - z), &dz, &ddz);
            }
        }
        sum.value -= self.log_times;
        Some(sum)
    }

    /// The maximum, from `start` or from starts of its own.
    ///
    /// Where ln f is linear the likelihood is concave in (p/σ, q/σ, 1/σ) (Olsen 1978, Econometrica 46, 1211), so it has one stationary point and one
    /// start finds it. Where f is linear there may be several: the best of a few fixed starts is taken.
    pub fn maximum(&self, start: Option<Vector>) -> Result<Peak, Error> {
        let what = self.law.name();
        let d = self.dimension();
        let mut best: Option<Peak> = None;
        let mut exact = false;
        let starts = start.map_or_else(|| self.starts(), |s| vec![s]);
        for start in starts {
            let found = climb(d, start, |at| self.at(at));
            let reached = found.map_or_else(|at| at, |(at, _)| at);
            if libm::exp(reached[d - 1]) < EXACT {
                exact = true;
            } else if let Ok((at, local)) = found {
                // A later start has to win by more than rounding, so that the first keeps its bits.
                if best.is_none_or(|b| local.value > b.local.value + 1e-9) {
                    best = Some(Peak { at, local });
                }
            }
        }
        if exact {
            return Err(Error::Undefined { what, why: "the events lie on the law exactly, so its scatter has no likelihood estimate" });
        }
        match best {
            Some(peak) => Ok(peak),
            None if start.is_some() => self.maximum(None),
            None => Err(Error::Undefined { what, why: "no maximum of the likelihood was found" }),
        }
    }

    fn starts(&self) -> Vec<Vector> {
        let n = self.rows.len() as f64;
        let mean = self.rows.iter().map(|r| r.y).sum::<f64>() / n;
        let spread = |line: &dyn Fn(f64) -> f64| {
            let square = self.rows.iter().map(|r| (r.y - line(r.w)) * (r.y - line(r.w))).sum::<f64>() / n;
            0.5 * libm::log(square.max(1e-6))
        };
        let flat = spread(&|_| mean);
        if self.law.form() == Form::Scale {
            return vec![[mean, flat, 0.0]];
        }
        // Least squares of `values` on w, censored times taken as events: the values at both ends.
        let middle = self.rows.iter().map(|r| r.w).sum::<f64>() / n;
        let square = self.rows.iter().map(|r| (r.w - middle) * (r.w - middle)).sum::<f64>();
        let ends = |values: &dyn Fn(&Row) -> f64| {
            let level = self.rows.iter().map(values).sum::<f64>() / n;
            let slope = self.rows.iter().map(|r| (r.w - middle) * (values(r) - level)).sum::<f64>() / square;
            (level - slope * middle, level + slope * (1.0 - middle))
        };
        let (p, q) = ends(&|r| r.y);
        let mut starts = vec![[p, q, spread(&|w| p * (1.0 - w) + q * w)]];
        if self.law.form() == Form::Mix {
            // The straight line itself, its ends held positive; and no slope at all.
            let (a, b) = ends(&|r| libm::exp(r.y - mean));
            let floor = 1e-2 * a.max(b);
            let (p, q) = (mean + libm::log(a.max(floor)), mean + libm::log(b.max(floor)));
            starts.push([p, q, spread(&|w| p * (1.0 - w) + q * w)]);
            starts.push([mean, mean, flat]);
        }
        starts
    }

    /// The law's own parameters, and their derivatives in (p, [q]), row by row.
    pub fn parameters(&self, at: &Vector) -> (Vec<f64>, Vec<[f64; 2]>) {
        let range = self.high - self.low;
        match self.law.form() {
            Form::Scale => {
                let scale = libm::exp(at[0]);
                (vec![scale], vec![[scale, 0.0]])
            }
            Form::Line => {
                let b = (at[1] - at[0]) / range;
                let a = libm::exp(at[0] - b * self.low);
                (vec![a, b], vec![[a * (1.0 + self.low / range), -a * self.low / range], [-1.0 / range, 1.0 / range]])
            }
            Form::Mix => {
                let (p, q) = (libm::exp(at[0]), libm::exp(at[1]));
                let b = (q - p) / range;
                (vec![p - b * self.low, b], vec![[p * (1.0 + self.low / range), -q * self.low / range], [-p / range, q / range]])
            }
        }
    }
}
