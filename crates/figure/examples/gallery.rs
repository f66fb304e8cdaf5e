//! Draws a gallery of synthetic runs into a folder, to be looked at: `cargo run -p pennydrop-figure --example gallery -- FOLDER`.

#[path = "../tests/common/mod.rs"]
mod common;

use common::{noise, run, survival};
use pennydrop_figure::{ExtraPanel, Options, Role, RunCurves, Series, curves_svg, png, text::Chart};
use std::{error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("name a folder to draw into")?;
    let folder = Path::new(&folder);
    fs::create_dir_all(folder)?;
    let options = |title: &str| Options {
        title: title.into(),
        command: "pennydrop run nanda-modadd seed=3 train.steps=12000".into(),
        chance: Some(1.0 / 97.0),
        ..Options::default()
    };
    let save = |name: &str, svg: &str| -> Result<(), Box<dyn Error>> {
        fs::write(folder.join(format!("{name}.svg")), svg)?;
        Ok(fs::write(folder.join(format!("{name}.png")), png(svg, 2.0)?)?)
    };

    let grok = run(3, 200.0, 6000.0, 12_000.0, 64.0);
    save("grok", &curves_svg(std::slice::from_ref(&grok), &[], &options("Modular addition mod 97, transformer, AdamW λ = 1")))?;

    let seeds: Vec<RunCurves> = (0..10)
        .map(|s| {
            let grok = if s == 4 || s == 7 { 9e4 } else { 6000.0 * libm::exp(0.3 * noise(s, 5)) };
            run(s, 200.0 * libm::exp(0.2 * noise(s, 4)), grok, if s == 2 { 9000.0 } else { 12_000.0 }, 48.0)
        })
        .collect();
    let curves = [survival("t_mem", Role::Train, &seeds, |r| r.t_mem), survival("t_grok", Role::Test, &seeds, |r| r.t_grok)];
    save("seeds", &curves_svg(&seeds, &curves, &options("Ten seeds, two of which had not generalised by their budget")))?;
    save("seeds_plain", &curves_svg(&seeds, &[], &options("Ten seeds without survival curves")))?;

    save("seeds_narrow", &curves_svg(&seeds, &curves, &Options { width: 340.0, panel_height: 90.0, ..options("Ten seeds in one column of a paper") }))?;
    let mostly_never: Vec<RunCurves> = (0..6).map(|s| run(s, 200.0, if s == 1 { 5000.0 } else { 1e6 }, 12_000.0, 48.0)).collect();
    let curves = [survival("t_mem", Role::Train, &mostly_never, |r| r.t_mem), survival("t_grok", Role::Test, &mostly_never, |r| r.t_grok)];
    save("mostly_never", &curves_svg(&mostly_never, &curves, &options("Median not reached")))?;

    save("never", &curves_svg(&[run(3, 200.0, 1e6, 12_000.0, 64.0)], &[], &options("No weight decay")))?;
    save("at_once", &curves_svg(&[run(3, 100.0, 88.0, 12_000.0, 64.0)], &[], &options("Generalises at once")))?;

    let mut early = run(5, 4.0, 7.0, 100_000.0, 64.0);
    early.train_loss.iter_mut().filter(|p| p.0 > 2000.0).for_each(|p| p.1 = f64::NAN);
    early.extra = vec![ExtraPanel {
        label: "norms and a very long list of names".into(),
        log: true,
        series: (0..6u8)
            .map(|i| Series {
                name: format!("block{i}.mlp.W_in"),
                points: early.test_loss.iter().map(|p| (p.0, p.1 * 3f64.powi(i.into()))).collect(),
                role: Role::Other,
            })
            .collect(),
    }];
    save(
        "early",
        &curves_svg(
            &[early],
            &[],
            &Options {
                width: 480.0,
                ..options(
                    "Times close together at the far left; a diverging loss; <odd> & \"quoted\" names in a title that is long enough to need a second line",
                )
            },
        ),
    )?;

    let mut long = run(6, 3000.0, 9000.0, 10_000.0, 4000.0);
    long.train_acc.iter_mut().enumerate().for_each(|(i, p)| p.1 = (p.1 - if i % 977 == 0 { 0.4 } else { 0.0 }).max(0.0));
    save("long", &curves_svg(&[long], &[], &options("Many points, spikes, t_grok at the right edge")))?;

    let one = RunCurves { run_id: "one".into(), train_acc: vec![(50.0, 0.3)], test_loss: vec![(50.0, 2.0)], steps: 50.0, ..RunCurves::default() };
    save("one_point", &curves_svg(&[one], &[], &options("A single point")))?;
    save("nothing", &curves_svg(&[], &[], &options("Nothing at all")))?;

    for (width, height) in [(80, 24), (120, 40), (50, 10)] {
        for (ascii, colour) in [(false, true), (false, false), (true, false)] {
            println!("{width}×{height} ascii={ascii} colour={colour}");
            for line in (Chart { width, height, ascii, colour, title: "modular addition mod 97 · seed 3".into(), chance: Some(1.0 / 97.0) }).lines(&grok) {
                println!("{line}");
            }
        }
    }
    Ok(())
}
