//! The learning rate's schedule, and the values of every scalar that an update rule reads.

use pennydrop_registry::Args;

/// β^t. A plain function of `t`, so that a resumed run has the bits of an unbroken one.
fn power(beta: f64, t: u64) -> f64 {
    libm::pow(beta, t as f64)
}

/// The factor on the learning rate at `step` (from 0) of `total_steps`.
///
/// Warm-up multiplies the schedule: min(step / warmup, 1) with `warmup_from=0`, whose first step has rate 0 (Power et al., Nanda et al.), or
/// min((step + 1) / warmup, 1) with `warmup_from=1`. `cosine` runs from the end of warm-up to `schedule_steps` (0: `total_steps`), from 1 to
/// `lr_min`, and stays there: lr_min + (1 − lr_min)(1 + cos πx)/2, x the share of the way (PyTorch's `CosineAnnealingLR`). `step` is
/// `step_gamma`^⌊step / step_every⌋ (PyTorch's `StepLR`).
pub fn factor(args: &Args, step: u64, total_steps: u64) -> f64 {
    let warmup = args.size("warmup") as u64;
    let rise = if warmup == 0 { 1.0 } else { ((step + args.size("warmup_from") as u64) as f64 / warmup as f64).min(1.0) };
    let course = match args.str("schedule") {
        "cosine" => {
            let end = match args.size("schedule_steps") as u64 {
                0 => total_steps,
                n => n,
            };
            let (gone, way) = (step.saturating_sub(warmup) as f64, end.saturating_sub(warmup).max(1) as f64);
            let low = args.float("lr_min");
            low + (1.0 - low) * 0.5 * (1.0 + libm::cos(std::f64::consts::PI * (gone / way).min(1.0)))
        }
        "step" => power(args.float("step_gamma"), step / args.size("step_every") as u64),
        _ => 1.0,
    };
    rise * course
}

/// Writes the value at `step` (from 0) of every scalar whose name starts with `optim.`; `names` are [`pennydrop_graph::Graph::scalars`], and the
/// values of other names are left alone.
///
/// # Panics
/// `names` and `values` differ in length, or the graph was built by another optimizer than `args`.
pub fn scalars(args: &Args, names: &[String], step: u64, total_steps: u64, values: &mut [f64]) {
    assert_eq!(names.len(), values.len(), "one value a scalar");
    let lr = args.float("lr") * factor(args, step, total_steps);
    for (name, value) in names.iter().zip(values) {
        let Some(key) = name.strip_prefix("optim.") else { continue };
        *value = match key {
            "lr" => lr,
            // 1 − lr·λ and lr·λ: differences and products are taken here, not in the program's precision.
            "keep" => 1.0 - lr * args.float("weight_decay"),
            "shrink" => lr * args.float("weight_decay"),
            "one_minus_beta1" => 1.0 - args.float("beta1"),
            "one_minus_beta2" => 1.0 - args.float("beta2"),
            // Adam's step t counts from 1.
            "lr_corrected" => lr / (1.0 - power(args.float("beta1"), step + 1)),
            "root_correction" => 1.0 / (1.0 - power(args.float("beta2"), step + 1)).sqrt(),
            plain => args.float(plain),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::find;
    use pennydrop_registry::Value;

    fn args(given: &[(&str, Value)]) -> Args {
        Args::check("optim", find("adamw").unwrap(), given.iter().map(|(k, v)| (k.to_string(), v.clone()))).unwrap()
    }

    fn factors(given: &[(&str, Value)], steps: &[u64]) -> Vec<f64> {
        steps.iter().map(|s| factor(&args(given), *s, 100)).collect()
    }

    #[test]
    fn warm_up_starts_at_zero_or_at_its_first_share() {
        assert_eq!(factors(&[], &[0, 99]), [1.0, 1.0]);
        assert_eq!(factors(&[("warmup", Value::Int(10))], &[0, 5, 10, 11]), [0.0, 0.5, 1.0, 1.0]);
        assert_eq!(factors(&[("warmup", Value::Int(10)), ("warmup_from", Value::Int(1))], &[0, 4, 9, 10]), [0.1, 0.5, 1.0, 1.0]);
    }

    #[test]
    fn schedules_follow_their_formulas() {
        let cosine = [("schedule", Value::Str("cosine".into())), ("warmup", Value::Int(20)), ("lr_min", Value::Float(0.1))];
        let got = factors(&cosine, &[10, 20, 40, 60, 100, 500]);
        // A quarter of the way: 0.1 + 0.9·(1 + √½)/2.
        let want = [0.5, 1.0, 0.1 + 0.45 * (1.0 + 0.5f64.sqrt()), 0.55, 0.1, 0.1];
        // On warm-up's way the cosine waits at 1.
        assert!(got.iter().zip(want).all(|(x, y)| (x - y).abs() < 1e-15), "{got:?} {want:?}");
        let shorter = [("schedule", Value::Str("cosine".into())), ("schedule_steps", Value::Int(50))];
        assert!((factors(&shorter, &[25])[0] - 0.5).abs() < 1e-15);
        let steps = [("schedule", Value::Str("step".into())), ("step_every", Value::Int(30)), ("step_gamma", Value::Float(0.5))];
        assert_eq!(factors(&steps, &[0, 29, 30, 89, 90]), [1.0, 1.0, 0.5, 0.25, 0.125]);
    }

    #[test]
    fn scalars_are_filled_by_name_and_others_left_alone() {
        let a = args(&[("lr", Value::Float(0.01)), ("weight_decay", Value::Float(2.0)), ("beta1", Value::Float(0.5)), ("beta2", Value::Float(0.75))]);
        let names =
            ["train.x", "optim.lr", "optim.keep", "optim.lr_corrected", "optim.root_correction", "optim.eps", "optim.one_minus_beta2"].map(String::from);
        let mut values = [7.0; 7];
        scalars(&a, &names, 1, 100, &mut values);
        assert_eq!(values, [7.0, 0.01, 0.98, 0.01 / 0.75, 1.0 / 0.4375f64.sqrt(), 1e-8, 0.25]);
    }
}
