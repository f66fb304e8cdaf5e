//! One model along one parameter: every quantity as printed, corrected and simulated, against the parameter.

use crate::answer::{Answer, Quantity};
use crate::model::{Context, Model, TheoryError};
use pennydrop_figure::chart::{Axis, Chart, Look, Mark, Point};
use pennydrop_registry::{Args, SpecError, Value};

/// The answers along one parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// The parameter.
    pub key: String,
    /// Its values, with the answer at each.
    pub steps: Vec<(Value, Answer)>,
}

/// Asks `model` at each of `values` of `key`; `given` holds the other parameters. Every value is checked before the first is computed.
///
/// # Errors
/// A value or a parameter out of range; what the model says.
pub fn sweep(model: &'static Model, given: &[(String, Value)], key: &str, values: &[Value], context: &Context) -> Result<Sweep, TheoryError> {
    let section = model.row.name;
    if values.is_empty() {
        return Err(SpecError::new(format!("{section}.{key}"), "a sweep needs at least one value", "such as 1,2,5 or range(1,10)").into());
    }
    let checked = |value: &Value| {
        let others = given.iter().filter(|(k, _)| k != key).cloned();
        Args::check(section, &model.row, others.chain([(key.to_string(), value.clone())]))
    };
    let args = values.iter().map(checked).collect::<Result<Vec<_>, _>>()?;
    let steps = args
        .iter()
        .map(|a| {
            let value = a.get(key).cloned().unwrap_or(Value::Bool(false));
            Ok((value, (model.answer)(a, context)?))
        })
        .collect::<Result<_, TheoryError>>()?;
    Ok(Sweep { key: key.to_string(), steps })
}

impl Sweep {
    /// Names of the quantities, in the order in which they first occur.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for quantity in self.steps.iter().flat_map(|(_, a)| &a.quantities) {
            if !names.contains(&quantity.name.as_str()) {
                names.push(&quantity.name);
            }
        }
        names
    }

    /// A quantity along the parameter; `None` where it is not defined.
    pub fn along(&self, name: &str) -> Vec<Option<&Quantity>> {
        self.steps.iter().map(|(_, a)| a.quantities.iter().find(|q| q.name == name)).collect()
    }

    /// A chart for each quantity: the printed form dashed, the one that stands solid, the simulation as points with intervals.
    /// Words on the parameter's axis are numbered from 1.
    pub fn charts(&self) -> Vec<Chart> {
        let xs: Vec<f64> = self.steps.iter().enumerate().map(|(i, (v, _))| number(v).unwrap_or((i + 1) as f64)).collect();
        let ratio = xs.iter().copied().fold(0.0, f64::max) / xs.iter().copied().fold(f64::INFINITY, f64::min);
        let log = xs.iter().all(|x| *x > 0.0) && ratio >= 30.0 && ratio.is_finite();
        self.names()
            .into_iter()
            .map(|name| {
                let at = self.along(name);
                let curve = |f: &dyn Fn(&Quantity) -> Option<f64>| -> Vec<(f64, f64)> {
                    xs.iter().zip(&at).map(|(x, q)| (*x, q.and_then(f).unwrap_or(f64::NAN))).collect()
                };
                let is_there = |points: &[(f64, f64)]| points.iter().any(|p| p.1.is_finite());
                let corrected = at.iter().flatten().any(|q| q.corrected.is_some());
                let mut marks = Vec::new();
                let (printed, stands) = (curve(&|q| q.printed), curve(&|q| q.corrected));
                if is_there(&printed) {
                    let (label, look) = if corrected { ("printed", Look::Printed) } else { ("closed form", Look::Closed) };
                    marks.push(Mark::line(label, look, printed));
                }
                if is_there(&stands) {
                    marks.push(Mark::line("corrected", Look::Closed, stands));
                }
                let points: Vec<Point> = xs
                    .iter()
                    .zip(&at)
                    .filter_map(|(x, q)| {
                        let s = (*q)?.simulated?;
                        Some(Point { x: *x, y: s.estimate, interval: Some((s.low, s.high)) })
                    })
                    .collect();
                if !points.is_empty() {
                    marks.push(Mark::Points { name: "simulated".into(), look: Look::Simulated, points });
                }
                let doc = at.iter().flatten().next().map_or(String::new(), |q| q.doc.clone());
                let x = if log { Axis::log(&self.key) } else { Axis::linear(&self.key) };
                Chart { title: name.replace('_', " "), x, y: Axis::linear(&doc), marks, note: String::new() }
            })
            .filter(|c| !c.marks.is_empty())
            .collect()
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(i) => Some(*i as f64),
        Value::Float(x) => Some(*x),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Simulated;
    use pennydrop_registry::{Default as Usual, Kind, Param, Row};

    static SQUARE: Model = Model {
        row: Row {
            name: "square",
            summary: "a square",
            source: "Euclid",
            params: &[
                Param { key: "side", kind: Kind::Float { min: 0.0, max: 100.0 }, default: Usual::Float(1.0), doc: "side" },
                Param { key: "times", kind: Kind::Int { min: 1, max: 9 }, default: Usual::Int(1), doc: "factor" },
            ],
        },
        claims: &[],
        samples: 1,
        answer: |args, _| {
            let side = args.float("side");
            let area = side * side * args.int("times") as f64;
            let q = Quantity::new("area", "area in m²").printed(area + 1.0).corrected(area).simulated(Simulated::exact(area));
            Ok(Answer { quantities: vec![q], ..Answer::default() })
        },
    };

    #[test]
    fn a_quantity_along_a_parameter() {
        let given = [("times".to_string(), Value::Int(2)), ("side".to_string(), Value::Float(7.0))];
        let values = [Value::Float(1.0), Value::Float(3.0)];
        let found = sweep(&SQUARE, &given, "side", &values, &Context::default()).unwrap();
        assert_eq!(found.along("area").iter().map(|q| q.unwrap().closed_form().unwrap()).collect::<Vec<_>>(), [2.0, 18.0]);
        let charts = found.charts();
        assert_eq!(charts.len(), 1);
        assert_eq!(charts[0].marks[0], Mark::line("printed", Look::Printed, vec![(1.0, 3.0), (3.0, 19.0)]));
        assert_eq!(charts[0].marks.len(), 3);
    }

    #[test]
    fn every_value_is_checked_before_the_first_is_computed() {
        let error = sweep(&SQUARE, &[], "side", &[Value::Float(1.0), Value::Float(1e9)], &Context::default()).unwrap_err();
        assert!(error.to_string().contains("square.side"), "{error}");
        assert!(sweep(&SQUARE, &[], "side", &[], &Context::default()).is_err());
        assert!(sweep(&SQUARE, &[], "height", &[Value::Float(1.0)], &Context::default()).is_err());
    }
}
