//! The training step and the evaluation as graphs.

use crate::intervene::Hyper;
use crate::loss::{self, Head, LossRow};
use crate::settings::Setup;
use pennydrop_graph::ir::{Binary, Coordinate, Fold, Op, Unary};
use pennydrop_graph::precision::Precision;
use pennydrop_graph::rewrite::{self, Rewrite, Rewrites, clean};
use pennydrop_graph::{Domain, Graph, Id, ad};
use pennydrop_models::{Inputs, Model, Options, Param, Target};
use pennydrop_optim::ParamIn;
use pennydrop_registry::SpecError;
use pennydrop_tasks::Task;

/// The training step: forward, derivative and update.
#[derive(Debug, Clone)]
pub struct StepGraph {
    /// Cleaned up: it holds what the roots need.
    pub graph: Graph,
    /// For each state that changes, its new value.
    pub updates: Vec<(usize, Id)>,
    /// Examples of a full step.
    pub batch: usize,
    /// The trained tensors (their `node` is not of this graph). State `i` is parameter `i`; then come first values (`initial.…`) where the optimizer needs
    /// them, then moments.
    pub params: Vec<Param>,
    pub(crate) layout: Layout,
    pub(crate) scored: usize,
}

/// What a batch holds for a network.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// Coordinates, among them the answer.
    pub coordinates: usize,
    /// The last coordinate is the label.
    pub answer: bool,
    /// Index inputs: the label, or one token for every example.
    pub indices: Vec<Option<u32>>,
    /// Dense inputs.
    pub dense: Vec<Fed>,
}

/// What a dense input holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fed {
    /// The task's features.
    Features,
    /// The bits of the label.
    Bits,
}

/// The run-time scalar 1/τ of a network with a temperature.
pub(crate) const COLD: &str = "temperature.inverse";

/// The network in a graph, with the row of its loss.
struct Net {
    g: Graph,
    model: Model,
    loss: &'static LossRow,
    targets: Vec<Id>,
}

/// `task` is the setup's, or the one that its network is tested on.
fn net(setup: &Setup, task: &Task, on: &Rewrites, options: Options) -> Result<Net, SpecError> {
    let loss = loss::find(setup.loss.name())?;
    (loss.check)(task)?;
    if pennydrop_models::per_site(setup.model.name()) && loss.head != Head::Bits {
        let problem = format!("`{}` takes one number a class, and `{}` gives one a site", loss.row.name, setup.model.name());
        return Err(SpecError::new("loss.name", problem, "bits"));
    }
    let mut g = Graph::new(task.coordinates.iter().map(|c| Coordinate { name: c.name.clone(), range: c.range }).collect());
    g.flat = !on.has(Rewrite::Domains);
    let inputs = Inputs {
        operands: task.coordinates.len(),
        range: task.token_range(),
        features: task.features.as_ref().map(|f| f.width),
        classes: loss.head.outputs(task),
    };
    let mut model = pennydrop_models::build(&mut g, &setup.model, &inputs, options)?;
    if setup.intervention("temperature").is_some() {
        let cold = g.scalar(COLD);
        for s in &mut model.scored {
            s.logits = g.mul(s.logits, cold);
        }
    }
    if loss.head == Head::Signed && model.outputs != 1 {
        return Err(SpecError::new("loss.name", format!("`{}` takes one output, and this model has {}", loss.row.name, model.outputs), "cross-entropy, mse"));
    }
    if loss.head == Head::Bits && (model.reads_answer || model.scored.iter().any(|s| s.target != Target::Answer)) {
        return Err(SpecError::new(
            "model.template",
            "an answer that is a string of bits is no token, so it cannot be fed, nor be followed by one",
            "a template without `answer`, and scored=answer",
        ));
    }
    let targets = loss::targets(&mut g, &model, loss.head);
    Ok(Net { g, model, loss, targets })
}

impl Net {
    fn params(&self) -> Vec<(String, Vec<usize>)> {
        self.model.params.iter().map(|p| (p.name.clone(), p.shape.clone())).collect()
    }

    fn layout(&self) -> Layout {
        let mut indices: Vec<Option<u32>> = Vec::new();
        let labelled = self.loss.head != Head::Bits;
        for s in self.model.scored.iter().filter(|_| labelled) {
            let source = match s.target {
                Target::Answer => None,
                Target::Special(t) => Some(t as u32),
            };
            if !indices.contains(&source) {
                indices.push(source);
            }
        }
        Layout {
            coordinates: self.g.coordinates.len(),
            answer: self.model.reads_answer,
            indices,
            dense: self.g.features.iter().map(|(name, _)| if name == loss::BITS { Fed::Bits } else { Fed::Features }).collect(),
        }
    }
}

/// The objective of a step and its derivative, not yet cleaned up.
pub(crate) struct Traced {
    pub graph: Graph,
    pub objective: Id,
    pub grads: Vec<Id>,
    pub nodes: Vec<Id>,
    pub params: Vec<Param>,
    pub layout: Layout,
    pub batch: usize,
    /// Scored positions: the loss is their mean.
    pub scored: usize,
}

/// Traces objective and gradients: forward, algebraic rewrites, penalties, derivative.
pub(crate) fn trace(setup: &Setup, on: &Rewrites) -> Result<Traced, SpecError> {
    let batch = setup.rows().max(1);
    let mut net = net(setup, &setup.task, on, Options { training: true, all_positions: !on.has(Rewrite::Positions) })?;
    let layout = net.layout();
    let g = &mut net.g;
    let per_example = (net.loss.per_example)(g, &setup.loss, &net.model, &net.targets);
    let total = rows_sum(g, per_example);
    // 1 / (examples · scored positions), at run time: a partial batch is the same program.
    let weight = g.scalar("train.weight");
    let mut objective = g.mul(total, weight);
    if !net.model.unread.is_empty() {
        // Logits that nobody reads are computed and differentiated, as such programs are usually written, and count nothing.
        let zero = g.scalar("train.zero");
        for logits in net.model.unread.clone() {
            let sum = g.sum_all(logits);
            let sum = rows_sum(g, sum);
            let nothing = g.mul(sum, zero);
            objective = g.add(objective, nothing);
        }
    }
    let rooted = rewrite::forward(g, &[objective], on, batch);
    let (mut g, mut objective) = (rooted.graph, rooted.roots[0]);
    let penalised = pennydrop_models::select("loss.penalty_on", &setup.loss.strs("penalty_on"), &net.model.params)?;
    // Every node that reads a parameter: without common subexpressions there may be several.
    let hyper = Hyper::new(setup)?;
    let readers: Vec<Vec<Id>> = net.model.params.iter().map(|p| states(&mut g, p)).collect();
    for (key, f) in [("l1", Unary::Abs), ("l2", Unary::Stop)] {
        if hyper.traced(key) == 0.0 {
            continue;
        }
        let strength = g.scalar(format!("loss.{key}"));
        for (nodes, _) in readers.iter().zip(&penalised).filter(|(_, on)| **on) {
            let w = nodes[0];
            let size = if f == Unary::Abs { g.unary(f, w) } else { g.mul(w, w) };
            let sum = g.sum_all(size);
            let term = g.mul(sum, strength);
            objective = g.add(objective, term);
        }
    }
    let all: Vec<Id> = readers.iter().flatten().copied().collect();
    let mut parts = ad::grad(&mut g, objective, &all).into_iter();
    let grads = readers
        .iter()
        .map(|nodes| {
            let mine: Vec<Id> = parts.by_ref().take(nodes.len()).collect();
            mine[1..].iter().fold(mine[0], |sum, d| g.add(sum, *d))
        })
        .collect();
    let nodes = readers.iter().map(|n| n[0]).collect();
    let scored = net.model.scored.len();
    Ok(Traced { graph: g, objective, grads, nodes, params: net.model.params, layout, batch, scored })
}

/// Σ over the examples of the batch of a number that may depend on fewer coordinates.
fn rows_sum(g: &mut Graph, x: Id) -> Id {
    let x = g.lift(Domain::SLOT, x);
    g.reduce_rows(Fold::Sum, Domain::UNIT, x)
}

/// The nodes of a parameter's state; one is made where the objective does not read it.
fn states(g: &mut Graph, p: &Param) -> Vec<Id> {
    let found: Vec<Id> = (0..g.nodes.len()).filter(|i| g.nodes[*i].op == Op::State(p.state)).map(|i| Id(i as u32)).collect();
    if found.is_empty() { vec![g.push(Op::State(p.state), vec![], p.shape.clone(), Domain::UNIT)] } else { found }
}

/// The training step of `setup` under the rewrites `on` (those of `setup` are not looked at): count its operations with
/// [`pennydrop_graph::rewrite::cost`].
///
/// # Errors
/// As [`Run::new`](crate::Run::new).
pub fn step_graph(setup: &Setup, on: &Rewrites) -> Result<StepGraph, SpecError> {
    let mut t = trace(setup, on)?;
    let g = &mut t.graph;
    let decays = pennydrop_models::select("optim.decay_on", &setup.optim.strs("decay_on"), &t.params)?;
    let toward_init = pennydrop_optim::toward_init(&setup.optim);
    let ins: Vec<ParamIn> = (0..t.params.len())
        .map(|i| {
            let p = &t.params[i];
            let initial = toward_init.then(|| g.state(format!("initial.{}", p.name), &p.shape));
            ParamIn { name: p.name.clone(), state: p.state, node: t.nodes[i], grad: t.grads[i], decays: decays[i], initial }
        })
        .collect();
    let built = pennydrop_optim::build(g, &setup.optim, &ins)?;
    let roots: Vec<Id> = built.updates.iter().map(|u| u.1).collect();
    let cleaned = clean::clean(g, &roots, on);
    let updates = built.updates.iter().zip(&cleaned.roots).map(|(u, id)| (u.0, *id)).collect();
    Ok(StepGraph { graph: cleaned.graph, updates, batch: t.batch, params: t.params, layout: t.layout, scored: t.scored })
}

/// Measures of each example: loss (mean over scored positions), 1 if right (the share of right bits for a head of bits), norm of the answer's logits, and, with cross-entropy, 1 if collapsed.
#[derive(Debug, Clone)]
pub(crate) struct EvalGraph {
    pub graph: Graph,
    pub outputs: Vec<Id>,
    pub layout: Layout,
    /// Names and shapes of the trained tensors.
    pub params: Vec<(String, Vec<usize>)>,
}

/// The evaluation of `setup` on examples of `task` (its own, or that which it is tested on) for batches of up to `capacity` examples.
pub(crate) fn eval_graph(setup: &Setup, task: &Task, capacity: usize) -> Result<EvalGraph, SpecError> {
    let on = &setup.rewrites;
    let mut net = net(setup, task, on, Options::default())?;
    let (layout, params) = (net.layout(), net.params());
    let g = &mut net.g;
    let loss = (net.loss.per_example)(g, &setup.loss, &net.model, &net.targets);
    let loss = g.scale(loss, 1.0 / net.model.scored.len() as f64);
    let mut right = None;
    for (s, target) in net.model.scored.iter().zip(&net.targets) {
        let r = match net.loss.head {
            Head::Signed => right_sign(g, s.logits, *target),
            Head::Classes => right_class(g, &net.model, s.logits, s.target, *target),
            Head::Bits => right_bits(g, &net.model, s.logits, *target),
        };
        right = Some(right.map_or(r, |all| g.mul(all, r)));
    }
    let answer = net.model.scored[0].logits;
    let squares = g.mul(answer, answer);
    let squares = g.sum_all(squares);
    let norm = g.unary(Unary::Sqrt, squares);
    let mut outputs = vec![loss, right.unwrap_or(loss), norm];
    if setup.loss.name() == "cross-entropy" {
        let precision = Precision::parse(setup.loss.str("precision")).unwrap_or(Precision::F32);
        outputs.push(g.collapsed(precision, answer));
    }
    let outputs: Vec<Id> = outputs.into_iter().map(|x| g.lift(Domain::SLOT, x)).collect();
    let rooted = rewrite::forward(g, &outputs, on, capacity);
    Ok(EvalGraph { graph: rooted.graph, outputs: rooted.roots, layout, params })
}

/// The share of bits whose output has their sign. Divided by their number, so that it is exactly 1 when all have.
fn right_bits(g: &mut Graph, model: &Model, logits: Id, bits: Id) -> Id {
    let outputs = g.slice(0, 0, model.metric_range, logits);
    let signs = g.scale(bits, 2.0);
    let one = g.number(1.0);
    let signs = g.sub(signs, one);
    let margins = g.mul(outputs, signs);
    let zero = g.number(0.0);
    let right = g.binary(Binary::Gt, margins, zero);
    let count = g.sum_all(right);
    let n = g.number(model.metric_range as f64);
    g.div(count, n)
}

/// y·f > 0
fn right_sign(g: &mut Graph, logits: Id, label: Id) -> Id {
    let y = loss::sign(g, label);
    let margin = g.mul(logits, y);
    let margin = g.sum_all(margin);
    let zero = g.number(0.0);
    g.binary(Binary::Gt, margin, zero)
}

/// Whether the target's logit is strictly above every other among the label classes: counted, so that ties and NaN are wrong.
fn right_class(g: &mut Graph, model: &Model, logits: Id, target: Target, index: Id) -> Id {
    let zero = g.number(0.0);
    let (own, beaten) = match target {
        Target::Answer => {
            let hot = g.one_hot(model.outputs, index);
            let only = g.select(hot, logits, zero);
            (g.sum_all(only), model.metric_range - 1)
        }
        Target::Special(t) => {
            let own = g.slice(0, t, 1, logits);
            (g.reshape(&[], own), model.metric_range - usize::from(t < model.metric_range))
        }
    };
    let classes = g.slice(0, 0, model.metric_range, logits);
    let above = g.binary(Binary::Gt, own, classes);
    let count = g.sum_all(above);
    let beaten = g.number(beaten as f64);
    g.binary(Binary::Eq, count, beaten)
}

/// Logits at the scored positions and the model's activations, one row an example.
pub(crate) fn activation_graph(setup: &Setup, task: &Task) -> Result<(EvalGraph, Vec<String>), SpecError> {
    let mut net = net(setup, task, &setup.rewrites, Options::default())?;
    let (layout, params) = (net.layout(), net.params());
    let logits = net.model.scored.iter().enumerate().map(|(i, s)| (if i == 0 { "logits".to_string() } else { format!("logits{i}") }, s.logits));
    let named: Vec<(String, Id)> = logits.chain(net.model.activations.iter().filter(|a| a.0 != "logits").cloned()).collect();
    let outputs: Vec<Id> = named.iter().map(|(_, x)| net.g.lift(Domain::SLOT, *x)).collect();
    let cleaned = clean::clean(&net.g, &outputs, &setup.rewrites);
    Ok((EvalGraph { graph: cleaned.graph, outputs: cleaned.roots, layout, params }, named.into_iter().map(|n| n.0).collect()))
}
