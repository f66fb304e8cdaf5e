//! Parameter counts, domains, positions and hand-computed outputs of the transformer.

mod common;

use common::{TRAINING, net, operands, pairs, str, try_net};
use pennydrop_graph::Domain;
use pennydrop_models::{Init, Inputs, Options, Role, Target, select};
use pennydrop_registry::Value;

const ALL: Options = Options { training: false, all_positions: true };

fn power(p: usize) -> Vec<(&'static str, Value)> {
    vec![
        ("layers", Value::Int(2)),
        ("norm", str("post")),
        ("positions", str("sinusoidal")),
        ("bias_mlp", Value::Bool(false)),
        ("template", str("eos a op b = answer")),
        ("scored", str("answer eos")),
        ("extra_vocab", Value::Int(239 - p as i64 - 3)),
        ("init", str("power")),
    ]
}

/// The cards' counts: nanda-progress-measures, power-grokking and norm-separation.
#[test]
fn counts_are_the_papers() {
    assert_eq!(net("transformer", &[], &operands(113), Options::default()).model.size(), 114 * 128 + 3 * 128 + 4 * 16384 + 2 * 65536 + 512 + 128 + 128 * 114);
    let model = net("transformer", &power(97), &operands(97), Options::default()).model;
    assert_eq!(model.size(), 2 * (49152 + 16384 + 131072 + 512) + 2 * 30592);
    assert_eq!((model.outputs, model.metric_range), (239, 97));
    let encoder = [
        ("norm", str("post")),
        ("final_norm", Value::Bool(true)),
        ("causal", Value::Bool(false)),
        ("activation", str("gelu")),
        ("bias_attn", Value::Bool(true)),
        ("bias_out", Value::Bool(true)),
        ("template", str("a b")),
        ("outputs", str("classes")),
        ("init", str("torch")),
    ];
    assert_eq!(net("transformer", &encoder, &operands(97), Options::default()).model.size(), 223_713);
    let bare = net("transformer", &[("d_mlp", Value::Int(0)), ("norm", str("pre")), ("norm_affine", Value::Bool(false))], &operands(113), Options::default());
    assert_eq!(bare.model.size(), 114 * 128 + 3 * 128 + 4 * 16384 + 128 * 114);
}

#[test]
fn names_and_shapes_are_the_documented_ones() {
    let given = [
        ("bias_attn", Value::Bool(true)),
        ("bias_out", Value::Bool(true)),
        ("norm", str("pre")),
        ("final_norm", Value::Bool(true)),
        ("d_model", Value::Int(8)),
        ("d_mlp", Value::Int(5)),
    ];
    let model = net("transformer", &given, &operands(7), Options::default()).model;
    let listed: Vec<String> = model.params.iter().map(|p| format!("{} {:?}", p.name, p.shape)).collect();
    assert_eq!(
        listed.join("; "),
        "embed.W_E [8, 8]; embed.W_pos [3, 8]; block0.attn.W_Q [4, 8, 2]; block0.attn.W_K [4, 8, 2]; block0.attn.W_V [4, 8, 2]; block0.attn.b_Q [4, 2]; \
         block0.attn.b_K [4, 2]; block0.attn.b_V [4, 2]; block0.attn.W_O [4, 2, 8]; block0.attn.b_O [8]; block0.mlp.W_in [8, 5]; block0.mlp.b_in [5]; \
         block0.mlp.W_out [5, 8]; block0.mlp.b_out [8]; block0.ln1.gain [8]; block0.ln1.bias [8]; block0.ln2.gain [8]; block0.ln2.bias [8]; final.gain [8]; \
         final.bias [8]; unembed.W_U [8, 8]; unembed.b_U [8]"
    );
    for p in &model.params {
        assert_eq!((p.role == Role::Gain, p.role == Role::Bias), (p.name.ends_with("gain"), p.name.contains("bias") || p.name.contains(".b_")), "{}", p.name);
    }
}

/// Spreads of the table in `init`, d = 128, h = 512, V = 114.
#[test]
fn first_values_follow_their_paper() {
    let of = |word: &str, name: &str| {
        let model =
            net("transformer", &[("init", str(word)), ("bias_attn", Value::Bool(true)), ("norm", str("pre"))], &operands(113), Options::default()).model;
        model.params.iter().find(|p| p.name == name).unwrap().init
    };
    let normal = |v: f64| Init::Normal { std: 1.0 / v.sqrt() };
    let uniform = |v: f64| Init::Uniform { bound: 1.0 / v.sqrt() };
    assert_eq!([of("nanda", "embed.W_E"), of("nanda", "block0.mlp.W_out"), of("nanda", "unembed.W_U")], [normal(128.0), normal(128.0), normal(114.0)]);
    assert_eq!([of("power", "embed.W_E"), of("power", "block0.attn.W_Q"), of("power", "block0.mlp.W_out")], [normal(1.0), uniform(128.0), uniform(512.0)]);
    assert_eq!([of("torch", "block0.attn.W_V"), of("torch", "block0.attn.W_O")], [Init::Uniform { bound: (6.0 / 512.0f64).sqrt() }, uniform(128.0)]);
    assert_eq!([of("torch", "block0.attn.b_Q"), of("torch", "block0.mlp.b_out")], [Init::Zeros, uniform(512.0)]);
    assert_eq!([of("clamp", "embed.W_pos"), of("clamp", "block0.mlp.W_out")], [normal(128.0).scaled(0.1), normal(512.0)]);
    assert_eq!(
        [of("nanda", "block0.mlp.b_in"), of("power", "block0.ln1.gain"), of("normal-fan-in", "block0.ln1.bias")],
        [Init::Zeros, Init::Ones, Init::Zeros]
    );
    let scaled = net("transformer", &[("init_scale", Value::Float(8.0))], &operands(113), Options::default()).model;
    assert_eq!(scaled.params[0].init, normal(128.0).scaled(8.0));
    // A file replaces the values; until then they are the default's.
    assert_eq!(of("w.safetensors", "embed.W_E"), of("nanda", "embed.W_E"));
}

#[test]
fn tensors_live_on_the_operands_they_depend_on() {
    let n = net("transformer", &[("d_model", Value::Int(8))], &operands(7), Options::default());
    let (a, b) = (Domain::coordinate(0), Domain::coordinate(1));
    assert_eq!([n.domain("block0.attn.k@0"), n.domain("block0.attn.v@0"), n.domain("block0.attn.k@1"), n.domain("block0.attn.v@1")], [a, a, b, b]);
    assert_eq!([n.domain("block0.attn.k@2"), n.domain("block0.attn.v@2"), n.domain("block0.attn.q@2")], [Domain::UNIT; 3]);
    assert_eq!([n.domain("block0.attn.weight@2,0"), n.domain("logits@2")], [Domain::SLOT; 2]);
    assert_eq!((n.activation("block0.attn.q@0"), n.activation("logits@1")), (None, None), "nobody reads the operands' positions");

    // Two causal layers: `op` has seen a alone, and the second layer has one query.
    let n = net("transformer", &[("layers", Value::Int(2)), ("template", str("a op b =")), ("d_model", Value::Int(8))], &operands(7), Options::default());
    assert_eq!([n.domain("block0.out@0"), n.domain("block0.out@1"), n.domain("block0.out@2"), n.domain("block1.attn.k@1")], [a, a, Domain::SLOT, a]);
    assert_eq!((n.activation("block1.attn.q@2"), n.activation("block1.out@2")), (None, None));
}

#[test]
fn a_fed_answer_is_a_coordinate_that_its_own_prediction_does_not_see() {
    let n = net("transformer", &power(7), &operands(7), Options::default());
    assert!(n.model.reads_answer);
    assert_eq!((n.g.coordinates.len(), n.g.coordinates[2].name.as_str()), (3, "answer"));
    assert_eq!(n.model.scored.iter().map(|s| s.target).collect::<Vec<_>>(), [Target::Answer, Target::Special(7)]);
    let both = Domain::coordinate(0).join(Domain::coordinate(1));
    assert_eq!((n.g.domain(n.model.scored[0].logits), n.g.domain(n.model.scored[1].logits)), (both, Domain::SLOT));
    // Where only the answer is scored, nothing needs it as an input.
    let mut given = power(7);
    given[5] = ("scored", str("answer"));
    let n = net("transformer", &given, &operands(7), Options::default());
    assert_eq!((n.model.reads_answer, n.g.coordinates.len(), n.model.scored.len()), (false, 2, 1));
}

#[test]
fn unread_positions_change_no_bit_of_the_scored_ones() {
    for given in [
        power(5),
        vec![
            ("template", str("a op b =")),
            ("layers", Value::Int(2)),
            ("dropout", Value::Float(0.2)),
            ("dropout_at", str("all")),
            ("noise_weights", Value::Float(0.1)),
        ],
    ] {
        let given: Vec<_> = given.into_iter().chain([("d_model", Value::Int(8)), ("d_mlp", Value::Int(12))]).collect();
        let few = net("transformer", &given, &operands(5), TRAINING);
        let all = net("transformer", &given, &operands(5), Options { all_positions: true, ..TRAINING });
        let mut tokens = pairs(5);
        tokens.push((0..25).map(|i| i % 5).collect());
        tokens.truncate(few.g.coordinates.len());
        let scored = |n: &common::Net| n.run(&n.model.scored.iter().map(|s| s.logits).collect::<Vec<_>>(), &tokens, 9);
        assert_eq!(scored(&few), scored(&all));
        assert_eq!(few.model.unread.len(), 0);
        assert_eq!(
            all.model.unread.len() + all.model.scored.len(),
            given.iter().find(|(k, _)| *k == "template").map_or(0, |(_, v)| v.to_string().split_whitespace().count())
        );
        assert_ne!(few.g.nodes.len(), all.g.nodes.len());
    }
}

#[test]
fn row_domains_change_no_value() {
    for given in [power(5), vec![("causal", Value::Bool(false)), ("layers", Value::Int(2)), ("tied", Value::Bool(true)), ("outputs", str("classes"))]] {
        let given: Vec<_> = given.into_iter().chain([("d_model", Value::Int(8)), ("d_mlp", Value::Int(12))]).collect();
        let n = net("transformer", &given, &operands(5), ALL);
        let mut tokens = pairs(5);
        tokens.push((0..25).map(|i| i % 5).collect());
        tokens.truncate(n.g.coordinates.len());
        let args =
            pennydrop_registry::Args::check("model", pennydrop_models::find("transformer").unwrap(), given.iter().map(|(k, v)| (k.to_string(), v.clone())))
                .unwrap();
        let mut g = common::graph(&operands(5));
        g.flat = true;
        let model = pennydrop_models::build(&mut g, &args, &operands(5), ALL).unwrap();
        let flat = common::Net { g, model, values: n.values.clone() };
        let outputs = |n: &common::Net| n.run(&n.model.scored.iter().map(|s| s.logits).chain(n.model.unread.iter().copied()).collect::<Vec<_>>(), &tokens, 0);
        assert_eq!(outputs(&n), outputs(&flat));
    }
}

/// One head of width 1 and an attention-only layer: everything is a scalar.
#[test]
fn one_scalar_head_by_hand() {
    let mut n = net(
        "transformer",
        &[("d_model", Value::Int(1)), ("heads", Value::Int(1)), ("d_mlp", Value::Int(0)), ("outputs", str("classes"))],
        &operands(2),
        Options::default(),
    );
    let (e, pos, q, k, v, o, u) = ([0.5, -1.0, 2.0], [0.1, 0.2, -0.3], 1.5, -0.7, 0.9, 1.1, [2.0, -3.0]);
    n.set("embed.W_E", &e);
    n.set("embed.W_pos", &pos);
    for (name, x) in [("Q", q), ("K", k), ("V", v), ("O", o)] {
        n.set(&format!("block0.attn.W_{name}"), &[x]);
    }
    n.set("unembed.W_U", &u);
    let got = n.logits(0);
    for (i, (a, b)) in [(0, 0), (0, 1), (1, 0), (1, 1)].into_iter().enumerate() {
        let x = [e[a] + pos[0], e[b] + pos[1], e[2] + pos[2]];
        let w = x.map(|x_s| libm::exp(x[2] * q * x_s * k));
        let mixed = (0..3).map(|s| w[s] * x[s] * v).sum::<f64>() / w.iter().sum::<f64>();
        for c in 0..2 {
            let want = (x[2] + mixed * o) * u[c];
            assert!((got[2 * i + c] - want).abs() < 1e-12, "{got:?} {want}");
        }
    }
}

#[test]
fn noise_is_for_training_only() {
    let given = [("dropout", Value::Float(0.5)), ("dropout_at", str("all")), ("noise_weights", Value::Float(0.1)), ("d_model", Value::Int(8))];
    let train = net("transformer", &given, &operands(5), TRAINING);
    let still = net("transformer", &given, &operands(5), Options::default());
    assert_eq!(still.logits(1), still.logits(2));
    assert_eq!(still.logits(1), net("transformer", &[("d_model", Value::Int(8))], &operands(5), Options::default()).logits(1));
    assert_ne!(train.logits(1), train.logits(2));
    assert_eq!(train.logits(1), train.logits(1));
}

#[test]
fn groups_select_tensors() {
    let model = net("transformer", &[("norm", str("pre")), ("d_model", Value::Int(8))], &operands(5), Options::default()).model;
    let chosen = |words: &[&str]| -> Vec<&str> {
        let on = select("optim.decay_on", words, &model.params).unwrap();
        model.params.iter().zip(on).filter(|(_, on)| *on).map(|(p, _)| p.name.as_str()).collect()
    };
    assert_eq!(chosen(&["all"]).len(), model.params.len());
    assert_eq!(chosen(&["embedding", "unembed.W_U"]), ["embed.W_E", "unembed.W_U"]);
    assert!(chosen(&["weights"]).iter().all(|n| n.contains("W_")) && chosen(&["weights"]).len() == 9);
    assert_eq!(chosen(&["gain"]), ["block0.ln1.gain", "block0.ln2.gain"]);
    assert_eq!(chosen(&[]), [""; 0]);
    let e = select("optim.decay_on", &["matrx"], &model.params).unwrap_err().to_string();
    assert!(e.contains("optim.decay_on") && e.contains("did you mean `matrix`"), "{e}");
}

#[test]
fn bad_values_are_refused_by_key() {
    let says =
        |given: &[(&str, Value)], inputs: &Inputs| try_net("transformer", given, inputs, Options::default()).err().map(|e| e.to_string()).unwrap_or_default();
    let e = says(&[("heads", Value::Int(5)), ("d_model", Value::Int(12))], &operands(5));
    assert!(e.contains("model.heads") && e.contains("1, 2, 3, 4, 6, 12"), "{e}");
    let e = says(&[("init", str("nandaa"))], &operands(5));
    assert!(e.contains("model.init") && e.contains("did you mean `nanda`"), "{e}");
    let e = says(&[("causal", Value::Bool(false)), ("template", str("a b = answer"))], &operands(5));
    assert!(e.contains("model.causal"), "{e}");
    let e = says(&[("outputs", str("classes")), ("template", str("a b = answer")), ("scored", str("answer eos"))], &operands(5));
    assert!(e.contains("model.outputs"), "{e}");
    let e = says(&[], &Inputs { operands: 0, range: 0, features: Some(40), classes: 1 });
    assert!(e.contains("mlp"), "{e}");
    assert!(pennydrop_models::find("transformr").unwrap_err().to_string().contains("did you mean `transformer`"));
}
