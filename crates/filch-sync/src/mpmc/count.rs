//! How many ends of one kind a channel has.
//!
//! **Invariant:** at zero it stays.

use filch_core::sys::sync::atomic::{AtomicUsize, Ordering::*};

pub(crate) struct Count(AtomicUsize);

impl Count {
    pub(super) fn one() -> Self {
        Count(AtomicUsize::new(1))
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Relaxed)
    }

    /// One more of those there are.
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Relaxed); // Relaxed: there is one already, so nobody can see zero.
    }

    /// One more, unless there is none.
    pub(super) fn try_add(&self) -> bool {
        let mut n = self.get();
        while n != 0 {
            // Relaxed: there is one already, as in `add`.
            match self.0.compare_exchange_weak(n, n + 1, Relaxed, Relaxed) {
                Ok(_) => return true,
                Err(actual) => n = actual,
            }
        }
        false
    }

    /// One less. Says whether it was the last one.
    pub(super) fn subtract(&self) -> bool {
        // ORDERING: [ends] Release: what this end did. Acquire: what all others did, for the last one.
        self.0.fetch_sub(1, AcqRel) == 1
    }
}
