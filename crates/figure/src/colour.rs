//! Colours of amounts and of groups.

use crate::panel::Style;

/// Eleven colours of viridis (van der Walt and Smith, matplotlib 1.5, 2015), at 0, 0.1, … 1.
const VIRIDIS: [(u8, u8, u8); 11] = [
    (0x44, 0x01, 0x54),
    (0x48, 0x24, 0x75),
    (0x41, 0x44, 0x87),
    (0x35, 0x5f, 0x8d),
    (0x2a, 0x78, 0x8e),
    (0x21, 0x91, 0x8c),
    (0x22, 0xa8, 0x84),
    (0x44, 0xbf, 0x70),
    (0x7a, 0xd1, 0x51),
    (0xbd, 0xdf, 0x26),
    (0xfd, 0xe7, 0x25),
];

/// Viridis at a share in 0..=1 (clamped; what is not a number counts as 0), between its eleven colours linear in sRGB.
pub(crate) fn viridis(share: f64) -> (u8, u8, u8) {
    let at = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) } * 10.0;
    let (k, w) = ((at.floor() as usize).min(9), at - at.floor().min(9.0));
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * w).round() as u8;
    let (a, b) = (VIRIDIS[k], VIRIDIS[k + 1]);
    (mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

/// A colour as an attribute wants it.
pub(crate) fn hex((r, g, b): (u8, u8, u8)) -> String {
    format!("#{r:02X}{g:02X}{b:02X}")
}

/// Relative luminance (WCAG 2.1), 0 for black and 1 for white.
pub(crate) fn luminance((r, g, b): (u8, u8, u8)) -> f64 {
    let linear = |c: u8| {
        let c = f64::from(c) / 255.0;
        if c <= 0.040_45 { c / 12.92 } else { libm::pow((c + 0.055) / 1.055, 2.4) }
    };
    0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

/// Black or white, whichever has the greater contrast on this colour (WCAG 2.1: at 0.179 they are equal).
pub(crate) fn ink_on(colour: (u8, u8, u8)) -> &'static str {
    if luminance(colour) > 0.179 { "#000000" } else { "#FFFFFF" }
}

/// Colour and dashes of up to eight groups: Okabe and Ito's palette, its yellow (too pale for a line on white) replaced by a grey.
pub(crate) const GROUPS: [Style; 8] = [
    Style { colour: "#0072B2", dash: "" },
    Style { colour: "#D55E00", dash: "6 2.5" },
    Style { colour: "#009E73", dash: "2 1.8" },
    Style { colour: "#CC79A7", dash: "8 2 2 2" },
    Style { colour: "#000000", dash: "4 1.5 1 1.5 1 1.5" },
    Style { colour: "#E69F00", dash: "12 2.5" },
    Style { colour: "#56B4E9", dash: "3.5 1.5" },
    Style { colour: "#7A7A7A", dash: "1 2.2" },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viridis_runs_from_violet_to_yellow_and_only_gets_lighter() {
        assert_eq!([0.0, 0.5, 1.0, -3.0, f64::NAN].map(viridis).map(hex), ["#440154", "#21918C", "#FDE725", "#440154", "#440154"]);
        let light: Vec<f64> = (0..=100).map(|i| luminance(viridis(f64::from(i) / 100.0))).collect();
        assert!(light.windows(2).all(|w| w[0] < w[1]), "{light:?}");
    }

    #[test]
    fn words_on_viridis_have_contrast() {
        for i in 0..=100 {
            let c = viridis(f64::from(i) / 100.0);
            let contrast = if ink_on(c) == "#000000" { (luminance(c) + 0.05) / 0.05 } else { 1.05 / (luminance(c) + 0.05) };
            assert!(contrast >= 4.5, "{i}: {contrast}");
        }
    }
}
