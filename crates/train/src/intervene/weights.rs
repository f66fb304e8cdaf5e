//! The tensors of a run, as interventions see them: in double precision, whatever they are kept in.

use pennydrop_graph::cpu::Vector;

/// The trained tensors of a run, by number.
pub(crate) trait Weights {
    /// Σ w² of tensor `i`, in double precision and in a fixed order.
    fn square(&self, i: usize) -> f64;
    /// Replaces every element `x` at position `j` of tensor `i` by `f(j, x)`, rounded to the working precision.
    fn map(&mut self, i: usize, f: &mut dyn FnMut(usize, f64) -> f64);
    /// Moves element `j` of tensor `i` to the next number of the working precision away from zero.
    fn next(&mut self, i: usize, j: usize);
    /// Multiplies tensor `i`.
    fn scale(&mut self, i: usize, by: f64);

    /// Norms of all tensors.
    fn norms(&self, n: usize) -> Vec<f64> {
        (0..n).map(|i| self.square(i).sqrt()).collect()
    }
}

/// The states of a run.
pub(crate) struct Slices<'a, T>(pub &'a mut [Vec<T>]);

/// Running sums of squares: enough for the compiler to fill a vector.
const LANES: usize = 8;

impl<T: Vector> Weights for Slices<'_, T> {
    fn square(&self, i: usize) -> f64 {
        let mut sums = [0.0f64; LANES];
        let (blocks, rest) = self.0[i].as_chunks::<LANES>();
        for block in blocks {
            for (s, x) in sums.iter_mut().zip(block) {
                let x = x.to();
                *s += x * x;
            }
        }
        let mut rest_sum = 0.0;
        for x in rest {
            let x = x.to();
            rest_sum += x * x;
        }
        sums.iter().sum::<f64>() + rest_sum
    }

    fn map(&mut self, i: usize, f: &mut dyn FnMut(usize, f64) -> f64) {
        for (j, x) in self.0[i].iter_mut().enumerate() {
            *x = T::of(f(j, x.to()));
        }
    }

    fn next(&mut self, i: usize, j: usize) {
        let x = self.0[i][j].to();
        let sign = if x < 0.0 { -1.0 } else { 1.0 };
        // The smallest power of two that rounding to the working precision does not swallow.
        let mut step = if x == 0.0 { f64::from_bits(1) } else { x.abs() * f64::EPSILON / 4.0 };
        while step.is_finite() && T::of(x + sign * step).to() == x {
            step *= 2.0;
        }
        self.0[i][j] = T::of(x + sign * step);
    }

    fn scale(&mut self, i: usize, by: f64) {
        for x in &mut self.0[i] {
            *x = T::of(x.to() * by);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_number_is_next() {
        for x in [1.0f32, -1.0, 1.5, 3.0e-7, -7.25e20, f32::MIN_POSITIVE, 0.1] {
            let mut v = vec![vec![x]];
            Slices(&mut v).next(0, 0);
            assert_eq!(v[0][0].to_bits(), x.to_bits() + 1, "{x}");
        }
        for x in [1.0f64, -1.0, 1.5, 3.0e-7, -7.25e200, 0.1] {
            let mut v = vec![vec![x]];
            Slices(&mut v).next(0, 0);
            assert_eq!(v[0][0].to_bits(), x.to_bits() + 1, "{x}");
        }
        let mut v = vec![vec![0.0f32]];
        Slices(&mut v).next(0, 0);
        assert_eq!(v[0][0].to_bits(), 1);
    }
}
