//! The colour bar of an amount, with its ticks.

use crate::colour::{hex, viridis};
use crate::format::{Label, compact, short};
use crate::panel::{INK, TICK, rich};
use crate::phase::boxed;
use crate::scale::YAxis;
use crate::svg::{Anchor, Svg, width};

/// Height of the bar with its ticks.
pub(crate) const HIGH: f64 = 26.0;

/// Draws a bar of viridis from `place.0` on, `place.1` long, with the ticks of `axis` under it.
pub(crate) fn draw(svg: &mut Svg, axis: YAxis, (left, length): (f64, f64), y: f64) {
    for i in 0..60 {
        let mut data = String::new();
        // Each piece reaches under the next, so that no seam shows.
        boxed(&mut data, left + length * f64::from(i) / 60.0, y, (length / 60.0 + 0.5).min(length * (1.0 - f64::from(i) / 60.0)), 9.0);
        svg.path(&data, &format!(r#"fill="{}""#, hex(viridis((f64::from(i) + 0.5) / 60.0))));
    }
    svg.rect(left, y, length, 9.0, r##"fill="none" stroke="#555555" stroke-width="0.6""##);
    let (mut major, minor) = axis.ticks(length, 34.0);
    if major.len() < 2 {
        // One number says nothing of the scale: both ends then.
        major = match axis {
            YAxis::Log(lo, hi) => [(0.0, lo), (1.0, hi)].map(|(at, l)| (at, Label::Plain(compact(libm::pow(10.0, l))))).to_vec(),
            YAxis::Linear(lo, hi) => [(0.0, lo), (1.0, hi)].map(|(at, v)| (at, Label::Plain(short(v)))).to_vec(),
        };
    }
    let at = |share: f64| left + share * length;
    for share in minor {
        svg.line(at(share), y + 9.0, at(share), y + 11.0, r##"stroke="#555555" stroke-width="0.6""##);
    }
    for (share, label) in major {
        svg.line(at(share), y + 9.0, at(share), y + 13.0, r##"stroke="#555555" stroke-width="0.8""##);
        let half = match &label {
            Label::Plain(s) => width(s, TICK) / 2.0,
            Label::Power(_) => 9.0,
        };
        let x = at(share).clamp(left + half.min(length / 2.0), left + length - half.min(length / 2.0));
        svg.text(x, y + 22.0, TICK, Anchor::Middle, &format!(r#"fill="{INK}""#), &rich(&label));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_has_two_numbers_at_least() {
        for axis in [YAxis::Log(2.0, 2.1), YAxis::Linear(0.0, 1.0), YAxis::Linear(3.0, 3.0 + 1e-15), YAxis::Log(-300.0, 300.0)] {
            let mut svg = Svg::default();
            draw(&mut svg, axis, (10.0, 120.0), 0.0);
            assert!(svg.out.matches("<text").count() >= 2, "{axis:?}");
            assert!(!svg.out.contains("NaN"), "{axis:?}");
        }
    }
}
