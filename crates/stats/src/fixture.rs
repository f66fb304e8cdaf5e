//! Reads the committed fixture of other packages' answers.

use crate::survival::Observation;
use serde_json::Value;

pub(crate) fn comparisons() -> Value {
    serde_json::from_str(include_str!("../tests/fixtures/comparisons.json")).unwrap()
}

pub(crate) fn numbers(v: &Value) -> Vec<f64> {
    v.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// Covariates, observations and strata of a data set.
pub(crate) fn data(set: &Value) -> (Vec<Vec<f64>>, Vec<Observation>, Vec<usize>) {
    let observations = numbers(&set["time"]).into_iter().zip(numbers(&set["event"])).map(|(time, e)| Observation { time, event: e == 1.0 }).collect();
    let strata = numbers(&set["stratum"]).into_iter().map(|s| s as usize).collect();
    (set["rows"].as_array().unwrap().iter().map(numbers).collect(), observations, strata)
}

/// |got − want| within `tolerance`, relative to the larger of |want| and 1e-3.
#[track_caller]
pub(crate) fn near(got: f64, want: f64, tolerance: f64, what: &str) {
    assert!((got - want).abs() <= tolerance * want.abs().max(1e-3), "{what}: {got} against {want}");
}
