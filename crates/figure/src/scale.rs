//! From numbers to pixels: the broken logarithmic step axis, the vertical axes, and their ticks.

use crate::format::{Label, short};

/// Room for step 0 to the left of the logarithmic part, in pixels: where the 0 sits and where the logarithmic part begins.
const ZERO_AT: f64 = 8.0;
const ZERO_SLOT: f64 = 30.0;
/// Values beyond this are treated as infinite, so that differences and margins stay finite.
const HUGE: f64 = 1e300;

/// Whether a value can be drawn.
pub(crate) fn drawable(v: f64) -> bool {
    v.abs() <= HUGE
}

/// The horizontal axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StepAxis {
    /// Left and right end, in pixels.
    pub x0: f64,
    pub x1: f64,
    /// Where step 0 sits, if the data has one.
    pub zero: Option<f64>,
    /// Where the logarithmic part begins, in pixels.
    pub start: f64,
    /// log10 of the steps at `start` and `x1`, or the values themselves if the axis is linear.
    pub lo: f64,
    pub hi: f64,
    /// Whether the axis is linear: then it has a place for every number, and no break.
    pub linear: bool,
}

impl StepAxis {
    /// The axis that holds all of `steps` between `x0` and `x1`.
    pub fn new(steps: impl IntoIterator<Item = f64>, x0: f64, x1: f64) -> StepAxis {
        Self::with_slot(steps, x0, x1, ZERO_AT, ZERO_SLOT)
    }

    /// The same with another slot for step 0 (a terminal counts in dots).
    pub fn with_slot(steps: impl IntoIterator<Item = f64>, x0: f64, x1: f64, zero_at: f64, slot: f64) -> StepAxis {
        let (mut zero, mut lo, mut hi) = (false, f64::INFINITY, f64::NEG_INFINITY);
        for s in steps {
            if s == 0.0 {
                zero = true;
            } else if s > 0.0 && drawable(s) {
                let l = libm::log10(s);
                lo = lo.min(l);
                hi = hi.max(l);
            }
        }
        if lo > hi {
            (lo, hi) = (0.0, 1.0);
        }
        if hi - lo < 0.05 {
            (lo, hi) = (lo - 0.3, hi + 0.3);
        }
        StepAxis { x0, x1, zero: zero.then_some(x0 + zero_at), start: if zero { x0 + slot } else { x0 }, lo, hi, linear: false }
    }

    /// A linear axis that holds all of `values` between `x0` and `x1`.
    pub fn linear(values: impl IntoIterator<Item = f64>, x0: f64, x1: f64) -> StepAxis {
        let (lo, hi) = match YAxis::fit(values, false) {
            YAxis::Linear(lo, hi) | YAxis::Log(lo, hi) => (lo, hi),
        };
        StepAxis { x0, x1, zero: None, start: x0, lo, hi, linear: true }
    }

    /// The axis with air at both ends, as a share of its length, for points that stand at its first and last value.
    pub fn with_air(mut self, share: f64) -> StepAxis {
        let air = (self.hi - self.lo) * share;
        (self.lo, self.hi) = (self.lo - air, self.hi + air);
        self
    }

    /// Pixel of a step; `None` if the axis has no place for it.
    pub fn px(&self, step: f64) -> Option<f64> {
        if self.linear {
            return drawable(step).then(|| (self.x0 + (step - self.lo) / (self.hi - self.lo) * (self.x1 - self.x0)).clamp(self.x0, self.x1));
        }
        if step == 0.0 {
            return self.zero;
        }
        let l = libm::log10(step);
        (step > 0.0 && drawable(step)).then(|| (self.start + (l - self.lo) / (self.hi - self.lo) * (self.x1 - self.start)).clamp(self.start, self.x1))
    }

    /// Labelled ticks and unlabelled ones, in pixels; labels are at least `apart` pixels from each other.
    pub fn ticks(&self, apart: f64) -> (Vec<(f64, Label)>, Vec<f64>) {
        if self.linear {
            let most = ((self.x1 - self.x0) / (apart + 14.0)).floor().clamp(1.0, 10.0);
            let ticks = linear_ticks(self.lo, self.hi, most);
            let labels = linear_labels(&ticks);
            return (ticks.into_iter().zip(labels).filter_map(|(v, label)| Some((self.px(v)?, label))).collect(), Vec::new());
        }
        let (major, minor) = log_ticks(self.lo, self.hi, self.x1 - self.start, apart);
        let at = |l: f64| self.start + (l - self.lo) / (self.hi - self.lo) * (self.x1 - self.start);
        let mut out: Vec<(f64, Label)> = self.zero.map(|z| (z, Label::Plain("0".into()))).into_iter().collect();
        out.extend(major.into_iter().map(|(l, label)| (at(l), label)));
        (out, minor.into_iter().map(at).collect())
    }
}

/// The vertical axis of a panel, as a map to 0..=1 (bottom to top).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum YAxis {
    /// From `.0` to `.1`.
    Linear(f64, f64),
    /// From 10^`.0` to 10^`.1`.
    Log(f64, f64),
}

impl YAxis {
    /// Accuracies and shares, with a little air.
    pub const SHARE: YAxis = YAxis::Linear(-0.03, 1.03);

    /// The axis that holds all of `values`.
    pub fn fit(values: impl IntoIterator<Item = f64>, log: bool) -> YAxis {
        let (mut lo, mut hi) = (f64::INFINITY, f64::NEG_INFINITY);
        for v in values {
            let v = if log && v > 0.0 && drawable(v) {
                libm::log10(v)
            } else if !log && drawable(v) {
                v
            } else {
                continue;
            };
            lo = lo.min(v);
            hi = hi.max(v);
        }
        if lo > hi {
            (lo, hi) = if log { (-1.0, 0.0) } else { (0.0, 1.0) };
        }
        if log {
            let air = ((hi - lo) * 0.05).max(0.15);
            YAxis::Log(lo - air, hi + air)
        } else {
            // A constant curve gets a range that its own size suggests.
            let air = if hi - lo <= 1e-12 * hi.abs().max(lo.abs()) { (hi.abs() * 0.1).max(0.5 * f64::from(hi == 0.0)).max(1e-300) } else { (hi - lo) * 0.07 };
            YAxis::Linear(lo - air, hi + air)
        }
    }

    /// Height of a value; `None` where nothing can be drawn. A zero sits on the lower edge of a logarithmic axis.
    pub fn frac(&self, v: f64) -> Option<f64> {
        if !drawable(v) {
            return None;
        }
        match *self {
            YAxis::Linear(lo, hi) => Some((v - lo) / (hi - lo)),
            YAxis::Log(..) if v < 0.0 => None,
            YAxis::Log(..) if v == 0.0 => Some(0.0),
            YAxis::Log(lo, hi) => Some((libm::log10(v) - lo) / (hi - lo)),
        }
    }

    /// Labelled and unlabelled ticks as heights, labels at least `apart` apart where the axis is `length` long.
    pub fn ticks(&self, length: f64, apart: f64) -> (Vec<(f64, Label)>, Vec<f64>) {
        match *self {
            YAxis::Linear(lo, hi) => {
                let most = (length / apart).floor().clamp(1.0, 6.0);
                // One tick alone says nothing of the scale.
                let tries = [most, most + 1.0, most + 2.0].map(|m| linear_ticks(lo, hi, m));
                let major = tries.iter().find(|t| t.len() >= 2).unwrap_or(&tries[0]).clone();
                let labels = linear_labels(&major);
                (major.into_iter().map(|v| (v - lo) / (hi - lo)).zip(labels).collect(), Vec::new())
            }
            YAxis::Log(lo, hi) => {
                let (major, minor) = log_ticks(lo, hi, length, apart);
                let at = |l: f64| (l - lo) / (hi - lo);
                (major.into_iter().map(|(l, label)| (at(l), label)).collect(), minor.into_iter().map(at).collect())
            }
        }
    }
}

/// Round values between `lo` and `hi`, no more than `most` steps apart by 1, 2, 2.5 or 5 times a power of ten.
pub(crate) fn linear_ticks(lo: f64, hi: f64, most: f64) -> Vec<f64> {
    let raw = (hi - lo) / most;
    let base = libm::pow(10.0, libm::log10(raw).floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|m| m * base).find(|s| *s >= raw * 0.999).unwrap_or(10.0 * base);
    // Neither a step lost in rounding nor an endless list: an axis of one bit's width has no round values.
    if !(step > 0.0 && step.is_finite()) || lo + step == lo || (hi - lo) / step > 50.0 {
        return Vec::new();
    }
    let first = (lo / step).ceil();
    (0..).map(|i| (first + i as f64) * step).take_while(|v| *v <= hi).map(|v| if v.abs() < step * 1e-9 { 0.0 } else { v }).collect()
}

/// Labels of the ticks of a linear axis: three digits, and more where these do not tell neighbours apart.
fn linear_labels(ticks: &[f64]) -> Vec<Label> {
    let plain: Vec<String> = ticks.iter().map(|v| short(*v)).collect();
    let most = ticks.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let (Some(step), true) = (ticks.windows(2).map(|w| w[1] - w[0]).next(), most < 1e6) else { return plain.into_iter().map(Label::Plain).collect() };
    let rounded = |text: &str, v: f64| text.replace('−', "-").parse::<f64>().is_ok_and(|r| (r - v).abs() > 0.01 * step);
    if !plain.iter().zip(ticks).any(|(text, v)| rounded(text, *v)) {
        return plain.into_iter().map(Label::Plain).collect();
    }
    // A step of 2.5 needs one place more than its power of ten.
    let places = (1.0 - libm::log10(step).floor()).clamp(0.0, 12.0) as usize;
    let exact = |places: usize| ticks.iter().map(|v| format!("{v:.places$}").replace('-', "−")).collect::<Vec<_>>();
    let mut labels = exact(places);
    while labels.iter().all(|l| l.contains('.') && l.ends_with('0')) {
        labels.iter_mut().for_each(|l| l.truncate(l.len() - 1));
    }
    labels.into_iter().map(|l| Label::Plain(l.trim_end_matches('.').to_string())).collect()
}

/// Ticks of a logarithmic axis, as log10 of the value: decades (every k-th where they crowd) and 2…9 between them; where the axis has no two decades, 1–2–5.
pub(crate) fn log_ticks(lo: f64, hi: f64, length: f64, apart: f64) -> (Vec<(f64, Label)>, Vec<f64>) {
    const EPS: f64 = 1e-9;
    let per_decade = length / (hi - lo);
    let (first, last) = ((lo - EPS).ceil() as i32, (hi + EPS).floor() as i32);
    let stride = ((apart / per_decade).ceil() as i32).max(1);
    let inside = |l: f64| l >= lo - EPS && l <= hi + EPS;
    let between = |ms: &'static [u8]| (first - 1..=last).flat_map(move |e| ms.iter().map(move |m| (e, *m, f64::from(e) + libm::log10(f64::from(*m)))));
    let mut major: Vec<(f64, Label)> = (first..=last).filter(|e| e.rem_euclid(stride) == 0).map(|e| (f64::from(e), Label::decade(e))).collect();
    if major.len() < 2 && stride == 1 {
        let value = |e: i32, m: u8| Label::Plain(short(f64::from(m) * 10f64.powi(e)));
        let mut kept: Vec<(f64, Label)> = Vec::new();
        for (e, m, l) in between(&[1, 2, 5]).filter(|t| inside(t.2)) {
            if kept.last().is_none_or(|k| (l - k.0) * per_decade >= apart) {
                kept.push((l, value(e, m)));
            }
        }
        if kept.len() < 2 {
            kept = narrow_ticks(lo, hi, per_decade, apart);
        }
        if kept.len() > major.len() {
            major = kept;
        }
    }
    let minor = match (stride, per_decade) {
        (1, p) if p >= 24.0 => between(&[1, 2, 3, 4, 5, 6, 7, 8, 9]).map(|t| t.2).filter(|l| inside(*l)).collect(),
        (1, _) => Vec::new(),
        _ => (first..=last).map(f64::from).collect(),
    };
    (major, minor)
}

/// Ticks of a logarithmic axis that is too short for two of 1, 2, 5: round values, as on a linear one, as long as their labels differ.
fn narrow_ticks(lo: f64, hi: f64, per_decade: f64, apart: f64) -> Vec<(f64, Label)> {
    let (from, to) = (libm::pow(10.0, lo), libm::pow(10.0, hi));
    let most = ((hi - lo) * per_decade / apart).floor().clamp(1.0, 6.0);
    let mut kept: Vec<(f64, String)> = Vec::new();
    // Below the normal numbers there are no round ones.
    for v in linear_ticks(from, to, most).into_iter().filter(|v| *v >= 1.0 / HUGE) {
        let (l, text) = (libm::log10(v), short(v));
        if kept.last().is_none_or(|k| (l - k.0) * per_decade >= apart && k.1 != text) {
            kept.push((l, text));
        }
    }
    kept.into_iter().map(|(l, text)| (l, Label::Plain(text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_land_where_the_logarithm_says() {
        let axis = StepAxis::new([1.0, 10_000.0], 100.0, 500.0);
        assert_eq!(axis.px(0.0), None);
        assert_eq!(axis.px(1.0), Some(100.0));
        assert!((axis.px(100.0).unwrap() - 300.0).abs() < 1e-9);
        assert_eq!(axis.px(-1.0), None);
        assert_eq!(axis.px(f64::NAN), None);
    }

    #[test]
    fn a_zero_breaks_the_axis() {
        let axis = StepAxis::new([0.0, 1.0, 100.0], 100.0, 530.0);
        assert_eq!(axis.px(0.0), Some(108.0));
        assert_eq!(axis.px(1.0), Some(130.0));
        assert!((axis.px(10.0).unwrap() - 330.0).abs() < 1e-9);
        assert_eq!(axis.ticks(30.0).0.first().unwrap().1, Label::Plain("0".into()));
    }

    #[test]
    fn decades_thin_out_when_they_crowd() {
        let (major, _) = log_ticks(-300.0, 300.0, 300.0, 30.0);
        assert!(major.len() >= 5 && major.len() <= 11, "{}", major.len());
        let (major, minor) = log_ticks(0.0, 3.0, 300.0, 30.0);
        assert_eq!(major.iter().map(|m| m.0).collect::<Vec<_>>(), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(minor.len(), 3 * 9 + 1);
    }

    #[test]
    fn a_short_axis_has_ticks_too() {
        let (major, _) = log_ticks(2.05, 2.9, 300.0, 30.0);
        assert_eq!(major.iter().map(|m| m.1.clone()).collect::<Vec<_>>(), ["200", "500"].map(|s| Label::Plain(s.into())));
    }

    #[test]
    fn an_axis_of_less_than_a_factor_of_two_has_ticks() {
        let (major, _) = log_ticks(libm::log10(2.2e12), libm::log10(3.9e12), 300.0, 44.0);
        assert!(major.len() >= 2, "{major:?}");
        assert!(major.windows(2).all(|w| w[0].1 != w[1].1), "{major:?}");
    }

    #[test]
    fn a_linear_axis_has_a_place_for_every_number() {
        let axis = StepAxis::linear([-1.0, 1.0], 100.0, 300.0);
        assert_eq!(axis.px(0.0), Some(200.0));
        assert!(axis.px(-1.0).unwrap() < axis.px(1.0).unwrap());
        assert_eq!(axis.px(f64::NAN), None);
        assert!(axis.ticks(34.0).0.iter().any(|t| t.0 == 200.0 && t.1 == Label::Plain("0".into())));
    }

    #[test]
    fn labels_of_neighbours_differ() {
        let labels = |lo: f64, hi: f64| linear_labels(&linear_ticks(lo, hi, 5.0)).into_iter().map(|l| format!("{l:?}")).collect::<Vec<_>>();
        assert_eq!(labels(0.0, 1.0), ["0", "0.2", "0.4", "0.6", "0.8", "1"].map(|s| format!("Plain({s:?})")));
        assert_eq!(labels(0.9994, 1.0001), ["0.9994", "0.9996", "0.9998", "1.0000"].map(|s| format!("Plain({s:?})")));
        assert_eq!(labels(-1000.4, -1000.0), ["−1000.4", "−1000.3", "−1000.2", "−1000.1", "−1000.0"].map(|s| format!("Plain({s:?})")));
        assert_eq!(labels(1000.0, 6000.0)[0], "Plain(\"1000\")");
    }

    #[test]
    fn linear_ticks_are_round() {
        assert_eq!(linear_ticks(-0.03, 1.03, 5.0), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert!(linear_ticks(1.0, 1.0 + f64::EPSILON, 5.0).len() <= 2);
    }
}
