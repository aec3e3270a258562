//! A value that is set once, and those who wait for it: what a promise and a cancellation token are made of.
//!
//! Setting and waking are two steps. [`set`](Latch::set) runs no foreign code, so that a primitive can do it under a lock
//! of its own, which keeps other setters away; whoever did it owes the [`wake`](Latch::wake), after that lock.
//!
//! **Invariants:** the value is written before `SET` is, and only read after. As long as `SET` is not, and whenever the
//! queue is unlocked, `WAITERS` is set exactly when the queue is not empty. Who starts to wait and who sets do so by one
//! step each on one word: one of them sees the other.

#[cfg(all(test, filch_loom))]
mod loom_tests;

use crate::wait_queue::{End, Entry, Grant, Locked, Seat, Status, WaitQueue, Waitable, Waiter};
use filch_core::sys::cell::UnsafeCell;
use filch_core::sys::sync::atomic::{AtomicU8, Ordering::*};
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Poll, Waker, ready};

const SET: u8 = 1;
const WAITERS: u8 = 2;

/// The one thing there is to grant.
const IT_IS_SET: Grant = Grant(0);

pub(crate) struct Latch<V> {
    state: AtomicU8,
    queue: WaitQueue,
    value: UnsafeCell<Option<V>>,
}

// SAFETY: `&Latch` lends the value to every thread, which needs `Sync`, and takes one from any thread, which needs `Send`.
// It is written before `SET`, by one thread alone, as `set` demands, and read after.
unsafe impl<V: Send + Sync> Sync for Latch<V> {}

impl<V> Latch<V> {
    filch_core::const_new! {
        pub(crate) const fn new() -> Self {
            Latch {
                state: AtomicU8::new(0),
                queue: WaitQueue::new(),
                value: UnsafeCell::new(None),
            }
        }
    }

    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        self.state.load(Acquire) & SET != 0 // ORDERING: [latch] pairs with `set`: who sees `SET` sees the value.
    }

    #[inline]
    pub(crate) fn get(&self) -> Option<&V> {
        if !self.is_set() {
            return None;
        }
        // SAFETY: it is set, so the value was written, and nobody writes it again while `&self` is lent.
        self.value.with(|value| unsafe { &*value }).as_ref()
    }

    /// Sets the value. Says whether somebody waits: then the caller owes a [`wake`](Self::wake).
    ///
    /// # Safety
    /// The latch is not set, and no other thread sets it meanwhile.
    #[must_use = "those who wait are not woken by `set`"]
    pub(crate) unsafe fn set(&self, value: V) -> bool {
        // SAFETY: nobody else writes, by the caller's promise, and nobody reads before `SET`. What is overwritten is `None`.
        self.value.with_mut(|cell| unsafe { *cell = Some(value) });
        // ORDERING: [latch] publishes the value to `is_set`. Those who wait are found under the queue's lock.
        self.state.fetch_or(SET, Release) & WAITERS != 0
    }

    /// Wakes those who wait. The latch is set.
    pub(crate) fn wake(&self) {
        debug_assert!(self.is_set(), "who is woken finds the value");
        let mut list = self.queue.lock();
        while !list.is_empty() {
            if list.is_full() {
                list.relieve();
            } else {
                list.grant_front(IT_IS_SET);
            }
        }
    }
}

// SAFETY: `queue` is a plain field; no method replaces the `Locked` it is lent.
unsafe impl<V> Waitable for Latch<V> {
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn enter(&self, _list: &mut Locked<'_>, _seat: Seat) -> Entry {
        // ORDERING: [latch] Acquire as in `is_set`, for one who finds the latch set.
        if self.state.fetch_or(WAITERS, Acquire) & SET != 0 {
            return Entry::Granted(IT_IS_SET);
        }
        Entry::Queue(End::Back, 0)
    }

    fn revisit(&self, _seat: Seat) -> Option<Grant> {
        self.is_set().then_some(IT_IS_SET)
    }

    fn left(&self, list: &mut Locked<'_>) {
        if list.is_empty() {
            self.state.fetch_and(!WAITERS, Relaxed); // Relaxed: whoever sees it takes nothing by it.
        }
    }

    /// Everybody gets it.
    fn forward(&self, _grant: Option<Grant>, _seat: Seat) {}
}

/// The value when it is set, now and ever after.
#[inline]
pub(crate) fn poll_set<'w, P, V>(waiter: Pin<&'w Waiter<P>>, waker: &Waker) -> Poll<&'w V>
where
    P: Deref<Target = Latch<V>>,
{
    let latch = waiter.get_ref().primitive();
    if waiter.status() == Status::Idle {
        if let Some(value) = latch.get() {
            return Poll::Ready(value);
        }
    }
    let _it_is_set = ready!(waiter.poll(Some(waker)));
    Poll::Ready(latch.get().expect("a latch grants when it is set"))
}
