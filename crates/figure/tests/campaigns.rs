//! What the pictures of campaigns must hold, whatever the data.

mod common;

use common::campaign::{group, law, phase, source};
use common::page::{SVG, check, has, number, words};
use pennydrop_figure::*;
use resvg::usvg::roxmltree::{Document, Node};
use std::collections::BTreeSet;

fn phase_options(width: f64) -> PhaseOptions {
    PhaseOptions { title: "Weight decay by learning rate".into(), width, source: source(60), notes: vec!["a note".into()] }
}

fn survival_options(width: f64) -> SurvivalOptions {
    SurvivalOptions {
        title: "By weight decay".into(),
        width,
        source: source(3),
        horizon: Some(12_000.0),
        note: vec!["log-rank p = 0.01".into()],
        ..Default::default()
    }
}

fn law_options(width: f64) -> LawOptions {
    LawOptions { title: "By effective step".into(), width, source: source(3), notes: vec!["a note".into()], ..Default::default() }
}

#[test]
fn a_phase_diagram_says_what_its_borders_depend_on() {
    let svg = phase_svg(&phase(6, 6, 20, 12_000.0), &phase_options(640.0));
    check(&svg);
    let all = words(&svg).join(" ");
    for text in [
        "n = 20 runs a cell",
        "budget 12,000 steps; borders move with the budget",
        "first sustained crossing",
        "at least 0.99",
        "at least 0.95",
        "1,000 steps or more",
        "95 %",
    ] {
        assert!(all.contains(text), "{text} in {all}");
    }
    for text in ["median > budget (12,000)", "no runs", "> 12k", "G", "C", "M", "X", "D"] {
        assert!(has(&words(&svg), text), "{text}");
    }
}

#[test]
fn the_bands_of_a_cell_have_the_heights_of_its_shares() {
    let cell = PhaseCell { n: 20, states: [2, 3, 10, 4], diverged: 1, median: Some(500.0), ..PhaseCell::default() };
    let one = PhaseAxis { name: "one".into(), values: AxisValues::Numbers(vec![1.0]), log: true };
    let svg = phase_svg(&Phase { x: one.clone(), y: one, cells: vec![cell], budget: 1000.0, ..Phase::default() }, &phase_options(640.0));
    let doc = Document::parse(&svg).unwrap();
    let place = |colour: &str| -> (f64, f64) {
        let path = doc.descendants().find(|n| n.has_tag_name((SVG, "path")) && n.attribute("fill") == Some(colour)).unwrap_or_else(|| panic!("no {colour}"));
        // M x y h w v height h -w z
        let d = path.attribute("d").unwrap();
        let number = |from: char, to: char| -> f64 { d.split(from).nth(1).unwrap().split(to).next().unwrap().parse().unwrap() };
        (number(' ', 'h'), number('v', 'h'))
    };
    let (top, half) = place("#F0E442");
    let (whole, mut floor) = (half * 2.0, top + half);
    // From the bottom up, each band on the one before.
    for (colour, share) in [("#F0E442", 0.5), ("#009E73", 0.2), ("#56B4E9", 0.15), ("#4A4A4A", 0.1), ("#000000", 0.05)] {
        let (y, height) = place(colour);
        assert!((height - share * whole).abs() < 0.02 && (y + height - floor).abs() < 0.02, "{colour}: {y} {height} of {whole} on {floor}");
        floor = y;
    }
    check(&svg);
}

#[test]
fn a_cell_without_runs_looks_missing_and_not_like_nought() {
    let mut p = phase(3, 3, 5, 12_000.0);
    p.cells.retain(|c| (c.ix, c.iy) != (1, 1));
    p.cells.iter_mut().filter(|c| (c.ix, c.iy) == (0, 0)).for_each(|c| c.n = 0);
    let svg = phase_svg(&p, &phase_options(640.0));
    check(&svg);
    let doc = Document::parse(&svg).unwrap();
    let dashed: Vec<usize> = doc
        .descendants()
        .filter(|n| n.has_tag_name((SVG, "path")) && n.attribute("stroke-dasharray") == Some("2 2"))
        .map(|n| n.attribute("d").unwrap().matches('z').count())
        .collect();
    assert_eq!(dashed, [2, 2], "two outlines in each panel");
    let full = phase(3, 3, 5, 12_000.0);
    assert!(!has(&words(&phase_svg(&full, &phase_options(640.0))), "no runs"));
}

#[test]
fn ties_have_no_letter_and_differing_n_is_printed() {
    let axis = |n: usize| PhaseAxis { name: "x".into(), values: AxisValues::Labels((0..n).map(|i| format!("v{i}")).collect()), log: false };
    let cell = |ix, n, states| PhaseCell { ix, iy: 0, n, states, ..PhaseCell::default() };
    let cells = vec![cell(0, 4, [2, 2, 0, 0]), cell(1, 7, [0, 0, 7, 0])];
    let svg = phase_svg(&Phase { x: axis(2), y: axis(1), cells, budget: 1000.0, ..Phase::default() }, &phase_options(640.0));
    check(&svg);
    let w = words(&svg);
    assert!(has(&w, "n 4") && has(&w, "n 7") && has(&w, "grokking (1)") && has(&w, "memorisation (0)") && has(&w, "confusion (0)"), "{w:?}");
    assert!(w.iter().any(|t| t.starts_with("n = 4–7 runs a cell")));
    assert!(has(&w, "the median was reached in no cell"));
}

#[test]
fn the_axis_says_whether_its_cells_are_to_scale() {
    let mut p = phase(4, 2, 3, 1000.0);
    let mut name = |values: &[f64], log: bool| {
        p.x = PhaseAxis { name: "q".into(), values: AxisValues::Numbers(values.to_vec()), log };
        words(&phase_svg(&p, &phase_options(640.0))).into_iter().find(|t| t == "q" || t.starts_with("q (")).unwrap()
    };
    assert_eq!(name(&[0.1, 0.3, 1.0, 3.0], true), "q (log scale)");
    assert_eq!(name(&[0.0, 0.3, 1.0, 3.0], true), "q (log scale, 0 apart)");
    assert_eq!(name(&[0.1, 0.2, 1.0, 3.0], true), "q (log, cells not to scale)");
    assert_eq!(name(&[0.1, 0.2, 0.3, 0.4], false), "q");
    assert_eq!(name(&[0.1, 0.2, 0.3, 1.0], false), "q (cells not to scale)");
}

#[test]
fn pictures_can_be_read_at_every_width_and_size() {
    for width in [320.0, 400.0, 480.0, 559.0, 560.0, 640.0, 900.0, 1200.0] {
        for (nx, ny) in [(1, 1), (1, 7), (9, 1), (6, 6), (12, 3), (20, 20)] {
            check(&phase_svg(&phase(nx, ny, 20, 12_000.0), &phase_options(width)));
        }
        for n in 1..=8 {
            let groups: Vec<SurvivalGroup> = (0..n).map(|i| group(&format!("λ = {i}"), i, 30, 500.0 * libm::pow(1.7, i as f64), 0.6, 12_000.0)).collect();
            check(&survival_svg(&groups, &survival_options(width)));
        }
        for points in [1, 2, 12] {
            check(&law_svg(&law(points, 12_000.0, true), &law_options(width)));
            check(&law_svg(&law(points, 12_000.0, false), &law_options(width)));
        }
    }
}

#[test]
fn four_hundred_cells_make_a_small_file() {
    let svg = phase_svg(&phase(20, 20, 20, 12_000.0), &phase_options(640.0));
    assert!(svg.len() < 260_000, "{}", svg.len());
    let letters = words(&svg).iter().filter(|w| matches!(w.as_str(), "G" | "C" | "M" | "X" | "D")).count();
    assert!(letters > 350, "{letters}");
}

#[test]
fn slanted_names_of_columns_keep_apart() {
    for (n, width) in [(12, 320.0), (20, 320.0), (20, 640.0), (50, 640.0)] {
        let svg = phase_svg(&phase(n, 2, 3, 12_000.0), &phase_options(width));
        let doc = Document::parse(&svg).unwrap();
        let slanted = doc.descendants().filter(|n| n.attribute("transform").is_some_and(|t| t.starts_with("rotate(-45")) && n.has_tag_name((SVG, "text")));
        let mut at: Vec<(f64, f64)> = slanted.map(|n| (number(n, "y"), number(n, "x"))).collect();
        at.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        assert!(at.len() >= 6, "{n} {width}: {}", at.len());
        // At 45 degrees, lines are as far apart as their feet divided by the root of two.
        assert!(at.windows(2).all(|w| w[0].0 != w[1].0 || (w[1].1 - w[0].1) / std::f64::consts::SQRT_2 >= 8.0), "{n} {width}: {at:?}");
    }
}

#[test]
fn names_of_curves_that_end_together_keep_apart() {
    for width in [320.0, 640.0] {
        let mut groups: Vec<SurvivalGroup> = (0..8).map(|i| group(&format!("arm {i}"), 3, 30, 30_000.0, 0.8, 12_000.0)).collect();
        let svg = survival_svg(&groups, &survival_options(width));
        check(&svg);
        assert!((0..8).all(|i| words(&svg).iter().filter(|w| **w == format!("arm {i}")).count() == 2), "each at its curve and in the table");
        // All down to nought at nearly the same times.
        for (i, g) in groups.iter_mut().enumerate() {
            *g = group(&format!("arm {i}"), i as u64, 30, 500.0, 0.3, 12_000.0);
        }
        check(&survival_svg(&groups, &survival_options(width)));
        let mut same = law(6, 1e6, true);
        let curve = same.fits[0].curve.clone();
        same.fits.iter_mut().for_each(|f| f.curve = curve.clone());
        check(&law_svg(&same, &law_options(width)));
    }
}

#[test]
fn hundreds_of_groups_cells_and_names_do_not_break_a_picture() {
    check(&phase_svg(&phase(50, 40, 3, 12_000.0), &phase_options(640.0)));
    let many: Vec<SurvivalGroup> = (0..30).map(|i| group(&"long name ".repeat(20), i, 9, 900.0, 0.6, 12_000.0)).collect();
    let svg = survival_svg(&many, &SurvivalOptions { x_label: "x ".repeat(300), y_label: "y ".repeat(300), ..survival_options(320.0) });
    check(&svg);
    assert!(words(&svg).iter().any(|w| w.starts_with("22 groups more")), "the ones left out are counted");
    let mut names = phase(5, 5, 3, 100.0);
    names.x = PhaseAxis { name: "name ".repeat(60), values: AxisValues::Labels((0..5).map(|i| format!("{i}{}", "value ".repeat(30))).collect()), log: true };
    names.y = names.x.clone();
    for width in [320.0, 640.0] {
        check(&phase_svg(&names, &phase_options(width)));
    }
    let mut long = law(5, 1e4, true);
    long.fits.iter_mut().for_each(|f| (f.name, f.formula, f.note) = ("name ".repeat(40), "formula ".repeat(40), "note ".repeat(40)));
    check(&law_svg(&long, &LawOptions { note_label: "label ".repeat(40), ..law_options(320.0) }));
}

#[test]
fn extreme_numbers_give_readable_pictures() {
    let odd = [0.0, -1.0, 1e-320, 1e308, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 7.0];
    for a in odd {
        for b in odd {
            let mut p = phase(3, 2, 4, a);
            p.x.values = AxisValues::Numbers(vec![a, b, a]);
            p.cells.iter_mut().for_each(|c| (c.median, c.low, c.high, c.share_grokked_interval) = (Some(a), Some(b), Some(a), (b, a)));
            (p.gap, p.train_level, p.confidence) = (b, a, b);
            let svg = phase_svg(&p, &PhaseOptions { width: b, ..phase_options(a) });
            assert!(Document::parse(&svg).is_ok() && !svg.contains("\"NaN") && !svg.contains("\"inf"), "{a} {b}");
            let g = SurvivalGroup {
                name: "g".into(),
                curve: vec![SurvivalPoint { time: a, survival: b, low: b, high: a }, SurvivalPoint { time: b, survival: a, low: a, high: b }],
                censored: vec![a, b],
                median: Some(a),
                interval: Some((b, a)),
                n: 2,
                events: 1,
            };
            let restricted = vec![Restricted { label: "mean".into(), values: vec![Some(Estimate { value: a, low: b, high: a })] }];
            let svg = survival_svg(&[g], &SurvivalOptions { horizon: Some(a), panel_height: b, restricted, ..survival_options(640.0) });
            check(&svg);
            let point = LawPoint { x: a, median: Some(b), low: Some(a), high: Some(b), n: 3, censored: 1, end: a };
            let fit = LawFit { name: "f".into(), curve: vec![(a, b), (b, a)], residuals: true, ..LawFit::default() };
            let picture = LawPicture { x: "x".into(), y: "t_grok".into(), points: vec![point, point], events: vec![(a, b)], fits: vec![fit] };
            for log_x in [true, false] {
                check(&law_svg(&picture, &LawOptions { log_x, panel_height: a, ..law_options(640.0) }));
            }
        }
    }
}

#[test]
fn nothing_at_all_is_said_to_be_nothing() {
    for (svg, text) in [
        (phase_svg(&Phase::default(), &PhaseOptions::default()), "no cells"),
        (survival_svg(&[], &SurvivalOptions::default()), "no groups"),
        (law_svg(&LawPicture::default(), &LawOptions::default()), "no runs"),
    ] {
        check(&svg);
        assert!(has(&words(&svg), text), "{text}");
    }
}

#[test]
fn when_every_run_is_censored_the_pictures_say_so() {
    let never = group("never", 3, 12, 1e9, 0.1, 12_000.0);
    let svg = survival_svg(&[never], &survival_options(640.0));
    check(&svg);
    assert!(has(&words(&svg), "not reached") && has(&words(&svg), "0 of 12"), "{:?}", words(&svg));
    let mut p = phase(4, 3, 5, 12_000.0);
    p.cells.iter_mut().for_each(|c| c.median = None);
    let svg = phase_svg(&p, &phase_options(640.0));
    check(&svg);
    assert!(has(&words(&svg), "the median was reached in no cell") && !has(&words(&svg), "steps (log scale)"));
    let mut l = law(4, 12_000.0, true);
    l.points.iter_mut().for_each(|p| (p.median, p.high, p.censored) = (None, None, p.n));
    l.events.clear();
    let svg = law_svg(&l, &law_options(640.0));
    check(&svg);
    let doc = Document::parse(&svg).unwrap();
    let arrows = |d: &Document| d.descendants().filter(|n| n.attribute("fill") == Some("#FFFFFF") && n.attribute("stroke-linejoin") == Some("round")).count();
    assert_eq!(arrows(&doc), 4 * 4, "four in each panel");
    assert!(words(&svg).iter().any(|w| w == "budget 12,000"));
}

#[test]
fn runs_at_risk_are_counted_from_the_curve() {
    // Ten runs: events at 100, 100, 200 and 5000, one censored at 150 and five at 12,000.
    let mut g = SurvivalGroup { name: "g".into(), n: 10, events: 4, censored: vec![150.0, 12e3, 12e3, 12e3, 12e3, 12e3], ..SurvivalGroup::default() };
    for (time, survival) in [(100.0, 0.8), (200.0, 0.8 * 6.0 / 7.0), (5000.0, 0.8 * 6.0 / 7.0 * 5.0 / 6.0)] {
        g.curve.push(SurvivalPoint { time, survival, low: f64::NAN, high: f64::NAN });
    }
    let svg = survival_svg(&[g], &survival_options(640.0));
    check(&svg);
    let doc = Document::parse(&svg).unwrap();
    let column = |head: &str| {
        let node = doc
            .descendants()
            .filter(|n| n.has_tag_name((SVG, "text")) && n.attribute("fill") == Some("#666666"))
            .find(|n| n.text() == Some(head))
            .unwrap_or_else(|| panic!("no {head}"));
        let (x, y) = (number(node, "x"), number(node, "y"));
        let below = |n: &Node| n.has_tag_name((SVG, "text")) && number(*n, "x") == x && number(*n, "y") > y && number(*n, "y") < y + 20.0;
        doc.descendants().find(below).unwrap().text().unwrap().to_string()
    };
    assert_eq!(["100", "200", "500", "5k", "10k"].map(column), ["10", "7", "6", "6", "5"]);
}

#[test]
fn groups_differ_without_colour() {
    let groups: Vec<SurvivalGroup> = (0..8).map(|i| group(&format!("g{i}"), i, 9, 900.0, 0.6, 12_000.0)).collect();
    let svg = survival_svg(&groups, &survival_options(640.0));
    let doc = Document::parse(&svg).unwrap();
    let lines = doc.descendants().filter(|n| n.has_tag_name((SVG, "path")) && n.attribute("stroke-width") == Some("1.6"));
    let dashes: BTreeSet<String> = lines.map(|n| n.attribute("stroke-dasharray").unwrap_or("").to_string()).collect();
    assert_eq!(dashes.len(), 8, "{dashes:?}");
    let l = law_svg(&law(5, 1e4, true), &law_options(640.0));
    let doc = Document::parse(&l).unwrap();
    let group = doc.descendants().find(|n| n.has_tag_name((SVG, "g"))).unwrap();
    let fits: BTreeSet<String> = group
        .children()
        .filter(|n| n.has_tag_name((SVG, "path")) && matches!(n.attribute("stroke-width"), Some("1.2" | "1.6")))
        .map(|n| n.attribute("stroke-dasharray").unwrap_or("").to_string())
        .collect();
    assert_eq!(fits.len(), 5, "{fits:?}");
}

#[test]
fn residuals_stand_where_the_logarithm_says() {
    // A fit that is a power law with exponent −1 from (1, 1000); the point at x = 10 lies a factor of e above it.
    let point = |x: f64, t: f64| LawPoint { x, median: Some(t), n: 3, end: 1e5, ..LawPoint::default() };
    let curve = vec![(0.5, 2000.0), (200.0, 5.0)];
    let fit = LawFit { name: "power".into(), curve, residuals: true, ..LawFit::default() };
    let points = vec![point(1.0, 1000.0), point(10.0, 100.0 * std::f64::consts::E), point(100.0, 10.0 / std::f64::consts::E)];
    let svg = law_svg(&LawPicture { x: "x".into(), y: "T".into(), points, events: Vec::new(), fits: vec![fit] }, &law_options(640.0));
    check(&svg);
    let doc = Document::parse(&svg).unwrap();
    let circles: Vec<f64> = doc.descendants().filter(|n| n.has_tag_name((SVG, "circle"))).map(|n| number(n, "cy")).collect();
    assert_eq!(circles.len(), 6);
    let (zero, up, down) = (circles[3], circles[4], circles[5]);
    assert!(up < zero && (zero - up - (down - zero)).abs() < 0.02, "{circles:?}");
    // ±1.12 fills the panel, which is 64.4 pixels high.
    assert!((zero - up - 64.4 / 2.0 / 1.12).abs() < 0.02, "{circles:?}");
}

#[test]
fn a_picture_of_a_campaign_says_where_it_comes_from() {
    let odd =
        Source { campaign: "c<&>".into(), command: "pennydrop plot 'a' && b".into(), runs: (0..3000).map(|i| format!("id{i}<")).collect(), count: 10_000 };
    for svg in [
        phase_svg(&phase(2, 2, 2, 100.0), &PhaseOptions { source: odd.clone(), title: "<T>".into(), ..PhaseOptions::default() }),
        survival_svg(&[group("<&>", 1, 5, 50.0, 0.5, 100.0)], &SurvivalOptions { source: odd.clone(), title: "<T>".into(), ..SurvivalOptions::default() }),
        law_svg(&law(3, 1e4, true), &LawOptions { source: odd.clone(), title: "<T>".into(), ..LawOptions::default() }),
    ] {
        check(&svg);
        let doc = Document::parse(&svg).unwrap();
        let all = |name: &str| doc.descendants().filter(|n| n.has_tag_name(("urn:pennydrop:figure:1", name))).collect::<Vec<_>>();
        assert_eq!(all("command")[0].text(), Some("pennydrop plot 'a' && b"));
        assert_eq!(all("campaign")[0].text(), Some("c<&>"));
        assert_eq!((all("run").len(), all("run")[49].attribute("id")), (50, Some("id49<")));
        assert_eq!(all("runs")[0].attribute("count"), Some("10000"));
        assert_eq!(doc.descendants().find(|n| n.attribute("id").is_some_and(|i| i.ends_with("-title"))).unwrap().text(), Some("<T>"));
        let shown = words(&svg).join(" ");
        assert!(shown.contains("c<&>") && shown.contains("id0<") && shown.contains("more, named in the campaign's record"), "{shown}");
    }
}

#[test]
fn a_tournament_has_a_panel_for_each_unit() {
    let arms: Vec<SurvivalGroup> = ["adamw", "muon"].iter().enumerate().map(|(i, n)| group(n, i as u64, 20, 900.0, 0.5, 12_000.0)).collect();
    let estimate = |value: f64| Some(Estimate { value, low: value * 0.8, high: value * 1.3 });
    let restricted = vec![
        Restricted { label: "in steps".into(), values: vec![estimate(1000.0), None] },
        Restricted { label: "in FLOP".into(), values: vec![estimate(2e12), estimate(3e12)] },
    ];
    for width in [320.0, 640.0, 1000.0] {
        let svg = survival_svg(&arms, &SurvivalOptions { restricted: restricted.clone(), ..survival_options(width) });
        check(&svg);
        let w = words(&svg);
        for text in ["in steps", "in FLOP", "1,000 [800–1,300]", "2e12 [1.6e12–2.6e12]", "–", "a", "b", "c"] {
            assert!(has(&w, text), "{text} in {w:?}");
        }
    }
}

#[test]
fn pictures_of_campaigns_become_png() {
    for svg in [
        phase_svg(&phase(6, 6, 20, 12_000.0), &phase_options(640.0)),
        survival_svg(&[group("g", 1, 30, 900.0, 0.6, 12_000.0)], &survival_options(640.0)),
        law_svg(&law(6, 1e4, true), &law_options(640.0)),
    ] {
        let image = resvg::tiny_skia::Pixmap::decode_png(&png(&svg, 1.0).unwrap()).unwrap();
        assert_eq!(image.width(), 640);
        assert!(image.pixels().iter().filter(|p| p.red() < 0x60).count() > 500);
    }
    // The hatching is drawn, not only referred to: both of its colours are in the picture.
    let mut memorised = phase(1, 1, 5, 100.0);
    memorised.cells[0].states = [0, 5, 0, 0];
    memorised.cells[0].diverged = 0;
    let image = resvg::tiny_skia::Pixmap::decode_png(&png(&phase_svg(&memorised, &phase_options(640.0)), 2.0).unwrap()).unwrap();
    let near =
        |r: u8, g: u8, b: u8| image.pixels().iter().filter(|p| p.red().abs_diff(r) < 24 && p.green().abs_diff(g) < 24 && p.blue().abs_diff(b) < 24).count();
    assert!(near(0x56, 0xB4, 0xE9) > 1000 && near(0x0B, 0x4F, 0x78) > 300, "{} {}", near(0x56, 0xB4, 0xE9), near(0x0B, 0x4F, 0x78));
}

#[test]
fn small_campaign_pictures() {
    insta::assert_snapshot!("phase_svg_2x2", phase_svg(&phase(2, 2, 4, 12_000.0), &PhaseOptions { width: 560.0, source: source(2), ..phase_options(560.0) }));
    insta::assert_snapshot!("phase_text_6x6", text::phase(&phase(6, 6, 20, 12_000.0)));
    insta::assert_snapshot!(
        "survival_svg_2",
        survival_svg(&[group("a", 1, 4, 900.0, 0.6, 2000.0), group("b", 2, 4, 1e6, 0.6, 2000.0)], &survival_options(360.0))
    );
    insta::assert_snapshot!("law_svg_3", law_svg(&law(3, 12_000.0, true), &law_options(360.0)));
}

#[test]
fn the_grid_of_letters_obeys_no_code_and_is_whole() {
    let mut p = phase(5, 4, 20, 12_000.0);
    p.x.name = "x\x1b[31m\ny".into();
    p.y.values = AxisValues::Labels(["a\nb", "c", "d", "e"].map(String::from).to_vec());
    let text = text::phase(&p);
    assert!(!text.contains('\x1b') && text.ends_with('\n'));
    let rows: Vec<&str> = text.lines().filter(|l| l.contains(" |")).collect();
    assert_eq!(rows.len(), 8, "{text}");
    assert!(rows[4..].iter().any(|r| r.contains(">12k")));
    // Columns stand under each other.
    assert!(rows[..4].iter().all(|r| r.chars().count() == rows[0].chars().count()), "{text}");
}
