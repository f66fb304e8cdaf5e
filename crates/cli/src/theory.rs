//! `theory`: solvable models. The flags of a model come from its row.

use crate::output;
use clap::{Arg, ArgMatches, value_parser};
use pennydrop_lab::theory::{Terms, along, arguments, ask, flag, json, laws, picture, value, words, write_weights};
use pennydrop_lab::{Error, Record, Signals, locate, picture as files, spec::catalog};
use pennydrop_registry::Param;
use pennydrop_theory::{Model, models};
use serde_json::json as object;
use std::path::{Path, PathBuf};

/// What is asked of which model.
#[derive(Debug)]
pub enum TheoryArgs {
    /// Nothing: the list of models.
    List,
    /// A model.
    Model(Box<Asked>),
    /// Delay laws, beside a run or a campaign where one is named.
    Laws { what: Option<String>, out: Option<PathBuf>, json: bool },
}

#[derive(Debug)]
pub struct Asked {
    model: &'static Model,
    /// Parameters as typed.
    typed: Vec<(&'static str, String)>,
    sweep: Option<String>,
    samples: Option<u32>,
    seed: u64,
    threads: Option<u16>,
    json: bool,
    /// With `plot`: where the figure goes.
    plot: Option<Option<PathBuf>>,
    /// With `weights`: where they go.
    weights: Option<Option<PathBuf>>,
}

impl clap::Args for TheoryArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        let models = models().iter().map(|m| {
            let plot = clap::Command::new("plot").about("Draw the charts as SVG and PNG").arg(
                Arg::new("output")
                    .short('o')
                    .long("output")
                    .value_name("FILE")
                    .value_parser(value_parser!(PathBuf))
                    .help("Where (default: theory-MODEL in this folder)"),
            );
            let parameters = m.row.params.iter().enumerate().map(|(i, p)| parameter(i, p));
            let weights = pennydrop_theory::weights(m.row.name).map(|w| {
                clap::Command::new("weights").about(format!("Write the closed form as weights that `run {} model.init=FILE` takes", w.preset)).arg(
                    Arg::new("output")
                        .short('o')
                        .long("output")
                        .value_name("FILE")
                        .value_parser(value_parser!(PathBuf))
                        .help("Where (default: MODEL.safetensors in this folder)"),
                )
            });
            clap::Command::new(m.row.name)
                .about(m.row.summary)
                .after_help(format!("Source: {}\nA simulation has {} samples where nobody says.", m.row.source, m.samples))
                .args(parameters)
                .args(common())
                .subcommand(plot)
                .subcommands(weights)
        });
        let laws = clap::Command::new("laws")
            .about("Delay laws, with what they read and where they apply; beside a run or a campaign what each predicts")
            .arg(Arg::new("what").value_name("RUN|CAMPAIGN").help("A campaign folder, or the beginning of a run's id"))
            .arg(
                Arg::new("out")
                    .long("out")
                    .value_name("DIR")
                    .value_parser(value_parser!(PathBuf))
                    .help("The campaign folder in which the run is looked for (default: runs/*)"),
            )
            .arg(Arg::new("json").long("json").action(clap::ArgAction::SetTrue).help("Print JSON"));
        command.subcommands(models).subcommand(laws).disable_help_subcommand(true)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

fn parameter(order: usize, p: &'static Param) -> Arg {
    let help = format!("{} [default: {}; {}]", p.doc, catalog::default_text(&p.default), p.kind.describe());
    let arg = Arg::new(p.key).long(flag(p.key)).value_name("VALUE").help(help).global(true).allow_hyphen_values(true).display_order(order);
    if flag(p.key) == p.key { arg } else { arg.alias(p.key) }
}

fn common() -> [Arg; 5] {
    let arg = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help).global(true).help_heading("Simulation and output")
    };
    [
        arg("sweep", "KEY=VALUES", "Ask along a parameter: a list with commas, range(…), linspace(…) or logspace(…)"),
        arg("samples", "N", "Samples of the simulation").value_parser(value_parser!(u32).range(1..)).allow_negative_numbers(true),
        arg("seed", "N", "Seed of every draw").value_parser(value_parser!(u64)).default_value("0"),
        arg("threads", "N", "Threads; the answer does not depend on them").value_parser(value_parser!(u16).range(1..=1024)),
        Arg::new("json").long("json").action(clap::ArgAction::SetTrue).help("Print JSON").global(true).help_heading("Simulation and output"),
    ]
}

impl clap::FromArgMatches for TheoryArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let Some((name, m)) = matches.subcommand() else { return Ok(TheoryArgs::List) };
        if name == "laws" {
            let (what, out) = (m.get_one::<String>("what").cloned(), m.get_one::<PathBuf>("out").cloned());
            return Ok(TheoryArgs::Laws { what, out, json: m.get_flag("json") });
        }
        // clap has refused every other name.
        let Some(model) = models().iter().copied().find(|m| m.row.name == name) else { return Ok(TheoryArgs::List) };
        let typed = model.row.params.iter().filter_map(|p| m.get_one::<String>(p.key).map(|text| (p.key, text.clone()))).collect();
        let target = |name: &str| m.subcommand().filter(|s| s.0 == name).map(|(_, s)| s.get_one::<PathBuf>("output").cloned());
        let (plot, weights) = (target("plot"), target("weights"));
        Ok(TheoryArgs::Model(Box::new(Asked {
            model,
            typed,
            sweep: m.get_one::<String>("sweep").cloned(),
            samples: m.get_one::<u32>("samples").copied(),
            seed: m.get_one::<u64>("seed").copied().unwrap_or(0),
            threads: m.get_one::<u16>("threads").copied(),
            json: m.get_flag("json"),
            plot,
            weights,
        })))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

pub fn theory(a: &TheoryArgs) -> Result<u8, Error> {
    match a {
        TheoryArgs::List => {
            output::data(&output::table(&models().iter().map(|m| vec![m.row.name.into(), m.row.summary.into()]).collect::<Vec<_>>()));
            output::talk("`pennydrop theory MODEL` answers, `pennydrop theory MODEL --help` shows its parameters, `pennydrop theory laws` lists delay laws");
            Ok(0)
        }
        TheoryArgs::Model(asked) => answer(asked),
        TheoryArgs::Laws { what, out, json } => beside(what.as_deref(), out.as_deref(), *json),
    }
}

/// Delay laws: the list, or what each predicts for the runs of a record.
fn beside(what: Option<&str>, out: Option<&Path>, as_json: bool) -> Result<u8, Error> {
    let Some(what) = what else {
        output::data(&(laws::catalogue().join("\n") + "\n"));
        return Ok(0);
    };
    let (record, run) = if Path::new(what).join("campaign.toml").is_file() {
        (Record::read(Path::new(what))?, None)
    } else {
        let found = locate::find(what, out)?;
        (found.record, Some(found.run_id))
    };
    let seen = laws::seen(&record)?;
    let index = run.as_ref().map(|id| seen.ids.iter().position(|i| i == id));
    if seen.runs.is_empty() || index == Some(None) {
        return Err(Error::usage(format!("{what} has no finished run for a law to predict"), "`pennydrop status DIR` says how far a campaign is"));
    }
    let verdicts = laws::verdicts(&seen);
    if as_json {
        output::json(&laws::json(&seen, &verdicts));
        return Ok(0);
    }
    if let Some(Some(run)) = index {
        let m = &seen.runs[run].measured;
        let time = |t: Option<f64>| t.map_or(format!("not within {} steps", m.steps), |t| format!("{t}"));
        output::data(&format!("run {}: t_mem {}, t_grok {}\n\n", seen.ids[run], time(m.t_mem), time(m.t_grok)));
        output::data(&output::table(&laws::run_rows(&verdicts, run)));
        return Ok(0);
    }
    let (rows, outside) = laws::campaign_rows(&verdicts);
    let generalised = seen.runs.iter().filter(|r| r.measured.t_grok.is_some()).count();
    output::data(&format!(
        "{} runs, {generalised} of which generalised. Error: mean of |ln(predicted/observed)| as a factor, each run predicted by constants from other settings\n\n",
        seen.runs.len()
    ));
    output::data(&output::table(&rows));
    if !outside.is_empty() {
        output::data(&format!("\n{}\n", outside.join("\n")));
    }
    Ok(0)
}

fn answer(a: &Asked) -> Result<u8, Error> {
    let given = a.typed.iter().map(|(key, text)| Ok((key.to_string(), value(a.model, key, text)?))).collect::<Result<Vec<_>, Error>>()?;
    if let (Some(target), Some(weights)) = (&a.weights, pennydrop_theory::weights(a.model.row.name)) {
        let args = arguments(a.model, &given)?;
        let path = target.clone().unwrap_or_else(|| PathBuf::from(format!("{}.safetensors", a.model.row.name)));
        let words = write_weights(a.model, weights, &args, a.seed, &path)?;
        if a.json {
            output::json(&object!({"schema": "pennydrop.theory-weights/1", "model": a.model.row.name, "file": path, "run": words}));
        } else {
            output::data(&format!("{}\n", path.display()));
            output::talk(&format!("pennydrop {} begins from them", words.join(" ")));
        }
        return Ok(0);
    }
    let signals = Signals::listen()?;
    let stop = || signals.stop();
    let threads = a.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let terms = Terms { samples: a.samples.map(|n| n as usize), seed: a.seed, threads, stop: &stop };
    let samples = terms.samples.unwrap_or(a.model.samples);
    let (charts, notes, shown, as_json);
    match &a.sweep {
        Some(word) => {
            let found = along(a.model, &given, word, &terms)?;
            (charts, notes) = (found.charts(), Vec::new());
            as_json = json::sweep(a.model, &given, samples, a.seed, &found);
            shown = words::sweep(&found).into_iter().map(|(doc, rows)| format!("{doc}\n{}", output::table(&rows))).collect::<Vec<_>>().join("\n");
        }
        None => {
            let args = arguments(a.model, &given)?;
            let said = ask(a.model, &args, &terms)?;
            as_json = json::answer(a.model, &args, samples, a.seed, &said);
            let mut text =
                format!("{} – {}\n{}\n\n{}", a.model.row.name, a.model.row.summary, words::arguments(&args), output::table(&words::quantities(&said)));
            for t in &said.tables {
                text += &format!("\n{}\n{}", t.title, output::table(&words::table(t)));
            }
            for part in [words::findings(a.model, &said), said.notes.clone()] {
                if !part.is_empty() {
                    text += &format!("\n{}\n", part.join("\n"));
                }
            }
            shown = text;
            (charts, notes) = (said.charts, said.notes);
        }
    }
    let Some(target) = &a.plot else {
        if a.json {
            output::json(&as_json)
        } else {
            output::data(&shown)
        }
        return Ok(0);
    };
    if charts.is_empty() {
        return Err(Error::usage("there is nothing to draw at these arguments", "without `plot` the numbers are printed"));
    }
    let svg = picture::draw(a.model, &charts, notes, &output::typed());
    let paths = write(target.as_deref(), a.model.row.name, &(svg.clone(), files::image(&svg)?))?;
    if a.json {
        let paths: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
        output::json(&object!({"schema": "pennydrop.plot/1", "view": "theory", "files": paths, "numbers": as_json}));
    } else {
        for p in paths {
            output::data(&format!("{}\n", p.display()));
        }
    }
    Ok(0)
}

/// Writes the figure as `.svg` and `.png` beside each other.
fn write(target: Option<&Path>, model: &str, figure: &(String, Vec<u8>)) -> Result<[PathBuf; 2], Error> {
    let target = target.map_or_else(|| PathBuf::from(format!("theory-{model}")), Path::to_path_buf);
    let stem = match target.extension().and_then(|e| e.to_str()) {
        Some("svg" | "png") => target.with_extension(""),
        _ => target,
    };
    let file = stem.file_name().map(|n| n.to_string_lossy().into_owned()).ok_or_else(|| Error::usage("-o names no file", "give a name, such as -o figure"))?;
    let folder = stem.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    files::write(folder, &file, figure)
}
