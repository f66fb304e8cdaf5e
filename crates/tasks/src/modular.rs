//! Binary operations on Z_p: the tables of Power et al. (arXiv:2201.02177, appendix A.1.1), one task an operation.
//!
//! Operands `a`, `b` (the papers' x, y) and answers are residues `0..p`. Every pair is an example, but for `div`, which leaves out b = 0.
//! `div` holds p·(p−1) examples, those that the paper makes as (b·c) / b = c. `div-odd-sub` holds all p²: 0 is even, so nothing is divided by it.

use crate::TaskRow;
use crate::number::{inverse, is_prime, neighbouring_primes};
use crate::split::{CLOSURE, CORRUPT, Examples, FRACTION, LABELS, LabelOptions, Split};
use crate::task::{Coordinate, Seeds, Symmetry, Task};
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError};

/// p² examples are held at once (16 bytes each): 4 million at the top.
const LARGEST: i64 = 2048;
const POWER: &str = "Power et al. 2022, arXiv:2201.02177";

const PARAMS: &[Param] = &[
    Param {
        key: "p",
        kind: Kind::Int { min: 2, max: LARGEST },
        default: Default::Int(97),
        doc: "modulus; any integer, but for divisions a prime (97: arXiv:2201.02177; 113: arXiv:2301.05217)",
    },
    FRACTION,
    CLOSURE,
    LABELS,
    CORRUPT,
];

/// One operation.
struct Operation {
    name: &'static str,
    /// f(a, b, p) for a, b < p; the table reduces it mod p.
    formula: fn(u64, u64, u64) -> u64,
    /// Whether f is defined at b = 0.
    at_zero: bool,
    /// Whether f inverts residues.
    inverts: bool,
    symmetries: &'static [Symmetry],
}

const fn shift(a: i8, b: i8, c: i8) -> Symmetry {
    Symmetry::Shift { a, b, c }
}

const fn scale(a: i8, b: i8, c: i8) -> Symmetry {
    Symmetry::Scale { a, b, c }
}

const fn negate(a: bool, b: bool, c: bool) -> Symmetry {
    Symmetry::Negate { a, b, c }
}

const fn polynomial(name: &'static str, formula: fn(u64, u64, u64) -> u64, symmetries: &'static [Symmetry]) -> Operation {
    Operation { name, formula, at_zero: true, inverts: false, symmetries }
}

static OPERATIONS: [Operation; 10] = [
    polynomial("add", |a, b, _| a + b, &[shift(1, 0, 1), shift(0, 1, 1), scale(1, 1, 1)]),
    polynomial("sub", |a, b, p| a + p - b, &[Symmetry::SwapNegates, shift(1, 0, 1), shift(0, 1, -1), scale(1, 1, 1)]),
    polynomial("mul", |a, b, _| a * b, &[scale(1, 0, 1), scale(0, 1, 1)]),
    Operation {
        name: "div",
        formula: |a, b, p| a * inverse(b, p),
        at_zero: false,
        inverts: true,
        symmetries: &[Symmetry::SwapInverts, scale(1, 0, 1), scale(0, 1, -1)],
    },
    Operation { name: "div-odd-sub", formula: |a, b, p| if b % 2 == 1 { a * inverse(b, p) } else { a + p - b }, at_zero: true, inverts: true, symmetries: &[] },
    polynomial("x2+y2", |a, b, _| a * a + b * b, &[scale(1, 1, 2), negate(true, false, false), negate(false, true, false)]),
    polynomial("x2+xy+y2", |a, b, _| a * a + a * b + b * b, &[scale(1, 1, 2), Symmetry::Reflect]),
    polynomial("x2+xy+y2+x", |a, b, _| a * a + a * b + b * b + a, &[Symmetry::Reflect]),
    polynomial("x3+xy", |a, b, _| a * a * a + a * b, &[scale(1, 2, 3)]),
    polynomial("x3+xy2+y", |a, b, _| a * a * a + a * b * b + b, &[negate(true, true, true)]),
];

const fn row(name: &'static str, summary: &'static str, source: &'static str) -> TaskRow {
    TaskRow { row: Row { name, summary, source, params: PARAMS }, build }
}

/// The rows of this family.
pub(crate) const ROWS: &[TaskRow] = &[
    row("add", "a + b mod p", POWER),
    row("sub", "a − b mod p", POWER),
    row("mul", "a · b mod p", "openai/grok, grok/data.py (`*`); named in section 3.2 of arXiv:2201.02177"),
    row("div", "a / b mod p, b ≠ 0, p prime", POWER),
    row("div-odd-sub", "a / b mod p where b is odd, else a − b; p prime", POWER),
    row("x2+y2", "a² + b² mod p", POWER),
    row("x2+xy+y2", "a² + ab + b² mod p", POWER),
    row("x2+xy+y2+x", "a² + ab + b² + a mod p", POWER),
    row("x3+xy", "a³ + ab mod p", POWER),
    row("x3+xy2+y", "a³ + ab² + b mod p: not known to generalise at any fraction", POWER),
];

/// Builds the task of `args.name()`.
fn build(args: &Args, seeds: &Seeds) -> Result<Task, SpecError> {
    let Some(operation) = OPERATIONS.iter().find(|o| o.name == args.name()) else {
        return Err(SpecError::unknown("task.name", "modular operation", args.name(), OPERATIONS.iter().map(|o| o.name)));
    };
    let p = args.size("p") as u64;
    if operation.inverts && !is_prime(p) {
        return Err(not_prime(operation.name, p));
    }
    let (split, options) = (Split::read(args)?, LabelOptions::read(args)?);
    let first = u64::from(!operation.at_zero);
    let n = (p * (p - first)) as usize;
    let (mut tokens, mut ideal) = (Vec::with_capacity(2 * n), Vec::with_capacity(n));
    for a in 0..p {
        for b in first..p {
            tokens.extend([a as u32, b as u32]);
            ideal.push(((operation.formula)(a, b, p) % p) as u32);
        }
    }
    let coordinate = |name: &str| Coordinate { name: name.into(), range: p as usize };
    let examples = Examples {
        name: operation.name.into(),
        coordinates: vec![coordinate("a"), coordinate("b")],
        tokens,
        ideal,
        classes: p as usize,
        symmetries: operation.symmetries.to_vec(),
    };
    Ok(Task { modulus: Some(p as usize), ..examples.finish(split, options, seeds)? })
}

fn not_prime(operation: &str, p: u64) -> SpecError {
    let (below, above) = neighbouring_primes(p);
    let near = [below, Some(above).filter(|q| *q <= LARGEST as u64)];
    let near: Vec<String> = near.iter().flatten().map(u64::to_string).collect();
    SpecError::new(
        "task.p",
        format!("{p} is not prime, and `{operation}` needs inverses"),
        format!("a prime up to {LARGEST}, the nearest being {}", near.join(" and ")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use pennydrop_registry::Value;

    fn task(name: &str, p: i64) -> Result<Task, SpecError> {
        let args = Args::check("task", crate::find(name)?, [("p".to_string(), Value::Int(p))])?;
        crate::build(&args, &Seeds::all(1))
    }

    /// The answers by their definition, by search over signed integers: no code shared with the table above.
    fn is_answer(name: &str, x: i64, y: i64, c: i64, p: i64) -> bool {
        let congruent = |lhs: i64, rhs: i64| (lhs - rhs).rem_euclid(p) == 0;
        match name {
            "add" => congruent(c, x + y),
            "sub" => congruent(c + y, x),
            "mul" => congruent(c, (0..y).map(|_| x).sum()),
            "div" => y != 0 && congruent(c * y, x),
            "div-odd-sub" => congruent(if y % 2 == 1 { c * y } else { c + y }, x),
            "x2+y2" => congruent(c, x.pow(2) + y.pow(2)),
            "x2+xy+y2" => congruent(c, (x + y).pow(2) - x * y),
            "x2+xy+y2+x" => congruent(c, (x + y).pow(2) - x * (y - 1)),
            "x3+xy" => congruent(c, x * (x.pow(2) + y)),
            "x3+xy2+y" => congruent(c, x * (x.pow(2) + y.pow(2)) + y),
            other => panic!("no definition of {other}"),
        }
    }

    #[test]
    fn every_operation_against_its_definition() {
        for operation in &OPERATIONS {
            for p in [2, 3, 4, 5, 12, 13, 23] {
                if operation.inverts && !is_prime(p as u64) {
                    assert!(task(operation.name, p).is_err());
                    continue;
                }
                let t = task(operation.name, p).unwrap();
                assert_eq!(t.len() as i64, if operation.name == "div" { p * (p - 1) } else { p * p });
                for e in 0..t.len() as u32 {
                    let (x, y) = (i64::from(t.input(e)[0]), i64::from(t.input(e)[1]));
                    let answers: Vec<i64> = (0..p).filter(|c| is_answer(operation.name, x, y, *c, p)).collect();
                    assert_eq!(answers, [i64::from(t.ideal[e as usize])], "{} ({x}, {y}) mod {p}", operation.name);
                }
                assert_eq!(t.is_complete(), operation.name != "div");
                assert_eq!((t.modulus, t.classes, t.token_range()), (Some(p as usize), p as usize, p as usize));
            }
        }
    }

    #[test]
    fn sizes_of_the_papers() {
        assert_eq!((task("div", 97).unwrap().len(), task("add", 97).unwrap().len()), (9312, 9409));
    }

    #[test]
    fn declared_symmetries_hold() {
        for p in [5i64, 12, 13] {
            for operation in OPERATIONS.iter().filter(|o| !o.inverts || p != 12) {
                let t = task(operation.name, p).unwrap();
                let f = |a: i64, b: i64| {
                    let row = [a.rem_euclid(p) as u32, b.rem_euclid(p) as u32];
                    (0..t.len() as u32).find(|e| *t.input(*e) == row).map(|e| i64::from(t.ideal[e as usize]))
                };
                let commutes = (0..p).all(|a| (0..p).all(|b| f(a, b) == f(b, a)));
                assert_eq!(t.symmetries.contains(&Symmetry::Swap), commutes && operation.at_zero, "{} mod {p}", operation.name);
                for symmetry in &t.symmetries {
                    for (a, b, s) in (0..p).flat_map(|a| (0..p).flat_map(move |b| (0..p).map(move |s| (a, b, s)))) {
                        let Some(c) = f(a, b) else { continue };
                        let unit = (0..p).find(|v| s * v % p == 1);
                        let to = |k: i8, x: i64| (0..k.unsigned_abs()).fold(x, |x, _| x * if k > 0 { s } else { unit.unwrap() } % p);
                        let sign = |minus: bool, x: i64| if minus { -x } else { x };
                        let (lhs, rhs) = match *symmetry {
                            Symmetry::Swap => (f(b, a), c),
                            Symmetry::SwapNegates => (f(b, a), -c),
                            Symmetry::SwapInverts if a == 0 || b == 0 => continue,
                            Symmetry::SwapInverts => (f(b, a).map(|d| d * c), 1),
                            Symmetry::Shift { a: x, b: y, c: z } => (f(a + s * i64::from(x), b + s * i64::from(y)), c + s * i64::from(z)),
                            Symmetry::Scale { .. } if unit.is_none() => continue,
                            Symmetry::Scale { a: x, b: y, c: z } => (f(to(x, a), to(y, b)), to(z, c)),
                            Symmetry::Negate { a: x, b: y, c: z } => (f(sign(x, a), sign(y, b)), sign(z, c)),
                            Symmetry::Reflect => (f(a, -a - b), c),
                            other => panic!("{other:?} is no law of residues"),
                        };
                        assert_eq!(lhs.map(|l| l.rem_euclid(p)), Some(rhs.rem_euclid(p)), "{} mod {p}: {symmetry:?} at ({a}, {b}), {s}", operation.name);
                    }
                }
            }
        }
    }

    #[test]
    fn which_operations_commute() {
        let commuting: Vec<_> = OPERATIONS.iter().filter(|o| task(o.name, 13).unwrap().symmetries.contains(&Symmetry::Swap)).map(|o| o.name).collect();
        assert_eq!(commuting, ["add", "mul", "x2+y2", "x2+xy+y2"]);
    }

    #[test]
    fn a_composite_modulus_names_the_nearest_primes() {
        for name in ["div", "div-odd-sub"] {
            let text = task(name, 98).unwrap_err().to_string();
            assert!(text.contains("task.p") && text.contains("98 is not prime") && text.contains("97 and 101"), "{text}");
        }
        assert!(!task("div", 2048).unwrap_err().to_string().contains("2053"));
    }

    #[test]
    fn chance_is_the_best_constant() {
        assert_eq!(task("add", 97).unwrap().chance, 1.0 / 97.0);
        assert_eq!(task("mul", 97).unwrap().chance, 193.0 / 9409.0);
    }
}
