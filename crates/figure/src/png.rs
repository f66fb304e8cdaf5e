//! SVG to PNG, with fonts that every machine has because they are in the program.
//!
//! The fonts come from the crate `epaint_default_fonts`, whose licence is "(MIT OR Apache-2.0) AND OFL-1.1 AND Ubuntu-font-1.0". Two are used, unmodified:
//! *Ubuntu Light*, under the Ubuntu Font Licence 1.0 (bundling and embedding allowed; documents made with the font are free), and *Hack*, under the MIT licence
//! with parts under the Bitstream Vera licence (bundling allowed). A package of this program ships both licence texts. Fonts of the system are not looked for, so that one SVG gives the same
//! bytes everywhere.

use resvg::{tiny_skia, usvg};
use std::sync::Arc;

/// Pixels of an image at most: 100 million, 400 MB while drawing.
const MOST_PIXELS: f64 = 1e8;

/// Why there is no PNG.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// The text is not SVG.
    #[error("not an SVG that can be drawn: {0}")]
    Parse(String),
    /// The scale is not a positive number, or the image would have none or too many pixels.
    #[error("an image of {width} × {height} pixels at scale {scale} cannot be made: choose a scale that gives 1 to 100 million pixels")]
    Size {
        /// Width in pixels that was asked for.
        width: f64,
        /// Height in pixels that was asked for.
        height: f64,
        /// Scale that was asked for.
        scale: f32,
    },
    /// The image could not be written as PNG.
    #[error("the image could not be written as PNG: {0}")]
    Encode(String),
}

/// Draws an SVG on white, `scale` pixels to a CSS pixel (1 is 96 dpi, 3 is close to 300 dpi), and returns the PNG file's bytes.
pub fn png(svg: &str, scale: f32) -> Result<Vec<u8>, PngError> {
    let tree = parse(svg)?;
    let (width, height) = (f64::from(tree.size().width() * scale).round(), f64::from(tree.size().height() * scale).round());
    let wrong = || PngError::Size { width, height, scale };
    if !(scale > 0.0 && width >= 1.0 && height >= 1.0 && width * height <= MOST_PIXELS) {
        return Err(wrong());
    }
    let mut image = tiny_skia::Pixmap::new(width as u32, height as u32).ok_or_else(wrong)?;
    image.fill(tiny_skia::Color::WHITE);
    resvg::render(&tree, tiny_skia::Transform::from_scale(scale, scale), &mut image.as_mut());
    image.encode_png().map_err(|e| PngError::Encode(e.to_string()))
}

/// The SVG as a tree, texts laid out with the embedded fonts.
pub(crate) fn parse(svg: &str) -> Result<usvg::Tree, PngError> {
    let mut options = usvg::Options { font_family: "Ubuntu".into(), ..usvg::Options::default() };
    let fonts = Arc::make_mut(&mut options.fontdb);
    fonts.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
    fonts.load_font_data(epaint_default_fonts::HACK_REGULAR.to_vec());
    fonts.set_sans_serif_family("Ubuntu");
    fonts.set_monospace_family("Hack");
    usvg::Tree::from_str(svg, &options).map_err(|e| PngError::Parse(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_font_has_every_character_that_figures_use() {
        // A text with a character that Ubuntu lacks is set in Hack as a whole, which is far wider.
        let width = |text: &str| {
            let svg = format!(
                r#"<svg xmlns="http://www.w3.org/2000/svg" width="900" height="50"><text x="0" y="20" font-size="20" font-family="Ubuntu">{text}</text></svg>"#
            );
            parse(&svg).unwrap().root().abs_bounding_box().width()
        };
        for c in "0123456789−×–…·∞+=%[](),.".chars() {
            assert!(width(&format!("{c}llllllllll")) < 10.0 * 6.0 + 20.0, "{c}");
        }
        assert!(width("→llllllllll") > 100.0, "the check itself: Ubuntu Light has no arrow");
    }
}
