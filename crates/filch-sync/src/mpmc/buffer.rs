//! Room for a number of values, or for any.
//!
//! **Invariant**: each value that waits has a permit of the semaphore, but for `n_extra` of them.

use super::channel::Room;
use crate::budget;
use crate::semaphore::{AcquireError, Semaphore, TryAcquireError};
use filch_core::sys::sync::atomic::{AtomicUsize, Ordering::*};

pub(super) struct Buffer {
    /// `None`: no limit.
    permits: Option<Semaphore>,
    max: usize,
    /// Values that were let in although all permits were with senders who had not put theirs in yet.
    n_extra: AtomicUsize,
}

impl Buffer {
    pub(super) fn bounded(max: usize) -> Self {
        Buffer { permits: Some(Semaphore::new(max)), max, n_extra: AtomicUsize::new(0) }
    }

    pub(super) fn unbounded() -> Self {
        Buffer { permits: None, max: usize::MAX, n_extra: AtomicUsize::new(0) }
    }

    pub(super) async fn acquire(&self) -> Result<(), AcquireError> {
        match &self.permits {
            Some(permits) => permits.wait_for(1).await,
            None => {
                budget::spend().await;
                Ok(())
            }
        }
    }

    pub(super) fn try_acquire(&self) -> Result<(), TryAcquireError> {
        self.permits.as_ref().map_or(Ok(()), |permits| permits.try_take(1))
    }

    /// Gives back the permit of a value that was not put in.
    pub(super) fn release(&self) {
        if let Some(permits) = &self.permits {
            permits.release(1);
        }
    }

    /// Lets a value in without a permit.
    pub(super) fn exceed(&self) {
        self.n_extra.fetch_add(1, Relaxed); // Relaxed: the lock under which the value is put in orders it.
    }

    pub(super) fn capacity(&self) -> usize {
        self.permits.as_ref().map_or(usize::MAX, Semaphore::available_permits)
    }

    pub(super) fn max_capacity(&self) -> usize {
        self.max
    }

    /// Of `n` values that left, how many had a permit.
    fn settle(&self, n: usize) -> usize {
        let mut n_extra = self.n_extra.load(Relaxed);
        while n_extra != 0 {
            let settled = n.min(n_extra);
            // Relaxed: which of the values had no permit does not matter, only how many.
            match self.n_extra.compare_exchange_weak(n_extra, n_extra - settled, Relaxed, Relaxed) {
                Ok(_) => return n - settled,
                Err(actual) => n_extra = actual,
            }
        }
        n
    }
}

impl<T> Room<T> for Buffer {
    fn close(&self) {
        if let Some(permits) = &self.permits {
            permits.close();
        }
    }

    fn give_back(&self, n: usize) {
        if let Some(permits) = &self.permits {
            permits.release(self.settle(n));
        }
    }
}
