//! A count, and those who wait for it to be zero: what an event and a wait group are made of.
//!
//! One word holds the count and whether anybody waits. The step that makes the count zero while somebody waits is done under
//! the queue's lock. So there is no doubt about who waited at that moment: those in the queue, and nobody else, even if the
//! count rises again before they are woken.
//!
//! Each such moment ends a *round*. A waiter notes the round in which it came: when the gate's is another one, it may pass.
//!
//! **Invariants**, whenever the queue is unlocked: `WAITERS` is set exactly when the queue is not empty; the count is not
//! zero while somebody waits who came in the present round; waiters of earlier rounds stand before all others.

#[cfg(all(test, filch_loom))]
mod loom_tests;

use crate::wait_queue::{End, Entry, Grant, Locked, Seat, WaitQueue, Waitable, Waiter};
use filch_core::coop;
use filch_core::sys::sync::atomic::{AtomicUsize, Ordering::*};
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Poll, ready};

const WAITERS: usize = 1;
const SHIFT: u32 = 1;
const ONE: usize = 1 << SHIFT;

/// The count was zero.
const PASSED: Grant = Grant(0);

pub(crate) struct Gate {
    /// The count, shifted, and the bit `WAITERS`, which changes under the queue's lock only.
    state: AtomicUsize,
    /// Written under the queue's lock.
    round: AtomicUsize,
    queue: WaitQueue,
}

impl Gate {
    pub(crate) const MAX: usize = usize::MAX >> SHIFT;

    filch_core::const_new! {
        pub(crate) const fn new(count: usize) -> Self {
            Gate {
                state: AtomicUsize::new(count << SHIFT),
                round: AtomicUsize::new(0),
                queue: WaitQueue::new(),
            }
        }
    }

    #[inline]
    pub(crate) fn count(&self) -> usize {
        // ORDERING: [gate] who sees zero sees what was done before each step down to it.
        self.state.load(Acquire) >> SHIFT
    }

    /// One more. Says whether there was room: the count ends at [`MAX`](Self::MAX).
    pub(crate) fn add_one(&self) -> bool {
        self.state.fetch_update(Relaxed, Relaxed, |state| state.checked_add(ONE)).is_ok()
    }

    /// One less, of those that were added.
    pub(crate) fn subtract_one(&self) {
        let mut state = self.state.load(Relaxed);
        while state != ONE | WAITERS {
            // ORDERING: [gate] publishes what was done before, and takes over what others did before their steps.
            match self.state.compare_exchange_weak(state, state - ONE, AcqRel, Relaxed) {
                Ok(_) => return,
                Err(actual) => state = actual,
            }
        }
        let mut list = self.queue.lock();
        let before = self.state.fetch_sub(ONE, AcqRel); // ORDERING: [gate] as above.
        self.wake(&mut list, before >> SHIFT == 1);
    }

    /// Makes it zero.
    pub(crate) fn open(&self) {
        let mut state = self.state.load(Relaxed);
        while state & WAITERS == 0 || state < ONE {
            // ORDERING: [gate] publishes what was done before, also when it was zero.
            match self.state.compare_exchange_weak(state, state & WAITERS, Release, Relaxed) {
                Ok(_) => return,
                Err(actual) => state = actual,
            }
        }
        let mut list = self.queue.lock();
        let before = self.state.fetch_and(WAITERS, Release); // ORDERING: [gate] as above.
        self.wake(&mut list, before >= ONE);
    }

    /// Makes it one, if it is zero.
    pub(crate) fn close(&self) {
        let mut state = self.state.load(Relaxed);
        while state < ONE {
            // Relaxed: a gate that is closed tells nothing about what was done before.
            match self.state.compare_exchange_weak(state, state | ONE, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(actual) => state = actual,
            }
        }
    }

    /// Waits until the count is zero, or was at some moment of the wait.
    pub(crate) async fn pass(&self) {
        let waiter = pin!(Waiter::new(self, 0));
        poll_fn(|cx| {
            let budget = ready!(coop::poll_proceed(cx));
            if self.count() != 0 {
                ready!(waiter.as_ref().poll(Some(cx.waker())));
            }
            budget.made_progress();
            Poll::Ready(())
        })
        .await;
    }

    /// Wakes those of earlier rounds, which the present one is as well if it `has_ended`.
    fn wake(&self, list: &mut Locked<'_>, has_ended: bool) {
        if has_ended {
            self.round.store(self.round.load(Relaxed).wrapping_add(1), Relaxed);
        }
        while list.seat(End::Front).is_some_and(|seat| self.has_passed(seat)) {
            if list.is_full() {
                list.relieve();
            } else {
                list.grant_front(PASSED);
            }
        }
        self.note_waiters(list);
    }

    /// Under the queue's lock.
    fn has_passed(&self, seat: Seat) -> bool {
        seat.key != self.round.load(Relaxed)
    }

    /// Under the queue's lock: clears `WAITERS` if nobody waits.
    fn note_waiters(&self, list: &Locked<'_>) {
        if list.is_empty() {
            self.state.fetch_and(!WAITERS, Relaxed); // Relaxed: whoever sees it takes nothing by it.
        }
    }
}

// SAFETY: `queue` is a plain field; no method replaces the `Locked` it is lent.
unsafe impl Waitable for Gate {
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn enter(&self, _list: &mut Locked<'_>, _seat: Seat) -> Entry {
        let mut state = self.state.load(Acquire); // ORDERING: [gate] as in `count`.
        while state >= ONE {
            // ORDERING: [gate] on failure as in `count`.
            match self.state.compare_exchange_weak(state, state | WAITERS, Relaxed, Acquire) {
                Ok(_) => return Entry::Queue(End::Back, self.round.load(Relaxed)),
                Err(actual) => state = actual,
            }
        }
        Entry::Granted(PASSED)
    }

    fn revisit(&self, seat: Seat) -> Option<Grant> {
        self.has_passed(seat).then_some(PASSED)
    }

    fn left(&self, list: &mut Locked<'_>) {
        self.note_waiters(list);
    }

    /// All pass: there is nothing to pass on.
    fn forward(&self, _grant: Option<Grant>, _seat: Seat) {}
}
