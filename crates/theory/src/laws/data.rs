//! Laws in the size of the training set.

use super::{Constant, Law, Measured, NotApplicable, positive};

/// The laws of this file.
pub const LAWS: &[Law] = &[
    Law {
        name: "percolation",
        formula: "t_grok = a/(D − D_c)",
        source: "gokhale-semantic-landscape",
        reads: "D, the number of training examples",
        domain: "D > D_c; at or below D_c the law says: never",
        constants: &[
            Constant { name: "a", doc: "steps times examples", printed: None, start: 1e6 },
            Constant { name: "D_c", doc: "examples", printed: None, start: 100.0 },
        ],
        predict: percolation,
    },
    Law {
        name: "data-power",
        formula: "t_grok = a·r^(−γ) + b",
        source: "notsawo-loss-landscape",
        reads: "r, the share of all examples that is trained on, in (0, 1]",
        domain: "one task, network and optimizer. The printed constants (γ = 7.73, a = 1.09e15, b = 1442.63 for addition) fit neither a share nor per cent, so they are calibrated anew",
        constants: &[
            Constant { name: "a", doc: "steps", printed: None, start: 10.0 },
            Constant { name: "gamma", doc: "exponent", printed: None, start: 4.0 },
            Constant { name: "b", doc: "steps", printed: None, start: 100.0 },
        ],
        predict: power,
    },
];

fn percolation(m: &Measured, c: &[f64]) -> Result<f64, NotApplicable> {
    let data = positive(m.data, "the number of training examples")?;
    if data <= c[1] {
        return Err(NotApplicable(format!("D = {data} is not above D_c = {:.1}: no path to the generalising solution", c[1])));
    }
    Ok(c[0] / (data - c[1]))
}

fn power(m: &Measured, c: &[f64]) -> Result<f64, NotApplicable> {
    let fraction = positive(m.fraction, "the data fraction")?;
    if fraction > 1.0 {
        return Err(NotApplicable(format!("r = {fraction} is no share")));
    }
    Ok(c[0] * libm::pow(fraction, -c[1]) + c[2])
}

/// Where two efficiencies cross: `varma-circuit-efficiency`.
///
/// The memorising circuit loses efficiency (correct-logit margin per unit of ½‖θ‖²) as there are more examples to keep, the generalising one does not; weight
/// decay prefers the more efficient, so generalisation wins above the size at which they cross. `memorising` are `(D, efficiency)` of networks trained on
/// random labels, `generalising` is the efficiency of a network with nothing to memorise. The crossing is interpolated in ln D and ln efficiency between the
/// first neighbours that bracket it. The paper's toy also has it that neither D_crit nor the order depends on λ.
///
/// # Errors
/// Fewer than two sizes, a value that is not above 0, or no crossing inside the measured range (the message says on which side it lies).
pub fn critical_data_size(memorising: &[(f64, f64)], generalising: f64) -> Result<f64, NotApplicable> {
    let mut points = memorising.to_vec();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    if points.len() < 2 {
        return Err(NotApplicable(format!("{} sizes were measured, and a crossing needs two", points.len())));
    }
    if !(generalising > 0.0 && points.iter().all(|p| p.0 > 0.0 && p.1 > 0.0 && p.1.is_finite())) {
        return Err(NotApplicable("an efficiency or a size is not above 0".into()));
    }
    let gap = |p: &(f64, f64)| libm::log(p.1 / generalising);
    for pair in points.windows(2) {
        let (a, b) = (gap(&pair[0]), gap(&pair[1]));
        if a >= 0.0 && b < 0.0 {
            let share = a / (a - b);
            return Ok(libm::exp(libm::log(pair[0].0) + share * libm::log(pair[1].0 / pair[0].0)));
        }
    }
    let side = if gap(&points[0]) < 0.0 { "below the smallest" } else { "above the largest" };
    Err(NotApplicable(format!("the efficiencies do not cross within the measured sizes: D_crit lies {side}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::tests::run;

    /// The walk that the law stands for: a path to the goal exists with a rate in proportion to D − D_c, and the mean waiting time of that walk is 1/rate.
    #[test]
    fn percolation_is_the_mean_waiting_time_of_its_walk() {
        let (d_c, r0) = (100.0, 1e-6);
        for d in [200.0, 1_000.0] {
            let rate = r0 * (d - d_c);
            let mut draws = crate::numeric::Draws::new(1, 0, d as u64);
            let n = 40_000;
            let mean = (0..n).map(|_| draws.exponential() / rate).sum::<f64>() / f64::from(n);
            let law = percolation(&Measured { data: Some(d), ..run() }, &[1.0 / r0, d_c]).unwrap();
            assert!((mean / law - 1.0).abs() < 5.0 / libm::sqrt(f64::from(n)), "{mean} for {law}");
        }
        assert!(percolation(&Measured { data: Some(100.0), ..run() }, &[1e6, 100.0]).unwrap_err().0.contains("no path"));
    }

    /// The card's check of the print: with r in per cent the constants give 1523 (addition) and 18,297 (S5) at one half; with r as a share, numbers without sense.
    #[test]
    fn the_printed_constants_fit_no_unit() {
        let at = |r: f64, c: &[f64; 3]| c[0] * libm::pow(r, -c[1]) + c[2];
        let (addition, s5) = ([1.09e15, 7.73, 1_442.63], [1.85e6, 1.18, 0.0]);
        assert!((at(50.0, &addition) - 1_523.0).abs() < 1.0 && (at(50.0, &s5) - 18_297.0).abs() < 20.0, "{} {}", at(50.0, &addition), at(50.0, &s5));
        let as_share = power(&run(), &addition).unwrap();
        assert!(as_share > 1e17, "{as_share}");
    }

    #[test]
    fn efficiencies_cross_where_they_are_equal() {
        // E_mem = 40 D^(−1/2) meets E_gen = 2 at D = 400.
        let memorising: Vec<(f64, f64)> = [100.0, 300.0, 900.0, 2_700.0].map(|d| (d, 40.0 / libm::sqrt(d))).to_vec();
        assert!((critical_data_size(&memorising, 2.0).unwrap() - 400.0).abs() < 1e-9);
        assert!(critical_data_size(&memorising, 0.1).unwrap_err().0.contains("above the largest"));
        assert!(critical_data_size(&memorising, 5.0).unwrap_err().0.contains("below the smallest"));
        assert!(critical_data_size(&memorising[..1], 2.0).is_err() && critical_data_size(&memorising, 0.0).is_err());
    }
}
