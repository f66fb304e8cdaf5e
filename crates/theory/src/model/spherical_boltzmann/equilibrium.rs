//! Equilibrium of the posterior over W for N → ∞, K data directions: closed form.

/// Where the posterior stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// No condensation; the first outlier has left the bulk.
    ParamagneticOutlier,
    /// No condensation, no outlier.
    ParamagneticEdge,
    /// Samples condense on outliers.
    FerromagneticOutlier,
    /// Samples condense on the bulk's edge, which overlaps with the data.
    FerromagneticEdge,
    /// The same without any overlap.
    SpinGlass,
}

impl Phase {
    /// All of them, in the order of a legend.
    pub const ALL: [Phase; 5] = [Phase::ParamagneticOutlier, Phase::ParamagneticEdge, Phase::FerromagneticOutlier, Phase::FerromagneticEdge, Phase::SpinGlass];

    /// The paper's abbreviation.
    pub fn name(self) -> &'static str {
        match self {
            Phase::ParamagneticOutlier => "PMo",
            Phase::ParamagneticEdge => "PMe",
            Phase::FerromagneticOutlier => "FMo",
            Phase::FerromagneticEdge => "FMe",
            Phase::SpinGlass => "SG",
        }
    }
}

/// The solution at one set of parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Equilibrium {
    /// Phase.
    pub phase: Phase,
    /// Multiplier of the sphere: (1/N) tr (μ − W)⁻¹ = 1 where nothing condenses.
    pub mu: f64,
    /// Share of a sample's norm on the condensed directions, 0..=1.
    pub magnetisation: f64,
    /// Outlying eigenvalues, one a data direction; the edge where there is none.
    pub lambda: Vec<f64>,
    /// Squared overlap of each outlier's eigenvector with its data direction.
    pub u: Vec<f64>,
    /// Stieltjes transform at each outlier.
    pub g: Vec<f64>,
    /// a_k G⁻¹(min(g_k, a_k)).
    pub xi: Vec<f64>,
}

/// Semicircle's edge 2/√c, c = γη.
pub fn edge(c: f64) -> f64 {
    2.0 / c.sqrt()
}

/// Stieltjes transform of the semicircle at z ≥ edge: (c/2)(z − √(z² − 4/c)).
pub fn stieltjes(z: f64, c: f64) -> f64 {
    // The product of the two roots is c: this form does not cancel.
    2.0 / (z + (z * z - 4.0 / c).max(0.0).sqrt())
}

/// Its inverse on 0 < a ≤ √c: 1/a + a/c.
pub fn stieltjes_inverse(a: f64, c: f64) -> f64 {
    1.0 / a + a / c
}

/// Solves for data eigenvalues `data` (descending, Σ = K) at weight decay γ and inverse temperature η.
pub fn solve(gamma: f64, eta: f64, data: &[f64]) -> Equilibrium {
    let c = gamma * eta;
    let root = c.sqrt();
    let a: Vec<f64> = data.iter().map(|x| eta * x).collect();
    let b = data.len() as f64 * eta;
    let mut lambda: Vec<f64> = a.iter().map(|x| if *x <= root { edge(c) } else { 1.0 / x + x / c }).collect();
    let mut g: Vec<f64> = a.iter().map(|x| c / x.max(root)).collect();
    let mut u: Vec<f64> = a.iter().map(|x| (1.0 - c / (x * x)).max(0.0)).collect();
    let xi = |g: &[f64]| a.iter().zip(g).map(|(a, g)| a * stieltjes_inverse(g.min(*a), c)).collect();
    if g[0] >= 1.0 {
        let phase = if a[0] > root { Phase::ParamagneticOutlier } else { Phase::ParamagneticEdge };
        return Equilibrium { phase, mu: stieltjes_inverse(1.0, c), magnetisation: 0.0, xi: xi(&g), lambda, u, g };
    }
    for d in 1..=a.len() {
        let t = b - a[..d].iter().sum::<f64>();
        let joint = (t + (t * t + 4.0 * b * d as f64 * c).sqrt()) / (2.0 * b);
        if joint < g.get(d).copied().unwrap_or(root).min(1.0) {
            let mu = stieltjes_inverse(joint, c);
            for j in 0..d {
                (lambda[j], g[j], u[j]) = (mu, joint, 1.0 - joint / a[j]);
            }
            return Equilibrium { phase: Phase::FerromagneticOutlier, mu, magnetisation: 1.0 - joint, xi: xi(&g), lambda, u, g };
        }
    }
    lambda.fill(edge(c));
    g.fill(root);
    u = a.iter().map(|x| (1.0 - root / x).max(0.0)).collect();
    let phase = if u.iter().all(|x| *x == 0.0) { Phase::SpinGlass } else { Phase::FerromagneticEdge };
    Equilibrium { phase, mu: edge(c), magnetisation: 1.0 - root, xi: xi(&g), lambda, u, g }
}

/// Data eigenvalues of two samples' worth of a rank-one teacher of strength ω ≥ 1: 2 − 1/ω and 1/ω.
pub fn teacher(omega: f64) -> Vec<f64> {
    vec![2.0 - 1.0 / omega, 1.0 / omega]
}

/// Squared cosine between the teacher and the first data direction, the mean of its two samples: 2(ω − 1)/(2ω − 1).
pub fn teacher_overlap(omega: f64) -> f64 {
    2.0 * (omega - 1.0) / (2.0 * omega - 1.0)
}

/// Divergences per N between the teacher and what the posterior samples: (forward, teacher first; reverse, learner first).
pub fn divergences(gamma: f64, eta: f64, omega: f64) -> (f64, f64) {
    let (c, w) = (gamma * eta, omega);
    let at = solve(gamma, eta, &teacher(omega));
    let (g, mu) = if at.g[0] >= 1.0 { (1.0, stieltjes_inverse(1.0, c)) } else { (at.g[0], at.mu) };
    // S(z)/2 with S(z) = z − G²/(2c) + ln G, at G = g.
    let free = 0.5 * (mu - g * g / (2.0 * c) + libm::log(g));
    let square = (2.0 * w - 1.0) * (2.0 * w - 1.0);
    let forward = -(at.xi[0] - 1.0) * (w - 1.0) * (w - 1.0) / (eta * square) + free - 0.5 * (1.0 - libm::log(w));
    let reverse =
        0.5 * (gamma / eta * w * w / square * (at.xi[0] - 1.0) - 1.0) * (w - 1.0) + 0.5 * (w - libm::log(w)) - 0.5 * (1.0 - g * g / (2.0 * c) + libm::log(g));
    (forward, reverse)
}

/// Reverse divergence where nothing condenses and nothing overlaps: (ω − 1 − ln ω)/2 + 1/(4c).
pub fn reverse_plateau(gamma: f64, eta: f64, omega: f64) -> f64 {
    0.5 * (omega - 1.0 - libm::log(omega)) + 0.25 / (gamma * eta)
}

/// Reverse divergence per N of a matrix with a semicircle bulk, one outlier λ₁ (or the edge) and q its vector's squared overlap with the teacher.
pub fn reverse_of_spectrum(gamma: f64, eta: f64, omega: f64, lambda: f64, q: f64) -> f64 {
    let c = gamma * eta;
    let g = if lambda > edge(c) { stieltjes(lambda, c) } else { c.sqrt() };
    let (phi, mu) = if g >= 1.0 { (0.25 / c, 1.0 + 1.0 / c) } else { (0.5 * (g / c + 1.0 / g - g * g / (2.0 * c) + libm::log(g) - 1.0), lambda) };
    0.5 * (omega - 1.0 - libm::log(omega)) - phi + 0.5 * (mu - 1.0) - 0.5 * omega * (1.0 - g).max(0.0) * q
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_numbers_of_one_direction() {
        let close = |x: f64, y: f64| assert!((x - y).abs() < 6e-7, "{x} {y}");
        let at = solve(0.5, 2.0, &[1.0]);
        assert_eq!(at.phase, Phase::FerromagneticOutlier);
        close(at.mu, 2.121_320);
        close(at.lambda[0], 2.121_320);
        close(at.u[0], 0.646_447);
        close(at.magnetisation, 0.292_893);
        let at = solve(2.0, 3.0, &[1.0]);
        assert_eq!(at.phase, Phase::ParamagneticOutlier);
        close(at.lambda[0], 0.833_333);
        close(at.u[0], 0.333_333);
        let at = solve(0.25, 5.0, &[1.0]);
        close(at.lambda[0], 2.4);
        close(at.u[0], 0.9);
        close(at.magnetisation, 0.5);
    }

    #[test]
    fn golden_numbers_of_the_double_descent() {
        for (gamma, reverse) in [(0.05, 0.4636), (0.2, 0.2544), (0.4, 0.2370), (1.0, 0.2713), (2.0, 0.3169), (5.0, 0.3019)] {
            let found = divergences(gamma, 5.0, 2.5).1;
            assert!((found - reverse).abs() < 5e-5, "γ = {gamma}: {found} for {reverse}");
        }
        // η = 1: monotone from 0.7358 to 0.3419.
        let along: Vec<f64> = [0.05, 0.1, 0.2, 0.4, 0.7, 1.0, 2.0, 5.0].iter().map(|g| divergences(*g, 1.0, 2.5).1).collect();
        assert!(along.is_sorted_by(|a, b| a >= b), "{along:?}");
        assert!((along[0] - 0.7358).abs() < 5e-5 && (along[7] - 0.3419).abs() < 5e-5, "{along:?}");
    }

    #[test]
    fn golden_numbers_of_the_training_figure() {
        let at = solve(0.4, 10.0, &teacher(2.5));
        let (_, reverse) = divergences(0.4, 10.0, 2.5);
        assert!((at.lambda[0] - 1.930_852).abs() < 6e-7 && (at.u[0] - 0.965_109).abs() < 6e-7 && (reverse - 0.203_116).abs() < 6e-7, "{at:?} {reverse}");
        assert!((reverse_plateau(0.4, 10.0, 2.5) - 0.354_354_6).abs() < 6e-7);
        assert!((reverse_of_spectrum(0.4, 10.0, 2.5, 1.0, 0.0) - 0.354_354_6).abs() < 6e-7);
        // The spectrum's form at the solution's own λ₁ and u₁ is the solution's.
        assert!((reverse_of_spectrum(0.4, 10.0, 2.5, at.lambda[0], teacher_overlap(2.5) * at.u[0]) - reverse).abs() < 1e-12);
    }

    #[test]
    fn boundaries_of_one_direction() {
        let phase = |gamma: f64, eta: f64| solve(gamma, eta, &[1.0]).phase;
        for (gamma, eta, below, above) in [
            (1.0, 2.0, Phase::FerromagneticOutlier, Phase::ParamagneticOutlier),
            (0.5, 0.5, Phase::FerromagneticEdge, Phase::SpinGlass),
            (1.5, 1.5, Phase::ParamagneticOutlier, Phase::ParamagneticEdge),
            (2.0, 0.5, Phase::SpinGlass, Phase::ParamagneticEdge),
        ] {
            assert_eq!((phase(gamma * 0.999, eta), phase(gamma * 1.001, eta)), (below, above), "{gamma} {eta}");
        }
        assert_eq!((phase(0.7, 0.999), phase(0.7, 1.001)), (Phase::FerromagneticEdge, Phase::FerromagneticOutlier));
    }

    #[test]
    fn transforms_invert() {
        for c in [0.3, 4.0] {
            for a in [0.1, 0.5, 0.99] {
                let a = a * f64::sqrt(c);
                assert!((stieltjes(stieltjes_inverse(a, c), c) - a).abs() < 1e-12);
            }
        }
    }
}
