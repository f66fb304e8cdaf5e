//! Closed forms: moments of links and activations, counts, exponents, spiked matrices.

/// The link g before it is scaled to E g² = 1.
pub(super) fn link(name: &str, z: f64) -> f64 {
    match name {
        "tanh" => libm::tanh(z),
        // Less its mean under N(0, 1).
        "even" => libm::cos(1.5 * z) - libm::exp(-1.125),
        // E[z sin ωz] = ω exp(−ω²/2): the two cancel.
        "cubic" => libm::sin(z) * libm::exp(0.5) - libm::sin(2.0 * z) * 0.5 * libm::exp(2.0),
        "he2" => z * z - 1.0,
        "he3" => z * (z * z - 3.0),
        _ => z,
    }
}

/// σ′.
pub(super) fn slope(activation: &str, z: f64) -> f64 {
    match activation {
        "softplus-shifted" => 1.0 / (1.0 + libm::exp(-z - 1.0)),
        name => {
            let t = libm::tanh(if name == "tanh" { z } else { z + 0.7 });
            1.0 - t * t
        }
    }
}

/// E f(z) over N(0, 1), by the trapezoidal rule, which is exact to rounding for smooth f.
pub(super) fn gaussian_mean(f: impl Fn(f64) -> f64) -> f64 {
    let h = 1.0 / 64.0;
    (-768..=768).map(|i| h * f64::from(i)).map(|z| f(z) * libm::exp(-0.5 * z * z)).sum::<f64>() * h / libm::sqrt(std::f64::consts::TAU)
}

/// What the closed forms need of a link and an activation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// √E g² of the unscaled link.
    pub norm: f64,
    /// m = E[g z] of the scaled link.
    pub linear: f64,
    /// Smallest k ≥ 1 with E[g He_k] ≠ 0, up to 6; 0 if there is none.
    pub information_exponent: usize,
    /// c₁ = E σ′(z).
    pub slope: f64,
    /// Variance of σ′(z).
    pub slope_variance: f64,
}

/// The moments of `link` and `activation`, by quadrature.
pub fn moments(link_name: &str, activation: &str) -> Moments {
    let norm = libm::sqrt(gaussian_mean(|z| link(link_name, z) * link(link_name, z)));
    let hermite = |k: usize, z: f64| (1..k).fold((1.0, z), |(a, b), i| (b, z * b - i as f64 * a)).1;
    let coefficient = |k: usize| gaussian_mean(|z| link(link_name, z) / norm * hermite(k, z));
    let c1 = gaussian_mean(|z| slope(activation, z));
    Moments {
        norm,
        linear: coefficient(1),
        information_exponent: (1..=6).find(|k| coefficient(*k).abs() > 1e-9).unwrap_or(0),
        slope: c1,
        slope_variance: gaussian_mean(|z| (slope(activation, z) - c1) * (slope(activation, z) - c1)),
    }
}

/// The paper's number of outliers after two steps, ⌊α₂/(½ − α₁)⌋.
pub fn outliers_printed(alpha1: f64, alpha2: f64) -> usize {
    // A quotient that is whole but for rounding is whole.
    libm::floor(alpha2 / (0.5 - alpha1) + 1e-9) as usize
}

/// All outliers after two steps: the printed count is of k ≥ 1, and k = 0 is one more (for α₂ > 0 or α₁ > 0).
pub fn outliers_corrected(alpha1: f64, alpha2: f64) -> usize {
    1 + outliers_printed(alpha1, alpha2)
}

/// Growth exponent of term k of the second step.
pub fn exponent(alpha1: f64, alpha2: f64, k: usize) -> f64 {
    alpha2 - k as f64 * (0.5 - alpha1)
}

/// Where a rank-one term of singular value s stands in a d × N Gaussian matrix with variance 1/d, c = N/d: the outlier, or the edge 1 + √c below the threshold s⁴ = c.
pub fn spiked(s: f64, c: f64) -> f64 {
    if s * s * s * s > c { libm::sqrt((1.0 + s * s) * (c + s * s)) / s } else { 1.0 + libm::sqrt(c) }
}

/// Length of b̂ = Xᵀy/n: √(m² + d/n).
pub fn first_direction(m: f64, inputs_per_sample: f64) -> f64 {
    libm::sqrt(m * m + inputs_per_sample)
}

/// How far a bulk's edge lies above its `TOP`-th singular value in a d × N Gaussian matrix, c = N/d, as a factor: eigenvalues stand at zeros of the Airy function
/// (the eighth is −11.0085) times (1 + √c)(1 + 1/√c)^(1/3) d^(−2/3).
pub fn above_eighth(c: f64, d: f64) -> f64 {
    let root = c.sqrt();
    let whole = (1.0 + root) * (1.0 + root);
    let gap = 11.0085 * (1.0 + root) * libm::cbrt(1.0 + 1.0 / root) / libm::pow(d, 2.0 / 3.0);
    if gap < 0.5 * whole { libm::sqrt(whole / (whole - gap)) } else { std::f64::consts::SQRT_2 }
}

/// Bulk edge after steps with Σ η² = `steps_squared`: W₀'s, with the variance 1/d raised by that of the gradients' noise, Var σ′/(nN) an entry.
pub fn edge(c: f64, d: f64, n: f64, width: f64, steps_squared: f64, slope_variance: f64) -> f64 {
    (1.0 + libm::sqrt(c)) * libm::sqrt(1.0 + steps_squared * slope_variance * d / (n * width))
}
