//! The one row grammar of every family and the checked values that fill it.
//!
//! A task, a model, an optimizer or a loss is *one file and one [`Row`]*. The row (name, one line, source, parameters with
//! type, range and default) drives parsing, `pennydrop list`, `--help` and the book: nothing is written twice.
//!
//! ```
//! use pennydrop_registry::{Args, Default, Kind, Param, Row, Value};
//! static ROW: Row = Row {
//!     name: "toy",
//!     summary: "a toy",
//!     source: "none",
//!     params: &[Param { key: "p", kind: Kind::Int { min: 2, max: 1000 }, default: Default::Int(97), doc: "modulus" }],
//! };
//! let args = Args::check("task", &ROW, [("p".to_string(), Value::Int(31))]).unwrap();
//! assert_eq!(args.int("p"), 31);
//! let err = Args::check("task", &ROW, [("q".to_string(), Value::Int(31))]).unwrap_err();
//! assert!(err.to_string().contains("task.q"));
//! ```

mod args;
mod value;

pub use args::{Args, SpecError, nearest};
pub use value::Value;

/// What a parameter may be, with its range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// An integer in `min..=max`.
    Int {
        /// Smallest allowed value.
        min: i64,
        /// Largest allowed value.
        max: i64,
    },
    /// A finite number in `min..=max`.
    Float {
        /// Smallest allowed value.
        min: f64,
        /// Largest allowed value.
        max: f64,
    },
    /// Any text.
    Str,
    /// One of the listed words.
    Choice(&'static [&'static str]),
    /// A list of integers, each in `min..=max`.
    Ints {
        /// Smallest allowed value.
        min: i64,
        /// Largest allowed value.
        max: i64,
    },
    /// A list of finite numbers.
    Floats,
    /// A list of words.
    Strs,
}

/// The default of a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Default {
    /// The parameter must be given.
    Required,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number.
    Float(f64),
    /// Text (also for [`Kind::Choice`]).
    Str(&'static str),
    /// A list of integers.
    Ints(&'static [i64]),
    /// A list of numbers.
    Floats(&'static [f64]),
    /// A list of words.
    Strs(&'static [&'static str]),
}

/// One parameter of a family member.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Param {
    /// The key, without its section.
    pub key: &'static str,
    /// Type and range.
    pub kind: Kind,
    /// The value when none is given.
    pub default: Default,
    /// One line: meaning, unit, source of the default.
    pub doc: &'static str,
}

/// One member of a family.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// The name typed by a user.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Paper or reference.
    pub source: &'static str,
    /// Parameters, in the order in which they are shown.
    pub params: &'static [Param],
}
