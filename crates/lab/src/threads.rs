//! The executor's workers: a team that runs the lanes of one step, and the sharing out of many runs.
//!
//! A training step has phases of some hundred microseconds, so a worker that went to sleep between them would wake too late: it spins for a
//! while, and sleeps only when nothing comes. What a lane computes does not depend on who computes it.

use pennydrop_graph::cpu::{Parallel, Sequential};
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, Thread};

/// Looks at the job counter before a worker sleeps: some hundred microseconds.
const SPINS: u32 = 20_000;

type Task = *const (dyn Fn(usize) + Sync);

/// What a worker shares with the caller. `job` is written by the caller while every worker is idle (`working` is 0), and read by workers between their
/// sight of a new `epoch` and their decrement of `working`.
struct Shared {
    epoch: AtomicUsize,
    next: AtomicUsize,
    working: AtomicUsize,
    failed: AtomicBool,
    stop: AtomicBool,
    sleeping: Vec<AtomicBool>,
    job: UnsafeCell<(Option<Task>, usize)>,
}

// SAFETY: `job` is handed over by the release store to `epoch` and taken back by the acquire load of `working`, as described above; the task itself is `Sync`.
unsafe impl Sync for Shared {}
// SAFETY: the pointer in `job` is only followed while the caller of `run`, who owns the task, waits.
unsafe impl Send for Shared {}

impl Shared {
    /// Takes lanes until none is left.
    fn lanes(&self, task: &(dyn Fn(usize) + Sync), n: usize) {
        let done = catch_unwind(AssertUnwindSafe(|| {
            loop {
                let i = self.next.fetch_add(1, Ordering::Relaxed);
                if i >= n {
                    return;
                }
                task(i);
            }
        }));
        if done.is_err() {
            self.failed.store(true, Ordering::Release);
        }
    }

    fn work(&self, me: usize) {
        let mut seen = 0;
        loop {
            let mut spins = 0;
            while self.epoch.load(Ordering::Acquire) == seen {
                spins += 1;
                if spins < SPINS {
                    std::hint::spin_loop();
                    continue;
                }
                // Whoever publishes a job after this store wakes us; whoever did so before it is seen by the load.
                self.sleeping[me].store(true, Ordering::SeqCst);
                if self.epoch.load(Ordering::SeqCst) == seen {
                    thread::park();
                }
                self.sleeping[me].store(false, Ordering::SeqCst);
            }
            seen = self.epoch.load(Ordering::Acquire);
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            // SAFETY: see `Shared`.
            let (task, n) = unsafe { *self.job.get() };
            if let Some(task) = task {
                // SAFETY: the caller of `run` waits until `working` is 0, so the task still lives.
                self.lanes(unsafe { &*task }, n);
            }
            self.working.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// A caller and its workers, for one step at a time.
pub struct Team {
    shared: Arc<Shared>,
    threads: Vec<Thread>,
    workers: Vec<JoinHandle<()>>,
    turn: Mutex<()>,
}

impl Team {
    /// A team of `threads` threads, the caller being one of them. If the system gives fewer, the team is smaller.
    pub fn new(threads: usize) -> Team {
        let count = threads.max(1) - 1;
        let shared = Arc::new(Shared {
            epoch: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            working: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            sleeping: (0..count).map(|_| AtomicBool::new(false)).collect(),
            job: UnsafeCell::new((None, 0)),
        });
        let workers: Vec<JoinHandle<()>> = (0..count)
            .map_while(|me| {
                let shared = Arc::clone(&shared);
                thread::Builder::new().name(format!("pennydrop-lane-{}", me + 1)).spawn(move || shared.work(me)).ok()
            })
            .collect();
        let threads = workers.iter().map(|w| w.thread().clone()).collect();
        Team { shared, threads, workers, turn: Mutex::new(()) }
    }

    /// Threads, the caller's included.
    pub fn size(&self) -> usize {
        self.workers.len() + 1
    }

    fn publish(&self) {
        self.shared.epoch.fetch_add(1, Ordering::SeqCst);
        for (sleeping, thread) in self.shared.sleeping.iter().zip(&self.threads) {
            if sleeping.load(Ordering::SeqCst) {
                thread.unpark();
            }
        }
    }
}

impl Parallel for Team {
    fn run(&self, n: usize, task: &(dyn Fn(usize) + Sync)) {
        let turn = if self.workers.is_empty() || n < 2 { None } else { Some(self.turn.try_lock()) };
        let Some(Ok(_turn)) = turn else {
            // Nobody to share with, or everybody is at work on something else.
            for i in 0..n {
                task(i);
            }
            return;
        };
        let s = &*self.shared;
        // SAFETY: this only forgets the lifetime; nobody follows the pointer after this function returns.
        let task_ptr: Task = unsafe { std::mem::transmute::<*const (dyn Fn(usize) + Sync + '_), Task>(task) };
        // SAFETY: all workers are idle: we hold the turn, and whoever held it before waited for them.
        unsafe { *s.job.get() = (Some(task_ptr), n) };
        s.next.store(0, Ordering::Relaxed);
        s.working.store(self.workers.len(), Ordering::Relaxed);
        self.publish();
        s.lanes(task, n);
        let mut spins = 0u32;
        while s.working.load(Ordering::Acquire) != 0 {
            spins = spins.wrapping_add(1);
            if spins < SPINS { std::hint::spin_loop() } else { thread::yield_now() }
        }
        // SAFETY: as above.
        unsafe { *s.job.get() = (None, 0) };
        assert!(!s.failed.swap(false, Ordering::AcqRel), "a lane of the step panicked");
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.publish();
        for worker in self.workers.drain(..) {
            // A worker catches what its lanes do, so joining cannot fail; if it did, the team is going away anyhow.
            let _ = worker.join();
        }
    }
}

/// A team that is used only while it is faster than the caller alone. On a busy machine, or for steps of some hundred microseconds, waiting for each other
/// may cost more than sharing saves. Which it is, is measured now and then; the bits are the same either way.
pub struct Adaptive {
    team: Team,
    alone: AtomicBool,
}

impl Adaptive {
    /// With `threads` threads, the caller being one of them.
    pub fn new(threads: usize) -> Adaptive {
        Adaptive { team: Team::new(threads), alone: AtomicBool::new(threads < 2) }
    }

    /// Whether the caller works alone at present.
    pub fn alone(&self) -> bool {
        self.alone.load(Ordering::Relaxed)
    }
}

impl Parallel for Adaptive {
    fn run(&self, n: usize, task: &(dyn Fn(usize) + Sync)) {
        if self.alone() { Sequential.run(n, task) } else { self.team.run(n, task) }
    }
}

/// Steps that are timed either way; the first of them warms up and is not counted.
const TRIAL: usize = 8;
/// Seconds from one trial to the next, at least, and as a multiple of what the trial took.
const REST: (f64, f64) = (2.0, 40.0);

/// Tells an [`Adaptive`] team, step by step, which way to work.
pub struct Trial<'a> {
    team: &'a Adaptive,
    last: f64,
    /// When the present trial began; `None` between trials.
    began: Option<f64>,
    next: f64,
    /// Seconds of steps, together and alone.
    times: [Vec<f64>; 2],
}

impl<'a> Trial<'a> {
    /// The first trial begins with the first step.
    pub fn new(team: &'a Adaptive) -> Trial<'a> {
        Trial { team, last: 0.0, began: None, next: 0.0, times: [Vec::new(), Vec::new()] }
    }

    /// To be called before every step, with a clock in seconds.
    pub fn step(&mut self, now: f64) {
        let took = now - self.last;
        self.last = now;
        let alone = &self.team.alone;
        match self.began {
            _ if self.team.team.size() < 2 => {}
            None if now < self.next => {}
            None => {
                self.began = Some(now);
                alone.store(false, Ordering::Relaxed);
            }
            Some(began) => {
                let way = usize::from(self.team.alone());
                self.times[way].push(took);
                if self.times[way].len() < TRIAL {
                    return;
                }
                if way == 0 {
                    alone.store(true, Ordering::Relaxed);
                    return;
                }
                let [together, by_oneself] = [0, 1].map(|k| {
                    let mut times = self.times[k].split_off(1);
                    self.times[k].clear();
                    times.sort_by(f64::total_cmp);
                    times[times.len() / 2]
                });
                alone.store(by_oneself <= together, Ordering::Relaxed);
                self.began = None;
                self.next = now + REST.0.max(REST.1 * (now - began));
            }
        }
    }
}

/// Calls `job(i)` once for each of `0..n` on up to `threads` threads, in order of `i` as threads become free, and returns the results in order.
/// `stop` is asked before each: once it says true, what has not begun gives `None`.
pub fn share_out<R: Send>(n: usize, threads: usize, stop: &(dyn Fn() -> bool + Sync), job: &(dyn Fn(usize) -> R + Sync)) -> Vec<Option<R>> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<R>>> = Mutex::new((0..n).map(|_| None).collect());
    let worker = || {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            if i >= n || stop() {
                return;
            }
            let result = job(i);
            results.lock().unwrap_or_else(PoisonError::into_inner)[i] = Some(result);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.min(n) {
            scope.spawn(worker);
        }
        worker();
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_runs_once_in_many_short_phases() {
        let team = Team::new(3);
        assert_eq!(team.size(), 3);
        for n in [0, 1, 2, 3, 7] {
            for _ in 0..500 {
                let counts: Vec<AtomicUsize> = (0..n).map(|_| AtomicUsize::new(0)).collect();
                team.run(n, &|i| {
                    counts[i].fetch_add(1, Ordering::Relaxed);
                });
                assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 1));
            }
        }
    }

    #[test]
    fn a_sleeping_team_wakes() {
        let team = Team::new(2);
        let ran = AtomicUsize::new(0);
        for _ in 0..3 {
            thread::sleep(std::time::Duration::from_millis(20));
            team.run(2, &|_| {
                ran.fetch_add(1, Ordering::Relaxed);
            });
        }
        assert_eq!(ran.load(Ordering::Relaxed), 6);
    }

    #[test]
    fn a_panic_in_a_lane_reaches_the_caller_and_the_team_goes_on() {
        let team = Team::new(2);
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let failed = catch_unwind(AssertUnwindSafe(|| team.run(4, &|i| assert!(i != 2, "lane 2")))).is_err();
        std::panic::set_hook(hook);
        assert!(failed);
        team.run(4, &|_| {});
    }

    #[test]
    fn a_call_from_inside_a_lane_runs_there() {
        let team = Team::new(2);
        let ran = AtomicUsize::new(0);
        team.run(2, &|_| {
            team.run(2, &|_| {
                ran.fetch_add(1, Ordering::Relaxed);
            });
        });
        assert_eq!(ran.load(Ordering::Relaxed), 4);
    }

    /// A clock by hand: steps together take `together` seconds, alone `alone`.
    fn settled(together: f64, alone: f64) -> bool {
        let team = Adaptive::new(2);
        let mut trial = Trial::new(&team);
        let mut now = 0.0;
        let mut ways = Vec::new();
        while now < 10.0 {
            trial.step(now);
            ways.push(team.alone());
            now += if team.alone() { alone } else { together };
        }
        let share = ways.iter().filter(|w| **w).count() as f64 / ways.len() as f64;
        // Trials take both ways, and little of the time.
        assert!(ways.contains(&true) && ways.contains(&false) && !(0.1..=0.9).contains(&share), "{share}");
        share > 0.5
    }

    #[test]
    fn the_faster_way_is_taken() {
        assert!(settled(2e-3, 1e-3));
        assert!(!settled(1e-3, 1.5e-3));
    }

    #[test]
    fn shared_out_jobs_keep_their_order_and_stop() {
        assert_eq!(share_out(5, 2, &|| false, &|i| i * i), [0, 1, 4, 9, 16].map(Some));
        let done = AtomicUsize::new(0);
        let results = share_out(100, 2, &|| done.load(Ordering::SeqCst) >= 3, &|_| done.fetch_add(1, Ordering::SeqCst));
        assert!((3..=4).contains(&results.iter().flatten().count()), "{results:?}");
    }
}
