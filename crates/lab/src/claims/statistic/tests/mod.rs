//! Statistics against data made by hand, censored rows among them.

mod known;

use super::*;
use crate::known::End;

/// Settings x = 1, 2, 4 with `times`: `None` is censored at 1000.
fn data(times: &[(f64, [Option<u64>; 3])]) -> Data {
    let mut d = Data { keys: vec!["optim.lr".into()], measures: vec!["norm@end".into()], ..Data::default() };
    for (x, seeds) in times {
        for (s, t) in seeds.iter().enumerate() {
            d.runs.push(Run {
                id: format!("{:016x}", d.runs.len()),
                values: vec![x.to_string()],
                seeds: [s as i64; 4],
                steps: t.map_or(1000, |t| t + 10),
                budget: 1000,
                end: if t.is_some() { End::Grokked } else { End::Steps },
                t_mem: Some(10),
                t_grok: *t,
                wall_s: 1.0,
                twin: false,
                measured: vec![Some(x * 10.0 + s as f64)],
            });
        }
    }
    d
}

fn ask(d: &Data, text: &str, published: Option<Published>) -> Result<Estimate, String> {
    let q = Query::parse(&text.parse::<Table>().unwrap()).map_err(|e| e.to_string())?;
    q.accepts(published.as_ref()).map_err(|e| e.to_string())?;
    q.estimate(d, published.as_ref()).map_err(|e| e.0)
}

fn number(x: f64) -> Option<Published> {
    Some(Published::Number(x))
}

#[test]
fn medians_keep_the_censored() {
    let d = data(&[(1.0, [Some(100), Some(300), None]), (2.0, [None, None, Some(500)])]);
    let e = ask(&d, "name = 'time'\nwhere = { 'optim.lr' = 1 }", number(1.0)).unwrap();
    assert_eq!((e.value, e.low, e.high, e.n, e.censored), (300.0, 100.0, f64::INFINITY, 3, 1));
    let e = ask(&d, "name = 'time'\nwhere = { 'optim.lr' = 2 }", number(1.0)).unwrap();
    assert!(e.value.is_infinite() && e.low == 500.0, "{e:?}");
    assert_eq!(e.note, "the median was not reached; the interval of a median of 3 runs covers 75 % at most");
    let e = ask(&d, "name = 'time'\nof = 'delay'\nwhere = { 'optim.lr' = '<2' }", number(1.0)).unwrap();
    assert_eq!(e.value, 290.0);
}

#[test]
fn ratios_are_paired_by_seed() {
    let d = data(&[(1.0, [Some(100), Some(200), Some(400)]), (2.0, [Some(200), Some(400), Some(800)])]);
    let e = ask(&d, "name = 'ratio'\nwhere = { 'optim.lr' = 2 }\nagainst = { 'optim.lr' = 1 }", number(2.0)).unwrap();
    assert_eq!((e.value, e.low, e.high, e.note.as_str()), (2.0, 2.0, 2.0, "paired by seed; the interval of a median of 3 runs covers 75 % at most"));
}

#[test]
fn a_ratio_to_a_time_that_was_not_reached_is_a_bound() {
    let asked =
        |a: f64, b: f64, d: &Data| ask(d, &format!("name = 'ratio'\nwhere = {{ 'optim.lr' = {a} }}\nagainst = {{ 'optim.lr' = {b} }}"), number(1.0)).unwrap();
    // None of three by step 1000, against 200, 300, 400: at least 1000/400, and by the other hand at most 400/1000.
    let mut d = data(&[(1.0, [Some(200), Some(300), Some(400)]), (2.0, [None, None, None])]);
    let over = asked(2.0, 1.0, &d);
    assert_eq!((over.value, over.low, over.high), (f64::INFINITY, 2.5, f64::INFINITY), "{over:?}");
    assert_eq!(over.words(|x| x.to_string()), "> 2.5");
    let under = asked(1.0, 2.0, &d);
    assert_eq!((under.value, under.low, under.high), (0.0, 0.0, 0.4), "{under:?}");
    assert_eq!(under.words(|x| x.to_string()), "< 0.4");
    let verdict = |e: &Estimate, published: f64| {
        let target = crate::claims::rule::Target { value: published, se: Some(0.0), margin: None };
        crate::claims::rule::decide(e, Some(target), 3)
    };
    use crate::claims::rule::Verdict::{Inconclusive, NotReproduced};
    assert_eq!((verdict(&under, 1.0).verdict, verdict(&over, 1.0).verdict), (NotReproduced, NotReproduced));
    // A published 0.3 is not denied by a bound of 0.4, and no number of seeds would tell: a longer budget would.
    let open = verdict(&under, 0.3);
    assert_eq!((open.verdict, open.more), (Inconclusive, None));
    // Without common seeds as with them.
    d.runs.iter_mut().skip(3).for_each(|r| r.seeds = r.seeds.map(|s| s + 10));
    let free = asked(1.0, 2.0, &d);
    assert_eq!((free.value, free.low, free.high), (0.0, 0.0, 0.4), "{free:?}");
    // Neither side reached its median: nothing is known.
    let neither = data(&[(1.0, [None, None, Some(400)]), (2.0, [None, None, None])]);
    assert!(ask(&neither, "name = 'ratio'\nwhere = { 'optim.lr' = 1 }\nagainst = { 'optim.lr' = 2 }", number(1.0)).is_err());
}

#[test]
fn exponents_are_those_that_were_put_in() {
    let d = data(&[(1.0, [Some(800), Some(800), Some(800)]), (2.0, [Some(400), Some(400), Some(400)]), (4.0, [Some(200), Some(200), Some(200)])]);
    let e = ask(&d, "name = 'exponent'\nx = 'optim.lr'", number(-1.0)).unwrap();
    assert!((e.value + 1.0).abs() < 1e-12, "{e:?}");
    // Of a column: one run has no value.
    let mut grown = d.clone();
    let of = grown.measures.iter().position(|m| m == "norm@end").unwrap();
    let lr: Vec<f64> = grown.runs.iter().map(|r| grown.number(r, "optim.lr").unwrap()).collect();
    grown.runs.iter_mut().zip(&lr).for_each(|(r, lr)| r.measured[of] = Some(0.3 * libm::pow(*lr, 1.5)));
    grown.runs[0].measured[of] = None;
    let e = ask(&grown, "name = 'exponent'\nof = 'norm@end'\nx = 'optim.lr'", number(1.5)).unwrap();
    assert!((e.value - 1.5).abs() < 1e-12 && e.n == d.runs.len() - 1, "{e:?}");
    assert!(ask(&grown, "name = 'exponent'\nof = 't_gork'\nx = 'optim.lr'", number(1.5)).unwrap_err().contains("t_grok"));
    grown.runs[1].measured[of] = Some(-1.0);
    assert!(ask(&grown, "name = 'exponent'\nof = 'norm@end'\nx = 'optim.lr'", number(1.5)).is_err());
    let censored = data(&[(1.0, [Some(900), Some(700), None]), (2.0, [Some(390), Some(410), Some(450)]), (4.0, [Some(190), Some(210), Some(200)])]);
    let e = ask(&censored, "name = 'exponent'\nx = 'optim.lr'", number(-1.0)).unwrap();
    assert!(e.censored == 1 && e.value < -0.9 && e.low <= e.value && e.value <= e.high, "{e:?}");
}

#[test]
fn shares_values_orders_and_differences() {
    let d = data(&[(1.0, [Some(100), Some(300), None]), (2.0, [Some(200), Some(250), Some(500)])]);
    let e = ask(&d, "name = 'share'\nwhere = { 'optim.lr' = 1 }", number(1.0)).unwrap();
    // Clopper & Pearson for 2 of 3.
    assert!((e.value - 2.0 / 3.0).abs() < 1e-12 && (e.low - 0.0943).abs() < 1e-3 && (e.high - 0.9916).abs() < 1e-3, "{e:?}");
    let e = ask(&d, "name = 'value'\nof = 'norm@end'\nwhere = { 'optim.lr' = 1 }", number(11.0)).unwrap();
    assert_eq!((e.value, e.low, e.high), (11.0, 10.0, 12.0));
    // Seed 0 increases, seed 1 does not; of seed 2 the first is censored later than the second's event.
    let e = ask(&d, "name = 'order'\nalong = [{ 'optim.lr' = 1 }, { 'optim.lr' = 2 }]", None).unwrap();
    assert!((e.value - 1.0 / 3.0).abs() < 1e-12, "{e:?}");
    let e = ask(&d, "name = 'difference'\nof = 'norm@end'\nwhere = { 'optim.lr' = 2 }\nagainst = { 'optim.lr' = 1 }", number(10.0)).unwrap();
    assert_eq!((e.value, e.low, e.high), (10.0, 10.0, 10.0));
}

#[test]
fn mistakes_are_named() {
    let d = data(&[(1.0, [Some(100), Some(300), None])]);
    let says = |text: &str, part: &str| {
        let e = ask(&d, text, number(1.0)).unwrap_err();
        assert!(e.contains(part), "{e}");
    };
    says("name = 'tme'", "did you mean `time`");
    says("name = 'time'\nwhere = { 'optim.momentum' = 1 }", "no run has the key `optim.momentum`");
    says("name = 'value'\nof = 'loss@end'", "no column `loss@end`");
    says("name = 'time'\nwhere = { 'optim.lr' = 3 }", "no run has optim.lr=3");
    says("name = 'ratio'", "needs it");
}

#[test]
fn a_third_of_the_budget_hides_what_came_later() {
    let cut = data(&[(1.0, [Some(100), Some(400), None])]).cut(1.0 / 3.0);
    assert_eq!(cut.runs.iter().map(|r| (r.t_grok, r.steps)).collect::<Vec<_>>(), [(Some(100), 110), (None, 333), (None, 333)]);
}

#[test]
fn results_read_back() {
    let mut d = data(&[(1.0, [Some(100), None, Some(3)])]);
    d.head = vec![("experiment".into(), "e".into())];
    d.fixed.insert("task.p".into(), "[7, \"x\"]".into());
    d.runs[0].values[0] = "[a,\"b\"]".into();
    assert_eq!(Data::parse(&d.to_csv()).unwrap(), d);
    assert!(Data::parse(&d.to_csv().replace(",1000,", ",x,")).unwrap_err().contains("line"));
}
