//! Gaussian noise on weights.

use super::{Action, At, FROM, InterventionRow, LANE_NOISE, LASTS, ON, TIMES, Weights};
use pennydrop_graph::rng::{Purpose, Stream};
use pennydrop_models::{Param as Tensor, select};
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError};

/// The row.
pub const ROW: InterventionRow = InterventionRow {
    row: Row {
        name: "noise",
        summary: "adds Gaussian noise to weights, once or after every step",
        source: "pennydrop",
        params: &[
            FROM,
            LASTS,
            ON,
            TIMES,
            Param { key: "sigma", kind: Kind::Float { min: 0.0, max: 1e6 }, default: Default::Float(0.0), doc: "its standard deviation" },
            Param {
                key: "relative",
                kind: Kind::Bool,
                default: Default::Bool(false),
                doc: "sigma is a multiple of the root mean square of each tensor, as it is then",
            },
        ],
    },
    make,
};

#[derive(Debug)]
struct Noise {
    on: Vec<(usize, usize)>,
    sigma: f64,
    relative: bool,
    every: bool,
}

fn make(args: &Args, tensors: &[Tensor]) -> Result<Box<dyn Action>, SpecError> {
    let on = select("noise.on", &args.strs("on"), tensors)?;
    let on = tensors.iter().enumerate().zip(on).filter(|(_, on)| *on).map(|((i, t), _)| (i, t.size())).collect();
    Ok(Box::new(Noise { on, sigma: args.float("sigma"), relative: args.bool("relative"), every: args.str("times") == "every" }))
}

impl Noise {
    fn add(&self, w: &mut dyn Weights, at: At) {
        for (i, size) in &self.on {
            let unit = if self.relative { (w.square(*i) / (*size).max(1) as f64).sqrt() } else { 1.0 };
            let stream = Stream::new(at.seed, Purpose::Noise, LANE_NOISE + *i as u32, at.step);
            w.map(*i, &mut |j, x| x + self.sigma * unit * stream.normal(j as u64));
        }
    }
}

impl Action for Noise {
    fn fire(&self, w: &mut dyn Weights, _: Option<&[f64]>, at: At) -> Vec<f64> {
        if !self.every {
            self.add(w, at);
        }
        Vec::new()
    }

    fn after(&self, w: &mut dyn Weights, _: &[f64], at: At) {
        if self.every {
            self.add(w, at);
        }
    }
}
