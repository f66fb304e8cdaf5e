//! What the machine is: part of every record, and of the numerics class within which bits agree.

use pennydrop_graph::cpu::Level;
use std::path::Path;

/// Version of pennydrop.
pub const ENGINE: &str = env!("CARGO_PKG_VERSION");

/// A machine, as far as bits and speed depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Model of the processor, as the system names it.
    pub processor: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Instruction set that the executor uses.
    pub level: String,
    /// Operating system and architecture.
    pub system: String,
    /// Main memory in bytes, where the system says.
    pub memory: Option<u64>,
}

impl Machine {
    /// This machine.
    pub fn here() -> Machine {
        let read = |path: &str| std::fs::read_to_string(Path::new(path)).unwrap_or_default();
        let field = |text: &str, name: &str| text.lines().find_map(|l| l.split_once(':').filter(|(k, _)| k.trim() == name).map(|(_, v)| v.trim().to_string()));
        let memory = field(&read("/proc/meminfo"), "MemTotal").and_then(|v| v.split_whitespace().next()?.parse::<u64>().ok()).map(|kib| kib * 1024);
        Machine {
            processor: field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown processor".into()),
            cores: std::thread::available_parallelism().map_or(1, |n| n.get()),
            level: Level::detect().name().to_string(),
            system: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            memory,
        }
    }

    /// The numerics class: build, instruction set, processor model.
    pub fn class(&self) -> String {
        format!("{ENGINE} {} {} {}", self.system, self.level, self.processor)
    }
}

/// Peak memory of this process so far in bytes, where the system says.
pub fn peak_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|l| l.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}
