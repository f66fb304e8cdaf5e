//! From an estimate to a verdict: the rule that stands in the design, to the letter.
//!
//! δ is our estimate less the paper's, in logarithms where the statistic is compared so; its interval includes the paper's own standard error, and where the
//! paper gives none, one as large as ours is assumed.

use pennydrop_stats::distributions::normal_survival;

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

impl Estimate {
    /// The number in words, each written by `short`: `> 5000` or `< 0.4` where it is a bound, since a median was not reached.
    pub fn words(&self, short: impl Fn(f64) -> String) -> String {
        match () {
            () if self.value == f64::INFINITY => format!("> {}", short(self.low)),
            () if self.is_below() => format!("< {}", short(self.high)),
            () => short(self.value),
        }
    }

    /// Whether all that is known is an upper end: a ratio to a time that was not reached.
    pub fn is_below(&self) -> bool {
        self.scale == Scale::Log && self.value == 0.0
    }
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
    /// p of what the verdict denies. `reproduced`: that δ lies outside the margin, the larger p of two one-sided tests, at most 0.025. `stronger` and `not
    /// reproduced`: that it lies inside, `reversed`: that there is no effect, both two-sided and at most 0.05. `inconclusive`: that it lies inside. NaN where
    /// nothing spreads.
    pub p: f64,
    /// Where it is inconclusive: about how many more seeds a setting it would take; `None`: no number of seeds decides it (a longer budget may).
    pub more: Option<u64>,
}

/// Half of a normal interval of 95 % in standard errors.
const Z: f64 = 1.959_963_984_540_054;
/// More seeds than anybody would train.
const MOST: f64 = 1e4;

/// Decides. `seeds` is the number of seeds a setting that the estimate rests on.
pub fn decide(estimate: &Estimate, target: Option<Target>, seeds: usize) -> Decision {
    let decision = match target.filter(|_| estimate.scale != Scale::Sign) {
        Some(target) => by_margin(estimate, target, seeds),
        None => by_sign(estimate, seeds),
    };
    // One seed has no spread, so an interval of no width, or one that only censoring opened, says nothing about the next.
    let spread = [estimate.value - estimate.low, estimate.high - estimate.value].into_iter().any(|half| half.is_finite() && half > 0.0);
    if seeds < 2 && !spread { Decision { verdict: Verdict::Inconclusive, p: f64::NAN, more: Some(1), ..decision } } else { decision }
}

fn by_margin(estimate: &Estimate, target: Target, seeds: usize) -> Decision {
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
    // Where a median was not reached only one end is known: the lower one of a time, the upper one of a ratio to such a time.
    let (from, to) = match () {
        () if value.is_finite() => (delta - widen(value - low), delta + widen(high - value)),
        () if value > 0.0 => (low - published - Z * se, high - published),
        () => (low - published, high - published + Z * se),
    };
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
    // Each side of the interval has the standard error that its own width implies, so that p and interval say the same.
    let (below, above) = ((delta - from) / Z, (to - delta) / Z);
    let p = match (verdict, effect) {
        _ if !delta.is_finite() || below.max(above) <= 0.0 => f64::NAN,
        (Verdict::Reproduced, _) => normal_survival(in_errors(delta + margin, below)).max(normal_survival(in_errors(margin - delta, above))),
        (Verdict::Reversed, Some(e)) => two_sided((value - e).abs(), if value > e { value - low } else { high - value } / Z),
        _ => two_sided(delta.abs() - margin, if delta > 0.0 { below } else { above }),
    };
    // From outside the end that faces the margin must come clear of it; from inside both must.
    let facing = if delta > 0.0 { value - low } else { high - value };
    let narrow = Narrowing {
        half: if delta.abs() > margin && facing.is_finite() { facing } else { spread },
        // An error that was assumed as large as ours shrinks with it; one that the paper states does not.
        fixed: target.se.map_or(0.0, |_| Z * se),
        widened: if target.se.is_none() { std::f64::consts::SQRT_2 } else { 1.0 },
        // The exact interval of none or all narrows with the number of runs, every other with its root.
        exact: estimate.scale == Scale::Linear && [(0.0, estimate.low), (1.0, estimate.high)].contains(&(estimate.value, estimate.value)) && spread < 1.0,
    };
    // A median that was not reached takes a longer budget, not more seeds.
    let open = verdict == Verdict::Inconclusive && delta.is_finite();
    let more = open.then(|| narrow.more((delta.abs() - margin).abs(), seeds)).flatten();
    Decision { verdict, delta, low: from, high: to, margin, assumed_se: target.se.is_none(), p, more }
}

/// A distance in standard errors, of which there may be none.
fn in_errors(distance: f64, error: f64) -> f64 {
    match () {
        () if error > 0.0 => distance / error,
        () if distance >= 0.0 => f64::INFINITY,
        () => f64::NEG_INFINITY,
    }
}

/// Two-sided p of a distance, 1 where it is none.
fn two_sided(distance: f64, error: f64) -> f64 {
    (2.0 * normal_survival(in_errors(distance, error))).min(1.0)
}

/// Above 0 with its whole interval: as claimed; below: the opposite.
fn by_sign(e: &Estimate, seeds: usize) -> Decision {
    let verdict = match () {
        () if e.low > 0.0 => Verdict::Reproduced,
        () if e.high < 0.0 => Verdict::Reversed,
        () => Verdict::Inconclusive,
    };
    // The side that looks at 0 decides.
    let half = if e.value > 0.0 { e.value - e.low } else { e.high - e.value };
    let p = if half > 0.0 { two_sided(e.value.abs(), half / Z) } else { f64::NAN };
    let narrow = Narrowing { half, fixed: 0.0, widened: 1.0, exact: false };
    let more = (verdict == Verdict::Inconclusive).then(|| narrow.more(e.value.abs(), seeds)).flatten();
    Decision { verdict, delta: e.value, low: e.low, high: e.high, margin: 0.0, assumed_se: false, p, more }
}

/// How an interval narrows as seeds are added.
struct Narrowing {
    /// Our half-width.
    half: f64,
    /// The paper's, which stays.
    fixed: f64,
    /// By how much the assumption about the paper widens ours.
    widened: f64,
    /// Whether the width falls with the number of seeds, and not with its root.
    exact: bool,
}

impl Narrowing {
    /// Seeds beyond those there are until the interval is as narrow as the distance that decides; `None` if no number of them is enough.
    fn more(&self, distance: f64, seeds: usize) -> Option<u64> {
        let room = distance * distance - self.fixed * self.fixed;
        let by = self.half * self.widened / libm::sqrt(room);
        let wanted = libm::ceil(seeds.max(1) as f64 * if self.exact { by } else { by * by });
        (room > 0.0 && wanted.is_finite() && wanted < MOST).then(|| (wanted as u64).saturating_sub(seeds as u64).max(1))
    }
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
        // The paper's own half-width of 0.39 is wider than the margin: no number of our seeds decides.
        let wide = decide(&e, target(Some(200.0)), 8);
        assert_eq!((wide.verdict, wide.more), (Verdict::Inconclusive, None));
        // Ours of 0.105 must fall to √(0.12² − (1.96 · 0.05)²) = 0.0692: 2.31 times 8 seeds.
        let narrower = decide(&e, Some(Target { value: 1000.0, se: Some(50.0), margin: Some(0.12) }), 8);
        assert_eq!((narrower.verdict, narrower.more), (Verdict::Inconclusive, Some(11)));
    }

    /// A target without error.
    fn at(value: f64, margin: f64) -> Option<Target> {
        Some(Target { value, se: Some(0.0), margin: Some(margin) })
    }

    #[test]
    fn equivalence_by_interval_is_two_one_sided_tests() {
        let mut reproduced = 0;
        for (k, se) in (0..400).map(|i| (f64::from(i % 40) / 40.0 - 0.5, 0.02 + 0.01 * f64::from(i / 40))) {
            let d = decide(&estimate(k, k - Z * se, k + Z * se, Scale::Linear, None), at(0.0, 0.25), 8);
            let t = pennydrop_stats::tost(k, se, None, (-0.25, 0.25)).unwrap();
            assert_eq!(d.verdict == Verdict::Reproduced, t.p <= 0.025, "{d:?} {t:?}");
            if d.verdict == Verdict::Reproduced {
                assert!((d.p - t.p).abs() < 1e-12, "{d:?} {t:?}");
                reproduced += 1;
            }
            let outside = (k.abs() - 0.25) / se > Z;
            assert_eq!(d.verdict == Verdict::NotReproduced, outside, "{d:?}");
            assert!(d.verdict == Verdict::Reproduced || (d.p <= 0.05) == outside, "{d:?}");
        }
        assert!((50..350).contains(&reproduced), "{reproduced}");
    }

    #[test]
    fn p_belongs_to_the_side_that_decides() {
        // A long upper tail takes nothing from a lower end that is clear of the margin.
        let above = decide(&estimate(3.0, 2.5, 9.0, Scale::Linear, None), at(1.0, 1.0), 8);
        assert_eq!(above.verdict, Verdict::NotReproduced);
        assert!((above.p - 2.0 * normal_survival(1.0 / (0.5 / Z))).abs() < 1e-12, "{above:?}");
        // The tail reaches beyond the margin, so the test against the upper end has the larger p.
        let held = decide(&estimate(1.0, 0.9, 1.9, Scale::Linear, None), at(1.0, 1.0), 8);
        assert!((held.p - normal_survival(1.0 / (0.9 / Z))).abs() < 1e-12 && held.p <= 0.025, "{held:?}");
        // Reversed is held against no effect, whatever the margin: half of the published effect, the other way.
        let back = decide(&estimate(-0.5, -0.9, -0.1, Scale::Linear, Some(0.0)), at(1.0, 1.3), 8);
        assert_eq!(back.verdict, Verdict::Reversed);
        assert!((back.p - 2.0 * normal_survival(0.5 / (0.4 / Z))).abs() < 1e-12 && back.p <= 0.05, "{back:?}");
        let open = decide(&estimate(1.0, 0.0, 9.0, Scale::Linear, None), at(1.0, 0.5), 8);
        assert_eq!((open.verdict, open.p), (Verdict::Inconclusive, 1.0));
    }

    #[test]
    fn one_seed_decides_nothing() {
        let point = estimate(1000.0, 1000.0, 1000.0, Scale::Log, None);
        let one = decide(&point, at(1000.0, 0.223), 1);
        assert!(one.verdict == Verdict::Inconclusive && one.p.is_nan() && one.more == Some(1), "{one:?}");
        assert_eq!(decide(&point, at(1000.0, 0.223), 2).verdict, Verdict::Reproduced);
        // One run that was still waiting, far beyond the published time.
        let waiting = estimate(f64::INFINITY, 9000.0, f64::INFINITY, Scale::Log, None);
        assert_eq!(decide(&waiting, at(1000.0, 0.223), 1).verdict, Verdict::Inconclusive);
        assert_eq!(decide(&estimate(0.3, 0.3, 0.3, Scale::Sign, None), None, 1).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn a_ratio_to_a_median_that_was_not_reached_is_known_from_above() {
        let never = estimate(0.0, 0.0, 0.3, Scale::Log, Some(1.0));
        assert_eq!(verdict(&never, 2.0, 0.223), Verdict::Reversed);
        assert_eq!(verdict(&never, 0.5, 0.223), Verdict::Stronger);
        assert_eq!(verdict(&never, 0.3, 0.223), Verdict::Inconclusive);
        let unsure = decide(&never, Some(Target { value: 0.5, se: Some(0.25), margin: Some(0.223) }), 8);
        assert_eq!(unsure.verdict, Verdict::Inconclusive, "the paper's error counts on that side too: {unsure:?}");
    }

    #[test]
    fn nobody_is_asked_for_ten_thousand_seeds() {
        let near = |value: f64| decide(&estimate(value, value - 0.1, value + 0.1, Scale::Linear, None), at(0.0, 0.25), 8);
        // A hundredth from the margin takes 10² · 8 seeds, a thousandth 100² · 8.
        assert!(near(0.24).more.is_some_and(|n| (790..=793).contains(&n)), "{:?}", near(0.24));
        assert_eq!((near(0.249).verdict, near(0.249).more), (Verdict::Inconclusive, None));
    }

    #[test]
    fn a_share_of_all_needs_as_many_runs_as_the_exact_interval_says() {
        // 6 of 6: the exact lower end is 0.541; n of n comes above 0.98 at n = ln 0.025 / ln 0.98 = 183.
        let all = decide(&estimate(1.0, 0.5407, 1.0, Scale::Linear, None), at(1.0, 0.02), 6);
        assert!(all.verdict == Verdict::Inconclusive && (120..190).contains(&all.more.unwrap()), "{all:?}");
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
