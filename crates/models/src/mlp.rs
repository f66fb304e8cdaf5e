//! Multilayer perceptrons over one-hot operands, embedded operands or dense features.
//!
//! Layer i maps x to x·W + b; an activation follows every layer but the last. Operands are concatenated in order: one-hot (rows k·p…(k+1)·p of
//! `layer0.W` belong to operand k, and a layer is a sum of gathered rows) or through one shared embedding. `scaling=mean-field` divides x·W by √(in)
//! in layer 0 and by `in` in every later one, `in` being the width of that layer's input (2p for two one-hot operands), as Gromov 2023.
//!
//! | tensor | shape | when |
//! |---|---|---|
//! | `embed.W_E` | p, d_embed | `inputs=embedding` |
//! | `layer{i}.W` | in, out | always |
//! | `layer{i}.b` | out | `bias_hidden`; the last: `bias_out` |

use crate::builder::{Builder, Noise};
use crate::init::{Init, convention};
use crate::parts::{ACTIVATIONS, activation};
use crate::{Inputs, Model, ModelRow, Options, Role, Scored, Target};
use pennydrop_graph::{Graph, Id};
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError};

/// The words of `model.init` (table in [`crate::init`]).
pub const INITS: &[&str] = &["torch", "normal-fan-in", "clamp", "he-normal", "unit-normal"];

/// The row.
pub const ROW: ModelRow = ModelRow {
    row: Row {
        name: "mlp",
        summary: "layers of any number and width over one-hot or embedded operands, or dense features",
        source: "Gromov 2023 (arXiv 2301.02679); weight-norm clamp (arXiv 2606.13753); Merrill et al. 2023 (arXiv 2303.11873)",
        params: &[
            Param {
                key: "inputs",
                kind: Kind::Choice(&["auto", "onehot", "embedding", "dense"]),
                default: Default::Str("auto"),
                doc: "how operands are fed; auto: dense for dense tasks, else onehot",
            },
            Param {
                key: "d_embed",
                kind: Kind::Int { min: 1, max: 65536 },
                default: Default::Int(128),
                doc: "width of the shared embedding, for inputs=embedding (weight-norm clamp: 128)",
            },
            Param {
                key: "widths",
                kind: Kind::Ints { min: 1, max: 1 << 20 },
                default: Default::Ints(&[256]),
                doc: "widths of the hidden layers, in order; [] is linear (weight-norm clamp: 256)",
            },
            Param {
                key: "activation",
                kind: Kind::Choice(ACTIVATIONS),
                default: Default::Str("relu"),
                doc: "after every layer but the last (Gromov: quadratic; weight-norm clamp: gelu)",
            },
            Param { key: "bias_hidden", kind: Kind::Bool, default: Default::Bool(true), doc: "biases on the hidden layers" },
            Param { key: "bias_out", kind: Kind::Bool, default: Default::Bool(true), doc: "a bias on the outputs" },
            Param {
                key: "scaling",
                kind: Kind::Choice(&["standard", "mean-field"]),
                default: Default::Str("standard"),
                doc: "mean-field: first layer over √(in), later ones over their input width (Gromov)",
            },
            Param {
                key: "dropout",
                kind: Kind::Float { min: 0.0, max: 0.999 },
                default: Default::Float(0.0),
                doc: "share of hidden entries zeroed in training, after the activation",
            },
            Param {
                key: "noise_weights",
                kind: Kind::Float { min: 0.0, max: 1e3 },
                default: Default::Float(0.0),
                doc: "standard deviation of the noise added to every weight in the forward pass of training",
            },
            Param {
                key: "init",
                kind: Kind::Str,
                default: Default::Str(INITS[0]),
                doc: "first values: torch, normal-fan-in, clamp, he-normal, unit-normal, or FILE.safetensors",
            },
            Param { key: "init_scale", kind: Kind::Float { min: 0.0, max: 1e6 }, default: Default::Float(1.0), doc: "multiplies everything that init draws" },
        ],
    },
    inits: INITS,
    per_site: false,
    build,
};

/// First values of weight and bias for a layer of this fan-in; `word` is one of [`INITS`].
fn inits(word: &str, fan_in: usize) -> (Init, Init) {
    match word {
        "torch" => (Init::uniform_over(fan_in), Init::uniform_over(fan_in)),
        "clamp" => (Init::normal_over(fan_in), Init::Normal { std: 1e-6 }),
        "he-normal" => (Init::normal_over(fan_in).scaled(std::f64::consts::SQRT_2), Init::Zeros),
        "unit-normal" => (Init::Normal { std: 1.0 }, Init::Zeros),
        _ => (Init::normal_over(fan_in), Init::Zeros),
    }
}

fn build(g: &mut Graph, args: &Args, inputs: &Inputs, options: Options) -> Result<Model, SpecError> {
    let wanted = match (args.str("inputs"), inputs.features) {
        ("auto", Some(_)) => "dense",
        ("auto", None) => "onehot",
        (word, _) => word,
    };
    let width = match (wanted, inputs.features) {
        ("dense", Some(width)) => width,
        ("dense", None) => return Err(SpecError::new("model.inputs", "this task has no dense features", "onehot, embedding, auto")),
        (word, Some(_)) => return Err(SpecError::new("model.inputs", format!("`{word}` needs operands, and this task has dense features"), "dense, auto")),
        ("embedding", None) => inputs.operands * args.size("d_embed"),
        _ => inputs.operands * inputs.range,
    };
    if width == 0 {
        return Err(SpecError::new("model.inputs", "this task feeds nothing", "a task with operands or features"));
    }
    let word = convention(args.str("init"), INITS)?;
    let hidden: Vec<usize> = args.ints("widths").iter().map(|w| *w as usize).collect();
    let mean_field = args.str("scaling") == "mean-field";
    let mut b = Builder::new(g, Noise { weights: args.float("noise_weights"), dropout: args.float("dropout"), init_scale: args.float("init_scale") }, options);

    let embed = (wanted == "embedding").then(|| {
        let d = args.size("d_embed");
        let init = if word == "torch" || word == "unit-normal" { Init::Normal { std: 1.0 } } else { Init::normal_over(d) };
        b.param("embed.W_E", &[inputs.range, d], Role::Embedding, init)
    });
    let mut fan_in = width;
    let mut layers = Vec::new();
    for (i, out) in hidden.iter().copied().chain([inputs.classes]).enumerate() {
        let (weight, bias) = inits(word, fan_in);
        let w = b.param(format!("layer{i}.W"), &[fan_in, out], Role::Matrix, weight);
        let biased = args.bool(if i < hidden.len() { "bias_hidden" } else { "bias_out" });
        let bias = biased.then(|| b.param(format!("layer{i}.b"), &[out], Role::Bias, bias));
        layers.push((w, bias, fan_in));
        fan_in = out;
    }

    let mut x: Option<Id> = None;
    for (i, (w, bias, fan_in)) in layers.into_iter().enumerate() {
        let y = match (x, embed) {
            (Some(x), _) => b.g.linear(x, w),
            (None, _) if wanted == "dense" => {
                let f = b.g.feature("features", width);
                b.g.linear(f, w)
            }
            (None, embed) => first_layer(b.g, inputs.operands, w, embed),
        };
        let y = match (mean_field, i) {
            (false, _) => y,
            (true, 0) => b.g.scale(y, 1.0 / (fan_in as f64).sqrt()),
            (true, _) => b.g.scale(y, 1.0 / fan_in as f64),
        };
        let y = bias.map_or(y, |bias| b.g.add(y, bias));
        if i == hidden.len() {
            x = Some(b.name("logits".into(), y));
            break;
        }
        b.name(format!("layer{i}.pre"), y);
        let h = activation(b.g, args.str("activation"), y);
        b.name(format!("layer{i}.hidden"), h);
        x = Some(b.dropout(h, i as u32));
    }
    let scored = x.map(|logits| Scored { logits, target: Target::Answer }).into_iter().collect();
    let (params, activations) = (b.params, b.activations);
    Ok(Model { params, scored, activations, unread: Vec::new(), outputs: inputs.classes, metric_range: inputs.classes, reads_answer: false })
}

/// x·W for concatenated operands, as one term an operand, each in that operand's own domain: rows of W, or the operand's embedding through its
/// rows of W.
fn first_layer(g: &mut Graph, operands: usize, w: Id, embed: Option<Id>) -> Id {
    let rows = g.shape(w)[0] / operands;
    let terms: Vec<Id> = (0..operands)
        .map(|k| {
            let part = g.slice(0, k * rows, rows, w);
            let token = g.token(k);
            match embed {
                None => g.gather(part, token),
                Some(e) => {
                    let e = g.gather(e, token);
                    g.linear(e, part)
                }
            }
        })
        .collect();
    terms[1..].iter().fold(terms[0], |sum, t| g.add(sum, *t))
}
