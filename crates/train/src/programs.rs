//! Compiled programs, shared by runs of one shape.

use crate::intervene::Hyper;
use crate::loss::{self, Head};
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
    /// The evaluation of test examples of another shape.
    pub(crate) test: Option<EvalGraph>,
    pub(crate) compiled: Compiled,
}

#[derive(Debug)]
pub(crate) enum Compiled {
    F32(Pair<f32>),
    F64(Pair<f64>),
}

/// The step, the evaluation of either set of examples, and that of test examples of another shape.
#[derive(Debug)]
pub(crate) struct Pair<T> {
    pub step: Program<T>,
    pub eval: Program<T>,
    pub test: Option<Program<T>>,
}

impl Programs {
    /// Compiles the programs of `setup`.
    ///
    /// # Errors
    /// As [`Run::new`](crate::Run::new).
    pub fn new(setup: &Setup) -> Result<Arc<Programs>, SpecError> {
        check(setup)?;
        let step = step_graph(setup, &setup.rewrites)?;
        let eval = eval_graph(setup, &setup.task, eval_capacity(setup))?;
        let test = setup.task.transfer.as_ref().map(|task| eval_graph(setup, task, task.test.len())).transpose()?;
        if test.as_ref().is_some_and(|t| t.params != eval.params) {
            return Err(SpecError::new(
                "model.name",
                format!("the weights of `{}` depend on the length of its input, so it cannot be tested at another", setup.model.name()),
                "uniform-mps, or a test set of the same length (task.test_length=0)",
            ));
        }
        let compiled = match setup.precision() {
            Precision::F32 => Compiled::F32(compile(setup, &step, &eval, test.as_ref())),
            Precision::F64 => Compiled::F64(compile(setup, &step, &eval, test.as_ref())),
        };
        Ok(Arc::new(Programs { key: Self::key(setup), step, eval, test, compiled }))
    }

    /// Whether `setup` can use these programs.
    pub fn fit(&self, setup: &Setup) -> bool {
        self.key == Self::key(setup)
    }

    /// Equal for two setups if they share programs: words, sizes, precision and rewrites count, numbers only by whether they are zero.
    pub fn key(setup: &Setup) -> String {
        let t = &setup.task;
        // How many strings of bits are answers does not matter to a network that gives one output a bit.
        let classes = if loss::find(setup.loss.name()).is_ok_and(|l| l.head == Head::Bits) { 0 } else { t.classes };
        let mut key = format!(
            "{:?} {} {:?} {} {} {} {:?}\n",
            t.coordinates,
            classes,
            t.features.as_ref().map(|f| f.width),
            setup.rows(),
            t.train.len(),
            t.test.len(),
            t.fresh
        );
        if let Some(a) = &t.answers {
            let _ = writeln!(key, "{} {:?}", a.width, t.transfer.as_ref().map(|t| (t.features.as_ref().map(|f| f.width), t.test.len())));
        }
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
        // First values are drawn as the program's tensors say, so `init` and `init_scale` are part of it although no kernel knows them.
        section(&setup.model, &|_, _| false);
        section(&setup.loss, &|name, _| name == "l1" || name == "l2");
        let later = |k: &str| Hyper::new(setup).is_ok_and(|h| h.traced(k) != 0.0) && setup.loss.float(k) == 0.0;
        // An optimizer's numbers are run-time scalars; zeros switch parts off.
        section(&setup.optim, &|_, value| matches!(value, Value::Float(_) | Value::Int(_)));
        let _ = write!(key, "{:?} {:?}", setup.precision(), setup.rewrites);
        // Parts of the program that an intervention needs.
        for (part, on) in [("temperature", setup.intervention("temperature").is_some()), ("l1", later("l1")), ("l2", later("l2"))] {
            if on {
                let _ = write!(key, " {part}");
            }
        }
        key
    }

    /// Bytes of the buffers of one run: of its step, and of its evaluations.
    pub fn buffer_bytes(&self) -> (usize, usize) {
        match &self.compiled {
            Compiled::F32(p) => p.bytes(),
            Compiled::F64(p) => p.bytes(),
        }
    }
}

impl<T: Vector> Pair<T> {
    fn bytes(&self) -> (usize, usize) {
        (self.step.bytes(), self.eval.bytes() + self.test.as_ref().map_or(0, Program::bytes))
    }
}

fn compile<T: Vector>(setup: &Setup, step: &StepGraph, eval: &EvalGraph, test: Option<&EvalGraph>) -> Pair<T> {
    let fuse = setup.rewrites.has(Rewrite::Fusion);
    Pair {
        step: Program::compile(&step.graph, &step.updates, &[], step.batch, fuse),
        eval: Program::compile(&eval.graph, &[], &eval.outputs, eval_capacity(setup), fuse),
        test: test.map(|t| Program::compile(&t.graph, &[], &t.outputs, setup.task.tested().test.len(), fuse)),
    }
}

/// The largest set that the first program of evaluation takes at once.
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
