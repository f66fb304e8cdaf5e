//! What a run looks like while it trains: live curves on a terminal, one line at a time elsewhere.

use crate::output;
use pennydrop_figure::RunCurves;
use pennydrop_figure::text::Chart;
use pennydrop_lab::words::{count, duration};
use pennydrop_lab::{Planned, RunResult, Watch, picture};
use pennydrop_train::Evaluation;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Redraws a second.
const FRAMES: u64 = 5;
/// Seconds between two lines of one run where there is no terminal.
const QUIET_S: f64 = 2.0;

/// How to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Not at all.
    Silent,
    /// A line at a time.
    Lines,
    /// Curves, redrawn in place.
    Live,
}

impl Mode {
    /// By the flag and by what stderr is.
    pub fn choose(quiet: bool) -> Mode {
        let dumb = std::env::var_os("TERM").is_none_or(|t| t == "dumb" || t.is_empty());
        match (quiet, std::io::stderr().is_terminal() && !dumb) {
            (true, _) => Mode::Silent,
            (false, true) => Mode::Live,
            (false, false) => Mode::Lines,
        }
    }
}

/// Whether colours are wanted: <https://no-color.org>.
pub fn colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// Whether the terminal shows Unicode.
fn unicode() -> bool {
    let name = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(|v| std::env::var(v).ok()).find(|v| !v.is_empty());
    // Most terminals of today do; those that say otherwise are believed.
    name.is_none_or(|n| !matches!(n.as_str(), "C" | "POSIX"))
}

/// One run that is being trained.
struct Live {
    run: Planned,
    curves: RunCurves,
    step: u64,
    first: u64,
    since: Instant,
    told: Instant,
}

struct Board {
    title: String,
    budget: u64,
    chance: f64,
    total: usize,
    started: Instant,
    running: BTreeMap<usize, Live>,
    done: BTreeMap<String, usize>,
    ended: usize,
    stepped: u64,
    shown: Option<RunCurves>,
    caption: String,
    /// Lines on the screen, to be drawn over.
    drawn: usize,
}

/// The one who looks on.
pub struct Screen {
    mode: Mode,
    board: Arc<Mutex<Board>>,
    over: Arc<AtomicBool>,
    painter: Option<JoinHandle<()>>,
}

fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Screen {
    /// A screen for `total` runs of `budget` steps.
    pub fn new(mode: Mode, title: &str, total: usize, budget: u64, chance: f64) -> Screen {
        let board = Board {
            title: title.into(),
            budget,
            chance,
            total,
            started: Instant::now(),
            running: BTreeMap::new(),
            done: BTreeMap::new(),
            ended: 0,
            stepped: 0,
            shown: None,
            caption: String::new(),
            drawn: 0,
        };
        let (board, over) = (Arc::new(Mutex::new(board)), Arc::new(AtomicBool::new(false)));
        let painter = (mode == Mode::Live).then(|| {
            let (board, over) = (Arc::clone(&board), Arc::clone(&over));
            let (ascii, colour) = (!unicode(), colour());
            std::thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(1000 / FRAMES));
                    paint(&mut lock(&board), ascii, colour);
                }
                paint(&mut lock(&board), ascii, colour);
            })
        });
        Screen { mode, board, over, painter }
    }

    /// Draws for the last time; what follows is ordinary text.
    pub fn close(mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(painter) = self.painter.take() {
            // A painter that died leaves an old picture, and the results are elsewhere.
            let _ = painter.join();
        }
    }
}

/// Width and height of the terminal.
fn size() -> (usize, usize) {
    terminal_size::terminal_size_of(std::io::stderr()).map_or((80, 24), |(w, h)| (usize::from(w.0).max(20), usize::from(h.0).max(6)))
}

/// Draws the board over its last drawing.
fn paint(b: &mut Board, ascii: bool, colour: bool) {
    let (width, height) = size();
    let foot = b.footer();
    let mut lines = Vec::new();
    let live = b.running.values().next();
    let curves = live.map(|l| &l.curves).or(b.shown.as_ref());
    if let Some(curves) = curves {
        let title = match live {
            Some(l) if b.total > 1 => format!("{} · {} ({} of {} done)", b.title, name(&l.run), b.ended, b.total),
            Some(l) => format!("{} · {}", b.title, name(&l.run)),
            None => format!("{} · {}", b.title, b.caption),
        };
        let chart = Chart { width: width.min(110), height: height.saturating_sub(3).clamp(4, 24), ascii, colour, title, chance: Some(b.chance) };
        lines = chart.lines(curves);
    }
    lines.push(foot.chars().take(width.saturating_sub(1)).collect());
    let mut out = String::new();
    if b.drawn > 0 {
        out += &format!("\x1b[{}A", b.drawn);
    }
    for line in &lines {
        out += &format!("\r\x1b[2K{line}\n");
    }
    // A lower picture than the last one: what stands below it goes.
    out += "\x1b[0J";
    b.drawn = lines.len();
    let mut err = std::io::stderr().lock();
    let _ = err.write_all(out.as_bytes()).and_then(|()| err.flush());
}

fn name(run: &Planned) -> String {
    match run.seed {
        Some(s) => format!("seed {s}"),
        None => format!("run {}", &run.run_id[..8]),
    }
}

impl Board {
    /// Progress, speed, and how long it may take at most.
    fn footer(&self) -> String {
        let elapsed = self.started.elapsed().as_secs_f64();
        let here: u64 = self.running.values().map(|l| l.step - l.first).sum::<u64>() + self.stepped;
        let speed = here as f64 / elapsed.max(1e-9);
        let waiting = (self.total - self.ended - self.running.len()) as u64;
        let left = waiting * self.budget + self.running.values().map(|l| self.budget.saturating_sub(l.step)).sum::<u64>();
        let eta = if speed > 0.0 && left > 0 { format!(" · at most {} more", duration(left as f64 / speed)) } else { String::new() };
        let place = match (self.total, self.running.values().next()) {
            (1, Some(l)) => format!("step {} of at most {}", count(l.step), count(self.budget)),
            (1, None) => String::new(),
            _ => {
                let done = self.done.iter().map(|(s, n)| format!("{n} {s}")).collect::<Vec<_>>().join(", ");
                format!("{} of {} done{}", self.ended, self.total, if done.is_empty() { String::new() } else { format!(" ({done})") })
            }
        };
        let place = if place.is_empty() { place } else { format!("{place} · ") };
        format!("{place}{} steps/s · {}{eta}", count(speed as u64), duration(elapsed))
    }
}

impl Watch for Screen {
    fn note(&self, text: &str) {
        match self.mode {
            Mode::Silent => {}
            Mode::Lines => output::talk(text),
            Mode::Live => {
                let mut b = lock(&self.board);
                if b.drawn > 0 {
                    let _ = write!(std::io::stderr(), "\x1b[{}A\x1b[0J", b.drawn);
                }
                output::talk(text);
                b.drawn = 0;
            }
        }
    }

    fn begin(&self, run: &Planned, step: u64, past: &[Evaluation]) {
        let mut b = lock(&self.board);
        let mut curves = RunCurves { run_id: run.run_id.clone(), seed: run.seed.unwrap_or(0), steps: b.budget as f64, ..RunCurves::default() };
        for e in past {
            picture::add(&mut curves, e);
        }
        let now = Instant::now();
        b.running.insert(run.index, Live { run: run.clone(), curves, step, first: step, since: now, told: now });
        if self.mode == Mode::Lines && step > 0 {
            output::talk(&format!("{}: goes on from step {}", name(run), count(step)));
        }
    }

    fn evaluated(&self, run: &Planned, e: &Evaluation, times: [Option<u64>; 2]) {
        let mut b = lock(&self.board);
        let Some(live) = b.running.get_mut(&run.index) else { return };
        picture::add(&mut live.curves, e);
        [live.curves.t_mem, live.curves.t_grok] = times.map(|t| t.map(|t| t as f64));
        live.step = e.step;
        if self.mode == Mode::Lines && (e.step == 0 || live.told.elapsed().as_secs_f64() >= QUIET_S) {
            live.told = Instant::now();
            let speed = (e.step - live.first) as f64 / live.since.elapsed().as_secs_f64().max(1e-9);
            output::talk(&format!(
                "{}: step {}  accuracy train {:.1} % test {:.1} %  loss train {:.2e} test {:.2e}  {} steps/s",
                name(run),
                count(e.step),
                100.0 * e.train_accuracy,
                100.0 * e.test_accuracy,
                e.train_loss,
                e.test_loss,
                count(speed as u64)
            ));
        }
    }

    fn stepped(&self, run: &Planned, step: u64) {
        let mut b = lock(&self.board);
        let budget = b.budget;
        if let Some(live) = b.running.get_mut(&run.index) {
            live.step = step.clamp(live.step, budget.max(live.step));
        }
    }

    fn end(&self, run: &Planned, result: &RunResult, cached: bool) {
        let mut b = lock(&self.board);
        if let Some(mut live) = b.running.remove(&run.index) {
            b.stepped += result.steps.saturating_sub(live.first);
            live.curves.t_mem = result.t_mem.map(|t| t.step as f64);
            live.curves.t_grok = result.t_grok.map(|t| t.step as f64);
            live.curves.steps = result.steps as f64;
            b.shown = Some(live.curves);
            b.caption = name(run);
        }
        *b.done.entry(result.stop.clone()).or_default() += 1;
        b.ended += 1;
        if self.mode == Mode::Lines {
            let times = match (result.t_mem, result.t_grok) {
                (Some(m), Some(g)) => format!(", memorised at step {}, generalised at step {}", count(m.step), count(g.step)),
                (Some(m), None) => format!(", memorised at step {}", count(m.step)),
                _ => String::new(),
            };
            let known = if cached { " (from the record)" } else { "" };
            output::talk(&format!("{}: {} at step {}{times}{known}", name(run), result.stop, count(result.steps)));
        }
    }
}
