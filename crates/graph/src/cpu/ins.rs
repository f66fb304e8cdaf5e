//! The instructions of a row kernel: row-local work of one domain, fused and run tile by tile.

use crate::ir::{Binary, CeRule, Draw, Fold, Unary};
use crate::precision::Precision;

/// Where a value lives. Offsets count elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Addr {
    /// Kernel scratch: first a virtual register, after allocation an offset; rows of the current tile.
    Reg(usize),
    /// Whole-domain buffer.
    Global(usize),
    /// Chunk-local buffer of a lane.
    Lane(usize),
    /// Accumulator: the whole-domain buffer for lane 0, a private copy for the others.
    Acc {
        /// Offset of the whole-domain buffer.
        global: usize,
        /// Offset of the copies of later lanes.
        lane: usize,
    },
    /// State tensor.
    State(usize),
    /// Constant.
    Const(usize),
    /// Run-time scalar.
    Scalar(usize),
    /// Dense input.
    Feature(usize),
}

/// Which row of an operand belongs to a row of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rows {
    /// The same.
    Same,
    /// The only one.
    Unit,
    /// By a map of the feed.
    Map(usize),
    /// By an index input, found through a map where its domain is smaller.
    Index {
        /// Index array.
        array: usize,
        /// Map from the kernel's rows to the array's.
        through: Option<usize>,
    },
}

/// An operand: `size` numbers a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operand {
    /// Where.
    pub addr: Addr,
    /// Row stride.
    pub size: usize,
    /// Which row.
    pub rows: Rows,
}

/// A flat operand of an elementwise instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flat {
    /// As many numbers as the result, row by row.
    Full(Operand),
    /// One number for all.
    Splat(Addr),
}

/// A strided walk over one row of an operand: (count, stride) from the outermost axis in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Walk {
    /// First element.
    pub offset: usize,
    /// Axes.
    pub axes: Vec<(usize, usize)>,
}

/// The geometry of a small product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DotShape {
    /// Batches.
    pub b: usize,
    /// Rows of the left side.
    pub m: usize,
    /// Summed length.
    pub k: usize,
    /// Columns of the right side.
    pub n: usize,
    /// The left side is stored `[k, m]`.
    pub ta: bool,
    /// The right side is stored `[n, k]`.
    pub tb: bool,
}

/// One instruction. `dst` operands have `Rows::Same`, except accumulators.
#[derive(Debug, Clone)]
pub enum Ins {
    /// `dst = f(src)`
    Unary { f: Unary, src: Flat, dst: Operand },
    /// `dst = f(a, b)`
    Binary { f: Binary, a: Flat, b: Flat, dst: Operand },
    /// `dst = c != 0 ? a : b`
    Select { c: Flat, a: Flat, b: Flat, dst: Operand },
    /// Rounding.
    Cast { p: Precision, src: Flat, dst: Operand },
    /// Gather, broadcast, transpose, slice.
    Copy { src: Operand, walk: Walk, dst: Operand },
    /// Writes `src` into columns of `dst`: `outer` blocks of `len`, `stride` apart, from `start`.
    Place { src: Operand, outer: usize, len: usize, stride: usize, start: usize, dst: Operand },
    /// Zeros.
    Zero { dst: Operand },
    /// Folds the middle of `[outer, axis, inner]`.
    Reduce { fold: Fold, src: Operand, outer: usize, axis: usize, inner: usize, dst: Operand },
    /// Folds rows into `dst` (an accumulator).
    ReduceRows { fold: Fold, src: Operand, dst: Operand },
    /// Small product; `dst` may be an accumulator.
    Dot { shape: DotShape, l: Operand, r: Operand, dst: Operand, accumulate: bool },
    /// 1 at an index.
    OneHot { index: Rows, dst: Operand },
    /// Cross-entropy.
    Ce { rule: CeRule, logits: Operand, label: Rows, dst: Operand },
    /// Its derivative.
    CeGrad { rule: CeRule, logits: Operand, label: Rows, dst: Operand },
    /// Softmax collapse.
    Collapsed { p: Precision, logits: Operand, dst: Operand },
    /// Random numbers.
    Random { draw: Draw, lane: u32, dst: Operand },
}

impl Flat {
    fn addr(&mut self) -> &mut Addr {
        match self {
            Flat::Full(o) => &mut o.addr,
            Flat::Splat(a) => a,
        }
    }
}

impl Ins {
    /// Visits every address: reads first, then the write.
    pub fn visit(&mut self, f: &mut dyn FnMut(&mut Addr, bool)) {
        match self {
            Ins::Unary { src, dst, .. } | Ins::Cast { src, dst, .. } => {
                f(src.addr(), false);
                f(&mut dst.addr, true);
            }
            Ins::Binary { a, b, dst, .. } => {
                f(a.addr(), false);
                f(b.addr(), false);
                f(&mut dst.addr, true);
            }
            Ins::Select { c, a, b, dst } => {
                f(c.addr(), false);
                f(a.addr(), false);
                f(b.addr(), false);
                f(&mut dst.addr, true);
            }
            Ins::Copy { src, dst, .. } | Ins::Place { src, dst, .. } | Ins::Reduce { src, dst, .. } | Ins::ReduceRows { src, dst, .. } => {
                f(&mut src.addr, false);
                f(&mut dst.addr, true);
            }
            Ins::Zero { dst } | Ins::OneHot { dst, .. } | Ins::Random { dst, .. } => f(&mut dst.addr, true),
            Ins::Dot { l, r, dst, .. } => {
                f(&mut l.addr, false);
                f(&mut r.addr, false);
                f(&mut dst.addr, true);
            }
            Ins::Ce { logits, dst, .. } | Ins::CeGrad { logits, dst, .. } | Ins::Collapsed { logits, dst, .. } => {
                f(&mut logits.addr, false);
                f(&mut dst.addr, true);
            }
        }
    }
}

/// A fused group of row-local operations.
#[derive(Debug, Clone)]
pub struct RowKernel {
    /// Rows of a tile.
    pub tile: usize,
    /// Instructions whose result is the same for every tile; run once a call.
    pub hoisted: Vec<Ins>,
    /// The rest.
    pub body: Vec<Ins>,
    /// Scratch elements.
    pub scratch: usize,
}
