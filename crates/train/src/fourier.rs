//! Fourier power of an embedding over Z_p.
//!
//! Power at frequency k is Σ_d |Σ_a W[a, d] e^(2πi·ka/p)|², k = 1 … ⌊p/2⌋ (the constant k = 0 is left out, as Nanda et al. 2023 look at its rest). The
//! Gini coefficient and the inverse participation ratio are those of the normalised power: 0 and 1/⌊p/2⌋ for equal power, near 1 when few frequencies
//! carry all.

/// How concentrated power is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Concentration {
    /// Gini coefficient of the power over frequencies.
    pub gini: f64,
    /// Σ q_k² of the normalised power q.
    pub ipr: f64,
}

/// Fourier power by frequency.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrum {
    /// The parameter it is of.
    pub tensor: String,
    /// Power at frequencies 1, 2, …, ⌊p/2⌋.
    pub power: Vec<f64>,
    /// Its concentration.
    pub concentration: Concentration,
}

/// Cosines and sines of the p-th roots of unity.
#[derive(Debug, Clone)]
pub(crate) struct Waves {
    p: usize,
    cos: Vec<f64>,
    sin: Vec<f64>,
}

impl Waves {
    pub fn new(p: usize) -> Waves {
        let angle = |j: usize| 2.0 * std::f64::consts::PI * j as f64 / p as f64;
        Waves { p, cos: (0..p).map(|j| libm::cos(angle(j))).collect(), sin: (0..p).map(|j| libm::sin(angle(j))).collect() }
    }

    /// Power by frequency of the first p rows of `w` (rows of `width` numbers).
    pub fn power(&self, w: &[f64], width: usize) -> Vec<f64> {
        let (mut re, mut im) = (vec![0.0; width], vec![0.0; width]);
        (1..=self.p / 2)
            .map(|k| {
                re.fill(0.0);
                im.fill(0.0);
                let mut j = 0;
                for row in w.chunks_exact(width).take(self.p) {
                    let (c, s) = (self.cos[j], self.sin[j]);
                    for ((x, re), im) in row.iter().zip(&mut re).zip(&mut im) {
                        *re += c * x;
                        *im += s * x;
                    }
                    j = (j + k) % self.p;
                }
                re.iter().zip(&im).map(|(a, b)| a * a + b * b).sum()
            })
            .collect()
    }
}

impl Concentration {
    /// Of `power`, all non-negative. NaN where there is no power at all or it is not finite.
    pub fn of(power: &[f64]) -> Concentration {
        let total: f64 = power.iter().sum();
        let mut q: Vec<f64> = power.iter().map(|x| x / total).collect();
        q.sort_by(f64::total_cmp);
        let n = q.len() as f64;
        // G = Σ_i (2i − n − 1) q_i / n, q ascending, i from 1.
        let gini = q.iter().enumerate().map(|(i, x)| (2.0 * (i + 1) as f64 - n - 1.0) * x).sum::<f64>() / n;
        Concentration { gini, ipr: q.iter().map(|x| x * x).sum() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_has_one_frequency_and_noise_many() {
        let p = 13;
        let w: Vec<f64> = (0..p).flat_map(|a| [libm::cos(2.0 * std::f64::consts::PI * (3 * a) as f64 / p as f64), 1.0]).collect();
        let power = Waves::new(p).power(&w, 2);
        assert_eq!(power.len(), 6);
        assert!((power[2] - (p * p) as f64 / 4.0).abs() < 1e-10, "{power:?}");
        let c = Concentration::of(&power);
        assert!((c.gini - 5.0 / 6.0).abs() < 1e-10 && (c.ipr - 1.0).abs() < 1e-10, "{c:?}");
        let flat = Concentration::of(&[2.0; 6]);
        assert!(flat.gini.abs() < 1e-12 && (flat.ipr - 1.0 / 6.0).abs() < 1e-12);
        // A single spike at a = 0 has equal power everywhere.
        let mut spike = vec![0.0; p];
        spike[0] = 1.0;
        assert!(Waves::new(p).power(&spike, 1).iter().all(|x| (x - 1.0).abs() < 1e-12));
        assert!(Concentration::of(&[0.0; 4]).gini.is_nan());
    }
}
