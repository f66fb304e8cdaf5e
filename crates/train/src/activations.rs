//! What the network computes inside, for `eval`.

/// Which examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Every example of the task, in its order (not the test examples of another shape).
    All,
    /// Training examples, in the task's order.
    Train,
    /// Test examples, in the task's order.
    Test,
}

/// Elements of an array.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Indices.
    U32(Vec<u32>),
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
}

/// A named array, row-major; the first axis is the example.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// `example` (indices), `inputs` or `features`, `labels`, `bits` (where labels are strings of bits), `logits` (`logits1`, … at further scored positions), then the model's own names.
    pub name: String,
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The elements.
    pub values: Values,
}
