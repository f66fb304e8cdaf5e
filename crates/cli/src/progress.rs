//! What a campaign looks like while it trains: one line, redrawn on a terminal, now and then elsewhere.

use crate::output;
use crate::screen::Mode;
use pennydrop_lab::known::End;
use pennydrop_lab::words::{count, duration};
use pennydrop_lab::{Planned, RunResult, Watch};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Time between two lines, on a terminal and elsewhere.
const LIVE: Duration = Duration::from_millis(250);
const QUIET: Duration = Duration::from_secs(10);

struct Board {
    ends: BTreeMap<String, u64>,
    ended: u64,
    steps: u64,
    told: Option<Instant>,
}

/// The one who looks on.
pub struct Progress {
    mode: Mode,
    total: u64,
    /// Whether the number of runs is a most.
    at_most: bool,
    started: Instant,
    board: Mutex<Board>,
}

impl Progress {
    /// For so many runs.
    pub fn new(mode: Mode, total: u64, at_most: bool) -> Progress {
        let board = Board { ends: BTreeMap::new(), ended: 0, steps: 0, told: None };
        Progress { mode, total, at_most, started: Instant::now(), board: Mutex::new(board) }
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last line.
    pub fn close(&self) {
        let board = self.board();
        if self.mode == Mode::Live && board.told.is_some() {
            self.tell(&board);
            output::talk("");
        }
    }

    fn tell(&self, b: &Board) {
        let seconds = self.started.elapsed().as_secs_f64();
        let left = self.total.saturating_sub(b.ended);
        let eta = if b.ended > 0 { duration(seconds / b.ended as f64 * left as f64) } else { "unknown".into() };
        let ends: Vec<String> = b.ends.iter().map(|(e, n)| format!("{} {}", count(*n), End::parse(e).words())).collect();
        let line = format!(
            "{}/{}{} runs · {} · {:.0} runs/s · {} steps/s · {} left",
            count(b.ended),
            if self.at_most { "≤ " } else { "" },
            count(self.total),
            if ends.is_empty() { "none ended yet".into() } else { ends.join(", ") },
            b.ended as f64 / seconds.max(1e-9),
            count((b.steps as f64 / seconds.max(1e-9)) as u64),
            eta
        );
        if self.mode == Mode::Live {
            // If stderr is closed, there is nobody to tell.
            let _ = write!(std::io::stderr().lock(), "\r\x1b[2K{line}");
        } else {
            output::talk(&line);
        }
    }
}

impl Watch for Progress {
    fn note(&self, text: &str) {
        if self.mode != Mode::Silent {
            output::talk(text);
        }
    }

    fn follows(&self) -> bool {
        false
    }

    fn end(&self, _: &Planned, result: &RunResult, cached: bool) {
        if self.mode == Mode::Silent || cached {
            return;
        }
        let mut b = self.board();
        if result.finished() {
            b.ended += 1;
            b.steps += result.steps;
            *b.ends.entry(result.stop.clone()).or_default() += 1;
        }
        let pause = if self.mode == Mode::Live { LIVE } else { QUIET };
        let now = Instant::now();
        // The first line comes after a pause too: a short sweep needs none.
        let told = *b.told.get_or_insert(self.started);
        if now.duration_since(told) >= pause {
            b.told = Some(now);
            self.tell(&b);
        }
    }
}
