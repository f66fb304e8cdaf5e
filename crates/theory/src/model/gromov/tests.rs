use super::*;
use crate::answer::Simulated;
use crate::numeric::mean;
use network::{Measured, measure};
use pennydrop_graph::cpu::{Inputs as Given, Program, Sequential};
use pennydrop_graph::feed::Feed;
use pennydrop_graph::ir::Coordinate;
use pennydrop_graph::{Domain, Graph};
use pennydrop_models::{Inputs, Options};
use pennydrop_registry::Value;

fn networks(operation: Operation, p: usize, width: usize, draws: usize) -> Vec<Measured> {
    let c = Construction::new(operation, p).unwrap();
    (0..draws).map(|i| measure(&c, &Network::new(&c, width, &mut Draws::new(11, LANES[0], i as u64)))).collect()
}

fn accuracy(measured: &[Measured]) -> Simulated {
    mean(&measured.iter().map(Measured::accuracy).collect::<Vec<_>>())
}

#[test]
fn accuracy_over_all_pairs_is_that_of_the_card() {
    // Card: three draws. At N = 50 a draw scatters by .015–.02 (numpy, six draws): four standard errors of two means.
    for (p, width, card, tolerance) in [
        (97, 50, 0.88, 0.055),
        (59, 50, 0.912, 0.055),
        (23, 50, 0.958, 0.055),
        (97, 100, 0.997, 0.005),
        (59, 100, 0.9975, 0.005),
        (23, 100, 1.0, 0.005),
        (97, 200, 1.0, 2e-4),
        (59, 200, 1.0, 2e-4),
        (23, 200, 1.0, 2e-4),
    ] {
        let found = accuracy(&networks(Operation::Add, p, width, 3)).estimate;
        assert!((found - card).abs() < tolerance, "p = {p}, N = {width}: {found} for {card}");
    }
}

#[test]
fn the_derived_accuracy_is_that_of_networks() {
    for (p, width, tolerance) in [(23, 50, 0.025), (59, 50, 0.04), (97, 50, 0.03), (97, 100, 0.003), (23, 25, 0.05)] {
        let found = accuracy(&networks(Operation::Add, p, width, 6)).estimate;
        let c = Construction::new(Operation::Add, p).unwrap();
        let said = closed::Prediction::new(&c, width);
        assert!((said.accuracy.unwrap() - found).abs() < tolerance, "p = {p}, N = {width}: {said:?} for {found}");
        assert!(said.bound.unwrap() <= said.accuracy.unwrap() && said.gaussian.unwrap() < said.accuracy.unwrap());
        assert!(found > said.bound.unwrap() - 0.002, "the bound holds: {found} {said:?}");
    }
    assert_eq!(closed::Prediction::new(&Construction::new(Operation::Add, 97).unwrap(), 25).accuracy, None, "not with fewer neurons than frequencies");
}

#[test]
fn moments_are_exact() {
    // N·mse: card 4.1 (all widths and moduli). Peak variances scatter by some 3 % a draw.
    for (p, width) in [(97, 96), (97, 200), (23, 50)] {
        let found = networks(Operation::Add, p, width, 8);
        let of = |f: fn(&Measured) -> f64| mean(&found.iter().map(f).collect::<Vec<_>>());
        let error = |s: Simulated| (s.high - s.low) / (2.0 * 1.96);
        for (name, s, closed) in [
            ("mse", of(|m| m.mse), closed::mean_squared_error(p, width)),
            ("peak", of(|m| m.peak), 1.0),
            ("variance", of(|m| m.peak_variance), closed::interference_variance(p, width, 0)),
        ] {
            assert!((s.estimate - closed).abs() < 4.5 * error(s) + 1e-12, "{name} at p = {p}, N = {width}: {s:?} for {closed}");
        }
        assert!((closed::mean_squared_error(p, width) * width as f64 - 4.1).abs() < 0.15);
    }
    assert!((closed::interference_variance(97, 96, 0) * 96.0 - 4.25).abs() < 1e-12);
    assert!((closed::mean_output(97, 96, 5) + 1.0 / 96.0).abs() < 1e-12 && (closed::mean_output(97, 96, 0) - 1.0).abs() < 1e-12);
}

#[test]
fn the_saddlepoint_is_the_tail_of_the_difference() {
    // Direct draws of the sum of independent neurons behind one rival at distance 1.
    let (p, width, draws) = (23, 22, 60_000);
    let mut d = Draws::new(2, 0x77, 0);
    let mut hits = 0;
    for _ in 0..draws {
        let mut sum = 0.0;
        for k in 0..width {
            let theta = std::f64::consts::TAU * (1 + k % 11) as f64 / p as f64;
            let (s, e) = (std::f64::consts::TAU * d.uniform(), std::f64::consts::TAU * d.uniform());
            sum += (1.0 + libm::cos(s)) * (1.0 + libm::cos(e)) * (libm::cos(s) - libm::cos(s + theta));
        }
        hits += usize::from(sum < 0.0);
    }
    let (found, said) = (hits as f64 / draws as f64, closed::rival_wins(p, width));
    // Four standard errors and the 2 % that the formula itself may be off at so few neurons.
    assert!((found - said).abs() < 4.0 * libm::sqrt(found / draws as f64) + 0.02 * found, "{found} {said}");
}

#[test]
fn other_operations_are_relabelled_addition() {
    for operation in [Operation::Subtract, Operation::Squares, Operation::Product] {
        let m = &networks(operation, 31, 300, 1)[0];
        assert_eq!(m.right, m.pairs, "{operation:?}");
        assert_eq!(m.pairs, if operation == Operation::Product { 900 } else { 961 });
    }
    // One root: of 31 sums 16 are the root that was chosen; the others land on a rival, rarely by chance on the right class.
    let one = networks(Operation::SquareOfSum, 31, 600, 1)[0].accuracy();
    assert!((16.0 / 31.0 - 1e-9..16.0 / 31.0 + 0.08).contains(&one), "{one}");
    assert_eq!(closed::limit(&Construction::new(Operation::SquareOfSum, 31).unwrap()), 16.0 / 31.0);
    assert!(networks(Operation::SquareOfSumBoth, 31, 600, 1)[0].accuracy() > 0.999);
    assert!(Construction::new(Operation::Product, 33).is_none());
}

#[test]
fn one_frequency_a_neuron_and_many_in_noise() {
    let c = Construction::new(Operation::Squares, 31).unwrap();
    assert_eq!(c.frequency(0), c.frequency(15));
    let c = Construction::new(Operation::Add, 97).unwrap();
    assert!((Network::new(&c, 60, &mut Draws::new(0, LANES[0], 0)).participation(&c) - 1.0).abs() < 1e-9);
    let random: Vec<f64> = (0..20).map(|i| network::participation_of_random(97, 100, &mut Draws::new(0, LANES[1], i))).collect();
    let s = mean(&random);
    let closed = closed::participation_of_random(97);
    assert!((s.estimate - closed).abs() < 4.0 * (s.high - s.low) / 3.92, "{s:?} {closed}");
    assert!((closed - 4.0 / 97.0).abs() < 0.002);
}

#[test]
fn random_features_stay_below_chance() {
    // Card: p = 31, N = 2000, ridge 1e-6, 1e-2, 1: train 1.0; test .008/.006/.000 at α = .5, .005/.005/.000 at α = .8 (chance .032).
    let (p, pairs) = (31, 961);
    let gram = lazy::random_gram(p, 2000, &mut Draws::new(5, LANES[2], 0));
    let limit = lazy::limit_gram(p);
    // The limit is the mean of the random kernel: a fourth moment, whose entries scatter by some 10 % at 2000 features.
    let off = gram.iter().zip(&limit).map(|(a, b)| a / b - 1.0).sum::<f64>() / gram.len() as f64;
    assert!(off.abs() < 0.03, "{off}");
    for (alpha, card) in [(0.5, 0.008), (0.8, 0.005)] {
        let n = (alpha * pairs as f64) as usize;
        let order = Draws::new(5, LANES[3], n as u64).permutation(pairs);
        for ridge in [1e-6, 1e-2, 1.0] {
            let t = lazy::trial(p, &gram, &limit, &order, n, ridge).unwrap();
            let (train, test) = (t.train.1 as f64 / t.train.0 as f64, t.test.1 as f64 / t.test.0 as f64);
            assert!(train > 0.99, "α = {alpha}, ridge {ridge}: {train}");
            // Four binomial standard errors above the card's value: still below chance at half the pairs.
            assert!(test <= card + 4.0 * libm::sqrt(card / t.test.0 as f64), "α = {alpha}, ridge {ridge}: {test}");
            assert_eq!(t.limit_test.1, 0, "with infinitely many features never");
        }
    }
}

/// The value of a key in the preset's text, or `None`.
fn preset(key: &str) -> Option<&'static str> {
    let text = include_str!("../../../../../presets/gromov.toml");
    let line = text.lines().find(|l| l.split('=').next().is_some_and(|k| k.trim() == key))?;
    line.split_once('=')?.1.split('#').next().map(str::trim)
}

#[test]
fn the_presets_network_computes_with_these_tensors() {
    // What the layout depends on; the preset must still say so.
    let said = ["p", "inputs", "widths", "activation", "bias_hidden", "bias_out", "scaling"].map(|k| preset(k).unwrap());
    assert_eq!(said, ["97", "\"onehot\"", "[500]", "\"quadratic\"", "false", "false", "\"standard\""]);
    let (p, width) = (97, 500);
    let given = [
        ("inputs", Value::Str("onehot".into())),
        ("widths", Value::List(vec![Value::Int(width as i64)])),
        ("activation", Value::Str("quadratic".into())),
        ("bias_hidden", Value::Bool(false)),
        ("bias_out", Value::Bool(false)),
        ("scaling", Value::Str("standard".into())),
    ];
    let args = Args::check("model", pennydrop_models::find("mlp").unwrap(), given.map(|(k, v)| (k.to_string(), v))).unwrap();
    let mut g = Graph::new(["a", "b"].map(|name| Coordinate { name: name.into(), range: p }).into());
    let model = pennydrop_models::build(&mut g, &args, &Inputs { operands: 2, range: p, features: None, classes: p }, Options::default()).unwrap();
    let tensors = tensors(Operation::Add, p, width, 3).unwrap();
    assert_eq!(
        model.params.iter().map(|q| (q.name.clone(), q.shape.clone())).collect::<Vec<_>>(),
        tensors.iter().map(|t| (t.0.clone(), t.1.clone())).collect::<Vec<_>>()
    );
    let logits = g.lift(Domain::SLOT, model.scored[0].logits);
    let program: Program<f32> = Program::compile(&g, &[], &[logits], p * p, true);
    let mut states: Vec<Vec<f32>> = tensors.into_iter().map(|t| t.2).collect();
    let mut feed = Feed::new(&g, p * p);
    feed.set(|b| {
        b.rows = p * p;
        b.tokens = vec![(0..p * p).map(|i| (i / p) as u32).collect(), (0..p * p).map(|i| (i % p) as u32).collect()];
    });
    let mut memory = program.memory();
    program.run(&mut memory, &mut states, &feed, Given { scalars: &[], seed: 0, step: 0 }, &Sequential);
    let out = program.output(&memory, &feed, 0);
    let best = |row: &[f32]| (0..p).fold(0, |b, q| if row[q] > row[b] { q } else { b });
    let right = out.chunks(p).enumerate().filter(|(i, row)| best(row) == (i / p + i % p) % p).count();
    assert_eq!(right, p * p, "100 % at N = 500");
}

#[test]
fn answers_and_refusals() {
    let ask = |pairs: &[(&str, Value)]| {
        let args = Args::check("gromov", &MODEL.row, pairs.iter().map(|(k, v)| (k.to_string(), v.clone())))?;
        (MODEL.answer)(&args, &Context { samples: Some(2), ..Context::default() })
    };
    let small = [("p", Value::Int(23)), ("width", Value::Int(60)), ("lazy_p", Value::Int(11)), ("features", Value::Int(200))];
    let said = ask(&small).unwrap();
    assert_eq!(said.charts.len(), 4);
    assert!(said.quantities.iter().any(|q| q.name == "accuracy" && q.closed_form().is_some() && q.simulated.is_some()));
    let same = ask(&small).unwrap();
    assert_eq!(said.quantities.iter().map(|q| q.simulated).collect::<Vec<_>>(), same.quantities.iter().map(|q| q.simulated).collect::<Vec<_>>());
    for (key, value) in [("p", Value::Int(24)), ("lazy_p", Value::Int(10)), ("fraction", Value::Float(0.995))] {
        assert!(ask(&[(key, value)]).is_err(), "{key}");
    }
    let error = ask(&[("p", Value::Int(33)), ("operation", Value::Str("product".into()))]).unwrap_err();
    assert!(error.to_string().contains("prime"), "{error}");
}
