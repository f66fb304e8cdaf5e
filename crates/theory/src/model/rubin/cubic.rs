//! The action of a first-layer weight along the teacher's direction, with its self-consistent residuals: closed forms.

use std::f64::consts::PI;

/// Sizes of the network and its prior, as the paper names them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cubic {
    /// Noise variance: the temperature and the ridge.
    pub sigma2: f64,
    /// Training examples.
    pub n: f64,
    /// Input dimension.
    pub d: f64,
    /// Hidden neurons N.
    pub width: f64,
    /// The teacher is y = z + ε(z³ − 3z) with z = w*·x, ‖w*‖ = 1.
    pub eps: f64,
    /// w ~ N(0, σ_w²/d) in each coordinate.
    pub sigma_w2: f64,
    /// a ~ N(0, σ_a²/N) in each neuron; the paper's σ_a² is 8/N.
    pub sigma_a2: f64,
}

/// What is not yet learned: the teacher minus the mean output is b·z + c·(z³ − 3z) where the theory holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Residuals {
    /// Of the linear part; 1 before training.
    pub b: f64,
    /// Of the cubic part; ε before training.
    pub c: f64,
}

/// Which form of the self-consistent equations is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// 2q²/(πD) in the linear entry of Q̃, and no prefactor σ²/n.
    Printed,
    /// 4q²/(πD), which the Gaussian integrals give, and the prefactor σ²/n, without which the residuals are not those of a regression.
    Corrected,
}

/// A stationary point of the action at q > 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stationary {
    /// Where.
    pub q: f64,
    /// S/d there (S(0) = 0).
    pub action: f64,
    /// Whether it is a minimum.
    pub well: bool,
}

/// Phases, read off the stationary points of S at given residuals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Gaussian feature learning: q = 0 is a minimum and no side well is as deep.
    Gfl,
    /// Gaussian mixture feature learning I: q = 0 is a minimum, and a side well is at least as deep.
    GmflI,
    /// Gaussian mixture feature learning II: q = 0 is no minimum any more.
    GmflII,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Phase::Gfl => "GFL",
            Phase::GmflI => "GMFL-I",
            Phase::GmflII => "GMFL-II",
        })
    }
}

/// Coexistence in the limit β → ∞: a share of the neurons sits in the side wells, and its learning keeps them exactly as deep as the well at 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Droplet {
    /// Share of neurons in the side wells.
    pub share: f64,
    /// Where the side wells are.
    pub q: f64,
    /// The residuals.
    pub residuals: Residuals,
}

/// The solution at finite d.
#[derive(Debug, Clone, PartialEq)]
pub struct SelfConsistent {
    /// The residuals.
    pub residuals: Residuals,
    /// Largest deviation of the two equations.
    pub error: f64,
    /// Iterations.
    pub iterations: usize,
}

/// Points of the grid over q that averages are taken on.
const GRID: usize = 4_001;

impl Cubic {
    /// The control parameter u = n²σ_a²/(σ⁴·d·N).
    pub fn u(&self) -> f64 {
        self.n * self.n * self.sigma_a2 / (self.sigma2 * self.sigma2 * self.d * self.width)
    }

    /// The network scaled by β and α as in the paper: N → βN, d → √β·d, σ_a² → σ_a²/√β, σ² → (α/β)σ², n → αn. u does not change.
    pub fn scaled(&self, beta: f64, alpha: f64) -> Cubic {
        let root = beta.sqrt();
        Cubic { sigma2: alpha / beta * self.sigma2, n: alpha * self.n, d: root * self.d, width: beta * self.width, sigma_a2: self.sigma_a2 / root, ..*self }
    }

    fn denominator(&self, q: f64) -> f64 {
        1.0 + 2.0 * (self.sigma_w2 + q * q)
    }

    /// S(q)/d = q²/(2σ_w²) − (2u/π)·(q²/D)·(b − 2c·q²/D)², D = 1 + 2(σ_w² + q²).
    pub fn action(&self, q: f64, r: Residuals) -> f64 {
        let t = q * q / self.denominator(q);
        let overlap = r.b - 2.0 * r.c * t;
        q * q / (2.0 * self.sigma_w2) - 2.0 * self.u() / PI * t * overlap * overlap
    }

    /// The curvature of S/d at 0: 1/σ_w² − (4u/π)·b²/(1 + 2σ_w²).
    pub fn curvature(&self, b: f64) -> f64 {
        1.0 / self.sigma_w2 - 4.0 * self.u() / PI * b * b / self.denominator(0.0)
    }

    /// Stationary points at q > 0, ascending. In t = q²/D, which is in 0..½, they are where
    /// D₀/(2σ_w²(1 − 2t)²) = (2u/π)(b − 2ct)(b − 6ct), with D₀ = 1 + 2σ_w².
    pub fn stationary(&self, r: Residuals) -> Vec<Stationary> {
        let (d0, u) = (self.denominator(0.0), self.u());
        let slope = |t: f64| {
            let open = 1.0 - 2.0 * t;
            d0 / (2.0 * self.sigma_w2) - 2.0 * u / PI * (r.b - 2.0 * r.c * t) * (r.b - 6.0 * r.c * t) * open * open
        };
        let steps = 2_000;
        let at = |i: usize| 0.5 * i as f64 / steps as f64;
        let mut found = Vec::new();
        for i in 0..steps {
            let (mut low, mut high) = (at(i).max(1e-9), at(i + 1));
            let rising = slope(low) < 0.0;
            if rising == (slope(high) < 0.0) {
                continue;
            }
            for _ in 0..80 {
                let middle = 0.5 * (low + high);
                if (slope(middle) < 0.0) == rising { low = middle } else { high = middle }
            }
            let t = 0.5 * (low + high);
            let q = (t * d0 / (1.0 - 2.0 * t)).sqrt();
            found.push(Stationary { q, action: self.action(q, r), well: rising });
        }
        found
    }

    /// The deepest side well, if there is one.
    pub fn side_well(&self, r: Residuals) -> Option<Stationary> {
        self.stationary(r).into_iter().filter(|s| s.well).min_by(|a, b| a.action.total_cmp(&b.action))
    }

    /// The phase at given residuals.
    pub fn phase(&self, r: Residuals) -> Phase {
        if self.curvature(r.b) <= 0.0 {
            Phase::GmflII
        } else if self.side_well(r).is_some_and(|s| s.action <= 0.0) {
            Phase::GmflI
        } else {
            Phase::Gfl
        }
    }

    /// The limit β → ∞ without a droplet: c = ε, and b = 1/(1 + g/(1/σ_w² − (4u/π)b²/(1 + 2σ_w²))) with g = (n/σ²)σ_a²·4/(π(1 + 2σ_w²)d): the well at 0 is
    /// Gaussian, with ⟨q²⟩ = 1/(d·curvature). The curvature is positive at the solution, so q = 0 always stays a minimum.
    pub fn limit(&self) -> Residuals {
        let d0 = self.denominator(0.0);
        let g = self.n / self.sigma2 * self.sigma_a2 * 4.0 / (PI * d0 * self.d);
        // b(1 + g/curvature(b)) rises from 0 and reaches 1 before the curvature vanishes.
        let (mut low, mut high) = (0.0, (PI * d0 / (4.0 * self.u() * self.sigma_w2)).sqrt().min(1.0));
        for _ in 0..200 {
            let b = 0.5 * (low + high);
            let curvature = self.curvature(b);
            if curvature > 0.0 && b * (1.0 + g / curvature) < 1.0 { low = b } else { high = b }
        }
        Residuals { b: 0.5 * (low + high), c: self.eps }
    }

    /// The same network at another σ².
    pub fn at(&self, sigma2: f64) -> Cubic {
        Cubic { sigma2, ..*self }
    }

    /// The σ² below which a side well is deeper than the well at 0, in the limit β → ∞; `None` if there is none in 10⁻⁴..10² of the present σ².
    pub fn transition(&self) -> Option<f64> {
        let depth = |s: f64| {
            let c = self.at(s);
            c.side_well(c.limit()).map_or(1.0, |w| w.action)
        };
        self.bisect(|s| depth(s) <= 0.0)
    }

    /// The σ² below which a side well exists at all (the spinodal), in the limit β → ∞.
    pub fn spinodal(&self) -> Option<f64> {
        self.bisect(|s| {
            let c = self.at(s);
            c.side_well(c.limit()).is_some()
        })
    }

    /// The largest σ² at which `holds`, looked for downwards.
    fn bisect(&self, holds: impl Fn(f64) -> bool) -> Option<f64> {
        let steps = 240;
        let at = |i: usize| self.sigma2 * libm::exp10(2.0 - 6.0 * i as f64 / steps as f64);
        let first = (0..=steps).find(|&i| holds(at(i)))?;
        let (mut yes, mut no) = (at(first), at(first.saturating_sub(1)));
        for _ in 0..60 {
            let middle = 0.5 * (yes + no);
            if holds(middle) { yes = middle } else { no = middle }
        }
        Some(yes)
    }

    /// Coexistence below the transition. S(q*) = S(0) and S′(q*) = 0 leave one family of residuals, b = r(1 − 3t)/(1 − 2t) and c = −r/(2(1 − 2t)) with t = q*²/D and
    /// r² = πD₀/(4uσ_w²(1 − 2t)); the two regression equations, with Q̃ of a share of neurons at ±q* and the rest in the Gaussian well, fix t and the share.
    /// `None` above the transition, where the share would be negative.
    pub fn droplet(&self) -> Option<Droplet> {
        // Far above the transition the equations have a second root, with most neurons at a small q, to which no well leads.
        if self.phase(self.limit()) == Phase::Gfl {
            return None;
        }
        let (d0, u, strength) = (self.denominator(0.0), self.u(), self.n / self.sigma2 * self.sigma_a2);
        let at = |t: f64| {
            let r = (PI * d0 / (4.0 * u * self.sigma_w2 * (1.0 - 2.0 * t))).sqrt() * -self.eps.signum();
            let (b, c) = (r * (1.0 - 3.0 * t) / (1.0 - 2.0 * t), -r / (2.0 * (1.0 - 2.0 * t)));
            // Overlaps of a neuron at q* with z and with the normalised third Hermite polynomial.
            let (first, third) = (2.0 * (t / PI).sqrt(), -4.0 * t * t.sqrt() / (6.0 * PI).sqrt());
            let share = 6.0f64.sqrt() * (self.eps - c) / (strength * third * first * r);
            let gaussian = strength * 4.0 / (PI * d0 * self.d * self.curvature(b));
            (
                b + (1.0 - share) * gaussian * b + share * strength * first * first * r - 1.0,
                Droplet { share, q: (t * d0 / (1.0 - 2.0 * t)).sqrt(), residuals: Residuals { b, c } },
            )
        };
        let steps = 2_000;
        let grid = |i: usize| 0.5 * (i as f64 + 0.5) / steps as f64;
        (0..steps - 1).rev().find_map(|i| {
            let (mut low, mut high) = (grid(i), grid(i + 1));
            let rising = at(low).0 < 0.0;
            if rising == (at(high).0 < 0.0) {
                return None;
            }
            for _ in 0..80 {
                let middle = 0.5 * (low + high);
                if (at(middle).0 < 0.0) == rising { low = middle } else { high = middle }
            }
            let found = at(0.5 * (low + high)).1;
            ((0.0..=1.0).contains(&found.share)).then_some(found)
        })
    }

    /// p(q) ∝ e^{−S(q)} on an even grid over −`reach`..`reach`, normalised to a density.
    pub fn density(&self, r: Residuals) -> Vec<(f64, f64)> {
        let reach = self.reach(r);
        let h = 2.0 * reach / (GRID - 1) as f64;
        let qs: Vec<f64> = (0..GRID).map(|i| -reach + h * i as f64).collect();
        let actions: Vec<f64> = qs.iter().map(|q| self.d * self.action(*q, r)).collect();
        let least = actions.iter().copied().fold(f64::INFINITY, f64::min);
        let weights: Vec<f64> = actions.iter().map(|s| libm::exp(least - s)).collect();
        let total: f64 = weights.iter().sum::<f64>() * h;
        qs.into_iter().zip(weights).map(|(q, w)| (q, w / total)).collect()
    }

    /// Beyond this |q| p(q) is below e^{−40} of its maximum: the data term of S/d is bounded by (u/π)(|b| + |c|)². Residuals on the way to a solution may ask for more
    /// than the grid resolves; the cap concerns them alone.
    pub(super) fn reach(&self, r: Residuals) -> f64 {
        let bound = self.u() / PI * (r.b.abs() + r.c.abs()) * (r.b.abs() + r.c.abs());
        (2.0 * self.sigma_w2 * (bound.min(50.0) + 40.0 / self.d)).sqrt()
    }

    /// The share of p(q) beyond the saddle between 0 and the side wells; 0 where there are no side wells.
    pub fn side_share(&self, r: Residuals) -> f64 {
        let Some(saddle) = self.stationary(r).into_iter().find(|s| !s.well) else { return 0.0 };
        let density = self.density(r);
        let (inside, all) = density.iter().fold((0.0, 0.0), |(inside, all), (q, p)| (inside + if q.abs() > saddle.q { *p } else { 0.0 }, all + p));
        inside / all
    }

    /// The residuals that follow from the average of Q̃ over p(q) at `r`.
    pub fn update(&self, r: Residuals, form: Form) -> Residuals {
        let (mut all, mut moments) = (0.0, [0.0; 3]);
        for (q, p) in self.density(r) {
            let t = q * q / self.denominator(q);
            all += p;
            moments.iter_mut().enumerate().for_each(|(k, m)| *m += p * t.powi(k as i32 + 1));
        }
        let moments = moments.map(|m| m / all);
        match form {
            Form::Corrected => self.residuals_from(moments),
            Form::Printed => {
                let ridge = self.sigma2 / self.n;
                let halved = self.regression(2.0, moments);
                Residuals { b: halved.b / ridge, c: halved.c / ridge }
            }
        }
    }

    /// (b, √6·c) = (σ²/n)(Q̃ + σ²/n)^{−1}(1, √6·ε), with Q̃ from the averages of t, t² and t³, t = q²/D.
    pub fn residuals_from(&self, moments: [f64; 3]) -> Residuals {
        self.regression(4.0, moments)
    }

    fn regression(&self, linear: f64, [t, t2, t3]: [f64; 3]) -> Residuals {
        let ridge = self.sigma2 / self.n;
        let q11 = self.sigma_a2 * linear * t / PI + ridge;
        let q12 = -self.sigma_a2 * 8.0 * t2 / (6.0f64.sqrt() * PI);
        let q22 = self.sigma_a2 * 16.0 * t3 / (6.0 * PI) + ridge;
        let third = 6.0f64.sqrt() * self.eps;
        let determinant = q11 * q22 - q12 * q12;
        Residuals { b: ridge * (q22 - q12 * third) / determinant, c: ridge * (q11 * third - q12) / determinant / 6.0f64.sqrt() }
    }

    /// Solves r = update(r) at this d, from the residuals of the limit.
    pub fn self_consistent(&self) -> SelfConsistent {
        solve(self.limit(), self.eps, |r| self.update(r, Form::Corrected))
    }
}

/// Solves r = update(r) by Newton's method with differences, each step cut until the deviation falls; a plain damped step where the matrix is singular. Coexisting wells need the
/// cuts: there p(q), and so the update, depends on r exponentially.
pub(super) fn solve(start: Residuals, eps: f64, update: impl Fn(Residuals) -> Residuals) -> SelfConsistent {
    let deviation = |r: Residuals| {
        let next = update(r);
        (next.b - r.b, next.c - r.c)
    };
    let size = |e: (f64, f64)| libm::hypot(e.0, e.1 / eps.abs().max(0.01));
    let mut r = start;
    let mut e = deviation(r);
    let mut iterations = 0;
    while size(e) > 1e-12 && iterations < 400 {
        iterations += 1;
        let h = 1e-7;
        let (eb, ec) = (deviation(Residuals { b: r.b + h, ..r }), deviation(Residuals { c: r.c + h, ..r }));
        let (j11, j21, j12, j22) = ((eb.0 - e.0) / h, (eb.1 - e.1) / h, (ec.0 - e.0) / h, (ec.1 - e.1) / h);
        let determinant = j11 * j22 - j12 * j21;
        let newton = (-(j22 * e.0 - j12 * e.1) / determinant, -(j11 * e.1 - j21 * e.0) / determinant);
        let step = if newton.0.is_finite() && newton.1.is_finite() { newton } else { e };
        let mut damping = 1.0f64.min(0.05 / libm::hypot(step.0, step.1).max(1e-300));
        let (next, deviated) = loop {
            let next = Residuals { b: r.b + damping * step.0, c: r.c + damping * step.1 };
            let deviated = deviation(next);
            if size(deviated) < size(e) || damping < 1e-9 {
                break (next, deviated);
            }
            damping *= 0.5;
        };
        if damping < 1e-9 {
            break;
        }
        (r, e) = (next, deviated);
    }
    SelfConsistent { residuals: r, error: size(e), iterations }
}
