//! What decides a run.

use crate::intervene::{self, When, intervention_rows};
use pennydrop_graph::rewrite::Rewrites;
use pennydrop_registry::{Args, Default, Kind, Param, Row, Value};
use pennydrop_tasks::{Seeds, Task};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Working precision of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Single.
    F32,
    /// Double.
    F64,
}

/// Tensors by documented name: (shape, row-major values).
pub type Named = BTreeMap<String, (Vec<usize>, Vec<f64>)>;

/// Everything that decides a run. The arguments are checked against their rows by the caller ([`Args::check`]); what only shows when they meet is
/// found by [`Run::new`](crate::Run::new).
#[derive(Debug, Clone)]
pub struct Setup {
    /// The data.
    pub task: Arc<Task>,
    /// Arguments of one of [`pennydrop_models::rows`].
    pub model: Args,
    /// Arguments of one of [`loss_rows`](crate::loss_rows).
    pub loss: Args,
    /// Arguments of one of [`pennydrop_optim::rows`].
    pub optim: Args,
    /// Arguments of [`train_row`].
    pub train: Args,
    /// `init`, `batch` and `noise` are read here; `split` has made the task.
    pub seeds: Seeds,
    /// Tensors by documented name, as (shape, row-major values), that replace the drawn first values (`model.init=FILE.safetensors`). Every one must be a
    /// parameter of the model, of its shape.
    pub init: Option<Named>,
    /// Arguments of rows of [`crate::intervention_rows`], at most one of each. One whose `from` is `never` is as if it were not here.
    pub interventions: Vec<Args>,
    /// The rewrites that are on. They change the order of arithmetic, so the bits.
    pub rewrites: Rewrites,
}

static ROW: Row = Row {
    name: "train",
    summary: "steps, batches, precision, evaluations, and when to stop",
    source: "levels and sustained times: Power et al. 2022 (arXiv 2201.02177) and what followed; see the book",
    params: &[
        Param {
            key: "steps",
            kind: Kind::Int { min: 0, max: 1 << 53 },
            default: Default::Int(10_000),
            doc: "budget: the run ends after this many steps at the latest",
        },
        Param {
            key: "batch",
            kind: Kind::Int { min: 0, max: 1 << 22 },
            default: Default::Int(0),
            doc: "examples a step; 0: the whole training set (with fresh examples it must be given)",
        },
        Param {
            key: "sampling",
            kind: Kind::Choice(&["epoch", "with", "draw"]),
            default: Default::Str("epoch"),
            doc: "epoch: reshuffled every epoch, with the last partial batch; with: drawn with replacement; draw: without, anew each step",
        },
        Param { key: "precision", kind: Kind::Choice(&["f32", "f64"]), default: Default::Str("f32"), doc: "working precision of training" },
        Param {
            key: "eval",
            kind: Kind::Int { min: 1, max: 100_000 },
            default: Default::Int(64),
            doc: "evaluations a decade of steps; where that is denser than steps, every step",
        },
        Param {
            key: "stop",
            kind: Kind::Choice(&["grokked", "steps", "loss"]),
            default: Default::Str("grokked"),
            doc: "grokked: once it has memorised and generalised for good; steps: at the budget; loss: when the training loss is below loss_below",
        },
        Param {
            key: "stop_evals",
            kind: Kind::Int { min: 1, max: 1 << 32 },
            default: Default::Int(5),
            doc: "stop=grokked: consecutive evaluations that must be at both levels (and sustained)",
        },
        Param { key: "loss_below", kind: Kind::Float { min: 0.0, max: f64::MAX }, default: Default::Float(1e-6), doc: "stop=loss: the training loss to reach" },
        Param {
            key: "mem_level",
            kind: Kind::Float { min: 0.0, max: 1.0 },
            default: Default::Float(0.99),
            doc: "training accuracy that counts as memorised (t_mem)",
        },
        Param {
            key: "grok_level",
            kind: Kind::Float { min: 0.0, max: 1.0 },
            default: Default::Float(0.95),
            doc: "test accuracy that counts as generalised (t_grok)",
        },
        Param {
            key: "sustain",
            kind: Kind::Float { min: 1.0, max: 1e6 },
            default: Default::Float(1.1),
            doc: "a stretch at a level is sustained once its end is at least this times its start",
        },
        Param {
            key: "diverge",
            kind: Kind::Float { min: 0.0, max: f64::MAX },
            default: Default::Float(1e6),
            doc: "a training loss above this, or not finite, ends the run as diverged",
        },
    ],
};

/// The one row of the section `train`.
pub fn train_row() -> &'static Row {
    &ROW
}

/// Whether the trajectory itself depends on `train.steps` (a schedule that ends with the run), so that a larger budget is another run.
pub fn budget_matters(optim: &Args) -> bool {
    optim.str("schedule") == "cosine" && optim.int("schedule_steps") == 0
}

impl Setup {
    /// The working precision.
    pub fn precision(&self) -> Precision {
        if self.train.str("precision") == "f64" { Precision::F64 } else { Precision::F32 }
    }

    /// Examples of a full step: `train.batch`, or the training set. 0 where the task's examples are fresh and no batch is given, which is refused by
    /// [`Run::new`](crate::Run::new).
    pub fn rows(&self) -> usize {
        match self.train.size("batch") {
            0 => self.task.train.len(),
            n => n,
        }
    }

    /// The arguments of the intervention called `name`, if it is part of the run.
    pub fn intervention(&self, name: &str) -> Option<&Args> {
        self.interventions.iter().find(|a| a.name() == name && a.str("from").trim() != "never")
    }

    /// Whether an intervention is a part of the program, so that a run with it has the bits of one without, before it begins, only up to rounding.
    pub fn in_program(args: &Args) -> bool {
        match args.name() {
            "temperature" => true,
            "change" => args.strs("set").iter().any(|w| w.trim_start().starts_with("loss.")),
            _ => false,
        }
    }

    /// The same run without the interventions that begin at step `step` or later, whatever happens before. Those that are part of the program
    /// ([`Setup::in_program`]) stay: without them it is another program, and equal to the bit only by luck.
    pub fn before(&self, step: u64) -> Setup {
        let early = |a: &Args| match When::parse("from", a.str("from"), &[]).map(|w| w.drawn(self.seeds.noise, intervene::lane(a.name()))) {
            Ok(When::Step(from)) => from < step || Setup::in_program(a),
            _ => true,
        };
        Setup { interventions: self.interventions.iter().filter(|a| early(a)).cloned().collect(), ..self.clone() }
    }

    /// A hash (BLAKE3, hexadecimal) of all that affects the weights: the data, every argument but limits and evaluation, seeds, first values, interventions,
    /// rewrites and [`NUMERICS`](crate::NUMERICS).
    pub fn fingerprint(&self) -> String {
        let mut text = format!("numerics {}\n", crate::NUMERICS);
        for (section, args) in [("model", &self.model), ("loss", &self.loss), ("optim", &self.optim)] {
            text += &format!("{section} {}\n", args.name());
            for (key, value) in args.iter() {
                text += &format!("{section}.{key} = {value}\n");
            }
        }
        for (key, value) in self.train.iter() {
            if matches!(key, "batch" | "sampling" | "precision") || (key == "steps" && budget_matters(&self.optim)) {
                text += &format!("train.{key} = {value}\n");
            }
        }
        for args in intervention_rows().iter().filter_map(|r| self.intervention(r.row.name)) {
            text += &format!("{}\n", args.name());
            for (key, value) in args.iter() {
                text += &format!("{}.{key} = {value}\n", args.name());
            }
            if args.iter().any(|(_, v)| matches!(v, Value::Str(t) if When::reads_levels(t))) {
                text += &format!("levels {} {}\n", self.train.float("mem_level"), self.train.float("grok_level"));
            }
        }
        // The split's seed has already made the data, which is hashed below.
        text += &format!("seeds {} {} {}\nrewrites {:?}\n", self.seeds.init, self.seeds.batch, self.seeds.noise, self.rewrites);
        let t = &self.task;
        text += &format!("task {:?} {} {:?}\n", t.coordinates, t.classes, t.fresh);
        let mut h = blake3::Hasher::new();
        h.update(text.as_bytes());
        let mut part = |title: &str, bytes: Vec<u8>| {
            h.update(format!("{title} {}\n", bytes.len()).as_bytes());
            h.update(&bytes);
        };
        for (title, words) in [("tokens", &t.tokens), ("labels", &t.labels), ("train", &t.train)] {
            part(title, words.iter().flat_map(|w| w.to_le_bytes()).collect());
        }
        if let Some(a) = &t.answers {
            part("answers", a.bits.clone());
        }
        if let Some(f) = &t.features {
            part("features", f.values.iter().flat_map(|x| x.to_le_bytes()).collect());
        }
        for (name, (shape, values)) in self.init.iter().flatten() {
            part(&format!("init {name} {shape:?}"), values.iter().flat_map(|x| x.to_le_bytes()).collect());
        }
        h.finalize().to_hex().to_string()
    }
}
