//! Ctrl-C and SIGTERM: the first asks the run to checkpoint and stop, the second ends the process at once.

use crate::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a signal has come.
#[derive(Debug, Clone, Default)]
pub struct Signals(Arc<AtomicBool>);

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// The system does not let the process handle its signals.
    pub fn listen() -> Result<Signals, Error> {
        use signal_hook::consts::{SIGINT, SIGTERM};
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the second signal finds the flag set by the first, and has its usual effect.
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&flag))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag)))
                .map_err(|e| Error::System { doing: "handle signals".into(), why: e.to_string() })?;
        }
        Ok(Signals(flag))
    }

    /// Whether one has come.
    pub fn stop(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
