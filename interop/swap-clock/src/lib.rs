//! A clock for simulations: time passes only when nothing else is left to do, and then all at once.
//!
//! It keeps a log of its jumps, so that a test can say when things happened.

use filch_core::seam::Clock;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A clock that stands still between jumps. Clones are the same clock.
#[derive(Clone)]
pub struct SimulationClock {
    origin: Instant,
    jumps: Arc<Mutex<Vec<Duration>>>,
}

impl SimulationClock {
    /// A clock at the beginning of its time.
    pub fn new() -> Self {
        SimulationClock { origin: Instant::now(), jumps: Arc::default() }
    }

    /// The moments at which something happened, since the beginning.
    pub fn moments(&self) -> Vec<Duration> {
        self.jumps.lock().expect("nothing panics under this lock").clone()
    }
}

impl Default for SimulationClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SimulationClock {
    fn now(&self) -> Instant {
        self.origin + self.moments().last().copied().unwrap_or_default()
    }

    fn is_virtual(&self) -> bool {
        true
    }

    fn try_jump(&self, deadline: Instant) -> bool {
        let mut jumps = self.jumps.lock().expect("nothing panics under this lock");
        let target = deadline.saturating_duration_since(self.origin);
        if jumps.last().copied().unwrap_or_default() < target {
            jumps.push(target);
        }
        true
    }
}
