//! What the setters and the waiting handles of one promise share.
//!
//! **Invariant:** a callback is added under the lock while the promise is not done, and whoever completes it takes all of
//! them by the same turn at the lock. So each is called once, and none waits for what has happened.

use super::callbacks::{Callback, Callbacks};
use super::error::{PromiseError, TooLate};
use crate::cancellation::Reason;
use crate::latch::Latch;
use crate::lock::{Lock, foreign};
use filch_core::sys::sync::atomic::{AtomicUsize, Ordering::*};
use std::fmt;
use std::process::abort;

/// Half of what fits: threads that count past it at the same time all notice before it wraps.
const MAX_SETTERS: usize = isize::MAX as usize;

pub(super) struct Shared<T> {
    pub(super) n_setters: AtomicUsize,
    /// Set under the lock of `callbacks`.
    pub(super) outcome: Latch<Result<T, PromiseError>>,
    callbacks: Lock<Callbacks<T>>,
}

impl<T> Shared<T> {
    /// With one setter.
    pub(super) fn new() -> Self {
        Shared {
            n_setters: AtomicUsize::new(1),
            outcome: Latch::new(),
            callbacks: Lock::new(Callbacks::new()),
        }
    }

    pub(super) fn add_setter(&self) {
        let before = self.n_setters.fetch_add(1, Relaxed); // Relaxed: there is one, which keeps the promise open.
        if before > MAX_SETTERS {
            abort(); // Somebody forgets setters by the quintillion.
        }
    }

    /// Breaks the promise if this was the last setter, and nobody kept it.
    pub(super) fn remove_setter(&self) {
        // ORDERING: [setters] who sees that the promise is broken sees what was done before each setter was dropped.
        if self.n_setters.fetch_sub(1, AcqRel) == 1 && !self.outcome.is_set() {
            let _too_late = self.complete((), |()| Err(PromiseError::Broken));
        }
    }

    /// Makes an outcome of `value` if it is the first, and gives it back otherwise. Those who wait are woken, then the
    /// callbacks are called; a panic of one of them does not stop the others, and goes on here afterwards.
    pub(super) fn complete<V>(
        &self,
        value: V,
        into_outcome: fn(V) -> Result<T, PromiseError>,
    ) -> Result<(), TooLate<V>> {
        let mut callbacks = self.callbacks.lock();
        if self.outcome.is_set() {
            return Err(TooLate(value));
        }
        // SAFETY: it is not set, and all who set it hold the lock.
        let has_waiters = unsafe { self.outcome.set(into_outcome(value)) };
        let outcome = self.outcome.get().expect("it was set above");
        let calls = callbacks.take(outcome);
        drop(callbacks);
        if has_waiters {
            self.outcome.wake(); // If it panics, the drop of `calls` still calls.
        }
        drop(calls);
        Ok(())
    }

    pub(super) fn cancel(&self, reason: Reason) -> Result<(), TooLate<Reason>> {
        self.complete(reason, |reason| Err(PromiseError::Cancelled(reason)))
    }

    /// Calls `callback` when the promise is done: now, if it is. Gives the number under which it waits, or waited.
    pub(super) fn add_callback(&self, callback: Callback<T>) -> u64 {
        let mut callbacks = self.callbacks.lock();
        let number = callbacks.number();
        match self.outcome.get() {
            None => callbacks.add(number, callback),
            Some(outcome) => {
                drop(callbacks);
                foreign(|| callback(outcome));
            }
        }
        number
    }

    pub(super) fn remove_callback(&self, number: u64) -> bool {
        let removed = self.callbacks.lock().remove(number);
        let was_there = removed.is_some();
        foreign(|| drop(removed));
        was_there
    }

    pub(super) fn n_callbacks(&self) -> usize {
        self.callbacks.lock().len()
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        foreign(|| ()); // The drop of the outcome and of the callbacks, which comes next.
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.outcome.get() {
            Some(outcome) => foreign(|| outcome.fmt(f)),
            None => f.write_str("<pending>"),
        }
    }
}
