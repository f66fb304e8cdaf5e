//! The program: an immutable list of primitive operations with static shapes, in topological order.
//!
//! Shapes are those of *one example*; the rows over which a tensor is tabulated are its [`Domain`]. Operands of smaller
//! domains are lifted implicitly, as operands of smaller shapes are broadcast.

use crate::domain::Domain;
use crate::precision::Precision;
use std::sync::Arc;

/// A node of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub u32);

impl Id {
    /// The position in [`Graph::nodes`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Elementwise functions of one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unary {
    /// −x
    Neg,
    /// eˣ
    Exp,
    /// ln x
    Ln,
    /// √x
    Sqrt,
    /// 1/x
    Recip,
    /// tanh x
    Tanh,
    /// 1/(1+e⁻ˣ)
    Sigmoid,
    /// The error function.
    Erf,
    /// sin x
    Sin,
    /// cos x
    Cos,
    /// |x|
    Abs,
    /// −1, 0 or 1 (derivative zero).
    Sign,
    /// max(x, 0), derivative 0 at 0 (PyTorch's convention).
    Relu,
    /// x, with derivative zero.
    Stop,
    /// 1 where x is finite, else 0 (derivative zero).
    IsFinite,
}

/// Elementwise functions of two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Binary {
    /// x + y
    Add,
    /// x − y
    Sub,
    /// x · y
    Mul,
    /// x / y
    Div,
    /// max(x, y); at equality the derivative goes to x.
    Max,
    /// min(x, y); at equality the derivative goes to x.
    Min,
    /// 1 if x > y else 0
    Gt,
    /// 1 if x ≥ y else 0
    Ge,
    /// 1 if x = y else 0
    Eq,
}

/// Reductions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fold {
    /// Σ
    Sum,
    /// max (at equality every maximum receives the derivative).
    Max,
}

/// How the derivative of cross-entropy is computed (DESIGN: precision and loss arithmetic are part of the program).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CeGradient {
    /// `p_y − 1`, as the field's frameworks compute it: cancels to exactly 0 when the softmax has collapsed.
    Textbook,
    /// Minus the sum of the other probabilities: the same number without cancellation.
    Exact,
}

/// The loss head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CeRule {
    /// Derivative rule.
    pub gradient: CeGradient,
    /// Every intermediate of the head is rounded to this precision.
    pub precision: Precision,
    /// Label smoothing in [0, 1): target (1 − s)·onehot + s / classes.
    pub smoothing: f64,
}

/// The distribution of a random tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Draw {
    /// Uniform on [0, 1).
    Uniform,
    /// Standard normal.
    Normal,
}

/// Primitive operations. Shapes are per example.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// State tensor `i` (a parameter or a moment); unit domain.
    State(usize),
    /// Run-time number `i` (hyper-parameter, step-dependent factor); shape [], unit domain. Never folded.
    Scalar(usize),
    /// The token at coordinate `c`: an index, shape [].
    Token(usize),
    /// Index input `i` (labels): shape [], slot domain.
    Index(usize),
    /// Dense input `i`: slot domain.
    Feature(usize),
    /// A constant tensor.
    Const(Arc<[f64]>),
    /// Counter-based random numbers of the current step; `lane` tells the sites apart. Slot or unit domain.
    Random {
        /// Distribution.
        draw: Draw,
        /// Site.
        lane: u32,
    },
    /// Elementwise.
    Unary(Unary),
    /// Elementwise with broadcasting (right-aligned, sizes equal or 1).
    Binary(Binary),
    /// `c != 0 ? a : b`, with broadcasting.
    Select,
    /// Rounds to a precision (and rounds the derivative too).
    Cast(Precision),
    /// Folds the listed axes away.
    Reduce {
        /// Which fold.
        fold: Fold,
        /// Axes, ascending.
        axes: Vec<usize>,
    },
    /// Folds rows down to the node's (smaller) domain.
    ReduceRows(Fold),
    /// Repeats rows up to the node's (larger) domain.
    Lift,
    /// Broadcasts to the node's shape.
    Broadcast,
    /// Same elements, other shape.
    Reshape,
    /// Permutes axes: output axis `i` is input axis `perm[i]`.
    Transpose(Vec<usize>),
    /// `len` entries from `start` along `axis`.
    Slice {
        /// Axis.
        axis: usize,
        /// First entry.
        start: usize,
        /// Number of entries.
        len: usize,
    },
    /// Zeros before and after along `axis` (the transpose of a slice).
    Pad {
        /// Axis.
        axis: usize,
        /// Zeros before.
        before: usize,
        /// Zeros after.
        after: usize,
    },
    /// Joins along `axis`.
    Concat {
        /// Axis.
        axis: usize,
    },
    /// Row `index` of a unit-domain table `[n, rest…]` → `[rest…]`. Arguments: table, index.
    Gather,
    /// Σ over rows of `value` into row `index` of a table of `n` rows; unit domain. Arguments: value, index.
    ScatterAdd {
        /// Rows of the table.
        n: usize,
    },
    /// 1 at `index`, else 0; shape `[n]`.
    OneHot {
        /// Length.
        n: usize,
    },
    /// Batched matrix product over the last two axes, `[…, m, k]·[…, k, n]` (each side stored transposed where flagged),
    /// with equal leading axes; rows of the joined domain are summed down to the node's domain.
    Dot {
        /// The left side is stored `[…, k, m]`.
        ta: bool,
        /// The right side is stored `[…, n, k]`.
        tb: bool,
    },
    /// Cross-entropy of logits `[c]` against a class index → []. Arguments: logits, index.
    CrossEntropy(CeRule),
    /// Its derivative by the logits, by the declared rule → `[c]`. Arguments: logits, index.
    CrossEntropyGrad(CeRule),
    /// 1 where the softmax of logits `[c]` has collapsed (its sum of exponentials, after subtraction of the maximum, is exactly
    /// 1 in this precision), else 0 → [].
    Collapsed(Precision),
    /// Eigenvalues (ascending, first row) and eigenvectors (rows below, one a column) of a symmetric `[n, n]` → `[n+1, n]`.
    Eigh,
    /// Thin singular value decomposition of `[m, n]`, packed flat: U `[m, r]`, s `[r]`, V `[n, r]`, with r = min(m, n).
    Svd,
}

/// One operation with its operands, shape and domain.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What.
    pub op: Op,
    /// Operands, all earlier in the list.
    pub args: Vec<Id>,
    /// Shape for one example.
    pub shape: Vec<usize>,
    /// Rows over which it is tabulated.
    pub domain: Domain,
}

impl Node {
    /// Number of elements for one row.
    pub fn size(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether this is an index, not a number.
    pub fn is_index(&self) -> bool {
        matches!(self.op, Op::Token(_) | Op::Index(_))
    }
}

/// A named input coordinate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coordinate {
    /// Name, for explanations.
    pub name: String,
    /// Values are `0..range`.
    pub range: usize,
}

/// A state tensor: a parameter or an optimizer's moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSpec {
    /// Documented name.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
}

/// A program under construction or finished: nodes in topological order.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// Operations; operands come first.
    pub nodes: Vec<Node>,
    /// Coordinates of the example.
    pub coordinates: Vec<Coordinate>,
    /// State tensors.
    pub states: Vec<StateSpec>,
    /// Names of run-time scalars.
    pub scalars: Vec<String>,
    /// Names of index inputs.
    pub indices: Vec<String>,
    /// Names and widths of dense inputs.
    pub features: Vec<(String, usize)>,
    /// When set, tokens are tabulated over the batch slot: row domains are switched off.
    pub flat: bool,
}

impl Graph {
    /// An empty graph over the given coordinates.
    pub fn new(coordinates: Vec<Coordinate>) -> Graph {
        Graph { coordinates, ..Graph::default() }
    }

    /// An empty graph with the same inputs.
    pub fn like(&self) -> Graph {
        Graph { nodes: Vec::new(), ..self.clone() }
    }

    /// The node behind an id.
    pub fn node(&self, id: Id) -> &Node {
        &self.nodes[id.index()]
    }

    /// Shape of `id` for one example.
    pub fn shape(&self, id: Id) -> &[usize] {
        &self.node(id).shape
    }

    /// Domain of `id`.
    pub fn domain(&self, id: Id) -> Domain {
        self.node(id).domain
    }

    /// A domain that holds every coordinate is the slot's.
    pub fn normalize(&self, d: Domain) -> Domain {
        let all = (1u32 << self.coordinates.len()) - 1;
        if d != Domain::UNIT && !self.coordinates.is_empty() && d.0 & all == all { Domain::SLOT } else { d }
    }

    /// Rows over which `d` is tabulated at most, for a batch of `batch` examples.
    pub fn rows(&self, d: Domain, batch: usize) -> usize {
        match d {
            Domain::UNIT => 1,
            Domain::SLOT => batch,
            d => d.coordinates().map(|c| self.coordinates[c].range).try_fold(1usize, |a, r| a.checked_mul(r)).map_or(batch, |n| n.min(batch)),
        }
    }

    fn joined(&self, args: &[Id]) -> Domain {
        self.normalize(args.iter().fold(Domain::UNIT, |d, a| d.join(self.domain(*a))))
    }

    /// Appends a node as given. The builder methods below infer shape and domain and are what models use.
    pub fn push(&mut self, op: Op, args: Vec<Id>, shape: Vec<usize>, domain: Domain) -> Id {
        debug_assert!(args.iter().all(|a| a.index() < self.nodes.len()));
        self.nodes.push(Node { op, args, shape, domain });
        Id(self.nodes.len() as u32 - 1)
    }

    /// Declares a state tensor and returns its node.
    pub fn state(&mut self, name: impl Into<String>, shape: &[usize]) -> Id {
        self.states.push(StateSpec { name: name.into(), shape: shape.to_vec() });
        self.push(Op::State(self.states.len() - 1), vec![], shape.to_vec(), Domain::UNIT)
    }

    /// Declares a run-time scalar and returns its node.
    pub fn scalar(&mut self, name: impl Into<String>) -> Id {
        let name = name.into();
        let i = self.scalars.iter().position(|s| *s == name).unwrap_or_else(|| {
            self.scalars.push(name);
            self.scalars.len() - 1
        });
        self.push(Op::Scalar(i), vec![], vec![], Domain::UNIT)
    }

    /// The token at coordinate `c`.
    pub fn token(&mut self, c: usize) -> Id {
        let d = if self.flat { Domain::SLOT } else { self.normalize(Domain::coordinate(c)) };
        self.push(Op::Token(c), vec![], vec![], d)
    }

    /// Declares an index input (one index for each example).
    pub fn index(&mut self, name: impl Into<String>) -> Id {
        self.indices.push(name.into());
        self.push(Op::Index(self.indices.len() - 1), vec![], vec![], Domain::SLOT)
    }

    /// Declares a dense input of `width` numbers for each example.
    pub fn feature(&mut self, name: impl Into<String>, width: usize) -> Id {
        self.features.push((name.into(), width));
        self.push(Op::Feature(self.features.len() - 1), vec![], vec![width], Domain::SLOT)
    }

    /// A constant tensor.
    pub fn constant(&mut self, values: &[f64], shape: &[usize]) -> Id {
        assert_eq!(values.len(), shape.iter().product::<usize>(), "constant of the wrong size");
        self.push(Op::Const(values.into()), vec![], shape.to_vec(), Domain::UNIT)
    }

    /// A constant number, shape [].
    pub fn number(&mut self, x: f64) -> Id {
        self.constant(&[x], &[])
    }

    /// Random numbers of the current step, for each example (`Domain::SLOT`) or once (`Domain::UNIT`).
    pub fn random(&mut self, draw: Draw, lane: u32, shape: &[usize], domain: Domain) -> Id {
        assert!(domain == Domain::SLOT || domain == Domain::UNIT, "random tensors are drawn per example or once");
        self.push(Op::Random { draw, lane }, vec![], shape.to_vec(), domain)
    }

    /// Elementwise function of one operand.
    pub fn unary(&mut self, f: Unary, x: Id) -> Id {
        let (s, d) = (self.shape(x).to_vec(), self.domain(x));
        self.push(Op::Unary(f), vec![x], s, d)
    }

    /// Elementwise function of two operands, with broadcasting.
    pub fn binary(&mut self, f: Binary, x: Id, y: Id) -> Id {
        let s = broadcast_shape(self.shape(x), self.shape(y));
        let d = self.joined(&[x, y]);
        self.push(Op::Binary(f), vec![x, y], s, d)
    }

    /// x + y
    pub fn add(&mut self, x: Id, y: Id) -> Id {
        self.binary(Binary::Add, x, y)
    }

    /// x − y
    pub fn sub(&mut self, x: Id, y: Id) -> Id {
        self.binary(Binary::Sub, x, y)
    }

    /// x · y
    pub fn mul(&mut self, x: Id, y: Id) -> Id {
        self.binary(Binary::Mul, x, y)
    }

    /// x / y
    pub fn div(&mut self, x: Id, y: Id) -> Id {
        self.binary(Binary::Div, x, y)
    }

    /// `x · c` for a constant number.
    pub fn scale(&mut self, x: Id, c: f64) -> Id {
        let c = self.number(c);
        self.mul(x, c)
    }

    /// `c != 0 ? x : y`
    pub fn select(&mut self, c: Id, x: Id, y: Id) -> Id {
        let s = broadcast_shape(&broadcast_shape(self.shape(c), self.shape(x)), self.shape(y));
        let d = self.joined(&[c, x, y]);
        self.push(Op::Select, vec![c, x, y], s, d)
    }

    /// Rounds to `p`.
    pub fn cast(&mut self, p: Precision, x: Id) -> Id {
        let (s, d) = (self.shape(x).to_vec(), self.domain(x));
        self.push(Op::Cast(p), vec![x], s, d)
    }

    /// Folds `axes` away.
    pub fn reduce(&mut self, fold: Fold, axes: &[usize], x: Id) -> Id {
        if axes.is_empty() {
            return x;
        }
        let mut axes = axes.to_vec();
        axes.sort_unstable();
        let s = self.shape(x).iter().enumerate().filter(|(i, _)| !axes.contains(i)).map(|(_, n)| *n).collect();
        let d = self.domain(x);
        self.push(Op::Reduce { fold, axes }, vec![x], s, d)
    }

    /// Σ over `axes`.
    pub fn sum(&mut self, axes: &[usize], x: Id) -> Id {
        self.reduce(Fold::Sum, axes, x)
    }

    /// Σ over all elements of one example → [].
    pub fn sum_all(&mut self, x: Id) -> Id {
        let axes: Vec<usize> = (0..self.shape(x).len()).collect();
        self.sum(&axes, x)
    }

    /// Folds rows down to `domain`.
    pub fn reduce_rows(&mut self, fold: Fold, domain: Domain, x: Id) -> Id {
        if self.domain(x) == domain {
            return x;
        }
        assert!(domain.within(self.domain(x)), "rows fold to a smaller domain");
        let s = self.shape(x).to_vec();
        self.push(Op::ReduceRows(fold), vec![x], s, domain)
    }

    /// Repeats rows up to `domain`.
    pub fn lift(&mut self, domain: Domain, x: Id) -> Id {
        if self.domain(x) == domain {
            return x;
        }
        assert!(self.domain(x).within(domain), "rows lift to a larger domain");
        let s = self.shape(x).to_vec();
        self.push(Op::Lift, vec![x], s, domain)
    }

    /// Broadcasts to `shape`.
    pub fn broadcast(&mut self, shape: &[usize], x: Id) -> Id {
        if self.shape(x) == shape {
            return x;
        }
        assert_eq!(broadcast_shape(self.shape(x), shape), shape, "broadcast of {:?} to {shape:?}", self.shape(x));
        let d = self.domain(x);
        self.push(Op::Broadcast, vec![x], shape.to_vec(), d)
    }

    /// Same elements, other shape.
    pub fn reshape(&mut self, shape: &[usize], x: Id) -> Id {
        if self.shape(x) == shape {
            return x;
        }
        assert_eq!(self.node(x).size(), shape.iter().product::<usize>(), "reshape of {:?} to {shape:?}", self.shape(x));
        let d = self.domain(x);
        // A reshape of a reshape is one reshape.
        let x = if matches!(self.node(x).op, Op::Reshape) { self.node(x).args[0] } else { x };
        if self.shape(x) == shape {
            return x;
        }
        self.push(Op::Reshape, vec![x], shape.to_vec(), d)
    }

    /// Permutes axes.
    pub fn transpose(&mut self, perm: &[usize], x: Id) -> Id {
        if perm.iter().enumerate().all(|(i, p)| i == *p) {
            return x;
        }
        let s = perm.iter().map(|p| self.shape(x)[*p]).collect();
        let d = self.domain(x);
        self.push(Op::Transpose(perm.to_vec()), vec![x], s, d)
    }

    /// `len` entries from `start` along `axis`.
    pub fn slice(&mut self, axis: usize, start: usize, len: usize, x: Id) -> Id {
        if start == 0 && len == self.shape(x)[axis] {
            return x;
        }
        assert!(start + len <= self.shape(x)[axis], "slice past the end");
        let mut s = self.shape(x).to_vec();
        s[axis] = len;
        let d = self.domain(x);
        self.push(Op::Slice { axis, start, len }, vec![x], s, d)
    }

    /// Zeros around along `axis`.
    pub fn pad(&mut self, axis: usize, before: usize, after: usize, x: Id) -> Id {
        if before == 0 && after == 0 {
            return x;
        }
        let mut s = self.shape(x).to_vec();
        s[axis] += before + after;
        let d = self.domain(x);
        self.push(Op::Pad { axis, before, after }, vec![x], s, d)
    }

    /// Joins along `axis`.
    pub fn concat(&mut self, axis: usize, xs: &[Id]) -> Id {
        if xs.len() == 1 {
            return xs[0];
        }
        let mut s = self.shape(xs[0]).to_vec();
        s[axis] = xs.iter().map(|x| self.shape(*x)[axis]).sum();
        let d = self.joined(xs);
        self.push(Op::Concat { axis }, xs.to_vec(), s, d)
    }

    /// Row `index` of a unit-domain `table`.
    pub fn gather(&mut self, table: Id, index: Id) -> Id {
        assert_eq!(self.domain(table), Domain::UNIT, "tables do not depend on the example");
        let s = self.shape(table)[1..].to_vec();
        let d = self.domain(index);
        self.push(Op::Gather, vec![table, index], s, d)
    }

    /// Σ over rows of `value` into row `index` of a table of `n` rows.
    pub fn scatter_add(&mut self, n: usize, value: Id, index: Id) -> Id {
        let mut s = vec![n];
        s.extend_from_slice(self.shape(value));
        self.push(Op::ScatterAdd { n }, vec![value, index], s, Domain::UNIT)
    }

    /// 1 at `index`, else 0.
    pub fn one_hot(&mut self, n: usize, index: Id) -> Id {
        let d = self.domain(index);
        self.push(Op::OneHot { n }, vec![index], vec![n], d)
    }

    /// Batched matrix product; rows are summed down to `domain`.
    pub fn dot_to(&mut self, domain: Domain, (x, ta): (Id, bool), (y, tb): (Id, bool)) -> Id {
        let (sx, sy) = (self.shape(x), self.shape(y));
        let r = sx.len();
        assert!(r >= 2 && r == sy.len() && sx[..r - 2] == sy[..r - 2], "product of {sx:?} and {sy:?}");
        let (m, k) = if ta { (sx[r - 1], sx[r - 2]) } else { (sx[r - 2], sx[r - 1]) };
        let (k2, n) = if tb { (sy[r - 1], sy[r - 2]) } else { (sy[r - 2], sy[r - 1]) };
        assert_eq!(k, k2, "product of {sx:?} ({ta}) and {sy:?} ({tb})");
        let mut s = sx[..r - 2].to_vec();
        s.extend([m, n]);
        let joined = self.joined(&[x, y]);
        assert!(domain.within(joined), "rows sum to a smaller domain");
        self.push(Op::Dot { ta, tb }, vec![x, y], s, domain)
    }

    /// Batched matrix product `[…, m, k]·[…, k, n]`.
    pub fn dot(&mut self, x: Id, y: Id) -> Id {
        let d = self.joined(&[x, y]);
        self.dot_to(d, (x, false), (y, false))
    }

    /// A vector `[k]` through a matrix `[k, n]` → `[n]`.
    pub fn linear(&mut self, x: Id, w: Id) -> Id {
        let (k, n) = (self.shape(w)[0], self.shape(w)[1]);
        let row = self.reshape(&[1, k], x);
        let y = self.dot(row, w);
        self.reshape(&[n], y)
    }

    /// Cross-entropy of logits against a class index.
    pub fn cross_entropy(&mut self, rule: CeRule, logits: Id, label: Id) -> Id {
        let d = self.joined(&[logits, label]);
        self.push(Op::CrossEntropy(rule), vec![logits, label], vec![], d)
    }

    /// Its derivative by the logits.
    pub fn cross_entropy_grad(&mut self, rule: CeRule, logits: Id, label: Id) -> Id {
        let d = self.joined(&[logits, label]);
        let s = self.shape(logits).to_vec();
        self.push(Op::CrossEntropyGrad(rule), vec![logits, label], s, d)
    }

    /// 1 where the softmax of `logits` has collapsed in precision `p`.
    pub fn collapsed(&mut self, p: Precision, logits: Id) -> Id {
        let d = self.domain(logits);
        self.push(Op::Collapsed(p), vec![logits], vec![], d)
    }

    /// Symmetric eigendecomposition of `[n, n]`: (values `[n]` ascending, vectors `[n, n]` one a column).
    pub fn eigh(&mut self, x: Id) -> (Id, Id) {
        let n = self.shape(x)[0];
        let d = self.domain(x);
        let packed = self.push(Op::Eigh, vec![x], vec![n + 1, n], d);
        let values = self.slice(0, 0, 1, packed);
        (self.reshape(&[n], values), self.slice(0, 1, n, packed))
    }

    /// Thin singular value decomposition of `[m, n]`: (U `[m, r]`, s `[r]` descending, V `[n, r]`).
    pub fn svd(&mut self, x: Id) -> (Id, Id, Id) {
        let (m, n) = (self.shape(x)[0], self.shape(x)[1]);
        let r = m.min(n);
        let d = self.domain(x);
        let packed = self.push(Op::Svd, vec![x], vec![m * r + r + n * r], d);
        let u = self.slice(0, 0, m * r, packed);
        let s = self.slice(0, m * r, r, packed);
        let v = self.slice(0, m * r + r, n * r, packed);
        (self.reshape(&[m, r], u), s, self.reshape(&[n, r], v))
    }
}

/// The right-aligned broadcast of two shapes (sizes equal, or one of them 1).
pub fn broadcast_shape(a: &[usize], b: &[usize]) -> Vec<usize> {
    let r = a.len().max(b.len());
    let at = |s: &[usize], i: usize| if i + s.len() < r { 1 } else { s[i + s.len() - r] };
    (0..r)
        .map(|i| {
            let (x, y) = (at(a, i), at(b, i));
            assert!(x == y || x == 1 || y == 1, "shapes {a:?} and {b:?} do not broadcast");
            if x == 1 { y } else { x }
        })
        .collect()
}
