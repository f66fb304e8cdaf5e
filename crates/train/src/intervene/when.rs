//! Triggers.

use pennydrop_graph::rng::{Purpose, Stream};
use pennydrop_models::Param as Tensor;
use pennydrop_registry::SpecError;

/// What a trigger may watch besides accuracies' own events: the recorded series.
const SERIES: [&str; 12] =
    ["train_loss", "test_loss", "train_accuracy", "test_accuracy", "penalty", "collapsed", "logit_scale", "norm", "fourier_gini", "fourier_ipr", "lr", "angle"];

/// When an intervention fires.
#[derive(Debug, Clone, PartialEq)]
pub enum When {
    /// Not at all.
    Never,
    /// Before this step.
    Step(u64),
    /// One of these steps, drawn: the control of an event, at random times that follow those of the event.
    Drawn(Vec<u64>),
    /// A step between two, drawn evenly in the logarithm.
    Between(u64, u64),
    /// Some steps after the first step at which something holds.
    Event {
        /// What.
        what: Event,
        /// How many steps later.
        later: u64,
    },
}

/// Something that happens once in a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The training accuracy is at `train.mem_level` for the first time.
    Memorised,
    /// The test accuracy is at `train.grok_level` for the first time.
    Generalised,
    /// A recorded series is above a level.
    Above(String, f64),
    /// A recorded series is below a level.
    Below(String, f64),
}

impl When {
    /// Reads a trigger; `key` is for messages, `tensors` for the series `norm.TENSOR`.
    ///
    /// # Errors
    /// Text that is no trigger, or that names a series that this network does not have.
    pub fn parse(key: &str, text: &str, tensors: &[Tensor]) -> Result<When, SpecError> {
        let wrong = |why: &str| {
            SpecError::new(
                key,
                format!("`{text}` {why}"),
                "never, a step, t_mem, t_grok, SERIES>LEVEL, SERIES<LEVEL, drawn:150:160 or between:100:1000; +STEPS after an event",
            )
        };
        let text_only: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let word = text_only.as_str();
        if word == "never" {
            return Ok(When::Never);
        }
        if let Ok(step) = word.parse::<u64>() {
            return Ok(When::Step(step));
        }
        let inside = |name: &str| word.strip_prefix(name).and_then(|r| r.strip_prefix(':'));
        let numbers = |list: &str| list.split(':').map(|x| x.parse::<u64>().ok()).collect::<Option<Vec<u64>>>();
        if let Some(list) = inside("drawn") {
            return numbers(list).filter(|v| !v.is_empty()).map(When::Drawn).ok_or_else(|| wrong("does not list steps"));
        }
        if let Some(list) = inside("between") {
            return match numbers(list).as_deref() {
                Some([low, high]) if low <= high => Ok(When::Between(*low, *high)),
                _ => Err(wrong("does not name two steps in order")),
            };
        }
        // A level may hold a sign of its own (1e+3): the steps come after the last plus that a whole number follows.
        let (event, later) = match word.rsplit_once('+') {
            Some((event, steps)) if !event.ends_with(['e', 'E']) => (event, steps.parse::<u64>().map_err(|_| wrong("ends with no number of steps"))?),
            _ => (word, 0),
        };
        let what = match event {
            "t_mem" => Event::Memorised,
            "t_grok" => Event::Generalised,
            _ => {
                let (at, sign) = event.char_indices().find(|(_, c)| matches!(c, '<' | '>')).ok_or_else(|| wrong("is no trigger"))?;
                let (series, level) = (&event[..at], &event[at + 1..]);
                let level: f64 = level.parse().ok().filter(|x: &f64| x.is_finite()).ok_or_else(|| wrong("names no level"))?;
                let known = SERIES.contains(&series) || series.strip_prefix("norm.").is_some_and(|n| tensors.iter().any(|t| t.name == n));
                if !known {
                    let norms: Vec<String> = tensors.iter().map(|t| format!("norm.{}", t.name)).collect();
                    return Err(SpecError::unknown(key, "recorded series", series, SERIES.into_iter().chain(norms.iter().map(String::as_str))));
                }
                if sign == '>' { Event::Above(series.into(), level) } else { Event::Below(series.into(), level) }
            }
        };
        Ok(When::Event { what, later })
    }

    /// The same with the step drawn, where it is drawn.
    #[must_use]
    pub fn drawn(self, seed: u64, lane: u32) -> When {
        let stream = Stream::new(seed, Purpose::Noise, lane, 0);
        match self {
            When::Drawn(steps) => When::Step(steps[stream.below(0, steps.len() as u64) as usize]),
            When::Between(low, high) => {
                let (a, b) = ((low.max(1)) as f64, (high.max(1) + 1) as f64);
                let step = a * libm::pow(b / a, stream.uniform(0));
                When::Step((step as u64).clamp(low, high))
            }
            other => other,
        }
    }

    /// Whether it watches the curve `angle`, which is there only where a mark is.
    pub(crate) fn reads_angle(&self) -> bool {
        matches!(self, When::Event { what: Event::Above(series, _) | Event::Below(series, _), .. } if series == "angle")
    }

    /// Whether it depends on `train.mem_level` or `train.grok_level`.
    pub fn reads_levels(text: &str) -> bool {
        text.trim_start().starts_with("t_mem") || text.trim_start().starts_with("t_grok")
    }
}
