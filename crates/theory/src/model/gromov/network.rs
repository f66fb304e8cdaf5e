//! The weights, and the network that they make: evaluated pair by pair, as any other network.

use crate::numeric::Draws;
use crate::numeric::gemm::{matrix, multiply};
use std::f64::consts::TAU;

/// The words of the parameter `operation`.
pub const WORDS: &[&str] = &["add", "subtract", "squares", "product", "square_of_sum", "square_of_sum_both"];

/// What the network computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// n + m
    Add,
    /// n − m
    Subtract,
    /// n² + m²
    Squares,
    /// n·m for n, m ≠ 0, through logarithms to a primitive root.
    Product,
    /// (n + m)² with one root for each square.
    SquareOfSum,
    /// (n + m)² with the waves of all roots added.
    SquareOfSumBoth,
}

impl Operation {
    /// All of them, in the order of [`WORDS`].
    pub const ALL: [Operation; 6] =
        [Operation::Add, Operation::Subtract, Operation::Squares, Operation::Product, Operation::SquareOfSum, Operation::SquareOfSumBoth];

    /// The operation that a word means; [`Operation::Add`] for any other.
    pub fn of(word: &str) -> Operation {
        WORDS.iter().position(|w| *w == word).map_or(Operation::Add, |k| Operation::ALL[k])
    }

    /// In symbols.
    pub fn symbols(self) -> &'static str {
        match self {
            Operation::Add => "n + m",
            Operation::Subtract => "n − m",
            Operation::Squares => "n² + m²",
            Operation::Product => "n·m (n, m ≠ 0)",
            Operation::SquareOfSum => "(n + m)², one root",
            Operation::SquareOfSumBoth => "(n + m)², both roots",
        }
    }

    /// c for operands below p.
    pub fn result(self, n: usize, m: usize, p: usize) -> usize {
        match self {
            Operation::Add => (n + m) % p,
            Operation::Subtract => (n + p - m) % p,
            Operation::Squares => (n * n + m * m) % p,
            Operation::Product => n * m % p,
            Operation::SquareOfSum | Operation::SquareOfSumBoth => (n + m) * (n + m) % p,
        }
    }
}

/// c = F(f₁(n) + f₂(m)), the sum modulo `order`: where each operand's row and each class's column take their waves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Construction {
    /// The operation.
    pub operation: Operation,
    /// Operands and classes are below this.
    pub p: usize,
    /// Modulus of the sum: p, or p − 1 for logarithms.
    pub order: usize,
    /// f₁; `None` where the operand has none (0 of a product): its row is zero and its pairs are not asked.
    pub first: Vec<Option<usize>>,
    /// f₂.
    pub second: Vec<Option<usize>>,
    /// For each class, the sums that F takes to it and whose waves it reads.
    pub classes: Vec<Vec<usize>>,
}

impl Construction {
    /// The construction of an operation modulo `p`, 3 at least; `None` for a product modulo a number that is not prime.
    pub fn new(operation: Operation, p: usize) -> Option<Construction> {
        let whole = |f: &dyn Fn(usize) -> usize| (0..p).map(|n| Some(f(n))).collect::<Vec<_>>();
        let same = whole(&|n| n);
        let single = (0..p).map(|q| vec![q]).collect::<Vec<_>>();
        let (order, first, second, classes) = match operation {
            Operation::Add => (p, same.clone(), same, single),
            Operation::Subtract => (p, same, whole(&|m| (p - m) % p), single),
            Operation::Squares => (p, whole(&|n| n * n % p), whole(&|n| n * n % p), single),
            Operation::Product => {
                let log = logarithms(p)?;
                let classes = log.iter().map(|l| l.iter().copied().collect()).collect();
                (p - 1, log.clone(), log, classes)
            }
            Operation::SquareOfSum | Operation::SquareOfSumBoth => {
                let roots = |q: usize| (0..p).filter(move |s| s * s % p == q);
                let most = if operation == Operation::SquareOfSum { 1 } else { p };
                (p, same.clone(), same, (0..p).map(|q| roots(q).take(most).collect()).collect())
            }
        };
        Some(Construction { operation, p, order, first, second, classes })
    }

    /// Number of frequencies σ = 1, 2, …: those below half of the order.
    pub fn frequencies(&self) -> usize {
        (self.order - 1) / 2
    }

    /// σ(k) of neuron `k`.
    pub fn frequency(&self, k: usize) -> usize {
        1 + k % self.frequencies()
    }
}

/// Logarithms of 1 … p − 1 to the least primitive root (0 has none); `None` if p is not prime.
fn logarithms(p: usize) -> Option<Vec<Option<usize>>> {
    (2..p).find_map(|root| {
        let mut log = vec![None; p];
        let mut power = 1;
        for e in 0..p - 1 {
            if power == 0 || log[power].is_some() {
                return None;
            }
            log[power] = Some(e);
            power = power * root % p;
        }
        Some(log)
    })
}

/// Weights: `first` is `[2p, N]` (rows of the first operand, then of the second), `second` is `[N, p]`, both row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Number of operands' values and of classes.
    pub p: usize,
    /// Hidden neurons N.
    pub width: usize,
    /// First layer.
    pub first: Vec<f64>,
    /// Second layer.
    pub second: Vec<f64>,
}

impl Network {
    /// The analytic weights with phases drawn from `draws`.
    pub fn new(construction: &Construction, width: usize, draws: &mut Draws) -> Network {
        let p = construction.p;
        let amplitude = libm::cbrt(2.0 / width as f64);
        let (mut first, mut second) = (vec![0.0; 2 * p * width], vec![0.0; width * p]);
        for k in 0..width {
            let theta = TAU * construction.frequency(k) as f64 / construction.order as f64;
            let (one, two) = (TAU * draws.uniform(), TAU * draws.uniform());
            // Angles of whole multiples are taken modulo the order, so that large ones lose nothing.
            let wave = |s: usize, phase: f64| amplitude * libm::cos(theta * (s % construction.order) as f64 + phase);
            for n in 0..p {
                first[n * width + k] = construction.first[n].map_or(0.0, |s| wave(s, one));
                first[(p + n) * width + k] = construction.second[n].map_or(0.0, |s| wave(s, two));
                second[k * p + n] = construction.classes[n].iter().map(|s| wave(*s, one + two)).sum();
            }
        }
        Network { p, width, first, second }
    }

    /// Mean over neurons and their three vectors of the inverse participation ratio Σ_ω x_ω², x_ω being the share of the power at frequency ω (ω and −ω together).
    pub fn participation(&self, construction: &Construction) -> f64 {
        let (p, width) = (self.p, self.width);
        if construction.order != p {
            return f64::NAN;
        }
        let waves = Waves::new(p);
        let some = width.min(100);
        let of = |k: usize| {
            let column = |from: usize| (0..p).map(|n| self.first[(from + n) * width + k]).collect::<Vec<f64>>();
            // In the order of the sums: the operands' own order only where f₁ is the identity.
            let ordered = |v: &[f64], labels: &[Option<usize>]| -> Vec<f64> {
                let mut out = vec![0.0; p];
                labels.iter().zip(v).for_each(|(s, x)| out[s.unwrap_or(0)] = *x);
                out
            };
            (waves.participation(&ordered(&column(0), &construction.first)) + waves.participation(&ordered(&column(p), &construction.second))) / 2.0
        };
        (0..some).map(of).sum::<f64>() / some as f64
    }
}

/// The same for vectors of p standard normals: the null.
pub fn participation_of_random(p: usize, vectors: usize, draws: &mut Draws) -> f64 {
    let waves = Waves::new(p);
    (0..vectors).map(|_| waves.participation(&draws.normals(p))).sum::<f64>() / vectors as f64
}

/// Tables of cosines and sines for transforms of real vectors of odd length p.
struct Waves {
    p: usize,
    table: Vec<(f64, f64)>,
}

impl Waves {
    fn new(p: usize) -> Waves {
        Waves { p, table: (0..p).map(|j| TAU * j as f64 / p as f64).map(|a| (libm::cos(a), libm::sin(a))).collect() }
    }

    /// Σ_ω (|ŵ_ω|² / Σ|ŵ|²)² over ω = 0 … (p − 1)/2, a frequency and its negative counted together.
    fn participation(&self, w: &[f64]) -> f64 {
        let power = (0..=(self.p - 1) / 2).map(|omega| {
            let (mut re, mut im) = (0.0, 0.0);
            for (n, x) in w.iter().enumerate() {
                let (c, s) = self.table[omega * n % self.p];
                re += c * x;
                im += s * x;
            }
            (if omega == 0 { 1.0 } else { 2.0 }) * (re * re + im * im)
        });
        let (sum, squares) = power.fold((0.0, 0.0), |(a, b), x| (a + x, b + x * x));
        squares / (sum * sum)
    }
}

/// What a network does on all pairs.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Pairs asked.
    pub pairs: usize,
    /// Pairs whose greatest output is at the right class.
    pub right: usize,
    /// Mean over pairs and classes of (output − one-hot)².
    pub mse: f64,
    /// Mean output at the right class.
    pub peak: f64,
    /// Variance of the output at the right class, over pairs.
    pub peak_variance: f64,
    /// Mean of the squared output at the other classes.
    pub off_square: f64,
    /// Outputs at the right class of every `EVERY`-th pair, and one other class's: for histograms.
    pub outputs: Vec<(f64, f64)>,
}

/// Pairs of which outputs are kept: every so many.
const EVERY: usize = 7;

impl Measured {
    /// Share of pairs that are right.
    pub fn accuracy(&self) -> f64 {
        self.right as f64 / self.pairs as f64
    }
}

/// Evaluates a network on all pairs of a construction.
pub fn measure(construction: &Construction, network: &Network) -> Measured {
    let (p, width) = (network.p, network.width);
    let readout = matrix(&network.second, width);
    let mut hidden = vec![0.0; p * width];
    let mut outputs = vec![0.0; p * p];
    let mut found = Measured { pairs: 0, right: 0, mse: 0.0, peak: 0.0, peak_variance: 0.0, off_square: 0.0, outputs: Vec::new() };
    let mut peak_square = 0.0;
    for n in (0..p).filter(|n| construction.first[*n].is_some()) {
        let row = &network.first[n * width..(n + 1) * width];
        for m in 0..p {
            let other = &network.first[(p + m) * width..(p + m + 1) * width];
            for ((h, a), b) in hidden[m * width..(m + 1) * width].iter_mut().zip(row).zip(other) {
                *h = (a + b) * (a + b);
            }
        }
        multiply(&mut outputs, false, matrix(&hidden, p), readout);
        for m in (0..p).filter(|m| construction.second[*m].is_some()) {
            let out = &outputs[m * p..(m + 1) * p];
            let answer = construction.operation.result(n, m, p);
            let (mut best, mut square) = (0, 0.0);
            for (q, x) in out.iter().enumerate() {
                if *x > out[best] {
                    best = q;
                }
                square += x * x;
            }
            let peak = out[answer];
            found.pairs += 1;
            found.right += usize::from(best == answer);
            found.mse += (square - 2.0 * peak + 1.0) / p as f64;
            found.peak += peak;
            peak_square += peak * peak;
            found.off_square += (square - peak * peak) / (p - 1) as f64;
            if found.pairs.is_multiple_of(EVERY) {
                found.outputs.push((peak, out[(answer + 1 + found.pairs % (p - 1)) % p]));
            }
        }
    }
    let n = found.pairs as f64;
    found.mse /= n;
    found.peak /= n;
    found.off_square /= n;
    found.peak_variance = peak_square / n - found.peak * found.peak;
    found
}
