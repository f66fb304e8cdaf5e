//! Draws the pictures of synthetic campaigns into a folder, to be looked at: `cargo run -p pennydrop-figure --example campaigns -- FOLDER`.

#[path = "../tests/common/mod.rs"]
mod common;

use common::campaign::{group, law, phase, source};
use pennydrop_figure::{
    AxisValues, Estimate, LawOptions, PhaseAxis, PhaseOptions, Restricted, SurvivalGroup, SurvivalOptions, law_svg, phase_svg, png, survival_svg, text,
};
use std::{error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("name a folder to draw into")?;
    let folder = Path::new(&folder);
    fs::create_dir_all(folder)?;
    let save = |name: &str, svg: &str| -> Result<(), Box<dyn Error>> {
        fs::write(folder.join(format!("{name}.svg")), svg)?;
        Ok(fs::write(folder.join(format!("{name}.png")), png(svg, 2.0)?)?)
    };

    let options = |title: &str, width: f64, runs: usize| PhaseOptions { title: title.into(), width, source: source(runs), notes: Vec::new() };
    let six = phase(6, 6, 20, 12_000.0);
    save("phase6", &phase_svg(&six, &options("Modular addition mod 31: weight decay by learning rate", 640.0, 680)))?;
    save("phase6_narrow", &phase_svg(&six, &options("Modular addition mod 31: weight decay by learning rate", 320.0, 680)))?;
    save("phase6_wide", &phase_svg(&six, &options("Modular addition mod 31: weight decay by learning rate", 1200.0, 680)))?;
    save("phase20", &phase_svg(&phase(20, 20, 20, 12_000.0), &options("Twenty by twenty", 640.0, 8000)))?;
    save("phase20_narrow", &phase_svg(&phase(20, 20, 20, 12_000.0), &options("Twenty by twenty in one column of a paper", 340.0, 8000)))?;
    save("phase_row", &phase_svg(&phase(9, 1, 20, 12_000.0), &options("One row", 640.0, 180)))?;
    let mut column = phase(1, 5, 20, 12_000.0);
    column.x = PhaseAxis { name: "optimizer".into(), values: AxisValues::Labels(vec!["adamw".into()]), log: false };
    column.cells.iter_mut().for_each(|c| c.n = 20 - c.iy);
    save("phase_column", &phase_svg(&column, &options("One column, n differs", 640.0, 100)))?;
    save("phase_one", &phase_svg(&phase(1, 1, 3, 12_000.0), &options("One cell", 320.0, 3)))?;
    let mut never = phase(4, 3, 5, 12_000.0);
    never.x.values = AxisValues::Labels(["sgd", "adamw", "orthogonal-muon", "sharpness-aware-minimisation"].map(String::from).to_vec());
    never.cells.iter_mut().for_each(|c| (c.median, c.high, c.states, c.diverged) = (None, None, [0, c.n, 0, 0], 0));
    save("phase_never", &phase_svg(&never, &options("Nothing generalised", 640.0, 60)))?;
    println!("{}", text::phase(&six));

    let options = |title: &str, width: f64| SurvivalOptions {
        title: title.into(),
        width,
        source: source(160),
        horizon: Some(12_000.0),
        note: vec!["Log-rank test over all groups, stratified by split: p = 0.0031; hazard ratio of λ per decade (Cox): 2.4 [1.8–3.2].".into()],
        ..SurvivalOptions::default()
    };
    let four: Vec<SurvivalGroup> = [("λ = 1", 900.0), ("λ = 0.3", 2100.0), ("λ = 0.1", 5200.0), ("λ = 0", 60_000.0)]
        .iter()
        .enumerate()
        .map(|(i, (name, median))| group(name, i as u64, 40, *median, 0.5, 12_000.0))
        .collect();
    save("survival4", &survival_svg(&four, &options("Time to generalise by weight decay", 640.0)))?;
    save("survival4_narrow", &survival_svg(&four, &options("Time to generalise by weight decay", 320.0)))?;
    let names = [
        "adamw",
        "adamw, grokfast-ema λ = 5",
        "orthogonal-muon",
        "sgd with momentum",
        "lion",
        "sam",
        "a very long name of an arm that nobody would choose",
        "adam",
    ];
    let eight: Vec<SurvivalGroup> =
        names.iter().enumerate().map(|(i, name)| group(name, 20 + i as u64, 25, 800.0 * libm::pow(1.5, i as f64), 0.8, 12_000.0)).collect();
    save("survival8", &survival_svg(&eight, &options("Eight groups", 640.0)))?;
    save("survival8_narrow", &survival_svg(&eight, &options("Eight groups in one column", 320.0)))?;
    let means = |unit: f64| eight.iter().take(4).enumerate().map(|(i, g)| (i != 3).then(|| g.median.unwrap_or(9000.0) * unit * 1.1)).collect::<Vec<_>>();
    let restricted = |label: &str, unit: f64| Restricted {
        label: label.into(),
        values: means(unit).into_iter().map(|m| m.map(|value| Estimate { value, low: value * 0.8, high: value * 1.3 })).collect(),
    };
    let both =
        vec![restricted("restricted mean of t_grok to 12,000 steps, in steps", 1.0), restricted("restricted mean of t_grok to 12,000 steps, in FLOP", 3.1e9)];
    for (name, width) in [("tournament", 640.0), ("tournament_narrow", 320.0), ("tournament_wide", 1000.0)] {
        save(name, &survival_svg(&eight[..4], &SurvivalOptions { restricted: both.clone(), ..options("A matched tournament", width) }))?;
    }
    let none = group("never", 3, 12, 1e9, 0.1, 12_000.0);
    for (name, width, log_x) in [("law", 640.0, true), ("law_narrow", 320.0, true), ("law_wide", 1200.0, true), ("law_linear", 640.0, false)] {
        let options = LawOptions {
            title: "How the time to generalise falls with the effective step".into(),
            width,
            log_x,
            note_label: "held-out |ln T − ln fit|".into(),
            source: source(240),
            notes: vec!["Held out: the four largest values of ηλ. Nulls in grey.".into()],
            ..LawOptions::default()
        };
        save(name, &law_svg(&law(12, 12_000.0, log_x), &options))?;
    }
    save("survival_never", &survival_svg(&[none], &options("Nothing generalised", 640.0)))?;
    Ok(())
}
