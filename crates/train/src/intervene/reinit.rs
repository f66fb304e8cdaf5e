//! Part of a tensor drawn anew: some of its slices along an axis (attention heads, neurons, tokens), or a random share of its elements.

use super::{Action, At, FROM, InterventionRow, LANE_REINIT, ON_WEIGHTS, Weights};
use pennydrop_graph::rng::{Purpose, Stream};
use pennydrop_models::{Param as Tensor, select};
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError};

/// The row.
pub const ROW: InterventionRow = InterventionRow {
    row: Row {
        name: "reinit",
        summary: "draws part of tensors anew from their first distribution, once",
        source: "re-initialised heads: arXiv 2605.20441",
        params: &[
            FROM,
            ON_WEIGHTS,
            Param { key: "axis", kind: Kind::Int { min: 0, max: 7 }, default: Default::Int(0), doc: "the axis along which begin and end count" },
            Param { key: "begin", kind: Kind::Int { min: 0, max: 1 << 32 }, default: Default::Int(0), doc: "first slice drawn anew" },
            Param { key: "end", kind: Kind::Int { min: 0, max: 1 << 32 }, default: Default::Int(0), doc: "one past the last; 0: to the end of the axis" },
            Param {
                key: "share",
                kind: Kind::Float { min: 0.0, max: 1.0 },
                default: Default::Float(1.0),
                doc: "probability with which an element of those slices is drawn anew, each by itself",
            },
        ],
    },
    make,
};

#[derive(Debug)]
struct Reinit {
    /// Number of each tensor, the tensor, elements of one slice, length of the axis.
    on: Vec<(usize, Tensor, usize, usize)>,
    begin: usize,
    end: usize,
    share: f64,
}

fn make(args: &Args, tensors: &[Tensor]) -> Result<Box<dyn Action>, SpecError> {
    let chosen = select("reinit.on", &args.strs("on"), tensors)?;
    let (axis, begin, end) = (args.size("axis"), args.size("begin"), args.size("end"));
    let mut on = Vec::new();
    for (i, t) in tensors.iter().enumerate().filter(|(i, _)| chosen[*i]) {
        let Some(length) = t.shape.get(axis).copied() else {
            return Err(SpecError::new(
                "reinit.axis",
                format!("`{}` has the shape {:?}, and no axis {axis}", t.name, t.shape),
                "an axis that every tensor of `on` has",
            ));
        };
        let last = if end == 0 { length } else { end };
        if begin >= last || last > length {
            let problem = format!("{begin} to {last} are no slices of `{}`, whose axis {axis} has {length}", t.name);
            return Err(SpecError::new("reinit.end", problem, "begin < end ≤ the length of the axis"));
        }
        on.push((i, t.clone(), t.shape[axis + 1..].iter().product(), length));
    }
    Ok(Box::new(Reinit { on, begin, end, share: args.float("share") }))
}

impl Action for Reinit {
    fn fire(&self, w: &mut dyn Weights, _: Option<&[f64]>, at: At) -> Vec<f64> {
        for (i, tensor, slice, length) in &self.on {
            let stream = Stream::new(at.seed, Purpose::Noise, LANE_REINIT + *i as u32, at.step);
            // A seed of its own: the first draw of another run must not come back.
            let drawn = tensor.init.sample(&tensor.shape, stream.bits(0), *i);
            let end = if self.end == 0 { *length } else { self.end };
            w.map(*i, &mut |j, x| {
                let within = (self.begin..end).contains(&(j / slice % length));
                if within && (self.share >= 1.0 || stream.uniform(1 + j as u64) < self.share) { drawn[j] } else { x }
            });
        }
        Vec::new()
    }
}
