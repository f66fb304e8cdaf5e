//! The toy model, trained: embeddings of p symbols, a decoder of three layers that reads E_i + E_j, a random target for each sum, two AdamWs.
//!
//! 1 → width → width → outputs with tanh between, PyTorch's first values (uniform in ±1/√fan-in), mean squared error over entries, the whole training set a step. One
//! program of the engine holds forward, derivative and both updates; rates and decays are run-time scalars, so every cell of a phase diagram is the same program.

use super::TheoryError;
use super::lattice::Lattice;
use crate::numeric::Draws;
use pennydrop_graph::cpu::{Inputs, Memory, Program, Sequential};
use pennydrop_graph::feed::Feed;
use pennydrop_graph::ir::{Coordinate, Fold, Unary};
use pennydrop_graph::rewrite::Rewrites;
use pennydrop_graph::rewrite::clean::clean;
use pennydrop_graph::{Domain, Graph, Id, ad};

/// PyTorch's AdamW.
const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPS: f64 = 1e-8;

/// Sizes of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Symbols.
    pub p: usize,
    /// Dimensions of an embedding.
    pub dims: usize,
    /// Hidden neurons of each of the two layers.
    pub width: usize,
    /// Entries of a target.
    pub outputs: usize,
}

/// Rates and decays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Learning rate of the embeddings.
    pub embedding: f64,
    /// Learning rate of the decoder.
    pub decoder: f64,
    /// Decoupled weight decay of the embeddings.
    pub embedding_decay: f64,
    /// Decoupled weight decay of the decoder.
    pub decoder_decay: f64,
}

/// Compiled programs: the step for `trained` samples, the outputs of all samples.
#[derive(Debug)]
pub struct Toy {
    sizes: Sizes,
    lattice: Lattice,
    step: Program<f32>,
    step_graph: Graph,
    look: Program<f32>,
    look_graph: Graph,
    trained: usize,
}

/// Number of trained tensors: embedding, three weights, three biases.
const TENSORS: usize = 7;

/// States of the network in a graph, in one order: E, W₁, b₁, W₂, b₂, W₃, b₃, and the targets.
fn network(g: &mut Graph, s: Sizes) -> (Vec<Id>, Id, Id) {
    let shapes: [(&str, Vec<usize>); TENSORS] = [
        ("E", vec![s.p, s.dims]),
        ("W1", vec![s.dims, s.width]),
        ("b1", vec![s.width]),
        ("W2", vec![s.width, s.width]),
        ("b2", vec![s.width]),
        ("W3", vec![s.width, s.outputs]),
        ("b3", vec![s.outputs]),
    ];
    let nodes: Vec<Id> = shapes.iter().map(|(name, shape)| g.state(*name, shape)).collect();
    let targets = g.state("targets", &[2 * s.p - 1, s.outputs]);
    let (i, j) = (g.token(0), g.token(1));
    let (left, right) = (g.gather(nodes[0], i), g.gather(nodes[0], j));
    let mut x = g.add(left, right);
    for layer in 0..3 {
        let y = g.linear(x, nodes[1 + 2 * layer]);
        let y = g.add(y, nodes[2 + 2 * layer]);
        x = if layer < 2 { g.unary(Unary::Tanh, y) } else { y };
    }
    (nodes, targets, x)
}

fn coordinates(p: usize) -> Vec<Coordinate> {
    ["i", "j"].map(|name| Coordinate { name: name.into(), range: p }).into()
}

impl Toy {
    /// Compiles the programs for training sets of `trained` samples.
    pub fn new(sizes: Sizes, trained: usize) -> Toy {
        let lattice = Lattice::new(sizes.p);
        let mut g = Graph::new(coordinates(sizes.p));
        let (nodes, targets, out) = network(&mut g, sizes);
        let label = g.index("sum");
        let target = g.gather(targets, label);
        let gap = g.sub(out, target);
        let square = g.mul(gap, gap);
        let per_sample = g.sum_all(square);
        let per_sample = g.lift(Domain::SLOT, per_sample);
        let total = g.reduce_rows(Fold::Sum, Domain::UNIT, per_sample);
        let loss = g.scale(total, 1.0 / (trained * sizes.outputs) as f64);
        let grads = ad::grad(&mut g, loss, &nodes);
        let updates = adamw(&mut g, &nodes, &grads);
        let on = Rewrites::default();
        let cleaned = clean(&g, &updates.iter().map(|u| u.1).collect::<Vec<_>>(), &on);
        let updates: Vec<(usize, Id)> = updates.iter().zip(&cleaned.roots).map(|(u, id)| (u.0, *id)).collect();
        let step = Program::compile(&cleaned.graph, &updates, &[], trained, true);

        let mut look = Graph::new(coordinates(sizes.p));
        let (_, _, out) = network(&mut look, sizes);
        let out = look.lift(Domain::SLOT, out);
        let seen = clean(&look, &[out], &on);
        let look = Program::compile(&seen.graph, &[], &seen.roots, lattice.samples.len(), true);
        Toy { sizes, lattice, step, step_graph: cleaned.graph, look, look_graph: seen.graph, trained }
    }
}

/// PyTorch's AdamW on all tensors, the first with rates of its own. Written here because the optimizers of `pennydrop-optim` name their scalars, and two in one graph
/// would share them; a test holds it against plain loops.
fn adamw(g: &mut Graph, nodes: &[Id], grads: &[Id]) -> Vec<(usize, Id)> {
    let first_correction = g.scalar("c1");
    let second_correction = g.scalar("c2");
    let groups = ["embedding", "decoder"].map(|name| (g.scalar(format!("{name}.lr")), g.scalar(format!("{name}.keep"))));
    let eps = g.number(EPS);
    let (mut updates, mut moments) = (Vec::new(), Vec::new());
    for (k, (node, grad)) in nodes.iter().zip(grads).enumerate() {
        let (lr, keep) = groups[usize::from(k > 0)];
        let shape = g.shape(*node).to_vec();
        let mut average = |g: &mut Graph, name: &str, x: Id, beta: f64| {
            let old = g.state(format!("{name}{k}"), &shape);
            let state = g.states.len() - 1;
            let (kept, new) = (g.scale(old, beta), g.scale(x, 1.0 - beta));
            let now = g.add(kept, new);
            moments.push((state, now));
            now
        };
        let square = g.mul(*grad, *grad);
        let m = average(g, "m", *grad, BETA1);
        let v = average(g, "v", square, BETA2);
        let (m, v) = (g.mul(m, first_correction), g.mul(v, second_correction));
        let root = g.unary(Unary::Sqrt, v);
        let root = g.add(root, eps);
        let direction = g.div(m, root);
        let moved = g.mul(direction, lr);
        let kept = g.mul(*node, keep);
        updates.push((k, g.sub(kept, moved)));
    }
    updates.extend(moments);
    updates
}

/// One look at a network in training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Steps taken.
    pub step: usize,
    /// Share of training samples whose output is nearest to their own target.
    pub train: f64,
    /// The same of the other samples; NaN without any.
    pub test: f64,
    /// Representation-quality index.
    pub quality: f64,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Looks, in order.
    pub looks: Vec<Look>,
    /// Which samples were trained.
    pub trained: Vec<bool>,
    /// The embedding at the end.
    pub embedding: Vec<f64>,
}

impl Run {
    /// First look at which a share is at least `level`; `None` if there is none.
    pub fn reaches(&self, of: impl Fn(&Look) -> f64, level: f64) -> Option<usize> {
        self.looks.iter().find(|l| of(l) >= level).map(|l| l.step)
    }
}

/// A network under training.
pub struct Training<'a> {
    toy: &'a Toy,
    rates: Rates,
    states: Vec<Vec<f32>>,
    memory: Memory<f32>,
    feed: Feed,
    look_memory: Memory<f32>,
    look_feed: Feed,
    trained: Vec<bool>,
    step: usize,
}

impl<'a> Training<'a> {
    /// A network, targets and a training set drawn from `draws`.
    pub fn new(toy: &'a Toy, rates: Rates, draws: &mut Draws) -> Training<'a> {
        let s = toy.sizes;
        let all = toy.lattice.samples.len();
        let mut trained = vec![false; all];
        draws.permutation(all).into_iter().take(toy.trained).for_each(|k| trained[k] = true);
        let uniform = |n: usize, bound: f64, draws: &mut Draws| (0..n).map(|_| (bound * (2.0 * draws.uniform() - 1.0)) as f32).collect::<Vec<f32>>();
        let mut states = vec![uniform(s.p * s.dims, 0.5, draws)];
        for (from, to) in [(s.dims, s.width), (s.width, s.width), (s.width, s.outputs)] {
            let bound = 1.0 / (from as f64).sqrt();
            states.push(uniform(from * to, bound, draws));
            states.push(uniform(to, bound, draws));
        }
        states.push(draws.normals((2 * s.p - 1) * s.outputs).into_iter().map(|x| x as f32).collect());
        for state in &toy.step_graph.states[states.len()..] {
            states.push(vec![0.0; state.shape.iter().product()]);
        }
        let feed = |graph: &Graph, of: Vec<usize>, labels: bool| {
            let mut feed = Feed::new(graph, of.len());
            feed.set(|b| {
                b.rows = of.len();
                b.tokens =
                    [0, 1].map(|c| of.iter().map(|k| if c == 0 { toy.lattice.samples[*k].0 } else { toy.lattice.samples[*k].1 } as u32).collect()).into();
                b.indices = if labels { vec![of.iter().map(|k| toy.lattice.sum(*k) as u32).collect()] } else { Vec::new() };
            });
            feed
        };
        Training {
            toy,
            rates,
            states,
            memory: toy.step.memory(),
            feed: feed(&toy.step_graph, (0..all).filter(|k| trained[*k]).collect(), true),
            look_memory: toy.look.memory(),
            look_feed: feed(&toy.look_graph, (0..all).collect(), false),
            trained,
            step: 0,
        }
    }

    /// One step.
    pub fn advance(&mut self) {
        self.step += 1;
        let t = self.step as i32;
        let r = self.rates;
        let value = |name: &str| match name {
            "c1" => 1.0 / (1.0 - BETA1.powi(t)),
            "c2" => 1.0 / (1.0 - BETA2.powi(t)),
            "embedding.lr" => r.embedding,
            "embedding.keep" => 1.0 - r.embedding * r.embedding_decay,
            "decoder.lr" => r.decoder,
            _ => 1.0 - r.decoder * r.decoder_decay,
        };
        let scalars: Vec<f64> = self.toy.step_graph.scalars.iter().map(|s| value(s)).collect();
        self.toy.step.run(&mut self.memory, &mut self.states, &self.feed, Inputs { scalars: &scalars, seed: 0, step: t as u64 }, &Sequential);
    }

    /// The embedding, p × dims.
    pub fn embedding(&self) -> Vec<f64> {
        self.states[0].iter().map(|x| f64::from(*x)).collect()
    }

    /// The trained tensors and the targets: E, W₁, b₁, W₂, b₂, W₃, b₃, targets.
    pub fn tensors(&self) -> Vec<Vec<f64>> {
        self.states[..=TENSORS].iter().map(|s| s.iter().map(|x| f64::from(*x)).collect()).collect()
    }

    /// Which samples are trained.
    pub fn trained_samples(&self) -> Vec<bool> {
        self.trained.clone()
    }

    /// Measures the network.
    pub fn look(&mut self) -> Look {
        let lattice = &self.toy.lattice;
        let (classes, width) = (2 * self.toy.sizes.p - 1, self.toy.sizes.outputs);
        self.toy.look.run(&mut self.look_memory, &mut self.states[..=TENSORS], &self.look_feed, Inputs { scalars: &[], seed: 0, step: 0 }, &Sequential);
        let out = self.toy.look.output(&self.look_memory, &self.look_feed, 0);
        let targets = &self.states[TENSORS];
        let mut counts = [[0usize; 2]; 2];
        for (k, row) in out.chunks(width).enumerate() {
            let distance = |c: usize| row.iter().zip(&targets[c * width..]).map(|(x, t)| (x - t) * (x - t)).sum::<f32>();
            let distances: Vec<f32> = (0..classes).map(distance).collect();
            let nearest = (0..classes).fold(0, |b, c| if distances[c] < distances[b] { c } else { b });
            let side = &mut counts[usize::from(self.trained[k])];
            side[0] += 1;
            side[1] += usize::from(nearest == lattice.sum(k));
        }
        let share = |c: [usize; 2]| c[1] as f64 / c[0] as f64;
        Look { step: self.step, train: share(counts[1]), test: share(counts[0]), quality: lattice.quality(&self.embedding()) }
    }

    /// Trains for `steps` steps and looks some forty times a decade (every step at first); ends early where `enough` says so.
    ///
    /// # Errors
    /// [`TheoryError::Stopped`] where `stop` says so at a look.
    pub fn run(mut self, steps: usize, enough: impl Fn(&[Look]) -> bool, stop: &dyn Fn() -> bool) -> Result<Run, TheoryError> {
        let mut looks = vec![self.look()];
        let mut next = 1;
        while self.step < steps && !enough(&looks) {
            self.advance();
            if self.step == next || self.step == steps {
                if stop() {
                    return Err(TheoryError::Stopped);
                }
                looks.push(self.look());
                next = next.max((next as f64 * 1.06) as usize) + usize::from((next as f64 * 1.06) as usize == next);
            }
        }
        let embedding = self.embedding();
        Ok(Run { looks, trained: self.trained, embedding })
    }
}
