//! Statistics whose answers are known: laws that made the data, and numbers worked out by another program.

use super::*;
use crate::claims::rule::Scale;

/// One run of a made-up experiment.
#[derive(Clone)]
struct Made {
    keys: Vec<f64>,
    seed: i64,
    t_grok: Option<f64>,
    measured: Vec<Option<f64>>,
}

/// Runs under keys and columns; t_mem is 100, the budget 10,000.
fn of(keys: &[&str], measures: &[&str], runs: Vec<Made>) -> Data {
    let mut d = Data {
        keys: keys.iter().map(|k| k.to_string()).collect(),
        measures: measures.iter().map(|m| m.to_string()).collect(),
        fixed: [("optim.name".to_string(), "adamw".to_string())].into(),
        ..Data::default()
    };
    for m in runs {
        let t = m.t_grok.filter(|t| *t <= 10_000.0).map(|t| t as u64);
        d.runs.push(Run {
            id: format!("{:016x}", d.runs.len()),
            values: m.keys.iter().map(f64::to_string).collect(),
            seeds: [m.seed; 4],
            steps: t.map_or(10_000, |t| t + 10),
            budget: 10_000,
            end: if t.is_some() { End::Grokked } else { End::Steps },
            t_mem: Some(100),
            t_grok: t,
            wall_s: 1.0,
            twin: false,
            measured: m.measured,
        });
    }
    d
}

/// Six settings, two equal seeds each, with columns x = 1…6 and z.
fn six() -> Data {
    let rows = [(100.0, 2.0), (300.0, 1.0), (200.0, 4.0), (500.0, 3.0), (400.0, 7.0), (900.0, 5.0)];
    let made = |(k, (t, z)): (usize, &(f64, f64))| {
        [0, 1].map(|seed| Made { keys: vec![k as f64], seed, t_grok: Some(*t), measured: vec![Some(1.0 + k as f64), Some(*z)] })
    };
    of(&["task.p"], &["norm@t_mem", "norm@600"], rows.iter().enumerate().flat_map(made).collect())
}

fn close(got: f64, want: f64) {
    assert!((got - want).abs() < 1e-9, "{got} and not {want}");
}

#[test]
fn shares_of_variance_are_those_of_another_program() {
    let d = six();
    let r2 = |text: &str| ask(&d, &format!("name = 'fit'\n{text}"), number(0.5)).unwrap();
    let one = r2("on = ['norm@t_mem']");
    close(one.value, 0.803_781_215_123_017_6);
    // Both seeds of a setting are equal, so no draw moves anything.
    assert_eq!((one.low, one.high, one.n, one.censored), (one.value, one.value, 12, 0));
    close(r2("on = ['norm@t_mem', 'norm@600']").value, 0.971_542_540_088_010_2);
    close(r2("on = ['norm@t_mem']\nwith = ['norm@600']").value, 0.167_761_324_964_992_6);
    close(r2("on = ['norm@t_mem']\nheld_out = true").value, 0.567_607_645_860_481_1);
    close(r2("on = ['norm@t_mem']\nwith = ['norm@600']\nheld_out = true").value, 0.241_549_172_932_481_9);
    // Against a constant, whose own share held out is 1 − (6/5)².
    close(r2("on = []\nwith = ['norm@t_mem']\nheld_out = true").value, 0.567_607_645_860_481_1 + 0.44);
    // Of runs each predicted from all others, its equal twin among them, less is left.
    let by_run = r2("on = ['norm@t_mem']\nheld_out = true\neach = 'run'").value;
    assert!(by_run > 0.6 && by_run < one.value, "{by_run}");
}

#[test]
fn a_setting_whose_median_was_not_reached_is_left_out_and_said_to_be() {
    let mut d = six();
    d.runs.iter_mut().take(2).for_each(|r| r.t_grok = None);
    let e = ask(&d, "name = 'fit'\non = ['norm@t_mem']", number(0.5)).unwrap();
    assert!(e.n == 10 && e.censored == 2 && e.note.contains("2 runs are left out"), "{e:?}");
    assert!(ask(&d, "name = 'fit'\non = ['norm@t_mem', 'norm@600', 'ln norm@600']", number(0.5)).unwrap_err().contains("are needed"));
}

#[test]
fn correlations_are_those_of_another_program() {
    let mut d = six();
    let with = |d: &Data, text: &str| ask(d, &format!("name = 'correlation'\n{text}"), number(0.5)).unwrap();
    close(with(&d, "of = 't_grok'\nx = 'norm@t_mem'\nhow = 'pearson'").value, 0.869_318_287_921_222_7);
    close(with(&d, "of = 't_grok'\nx = 'norm@600'\nhow = 'pearson'").value, 0.425_524_885_960_185_1);
    // Every row is there twice, which leaves a rank correlation as it is.
    close(with(&d, "of = 't_grok'\nx = 'norm@600'").value, 0.485_714_285_714_285_7);
    close(with(&d, "of = 'delay'\nx = 'norm@t_mem'").value, 0.885_714_285_714_285_7);
    close(with(&d, "of = 'delay'\nx = 'ln norm@t_mem - ln norm@600'\nhow = 'pearson'").value, 0.4436800413545928);
    assert!(ask(&d, "name = 'correlation'\nof = 'delay'\nx = 'ln norm@t_mem -'", number(0.5)).is_err());
    let e = with(&d, "of = 'norm@600'\nx = 'norm@t_mem'");
    assert!(e.low < e.value && e.value < e.high && e.n == 12, "{e:?}");
    // A perfect order: 12 values that are correlated with themselves, or with their opposite. One pair of neighbours changed gives 1 − 12/1716, and
    // tanh(artanh(0.993007) − 1.959964 √(1.5/9)) = 0.965825.
    d.runs.iter_mut().enumerate().for_each(|(i, r)| r.measured[0] = Some(i as f64));
    let e = with(&d, "of = 'norm@t_mem'\nx = '3 * norm@t_mem'");
    assert!(e.value == 1.0 && e.high == 1.0 && (e.low - 0.965_825).abs() < 1e-4, "{e:?}");
    let e = with(&d, "of = 'norm@t_mem'\nx = '-1 * norm@t_mem'");
    assert!(e.value == -1.0 && e.low == -1.0 && (e.high + 0.965_825).abs() < 1e-4, "{e:?}");
    let mut d = six();
    d.runs[3].t_grok = None;
    d.runs[5].measured[0] = Some(f64::NAN);
    let e = with(&d, "of = 't_grok'\nx = 'norm@t_mem'");
    assert_eq!((e.n, e.censored), (10, 2));
    d.runs.iter_mut().for_each(|r| r.measured[0] = Some(1.0));
    assert!(ask(&d, "name = 'correlation'\nof = 't_grok'\nx = 'norm@t_mem'\nhow = 'pearson'", number(0.5)).is_err());
}

#[test]
fn the_law_that_made_the_times_wins_and_its_rivals_lose() {
    // T = 900 + 1.2/(ηλ) at η = 1e-3, with seeds 3 % apart; the smallest decay does not come within the budget.
    let decays = [0.1, 0.25, 0.5, 1.0, 2.0, 4.0];
    let made = |l: f64| {
        [0, 1, 2].map(|seed| Made { keys: vec![1e-3, l], seed, t_grok: Some((900.0 + 1200.0 / l) * (1.0 + 0.03 * (seed - 1) as f64)), measured: Vec::new() })
    };
    let d = of(&["optim.lr", "optim.weight_decay"], &[], decays.into_iter().flat_map(made).collect());
    let of_law = |claimed: &str, laws: &str| {
        ask(&d, &format!("name = 'laws'\nx = 'optim.weight_decay'\nlaws = [{laws}]"), Some(Published::Name(claimed.into()))).unwrap()
    };
    let all = "'offset', 'inverse', 'constant', 'power', 'exponential'";
    let e = of_law("offset", all);
    assert!(e.low > 0.0 && e.n == 18 && e.censored == 3, "{e:?}");
    for rival in ["inverse", "constant", "power", "exponential"] {
        let e = of_law(rival, all);
        assert!(e.value < 0.0 && e.note.contains("against offset"), "{rival}: {e:?}");
    }
    assert!(ask(&d, "name = 'laws'\nx = 'optim.weight_decay'", Some(Published::Name("offset".into()))).is_err(), "it is none of the laws that compete");
}

/// Four settings of three seeds: the norm falls from `mem` to 10, and the delay is `delay(ηλ, mem)`.
fn falling(delay: impl Fn(f64, f64) -> f64) -> Data {
    let mut runs = Vec::new();
    for (k, l) in [0.5, 1.0, 1.5, 2.0].into_iter().enumerate() {
        for seed in 0..3 {
            let mem = 20.0 + 15.0 * ((k + 2 * seed) % 4) as f64;
            let t = 100.0 + delay(1e-3 * l, mem);
            runs.push(Made { keys: vec![1e-3, l], seed: seed as i64, t_grok: Some(t), measured: vec![Some(mem), Some(10.0)] });
        }
    }
    of(&["optim.lr", "optim.weight_decay"], &["norm@t_mem", "norm@end"], runs)
}

#[test]
fn a_delay_law_predicts_what_it_made_and_no_more() {
    let separation = |rate: f64, mem: f64| 2.0 * libm::log(mem / 10.0) / (2.0 * rate);
    let d = falling(separation);
    // Of the four conventions two are the one that made the data.
    let e = ask(&d, "name = 'prediction'\nlaw = 'norm-separation'", None).unwrap();
    assert!(e.low > 0.0 && e.n == 12 && e.note.contains("wrong by a factor 1.00"), "{e:?}");
    let e = ask(&d, "name = 'prediction'\nlaw = 'norm-separation'\nhow = 'mape'", number(0.0)).unwrap();
    assert!(e.value < 2e-3, "{e:?}");
    // V against ηλ takes twice as long as what was seen: |2 − 1|.
    let e = ask(&d, "name = 'prediction'\nlaw = 'norm-separation-v-1'\nhow = 'mape'", number(1.0)).unwrap();
    assert!((e.value - 1.0).abs() < 5e-3, "{e:?}");
    // Times that do not know the norm: a null is better.
    let e = ask(&falling(|rate, _| 1.5 / rate), "name = 'prediction'\nlaw = 'norm-separation'", None).unwrap();
    assert!(e.high < 0.0, "{e:?}");
    assert!(ask(&d, "name = 'prediction'\nlaw = 'norm-seperation'", None).unwrap_err().contains("did you mean"));
}

#[test]
fn constants_of_one_setting_follow_others_only_where_the_law_holds() {
    // First passage with κ = 0.5 and V★ = 225, in terms of the norm.
    let passage = |rate: f64, mem: f64| 2.0 * libm::log(mem / 15.0) / (2.0 * 0.5 * rate);
    let text = |law: &str| format!("name = 'transfer'\nlaw = '{law}'\nwithin = 2.0\nagainst = {{ 'optim.weight_decay' = 1.0 }}");
    let e = ask(&falling(passage), &text("first-passage"), None).unwrap();
    // Nine runs of the three settings that had no part in the constants; no error but that of whole steps.
    assert!(e.n == 9 && e.high < 0.0 && (e.value + std::f64::consts::LN_2).abs() < 0.02, "{e:?}");
    assert!(e.note.contains("kappa = 0.50"), "{e:?}");
    // Times that go with 1/(ηλ)² are not followed, and a law without constants is off by what it is off.
    let e = ask(&falling(|rate, _| 2e-3 / (rate * rate)), &text("first-passage"), None).unwrap();
    assert!(e.value > -0.3, "{e:?}");
    let five = |rate: f64, mem: f64| 5.0 * libm::log(mem / 10.0) / rate;
    let e = ask(&falling(five), &text("norm-separation-v-2"), None).unwrap();
    let known = ask(&falling(|rate, mem| libm::log(mem / 10.0) / rate), &text("norm-separation-v-2"), None).unwrap();
    assert!(e.low > 0.0 && known.high < -0.65, "{e:?} {known:?}");
    assert!(ask(&falling(passage), &text("first-passage"), number(1.0)).unwrap_err().contains("sign"));
}

#[test]
fn a_threshold_that_goes_with_the_budget_moves_and_a_critical_one_does_not() {
    let decays = [0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2];
    let of_law = |time: &dyn Fn(f64) -> Option<f64>| {
        let made = |l: f64| (0..4).map(move |seed| (l, seed)).map(|(l, seed)| Made { keys: vec![l], seed, t_grok: time(l), measured: Vec::new() });
        of(&["optim.weight_decay"], &[], decays.into_iter().flat_map(made).collect())
    };
    let ratio =
        |d: &Data| ask(d, "name = 'threshold-ratio'\nx = 'optim.weight_decay'\nwhere = {}\nagainst = {}\nagainst_horizon = 0.125", number(1.0)).unwrap();
    // T = 560/λ reaches the budget of 10,000 between 0.05 and 0.1, and an eighth of it between 0.4 and 0.8.
    let moving = of_law(&|l| Some(560.0 / l));
    let at = ask(&moving, "name = 'threshold'\nx = 'optim.weight_decay'", number(1.0)).unwrap();
    close(at.value, libm::sqrt(0.05 * 0.1));
    assert!(at.low <= 0.0501 && at.high >= 0.0999, "half of the gap to either side at least: {at:?}");
    let e = ratio(&moving);
    close(e.value, 1.0 / 8.0);
    assert!(e.high < 0.3, "{e:?}");
    // Soon above 0.15, never below: at every horizon.
    let fixed = of_law(&|l| (l > 0.15).then_some(300.0));
    let e = ratio(&fixed);
    close(e.value, 1.0);
    assert!(e.low > 0.3 && e.high < 3.0, "{e:?}");
    assert!(ask(&of_law(&|_| Some(300.0)), "name = 'threshold'\nx = 'optim.weight_decay'", number(1.0)).unwrap_err().contains("one half"));
}

/// Two arms of a column: `None` is a run that never came to it.
fn arms(a: &[Option<f64>], b: &[Option<f64>], first_seed: i64) -> Data {
    let arm = |k: f64, values: &[Option<f64>], from: i64| {
        let made = |(s, v): (usize, &Option<f64>)| Made { keys: vec![k], seed: from + s as i64, t_grok: Some(50.0), measured: vec![*v] };
        values.iter().enumerate().map(made).collect::<Vec<_>>()
    };
    of(&["clamp.factor"], &["norm@t_grok"], [arm(1.0, a, 0), arm(2.0, b, first_seed)].concat())
}

#[test]
fn differences_in_pairs_and_without() {
    let ask_for = |d: &Data, more: &str| {
        ask(d, &format!("name = 'difference'\nof = 'norm@t_grok'\nwhere = {{ 'clamp.factor' = 2 }}\nagainst = {{ 'clamp.factor' = 1 }}{more}"), number(2.0))
            .unwrap()
    };
    let (a, b) = ([1.0, 10.0, 100.0].map(Some), [2.0, 40.0, 200.0].map(Some));
    let paired = ask_for(&arms(&a, &b, 0), "");
    close(paired.value, (1.0 + 30.0 + 100.0) / 3.0);
    assert_eq!((paired.n, paired.note.as_str()), (6, "paired by seed"));
    let ratio = ask_for(&arms(&a, &b, 0), "\nscale = 'log'");
    close(ratio.value, libm::cbrt(2.0 * 4.0 * 2.0));
    assert!((ratio.low - 2.0).abs() < 1e-9 && (ratio.high - 4.0).abs() < 1e-9, "pairs take the seeds' spread away: {ratio:?}");
    let apart = ask_for(&arms(&a, &b, 7), "\nscale = 'log'");
    close(apart.value, libm::cbrt(2.0 * 4.0 * 2.0));
    assert!(apart.low < 0.5 && apart.note.is_empty(), "{apart:?}");
    // A pair of which one never came to it is no pair, and is counted.
    let lost = ask_for(&arms(&a, &[Some(2.0), None, Some(200.0)], 0), "");
    close(lost.value, (1.0 + 100.0) / 2.0);
    assert_eq!((lost.n, lost.censored), (4, 2));
}

#[test]
fn values_in_three_ways() {
    let d = arms(&[10.0, 11.0, 12.0, 20.0].map(Some), &[Some(21.0), Some(22.0), None], 0);
    let of = |more: &str| ask(&d, &format!("name = 'value'\nof = 'norm@t_grok'{more}"), number(16.0)).unwrap();
    close(of("\nhow = 'mean'").value, 16.0);
    close(of("\nhow = 'cv'").value, 0.346_860_923_137_790_2);
    close(of("").value, 16.0);
    assert_eq!((of("").n, of("").censored, of("").scale), (6, 1, Scale::Log));
    assert_eq!((of("\nhow = 'cv'").scale, of("\nscale = 'linear'").scale), (Scale::Linear, Scale::Linear));
}

#[test]
fn orders_of_three_places_count_ties_against_the_claim() {
    let cells = [
        [Some(100.0), Some(100.0), Some(100.0), Some(100.0), None],
        [Some(200.0), Some(100.0), Some(300.0), Some(200.0), Some(300.0)],
        [Some(300.0), Some(300.0), Some(200.0), None, Some(400.0)],
    ];
    let made = |(k, row): (usize, &[Option<f64>; 5])| {
        row.iter().enumerate().map(|(s, t)| Made { keys: vec![k as f64], seed: s as i64, t_grok: *t, measured: Vec::new() }).collect::<Vec<_>>()
    };
    let mut d = of(&["task.p"], &[], cells.iter().enumerate().flat_map(made).collect());
    let text = "name = 'order'\nalong = [{ 'task.p' = 0 }, { 'task.p' = 1 }, { 'task.p' = 2 }]";
    // Seed 0 increases, 1 is tied, 2 falls, 3 increases as far as the budget shows, 4 begins with one that outlasted the rest.
    let e = ask(&d, text, None).unwrap();
    assert_eq!((e.value, e.note.as_str(), e.censored), (0.4, "2 of 5 seeds", 2));
    // Broken off at 150, the last of seed 3 may have come before the second.
    let last = d.runs.iter_mut().find(|r| r.values[0] == "2" && r.seeds[0] == 3).unwrap();
    last.steps = 150;
    let e = ask(&d, text, None).unwrap();
    assert_eq!((e.value, e.note.as_str()), (0.25, "1 of 4 seeds; 1 hidden by censoring"));
}

#[test]
fn all_that_never_came_stay_in_n() {
    let never = |end: End| {
        let made = |s| Made { keys: vec![1.0], seed: s, t_grok: None, measured: Vec::new() };
        let mut d = of(&["task.p"], &[], (0..7).map(made).collect());
        d.runs.iter_mut().for_each(|r| (r.steps, r.end) = (if end == End::Diverged { 40 } else { 10_000 }, end));
        d
    };
    for end in [End::Steps, End::Diverged] {
        let e = ask(&never(end), "name = 'time'", number(100.0)).unwrap();
        assert_eq!((e.value, e.low, e.high, e.n, e.censored), (f64::INFINITY, 10_000.0, f64::INFINITY, 7, 7));
        let e = ask(&never(end), "name = 'share'", number(0.0)).unwrap();
        // The exact upper end of 0 of 7: 1 − 0.025^(1/7).
        assert!(e.value == 0.0 && e.low == 0.0 && (e.high - 0.409_616_4).abs() < 1e-6 && (e.n, e.censored) == (7, 7), "{e:?}");
        assert!(ask(&never(end), "name = 'exponent'\nx = 'task.p'", number(1.0)).is_err());
    }
}
