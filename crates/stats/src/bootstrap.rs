//! Percentile bootstrap intervals.
//!
//! Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13. Resampling within strata keeps each stratum's size, as a design
//! that fixes the number of seeds per data split demands.

use crate::error::{Error, inside_unit};

/// What to draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bootstrap {
    /// Number of resamples; 10 000 by default.
    pub resamples: usize,
    /// Confidence level, inside (0, 1); 0.95 by default.
    pub level: f64,
    /// Seed: the same seed and data give the same interval.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Bootstrap { resamples: 10_000, level: 0.95, seed: 0 }
    }
}

/// A statistic with its percentile interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The statistic of the data themselves.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end; +∞ when the statistic is "beyond the budget" in that share of resamples.
    pub high: f64,
    /// Resamples on which the statistic was NaN (left out of the interval). If this is not small, distrust the interval.
    pub undefined: usize,
}

impl Bootstrap {
    /// Interval of `statistic`, which is given indices into the data (with repetition). `strata[i]` is the stratum of datum `i`: all equal for an
    /// unstratified bootstrap. A statistic may return ±∞ ("median not reached"), which takes part as an extreme value, or NaN (undefined).
    ///
    /// The ends are order statistics of the resamples, not interpolated, so that infinities need no arithmetic.
    ///
    /// # Errors
    /// [`Error::TooFew`] without data or resamples; [`Error::Domain`] for a bad level; [`Error::Undefined`] if the statistic is NaN on the data
    /// or on more than half of the resamples.
    pub fn interval(&self, strata: &[usize], mut statistic: impl FnMut(&[usize]) -> f64) -> Result<Interval, Error> {
        let what = "bootstrap interval";
        inside_unit("confidence level", self.level)?;
        if strata.is_empty() {
            return Err(Error::TooFew { what, least: 1, got: 0 });
        }
        if self.resamples < 2 {
            return Err(Error::TooFew { what, least: 2, got: self.resamples });
        }
        let mut order: Vec<usize> = (0..strata.len()).collect();
        let estimate = statistic(&order);
        if estimate.is_nan() {
            return Err(Error::Undefined { what, why: "the statistic is not a number on the data themselves" });
        }
        order.sort_by_key(|&i| strata[i]); // stable: the draw depends on the data's order and the strata only
        let mut generator = SplitMix(self.seed);
        let mut sample = vec![0; order.len()];
        let mut values = Vec::with_capacity(self.resamples);
        for _ in 0..self.resamples {
            let mut start = 0;
            for group in order.chunk_by(|&a, &b| strata[a] == strata[b]) {
                for slot in &mut sample[start..start + group.len()] {
                    *slot = group[generator.below(group.len() as u64) as usize];
                }
                start += group.len();
            }
            let value = statistic(&sample);
            if !value.is_nan() {
                values.push(value);
            }
        }
        let undefined = self.resamples - values.len();
        if undefined * 2 > self.resamples {
            return Err(Error::Undefined { what, why: "the statistic is not a number on more than half of the resamples" });
        }
        values.sort_by(f64::total_cmp);
        let tail = 0.5 * (1.0 - self.level);
        Ok(Interval { estimate, low: order_statistic(&values, tail), high: order_statistic(&values, 1.0 - tail), undefined })
    }

    /// [`Self::interval`] with all data in one stratum.
    ///
    /// # Errors
    /// As [`Self::interval`].
    pub fn plain(&self, n: usize, statistic: impl FnMut(&[usize]) -> f64) -> Result<Interval, Error> {
        self.interval(&vec![0; n], statistic)
    }
}

/// Inverse of the empirical distribution: the smallest value with at least a share `p` at or below it. `sorted` is not empty.
fn order_statistic(sorted: &[f64], p: f64) -> f64 {
    let rank = libm::ceil(p * sorted.len() as f64) as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// SplitMix64 (Steele, Lea & Flood 2014, OOPSLA): small, seedable by any number, and good enough to draw indices.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in 0..n, n > 0, without bias (Lemire 2019, ACM TOMACS 29, 3).
    fn below(&mut self, n: u64) -> u64 {
        let threshold = n.wrapping_neg() % n;
        loop {
            let wide = u128::from(self.next()) * u128::from(n);
            if wide as u64 >= threshold {
                return (wide >> 64) as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_of<'a>(data: &'a [f64]) -> impl Fn(&[usize]) -> f64 + 'a {
        |indices| indices.iter().map(|&i| data[i]).sum::<f64>() / indices.len() as f64
    }

    #[test]
    fn generator_gives_the_published_stream() {
        // First outputs of the reference implementation for seed 1234567.
        let mut g = SplitMix(1_234_567);
        let got: Vec<u64> = (0..3).map(|_| g.next()).collect();
        assert_eq!(got, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn interval_of_a_mean_is_near_the_normal_one() {
        // 0..99: mean 49.5, standard deviation 28.866; the interval of the mean is 49.5 ± 1.96·2.8866 up to resampling noise.
        let data: Vec<f64> = (0..100).map(f64::from).collect();
        let got = Bootstrap::default().plain(100, mean_of(&data)).unwrap();
        assert_eq!(got.estimate, 49.5);
        assert!((got.low - 43.84).abs() < 0.35 && (got.high - 55.16).abs() < 0.35, "{got:?}");
        assert_eq!(got, Bootstrap::default().plain(100, mean_of(&data)).unwrap());
        assert_ne!(got, Bootstrap { seed: 1, ..Bootstrap::default() }.plain(100, mean_of(&data)).unwrap());
    }

    #[test]
    fn covers_the_truth_about_as_often_as_it_says() {
        // 300 data sets of 40 uniform numbers (mean ½). Binomial(300, 0.9): 4 standard deviations around 270 is ±21; the percentile interval of a mean of 40
        // is a little narrow, hence the lower side is given 10 more.
        let mut g = SplitMix(99);
        let bootstrap = Bootstrap { resamples: 400, level: 0.9, seed: 3 };
        let covered = (0..300)
            .filter(|_| {
                let data: Vec<f64> = (0..40).map(|_| (g.next() >> 11) as f64 / (1u64 << 53) as f64).collect();
                let i = bootstrap.plain(40, mean_of(&data)).unwrap();
                i.low <= 0.5 && 0.5 <= i.high
            })
            .count();
        assert!((239..=291).contains(&covered), "{covered} of 300");
    }

    #[test]
    fn strata_keep_their_sizes() {
        let strata = [1, 0, 1, 0, 0];
        Bootstrap { resamples: 200, ..Bootstrap::default() }
            .interval(&strata, |indices| {
                assert_eq!(indices.iter().filter(|&&i| strata[i] == 1).count(), 2);
                indices.len() as f64
            })
            .unwrap();
        // Strata that alternate are drawn from whole, not neighbour by neighbour.
        let alternating: Vec<usize> = (0..40).map(|i| i % 2).collect();
        let rising: Vec<f64> = (0..40).map(f64::from).collect();
        let got = Bootstrap::default().interval(&alternating, mean_of(&rising)).unwrap();
        assert!(got.high - got.low > 5.0, "{got:?}");
        // Constant within strata: nothing is left to vary.
        let data = [5.0, 1.0, 5.0, 1.0, 1.0];
        let got = Bootstrap::default().interval(&strata, mean_of(&data)).unwrap();
        assert_eq!((got.low, got.high), (got.estimate, got.estimate));
    }

    #[test]
    fn infinities_are_values_and_nan_is_counted() {
        let data = [1.0, 2.0, f64::INFINITY];
        let largest = |indices: &[usize]| indices.iter().map(|&i| data[i]).fold(0.0, f64::max);
        let got = Bootstrap::default().plain(3, largest).unwrap();
        assert_eq!(got.high, f64::INFINITY);
        assert!(got.low.is_finite());
        // A statistic that is undefined without datum 0: that happens in (2/3)³ = 30 % of the resamples.
        let got = Bootstrap::default().plain(3, |s| if s.contains(&0) { 1.0 } else { f64::NAN }).unwrap();
        assert!((2_700..3_250).contains(&got.undefined), "{}", got.undefined);
        assert!(Bootstrap::default().plain(3, |_| f64::NAN).is_err());
        assert!(Bootstrap::default().plain(0, |_| 0.0).is_err());
    }
}
