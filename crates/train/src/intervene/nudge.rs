//! The smallest change: one weight, moved by units in the last place. What then differs is what chance alone makes of a run, beside which every effect is shown.

use super::{Action, At, FROM, InterventionRow, LANE_NUDGE, ON_WEIGHTS, Weights};
use pennydrop_graph::rng::{Purpose, Stream};
use pennydrop_models::{Param as Tensor, select};
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError};

/// The row.
pub const ROW: InterventionRow = InterventionRow {
    row: Row {
        name: "nudge",
        summary: "moves one weight, drawn among all, away from zero by units in the last place, once",
        source: "pennydrop",
        params: &[
            FROM,
            ON_WEIGHTS,
            Param { key: "draw", kind: Kind::Int { min: 0, max: 1 << 32 }, default: Default::Int(0), doc: "which draw: another number is another weight" },
            Param { key: "ulps", kind: Kind::Int { min: 1, max: 1 << 20 }, default: Default::Int(1), doc: "units in the last place" },
        ],
    },
    make,
};

#[derive(Debug)]
struct Nudge {
    on: Vec<(usize, usize)>,
    draw: u64,
    ulps: u32,
}

fn make(args: &Args, tensors: &[Tensor]) -> Result<Box<dyn Action>, SpecError> {
    let chosen = select("nudge.on", &args.strs("on"), tensors)?;
    let on: Vec<(usize, usize)> = tensors.iter().enumerate().filter(|(i, t)| chosen[*i] && t.size() > 0).map(|(i, t)| (i, t.size())).collect();
    if on.is_empty() {
        return Err(SpecError::new("nudge.on", "names no tensor of this network", "all, weights, or a group that it has"));
    }
    Ok(Box::new(Nudge { on, draw: args.size("draw") as u64, ulps: args.size("ulps") as u32 }))
}

impl Action for Nudge {
    fn fire(&self, w: &mut dyn Weights, _: Option<&[f64]>, at: At) -> Vec<f64> {
        let total: usize = self.on.iter().map(|(_, n)| n).sum();
        let stream = Stream::new(at.seed, Purpose::Noise, LANE_NUDGE, self.draw);
        let mut place = stream.below(0, total as u64) as usize;
        for (i, size) in &self.on {
            if place < *size {
                for _ in 0..self.ulps {
                    w.next(*i, place);
                }
                break;
            }
            place -= size;
        }
        Vec::new()
    }
}
