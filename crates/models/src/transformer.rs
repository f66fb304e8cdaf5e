//! Transformers over short sequences of operands and special tokens.
//!
//! x = `W_E[token]` + position; then, layer by layer, attention and MLP around the residual stream: without norm x += attn(x), x += mlp(x); `pre`
//! x += attn(ln1(x)), x += mlp(ln2(x)); `post` x = ln1(x + attn(x)), x = ln2(x + mlp(x)). Scores are q·k/√d_head, softmax over the positions up to
//! the query's own (`causal`) or over all; the heads' outputs go through `W_O` and are summed. Logits are final(x)·W_U.
//!
//! A position is traced only where something that is read depends on it: with one layer and `a b =`, one query (a constant), and keys and values
//! that depend on one operand each.
//!
//! | tensor | shape | when |
//! |---|---|---|
//! | `embed.W_E` | vocabulary, d | always |
//! | `embed.W_pos` | positions, d | `positions=learned` |
//! | `block{l}.attn.W_Q`, `W_K`, `W_V` | heads, d, d_head | always |
//! | `block{l}.attn.b_Q`, `b_K`, `b_V` | heads, d_head | `bias_attn` |
//! | `block{l}.attn.W_O` · `b_O` | heads, d_head, d · d | always · `bias_attn` |
//! | `block{l}.mlp.W_in` · `b_in` | d, d_mlp · d_mlp | `d_mlp > 0` · `bias_mlp` |
//! | `block{l}.mlp.W_out` · `b_out` | d_mlp, d · d | `d_mlp > 0` · `bias_mlp` |
//! | `block{l}.ln1.gain`, `bias`, `block{l}.ln2.…` | d | `norm` not `none`, `norm_affine` (`ln2` with the MLP) |
//! | `final.gain`, `bias` | d | `final_norm`, `norm_affine` |
//! | `unembed.W_U` · `b_U` | d, logits · logits | not `tied` · `bias_out` |

use crate::builder::{Builder, Noise};
use crate::init::{Init, convention};
use crate::parts::{ACTIVATIONS, activation, normalize, sinusoid};
use crate::template::{Template, Word};
use crate::{Inputs, Model, ModelRow, Options, Role, Scored, Target};
use pennydrop_graph::ir::{Binary, Coordinate, Unary};
use pennydrop_graph::{Graph, Id};
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError};

/// The words of `model.init` (table in [`crate::init`]).
pub const INITS: &[&str] = &["nanda", "power", "torch", "clamp", "normal-fan-in"];

/// The row.
pub const ROW: ModelRow = ModelRow {
    row: Row {
        name: "transformer",
        summary: "attention and MLP layers over operands and special tokens; the defaults are those of Nanda et al.",
        source: "Nanda et al. 2023 (arXiv 2301.05217); Power et al. 2022 (arXiv 2201.02177)",
        params: &[
            Param { key: "layers", kind: Kind::Int { min: 1, max: 32 }, default: Default::Int(1), doc: "number of layers (Nanda: 1; Power: 2)" },
            Param {
                key: "heads",
                kind: Kind::Int { min: 1, max: 256 },
                default: Default::Int(4),
                doc: "attention heads; must divide d_model (Nanda, Power: 4)",
            },
            Param {
                key: "d_model",
                kind: Kind::Int { min: 1, max: 65536 },
                default: Default::Int(128),
                doc: "width of the residual stream (Nanda, Power: 128)",
            },
            Param {
                key: "d_mlp",
                kind: Kind::Int { min: 0, max: 1 << 20 },
                default: Default::Int(512),
                doc: "width of the MLP; 0: attention only (Nanda, Power: 512)",
            },
            Param {
                key: "norm",
                kind: Kind::Choice(&["none", "pre", "post"]),
                default: Default::Str("none"),
                doc: "layer normalisation: none, before each part, or after each sum (Nanda: none; Power: post)",
            },
            Param { key: "norm_eps", kind: Kind::Float { min: 0.0, max: 1.0 }, default: Default::Float(1e-5), doc: "added to the variance (PyTorch: 1e-5)" },
            Param { key: "norm_affine", kind: Kind::Bool, default: Default::Bool(true), doc: "norms have a gain (first 1) and a bias (first 0)" },
            Param { key: "final_norm", kind: Kind::Bool, default: Default::Bool(false), doc: "one more norm before the unembedding" },
            Param { key: "causal", kind: Kind::Bool, default: Default::Bool(true), doc: "a position sees itself and what stands before it; false: everything" },
            Param {
                key: "positions",
                kind: Kind::Choice(&["learned", "sinusoidal", "none"]),
                default: Default::Str("learned"),
                doc: "added to the embedding (Nanda: learned; Power: sinusoidal, fixed)",
            },
            Param {
                key: "activation",
                kind: Kind::Choice(ACTIVATIONS),
                default: Default::Str("relu"),
                doc: "of the MLP; gelu is exact, gelu_tanh its approximation",
            },
            Param { key: "bias_attn", kind: Kind::Bool, default: Default::Bool(false), doc: "biases on queries, keys, values and attention's output" },
            Param { key: "bias_mlp", kind: Kind::Bool, default: Default::Bool(true), doc: "biases in the MLP (Nanda: true; Power: false)" },
            Param { key: "bias_out", kind: Kind::Bool, default: Default::Bool(false), doc: "a bias on the logits" },
            Param { key: "tied", kind: Kind::Bool, default: Default::Bool(false), doc: "the unembedding is the transposed embedding" },
            Param {
                key: "template",
                kind: Kind::Str,
                default: Default::Str("auto"),
                doc: "what is fed: operands a, b, …, `answer`, and special tokens (`a op b =`); auto: the operands, then `=`",
            },
            Param {
                key: "scored",
                kind: Kind::Str,
                default: Default::Str("answer"),
                doc: "what is predicted from the answer on: `answer`, or with what follows it, `answer eos` (Power)",
            },
            Param {
                key: "outputs",
                kind: Kind::Choice(&["classes", "vocab"]),
                default: Default::Str("vocab"),
                doc: "logits over the label classes only, or over every token (Nanda, Power: vocab)",
            },
            Param {
                key: "extra_vocab",
                kind: Kind::Int { min: 0, max: 1 << 20 },
                default: Default::Int(0),
                doc: "tokens that are never fed but have embeddings and logits (Power: 139 with p = 97)",
            },
            Param { key: "dropout", kind: Kind::Float { min: 0.0, max: 0.999 }, default: Default::Float(0.0), doc: "share of entries zeroed in training" },
            Param {
                key: "dropout_at",
                kind: Kind::Choice(&["mlp", "all"]),
                default: Default::Str("mlp"),
                doc: "mlp: the MLP's output (Power); all: also its hidden layer, attention weights and attention's output (nn.TransformerEncoderLayer)",
            },
            Param {
                key: "noise_weights",
                kind: Kind::Float { min: 0.0, max: 1e3 },
                default: Default::Float(0.0),
                doc: "standard deviation of the noise added to every weight in the forward pass of training (Power: 0.01)",
            },
            Param {
                key: "init",
                kind: Kind::Str,
                default: Default::Str(INITS[0]),
                doc: "first values: nanda, power, torch, clamp, normal-fan-in, or FILE.safetensors",
            },
            Param { key: "init_scale", kind: Kind::Float { min: 0.0, max: 1e6 }, default: Default::Float(1.0), doc: "multiplies everything that init draws" },
        ],
    },
    inits: INITS,
    per_site: false,
    build,
};

/// First values by tensor.
struct Inits {
    embed: Init,
    positions: Init,
    qkv: Init,
    out: Init,
    mlp_in: Init,
    mlp_out: Init,
    unembed: Init,
    bias_attn: Init,
    bias_in: Init,
    bias_out: Init,
    bias_unembed: Init,
}

impl Inits {
    /// The table of [`crate::init`]; `word` is one of [`INITS`].
    fn of(word: &str, d: usize, d_mlp: usize, outputs: usize) -> Inits {
        let one = Init::Normal { std: 1.0 };
        let (normal, uniform) = (Init::normal_over(d), Init::uniform_over(d));
        let fan_in = Inits {
            embed: normal,
            positions: normal,
            qkv: normal,
            out: normal,
            mlp_in: normal,
            mlp_out: Init::normal_over(d_mlp.max(1)),
            unembed: normal,
            bias_attn: Init::Zeros,
            bias_in: Init::Zeros,
            bias_out: Init::Zeros,
            bias_unembed: Init::Zeros,
        };
        let wide = Init::uniform_over(d_mlp.max(1));
        let linear = Inits {
            embed: one,
            positions: one,
            qkv: uniform,
            out: uniform,
            mlp_in: uniform,
            mlp_out: wide,
            unembed: uniform,
            bias_attn: uniform,
            bias_in: uniform,
            bias_out: wide,
            bias_unembed: uniform,
        };
        match word {
            "nanda" => Inits { mlp_out: normal, unembed: Init::normal_over(outputs), ..fan_in },
            "power" => linear,
            "torch" => Inits { qkv: Init::Uniform { bound: (6.0 / (4 * d) as f64).sqrt() }, bias_attn: Init::Zeros, ..linear },
            "clamp" => Inits { positions: normal.scaled(0.1), ..fan_in },
            _ => fan_in,
        }
    }
}

/// A norm: its gain and bias, where it has them.
struct Norm(Option<(Id, Id)>);

/// A layer's tensors, as `[in, out]` matrices.
struct Block {
    q: (Id, Option<Id>),
    k: (Id, Option<Id>),
    v: (Id, Option<Id>),
    out: (Id, Option<Id>),
    mlp: Option<[(Id, Option<Id>); 2]>,
    ln1: Option<Norm>,
    ln2: Option<Norm>,
}

/// What every layer is told.
struct Spec<'a> {
    heads: usize,
    d_head: usize,
    length: usize,
    causal: bool,
    pre: bool,
    eps: f64,
    activation: &'a str,
    dropout_everywhere: bool,
}

impl Spec<'_> {
    fn sees(&self, query: usize, key: usize) -> bool {
        !self.causal || key <= query
    }

    /// The lane of a dropout site, the same whatever else is traced: sites `0..length` are attention's weights by key, then three more.
    fn lane(&self, layer: usize, position: usize, site: usize) -> u32 {
        (((layer * self.length) + position) * (self.length + 3) + site) as u32
    }
}

fn build(g: &mut Graph, args: &Args, inputs: &Inputs, options: Options) -> Result<Model, SpecError> {
    let (layers, heads, d, d_mlp) = (args.size("layers"), args.size("heads"), args.size("d_model"), args.size("d_mlp"));
    if !d.is_multiple_of(heads) {
        let divisors = (1..=d.min(256)).filter(|h| d.is_multiple_of(*h)).map(|h| h.to_string()).collect::<Vec<_>>().join(", ");
        return Err(SpecError::new("model.heads", format!("{heads} heads do not divide d_model = {d}"), divisors));
    }
    let (tied, to_vocab) = (args.bool("tied"), args.str("outputs") == "vocab");
    let template = Template::read(args.str("template"), args.str("scored"), inputs, to_vocab || tied)?;
    let causal = args.bool("causal");
    if !causal && template.feeds_answer(inputs.operands) {
        return Err(SpecError::new(
            "model.causal",
            "false while the template feeds `answer`: every position would see the label",
            "true, or a template without `answer`",
        ));
    }
    if !to_vocab && template.scored.iter().any(|(_, t)| *t != Target::Answer) {
        return Err(SpecError::new("model.outputs", "`classes` has no logit for the special tokens that model.scored names", "vocab"));
    }
    let vocabulary = template.ordinary + template.specials.len() + args.size("extra_vocab");
    let outputs = if to_vocab { vocabulary } else { inputs.classes };
    let inits = Inits::of(convention(args.str("init"), INITS)?, d, d_mlp, outputs);
    let length = template.words.len();
    let spec = Spec {
        heads,
        d_head: d / heads,
        length,
        causal,
        pre: args.str("norm") == "pre",
        eps: args.float("norm_eps"),
        activation: args.str("activation"),
        dropout_everywhere: args.str("dropout_at") == "all",
    };

    // Backwards from what is read: the positions whose residual stream each layer needs.
    let mut needed = vec![vec![options.all_positions; length]; layers + 1];
    for (position, _) in &template.scored {
        needed[layers][*position] = true;
    }
    for l in (0..layers).rev() {
        for key in 0..length {
            needed[l][key] = (0..length).any(|query| needed[l + 1][query] && spec.sees(query, key));
        }
    }
    let reads_answer = (0..length).any(|s| needed[0][s] && template.words[s] == Word::Coordinate(inputs.operands));
    if reads_answer && g.coordinates.len() == inputs.operands {
        g.coordinates.push(Coordinate { name: "answer".into(), range: inputs.classes });
    }

    let mut b = Builder::new(g, Noise { weights: args.float("noise_weights"), dropout: args.float("dropout"), init_scale: args.float("init_scale") }, options);
    let embed = b.param("embed.W_E", &[vocabulary, d], Role::Embedding, inits.embed);
    let learned = (args.str("positions") == "learned").then(|| b.param("embed.W_pos", &[length, d], Role::Position, inits.positions));
    let blocks: Vec<Block> = (0..layers).map(|l| declare(&mut b, args, &inits, &spec, l)).collect();
    let affine = args.bool("norm_affine");
    let last = args.bool("final_norm").then(|| norm(&mut b, "final", d, affine));
    let unembed = if tied { embed } else { b.param("unembed.W_U", &[d, outputs], Role::Unembedding, inits.unembed) };
    let unembed_bias = args.bool("bias_out").then(|| b.param("unembed.b_U", &[outputs], Role::Bias, inits.bias_unembed));

    let mut stream: Vec<Option<Id>> = vec![None; length];
    for s in (0..length).filter(|s| needed[0][*s]) {
        let token = match template.words[s] {
            Word::Coordinate(c) => {
                let token = b.g.token(c);
                b.g.gather(embed, token)
            }
            Word::Special(id) => row(b.g, embed, id),
        };
        let position = match (learned, args.str("positions")) {
            (Some(table), _) => Some(row(b.g, table, s)),
            (None, "sinusoidal") => Some(b.g.constant(&sinusoid(s, d), &[d])),
            _ => None,
        };
        let x = position.map_or(token, |p| b.g.add(token, p));
        stream[s] = Some(b.name(format!("embed@{s}"), x));
    }
    for (l, block) in blocks.iter().enumerate() {
        stream = layer(&mut b, &spec, block, l, &stream, &needed[l + 1]);
    }

    let (mut scored, mut unread) = (Vec::new(), Vec::new());
    for (s, x) in stream.into_iter().enumerate().filter_map(|(s, x)| x.map(|x| (s, x))) {
        let x = match &last {
            Some(n) => {
                let y = apply(&mut b, n, x, spec.eps);
                b.name(format!("final@{s}"), y)
            }
            None => x,
        };
        let logits = if tied { tied_logits(b.g, x, unembed, outputs) } else { b.g.linear(x, unembed) };
        let logits = unembed_bias.map_or(logits, |u| b.g.add(logits, u));
        b.name(format!("logits@{s}"), logits);
        match template.scored.iter().find(|(position, _)| *position == s) {
            Some((_, target)) => scored.push(Scored { logits, target: *target }),
            None => unread.push(logits),
        }
    }
    Ok(Model { params: b.params, scored, activations: b.activations, unread, outputs, metric_range: inputs.classes, reads_answer })
}

/// Row `i` of a table, as a constant of the example.
fn row(g: &mut Graph, table: Id, i: usize) -> Id {
    let d = g.shape(table)[1];
    let r = g.slice(0, i, 1, table);
    g.reshape(&[d], r)
}

/// `x` against the first `outputs` rows of the embedding.
fn tied_logits(g: &mut Graph, x: Id, embed: Id, outputs: usize) -> Id {
    let d = g.shape(x)[0];
    let table = g.slice(0, 0, outputs, embed);
    let x = g.reshape(&[1, d], x);
    let domain = g.domain(x);
    let y = g.dot_to(domain, (x, false), (table, true));
    g.reshape(&[outputs], y)
}

fn norm(b: &mut Builder, name: &str, d: usize, affine: bool) -> Norm {
    Norm(affine.then(|| (b.param(format!("{name}.gain"), &[d], Role::Gain, Init::Ones), b.param(format!("{name}.bias"), &[d], Role::Bias, Init::Zeros))))
}

fn apply(b: &mut Builder, norm: &Norm, x: Id, eps: f64) -> Id {
    let y = normalize(b.g, x, eps);
    match norm.0 {
        Some((gain, bias)) => {
            let y = b.g.mul(y, gain);
            b.g.add(y, bias)
        }
        None => y,
    }
}

fn declare(b: &mut Builder, args: &Args, inits: &Inits, spec: &Spec, l: usize) -> Block {
    let (heads, d_head, d, d_mlp) = (spec.heads, spec.d_head, spec.heads * spec.d_head, args.size("d_mlp"));
    let block = format!("block{l}");
    let inward = ["Q", "K", "V"].map(|w| b.param(format!("{block}.attn.W_{w}"), &[heads, d, d_head], Role::Matrix, inits.qkv));
    let biases = args.bool("bias_attn").then(|| ["Q", "K", "V"].map(|w| b.param(format!("{block}.attn.b_{w}"), &[heads, d_head], Role::Bias, inits.bias_attn)));
    let out = b.param(format!("{block}.attn.W_O"), &[heads, d_head, d], Role::Matrix, inits.out);
    let out_bias = args.bool("bias_attn").then(|| b.param(format!("{block}.attn.b_O"), &[d], Role::Bias, inits.bias_attn));
    let bias_mlp = args.bool("bias_mlp");
    let mlp = (d_mlp > 0).then(|| {
        let w_in = b.param(format!("{block}.mlp.W_in"), &[d, d_mlp], Role::Matrix, inits.mlp_in);
        let b_in = bias_mlp.then(|| b.param(format!("{block}.mlp.b_in"), &[d_mlp], Role::Bias, inits.bias_in));
        let w_out = b.param(format!("{block}.mlp.W_out"), &[d_mlp, d], Role::Matrix, inits.mlp_out);
        let b_out = bias_mlp.then(|| b.param(format!("{block}.mlp.b_out"), &[d], Role::Bias, inits.bias_out));
        [(w_in, b_in), (w_out, b_out)]
    });
    let (normed, affine) = (args.str("norm") != "none", args.bool("norm_affine"));
    let ln1 = normed.then(|| norm(b, &format!("{block}.ln1"), d, affine));
    let ln2 = (normed && d_mlp > 0).then(|| norm(b, &format!("{block}.ln2"), d, affine));

    // All heads of a map are one matrix.
    let [q, k, v] = inward.map(|w| {
        let w = b.g.transpose(&[1, 0, 2], w);
        b.g.reshape(&[d, d], w)
    });
    let [b_q, b_k, b_v] = biases.map_or([None; 3], |bs| bs.map(|x| Some(b.g.reshape(&[d], x))));
    let out = b.g.reshape(&[d, d], out);
    Block { q: (q, b_q), k: (k, b_k), v: (v, b_v), out: (out, out_bias), mlp, ln1, ln2 }
}

/// One layer: the residual streams at the positions `wanted`, from those of the layer before.
fn layer(b: &mut Builder, spec: &Spec, block: &Block, l: usize, stream: &[Option<Id>], wanted: &[bool]) -> Vec<Option<Id>> {
    let read: Vec<Option<Id>> = stream
        .iter()
        .map(|x| {
            x.map(|x| match &block.ln1 {
                Some(n) if spec.pre => apply(b, n, x, spec.eps),
                _ => x,
            })
        })
        .collect();
    let project = |b: &mut Builder, (w, bias): (Id, Option<Id>), name: &str, s: usize| {
        read[s].map(|x| {
            let y = b.affine(x, w, bias);
            let y = b.g.reshape(&[spec.heads, spec.d_head], y);
            b.name(format!("block{l}.attn.{name}@{s}"), y)
        })
    };
    let keys: Vec<Option<Id>> = (0..spec.length).map(|s| project(b, block.k, "k", s)).collect();
    let values: Vec<Option<Id>> = (0..spec.length).map(|s| project(b, block.v, "v", s)).collect();
    (0..spec.length)
        .map(|s| {
            let x = stream[s].filter(|_| wanted[s])?;
            let q = project(b, block.q, "q", s)?;
            let seen: Vec<(usize, Id, Id)> = (0..spec.length).filter(|k| spec.sees(s, *k)).filter_map(|k| Some((k, keys[k]?, values[k]?))).collect();
            let z = attend(b, spec, l, s, q, &seen);
            let a = b.affine(z, block.out.0, block.out.1);
            let a = if spec.dropout_everywhere { b.dropout(a, spec.lane(l, s, spec.length)) } else { a };
            b.name(format!("block{l}.attn.out@{s}"), a);
            let x = b.g.add(x, a);
            let x = match &block.ln1 {
                Some(n) if !spec.pre => apply(b, n, x, spec.eps),
                _ => x,
            };
            b.name(format!("block{l}.mid@{s}"), x);
            let Some([inward, outward]) = block.mlp else { return Some(x) };
            let h = match &block.ln2 {
                Some(n) if spec.pre => apply(b, n, x, spec.eps),
                _ => x,
            };
            let h = b.affine(h, inward.0, inward.1);
            b.name(format!("block{l}.mlp.pre@{s}"), h);
            let h = activation(b.g, spec.activation, h);
            b.name(format!("block{l}.mlp.hidden@{s}"), h);
            let h = if spec.dropout_everywhere { b.dropout(h, spec.lane(l, s, spec.length + 1)) } else { h };
            let h = b.affine(h, outward.0, outward.1);
            let h = b.dropout(h, spec.lane(l, s, spec.length + 2));
            b.name(format!("block{l}.mlp.out@{s}"), h);
            let x = b.g.add(x, h);
            let x = match &block.ln2 {
                Some(n) if !spec.pre => apply(b, n, x, spec.eps),
                _ => x,
            };
            Some(b.name(format!("block{l}.out@{s}"), x))
        })
        .collect()
}

/// The heads' outputs at position `s`, `[heads·d_head]`: softmax over `seen` (position, key, value) by elementwise work on `[heads]`.
fn attend(b: &mut Builder, spec: &Spec, l: usize, s: usize, q: Id, seen: &[(usize, Id, Id)]) -> Id {
    let scale = 1.0 / (spec.d_head as f64).sqrt();
    let scores: Vec<Id> = seen
        .iter()
        .map(|(_, k, _)| {
            let p = b.g.mul(q, *k);
            let p = b.g.sum(&[1], p);
            b.g.scale(p, scale)
        })
        .collect();
    // Softmax does not see a common shift, so no derivative goes through the maximum.
    let top = scores[1..].iter().fold(scores[0], |m, x| b.g.binary(Binary::Max, m, *x));
    let top = b.g.unary(Unary::Stop, top);
    let weights: Vec<Id> = scores
        .iter()
        .map(|x| {
            let x = b.g.sub(*x, top);
            b.g.unary(Unary::Exp, x)
        })
        .collect();
    let total = weights[1..].iter().fold(weights[0], |t, w| b.g.add(t, *w));
    let mut sum = None;
    for ((key, _, v), w) in seen.iter().zip(weights) {
        let w = b.g.div(w, total);
        b.name(format!("block{l}.attn.weight@{s},{key}"), w);
        let w = if spec.dropout_everywhere { b.dropout(w, spec.lane(l, s, *key)) } else { w };
        let w = b.g.reshape(&[spec.heads, 1], w);
        let t = b.g.mul(w, *v);
        sum = Some(sum.map_or(t, |z| b.g.add(z, t)));
    }
    let z = sum.unwrap_or(q);
    b.name(format!("block{l}.attn.z@{s}"), z);
    b.g.reshape(&[spec.heads * spec.d_head], z)
}
