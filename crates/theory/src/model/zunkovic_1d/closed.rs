//! Closed forms of the exponential model: the test error, the probability to grok, the law of the grokking time.

use crate::model::TheoryError;
use crate::numeric::quadrature::{integrate, integrate_pieces};
use crate::numeric::special::{gamma_lower, gamma_upper, ln_bessel_k_half, ln_gamma};

/// ε_λ = ε(1 + λ₂) + λ₁: training ends without test error exactly if |x̄| < ε_λ. L2 multiplies the gap, L1 adds to it.
pub fn effective_gap(eps: f64, lambda1: f64, lambda2: f64) -> f64 {
    eps * (1.0 + lambda2) + lambda1
}

/// E(b): share of the two classes on the wrong side of the threshold `b` (Eq 7).
pub fn test_error(eps: f64, b: f64) -> f64 {
    if b.abs() > eps { -0.5 * libm::expm1(eps - b.abs()) } else { 0.0 }
}

/// Time at which the test error vanishes, started at `b0` > ε with the mean input `mean`, as printed (Eq 8): without the rate 1 + λ₂ of the flow.
pub fn zero_error_time_printed(eps: f64, lambda1: f64, lambda2: f64, b0: f64, mean: f64) -> f64 {
    let target = (mean - lambda1) / (1.0 + lambda2);
    libm::log((b0 - target) / (eps - target))
}

/// As [`zero_error_time_printed`], divided by the rate that Eq 6 of the paper has.
pub fn zero_error_time_corrected(eps: f64, lambda1: f64, lambda2: f64, b0: f64, mean: f64) -> f64 {
    zero_error_time_printed(eps, lambda1, lambda2, b0, mean) / (1.0 + lambda2)
}

/// P_N(x̄): density of the mean input of N positive and N negative samples (Eq 13).
pub fn mean_density(n: usize, mean: f64) -> f64 {
    let (big, x) = (n as f64, mean.abs().max(1e-12));
    let ln = std::f64::consts::LN_2 + (big + 0.5) * libm::log(big) + (big - 0.5) * libm::log(x) + ln_bessel_k_half(n - 1, 2.0 * big * x)
        - 0.5 * libm::log(std::f64::consts::PI)
        - ln_gamma(big);
    libm::exp(ln)
}

/// P(|x̄| < ε_λ): the probability to grok, as a finite sum of positive terms.
///
/// It equals Eq 14 if B and Nd there are read as N. That form is a difference of hypergeometric functions with alternating signs and loses all digits from
/// N ≈ 20 on. Here: N x̄ is half the difference of two Γ(N) variables, two races of a Poisson process to its N-th event. When one has won, the other still
/// needs k + 1 events with probability w_k, w_{k+1}/w_k = 2(N−1−k)/(2N−2−k), and the difference is Γ(k + 1).
pub fn grokking_probability(n: usize, gap: f64) -> f64 {
    let big = n as f64;
    let (mut weight, mut total, mut sum) = (1.0, 0.0, 0.0);
    for k in 0..n {
        total += weight;
        sum += weight * gamma_lower(k as f64 + 1.0, 2.0 * big * gap);
        if weight < 1e-18 * total {
            break;
        }
        weight *= 2.0 * (big - 1.0 - k as f64) / (2.0 * big - 2.0 - k as f64);
    }
    sum / total
}

/// The law of G₁ − G₂, G₁ ~ Γ(N − 1), G₂ ~ Γ(N), as a mixture of Γ(k) on either side of 0: what N·(2x̄ − x_min) is, given the smallest sample x_min.
#[derive(Debug, Clone)]
pub struct Race {
    n: f64,
    /// Weights of Γ(1), Γ(2), … above 0.
    above: Vec<f64>,
    /// The same below 0.
    below: Vec<f64>,
}

impl Race {
    /// For `n` ≥ 1 samples a class.
    pub fn new(n: usize) -> Race {
        let big = n as f64;
        let ladder = |events: f64, least: f64| {
            // Negative binomial weights, from one event missing upwards; they fall.
            let (mut weights, mut weight, mut j) = (Vec::new(), 1.0, events);
            while j >= 0.0 && weight > 1e-18 {
                weights.push(weight);
                weight *= 2.0 * j / (least - 1.0 + j);
                j -= 1.0;
            }
            weights
        };
        let (mut above, mut below) = (ladder(big - 2.0, big), ladder(big - 1.0, big - 1.0));
        let total: f64 = above.iter().chain(&below).sum();
        above.iter_mut().chain(&mut below).for_each(|w| *w /= total);
        Race { n: big, above, below }
    }

    /// P(G₁ − G₂ ≤ z).
    fn cdf(&self, z: f64) -> f64 {
        if z < 0.0 { tail(&self.below, -z) } else { 1.0 - tail(&self.above, z) }
    }

    /// Density of G₁ − G₂.
    fn density(&self, z: f64) -> f64 {
        let (weights, z) = if z < 0.0 { (&self.below, -z) } else { (&self.above, z) };
        let (mut sum, mut ln) = (0.0, -z);
        for (k, w) in weights.iter().enumerate() {
            sum += w * libm::exp(ln);
            ln += libm::log(z / (k as f64 + 1.0));
        }
        sum
    }

    /// Joint density of the mean input and the smallest sample of the class that the threshold starts in (both without the shift ε).
    pub fn joint_density(&self, mean: f64, smallest: f64) -> f64 {
        2.0 * self.n * self.n * libm::exp(-self.n * smallest) * self.density(self.n * (2.0 * mean - smallest))
    }
}

/// Σ w_k Q(k, z) over k = 1, 2, ….
fn tail(weights: &[f64], z: f64) -> f64 {
    if z > 700.0 {
        return weights.iter().enumerate().map(|(k, w)| w * gamma_upper(k as f64 + 1.0, z)).sum();
    }
    let (mut sum, mut term) = (0.0, libm::exp(-z));
    let mut upper = term;
    for (k, w) in weights.iter().enumerate() {
        sum += w * upper;
        term *= z / (k as f64 + 1.0);
        upper += term;
    }
    sum
}

/// The grokking time t_G = t(no test error) − t(no training error) of the runs that grok, from an infinitely distant start.
///
/// t_G = ln[1 + (1 + λ₂)x_min/(ε_λ − x̄)] / (1 + λ₂), so that t_G ≤ t means x̄ ≤ ε_λ − (1 + λ₂)x_min/(e^{(1+λ₂)t} − 1): one integral over x_min is left.
/// The paper has the joint density for N = 2 only.
#[derive(Debug, Clone)]
pub struct GrokkingTime {
    race: Race,
    gap: f64,
    rate: f64,
    probability: f64,
}

impl GrokkingTime {
    /// For `n` samples a class, ε_λ > 0 and λ₂ ≥ 0.
    pub fn new(n: usize, gap: f64, lambda2: f64) -> GrokkingTime {
        GrokkingTime { race: Race::new(n), gap, rate: 1.0 + lambda2, probability: grokking_probability(n, gap) }
    }

    /// Where the integrand over y = N·x_min has kinks, and where it ends, for x̄ ≤ ε_λ − `c`·x_min.
    fn pieces(&self, c: f64) -> [f64; 4] {
        let n = self.race.n;
        let end = (2.0 * n * self.gap / c).min(45.0);
        let kink = (2.0 * n * self.gap / (1.0 + 2.0 * c)).min(end);
        [0.0, 0.5 * kink, kink, end]
    }

    /// P(t_G ≤ t | the run groks).
    ///
    /// # Errors
    /// The integral does not converge.
    pub fn cdf(&self, t: f64) -> Result<f64, TheoryError> {
        if t <= 0.0 {
            return Ok(0.0);
        }
        let (n, c) = (self.race.n, self.rate / libm::expm1(self.rate * t));
        let inner = |y: f64| {
            let m = y / n;
            let high = self.race.cdf(n * (2.0 * (self.gap - c * m) - m));
            libm::exp(-y) * (high - self.race.cdf(n * (-2.0 * self.gap - m)))
        };
        Ok(integrate_pieces(inner, &self.pieces(c), 1e-10, 1e-13)?.value / self.probability)
    }

    /// Density of t_G among runs that grok, t > 0.
    ///
    /// # Errors
    /// The integral does not converge.
    pub fn density(&self, t: f64) -> Result<f64, TheoryError> {
        let (n, grown) = (self.race.n, libm::expm1(self.rate * t));
        let c = self.rate / grown;
        let slope = c * self.rate * (1.0 + grown) / grown;
        let inner = |y: f64| {
            let m = y / n;
            libm::exp(-y) * self.race.density(n * (2.0 * (self.gap - c * m) - m)) * 2.0 * n * m * slope
        };
        Ok(integrate_pieces(inner, &self.pieces(c), 1e-8, 1e-12)?.value / self.probability)
    }

    /// Mean of t_G among runs that grok.
    ///
    /// # Errors
    /// An integral does not converge.
    pub fn mean(&self) -> Result<f64, TheoryError> {
        let mut failed = None;
        let mut above = |t: f64| {
            self.cdf(t).map_or_else(
                |e| {
                    failed = Some(e);
                    f64::NAN
                },
                |p| 1.0 - p,
            )
        };
        let middle = self.median()?;
        let sum = integrate(&mut above, 0.0, middle, 1e-7, 0.0).and_then(|a| Ok(a.value + integrate(&mut above, middle, f64::INFINITY, 1e-7, 0.0)?.value));
        failed.map_or(sum, Err)
    }

    /// Median of t_G among runs that grok.
    ///
    /// # Errors
    /// An integral does not converge.
    pub fn median(&self) -> Result<f64, TheoryError> {
        let mut high = 1.0;
        while self.cdf(high)? < 0.5 {
            high *= 2.0;
        }
        let mut low = 0.0;
        while high - low > 1e-9 * high {
            let middle = 0.5 * (low + high);
            if self.cdf(middle)? < 0.5 { low = middle } else { high = middle }
        }
        Ok(0.5 * (low + high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_those_of_the_card() {
        // Five decimals on the card.
        for (n, wide, narrow) in [(1, 0.55067, 0.07688), (2, 0.63659, 0.07968), (5, 0.80711, 0.10896), (10, 0.92546, 0.14745)] {
            assert!((grokking_probability(n, 0.4) - wide).abs() < 6e-6, "N = {n}");
            assert!((grokking_probability(n, 0.04) - narrow).abs() < 6e-6, "N = {n}");
        }
        // Eq 15.
        for gap in [0.01, 0.4, 3.0] {
            let two = 1.0 - (1.0 + 2.0 * gap) * libm::exp(-4.0 * gap);
            assert!((grokking_probability(2, gap) - two).abs() < 1e-14, "ε_λ = {gap}");
        }
    }

    #[test]
    fn the_density_of_the_mean_adds_up_to_the_probability() {
        for (n, gap) in [(1, 0.4), (2, 0.4), (10, 0.1), (1000, 0.02), (10_000, 0.01)] {
            let both = integrate(|x| 2.0 * mean_density(n, x), 0.0, gap, 1e-11, 0.0).unwrap().value;
            let closed = grokking_probability(n, gap);
            assert!((both - closed).abs() < 1e-8 * closed, "N = {n}: {both} against {closed}");
        }
    }

    #[test]
    fn the_joint_density_of_two_samples_is_the_printed_one() {
        let race = Race::new(2);
        for (x, m) in [(0.3, 0.1), (0.05, 0.3), (-0.2, 0.1), (1.0, 1.9)] {
            let printed = if 2.0 * x > m { 2.0 * libm::exp(-4.0 * x) } else { -2.0 * libm::exp(4.0 * x - 4.0 * m) * (8.0 * x - 4.0 * m - 1.0) };
            assert!((race.joint_density(x, m) - printed).abs() < 1e-12, "{x} {m}: {} against {printed}", race.joint_density(x, m));
        }
    }

    #[test]
    fn mean_and_median_times_are_those_of_the_card() {
        // The card prints three digits, from simulation.
        for (n, means) in [(2, [0.851, 2.32, 4.41]), (5, [0.499, 1.72, 3.67]), (10, [0.289, 1.288, 3.07])] {
            for (gap, want) in [0.4, 0.04, 0.004].into_iter().zip(means) {
                let got = GrokkingTime::new(n, gap, 0.0).mean().unwrap();
                assert!((got / want - 1.0).abs() < 4e-3, "N = {n}, ε_λ = {gap}: {got} against {want}");
            }
        }
        for (gap, want) in [(0.4, 0.602), (0.04, 2.20), (0.004, 4.40)] {
            let got = GrokkingTime::new(2, gap, 0.0).median().unwrap();
            assert!((got / want - 1.0).abs() < 4e-3, "{got} against {want}");
        }
    }

    #[test]
    fn the_density_of_the_time_is_the_slope_of_its_distribution() {
        for (n, lambda2) in [(1, 0.0), (2, 0.5), (10, 2.0), (300, 0.0)] {
            let law = GrokkingTime::new(n, 0.1, lambda2);
            for t in [0.05, 0.3, 1.5] {
                let slope = (law.cdf(t + 1e-4).unwrap() - law.cdf(t - 1e-4).unwrap()) / 2e-4;
                let density = law.density(t).unwrap();
                assert!((slope - density).abs() < 1e-5 * density.max(0.1), "N = {n}, t = {t}: {slope} against {density}");
            }
            assert!((law.cdf(60.0).unwrap() - 1.0).abs() < 1e-8, "N = {n}");
        }
    }
}
