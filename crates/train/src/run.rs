//! A run, and what it asks of its caller.

use crate::activations::{Array, Which};
use crate::crossing::{Curve, Tracker};
use crate::curves::{Curves, Evaluation};
use crate::evaluate::{embedding, penalty, spectrum};
use crate::fourier::{Concentration, Spectrum, Waves};
use crate::grid::Grid;
use crate::outcome::Outcome;
use crate::programs::{Programs, check};
use crate::settings::{Precision, Setup, budget_matters};
use crate::snapshot::{RestoreError, Snapshot};
use crate::state::{Core, Engine, States};
use pennydrop_graph::cpu::{Level, Parallel};
use pennydrop_registry::SpecError;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a caller wants a run to pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// A signal.
    Signal,
    /// The wall time is used up.
    WallTime,
}

/// Why [`Run::advance`] returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Memorised and generalised for good (`train.stop=grokked`).
    Grokked,
    /// At the budget.
    Steps,
    /// The training loss is below `train.loss_below` (`train.stop=loss`).
    LossBelow,
    /// The training loss is above `train.diverge` or not finite.
    Diverged,
    /// The caller said so: unfinished, never a result.
    Interrupted(Interrupt),
}

impl Stop {
    /// The word in records: `grokked`, `steps`, `loss`, `diverged`, `signal`, `time`.
    pub fn name(self) -> &'static str {
        match self {
            Stop::Grokked => "grokked",
            Stop::Steps => "steps",
            Stop::LossBelow => "loss",
            Stop::Diverged => "diverged",
            Stop::Interrupted(Interrupt::Signal) => "signal",
            Stop::Interrupted(Interrupt::WallTime) => "time",
        }
    }

    /// Whether the run has come to a result (it was not interrupted).
    pub fn finished(self) -> bool {
        !matches!(self, Stop::Interrupted(_))
    }
}

/// The caller of a run.
pub trait Host {
    /// Asked before every step, also of replays: must be cheap.
    fn interrupted(&mut self) -> Option<Interrupt> {
        None
    }

    /// Told before every step of the run itself, never within a replay: the place for a checkpoint, which an interruption would not be — an
    /// interrupted replay starts again, and one that is longer than the time between interruptions would never end.
    fn stepping(&mut self, run: &Run) {
        let _ = run;
    }

    /// Told of every evaluation, once, in order of step. `run` is in the state that was evaluated. An evaluation at a budget that is not on the grid is
    /// told too, and is no longer in the curves if the run is continued past it.
    fn evaluated(&mut self, run: &Run, evaluation: &Evaluation) {
        let _ = (run, evaluation);
    }
}

/// A host that listens to nothing and never interrupts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Host for Silent {}

/// What has been recorded, and what times are still to be settled.
#[derive(Clone)]
pub(crate) struct Watch {
    pub curves: Curves,
    pub trackers: Vec<Tracker<Arc<States>>>,
    /// The last evaluation's step and state.
    pub last: Option<(u64, Arc<States>)>,
}

/// A run.
pub struct Run {
    pub(crate) setup: Arc<Setup>,
    pub(crate) programs: Arc<Programs>,
    pub(crate) engine: Box<dyn Engine>,
    pub(crate) step: u64,
    pub(crate) budget: u64,
    pub(crate) watch: Watch,
    /// The states that a mark has kept.
    pub(crate) marked: Option<Arc<States>>,
    /// The record with an evaluation at a budget off the grid. Forgotten when the run goes on, so that its record is that of an unbroken run.
    pub(crate) ended: Option<Watch>,
    pub(crate) stop: Option<Stop>,
    pub(crate) levels: Vec<String>,
    grid: Grid,
    pub(crate) penalised: Vec<bool>,
    pub(crate) embedding: Option<(usize, usize, Waves)>,
}

impl Run {
    /// A run at step 0.
    ///
    /// # Errors
    /// Arguments that do not fit each other or the task, by the key that is wrong.
    pub fn new(setup: Setup) -> Result<Run, SpecError> {
        let programs = Programs::new(&setup)?;
        Run::with(setup, &programs)
    }

    /// The same with programs made for it or for another run of the same shape ([`Programs::fit`]); compiles them if they do not fit.
    ///
    /// # Errors
    /// As [`Run::new`].
    pub fn with(setup: Setup, programs: &Arc<Programs>) -> Result<Run, SpecError> {
        check(&setup)?;
        let programs = if programs.fit(&setup) { programs.clone() } else { Programs::new(&setup)? };
        let setup = Arc::new(setup);
        let engine: Box<dyn Engine> = match setup.precision() {
            Precision::F32 => Box::new(Core::<f32>::new(setup.clone(), programs.clone())?),
            Precision::F64 => Box::new(Core::<f64>::new(setup.clone(), programs.clone())?),
        };
        let params = &programs.step.params;
        let names = params.iter().map(|p| p.name.clone()).collect();
        let penalised = pennydrop_models::select("loss.penalty_on", &setup.loss.strs("penalty_on"), params)?;
        let embedding = embedding(&setup, params);
        let marks = engine.plan().marking().is_some();
        let watch = Watch { curves: Curves { names, marks, rows: Vec::new() }, trackers: trackers(&setup), last: None };
        let grid = Grid { density: setup.train.size("eval") as u64 };
        let budget = setup.train.size("steps") as u64;
        let levels = vec![Level::detect().name().to_string()];
        Ok(Run { setup, programs, engine, step: 0, budget, watch, marked: None, ended: None, stop: None, levels, grid, penalised, embedding })
    }

    /// The run of `setup` in the state of `snapshot`. Limits, levels and the evaluation grid may differ from those it was made with; a level that was not
    /// followed before is known to the grid only.
    ///
    /// # Errors
    /// Another numerics version, another run, or data that is not whole.
    pub fn restore(setup: Setup, snapshot: &Snapshot) -> Result<Run, RestoreError> {
        let programs = Programs::new(&setup)?;
        Run::restore_with(setup, &programs, snapshot)
    }

    /// The same with programs of another run.
    ///
    /// # Errors
    /// As [`Run::restore`].
    pub fn restore_with(setup: Setup, programs: &Arc<Programs>, snapshot: &Snapshot) -> Result<Run, RestoreError> {
        let mut run = Run::with(setup, programs)?;
        crate::snapshot::restore(&mut run, snapshot)?;
        Ok(run)
    }

    /// What decides the run.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Its programs, for other runs ([`Run::with`]).
    pub fn programs(&self) -> &Arc<Programs> {
        &self.programs
    }

    /// Steps taken.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The budget: `train.steps` at first.
    pub fn budget(&self) -> u64 {
        self.budget
    }

    /// Another budget, for the next call of [`Run::advance`]. A smaller one than the steps taken ends the run where it is.
    ///
    /// # Errors
    /// The schedule ends with the run ([`budget_matters`]): another budget is another run.
    pub fn set_budget(&mut self, steps: u64) -> Result<(), SpecError> {
        if steps != self.setup.train.size("steps") as u64 && budget_matters(&self.setup.optim) {
            return Err(SpecError::new(
                "train.steps",
                format!("{steps} would be another run: the schedule `{}` ends with the budget", self.setup.optim.str("schedule")),
                "the same budget, or a schedule with optim.schedule_steps",
            ));
        }
        self.budget = steps;
        Ok(())
    }

    /// Trains until there is a reason to stop. A finished run returns its reason again at once, unless it stopped at a budget that has grown.
    pub fn advance(&mut self, threads: &dyn Parallel, host: &mut dyn Host) -> Stop {
        let stop = self.train(threads, host);
        self.stop = Some(stop);
        stop
    }

    fn train(&mut self, threads: &dyn Parallel, host: &mut dyn Host) -> Stop {
        if self.step < self.budget {
            self.ended = None;
        }
        loop {
            if self.step == 0 {
                self.begin();
            }
            if self.grid.holds(self.step) && self.evaluated() != Some(self.step) {
                match self.evaluate(threads, host) {
                    Ok(watch) => {
                        self.watch = watch;
                        self.tell(host);
                    }
                    Err(i) => return Stop::Interrupted(i),
                }
            }
            if let Some(stop) = self.verdict() {
                return stop;
            }
            if self.step >= self.budget {
                if self.ended.is_none() && self.evaluated() != Some(self.step) {
                    match self.evaluate(threads, host) {
                        Ok(watch) => {
                            self.ended = Some(watch);
                            self.tell(host);
                        }
                        Err(i) => return Stop::Interrupted(i),
                    }
                }
                return self.verdict().unwrap_or(Stop::Steps);
            }
            if let Some(i) = host.interrupted() {
                return Stop::Interrupted(i);
            }
            host.stepping(self);
            self.intervene(threads);
            self.engine.train(self.step, threads);
            self.step += 1;
        }
    }

    /// The record that holds now.
    fn record(&self) -> &Watch {
        self.ended.as_ref().unwrap_or(&self.watch)
    }

    /// The step of the last evaluation on the grid.
    fn evaluated(&self) -> Option<u64> {
        self.watch.curves.last().map(|e| e.step)
    }

    fn tell(&self, host: &mut dyn Host) {
        if let Some(e) = self.record().curves.last() {
            host.evaluated(self, e);
        }
    }

    /// The reason to stop that the evaluation of the present weights gives.
    fn verdict(&self) -> Option<Stop> {
        let (train, record) = (&self.setup.train, self.record());
        let e = record.curves.last().filter(|e| e.step == self.step)?;
        if !e.train_loss.is_finite() || e.train_loss > train.float("diverge") {
            return Some(Stop::Diverged);
        }
        let steady = |curve: Curve, level: f64| {
            let n = train.size("stop_evals") as u64;
            record.trackers.iter().any(|t| t.curve == curve && t.level == level && t.steady(n))
        };
        match train.str("stop") {
            "loss" if e.train_loss < train.float("loss_below") => Some(Stop::LossBelow),
            // Fresh examples cannot be memorised.
            "grokked"
                if steady(Curve::Test, train.float("grok_level")) && (self.setup.task.fresh.is_some() || steady(Curve::Train, train.float("mem_level"))) =>
            {
                Some(Stop::Grokked)
            }
            _ => None,
        }
    }

    /// The record with an evaluation of the present weights. The run itself is as before.
    fn evaluate(&mut self, threads: &dyn Parallel, host: &mut dyn Host) -> Result<Watch, Interrupt> {
        let step = self.step;
        let train = self.engine.measure(step, Curve::Train, threads);
        let test = self.engine.measure(step, Curve::Test, threads);
        let values: Vec<Vec<f64>> = (0..self.programs.step.params.len()).map(|i| self.engine.values(i, None)).collect();
        let squares: Vec<f64> = values.iter().map(|v| v.iter().map(|x| x * x).sum()).collect();
        let e = Evaluation {
            step,
            train_loss: train.mean_loss(),
            test_loss: test.mean_loss(),
            train_accuracy: train.accuracy(),
            test_accuracy: test.accuracy(),
            penalty: penalty(&self.engine.numbers(step).loss, &self.penalised, &values),
            collapsed: train.share_collapsed(),
            logit_scale: (train.norm + test.norm) / (train.n + test.n) as f64,
            norm: squares.iter().sum::<f64>().sqrt(),
            norms: squares.iter().map(|s| s.sqrt()).collect(),
            lr: self.rate(step),
            angle: self.angle(),
            fourier: self.embedding.as_ref().map(|(k, width, waves)| Concentration::of(&waves.power(&values[*k], *width))),
        };
        let mut watch = self.watch.clone();
        let sustain = self.setup.train.float("sustain");
        let engine = &mut self.engine;
        let mut known: BTreeMap<(Curve, u64, u64), Vec<f64>> = BTreeMap::new();
        let mut replay = |curve: Curve, after: u64, by: u64, kept: &Arc<States>| {
            if let Some(v) = known.get(&(curve, after, by)) {
                return Ok(v.clone());
            }
            let v = engine.replay(kept, after, by, curve, threads, &mut || host.interrupted())?;
            known.insert((curve, after, by), v.clone());
            Ok::<_, Interrupt>(v)
        };
        let previous = self.watch.last.as_ref().map(|(s, k)| (*s, k));
        for t in &mut watch.trackers {
            let accuracy = if t.curve == Curve::Train { e.train_accuracy } else { e.test_accuracy };
            t.update(step, accuracy, previous, sustain, &mut replay)?;
        }
        watch.last = Some((step, self.engine.keep()));
        watch.curves.rows.push(e);
        Ok(watch)
    }

    /// The learning rate of step `step`.
    pub(crate) fn rate(&self, step: u64) -> f64 {
        let optim = &self.engine.numbers(step).optim;
        optim.float("lr") * pennydrop_optim::factor(optim, step, self.setup.train.size("steps") as u64)
    }

    /// The exact state. An evaluation at a budget off the grid is not part of it: it is made again.
    pub fn snapshot(&self) -> Snapshot {
        crate::snapshot::take(self)
    }

    /// Parameters: documented name, shape, row-major values.
    pub fn params(&self) -> impl Iterator<Item = (&str, &[usize], Vec<f64>)> {
        self.programs.step.params.iter().map(|p| (p.name.as_str(), p.shape.as_slice(), self.engine.values(p.state, None)))
    }

    /// BLAKE3 (hexadecimal) of every parameter's name, shape and little-endian bytes in the working precision.
    pub fn weights_hash(&self) -> String {
        let mut h = blake3::Hasher::new();
        for p in &self.programs.step.params {
            let t = self.engine.tensor(p.name.clone(), p.state, None);
            h.update(format!("{} {:?} {:?} {}\n", t.name, t.shape, t.dtype, t.bytes.len()).as_bytes());
            h.update(&t.bytes);
        }
        h.finalize().to_hex().to_string()
    }

    /// What came of it so far.
    pub fn outcome(&self) -> Outcome {
        crate::outcome::outcome(self, self.record())
    }

    /// What was recorded.
    pub fn curves(&self) -> &Curves {
        &self.record().curves
    }

    /// Passes over the training set in the first `step` steps; `None` where examples are fresh.
    pub fn epochs(&self, step: u64) -> Option<f64> {
        self.engine.epochs(step)
    }

    /// Fourier power of the embedding, for tasks over Z_p.
    pub fn spectrum(&self) -> Option<Spectrum> {
        let (k, width, waves) = self.embedding.as_ref()?;
        Some(spectrum(&self.programs.step.params[*k].name, &self.engine.values(*k, None), *width, waves))
    }

    /// Inputs, labels, logits and named activations of examples under the present weights, without dropout or noise.
    ///
    /// # Errors
    /// None for a run that exists; the type is that of building its network once more.
    pub fn activations(&mut self, which: Which) -> Result<Vec<Array>, SpecError> {
        self.engine.activations(which)
    }

    /// The objective (loss and penalties) of the step about to be taken, and its gradient by every parameter, in the order of [`Run::params`].
    ///
    /// # Errors
    /// As [`Run::activations`].
    pub fn gradients(&mut self) -> Result<(f64, Vec<Vec<f64>>), SpecError> {
        self.engine.gradients(self.step)
    }
}

/// A tracker for every curve and level: 0.5, 0.9, 0.95, 0.99, and the two that the spec names.
pub(crate) fn trackers(setup: &Setup) -> Vec<Tracker<Arc<States>>> {
    let mut out = Vec::new();
    for (curve, own) in [(Curve::Train, "mem_level"), (Curve::Test, "grok_level")] {
        let mut levels = vec![0.5, 0.9, 0.95, 0.99];
        let own = setup.train.float(own);
        if !levels.contains(&own) {
            levels.push(own);
        }
        out.extend(levels.into_iter().map(|level| Tracker::new(curve, level)));
    }
    out
}
