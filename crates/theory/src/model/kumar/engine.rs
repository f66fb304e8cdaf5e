//! The network and its linearisation through the engine: f by a graph for one example, ∇f·(θ − θ₀) by its Jacobian–vector product, both trained by reverse derivatives, neuron by
//! neuron. It shares no formula with the sufficient statistics or the kernel.

use super::network::{Data, Hyper};
use crate::model::TheoryError;
use pennydrop_graph::ad;
use pennydrop_graph::cpu::{Inputs, Program, Sequential};
use pennydrop_graph::domain::Domain;
use pennydrop_graph::feed::{Batch, Feed};
use pennydrop_graph::ir::{Fold, Graph, Id};
use pennydrop_graph::rewrite::{Rewrites, clean};

/// Both models in the middle of their training: `D × N` each.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// W₀, W and θ − θ₀ of the linearised model.
    pub states: [Vec<f64>; 3],
}

/// Losses after some steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Step.
    pub step: usize,
    /// Training loss mean (f − y)² of the network and of the linearised model.
    pub train: (f64, f64),
    /// (f − y)² of the network on each test input, and of the linearised model.
    pub test: (Vec<f64>, Vec<f64>),
}

/// The graph: states W₀, W, T; features x, y; outputs f and f_lin, and Σ over rows of (f − y)²/(Pα²) for each.
struct Traced {
    graph: Graph,
    states: [Id; 3],
    outputs: [Id; 2],
    losses: [Id; 2],
}

fn trace(d: usize, p: usize, h: Hyper) -> Traced {
    let mut g = Graph::new(Vec::new());
    let shape = [d, h.width];
    let states = [g.state("W_0", &shape), g.state("W", &shape), g.state("T", &shape)];
    let (x, y) = (g.feature("x", d), g.feature("y", 1));
    let network = |g: &mut Graph, w: Id| {
        let field = g.linear(x, w);
        let field = g.scale(field, 1.0 / (d as f64).sqrt());
        let square = g.mul(field, field);
        let square = g.scale(square, 0.5 * h.epsilon);
        let active = g.add(field, square);
        let sum = g.sum_all(active);
        g.scale(sum, h.alpha / h.width as f64)
    };
    let now = network(&mut g, states[1]);
    let start = network(&mut g, states[0]);
    let tangent = ad::jvp(&mut g, &[(states[0], states[2])], &[start])[0];
    let linearised = match tangent {
        Some(t) => g.add(start, t),
        None => start,
    };
    let target = g.sum_all(y);
    let loss = |g: &mut Graph, f: Id| {
        let r = g.sub(f, target);
        let square = g.mul(r, r);
        let square = g.scale(square, 1.0 / (p as f64 * h.alpha * h.alpha));
        g.reduce_rows(Fold::Sum, Domain::UNIT, square)
    };
    let losses = [loss(&mut g, now), loss(&mut g, linearised)];
    Traced { graph: g, states, outputs: [now, linearised], losses }
}

fn feed(graph: &Graph, data: &Data) -> Feed {
    let mut feed = Feed::new(graph, data.p());
    feed.set(|to| *to = Batch { rows: data.p(), tokens: Vec::new(), indices: Vec::new(), features: vec![data.x.clone(), data.y.clone()] });
    feed
}

/// Trains both from `weights` (`N × D`) and looks at `steps` (ascending).
///
/// # Errors
/// The stop callback; losses that are not finite.
pub fn train(data: &Data, held: &Data, h: Hyper, weights: &[f64], steps: &[usize], stop: &(dyn Fn() -> bool + Sync)) -> Result<(Vec<Seen>, Pair), TheoryError> {
    let (d, p) = (data.d(), data.p());
    let Traced { mut graph, states, outputs, losses } = trace(d, p, h);
    let rate = h.rate * h.width as f64;
    let mut roots = Vec::new();
    for (loss, state) in losses.iter().zip([states[1], states[2]]) {
        let gradient = ad::grad(&mut graph, *loss, &[state])[0];
        let change = graph.scale(gradient, -rate);
        roots.push(graph.add(state, change));
    }
    roots.extend(losses);
    let step = clean::clean(&graph, &roots, &Rewrites::default());
    let program: Program<f64> = Program::compile(&step.graph, &[(1, step.roots[0]), (2, step.roots[1])], &step.roots[2..], p, true);
    let look = clean::clean(&graph, &outputs, &Rewrites::default());
    let reading: Program<f64> = Program::compile(&look.graph, &[], &look.roots, held.p(), true);
    let (train_feed, test_feed) = (feed(&step.graph, data), feed(&look.graph, held));
    let (mut memory, mut reading_memory) = (program.memory(), reading.memory());
    let transposed: Vec<f64> = (0..d * h.width).map(|k| weights[k % h.width * d + k / h.width]).collect();
    let mut tensors = vec![transposed.clone(), transposed, vec![0.0; d * h.width]];
    let inputs = Inputs { scalars: &[], seed: 0, step: 0 };
    let mut seen = Vec::new();
    for at in 0..=steps.last().copied().unwrap_or(0) {
        let is_looked_at = steps.get(seen.len()) == Some(&at);
        let mut test = (Vec::new(), Vec::new());
        if is_looked_at {
            if stop() {
                return Err(TheoryError::Stopped);
            }
            reading.run(&mut reading_memory, &mut tensors, &test_feed, inputs, &Sequential);
            let squares = |k: usize| reading.output(&reading_memory, &test_feed, k).iter().zip(&held.y).map(|(f, y)| (f - y) * (f - y)).collect();
            test = (squares(0), squares(1));
        }
        let kept = (steps.last() == Some(&at)).then(|| tensors.clone());
        program.run(&mut memory, &mut tensors, &train_feed, inputs, &Sequential);
        if is_looked_at {
            let loss = |k: usize| program.output(&memory, &train_feed, k)[0] * h.alpha * h.alpha;
            let train = (loss(0), loss(1));
            if !(train.0 + train.1).is_finite() {
                return Err(TheoryError::numeric("training", format!("a loss is not finite at step {at}: the learning rate is too large")));
            }
            seen.push(Seen { step: at, train, test });
        }
        // The last run of the program was for its losses alone.
        if let Some(kept) = kept {
            tensors = kept;
        }
    }
    let [a, b, c] = [0, 1, 2].map(|k| std::mem::take(&mut tensors[k]));
    Ok((seen, Pair { states: [a, b, c] }))
}
