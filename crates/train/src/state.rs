//! The state of a run in one precision, and what can be done with it.

use crate::activations::{Array, Values, Which};
use crate::batch::Sampler;
use crate::crossing::Curve;
use crate::evaluate::Sums;
use crate::intervene::{Hyper, Numbers, Plan, Seen, Slices};
use crate::programs::{Compiled, Pair, Programs, eval_capacity};
use crate::run::Interrupt;
use crate::settings::Setup;
use crate::snapshot::{DType, Tensor};
use crate::step::{COLD, EvalGraph, Layout, StepGraph, activation_graph, trace};
use pennydrop_graph::cpu::{Inputs, Memory, Parallel, Program, Sequential, Vector};
use pennydrop_graph::feed::Feed;
use pennydrop_graph::rewrite::{Rewrite, clean};
use pennydrop_registry::SpecError;
use pennydrop_tasks::Task;
use std::sync::Arc;

/// Examples that `activations` computes at once.
const BLOCK: usize = 1024;

/// Every state tensor at one step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum States {
    F32(Vec<Vec<f32>>),
    F64(Vec<Vec<f64>>),
}

/// A working precision.
pub(crate) trait Word: Vector + PartialEq {
    const DTYPE: DType;
    fn pack(v: Vec<Vec<Self>>) -> States;
    /// `None` for the other precision's.
    fn unpack(s: &States) -> Option<&[Vec<Self>]>;
    fn pair(p: &Programs) -> Option<&Pair<Self>>;
    fn bytes(v: &[Self]) -> Vec<u8>;
    /// `None` unless `bytes` is a whole number of words.
    fn read(bytes: &[u8]) -> Option<Vec<Self>>;
    fn values(v: Vec<Self>) -> Values;
}

macro_rules! word {
    ($t:ty, $variant:ident) => {
        impl Word for $t {
            const DTYPE: DType = DType::$variant;
            fn pack(v: Vec<Vec<$t>>) -> States {
                States::$variant(v)
            }
            fn unpack(s: &States) -> Option<&[Vec<$t>]> {
                if let States::$variant(v) = s { Some(v) } else { None }
            }
            fn pair(p: &Programs) -> Option<&Pair<$t>> {
                if let Compiled::$variant(pair) = &p.compiled { Some(pair) } else { None }
            }
            fn bytes(v: &[$t]) -> Vec<u8> {
                v.iter().flat_map(|x| x.to_le_bytes()).collect()
            }
            fn read(bytes: &[u8]) -> Option<Vec<$t>> {
                let (words, rest) = bytes.as_chunks::<{ size_of::<$t>() }>();
                rest.is_empty().then(|| words.iter().map(|b| <$t>::from_le_bytes(*b)).collect())
            }
            fn values(v: Vec<$t>) -> Values {
                Values::$variant(v)
            }
        }
    };
}

word!(f32, F32);
word!(f64, F64);

/// A run's state behind its precision.
pub(crate) trait Engine: Send {
    /// Takes step number `step`.
    fn train(&mut self, step: u64, threads: &dyn Parallel);
    /// The interventions, and what they have seen.
    fn plan(&self) -> &Plan;
    /// The same, to be told of events.
    fn seen(&mut self) -> &mut Vec<Seen>;
    /// Lets intervention `k` fire before step `step`.
    fn fire(&mut self, k: usize, step: u64);
    /// The norm of each trained tensor.
    fn norms(&self) -> Vec<f64>;
    /// Arguments of the optimizer and the loss that step `step` uses.
    fn numbers(&self, step: u64) -> &Numbers;
    /// Measures of the training or the test examples under the present weights, before step `step`.
    fn measure(&mut self, step: u64, curve: Curve, threads: &dyn Parallel) -> Sums;
    /// A copy of the states.
    fn keep(&self) -> Arc<States>;
    /// Accuracies at the steps between `after` and `by`, from the states at `after`; the present state is untouched.
    fn replay(
        &mut self,
        kept: &States,
        after: u64,
        by: u64,
        curve: Curve,
        threads: &dyn Parallel,
        interrupted: &mut dyn FnMut() -> Option<Interrupt>,
    ) -> Result<Vec<f64>, Interrupt>;
    /// Values of state `i` of `kept`, or of the present.
    fn values(&self, i: usize, kept: Option<&States>) -> Vec<f64>;
    /// State `i` of `kept`, or of the present.
    fn tensor(&self, name: String, i: usize, kept: Option<&States>) -> Tensor;
    /// States from the tensors called `prefix` and their names, or what is wrong with them. First values that are missing are the present ones.
    fn states_from(&self, prefix: &str, find: &dyn Fn(&str) -> Option<Tensor>) -> Result<States, String>;
    /// Replaces the present states.
    fn set(&mut self, states: States);
    /// Objective and gradients at step `step`.
    fn gradients(&mut self, step: u64) -> Result<(f64, Vec<Vec<f64>>), SpecError>;
    /// Inner tensors of examples.
    fn activations(&mut self, which: Which) -> Result<Vec<Array>, SpecError>;
    /// Passes over the training set in the first `step` steps.
    fn epochs(&self, step: u64) -> Option<f64>;
    #[cfg(test)]
    fn give(&mut self, batches: Vec<Vec<u32>>);
}

/// Everything a run computes with.
pub(crate) struct Core<T: Word> {
    setup: Arc<Setup>,
    programs: Arc<Programs>,
    states: Vec<Vec<T>>,
    sampler: Sampler,
    stepping: Stepping<T>,
    eval: Evaluating<T>,
    probe: Option<Probe<T>>,
    plan: Plan,
    hyper: Hyper,
}

/// Buffers of the step program.
struct Stepping<T> {
    memory: Memory<T>,
    feed: Feed,
    scalars: Vec<f64>,
    fed: bool,
}

/// Buffers of the evaluation program.
struct Evaluating<T> {
    memory: Memory<T>,
    /// For test examples of another shape, which have a program of their own.
    elsewhere: Option<Memory<T>>,
    train: Feed,
    test: Feed,
    scalars: Vec<f64>,
}

/// First values: drawn, or given by name; moments are zero.
pub(crate) fn first_states<T: Vector>(setup: &Setup, step: &StepGraph) -> Result<Vec<Vec<T>>, SpecError> {
    let (graph, params) = (&step.graph, &step.params);
    let mut states: Vec<Vec<T>> = graph.states.iter().map(|s| vec![T::ZERO; s.shape.iter().product()]).collect();
    for (i, p) in params.iter().enumerate() {
        let drawn = p.init.sample(&p.shape, setup.seeds.init, i);
        states[p.state] = drawn.into_iter().map(T::of).collect();
    }
    for (name, (shape, values)) in setup.init.iter().flatten() {
        let Some(p) = params.iter().find(|p| p.name == *name) else {
            return Err(SpecError::unknown("model.init", "parameter of this model named", name, params.iter().map(|p| p.name.as_str())));
        };
        if *shape != p.shape || values.len() != p.size() {
            return Err(SpecError::new("model.init", format!("`{name}` has shape {shape:?}"), format!("{:?}", p.shape)));
        }
        states[p.state] = values.iter().map(|x| T::of(*x)).collect();
    }
    for (k, s) in graph.states.iter().enumerate() {
        if let Some(p) = s.name.strip_prefix("initial.").and_then(|n| params.iter().find(|p| p.name == n)) {
            states[k] = states[p.state].clone();
        }
    }
    Ok(states)
}

/// Objective and gradients as outputs, made when first asked for.
struct Probe<T> {
    program: Program<T>,
    memory: Memory<T>,
    feed: Feed,
    names: Vec<String>,
    scalars: Vec<f64>,
    layout: Layout,
    scored: usize,
    states: usize,
}

impl<T: Word> Probe<T> {
    fn new(setup: &Setup) -> Result<Probe<T>, SpecError> {
        let traced = trace(setup, &setup.rewrites)?;
        let mut roots = vec![traced.objective];
        roots.extend(&traced.grads);
        let cleaned = clean::clean(&traced.graph, &roots, &setup.rewrites);
        let program: Program<T> = Program::compile(&cleaned.graph, &[], &cleaned.roots, traced.batch, setup.rewrites.has(Rewrite::Fusion));
        Ok(Probe {
            memory: program.memory(),
            program,
            feed: Feed::new(&cleaned.graph, traced.batch),
            scalars: vec![0.0; cleaned.graph.scalars.len()],
            names: cleaned.graph.scalars,
            layout: traced.layout,
            scored: traced.scored,
            states: cleaned.graph.states.len(),
        })
    }
}

/// Writes the run-time scalars of `step` for a batch of `rows` examples with `scored` positions each.
pub(crate) fn fill_scalars(setup: &Setup, (numbers, cold): (&Numbers, f64), names: &[String], step: u64, rows: usize, scored: usize, to: &mut [f64]) {
    for (name, value) in names.iter().zip(to.iter_mut()) {
        match name.as_str() {
            "train.weight" => *value = 1.0 / (rows * scored) as f64,
            "train.zero" => *value = 0.0,
            "loss.l1" => *value = numbers.loss.float("l1"),
            "loss.l2" => *value = numbers.loss.float("l2"),
            COLD => *value = cold,
            _ => {}
        }
    }
    pennydrop_optim::scalars(&numbers.optim, names, step, setup.train.size("steps") as u64, to);
}

impl<T: Word> Core<T> {
    /// The run of `setup` at step 0. `programs` must fit and be of this precision.
    pub fn new(setup: Arc<Setup>, programs: Arc<Programs>) -> Result<Core<T>, SpecError> {
        let Some(pair) = T::pair(&programs) else {
            return Err(SpecError::new("train.precision", "the programs given are of the other precision", "programs that fit"));
        };
        let graph = &programs.step.graph;
        let states = first_states(&setup, &programs.step)?;
        let stepping =
            Stepping { memory: pair.step.memory(), feed: Feed::new(graph, programs.step.batch), scalars: vec![0.0; graph.scalars.len()], fed: false };
        let eval_feed = |by: &EvalGraph, task: &Task, examples: &[u32], capacity: usize| {
            let mut feed = Feed::new(&by.graph, capacity);
            feed.set(|b| by.layout.write(task, examples, b));
            feed
        };
        let (task, tested, capacity) = (&setup.task, setup.task.tested(), eval_capacity(&setup));
        let testing = programs.test.as_ref().map_or((&programs.eval, capacity), |t| (t, tested.test.len()));
        let eval = Evaluating {
            memory: pair.eval.memory(),
            elsewhere: pair.test.as_ref().map(Program::memory),
            train: eval_feed(&programs.eval, task, &task.train, capacity),
            test: eval_feed(testing.0, tested, &tested.test, testing.1),
            scalars: vec![1.0; programs.eval.graph.scalars.len()],
        };
        let plan = Plan::new(&setup, &programs.step.params)?;
        let hyper = Hyper::new(&setup)?;
        let sampler = Sampler::new(&setup);
        Ok(Core { setup, programs, states, sampler, stepping, eval, probe: None, plan, hyper })
    }
}

/// One step of `states`.
#[derive(Clone, Copy)]
struct Terms<'a> {
    setup: &'a Setup,
    programs: &'a Programs,
    plan: &'a Plan,
    hyper: &'a Hyper,
    threads: &'a dyn Parallel,
}

/// One step of `states`; interventions that fire before it have done so.
fn take<T: Word>(terms: Terms, sampler: &mut Sampler, s: &mut Stepping<T>, states: &mut [Vec<T>], step: u64) {
    let Terms { setup, programs, plan, hyper, threads } = terms;
    let Some(pair) = T::pair(programs) else { return };
    if !s.fed || !sampler.constant() {
        s.feed.set(|b| sampler.fill(step, &programs.step.layout, b));
        s.fed = true;
    }
    let rows = s.feed.batch().rows;
    fill_scalars(setup, hyper.at(plan, step), &programs.step.graph.scalars, step, rows, programs.step.scored, &mut s.scalars);
    let held: Vec<(usize, Vec<T>)> = plan.held(step).into_iter().map(|i| (i, states[i].clone())).collect();
    pair.step.run(&mut s.memory, states, &s.feed, Inputs { scalars: &s.scalars, seed: setup.seeds.noise, step }, threads);
    for (i, values) in held {
        states[i] = values;
    }
    plan.after(step, &mut Slices(states));
}

/// Measures of `states`, whose first tensors are the parameters.
fn measure<T: Word>(
    programs: &Programs,
    sampler: &mut Sampler,
    fresh: bool,
    e: &mut Evaluating<T>,
    states: &mut [Vec<T>],
    step: u64,
    curve: Curve,
    threads: &dyn Parallel,
) -> Sums {
    let Some(pair) = T::pair(programs) else { return Sums::default() };
    if fresh && curve == Curve::Train {
        e.train.set(|b| sampler.fill(step, &programs.eval.layout, b));
    }
    let feed = if curve == Curve::Train { &e.train } else { &e.test };
    let (program, graph, memory) = match (curve, &pair.test, &programs.test, &mut e.elsewhere) {
        (Curve::Test, Some(program), Some(graph), Some(memory)) => (program, graph, memory),
        _ => (&pair.eval, &programs.eval, &mut e.memory),
    };
    let n = feed.batch().rows;
    let mut sums = Sums { n, ..Sums::default() };
    if n == 0 {
        return sums;
    }
    let params = &mut states[..graph.graph.states.len()];
    program.run(memory, params, feed, Inputs { scalars: &e.scalars, seed: 0, step: 0 }, threads);
    let sum = |k: usize| program.output(memory, feed, k).iter().map(|x| x.to()).sum::<f64>();
    sums.loss = sum(0);
    sums.right = sum(1);
    sums.norm = sum(2);
    sums.collapsed = (graph.outputs.len() > 3).then(|| sum(3));
    sums
}

impl<T: Word> Engine for Core<T> {
    fn train(&mut self, step: u64, threads: &dyn Parallel) {
        let terms = Terms { setup: &self.setup, programs: &self.programs, plan: &self.plan, hyper: &self.hyper, threads };
        take(terms, &mut self.sampler, &mut self.stepping, &mut self.states, step);
    }

    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn seen(&mut self) -> &mut Vec<Seen> {
        &mut self.plan.seen
    }

    fn fire(&mut self, k: usize, step: u64) {
        self.plan.fire(k, step, &mut Slices(&mut self.states));
    }

    fn norms(&self) -> Vec<f64> {
        self.states[..self.programs.step.params.len()].iter().map(|v| v.iter().map(|x| x.to() * x.to()).sum::<f64>().sqrt()).collect()
    }

    fn numbers(&self, step: u64) -> &Numbers {
        self.hyper.at(&self.plan, step).0
    }

    fn measure(&mut self, step: u64, curve: Curve, threads: &dyn Parallel) -> Sums {
        let fresh = self.setup.task.fresh.is_some();
        // The evaluation's only scalar is that of the temperature.
        let cold = self.hyper.at(&self.plan, step).1;
        self.eval.scalars.fill(cold);
        measure(&self.programs, &mut self.sampler, fresh, &mut self.eval, &mut self.states, step, curve, threads)
    }

    fn keep(&self) -> Arc<States> {
        Arc::new(T::pack(self.states.clone()))
    }

    fn replay(
        &mut self,
        kept: &States,
        after: u64,
        by: u64,
        curve: Curve,
        threads: &dyn Parallel,
        interrupted: &mut dyn FnMut() -> Option<Interrupt>,
    ) -> Result<Vec<f64>, Interrupt> {
        // Kept states are this run's, so of this precision.
        let mut states = T::unpack(kept).map(<[_]>::to_vec).unwrap_or_default();
        let fresh = self.setup.task.fresh.is_some();
        let mut seen = Vec::with_capacity((by - after) as usize);
        for step in after..by - 1 {
            if let Some(i) = interrupted() {
                return Err(i);
            }
            self.plan.repeat(step, &mut Slices(&mut states));
            let terms = Terms { setup: &self.setup, programs: &self.programs, plan: &self.plan, hyper: &self.hyper, threads };
            take(terms, &mut self.sampler, &mut self.stepping, &mut states, step);
            seen.push(measure(&self.programs, &mut self.sampler, fresh, &mut self.eval, &mut states, step + 1, curve, threads).accuracy());
        }
        Ok(seen)
    }

    fn values(&self, i: usize, kept: Option<&States>) -> Vec<f64> {
        kept.and_then(T::unpack).unwrap_or(&self.states)[i].iter().map(|x| x.to()).collect()
    }

    fn tensor(&self, name: String, i: usize, kept: Option<&States>) -> Tensor {
        let states = kept.and_then(T::unpack).unwrap_or(&self.states);
        let shape = self.programs.step.graph.states[i].shape.clone();
        Tensor { name, dtype: T::DTYPE, shape, bytes: T::bytes(&states[i]) }
    }

    fn states_from(&self, prefix: &str, find: &dyn Fn(&str) -> Option<Tensor>) -> Result<States, String> {
        let specs = &self.programs.step.graph.states;
        let mut states = Vec::with_capacity(specs.len());
        for (spec, present) in specs.iter().zip(&self.states) {
            let name = format!("{prefix}{}", spec.name);
            states.push(match find(&name) {
                None if spec.name.starts_with("initial.") => present.clone(),
                None => return Err(format!("there is no tensor `{name}`")),
                Some(t) if t.dtype != T::DTYPE || t.shape != spec.shape => {
                    return Err(format!("tensor `{}` is {:?} {:?} instead of {:?} {:?}", t.name, t.dtype, t.shape, T::DTYPE, spec.shape));
                }
                Some(t) => match T::read(&t.bytes) {
                    Some(v) if v.len() == present.len() => v,
                    _ => return Err(format!("tensor `{}` has {} bytes", t.name, t.bytes.len())),
                },
            });
        }
        Ok(T::pack(states))
    }

    fn set(&mut self, states: States) {
        if let Some(v) = T::unpack(&states) {
            self.states = v.to_vec();
        }
    }

    fn gradients(&mut self, step: u64) -> Result<(f64, Vec<Vec<f64>>), SpecError> {
        let setup = &self.setup;
        let mut probe = match self.probe.take() {
            Some(p) => p,
            None => Probe::new(setup)?,
        };
        probe.feed.set(|b| self.sampler.fill(step, &probe.layout, b));
        fill_scalars(setup, self.hyper.at(&self.plan, step), &probe.names, step, probe.feed.batch().rows, probe.scored, &mut probe.scalars);
        let params = &mut self.states[..probe.states];
        let inputs = Inputs { scalars: &probe.scalars, seed: setup.seeds.noise, step };
        probe.program.run(&mut probe.memory, params, &probe.feed, inputs, &Sequential);
        let read = |k: usize| probe.program.output(&probe.memory, &probe.feed, k).iter().map(|x| x.to()).collect::<Vec<f64>>();
        let objective = read(0).first().copied().unwrap_or(f64::NAN);
        let gradients = (1..=self.programs.step.params.len()).map(read).collect();
        self.probe = Some(probe);
        Ok((objective, gradients))
    }

    fn activations(&mut self, which: Which) -> Result<Vec<Array>, SpecError> {
        let setup = &self.setup;
        let task = if which == Which::Test { setup.task.tested() } else { &setup.task };
        let examples: Vec<u32> = match which {
            Which::All => (0..task.len() as u32).collect(),
            Which::Train => task.train.clone(),
            Which::Test => task.test.clone(),
        };
        let (graph, names) = activation_graph(setup, task)?;
        let program: Program<T> = Program::compile(&graph.graph, &[], &graph.outputs, BLOCK, setup.rewrites.has(Rewrite::Fusion));
        let mut memory = program.memory();
        let mut feed = Feed::new(&graph.graph, BLOCK);
        let scalars = vec![1.0; graph.graph.scalars.len()];
        let mut columns: Vec<Vec<T>> = vec![Vec::new(); names.len()];
        let params = &mut self.states[..graph.graph.states.len()];
        for block in examples.chunks(BLOCK) {
            feed.set(|b| graph.layout.write(task, block, b));
            program.run(&mut memory, params, &feed, Inputs { scalars: &scalars, seed: 0, step: 0 }, &Sequential);
            for (k, column) in columns.iter_mut().enumerate() {
                column.extend_from_slice(program.output(&memory, &feed, k));
            }
        }
        let n = examples.len();
        let mut out = Vec::new();
        if !task.coordinates.is_empty() {
            let inputs = examples.iter().flat_map(|i| task.input(*i)).copied().collect();
            out.push(Array { name: "inputs".into(), shape: vec![n, task.coordinates.len()], values: Values::U32(inputs) });
        }
        if let Some(f) = &task.features {
            let features = examples.iter().flat_map(|i| task.dense(*i)).copied().collect();
            out.push(Array { name: "features".into(), shape: vec![n, f.width], values: Values::F32(features) });
        }
        let labels = examples.iter().map(|i| task.labels[*i as usize]).collect();
        out.push(Array { name: "labels".into(), shape: vec![n], values: Values::U32(labels) });
        if let Some(a) = &task.answers {
            let bits = examples.iter().flat_map(|i| a.row(task.labels[*i as usize])).map(|b| u32::from(*b)).collect();
            out.push(Array { name: "bits".into(), shape: vec![n, a.width], values: Values::U32(bits) });
        }
        for ((name, id), column) in names.into_iter().zip(&graph.outputs).zip(columns) {
            let mut shape = vec![n];
            shape.extend_from_slice(graph.graph.shape(*id));
            out.push(Array { name, shape, values: T::values(column) });
        }
        out.insert(0, Array { name: "example".into(), shape: vec![n], values: Values::U32(examples) });
        Ok(out)
    }

    fn epochs(&self, step: u64) -> Option<f64> {
        self.sampler.epochs(step)
    }

    #[cfg(test)]
    fn give(&mut self, batches: Vec<Vec<u32>>) {
        self.sampler.give(batches);
    }
}
