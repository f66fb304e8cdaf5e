//! The concealment law ln Δ = ln A + cℓ + σ·normal with censored gaps (a Tobit likelihood), beside the paper's treatment.

use pennydrop_stats::distributions::{normal_cdf, normal_survival};

/// What is known of a gap Δ in epochs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Gap {
    /// Seen.
    Seen(f64),
    /// The run ended first: larger than this.
    Above(f64),
    /// Not positive: validation was there no later than training. Less than the resolution of an epoch.
    Below(f64),
}

/// The fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// ln A.
    pub intercept: f64,
    /// c per spurious bit.
    pub slope: f64,
    /// σ.
    pub sigma: f64,
    /// Correlation of ℓ and ln Δ that the fit implies: c s_ℓ / (c² s_ℓ² + σ²)^½.
    pub correlation: f64,
    /// Log-likelihood.
    pub log_likelihood: f64,
}

/// Maximum likelihood by expectation–maximisation over the censored logarithms. `None` for fewer than two seen gaps at different ℓ.
pub fn tobit(lengths: &[f64], gaps: &[Gap]) -> Option<Fit> {
    let n = lengths.len() as f64;
    let mut seen = lengths.iter().zip(gaps).filter(|(_, g)| matches!(g, Gap::Seen(_))).map(|(l, _)| *l);
    let first = seen.next()?;
    if !seen.any(|l| l != first) {
        return None;
    }
    let bound = |g: &Gap| match g {
        Gap::Seen(x) | Gap::Above(x) | Gap::Below(x) => libm::log(x.max(f64::MIN_POSITIVE)),
    };
    let mean = lengths.iter().sum::<f64>() / n;
    let spread = lengths.iter().map(|l| (l - mean) * (l - mean)).sum::<f64>() / n;
    let (mut a, mut c, mut sigma) = (gaps.iter().map(bound).sum::<f64>() / n, 0.0, 1.0);
    for _ in 0..5000 {
        // Expected value and variance of each logarithm given what is known.
        let moments: Vec<(f64, f64)> = lengths
            .iter()
            .zip(gaps)
            .map(|(l, g)| {
                let (mu, z) = (a + c * l, (bound(g) - a - c * l) / sigma);
                match g {
                    Gap::Seen(_) => (bound(g), 0.0),
                    Gap::Above(_) => {
                        let h = hazard(z);
                        (mu + sigma * h, sigma * sigma * (1.0 - h * (h - z)))
                    }
                    Gap::Below(_) => {
                        let h = hazard(-z);
                        (mu - sigma * h, sigma * sigma * (1.0 - h * (h + z)))
                    }
                }
            })
            .collect();
        let y = moments.iter().map(|m| m.0).sum::<f64>() / n;
        let slope = lengths.iter().zip(&moments).map(|(l, m)| (l - mean) * (m.0 - y)).sum::<f64>() / (n * spread);
        let intercept = y - slope * mean;
        let square = lengths.iter().zip(&moments).map(|(l, m)| (m.0 - intercept - slope * l) * (m.0 - intercept - slope * l) + m.1).sum::<f64>() / n;
        let next = libm::sqrt(square.max(1e-12));
        let moved = (slope - c).abs() + (intercept - a).abs() + (next - sigma).abs();
        (a, c, sigma) = (intercept, slope, next);
        if moved < 1e-10 {
            break;
        }
    }
    let log_likelihood = lengths
        .iter()
        .zip(gaps)
        .map(|(l, g)| {
            let z = (bound(g) - a - c * l) / sigma;
            match g {
                Gap::Seen(_) => libm::log(normal_density(z) / sigma),
                Gap::Above(_) => libm::log(normal_survival(z)),
                Gap::Below(_) => libm::log(normal_cdf(z)),
            }
        })
        .sum();
    Some(Fit { intercept: a, slope: c, sigma, correlation: c * libm::sqrt(spread) / libm::sqrt(c * c * spread + sigma * sigma), log_likelihood })
}

/// φ(z).
fn normal_density(z: f64) -> f64 {
    libm::exp(-0.5 * z * z) / libm::sqrt(2.0 * std::f64::consts::PI)
}

/// φ(z)/(1 − Φ(z)); z + 1/z far in the tail.
fn hazard(z: f64) -> f64 {
    if z > 30.0 { z + 1.0 / z } else { normal_density(z) / normal_survival(z) }
}

/// Pearson's r of ℓ and ln Δ as the paper has it: a gap cut by the end counts as seen, ln of a gap that is not positive as 0. Not a number without variation.
pub fn pearson_printed(lengths: &[f64], gaps: &[Gap]) -> f64 {
    let logs: Vec<f64> = gaps
        .iter()
        .map(|g| match g {
            Gap::Seen(x) | Gap::Above(x) if *x > 0.0 => libm::log(*x),
            _ => 0.0,
        })
        .collect();
    pearson(lengths, &logs)
}

/// Pearson's r.
pub fn pearson(x: &[f64], y: &[f64]) -> f64 {
    let n = x.len() as f64;
    let (mx, my) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let sum = |f: &dyn Fn(usize) -> f64| (0..x.len()).map(f).sum::<f64>();
    let (xy, xx, yy) = (sum(&|i| (x[i] - mx) * (y[i] - my)), sum(&|i| (x[i] - mx) * (x[i] - mx)), sum(&|i| (y[i] - my) * (y[i] - my)));
    if xx > 0.0 && yy > 0.0 { xy / libm::sqrt(xx * yy) } else { f64::NAN }
}
