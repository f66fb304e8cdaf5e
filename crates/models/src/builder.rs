//! Declares parameters in order, with their roles and first values, and puts the noise of training where it belongs.

use crate::{Init, Options, Param, Role};
use pennydrop_graph::ir::{Binary, Draw};
use pennydrop_graph::{Domain, Graph, Id};

/// First lane of weight noise: below lie the lanes of dropout, above (from 0x8_0000) those of the optimizer.
const WEIGHT_NOISE: u32 = 0x4_0000;

/// The numbers that change how every tensor of a model is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noise {
    /// Standard deviation of the noise added to every parameter in the forward pass.
    pub weights: f64,
    /// Share of entries that dropout zeroes.
    pub dropout: f64,
    /// Factor on initial values.
    pub init_scale: f64,
}

/// A model under construction.
pub(crate) struct Builder<'g> {
    pub g: &'g mut Graph,
    pub params: Vec<Param>,
    pub activations: Vec<(String, Id)>,
    noise: Noise,
    training: bool,
}

impl<'g> Builder<'g> {
    pub fn new(g: &'g mut Graph, noise: Noise, options: Options) -> Builder<'g> {
        Builder { g, params: Vec::new(), activations: Vec::new(), noise, training: options.training }
    }

    /// Declares a parameter; the node returned is what the forward pass reads (in training: with its noise, as in Power et al.'s code, where
    /// embeddings, linear maps and norms each add N(0, σ²) to weight and bias).
    pub fn param(&mut self, name: impl Into<String>, shape: &[usize], role: Role, init: Init) -> Id {
        let name = name.into();
        let node = self.g.state(name.clone(), shape);
        let lane = WEIGHT_NOISE + self.params.len() as u32;
        self.params.push(Param { name, shape: shape.to_vec(), init: init.scaled(self.noise.init_scale), role, node, state: self.g.states.len() - 1 });
        if !self.training || self.noise.weights == 0.0 {
            return node;
        }
        let n = self.g.random(Draw::Normal, lane, shape, Domain::UNIT);
        let n = self.g.scale(n, self.noise.weights);
        self.g.add(node, n)
    }

    /// In training, zeroes each entry of `x` with the dropout's probability q, independently for each example, and multiplies the others by
    /// 1/(1 − q). `lane` tells sites apart.
    pub fn dropout(&mut self, x: Id, lane: u32) -> Id {
        if !self.training || self.noise.dropout == 0.0 {
            return x;
        }
        let shape = self.g.shape(x).to_vec();
        let u = self.g.random(Draw::Uniform, lane, &shape, Domain::SLOT);
        let q = self.g.number(self.noise.dropout);
        let kept = self.g.binary(Binary::Ge, u, q);
        let kept = self.g.scale(kept, 1.0 / (1.0 - self.noise.dropout));
        self.g.mul(x, kept)
    }

    /// `x · w (+ b)`.
    pub fn affine(&mut self, x: Id, w: Id, b: Option<Id>) -> Id {
        let y = self.g.linear(x, w);
        match b {
            Some(b) => self.g.add(y, b),
            None => y,
        }
    }

    /// Gives an inner tensor a name.
    pub fn name(&mut self, name: String, x: Id) -> Id {
        self.activations.push((name, x));
        x
    }
}
