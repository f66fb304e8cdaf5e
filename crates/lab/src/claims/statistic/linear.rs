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
    /// Reads a term: products joined by ` + ` or ` - ` (with blanks), factors joined by `*`; a factor is a number, a column, `ln COLUMN` or `len(KEY)`.
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
                    let column = |c: &str| if c.is_empty() || c == "ln" || c.contains([' ', '(', ')']) { Err(wrong()) } else { Ok(c.to_string()) };
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

/// Coefficients of least squares with a constant first, by Gaussian elimination of the normal equations; `None` if columns depend on each other.
pub(crate) fn least_squares(x: &[Vec<f64>], y: &[f64]) -> Option<Vec<f64>> {
    let row = |v: &[f64]| std::iter::once(1.0).chain(v.iter().copied()).collect::<Vec<f64>>();
    solve(&x.iter().map(|v| row(v)).collect::<Vec<_>>(), y)
}

/// Coefficients of least squares without a constant.
pub(crate) fn solve(x: &[Vec<f64>], y: &[f64]) -> Option<Vec<f64>> {
    let m = x.first()?.len();
    let mut a = vec![vec![0.0; m + 1]; m];
    for (v, y) in x.iter().zip(y) {
        for i in 0..m {
            for j in 0..m {
                a[i][j] += v[i] * v[j];
            }
            a[i][m] += v[i] * y;
        }
    }
    let size = (0..m).map(|i| a[i][i]).fold(0.0, f64::max);
    for k in 0..m {
        let pivot = (k..m).max_by(|p, q| a[*p][k].abs().total_cmp(&a[*q][k].abs()))?;
        a.swap(k, pivot);
        if a[k][k].abs() <= 1e-12 * size {
            return None;
        }
        for i in (0..m).filter(|i| *i != k) {
            let f = a[i][k] / a[k][k];
            let above = a[k].clone();
            a[i].iter_mut().zip(&above).for_each(|(x, u)| *x -= f * u);
        }
    }
    Some((0..m).map(|i| a[i][m] / a[i][i]).collect())
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
        assert!((value - (3.0 * 2f64.ln() - 4f64.ln())).abs() < 1e-12, "{value}");
        assert_eq!(Term::parse("2 * 3 - 1").unwrap().value(&data, &data.runs[0]), Some(5.0));
        assert_eq!(Term::parse("ln norm@end").unwrap().value(&data, &data.runs[0]), None);
        for wrong in ["", "ln ", "a b", "len(x", "a + "] {
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
        assert!((least_squares(&vec![Vec::new(); 3], &[1.0, 2.0, 6.0]).unwrap()[0] - 3.0).abs() < 1e-12);
    }
}
