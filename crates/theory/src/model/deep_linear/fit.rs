//! How a clock grows as its tolerance shrinks: logarithm or power.

/// Both forms fitted to the same clock, by least squares of ln T.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fits {
    /// T = a + b·ln(1/ε).
    pub log: (f64, f64),
    /// T = c·ε^−p: (c, p).
    pub power: (f64, f64),
    /// AIC of the power form minus that of the logarithm: above 0 the logarithm is better. Both have two coefficients and a variance.
    pub delta_aic: f64,
}

/// Fits both forms to pairs (ε, T), T > 0; `None` for fewer than four.
pub fn fits(points: &[(f64, f64)]) -> Option<Fits> {
    let points: Vec<(f64, f64)> = points.iter().filter(|(e, t)| *e > 0.0 && *t > 0.0 && t.is_finite()).map(|(e, t)| (-libm::log(*e), *t)).collect();
    if points.len() < 4 {
        return None;
    }
    let n = points.len() as f64;
    let mean = |f: &dyn Fn(f64, f64) -> f64| points.iter().map(|(x, t)| f(*x, *t)).sum::<f64>() / n;
    // The power is a line in logarithms.
    let (x1, y1) = (mean(&|x, _| x), mean(&|_, t| libm::log(t)));
    let p = mean(&|x, t| (x - x1) * (libm::log(t) - y1)) / mean(&|x, _| (x - x1) * (x - x1));
    let lc = y1 - p * x1;
    let squares = |f: &dyn Fn(f64) -> f64| {
        points
            .iter()
            .map(|(x, t)| {
                let fitted = f(*x);
                let r = if fitted > 0.0 { libm::log(t / fitted) } else { f64::INFINITY };
                r * r
            })
            .sum::<f64>()
    };
    // T = b(x + c): for every c > −x the best b is known, and c is found on a grid of ln(c + x), then by halving around its best.
    let least = points.iter().map(|p| p.0).fold(f64::INFINITY, f64::min);
    let slope = |c: f64| libm::exp(mean(&|x, t| libm::log(t / (x + c))));
    let miss = |u: f64| {
        let c = libm::exp(u) - least;
        let b = slope(c);
        squares(&|x| b * (x + c))
    };
    let (mut u, mut reach) = (0.0, 30.0);
    while reach > 1e-13 {
        let tried = (-20..=20).map(|k| u + reach * f64::from(k) / 20.0).min_by(|x, y| miss(*x).total_cmp(&miss(*y)));
        u = tried.unwrap_or(u);
        reach *= 0.25;
    }
    let c = libm::exp(u) - least;
    let (a, b) = (slope(c) * c, slope(c));
    // A perfect fit would have AIC −∞: residuals below rounding count as rounding.
    let (log, power) = (squares(&|x| a + b * x).max(1e-24), squares(&|x| libm::exp(lc + p * x)).max(1e-24));
    Some(Fits { log: (a, b), power: (libm::exp(lc), p), delta_aic: n * libm::log(power / log) })
}

/// First time at which `values` are at most `level`, between records on a logarithmic scale of the value; `None` if never.
pub fn first_below(times: &[f64], values: &[f64], level: f64) -> Option<f64> {
    let k = values.iter().position(|v| *v <= level)?;
    if k == 0 {
        return Some(times[0]);
    }
    let (high, low) = (values[k - 1], values[k]);
    let share = if low > 0.0 && high > low { libm::log(high / level) / libm::log(high / low) } else { 1.0 };
    Some(times[k - 1] + share.min(1.0) * (times[k] - times[k - 1]))
}

/// First time from which on `values` stay within `level` of 0.
pub fn settled(times: &[f64], values: &[f64], level: f64) -> Option<f64> {
    match values.iter().rposition(|v| v.is_nan() || v.abs() > level) {
        None => times.first().copied(),
        Some(k) => times.get(k + 1).copied(),
    }
}

/// Slope of ln y over t by least squares, over the records in which y lies in `low..high`; `None` for fewer than three.
pub fn decay_rate(times: &[f64], values: &[f64], low: f64, high: f64) -> Option<f64> {
    let points: Vec<(f64, f64)> = times.iter().zip(values).filter(|(_, v)| **v > low && **v < high).map(|(t, v)| (*t, libm::log(*v))).collect();
    let n = points.len() as f64;
    if n < 3.0 {
        return None;
    }
    let (t, y) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let (tt, ty) = points.iter().fold((0.0, 0.0), |(a, b), p| (a + (p.0 - t) * (p.0 - t), b + (p.0 - t) * (p.1 - y)));
    Some(-ty / tt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_a_logarithm_from_a_power() {
        let grid: Vec<f64> = (1..=20).map(|i| libm::pow(10.0, -0.3 * f64::from(i))).collect();
        let log = fits(&grid.iter().map(|e| (*e, 3.0 - 2.0 * libm::log(*e))).collect::<Vec<_>>()).unwrap();
        assert!((log.log.0 - 3.0).abs() < 1e-5 && (log.log.1 - 2.0).abs() < 1e-5 && log.delta_aic > 50.0);
        let power = fits(&grid.iter().map(|e| (*e, 3.0 * libm::pow(*e, -0.5))).collect::<Vec<_>>()).unwrap();
        assert!((power.power.1 - 0.5).abs() < 1e-9 && power.delta_aic < -50.0);
        assert_eq!(fits(&[(0.1, 1.0), (0.01, 2.0), (0.001, 3.0)]), None);
    }

    #[test]
    fn times_of_crossings() {
        let (times, values) = ([0.0, 1.0, 2.0, 3.0], [1.0, 0.1, 0.2, 0.01]);
        assert_eq!((first_below(&times, &values, 0.1), first_below(&times, &values, 1e-9)), (Some(1.0), None));
        assert!((first_below(&times, &values, libm::sqrt(0.1)).unwrap() - 0.5).abs() < 1e-12);
        assert_eq!((settled(&times, &values, 0.1), settled(&times, &values, 1e-3)), (Some(3.0), None));
        let falling: Vec<f64> = times.iter().map(|t| libm::exp(-0.7 * t)).collect();
        assert!((decay_rate(&times, &falling, 0.0, 2.0).unwrap() - 0.7).abs() < 1e-12);
    }
}
