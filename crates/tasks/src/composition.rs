//! Words in a finite group: S5 as in Power et al. (arXiv:2201.02177), and any cyclic, dihedral, alternating or symmetric group.
//!
//! Operands `a`, `b` (the words' x, y) and answers are elements `0..order`, numbered as [`Group`] says, and x·y is x first, then y. All order² pairs are examples.

use crate::TaskRow;
use crate::groups::{Group, alternating, cyclic, dihedral, symmetric};
use crate::split::{CLOSURE, CORRUPT, Examples, FRACTION, LABELS, LabelOptions, Split};
use crate::task::{Coordinate, Seeds, Symmetry, Task};
use pennydrop_registry::{Args, Default, Kind, Param, Row, SpecError};

/// order² examples are held at once, as for residues.
const LARGEST: usize = 2048;
const POWER: &str = "Power et al. 2022, arXiv:2201.02177";
const PARAMS: &[Param] = &[FRACTION, CLOSURE, LABELS, CORRUPT];
const GROUP_PARAMS: &[Param] = &[
    Param {
        key: "group",
        kind: Kind::Choice(&["z", "d", "a4", "s4", "a5", "s5"]),
        default: Default::Str("s5"),
        doc: "z: cyclic, d: dihedral (of order 2n), a: alternating, s: symmetric",
    },
    Param {
        key: "n",
        kind: Kind::Int { min: 0, max: LARGEST as i64 },
        default: Default::Int(0),
        doc: "for z (from 2 to 2048) and d (from 3 to 1024); leave at 0 for the others",
    },
    Param { key: "word", kind: Kind::Choice(&["xy", "xyx-1", "xyx"]), default: Default::Str("xy"), doc: "what is computed of the operands x and y" },
    FRACTION,
    CLOSURE,
    LABELS,
    CORRUPT,
];

/// The rows of this family.
pub(crate) const ROWS: &[TaskRow] = &[
    TaskRow {
        row: Row { name: "s5-xy", summary: "x·y of permutations of five points, x first", source: POWER, params: PARAMS },
        build: |args, seeds| build(args, seeds, "s5", 0, "xy"),
    },
    TaskRow {
        row: Row { name: "s5-xyx-1", summary: "x·y·x⁻¹ of permutations of five points", source: POWER, params: PARAMS },
        build: |args, seeds| build(args, seeds, "s5", 0, "xyx-1"),
    },
    TaskRow {
        row: Row { name: "s5-xyx", summary: "x·y·x of permutations of five points", source: POWER, params: PARAMS },
        build: |args, seeds| build(args, seeds, "s5", 0, "xyx"),
    },
    TaskRow {
        row: Row { name: "group", summary: "a word in a finite group", source: "Chughtai, Chan, Nanda 2023, arXiv:2302.03025 (x·y)", params: GROUP_PARAMS },
        build: |args, seeds| build(args, seeds, args.str("group"), args.size("n"), args.str("word")),
    },
];

/// The group called `name` in specs; `n` counts for `z` and `d` only, and is 0 for the others.
///
/// # Errors
/// An unknown name, or an `n` that the group cannot have.
pub fn named(name: &str, n: usize) -> Result<Group, SpecError> {
    let sized = |least: usize, most: usize| {
        if (least..=most).contains(&n) {
            Ok(n)
        } else {
            Err(SpecError::new("task.n", format!("group `{name}` cannot have n = {n}"), format!("an integer from {least} to {most}")))
        }
    };
    let (full, (points, generators)) = match name {
        "z" => (format!("z{n}"), cyclic(sized(2, LARGEST)?)),
        // Below 3 the corners of a polygon do not tell the reflections apart.
        "d" => (format!("d{n}"), dihedral(sized(3, LARGEST / 2)?)),
        "a4" | "s4" | "a5" | "s5" if n != 0 => {
            return Err(SpecError::new("task.n", format!("{n} with group `{name}`, whose size is in its name"), "0, or groups z and d"));
        }
        "a4" => (name.into(), alternating(4)),
        "s4" => (name.into(), symmetric(4)),
        "a5" => (name.into(), alternating(5)),
        "s5" => (name.into(), symmetric(5)),
        other => return Err(SpecError::unknown("task.group", "group", other, ["z", "d", "a4", "s4", "a5", "s5"])),
    };
    Group::generated(&full, points, &generators, LARGEST).map_err(|e| SpecError::new("task.group", e.to_string(), "z, d, a4, s4, a5, s5"))
}

fn build(args: &Args, seeds: &Seeds, name: &str, n: usize, word: &str) -> Result<Task, SpecError> {
    let (split, options) = (Split::read(args)?, LabelOptions::read(args)?);
    let group = named(name, n)?;
    let order = group.order() as u32;
    let pairs = (order * order) as usize;
    let (mut tokens, mut ideal) = (Vec::with_capacity(2 * pairs), Vec::with_capacity(pairs));
    for x in 0..order {
        for y in 0..order {
            let xy = group.product(x, y);
            tokens.extend([x, y]);
            ideal.push(match word {
                "xy" => xy,
                "xyx-1" => group.product(xy, group.inverse(x)),
                "xyx" => group.product(xy, x),
                other => return Err(SpecError::unknown("task.word", "word", other, ["xy", "xyx-1", "xyx"])),
            });
        }
    }
    let symmetries = if word == "xy" { vec![Symmetry::LeftProduct, Symmetry::RightProduct, Symmetry::Conjugation] } else { vec![Symmetry::Conjugation] };
    let coordinate = |name: &str| Coordinate { name: name.into(), range: order as usize };
    let examples =
        Examples { name: args.name().into(), coordinates: vec![coordinate("a"), coordinate("b")], tokens, ideal, classes: order as usize, symmetries };
    // Rotations are numbered by their angle, so the elements of z are the residues.
    let modulus = (name == "z").then_some(order as usize);
    Ok(Task { modulus, group: Some(group), ..examples.finish(split, options, seeds)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pennydrop_registry::Value;

    fn task(name: &str, given: &[(&str, Value)]) -> Result<Task, SpecError> {
        let args = Args::check("task", crate::find(name)?, given.iter().map(|(k, v)| (k.to_string(), v.clone())))?;
        crate::build(&args, &Seeds::all(3))
    }

    fn sized(group: &str, n: i64) -> [(&'static str, Value); 2] {
        [("group", Value::Str(group.into())), ("n", Value::Int(n))]
    }

    /// All arrangements of five points, in lexicographic order, by counting to 5⁵.
    fn arrangements() -> Vec<[usize; 5]> {
        (0..3125).map(|c| [c / 625, c / 125 % 5, c / 25 % 5, c / 5 % 5, c % 5]).filter(|x| (0..5).all(|i| x.contains(&i))).collect()
    }

    #[test]
    fn s5_by_explicit_arrays() {
        let elements = arrangements();
        assert_eq!(elements.len(), 120);
        let then = |x: [usize; 5], y: [usize; 5]| [0, 1, 2, 3, 4].map(|i| y[x[i]]);
        let inverse = |x: [usize; 5]| [0, 1, 2, 3, 4].map(|i| (0..5).find(|j| x[*j] == i).unwrap());
        for (name, word) in [("s5-xy", 0), ("s5-xyx-1", 1), ("s5-xyx", 2)] {
            let t = task(name, &[]).unwrap();
            assert_eq!((t.len(), t.classes, t.is_complete()), (14_400, 120, true));
            for e in 0..t.len() {
                let (x, y) = (elements[e / 120], elements[e % 120]);
                let expected = match word {
                    0 => then(x, y),
                    1 => then(then(x, y), inverse(x)),
                    _ => then(then(x, y), x),
                };
                assert_eq!(elements[t.ideal[e] as usize], expected, "{name} of {x:?} and {y:?}");
            }
        }
    }

    #[test]
    fn orders_and_fourier() {
        for (group, n, order, modulus) in
            [("z", 30, 30, Some(30)), ("d", 15, 30, None), ("a4", 0, 12, None), ("s4", 0, 24, None), ("a5", 0, 60, None), ("s5", 0, 120, None)]
        {
            let t = task("group", &sized(group, n)).unwrap();
            assert_eq!((t.classes, t.len(), t.modulus), (order, order * order, modulus));
            assert_eq!(t.symmetries.contains(&Symmetry::Swap), group == "z", "only the cyclic ones commute");
        }
        let (z, add) = (task("group", &sized("z", 13)).unwrap(), task("add", &[("p", Value::Int(13))]).unwrap());
        assert_eq!((z.ideal, z.train, z.test), (add.ideal, add.train, add.test));
    }

    #[test]
    fn declared_symmetries_hold() {
        for word in ["xy", "xyx-1", "xyx"] {
            let t = task("group", &[("group", Value::Str("s4".into())), ("word", Value::Str(word.into()))]).unwrap();
            let g = t.group.as_ref().unwrap();
            let f = |x: u32, y: u32| t.ideal[(x * 24 + y) as usize];
            let by = |h: u32, x: u32| g.product(g.product(h, x), g.inverse(h));
            for (x, y, h) in (0..24).flat_map(|x| (0..24).flat_map(move |y| (0..24).map(move |h| (x, y, h)))) {
                for symmetry in &t.symmetries {
                    let (lhs, rhs) = match symmetry {
                        Symmetry::LeftProduct => (f(g.product(h, x), y), g.product(h, f(x, y))),
                        Symmetry::RightProduct => (f(x, g.product(y, h)), g.product(f(x, y), h)),
                        Symmetry::Conjugation => (f(by(h, x), by(h, y)), by(h, f(x, y))),
                        other => panic!("{other:?} is no law of {word} in S4"),
                    };
                    assert_eq!(lhs, rhs, "{word}: {symmetry:?}");
                }
            }
        }
    }

    #[test]
    fn sizes_that_a_group_cannot_have() {
        for (group, n, says) in [("z", 0, "from 2 to 2048"), ("d", 2, "from 3 to 1024"), ("d", 1025, "from 3 to 1024"), ("s5", 5, "in its name")] {
            let text = task("group", &sized(group, n)).unwrap_err().to_string();
            assert!(text.contains("task.n") && text.contains(says), "{text}");
        }
    }
}
