//! What every picture must be: well-formed, with numbers for coordinates, and words that keep apart.

use resvg::usvg::{
    self,
    roxmltree::{Document, Node},
};
use std::collections::BTreeSet;

pub const SVG: &str = "http://www.w3.org/2000/svg";

pub fn texts(doc: &Document) -> Vec<String> {
    let texts = doc.descendants().filter(|n| n.has_tag_name((SVG, "text")));
    texts.map(|n| n.descendants().filter(Node::is_text).filter_map(|t| t.text().map(str::to_string)).collect()).collect()
}

pub fn words(svg: &str) -> Vec<String> {
    texts(&Document::parse(svg).unwrap())
}

pub fn has(words: &[String], text: &str) -> bool {
    words.iter().any(|w| w == text)
}

pub fn number(node: Node, name: &str) -> f64 {
    node.attribute(name).unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

/// The document is well-formed, its coordinates are numbers, its references have targets, ids are unique, and no upright text leaves the page or lies on another.
pub fn check(svg: &str) {
    let doc = Document::parse(svg).unwrap_or_else(|e| panic!("{e}\n{svg}"));
    let (width, height) = (number(doc.root_element(), "width"), number(doc.root_element(), "height"));
    let mut ids = BTreeSet::new();
    for node in doc.descendants().filter(|n| n.tag_name().namespace() == Some(SVG)) {
        for a in node.attributes() {
            if matches!(a.name(), "d" | "x" | "y" | "x1" | "y1" | "x2" | "y2" | "cx" | "cy" | "r" | "width" | "height" | "font-size" | "transform") {
                assert!(!a.value().contains("NaN") && !a.value().contains("inf"), "{}: {}", a.name(), a.value());
            }
            if a.name() == "id" {
                assert!(ids.insert(a.value().to_string()), "{} twice", a.value());
            }
        }
    }
    for reference in svg.split("url(#").skip(1).map(|s| s.split(')').next().unwrap_or("")) {
        assert!(ids.contains(reference), "{reference} has no target");
    }
    assert!(height > 40.0 && svg.len() < 400_000, "{height} {}", svg.len());
    let boxes = text_boxes(svg);
    assert!(boxes.len() >= 2, "{boxes:?}");
    for (i, (text, a)) in boxes.iter().enumerate() {
        assert!(a.left() >= 0.0 && a.right() <= width as f32 && a.bottom() <= height as f32, "“{text}” leaves the page: {a:?}");
        for (other, b) in &boxes[..i] {
            // Lines of text may touch, words must not.
            let overlaps = a.left() + 0.3 < b.right() && b.left() + 0.3 < a.right() && a.top() + 1.5 < b.bottom() && b.top() + 1.5 < a.bottom();
            assert!(!overlaps, "“{text}” lies on “{other}”: {a:?} {b:?}");
        }
    }
}

/// Upright texts with their true boxes, laid out with the fonts that [`png`] uses.
fn text_boxes(svg: &str) -> Vec<(String, usvg::Rect)> {
    let mut options = usvg::Options { font_family: "Ubuntu".into(), ..usvg::Options::default() };
    let fonts = std::sync::Arc::make_mut(&mut options.fontdb);
    fonts.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
    fonts.load_font_data(epaint_default_fonts::HACK_REGULAR.to_vec());
    let tree = usvg::Tree::from_str(svg, &options).unwrap();
    let mut out = Vec::new();
    let mut groups = vec![tree.root()];
    while let Some(group) = groups.pop() {
        for node in group.children() {
            match node {
                usvg::Node::Group(g) => groups.push(g),
                usvg::Node::Text(t) if t.abs_transform().kx == 0.0 => {
                    out.push((t.chunks().iter().map(|c| c.text()).collect(), t.abs_bounding_box()));
                }
                _ => {}
            }
        }
    }
    out
}
