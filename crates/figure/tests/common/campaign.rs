//! Synthetic campaigns; nothing here is a result.

use super::noise;
use pennydrop_figure::*;

/// Where the pictures of tests come from.
pub fn source(runs: usize) -> Source {
    Source {
        campaign: "wd-by-lr".into(),
        command: "pennydrop plot wd-by-lr phase x=optim.lr y=optim.weight_decay".into(),
        runs: (0..runs.min(60)).map(|i| format!("{:012x}", (noise(i as u64, 7).abs() * 1e14) as u64)).collect(),
        count: runs,
    }
}

fn log_axis(name: &str, n: usize, lo: f64, hi: f64) -> PhaseAxis {
    let at = |i: usize| libm::pow(10.0, lo + (hi - lo) * i as f64 / (n.max(2) - 1) as f64);
    PhaseAxis { name: name.into(), values: AxisValues::Numbers((0..n).map(at).collect()), log: true }
}

/// A grid of `nx` by `ny` cells of `n` runs with the four states where one expects them, some cells missing and some runs diverged.
pub fn phase(nx: usize, ny: usize, n: usize, budget: f64) -> Phase {
    let mut cells = Vec::new();
    for iy in 0..ny {
        for ix in 0..nx {
            if nx > 3 && ny > 3 && (ix == nx - 1 && iy == 0 || ix == 1 && iy == ny - 1) {
                continue;
            }
            let (u, v) = (ix as f64 / (nx.max(2) - 1) as f64, iy as f64 / (ny.max(2) - 1) as f64);
            let mut cell = PhaseCell { ix, iy, n, share_grokked_interval: (f64::NAN, f64::NAN), ..PhaseCell::default() };
            let mut times = Vec::new();
            for k in 0..n {
                let e = |c: u64| 0.12 * noise((ix * 1000 + iy) as u64, k as u64 * 5 + c);
                let grok = libm::pow(10.0, 4.6 - 1.1 * u - 1.6 * v + 2.0 * e(1));
                if u + v > 1.72 + e(2) {
                    cell.diverged += 1;
                } else if v > 0.86 + e(3) || u < 0.1 + e(3) {
                    cell.states[0] += 1;
                } else if grok > budget {
                    cell.states[1] += 1;
                } else {
                    cell.states[if grok > 1400.0 { 2 } else { 3 }] += 1;
                    times.push(grok);
                }
            }
            times.sort_by(f64::total_cmp);
            let at = |q: f64| times.get((n as f64 * q) as usize).copied();
            (cell.median, cell.low, cell.high) = (at(0.5), at(0.3).or(Some(budget * 0.8)), at(0.7));
            let share = cell.states[2] as f64 / n.max(1) as f64;
            let half = 1.0 / f64::sqrt(n.max(1) as f64);
            cell.share_grokked_interval = ((share - half * 0.8).max(0.0), (share + half * 0.8).min(1.0));
            cells.push(cell);
        }
    }
    Phase { x: log_axis("learning rate η", nx, -3.5, -1.5), y: log_axis("weight decay λ", ny, -2.0, 1.0), cells, budget, ..Phase::default() }
}

/// Kaplan–Meier by hand, with a plain Greenwood band: a group of `n` runs whose times are around `median`, censored at `budget` and some before.
pub fn group(name: &str, seed: u64, n: usize, median: f64, spread: f64, budget: f64) -> SurvivalGroup {
    let mut runs: Vec<(f64, bool)> = (0..n)
        .map(|i| {
            let t = (median * libm::exp(spread * (noise(seed, i as u64) + noise(seed + 50, i as u64)))).round();
            let end = if i % 11 == 10 { budget * 0.3 } else { budget };
            if t <= end { (t, true) } else { (end, false) }
        })
        .collect();
    runs.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    let mut out = SurvivalGroup { name: name.into(), n, ..SurvivalGroup::default() };
    let (mut s, mut v) = (1.0, 0.0);
    for (i, (t, seen)) in runs.iter().enumerate() {
        let risk = (n - i) as f64;
        if !seen {
            out.censored.push(*t);
            continue;
        }
        out.events += 1;
        s *= (risk - 1.0) / risk;
        v += if risk > 1.0 { 1.0 / (risk * (risk - 1.0)) } else { 0.0 };
        let half = 1.96 * s * f64::sqrt(v);
        out.curve.push(SurvivalPoint { time: *t, survival: s, low: f64::max(s - half, 0.0), high: f64::min(s + half, 1.0) });
        if s <= 0.5 && out.median.is_none() {
            out.median = Some(*t);
            out.interval = Some(((t * 0.85).round(), (t * 1.2).round()));
        }
    }
    out
}

/// Times that fall as a power of x from about 40,000 at 0.001 to 130 at 1, watched up to `budget`, with three laws and two nulls.
pub fn law(points: usize, budget: f64, log_x: bool) -> LawPicture {
    let truth = |x: f64| 130.0 * libm::pow(x, -0.83);
    let mut out = LawPicture { x: "effective step ηλ".into(), y: "median t_grok, steps".into(), ..LawPicture::default() };
    for i in 0..points {
        let u = i as f64 / (points.max(2) - 1) as f64;
        let x = if log_x { libm::pow(10.0, -3.0 + 3.0 * u) } else { 0.001 + 0.999 * u };
        let centre = truth(x) * libm::exp(0.15 * noise(5, i as u64));
        let times: Vec<f64> = (0..20).map(|k| centre * libm::exp(0.5 * noise(i as u64, k))).collect();
        out.events.extend(times.iter().filter(|t| **t <= budget).map(|t| (x, *t)));
        let censored = times.iter().filter(|t| **t > budget).count();
        let reached = |t: f64| (t <= budget).then_some(t);
        out.points.push(LawPoint {
            x,
            median: reached(centre),
            low: Some((centre * 0.8).min(budget * 0.9)),
            high: reached(centre * 1.3),
            n: 20,
            censored,
            end: budget,
        });
    }
    let line = |f: &dyn Fn(f64) -> f64| {
        let at = |i: u32| if log_x { libm::pow(10.0, -3.2 + 3.4 * f64::from(i) / 100.0) } else { f64::from(i + 1) / 100.0 };
        (0..=100).map(|i| (at(i), f(at(i)))).collect::<Vec<_>>()
    };
    let fit = |name: &str, formula: &str, f: &dyn Fn(f64) -> f64, note: &str, null: bool| LawFit {
        name: name.into(),
        formula: formula.into(),
        curve: line(f),
        note: note.into(),
        null,
        residuals: !null,
    };
    out.fits = vec![
        fit("power", "130 (ηλ)^−0.83", &truth, "0.09 [0.06–0.14]", false),
        fit("exponential", "9,000 exp(−5.1 ηλ)", &|x| 9000.0 * libm::exp(-5.1 * x), "0.81 [0.60–1.12]", false),
        fit("logarithmic", "140 − 2,400 ln ηλ", &|x| 140.0 - 2400.0 * libm::log(x.min(1.0)), "0.55 [0.41–0.77]", false),
        fit("constant", "2,100", &|_| 2100.0, "1.40 [1.10–1.80]", true),
        fit("c / ηλ", "70 / ηλ", &|x| 70.0 / x, "0.22 [0.15–0.31]", true),
    ];
    out
}
