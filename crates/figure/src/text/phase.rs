//! A phase diagram in a terminal.

use crate::format::{compact, count, short, two_digits};
use crate::phase::{Phase, PhaseAxis, PhaseCell, STATES, letter};
use std::fmt::Write;

/// A phase diagram as two grids of text: the letter of each cell's most frequent state with the number of its runs in that state, then the median times.
///
/// `=` is a tie, `.` a cell without runs, `>12k` a median beyond the budget. The text is ASCII where the names of the axes and their values are; it ends in a
/// line feed. A grid that is wider than a terminal is not cut.
///
/// ```
/// use pennydrop_figure::{AxisValues, Phase, PhaseAxis, PhaseCell, text};
/// let axis = |name: &str| PhaseAxis { name: name.into(), values: AxisValues::Numbers(vec![0.1, 1.0]), log: true };
/// let cell = PhaseCell { ix: 1, iy: 0, n: 20, states: [0, 2, 18, 0], median: Some(6100.0), ..PhaseCell::default() };
/// let text = text::phase(&Phase { x: axis("eta"), y: axis("lambda"), cells: vec![cell], budget: 12_000.0, ..Phase::default() });
/// assert!(text.contains("G18") && text.contains("6.1k") && text.contains("budget 12,000"));
/// ```
pub fn phase(phase: &Phase) -> String {
    let mut out = String::new();
    let n = match phase.runs_of_cells() {
        None => "no runs".into(),
        Some((a, b)) if a == b => format!("n = {a} a cell"),
        Some((a, b)) => format!("n = {a}-{b} a cell"),
    };
    let _ = writeln!(out, "{n}, budget {} steps (borders move with the budget)", ascii(&count(phase.budget)));
    out.push_str("states, by majority: ");
    for (i, (name, letter)) in STATES.iter().rev().enumerate() {
        let _ = write!(out, "{}{letter} {name}", if i == 0 { "" } else { ", " });
    }
    out.push_str(", D diverged, = tie, . no runs\n");
    grid(&mut out, phase, |c| match c.majority() {
        Some(state) => format!("{}{}", letter(state), c.states.get(state).copied().unwrap_or(c.diverged)),
        None => "=".into(),
    });
    let _ = writeln!(out, "median {}, steps (Kaplan-Meier)", clean(&phase.time));
    grid(&mut out, phase, |c| match c.time() {
        Some(t) => ascii(&compact(two_digits(t))),
        None => format!(">{}", ascii(&compact(phase.budget))),
    });
    let _ = writeln!(
        out,
        "memorised: training accuracy >= {}; generalised: test accuracy >= {}; {}; grokking: {} steps or more between them",
        ascii(&short(phase.train_level)),
        ascii(&short(phase.test_level)),
        clean(&phase.crossing),
        ascii(&count(phase.gap))
    );
    out
}

fn ascii(number: &str) -> String {
    number.replace('−', "-").replace('∞', "inf")
}

/// A name on one line and without codes that a terminal would obey.
fn clean(s: &str) -> String {
    s.replace(char::is_control, " ")
}

fn values(axis: &PhaseAxis) -> Vec<String> {
    axis.values.words().iter().map(|w| clean(&ascii(w))).collect()
}

fn grid(out: &mut String, phase: &Phase, of: impl Fn(&PhaseCell) -> String) {
    let (rows, columns) = (values(&phase.y), values(&phase.x));
    let cells: Vec<Vec<String>> = phase.grid().iter().map(|row| row.iter().map(|c| c.map_or(".".into(), &of)).collect()).collect();
    let len = |s: &String| s.chars().count();
    let lead = rows.iter().map(len).max().unwrap_or(0);
    let name = clean(&phase.y.name);
    let _ = writeln!(out, "  {name}");
    let wide: Vec<usize> = (0..columns.len()).map(|i| cells.iter().map(|row| len(&row[i])).chain([len(&columns[i])]).max().unwrap_or(0)).collect();
    for (row, value) in cells.iter().zip(&rows).rev() {
        let _ = write!(out, "  {value:>lead$} |");
        for (cell, w) in row.iter().zip(&wide) {
            let _ = write!(out, " {cell:>w$}");
        }
        out.push('\n');
    }
    let _ = write!(out, "  {:>lead$} +", "");
    for w in &wide {
        out.push_str(&"-".repeat(w + 1));
    }
    let _ = write!(out, "\n  {:>lead$}  ", "");
    for (value, w) in columns.iter().zip(&wide) {
        let _ = write!(out, " {value:>w$}");
    }
    let _ = writeln!(out, "  {}", clean(&phase.x.name));
}
