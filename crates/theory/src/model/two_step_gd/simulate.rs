//! The two steps as they are defined, and leading singular values.

use super::closed::{link, slope};
use crate::model::{Context, TheoryError};
use crate::numeric::{Draws, axpy, dot};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use pennydrop_registry::Args;

/// Lanes of draws: first batch with W₀ and a, fresh batch, start vectors of Lanczos.
const NETWORK: u32 = 1;
const FRESH: u32 = 2;
const START: u32 = 3;
/// Singular values that are looked at.
pub(super) const TOP: usize = 8;
/// Settings of one network.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) width: usize,
    pub(super) inputs: usize,
    pub(super) batch: usize,
    pub(super) eta: [f64; 2],
    link: &'a str,
    activation: &'a str,
    norm: f64,
}

impl<'a> Setting<'a> {
    pub(super) fn new(args: &'a Args, width: usize, norm: f64) -> Setting<'a> {
        let part = |key: &str| (libm::round(args.float(key) * width as f64) as usize).max(2);
        let eta = ["alpha1", "alpha2"].map(|key| args.float("scale") * libm::pow(width as f64, args.float(key)));
        Setting { width, inputs: part("inputs"), batch: part("batch"), eta, link: args.str("link"), activation: args.str("activation"), norm }
    }

    /// G(W; X, y).
    fn gradient(&self, w: &Mat<f64>, x: &Mat<f64>, y: &[f64], a: &[f64]) -> Mat<f64> {
        let mut hidden = Mat::zeros(self.batch, self.width);
        matmul(hidden.as_mut(), Accum::Replace, x.as_ref(), w.as_ref(), 1.0, Par::Seq);
        for (j, aj) in a.iter().enumerate() {
            for (i, yi) in y.iter().enumerate() {
                hidden[(i, j)] = yi * aj * slope(self.activation, hidden[(i, j)]);
            }
        }
        let mut g = Mat::zeros(self.inputs, self.width);
        matmul(g.as_mut(), Accum::Replace, x.as_ref().transpose(), hidden.as_ref(), 1.0 / self.batch as f64, Par::Seq);
        g
    }

    fn labels(&self, x: &Mat<f64>, beta: &[f64]) -> Vec<f64> {
        let mut y = vec![0.0; self.batch];
        for (j, b) in beta.iter().enumerate() {
            y.iter_mut().enumerate().for_each(|(i, t)| *t += b * x[(i, j)]);
        }
        y.iter().map(|t| link(self.link, *t) / self.norm).collect()
    }
}

pub(super) fn normals(rows: usize, columns: usize, draws: &mut Draws) -> Mat<f64> {
    Mat::from_fn(rows, columns, |_, _| draws.normal())
}

/// The largest singular values with the overlaps |u·β| of their left vectors.
#[derive(Debug, Clone, Default)]
pub(super) struct Spectrum {
    pub(super) values: Vec<f64>,
    pub(super) overlaps: Vec<f64>,
}

/// One network: spectra of W₁, W₂ and of the updates.
#[derive(Debug, Clone, Default)]
pub(super) struct Network {
    /// W₁.
    pub(super) one: Spectrum,
    /// W₁ − W₀.
    pub(super) first: Spectrum,
    /// W₂ with a fresh batch, with the first again, and with permuted labels (fresh).
    pub(super) two: [Spectrum; 3],
    /// W₂ − W₀ for the same three.
    pub(super) update: [Spectrum; 3],
}

/// Adds `scale · b` to `a`.
fn add(a: &Mat<f64>, b: &Mat<f64>, scale: f64) -> Mat<f64> {
    Mat::from_fn(a.nrows(), a.ncols(), |i, j| a[(i, j)] + scale * b[(i, j)])
}

pub(super) fn network(s: &Setting, index: usize, with_null: bool, context: &Context) -> Result<Network, TheoryError> {
    let key = (s.width << 16) | index;
    let mut draws = context.draws(NETWORK, key);
    let mut w0 = normals(s.inputs, s.width, &mut draws);
    for j in 0..s.width {
        let length = (0..s.inputs).map(|i| w0[(i, j)] * w0[(i, j)]).sum::<f64>().sqrt();
        (0..s.inputs).for_each(|i| w0[(i, j)] /= length);
    }
    let root = (s.width as f64).sqrt();
    let a: Vec<f64> = draws.normals(s.width).iter().map(|x| x / root).collect();
    let mut beta = draws.normals(s.inputs);
    let length = beta.iter().map(|x| x * x).sum::<f64>().sqrt();
    beta.iter_mut().for_each(|x| *x /= length);
    let x1 = normals(s.batch, s.inputs, &mut draws);
    let x2 = normals(s.batch, s.inputs, &mut context.draws(FRESH, key));
    let (y1, y2) = (s.labels(&x1, &beta), s.labels(&x2, &beta));

    let spectrum = |m: &Mat<f64>, lane: usize| top(m, &beta, &mut context.draws(START, key * 8 + lane));
    let g1 = s.gradient(&w0, &x1, &y1, &a);
    let w1 = add(&w0, &g1, s.eta[0]);
    let mut out = Network { one: spectrum(&w1, 0)?, first: spectrum(&g1, 1)?, ..Network::default() };
    out.first.values.iter_mut().for_each(|v| *v *= s.eta[0]);
    let shuffled = |y: &[f64], draws: &mut Draws| -> Vec<f64> { draws.permutation(y.len()).iter().map(|i| y[*i]).collect() };
    let (n1, n2) = (shuffled(&y1, &mut draws), shuffled(&y2, &mut draws));
    for policy in 0..if with_null { 3 } else { 2 } {
        if (context.stop)() {
            return Err(TheoryError::Stopped);
        }
        let w2 = match policy {
            0 => add(&w1, &s.gradient(&w1, &x2, &y2, &a), s.eta[1]),
            1 => add(&w1, &s.gradient(&w1, &x1, &y1, &a), s.eta[1]),
            _ => {
                let null = add(&w0, &s.gradient(&w0, &x1, &n1, &a), s.eta[0]);
                add(&null, &s.gradient(&null, &x2, &n2, &a), s.eta[1])
            }
        };
        out.two[policy] = spectrum(&w2, 2 + policy)?;
        out.update[policy] = spectrum(&add(&w2, &w0, -1.0), 5 + policy)?;
    }
    Ok(out)
}

/// The largest singular values of `m` by Golub–Kahan–Lanczos bidiagonalisation with full re-orthogonalisation. Values that stand out converge to rounding;
/// those inside a bulk's edge are lower bounds.
pub(super) fn top(m: &Mat<f64>, beta: &[f64], draws: &mut Draws) -> Result<Spectrum, TheoryError> {
    let (rows, columns) = (m.nrows(), m.ncols());
    let steps = 70.min(rows).min(columns);
    // Columns as slices: the products below are what this costs.
    let columns_of: Vec<Vec<f64>> = (0..columns).map(|j| m.as_ref().col(j).iter().copied().collect()).collect();
    let unit = |x: &mut [f64]| {
        let length = x.iter().map(|a| a * a).sum::<f64>().sqrt();
        x.iter_mut().for_each(|a| *a /= length);
        length
    };
    let purge = |x: &mut [f64], basis: &[Vec<f64>]| {
        // Twice is enough (Kahan, Parlett).
        for _ in 0..2 {
            for b in basis {
                axpy(x, -dot(x, b), b);
            }
        }
    };
    let (mut us, mut vs): (Vec<Vec<f64>>, Vec<Vec<f64>>) = (Vec::new(), Vec::new());
    let mut v = draws.normals(columns);
    unit(&mut v);
    let (mut diagonal, mut above) = (Vec::new(), Vec::new());
    for _ in 0..steps {
        let mut u = vec![0.0; rows];
        v.iter().zip(&columns_of).for_each(|(vj, column)| axpy(&mut u, *vj, column));
        purge(&mut u, &us);
        diagonal.push(unit(&mut u));
        vs.push(std::mem::take(&mut v));
        v = columns_of.iter().map(|column| dot(column, &u)).collect();
        purge(&mut v, &vs);
        us.push(u);
        above.push(unit(&mut v));
    }
    let b = Mat::from_fn(steps, steps, |i, j| {
        if i == j {
            diagonal[i]
        } else if i + 1 == j {
            above[i]
        } else {
            0.0
        }
    });
    let svd = b.thin_svd().map_err(|_| TheoryError::numeric("singular values", format!("no convergence for a {rows} × {columns} matrix")))?;
    let along: Vec<f64> = us.iter().map(|u| u.iter().zip(beta).map(|(a, b)| a * b).sum()).collect();
    let keep = TOP.min(steps);
    Ok(Spectrum {
        values: (0..keep).map(|k| svd.S()[k]).collect(),
        overlaps: (0..keep).map(|k| (0..steps).map(|i| svd.U()[(i, k)] * along[i]).sum::<f64>().abs()).collect(),
    })
}
