//! Projected gradient flow of neurons on the surrogate, over the group's table alone.

use crate::model::{Context, TheoryError};
use crate::numeric::Draws;

/// Neurons that move together: one vector register a table entry.
pub const LANES: usize = 8;

/// Eight neurons: u, v and w, `[order]` lanes each.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The three vectors of each neuron, unit length.
    pub parts: [Vec<[f64; LANES]>; 3],
}

/// A neuron: u, v, w.
pub type Neuron = [Vec<f64>; 3];

impl Bundle {
    /// Uniform on the spheres; w mean-free, u and v too if `centred`. One sample a lane.
    pub fn draw(order: usize, centred: bool, mut draws: [Draws; LANES]) -> Bundle {
        let mut bundle = Bundle { parts: std::array::from_fn(|_| vec![[0.0; LANES]; order]) };
        for (lane, d) in draws.iter_mut().enumerate() {
            for (which, part) in bundle.parts.iter_mut().enumerate() {
                part.iter_mut().for_each(|x| x[lane] = d.normal());
                if centred || which == 2 {
                    let mean = part.iter().map(|x| x[lane]).sum::<f64>() / order as f64;
                    part.iter_mut().for_each(|x| x[lane] -= mean);
                }
            }
        }
        bundle.normalise();
        bundle
    }

    /// One neuron.
    pub fn neuron(&self, lane: usize) -> Neuron {
        self.parts.each_ref().map(|p| p.iter().map(|x| x[lane]).collect())
    }

    fn normalise(&mut self) {
        for part in &mut self.parts {
            let mut squares = [0.0; LANES];
            for x in part.iter() {
                for l in 0..LANES {
                    squares[l] += x[l] * x[l];
                }
            }
            let scale = squares.map(|s| 1.0 / s.sqrt());
            for x in part.iter_mut() {
                for l in 0..LANES {
                    x[l] *= scale[l];
                }
            }
        }
    }
}

/// The flow on a group's table.
pub struct Flow<'a> {
    /// Number of elements.
    pub order: usize,
    /// Row-major table.
    pub products: &'a [u32],
}

impl Flow<'_> {
    /// E/2 = Σ_{a,b} u(a) v(b) w(a⋆b) of one neuron, from its definition.
    pub fn half_energy(&self, neuron: &Neuron) -> f64 {
        let [u, v, w] = neuron;
        let row = |a: usize| -> f64 { self.products[a * self.order..(a + 1) * self.order].iter().zip(v).map(|(c, y)| y * w[*c as usize]).sum() };
        (0..self.order).map(|a| u[a] * row(a)).sum()
    }

    /// Projected gradients: 2 P ∇(E/2), with w kept mean-free. Returns the largest squared length among lanes.
    fn velocity(&self, at: &Bundle, out: &mut Bundle) -> f64 {
        let n = self.order;
        let [u, v, w] = &at.parts;
        let [du, dv, dw] = &mut out.parts;
        dv.fill([0.0; LANES]);
        dw.fill([0.0; LANES]);
        for (a, row) in self.products.chunks_exact(n).enumerate() {
            let x = u[a];
            let mut sum = [0.0; LANES];
            for ((c, y), g) in row.iter().zip(v).zip(dv.iter_mut()) {
                let (z, h) = (&w[*c as usize], &mut dw[*c as usize]);
                for l in 0..LANES {
                    sum[l] += y[l] * z[l];
                    g[l] += x[l] * z[l];
                    h[l] += x[l] * y[l];
                }
            }
            du[a] = sum;
        }
        let mut mean = [0.0; LANES];
        for x in dw.iter() {
            for l in 0..LANES {
                mean[l] += x[l] / n as f64;
            }
        }
        for x in dw.iter_mut() {
            for l in 0..LANES {
                x[l] -= mean[l];
            }
        }
        let mut speed: f64 = 0.0;
        for (part, d) in at.parts.iter().zip(out.parts.iter_mut()) {
            let mut along = [0.0; LANES];
            for (x, g) in part.iter().zip(d.iter()) {
                for l in 0..LANES {
                    along[l] += x[l] * g[l];
                }
            }
            let mut squares = [0.0; LANES];
            for (x, g) in part.iter().zip(d.iter_mut()) {
                for l in 0..LANES {
                    g[l] = 2.0 * (g[l] - along[l] * x[l]);
                    squares[l] += g[l] * g[l];
                }
            }
            speed = squares.iter().copied().fold(speed, f64::max);
        }
        speed
    }

    /// Runge–Kutta steps of fourth order, of length 1/(4√|G|) (the flow's fastest rate is 2√|G|), each back on the spheres, until every lane is at rest or `time`
    /// is over. `watch(t, bundle)` is called after every step.
    ///
    /// # Errors
    /// The caller's stop.
    pub fn run(&self, bundle: &mut Bundle, time: f64, context: &Context, mut watch: impl FnMut(f64, &Bundle)) -> Result<f64, TheoryError> {
        let dt = 0.25 / (self.order as f64).sqrt();
        let steps = libm::ceil(time / dt) as usize;
        let mut k: [Bundle; 4] = std::array::from_fn(|_| bundle.clone());
        let mut stage = bundle.clone();
        for step in 0..steps {
            if step % 64 == 0 && (context.stop)() {
                return Err(TheoryError::Stopped);
            }
            // Lengths to 1e-9: purities then are right to 1e-18.
            if self.velocity(bundle, &mut k[0]) < 1e-22 {
                return Ok(step as f64 * dt);
            }
            for (i, h) in [(1, 0.5 * dt), (2, 0.5 * dt), (3, dt)] {
                for p in 0..3 {
                    for ((s, x), g) in stage.parts[p].iter_mut().zip(&bundle.parts[p]).zip(&k[i - 1].parts[p]) {
                        for l in 0..LANES {
                            s[l] = x[l] + h * g[l];
                        }
                    }
                }
                self.velocity(&stage, &mut k[i]);
            }
            for p in 0..3 {
                for (e, x) in bundle.parts[p].iter_mut().enumerate() {
                    for l in 0..LANES {
                        let slope = k[0].parts[p][e][l] + 2.0 * (k[1].parts[p][e][l] + k[2].parts[p][e][l]) + k[3].parts[p][e][l];
                        x[l] += dt / 6.0 * slope;
                    }
                }
            }
            bundle.normalise();
            watch((step + 1) as f64 * dt, bundle);
        }
        Ok(steps as f64 * dt)
    }
}
