//! From an estimate to a verdict: the rule that stands in the design, to the letter.
//!
//! δ is our estimate less the paper's, in logarithms where the statistic is compared so; its interval includes the paper's own standard error, and where the
//! paper gives none, one as large as ours is assumed.

use pennydrop_stats::distributions::{normal_cdf, normal_survival, normal_two_sided};

/// What kind of claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Kind {
    Number,
    Order,
    Existence,
    Absence,
    Exponent,
    Mechanism,
    Identity,
}

impl Kind {
    /// All.
    pub const ALL: [Kind; 7] = [Kind::Number, Kind::Order, Kind::Existence, Kind::Absence, Kind::Exponent, Kind::Mechanism, Kind::Identity];

    /// The word of the file.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Number => "number",
            Kind::Order => "order",
            Kind::Existence => "existence",
            Kind::Absence => "absence",
            Kind::Exponent => "exponent",
            Kind::Mechanism => "mechanism",
            Kind::Identity => "identity",
        }
    }

    /// By its word.
    pub fn parse(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|k| k.name() == word)
    }
}

/// How an estimate is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// As it is.
    Linear,
    /// As a logarithm.
    Log,
    /// By its sign: above 0 it is as the claim says.
    Sign,
}

/// A number of ours.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The estimate; infinite where a median was not reached.
    pub value: f64,
    /// Lower end of its interval of 95 %.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Runs.
    pub n: usize,
    /// Of them censored.
    pub censored: usize,
    /// How it is compared.
    pub scale: Scale,
    /// Where there would be no effect: 1 for ratios, 0 for exponents.
    pub no_effect: Option<f64>,
    /// The margin where the claim says none; relative to the published number where `relative`.
    pub margin: f64,
    /// Whether the default margin is a share of the published number.
    pub relative: bool,
    /// What else is to be said: `paired by seed`, the winner of laws.
    pub note: String,
}

/// A verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The interval of δ lies inside the margin.
    Reproduced,
    /// Wholly beyond the margin in the claimed direction.
    Stronger,
    /// The interval of our effect lies wholly on the other side of no effect.
    Reversed,
    /// δ lies wholly outside the margin otherwise.
    NotReproduced,
    /// Anything else.
    Inconclusive,
    /// Some parts hold.
    Partly,
    /// True by algebra or at step 0.
    Identity,
    /// Something is missing.
    NotTestable,
    /// It has not been run.
    Waiting,
}

impl Verdict {
    /// All, in the order in which they are listed.
    pub const ALL: [Verdict; 9] = [
        Verdict::Reproduced,
        Verdict::Stronger,
        Verdict::Partly,
        Verdict::Reversed,
        Verdict::NotReproduced,
        Verdict::Inconclusive,
        Verdict::Identity,
        Verdict::NotTestable,
        Verdict::Waiting,
    ];

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Reproduced => "reproduced",
            Verdict::Stronger => "stronger",
            Verdict::Reversed => "reversed",
            Verdict::NotReproduced => "not reproduced",
            Verdict::Inconclusive => "inconclusive",
            Verdict::Partly => "partly",
            Verdict::Identity => "identity",
            Verdict::NotTestable => "not testable",
            Verdict::Waiting => "waiting",
        }
    }
}

/// What the paper says, on the scale of the statistic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// Its number.
    pub value: f64,
    /// Its standard error, in units of the number; `None`: assumed as large as ours.
    pub se: Option<f64>,
    /// The margin, if the claim says one.
    pub margin: Option<f64>,
}

/// A decision with what led to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The verdict.
    pub verdict: Verdict,
    /// δ, and its interval.
    pub delta: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// The margin that was used, on the scale of δ.
    pub margin: f64,
    /// Whether the paper's standard error was assumed.
    pub assumed_se: bool,
    /// Two-sided p of what the verdict denies: of "outside the margin" for `reproduced` (two one-sided tests), otherwise of "inside".
    pub p: f64,
    /// Where it is inconclusive: about how many more seeds a setting it would take; `None`: no number of seeds decides it (a longer budget may).
    pub more: Option<u64>,
}

/// Half of a normal interval of 95 % in standard errors.
const Z: f64 = 1.959_963_984_540_054;
/// More seeds than anybody would train.
const MOST: f64 = 1e6;

/// Decides. `seeds` is the number of seeds a setting that the estimate rests on.
pub fn decide(estimate: &Estimate, target: Option<Target>, seeds: usize) -> Decision {
    let Some(target) = target.filter(|_| estimate.scale != Scale::Sign) else { return by_sign(estimate, seeds) };
    let scaled = |x: f64| if estimate.scale == Scale::Log { libm::log(x) } else { x };
    let (value, low, high, published) = (scaled(estimate.value), scaled(estimate.low), scaled(estimate.high), scaled(target.value));
    let margin = target.margin.unwrap_or(if estimate.relative { estimate.margin * target.value.abs() } else { estimate.margin });
    // A one-sided spread stands for both where one end is unknown, since something must be assumed of the paper's.
    let spread = [value - low, high - value].into_iter().filter(|x| x.is_finite()).fold(0.0, f64::max);
    let se = match target.se {
        Some(se) if estimate.scale == Scale::Log => se / target.value,
        Some(se) => se,
        None => spread / Z,
    };
    let widen = |half: f64| if half.is_finite() { libm::hypot(half, Z * se) } else { half };
    let delta = value - published;
    // Where the median was not reached only the lower end is known.
    let (from, to) = if value.is_finite() { (delta - widen(value - low), delta + widen(high - value)) } else { (low - published - Z * se, high - published) };
    let inside = from >= -margin && to <= margin;
    let outside = from > margin || to < -margin;
    let effect = estimate.no_effect.map(scaled).filter(|e| *e != published);
    let opposite = effect.is_some_and(|e| if published > e { high < e } else { low > e });
    let further = effect.is_some_and(|e| outside && (published > e) == (delta > 0.0));
    let verdict = match () {
        () if inside => Verdict::Reproduced,
        () if opposite => Verdict::Reversed,
        () if further => Verdict::Stronger,
        () if outside => Verdict::NotReproduced,
        () => Verdict::Inconclusive,
    };
    let error = libm::hypot(spread / Z, se);
    let p = match verdict {
        _ if error <= 0.0 || !delta.is_finite() => f64::NAN,
        Verdict::Reproduced => normal_survival((delta + margin) / error).max(normal_cdf((delta - margin) / error)),
        _ => (2.0 * normal_survival((delta.abs() - margin) / error)).min(1.0),
    };
    let more = (verdict == Verdict::Inconclusive).then(|| more(Z * error, (delta.abs() - margin).abs(), seeds)).flatten();
    Decision { verdict, delta, low: from, high: to, margin, assumed_se: target.se.is_none(), p, more }
}

/// Above 0 with its whole interval: as claimed; below: the opposite.
fn by_sign(e: &Estimate, seeds: usize) -> Decision {
    let verdict = match () {
        () if e.low > 0.0 => Verdict::Reproduced,
        () if e.high < 0.0 => Verdict::Reversed,
        () => Verdict::Inconclusive,
    };
    let half = (e.value - e.low).max(e.high - e.value);
    let p = if half > 0.0 { normal_two_sided(e.value * Z / half) } else { f64::NAN };
    let more = (verdict == Verdict::Inconclusive).then(|| more(half, e.value.abs(), seeds)).flatten();
    Decision { verdict, delta: e.value, low: e.low, high: e.high, margin: 0.0, assumed_se: false, p, more }
}

/// Seeds beyond those there are until a half-width that shrinks with their root is as small as the distance that decides.
fn more(half: f64, distance: f64, seeds: usize) -> Option<u64> {
    let wanted = libm::ceil(seeds.max(1) as f64 * (half / distance) * (half / distance));
    (wanted.is_finite() && wanted < MOST).then(|| (wanted as u64).saturating_sub(seeds as u64).max(1))
}

/// The verdict of a claim from those of its parts.
pub fn combine(parts: &[Verdict]) -> Verdict {
    use Verdict::*;
    let all = |v: Verdict| parts.iter().all(|p| *p == v);
    let any = |v: Verdict| parts.contains(&v);
    match () {
        () if parts.is_empty() || any(Waiting) => Waiting,
        () if all(parts[0]) => parts[0],
        () if any(Reproduced) || any(Stronger) => Partly,
        () if any(Inconclusive) => Inconclusive,
        () => NotReproduced,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(value: f64, low: f64, high: f64, scale: Scale, no_effect: Option<f64>) -> Estimate {
        Estimate { value, low, high, n: 8, censored: 0, scale, no_effect, margin: 0.223, relative: false, note: String::new() }
    }

    fn verdict(e: &Estimate, value: f64, margin: f64) -> Verdict {
        decide(e, Some(Target { value, se: Some(0.0), margin: Some(margin) }), 8).verdict
    }

    #[test]
    fn each_verdict_has_its_interval() {
        let times = |v, l, h| estimate(v, l, h, Scale::Log, None);
        assert_eq!(verdict(&times(1000.0, 950.0, 1050.0), 1000.0, 0.223), Verdict::Reproduced);
        assert_eq!(verdict(&times(2000.0, 1900.0, 2100.0), 1000.0, 0.223), Verdict::NotReproduced);
        assert_eq!(verdict(&times(1000.0, 500.0, 2000.0), 1000.0, 0.223), Verdict::Inconclusive);
        let ratio = |v, l, h| estimate(v, l, h, Scale::Log, Some(1.0));
        assert_eq!(verdict(&ratio(4.0, 3.5, 4.5), 2.0, 0.223), Verdict::Stronger);
        assert_eq!(verdict(&ratio(0.5, 0.4, 0.9), 2.0, 0.223), Verdict::Reversed);
        assert_eq!(verdict(&ratio(1.2, 1.1, 1.3), 2.0, 0.223), Verdict::NotReproduced);
        assert_eq!(verdict(&ratio(4.0, 3.5, 4.5), 1.0, 0.223), Verdict::NotReproduced, "no effect was claimed, so none is stronger");
        // A negative exponent: further from 0 is stronger, above 0 reversed.
        let slope = |v, l, h| estimate(v, l, h, Scale::Linear, Some(0.0));
        assert_eq!(verdict(&slope(-2.0, -2.1, -1.9), -1.0, 0.15), Verdict::Stronger);
        assert_eq!(verdict(&slope(0.5, 0.3, 0.7), -1.0, 0.15), Verdict::Reversed);
        assert_eq!(verdict(&slope(-0.5, -0.6, -0.4), -1.0, 0.15), Verdict::NotReproduced);
    }

    #[test]
    fn a_median_that_is_not_reached_decides_by_its_lower_end() {
        let open = |low| estimate(f64::INFINITY, low, f64::INFINITY, Scale::Log, None);
        assert_eq!(verdict(&open(5000.0), 1000.0, 0.223), Verdict::NotReproduced);
        assert_eq!(verdict(&open(900.0), 1000.0, 0.223), Verdict::Inconclusive);
        let half_open = estimate(1000.0, 950.0, f64::INFINITY, Scale::Log, None);
        assert_eq!(verdict(&half_open, 1000.0, 0.223), Verdict::Inconclusive);
    }

    #[test]
    fn the_paper_has_an_error_too() {
        let e = estimate(1000.0, 900.0, 1111.0, Scale::Log, None);
        let target = |se| Some(Target { value: 1000.0, se, margin: Some(0.15) });
        assert_eq!(decide(&e, target(Some(0.0)), 8).verdict, Verdict::Reproduced);
        let assumed = decide(&e, target(None), 8);
        assert!(assumed.assumed_se && (assumed.high - 0.1052 * 2f64.sqrt()).abs() < 1e-3, "{assumed:?}");
        let wide = decide(&e, target(Some(200.0)), 8);
        assert_eq!(wide.verdict, Verdict::Inconclusive);
        // 0.4 of half-width against 0.15 of margin: (0.4/0.15)² ≈ 7 times 8 seeds.
        assert!((40..=60).contains(&wide.more.unwrap()), "{wide:?}");
    }

    #[test]
    fn parts_combine() {
        use Verdict::*;
        assert_eq!(combine(&[Reproduced, Reproduced]), Reproduced);
        assert_eq!(combine(&[Reproduced, Inconclusive]), Partly);
        assert_eq!(combine(&[Reversed, NotReproduced]), NotReproduced);
        assert_eq!(combine(&[Inconclusive, NotReproduced]), Inconclusive);
        assert_eq!(combine(&[Reproduced, Waiting]), Waiting);
        assert_eq!(combine(&[]), Waiting);
    }

    #[test]
    fn laws_are_decided_by_sign() {
        let e = |v, l, h| estimate(v, l, h, Scale::Sign, Some(0.0));
        assert_eq!(decide(&e(0.3, 0.1, 0.5), None, 4).verdict, Verdict::Reproduced);
        assert_eq!(decide(&e(-0.3, -0.5, -0.1), None, 4).verdict, Verdict::Reversed);
        let open = decide(&e(0.1, -0.1, 0.3), None, 4);
        assert_eq!((open.verdict, open.more), (Verdict::Inconclusive, Some(12)));
    }
}
