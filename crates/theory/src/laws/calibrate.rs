//! Constants from runs of some settings, errors on runs of others.
//!
//! Constants minimise the mean squared error of ln t_grok over the runs to which the law applies. A run that did not generalise counts when the law has it
//! generalise before its budget, by ln(budget/prediction). The search is Nelder and Mead's simplex (Comput. J. 7, 308, 1965) in the logarithms of the constants:
//! three at most, so it is written here; the crates that offer it bring clocks and generators of their own.

use super::{Law, Measured, NotApplicable};

/// A run with its setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// What was measured.
    pub measured: Measured,
    /// Runs of one number share every setting but their seeds.
    pub setting: usize,
}

/// What a law predicts of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicted {
    /// Index of the run.
    pub run: usize,
    /// `t_grok` in steps, or why there is none.
    pub time: Result<f64, NotApplicable>,
}

/// How a law does on a campaign.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Constants from all runs; those of the paper where it was asked for them.
    pub constants: Vec<f64>,
    /// Predictions of every run by constants that its setting had no part in.
    pub predicted: Vec<Predicted>,
    /// Mean of |ln(prediction/time)| over the runs that generalised and to which the law applies; NaN where there is none.
    pub error: f64,
    /// Number of those runs.
    pub runs: usize,
    /// Runs to which the law does not apply.
    pub outside: usize,
    /// Runs that did not generalise within their budget although the law says that they would.
    pub early: usize,
}

/// Error of one prediction of ln t: signed for an event, at most 0 for a run that was still waiting at its budget. `None`: nothing to compare.
fn residual(m: &Measured, predicted: f64) -> Option<f64> {
    match m.t_grok {
        Some(t) if t > 0.0 => Some(libm::log(predicted / t)),
        Some(_) => None,
        None if m.steps > 0.0 => Some(libm::log(predicted / m.steps).min(0.0)),
        None => None,
    }
}

/// Mean squared error of ln t; a run outside the domain at these constants costs as much as a factor of e³, so that a calibration does not flee from its data.
fn cost(law: &Law, runs: &[&Run], constants: &[f64]) -> f64 {
    const FLIGHT: f64 = 9.0;
    let (mut sum, mut n) = (0.0, 0usize);
    for run in runs {
        match (law.predict)(&run.measured, constants) {
            Ok(t) if t > 0.0 && t.is_finite() => {
                if let Some(r) = residual(&run.measured, t) {
                    sum += r * r;
                    n += 1;
                }
            }
            _ => {
                sum += FLIGHT;
                n += 1;
            }
        }
    }
    if n == 0 { f64::INFINITY } else { sum / n as f64 }
}

/// Constants of `law` from `runs`; `None` if no run is in its domain at any constants that were tried, or if there are fewer runs than constants.
pub fn calibrate(law: &Law, runs: &[&Run]) -> Option<Vec<f64>> {
    if law.constants.is_empty() {
        return Some(Vec::new());
    }
    let events = runs.iter().filter(|r| r.measured.t_grok.is_some()).count();
    if events < law.constants.len() {
        return None;
    }
    let start: Vec<f64> = law.constants.iter().map(|c| libm::log(c.start)).collect();
    // Where the best value of a constant is 0 (V★ → 0 turns a first passage into a null law) the search would end at the smallest number that there is.
    const FAR: f64 = 60.0;
    let at = |x: &[f64]| {
        if x.iter().zip(&start).any(|(v, s)| (v - s).abs() > FAR) {
            return f64::INFINITY;
        }
        cost(law, runs, &x.iter().map(|v| libm::exp(*v)).collect::<Vec<_>>())
    };
    // Several starts, because a threshold (V★, D_c, w_c) cuts the domain.
    let mut best: Option<(f64, Vec<f64>)> = None;
    for shift in [0.0, 1.5, -1.5, 3.0, -3.0] {
        let from: Vec<f64> = start.iter().enumerate().map(|(i, s)| if i + 1 == start.len() { s + shift } else { *s }).collect();
        let mut found = simplex(&at, &from);
        // A second descent from where the first ended: the simplex may have collapsed on the way.
        found = simplex(&at, &found.1);
        if best.as_ref().is_none_or(|b| found.0 < b.0) {
            best = Some(found);
        }
    }
    let (value, x) = best?;
    let constants: Vec<f64> = x.iter().map(|v| libm::exp(*v)).collect();
    let applies = runs.iter().any(|r| (law.predict)(&r.measured, &constants).is_ok());
    (value.is_finite() && applies).then_some(constants)
}

/// Minimum of `f` from `start`: value and place.
fn simplex(f: &dyn Fn(&[f64]) -> f64, start: &[f64]) -> (f64, Vec<f64>) {
    let n = start.len();
    let mut points: Vec<(f64, Vec<f64>)> = (0..=n)
        .map(|i| {
            let mut x = start.to_vec();
            if i > 0 {
                x[i - 1] += 0.5;
            }
            (f(&x), x)
        })
        .collect();
    for _ in 0..200 * n {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let size = points.iter().flat_map(|p| p.1.iter().zip(&points[0].1).map(|(a, b)| (a - b).abs())).fold(0.0, f64::max);
        if size < 1e-10 {
            break;
        }
        let worst = points[n].clone();
        let centre: Vec<f64> = (0..n).map(|k| points[..n].iter().map(|p| p.1[k]).sum::<f64>() / n as f64).collect();
        let along = |t: f64| -> (f64, Vec<f64>) {
            let x: Vec<f64> = centre.iter().zip(&worst.1).map(|(c, w)| c + t * (c - w)).collect();
            (f(&x), x)
        };
        let reflected = along(1.0);
        points[n] = if reflected.0 < points[0].0 {
            let expanded = along(2.0);
            if expanded.0 < reflected.0 { expanded } else { reflected }
        } else if reflected.0 < points[n - 1].0 {
            reflected
        } else {
            let contracted = along(if reflected.0 < worst.0 { 0.5 } else { -0.5 });
            if contracted.0 < worst.0.min(reflected.0) {
                contracted
            } else {
                let best = points[0].1.clone();
                for p in &mut points[1..] {
                    p.1.iter_mut().zip(&best).for_each(|(x, b)| *x = b + 0.5 * (*x - b));
                    p.0 = f(&p.1);
                }
                continue;
            }
        };
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points.swap_remove(0)
}

/// Judges `law` on a campaign: for each setting the constants come from the other settings (or, with `printed`, from the paper), so that every error is one of
/// prediction. With one setting nothing is left to calibrate on, and only laws without free constants are judged.
pub fn judge(law: &Law, runs: &[Run], printed: bool) -> Option<Judged> {
    let fixed = if printed { Some(law.printed()?) } else { None };
    let all: Vec<&Run> = runs.iter().collect();
    let constants = fixed.clone().or_else(|| calibrate(law, &all));
    let mut settings: Vec<usize> = runs.iter().map(|r| r.setting).collect();
    settings.sort_unstable();
    settings.dedup();
    let mut predicted: Vec<Predicted> = Vec::with_capacity(runs.len());
    for setting in settings {
        let others: Vec<&Run> = runs.iter().filter(|r| r.setting != setting).collect();
        let constants = fixed.clone().or_else(|| calibrate(law, &others));
        for (index, run) in runs.iter().enumerate().filter(|(_, r)| r.setting == setting) {
            let time = match &constants {
                Some(c) => (law.predict)(&run.measured, c),
                None => Err(uncalibrated(law, &run.measured)),
            };
            predicted.push(Predicted { run: index, time });
        }
    }
    predicted.sort_by_key(|p| p.run);
    let errors: Vec<f64> = predicted
        .iter()
        .filter_map(|p| {
            let (t, m) = (p.time.as_ref().ok()?, &runs[p.run].measured);
            Some(libm::log(t / m.t_grok.filter(|t| *t > 0.0)?).abs())
        })
        .collect();
    let early = predicted.iter().filter(|p| {
        let m = &runs[p.run].measured;
        m.t_grok.is_none() && p.time.as_ref().is_ok_and(|t| *t < m.steps)
    });
    Some(Judged {
        constants: constants.unwrap_or_default(),
        // Not 0/0, whose sign bit would put it before every number.
        error: if errors.is_empty() { f64::NAN } else { errors.iter().sum::<f64>() / errors.len() as f64 },
        runs: errors.len(),
        outside: predicted.iter().filter(|p| p.time.is_err()).count(),
        early: early.count(),
        predicted,
    })
}

/// Why a law without constants says nothing about a run: the run lies outside its domain, or there was nothing to calibrate on.
fn uncalibrated(law: &Law, run: &Measured) -> NotApplicable {
    let start: Vec<f64> = law.constants.iter().map(|c| c.start).collect();
    let nothing = || NotApplicable("there are no runs of other settings, in its domain, to calibrate its constants on".into());
    (law.predict)(run, &start).err().unwrap_or_else(nothing)
}

/// Mean of |ln(prediction/time)| of `other` over the runs that `judged` has an error on: a null on the very runs of a law.
pub fn error_on_the_same_runs(judged: &Judged, other: &Judged, runs: &[Run]) -> f64 {
    let (mut sum, mut n) = (0.0, 0usize);
    for (p, q) in judged.predicted.iter().zip(&other.predicted) {
        if let (Ok(_), Ok(t), Some(time)) = (&p.time, &q.time, runs[p.run].measured.t_grok.filter(|t| *t > 0.0)) {
            sum += libm::log(t / time).abs();
            n += 1;
        }
    }
    sum / n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::{laws, tests::run};

    fn law(name: &str) -> &'static Law {
        laws().into_iter().find(|l| l.name == name).unwrap()
    }

    /// Five decay strengths, eight seeds each, whose times follow `time` with noise of 5 %.
    fn campaign(time: impl Fn(&Measured) -> f64) -> Vec<Run> {
        let mut draws = crate::numeric::Draws::new(3, 0, 0);
        let mut runs = Vec::new();
        for (setting, lambda) in [0.1, 0.3, 1.0, 3.0, 10.0].into_iter().enumerate() {
            for _ in 0..8 {
                let mut m = Measured { lambda: Some(lambda), t_mem: Some(150.0), ..run() };
                let t = time(&m) * libm::exp(0.05 * draws.normal());
                m.t_grok = (t < 20_000.0).then_some(t);
                m.steps = 20_000.0;
                runs.push(Run { measured: m, setting });
            }
        }
        runs
    }

    #[test]
    fn constants_are_found_and_the_true_law_predicts_best() {
        let runs = campaign(|m| 400.0 + 1.2 / (1e-3 * m.lambda.unwrap()));
        let judged = |name: &str| judge(law(name), &runs, false).unwrap();
        let offset = judged("offset-inverse-contraction");
        assert!((offset.constants[0] / 400.0 - 1.0).abs() < 0.1 && (offset.constants[1] / 1.2 - 1.0).abs() < 0.05, "{:?}", offset.constants);
        assert!(offset.error < 0.08 && offset.runs == 40, "{offset:?}");
        for other in ["constant", "inverse-contraction", "proportional-to-t-mem"] {
            assert!(judged(other).error > 2.0 * offset.error, "{other}: {}", judged(other).error);
        }
        // The same with its clock started at t_mem.
        let fsd = judged("inverse-decay");
        assert!((error_on_the_same_runs(&offset, &fsd, &runs) - fsd.error).abs() < 1e-12);
    }

    #[test]
    fn censored_runs_push_a_prediction_up_and_are_counted() {
        // At λ = .1 every run is still waiting at 20,000.
        let runs = campaign(|m| 3.0 / (1e-3 * m.lambda.unwrap()));
        assert!(runs.iter().any(|r| r.measured.t_grok.is_none()));
        let found = judge(law("inverse-contraction"), &runs, false).unwrap();
        assert!((found.constants[0] / 3.0 - 1.0).abs() < 0.05 && found.early == 0 && found.runs < 40, "{found:?}");
        assert!(judge(law("constant"), &runs, false).unwrap().early > 0);
    }

    #[test]
    fn one_setting_leaves_nothing_to_calibrate_on() {
        let runs: Vec<Run> = campaign(|_| 1e3).into_iter().filter(|r| r.setting == 2).collect();
        let found = judge(law("constant"), &runs, false).unwrap();
        assert!(found.runs == 0 && found.outside == 8 && (found.constants[0] / 1e3 - 1.0).abs() < 0.1, "{found:?}");
        // A law without an error comes after those with one.
        assert!(found.error.is_nan() && found.error.total_cmp(&f64::MAX).is_gt());
        // A law whose constants are printed needs none of it.
        assert_eq!(judge(law("norm-separation-v-2"), &runs, true).unwrap().runs, 8);
        assert!(judge(law("percolation"), &runs, true).is_none());
    }

    /// t_grok falls as V rises, the other way than a first passage has it: the best V★ is 0, and predictions are those of a null law.
    #[test]
    fn a_constant_that_runs_away_is_stopped() {
        let mut runs = Vec::new();
        for (setting, norm) in [36.0, 38.0, 40.0, 42.0, 44.0].into_iter().enumerate() {
            let t = 8_000.0 * libm::pow(36.0 / norm, 6.0);
            runs.push(Run { measured: Measured { norm_mem: Some(norm), t_mem: Some(150.0), t_grok: Some(t), ..run() }, setting });
        }
        let found = judge(law("first-passage"), &runs, false).unwrap();
        assert!(found.constants[1] > 1e-30 && found.constants[1] < 1e-20, "{:?}", found.constants);
        let null = judge(law("constant"), &runs, false).unwrap();
        assert!((found.error / null.error - 1.0).abs() < 0.1, "{} for {}", found.error, null.error);
    }

    /// Nothing holds the norm in these runs: that is the reason, and not a want of other settings.
    #[test]
    fn outside_the_domain_is_said_before_no_calibration() {
        let runs = campaign(|_| 1e3);
        let found = judge(law("clamp"), &runs, false).unwrap();
        assert_eq!(found.outside, 40);
        assert!(found.predicted[0].time.as_ref().unwrap_err().0.contains("the norm is not held"), "{:?}", found.predicted[0]);
    }

    #[test]
    fn three_constants_of_a_power_law_are_found() {
        let mut runs = Vec::new();
        for (setting, fraction) in [0.2, 0.3, 0.4, 0.6, 0.8].into_iter().enumerate() {
            let t = 30.0 * libm::pow(fraction, -4.0) + 300.0;
            runs.push(Run { measured: Measured { fraction: Some(fraction), t_grok: Some(t), steps: 1e6, ..run() }, setting });
        }
        let found = calibrate(law("data-power"), &runs.iter().collect::<Vec<_>>()).unwrap();
        for (x, truth) in found.iter().zip([30.0, 4.0, 300.0]) {
            assert!((x / truth - 1.0).abs() < 0.02, "{found:?}");
        }
    }
}
