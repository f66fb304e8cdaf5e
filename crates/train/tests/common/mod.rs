//! Small runs, and two threads.
#![allow(dead_code, missing_docs, reason = "each test file uses its part")]

use pennydrop_graph::cpu::Parallel;
use pennydrop_graph::rewrite::Rewrites;
use pennydrop_registry::{Args, Row, Value};
use pennydrop_tasks::{Seeds, build, find};
use pennydrop_train::{Setup, intervention_rows, loss, train_row};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Two threads, made anew for every phase; they take lanes in whatever order.
pub struct Two;

impl Parallel for Two {
    fn run(&self, n: usize, task: &(dyn Fn(usize) + Sync)) {
        let next = AtomicUsize::new(0);
        let work = || {
            loop {
                let i = next.fetch_add(1, Ordering::Relaxed);
                if i >= n {
                    break;
                }
                task(i);
            }
        };
        std::thread::scope(|s| {
            s.spawn(work);
            work();
        });
    }
}

/// `section.key=value` words; values are read as numbers, truths, `[lists]` or text.
pub fn setup(words: &str) -> Setup {
    try_setup(words).unwrap()
}

pub fn try_setup(words: &str) -> Result<Setup, pennydrop_registry::SpecError> {
    let mut name = [("task", "add"), ("model", "mlp"), ("loss", "cross-entropy"), ("optim", "adamw")].map(|(s, n)| (s, n.to_string()));
    let mut seed = 0;
    let mut given: Vec<(&str, String, Value)> = Vec::new();
    for word in words.split_whitespace() {
        let (key, value) = word.split_once('=').unwrap();
        if key == "seed" {
            seed = value.parse().unwrap();
            continue;
        }
        let (section, key) = key.split_once('.').unwrap();
        match name.iter_mut().find(|n| n.0 == section) {
            Some(n) if key == "name" => n.1 = value.to_string(),
            _ => given.push((section, key.to_string(), parse(value))),
        }
    }
    let args = |section: &str, row: &'static Row| Args::check(section, row, given.iter().filter(|g| g.0 == section).map(|g| (g.1.clone(), g.2.clone())));
    let seeds = Seeds::all(seed);
    let task = build(&args("task", find(&name[0].1)?)?, &seeds)?;
    Ok(Setup {
        task: Arc::new(task),
        model: args("model", pennydrop_models::find(&name[1].1)?)?,
        loss: args("loss", &loss::find(&name[2].1)?.row)?,
        optim: args("optim", pennydrop_optim::find(&name[3].1)?)?,
        train: args("train", train_row())?,
        seeds,
        init: None,
        interventions: intervention_rows()
            .iter()
            .filter(|r| given.iter().any(|g| g.0 == r.row.name))
            .map(|r| args(r.row.name, &r.row))
            .collect::<Result<_, _>>()?,
        rewrites: Rewrites::default(),
    })
}

fn parse(v: &str) -> Value {
    if let Some(list) = v.strip_prefix('[').and_then(|v| v.strip_suffix(']')) {
        return Value::List(list.split(',').filter(|w| !w.is_empty()).map(parse).collect());
    }
    v.parse().map(Value::Int).or_else(|_| v.parse().map(Value::Float)).or_else(|_| v.parse().map(Value::Bool)).unwrap_or_else(|_| Value::Str(v.to_string()))
}

/// Small runs that together use every part of a step: full batch and every kind of sampling, both precisions, every loss and optimizer, dropout, noise.
pub const FAMILIES: &[(&str, &str)] = &[
    ("transformer", "task.p=11 task.fraction=0.5 model.name=transformer model.d_model=16 model.d_mlp=32 optim.weight_decay=1 optim.warmup=10"),
    (
        "minibatch",
        "task.p=13 task.fraction=0.6 model.name=transformer model.layers=2 model.norm=pre model.d_model=16 model.d_mlp=32 model.dropout=0.1 \
         model.noise_weights=0.01 train.batch=32 optim.noise_grad=0.001 optim.toward=init",
    ),
    ("mlp", "task.p=13 model.widths=[32,16] train.batch=16 train.sampling=draw optim.name=sgd optim.lr=0.1 optim.momentum=0.9 optim.clip=1"),
    ("quadratic", "task.p=23 model.widths=[64] model.activation=quadratic model.scaling=mean-field loss.name=mse optim.lr=0.05 train.precision=f64"),
    ("table", "task.name=sub task.p=11 model.inputs=embedding model.d_embed=8 train.batch=20 train.sampling=with loss.l1=0.0001 loss.l2=0.001"),
    (
        "parity",
        "task.name=parity task.n=12 task.k=2 task.train=200 task.test=300 loss.name=hinge train.batch=32 optim.name=sgd optim.lr=0.1 \
         model.bias_out=false",
    ),
    (
        "strings",
        "task.name=cellular-automaton task.length=6 task.fraction=1 task.test_length=9 task.test=50 model.name=uniform-mps model.bond=9 loss.name=bits \
         train.batch=24 optim.name=adam optim.lr=0.005 loss.l1=0.00001",
    ),
    ("fresh", "task.name=parity task.n=10 task.k=2 task.sampling=fresh task.test=300 train.batch=32 optim.name=adam optim.lr=0.01 loss.precision=bf16"),
];
