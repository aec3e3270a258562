//! The waker of the one receiver, looked at by every sender and woken by one.
//!
//! A sender that finds nobody waiting pays a fence and a load; of many senders that find the receiver waiting one wakes it.
//!
//! **Invariant:** outside the lock, `is_waiting` says whether `waker` is there.

use filch_core::sys::sync::Mutex;
use filch_core::sys::sync::atomic::{AtomicBool, Ordering::*, fence};
use std::task::Waker;

#[derive(Debug)]
pub(super) struct RxWaker {
    /// Written under the lock, read by senders without.
    pub(super) is_waiting: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl RxWaker {
    pub(super) fn new() -> Self {
        RxWaker { is_waiting: AtomicBool::new(false), waker: Mutex::new(None) }
    }

    /// Before the receiver looks for the last time.
    pub(super) fn register(&self, waker: &Waker) {
        let mut waker = Some(waker.clone());
        {
            let mut slot = self.waker.lock();
            std::mem::swap(&mut *slot, &mut waker);
            self.is_waiting.store(true, Relaxed);
        }
        drop(waker); // The former one: foreign code, unlocked.
        // ORDERING: [recv] pairs with [sent] in `wake`. Whichever fence is second sees what preceded the other: the
        // receiver's last look sees the message, or the sender sees that the receiver waits.
        fence(SeqCst);
    }

    /// After something was done that the receiver may wait for.
    #[inline]
    pub(super) fn wake(&self) {
        fence(SeqCst); // ORDERING: [sent] pairs with [recv] in `register`.
        if self.is_waiting.load(Relaxed) {
            self.wake_waiting();
        }
    }

    #[cold]
    pub(super) fn wake_waiting(&self) {
        let waker = {
            let mut slot = self.waker.lock();
            self.is_waiting.store(false, Relaxed);
            slot.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
