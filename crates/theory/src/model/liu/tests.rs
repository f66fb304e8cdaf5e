use super::effective::{flow, late_rate};
use super::lattice::Lattice;
use super::toy::{Rates, Sizes, Toy, Training};
use super::*;
use crate::numeric::Draws;
use pennydrop_registry::Value;

fn drawn(lattice: &Lattice, d: usize, k: u64) -> Vec<bool> {
    let mut trained = vec![false; lattice.samples.len()];
    Draws::new(9, 0x31, k).permutation(trained.len()).into_iter().take(d).for_each(|s| trained[s] = true);
    trained
}

#[test]
fn ten_symbols_have_seventy_parallelograms() {
    let l = Lattice::new(10);
    assert_eq!((l.samples.len(), l.pairs.len()), (55, 70));
    assert_eq!(l.freedom(&l.pairs), 2);
    assert_eq!(l.freedom(&[]), 10);
    // Card: λ₃ = 30 over all.
    assert!((l.third_eigenvalue(&l.pairs) - 30.0).abs() < 0.5, "{}", l.third_eigenvalue(&l.pairs));
}

#[test]
fn uniqueness_is_that_of_the_card() {
    let l = Lattice::new(10);
    let n = 1500;
    for (d, card) in [(18, 0.04), (21, 0.29), (24, 0.73), (27, 0.91), (30, 0.98), (33, 0.99)] {
        let unique = (0..n).filter(|k| l.freedom(&l.within(&drawn(&l, d, *k + 10_000 * d as u64))) == 2).count();
        let found = unique as f64 / n as f64;
        // Four standard errors of ours and of a thousand draws of the card's, and its rounding.
        let allowed = 4.0 * libm::sqrt(card * (1.0 - card) * (1.0 / n as f64 + 1e-3)) + 0.005;
        assert!((found - card).abs() < allowed, "D = {d}: {found} for {card} ± {allowed}");
    }
}

#[test]
fn eigenvalues_are_those_of_the_card() {
    let l = Lattice::new(10);
    let lambdas: Vec<f64> = (0..1500).map(|k| l.third_eigenvalue(&l.within(&drawn(&l, 45, k)))).collect();
    let s = crate::numeric::mean(&lambdas);
    assert!((s.estimate - 13.4).abs() < 4.0 * (s.high - s.low) / 3.92 + 0.4, "card 13.4: {s:?}");
    // Exact arithmetic and eigenvalues agree about uniqueness.
    for k in 0..200 {
        let pairs = l.within(&drawn(&l, 22, k));
        assert_eq!(l.freedom(&pairs) == 2, l.third_eigenvalue(&pairs) > 0.0);
    }
}

#[test]
fn implied_parallelograms_and_quality() {
    let l = Lattice::new(10);
    let line: Vec<f64> = (0..10).map(f64::from).collect();
    let trained = drawn(&l, 40, 1);
    assert_eq!((l.quality(&line), l.predicted_accuracy(&trained, &line)), (1.0, l.ideal_accuracy(&trained)));
    assert_eq!(l.freedom(&l.within(&trained)), 2);
    // Two dimensions, both linear; and squares, which have no parallelogram of steps.
    let plane: Vec<f64> = (0..10).flat_map(|k| [f64::from(k), -3.0 * f64::from(k)]).collect();
    assert_eq!(l.quality(&plane), 1.0);
    let powers: Vec<f64> = (0..10).map(|k| libm::pow(2.0, f64::from(k))).collect();
    assert!(l.quality(&powers) < 0.5);
    assert_eq!(l.ideal_accuracy(&[true; 55]), None);
    // Samples of one sum alone imply no parallelogram with an untrained one.
    let mut one = vec![false; 55];
    one[0] = true;
    assert_eq!(l.ideal_accuracy(&one), Some(0.0));
}

#[test]
fn flows_end_at_the_rate_of_the_third_eigenvalue() {
    let l = Lattice::new(10);
    let lambda_all = l.third_eigenvalue(&l.pairs);
    for k in 0..4u64 {
        let mut d = Draws::new(4, 0x32, k);
        let start: Vec<f64> = (0..10).map(|_| d.uniform() - 0.5).collect();
        let released = flow(&l, &l.pairs, 1.0, &start).unwrap();
        let rate = released.rate.unwrap();
        // The rate is approached like e^{−2(λ₄ − λ₃)t/Z₀}.
        assert!((rate / late_rate(lambda_all, released.z0, 1.0) - 1.0).abs() < 0.05, "{rate} {released:?}");
        let conserved: f64 = released.end.iter().map(|x| x * x).sum();
        assert!((conserved / released.z0 - 1.0).abs() < 1e-6, "Z₀ is conserved");
        assert!(l.quality(&released.end) == 1.0 && released.good.is_some());
        let pairs = l.within(&drawn(&l, 45, k));
        let (lambda, count) = (l.third_eigenvalue(&pairs), pairs.len() as f64);
        let own = flow(&l, &pairs, count, &start).unwrap();
        let off = own.rate.unwrap() / late_rate(lambda, own.z0, count) - 1.0;
        assert!(off.abs() < 0.08, "{off} at λ₃ = {lambda}");
    }
}

const SMALL: Sizes = Sizes { p: 6, dims: 1, width: 12, outputs: 5 };
const USUAL: Rates = Rates { embedding: 1e-3, decoder: 1e-4, embedding_decay: 0.0, decoder_decay: 0.0 };

#[test]
fn the_step_is_that_of_loops() {
    // Forward, gradient by differences, and PyTorch's AdamW, in double precision on the same numbers, after one step: AdamW's first step is lr·sign(gradient).
    let toy = Toy::new(SMALL, 15);
    let rates = Rates { embedding: 0.01, decoder: 0.02, embedding_decay: 1.0, decoder_decay: 2.0 };
    let mut t = Training::new(&toy, rates, &mut Draws::new(1, 0x33, 0));
    let before = t.tensors();
    let trained = t.trained_samples();
    let l = Lattice::new(6);
    let loss = |w: &[Vec<f64>]| -> f64 {
        let mut sum = 0.0;
        for k in (0..l.samples.len()).filter(|k| trained[*k]) {
            let (i, j) = l.samples[k];
            let mut x = vec![w[0][i] + w[0][j]];
            for layer in 0..3 {
                let (m, b) = (&w[1 + 2 * layer], &w[2 + 2 * layer]);
                let y: Vec<f64> = (0..b.len()).map(|o| b[o] + x.iter().enumerate().map(|(n, v)| v * m[n * b.len() + o]).sum::<f64>()).collect();
                x = if layer < 2 { y.into_iter().map(libm::tanh).collect() } else { y };
            }
            sum += x.iter().enumerate().map(|(o, v)| v - w[7][l.sum(k) * 5 + o]).map(|e| e * e).sum::<f64>();
        }
        sum / (15.0 * 5.0)
    };
    t.advance();
    let after = t.tensors();
    let mut checked = 0;
    for k in 0..7 {
        let (lr, decay) = if k == 0 { (0.01, 1.0) } else { (0.02, 2.0) };
        for e in (0..before[k].len()).step_by(7) {
            let mut w = before.clone();
            w[k][e] += 1e-5;
            let up = loss(&w);
            w[k][e] -= 2e-5;
            let gradient = (up - loss(&w)) / 2e-5;
            if gradient.abs() < 1e-5 {
                continue;
            }
            let expected = before[k][e] * (1.0 - lr * decay) - lr * gradient / (gradient.abs() + 1e-8);
            assert!((after[k][e] - expected).abs() < 1e-4 * lr.max(expected.abs()), "tensor {k}, entry {e}: {} for {expected}", after[k][e]);
            checked += 1;
        }
    }
    assert!(checked > 30, "{checked}");
}

#[test]
fn a_network_learns_the_line() {
    // p = 10, 45 of 55: card: the index passes .95 at 740–2550 steps, and accuracy is what the parallelograms predict.
    let toy = Toy::new(Sizes { p: 10, dims: 1, width: 200, outputs: 30 }, 45);
    // Not every start gets there: about one in two.
    let mut best = 0.0;
    for k in 0..6 {
        let done = |l: &[toy::Look]| l.last().is_some_and(|l| l.quality > 0.97 && l.test >= 0.9);
        let run = Training::new(&toy, USUAL, &mut Draws::new(1, 0x33, k)).run(2600, done, &|| false).unwrap();
        let last = run.looks.last().unwrap();
        let said = Lattice::new(10).predicted_accuracy(&run.trained, &run.embedding).unwrap();
        assert!((last.test - said).abs() <= 0.2, "start {k}: {last:?} {said}");
        best = last.quality.max(best);
        if best > 0.97 {
            assert!(last.train > 0.95 && last.quality > run.looks[0].quality, "start {k}: {last:?} from {:?}", run.looks[0]);
            return;
        }
    }
    panic!("no start learnt the line: the best index is {best}");
}

#[test]
fn phases_are_those_of_the_card() {
    use super::parts::{PHASES, phase_of};
    let name = |train, test| PHASES[phase_of((train, test), 1000.0)];
    assert_eq!(name(Some(100), Some(1100)), "grokking");
    assert_eq!(name(Some(100), Some(1099)), "comprehension");
    assert_eq!(name(Some(100), None), "memorisation");
    assert_eq!(name(None, None), "confusion");
}

#[test]
fn answers_and_refusals() {
    let ask = |pairs: &[(&str, Value)]| {
        let args = Args::check("liu", &MODEL.row, pairs.iter().map(|(k, v)| (k.to_string(), v.clone())))?;
        (MODEL.answer)(&args, &Context { samples: Some(2), ..Context::default() })
    };
    let small = [
        ("p", Value::Int(6)),
        ("train", Value::Int(16)),
        ("width", Value::Int(8)),
        ("outputs", Value::Int(4)),
        ("steps", Value::Int(20)),
        ("cells", Value::Int(2)),
    ];
    for (part, charts) in [("effective", 4), ("toy", 3), ("phase", 2)] {
        let given: Vec<_> = small.iter().cloned().chain([("part", Value::Str(part.into()))]).collect();
        let said = ask(&given).unwrap();
        assert_eq!(said.charts.len(), charts, "{part}");
        assert!(!said.quantities.is_empty() && !said.findings.is_empty() && !said.tables.is_empty());
    }
    assert!(ask(&[("train", Value::Int(55))]).unwrap_err().to_string().contains("54"));
}
