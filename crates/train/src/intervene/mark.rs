//! The weights of a moment, from which the angle is measured.

use super::{Action, FROM, InterventionRow, ON};
use pennydrop_models::{Param as Tensor, select};
use pennydrop_registry::{Args, Row, SpecError};

/// The row.
pub const ROW: InterventionRow = InterventionRow {
    row: Row {
        name: "mark",
        summary: "changes nothing: keeps the weights of a moment; the curve `angle` is the angle between them and the present ones",
        source: "arXiv 2605.18845",
        params: &[FROM, ON],
    },
    make,
};

#[derive(Debug)]
struct Mark(Vec<usize>);

fn make(args: &Args, tensors: &[Tensor]) -> Result<Box<dyn Action>, SpecError> {
    let on = select("mark.on", &args.strs("on"), tensors)?;
    let on: Vec<usize> = (0..tensors.len()).filter(|i| on[*i]).collect();
    if on.is_empty() {
        return Err(SpecError::new("mark.on", "no tensor of this network is among them, and nothing has no direction", "all, or a tensor that it has"));
    }
    Ok(Box::new(Mark(on)))
}

impl Action for Mark {
    fn marks(&self) -> &[usize] {
        &self.0
    }
}

/// The angle in degrees, 0 to 180, between two vectors that are given piece by piece; NaN where one of them is 0.
///
/// It is taken from the sum and the difference of the two directions, so that small angles keep their digits.
pub(crate) fn angle<'a>(pieces: impl Iterator<Item = (&'a [f64], &'a [f64])> + Clone) -> f64 {
    let pairs = || pieces.clone().flat_map(|(a, b)| a.iter().zip(b));
    let (a, b) = pairs().fold((0.0, 0.0), |(a, b), (x, y)| (a + x * x, b + y * y));
    let (a, b) = (libm::sqrt(a), libm::sqrt(b));
    let (apart, along) = pairs().fold((0.0, 0.0), |(d, s), (x, y)| {
        let (u, v) = (x / a, y / b);
        (d + (u - v) * (u - v), s + (u + v) * (u + v))
    });
    2.0 * libm::atan2(libm::sqrt(apart), libm::sqrt(along)).to_degrees()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(a: &[f64], b: &[f64]) -> f64 {
        angle([(&a[..1], &b[..1]), (&a[1..], &b[1..])].into_iter())
    }

    #[test]
    fn angles_are_those_of_school() {
        for (b, degrees) in [([3.0, 0.0], 0.0), ([1.0, 1.0], 45.0), ([0.0, 0.1], 90.0), ([-2.0, 0.0], 180.0), ([-1.0, -libm::sqrt(3.0)], 120.0)] {
            assert!((of(&[7.0, 0.0], &b) - degrees).abs() < 1e-12, "{b:?}");
        }
        // The cosine of this angle is 1 to the last digit.
        assert!((of(&[1.0, 0.0], &[1.0, 1e-9]).to_radians() / 1e-9 - 1.0).abs() < 1e-12);
        assert!(of(&[0.0, 0.0], &[1.0, 0.0]).is_nan());
    }
}
