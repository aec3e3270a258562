//! What a runtime left behind.

use filch_core::runtime::Unfinished;
use filch_scheduler::Leftover;
use std::fmt;
use std::time::Duration;

/// What did not stop within the grace of a shutdown. Empty when all is well.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Calls that still run, blocking ones and computations. Their threads are left alone and end with the process.
    pub blocking: Vec<Leftover>,
    /// Deferred and shielded work that was dropped unfinished. When a worker is stuck, also tasks that were canceled and
    /// could not be dropped, because they are in that poll or wait for that worker.
    pub unfinished: Vec<Unfinished>,
    /// Whether a worker is still in a poll. Its runtime's memory is kept until the poll ends.
    pub worker_is_stuck: bool,
    /// How long the shutdown waited.
    pub waited: Duration,
}

impl ShutdownReport {
    pub(super) fn new(
        blocking: Vec<Leftover>,
        mut unfinished: Vec<Unfinished>,
        worker_is_stuck: bool,
        waited: Duration,
    ) -> Self {
        // Why: if no worker is stuck, what was canceled has been dropped in the meantime.
        unfinished.retain(|task| task.is_adopted || worker_is_stuck);
        ShutdownReport { blocking, unfinished, worker_is_stuck, waited }
    }

    /// Whether everything stopped.
    pub fn is_clean(&self) -> bool {
        self.blocking.is_empty() && self.unfinished.is_empty() && !self.worker_is_stuck
    }

    /// Tells a person on stderr what was left behind.
    pub(super) fn warn(&self, runtime: &str) {
        for call in &self.blocking {
            eprintln!("filch: runtime {runtime:?} ended and left a thread behind: {call}");
        }
        for task in &self.unfinished {
            let end = if task.is_adopted { "dropped it" } else { "left it behind" };
            eprintln!(
                "filch: runtime {runtime:?} ended and {end}, unfinished after {:.1?}: {task}",
                self.waited
            );
        }
        if self.worker_is_stuck {
            eprintln!(
                "filch: runtime {runtime:?} ended and left a worker behind: a task has been in one poll for more than {:.1?}",
                self.waited
            );
        }
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return write!(f, "everything stopped within {:.1?}", self.waited);
        }
        write!(f, "after {:.1?}", self.waited)?;
        for call in &self.blocking {
            write!(f, "; {call}")?;
        }
        for task in &self.unfinished {
            write!(f, "; unfinished {task}")?;
        }
        if self.worker_is_stuck {
            write!(f, "; a worker is still in a poll")?;
        }
        Ok(())
    }
}
