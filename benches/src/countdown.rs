//! A counter that ends a batch: many tasks count down, one task awaits zero.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};

use crate::signal::Signal;

/// The counter. Workloads leak theirs, so that counting costs a task no reference count.
#[derive(Default)]
pub(crate) struct Countdown {
    left: AtomicUsize,
    zero: Signal,
}

impl Countdown {
    /// A counter that lives as long as the process.
    pub(crate) fn leaked() -> &'static Self {
        Box::leak(Box::default())
    }

    /// Expects `n` calls of [`done`](Countdown::done). Only between batches.
    pub(crate) fn start(&self, n: usize) {
        self.left.store(n, Relaxed); // Spawning publishes it to the tasks.
    }

    /// Counts one; the last one wakes the waiter.
    #[inline]
    pub(crate) fn done(&self) {
        // ORDERING: AcqRel, with itself: the last one has seen what all the others did.
        if self.left.fetch_sub(1, AcqRel) == 1 {
            self.zero.set();
        }
    }

    /// Waits for zero.
    pub(crate) async fn wait(&self) {
        self.zero.wait().await;
    }
}
