//! Uniform matrix-product states as attention: the tensor network of Žunkovič and Ilievski (arXiv:2210.15435, JMLR 25(199)).
//!
//! A string of bits x, one output a site. With matrices A₀, A₁, B₀, B₁ of bond dimension d, shared by all sites, the context left of site i is
//! L(i) = L(i−1)·A(x at i−1), the one right of it R(i) = A(x at i+1)·R(i+1), and the output is f(i) = L(i)·B(x at i)·R(i), or its trace; its sign is the
//! prediction. Contexts are divided by their Euclidean (Frobenius) norm at each site (`contexts=unit`), the boundaries too.
//!
//! `local_map=scaled` is what the paper's code computes: the two numbers L·B₀·R and L·B₁·R are divided by their common norm and multiplied by one trained
//! scalar, so that |f| ≤ |scale|.
//!
//! A context depends on the bits on its side only and is tabulated over those: with operands, L(i) has one row for each of 2^i prefixes, and a whole table of
//! strings costs what its prefixes and suffixes cost. Each product with both matrices, `[L·A₀, L·A₁]`, is one matrix product before the bit is known; the
//! bit then chooses. Dense inputs are signs: positive is bit 1.
//!
//! | tensor | shape | when |
//! |---|---|---|
//! | `A`, `B` | 2, d, d | always |
//! | `v_L`, `v_R` | d | `boundary=trained` |
//! | `scale` | | `local_map=scaled` |
//!
//! Activations `left@{i}` and `right@{i}` are the contexts of site i as the output reads them: `[d]`, for `boundary=closed` `[d, d]`.

use crate::builder::{Builder, Noise};
use crate::init::{Init, convention};
use crate::{Inputs, Model, ModelRow, Options, Role, Scored, Target};
use pennydrop_graph::ir::{Binary, Unary};
use pennydrop_graph::{Graph, Id};
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError};

/// The words of `model.init` (table in [`crate::init`]).
pub const INITS: &[&str] = &["unit-normal", "normal-fan-in"];

/// A norm below this is taken for this (PyTorch's `normalize` with the paper's code's ε), so that a vanished context is 0 and not NaN.
const SMALLEST_NORM: f64 = 1e-6;

/// The row.
pub const ROW: ModelRow = ModelRow {
    row: Row {
        name: "uniform-mps",
        summary: "a uniform matrix-product state as attention: left and right contexts of every bit, one output a bit",
        source: "Žunkovič and Ilievski 2024, JMLR 25(199), arXiv:2210.15435; \"code\" is github.com/qml-tn/grokking",
        params: &[
            Param { key: "bond", kind: Kind::Int { min: 1, max: 1024 }, default: Default::Int(10), doc: "bond dimension d (10, 20, 40: arXiv:2210.15435)" },
            Param {
                key: "boundary",
                kind: Kind::Choice(&["trained", "first", "closed"]),
                default: Default::Str("trained"),
                doc: "trained: vectors at both ends; first: the first unit vector at both ends (code); closed: a trace",
            },
            Param {
                key: "contexts",
                kind: Kind::Choice(&["unit", "plain"]),
                default: Default::Str("unit"),
                doc: "unit: contexts are divided by their norm at each site (section 4); plain: bare products",
            },
            Param {
                key: "local_map",
                kind: Kind::Choice(&["plain", "scaled"]),
                default: Default::Str("plain"),
                doc: "scaled: the map of a site is divided by its norm and multiplied by one trained scalar (code)",
            },
            Param {
                key: "init",
                kind: Kind::Str,
                default: Default::Str(INITS[0]),
                doc: "first values: unit-normal (arXiv:2210.15435), normal-fan-in, or FILE.safetensors",
            },
            Param { key: "init_scale", kind: Kind::Float { min: 0.0, max: 1e6 }, default: Default::Float(1.0), doc: "multiplies everything that init draws" },
        ],
    },
    inits: INITS,
    per_site: true,
    build,
};

/// The network's words and width.
struct Net {
    d: usize,
    unit: bool,
    scaled: bool,
}

fn build(g: &mut Graph, args: &Args, inputs: &Inputs, options: Options) -> Result<Model, SpecError> {
    let sites = inputs.features.unwrap_or(inputs.operands);
    if sites == 0 || (inputs.features.is_none() && inputs.range != 2) {
        let problem = format!("`uniform-mps` reads strings of bits, and this task has {} operands of {} values", inputs.operands, inputs.range);
        return Err(SpecError::new("model.name", problem, "a task of bits, such as cellular-automaton"));
    }
    if inputs.classes != sites {
        let problem = format!("`uniform-mps` gives one output a site, {sites}, and the loss takes {}", inputs.classes);
        return Err(SpecError::new("model.name", problem, "a task whose answers have as many bits as its inputs"));
    }
    let word = convention(args.str("init"), INITS)?;
    let (d, closed) = (args.size("bond"), args.str("boundary") == "closed");
    let net = Net { d, unit: args.str("contexts") == "unit", scaled: args.str("local_map") == "scaled" };
    let init = if word == "normal-fan-in" { Init::normal_over(d) } else { Init::Normal { std: 1.0 } };
    let mut b = Builder::new(g, Noise { weights: 0.0, dropout: 0.0, init_scale: args.float("init_scale") }, options);
    let a = b.param("A", &[2, d, d], Role::Matrix, init);
    let own = b.param("B", &[2, d, d], Role::Matrix, init);
    let ends = match args.str("boundary") {
        "trained" => [("v_L", init), ("v_R", init)].map(|(name, init)| {
            let v = b.param(name, &[d], Role::Matrix, init);
            b.g.reshape(&[1, d], v)
        }),
        "first" => {
            let v: Vec<f64> = (0..d).map(|i| f64::from(u8::from(i == 0))).collect();
            [b.g.constant(&v, &[1, d]); 2]
        }
        _ => {
            let one: Vec<f64> = (0..d * d).map(|k| f64::from(u8::from(k % (d + 1) == 0))).collect();
            [b.g.constant(&one, &[d, d]); 2]
        }
    };
    let scale = net.scaled.then(|| b.param("scale", &[], Role::Gain, Init::Ones));

    let bits = bits(b.g, inputs, sites);
    // [A₀ | A₁] for rows from the left, [A₀ᵀ | A₁ᵀ] for right contexts, which are kept transposed.
    let rightward = beside(b.g, a, &[1, 0, 2]);
    let leftward = beside(b.g, a, &[2, 0, 1]);
    let own = beside(b.g, own, &[1, 0, 2]);
    let mut lefts = vec![net.context(b.g, ends[0])];
    for bit in &bits[..sites - 1] {
        let next = net.step(b.g, lefts[lefts.len() - 1], rightward, *bit);
        lefts.push(next);
    }
    let mut rights = vec![net.context(b.g, ends[1])];
    for bit in bits[1..].iter().rev() {
        let next = net.step(b.g, rights[rights.len() - 1], leftward, *bit);
        rights.push(next);
    }
    rights.reverse();
    let mut outputs = Vec::with_capacity(sites);
    for (i, bit) in bits.iter().enumerate() {
        let y = net.output(b.g, lefts[i], rights[i], own, *bit, scale);
        outputs.push(b.g.reshape(&[1], y));
    }
    for (side, contexts) in [("left", &lefts), ("right", &rights)] {
        for (i, context) in contexts.iter().enumerate() {
            let shown = match (closed, side) {
                (false, _) => b.g.reshape(&[d], *context),
                (true, "left") => *context,
                (true, _) => b.g.transpose(&[1, 0], *context),
            };
            b.name(format!("{side}@{i}"), shown);
        }
    }
    let logits = b.g.concat(0, &outputs);
    b.name("logits".into(), logits);
    let scored = vec![Scored { logits, target: Target::Answer }];
    let (params, activations) = (b.params, b.activations);
    Ok(Model { params, scored, activations, unread: Vec::new(), outputs: sites, metric_range: sites, reads_answer: false })
}

/// For each site a number, shape [], that is 0 for bit 0 and 1 for bit 1.
fn bits(g: &mut Graph, inputs: &Inputs, sites: usize) -> Vec<Id> {
    match inputs.features {
        Some(width) => {
            let (signs, zero) = (g.feature("features", width), g.number(0.0));
            let ones = g.binary(Binary::Gt, signs, zero);
            let site = |i| {
                let bit = g.slice(0, i, 1, ones);
                g.reshape(&[], bit)
            };
            (0..sites).map(site).collect()
        }
        None => {
            let site = |i| {
                let token = g.token(i);
                let hot = g.one_hot(2, token);
                let bit = g.slice(0, 1, 1, hot);
                g.reshape(&[], bit)
            };
            (0..sites).map(site).collect()
        }
    }
}

/// A pair of matrices `[2, d, d]` side by side, `[d, 2d]`, by a permutation that moves the pair between the axes of a matrix (`[1, 0, 2]`) or of its
/// transpose (`[2, 0, 1]`).
fn beside(g: &mut Graph, pair: Id, perm: &[usize]) -> Id {
    let d = g.shape(pair)[1];
    let wide = g.transpose(perm, pair);
    g.reshape(&[d, 2 * d], wide)
}

/// x over √q, at least [`SMALLEST_NORM`]. The root is taken of the larger number, because its derivative is infinite at 0.
fn over_norm(g: &mut Graph, x: Id, q: Id) -> Id {
    let least = g.number(SMALLEST_NORM * SMALLEST_NORM);
    let q = g.binary(Binary::Max, q, least);
    let norm = g.unary(Unary::Sqrt, q);
    g.div(x, norm)
}

impl Net {
    /// A context as it is read: `[rows, d]`.
    fn context(&self, g: &mut Graph, x: Id) -> Id {
        if !self.unit {
            return x;
        }
        let squares = g.mul(x, x);
        let sum = g.sum_all(squares);
        over_norm(g, x, sum)
    }

    /// The halves of x·[M₀ | M₁]: `[rows, d]` each.
    fn both(&self, g: &mut Graph, x: Id, pair: Id) -> [Id; 2] {
        let y = g.dot(x, pair);
        [0, 1].map(|k| g.slice(1, k * self.d, self.d, y))
    }

    /// The context one site further on.
    fn step(&self, g: &mut Graph, x: Id, pair: Id, bit: Id) -> Id {
        let [zero, one] = self.both(g, x, pair);
        let y = g.select(bit, one, zero);
        self.context(g, y)
    }

    /// The output of a site, shape [].
    fn output(&self, g: &mut Graph, left: Id, right: Id, own: Id, bit: Id, scale: Option<Id>) -> Id {
        let [zero, one] = self.both(g, left, own);
        let with = |g: &mut Graph, x| {
            let products = g.mul(x, right);
            g.sum_all(products)
        };
        let Some(scale) = scale else {
            let chosen = g.select(bit, one, zero);
            return with(g, chosen);
        };
        let (zero, one) = (with(g, zero), with(g, one));
        let squares = [zero, one].map(|x| g.mul(x, x));
        let sum = g.add(squares[0], squares[1]);
        let chosen = g.select(bit, one, zero);
        let y = over_norm(g, chosen, sum);
        g.mul(y, scale)
    }
}
