//! What the random phases leave: moments of every output, the chance that a rival wins, and the accuracy.
//!
//! With S = θ(n + m) + φ₁ + φ₂ and D = θ(n − m) + φ₁ − φ₂, independent and uniform, a neuron's activation is (cos A + cos B)² = (1 + cos S)(1 + cos D), and it adds
//! (2/N)(1 + cos S)(1 + cos D)·cos(S − θd) to the output at distance d = n + m − q from the answer. Everything below follows from that one line.

use super::network::{Construction, Operation};
use crate::numeric::special::normal_cdf;
use std::f64::consts::{PI, TAU};

/// Σ over neurons of g(θ_k).
fn over_neurons(order: usize, width: usize, g: impl Fn(f64) -> f64) -> f64 {
    let frequencies = (order - 1) / 2;
    (1..=frequencies)
        .map(|sigma| {
            let neurons = width / frequencies + usize::from(sigma <= width % frequencies);
            neurons as f64 * g(TAU * sigma as f64 / order as f64)
        })
        .sum()
}

/// Mean over phases of the output at distance `d` from the answer: (1/N)·Σ_k cos(θ_k d). 1 at d = 0; −1/(p − 1) elsewhere where N is a multiple of (p − 1)/2, p odd.
pub fn mean_output(order: usize, width: usize, d: usize) -> f64 {
    over_neurons(order, width, |theta| libm::cos(theta * d as f64)) / width as f64
}

/// Variance over phases of the output at distance `d`: (4/N²)·Σ_k (1 + cos(2θ_k d)/16). 4.25/N at the answer, close to 4/N elsewhere.
pub fn interference_variance(order: usize, width: usize, d: usize) -> f64 {
    4.0 * over_neurons(order, width, |theta| 1.0 + libm::cos(2.0 * theta * d as f64) / 16.0) / (width * width) as f64
}

/// Mean of (output − one-hot)² over phases, pairs and classes, for one-to-one operations modulo p: variance and squared bias, averaged over distances. 4/N plus
/// the bias, which is 1/(p(p − 1)) where N is a multiple of (p − 1)/2.
pub fn mean_squared_error(p: usize, width: usize) -> f64 {
    let at = |d: usize| {
        let bias = mean_output(p, width, d) - f64::from(u8::from(d == 0));
        interference_variance(p, width, d) + bias * bias
    };
    (0..p).map(at).sum::<f64>() / p as f64
}

/// Mean inverse participation ratio of vectors of p independent normals (p odd): shares of power are Dirichlet with (p − 1)/2 parameters of 1 and one of ½.
pub fn participation_of_random(p: usize) -> f64 {
    let half = p as f64 / 2.0;
    ((p - 1) as f64 + 0.75) / (half * (half + 1.0))
}

/// Accuracy if outputs were Gaussian and rivals independent given the peak: E_x[Φ((1 + 1/(M − 1) + s₀x)/s)^rivals], the central limit of many neurons. It
/// underestimates: far from the middle, the sum of bounded waves has lighter tails than a Gaussian.
pub fn accuracy_gaussian(order: usize, width: usize, rivals: usize) -> f64 {
    let n = width as f64;
    let (at_peak, off) = (libm::sqrt(4.25 / n), libm::sqrt(4.0 / n * (1.0 - 1.0 / (16.0 * (order - 1) as f64))));
    let gap = 1.0 + 1.0 / (order - 1) as f64;
    over_normal(|x| libm::pow(normal_cdf((gap + at_peak * x) / off), rivals as f64))
}

/// Probability that one rival's output is at least that of the answer, by the saddlepoint formula of Lugannani and Rice (Adv. Appl. Probab. 12, 1980) from the exact
/// cumulants of the difference. Frequencies count as evenly covered: exact so where N is a multiple of (M − 1)/2 and M is prime, where all rivals are alike.
pub fn rival_wins(order: usize, width: usize) -> f64 {
    let sum = Difference::new(order, width);
    let [_, mean, variance] = sum.cumulants(0.0);
    // K′ rises from −∞; the saddlepoint is left of 0, at −mean/variance for a Gaussian.
    let (mut low, mut high) = (-mean / variance, 0.0);
    while sum.cumulants(low)[1] > 0.0 {
        (low, high) = (2.0 * low, low);
    }
    let mut t = low;
    for _ in 0..60 {
        let [_, slope, curvature] = sum.cumulants(t);
        if slope > 0.0 {
            high = t
        } else {
            low = t
        }
        let newton = t - slope / curvature;
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if (next - t).abs() <= 1e-10 * t.abs() {
            t = next;
            break;
        }
        t = next;
    }
    let [k, _, curvature] = sum.cumulants(t);
    let (w, u) = (-libm::sqrt(-2.0 * k), t * libm::sqrt(curvature));
    let density = libm::exp(-0.5 * w * w) / libm::sqrt(TAU);
    (normal_cdf(w) + density * (1.0 / w - 1.0 / u)).clamp(0.0, 1.0)
}

/// Least accuracy whatever the dependence of rivals: 1 − rivals·P(one rival wins), at least 0.
pub fn accuracy_bound(order: usize, width: usize, rivals: usize) -> f64 {
    (1.0 - rivals as f64 * rival_wins(order, width)).max(0.0)
}

/// Accuracy with the exact tail of each rival, and the dependence of rivals that a shared Gaussian peak makes: E_x[Φ((z + √ρ·x)/√(1 − ρ))^rivals] with
/// z = −Φ⁻¹(P(one rival wins)) and ρ the peak's share of the variance of a difference, 4.25/8.25.
pub fn accuracy_one_factor(order: usize, width: usize, rivals: usize) -> f64 {
    let z = normal_quantile_above(rival_wins(order, width));
    let rho: f64 = 4.25 / 8.25;
    over_normal(|x| libm::pow(normal_cdf((z + rho.sqrt() * x) / (1.0 - rho).sqrt()), rivals as f64))
}

/// Share of pairs that wide networks get right: 1, or for one root a square the share of sums that are the root chosen.
pub fn limit(construction: &Construction) -> f64 {
    match construction.operation {
        Operation::SquareOfSum => construction.classes.iter().filter(|c| !c.is_empty()).count() as f64 / construction.order as f64,
        _ => 1.0,
    }
}

/// The predictions for one width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// [`accuracy_one_factor`], times [`limit`]; `None` where a class adds up several waves, of which nothing is derived.
    pub accuracy: Option<f64>,
    /// [`accuracy_gaussian`] likewise.
    pub gaussian: Option<f64>,
    /// [`accuracy_bound`], for one-to-one operations.
    pub bound: Option<f64>,
    /// [`mean_squared_error`], for one-to-one operations modulo p.
    pub mse: Option<f64>,
}

impl Prediction {
    /// What is derived for a construction at a width. Below one neuron a frequency the missing waves give rivals means of their own, and accuracies are not derived.
    pub fn new(construction: &Construction, width: usize) -> Prediction {
        let order = construction.order;
        let several = construction.classes.iter().any(|c| c.len() > 1);
        let rivals = construction.classes.iter().filter(|c| !c.is_empty()).count() - 1;
        let share = limit(construction);
        let one_to_one = !several && share == 1.0;
        let few = width < construction.frequencies();
        let unless = |skip: bool, f: &dyn Fn() -> f64| if skip { None } else { Some(f()) };
        Prediction {
            accuracy: unless(several || few, &|| share * accuracy_one_factor(order, width, rivals)),
            gaussian: unless(several || few, &|| share * accuracy_gaussian(order, width, rivals)),
            bound: unless(!one_to_one || few, &|| accuracy_bound(order, width, rivals)),
            mse: unless(!one_to_one || order != construction.p, &|| mean_squared_error(order, width)),
        }
    }
}

/// Mean over a standard normal (trapezia over ±9, which is exact to rounding for smooth functions).
fn over_normal(f: impl Fn(f64) -> f64) -> f64 {
    let steps = 360;
    let step = 18.0 / f64::from(steps);
    (0..=steps).map(|i| -9.0 + step * f64::from(i)).map(|x| f(x) * libm::exp(-0.5 * x * x)).sum::<f64>() * step / libm::sqrt(TAU)
}

/// z with P(X > z) = `tail` for a standard normal, by bisection.
fn normal_quantile_above(tail: f64) -> f64 {
    let (mut low, mut high) = (-40.0, 40.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if normal_cdf(-middle) > tail { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// Cumulants of the difference of the peak and one rival at distance 1: a sum over neurons of (2/N)(1 + cos S)(1 + cos D)(cos S − cos(S + θ)).
struct Difference {
    /// Neurons of a frequency.
    neurons: f64,
    /// For each frequency, values of the summand on a grid of S and D.
    values: Vec<Vec<f64>>,
}

impl Difference {
    fn new(order: usize, width: usize) -> Difference {
        // Sums of periodic functions: the grid is exact for all harmonics that matter at these exponents.
        let (of_s, of_d) = (48, 16);
        let frequencies = (order - 1) / 2;
        let values = (1..=frequencies)
            .map(|sigma| {
                let theta = TAU * sigma as f64 / order as f64;
                let s = (0..of_s).map(|i| TAU * f64::from(i) / f64::from(of_s));
                let row = |s: f64| {
                    let g = 2.0 / width as f64 * (1.0 + libm::cos(s)) * (libm::cos(s) - libm::cos(s + theta));
                    // D and −D are alike.
                    (0..of_d).map(move |j| PI * (f64::from(j) + 0.5) / f64::from(of_d)).map(move |d| g * (1.0 + libm::cos(d)))
                };
                s.flat_map(row).collect()
            })
            .collect();
        Difference { neurons: width as f64 / frequencies as f64, values }
    }

    /// K(t) and its first two derivatives.
    fn cumulants(&self, t: f64) -> [f64; 3] {
        let mut out = [0.0; 3];
        for values in &self.values {
            let (mut m0, mut m1, mut m2) = (0.0, 0.0, 0.0);
            for v in values {
                let e = libm::exp(t * v);
                m0 += e;
                m1 += e * v;
                m2 += e * v * v;
            }
            let mean = m1 / m0;
            out[0] += self.neurons * libm::log(m0 / values.len() as f64);
            out[1] += self.neurons * mean;
            out[2] += self.neurons * (m2 / m0 - mean * mean);
        }
        out
    }
}
