//! Writes a campaign of made-up runs with the columns of real ones: `million FOLDER [RUNS]`. What reading, querying and drawing a large record takes is
//! measured on it; its numbers mean nothing.
//!
//! The columns are those that the lab writes for modular addition with p = 97 and a transformer, with three swept keys: 10 learning rates, 10 weight
//! decays, 10 fractions, and seeds.

use pennydrop_store::{Campaign, IfOther, Producer, Table};
use std::path::PathBuf;

const PART: usize = 100_000;
const UNITS: [&str; 3] = ["_epochs", "_eta", "_eta_lambda"];
const TENSORS: [&str; 8] = ["embed.W_E", "attn.W_Q", "attn.W_K", "attn.W_V", "attn.W_O", "mlp.W_in", "mlp.W_out", "unembed.W_U"];

/// A made-up number in [0, 1) (SplitMix64 of row and column).
fn unit(row: usize, column: u64) -> f64 {
    (mix((row as u64) << 16 | column) >> 11) as f64 / (1u64 << 53) as f64
}

fn mix(x: u64) -> u64 {
    let mut z = x.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ z >> 31
}

/// A run's settings: learning rate, weight decay, fraction, seed.
fn cell(row: usize) -> (f64, f64, f64, usize) {
    let lr = [1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 3e-3, 5e-3, 1e-2, 2e-2, 3e-2][row % 10];
    let decay = [0.0, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0][row / 10 % 10];
    (lr, decay, 0.2 + 0.06 * (row / 100 % 10) as f64, row / 1000)
}

const BUDGET: i64 = 30_000;

/// Steps at which a made-up run memorised and generalised.
fn times(row: usize) -> (i64, Option<i64>) {
    let (lr, decay, fraction, _) = cell(row);
    let memorised = (40.0 + 0.3 / lr * (0.5 + unit(row, 1))) as i64;
    let delay = (1.0 + 20.0 * unit(row, 2)) / (0.001 + lr * decay) / (fraction * fraction);
    let grokked = memorised + delay as i64;
    (memorised.min(BUDGET), (grokked < BUDGET).then_some(grokked))
}

fn when(table: Table, name: &str, at: &[Option<i64>], rows: std::ops::Range<usize>) -> Table {
    let unit = |i: usize, suffix: &str| {
        let (lr, decay, ..) = cell(rows.start + i);
        let factor = match suffix {
            "_epochs" => 1.0,
            "_eta" => lr,
            _ => lr * decay,
        };
        at[i].map(|s| s as f64 * factor)
    };
    let table = table.i64(name, at.iter().copied());
    UNITS.iter().fold(table, |t, suffix| t.f64(&format!("{name}{suffix}"), (0..at.len()).map(|i| unit(i, suffix))))
}

fn part(rows: std::ops::Range<usize>) -> Table {
    let all = || rows.clone();
    let memorised: Vec<Option<i64>> = all().map(|r| Some(times(r).0)).collect();
    let grokked: Vec<Option<i64>> = all().map(|r| times(r).1).collect();
    let steps = |r: usize| times(r).1.unwrap_or(BUDGET);
    let stop = |r: usize| if times(r).1.is_some() { "grokked" } else { "steps" };
    let mut t = Table::default()
        .str("run_id", all().map(|r| Some(format!("{:016x}", mix(r as u64)))))
        .i64("seed", all().map(|r| Some(cell(r).3 as i64)))
        .str("stop", all().map(|r| Some(stop(r))));
    t = when(t, "t_mem", &memorised, all());
    t = when(t, "t_grok", &grokked, all());
    t = t
        .i64("delay", all().map(|r| times(r).1.map(|g| g - times(r).0)))
        .bool("censored", all().map(|r| Some(times(r).1.is_none())))
        .bool("lost", all().map(|r| Some(unit(r, 3) < 0.01)))
        .i64("steps", all().map(|r| Some(steps(r))))
        .i64("budget", all().map(|_| Some(BUDGET)))
        .f64("wall_s", all().map(|r| Some(steps(r) as f64 * (1e-4 + 1e-5 * unit(r, 4)))))
        .f64("steps_per_s", all().map(|r| Some(9e3 + 1e3 * unit(r, 4))))
        .str("weights_hash", all().map(|r| Some((0..4).map(|k| format!("{:016x}", mix((r as u64) << 3 | k))).collect::<String>())));
    for name in ["seed_init", "seed_split", "seed_batch", "seed_noise"] {
        t = t.i64(name, all().map(|r| Some(cell(r).3 as i64)));
    }
    for level in ["0.95", "0.99"] {
        t = t.i64(&format!("delay_{level}"), all().map(|r| times(r).1.map(|g| g - times(r).0)));
        t = t.f64(&format!("delay_ratio_{level}"), all().map(|r| times(r).1.map(|g| g as f64 / times(r).0 as f64)));
    }
    for curve in ["train", "test"] {
        for level in ["0.5", "0.9", "0.95", "0.99"] {
            for kind in ["first", "first_sustained", "last_sustained"] {
                let at = if curve == "train" { &memorised } else { &grokked };
                t = when(t, &format!("{curve}_{level}_{kind}"), at, all());
            }
        }
    }
    let measures =
        ["train_loss", "test_loss", "train_accuracy", "test_accuracy", "penalty", "collapsed", "logit_scale", "norm", "lr", "fourier_gini", "fourier_ipr"];
    for (k, name) in measures.iter().map(|m| m.to_string()).chain(TENSORS.iter().map(|n| format!("norm.{n}"))).enumerate() {
        // One run in fifty diverged.
        let value = |r: usize| if unit(r, 5) < 0.02 { f64::NAN } else { unit(r, 100 + k as u64) };
        t = t.f64(&format!("final_{name}"), all().map(|r| Some(value(r))));
    }
    for k in 1..=48 {
        t = t.f64(&format!("fourier_power.{k}"), all().map(|r| Some(unit(r, 200 + k))));
    }
    let spec = |r: usize| {
        let (lr, decay, fraction, _) = cell(r);
        let rest: String = (0..24).map(|k| format!("key_{k} = \"a value of a key\"\n")).collect();
        format!(
            "[task]\nname = \"add\"\np = 97\nfraction = {fraction}\n[model]\nname = \"transformer\"\n{rest}[optim]\nname = \"adamw\"\nlr = {lr:?}\nweight_decay = {decay:?}\n"
        )
    };
    t.f64("chance", all().map(|_| Some(1.0 / 97.0)))
        .str("label", all().map(|_| Some("nanda")))
        .str("spec", all().map(|r| Some(spec(r))))
        .str("limits", all().map(|_| Some(format!("train.steps = {BUDGET}\ntrain.stop = \"grokked\"\n"))))
        .str("levels", all().map(|_| Some("avx2")))
        .str("machine", all().map(|_| Some("made up")))
        .str("engine", all().map(|_| Some("0.1.0")))
        .i64("numerics", all().map(|_| Some(1)))
        .f64("optim.lr", all().map(|r| Some(cell(r).0)))
        .f64("optim.weight_decay", all().map(|r| Some(cell(r).1)))
        .f64("task.fraction", all().map(|r| Some(cell(r).2)))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let folder = PathBuf::from(words.next().ok_or("usage: million FOLDER [RUNS]")?);
    let runs = words.next().map_or(Ok(1_000_000), |w| w.parse::<usize>())?;
    let me = Producer { engine: "0.1.0".into(), numerics: "1".into(), class: "made up".into() };
    let campaign =
        Campaign::create(&folder, "numerics = 1\nkind = \"sweep\"\nlabel = \"made up\"\n\n# crates/store/examples/million.rs\n", &me, IfOther::Refuse)?;
    for start in (0..runs).step_by(PART) {
        let part = campaign.append("runs", &part(start..runs.min(start + PART)))?;
        println!("{}: {} rows, {} bytes", part.file, part.rows, part.bytes);
    }
    Ok(())
}
