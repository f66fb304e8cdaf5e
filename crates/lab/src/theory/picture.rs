//! The figure of an answer.

use pennydrop_figure::chart::{Chart, ChartOptions};
use pennydrop_figure::{Source, charts_svg};
use pennydrop_theory::Model;

/// The charts of `model` as SVG; `command` made them.
pub fn draw(model: &Model, charts: &[Chart], notes: Vec<String>, command: &str) -> String {
    let columns = if charts.len() == 1 { 1 } else { 2 };
    let options = ChartOptions {
        title: format!("{}: {}", model.row.name, model.row.summary),
        columns,
        notes,
        source: Source { command: command.into(), ..Source::default() },
        ..ChartOptions::default()
    };
    charts_svg(charts, &options)
}
