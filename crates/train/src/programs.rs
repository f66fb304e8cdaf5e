//! Compiled programs, shared by runs of one shape.

use crate::settings::{Precision, Setup};
use crate::step::{EvalGraph, StepGraph, eval_graph, step_graph};
use pennydrop_graph::cpu::{Program, Vector};
use pennydrop_graph::rewrite::Rewrite;
use pennydrop_registry::{Args, SpecError, Value};
use std::fmt::Write;
use std::sync::Arc;

/// The compiled programs of a run. They hold no state, and runs that differ in seeds, in numeric hyper-parameters or in limits share them.
#[derive(Debug)]
pub struct Programs {
    key: String,
    pub(crate) step: StepGraph,
    pub(crate) eval: EvalGraph,
    pub(crate) compiled: Compiled,
}

#[derive(Debug)]
pub(crate) enum Compiled {
    F32(Pair<f32>),
    F64(Pair<f64>),
}

/// The step, and the evaluation of either set of examples.
#[derive(Debug)]
pub(crate) struct Pair<T> {
    pub step: Program<T>,
    pub eval: Program<T>,
}

impl Programs {
    /// Compiles the programs of `setup`.
    ///
    /// # Errors
    /// As [`Run::new`](crate::Run::new).
    pub fn new(setup: &Setup) -> Result<Arc<Programs>, SpecError> {
        check(setup)?;
        let step = step_graph(setup, &setup.rewrites)?;
        let eval = eval_graph(setup, eval_capacity(setup))?;
        let compiled = match setup.precision() {
            Precision::F32 => Compiled::F32(compile(setup, &step, &eval)),
            Precision::F64 => Compiled::F64(compile(setup, &step, &eval)),
        };
        Ok(Arc::new(Programs { key: Self::key(setup), step, eval, compiled }))
    }

    /// Whether `setup` can use these programs.
    pub fn fit(&self, setup: &Setup) -> bool {
        self.key == Self::key(setup)
    }

    /// Equal for two setups if they share programs: words, sizes, precision and rewrites count, numbers only by whether they are zero.
    pub fn key(setup: &Setup) -> String {
        let t = &setup.task;
        let mut key = format!(
            "{:?} {} {:?} {} {} {} {:?}\n",
            t.coordinates,
            t.classes,
            t.features.as_ref().map(|f| f.width),
            setup.rows(),
            t.train.len(),
            t.test.len(),
            t.fresh
        );
        let mut section = |args: &Args, loose: &dyn Fn(&str, &Value) -> bool| {
            key.push_str(args.name());
            for (name, value) in args.iter() {
                let _ = match value {
                    Value::Float(x) if loose(name, value) => write!(key, " {name}={}", *x != 0.0),
                    _ if loose(name, value) => Ok(()),
                    _ => write!(key, " {name}={value}"),
                };
            }
            key.push('\n');
        };
        section(&setup.model, &|name, _| name == "init" || name == "init_scale");
        section(&setup.loss, &|name, _| name == "l1" || name == "l2");
        // An optimizer's numbers are run-time scalars; zeros switch parts off.
        section(&setup.optim, &|_, value| matches!(value, Value::Float(_) | Value::Int(_)));
        let _ = write!(key, "{:?} {:?}", setup.precision(), setup.rewrites);
        key
    }

    /// Bytes of the buffers of one run: of its step, and of its evaluations.
    pub fn buffer_bytes(&self) -> (usize, usize) {
        match &self.compiled {
            Compiled::F32(p) => (p.step.bytes(), p.eval.bytes()),
            Compiled::F64(p) => (p.step.bytes(), p.eval.bytes()),
        }
    }
}

fn compile<T: Vector>(setup: &Setup, step: &StepGraph, eval: &EvalGraph) -> Pair<T> {
    let fuse = setup.rewrites.has(Rewrite::Fusion);
    Pair {
        step: Program::compile(&step.graph, &step.updates, &[], step.batch, fuse),
        eval: Program::compile(&eval.graph, &[], &eval.outputs, eval_capacity(setup), fuse),
    }
}

/// The largest set that is evaluated at once.
pub(crate) fn eval_capacity(setup: &Setup) -> usize {
    let fresh = if setup.task.fresh.is_some() { setup.rows() } else { 0 };
    setup.task.train.len().max(setup.task.test.len()).max(fresh).max(1)
}

/// What the sections say together.
pub(crate) fn check(setup: &Setup) -> Result<(), SpecError> {
    let (batch, n) = (setup.train.size("batch"), setup.task.train.len());
    match &setup.task.fresh {
        Some(_) if batch == 0 => {
            Err(SpecError::new("train.batch", "0 means the whole training set, and fresh examples have none", "an integer from 1 to 4194304"))
        }
        None if batch > n => Err(SpecError::new("train.batch", format!("{batch} is more than the {n} training examples"), format!("0 (all), or 1 to {n}"))),
        _ => Ok(()),
    }
}
