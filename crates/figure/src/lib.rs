//! Pictures of training runs, as pure functions from data to text or bytes.
//!
//! | function | from | to |
//! |---|---|---|
//! | [`curves_svg`] | one run, or several seeds with their survival curves | an SVG figure for a paper |
//! | [`phase_svg`] | a grid of cells over two hyper-parameters | a phase diagram: shares of the four states, and median times |
//! | [`survival_svg`] | Kaplan–Meier curves of up to eight groups | curves, runs at risk, medians; for a tournament, restricted means |
//! | [`law_svg`] | times against a quantity, and fitted laws | points, fits, residuals, held-out errors |
//! | [`charts_svg`] | charts of a theory beside its simulation | a grid of panels: closed forms, points with intervals, bands, histograms, maps |
//! | [`png`] | an SVG figure | PNG bytes, with embedded fonts |
//! | [`text::Chart::lines`] | one run, finished or under way | lines for a terminal |
//! | [`text::phase`] | a grid of cells | letters and medians for a terminal |
//!
//! House rules of every picture: the step axis is logarithmic, train and test differ by line style as well as by colour
//! (Okabe and Ito's palette for classes, viridis for amounts), the phases are shaded, `t_mem` and `t_grok` are marked, and a figure names its runs and the
//! command that made it. A picture of a campaign names the campaign, its number of runs and the first of their ids ([`Source`]).
//!
//! **Where step 0 goes.** A logarithm has no place for it, and drawing it at 1 or 0.5 would be a wrong number on a labelled axis. So an axis whose data
//! has a step 0 is *broken*: a short slot at the left, labelled `0`, then a break mark, then the logarithmic part from the first positive step on.
//!
//! **What the phases are.** *Memorising* lasts until `t_mem`, the *plateau* from `t_mem` to `t_grok`, *generalising* from `t_grok` on. Where `t_grok` is not
//! later than `t_mem` there was no plateau, and the time before it is called *learning*. A run without `t_grok` stays on its plateau up to `steps`, where it is
//! right-censored. With several runs the two times are medians (Kaplan–Meier where given).
//!
//! ```
//! use pennydrop_figure::{Options, RunCurves, curves_svg};
//! let run = RunCurves {
//!     run_id: "3f9a".into(),
//!     train_acc: vec![(0.0, 0.01), (10.0, 0.3), (100.0, 1.0), (1000.0, 1.0)],
//!     test_acc: vec![(0.0, 0.01), (10.0, 0.01), (100.0, 0.02), (1000.0, 1.0)],
//!     t_mem: Some(100.0),
//!     t_grok: Some(1000.0),
//!     steps: 1000.0,
//!     ..RunCurves::default()
//! };
//! let svg = curves_svg(&[run], &[], &Options { title: "modular addition".into(), ..Options::default() });
//! assert!(svg.starts_with("<svg") && svg.contains("3f9a"));
//! ```

mod band;
mod bar;
pub mod chart;
mod colour;
mod curves;
mod format;
mod law;
mod page;
mod panel;
mod phase;
mod png;
mod scale;
mod survival;
mod svg;
pub mod text;
mod thin;

pub use chart::charts_svg;
pub use curves::{curves_svg, step_x};
pub use law::{LawFit, LawOptions, LawPicture, LawPoint, law_svg};
pub use page::Source;
pub use phase::{AxisValues, Phase, PhaseAxis, PhaseCell, PhaseOptions, STATES, phase_svg};
pub use png::{PngError, png};
pub use survival::{Estimate, Restricted, SurvivalGroup, SurvivalOptions, survival_svg};
pub use svg::escape;

/// A curve: `(step, value)` pairs in order of step. Steps are ≥ 0 (points with a negative or non-finite step are skipped);
/// a non-finite value interrupts the line, and the first one is marked by a cross at the panel's top edge.
pub type Points = Vec<(f64, f64)>;

/// What a curve was measured on; it decides colour and line style.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// Training data: blue, dashed.
    Train,
    /// Held-out data: vermilion, solid.
    Test,
    /// Neither, such as a norm of the weights: the other colours of the palette in order.
    #[default]
    Other,
}

/// A named curve.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// Name in the legend; with several runs, curves of one name in one panel are summarised together.
    pub name: String,
    /// The curve.
    pub points: Points,
    /// Colour and style.
    pub role: Role,
}

/// A further panel under accuracy and loss, for quantities that share a vertical axis.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExtraPanel {
    /// The vertical axis, with its unit; with several runs, panels of one label are summarised together.
    pub label: String,
    /// Whether the vertical axis is logarithmic (then zeros sit on its lower edge and negative values are gaps).
    pub log: bool,
    /// Its curves.
    pub series: Vec<Series>,
}

/// What one run leaves to draw. Any curve may be empty.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunCurves {
    /// The run's id.
    pub run_id: String,
    /// The run's seed.
    pub seed: u64,
    /// Training accuracy, in 0..=1.
    pub train_acc: Points,
    /// Test accuracy, in 0..=1.
    pub test_acc: Points,
    /// Training loss, drawn on a logarithmic axis.
    pub train_loss: Points,
    /// Test loss, drawn on a logarithmic axis.
    pub test_loss: Points,
    /// Further panels.
    pub extra: Vec<ExtraPanel>,
    /// First sustained step at which training accuracy reached its level; `None` if it did not.
    pub t_mem: Option<f64>,
    /// First sustained step at which test accuracy reached its level; `None` if it did not (the run is censored at `steps`).
    pub t_grok: Option<f64>,
    /// Last step of the run, or its budget while it is under way: the step axis reaches at least this far.
    pub steps: f64,
}

/// A Kaplan–Meier curve, computed elsewhere.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Survival {
    /// Which time it is: `t_mem` or `t_grok` (a `_` starts a subscript).
    pub name: String,
    /// [`Role::Train`] for times of the training curve, [`Role::Test`] for those of the test curve; the median of the first of each is marked in all panels.
    pub role: Role,
    /// Number of runs, censored ones included.
    pub n: usize,
    /// The value after each jump, in order of time; before the first it is 1.
    pub curve: Vec<SurvivalPoint>,
    /// Times at which runs were censored, drawn as ticks on the curve.
    pub censored: Vec<f64>,
    /// Median time; `None` if the curve does not come down to one half.
    pub median: Option<f64>,
    /// Confidence interval of the median; an infinite upper end means that it was not reached.
    pub interval: Option<(f64, f64)>,
    /// Last time that anything is known of: the curve is drawn this far.
    pub end: f64,
}

/// One jump of a survival curve.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SurvivalPoint {
    /// Time of the jump, in steps.
    pub time: f64,
    /// Survival from here on, in 0..=1.
    pub survival: f64,
    /// Lower end of its interval (non-finite: no band here).
    pub low: f64,
    /// Upper end of its interval (non-finite: no band here).
    pub high: f64,
}

/// How a figure is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Headline, at most two lines of which are drawn.
    pub title: String,
    /// The command that made the figure, for the footer and the metadata.
    pub command: String,
    /// Accuracy of guessing, in 0..=1: a dotted line.
    pub chance: Option<f64>,
    /// Width in pixels (CSS pixels, 1/96 inch); 320 at least.
    pub width: f64,
    /// Height of the accuracy panel in pixels, the others are in proportion; 60 at least. The figure's height follows from its panels.
    pub panel_height: f64,
    /// Quantiles of the band over several runs, in 0..=1.
    pub band: (f64, f64),
    /// Name of the horizontal axis.
    pub x_label: String,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            title: String::new(),
            command: String::new(),
            chance: None,
            width: 640.0,
            panel_height: 150.0,
            band: (0.1, 0.9),
            x_label: "training step (log scale)".into(),
        }
    }
}
