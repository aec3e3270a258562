//! What a running runtime consists of.

use super::buffers::TimerBuffers;
use super::roots::Roots;
use crate::coop::Budget;
use crate::seam::{Blocking, Clock, Driver, Park, Scheduler, Timers};
use crate::sys::sync::atomic::AtomicUsize;
use crate::timer::NEVER;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The parts of one runtime, behind their seams.
pub struct Parts {
    /// Decides which task runs next.
    pub scheduler: Arc<dyn Scheduler>,
    /// Knows which sources are ready.
    pub driver: Arc<dyn Driver>,
    /// Keeps the armed timers.
    pub timers: Arc<dyn Timers>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Threads for calls that block.
    pub blocking: Arc<dyn Blocking>,
    /// Threads for calls that compute.
    pub compute: Arc<dyn Blocking>,
    /// How many calls of this runtime run or wait in pools that are not its own: while there are any, time does not jump.
    pub calls_elsewhere: Arc<AtomicUsize>,
    /// Where the scheduler's threads wait.
    pub park: Arc<dyn Park>,
    /// Timers that have not reached `timers`.
    pub buffers: Arc<TimerBuffers>,
    /// How many threads in `block_on` poll their future or were asked to: while there are any, time does not jump.
    pub roots: Arc<Roots>,
    /// What a task may consume in one poll.
    pub budget: Budget,
    /// Deadlines are nanoseconds since this moment.
    pub origin: Instant,
    /// The runtime's name.
    pub name: Box<str>,
}

impl Parts {
    /// A moment as nanoseconds since the origin. What lies before it, or centuries after it, saturates.
    pub fn nanoseconds(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.origin).as_nanos()).unwrap_or(NEVER)
    }

    /// Nanoseconds since the origin as a moment; `None` when it lies beyond what the clock can tell.
    pub fn instant(&self, nanoseconds: u64) -> Option<Instant> {
        self.origin.checked_add(Duration::from_nanos(nanoseconds))
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("name", &self.name).finish_non_exhaustive()
    }
}
