//! Other numbers in the optimizer or the loss.

use super::{Action, FROM, InterventionRow, LASTS};
use pennydrop_models::Param as Tensor;
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError, Value};

/// The row. The numbers themselves are read where the scalars of a step are filled in.
pub const ROW: InterventionRow = InterventionRow {
    row: Row {
        name: "change",
        summary: "sets numbers of the optimizer or the loss to other values",
        source: "pennydrop",
        params: &[
            FROM,
            LASTS,
            Param {
                key: "set",
                kind: Kind::Strs,
                default: Default::Strs(&[]),
                doc: "what, as in [optim.weight_decay=0, loss.l2=1e-4]: any number of optim, and loss.l1 and loss.l2",
            },
        ],
    },
    make,
};

#[derive(Debug)]
struct Change;

impl Action for Change {}

fn make(_: &Args, _: &[Tensor]) -> Result<Box<dyn Action>, SpecError> {
    Ok(Box::new(Change))
}

/// A part of the program that a zero leaves out.
const SWITCHES: [&str; 4] = ["momentum", "clip", "noise_grad", "noise_update"];

/// The optimizer's and the loss's arguments once `args` holds.
pub(crate) fn changed(args: &Args, optim: &Args, loss: &Args) -> Result<(Args, Args), SpecError> {
    let allowed = "words such as optim.weight_decay=0 or loss.l2=1e-4";
    let (mut optim, mut loss) = (optim.clone(), loss.clone());
    let words = args.strs("set");
    if words.is_empty() {
        return Err(SpecError::new("change.set", "nothing is changed", allowed));
    }
    for word in words {
        let wrong = |why: String| SpecError::new("change.set", format!("`{word}` {why}"), allowed);
        let (key, text) = word.split_once('=').ok_or_else(|| wrong("has no `=`".into()))?;
        let (section, key) = key.trim().split_once('.').ok_or_else(|| wrong("names no section".into()))?;
        let target = match section {
            "optim" => &mut optim,
            "loss" if matches!(key, "l1" | "l2") => &mut loss,
            _ => return Err(wrong("is not a number of the optimizer, nor loss.l1 or loss.l2".into())),
        };
        let number: f64 = text.trim().parse().map_err(|_| wrong("sets no number".into()))?;
        let value = match target.get(key) {
            Some(Value::Float(before)) => {
                if section == "optim" && SWITCHES.contains(&key) && (*before == 0.0) != (number == 0.0) {
                    return Err(wrong(format!("turns a part of the program on or off, which was decided by {key} = {before} at the beginning")));
                }
                Value::Float(number)
            }
            Some(Value::Int(_)) if number.fract() == 0.0 => Value::Int(number as i64),
            Some(Value::Int(_)) => return Err(wrong("is not a whole number".into())),
            _ => {
                let keys: Vec<&str> = target.iter().filter(|(_, v)| matches!(v, Value::Float(_) | Value::Int(_))).map(|(k, _)| k).collect();
                return Err(SpecError::unknown("change.set", "number of the optimizer", key, keys));
            }
        };
        let given: Vec<(String, Value)> = target.iter().map(|(k, v)| (k.to_string(), if k == key { value.clone() } else { v.clone() })).collect();
        *target = Args::check(section, target.row, given)?;
    }
    Ok((optim, loss))
}
