//! Training through the engine: the model as a graph, its derivative, AdamW, one compiled program for all densities and seeds.

use crate::numeric::matrix::Matrix;
use pennydrop_graph::cpu::{Inputs, Program, Sequential, Vector};
use pennydrop_graph::feed::Feed;
use pennydrop_graph::ir::{Binary, Draw, Fold, Unary};
use pennydrop_graph::rewrite::{Rewrites, clean};
use pennydrop_graph::{Domain, Graph, Id, ad};
use pennydrop_optim::ParamIn;
use pennydrop_registry::{Args, SpecError, Value};

/// Where examples come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Examples {
    /// So many fresh ones in every step.
    Fresh(usize),
    /// The same rows in every step, each with a weight: `n` values a row. Their loss is an expectation, exact up to the quadrature.
    Weighted(Vec<f64>),
}

/// Optimizer, and its length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    /// η.
    pub lr: f64,
    /// λ of AdamW (decoupled).
    pub weight_decay: f64,
    /// Steps.
    pub steps: usize,
    /// Whether η falls to 0 along a cosine.
    pub cosine: bool,
}

/// A compiled training step.
#[derive(Debug)]
pub struct Engine<T> {
    program: Program<T>,
    graph: Graph,
    optim: Args,
    steps: usize,
    examples: Examples,
    n: usize,
    m: usize,
}

/// A trained model.
#[derive(Debug, Clone)]
pub struct Trained {
    /// W, m × n.
    pub w: Matrix,
    /// b.
    pub b: Vec<f64>,
    /// Loss of the last step, summed over features, weighted by importance.
    pub loss: f64,
}

impl<T: Vector> Engine<T> {
    /// The step of a model of `n` features in `m` dimensions; `importance` weighs the features, and the last is multiplied by a number given to each run.
    ///
    /// # Errors
    /// A number that the optimizer does not take.
    pub fn new(n: usize, m: usize, importance: &[f64], examples: Examples, recipe: Recipe) -> Result<Engine<T>, SpecError> {
        let schedule = if recipe.cosine { "cosine" } else { "constant" };
        let given = [
            ("lr".to_string(), Value::Float(recipe.lr)),
            ("weight_decay".to_string(), Value::Float(recipe.weight_decay)),
            ("schedule".to_string(), Value::Str(schedule.into())),
        ];
        let optim = Args::check("optim", pennydrop_optim::find("adamw")?, given)?;
        let mut g = Graph::new(vec![]);
        let w = g.state("W", &[n, m]);
        let b = g.state("b", &[n]);
        let (x, share) = match &examples {
            Examples::Fresh(batch) => {
                let value = g.random(Draw::Uniform, 0, &[n], Domain::SLOT);
                let chance = g.random(Draw::Uniform, 1, &[n], Domain::SLOT);
                let density = g.scalar("density");
                let on = g.binary(Binary::Gt, density, chance);
                (g.mul(on, value), g.number(1.0 / *batch as f64))
            }
            Examples::Weighted(_) => {
                let x = g.feature("x", n);
                let share = g.feature("share", 1);
                (x, g.reshape(&[], share))
            }
        };
        let error = reconstruction_error(&mut g, x, w, b);
        let last = g.scalar("last");
        let last = g.reshape(&[1], last);
        let ones = g.constant(&vec![1.0; n - 1], &[n - 1]);
        let factor = g.concat(0, &[ones, last]);
        let importance = g.constant(importance, &[n]);
        let importance = g.mul(importance, factor);
        let weighted = g.mul(error, importance);
        let each = g.sum_all(weighted);
        let each = g.mul(each, share);
        let total = g.reduce_rows(Fold::Sum, Domain::UNIT, each);
        let grads = ad::grad(&mut g, total, &[w, b]);
        let ins: Vec<ParamIn> = [("W", w), ("b", b)]
            .into_iter()
            .zip(grads)
            .enumerate()
            .map(|(state, ((name, node), grad))| ParamIn { name: name.into(), state, node, grad, decays: true, initial: None })
            .collect();
        let built = pennydrop_optim::build(&mut g, &optim, &ins)?;
        let roots: Vec<Id> = built.updates.iter().map(|u| u.1).chain([total]).collect();
        let cleaned = clean::clean(&g, &roots, &Rewrites::default());
        let updates: Vec<(usize, Id)> = built.updates.iter().zip(&cleaned.roots).map(|(u, id)| (u.0, *id)).collect();
        let rows = match &examples {
            Examples::Fresh(batch) => *batch,
            Examples::Weighted(values) => values.len() / n,
        };
        let program = Program::compile(&cleaned.graph, &updates, &cleaned.roots[updates.len()..], rows, true);
        Ok(Engine { program, graph: cleaned.graph, optim, steps: recipe.steps, examples, n, m })
    }

    /// Trains from `w` (m × n) and `b`. `density` is that of fresh examples; `shares` are the weights of given ones; `last` multiplies the importance of the
    /// last feature; `seed` is that of the examples.
    pub fn train(&self, w: &Matrix, b: &[f64], density: f64, shares: &[f64], last: f64, seed: u64) -> Trained {
        let (n, m) = (self.n, self.m);
        let mut states: Vec<Vec<T>> = self.graph.states.iter().map(|s| vec![T::ZERO; s.shape.iter().product()]).collect();
        states[0] = (0..n * m).map(|k| T::of(w[(k % m, k / m)])).collect();
        states[1] = b.iter().map(|x| T::of(*x)).collect();
        let rows = match &self.examples {
            Examples::Fresh(batch) => *batch,
            Examples::Weighted(values) => values.len() / n,
        };
        let mut feed = Feed::new(&self.graph, rows);
        feed.set(|batch| {
            batch.rows = rows;
            if let Examples::Weighted(values) = &self.examples {
                batch.features = vec![values.clone(), shares.to_vec()];
            }
        });
        let mut memory = self.program.memory();
        let mut scalars: Vec<f64> = self.graph.scalars.iter().map(|name| if name == "density" { density } else { last }).collect();
        let mut loss = f64::NAN;
        for step in 0..self.steps as u64 {
            pennydrop_optim::scalars(&self.optim, &self.graph.scalars, step, self.steps as u64, &mut scalars);
            self.program.run(&mut memory, &mut states, &feed, Inputs { scalars: &scalars, seed, step }, &Sequential);
            loss = self.program.output(&memory, &feed, 0)[0].to();
        }
        let w = Matrix::from_fn(m, n, |k, i| states[0][i * m + k].to());
        Trained { w, b: states[1].iter().map(|x| x.to()).collect(), loss }
    }
}

/// (x − ReLU(WᵀWx + b))² for each feature; W is stored n × m.
fn reconstruction_error(g: &mut Graph, x: Id, w: Id, b: Id) -> Id {
    let (n, m) = (g.shape(w)[0], g.shape(w)[1]);
    let h = g.linear(x, w);
    let row = g.reshape(&[1, m], h);
    let d = g.domain(row);
    let y = g.dot_to(d, (row, false), (w, true));
    let y = g.reshape(&[n], y);
    let y = g.add(y, b);
    let y = g.unary(Unary::Relu, y);
    let e = g.sub(x, y);
    g.mul(e, e)
}
