//! From numbers to places along an axis.

use crate::view::axis::short;
use crate::words::count;

/// An axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    log: bool,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// An axis for these values between two places, with a little room at its ends.
    pub fn new(values: impl Iterator<Item = f64>, log: bool, from: f64, to: f64) -> Scale {
        let of = |x: f64| if log { libm::log10(x) } else { x };
        let (mut low, mut high) = values.map(of).filter(|x| x.is_finite()).fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        // One value, or almost: a band in which it stands in the middle.
        let least = if log { 0.03 } else { 0.02 * low.abs().max(high.abs()).max(1e-12) };
        let room = if high > low { 0.07 * (high - low) } else { least };
        Scale { log, low: low - room, high: high + room, from, to }
    }

    /// The place of a value.
    pub fn at(&self, value: f64) -> f64 {
        let v = if self.log { libm::log10(value) } else { value };
        self.from + (self.to - self.from) * (v - self.low) / (self.high - self.low)
    }

    fn within(&self, value: f64) -> bool {
        let v = if self.log { libm::log10(value) } else { value };
        (self.low..=self.high).contains(&v)
    }

    /// Round values along it.
    pub fn ticks(&self) -> Vec<f64> {
        if self.log {
            for multiples in [&[1.0][..], &[1.0, 3.0], &[1.0, 2.0, 5.0]] {
                let (first, last) = (libm::floor(self.low) as i32, libm::ceil(self.high) as i32);
                let all = (first..=last).flat_map(|e| multiples.iter().map(move |m| m * libm::pow(10.0, f64::from(e))));
                let found: Vec<f64> = all.filter(|t| self.within(*t)).collect();
                if found.len() >= 3 {
                    return found;
                }
            }
        }
        let (low, high) = if self.log { (libm::pow(10.0, self.low), libm::pow(10.0, self.high)) } else { (self.low, self.high) };
        let raw = (high - low) / 6.0;
        let ten = libm::pow(10.0, libm::floor(libm::log10(raw)));
        let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * ten).into_iter().find(|s| *s >= raw).unwrap_or(raw);
        let first = libm::ceil(low / step);
        (0..12)
            .map(|k| (first + f64::from(k)) * step)
            .take_while(|t| *t <= high)
            .filter(|t| self.within(*t))
            .map(|t| if t.abs() < step * 1e-9 { 0.0 } else { t })
            .collect()
    }
}

/// A value beside a tick.
pub(super) fn tick(value: f64) -> String {
    if value >= 1000.0 && value.fract() == 0.0 && value < 1e9 { count(value as u64) } else { short(value).replace('-', "−") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_lie_within_and_are_round() {
        let s = Scale::new([120.0, 31_000.0].into_iter(), true, 0.0, 100.0);
        assert_eq!(s.ticks(), [1e2, 1e3, 1e4]);
        let s = Scale::new([0.85, 1.3].into_iter(), false, 0.0, 100.0);
        assert!(s.ticks().len() >= 3 && s.ticks().iter().all(|t| (0.0..=100.0).contains(&s.at(*t))));
        // A narrow span of times has ticks too, and a single value stands in the middle.
        assert!(Scale::new([2313.0, 2801.0].into_iter(), true, 0.0, 100.0).ticks().len() >= 2);
        let one = Scale::new([7.0].into_iter(), true, 0.0, 100.0);
        assert!((one.at(7.0) - 50.0).abs() < 1e-9);
        assert_eq!((tick(10_000.0), tick(0.001)), ("10,000".into(), "0.001".into()));
    }
}
