//! What could be wrong with a verdict: checks that run by themselves and are shown with it.

use crate::claims::claim::{Part, Published};
use crate::claims::data::{Data, Run};
use crate::claims::rule::{Decision, Scale, Target, Verdict, decide};
use crate::claims::statistic::{Query, columns_of, paired, seeds};
use pennydrop_graph::rng::{Purpose, Stream};
use pennydrop_stats::{Bootstrap, quantile};

/// How a guard ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is wrong.
    Passed,
    /// Something is.
    Failed,
    /// It cannot be asked here.
    NotApplicable,
}

impl Outcome {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Failed => "failed",
            Outcome::NotApplicable => "not applicable",
        }
    }
}

/// One guard of one part.
#[derive(Debug, Clone, PartialEq)]
pub struct Guard {
    /// `identity`, `leak`, `horizon`, `precision`.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// With the number.
    pub says: String,
}

/// What the data of an experiment share between training and test: how the guard ends, and in words.
pub type Leak = (Outcome, String);

/// The budget's share at which the horizon guard looks.
const SHARE: f64 = 1.0 / 3.0;

/// The paper's number as the rule takes it.
pub fn target(part: &Part) -> Option<Target> {
    let value = match &part.published {
        Some(Published::Number(x)) => *x,
        // An order of which nothing is published is claimed of every seed.
        None if part.query.statistic.along => 1.0,
        _ => return None,
    };
    let width = part.published_interval.map(|(low, high)| (high - low) / (2.0 * 1.96));
    let exact = (part.exact || part.query.statistic.along).then_some(0.0);
    Some(Target { value, se: part.published_se.or(width).or(exact), margin: part.margin })
}

/// Estimates and decides a part on these results; or why not.
pub fn decide_part(part: &Part, query: &Query, data: &Data) -> Result<(crate::claims::rule::Estimate, Decision), String> {
    let estimate = query.estimate(data, part.published.as_ref()).map_err(|e| e.0)?;
    let n = data.select(&query.filter, query.twin).map_or(0, |r| seeds(&r));
    let decision = decide(&estimate, target(part), n);
    Ok((estimate, decision))
}

/// All guards of a part whose verdict is `verdict`; `absence`: the claim is that there is nothing to see; `leaks`: what its experiments' data share.
pub fn guards(part: &Part, verdict: Verdict, data: &Data, absence: bool, leaks: &[Leak]) -> Vec<Guard> {
    vec![identity(part, data, absence), leak(part, leaks), horizon(part, verdict, data), precision(part, verdict, data)]
}

/// Does the statistic hold at step 0 already, or with what it reads dealt out among the runs at random?
fn identity(part: &Part, data: &Data, absence: bool) -> Guard {
    let guard = |outcome, says: String| Guard { name: "identity", outcome, says };
    if absence {
        return guard(Outcome::NotApplicable, "where nothing is claimed to be, nothing at step 0 says no more".into());
    }
    let reads = part.query.columns().into_iter().find(|c| c.contains('@') && !c.ends_with("@start"));
    let Some(column) = reads else { return guard(Outcome::NotApplicable, "it reads no curve".into()) };
    let mut outcome = Outcome::NotApplicable;
    let mut says = Vec::new();
    let mut look = |changed: &Data, where_: &str| match decide_part(part, &part.query, changed) {
        Ok((e, d)) if d.verdict == Verdict::Reproduced => {
            outcome = Outcome::Failed;
            says.push(format!("{where_} it is {:.4} already", e.value));
        }
        Ok((e, _)) => {
            outcome = if outcome == Outcome::Failed { outcome } else { Outcome::Passed };
            says.push(format!("{where_} it is {:.4}", e.value));
        }
        Err(why) => says.push(format!("{where_}: {why}")),
    };
    let start = format!("{}@start", column.split('@').next().unwrap_or_default());
    if let (Some(from), Some(to)) = (data.measures.iter().position(|m| *m == start), data.measures.iter().position(|m| *m == column)) {
        let mut early = data.clone();
        early.runs.iter_mut().for_each(|r| r.measured[to] = r.measured[from]);
        look(&early, "at step 0");
    }
    let subject = subject(part);
    if !subject.is_empty() {
        look(&dealt(data, &subject), "with its columns dealt out among the runs at random");
    }
    if says.is_empty() {
        return guard(Outcome::NotApplicable, format!("`{start}` was not measured"));
    }
    guard(outcome, says.join("; "))
}

/// The measured columns that a statistic holds against something else, and none that it is held against: dealt out together they would still agree.
fn subject(part: &Part) -> Vec<String> {
    let args = &part.query.args;
    let words = match part.query.statistic.row.name {
        "fit" if !args.strs("with").is_empty() => args.strs("with"),
        "fit" => args.strs("on"),
        "correlation" => [args.str("of"), args.str("x")].into_iter().filter(|c| c.contains('@')).take(1).collect(),
        _ => Vec::new(),
    };
    columns_of(&words).into_iter().filter(|c| c.contains('@')).collect()
}

/// For each run these measured columns of another run, drawn once and for all; twins among themselves.
fn dealt(data: &Data, columns: &[String]) -> Data {
    let mut changed = data.clone();
    for twin in [false, true] {
        let own: Vec<usize> = (0..data.runs.len()).filter(|i| data.runs[*i].twin == twin).collect();
        let order = Stream::new(0, Purpose::Diagnostic, 0, 0).permutation(own.len());
        for (to, from) in own.iter().zip(order) {
            for at in columns.iter().filter_map(|c| data.measures.iter().position(|m| m == c)) {
                changed.runs[*to].measured[at] = data.runs[own[from as usize]].measured[at];
            }
        }
    }
    changed
}

/// Do training and test share examples, and does the statistic read held-out labels?
fn leak(part: &Part, leaks: &[Leak]) -> Guard {
    let mut says: Vec<String> = leaks.iter().map(|l| l.1.clone()).collect();
    let reads = part.query.columns().into_iter().find(|c| c.starts_with("test_"));
    says.extend(reads.iter().map(|c| format!("it reads `{c}`, which knows held-out labels")));
    let any = |o: Outcome| leaks.iter().any(|l| l.0 == o);
    let outcome = match () {
        () if reads.is_some() || any(Outcome::Failed) => Outcome::Failed,
        () if any(Outcome::NotApplicable) => Outcome::NotApplicable,
        () => Outcome::Passed,
    };
    Guard { name: "leak", outcome, says: says.join("; ") }
}

/// Would a third of the budget have said the same?
fn horizon(part: &Part, verdict: Verdict, data: &Data) -> Guard {
    let guard = |outcome, says: String| Guard { name: "horizon", outcome, says };
    match decide_part(part, &part.query, &data.cut(SHARE)) {
        Err(why) => guard(Outcome::NotApplicable, format!("at a third of the budget: {why}")),
        Ok((e, d)) => {
            let outcome = if d.verdict == verdict { Outcome::Passed } else { Outcome::Failed };
            guard(outcome, format!("at a third of the budget it is {:.4}, {} of {} censored: {}", e.value, e.censored, e.n, d.verdict.name()))
        }
    }
}

/// Do twins in double precision, but for the loss, take as long, and say the same?
fn precision(part: &Part, verdict: Verdict, data: &Data) -> Guard {
    let guard = |outcome, says: String| Guard { name: "precision", outcome, says };
    let (Ok(single), Ok(double)) = (data.select(&part.query.filter, false), data.select(&part.query.filter, true)) else {
        return guard(Outcome::NotApplicable, "no double-precision twins".into());
    };
    let twin_of = |r: &Run| double.iter().copied().find(|t| t.seeds == r.seeds && t.values == r.values);
    let both: Vec<(&Run, &Run)> = single.iter().filter_map(|r| Some((*r, twin_of(r)?))).collect();
    let ratios: Vec<f64> = both.iter().filter_map(|(a, b)| Some(libm::log(b.t_grok?.max(1) as f64 / a.t_grok?.max(1) as f64))).collect();
    let only = both.iter().filter(|(a, b)| a.t_grok.is_some() != b.t_grok.is_some()).count();
    if both.is_empty() {
        return guard(Outcome::NotApplicable, "no run has its double-precision twin".into());
    }
    let mut says = match ratios.len() {
        0 => format!("{} pairs, in none of which both generalise", both.len()),
        n => {
            let middle = |s: &[usize]| quantile(&s.iter().map(|i| ratios[*i]).collect::<Vec<_>>(), 0.5).unwrap_or(f64::NAN);
            match Bootstrap::default().plain(n, middle) {
                Ok(i) if n > 1 => format!("f64/f32 {:.2} [{:.2}, {:.2}] over {n} pairs", libm::exp(i.estimate), libm::exp(i.low), libm::exp(i.high)),
                _ => format!("f64/f32 {:.2} in one pair", libm::exp(ratios[0])),
            }
        }
    };
    if only > 0 {
        says += &format!("; {only} pairs in which only one generalises");
    }
    // Where the twins alone carry the statistic, it must say the same.
    let twins = Query { twin: true, ..part.query.clone() };
    let said = decide_part(part, &twins, data).ok().filter(|(e, _)| e.scale != Scale::Sign && paired(&single, &double).is_some());
    let apart = ratios.iter().any(|r| r.abs() > libm::log(1.25));
    let moved = said.as_ref().is_some_and(|(_, d)| d.verdict != verdict && d.verdict != Verdict::Inconclusive);
    if let Some((e, d)) = &said {
        says += &format!("; the twins alone say {:.4}: {}", e.value, d.verdict.name());
    }
    guard(if only > 0 || apart || moved { Outcome::Failed } else { Outcome::Passed }, says)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::{Claim, Ledger};

    /// Twelve settings of two seeds whose ln time is a line in a column, which stands for what was measured on trained networks.
    fn measured() -> Data {
        let head = "run_id,optim.lr,seed_init,seed_split,seed_batch,seed_noise,steps,budget,stop,t_mem,t_grok,wall_s,precision,norm@start,norm@600\n";
        let row = |i: usize| {
            let (lr, seed) = (i / 2, i % 2);
            let t = libm::floor(libm::exp(6.0 + 0.2 * lr as f64)) as u64 + seed as u64;
            format!("{i:016x},{lr},{seed},{seed},{seed},{seed},{t},9000,grokked,100,{t},1,f32,{},{}\n", 10 + seed, 20 + lr)
        };
        Data::parse(&(head.to_string() + &(0..24).map(row).collect::<String>())).unwrap()
    }

    fn part(statistic: &str, kind: &str, published: &str) -> Part {
        let text = format!(
            "paper = 'x'\nnumber = '1'\nplace = 'here'\nclaim = 'c'\nkind = '{kind}'\ngeneralising = 'delayed generalisation'\nstrength = 'close'\nsetting = 's'\n\
             [[part]]\nname = 'p'\nexperiment = 'e'\nstatistic = {statistic}\npublished = {published}\npublished_se = 0.0\n"
        );
        Claim::parse(&text).unwrap().parts[0].clone()
    }

    #[test]
    fn an_explained_time_is_no_identity_unless_any_column_explains_it() {
        let data = measured();
        let explained = part("{ name = 'fit', on = ['norm@600'] }", "number", "0.999");
        let g = identity(&explained, &data, false);
        assert_eq!(g.outcome, Outcome::Passed, "{}", g.says);
        assert!(g.says.contains("at random"), "{}", g.says);
        // A column that is the same for all explains nothing: an R² of 0 is there at step 0, and with any column.
        let nothing = Part { margin: Some(0.6), ..part("{ name = 'fit', on = ['norm@600'] }", "number", "0.3") };
        assert_eq!(identity(&nothing, &data, false).outcome, Outcome::Failed);
        assert_eq!(identity(&nothing, &data, true).outcome, Outcome::NotApplicable);
    }

    #[test]
    fn two_columns_that_go_together_do_so_no_more_once_one_is_dealt_out() {
        let mut data = measured();
        data.measures.push("norm@700".into());
        data.runs.iter_mut().for_each(|r| r.measured.push(r.measured[1].map(|x| 2.0 * x)));
        let together = Part { margin: Some(0.2), ..part("{ name = 'correlation', of = 'norm@600', x = 'norm@700', how = 'pearson' }", "number", "1.0") };
        let (e, d) = decide_part(&together, &together.query, &data).unwrap();
        assert!(e.value > 0.999 && d.verdict == Verdict::Reproduced, "{e:?}");
        let g = identity(&together, &data, false);
        assert_eq!(g.outcome, Outcome::Passed, "{}", g.says);
    }

    #[test]
    fn shared_examples_are_counted() {
        let ledger = Ledger::embedded().unwrap();
        let (shared, says) = ledger.experiments["mediation"].leakage().unwrap();
        // 59² pairs, two fifths of them trained on; of a + b most have their mirror image somewhere.
        assert!(shared == Outcome::Passed && says.starts_with("0 of 2089 test examples") && says.contains("mirror"), "{says}");
        let time = part("{ name = 'time' }", "number", "500");
        assert_eq!(leak(&time, &[(shared, says)]).outcome, Outcome::Passed);
        assert_eq!(leak(&time, &[(Outcome::Failed, "3 of 9".into())]).outcome, Outcome::Failed);
        // What cannot be counted is not called clean; a column that knows the answer fails all the same.
        let unknown = [(Outcome::NotApplicable, "drawn anew".to_string())];
        assert_eq!(leak(&time, &unknown).outcome, Outcome::NotApplicable);
        let knows = part("{ name = 'value', of = 'test_loss@end' }", "number", "0.5");
        assert_eq!(leak(&knows, &unknown).outcome, Outcome::Failed);
    }

    #[test]
    fn a_share_that_a_third_of_the_budget_hides_fails_at_the_horizon() {
        // Times from 403 to 3,638 of a budget of 9,000, a third of which is 3,000.
        let data = measured();
        let all = Part { margin: Some(0.15), ..part("{ name = 'share' }", "existence", "1.0") };
        let (e, d) = decide_part(&all, &all.query, &data).unwrap();
        assert_eq!((e.value, d.verdict), (1.0, Verdict::Reproduced));
        let g = horizon(&all, d.verdict, &data);
        assert_eq!(g.outcome, Outcome::Failed, "{}", g.says);
        let first = part("{ name = 'time', where = { 'optim.lr' = 0 } }", "number", "403");
        assert_eq!(horizon(&first, Verdict::Reproduced, &data).outcome, Outcome::Passed);
    }
}
