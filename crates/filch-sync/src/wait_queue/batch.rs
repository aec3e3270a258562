//! Wakers collected under a lock, to be woken after it.
//!
//! Not a general collection: it is filled once and emptied by its drop. A waker that panics does not stop the others;
//! the first panic goes on in the caller when all are woken.

use crate::lock::foreign;
use filch_core::sys::IN_MODEL;
use std::any::Any;
use std::fmt;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::Waker;

/// Why: 32 wakers are half a kilobyte of stack that is not initialized, and one lock per 32 wake-ups is noise.
/// In a model, so few that two waiters are more than a batch holds.
const CAPACITY: usize = if IN_MODEL { 1 } else { 32 };

/// Up to `CAPACITY` wakers, woken on drop.
pub(crate) struct WakeBatch {
    wakers: [MaybeUninit<Waker>; CAPACITY],
    /// The first `n_wakers` entries of `wakers` are initialized.
    n_wakers: usize,
    /// The first panic of a waker, to go on when the batch is dropped.
    panic: Option<Box<dyn Any + Send>>,
}

impl WakeBatch {
    pub(crate) fn new() -> Self {
        WakeBatch { wakers: [const { MaybeUninit::uninit() }; CAPACITY], n_wakers: 0, panic: None }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.n_wakers == CAPACITY
    }

    /// Keeps a waker for later.
    ///
    /// # Panics
    /// If the batch is full: callers ask [`is_full`](Self::is_full) before they take another waiter.
    pub(crate) fn push(&mut self, waker: Waker) {
        self.wakers[self.n_wakers].write(waker);
        self.n_wakers += 1;
    }

    /// Wakes all and is empty again. Never unwinds.
    pub(crate) fn wake_all(&mut self) {
        let n_wakers = std::mem::take(&mut self.n_wakers);
        for index in 0..n_wakers {
            // SAFETY: the first `n_wakers` entries are initialized; the count is zero already, so that none of them is
            // read a second time.
            let waker = unsafe { self.wakers[index].assume_init_read() };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| foreign(|| waker.wake()))) {
                self.keep_panic(panic);
            }
        }
    }

    fn keep_panic(&mut self, panic: Box<dyn Any + Send>) {
        if self.panic.is_none() {
            self.panic = Some(panic);
        } else {
            drop_quietly(panic);
        }
    }
}

/// A payload's drop is foreign code as well, and may panic in its turn.
fn drop_quietly(panic: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
}

impl Drop for WakeBatch {
    fn drop(&mut self) {
        self.wake_all();
        if let Some(panic) = self.panic.take() {
            if std::thread::panicking() {
                drop_quietly(panic);
            } else {
                resume_unwind(panic);
            }
        }
    }
}

impl fmt::Debug for WakeBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WakeBatch").field("n_wakers", &self.n_wakers).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::task::Wake;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    struct Explode;

    impl Wake for Explode {
        fn wake(self: Arc<Self>) {
            panic!("boom");
        }
    }

    #[test]
    fn wakes_each_waker_once() {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let mut batch = WakeBatch::new();
        while !batch.is_full() {
            batch.push(Waker::from(count.clone()));
        }
        drop(batch);
        assert_eq!(count.0.load(Relaxed), CAPACITY);
        assert_eq!(Arc::strong_count(&count), 1);
    }

    #[test]
    fn a_panicking_waker_does_not_stop_the_others() {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let mut batch = WakeBatch::new();
        for _ in 0..3 {
            batch.push(Waker::from(Arc::new(Explode)));
            batch.push(Waker::from(count.clone()));
        }
        let panic = catch_unwind(AssertUnwindSafe(|| drop(batch)))
            .expect_err("the panic goes on in the caller");
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"boom"));
        assert_eq!(count.0.load(Relaxed), 3);
    }
}
