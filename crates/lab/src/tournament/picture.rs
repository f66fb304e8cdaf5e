//! A tournament as a picture: survival curves of the judging seeds, and restricted means in both units.

use crate::Error;
use crate::tournament::arms::Tournament;
use crate::tournament::judge::{Outcome, Standing};
use crate::tournament::words::{flop, p_is};
use crate::view::summary::CONFIDENCE;
use crate::view::survival::group;
use crate::words::count;
use pennydrop_figure::{Estimate, Restricted, Source, SurvivalGroup, SurvivalOptions, survival_svg};

fn name(s: &Standing) -> String {
    match (s.leaks.is_empty(), s.unmatched.is_empty()) {
        (true, true) => s.name.clone(),
        (false, _) => format!("{} (leak)", s.name),
        (true, false) => format!("{} (not matched)", s.name),
    }
}

/// The picture as SVG.
///
/// # Errors
/// The estimate cannot be made.
pub fn draw(t: &Tournament, outcome: &Outcome, campaign: &str, command: &str) -> Result<String, Error> {
    let groups = outcome.arms.iter().map(|s| group(&name(s), &s.units[0].times)).collect::<Result<Vec<SurvivalGroup>, Error>>()?;
    let panel = |u: usize, label: String| -> Result<Restricted, Error> {
        let value = |s: &Standing| -> Result<Option<Estimate>, Error> {
            let Some(m) = s.units[u].mean else { return Ok(None) };
            let (low, high) = m.interval(CONFIDENCE)?;
            Ok(Some(Estimate { value: m.mean, low, high }))
        };
        Ok(Restricted { label, values: outcome.arms.iter().map(value).collect::<Result<_, _>>()? })
    };
    let restricted = vec![
        panel(0, format!("mean of min(t_grok, {}), in steps", count(t.budget())))?,
        panel(1, format!("mean of min(t_grok, {}), in FLOP of training", flop(outcome.horizons[1])))?,
    ];
    let mut note = vec![format!(
        "Each arm tuned on {} settings × {} seeds; its best judged on {} other seeds. Delays are not judged: slowing memorisation shortens them.",
        t.terms.settings, t.terms.seeds, t.terms.judge
    )];
    if let Some(l) = &outcome.log_rank[0] {
        note.push(format!("log-rank in steps, arms in competition: χ² = {:.2} with {} df, {}", l.statistic, l.df, p_is(l.p)));
    }
    for s in &outcome.arms {
        note.extend(s.leaks.iter().chain(&s.unmatched).map(|l| format!("{} is out of competition: {l}", s.name)));
    }
    let runs: Vec<String> = outcome.arms.iter().flat_map(|s| s.ids.iter().cloned()).collect();
    let options = SurvivalOptions {
        title: format!("{}: {}", t.base.label, t.arms.iter().map(|a| a.name.as_str()).collect::<Vec<_>>().join(" against ")),
        note,
        y_label: "share of runs that have not generalised (t_grok)".into(),
        horizon: Some(t.budget() as f64),
        confidence: CONFIDENCE,
        width: 920.0,
        restricted,
        source: Source { campaign: campaign.into(), command: command.into(), count: runs.len(), runs },
        ..SurvivalOptions::default()
    };
    Ok(survival_svg(&groups, &options))
}
