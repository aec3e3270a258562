//! What a runtime left behind.

use filch_scheduler::Leftover;
use std::fmt;
use std::time::Duration;

/// What did not stop within the grace of a shutdown. Empty when all is well.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Blocking calls that still run. Their threads are left alone and end with the process.
    pub blocking: Vec<Leftover>,
    /// Whether a worker is still in a poll. Its runtime's memory is kept until the poll ends.
    pub worker_is_stuck: bool,
    /// How long the shutdown waited.
    pub waited: Duration,
}

impl ShutdownReport {
    /// Whether everything stopped.
    pub fn is_clean(&self) -> bool {
        self.blocking.is_empty() && !self.worker_is_stuck
    }

    /// Tells a person on stderr what was left behind.
    pub(super) fn warn(&self, runtime: &str) {
        for call in &self.blocking {
            eprintln!("filch: runtime {runtime:?} ended and left a thread behind: {call}");
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
        if self.worker_is_stuck {
            write!(f, "; a worker is still in a poll")?;
        }
        Ok(())
    }
}
