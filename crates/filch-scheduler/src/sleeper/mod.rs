//! How a parked worker is reached: by its thread, or by the driver it waits in.
//!
//! Knows neither queues nor who is parked: [`Idle`](crate::idle::Idle) decides whom to wake, and whoever claimed a worker
//! there unparks it here, once.
//!
//! The hand-over: a claimer stores `notified` and then unparks; the worker looks at `notified` before it blocks and each
//! time it comes back. The worker clears `notified` once it is not parked any more, when nobody can claim it, so no claim
//! is lost with it. A claimer that is late, because its worker came back on its own, lets one later sleep end at once,
//! and nothing else.

use filch_core::sys::sync::atomic::AtomicBool;
use filch_core::sys::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use filch_core::sys::thread::{self, Thread};
use std::sync::OnceLock;

/// One worker's place to sleep.
#[derive(Debug, Default)]
pub(crate) struct Sleeper {
    thread: OnceLock<Thread>,
    /// Set by whoever claimed the worker; cleared by the worker.
    notified: AtomicBool,
    /// Whether it waits in the driver. Written by the worker before its bit is set, read by whoever cleared the bit.
    in_driver: AtomicBool,
}

impl Sleeper {
    /// Worker: makes its thread known. Before it parks for the first time.
    pub(crate) fn set_thread(&self) {
        let _ = self.thread.set(thread::current());
    }

    /// Worker: says where it is going to sleep. Before its bit is set, which publishes this.
    pub(crate) fn set_in_driver(&self, in_driver: bool) {
        self.in_driver.store(in_driver, Relaxed);
    }

    /// Worker: blocks its thread until it is unparked, or until `is_over` and [`rouse`](Self::rouse).
    pub(crate) fn sleep(&self, is_over: impl Fn() -> bool) {
        // ORDERING: [notified] Acquire pairs with the Release in `unpark`.
        while !self.notified.load(Acquire) && !is_over() {
            thread::park();
        }
    }

    /// Worker: has come back and is not parked any more.
    pub(crate) fn clear(&self) {
        self.notified.store(false, Relaxed);
    }

    /// Unparks the worker; the caller has claimed it.
    pub(crate) fn unpark(&self, unpark_driver: impl FnOnce()) {
        // ORDERING: [notified] Release pairs with the load in `sleep`.
        self.notified.store(true, Release);
        if self.in_driver.load(Relaxed) {
            unpark_driver();
        } else {
            self.rouse();
        }
    }

    /// Has the worker look at `is_over` again, wherever it sleeps but in the driver.
    pub(crate) fn rouse(&self) {
        self.thread.get().into_iter().for_each(Thread::unpark);
    }
}

#[cfg(all(test, filch_loom))]
mod loom_tests;

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_was_unparked_before_it_sleeps_does_not_sleep() {
        let sleeper = Sleeper::default();
        sleeper.set_thread();
        sleeper.set_in_driver(false);
        sleeper.unpark(|| panic!("it is not in the driver"));
        sleeper.sleep(|| false);
    }

    #[test]
    fn a_worker_in_the_driver_is_reached_there() {
        let sleeper = Sleeper::default();
        sleeper.set_in_driver(true);
        let mut n_unparks = 0;
        sleeper.unpark(|| n_unparks += 1);
        assert_eq!(n_unparks, 1);
    }

    #[test]
    fn a_worker_does_not_sleep_beyond_the_end() {
        Sleeper::default().sleep(|| true);
    }
}
