//! Every rule against scalar loops that follow PyTorch's documentation and share no code with the crate.

use pennydrop_graph::feed::Feed;
use pennydrop_graph::ir::{Draw, Unary};
use pennydrop_graph::reference::{Reading, evaluate};
use pennydrop_graph::rng::{Purpose, Stream};
use pennydrop_graph::{Domain, Graph, Id};
use pennydrop_optim::{ParamIn, build, find, scalars, toward_init};
use pennydrop_registry::{Args, Value};

/// Two tensors, `[3]` and `[2, 2]`, under f = Σ cos(3w) + Σ w²/2 (gradient −3 sin(3w) + w): enough to make signs change.
const FIRST: [&[f64]; 2] = [&[0.5, -1.25, 2.0], &[0.0, 0.75, -0.3, 1.5]];
const STEPS: u64 = 40;

fn gradient(w: f64) -> f64 {
    w - 3.0 * libm::sin(3.0 * w)
}

fn args(name: &str, given: &[(&str, Value)]) -> Args {
    Args::check("optim", find(name).unwrap(), given.iter().map(|(k, v)| (k.to_string(), v.clone()))).unwrap()
}

fn f(x: f64) -> Value {
    Value::Float(x)
}

fn w(s: &str) -> Value {
    Value::Str(s.into())
}

/// Parameters after each of [`STEPS`] steps of the graph. The second tensor decays only where `both` says so.
fn by_graph(args: &Args, both: bool) -> Vec<Vec<f64>> {
    let mut g = Graph::new(vec![]);
    let mut params = Vec::new();
    for (i, (name, shape)) in [("first", vec![3]), ("second", vec![2, 2])].into_iter().enumerate() {
        let node = g.state(name, &shape);
        let three = g.scale(node, 3.0);
        let wave = g.unary(Unary::Sin, three);
        let wave = g.scale(wave, 3.0);
        let grad = g.sub(node, wave);
        let initial = toward_init(args).then(|| g.constant(FIRST[i], &shape));
        params.push(ParamIn { name: name.into(), state: i, node, grad, decays: i == 0 || both, initial });
    }
    let built = build(&mut g, args, &params).unwrap();
    let outputs: Vec<Id> = built.updates.iter().map(|(_, id)| *id).collect();
    let mut states: Vec<Vec<f64>> = g.states.iter().map(|s| vec![0.0; s.shape.iter().product()]).collect();
    for (i, first) in FIRST.iter().enumerate() {
        states[i] = first.to_vec();
    }
    // Every state is a parameter or a moment, and each is updated once.
    let mut updated: Vec<usize> = built.updates.iter().map(|(s, _)| *s).collect();
    updated.sort_unstable();
    assert_eq!(updated, (0..g.states.len()).collect::<Vec<_>>());
    assert_eq!(built.moments, (2..g.states.len()).collect::<Vec<_>>());
    let feed = Feed::new(&g, 0);
    let mut values = vec![f64::NAN; g.scalars.len()];
    (0..STEPS)
        .map(|step| {
            scalars(args, &g.scalars, step, STEPS, &mut values);
            assert!(values.iter().all(|v| v.is_finite()), "{:?} {values:?}", g.scalars);
            let reading = Reading { states: states.iter().map(Vec::as_slice).collect(), scalars: values.clone(), seed: 3, step };
            let new = evaluate(&g, &feed, &reading, &outputs);
            for ((state, _), value) in built.updates.iter().zip(new) {
                states[*state] = value;
            }
            [states[0].clone(), states[1].clone()].concat()
        })
        .collect()
}

/// The same by a loop: `rule(t, i, p, g, kept)` returns the new value of entry `i` (0–2 first tensor, 3–6 second), t from 0; `kept` is its memory.
fn by_loop(mut rule: impl FnMut(u64, usize, f64, f64, &mut [f64; 2]) -> f64, clip: f64) -> Vec<Vec<f64>> {
    let mut p = FIRST.concat();
    let mut kept = vec![[0.0; 2]; p.len()];
    (0..STEPS)
        .map(|t| {
            let mut g: Vec<f64> = p.iter().map(|x| gradient(*x)).collect();
            if clip > 0.0 {
                let norm = g.iter().map(|x| x * x).sum::<f64>().sqrt();
                g.iter_mut().for_each(|x| *x *= (clip / (norm + 1e-6)).min(1.0));
            }
            for i in 0..p.len() {
                p[i] = rule(t, i, p[i], g[i], &mut kept[i]);
            }
            p.clone()
        })
        .collect()
}

fn same(name: &str, got: Vec<Vec<f64>>, want: Vec<Vec<f64>>) {
    for (t, (x, y)) in got.iter().zip(&want).enumerate() {
        for (a, b) in x.iter().zip(y) {
            assert!((a - b).abs() <= 1e-10 * b.abs().max(1.0), "{name}, step {t}: {x:?} instead of {y:?}");
        }
    }
    assert!(want[0] != want[STEPS as usize - 1]);
}

/// Adam's subtracted step, from PyTorch's documentation, t from 1.
fn adam(t: u64, g: f64, kept: &mut [f64; 2], lr: f64, (b1, b2, eps): (f64, f64, f64)) -> f64 {
    kept[0] = b1 * kept[0] + (1.0 - b1) * g;
    kept[1] = b2 * kept[1] + (1.0 - b2) * g * g;
    let power = |b: f64| (0..t).fold(1.0, |x, _| x * b);
    let (m, v) = (kept[0] / (1.0 - power(b1)), kept[1] / (1.0 - power(b2)));
    lr * m / (v.sqrt() + eps)
}

#[test]
fn plain_descent_and_its_decays() {
    let base = [("lr", f(0.05)), ("weight_decay", f(0.3))];
    for decay in ["coupled", "before", "after"] {
        let a = args("sgd", &[&base[..], &[("decay", w(decay))]].concat());
        let rule = |_, i, p: f64, g: f64, _: &mut [f64; 2]| {
            let wd = if i < 3 { 0.3 } else { 0.0 };
            match decay {
                "coupled" => p - 0.05 * (g + wd * p),
                "before" => p * (1.0 - 0.05 * wd) - 0.05 * g,
                _ => (p - 0.05 * g) * (1.0 - 0.05 * wd),
            }
        };
        same(decay, by_graph(&a, false), by_loop(rule, 0.0));
    }
}

#[test]
fn momentum_nesterov_and_clipping() {
    for nesterov in [false, true] {
        let given = [("lr", f(0.02)), ("momentum", f(0.9)), ("nesterov", Value::Bool(nesterov)), ("weight_decay", f(0.1)), ("clip", f(1.5))];
        let rule = |_, _, p: f64, g: f64, kept: &mut [f64; 2]| {
            let g = g + 0.1 * p;
            kept[0] = 0.9 * kept[0] + g;
            p - 0.02 * if nesterov { g + 0.9 * kept[0] } else { kept[0] }
        };
        same("momentum", by_graph(&args("sgd", &given), true), by_loop(rule, 1.5));
    }
}

#[test]
fn adam_with_coupled_decay() {
    let given = [("lr", f(0.03)), ("beta1", f(0.8)), ("beta2", f(0.95)), ("eps", f(1e-3)), ("weight_decay", f(0.2))];
    let rule = |t, i, p: f64, g: f64, kept: &mut [f64; 2]| p - adam(t + 1, g + if i < 3 { 0.2 * p } else { 0.0 }, kept, 0.03, (0.8, 0.95, 1e-3));
    same("adam", by_graph(&args("adam", &given), false), by_loop(rule, 0.0));
}

#[test]
fn adamw_before_after_toward_and_warm_up() {
    for decay in ["before", "after"] {
        for toward in ["zero", "init"] {
            for from in [0, 1] {
                let given = [
                    ("lr", f(0.03)),
                    ("beta2", f(0.98)),
                    ("weight_decay", f(2.0)),
                    ("decay", w(decay)),
                    ("toward", w(toward)),
                    ("warmup", Value::Int(10)),
                    ("warmup_from", Value::Int(from)),
                ];
                let first = FIRST.concat();
                let rule = |t: u64, i: usize, p: f64, g: f64, kept: &mut [f64; 2]| {
                    let lr = 0.03 * ((t + from as u64) as f64 / 10.0).min(1.0);
                    let wd = if i < 3 { 2.0 } else { 0.0 };
                    let decayed = |x: f64| x - lr * wd * (x - if toward == "init" { first[i] } else { 0.0 });
                    let move_by = adam(t + 1, g, kept, lr, (0.9, 0.98, 1e-8));
                    if decay == "before" { decayed(p) - move_by } else { decayed(p - move_by) }
                };
                let got = by_graph(&args("adamw", &given), false);
                assert_eq!(got[0] == first, from == 0, "only warm-up from 0 stands still at the first step");
                same(&format!("{decay} {toward} {from}"), got, by_loop(rule, 0.0));
            }
        }
    }
}

#[test]
fn noise_has_its_place_and_spread() {
    // With rate 1, no gradient worth mentioning beside the noise, and no memory, a step of descent is minus the noise.
    let noise = |key: &str| {
        let a = args("sgd", &[("lr", f(1e3)), (key, f(1e-3))]);
        let b = args("sgd", &[("lr", f(1e3))]);
        let (x, y) = (by_graph(&a, true).remove(0), by_graph(&b, true).remove(0));
        x.iter().zip(y).map(|(x, y)| y - x).collect::<Vec<f64>>()
    };
    let (on_gradient, on_update) = (noise("noise_grad"), noise("noise_update"));
    assert_ne!(on_gradient, on_update, "each site has its own draws");
    // The lanes are part of every run's bits: tensor i draws from 0x8_0000 + 2i for gradients, one above for updates.
    for (got, odd) in [(&on_gradient, 0), (&on_update, 1)] {
        let want = |i: usize| {
            if i < 3 {
                Stream::new(3, Purpose::Noise, 0x8_0000 + odd, 0).normal(i as u64)
            } else {
                Stream::new(3, Purpose::Noise, 0x8_0002 + odd, 0).normal(i as u64 - 3)
            }
        };
        assert!(got.iter().enumerate().all(|(i, x)| (x - want(i)).abs() < 1e-9), "{got:?}");
    }
    // Adam divides the gradient's noise away and keeps the update's (Power et al.: lr/(1 − β₁ᵗ) times it).
    let a = args("adam", &[("lr", f(0.1)), ("noise_update", f(0.5))]);
    let b = args("adam", &[("lr", f(0.1))]);
    let (x, y) = (by_graph(&a, true).remove(0), by_graph(&b, true).remove(0));
    for i in 0..3 {
        let want = 0.1 / (1.0 - 0.9) * 0.5 * Stream::new(3, Purpose::Noise, 0x8_0001, 0).normal(i as u64);
        assert!((y[i] - x[i] - want).abs() < 1e-12, "{x:?} {y:?}");
    }
}

#[test]
fn numbers_are_scalars_and_zeros_switch_off() {
    let program = |name: &str, given: &[(&str, Value)]| {
        let mut g = Graph::new(vec![]);
        let node = g.state("w", &[2]);
        let grad = g.random(Draw::Normal, 0, &[2], Domain::UNIT);
        build(&mut g, &args(name, given), &[ParamIn { name: "w".into(), state: 0, node, grad, decays: true, initial: None }]).unwrap();
        (g.nodes, g.scalars)
    };
    let all =
        [("lr", f(0.5)), ("beta1", f(0.1)), ("beta2", f(0.2)), ("eps", f(1.0)), ("weight_decay", f(3.0)), ("warmup", Value::Int(7)), ("schedule", w("cosine"))];
    assert_eq!(program("adamw", &all), program("adamw", &[("weight_decay", f(0.0))]), "one program for every value");
    assert!(program("sgd", &[("clip", f(1.0))]).0.len() > program("sgd", &[]).0.len());
    let names = program("adam", &[]).1;
    for key in ["lr_corrected", "root_correction", "beta1", "one_minus_beta1", "beta2", "one_minus_beta2", "eps", "weight_decay"] {
        assert!(names.contains(&format!("optim.{key}")), "{names:?}");
    }
}

#[test]
fn bad_settings_are_refused_by_key() {
    let mut g = Graph::new(vec![]);
    let node = g.state("w", &[2]);
    let p = [ParamIn { name: "w".into(), state: 0, node, grad: node, decays: true, initial: None }];
    assert!(build(&mut g, &args("sgd", &[("nesterov", Value::Bool(true))]), &p).unwrap_err().to_string().contains("optim.nesterov"));
    assert!(build(&mut g, &args("adamw", &[("toward", w("init"))]), &p).unwrap_err().to_string().contains("`w`"));
    assert!(Args::check("optim", find("adam").unwrap(), [("beta2".to_string(), f(1.0))]).unwrap_err().to_string().contains("optim.beta2"));
    assert!(find("adamm").unwrap_err().to_string().contains("did you mean `adam`"));
}
