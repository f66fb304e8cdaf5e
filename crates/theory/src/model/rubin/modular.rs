//! Modular addition with a quadratic network: the action of one neuron's weights, its side well, and a descent in all 2P weights that knows neither.

use crate::numeric::Draws;
use std::f64::consts::PI;

/// Sizes, as the paper names them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Modular {
    /// Noise variance: the temperature and the ridge.
    pub sigma2: f64,
    /// Modulus P.
    pub p: f64,
    /// Hidden neurons N.
    pub width: f64,
    /// a ~ N(0, σ_a²/N) in each neuron; the paper's σ_a² is .002/N.
    pub sigma_a2: f64,
    /// Strength γ of the sextic weight penalty.
    pub gamma: f64,
    /// What is left of the target in the residual, −1 before anything is learned.
    pub residual: f64,
}

impl Modular {
    /// The control parameter u = 2σ_a²P²/(Nσ⁴).
    pub fn u(&self) -> f64 {
        2.0 * self.sigma_a2 * self.p * self.p / (self.width * self.sigma2 * self.sigma2)
    }

    /// u·a², which alone decides on the well.
    pub fn drive(&self) -> f64 {
        self.u() * self.residual * self.residual
    }

    /// S/(2P) of one frequency with w_kw_{−k} = v_kv_{−k} = Φ: Φ − ua²Φ² + (γ/3)Φ³.
    pub fn action(&self, phi: f64) -> f64 {
        phi - self.drive() * phi * phi + self.gamma / 3.0 * phi * phi * phi
    }

    /// The side well: Φ = (ua² + √((ua²)² − γ))/γ, there once ua² > √γ.
    pub fn side_well(&self) -> Option<f64> {
        let (v, g) = (self.drive(), self.gamma);
        (v * v > g).then(|| (v + (v * v - g).sqrt()) / g)
    }

    /// u at which the side well is as deep as the one at 0: (ua²)² = 4γ/3.
    pub fn u_degenerate(&self) -> f64 {
        2.0 * (self.gamma / 3.0).sqrt() / (self.residual * self.residual)
    }

    /// u at which the side well appears: ua² = √γ.
    pub fn u_spinodal(&self) -> f64 {
        self.gamma.sqrt() / (self.residual * self.residual)
    }

    /// Φ of the side well where it is as deep as the one at 0: √(3/γ).
    pub fn phi_degenerate(&self) -> f64 {
        (3.0 / self.gamma).sqrt()
    }

    /// The σ² that belongs to `u`.
    pub fn sigma2_at(&self, u: f64) -> f64 {
        (2.0 * self.sigma_a2 * self.p * self.p / (self.width * u)).sqrt()
    }
}

/// One neuron's weights w, v ∈ ℝ^P on the two one-hot inputs, with everything counted out over the P² pairs and P outputs:
/// ½‖w‖² + ½‖v‖² − (u/4P²)·Σ_c (Σ_{x,y} a·(δ_{c, x+y} − 1/P)(w_x + v_y)²)² + (Pγ/6)·Σ_k (|ŵ_k|⁶ + |v̂_k|⁶), ŵ_k = Σ_x w_x e^{−2πikx/P}/P.
/// The factor u/4P² is σ_a²/(2Nσ⁴), the square of the readout's coupling integrated over its prior.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neuron {
    /// Modulus of the descent (small: S/P does not depend on it).
    pub p: usize,
    /// u·a².
    pub drive: f64,
    /// γ.
    pub gamma: f64,
}

impl Neuron {
    /// The energy at `weights` = (w, v), with its gradient.
    pub fn energy(&self, weights: &[f64], gradient: &mut [f64]) -> f64 {
        let p = self.p;
        let (w, v) = weights.split_at(p);
        let size = p as f64;
        gradient.copy_from_slice(weights);
        let mut energy = 0.5 * weights.iter().map(|x| x * x).sum::<f64>();
        let coupling = self.drive / (4.0 * size * size);
        let mut slope = vec![0.0; 2 * p];
        for c in 0..p {
            let mut overlap = 0.0;
            slope.fill(0.0);
            for x in 0..p {
                for y in 0..p {
                    let target = if x + y == c || x + y == c + p { 1.0 - 1.0 / size } else { -1.0 / size };
                    let z = w[x] + v[y];
                    overlap += target * z * z;
                    slope[x] += 2.0 * target * z;
                    slope[p + y] += 2.0 * target * z;
                }
            }
            energy -= coupling * overlap * overlap;
            gradient.iter_mut().zip(&slope).for_each(|(g, s)| *g -= 2.0 * coupling * overlap * s);
        }
        let turns: Vec<(f64, f64)> = (0..p).map(|i| 2.0 * PI * i as f64 / size).map(|t| (libm::cos(t), libm::sin(t))).collect();
        for half in 0..2 {
            let x = &weights[half * p..(half + 1) * p];
            for k in 0..p {
                let (mut re, mut im) = (0.0, 0.0);
                for (i, x) in x.iter().enumerate() {
                    let (cos, sin) = turns[k * i % p];
                    re += x * cos / size;
                    im -= x * sin / size;
                }
                let square = re * re + im * im;
                energy += size * self.gamma / 6.0 * square * square * square;
                for i in 0..p {
                    let (cos, sin) = turns[k * i % p];
                    gradient[half * p + i] += self.gamma * square * square * (re * cos - im * sin);
                }
            }
        }
        energy
    }

    /// Descends from waves of frequency 1, random phases and unequal amplitudes of order `amplitude`, with noise on every weight. Gives the energy and, of the strongest
    /// frequency, |ŵ_k|² and |v̂_k|².
    pub fn descend(&self, amplitude: f64, draws: &mut Draws) -> (f64, f64, f64) {
        let p = self.p;
        let mut x = Vec::with_capacity(2 * p);
        for scale in [1.0, 0.8] {
            let phase = 2.0 * PI * draws.uniform();
            for i in 0..p {
                x.push(amplitude * (scale * libm::cos(2.0 * PI * i as f64 / p as f64 + phase) + 0.05 * draws.normal()));
            }
        }
        let mut g = vec![0.0; 2 * p];
        let mut energy = self.energy(&x, &mut g);
        let (mut rate, mut next_g) = (0.1, g.clone());
        for _ in 0..4_000 {
            let square: f64 = g.iter().map(|g| g * g).sum();
            if square <= 1e-16 * (1.0 + x.iter().map(|x| x * x).sum::<f64>()) || rate < 1e-12 {
                break;
            }
            let next: Vec<f64> = x.iter().zip(&g).map(|(x, g)| x - rate * g).collect();
            let reached = self.energy(&next, &mut next_g);
            if reached <= energy - 0.3 * rate * square {
                (x, energy) = (next, reached);
                std::mem::swap(&mut g, &mut next_g);
                rate *= 1.3;
            } else {
                rate *= 0.5;
            }
        }
        let power = |x: &[f64], k: usize| {
            let turn = |i: usize| 2.0 * PI * (k * i) as f64 / p as f64;
            let re: f64 = x.iter().enumerate().map(|(i, x)| x * libm::cos(turn(i))).sum();
            let im: f64 = x.iter().enumerate().map(|(i, x)| x * libm::sin(turn(i))).sum();
            (re * re + im * im) / (p * p) as f64
        };
        let strongest = (1..=p / 2).max_by(|a, b| power(&x[..p], *a).total_cmp(&power(&x[..p], *b))).unwrap_or(1);
        (energy, power(&x[..p], strongest), power(&x[p..], strongest))
    }
}
