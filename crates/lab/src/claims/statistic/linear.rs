//! Least squares, and the terms that a regression is written in.

use crate::claims::data::{Data, Run};
use crate::spec::grammar::shown;
use pennydrop_registry::SpecError;

/// A factor of a product.
#[derive(Debug, Clone, PartialEq)]
enum Factor {
    Number(f64),
    Column(String),
    Log(String),
    /// Entries of a key whose value is a list.
    Length(String),
}

/// A sum of products of columns, such as `len(model.widths) * ln clamp.factor - ln temperature.tau`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Term(Vec<Vec<Factor>>);

impl Term {
    /// Reads a term: products joined by ` + ` or ` - ` (with blanks), factors joined by `*`; a factor is a number, a column
    /// (SECTION.KEY or SERIES@WHEN), `ln COLUMN` or `len(KEY)`.
    ///
    /// # Errors
    /// It is written otherwise.
    pub fn parse(word: &str) -> Result<Term, SpecError> {
        let wrong = || {
            let allowed = "products such as `len(model.widths) * ln clamp.factor - ln temperature.tau`";
            SpecError::new("statistic", format!("`{}` is no term", shown(word)), allowed)
        };
        let mut products = Vec::new();
        for plus in word.split(" + ") {
            for (k, product) in plus.split(" - ").enumerate() {
                let mut factors = if k > 0 { vec![Factor::Number(-1.0)] } else { Vec::new() };
                for factor in product.split('*').map(str::trim) {
                    let column = |c: &str| if !c.contains(['.', '@']) || c.contains([' ', '(', ')']) { Err(wrong()) } else { Ok(c.to_string()) };
                    factors.push(if let Ok(x) = factor.parse::<f64>() {
                        Factor::Number(x)
                    } else if let Some(c) = factor.strip_prefix("ln ") {
                        Factor::Log(column(c.trim())?)
                    } else if let Some(c) = factor.strip_prefix("len(").and_then(|c| c.strip_suffix(')')) {
                        Factor::Length(column(c)?)
                    } else {
                        Factor::Column(column(factor)?)
                    });
                }
                products.push(factors);
            }
        }
        Ok(Term(products))
    }

    /// The columns of numbers that it reads.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flatten().filter_map(|f| match f {
            Factor::Column(c) | Factor::Log(c) | Factor::Length(c) => Some(c.as_str()),
            Factor::Number(_) => None,
        })
    }

    /// Its value for a run; `None` where a column has none, or no logarithm.
    pub fn value(&self, data: &Data, run: &Run) -> Option<f64> {
        let factor = |f: &Factor| match f {
            Factor::Number(x) => Some(*x),
            Factor::Column(c) => data.number(run, c),
            Factor::Log(c) => data.number(run, c).filter(|x| *x > 0.0).map(libm::log),
            Factor::Length(c) => {
                let list = data.value(run, c)?.trim().strip_prefix('[')?.strip_suffix(']')?;
                Some(list.split(',').filter(|w| !w.trim().is_empty()).count() as f64)
            }
        };
        self.0.iter().map(|p| p.iter().map(factor).product::<Option<f64>>()).sum()
    }
}

/// Reads several terms.
///
/// # Errors
/// As [`Term::parse`].
pub(crate) fn terms(words: &[&str]) -> Result<Vec<Term>, SpecError> {
    words.iter().map(|w| Term::parse(w)).collect()
}

/// Columns of terms that parse; others were refused when the claim was read.
pub(crate) fn columns_of(words: &[&str]) -> Vec<String> {
    let all = words.iter().filter_map(|w| Term::parse(w).ok());
    all.flat_map(|t| t.columns().map(str::to_string).collect::<Vec<_>>()).collect()
}

/// Sums of squares and products of rows (with their constant, where they have one) and of their values: what least squares needs, and no row more than once.
#[derive(Debug, Clone)]
pub(crate) struct Normal {
    m: usize,
    /// m rows of m + 1 numbers.
    sums: Vec<f64>,
}

impl Normal {
    /// Of rows of `m` numbers; none yet.
    pub fn new(m: usize) -> Normal {
        Normal { m, sums: vec![0.0; m * (m + 1)] }
    }

    /// Adds a row and its value, `times` times; −1 takes it away again.
    pub fn add(&mut self, row: impl Fn(usize) -> f64, y: f64, times: f64) {
        for i in 0..self.m {
            let left = times * row(i);
            for j in 0..self.m {
                self.sums[i * (self.m + 1) + j] += left * row(j);
            }
            self.sums[i * (self.m + 1) + self.m] += left * y;
        }
    }

    /// The coefficients, by Gaussian elimination; `None` if columns depend on each other.
    pub fn solve(&self) -> Option<Vec<f64>> {
        let (m, w) = (self.m, self.m + 1);
        let mut a = self.sums.clone();
        let size = (0..m).map(|i| a[i * w + i]).fold(0.0, f64::max);
        for k in 0..m {
            let pivot = (k..m).max_by(|p, q| a[*p * w + k].abs().total_cmp(&a[*q * w + k].abs()))?;
            (0..w).for_each(|j| a.swap(k * w + j, pivot * w + j));
            if a[k * w + k].abs() <= 1e-12 * size {
                return None;
            }
            for i in (0..m).filter(|i| *i != k) {
                let f = a[i * w + k] / a[k * w + k];
                (k..w).for_each(|j| a[i * w + j] -= f * a[k * w + j]);
            }
        }
        Some((0..m).map(|i| a[i * w + m] / a[i * w + i]).collect())
    }
}

/// Coefficients of least squares with a constant first; `None` if columns depend on each other.
pub(crate) fn least_squares(x: &[Vec<f64>], y: &[f64]) -> Option<Vec<f64>> {
    let mut n = Normal::new(x.first()?.len() + 1);
    x.iter().zip(y).for_each(|(v, y)| n.add(|i| if i == 0 { 1.0 } else { v[i - 1] }, *y, 1.0));
    n.solve()
}

/// Coefficients of least squares without a constant.
pub(crate) fn solve(x: &[Vec<f64>], y: &[f64]) -> Option<Vec<f64>> {
    let mut n = Normal::new(x.first()?.len());
    x.iter().zip(y).for_each(|(v, y)| n.add(|i| v[i], *y, 1.0));
    n.solve()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_read() {
        let t = Term::parse("len(model.widths) * ln clamp.factor + ln clamp.factor - ln temperature.tau").unwrap();
        assert_eq!(t.columns().collect::<Vec<_>>(), ["model.widths", "clamp.factor", "clamp.factor", "temperature.tau"]);
        let mut data = Data { keys: ["model.widths", "clamp.factor", "temperature.tau"].map(String::from).to_vec(), ..Data::default() };
        data.runs =
            Data::parse("run_id,seed_init,seed_split,seed_batch,seed_noise,steps,budget,stop,t_mem,t_grok,wall_s,precision\na,0,0,0,0,1,1,steps,,,1,f32\n")
                .unwrap()
                .runs;
        data.runs[0].values = ["[64, 64]", "2", "4"].map(String::from).to_vec();
        let value = t.value(&data, &data.runs[0]).unwrap();
        assert!((value - (3.0 * libm::log(2.0) - libm::log(4.0))).abs() < 1e-12, "{value}");
        assert_eq!(Term::parse("2 * 3 - 1").unwrap().value(&data, &data.runs[0]), Some(5.0));
        assert_eq!(Term::parse("ln norm@end").unwrap().value(&data, &data.runs[0]), None);
        for wrong in ["", "ln ", "optim.lr optim.eps", "len(model.widths", "optim.lr + ", "optim"] {
            assert!(Term::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_plane_is_found_and_dependent_columns_are_refused() {
        let x: Vec<Vec<f64>> = (0..8).map(|i| vec![i as f64, (i * i % 5) as f64]).collect();
        let y: Vec<f64> = x.iter().map(|v| 3.0 - 2.0 * v[0] + 0.5 * v[1]).collect();
        let b = least_squares(&x, &y).unwrap();
        assert!(b.iter().zip([3.0, -2.0, 0.5]).all(|(a, b)| (a - b).abs() < 1e-9), "{b:?}");
        assert!(least_squares(&x.iter().map(|v| vec![v[0], 2.0 * v[0]]).collect::<Vec<_>>(), &y).is_none());
        let mut n = Normal::new(2);
        x.iter().zip(&y).for_each(|(v, y)| n.add(|i| v[i], *y, 1.0));
        n.add(|i| [9.0, -4.0][i], 77.0, 1.0);
        n.add(|i| [9.0, -4.0][i], 77.0, -1.0);
        assert!(n.solve().unwrap().iter().zip(solve(&x, &y).unwrap()).all(|(a, b)| (a - b).abs() < 1e-9), "a row that was taken away counts");
        assert!((least_squares(&vec![Vec::new(); 3], &[1.0, 2.0, 6.0]).unwrap()[0] - 3.0).abs() < 1e-12);
    }
}
