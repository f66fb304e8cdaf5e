//! Steps: what one is, and running a list of them.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// What one of our own checks found: a line for the log, or every problem at once.
pub type Outcome = Result<String, Vec<String>>;

/// One step of a chore.
#[derive(Clone, Copy)]
pub struct Step {
    name: &'static str,
    work: Work,
}

#[derive(Clone, Copy)]
enum Work {
    Cargo { args: &'static [&'static str], env: Option<(&'static str, &'static str)> },
    Ours(fn(&Path) -> Outcome),
}

impl Step {
    /// A call of cargo, run in the root.
    pub const fn cargo(name: &'static str, args: &'static [&'static str]) -> Step {
        Step { name, work: Work::Cargo { args, env: None } }
    }

    /// A check of our own, given the root.
    pub const fn ours(name: &'static str, check: fn(&Path) -> Outcome) -> Step {
        Step { name, work: Work::Ours(check) }
    }

    /// The same call of cargo with one more environment variable.
    pub const fn with_env(self, key: &'static str, value: &'static str) -> Step {
        match self.work {
            Work::Cargo { args, .. } => Step { name: self.name, work: Work::Cargo { args, env: Some((key, value)) } },
            Work::Ours(_) => self,
        }
    }

    fn run(&self, root: &Path) -> Outcome {
        match self.work {
            Work::Ours(check) => check(root),
            Work::Cargo { args, env } => {
                println!("  cargo {}", args.join(" "));
                // The variable names the cargo that started us; a bare `cargo` might be another toolchain's.
                let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
                command.current_dir(root).args(args).envs(env);
                match command.status() {
                    Ok(status) if status.success() => Ok(String::new()),
                    Ok(status) => Err(vec![format!("cargo {}: {status}", args.join(" "))]),
                    Err(e) => Err(vec![format!("cargo could not be started: {e}")]),
                }
            }
        }
    }
}

/// Runs `steps` in order, with each one's time, up to the first that fails.
pub fn run(root: &Path, steps: &[Step]) -> ExitCode {
    let begin = Instant::now();
    for (i, step) in steps.iter().enumerate() {
        println!("[{}/{}] {}", i + 1, steps.len(), step.name);
        let start = Instant::now();
        match step.run(root) {
            Ok(note) => {
                let note = if note.is_empty() { String::new() } else { format!(": {note}") };
                println!("[{}/{}] {} passed in {}{note}", i + 1, steps.len(), step.name, seconds(start.elapsed()));
            }
            Err(problems) => {
                for problem in &problems {
                    eprintln!("  {problem}");
                }
                eprintln!("[{}/{}] {} FAILED in {}", i + 1, steps.len(), step.name, seconds(start.elapsed()));
                return ExitCode::FAILURE;
            }
        }
    }
    println!("all {} passed in {}", steps.len(), seconds(begin.elapsed()));
    ExitCode::SUCCESS
}

fn seconds(d: Duration) -> String {
    format!("{:.1} s", d.as_secs_f64())
}

/// The text of a file, or a problem that names it.
pub fn read(path: &Path) -> Result<String, Vec<String>> {
    std::fs::read_to_string(path).map_err(|e| vec![format!("{}: {e}", path.display())])
}
