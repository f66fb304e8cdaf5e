//! The modular part: the action of one frequency beside descents in all weights.

use super::modular::{Modular, Neuron};
use crate::answer::{Answer, Finding, Quantity, Simulated, Table};
use crate::model::{Context, TheoryError};
use crate::numeric::Draws;
use pennydrop_figure::chart::{Axis, Chart, Look, Mark};

/// Starts of descents.
const LANE: u32 = 0x713;
/// Modulus of the descents: a small prime, since S/P does not depend on P.
const MODULUS: usize = 11;
/// Amplitudes of the starts, in units of that of the side well at degeneracy.
const STARTS: [f64; 3] = [0.6, 1.0, 1.8];

/// The lowest S/(2P) that descents from strong waves reach, with Φ of w and v there.
fn deepest(drive: f64, gamma: f64, scale: f64, draws: &mut Draws) -> (f64, f64, f64) {
    let neuron = Neuron { p: MODULUS, drive, gamma };
    let found = STARTS.map(|a| neuron.descend(a * scale, draws));
    let best = found.into_iter().filter(|x| x.1 + x.2 > 1e-3 * scale * scale).min_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or((f64::INFINITY, 0.0, 0.0), |(e, w, v)| (e / (2.0 * MODULUS as f64), w, v))
}

/// ua² at which the descents' side well passes through the depth of the well at 0: bisection, to five digits.
fn crossing(gamma: f64, scale: f64, draws: &mut Draws) -> f64 {
    let (mut low, mut high) = (0.0, 4.0 * gamma.sqrt());
    for _ in 0..18 {
        let middle = 0.5 * (low + high);
        if deepest(middle, gamma, scale, draws).0 < 0.0 { high = middle } else { low = middle }
    }
    0.5 * (low + high)
}

pub(super) fn report(s: &Modular, context: &Context) -> Result<Answer, TheoryError> {
    // A wave 2√Φ·cos has |ŵ_k|² = Φ.
    let scale = 2.0 * s.phi_degenerate().sqrt();
    let runs = context.map(2, |task| {
        let mut draws = context.draws(LANE, task);
        Ok(if task == 0 { deepest(s.drive(), s.gamma, scale, &mut draws) } else { (crossing(s.gamma, scale, &mut draws), 0.0, 0.0) })
    })?;
    let ((energy, phi_w, phi_v), met) = (runs[0], runs[1].0);
    let square = s.residual * s.residual;
    let (u_c, sigma_c) = (s.u_degenerate(), s.sigma2_at(s.u_degenerate()));
    let well = s.side_well();

    let q = |name: &str, doc: &str| Quantity::new(name, doc);
    let mut well_q = q("side_well_phi", "Φ = w_kw_{−k} of the side well");
    let mut well_s = q("side_well_action", "S/(2P) of the side well; S = 0 without learning");
    if let Some(phi) = well {
        well_q = well_q.corrected(phi);
        well_s = well_s.corrected(s.action(phi));
    }
    if phi_w > 0.0 {
        well_q = well_q.simulated(Simulated { estimate: 0.5 * (phi_w + phi_v), low: phi_w.min(phi_v), high: phi_w.max(phi_v), samples: STARTS.len() });
        well_s = well_s.simulated(Simulated { samples: STARTS.len(), ..Simulated::exact(energy) });
    }
    let quantities = vec![
        q("u", "control parameter 2σ_a²P²/(Nσ⁴)").printed(s.u()),
        well_q,
        well_s,
        q("u_degenerate", "u at which the side well is as deep as 0, (ua²)² = 4γ/3").corrected(u_c).simulated(Simulated::exact(met / square)),
        q("phi_degenerate", "Φ of the side well there, √(3/γ)").corrected(s.phi_degenerate()),
        q("sigma2_degenerate", "σ² there; the paper reads .227").printed(0.227).corrected(sigma_c).simulated(Simulated::exact(s.sigma2_at(met / square))),
        q("u_spinodal", "u at which a side well appears, ua² = √γ").corrected(s.u_spinodal()),
        q("sigma2_spinodal", "σ² there").corrected(s.sigma2_at(s.u_spinodal())),
    ];
    let findings = vec![Finding {
        claim: "rubin-first-order 4".into(),
        found: format!(
            "the wells are equally deep at σ² = {sigma_c:.4} (u = {u_c:.5}), {:.1} % above .227; descents in all weights cross at σ² = {:.4}",
            100.0 * (sigma_c / 0.227 - 1.0),
            s.sigma2_at(met / square)
        ),
        agrees: Some((sigma_c / 0.227 - 1.0).abs() < 0.05),
    }];
    let top = 1.8 * s.phi_degenerate();
    let curve = |m: &Modular| (0..=300).map(|i| top * f64::from(i) / 300.0).map(|phi| (phi, m.action(phi))).collect::<Vec<_>>();
    let at = |sigma2: f64| Modular { sigma2, ..*s };
    let mut marks = vec![Mark::line("this σ²", Look::Closed, curve(s))];
    for (k, (sigma2, what)) in [(s.sigma2_at(s.u_spinodal()), "well appears"), (sigma_c, "equally deep"), (0.95 * sigma_c, "deeper")].into_iter().enumerate() {
        marks.push(Mark::line(&format!("σ² = {sigma2:.3}, {what}"), Look::Group(k as u8 + 1), curve(&at(sigma2))));
    }
    if phi_w > 0.0 {
        marks.push(Mark::points("descent at this σ²", Look::Simulated, vec![(0.5 * (phi_w + phi_v), energy)]));
    }
    let sigmas: Vec<f64> = (0..=60).map(|i| sigma_c * (1.1 - 0.6 * f64::from(i) / 60.0)).collect();
    let sampled: Vec<f64> = (0..7).map(|i| sigma_c * (1.05 - 0.5 * f64::from(i) / 6.0)).collect();
    let descended = context.map(sampled.len(), |i| Ok(deepest(at(sampled[i]).drive(), s.gamma, scale, &mut context.draws(LANE, 10 + i)).0))?;
    let depth = Chart {
        title: "Depth of the side well".into(),
        x: Axis::linear("σ²"),
        y: Axis::linear("S/(2P)").including(0.0),
        marks: vec![
            Mark::Horizontal { name: "the well at 0".into(), look: Look::Null, y: 0.0 },
            Mark::line(
                "action of one frequency",
                Look::Closed,
                sigmas.iter().map(|x| (*x, at(*x).side_well().map_or(f64::NAN, |phi| at(*x).action(phi)))).collect(),
            ),
            Mark::points(
                "descents in all weights",
                Look::Simulated,
                sampled.iter().zip(&descended).filter(|x| x.1.is_finite()).map(|(x, e)| (*x, *e)).collect(),
            ),
            Mark::Vertical { name: "equally deep".into(), look: Look::Printed, x: sigma_c },
        ],
        note: format!("Descents at P = {MODULUS}; S/P does not depend on P."),
    };
    let table = Table {
        title: "Depth of the side well".into(),
        columns: ["σ²", "u", "S/(2P), one frequency", "S/(2P), descents in all weights"].map(String::from).into(),
        rows: sampled
            .iter()
            .zip(&descended)
            .map(|(x, e)| {
                let m = at(*x);
                vec![(*x).into(), m.u().into(), m.side_well().map(|phi| m.action(phi)).into(), Some(*e).filter(|e| e.is_finite()).into()]
            })
            .collect(),
    };
    Ok(Answer {
        quantities,
        charts: vec![Chart { title: "Action of one frequency".into(), x: Axis::linear("Φ"), y: Axis::linear("S/(2P)"), marks, note: String::new() }, depth],
        tables: vec![table],
        findings,
        notes: vec![
            "u's constant follows from the readout's coupling and Parseval's identity, σ_a²/(2Nσ⁴)·Σ_c(…)² = P·u·Σ_k|ŵ_k|²|v̂_k|²; the descents count the left side out over all pairs and outputs.".into(),
            "The residual is held at its value: its movement from −1 to −.7 through learning, and so where GMFL-II begins, is not computed here.".into(),
        ],
    })
}
