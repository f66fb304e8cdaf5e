//! The uniform matrix-product state against products written out, its domains, and its derivatives.

mod common;

use common::{Net, graph, net, operands, str, try_net};
use pennydrop_graph::ad::grad;
use pennydrop_graph::feed::Feed;
use pennydrop_graph::ir::Fold;
use pennydrop_graph::reference::{Reading, evaluate};
use pennydrop_graph::{Domain, Graph, Id};
use pennydrop_models::{Inputs, Options, build, find};
use pennydrop_registry::{Args, Value};

const SITES: usize = 5;
const D: usize = 3;

fn strings() -> Inputs {
    Inputs { operands: SITES, range: 2, features: None, classes: SITES }
}

fn given(boundary: &str, contexts: &str, local_map: &str) -> Vec<(&'static str, Value)> {
    vec![("bond", Value::Int(D as i64)), ("boundary", str(boundary)), ("contexts", str(contexts)), ("local_map", str(local_map))]
}

const WORDS: [(&str, &str, &str); 7] = [
    ("trained", "unit", "plain"),
    ("trained", "plain", "plain"),
    ("trained", "unit", "scaled"),
    ("first", "unit", "scaled"),
    ("first", "plain", "plain"),
    ("closed", "unit", "plain"),
    ("closed", "plain", "scaled"),
];

fn bits(code: usize, sites: usize) -> Vec<usize> {
    (0..sites).map(|i| code >> i & 1).collect()
}

/// Tokens of all strings, one list a coordinate.
fn tokens(sites: usize) -> Vec<Vec<u32>> {
    (0..sites).map(|i| (0..1usize << sites).map(|code| bits(code, sites)[i] as u32).collect()).collect()
}

type Matrix = Vec<Vec<f64>>;

fn times(a: &Matrix, b: &Matrix) -> Matrix {
    a.iter().map(|row| (0..b[0].len()).map(|j| row.iter().zip(b).map(|(x, r)| x * r[j]).sum()).collect()).collect()
}

fn unit(a: Matrix, on: bool) -> Matrix {
    let norm = a.iter().flatten().map(|x| x * x).sum::<f64>().sqrt();
    a.into_iter().map(|r| r.into_iter().map(|x| if on { x / norm } else { x }).collect()).collect()
}

/// The outputs of a string by the definition: for every site the two contexts anew, as products of matrices.
fn by_definition(n: &Net, word: (&str, &str, &str), x: &[usize]) -> Vec<f64> {
    let of = |name: &str| n.model.params.iter().position(|p| p.name == name).map(|i| n.values[i].clone());
    let pair = |name: &str| {
        let v = of(name).unwrap();
        [0, 1].map(|k| (0..D).map(|i| v[k * D * D + i * D..k * D * D + (i + 1) * D].to_vec()).collect::<Matrix>())
    };
    let (a, b) = (pair("A"), pair("B"));
    let first: Vec<f64> = (0..D).map(|i| if i == 0 { 1.0 } else { 0.0 }).collect();
    let one: Matrix = (0..D).map(|i| (0..D).map(|j| if i == j { 1.0 } else { 0.0 }).collect()).collect();
    let (left, right): (Matrix, Matrix) = match word.0 {
        "closed" => (one.clone(), one),
        end => {
            let v = |name: &str| if end == "trained" { of(name).unwrap() } else { first.clone() };
            (vec![v("v_L")], v("v_R").into_iter().map(|x| vec![x]).collect())
        }
    };
    let normed = word.1 == "unit";
    (0..x.len())
        .map(|i| {
            let l = x[..i].iter().fold(unit(left.clone(), normed), |l, s| unit(times(&l, &a[*s]), normed));
            let r = x[i + 1..].iter().rev().fold(unit(right.clone(), normed), |r, s| unit(times(&a[*s], &r), normed));
            let f = [0, 1].map(|s| {
                let m = times(&times(&l, &b[s]), &r);
                (0..m.len()).map(|k| m[k][k]).sum::<f64>()
            });
            if word.2 == "plain" { f[x[i]] } else { of("scale").unwrap()[0] * f[x[i]] / (f[0] * f[0] + f[1] * f[1]).sqrt() }
        })
        .collect()
}

/// Networks with a scale that is not 1.
fn small(word: (&str, &str, &str)) -> Net {
    let mut n = net("uniform-mps", &given(word.0, word.1, word.2), &strings(), Options::default());
    if word.2 == "scaled" {
        n.set("scale", &[-1.75]);
    }
    n
}

#[test]
fn outputs_are_products_of_matrices() {
    for word in WORDS {
        let n = small(word);
        let got = n.run(&[n.model.scored[0].logits], &tokens(SITES), 0).remove(0);
        for code in 0..1 << SITES {
            let want = by_definition(&n, word, &bits(code, SITES));
            for (i, want) in want.iter().enumerate() {
                let got = got[code * SITES + i];
                assert!((got - want).abs() < 1e-12 * want.abs().max(1.0), "{word:?}, string {code:b}, site {i}: {got}, by definition {want}");
            }
        }
    }
}

#[test]
fn contexts_are_named_and_tabulated_over_their_side() {
    let n = small(("trained", "unit", "plain"));
    assert_eq!(n.domain("left@0"), Domain::UNIT);
    assert_eq!(n.domain("left@2"), Domain(0b00011));
    assert_eq!(n.domain("right@2"), Domain(0b11000));
    assert_eq!(n.domain("right@4"), Domain::UNIT);
    let left = n.run(&[n.activation("left@3").unwrap()], &tokens(SITES), 0).remove(0);
    for row in left.chunks(D) {
        assert!((row.iter().map(|x| x * x).sum::<f64>() - 1.0).abs() < 1e-12);
    }
    // The context of site 3 tells prefixes apart and nothing else.
    assert_eq!(left[..D], left[8 * D..9 * D]);
    assert_ne!(left[..D], left[4 * D..5 * D]);
    assert_eq!(small(("closed", "unit", "plain")).g.shape(small(("closed", "unit", "plain")).activation("right@1").unwrap()), [D, D]);
}

/// The same weights read operands and signs, and strings of any length.
#[test]
fn signs_and_operands_are_read_alike() {
    for word in WORDS {
        let n = small(word);
        let inputs = Inputs { operands: 0, range: 0, features: Some(7), classes: 7 };
        let dense = net("uniform-mps", &given(word.0, word.1, word.2), &inputs, Options::default());
        assert_eq!(
            n.model.params.iter().map(|p| (&p.name, &p.shape)).collect::<Vec<_>>(),
            dense.model.params.iter().map(|p| (&p.name, &p.shape)).collect::<Vec<_>>()
        );
        let mut feed = Feed::new(&dense.g, 128);
        let signs = (0..128).flat_map(|code| bits(code, 7)).map(|b| if b == 1 { 1.0 } else { -1.0 }).collect();
        feed.set(|b| (b.rows, b.features) = (128, vec![signs]));
        let reading = Reading { states: n.values.iter().map(Vec::as_slice).collect(), scalars: vec![], seed: 0, step: 0 };
        let got = evaluate(&dense.g, &feed, &reading, &[dense.model.scored[0].logits]).remove(0);
        for code in 0..128 {
            for (i, want) in by_definition(&n, word, &bits(code, 7)).into_iter().enumerate() {
                assert!((got[code * 7 + i] - want).abs() < 1e-12 * want.abs().max(1.0), "{word:?}, string {code:b}, site {i}");
            }
        }
    }
}

/// Σ over strings and sites of cos(site + string)·f, whose derivative is compared with central differences.
#[test]
fn derivatives_are_central_differences() {
    for word in WORDS {
        let n = small(word);
        let mut g: Graph = n.g.clone();
        let weights: Vec<f64> = (0..SITES).map(|i| libm::cos(i as f64)).collect();
        let weights = g.constant(&weights, &[SITES]);
        let y = g.mul(n.model.scored[0].logits, weights);
        let y = g.sum_all(y);
        // A second factor that depends on the string.
        let token = g.token(1);
        let hot = g.one_hot(2, token);
        let by = g.constant(&[0.5, -1.25], &[2]);
        let by = g.mul(hot, by);
        let by = g.sum_all(by);
        let y = g.mul(y, by);
        let y = g.lift(Domain::SLOT, y);
        let total = g.reduce_rows(Fold::Sum, Domain::UNIT, y);
        let wrt: Vec<Id> = n.model.params.iter().map(|p| p.node).collect();
        let grads = grad(&mut g, total, &wrt);
        let mut feed = Feed::new(&g, 1 << SITES);
        feed.set(|b| (b.rows, b.tokens) = (1 << SITES, tokens(SITES)));
        let at = |values: &[Vec<f64>], outputs: &[Id]| {
            evaluate(&g, &feed, &Reading { states: values.iter().map(Vec::as_slice).collect(), scalars: vec![], seed: 0, step: 0 }, outputs)
        };
        let exact = at(&n.values, &grads);
        let largest = exact.iter().flatten().fold(0.0f64, |m, x| m.max(x.abs()));
        assert!(largest > 1e-2, "{word:?}: nothing to compare");
        let h = 1e-5;
        for (i, tensor) in exact.iter().enumerate() {
            for (k, want) in tensor.iter().enumerate() {
                let mut values = n.values.clone();
                values[i][k] += h;
                let up = at(&values, &[total])[0][0];
                values[i][k] -= 2.0 * h;
                let got = (up - at(&values, &[total])[0][0]) / (2.0 * h);
                // The third derivative of a product of normalised contexts is some hundred times the first: h² of it.
                assert!((got - want).abs() < 1e-7 * largest.max(1.0), "{word:?} {}[{k}]: {want}, differences {got}", n.model.params[i].name);
            }
        }
    }
}

/// The paper's exact attention of a 1-local rule: with these A, contexts know the neighbouring bits, so that some B answers rule 30 on every string.
#[test]
fn the_exact_attention_answers_a_local_rule() {
    let words = [("bond", Value::Int(4)), ("boundary", str("closed")), ("contexts", str("plain"))];
    let inputs = Inputs { operands: 6, range: 2, features: None, classes: 6 };
    let mut n = net("uniform-mps", &words, &inputs, Options::default());
    #[rustfmt::skip]
    let a = [
        1.0, 1.0, 0.0, 0.0,  0.0, 0.0, 0.0, 0.0,  1.0, 1.0, 0.0, 0.0,  0.0, 0.0, 0.0, 0.0,
        0.0, 0.0, 0.0, 0.0,  0.0, 0.0, 1.0, 1.0,  0.0, 0.0, 0.0, 0.0,  0.0, 0.0, 1.0, 1.0,
    ];
    n.set("A", &a);
    // A(s) = u(s)·w(s)ᵀ: u(s) marks the rows ρ with ρ mod 2 = s, w(s) the columns κ with ⌊κ/2⌋ = s, and w(s)·u(t) = 1. So a product of several keeps its first u
    // and its last w, and the output of a ring is w(l)ᵀ·B(c)·u(r), which reads the entry (2l, r).
    let mut b = vec![0.0; 32];
    for (l, c, r) in (0..8).map(|k| (k >> 2, k >> 1 & 1, k & 1)) {
        let answer = if l ^ (c | r) == 1 { 1.0 } else { -1.0 };
        b[c * 16 + 2 * l * 4 + r] = answer;
    }
    n.set("B", &b);
    let got = n.run(&[n.model.scored[0].logits], &tokens(6), 0).remove(0);
    for code in 0..64 {
        let x = bits(code, 6);
        for i in 0..6 {
            let (l, c, r) = (x[(i + 5) % 6], x[i], x[(i + 1) % 6]);
            assert_eq!(got[code * 6 + i] > 0.0, l ^ (c | r) == 1, "string {code:b}, site {i}: {}", got[code * 6 + i]);
        }
    }
}

#[test]
fn a_vanished_context_is_nought_and_not_nan() {
    let mut n = small(("trained", "unit", "scaled"));
    n.set("A", &[0.0; 2 * D * D]);
    let got = n.run(&[n.model.scored[0].logits], &tokens(SITES), 0).remove(0);
    assert!(got.iter().all(|x| *x == 0.0), "{got:?}");
}

#[test]
fn what_is_no_string_of_bits_is_refused() {
    let says = |inputs: &Inputs| try_net("uniform-mps", &[], inputs, Options::default()).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(says(&operands(7)).contains("strings of bits"));
    assert!(says(&Inputs { classes: 4, ..strings() }).contains("one output a site, 5, and the loss takes 4"));
    assert_eq!(says(&strings()), "");
    let args = Args::check("model", find("uniform-mps").unwrap(), [("init".to_string(), str("torch"))]).unwrap();
    assert!(build(&mut graph(&strings()), &args, &strings(), Options::default()).unwrap_err().to_string().contains("unit-normal"));
}
