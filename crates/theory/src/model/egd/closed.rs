//! Closed forms: the path, the share of wrong test points, the plateau's end.

use pennydrop_stats::distributions::{normal_cdf, normal_survival};

/// The model at one set of parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Toy {
    /// Variance of z₂.
    pub epsilon: f64,
    /// Angle of v in (0, π/2).
    pub theta: f64,
    /// s ≥ 0.
    pub margin: f64,
    /// Step size.
    pub eta: f64,
    /// Initial (μ, ν).
    pub start: [f64; 2],
}

/// m₁ = E|z₁| and m₂ = E z₁² of a standard normal with |z₁| ≥ s, as printed (and right).
pub fn moments(s: f64) -> (f64, f64) {
    let density = libm::exp(-0.5 * s * s) / libm::sqrt(2.0 * std::f64::consts::PI);
    let m1 = density / normal_survival(s);
    (m1, 1.0 + s * m1)
}

impl Toy {
    /// (μ_k, ν_k) of gradient descent; k may be large.
    pub fn path(&self, k: f64) -> [f64; 2] {
        let (m1, m2) = moments(self.margin);
        let power = |base: f64| {
            let size = libm::pow(base.abs(), k);
            if base < 0.0 && k % 2.0 == 1.0 { -size } else { size }
        };
        let a = power(1.0 - self.eta * m2);
        [a * self.start[0] + (1.0 - a) * m1 / m2, power(1.0 - self.eta * self.epsilon) * self.start[1]]
    }

    /// Share of wrong test points as printed: min(1, arccos(μ/L)/arccos r), L² = μ² + εν², r = ρ/√(ρ² + ε(1 − ρ²)), ρ = cos θ. It does not see the sign of ν.
    pub fn error_printed(&self, [mu, nu]: [f64; 2]) -> f64 {
        let (rho, e) = (libm::cos(self.theta), self.epsilon);
        let r = rho / libm::sqrt(rho * rho + e * (1.0 - rho * rho));
        let l = libm::sqrt(mu * mu + e * nu * nu);
        (libm::acos((mu / l).clamp(-1.0, 1.0)) / libm::acos(r)).min(1.0)
    }

    /// Share of wrong test points, exact for z ~ N(0, diag(1, ε)) in the wedge. In whitened coordinates directions are uniform; the predictor errs between π/2 and
    /// π/2 + a (mod π), a the angle of (μ, √ε ν), and the wedge is between π/2 and π/2 + b, b that of v.
    pub fn error_wedge(&self, [mu, nu]: [f64; 2]) -> f64 {
        let root = libm::sqrt(self.epsilon);
        let (a, b) = (libm::atan2(root * nu, mu), libm::atan2(root * libm::sin(self.theta), libm::cos(self.theta)));
        let overlap = if a >= 0.0 { a.min(b) } else { (b - (std::f64::consts::PI + a)).max(0.0) };
        overlap / b
    }

    /// Share of wrong points among those of the wedge with |z₁| ≥ s, by quadrature over z₁; `None` where the wedge has no probability that a double can hold.
    pub fn error_beyond_margin(&self, [mu, nu]: [f64; 2]) -> Option<f64> {
        let (root, cot) = (libm::sqrt(self.epsilon), 1.0 / libm::tan(self.theta));
        let density = |x: f64| libm::exp(-0.5 * x * x);
        // The tail in z₁ falls like exp(−x²(1 + cot²θ/ε)/2): the range and the grid follow it.
        let width = 8.0 / libm::sqrt(1.0 + cot * cot / self.epsilon);
        let whole = simpson(|x| density(x) * normal_cdf(-x * cot / root), self.margin, self.margin + width, 2000);
        let wrong = |x: f64| {
            let inside = normal_cdf(-x * cot / root);
            let share = if nu > 0.0 {
                normal_cdf(-x * cot.max(mu / nu) / root)
            } else if nu < 0.0 {
                (inside - normal_cdf(x * mu / (-nu * root))).max(0.0)
            } else {
                if mu > 0.0 { 0.0 } else { inside }
            };
            density(x) * share
        };
        (whole > 1e-290).then(|| simpson(wrong, self.margin, self.margin + width, 2000) / whole)
    }

    /// The plateau's end as the card prints it for a large start: ln τ/(ηε), τ = |u₂| tan θ m₂/m₁; negative where τ < 1.
    pub fn plateau_large_printed(&self) -> f64 {
        let (m1, m2) = moments(self.margin);
        libm::log(self.start[1].abs() * libm::tan(self.theta) * m2 / m1) / (self.eta * self.epsilon)
    }

    /// The plateau's end with τ = |u₂| cot θ m₂/m₁ and the exact rate −ln(1 − ηε), once μ is at rest; 0 where there is no plateau (τ ≤ 1, or u₂ < 0).
    pub fn plateau_large_corrected(&self) -> f64 {
        let (m1, m2) = moments(self.margin);
        let tau = self.start[1] / libm::tan(self.theta) * m2 / m1;
        if tau > 1.0 { libm::log(tau) / -libm::log1p(-self.eta * self.epsilon) } else { 0.0 }
    }

    /// The plateau's end as the card prints it for a small start: ln(1/(τε))/η.
    pub fn plateau_small_printed(&self) -> f64 {
        let (m1, m2) = moments(self.margin);
        -libm::log(self.start[1].abs() * libm::tan(self.theta) * m2 / m1 * self.epsilon) / self.eta
    }

    /// The first step with ν_k < μ_k tan θ on the exact path: the end of the plateau without any approximation. Found by stepping while μ moves, in closed form after.
    pub fn plateau_exact(&self) -> f64 {
        let ends = |k: f64| {
            let [mu, nu] = self.path(k);
            nu < mu * libm::tan(self.theta)
        };
        let guess = libm::floor(self.plateau_large_corrected());
        // μ is at rest to 1e-12 after this many steps.
        let rest = libm::ceil(28.0 / -libm::log((1.0 - self.eta * moments(self.margin).1).abs().max(1e-12)));
        let mut k = if guess > rest { (guess - 2.0).max(0.0) } else { 0.0 };
        while !ends(k) && k < guess + rest + 4.0 {
            k += 1.0;
        }
        k
    }

    /// Factor by which normalised descent shrinks ν a step at the end: 1 − 2ε/m₂ (derived here; an upper end, reached by the symmetric two-cycle of μ).
    pub fn normalised_factor(&self) -> f64 {
        1.0 - 2.0 * self.epsilon / moments(self.margin).1
    }
}

/// Simpson's rule on `n` (even) intervals.
pub(super) fn simpson(f: impl Fn(f64) -> f64, a: f64, b: f64, n: usize) -> f64 {
    let h = (b - a) / n as f64;
    let inner: f64 = (1..n).map(|i| f(a + h * i as f64) * if i % 2 == 1 { 4.0 } else { 2.0 }).sum();
    (f(a) + inner + f(b)) * h / 3.0
}
