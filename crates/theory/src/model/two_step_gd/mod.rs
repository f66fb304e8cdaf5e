//! One and two large gradient steps on the first layer: spikes of the weight matrix (card `two-step-gd-spikes`).
//!
//! **Model.** f(x) = aᵀσ(Wᵀx), x ~ N(0, I_d), y = g(β·x) with E g² = 1; W₀ is d × N with columns on the unit sphere, a_j ~ N(0, 1/N) fixed. A step adds ηG(W; X, y),
//! G = Xᵀ[(y aᵀ) ∘ σ′(XW)]/n (correlation loss), with η₁ = N^α₁ and η₂ = N^α₂ (times `scale`), on a fresh batch or on the first one again.
//!
//! **Closed form.** To leading order the first step adds the rank-one η₁c₁ b̂aᵀ, b̂ = Xᵀy/n, c₁ = E σ′(z): a singular value s = η₁c₁√(m² + d/n), m = E[g(z)z], which
//! stands out of W₀'s bulk at √((1 + s²)(N/d + s²))/s if s⁴ > N/d. In the second step σ′ is expanded in the pre-activations' shift N^(α₁−½): rank-one terms of size
//! N^(α₂ − k(½ − α₁)), k = 0, 1, 2, … . Those with k ≤ ⌊α₂/(½ − α₁)⌋ grow. The paper's count is this floor; k = 0 is one more, merged with the first step's spike.
//!
//! **Exact or not.** All of it is asymptotic; at N = 500 a term whose exponent is 0.05 stands nowhere near the bulk's edge. So the count of outliers is shown, but the
//! claim is decided by exponents: singular values of the *update* W₂ − W₀ over a ladder of N, which needs no threshold.
//!
//! The simulator takes the two steps as they are defined. Singular values come from our own Golub–Kahan–Lanczos with full re-orthogonalisation: the largest ten of a
//! 500 × 500 matrix cost a hundredth of the dense decomposition that `faer` offers.
//!
//! Label-shuffled null: labels are permuted, which keeps their moments and cuts them from β. It still has a spike of k = 0, b̂ of length √(d/n): an outlier as such is
//! no proof of learning, its alignment is. The links `even` and `cubic` are bounded with information exponents 2 and 3; He₂ and He₃ make outliers of their tails.

mod closed;
mod show;
mod simulate;

use super::{Claim, Context, Model, TheoryError};
use crate::answer::{Answer, Finding, Quantity, Simulated};
use crate::numeric::{line, mean};
pub use closed::{Moments, above_eighth, edge, exponent, first_direction, moments, outliers_corrected, outliers_printed, spiked};
use pennydrop_registry::{Args, Default as Usual, Kind, Param, Row};
use simulate::{Network, Setting, Spectrum, network};

/// The row.
pub static MODEL: Model = Model {
    row: Row {
        name: "two-step-gd",
        summary: "outliers of the first layer after one and two large gradient steps (samples: networks at each width)",
        source: "two-step-gd-spikes (arXiv:2605.17767)",
        params: &[
            Param { key: "alpha1", kind: Kind::Float { min: 0.0, max: 0.49 }, default: Usual::Float(0.3), doc: "exponent of the first step size in N" },
            Param { key: "alpha2", kind: Kind::Float { min: 0.0, max: 0.49 }, default: Usual::Float(0.45), doc: "exponent of the second step size in N" },
            Param { key: "scale", kind: Kind::Float { min: 0.01, max: 100.0 }, default: Usual::Float(1.0), doc: "factor of both step sizes" },
            Param { key: "width", kind: Kind::Int { min: 80, max: 8000 }, default: Usual::Int(480), doc: "N; the ladder is N/4, N/2, N" },
            Param { key: "inputs", kind: Kind::Float { min: 0.1, max: 10.0 }, default: Usual::Float(1.0), doc: "d/N" },
            Param { key: "batch", kind: Kind::Float { min: 0.1, max: 10.0 }, default: Usual::Float(1.0), doc: "n/N" },
            Param {
                key: "link",
                kind: Kind::Choice(&["linear", "tanh", "even", "cubic", "he2", "he3"]),
                default: Usual::Str("linear"),
                doc: "g: z, tanh, a cosine (information exponent 2), two sines (3), He2, He3",
            },
            Param {
                key: "activation",
                kind: Kind::Choice(&["tanh-shifted", "tanh", "softplus-shifted"]),
                default: Usual::Str("tanh-shifted"),
                doc: "σ: tanh(z + 0.7), tanh(z), softplus(z + 1)",
            },
        ],
    },
    claims: &[
        Claim { card: "two-step-gd-spikes", number: "1", text: "The number of outliers after two steps is ⌊α₂/(½ − α₁)⌋." },
        Claim { card: "two-step-gd-spikes", number: "2", text: "One step makes one spike, aligned with β if and only if the information exponent is 1." },
        Claim { card: "two-step-gd-spikes", number: "3", text: "A reused batch aligns with β beyond information exponent 1, a fresh one does not." },
    ],
    samples: 3,
    answer,
};

/// Terms k = 0, … whose growth is fitted.
const TERMS: usize = 4;
/// An outlier is a singular value this much above the bulk's edge (the card's 2.1 for an edge of 2).
const CLEAR: f64 = 1.05;

/// What the ladder of widths shows.
struct Found<'a> {
    /// Settings, ascending in N.
    settings: Vec<Setting<'a>>,
    /// Networks of each.
    networks: Vec<Vec<Network>>,
    moments: Moments,
    alpha: [f64; 2],
}

impl Found<'_> {
    fn last(&self) -> (&Setting<'_>, &[Network]) {
        let i = self.settings.len() - 1;
        (&self.settings[i], &self.networks[i])
    }

    /// Mean of `f` over the networks of the largest width.
    fn at_top(&self, f: impl Fn(&Network) -> f64) -> Simulated {
        mean(&self.last().1.iter().map(f).collect::<Vec<_>>())
    }

    /// Slope of ln of singular value `k` of the update on ln N.
    fn growth(&self, policy: usize, k: usize) -> Simulated {
        let points = self
            .settings
            .iter()
            .zip(&self.networks)
            .flat_map(|(s, n)| n.iter().map(move |n| (libm::log(s.width as f64), libm::log(n.update[policy].values[k]))));
        line(&points.collect::<Vec<_>>()).slope
    }

    /// Bulk edge of W₂ at the largest width.
    fn edge(&self) -> f64 {
        let s = self.last().0;
        let (d, n, w) = (s.inputs as f64, s.batch as f64, s.width as f64);
        edge(w / d, d, n, w, s.eta[0] * s.eta[0] + s.eta[1] * s.eta[1], self.moments.slope_variance)
    }

    /// Number of singular values above `CLEAR` times the edge: the derived one, or what the eighth singular value says where that is higher (a bulk that the step has
    /// changed more than its noise alone would).
    fn standing(&self, spectrum: &Spectrum) -> usize {
        let s = self.last().0;
        let lift = above_eighth(s.width as f64 / s.inputs as f64, s.inputs as f64);
        let seen = spectrum.values.last().map_or(0.0, |v| v * lift);
        spectrum.values.iter().filter(|v| **v > CLEAR * self.edge().max(seen)).count()
    }

    fn count(&self, f: impl Fn(&Network) -> &Spectrum) -> Simulated {
        self.at_top(|n| self.standing(f(n)) as f64)
    }

    /// Length of β's projection on the `TERMS` leading left vectors of the update.
    fn beta_in_top(&self, policy: usize) -> Simulated {
        self.at_top(|n| n.update[policy].overlaps.iter().take(TERMS).map(|o| o * o).sum::<f64>().sqrt())
    }
}

fn answer(args: &Args, context: &Context) -> Result<Answer, TheoryError> {
    let moments = moments(args.str("link"), args.str("activation"));
    let samples = context.samples_or(MODEL.samples).max(1);
    let width = args.size("width");
    let settings: Vec<Setting> = [width / 4, width / 2, width].map(|w| Setting::new(args, w, moments.norm)).to_vec();
    if let Some(s) = settings.iter().find(|s| s.inputs < 16 || s.batch < 16) {
        let problem = format!("the ladder's first width {} has d = {} and n = {}", s.width, s.inputs, s.batch);
        return Err(TheoryError::parameter(args, "width", problem, "a width whose quarter leaves at least 16 inputs and 16 samples"));
    }
    // Widest first, so that workers end together.
    let all = context.map(3 * samples, |i| network(&settings[2 - i / samples], i % samples, i < samples, context))?;
    let mut networks: Vec<Vec<Network>> = all.chunks(samples).map(<[Network]>::to_vec).collect();
    networks.reverse();
    let found = Found { settings, networks, moments, alpha: [args.float("alpha1"), args.float("alpha2")] };
    let growth: Vec<Vec<Simulated>> = (0..2).map(|p| (0..TERMS).map(|k| found.growth(p, k)).collect()).collect();
    Ok(Answer {
        quantities: quantities(&found, &growth),
        charts: show::charts(&found),
        tables: vec![show::spectra(&found)],
        findings: findings(&found, &growth),
        notes: vec![
            format!("Outliers are singular values above {CLEAR} times the bulk's edge; the edge holds the gradients' noise (derived here)."),
            "Exponents are fitted to singular values of W₂ − W₀, where no bulk hides them; alternate k vanish for a symmetric σ′.".into(),
            "A label-shuffled batch still makes the k = 0 outlier: its direction is the sample's, not β's.".into(),
        ],
    })
}

fn quantities(found: &Found, growth: &[Vec<Simulated>]) -> Vec<Quantity> {
    let (s, _) = found.last();
    let m = &found.moments;
    let (c, dn) = (s.width as f64 / s.inputs as f64, s.inputs as f64 / s.batch as f64);
    let spike = s.eta[0] * m.slope * first_direction(m.linear, dn);
    let (sum, squares) = (s.eta[0] + s.eta[1], s.eta[0] * s.eta[0] + s.eta[1] * s.eta[1]);
    let [a1, a2] = found.alpha;
    let mut out = vec![
        Quantity::new("information_exponent", "smallest k with E[g He_k] ≠ 0").printed(m.information_exponent as f64),
        Quantity::new("first_outlier_one_step", "largest singular value of W₁").corrected(spiked(spike, c)).simulated(found.at_top(|n| n.one.values[0])),
        Quantity::new("alignment_one_step", "|u·β| of the largest singular vector of W₁ − W₀")
            .corrected(m.linear.abs() / first_direction(m.linear, dn))
            .simulated(found.at_top(|n| n.first.overlaps[0])),
        Quantity::new("alignment_fresh", "|u·β| of the largest singular vector of W₂ − W₀, fresh batch")
            .corrected(m.linear.abs() * sum / libm::sqrt(m.linear * m.linear * sum * sum + dn * squares))
            .simulated(found.at_top(|n| n.update[0].overlaps[0])),
        Quantity::new("edge", "bulk edge of W₂ (simulated: the largest singular value that does not stand out)")
            .corrected(found.edge())
            .simulated(found.at_top(|n| n.two[0].values[found.standing(&n.two[0])..].first().copied().unwrap_or(f64::NAN))),
        Quantity::new("outliers_one_step", "singular values of W₁ that stand out").printed(1.0).simulated(found.count(|n| &n.one)),
    ];
    for (name, policy) in [("outliers_fresh", 0), ("outliers_reused", 1), ("outliers_null", 2)] {
        let q = Quantity::new(name, "singular values of W₂ that stand out at this N (closed: N → ∞)").simulated(found.count(|n| &n.two[policy]));
        out.push(if policy < 2 { q.printed(outliers_printed(a1, a2) as f64).corrected(outliers_corrected(a1, a2) as f64) } else { q });
    }
    for (k, (fresh, reused)) in growth[0].iter().zip(&growth[1]).enumerate() {
        let doc = "growth exponent in N of a singular value of W₂ − W₀, number k from 0";
        out.push(Quantity::new(&format!("exponent_{k}_fresh"), doc).printed(exponent(a1, a2, k)).simulated(*fresh));
        out.push(Quantity::new(&format!("exponent_{k}_reused"), doc).printed(exponent(a1, a2, k)).simulated(*reused));
    }
    for (name, policy) in [("beta_in_update_fresh", 0), ("beta_in_update_reused", 1), ("beta_in_update_null", 2)] {
        let q = Quantity::new(name, "length of β's projection on the four leading left vectors of W₂ − W₀ (a random space: √(4/d))")
            .simulated(found.beta_in_top(policy));
        out.push(if policy == 2 { q.corrected(libm::sqrt(TERMS as f64 / s.inputs as f64)) } else { q });
    }
    out
}

fn findings(found: &Found, growth: &[Vec<Simulated>]) -> Vec<Finding> {
    let [a1, a2] = found.alpha;
    let (s, _) = found.last();
    let finding = |number: &str, found: String, agrees: Option<bool>| Finding { claim: format!("two-step-gd-spikes {number}"), found, agrees };
    let exponents = |p: usize| growth[p].iter().map(|g| format!("{:.2}", g.estimate)).collect::<Vec<_>>().join(", ");
    let predicted = (0..TERMS).map(|k| format!("{:.2}", exponent(a1, a2, k))).collect::<Vec<_>>().join(", ");
    // The count is decided where the growing terms' exponents are told from 0 by their intervals.
    let growing = growth[0].iter().filter(|g| g.low > 0.0).count();
    let open = growth[0].iter().any(|g| g.low <= 0.0 && g.high >= 0.0);
    let mut out = vec![finding(
        "1",
        format!(
            "⌊α₂/(½ − α₁)⌋ = {}, with k = 0 it is {}; exponents of W₂ − W₀ {} (fresh), {} (reused) for {predicted}; {growing} grow; at N = {} {:.1} (fresh) and {:.1} (reused) stand out of W₂",
            outliers_printed(a1, a2),
            outliers_corrected(a1, a2),
            exponents(0),
            exponents(1),
            s.width,
            found.count(|n| &n.two[0]).estimate,
            found.count(|n| &n.two[1]).estimate
        ),
        (!open).then_some(growing == outliers_printed(a1, a2)),
    )];
    let (aligned, null) = (found.at_top(|n| n.first.overlaps[0]).estimate, 1.0 / (s.inputs as f64).sqrt());
    let learned = aligned > 4.0 * null;
    let ie = found.moments.information_exponent;
    out.push(finding(
        "2",
        format!(
            "information exponent {ie}: overlap of the first step's direction with β {aligned:.3}, null {null:.3}; {:.1} outliers",
            found.count(|n| &n.one).estimate
        ),
        Some(learned == (ie == 1)),
    ));
    let [fresh, reused, shuffled] = [0, 1, 2].map(|p| found.beta_in_top(p));
    out.push(finding(
        "3",
        format!(
            "β in the update's four leading directions: {:.3} fresh, {:.3} reused, {:.3} with permuted labels",
            fresh.estimate, reused.estimate, shuffled.estimate
        ),
        // Decided where the intervals are apart.
        if ie <= 1 || fresh.samples < 2 {
            None
        } else if reused.low > fresh.high.max(shuffled.high) {
            Some(true)
        } else {
            (reused.high < fresh.low).then_some(false)
        },
    ));
    out
}

#[cfg(test)]
mod tests {
    use super::closed::{gaussian_mean, slope};
    use super::simulate::{TOP, normals, top};
    use super::*;
    use crate::numeric::Draws;
    use pennydrop_registry::Value;

    fn said(given: &[(&str, Value)], samples: usize) -> Result<Answer, TheoryError> {
        let args = Args::check("two-step-gd", &MODEL.row, given.iter().map(|(k, v)| (k.to_string(), v.clone())))?;
        answer(&args, &Context { samples: Some(samples), ..Context::default() })
    }

    fn quantity<'a>(said: &'a Answer, name: &str) -> &'a Quantity {
        said.quantities.iter().find(|q| q.name == name).unwrap_or_else(|| panic!("no {name}"))
    }

    #[test]
    fn counts_are_the_cards() {
        // (α₁, α₂), floor, and the card's own counts.
        for (a, floor, total) in [([0.0, 0.3], 0, 1), ([0.3, 0.15], 0, 1), ([0.3, 0.3], 1, 2), ([0.3, 0.45], 2, 3), ([0.3, 0.2], 1, 2)] {
            assert_eq!((outliers_printed(a[0], a[1]), outliers_corrected(a[0], a[1])), (floor, total), "{a:?}");
        }
    }

    #[test]
    fn links_have_their_information_exponents() {
        for (name, exponent) in [("linear", 1), ("tanh", 1), ("even", 2), ("cubic", 3), ("he2", 2), ("he3", 3)] {
            assert_eq!(moments(name, "tanh").information_exponent, exponent, "{name}");
        }
        assert!((moments("he2", "tanh").norm - 2f64.sqrt()).abs() < 1e-9 && (moments("he3", "tanh").norm - 6f64.sqrt()).abs() < 1e-9);
        // E[σ′σ″-odd] vanishes for tanh: E[z tanh′(z)] = 0, and not for the shifted one.
        assert!(gaussian_mean(|z| z * slope("tanh", z)).abs() < 1e-12 && gaussian_mean(|z| z * slope("tanh-shifted", z)).abs() > 0.1);
    }

    #[test]
    fn lanczos_finds_the_dense_singular_values() {
        let mut draws = Draws::new(1, 9, 0);
        let mut m = normals(60, 45, &mut draws);
        for i in 0..60 {
            for j in 0..45 {
                m[(i, j)] += 3.0 * f64::from(u8::from(i == 7)) + 2.0 * f64::from(u8::from(j == 3));
            }
        }
        let mut beta = vec![0.0; 60];
        beta[7] = 1.0;
        let dense = m.thin_svd().unwrap();
        let found = top(&m, &beta, &mut draws).unwrap();
        for k in 0..TOP {
            assert!((found.values[k] - dense.S()[k]).abs() < 1e-10, "{k}");
            assert!((found.overlaps[k] - dense.U()[(7, k)].abs()).abs() < 1e-7, "{k}");
        }
    }

    #[test]
    fn one_step_is_where_random_matrices_say() {
        let said = said(&[("width", Value::Int(320))], 6).unwrap();
        for name in ["first_outlier_one_step", "alignment_one_step", "alignment_fresh"] {
            let q = quantity(&said, name);
            let (closed, s) = (q.corrected.unwrap(), q.simulated.unwrap());
            // Six networks; corrections are of order N^(−1/2) and N^(α₁ − ½) squared.
            assert!((s.estimate / closed - 1.0).abs() < 0.08, "{name}: {closed} {s:?}");
        }
        assert_eq!(quantity(&said, "outliers_one_step").simulated.unwrap().estimate, 1.0);
        // A gradient of the k = 0 term alone would grow as N^0.45, and so would the update's largest value.
        let growth = quantity(&said, "exponent_0_fresh").simulated.unwrap();
        assert!((growth.estimate - 0.45).abs() < 0.1, "{growth:?}");
        let second = quantity(&said, "exponent_1_fresh").simulated.unwrap();
        assert!(second.estimate > 0.0 && second.high < growth.low, "{second:?}");
    }

    #[test]
    fn permuted_labels_are_not_aligned() {
        let said = said(&[("width", Value::Int(240))], 4).unwrap();
        let (fresh, null) = (quantity(&said, "beta_in_update_fresh").simulated.unwrap(), quantity(&said, "beta_in_update_null"));
        assert!(fresh.estimate > 0.6 && null.simulated.unwrap().estimate < 4.0 * null.corrected.unwrap(), "{fresh:?} {null:?}");
    }

    #[test]
    fn ladders_that_are_too_small_are_refused() {
        let error = said(&[("width", Value::Int(80)), ("inputs", Value::Float(0.2))], 1).unwrap_err();
        assert!(error.to_string().contains("two-step-gd.width"), "{error}");
    }
}
