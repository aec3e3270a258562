//! Suites that say whether a part may stand behind its seam. For authors of a driver, timers, a clock or a scheduler.
//!
//! Each suite is a module of check functions and a macro that makes a `#[test]` of every one of them. The macro takes
//! an expression that can be called to make a fresh part: the name of a function, or a closure. Call it in a module of
//! its own, for it defines functions named after what they check.
//!
//! A check panics when the part breaks the promise it is named after. A part that hangs fails as well, after
//! ten seconds.
//!
//! The stock parts run these suites too.
//!
//! # Examples
//! ```no_run
//! # struct MyTimers;
//! # impl MyTimers { fn new() -> Self { MyTimers } }
//! # use filch_core::{seam::Timers, timer::TimerCell, WakeBatch};
//! # impl Timers for MyTimers {
//! #     fn arm(&self, cells: &mut Vec<std::sync::Arc<TimerCell>>) {}
//! #     fn next_deadline(&self) -> Option<u64> { None }
//! #     fn expire(&self, now: u64, wakes: &mut WakeBatch) {}
//! #     fn abandon(&self, wakes: &mut WakeBatch) {}
//! # }
//! mod conformance {
//!     filch_core::timers_suite!(super::MyTimers::new);
//! }
//! ```

pub mod clock;
pub mod driver;
pub mod scheduler;
pub mod timers;

use crate::runtime::Parts;
use crate::seam::Scheduler;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// The parts of a runtime around `scheduler` that knows no sources and fires no timers: for tests and benches of a
/// scheduler. [`Living::open`](crate::runtime::Living::open) makes a runtime of them.
pub fn parts_around(scheduler: Arc<dyn Scheduler>) -> Parts {
    crate::testing::parts(scheduler)
}

/// How long a part may take for what a good one does in milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs `check` on a thread of its own, so that a part that hangs fails instead of hanging the tests.
#[track_caller]
fn within_patience(check: impl FnOnce() + Send + 'static) {
    let (done, wait) = channel();
    let thread = thread::spawn(move || {
        check();
        // Why: nobody listens any more when the check came too late, and then it has failed.
        let _ = done.send(());
    });
    match wait.recv_timeout(PATIENCE) {
        Ok(()) => {}
        Err(RecvTimeoutError::Disconnected) => {
            if let Err(payload) = thread.join() {
                resume_unwind(payload);
            }
        }
        Err(RecvTimeoutError::Timeout) => panic!("the part hangs: no answer within {PATIENCE:?}"),
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests;
