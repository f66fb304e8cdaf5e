//! What the pictures must hold, whatever the data.

mod common;

use common::{run, survival};
use pennydrop_figure::{Options, Points, Role, RunCurves, Series, Survival, SurvivalPoint, curves_svg, png, step_x, text::Chart};
use proptest::prelude::*;
use resvg::usvg::roxmltree::{Document, Node};

fn options() -> Options {
    Options { title: "Modular addition".into(), command: "pennydrop run x".into(), chance: Some(0.1), ..Options::default() }
}

fn number(node: Node, name: &str) -> f64 {
    node.attribute(name).unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

/// Vertical lines of the document that are longer than a leader: x and colour of each.
fn verticals(doc: &Document) -> Vec<(f64, String)> {
    let lines = doc.descendants().filter(|n| n.has_tag_name(("http://www.w3.org/2000/svg", "line")));
    let long = |n: &Node| n.attribute("x1") == n.attribute("x2") && number(*n, "y2") - number(*n, "y1") > 20.0;
    lines.filter(long).map(|n| (number(n, "x1"), n.attribute("stroke").unwrap_or("").to_string())).collect()
}

fn texts(doc: &Document) -> Vec<String> {
    let texts = doc.descendants().filter(|n| n.has_tag_name(("http://www.w3.org/2000/svg", "text")));
    texts.map(|n| n.descendants().filter(Node::is_text).filter_map(|t| t.text().map(str::to_string)).collect()).collect()
}

#[test]
fn the_times_are_marked_where_they_belong() {
    let r = run(3, 200.0, 6000.0, 12_000.0, 32.0);
    let (mem, grok) = (r.t_mem.unwrap(), r.t_grok.unwrap());
    let svg = curves_svg(std::slice::from_ref(&r), &[], &options());
    let doc = Document::parse(&svg).unwrap();
    // 640 wide: the logarithmic part is 48 + 30 … 640 − 18, from step 1 to step 12,000.
    let expected = |s: f64| 78.0 + libm::log10(s) / libm::log10(12_000.0) * (622.0 - 78.0);
    for (step, colour) in [(mem, "#0072B2"), (grok, "#D55E00")] {
        let found = verticals(&doc).iter().filter(|(x, c)| (x - expected(step)).abs() < 0.01 && c == colour).count();
        assert_eq!(found, 3, "one line for step {step} in each of three panels");
        assert!((step_x(std::slice::from_ref(&r), &[], &options(), step).unwrap() - expected(step)).abs() < 1e-9);
    }
    let words = texts(&doc);
    for text in ["tmem = 205", "tgrok = 6,043", "memorising", "plateau", "train", "test", "chance (0.1)", "0", "103", "accuracy", "loss"] {
        assert!(words.iter().any(|w| w == text), "{text} in {words:?}");
    }
}

#[test]
fn a_figure_says_where_it_comes_from() {
    let r = RunCurves { run_id: "id<&>1".into(), seed: 7, train_acc: vec![(1.0, 0.5)], steps: 10.0, t_mem: Some(4.0), ..RunCurves::default() };
    let svg = curves_svg(&[r], &[], &Options { command: "pennydrop run 'a' && b".into(), ..options() });
    let doc = Document::parse(&svg).unwrap();
    let run = doc.descendants().find(|n| n.has_tag_name(("urn:pennydrop:figure:1", "run"))).unwrap();
    assert_eq!((run.attribute("id"), run.attribute("seed"), run.attribute("t_mem"), run.attribute("t_grok")), (Some("id<&>1"), Some("7"), Some("4"), None));
    let command = doc.descendants().find(|n| n.has_tag_name(("urn:pennydrop:figure:1", "command"))).unwrap();
    assert_eq!(command.text(), Some("pennydrop run 'a' && b"));
    assert_eq!(doc.descendants().find(|n| n.attribute("id").is_some_and(|i| i.ends_with("-title"))).unwrap().text(), Some("Modular addition"));
    assert!(texts(&doc).iter().any(|t| t == "pennydrop run 'a' && b") && texts(&doc).iter().any(|t| t == "id<&>1"));
}

#[test]
fn a_run_that_never_generalises_is_called_censored() {
    let svg = curves_svg(&[run(3, 200.0, 1e6, 12_000.0, 32.0)], &[], &options());
    let words = texts(&Document::parse(&svg).unwrap());
    assert!(words.iter().any(|w| w == "tgrok > 12,000") && words.iter().any(|w| w.contains("right-censored")), "{words:?}");
    assert!(!words.iter().any(|w| w == "generalising" || w == "gen."));
}

#[test]
fn a_run_that_generalises_first_has_no_plateau() {
    let r = RunCurves { test_acc: vec![(1.0, 0.0), (1000.0, 1.0)], t_mem: Some(50.0), t_grok: Some(40.0), steps: 1000.0, ..RunCurves::default() };
    let words = texts(&Document::parse(&curves_svg(&[r], &[], &options())).unwrap());
    assert!(words.iter().any(|w| w == "learning") && words.iter().any(|w| w == "generalising") && !words.iter().any(|w| w == "plateau"), "{words:?}");
}

#[test]
fn seeds_have_a_median_a_band_and_a_survival_panel() {
    let runs: Vec<RunCurves> = (0..5).map(|s| run(s, 200.0, if s == 0 { 1e6 } else { 4000.0 + 500.0 * s as f64 }, 12_000.0, 16.0)).collect();
    let curves = [survival("t_mem", Role::Train, &runs, |r| r.t_mem), survival("t_grok", Role::Test, &runs, |r| r.t_grok)];
    let svg = curves_svg(&runs, &curves, &options());
    let doc = Document::parse(&svg).unwrap();
    let words = texts(&doc);
    assert!(words.iter().any(|w| w == "tgrok: 4 of 5, 1 censored (+)"), "{words:?}");
    assert!(words.iter().any(|w| w.starts_with("median tgrok = ")), "{words:?}");
    let median = step_x(&runs, &curves, &options(), curves[1].median.unwrap()).unwrap();
    assert!(verticals(&doc).iter().any(|(x, c)| (x - median).abs() < 0.01 && c == "#D55E00"));
    // train and test in two panels, the norm, and two survival curves
    assert_eq!(svg.matches(r#"fill-opacity="0.18""#).count(), 7);
}

#[test]
fn close_labels_do_not_overlap() {
    for (mem, grok) in [(2.0, 2.0), (1.0, 3.0), (0.0, 0.0), (900.0, 1000.0), (1000.0, 1000.0), (30.0, 31.0)] {
        let r =
            RunCurves { train_acc: vec![(0.0, 0.0), (1.0, 0.0), (1000.0, 1.0)], t_mem: Some(mem), t_grok: Some(grok), steps: 1000.0, ..RunCurves::default() };
        let svg = curves_svg(&[r], &[], &Options { width: 320.0, ..options() });
        let tree = resvg::usvg::Tree::from_str(&svg, &resvg::usvg::Options::default()).unwrap();
        assert_eq!(tree.size().width(), 320.0);
        let doc = Document::parse(&svg).unwrap();
        let marks: Vec<(f64, f64)> = doc
            .descendants()
            .filter(|n| n.attribute("text-anchor") == Some("middle") && matches!(n.attribute("fill"), Some("#0072B2" | "#D55E00")))
            .map(|n| (number(n, "x"), 6.0 * n.descendants().filter_map(|t| t.text().filter(|_| t.is_text())).map(|t| t.chars().count()).sum::<usize>() as f64))
            .collect();
        assert_eq!(marks.len(), 2);
        let (a, b) = (marks[0], marks[1]);
        assert!((a.0 - b.0).abs() >= (a.1 + b.1) / 2.0 - 8.0, "{mem} {grok}: {marks:?}");
        assert!(marks.iter().all(|m| m.0 - m.1 / 2.0 > 20.0 && m.0 + m.1 / 2.0 < 320.0), "{mem} {grok}: {marks:?}");
    }
}

#[test]
fn ten_thousand_points_make_a_small_file() {
    let mut r = run(6, 3000.0, 9000.0, 10_000.0, 40_000.0);
    assert!(r.train_acc.len() > 9_000);
    r.extra.clear();
    let svg = curves_svg(&[r], &[], &options());
    assert!(svg.len() < 120_000, "{}", svg.len());
}

#[test]
fn png_has_the_size_that_was_asked_for_and_is_not_blank() {
    let svg = curves_svg(&[run(3, 200.0, 6000.0, 12_000.0, 8.0)], &[], &options());
    let bytes = png(&svg, 1.5).unwrap();
    let image = resvg::tiny_skia::Pixmap::decode_png(&bytes).unwrap();
    let height = number(Document::parse(&svg).unwrap().root_element(), "height");
    assert_eq!((image.width(), f64::from(image.height())), (960, (height * 1.5).round()));
    let count = |r: u8, g: u8, b: u8| image.pixels().iter().filter(|p| (p.red(), p.green(), p.blue()) == (r, g, b)).count();
    assert!(count(0xD5, 0x5E, 0x00) > 300 && count(0xFF, 0xFF, 0xFF) > 10_000);
    // The words are there: without a font, no pixel of the title's row would be dark.
    assert!((0..960u32 * 45).any(|i| image.pixels()[i as usize].red() < 0x60));
    assert!(png(&svg, 0.0).is_err() && png(&svg, f32::NAN).is_err() && png(&svg, 1e6).is_err() && png("<svg", 1.0).is_err());
}

#[test]
fn small_svg() {
    let r = RunCurves {
        run_id: "3f9a".into(),
        seed: 1,
        train_acc: vec![(0.0, 0.0), (1.0, 0.1), (10.0, 1.0), (100.0, 1.0)],
        test_acc: vec![(0.0, 0.0), (1.0, 0.1), (10.0, f64::NAN), (50.0, 0.5), (100.0, 1.0)],
        t_mem: Some(10.0),
        t_grok: Some(100.0),
        steps: 200.0,
        ..RunCurves::default()
    };
    insta::assert_snapshot!(curves_svg(&[r], &[], &Options { width: 360.0, panel_height: 80.0, ..options() }));
}

#[test]
fn terminal_charts() {
    let r = run(3, 200.0, 6000.0, 12_000.0, 32.0);
    let chart = |width, height, ascii, colour| Chart { width, height, ascii, colour, title: "modular addition".into(), chance: Some(0.1) }.lines(&r).join("\n");
    insta::assert_snapshot!("braille_60x16", chart(60, 16, false, false));
    insta::assert_snapshot!("ascii_60x16", chart(60, 16, true, false));
    insta::assert_snapshot!("colour_40x9", chart(40, 9, false, true).replace('\x1b', "␛"));
}

#[test]
fn ascii_is_ascii_and_numbers_are_whole() {
    let mut r = run(3, 200.0, 6000.0, 12_000.0, 32.0);
    r.test_loss.push((12_000.0, f64::INFINITY));
    for width in 0..90 {
        let lines = Chart { width, height: 24, ascii: true, colour: false, title: "δ".into(), chance: None }.lines(&r);
        assert!(lines.iter().all(|l| l.is_ascii() && l.len() <= width));
        assert!(!lines.iter().any(|l| l.contains("t_grok") && !l.contains("t_grok 6,043")));
    }
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![4 => 0.0..1.0f64, 2 => -1e6..1e6f64, 1 => proptest::num::f64::ANY, 1 => Just(f64::NAN), 1 => Just(f64::INFINITY), 1 => Just(0.0)]
}

fn step() -> impl Strategy<Value = f64> {
    prop_oneof![6 => (0u32..100_000).prop_map(f64::from), 1 => proptest::num::f64::ANY, 1 => 0.0..1.0f64]
}

fn points() -> impl Strategy<Value = Points> {
    proptest::collection::vec((step(), value()), 0..12)
}

fn any_run() -> impl Strategy<Value = RunCurves> {
    let times = (proptest::option::of(step()), proptest::option::of(step()), step());
    (points(), points(), points(), points(), points(), times, any::<bool>(), "\\PC{0,20}").prop_map(|(a, b, c, d, e, (t_mem, t_grok, steps), log, run_id)| {
        RunCurves {
            run_id: run_id.clone(),
            train_acc: a,
            test_acc: b,
            train_loss: c,
            test_loss: d,
            extra: vec![pennydrop_figure::ExtraPanel { label: "extra".into(), log, series: vec![Series { name: run_id, points: e, role: Role::Other }] }],
            t_mem,
            t_grok,
            steps,
            ..RunCurves::default()
        }
    })
}

fn any_survival() -> impl Strategy<Value = Survival> {
    let curve = proptest::collection::vec((step(), value(), value(), value()), 0..6);
    (curve, proptest::collection::vec(step(), 0..3), proptest::option::of(step()), step()).prop_map(|(curve, censored, median, end)| Survival {
        name: "t_grok".into(),
        role: Role::Test,
        n: 3,
        curve: curve.into_iter().map(|(time, survival, low, high)| SurvivalPoint { time, survival, low, high }).collect(),
        censored,
        median,
        interval: median.map(|m| (m, f64::INFINITY)),
        end,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn every_input_gives_a_readable_figure(
        runs in proptest::collection::vec(any_run(), 0..4),
        survival in proptest::collection::vec(any_survival(), 0..3),
        (width, panel_height, title) in (value(), value(), ".{0,80}"),
        band in (value(), value()),
        chance in proptest::option::of(value()),
    ) {
        let svg = curves_svg(&runs, &survival, &Options { title: title.clone(), command: title, chance, width, panel_height, band, ..Options::default() });
        prop_assert!(Document::parse(&svg).is_ok(), "{:?}\n{svg}", Document::parse(&svg).err());
        // Attributes hold no number that a viewer cannot read.
        for node in Document::parse(&svg).unwrap().descendants().filter(|n| n.tag_name().namespace() == Some("http://www.w3.org/2000/svg")) {
            for a in node.attributes().filter(|a| matches!(a.name(), "d" | "x" | "y" | "x1" | "y1" | "cx" | "cy" | "width" | "height")) {
                prop_assert!(!a.value().contains("NaN") && !a.value().contains("inf"), "{}", a.value());
            }
        }
        prop_assert!(svg.len() < 400_000);
    }

    #[test]
    fn every_chart_fits(run in any_run(), width in 0usize..140, height in 0usize..45, ascii: bool, colour: bool, chance in proptest::option::of(value())) {
        let lines = Chart { width, height, ascii, colour, title: "x".into(), chance }.lines(&run);
        prop_assert_eq!(lines.len(), height);
        for line in lines {
            let mut visible = 0;
            let mut escape = false;
            for c in line.chars() {
                match c {
                    '\x1b' => escape = true,
                    'm' if escape => escape = false,
                    _ if !escape => visible += 1,
                    _ => {}
                }
            }
            prop_assert!(visible <= width && (colour || !line.contains('\x1b')));
        }
    }
}
