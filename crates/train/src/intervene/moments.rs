//! When the interventions of a run fire: what it asks before every step.

use super::when::Event;
use super::{When, angle};
use crate::crossing::Curve;
use crate::evaluate::penalty;
use crate::fourier::Concentration;
use crate::run::Run;
use crate::state::States;
use pennydrop_graph::cpu::Parallel;

impl Run {
    /// What fires at step 0 by number does so before anything is evaluated: it is part of how the run begins.
    pub(crate) fn begin(&mut self) {
        for k in 0..self.engine.plan().acts.len() {
            let (act, seen) = (&self.engine.plan().acts[k], &self.engine.plan().seen[k]);
            if act.when == When::Step(0) && seen.fired.is_none() {
                if act.action.reference() == Some(&When::Step(0)) {
                    self.refer(k);
                }
                self.engine.seen()[k].event = Some(0);
                self.fire(k);
            }
        }
    }

    /// Lets every intervention fire whose moment is before the next step.
    pub(crate) fn intervene(&mut self, threads: &dyn Parallel) {
        for k in 0..self.engine.plan().acts.len() {
            if self.engine.plan().seen[k].fired.is_some() {
                continue;
            }
            if self.engine.plan().seen[k].reference.is_none()
                && let Some(of) = self.engine.plan().acts[k].action.reference().cloned()
                && self.holds(&of, threads)
            {
                self.refer(k);
            }
            let when = self.engine.plan().acts[k].when.clone();
            if self.engine.plan().seen[k].event.is_none() {
                if !self.holds(&when, threads) {
                    continue;
                }
                self.engine.seen()[k].event = Some(self.step);
            }
            let later = if let When::Event { later, .. } = when { later } else { 0 };
            if self.engine.plan().seen[k].event.is_some_and(|event| self.step >= event + later) {
                self.fire(k);
            }
        }
    }

    /// Lets intervention `k` fire before the next step.
    fn fire(&mut self, k: usize) {
        self.engine.fire(k, self.step);
        if !self.engine.plan().acts[k].action.marks().is_empty() {
            self.marked = Some(self.engine.keep());
        }
    }

    /// The angle between the present weights and the marked ones.
    pub(crate) fn angle(&self) -> Option<f64> {
        let (marked, (_, act)) = (self.marked.as_ref()?, self.engine.plan().marking()?);
        let on = act.action.marks();
        let values = |from: Option<&States>| on.iter().map(|i| self.engine.values(*i, from)).collect::<Vec<_>>();
        let (then, now) = (values(Some(marked)), values(None));
        Some(angle(then.iter().zip(&now).map(|(a, b)| (a.as_slice(), b.as_slice())))).filter(|a| !a.is_nan())
    }

    /// Keeps the present norms as those that intervention `k` refers to.
    fn refer(&mut self, k: usize) {
        let norms = self.engine.norms().iter().map(|x| x.to_bits()).collect();
        self.engine.seen()[k].reference = Some(norms);
    }

    /// Whether the moment has come.
    fn holds(&mut self, when: &When, threads: &dyn Parallel) -> bool {
        match when {
            When::Never | When::Drawn(_) | When::Between(..) => false,
            When::Step(step) => self.step >= *step,
            When::Event { what, .. } => match what {
                Event::Memorised => self.series("train_accuracy", threads) >= self.setup.train.float("mem_level"),
                Event::Generalised => self.series("test_accuracy", threads) >= self.setup.train.float("grok_level"),
                Event::Above(series, level) => self.series(series, threads) > *level,
                Event::Below(series, level) => self.series(series, threads) < *level,
            },
        }
    }

    /// The present value of a recorded series; NaN, which is neither above nor below, for what this run does not have.
    fn series(&mut self, name: &str, threads: &dyn Parallel) -> f64 {
        let step = self.step;
        let mut measure = |curve: Curve| self.engine.measure(step, curve, threads);
        match name {
            "train_loss" => measure(Curve::Train).mean_loss(),
            "test_loss" => measure(Curve::Test).mean_loss(),
            "train_accuracy" => measure(Curve::Train).accuracy(),
            "test_accuracy" => measure(Curve::Test).accuracy(),
            "collapsed" => measure(Curve::Train).share_collapsed(),
            "logit_scale" => {
                let (train, test) = (measure(Curve::Train), measure(Curve::Test));
                (train.norm + test.norm) / (train.n + test.n) as f64
            }
            "norm" => self.engine.norms().iter().map(|x| x * x).sum::<f64>().sqrt(),
            "angle" => self.angle().unwrap_or(f64::NAN),
            "lr" => self.rate(step),
            "penalty" => {
                let values: Vec<Vec<f64>> = (0..self.programs.step.params.len()).map(|i| self.engine.values(i, None)).collect();
                penalty(&self.engine.numbers(step).loss, &self.penalised, &values)
            }
            "fourier_gini" | "fourier_ipr" => self.embedding.as_ref().map_or(f64::NAN, |(k, width, waves)| {
                let c = Concentration::of(&waves.power(&self.engine.values(*k, None), *width));
                if name == "fourier_gini" { c.gini } else { c.ipr }
            }),
            other => {
                let k = other.strip_prefix("norm.").and_then(|n| self.programs.step.params.iter().position(|p| p.name == n));
                k.map_or(f64::NAN, |k| self.engine.norms()[k])
            }
        }
    }

    /// What each intervention has done: its name, and the step before which it fired.
    pub fn fired(&self) -> Vec<(&'static str, Option<u64>)> {
        let plan = self.engine.plan();
        plan.acts.iter().zip(&plan.seen).map(|(a, s)| (a.name, s.fired)).collect()
    }
}
