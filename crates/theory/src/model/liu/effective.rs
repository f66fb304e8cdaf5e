//! The effective flow of the embedding alone: dE/dt = −∂ℓ/∂E with ℓ = ℓ₀/Z₀, ℓ₀ = Σ over parallelograms of (E_i + E_j − E_m − E_n)², Z₀ = Σ E_k².
//!
//! dE/dt = (2ℓ₀/Z₀²)·E − (2/Z₀)·AᵀA·E, in one dimension. Z₀ is conserved. Once ℓ₀ is small, what is not linear dies at the rate 2λ/Z₀, λ the smallest eigenvalue of AᵀA that
//! is not 0: λ₃ where the linear representation is unique. The paper divides ℓ₀ by the number of parallelograms of the training set; the released flow takes all
//! parallelograms, trained or not, and divides by nothing ([`super::lattice::Lattice::pairs`] instead of `within`), so that it does not know the training set.

use super::TheoryError;
use super::lattice::Lattice;
use crate::numeric::ode;

/// What a flow did.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    /// (t, ℓ₀/Z₀), from t > 0 until it is below 1e-19 or the time is up.
    pub loss: Vec<(f64, f64)>,
    /// Z₀ at the start; it is conserved.
    pub z0: f64,
    /// Rate at which √ℓ₀ decays at the end, measured; `None` if the loss did not come below 1e-17.
    pub rate: Option<f64>,
    /// First recorded time at which the representation-quality index is above 0.95.
    pub good: Option<f64>,
    /// The embedding at the end.
    pub end: Vec<f64>,
}

/// 2λ/Z₀: the rate at which the last deviation from a linear representation dies; divided by `count` in the paper's normalisation.
pub fn late_rate(lambda: f64, z0: f64, count: f64) -> f64 {
    2.0 * lambda / z0 / count
}

/// Integrates the flow from `start` over the parallelograms `pairs`, ℓ₀ divided by `count` (1 as released, |P₀(D)| in the paper).
///
/// # Errors
/// As [`ode::solve`].
pub fn flow(lattice: &Lattice, pairs: &[(usize, usize)], count: f64, start: &[f64]) -> Result<Flow, TheoryError> {
    let p = lattice.p;
    let rows: Vec<Vec<(usize, f64)>> =
        pairs.iter().map(|pair| lattice.row(*pair).into_iter().enumerate().filter(|x| x.1 != 0).map(|(k, x)| (k, x as f64)).collect()).collect();
    let z = |e: &[f64]| e.iter().map(|x| x * x).sum::<f64>();
    let loss = |e: &[f64]| rows.iter().map(|r| r.iter().map(|(k, x)| x * e[*k]).sum::<f64>()).map(|s| s * s).sum::<f64>() / count;
    let speed = |_: f64, e: &[f64], d: &mut [f64]| {
        let z0 = z(e);
        let mut total = 0.0;
        d.fill(0.0);
        for r in &rows {
            let s: f64 = r.iter().map(|(k, x)| x * e[*k]).sum();
            total += s * s / count;
            r.iter().for_each(|(k, x)| d[*k] -= 2.0 / z0 * x * s / count);
        }
        (0..p).for_each(|k| d[k] += 2.0 * total / (z0 * z0) * e[k]);
    };
    let z0 = z(start);
    let mut found = Flow { loss: Vec::new(), z0, rate: None, good: None, end: start.to_vec() };
    // Geometric times in pieces, until what is left is rounding.
    let (mut t, mut step) = (0.0, 1e-3 * z0 * count);
    let mut e = start.to_vec();
    while found.loss.last().is_none_or(|l| l.1 > 1e-19) && found.loss.len() < 400 {
        let times: Vec<f64> = (0..=10).map(|k| t + step * f64::from(k)).collect();
        let path = ode::solve(speed, &e, &times, 1e-11, 1e-14)?;
        for (time, state) in times.iter().zip(&path).skip(1) {
            found.loss.push((*time, loss(state) / z(state)));
            if found.good.is_none() && lattice.quality(state) > 0.95 {
                found.good = Some(*time);
            }
        }
        (t, step) = (times[10], step * 1.3);
        e.clone_from(&path[10]);
    }
    let late: Vec<&(f64, f64)> = found.loss.iter().filter(|l| l.1 < 1e-15 && l.1 > 1e-20).collect();
    if let (Some(a), Some(b)) = (late.first(), late.last()) {
        if b.1 < 1e-17 && b.0 > a.0 {
            found.rate = Some(0.5 * (libm::log(a.1) - libm::log(b.1)) / (b.0 - a.0));
        }
    }
    found.end = e;
    Ok(found)
}
