//! Answers in words and columns.

use pennydrop_registry::Args;
use pennydrop_theory::answer::{Cell, Table};
use pennydrop_theory::sweep::Sweep;
use pennydrop_theory::{Answer, Model, Quantity};

/// Rows of a table, the head first.
pub type Rows = Vec<Vec<String>>;

/// A number with four significant digits; `–` for none.
pub fn short(x: f64) -> String {
    if x.is_nan() {
        return "nan".into();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf" } else { "-inf" }.into();
    }
    let a = x.abs();
    if a == 0.0 {
        return "0".into();
    }
    if !(1e-3..1e6).contains(&a) {
        return format!("{x:.3e}");
    }
    if x.fract() == 0.0 {
        return format!("{x}");
    }
    let digits = (3 - libm::floor(libm::log10(a)) as i32).clamp(0, 6) as usize;
    format!("{x:.digits$}")
}

fn or_dash(x: Option<f64>) -> String {
    x.map_or("–".into(), short)
}

fn simulated(q: &Quantity) -> String {
    q.simulated.filter(|s| !s.estimate.is_nan()).map_or("–".into(), |s| {
        let interval = if s.low == s.high { String::new() } else { format!(" [{}, {}]", short(s.low), short(s.high)) };
        format!("{}{interval}", short(s.estimate))
    })
}

fn samples(q: &Quantity) -> String {
    q.simulated.map_or(String::new(), |s| if s.samples > 1 { format!("n = {}", s.samples) } else { String::new() })
}

/// What was asked, in a line: `d=10 eps=1.1 …`.
pub fn arguments(args: &Args) -> String {
    args.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ")
}

/// The quantities.
pub fn quantities(said: &Answer) -> Rows {
    let head = ["quantity", "printed", "corrected", "simulated [interval]", "", ""].map(String::from).to_vec();
    let rows = said.quantities.iter().map(|q| vec![q.name.clone(), or_dash(q.printed), or_dash(q.corrected), simulated(q), samples(q), q.doc.clone()]);
    [head].into_iter().chain(rows).collect()
}

/// One table.
pub fn table(t: &Table) -> Rows {
    let cell = |c: &Cell| match c {
        Cell::Number(x) => short(*x),
        Cell::Count(n) => n.to_string(),
        Cell::Text(t) => t.clone(),
        Cell::Empty => "–".into(),
    };
    [t.columns.clone()].into_iter().chain(t.rows.iter().map(|r| r.iter().map(cell).collect())).collect()
}

/// What is found about the claims: for each the claim, whether it agrees, and the numbers.
pub fn findings(model: &Model, said: &Answer) -> Vec<String> {
    let mut lines = Vec::new();
    for f in &said.findings {
        let verdict = match f.agrees {
            Some(true) => "agrees",
            Some(false) => "does not agree",
            None => "not decided here",
        };
        let text = model.claims.iter().find(|c| format!("{} {}", c.card, c.number) == f.claim).map_or("", |c| c.text);
        lines.push(format!("claim {} ({verdict}): {text}", f.claim));
        lines.push(format!("    found: {}", f.found));
    }
    lines
}

/// A sweep: a block of rows a quantity.
pub fn sweep(found: &Sweep) -> Vec<(String, Rows)> {
    let block = |name: &str| {
        let head = [found.key.as_str(), "printed", "corrected", "simulated [interval]", ""].map(String::from).to_vec();
        let at = found.along(name);
        let rows = found.steps.iter().zip(&at).map(|((value, _), q)| match q {
            Some(q) => vec![value.to_string(), or_dash(q.printed), or_dash(q.corrected), simulated(q), samples(q)],
            None => vec![value.to_string(), "–".into(), "–".into(), "–".into()],
        });
        let doc = at.iter().flatten().next().map_or(String::new(), |q| format!("{name}: {}", q.doc));
        (doc, [head].into_iter().chain(rows).collect())
    };
    found.names().into_iter().map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (x, text) in [
            (0.953_123, "0.9531"),
            (12.0, "12"),
            (1234.567, "1235"),
            (1.5e-7, "1.500e-7"),
            (0.0, "0"),
            (f64::NAN, "nan"),
            (-2.5, "-2.500"),
            (f64::INFINITY, "inf"),
            (0.001, "0.001000"),
        ] {
            assert_eq!(short(x), text);
        }
    }
}
