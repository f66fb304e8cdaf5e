//! Draws synthetic charts of theory beside simulation into a folder, to be looked at: `cargo run -p pennydrop-figure --example charts -- FOLDER`.

#[path = "../tests/common/mod.rs"]
mod common;

use common::chart::{classes, groups, histogram, losses, map, options, share};
use pennydrop_figure::chart::{Axis, Chart, ChartOptions, Look, Mark, Point};
use pennydrop_figure::{charts_svg, png};
use std::{error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("name a folder to draw into")?;
    let folder = Path::new(&folder);
    fs::create_dir_all(folder)?;
    let save = |name: &str, charts: &[Chart], options: &ChartOptions| -> Result<(), Box<dyn Error>> {
        let svg = charts_svg(charts, options);
        fs::write(folder.join(format!("{name}.svg")), &svg)?;
        Ok(fs::write(folder.join(format!("{name}.png")), png(&svg, 2.0)?)?)
    };
    let four = [share(), losses(), histogram(), groups()];
    save("charts4", &four, &options("A closed form beside a simulation that does not use it", 720.0))?;
    save("charts4_narrow", &four, &options("A closed form beside a simulation that does not use it", 340.0))?;
    save("charts3_wide", &four[..3], &ChartOptions { columns: 3, ..options("Three panels side by side", 1000.0) })?;
    save("charts1", &four[..1], &options("One panel", 560.0))?;
    let maps = [map(40, 30, true), map(6, 5, false), classes(40, 30), classes(8, 6)];
    save("charts_maps", &maps, &options("Amounts and classes over a grid", 720.0))?;
    let cloud = (0..100_000u64).map(|i| (common::noise(1, i), common::noise(2, i) * common::noise(4, i))).collect();
    let walk = (0..100_000u64).scan(0.0, |s, i| {
        *s += common::noise(3, i);
        Some((i as f64, *s))
    });
    let odd = [
        Chart { title: "A hundred thousand points".into(), marks: vec![Mark::points("cloud", Look::Simulated, cloud)], ..Chart::default() },
        Chart { title: "A hundred thousand steps".into(), marks: vec![Mark::line("walk", Look::Simulated, walk.collect())], ..Chart::default() },
        Chart { title: "Nothing".into(), x: Axis::log("x"), y: Axis::log("y"), ..Chart::default() },
        Chart {
            title: "One point, and a name of the vertical axis that is longer than the panel is high".into(),
            x: Axis::linear("x"),
            y: Axis::linear("fraction of runs whose held-out accuracy reached 95 % within the budget of ten thousand steps, in 0..=1"),
            marks: vec![Mark::Points { name: "one".into(), look: Look::Test, points: vec![Point { x: 3.0, y: 0.99983, interval: Some((0.9997, 0.9999)) }] }],
            note: String::new(),
        },
    ];
    save("charts_odd", &odd, &options("Odd data", 720.0))
}
