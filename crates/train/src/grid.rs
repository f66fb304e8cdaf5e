//! When a run is evaluated.

/// Steps 0, and round(10^(k / `density`)) for k = 0, 1, …: every step at first, then `density` a decade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Evaluations a decade, at least 1.
    pub density: u64,
}

impl Grid {
    fn at(&self, k: u64) -> u64 {
        // Beyond 2^53 steps the cast saturates; budgets end there.
        libm::round(libm::pow(10.0, k as f64 / self.density as f64)) as u64
    }

    /// The first step of the grid after `step`.
    pub fn after(&self, step: u64) -> u64 {
        if step == 0 {
            return 1;
        }
        // One before the place where `step` itself would be, then upwards.
        let mut k = libm::floor(self.density as f64 * libm::log10(step as f64)).max(1.0) as u64 - 1;
        loop {
            let next = self.at(k);
            if next > step {
                return next;
            }
            k += 1;
        }
    }

    /// Whether `step` is on the grid.
    pub fn holds(&self, step: u64) -> bool {
        step == 0 || self.after(step - 1) == step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_at_first_then_a_fixed_number_a_decade() {
        let g = Grid { density: 64 };
        let mut steps = vec![0];
        while steps[steps.len() - 1] < 100_000 {
            steps.push(g.after(steps[steps.len() - 1]));
        }
        assert_eq!(steps[..29], (0..29).collect::<Vec<u64>>());
        assert_eq!(steps.iter().filter(|s| (1000..10_000).contains(*s)).count(), 64);
        assert!(steps.contains(&1000) && steps.contains(&100_000));
        let on: Vec<u64> = (0..5000).filter(|s| g.holds(*s)).collect();
        assert_eq!(on, steps.into_iter().filter(|s| *s < 5000).collect::<Vec<u64>>());
        assert_eq!(Grid { density: 1 }.after(10), 100);
    }
}
