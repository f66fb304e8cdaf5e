//! What a model says.

use pennydrop_figure::chart::Chart;

/// Everything that a model says at one set of arguments.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// Numbers, in the order in which they are shown.
    pub quantities: Vec<Quantity>,
    /// Pictures, in the order in which they are drawn.
    pub charts: Vec<Chart>,
    /// Tables of numbers that have no place among the quantities.
    pub tables: Vec<Table>,
    /// What is found about published claims.
    pub findings: Vec<Finding>,
    /// Sentences that a reader needs: where a formula holds, what was reconstructed.
    pub notes: Vec<String>,
}

/// A number that a paper prints, that is derived, that is simulated, or several of these.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Quantity {
    /// A name that stays the same for all arguments: lower case words joined by `_`, such as `grokking_probability`.
    pub name: String,
    /// What it is, with its unit, in a few words.
    pub doc: String,
    /// The closed form as the paper prints it; `None` where the paper prints none.
    pub printed: Option<f64>,
    /// The closed form corrected; `None` where the print stands (or where there is no closed form).
    pub corrected: Option<f64>,
    /// From a simulation of the model's own dynamics that uses no closed form for this number.
    pub simulated: Option<Simulated>,
}

/// An estimate from a simulation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Simulated {
    /// The estimate.
    pub estimate: f64,
    /// Lower end of its interval (95 % unless the quantity says otherwise); equal to the estimate where nothing is random.
    pub low: f64,
    /// Upper end of its interval.
    pub high: f64,
    /// Number of samples behind it; 1 for a deterministic simulation.
    pub samples: usize,
}

/// A table of numbers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// Names of the columns, with units.
    pub columns: Vec<String>,
    /// Cells, a row as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// A number.
    Number(f64),
    /// A whole number.
    Count(u64),
    /// Words.
    Text(String),
    /// Nothing: not defined, or not measured.
    Empty,
}

/// What was found about a published claim at these arguments. Not a verdict: no rule was registered before.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// `card number`, as in the model's claims: `zunkovic-ilievski 2`.
    pub claim: String,
    /// The numbers that speak to it, in a sentence.
    pub found: String,
    /// Whether they agree with the claim; `None` where these arguments do not decide.
    pub agrees: Option<bool>,
}

impl Quantity {
    /// A quantity of which nothing is known yet.
    pub fn new(name: &str, doc: &str) -> Quantity {
        Quantity { name: name.into(), doc: doc.into(), ..Quantity::default() }
    }

    /// With the value that the paper's formula gives.
    pub fn printed(self, value: f64) -> Quantity {
        Quantity { printed: Some(value), ..self }
    }

    /// With the value that the corrected formula gives.
    pub fn corrected(self, value: f64) -> Quantity {
        Quantity { corrected: Some(value), ..self }
    }

    /// With a simulated value.
    pub fn simulated(self, value: Simulated) -> Quantity {
        Quantity { simulated: Some(value), ..self }
    }

    /// The closed form that stands: the corrected one, or else the printed one.
    pub fn closed_form(&self) -> Option<f64> {
        self.corrected.or(self.printed)
    }
}

impl Simulated {
    /// The result of a simulation in which nothing is random.
    pub fn exact(value: f64) -> Simulated {
        Simulated { estimate: value, low: value, high: value, samples: 1 }
    }

    /// Whether `value` lies in the interval.
    pub fn holds(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

impl From<f64> for Cell {
    fn from(x: f64) -> Cell {
        Cell::Number(x)
    }
}

impl From<usize> for Cell {
    fn from(n: usize) -> Cell {
        Cell::Count(n as u64)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::Text(text.into())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::Text(text)
    }
}

impl From<Option<f64>> for Cell {
    fn from(x: Option<f64>) -> Cell {
        x.map_or(Cell::Empty, Cell::Number)
    }
}
