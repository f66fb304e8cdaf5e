//! Charts of theory beside simulation: lines, points with intervals, and maps of two parameters, on axes that a model chooses.

use crate::page::Source;

mod axes;
mod layout;
mod legend;
mod maps;
mod marks;

pub use layout::charts_svg;

/// One panel: an axis pair with what is drawn on it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chart {
    /// Headline of the panel.
    pub title: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// What is drawn, from back to front. A chart has at most one [`Mark::Map`], and it comes first.
    pub marks: Vec<Mark>,
    /// A sentence under the panel; may be empty.
    pub note: String,
}

/// A name and a scale. The range follows from the data.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Axis {
    /// Name, with the unit. `_` starts a subscript.
    pub label: String,
    /// Whether it is logarithmic: then values ≤ 0 cannot be drawn and are left out.
    pub log: bool,
    /// A value that the range must contain, where the data alone would not show it (such as 0 or 1 for a probability).
    pub include: Vec<f64>,
}

/// Something drawn.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// A curve. Non-finite values interrupt it.
    Line {
        /// Name in the legend; curves of one name share an entry. Empty: no entry.
        name: String,
        /// Colour and dash.
        look: Look,
        /// `(x, y)` in order.
        points: Vec<(f64, f64)>,
    },
    /// Points, with intervals where they have some.
    Points {
        /// Name in the legend.
        name: String,
        /// Colour and shape.
        look: Look,
        /// The points.
        points: Vec<Point>,
    },
    /// A filled band between two curves.
    Band {
        /// Name in the legend.
        name: String,
        /// Colour.
        look: Look,
        /// `(x, low, high)` in order.
        points: Vec<(f64, f64, f64)>,
    },
    /// A histogram or density as steps: `edges` has one more number than `heights`.
    Steps {
        /// Name in the legend.
        name: String,
        /// Colour.
        look: Look,
        /// Ascending.
        edges: Vec<f64>,
        /// At least 0.
        heights: Vec<f64>,
    },
    /// A line across the whole panel at a value of x.
    Vertical {
        /// Name in the legend.
        name: String,
        /// Colour and dash.
        look: Look,
        /// Where.
        x: f64,
    },
    /// A line across the whole panel at a value of y.
    Horizontal {
        /// Name in the legend.
        name: String,
        /// Colour and dash.
        look: Look,
        /// Where.
        y: f64,
    },
    /// Words at a place of the panel.
    Word {
        /// The words.
        text: String,
        /// Where their middle is.
        at: (f64, f64),
    },
    /// Amounts over a grid, as colours (viridis).
    Map {
        /// What the colours are, with the unit.
        label: String,
        /// Centres of the columns, ascending.
        xs: Vec<f64>,
        /// Centres of the rows, ascending.
        ys: Vec<f64>,
        /// `values[row][column]`; non-finite cells are left blank and hatched.
        values: Vec<Vec<f64>>,
        /// Whether the colours are logarithmic.
        log: bool,
    },
    /// Classes over a grid, as colours (Okabe and Ito).
    Classes {
        /// Names of the classes, eight at most.
        names: Vec<String>,
        /// Centres of the columns, ascending.
        xs: Vec<f64>,
        /// Centres of the rows, ascending.
        ys: Vec<f64>,
        /// `classes[row][column]`: an index into `names`, or `None`.
        classes: Vec<Vec<Option<usize>>>,
    },
}

/// One point.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Point {
    /// Where.
    pub x: f64,
    /// The estimate.
    pub y: f64,
    /// Its interval, where it has one.
    pub interval: Option<(f64, f64)>,
}

/// Colour, dash and shape: what a curve *is* decides, so that all charts speak one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Look {
    /// A closed form as the paper prints it: vermilion, dashed.
    Printed,
    /// A closed form that stands (corrected, or printed and right): blue, solid.
    #[default]
    Closed,
    /// A simulation: black; points are filled circles.
    Simulated,
    /// Training data: blue, dashed.
    Train,
    /// Held-out data: vermilion, solid.
    Test,
    /// A null or a reference: grey, dotted.
    Null,
    /// Number `n` of several of a kind: the palette in order, each with its own dash and shape.
    Group(u8),
}

/// How a figure of charts is made.
#[derive(Debug, Clone, PartialEq)]
pub struct ChartOptions {
    /// Headline of the figure, at most two lines of which are drawn.
    pub title: String,
    /// Width in pixels, 320 at least.
    pub width: f64,
    /// Height of a panel in pixels, 100 at least.
    pub panel_height: f64,
    /// Panels side by side: 1 to 3.
    pub columns: usize,
    /// Lines under the panels.
    pub notes: Vec<String>,
    /// Where the data come from, and the command.
    pub source: Source,
}

impl Default for ChartOptions {
    fn default() -> Self {
        ChartOptions { title: String::new(), width: 720.0, panel_height: 200.0, columns: 2, notes: Vec::new(), source: Source::default() }
    }
}

impl Axis {
    /// A linear axis.
    pub fn linear(label: &str) -> Axis {
        Axis { label: label.into(), ..Axis::default() }
    }

    /// A logarithmic axis.
    pub fn log(label: &str) -> Axis {
        Axis { label: label.into(), log: true, ..Axis::default() }
    }

    /// An axis that shows `value`, whatever the data are.
    pub fn including(mut self, value: f64) -> Axis {
        self.include.push(value);
        self
    }
}

impl Mark {
    /// A curve.
    pub fn line(name: &str, look: Look, points: Vec<(f64, f64)>) -> Mark {
        Mark::Line { name: name.into(), look, points }
    }

    /// Points without intervals.
    pub fn points(name: &str, look: Look, points: Vec<(f64, f64)>) -> Mark {
        Mark::Points { name: name.into(), look, points: points.into_iter().map(|(x, y)| Point { x, y, interval: None }).collect() }
    }
}
