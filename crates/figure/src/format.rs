//! Numbers as a reader wants them, and the words on an axis.

/// What stands at a tick.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Label {
    /// A number written out.
    Plain(String),
    /// Ten to this power.
    Power(i32),
}

impl Label {
    /// 10^e, written out where that is the shorter and plainer form.
    pub fn decade(e: i32) -> Label {
        match e {
            -2..=2 => Label::Plain(short(10f64.powi(e))),
            _ => Label::Power(e),
        }
    }
}

/// A step or another count: thousands separated by commas, fractions only below 100, powers of ten above 10^12.
pub(crate) fn count(v: f64) -> String {
    if !v.is_finite() {
        return if v.is_nan() { "NaN".into() } else { if v > 0.0 { "∞" } else { "−∞" }.into() };
    }
    if v.abs() < 100.0 && v.fract() != 0.0 || v.abs() >= 1e12 {
        return short(v);
    }
    let digits = format!("{:.0}", v.abs());
    let mut out = String::new();
    if v < 0.0 {
        out.push('−');
    }
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Three significant digits, trailing zeros dropped, a true minus sign, an exponent outside 10^-3..10^6.
pub(crate) fn short(v: f64) -> String {
    if v == 0.0 {
        return "0".into();
    }
    if !v.is_finite() {
        return count(v);
    }
    let e = libm::log10(v.abs()).floor() as i32;
    let text = if (-3..6).contains(&e) { trim(format!("{:.*}", (2 - e).max(0) as usize, v)) } else { exponent(&format!("{v:.2e}")) };
    text.replace('-', "−")
}

/// A ratio such as 30 or 1.5, for "×30".
pub(crate) fn ratio(v: f64) -> String {
    if v >= 10.0 { count(v.round()) } else { trim(format!("{v:.1}")) }
}

/// A count in five characters or so, for a cell of a grid: 850, 6.1k, 12k, 1.25M.
pub(crate) fn compact(v: f64) -> String {
    // From 999.5 on, three digits read 1000.
    let units = [(999.5e9, 1e12, "T"), (999.5e6, 1e9, "G"), (999.5e3, 1e6, "M"), (999.5, 1e3, "k")];
    match units.iter().find(|u| v.abs() >= u.0) {
        Some((_, unit, letter)) if v.abs() < 999.5e12 => format!("{}{letter}", short(v / unit)),
        _ => short(v),
    }
}

/// A value cut to two significant digits, for intervals in small cells.
pub(crate) fn two_digits(v: f64) -> f64 {
    if v == 0.0 || !v.is_finite() {
        return v;
    }
    let e = libm::log10(v.abs()).floor() as i32 - 1;
    let unit = 10f64.powi(e.abs());
    // Dividing by a whole power of ten rounds once; multiplying by its inverse would twice.
    if e >= 0 { (v / unit).round() * unit } else { (v * unit).round() / unit }
}

fn exponent(s: &str) -> String {
    match s.split_once('e') {
        Some((m, e)) => format!("{}e{e}", trim(m.to_string())),
        None => s.to_string(),
    }
}

fn trim(s: String) -> String {
    if s.contains('.') { s.trim_end_matches('0').trim_end_matches('.').to_string() } else { s }
}

/// A step in as few columns as a terminal's axis wants: 1, 10, 100, 1k, 10k, 1M, 1e9.
pub(crate) fn step_decade(e: i32) -> String {
    match e {
        0..=2 => format!("{:.0}", 10f64.powi(e)),
        3..=5 => format!("{:.0}k", 10f64.powi(e - 3)),
        6..=8 => format!("{:.0}M", 10f64.powi(e - 6)),
        _ => format!("1e{e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(["0", "200", "6,000", "12,345,678", "1.5", "−3"], [0.0, 200.0, 6000.0, 12_345_678.0, 1.5, -3.0].map(count).each_ref().map(String::as_str));
        assert_eq!(
            ["0.0103", "0.5", "1.2e−5", "∞", "250", "1e7"],
            [1.0 / 97.0, 0.5, 1.2e-5, f64::INFINITY, 250.0, 1e7].map(short).each_ref().map(String::as_str)
        );
        assert_eq!(["30", "1.5", "1,000"], [30.0, 1.5, 1000.0].map(ratio).each_ref().map(String::as_str));
        assert_eq!(
            ["0", "7.5", "850", "999", "1k", "6.12k", "12k", "1M", "1.25M", "2.5G", "∞", "1e20"],
            [0.0, 7.5, 850.0, 999.0, 999.9, 6123.0, 12_000.0, 999_999.0, 1_250_000.0, 2.5e9, f64::INFINITY, 1e20].map(compact).each_ref().map(String::as_str)
        );
        assert_eq!([6123.0, 0.0123, 12_345.0, -95.0, 99.9].map(two_digits), [6100.0, 0.012, 12_000.0, -95.0, 100.0]);
        assert_eq!(["1", "10k", "1M", "1e9"], [0, 4, 6, 9].map(step_decade).each_ref().map(String::as_str));
    }
}
