//! What charts must hold, whatever the data.

mod common;

use common::chart::{classes, groups, histogram, losses, map, options, share};
use common::page::{SVG, check, has, number, words};
use pennydrop_figure::chart::{Axis, Chart, ChartOptions, Look, Mark, Point};
use pennydrop_figure::{charts_svg, png};
use proptest::prelude::*;
use resvg::usvg::roxmltree::Document;

fn all() -> Vec<Chart> {
    vec![share(), losses(), histogram(), groups(), map(40, 30, true), map(4, 3, false), classes(40, 30), classes(8, 6)]
}

#[test]
fn charts_can_be_read_at_every_width_and_number_of_columns() {
    for width in [320.0, 430.0, 560.0, 720.0, 1000.0] {
        for columns in 1..=3 {
            for n in [1, 2, 3, 8] {
                check(&charts_svg(&all()[..n], &ChartOptions { columns, ..options("Charts", width) }));
            }
        }
    }
}

#[test]
fn panels_have_letters_and_the_figure_its_command() {
    let svg = charts_svg(&all()[..4], &options("Charts", 720.0));
    for letter in ["a", "b", "c", "d", "pennydrop theory ball plot eps=0.01 -o ball.svg", "printed", "corrected", "critical", "p = 11"] {
        assert!(has(&words(&svg), letter), "{letter}");
    }
    assert!(!has(&words(&charts_svg(&all()[1..2], &options("One", 720.0))), "a"), "one panel needs no letter");
    let doc = Document::parse(&svg).unwrap();
    let command = doc.descendants().find(|n| n.has_tag_name(("urn:pennydrop:figure:1", "command"))).unwrap();
    assert!(command.text().unwrap().starts_with("pennydrop theory"));
    // Panels of one row begin at one height.
    let clips: Vec<(f64, f64)> = doc
        .descendants()
        .filter(|n| n.has_tag_name((SVG, "clipPath")))
        .map(|n| n.first_element_child().unwrap())
        .map(|r| (number(r, "x"), number(r, "y")))
        .collect();
    assert!(clips.len() == 4 && clips[0].1 == clips[1].1 && clips[2].1 == clips[3].1 && clips[0].0 == clips[2].0, "{clips:?}");
}

#[test]
fn points_stand_where_the_axes_say() {
    let chart = Chart {
        x: Axis::log("x"),
        y: Axis::linear("y"),
        marks: vec![
            Mark::line("curve", Look::Closed, vec![(1.0, 0.0), (100.0, 1.0)]),
            Mark::line("middle", Look::Null, vec![(10.0, 0.0), (10.0, 1.0)]),
            Mark::line("left out", Look::Test, vec![(0.0, 0.5), (-3.0, 0.5)]),
        ],
        ..Chart::default()
    };
    let svg = charts_svg(&[chart], &options("", 600.0));
    check(&svg);
    let doc = Document::parse(&svg).unwrap();
    let line = |colour: &str| {
        let of = |n: &resvg::usvg::roxmltree::Node| n.has_tag_name((SVG, "path")) && n.attribute("stroke") == Some(colour);
        doc.descendants().find(of).map(|n| n.attribute("d").unwrap().to_string())
    };
    let numbers = |d: String| d.split(['M', 'L', ' ']).filter_map(|s| s.parse::<f64>().ok()).collect::<Vec<_>>();
    let (curve, middle) = (numbers(line("#0072B2").unwrap()), numbers(line("#7A7A7A").unwrap()));
    assert!((middle[0] - (curve[0] + curve[2]) / 2.0).abs() < 0.02, "10 is midway between 1 and 100: {curve:?} {middle:?}");
    assert!(curve[1] > curve[3] && middle[1] == curve[1]);
    assert_eq!(line("#D55E00"), None, "a logarithm has no place for 0 and below");
}

#[test]
fn a_hundred_thousand_points_make_a_small_file() {
    let cloud: Vec<(f64, f64)> = (0..100_000u64).map(|i| (common::noise(1, i), common::noise(2, i))).collect();
    let line: Vec<(f64, f64)> = (0..100_000u64).map(|i| (i as f64, common::noise(2, i))).collect();
    let bars = |n: usize| (0..n).map(|i| common::noise(3, i as u64).abs()).collect::<Vec<f64>>();
    for mark in [
        Mark::points("points", Look::Simulated, cloud),
        Mark::Band { name: "band".into(), look: Look::Closed, points: line.iter().map(|p| (p.0, p.1, p.1 + 1.0)).collect() },
        Mark::line("line", Look::Simulated, line),
        Mark::Steps { name: "steps".into(), look: Look::Null, edges: (0..=100_000).map(f64::from).collect(), heights: bars(100_000) },
    ] {
        let svg = charts_svg(&[Chart { marks: vec![mark], ..Chart::default() }], &options("Many", 720.0));
        check(&svg);
        assert!(svg.len() < 200_000, "{}", svg.len());
    }
    let svg = charts_svg(&[map(400, 300, true)], &options("Many cells", 720.0));
    check(&svg);
    assert!(png(&svg, 1.0).is_ok());
}

#[test]
fn what_was_not_reached_is_an_open_arrow() {
    let svg = charts_svg(&[losses()], &options("", 640.0));
    let doc = Document::parse(&svg).unwrap();
    let arrows = doc.descendants().filter(|n| n.attribute("fill") == Some("#FFFFFF") && n.attribute("d").is_some_and(|d| d.contains("h8L"))).count();
    assert_eq!(arrows, 1);
}

#[test]
fn blank_cells_are_hatched_and_named() {
    assert!(has(&words(&charts_svg(&[map(8, 6, true)], &options("", 640.0))), "no value"));
    let mut whole = map(8, 6, true);
    if let Mark::Map { values, .. } = &mut whole.marks[0] {
        values.iter_mut().flatten().for_each(|v| *v = 2.0);
    }
    assert!(!has(&words(&charts_svg(&[whole], &options("", 640.0))), "no value"));
    let letters = |svg: &str| words(svg).iter().filter(|w| *w == "G").count();
    // One in the legend; small cells have none.
    assert!(letters(&charts_svg(&[classes(8, 6)], &options("", 640.0))) > 2);
    assert_eq!(letters(&charts_svg(&[classes(80, 60)], &options("", 640.0))), 1);
}

#[test]
fn nothing_at_all_is_said_to_be_nothing() {
    let svg = charts_svg(&[], &options("Nothing", 640.0));
    check(&svg);
    assert!(has(&words(&svg), "no charts"));
    let svg = charts_svg(&[Chart::default()], &options("", 640.0));
    check(&svg);
    assert!(has(&words(&svg), "nothing to draw"));
}

fn value() -> impl Strategy<Value = f64> {
    let odd = prop::sample::select(vec![0.0, -0.0, 1.0, -1.0, 1e-320, 1e308, -1e308, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e-9, 1.0 + 1e-15]);
    prop_oneof![odd, -10.0..10.0, 1e-6..1e6]
}

fn look() -> impl Strategy<Value = Look> {
    prop_oneof![
        prop::sample::select(vec![Look::Printed, Look::Closed, Look::Simulated, Look::Train, Look::Test, Look::Null]),
        any::<u8>().prop_map(Look::Group)
    ]
}

fn words_of() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z<&_^0-9\\-]{0,12}", "(word ){0,40}", "\\PC{0,8}"]
}

fn values(n: std::ops::Range<usize>) -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(value(), n)
}

fn mark() -> impl Strategy<Value = Mark> {
    let n = 0..9;
    let point = (value(), value(), prop::option::of((value(), value()))).prop_map(|(x, y, interval)| Point { x, y, interval });
    let class = prop::option::of(0usize..5);
    prop_oneof![
        (words_of(), look(), prop::collection::vec((value(), value()), n.clone())).prop_map(|(name, look, points)| Mark::Line { name, look, points }),
        (words_of(), look(), prop::collection::vec(point, n.clone())).prop_map(|(name, look, points)| Mark::Points { name, look, points }),
        (words_of(), look(), prop::collection::vec((value(), value(), value()), n.clone())).prop_map(|(name, look, points)| Mark::Band { name, look, points }),
        (words_of(), look(), values(0..9), values(0..9)).prop_map(|(name, look, edges, heights)| Mark::Steps { name, look, edges, heights }),
        (words_of(), look(), value()).prop_map(|(name, look, x)| Mark::Vertical { name, look, x }),
        (words_of(), look(), value()).prop_map(|(name, look, y)| Mark::Horizontal { name, look, y }),
        (words_of(), value(), value()).prop_map(|(text, x, y)| Mark::Word { text, at: (x, y) }),
        (words_of(), values(0..5), values(0..5), prop::collection::vec(values(0..5), 0..5), any::<bool>()).prop_map(|(label, xs, ys, values, log)| Mark::Map {
            label,
            xs,
            ys,
            values,
            log
        }),
        (prop::collection::vec(words_of(), 0..5), values(0..5), values(0..5), prop::collection::vec(prop::collection::vec(class, 0..5), 0..5))
            .prop_map(|(names, xs, ys, classes)| Mark::Classes { names, xs, ys, classes }),
    ]
}

fn chart() -> impl Strategy<Value = Chart> {
    let axis = || (words_of(), any::<bool>(), values(0..3)).prop_map(|(label, log, include)| Axis { label, log, include });
    (words_of(), axis(), axis(), prop::collection::vec(mark(), 0..5), words_of()).prop_map(|(title, x, y, marks, note)| Chart { title, x, y, marks, note })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]
    #[test]
    fn whatever_the_data_the_document_is_well_formed(
        charts in prop::collection::vec(chart(), 0..5),
        title in words_of(),
        width in value(),
        panel_height in value(),
        columns in 0usize..5,
    ) {
        let panel_height = if panel_height.abs() > 1e3 { 200.0 } else { panel_height };
        let svg = charts_svg(&charts, &ChartOptions { width: if width > 1e4 { 640.0 } else { width }, panel_height, columns, ..options(&title, 0.0) });
        let doc = Document::parse(&svg).map_err(|e| TestCaseError::fail(format!("{e}\n{svg}")))?;
        for node in doc.descendants().filter(|n| n.tag_name().namespace() == Some(SVG)) {
            for a in node.attributes().filter(|a| !matches!(a.name(), "id" | "aria-labelledby" | "font-family")) {
                prop_assert!(!a.value().contains("NaN") && !a.value().contains("inf"), "{}: {}", a.name(), a.value());
            }
        }
        prop_assert!(png(&svg, 0.1).is_ok());
    }
}

#[test]
fn pictures_stay_as_they_are() {
    let small = ChartOptions { panel_height: 120.0, notes: Vec::new(), ..options("Closed form and simulation", 640.0) };
    let mut share = share();
    share.marks.iter_mut().for_each(|m| match m {
        Mark::Line { points, .. } => *points = points.iter().copied().step_by(10).collect(),
        Mark::Band { points, .. } => *points = points.iter().copied().step_by(10).collect(),
        _ => {}
    });
    insta::assert_snapshot!("charts_2", charts_svg(&[share, histogram()], &small));
    insta::assert_snapshot!("charts_maps", charts_svg(&[map(4, 3, true), classes(5, 4)], &small));
}
