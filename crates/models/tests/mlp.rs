//! Parameter counts, domains and hand-computed outputs of the multilayer perceptron.

mod common;

use common::{Net, TRAINING, net, operands, pairs, str, try_net};
use pennydrop_graph::Domain;
use pennydrop_models::{Init, Inputs, Options};
use pennydrop_registry::Value;

const PARITY: Inputs = Inputs { operands: 0, range: 0, features: Some(40), classes: 1 };

fn ints(v: &[i64]) -> Value {
    Value::List(v.iter().map(|i| Value::Int(*i)).collect())
}

/// The cards' counts: prieto-numerical-stability, merrill-two-circuits, weight-norm-clamp, gromov-modular.
#[test]
fn counts_are_the_papers() {
    let off = [("bias_hidden", Value::Bool(false)), ("bias_out", Value::Bool(false))];
    let size = |given: &[(&str, Value)], inputs: &Inputs| net("mlp", given, inputs, Options::default()).model.size();
    assert_eq!(size(&[&off[..], &[("widths", ints(&[200, 200]))]].concat(), &operands(113)), 226 * 200 + 200 * 200 + 200 * 113);
    assert_eq!(size(&[("widths", ints(&[1000])), ("bias_out", Value::Bool(false))], &PARITY), 40 * 1000 + 1000 + 1000);
    assert_eq!(size(&[("inputs", str("embedding"))], &operands(59)), 59 * 128 + 256 * 256 + 256 + 256 * 59 + 59);
    assert_eq!(size(&[&off[..], &[("widths", ints(&[500]))]].concat(), &operands(97)), 194 * 500 + 500 * 97);
}

#[test]
fn each_operand_has_its_own_domain() {
    for inputs in ["onehot", "embedding"] {
        let n = net("mlp", &[("inputs", str(inputs)), ("d_embed", Value::Int(4))], &operands(7), Options::default());
        let by_operand: Vec<Domain> = n.g.nodes.iter().filter(|node| node.shape == [256]).map(|node| node.domain).collect();
        assert!(by_operand.contains(&Domain::coordinate(0)) && by_operand.contains(&Domain::coordinate(1)), "{inputs}: {by_operand:?}");
        assert_eq!(n.domain("layer0.pre"), Domain::SLOT);
    }
}

/// Two quadratic neurons in mean-field scaling: h = (W[a] + W[p + b])/√(2p), f = h²·W₂/2.
#[test]
fn quadratic_mean_field_by_hand() {
    let given = [
        ("widths", ints(&[2])),
        ("activation", str("quadratic")),
        ("scaling", str("mean-field")),
        ("bias_hidden", Value::Bool(false)),
        ("bias_out", Value::Bool(false)),
        ("init", str("unit-normal")),
    ];
    let mut n = net("mlp", &given, &operands(2), Options::default());
    let w = [1.0, -2.0, 0.5, 3.0, 2.0, 0.25, -1.5, 4.0];
    n.set("layer0.W", &w);
    n.set("layer1.W", &[1.0, -1.0, 2.0, 0.5]);
    let got = n.logits(0);
    for (i, (a, b)) in [(0, 0), (0, 1), (1, 0), (1, 1)].into_iter().enumerate() {
        let z = [0, 1].map(|k| (w[2 * a + k] + w[2 * (2 + b) + k]) / 2.0).map(|h| h * h);
        let want = [(z[0] + 2.0 * z[1]) / 2.0, (-z[0] + 0.5 * z[1]) / 2.0];
        assert!((got[2 * i] - want[0]).abs() < 1e-12 && (got[2 * i + 1] - want[1]).abs() < 1e-12, "{got:?} {want:?}");
    }
}

#[test]
fn first_values_follow_their_paper() {
    let of = |word: &str, name: &str| {
        let model = net("mlp", &[("init", str(word)), ("inputs", str("embedding"))], &operands(59), Options::default()).model;
        model.params.iter().find(|p| p.name == name).unwrap().init
    };
    let normal = |v: f64| Init::Normal { std: 1.0 / v.sqrt() };
    let uniform = Init::Uniform { bound: 1.0 / 16.0 };
    assert_eq!([of("torch", "embed.W_E"), of("torch", "layer0.W"), of("torch", "layer1.b")], [normal(1.0), uniform, uniform]);
    assert_eq!(
        [of("normal-fan-in", "embed.W_E"), of("normal-fan-in", "layer1.W"), of("normal-fan-in", "layer0.b")],
        [normal(128.0), normal(256.0), Init::Zeros]
    );
    assert_eq!([of("clamp", "layer0.W"), of("clamp", "layer0.b")], [normal(256.0), Init::Normal { std: 1e-6 }]);
    assert_eq!([of("unit-normal", "layer0.W"), of("he-normal", "layer1.W")], [normal(1.0), normal(256.0).scaled(2f64.sqrt())]);
}

/// With weights 1 the only hidden neuron is 2: dropped, or 2/(1 − q).
#[test]
fn dropout_keeps_the_mean() {
    let given = [("widths", ints(&[1])), ("dropout", Value::Float(0.25)), ("bias_hidden", Value::Bool(false)), ("bias_out", Value::Bool(false))];
    let inputs = Inputs { classes: 1, ..operands(40) };
    let ones = |options| {
        let mut n = net("mlp", &given, &inputs, options);
        n.set("layer0.W", &[1.0; 80]);
        n.set("layer1.W", &[1.0]);
        n
    };
    assert!(ones(Options::default()).logits(3).iter().all(|y| *y == 2.0));
    let y = ones(TRAINING).logits(3);
    assert!(y.iter().all(|y| *y == 0.0 || (y - 2.0 / 0.75).abs() < 1e-12));
    let dropped = y.iter().filter(|y| **y == 0.0).count() as f64 / y.len() as f64;
    // Five standard errors of a share of 1600.
    assert!((dropped - 0.25).abs() < 5.0 * (0.25f64 * 0.75 / 1600.0).sqrt(), "{dropped}");
}

#[test]
fn weight_noise_is_drawn_once_a_step() {
    let given = [("widths", Value::List(vec![])), ("noise_weights", Value::Float(0.5)), ("bias_out", Value::Bool(false))];
    let mut n = net("mlp", &given, &Inputs { classes: 1, ..operands(30) }, TRAINING);
    n.set("layer0.W", &[0.0; 60]);
    let y = n.logits(1);
    // y(a, b) = noise[a] + noise[p + b]: additive, so one draw served all 900 examples.
    assert!((0..900).all(|i| (y[i] - y[i / 30 * 30] - y[i % 30] + y[0]).abs() < 1e-12));
    let columns: Vec<f64> = (0..30).map(|a| y[30 * a]).collect();
    let mean = columns.iter().sum::<f64>() / 30.0;
    let std = (columns.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 29.0).sqrt();
    assert!((0.25..0.8).contains(&std), "{std}");
    assert_ne!(y, n.logits(2));
}

#[test]
fn bad_inputs_are_refused_by_key() {
    let says =
        |word: &str, inputs: &Inputs| try_net("mlp", &[("inputs", str(word))], inputs, Options::default()).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(says("dense", &operands(5)).contains("model.inputs"));
    assert!(says("embedding", &PARITY).contains("model.inputs"));
    assert_eq!(says("auto", &PARITY), "");
    assert_eq!(says("auto", &operands(5)), "");
}

/// The network does not depend on how many examples are asked.
#[test]
fn an_example_alone_has_the_same_output() {
    let n: Net = net("mlp", &[("inputs", str("embedding")), ("activation", str("gelu"))], &operands(6), Options::default());
    let (all, tokens) = (n.logits(0), pairs(6));
    for i in [0, 7, 35] {
        let one = n.run(&[n.model.scored[0].logits], &[vec![tokens[0][i]], vec![tokens[1][i]]], 0).remove(0);
        assert_eq!(one, all[6 * i..6 * i + 6]);
    }
}
