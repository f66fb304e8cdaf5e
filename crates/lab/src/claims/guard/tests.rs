//! Guards against data made by hand.

use super::*;
use crate::claims::{Claim, Ledger};

const HEAD: &str = "seed_init,seed_split,seed_batch,seed_noise,steps,budget,stop,t_mem,t_grok,wall_s,precision";

/// Twelve settings of two seeds whose ln time is a line in a column, which stands for what was measured on trained networks.
fn measured() -> Data {
    let row = |i: usize| {
        let (lr, seed) = (i / 2, i % 2);
        let t = libm::floor(libm::exp(6.0 + 0.2 * lr as f64)) as u64 + seed as u64;
        format!("{i:016x},{lr},{seed},{seed},{seed},{seed},{t},9000,grokked,100,{t},1,f32,{},{}\n", 10 + seed, 20 + lr)
    };
    Data::parse(&(format!("run_id,optim.lr,{HEAD},norm@start,norm@600\n") + &(0..24).map(row).collect::<String>())).unwrap()
}

/// Runs of one setting from (end, steps, t_grok) under a budget of 900.
fn plain(runs: &[(&str, u64, Option<u64>)]) -> Data {
    let row = |(i, (end, steps, t)): (usize, &(&str, u64, Option<u64>))| {
        let t = t.map_or(String::new(), |t| t.to_string());
        format!("{i:016x},{i},{i},{i},{i},{steps},900,{end},10,{t},1,f32\n")
    };
    Data::parse(&(format!("run_id,{HEAD}\n") + &runs.iter().enumerate().map(row).collect::<String>())).unwrap()
}

fn part(statistic: &str, kind: &str, published: &str) -> Part {
    let text = format!(
        "paper = 'x'\nnumber = '1'\nplace = 'here'\nclaim = 'c'\nkind = '{kind}'\ngeneralising = 'delayed generalisation'\nstrength = 'close'\nsetting = 's'\n\
         [[part]]\nname = 'p'\nexperiment = 'e'\nstatistic = {statistic}\npublished = {published}\npublished_se = 0.0\n"
    );
    Claim::parse(&text).unwrap().parts[0].clone()
}

fn at_horizon(part: &Part, data: &Data) -> (Verdict, Guard) {
    let (e, d) = decide_part(part, &part.query, data).unwrap();
    (d.verdict, horizon(part, &e, &d, data))
}

#[test]
fn an_explained_time_is_no_identity_unless_any_column_explains_it() {
    let data = measured();
    let explained = part("{ name = 'fit', on = ['norm@600'] }", "number", "0.999");
    let g = identity(&explained, &data, false);
    assert_eq!(g.outcome, Outcome::Passed, "{}", g.says);
    assert!(g.says.contains("within the margin in 0 of 200 draws"), "{}", g.says);
    // With this margin an R² of 0 would do as well.
    let nothing = Part { margin: Some(0.6), ..part("{ name = 'fit', on = ['norm@600'] }", "number", "0.3") };
    assert_eq!(identity(&nothing, &data, false).outcome, Outcome::Failed);
    assert_eq!(identity(&nothing, &data, true).outcome, Outcome::NotApplicable);
    let time = part("{ name = 'time' }", "number", "500");
    assert_eq!(identity(&time, &data, false).outcome, Outcome::NotApplicable);
}

#[test]
fn as_many_columns_as_settings_explain_anything() {
    // Eight settings on four columns: random ones have a mean R² of 4/7.
    let names: Vec<String> = (1..5).map(|k| format!("norm@{k}")).collect();
    let noise = |i: u64, k: u64| Stream::new(3, Purpose::Diagnostic, 0, k).uniform(i);
    let row = |i: u64| {
        let columns: Vec<String> = (0..4).map(|k| noise(i, k).to_string()).collect();
        let t = 100 + (900.0 * noise(i, 9)) as u64;
        format!("{i:016x},{i},0,0,0,0,{t},9000,grokked,10,{t},1,f32,{}\n", columns.join(","))
    };
    let data = Data::parse(&(format!("run_id,optim.lr,{HEAD},{}\n", names.join(",")) + &(0..8).map(row).collect::<String>())).unwrap();
    let of = |published: f64, columns: usize| {
        let on: Vec<String> = names[..columns].iter().map(|n| format!("'{n}'")).collect();
        Part { margin: Some(0.35), ..part(&format!("{{ name = 'fit', on = [{}] }}", on.join(", ")), "number", &published.to_string()) }
    };
    let (middle, within, draws) = permuted(&of(0.57, 4), &data).unwrap();
    assert!((0.4..0.75).contains(&middle) && within > 120 && draws == 200, "{middle} {within} {draws}");
    let g = identity(&of(0.57, 4), &data, false);
    assert_eq!(g.outcome, Outcome::Failed, "{}", g.says);
    let (middle, within, _) = permuted(&of(0.57, 1), &data).unwrap();
    assert!(middle < 0.25 && within < 80, "{middle} {within}");
}

#[test]
fn of_two_columns_only_one_is_dealt_out() {
    // norm@start and norm@600 go together; dealt out together they still would.
    let mut data = measured();
    data.runs.iter_mut().for_each(|r| r.measured[0] = r.measured[1]);
    let both = Part { margin: Some(0.1), ..part("{ name = 'correlation', of = 'norm@600', x = 'norm@start' }", "number", "1.0") };
    let (middle, within, draws) = permuted(&both, &data).unwrap();
    assert!(middle.abs() < 0.1 && within == 0 && draws == 200, "{middle} {within} {draws}");
}

#[test]
fn arms_are_dealt_out_within_pairs() {
    // A large spread of seeds that both arms share, and a difference of 1 between the arms: only its sign is drawn.
    let row = |i: usize| {
        let (arm, seed) = (i % 2, i / 2);
        format!("{i:016x},{arm},{seed},{seed},{seed},{seed},50,900,grokked,10,50,1,f32,{}\n", 100 * seed + arm)
    };
    let data = Data::parse(&(format!("run_id,clamp.factor,{HEAD},norm@600\n") + &(0..16).map(row).collect::<String>())).unwrap();
    let arms = "{ name = 'difference', of = 'norm@600', where = { 'clamp.factor' = 1 }, against = { 'clamp.factor' = 0 } }";
    let (middle, within, _) = permuted(&part(arms, "number", "1.0"), &data).unwrap();
    assert!(middle.abs() <= 0.5 && within < 10, "{middle} {within}");
    let (_, groups) = dealt(&part(arms, "number", "1.0").query, &data).unwrap();
    assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [2; 8]);
    let wide = Part { margin: Some(3.0), ..part(arms, "number", "1.0") };
    assert_eq!(identity(&wide, &data, false).outcome, Outcome::Failed);
}

#[test]
fn shared_examples_are_counted() {
    let ledger = Ledger::embedded().unwrap();
    let (outcome, says) = ledger.experiments["mediation"].leakage().unwrap();
    // 59² pairs, two fifths of them trained on; of a + b most have their mirror image somewhere.
    assert!(outcome == Outcome::Passed && says.starts_with("0 of 2089 test examples") && says.contains("mirror"), "{says}");
    let time = part("{ name = 'time' }", "number", "500");
    assert_eq!(leak(&time, &[(outcome, says)]).outcome, Outcome::Passed);
    assert_eq!(leak(&time, &[(Outcome::Passed, "0 of 9".into()), (Outcome::Failed, "3 of 9".into())]).outcome, Outcome::Failed);
    assert_eq!(leak(&time, &[(Outcome::Passed, "0 of 9".into()), (Outcome::Passed, "0 of 9".into())]).says, "0 of 9");
    let unknown = leak(&time, &[(Outcome::Passed, "0 of 9".into()), (Outcome::NotApplicable, "its data cannot be made".into())]);
    assert_eq!((unknown.outcome, unknown.says.as_str()), (Outcome::NotApplicable, "0 of 9; its data cannot be made"));
}

#[test]
fn what_knows_the_answer_is_a_leak() {
    let clean: Leak = (Outcome::Passed, "0 of 9".into());
    let ask = |statistic: &str| leak(&part(statistic, "number", "0.5"), std::slice::from_ref(&clean));
    for (statistic, outcome) in [
        ("{ name = 'value', of = 'test_loss@end' }", Outcome::Failed),
        ("{ name = 'value', of = 'norm@test_accuracy>0.5' }", Outcome::Failed),
        ("{ name = 'value', of = 'norm@t_grok' }", Outcome::Passed),
        ("{ name = 'fit', on = ['ln norm@t_mem'] }", Outcome::Passed),
        ("{ name = 'fit', on = ['ln norm@t_mem - ln norm@end'] }", Outcome::Failed),
        ("{ name = 'fit', of = 't_mem', on = ['ln norm@end'] }", Outcome::Passed),
        ("{ name = 'correlation', of = 'norm@t_grok', x = 't_grok' }", Outcome::Failed),
        ("{ name = 'correlation', of = 'norm@t_grok', x = 'norm@end' }", Outcome::Passed),
    ] {
        let g = ask(statistic);
        assert_eq!(g.outcome, outcome, "{statistic}: {}", g.says);
    }
}

#[test]
fn a_share_that_a_third_of_the_budget_hides_fails_at_the_horizon() {
    // Times from 403 to 3,638 of a budget of 9,000, a third of which is 3,000.
    let data = measured();
    let all = Part { margin: Some(0.15), ..part("{ name = 'share' }", "existence", "1.0") };
    let (verdict, g) = at_horizon(&all, &data);
    assert_eq!((verdict, g.outcome), (Verdict::Reproduced, Outcome::Failed), "{}", g.says);
    assert!(g.says.contains("2 of 24 censored") && g.says.contains("at the whole 1.0000, 0 of 24 censored: reproduced"), "{}", g.says);
    let first = part("{ name = 'time', where = { 'optim.lr' = 0 } }", "number", "403");
    let (_, g) = at_horizon(&first, &data);
    assert!(g.outcome == Outcome::Passed && g.says.contains("every time is earlier"), "{}", g.says);
    // One column that is read later, or one run that waits, and it is asked again.
    for change in [|d: &mut Data| d.runs[0].measured[1] = None, |d: &mut Data| d.runs[0].t_grok = None, |d: &mut Data| d.runs[0].t_mem = None] {
        let mut cut = data.cut(1.0);
        assert!(unchanged(&first.query, &data, &cut));
        change(&mut cut);
        assert!(!unchanged(&first.query, &data, &cut));
    }
    let mut waiting = data.clone();
    waiting.runs[1].t_grok = None;
    assert!(!unchanged(&first.query, &waiting, &waiting.cut(SHARE)), "it waits until another step");
}

#[test]
fn never_is_only_said_of_a_budget() {
    // All generalise between a third of the budget and all of it.
    let late = plain(&[("grokked", 700, Some(600)); 40]);
    let never = Part { margin: Some(0.1), ..part("{ name = 'share' }", "absence", "0.0") };
    let (verdict, g) = at_horizon(&never, &late);
    assert_eq!((verdict, g.outcome), (Verdict::NotReproduced, Outcome::Failed), "{}", g.says);
    assert!(g.says.starts_with("at a third of the budget it is 0.0000, 40 of 40 censored: reproduced"), "{}", g.says);
    let indeed = plain(&[("steps", 900, None); 40]);
    assert_eq!(at_horizon(&never, &indeed).1.outcome, Outcome::Passed);
}

#[test]
fn a_run_that_diverged_waits_until_the_end_of_any_budget() {
    // It broke off at step 50, and will not generalise: at a third of the budget it counts up to 300, not to 50.
    let data = plain(&[("diverged", 50, None), ("diverged", 50, None), ("grokked", 130, Some(100)), ("grokked", 880, Some(800))]);
    let time = part("{ name = 'time' }", "number", "100");
    let at = |d: &Data| decide_part(&time, &time.query, d).unwrap().0;
    assert_eq!((at(&data).value, at(&data).n, at(&data).censored), (800.0, 4, 2));
    let third = at(&data.cut(SHARE));
    assert!(third.value.is_infinite() && (third.n, third.censored) == (4, 3), "{third:?}");
    assert_eq!(data.cut(SHARE).runs[..2].iter().map(Run::horizon).collect::<Vec<_>>(), [300, 300]);
    // Had it been censored at 50, the one event at 100 would be half of the two at risk.
    let early = plain(&[("steps", 50, None), ("steps", 50, None), ("grokked", 130, Some(100)), ("grokked", 880, Some(800))]);
    assert_eq!(at(&early.cut(SHARE)).value, 100.0);
}

#[test]
fn what_was_measured_later_is_unknown_under_a_shorter_budget() {
    let names = "norm@start,norm@t_mem,norm@t_grok,norm@end,norm@200,norm@400,norm@rate,norm@rate:100,norm@rate:400,norm@test_accuracy>0.5";
    let text = format!(
        "run_id,{HEAD},{names}\na,0,0,0,0,700,900,grokked,10,600,1,f32,1,2,3,4,5,6,7,8,9,10\nb,1,1,1,1,250,900,grokked,10,200,1,f32,1,2,3,4,5,6,7,8,9,10\n"
    );
    let cut = Data::parse(&text).unwrap().cut(SHARE);
    let known = |i: usize| cut.runs[i].measured.iter().map(|m| m.map_or(0, |x| x as u32)).collect::<Vec<_>>();
    assert_eq!(known(0), [1, 2, 0, 0, 5, 0, 0, 8, 0, 0]);
    assert_eq!(known(1), [1, 2, 3, 4, 5, 0, 7, 8, 0, 10]);
}

#[test]
fn precision_fails_with_any_pair_that_parts() {
    let twins = |times: &[(u64, Option<u64>)]| {
        let row = |i: usize, t: Option<u64>, precision: &str| {
            let t = t.map_or(String::new(), |t| t.to_string());
            format!("{precision}{i},{i},{i},{i},{i},800,900,grokked,10,{t},1,{precision}\n")
        };
        let rows = times.iter().enumerate().map(|(i, (a, b))| row(i, Some(*a), "f32") + &row(i, *b, "f64")).collect::<String>();
        Data::parse(&(format!("run_id,{HEAD}\n") + &rows)).unwrap()
    };
    let time = part("{ name = 'time' }", "number", "500");
    let say = |d: &Data| precision(&time, Verdict::Reproduced, d);
    let said = |mut d: Data| {
        d.head.push(("twins".into(), "double precision".into()));
        d
    };
    let near = [(500, Some(505)), (480, Some(480)), (490, Some(600)), (510, Some(500)), (505, Some(505))];
    let same = say(&said(twins(&near)));
    assert_eq!(same.outcome, Outcome::Passed, "{}", same.says);
    assert!(same.says.contains("from 0.98 to 1.22") && same.says.contains("the twins alone say") && !same.says.contains("single"), "{}", same.says);
    assert!(say(&twins(&near)).says.contains("the loss of these twins is in single precision"));
    let one = say(&twins(&[(500, Some(505)), (480, Some(480)), (490, Some(700)), (510, Some(500)), (505, Some(505))]));
    assert!(one.outcome == Outcome::Failed && one.says.contains("from 0.98 to 1.43"), "{}", one.says);
    let slower = say(&twins(&[(500, Some(700)), (480, Some(700)), (490, Some(700)), (510, Some(500))]));
    assert_eq!(slower.outcome, Outcome::Failed, "{}", slower.says);
    let lost = say(&twins(&[(500, Some(505)), (480, None), (490, Some(490))]));
    assert!(lost.outcome == Outcome::Failed && lost.says.contains("1 pairs in which only one generalises"), "{}", lost.says);
    assert_eq!(say(&plain(&[("grokked", 800, Some(500)); 3])).outcome, Outcome::NotApplicable);
}
