//! Synthetic runs with the shapes that the figures are for; nothing here is a result.
#![allow(dead_code)]

pub mod campaign;
pub mod chart;
pub mod page;

use pennydrop_figure::*;

/// Noise in -1..=1 from a counter, the same everywhere.
pub fn noise(seed: u64, i: u64) -> f64 {
    let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ i.wrapping_mul(0xD134_2543_DE82_EF95);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z >> 11) as f64 / (1u64 << 53) as f64) * 2.0 - 1.0
}

/// Steps 0, 1, 2, … then `per_decade` a decade up to `steps`.
pub fn grid(steps: f64, per_decade: f64) -> Vec<f64> {
    let mut out = vec![0.0];
    let mut i = 0.0;
    loop {
        let s = libm::pow(10.0, i / per_decade).round();
        if s > steps {
            return out;
        }
        if s > out[out.len() - 1] {
            out.push(s);
        }
        i += 1.0;
    }
}

/// A run that memorises around `mem` and generalises around `grok` (beyond `steps`: never seen).
pub fn run(seed: u64, mem: f64, grok: f64, steps: f64, per_decade: f64) -> RunCurves {
    let sig = |x: f64| 1.0 / (1.0 + libm::exp(-x));
    let at = |s: f64, t: f64, w: f64| if s > 0.0 { sig(libm::log(s / t) / w) } else { 0.0 };
    let mut r = RunCurves { run_id: format!("{:016x}", (noise(seed, 99).abs() * 1e18) as u64), seed, steps, ..RunCurves::default() };
    let mut norm = Vec::new();
    for (i, s) in grid(steps, per_decade).into_iter().enumerate() {
        let n = |k: u64| noise(seed * 7 + k, i as u64);
        let (a, b) = (at(s, mem * 0.62, 0.1), at(s, grok * 0.8, 0.07));
        r.train_acc.push((s, (0.01 + 0.99 * a + 0.004 * n(1) * (1.0 - a)).clamp(0.0, 1.0)));
        r.test_acc.push((s, (0.01 + 0.03 * at(s, mem, 0.3) + 0.96 * b + 0.015 * n(2) * at(s, mem, 0.3) * (1.0 - b)).clamp(0.0, 1.0)));
        r.train_loss.push((s, 4.6 * (1.0 - at(s, mem * 0.5, 0.25)) * (1.0 + 0.05 * n(3)) + 3e-7 * (1.0 + 0.5 * n(4))));
        r.test_loss.push((s, (4.6 + 14.0 * at(s, mem * 1.5, 0.4)) * (1.0 - at(s, grok * 0.7, 0.12)) * (1.0 + 0.03 * n(5)) + 2e-6));
        norm.push((s, 30.0 + 22.0 * at(s, mem, 0.3) - 25.0 * at(s, grok * 0.7, 0.3)));
    }
    let first = |p: &Points, level: f64| {
        p.iter().rposition(|q| q.1 < level).and_then(|i| p.get(i + 1)).map(|q| q.0).or(p.first().filter(|q| q.1 >= level).map(|q| q.0))
    };
    r.t_mem = first(&r.train_acc, 0.99);
    r.t_grok = first(&r.test_acc, 0.95);
    r.extra =
        vec![ExtraPanel { label: "weight norm".into(), log: false, series: vec![Series { name: "weight norm".into(), points: norm, role: Role::Other }] }];
    r
}

/// Kaplan–Meier by hand, with a plain Greenwood band, for pictures in tests.
pub fn survival(name: &str, role: Role, runs: &[RunCurves], get: fn(&RunCurves) -> Option<f64>) -> Survival {
    let mut times: Vec<f64> = runs.iter().filter_map(get).collect();
    times.sort_by(f64::total_cmp);
    let (mut s, mut v) = (1.0, 0.0);
    let mut at_risk = runs.len() as f64;
    let mut out = Survival { name: name.into(), role, n: runs.len(), ..Survival::default() };
    for t in times {
        s *= (at_risk - 1.0) / at_risk;
        v += if at_risk > 1.0 { 1.0 / (at_risk * (at_risk - 1.0)) } else { 0.0 };
        at_risk -= 1.0;
        let half = 1.96 * s * f64::sqrt(v);
        out.curve.push(SurvivalPoint { time: t, survival: s, low: f64::max(s - half, 0.0), high: f64::min(s + half, 1.0) });
        if s <= 0.5 && out.median.is_none() {
            out.median = Some(t);
            out.interval = Some((t * 0.8, t * 1.3));
        }
    }
    out.censored = runs.iter().filter(|r| get(r).is_none()).map(|r| r.steps).collect();
    out.end = runs.iter().map(|r| r.steps).fold(0.0, f64::max);
    out
}
