//! Newton's method for concave log-likelihoods of a few parameters, and the Cholesky factor it needs.

/// Lower triangular factor L of a symmetric positive definite matrix LLᵀ, row-major.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cholesky {
    lower: Vec<f64>,
    n: usize,
}

impl Cholesky {
    /// Factorises the `n`×`n` `matrix` (row-major, lower triangle read).
    ///
    /// # Errors
    /// The first column whose pivot falls to `tolerance` times its diagonal, or to `floor`: up to rounding it depends on the columns before it.
    pub(crate) fn new(matrix: &[f64], n: usize, tolerance: f64, floor: f64) -> Result<Self, usize> {
        let mut lower = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let dot: f64 = (0..j).map(|k| lower[i * n + k] * lower[j * n + k]).sum();
                let rest = matrix[i * n + j] - dot;
                if i == j {
                    // `!(>)`: a NaN counts as a failure too.
                    if !(rest > tolerance * matrix[i * n + i] && rest > floor && rest.is_finite()) {
                        return Err(i);
                    }
                    lower[i * n + i] = libm::sqrt(rest);
                } else {
                    lower[i * n + j] = rest / lower[j * n + j];
                }
            }
        }
        Ok(Cholesky { lower, n })
    }

    /// x with LLᵀx = b.
    pub(crate) fn solve(&self, b: &[f64]) -> Vec<f64> {
        let n = self.n;
        let mut x = b.to_vec();
        for i in 0..n {
            let dot: f64 = (0..i).map(|k| self.lower[i * n + k] * x[k]).sum();
            x[i] = (x[i] - dot) / self.lower[i * n + i];
        }
        for i in (0..n).rev() {
            let dot: f64 = (i + 1..n).map(|k| self.lower[k * n + i] * x[k]).sum();
            x[i] = (x[i] - dot) / self.lower[i * n + i];
        }
        x
    }

    /// (LLᵀ)⁻¹, row-major, exactly symmetric.
    pub(crate) fn inverse(&self) -> Vec<f64> {
        let n = self.n;
        let mut inverse = vec![0.0; n * n];
        for j in 0..n {
            let mut unit = vec![0.0; n];
            unit[j] = 1.0;
            for (i, v) in self.solve(&unit).into_iter().enumerate().skip(j) {
                inverse[i * n + j] = v;
                inverse[j * n + i] = v;
            }
        }
        inverse
    }
}

/// A log-likelihood at one parameter vector of length n.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    /// The log-likelihood; −∞ outside its domain.
    pub value: f64,
    /// Its gradient, length n.
    pub gradient: Vec<f64>,
    /// Minus its Hessian, n×n row-major.
    pub information: Vec<f64>,
}

impl Point {
    /// All zero, to be added up.
    pub(crate) fn zero(n: usize) -> Self {
        Point { value: 0.0, gradient: vec![0.0; n], information: vec![0.0; n * n] }
    }

    /// Copies the lower triangle of the information to the upper.
    pub(crate) fn mirror(&mut self) {
        let n = self.gradient.len();
        for i in 0..n {
            for j in 0..i {
                self.information[j * n + i] = self.information[i * n + j];
            }
        }
    }
}

/// Where the likelihood is largest.
#[derive(Debug, Clone)]
pub(crate) struct Maximum {
    pub theta: Vec<f64>,
    pub point: Point,
    /// Factor of the information there.
    pub factor: Cholesky,
    /// Newton steps taken.
    pub iterations: usize,
}

/// Why there is no maximum.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stop {
    /// At the start the information is singular at this parameter.
    Collinear(usize),
    /// The likelihood is flat in the limit while this parameter runs away: it has no finite maximum.
    Runaway(usize),
    /// Not settled after the allowed number of steps; the last parameters.
    Unsettled(Vec<f64>),
}

const STEPS: usize = 100;
/// A covariate (scaled to variance 1) is collinear when the others explain all but this share of it.
const COLLINEAR: f64 = 1e-10;

/// Maximises a concave function by Newton steps, each halved until the value does not fall. Parameters should be scaled so that a unit of each is a
/// large change. Information of at most `floor` at the start is taken for the rounding error of none.
///
/// The Newton decrement gᵀI⁻¹g bounds what is left to gain. Where the maximum lies at infinity (separated data) the decrement shrinks geometrically but the
/// step does not shrink at all, which tells that case from convergence, where the step falls quadratically.
pub(crate) fn maximise(start: Vec<f64>, floor: f64, mut evaluate: impl FnMut(&[f64]) -> Point) -> Result<Maximum, Stop> {
    let n = start.len();
    let mut theta = start;
    let mut point = evaluate(&theta);
    let mut previous = f64::INFINITY; // size of the last step
    for iterations in 0..STEPS {
        let (tolerance, floor) = if iterations == 0 { (COLLINEAR, floor) } else { (1e-3 * COLLINEAR, 0.0) };
        let factor = match Cholesky::new(&point.information, n, tolerance, floor) {
            Ok(factor) => factor,
            Err(column) if iterations == 0 => return Err(Stop::Collinear(column)),
            Err(column) => return Err(Stop::Runaway(column)),
        };
        let step = factor.solve(&point.gradient);
        let decrement: f64 = step.iter().zip(&point.gradient).map(|(s, g)| s * g).sum();
        let (widest, size) = step.iter().enumerate().fold((0, 0.0), |best, (i, s)| if s.abs() > best.1 { (i, s.abs()) } else { best });
        // The second condition: within 1e-9 of a standard error, which is as far as rounding lets an ill-conditioned fit go.
        if size <= 1e-11 || (decrement <= 1e-18 && size <= 1e-5) {
            return Ok(Maximum { theta, point, factor, iterations });
        }
        if decrement < 1e-7 && size > 1e-3 && size > 0.5 * previous {
            return Err(Stop::Runaway(widest));
        }
        previous = size;
        let slack = 1e-12 * (1.0 + point.value.abs()); // rounding of the sum that the value is
        let mut fraction = 1.0;
        loop {
            let trial: Vec<f64> = theta.iter().zip(&step).map(|(t, s)| t + fraction * s).collect();
            let next = evaluate(&trial);
            if next.value.is_finite() && next.value >= point.value - slack {
                (theta, point) = (trial, next);
                break;
            }
            fraction *= 0.5;
            if fraction < 1e-12 {
                return Err(Stop::Unsettled(theta));
            }
        }
    }
    Err(Stop::Unsettled(theta))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factor_solves_and_inverts() {
        let matrix = [4.0, 2.0, 0.6, 2.0, 5.0, 1.0, 0.6, 1.0, 3.0];
        let factor = Cholesky::new(&matrix, 3, 1e-12, 0.0).unwrap();
        let x = factor.solve(&[1.0, -2.0, 0.5]);
        let inverse = factor.inverse();
        for i in 0..3 {
            let b: f64 = (0..3).map(|k| matrix[i * 3 + k] * x[k]).sum();
            assert!((b - [1.0, -2.0, 0.5][i]).abs() < 1e-14);
            for j in 0..3 {
                let unit: f64 = (0..3).map(|k| matrix[i * 3 + k] * inverse[k * 3 + j]).sum();
                assert!((unit - f64::from(u8::from(i == j))).abs() < 1e-14);
            }
        }
        // The third column is the sum of the first two.
        assert_eq!(Cholesky::new(&[1.0, 0.5, 1.5, 0.5, 1.0, 1.5, 1.5, 1.5, 3.0], 3, 1e-10, 0.0), Err(2));
    }

    #[test]
    fn finds_a_maximum_and_tells_when_there_is_none() {
        // −cosh(x − 3): the first Newton step from 40 is short, from −40 too; the maximum is −1 at 3.
        let bowl = |t: &[f64]| {
            let d = t[0] - 3.0;
            Point { value: -libm::cosh(d), gradient: vec![-libm::sinh(d)], information: vec![libm::cosh(d)] }
        };
        let got = maximise(vec![40.0], 0.0, bowl).unwrap();
        assert!((got.theta[0] - 3.0).abs() < 1e-10 && (got.point.value + 1.0).abs() < 1e-14);
        // −ln cosh(x): from 2 a whole Newton step (−sinh x cosh x = −13.6) overshoots, and would for ever; halved ones arrive.
        let ridge = |t: &[f64]| {
            let (c, s) = (libm::cosh(t[0]), libm::sinh(t[0]));
            Point { value: -libm::log(c), gradient: vec![-s / c], information: vec![1.0 / (c * c)] }
        };
        assert!(maximise(vec![2.0], 0.0, ridge).unwrap().theta[0].abs() < 1e-10);
        // −exp(−x): supremum 0 at infinity.
        let slope = |t: &[f64]| Point { value: -libm::exp(-t[0]), gradient: vec![libm::exp(-t[0])], information: vec![libm::exp(-t[0])] };
        assert_eq!(maximise(vec![0.0], 0.0, slope).unwrap_err(), Stop::Runaway(0));
    }
}
